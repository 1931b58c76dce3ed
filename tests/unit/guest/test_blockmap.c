/* Tests of guest/blockmap.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/cleanup.h"
#include "guest/blockmap.h"

/* The appliance's kernel calls the machine's first disk sdb.
 * A disk with a partition and a group over its second one and another disk; one volume of it is encrypted. */
static const char two_disks[] = "B sdb 8:0 100000 0\n"
				"B sdb1 8:1 2048 -1\n"
				"P 8:1 2048 8:0\n"
				"B sdb2 8:2 90000 -1\n"
				"P 8:2 8192 8:0\n"
				"B sda 8:16 50000 1\n"
				"B dm-0 254:0 40000 -1\n"
				"T 254:0 0 30000 linear 8:2 2048\n"
				"T 254:0 30000 10000 linear 8:16 2048\n"
				"B dm-1 254:1 39000 -1\n"
				"T 254:1 0 39000 crypt aes-xts-plain64 0000 0 254:0 1000 1 allow_discards\n"
				"B dm-2 254:2 100 -1\n"
				"T 254:2 0 100 striped 2 128 8:0 0 8:16 0\n";

static size_t find(const char *name, unsigned disk, uint64_t off, uint64_t len, struct blockmap_piece *ret)
{
	AUTO(blockmap_done) struct blockmap m = {0};
	struct err err = ERR_INIT;

	if (blockmap_parse(two_disks, &m, &err) < 0)
		fail_msg("%s", err.text);
	return blockmap_find(&m, name, disk, off, len, ret);
}

static void partition(void **state)
{
	struct blockmap_piece p[BLOCKMAP_PIECES_MAX];

	assert_int_equal(find("sdb1", 0, 2050, 4, p), 1);
	assert_int_equal(p[0].at, 2);
	assert_int_equal(p[0].len, 4);
	/* over its end, and before its begin */
	assert_int_equal(find("sdb1", 0, 4090, 100, p), 1);
	assert_int_equal(p[0].at, 2042);
	assert_int_equal(p[0].len, 6);
	assert_int_equal(find("sdb1", 0, 0, 2048, p), 0);
	assert_int_equal(find("sdb1", 1, 2050, 4, p), 0);
	assert_int_equal(find("sdb", 0, 7, 1, p), 1);
	assert_int_equal(find("nothing", 0, 7, 1, p), 0);
}

static void names(void **state)
{
	AUTO(blockmap_done) struct blockmap m = {0};
	struct err err = ERR_INIT;

	assert_int_equal(blockmap_parse(two_disks, &m, &err), 0);
	assert_string_equal(blockmap_name(&m, 0, 0), "sdb");
	assert_string_equal(blockmap_name(&m, 0, 2), "sdb2");
	assert_string_equal(blockmap_name(&m, 1, 0), "sda");
	assert_null(blockmap_name(&m, 2, 1));
}

static void volumes(void **state)
{
	struct blockmap_piece p[BLOCKMAP_PIECES_MAX];

	/* sda sector 8192 + 2048 + 5 is sector 5 of the volume, which is before the encrypted part's data */
	assert_int_equal(find("dm-0", 0, 10245, 1, p), 1);
	assert_int_equal(p[0].at, 5);
	assert_int_equal(find("dm-1", 0, 10245, 1, p), 0);
	assert_int_equal(find("dm-1", 0, 11245, 3, p), 1);
	assert_int_equal(p[0].at, 5);
	assert_int_equal(p[0].len, 3);
	/* the second disk: 30000 - 1000 sectors come before */
	assert_int_equal(find("dm-1", 1, 2048, 10, p), 1);
	assert_int_equal(p[0].at, 29000);
	assert_int_equal(find("dm-1", 1, 0, 50000, p), 1);
	assert_int_equal(p[0].len, 10000);
	/* stripes aren't found */
	assert_int_equal(find("dm-2", 0, 0, 100, p), 0);
}

static void loops_and_nonsense(void **state)
{
	static const char loop[] = "B dm-0 254:0 10 -1\nT 254:0 0 10 linear 254:0 0\n";
	static const char *const bad[] = {"B sda",
					  "X y",
					  "P 8:1 0 8:0",
					  "T 254:0 0 10 linear 8:0 0",
					  "B dm-0 254:0 10 -1\nT 254:0 0 10 crypt aes 00 0",
					  "B dm-0 254:0 10 -1\nT 254:0 18446744073709551615 10 linear 8:0 0"};
	AUTO(blockmap_done) struct blockmap m = {0};
	struct blockmap_piece p[BLOCKMAP_PIECES_MAX];
	struct err err = ERR_INIT;

	assert_int_equal(blockmap_parse(loop, &m, &err), 0);
	assert_int_equal(blockmap_find(&m, "dm-0", 0, 0, 10, p), 0);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		AUTO(blockmap_done) struct blockmap one = {0};

		assert_int_equal(blockmap_parse(bad[i], &one, &err), -1);
		assert_int_equal(err.code, ERR_CORRUPT);
		assert_non_null(strstr(err.text, "is not understood"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(partition),
	    cmocka_unit_test(names),
	    cmocka_unit_test(volumes),
	    cmocka_unit_test(loops_and_nonsense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
