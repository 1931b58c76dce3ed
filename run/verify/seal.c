/* Reading seal.ndjson: once as a whole when it is opened, then the lines that are asked for. */
#include "run/verify/seal.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/checked.h"
#include "core/base/file.h"
#include "core/base/utf8.h"
#include "run/verify/folder.h"
#include "run/verify/tree.h"

struct seal {
	int fd;
	struct arena arena;
	char *result;
	VEC(struct seal_file) files;
	VEC(struct seal_disk) disks;
};

/* ---- lines ---- */

struct lines {
	int fd;
	uint64_t at;	   /* of the buffer's first byte, in the file */
	size_t have, next; /* bytes in the buffer; where the next line begins */
	uint64_t number;   /* of the line that was given last, from 1 */
	char buf[2 * SEAL_LINE_MAX];
};

static struct lines *lines_new(int fd, uint64_t at)
{
	struct lines *l = malloc(sizeof *l);

	if (l) {
		l->fd = fd;
		l->at = at;
		l->have = l->next = 0;
		l->number = 0;
	}
	return l;
}

/* Moves what is left to the front and reads on. Bytes read, 0 at the end of the file. */
static ssize_t refill(struct lines *l, struct err *err)
{
	ssize_t n;

	memmove(l->buf, l->buf + l->next, l->have - l->next);
	l->at += l->next;
	l->have -= l->next;
	l->next = 0;
	n = pread(l->fd, l->buf + l->have, sizeof l->buf - l->have, (off_t)(l->at + l->have));
	if (n < 0)
		return err_sys(err, ERR_UNREADABLE, "cannot read '" SEAL_NAME "'");
	l->have += (size_t)n;
	return n;
}

struct line {
	const char *text; /* of the lines, until the next one is asked for; with its newline */
	size_t len;
	uint64_t at; /* in the file */
};

/* 1 and a line, 0 at the end, -1. */
static int next_line(struct lines *l, struct line *ret, struct err *err)
{
	const char *newline;
	ssize_t n = 1;

	while (!(newline = memchr(l->buf + l->next, '\n', l->have - l->next))) {
		if (l->have - l->next >= SEAL_LINE_MAX)
			return err_set(err, ERR_CORRUPT, "line %" PRIu64 ": over %d bytes", l->number + 1,
				       SEAL_LINE_MAX);
		if (!n && l->have > l->next)
			return err_set(err, ERR_CORRUPT, "line %" PRIu64 ": cut off", l->number + 1);
		if (!n)
			return 0;
		n = refill(l, err);
		if (n < 0)
			return -1;
	}
	*ret = (struct line){
	    .text = l->buf + l->next, .len = (size_t)(newline + 1 - (l->buf + l->next)), .at = l->at + l->next};
	l->next += ret->len;
	l->number++;
	return 1;
}

/* ---- what a line says ---- */

static int bad(struct err *err, const char *what)
{
	return err_set(err, ERR_CORRUPT, "%s", what);
}

/* Hexadecimal hashes one behind the other: how many, or -1. */
static int64_t count_hashes(const char *hex, size_t digits)
{
	size_t len = strspn(hex, "0123456789abcdef");

	return hex[len] || !len || len % digits ? -1 : (int64_t)(len / digits);
}

/* A line of leaves: how many it has, of which kind, and where it begins. */
struct leaves_line {
	uint64_t at, n;
	const char *hashes; /* NULL: all are zeros */
};

static int take_leaves(const struct json *j, uint64_t nleaves, struct leaves_line *ret, struct err *err)
{
	const char *hashes = js_get_str(j, "xxh3", NULL);
	int64_t n = hashes ? count_hashes(hashes, HASH128_HEX - 1) : 0;

	*ret = (struct leaves_line){.at = js_get_u64(j, "at", UINT64_MAX),
				    .n = hashes ? (uint64_t)n : js_get_u64(j, "zeros", 0),
				    .hashes = hashes};
	if (n < 0)
		return bad(err, "leaves: \"xxh3\" isn't made of hashes");
	if (!ret->n || !range_inside(ret->at, ret->n, nleaves))
		return err_set(err, ERR_CORRUPT, "leaves: %" PRIu64 " from %" PRIu64 " on, the file has %" PRIu64,
			       ret->n, ret->at, nleaves);
	return 0;
}

