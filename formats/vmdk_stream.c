/* streamOptimized extents: footer, markers, and inflating of grains. */
#include "formats/vmdk_stream.h"

#include <inttypes.h>
#include <pthread.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/checked.h"
#include "core/base/compress.h"
#include "core/base/log.h"
#include "formats/open.h"
#include "formats/unit_cache.h"

enum {
	/* Footer marker, footer, end-of-stream marker: the last three sectors, but for padding. */
	FOOTER_SECTORS = 3,
	/* Padding seen is one sector; tar rounds up to 10 KiB; 64 KiB is generous and still one read. */
	FOOTER_WINDOW = 64 << 10,
	CACHE_BYTES = 32 << 20,
	/* Grains looked at together, and compressed bytes read together. */
	GRAINS_A_LOOK = 64,
	FETCH_BYTES = 2 << 20,
	/* Kept between reads; more threads than that take new ones. */
	WORKERS_KEPT = 32,
};

struct marker {
	uint64_t value; /* grain: first sector of the disk; else sectors that follow */
	uint32_t size;	/* grain: compressed bytes; 0: not a grain */
	uint32_t type;
};

static struct marker marker_at(const unsigned char *p)
{
	return (struct marker){get_le64(p), get_le32(p + VMDK_M_SIZE), get_le32(p + VMDK_M_TYPE)};
}

static bool same_disk(const struct vmdk_header *a, const struct vmdk_header *b)
{
	return a->version == b->version && a->flags == b->flags && a->capacity == b->capacity && a->grain == b->grain &&
	       a->gtes == b->gtes && a->compression == b->compression && a->desc_offset == b->desc_offset &&
	       a->desc_size == b->desc_size;
}

static bool footer_here(const unsigned char *p)
{
	struct marker start = marker_at(p), end = marker_at(p + 2 * VMDK_SECTOR);

	return !start.size && start.type == VMDK_MARKER_FOOTER && !memcmp(p + VMDK_SECTOR, VMDK_MAGIC, 4) &&
	       !end.size && end.type == VMDK_MARKER_END;
}

int vmdk_stream_footer(struct block *file, struct vmdk_header *ret, uint64_t *ret_off, struct err *err)
{
	uint64_t end = align_down(file->size, VMDK_SECTOR);
	uint64_t start = end > FOOTER_WINDOW ? end - FOOTER_WINDOW : 0;
	uint64_t off;
	AUTO_FREE unsigned char *window = malloc(FOOTER_WINDOW);

	*ret_off = 0;
	if (!window)
		return err_nomem(err);
	if (block_pread(file, window, end - start, start, err) < 0)
		return err_wrap(err, "footer");
	for (off = end - start; off >= FOOTER_SECTORS * VMDK_SECTOR; off -= VMDK_SECTOR) {
		const unsigned char *p = window + off - FOOTER_SECTORS * VMDK_SECTOR;

		if (!footer_here(p))
			continue;
		*ret_off = start + (uint64_t)(p - window) + VMDK_SECTOR;
		return vmdk_header_parse(p + VMDK_SECTOR, ret, err) < 0
			   ? err_wrap(err, "footer at 0x%" PRIx64, *ret_off)
			   : 0;
	}
	return 0;
}

/* Where the stream of a truncated file breaks off: what was there till then is all there is, if the user allows. */
static int breaks_off(struct block *file, uint64_t off, uint64_t grains, struct err *err)
{
	if (file_may_be_cut_off(file)) {
		log_warn("vmdk '%s': truncated: the stream breaks off at 0x%" PRIx64 " after %" PRIu64
			 " grains, the rest of the disk reads as zeros",
			 file->name, off, grains);
		return 0;
	}
	return err_set(err, ERR_CORRUPT,
		       "truncated: no footer at the end, and the stream breaks off at 0x%" PRIx64 " after %" PRIu64
		       " grains, the file ends at 0x%" PRIx64 "; --allow-truncated reads what is there",
		       off, grains, file->size);
}

