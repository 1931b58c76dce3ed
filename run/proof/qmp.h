/* QMP: qemu's control protocol, one JSON object a line (docs/interop/qmp-spec of QEMU). */
#ifndef REHOST_RUN_PROOF_QMP_H
#define REHOST_RUN_PROOF_QMP_H

#include <stdbool.h>

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/json.h"

/* The longest answer is a dump of 32 KiB as text, about 150 KiB. */
enum { QMP_LINE_MAX = 1 << 20 };

struct qmp {
	int fd; /* connected socket, borrowed */
	struct buf in;
	/* what qemu told unasked */
	unsigned resets;
	bool shutdown, panicked;
	char write_error[80]; /* of a file that it writes to, the first: "No space left on device"; "" none */
	bool no_space;	      /* that it was: the guest stands still */
};

/* Greeting and capabilities. Each command waits a minute for its answer; qemu gone or silent is ERR_HOST. */
int qmp_open(struct qmp *q, int fd, struct err *err);
/* Runs a command; arguments (taken) may be NULL; ret (may be NULL) gets the whole answer, an object with "return",
 * which the caller frees. A command that qemu refuses is ERR_HOST with qemu's words. */
int qmp_run(struct qmp *q, const char *command, struct json *arguments, struct json **ret, struct err *err);
/* A command of the human monitor, whose answer is text. */
int qmp_human(struct qmp *q, const char *command, struct buf *answer, struct err *err);
/* Takes in events that have come, without waiting. */
int qmp_poll(struct qmp *q, struct err *err);
void qmp_done(struct qmp *q);

#endif
