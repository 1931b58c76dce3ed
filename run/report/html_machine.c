/* The page of one machine. */
#include <string.h>

#include "run/report/hardware.h"
#include "run/report/html.h"
#include "run/report/plot.h"
#include "run/report/report.h"
#include "run/report/seconds.h"

static const struct json *inspection_of(const struct page *p)
{
	return js_get(p->report, "inspection");
}

static void add_verdict(struct page *p)
{
	static const struct {
		const char *verdict, *class;
	} classes[] = {{"BOOTS", "good"}, {"MAY NOT BOOT", "warning"}, {"WILL NOT BOOT", "bad"}};
	const char *verdict = js_get_str(inspection_of(p), "verdict", "NOT INSPECTED"), *class = "unknown";

	for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
		if (!strcmp(classes[i].verdict, verdict))
			class = classes[i].class;
	js_set_str(p->view, "verdict", verdict);
	js_set_str(p->view, "verdict_class", class);
	js_set_str(p->view, "name", js_get_str(js_get(p->report, "machine"), "name", "?"));
}

/* ---- findings ---- */

/* The number of the explanation of this id; made when there is none yet. 0: it can't be explained. */
static size_t explanation(struct page *p, struct json *about, const char *id)
{
	size_t n = js_count(about);
	struct json *one;

	for (size_t i = 0; i < n; i++)
		if (!strcmp(js_get_str(js_at(about, i), "id", ""), id))
			return i + 1;
	one = js_object();
	page_explain(p, one, id);
	if (!js_get(one, "meaning")) {
		js_free(one);
		return 0;
	}
	js_set_str(one, "id", id);
	js_set_u64(js_add(about, one), "n", n + 1);
	return n + 1;
}

static void add_findings(struct page *p)
{
	static const char *const keys[] = {"text", "evidence", "fix", NULL};
	static const char *const severities[] = {"blocker", "warning", "info", NULL};
	const struct json *findings = js_get(inspection_of(p), "findings");
	struct json *list = js_set(p->view, "findings", js_array()), *about = js_set(p->view, "about", js_array());

	for (size_t i = 0; i < js_count(findings); i++) {
		const struct json *f = js_at(findings, i);
		const char *id = js_get_str(f, "id", "?");
		struct json *one = js_add(list, js_object());

		page_copy(one, f, keys);
		js_set_u64(one, "n", i + 1);
		js_set_str(one, "id", id);
		js_set_str(one, "severity", page_class(js_get_str(f, "severity", ""), severities));
		js_set_u64(one, "about", explanation(p, about, id));
	}
}

/* ---- hardware ---- */

static void add_hardware(struct page *p)
{
	struct json *list = js_set(p->view, "hardware", js_array());
	struct hardware h = {0};

	hardware_compare(p->report, &p->arena, &h);
	VEC_FOR (r, &h.rows) {
		struct json *one = js_add(list, js_object());

		js_set_str(one, "what", *r->what ? r->what : "machine");
		js_set_str(one, "before", r->before);
		js_set_str(one, "after", r->after);
	}
	js_set_bool(p->view, "safe_mode", js_get_bool(js_get(p->report, "caps"), "safe_mode", false));
	js_set_bool(p->view, "decided", js_get(p->report, "caps") != NULL);
}

/* ---- changes ---- */

static const char *class_of_line(const char *line)
{
	switch (*line) {
	case '+':
		return "add";
	case '-':
		return "del";
	case '@':
		return "hunk";
	default:
		return "same";
	}
}

/* Neighbouring lines of one kind are one piece. */
static struct json *diff_pieces(struct arena *a, const char *diff)
{
	struct json *list = js_array();

	while (*diff) {
		const char *class = class_of_line(diff), *end = diff;
		struct json *piece = js_add(list, js_object());

		while (*end && !strcmp(class_of_line(end), class)) {
			end += strcspn(end, "\n");
			end += *end == '\n';
		}
		js_set_str(piece, "class", class);
		js_set_str(piece, "text", arena_strndup(a, diff, (size_t)(end - diff)));
		diff = end;
	}
	return list;
}

static void add_changes(struct page *p)
{
	static const char *const keys[] = {"kind", "path", "step", "reason", "words", NULL};
	const struct json *changes = js_get(p->report, "changes");
	struct json *list = js_set(p->view, "changes", js_array());

	for (size_t i = 0; i < js_count(changes); i++) {
		const struct json *c = js_at(changes, i);
		struct json *one = js_add(list, js_object());

		page_copy(one, c, keys);
		js_set_u64(one, "n", i + 1);
		js_set(one, "diff", diff_pieces(&p->arena, js_get_str(c, "diff", "")));
	}
	js_set_u64(p->view, "nchanges", js_count(changes));
}

/* ---- copy and times ---- */

static void add_throughput(struct page *p)
{
	const struct json *t = js_get(js_get(p->report, "copy"), "throughput"), *bytes = js_get(t, "bytes");
	double values[PLOT_POINTS_MAX];
	size_t n = js_count(bytes) < PLOT_POINTS_MAX ? js_count(bytes) : PLOT_POINTS_MAX;
	struct json *plot;

	for (size_t i = 0; i < n; i++)
		values[i] = (double)js_u64(js_at(bytes, i), 0);
	plot = plot_view(values, n, js_get_real(t, "interval", 0));
	if (plot)
		js_set(p->view, "plot", plot);
}

static void add_times(struct page *p)
{
	const struct json *timings = js_get(p->report, "timings");
	struct json *list = js_set(p->view, "timings", js_array());
	double all = 0, before = 0;

	for (size_t i = 0; i < js_count(timings); i++)
		all += report_seconds(js_at(timings, i), "seconds");
	for (size_t i = 0; i < js_count(timings); i++) {
		double seconds = report_seconds(js_at(timings, i), "seconds");
		struct json *one = js_add(list, js_object());

		js_set_str(one, "phase", js_get_str(js_at(timings, i), "phase", "?"));
		js_set_real(one, "seconds", seconds);
		js_set_real(one, "left", all > 0 ? 100 * before / all : 0);
		js_set_real(one, "width", all > 0 ? 100 * seconds / all : 0);
		before += seconds;
	}
	js_set_real(p->view, "seconds", all);
}

/* Parts that the template shows as they are. */
static void add_parts(struct page *p)
{
	static const char *const keys[] = {"machine", "inspection",	  "source_disks", "copy",   "disks", "folder",
					   "xml",     "manifest_digests", "accelerator",  "verify", NULL};

	page_copy(p->view, p->report, keys);
	js_set_str(p->view, "domain", js_get_str(p->report, "libvirt_xml", NULL));
	js_set_bool(p->view, "result", js_count(js_get(p->report, "disks")) || js_get(p->report, "copy"));
}

int report_html_machine(const struct json *report, int dirfd, struct buf *out, struct err *err)
{
	AUTO(page_done) struct page p;
	struct json *proof;

	page_begin(&p, report, dirfd);
	add_verdict(&p);
	add_findings(&p);
	add_hardware(&p);
	add_changes(&p);
	add_throughput(&p);
	add_times(&p);
	add_parts(&p);
	proof = page_proof(&p, js_get(report, "proof"), js_get_str(p.view, "name", ""), false);
	if (proof)
		js_set(p.view, "proof", proof);
	return page_end(&p, "machine.html", "machine.js", out, err);
}
