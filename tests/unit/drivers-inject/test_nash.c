/* Tests of drivers-inject/linux/nash.c. */
#include "drivers-inject/linux/nash.h"

#include "tests/unit/support/initramfs_fixture.h"

/* An image whose init has these lines. */
static struct initramfs *image(struct fixture *f, const char *init)
{
	struct initramfs *im;

	plant(f, "/tree/bin/nash", "");
	plant(f, "/tree/lib/scsi_mod.ko", "x");
	plant(f, "/tree/init", init);
	pack(f, "tree", "gzip", "/initrd");
	if (initramfs_read(f->g, "/initrd", NULL, &im, &f->err) < 0)
		fail_msg("%s", f->err.text);
	return im;
}

static const struct module_list *modules(struct fixture *f)
{
	struct module_list *ret = arena_alloc(&f->arena, sizeof *ret);

	*vec_push(&f->arena, &ret->list) = (struct module){.path = "/lib/modules/1/kernel/drivers/virtio/virtio.ko"};
	*vec_push(&f->arena, &ret->list) = (struct module){.path = "kernel/drivers/block/virtio_blk.ko.gz"};
	return ret;
}

static void test_behind_the_last_insmod(void **state)
{
	struct fixture *f = *state;
	AUTO(initramfs_freep)
	struct initramfs *im =
	    image(f, "#!/bin/nash\nmkblkdevs\ninsmod /lib/scsi_mod.ko\necho Waiting\nmkblkdevs\nmkrootdev x\n");

	assert_true(nash_is(im));
	assert_string_equal(nash_init_with(im, modules(f), &f->arena),
			    "#!/bin/nash\nmkblkdevs\ninsmod /lib/scsi_mod.ko\n"
			    "echo \"Loading virtio.ko module\"\ninsmod /lib/virtio.ko\n"
			    "echo \"Loading virtio_blk.ko module\"\ninsmod /lib/virtio_blk.ko\nmkblkdevs\n"
			    "echo Waiting\nmkblkdevs\nmkrootdev x\n");
	assert_non_null(initramfs_module(im, "2.6.18", "scsi_mod"));
	assert_null(initramfs_module(im, "2.6.18", "virtio"));
}

static void test_without_modules(void **state)
{
	struct fixture *f = *state;
	AUTO(initramfs_freep) struct initramfs *im = image(f, "#!/bin/nash\nhotplug\nmkblkdevs\nmkrootdev x\n");

	assert_true(nash_is(im));
	assert_non_null(strstr(nash_init_with(im, modules(f), &f->arena),
			       "hotplug\necho \"Loading virtio.ko module\"\ninsmod /lib/virtio.ko\n"));
}

static void test_other_scripts(void **state)
{
	struct fixture *f = *state;
	AUTO(initramfs_freep) struct initramfs *shell_script = image(f, "#!/bin/sh\ninsmod /lib/x.ko\n");

	assert_false(nash_is(shell_script));
}

static void test_no_place(void **state)
{
	struct fixture *f = *state;
	AUTO(initramfs_freep) struct initramfs *im = image(f, "#!/bin/nash\n# insmod /lib/x.ko\nswitchroot\n");

	assert_false(nash_is(im));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_behind_the_last_insmod),
	    TEST(test_without_modules),
	    TEST(test_other_scripts),
	    TEST(test_no_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
