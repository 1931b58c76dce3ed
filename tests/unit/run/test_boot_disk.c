/* The disk that the new machine starts from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "run/boot_disk.h"

static struct machine *three_disks(void)
{
	struct machine *m = machine_new();

	for (int i = 0; i < 3; i++)
		vec_push(&m->arena, &m->disks);
	machine_complete(m);
	return m;
}

static void assert_orders(const struct machine *m, int a, int b, int c)
{
	assert_int_equal(m->disks.v[0].boot_order, a);
	assert_int_equal(m->disks.v[1].boot_order, b);
	assert_int_equal(m->disks.v[2].boot_order, c);
}

static void first_with_a_loader_comes_first(void **state)
{
	AUTO(machine_freep) struct machine *m = three_disks();

	boot_disk_choose(m, (const bool[]){false, true, true});
	assert_orders(m, 2, 1, 3);
	assert_int_equal(m->notes.n, 1);
	assert_string_equal(m->notes.v[0], "the machine starts from disk sdb: disk sda has no boot loader");
}

static void order_of_disks_stays(void **state)
{
	static const bool none[3], first[] = {true, false, true};
	AUTO(machine_freep) struct machine *m = three_disks();

	boot_disk_choose(m, none);
	boot_disk_choose(m, first);
	assert_orders(m, 0, 0, 0);
	assert_int_equal(m->notes.n, 0);
}

static void stated_order_stays(void **state)
{
	AUTO(machine_freep) struct machine *m = three_disks();

	m->disks.v[2].boot_order = 1;
	boot_disk_choose(m, (const bool[]){false, true, false});
	assert_orders(m, 0, 0, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(first_with_a_loader_comes_first),
	    cmocka_unit_test(order_of_disks_stays),
	    cmocka_unit_test(stated_order_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
