/* Tests of guest/files/devnames.c: what device names mean, by content before order. */
#include "guest/files/devmounts.h"
#include "tests/unit/converters/linux/linux_fixture.h"

static void assert_name(const char *name, enum devname_kind kind, unsigned number, unsigned unit, unsigned partition,
			size_t disk_len)
{
	struct devname p;

	if (!devname_parse(name, &p))
		fail_msg("'%s' was not taken as a device name", name);
	assert_int_equal(p.kind, kind);
	assert_int_equal(p.number, number);
	assert_int_equal(p.unit, unit);
	assert_int_equal(p.partition, partition);
	assert_int_equal(p.disk_len, disk_len);
}

static void test_parse(void **state)
{
	static const char *const others[] = {"/dev/mapper/vg-root",
					     "/dev/disk/by-uuid/abc",
					     "/dev/disk/by-label/x",
					     "/dev/md0",
					     "/dev/sr0",
					     "/dev/vg0/sda1",
					     "/dev/sda1p2",
					     "/dev/sda0",
					     "/dev/sd",
					     "/dev/nvme0",
					     "/dev/nvme0n1p",
					     "/dev/nvme0n0",
					     "/dev/fd0",
					     "UUID=sda1",
					     "proc",
					     "/dev/sda99999999",
					     "/dev/sdzzzzzzzz",
					     "/dev/disk/by-id/dm-uuid-LVM-abc",
					     "/dev/loop0",
					     "/dev/mapper/mpathX",
					     "/dev/mapper/mpath",
					     "/dev/mapper/vg-root",
					     "/dev/mapper/360a98000486e2f34-root",
					     "/dev/mapper/360a98000486e2f3",
					     "/dev/disk/by-id/lvm-pv-uuid-x",
					     "",
					     "/dev/",
					     "/dev/sda1 ",
					     "/dev/SDA1"};

	assert_name("/dev/sda", DEVNAME_SD, 0, 0, 0, 8);
	assert_name("sdb12", DEVNAME_SD, 1, 0, 12, 3);
	assert_name("/dev/sdaa3", DEVNAME_SD, 26, 0, 3, 9);
	assert_name("/dev/hdc1", DEVNAME_HD, 2, 0, 1, 8);
	assert_name("/dev/vda2", DEVNAME_VD, 0, 0, 2, 8);
	assert_name("/dev/xvdb1", DEVNAME_XVD, 1, 0, 1, 9);
	assert_name("/dev/nvme1n2p3", DEVNAME_NVME, 1, 1, 3, 12);
	assert_name("/dev/cciss/c0d1p2", DEVNAME_CCISS, 0, 1, 2, 15);
	assert_name("/dev/mmcblk0p1", DEVNAME_MMC, 0, 0, 1, 12);
	assert_name("/dev/mapper/mpathb", DEVNAME_MPATH, 1, 0, 0, 18);
	assert_name("/dev/mapper/mpatha2", DEVNAME_MPATH, 0, 0, 2, 18);
	assert_name("/dev/mapper/mpathap2", DEVNAME_MPATH, 0, 0, 2, 18);
	assert_name("/dev/mapper/mpatha-part12", DEVNAME_MPATH, 0, 0, 12, 18);
	assert_name("/dev/mapper/mpathp", DEVNAME_MPATH, 15, 0, 0, 18);
	assert_name("/dev/mapper/mpathp1", DEVNAME_MPATH, 15, 0, 1, 18);
	assert_name("/dev/mapper/mpath0p1", DEVNAME_MPATH, 0, 0, 1, 18);
	assert_name("/dev/mapper/360a98000486e2f34_part1", DEVNAME_BY_ID, 0, 0, 1, 29);
	assert_name("/dev/disk/by-id/dm-uuid-part1-mpath-360a98000486e2f34", DEVNAME_BY_ID, 0, 0, 1, 53);
	assert_name("/dev/disk/by-path/pci-0000:03:00.0-scsi-0:0:1:0-part2", DEVNAME_BY_PATH, 0, 0, 2, 47);
	assert_name("/dev/disk/by-id/ata-a-part1x", DEVNAME_BY_ID, 0, 0, 0, 28);
	assert_name("/dev/disk/by-id/ata-a-partition", DEVNAME_BY_ID, 0, 0, 0, 31);
	for (size_t k = 0; k < sizeof others / sizeof *others; k++) {
		struct devname p;

		if (devname_parse(others[k], &p))
			fail_msg("'%s' was taken as a device name", others[k]);
	}
}

