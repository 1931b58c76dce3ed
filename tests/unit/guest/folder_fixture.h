/* A fresh temporary folder as a guest, for the tests of guest/. */
#ifndef REHOST_TESTS_UNIT_GUEST_FOLDER_FIXTURE_H
#define REHOST_TESTS_UNIT_GUEST_FOLDER_FIXTURE_H

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/file.h"
#include "guest/guest.h"

struct fixture {
	char dir[64];
	struct guest *g;
	struct arena arena;
	struct changelog log;
	struct err err;
};

static inline int fixture_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	strcpy(f->dir, "/var/tmp/rehost-test-guest-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	assert_int_equal(guest_open_folder(f->dir, &f->g, &f->err), 0);
	*state = f;
	return 0;
}

static inline int fixture_teardown(void **state)
{
	struct fixture *f = *state;

	guest_close(f->g);
	arena_done(&f->arena);
	changelog_done(&f->log);
	file_remove_tree(AT_FDCWD, f->dir, NULL);
	free(f);
	return 0;
}

/* The host's path of a guest path; one at a time. */
static inline const char *on_host(struct fixture *f, const char *path)
{
	return arena_printf(&f->arena, "%s%s", f->dir, path);
}

/* stat() of a file whose time is long ago: a write in the clock's present tick would show none. */
static inline struct stat aged(struct fixture *f, const char *path)
{
	const struct timespec then[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
	struct stat ret;

	assert_int_equal(utimensat(AT_FDCWD, on_host(f, path), then, 0), 0);
	assert_int_equal(stat(on_host(f, path), &ret), 0);
	return ret;
}

/* Puts a file there without the verbs under test; parents are made. */
static inline void plant(struct fixture *f, const char *path, const char *text)
{
	const char *file = on_host(f, path);
	char *parent = arena_strndup(&f->arena, file, (size_t)(strrchr(file, '/') - file));
	FILE *out;

	assert_int_equal(file_mkdirs(parent, &f->err), 0);
	out = fopen(file, "w");
	assert_non_null(out);
	fputs(text, out);
	fclose(out);
}

static inline const char *text_of(struct fixture *f, const char *path)
{
	AUTO(buf_done) struct buf b = BUF_INIT(GUEST_TEXT_MAX);

	assert_int_equal(file_slurp(AT_FDCWD, on_host(f, path), &b, &f->err), 0);
	return arena_strdup(&f->arena, buf_str(&b));
}

/* All names with a blank between. */
static inline const char *joined(struct fixture *f, const struct names *n)
{
	const char *ret = "";

	for (size_t i = 0; i < n->list.n; i++)
		ret = arena_printf(&f->arena, "%s%s%s", ret, i ? " " : "", n->list.v[i]);
	return ret;
}

#define FIXTURE_TEST(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

#endif
