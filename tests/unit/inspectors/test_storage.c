/* Tests of the inspector storage: what can't be decided is said. */
#include "tests/unit/converters/linux/linux_fixture.h"

#include <time.h>

#include "inspectors/registry.h"

static void inspect(struct linux_fixture *f)
{
	if (inspector_storage.run(f->files.g, f->machine, f->inspection, &f->files.err) < 0)
		fail_msg("%s", f->files.err.text);
}

static void test_all_clear(void **state)
{
	struct linux_fixture *f = *state;

	plant(&f->files, "/etc/fstab", "/dev/sda1 / ext4 x 0 1\n/dev/sda2 none swap sw 0 0\n");
	plant(&f->files, "/boot/grub/device.map", "(hd0) /dev/sda\n");
	inspect(f);
	assert_int_equal(f->inspection->device_names.n, 3);
	assert_int_equal(f->inspection->findings.n, 0);
}

static void test_unknown_names(void **state)
{
	struct linux_fixture *f = *state;

	plant(&f->files, "/etc/fstab", "/dev/sdc1 /data ext4 x 0 2\n/dev/sdb1 /media/usb0 auto noauto 0 0\n");
	inspect(f);
	assert_string_equal(
	    finding_of(f, "W-BOOT-DEVICE-UNKNOWN")->text,
	    "what /dev/sdc1 means is not known (no file system on the disks fits it), so the name stays and may "
	    "be wrong on the new hardware");
	assert_string_equal(finding_of(f, "W-BOOT-DEVICE-UNKNOWN")->evidence, "/etc/fstab:1");
	assert_string_equal(finding_of(f, "I-DEVICE-UNKNOWN")->text,
			    "/dev/sdb1 is on none of the machine's disks; the guest boots without it");
	inspection_judge(f->inspection);
	assert_int_equal(f->inspection->verdict, VERDICT_MAY_NOT_BOOT);
}

static void test_multipath(void **state)
{
	struct linux_fixture *f = *state;

	plant(&f->files, "/etc/fstab",
	      "/dev/mapper/mpathap1 / ext4 x 0 1\n/dev/mapper/archive1 /archive xfs x 0 2\n"
	      "/dev/mapper/archive-vg /x xfs x 0 2\n/dev/mapper/archive-part2 /y xfs nofail 0 2\n");
	plant(&f->files, "/etc/multipath.conf",
	      "multipaths {\n\tmultipath {\n\t\twwid 360a98000486e2f34\n\t\talias \"archive\"\n\t}\n"
	      "\tmultipath {\n\t\talias unused\n\t}\n}\n");
	inspect(f);
	assert_int_equal(f->inspection->findings.n, 3);
	assert_string_equal(finding_of(f, "I-MULTIPATH-ALIAS")->evidence, "/etc/fstab:4");
	assert_string_equal(devnames_find(f->inspection, "/dev/mapper/mpathap1")->spec, "UUID=" ROOT_UUID);
	assert_non_null(finding_of(f, "I-MULTIPATH"));
	assert_string_equal(
	    finding_of(f, "W-BOOT-MULTIPATH-ALIAS")->text,
	    "/dev/mapper/archive1 is a name that multipath.conf gives to a disk of the source's storage; "
	    "the virtual disk doesn't get it");
}

static void test_guess(void **state)
{
	struct linux_fixture *f = *state;

	f->inspection->os.root = (char *)"/dev/vg/root";
	add_disk(f, CONTROLLER_PVSCSI, 1);
	add_fs(f, "/dev/sdb1", "ext4", DATA_UUID, 1, 1);
	plant(&f->files, "/etc/fstab", "/dev/sdb1 /data ext4 x 0 2\n");
	inspect(f);
	assert_string_equal(finding_of(f, "W-DEVICE-GUESSED")->text,
			    "/dev/sdb1 was taken for UUID=" DATA_UUID
			    ": by the order of the source's disks it is disk 2");
}

