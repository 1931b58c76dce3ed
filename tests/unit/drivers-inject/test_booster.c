/* Tests of drivers-inject/linux/booster.c and settings_booster.c. */
#include "drivers-inject/linux/booster.h"

#include "drivers-inject/linux/settings.h"
#include "tests/unit/support/initramfs_fixture.h"

#define VERSION "6.9.1-arch1-1"
#define CONFIG	"kernel: " VERSION "\nmounttimeout: 180\n"

/* An image with these settings; its aliases don't end in a newline. */
static struct initramfs *image(struct fixture *f, const char *config)
{
	struct initramfs *im;

	plant(f, "/tree/usr/lib/modules/sd_mod.ko", "x");
	plant(f, "/tree/usr/lib/modules/booster.alias", "scsi:t-0x00* sd_mod");
	plant(f, "/tree/etc/booster.init.yaml", config);
	pack(f, "tree", "zstd", "/initrd");
	if (initramfs_read(f->g, "/initrd", NULL, &im, &f->err) < 0)
		fail_msg("%s", f->err.text);
	return im;
}

static const struct module_list *virtio(struct fixture *f)
{
	static const char *needs[] = {"kernel/drivers/virtio/virtio-ring.ko.zst",
				      "kernel/drivers/virtio/virtio.ko.zst"};
	struct module_list *ret = arena_alloc(&f->arena, sizeof *ret);

	*vec_push(&f->arena, &ret->list) = (struct module){.name = "virtio_ring"};
	*vec_push(&f->arena, &ret->list) = (struct module){.name = "virtio_blk", .needs = needs, .nneeds = 2};
	return ret;
}

static const char *config_with(struct fixture *f, const char *config)
{
	AUTO(initramfs_freep) struct initramfs *im = image(f, config);

	assert_true(booster_is(im, VERSION));
	return booster_config_with(im, virtio(f), &f->arena);
}

static void test_needs(void **state)
{
	struct fixture *f = *state;

	assert_string_equal(config_with(f, "moduledependencies:\n    sd_mod:\n        - scsi_mod\n" CONFIG),
			    "moduledependencies:\n    virtio_blk:\n        - virtio_ring\n        - virtio\n"
			    "    sd_mod:\n        - scsi_mod\n" CONFIG);
	assert_string_equal(config_with(f, "moduledependencies:\n  sd_mod:\n    - scsi_mod\n" CONFIG),
			    "moduledependencies:\n  virtio_blk:\n    - virtio_ring\n    - virtio\n"
			    "  sd_mod:\n    - scsi_mod\n" CONFIG);
	assert_string_equal(config_with(f, CONFIG),
			    "moduledependencies:\n    virtio_blk:\n        - virtio_ring\n        - virtio\n" CONFIG);
	assert_string_equal(config_with(f, CONFIG "moduledependencies:"),
			    CONFIG "moduledependencies:\n    virtio_blk:\n        - virtio_ring\n        - virtio\n");
}

/* A key that stands twice would stop booster's init. */
static void test_no_key_twice(void **state)
{
	struct fixture *f = *state;
	const char *has_it = "moduledependencies:\n    virtio_blk:\n        - virtio\n" CONFIG;

	assert_string_equal(config_with(f, has_it), has_it);
}

static void test_aliases(void **state)
{
	struct fixture *f = *state;
	AUTO(initramfs_freep) struct initramfs *im = image(f, CONFIG);
	AUTO(modules_freep) struct modules *m = modules_new();

	assert_int_equal(modules_parse_alias(m,
					     "alias virtio:d00000002v* virtio_blk\nalias pci:v1 ahci\n"
					     "alias block-test virtio-blk\n",
					     &f->err),
			 0);
	assert_string_equal(booster_aliases_with(im, m, (const char *[]){"virtio_ring", "virtio_blk"}, 2, &f->arena),
			    "scsi:t-0x00* sd_mod\nvirtio:d00000002v* virtio_blk\nblock-test virtio_blk\n");
	assert_true(booster_loads(im, "sd_mod"));
	assert_false(booster_loads(im, "mod") || booster_loads(im, "virtio_blk"));
	assert_non_null(initramfs_module(im, VERSION, "sd_mod"));
	assert_null(initramfs_module(im, VERSION, "virtio_blk"));
}

static void test_other_images(void **state)
{
	struct fixture *f = *state;
	AUTO(initramfs_freep)
	struct initramfs *other_kernel = image(f, "kernel: 6.9.1-arch1-2\n"),
			 *flow = image(f, "moduledependencies: {sd_mod: [scsi_mod]}\n" CONFIG);

	assert_false(booster_is(other_kernel, VERSION));
	assert_false(booster_is(flow, VERSION));
}

static const char *settings(struct fixture *f, const char *text)
{
	static const char *const names[] = {"virtio_pci", "virtio_blk"};
	struct changelog log = {0};
	const struct generator_settings s = {.g = f->g, .log = &log, .names = names, .n = 2, .reason = "test"};
	bool known = false;

	if (text)
		plant(f, "/etc/booster.yaml", text);
	assert_int_equal(settings_booster(&s, &known, &f->err), 0);
	assert_true(known);
	changelog_done(&log);
	return text_of(f, "/etc/booster.yaml");
}

static void test_settings(void **state)
{
	struct fixture *f = *state;

	assert_string_equal(settings(f, NULL), "modules: virtio_pci,virtio_blk\n");
	assert_string_equal(settings(f, NULL), "modules: virtio_pci,virtio_blk\n");
	assert_string_equal(settings(f, "modules: -*,my_virtio_blk2 # mine\ncompression: xz\n"),
			    "modules: -*,my_virtio_blk2,virtio_pci,virtio_blk # mine\ncompression: xz\n");
	assert_string_equal(settings(f, "universal: true\nmodules: \"virtio_blk\""),
			    "universal: true\nmodules: \"virtio_blk,virtio_pci\"");
	assert_string_equal(settings(f, "modules: \"\"\n"), "modules: \"virtio_pci,virtio_blk\"\n");
	assert_string_equal(settings(f, "modules: # none\n"), "modules: virtio_pci,virtio_blk # none\n");
	assert_string_equal(settings(f, "strip: true\n"), "strip: true\nmodules: virtio_pci,virtio_blk\n");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_needs), TEST(test_no_key_twice), TEST(test_aliases), TEST(test_other_images), TEST(test_settings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
