/* The report of a batch for a terminal. */
#include <inttypes.h>
#include <string.h>

#include "core/base/arena.h"
#include "core/base/units.h"
#include "core/base/utf8.h"
#include "run/report/report.h"

/* Words of a report on their way into a line. */
static const char *word(struct arena *a, const struct json *j, const char *key, const char *missing)
{
	char *ret = arena_strdup(a, js_get_str(j, key, missing));

	utf8_defuse(ret, true);
	return ret;
}

static void machine(struct arena *a, const struct json *m, struct buf *out)
{
	char time[SECONDS_WORDS_MAX] = "-";
	const char *id = word(a, m, "finding", ""), *why = word(a, m, "error", word(a, m, "phase", ""));

	if (js_get(m, "seconds"))
		seconds_in_words(js_get_real(m, "seconds", 0), time);
	buf_addf(out, "  %-24s %-8s %-14s %12s", word(a, m, "name", "-"), word(a, m, "state", "-"),
		 word(a, m, "verdict", "-"), time);
	buf_addf(out, "%s%s%s%s\n", *id ? "  " : "", id, *why ? "  " : "", why);
}

static void totals(const struct json *report, struct buf *out)
{
	static const char *const states[] = {"done", "failed", "blocked", "running", "waiting", NULL};
	char read[SIZE_WORDS_MAX], written[SIZE_WORDS_MAX], time[SECONDS_WORDS_MAX];

	for (const char *const *state = states; *state; state++)
		buf_addf(out, "%s%" PRIu64 " %s", state == states ? "" : ", ",
			 js_get_u64(js_get(report, "counts"), *state, 0), *state);
	buf_addf(out, "; read %s, wrote %s in %s\n", size_in_words(js_get_u64(report, "bytes_read", 0), read),
		 size_in_words(js_get_u64(report, "bytes_written", 0), written),
		 seconds_in_words(js_get_real(report, "seconds", 0), time));
}

int report_text_batch(const struct json *report, struct buf *out, struct err *err)
{
	const struct json *machines = js_get(report, "machines");
	struct arena a = {0};

	buf_addf(out, "%s, as of %s\n\n", word(&a, js_get(report, "job"), "name", "batch"),
		 word(&a, report, "written", "-"));
	for (size_t i = 0; i < js_count(machines); i++)
		machine(&a, js_at(machines, i), out);
	buf_adds(out, "\n");
	totals(report, out);
	arena_done(&a);
	return out->failed ? err_set(err, ERR_INTERNAL, "the report is over %zu bytes", out->max) : 0;
}
