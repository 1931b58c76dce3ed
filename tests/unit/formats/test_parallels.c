/* The Parallels reader: .hds images of qemu-img and hand-made ones of the old kind, bundles, and lies. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <sys/stat.h>

#include "tests/unit/formats/lies.h"

static void test_generated_by_qemu(void **state)
{
	static const struct {
		const char *options;
		uint64_t size, unit;
	} cases[] = {
	    {"cluster_size=1M", 20 * MIB, MIB},
	    {"cluster_size=1M", 3 * MIB + 512, MIB},
	    {"cluster_size=64K", 20 * MIB, 64 * KIB},
	};
	struct image_folder *f = *state;

	if (!have_qemu_img())
		skip();
	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct block *b;

		put_random_disk(f, "raw", cases[i].size, i + 1);
		b = assert_holds_qemus(f, "parallels", cases[i].options);
		assert_int_equal(b->unit, cases[i].unit);
		block_close(b);
	}
}

/* The kind before: clusters of 63 sectors, at sectors; 10 clusters, of which the last is cut. Data from 0x200. */
enum { CLUSTER = 63 * 512, CLUSTERS = 10, SECTORS = 9 * 63 + 5, DATA_AT = 512, FILE_END = DATA_AT + 3 * CLUSTER };

static unsigned char *make(void)
{
	unsigned char *d = calloc(1, FILE_END);

	memcpy(d, "WithoutFreeSpace", 16);
	put_le32(d + 16, 2);
	put_le32(d + 28, 63);
	put_le32(d + 32, CLUSTERS);
	put_le64(d + 36, SECTORS);
	/* Clusters 2 and 3 side by side, then the last. */
	put_le32(d + 64 + 2 * 4, 1);
	put_le32(d + 64 + 3 * 4, 64);
	put_le32(d + 64 + 9 * 4, 127);
	memset(d + DATA_AT, 'a', CLUSTER);
	memset(d + DATA_AT + CLUSTER, 'b', CLUSTER);
	memset(d + DATA_AT + 2 * CLUSTER, 'c', CLUSTER);
	return d;
}

static void put_made(struct image_folder *f, const char *name, unsigned char *d)
{
	put_file(f, name, d, FILE_END);
	free(d);
}

static void test_old_kind(void **state)
{
	unsigned char *want = calloc(1, SECTORS * 512), *d = make();
	struct image_folder *f = *state;
	struct block *b;
	struct extent e;

	memset(want + 2 * CLUSTER, 'a', CLUSTER);
	memset(want + 3 * CLUSTER, 'b', CLUSTER);
	memset(want + 9 * CLUSTER, 'c', 5 * 512);
	put_le32(d + 40, 0xdeadbeef); /* the upper half of the size counts for nothing here */
	put_le32(d + 44, 0x746f6e59);
	put_made(f, "x", d);
	b = open_ok(f, "x");
	assert_string_equal(
	    f->log, "parallels 'x': marked as in use: it was copied while the machine ran, or the host crashed\n");
	assert_int_equal(b->size, SECTORS * 512);
	assert_holds(f, b, want);
	assert_int_equal(block_extent(b, 0, b->size, &e, &f->err), 0);
	assert_int_equal(e.kind, EXTENT_HOLE);
	assert_int_equal(e.len, 2 * CLUSTER);
	block_close(b);
	free(want);
}

/* The flag says that nothing in the table counts. */
static void test_empty_flag(void **state)
{
	struct image_folder *f = *state;
	unsigned char *d = make();
	struct block *b;
	uint64_t bytes;

	put_le32(d + 52, 1);
	put_made(f, "x", d);
	b = open_ok(f, "x");
	assert_int_equal(block_allocated(b, &bytes, &f->err), 0);
	assert_int_equal(bytes, 0);
	block_close(b);
}

static const struct liar liar = {"parallels", make, FILE_END, lie_le};

static void test_headers_that_lie(void **state)
{
	static const struct lie lies[] = {
	    {16, 32, 1, ERR_UNSUPPORTED, "header: version 1, only 2 is known"},
	    {28, 32, 0, ERR_CORRUPT, "header: clusters of 0 sectors, expected 1 to 524288"},
	    {28, 32, 0xffffffff, ERR_CORRUPT, "header: clusters of 4294967295 sectors, expected 1 to 524288"},
	    {32, 32, 9, ERR_CORRUPT, "header: 9 clusters of 63 sectors for a disk of 572, 10 are needed"},
	    {36, 32, 0, ERR_CORRUPT, "header: a disk of 0 sectors, expected 1 sector to 64 TiB"},
	};

	lies_are_found(*state, &liar, false, lies, sizeof lies / sizeof *lies);
}

