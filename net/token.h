/* Tokens of the P2V channel (docs/p2v.md): 128 random bits that a person can read out and type in. */
#ifndef REHOST_NET_TOKEN_H
#define REHOST_NET_TOKEN_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/err.h"

enum {
	TOKEN_BYTES = 16,
	TOKEN_WORDS = 9,		 /* sixteen bits each; the last one is a check */
	TOKEN_TEXT = TOKEN_WORDS * 6,	 /* "rokof-babad-…" with its NUL */
	TOKEN_KEY_BYTES = 32,		 /* pre-shared key */
	TOKEN_IDENTITY_TEXT = 2 * 8 + 1, /* hex, with its NUL */
};

struct token {
	unsigned char bytes[TOKEN_BYTES];
};

/* A new one, of the kernel's random numbers. */
int token_new(struct token *ret, struct err *err);
void token_text(const struct token *t, char text[TOKEN_TEXT]);
/* The other way; letters of any case, words apart by dashes, spaces or nothing. What is wrong with it is ERR_USAGE: no
 * word of it is part of the message. */
int token_parse(const char *text, struct token *ret, struct err *err);

void token_key(const struct token *t, unsigned char key[TOKEN_KEY_BYTES]);
/* What the peer is told to find the key by. */
void token_identity(const struct token *t, char identity[TOKEN_IDENTITY_TEXT]);

#endif
