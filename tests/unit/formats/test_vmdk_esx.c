/* Snapshots of ESXi: COWD and seSparse extents made byte by byte, over a flat base, with qemu-img as the referee. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <sys/stat.h>

#include "tests/unit/formats/lies.h"

/* A disk of 20 MiB, in which seSparse needs two tables and COWD with grains of one sector ten. */
enum { SECTORS = 40960, SIZE = SECTORS * 512, EXTENT_MAX = 48 << 20 };

struct made {
	unsigned char *data;
	size_t len;
	uint32_t grain;	     /* sectors */
	unsigned char *disk; /* what the snapshot over its base must read as */
};

static void put_base(struct image_folder *f, struct made *m)
{
	put_random_disk(f, "base-flat.vmdk", SIZE, 7);
	put_text(f, "base.vmdk",
		 "# Disk DescriptorFile\nversion=1\nCID=aabbccdd\nparentCID=ffffffff\ncreateType=\"vmfs\"\n"
		 "RW 40960 VMFS \"base-flat.vmdk\"\n");
	m->disk = slurp(f, "base-flat.vmdk", SIZE);
}

static void put_top(struct image_folder *f, struct made *m, const char *type, const char *extent, const char *hint)
{
	char text[500];

	snprintf(text, sizeof text,
		 "# Disk DescriptorFile\nversion=1\nCID=11223344\nparentCID=aabbccdd\ncreateType=\"%s\"\n"
		 "parentFileNameHint=\"%s\"\nRW 40960 %s \"top-x.vmdk\"\n",
		 type, hint, extent);
	put_text(f, "top.vmdk", text);
	put_file(f, "top-x.vmdk", m->data, m->len);
}

static void done(struct made *m)
{
	free(m->data);
	free(m->disk);
}

/* Fills the grain in the file at `at` with the next random bytes, and the disk too, which may end inside it. */
static void put_grain(struct made *m, uint64_t n, uint64_t at, uint64_t *seed)
{
	size_t bytes = m->grain * 512, left = SIZE - n * bytes;

	test_fill(m->data + at, bytes, seed);
	memcpy(m->disk + n * bytes, m->data + at, left < bytes ? left : bytes);
}

/* COWD: grain directory at sector 4, tables from sector 8 where they are needed. Runs of grains, far and near. */
static void make_cowd(struct made *m, uint32_t grain)
{
	uint64_t seed = grain, tables = (SECTORS / grain + 4095) / 4096, next = 8 + 32 * tables;

	m->data = calloc(1, EXTENT_MAX);
	m->grain = grain;
	memcpy(m->data, "COWD", 4);
	put_le32(m->data + 4, 1);
	put_le32(m->data + 8, 3);
	put_le32(m->data + 12, SECTORS);
	put_le32(m->data + 16, grain);
	put_le32(m->data + 20, 4);
	put_le32(m->data + 24, (uint32_t)tables);
	for (uint64_t n = 0; n < SECTORS / grain; n++) {
		uint64_t table = n / 4096;

		if (test_random(&seed) % 40 > 1 && (n % 4096 > 30 || table % 2))
			continue;
		put_le32(m->data + 4 * 512 + 4 * table, (uint32_t)(8 + 32 * table));
		put_le32(m->data + (8 + 32 * table) * 512 + 4 * (n % 4096), (uint32_t)next);
		put_grain(m, n, next * 512, &seed);
		next += grain;
	}
	m->len = next * 512;
}

/* seSparse: constant header, volatile header at 1, directory at 16, tables from 32, grains from 256. */
enum { SE_GD_AT = 16, SE_GT_AT = 32, SE_GRAINS_AT = 256 };

static uint64_t se_entry(uint64_t number)
{
	return UINT64_C(3) << 60 | (number & 0xfff) << 48 | number >> 12;
}

