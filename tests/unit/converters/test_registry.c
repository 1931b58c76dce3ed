/* Whole guests through all inspectors and steps; a second conversion of the result changes nothing. */
#include "tests/unit/converters/linux/linux_fixture.h"

#include "inspectors/inspector.h"

#define MAC "52:54:00:aa:00:01"

static void count_ticks(const char *what, void *opaque)
{
	++*(unsigned *)opaque;
	assert_non_null(what);
}

/* Everything that inspection finds is found again, as a new run would. */
static void forget(struct linux_fixture *f)
{
	struct inspection *again = inspection_new();

	again->os = f->inspection->os;
	VEC_FOR (fs, &f->inspection->filesystems)
		*vec_push(&again->arena, &again->filesystems) = *fs;
	changelog_done(&f->files.log);
	f->files.log = (struct changelog){0};
	f->c.inspection = again;
}

static void convert_twice(struct linux_fixture *f)
{
	unsigned ticks = 0;
	struct inspection *first = f->inspection;

	if (inspect_guest(f->files.g, f->machine, f->inspection, &f->files.err) < 0 ||
	    steps_run(&f->c, count_ticks, &ticks, &f->files.err) < 0)
		fail_msg("%s", f->files.err.text);
	assert_true(ticks >= 8);
	assert_true(f->files.log.changes.n > 0);
	VEC_FOR (c, &f->files.log.changes)
		assert_non_null(c->step);
	forget(f);
	if (inspect_guest(f->files.g, f->machine, f->c.inspection, &f->files.err) < 0 ||
	    steps_run(&f->c, NULL, NULL, &f->files.err) < 0)
		fail_msg("%s", f->files.err.text);
	VEC_FOR (c, &f->files.log.changes)
		fail_msg("the second run changed %s: %s", c->path, c->diff ? c->diff : c->words);
	inspection_free(f->c.inspection);
	f->c.inspection = first;
}

/* A modern guest with everything by name, as the field's first. */
static void test_systemd_guest(void **state)
{
	struct linux_fixture *f = *state;

	add_nic(f, MAC, 192);
	add_nic(f, "52:54:00:aa:00:02", 224);
	plant(&f->files, "/usr/lib/udev/rules.d/80-net-setup-link.rules", "");
	plant(&f->files, "/usr/lib/systemd/systemd", "");
	plant(&f->files, "/usr/lib/systemd/system/open-vm-tools.service", "[Unit]\n");
	plant(&f->files, "/var/lib/dpkg/status",
	      "Package: open-vm-tools\nStatus: install ok installed\nVersion: 2:12.2.0\n");
	plant(&f->files, "/etc/fstab", "/dev/sda1 / ext4 errors=remount-ro 0 1\n/dev/sda2 none swap sw 0 0\n");
	plant(&f->files, "/etc/default/grub", "GRUB_CMDLINE_LINUX=\"\"\nGRUB_DISABLE_LINUX_UUID=true\n");
	plant(&f->files, "/boot/grub/grub.cfg", "menuentry x {\n linux /v root=/dev/sda1 ro\n initrd /i\n}\n");
	plant(&f->files, "/boot/grub/device.map", "(hd0) /dev/sda\n");
	plant(&f->files, "/etc/initramfs-tools/conf.d/resume", "RESUME=/dev/sda2\n");
	plant(&f->files, "/etc/network/interfaces",
	      "auto ens192\niface ens192 inet static\n address 10.0.2.50/24\nauto store0\niface store0 inet dhcp\n");
	plant(&f->files, "/etc/systemd/network/10-store0.link",
	      "[Match]\nMACAddress=52:54:00:aa:00:02\nDriver=vmxnet3\n[Link]\nName=store0\n");
	plant(&f->files, "/var/cache/debconf/config.dat", "Name: grub-pc/install_devices\nValue: /dev/sda\n\n");
	plant(&f->files, "/etc/lvm/lvm.conf", "devices {\n filter = [ \"a|^/dev/sd[ab]|\", \"r|.*|\" ]\n}\n");
	plant(&f->files, "/usr/bin/cloud-init", "");
	plant(&f->files, "/etc/cloud/cloud.cfg.d/05_logging.cfg", "");
	convert_twice(f);
	assert_string_equal(text_of(&f->files, "/etc/initramfs-tools/conf.d/resume"), "RESUME=UUID=" SWAP_UUID "\n");
	assert_string_equal(text_of(&f->files, "/etc/systemd/network/10-store0.link"),
			    "[Match]\nMACAddress=52:54:00:aa:00:02\n[Link]\nName=store0\n");
	assert_true(guest_exists(f->files.g, "/etc/systemd/network/10-rehost-ens192.link"));
	assert_false(guest_exists(f->files.g, "/etc/systemd/network/10-rehost-store0.link"));
}