static int add_grain(struct vmdk_tables *t, const struct vmdk_header *h, const struct marker *m, uint64_t off,
		     struct err *err)
{
	if (m->value % h->grain || m->value >= h->capacity)
		return err_set(err, ERR_CORRUPT,
			       "grain marker at 0x%" PRIx64 ": sector %" PRIu64
			       " is no start of a grain on a disk of %" PRIu64 " sectors",
			       off, m->value, h->capacity);
	if (off / VMDK_SECTOR > UINT32_MAX)
		return err_set(err, ERR_UNSUPPORTED, "grain marker at 0x%" PRIx64 ": beyond 2 TiB", off);
	if (!t)
		return 0;
	return vmdk_tables_set(t, m->value / h->grain, (uint32_t)(off / VMDK_SECTOR), err);
}

/* One marker: counts and skips what it introduces. *done after the end marker. */
static int follow_marker(struct vmdk_tables *t, const struct vmdk_header *h, const struct marker *m, uint64_t *off,
			 bool *footer, struct err *err)
{
	if (m->size) {
		if (add_grain(t, h, m, *off, err) < 0)
			return -1;
		*off += align_up((uint64_t)VMDK_M_DATA + m->size, VMDK_SECTOR);
		return 0;
	}
	if (m->type > VMDK_MARKER_FOOTER || m->value > UINT32_MAX)
		return err_set(err, ERR_CORRUPT, "marker at 0x%" PRIx64 ": type %u with %" PRIu64 " sectors", *off,
			       m->type, m->value);
	*footer = *footer || m->type == VMDK_MARKER_FOOTER;
	*off += VMDK_SECTOR + m->value * VMDK_SECTOR;
	return 0;
}

/* One pass over the markers; t NULL: only to see whether they are right. The footer's marker must have come: without
 * it, zeros that fill up a truncated file would pass for the end-of-stream marker. */
static int scan_markers(struct block *file, const struct vmdk_header *h, struct vmdk_tables *t, struct err *err)
{
	uint64_t off, grains = 0;
	bool footer = false;

	if (!mul_fits(h->overhead, VMDK_SECTOR, &off) || !off)
		return err_set(err, ERR_CORRUPT, "header: an overhead of 0x%" PRIx64 " sectors", h->overhead);
	for (;;) {
		unsigned char sector[VMDK_SECTOR];
		struct marker m;

		if (!range_inside(off, sizeof sector, file->size))
			return breaks_off(file, off, grains, err);
		if (block_pread(file, sector, sizeof sector, off, err) < 0)
			return -1;
		m = marker_at(sector);
		if (!m.size && m.type == VMDK_MARKER_END)
			return footer ? 0 : breaks_off(file, off, grains, err);
		if (file_may_be_cut_off(file) && m.size > file->size - off)
			return breaks_off(file, off, grains, err);
		if (follow_marker(t, h, &m, &off, &footer, err) < 0)
			return -1;
		grains += m.size > 0;
	}
}

static int rebuild(struct block *file, const struct vmdk_header *h, const struct vmdk_geometry *g,
		   struct vmdk_tables **ret, struct err *err)
{
	AUTO(vmdk_tables_closep) struct vmdk_tables *t = NULL;

	/* A stream that breaks off costs no tables, which may be many times as large as the file. */
	if (!file_may_be_cut_off(file) && scan_markers(file, h, NULL, err) < 0)
		return -1;
	if (vmdk_tables_new(file, g, &t, err) < 0 || scan_markers(file, h, t, err) < 0)
		return -1;
	log_warn("vmdk '%s': no footer at the end: the grain tables were rebuilt from the markers", file->name);
	*ret = take_ptr(&t);
	return 0;
}

