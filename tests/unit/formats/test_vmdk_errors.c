/* VMDK files that must be refused: each with its own words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/stat.h>

#include "core/base/checked.h"
#include "formats/registry.h"
#include "tests/unit/formats/vmdk_fixture.h"

static const int two[] = {0, 1, FIX_NONE};

/* A good sparse or stream file with one number changed fails to open so. */
static void changed_fails(struct image_folder *folder, bool stream, unsigned at, unsigned size, uint64_t value,
			  enum err_code code, const char *text)
{
	struct vmdk_fixture f;
	unsigned char le[8];

	if (stream)
		fixture_stream(&f, 256, two, LAYOUT_GD_AT_END);
	else
		fixture_sparse(&f, 256, two, "");
	put_le64(le, value);
	memcpy(f.data + at, le, size);
	fixture_put(&f, folder, "x.vmdk");
	open_fails(folder, "x.vmdk", code, text);
}

static void test_header(void **state)
{
	changed_fails(*state, false, 4, 4, 4, ERR_UNSUPPORTED, "vmdk 'x.vmdk': header: version 4, 1 to 3 are known");
	changed_fails(
	    *state, false, 75, 1, 0x0a, ERR_CORRUPT,
	    "vmdk 'x.vmdk': header: newline test bytes are 0a 20 0a 0a, not 0a 20 0d 0a: the file was changed "
	    "by a transfer in text mode");
	changed_fails(*state, false, 12, 8, 0, ERR_CORRUPT, "vmdk 'x.vmdk': header: a capacity of 0 sectors");
	changed_fails(*state, false, 12, 8, UINT64_C(1) << 40, ERR_CORRUPT,
		      "vmdk 'x.vmdk': header: a capacity of 1099511627776 sectors, the limit is 64 TiB");
	changed_fails(*state, false, 20, 8, 0, ERR_CORRUPT,
		      "vmdk 'x.vmdk': header: a grain of 0 sectors, expected a power of two up to 32768");
	changed_fails(*state, false, 20, 8, 129, ERR_CORRUPT,
		      "vmdk 'x.vmdk': header: a grain of 129 sectors, expected a power of two up to 32768");
	changed_fails(*state, false, 20, 8, 65536, ERR_CORRUPT,
		      "vmdk 'x.vmdk': header: a grain of 65536 sectors, expected a power of two up to 32768");
	changed_fails(*state, false, 44, 4, 500, ERR_CORRUPT,
		      "vmdk 'x.vmdk': header: 500 entries a grain table, expected 512");
	changed_fails(*state, true, 77, 2, 2, ERR_UNSUPPORTED,
		      "vmdk 'x.vmdk': header: compression algorithm 2, only 1 (deflate) is known");
	changed_fails(*state, true, 8, 4, 0x10001, ERR_UNSUPPORTED,
		      "vmdk 'x.vmdk': header: flags 0x10001: compressed grains without markers");
	changed_fails(*state, false, 56, 8, 0, ERR_CORRUPT, "vmdk 'x.vmdk': header: grain directory at sector 0x0");
	changed_fails(*state, false, 56, 8, UINT64_MAX, ERR_CORRUPT,
		      "vmdk 'x.vmdk': header: grain directory at sector 0xffffffffffffffff");
}

static void test_descriptor_inside(void **state)
{
	changed_fails(
	    *state, false, 36, 8, 0, ERR_UNSUPPORTED,
	    "vmdk 'x.vmdk': it has no descriptor inside: it is one extent of a split disk, open the .vmdk file "
	    "that names it");
	changed_fails(*state, false, 36, 8, 9000, ERR_CORRUPT,
		      "vmdk 'x.vmdk': descriptor: 4608000 bytes, the limit is 4194304");
	changed_fails(*state, false, 28, 8, 9000, ERR_CORRUPT,
		      "vmdk 'x.vmdk': descriptor: 10240 bytes at 0x465000: the file ends at 0x60000");
	changed_fails(*state, false, 28, 8, UINT64_MAX / 4, ERR_CORRUPT,
		      "vmdk 'x.vmdk': descriptor at sector 0x3fffffffffffffff, 0x14 sectors");
	changed_fails(*state, false, 512, 2, 0x4141, ERR_CORRUPT,
		      "vmdk 'x.vmdk': descriptor inside: line 1: 'AADisk DescriptorFile' is neither a comment, key = "
		      "value nor an extent");
}

