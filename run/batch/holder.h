/* Who holds a claim of a batch job: a process of some host, told so that nobody takes another one for it. */
#ifndef REHOST_RUN_BATCH_HOLDER_H
#define REHOST_RUN_BATCH_HOLDER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/base/err.h"
#include "core/base/json.h"
#include "core/base/uuid.h"

enum {
	HOLDER_HOST_TEXT = 256,	  /* HOST_NAME_MAX and room */
	HOLDER_ENGINE_TEXT = 128, /* "slurm:4711_12" */
	HOLDER_FILE_MAX = 4096,	  /* bytes of the JSON text */
};

struct holder {
	char host[HOLDER_HOST_TEXT];
	char boot_id[UUID_TEXT]; /* of that host's running kernel */
	uint64_t pid_namespace;	 /* inode; containers of one kernel number their processes each for itself */
	pid_t pid;
	uint64_t start; /* of the process, in clock ticks since boot: a later one of the same pid has another */
	char engine[HOLDER_ENGINE_TEXT];
	unsigned attempt;
};

/* This process; engine and attempt are left empty. */
void holder_self(struct holder *ret);

struct json *holder_json(const struct holder *h);
/* ERR_CORRUPT when a field is missing or of another type. */
int holder_from_json(const struct json *j, struct holder *ret, struct err *err);
/* name beneath dirfd, replaced and synced. */
int holder_write(int fd, const struct holder *h, struct err *err);
int holder_read(int dirfd, const char *name, struct holder *ret, struct err *err);

bool holder_is_here(const struct holder *h); /* of this host or container, since its last boot */
bool holder_runs(const struct holder *h);    /* and the process is still that one */
/* Sends the signal to exactly that process of this host; false when it no longer runs. */
bool holder_signal(const struct holder *h, int signal_number);

/* What the batch engine that started this process calls the unit ("slurm:4711_12", "parallel:7"); "" none. */
void holder_engine(char ret[HOLDER_ENGINE_TEXT]);

#endif
