/* Tests of guest/roots.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "guest/roots.h"

#define ROOT(text) ((char *)(text))

static void test_snapper(void **state)
{
	char *roots[] = {ROOT("btrfsvol:/dev/sda2/@/.snapshots/2/snapshot"), ROOT("/dev/sda2"),
			 ROOT("btrfsvol:/dev/sda2/@/.snapshots/17/snapshot")};

	assert_int_equal(roots_without_snapshots(roots, 3), 1);
	assert_string_equal(roots[0], "/dev/sda2");
}

static void test_other_keepers(void **state)
{
	assert_true(root_is_snapshot("btrfsvol:/dev/vg/root/@snapshots/4/snapshot"));
	assert_true(root_is_snapshot("btrfsvol:/dev/sda2/timeshift-btrfs/snapshots/2024-05-07_09-00-01/@"));
	assert_true(root_is_snapshot("btrfsvol:/dev/sda2/@/var/lib/docker/btrfs/subvolumes/0a1b"));
	assert_false(root_is_snapshot("btrfsvol:/dev/sda2/@"));
	assert_false(root_is_snapshot("/dev/mapper/.snapshots/1/snapshot"));
}

/* Two systems stay two; a rolled-back root that is all there is stays. */
static void test_kept(void **state)
{
	char *two[] = {ROOT("btrfsvol:/dev/sda2/@"), ROOT("/dev/sdb1")};
	char *only[] = {ROOT("btrfsvol:/dev/sda2/@/.snapshots/1/snapshot")};

	assert_int_equal(roots_without_snapshots(two, 2), 2);
	assert_int_equal(roots_without_snapshots(only, 1), 1);
	assert_string_equal(only[0], "btrfsvol:/dev/sda2/@/.snapshots/1/snapshot");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_snapper),
	    cmocka_unit_test(test_other_keepers),
	    cmocka_unit_test(test_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
