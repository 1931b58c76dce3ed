/* Tests of drivers-inject/linux/genkernel.c. */
#include "drivers-inject/linux/genkernel.h"

#include "tests/unit/support/initramfs_fixture.h"

static const char *list(struct fixture *f, const char *defaults)
{
	AUTO(initramfs_freep) struct initramfs *im = NULL;

	plant(f, "/tree/etc/initrd.defaults", defaults);
	plant(f, "/tree/etc/initrd.scripts", "");
	pack(f, "tree", "xz", "/initrd");
	assert_int_equal(initramfs_read(f->g, "/initrd", NULL, &im, &f->err), 0);
	assert_string_equal(im->generator, "genkernel");
	return genkernel_list(im);
}

static void test_groups(void **state)
{
	struct fixture *f = *state;

	assert_string_equal(list(f, "HWOPTS='keymap virtio'\nMY_HWOPTS='modules pata sata scsi fs'\n"),
			    "etc/modules/scsi");
	assert_string_equal(list(f, "MY_HWOPTS=\"cache modules sata virtio scsi\"\n"), "etc/modules/virtio");
	assert_string_equal(list(f, "MY_HWOPTS='modules sata'\n"), "etc/modules/sata");
	assert_null(list(f, "MY_HWOPTS='pata sata scsi'\n")); /* no modules at all */
	assert_null(list(f, "MY_HWOPTS='modules xscsi usb'\n"));
	assert_null(list(f, "HWOPTS='modules scsi'\n"));
}

static void test_loads(void **state)
{
	struct fixture *f = *state;
	AUTO(initramfs_freep) struct initramfs *im = NULL;

	plant(f, "/tree/etc/initrd.defaults", "MY_HWOPTS='modules sata scsi'\n");
	plant(f, "/tree/etc/initrd.scripts", "");
	plant(f, "/tree/etc/modules/virtio", "virtio_blk\n");
	plant(f, "/tree/etc/modules/scsi", "sd_mod\nvirtio-pci sg");
	pack(f, "tree", "xz", "/initrd");
	assert_int_equal(initramfs_read(f->g, "/initrd", NULL, &im, &f->err), 0);
	assert_true(genkernel_loads(im, "sd_mod") && genkernel_loads(im, "virtio_pci") && genkernel_loads(im, "sg"));
	assert_false(genkernel_loads(im, "virtio_blk") || genkernel_loads(im, "mod"));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(test_groups), TEST(test_loads)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
