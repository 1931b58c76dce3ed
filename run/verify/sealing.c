/* Making the seal of a result: hashes of its files, and what was done to its disks, as lines of JSON. */
#include "run/verify/sealing.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/checked.h"
#include "core/base/file.h"
#include "core/base/hash.h"
#include "core/model/version.h"
#include "run/graft.h"
#include "run/graft_map.h"
#include "run/verify/folder.h"
#include "run/verify/seal.h"
#include "run/verify/tree.h"

enum {
	LEAVES_A_LINE = 512,  /* 16 KiB */
	GUESTS_A_LINE = 1024, /* the same */
	MAP_LINE = 16 << 10,  /* bytes; a run has 41 at most */
	BLOCK_SECTORS = GRAFT_BLOCK / SEAL_SECTOR,
};

struct sealed {
	const char *name;
	struct tree tree;
};

struct sealing {
	int dirfd, fd; /* fd: of the seal */
	unsigned threads;
	struct arena arena;
	const char *result;
	VEC(struct sealed) files;
	/* writing */
	struct hash128 *hash; /* of all lines */
	uint64_t lines, off;
	struct buf line;
};

struct sealing *sealing_new(int dirfd, const char *result, unsigned threads)
{
	struct sealing *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	*s = (struct sealing){.dirfd = dirfd, .fd = -1, .threads = threads, .line = BUF_INIT(SEAL_LINE_MAX)};
	s->result = arena_strdup(&s->arena, result);
	return s;
}

void sealing_free(struct sealing *s)
{
	if (!s)
		return;
	VEC_FOR (f, &s->files)
		tree_done(&f->tree);
	if (s->fd >= 0)
		close(s->fd);
	hash128_free(s->hash);
	buf_done(&s->line);
	arena_done(&s->arena);
	free(s);
}

/* ---- files ---- */

static int hash_file(struct sealing *s, const struct folder_file *file, struct err *err)
{
	AUTO_FD int fd = file_open_beneath(s->dirfd, file->name, false, err);
	struct tree_job job = {
	    .fd = fd, .name = file->name, .size = file->size, .chunk = tree_chunk(file->size), .threads = s->threads};
	struct sealed *f;

	if (fd < 0)
		return -1;
	f = vec_push(&s->arena, &s->files);
	f->name = arena_strdup(&s->arena, file->name);
	return tree_hash(&job, &f->tree, err);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct sealed *)a)->name, ((const struct sealed *)b)->name);
}

/* Among the first n, which are sorted. */
static bool is_hashed(const struct sealing *s, size_t n, const char *name)
{
	struct sealed key = {.name = name};

	return n && bsearch(&key, s->files.v, n, sizeof key, by_name);
}

int sealing_hash(struct sealing *s, bool (*skip)(const char *name, void *opaque), void *opaque, struct err *err)
{
	AUTO(arena_done) struct arena arena = {0};
	folder_files files = {0};
	size_t earlier = s->files.n;

	if (folder_list(s->dirfd, &arena, &files, err) < 0)
		return -1;
	VEC_FOR (f, &files) {
		if (!strcmp(f->name, SEAL_NAME) || skip(f->name, opaque) || is_hashed(s, earlier, f->name))
			continue;
		if (!f->regular)
			return err_set(err, ERR_INTERNAL, "'%s' in the result is no regular file", f->name);
		if (hash_file(s, f, err) < 0)
			return -1;
	}
	if (s->files.n)
		qsort(s->files.v, s->files.n, sizeof *s->files.v, by_name);
	return 0;
}

struct json *sealing_json(const struct sealing *s)
{
	struct json *list = js_array();

	VEC_FOR (f, &s->files)
		js_add(list, seal_file_json(f->name, f->tree.size, f->tree.root));
	return list;
}

/* ---- lines ---- */

static int write_line(struct sealing *s, struct err *err)
{
	if (s->line.failed || buf_adds(&s->line, "\n") < 0)
		return err_set(err, ERR_INTERNAL, "a line of '" SEAL_NAME "' is over %d bytes", SEAL_LINE_MAX);
	if (file_pwrite(s->fd, s->line.data, s->line.len, s->off, err) < 0)
		return err_wrap(err, "'" SEAL_NAME "'");
	hash128_add(s->hash, s->line.data, s->line.len);
	s->off += s->line.len;
	s->lines++;
	buf_clear(&s->line);
	return 0;
}

/* {"KIND":VALUE}; value is taken. */
static int write_json(struct sealing *s, const char *kind, struct json *value, struct err *err)
{
	AUTO(js_freep) struct json *j = js_object();

	js_set(j, kind, value);
	if (js_print(j, false, &s->line) < 0)
		s->line.failed = true;
	return write_line(s, err);
}

