/* Tests of guest/pattern.c: what matches, what doesn't, what isn't understood, and that nothing takes long. */
#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "guest/pattern.h"

static bool matches(const char *text, const char *path)
{
	static struct pattern p;

	assert_true(pattern_compile(&p, text));
	return pattern_matches(&p, path);
}

static void test_matches(void **state)
{
	static const struct {
		const char *pattern, *path;
		bool want;
	} rows[] = {
	    {"/etc", "/etc", true},
	    {"/etc", "/etcx", false},
	    {"/etc", "/et", false},
	    {"", "", true},
	    {"", "a", false},
	    {"/.*", "/", true},
	    {"/.*", "/a/b", true},
	    {"/etc(/.*)?", "/etc", true},
	    {"/etc(/.*)?", "/etc/a", true},
	    {"/etc(/.*)?", "/etcetera", false},
	    {"/a\\.b", "/a.b", true},
	    {"/a\\.b", "/axb", false},
	    {"/a.b", "/axb", true},
	    {"a|b|cd", "a", true},
	    {"a|b|cd", "b", true},
	    {"a|b|cd", "cd", true},
	    {"a|b|cd", "ad", false},
	    {"x(a|b)+y", "xabbay", true},
	    {"x(a|b)+y", "xy", false},
	    {"x(|b)y", "xy", true},
	    {"x(a*)*y", "xaay", true},
	    {"[0-9]+", "123", true},
	    {"[^/]*", "abc", true},
	    {"[^/]*", "a/c", false},
	    {"[]x]", "]", true},
	    {"[^]x]", "]", false},
	    {"[a-]", "-", true},
	    {"[[:digit:]_]+", "1_2", true},
	    {"[[:digit:]_]+", "1a2", false},
	    {"\\d\\w\\s", "1_ ", true},
	    {"\\d", "d", false},
	    {"(?:ab)*?c", "ababc", true},
	    {"^/x$", "/x", true},
	    {"/usr/lib(64)?/[^/]*\\.so(\\.[^/]*)*", "/usr/lib64/libx.so.1.2", true},
	    {"/dev/[shmxv]d[^/]*", "/dev/sda1", true},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		print_message("%s ~ %s\n", rows[i].pattern, rows[i].path);
		assert_int_equal(matches(rows[i].pattern, rows[i].path), rows[i].want);
	}
}

static void test_not_understood(void **state)
{
	static const char *const patterns[] = {"a{2}", "(a)\\1", "(?!a)b", "(a", "a)",	"[a",  "*a",
					       "a**",  "a^b",	 "a$b",	   "\\", "\\b", "a|*", "[[:alpha"};
	static struct pattern p;
	char deep[200] = "", longer[PATTERN_MAX + 2];

	for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
		print_message("%s\n", patterns[i]);
		assert_false(pattern_compile(&p, patterns[i]));
	}
	memset(deep, '(', 40);
	deep[40] = 'a';
	memset(deep + 41, ')', 40);
	assert_false(pattern_compile(&p, deep));
	memset(longer, 'a', sizeof longer - 1);
	longer[sizeof longer - 1] = '\0';
	assert_false(pattern_compile(&p, longer));
	longer[PATTERN_MAX] = '\0';
	assert_true(pattern_compile(&p, longer));
}

/* Patterns that hang backtracking matchers, or swell regcomp(3). */
static void test_never_slow(void **state)
{
	clock_t start = clock();
	char path[4000];

	memset(path, 'a', sizeof path - 1);
	path[sizeof path - 1] = '\0';
	assert_false(matches("(((((((((((((((((((((((((a+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+b", path));
	assert_false(matches("(a*)*(a*)*(a*)*(a*)*(a*)*b", path));
	assert_true(matches("(a?)*(a|a|a|a)*", path));
	assert_true((double)(clock() - start) / CLOCKS_PER_SEC < 2);
}

/* The C library's matcher agrees on short random patterns that both understand. */
static void test_against_regexec(void **state)
{
	static const char alphabet[] = "ab.*+?|()[b]\\.";
	static struct pattern p;
	uint64_t seed = 88172645463325252U;
	unsigned both = 0;

	for (unsigned n = 0; n < 200000; n++) {
		char text[10] = "", anchored[20], path[6] = "";
		regex_t regex;

		for (unsigned i = 0; i < sizeof text - 1; i++) {
			seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
			text[i] = alphabet[seed % (sizeof alphabet - 1)];
			if (i < 5)
				path[i] = "ab."[seed / 64 % 3];
		}
		text[1 + seed % 8] = '\0';
		path[seed / 8 % 6] = '\0';
		snprintf(anchored, sizeof anchored, "^(%s)$", text);
		if (strstr(text, "+?")) /* file_contexts(5) is Perl's: lazy, not optional */
			continue;
		if (!pattern_compile(&p, text) || regcomp(&regex, anchored, REG_EXTENDED | REG_NOSUB) != 0)
			continue;
		if (pattern_matches(&p, path) != (regexec(&regex, path, 0, NULL, 0) == 0))
			fail_msg("'%s' on '%s'", text, path);
		regfree(&regex);
		both++;
	}
	assert_true(both > 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_matches),
	    cmocka_unit_test(test_not_understood),
	    cmocka_unit_test(test_never_slow),
	    cmocka_unit_test(test_against_regexec),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
