/* Tests of guest/files/loaderentries.c on files as Fedora, Arch and Alpine have them. */
#include "tests/unit/guest/files/walk.h"

#include <malloc.h>

#include "core/base/buf.h"
#include "core/base/checked.h"
#include "core/base/cleanup.h"
#include "guest/files/loaderentries.h"

static void test_bls(void **state)
{
	AUTO(arena_done) struct arena a = {0};
	struct grub_entry e;
	struct lines l;

	lines_split(&l, &a,
		    "title Fedora Linux\nversion 6.8\nlinux /vmlinuz-6.8 \ninitrd /intel-ucode.img\n"
		    "initrd /initramfs-6.8.img $tuned_initrd\noptions $kernelopts\noptions quiet\n");
	loader_entry_parse(&l, &e);
	assert_string_equal(e.title, "Fedora Linux");
	assert_string_equal(e.kernel, "/vmlinuz-6.8");
	assert_string_equal(e.initrd, "/initramfs-6.8.img");
	assert_string_equal(e.cmdline, "$kernelopts quiet");
	assert_int_equal(e.line, 3);
	lines_split(&l, &a, "title memtest\nefi /memtest.efi\n");
	loader_entry_parse(&l, &e);
	assert_null(e.kernel);
}

/* A kernel without initramfs understands no UUID=. */
static void test_bls_without_initrd(void **state)
{
	AUTO(arena_done) struct arena a = {0};
	const char *asked;

	walk(&a, loader_entry_devices, "linux /v\noptions root=/dev/sda1\n", NULL, &asked);
	assert_string_equal(asked, "2:/dev/sda1 m=/ partition|");
	walk(&a, loader_entry_devices, "linux /v\noptions root=/dev/sda1\ninitrd /i\n", NULL, &asked);
	assert_string_equal(asked, "2:/dev/sda1 m=/|");
}

static const char alpine[] =
    "DEFAULT menu.c32\nPROMPT 0\nMENU TITLE Alpine/Linux Boot Menu\nTIMEOUT 10\n"
    "LABEL lts\n  MENU DEFAULT\n  MENU LABEL Linux lts\n  LINUX vmlinuz-lts\n"
    "  INITRD initramfs-lts\n  APPEND root=/dev/sda3 modules=sd-mod,ext4 quiet\n\n"
    "LABEL bare\n  LINUX vmlinuz-bare\n  APPEND root=/dev/sda3\nLABEL reboot\n  COM32 reboot.c32\n"
    "LABEL hdt\n  KERNEL hdt.c32\n";

static void test_alpine(void **state)
{
	AUTO(arena_done) struct arena a = {0};
	const struct grub_entry *e;
	struct grub_menu menu;
	const char *asked;
	struct lines l;

	lines_split(&l, &a, alpine);
	extlinux_parse(&l, &menu);
	assert_int_equal(menu.entries.n, 4);
	e = grub_menu_find(&menu, menu.default_entry);
	assert_ptr_equal(e, &menu.entries.v[0]);
	assert_string_equal(e->title, "Linux lts");
	assert_string_equal(e->kernel, "vmlinuz-lts");
	assert_string_equal(e->initrd, "initramfs-lts");
	assert_int_equal(e->line, 8);
	assert_null(menu.entries.v[3].kernel);
	walk(&a, extlinux_devices, alpine, NULL, &asked);
	assert_string_equal(asked, "10:/dev/sda3 m=/|14:/dev/sda3 m=/ partition|");
}

static void test_initrd_on_the_command_line(void **state)
{
	AUTO(arena_done) struct arena a = {0};
	struct grub_menu menu;
	struct lines l;

	lines_split(
	    &l, &a,
	    "default linux\nlabel linux\n kernel /vmlinuz\n append ro noinitrd=x initrd=/ucode.img,/initrd.img\n");
	extlinux_parse(&l, &menu);
	assert_string_equal(menu.default_entry, "linux");
	assert_string_equal(menu.entries.v[0].initrd, "/initrd.img");
}