static int write_head(struct sealing *s, struct err *err)
{
	struct json *j = js_object();

	js_set_str(j, "schema", SEAL_SCHEMA);
	js_set_str(j, "rehost", REHOST_VERSION);
	js_set_str(j, "name", s->result);
	return write_json(s, "seal", j, err);
}

/* How many leaves from i on are those of zeros, or aren't. */
static size_t leaves_run(const struct tree *t, const unsigned char zero[HASH128], size_t i, bool zeros)
{
	size_t n = 0;

	while (i + n < t->nleaves && !memcmp(t->leaves[i + n], zero, HASH128) == zeros)
		n++;
	return n;
}

static int write_zero_leaves(struct sealing *s, size_t at, size_t n, struct err *err)
{
	buf_addf(&s->line, "{\"leaves\":{\"at\":%zu,\"zeros\":%zu}}", at, n);
	return write_line(s, err);
}

static int write_some_leaves(struct sealing *s, const struct tree *t, size_t at, size_t n, struct err *err)
{
	char hex[HASH128_HEX];

	for (size_t i = 0; i < n; i++) {
		if (i % LEAVES_A_LINE == 0)
			buf_addf(&s->line, "{\"leaves\":{\"at\":%zu,\"xxh3\":\"", at + i);
		hash128_hex(t->leaves[at + i], hex);
		buf_adds(&s->line, hex);
		if (i + 1 < n && (i + 1) % LEAVES_A_LINE)
			continue;
		buf_adds(&s->line, "\"}}");
		if (write_line(s, err) < 0)
			return -1;
	}
	return 0;
}

static int write_leaves(struct sealing *s, const struct tree *t, struct err *err)
{
	unsigned char zero[HASH128];
	size_t n;

	if (tree_zero_leaf(tree_chunk(t->size), zero, err) < 0)
		return -1;
	for (size_t at = 0; at < t->nleaves; at += n) {
		n = leaves_run(t, zero, at, true);
		if (n && write_zero_leaves(s, at, n, err) < 0)
			return -1;
		at += n;
		n = leaves_run(t, zero, at, false);
		if (write_some_leaves(s, t, at, n, err) < 0)
			return -1;
	}
	return 0;
}

static int write_files(struct sealing *s, struct err *err)
{
	VEC_FOR (f, &s->files)
		if (write_json(s, "file", seal_file_json(f->name, f->tree.size, f->tree.root), err) < 0 ||
		    write_leaves(s, &f->tree, err) < 0)
			return -1;
	return 0;
}

/* ---- what was done to a disk ---- */

struct map_writer {
	struct sealing *s;
	uint64_t sectors; /* of the disk */
	uint64_t runs;
};

static int end_map_line(struct sealing *s, struct err *err)
{
	if (!s->line.len)
		return 0;
	buf_adds(&s->line, "\"}");
	return write_line(s, err);
}

/* A disk with more runs than a reader takes is told about as far as they go. */
static int write_run(struct map_writer *w, char kind, uint64_t first, uint64_t n, struct err *err)
{
	struct sealing *s = w->s;

	if (w->runs == SEAL_RUNS_MAX)
		return 0;
	if (++w->runs == SEAL_RUNS_MAX) {
		kind = 'x';
		n = w->sectors - first;
	}
	buf_addf(&s->line, s->line.len ? " %c%" PRIu64 "+%" PRIu64 : "{\"map\":\"%c%" PRIu64 "+%" PRIu64, kind, first,
		 n);
	return s->line.len < MAP_LINE ? 0 : end_map_line(s, err);
}

/* What couldn't be read of a range that is the source's. Sectors; *next is the first range that may be in it. */
static int write_unread(struct map_writer *w, const struct sealing_disk *d, size_t *next, uint64_t first, uint64_t end,
			struct err *err)
{
	for (; *next < d->nunread; ++*next) {
		uint64_t from = max_u64(d->unread[*next].off / SEAL_SECTOR, first);
		uint64_t to = min_u64(div_round_up(d->unread[*next].off + d->unread[*next].len, SEAL_SECTOR), end);

		if (from >= end)
			return 0;
		if (from < to && write_run(w, 'u', from, to - from, err) < 0)
			return -1;
		if (to == end)
			return 0; /* the rest of it may be in the next run */
	}
	return 0;
}

