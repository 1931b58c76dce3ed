/* One disk in the io process: the image where the source has it, the graft over it, its place in the partial folder. */
#ifndef REHOST_RUN_IO_DISK_H
#define REHOST_RUN_IO_DISK_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/base/json.h"
#include "formats/open.h"
#include "net/nbd_server.h"
#include "run/identity.h"

enum { IO_LANES = 4 /* to a live machine's disk: reads that are on their way at once */ };

/* What the control process says of a disk (docs/journal.md); strings belong to the message. */
struct io_disk_spec {
	unsigned index;
	int folder_fd;
	const char *folder, *file; /* folder only for messages */
	uint64_t window_off, window_len;
	int lanes[IO_LANES];	 /* connections to an NBD server that has the disk; -1: none */
	bool packed;		 /* with gzip, xz or zstd */
	const char *format;	 /* NULL: by bid */
	uint64_t capacity;	 /* bytes by the metadata, 0 unknown */
	uint32_t logical_sector; /* 0: as the image says */
	int listen_fd;
	int delta_fd, spool_fd;		    /* unlinked files; -1: in the partial folder */
	const struct open_options *options; /* what the user allows it */
};

/* An open disk; zeroed, with index set, is closed. */
struct io_disk_state {
	unsigned index;
	struct block *source, *graft;
	struct nbd_server *server;
	struct identity identity;
	struct err identity_err;
	bool live; /* another machine has the source, and may change it behind our back */
	int listen_fd;
};

/* False when the message is not one of ours. */
bool io_disk_parse(const struct json *message, unsigned index, struct io_disk_spec *ret);

/* ERR_VERIFY when a live source's samples are no longer what they were when it was opened. */
int io_disk_unchanged(const struct io_disk_state *d, struct err *err);

/* Where a disk's working files are, if they are kept. */
struct io_place {
	int partial_fd; /* -1: nothing is kept */
	bool thaw;	/* delta and map are there, from io_disk_freeze() of an earlier run */
	/* bytes of a spooled source read so far */
	void (*tick)(uint64_t done, uint64_t total, void *opaque);
	void *opaque;
};

/* Opens image and graft. On failure close the state all the same. Errors name the disk. */
int io_disk_open(struct io_disk_state *d, const struct io_disk_spec *spec, const struct io_place *place,
		 struct err *err);
/* Freezes the graft: delta-N and map-N in the partial folder are complete and synced. */
int io_disk_freeze(struct io_disk_state *d, const struct io_place *place, struct err *err);
void io_disk_close(struct io_disk_state *d);

#endif