static const struct device_name *meaning(struct linux_fixture *f, const char *name)
{
	const struct device_name *d = devnames_find(f->inspection, name);

	if (!d)
		fail_msg("%s was not found", name);
	return d;
}

/* os-prober's entry of the system on the other disk, whose root has the same number; it stands first here. */
static void test_root_of_another_system(void **state)
{
	struct linux_fixture *f = *state;

	add_disk(f, CONTROLLER_PVSCSI, 1);
	add_fs(f, "/dev/sdb1", "ext4", DATA_UUID, 1, 1);
	plant(&f->files, "/boot/grub/grub.cfg",
	      "menuentry 'Other' {\n\tlinux /boot/b root=/dev/sdb1 ro\n\tinitrd /boot/c\n}\n"
	      "menuentry 'Debian' {\n\tlinux /boot/a root=/dev/sda1 ro\n\tinitrd /boot/d\n}\n");
	*vec_push(&f->inspection->arena, &f->inspection->boot_entries) =
	    (struct boot_entry){.cmdline = (char *)"root=/dev/sda1 ro", .is_default = true};
	survey(f);
	assert_string_equal(meaning(f, "/dev/sda1")->spec, "UUID=" ROOT_UUID);
	assert_string_equal(meaning(f, "/dev/sdb1")->spec, "UUID=" DATA_UUID);
	f->inspection->boot_entries.n = 0;
	plant(&f->files, "/etc/fstab", "/dev/sdb1 /mnt ext4 x\n/dev/sda1 / ext4 x\n");
	survey(f);
	assert_string_equal(meaning(f, "/dev/sda1")->spec, "UUID=" ROOT_UUID);
	assert_string_equal(meaning(f, "/dev/sdb1")->spec, "UUID=" DATA_UUID);
}

/* The appliance and the guest order the disks differently: the root file system tells. */
static void test_root_decides_over_order(void **state)
{
	struct linux_fixture *f = *state;

	add_disk(f, CONTROLLER_PVSCSI, 1);
	f->inspection->filesystems.n = 0;
	add_fs(f, "/dev/sda1", "ext4", DATA_UUID, 0, 1);
	add_fs(f, "/dev/sdb1", "ext4", ROOT_UUID, 1, 1);
	add_fs(f, "/dev/sdb2", "swap", SWAP_UUID, 1, 2);
	f->inspection->os.root = (char *)"/dev/sdb1";
	plant(&f->files, "/etc/fstab",
	      "/dev/sda1 / ext4 defaults 0 1\n/dev/sda2 none swap sw 0 0\n/dev/sdb1 /srv ext4 defaults 0 2\n");
	survey(f);
	assert_string_equal(meaning(f, "/dev/sda1")->spec, "UUID=" ROOT_UUID);
	assert_string_equal(meaning(f, "/dev/sda2")->spec, "UUID=" SWAP_UUID);
	assert_string_equal(meaning(f, "/dev/sda2")->reason,
			    "it is on the same disk as /dev/sda1, whose meaning is sure");
	assert_string_equal(meaning(f, "/dev/sdb1")->spec, "UUID=" DATA_UUID);
	assert_string_equal(meaning(f, "/dev/sdb1")->reason, "only one partition with ext4 fits it");
	assert_false(meaning(f, "/dev/sdb1")->guessed);
}

/* The root parameter of the boot entry is evidence too, when fstab has UUIDs. */
static void test_root_parameter(void **state)
{
	struct linux_fixture *f = *state;

	add_disk(f, CONTROLLER_PVSCSI, 1);
	add_fs(f, "/dev/sdb1", "ext4", DATA_UUID, 1, 1);
	plant(&f->files, "/boot/grub/grub.cfg",
	      "menuentry x {\n linux /v root=/dev/sdb1 resume=/dev/sdb2\n initrd /i\n}\n");
	survey(f);
	assert_string_equal(meaning(f, "/dev/sdb1")->spec, "UUID=" ROOT_UUID);
	assert_string_equal(meaning(f, "/dev/sdb2")->spec, "UUID=" SWAP_UUID);
	assert_string_equal(meaning(f, "/dev/sdb1")->used, "/boot/grub/grub.cfg:2");
}

