/* Tests of guest/hive.c: typed reads and writes, the record of what changed, and what stays as it was. */
#include "tests/unit/guest/folder_fixture.h"

#include <errno.h>
#include <inttypes.h>
#include <time.h>

#include "tests/support/hive_maker.h"

#define SYSTEM "/Windows/System32/config/SYSTEM"

static const char sample[] = "[Select]\n"
			     "\"Current\"=dword:00000001\n"
			     "\"Default\"=dword:00000002\n"
			     "[ControlSet001\\Services\\disk]\n"
			     "\"Start\"=dword:00000000\n"
			     "[ControlSet002\\Control]\n"
			     "@=\"default of Control\"\n"
			     "\"Text\"=\"a \\\"quoted\\\" \\\\ one\"\n"
			     "\"Path\"=expand_sz:\"%SystemRoot%\\\\x.sys\"\n"
			     "\"List\"=multi_sz:\"one\",\"two\"\n"
			     "\"Bytes\"=hex:00,ff,10\n"
			     "\"Big\"=qword:0000000100000002\n"
			     "\"Typed\"=hex(ffff0012):61,00,00,00\n"
			     "[ControlSet002\\Services\\pvscsi\\Parameters]\n"
			     "\"Start\"=dword:00000003\n";

static struct hive *open_hive(struct fixture *f, enum hive_mode mode)
{
	struct hive *h = NULL;

	if (hive_open(f->g, SYSTEM, HIVE_KEY_SYSTEM, mode, &h, &f->err) < 0)
		fail_msg("%s", f->err.text);
	return h;
}

static void make(struct fixture *f, const char *text)
{
	if (hive_make(f->g, SYSTEM, text, &f->err) < 0)
		fail_msg("%s", f->err.text);
}

static struct hive *made(struct fixture *f, enum hive_mode mode)
{
	make(f, sample);
	return open_hive(f, mode);
}

static void test_read(void **state)
{
	struct fixture *f = *state;
	AUTO(hive_closep) struct hive *h = made(f, HIVE_READ);
	struct names names;
	struct reg_value v;
	uint32_t number;
	uint64_t big;
	char *text;

	assert_int_equal(hive_state(h), HIVE_CLEAN);
	assert_int_equal(hive_string(h, "controlset002\\CONTROL", "text", &f->arena, &text, &f->err), 0);
	assert_string_equal(text, "a \"quoted\" \\ one");
	assert_int_equal(hive_string(h, "CurrentControlSet\\Control", "", &f->arena, &text, &f->err), 0);
	assert_string_equal(text, "default of Control");
	assert_int_equal(hive_string(h, "CurrentControlSet\\Control", "Path", &f->arena, &text, &f->err), 0);
	assert_string_equal(text, "%SystemRoot%\\x.sys");
	assert_int_equal(hive_strings(h, "CurrentControlSet\\Control", "List", &f->arena, &names, &f->err), 0);
	assert_string_equal(joined(f, &names), "one two");
	assert_int_equal(hive_dword(h, "ControlSet001\\Services\\disk", "Start", 9, &number, &f->err), 0);
	assert_int_equal(number, 0);
	assert_int_equal(hive_qword(h, "ControlSet002\\Control", "Big", 0, &big, &f->err), 0);
	assert_int_equal(big, 0x100000002);
	assert_int_equal(hive_value(h, "ControlSet002\\Control", "Typed", &f->arena, &v, &f->err), 0);
	assert_true(v.there && v.type == 0xffff0012 && v.len == 4);
	assert_int_equal(hive_subkeys(h, "ControlSet002", &f->arena, &names, &f->err), 0);
	assert_string_equal(joined(f, &names), "Control Services");
	assert_true(hive_has_key(h, ""));
	assert_true(hive_has_key(h, "CurrentControlSet\\Services\\pvscsi"));
}