static enum seal_kind kind_of(char letter)
{
	switch (letter) {
	case 'w':
		return SEAL_WRITTEN;
	case 'd':
		return SEAL_DISCARDED;
	case 'u':
		return SEAL_UNREAD;
	case 'x':
		return SEAL_UNKNOWN;
	}
	return SEAL_SOURCE;
}

/* A decimal number; advances *text. */
static bool take_number(const char **text, uint64_t *ret)
{
	char *end;

	if (**text < '0' || **text > '9')
		return false;
	*ret = strtoull(*text, &end, 10);
	*text = end;
	return *ret <= UINT64_MAX / SEAL_SECTOR;
}

/* "w128+16 ": one run of a map in sectors, inside the disk and behind `after` bytes. Advances *text. */
static int take_run(const char **text, uint64_t after, uint64_t size, struct seal_run *ret, struct err *err)
{
	const char *began = *text;
	uint64_t first, n, end;

	ret->kind = kind_of(**text);
	++*text;
	if (ret->kind == SEAL_SOURCE || !take_number(text, &first) || *(*text)++ != '+' || !take_number(text, &n) ||
	    (**text && *(*text)++ != ' '))
		return err_set(err, ERR_CORRUPT, "map: '%.40s' is no run", began);
	first *= SEAL_SECTOR;
	if (!n || first < after || first >= size || !add_fits(first, n * SEAL_SECTOR, &end) ||
	    end > align_up(size, SEAL_SECTOR))
		return err_set(err, ERR_CORRUPT, "map: '%.40s': in no order, or outside of the disk", began);
	ret->off = first;
	ret->len = min_u64(end, size) - first;
	return 0;
}

/* A line of guest hashes: the first chunk, how many. */
static int take_guest(const struct json *j, uint64_t nchunks, uint64_t *ret_at, uint64_t *ret_n, struct err *err)
{
	int64_t n = count_hashes(js_get_str(j, "xxh3", ""), 16);

	*ret_at = js_get_u64(j, "at", UINT64_MAX);
	*ret_n = (uint64_t)n;
	if (n < 0)
		return bad(err, "guest: \"xxh3\" isn't made of hashes");
	if (!range_inside(*ret_at, *ret_n, nchunks))
		return err_set(err, ERR_CORRUPT, "guest: %" PRIu64 " chunks from %" PRIu64 " on, the disk has %" PRIu64,
			       *ret_n, *ret_at, nchunks);
	return 0;
}

static uint64_t nleaves_of(const struct seal_file *f)
{
	return div_round_up(f->size, tree_chunk(f->size));
}

static uint64_t nchunks_of(const struct seal_disk *d)
{
	return div_round_up(d->size, SEAL_CHUNK);
}

/* ---- the first reading ---- */

struct reader {
	struct seal *s;
	struct lines *lines;
	struct line line;
	struct hash128 *hash; /* of all lines before this one */
	uint64_t bytes;	      /* of all files so far */
	uint64_t leaves;      /* that the file has so far */
	uint64_t map_end;     /* of the disk's last run */
	uint64_t guest_end;   /* chunk behind the last one with a hash */
	uint64_t runs;	      /* of the disk */
	bool ended;
};

/* No absolute path, nothing empty, no "." or ".." in it. */
static bool is_name(const char *name)
{
	size_t len = strlen(name);

	if (!len || len > FOLDER_NAME_MAX || name[len - 1] == '/')
		return false;
	while (*name) {
		size_t n = strcspn(name, "/");

		if (!n || (n == 1 && name[0] == '.') || (n == 2 && name[0] == '.' && name[1] == '.'))
			return false;
		name += n + (name[n] == '/');
	}
	return true;
}

static struct seal_file *last_file(const struct seal *s)
{
	return s->files.n ? &s->files.v[s->files.n - 1] : NULL;
}

static struct seal_disk *last_disk(const struct seal *s)
{
	return s->disks.n ? &s->disks.v[s->disks.n - 1] : NULL;
}