static void test_tables_that_lie(void **state)
{
	unsigned char *d = make();

	memcpy(d, "WithouFreSpacExt", 16);
	put_le32(d + 32, 100000);
	put_le64(d + 36, 6300000);
	put_made(*state, "x", d);
	open_fails(
	    *state, "x", ERR_CORRUPT,
	    "parallels 'x': block allocation table: 100000 entries of 4 bytes at 0x40: the file ends at 0x17c00");
	d = make();
	memcpy(d, "WithouFreSpacExt", 16);
	put_le64(d + 36, UINT64_MAX);
	put_made(*state, "x", d);
	open_fails(*state, "x", ERR_CORRUPT,
		   "parallels 'x': header: a disk of 18446744073709551615 sectors, expected 1 sector to 64 TiB");
	d = make();
	put_le32(d + 64, 0x1000000);
	put_made(*state, "x", d);
	read_fails_at(*state, "x", 0, 512,
		      "parallels 'x': block allocation table: entry 0: cluster of 32256 bytes at 0x200000000: the file "
		      "ends at 0x17c00");
	d = make();
	put_le32(d + 32, 1000);
	put_made(*state, "x", d);
	read_fails_at(
	    *state, "x", 2 * CLUSTER, 512,
	    "parallels 'x': block allocation table: entry 2: cluster at 0x200: that is inside the table, which "
	    "ends at 0xfe0");
}

/* A bundle: %s of the parameters, the storages, the shots. */
static void put_descriptor(struct image_folder *f, const char *parameters, const char *storages, const char *shots)
{
	char text[4096];

	snprintf(text, sizeof text,
		 "<?xml version='1.0' encoding='UTF-8'?>\n<Parallels_disk_image Version=\"1.0\">\n"
		 "<Disk_Parameters>%s<Encryption><Engine>{00000000-0000-0000-0000-000000000000}</Engine></Encryption>"
		 "</Disk_Parameters>\n<StorageData>%s</StorageData>\n<Snapshots>%s</Snapshots>\n"
		 "</Parallels_disk_image>\n",
		 parameters, storages, shots);
	put_text(f, "DiskDescriptor.xml", text);
}

#define STORAGE(start, end, images)                                                                                    \
	"<Storage><Start>" #start "</Start><End>" #end "</End><Blocksize>2048</Blocksize>" images "</Storage>"
#define IMAGE(type, file)	   "<Image><GUID>{1}</GUID><Type>" type "</Type><File>" file "</File></Image>"
#define SHOT			   "<Shot><GUID>{1}</GUID><ParentGUID>{0}</ParentGUID></Shot>"
#define IMAGE_OF(guid, type, file) "<Image><GUID>" guid "</GUID><Type>" type "</Type><File>" file "</File></Image>"
#define SHOT_OF(guid, parent)	   "<Shot><GUID>" guid "</GUID><ParentGUID>" parent "</ParentGUID></Shot>"
#define TWO_STATES		   STORAGE(0, 572, IMAGE_OF("{a}", "Compressed", "x.hds") IMAGE_OF("{b}", "Compressed", "x.hds"))
#define SIZE(sectors)		   "<Disk_size>" #sectors "</Disk_size>"

static void to_hds(struct image_folder *f, const char *raw, const char *name)
{
	assert_int_equal(run_program("qemu-img", "convert", "-f", "raw", "-O", "parallels", "-o", "cluster_size=1M",
				     path_of(f, raw), path_of(f, name), NULL),
			 0);
}

