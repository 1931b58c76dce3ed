/* The table of a batch that runs. */
#include "cli/batch_table.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "core/base/checked.h"
#include "core/base/json.h"
#include "core/base/units.h"
#include "core/base/utf8.h"

enum {
	LINE_EVERY_S = 30, /* where no terminal can show a table */
	EVENT_EVERY_S = 5, /* as NDJSON */
	NAME_WIDTH = 20,
	WIDTH_MAX = 600,
	OTHER_LINES = 3, /* of the terminal: the sums, the head, the cursor */
	ROWS_DEFAULT = 24,
	COLUMNS_DEFAULT = 80,
};

/* ---- pieces ---- */

static void format_eta(const struct runner_unit *u, char *text, size_t size)
{
	double left = u->progress.rate > 0 ? (double)(u->progress.total - u->progress.done) / u->progress.rate : -1;

	if (left < 0 || left > 359999)
		snprintf(text, size, "-");
	else
		snprintf(text, size, "%d:%02d", (int)left / 60, (int)left % 60);
}

static void format_row(const struct runner_unit *u, double seconds, char *line, size_t size)
{
	char rate[SIZE_WORDS_MAX + 2] = "-", eta[16], words[SIZE_WORDS_MAX], percent[8] = "-";

	if (u->progress.rate > 0)
		snprintf(rate, sizeof rate, "%s/s", size_in_words((uint64_t)u->progress.rate, words));
	if (u->progress.total)
		snprintf(percent, sizeof percent, "%u%%", unit_percent(&u->progress));
	format_eta(u, eta, sizeof eta);
	snprintf(line, size, "%-*s %-8s %5s %11s %8s %6.0f s  %s", NAME_WIDTH, u->unit.name,
		 runner_state_name(u->state), percent, rate, eta, seconds, u->progress.phase);
	utf8_defuse(line, true);
}

static void format_sums(const struct runner_view *v, char *line, size_t size)
{
	unsigned n[RUNNER_GIVEN_UP + 1] = {0};

	for (unsigned i = 0; i < v->nunits; i++)
		n[v->units[i].state]++;
	snprintf(line, size, "%s: %u machines: %u done, %u failed, %u blocked, %u running, %u waiting; %.0f s",
		 v->job->name, v->nunits, n[RUNNER_DONE], n[RUNNER_FAILED], n[RUNNER_BLOCKED], n[RUNNER_RUNNING],
		 n[RUNNER_WAITING] + n[RUNNER_GIVEN_UP], v->seconds);
	utf8_defuse(line, true);
}

/* ---- terminal ---- */

static void take_off(struct batch_table *t)
{
	if (t->shown)
		fprintf(stderr, "\033[%uA\r\033[J", t->shown);
	t->shown = 0;
}

/* Cut to the terminal's width: a line that wraps can't be taken off again. */
static void put_line(struct batch_table *t, const struct winsize *w, const char *line)
{
	size_t width = w->ws_col ? w->ws_col : COLUMNS_DEFAULT, bytes = 0;

	for (size_t n = 0; line[bytes] && n < width - 1; n++) {
		size_t len = utf8_char(line + bytes, strlen(line + bytes));

		bytes += len ? len : 1;
	}
	fprintf(stderr, "%.*s\n", (int)bytes, line);
	t->shown++;
}

static void draw(struct batch_table *t, const struct runner_view *v)
{
	struct winsize w = {0};
	char line[WIDTH_MAX];
	unsigned room;

	ioctl(STDERR_FILENO, TIOCGWINSZ, &w);
	room = w.ws_row ? w.ws_row : ROWS_DEFAULT;
	room = room > OTHER_LINES ? room - OTHER_LINES : 1;
	take_off(t);
	format_sums(v, line, sizeof line);
	put_line(t, &w, line);
	snprintf(line, sizeof line, "%-*s %-8s %5s %11s %8s %8s  %s", NAME_WIDTH, "NAME", "STATE", "DONE", "RATE",
		 "ETA", "TIME", "PHASE");
	put_line(t, &w, line);
	for (unsigned i = 0; i < v->nunits && room; i++) {
		if (v->units[i].state != RUNNER_RUNNING)
			continue;
		format_row(&v->units[i], v->began + v->seconds - v->units[i].began, line, sizeof line);
		put_line(t, &w, line);
		room--;
	}
	fflush(stderr);
}

/* ---- NDJSON ---- */

static void event(const struct runner_view *v, const struct runner_unit *u, const char *kind)
{
	AUTO(js_freep) struct json *j = js_object();
	AUTO(buf_done) struct buf line = BUF_INIT(64 * KIB);

	js_set_str(j, "event", kind);
	js_set_real(j, "seconds", v->seconds);
	js_set_u64(j, "index", u->unit.index);
	js_set_str(j, "name", u->unit.name);
	js_set_str(j, "state", runner_state_name(u->state));
	js_set_str(j, "text", u->state == RUNNER_RUNNING ? u->progress.phase : u->text);
	if (u->progress.total) {
		js_set_u64(j, "done", u->progress.done);
		js_set_u64(j, "total", u->progress.total);
	}
	if (js_print(j, false, &line) == 0)
		fprintf(stderr, "%s\n", buf_str(&line));
}

/* ---- callbacks ---- */

void batch_table_start(struct batch_table *t, const struct talk_arguments *talk)
{
	bool json = talks_json(talk);

	*t = (struct batch_table){
	    .quiet = talk->quiet, .json = json, .tty = !json && !talk->verbose && isatty(STDERR_FILENO)};
}

void batch_table_changed(const struct runner_view *v, const struct runner_unit *u, void *opaque)
{
	struct batch_table *t = opaque;
	char line[WIDTH_MAX + RUNNER_TEXT];

	if (t->json) {
		event(v, u, "unit");
		return;
	}
	if (t->quiet && u->state != RUNNER_FAILED && u->state != RUNNER_BLOCKED && u->state != RUNNER_GIVEN_UP)
		return;
	if (t->tty && u->state == RUNNER_RUNNING) /* the table shows it */
		return;
	take_off(t);
	snprintf(line, sizeof line, "[%7.1f] %s: %s%s%s", v->seconds, u->unit.name, runner_state_name(u->state),
		 u->text[0] ? ": " : "", u->text);
	utf8_defuse(line, true);
	fprintf(stderr, "%s\n", line);
}

static void tell_running(const struct batch_table *t, const struct runner_view *v)
{
	char line[WIDTH_MAX];

	for (unsigned i = 0; i < v->nunits; i++) {
		const struct runner_unit *u = &v->units[i];

		if (u->state != RUNNER_RUNNING)
			continue;
		if (t->json) {
			event(v, u, "progress");
			continue;
		}
		format_row(u, v->began + v->seconds - u->began, line, sizeof line);
		fprintf(stderr, "  %s\n", line);
	}
}

void batch_table_tick(const struct runner_view *v, void *opaque)
{
	struct batch_table *t = opaque;

	if (t->tty && !t->quiet) {
		draw(t, v);
		return;
	}
	if (t->quiet || v->seconds - t->last < (t->json ? EVENT_EVERY_S : LINE_EVERY_S))
		return;
	t->last = v->seconds;
	tell_running(t, v);
}

void batch_table_end(struct batch_table *t)
{
	take_off(t);
	fflush(stderr);
}