/* What isn't there, or of another type, is no error. */
static void test_missing(void **state)
{
	struct fixture *f = *state;
	AUTO(hive_closep) struct hive *h = made(f, HIVE_READ);
	struct names names;
	struct reg_values values;
	uint32_t number;
	char *text;

	assert_false(hive_has_key(h, "ControlSet001\\Services\\none\\deeper"));
	assert_int_equal(hive_string(h, "none", "x", &f->arena, &text, &f->err), 0);
	assert_null(text);
	assert_int_equal(hive_string(h, "ControlSet002\\Control", "Bytes", &f->arena, &text, &f->err), 0);
	assert_null(text);
	assert_int_equal(hive_dword(h, "ControlSet002\\Control", "Text", 7, &number, &f->err), 0);
	assert_int_equal(number, 7);
	assert_int_equal(hive_subkeys(h, "none", &f->arena, &names, &f->err), 0);
	assert_int_equal(names.list.n, 0);
	assert_int_equal(hive_values(h, "none", &f->arena, &values, &f->err), 0);
	assert_int_equal(values.list.n, 0);
	hive_close(take_ptr(&h));
	assert_int_equal(hive_open(f->g, "/Windows/none", "X", HIVE_READ, &h, &f->err), -1);
	assert_int_equal(f->err.sys, ENOENT);
}

static void test_record(void **state)
{
	struct fixture *f = *state;
	AUTO(hive_closep) struct hive *h = made(f, HIVE_EDIT);

	assert_int_equal(
	    hive_set_dword(h, "CurrentControlSet\\Services\\pvscsi\\Parameters", "Start", 4, "off", &f->err), 0);
	assert_int_equal(
	    hive_set_expand(h, "ControlSet002\\Services\\viostor", "ImagePath", "system32\\v.sys", "boot", &f->err), 0);
	assert_int_equal(hive_set_dword(h, "ControlSet002\\Services\\viostor", "Start", 0, "boot", &f->err), 0);
	assert_int_equal(hive_unset(h, "ControlSet002\\Control", "List", "boot", &f->err), 0);
	assert_int_equal(hive_drop_key(h, "ControlSet001\\Services", "gone", &f->err), 0);
	assert_int_equal(f->log.changes.n, 0);
	assert_int_equal(hive_commit(h, &f->log, &f->err), 0);
	assert_int_equal(f->log.changes.n, 3);
	assert_string_equal(f->log.changes.v[0].path, SYSTEM);
	assert_string_equal(f->log.changes.v[0].reason, "off");
	assert_non_null(strstr(f->log.changes.v[0].diff,
			       " [HKEY_LOCAL_MACHINE\\SYSTEM\\ControlSet002\\Services\\pvscsi\\Parameters]\n"
			       "-\"Start\"=dword:00000003\n"
			       "+\"Start\"=dword:00000004\n"));
	assert_non_null(strstr(f->log.changes.v[1].diff,
			       "+[HKEY_LOCAL_MACHINE\\SYSTEM\\ControlSet002\\Services\\viostor]\n"
			       "+\"ImagePath\"=expand_sz:\"system32\\\\v.sys\"\n"
			       "+\"Start\"=dword:00000000\n"
			       " [HKEY_LOCAL_MACHINE\\SYSTEM\\ControlSet002\\Control]\n"
			       "-\"List\"=multi_sz:\"one\",\"two\"\n"));
	assert_non_null(strstr(f->log.changes.v[2].diff,
			       "-[HKEY_LOCAL_MACHINE\\SYSTEM\\ControlSet001\\Services]\n"
			       "-[HKEY_LOCAL_MACHINE\\SYSTEM\\ControlSet001\\Services\\disk]\n"
			       "-\"Start\"=dword:00000000\n"));
	hive_close(take_ptr(&h));
	h = open_hive(f, HIVE_READ);
	assert_false(hive_has_key(h, "ControlSet001\\Services"));
	assert_true(hive_has_key(h, "ControlSet002\\Services\\viostor"));
}

/* The same value once more is no change, and a file that needn't be written isn't. */
static void test_nothing_changes(void **state)
{
	struct fixture *f = *state;
	AUTO(hive_closep) struct hive *h = made(f, HIVE_EDIT);
	struct stat before, after;

	before = aged(f, SYSTEM);
	assert_int_equal(hive_set_dword(h, "Select", "CURRENT", 1, "r", &f->err), 0);
	assert_int_equal(hive_set_string(h, "ControlSet002\\Control", "", "default of Control", "r", &f->err), 0);
	assert_int_equal(hive_unset(h, "Select", "none", "r", &f->err), 0);
	assert_int_equal(hive_drop_key(h, "none\\at all", "r", &f->err), 0);
	assert_int_equal(hive_make_key(h, "controlset002\\services\\PVSCSI", "r", &f->err), 0);
	assert_int_equal(hive_commit(h, &f->log, &f->err), 0);
	assert_int_equal(stat(on_host(f, SYSTEM), &after), 0);
	assert_memory_equal(&before.st_mtim, &after.st_mtim, sizeof before.st_mtim);
	assert_int_equal(f->log.changes.n, 0);
}