static void test_tables_beyond_the_end(void **state)
{
	struct image_folder *folder = *state;
	struct vmdk_fixture f;
	struct block *b;
	unsigned char data[512];
	struct extent e;

	changed_fails(*state, false, 56, 8, 9999, ERR_CORRUPT,
		      "vmdk 'x.vmdk': grain directory: 4 bytes at 0x4e1e00: the file ends at 0x60000");
	changed_fails(*state, false, 21 * 512, 4, 0x4d00, ERR_CORRUPT,
		      "vmdk 'x.vmdk': grain table 0 of 1: 2048 bytes at 0x9a0000: the file ends at 0x60000");
	/* Tables are read when needed: the map of the disk finds it, before any copy. */
	fixture_sparse(&f, 256, two, "");
	put_le32(f.data + 22 * 512 + 4, 0x4d00);
	fixture_put(&f, folder, "x.vmdk");
	b = open_ok(folder, "x.vmdk");
	assert_int_equal(block_extent(b, 0, 512, &e, &folder->err), -1);
	assert_string_equal(folder->err.text, "vmdk 'x.vmdk': grain table 0 at 0x2c00: entry 1 points to 0x9a0000, the "
					      "file ends at 0x60000");
	assert_int_equal(folder->err.code, ERR_CORRUPT);
	assert_int_equal(block_pread(b, data, 512, 70000, &folder->err), -1);
	assert_int_equal(folder->err.code, ERR_CORRUPT);
	block_close(b);
}

/* 64 TiB in grains of one sector. */
static void test_too_many_tables(void **state)
{
	struct vmdk_fixture f;

	fixture_sparse(&f, 256, two, "");
	put_le64(f.data + 12, UINT64_C(1) << 37);
	put_le64(f.data + 20, 1);
	fixture_put(&f, *state, "x.vmdk");
	open_fails(*state, "x.vmdk", ERR_CORRUPT,
		   "vmdk 'x.vmdk': 268435456 grain tables for 70368744177664 bytes, the limit is 16777216");
}

/* Opens, but reading the first grain fails. */
static void read_fails(struct image_folder *folder, struct vmdk_fixture *f, const char *text)
{
	unsigned char data[512];
	struct block *b;

	fixture_put(f, folder, "x.vmdk");
	b = open_ok(folder, "x.vmdk");
	assert_int_equal(block_pread(b, data, 512, 512, &folder->err), -1);
	assert_string_equal(folder->err.text, text);
	assert_int_equal(folder->err.code, ERR_CORRUPT);
	block_close(b);
}

/* A table with grains belongs to one entry of the directory; one without any may be everyone's. */
static void test_shared_tables(void **state)
{
	struct image_folder *folder = *state;
	struct vmdk_fixture f;
	struct extent e;
	struct block *b;

	for (unsigned last = 22; last <= 26; last += 4) {
		fixture_sparse(&f, UINT64_C(4) * 65536, two, "");
		put_le32(f.data + 21 * 512 + 8, 26);
		put_le32(f.data + 21 * 512 + 12, last);
		fixture_put(&f, folder, "x.vmdk");
		b = open_ok(folder, "x.vmdk");
		if (last == 26) {
			assert_int_equal(block_extent(b, 2 * FIX_GRAIN, b->size - 2 * FIX_GRAIN, &e, &folder->err), 0);
			assert_int_equal(e.kind, EXTENT_HOLE);
			assert_int_equal(e.len, b->size - 2 * FIX_GRAIN);
		} else {
			assert_int_equal(block_extent(b, 0, 512, &e, &folder->err), -1);
			assert_string_equal(folder->err.text,
					    "vmdk 'x.vmdk': grain table 0 at 0x2c00: another entry of "
					    "the grain directory names it too");
			assert_int_equal(folder->err.code, ERR_CORRUPT);
		}
		block_close(b);
	}
}

