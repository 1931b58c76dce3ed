/* Tests of the inspector agents and the steps guest-tools and shared-folders. */
#include "tests/unit/converters/linux/linux_fixture.h"

#include "inspectors/registry.h"

static void inspect_agents(struct linux_fixture *f)
{
	assert_int_equal(inspector_agents.run(f->files.g, f->machine, f->inspection, &f->files.err), 0);
}

static void plant_link(struct linux_fixture *f, const char *target, const char *path)
{
	plant(&f->files, arena_printf(&f->files.arena, "%s.x", path), "");
	assert_int_equal(unlink(on_host(&f->files, arena_printf(&f->files.arena, "%s.x", path))), 0);
	assert_int_equal(symlink(target, on_host(&f->files, path)), 0);
}

static const char *target_of(struct linux_fixture *f, const char *path)
{
	char *target;

	if (f->files.g->ops->readlink(f->files.g, path, &f->files.arena, &target, &f->files.err) < 0)
		return "none";
	return target;
}

static const char status[] =
    "Package: bash\nStatus: install ok installed\nVersion: 5.2\n\n"
    "Package: open-vm-tools\nStatus: install ok installed\nPriority: optional\n"
    "Version: 2:12.2.0-1+deb12u2\nDescription: Open VMware Tools\n Package: qemu-guest-agent\n\n"
    "Package: hyperv-daemons\nStatus: deinstall ok config-files\nVersion: 6.1\n\n"
    "Package: qemu-guest-agent\nVersion: 1:7.2\nStatus: install ok installed\n";

static void test_open_vm_tools(void **state)
{
	struct linux_fixture *f = *state;

	plant(&f->files, "/var/lib/dpkg/status", status);
	plant(&f->files, "/lib/systemd/systemd", "");
	plant(&f->files, "/lib/systemd/system/open-vm-tools.service", "[Unit]\n");
	plant(&f->files, "/lib/systemd/system/vgauth.service", "[Unit]\n");
	plant_link(f, "/lib/systemd/system/open-vm-tools.service", "/etc/systemd/system/vmtoolsd.service");
	plant_link(f, "/lib/systemd/system/open-vm-tools.service",
		   "/etc/systemd/system/multi-user.target.wants/open-vm-tools.service");
	plant_link(f, "../init.d/open-vm-tools", "/etc/rc2.d/S03open-vm-tools");
	inspect_agents(f);
	assert_int_equal(f->inspection->agents.n, 2);
	assert_string_equal(f->inspection->agents.v[0].id, "open-vm-tools");
	assert_string_equal(f->inspection->agents.v[0].evidence, "open-vm-tools 2:12.2.0-1+deb12u2");
	assert_string_equal(f->inspection->agents.v[1].id, "qemu-guest-agent");
	run_twice(f, &step_guest_tools);
	assert_string_equal(target_of(f, "/etc/systemd/system/open-vm-tools.service"), "/dev/null");
	assert_string_equal(target_of(f, "/etc/systemd/system/vgauth.service"), "/dev/null");
	assert_string_equal(target_of(f, "/etc/rc2.d/K01open-vm-tools"), "../init.d/open-vm-tools");
	assert_string_equal(target_of(f, "/etc/rc2.d/S03open-vm-tools"), "none");
	assert_false(guest_exists(f->files.g, "/etc/systemd/system/qemu-guest-agent.service"));
	assert_string_equal(
	    change_of(f, "/etc/systemd/system/vgauth.service")->reason,
	    "open-vm-tools (open-vm-tools 2:12.2.0-1+deb12u2) has nothing to do on KVM; it stays installed but "
	    "doesn't start");
}

static void test_systemd_needs_no_stop_links(void **state)
{
	struct linux_fixture *f = *state;

	f->inspection->os.init = (char *)"systemd";
	plant(&f->files, "/var/lib/dpkg/status", status);
	plant(&f->files, "/lib/systemd/systemd", "");
	plant(&f->files, "/etc/init.d/open-vm-tools", "");
	plant_link(f, "../init.d/open-vm-tools", "/etc/rc2.d/S03open-vm-tools");
	inspect_agents(f);
	run_twice(f, &step_guest_tools);
	assert_int_equal(f->files.log.changes.n, 1);
	assert_string_equal(target_of(f, "/etc/systemd/system/open-vm-tools.service"), "/dev/null");
}

static void test_tarball_with_upstart(void **state)
{
	struct linux_fixture *f = *state;

	plant(&f->files, "/etc/vmware-tools/locations", "");
	plant(&f->files, "/etc/init/vmware-tools.conf", "");
	inspect_agents(f);
	assert_string_equal(f->inspection->agents.v[0].evidence, "/etc/vmware-tools/locations");
	run_twice(f, &step_guest_tools);
	assert_string_equal(text_of(&f->files, "/etc/init/vmware-tools.override"), "manual\n");
	assert_int_equal(f->files.log.changes.n, 1);
}

static void test_unit_in_etc(void **state)
{
	struct linux_fixture *f = *state;

	plant(&f->files, "/usr/lib/systemd/systemd", "");
	plant(&f->files, "/var/lib/VBoxGuestAdditions/config", "");
	plant(&f->files, "/etc/systemd/system/vboxadd.service", "[Unit]\n");
	plant_link(f, "../vboxadd.service", "/etc/systemd/system/multi-user.target.wants/vboxadd.service");
	inspect_agents(f);
	run_twice(f, &step_guest_tools);
	assert_string_equal(text_of(&f->files, "/etc/systemd/system/vboxadd.service"), "[Unit]\n");
	assert_string_equal(target_of(f, "/etc/systemd/system/multi-user.target.wants/vboxadd.service"), "none");
}

static void test_keep_tools(void **state)
{
	struct linux_fixture *f = *state;

	assert_true(step_guest_tools.applies(&f->c));
	f->options.keep_tools = true;
	assert_false(step_guest_tools.applies(&f->c));
}

static void test_shared_folders(void **state)
{
	struct linux_fixture *f = *state;

	plant(&f->files, "/etc/fstab",
	      ".host:/ /mnt/hgfs fuse.vmhgfs-fuse allow_other 0 0\nshare /s vboxsf nofail 0 0\nx /t vmhgfs\n"
	      "/dev/vg/a / ext4 defaults 0 1\n");
	run_twice(f, &step_shared_folders);
	assert_string_equal(text_of(&f->files, "/etc/fstab"),
			    ".host:/ /mnt/hgfs fuse.vmhgfs-fuse allow_other,noauto 0 0\nshare /s vboxsf nofail 0 0\n"
			    "x /t vmhgfs noauto\n/dev/vg/a / ext4 defaults 0 1\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    LINUX_TEST(test_open_vm_tools),	   LINUX_TEST(test_systemd_needs_no_stop_links),
	    LINUX_TEST(test_tarball_with_upstart), LINUX_TEST(test_unit_in_etc),
	    LINUX_TEST(test_keep_tools),	   LINUX_TEST(test_shared_folders),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
