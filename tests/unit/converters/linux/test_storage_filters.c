/* Tests of the step storage-filters. */
#include "tests/unit/converters/linux/linux_fixture.h"

#include "guest/files/lvmconf.h"

static const char *after_edit(struct linux_fixture *f, const char *path, const char *text)
{
	plant(&f->files, path, text);
	survey(f);
	run_twice(f, &step_storage_filters);
	return text_of(&f->files, path);
}

static void test_class_of_disks(void **state)
{
	struct linux_fixture *f = *state;

	assert_string_equal(after_edit(f, "/etc/lvm/lvmlocal.conf",
				       "devices {\n\t# filter = [ \"a|/dev/sda|\" ]\n"
				       "\tglobal_filter = [ \"a|^/dev/sd[ab]|\", \"r|.*|\" ] # sd only\n}\n"),
			    "devices {\n\t# filter = [ \"a|/dev/sda|\" ]\n"
			    "\tglobal_filter = [ \"a|^/dev/vd[ab]|\", \"a|^/dev/sd[ab]|\", \"r|.*|\" ] # sd only\n}\n");
}

static void test_single_names(void **state)
{
	struct linux_fixture *f = *state;

	add_disk(f, CONTROLLER_PVSCSI, 1);
	plant(&f->files, "/etc/fstab", "/dev/sdb1 / ext4 x\n"); /* sdb is the first disk */
	assert_string_equal(
	    after_edit(f, "/etc/lvm/lvm.conf",
		       "filter=[\n  \"a/sdb2$/\", \"r|^/dev/sda|\",\n  \"r/.*/\" ]\nscan = [ \"/dev\" ]\n"),
	    "filter=[\n  \"a/vda2$/\", \"a/sda2$/\", \"a/sdb2$/\", \"r|^/dev/sda|\",\n  \"r/.*/\" ]\n"
	    "scan = [ \"/dev\" ]\n");
}

static void test_old_names_get_both(void **state)
{
	struct linux_fixture *f = *state;

	assert_string_equal(after_edit(f, "/etc/lvm/lvm.conf", "filter = [ \"a|/dev/hd.*|\", \"r|.*|\" ]\n"),
			    "filter = [ \"a|/dev/vd.*|\", \"a|/dev/sd.*|\", \"a|/dev/hd.*|\", \"r|.*|\" ]\n");
}

/* Nothing but the filter names the disk. */
static void test_numbered_names(void **state)
{
	static const char *const rows[][2] = {
	    {"a|^/dev/nvme0n1p3$|", "\"a|^/dev/vda3$|\", \"a|^/dev/sda3$|\", "},
	    {"a|/dev/nvme0n1|", "\"a|/dev/vda|\", \"a|/dev/sda|\", "},
	    {"a|/dev/nvme0n1(p3)?$|", "\"a|/dev/vd.*|\", \"a|/dev/sd.*|\", "},
	    {"a|/dev/nvme.*|", "\"a|/dev/vd.*|\", \"a|/dev/sd.*|\", "},
	    {"a|/dev/nvme[0-9]n1p.*|", "\"a|/dev/vd.*|\", \"a|/dev/sd.*|\", "},
	    {"a|^/dev/cciss/c0d0p2$|", "\"a|^/dev/vda2$|\", \"a|^/dev/sda2$|\", "},
	    {"a|/dev/cciss/.*|", "\"a|/dev/vd.*|\", \"a|/dev/sd.*|\", "},
	    {"a|/dev/mmcblk0p2|", "\"a|/dev/vda2|\", \"a|/dev/sda2|\", "},
	    {"a|/dev/hda2|", "\"a|/dev/vda2|\", \"a|/dev/sda2|\", "},
	    {"r|/dev/nvme0n1|", ""},
	    {"r|/dev/nvme.*|", ""},
	};
	struct linux_fixture *f = *state;

	for (size_t k = 0; k < sizeof rows / sizeof *rows; k++)
		assert_string_equal(
		    after_edit(f, "/etc/lvm/lvm.conf",
			       arena_printf(&f->files.arena, "filter = [ \"%s\", \"r|.*|\" ]\n", rows[k][0])),
		    arena_printf(&f->files.arena, "filter = [ %s\"%s\", \"r|.*|\" ]\n", rows[k][1], rows[k][0]));
	assert_int_equal(f->inspection->findings.n, 0);
}

