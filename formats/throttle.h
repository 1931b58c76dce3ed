/* A limit on how fast sources are read: all files opened with one throttle share its rate. */
#ifndef REHOST_FORMATS_THROTTLE_H
#define REHOST_FORMATS_THROTTLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/cleanup.h"
#include "formats/block.h"

struct throttle;

/* rate: bytes a second, not 0. The caller and each block over a file hold it; it goes with the last. */
int throttle_new(uint64_t rate, struct throttle **ret, struct err *err);
struct throttle *throttle_hold(struct throttle *t);
void throttle_drop(struct throttle *t); /* NULL is fine */
DEFINE_CLEANUP(struct throttle *, throttle_drop)

/* Returns when n bytes may be read. Thread-safe. */
void throttle_wait(struct throttle *t, uint64_t n);
/* The same, but returns early when *stop becomes true: who sets it calls throttle_wake(). */
void throttle_wait_until(struct throttle *t, uint64_t n, const atomic_bool *stop);
void throttle_wake(struct throttle *t);

/* A file whose reads wait for their share; owns it on success. Its bytes have no place that the kernel could copy from.
 */
int throttle_open(struct block *file, struct throttle *t, struct block **ret, struct err *err);

#endif
