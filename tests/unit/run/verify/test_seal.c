/* Tests of run/verify/seal.c and sealing.c: what is written is read, and no byte of it may change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "run/verify/seal.h"
#include "run/verify/tree.h"
#include "tests/unit/run/verify/sealed_folder.h"

static int setup(void **state)
{
	struct test_folder *f = calloc(1, sizeof *f);

	*state = f;
	return test_folder_make(f) < 0 ? -1 : sealed_folder_fill(f);
}

static int teardown(void **state)
{
	test_folder_remove(*state);
	free(*state);
	return 0;
}

static struct seal *sealed(const struct test_folder *f)
{
	struct err err = ERR_INIT;
	struct seal *s = NULL;

	if (sealed_folder_seal(f, &err) < 0 || seal_open(f->fd, &s, &err) < 0)
		fail_msg("%s", err.text);
	return s;
}

static void files_come_back(void **state)
{
	static const char *const names[] = {"empty", "undo/1", "web01-sda.raw", "web01.xml"};
	static const uint64_t sizes[] = {0, 8, SEALED_DISK, 10};
	const struct test_folder *folder = *state;
	AUTO(seal_closep) struct seal *s = sealed(folder);
	const struct seal_file *f;

	assert_string_equal(seal_result(s), "web01");
	assert_int_equal(seal_files(s, &f), 4);
	for (size_t i = 0; i < 4; i++) {
		AUTO_FD int fd = openat(folder->fd, names[i], O_RDONLY | O_CLOEXEC);
		struct tree_job job = {.fd = fd, .name = "x", .size = sizes[i], .chunk = tree_chunk(sizes[i])};
		unsigned char leaves[5][HASH128];
		AUTO(tree_done) struct tree t = {0};
		struct err err = ERR_INIT;

		assert_string_equal(f[i].name, names[i]);
		assert_int_equal(f[i].size, sizes[i]);
		assert_int_equal(tree_hash(&job, &t, &err), 0);
		assert_memory_equal(f[i].root, t.root, HASH128);
		assert_int_equal(seal_leaves(s, &f[i], leaves, t.nleaves, &err), 0);
		assert_memory_equal(leaves, t.leaves, t.nleaves * HASH128);
	}
}

static void expect_kind(const struct seal_content *c, uint64_t off, enum seal_kind kind, uint64_t end)
{
	uint64_t got;

	assert_int_equal(seal_kind_at(c, off, SEALED_DISK, &got), kind);
	assert_int_equal(got, end);
}

static void content_comes_back(void **state)
{
	AUTO(seal_closep) struct seal *s = sealed(*state);
	AUTO(seal_content_done) struct seal_content c = {0};
	const struct seal_disk *d;
	struct err err = ERR_INIT;

	assert_int_equal(seal_disks(s, &d), 1);
	assert_string_equal(d->file, "web01-sda.raw");
	assert_string_equal(d->format, "raw");
	assert_string_equal(d->identity, "1 file 9437184 bytes 1.000000002 0123456789abcdef");
	assert_int_equal(d->size, SEALED_DISK);
	if (seal_content(s, d, &c, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(c.nchunks, 5);
	assert_int_equal(c.guest[0], UINT64_C(0xfedcba9876543210));
	assert_int_equal(c.guest[1], 0);
	assert_int_equal(c.guest[2], 0x1234);
	assert_int_equal(c.guest[4], 0);
	expect_kind(&c, 0, SEAL_SOURCE, 8192);
	expect_kind(&c, 8192, SEAL_WRITTEN, 20480); /* the unread 512 bytes in it don't count */
	expect_kind(&c, 20480, SEAL_SOURCE, 32768);
	expect_kind(&c, 33000, SEAL_UNREAD, 33792);
	expect_kind(&c, 33792, SEAL_SOURCE, MIB);
	expect_kind(&c, MIB, SEAL_DISCARDED, 2 * MIB);
	expect_kind(&c, 2 * MIB, SEAL_UNREAD, 2 * MIB + 512); /* what is in the discarded part doesn't count */
	expect_kind(&c, 3 * MIB, SEAL_SOURCE, SEALED_DISK);
}

