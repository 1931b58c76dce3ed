/* The regular expressions of file_contexts(5), matched in time linear in path and pattern.
 *
 * They come from the guest: regcomp(3) doubles its memory for each level of ((a+)+)+, and back-references take
 * exponential time. Here nothing is ever copied or tried twice; what this language lacks is said to be not understood.
 */
#ifndef REHOST_GUEST_PATTERN_H
#define REHOST_GUEST_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	PATTERN_MAX = 512, /* bytes of a pattern; the longest of Fedora's has under 200 */
	PATTERN_CODE_MAX = 3 * PATTERN_MAX + 2,
};

enum pattern_op {
	PATTERN_UNKNOWN = 0,
	PATTERN_BYTE,  /* arg: the byte */
	PATTERN_ANY,   /* '.' */
	PATTERN_CLASS, /* arg: where in text its bracket or escape stands */
	PATTERN_SPLIT, /* go on at +1 and at +arg */
	PATTERN_JUMP,  /* go on at +arg */
	PATTERN_MATCH,
};

struct pattern_step {
	enum pattern_op op;
	int arg;
};

struct pattern {
	const char *text; /* borrowed */
	unsigned n;
	struct pattern_step code[PATTERN_CODE_MAX];
};

/* Understood are literal bytes, \x, \d \w \s, '.', [..] with ranges and [:class:], ( ), (?: ), |, * + ? (lazy ones as
 * well), and ^ and $ at the ends. False for anything else: counted repetition, back-references, look-around. */
bool pattern_compile(struct pattern *p, const char *text);

/* True when the whole of path is matched. */
bool pattern_matches(const struct pattern *p, const char *path);

#endif
