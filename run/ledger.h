/* What was copied of a machine's disk, to be compared with what the machine says of it when the copy is done. */
#ifndef REHOST_RUN_LEDGER_H
#define REHOST_RUN_LEDGER_H

#include "formats/block.h"
#include "formats/ledger.h"

struct copy_ledger;

/* For a frozen graft over the machine's disk; both are borrowed. Takes 8 bytes for each 2 MiB of the disk. NULL: out of
 * memory. */
struct copy_ledger *copy_ledger_new(struct block *graft, struct block *disk);
void copy_ledger_free(struct copy_ledger *l); /* NULL is fine */
DEFINE_CLEANUP(struct copy_ledger *, copy_ledger_free)

/* The sum of those blocks of the chunk in buf (len bytes at off) that are the machine's own: neither changed by the
 * conversion nor discarded. 0: none are. */
uint64_t copy_ledger_sum(struct copy_ledger *l, const char *buf, size_t len, uint64_t off);
/* The chunk at off is in the copy, with this sum; 0: there is none to compare. Different chunks from several threads.
 */
void copy_ledger_put(struct copy_ledger *l, uint64_t off, uint64_t sum);

/* Compares all that was put with the machine's ledger. A chunk that differs is read anew by the machine: when it is
 * what the copy has, that is a warning (the disk gave two answers), else ERR_VERIFY. *ret_bytes: of blocks that agree.
 * A machine without a ledger: 0 bytes, no error. */
int copy_ledger_compare(struct copy_ledger *l, uint64_t *ret_bytes, struct err *err);

#endif
