/* Tests of core/base/shell.c: how words look, and that a real shell reads them back byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/child.h"
#include "core/base/cleanup.h"
#include "core/base/shell.h"

static const struct {
	const char *text, *word;
} rows[] = {
    {"", "''"},
    {"/srv/wave-3_b.x", "/srv/wave-3_b.x"},
    {"--os=a:b,c+d@e%f", "--os=a:b,c+d@e%f"},
    {"a b", "'a b'"},
    {"it's", "'it'\\''s'"},
    {"'", "''\\'''"},
    {"$(x) `y` \\ \"z\" ~ * {} # ;", "'$(x) `y` \\ \"z\" ~ * {} # ;'"},
    {"line\nand\ttab\r", "'line\nand\ttab\r'"},
    {"\xff\xfe", "'\xff\xfe'"},
};

static void test_words(void **state)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		AUTO(buf_done) struct buf b = BUF_INIT(256);

		shell_word(&b, rows[i].text);
		assert_string_equal(buf_str(&b), rows[i].word);
	}
}

static void test_shell_reads_them_back(void **state)
{
	const char *argv[2 + sizeof rows / sizeof *rows] = {"printf", "<%s>"};
	AUTO(buf_done) struct buf command = BUF_INIT(4096);
	AUTO(buf_done) struct buf expected = BUF_INIT(4096);
	AUTO(buf_done) struct buf out = BUF_INIT(4096);

	for (size_t i = 0; i + 1 < sizeof rows / sizeof *rows; i++) {
		argv[2 + i] = rows[i].text;
		buf_addf(&expected, "<%s>", rows[i].text);
	}
	shell_words(&command, argv);
	assert_int_equal(child_run((const char *const[]){"sh", "-c", buf_str(&command), NULL}, &out, NULL), 0);
	assert_string_equal(buf_str(&out), buf_str(&expected));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_words), cmocka_unit_test(test_shell_reads_them_back)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
