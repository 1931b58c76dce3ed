/* The control side of `rehost io`: starts the process, hands it folders and sockets, asks for phases, hears progress.
 *
 * The io process opens and parses every image; this process never does. One socketpair carries a JSON line a message.
 */
#ifndef REHOST_RUN_IO_CLIENT_H
#define REHOST_RUN_IO_CLIENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/base/err.h"
#include "core/base/json.h"
#include "core/model/machine.h"
#include "run/copy.h"
#include "run/rules.h"

struct io_client;

struct io_progress {
	const char *phase;    /* "map", "copy", "compare" */
	unsigned disk;	      /* index */
	uint64_t done, total; /* bytes over all disks; total is allocated data, not virtual size */
};

struct io_options {
	const struct machine *machine; /* disks to open */
	struct image_rules rules;
	const char *
	    partial; /* path of the partial folder; NULL: nothing is kept (inspect, check): deltas are unlinked files */
	const char *result;    /* folder of a result that io_compare() compares with; NULL none */
	bool resume_converted; /* deltas and maps of the partial folder are thawed instead of made */
	enum read_error_policy on_read_error;
	unsigned threads; /* 0: one a core */
	void (*progress)(const struct io_progress *p, void *opaque);
	void *opaque;
};

/* What the io process found when it opened disk i. Strings are the client's. */
struct io_disk {
	uint64_t size;	    /* virtual bytes */
	uint64_t allocated; /* bytes of EXTENT_DATA in the source */
	uint64_t to_copy;   /* bytes of EXTENT_DATA in the graft; known after io_freeze(), else 0 */
	uint32_t logical_sector;
	bool uefi;	      /* its partition table is one that UEFI boots from, and no BIOS */
	bool esp;	      /* it has an EFI system partition */
	bool boot_code;	      /* its first sector has a program for a BIOS */
	const char *format;   /* "vmdk" */
	const char *identity; /* size+mtime+sampled hash, for the journal */
	const char *socket;   /* NBD socket of the graft after io_serve() */
};

/* Starts the process and opens the disks (phase "mapped"). On failure the error is the reader's own. */
int io_start(const struct io_options *options, struct io_client **ret, struct err *err);
const struct io_disk *io_disk(const struct io_client *io, unsigned i);

/* NBD servers over the grafts; sockets live in a short runtime folder that disappears with the client. */
int io_serve(struct io_client *io, bool readonly, struct err *err);
/* Stops the servers, freezes the grafts durably (phase "converted"). */
int io_freeze(struct io_client *io, struct err *err);

struct io_target {
	const char *format;    /* "qcow2", "raw", "null" */
	const char *file;      /* name in the partial folder: "NAME-sda.qcow2" */
	const char *codec;     /* NULL, "zlib", "zstd" */
	uint32_t cluster_size; /* 0 default */
};

struct io_read_error {
	unsigned disk;
	uint64_t off, len;
};

struct io_copy_result {
	uint64_t bytes_read, bytes_written; /* guest bytes from the graft; bytes in the target files */
	uint64_t source_read;		    /* bytes of guest data asked of the sources since io_start */
	uint64_t reused;		    /* guest bytes that the journal vouched for */
	uint64_t compared;		    /* guest bytes that the machines' ledgers confirmed */
	struct io_read_error *read_errors;  /* the client's; with READ_ERROR_ZERO */
	size_t nread_errors;
};

/* Copies every disk to its target (one each, machine order); journal.ndjson vouches for extents as they become durable,
 * and what it vouches for already is not copied again. */
int io_copy(struct io_client *io, const struct io_target *targets, struct io_copy_result *ret, struct err *err);

/* Compares the disks with those of io_options.result, where the conversion didn't write: compare_disks() of
 * run/verify/compare.h has the answer's keys. */
int io_compare(struct io_client *io, struct json **ret, struct err *err);

/* A number that changes whenever the process works: how often its threads were put on a processor, summed up. For any
 * thread. */
uint64_t io_activity(const struct io_client *io);

/* The process's id, 0 when it ended: for tests that kill it. */
pid_t io_pid(const struct io_client *io);

/* Ends the process. NULL is fine. */
void io_stop(struct io_client *io);
DEFINE_CLEANUP(struct io_client *, io_stop)

/* main() of the `rehost io` process (hidden command): never returns to the command line. */
int io_main(int argc, char **argv);

#endif
