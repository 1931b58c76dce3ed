/* Tests of guest/accel.c: the choice over a qemu that we made up, the cache, and the real qemu when there is one. */
#include <errno.h>
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

#include "core/base/file.h"
#include "guest/accel.h"

struct fixture {
	char dir[64], *path_before;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	const char *path = getenv("PATH");

	strcpy(f->dir, "/tmp/rehost-test-accel-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->path_before = strdup(path ? path : "/usr/bin:/bin");
	setenv("XDG_CACHE_HOME", f->dir, 1);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	setenv("PATH", f->path_before, 1);
	free(f->path_before);
	file_remove_tree(AT_FDCWD, f->dir, NULL);
	free(f);
	return 0;
}

/* Puts a shell script of that name in place of qemu. */
static void pretend_qemu(struct fixture *f, const char *body)
{
	char file[128], path[4200];
	FILE *out;

	snprintf(file, sizeof file, "%s/qemu-system-x86_64", f->dir);
	out = fopen(file, "w");
	assert_non_null(out);
	fprintf(out, "#!/bin/sh\ncase \"$*\" in *accel=kvm*) kvm=1 ;; *) kvm=0 ;; esac\n%s\n", body);
	fclose(out);
	assert_int_equal(chmod(file, 0755), 0);
	snprintf(path, sizeof path, "%s:%s", f->dir, f->path_before);
	setenv("PATH", path, 1);
}

static bool have_kvm(void)
{
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static void test_kvm_aborts(void **state)
{
	struct err err = ERR_INIT;
	struct accel a;

	pretend_qemu(*state, "[ $kvm = 1 ] && { echo one >&2; echo 'qemu-system-x86_64: no VMX' >&2; exit 134; }; "
			     "exit 33");
	assert_int_equal(accel_probe(&a, &err), 0);
	assert_false(a.kvm);
	assert_false(a.cached);
	assert_int_equal(a.kvm_ms, -1);
	assert_true(a.tcg_ms >= 0);
	if (have_kvm())
		assert_memory_equal(a.reason, "kvm: qemu exited with 134 (no VMX); tcg: took ", 46);
	else
		assert_memory_equal(a.reason, "kvm: cannot open /dev/kvm: ", 27);
}

static void test_faster_wins(void **state)
{
	struct err err = ERR_INIT;
	struct accel a;

	if (!have_kvm()) {
		print_message("SKIP: no /dev/kvm to open\n");
		skip();
	}
	pretend_qemu(*state, "[ $kvm = 1 ] && exit 33; sleep 0.5; exit 33");
	assert_int_equal(accel_probe(&a, &err), 0);
	assert_true(a.kvm);
	assert_true(a.tcg_ms >= 500);
	pretend_qemu(*state, "[ $kvm = 0 ] && exit 33; sleep 1.5; exit 33 # another size, so no cache");
	assert_int_equal(accel_probe(&a, &err), 0);
	assert_false(a.kvm);
	assert_true(a.kvm_ms >= 1500);
}

/* Told, and kept for a while only: the host may have been busy. */
static void test_hang(void **state)
{
	struct err err = ERR_INIT;
	struct accel a, again;

	if (!have_kvm()) {
		print_message("SKIP: no /dev/kvm to open\n");
		skip();
	}
	pretend_qemu(*state, "[ $kvm = 1 ] && exec sleep 60; exit 33");
	assert_int_equal(accel_probe(&a, &err), 0);
	assert_false(a.kvm);
	assert_memory_equal(a.reason, "kvm: qemu did not finish in 3 s; tcg: took ", 43);
	assert_int_equal(accel_probe(&again, &err), 0);
	assert_true(again.cached); /* for ten minutes */
	assert_string_equal(again.reason, a.reason);
}

static void test_no_qemu(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;
	struct accel a;

	setenv("PATH", f->dir, 1);
	assert_int_equal(accel_probe(&a, &err), -1);
	assert_int_equal(err.code, ERR_HOST);
	assert_string_equal(err.text, "qemu-system-x86_64 is not installed: apt-get install qemu-system-x86");
}

static void test_real_and_cached(void **state)
{
	struct err err = ERR_INIT;
	struct accel a, again;
	struct json *j;

	if (accel_probe(&a, &err) < 0) {
		print_message("SKIP: %s\n", err.text);
		skip();
	}
	print_message("%s: %s\n", a.kvm ? "kvm" : "tcg", a.reason);
	assert_true(a.kvm_ms >= 0 || a.tcg_ms >= 0);
	assert_false(a.cached);
	assert_int_equal(accel_probe(&again, &err), 0);
	assert_true(again.cached);
	assert_int_equal(again.kvm, a.kvm);
	assert_int_equal(again.kvm_ms, a.kvm_ms);
	assert_int_equal(again.tcg_ms, a.tcg_ms);
	assert_string_equal(again.reason, a.reason);
	j = accel_json(&again);
	assert_string_equal(js_get_str(j, "chosen", ""), a.kvm ? "kvm" : "tcg");
	assert_true(js_get_bool(j, "cached", false));
	js_free(j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_kvm_aborts, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_faster_wins, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_hang, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_no_qemu, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_real_and_cached, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
