/* What the user of a batch sees: a live table on a terminal, a line for each event elsewhere, NDJSON on request. */
#ifndef REHOST_CLI_BATCH_TABLE_H
#define REHOST_CLI_BATCH_TABLE_H

#include <stdbool.h>

#include "cli/groups.h"
#include "run/batch/runner.h"

struct batch_table {
	bool quiet, json, tty;
	unsigned shown; /* lines of the table that stand on the terminal */
	double last;	/* when progress was told last */
};

/* Lines instead of the table also beside a full log. */
void batch_table_start(struct batch_table *t, const struct talk_arguments *talk);
/* For struct runner_options; opaque is the table. */
void batch_table_changed(const struct runner_view *v, const struct runner_unit *u, void *opaque);
void batch_table_tick(const struct runner_view *v, void *opaque);
/* Takes the table off the terminal. */
void batch_table_end(struct batch_table *t);

#endif