/* Before another file or disk begins: has the last file all of its leaves? */
static int close_file(const struct reader *r, struct err *err)
{
	const struct seal_file *f = last_file(r->s);

	if (!f || r->leaves == nleaves_of(f))
		return 0;
	return err_set(err, ERR_CORRUPT, "'%s' has %" PRIu64 " leaves before it, %" PRIu64 " expected", f->name,
		       r->leaves, nleaves_of(f));
}

static int read_head(struct reader *r, const struct json *j, struct err *err)
{
	const char *schema = js_get_str(j, "schema", ""), *name = js_get_str(j, "name", "");

	if (strcmp(schema, SEAL_SCHEMA) != 0)
		return err_set(err, ERR_CORRUPT, "schema '%.40s', expected '" SEAL_SCHEMA "'", schema);
	if (!is_name(name) || strchr(name, '/'))
		return err_set(err, ERR_CORRUPT, "'%.100s' is no name of a result", name);
	r->s->result = arena_strdup(&r->s->arena, name);
	utf8_defuse(r->s->result, true);
	return 0;
}

/* The sum of all sizes is one that JSON can tell. */
static int add_size(struct reader *r, const char *name, uint64_t size, struct err *err)
{
	if (size <= SEAL_FILE_MAX && add_fits(r->bytes, size, &r->bytes) && r->bytes <= INT64_MAX)
		return 0;
	return err_set(err, ERR_CORRUPT,
		       "'%.100s': %" PRIu64 " bytes, %" PRIu64 " are the most, and %" PRIu64 " of all files", name,
		       size, SEAL_FILE_MAX, (uint64_t)INT64_MAX);
}

static int read_file(struct reader *r, const struct json *j, struct err *err)
{
	const char *name = js_get_str(j, "name", "");
	const struct seal_file *before = last_file(r->s);
	struct seal_file f = {.size = js_get_u64(j, "size", UINT64_MAX)};

	if (close_file(r, err) < 0)
		return -1;
	if (r->s->disks.n)
		return bad(err, "a file behind the disks");
	if (!is_name(name))
		return err_set(err, ERR_CORRUPT, "'%.100s' is no name of a file", name);
	if (before && strcmp(before->name, name) >= 0)
		return err_set(err, ERR_CORRUPT, "'%.100s' behind '%.100s': names aren't in order", name, before->name);
	if (f.size == UINT64_MAX || !hash128_parse(js_get_str(j, "tree", ""), f.root))
		return err_set(err, ERR_CORRUPT, "'%.100s': size or tree hash is missing", name);
	if (add_size(r, name, f.size, err) < 0)
		return -1;
	if (r->s->files.n == SEAL_FILES_MAX)
		return err_set(err, ERR_CORRUPT, "more than %d files", SEAL_FILES_MAX);
	f.name = arena_strdup(&r->s->arena, name);
	f.leaves_at = r->line.at + r->line.len;
	*vec_push(&r->s->arena, &r->s->files) = f;
	r->leaves = 0;
	return 0;
}

static int read_leaves(struct reader *r, const struct json *j, struct err *err)
{
	const struct seal_file *f = last_file(r->s);
	struct leaves_line l;

	if (!f || r->s->disks.n)
		return bad(err, "leaves of no file");
	if (take_leaves(j, nleaves_of(f), &l, err) < 0)
		return -1;
	if (l.at != r->leaves)
		return err_set(err, ERR_CORRUPT, "leaves from %" PRIu64 " on, expected from %" PRIu64 " on", l.at,
			       r->leaves);
	r->leaves += l.n;
	return 0;
}

static bool has_file(const struct seal *s, const char *name)
{
	VEC_FOR (f, &s->files)
		if (!strcmp(f->name, name))
			return true;
	return false;
}

