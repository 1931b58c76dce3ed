/* Tests of guest/files/grubcfg.c on what Debian 12's update-grub writes. */
#include "tests/unit/guest/files/walk.h"

#include <fcntl.h>

#include "core/base/file.h"
#include "guest/files/grubcfg.h"
#include "guest/files/grubenv.h"

#define DEBIAN12 "tests/data/guest/debian12-grub.cfg"

static const char *debian12(struct arena *a)
{
	AUTO(buf_done) struct buf b = BUF_INIT(1 << 20);
	struct err err = ERR_INIT;

	if (file_slurp(AT_FDCWD, DEBIAN12, &b, &err) < 0)
		fail_msg("%s", err.text);
	return arena_strdup(a, buf_str(&b));
}

static size_t count(const char *text, const char *what)
{
	size_t n = 0;

	for (; (text = strstr(text, what)); text++)
		n++;
	return n;
}

static void test_debian12_devices(void **state)
{
	static const char *const pairs[] = {"/dev/sda1", "UUID=r", "/dev/sda2", "UUID=s", NULL};
	AUTO(arena_done) struct arena a = {0};
	const char *before = debian12(&a), *after = walk(&a, grubcfg_devices, before, pairs, NULL);

	assert_int_equal(count(before, "root=/dev/sda1"), 5);
	assert_int_equal(count(after, "/dev/sda"), 0);
	assert_int_equal(count(after, "root=UUID=r ro "), 5);
	assert_int_equal(count(after, "resume=UUID=s"), 5);
	assert_int_equal(strlen(before) - strlen(after), 5 * 2 * (strlen("/dev/sda1") - strlen("UUID=r")));
	assert_int_equal(count(after, "--hint-bios=hd0,msdos1"), count(before, "--hint-bios=hd0,msdos1"));
}

static void test_debian12_entries(void **state)
{
	AUTO(arena_done) struct arena a = {0};
	struct grub_menu menu;
	struct lines l;

	lines_split(&l, &a, debian12(&a));
	grubcfg_parse(&l, &menu);
	assert_int_equal(menu.entries.n, 6);
	assert_string_equal(menu.default_entry, "0");
	assert_false(menu.default_saved);

	const struct grub_entry *e = &menu.entries.v[0];

	assert_string_equal(e->title, "Debian GNU/Linux");
	assert_string_equal(e->id, "gnulinux-simple-0b2f5f4e-6d0a-4f0e-9a3c-2f6f5f0e8a11");
	assert_string_equal(e->kernel, "/boot/vmlinuz-6.1.0-18-amd64");
	assert_string_equal(e->initrd, "/boot/initrd.img-6.1.0-18-amd64");
	assert_string_equal(e->cmdline, "root=/dev/sda1 ro console=tty0 resume=/dev/sda2 quiet");
	assert_string_equal(
	    l.v.v[e->line - 1].text,
	    "\tlinux\t/boot/vmlinuz-6.1.0-18-amd64 root=/dev/sda1 ro console=tty0 resume=/dev/sda2 quiet");
	assert_true(menu.entries.v[1].submenu);
	assert_int_equal(menu.entries.v[2].parent, 1);
	assert_int_equal(menu.entries.v[5].position, 3);
	assert_ptr_equal(grub_menu_find(&menu, "0"), e);
	assert_ptr_equal(grub_menu_find(&menu, "1>2"), &menu.entries.v[4]);
	assert_ptr_equal(grub_menu_find(&menu, "Advanced options for Debian GNU/Linux>Debian GNU/Linux, with Linux "
					       "6.1.0-17-amd64 (recovery mode)"),
			 &menu.entries.v[5]);
	assert_ptr_equal(grub_menu_find(&menu, "1"), &menu.entries.v[2]);
	assert_ptr_equal(grub_menu_find(&menu, "gnulinux-simple-0b2f5f4e-6d0a-4f0e-9a3c-2f6f5f0e8a11"), e);
	assert_null(grub_menu_find(&menu, "7"));
	assert_null(grub_menu_find(&menu, "1>9"));
	assert_null(grub_menu_find(&menu, ""));
}

