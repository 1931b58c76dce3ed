/* Arithmetic on input at its edges, endian access and the test for zeros. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "core/base/bytes.h"
#include "core/base/checked.h"
#include "core/base/zeros.h"

static void sums_and_products_say_when_they_overflow(void **state)
{
	uint64_t v;

	assert_true(add_fits(UINT64_MAX - 1, 1, &v));
	assert_true(v == UINT64_MAX);
	assert_false(add_fits(UINT64_MAX, 1, &v));
	assert_true(mul_fits(UINT64_C(1) << 32, (UINT64_C(1) << 32) - 1, &v));
	assert_true(v == 0xffffffff00000000);
	assert_false(mul_fits(UINT64_C(1) << 32, UINT64_C(1) << 32, &v));
	assert_true(mul_fits(0, UINT64_MAX, &v));
	assert_true(v == 0);
}

static void ranges(void **state)
{
	assert_true(range_inside(0, 0, 0));
	assert_true(range_inside(10, 0, 10));
	assert_true(range_inside(9, 1, 10));
	assert_false(range_inside(9, 2, 10));
	assert_false(range_inside(11, 0, 10));
	assert_false(range_inside(UINT64_MAX, 2, 10));
	assert_false(range_inside(1, UINT64_MAX, 10));
	assert_true(range_inside(1, UINT64_MAX - 1, UINT64_MAX));
}

static void rounding(void **state)
{
	assert_int_equal(div_round_up(0, 512), 0);
	assert_int_equal(div_round_up(1, 512), 1);
	assert_int_equal(div_round_up(512, 512), 1);
	assert_int_equal(div_round_up(513, 512), 2);
	assert_true(div_round_up(UINT64_MAX, 2) == UINT64_C(1) << 63);
	assert_int_equal(align_up(1, 4096), 4096);
	assert_int_equal(align_up(4096, 4096), 4096);
	assert_int_equal(align_down(4097, 4096), 4096);
	assert_true(is_pow2(1));
	assert_true(is_pow2(UINT64_C(1) << 63));
	assert_false(is_pow2(0));
	assert_false(is_pow2(3));
	assert_int_equal(min_u64(3, 5), 3);
	assert_int_equal(max_u64(3, 5), 5);
}

static void both_endians_unaligned(void **state)
{
	unsigned char b[9] = {0, 1, 2, 3, 4, 5, 6, 7, 8};

	assert_int_equal(get_le16(b + 1), 0x0201);
	assert_int_equal(get_be16(b + 1), 0x0102);
	assert_int_equal(get_le32(b + 1), 0x04030201);
	assert_int_equal(get_be32(b + 1), 0x01020304);
	assert_true(get_le64(b + 1) == 0x0807060504030201);
	assert_true(get_be64(b + 1) == 0x0102030405060708);
	put_be32(b + 1, 0xa1b2c3d4);
	assert_memory_equal(b, "\0\xa1\xb2\xc3\xd4\5", 6);
	put_le16(b + 1, 0x1234);
	assert_memory_equal(b, "\0\x34\x12\xc3", 4);
	put_be64(b + 1, 1);
	assert_true(get_le64(b + 1) == UINT64_C(1) << 56);
}

/* One set bit anywhere must be seen, whatever the length and alignment; bytes around must not. */
static void one_bit_among_zeros(void **state)
{
	unsigned char b[600];

	for (size_t from = 0; from < 9; from++)
		for (size_t len = 0; len < 560; len += 13) {
			memset(b, 0xff, sizeof b);
			memset(b + from, 0, len);
			assert_true(all_zeros(b + from, len));
			for (size_t at = 0; at < len; at += 7) {
				b[from + at] = 0x10;
				assert_false(all_zeros(b + from, len));
				b[from + at] = 0;
			}
			if (len) {
				b[from + len - 1] = 1;
				assert_false(all_zeros(b + from, len));
			}
		}
}

static void doubles_that_no_integer_holds(void **state)
{
	assert_true(u64_of(1536.9) == 1536);
	assert_true(u64_of(-1) == 0);
	assert_true(u64_of(NAN) == 0);
	assert_true(u64_of(1e19) == UINT64_C(10000000000000000000));
	assert_true(u64_of(18446744073709551616.0) == UINT64_MAX);
	assert_true(u64_of(INFINITY) == UINT64_MAX);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sums_and_products_say_when_they_overflow),
	    cmocka_unit_test(ranges),
	    cmocka_unit_test(rounding),
	    cmocka_unit_test(both_endians_unaligned),
	    cmocka_unit_test(one_bit_among_zeros),
	    cmocka_unit_test(doubles_that_no_integer_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
