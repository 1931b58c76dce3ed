/* A fresh folder for images, with what the format tests do in it: write files, open them, compare errors. */
#ifndef REHOST_TESTS_FORMATS_IMAGE_FOLDER_H
#define REHOST_TESTS_FORMATS_IMAGE_FOLDER_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/file.h"
#include "core/base/hash.h"
#include "core/base/log.h"
#include "formats/open.h"

struct image_folder {
	char path[64];
	struct folder folder;
	struct err err;
	char log[4096]; /* warnings since the last look_clear() */
};

static inline void image_folder_log(enum log_level level, const char *text, void *opaque)
{
	struct image_folder *f = opaque;
	size_t n = strlen(f->log);

	if (level == LOG_WARN_LEVEL)
		snprintf(f->log + n, sizeof f->log - n, "%s\n", text);
}

static inline int image_folder_setup(void **state)
{
	struct image_folder *f = calloc(1, sizeof *f);

	strcpy(f->path, "/var/tmp/test_formats.XXXXXX");
	assert_non_null(mkdtemp(f->path));
	f->folder = (struct folder){.dirfd = file_open_dir(f->path, &f->err), .path = f->path};
	assert_true(f->folder.dirfd >= 0);
	log_set_sink(image_folder_log, f);
	*state = f;
	return 0;
}

static inline int image_folder_teardown(void **state)
{
	struct image_folder *f = *state;

	log_set_sink(NULL, NULL);
	close(f->folder.dirfd);
	file_remove_tree(AT_FDCWD, f->path, NULL);
	free(f);
	return 0;
}

static inline void put_file(struct image_folder *f, const char *name, const void *data, size_t len)
{
	int fd = openat(f->folder.dirfd, name, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(file_pwrite(fd, data, len, 0, &f->err), 0);
	close(fd);
}

static inline void put_text(struct image_folder *f, const char *name, const char *text)
{
	put_file(f, name, text, strlen(text));
}

static inline struct block *open_ok(struct image_folder *f, const char *name)
{
	struct block *b = NULL;

	err_clear(&f->err);
	f->log[0] = '\0';
	if (image_open(&f->folder, name, NULL, NULL, &b, &f->err) < 0)
		fail_msg("%s", f->err.text);
	return b;
}

/* With the user's word on what may be passed over. */
static inline struct block *open_leniently(struct image_folder *f, const char *name, const struct open_options *options)
{
	struct block *b;

	f->folder.options = options;
	b = open_ok(f, name);
	f->folder.options = NULL;
	return b;
}

/* Opening must fail with exactly this code and text. */
static inline void open_fails(struct image_folder *f, const char *name, enum err_code code, const char *text)
{
	struct block *b = NULL;

	err_clear(&f->err);
	assert_int_equal(image_open(&f->folder, name, NULL, NULL, &b, &f->err), -1);
	assert_string_equal(f->err.text, text);
	assert_int_equal(f->err.code, code);
}

/* A folder like f's, which lets names lead into its folder `base` too. */
struct allowing {
	struct folder folder;
	struct open_options options;
	struct allowed_folder base;
};

static inline void allowing_open(struct allowing *a, const struct image_folder *f)
{
	*a = (struct allowing){.folder = f->folder};
	a->base =
	    (struct allowed_folder){.dirfd = openat(f->folder.dirfd, "base", O_PATH | O_DIRECTORY), .path = "base"};
	assert_true(a->base.dirfd >= 0);
	a->options = (struct open_options){.allowed = &a->base, .nallowed = 1};
	a->folder.options = &a->options;
}

static inline struct block *allowing_open_ok(struct allowing *a, struct image_folder *f, const char *name)
{
	struct block *b = NULL;

	err_clear(&f->err);
	if (image_open(&a->folder, name, NULL, NULL, &b, &f->err) < 0)
		fail_msg("%s", f->err.text);
	close(a->base.dirfd);
	return b;
}

/* SHA-256 of all bytes of the disk, in pieces of `piece`. */
static inline void hash_block(struct block *b, size_t piece, char hex[DIGEST_HEX_MAX])
{
	struct digest *d = digest_new(DIGEST_SHA256);
	struct err err = ERR_INIT;
	char *buf = malloc(piece);

	for (uint64_t off = 0; off < b->size; off += piece) {
		size_t n = b->size - off < piece ? (size_t)(b->size - off) : piece;

		if (block_pread(b, buf, n, off, &err) < 0)
			fail_msg("%s", err.text);
		digest_add(d, buf, n);
	}
	free(buf);
	digest_end(d, hex);
}

#endif
