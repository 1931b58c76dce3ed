/* The page of a batch: counts, a table of its machines, what failed and why, which hosts did it. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/base/checked.h"
#include "core/base/file.h"
#include "run/report/html.h"
#include "run/report/plot.h"
#include "run/report/report.h"
#include "run/report/seconds.h"

enum {
	SLOWEST = 10,
	ALL_PICTURES = 100, /* with more machines than that, each has its last picture only */
	GROUPS = 1000,	    /* causes, or hosts: what comes behind is "others" */
	NAMED = 20,	    /* machines named for one cause; the table has them all */
	BUCKETS = 120	    /* steps of the plot */
};

static const char *const states[] = {"done", "failed", "blocked", "running", "waiting", NULL};

static const struct json *machines_of(const struct page *p)
{
	return js_get(p->report, "machines");
}

/* ---- rows ---- */

/* The page beside the report.json that the outcome names, when there is one in the job folder. */
static const char *page_of(struct page *p, const char *report)
{
	size_t n = strlen(report);
	const char *html;
	AUTO_FD int fd = -1;

	if (n < 5 || strcmp(report + n - 5, ".json") != 0 || p->pictures.dirfd < 0)
		return NULL;
	html = arena_printf(&p->arena, "%.*s.html", (int)(n - 5), report);
	fd = file_open_beneath(p->pictures.dirfd, html, false, NULL);
	return fd < 0 ? NULL : html;
}

static struct json *finding_views(struct page *p, const struct json *findings)
{
	static const char *const keys[] = {"id", "severity", "text", NULL};
	struct json *list = js_array();

	for (size_t i = 0; i < js_count(findings); i++)
		page_copy(js_add(list, js_object()), js_at(findings, i), keys);
	return list;
}

static void set_report_link(struct page *p, struct json *row, const struct json *m)
{
	const char *html = page_of(p, js_get_str(m, "report", ""));

	if (html)
		js_set_str(row, "page", html);
}

static void add_row(struct page *p, struct json *rows, const struct json *m, size_t n)
{
	static const char *const keys[] = {
	    "group", "source",	"host", "attempt", "error",   "finding", "verdict",	      "began", "ended",
	    "phase", "percent", "exit", "folder",  "seconds", "files",	 "findings_left_out", NULL};
	struct json *row = js_add(rows, js_object()), *proof;
	const char *name = js_get_str(m, "name", "?");

	page_copy(row, m, keys);
	js_set_u64(row, "n", n);
	js_set_str(row, "name", name);
	js_set_str(row, "state", page_class(js_get_str(m, "state", ""), states));
	page_copy(row, js_get(m, "copy"), (const char *const[]){"read", "written", NULL});
	set_report_link(p, row, m);
	js_set(row, "findings", finding_views(p, js_get(m, "findings")));
	page_explain(p, row, js_get_str(m, "finding", ""));
	proof = page_proof(p, js_get(m, "proof"), name, js_count(machines_of(p)) > ALL_PICTURES);
	if (proof)
		js_set(row, "proof", proof);
}

static void add_rows(struct page *p)
{
	struct json *rows = js_set(p->view, "machines", js_array());

	for (size_t i = 0; i < js_count(machines_of(p)); i++)
		add_row(p, rows, js_at(machines_of(p), i), i + 1);
}

/* ---- totals ---- */

static void add_counts(struct page *p)
{
	const struct json *counts = js_get(p->report, "counts");
	struct json *list = js_set(p->view, "counts", js_array());
	bool cancelled = js_get_bool(p->report, "cancelled", false);
	uint64_t all = 0;

	for (const char *const *state = states; *state; state++) {
		struct json *c = js_add(list, js_object());
		uint64_t n = js_get_u64(counts, *state, 0);

		js_set_str(c, "state", *state);
		js_set_u64(c, "n", n);
		all += n;
	}
	js_set_u64(p->view, "all", all);
	js_set_bool(p->view, "cancelled", cancelled);
	js_set_bool(p->view, "running",
		    js_get_u64(counts, "running", 0) || (js_get_u64(counts, "waiting", 0) && !cancelled));
}

static void add_totals(struct page *p)
{
	static const char *const keys[] = {"written", "bytes_read", "bytes_written", "seconds", NULL};
	static const char *const of_job[] = {"name", "created", "proof", NULL};
	double seconds = report_seconds(p->report, "seconds");
	uint64_t done = js_get_u64(js_get(p->report, "counts"), "done", 0);

	page_copy(p->view, p->report, keys);
	page_copy(p->view, js_get(p->report, "job"), of_job);
	if (seconds < 0.001)
		return;
	js_set_u64(p->view, "rate", u64_of((double)js_get_u64(p->report, "bytes_read", 0) / seconds));
	js_set_str(p->view, "an_hour", arena_printf(&p->arena, "%.1f", (double)done * 3600 / seconds));
}

static int slower_first(const void *a, const void *b)
{
	double x = report_seconds(*(const struct json *const *)a, "seconds"),
	       y = report_seconds(*(const struct json *const *)b, "seconds");

	return x < y ? 1 : x > y ? -1 : 0;
}

