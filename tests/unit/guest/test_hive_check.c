/* Tests of guest/hive_check.c: each damage of a hive is named with its place. */
#include "tests/unit/guest/folder_fixture.h"

#include "tests/support/hive_maker.h"

#define HIVE "/hive"

/* A hive with keys and values of all kinds, and big data, made by hand behind the rest. */
static struct buf sample(struct fixture *f)
{
	struct buf b = BUF_INIT(HIVE_FILE_MAX);

	assert_int_equal(
	    hive_make(f->g, HIVE,
		      "[A\\One]\n\"x\"=dword:00000001\n\"text\"=\"long enough for a cell\"\n[A\\Two]\n[B]\n"
		      "\"y\"=\"another text\"\n",
		      &f->err),
	    0);
	assert_int_equal(file_slurp(AT_FDCWD, on_host(f, HIVE), &b, &f->err), 0);
	return b;
}

static uint8_t *bytes(struct buf *b)
{
	return (uint8_t *)b->data;
}

/* The n-th allocated cell that begins with a tag: its data. */
static uint8_t *cell(struct buf *b, const char *tag, unsigned n)
{
	uint8_t *d = bytes(b);

	for (size_t bin = HIVE_BASE; bin < HIVE_BASE + get_le32(d + 40); bin += get_le32(d + bin + 8)) {
		for (size_t at = bin + 32, size; at < bin + get_le32(d + bin + 8); at += size) {
			int32_t stated = (int32_t)get_le32(d + at);

			size = (size_t)(stated < 0 ? -stated : stated);
			if (stated < 0 && memcmp(d + at + 4, tag, 2) == 0 && n-- == 0)
				return d + at + 4;
		}
	}
	fail_msg("no cell %s", tag);
	return NULL;
}

/* Offset of a cell as others point to it. */
static uint32_t offset_of(struct buf *b, const uint8_t *data)
{
	return (uint32_t)(data - 4 - bytes(b) - HIVE_BASE);
}

static void expect(struct fixture *f, struct buf *b, const char *words)
{
	struct hive_facts facts;

	put_le32(b->data + 508, hive_header_sum(bytes(b)));
	f->err = (struct err)ERR_INIT;
	assert_int_equal(hive_check(bytes(b), b->len, &facts, &f->err), -1);
	if (!strstr(f->err.text, words))
		fail_msg("no '%s' in '%s'", words, f->err.text);
	buf_done(b);
}

#define DAMAGED(damage, words)                                                                                         \
	do {                                                                                                           \
		struct buf b = sample(f);                                                                              \
		uint8_t *d = bytes(&b);                                                                                \
		(void)d;                                                                                               \
		damage;                                                                                                \
		expect(f, &b, words);                                                                                  \
	} while (0)

static void test_whole(void **state)
{
	struct fixture *f = *state;
	AUTO(buf_done) struct buf b = sample(f);
	struct hive_facts facts;

	assert_int_equal(hive_check(bytes(&b), b.len, &facts, &f->err), 0);
	assert_int_equal(facts.keys, 5);
	assert_int_equal(facts.values, 3);
	assert_false(facts.shared);
	b.data[508] ^= 1;
	assert_int_equal(hive_check(bytes(&b), b.len, &facts, &f->err), -1);
	assert_non_null(strstr(f->err.text, "checksum"));
}

static void test_base(void **state)
{
	struct fixture *f = *state;

	DAMAGED(b.len = 4096, "no registry hive, the smallest");
	DAMAGED(memcpy(d, "regx", 4), "found 72 65 67 78, expected 'regf'");
	DAMAGED(put_le32(d + 20, 2), "version 2.5");
	DAMAGED(put_le32(d + 24, 1), "version 1.1");
	DAMAGED(put_le32(d + 28, 6), "type 6");
	DAMAGED(put_le32(d + 40, 0), "0x0 bytes of bins");
	DAMAGED(put_le32(d + 40, 0x7ffff000), "0x7ffff000 bytes of bins");
	DAMAGED(put_le32(d + 40, 4097), "bytes of bins");
	DAMAGED(put_le32(d + 36, 0x28), "root key");
}

