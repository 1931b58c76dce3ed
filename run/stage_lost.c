/* The stage after a copy with unreadable places: which files of the guest have zeros there now. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/log.h"
#include "core/base/units.h"
#include "guest/appliance.h"
#include "run/stages.h"

struct telling {
	struct run *r;
	const struct io_copy_result *c;
	struct json *copy, *notes; /* the report's part, and its list of notes when there are any */
};

static const char *mountpoint_of(const struct run *r, const char *device)
{
	const struct json *list = js_get(js_get(r->report, "inspection"), "filesystems");

	for (size_t i = 0; i < js_count(list); i++)
		if (!strcmp(js_get_str(js_at(list, i), "device", ""), device))
			return js_get_str(js_at(list, i), "mountpoint", NULL);
	return NULL;
}

/* One entry a file, with the bytes that it lost; its pieces follow each other. */
static void report_files(const struct telling *t, const struct lost_files *lost)
{
	struct json *list = js_set(t->copy, "lost_files", js_array()), *last = NULL;

	VEC_FOR (f, &lost->files) {
		bool same = last && !strcmp(js_get_str(last, "path", ""), f->path) &&
			    !strcmp(js_get_str(last, "device", ""), f->device);

		if (same) {
			js_set_u64(last, "bytes", js_get_u64(last, "bytes", 0) + f->len);
			continue;
		}
		last = js_add(list, js_object());
		js_set_str(last, "device", f->device);
		js_set_str(last, "mountpoint", mountpoint_of(t->r, f->device));
		js_set_str(last, "path", f->path);
		js_set_u64(last, "offset", f->off);
		js_set_u64(last, "bytes", f->len);
	}
}

static void report_note(struct telling *t, const char *text)
{
	if (!t->notes)
		t->notes = js_set(t->copy, "lost_files_notes", js_array());
	js_add_str(t->notes, text);
	log_warn("unreadable places: %s", text);
}

/* The guest's own findings were reported when it was converted: their list is written anew. */
static void add_finding(struct run *r, const char *text)
{
	const struct json *inspection = js_get(r->report, "inspection"), *old = js_get(inspection, "findings");
	struct json *changed, *findings, *f;

	if (!inspection)
		return;
	changed = js_copy(inspection);
	findings = js_set(changed, "findings", js_array());
	for (size_t i = 0; i < js_count(old); i++)
		js_add(findings, js_copy(js_at(old, i)));
	f = js_add(findings, js_object());
	js_set_str(f, "id", "W-READ-ERRORS");
	js_set_str(f, "severity", severity_name(SEVERITY_WARNING));
	js_set_str(f, "text", text);
	js_set_str(f, "evidence", "copy.read_errors, copy.lost_files");
	js_set_str(f, "fix", "Put the listed files back from a backup, and check the file systems.");
	js_set(r->report, "inspection", changed);
}

static void tell_finding(const struct telling *t)
{
	char words[SIZE_WORDS_MAX];
	const char *text;
	uint64_t bytes = 0;

	for (size_t i = 0; i < t->c->nread_errors; i++)
		bytes += t->c->read_errors[i].len;
	text = arena_printf(
	    &t->r->arena,
	    "%s of the source could not be read and are zeros in the copy; files that have some of them: %zu",
	    size_in_words(bytes, words), js_count(js_get(t->copy, "lost_files")));
	log_warn("%s", text);
	add_finding(t->r, text);
}

static int find_files(struct run *r, const struct io_copy_result *c, struct lost_files *ret, struct err *err)
{
	AUTO_FREE struct lost_range *ranges = calloc(c->nread_errors, sizeof *ranges);
	AUTO(appliance_closep) struct appliance *a = NULL;

	if (!ranges)
		return err_nomem(err);
	for (size_t i = 0; i < c->nread_errors; i++)
		ranges[i] = (struct lost_range){
		    .disk = c->read_errors[i].disk, .off = c->read_errors[i].off, .len = c->read_errors[i].len};
	if (start_appliance(r, true, &a, err) < 0)
		return -1;
	return appliance_lost_files(a, ranges, c->nread_errors, ret, err);
}

void stage_lost(struct run *r, const struct io_copy_result *c, struct json *copy)
{
	AUTO(lost_files_done) struct lost_files lost = {0};
	struct telling t = {.r = r, .c = c, .copy = copy};
	struct err why = ERR_INIT;

	if (!c->nread_errors)
		return;
	phase_begin(r, "lost", "looking for the files in unreadable places");
	if (r->o->no_convert)
		report_note(&t, "files aren't looked for with --no-convert");
	else if (find_files(r, c, &lost, &why) < 0)
		report_note(&t, why.text);
	report_files(&t, &lost);
	VEC_FOR (n, &lost.notes)
		report_note(&t, *n);
	tell_finding(&t);
}
