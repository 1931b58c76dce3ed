/* The VDI reader: images of qemu-img, hand-made ones with block sizes and parents that qemu can't make, and lies. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <sys/stat.h>

#include "formats/vdi_header.h"
#include "tests/unit/formats/lies.h"

static void test_generated_by_qemu(void **state)
{
	static const struct {
		const char *options;
		uint64_t size;
	} cases[] = {
	    {"static=off", 20 * MIB},
	    {"static=off", 20 * MIB + 512},
	    {"static=off", 512},
	    {"static=on", 6 * MIB},
	};
	struct image_folder *f = *state;

	if (!have_qemu_img())
		skip();
	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct block *b;

		put_random_disk(f, "raw", cases[i].size, i + 1);
		b = assert_holds_qemus(f, "vdi", cases[i].options);
		assert_int_equal(b->unit, MIB);
		block_close(b);
	}
}

/* A mostly empty disk: what was never written is a hole, and the static one's holes in the file read as zeros. */
static void test_extents(void **state)
{
	struct image_folder *f = *state;
	struct block *b;
	struct extent e;

	if (!have_qemu_img())
		skip();
	assert_int_equal(run_program("qemu-img", "create", "-q", "-f", "vdi", path_of(f, "x.vdi"), "1T", NULL), 0);
	assert_int_equal(run_program("qemu-io", "-f", "vdi", "-c", "write -P 7 700G 1M", path_of(f, "x.vdi"), NULL), 0);
	b = open_ok(f, "x.vdi");
	assert_int_equal(block_extent(b, 0, b->size, &e, &f->err), 0);
	assert_int_equal(e.kind, EXTENT_HOLE);
	assert_int_equal(block_extent(b, 700 * GIB, b->size, &e, &f->err), 0);
	assert_int_equal(e.kind, EXTENT_DATA);
	assert_int_equal(e.len, MIB);
	block_close(b);
	assert_int_equal(
	    run_program("qemu-img", "create", "-q", "-f", "vdi", "-o", "static=on", path_of(f, "x.vdi"), "8M", NULL),
	    0);
	b = open_ok(f, "x.vdi");
	assert_int_equal(block_extent(b, MIB, b->size, &e, &f->err), 0);
	assert_int_equal(e.kind, EXTENT_ZERO);
	block_close(b);
}

/* Small images, made byte by byte: 8 blocks by default. */
struct made {
	unsigned char *data;
	uint32_t block, extra;
	size_t data_at, len;
};

enum { BLOCKS = 8, MAP_AT = 0x200, DATA_AT = 0x400 };

static void set_uuid(struct made *v, unsigned at, unsigned char id)
{
	memset(v->data + at, id, VDI_UUID);
}

static struct made make(uint32_t block, uint32_t extra, enum vdi_type type, unsigned char created)
{
	struct made v = {.block = block, .extra = extra, .data_at = DATA_AT, .len = DATA_AT};
	unsigned char *h = v.data = calloc(1, DATA_AT + BLOCKS * (size_t)(block + extra));

	strcpy((char *)h, "<<< some product's disk image >>>\n");
	put_le32(h + VDI_H_MAGIC, VDI_MAGIC);
	put_le32(h + VDI_H_VERSION, 0x10001);
	put_le32(h + VDI_H_SIZE, 0x190);
	put_le32(h + VDI_H_TYPE, type);
	put_le32(h + VDI_H_MAP, MAP_AT);
	put_le32(h + VDI_H_DATA, DATA_AT);
	put_le32(h + VDI_H_SECTOR, 512);
	put_le64(h + VDI_H_DISK, (uint64_t)BLOCKS * block);
	put_le32(h + VDI_H_BLOCK, block);
	put_le32(h + VDI_H_BLOCK_EXTRA, extra);
	put_le32(h + VDI_H_BLOCKS, BLOCKS);
	memset(h + MAP_AT, 0xff, BLOCKS * 4);
	set_uuid(&v, VDI_H_CREATED, created);
	set_uuid(&v, VDI_H_MODIFIED, created + 1);
	return v;
}

/* Appends a block that holds `fill`, as disk block n. */
static void add(struct made *v, unsigned n, unsigned char fill)
{
	put_le32(v->data + MAP_AT + 4 * n, (uint32_t)((v->len - DATA_AT) / (v->block + v->extra)));
	memset(v->data + v->len, 0xee, v->extra);
	memset(v->data + v->len + v->extra, fill, v->block);
	v->len += v->block + v->extra;
}

