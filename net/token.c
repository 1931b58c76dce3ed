/* Tokens as words, and what is derived from them. */
#include "net/token.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "core/base/bytes.h"
#include "core/base/hash.h"

static const char consonants[] = "bdfghjklmnprstvz", vowels[] = "aiou";

enum { WORD = 5, LABEL_MAX = 32 };

int token_new(struct token *ret, struct err *err)
{
	if (getrandom(ret->bytes, sizeof ret->bytes, 0) != (ssize_t)sizeof ret->bytes)
		return err_sys(err, ERR_HOST, "cannot get random numbers");
	return 0;
}

/* ---- words ---- */

static uint16_t check_word(const struct token *t)
{
	unsigned char digest[DIGEST_MAX];

	if (!digest_once(DIGEST_SHA256, t->bytes, sizeof t->bytes, digest))
		return 0;
	return get_be16(digest);
}

static void spell(uint16_t v, char word[WORD])
{
	word[0] = consonants[v >> 12];
	word[1] = vowels[v >> 10 & 3];
	word[2] = consonants[v >> 6 & 15];
	word[3] = vowels[v >> 4 & 3];
	word[4] = consonants[v & 15];
}

void token_text(const struct token *t, char text[TOKEN_TEXT])
{
	for (unsigned i = 0; i < TOKEN_WORDS; i++) {
		spell(i < TOKEN_WORDS - 1 ? get_be16(t->bytes + 2 * (size_t)i) : check_word(t), text);
		text[WORD] = i < TOKEN_WORDS - 1 ? '-' : '\0';
		text += WORD + 1;
	}
}

/* The place of a letter in its alphabet; -1: none. */
static int place(const char *alphabet, char c)
{
	const char *at = c ? strchr(alphabet, tolower((unsigned char)c)) : NULL;

	return at ? (int)(at - alphabet) : -1;
}

static int read_word(const char *word, uint16_t *ret)
{
	static const unsigned bits[WORD] = {4, 2, 4, 2, 4};
	unsigned v = 0;

	for (unsigned i = 0; i < WORD; i++) {
		int p = place(i % 2 ? vowels : consonants, word[i]);

		if (p < 0)
			return -1;
		v = v << bits[i] | (unsigned)p;
	}
	*ret = (uint16_t)v;
	return 0;
}

int token_parse(const char *text, struct token *ret, struct err *err)
{
	uint16_t v, check = 0;

	for (unsigned i = 0; i < TOKEN_WORDS; i++) {
		text += strspn(text, "- \t\n");
		if (!*text)
			return err_set(err, ERR_USAGE, "the token has %u words: %d are expected", i, TOKEN_WORDS);
		if (read_word(text, &v) < 0)
			return err_set(err, ERR_USAGE, "word %u of the token is none that a token can have", i + 1);
		text += WORD;
		if (i < TOKEN_WORDS - 1)
			put_be16(ret->bytes + 2 * (size_t)i, v);
		else
			check = v;
	}
	if (text[strspn(text, "- \t\n")])
		return err_set(err, ERR_USAGE, "something follows the %d words of the token", TOKEN_WORDS);
	if (check != check_word(ret))
		return err_set(err, ERR_USAGE, "a word of the token is mistyped: they don't fit together");
	return 0;
}

/* ---- what is derived ---- */

static void derive(const struct token *t, const char *label, unsigned char raw[DIGEST_MAX])
{
	unsigned char in[LABEL_MAX + TOKEN_BYTES];
	size_t len = strlen(label) + 1;

	memcpy(in, label, len);
	memcpy(in + len, t->bytes, sizeof t->bytes);
	memset(raw, 0, DIGEST_MAX);
	digest_once(DIGEST_SHA256, in, len + sizeof t->bytes, raw);
}

void token_key(const struct token *t, unsigned char key[TOKEN_KEY_BYTES])
{
	unsigned char raw[DIGEST_MAX];

	derive(t, "rehost p2v key 1", raw);
	memcpy(key, raw, TOKEN_KEY_BYTES);
}

void token_identity(const struct token *t, char identity[TOKEN_IDENTITY_TEXT])
{
	unsigned char raw[DIGEST_MAX];

	derive(t, "rehost p2v identity 1", raw);
	for (unsigned i = 0; i < 8; i++)
		snprintf(identity + 2 * (size_t)i, 3, "%02x", raw[i]);
}
