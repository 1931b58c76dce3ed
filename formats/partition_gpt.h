/* GPT reader behind partition_table_read(). */
#ifndef REHOST_FORMATS_PARTITION_GPT_H
#define REHOST_FORMATS_PARTITION_GPT_H

#include "formats/partition.h"

/* Reads the GPT of a disk whose MBR announces one: t->sector is tried first, then 512 and 4096. Fills t. */
int gpt_read(struct block *b, struct partition_table *t, struct err *err);

/* Room for one more partition: zeroed, NULL when memory is out. */
struct partition *partition_add(struct partition_table *t);

/* Sets start and length, cut at the end of the disk, from sectors of the table. */
int partition_place(struct block *b, const struct partition_table *t, struct partition *p, uint64_t first,
		    uint64_t sectors, struct err *err);

#endif
