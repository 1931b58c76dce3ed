/* Tests of the step default-kernel. */
#include "tests/unit/converters/linux/linux_fixture.h"

static struct kernel *add_kernel(struct linux_fixture *f, const char *version, bool virtio)
{
	struct arena *a = &f->inspection->arena;
	struct kernel *k = vec_push(a, &f->inspection->kernels);

	*k = (struct kernel){.version = arena_strdup(a, version),
			     .vmlinuz = arena_printf(a, "/boot/vmlinuz-%s", version),
			     .initrd = arena_printf(a, "/boot/initrd-%s", version),
			     .modules = arena_printf(a, "/lib/modules/%s", version),
			     .virtio_blk_module = virtio,
			     .virtio_pci_module = virtio,
			     .bootable = true};
	return k;
}

static void add_entry(struct linux_fixture *f, const char *version, enum boot_menu menu, const char *file,
		      const char *id, bool is_default)
{
	struct arena *a = &f->inspection->arena;
	struct boot_entry *e = vec_push(a, &f->inspection->boot_entries);

	*e = (struct boot_entry){.title = arena_printf(a, "Linux %s", version),
				 .file = arena_strdup(a, file),
				 .menu_file = arena_strdup(a, file),
				 .kernel = arena_printf(a, "/boot/vmlinuz-%s", version),
				 .version = arena_strdup(a, version),
				 .id = arena_strdup(a, id),
				 .menu = menu,
				 .is_default = is_default};
}

/* Three kernels: the default has no virtio, of the others 2.10 is the newer. */
static void old_default(struct linux_fixture *f, enum boot_menu menu, const char *file)
{
	add_kernel(f, "2.9", true);
	add_kernel(f, "2.10", true);
	add_kernel(f, "2.6", false);
	add_entry(f, "2.6", menu, file, "a", true);
	add_entry(f, "2.9", menu, file, "b", false);
	add_entry(f, "2.10", menu, file, "c", false);
}

static void test_grub_by_saved_entry(void **state)
{
	struct linux_fixture *f = *state;

	old_default(f, BOOT_MENU_GRUB_BLS, "/boot/grub2/grub.cfg");
	plant(&f->files, "/boot/grub2/grubenv", "# GRUB Environment Block\nsaved_entry=a\n####");
	run_twice(f, &step_default_kernel);
	assert_string_equal(text_of(&f->files, "/boot/grub2/grubenv"), "# GRUB Environment Block\nsaved_entry=c\n####");
	assert_string_equal(change_of(f, "/boot/grub2/grubenv")->reason,
			    "the default was 'Linux 2.6': kernel 2.6 has no virtio");
	assert_string_equal(finding_of(f, "W-KERNEL-LEFT-BEHIND")->evidence, "/boot/vmlinuz-2.6");
	assert_true(f->inspection->kernels.v[2].left_behind);
	assert_false(f->inspection->kernels.v[0].left_behind);
}

/* grub.cfg says which loader entry is the default, whatever grubenv has. */
static void test_bls_with_its_own_default(void **state)
{
	struct linux_fixture *f = *state;

	old_default(f, BOOT_MENU_GRUB_BLS, "/boot/grub2/grub.cfg");
	plant(&f->files, "/boot/grub2/grub.cfg", "set default=\"0\"\nblscfg\n");
	plant(&f->files, "/etc/default/grub", "GRUB_DEFAULT=0\n");
	run_twice(f, &step_default_kernel);
	assert_string_equal(text_of(&f->files, "/boot/grub2/grub.cfg"), "set default=\"c\"\nblscfg\n");
	assert_string_equal(text_of(&f->files, "/etc/default/grub"), "GRUB_DEFAULT=c\n");
}

static void test_grub_by_title(void **state)
{
	struct linux_fixture *f = *state;

	old_default(f, BOOT_MENU_GRUB, "/boot/grub/grub.cfg");
	plant(&f->files, "/boot/grub/grub.cfg",
	      "if x; then\n  set default=\"${next_entry}\"\nelse\n  set default=\"0\"\nfi\n");
	plant(&f->files, "/etc/default/grub", "GRUB_DEFAULT=0\n");
	run_twice(f, &step_default_kernel);
	assert_string_equal(text_of(&f->files, "/boot/grub/grub.cfg"),
			    "if x; then\n  set default=\"${next_entry}\"\nelse\n  set default=\"c\"\nfi\n");
	assert_string_equal(text_of(&f->files, "/etc/default/grub"), "GRUB_DEFAULT=c\n");
}