/* Which line decides, and that it is the one that is changed. "b" is the default before, "a" after. */
static void test_extlinux_default(void **state)
{
	static const char *const rows[][2] = {
	    {"DEFAULT b\nLABEL a\nLABEL b\n", "DEFAULT a\nLABEL a\nLABEL b\n"},
	    {"default a\nLABEL a\nLABEL b\nONTIMEOUT b\n", "default a\nLABEL a\nLABEL b\nONTIMEOUT a\n"},
	    {"LABEL b\nMENU DEFAULT\nDEFAULT vesamenu.c32\nLABEL a",
	     "LABEL b\nDEFAULT vesamenu.c32\nLABEL a\n  MENU DEFAULT\n"},
	    {"UI menu.c32\nDEFAULT a\nLABEL a\nLABEL b\n menu default\n",
	     "UI menu.c32\nDEFAULT a\nLABEL a\n  MENU DEFAULT\nLABEL b\n"},
	    /* nothing reads MENU lines here */
	    {"DEFAULT b\nLABEL a\n MENU DEFAULT\nLABEL b\n", "DEFAULT a\nLABEL a\n MENU DEFAULT\nLABEL b\n"},
	};
	AUTO(arena_done) struct arena a = {0};

	for (size_t n = 0; n < sizeof rows / sizeof *rows; n++) {
		struct grub_menu menu;
		struct lines l;

		lines_split(&l, &a, rows[n][0]);
		extlinux_parse(&l, &menu);
		assert_string_equal(menu.default_entry, "b");
		extlinux_set_default(&l, "a");
		assert_string_equal(lines_join(&l), rows[n][1]);
		extlinux_parse(&l, &menu);
		assert_string_equal(menu.default_entry, "a");
		l.changed = false;
		extlinux_set_default(&l, "a");
		assert_false(l.changed);
	}
}

static void test_extlinux_without_default(void **state)
{
	AUTO(arena_done) struct arena a = {0};
	struct grub_menu menu;
	struct lines l;

	lines_split(&l, &a, "DEFAULT menu.c32\nLABEL b\nLABEL a\n");
	extlinux_parse(&l, &menu);
	assert_null(menu.default_entry);
	extlinux_set_default(&l, "a");
	assert_string_equal(lines_join(&l), "DEFAULT menu.c32\nLABEL b\nLABEL a\n  MENU DEFAULT\n");
	lines_split(&l, &a, "LABEL b\nLABEL a\n");
	extlinux_set_default(&l, "a");
	assert_string_equal(lines_join(&l), "DEFAULT a\nLABEL b\nLABEL a\n");
}

static void test_loader_conf(void **state)
{
	AUTO(arena_done) struct arena a = {0};
	struct lines l;

	lines_split(&l, &a, "#default x\ntimeout 3\ndefault  arch-*.conf \n");
	assert_string_equal(loader_conf_default(&l), "arch-*.conf");
	lines_split(&l, &a, "default @saved\n");
	assert_null(loader_conf_default(&l));
}

static size_t heap(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

/* As many lines as the kernel's command line would never have take no memory for each of their joints. */
static void test_many_options(void **state)
{
	AUTO(arena_done) struct arena a = {0};
	AUTO(buf_done) struct buf b = BUF_INIT(4 * MIB);
	size_t before = heap();
	struct grub_entry e;
	struct lines l;

	for (unsigned n = 0; n < 100000; n++)
		assert_int_equal(buf_adds(&b, "options a\n"), 0);
	lines_split(&l, &a, buf_str(&b));
	loader_entry_parse(&l, &e);
	assert_int_equal(strlen(e.cmdline), 64 * KIB - 1);
	assert_true(heap() - before < 64 * MIB);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_bls),
	    cmocka_unit_test(test_bls_without_initrd),
	    cmocka_unit_test(test_alpine),
	    cmocka_unit_test(test_initrd_on_the_command_line),
	    cmocka_unit_test(test_extlinux_default),
	    cmocka_unit_test(test_extlinux_without_default),
	    cmocka_unit_test(test_loader_conf),
	    cmocka_unit_test(test_many_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
