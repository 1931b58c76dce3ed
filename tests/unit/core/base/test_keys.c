/* Tests of core/base/keys.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/keys.h"

#define LUKS_UUID "0e2a4f4e-7a4c-4c5e-9a57-3a1c2a9d6b11"

/* A pipe's end from which text can be read. */
static int text_fd(const char *text)
{
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], text, strlen(text)), strlen(text));
	close(fds[1]);
	return fds[0];
}

static void argument_form(void **state)
{
	struct err err = ERR_INIT;
	struct keys k = {0};

	assert_int_equal(keys_add(&k, "/dev/sda2:key:with:colons:file:in it", &err), 0);
	assert_int_equal(keys_add(&k, LUKS_UUID ":key: x ", &err), 0);
	assert_int_equal(keys_add(&k, "all:key:y", &err), 0);
	assert_int_equal(k.n, 3);
	assert_string_equal(k.v[0].selector, "/dev/sda2");
	assert_string_equal(k.v[0].secret, "with:colons:file:in it");
	assert_string_equal(k.v[1].secret, " x ");
	assert_int_equal(k.v[1].len, 3);
	assert_null(k.v[2].selector);
	keys_done(&k);
	assert_int_equal(k.n, 0);
}

static void file_gives_its_first_line(void **state)
{
	char path[] = "/tmp/rehost-keys-XXXXXX", option[80];
	int fd = mkstemp(path);
	struct err err = ERR_INIT;
	struct keys k = {0};

	assert_int_equal(write(fd, "first line\nsecond\n", 18), 18);
	close(fd);
	snprintf(option, sizeof option, "all:file:%s", path);
	assert_int_equal(keys_add(&k, option, &err), 0);
	assert_string_equal(k.v[0].secret, "first line");
	unlink(path);
	assert_int_equal(keys_add(&k, option, &err), -1);
	assert_int_equal(err.code, ERR_BLOCKED);
	assert_non_null(strstr(err.text, "--key all: cannot open '/tmp/rehost-keys-"));
	keys_done(&k);
}

static void descriptor_gives_a_line_each_time(void **state)
{
	int fd = text_fd("one\ntwo");
	struct err err = ERR_INIT;
	struct keys k = {0};
	char option[40], text[80];

	snprintf(option, sizeof option, "/dev/sdb:fd:%d", fd);
	assert_int_equal(keys_add(&k, option, &err), 0);
	assert_int_equal(keys_add(&k, option, &err), 0);
	assert_string_equal(k.v[0].secret, "one");
	assert_string_equal(k.v[1].secret, "two");
	assert_int_equal(keys_add(&k, option, &err), -1);
	assert_int_equal(err.code, ERR_USAGE);
	snprintf(text, sizeof text, "descriptor %d has no key: its line is empty", fd);
	assert_string_equal(err.text, text);
	close(fd);
	assert_int_equal(keys_add(&k, option, &err), -1);
	assert_int_equal(err.code, ERR_BLOCKED);
	keys_done(&k);
}

static void lines_of_standard_input(void **state)
{
	struct err err = ERR_INIT;
	struct keys k = {0};
	int fd = text_fd("one\n\ntwo\n"), empty = text_fd("\n");

	assert_int_equal(keys_add_lines(&k, fd, &err), 0);
	assert_int_equal(k.n, 2);
	assert_null(k.v[1].selector);
	assert_string_equal(k.v[1].secret, "two");
	assert_int_equal(keys_add_lines(&k, empty, &err), -1);
	assert_string_equal(err.text, "--keys-from-stdin: standard input has no key");
	close(fd);
	close(empty);
	keys_done(&k);
}

static void too_long_or_binary(void **state)
{
	char line[KEY_SECRET_MAX + 2], option[sizeof line + 8];
	struct err err = ERR_INIT;
	struct keys k = {0};
	int fd, fds[2];

	memset(line, 'z', sizeof line - 1);
	line[sizeof line - 1] = '\0';
	fd = text_fd(line);
	snprintf(option, sizeof option, "all:fd:%d", fd);
	assert_int_equal(keys_add(&k, option, &err), -1);
	assert_non_null(strstr(err.text, "has more than 512 bytes"));
	close(fd);
	snprintf(option, sizeof option, "all:key:%s", line);
	assert_int_equal(keys_add(&k, option, &err), -1);
	assert_string_equal(err.text, "--key all: the passphrase has 513 bytes, 512 are the most");

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], "a\0b\n", 4), 4);
	snprintf(option, sizeof option, "all:fd:%d", fds[0]);
	assert_int_equal(keys_add(&k, option, &err), -1);
	assert_non_null(strstr(err.text, "has a NUL byte: only passphrases are taken"));
	close(fds[0]);
	close(fds[1]);
	keys_done(&k);
}

