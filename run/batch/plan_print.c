/* The plan of a batch, for programs and for people. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/checked.h"
#include "core/base/units.h"
#include "core/base/utf8.h"
#include "run/batch/plan.h"

#define PLAN_SCHEMA "rehost-batch-plan-1"

struct json *plan_json(const struct plan *p, const char *job)
{
	struct json *j = js_object(), *machines;

	js_set_str(j, "schema", PLAN_SCHEMA);
	js_set_str(j, "job", job);
	js_set_u64(j, "units", p->machines.n);
	js_set_u64(j, "blocked", p->blocked);
	js_set_u64(j, "bytes", p->bytes);
	js_set_u64(j, "seconds", p->seconds);
	machines = js_set(j, "machines", js_array());
	VEC_FOR (m, &p->machines) {
		struct json *unit = js_add(machines, unit_json(&m->unit));

		js_set_str(unit, "verdict", m->verdict);
		js_set_str(unit, "note", m->note);
	}
	return j;
}

enum { DURATION_MAX = 32, LINE_TEXT_MAX = 400 };

static const char *duration(uint64_t seconds, char ret[DURATION_MAX])
{
	snprintf(ret, DURATION_MAX, "%" PRIu64 ":%02" PRIu64 ":%02" PRIu64, seconds / 3600, seconds / 60 % 60,
		 seconds % 60);
	return ret;
}

/* What is to be said of the machine in one line; its words come from guests. */
static const char *remark(const struct plan_machine *m, char ret[LINE_TEXT_MAX])
{
	const struct unit *u = &m->unit;

	if (u->blocked_text)
		snprintf(ret, LINE_TEXT_MAX, "BLOCKED %s%s%s", u->blocked_finding ? u->blocked_finding : "",
			 u->blocked_finding ? ": " : "", u->blocked_text);
	else if (m->note)
		snprintf(ret, LINE_TEXT_MAX, "not checked: %s", m->note);
	else
		snprintf(ret, LINE_TEXT_MAX, "%s", m->verdict ? m->verdict : "");
	utf8_defuse(ret, true);
	return ret;
}

static void machine_line(const struct plan_machine *m, struct buf *out)
{
	const struct unit *u = &m->unit;
	char size[SIZE_WORDS_MAX], time[DURATION_MAX], text[LINE_TEXT_MAX];

	buf_addf(out, "%6u  %-20s %-12s %8u %10s %9s  %s\n", u->index, u->name, u->source_group ? u->source_group : "-",
		 u->priority, u->bytes ? size_in_words(u->bytes, size) : "-", duration(u->seconds, time),
		 remark(m, text));
}

int plan_text(const struct plan *p, const char *job, struct buf *out, struct err *err)
{
	char size[SIZE_WORDS_MAX], time[DURATION_MAX];

	buf_addf(out, "%6s  %-20s %-12s %8s %10s %9s\n", "UNIT", "NAME", "FROM", "PRIORITY", "DATA", "TIME");
	VEC_FOR (m, &p->machines)
		machine_line(m, out);
	buf_addf(out, "%zu machine%s, %zu blocked; the others: %s, about %s one after the other\njob folder: %s\n",
		 p->machines.n, p->machines.n == 1 ? "" : "s", p->blocked, size_in_words(p->bytes, size),
		 duration(p->seconds, time), job);
	return out->failed ? err_set(err, ERR_INTERNAL, "the plan's text is over %zu bytes", out->max) : 0;
}