static void child_of(struct made *v, unsigned char created)
{
	set_uuid(v, VDI_H_PARENT, created);
	set_uuid(v, VDI_H_PARENT_MODIFIED, created + 1);
}

static void put_made(struct made *v, struct image_folder *f, const char *name)
{
	put_file(f, name, v->data, v->len);
	free(v->data);
}

/* Each disk block is filled with the byte of `want`. */
static void assert_blocks(struct image_folder *f, struct block *b, const char *want)
{
	unsigned char *data = malloc(b->size);
	size_t block = b->size / BLOCKS;

	for (unsigned i = 0; i < BLOCKS; i++)
		memset(data + i * block, want[i] == '.' ? 0 : want[i], block);
	assert_holds(f, b, data);
	free(data);
}

static void test_block_sizes(void **state)
{
	static const uint32_t sizes[] = {4 * KIB, 64 * KIB, MIB, 2 * MIB};
	struct image_folder *f = *state;

	for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		for (uint32_t extra = 0; extra <= 1024; extra += 1024) {
			struct made v = make(sizes[i], extra, VDI_DYNAMIC, 1);
			struct block *b;

			add(&v, 6, 'a');
			add(&v, 0, 'b');
			add(&v, 1, 'c');
			put_le32(v.data + MAP_AT + 4 * 3, 0xfffffffe);
			put_made(&v, f, "x.vdi");
			b = open_ok(f, "x.vdi");
			assert_int_equal(b->unit, sizes[i]);
			assert_blocks(f, b, "bc....a.");
			block_close(b);
		}
	}
}

/* A disk that ends inside its last block, and inside a sector. */
static void test_odd_size(void **state)
{
	struct image_folder *f = *state;
	struct made v = make(4096, 0, VDI_DYNAMIC, 1);
	struct block *b;

	add(&v, 7, 'a');
	put_le64(v.data + VDI_H_DISK, 8 * 4096 - 700);
	put_made(&v, f, "x.vdi");
	b = open_ok(f, "x.vdi");
	assert_int_equal(b->size, 8 * 4096 - 512);
	assert_string_equal(f->log, "vdi 'x.vdi': 32068 bytes are no whole number of 512-byte sectors: rounded up\n");
	block_close(b);
}

static void put_chain(struct image_folder *f, const char *child_folder)
{
	struct made v = make(4096, 0, VDI_DYNAMIC, 0x10);
	char name[64];

	add(&v, 0, 'a');
	add(&v, 1, 'a');
	add(&v, 2, 'a');
	put_made(&v, f, "base.VDI");
	v = make(4096, 0, VDI_DIFFERENCING, 0x20);
	child_of(&v, 0x10);
	add(&v, 1, 'b');
	add(&v, 2, 'b');
	add(&v, 4, 'b');
	snprintf(name, sizeof name, "%s{middle}.vdi", child_folder);
	put_made(&v, f, name);
	v = make(4096, 0, VDI_DIFFERENCING, 0x30);
	child_of(&v, 0x20);
	add(&v, 2, 'c');
	add(&v, 7, 'c');
	put_le32(v.data + MAP_AT + 4 * 4, 0xfffffffe);
	snprintf(name, sizeof name, "%stop.vdi", child_folder);
	put_made(&v, f, name);
}

static void test_differencing(void **state)
{
	struct image_folder *f = *state;
	struct block *b;
	struct extent e;

	put_text(f, "other.vdi", "no disk at all");
	put_chain(f, "");
	b = open_ok(f, "top.vdi");
	assert_blocks(f, b, "abc....c");
	assert_int_equal(block_extent(b, 4 * 4096, 4 * 4096, &e, &f->err), 0);
	assert_int_equal(e.kind, EXTENT_ZERO);
	assert_int_equal(e.len, 4096);
	assert_int_equal(block_extent(b, 5 * 4096, 4096, &e, &f->err), 0);
	assert_int_equal(e.kind, EXTENT_HOLE);
	block_close(b);
}