static void test_other_commands(void **state)
{
	static const char *const pairs[] = {"/dev/sda1", "UUID=r", NULL};
	AUTO(arena_done) struct arena a = {0};
	const char *asked;

	assert_string_equal(walk(&a, grubcfg_devices,
				 "menuentry 'x' {\n"
				 " linuxefi ($root)/vmlinuz \\\n"
				 "   root=/dev/sda1 \\\n"
				 "   \"resume=/dev/sda1\" real_root='/dev/sda1'\n"
				 " initrdefi /i\n"
				 "}\n"
				 "menuentry 'bare' {\n linux16 /vmlinuz root=/dev/sda1\n}\n"
				 "set kernelopts=\"root=/dev/sda1 ro\"\n"
				 "set root='hd0,msdos1'\n"
				 "echo root=/dev/sda1\n"
				 "# linux /v root=/dev/sda1\n",
				 pairs, &asked),
			    "menuentry 'x' {\n"
			    " linuxefi ($root)/vmlinuz \\\n"
			    "   root=UUID=r \\\n"
			    "   \"resume=UUID=r\" real_root='UUID=r'\n"
			    " initrdefi /i\n"
			    "}\n"
			    "menuentry 'bare' {\n linux16 /vmlinuz root=UUID=r\n}\n"
			    "set kernelopts=\"root=UUID=r ro\"\n"
			    "set root='hd0,msdos1'\n"
			    "echo root=/dev/sda1\n"
			    "# linux /v root=/dev/sda1\n");
	assert_string_equal(asked, "3:/dev/sda1 m=/|4:/dev/sda1 t=swap optional|4:/dev/sda1 m=/|"
				   "8:/dev/sda1 m=/ partition|10:/dev/sda1 m=/|");
}

static void test_saved_default(void **state)
{
	AUTO(arena_done) struct arena a = {0};
	struct grub_menu menu;
	struct lines l;

	lines_split(&l, &a,
		    "set default=\"${next_entry}\"\nset default=\"${saved_entry}\"\n"
		    "menuentry \"A \\\"b\\\"\" --id=one {\n\tlinux /a x\n}\nmenuentry C --id two { linux /c }\n");
	grubcfg_parse(&l, &menu);
	assert_true(menu.default_saved);
	assert_null(menu.default_entry);
	assert_int_equal(menu.entries.n, 2);
	assert_string_equal(menu.entries.v[0].title, "A \"b\"");
	assert_string_equal(menu.entries.v[0].id, "one");
	assert_string_equal(menu.entries.v[0].kernel, "/a");
	assert_string_equal(menu.entries.v[0].cmdline, "x");
	assert_string_equal(menu.entries.v[1].id, "two");
	assert_string_equal(grubenv_get(&a, "# GRUB Environment Block\nsaved_entry=two\n####", "saved_entry"), "two");
	assert_null(grubenv_get(&a, "# GRUB Environment Block\n####", "saved_entry"));
}

static void test_unbalanced_braces(void **state)
{
	AUTO(arena_done) struct arena a = {0};
	struct grub_menu menu;
	struct lines l;
	char text[200] = "";

	for (unsigned k = 0; k < 40; k++)
		strcat(text, "x {\n");
	strcat(text, "linux /a\n");
	lines_split(&l, &a, text);
	grubcfg_parse(&l, &menu);
	assert_int_equal(menu.entries.n, 0);
	lines_split(&l, &a, "}\n}\nmenuentry a {\n}\n}\n");
	grubcfg_parse(&l, &menu);
	assert_int_equal(menu.entries.n, 1);
}

/* What stands on a continued line is an argument, whatever it looks like. */
static void test_continued_lines(void **state)
{
	AUTO(arena_done) struct arena a = {0};
	struct grub_menu menu;
	struct lines l;

	lines_split(&l, &a,
		    "# a comment does not go on \\\nmenuentry 'one' \\\n  --id first {\n"
		    " linux /v a \\\n   set default=9 \\\n b'c \"'d\n initrd \\\n /ucode \\\n /i\n}\n"
		    "menuentry two {\n linux /w \\\n");
	grubcfg_parse(&l, &menu);
	assert_int_equal(menu.entries.n, 2);
	assert_null(menu.default_entry);
	assert_string_equal(menu.entries.v[0].id, "first");
	assert_string_equal(menu.entries.v[0].cmdline, "a    set default=9  b'c \"'d");
	assert_string_equal(menu.entries.v[0].initrd, "/i");
	assert_int_equal(menu.entries.v[1].parent, -1);
	assert_int_equal(menu.entries.v[1].position, 1);
	assert_string_equal(menu.entries.v[1].kernel, "/w");
}

