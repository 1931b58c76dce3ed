/* Tests of boot-iso/agent/screen.c, and of watched.c, whose figures a screen shows. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "boot-iso/agent/screen.h"
#include "boot-iso/agent/watched.h"
#include "core/base/cleanup.h"

static void make(struct screen *s)
{
	s->serial = 7;
	screen_begin(s, "Disks", "Choose");
	screen_add_entry(s, "Name", "web");
	screen_add_choice(s, "sda", true, false);
	screen_add_choice(s, "sdb", false, true);
	screen_add_bar(s, "Copy", 450, "45 %");
	screen_add_button(s, "Next");
	screen_add_button(s, "Back");
}

static void there_and_back(void **state)
{
	AUTO(screen_done) struct screen s = {0}, got = {0};
	AUTO(js_freep) struct json *j = NULL, *again = NULL;
	struct err err = ERR_INIT;

	make(&s);
	j = screen_to_json(&s);
	assert_int_equal(screen_from_json(&got, j, &err), 0);
	assert_int_equal(got.serial, 7);
	assert_int_equal(got.fields.v[3].filled, 450);
	again = screen_to_json(&got);
	assert_true(js_equal(j, again));
}

static void an_answer_fills_the_fields(void **state)
{
	AUTO(screen_done) struct screen s = {0}, shown = {0};
	AUTO(js_freep) struct json *answer = NULL;
	struct err err = ERR_INIT;
	int button = -1;

	make(&s);
	make(&shown);
	shown.fields.v[0].value = arena_strdup(&shown.arena, "db");
	shown.fields.v[1].on = false;
	shown.fields.v[2].on = true;
	answer = screen_answer(&shown, 1);
	assert_int_equal(screen_take_answer(&s, answer, &button, &err), 0);
	assert_int_equal(button, 1);
	assert_string_equal(s.fields.v[0].value, "db");
	assert_false(s.fields.v[1].on);
	assert_false(s.fields.v[2].on); /* nobody can change it */
}

static void answers_to_something_else(void **state)
{
	AUTO(screen_done) struct screen s = {0};
	AUTO(js_freep) struct json *late = NULL, *beyond = NULL;
	struct err err = ERR_INIT;
	int button = -1;

	make(&s);
	late = screen_answer(&s, 0);
	beyond = screen_answer(&s, 2);
	assert_int_equal(screen_take_answer(&s, beyond, &button, &err), -1);
	s.serial++;
	assert_int_equal(screen_take_answer(&s, late, &button, &err), -1);
	assert_string_equal(err.text, "an answer to another screen");
	assert_int_equal(button, -1);
}

static void refuses_what_is_no_screen(void **state)
{
	static const char *const texts[] = {"{}", "{\"buttons\":[]}", "{\"buttons\":[\"a\"],\"fields\":[{\"kind\":9}]}",
					    "{\"buttons\":[1,2,3,4,5,6,7,8,9]}"};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		AUTO(screen_done) struct screen s = {0};
		AUTO(js_freep) struct json *j = js_parse(texts[i], strlen(texts[i]), NULL);
		struct err err = ERR_INIT;

		assert_non_null(j);
		assert_int_equal(screen_from_json(&s, j, &err), -1);
		assert_int_equal(err.code, ERR_CORRUPT);
	}
}

static int zeros(struct block *b, void *buf, size_t len, uint64_t off, struct err *err)
{
	memset(buf, 0, len);
	return 0;
}

static void close_it(struct block *b)
{
	free(b);
}

static void how_much_and_how_far(void **state)
{
	static const struct block_ops ops = {.name = "zeros", .pread = zeros, .close = close_it};
	AUTO(block_closep) struct block *w = NULL;
	struct block *disk = calloc(1, sizeof *disk);
	char buf[512];

	block_init(disk, &ops, "sda", 4096);
	w = watched_new(disk, -1, -1);
	assert_int_equal(block_pread(w, buf, 512, 3584, NULL), 0);
	assert_int_equal(block_pread(w, buf, 512, 0, NULL), 0);
	assert_int_equal(watched_read(w), 1024);
	assert_int_equal(watched_place(w), 4096);
	watched_rewind(w);
	assert_int_equal(block_pread(w, buf, 100, 1000, NULL), 0);
	assert_int_equal(watched_place(w), 1100);
	assert_int_equal(watched_read(w), 1124);
	assert_int_equal(block_pread(w, buf, 512, 4096, NULL), -1);
	assert_int_equal(watched_read(w), 1124);
}