static void test_unknown_disk_is_a_finding(void **state)
{
	struct linux_fixture *f = *state;
	const char *text = "filter = [ \"a|/dev/nvme7n1p2|\", \"a|/dev/disk/by-id/lvm-pv-uuid-x|\", \"r|.*|\" ]\n";

	add_disk(f, CONTROLLER_PVSCSI, 1);
	assert_string_equal(after_edit(f, "/etc/lvm/lvm.conf", text), text);
	assert_non_null(strstr(finding_of(f, "W-BOOT-LVM-FILTER")->text, "'a|/dev/nvme7n1p2|'"));
}

/* Work and memory have a bound whatever the line is like. */
static void test_endless_filter(void **state)
{
	enum { PATTERNS = 200000 };
	struct linux_fixture *f = *state;
	AUTO(buf_done) struct buf b = BUF_INIT(GUEST_TEXT_MAX);

	buf_adds(&b, "filter=[");
	for (unsigned k = 0; k < PATTERNS; k++)
		buf_addf(&b, "\"a|/dev/sda%u|\",", k % 7 + 1);
	buf_adds(&b, "]\n");
	assert_non_null(strstr(after_edit(f, "/etc/lvm/lvm.conf", buf_str(&b)), "filter=[\"a|/dev/vda1|\", "));
}

/* What rejects sdX means the paths below multipath's maps; where the maps were, the disks are now. */
static void test_multipath(void **state)
{
	struct linux_fixture *f = *state;

	plant(&f->files, "/etc/multipath/wwids", "# Multipath wwids, Version : 1.0\n/360a98000486e2f34/\n");
	assert_string_equal(
	    after_edit(f, "/etc/lvm/lvm.conf", "filter = [ \"r|/dev/sd.*|\", \"a|/dev/mapper/.*|\", \"r|.*|\" ]\n"),
	    "filter = [ \"r|/dev/sd.*|\", \"a|/dev/vd.*|\", \"a|/dev/sd.*|\", \"a|/dev/mapper/.*|\", \"r|.*|\" ]\n");
	assert_string_equal(
	    after_edit(f, "/etc/lvm/lvm.conf", "filter = [ \"a|/dev/disk/by-id/dm-uuid-.*mpath-.*|\", \"r|.*|\" ]\n"),
	    "filter = [ \"a|/dev/vd.*|\", \"a|/dev/sd.*|\", \"a|/dev/disk/by-id/dm-uuid-.*mpath-.*|\", "
	    "\"r|.*|\" ]\n");
	plant(&f->files, "/etc/multipath/wwids", "# none\n");
	assert_string_equal(after_edit(f, "/etc/lvm/lvm.conf", "filter = [ \"r|/dev/sd.*|\" ]\n"),
			    "filter = [ \"r|/dev/vd.*|\", \"r|/dev/sd.*|\" ]\n");
}

static void test_nothing_to_do(void **state)
{
	struct linux_fixture *f = *state;
	const char *text = "filter = [ \"a|/dev/mapper/x|\", \"r|/dev/cdrom|\", \"a|.*|\" ]\n"
			   "# filter = [ \"a|/dev/sda|\" ]\nuse_lvmetad = 0\n";

	assert_string_equal(after_edit(f, "/etc/lvm/lvm.conf", text), text);
	assert_int_equal(f->inspection->findings.n, 0);
}

static void test_identity_is_a_finding(void **state)
{
	struct linux_fixture *f = *state;
	const char *text = "filter = [ \"a|/dev/disk/by-id/scsi-36000c29.*|\", \"r|.*|\" ]\n";

	assert_string_equal(after_edit(f, "/etc/lvm/lvm.conf", text), text);
	assert_string_equal(finding_of(f, "W-BOOT-LVM-FILTER")->evidence, "/etc/lvm/lvm.conf:1");
}

