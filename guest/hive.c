/* One registry hive of a guest, read into memory, checked and replayed there, opened with hivex, written back in place.
 *
 * hivex trusts some of what it follows, so nothing reaches it that hive_check() has not seen.
 */
#include "guest/hive_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "core/base/bytes.h"
#include "core/base/file.h"
#include "guest/hive_check.h"
#include "guest/hive_log.h"
#include "guest/winpath.h"

enum {
	LOG_FILE_MAX = 64 << 20, /* Windows' own limit is 32 MiB */
};

enum hive_state hive_state(const struct hive *h)
{
	return h->state;
}

const char *hive_path(const struct hive *h)
{
	return h->path;
}

void hive_close(struct hive *h)
{
	if (!h)
		return;
	hive_forget_indexes(h);
	if (h->h)
		hivex_close(h->h);
	arena_done(&h->open.arena);
	arena_done(&h->arena);
	free(h);
}

/* --------------------------------------------------------------------------------------------------------- open */

static int missing(const char *path, struct err *err)
{
	errno = ENOENT;
	return err_sys(err, ERR_UNREADABLE, "cannot open '%s'", path);
}

/* Windows wrote the hive in two steps and didn't come to the second. */
static int dirty(const struct hive *h, const char *why, struct err *err)
{
	return err_set(
	    err, ERR_BLOCKED,
	    "'%s': Windows was not shut down cleanly, and %s: start Windows on the source, let it come up, and "
	    "shut it down with: shutdown /s /f /t 0",
	    h->path, why);
}

struct log_files {
	struct buf bytes[3];
	struct hive_log logs[3];
	size_t n;
};

static void log_files_done(struct log_files *l)
{
	for (size_t i = 0; i < l->n; i++)
		buf_done(&l->bytes[i]);
}

static int read_logs(struct hive *h, struct log_files *ret, struct err *err)
{
	static const char *const suffixes[] = {".LOG1", ".LOG2", ".LOG"};

	for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
		struct buf *b = &ret->bytes[ret->n];
		char *path;

		if (win_path(h->guest, arena_printf(&h->arena, "%s%s", h->path, suffixes[i]), &h->arena, &path, err) <
		    0)
			return -1;
		if (!path)
			continue;
		*b = (struct buf)BUF_INIT(LOG_FILE_MAX);
		ret->n++;
		if (h->guest->ops->read(h->guest, path, b, err) < 0)
			return -1;
		ret->logs[ret->n - 1] =
		    (struct hive_log){.name = path, .data = (const uint8_t *)b->data, .len = b->len};
	}
	return 0;
}

static bool has_log(const struct log_files *l, enum hive_log_kind kind)
{
	for (size_t i = 0; i < l->n; i++)
		if (hive_log_kind(&l->logs[i]) == kind)
			return true;
	return false;
}

/* Replays the logs, or says why they can't be. */
static int settle(struct hive *h, struct buf *b, struct err *err)
{
	AUTO(log_files_done) struct log_files logs = {0};
	struct err why = ERR_INIT;
	unsigned applied;

	if (read_logs(h, &logs, err) < 0)
		return -1;
	if (hive_log_replay(b, logs.logs, logs.n, &applied, &why) == 0) {
		h->state = HIVE_REPLAYED;
		return 0;
	}
	if (why.code != ERR_BLOCKED)
		return err_set(err, why.code, "%s", why.text);
	h->state = HIVE_DIRTY;
	if (h->mode == HIVE_READ)
		return 0;
	return dirty(h,
		     has_log(&logs, HIVE_LOG_NEW)   ? why.text
		     : has_log(&logs, HIVE_LOG_OLD) ? "its transaction log is in the format of Windows 8 and older"
						    : "there is no transaction log to finish its last write with",
		     err);
}

static int read_hive(struct hive *h, struct buf *b, struct err *err)
{
	struct hive_header header;
	struct hive_facts facts;

	if (h->guest->ops->read(h->guest, h->path, b, err) < 0)
		return -1;
	if (hive_header_read((const uint8_t *)b->data, b->len, &header, err) < 0)
		return -1;
	h->state = HIVE_CLEAN;
	if (hive_header_is_dirty(&header) && settle(h, b, err) < 0)
		return -1;
	if (hive_check((const uint8_t *)b->data, b->len, &facts, err) < 0)
		return -1;
	h->shared = facts.shared;
	h->astray = facts.astray;
	return 0;
}