/* More tables than are sorted, each in front of the one before. */
static void test_too_many_tables_out_of_order(void **state)
{
	enum { TABLES = (1 << 20) + 1, DIRECTORY = 1 << 20 };
	struct image_folder *folder = *state;
	unsigned char *directory = malloc((size_t)TABLES * 4);
	struct vmdk_fixture f;
	int fd;

	fixture_sparse(&f, UINT64_C(256), two, "");
	put_le64(f.data + 12, (uint64_t)TABLES * 65536);
	put_le64(f.data + 56, DIRECTORY / 512);
	fixture_put(&f, folder, "x.vmdk");
	for (unsigned i = 0; i < TABLES; i++)
		put_le32(directory + 4 * i, 4 * (TABLES - i) + DIRECTORY);
	fd = openat(folder->folder.dirfd, "x.vmdk", O_WRONLY);
	assert_int_equal(file_pwrite(fd, directory, (size_t)TABLES * 4, DIRECTORY, NULL), 0);
	assert_int_equal(ftruncate(fd, (off_t)8 << 30), 0);
	close(fd);
	free(directory);
	open_fails(
	    folder, "x.vmdk", ERR_CORRUPT,
	    "vmdk 'x.vmdk': grain directory: 1048577 tables, which don't stand in order: the limit is 1048576 then");
}

static void test_grains(void **state)
{
	struct vmdk_fixture f;

	fixture_stream(&f, 256, two, LAYOUT_GD_AT_END);
	put_le64(f.data + 128 * 512, 128);
	read_fails(*state, &f, "vmdk 'x.vmdk': grain 0 at 0x10000: its marker says sector 128, the grain table says 0");
	fixture_stream(&f, 256, two, LAYOUT_GD_AT_END);
	put_le32(f.data + 128 * 512 + 8, 0);
	read_fails(*state, &f, "vmdk 'x.vmdk': grain 0 at 0x10000: 0 compressed bytes for a grain of 65536");
	fixture_stream(&f, 256, two, LAYOUT_GD_AT_END);
	put_le32(f.data + 128 * 512 + 8, 4000000000U);
	read_fails(*state, &f, "vmdk 'x.vmdk': grain 0 at 0x10000: 4000000000 compressed bytes for a grain of 65536");
	fixture_stream(&f, 256, two, LAYOUT_GD_AT_END);
	put_le32(f.data + 128 * 512 + 8, 100000);
	read_fails(*state, &f, "vmdk 'x.vmdk': grain 0 at 0x10000: 100012 bytes needed: the file ends at 0x12000");
	fixture_stream(&f, 256, two, LAYOUT_GD_AT_END);
	memset(f.data + 128 * 512 + 20, 0xff, 200);
	read_fails(*state, &f, "vmdk 'x.vmdk': grain 0 at 0x10000: zlib data is damaged");
}

/* What is inside a grain must be a grain: neither less nor more. */
static void test_inflated_length(void **state)
{
	struct vmdk_fixture f;
	size_t len;

	fixture_stream(&f, 256, two, LAYOUT_GD_AT_END);
	len = f.len;
	f.len = 128 * 512;
	fixture_stream_grain(&f, 0, 60000);
	f.len = len;
	read_fails(*state, &f,
		   "vmdk 'x.vmdk': grain 0 at 0x10000: zlib data is shorter than 65536 bytes when inflated");
	fixture_stream(&f, 256, two, LAYOUT_GD_AT_END);
	/* The same bytes for a disk with smaller grains. */
	put_le64(f.data + 20, 64);
	read_fails(*state, &f, "vmdk 'x.vmdk': grain 0 at 0x10000: zlib data is longer than 32768 bytes when inflated");
}

/* A stream with two grains and a footer, `extra` bytes longer, where value (of size bytes) stands at `at`. */
static void stream_fails(struct image_folder *folder, size_t extra, size_t at, unsigned size, uint64_t value,
			 enum err_code code, const char *text)
{
	struct vmdk_fixture f;
	unsigned char le[8];

	fixture_stream(&f, 256, two, LAYOUT_FOOTER);
	put_le64(le, value);
	memcpy(f.data + at, le, size);
	f.len += extra;
	fixture_put(&f, folder, "x.vmdk");
	open_fails(folder, "x.vmdk", code, text);
}

