/* journal.ndjson: phases and copied extents of a partial folder; docs/journal.md. */
#include "run/journal.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/arena.h"
#include "core/base/checked.h"
#include "core/base/cleanup.h"
#include "core/base/file.h"
#include "core/base/log.h"

enum {
	READ_CHUNK = 256 << 10,
	LINE_MAX_BYTES = 256 << 20, /* a phase's line holds the change log with all its diffs */
};

struct journal {
	int dirfd, fd;
	struct json *run;
	enum phase phase;
	struct json *data[PHASE_PUBLISHED + 1];
	struct arena arena; /* of the extents and their notes */
	VEC(struct journal_extent) extents;
};

static const char *const phase_names[] = {
    [PHASE_UNKNOWN] = "unknown", [PHASE_MAPPED] = "mapped",	  [PHASE_CONVERTED] = "converted",
    [PHASE_COPIED] = "copied",	 [PHASE_PUBLISHED] = "published",
};

const char *phase_name(enum phase p)
{
	return phase_names[p];
}

static enum phase phase_by_name(const char *name)
{
	for (enum phase p = PHASE_MAPPED; p <= PHASE_PUBLISHED; p++)
		if (!strcmp(phase_names[p], name))
			return p;
	return PHASE_UNKNOWN;
}

static void forget(struct journal *j)
{
	js_free(take_ptr(&j->run));
	for (enum phase p = PHASE_UNKNOWN; p <= PHASE_PUBLISHED; p++)
		js_free(take_ptr(&j->data[p]));
	j->phase = PHASE_UNKNOWN;
	arena_done(&j->arena);
	j->extents.v = NULL;
	j->extents.n = j->extents.cap = 0;
}

void journal_close(struct journal *j)
{
	if (!j)
		return;
	forget(j);
	if (j->fd >= 0)
		close(j->fd);
	free(j);
}

/* 16 hexadecimal digits. */
static bool take_hash(const char *text, uint64_t *ret)
{
	char *end;

	*ret = strtoull(text, &end, 16);
	return strlen(text) == 16 && !*end;
}

static bool apply_extent(struct journal *j, const struct json *line)
{
	struct journal_extent e = {.disk = (unsigned)js_get_u64(line, "disk", 0),
				   .off = js_get_u64(line, "off", UINT64_MAX),
				   .len = js_get_u64(line, "len", 0),
				   .note = js_get_str(line, "note", "")};

	if (!take_hash(js_get_str(line, "xxh3", ""), &e.hash) || e.off == UINT64_MAX || !e.len)
		return false;
	if (js_get(line, "source") && !take_hash(js_get_str(line, "source", ""), &e.source))
		return false;
	e.note = arena_strdup(&j->arena, e.note);
	*vec_push(&j->arena, &j->extents) = e;
	return true;
}

static bool apply_phase(struct journal *j, const char *name, const struct json *data)
{
	enum phase phase = phase_by_name(name);

	if (phase == PHASE_UNKNOWN)
		return false;
	js_free(j->data[phase]);
	j->data[phase] = js_copy(data);
	j->phase = phase;
	return true;
}

/* True when the line is one that we wrote. */
static bool apply_line(struct journal *j, const char *text, size_t len)
{
	AUTO(js_freep) struct json *line = js_parse(text, len, NULL);
	const struct json *extent = js_get(line, "extent"), *run = js_get(line, "run");
	const char *phase = js_get_str(line, "phase", NULL);

	if (extent)
		return apply_extent(j, extent);
	if (phase)
		return apply_phase(j, phase, js_get(line, "data"));
	if (!run)
		return false;
	forget(j);
	j->run = js_copy(run);
	return true;
}

/* Applies the whole lines at the front of b and removes them; false at a damaged one. *good counts bytes applied. */
static bool apply_lines(struct journal *j, struct buf *b, uint64_t *good)
{
	const char *at = b->data, *end = b->data + b->len, *newline;
	bool fine = true;

	while (fine && (newline = memchr(at, '\n', (size_t)(end - at)))) {
		fine = apply_line(j, at, (size_t)(newline - at));
		if (!fine)
			break;
		*good += (uint64_t)(newline + 1 - at);
		at = newline + 1;
	}
	b->len = (size_t)(end - at);
	memmove(b->data, at, b->len);
	return fine;
}

/* Reads all; *ret_good is where the last good line ends. */
static int read_all(struct journal *j, uint64_t *ret_good, struct err *err)
{
	AUTO(buf_done) struct buf b = BUF_INIT(LINE_MAX_BYTES);

	*ret_good = 0;
	for (;;) {
		char *room = buf_reserve(&b, READ_CHUNK);
		ssize_t n = room ? pread(j->fd, room, READ_CHUNK, (off_t)(*ret_good + b.len)) : 0;

		if (!room)
			return err_set(err, ERR_CORRUPT, "'%s': the line at 0x%" PRIx64 " is over %d bytes",
				       JOURNAL_FILE, *ret_good, LINE_MAX_BYTES);
		if (n < 0)
			return err_sys(err, ERR_UNREADABLE, "cannot read '%s'", JOURNAL_FILE);
		if (!n)
			return 0;
		buf_commit(&b, (size_t)n);
		if (!apply_lines(j, &b, ret_good))
			return 0;
	}
}