/* VirtualBox's own arrangement: the images of snapshots in Snapshots, their base above it. */
static void test_differencing_in_snapshots(void **state)
{
	struct image_folder *f = *state;
	struct block *b;

	assert_int_equal(mkdirat(f->folder.dirfd, "Snapshots", 0700), 0);
	put_chain(f, "Snapshots/");
	b = open_ok(f, "Snapshots/top.vdi");
	assert_blocks(f, b, "abc....c");
	block_close(b);
}

static void put_registry(struct image_folder *f, const char *name, const char *location)
{
	char text[1024];

	snprintf(text, sizeof text,
		 "<?xml version=\"1.0\"?><VirtualBox xmlns=\"http://www.virtualbox.org/\"><Machine name=\"m\">"
		 "<MediaRegistry><HardDisks><HardDisk uuid=\"{00000000-0000-0000-0000-000000000001}\" "
		 "location=\"gone.vdi\"><HardDisk uuid=\"{10101010-1010-1010-1010-101010101010}\" location=\"%s\"/>"
		 "</HardDisk></HardDisks></MediaRegistry></Machine></VirtualBox>",
		 location);
	put_text(f, name, text);
}

/* A parent that has another name and folder than the search looks at: the registry says where. */
static void test_parent_by_registry(void **state)
{
	static const char *const locations[] = {"disks/the base", "disks\\the base", "./disks/x/../the base"};
	struct image_folder *f = *state;
	struct made v = make(4096, 0, VDI_DYNAMIC, 0x10);
	struct block *b;

	assert_int_equal(mkdirat(f->folder.dirfd, "disks", 0700), 0);
	assert_int_equal(mkdirat(f->folder.dirfd, "Snapshots", 0700), 0);
	add(&v, 0, 'a');
	put_made(&v, f, "disks/the base");
	for (size_t i = 0; i < 3; i++) {
		put_registry(f, "machine.vbox", locations[i]);
		v = make(4096, 0, VDI_DIFFERENCING, 0x40);
		child_of(&v, 0x10);
		add(&v, 1, 'b');
		put_made(&v, f, "Snapshots/x.vdi");
		b = open_ok(f, "Snapshots/x.vdi");
		assert_blocks(f, b, "ab......");
		block_close(b);
	}
}

static void test_parent_in_an_allowed_folder(void **state)
{
	struct image_folder *f = *state;
	struct made v = make(4096, 0, VDI_DYNAMIC, 0x10);
	struct allowing a;
	struct block *b;

	assert_int_equal(mkdirat(f->folder.dirfd, "base", 0700), 0);
	add(&v, 0, 'a');
	put_made(&v, f, "base/any.vdi");
	v = make(4096, 0, VDI_DIFFERENCING, 0x40);
	child_of(&v, 0x10);
	add(&v, 1, 'b');
	put_made(&v, f, "x.vdi");
	assert_int_equal(image_open(&f->folder, "x.vdi", NULL, NULL, &b, &f->err), -1);
	assert_int_equal(f->err.code, ERR_UNREADABLE);
	allowing_open(&a, f);
	b = allowing_open_ok(&a, f, "x.vdi");
	assert_blocks(f, b, "ab......");
	block_close(b);
}

static const char parent_text[] = "parent 10101010-1010-1010-1010-101010101010";

static void chain_fails(struct image_folder *f, enum err_code code, const char *reason)
{
	struct made v = make(4096, 0, VDI_DIFFERENCING, 0x40);
	char text[600];

	child_of(&v, 0x10);
	put_made(&v, f, "x.vdi");
	snprintf(text, sizeof text, "vdi 'x.vdi': %s: %s", parent_text, reason);
	open_fails(f, "x.vdi", code, text);
}

static const char no_parent[] = "no .vdi file with that UUID in its folder, and no .vbox file there knows one: put the "
				"parent there, or name its folder with --allow-parent";

static void test_parent_missing(void **state)
{
	struct image_folder *f = *state;
	struct made v;

	chain_fails(f, ERR_UNREADABLE, no_parent);
	/* Outside the folder, and by a link out of it. */
	assert_int_equal(mkdirat(f->folder.dirfd, "sub", 0700), 0);
	v = make(4096, 0, VDI_DYNAMIC, 0x10);
	put_made(&v, f, "sub/base.vdi");
	assert_int_equal(symlinkat("/var/tmp/base.vdi", f->folder.dirfd, "link.vdi"), 0);
	chain_fails(f, ERR_UNREADABLE, no_parent);
}

