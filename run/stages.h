/* The stages of one run_machine(), and what they share. Only run/convert.c and run/stage_*.c include it. */
#ifndef REHOST_RUN_STAGES_H
#define REHOST_RUN_STAGES_H

#include "core/model/caps.h"
#include "core/model/changelog.h"
#include "core/model/inspection.h"
#include "core/model/machine.h"
#include "run/convert.h"
#include "run/io_client.h"
#include "run/journal.h"
#include "run/manifest_check.h"
#include "run/partial.h"
#include "run/throughput.h"

/* Everything one run holds; run_done() lets go of it in the right order. */
struct run {
	const struct run_options *o;
	struct arena arena;
	struct machine *machine;
	struct partial *partial;
	struct journal *journal;
	struct io_client *io;
	struct manifest_check *manifest;
	struct inspection *inspection; /* NULL with --no-convert */
	struct changelog log;
	struct caps caps;
	enum firmware firmware;
	struct pkg_folder *agent;	  /* --agent; NULL none */
	struct driver_catalogue *drivers; /* for Windows: --virtio-win, or when the guest is known what is installed */
	const char *name;		  /* safe name of the result */
	bool resumed;			  /* the guest was converted by an earlier run */
	bool converted;			  /* by that or this one, durably */
	struct json *report;
	struct json *timings;		    /* belongs to report */
	struct throughput throughput;	    /* of the copy */
	const struct io_read_error *unread; /* all that could not be read, each disk's in order */
	size_t nunread;
	double phase_began; /* clock_seconds() */
	const char *phase;
};

/* Begins a phase of the report's timings and tells the user; ends the one before. */
void phase_begin(struct run *r, const char *id, const char *what);
void phase_end(struct run *r);
/* Seconds since it began. */
double phase_seconds(const struct run *r);

const char *run_disk_format(const struct run *r); /* "qcow2" */
const char *run_output_name(const struct run *r); /* "local" */

/* The machine's description. */
int stage_source(struct run *r, struct err *err);
/* The partial folder, the disks in the io process, and what an earlier run left; the manifest's digests begin. */
int stage_map(struct run *r, struct err *err);
/* Was it the fault of what is read, so that the next try will fail the same way? */
bool stage_input_failed(const struct err *err);

/* Starts the appliance on the grafts; frozen: they are read only. */
struct appliance;
int start_appliance(struct run *r, bool frozen, struct appliance **ret, struct err *err);
/* The appliance: inspection, trimming, conversion; the report's parts about the guest. */
int stage_guest(struct run *r, struct err *err);
/* --no-convert: hardware for a guest that isn't looked into. */
void stage_no_guest(struct run *r);

/* Copy, manifest, outputs, publishing. */
int stage_deliver(struct run *r, struct err *err);
/* Files of the guest with bytes in ranges that could not be read, into the report; what can't be told is noted there.
 */
void stage_lost(struct run *r, const struct io_copy_result *c, struct json *copy);
/* The result's seal, in two steps: hashes of what is complete, which the report gets; then of the report and the log,
 * and what was done to the disks. run/verify/sealing.h */
struct sealing;
struct output_disk;
int stage_seal_begin(struct run *r, struct sealing **ret, struct err *err);
int stage_seal_end(struct run *r, struct sealing *s, const struct output_disk *disks, struct err *err);
/* What stands in their place where nothing is written: the description that a conversion would write. */
int stage_plan(struct run *r, struct err *err);

#endif