static int read_disk(struct reader *r, const struct json *j, struct err *err)
{
	const char *file = js_get_str(j, "file", ""), *format = js_get_str(j, "format", "");
	struct seal_disk d = {.size = js_get_u64(j, "size", 0)};

	if (close_file(r, err) < 0)
		return -1;
	if (r->s->disks.n == SEAL_DISKS_MAX)
		return err_set(err, ERR_CORRUPT, "more than %d disks", SEAL_DISKS_MAX);
	if (!has_file(r->s, file))
		return err_set(err, ERR_CORRUPT, "disk '%.100s' is none of the files", file);
	if (!d.size || d.size > SEAL_DISK_MAX || (strcmp(format, "qcow2") != 0 && strcmp(format, "raw") != 0))
		return err_set(err, ERR_CORRUPT, "disk '%.100s': %" PRIu64 " bytes, format '%.20s'", file, d.size,
			       format);
	d.file = arena_strdup(&r->s->arena, file);
	d.format = arena_strdup(&r->s->arena, format);
	d.identity = arena_strdup(&r->s->arena, js_get_str(j, "identity", ""));
	d.content_at = r->line.at + r->line.len;
	*vec_push(&r->s->arena, &r->s->disks) = d;
	r->map_end = r->guest_end = r->runs = 0;
	return 0;
}

static int read_map(struct reader *r, const struct json *j, struct err *err)
{
	const struct seal_disk *d = last_disk(r->s);
	const char *text = js_str(j, "");

	if (!d || !*text)
		return bad(err, "a map of no disk, or an empty one");
	while (*text) {
		struct seal_run run;

		if (take_run(&text, r->map_end, d->size, &run, err) < 0)
			return -1;
		r->map_end = run.off + run.len;
		if (++r->runs > SEAL_RUNS_MAX)
			return err_set(err, ERR_CORRUPT, "a map of more than %d runs", SEAL_RUNS_MAX);
	}
	return 0;
}

static int read_guest(struct reader *r, const struct json *j, struct err *err)
{
	const struct seal_disk *d = last_disk(r->s);
	uint64_t at, n;

	if (!d)
		return bad(err, "content of no disk");
	if (take_guest(j, nchunks_of(d), &at, &n, err) < 0)
		return -1;
	if (at < r->guest_end)
		return err_set(err, ERR_CORRUPT, "guest: chunk %" PRIu64 " behind %" PRIu64, at, r->guest_end);
	r->guest_end = at + n;
	return 0;
}

/* The last line is compared as a text: no byte of it may differ. */
static int read_end(struct reader *r, const struct json *j, struct err *err)
{
	unsigned char hash[HASH128];
	char hex[HASH128_HEX], expected[128];
	int n;

	if (close_file(r, err) < 0)
		return -1;
	hash128_get(r->hash, hash);
	hash128_hex(hash, hex);
	n = snprintf(expected, sizeof expected, SEAL_END, r->lines->number - 1, hex);
	if (r->line.len != (size_t)n || memcmp(r->line.text, expected, r->line.len) != 0)
		return err_set(err, ERR_CORRUPT, "it says '%.*s', the lines before it have '%.*s': the seal is damaged",
			       (int)min_u64(r->line.len - 1, 100), r->line.text, n - 1, expected);
	r->ended = true;
	return 0;
}

static const struct {
	const char *key;
	int (*read)(struct reader *r, const struct json *j, struct err *err);
} kinds[] = {
    {"seal", read_head}, {"file", read_file},	{"leaves", read_leaves}, {"disk", read_disk},
    {"map", read_map},	 {"guest", read_guest}, {"end", read_end},
};

static int read_line(struct reader *r, struct err *err)
{
	AUTO(js_freep) struct json *j = js_parse(r->line.text, r->line.len, err);

	if (!j)
		return -1;
	if (r->ended)
		return bad(err, "behind the end");
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		const struct json *value = js_get(j, kinds[i].key);

		if (!value)
			continue;
		if ((r->lines->number == 1) != (kinds[i].read == read_head))
			return bad(err, "it doesn't begin with \"seal\"");
		return kinds[i].read(r, value, err);
	}
	return bad(err, "of no kind that is known");
}

static int read_lines(struct reader *r, struct err *err)
{
	int got;

	while ((got = next_line(r->lines, &r->line, err)) > 0) {
		if (read_line(r, err) < 0)
			return err_wrap(err, "line %" PRIu64, r->lines->number);
		hash128_add(r->hash, r->line.text, r->line.len);
	}
	if (got < 0)
		return -1;
	return r->ended ? 0
			: err_set(err, ERR_CORRUPT, "it has no end: line %" PRIu64 " is the last", r->lines->number);
}

