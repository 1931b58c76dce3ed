/* The report for people, rendered from the report object alone (docs/report.schema.json; made by run/convert.c). */
#ifndef REHOST_RUN_REPORT_REPORT_H
#define REHOST_RUN_REPORT_REPORT_H

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/json.h"

/* Verdict first, then findings, the hardware before and after, what is inside, the changes with their diffs, timings.
 * Sections whose data the object lacks are left out. */
int report_text(const struct json *report, struct buf *out, struct err *err);

#endif