/* Ids and titles that a shell and GRUB would read as something else. */
static void test_grub_by_odd_title(void **state)
{
	struct linux_fixture *f = *state;

	old_default(f, BOOT_MENU_GRUB, "/boot/grub/grub.cfg");
	f->inspection->boot_entries.v[2].id = arena_strdup(&f->inspection->arena, "advanced>The \"new\" $one");
	plant(&f->files, "/boot/grub/grub.cfg", "set default=\"0\"\n");
	plant(&f->files, "/etc/default/grub", "GRUB_DEFAULT=\"0\" # first\n");
	run_twice(f, &step_default_kernel);
	assert_string_equal(text_of(&f->files, "/boot/grub/grub.cfg"),
			    "set default=\"advanced>The \\\"new\\\" \\$one\"\n");
	assert_string_equal(text_of(&f->files, "/etc/default/grub"),
			    "GRUB_DEFAULT=\"advanced>The \\\"new\\\" \\$one\" # first\n");
}

static void test_keywords(void **state)
{
	struct linux_fixture *f = *state;

	old_default(f, BOOT_MENU_SYSTEMD_BOOT, "/efi/loader/loader.conf");
	plant(&f->files, "/efi/loader/loader.conf", "timeout 3\n#default x\ndefault  a\n");
	run_twice(f, &step_default_kernel);
	assert_string_equal(text_of(&f->files, "/efi/loader/loader.conf"), "timeout 3\n#default x\ndefault  c\n");
}

static void test_extlinux_without_default(void **state)
{
	struct linux_fixture *f = *state;

	old_default(f, BOOT_MENU_EXTLINUX, "/extlinux.conf");
	plant(&f->files, "/extlinux.conf", "LABEL a\n");
	run_twice(f, &step_default_kernel);
	assert_string_equal(text_of(&f->files, "/extlinux.conf"), "DEFAULT c\nLABEL a\n");
}

static void test_extlinux_settings(void **state)
{
	struct linux_fixture *f = *state;

	old_default(f, BOOT_MENU_EXTLINUX, "/boot/extlinux.conf");
	plant(&f->files, "/boot/extlinux.conf", "DEFAULT menu.c32\nLABEL a\n  MENU DEFAULT\nLABEL c\n  LINUX x\n");
	plant(&f->files, "/etc/update-extlinux.conf", "root=x\ndefault=a\n");
	plant(&f->files, "/etc/default/extlinux", "EXTLINUX_DEFAULT=\"a\"\n");
	run_twice(f, &step_default_kernel);
	assert_string_equal(text_of(&f->files, "/boot/extlinux.conf"),
			    "DEFAULT menu.c32\nLABEL a\nLABEL c\n  MENU DEFAULT\n  LINUX x\n");
	assert_string_equal(text_of(&f->files, "/etc/update-extlinux.conf"), "root=x\ndefault=c\n");
	assert_string_equal(text_of(&f->files, "/etc/default/extlinux"), "EXTLINUX_DEFAULT=\"c\"\n");
}

static void test_good_default_stays(void **state)
{
	struct linux_fixture *f = *state;

	add_kernel(f, "2.9", true);
	add_kernel(f, "2.10", true);
	add_entry(f, "2.9", BOOT_MENU_GRUB_LEGACY, "/boot/grub/menu.lst", "0", true);
	add_entry(f, "2.10", BOOT_MENU_GRUB_LEGACY, "/boot/grub/menu.lst", "1", false);
	plant(&f->files, "/boot/grub/menu.lst", "default 0\n");
	run_twice(f, &step_default_kernel);
	assert_int_equal(f->files.log.changes.n, 0);
	assert_int_equal(f->inspection->findings.n, 0);
}

/* A menu that some other loader left behind may be the one that is read. */
static void test_two_menus(void **state)
{
	struct linux_fixture *f = *state;

	add_kernel(f, "2.6", false);
	add_kernel(f, "2.10", true);
	add_entry(f, "2.10", BOOT_MENU_GRUB, "/boot/grub2/grub.cfg", "0", true);
	add_entry(f, "2.6", BOOT_MENU_EXTLINUX, "/extlinux.conf", "old", true);
	run_twice(f, &step_default_kernel);
	assert_int_equal(f->files.log.changes.n, 0);
	assert_false(f->inspection->kernels.v[0].left_behind);
	assert_int_equal(f->inspection->findings.n, 0);
}