static void test_mdadm(void **state)
{
	struct linux_fixture *f = *state;

	assert_string_equal(
	    after_edit(f, "/etc/mdadm/mdadm.conf",
		       "# DEVICE /dev/sda1\nDEVICE /dev/sd[ab]1 /dev/sdc1\nHOMEHOST <system>\n"
		       "ARRAY /dev/md0 level=raid1 num-devices=2 UUID=1:2:3:4 devices=/dev/sda1,/dev/sdb1 spares=1\n"
		       "ARRAY /dev/md1 devices=/dev/sda2\nDEVICE partitions containers\n"),
	    "# DEVICE /dev/sda1\nDEVICE partitions\nHOMEHOST <system>\n"
	    "ARRAY /dev/md0 level=raid1 num-devices=2 UUID=1:2:3:4 spares=1\n"
	    "ARRAY /dev/md1 devices=/dev/sda2\nDEVICE partitions containers\n");
}

/* As `mdadm --detail --scan --verbose` writes them: a line that begins with a blank goes on with the one above. */
static void test_mdadm_over_several_lines(void **state)
{
	struct linux_fixture *f = *state;

	assert_string_equal(after_edit(f, "/etc/mdadm.conf",
				       "ARRAY /dev/md0 level=raid1 num-devices=2 UUID=1:2:3:4\n"
				       "   devices=/dev/sda1,/dev/sdb1\n"
				       "array /dev/md1 level=raid1\n"
				       "# the second\n"
				       "   devices=/dev/sda2,/dev/sdb2 name=x\n"
				       "   uuid=5:6:7:8\n"
				       "ARRAY /dev/md2\n"
				       "   devices=/dev/sda3\n"
				       "dev /dev/sda1\n"
				       "  # more\n"
				       "\t/dev/sdb1\n"
				       "DEVICE\n"
				       " /dev/sdc1\n"),
			    "ARRAY /dev/md0 level=raid1 num-devices=2 UUID=1:2:3:4\n"
			    "array /dev/md1 level=raid1\n"
			    "# the second\n"
			    " name=x\n"
			    "   uuid=5:6:7:8\n"
			    "ARRAY /dev/md2\n"
			    "   devices=/dev/sda3\n"
			    "dev partitions\n"
			    "  # more\n"
			    "DEVICE partitions\n");
}

/* dracut's copy of lvm.conf has other locking: only the filters are taken over. */
static void test_filters_of_a_copy(void **state)
{
	struct linux_fixture *f = *state;
	struct lines copy, from;

	lines_split(&copy, &f->files.arena,
		    "devices {\n\tfilter = [ \"a|sda|\",\n\t\t\"r|.*|\" ]\n\tscan = [ \"/dev\" ]\n\tglobal_filter = [ "
		    "\"a|x|\" ]\n}\nglobal { locking_type = 4 }\n");
	lines_split(&from, &f->files.arena,
		    "global { locking_type = 1 }\ndevices {\n\tfilter = [ \"a|vda|\", \"a|sda|\",\n\t\t\"b\",\n"
		    "\t\t\"r|.*|\" ]\n}\n");
	lvmconf_take_filters(&copy, &from);
	assert_string_equal(lines_join(&copy),
			    "devices {\n\tfilter = [ \"a|vda|\", \"a|sda|\",\n\t\t\"b\",\n\t\t\"r|.*|\" ]\n"
			    "\tscan = [ \"/dev\" ]\n\tglobal_filter = [ \"a|x|\" ]\n}\nglobal { locking_type = 4 }\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    LINUX_TEST(test_class_of_disks),
	    LINUX_TEST(test_single_names),
	    LINUX_TEST(test_old_names_get_both),
	    LINUX_TEST(test_nothing_to_do),
	    LINUX_TEST(test_multipath),
	    LINUX_TEST(test_numbered_names),
	    LINUX_TEST(test_unknown_disk_is_a_finding),
	    LINUX_TEST(test_endless_filter),
	    LINUX_TEST(test_identity_is_a_finding),
	    LINUX_TEST(test_mdadm),
	    LINUX_TEST(test_mdadm_over_several_lines),
	    LINUX_TEST(test_filters_of_a_copy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