int vmdk_stream_tables(struct block *file, const struct vmdk_header *h, const struct vmdk_geometry *g,
		       struct vmdk_tables **ret, struct err *err)
{
	struct vmdk_header footer;
	uint64_t off, gd_off;

	if (vmdk_stream_footer(file, &footer, &off, err) < 0)
		return -1;
	if (!off)
		return rebuild(file, h, g, ret, err);
	if (!same_disk(h, &footer))
		return err_set(err, ERR_CORRUPT,
			       "footer at 0x%" PRIx64 ": describes another disk than the header (%" PRIu64
			       " sectors there, %" PRIu64 " here)",
			       off, footer.capacity, h->capacity);
	if (!footer.gd || footer.gd == VMDK_GD_AT_END || !mul_fits(footer.gd, VMDK_SECTOR, &gd_off))
		return err_set(err, ERR_CORRUPT, "footer at 0x%" PRIx64 ": grain directory at sector 0x%" PRIx64, off,
			       footer.gd);
	return vmdk_tables_open(file, g, gd_off, ret, err);
}

/* What one thread needs to inflate: taken from the pool for the time of a read. */
struct worker {
	struct worker *next;
	struct decoder *decoder;
	void *grain;	     /* room for one grain; NULL after it went to the cache */
	unsigned char *data; /* compressed bytes: [start, start+len) of the file */
	size_t cap, len;
	uint64_t start;
};

struct vmdk_inflater {
	struct block *file;	    /* borrowed */
	struct vmdk_tables *tables; /* borrowed */
	struct vmdk_geometry g;
	struct unit_cache *cache;
	size_t stored_max;    /* the most a compressed grain may take, its marker included */
	pthread_mutex_t lock; /* guards the pool */
	struct worker *pool;
	unsigned pooled;
};

static void worker_free(struct worker *w)
{
	decoder_free(w->decoder);
	free(w->grain);
	free(w->data);
	free(w);
}

static struct worker *worker_take(struct vmdk_inflater *i)
{
	struct worker *w;

	pthread_mutex_lock(&i->lock);
	w = i->pool;
	if (w) {
		i->pool = w->next;
		i->pooled--;
	}
	pthread_mutex_unlock(&i->lock);
	if (!w)
		w = calloc(1, sizeof *w);
	if (w && !w->decoder)
		w->decoder = decoder_new();
	if (w && !w->decoder) {
		worker_free(w);
		return NULL;
	}
	return w;
}

static void worker_give_back(struct vmdk_inflater *i, struct worker *w)
{
	bool keep;

	pthread_mutex_lock(&i->lock);
	keep = i->pooled < WORKERS_KEPT;
	if (keep) {
		w->next = i->pool;
		i->pool = w;
		i->pooled++;
	}
	pthread_mutex_unlock(&i->lock);
	if (!keep)
		worker_free(w);
}

int vmdk_inflater_new(struct block *file, struct vmdk_tables *tables, const struct vmdk_geometry *g,
		      struct vmdk_inflater **ret, struct err *err)
{
	struct vmdk_inflater *i = calloc(1, sizeof *i);

	if (!i)
		return err_nomem(err);
	i->cache = unit_cache_new(g->grain_bytes, CACHE_BYTES);
	if (!i->cache) {
		free(i);
		return err_nomem(err);
	}
	i->file = file;
	i->tables = tables;
	i->g = *g;
	i->stored_max = vmdk_stored_max(g->grain_bytes);
	pthread_mutex_init(&i->lock, NULL);
	*ret = i;
	return 0;
}

void vmdk_inflater_free(struct vmdk_inflater *i)
{
	if (!i)
		return;
	for (struct worker *w = i->pool, *next; w; w = next) {
		next = w->next;
		worker_free(w);
	}
	unit_cache_free(i->cache);
	pthread_mutex_destroy(&i->lock);
	free(i);
}

