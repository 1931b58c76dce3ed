/* Tables of a directory (qcow2's L1, QED's, qcow's): each is named once. */
#ifndef REHOST_FORMATS_TABLES_ONCE_H
#define REHOST_FORMATS_TABLES_ONCE_H

#include <stdint.h>

#include "core/base/err.h"

/* tables: n offsets in the file, bytes; 0: none. A table that two entries name is ERR_CORRUPT: it would be data of two
 * places of the disk, which no program writes, and a few kilobytes could stand for more runs than can be looked at. */
int tables_once(const uint64_t *tables, uint64_t n, const char *what, struct err *err);

#endif
