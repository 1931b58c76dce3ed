/* What the user sees: phases, progress, warnings and the error; a bar on a terminal, lines elsewhere, NDJSON on
 * request. */
#ifndef REHOST_CLI_TERMINAL_H
#define REHOST_CLI_TERMINAL_H

#include <stdbool.h>

#include "core/base/err.h"
#include "run/convert.h"

struct terminal_options {
	bool quiet, verbose;
	bool json_progress; /* events as NDJSON on stderr instead of text */
};

/* Sets up the sinks; starts the log. Call once. */
void terminal_start(const struct terminal_options *options);
/* Instead of that, for commands that show nothing while they work: warnings on stderr, and no thread. */
void terminal_warnings(void);
/* Ends a progress line. */
void terminal_end(void);

/* Callbacks for run_machine() and friends. */
struct run_events terminal_events(void);
/* A file of no use to a later run: a signal that ends the program removes it. */
void terminal_unfinished(const char *path, void *opaque);
void terminal_phase(const char *what, void *opaque);

/* "rehost: text" on stderr, or an NDJSON event. When a partial folder is left: the line that resumes (this command
 * line) and the one that cleans. */
void terminal_error(const struct err *err, char **argv);

/* SIGINT, SIGTERM and SIGHUP say how to resume and end the program with 128 + signal; helper processes die with us. */
void terminal_catch_signals(void);

/* What was printed to standard output is there, or it is an error. */
int terminal_flush(struct err *err);

/* Writes a result to standard output; one that can't take it is an error. */
int terminal_print(const struct buf *text, struct err *err);

#endif
