/* Internal snapshots of qcow2: made by qemu-img, and tables of them that lie or are huge. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "formats/facts.h"
#include "formats/registry.h"
#include "tests/unit/formats/referee.h"
#include "tests/unit/formats/qcow2_fixture.h"

static void run(int status)
{
	assert_int_equal(status, 0);
}

static void io(struct image_folder *f, const char *name, const char *command)
{
	run(run_program("qemu-io", "-f", "qcow2", "-c", command, path_of(f, name), NULL));
}

static void take_snapshot(struct image_folder *f, const char *name, const char *snapshot)
{
	run(run_program("qemu-img", "snapshot", "-c", snapshot, path_of(f, name), NULL));
}

static int open_at(struct image_folder *f, const char *name, const char *snapshot, struct block **ret)
{
	struct open_options options = {.snapshot = snapshot};
	struct folder folder = f->folder;

	folder.options = &options;
	err_clear(&f->err);
	return image_open(&folder, name, NULL, NULL, ret, &f->err);
}

static void agrees_with_qemu(struct image_folder *f, const char *name, const char *snapshot, uint64_t size)
{
	struct block *b = NULL;

	if (open_at(f, name, snapshot, &b) < 0)
		fail_msg("%s", f->err.text);
	assert_int_equal(b->size, size);
	run(run_program("qemu-img", "convert", "-f", "qcow2", "-l", snapshot, "-O", "raw", path_of(f, name),
			path_of(f, "expected"), NULL));
	/* Whatever size that got, the disk's bytes are its first ones. */
	assert_holds_file(f, b, "expected");
	block_close(b);
}

static void refused(struct image_folder *f, const char *name, const char *snapshot, enum err_code code,
		    const char *text)
{
	struct block *b = NULL;

	assert_int_equal(open_at(f, name, snapshot, &b), -1);
	assert_string_equal(f->err.text, text);
	assert_int_equal(f->err.code, code);
}

static void test_states_of_a_disk(void **state)
{
	static const char *const options[] = {"compat=0.10", "compat=1.1", "extended_l2=on"};
	struct image_folder *f = *state;

	if (!have_qemu_img())
		skip();
	for (unsigned i = 0; i < 3; i++) {
		run(run_program("qemu-img", "create", "-q", "-f", "qcow2", "-o", options[i], path_of(f, "x"), "8M",
				NULL));
		io(f, "x", "write -P 1 1M 1M");
		take_snapshot(f, "x", "clean install");
		io(f, "x", "write -P 2 1500k 1M");
		io(f, "x", i ? "write -z 1M 100k" : "write -P 0 1M 100k");
		take_snapshot(f, "x", "1"); /* its ID is 2: IDs go before names */
		io(f, "x", "write -P 3 2M 4M");
		agrees_with_qemu(f, "x", "clean install", 8 * MIB);
		agrees_with_qemu(f, "x", "1", 8 * MIB);
		agrees_with_qemu(f, "x", "2", 8 * MIB);
	}
}

static void test_a_disk_that_grew(void **state)
{
	struct image_folder *f = *state;

	if (!have_qemu_img())
		skip();
	run(run_program("qemu-img", "create", "-q", "-f", "qcow2", path_of(f, "x"), "3M", NULL));
	io(f, "x", "write -P 1 1M 2M");
	take_snapshot(f, "x", "small");
	run(run_program("qemu-img", "resize", "-q", path_of(f, "x"), "1G", NULL));
	io(f, "x", "write -P 2 900M 1M");
	agrees_with_qemu(f, "x", "small", 3 * MIB);
}

/* The chain below is as it is: a snapshot belongs to the top image. */
static void test_over_a_backing_file(void **state)
{
	struct image_folder *f = *state;

	if (!have_qemu_img())
		skip();
	run(run_program("qemu-img", "create", "-q", "-f", "qcow2", path_of(f, "base"), "4M", NULL));
	io(f, "base", "write -P 1 0 3M");
	take_snapshot(f, "base", "s");
	io(f, "base", "write -P 2 0 1M");
	run(run_program("qemu-img", "create", "-q", "-f", "qcow2", "-b", "base", "-F", "qcow2", path_of(f, "x"), NULL));
	io(f, "x", "write -P 3 2M 1M");
	take_snapshot(f, "x", "s");
	io(f, "x", "write -P 4 0 4M");
	agrees_with_qemu(f, "x", "s", 4 * MIB);
}