static void test_bundle(void **state)
{
	struct image_folder *f = *state;
	struct block *b;

	if (!have_qemu_img())
		skip();
	put_random_disk(f, "raw", 20 * MIB, 5);
	to_hds(f, "raw", "x.hds");
	put_descriptor(
	    f, SIZE(40960) "<LogicSectorSize>512</LogicSectorSize><PhysicalSectorSize>4096</PhysicalSectorSize>",
	    STORAGE(0, 40960, IMAGE("Compressed", "x.hds")), SHOT);
	b = open_ok(f, "DiskDescriptor.xml");
	assert_string_equal(b->ops->name, "parallels");
	assert_int_equal(b->size, 20 * MIB);
	assert_int_equal(b->physical_sector, 4096);
	assert_holds_file(f, b, "raw");
	block_close(b);
	b = open_ok(f, "x.hds"); /* the only image: named itself it is the disk too */
	assert_holds_file(f, b, "raw");
	block_close(b);
}

/* Three storages: expandable, plain, expandable with more than its share. */
static void test_split_bundle(void **state)
{
	struct image_folder *f = *state;
	unsigned char *want = malloc(9 * MIB), *part;
	struct block *b;

	if (!have_qemu_img())
		skip();
	put_random_disk(f, "raw1", 4 * MIB, 1);
	put_random_disk(f, "plain.hds", 3 * MIB, 2);
	put_random_disk(f, "raw3", 4 * MIB, 3);
	to_hds(f, "raw1", "1.hds");
	to_hds(f, "raw3", "3.hds");
	memcpy(want, part = slurp(f, "raw1", 4 * MIB), 4 * MIB);
	free(part);
	memcpy(want + 4 * MIB, part = slurp(f, "plain.hds", 3 * MIB), 3 * MIB);
	free(part);
	memcpy(want + 7 * MIB, part = slurp(f, "raw3", 2 * MIB), 2 * MIB);
	free(part);
	put_descriptor(f, SIZE(18432),
		       STORAGE(0, 8192, IMAGE("Compressed", "1.hds")) STORAGE(8192, 14336, IMAGE("Plain", "plain.hds"))
			   STORAGE(14336, 18432, IMAGE("Compressed", "3.hds")),
		       SHOT);
	b = open_ok(f, "DiskDescriptor.xml");
	assert_int_equal(b->size, 9 * MIB);
	assert_holds(f, b, want);
	block_close(b);
	free(want);
	open_fails(f, "3.hds", ERR_UNSUPPORTED,
		   "parallels '3.hds': it is one of the 3 images of a disk: open DiskDescriptor.xml beside it");
}

/* Changes the clusters [from, to) of a disk in a raw file. */
static void change(struct image_folder *f, const char *raw, uint64_t size, unsigned from, unsigned to, int byte)
{
	unsigned char *data = slurp(f, raw, size);

	memset(data + from * MIB, byte, (to - from) * MIB);
	put_file(f, raw, data, size);
	free(data);
}

/* A .hds with nothing but the clusters [from, to) of a raw file: what Parallels writes after a snapshot. */
static void to_delta(struct image_folder *f, const char *raw, uint64_t size, const char *name, unsigned from,
		     unsigned to)
{
	unsigned char *data = slurp(f, raw, size);

	memset(data, 0, from * MIB);
	memset(data + to * MIB, 0, size - to * MIB);
	put_file(f, "delta.raw", data, size);
	free(data);
	to_hds(f, "delta.raw", name);
}

