/* Tests of the step vendor-repos. */
#include "tests/unit/converters/linux/linux_fixture.h"

static const char *after_edit(struct linux_fixture *f, const char *path, const char *text)
{
	plant(&f->files, path, text);
	run_twice(f, &step_vendor_repos);
	return text_of(&f->files, path);
}

static void test_yum(void **state)
{
	struct linux_fixture *f = *state;

	assert_string_equal(
	    after_edit(f, "/etc/yum.repos.d/vmware.repo",
		       "[a]\nname=A\nbaseurl=http://packages.vmware.com/tools/esx\nenabled = 1\n\n"
		       "[b]\nbaseurl=https://packages.vmware.com/tools/x\n[c]\nbaseurl=http://mirror/c\n"
		       "enabled=1\n"),
	    "[a]\nname=A\nbaseurl=http://packages.vmware.com/tools/esx\nenabled = 0\n\n"
	    "[b]\nenabled=0\nbaseurl=https://packages.vmware.com/tools/x\n[c]\nbaseurl=http://mirror/c\n"
	    "enabled=1\n");
}

/* The host has a distribution's own packages, too. */
static void test_photon(void **state)
{
	struct linux_fixture *f = *state;
	const char *text = "[photon]\nname=VMware Photon OS\n"
			   "baseurl=https://packages.vmware.com/photon/$releasever/photon_release\nenabled=1\n";

	assert_string_equal(after_edit(f, "/etc/yum.repos.d/photon.repo", text), text);
}

static void test_zypper_disabled_already(void **state)
{
	struct linux_fixture *f = *state;
	const char *text = "[vmware]\nenabled=0\nbaseurl=http://packages.vmware.com/tools\n";

	assert_string_equal(after_edit(f, "/etc/zypp/repos.d/v.repo", text), text);
}

static void test_apt(void **state)
{
	struct linux_fixture *f = *state;

	assert_string_equal(
	    after_edit(f, "/etc/apt/sources.list.d/v.list",
		       "deb http://packages.vmware.com/tools/esx trusty main\ndeb http://deb.debian.org x main\n"
		       "# deb http://packages.vmware.com/tools/old\n"),
	    "# deb http://packages.vmware.com/tools/esx trusty main\ndeb http://deb.debian.org x main\n"
	    "# deb http://packages.vmware.com/tools/old\n");
}

static void test_keep_tools(void **state)
{
	struct linux_fixture *f = *state;

	assert_true(step_vendor_repos.applies(&f->c));
	f->options.keep_tools = true;
	assert_false(step_vendor_repos.applies(&f->c));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    LINUX_TEST(test_yum), LINUX_TEST(test_photon),     LINUX_TEST(test_zypper_disabled_already),
	    LINUX_TEST(test_apt), LINUX_TEST(test_keep_tools),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
