/* The regular expressions of file_contexts(5): compiled to a few steps, all of whose states advance together. */
#include "guest/pattern.h"

#include <ctype.h>
#include <string.h>

enum { NESTING_MAX = 32 /* open parentheses */ };

/* The compiler reads `at`; a fragment is the code from `start` to p->n, whose jumps are relative, so it can be moved.
 */
struct compiler {
	struct pattern *p;
	const char *at;
	unsigned nesting;
	bool failed;
};

static void emit(struct compiler *c, enum pattern_op op, int arg)
{
	if (c->p->n >= PATTERN_CODE_MAX)
		c->failed = true;
	else
		c->p->code[c->p->n++] = (struct pattern_step){op, arg};
}

/* Puts a step before a fragment. */
static void put_before(struct compiler *c, unsigned start, enum pattern_op op, int arg)
{
	emit(c, op, arg);
	if (c->failed)
		return;
	memmove(&c->p->code[start + 1], &c->p->code[start], (c->p->n - 1 - start) * sizeof *c->p->code);
	c->p->code[start] = (struct pattern_step){op, arg};
}

/* Behind the bracket that begins at text, NULL when it doesn't end. */
static const char *bracket_end(const char *text)
{
	text++;
	text += *text == '^';
	text += *text == ']';
	for (; *text && *text != ']'; text++)
		if (text[0] == '[' && text[1] == ':') {
			text = strstr(text, ":]");
			if (!text)
				return NULL;
			text++;
		}
	return *text ? text + 1 : NULL;
}

static void compile_bracket(struct compiler *c)
{
	const char *end = bracket_end(c->at);

	if (!end) {
		c->failed = true;
		return;
	}
	emit(c, PATTERN_CLASS, (int)(c->at - c->p->text));
	c->at = end;
}

static void compile_escape(struct compiler *c)
{
	char escaped = c->at[1];

	if (!escaped || (isalnum((unsigned char)escaped) && !strchr("dws", escaped)))
		c->failed = true;
	else if (isalnum((unsigned char)escaped))
		emit(c, PATTERN_CLASS, (int)(c->at - c->p->text));
	else
		emit(c, PATTERN_BYTE, (unsigned char)escaped);
	c->at += escaped ? 2 : 1;
}

static void compile_alternatives(struct compiler *c);

static void compile_group(struct compiler *c)
{
	c->at++;
	if (*c->at == '?') {
		c->failed |= c->at[1] != ':';
		c->at += 1 + (c->at[1] == ':');
	}
	if (++c->nesting > NESTING_MAX)
		c->failed = true;
	if (!c->failed)
		compile_alternatives(c);
	c->nesting--;
	if (*c->at != ')')
		c->failed = true;
	else
		c->at++;
}

static void compile_atom(struct compiler *c)
{
	switch (*c->at) {
	case '(':
		compile_group(c);
		return;
	case '[':
		compile_bracket(c);
		return;
	case '\\':
		compile_escape(c);
		return;
	case '{':
	case '*':
	case '+':
	case '?':
	case '^':
	case '$':
		c->failed = true;
		return;
	case '.':
		emit(c, PATTERN_ANY, 0);
		break;
	default:
		emit(c, PATTERN_BYTE, (unsigned char)*c->at);
	}
	c->at++;
}

/* The fragment from start, repeated as the sign says. */
static void compile_repeat(struct compiler *c, unsigned start, char sign)
{
	int len = (int)(c->p->n - start);

	if (sign == '+') {
		emit(c, PATTERN_SPLIT, -len);
		return;
	}
	put_before(c, start, PATTERN_SPLIT, sign == '*' ? len + 2 : len + 1);
	if (sign == '*')
		emit(c, PATTERN_JUMP, -(len + 1));
}

static void compile_sequence(struct compiler *c)
{
	while (!c->failed && *c->at && *c->at != '|' && *c->at != ')') {
		unsigned start = c->p->n;

		if (*c->at == '$' && !c->at[1]) {
			c->at++;
			return;
		}
		compile_atom(c);
		if (c->failed || !*c->at || !strchr("*+?", *c->at))
			continue;
		compile_repeat(c, start, *c->at++);
		c->at += *c->at == '?'; /* lazy: the same for a match of the whole */
	}
}

