/* What all structure checks share: problems, and who claims which part of the file. */
#include "formats/check.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/checked.h"
#include "core/base/utf8.h"

static const char *const names[PROBLEM_KINDS] = {
    [PROBLEM_UNKNOWN] = "unknown",  [PROBLEM_LEAK] = "leak",	   [PROBLEM_REFCOUNT] = "refcount",
    [PROBLEM_FLAG] = "copied_flag", [PROBLEM_OVERLAP] = "overlap", [PROBLEM_OUTSIDE] = "beyond_file",
    [PROBLEM_ENTRY] = "entry",
};

const char *problem_name(enum problem kind)
{
	return names[kind];
}

uint64_t check_errors(const struct check *c)
{
	uint64_t sum = 0;

	for (int k = PROBLEM_REFCOUNT; k < PROBLEM_KINDS; k++)
		sum += c->count[k];
	return sum;
}

__attribute__((format(printf, 4, 0))) static void report(struct check *c, enum problem kind, uint64_t at,
							 const char *fmt, va_list ap)
{
	struct check_finding *f = &c->first[c->n];
	int n = 0;

	c->count[kind]++;
	if (c->n == CHECK_FINDINGS)
		return;
	c->n++;
	f->kind = kind;
	f->at = at;
	if (c->where)
		n = snprintf(f->text, sizeof f->text, "'%.80s': ", c->where);
	vsnprintf(f->text + n, sizeof f->text - (size_t)n, fmt, ap);
	utf8_defuse(f->text, true);
}

void check_report(struct check *c, enum problem kind, uint64_t at, const char *fmt, ...)
{
	va_list ap;

	if (c->from && (kind == PROBLEM_OUTSIDE || kind == PROBLEM_ENTRY))
		return;
	va_start(ap, fmt);
	report(c, kind, at, fmt, ap);
	va_end(ap);
}

/* Sets the bits [from, to), whole bytes at a time; true when one was set already. */
static bool take(unsigned char *bits, uint64_t from, uint64_t to)
{
	bool taken = false;

	while (from < to) {
		unsigned char mask = (unsigned char)(0xff << from % 8);
		uint64_t next = (from / 8 + 1) * 8;

		if (next > to)
			mask &= (unsigned char)(0xff >> (next - to));
		taken = taken || bits[from / 8] & mask;
		bits[from / 8] |= mask;
		from = next;
	}
	return taken;
}

/* In units, cut by the part of the file that this pass looks at; false: nothing is in it. */
static bool in_pass(const struct check *c, uint64_t off, uint64_t len, uint64_t *ret_from, uint64_t *ret_to)
{
	uint64_t end;

	if (!add_fits(off, len, &end) || end <= c->base || !len)
		return false;
	*ret_from = max_u64(off > c->base ? (off - c->base) / c->unit : 0, c->from);
	*ret_to = min_u64(div_round_up(end - c->base, c->unit), c->from + c->n_units);
	return *ret_from < *ret_to;
}

/* Units that may be claimed in one pass. Without overlaps it is what the part has, but for tables that share a unit. */
static uint64_t claims_max(const struct check *c)
{
	return 8 * c->n_units + (1 << 27);
}

void check_claim(struct check *c, uint64_t off, uint64_t len, uint64_t at, const char *fmt, ...)
{
	char what[CHECK_TEXT_MAX / 2];
	uint64_t from, to;
	va_list ap;

	if (c->claims > claims_max(c) || !in_pass(c, off, len, &from, &to))
		return;
	c->claims += to - from;
	if (!take(c->taken, from - c->from, to - c->from))
		return;
	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	check_report(c, PROBLEM_OVERLAP, at,
		     "%s at 0x%" PRIx64 " with 0x%" PRIx64 " bytes: a part of that has an owner already, expected none",
		     what, off, len);
}

static void report_leak(struct check *c, uint64_t unit)
{
	uint64_t at = c->base + (c->from + unit) * c->unit;

	check_report(c, PROBLEM_LEAK, at, "0x%" PRIx64 " bytes at 0x%" PRIx64 ": nothing uses them", c->unit, at);
}

/* After a walk: what was claimed, and what was not. */
static void count_claimed(struct check *c, bool leaks)
{
	uint64_t units = 0;

	for (uint64_t i = 0; i <= c->n_units / 8; i++)
		units += (unsigned)__builtin_popcount(c->taken[i]);
	c->claimed += units * c->unit;
	for (uint64_t i = 0; leaks && i < c->n_units; i++)
		if (!(c->taken[i / 8] >> i % 8 & 1))
			report_leak(c, i);
}

int check_walk(struct check *c, uint64_t base, uint64_t end, uint64_t unit, bool leaks, check_walk_fn *walk,
	       void *opaque, struct err *err)
{
	const uint64_t most = CHECK_BITMAP_BYTES * 8;
	int ret = 0;

	c->base = base;
	c->unit = unit;
	c->total = end > base ? div_round_up(end - base, unit) : 0;
	if (c->total / most >= CHECK_PASSES_MAX)
		return err_set(err, ERR_UNSUPPORTED,
			       "a file of %" PRIu64 " units of %" PRIu64 " bytes: too large to check", c->total, unit);
	c->taken = malloc(min_u64(c->total, most) / 8 + 1);
	if (!c->taken)
		return err_nomem(err);
	for (c->from = 0; !ret && (c->from < c->total || !c->from); c->from += most) {
		c->n_units = min_u64(c->total - c->from, most);
		memset(c->taken, 0, c->n_units / 8 + 1);
		c->passes++;
		c->claims = 0;
		ret = walk(c, opaque, err);
		if (!ret)
			count_claimed(c, leaks);
		if (!ret && c->claims > claims_max(c))
			ret = err_set(err, ERR_UNSUPPORTED,
				      "its tables name more than %" PRIu64 " units of %" PRIu64 " bytes where %" PRIu64
				      " are: not checked to the end",
				      claims_max(c), unit, c->n_units);
	}
	free(c->taken);
	c->taken = NULL;
	c->from = 0;
	return ret;
}

int format_check(const struct format *format, const struct open_args *args, struct check *ret, struct err *err)
{
	memset(ret, 0, sizeof *ret);
	return format->check ? format->check(args, ret, err) : 0;
}