/* A plan closes the hive without a commit. */
static void test_no_commit(void **state)
{
	struct fixture *f = *state;
	AUTO(hive_closep) struct hive *h = made(f, HIVE_EDIT);
	struct stat before, after;

	before = aged(f, SYSTEM);
	assert_int_equal(hive_set_dword(h, "Select", "Current", 1, "r", &f->err), 0);
	hive_close(take_ptr(&h));
	assert_int_equal(stat(on_host(f, SYSTEM), &after), 0);
	assert_memory_equal(&before.st_mtim, &after.st_mtim, sizeof before.st_mtim);
	h = open_hive(f, HIVE_READ);
	assert_int_equal(hive_set_dword(h, "Select", "Current", 1, "r", &f->err), -1);
	assert_non_null(strstr(f->err.text, "open for reading"));
}

/* Every allocated cell of the hive before that isn't of the key that changes is there again, byte for byte. */
static void test_other_cells_stay(void **state)
{
	struct fixture *f = *state;
	AUTO(hive_closep) struct hive *h = made(f, HIVE_EDIT);
	AUTO(buf_done) struct buf before = BUF_INIT(HIVE_FILE_MAX);
	AUTO(buf_done) struct buf after = BUF_INIT(HIVE_FILE_MAX);
	unsigned cells = 0, changed = 0;
	struct stat st, st2;

	assert_int_equal(stat(on_host(f, SYSTEM), &st), 0);
	assert_int_equal(file_slurp(AT_FDCWD, on_host(f, SYSTEM), &before, &f->err), 0);
	assert_int_equal(hive_set_dword(h, "ControlSet001\\Services\\disk", "Start", 3, "r", &f->err), 0);
	assert_int_equal(hive_commit(h, &f->log, &f->err), 0);
	assert_int_equal(file_slurp(AT_FDCWD, on_host(f, SYSTEM), &after, &f->err), 0);
	assert_int_equal(stat(on_host(f, SYSTEM), &st2), 0);
	assert_int_equal(st.st_ino, st2.st_ino);
	for (size_t bin = HIVE_BASE; bin < before.len; bin += get_le32(before.data + bin + 8)) {
		for (size_t at = bin + 0x20, n; at < bin + get_le32(before.data + bin + 8); at += n) {
			int32_t size = (int32_t)get_le32(before.data + at);

			n = (size_t)(size < 0 ? -size : size);
			if (size > 0)
				continue;
			cells++;
			changed += memcmp(before.data + at, after.data + at, n) != 0;
		}
	}
	/* The key itself, its list of values and the value. */
	assert_true(cells > 30);
	assert_int_equal(changed, 3);
}

/* Windows looks keys up by their names in upper case: '_' stands behind 'Z' there, before 'a' elsewhere. */
static void test_order_of_keys(void **state)
{
	struct fixture *f = *state;
	AUTO(hive_closep) struct hive *h = NULL;
	struct names names;

	make(f, "[fooa]\n[foo_x]\n[Foo]\n[fooZ]\n[fo]\n[foo-]\n");
	h = open_hive(f, HIVE_READ);
	assert_int_equal(hive_subkeys(h, "", &f->arena, &names, &f->err), 0);
	assert_string_equal(joined(f, &names), "fo Foo foo- fooa fooZ foo_x");
}