/* Where that stream has its parts. */
enum { FIRST_GRAIN = 0x10000, TABLE_MARKER = 0x11000, FOOTER = 0x12000 };

static void test_truncated_stream(void **state)
{
	struct image_folder *folder = *state;
	struct vmdk_fixture f;

	fixture_stream(&f, 256, two, LAYOUT_FOOTER);
	assert_int_equal(f.len, FOOTER + 1024);
	assert_int_equal(f.gt_sector, TABLE_MARKER / 512 + 1);
	f.len -= 512 * 8;
	fixture_put(&f, folder, "x.vmdk");
	open_fails(
	    folder, "x.vmdk", ERR_CORRUPT,
	    "vmdk 'x.vmdk': truncated: no footer at the end, and the stream breaks off at 0x11a00 after 2 grains, "
	    "the file ends at 0x11400; --allow-truncated reads what is there");
	/* A download that was cut and filled up with zeros. */
	fixture_stream(&f, 256, two, LAYOUT_FOOTER);
	memset(f.data + TABLE_MARKER, 0, f.len - TABLE_MARKER);
	fixture_put(&f, folder, "x.vmdk");
	open_fails(
	    folder, "x.vmdk", ERR_CORRUPT,
	    "vmdk 'x.vmdk': truncated: no footer at the end, and the stream breaks off at 0x11000 after 2 grains, "
	    "the file ends at 0x12400; --allow-truncated reads what is there");
}

/* What the user allows: everything that is there, zeros, and a word about it. */
static struct block *open_lenient(struct image_folder *f, const char *name)
{
	return open_leniently(f, name, &(struct open_options){.allow_truncated = true});
}

static void test_truncated_stream_allowed(void **state)
{
	struct image_folder *folder = *state;
	struct vmdk_fixture f;
	unsigned char whole[256 * 512], got[256 * 512];
	struct block *b;

	fixture_stream(&f, 256, two, LAYOUT_FOOTER);
	fixture_put(&f, folder, "x.vmdk");
	b = open_ok(folder, "x.vmdk");
	assert_int_equal(block_pread(b, whole, sizeof whole, 0, &folder->err), 0);
	block_close(b);
	/* Both grains are there; then only a part of the second is. */
	for (int i = 0; i < 2; i++) {
		fixture_stream(&f, 256, two, LAYOUT_FOOTER);
		f.len = i ? FIRST_GRAIN + 0x800 + 600 : TABLE_MARKER + 100;
		fixture_put(&f, folder, "x.vmdk");
		b = open_lenient(folder, "x.vmdk");
		assert_non_null(strstr(folder->log, i ? "after 1 grains, the rest of the disk reads as zeros"
						      : "after 2 grains, the rest of the disk reads as zeros"));
		assert_int_equal(block_pread(b, got, sizeof got, 0, &folder->err), 0);
		if (i)
			memset(whole + sizeof whole / 2, 0, sizeof whole / 2);
		assert_memory_equal(got, whole, sizeof whole);
		block_close(b);
	}
}

static void test_truncated_extents_allowed(void **state)
{
	struct image_folder *folder = *state;
	unsigned char got[3 * 512], want[3 * 512] = "only some bytes";
	struct extent e;
	struct block *b;

	put_text(folder, "short-flat.vmdk", "only some bytes");
	put_text(folder, "d.vmdk",
		 "# Disk DescriptorFile\ncreateType=\"custom\"\nRW 1 FLAT \"short-flat.vmdk\" 0\n"
		 "RW 1 FLAT \"short-flat.vmdk\" 9000\nNOACCESS 1 FLAT \"gone.vmdk\" 0\n");
	b = open_lenient(folder, "d.vmdk");
	assert_int_equal(b->size, 3 * 512);
	assert_int_equal(block_pread(b, got, sizeof got, 0, &folder->err), 0);
	assert_memory_equal(got, want, sizeof got);
	assert_int_equal(block_extent(b, 512, 1024, &e, &folder->err), 0);
	assert_int_not_equal(e.kind, EXTENT_DATA);
	assert_string_equal(
	    folder->log,
	    "vmdk 'd.vmdk': line 5: 1 sectors are NOACCESS: they read as zeros\n"
	    "'short-flat.vmdk' is cut off: it ends at 0xf, what it should have behind that reads as zeros\n"
	    "'short-flat.vmdk' is cut off: it ends at 0xf, what it should have behind that reads as zeros\n");
	block_close(b);
}

