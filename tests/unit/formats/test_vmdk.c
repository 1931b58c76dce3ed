/* Reading VMDK: every layout of sparse and stream, descriptors with their extents, chains, real files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/checked.h"
#include "formats/registry.h"
#include "tests/unit/formats/vmdk_fixture.h"

static const int some[] = {0, 1, 2, 5, 99, 100, FIX_NONE};

enum { SOME_SECTORS = 100 * 128 + 72 }; /* grain 100 is partial */

static int write_extent(const struct extent *e, void *opaque, struct err *err)
{
	char *text = opaque;
	size_t n = strlen(text);

	snprintf(text + n, 200 - n, "%lu+%lu:%d ", (unsigned long)(e->off / 512), (unsigned long)(e->len / 512),
		 e->kind);
	return 0;
}

static void map_is(struct block *b, const char *want)
{
	char text[200] = "";
	struct err err = ERR_INIT;

	assert_int_equal(block_each_extent(b, 0, b->size, write_extent, text, &err), 0);
	assert_string_equal(text, want);
}

/* Whole, in odd pieces, single bytes at the edges. */
static void check_some(struct block *b)
{
	assert_int_equal(b->size, SOME_SECTORS * 512);
	assert_int_equal(b->unit, FIX_GRAIN);
	fixture_check(b, 0, SOME_SECTORS * 512, some);
	for (uint64_t off = 0; off < b->size; off += 1000003)
		fixture_check(b, off, (size_t)min_u64(123457, b->size - off), some);
	for (uint64_t off = FIX_GRAIN - 2; off < FIX_GRAIN + 2; off++)
		fixture_check(b, off, 1, some);
	fixture_check(b, b->size - 1, 1, some);
	map_is(b, "0+384:1 384+256:3 640+128:1 768+11904:3 12672+200:1 ");
}

static void test_sparse(void **state)
{
	struct vmdk_fixture f;
	struct block *b;

	fixture_sparse(&f, SOME_SECTORS, some, "");
	/* The file may end with the disk, in the middle of the last grain. */
	f.len -= FIX_GRAIN - 72 * 512;
	fixture_put(&f, *state, "sparse.vmdk");
	b = open_ok(*state, "sparse.vmdk");
	assert_string_equal(b->ops->name, "vmdk");
	check_some(b);
	block_close(b);
}

/* Grains may stand in any order; those side by side are read together. */
static void test_sparse_out_of_order(void **state)
{
	static const int grains[] = {7, 3, 4, 5, 0, FIX_NONE};
	struct vmdk_fixture f;
	struct block *b;

	fixture_sparse(&f, 10 * 128, grains, "");
	fixture_put(&f, *state, "x.vmdk");
	b = open_ok(*state, "x.vmdk");
	fixture_check(b, 0, 10 * FIX_GRAIN, grains);
	fixture_check(b, 3 * FIX_GRAIN + 5, 2 * FIX_GRAIN, grains);
	map_is(b, "0+128:1 128+256:3 384+384:1 768+128:3 896+128:1 1024+256:3 ");
	block_close(b);
}

/* Tables that the directory doesn't have, that are empty, and that stand apart. */
static void test_sparse_tables(void **state)
{
	static const int grains[] = {3, 512 * 3 + 1, 512 * 5 + 511, FIX_NONE};
	struct vmdk_fixture f;
	struct block *b;

	fixture_sparse(&f, 6 * 512 * 128, grains, "");
	put_le32(f.data + 21 * 512 + 4, 0);
	/* Table 5 moves to where a gap is. */
	memmove(f.data + 400 * 512, f.data + (22 + 5 * 4) * 512, 2048);
	memset(f.data + (22 + 5 * 4) * 512, 0, 2048);
	put_le32(f.data + 21 * 512 + 5 * 4, 400);
	fixture_put(&f, *state, "x.vmdk");
	b = open_ok(*state, "x.vmdk");
	map_is(b, "0+384:3 384+128:1 512+196224:3 196736+128:1 196864+196224:3 393088+128:1 ");
	fixture_check(b, 0, 6 * 512 * (size_t)FIX_GRAIN, grains);
	block_close(b);
}

