/* Transaction logs of a registry hive: what Windows would do with them at its next start (M. Suhanov, "Windows registry
 * file format specification", "Format of transaction log files"). */
#ifndef REHOST_GUEST_HIVE_LOG_H
#define REHOST_GUEST_HIVE_LOG_H

#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/err.h"

enum hive_log_kind {
	HIVE_LOG_UNKNOWN = 0,
	HIVE_LOG_EMPTY, /* nothing in it, or no log */
	HIVE_LOG_OLD,	/* until Windows 8: dirty pages */
	HIVE_LOG_NEW,	/* from Windows 8.1 on: log entries */
};

struct hive_log {
	const char *name; /* for messages: "/Windows/System32/config/SYSTEM.LOG1" */
	const uint8_t *data;
	size_t len;
};

enum hive_log_kind hive_log_kind(const struct hive_log *l);

/* Applies to the hive in memory, whose last write was not finished, the entries of its logs in the new format that
 * follow on it, and marks it clean; the hive may grow up to its max. A base block whose checksum is wrong is taken from
 * a log first. Returns how many entries that were; ERR_BLOCKED when there is none: then the hive is as it was. Entries
 * with a wrong hash, and all behind them, are left out, as Windows does. */
int hive_log_replay(struct buf *hive, const struct hive_log *logs, size_t n, unsigned *ret, struct err *err);

/* The hash of log entries, "Hash-1" and "Hash-2": Marvin32. */
uint64_t marvin32(uint64_t seed, const void *data, size_t len);
#define HIVE_LOG_SEED UINT64_C(0xc5554e7a884def82)

#endif
