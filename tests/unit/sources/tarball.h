/* Tar files made by hand, so that every field can be wrong; and temporary folders, for the tests of sources. */
#ifndef REHOST_TESTS_UNIT_SOURCES_TARBALL_H
#define REHOST_TESTS_UNIT_SOURCES_TARBALL_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "core/base/file.h"

static inline void tarball_seal(unsigned char *h)
{
	unsigned sum = 0;

	memset(h + 148, ' ', 8);
	for (int i = 0; i < 512; i++)
		sum += h[i];
	snprintf((char *)h + 148, 8, "%06o", sum);
}

/* A ustar header; the caller may change it and seal it again. */
static inline void tarball_header(unsigned char h[512], const char *name, char type, size_t size, const char *link)
{
	memset(h, 0, 512);
	snprintf((char *)h, 101, "%s", name);
	memcpy(h + 100, "0000644", 8);
	memcpy(h + 108, "0000000", 8);
	memcpy(h + 116, "0000000", 8);
	snprintf((char *)h + 124, 12, "%011o", (unsigned)size);
	memcpy(h + 136, "00000000000", 12);
	h[156] = (unsigned char)type;
	snprintf((char *)h + 157, 100, "%s", link ? link : "");
	memcpy(h + 257, "ustar\00000", 8);
	tarball_seal(h);
}

static inline void tarball_raw(struct buf *b, const unsigned char h[512], const void *data, size_t len)
{
	static const char zeros[512];

	buf_add(b, h, 512);
	buf_add(b, data, len);
	buf_add(b, zeros, (512 - len % 512) % 512);
}

static inline void tarball_add(struct buf *b, const char *name, char type, const void *data, size_t len)
{
	unsigned char h[512];

	tarball_header(h, name, type, len, NULL);
	tarball_raw(b, h, data, len);
}

static inline void tarball_file(struct buf *b, const char *name, const char *text)
{
	tarball_add(b, name, '0', text, strlen(text));
}

static inline void tarball_link(struct buf *b, const char *name, char type, const char *to)
{
	unsigned char h[512];

	tarball_header(h, name, type, 0, to);
	tarball_raw(b, h, NULL, 0);
}

static inline void tarball_end(struct buf *b)
{
	static const char zeros[1024];

	buf_add(b, zeros, sizeof zeros);
}

/* A new folder under TMPDIR; removed with everything in it by scratch_done(). */
struct scratch {
	char path[200];
};

static inline struct scratch scratch_new(void)
{
	const char *tmp = getenv("TMPDIR");
	struct scratch s;

	snprintf(s.path, sizeof s.path, "%.150s/rehost-test-XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(s.path))
		abort();
	return s;
}

static inline void scratch_done(struct scratch *s)
{
	file_remove_tree(AT_FDCWD, s->path, NULL);
}

/* The path of a file in the folder; of a few calls, the last stand. */
static inline const char *scratch_path(const struct scratch *s, const char *name)
{
	static char paths[4][512];
	static unsigned next;

	snprintf(paths[next % 4], sizeof paths[0], "%s/%s", s->path, name);
	return paths[next++ % 4];
}

static inline const char *scratch_write(const struct scratch *s, const char *name, const void *data, size_t len)
{
	const char *path = scratch_path(s, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0 || file_pwrite(fd, data, len, 0, NULL) < 0)
		abort();
	close(fd);
	return path;
}

static inline const char *scratch_text(const struct scratch *s, const char *name, const char *text)
{
	return scratch_write(s, name, text, strlen(text));
}

/* The path of a file of the shared samples, or NULL when they aren't there. */
static inline const char *shared_sample(const char *name)
{
	static char path[600];
	const char *shared = getenv("REHOST_SHARED");

	snprintf(path, sizeof path, "%s/samples/%s", shared ? shared : "../shared", name);
	return access(path, R_OK) == 0 ? path : NULL;
}

#endif
