/* Tests of guest/files/shellvars.c and cmdline.c. */
#include "tests/unit/guest/files/walk.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "guest/files/shellvars.h"

static void test_get(void **state)
{
	AUTO(arena_done) struct arena a = {0};
	struct lines l;

	lines_split(&l, &a,
		    "# A=no\nA=1 # one\n  export B=\"two \\\" words\"\nC='x y'; D=2\nA=last\nE=\nbad line\nF=\"open\n");
	assert_string_equal(shellvars_get(&l, "A"), "last");
	assert_string_equal(shellvars_get(&l, "B"), "two \\\" words");
	assert_string_equal(shellvars_get(&l, "C"), "x y");
	assert_string_equal(shellvars_get(&l, "E"), "");
	assert_string_equal(shellvars_get(&l, "F"), "open");
	assert_null(shellvars_get(&l, "D"));
	assert_null(shellvars_get(&l, "bad"));
}

static void test_set(void **state)
{
	AUTO(arena_done) struct arena a = {0};
	struct lines l;

	lines_split(&l, &a, "A=true  # why\n#A=x\nA=\"true\"\n");
	shellvars_set(&l, "A", "false");
	shellvars_set(&l, "B", "1");
	assert_string_equal(lines_join(&l), "A=false  # why\n#A=x\nA=\"false\"\nB=1\n");
	l.changed = false;
	shellvars_set(&l, "A", "false");
	assert_false(l.changed);
}

/* What a shell makes of $A after sourcing the text. */
static const char *sourced(struct arena *a, const char *text)
{
	char path[] = "/var/tmp/rehost-test-shell-XXXXXX", got[256] = "";
	int fd = mkstemp(path);
	FILE *out;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	out = popen(arena_printf(a, "sh -euc '. %s; printf %%s \"$A\"' 2>&1", path), "r");
	assert_non_null(out);
	fgets(got, sizeof got, out);
	assert_int_equal(pclose(out), 0);
	unlink(path);
	return arena_strdup(a, got);
}

static void test_set_for_a_shell(void **state)
{
	static const char *const values[] = {"0",   "a>b", "advanced>ALT Server, 5.10", "x\"y", "$HOME `id` \\", "it's",
					     "a#b", ""};
	static const char *const before[] = {
	    "A=0\n", "A=\"0\"\n",	  "A='0'\n",	       "A=\"a b\"c' d' # why\n",
	    "B=0\n", "A=\"open\nB=1\"\n", "A=1\nA='open\n'\n", "A=a\\ b; B=1\n"};
	AUTO(arena_done) struct arena a = {0};

	for (size_t v = 0; v < sizeof values / sizeof *values; v++) {
		for (size_t b = 0; b < sizeof before / sizeof *before; b++) {
			struct lines l;

			lines_split(&l, &a, before[b]);
			shellvars_set(&l, "A", values[v]);
			assert_string_equal(sourced(&a, lines_join(&l)), values[v]);
			l.changed = false;
			shellvars_set(&l, "A", values[v]);
			assert_false(l.changed);
		}
	}
}

static void test_grub_default(void **state)
{
	static const char *const pairs[] = {"/dev/sda1", "UUID=r", "/dev/sda2", "UUID=s", NULL};
	AUTO(arena_done) struct arena a = {0};
	const char *asked;

	assert_string_equal(walk(&a, grub_default_devices,
				 "#GRUB_CMDLINE_LINUX=\"root=/dev/sda1\"\n"
				 "GRUB_CMDLINE_LINUX=\"resume=/dev/sda2 root=/dev/sda1\"\n"
				 "GRUB_CMDLINE_LINUX_DEFAULT='cryptopts=target=x,source=/dev/sda1,lvm=y quiet'\n"
				 "GRUB_CMDLINE_XEN=cryptdevice=/dev/sda1:root\n"
				 "GRUB_DEVICE=/dev/sda1\n"
				 "GRUB_TIMEOUT=5",
				 pairs, &asked),
			    "#GRUB_CMDLINE_LINUX=\"root=/dev/sda1\"\n"
			    "GRUB_CMDLINE_LINUX=\"resume=UUID=s root=UUID=r\"\n"
			    "GRUB_CMDLINE_LINUX_DEFAULT='cryptopts=target=x,source=UUID=r,lvm=y quiet'\n"
			    "GRUB_CMDLINE_XEN=cryptdevice=UUID=r:root\n"
			    "GRUB_DEVICE=UUID=r\n"
			    "GRUB_TIMEOUT=5");
	assert_string_equal(asked, "2:/dev/sda2 t=swap optional|2:/dev/sda1 m=/|3:/dev/sda1 t=crypto_LUKS optional|"
				   "4:/dev/sda1 t=crypto_LUKS optional|5:/dev/sda1 m=/ path|");
}