static void test_footer(void **state)
{
	stream_fails(*state, 0, FOOTER + 12, 8, 512, ERR_CORRUPT,
		     "vmdk 'x.vmdk': footer at 0x12000: describes another disk than the header (512 sectors there, 256 "
		     "here)");
	stream_fails(*state, 0, FOOTER + 56, 8, UINT64_MAX, ERR_CORRUPT,
		     "vmdk 'x.vmdk': footer at 0x12000: grain directory at sector 0xffffffffffffffff");
	stream_fails(*state, 0, FOOTER + 56, 8, 9999, ERR_CORRUPT,
		     "vmdk 'x.vmdk': grain directory: 4 bytes at 0x4e1e00: the file ends at 0x12400");
	stream_fails(*state, 0, FOOTER + 4, 4, 9, ERR_UNSUPPORTED,
		     "vmdk 'x.vmdk': footer at 0x12000: header: version 9, 1 to 3 are known");
}

/* Without a footer in the window, markers are followed: what they may not say. */
static void test_markers(void **state)
{
	enum { PADDING = 100 << 10 };
	struct image_folder *folder = *state;
	struct vmdk_fixture f;

	stream_fails(
	    folder, PADDING, FIRST_GRAIN, 8, 5, ERR_CORRUPT,
	    "vmdk 'x.vmdk': grain marker at 0x10000: sector 5 is no start of a grain on a disk of 256 sectors");
	stream_fails(
	    folder, PADDING, FIRST_GRAIN, 8, 256, ERR_CORRUPT,
	    "vmdk 'x.vmdk': grain marker at 0x10000: sector 256 is no start of a grain on a disk of 256 sectors");
	stream_fails(folder, PADDING, TABLE_MARKER + 12, 4, 77, ERR_CORRUPT,
		     "vmdk 'x.vmdk': marker at 0x11000: type 77 with 4 sectors");
	stream_fails(folder, PADDING, TABLE_MARKER, 8, UINT64_MAX, ERR_CORRUPT,
		     "vmdk 'x.vmdk': marker at 0x11000: type 1 with 18446744073709551615 sectors");
	stream_fails(folder, PADDING, 64, 8, 0, ERR_CORRUPT, "vmdk 'x.vmdk': header: an overhead of 0x0 sectors");
	fixture_stream(&f, 256, (const int[]){0, 0, FIX_NONE}, LAYOUT_FOOTER);
	f.len += PADDING;
	fixture_put(&f, folder, "x.vmdk");
	open_fails(folder, "x.vmdk", ERR_CORRUPT, "vmdk 'x.vmdk': grain 0 is there twice: at 0x10000 and 0x10800");
}

/* A text descriptor with these lines fails so. */
static void text_fails(struct image_folder *folder, const char *lines, enum err_code code, const char *text)
{
	char descriptor[1000];

	snprintf(descriptor, sizeof descriptor, "# Disk DescriptorFile\nversion=1\nCID=1\n%s\n", lines);
	put_text(folder, "d.vmdk", descriptor);
	open_fails(folder, "d.vmdk", code, text);
}