static void make_sesparse(struct made *m)
{
	uint64_t seed = 99, next = 0;
	unsigned char *h = m->data = calloc(1, EXTENT_MAX);

	m->grain = 8;
	put_le64(h, 0xcafebabe);
	put_le64(h + 8, 0x200000001);
	put_le64(h + 16, SECTORS);
	put_le64(h + 24, 8);
	put_le64(h + 32, 64);
	put_le64(h + 80, 1);
	put_le64(h + 88, 1);
	put_le64(h + 128, SE_GD_AT);
	put_le64(h + 136, 1);
	put_le64(h + 144, SE_GT_AT);
	put_le64(h + 152, 128);
	put_le64(h + 192, SE_GRAINS_AT);
	put_le64(h + 200, 40960);
	put_le64(h + 512, 0xcafecafe);
	/* The second table stands first. */
	put_le64(h + SE_GD_AT * 512, UINT64_C(0x1000000000000001));
	put_le64(h + SE_GD_AT * 512 + 8, UINT64_C(0x1000000000000000));
	for (uint64_t n = 0; n < SECTORS / 8; n++) {
		unsigned char *entry = h + (SE_GT_AT + (n < 4096 ? 64 : 0)) * 512 + 8 * (n % 4096);
		unsigned kind = test_random(&seed) % 8;

		if (kind < 2) {
			put_le64(entry, se_entry(next));
			put_grain(m, n, SE_GRAINS_AT * 512 + next++ * 4096, &seed);
		} else if (kind < 4) {
			put_le64(entry, (uint64_t)(kind - 1) << 60);
			memset(m->disk + n * 4096, 0, 4096);
		}
	}
	/* Far enough that the lowest bits of the number overflow into the rotated part. */
	put_le64(h + SE_GT_AT * 512, se_entry(5000));
	put_grain(m, 4096, SE_GRAINS_AT * 512 + UINT64_C(5000) * 4096, &seed);
	m->len = SE_GRAINS_AT * 512 + UINT64_C(5001) * 4096;
}

static void referee_agrees(struct image_folder *f, struct made *m)
{
	unsigned char *raw;

	if (!have_qemu_img())
		return;
	assert_int_equal(run_program("qemu-img", "convert", "-f", "vmdk", "-O", "raw", path_of(f, "top.vmdk"),
				     path_of(f, "raw"), NULL),
			 0);
	raw = slurp(f, "raw", SIZE);
	assert_memory_equal(raw, m->disk, SIZE);
	free(raw);
}

static void check_snapshot(struct image_folder *f, struct made *m, uint32_t unit)
{
	struct block *b = open_ok(f, "top.vmdk");

	assert_string_equal(b->ops->name, "vmdk");
	assert_int_equal(b->size, SIZE);
	assert_int_equal(b->unit, unit);
	assert_holds(f, b, m->disk);
	block_close(b);
	referee_agrees(f, m);
}

static void test_cowd(void **state)
{
	static const uint32_t grains[] = {1, 8, 128};
	struct image_folder *f = *state;

	for (unsigned i = 0; i < sizeof grains / sizeof *grains; i++) {
		struct made m = {0};

		put_base(f, &m);
		make_cowd(&m, grains[i]);
		put_top(f, &m, "vmfsSparse", "VMFSSPARSE", "base.vmdk");
		check_snapshot(f, &m, grains[i] == 128 ? 65536 : 4096);
		done(&m);
	}
}

static void test_sesparse(void **state)
{
	struct image_folder *f = *state;
	struct made m = {0};

	put_base(f, &m);
	make_sesparse(&m);
	put_top(f, &m, "seSparse", "SESPARSE", "base.vmdk");
	check_snapshot(f, &m, 4096);
	done(&m);
}

/* Hints from other hosts, and a file system there that didn't care for case. */
static void test_hints(void **state)
{
	static const char *const hints[] = {
	    "BASE.vmdk",
	    "C:\\vm\\Base.VMDK",
	    "/vmfs/volumes/5f0c-11/web 01/base.vmdk",
	    "[datastore 1] web/base.vmdk",
	    ".\\base.vmdk",
	};
	struct image_folder *f = *state;
	struct made m = {0};

	put_base(f, &m);
	make_cowd(&m, 8);
	for (unsigned i = 0; i < sizeof hints / sizeof *hints; i++) {
		struct block *b;

		put_top(f, &m, "vmfsSparse", "VMFSSPARSE", hints[i]);
		b = open_ok(f, "top.vmdk");
		assert_holds(f, b, m.disk);
		block_close(b);
	}
	done(&m);
}