/* Positions are GRUB's in a menu of any size: submenus count, what is inside one has its own count. */
static void test_positions_of_many_entries(void **state)
{
	enum { ENTRIES = 30000 };
	AUTO(arena_done) struct arena a = {0};
	AUTO(buf_done) struct buf text = BUF_INIT(8 << 20);
	struct grub_menu menu;
	struct lines l;

	for (unsigned k = 0; k < ENTRIES; k++)
		assert_int_equal(
		    buf_addf(&text, k % 3 ? "menuentry e%u {\n}\n" : "submenu s%u {\nmenuentry in {\n}\n}\n", k), 0);
	lines_split(&l, &a, buf_str(&text));
	grubcfg_parse(&l, &menu);
	assert_int_equal(menu.entries.n, ENTRIES + ENTRIES / 3);
	assert_string_equal(menu.entries.v[menu.entries.n - 1].title, "e29999");
	assert_int_equal(menu.entries.v[menu.entries.n - 1].position, ENTRIES - 1);
	assert_int_equal(menu.entries.v[1].parent, 0);
	assert_int_equal(menu.entries.v[1].position, 0);
	assert_string_equal(grub_menu_find(&menu, "29997")->title, "in");
}

static void test_legacy(void **state)
{
	static const char *const pairs[] = {"/dev/sda1", "UUID=r", NULL};
	AUTO(arena_done) struct arena a = {0};
	struct grub_menu menu;
	struct lines l;
	const char *text = "default\t\t1\n"
			   "timeout 1\n"
			   "### BEGIN AUTOMAGIC KERNELS LIST\n"
			   "## ## Start Default Options ##\n"
			   "# kopt=root=/dev/sda1 ro console=ttyS0\n"
			   "# groot=(hd0,0)\n"
			   "\n"
			   "title\t\tDebian GNU/Linux, kernel 2.6\n"
			   "root\t\t(hd0,0)\n"
			   "kernel\t\t/boot/vmlinuz-2.6 root=/dev/sda1 ro\n"
			   "initrd\t\t/boot/initrd.img-2.6\n"
			   "\n"
			   "title other\n"
			   "kernel (hd0,0)/boot/vmlinuz-2.4 root=/dev/sda1\n";
	const char *asked;

	assert_string_equal(walk(&a, menulst_devices, text, pairs, &asked),
			    "default\t\t1\n"
			    "timeout 1\n"
			    "### BEGIN AUTOMAGIC KERNELS LIST\n"
			    "## ## Start Default Options ##\n"
			    "# kopt=root=UUID=r ro console=ttyS0\n"
			    "# groot=(hd0,0)\n"
			    "\n"
			    "title\t\tDebian GNU/Linux, kernel 2.6\n"
			    "root\t\t(hd0,0)\n"
			    "kernel\t\t/boot/vmlinuz-2.6 root=UUID=r ro\n"
			    "initrd\t\t/boot/initrd.img-2.6\n"
			    "\n"
			    "title other\n"
			    "kernel (hd0,0)/boot/vmlinuz-2.4 root=UUID=r\n");
	assert_string_equal(asked, "5:/dev/sda1 m=/|10:/dev/sda1 m=/|14:/dev/sda1 m=/ partition|");
	lines_split(&l, &a, text);
	menulst_parse(&l, &menu);
	assert_int_equal(menu.entries.n, 2);
	assert_string_equal(menu.default_entry, "1");
	assert_string_equal(menu.entries.v[0].title, "Debian GNU/Linux, kernel 2.6");
	assert_string_equal(menu.entries.v[0].kernel, "/boot/vmlinuz-2.6");
	assert_string_equal(menu.entries.v[0].initrd, "/boot/initrd.img-2.6");
	assert_string_equal(menu.entries.v[0].cmdline, "root=/dev/sda1 ro");
	assert_int_equal(menu.entries.v[0].line, 10);
	assert_string_equal(menu.entries.v[1].kernel, "/boot/vmlinuz-2.4");
}

/* A variable is the root only where some root= says so. */
static void test_root_in_a_variable(void **state)
{
	AUTO(arena_done) struct arena a = {0};
	const char *asked;

	walk(
	    &a, grubcfg_devices,
	    "set datadisk=/dev/sdb1\nset rootpart=/dev/sda3\nset other=\"/dev/sda4\"\nset rootpartition=\"/dev/sda5\"\n"
	    "menuentry a {\n linux /v root=$rootpart quiet disk=$datadisk\n initrd /i\n}\n"
	    "menuentry b {\n linux /v nfsroot=$datadisk root=\"${other}\"\n initrd /i\n}\n",
	    NULL, &asked);
	assert_string_equal(asked,
			    "2:/dev/sda3 m=/ partition|3:/dev/sda4 m=/ partition|6:$rootpart m=/|10:${other m=/|");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_root_in_a_variable),
	    cmocka_unit_test(test_debian12_devices),
	    cmocka_unit_test(test_debian12_entries),
	    cmocka_unit_test(test_other_commands),
	    cmocka_unit_test(test_saved_default),
	    cmocka_unit_test(test_unbalanced_braces),
	    cmocka_unit_test(test_continued_lines),
	    cmocka_unit_test(test_positions_of_many_entries),
	    cmocka_unit_test(test_legacy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
