/* Tests of the small steps: grub-install-devices, device-caches, console, cloud-init; and of the table. */
#include "tests/unit/converters/linux/linux_fixture.h"

static const char debconf[] =
    "Name: debconf/priority\nTemplate: debconf/priority\nValue: high\nOwners: d-i\n\n"
    "Name: grub-pc/install_devices\nTemplate: grub-pc/install_devices\nValue: /dev/sda, /dev/sdb1\n"
    "Owners: grub-pc\nFlags: seen\nVariables:\n CHOICES = \n RAW_CHOICES = /dev/sda\n\n"
    "Name: grub-pc/install_devices_empty\nTemplate: grub-pc/install_devices_empty\nValue: false\n"
    "Owners: grub-pc\n\nName: other/install_devices\nValue: /dev/sda\n";

static void test_grub_install_devices(void **state)
{
	struct linux_fixture *f = *state;
	const char *after;

	add_disk(f, CONTROLLER_PVSCSI, 1);
	add_fs(f, "/dev/sdb1", "ext4", DATA_UUID, 1, 1);
	plant(&f->files, "/etc/fstab", "/dev/sda1 / ext4 x\n");
	plant(&f->files, "/boot/grub/device.map", "(hd0)\t/dev/sda\n(fd0) /dev/fd0\n");
	plant(&f->files, "/var/cache/debconf/config.dat", debconf);
	survey(f);
	run_twice(f, &step_grub_install_devices);
	assert_string_equal(text_of(&f->files, "/boot/grub/device.map"), "(hd0)\t/dev/vda\n(fd0) /dev/fd0\n");
	after = text_of(&f->files, "/var/cache/debconf/config.dat");
	assert_non_null(strstr(after, "\nValue: /dev/vda, /dev/vdb1\nOwners: grub-pc\n"));
	assert_non_null(strstr(after, " RAW_CHOICES = /dev/sda\n"));
	assert_non_null(strstr(after, "Name: other/install_devices\nValue: /dev/sda\n"));
	assert_int_equal(strlen(after), strlen(debconf));
}

static void test_grub_install_devices_on_sata(void **state)
{
	struct linux_fixture *f = *state;
	const char *map = "(hd0) /dev/disk/by-id/scsi-36000c29f0e1d2c3b4a5968778695a4b3\n";

	f->caps.disk = DISK_BUS_SATA;
	f->machine->disks.v[0].serial = (char *)"6000c29f0e1d2c3b4a5968778695a4b3";
	plant(&f->files, "/boot/grub/device.map", map);
	survey(f);
	run_twice(f, &step_grub_install_devices);
	assert_string_equal(text_of(&f->files, "/boot/grub/device.map"), "(hd0) /dev/sda\n");
}

static void test_caches(void **state)
{
	struct linux_fixture *f = *state;

	plant(&f->files, "/etc/blkid.tab", "<device/>\n");
	plant(&f->files, "/etc/lvm/devices/system.devices", "IDTYPE=sys_wwid\n");
	run_twice(f, &step_device_caches);
	assert_int_equal(f->files.log.changes.n, 2);
	assert_int_equal(f->files.log.changes.v[0].kind, CHANGE_REMOVE);
	assert_false(guest_exists(f->files.g, "/etc/lvm/devices/system.devices"));
}

static void test_console(void **state)
{
	struct linux_fixture *f = *state;

	plant(&f->files, "/etc/default/grub",
	      "# console=hvc0\nGRUB_CMDLINE_LINUX=\"console=hvc0 console=tty0 console=hvc0\"\n");
	plant(&f->files, "/etc/inittab", "1:23:respawn:/sbin/getty 38400 tty1\nco:23:respawn:/sbin/getty 38400 xvc0\n");
	plant(
	    &f->files, "/etc/X11/xorg.conf",
	    "Section \"Device\"\n\tDriver \"vmware\"\nEndSection\nSection \"InputDevice\"\n\tdriver\t\"vmmouse\" # m\n"
	    "EndSection\nSection \"Device\"\n\tDriver \"nvidia\"\nEndSection\n");
	run_twice(f, &step_console);
	assert_string_equal(text_of(&f->files, "/etc/default/grub"),
			    "# console=hvc0\nGRUB_CMDLINE_LINUX=\"console=ttyS0 console=tty0 console=ttyS0\"\n");
	assert_string_equal(text_of(&f->files, "/etc/inittab"),
			    "1:23:respawn:/sbin/getty 38400 tty1\nco:23:respawn:/sbin/getty 38400 ttyS0\n");
	assert_string_equal(
	    text_of(&f->files, "/etc/X11/xorg.conf"),
	    "Section \"Device\"\n\tDriver \"modesetting\"\nEndSection\nSection \"InputDevice\"\n"
	    "\tdriver\t\"mouse\" # m\nEndSection\nSection \"Device\"\n\tDriver \"nvidia\"\nEndSection\n");
}

