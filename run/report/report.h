/* Reports, rendered from report.json alone: of a machine (docs/report.schema.json; made by run/convert.c) and of a
 * batch (docs/report.md; made by run/batch/).
 *
 * Sections whose data the object lacks are left out; nothing in it is trusted. Too much of it is ERR_INTERNAL, for the
 * caller's limit on `out` was passed.
 */
#ifndef REHOST_RUN_REPORT_REPORT_H
#define REHOST_RUN_REPORT_REPORT_H

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/json.h"

enum {
	REPORT_JSON_MAX = 64 << 20, /* bytes of a report.json: a thousand changes with diffs of 64 KiB */
	REPORT_MAX = 640 << 20	    /* of a page: that, each byte as 8, and 48 MiB of pictures */
};

/* For people on a terminal: verdict first, then findings, the hardware before and after, what is inside, the changes
 * with their diffs, timings. */
int report_text(const struct json *report, struct buf *out, struct err *err);

/* One page that needs nothing else. Screenshots are read beneath dirfd, the folder of report.json, by the names in
 * "proof"; -1: none are. One that can't be shown is told in its place and is no error. */
int report_html_machine(const struct json *report, int dirfd, struct buf *out, struct err *err);
/* The same of a whole batch; "screenshots" and "report" of its machines are paths in the job folder. While machines
 * wait or run, the page loads itself again every few seconds. */
int report_html_batch(const struct json *report, int dirfd, struct buf *out, struct err *err);

/* A line for each machine of a batch, and the counts. */
int report_text_batch(const struct json *report, struct buf *out, struct err *err);

/* JUnit's XML, for what reads tests: a case for the verdict, each finding that is more than a note, and the proof; and
 * a case for each machine of a batch. */
int report_junit_machine(const struct json *report, struct buf *out, struct err *err);
int report_junit_batch(const struct json *report, struct buf *out, struct err *err);

/* The files that a result's folder has of its report, NULL behind the last: as JSON, as text, as page. */
extern const char *const report_names[];
/* Writes them, for a machine. */
int report_write(const struct json *report, int dirfd, struct err *err);

/* What both kinds of report hold of a boot proof, from what `rehost boot --json` printed: paths of screenshots become
 * those seen from `folder`, where report.json is, when they are beneath it. */
struct json *report_proof(const struct json *boot, const char *folder);

#endif