static void test_copies_of_a_file_system(void **state)
{
	struct linux_fixture *f = *state;
	struct filesystem *copy;

	add_disk(f, CONTROLLER_PVSCSI, 1);
	copy = add_fs(f, "/dev/sdb1", "ext4", ROOT_UUID, 1, 1);
	copy->partuuid = f->inspection->filesystems.v[0].partuuid;
	plant(&f->files, "/etc/fstab", "/dev/sda1 / ext4 x 0 1\n");
	inspect(f);
	assert_string_equal(finding_of(f, "W-UUID-DUPLICATE")->text,
			    "/dev/sda1 and /dev/sdb1 have the same UUID " ROOT_UUID
			    ": which one is mounted by it is chance");
	assert_non_null(finding_of(f, "W-BOOT-DEVICE-AMBIGUOUS"));
	assert_null(devnames_find(f->inspection, "/dev/sda1")->spec);
}

/* A snapshot has its origin's UUID; one that is mounted twice is no copy. */
static void test_copies_of_a_volume(void **state)
{
	struct linux_fixture *f = *state;

	add_fs(f, "/dev/vg/data", "ext4", DATA_UUID, 0, 0);
	add_fs(f, "/dev/vg/data", "ext4", DATA_UUID, 0, 0);
	inspect(f);
	assert_int_equal(f->inspection->findings.n, 0);
	add_fs(f, "/dev/vg/snap", "ext4", DATA_UUID, 0, 0);
	inspect(f);
	assert_int_equal(f->inspection->findings.n, 1);
	assert_string_equal(finding_of(f, "W-UUID-DUPLICATE")->text,
			    "/dev/vg/data and /dev/vg/snap have the same UUID " DATA_UUID
			    ": which one is mounted by it is chance");
}

/* A thousand copies are a thousand findings, not one for each pair. */
static void test_many_copies(void **state)
{
	struct linux_fixture *f = *state;

	for (unsigned n = 0; n <= 1000; n++)
		add_fs(f, arena_printf(&f->files.arena, "/dev/vg/v%u", n), "xfs", DATA_UUID, 0, 0);
	inspect(f);
	assert_int_equal(f->inspection->findings.n, 1000);
}

/* Two long files don't take their lengths' product. */
static void test_many_aliases(void **state)
{
	struct linux_fixture *f = *state;
	AUTO(buf_done) struct buf conf = BUF_INIT(4 << 20), fstab = BUF_INIT(4 << 20);
	clock_t begin = clock();

	for (unsigned n = 0; n < 100000; n++)
		assert_int_equal(buf_addf(&conf, "alias map%u\n", n) | buf_addf(&fstab, "/dev/mapper/x%u /x xfs\n", n),
				 0);
	assert_int_equal(buf_adds(&fstab, "/dev/mapper/map77777-part3 /y xfs\n"), 0);
	plant(&f->files, "/etc/multipath/wwids", "/3600/\n");
	plant(&f->files, "/etc/multipath.conf", buf_str(&conf));
	plant(&f->files, "/etc/fstab", buf_str(&fstab));
	inspect(f);
	assert_string_equal(finding_of(f, "W-BOOT-MULTIPATH-ALIAS")->evidence, "/etc/fstab:100001");
	assert_true((clock() - begin) / CLOCKS_PER_SEC < 20);
}

static void test_members_of_one_array(void **state)
{
	struct linux_fixture *f = *state;

	add_disk(f, CONTROLLER_PVSCSI, 1);
	add_fs(f, "/dev/sda3", "linux_raid_member", DATA_UUID, 0, 3);
	add_fs(f, "/dev/sdb3", "linux_raid_member", DATA_UUID, 1, 3);
	inspect(f);
	assert_int_equal(f->inspection->findings.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    LINUX_TEST(test_all_clear),
	    LINUX_TEST(test_unknown_names),
	    LINUX_TEST(test_multipath),
	    LINUX_TEST(test_copies_of_a_volume),
	    LINUX_TEST(test_many_copies),
	    LINUX_TEST(test_many_aliases),
	    LINUX_TEST(test_guess),
	    LINUX_TEST(test_copies_of_a_file_system),
	    LINUX_TEST(test_members_of_one_array),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
