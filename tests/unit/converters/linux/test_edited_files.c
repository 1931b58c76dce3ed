/* The files that the steps edit pass the checkers of the programs that read them; a missing checker is a skip. */
#include "tests/unit/converters/linux/linux_fixture.h"

#include "core/base/child.h"
#include "inspectors/registry.h"

#define MAC "52:54:00:aa:00:01"

/* Runs a shell line; its output. The test is skipped when the program isn't there. */
static const char *checked(struct linux_fixture *f, const char *program, bool must_succeed, const char *line)
{
	AUTO(buf_done) struct buf out = BUF_INIT(1 << 20);
	const char *path = "PATH=$PATH:/sbin:/usr/sbin";
	int status;

	if (child_run(
		(const char *[]){"sh", "-c", arena_printf(&f->files.arena, "%s; command -v %s", path, program), NULL},
		&out, &f->files.err) != 0) {
		print_message("SKIP: %s is not installed\n", program);
		skip();
	}
	buf_clear(&out);
	status = child_run((const char *[]){"sh", "-c", arena_printf(&f->files.arena, "%s; %s 2>&1", path, line), NULL},
			   &out, &f->files.err);
	if (must_succeed && status != 0)
		fail_msg("%s: exit %d: %s", line, status, buf_str(&out));
	return arena_strdup(&f->files.arena, buf_str(&out));
}

static const char *in_guest(struct linux_fixture *f, const char *path)
{
	return on_host(&f->files, path);
}

static void convert(struct linux_fixture *f)
{
	survey(f);
	assert_int_equal(inspector_network.run(f->files.g, f->machine, f->inspection, &f->files.err), 0);
	run_twice(f, &step_device_names_fstab);
	run_twice(f, &step_device_names_boot);
	run_twice(f, &step_storage_filters);
	run_twice(f, &step_network_names);
	run_twice(f, &step_grub_install_devices);
	assert_true(f->files.log.changes.n > 0);
}

static void test_grub(void **state)
{
	struct linux_fixture *f = *state;
	AUTO(buf_done) struct buf b = BUF_INIT(1 << 20);

	assert_int_equal(file_slurp(AT_FDCWD, "tests/data/guest/debian12-grub.cfg", &b, &f->files.err), 0);
	plant(&f->files, "/boot/grub/grub.cfg", buf_str(&b));
	plant(&f->files, "/etc/default/grub",
	      "GRUB_CMDLINE_LINUX='resume=/dev/sda2 x=\"y\"'\nGRUB_DISABLE_LINUX_UUID=true # c\n");
	convert(f);
	checked(f, "grub-script-check", true,
		arena_printf(&f->files.arena, "grub-script-check %s", in_guest(f, "/boot/grub/grub.cfg")));
	assert_string_equal(
	    checked(f, "sh", true,
		    arena_printf(&f->files.arena, ". %s; echo \"$GRUB_CMDLINE_LINUX $GRUB_DISABLE_LINUX_UUID\"",
				 in_guest(f, "/etc/default/grub"))),
	    "resume=UUID=" SWAP_UUID " x=\"y\" false\n");
}

static void test_fstab(void **state)
{
	struct linux_fixture *f = *state;
	const char *out;

	plant(&f->files, "/etc/fstab", "# c\n/dev/sda1 / ext4 errors=remount-ro 0 1\n/dev/sda2\tnone swap sw 0 0\n");
	convert(f);
	/* The UUIDs are nowhere on this machine, so only the parser's verdict counts. */
	out = checked(f, "findmnt", false,
		      arena_printf(&f->files.arena, "findmnt --verify --tab-file %s", in_guest(f, "/etc/fstab")));
	assert_non_null(strstr(out, "0 parse errors"));
	assert_non_null(strstr(out, "UUID=" ROOT_UUID));
}