/* A linked clone whose disk has its parent's name: both machines are beneath the folder that was given. */
static void test_linked_clone(void **state)
{
	struct image_folder *f = *state;
	struct made m = {0};
	struct block *b;

	assert_int_equal(mkdirat(f->folder.dirfd, "clone", 0700), 0);
	assert_int_equal(mkdirat(f->folder.dirfd, "Master", 0700), 0);
	put_base(f, &m);
	make_cowd(&m, 8);
	put_top(f, &m, "vmfsSparse", "VMFSSPARSE", "/vmfs/volumes/5f0c-11/Master/web.vmdk");
	assert_int_equal(renameat(f->folder.dirfd, "top.vmdk", f->folder.dirfd, "clone/web.vmdk"), 0);
	assert_int_equal(renameat(f->folder.dirfd, "top-x.vmdk", f->folder.dirfd, "clone/top-x.vmdk"), 0);
	assert_int_equal(renameat(f->folder.dirfd, "base.vmdk", f->folder.dirfd, "Master/web.vmdk"), 0);
	assert_int_equal(renameat(f->folder.dirfd, "base-flat.vmdk", f->folder.dirfd, "Master/base-flat.vmdk"), 0);
	b = open_ok(f, "clone/web.vmdk");
	assert_holds(f, b, m.disk);
	block_close(b);
	done(&m);
}

static void test_parent_outside(void **state)
{
	struct image_folder *f = *state;
	struct made m = {0};

	put_base(f, &m);
	make_cowd(&m, 8);
	put_top(f, &m, "vmfsSparse", "VMFSSPARSE", "/etc/passwd");
	open_fails(f, "top.vmdk", ERR_UNREADABLE,
		   "vmdk 'top.vmdk': parent '/etc/passwd': cannot open 'passwd': No such file or directory");
	put_top(f, &m, "vmfsSparse", "VMFSSPARSE", "..");
	open_fails(
	    f, "top.vmdk", ERR_POLICY,
	    "vmdk 'top.vmdk': parent '..': it names '..': outside the image's folder, and no --allow-parent allows it");
	assert_int_equal(symlinkat("/etc/passwd", f->folder.dirfd, "link.vmdk"), 0);
	put_top(f, &m, "vmfsSparse", "VMFSSPARSE", "link.vmdk");
	open_fails(f, "top.vmdk", ERR_POLICY,
		   "vmdk 'top.vmdk': parent 'link.vmdk': 'link.vmdk' leads outside the image's folder");
	done(&m);
}

static void lies_fail(struct image_folder *f, const struct lie *lies, unsigned n, bool cowd)
{
	for (unsigned i = 0; i < n; i++) {
		struct made m = {0};
		char text[400];

		m.disk = calloc(1, SIZE);
		if (cowd)
			make_cowd(&m, 8);
		else
			make_sesparse(&m);
		m.len = 1 << 20;
		lie_le(m.data, &lies[i]);
		put_top(f, &m, cowd ? "vmfsSparse" : "seSparse", cowd ? "VMFSSPARSE" : "SESPARSE", "base.vmdk");
		snprintf(text, sizeof text, "vmdk 'top.vmdk': extent 1 'top-x.vmdk': %s", lies[i].text);
		open_fails(f, "top.vmdk", lies[i].code, text);
		done(&m);
	}
}

static void test_cowd_lies(void **state)
{
	static const struct lie lies[] = {
	    {0, 32, 0x41414141, ERR_CORRUPT, "header: begins with 41 41 41 41, not with COWD"},
	    {4, 32, 2, ERR_UNSUPPORTED, "header: version 2, only 1 is known"},
	    {12, 32, 0, ERR_CORRUPT, "header: a capacity of 0 sectors, expected 1 sector to 64 TiB"},
	    {12, 32, 100, ERR_CORRUPT, "extent truncated: 40960 sectors are stated, its header says 100"},
	    {16, 32, 0, ERR_CORRUPT, "header: a grain of 0 sectors, expected a power of two up to 2048"},
	    {16, 32, 3, ERR_CORRUPT, "header: a grain of 3 sectors, expected a power of two up to 2048"},
	    {16, 32, 4096, ERR_CORRUPT, "header: a grain of 4096 sectors, expected a power of two up to 2048"},
	    {20, 32, 0xffffffff, ERR_CORRUPT,
	     "grain directory: 8 bytes at sector 0xffffffff: the file ends at 0x100000"},
	    {24, 32, 1, ERR_CORRUPT, "header: a grain directory of 1 entries, 2 are needed"},
	    {12, 32, 0xffffffff, ERR_CORRUPT, "header: a grain directory of 2 entries, 131072 are needed"},
	    {4 * 512, 32, 0x12345, ERR_CORRUPT,
	     "grain table 0 of 2: 16384 bytes at 0x2468a00: the file ends at 0x100000"},
	};

	lies_fail(*state, lies, sizeof lies / sizeof *lies, true);
}

