/* Tests of guest/files/grubenv.c and grubvars.c. */
#include "tests/unit/guest/files/walk.h"

#include "core/base/cleanup.h"
#include "guest/files/grubenv.h"
#include "guest/files/grubvars.h"

/* A block with these lines, filled to 1024 bytes. */
static char *block(struct arena *a, const char *lines)
{
	char *text = arena_printf(a, "# GRUB Environment Block\n%s", lines);
	size_t n = strlen(text);
	char *ret = arena_alloc(a, GRUBENV_SIZE + 1);

	memcpy(ret, text, n);
	memset(ret + n, '#', GRUBENV_SIZE - n);
	ret[GRUBENV_SIZE] = '\0';
	return ret;
}

static void test_set_keeps_the_size(void **state)
{
	AUTO(arena_done) struct arena a = {0};
	const char *before = block(&a, "saved_entry=one\n"),
		   *after = grubenv_set(&a, before, "saved_entry", "number-two");

	assert_string_equal(after, block(&a, "saved_entry=number-two\n"));
	assert_string_equal(grubenv_get(&a, after, "saved_entry"), "number-two");
	assert_string_equal(grubenv_set(&a, after, "boot_success", "1"),
			    block(&a, "saved_entry=number-two\nboot_success=1\n"));
}

static void test_escapes(void **state)
{
	AUTO(arena_done) struct arena a = {0};
	const char *text = grubenv_set(&a, block(&a, ""), "x", "a\\b");

	assert_string_equal(text, block(&a, "x=a\\\\b\n"));
	assert_string_equal(grubenv_get(&a, text, "x"), "a\\b");
}

static void test_grows_when_full(void **state)
{
	AUTO(arena_done) struct arena a = {0};
	char *value = arena_alloc(&a, 1101);
	const char *text;

	memset(value, 'v', 1100);
	value[1100] = '\0';
	text = grubenv_set(&a, block(&a, "a=1\n"), "long", value);
	assert_int_equal(strlen(text), 2 * GRUBENV_SIZE);
	assert_string_equal(grubenv_get(&a, text, "long"), value);
	assert_string_equal(grubenv_get(&a, text, "a"), "1");
}

/* kernelopts of RHEL 8; the block keeps its size. */
static void test_devices(void **state)
{
	static const char *const pairs[] = {"/dev/sda2", "UUID=1234", "/dev/sda3", "UUID=5678", NULL};
	AUTO(arena_done) struct arena a = {0};
	const char *asked;

	assert_string_equal(walk(&a, grubenv_devices,
				 block(&a, "saved_entry=/dev/sda9\nkernelopts=root=/dev/sda2 ro resume=/dev/sda3 \n"),
				 pairs, &asked),
			    block(&a, "saved_entry=/dev/sda9\nkernelopts=root=UUID=1234 ro resume=UUID=5678 \n"));
	assert_string_equal(asked, "3:/dev/sda2 m=/|3:/dev/sda3 t=swap optional|");
	/* no block, or one that nothing fills */
	assert_string_equal(walk(&a, grubenv_devices, "kernelopts=root=/dev/sda2\n", pairs, NULL),
			    "kernelopts=root=/dev/sda2\n");
	assert_string_equal(
	    walk(&a, grubenv_devices, "# GRUB Environment Block\nphoton_cmdline=root=/dev/sda2 quiet\n", pairs, NULL),
	    "# GRUB Environment Block\nphoton_cmdline=root=UUID=1234 quiet\n");
}

static void test_variables(void **state)
{
	AUTO(arena_done) struct arena a = {0};
	struct grub_vars vars = {.arena = &a};
	struct lines l;

	grub_vars_take_env(&vars, block(&a, "kernelopts=root=UUID=1 ro\nempty=\n"));
	lines_split(&l, &a,
		    "set kernelopts=\"other\"\n  set rootpartition=PARTUUID=2\nset quoted='a b' # c\n"
		    "set empty=full\nset\nsettle x=1\n");
	grub_vars_take_menu(&vars, &l);
	assert_string_equal(grub_vars_get(&vars, "kernelopts"), "root=UUID=1 ro");
	assert_string_equal(grub_vars_get(&vars, "empty"), "");
	assert_null(grub_vars_get(&vars, "x"));
	assert_string_equal(grub_expand(&vars, "$kernelopts $tuned_params"), "root=UUID=1 ro ");
	assert_string_equal(grub_expand(&vars, "root=${rootpartition}/$quoted$"), "root=PARTUUID=2/a b$");
	assert_string_equal(grub_expand(&vars, "${kernelopts"), "${kernelopts");
	assert_null(grub_expand(&vars, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_set_keeps_the_size), cmocka_unit_test(test_escapes),
	    cmocka_unit_test(test_grows_when_full),    cmocka_unit_test(test_devices),
	    cmocka_unit_test(test_variables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
