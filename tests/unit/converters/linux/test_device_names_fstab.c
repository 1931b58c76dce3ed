/* Tests of the step device-names-fstab. */
#include "tests/unit/converters/linux/linux_fixture.h"

#include <sys/stat.h>

static void test_fstab_of_debian(void **state)
{
	struct linux_fixture *f = *state;

	plant(&f->files, "/etc/fstab",
	      "# /etc/fstab: static file system information.\n"
	      "#\n"
	      "# <file system>\t<mount point>   <type>  <options>       <dump>  <pass>\n"
	      "/dev/sda1       /               ext4    errors=remount-ro 0       1\n"
	      "\t/dev/sda2\tnone\tswap\tsw\t0\t0   \n"
	      "/dev/sr0        /media/cdrom0   udf,iso9660 user,noauto     0       0\n"
	      "tmpfs /tmp tmpfs defaults 0 0\n"
	      "this line is not an entry of any kind\n"
	      "LABEL=old /mnt ext4 noauto 0 0");
	survey(f);
	run_twice(f, &step_device_names_fstab);
	assert_string_equal(text_of(&f->files, "/etc/fstab"),
			    "# /etc/fstab: static file system information.\n"
			    "#\n"
			    "# <file system>\t<mount point>   <type>  <options>       <dump>  <pass>\n"
			    "UUID=" ROOT_UUID "       /               ext4    errors=remount-ro 0       1\n"
			    "\tUUID=" SWAP_UUID "\tnone\tswap\tsw\t0\t0   \n"
			    "/dev/sr0        /media/cdrom0   udf,iso9660 user,noauto     0       0\n"
			    "tmpfs /tmp tmpfs defaults 0 0\n"
			    "this line is not an entry of any kind\n"
			    "LABEL=old /mnt ext4 noauto 0 0");
	assert_non_null(strstr(change_of(f, "/etc/fstab")->reason,
			       "/dev/sda1 is UUID=" ROOT_UUID ": it is the root file system that inspection found"));
}

static void test_crlf_stays(void **state)
{
	struct linux_fixture *f = *state;

	plant(&f->files, "/etc/fstab", "/dev/sda1 / ext4 defaults 0 1\r\n# end\r\n");
	survey(f);
	run_twice(f, &step_device_names_fstab);
	assert_string_equal(text_of(&f->files, "/etc/fstab"), "UUID=" ROOT_UUID " / ext4 defaults 0 1\r\n# end\r\n");
}

static void test_crypttab(void **state)
{
	struct linux_fixture *f = *state;

	add_fs(f, "/dev/sda3", "crypto_LUKS", DATA_UUID, 0, 3);
	add_fs(f, "/dev/sda5", "unknown", NULL, 0, 5);
	plant(&f->files, "/etc/crypttab",
	      "# <target name> <source device> <key file> <options>\n"
	      "sda3_crypt /dev/sda3 none luks,discard\n"
	      "cswap /dev/sda5 /dev/urandom swap,cipher=aes-xts-plain64\n"
	      "keep UUID=abcd none luks\n");
	survey(f);
	run_twice(f, &step_device_names_fstab);
	assert_string_equal(text_of(&f->files, "/etc/crypttab"),
			    "# <target name> <source device> <key file> <options>\n"
			    "sda3_crypt UUID=" DATA_UUID " none luks,discard\n"
			    "cswap PARTUUID=1234abcd-05 /dev/urandom swap,cipher=aes-xts-plain64\n"
			    "keep UUID=abcd none luks\n");
}

static void test_mount_unit(void **state)
{
	struct linux_fixture *f = *state;

	add_disk(f, CONTROLLER_PVSCSI, 1);
	add_fs(f, "/dev/sdb1", "xfs", DATA_UUID, 1, 1);
	plant(&f->files, "/etc/systemd/system/srv-data.mount",
	      "[Unit]\nAfter=dev-sdb1.device network.target\n[Mount]\nWhat=/dev/sdb1\nWhere=/srv/data\nType=xfs\n");
	survey(f);
	run_twice(f, &step_device_names_fstab);
	assert_string_equal(
	    text_of(&f->files, "/etc/systemd/system/srv-data.mount"),
	    "[Unit]\nAfter=dev-disk-by\\x2duuid-7e9d2c41\\x2d0c1e\\x2d4a6b\\x2db1f5\\x2d3a0c4d5e6f33.device "
	    "network.target\n[Mount]\nWhat=/dev/disk/by-uuid/" DATA_UUID "\nWhere=/srv/data\nType=xfs\n");
}

static void test_swap_unit_is_renamed(void **state)
{
	struct linux_fixture *f = *state;
	const char *unit = "dev-disk-by\\x2duuid-51c3a7de\\x2d91c2\\x2d4d35\\x2d8b3b\\x2d6f1f9f8b2c22.swap";
	struct stat st;

	plant(&f->files, "/etc/systemd/system/dev-sda2.swap", "[Swap]\nWhat=/dev/sda2\nPriority=1\n");
	plant(&f->files, "/etc/systemd/system/swap.target.wants/other", "");
	assert_int_equal(symlink("/etc/systemd/system/dev-sda2.swap",
				 on_host(&f->files, "/etc/systemd/system/swap.target.wants/dev-sda2.swap")),
			 0);
	survey(f);
	run_twice(f, &step_device_names_fstab);
	assert_string_equal(text_of(&f->files, arena_printf(&f->files.arena, "/etc/systemd/system/%s", unit)),
			    "[Swap]\nWhat=/dev/disk/by-uuid/" SWAP_UUID "\nPriority=1\n");
	assert_int_equal(lstat(on_host(&f->files, "/etc/systemd/system/dev-sda2.swap"), &st), -1);
	assert_int_equal(lstat(on_host(&f->files, "/etc/systemd/system/swap.target.wants/dev-sda2.swap"), &st), -1);
	assert_int_equal(
	    lstat(on_host(&f->files, arena_printf(&f->files.arena, "/etc/systemd/system/swap.target.wants/%s", unit)),
		  &st),
	    0);
}

static void test_options_that_name_devices(void **state)
{
	struct linux_fixture *f = *state;

	add_disk(f, CONTROLLER_PVSCSI, 1);
	add_fs(f, "/dev/sdb1", "btrfs", DATA_UUID, 1, 1);
	plant(&f->files, "/etc/fstab",
	      "/dev/sda1 / ext4 defaults 0 1\n"
	      "UUID=" DATA_UUID " /srv btrfs device=/dev/sdb1,subvol=x 0 0\n");
	survey(f);
	run_twice(f, &step_device_names_fstab);
	assert_string_equal(text_of(&f->files, "/etc/fstab"),
			    "UUID=" ROOT_UUID " / ext4 defaults 0 1\n"
			    "UUID=" DATA_UUID " /srv btrfs device=/dev/disk/by-partuuid/1234abcd-11,subvol=x 0 0\n");
}

static void test_nothing_there(void **state)
{
	struct linux_fixture *f = *state;

	survey(f);
	run_twice(f, &step_device_names_fstab);
	assert_int_equal(f->files.log.changes.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    LINUX_TEST(test_fstab_of_debian),
	    LINUX_TEST(test_crlf_stays),
	    LINUX_TEST(test_crypttab),
	    LINUX_TEST(test_mount_unit),
	    LINUX_TEST(test_swap_unit_is_renamed),
	    LINUX_TEST(test_options_that_name_devices),
	    LINUX_TEST(test_nothing_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