/* Two disks, an LVM filter by name, and the second disk mounted by name. */
static void test_two_disks(void **state)
{
	struct linux_fixture *f = *state;

	add_disk(f, CONTROLLER_LSILOGIC, 1);
	add_fs(f, "/dev/sdb1", "ext4", DATA_UUID, 1, 1);
	add_fs(f, "/dev/data/vol", "ext4", "aaaaaaaa-0000", 0, 0);
	plant(&f->files, "/etc/fstab",
	      "/dev/sda1 / ext4 errors=remount-ro 0 1\n/dev/sdb1 /srv ext4 defaults 0 2\n/dev/data/vol /data ext4 "
	      "defaults 0 2\n");
	plant(&f->files, "/etc/lvm/lvmlocal.conf",
	      "devices {\n\tglobal_filter = [ \"a|^/dev/sd[ab]|\", \"r|.*|\" ]\n}\n");
	convert_twice(f);
	assert_string_equal(text_of(&f->files, "/etc/fstab"),
			    "UUID=" ROOT_UUID " / ext4 errors=remount-ro 0 1\nUUID=" DATA_UUID
			    " /srv ext4 defaults 0 2\n/dev/data/vol /data ext4 defaults 0 2\n");
	assert_string_equal(
	    text_of(&f->files, "/etc/lvm/lvmlocal.conf"),
	    "devices {\n\tglobal_filter = [ \"a|^/dev/vd[ab]|\", \"a|^/dev/sd[ab]|\", \"r|.*|\" ]\n}\n");
}

/* sysvinit, GRUB legacy whose comments no lens accepts, eth0 by a udev rule. */
static void test_old_guest(void **state)
{
	struct linux_fixture *f = *state;
	const char *rule = "SUBSYSTEM==\"net\", ACTION==\"add\", DRIVERS==\"?*\", ATTR{address}==\"" MAC
			   "\", ATTR{dev_id}==\"0x0\", ATTR{type}==\"1\", NAME=\"eth0\"\n";

	f->machine->disks.v[0].controller = CONTROLLER_IDE;
	add_nic(f, MAC, -1);
	plant(&f->files, "/etc/fstab", "/dev/sda1 / ext3 errors=remount-ro 0 1\n/dev/sda2 none swap sw 0 0\n");
	plant(&f->files, "/etc/network/interfaces", "auto eth0\niface eth0 inet static\n address 10.0.2.50/24\n");
	plant(&f->files, "/etc/udev/rules.d/70-persistent-net.rules", rule);
	plant(&f->files, "/boot/grub/menu.lst",
	      "default 0\n## lines between the AUTOMAGIC KERNELS LIST markers will be modified\n"
	      "# kopt=root=/dev/sda1 ro net.ifnames=0\n# groot=(hd0,0)\n\ntitle\t\tDebian\nroot\t\t(hd0,0)\n"
	      "kernel\t\t/boot/vmlinuz root=/dev/sda1 ro net.ifnames=0\ninitrd\t\t/boot/initrd.img\n");
	convert_twice(f);
	assert_string_equal(text_of(&f->files, "/boot/grub/menu.lst"),
			    "default 0\n## lines between the AUTOMAGIC KERNELS LIST markers will be modified\n"
			    "# kopt=root=UUID=" ROOT_UUID " ro net.ifnames=0\n# groot=(hd0,0)\n\ntitle\t\tDebian\n"
			    "root\t\t(hd0,0)\nkernel\t\t/boot/vmlinuz root=UUID=" ROOT_UUID
			    " ro net.ifnames=0\ninitrd\t\t/boot/initrd.img\n");
	assert_string_equal(text_of(&f->files, "/etc/udev/rules.d/70-persistent-net.rules"), rule);
}

static void test_failing_step(void **state)
{
	struct linux_fixture *f = *state;

	plant(&f->files, "/etc/fstab", "/dev/sda1 / ext4 x 0 1\n");
	survey(f);
	plant(&f->files, "/boot/grub/grub.cfg", "");
	assert_int_equal(truncate(on_host(&f->files, "/boot/grub/grub.cfg"), GUEST_TEXT_MAX + 1L), 0);
	assert_int_equal(steps_run(&f->c, NULL, NULL, &f->files.err), -1);
	assert_int_equal(f->files.err.code, ERR_CONVERT);
	assert_int_equal(strncmp(f->files.err.text, "step device-names-boot: ", 24), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    LINUX_TEST(test_systemd_guest),
	    LINUX_TEST(test_two_disks),
	    LINUX_TEST(test_old_guest),
	    LINUX_TEST(test_failing_step),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
