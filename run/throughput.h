/* Bytes over time, in a bounded number of steps that grow as time passes. */
#ifndef REHOST_RUN_THROUGHPUT_H
#define REHOST_RUN_THROUGHPUT_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/json.h"

enum { THROUGHPUT_STEPS = 300 /* a plot has no room for more; a step of a whole day's copy is 5 minutes */ };

struct throughput {
	uint64_t bytes[THROUGHPUT_STEPS]; /* of each step */
	size_t n;			  /* steps begun */
	double interval;		  /* seconds a step; 0 before the first */
	uint64_t done;			  /* last told */
};

/* `done` bytes in all were done `at` seconds after the beginning. Zeroed memory is the beginning. */
void throughput_add(struct throughput *t, double at, uint64_t done);

/* "interval" and "bytes" (docs/report.schema.json); NULL when nothing was told. */
struct json *throughput_json(const struct throughput *t);

#endif
