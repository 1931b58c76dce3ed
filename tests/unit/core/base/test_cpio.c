/* Tests of core/base/cpio.c: what is written is read again, in any pieces, and by cpio(1); damage is told. */
#include "core/base/cpio.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "core/base/child.h"
#include "core/base/file.h"

struct seen {
	struct buf text;
};

static bool wants(void *opaque, const struct cpio_entry *e)
{
	return strcmp(e->name, "dir/unwanted") != 0;
}

static int note(void *opaque, const struct cpio_entry *e, const void *content, struct err *err)
{
	struct seen *seen = opaque;

	return buf_addf(&seen->text, "%s %o %u [%s]\n", e->name, e->mode, e->size,
			e->link	  ? e->link
			: content ? (const char *)content
				  : "-");
}

static void sample(struct buf *b)
{
	assert_int_equal(cpio_add(b, &(struct cpio_entry){.name = "dir", .mode = S_IFDIR | 0755, .nlink = 2}, NULL), 0);
	assert_int_equal(
	    cpio_add(b, &(struct cpio_entry){.name = "dir/a", .mode = S_IFREG | 0644, .nlink = 1, .size = 5}, "hello"),
	    0);
	assert_int_equal(
	    cpio_add(b, &(struct cpio_entry){.name = "dir/unwanted", .mode = S_IFREG | 0600, .size = 3}, "abc"), 0);
	assert_int_equal(
	    cpio_add(b, &(struct cpio_entry){.name = "link", .mode = S_IFLNK | 0777, .link = "dir/a"}, NULL), 0);
	assert_int_equal(cpio_add(b, &(struct cpio_entry){.name = "empty", .mode = S_IFREG | 0644}, ""), 0);
	assert_int_equal(cpio_end(b), 0);
	assert_int_equal(b->len % 4, 0);
}

static const char expected[] = "dir 40755 0 [-]\n"
			       "dir/a 100644 5 [hello]\n"
			       "dir/unwanted 100600 3 [-]\n"
			       "link 120777 5 [dir/a]\n"
			       "empty 100644 0 []\n";

/* Feeds in pieces of n bytes; the error text goes to seen. */
static int feed(const struct buf *b, size_t n, struct seen *seen, struct err *err)
{
	struct cpio_handler handler = {.wants = wants, .entry = note, .opaque = seen};
	AUTO(cpio_reader_freep) struct cpio_reader *r = cpio_reader_new(&handler, 0);

	for (size_t at = 0; at < b->len; at += n)
		if (cpio_reader_feed(r, b->data + at, at + n > b->len ? b->len - at : n, false, NULL, err) < 0)
			return -1;
	return cpio_reader_idle(r);
}

static void test_round_trip(void **state)
{
	static const size_t pieces[] = {1, 3, 110, 4096};

	for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
		AUTO(buf_done) struct buf b = BUF_INIT(1 << 16);
		struct seen seen = {.text = BUF_INIT(4096)};

		sample(&b);
		assert_int_equal(feed(&b, pieces[i], &seen, NULL), 1);
		assert_string_equal(buf_str(&seen.text), expected);
		buf_done(&seen.text);
	}
}

static void test_two_archives(void **state)
{
	AUTO(buf_done) struct buf b = BUF_INIT(1 << 16);
	struct seen seen = {.text = BUF_INIT(4096)};

	sample(&b);
	assert_int_equal(buf_add(&b, "\0\0\0\0\0\0\0\0", 8), 0);
	sample(&b);
	assert_int_equal(feed(&b, 7, &seen, NULL), 1);
	assert_int_equal(seen.text.len, 2 * strlen(expected));
	buf_done(&seen.text);
}

static void test_stop_at_trailer(void **state)
{
	AUTO(buf_done) struct buf b = BUF_INIT(1 << 16);
	struct seen seen = {.text = BUF_INIT(4096)};
	struct cpio_handler handler = {.entry = note, .opaque = &seen};
	AUTO(cpio_reader_freep) struct cpio_reader *r = cpio_reader_new(&handler, 0);
	size_t first, used;

	sample(&b);
	first = b.len;
	sample(&b);
	assert_int_equal(cpio_reader_feed(r, b.data, b.len, true, &used, NULL), 0);
	assert_int_equal(used, first);
	assert_true(cpio_reader_idle(r));
	buf_done(&seen.text);
}

