/* Tests of drivers-inject/linux/settings.c, settings_mkinitcpio.c and settings_variable.c: lists stay what a shell
 * takes for one value. */
#include "drivers-inject/linux/settings.h"

#include "tests/unit/support/initramfs_fixture.h"

static const char *written(struct fixture *f, settings_writer *write, const char *path, const char *text)
{
	static const char *const names[] = {"virtio_pci", "virtio_blk"};
	struct changelog log = {0};
	const struct generator_settings s = {.g = f->g, .log = &log, .names = names, .n = 2, .reason = "test"};
	bool known = false;

	plant(f, path, text);
	assert_int_equal(write(&s, &known, &f->err), 0);
	assert_true(known);
	changelog_done(&log);
	return text_of(f, path);
}

static void test_variables(void **state)
{
	static const char suse[] = "/etc/sysconfig/kernel", alpine[] = "/etc/mkinitfs/mkinitfs.conf";
	struct fixture *f = *state;

	assert_string_equal(written(f, settings_suse, suse, "INITRD_MODULES=\"ahci\"\nX=1\n"),
			    "INITRD_MODULES=\"ahci virtio_pci virtio_blk\"\nX=1\n");
	assert_string_equal(written(f, settings_suse, suse, "INITRD_MODULES=\"\"\n"),
			    "INITRD_MODULES=\"virtio_pci virtio_blk\"\n");
	assert_string_equal(written(f, settings_suse, suse, "INITRD_MODULES='virtio_blk'\n"),
			    "INITRD_MODULES='virtio_blk virtio_pci'\n");
	plant(f, "/etc/mkinitfs/features.d/virtio.modules", "");
	assert_string_equal(written(f, settings_mkinitfs, alpine, "features=\"ata base\"\n"),
			    "features=\"ata base virtio\"\n");
}

/* Without quotes a second word would be a command. */
static void test_bare_values(void **state)
{
	static const char suse[] = "/etc/sysconfig/kernel", arch[] = "/etc/mkinitcpio.conf";
	struct fixture *f = *state;

	assert_string_equal(written(f, settings_suse, suse, "INITRD_MODULES=ahci # disk\n"),
			    "INITRD_MODULES=\"ahci virtio_pci virtio_blk\" # disk\n");
	assert_string_equal(written(f, settings_suse, suse, "INITRD_MODULES=\n"),
			    "INITRD_MODULES=\"virtio_pci virtio_blk\"\n");
	assert_string_equal(written(f, settings_mkinitcpio, arch, "MODULES=ext4\nHOOKS=(base)\n"),
			    "MODULES=\"ext4 virtio_pci virtio_blk\"\nHOOKS=(base)\n");
	assert_string_equal(written(f, settings_mkinitcpio, arch, "MODULES="), "MODULES=\"virtio_pci virtio_blk\"");
}

/* What is in a comment of an array isn't in the array. */
static void test_arrays(void **state)
{
	static const char arch[] = "/etc/mkinitcpio.conf";
	struct fixture *f = *state;

	assert_string_equal(written(f, settings_mkinitcpio, arch, "MODULES=()\n"), "MODULES=(virtio_pci virtio_blk)\n");
	assert_string_equal(written(f, settings_mkinitcpio, arch, "MODULES=(virtio_blk virtio_pci)\n"),
			    "MODULES=(virtio_blk virtio_pci)\n");
	assert_string_equal(written(f, settings_mkinitcpio, arch,
				    "MODULES=(\n\text4 # the root (really)\n\t# virtio_pci\n\tvirtio_blk\n)\n"),
			    "MODULES=(\n\text4 # the root (really)\n\t# virtio_pci\n\tvirtio_blk\n virtio_pci)\n");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(test_variables), TEST(test_bare_values), TEST(test_arrays)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
