/* What all structure checks share: problems, and who claims which part of the file. */
#include "formats/check.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/checked.h"
#include "core/base/utf8.h"

/* In work. */
enum {
	READ_COST = 512,
	CLAIM_COST = 14, /* and one for each byte of the bitmap */
	PROBLEM_COST = 256,
	LEAK_COST = 4,
};

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

	c->work += kind == PROBLEM_LEAK ? LEAK_COST : PROBLEM_COST;
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

/* What the file holds is asked when it matters only: a file in many pieces takes time to say. One that can't say has no
 * more than CHECK_WORK. */
static void measure(struct check *c)
{
	uint64_t bytes;

	c->measured = true;
	if (block_allocated(c->file, &bytes, NULL) == 0)
		c->allowed += min_u64(bytes, FILE_LENGTH_MAX) * CHECK_WORK_PER_BYTE;
}

static bool too_much(struct check *c)
{
	if (c->work > CHECK_WORK + c->allowed && !c->measured)
		measure(c);
	return c->work > CHECK_WORK + c->allowed;
}

static int give_up(const struct check *c, struct err *err)
{
	return err_set(err, ERR_UNSUPPORTED,
		       "its tables take more than %" PRIu64
		       " steps, as when they name places over and over: not checked to the end",
		       CHECK_WORK + c->allowed);
}

int check_spend(struct check *c, uint64_t entries, struct err *err)
{
	c->work += READ_COST + entries;
	return too_much(c) ? give_up(c, err) : 0;
}

void check_claim(struct check *c, uint64_t off, uint64_t len, uint64_t at, const char *fmt, ...)
{
	char what[CHECK_TEXT_MAX / 2] = "";
	uint64_t from, to;
	va_list ap;

	c->work += CLAIM_COST;
	if (!in_pass(c, off, len, &from, &to))
		return;
	c->work += (to - from) / 8;
	if (too_much(c) || !take(c->taken, from - c->from, to - c->from))
		return;
	if (c->n < CHECK_FINDINGS) {
		va_start(ap, fmt);
		vsnprintf(what, sizeof what, fmt, ap);
		va_end(ap);
	}
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

void check_pass(struct check *c)
{
	c->passes++;
	c->measured = false;
}

/* One pass, over the part from c->from on. */
static int walk_part(struct check *c, bool leaks, check_walk_fn *walk, void *opaque, struct err *err)
{
	memset(c->taken, 0, c->n_units / 8 + 1);
	check_pass(c);
	if (walk(c, opaque, err) < 0)
		return -1;
	count_claimed(c, leaks);
	return too_much(c) ? give_up(c, err) : 0;
}

int check_walk(struct check *c, struct block *file, uint64_t base, uint64_t unit, bool leaks, check_walk_fn *walk,
	       void *opaque, struct err *err)
{
	const uint64_t most = CHECK_BITMAP_BYTES * 8;
	int ret = 0;

	c->file = file;
	c->base = base;
	c->unit = unit;
	c->total = file->size > base ? div_round_up(file->size - base, unit) : 0;
	if (c->total / most >= CHECK_PASSES_MAX)
		return err_set(err, ERR_UNSUPPORTED,
			       "a file of %" PRIu64 " units of %" PRIu64 " bytes: too large to check", c->total, unit);
	c->taken = malloc(min_u64(c->total, most) / 8 + 1);
	if (!c->taken)
		return err_nomem(err);
	for (c->from = 0; !ret && (c->from < c->total || !c->from); c->from += most) {
		c->n_units = min_u64(c->total - c->from, most);
		ret = walk_part(c, leaks, walk, opaque, err);
	}
	free(c->taken);
	c->taken = NULL;
	c->file = NULL;
	c->from = 0;
	return ret;
}

int format_check(const struct format *format, const struct open_args *args, struct check *ret, struct err *err)
{
	memset(ret, 0, sizeof *ret);
	return format->check ? format->check(args, ret, err) : 0;
}
