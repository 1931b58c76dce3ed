/* Tests of guest/files/kconfig.c. */
#include "guest/files/kconfig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const char text[] =
    "#\n# Linux/x86 6.1\n#\nCONFIG_VIRTIO_BLK=m\n# CONFIG_VIRTIO_PCI is not set\nCONFIG_E1000=y\n"
    "CONFIG_LOCALVERSION=\"-x\"\nCONFIG_E1000E_EXTRA=y\nCONFIG_SCSI_VIRTIO=y";

static void test_values(void **state)
{
	assert_int_equal(kconfig_get(text, "CONFIG_VIRTIO_BLK"), 'm');
	assert_int_equal(kconfig_get(text, "CONFIG_VIRTIO_PCI"), 'n');
	assert_int_equal(kconfig_get(text, "CONFIG_E1000"), 'y');
	assert_int_equal(kconfig_get(text, "CONFIG_E1000E"), 'n');
	assert_int_equal(kconfig_get(text, "CONFIG_LOCALVERSION"), 'n');
	assert_int_equal(kconfig_get(text, "CONFIG_SCSI_VIRTIO"), 'y');
	assert_int_equal(kconfig_get(NULL, "CONFIG_E1000"), 'n');
}

static void test_modules(void **state)
{
	assert_false(kconfig_builds_in(text, "virtio_blk"));
	assert_false(kconfig_builds_in(text, "virtio_pci"));
	assert_true(kconfig_builds_in(text, "virtio_scsi"));
	assert_true(kconfig_builds_in(text, "e1000"));
	assert_false(kconfig_builds_in(text, "ext4"));
	assert_false(kconfig_builds_in(NULL, "e1000"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_values), cmocka_unit_test(test_modules)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