static int write_map_of(struct sealing *s, const struct sealing_disk *d, struct graft_map *map, struct err *err)
{
	struct map_writer w = {.s = s, .sectors = div_round_up(d->size, SEAL_SECTOR)};
	uint64_t nblocks = div_round_up(d->size, GRAFT_BLOCK), n, more;
	size_t unread = 0;

	for (uint64_t block = 0; block < nblocks; block += n) {
		enum graft_state state = graft_map_run(map, block, nblocks - block, &n);
		uint64_t first = block * BLOCK_SECTORS, end;
		int ret;

		for (; block + n < nblocks; n += more) /* runs end at leaves */
			if (graft_map_run(map, block + n, nblocks - block - n, &more) != state)
				break;
		end = min_u64((block + n) * BLOCK_SECTORS, w.sectors);
		ret = state == GRAFT_SOURCE ? write_unread(&w, d, &unread, first, end, err)
					    : write_run(&w, state == GRAFT_DELTA ? 'w' : 'd', first, end - first, err);
		if (ret < 0)
			return -1;
	}
	return end_map_line(s, err);
}

static int write_map(struct sealing *s, const struct sealing_disk *d, struct err *err)
{
	AUTO(graft_map_freep) struct graft_map *map = NULL;
	struct graft_map_key key = {.disk_size = d->size, .delta_size = d->delta_size};

	if (graft_map_load(d->map_fd, &key, &map, err) < 0)
		return err_wrap(err, "the map of '%s'", d->file);
	return write_map_of(s, d, map, err);
}

struct guest_hash {
	uint64_t chunk, hash;
};

static int by_chunk(const void *a, const void *b)
{
	const struct guest_hash *x = a, *y = b;

	return x->chunk < y->chunk ? -1 : x->chunk > y->chunk;
}

static size_t collect_hashes(const struct sealing_disk *d, struct guest_hash *ret)
{
	size_t n = 0, unique = 0;

	for (size_t i = 0; i < d->nextents; i++)
		if (d->extents[i].disk == d->journal_disk)
			ret[n++] = (struct guest_hash){d->extents[i].off / SEAL_CHUNK, d->extents[i].hash};
	qsort(ret, n, sizeof *ret, by_chunk);
	for (size_t i = 0; i < n; i++) /* a run that was resumed may have a chunk twice, with the same hash */
		if (!unique || ret[unique - 1].chunk != ret[i].chunk)
			ret[unique++] = ret[i];
	return unique;
}

static int write_guest(struct sealing *s, const struct sealing_disk *d, struct err *err)
{
	AUTO_FREE struct guest_hash *h = malloc((d->nextents + 1) * sizeof *h);
	size_t n, line = 0;

	if (!h)
		return err_nomem(err);
	n = collect_hashes(d, h);
	for (size_t i = 0; i < n; i++) {
		if (!line++)
			buf_addf(&s->line, "{\"guest\":{\"at\":%" PRIu64 ",\"xxh3\":\"", h[i].chunk);
		buf_addf(&s->line, "%016" PRIx64, h[i].hash);
		if (i + 1 < n && h[i + 1].chunk == h[i].chunk + 1 && line < GUESTS_A_LINE)
			continue;
		buf_adds(&s->line, "\"}}");
		if (write_line(s, err) < 0)
			return -1;
		line = 0;
	}
	return 0;
}

static int write_disk(struct sealing *s, const struct sealing_disk *d, struct err *err)
{
	struct json *j = js_object();

	js_set_str(j, "file", d->file);
	js_set_str(j, "format", d->format);
	js_set_u64(j, "size", d->size);
	js_set_str(j, "identity", d->identity);
	return write_json(s, "disk", j, err) < 0 || write_map(s, d, err) < 0 ? -1 : write_guest(s, d, err);
}

static int write_end(struct sealing *s, struct err *err)
{
	unsigned char hash[HASH128];
	char hex[HASH128_HEX];

	hash128_get(s->hash, hash);
	hash128_hex(hash, hex);
	buf_addf(&s->line, SEAL_END, s->lines, hex);
	return file_pwrite(s->fd, s->line.data, s->line.len, s->off, err);
}

int sealing_write(struct sealing *s, const struct sealing_disk *disks, size_t ndisks, struct err *err)
{
	s->hash = hash128_new();
	if (!s->hash)
		return err_nomem(err);
	s->fd = openat(s->dirfd, SEAL_NAME, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (s->fd < 0)
		return err_sys(err, ERR_BLOCKED, "cannot create '" SEAL_NAME "'");
	if (write_head(s, err) < 0 || write_files(s, err) < 0)
		return -1;
	for (size_t i = 0; i < ndisks; i++)
		if (write_disk(s, &disks[i], err) < 0)
			return -1;
	return write_end(s, err);
}