/* A line with a console at every turn takes memory by its length, not by its square. */
static void test_endless_console(void **state)
{
	struct linux_fixture *f = *state;
	AUTO(buf_done) struct buf b = BUF_INIT(GUEST_TEXT_MAX);

	buf_adds(&b, "GRUB_CMDLINE_LINUX=\"");
	while (b.len < 128 << 10)
		buf_adds(&b, "console=hvc0 ");
	buf_adds(&b, "\"\n");
	plant(&f->files, "/etc/default/grub", buf_str(&b));
	buf_clear(&b);
	while (b.len < 128 << 10)
		buf_adds(&b, "hvc0 ");
	plant(&f->files, "/etc/inittab", buf_str(&b));
	run_twice(f, &step_console);
	assert_null(strstr(text_of(&f->files, "/etc/default/grub"), "hvc0"));
	assert_null(strstr(text_of(&f->files, "/etc/inittab"), "hvc0"));
}

static void test_console_of_arm64(void **state)
{
	struct linux_fixture *f = *state;

	f->inspection->os.arch = (char *)"aarch64";
	plant(&f->files, "/etc/default/grub", "GRUB_CMDLINE_LINUX=\"console=hvc0\"\n");
	plant(&f->files, "/etc/inittab", "co:2345:respawn:/sbin/getty 38400 hvc0\n");
	plant(&f->files, "/etc/securetty", "hvc0\n");
	run_twice(f, &step_console);
	assert_string_equal(text_of(&f->files, "/etc/default/grub"), "GRUB_CMDLINE_LINUX=\"console=ttyAMA0\"\n");
	assert_string_equal(text_of(&f->files, "/etc/inittab"), "co:2345:respawn:/sbin/getty 38400 ttyAMA0\n");
	assert_string_equal(text_of(&f->files, "/etc/securetty"), "hvc0\nttyAMA0\n");
}

static void test_serial_console_stays(void **state)
{
	struct linux_fixture *f = *state;

	plant(&f->files, "/etc/default/grub", "GRUB_CMDLINE_LINUX=\"console=tty0 console=ttyS0,115200\"\n");
	run_twice(f, &step_console);
	assert_int_equal(f->files.log.changes.n, 0);
}

/* Links to /dev/null mask files; the node itself may lie on the disk. */
static void test_masked_files(void **state)
{
	struct linux_fixture *f = *state;
	static const char *const masked[] = {"/etc/modprobe.d/a.conf", "/etc/X11/xorg.conf.d/a.conf",
					     "/etc/apt/sources.list.d/a.list", "/etc/yum.repos.d/a.repo",
					     "/etc/cloud/cloud.cfg.d/a.cfg"};

	plant(&f->files, "/dev/folder/x", "");
	for (size_t k = 0; k < sizeof masked / sizeof *masked; k++) {
		plant(&f->files, masked[k], "");
		assert_int_equal(unlink(on_host(&f->files, masked[k])), 0);
		assert_int_equal(symlink("/dev/folder", on_host(&f->files, masked[k])), 0);
	}
	run_twice(f, &step_module_aliases);
	run_twice(f, &step_console);
	run_twice(f, &step_vendor_repos);
	assert_int_equal(f->files.log.changes.n, 0);
	run_twice(f, &step_cloud_init);
	assert_int_equal(f->files.log.changes.n, 1);
}

