/* Tests of guest/selinux.c: which line of file_contexts labels a path. */
#include "tests/unit/guest/folder_fixture.h"

#include "guest/selinux.h"

#define FILES "/etc/selinux/targeted/contexts/files/"

static const char contexts[] = "/.*\tsystem_u:object_r:default_t:s0\n"
			       "# a comment\n"
			       "/etc/.*\tsystem_u:object_r:etc_t:s0\n"
			       "/etc/systemd(/.*)?\tsystem_u:object_r:systemd_conf_t:s0\n"
			       "/etc/network\\.conf\t--\tsystem_u:object_r:exact_t:s0\n"
			       "/etc/network.*\tsystem_u:object_r:net_conf_t:s0\n"
			       "/etc/dirs\t-d\tsystem_u:object_r:dirs_t:s0\n"
			       "/etc/rc[0-9]\\.d/(S|K)[^/]*\t-l\tsystem_u:object_r:rclink_t:s0\n"
			       "/var/run/.*\tsystem_u:object_r:var_run_t:s0\n"
			       "/tmp/.*\t<<none>>\n"
			       "/etc/(a+)\\1\tsystem_u:object_r:backref_t:s0\n"
			       "/etc/(b{9}){9}\tsystem_u:object_r:count_t:s0\n"
			       "/etc/(?!x)perl\tsystem_u:object_r:pcre_t:s0\n"
			       "/opti?\tsystem_u:object_r:optional_t:s0\n"
			       "/srv|/data\tsystem_u:object_r:either_t:s0\n";

static struct selinux *open_policy(struct fixture *f, const char *config)
{
	struct selinux *s;

	plant(f, "/etc/selinux/config", config);
	plant(f, FILES "file_contexts", contexts);
	plant(f, FILES "file_contexts.homedirs", "/home/[^/]+/.*\tunconfined_u:object_r:user_home_t:s0\n");
	plant(f, FILES "file_contexts.local", "/etc/systemd/local\\.d(/.*)?\tsystem_u:object_r:local_t:s0\n");
	plant(f, FILES "file_contexts.subs_dist", "/run /var/run\n# x\n/usr/lib64 /usr/lib\n");
	assert_int_equal(selinux_open(f->g, &s, &f->err), 0);
	return s;
}

static void test_labels(void **state)
{
	static const struct {
		const char *path;
		mode_t type;
		const char *label;
	} rows[] = {
	    {"/etc/hosts", S_IFREG, "system_u:object_r:etc_t:s0"},
	    {"/etc/systemd/network/10-x.link", S_IFREG, "system_u:object_r:systemd_conf_t:s0"},
	    {"/etc/systemd", S_IFDIR, "system_u:object_r:systemd_conf_t:s0"},
	    {"/etc/systemdx", S_IFREG, "system_u:object_r:etc_t:s0"},
	    {"/etc/network.conf", S_IFREG, "system_u:object_r:exact_t:s0"},
	    {"/etc/network.conf", S_IFDIR, "system_u:object_r:net_conf_t:s0"},
	    {"/etc/dirs", S_IFREG, "system_u:object_r:etc_t:s0"},
	    {"/etc/dirs", S_IFDIR, "system_u:object_r:dirs_t:s0"},
	    {"/etc/rc3.d/S10x", S_IFLNK, "system_u:object_r:rclink_t:s0"},
	    {"/etc/rc3.d/S10x", S_IFREG, "system_u:object_r:etc_t:s0"},
	    {"/run/x", S_IFREG, "system_u:object_r:var_run_t:s0"},
	    {"/runner/x", S_IFREG, "system_u:object_r:default_t:s0"},
	    {"/home/me/x", S_IFREG, "unconfined_u:object_r:user_home_t:s0"},
	    {"/etc/systemd/local.d/x", S_IFREG, "system_u:object_r:local_t:s0"},
	    {"/tmp/x", S_IFREG, NULL},
	    {"/etc/aa", S_IFREG, "system_u:object_r:etc_t:s0"},
	    {"/etc/bb", S_IFREG, "system_u:object_r:etc_t:s0"},
	    {"/etc/perl", S_IFREG, "system_u:object_r:etc_t:s0"},
	    {"/opt", S_IFREG, "system_u:object_r:optional_t:s0"},
	    {"/data", S_IFREG, "system_u:object_r:either_t:s0"},
	};
	struct selinux *s = open_policy(*state, "# x\nSELINUX=enforcing\n SELINUXTYPE = targeted \n");

	assert_true(selinux_enabled(s));
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const char *label = selinux_label(s, rows[i].path, rows[i].type);

		print_message("%s\n", rows[i].path);
		if (rows[i].label)
			assert_string_equal(label, rows[i].label);
		else
			assert_null(label);
	}
	selinux_close(s);
}

static void test_switched_off(void **state)
{
	static const char *const configs[] = {"SELINUX=disabled\nSELINUXTYPE=targeted\n", "SELINUX=enforcing\n", "",
					      "SELINUX=enforcing\nSELINUXTYPE=../targeted\n"};

	for (size_t i = 0; i < sizeof configs / sizeof *configs; i++) {
		struct selinux *s = open_policy(*state, configs[i]);

		assert_false(selinux_enabled(s));
		assert_null(selinux_label(s, "/etc/hosts", S_IFREG));
		selinux_close(s);
	}
}

static void test_no_selinux(void **state)
{
	struct fixture *f = *state;
	struct selinux *s;

	assert_int_equal(selinux_open(f->g, &s, &f->err), 0);
	assert_false(selinux_enabled(s));
	selinux_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    FIXTURE_TEST(test_labels),
	    FIXTURE_TEST(test_switched_off),
	    FIXTURE_TEST(test_no_selinux),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