/* Two storages, three states, a branch that doesn't count; the GUIDs in both cases. */
static void test_bundle_with_snapshots(void **state)
{
	struct image_folder *f = *state;
	struct block *b;

	if (!have_qemu_img())
		skip();
	put_random_disk(f, "a", 6 * MIB, 1);
	put_random_disk(f, "b", 3 * MIB, 2);
	to_hds(f, "a", "a0.hds");
	assert_int_equal(run_program("cp", path_of(f, "b"), path_of(f, "b0.hds"), NULL), 0);
	change(f, "a", 6 * MIB, 1, 4, 7);
	to_delta(f, "a", 6 * MIB, "a1.hds", 1, 4);
	to_delta(f, "b", 3 * MIB, "b1.hds", 0, 0);
	change(f, "a", 6 * MIB, 3, 5, 8);
	to_delta(f, "a", 6 * MIB, "a2.hds", 3, 5);
	change(f, "b", 3 * MIB, 2, 3, 9);
	to_delta(f, "b", 3 * MIB, "b2.hds", 2, 3);
	put_descriptor(f, SIZE(18432),
		       STORAGE(0, 12288,
			       IMAGE_OF("{5FBAABE3-6958-40ff-92a7-860e329aab41}", "Compressed", "a2.hds")
				   IMAGE_OF("{1}", "Compressed", "a0.hds") IMAGE_OF("{2}", "Compressed", "a1.hds")
				       IMAGE_OF("{3}", "Compressed", "gone.hds"))
			   STORAGE(12288, 18432,
				   IMAGE_OF("{1}", "Plain", "b0.hds") IMAGE_OF("{2}", "Compressed", "b1.hds")
				       IMAGE_OF("{5fbaabe3-6958-40ff-92a7-860e329aab41}", "Compressed", "b2.hds")),
		       SHOT_OF("{1}", "{00000000-0000-0000-0000-000000000000}") SHOT_OF("{2}", "{1}")
			   SHOT_OF("{3}", "{1}") SHOT_OF("{5fbaabe3-6958-40ff-92a7-860e329aab41}", "{2}"));
	b = open_ok(f, "DiskDescriptor.xml");
	assert_int_equal(b->size, 9 * MIB);
	assert_int_equal(run_program("sh", "-c", "cat \"$0\" \"$1\" > \"$2\"", path_of(f, "a"), path_of(f, "b"),
				     path_of(f, "want"), NULL),
			 0);
	assert_holds_file(f, b, "want");
	block_close(b);
	/* An older state, stated. */
	put_descriptor(f, SIZE(12288),
		       STORAGE(0, 12288,
			       IMAGE_OF("{5fbaabe3-6958-40ff-92a7-860e329aab41}", "Compressed", "a2.hds")
				   IMAGE_OF("{1}", "Compressed", "a0.hds")),
		       "<TopGUID>{1}</TopGUID>" SHOT_OF("{1}", "{0}")
			   SHOT_OF("{5fbaabe3-6958-40ff-92a7-860e329aab41}", "{1}"));
	put_random_disk(f, "a", 6 * MIB, 1);
	b = open_ok(f, "DiskDescriptor.xml");
	assert_holds_file(f, b, "a");
	block_close(b);
}

