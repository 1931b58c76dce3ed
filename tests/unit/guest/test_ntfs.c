/* Tests of guest/ntfs.c over volumes that mkntfs makes. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/bytes.h"
#include "core/base/file.h"
#include "guest/ntfs.h"

struct volume {
	char path[64];
	int fd;
	struct err err;
};

static int from_file(void *opaque, uint64_t off, size_t len, void *to, struct err *err)
{
	return file_pread(((struct volume *)opaque)->fd, to, len, off, err);
}

static int setup(void **state)
{
	struct volume *v = calloc(1, sizeof *v);
	char command[160];

	if (system("command -v mkntfs > /dev/null") != 0) {
		print_message("SKIP: no mkntfs (ntfs-3g)\n");
		free(v);
		return 0;
	}
	strcpy(v->path, "/var/tmp/rehost-test-ntfs-XXXXXX");
	v->fd = mkstemp(v->path);
	assert_int_equal(ftruncate(v->fd, 16 << 20), 0);
	snprintf(command, sizeof command, "mkntfs -qQF %s > /dev/null 2>&1", v->path);
	assert_int_equal(system(command), 0);
	*state = v;
	return 0;
}

static int teardown(void **state)
{
	struct volume *v = *state;

	if (v) {
		close(v->fd);
		unlink(v->path);
		free(v);
	}
	return 0;
}

#define NEED_VOLUME(state)                                                                                             \
	({                                                                                                             \
		if (!*(state))                                                                                         \
			skip();                                                                                        \
		(struct volume *)*(state);                                                                             \
	})

/* Where file record 0 is, by the boot sector; mkntfs' records have 1024 bytes. */
static uint64_t mft_of(struct volume *v)
{
	uint8_t b[512];

	assert_int_equal(file_pread(v->fd, b, sizeof b, 0, &v->err), 0);
	assert_int_equal(b[0x40], 0xf6);
	return get_le64(b + 0x30) * get_le16(b + 0x0b) * b[0x0d];
}

static void put(struct volume *v, uint64_t off, const void *data, size_t len)
{
	assert_int_equal(pwrite(v->fd, data, len, (off_t)off), len);
}

/* Changes the flags of $Volume: its information is 12 bytes that begin with eight zeros, then 3, 1. */
static void set_flags(struct volume *v, uint8_t flags)
{
	static const uint8_t version[] = {0, 0, 0, 0, 0, 0, 0, 0, 3, 1};
	uint8_t record[1024], *at;

	assert_int_equal(file_pread(v->fd, record, sizeof record, mft_of(v) + 3 * 1024, &v->err), 0);
	at = memmem(record, sizeof record, version, sizeof version);
	assert_non_null(at);
	put(v, mft_of(v) + 3 * 1024 + (uint64_t)(at - record) + sizeof version, &flags, 1);
}

/* Where $LogFile's data begin: the offset of its only run. */
static uint64_t log_of(struct volume *v)
{
	uint8_t record[1024], *a;

	assert_int_equal(file_pread(v->fd, record, sizeof record, mft_of(v) + 2 * 1024, &v->err), 0);
	for (a = record + get_le16(record + 0x14); get_le32(a) != 0x80; a += get_le32(a + 4))
		assert_int_not_equal(get_le32(a), UINT32_MAX);
	a += get_le16(a + 0x20);
	assert_int_equal(*a >> 4, 2);
	return get_le16(a + 1 + (*a & 15)) * UINT64_C(4096);
}

static void put_restart(struct volume *v, uint64_t off, uint64_t lsn, uint16_t client, uint16_t flags)
{
	uint8_t page[4096] = "RSTR";

	put_le32(page + 16, 4096);
	put_le16(page + 24, 0x30);
	put_le64(page + 0x30, lsn);
	put_le16(page + 0x30 + 12, client);
	put_le16(page + 0x30 + 14, flags);
	put(v, off, page, sizeof page);
}

static struct ntfs_state state_of(struct volume *v)
{
	struct ntfs_state ret;

	if (ntfs_state_read(from_file, v, &ret, &v->err) < 0)
		fail_msg("%s", v->err.text);
	return ret;
}

static void test_clean(void **state)
{
	struct volume *v = NEED_VOLUME(state);
	struct ntfs_state s = state_of(v);

	assert_false(s.dirty || s.unfinished);
	assert_int_equal(s.major, 3);
	assert_int_equal(s.minor, 1);
}

static void test_dirty(void **state)
{
	struct volume *v = NEED_VOLUME(state);

	set_flags(v, 1);
	assert_true(state_of(v).dirty);
	set_flags(v, 0x40); /* chkdsk's other flags say nothing */
	assert_false(state_of(v).dirty);
}

static void test_log(void **state)
{
	struct volume *v = NEED_VOLUME(state);
	uint64_t log = log_of(v);

	put_restart(v, log, 10, 0, 0);
	put_restart(v, log + 4096, 9, 0xffff, 2);
	assert_true(state_of(v).unfinished);
	put_restart(v, log + 4096, 11, 0xffff, 0);
	assert_false(state_of(v).unfinished);
	put_restart(v, log, 12, 0, 2);
	assert_false(state_of(v).unfinished);
	put_restart(v, log, 13, 0, 0);
	assert_true(state_of(v).unfinished);
}

static void test_damaged(void **state)
{
	struct volume *v = NEED_VOLUME(state);
	struct ntfs_state s;

	put(v, mft_of(v) + 3 * 1024 + 510, "xx", 2); /* not what the record's head says */
	assert_int_equal(ntfs_state_read(from_file, v, &s, &v->err), -1);
	assert_non_null(strstr(v->err.text, "file record 3"));
	put(v, 0x40, "\x80", 1);
	assert_int_equal(ntfs_state_read(from_file, v, &s, &v->err), -1);
	assert_non_null(strstr(v->err.text, "aren't possible"));
	put(v, 3, "FAT32   ", 8);
	assert_int_equal(ntfs_state_read(from_file, v, &s, &v->err), -1);
	assert_non_null(strstr(v->err.text, "no NTFS"));
}

static void test_hibernation(void **state)
{
	assert_true(hibernation_is_held((const uint8_t *)"hibr\0\0", 6));
	assert_true(hibernation_is_held((const uint8_t *)"HIBR", 4));
	assert_false(hibernation_is_held((const uint8_t *)"wake", 4));
	assert_false(hibernation_is_held((const uint8_t *)"\0\0\0\0", 4));
	assert_false(hibernation_is_held((const uint8_t *)"hib", 3));
}

#define VOLUME_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    VOLUME_TEST(test_clean),
	    VOLUME_TEST(test_dirty),
	    VOLUME_TEST(test_log),
	    VOLUME_TEST(test_damaged),
	    cmocka_unit_test(test_hibernation),
	};

	return cmocka_run_group_tests_name("ntfs", tests, NULL, NULL);
}