static int read_all(struct seal *s, struct err *err)
{
	AUTO_FREE struct lines *lines = lines_new(s->fd, 0);
	AUTO(hash128_freep) struct hash128 *hash = hash128_new();
	struct reader r = {.s = s, .lines = lines, .hash = hash};

	return lines && hash ? read_lines(&r, err) : err_nomem(err);
}

static int open_file(struct seal *s, int dirfd, struct err *err)
{
	struct stat st;

	s->fd = file_open_beneath(dirfd, SEAL_NAME, false, err);
	if (s->fd < 0)
		return -1;
	if (fstat(s->fd, &st) < 0)
		return err_sys(err, ERR_UNREADABLE, "cannot stat '" SEAL_NAME "'");
	if ((uint64_t)st.st_size > SEAL_BYTES_MAX)
		return err_set(err, ERR_CORRUPT, "it has %" PRIu64 " bytes, the most are %" PRIu64,
			       (uint64_t)st.st_size, SEAL_BYTES_MAX);
	return 0;
}

int seal_open(int dirfd, struct seal **ret, struct err *err)
{
	AUTO(seal_closep) struct seal *s = calloc(1, sizeof *s);

	if (!s)
		return err_nomem(err);
	s->fd = -1;
	if (open_file(s, dirfd, err) < 0)
		return -1;
	if (read_all(s, err) < 0)
		return err_wrap(err, "'" SEAL_NAME "'");
	*ret = take_ptr(&s);
	return 0;
}

void seal_close(struct seal *s)
{
	if (!s)
		return;
	if (s->fd >= 0)
		close(s->fd);
	arena_done(&s->arena);
	free(s);
}

const char *seal_result(const struct seal *s)
{
	return s->result;
}

size_t seal_files(const struct seal *s, const struct seal_file **ret)
{
	*ret = s->files.v;
	return s->files.n;
}

size_t seal_disks(const struct seal *s, const struct seal_disk **ret)
{
	*ret = s->disks.v;
	return s->disks.n;
}

struct json *seal_file_json(const char *name, uint64_t size, const unsigned char root[HASH128])
{
	struct json *j = js_object();
	char hex[HASH128_HEX];

	hash128_hex(root, hex);
	js_set_str(j, "name", name);
	js_set_u64(j, "size", size);
	js_set_str(j, "tree", hex);
	return j;
}

struct json *seal_files_json(const struct seal *s)
{
	struct json *list = js_array();

	VEC_FOR (f, &s->files)
		js_add(list, seal_file_json(f->name, f->size, f->root));
	return list;
}

/* ---- lines that are asked for later: the file may have changed since ---- */

/* Calls fn for each line from `at` on, until it returns non-zero. */
static int each_line(const struct seal *s, uint64_t at, int (*fn)(const struct json *j, void *opaque, struct err *err),
		     void *opaque, struct err *err)
{
	AUTO_FREE struct lines *lines = lines_new(s->fd, at);
	struct line line;
	int got = 1;

	if (!lines)
		return err_nomem(err);
	while ((got = next_line(lines, &line, err)) > 0) {
		AUTO(js_freep) struct json *j = js_parse(line.text, line.len, err);

		got = j ? fn(j, opaque, err) : -1;
		if (got)
			break;
	}
	return got < 0 ? err_wrap(err, "'" SEAL_NAME "' from 0x%" PRIx64 " on", at) : 0;
}

struct leaves_job {
	unsigned char (*leaves)[HASH128];
	uint64_t n, done;
	unsigned char zero[HASH128], last_zero[HASH128]; /* the file's last chunk may be shorter */
};

static void put_leaves(struct leaves_job *job, const struct leaves_line *l)
{
	char hex[HASH128_HEX] = "";

	for (uint64_t i = 0; i < l->n; i++) {
		uint64_t at = l->at + i;

		if (!l->hashes) {
			memcpy(job->leaves[at], at + 1 == job->n ? job->last_zero : job->zero, HASH128);
			continue;
		}
		memcpy(hex, l->hashes + i * (HASH128_HEX - 1), HASH128_HEX - 1);
		hash128_parse(hex, job->leaves[at]);
	}
	job->done += l->n;
}

