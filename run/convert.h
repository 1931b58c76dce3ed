/* The order of work: a source becomes a machine, the guest inside is inspected and changed, the machine is written.
 *
 * The same run serves inspect, check, plan and convert: they differ in how far it goes and in what is kept.
 */
#ifndef REHOST_RUN_CONVERT_H
#define REHOST_RUN_CONVERT_H

#include <stdbool.h>

#include "core/base/err.h"
#include "core/base/json.h"
#include "core/base/keys.h"
#include "run/io_client.h"
#include "run/maps.h"
#include "run/rules.h"
#include "sources/source.h"

enum run_depth {
	RUN_DEPTH_UNKNOWN = 0,
	RUN_INSPECT, /* facts about the guest, nothing written */
	RUN_PLAN,    /* the whole conversion into a delta that is thrown away */
	RUN_CONVERT, /* and the copy, the output and the publishing */
};

/* What a user sees go by. All may be NULL; called from one thread at a time. */
struct run_events {
	void (*phase)(const char *what, void *opaque); /* "inspecting the guest" */
	void (*bytes)(uint64_t done, uint64_t total, void *opaque);
	/* The partial folder exists from here on: its path, for a message when the run is interrupted. */
	void (*partial)(const char *path, void *opaque);
	void *opaque;
};

/* In the output folder: the originals that --undo-log keeps. */
#define UNDO_FOLDER "undo"

struct run_options {
	enum run_depth depth;
	const char *const *inputs;
	size_t ninputs;
	struct source_options source;
	struct image_rules rules; /* for the disks */
	struct net_maps maps;
	const char *output;	  /* -o: NULL "local" */
	const char *output_dir;	  /* -os */
	const char *published_in; /* --published-in: absolute; what is written names this folder instead; NULL -os */
	const char *name;	  /* -on; NULL: the machine's own */
	const char *disk_format;  /* -of: NULL "qcow2" */
	const char *codec;	  /* --compress: NULL, "zlib", "zstd" */
	const char *root;	  /* --root */
	const char *undo_from;	  /* rehost undo: the originals in this folder are put back instead of a conversion */
	uint16_t undo_heads; /* with undo_from: of an NT 5 system's boot sector before the conversion; 0: unchanged */
	const struct json *hardware; /* with undo_from: the source machine as its report tells; NULL not known */
	const char *agent;	     /* --agent: folder of packages; NULL none */
	const char *virtio_win;	     /* --virtio-win: drivers for Windows; NULL: where they are installed */
	const char *block_driver;    /* --block-driver: "virtio-blk", "virtio-scsi"; NULL: the first */
	const struct keys *keys;     /* --key; borrowed; NULL none */
	bool trim_encrypted;
	bool discard_hibernation; /* of Windows */
	bool rebuild_initramfs;	  /* by the guest's own generator, in the appliance */
	bool no_convert, no_trim, keep_tools, undo_log, force, restart, performance;
	enum read_error_policy on_read_error;
	unsigned threads;
	struct run_events events;
};

/* The result as one object (docs/report.schema.json), in ret also when the run failed after the guest was inspected
 * (*ret is NULL when there is nothing to tell). Codes of err are the exit statuses of docs. */
int run_machine(const struct run_options *options, struct json **ret, struct err *err);

#endif
