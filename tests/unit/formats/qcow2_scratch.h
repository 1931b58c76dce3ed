/* A scratch folder for the qcow2 tests: save images, open them, compare errors. */
#ifndef REHOST_TESTS_FORMATS_QCOW2_SCRATCH_H
#define REHOST_TESTS_FORMATS_QCOW2_SCRATCH_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/base/log.h"
#include "formats/open.h"

struct scratch {
	char dir[64];
	struct folder folder;
	struct err err;
	char logged[512];
};

static inline void keep_log(enum log_level level, const char *text, void *opaque)
{
	struct scratch *s = opaque;

	if (level == LOG_WARN_LEVEL)
		snprintf(s->logged, sizeof s->logged, "%s", text);
}

static inline int setup(void **state)
{
	struct scratch *s = calloc(1, sizeof *s);

	strcpy(s->dir, "/var/tmp/test_qcow2.XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	s->folder.dirfd = file_open_dir(s->dir, &s->err);
	s->folder.path = s->dir;
	assert_true(s->folder.dirfd >= 0);
	log_set_sink(keep_log, s);
	*state = s;
	return 0;
}

static inline int teardown(void **state)
{
	struct scratch *s = *state;

	log_set_sink(NULL, NULL);
	close(s->folder.dirfd);
	file_remove_tree(AT_FDCWD, s->dir, NULL);
	free(s);
	return 0;
}

static inline const char *path_in(const struct scratch *s, const char *name)
{
	static char path[4][160];
	static unsigned turn;
	char *ret = path[turn++ % 4];

	snprintf(ret, sizeof path[0], "%s/%s", s->dir, name);
	return ret;
}

static inline struct block *open_image(struct scratch *s, const char *name)
{
	struct block *b = NULL;

	if (image_open(&s->folder, name, NULL, NULL, &b, &s->err) < 0)
		fail_msg("%s", s->err.text);
	return b;
}

static inline void assert_refused(struct scratch *s, const char *name, enum err_code code, const char *text)
{
	struct block *b = NULL;

	err_clear(&s->err);
	assert_int_equal(image_open(&s->folder, name, NULL, NULL, &b, &s->err), -1);
	assert_string_equal(s->err.text, text);
	assert_int_equal(s->err.code, code);
}

static inline void assert_unreadable(struct scratch *s, const char *name, const char *text)
{
	struct block *b = open_image(s, name);
	unsigned char data[512];

	err_clear(&s->err);
	assert_int_equal(block_pread(b, data, sizeof data, 0, &s->err), -1);
	assert_string_equal(s->err.text, text);
	assert_int_equal(s->err.code, ERR_CORRUPT);
	block_close(b);
}
static inline void save(const struct scratch *s, const char *name, const void *data, size_t len)
{
	AUTO_FD int fd = open(path_in(s, name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_int_equal(file_pwrite(fd, data, len, 0, NULL), 0);
}

#endif