static void test_type_decides(void **state)
{
	struct linux_fixture *f = *state;

	f->inspection->os.root = (char *)"/dev/vg/root";
	add_disk(f, CONTROLLER_PVSCSI, 1);
	add_disk(f, CONTROLLER_PVSCSI, 2);
	f->inspection->filesystems.n = 0;
	add_fs(f, "/dev/vg/root", "ext4", ROOT_UUID, 0, 0);
	add_fs(f, "/dev/sda1", "ext2", "11111111-0000", 0, 1);
	add_fs(f, "/dev/sdb1", "xfs", "22222222-0000", 1, 1);
	add_fs(f, "/dev/sdc1", "swap", "33333333-0000", 2, 1);
	plant(&f->files, "/etc/fstab",
	      "/dev/vg/root / ext4 defaults 0 1\n/dev/sdc1 /boot ext4 defaults 0 2\n/dev/sda1 /data xfs defaults 0 2\n"
	      "/dev/sdb1 none swap sw 0 0\n");
	survey(f);
	assert_string_equal(meaning(f, "/dev/sdc1")->spec, "UUID=11111111-0000");
	assert_string_equal(meaning(f, "/dev/sda1")->spec, "UUID=22222222-0000");
	assert_string_equal(meaning(f, "/dev/sdb1")->spec, "UUID=33333333-0000");
	assert_null(devnames_find(f->inspection, "/dev/vg/root"));
}

static void test_order_is_a_guess(void **state)
{
	struct linux_fixture *f = *state;

	f->inspection->os.root = (char *)"/dev/vg/root";
	add_disk(f, CONTROLLER_NVME, 0);
	add_disk(f, CONTROLLER_PVSCSI, 1);
	add_disk(f, CONTROLLER_PVSCSI, 2);
	f->inspection->filesystems.n = 0;
	add_fs(f, "/dev/sdc1", "ext4", "11111111-0000", 2, 1);
	add_fs(f, "/dev/sdd1", "ext4", "22222222-0000", 3, 1);
	plant(&f->files, "/etc/fstab", "/dev/sdb1 /a ext4 defaults 0 2\n/dev/sdc1 /b ext4 defaults 0 2\n");
	survey(f);
	/* Disk 1 is sda, disk 2 nvme0n1, disk 3 sdb, disk 4 sdc. */
	assert_string_equal(meaning(f, "/dev/sdb1")->spec, "UUID=11111111-0000");
	assert_string_equal(meaning(f, "/dev/sdb1")->reason, "by the order of the source's disks it is disk 3");
	assert_true(meaning(f, "/dev/sdb1")->guessed);
	assert_string_equal(meaning(f, "/dev/sdc1")->spec, "UUID=22222222-0000");
}

static void test_nvme_namespaces_and_ide_places(void **state)
{
	struct linux_fixture *f = *state;

	f->machine->disks.n = 0;
	f->inspection->filesystems.n = 0;
	f->inspection->os.root = NULL;
	add_disk(f, CONTROLLER_NVME, 0);
	add_disk(f, CONTROLLER_NVME, 1);
	add_disk(f, CONTROLLER_IDE, 0)->bus = 1;
	add_fs(f, "/dev/sda1", "ext4", "11111111-0000", 0, 1);
	add_fs(f, "/dev/sdb1", "ext4", "22222222-0000", 1, 1);
	add_fs(f, "/dev/sdc1", "ext4", "33333333-0000", 2, 1);
	plant(&f->files, "/etc/fstab",
	      "/dev/nvme0n2p1 /a ext4 x\n/dev/nvme0n1p1 /b ext4 x\n/dev/hdc1 /c ext4 x\n/dev/hda1 /d ext4 nofail\n");
	survey(f);
	assert_string_equal(meaning(f, "/dev/nvme0n2p1")->spec, "UUID=22222222-0000");
	assert_string_equal(meaning(f, "/dev/nvme0n1p1")->spec, "UUID=11111111-0000");
	assert_string_equal(meaning(f, "/dev/hdc1")->spec, "UUID=33333333-0000");
	assert_int_equal(meaning(f, "/dev/hda1")->disk, -1);
}

