/* Reading seal.ndjson as a whole when it is opened: is it one, and whole? */
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
#include "run/verify/seal_lines.h"

static int bad(struct err *err, const char *what)
{
	return err_set(err, ERR_CORRUPT, "%s", what);
}

struct reader {
	struct seal *s;
	struct seal_lines *lines;
	struct seal_line line;
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

	if (!f || r->leaves == seal_nleaves(f))
		return 0;
	return err_set(err, ERR_CORRUPT, "'%s' has %" PRIu64 " leaves before it, %" PRIu64 " expected", f->name,
		       r->leaves, seal_nleaves(f));
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
	struct seal_leaves_line l;

	if (!f || r->s->disks.n)
		return bad(err, "leaves of no file");
	if (seal_take_leaves(j, seal_nleaves(f), &l, err) < 0)
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

		if (seal_take_run(&text, r->map_end, d->size, &run, err) < 0)
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
	if (seal_take_guest(j, seal_nchunks(d), &at, &n, err) < 0)
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

	while ((got = seal_next_line(r->lines, &r->line, err)) > 0) {
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
	AUTO_FREE struct seal_lines *lines = seal_lines_new(s->fd, 0);
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