/* Whatever is done to one byte of it, the seal is refused. */
static void no_byte_may_change(void **state)
{
	const struct test_folder *f = *state;
	AUTO(buf_done) struct buf text = BUF_INIT(MIB);
	AUTO_FD int fd = -1;

	seal_close(sealed(f));
	assert_int_equal(file_slurp(f->fd, SEAL_NAME, &text, NULL), 0);
	fd = openat(f->fd, SEAL_NAME, O_WRONLY | O_CLOEXEC);
	srandom(7);
	for (size_t i = 0; i < text.len; i++) {
		char byte = (char)(text.data[i] ^ (1 + random() % 255));
		struct err err = ERR_INIT;
		struct seal *s = NULL;

		assert_int_equal(pwrite(fd, &byte, 1, (off_t)i), 1);
		if (seal_open(f->fd, &s, &err) == 0)
			fail_msg("byte %zu became 0x%02x: unnoticed", i, (unsigned char)byte);
		assert_int_equal(err.code, ERR_CORRUPT);
		assert_ptr_equal(strstr(err.text, "'" SEAL_NAME "': "), err.text);
		assert_int_equal(pwrite(fd, &text.data[i], 1, (off_t)i), 1);
	}
}

static void refused(const struct test_folder *f, const char *text, const char *words)
{
	struct err err = ERR_INIT;
	struct seal *s = NULL;

	assert_int_equal(sealed_folder_put(f, SEAL_NAME, text, strlen(text)), 0);
	assert_int_equal(seal_open(f->fd, &s, &err), -1);
	assert_int_equal(err.code, ERR_CORRUPT);
	if (!strstr(err.text, words))
		fail_msg("'%s' isn't in '%s'", words, err.text);
}

#define HEAD "{\"seal\":{\"schema\":\"rehost-seal-1\",\"name\":\"x\"}}\n"
#define TREE "\"tree\":\"00112233445566778899aabbccddeeff\""
#define FILE "{\"file\":{\"name\":\"a\",\"size\":3," TREE "}}\n"
#define LEAF "{\"leaves\":{\"at\":0,\"zeros\":1}}\n"
#define DISK "{\"disk\":{\"file\":\"a\",\"format\":\"raw\",\"size\":4194304,\"identity\":\"\"}}\n"

static void hostile_seals_are_refused(void **state)
{
	const struct test_folder *f = *state;

	refused(f, "", "it has no end: line 0 is the last");
	refused(f, "{\"seal\":{\"schema\":\"rehost-seal-2\"}}\n",
		"line 1: schema 'rehost-seal-2', expected 'rehost-seal-1'");
	refused(f, "{\"seal\":{\"schema\":\"rehost-seal-1\"}}\n", "line 1: '' is no name of a result");
	refused(f, "{\"seal\":{\"schema\":\"rehost-seal-1\",\"name\":\"../../tmp/x\"}}\n",
		"line 1: '../../tmp/x' is no name of a result");
	refused(f, "{\"seal\":{\"schema\":\"rehost-seal-1\",\"name\":\"..\"}}\n", "'..' is no name of a result");
	refused(f, FILE, "line 1: it doesn't begin with \"seal\"");
	refused(f, HEAD HEAD, "line 2: it doesn't begin with \"seal\"");
	refused(f, HEAD "{\"file\":{\"name\":\"../a\",\"size\":3," TREE "}}\n", "line 2: '../a' is no name of a file");
	refused(f, HEAD "{\"file\":{\"name\":\"/etc/passwd\",\"size\":3," TREE "}}\n", "is no name of a file");
	refused(f, HEAD "{\"file\":{\"name\":\"a//b\",\"size\":3," TREE "}}\n", "'a//b' is no name of a file");
	refused(f, HEAD "{\"file\":{\"name\":\"a\",\"size\":3}}\n", "'a': size or tree hash is missing");
	refused(f, HEAD "{\"file\":{\"name\":\"a\",\"size\":2251799813685249," TREE "}}\n",
		"'a': 2251799813685249 bytes, 2251799813685248 are the most, and 9223372036854775807 of all files");
	refused(f, HEAD FILE FILE, "line 3: 'a' has 0 leaves before it, 1 expected");
	refused(f, HEAD FILE LEAF FILE, "line 4: 'a' behind 'a': names aren't in order");
	refused(f, HEAD LEAF, "leaves of no file");
	refused(f, HEAD FILE "{\"leaves\":{\"at\":0,\"zeros\":2}}\n", "leaves: 2 from 0 on, the file has 1");
	refused(f, HEAD FILE "{\"leaves\":{\"at\":0,\"xxh3\":\"00\"}}\n", "\"xxh3\" isn't made of hashes");
	refused(f, HEAD FILE LEAF "{\"disk\":{\"file\":\"b\"}}\n", "disk 'b' is none of the files");
	refused(f, HEAD FILE LEAF "{\"disk\":{\"file\":\"a\",\"format\":\"vmdk\",\"size\":1}}\n",
		"1 bytes, format 'vmdk'");
	refused(f, HEAD FILE LEAF "{\"disk\":{\"file\":\"a\",\"format\":\"raw\",\"size\":9007199254740992}}\n",
		"9007199254740992 bytes");
	refused(f, HEAD "{\"map\":\"w0+1\"}\n", "a map of no disk");
	refused(f, HEAD FILE LEAF DISK "{\"map\":\"w8+8 d0+4\"}\n", "map: 'd0+4': in no order, or outside of the disk");
	refused(f, HEAD FILE LEAF DISK "{\"map\":\"w8191+2\"}\n", "in no order, or outside of the disk");
	refused(f, HEAD FILE LEAF DISK "{\"map\":\"w18446744073709551615+1\"}\n", "is no run");
	refused(f, HEAD FILE LEAF DISK "{\"map\":\"q0+1\"}\n", "map: 'q0+1' is no run");
	refused(f, HEAD FILE LEAF DISK "{\"guest\":{\"at\":1,\"xxh3\":\"00000000000000000000000000000000\"}}\n",
		"guest: 2 chunks from 1 on, the disk has 2");
	refused(f, HEAD FILE LEAF DISK FILE, "a file behind the disks");
	refused(f, HEAD "{\"end\":{\"lines\":1,\"xxh3\":\"00112233445566778899aabbccddeeff\"}}\n",
		"the seal is damaged");
	refused(f, HEAD "{\"other\":1}\n", "line 2: of no kind that is known");
	refused(f, HEAD "{\"file\":", "line 2: cut off");
}

