/* Bare disk images and block devices as a source: a machine about which nothing else is known. */
#include "sources/disk.h"

#include <sys/stat.h>

#include "core/base/cleanup.h"
#include "core/base/file.h"
#include "core/base/unpack.h"
#include "sources/host_path.h"

static int bid(const char *path, const char *head, size_t len)
{
	struct stat st;

	return stat(path, &st) == 0 && (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode)) ? 1 : 0;
}

static void first_disk(const char *path, struct machine *m)
{
	struct nic *n = vec_push(&m->arena, &m->nics);

	m->name = host_path_stem(&m->arena, path);
	n->network = arena_strdup(&m->arena, "default");
	n->kind = NET_NETWORK;
	n->pci_slot = -1;
	n->connected = true;
	machine_note(m, "a bare disk says nothing about its machine: memory, CPUs and one network adapter are assumed");
}

/* A packed image is inflated first; what is stated to be of a format must be named so, too. */
static int sniff_packed(int fd, const struct source_options *options, const char *path, struct machine *m, bool *ret,
			struct err *err)
{
	unsigned char head[UNPACK_HEAD];
	ssize_t n = options->format && !unpack_named(path) ? 0 : pread(fd, head, sizeof head, 0);
	const char *packing;

	if (n < 0)
		return err_sys(err, ERR_UNREADABLE, "cannot read '%s'", path);
	packing = unpack_sniff(head, (size_t)n);
	*ret = packing;
	if (packing)
		machine_note(m, "'%s' is packed with %s: it is inflated first", path, packing);
	return 0;
}

static int open_disk(const char *path, const struct source_options *options, struct machine *m, struct err *err)
{
	AUTO_FD int dirfd = -1;
	AUTO_FD int fd = -1;
	struct disk disk = {0};

	if (host_path_split(path, &m->arena, &disk.folder, &disk.file, err) < 0)
		return -1;
	dirfd = file_open_dir(disk.folder, err);
	if (dirfd < 0)
		return -1;
	fd = file_open_beneath(dirfd, disk.file, true, err);
	if (fd < 0 || host_path_in_use(dirfd, disk.file, options->force, m, err) < 0 ||
	    sniff_packed(fd, options, path, m, &disk.packed, err) < 0)
		return -1;
	if (!m->disks.n)
		first_disk(path, m);
	*vec_push(&m->arena, &m->disks) = disk;
	return 0;
}

const struct source source_disk = {
    .kind = "disk",
    .alias = "local",
    .description = "disk images or block devices, all of one machine",
    .several = true,
    .bid = bid,
    .open = open_disk,
};
