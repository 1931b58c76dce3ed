/* journal.ndjson of a partial folder: phases and copied extents, each written after what it vouches for is on disk.
 *
 * A line is one JSON object; a torn last line (killed while writing) is ignored. The control process writes "run" and
 * "phase" lines, the io process "extent" lines; both append with O_APPEND, one write(2) a line.
 */
#ifndef REHOST_RUN_JOURNAL_H
#define REHOST_RUN_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/base/json.h"

#define JOURNAL_FILE "journal.ndjson"

enum phase { PHASE_UNKNOWN = 0, PHASE_MAPPED, PHASE_CONVERTED, PHASE_COPIED, PHASE_PUBLISHED };

struct journal_extent {
	unsigned disk;
	uint64_t off, len; /* guest bytes */
	uint64_t hash;	   /* XXH3-64 of the guest bytes */
	uint64_t source;   /* sum of the blocks that are a machine's own (formats/ledger.h); 0: none */
	const char *note;  /* the writer's own words (block_ops.note), "" none */
};

struct journal;

/* Opens (creates) the journal in the folder and reads it. From the first damaged line on (a torn last one, most often)
 * it is cut off: what was vouched for there is done again. */
int journal_open(int dirfd, struct journal **ret, struct err *err);
void journal_close(struct journal *j);
DEFINE_CLEANUP(struct journal *, journal_close)

/* The last phase that was reached, and the "run" object (options and identities) that it was for; NULL when none. */
enum phase journal_phase(const struct journal *j);
const struct json *journal_run(const struct journal *j);
/* The extra data stored with a phase (inspection, change log, caps for "converted"), NULL none; borrowed. */
const struct json *journal_phase_data(const struct journal *j, enum phase phase);

/* Begins a run: forgets all before (truncates) and writes the run object (taken). */
int journal_begin(struct journal *j, struct json *run, struct err *err);
/* Durable when it returns. data (taken) may be NULL. */
int journal_reach(struct journal *j, enum phase phase, struct json *data, struct err *err);

/* Copied extents that were there when it was opened, in file order; the journal's. */
size_t journal_extents(const struct journal *j, const struct journal_extent **ret);
/* Whether any of them is of this disk. */
bool journal_has(const struct journal *j, unsigned disk);
/* Appends extents and syncs: durable when it returns. */
int journal_add_extents(struct journal *j, const struct journal_extent *e, size_t n, struct err *err);

const char *phase_name(enum phase p);

#endif
