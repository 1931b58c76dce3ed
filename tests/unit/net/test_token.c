/* Tokens: words there and back, slips that are noticed, and what is derived. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/token.h"

static const struct token known = {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 255}};

static void test_words(void **state)
{
	char text[TOKEN_TEXT], loud[TOKEN_TEXT];
	struct token t;

	token_text(&known, text);
	assert_int_equal(strlen(text), TOKEN_TEXT - 1);
	assert_string_equal(text, "babad-bamag-bibaj-bimal-boban-bomar-bubat-buruz-kiloj");
	assert_int_equal(token_parse(text, &t, NULL), 0);
	assert_memory_equal(t.bytes, known.bytes, TOKEN_BYTES);
	for (size_t i = 0; i < sizeof loud; i++)
		loud[i] = text[i] == '-' ? ' ' : text[i] >= 'a' ? (char)(text[i] - 32) : text[i];
	assert_int_equal(token_parse(loud, &t, NULL), 0);
	assert_memory_equal(t.bytes, known.bytes, TOKEN_BYTES);
}

static void test_slips(void **state)
{
	char text[TOKEN_TEXT], bad[TOKEN_TEXT + 8];
	struct err err = ERR_INIT;
	struct token t;

	token_text(&known, text);
	for (size_t i = 0; i < TOKEN_TEXT - 1; i++) { /* any one letter */
		if (text[i] == '-')
			continue;
		memcpy(bad, text, sizeof text);
		bad[i] = strchr("aiou", bad[i]) ? (bad[i] == 'a' ? 'i' : 'a') : (bad[i] == 'b' ? 'd' : 'b');
		assert_int_equal(token_parse(bad, &t, &err), -1);
		assert_int_equal(err.code, ERR_USAGE);
	}
	memcpy(bad, text, sizeof text);
	bad[48] = '\0';
	assert_int_equal(token_parse(bad, &t, &err), -1);
	assert_string_equal(err.text, "the token has 8 words: 9 are expected");
	memcpy(bad, text, sizeof text);
	bad[7] = 'e';
	assert_int_equal(token_parse(bad, &t, &err), -1);
	assert_string_equal(err.text, "word 2 of the token is none that a token can have");
	snprintf(bad, sizeof bad, "%s x", text);
	assert_int_equal(token_parse(bad, &t, &err), -1);
	assert_int_equal(token_parse("", &t, &err), -1);
	assert_int_equal(token_parse("ba", &t, &err), -1);
}

/* sha256sum of the label, a NUL and the bytes */
static void test_derived(void **state)
{
	unsigned char key[TOKEN_KEY_BYTES];
	char identity[TOKEN_IDENTITY_TEXT];

	token_key(&known, key);
	token_identity(&known, identity);
	assert_string_equal(identity, "639c8c2631c52921");
	assert_memory_equal(key, "\x83\x96\x92\x69", 4);
}

static void test_new_ones_differ(void **state)
{
	struct token a, b;

	assert_int_equal(token_new(&a, NULL), 0);
	assert_int_equal(token_new(&b, NULL), 0);
	assert_memory_not_equal(a.bytes, b.bytes, TOKEN_BYTES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_words),
	    cmocka_unit_test(test_slips),
	    cmocka_unit_test(test_derived),
	    cmocka_unit_test(test_new_ones_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
