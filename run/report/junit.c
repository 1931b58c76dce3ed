/* JUnit's XML of both kinds of report, as Jenkins, GitLab and their kin read it (there is no written standard; the
 * shape is that of Jenkins' xunit plugin, junit-10.xsd). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/arena.h"
#include "core/base/xml.h"
#include "run/report/report.h"
#include "run/report/seconds.h"

/* How a case ended. */
enum outcome { PASSED = 0, FAILED, BROKEN, LEFT_OUT, OUTCOMES };

struct test {
	const char *name, *class;
	double seconds;
	enum outcome outcome;
	const char *type, *message, *text; /* of what did not pass */
};

struct suite {
	struct arena arena;
	VEC(struct test) tests;
};

static void suite_done(struct suite *s)
{
	arena_done(&s->arena);
}

static struct test *add(struct suite *s, const char *class, const char *name)
{
	struct test *t = vec_push(&s->arena, &s->tests);

	t->class = class;
	t->name = name;
	return t;
}

/* ---- writing ---- */

static void write_test(struct xml_writer *w, const struct test *t)
{
	static const char *const elements[OUTCOMES] = {
	    [FAILED] = "failure", [BROKEN] = "error", [LEFT_OUT] = "skipped"};

	xml_open(w, "testcase");
	xml_attrf(w, "classname", "%s", t->class);
	xml_attrf(w, "name", "%s", t->name);
	xml_attrf(w, "time", "%.3f", t->seconds);
	if (t->outcome != PASSED) {
		xml_open(w, elements[t->outcome]);
		if (t->type)
			xml_attrf(w, "type", "%s", t->type);
		xml_attrf(w, "message", "%s", t->message);
		if (t->text)
			xml_textf(w, "%s", t->text);
		xml_close(w);
	}
	xml_close(w);
}

static int write_suite(const struct suite *s, const char *name, const char *timestamp, struct buf *out, struct err *err)
{
	struct xml_writer w;
	unsigned n[OUTCOMES] = {0};
	double seconds = 0;

	VEC_FOR (t, &s->tests) {
		n[t->outcome]++;
		seconds += t->seconds;
	}
	xml_begin(&w, out);
	xml_open(&w, "testsuite");
	xml_attrf(&w, "name", "%s", name);
	xml_attrf(&w, "tests", "%zu", s->tests.n);
	xml_attrf(&w, "failures", "%u", n[FAILED]);
	xml_attrf(&w, "errors", "%u", n[BROKEN]);
	xml_attrf(&w, "skipped", "%u", n[LEFT_OUT]);
	xml_attrf(&w, "time", "%.3f", seconds);
	if (timestamp)
		xml_attrf(&w, "timestamp", "%s", timestamp);
	VEC_FOR (t, &s->tests)
		write_test(&w, t);
	xml_close(&w);
	return xml_end(&w, err);
}

/* ---- what both have ---- */

static void add_proof(struct suite *s, const struct json *proof, const char *class)
{
	const char *wanted = js_get_str(proof, "wanted", "");
	struct test *t;

	if (!proof)
		return;
	t = add(s, class, arena_printf(&s->arena, "boots to %s", wanted));
	t->seconds = report_seconds(proof, "seconds");
	t->message = js_get_str(proof, "failure", NULL);
	if (!t->message)
		return;
	t->outcome = FAILED;
	t->type = "boot proof";
	t->text = arena_printf(&s->arena, "reached %s", js_get_str(proof, "level", "nothing"));
}

/* ---- a machine ---- */

static void add_finding(struct suite *s, const struct json *f, const char *class)
{
	const char *severity = js_get_str(f, "severity", "");
	struct test *t;

	if (strcmp(severity, "blocker") != 0 && strcmp(severity, "warning") != 0)
		return;
	t = add(s, class, js_get_str(f, "id", "?"));
	t->outcome = strcmp(severity, "blocker") ? LEFT_OUT : FAILED;
	t->type = severity;
	t->message = js_get_str(f, "text", "");
	t->text = js_get_str(f, "fix", NULL);
}

static double all_seconds(const struct json *timings)
{
	double sum = 0;

	for (size_t i = 0; i < js_count(timings); i++)
		sum += report_seconds(js_at(timings, i), "seconds");
	return sum;
}

static void add_verdict(struct suite *s, const struct json *report, const char *class)
{
	const char *verdict = js_get_str(js_get(report, "inspection"), "verdict", NULL);
	struct test *t = add(s, class, "conversion");

	t->seconds = all_seconds(js_get(report, "timings"));
	if (!verdict || strcmp(verdict, "WILL NOT BOOT") != 0)
		return;
	t->outcome = FAILED;
	t->type = "verdict";
	t->message = verdict;
}

int report_junit_machine(const struct json *report, struct buf *out, struct err *err)
{
	AUTO(suite_done) struct suite s = {0};
	const char *name = js_get_str(js_get(report, "machine"), "name", "machine");
	const struct json *findings = js_get(js_get(report, "inspection"), "findings");

	add_verdict(&s, report, name);
	for (size_t i = 0; i < js_count(findings); i++)
		add_finding(&s, js_at(findings, i), name);
	add_proof(&s, js_get(report, "proof"), name);
	return write_suite(&s, name, NULL, out, err);
}

/* ---- a batch ---- */

static enum outcome outcome_of(const char *state)
{
	return !strcmp(state, "done")	   ? PASSED
	       : !strcmp(state, "failed")  ? FAILED
	       : !strcmp(state, "blocked") ? BROKEN
					   : LEFT_OUT;
}

static void add_machine(struct suite *s, const struct json *m, const char *job)
{
	const char *state = js_get_str(m, "state", ""), *group = js_get_str(m, "group", NULL);
	const char *class = group ? arena_printf(&s->arena, "%s.%s", job, group) : job;
	struct test *t = add(s, class, js_get_str(m, "name", "?"));

	t->seconds = report_seconds(m, "seconds");
	t->outcome = outcome_of(state);
	if (t->outcome == PASSED)
		return;
	t->message = js_get_str(m, "error", *state ? state : "unknown state");
	if (t->outcome == LEFT_OUT)
		return;
	t->type = js_get_str(m, "finding", NULL);
	if (!t->type)
		t->type = arena_printf(&s->arena, "exit status %" PRIu64, js_get_u64(m, "exit", 0));
	t->text = js_get_str(js_get(m, "proof"), "failure", NULL);
}

int report_junit_batch(const struct json *report, struct buf *out, struct err *err)
{
	AUTO(suite_done) struct suite s = {0};
	const struct json *machines = js_get(report, "machines");
	const char *job = js_get_str(js_get(report, "job"), "name", "batch");

	for (size_t i = 0; i < js_count(machines); i++)
		add_machine(&s, js_at(machines, i), job);
	return write_suite(&s, job, js_get_str(report, "written", NULL), out, err);
}