static void test_many_keys(void **state)
{
	struct fixture *f = *state;
	AUTO(hive_closep) struct hive *h = NULL;
	struct names names;

	make(f, "[x]\n");
	h = open_hive(f, HIVE_EDIT);
	for (unsigned i = 0; i < 600; i++)
		assert_int_equal(
		    hive_make_key(h, arena_printf(&f->arena, "x\\%c%c_%u", 'a' + i % 26, 'A' + i % 7, i), "r", &f->err),
		    0);
	for (unsigned i = 0; i < 600; i += 3)
		assert_int_equal(
		    hive_drop_key(h, arena_printf(&f->arena, "x\\%c%c_%u", 'a' + i % 26, 'A' + i % 7, i), "r", &f->err),
		    0);
	assert_int_equal(hive_commit(h, &f->log, &f->err), 0);
	hive_close(take_ptr(&h));
	h = open_hive(f, HIVE_READ);
	assert_int_equal(hive_subkeys(h, "x", &f->arena, &names, &f->err), 0);
	assert_int_equal(names.list.n, 400);
}

static void test_refused_changes(void **state)
{
	struct fixture *f = *state;
	AUTO(hive_closep) struct hive *h = made(f, HIVE_EDIT);
	char *big = arena_alloc(&f->arena, HIVE_DATA_MAX + 1);

	assert_int_equal(hive_make_key(h, "Sch\xc3\xb6n", "r", &f->err), -1);
	assert_int_equal(f->err.code, ERR_UNSUPPORTED);
	assert_int_equal(hive_set(h, "Select", "x", REG_BINARY, big, HIVE_DATA_MAX + 1, "r", &f->err), -1);
	assert_int_equal(f->err.code, ERR_UNSUPPORTED);
	assert_int_equal(hive_set_string(h, "Select", "x", "\xff", "r", &f->err), -1);
	assert_int_equal(hive_drop_key(h, "", "r", &f->err), -1);
	assert_int_equal(hive_set_strings(h, "Select", "x", (const char *const[]){"a", "", NULL}, "r", &f->err), -1);
	/* None of them left anything behind. */
	assert_int_equal(hive_commit(h, &f->log, &f->err), 0);
	assert_int_equal(f->log.changes.n, 0);
}

static void test_unicode(void **state)
{
	struct fixture *f = *state;
	AUTO(hive_closep) struct hive *h = made(f, HIVE_EDIT);
	const char *text = "Gr\xc3\xb6\xc3\x9f"
			   "e \xe6\xbc\xa2 \xf0\x9f\x92\xbe";
	struct reg_value v;
	char *is;

	assert_int_equal(hive_set_string(h, "Select",
					 "Gr\xc3\xb6\xc3\x9f"
					 "e",
					 text, "r", &f->err),
			 0);
	assert_int_equal(hive_set(h, "Select", "lone", REG_SZ, "\x3d\xd8x\0\0\0", 6, "r", &f->err), 0);
	assert_int_equal(hive_set(h, "Select", "odd", REG_SZ, "x\0y", 3, "r", &f->err), 0);
	assert_int_equal(hive_commit(h, &f->log, &f->err), 0);
	hive_close(take_ptr(&h));
	h = open_hive(f, HIVE_READ);
	assert_int_equal(hive_string(h, "Select",
				     "Gr\xc3\xb6\xc3\x9f"
				     "e",
				     &f->arena, &is, &f->err),
			 0);
	assert_string_equal(is, text);
	assert_int_equal(hive_value(h, "Select",
				    "Gr\xc3\xb6\xc3\x9f"
				    "e",
				    &f->arena, &v, &f->err),
			 0);
	assert_int_equal(v.len, 22);
	assert_int_equal(hive_string(h, "Select", "lone", &f->arena, &is, &f->err), 0);
	assert_string_equal(is, "\xef\xbf\xbdx");
	assert_int_equal(hive_string(h, "Select", "odd", &f->arena, &is, &f->err), 0);
	assert_string_equal(is, "x");
}

/* What Windows starts with next counts, not what it ran with last: Default, and Current where that names none. */
static void test_control_set(void **state)
{
	struct fixture *f = *state;
	AUTO(hive_closep) struct hive *h = made(f, HIVE_READ);
	char *set;

	assert_int_equal(hive_control_set(h, &f->arena, &set, &f->err), 0);
	assert_string_equal(set, "ControlSet002");
	hive_close(take_ptr(&h));
	make(f, "[Select]\n\"Default\"=dword:00000003\n");
	h = open_hive(f, HIVE_READ);
	assert_int_equal(hive_control_set(h, &f->arena, &set, &f->err), 0);
	assert_string_equal(set, "ControlSet001");
	hive_close(take_ptr(&h));
	make(f, "[-Select]\n");
	h = open_hive(f, HIVE_READ);
	assert_int_equal(hive_control_set(h, &f->arena, &set, &f->err), -1);
	assert_non_null(strstr(f->err.text, "Select names no control set"));
}