/* cpio(1) unpacks it: the oracle of the writer. */
static void test_cpio_program(void **state)
{
	AUTO(buf_done) struct buf b = BUF_INIT(1 << 16), out = BUF_INIT(4096);
	char dir[] = "/tmp/rehost-cpio-XXXXXX", script[128];
	AUTO_FD int fd = -1;
	int status;

	assert_non_null(mkdtemp(dir));
	fd = file_open_dir(dir, NULL);
	sample(&b);
	assert_int_equal(file_replace(fd, "a.cpio", b.data, b.len, 0600, NULL), 0);
	snprintf(script, sizeof script, "cd %s && cpio --quiet -id <a.cpio && cat dir/a link && stat -c %%a,%%s empty",
		 dir);
	status = child_run((const char *[]){"sh", "-c", script, NULL}, &out, NULL);
	file_remove_tree(AT_FDCWD, dir, NULL);
	if (status == 127)
		print_message("SKIP: cpio is not installed\n"), skip();
	assert_string_equal(buf_str(&out), "hellohello644,0\n");
}

static void expect_error(size_t at, char byte, const char *text)
{
	AUTO(buf_done) struct buf b = BUF_INIT(1 << 16);
	struct seen seen = {.text = BUF_INIT(4096)};
	struct err err = ERR_INIT;

	sample(&b);
	b.data[at] = byte;
	assert_int_equal(feed(&b, 64, &seen, &err), -1);
	assert_int_equal(err.code, ERR_CORRUPT);
	assert_string_equal(err.text, text);
	buf_done(&seen.text);
}

static void test_damage(void **state)
{
	/* "dir" is 110 + 4 bytes, padded to 116: the second header stands at 0x74 */
	expect_error(0, 'x', "at 0x0: byte 0x78 stands where an archive must begin");
	expect_error(5, '5', "cpio entry at 0x0: is not a newc header");
	expect_error(14, 'g', "cpio entry at 0x0: header field 1 is not hexadecimal");
	expect_error(98, '2', "cpio entry at 0x0: name of 8196 bytes, 1 to 4096 are possible");
	expect_error(101, '0', "cpio entry at 0x0: name of 0 bytes, 1 to 4096 are possible");
	expect_error(113, 'x', "cpio entry before 0x74: name doesn't end in NUL");
	expect_error(0x74 + 5, '9', "cpio entry at 0x74: is not a newc header");
}

static void test_misaligned(void **state)
{
	AUTO(buf_done) struct buf b = BUF_INIT(1 << 16), tail = BUF_INIT(1 << 16);
	struct seen seen = {.text = BUF_INIT(4096)};
	struct err err = ERR_INIT;

	sample(&tail);
	assert_int_equal(buf_add(&b, "\0\0", 2), 0);
	assert_int_equal(buf_add(&b, tail.data, tail.len), 0);
	assert_int_equal(feed(&b, 64, &seen, &err), -1);
	assert_string_equal(err.text, "archive at 0x2: doesn't begin at a multiple of 4");
	buf_done(&seen.text);
}

static void test_huge(void **state)
{
	AUTO(buf_done) struct buf b = BUF_INIT(1 << 16);
	struct seen seen = {.text = BUF_INIT(4096)};
	struct err err = ERR_INIT;

	sample(&b);
	memcpy(b.data + 116 + 6 + 6 * 8, "7FFFFFFF", 8);
	assert_int_equal(feed(&b, 64, &seen, &err), -1);
	assert_string_equal(err.text, "cpio entry 'dir/a': is 2147483647 bytes long, at most 16777216 are read");
	buf_done(&seen.text);
}

static void test_unfinished(void **state)
{
	AUTO(buf_done) struct buf b = BUF_INIT(1 << 16);
	struct seen seen = {.text = BUF_INIT(4096)};

	sample(&b);
	b.len -= 8;
	assert_int_equal(feed(&b, 64, &seen, NULL), 0);
	buf_done(&seen.text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_round_trip),
	    cmocka_unit_test(test_two_archives),
	    cmocka_unit_test(test_stop_at_trailer),
	    cmocka_unit_test(test_cpio_program),
	    cmocka_unit_test(test_damage),
	    cmocka_unit_test(test_misaligned),
	    cmocka_unit_test(test_huge),
	    cmocka_unit_test(test_unfinished),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