static int add_leaves(const struct json *j, void *opaque, struct err *err)
{
	struct leaves_job *job = opaque;
	const struct json *leaves = js_get(j, "leaves");
	struct leaves_line l;

	if (!leaves)
		return 1;
	if (take_leaves(leaves, job->n, &l, err) < 0)
		return -1;
	put_leaves(job, &l);
	return 0;
}

int seal_leaves(const struct seal *s, const struct seal_file *f, unsigned char (*leaves)[HASH128], size_t n,
		struct err *err)
{
	struct leaves_job job = {.leaves = leaves, .n = n};
	uint64_t chunk = tree_chunk(f->size);

	if (!n)
		return 0;
	if (tree_zero_leaf(chunk, job.zero, err) < 0 ||
	    tree_zero_leaf(f->size - (n - 1) * chunk, job.last_zero, err) < 0 ||
	    each_line(s, f->leaves_at, add_leaves, &job, err) < 0)
		return -1;
	return job.done == n ? 0 : err_set(err, ERR_CORRUPT, "'" SEAL_NAME "' has changed while it was read");
}

struct content_job {
	const struct seal_disk *disk;
	struct seal_content *content;
	size_t cap;   /* of the runs */
	uint64_t end; /* of the last run */
};

static int add_run(struct content_job *job, const struct seal_run *run, struct err *err)
{
	struct seal_content *c = job->content;

	if (c->nruns == SEAL_RUNS_MAX)
		return err_set(err, ERR_CORRUPT, "a map of more than %d runs", SEAL_RUNS_MAX);
	if (c->nruns == job->cap) {
		size_t cap = job->cap ? 2 * job->cap : 64;
		struct seal_run *more = realloc(c->runs, cap * sizeof *more);

		if (!more)
			return err_nomem(err);
		c->runs = more;
		job->cap = cap;
	}
	c->runs[c->nruns++] = *run;
	job->end = run->off + run->len;
	return 0;
}

static int add_runs(struct content_job *job, const char *text, struct err *err)
{
	while (*text) {
		struct seal_run run;

		if (take_run(&text, job->end, job->disk->size, &run, err) < 0 || add_run(job, &run, err) < 0)
			return -1;
	}
	return 0;
}

static int add_guest(struct content_job *job, const struct json *j, struct err *err)
{
	const char *hashes = js_get_str(j, "xxh3", "");
	char hex[17] = "";
	uint64_t at, n;

	if (take_guest(j, job->content->nchunks, &at, &n, err) < 0)
		return -1;
	for (uint64_t i = 0; i < n; i++) {
		memcpy(hex, hashes + 16 * i, 16);
		job->content->guest[at + i] = strtoull(hex, NULL, 16);
	}
	return 0;
}

static int add_content(const struct json *j, void *opaque, struct err *err)
{
	struct content_job *job = opaque;
	const char *map = js_get_str(j, "map", NULL);

	if (map)
		return add_runs(job, map, err);
	return js_get(j, "guest") ? add_guest(job, js_get(j, "guest"), err) : 1;
}

int seal_content(const struct seal *s, const struct seal_disk *d, struct seal_content *ret, struct err *err)
{
	struct content_job job = {.disk = d, .content = ret};

	*ret = (struct seal_content){.nchunks = nchunks_of(d)};
	ret->guest = calloc(ret->nchunks, sizeof *ret->guest);
	if (!ret->guest)
		return err_nomem(err);
	return each_line(s, d->content_at, add_content, &job, err);
}

void seal_content_done(struct seal_content *c)
{
	free(c->runs);
	free(c->guest);
	*c = (struct seal_content){0};
}

enum seal_kind seal_kind_at(const struct seal_content *c, uint64_t off, uint64_t end, uint64_t *ret_end)
{
	size_t low = 0, high = c->nruns; /* the first run that ends behind off */

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (c->runs[mid].off + c->runs[mid].len > off)
			high = mid;
		else
			low = mid + 1;
	}
	if (low == c->nruns || c->runs[low].off > off) {
		*ret_end = low == c->nruns ? end : min_u64(end, c->runs[low].off);
		return SEAL_SOURCE;
	}
	*ret_end = min_u64(end, c->runs[low].off + c->runs[low].len);
	return c->runs[low].kind;
}
