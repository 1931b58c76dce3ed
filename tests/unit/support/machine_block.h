/* A machine's disk in memory that keeps a ledger of what was read, as net/dial.c's. */
#ifndef REHOST_TESTS_MACHINE_BLOCK_H
#define REHOST_TESTS_MACHINE_BLOCK_H

#include "formats/ledger.h"
#include "tests/unit/support/mem_block.h"

struct machine_block {
	struct block b;
	struct mem_block *disk;
	struct ledger *ledger;
	_Atomic unsigned recalled, read; /* chunks that were asked for: how they were answered */
	bool no_ledger;
};

static inline int machine_pread(struct block *b, void *buf, size_t len, uint64_t off, struct err *err)
{
	struct machine_block *m = (struct machine_block *)b;

	if (block_pread(&m->disk->b, buf, len, off, err) < 0)
		return -1;
	ledger_note(m->ledger, buf, len, off);
	return 0;
}

static inline int machine_extent(struct block *b, uint64_t off, uint64_t max, struct extent *ret, struct err *err)
{
	return block_extent(&((struct machine_block *)b)->disk->b, off, max, ret, err);
}

static inline int machine_sums(struct block *b, struct ledger_entry *e, size_t n, bool anew, struct err *err)
{
	struct machine_block *m = (struct machine_block *)b;

	if (m->no_ledger)
		return err_set(err, ERR_UNSUPPORTED, "none");
	for (size_t i = 0; i < n; i++) {
		bool known = !anew && ledger_recall(m->ledger, &e[i]);

		if (!known && ledger_read(&e[i], &m->disk->b, err) < 0)
			return -1;
		known ? m->recalled++ : m->read++;
	}
	return 0;
}

static inline void machine_close(struct block *b)
{
	struct machine_block *m = (struct machine_block *)b;

	block_close(&m->disk->b);
	ledger_free(m->ledger);
	free(m);
}

static inline struct machine_block *machine_block_new(uint64_t size)
{
	static const struct block_ops ops = {.name = "machine",
					     .pread = machine_pread,
					     .extent = machine_extent,
					     .sums = machine_sums,
					     .close = machine_close};
	struct machine_block *m = calloc(1, sizeof *m);

	block_init(&m->b, &ops, "sda", size);
	m->disk = mem_new(size);
	m->ledger = ledger_new(size);
	return m;
}

#endif
