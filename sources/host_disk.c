/* The files of the disks that a machine's description names. */
#include "sources/host_disk.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "core/base/file.h"
#include "formats/resolve.h"
#include "sources/host_path.h"

/* Whether a name can't be one of the description's folder. */
static bool is_elsewhere(const char *file)
{
	return *file == '/' || !strncmp(file, "../", 3);
}

/* An absolute path of Windows, or "[datastore] name". */
static bool is_foreign(const char *file)
{
	return *file == '\\' || (*file && file[1] == ':') || *file == '[';
}

/* A relative path of Windows is one here, too: no system that these descriptions come from has '\' in names. */
static void with_slashes(char *file)
{
	for (; *file; file++)
		if (*file == '\\')
			*file = '/';
}

/* Beneath the description's folder or `allow` (NULL: none), as the path says: 1; 0 when it leads elsewhere. */
static int find_beneath(struct disk *d, const char *folder, const char *allow, struct machine *m, struct err *err)
{
	AUTO_FD int own = file_open_dir(folder, err);
	AUTO_FD int fd = own < 0 || !allow ? -1 : file_open_dir(allow, err);
	struct allowed_folder allowed = {.dirfd = fd, .path = allow};
	const struct open_options o = {.allowed = &allowed, .nallowed = allow ? 1 : 0};
	const struct folder machine = {.dirfd = own, .path = folder, .options = &o};
	const struct open_args args = {.folder = &machine, .options = &o, .name = ""};
	struct image_place place;

	if (own < 0 || (allow && fd < 0))
		return -1;
	if (image_resolve(&args, d->file, &place, NULL) < 0)
		return 0;
	d->folder = arena_strdup(&m->arena, place.folder.dirfd == own ? folder : allow);
	d->file = arena_strdup(&m->arena, place.name);
	return 1;
}

static const char *last_name(const char *file)
{
	const char *last = file + strlen(file);

	while (last > file && last[-1] != '/' && last[-1] != '\\')
		last--;
	return last;
}

static bool is_there(const char *folder, const char *name)
{
	AUTO_FD int dirfd = file_open_dir(folder, NULL);

	return dirfd >= 0 && *name && faccessat(dirfd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static int find_beside(struct disk *d, const struct host_disk_rules *r, struct machine *m, struct err *err)
{
	const char *last = last_name(d->file);

	if (!r->beside)
		return err_set(err, ERR_POLICY,
			       "'%s' leads outside the machine's folder, and no --allow-parent allows it: put the disk "
			       "beside the %s and its bare name into it",
			       d->file, r->what);
	if (!is_there(r->folder, last))
		return err_set(err, ERR_POLICY,
			       "'%s' leads outside the machine's folder, no --allow-parent allows it, and there is no "
			       "'%s' beside the %s",
			       d->file, last, r->what);
	machine_note(m, "'%s' is not beneath a folder that may be read: '%s' beside the %s is taken for it", d->file,
		     last, r->what);
	d->file = arena_strdup(&m->arena, last);
	return 0;
}

static int find(struct disk *d, const struct host_disk_rules *r, const struct source_options *options,
		struct machine *m, struct err *err)
{
	const char *const *allow = options->allow_parent;
	int found;

	d->folder = arena_strdup(&m->arena, r->folder);
	if (is_foreign(d->file))
		return find_beside(d, r, m, err);
	if (*d->file != '/')
		with_slashes(d->file);
	if (!is_elsewhere(d->file))
		return 0;
	found = find_beneath(d, r->folder, NULL, m, err);
	for (; !found && allow && *allow; allow++)
		found = find_beneath(d, r->folder, *allow, m, err);
	return found ? found < 0 ? -1 : 0 : find_beside(d, r, m, err);
}

/* Two paths with one last name, of which only one file lies beside. */
static int check_twice(const struct disk *d, const struct machine *m, struct err *err)
{
	for (const struct disk *e = m->disks.v; e < d; e++)
		if (e->folder && !strcmp(e->folder, d->folder) && !strcmp(e->file, d->file))
			return err_set(err, ERR_BLOCKED, "'%s/%s' is disk %zu, too", d->folder, d->file,
				       (size_t)(e - m->disks.v) + 1);
	return 0;
}

static int find_one(struct disk *d, const struct host_disk_rules *rules, const struct source_options *options,
		    struct machine *m, struct err *err)
{
	AUTO_FD int dirfd = -1;
	AUTO_FD int fd = -1;

	if (find(d, rules, options, m, err) < 0 || check_twice(d, m, err) < 0)
		return -1;
	dirfd = file_open_dir(d->folder, err);
	fd = dirfd < 0 ? -1 : file_open_beneath(dirfd, d->file, false, err);
	return fd < 0 ? -1 : host_path_in_use(dirfd, d->file, options->force, m, err);
}

int host_disks_find(const struct host_disk_rules *rules, const struct source_options *options, struct machine *m,
		    struct err *err)
{
	VEC_FOR (d, &m->disks)
		if (!d->live && find_one(d, rules, options, m, err) < 0)
			return err_wrap(err, "disk %zu", (size_t)(d - m->disks.v) + 1);
	return 0;
}