static void test_bundles_that_are_refused(void **state)
{
	static const struct {
		const char *parameters, *storages, *shots;
		enum err_code code;
		const char *text;
	} cases[] = {
	    {SIZE(572), TWO_STATES, SHOT_OF("{a}", "{b}"), ERR_CORRUPT,
	     "the disk is made up of state '{5fbaabe3-6958-40ff-92a7-860e329aab41}', which isn't among its 1 "
	     "snapshots"},
	    {SIZE(572), TWO_STATES, "<TopGUID>{a}</TopGUID>" SHOT_OF("{a}", "{b}"), ERR_CORRUPT,
	     "the disk is made up of state '{b}', which isn't among its 1 snapshots"},
	    {SIZE(572), TWO_STATES, "<TopGUID>{a}</TopGUID>" SHOT_OF("{a}", "{b}") SHOT_OF("{b}", "{a}"), ERR_CORRUPT,
	     "the chain of snapshots is a loop, or longer than 64"},
	    {SIZE(572), TWO_STATES, "<TopGUID>{0}</TopGUID>" SHOT_OF("{a}", "{b}"), ERR_CORRUPT,
	     "it has snapshots, but no current state"},
	    {SIZE(572), TWO_STATES, "<TopGUID>{c}</TopGUID>" SHOT_OF("{c}", "{b}") SHOT_OF("{b}", "{0}"), ERR_CORRUPT,
	     "storage 1: line 4: a storage without an image of state '{c}'"},
	    {SIZE(572), STORAGE(0, 572, IMAGE_OF("{a}", "Plain", "x.hds") IMAGE_OF("{b}", "Compressed", "x.hds")),
	     "<TopGUID>{a}</TopGUID>" SHOT_OF("{a}", "{b}") SHOT_OF("{b}", "{0}"), ERR_CORRUPT,
	     "storage 1: image 'x.hds': a plain image has all of the disk, but is said to be a change of another"},
	    {SIZE(572), STORAGE(0, 572, ""), SHOT, ERR_CORRUPT, "line 4: a storage without an image"},
	    {SIZE(572), STORAGE(0, 72, "") STORAGE(72, 572, IMAGE("Plain", "x.hds") IMAGE("Plain", "x.hds")), SHOT,
	     ERR_CORRUPT, "line 4: a storage without an image"},
	    {SIZE(572), STORAGE(0, 572, IMAGE("Plain", "/etc/passwd")), SHOT, ERR_POLICY,
	     "storage 1: image '/etc/passwd': it names '/etc/passwd': outside the image's folder, and no "
	     "--allow-parent "
	     "allows it"},
	    {SIZE(572), STORAGE(0, 572, IMAGE("Plain", "../x")), SHOT, ERR_POLICY,
	     "storage 1: image '../x': it names '../x': outside the image's folder, and no --allow-parent allows it"},
	    {SIZE(573), STORAGE(0, 573, IMAGE("Compressed", "x.hds")), SHOT, ERR_CORRUPT,
	     "storage 1: storage truncated: 293376 bytes are stated, the image has 292864"},
	    {SIZE(572), STORAGE(0, 572, IMAGE("Sparse", "x.hds")), SHOT, ERR_UNSUPPORTED,
	     "line 4: an image of type 'Sparse', expected Plain or Compressed"},
	    {SIZE(572), STORAGE(0, 571, IMAGE("Compressed", "x.hds")), SHOT, ERR_CORRUPT,
	     "its storages end at sector 571, the disk has 572"},
	    {SIZE(572), STORAGE(1, 572, IMAGE("Compressed", "x.hds")), SHOT, ERR_CORRUPT,
	     "line 4: a storage of the sectors 1 to 572, expected one from 0 on, up to 572"},
	    {SIZE(572), STORAGE(0, 0, IMAGE("Compressed", "x.hds")), SHOT, ERR_CORRUPT,
	     "line 4: a storage of the sectors 0 to 0, expected one from 0 on, up to 572"},
	    {SIZE(572), STORAGE(0, 18446744073709551616, ""), SHOT, ERR_CORRUPT,
	     "line 4: End is '18446744073709551616', expected a number"},
	    {SIZE(572), "", SHOT, ERR_CORRUPT, "its storages end at sector 0, the disk has 572"},
	    {SIZE(0), "", SHOT, ERR_CORRUPT, "a disk of 0 sectors, expected 1 sector to 64 TiB"},
	    {SIZE(-1), "", SHOT, ERR_CORRUPT, "line 3: Disk_size is '-1', expected a number"},
	    {"", "", SHOT, ERR_CORRUPT, "line 3: Disk_size is '', expected a number"},
	    {SIZE(572) "<LogicSectorSize>4096</LogicSectorSize>", "", SHOT, ERR_UNSUPPORTED,
	     "sectors of 4096 bytes, expected 512"},
	    {SIZE(572) "<Encryption><Engine>{00000000-0000-0000-0000-0000000000a1}</Engine></Encryption>", "", SHOT,
	     ERR_UNSUPPORTED, "it is encrypted: decrypt the machine in Parallels, then convert it"},
	};
	struct image_folder *f = *state;
	char text[400];

	put_made(f, "x.hds", make());
	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		put_descriptor(f, cases[i].parameters, cases[i].storages, cases[i].shots);
		snprintf(text, sizeof text, "parallels 'DiskDescriptor.xml': %s", cases[i].text);
		open_fails(f, "DiskDescriptor.xml", cases[i].code, text);
	}
}

static void test_descriptor_that_is_no_xml(void **state)
{
	struct image_folder *f = *state;
	struct block *b = NULL;

	put_text(f, "DiskDescriptor.xml", "<!DOCTYPE a [<!ENTITY b 'c'>]><Parallels_disk_image/>");
	assert_int_equal(image_open(&f->folder, "DiskDescriptor.xml", NULL, NULL, &b, &f->err), -1);
	assert_int_equal(f->err.code, ERR_POLICY);
	put_made(f, "x.hds", make());
	assert_int_equal(image_open(&f->folder, "x.hds", NULL, NULL, &b, &f->err), -1);
	assert_non_null(strstr(f->err.text, "parallels 'x.hds': DiskDescriptor.xml beside it: "));
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, image_folder_setup, image_folder_teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_generated_by_qemu),
	    TEST(test_old_kind),
	    TEST(test_empty_flag),
	    TEST(test_headers_that_lie),
	    TEST(test_tables_that_lie),
	    TEST(test_bundle),
	    TEST(test_split_bundle),
	    TEST(test_bundle_with_snapshots),
	    TEST(test_bundles_that_are_refused),
	    TEST(test_descriptor_that_is_no_xml),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
