/* The binary module indexes (modules.dep.bin, modules.alias.bin …): a prefix tree of keys with their values.
 *
 * Layout, all numbers big-endian: magic 0xb007f457, version 0x00020001, position of the root. A position's upper four
 * bits tell what stands there: a prefix ending in NUL, children (first and last character, a position for each), values
 * (count, then priority and text ending in NUL for each). Positions count from the file's start; 0 is no child.
 */
#ifndef REHOST_GUEST_FILES_KMOD_INDEX_H
#define REHOST_GUEST_FILES_KMOD_INDEX_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/err.h"

struct kmod_entry {
	const char *key, *value;
	uint32_t priority; /* values of one key are in this order */
};

/* Appends the index of n entries, which get sorted, to out. Equal input gives the bytes that depmod(8) writes. */
int kmod_index_write(struct kmod_entry *entries, size_t n, struct buf *out, struct err *err);

/* Calls fn for each entry, in order of keys; -1 stops. Damage is ERR_CORRUPT with the offset. */
typedef int kmod_index_fn(const struct kmod_entry *e, void *opaque, struct err *err);
int kmod_index_each(const void *data, size_t len, kmod_index_fn *fn, void *opaque, struct err *err);

#endif
