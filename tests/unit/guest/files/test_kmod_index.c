/* Tests of guest/files/kmod_index.c: round trip, depmod's own files, and damage. */
#include "guest/files/kmod_index.h"

#include "core/base/bytes.h"
#include "tests/unit/support/initramfs_fixture.h"

static int note(const struct kmod_entry *e, void *opaque, struct err *err)
{
	return buf_addf(opaque, "%s=%s@%u ", e->key, e->value, e->priority);
}

static const char *dump(struct fixture *f, const struct buf *index)
{
	AUTO(buf_done) struct buf text = BUF_INIT(4096);

	assert_int_equal(kmod_index_each(index->data, index->len, note, &text, &f->err), 0);
	return arena_strdup(&f->arena, buf_str(&text));
}

static void test_round_trip(void **state)
{
	struct fixture *f = *state;
	AUTO(buf_done) struct buf b = BUF_INIT(4096), none = BUF_INIT(4096);
	struct kmod_entry entries[] = {{"virtio_ring", "r", 3},
				       {"virtio", "v2", 2},
				       {"ahci", "a", 1},
				       {"virtio", "v1", 1},
				       {"virtio_blk", "b", 4}};

	assert_int_equal(kmod_index_write(entries, 5, &b, &f->err), 0);
	assert_string_equal(dump(f, &b), "ahci=a@1 virtio=v1@1 virtio=v2@2 virtio_blk=b@4 virtio_ring=r@3 ");
	assert_int_equal(kmod_index_write(NULL, 0, &none, &f->err), 0);
	assert_int_equal(none.len, 12);
	assert_string_equal(dump(f, &none), "");
}

struct copied {
	struct arena arena;
	VEC(struct kmod_entry) entries;
};

static int copy(const struct kmod_entry *e, void *opaque, struct err *err)
{
	struct copied *c = opaque;

	*vec_push(&c->arena, &c->entries) =
	    (struct kmod_entry){arena_strdup(&c->arena, e->key), arena_strdup(&c->arena, e->value), e->priority};
	return 0;
}

/* depmod's own indexes of this machine, read and written again, are the same bytes. */
static void test_depmods_files(void **state)
{
	static const char *const files[] = {"modules.dep.bin", "modules.alias.bin", "modules.symbols.bin",
					    "modules.builtin.bin", "modules.builtin.alias.bin"};
	struct fixture *f = *state;
	const char *version = host_kernel(f);

	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		AUTO(buf_done) struct buf b = BUF_INIT(16 << 20), again = BUF_INIT(16 << 20);
		struct copied c = {0};
		const char *path = arena_printf(&f->arena, "/lib/modules/%s/%s", version, files[i]);

		assert_int_equal(file_slurp(AT_FDCWD, path, &b, &f->err), 0);
		assert_int_equal(kmod_index_each(b.data, b.len, copy, &c, &f->err), 0);
		assert_true(c.entries.n > 20);
		assert_int_equal(kmod_index_write(c.entries.v, c.entries.n, &again, &f->err), 0);
		assert_int_equal(again.len, b.len);
		assert_memory_equal(again.data, b.data, b.len);
		arena_done(&c.arena);
	}
}

static void expect_error(const void *data, size_t len, const char *text)
{
	AUTO(buf_done) struct buf out = BUF_INIT(4096);
	struct err err = ERR_INIT;

	assert_int_equal(kmod_index_each(data, len, note, &out, &err), -1);
	assert_string_equal(err.text, text);
}

#define HEAD "\xb0\x07\xf4\x57\0\2\0\1"

static void test_damage(void **state)
{
	expect_error("short", 5, "module index at 0x0: is no module index");
	expect_error("\xb0\x07\xf4\x57\0\3\0\1\0\0\0\xc", 12, "module index of version 0x30001, 0x20001 is known");
	expect_error(HEAD "\x80\0\0\x0c"
			  "abc",
		     15, "module index at 0xc: prefix has no end");
	expect_error(HEAD "\x8f\xff\xff\xff", 12, "module index at 0xfffffff: prefix has no end");
	expect_error(HEAD "\x20\0\0\x0c"
			  "a",
		     13, "module index at 0xc: children lie outside");
	expect_error(HEAD "\x20\0\0\x0c"
			  "ba\0\0\0\0",
		     18, "module index at 0xc: children aren't a range of ASCII");
	expect_error(HEAD "\x40\0\0\x0c\0\0", 14, "module index at 0xc: count of values lies outside");
	expect_error(HEAD "\x40\0\0\x0c\0\0\0\2\0\0\0\0a\0", 22, "module index at 0x16: value lies outside");
	expect_error(HEAD "\x40\0\0\x0c\0\0\0\1\0\0\0\0a", 21, "module index at 0x14: value has no end");
	/* a child that is its own parent */
	expect_error(HEAD "\x20\0\0\x0c"
			  "aa\x20\0\0\x0c",
		     18, "module index at 0xc: key is too long");
}

static void test_bad_keys(void **state)
{
	struct fixture *f = *state;
	AUTO(buf_done) struct buf b = BUF_INIT(4096);
	struct kmod_entry e = {"caf\xc3\xa9", "x", 0};
	char *huge = arena_alloc(&f->arena, 5001);

	assert_int_equal(kmod_index_write(&e, 1, &b, &f->err), -1);
	assert_string_equal(f->err.text, "module index: key 'caf\xc3\xa9' isn't ASCII");
	memset(huge, 'a', 5000);
	e.key = huge;
	assert_int_equal(kmod_index_write(&e, 1, &b, &f->err), -1);
	assert_string_equal(f->err.text,
			    "module index: key 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…' "
			    "has more than 4095 characters");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_round_trip),
	    TEST(test_depmods_files),
	    TEST(test_damage),
	    TEST(test_bad_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
