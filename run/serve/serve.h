/* The conversion host: machines dial in, show their token, and are converted, each by a process of its own. */
#ifndef REHOST_RUN_SERVE_SERVE_H
#define REHOST_RUN_SERVE_SERVE_H

#include <stdint.h>

#include "core/base/err.h"
#include "core/base/json.h"
#include "core/base/keys.h"

struct serve_options {
	const char *listen;		 /* address to listen on; NULL: all, DIAL_PORT */
	const char *output_dir;		 /* where results appear; SERVE_FOLDER in it keeps tokens and machines */
	unsigned uses;			 /* machines that a new token is for; 0: 1 */
	unsigned expire_hours;		 /* of a new token; 0: 24 */
	unsigned jobs;			 /* conversions at once; 0: 2 */
	uint64_t memory;		 /* bytes that must be available before another one is begun; 0: 2 GiB */
	uint64_t bwlimit;		 /* bytes a second of all machines together; 0: none */
	unsigned patience;		 /* seconds that a conversion waits for a machine to dial again; 0: 1800 */
	const char *const *convert_args; /* for `rehost convert`, NULL-terminated */
	const struct keys *keys;	 /* for encrypted volumes of the machines; borrowed; NULL: none */
	/* Told of the token for the next machine, and where to: once it listens, and whenever there is a new one. */
	void (*ready)(const char *words, unsigned uses, uint64_t expires, const char *address, void *opaque);
	void *opaque;
};

/* Serves until it is killed; returns only with an error. Call from the main thread. */
int serve_run(const struct serve_options *options, struct err *err);

/* The machines that a host keeps in output_dir, an array of objects (docs/p2v.md); empty where no host ever was. */
int serve_machines(const char *output_dir, struct json **ret, struct err *err);

#endif