static void test_sesparse_lies(void **state)
{
	static const struct lie lies[] = {
	    {0, 64, 1, ERR_CORRUPT, "header: begins with 0x1, not with 0xcafebabe"},
	    {8, 64, 0x300000001, ERR_UNSUPPORTED, "header: version 0x300000001, only 0x200000001 (2.1) is known"},
	    {16, 64, UINT64_MAX, ERR_CORRUPT,
	     "header: a capacity of 18446744073709551615 sectors, expected 1 sector to 64 TiB"},
	    {24, 64, 16, ERR_UNSUPPORTED, "header: grains of 16 and tables of 64 sectors, only 8 and 64 are known"},
	    {32, 64, 0, ERR_UNSUPPORTED, "header: grains of 8 and tables of 0 sectors, only 8 and 64 are known"},
	    {40, 64, 1, ERR_UNSUPPORTED, "header: flags 0x1, none is known"},
	    {80, 64, UINT64_MAX, ERR_CORRUPT,
	     "volatile header at sector 0xffffffffffffffff: the file ends at 0x100000"},
	    {80, 64, 5, ERR_CORRUPT, "volatile header: begins with 0x0, not with 0xcafecafe"},
	    {512 + 24, 64, 1, ERR_UNSUPPORTED,
	     "its journal was not replayed: the host crashed; start and stop the machine in VMware, or consolidate "
	     "its snapshots"},
	    {128, 64, UINT64_MAX / 2, ERR_CORRUPT,
	     "grain directory: 16 bytes at sector 0x7fffffffffffffff: the file ends at 0x100000"},
	    {136, 64, 0, ERR_CORRUPT, "header: a grain directory of 0 entries, 2 are needed"},
	    {SE_GD_AT * 512, 64, 7, ERR_CORRUPT, "grain directory: entry 0: 0x0000000000000007 is no table"},
	    {SE_GD_AT * 512, 64, UINT64_C(0x1000000000000002), ERR_CORRUPT, "grain directory: entry 0: table 2 of 2"},
	    {144, 64, UINT64_MAX, ERR_CORRUPT, "header: grain tables at sector 0xffffffffffffffff"},
	    {144, 64, UINT64_C(1) << 50, ERR_CORRUPT,
	     "grain table 0 of 2: 32768 bytes at 0x800000000008000: the file ends at 0x100000"},
	    {192, 64, UINT64_MAX, ERR_CORRUPT, "header: grains at sector 0xffffffffffffffff"},
	};

	lies_fail(*state, lies, sizeof lies / sizeof *lies, false);
}

static void test_grains_that_lie(void **state)
{
	struct image_folder *f = *state;
	struct made m = {0};

	put_base(f, &m);
	make_cowd(&m, 8);
	put_le32(m.data + 8 * 512, 3);
	put_le32(m.data + 8 * 512 + 4, 0x300000);
	put_top(f, &m, "vmfsSparse", "VMFSSPARSE", "base.vmdk");
	read_fails_at(f, "top.vmdk", 0, 512,
		      "vmdk 'top.vmdk': vmdk COWD extent 'top-x.vmdk': grain table: entry 0: sector 3: that is inside "
		      "the header");
	done(&m);
	put_base(f, &m);
	make_sesparse(&m);
	m.len = 1 << 20;
	put_le64(m.data + (SE_GT_AT + 64) * 512, UINT64_C(0x3fffffffffffffff));
	put_le64(m.data + (SE_GT_AT + 64) * 512 + 8, UINT64_C(0x4000000000000000));
	put_le64(m.data + (SE_GT_AT + 64) * 512 + 16, 1);
	put_top(f, &m, "seSparse", "SESPARSE", "base.vmdk");
	read_fails_at(
	    f, "top.vmdk", 0, 512,
	    "vmdk 'top.vmdk': vmdk seSparse extent 'top-x.vmdk': grain table: entry 0: grain of 4096 bytes at "
	    "0xffffffffffffffff: the file ends at 0x100000");
	read_fails_at(f, "top.vmdk", 4096, 512,
		      "vmdk 'top.vmdk': vmdk seSparse extent 'top-x.vmdk': grain table: entry 1: 0x4000000000000000 is "
		      "no grain");
	read_fails_at(f, "top.vmdk", 8192, 512,
		      "vmdk 'top.vmdk': vmdk seSparse extent 'top-x.vmdk': grain table: entry 2: 0x0000000000000001 is "
		      "no grain");
	done(&m);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, image_folder_setup, image_folder_teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_cowd),	       TEST(test_sesparse),  TEST(test_hints),	       TEST(test_linked_clone),
	    TEST(test_parent_outside), TEST(test_cowd_lies), TEST(test_sesparse_lies), TEST(test_grains_that_lie),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