/* A private file without a name on any disk, under a name for hivex. */
static int private_file(const void *data, size_t len, char ret_name[static 32], struct err *err)
{
	AUTO_FD int fd = memfd_create("rehost-hive", MFD_CLOEXEC);

	if (fd < 0)
		return err_sys(err, ERR_HOST, "cannot make a memory file");
	if (len && file_pwrite(fd, data, len, 0, err) < 0)
		return -1;
	snprintf(ret_name, 32, "/proc/self/fd/%d", fd);
	return take_fd(&fd);
}

static int open_hivex(struct hive *h, const struct buf *b, struct err *err)
{
	char name[32];
	AUTO_FD int fd = private_file(b->data, b->len, name, err);

	if (fd < 0)
		return -1;
	h->h = hivex_open(name, HIVEX_OPEN_WRITE);
	return h->h ? 0 : err_sys(err, ERR_CORRUPT, "hivex can't open it");
}

int hive_open(struct guest *g, const char *path, const char *root, enum hive_mode mode, struct hive **ret,
	      struct err *err)
{
	AUTO(hive_closep) struct hive *h = calloc(1, sizeof *h);
	AUTO(buf_done) struct buf b = BUF_INIT(HIVE_FILE_MAX);

	if (!h)
		return err_nomem(err);
	h->guest = g;
	h->root = root;
	h->mode = mode;
	if (win_path(g, path, &h->arena, &h->path, err) < 0)
		return -1;
	if (!h->path)
		return missing(path, err);
	if (read_hive(h, &b, err) < 0)
		return strstr(err ? err->text : "", h->path) ? -1 : err_wrap(err, "'%s'", h->path);
	if (open_hivex(h, &b, err) < 0)
		return err_wrap(err, "'%s'", h->path);
	*ret = take_ptr(&h);
	return 0;
}

/* ------------------------------------------------------------------------------------------------------- commit */

/* The hive as hivex has it now. */
static int collect(struct hive *h, struct buf *b, struct err *err)
{
	char name[32];
	AUTO_FD int fd = private_file(NULL, 0, name, err);

	if (fd < 0)
		return -1;
	if (hivex_commit(h->h, name, 0) < 0)
		return err_sys(err, ERR_CONVERT, "hivex can't write it");
	return file_slurp_fd(fd, "hive", b, err);
}

/* Whether a key that was made is still one, and below that parent: it may have been removed again. */
static bool is_still_there(struct hive *h, const struct made_key *m)
{
	return hivex_node_parent(h->h, m->node) == m->parent;
}

/* What hivex leaves to be done, and the proof that the result is whole. */
static int finish(struct hive *h, struct buf *b, struct err *err)
{
	uint8_t *data = (uint8_t *)b->data;
	struct hive_facts facts;

	put_le32(data + 508, hive_header_sum(data));
	if (hive_check(data, b->len, &facts, err) < 0)
		return -1;
	VEC_FOR (m, &h->made)
		if (is_still_there(h, m) && hive_place_subkey(data, m->parent, m->node, err) < 0)
			return -1;
	return hive_check(data, b->len, &facts, err);
}

static int write_back(struct hive *h, const struct buf *b, struct err *err)
{
	AUTO(buf_done) struct buf is = BUF_INIT(HIVE_FILE_MAX);

	if (guest_overwrite(h->guest, h->path, b->data, b->len, err) < 0 ||
	    h->guest->ops->read(h->guest, h->path, &is, err) < 0)
		return -1;
	if (is.len != b->len || memcmp(is.data, b->data, b->len) != 0)
		return err_set(err, ERR_CONVERT, "what was written is not what is read again");
	return 0;
}

int hive_commit(struct hive *h, struct changelog *log, struct err *err)
{
	AUTO(buf_done) struct buf b = BUF_INIT(HIVE_FILE_MAX);

	if (hive_may_change(h, err) < 0)
		return -1;
	if (!h->edits.list.n)
		return 0;
	if (hive_flush(h, err) < 0)
		return -1;
	if (collect(h, &b, err) < 0 || finish(h, &b, err) < 0 || write_back(h, &b, err) < 0)
		return err_wrap(err, "'%s'", h->path);
	hive_edits_record(&h->edits, log, h->path);
	h->edits.list.n = 0;
	return 0;
}
