/* The files of drivers in the guest, and DevicePath. */
#include "drivers-inject/windows/stage.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "guest/winpath.h"

#define CURRENT_VERSION "Microsoft\\Windows\\CurrentVersion"
/* Left free on the system drive beside the files: hives grow by less than 1 MiB. */
#define ROOM_LEFT (16ULL << 20)

static const char *last_part(const char *path)
{
	const char *cut = strrchr(path, '/');

	return cut ? cut + 1 : path;
}

char *staged_inf(struct arena *a, enum driver_kind k, const struct driver_choice *d)
{
	return arena_printf(a, "%%SystemRoot%%\\" DRIVER_FOLDER "\\%s\\%s", driver_kind_name(k),
			    last_part(d->package->path));
}

/* A file on its way into the guest. */
struct staged_file {
	const char *to; /* below the package's folder */
	enum driver_kind kind;
};

struct staging {
	struct injection *j;
	struct wanted_files wanted;
	VEC(struct staged_file) to; /* as wanted.list */
};

static void want(struct staging *s, enum driver_kind k, const char *path)
{
	const struct driver_choice *d = &s->j->chosen.v[k];
	const struct driver_file *f = catalogue_find(s->j->c, d->package->folder, path);

	for (size_t i = 0; i < s->to.n; i++)
		if (s->to.v[i].kind == k && strcasecmp(s->to.v[i].to, path) == 0)
			return;
	if (!f)
		return;
	vec_push(s->j->a, &s->wanted.list)->file = f;
	*vec_push(s->j->a, &s->to) = (struct staged_file){path, k};
}

static void want_package(struct staging *s, enum driver_kind k)
{
	const struct driver_choice *d = &s->j->chosen.v[k];

	want(s, k, last_part(d->package->path));
	if (*d->catalog)
		want(s, k, d->catalog);
	VEC_FOR (f, &d->install.files)
		want(s, k, f->source);
}

static int check_room(struct staging *s, struct err *err)
{
	uint64_t room, need = ROOM_LEFT;

	VEC_FOR (f, &s->wanted.list)
		need += f->file->size;
	if (s->j->g->ops->space_free(s->j->g, s->j->w->systemroot, &room, err) < 0)
		return -1;
	if (room < need)
		return err_set(err, ERR_BLOCKED,
			       "the system drive has %" PRIu64 " MiB free, drivers need %" PRIu64
			       " MiB: make room in the guest first",
			       room >> 20, (need >> 20) + 1);
	return 0;
}

static int put_file(struct staging *s, const char *folder, const struct wanted_file *f, const char *name,
		    const char *reason, struct err *err)
{
	struct injection *j = s->j;
	char *path;

	if (win_path_new(j->g, arena_printf(j->a, "%s/%s/%s", j->w->systemroot, folder, name), j->a, &path, err) < 0)
		return -1;
	return guest_put(j->g, j->log, path, f->content.data ? f->content.data : "", f->content.len, 0644, reason,
			 arena_printf(j->a, "%s of %s", f->file->path, j->c->path), err);
}

static int put_package_file(struct staging *s, size_t i, struct err *err)
{
	const struct staged_file *to = &s->to.v[i];
	const char *kind = driver_kind_name(to->kind);

	return put_file(s, arena_printf(s->j->a, "rehost/drivers/%s", kind), &s->wanted.list.v[i], to->to,
			arena_printf(s->j->a, "The driver for %s is there when Windows finds the device.",
				     driver_devices[to->kind].title),
			err);
}

static int put_boot_program(struct staging *s, struct err *err)
{
	const struct driver_choice *d = &s->j->chosen.v[s->j->boot];

	VEC_FOR (f, &s->wanted.list)
		if (f->file == d->program)
			return put_file(s, "System32/drivers", f, d->service->binary,
					"Windows starts from a virtio disk.", err);
	return err_set(err, ERR_INTERNAL, "the driver of the boot disk was not read");
}

static int put_all(struct staging *s, struct err *err)
{
	if (check_room(s, err) < 0 || catalogue_read(s->j->c, &s->wanted, err) < 0)
		return -1;
	for (size_t i = 0; i < s->to.n; i++)
		if (put_package_file(s, i, err) < 0)
			return -1;
	return s->j->chosen.v[s->j->boot].package ? put_boot_program(s, err) : 0;
}

int stage_files(struct injection *j, struct err *err)
{
	struct staging s = {.j = j};
	int ret;

	for (enum driver_kind k = DRIVER_UNKNOWN + 1; k < DRIVER_KINDS; k++)
		if (j->chosen.v[k].package)
			want_package(&s, k);
	if (!s.to.n)
		return 0;
	ret = put_all(&s, err);
	wanted_files_done(&s.wanted);
	return ret;
}

/* Windows looks into each folder of the list, not into those below. */
int stage_device_path(struct injection *j, struct err *err)
{
	char *path;

	if (hive_string(j->w->software, CURRENT_VERSION, "DevicePath", j->a, &path, err) < 0)
		return -1;
	if (!path || !*path)
		path = arena_strdup(j->a, "%SystemRoot%\\inf");
	for (enum driver_kind k = DRIVER_UNKNOWN + 1; k < DRIVER_KINDS; k++) {
		const char *folder = arena_printf(j->a, "%%SystemRoot%%\\" DRIVER_FOLDER "\\%s", driver_kind_name(k));

		if (j->chosen.v[k].package && !strcasestr(path, folder))
			path = arena_printf(j->a, "%s;%s", path, folder);
	}
	return hive_set_expand(j->w->software, CURRENT_VERSION, "DevicePath", path,
			       "Plug and play finds the drivers of the new devices.", err);
}