static void test_names_that_lead_outside(void **state)
{
	struct image_folder *folder = *state;

	text_fails(folder, "createType=\"monolithicFlat\"\nRW 1 FLAT \"/etc/shadow\" 0", ERR_POLICY,
		   "vmdk 'd.vmdk': extent 1 '/etc/shadow': it names '/etc/shadow': outside the image's folder, and no "
		   "--allow-parent allows it");
	text_fails(folder, "createType=\"monolithicFlat\"\nRW 1 FLAT \"../../etc/shadow\" 0", ERR_POLICY,
		   "vmdk 'd.vmdk': extent 1 '../../etc/shadow': it names '../../etc/shadow': outside the "
		   "image's folder, and no --allow-parent allows it");
	text_fails(folder, "createType=\"twoGbMaxExtentSparse\"\nRW 1 SPARSE \"/dev/sda\"", ERR_POLICY,
		   "vmdk 'd.vmdk': extent 1 '/dev/sda': it names '/dev/sda': outside the image's folder, and no "
		   "--allow-parent allows it");
	text_fails(
	    folder, "createType=\"monolithicFlat\"\nRW 1 FLAT \"nbd://host/disk\" 0", ERR_UNREADABLE,
	    "vmdk 'd.vmdk': extent 1 'nbd://host/disk': cannot open 'nbd:/host/disk': No such file or directory");
	text_fails(folder, "createType=\"monolithicFlat\"\nRW 1 FLAT", ERR_CORRUPT,
		   "vmdk 'd.vmdk': extent 1 '': it names a file with an empty name");
	assert_int_equal(symlinkat("/etc/passwd", folder->folder.dirfd, "link-flat.vmdk"), 0);
	text_fails(folder, "createType=\"monolithicFlat\"\nRW 1 FLAT \"link-flat.vmdk\" 0", ERR_POLICY,
		   "vmdk 'd.vmdk': extent 1 'link-flat.vmdk': 'link-flat.vmdk' leads outside the image's folder");
	assert_int_equal(mkfifoat(folder->folder.dirfd, "pipe-flat.vmdk", 0644), 0);
	text_fails(folder, "createType=\"monolithicFlat\"\nRW 1 FLAT \"pipe-flat.vmdk\" 0", ERR_POLICY,
		   "vmdk 'd.vmdk': extent 1 'pipe-flat.vmdk': 'pipe-flat.vmdk' is not a regular file");
}

static void test_descriptor_in_archive(void **state)
{
	struct image_folder *folder = *state;
	struct block *b = NULL;

	put_text(folder, "a.ova", "# Disk DescriptorFile\ncreateType=\"monolithicFlat\"\nRW 1 FLAT \"a.ova\" 0\n");
	assert_int_equal(image_open_window(&folder->folder, "a.ova", 0, 0, NULL, &b, &folder->err), -1);
	assert_string_equal(folder->err.text,
			    "'a.ova' at 0x0: vmdk 'a.ova': extent 1 'a.ova': it names 'a.ova', but an "
			    "image inside an archive may name no file");
	assert_int_equal(folder->err.code, ERR_POLICY);
}

static void test_extents(void **state)
{
	struct image_folder *folder = *state;

	put_text(folder, "short-flat.vmdk", "only some bytes");
	text_fails(
	    folder, "createType=\"vmfs\"\nRW 20480 VMFS \"short-flat.vmdk\"", ERR_CORRUPT,
	    "vmdk 'd.vmdk': extent 1 'short-flat.vmdk': extent truncated: 20480 sectors from sector 0 are stated, "
	    "the file has 15 bytes; --allow-truncated reads what is there");
	text_fails(folder, "createType=\"vmfs\"\nRW 1 VMFS \"short-flat.vmdk\" 36028797018963968", ERR_CORRUPT,
		   "vmdk 'd.vmdk': extent 1 'short-flat.vmdk': extent truncated: 1 sectors from sector "
		   "36028797018963968 are stated, the file has 15 bytes; --allow-truncated reads what is there");
	text_fails(folder, "createType=\"custom\"\nRW 1 ZERO\nNOACCESS 63 FLAT \"short-flat.vmdk\" 0", ERR_UNSUPPORTED,
		   "vmdk 'd.vmdk': extent 2 'short-flat.vmdk': NOACCESS: the disk has a part that can't be read; "
		   "--allow-truncated makes it zeros");
	text_fails(folder, "createType=\"vmfs\"", ERR_CORRUPT, "vmdk 'd.vmdk': the descriptor names no extent");
	/* What has a parent all the same would read as a disk that is mostly empty. */
	text_fails(
	    folder,
	    "parentCID=ffffffff\ncreateType=\"monolithicFlat\"\nRW 1 ZERO\n"
	    "ddb.uuid.parent=\"0f0e0d0c-1111-2222-3333-444455556666\"",
	    ERR_UNSUPPORTED,
	    "vmdk 'd.vmdk': it is a snapshot of VirtualBox's on disk {0f0e0d0c-1111-2222-3333-444455556666}: merge "
	    "it (VBoxManage snapshot … delete), or copy it with VBoxManage clonemedium");
	text_fails(
	    folder, "createType=\"monolithicFlat\"\nparentFileNameHint=\"base.vmdk\"\nRW 1 ZERO", ERR_CORRUPT,
	    "vmdk 'd.vmdk': it names the parent 'base.vmdk', but its parentCID says that it has none: remove the "
	    "name if that is right");
	put_text(
	    folder, "d.vmdk",
	    "# Disk DescriptorFile\nversion=1\nCID=1\nparentCID=ffffffff\ncreateType=\"monolithicFlat\"\nRW 1 ZERO\n"
	    "ddb.uuid.parent=\"00000000-0000-0000-0000-000000000000\"\n");
	block_close(open_ok(folder, "d.vmdk"));
	text_fails(folder, "createType=\"vmfs\"\nRW 137438953472 ZERO\nRW 1 ZERO", ERR_CORRUPT,
		   "vmdk 'd.vmdk': line 6: the disk gets larger than 64 TiB");
	text_fails(folder, "createType=\"vmfs\"\nRW 18446744073709551615 ZERO\nRW 1 ZERO", ERR_CORRUPT,
		   "vmdk 'd.vmdk': line 5: the disk gets larger than 64 TiB");
	text_fails(folder, "createType=\"twoGbMaxExtentSparse\"\nRW 1 SPARSE \"short-flat.vmdk\"", ERR_CORRUPT,
		   "vmdk 'd.vmdk': extent 1 'short-flat.vmdk': header: the file has only 15 bytes");
	text_fails(folder, "createType=\"custom\"\nRW 1 VMFSRDM \"x-rdm.vmdk\"", ERR_UNSUPPORTED,
		   "vmdk 'd.vmdk': extent 1 'x-rdm.vmdk': VMFSRDM: its data is on a physical disk or LUN: convert that "
		   "device itself, or clone it to a file (vmkfstools -i)");
}