static void compile_alternatives(struct compiler *c)
{
	unsigned start = c->p->n;

	compile_sequence(c);
	while (!c->failed && *c->at == '|') {
		int first = (int)(c->p->n - start);
		unsigned jump;

		c->at++;
		put_before(c, start, PATTERN_SPLIT, first + 2);
		jump = c->p->n;
		emit(c, PATTERN_JUMP, 0);
		compile_sequence(c);
		if (!c->failed)
			c->p->code[jump].arg = (int)(c->p->n - jump);
	}
}

bool pattern_compile(struct pattern *p, const char *text)
{
	struct compiler c = {.p = p, .at = text + (*text == '^')};

	p->text = text;
	p->n = 0;
	if (strlen(text) > PATTERN_MAX)
		return false;
	compile_alternatives(&c);
	emit(&c, PATTERN_MATCH, 0);
	return !c.failed && !*c.at;
}

/* ------------------------------------------------------------------------------------------------------- matching */

/* "[:alpha:]" at text; *ret_len is how much it takes, 0 when it isn't one. */
static bool in_named_class(const char *text, unsigned char byte, size_t *ret_len)
{
	static const struct {
		const char *name;
		int (*is)(int);
	} classes[] = {{"[:alnum:]", isalnum}, {"[:alpha:]", isalpha},	{"[:digit:]", isdigit},
		       {"[:lower:]", islower}, {"[:punct:]", ispunct},	{"[:space:]", isspace},
		       {"[:upper:]", isupper}, {"[:xdigit:]", isxdigit}};

	for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
		*ret_len = strlen(classes[i].name);
		if (!strncmp(text, classes[i].name, *ret_len))
			return classes[i].is(byte);
	}
	*ret_len = 0;
	return false;
}

static bool in_bracket(const char *text, unsigned char byte)
{
	bool negated = text[1] == '^', found = false;
	const char *at = text + 1 + negated, *first = at;

	while (*at != ']' || at == first) {
		size_t named;
		bool in = in_named_class(at, byte, &named);

		if (named) {
			found |= in;
			at += named;
		} else if (at[1] == '-' && at[2] != ']') {
			found |= byte >= (unsigned char)at[0] && byte <= (unsigned char)at[2];
			at += 3;
		} else {
			found |= byte == (unsigned char)*at++;
		}
	}
	return found != negated;
}

static bool in_class(const char *text, unsigned char byte)
{
	if (*text == '[')
		return in_bracket(text, byte);
	if (text[1] == 'd')
		return isdigit(byte);
	return text[1] == 's' ? isspace(byte) : isalnum(byte) || byte == '_';
}

/* The states that the pattern can be in, each once. */
struct states {
	unsigned n;
	unsigned at[PATTERN_CODE_MAX];
	bool there[PATTERN_CODE_MAX];
};

static void add_state(const struct pattern *p, struct states *s, unsigned state)
{
	unsigned todo[PATTERN_CODE_MAX], n = 0;

	if (!s->there[state])
		todo[n++] = state;
	s->there[state] = true;
	while (n) {
		unsigned next = todo[--n], after[2], count = 0;
		const struct pattern_step *step = &p->code[next];

		s->at[s->n++] = next;
		if (step->op == PATTERN_SPLIT)
			after[count++] = next + 1;
		if (step->op == PATTERN_SPLIT || step->op == PATTERN_JUMP)
			after[count++] = (unsigned)((int)next + step->arg);
		for (unsigned i = 0; i < count; i++)
			if (!s->there[after[i]]) {
				s->there[after[i]] = true;
				todo[n++] = after[i];
			}
	}
}

static bool takes(const struct pattern *p, const struct pattern_step *step, unsigned char byte)
{
	switch (step->op) {
	case PATTERN_BYTE:
		return byte == step->arg;
	case PATTERN_ANY:
		return true;
	case PATTERN_CLASS:
		return in_class(p->text + step->arg, byte);
	case PATTERN_UNKNOWN:
	case PATTERN_SPLIT:
	case PATTERN_JUMP:
	case PATTERN_MATCH:
		break;
	}
	return false;
}

bool pattern_matches(const struct pattern *p, const char *path)
{
	struct states sets[2], *now = &sets[0], *next = &sets[1];

	memset(sets, 0, sizeof sets);
	add_state(p, now, 0);
	for (; *path && now->n; path++) {
		struct states *used = now;

		for (unsigned i = 0; i < now->n; i++)
			if (takes(p, &p->code[now->at[i]], (unsigned char)*path))
				add_state(p, next, now->at[i] + 1);
		for (unsigned i = 0; i < used->n; i++)
			used->there[used->at[i]] = false;
		used->n = 0;
		now = next;
		next = used;
	}
	return !*path && now->there[p->n - 1];
}
