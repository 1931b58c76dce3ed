/* Tests of run/doctor.c: on hosts that we made up, by PATH, environment and folder. */
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
#include "run/doctor.h"

struct fixture {
	char dir[64], *path_before;
	struct doctor d;
	struct doctor_options o;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	const char *path = getenv("PATH");

	strcpy(f->dir, "/var/tmp/rehost-test-doctor-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->path_before = strdup(path ? path : "/usr/bin:/bin");
	f->o = (struct doctor_options){.scratch = f->dir, .root = f->dir};
	setenv("PATH", f->dir, 1);
	setenv("XDG_CACHE_HOME", f->dir, 1);
	setenv("LIBGUESTFS_CACHEDIR", f->dir, 1);
	unsetenv("LIBGUESTFS_PATH");
	unsetenv("SUPERMIN_KERNEL");
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	setenv("PATH", f->path_before, 1);
	unsetenv("LIBGUESTFS_CACHEDIR");
	doctor_done(&f->d);
	free(f->path_before);
	file_remove_tree(AT_FDCWD, f->dir, NULL);
	free(f);
	return 0;
}

/* An executable or file in the made-up host; folders are made. */
static void plant(struct fixture *f, const char *path, const char *text)
{
	char file[256], *slash;
	FILE *out;

	snprintf(file, sizeof file, "%s/%s", f->dir, path);
	slash = strrchr(file, '/');
	*slash = '\0';
	assert_int_equal(file_mkdirs(file, NULL), 0);
	*slash = '/';
	out = fopen(file, "w");
	assert_non_null(out);
	fputs(text, out);
	fclose(out);
	assert_int_equal(chmod(file, 0755), 0);
}

static const struct check *find(struct fixture *f, const char *id, const char *part)
{
	VEC_FOR (c, &f->d.checks)
		if (!strcmp(c->id, id) && strstr(c->text, part))
			return c;
	fail_msg("no check %s with '%s'", id, part);
	return NULL;
}

static void test_bare_host(void **state)
{
	struct fixture *f = *state;
	AUTO(buf_done) struct buf b = BUF_INIT(65536);
	struct json *j;

	doctor_run(&f->o, &f->d);
	assert_int_equal(find(f, "accelerator", "without qemu")->state, CHECK_FAIL);
	assert_string_equal(find(f, "accelerator", "")->fix, "apt-get install qemu-system-x86");
	assert_int_equal(find(f, "kernel", "there is none in /boot or /lib/modules")->state, CHECK_FAIL);
	assert_string_equal(find(f, "kernel", "")->fix, "apt-get install linux-image-amd64");
	assert_string_equal(find(f, "libguestfs", "has no supermin")->fix, "apt-get install supermin");
	assert_int_equal(find(f, "tool", "virsh is missing")->state, CHECK_WARN);
	assert_string_equal(find(f, "tool", "qemu-img is missing: the appliance")->fix, "apt-get install qemu-utils");
	assert_int_equal(find(f, "firmware", "no UEFI firmware: UEFI guests")->state, CHECK_WARN);
	assert_int_equal(find(f, "tool", "qemu-system-aarch64 is missing")->state, CHECK_WARN);
	assert_string_equal(find(f, "tool", "results for arm64 can't be booted here")->fix,
			    "apt-get install qemu-system-arm");
	assert_string_equal(find(f, "firmware", "results for arm64")->fix, "apt-get install qemu-efi-aarch64");
	assert_true(doctor_failed(&f->d) >= 5);
	assert_int_equal(doctor_print(&f->d, &b), 0);
	assert_non_null(strstr(buf_str(&b), "warn  firmware     no UEFI firmware: UEFI guests can't be booted here\n"
					    "                fix: apt-get install ovmf\n"));
	j = doctor_json(&f->d);
	assert_false(js_get_bool(j, "fit", true));
	assert_int_equal(js_count(js_get(j, "checks")), f->d.checks.n);
	assert_null(js_get(j, "accelerator"));
	js_free(j);
}

static void test_equipped_host(void **state)
{
	struct fixture *f = *state;
	struct json *j;

	plant(f, "qemu-system-x86_64", "#!/bin/sh\nexit 33\n");
	plant(f, "qemu-img", "");
	plant(f, "virsh", "");
	plant(f, "supermin", "");
	plant(f, "boot/vmlinuz-6.1.0-1-amd64", "");
	plant(f, "lib/modules/6.1.0-1-amd64/modules.dep", "");
	plant(f, "usr/share/OVMF/OVMF_CODE_4M.fd", "");
	plant(f, "qemu-system-aarch64", "");
	plant(f, "usr/share/AAVMF/AAVMF_CODE.fd", "");
	doctor_run(&f->o, &f->d);
	assert_int_equal(find(f, "kernel", "kernel /boot/vmlinuz-6.1.0-1-amd64 for the appliance")->state, CHECK_OK);
	assert_null(find(f, "kernel", "")->fix);
	assert_int_equal(find(f, "libguestfs", "libguestfs 1.")->state, CHECK_OK);
	assert_int_equal(find(f, "firmware", "/usr/share/OVMF/OVMF_CODE_4M.fd")->state, CHECK_OK);
	assert_int_equal(find(f, "tool", "/virsh")->state, CHECK_OK);
	assert_int_equal(find(f, "tool", "/qemu-system-aarch64")->state, CHECK_OK);
	assert_int_equal(find(f, "firmware", "/usr/share/AAVMF/AAVMF_CODE.fd")->state, CHECK_OK);
	assert_true(f->d.have_accel);
	find(f, "memory", "of memory available");
	find(f, "scratch", f->dir);
	VEC_FOR (c, &f->d.checks)
		assert_string_not_equal(c->id, "upgrade");
	j = doctor_json(&f->d);
	assert_non_null(js_get_str(js_get(j, "accelerator"), "chosen", NULL));
	js_free(j);
}

static void test_upgrade_and_scratch(void **state)
{
	struct fixture *f = *state;

	plant(f, "boot/vmlinuz-6.1.0-2-amd64.dpkg-new", "");
	f->o.scratch = "/nonexistent/results";
	doctor_run(&f->o, &f->d);
	assert_string_equal(find(f, "upgrade", "")->text,
			    "a kernel is being replaced: /boot/vmlinuz-6.1.0-2-amd64.dpkg-new");
	assert_int_equal(find(f, "scratch", "")->state, CHECK_FAIL);
	assert_string_equal(find(f, "scratch", "")->text,
			    "the folder for results, /nonexistent/results, can't be used: No such file or directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_bare_host, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_equipped_host, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_upgrade_and_scratch, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
