/* Tests of guest/facts.c: init system, SELinux mode, product, osinfo ids. */
#include "tests/unit/guest/folder_fixture.h"

#include "guest/facts.h"

static void facts_of(struct fixture *f, struct os_info *os)
{
	*os = (struct os_info){.product = "from libguestfs"};
	assert_int_equal(guest_facts(f->g, &f->arena, os, &f->err), 0);
}

static void link_init(struct fixture *f, const char *target)
{
	assert_int_equal(file_mkdirs(on_host(f, "/sbin"), &f->err), 0);
	assert_int_equal(symlink(target, on_host(f, "/sbin/init")), 0);
}

static void test_nothing_there(void **state)
{
	struct os_info os;

	facts_of(*state, &os);
	assert_string_equal(os.init, "unknown");
	assert_string_equal(os.product, "from libguestfs");
	assert_false(os.selinux_enforcing);
}

static void test_systemd(void **state)
{
	struct fixture *f = *state;
	struct os_info os;

	link_init(f, "../lib/systemd/systemd");
	plant(f, "/etc/inittab", "");
	plant(f, "/etc/os-release",
	      "# PRETTY_NAME=no\nNAME=\"Debian\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n");
	plant(f, "/etc/selinux/config", "#SELINUX=disabled\nSELINUX=enforcing\n");
	facts_of(f, &os);
	assert_string_equal(os.init, "systemd");
	assert_string_equal(os.product, "Debian GNU/Linux 12 (bookworm)");
	assert_true(os.selinux_enforcing);
}

static void test_busybox_with_openrc(void **state)
{
	struct fixture *f = *state;
	struct os_info os;

	link_init(f, "/bin/busybox");
	plant(f, "/sbin/openrc", "");
	plant(f, "/etc/inittab", "");
	plant(f, "/etc/os-release", "PRETTY_NAME='Alpine Linux v3.20'\n");
	plant(f, "/etc/selinux/config", "SELINUX=permissive\n");
	facts_of(f, &os);
	assert_string_equal(os.init, "openrc");
	assert_string_equal(os.product, "Alpine Linux v3.20");
	assert_false(os.selinux_enforcing);
}

static void test_sysvinit_and_upstart(void **state)
{
	struct fixture *f = *state;
	struct os_info os;

	plant(f, "/sbin/init", "ELF");
	plant(f, "/etc/inittab", "");
	facts_of(f, &os);
	assert_string_equal(os.init, "sysvinit");
	plant(f, "/etc/init/rc-sysinit.conf", "");
	facts_of(f, &os);
	assert_string_equal(os.init, "upstart");
}

static void test_osinfo(void **state)
{
	struct fixture *f = *state;

	assert_string_equal(osinfo_url(&f->arena, "debian12"), "http://debian.org/debian/12");
	assert_string_equal(osinfo_url(&f->arena, "ubuntu22.04"), "http://ubuntu.com/ubuntu/22.04");
	assert_string_equal(osinfo_url(&f->arena, "centos-stream9"), "http://centos.org/centos-stream/9");
	assert_string_equal(osinfo_url(&f->arena, "win2k19"), "http://microsoft.com/win/2k19");
	assert_null(osinfo_url(&f->arena, "debian"));
	assert_null(osinfo_url(&f->arena, "unknown"));
	assert_null(osinfo_url(&f->arena, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    FIXTURE_TEST(test_nothing_there),	     FIXTURE_TEST(test_systemd), FIXTURE_TEST(test_busybox_with_openrc),
	    FIXTURE_TEST(test_sysvinit_and_upstart), FIXTURE_TEST(test_osinfo),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
