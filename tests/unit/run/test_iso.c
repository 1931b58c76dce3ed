/* Tests of run/iso.c: the configuration that is put on a live ISO. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/cleanup.h"
#include "core/base/cpio.h"
#include "core/base/file.h"
#include "run/iso.h"

enum { ISO_BYTES = 40960, SLOT_AT = 8192, SLOT_BYTES = 8192 };

struct fixture {
	char dir[64], iso[96], out[96];
	char bytes[ISO_BYTES]; /* what the ISO has */
};

static void write_all(const char *path, const void *bytes, size_t len)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

/* The slot as boot-iso/lib/images.sh makes it. */
static void put_slot(char *at, unsigned size)
{
	static const char head[] =
	    "070701000000010000810000000000000000000000000100000001%08X00000000000000000000000000000000"
	    "0000000C00000000rehost-slot";
	char text[64];
	int n = snprintf(text, sizeof text, "slot for a configuration, %u bytes\n", size);

	assert_int_equal(snprintf(at, 128, head, n), 121);
	memcpy(at + 124, text, (size_t)n);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	strcpy(f->dir, "/var/tmp/rehost-test-iso-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->iso, sizeof f->iso, "%s/a.iso", f->dir);
	snprintf(f->out, sizeof f->out, "%s/b.iso", f->dir);
	memset(f->bytes, 'x', sizeof f->bytes);
	memset(f->bytes + SLOT_AT, 0, SLOT_BYTES);
	put_slot(f->bytes + SLOT_AT, SLOT_BYTES);
	write_all(f->iso, f->bytes, sizeof f->bytes);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	file_remove_tree(AT_FDCWD, f->dir, NULL);
	free(f);
	return 0;
}

static bool wants_all(void *opaque, const struct cpio_entry *e)
{
	return true;
}

static int note_entry(void *opaque, const struct cpio_entry *e, const void *content, struct err *err)
{
	buf_addf(opaque, "%s %o ", e->name, e->mode);
	return content ? buf_add(opaque, content, e->size) : buf_adds(opaque, "\n");
}

/* What the kernel unpacks of an archive: names, modes and contents. */
static void unpacked(const void *bytes, size_t len, struct buf *ret)
{
	const struct cpio_handler handler = {wants_all, note_entry, ret};
	AUTO(cpio_reader_freep) struct cpio_reader *r = cpio_reader_new(&handler, 0);
	struct err err = ERR_INIT;

	assert_non_null(r);
	assert_int_equal(cpio_reader_feed(r, bytes, len, false, NULL, &err), 0);
	assert_true(cpio_reader_idle(r));
}

static void read_back(const char *path, struct buf *ret)
{
	struct err err = ERR_INIT;

	assert_int_equal(file_slurp(AT_FDCWD, path, ret, &err), 0);
}

static void check_configured(struct fixture *f, const char *text)
{
	AUTO(buf_done) struct buf got = BUF_INIT(1 << 20), list = BUF_INIT(65536), expected = BUF_INIT(65536);

	read_back(f->out, &got);
	assert_int_equal(got.len, ISO_BYTES);
	assert_memory_equal(got.data, f->bytes, SLOT_AT);
	assert_memory_equal(got.data + SLOT_AT + SLOT_BYTES, f->bytes + SLOT_AT + SLOT_BYTES,
			    ISO_BYTES - SLOT_AT - SLOT_BYTES);
	unpacked(got.data + SLOT_AT, SLOT_BYTES, &list);
	buf_addf(&expected,
		 "rehost-slot 100644 slot for a configuration, 8192 bytes\nrehost 40755 \nrehost/cmdline 100600 %s",
		 text);
	assert_string_equal(buf_str(&list), buf_str(&expected));
}

/* What isn't a file is not replaced by one; what a killed run left is no obstacle. */
static void the_target_is_a_file(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;
	char partial[300];
	struct stat st;

	assert_int_equal(mkfifo(f->out, 0600), 0);
	assert_int_equal(iso_configure(f->iso, f->out, "a=b\n", true, &err), -1);
	assert_int_equal(err.code, ERR_USAGE);
	assert_non_null(strstr(err.text, "is no regular file"));
	assert_int_equal(lstat(f->out, &st), 0);
	assert_true(S_ISFIFO(st.st_mode));
	assert_int_equal(unlink(f->out), 0);
	snprintf(partial, sizeof partial, "%s.partial", f->out);
	write_all(partial, "left", 4);
	assert_int_equal(iso_configure(f->iso, f->out, "a=b\n", false, &err), 0);
	check_configured(f, "a=b\n");
	assert_int_equal(access(partial, F_OK), -1);
	err_clear(&err);
	assert_int_equal(iso_configure(f->iso, f->out, "a=b\n", false, &err), -1);
	assert_int_equal(err.code, ERR_BLOCKED);
}

static void only_the_slot_changes(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;
	struct stat st;

	assert_int_equal(iso_configure(f->iso, f->out, "rehost.server=a\nrehost.token=b\n", false, &err), 0);
	check_configured(f, "rehost.server=a\nrehost.token=b\n");
	assert_int_equal(stat(f->out, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void a_second_time(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;

	assert_int_equal(iso_configure(f->iso, f->out, "rehost.server=a-long-name\n", false, &err), 0);
	assert_int_equal(iso_configure(f->out, f->iso, "rehost.server=c\n", true, &err), 0);
	assert_int_equal(rename(f->iso, f->out), 0);
	check_configured(f, "rehost.server=c\n");
}

static void an_existing_file_stays(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;
	AUTO(buf_done) struct buf got = BUF_INIT(64);

	write_all(f->out, "mine", 4);
	assert_int_equal(iso_configure(f->iso, f->out, "a=b\n", false, &err), -1);
	assert_int_equal(err.code, ERR_BLOCKED);
	assert_non_null(strstr(err.text, "exists; --force replaces it"));
	read_back(f->out, &got);
	assert_string_equal(buf_str(&got), "mine");
}

static void no_slot(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;

	f->bytes[SLOT_AT] = '1';
	write_all(f->iso, f->bytes, sizeof f->bytes);
	assert_int_equal(iso_configure(f->iso, f->out, "a=b\n", false, &err), -1);
	assert_int_equal(err.code, ERR_CORRUPT);
	assert_non_null(strstr(err.text, "0 slots for a configuration, expected 1: not a live ISO of rehost"));
	assert_int_equal(access(f->out, F_OK), -1);
}

static void two_slots(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;

	put_slot(f->bytes + 24576, 4096);
	write_all(f->iso, f->bytes, sizeof f->bytes);
	assert_int_equal(iso_configure(f->iso, f->out, "a=b\n", false, &err), -1);
	assert_non_null(strstr(err.text, "2 slots for a configuration"));
}

/* A slot that says it is larger than the file, and one with an absurd size. */
static void slots_that_lie(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;

	put_slot(f->bytes + SLOT_AT, 65536);
	write_all(f->iso, f->bytes, sizeof f->bytes);
	assert_int_equal(iso_configure(f->iso, f->out, "a=b\n", false, &err), -1);
	assert_int_equal(err.code, ERR_CORRUPT);
	put_slot(f->bytes + SLOT_AT, 4000000000U);
	write_all(f->iso, f->bytes, sizeof f->bytes);
	assert_int_equal(iso_configure(f->iso, f->out, "a=b\n", false, &err), -1);
	assert_int_equal(err.code, ERR_CORRUPT);
}

static void too_much_for_the_slot(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;
	char text[SLOT_BYTES + 1];

	memset(text, 'a', SLOT_BYTES);
	text[SLOT_BYTES] = '\0';
	assert_int_equal(iso_configure(f->iso, f->out, text, false, &err), -1);
	assert_string_equal(err.text, "the configuration doesn't fit into the ISO's 8192 bytes");
	assert_int_equal(access(f->out, F_OK), -1);
}

static void words_become_lines(void **state)
{
	static const struct iso_word words[] = {
	    {"rehost.server", "10.0.0.5"}, {"rehost.name", "web 1"}, {"rehost.inventory", NULL}};
	AUTO(buf_done) struct buf text = BUF_INIT(1024);
	struct err err = ERR_INIT;

	assert_int_equal(iso_words_text(words, 3, &text, &err), 0);
	assert_string_equal(buf_str(&text), "rehost.server=10.0.0.5\nrehost.name=\"web 1\"\nrehost.inventory\n");
}

static void words_that_a_line_cannot_hold(void **state)
{
	static const struct iso_word words[] = {{"a", "x\"y"}, {"b", "x\ny"}, {"c", ""}};
	AUTO(buf_done) struct buf text = BUF_INIT(1024);

	for (size_t i = 0; i < 3; i++) {
		struct err err = ERR_INIT;

		assert_int_equal(iso_words_text(&words[i], 1, &text, &err), -1);
		assert_int_equal(err.code, ERR_USAGE);
	}
}

static void a_file_for_pxe(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;
	AUTO(buf_done) struct buf got = BUF_INIT(65536), list = BUF_INIT(65536);

	assert_int_equal(iso_configuration_file(f->out, "a=b\n", false, &err), 0);
	read_back(f->out, &got);
	unpacked(got.data, got.len, &list);
	assert_string_equal(buf_str(&list), "rehost 40755 \nrehost/cmdline 100600 a=b\n");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(only_the_slot_changes),
	    TEST(the_target_is_a_file),
	    TEST(a_second_time),
	    TEST(an_existing_file_stays),
	    TEST(no_slot),
	    TEST(two_slots),
	    TEST(slots_that_lie),
	    TEST(too_much_for_the_slot),
	    TEST(words_become_lines),
	    TEST(words_that_a_line_cannot_hold),
	    TEST(a_file_for_pxe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
