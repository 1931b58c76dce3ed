/* VMX files as a source: the file or its folder, the disks beside it, and whether the machine is in use. */
#include "sources/vmx.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "core/base/cleanup.h"
#include "core/base/file.h"
#include "sources/host_disk.h"
#include "sources/host_path.h"
#include "sources/text.h"

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
	const struct host_disk_rules rules = {.folder = folder, .what = "VMX"};
	AUTO_FD int dirfd = file_open_dir(folder, err);

	if (dirfd < 0)
		return -1;
	if (read_vmx(dirfd, file, options, m, err) < 0 || check_folder(dirfd, file, options, m, err) < 0)
		return -1;
	return host_disks_find(&rules, options, m, err);
}

static int open_vmx(const char *path, const struct source_options *options, struct machine *m, struct err *err)
{
	char *folder, *file;

	if (host_path_description(path, ".vmx", &m->arena, &folder, &file, err) < 0)
		return -1;
	if (open_in(folder, file, options, m, err) < 0)
		return err_wrap(err, "'%s/%s'", folder, file);
	if (!m->name)
		m->name = host_path_stem(&m->arena, file);
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
