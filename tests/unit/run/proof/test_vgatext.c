/* Tests of run/proof/vgatext.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/checked.h"
#include "core/base/cleanup.h"
#include "run/proof/vgatext.h"

/* The window as qemu's "xp" prints it. */
static void print_window(const uint16_t *cells, size_t n, struct buf *answer)
{
	for (size_t i = 0; i + 2 <= n; i += 2) {
		if (i % 8 == 0)
			assert_int_equal(buf_addf(answer, "%s%016zx:", i ? "\r\n" : "", 0xb8000 + 2 * i), 0);
		assert_int_equal(buf_addf(answer, " 0x%08x", (unsigned)cells[i] | (unsigned)cells[i + 1] << 16), 0);
	}
	assert_int_equal(buf_adds(answer, "\r\n"), 0);
}

static void write_at(uint16_t *cells, unsigned row, unsigned column, const char *text)
{
	for (size_t i = 0; text[i]; i++)
		cells[row * 80 + column + i] = (uint16_t)(0x0700 | (unsigned char)text[i]);
}

static void clear(uint16_t *cells, size_t n)
{
	for (size_t i = 0; i < n; i++)
		cells[i] = 0x0720;
}

static void decode(const uint16_t *cells, size_t n, const char *expected)
{
	AUTO(buf_done) struct buf answer = BUF_INIT(MIB);
	AUTO(buf_done) struct buf rows = BUF_INIT(64 * KIB);

	print_window(cells, n, &answer);
	assert_int_equal(vgatext_decode(buf_str(&answer), &rows), 0);
	assert_string_equal(buf_str(&rows), expected);
}

static void test_rows_wherever_the_screen_starts(void **state)
{
	uint16_t cells[16384];

	clear(cells, 16384);
	write_at(cells, 0, 0, "Debian GNU/Linux 12 web01 tty1");
	write_at(cells, 100, 2, "\xc9\xcd\xbb \x01");
	write_at(cells, 203, 0, "web01 login: _");
	decode(cells, 16384, "Debian GNU/Linux 12 web01 tty1\n  ### ?\nweb01 login: _\n");
}

static void test_graphics_is_no_text(void **state)
{
	uint16_t cells[16384];

	for (size_t i = 0; i < 16384; i++)
		cells[i] = (uint16_t)(i * 40503);
	decode(cells, 16384, "");
	memset(cells, 0, sizeof cells);
	decode(cells, 16384, "");
}

static void test_damaged_answers(void **state)
{
	AUTO(buf_done) struct buf rows = BUF_INIT(64 * KIB);

	assert_int_equal(vgatext_decode("", &rows), 0);
	assert_int_equal(vgatext_decode("Cannot access memory\r\n", &rows), 0);
	assert_int_equal(vgatext_decode("00b8000: 0x07480749 0x", &rows), 0);
	assert_string_equal(buf_str(&rows), "");
}

static void test_a_full_buffer_is_an_error(void **state)
{
	AUTO(buf_done) struct buf answer = BUF_INIT(MIB);
	AUTO(buf_done) struct buf rows = BUF_INIT(8);
	uint16_t cells[160];

	clear(cells, 160);
	write_at(cells, 0, 0, "more than eight");
	print_window(cells, 160, &answer);
	assert_int_equal(vgatext_decode(buf_str(&answer), &rows), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rows_wherever_the_screen_starts),
	    cmocka_unit_test(test_graphics_is_no_text),
	    cmocka_unit_test(test_damaged_answers),
	    cmocka_unit_test(test_a_full_buffer_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
