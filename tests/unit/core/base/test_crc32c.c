/* CRC-32C against the values of RFC 3720, B.4, and in pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "core/base/crc32c.h"

static void test_known_values(void **state)
{
	unsigned char data[32];

	assert_int_equal(crc32c(0, "", 0), 0);
	assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
	memset(data, 0, sizeof data);
	assert_int_equal(crc32c(0, data, sizeof data), 0x8a9136aa);
	memset(data, 0xff, sizeof data);
	assert_int_equal(crc32c(0, data, sizeof data), 0x62a8ab43);
	for (unsigned char i = 0; i < 32; i++)
		data[i] = i;
	assert_int_equal(crc32c(0, data, sizeof data), 0x46dd794e);
}

/* The definition, bit by bit, over every length and place in a word. */
static uint32_t slow(const unsigned char *p, size_t len)
{
	uint32_t crc = ~0U;

	while (len--) {
		crc ^= *p++;
		for (int i = 0; i < 8; i++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return ~crc;
}

static void test_pieces_and_places(void **state)
{
	unsigned char data[100];

	for (unsigned i = 0; i < sizeof data; i++)
		data[i] = (unsigned char)(i * 151 + 7);
	for (size_t from = 0; from < 9; from++)
		for (size_t len = 0; from + len <= sizeof data; len++) {
			uint32_t want = slow(data + from, len);

			assert_int_equal(crc32c(0, data + from, len), want);
			assert_int_equal(crc32c_portable(0, data + from, len), want);
			assert_int_equal(crc32c(crc32c(0, data + from, len / 3), data + from + len / 3, len - len / 3),
					 want);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_known_values),
	    cmocka_unit_test(test_pieces_and_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
