/* Fresh identities: random, with the version where it belongs in both orders of bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "core/base/uuid.h"

static void test_versions(void **state)
{
	unsigned char a[UUID_BYTES], b[UUID_BYTES];

	for (unsigned i = 0; i < 100; i++) {
		uuid_make(a);
		uuid_make_guid(b);
		assert_int_equal(a[6] >> 4, 4);
		assert_int_equal(b[7] >> 4, 4);
		assert_int_equal(a[8] >> 6, 2);
		assert_int_equal(b[8] >> 6, 2);
		assert_memory_not_equal(a, b, UUID_BYTES);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_versions)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
