/* Tests of core/base/uuid.c: fresh identities with the version where it belongs in both orders of bytes; their text. */
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

/* UEFI's global variables, as firmware keeps it. */
static void test_text(void **state)
{
	static const unsigned char guid[UUID_BYTES] = {0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11,
						       0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c};
	char text[UUID_TEXT];

	uuid_guid_text(guid, text);
	assert_string_equal(text, "8be4df61-93ca-11d2-aa0d-00e098032b8c");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_versions), cmocka_unit_test(test_text)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