static void malformed_options_do_not_show_the_secret(void **state)
{
	static const char *const bad[] = {"secret", "secret:clevis", ":key:secret", "all:secret", "all:fd:secret"};
	struct err err = ERR_INIT;
	struct keys k = {0};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_int_equal(keys_add(&k, bad[i], &err), -1);
		assert_int_equal(err.code, ERR_USAGE);
		assert_null(strstr(err.text, "secret"));
	}
	assert_int_equal(keys_add(&k, "all:key:", &err), -1);
	assert_string_equal(err.text, "option --key all:key: nothing stands behind the last colon");
	assert_int_equal(k.n, 0);
}

static void no_more_than_the_limit(void **state)
{
	struct err err = ERR_INIT;
	static struct keys k;

	for (unsigned i = 0; i < KEYS_MAX; i++)
		assert_int_equal(keys_add(&k, "all:key:x", &err), 0);
	assert_int_equal(keys_add(&k, "all:key:x", &err), -1);
	assert_string_equal(err.text, "more than 256 keys");
	keys_done(&k);
}

static void which_device(void **state)
{
	static const struct {
		const char *selector, *device, *uuid;
		bool fits;
	} rows[] = {
	    {NULL, "/dev/sda2", NULL, true},
	    {"/dev/sda2", "/dev/sda2", NULL, true},
	    {"/dev/vda2", "/dev/sda2", NULL, true},
	    {"/dev/xvda2", "/dev/sda2", NULL, true},
	    {"/dev/sda2", "/dev/sda", NULL, false},
	    {"/dev/sda2", "/dev/sda21", NULL, false},
	    {"/dev/vg/root", "/dev/vg/root", NULL, true},
	    {"/dev/vg/root", "/dev/vg/home", NULL, false},
	    {LUKS_UUID, "/dev/sda2", LUKS_UUID, true},
	    {"0E2A4F4E-7A4C-4C5E-9A57-3A1C2A9D6B11", "/dev/sda2", LUKS_UUID, true},
	    {LUKS_UUID, "/dev/sda2", NULL, false},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct key key = {.selector = (char *)(uintptr_t)rows[i].selector};

		assert_int_equal(key_is_for(&key, rows[i].device, rows[i].uuid), rows[i].fits);
	}
}

static void hidden_from_the_command_line(void **state)
{
	char argument[] = "all:key:se:cret", file[] = "all:file:/key:key:x", other[] = "nothing";

	key_hide(argument);
	assert_string_equal(argument, "all:key:xxxxxxx");
	key_hide(file);
	assert_string_equal(file, "all:file:/key:key:x");
	key_hide(other);
	assert_string_equal(other, "nothing");
}

static bool is_for_all(const struct key *key)
{
	return !key->selector;
}

static void handed_over_as_lines(void **state)
{
	struct keys k = {0}, again = {0};
	char option[32];
	struct err err;
	int fd;

	(void)state;
	assert_int_equal(keys_add(&k, "/dev/sda2:key:one", &err), 0);
	assert_int_equal(keys_add(&k, "all:key:two", &err), 0);
	fd = keys_file(&k, NULL, &err);
	assert_true(fd >= 0);
	snprintf(option, sizeof option, "all:fd:%d", fd);
	assert_int_equal(keys_add(&again, option, &err), 0);
	assert_int_equal(keys_add(&again, option, &err), 0);
	assert_string_equal(again.v[0].secret, "one");
	assert_string_equal(again.v[1].secret, "two");
	close(fd);
	fd = keys_file(&k, is_for_all, &err);
	snprintf(option, sizeof option, "all:fd:%d", fd);
	assert_int_equal(keys_add(&again, option, &err), 0);
	assert_string_equal(again.v[2].secret, "two");
	close(fd);
	assert_int_equal(keys_add(&k, "all:key:a\nb", &err), -1);
	assert_string_equal(err.text, "--key all: the passphrase has a line break: none can have one");
	keys_done(&again);
	keys_done(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(argument_form),
	    cmocka_unit_test(file_gives_its_first_line),
	    cmocka_unit_test(descriptor_gives_a_line_each_time),
	    cmocka_unit_test(lines_of_standard_input),
	    cmocka_unit_test(too_long_or_binary),
	    cmocka_unit_test(malformed_options_do_not_show_the_secret),
	    cmocka_unit_test(no_more_than_the_limit),
	    cmocka_unit_test(which_device),
	    cmocka_unit_test(handed_over_as_lines),
	    cmocka_unit_test(hidden_from_the_command_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