static void test_sparse_extent_too_small(void **state)
{
	struct image_folder *folder = *state;
	struct vmdk_fixture f;

	fixture_sparse(&f, 256, two, "");
	fixture_put(&f, folder, "e-s001.vmdk");
	text_fails(folder, "createType=\"twoGbMaxExtentSparse\"\nRW 257 SPARSE \"e-s001.vmdk\"", ERR_CORRUPT,
		   "vmdk 'd.vmdk': extent 1 'e-s001.vmdk': extent truncated: 257 sectors are stated, its header says "
		   "256");
}

static void test_kinds_of_disk(void **state)
{
	struct image_folder *folder = *state;
	unsigned char magic[1024] = {0};

	text_fails(
	    folder, "createType=\"fullDevice\"\nRW 1 FLAT \"/dev/sda\" 0", ERR_UNSUPPORTED,
	    "vmdk 'd.vmdk': createType \"fullDevice\": its data is on a physical disk or LUN: convert that device "
	    "itself, or clone it to a file (vmkfstools -i)");
	text_fails(folder, "createType=\"newKind\"\nRW 1 ZERO", ERR_UNSUPPORTED,
		   "vmdk 'd.vmdk': createType \"newKind\" is not known");
	text_fails(folder, "RW 1 ZERO", ERR_UNSUPPORTED, "vmdk 'd.vmdk': createType \"\" is not known");
	text_fails(folder, "encryptionKeys=\"x\"\ncreateType=\"vmfs\"\nRW 1 ZERO", ERR_UNSUPPORTED,
		   "vmdk 'd.vmdk': it is encrypted (encryptionKeys): decrypt the machine in VMware, then convert it");
	memcpy(magic, "COWD", 4);
	put_file(folder, "x", magic, sizeof magic);
	open_fails(folder, "x", ERR_UNSUPPORTED,
		   "vmdk 'x': a COWD (vmfsSparse) extent: it has no descriptor inside: it is one extent of a disk, "
		   "open the .vmdk file that names it");
	put_le64(magic, 0xcafebabe);
	put_file(folder, "x", magic, sizeof magic);
	open_fails(folder, "x", ERR_UNSUPPORTED,
		   "vmdk 'x': a seSparse extent: it has no descriptor inside: it is one extent of a disk, open the "
		   ".vmdk file that names it");
}