/* Grains that one read looks at: [first, first+n) and, behind them, where their data ends. */
struct look {
	uint64_t first;
	uint32_t n;
	uint32_t entries[GRAINS_A_LOOK + 1]; /* entries[n]: the next grain in the file, 0 when unknown */
};

/* Where to read to when the data of grain number `at` is needed: on to the last wanted grain that follows closely. */
static uint64_t fetch_end(const struct vmdk_inflater *i, const struct look *l, uint32_t at)
{
	uint64_t start = (uint64_t)l->entries[at] * VMDK_SECTOR, last = start;

	for (uint32_t k = at + 1; k <= l->n; k++) {
		uint64_t off = (uint64_t)l->entries[k] * VMDK_SECTOR;

		if (!off)
			continue;
		if (off <= last || off - last > i->stored_max)
			break;
		if (k == l->n || off - start > FETCH_BYTES)
			return off;
		last = off;
	}
	/* Unknown where the last one ends: most are stored in less than the grain. */
	return last + i->g.grain_bytes;
}

/* Reads [off, off+len) of the file into the worker. */
static int refill(struct vmdk_inflater *i, struct worker *w, uint64_t off, size_t len, struct err *err)
{
	w->len = 0;
	if (!w->data || len > w->cap) {
		free(w->data);
		w->cap = 0;
		w->data = malloc(len);
		if (!w->data)
			return err_nomem(err);
		w->cap = len;
	}
	if (block_pread(i->file, w->data, len, off, err) < 0)
		return -1;
	w->start = off;
	w->len = len;
	return 0;
}

/* Makes [off, off+need) present in the worker, reading up to `end` when it must read at all. */
static int fetch(struct vmdk_inflater *i, struct worker *w, uint64_t off, size_t need, uint64_t end,
		 const unsigned char **ret, struct err *err)
{
	uint64_t size = i->file->size;

	if (!range_inside(off, need, size))
		return err_set(err, ERR_CORRUPT, "%zu bytes needed: the file ends at 0x%" PRIx64, need, size);
	if (!w->len || off < w->start || off - w->start + need > w->len) {
		if (refill(i, w, off, (size_t)(min_u64(max_u64(end, off + need), size) - off), err) < 0)
			return -1;
	}
	*ret = w->data + (off - w->start);
	return 0;
}

static int check_marker(const struct vmdk_inflater *i, uint64_t grain, const struct marker *m, struct err *err)
{
	uint64_t sector = grain * (i->g.grain_bytes / VMDK_SECTOR);

	if (m->value != sector)
		return err_set(err, ERR_CORRUPT, "its marker says sector %" PRIu64 ", the grain table says %" PRIu64,
			       m->value, sector);
	if (!m->size || m->size > i->stored_max - VMDK_M_DATA)
		return err_set(err, ERR_CORRUPT, "%u compressed bytes for a grain of %" PRIu64, m->size,
			       i->g.grain_bytes);
	return 0;
}

/* The last grain of a disk may be stored whole, or only as far as the disk reaches. */
static int inflate(struct vmdk_inflater *i, struct worker *w, uint64_t grain, const void *in, size_t in_len, void *out,
		   struct err *err)
{
	uint64_t left = i->g.capacity - grain * i->g.grain_bytes;

	if (decoder_run(w->decoder, CODEC_ZLIB, in, in_len, out, i->g.grain_bytes, err) == 0)
		return 0;
	if (left >= i->g.grain_bytes)
		return -1;
	return decoder_run(w->decoder, CODEC_ZLIB, in, in_len, out, left, NULL);
}

/* Do these bytes reach behind the end of a file that may be cut off? */
static bool is_cut(const struct vmdk_inflater *i, uint64_t off, uint64_t len)
{
	return file_may_be_cut_off(i->file) && !range_inside(off, len, file_end(i->file));
}

static int read_as_zeros(const struct vmdk_inflater *i, void *out, struct err *err)
{
	if (err)
		err_clear(err);
	file_tell_cut_off(i->file);
	memset(out, 0, i->g.grain_bytes);
	return 0;
}

