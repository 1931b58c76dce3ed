/* The hardware of a machine before and after, as rows for the text and the page. */
#ifndef REHOST_RUN_REPORT_HARDWARE_H
#define REHOST_RUN_REPORT_HARDWARE_H

#include "core/base/arena.h"
#include "core/base/json.h"

struct hardware_row {
	const char *what, *before,
	    *after; /* after: "" when the result has or says nothing; words are the report's own */
};

struct hardware {
	VEC(struct hardware_row) rows;
};

/* Rows of a report's "machine", beside them those of "caps", "firmware" and "disks" when it has them. */
void hardware_compare(const struct json *report, struct arena *a, struct hardware *ret);

#endif