/* A hive whose root has n subkeys "k00000" and so on: what hivex needs minutes to make. */
static void make_many(struct fixture *f, uint32_t n)
{
	enum { LIST = 0xa8, KEY = 0x58, SECURITY = 0x78, ROOT = 0x20 };
	uint32_t keys = LIST + 8 + 8 * n, end = keys + n * KEY, size = (end / 4096 + 1) * 4096;
	uint8_t *data = calloc(1, HIVE_BASE + (size_t)size), *bin = data + HIVE_BASE, minimal[MINIMAL_HIVE];

	hive_minimal(minimal);
	memcpy(data, minimal, HIVE_BASE + LIST);
	put_le32(data + 40, size);
	put_le32(data + 508, hive_header_sum(data));
	put_le32(bin + 8, size);
	put_le32(bin + ROOT + 24, n);
	put_le32(bin + ROOT + 32, LIST);
	put_le32(bin + LIST, (uint32_t) - (int32_t)(keys - LIST));
	memcpy(bin + LIST + 4, "lf", 2);
	put_le16(bin + LIST + 6, (uint16_t)n);
	for (uint32_t i = 0; i < n; i++) {
		uint8_t *key = bin + keys + i * KEY;

		put_le32(bin + LIST + 8 + 8 * i, keys + i * KEY);
		memcpy(key, bin + ROOT, KEY);
		put_le16(key + 6, 0x20);
		put_le32(key + 20, ROOT);
		put_le32(key + 24, 0);
		put_le32(key + 32, UINT32_MAX);
		put_le32(key + 48, SECURITY);
		put_le16(key + 76, 6);
		snprintf((char *)key + 80, 8, "k%05" PRIu32, i);
		memcpy(bin + LIST + 12 + 8 * i, key + 80, 4); /* the beginning of the name */
	}
	put_le32(bin + end, size - end);
	plant(f, SYSTEM, "");
	assert_int_equal(f->g->ops->write(f->g, SYSTEM, data, HIVE_BASE + (size_t)size, 0644, &f->err), 0);
	free(data);
}

/* Each subkey of a key with many is found without a look at all others. */
static void test_many_subkeys(void **state)
{
	enum { MANY = 10000 };
	struct fixture *f = *state;
	AUTO(hive_closep) struct hive *h = NULL;
	clock_t begin;

	make_many(f, MANY);
	h = open_hive(f, HIVE_EDIT);
	begin = clock();
	for (unsigned i = 0; i < MANY; i++)
		assert_true(hive_has_key(h, arena_printf(&f->arena, "K%05u", i)));
	assert_true(clock() - begin < 2 * CLOCKS_PER_SEC);
	assert_false(hive_has_key(h, "k10000"));
	/* What changes is seen at once. */
	assert_int_equal(hive_make_key(h, "k10000\\below", "r", &f->err), 0);
	assert_true(hive_has_key(h, "k10000\\below"));
	assert_int_equal(hive_drop_key(h, "k00500", "r", &f->err), 0);
	assert_false(hive_has_key(h, "k00500"));
	assert_true(hive_has_key(h, "k00501"));
	if (hive_commit(h, &f->log, &f->err) < 0)
		fail_msg("%s", f->err.text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    FIXTURE_TEST(test_read),
	    FIXTURE_TEST(test_missing),
	    FIXTURE_TEST(test_record),
	    FIXTURE_TEST(test_nothing_changes),
	    FIXTURE_TEST(test_no_commit),
	    FIXTURE_TEST(test_other_cells_stay),
	    FIXTURE_TEST(test_order_of_keys),
	    FIXTURE_TEST(test_many_keys),
	    FIXTURE_TEST(test_refused_changes),
	    FIXTURE_TEST(test_unicode),
	    FIXTURE_TEST(test_control_set),
	    FIXTURE_TEST(test_many_subkeys),
	};

	return cmocka_run_group_tests_name("hive", tests, NULL, NULL);
}