static void test_links_by_serial_and_place(void **state)
{
	struct linux_fixture *f = *state;
	const char *by_id = "/dev/disk/by-id/scsi-36000c29f0e1d2c3b4a5968778695a4b3-part1",
		   *by_path = "/dev/disk/by-path/pci-0000:03:00.0-scsi-0:0:1:0-part1",
		   *lost = "/dev/disk/by-id/ata-UNKNOWN-part3";

	f->inspection->os.root = NULL;
	add_disk(f, CONTROLLER_PVSCSI, 1);
	f->machine->disks.v[0].serial = (char *)"60 00 c2 9f 0e 1d 2c 3b-4a 59 68 77 86 95 a4 b3";
	add_fs(f, "/dev/sdb1", "ext4", DATA_UUID, 1, 1);
	plant(&f->files, "/etc/fstab",
	      arena_printf(&f->files.arena, "%s /a ext4 x\n%s /b ext4 x\n%s /c ext4 x\n", by_id, by_path, lost));
	survey(f);
	assert_string_equal(meaning(f, by_id)->spec, "UUID=" ROOT_UUID);
	assert_string_equal(meaning(f, by_id)->reason, "it holds the disk's serial number");
	assert_string_equal(meaning(f, by_path)->spec, "UUID=" DATA_UUID);
	assert_null(meaning(f, lost)->spec);
}

static void test_installer_comment_is_evidence(void **state)
{
	struct linux_fixture *f = *state;

	add_disk(f, CONTROLLER_PVSCSI, 1);
	f->inspection->os.root = NULL;
	add_fs(f, "/dev/sdb1", "ext4", DATA_UUID, 1, 1);
	plant(&f->files, "/etc/fstab",
	      "# / was on /dev/sdb1 during installation\nUUID=" ROOT_UUID " / ext4 errors=remount-ro 0 1\n");
	plant(&f->files, "/boot/grub/grub.cfg", "linux /v root=/dev/sdb1\n");
	survey(f);
	assert_string_equal(meaning(f, "/dev/sdb1")->spec, "UUID=" ROOT_UUID);
	assert_string_equal(meaning(f, "/dev/sdb1")->reason, "the installer noted in /etc/fstab which UUID it has");
}

/* A USB stick's line of Debian's installer must not take the data disk's partition. */
static void test_name_without_disk(void **state)
{
	struct linux_fixture *f = *state;

	plant(&f->files, "/etc/fstab",
	      "UUID=" ROOT_UUID " / ext4 x 0 1\n/dev/sdb1 /media/usb0 auto rw,user,noauto 0 0\n/dev/sdc1 /x ext4 x\n");
	survey(f);
	assert_int_equal(meaning(f, "/dev/sdb1")->disk, -1);
	assert_true(meaning(f, "/dev/sdb1")->optional);
	assert_false(meaning(f, "/dev/sdc1")->optional);
	assert_string_equal(meaning(f, "/dev/sdc1")->reason, "no file system on the disks fits it");
}

static void test_uuid_that_two_have(void **state)
{
	struct linux_fixture *f = *state;
	const struct device_use with_initrd = {.name = "/dev/sda1", .form = FORM_SPEC},
				bare = {.name = "/dev/sda2", .form = FORM_SPEC, .partition_id = true},
				path = {.name = "/dev/sda1", .form = FORM_PATH};

	add_disk(f, CONTROLLER_PVSCSI, 1);
	add_fs(f, "/dev/sdb1", "ext4", ROOT_UUID, 1, 1);
	plant(&f->files, "/etc/fstab", "/dev/sda1 / ext4 x\n/dev/sda2 none swap sw\n");
	survey(f);
	assert_string_equal(devnames_replacement(f->inspection, &with_initrd, &f->files.arena), "PARTUUID=1234abcd-01");
	assert_string_equal(devnames_replacement(f->inspection, &path, &f->files.arena),
			    "/dev/disk/by-partuuid/1234abcd-01");
	assert_string_equal(devnames_replacement(f->inspection, &bare, &f->files.arena), "PARTUUID=1234abcd-02");
}

static void test_btrfs_root(void **state)
{
	struct linux_fixture *f = *state;

	f->inspection->filesystems.n = 0;
	add_fs(f, "btrfsvol:/dev/sda2/@", "btrfs", ROOT_UUID, 0, 2);
	add_fs(f, "/dev/sda2", "btrfs", ROOT_UUID, 0, 2);
	f->inspection->os.root = (char *)"btrfsvol:/dev/sda2/@";
	plant(&f->files, "/etc/fstab", "/dev/sda2 / btrfs subvol=@ 0 0\n/dev/sda2 /home btrfs subvol=@home 0 0\n");
	survey(f);
	assert_string_equal(meaning(f, "/dev/sda2")->spec, "UUID=" ROOT_UUID);
}