/* A registry that lies, leads outside, or is none doesn't help, and doesn't harm. */
static void test_registries_that_lie(void **state)
{
	struct image_folder *f = *state;
	struct made v;

	put_registry(f, "machine.vbox", "/etc/passwd");
	chain_fails(f, ERR_UNREADABLE, no_parent);
	put_registry(f, "machine.vbox", "../../etc/passwd");
	chain_fails(f, ERR_UNREADABLE, no_parent);
	put_registry(f, "machine.vbox", "C:\\vm\\base.vdi");
	chain_fails(f, ERR_UNREADABLE, no_parent);
	put_text(f, "machine.vbox", "<!DOCTYPE x><VirtualBox/>");
	chain_fails(f, ERR_UNREADABLE, no_parent);
	v = make(4096, 0, VDI_DYNAMIC, 0x20);
	put_made(&v, f, "other");
	put_registry(f, "machine.vbox", "other");
	chain_fails(f, ERR_UNREADABLE, no_parent);
}

static void test_parent_changed(void **state)
{
	struct made v = make(4096, 0, VDI_DYNAMIC, 0x10);

	set_uuid(&v, VDI_H_MODIFIED, 0x77);
	put_made(&v, *state, "base.vdi");
	chain_fails(*state, ERR_CORRUPT,
		    "'base.vdi' has the content 77777777-7777-7777-7777-777777777777, the image was made on "
		    "11111111-1111-1111-1111-111111111111: the parent was changed since");
}

static void test_parent_twice(void **state)
{
	struct made v = make(4096, 0, VDI_DYNAMIC, 0x10);
	struct image_folder *f = *state;
	struct block *b = NULL;

	put_file(f, "a.vdi", v.data, v.len);
	put_made(&v, f, "b.vdi");
	v = make(4096, 0, VDI_DIFFERENCING, 0x40);
	child_of(&v, 0x10);
	put_made(&v, f, "x.vdi");
	assert_int_equal(image_open(&f->folder, "x.vdi", NULL, NULL, &b, &f->err), -1);
	assert_int_equal(f->err.code, ERR_CORRUPT);
	assert_non_null(strstr(f->err.text, "are it: move the copy away"));
}

static void test_parent_loop(void **state)
{
	struct made v = make(4096, 0, VDI_DIFFERENCING, 0x10);

	child_of(&v, 0x40);
	put_made(&v, *state, "base.vdi");
	chain_fails(*state, ERR_CORRUPT,
		    "vdi 'base.vdi': parent 40404040-4040-4040-4040-404040404040: 'x.vdi': loop: this file is in the "
		    "chain already");
}

static void test_parent_not_named(void **state)
{
	struct made v = make(4096, 0, VDI_DIFFERENCING, 0x10);
	struct image_folder *f = *state;
	struct block *b = NULL;

	put_made(&v, f, "x.vdi");
	open_fails(f, "x.vdi", ERR_CORRUPT, "vdi 'x.vdi': header: a differencing image that names no parent");
	v = make(4096, 0, VDI_DIFFERENCING, 0x40);
	child_of(&v, 0x10);
	put_made(&v, f, "x.vdi");
	assert_int_equal(image_open_window(&f->folder, "x.vdi", 0, 0, NULL, &b, &f->err), -1);
	assert_int_equal(f->err.code, ERR_POLICY);
	assert_non_null(strstr(f->err.text, "an image inside an archive may name no file"));
}

static unsigned char *make_empty(void)
{
	return make(4096, 0, VDI_DYNAMIC, 1).data;
}