/* As a cache that reads pages: the first one has a bad sector. */
static int pages(struct block *b, void *buf, size_t len, uint64_t off, struct err *err)
{
	if (off < 4096)
		return err_set(err, ERR_UNREADABLE, "a page");
	memset(buf, 1, len);
	return 0;
}

/* A file of that size that has no name; it stands for the disk. */
static int nameless_file(off_t size)
{
	char path[] = "/tmp/rehost-watched-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	unlink(path);
	assert_int_equal(ftruncate(fd, size), 0);
	return fd;
}

static void good_sectors_around_a_bad_one(void **state)
{
	static const struct block_ops ops = {.name = "pages", .pread = pages, .close = close_it};
	struct block *disk = calloc(1, sizeof *disk), *w;
	atomic_bool stop = false;
	char buf[8192];
	int fd = nameless_file(0);
	struct err err = ERR_INIT;

	memset(buf, 2, sizeof buf);
	assert_int_equal(write(fd, buf, 2048), 2048); /* what is behind can't be read there */
	block_init(disk, &ops, "sda", 16384);
	w = watched_new(disk, nameless_file(16384), fd);
	assert_int_equal(block_pread(w, buf, 8192, 4096, &err), 0);
	assert_int_equal(block_pread(w, buf, 8192, 0, &err), -1); /* more than is narrowed down */
	assert_int_equal(block_pread(w, buf, 512, 1536, &err), 0);
	assert_int_equal(buf[511], 2);
	assert_int_equal(block_pread(w, buf, 100, 0, &err), -1); /* no sector */
	assert_int_equal(block_pread(w, buf, 512, 2048, &err), -1);
	assert_int_equal(err.code, ERR_UNREADABLE);
	assert_non_null(strstr(err.text, "512 bytes at 0x800"));
	watched_stop(w, &stop);
	assert_int_equal(block_pread(w, buf, 8192, 4096, &err), 0);
	stop = true;
	assert_int_equal(block_pread(w, buf, 8192, 4096, &err), -1);
	assert_string_equal(strstr(err.text, "cancelled"), "cancelled");
	block_close(w);
}

/* What the next read of the disk fails with. */
static int failing_with;

static int failing(struct block *b, void *buf, size_t len, uint64_t off, struct err *err)
{
	errno = failing_with;
	return err_sys(err, ERR_UNREADABLE, "read");
}

/* A disk that isn't there any more has no bad sectors: whoever would make zeros of them must not. */
static void a_disk_that_is_gone(void **state)
{
	static const struct block_ops ops = {.name = "failing", .pread = failing, .close = close_it};
	static const int gone[] = {ENXIO, ENODEV, ENOMEDIUM};
	struct block *disk = calloc(1, sizeof *disk), *w;
	int fd = nameless_file(16384), size_fd = dup(fd);
	struct err err = ERR_INIT;
	char buf[512];

	block_init(disk, &ops, "sda", 16384);
	w = watched_new(disk, size_fd, -1);
	failing_with = EIO;
	assert_int_equal(block_pread(w, buf, 512, 0, &err), -1);
	assert_int_equal(err.code, ERR_UNREADABLE);
	for (size_t i = 0; i < sizeof gone / sizeof *gone; i++) {
		failing_with = gone[i];
		assert_int_equal(block_pread(w, buf, 512, 0, &err), -1);
		assert_int_equal(err.code, ERR_TEMPFAIL);
		assert_non_null(strstr(err.text, "the disk 'sda' is gone"));
	}
	assert_int_equal(watched_check(w, &err), 0);
	failing_with = EIO;
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(block_pread(w, buf, 512, 0, &err), -1);
	assert_int_equal(err.code, ERR_TEMPFAIL);
	assert_int_equal(watched_check(w, &err), -1);
	assert_int_equal(err.code, ERR_TEMPFAIL);
	block_close(w);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(there_and_back),
	    cmocka_unit_test(an_answer_fills_the_fields),
	    cmocka_unit_test(answers_to_something_else),
	    cmocka_unit_test(refuses_what_is_no_screen),
	    cmocka_unit_test(good_sectors_around_a_bad_one),
	    cmocka_unit_test(a_disk_that_is_gone),
	    cmocka_unit_test(how_much_and_how_far),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