static int cut_damage(struct journal *j, uint64_t good, struct err *err)
{
	struct stat st;

	if (fstat(j->fd, &st) < 0)
		return err_sys(err, ERR_UNREADABLE, "cannot stat '%s'", JOURNAL_FILE);
	if ((uint64_t)st.st_size == good)
		return 0;
	log_info("'%s': %" PRIu64 " bytes after the last whole line are ignored", JOURNAL_FILE,
		 (uint64_t)st.st_size - good);
	if (ftruncate(j->fd, (off_t)good) < 0)
		return err_sys(err, ERR_INTERNAL, "cannot cut '%s'", JOURNAL_FILE);
	return 0;
}

int journal_open(int dirfd, struct journal **ret, struct err *err)
{
	AUTO(journal_closep) struct journal *j = calloc(1, sizeof *j);
	uint64_t good;

	if (!j)
		return err_nomem(err);
	j->dirfd = dirfd;
	j->fd = openat(dirfd, JOURNAL_FILE, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (j->fd < 0)
		return err_sys(err, ERR_BLOCKED, "cannot open '%s'", JOURNAL_FILE);
	if (read_all(j, &good, err) < 0 || cut_damage(j, good, err) < 0)
		return -1;
	*ret = take_ptr(&j);
	return 0;
}

enum phase journal_phase(const struct journal *j)
{
	return j->phase;
}

const struct json *journal_run(const struct journal *j)
{
	return j->run;
}

const struct json *journal_phase_data(const struct journal *j, enum phase phase)
{
	return j->data[phase];
}

size_t journal_extents(const struct journal *j, const struct journal_extent **ret)
{
	*ret = j->extents.v;
	return j->extents.n;
}

/* Appends lines that end with a newline, durably. Half a line (the file system is full) is taken back: what follows it
 * would be lost. */
static int append(struct journal *j, const struct buf *lines, struct err *err)
{
	off_t before = lseek(j->fd, 0, SEEK_END);

	if (file_write(j->fd, lines->data, lines->len, err) < 0) {
		if (before < 0 || ftruncate(j->fd, before) < 0)
			log_warn("'%s': its last line is torn", JOURNAL_FILE);
		return err_wrap(err, "'%s'", JOURNAL_FILE);
	}
	if (fdatasync(j->fd) < 0)
		return err_sys(err, ERR_INTERNAL, "cannot sync '%s'", JOURNAL_FILE);
	return 0;
}

static int append_line(struct journal *j, const struct json *line, struct err *err)
{
	AUTO(buf_done) struct buf text = BUF_INIT(LINE_MAX_BYTES);

	if (js_print(line, false, &text) < 0 || buf_adds(&text, "\n") < 0)
		return err_set(err, ERR_INTERNAL, "'%s': a line is over %d bytes", JOURNAL_FILE, LINE_MAX_BYTES);
	return append(j, &text, err);
}

int journal_begin(struct journal *j, struct json *run, struct err *err)
{
	AUTO(js_freep) struct json *line = js_object();

	js_set(line, "run", run);
	forget(j);
	if (ftruncate(j->fd, 0) < 0)
		return err_sys(err, ERR_INTERNAL, "cannot empty '%s'", JOURNAL_FILE);
	if (append_line(j, line, err) < 0)
		return -1;
	j->run = js_copy(run);
	return file_sync_dir(j->dirfd, err);
}

int journal_reach(struct journal *j, enum phase phase, struct json *data, struct err *err)
{
	AUTO(js_freep) struct json *line = js_object();

	js_set_str(line, "phase", phase_name(phase));
	if (data)
		js_set(line, "data", data);
	if (append_line(j, line, err) < 0)
		return -1;
	apply_phase(j, phase_name(phase), data);
	return 0;
}

/* By hand: there may be a million. The note has no quotes, backslashes or control characters (block_ops.note). */
static int add_extent(struct buf *b, const struct journal_extent *e)
{
	char source[32] = "";

	if (e->source)
		snprintf(source, sizeof source, "\"source\":\"%016" PRIx64 "\",", e->source);
	return buf_addf(b,
			"{\"extent\":{\"disk\":%u,\"off\":%" PRIu64 ",\"len\":%" PRIu64 ",\"xxh3\":\"%016" PRIx64
			"\",%s\"note\":\"%s\"}}\n",
			e->disk, e->off, e->len, e->hash, source, e->note ? e->note : "");
}

bool journal_has(const struct journal *j, unsigned disk)
{
	const struct journal_extent *e;
	size_t n = journal_extents(j, &e);

	for (size_t i = 0; i < n; i++)
		if (e[i].disk == disk)
			return true;
	return false;
}

int journal_add_extents(struct journal *j, const struct journal_extent *e, size_t n, struct err *err)
{
	AUTO(buf_done) struct buf lines = BUF_INIT(LINE_MAX_BYTES);

	for (size_t i = 0; i < n; i++)
		if (add_extent(&lines, &e[i]) < 0)
			return err_nomem(err);
	return n ? append(j, &lines, err) : 0;
}
