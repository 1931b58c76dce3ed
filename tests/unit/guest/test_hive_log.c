/* Tests of guest/hive_log.c, and of hive_open() on hives whose last write was not finished. */
#include "tests/unit/guest/folder_fixture.h"

#include <time.h>

#include "tests/support/hive_log_maker.h"
#include "tests/support/hive_maker.h"

#define SYSTEM "/Windows/System32/config/SYSTEM"

/* A hive in two states, the second with a key more and three pages longer. */
struct states {
	struct buf old, new;
};

static void slurp(struct fixture *f, struct buf *b)
{
	*b = (struct buf)BUF_INIT(HIVE_FILE_MAX);
	assert_int_equal(file_slurp(AT_FDCWD, on_host(f, SYSTEM), b, &f->err), 0);
}

static struct states make_states(struct fixture *f)
{
	struct states s;
	AUTO(buf_done) struct buf more = BUF_INIT(1 << 20);

	assert_int_equal(hive_make(f->g, SYSTEM, "[Select]\n\"Current\"=dword:00000001\n[ControlSet001]\n", &f->err),
			 0);
	slurp(f, &s.old);
	buf_adds(&more, "[New]\n");
	for (unsigned i = 0; i < 200; i++)
		buf_addf(&more, "\"Value%u\"=\"text\"\n", i);
	assert_int_equal(hive_make(f->g, SYSTEM, buf_str(&more), &f->err), 0);
	slurp(f, &s.new);
	assert_true(s.new.len > s.old.len + 8192 && s.new.len < s.old.len + 65536);
	return s;
}

static void states_done(struct states *s)
{
	buf_done(&s->old);
	buf_done(&s->new);
}

static void put(struct fixture *f, const char *path, const struct buf *b)
{
	assert_int_equal(f->g->ops->write(f->g, path, b->data, b->len, 0644, &f->err), 0);
}

/* The old hive as a write that was begun leaves it: its sequence numbers are n + 1 and n. */
static uint32_t soil(struct buf *hive)
{
	uint8_t *base = (uint8_t *)hive->data;

	put_le32(base + 4, get_le32(base + 8) + 1);
	put_le32(base + 508, hive_header_sum(base));
	return get_le32(base + 8);
}

static const uint8_t *bytes(const struct buf *b)
{
	return (const uint8_t *)b->data;
}

/* A log whose only entry leads from the old state to the new one. */
static void log_of(struct buf *log, const struct states *s, uint32_t sequence)
{
	log_begin(log, bytes(&s->old), 6);
	log_entry(log, sequence, bytes(&s->old), s->old.len, bytes(&s->new), s->new.len);
}

/* The same in the guest, beside the old hive. */
static void put_log(struct fixture *f, const struct states *s, const char *path, uint32_t sequence)
{
	AUTO(buf_done) struct buf log = BUF_INIT(1 << 20);

	log_of(&log, s, sequence);
	put(f, path, &log);
}

/* .LOG1 and .LOG2. */
enum { LOGS = 2 };
struct logs {
	struct buf v[LOGS];
};

static void logs_done(struct logs *l)
{
	for (size_t i = 0; i < LOGS; i++)
		buf_done(&l->v[i]);
}

static int replay(struct fixture *f, struct states *s, const struct buf *logs, size_t n, unsigned *applied)
{
	struct hive_log list[LOGS];

	for (size_t i = 0; i < n; i++)
		list[i] = (struct hive_log){"log", bytes(&logs[i]), logs[i].len};
	s->old.max = HIVE_FILE_MAX;
	return hive_log_replay(&s->old, list, n, applied, &f->err);
}

static struct hive *opened(struct fixture *f, enum hive_mode mode)
{
	struct hive *h = NULL;

	if (hive_open(f->g, SYSTEM, "X", mode, &h, &f->err) < 0)
		fail_msg("%s", f->err.text);
	return h;
}