static void test_choices_that_cannot_be(void **state)
{
	struct image_folder *f = *state;

	if (!have_qemu_img())
		skip();
	run(run_program("qemu-img", "create", "-q", "-f", "qcow2", path_of(f, "x"), "1M", NULL));
	refused(f, "x", "s", ERR_USAGE, "qcow2 'x': none of its 0 snapshots has the ID or name 's'");
	take_snapshot(f, "x", "s");
	take_snapshot(f, "x", "s");
	refused(f, "x", "s", ERR_USAGE, "qcow2 'x': 2 snapshots have the name 's': the ID tells them apart");
	refused(f, "x", "t", ERR_USAGE, "qcow2 'x': none of its 2 snapshots has the ID or name 't'");
	refused(f, "x", "", ERR_USAGE, "qcow2 'x': none of its 2 snapshots has the ID or name ''");
	run(run_program("qemu-img", "create", "-q", "-f", "vpc", path_of(f, "y"), "1M", NULL));
	refused(f, "y", "s", ERR_USAGE, "'y': format 'vhd' has no snapshots inside, so not 's'");
}

/* ---- by hand ---- */

/* An entry at `at` with extra data of 16 bytes; returns where the next one begins. */
static size_t put_snapshot(unsigned char *f, size_t at, uint64_t l1, const char *id, const char *name)
{
	unsigned char *e = f + at;
	size_t len = QCOW2_SNAPSHOT_SIZE_MIN + 16;

	put_be64(e + QCOW2_S_L1_OFFSET, l1);
	put_be32(e + QCOW2_S_L1_SIZE, 1);
	put_be16(e + QCOW2_S_ID_SIZE, (uint16_t)strlen(id));
	put_be16(e + QCOW2_S_NAME_SIZE, (uint16_t)strlen(name));
	put_be32(e + QCOW2_S_EXTRA_SIZE, 16);
	put_be64(e + QCOW2_SNAPSHOT_SIZE_MIN + 8, MIB);
	memcpy(e + len, id, strlen(id));
	memcpy(e + len + strlen(id), name, strlen(name));
	return align_up(at + len + strlen(id) + strlen(name), 8);
}

static unsigned char *make_with_snapshot(void)
{
	unsigned char *f = make_image(0);

	put_be32(f + QCOW2_H_SNAPSHOTS, 1);
	put_be64(f + QCOW2_H_SNAPSHOTS_OFFSET, DATA_AT);
	put_snapshot(f, DATA_AT, L1_AT, "1", "one");
	return f;
}

static void test_entries_that_lie(void **state)
{
	static const struct {
		unsigned at, bits;
		uint64_t value;
		const char *text;
	} cases[] = {
	    {QCOW2_S_L1_OFFSET, 64, 0x10200, "snapshot '1': L1 table at 0x10200, which is no cluster of its own"},
	    {QCOW2_S_L1_OFFSET, 64, 0x40000, "snapshot '1': L1 table of 8 bytes at 0x40000: the file ends at 0x40000"},
	    {QCOW2_S_L1_SIZE, 32, 0, "snapshot '1': L1 table of 0 entries, a disk of 1048576 bytes needs 1"},
	    {QCOW2_S_L1_SIZE, 32, 0xffffffff, "snapshot '1': L1 table of 34359738360 bytes, 32 MiB is the limit"},
	    {QCOW2_S_EXTRA_SIZE, 32, 1025, "snapshot 1 at 0x30000: more than 1024 bytes of extra data"},
	    {QCOW2_S_NAME_SIZE, 16, 0xffff, "snapshot 1 at 0x30000: its names reach beyond the end of the file"},
	    {QCOW2_SNAPSHOT_SIZE_MIN + 8, 64, 65 * TIB,
	     "snapshot '1': a disk of 71468255805440 bytes, 64 TiB is the limit"},
	};
	struct image_folder *f = *state;
	char text[256];

	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		unsigned char *image = make_with_snapshot(), *at = image + DATA_AT + cases[i].at;

		if (cases[i].bits == 16)
			put_be16(at, (uint16_t)cases[i].value);
		else if (cases[i].bits == 32)
			put_be32(at, (uint32_t)cases[i].value);
		else
			put_be64(at, cases[i].value);
		put_file(f, "x", image, FILE_END);
		snprintf(text, sizeof text, "qcow2 'x': %s", cases[i].text);
		refused(f, "x", "1", ERR_CORRUPT, text);
		/* What isn't asked for does no harm. */
		block_close(open_ok(f, "x"));
		free(image);
	}
}