static void test_bins_and_cells(void **state)
{
	struct fixture *f = *state;

	DAMAGED(d[HIVE_BASE] = 'x', "no hive bin at 0x1000");
	DAMAGED(put_le32(d + HIVE_BASE + 4, 8), "hive bin at 0x1000: says offset 0x8");
	DAMAGED(put_le32(d + HIVE_BASE + 8, 0), "and 0x0 bytes");
	DAMAGED(put_le32(d + HIVE_BASE + 8, 0x100000), "are left");
	DAMAGED(put_le32(d + HIVE_BASE + 32, 0), "cell at 0x1020: size 0");
	DAMAGED(put_le32(d + HIVE_BASE + 32, (uint32_t)-4), "cell at 0x1020: size -4");
	DAMAGED(put_le32(d + HIVE_BASE + 32, 0x80000000), "cell at 0x1020: size -2147483648");
	DAMAGED(put_le32(d + HIVE_BASE + 32, 0x2000), "cell at 0x1020: size 8192");
}

static void test_keys(void **state)
{
	struct fixture *f = *state;

	DAMAGED(put_le16(cell(&b, "nk", 1) + 72, 60000), "no key at");
	DAMAGED(put_le32(cell(&b, "nk", 1) + 16, 8), "says parent 0x8");
	DAMAGED(put_le32(cell(&b, "nk", 0) + 20, 3), "1 of its 3 subkeys are in no list");
	DAMAGED(put_le32(cell(&b, "nk", 0) + 20, 1), "its key has 1 more");
	DAMAGED(put_le32(cell(&b, "nk", 0) + 28, 0x20), "no list of subkeys of its own");
	DAMAGED(put_le32(cell(&b, "nk", 0) + 28, UINT32_MAX), "no list of subkeys of its own");
	DAMAGED(put_le16(cell(&b, "lh", 0) + 2, 0xffff), "65535 elements");
	/* A key below itself. */
	DAMAGED(put_le32(cell(&b, "lh", 0) + 4, 0x20), "key at 0x1020: belongs to two others");
	DAMAGED(memcpy(cell(&b, "lh", 0), "ri", 2), "no list of subkeys of its own");
}

static void test_values(void **state)
{
	struct fixture *f = *state;

	DAMAGED(put_le16(cell(&b, "vk", 0) + 2, 9999), "no value at");
	DAMAGED(cell(&b, "vk", 0)[0] = 'x', "no value at");
	for (unsigned n = 0; n < 5; n++) {
		struct buf b = sample(f);

		if (get_le32(cell(&b, "nk", n) + 36) != 2) {
			buf_done(&b);
			continue;
		}
		put_le32(cell(&b, "nk", n) + 36, 1000);
		expect(f, &b, "no list of 1000 values");
		return;
	}
	fail_msg("no key with two values");
}

static void test_security(void **state)
{
	struct fixture *f = *state;

	DAMAGED(put_le32(cell(&b, "sk", 0) + 4, 0x20), "security cell at 0x1078: size or neighbours");
	DAMAGED(put_le32(cell(&b, "sk", 0) + 8, UINT32_MAX), "security cell at 0x1078: size or neighbours");
	DAMAGED(put_le32(cell(&b, "sk", 0) + 16, 4000), "security cell at 0x1078: size or neighbours");
	DAMAGED(put_le32(cell(&b, "nk", 1) + 44, 0x20), "no security cell at 0x1020");
}

/* The value that is long enough becomes big data, with a segment list that leads nowhere. */
static void test_big_data(void **state)
{
	struct fixture *f = *state;

	for (unsigned n = 0; n < 4; n++) {
		struct buf b = sample(f);
		uint8_t *vk = cell(&b, "vk", n), *data;

		if (get_le32(vk + 4) & 0x80000000) {
			buf_done(&b);
			continue;
		}
		data = bytes(&b) + HIVE_BASE + get_le32(vk + 8) + 4;
		put_le32(vk + 4, 20000);
		memcpy(data, "db", 2);
		put_le16(data + 2, 2);
		put_le32(data + 4, 0x40);
		expect(f, &b, "no list of 2 segments of its own at 0x1040");
		return;
	}
	fail_msg("no value in a cell");
}

