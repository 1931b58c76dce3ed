/* Fuzz: a registry hive and its transaction log: the check, hivex behind it, a change of every kind and its commit.
 *
 * Input: a number of 32 bits, as many bytes of hive, the rest is the log. Checksums and hashes are made right first. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/bytes.h"
#include "core/base/checked.h"
#include "guest/hive.h"
#include "guest/hive_check.h"
#include "guest/hive_log.h"

enum { KEYS_MAX = 3000, INPUT_MAX = 1 << 20, ENTRY_HEADER = 40 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A guest of two files in memory: "/h" and "/h.LOG1". */
struct memory {
	struct guest guest;
	struct buf hive, log;
};

static struct buf *file_of(struct guest *g, const char *path)
{
	struct memory *m = (struct memory *)(void *)g;

	return strcmp(path, "/h") == 0 ? &m->hive : strcmp(path, "/h.LOG1") == 0 ? &m->log : NULL;
}

static int memory_read(struct guest *g, const char *path, struct buf *b, struct err *err)
{
	const struct buf *f = file_of(g, path);

	if (!f) {
		errno = ENOENT;
		return err_sys(err, ERR_UNREADABLE, "'%s'", path);
	}
	return f->len && buf_add(b, f->data, f->len) < 0 ? err_nomem(err) : 0;
}

static int memory_write(struct guest *g, const char *path, const void *data, size_t len, mode_t mode, struct err *err)
{
	struct buf *f = file_of(g, path);

	buf_clear(f);
	f->max = HIVE_FILE_MAX;
	return buf_add(f, data, len) < 0 ? err_nomem(err) : 0;
}

static int memory_stat(struct guest *g, const char *path, bool follow, struct guest_stat *ret, struct err *err)
{
	const struct buf *f = file_of(g, path);

	*ret = (struct guest_stat){.mode = f && f->len ? S_IFREG | 0644 : 0, .size = f ? f->len : 0};
	return 0;
}

static int memory_list(struct guest *g, const char *path, struct arena *a, struct names *ret, struct err *err)
{
	*ret = (struct names){0};
	return 0;
}

static void memory_close(struct guest *g)
{
}

static const struct guest_ops memory_ops = {
    .read = memory_read, .write = memory_write, .stat = memory_stat, .list = memory_list, .close = memory_close};

/* Reads everything below a key. */
static void walk(struct hive *h, const char *key, unsigned *room)
{
	AUTO(arena_done) struct arena a = {0};
	struct reg_values values;
	struct names names;
	char *text;

	if (!*room || strlen(key) > 4096)
		return;
	--*room;
	if (hive_values(h, key, &a, &values, NULL) == 0)
		VEC_FOR (v, &values.list)
			if (hive_string(h, key, v->name, &a, &text, NULL) < 0 ||
			    hive_strings(h, key, v->name, &a, &names, NULL) < 0)
				break;
	if (hive_subkeys(h, key, &a, &names, NULL) < 0)
		return;
	VEC_FOR (name, &names.list)
		walk(h, *key ? arena_printf(&a, "%s\\%s", key, *name) : *name, room);
}

/* What was committed must be a hive again. */
static void change(struct guest *g)
{
	AUTO(arena_done) struct arena a = {0};
	AUTO(hive_closep) struct hive *h = NULL;
	struct changelog log = {0};
	struct names names;
	struct err err = ERR_INIT;
	int failed;

	if (hive_open(g, "/h", "H", HIVE_EDIT, &h, &err) < 0 || hive_subkeys(h, "", &a, &names, &err) < 0)
		return;
	failed = hive_set_dword(h, names.list.n ? names.list.v[0] : "", "v", 1, "r", &err) < 0 ||
		 hive_set_string(h, "Made\\Below", "t", "text", "r", &err) < 0 ||
		 (names.list.n > 1 && hive_drop_key(h, names.list.v[1], "r", &err) < 0) ||
		 hive_commit(h, &log, &err) < 0;
	hive_close(take_ptr(&h));
	changelog_done(&log);
	if (!failed && hive_open(g, "/h", "H", HIVE_READ, &h, &err) < 0)
		abort();
	if (!failed && (hive_state(h) != HIVE_CLEAN || !hive_has_key(h, "made\\below")))
		abort();
}

static void mend_hive(struct buf *b)
{
	if (b->len >= HIVE_BASE)
		put_le32(b->data + 508, hive_header_sum((uint8_t *)b->data));
}

static void mend_log(struct buf *b)
{
	uint8_t *data = (uint8_t *)b->data;

	for (uint64_t off = HIVE_SECTOR, size; range_inside(off, ENTRY_HEADER, b->len); off += size) {
		size = get_le32(data + off + 4);
		if (size < ENTRY_HEADER || !range_inside(off, size, b->len))
			return;
		put_le64(data + off + 24, marvin32(HIVE_LOG_SEED, data + off + ENTRY_HEADER, size - ENTRY_HEADER));
		put_le64(data + off + 32, marvin32(HIVE_LOG_SEED, data + off, 32));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct memory m = {.guest = {.ops = &memory_ops}, .hive = BUF_INIT(INPUT_MAX), .log = BUF_INIT(INPUT_MAX)};
	struct hive *h = NULL;
	struct err err = ERR_INIT;
	unsigned room = KEYS_MAX;
	size_t len;

	if (size < 4 || size > INPUT_MAX)
		return 0;
	len = (size_t)min_u64(get_le32(data), size - 4);
	if (buf_add(&m.hive, data + 4, len) == 0 && buf_add(&m.log, data + 4 + len, size - 4 - len) == 0) {
		mend_hive(&m.hive);
		mend_log(&m.log);
		if (hive_open(&m.guest, "/h", "H", HIVE_READ, &h, &err) == 0) {
			walk(h, "", &room);
			change(&m.guest);
		} else if (err.code == ERR_NONE || err.code == ERR_INTERNAL || !*err.text) {
			abort();
		}
		hive_close(h);
	}
	buf_done(&m.hive);
	buf_done(&m.log);
	return 0;
}