static void test_other_settings(void **state)
{
	static const char *const pairs[] = {"/dev/sda1", "UUID=r", "/dev/sda2", "UUID=s", NULL};
	AUTO(arena_done) struct arena a = {0};

	assert_string_equal(walk(&a, resume_devices, "RESUME=/dev/sda2\n", pairs, NULL), "RESUME=UUID=s\n");
	assert_string_equal(walk(&a, resume_devices, "RESUME=none\n", pairs, NULL), "RESUME=none\n");
	assert_string_equal(walk(&a, dracut_devices, "kernel_cmdline+=\" root=/dev/sda1 \"\n", pairs, NULL),
			    "kernel_cmdline+=\" root=UUID=r \"\n");
	assert_string_equal(walk(&a, cmdline_devices, "root=/dev/sda1 ro\n", pairs, NULL), "root=UUID=r ro\n");
	assert_string_equal(walk(&a, bootloader_devices,
				 "DEFAULT_APPEND=\"resume=/dev/sda1 quiet\"\nLOADER=\"root=/dev/sda1\"\n", pairs, NULL),
			    "DEFAULT_APPEND=\"resume=UUID=r quiet\"\nLOADER=\"root=/dev/sda1\"\n");
	assert_string_equal(
	    walk(&a, loader_entry_devices, "title x\noptions\troot=/dev/sda1 ro\nlinux /v\n", pairs, NULL),
	    "title x\noptions\troot=UUID=r ro\nlinux /v\n");
	assert_string_equal(walk(&a, extlinux_devices, "label l\n  APPEND root=/dev/sda1\n", pairs, NULL),
			    "label l\n  APPEND root=UUID=r\n");
	assert_string_equal(
	    walk(&a, extlinux_default_devices, "EXTLINUX_ROOT=\"root=/dev/sda1\"\nOTHER=root=/dev/sda1\n", pairs, NULL),
	    "EXTLINUX_ROOT=\"root=UUID=r\"\nOTHER=root=/dev/sda1\n");
}

static void test_arguments_that_only_look_like_it(void **state)
{
	AUTO(arena_done) struct arena a = {0};
	const char *asked;

	walk(&a, cmdline_devices, "nfsroot=/dev/sda1 xroot=/dev/sda1 root= rootflags=x resume_offset=3 root=", NULL,
	     &asked);
	assert_string_equal(asked, "");
}

static const char *new_uuid(const struct device_use *use, void *opaque)
{
	return "UUID=r";
}

/* A line that is all device names is copied once, not for each of them. */
static void test_long_command_line(void **state)
{
	enum { WORDS = 4096 };
	AUTO(arena_done) struct arena a = {0};
	const struct device_visitor v = {new_uuid, NULL};
	char *text = arena_alloc(&a, WORDS * strlen("resume=/dev/sda1 ") + 1), *p = text;
	struct mallinfo2 before;
	struct lines l;

	for (unsigned k = 0; k < WORDS; k++)
		p = stpcpy(p, "resume=/dev/sda1 ");
	lines_split(&l, &a, text);
	before = mallinfo2();
	cmdline_devices(&l, &v);
	assert_true(mallinfo2().uordblks + mallinfo2().hblkhd < before.uordblks + before.hblkhd + (8 << 20));
	assert_int_equal(strlen(lines_join(&l)), WORDS * strlen("resume=UUID=r "));
	assert_int_equal(strncmp(lines_join(&l), "resume=UUID=r resume=UUID=r ", 28), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_get),
	    cmocka_unit_test(test_set),
	    cmocka_unit_test(test_set_for_a_shell),
	    cmocka_unit_test(test_grub_default),
	    cmocka_unit_test(test_other_settings),
	    cmocka_unit_test(test_arguments_that_only_look_like_it),
	    cmocka_unit_test(test_long_command_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
