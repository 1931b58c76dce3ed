/* Tests of guest/appliance_kernel.c: which kernel is found, and the fix when none is. */
#include "tests/unit/guest/folder_fixture.h"

#include <sys/wait.h>

#include "guest/appliance_kernel.h"

enum { NOBODY = 65534 };

static int setup(void **state)
{
	unsetenv("SUPERMIN_KERNEL");
	unsetenv("LIBGUESTFS_PATH");
	return fixture_setup(state);
}

#define KERNEL_TEST(f) cmocka_unit_test_setup_teardown(f, setup, fixture_teardown)

static const char *check(struct fixture *f)
{
	AUTO(buf_done) struct buf found = BUF_INIT(4096);

	f->err = (struct err)ERR_INIT;
	if (appliance_kernel_check(f->dir, &found, &f->err) == 0)
		return arena_strdup(&f->arena, buf_str(&found));
	assert_int_equal(f->err.code, ERR_HOST);
	return f->err.text;
}

static void test_found(void **state)
{
	struct fixture *f = *state;

	plant(f, "/boot/vmlinuz-6.1.0-1-amd64", "");
	plant(f, "/boot/vmlinuz-6.1.0-2-amd64", "");
	plant(f, "/lib/modules/6.1.0-1-amd64/modules.dep", "");
	assert_string_equal(check(f), "kernel /boot/vmlinuz-6.1.0-1-amd64");
	plant(f, "/lib/modules/6.1.0-2-amd64/modules.dep", "");
	assert_string_equal(check(f), "kernel /boot/vmlinuz-6.1.0-2-amd64");
}

static void test_in_modules(void **state)
{
	struct fixture *f = *state;

	plant(f, "/lib/modules/6.5.6-300.fc39.x86_64/vmlinuz", "");
	plant(f, "/lib/modules/6.5.6-300.fc39.x86_64/modules.dep", "");
	assert_string_equal(check(f), "kernel /lib/modules/6.5.6-300.fc39.x86_64/vmlinuz");
}

static void test_none(void **state)
{
	assert_string_equal(check(*state),
			    "libguestfs needs a kernel to start its appliance, and there is none in /boot or "
			    "/lib/modules: apt-get install linux-image-amd64");
}

static void test_no_modules(void **state)
{
	struct fixture *f = *state;

	plant(f, "/boot/vmlinuz-6.1.0-1-amd64", "");
	assert_string_equal(check(f),
			    "kernel /boot/vmlinuz-6.1.0-1-amd64 has no modules in /lib/modules/6.1.0-1-amd64: "
			    "apt-get install linux-image-amd64");
}

/* root reads every file, so the look is taken by nobody, in a child. */
static const char *check_as_nobody(struct fixture *f)
{
	char text[2048] = "";
	int pipe_fds[2], status;

	assert_int_equal(pipe(pipe_fds), 0);
	if (fork() == 0) {
		const char *said = setresuid(NOBODY, NOBODY, NOBODY) == 0 ? check(f) : "setresuid() failed";

		_exit(write(pipe_fds[1], said, strlen(said)) != (ssize_t)strlen(said));
	}
	close(pipe_fds[1]);
	assert_true(wait(&status) > 0);
	assert_int_equal(status, 0);
	assert_true(read(pipe_fds[0], text, sizeof text - 1) > 0);
	close(pipe_fds[0]);
	return arena_strdup(&f->arena, text);
}

static void test_unreadable(void **state)
{
	struct fixture *f = *state;

	plant(f, "/boot/vmlinuz-5.15.0-91-generic", "");
	plant(f, "/lib/modules/5.15.0-91-generic/modules.dep", "");
	assert_int_equal(chmod(on_host(f, "/boot/vmlinuz-5.15.0-91-generic"), 0), 0);
	assert_int_equal(chmod(f->dir, 0755), 0);
	assert_string_equal(geteuid() == 0 ? check_as_nobody(f) : check(f),
			    "kernel /boot/vmlinuz-5.15.0-91-generic can't be read by this user: sudo "
			    "dpkg-statoverride --update --add root root 0644 /boot/vmlinuz-5.15.0-91-generic");
}

static void test_chosen(void **state)
{
	struct fixture *f = *state;

	setenv("SUPERMIN_KERNEL", on_host(f, "/k"), 1);
	/* supermin goes on looking */
	assert_non_null(strstr(check(f), "there is none in /boot"));
	plant(f, "/k", "");
	assert_string_equal(check(f), arena_printf(&f->arena, "kernel %s/k (SUPERMIN_KERNEL)", f->dir));
	unsetenv("SUPERMIN_KERNEL");
	setenv("LIBGUESTFS_PATH", on_host(f, "/fixed"), 1);
	plant(f, "/fixed/README.fixed", "");
	plant(f, "/fixed/root", "");
	plant(f, "/fixed/kernel", "");
	assert_string_equal(check(f), arena_printf(&f->arena, "fixed appliance in %s/fixed (LIBGUESTFS_PATH)", f->dir));
	unsetenv("LIBGUESTFS_PATH");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    KERNEL_TEST(test_found),	  KERNEL_TEST(test_in_modules), KERNEL_TEST(test_none),
	    KERNEL_TEST(test_no_modules), KERNEL_TEST(test_unreadable), KERNEL_TEST(test_chosen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