/* Inflates the grain number `at` of the look into out, which has room for a whole grain. */
static int inflate_grain(struct vmdk_inflater *i, struct worker *w, const struct look *l, uint32_t at, void *out,
			 struct err *err)
{
	uint64_t grain = l->first + at;
	uint64_t off = (uint64_t)l->entries[at] * VMDK_SECTOR;
	uint64_t end = fetch_end(i, l, at);
	const unsigned char *p;
	struct marker m;

	if (is_cut(i, off, VMDK_M_DATA))
		return read_as_zeros(i, out, err);
	if (fetch(i, w, off, VMDK_M_DATA + sizeof m.type, end, &p, err) == 0) {
		m = marker_at(p);
		if (check_marker(i, grain, &m, err) == 0 && fetch(i, w, off, VMDK_M_DATA + m.size, end, &p, err) == 0 &&
		    inflate(i, w, grain, p + VMDK_M_DATA, m.size, out, err) == 0)
			return 0;
		if (is_cut(i, off, VMDK_M_DATA + m.size))
			return read_as_zeros(i, out, err);
	}
	return err_wrap(err, "grain %" PRIu64 " at 0x%" PRIx64, grain, off);
}

/* len bytes at in_grain of one grain. A whole grain goes straight to the caller, a part through the cache. */
static int read_part(struct vmdk_inflater *i, struct worker *w, const struct look *l, uint32_t at, char *buf,
		     size_t len, size_t in_grain, struct err *err)
{
	uint32_t entry = l->entries[at];

	if (!entry || (i->g.zeroed && entry == VMDK_GTE_ZEROED)) {
		memset(buf, 0, len);
		return 0;
	}
	if (unit_cache_read(i->cache, l->first + at, in_grain, len, buf))
		return 0;
	if (len == i->g.grain_bytes)
		return inflate_grain(i, w, l, at, buf, err);
	if (!w->grain)
		w->grain = malloc(i->g.grain_bytes);
	if (!w->grain)
		return err_nomem(err);
	if (inflate_grain(i, w, l, at, w->grain, err) < 0)
		return -1;
	memcpy(buf, (char *)w->grain + in_grain, len);
	unit_cache_put(i->cache, l->first + at, &w->grain);
	return 0;
}

static int take_look(struct vmdk_inflater *i, uint64_t first, uint64_t last, struct look *l, struct err *err)
{
	l->first = first;
	l->n = (uint32_t)min_u64(last - first + 1, GRAINS_A_LOOK);
	if (vmdk_tables_get(i->tables, first, l->n, l->entries, err) < 0)
		return -1;
	return vmdk_tables_next(i->tables, first + l->n - 1, &l->entries[l->n], err);
}

static int read_look(struct vmdk_inflater *i, struct worker *w, const struct look *l, char **buf, size_t *len,
		     uint64_t *off, struct err *err)
{
	for (uint32_t at = 0; at < l->n; at++) {
		size_t in_grain = (size_t)(*off % i->g.grain_bytes);
		size_t part = (size_t)min_u64(*len, i->g.grain_bytes - in_grain);

		if (read_part(i, w, l, at, *buf, part, in_grain, err) < 0)
			return -1;
		*buf += part;
		*off += part;
		*len -= part;
	}
	return 0;
}

int vmdk_inflater_read(struct vmdk_inflater *i, void *buf, size_t len, uint64_t off, struct err *err)
{
	struct worker *w = worker_take(i);
	char *to = buf;
	int result = 0;

	if (!w)
		return err_nomem(err);
	while (len && !result) {
		struct look l;

		result = take_look(i, off / i->g.grain_bytes, (off + len - 1) / i->g.grain_bytes, &l, err);
		if (!result)
			result = read_look(i, w, &l, &to, &len, &off, err);
	}
	worker_give_back(i, w);
	return result;
}
