/* QR codes: the picture of a token, which zbarimg has read, and what is too long for one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/cleanup.h"
#include "core/base/qr.h"

#ifdef REHOST_QRENCODE
static const char picture[] = "█████████████████████████████████\n"
			      "██ ▄▄▄▄▄ █ ▄▄ █████▀▀ ▄█ ▄▄▄▄▄ ██\n"
			      "██ █   █ ██▄█▀▀▄▄  ██ ▀█ █   █ ██\n"
			      "██ █▄▄▄█ █ ▀▀▄ ▀ █ ▄▀▀██ █▄▄▄█ ██\n"
			      "██▄▄▄▄▄▄▄█ ▀▄█▄▀▄▀ ▀▄█▄█▄▄▄▄▄▄▄██\n"
			      "██   █▀ ▄█▄▄█▄ ▄█ ▀██ █▄▄  ██  ██\n"
			      "██▄▄█▄ █▄▄▄▄ ▀ ▄ ▄▀▄▀ █    ██▄███\n"
			      "███  ▄▀▀▄ █▄ ██  █ █ █▄▀▀▄█   ▀██\n"
			      "██▀██▀▄█▄█  ▀▄█▀█▄█ ▀▀█▄  ▀▀▀  ██\n"
			      "██▄██▀▀▄▄ ▄ ▀▄ ▄█▀█ ▀ ▀▀   ▄ ▀ ██\n"
			      "██▄▄▄▄▀▀▄█▄ ▀▀ ▄ ▄▀ █ ▀█▀▀ ▀ ▀▄██\n"
			      "██▄▄█▄▄▄▄▄ ▀███    ██  ▄▄▄ █▀████\n"
			      "██ ▄▄▄▄▄ █▀▄▀▄█▀█▀▀▀▄  █▄█ ▀▄█▀██\n"
			      "██ █   █ ██▀▀▄ ▄█ ▄ ██▄ ▄ ▄   ███\n"
			      "██ █▄▄▄█ █  ▀▀ ▄  ▀▄█▀▄█▄▀  █▄ ██\n"
			      "██▄▄▄▄▄▄▄█▄████▄▄███▄▄███▄▄█▄▄▄██\n"
			      "█████████████████████████████████\n";

static void draws(void **state)
{
	AUTO(buf_done) struct buf to = BUF_INIT(65536);

	assert_true(qr_print("rokof-babad-rokof-babad-rokof-babad-rokof-babad-rokof", &to));
	assert_string_equal(buf_str(&to), picture);
}

static void knows_its_limit(void **state)
{
	AUTO(buf_done) struct buf to = BUF_INIT(65536);
	char text[8192];

	memset(text, 'a', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	assert_false(qr_print(text, &to));
	assert_int_equal(to.len, 0);
}
#else
static void draws(void **state)
{
	AUTO(buf_done) struct buf to = BUF_INIT(65536);

	assert_false(qr_print("rokof", &to));
}

static void knows_its_limit(void **state)
{
	skip();
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(draws), cmocka_unit_test(knows_its_limit)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