static void test_saved_default_lets_nothing_go(void **state)
{
	struct linux_fixture *f = *state;

	add_kernel(f, "2.6", false);
	add_kernel(f, "2.10", true);
	add_entry(f, "2.10", BOOT_MENU_GRUB_LEGACY, "/boot/grub/menu.lst", "0", true);
	add_entry(f, "2.6", BOOT_MENU_GRUB_LEGACY, "/boot/grub/menu.lst", "1", false);
	f->inspection->boot_entries.v[0].is_saved = true;
	run_twice(f, &step_default_kernel);
	assert_false(f->inspection->kernels.v[0].left_behind);
	f->inspection->boot_entries.v[0].is_saved = false;
	assert_int_equal(step_default_kernel.run(&f->c, &f->files.err), 0);
	assert_true(f->inspection->kernels.v[0].left_behind);
}

/* grubenv, which the menu takes its default from, isn't there. */
static void test_default_that_cannot_be_set(void **state)
{
	struct linux_fixture *f = *state;

	old_default(f, BOOT_MENU_GRUB, "/boot/grub/grub.cfg");
	plant(&f->files, "/boot/grub/grub.cfg", "set default=\"${saved_entry}\"\n");
	plant(&f->files, "/etc/default/grub", "GRUB_DEFAULT=0\n");
	run_twice(f, &step_default_kernel);
	assert_int_equal(f->files.log.changes.n, 0);
	assert_true(f->inspection->boot_entries.v[0].is_default);
	assert_false(f->inspection->kernels.v[2].left_behind);
}

static void test_grub_without_default(void **state)
{
	struct linux_fixture *f = *state;

	old_default(f, BOOT_MENU_GRUB, "/boot/grub/grub.cfg");
	plant(&f->files, "/boot/grub/grub.cfg", "menuentry a {\n}\n");
	run_twice(f, &step_default_kernel);
	assert_string_equal(text_of(&f->files, "/boot/grub/grub.cfg"), "set default=\"c\"\nmenuentry a {\n}\n");
}

/* A default that isn't understood is nothing to touch. */
static void test_unknown_default_stays(void **state)
{
	struct linux_fixture *f = *state;

	add_kernel(f, "2.10", true);
	add_entry(f, "elsewhere", BOOT_MENU_GRUB_LEGACY, "/boot/grub/menu.lst", "0", true);
	f->inspection->boot_entries.v[0].version = NULL;
	add_entry(f, "2.10", BOOT_MENU_GRUB_LEGACY, "/boot/grub/menu.lst", "1", false);
	plant(&f->files, "/boot/grub/menu.lst", "default 0\n");
	run_twice(f, &step_default_kernel);
	assert_int_equal(f->files.log.changes.n, 0);
}

static void test_xen_only(void **state)
{
	struct linux_fixture *f = *state;

	add_kernel(f, "2.6.18-8.el5xen", false)->xen_only = true;
	assert_int_equal(step_default_kernel.run(&f->c, &f->files.err), 0);
	assert_string_equal(finding_of(f, "B-KERNEL-XEN-ONLY")->evidence, "/boot/vmlinuz-2.6.18-8.el5xen");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    LINUX_TEST(test_grub_by_saved_entry),
	    LINUX_TEST(test_bls_with_its_own_default),
	    LINUX_TEST(test_grub_by_title),
	    LINUX_TEST(test_grub_by_odd_title),
	    LINUX_TEST(test_keywords),
	    LINUX_TEST(test_extlinux_without_default),
	    LINUX_TEST(test_extlinux_settings),
	    LINUX_TEST(test_good_default_stays),
	    LINUX_TEST(test_two_menus),
	    LINUX_TEST(test_saved_default_lets_nothing_go),
	    LINUX_TEST(test_default_that_cannot_be_set),
	    LINUX_TEST(test_grub_without_default),
	    LINUX_TEST(test_unknown_default_stays),
	    LINUX_TEST(test_xen_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