static void test_headers_that_lie(void **state)
{
	static const struct lie lies[] = {
	    {VDI_H_VERSION, 32, 0x10000, ERR_UNSUPPORTED,
	     "header: version 1.0, only 1.1 is read: copy it with VBoxManage clonemedium"},
	    {VDI_H_SIZE, 32, 100, ERR_CORRUPT, "header: a size of 100 bytes, expected 384 or more"},
	    {VDI_H_TYPE, 32, 3, ERR_UNSUPPORTED, "header: type 3: undo images are not read"},
	    {VDI_H_TYPE, 32, 5, ERR_CORRUPT, "header: type 5, expected 1 (dynamic), 2 (static) or 4 (differencing)"},
	    {VDI_H_SECTOR, 32, 4096, ERR_UNSUPPORTED, "header: sectors of 4096 bytes, expected 512"},
	    {VDI_H_DISK, 64, 0, ERR_CORRUPT, "header: a disk of 0 bytes, expected 1 to 64 TiB"},
	    {VDI_H_DISK, 64, UINT64_MAX, ERR_CORRUPT,
	     "header: a disk of 18446744073709551615 bytes, expected 1 to 64 TiB"},
	    {VDI_H_DISK, 64, 8 * 4096 + 1, ERR_CORRUPT,
	     "header: 8 blocks of 4096 bytes for a disk of 32769 bytes, 9 are needed"},
	    {VDI_H_BLOCK, 32, 0, ERR_CORRUPT,
	     "header: blocks of 0 bytes, expected a power of two from 4 KiB to 256 MiB"},
	    {VDI_H_BLOCK, 32, 2048, ERR_CORRUPT,
	     "header: blocks of 2048 bytes, expected a power of two from 4 KiB to 256 MiB"},
	    {VDI_H_BLOCK, 32, 4097, ERR_CORRUPT,
	     "header: blocks of 4097 bytes, expected a power of two from 4 KiB to 256 MiB"},
	    {VDI_H_BLOCK, 32, 0x80000000, ERR_CORRUPT,
	     "header: blocks of 2147483648 bytes, expected a power of two from 4 KiB to 256 MiB"},
	    {VDI_H_BLOCK_EXTRA, 32, 100, ERR_CORRUPT,
	     "header: 100 bytes in front of each block, expected whole sectors up to 1 MiB"},
	    {VDI_H_MAP, 32, 64, ERR_CORRUPT, "header: block map at 0x40: that is inside the header"},
	    {VDI_H_MAP, 32, 0xfffff000, ERR_CORRUPT,
	     "header: data at 0x400, expected whole sectors behind the block map's end 0xfffff020"},
	    {VDI_H_DATA, 32, 0x208, ERR_CORRUPT,
	     "header: data at 0x208, expected whole sectors behind the block map's end 0x220"},
	};
	static const struct liar liar = {"vdi", make_empty, DATA_AT, lie_le};

	lies_are_found(*state, &liar, false, lies, sizeof lies / sizeof *lies);
}

static void test_tables_that_lie(void **state)
{
	struct made v = make(4096, 0, VDI_DYNAMIC, 1);

	put_le32(v.data + MAP_AT, 8);
	put_made(&v, *state, "x.vdi");
	read_fails_at(*state, "x.vdi", 0, 512, "vdi 'x.vdi': block map: entry 0: block 8 of 8");
	v = make(4096, 0, VDI_DYNAMIC, 1);
	add(&v, 1, 'a');
	v.len -= 512;
	put_made(&v, *state, "x.vdi");
	read_fails_at(*state, "x.vdi", 4096, 512,
		      "vdi 'x.vdi': block map: entry 1: block of 4096 bytes at 0x400: the file ends at 0x1200");
	/* A map larger than the file. */
	v = make(4096, 0, VDI_DYNAMIC, 1);
	put_le64(v.data + VDI_H_DISK, UINT64_C(4096) * 1000);
	put_le32(v.data + VDI_H_BLOCKS, 1000);
	put_le32(v.data + VDI_H_DATA, 0x2000);
	put_made(&v, *state, "x.vdi");
	open_fails(*state, "x.vdi", ERR_CORRUPT,
		   "vdi 'x.vdi': block map: 1000 entries of 4 bytes at 0x200: the file ends at 0x400");
	v = make(4096, 0, VDI_DYNAMIC, 1);
	v.len = 0x100;
	put_made(&v, *state, "x.vdi");
	open_fails(*state, "x.vdi", ERR_CORRUPT, "vdi 'x.vdi': header: the file has only 256 bytes");
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, image_folder_setup, image_folder_teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_generated_by_qemu),  TEST(test_extents),
	    TEST(test_block_sizes),	   TEST(test_odd_size),
	    TEST(test_differencing),	   TEST(test_differencing_in_snapshots),
	    TEST(test_parent_missing),	   TEST(test_parent_changed),
	    TEST(test_parent_twice),	   TEST(test_parent_loop),
	    TEST(test_parent_not_named),   TEST(test_headers_that_lie),
	    TEST(test_tables_that_lie),	   TEST(test_parent_in_an_allowed_folder),
	    TEST(test_parent_by_registry), TEST(test_registries_that_lie),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