static int add_slowest(struct page *p, struct err *err)
{
	const struct json *rows = js_get(p->view, "machines");
	size_t n = js_count(rows);
	AUTO_FREE const struct json **sorted = calloc(n + 1, sizeof(struct json *));
	struct json *list = js_set(p->view, "slowest", js_array());

	if (!sorted)
		return err_nomem(err);
	for (size_t i = 0; i < n; i++)
		sorted[i] = js_at(rows, i);
	qsort(sorted, n, sizeof(struct json *), slower_first);
	for (size_t i = 0; i < n && i < SLOWEST && report_seconds(sorted[i], "seconds") > 0; i++)
		page_copy(js_add(list, js_object()), sorted[i], (const char *const[]){"n", "name", "seconds", NULL});
	return 0;
}

/* ---- groups: failures by cause, machines by host ---- */

/* The element of a list whose "key" is this; made when there is none. */
static struct json *group_of(struct json *list, const char *key)
{
	size_t n = js_count(list);
	struct json *g;

	for (size_t i = 0; i < n; i++)
		if (!strcmp(js_get_str(js_at(list, i), "key", ""), key))
			return js_held_at(list, i);
	if (n > GROUPS)
		return js_held_at(list, n - 1);
	if (n == GROUPS)
		key = "others";
	g = js_add(list, js_object());
	js_set_str(g, "key", key);
	return g;
}

static void count_up(struct json *g, const char *key, uint64_t by)
{
	uint64_t sum;

	if (!add_fits(js_get_u64(g, key, 0), by, &sum))
		sum = UINT64_MAX;
	js_set_u64(g, key, sum);
}

static void add_failure(struct page *p, struct json *list, const struct json *row)
{
	const char *id = js_get_str(row, "finding", NULL);
	struct json *cause, *named;

	if (!id)
		id = arena_printf(&p->arena, "exit status %u", (unsigned)js_get_u64(row, "exit", 0));
	cause = group_of(list, id);
	count_up(cause, "n", 1);
	if (js_get_u64(cause, "n", 0) == 1) {
		page_explain(p, cause, id);
		js_set(cause, "named", js_array());
	}
	named = js_held(cause, "named");
	if (js_count(named) < NAMED)
		page_copy(js_add(named, js_object()), row, (const char *const[]){"n", "name", NULL});
	else
		count_up(cause, "more", 1);
}

static void add_host(struct json *list, const struct json *row)
{
	struct json *host = group_of(list, js_get_str(row, "host", ""));

	count_up(host, "n", 1);
	count_up(host, js_get_str(row, "state", ""), 1);
	count_up(host, "read", js_get_u64(row, "read", 0));
	js_set_real(host, "seconds", report_seconds(host, "seconds") + report_seconds(row, "seconds"));
}

static void add_groups(struct page *p)
{
	const struct json *rows = js_get(p->view, "machines");
	struct json *failures = js_set(p->view, "failures", js_array()), *hosts = js_set(p->view, "hosts", js_array());

	for (size_t i = 0; i < js_count(rows); i++) {
		const struct json *row = js_at(rows, i);
		const char *state = js_get_str(row, "state", "");

		if (!strcmp(state, "failed") || !strcmp(state, "blocked"))
			add_failure(p, failures, row);
		if (js_get_str(row, "host", NULL))
			add_host(hosts, row);
	}
}

/* ---- throughput ---- */

struct span {
	double began, ended; /* seconds since 1970; 0: not known */
	double bytes;
};

static double time_of(const struct json *m, const char *key)
{
	struct tm tm = {0};

	return strptime(js_get_str(m, key, ""), "%Y-%m-%dT%H:%M:%S", &tm) ? (double)timegm(&tm) : 0;
}

static struct span span_of(const struct json *row)
{
	return (struct span){time_of(row, "began"), time_of(row, "ended"), (double)js_get_u64(row, "read", 0)};
}

/* What a machine read, spread evenly over its time: when exactly it read it isn't told. */
static void spread(struct span s, double begin, double interval, double *buckets)
{
	double length = s.ended > s.began ? s.ended - s.began : 1;

	for (size_t i = 0; i < BUCKETS; i++) {
		double from = begin + interval * (double)i, to = from + interval;

		from = from > s.began ? from : s.began;
		to = to < s.began + length ? to : s.began + length;
		if (to > from)
			buckets[i] += s.bytes * (to - from) / length;
	}
}

static void add_plot(struct page *p)
{
	const struct json *rows = js_get(p->view, "machines");
	double buckets[BUCKETS] = {0}, begin = 0, end = 0;
	struct json *plot;

	for (size_t i = 0; i < js_count(rows); i++) {
		struct span s = span_of(js_at(rows, i));

		if (s.began > 0 && (begin == 0 || s.began < begin))
			begin = s.began;
		end = s.ended > end ? s.ended : end;
	}
	if (begin <= 0 || end <= begin)
		return;
	for (size_t i = 0; i < js_count(rows); i++) {
		struct span s = span_of(js_at(rows, i));

		if (s.began > 0 && s.ended > 0)
			spread(s, begin, (end - begin) / BUCKETS, buckets);
	}
	plot = plot_view(buckets, BUCKETS, (end - begin) / BUCKETS);
	if (plot)
		js_set(p->view, "plot", plot);
}

int report_html_batch(const struct json *report, int dirfd, struct buf *out, struct err *err)
{
	AUTO(page_done) struct page p;

	page_begin(&p, report, dirfd);
	add_counts(&p);
	add_totals(&p);
	add_rows(&p);
	if (add_slowest(&p, err) < 0)
		return -1;
	add_groups(&p);
	add_plot(&p);
	return page_end(&p, "batch.html", "batch.js", out, err);
}
