/* Tests of run/ledger.c: a copy of a machine's disk is compared with the machine's ledger, also when it was resumed. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "run/copy.h"
#include "run/graft.h"
#include "tests/unit/support/machine_block.h"
#include "tests/unit/support/test_folder.h"

enum { SIZE = 9 << 20 }; /* four chunks and a half */

struct fixture {
	struct test_folder dir;
	struct machine_block *machine;
	struct block *graft;
	struct mem_block *target;
	struct copy_job job;
	struct copy_result result;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	int delta = memfd_create("delta", MFD_CLOEXEC);

	if (test_folder_make(&f->dir) < 0)
		return -1;
	f->machine = machine_block_new(SIZE);
	mem_fill(f->machine->disk, 0, SIZE, 4);
	f->target = mem_new(SIZE);
	assert_int_equal(graft_open(&f->machine->b, delta, &f->graft, NULL), 0);
	/* the guest changes 8 KiB and discards a MiB */
	assert_int_equal(block_pwrite(f->graft, f->dir.path, sizeof f->dir.path, 12345, NULL), 0);
	assert_int_equal(block_pwrite(f->graft, f->dir.path, sizeof f->dir.path, 3 * MIB, NULL), 0);
	assert_int_equal(graft_trim(f->graft, 6 * MIB, MIB, NULL), 0);
	f->job = (struct copy_job){.source = f->graft, .target = &f->target->b, .threads = 2, .writeback_fd = -1};
	f->job.ledger = copy_ledger_new(f->graft, &f->machine->b);
	assert_int_equal(journal_open(f->dir.fd, &f->job.journal, NULL), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	copy_result_done(&f->result);
	copy_ledger_free(f->job.ledger);
	journal_close(f->job.journal);
	block_close(f->graft);
	block_close(&f->machine->b);
	block_close(&f->target->b);
	test_folder_remove(&f->dir);
	free(f);
	return 0;
}

/* All but what the guest changed; the two chunks of which the graft read more than was copied are read once more. */
static void test_agrees(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(copy_run(&f->job, &f->result, NULL), 0);
	assert_int_equal(f->result.compared, SIZE - MIB - 8192);
	assert_int_equal(f->machine->recalled, 3);
	assert_int_equal(f->machine->read, 2);
}

/* What was copied by an earlier run, from a machine that has booted since: its ledger knows no more than the samples.
 */
static void test_resumed(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;

	f->job.threads = 1;
	f->target->full_from = 7 * MIB;
	assert_int_equal(copy_run(&f->job, &f->result, &err), -1);
	f->target->full_from = 0;
	ledger_free(f->machine->ledger);
	f->machine->ledger = ledger_new(SIZE);
	copy_ledger_free(f->job.ledger);
	f->job.ledger = copy_ledger_new(f->graft, &f->machine->b);
	journal_close(f->job.journal);
	assert_int_equal(journal_open(f->dir.fd, &f->job.journal, NULL), 0);
	assert_int_equal(copy_run(&f->job, &f->result, NULL), 0);
	assert_true(f->result.reused >= 4 * MIB);
	assert_int_equal(f->result.compared, SIZE - MIB - 8192);
	assert_int_equal(f->machine->read + f->machine->recalled, 5);
}

/* A bit that changed on its way into the copy: the disk still has what its ledger says. */
static void test_differs(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *buf = malloc(LEDGER_CHUNK);
	uint64_t bytes;
	struct err err = ERR_INIT;

	assert_int_equal(copy_run(&f->job, &f->result, NULL), 0);
	memcpy(buf, f->machine->disk->data + 2 * LEDGER_CHUNK, LEDGER_CHUNK);
	buf[777] ^= 4;
	f->machine->read = 0;
	copy_ledger_put(f->job.ledger, 2 * LEDGER_CHUNK,
			copy_ledger_sum(f->job.ledger, buf, LEDGER_CHUNK, 2 * LEDGER_CHUNK));
	assert_int_equal(copy_ledger_compare(f->job.ledger, &bytes, &err), -1);
	assert_int_equal(err.code, ERR_VERIFY);
	assert_non_null(strstr(err.text, "the copy of the 2 MiB at 0x400000 has sum "));
	assert_int_equal(f->machine->read, 3); /* it was asked once more, and read its disk */
}

/* The machine's first read went wrong, not the copy: once more, and they agree. */
static void test_agrees_anew(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *buf = malloc(LEDGER_CHUNK);
	struct ledger_entry e = {.off = 2 * LEDGER_CHUNK};

	f->machine->disk->data[2 * LEDGER_CHUNK] ^= 1;
	assert_int_equal(block_pread(&f->machine->b, buf, LEDGER_CHUNK, 2 * LEDGER_CHUNK, NULL), 0);
	f->machine->disk->data[2 * LEDGER_CHUNK] ^= 1;
	assert_int_equal(copy_run(&f->job, &f->result, NULL), 0);
	memset(e.blocks, 255, sizeof e.blocks);
	assert_true(ledger_recall(f->machine->ledger, &e));
	assert_int_equal(f->result.compared, SIZE - MIB - 8192);
	assert_int_equal(f->machine->read, 3);
}

/* Sectors that go bad after they were copied, on a machine that has to read its disk again: the rest is compared. */
static void test_unreadable(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;
	uint64_t bytes;

	assert_int_equal(copy_run(&f->job, &f->result, NULL), 0);
	ledger_free(f->machine->ledger);
	f->machine->ledger = ledger_new(SIZE);
	f->machine->disk->bad_off = 2 * LEDGER_CHUNK + 4096;
	f->machine->disk->bad_len = 512;
	f->machine->disk->bad_times = -1;
	assert_int_equal(copy_ledger_compare(f->job.ledger, &bytes, &err), 0);
	assert_int_equal(bytes, SIZE - MIB - 8192 - LEDGER_CHUNK);
	copy_ledger_put(f->job.ledger, 3 * LEDGER_CHUNK, 77); /* what differs is an error as ever */
	assert_int_equal(copy_ledger_compare(f->job.ledger, &bytes, &err), -1);
	assert_int_equal(err.code, ERR_VERIFY);
	f->machine->disk->bad_code = ERR_TEMPFAIL; /* a lost connection is none of the disk's */
	assert_int_equal(copy_ledger_compare(f->job.ledger, &bytes, &err), -1);
	assert_int_equal(err.code, ERR_TEMPFAIL);
}

static void test_no_ledger(void **state)
{
	struct fixture *f = *state;

	f->machine->no_ledger = true;
	assert_int_equal(copy_run(&f->job, &f->result, NULL), 0);
	assert_int_equal(f->result.compared, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_agrees),	    TEST(test_resumed),	   TEST(test_differs),
	    TEST(test_agrees_anew), TEST(test_unreadable), TEST(test_no_ledger),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