/* Data of two values in one cell: good to be read, not to be changed. */
static void test_shared(void **state)
{
	struct fixture *f = *state;
	struct buf b = sample(f);
	uint8_t *first = NULL, *second = NULL;
	struct hive_facts facts;
	struct hive *h = NULL;

	for (unsigned n = 0; n < 3; n++) {
		uint8_t *vk = cell(&b, "vk", n);

		if (!(get_le32(vk + 4) & 0x80000000)) {
			first = first ? first : vk;
			second = vk;
		}
	}
	assert_ptr_not_equal(first, second);
	assert_int_not_equal(offset_of(&b, first), offset_of(&b, second));
	put_le32(second + 8, get_le32(first + 8));
	put_le32(second + 4, 8);
	put_le32(first + 4, 8);
	assert_int_equal(hive_check(bytes(&b), b.len, &facts, &f->err), 0);
	assert_true(facts.shared);
	assert_int_equal(f->g->ops->write(f->g, HIVE, b.data, b.len, 0644, &f->err), 0);
	assert_int_equal(hive_open(f->g, HIVE, "H", HIVE_EDIT, &h, &f->err), 0);
	assert_int_equal(hive_set_dword(h, "A", "z", 1, "r", &f->err), -1);
	assert_int_equal(f->err.code, ERR_UNSUPPORTED);
	assert_non_null(strstr(f->err.text, "two owners"));
	hive_close(h);
	buf_done(&b);
}

/* hivex would abort when it removed such a key. */
static void test_class_astray(void **state)
{
	struct fixture *f = *state;
	struct buf b = sample(f);
	struct hive *h = NULL;

	put_le32(cell(&b, "nk", 1) + 48, 0x2fffffff);
	assert_int_equal(f->g->ops->write(f->g, HIVE, b.data, b.len, 0644, &f->err), 0);
	assert_int_equal(hive_open(f->g, HIVE, "H", HIVE_EDIT, &h, &f->err), 0);
	assert_int_equal(hive_set_dword(h, "A", "z", 1, "r", &f->err), 0);
	assert_int_equal(hive_drop_key(h, "B", "r", &f->err), -1);
	assert_int_equal(f->err.code, ERR_UNSUPPORTED);
	assert_non_null(strstr(f->err.text, "the class of some key is in no cell, so that 'B' can't be removed"));
	hive_close(h);
	buf_done(&b);
}

/* A value that says 2 GiB, and one whose data are nowhere: there, but empty; the key can't be changed. */
static void test_unreadable_value(void **state)
{
	struct fixture *f = *state;
	struct buf b = sample(f);
	struct reg_value v;
	struct hive *h = NULL;

	for (unsigned n = 0; n < 3; n++) {
		uint8_t *vk = cell(&b, "vk", n);

		if (get_le32(vk + 4) & 0x80000000)
			continue;
		put_le32(vk + 4, n % 2 ? 0x7fffffff : 20);
		put_le32(vk + 8, n % 2 ? get_le32(vk + 8) : 0x7ffffff8);
	}
	put_le32(b.data + 508, hive_header_sum(bytes(&b)));
	assert_int_equal(f->g->ops->write(f->g, HIVE, b.data, b.len, 0644, &f->err), 0);
	if (hive_open(f->g, HIVE, "H", HIVE_EDIT, &h, &f->err) < 0)
		fail_msg("%s", f->err.text);
	assert_int_equal(hive_value(h, "A\\One", "text", &f->arena, &v, &f->err), 0);
	assert_true(v.there && !v.len);
	assert_int_equal(hive_value(h, "B", "y", &f->arena, &v, &f->err), 0);
	assert_true(v.there && !v.len);
	assert_int_equal(hive_set_dword(h, "B", "z", 1, "r", &f->err), -1);
	assert_non_null(strstr(f->err.text, "cannot read a value of key 'B'"));
	hive_close(h);
	buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    FIXTURE_TEST(test_whole),	       FIXTURE_TEST(test_base),
	    FIXTURE_TEST(test_bins_and_cells), FIXTURE_TEST(test_keys),
	    FIXTURE_TEST(test_values),	       FIXTURE_TEST(test_security),
	    FIXTURE_TEST(test_big_data),       FIXTURE_TEST(test_shared),
	    FIXTURE_TEST(test_class_astray),   FIXTURE_TEST(test_unreadable_value),
	};

	return cmocka_run_group_tests_name("hive_check", tests, NULL, NULL);
}