/* What the appliance mounts: the other disk is /dev/sdb in the guest's fstab and /dev/sda in the appliance. */
static void test_mounts(void **state)
{
	struct linux_fixture *f = *state;
	struct device_mounts found = {0};

	add_disk(f, CONTROLLER_SATA, 0);
	f->inspection->filesystems.n = 0;
	add_fs(f, "/dev/sda1", "ext4", DATA_UUID, 0, 1);
	add_fs(f, "/dev/sda2", "LVM2_member", NULL, 0, 2);
	add_fs(f, "/dev/sdb1", "ext4", ROOT_UUID, 1, 1);
	add_fs(f, "/dev/vg/data", "ext4", SWAP_UUID, 0, 0);
	f->inspection->os.root = (char *)"/dev/sdb1";
	plant(&f->files, "/etc/fstab",
	      "# was /dev/sdb1\n/dev/sda1 / ext4 x 0 1\n/dev/sdb1 /srv ext4 x 0 2\n/dev/vg/data /data ext4 x 0 2\n"
	      "UUID=" SWAP_UUID " /uuid ext4 x\n/dev/sdc1 /gone xfs x\n");
	assert_int_equal(
	    device_mounts_find(f->files.g, f->machine, f->inspection, &f->files.arena, &found, &f->files.err), 0);
	assert_int_equal(found.v.n, 2);
	assert_string_equal(found.v.v[0].path, "/");
	assert_string_equal(found.v.v[0].device, "/dev/sdb1");
	assert_string_equal(found.v.v[1].path, "/srv");
	assert_string_equal(found.v.v[1].device, "/dev/sda1");
}

/* libguestfs leaves a name like this one as it is, with the subvolume behind it. */
static void test_subvolume_mounts(void **state)
{
	static const char was[] = "btrfsvol:/dev/disk/by-path/pci-0000:00:10.0-scsi-0:0:0:0-part2/@/home";
	struct linux_fixture *f = *state;
	struct arena *a = &f->files.arena;
	struct device_mounts found = {0};

	f->inspection->filesystems.n = 0;
	add_fs(f, "/dev/sda2", "btrfs", ROOT_UUID, 0, 2);
	f->inspection->os.root = (char *)"btrfsvol:/dev/sda2/@";
	plant(&f->files, "/etc/fstab",
	      "/dev/sda2 / btrfs subvol=@ 0 0\n/dev/sda2 /home btrfs noatime,subvol=@/home 0 0\n"
	      "/dev/sda2 /all btrfs defaults 0 0\n");
	assert_int_equal(device_mounts_find(f->files.g, f->machine, f->inspection, a, &found, &f->files.err), 0);
	assert_int_equal(found.v.n, 3);
	assert_string_equal(device_mount_instead(&found.v.v[1], was, a), "btrfsvol:/dev/sda2/@/home");
	assert_string_equal(device_mount_instead(&found.v.v[1], "/dev/sdb1", a), "/dev/sda2");
	assert_string_equal(device_mount_instead(&found.v.v[2], "/dev/sdb1", a), "/dev/sda2");
}

/* A file system that is mounted at two places is listed twice; its UUID is its own all the same. */
static void test_mounted_twice(void **state)
{
	struct linux_fixture *f = *state;
	const struct filesystem *root;

	add_fs(f, "/dev/sda1", "ext4", ROOT_UUID, 0, 1);
	root = &f->inspection->filesystems.v[0];
	assert_true(devnames_uuid_unique(f->inspection, root));
	add_fs(f, "/dev/sdb1", "ext4", ROOT_UUID, 1, 1);
	root = &f->inspection->filesystems.v[0];
	assert_false(devnames_uuid_unique(f->inspection, root));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_parse),
	    LINUX_TEST(test_root_decides_over_order),
	    LINUX_TEST(test_root_of_another_system),
	    LINUX_TEST(test_subvolume_mounts),
	    LINUX_TEST(test_root_parameter),
	    LINUX_TEST(test_type_decides),
	    LINUX_TEST(test_order_is_a_guess),
	    LINUX_TEST(test_nvme_namespaces_and_ide_places),
	    LINUX_TEST(test_links_by_serial_and_place),
	    LINUX_TEST(test_installer_comment_is_evidence),
	    LINUX_TEST(test_name_without_disk),
	    LINUX_TEST(test_uuid_that_two_have),
	    LINUX_TEST(test_btrfs_root),
	    LINUX_TEST(test_mounts),
	    LINUX_TEST(test_mounted_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