static void test_a_table_at_the_end_of_the_file(void **state)
{
	struct image_folder *f = *state;
	unsigned char *image = make_with_snapshot();

	put_be64(image + QCOW2_H_SNAPSHOTS_OFFSET, FILE_END - QCOW2_SNAPSHOT_SIZE_MIN);
	put_be16(image + FILE_END - QCOW2_SNAPSHOT_SIZE_MIN + QCOW2_S_NAME_SIZE, 1);
	put_file(f, "x", image, FILE_END);
	refused(f, "x", "1", ERR_CORRUPT,
		"qcow2 'x': snapshot 1 at 0x3ffd8: its names reach beyond the end of the file");
	put_be32(image + QCOW2_H_SNAPSHOTS, 65537);
	put_file(f, "x", image, FILE_END);
	open_fails(f, "x", ERR_CORRUPT, "qcow2 'x': header: 65537 snapshots, 65536 is the limit");
	free(image);
}

static int count_to_ten(const struct image_snapshot *s, void *opaque, struct err *err)
{
	unsigned *n = opaque;
	char id[16];

	snprintf(id, sizeof id, "%u", ++*n);
	assert_string_equal(s->id, id);
	assert_string_equal(s->name, "n?me");
	return *n == 10;
}

/* Row 16 of the peers' failures: 65536 snapshots. The table is walked as far as somebody wants, in little memory. */
static void test_65536_snapshots(void **state)
{
	struct image_folder *f = *state;
	size_t size = FILE_END + 65536 * 80, at = FILE_END;
	unsigned char *small = make_image(0), *image = calloc(1, size);
	struct block *b = NULL, *file = NULL;
	struct open_args args = {.name = "x"};
	unsigned n = 0;
	char id[16];

	memcpy(image, small, FILE_END);
	put_be32(image + QCOW2_H_SNAPSHOTS, 65536);
	put_be64(image + QCOW2_H_SNAPSHOTS_OFFSET, FILE_END);
	for (unsigned i = 1; i <= 65536; i++) {
		snprintf(id, sizeof id, "%u", i);
		at = put_snapshot(image, at, L1_AT, id, "n\nme");
	}
	put_file(f, "x", image, size);
	block_close(open_ok(f, "x"));
	assert_int_equal(open_at(f, "x", "65536", &b), 0);
	block_close(b);
	refused(f, "x", "n\nme", ERR_USAGE, "qcow2 'x': 65536 snapshots have the name 'n?me': the ID tells them apart");
	assert_int_equal(file_block_open(openat(f->folder.dirfd, "x", O_RDONLY), "x", &file, &f->err), 0);
	args.file = file;
	assert_int_equal(format_qcow2.snapshots(&args, count_to_ten, &n, &f->err), 1);
	assert_int_equal(n, 10);
	block_close(file);
	free(image);
	free(small);
}

#define IN_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, image_folder_setup, image_folder_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    IN_A_FOLDER(test_states_of_a_disk),	   IN_A_FOLDER(test_a_disk_that_grew),
	    IN_A_FOLDER(test_over_a_backing_file), IN_A_FOLDER(test_choices_that_cannot_be),
	    IN_A_FOLDER(test_entries_that_lie),	   IN_A_FOLDER(test_a_table_at_the_end_of_the_file),
	    IN_A_FOLDER(test_65536_snapshots),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
