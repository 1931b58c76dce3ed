/* Base64: the test vectors of RFC 4648, section 10, and the limit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/base64.h"
#include "core/base/cleanup.h"

static void encodes(const void *data, size_t len, const char *text)
{
	AUTO(buf_done) struct buf b = BUF_INIT(64);

	assert_int_equal(base64_add(&b, data, len), 0);
	assert_string_equal(buf_str(&b), text);
}

static void the_vectors_of_the_rfc(void **state)
{
	static const char *const texts[] = {"", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"};

	for (size_t n = 0; n < sizeof texts / sizeof *texts; n++)
		encodes("foobar", n, texts[n]);
	encodes("\xff\xef\xfe\x00", 4, "/+/+AA==");
}

static void the_limit_holds(void **state)
{
	AUTO(buf_done) struct buf b = BUF_INIT(7);

	assert_int_equal(base64_add(&b, "four", 4), -1);
	assert_string_equal(buf_str(&b), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_vectors_of_the_rfc),
	    cmocka_unit_test(the_limit_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