static void test_cloud_init(void **state)
{
	struct linux_fixture *f = *state;

	assert_false(step_cloud_init.applies(&f->c));
	plant(&f->files, "/usr/bin/cloud-init", "");
	plant(&f->files, "/etc/cloud/cloud.cfg.d/05_logging.cfg", "network: {config: enabled}\n");
	assert_true(step_cloud_init.applies(&f->c));
	run_twice(f, &step_cloud_init);
	assert_string_equal(
	    text_of(&f->files, "/etc/cloud/cloud.cfg.d/99-rehost-network.cfg"),
	    "# Written by rehost: the addresses that this machine had stay.\nnetwork: {config: disabled}\n");
}

static void test_cloud_init_only_seems_off(void **state)
{
	static const char *const texts[] = {
	    "# network: {config: disabled}\n",
	    "#network:\n#  config: disabled\n",
	    "network: {config: enabled} # not disabled\n",
	    "network:\n  # config: disabled\n  version: 2\nssh_pwauth: disabled\n",
	    "system_info:\n  network:\n    config: disabled\n",
	    "network:\n  version: 2\nother:\n  config: disabled\n",
	};
	struct linux_fixture *f = *state;

	plant(&f->files, "/usr/bin/cloud-init", "");
	for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
		plant(&f->files, "/etc/cloud/cloud.cfg.d/50.cfg", texts[k]);
		run_twice(f, &step_cloud_init);
		assert_int_equal(f->files.log.changes.n, k + 1);
		assert_int_equal(unlink(on_host(&f->files, "/etc/cloud/cloud.cfg.d/99-rehost-network.cfg")), 0);
	}
	plant(&f->files, "/etc/cloud/cloud.cfg.d/50.cfg", "network:\n\n  # off\n  config: \"disabled\"\n");
	run_twice(f, &step_cloud_init);
	plant(&f->files, "/etc/cloud/cloud.cfg.d/50.cfg", "a: b\nnetwork: {version: 1, config: disabled}\n");
	run_twice(f, &step_cloud_init);
	assert_false(guest_exists(f->files.g, "/etc/cloud/cloud.cfg.d/99-rehost-network.cfg"));
}

static void test_cloud_init_switched_off_before(void **state)
{
	struct linux_fixture *f = *state;

	plant(&f->files, "/usr/bin/cloud-init", "");
	plant(&f->files, "/etc/cloud/cloud.cfg.d/99-disable.cfg", "network:\n  config: disabled\n");
	run_twice(f, &step_cloud_init);
	assert_int_equal(f->files.log.changes.n, 0);
}

static void test_table(void **state)
{
	struct linux_fixture *f = *state;
	size_t n = 0;

	for (const struct step *const *s = linux_steps; *s; s++, n++) {
		assert_non_null((*s)->id);
		assert_non_null((*s)->summary);
		assert_non_null((*s)->applies);
		assert_non_null((*s)->run);
		for (const struct step *const *t = linux_steps; t < s; t++)
			assert_string_not_equal((*s)->id, (*t)->id);
	}
	assert_true(n >= 10);
	assert_ptr_equal(steps_for(f->inspection), linux_steps);
	f->inspection->os.family = OS_OTHER;
	f->inspection->os.type = arena_strdup(&f->inspection->arena, "hurd");
	assert_null(steps_for(f->inspection));
	assert_int_equal(steps_run(&f->c, NULL, NULL, &f->files.err), -1);
	assert_int_equal(f->files.err.code, ERR_BLOCKED);
	assert_string_equal(f->files.err.text,
			    "no conversion for a guest of type 'hurd': --no-convert copies it as it is");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    LINUX_TEST(test_grub_install_devices),
	    LINUX_TEST(test_grub_install_devices_on_sata),
	    LINUX_TEST(test_caches),
	    LINUX_TEST(test_console),
	    LINUX_TEST(test_endless_console),
	    LINUX_TEST(test_console_of_arm64),
	    LINUX_TEST(test_serial_console_stays),
	    LINUX_TEST(test_masked_files),
	    LINUX_TEST(test_cloud_init),
	    LINUX_TEST(test_cloud_init_only_seems_off),
	    LINUX_TEST(test_cloud_init_switched_off_before),
	    LINUX_TEST(test_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
