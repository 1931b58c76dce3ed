/* The seal of a result: seal.ndjson in its folder says what every published file must hold, which parts of the disks
 * the conversion wrote, and what all of the guest's content was (docs/verify.md).
 *
 * Made by run/verify/sealing.h. Reading it needs memory for one line and for the names in it, not for its leaves.
 */
#ifndef REHOST_RUN_VERIFY_SEAL_H
#define REHOST_RUN_VERIFY_SEAL_H

#include <inttypes.h>

#include "core/base/arena.h"
#include "core/base/cleanup.h"
#include "core/base/err.h"
#include "core/base/hash.h"
#include "core/base/json.h"

#define SEAL_NAME   "seal.ndjson"
#define SEAL_SCHEMA "rehost-seal-1"
/* The last line as a whole: lines before it, XXH3-128 of them. */
#define SEAL_END "{\"end\":{\"lines\":%" PRIu64 ",\"xxh3\":\"%s\"}}\n"

enum {
	SEAL_LINE_MAX = 64 << 10, /* bytes; long lists take many lines */
	SEAL_FILES_MAX = 1 << 16, /* as FOLDER_FILES_MAX */
	SEAL_DISKS_MAX = 256,	  /* VMware's most is 4 controllers of 64 */
	SEAL_RUNS_MAX = 4 << 20,  /* of a disk's map, 64 MiB of memory; what lies behind isn't compared */
	SEAL_CHUNK = 2 << 20,	  /* guest bytes under one hash: the journal's */
	SEAL_SECTOR = 512,	  /* guest bytes that the map counts */
};
#define SEAL_BYTES_MAX (UINT64_C(4) << 30) /* 80 TiB of data */
#define SEAL_DISK_MAX  (UINT64_C(1) << 50) /* bytes; its hashes are 4 GiB */
#define SEAL_FILE_MAX  (UINT64_C(1) << 51) /* bytes: such a disk's, with all that its format adds; a chunk has 2 GiB */

struct seal_file {
	const char *name; /* beneath the folder */
	uint64_t size;	  /* bytes */
	unsigned char root[HASH128];
	uint64_t leaves_at; /* where its leaves' lines begin in the seal */
};

struct seal_disk {
	const char *file, *format; /* name in the folder, "qcow2" or "raw" */
	uint64_t size;		   /* bytes, as the guest sees it */
	const char *identity;	   /* of the source's files (run/identity.h) */
	uint64_t content_at;	   /* where its lines begin in the seal */
};

struct seal;

/* Reads and checks all of dirfd/seal.ndjson: its own hash, the order of its lines, its limits. Whatever is wrong with
 * it is ERR_CORRUPT and names the line; when there is none, ERR_UNREADABLE. */
int seal_open(int dirfd, struct seal **ret, struct err *err);
void seal_close(struct seal *s); /* NULL is fine */
DEFINE_CLEANUP(struct seal *, seal_close)

const char *seal_result(const struct seal *s);			       /* the result's name */
size_t seal_files(const struct seal *s, const struct seal_file **ret); /* sorted by name */
size_t seal_disks(const struct seal *s, const struct seal_disk **ret); /* in the machine's order */

/* {name, size, tree} of a file; of each in the seal, without reading them. */
struct json *seal_file_json(const char *name, uint64_t size, const unsigned char root[HASH128]);
struct json *seal_files_json(const struct seal *s);

/* The leaves of a file (run/verify/tree.h): n = its size in chunks. */
int seal_leaves(const struct seal *s, const struct seal_file *f, unsigned char (*leaves)[HASH128], size_t n,
		struct err *err);

/* ---- what a conversion did to a disk ---- */

enum seal_kind {
	SEAL_SOURCE = 0, /* the source's own bytes */
	SEAL_WRITTEN,	 /* by the conversion */
	SEAL_DISCARDED,	 /* zeros, whatever the source has there */
	SEAL_UNREAD,	 /* zeros, since the source could not be read */
	SEAL_UNKNOWN,	 /* there were more runs than SEAL_RUNS_MAX */
};

/* Bytes of the disk that aren't the source's. */
struct seal_run {
	uint64_t off;
	uint64_t len : 61;
	enum seal_kind kind : 3;
};

struct seal_content {
	struct seal_run *runs; /* sorted, without overlaps; between them is SEAL_SOURCE */
	size_t nruns;
	uint64_t *guest; /* XXH3-64 of each SEAL_CHUNK of the disk; 0: not known, there was no data */
	size_t nchunks;
};

/* ret needs seal_content_done() in any case. */
int seal_content(const struct seal *s, const struct seal_disk *d, struct seal_content *ret, struct err *err);
void seal_content_done(struct seal_content *c);
/* What the bytes at off are, and up to where (at most end) they are the same. */
enum seal_kind seal_kind_at(const struct seal_content *c, uint64_t off, uint64_t end, uint64_t *ret_end);

#endif
