/* Raw disks in pieces: joined, or refused when one is missing, cut or out of the folder. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <sys/stat.h>

#include "core/base/bytes.h"
#include "formats/registry.h"
#include "tests/unit/formats/referee.h"

enum { PIECE = 64 << 10, PIECES = 12, LAST = 5 * 512, SIZE = (PIECES - 1) * PIECE + LAST };

/* A disk with a partition table, cut into pieces; returns its bytes. */
static unsigned char *put_pieces(struct image_folder *f, const char *prefix)
{
	unsigned char *disk;

	put_random_disk(f, "raw", SIZE, 11);
	disk = slurp(f, "raw", SIZE);
	memset(disk + 446, 0, 64);
	disk[446 + 4] = 0x83;
	put_le32(disk + 446 + 8, 1);
	put_le32(disk + 446 + 12, 100);
	put_le16(disk + 510, 0xaa55);
	for (unsigned i = 0; i < PIECES; i++) {
		char name[64];

		snprintf(name, sizeof name, "%s.%03u", prefix, i + 1);
		put_file(f, name, disk + i * PIECE, i + 1 == PIECES ? LAST : PIECE);
	}
	return disk;
}

static void test_pieces(void **state)
{
	struct image_folder *f = *state;
	unsigned char *disk = put_pieces(f, "x.img");
	struct block *b = open_ok(f, "x.img.001");

	assert_string_equal(b->ops->name, "raw");
	assert_int_equal(b->size, SIZE);
	assert_holds(f, b, disk);
	block_close(b);
	free(disk);
}

static void test_pieces_in_a_subfolder(void **state)
{
	struct image_folder *f = *state;
	unsigned char *disk;
	struct block *b;

	assert_int_equal(mkdirat(f->folder.dirfd, "sub", 0700), 0);
	disk = put_pieces(f, "sub/x");
	b = open_ok(f, "sub/x.001");
	assert_holds(f, b, disk);
	block_close(b);
	free(disk);
}

/* Only the first piece stands for the disk; and one that has no second is a disk. */
static void test_a_piece_alone(void **state)
{
	struct image_folder *f = *state;
	struct block *b = NULL;

	free(put_pieces(f, "x"));
	assert_int_equal(image_open(&f->folder, "x.002", &format_raw, NULL, &b, &f->err), 0);
	assert_int_equal(b->size, PIECE);
	block_close(b);
	assert_int_equal(renameat(f->folder.dirfd, "x.001", f->folder.dirfd, "y.001"), 0);
	b = open_ok(f, "y.001");
	assert_int_equal(b->size, PIECE);
	block_close(b);
}

static void test_missing_piece(void **state)
{
	struct image_folder *f = *state;

	free(put_pieces(f, "x"));
	assert_int_equal(unlinkat(f->folder.dirfd, "x.005", 0), 0);
	open_fails(f, "x.001", ERR_CORRUPT, "raw 'x.001': piece .005 is missing, .006 is there");
	assert_int_equal(unlinkat(f->folder.dirfd, "x.002", 0), 0);
	open_fails(f, "x.001", ERR_CORRUPT, "raw 'x.001': piece .002 is missing, .003 is there");
}

static void test_sizes(void **state)
{
	struct image_folder *f = *state;

	free(put_pieces(f, "x"));
	put_text(f, "x.004", "cut");
	open_fails(f, "x.001", ERR_CORRUPT,
		   "raw 'x.001': piece 'x.004' has 3 bytes, the first one 65536: it is truncated, or no piece");
	free(put_pieces(f, "x"));
	put_random_disk(f, "x.012", PIECE + 512, 1);
	open_fails(f, "x.001", ERR_CORRUPT,
		   "raw 'x.001': the last piece 'x.012' has 66048 bytes, more than the first one's 65536");
	put_text(f, "x.012", "");
	open_fails(f, "x.001", ERR_CORRUPT, "raw 'x.001': 'x.012': an empty piece, or too large a disk");
}

static void test_piece_outside(void **state)
{
	struct image_folder *f = *state;

	free(put_pieces(f, "x"));
	assert_int_equal(unlinkat(f->folder.dirfd, "x.003", 0), 0);
	assert_int_equal(symlinkat("/etc/passwd", f->folder.dirfd, "x.003"), 0);
	open_fails(f, "x.001", ERR_POLICY, "raw 'x.001': 'x.003' leads outside the image's folder");
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, image_folder_setup, image_folder_teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_pieces), TEST(test_pieces_in_a_subfolder), TEST(test_a_piece_alone), TEST(test_missing_piece),
	    TEST(test_sizes),  TEST(test_piece_outside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
