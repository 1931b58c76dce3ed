/* What the samples of a disk notice, and what they don't. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/bytes.h"
#include "core/base/checked.h"
#include "formats/sample.h"

#define SIZE  (UINT64_C(1) << 40)
#define START (17 * MIB) /* of the partition: far from what is sampled evenly */

enum { PIECES = 8 };

/* A disk of zeros with a few pieces of data, which counts what is read of it. */
struct disk {
	struct block b;
	struct piece {
		uint64_t off;
		const void *data;
		size_t len;
	} pieces[PIECES];
	size_t n;
	uint64_t read;
	enum err_code fails; /* reads of the first sector do so */
};

static int disk_pread(struct block *b, void *buf, size_t len, uint64_t off, struct err *err)
{
	struct disk *d = (struct disk *)b;

	assert_true(off <= b->size && len <= b->size - off);
	if (d->fails && !off)
		return err_set(err, d->fails, "the first sector can't be read");
	memset(buf, 0, len);
	d->read += len;
	for (size_t i = 0; i < d->n; i++) {
		const struct piece *p = &d->pieces[i];
		uint64_t from = max_u64(off, p->off), to = min_u64(off + len, p->off + p->len);

		if (from < to)
			memcpy((char *)buf + (from - off), (const char *)p->data + (from - p->off), to - from);
	}
	return 0;
}

static const struct block_ops disk_ops = {.name = "disk", .pread = disk_pread};

static void put(struct disk *d, uint64_t off, const void *data, size_t len)
{
	assert_true(d->n < PIECES);
	d->pieces[d->n++] = (struct piece){off, data, len};
}

/* An MBR with one partition. */
static void make_disk(struct disk *d, unsigned char mbr[512])
{
	*d = (struct disk){0};
	block_init(&d->b, &disk_ops, "disk", SIZE);
	memset(mbr, 0, 512);
	mbr[446 + 4] = 0x83;
	put_le32(mbr + 446 + 8, START / 512);
	put_le32(mbr + 446 + 12, (64 * GIB) / 512);
	put_le16(mbr + 510, 0xaa55);
	put(d, 0, mbr, 512);
}

static uint64_t hash_of(struct disk *d)
{
	uint64_t ret = 0;

	d->read = 0;
	assert_int_equal(sample_block(&d->b, &ret, NULL), 0);
	assert_true(d->read <= 64 * MIB);
	return ret;
}

/* Whether another byte there is noticed. */
static bool notices(const struct disk *d, uint64_t off)
{
	struct disk changed = *d, before = *d;

	put(&changed, off, "\x01", 1);
	return hash_of(&changed) != hash_of(&before);
}

static void test_superblocks(void **state)
{
	unsigned char mbr[512];
	struct disk d;

	(void)state;
	make_disk(&d, mbr);
	assert_true(hash_of(&d) == hash_of(&d));
	assert_true(notices(&d, START + 1024 + 0x2c));	 /* ext4: when it was mounted */
	assert_true(notices(&d, START + 64 * KIB + 72)); /* btrfs: the generation */
	assert_true(notices(&d, START));		 /* XFS */
	assert_true(notices(&d, MIB - 1));
	assert_true(notices(&d, SIZE - MIB));
	assert_false(notices(&d, START + 200 * KIB)); /* data alone */
	assert_false(notices(&d, START + 4 * GIB + 1024));
}

static void test_without_table(void **state)
{
	unsigned char mbr[512];
	struct disk d;

	(void)state;
	make_disk(&d, mbr);
	mbr[510] = 0;
	assert_true(notices(&d, 1024 + 0x2c));
	assert_false(notices(&d, START + 1024 + 0x2c));
}

static void test_ntfs(void **state)
{
	unsigned char mbr[512], boot[512] = {0};
	struct disk d;

	(void)state;
	make_disk(&d, mbr);
	assert_false(notices(&d, START + 3 * GIB + 3 * KIB));
	memcpy(boot + 3, "NTFS    ", 8);
	put_le16(boot + 11, 512);
	boot[13] = 8;
	put_le64(boot + 48, 3 * GIB / 4096);
	put(&d, START, boot, sizeof boot);
	assert_true(notices(&d, START + 3 * GIB + 3 * KIB)); /* $Volume */
	put_le64(boot + 48, UINT64_MAX / 4096);		     /* an MFT behind the disk's end */
	assert_false(notices(&d, START + 3 * GIB + 3 * KIB));
}

static void test_lvm(void **state)
{
	static const char text[] = "vg {\nextent_size = 8192\nphysical_volumes {\npv0 {\npe_start = 2048\n}\n}\n"
				   "segment1 {\nstripes = [\n\"pv0\", 1000\n]\n}\n"
				   "segment1 {\nstripes = [\n\"pv0\", 99999999999999,\n\"pv1\", 2000\n]\n}\n}\n";
	const uint64_t first = START + MIB + 1000 * 4 * MIB, second = START + MIB + 2000 * 4 * MIB;
	unsigned char mbr[512];
	struct disk d;

	(void)state;
	make_disk(&d, mbr);
	put(&d, START + 20 * KIB, text, sizeof text);
	assert_false(notices(&d, first + 1024 + 0x2c)); /* no label: no physical volume */
	put(&d, START + 512, "LABELONE", 8);
	assert_true(notices(&d, first + 1024 + 0x2c));
	assert_true(notices(&d, second + 1024 + 0x2c));
	assert_false(notices(&d, second + 4 * MIB));
}

/* Metadata that names more segments than are looked at. */
static void test_bounded(void **state)
{
	static char text[900 << 10];
	size_t len = (size_t)snprintf(text, sizeof text, "extent_size = 1\npe_start = 2048\nstripes = [");
	unsigned char mbr[512];
	struct disk d;

	(void)state;
	while (len < sizeof text - 64)
		len += (size_t)snprintf(text + len, 64, "\"pv0\", %zu\n", len);
	make_disk(&d, mbr);
	put(&d, START + 512, "LABELONE", 8);
	put(&d, START + 20 * KIB, text, len);
	hash_of(&d);
	assert_true(d.read >= 32 * MIB);
}

static void test_small(void **state)
{
	unsigned char mbr[512];
	struct disk d;

	(void)state;
	make_disk(&d, mbr);
	d.b.size = 3 * MIB + 512;
	assert_true(notices(&d, d.b.size - 1));
	for (d.b.size = 512; d.b.size <= 2 * MIB; d.b.size *= 2) {
		assert_true(notices(&d, d.b.size - 1));
		assert_true(notices(&d, d.b.size / 2));
	}
}

/* A bad sector is a property of the disk; a network that is lost is not. */
static void test_unreadable(void **state)
{
	unsigned char mbr[512];
	struct err err = ERR_INIT;
	uint64_t hash = 0, bad = 0;
	struct disk d;

	(void)state;
	make_disk(&d, mbr);
	hash = hash_of(&d);
	d.fails = ERR_UNREADABLE;
	assert_int_equal(sample_block(&d.b, &bad, &err), 0);
	assert_int_not_equal(bad, hash);
	d.fails = ERR_TEMPFAIL;
	assert_int_equal(sample_block(&d.b, &bad, &err), -1);
	assert_int_equal(err.code, ERR_TEMPFAIL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_superblocks), cmocka_unit_test(test_without_table), cmocka_unit_test(test_ntfs),
	    cmocka_unit_test(test_lvm),		cmocka_unit_test(test_bounded),	      cmocka_unit_test(test_small),
	    cmocka_unit_test(test_unreadable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