/* The vectors are those of .NET's own tests of its Marvin32. */
static void test_marvin32(void **state)
{
	const uint64_t seed = UINT64_C(0x004fb61a001bdbcc);

	assert_int_equal(marvin32(seed, "", 0), UINT64_C(0x30ed35c100cd3c7d));
	assert_int_equal(marvin32(seed, "\xaf", 1), UINT64_C(0x48e73fc77d75ddc1));
	assert_int_equal(marvin32(seed, "\xe7\x0f", 2), UINT64_C(0xb5f6e1fc485dbff8));
	assert_int_equal(marvin32(seed, "\x37\xf4\x95", 3), UINT64_C(0xf0b07c789b8cf7e8));
	assert_int_equal(marvin32(seed, "\x86\x42\xdc\x59", 4), UINT64_C(0x7008f2e87e9cf556));
	assert_int_equal(marvin32(seed, "\x15\x3f\xb7\x98\x26", 5), UINT64_C(0xe6c08c6da2afa997));
}

static void test_replayed(void **state)
{
	struct fixture *f = *state;
	AUTO(states_done) struct states s = make_states(f);
	AUTO(hive_closep) struct hive *h = NULL;

	put_log(f, &s, SYSTEM ".LOG1", soil(&s.old));
	put(f, SYSTEM, &s.old);
	h = opened(f, HIVE_EDIT);
	assert_int_equal(hive_state(h), HIVE_REPLAYED);
	assert_true(hive_has_key(h, "New"));
	/* Nothing is written by that alone; a change brings the replayed pages with it and leaves the hive clean. */
	assert_int_equal(hive_set_dword(h, "Select", "Current", 7, "r", &f->err), 0);
	assert_int_equal(hive_commit(h, &f->log, &f->err), 0);
	hive_close(take_ptr(&h));
	h = opened(f, HIVE_READ);
	assert_int_equal(hive_state(h), HIVE_CLEAN);
	assert_true(hive_has_key(h, "New"));
}

/* Entries in two logs, older ones before them. */
static void test_two_logs(void **state)
{
	struct fixture *f = *state;
	AUTO(states_done) struct states s = make_states(f);
	AUTO(logs_done) struct logs logs = {{BUF_INIT(1 << 20), BUF_INIT(1 << 20)}};
	uint32_t next = soil(&s.old);
	unsigned applied;

	log_of(&logs.v[0], &s, next + 1);
	log_begin(&logs.v[1], bytes(&s.old), 6);
	log_entry(&logs.v[1], next - 1, bytes(&s.new), s.new.len, bytes(&s.old), s.old.len);
	log_entry(&logs.v[1], next, bytes(&s.new), s.new.len, bytes(&s.old), s.old.len);
	assert_int_equal(replay(f, &s, logs.v, LOGS, &applied), 0);
	assert_int_equal(applied, 2);
	assert_int_equal(s.old.len, s.new.len);
	assert_memory_equal(s.old.data + HIVE_BASE, s.new.data + HIVE_BASE, s.new.len - HIVE_BASE);
	assert_int_equal(get_le32(s.old.data + 4), next + 1);
	assert_int_equal(get_le32(s.old.data + 8), next + 1);
}

/* A base block that broke off while it was written. */
static void test_wrong_checksum(void **state)
{
	struct fixture *f = *state;
	AUTO(states_done) struct states s = make_states(f);
	AUTO(hive_closep) struct hive *h = NULL;

	put_log(f, &s, SYSTEM ".LOG2", get_le32(s.old.data + 8));
	s.old.data[508] ^= 1;
	put(f, SYSTEM, &s.old);
	h = opened(f, HIVE_EDIT);
	assert_true(hive_has_key(h, "New"));
}

/* An entry whose bytes are not those that were hashed ends the replay before it. */
static void test_wrong_hashes(void **state)
{
	struct fixture *f = *state;
	AUTO(states_done) struct states s = make_states(f);
	const size_t places[] = {24, 32, 12, 16, 60, 5000};
	uint32_t next = soil(&s.old);

	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		AUTO(buf_done) struct buf log = BUF_INIT(1 << 20);
		unsigned applied;

		log_of(&log, &s, next);
		log.data[HIVE_SECTOR + places[i]] ^= 1;
		assert_int_equal(replay(f, &s, &log, 1, &applied), -1);
		assert_int_equal(f->err.code, ERR_BLOCKED);
		assert_int_equal(get_le32(s.old.data + 4), next + 1);
	}
}