static void test_netplan(void **state)
{
	struct linux_fixture *f = *state;
	const char *link;

	plant(&f->files, "/usr/lib/udev/rules.d/80-net-setup-link.rules", "");
	add_nic(f, MAC, 192);
	add_nic(f, "52:54:00:aa:00:02", 224);
	plant(
	    &f->files, "/etc/netplan/01-netcfg.yaml",
	    "network:\n  version: 2\n  renderer: networkd\n  ethernets:\n    ens192:\n      addresses: [10.0.0.5/24]\n"
	    "    store:\n      match: {driver: vmxnet3, macaddress: '52:54:00:aa:00:02'}\n      set-name: store0\n"
	    "      dhcp4: true\n  vlans:\n    v9: {id: 9, link: ens192, dhcp4: yes}\n");
	convert(f);
	checked(f, "netplan", true, arena_printf(&f->files.arena, "netplan generate --root-dir %s", f->files.dir));
	link = text_of(&f->files, "/run/systemd/network/10-netplan-store.link");
	assert_non_null(strstr(link, "MACAddress=52:54:00:aa:00:02\n"));
	assert_non_null(strstr(link, "\nName=store0\n"));
	assert_null(strstr(link, "vmxnet3"));
}

static void test_ifupdown(void **state)
{
	struct linux_fixture *f = *state;

	add_nic(f, MAC, 192);
	plant(&f->files, "/lib/udev/rules.d/50-udev-default.rules", "");
	plant(&f->files, "/etc/network/interfaces",
	      "auto lo\niface lo inet loopback\nauto ens192\niface ens192 inet static\n\taddress 10.0.2.50/24\n");
	convert(f);
	assert_non_null(strstr(
	    checked(f, "ifquery", true,
		    arena_printf(&f->files.arena, "ifquery -i %s ens192", in_guest(f, "/etc/network/interfaces"))),
	    "address: 10.0.2.50\n"));
}

static void test_debconf(void **state)
{
	struct linux_fixture *f = *state;
	const char *dir = f->files.dir;

	plant(&f->files, "/etc/fstab", "/dev/sda1 / ext4 x 0 1\n");
	plant(&f->files, "/var/cache/debconf/config.dat",
	      "Name: grub-pc/install_devices\nTemplate: grub-pc/install_devices\nValue: /dev/sda\nOwners: grub-pc\n"
	      "Flags: seen\nVariables:\n RAW_CHOICES = /dev/sda\n\n");
	plant(&f->files, "/var/cache/debconf/templates.dat",
	      "Name: grub-pc/install_devices\nDefault: \nDescription: x\nOwners: grub-pc/install_devices\nType: "
	      "multiselect\n\n");
	plant(&f->files, "/debconf.conf",
	      arena_printf(&f->files.arena,
			   "Config: config\nTemplates: templates\n\nName: config\nDriver: File\n"
			   "Filename: %s/var/cache/debconf/config.dat\n\nName: templates\nDriver: File\n"
			   "Filename: %s/var/cache/debconf/templates.dat\n",
			   dir, dir));
	convert(f);
	assert_string_equal(
	    checked(f, "debconf-show", true,
		    arena_printf(&f->files.arena, "DEBCONF_SYSTEMRC=%s/debconf.conf debconf-show grub-pc", dir)),
	    "* grub-pc/install_devices: /dev/vda\n");
}

static void test_lvm(void **state)
{
	struct linux_fixture *f = *state;

	plant(&f->files, "/etc/lvm/lvm.conf",
	      "devices {\n\tglobal_filter = [ \"a|^/dev/sd[ab]|\",\n\t\t\"r|.*|\" ] # only these\n}\n");
	convert(f);
	assert_string_equal(
	    checked(f, "lvmconfig", true,
		    arena_printf(&f->files.arena, "LVM_SYSTEM_DIR=%s lvmconfig devices/global_filter 2>/dev/null",
				 in_guest(f, "/etc/lvm"))),
	    "global_filter=[\"a|^/dev/vd[ab]|\",\"a|^/dev/sd[ab]|\",\"r|.*|\"]\n");
}

static void test_mount_unit(void **state)
{
	struct linux_fixture *f = *state;
	const char *unit = "/etc/systemd/system/srv.mount";

	plant(&f->files, unit, "[Unit]\nRequires=dev-sda1.device\n[Mount]\nWhat=/dev/sda1\nWhere=/srv\nType=ext4\n");
	convert(f);
	assert_string_equal(checked(f, "systemd-analyze", true,
				    arena_printf(&f->files.arena, "systemd-analyze verify %s", in_guest(f, unit))),
			    "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    LINUX_TEST(test_grub),    LINUX_TEST(test_fstab), LINUX_TEST(test_netplan),	   LINUX_TEST(test_ifupdown),
	    LINUX_TEST(test_debconf), LINUX_TEST(test_lvm),   LINUX_TEST(test_mount_unit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