/* Tables that aren't there are skipped by hundreds: what stands behind a thousand of them is found all the same. */
static void test_sparse_far_tables(void **state)
{
	const uint64_t table = 512 * 128;
	struct vmdk_fixture f;
	struct block *b;

	fixture_start(&f, 1300 * table + 128, 3, "monolithicSparse", "");
	put_le64(f.data + 56, 21);
	put_le32(f.data + 21 * 512 + 4, 40);	    /* table 1, grain 511 */
	put_le32(f.data + 21 * 512 + 4 * 1000, 44); /* table 1000, grain 0 */
	put_le32(f.data + 40 * 512 + 4 * 511, 1024);
	put_le32(f.data + 44 * 512, 1024 + 128);
	f.len = 2048 * 512;
	fixture_put(&f, *state, "x.vmdk");
	b = open_ok(*state, "x.vmdk");
	map_is(b, "0+130944:3 130944+128:1 131072+65404928:3 65536000+128:1 65536128+19660800:3 ");
	block_close(b);
}

static void test_zeroed_grains(void **state)
{
	static const int grains[] = {0, 3, FIX_NONE};
	struct vmdk_fixture f;
	struct block *b;

	fixture_sparse(&f, 5 * 128, grains, "");
	put_le32(f.data + 8, 3 | 4);
	put_le32(f.data + 22 * 512 + 4, 1);
	fixture_put(&f, *state, "x.vmdk");
	b = open_ok(*state, "x.vmdk");
	map_is(b, "0+128:1 128+128:2 256+128:3 384+128:1 512+128:3 ");
	fixture_check(b, 0, 5 * FIX_GRAIN, grains);
	block_close(b);
}

static void test_unclean_is_said(void **state)
{
	struct image_folder *folder = *state;
	struct vmdk_fixture f;

	fixture_sparse(&f, 128, some + 6, "");
	f.data[72] = 1;
	fixture_put(&f, folder, "x.vmdk");
	block_close(open_ok(folder, "x.vmdk"));
	assert_string_equal(folder->log, "vmdk 'x.vmdk': marked as in use: it was copied while the machine ran, or the "
					 "host crashed\n");
}

static void test_stream_layouts(void **state)
{
	static const enum fixture_layout layouts[] = {LAYOUT_FOOTER, LAYOUT_GD_AT_START, LAYOUT_GD_AT_END};

	for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++) {
		struct vmdk_fixture f;
		struct block *b;

		fixture_stream(&f, SOME_SECTORS, some, layouts[i]);
		fixture_put(&f, *state, "x.vmdk");
		b = open_ok(*state, "x.vmdk");
		check_some(b);
		block_close(b);
	}
}

static void test_stream_last_grain_whole(void **state)
{
	static const int grains[] = {0, FIX_NONE};
	struct vmdk_fixture f;
	struct block *b;

	fixture_stream(&f, 128, grains, LAYOUT_FOOTER);
	/* The disk ends within the grain that is stored whole. */
	put_le64(f.data + 12, 100);
	put_le64(f.data + f.len - 1024 + 12, 100);
	fixture_put(&f, *state, "x.vmdk");
	b = open_ok(*state, "x.vmdk");
	assert_int_equal(b->size, 100 * 512);
	fixture_check(b, 0, 100 * 512, grains);
	block_close(b);
}

/* Behind the end-of-stream marker: a sector as VirtualBox leaves, as much as the window, more than the window. */
static void test_stream_padding(void **state)
{
	static const size_t paddings[] = {512, 511, 60 << 10, 100 << 10};
	struct image_folder *folder = *state;

	for (size_t i = 0; i < sizeof paddings / sizeof *paddings; i++) {
		struct vmdk_fixture f;
		struct block *b;

		fixture_stream(&f, SOME_SECTORS, some, LAYOUT_FOOTER);
		f.len += paddings[i];
		fixture_put(&f, folder, "x.vmdk");
		b = open_ok(folder, "x.vmdk");
		check_some(b);
		block_close(b);
	}
	assert_string_equal(folder->log,
			    "vmdk 'x.vmdk': no footer at the end: the grain tables were rebuilt from the markers\n");
}