static void expect_dirty(struct fixture *f, const char *words)
{
	AUTO(hive_closep) struct hive *h = NULL;

	assert_int_equal(hive_open(f->g, SYSTEM, "X", HIVE_EDIT, &h, &f->err), -1);
	assert_int_equal(f->err.code, ERR_BLOCKED);
	assert_non_null(strstr(f->err.text, words));
	assert_non_null(strstr(f->err.text, "shutdown /s /f /t 0"));
	/* It can be looked at. */
	h = opened(f, HIVE_READ);
	assert_int_equal(hive_state(h), HIVE_DIRTY);
	assert_true(hive_has_key(h, "Select"));
}

static void test_refused(void **state)
{
	struct fixture *f = *state;
	AUTO(states_done) struct states s = make_states(f);
	AUTO(buf_done) struct buf old = BUF_INIT(1 << 20);
	uint32_t next = soil(&s.old);

	put(f, SYSTEM, &s.old);
	expect_dirty(f, "no transaction log");
	log_begin(&old, bytes(&s.old), 1);
	buf_add(&old, "DIRT", 4);
	put(f, SYSTEM ".LOG", &old);
	expect_dirty(f, "the format of Windows 8 and older");
	put_log(f, &s, SYSTEM ".LOG1", next + 1);
	expect_dirty(f, "nothing that follows on sequence number");
}

/* Windows doesn't look into the logs of a hive that is whole. */
static void test_clean_hive(void **state)
{
	struct fixture *f = *state;
	AUTO(states_done) struct states s = make_states(f);
	AUTO(hive_closep) struct hive *h = NULL;

	put_log(f, &s, SYSTEM ".LOG1", get_le32(s.old.data + 8));
	put(f, SYSTEM, &s.old);
	h = opened(f, HIVE_EDIT);
	assert_int_equal(hive_state(h), HIVE_CLEAN);
	assert_false(hive_has_key(h, "New"));
}

/* Pages and sizes beyond what there is, with right hashes. */
static void test_hostile_entries(void **state)
{
	struct fixture *f = *state;
	AUTO(states_done) struct states s = make_states(f);
	const struct {
		size_t at;
		uint32_t value;
	} places[] = {{4, UINT32_MAX},	{4, 40},	  {16, 0x7ffff000}, {20, UINT32_MAX},
		      {20, 0x10000000}, {40, 0x7ffff000}, {44, UINT32_MAX}};
	uint32_t next = soil(&s.old);

	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		AUTO(buf_done) struct buf log = BUF_INIT(1 << 20);
		uint32_t size;
		unsigned applied;
		uint8_t *e;

		log_of(&log, &s, next);
		e = (uint8_t *)log.data + HIVE_SECTOR;
		size = get_le32(e + 4);
		put_le32(e + places[i].at, places[i].value);
		put_le64(e + 24, marvin32(HIVE_LOG_SEED, e + 40, size - 40));
		put_le64(e + 32, marvin32(HIVE_LOG_SEED, e, 32));
		assert_int_equal(replay(f, &s, &log, 1, &applied), -1);
	}
}

/* Entries that follow each other in turns of two logs: each is hashed once, not once a turn. */
static void test_turns(void **state)
{
	enum { ENTRIES = 4096 };
	struct fixture *f = *state;
	AUTO(states_done) struct states s = make_states(f);
	AUTO(logs_done) struct logs logs = {{BUF_INIT(4 << 20), BUF_INIT(4 << 20)}};
	uint32_t next = soil(&s.old);
	unsigned applied;
	clock_t begin;

	for (unsigned i = 0; i < LOGS; i++)
		log_begin(&logs.v[i], bytes(&s.old), 6);
	for (unsigned i = 0; i < LOGS * ENTRIES; i++)
		log_entry(&logs.v[i % LOGS], next + i, bytes(&s.old), s.old.len, bytes(&s.old), s.old.len);
	begin = clock();
	assert_int_equal(replay(f, &s, logs.v, LOGS, &applied), 0);
	assert_true(clock() - begin < 2 * CLOCKS_PER_SEC);
	assert_int_equal(applied, LOGS * ENTRIES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_marvin32),   FIXTURE_TEST(test_replayed),	   FIXTURE_TEST(test_two_logs),
	    FIXTURE_TEST(test_wrong_checksum), FIXTURE_TEST(test_wrong_hashes),	   FIXTURE_TEST(test_refused),
	    FIXTURE_TEST(test_clean_hive),     FIXTURE_TEST(test_hostile_entries), FIXTURE_TEST(test_turns),
	};

	return cmocka_run_group_tests_name("hive_log", tests, NULL, NULL);
}