static void put_child(struct image_folder *folder, const char *name, const char *parent_cid, const char *hint)
{
	struct vmdk_fixture f;
	char more[200];

	snprintf(more, sizeof more, "parentCID=%s\nparentFileNameHint=\"%s\"\n", parent_cid, hint);
	fixture_sparse(&f, 256, two + 2, more);
	fixture_put(&f, folder, name);
}

static void test_chains(void **state)
{
	struct image_folder *folder = *state;
	struct vmdk_fixture f;

	put_child(folder, "a.vmdk", "11223344", "b.vmdk");
	open_fails(folder, "a.vmdk", ERR_UNREADABLE,
		   "vmdk 'a.vmdk': parent 'b.vmdk': cannot open 'b.vmdk': No such file or directory");
	put_child(folder, "b.vmdk", "11223344", "a.vmdk");
	open_fails(
	    folder, "a.vmdk", ERR_CORRUPT,
	    "vmdk 'a.vmdk': parent 'b.vmdk': vmdk 'b.vmdk': parent 'a.vmdk': 'a.vmdk': loop: this file is in the "
	    "chain already");
	put_child(folder, "a.vmdk", "11223344", "a.vmdk");
	open_fails(folder, "a.vmdk", ERR_CORRUPT,
		   "vmdk 'a.vmdk': parent 'a.vmdk': 'a.vmdk': loop: this file is in the chain already");
	fixture_sparse(&f, 256, two, "parentCID=ffffffff\n");
	fixture_put(&f, folder, "b.vmdk");
	put_child(folder, "a.vmdk", "deadbeef", "b.vmdk");
	open_fails(
	    folder, "a.vmdk", ERR_CORRUPT,
	    "vmdk 'a.vmdk': parent 'b.vmdk': its content is 11223344, the snapshot was made on deadbeef: the parent "
	    "was changed since, or is another disk");
	text_fails(folder, "parentCID=11223344\ncreateType=\"vmfs\"\nRW 1 VMFS \"b.vmdk\"", ERR_CORRUPT,
		   "vmdk 'd.vmdk': line 6: a VMFS extent in a snapshot");
	put_child(folder, "a.vmdk", "11223344", "");
	open_fails(folder, "a.vmdk", ERR_CORRUPT, "vmdk 'a.vmdk': parent '': it names a file with an empty name");
}

/* One more than the limit, each naming the next. */
static void test_chain_depth(void **state)
{
	struct image_folder *folder = *state;

	for (int i = 0; i <= CHAIN_DEPTH_MAX; i++) {
		char name[32], next[32];

		snprintf(name, sizeof name, "n%d.vmdk", i);
		snprintf(next, sizeof next, "n%d.vmdk", i + 1);
		put_child(folder, name, "11223344", next);
	}
	assert_int_equal(image_open(&folder->folder, "n0.vmdk", NULL, NULL, &(struct block *){NULL}, &folder->err), -1);
	assert_non_null(strstr(folder->err.text, "'n64.vmdk': the chain is longer than 64 images"));
	assert_int_equal(folder->err.code, ERR_CORRUPT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_header),
	    cmocka_unit_test(test_descriptor_inside),
	    cmocka_unit_test(test_tables_beyond_the_end),
	    cmocka_unit_test(test_too_many_tables),
	    cmocka_unit_test(test_shared_tables),
	    cmocka_unit_test(test_too_many_tables_out_of_order),
	    cmocka_unit_test(test_grains),
	    cmocka_unit_test(test_inflated_length),
	    cmocka_unit_test(test_truncated_stream),
	    cmocka_unit_test(test_truncated_stream_allowed),
	    cmocka_unit_test(test_truncated_extents_allowed),
	    cmocka_unit_test(test_footer),
	    cmocka_unit_test(test_markers),
	    cmocka_unit_test(test_names_that_lead_outside),
	    cmocka_unit_test(test_descriptor_in_archive),
	    cmocka_unit_test(test_extents),
	    cmocka_unit_test(test_sparse_extent_too_small),
	    cmocka_unit_test(test_kinds_of_disk),
	    cmocka_unit_test(test_chains),
	    cmocka_unit_test(test_chain_depth),
	};

	return cmocka_run_group_tests(tests, image_folder_setup, image_folder_teardown);
}
