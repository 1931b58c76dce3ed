/* One attempt at a unit: its folder, what it runs, and what it heard.
 *
 * attempt-K/ holds events.ndjson (phases, progress, warnings and errors of all that was run), convert.log (the full
 * log), report.json (of a conversion that failed), boot.json and shots/ of the boot proof, and, once it has ended in an
 * orderly way, end.json: {"exit","error","finding","host","began","ended","seconds"}.
 */
#ifndef REHOST_RUN_BATCH_ATTEMPT_H
#define REHOST_RUN_BATCH_ATTEMPT_H

#include <stdbool.h>
#include <stdio.h>
#include <time.h>

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/base/json.h"
#include "run/batch/signals.h"
#include "run/convert.h"

enum {
	ATTEMPT_ISO_TEXT = 24,	     /* "2026-01-31T12:00:00Z" */
	ATTEMPT_FILE_MAX = 64 << 20, /* bytes of a file that is read back: a report's lists of findings and edits */
	ATTEMPT_TEXT_MAX = 64 << 20, /* bytes of the log, and of the events: a day's have some hundred KiB. Phases and
				      * errors go on, to the same number again */
};

#define ATTEMPT_EVENTS "events.ndjson"
#define ATTEMPT_LOG    "convert.log"
#define ATTEMPT_END    "end.json"
#define ATTEMPT_REPORT "report.json"
#define ATTEMPT_BOOT   "boot.json"

struct attempt {
	int fd; /* of attempt-K; borrowed */
	struct signals *signals;
	struct run_events events; /* for who looks on; all may be NULL */
	FILE *said, *log;	  /* ATTEMPT_EVENTS, ATTEMPT_LOG */
	time_t began;
	double since;		       /* clock_seconds() */
	char last_error[ERR_TEXT_MAX]; /* of the program that ran last */
};

int attempt_open(struct attempt *a, int dirfd, struct signals *signals, const struct run_events *events,
		 struct err *err);
void attempt_close(struct attempt *a);

/* Runs this program with these arguments (NULL-terminated, the first is "rehost") to its end; its standard output
 * becomes the file `output`. *ret_status is an exit status, 128 + signal when it was killed. A signal that asks us to
 * end is passed on. -1: it could not be run. */
int attempt_run(struct attempt *a, const char *const *argv, const char *output, int *ret_status, struct err *err);

/* The JSON object in a file of the folder; NULL: none that can be read. */
struct json *attempt_read(int attempt_fd, const char *name);

/* Says, to events.ndjson and to who looks on, what goes on now. */
void attempt_phase(struct attempt *a, const char *text);

double attempt_seconds(const struct attempt *a);
void attempt_iso(time_t t, char ret[ATTEMPT_ISO_TEXT]);

#endif
