/* The structure check of qcow2: what a small file could have it do without end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/bytes.h"
#include "formats/check.h"
#include "formats/qcow2_layout.h"
#include "tests/fuzz/memory_block.h"

enum {
	CLUSTER = 512,
	L1_ENTRIES = 65536,
	L1 = CLUSTER,
	L2 = L1 + L1_ENTRIES * 8,
	DATA = L2 + CLUSTER,
	REFTABLE = DATA + CLUSTER,
	SNAPSHOTS_AT = REFTABLE + CLUSTER,
	SNAPSHOTS = 2000,
	SNAPSHOT = 40,
	FILE_BYTES = SNAPSHOTS_AT + SNAPSHOTS * SNAPSHOT,
};

static void put_header(unsigned char *f)
{
	put_be32(f, QCOW2_MAGIC);
	put_be32(f + QCOW2_H_VERSION, 2);
	put_be32(f + QCOW2_H_CLUSTER_BITS, 9);
	put_be64(f + QCOW2_H_SIZE, (uint64_t)L1_ENTRIES * 64 * CLUSTER);
	put_be32(f + QCOW2_H_L1_SIZE, L1_ENTRIES);
	put_be64(f + QCOW2_H_L1_OFFSET, L1);
	put_be64(f + QCOW2_H_REFTABLE_OFFSET, REFTABLE);
	put_be32(f + QCOW2_H_REFTABLE_CLUSTERS, 1);
	put_be32(f + QCOW2_H_SNAPSHOTS, SNAPSHOTS);
	put_be64(f + QCOW2_H_SNAPSHOTS_OFFSET, SNAPSHOTS_AT);
}

/* Each of 2000 snapshots names one L1 table, each of its 65536 entries is `entry`. */
static unsigned char *make(uint64_t entry)
{
	unsigned char *f = calloc(1, FILE_BYTES);

	assert_non_null(f);
	put_header(f);
	for (unsigned i = 0; i < L1_ENTRIES; i++)
		put_be64(f + L1 + 8 * i, entry);
	for (unsigned i = 0; i < 64; i++)
		put_be64(f + L2 + 8 * i, DATA);
	for (unsigned i = 0; i < SNAPSHOTS; i++) {
		put_be64(f + SNAPSHOTS_AT + SNAPSHOT * i, L1);
		put_be32(f + SNAPSHOTS_AT + SNAPSHOT * i + 8, L1_ENTRIES);
	}
	return f;
}

static int check(unsigned char *f, uint64_t size, struct check *c, struct err *err)
{
	struct block *file = memory_block_new(f, size);
	const struct open_args args = {.file = file, .name = "x"};
	int ret = qcow2_check(&args, c, err);

	block_close(file);
	free(f);
	return ret;
}

static void snapshots_of_one_table_are_not_walked_without_end(void **state)
{
	static struct check c;
	struct err err = ERR_INIT;

	assert_int_equal(check(make(L2), FILE_BYTES, &c, &err), -1);
	assert_int_equal(err.code, ERR_UNSUPPORTED);
	assert_non_null(strstr(err.text, " steps, as when they name places over and over: not checked to the end"));
}

/* Holes buy no time: a long file is walked in parts, and the work of all of them counts. One pass alone is below the
 * limit. */
static void passes_over_a_sparse_file_share_one_limit(void **state)
{
	static struct check c;
	AUTO_FREE unsigned char *f = make(L2);
	struct block *file;
	const uint64_t part = (UINT64_C(16) << 20) * CLUSTER;
	struct err err = ERR_INIT;
	char path[] = "/var/tmp/rehost-test-check-XXXXXX";
	int fd = mkstemp(path);

	put_be32(f + QCOW2_H_SNAPSHOTS, 60);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(pwrite(fd, f, FILE_BYTES, 0), FILE_BYTES);
	assert_int_equal(ftruncate(fd, (off_t)(4 * part)), 0);
	assert_int_equal(file_block_open(fd, "x", &file, &err), 0);
	assert_int_equal(qcow2_check(&(struct open_args){.file = file, .name = "x"}, &c, &err), -1);
	block_close(file);
	assert_int_equal(err.code, ERR_UNSUPPORTED);
	assert_true(c.passes > 1 && c.passes < 4);
}

/* What the limit doesn't stop is checked to the end. */
static void snapshots_of_an_empty_table_are_walked(void **state)
{
	static struct check c;
	struct err err = ERR_INIT;

	assert_int_equal(check(make(0), FILE_BYTES, &c, &err), 0);
	assert_true(c.count[PROBLEM_REFCOUNT] > 0);
}

/* Sparse, it takes no room. */
static void a_file_of_too_many_clusters_is_not_checked(void **state)
{
	static struct check c;
	struct err err = ERR_INIT;

	assert_int_equal(check(make(0), UINT64_C(1) << 41, &c, &err), -1);
	assert_string_equal(err.text, "a file of 4294967296 clusters, up to 4294967295 are checked");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(snapshots_of_one_table_are_not_walked_without_end),
	    cmocka_unit_test(passes_over_a_sparse_file_share_one_limit),
	    cmocka_unit_test(snapshots_of_an_empty_table_are_walked),
	    cmocka_unit_test(a_file_of_too_many_clusters_is_not_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