/* A stream in the middle of another file. */
static void test_stream_in_archive(void **state)
{
	struct image_folder *folder = *state;
	struct vmdk_fixture f;
	struct block *b = NULL;
	size_t len;

	fixture_stream(&f, SOME_SECTORS, some, LAYOUT_FOOTER);
	len = f.len;
	memmove(f.data + 1536, f.data, len);
	memset(f.data, 'o', 1536);
	f.len += 4096;
	fixture_put(&f, folder, "x.ova");
	if (image_open_window(&folder->folder, "x.ova", 1536, len, NULL, &b, &folder->err) < 0)
		fail_msg("%s", folder->err.text);
	check_some(b);
	block_close(b);
}

struct reader {
	struct block *b;
	uint64_t seed;
};

static void *read_randomly(void *opaque)
{
	struct reader *r = opaque;

	for (int i = 0; i < 150; i++) {
		uint64_t off, len;

		r->seed = r->seed * 6364136223846793005 + 1442695040888963407;
		off = (r->seed >> 20) % r->b->size;
		len = i % 3 ? 4096 : 300000;
		fixture_check(r->b, off, (size_t)min_u64(len, r->b->size - off), some);
	}
	return NULL;
}

static void test_threads(void **state)
{
	struct vmdk_fixture f;
	struct reader readers[4];
	pthread_t threads[4];
	struct block *b;

	fixture_stream(&f, SOME_SECTORS, some, LAYOUT_FOOTER);
	fixture_put(&f, *state, "x.vmdk");
	b = open_ok(*state, "x.vmdk");
	for (unsigned i = 0; i < 4; i++) {
		readers[i] = (struct reader){b, i * 7919 + 1};
		assert_int_equal(pthread_create(&threads[i], NULL, read_randomly, &readers[i]), 0);
	}
	for (unsigned i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	block_close(b);
}

/* A file of n sectors, each filled with its number and the letter. */
static void put_sectors(struct image_folder *folder, const char *name, unsigned n, char letter)
{
	unsigned char *data = malloc(n * 512);

	for (unsigned i = 0; i < n; i++)
		memset(data + i * 512, letter + (int)i % 20, 512);
	put_file(folder, name, data, n * 512);
	free(data);
}

static void sector_is(struct block *b, unsigned sector, int value)
{
	unsigned char data[512];
	struct err err = ERR_INIT;

	if (block_pread(b, data, 512, sector * 512, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(data[0], value);
	assert_int_equal(data[511], value);
}

static void test_flat_extents(void **state)
{
	struct image_folder *folder = *state;
	struct block *b;
	unsigned char all[28 * 512];

	put_sectors(folder, "a-f001.vmdk", 10, 'A');
	put_sectors(folder, "a-f002.vmdk", 20, 'a');
	put_text(folder, "a.vmdk",
		 "# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\ncreateType=\"twoGbMaxExtentFlat\"\n"
		 "RDONLY 8 FLAT \"a-f001.vmdk\" 2\nRW 4 ZERO\nrw 16 VMFS \"a-f002.vmdk\"\n");
	b = open_ok(folder, "a.vmdk");
	assert_int_equal(b->size, 28 * 512);
	sector_is(b, 0, 'A' + 2);
	sector_is(b, 7, 'A' + 9);
	sector_is(b, 8, 0);
	sector_is(b, 11, 0);
	sector_is(b, 12, 'a');
	sector_is(b, 27, 'a' + 15);
	assert_int_equal(block_pread(b, all, sizeof all, 0, &folder->err), 0);
	assert_int_equal(all[7 * 512], 'A' + 9);
	assert_int_equal(all[12 * 512], 'a');
	map_is(b, "0+8:1 8+4:2 12+16:1 ");
	block_close(b);
}

/* Windows tells neither cases nor slashes apart. */
static void test_extents_with_other_names(void **state)
{
	struct image_folder *folder = *state;
	struct block *b;

	assert_int_equal(mkdirat(folder->folder.dirfd, "part", 0755), 0);
	put_sectors(folder, "Disk-F001.vmdk", 4, 'k');
	put_sectors(folder, "part/disk-f002.VMDK", 4, 'p');
	put_text(folder, "disk.vmdk",
		 "# Disk DescriptorFile\nversion=1\ncreateType=\"twoGbMaxExtentFlat\"\n"
		 "RW 4 FLAT \"disk-f001.vmdk\" 0\nRW 4 FLAT \".\\part\\DISK-f002.vmdk\" 0\n");
	b = open_ok(folder, "disk.vmdk");
	sector_is(b, 3, 'n');
	sector_is(b, 4, 'p');
	block_close(b);
	put_text(
	    folder, "disk.vmdk",
	    "# Disk DescriptorFile\nversion=1\ncreateType=\"monolithicFlat\"\nRW 4 FLAT \"..\\DISK-f001.vmdk\" 0\n");
	open_fails(folder, "disk.vmdk", ERR_UNREADABLE,
		   "vmdk 'disk.vmdk': extent 1 '..\\DISK-f001.vmdk': cannot open '..\\DISK-f001.vmdk': No such file or "
		   "directory");
}

/* What --check calls damage is read all the same where there is a second directory. */
static void test_redundant_directory(void **state)
{
	struct image_folder *folder = *state;
	struct vmdk_fixture f;
	struct block *b;

	fixture_sparse(&f, SOME_SECTORS, some, "");
	memcpy(f.data + 100 * FIX_SECTOR, f.data + f.gd_sector * FIX_SECTOR, FIX_SECTOR);
	put_le64(f.data + 48, 100);
	put_le32(f.data + f.gd_sector * FIX_SECTOR, 0x7fffffff);
	fixture_put(&f, folder, "r.vmdk");
	b = open_ok(folder, "r.vmdk");
	check_some(b);
	assert_string_equal(folder->log,
			    "vmdk 'r.vmdk': its grain directory is damaged: the redundant one at 0xc800 counts\n");
	block_close(b);
}

/* In a folder below ours, with extents beside the descriptor. */
static void test_descriptor_in_subfolder(void **state)
{
	struct image_folder *folder = *state;
	struct block *b;

	assert_int_equal(mkdirat(folder->folder.dirfd, "vm", 0755), 0);
	put_sectors(folder, "vm/b-flat.vmdk", 4, 'k');
	put_text(folder, "vm/b.vmdk",
		 "# Disk DescriptorFile\r\nversion = 1\r\ncreateType = \"monolithicFlat\"\r\n"
		 "RW 4 FLAT \"b-flat.vmdk\" 0\r\n");
	b = open_ok(folder, "vm/b.vmdk");
	sector_is(b, 3, 'n');
	block_close(b);
}

/* Extents without a descriptor inside, the last one short. */
static void test_split_sparse(void **state)
{
	static const int first[] = {0, FIX_NONE}, second[] = {1, FIX_NONE};
	struct image_folder *folder = *state;
	struct vmdk_fixture f;
	struct block *b;

	fixture_sparse(&f, 2 * 128, first, "");
	put_le64(f.data + 28, 0);
	put_le64(f.data + 36, 0);
	fixture_put(&f, folder, "c-s001.vmdk");
	fixture_sparse(&f, 2 * 128, second, "");
	put_le64(f.data + 28, 0);
	fixture_put(&f, folder, "c-s002.vmdk");
	put_text(folder, "c.vmdk",
		 "# Disk DescriptorFile\nversion=1\ncreateType=\"twoGbMaxExtentSparse\"\nRW 256 SPARSE "
		 "\"c-s001.vmdk\"\nRW 250 SPARSE \"c-s002.vmdk\"\n");
	b = open_ok(folder, "c.vmdk");
	assert_int_equal(b->size, 506 * 512);
	map_is(b, "0+128:1 128+256:3 384+122:1 ");
	fixture_check(b, 0, 2 * FIX_GRAIN, first);
	sector_is(b, 300, 0);
	sector_is(b, 384, 31);
	block_close(b);
	open_fails(folder, "c-s001.vmdk", ERR_UNSUPPORTED,
		   "vmdk 'c-s001.vmdk': it has no descriptor inside: it is one extent of a split disk, open the .vmdk "
		   "file that names it");
}

/* base <- middle <- top; each holds what changed, the top is longer than the base. */
static void test_chain(void **state)
{
	static const int in_base[] = {0, 1, 2, FIX_NONE}, in_middle[] = {1, FIX_NONE}, in_top[] = {4, FIX_NONE};
	static const int seen[] = {0, 1, 2, 4, FIX_NONE};
	struct image_folder *folder = *state;
	struct vmdk_fixture f;
	struct block *b;

	fixture_sparse(&f, 3 * 128, in_base, "parentCID=ffffffff\n");
	fixture_put(&f, folder, "base.vmdk");
	fixture_sparse(&f, 3 * 128, in_middle,
		       "parentCID=11223344\nparentFileNameHint=\"/vmfs/volumes/4f1a/vm/base.vmdk\"\n");
	/* Grain 1 is changed to another content, which only the middle has. */
	memset(f.data + 512 * 512, 'm', FIX_GRAIN);
	fixture_put(&f, folder, "base-000001.vmdk");
	fixture_sparse(&f, 6 * 128, in_top, "parentCID=11223344\nparentFileNameHint=\"base-000001.vmdk\"\n");
	fixture_put(&f, folder, "base-000002.vmdk");
	b = open_ok(folder, "base-000002.vmdk");
	assert_int_equal(b->size, 6 * FIX_GRAIN);
	fixture_check(b, 0, FIX_GRAIN, seen);
	sector_is(b, 128, 'm');
	sector_is(b, 255, 'm');
	fixture_check(b, 2 * FIX_GRAIN, 4 * FIX_GRAIN, seen);
	map_is(b, "0+384:1 384+128:3 512+128:1 640+128:3 ");
	block_close(b);
}

static void test_chain_hints(void **state)
{
	static const char *const hints[] = {"C:\\\\vm\\\\base.vmdk", "[datastore1] web01/base.vmdk",
					    "../other/base.vmdk", "[ds] base.vmdk"};
	static const int one[] = {0, FIX_NONE};
	struct image_folder *folder = *state;

	for (size_t i = 0; i < sizeof hints / sizeof *hints; i++) {
		struct vmdk_fixture f;
		struct block *b;
		char more[200];

		fixture_sparse(&f, 128, one, "");
		fixture_put(&f, folder, "base.vmdk");
		snprintf(more, sizeof more, "parentCID=11223344\nparentFileNameHint=\"%s\"\n", hints[i]);
		fixture_sparse(&f, 128, one + 1, more);
		fixture_put(&f, folder, "top.vmdk");
		b = open_ok(folder, "top.vmdk");
		fixture_check(b, 0, FIX_GRAIN, one);
		block_close(b);
	}
}

/* Brackets make a datastore's name at its start only. */
static void test_parent_with_brackets(void **state)
{
	static const int one[] = {0, FIX_NONE};
	struct image_folder *folder = *state;
	struct vmdk_fixture f;
	struct block *b;

	fixture_sparse(&f, 128, one, "");
	fixture_put(&f, folder, "W [10] [x64].vmdk");
	fixture_sparse(&f, 128, one + 1, "parentCID=11223344\nparentFileNameHint=\"W [10] [x64].vmdk\"\n");
	fixture_put(&f, folder, "top.vmdk");
	b = open_ok(folder, "top.vmdk");
	fixture_check(b, 0, FIX_GRAIN, one);
	block_close(b);
}

/* The same names, and another case, in a folder that the user allows; an image there finds its own parent beside it. */
static void test_chain_in_an_allowed_folder(void **state)
{
	static const char *const hints[] = {"C:\\\\gold\\\\MIDDLE.vmdk", "[datastore1] gold/middle.vmdk",
					    "/vmfs/volumes/1/gold/middle.vmdk"};
	static const int one[] = {0, FIX_NONE};
	struct image_folder *folder = *state;

	assert_int_equal(mkdirat(folder->folder.dirfd, "base", 0755), 0);
	for (size_t i = 0; i < sizeof hints / sizeof *hints; i++) {
		struct vmdk_fixture f;
		struct allowing a;
		struct block *b;
		char more[200];

		fixture_sparse(&f, 128, one, "");
		fixture_put(&f, folder, "base/root.vmdk");
		fixture_sparse(&f, 128, one + 1, "parentCID=11223344\nparentFileNameHint=\"root.vmdk\"\n");
		fixture_put(&f, folder, "base/middle.vmdk");
		snprintf(more, sizeof more, "parentCID=11223344\nparentFileNameHint=\"%s\"\n", hints[i]);
		fixture_sparse(&f, 128, one + 1, more);
		fixture_put(&f, folder, "child.vmdk");
		assert_int_equal(image_open(&folder->folder, "child.vmdk", NULL, NULL, &b, &folder->err), -1);
		allowing_open(&a, folder);
		b = allowing_open_ok(&a, folder, "child.vmdk");
		fixture_check(b, 0, FIX_GRAIN, one);
		block_close(b);
	}
}

static const char *samples(void)
{
	const char *shared = getenv("REHOST_SHARED");
	static char path[4096];

	snprintf(path, sizeof path, "%s/samples", shared ? shared : "../shared");
	return path;
}

/* One line of the manifest: opens the file when it is a VMDK whose content is known; returns whether it was. */
static bool check_sample(struct image_folder *f, const struct folder *folder, char *line)
{
	char *field[10] = {0}, hex[DIGEST_HEX_MAX], name[300];
	struct block *b = NULL;

	for (int i = 0; i < 10; i++)
		field[i] = strsep(&line, ",");
	if (!field[8] || strlen(field[8]) != 64 || !strstr(field[0], ".vmdk"))
		return false;
	snprintf(name, sizeof name, "%s", field[0]);
	if (image_open(folder, name, NULL, NULL, &b, &f->err) < 0)
		fail_msg("%s: %s", name, f->err.text);
	assert_int_equal(b->size, strtoull(field[7], NULL, 10));
	hash_block(b, 100000, hex);
	if (strcmp(hex, field[8]) != 0)
		fail_msg("%s: content is %s, expected %s", name, hex, field[8]);
	block_close(b);
	return true;
}

static void test_real_files(void **state)
{
	struct image_folder *f = *state;
	struct folder folder = {.dirfd = file_open_dir(samples(), &f->err), .path = samples()};
	struct buf manifest = BUF_INIT(1 << 20);
	unsigned checked = 0;
	char *line, *rest;

	if (folder.dirfd < 0) {
		print_message("SKIP: no samples in %s\n", samples());
		skip();
	}
	assert_int_equal(file_slurp(folder.dirfd, "manifest.csv", &manifest, &f->err), 0);
	for (rest = manifest.data; (line = strsep(&rest, "\n"));)
		checked += check_sample(f, &folder, line);
	assert_int_equal(checked, 12);
	buf_done(&manifest);
	close(folder.dirfd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_sparse),
	    cmocka_unit_test(test_sparse_out_of_order),
	    cmocka_unit_test(test_sparse_tables),
	    cmocka_unit_test(test_sparse_far_tables),
	    cmocka_unit_test(test_zeroed_grains),
	    cmocka_unit_test(test_unclean_is_said),
	    cmocka_unit_test(test_stream_layouts),
	    cmocka_unit_test(test_stream_last_grain_whole),
	    cmocka_unit_test(test_stream_padding),
	    cmocka_unit_test(test_stream_in_archive),
	    cmocka_unit_test(test_threads),
	    cmocka_unit_test(test_flat_extents),
	    cmocka_unit_test(test_extents_with_other_names),
	    cmocka_unit_test(test_parent_with_brackets),
	    cmocka_unit_test(test_redundant_directory),
	    cmocka_unit_test(test_descriptor_in_subfolder),
	    cmocka_unit_test(test_split_sparse),
	    cmocka_unit_test(test_chain),
	    cmocka_unit_test(test_chain_hints),
	    cmocka_unit_test(test_chain_in_an_allowed_folder),
	    cmocka_unit_test(test_real_files),
	};

	return cmocka_run_group_tests(tests, image_folder_setup, image_folder_teardown);
}