static void a_line_without_end(void **state)
{
	const struct test_folder *f = *state;
	AUTO_FREE char *text = malloc(3 * SEAL_LINE_MAX);

	memset(text, ' ', 3 * SEAL_LINE_MAX);
	text[3 * SEAL_LINE_MAX - 1] = '\0';
	refused(f, text, "line 1: over 65536 bytes");
}

static void no_seal(void **state)
{
	const struct test_folder *f = *state;
	struct err err = ERR_INIT;
	struct seal *s = NULL;

	assert_int_equal(seal_open(f->fd, &s, &err), -1);
	assert_int_equal(err.code, ERR_UNREADABLE);
	assert_int_equal(symlinkat("/etc/passwd", f->fd, SEAL_NAME), 0);
	assert_int_equal(seal_open(f->fd, &s, &err), -1);
	assert_int_equal(err.code, ERR_POLICY);
}

/* A disk's lines go on in further lines when there are many. */
static void long_lists(void **state)
{
	const struct test_folder *f = *state;
	AUTO_FD int fd = openat(f->fd, "web01-sda.raw", O_RDWR | O_CLOEXEC);
	AUTO(seal_closep) struct seal *s = NULL;
	AUTO(tree_done) struct tree t = {0};
	unsigned char(*leaves)[HASH128];
	const struct seal_file *file;
	uint64_t size = (uint64_t)2000 * TREE_CHUNK_MIN + 1;
	struct tree_job job = {.fd = fd, .name = "x", .size = size, .chunk = tree_chunk(size)};

	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	for (unsigned i = 0; i < 1200; i++)
		assert_int_equal(pwrite(fd, &i, sizeof i, (off_t)i * TREE_CHUNK_MIN), sizeof i);
	s = sealed(f);
	assert_int_equal(seal_files(s, &file), 4);
	leaves = calloc(2001, HASH128);
	assert_int_equal(tree_hash(&job, &t, NULL), 0);
	assert_int_equal(seal_leaves(s, &file[2], leaves, 2001, NULL), 0);
	assert_memory_equal(leaves, t.leaves, (size_t)2001 * HASH128);
	free(leaves);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(files_come_back, setup, teardown),
	    cmocka_unit_test_setup_teardown(content_comes_back, setup, teardown),
	    cmocka_unit_test_setup_teardown(no_byte_may_change, setup, teardown),
	    cmocka_unit_test_setup_teardown(hostile_seals_are_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_line_without_end, setup, teardown),
	    cmocka_unit_test_setup_teardown(no_seal, setup, teardown),
	    cmocka_unit_test_setup_teardown(long_lists, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
