/* A small sealed result for tests: files of which one is a disk, with a map and hashes of its content. */
#ifndef REHOST_TESTS_SEALED_FOLDER_H
#define REHOST_TESTS_SEALED_FOLDER_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/checked.h"
#include "core/base/file.h"
#include "run/graft_map.h"
#include "run/verify/sealing.h"
#include "tests/unit/support/test_folder.h"

enum { SEALED_DISK = 9 << 20, SEALED_DELTA = 40960 };

static inline int sealed_folder_put(const struct test_folder *f, const char *name, const void *data, size_t len)
{
	AUTO_FD int fd = openat(f->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	return fd < 0 ? -1 : file_pwrite(fd, data, len, 0, NULL);
}

/* web01-sda.raw (9 MiB: data at 0 and at 5 MiB, holes), web01.xml, empty, undo/1 */
static inline int sealed_folder_fill(const struct test_folder *f)
{
	AUTO_FD int fd = openat(f->fd, "web01-sda.raw", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	char data[4096];

	memset(data, 'x', sizeof data);
	if (ftruncate(fd, SEALED_DISK) < 0 || file_pwrite(fd, data, sizeof data, 0, NULL) < 0 ||
	    file_pwrite(fd, data, sizeof data, 5 * MIB, NULL) < 0)
		return -1;
	if (mkdirat(f->fd, "undo", 0700) < 0 || sealed_folder_put(f, "undo/1", "original", 8) < 0)
		return -1;
	return sealed_folder_put(f, "web01.xml", "<domain/>\n", 10) < 0 ? -1 : sealed_folder_put(f, "empty", "", 0);
}

static inline bool sealed_folder_skip(const char *name, void *opaque)
{
	return opaque && !strcmp(name, opaque);
}

/* Blocks 2 to 4 were written, 256 and on discarded up to 512. */
static inline int sealed_folder_map(void)
{
	AUTO(graft_map_freep) struct graft_map *map = graft_map_new(SEALED_DISK / 4096);
	struct graft_map_key key = {.disk_size = SEALED_DISK, .delta_size = SEALED_DELTA};
	AUTO_FD int fd = memfd_create("map", MFD_CLOEXEC);

	if (graft_map_set(map, 2, 3, GRAFT_DELTA, NULL) < 0 || graft_map_set(map, 256, 256, GRAFT_ZERO, NULL) < 0 ||
	    graft_map_save(map, &key, fd, NULL) < 0)
		return -1;
	return take_fd(&fd);
}

static inline int sealed_folder_seal(const struct test_folder *f, struct err *err)
{
	static const struct sealing_range unread[] = {{12288, 512}, {32 * 1024, 1024}, {2 * MIB - 512, 1024}};
	static const struct journal_extent extents[] = {
	    {.disk = 0, .off = 4 * MIB, .len = 2 * MIB, .hash = 0x1234},
	    {.disk = 1, .off = 0, .len = 2 * MIB, .hash = 0x9999},
	    {.disk = 0, .off = 0, .len = 2 * MIB, .hash = UINT64_C(0xfedcba9876543210)},
	    {.disk = 0, .off = 4 * MIB, .len = 2 * MIB, .hash = 0x1234},
	};
	AUTO(sealing_freep) struct sealing *s = sealing_new(f->fd, "web01", 2);
	AUTO_FD int map_fd = sealed_folder_map();
	struct sealing_disk disk = {.file = "web01-sda.raw",
				    .format = "raw",
				    .identity = "1 file 9437184 bytes 1.000000002 0123456789abcdef",
				    .size = SEALED_DISK,
				    .map_fd = map_fd,
				    .delta_size = SEALED_DELTA,
				    .extents = extents,
				    .nextents = sizeof extents / sizeof *extents,
				    .unread = unread,
				    .nunread = sizeof unread / sizeof *unread};

	if (sealing_hash(s, sealed_folder_skip, (char *)(uintptr_t) "web01.xml", err) < 0 ||
	    sealing_hash(s, sealed_folder_skip, NULL, err) < 0)
		return -1;
	return sealing_write(s, &disk, 1, err);
}

#endif
