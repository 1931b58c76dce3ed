/* VMX files as a source: the file or its folder, the disks beside it, and whether the machine is in use. */
#include "sources/vmx.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "core/base/cleanup.h"
#include "core/base/file.h"
#include "formats/resolve.h"
#include "sources/host_path.h"
#include "sources/text.h"

/* Whether a name can't be one of the machine's folder. */
static bool is_elsewhere(const char *file)
{
	return *file == '/' || !strncmp(file, "../", 3);
}

/* The disk's folder and its name there. VMware writes absolute names of its own file systems too, and those of Windows:
 * only a path that leads beneath a folder of --allow-parent is followed. */
static int find_disk(struct disk *d, const char *folder, const struct source_options *options, struct machine *m,
		     struct err *err)
{
	struct image_place place;

	d->folder = arena_strdup(&m->arena, folder);
	for (const char *const *p = options->allow_parent; p && *p && is_elsewhere(d->file); p++) {
		struct allowed_folder allowed = {.dirfd = file_open_dir(*p, err), .path = *p};
		AUTO_FD int fd = allowed.dirfd;
		AUTO_FD int own = file_open_dir(folder, err);
		const struct open_options o = {.allowed = &allowed, .nallowed = 1};
		const struct folder machine = {.dirfd = own, .path = folder, .options = &o};
		const struct open_args args = {.folder = &machine, .options = &o, .name = ""};

		if (fd < 0 || own < 0)
			return -1;
		if (image_resolve(&args, d->file, &place, NULL) < 0 || place.folder.dirfd != fd)
			continue;
		d->folder = arena_strdup(&m->arena, *p);
		d->file = arena_strdup(&m->arena, place.name);
	}
	if (*d->file == '/' || strchr(d->file, '\\') || (*d->file && d->file[1] == ':') || *d->file == '[')
		return err_set(err, ERR_POLICY,
			       "'%s' leads outside the machine's folder, and no --allow-parent allows it: put the disk "
			       "beside the VMX and its bare name into it",
			       d->file);
	return 0;
}

static int check_disk(struct disk *d, const struct source_options *options, struct machine *m, struct err *err)
{
	AUTO_FD int dirfd = file_open_dir(d->folder, err);
	AUTO_FD int fd = dirfd < 0 ? -1 : file_open_beneath(dirfd, d->file, false, err);

	return fd < 0 ? -1 : host_path_in_use(dirfd, d->file, options->force, m, err);
}

/* A suspended machine's memory lies in NAME.vmss beside it, even when the VMX doesn't say so. */
static int check_folder(int dirfd, const char *file, const struct source_options *options, struct machine *m,
			struct err *err)
{
	const char *vmss = arena_printf(&m->arena, "%s.vmss", host_path_stem(&m->arena, file));

	if (host_path_in_use(dirfd, file, options->force, m, err) < 0)
		return -1;
	if (faccessat(dirfd, vmss, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	if (!options->force)
		return err_set(
		    err, ERR_BLOCKED,
		    "the machine is suspended ('%s' lies beside it): resume it and shut it down, or take its "
		    "disks as after a power cut with --force",
		    vmss);
	machine_note(m, "'%s' lies beside it: its disks are taken as after a power cut (--force)", vmss);
	return 0;
}

static int read_vmx(int dirfd, const char *file, const struct source_options *options, struct machine *m,
		    struct err *err)
{
	AUTO(buf_done) struct buf text = BUF_INIT(VMX_SIZE_MAX);
	AUTO_FD int fd = file_open_beneath(dirfd, file, false, err);

	if (fd < 0)
		return -1;
	if (file_slurp_fd(fd, file, &text, err) < 0)
		return -1;
	return vmx_parse(buf_str(&text), text.len, options, m, err);
}

static int open_in(const char *folder, const char *file, const struct source_options *options, struct machine *m,
		   struct err *err)
{
	AUTO_FD int dirfd = file_open_dir(folder, err);

	if (dirfd < 0)
		return -1;
	if (read_vmx(dirfd, file, options, m, err) < 0 || check_folder(dirfd, file, options, m, err) < 0)
		return -1;
	VEC_FOR (d, &m->disks) {
		if (find_disk(d, folder, options, m, err) < 0 || check_disk(d, options, m, err) < 0)
			return err_wrap(err, "disk %zu", (size_t)(d - m->disks.v) + 1);
	}
	return 0;
}

static int open_vmx(const char *path, const struct source_options *options, struct machine *m, struct err *err)
{
	char *folder, *file;
	const char *inside = host_path_first(&m->arena, path, ".vmx");
	unsigned count = host_path_endings(path, ".vmx");

	if (count > 1)
		return err_set(err, ERR_BLOCKED, "'%s' has %u .vmx files: name one of them", path, count);
	if (inside)
		path = arena_printf(&m->arena, "%s/%s", path, inside);
	if (host_path_split(path, &m->arena, &folder, &file, err) < 0)
		return -1;
	if (open_in(folder, file, options, m, err) < 0)
		return err_wrap(err, "'%s'", path);
	if (!m->name)
		m->name = host_path_stem(&m->arena, path);
	return 0;
}

static int bid(const char *path, const char *head, size_t len)
{
	if (text_ends_with(path, ".vmx"))
		return 90;
	return host_path_endings(path, ".vmx") ? 50 : 0;
}

const struct source source_vmx = {
    .kind = "vmx",
    .description = "VMware machine (.vmx) with its disks beside it, or the folder of one",
    .bid = bid,
    .open = open_vmx,
};
