/* The VMDK writer: streamOptimized disks in one sequential pass; VMware, "Virtual Disk Format 5.0".
 *
 * Header and descriptor, grains in the order of the disk with each table behind its grains, directory, footer,
 * end-of-stream marker. Threads deflate their grains side by side and leave them in a queue; whoever tells that all
 * earlier ones are there writes as much of it as that allows.
 */
#include "formats/vmdk.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "core/base/bytes.h"
#include "core/base/checked.h"
#include "core/base/cleanup.h"
#include "core/base/compress.h"
#include "core/base/file.h"
#include "core/base/uuid.h"
#include "core/base/zeros.h"
#include "formats/create_options.h"
#include "formats/vmdk_descriptor.h"
#include "formats/vmdk_layout.h"
#include "formats/writer.h"

enum {
	GRAIN = 64 << 10,
	GTES = 512, /* entries of a table, which is 4 sectors */
	TABLE_BYTES = GTES * 4,
	PIECE_GRAINS = 32, /* queued and written together; a table's grains are a multiple */
	/* Deflate adds 5 bytes to each stored block of at least 5000 bytes, zlib 6, the marker 12: below 2 sectors. */
	GRAIN_ROOM = GRAIN + 2 * VMDK_SECTOR,
	QUEUE_MAX = 16 << 20,
	AHEAD = 8 << 20,   /* bytes of the disk behind the mark that never wait */
	DESCRIPTOR_AT = 1, /* sectors */
	DESCRIPTOR_SECTORS = 20,
	OVERHEAD = 128, /* sectors: grains begin at 64 KiB */
	VERSION = 3,
	/* Years after any VMware that matters could read it, long before one could refuse it. */
	HARDWARE_VERSION = 10,
};

/* "Tools are there, and the guest's own": open-vm-tools. */
#define TOOLS_VERSION "2147483647"

struct piece {
	struct piece *next;
	uint64_t off;		       /* on the disk */
	uint32_t places[PIECE_GRAINS]; /* of each grain, in sectors of data, plus one; 0: zeros */
	size_t len;
	unsigned char data[];
};

/* What one thread needs to deflate. */
struct packer {
	struct packer *next;
	struct encoder *encoder;
	unsigned char cut[GRAIN]; /* the disk's last grain, filled up with zeros */
	unsigned char out[PIECE_GRAINS * GRAIN_ROOM];
};

struct vmdk_writer {
	struct block b;
	int fd;
	int level;
	uint64_t tables;
	uint32_t *directory; /* sectors of the tables, 0: none */

	/* of the thread that writes */
	uint64_t at;	/* sectors written */
	uint64_t table; /* the one that grains are entered into */
	uint32_t entries[GTES];

	pthread_mutex_t lock; /* of all below */
	pthread_cond_t written;
	struct piece *queue; /* by offset */
	size_t queued;	     /* bytes */
	uint64_t mark;
	bool writing;
	struct err why; /* what a write failed with; nothing is written after it */
	struct packer *packers;
};

static struct vmdk_writer *writer(struct block *b)
{
	return (struct vmdk_writer *)b;
}

/* ---- deflating, in any thread ---- */

static struct packer *packer_take(struct vmdk_writer *w)
{
	struct packer *p;

	pthread_mutex_lock(&w->lock);
	p = w->packers;
	if (p)
		w->packers = p->next;
	pthread_mutex_unlock(&w->lock);
	if (p)
		return p;
	p = malloc(sizeof *p);
	if (!p)
		return NULL;
	p->encoder = encoder_new(CODEC_ZLIB, w->level);
	if (p->encoder)
		return p;
	free(p);
	return NULL;
}

static void packer_give(struct vmdk_writer *w, struct packer *p)
{
	pthread_mutex_lock(&w->lock);
	p->next = w->packers;
	w->packers = p;
	pthread_mutex_unlock(&w->lock);
}

/* A grain with its marker, filled up to whole sectors; returns its bytes, 0 when it doesn't fit, which can't be. */
static size_t pack_grain(struct packer *p, const unsigned char *grain, uint64_t sector, unsigned char *out)
{
	size_t len = encoder_run(p->encoder, grain, GRAIN, out + VMDK_M_DATA, GRAIN_ROOM - VMDK_M_DATA), padded;

	if (!len)
		return 0;
	put_le64(out, sector);
	put_le32(out + VMDK_M_SIZE, (uint32_t)len);
	padded = align_up(VMDK_M_DATA + len, VMDK_SECTOR);
	memset(out + VMDK_M_DATA + len, 0, padded - VMDK_M_DATA - len);
	return padded;
}

/* Packs up to PIECE_GRAINS grains; *ret is NULL when all are zeros. */
static int pack_piece(struct packer *p, const unsigned char *data, size_t len, uint64_t off, struct piece **ret,
		      struct err *err)
{
	uint32_t places[PIECE_GRAINS] = {0};
	size_t used = 0, n;

	*ret = NULL;
	for (size_t at = 0; at < len; at += GRAIN) {
		const unsigned char *grain = data + at;
		size_t have = min_u64(GRAIN, len - at);

		if (all_zeros(grain, have))
			continue;
		if (have < GRAIN) {
			memcpy(p->cut, grain, have);
			memset(p->cut + have, 0, GRAIN - have);
			grain = p->cut;
		}
		n = pack_grain(p, grain, (off + at) / VMDK_SECTOR, p->out + used);
		if (!n)
			return err_set(err, ERR_INTERNAL, "the grain at 0x%" PRIx64 " can't be deflated", off + at);
		places[at / GRAIN] = (uint32_t)(used / VMDK_SECTOR) + 1;
		used += n;
	}
	if (!used)
		return 0;
	*ret = malloc(sizeof **ret + used);
	if (!*ret)
		return err_nomem(err);
	**ret = (struct piece){.off = off, .len = used};
	memcpy((*ret)->places, places, sizeof places);
	memcpy((*ret)->data, p->out, used);
	return 0;
}

static int failed_before(const struct vmdk_writer *w, struct err *err)
{
	if (err)
		*err = w->why;
	return -1;
}

/* Room comes while somebody writes, or when the mark comes near; the writer of what the mark waits for must go on. */
static bool must_wait(const struct vmdk_writer *w, const struct piece *piece)
{
	bool ahead = piece->off >= w->mark && piece->off - w->mark >= AHEAD;

	return w->queued > QUEUE_MAX && w->why.code == ERR_NONE && (w->writing || ahead);
}

/* Takes the piece. */
static int enqueue(struct vmdk_writer *w, struct piece *piece, struct err *err)
{
	struct piece **place;
	int ret = 0;

	pthread_mutex_lock(&w->lock);
	while (must_wait(w, piece))
		pthread_cond_wait(&w->written, &w->lock);
	if (w->why.code != ERR_NONE) {
		ret = failed_before(w, err);
		free(piece);
	} else {
		for (place = &w->queue; *place && (*place)->off < piece->off;)
			place = &(*place)->next;
		piece->next = *place;
		*place = piece;
		w->queued += piece->len;
	}
	pthread_mutex_unlock(&w->lock);
	return ret;
}

static int check_grains(const struct block *b, size_t len, uint64_t off, struct err *err)
{
	if (off % GRAIN == 0 && ((off + len) % GRAIN == 0 || off + len == b->size))
		return 0;
	return err_set(err, ERR_INTERNAL, "write of %zu bytes at 0x%" PRIx64 ": not in whole grains of %d bytes", len,
		       off, GRAIN);
}

static int stream_pwrite(struct block *b, const void *buf, size_t len, uint64_t off, struct err *err)
{
	struct vmdk_writer *w = writer(b);
	const uint64_t unit = (uint64_t)PIECE_GRAINS * GRAIN;
	struct packer *p;
	int ret = 0;

	if (check_grains(b, len, off, err) < 0)
		return -1;
	p = packer_take(w);
	if (!p)
		return err_nomem(err);
	for (size_t done = 0, n; ret == 0 && done < len; done += n) {
		struct piece *piece;

		n = min_u64(len - done, unit - (off + done) % unit);
		ret = pack_piece(p, (const unsigned char *)buf + done, n, off + done, &piece, err);
		if (ret == 0 && piece)
			ret = enqueue(w, piece, err);
	}
	packer_give(w, p);
	return ret;
}

/* What isn't written reads as zeros. */
static int stream_zero(struct block *b, uint64_t off, uint64_t len, struct err *err)
{
	return 0;
}

/* ---- writing, one thread at a time ---- */

static int append(struct vmdk_writer *w, const void *data, size_t len, struct err *err)
{
	if (w->at + len / VMDK_SECTOR > UINT32_MAX)
		return err_set(err, ERR_UNSUPPORTED,
			       "the file would grow beyond 2 TiB, which is the most its tables can name");
	if (file_pwrite(w->fd, data, len, w->at * VMDK_SECTOR, err) < 0)
		return -1;
	w->at += len / VMDK_SECTOR;
	return 0;
}

/* "Stream-Optimized Compressed Sparse Extents": what follows is no grain. */
static void make_marker(unsigned char marker[VMDK_SECTOR], uint32_t type, uint64_t sectors)
{
	memset(marker, 0, VMDK_SECTOR);
	put_le64(marker, sectors);
	put_le32(marker + VMDK_M_TYPE, type);
}

/* The table that grains were entered into goes behind them. */
static int end_table(struct vmdk_writer *w, struct err *err)
{
	unsigned char out[VMDK_SECTOR + TABLE_BYTES];

	if (all_zeros(w->entries, sizeof w->entries))
		return 0;
	make_marker(out, VMDK_MARKER_TABLE, TABLE_BYTES / VMDK_SECTOR);
	for (unsigned i = 0; i < GTES; i++)
		put_le32(out + VMDK_SECTOR + (size_t)i * 4, w->entries[i]);
	w->directory[w->table] = (uint32_t)w->at + 1;
	memset(w->entries, 0, sizeof w->entries);
	return append(w, out, sizeof out, err);
}

static int write_piece(struct vmdk_writer *w, const struct piece *piece, struct err *err)
{
	uint64_t first = piece->off / GRAIN;
	uint64_t at;

	if (first / GTES != w->table && end_table(w, err) < 0)
		return -1;
	w->table = first / GTES;
	at = w->at;
	if (append(w, piece->data, piece->len, err) < 0)
		return -1;
	for (unsigned i = 0; i < PIECE_GRAINS; i++)
		if (piece->places[i])
			w->entries[(first + i) % GTES] = (uint32_t)at + piece->places[i] - 1;
	return 0;
}

/* Writes the head of the queue; the lock is held, but not while writing. */
static void write_head(struct vmdk_writer *w)
{
	AUTO_FREE struct piece *piece = w->queue;
	struct err err = ERR_INIT;
	int ret;

	w->queue = piece->next;
	pthread_mutex_unlock(&w->lock);
	ret = write_piece(w, piece, &err);
	pthread_mutex_lock(&w->lock);
	if (ret < 0)
		w->why = err;
	w->queued -= piece->len;
	pthread_cond_broadcast(&w->written);
}

static int stream_settled(struct block *b, uint64_t off, struct err *err)
{
	struct vmdk_writer *w = writer(b);
	int ret;

	pthread_mutex_lock(&w->lock);
	if (off > w->mark) {
		w->mark = off;
		pthread_cond_broadcast(&w->written);
	}
	if (!w->writing) {
		w->writing = true;
		while (w->queue && w->queue->off < w->mark && w->why.code == ERR_NONE)
			write_head(w);
		w->writing = false;
		pthread_cond_broadcast(&w->written);
	}
	ret = w->why.code == ERR_NONE ? 0 : failed_before(w, err);
	pthread_mutex_unlock(&w->lock);
	return ret;
}

/* ---- beginning and end ---- */

static void make_header(const struct vmdk_writer *w, uint64_t directory, unsigned char h[VMDK_SECTOR])
{
	memset(h, 0, VMDK_SECTOR);
	put_le32(h, get_le32(VMDK_MAGIC));
	put_le32(h + VMDK_H_VERSION, VERSION);
	put_le32(h + VMDK_H_FLAGS, VMDK_F_NEWLINES | VMDK_F_COMPRESSED | VMDK_F_MARKERS);
	put_le64(h + VMDK_H_CAPACITY, w->b.size / VMDK_SECTOR);
	put_le64(h + VMDK_H_GRAIN, GRAIN / VMDK_SECTOR);
	put_le64(h + VMDK_H_DESC_OFFSET, DESCRIPTOR_AT);
	put_le64(h + VMDK_H_DESC_SIZE, DESCRIPTOR_SECTORS);
	put_le32(h + VMDK_H_GTES, GTES);
	put_le64(h + VMDK_H_GD, directory);
	put_le64(h + VMDK_H_OVERHEAD, OVERHEAD);
	put_le32(h + VMDK_H_NEWLINES, get_le32("\n \r\n"));
	put_le16(h + VMDK_H_COMPRESSION, VMDK_COMPRESSION_DEFLATE);
}

/* Two values have a meaning: none, and (for some programs) a disk of zeros. */
static uint32_t make_cid(void)
{
	unsigned char id[UUID_BYTES];
	uint32_t cid;

	do {
		uuid_make(id);
		cid = get_le32(id);
	} while (cid >= VMDK_CID_NONE - 1);
	return cid;
}

/* Heads and sectors as VMware's BIOS gives them for a disk of this size. */
static void add_geometry(struct buf *text, uint64_t sectors, enum adapter adapter)
{
	unsigned heads = 255, track = 63, most = 65535;
	uint64_t cylinders;

	if (adapter == ADAPTER_IDE) {
		heads = 16;
		most = 16383;
	} else if (sectors < 2 * GIB / VMDK_SECTOR) {
		heads = sectors < GIB / VMDK_SECTOR ? 64 : 128;
		track = 32;
	}
	cylinders = min_u64(div_round_up(sectors, (uint64_t)heads * track), most);
	buf_addf(text,
		 "ddb.geometry.cylinders = \"%" PRIu64
		 "\"\nddb.geometry.heads = \"%u\"\nddb.geometry.sectors = \"%u\"\n",
		 cylinders, heads, track);
}

/* A name that would end the quotes, or lead elsewhere, isn't put into them. */
static const char *extent_name(const char *name)
{
	for (const char *c = name; *c; c++)
		if ((unsigned char)*c < ' ' || strchr("\"/\\", *c))
			return "disk.vmdk";
	return *name ? name : "disk.vmdk";
}

/* VirtualBox wants the first line as it is. The last 8 digits of the long content identifier are the CID. */
static int make_descriptor(const struct vmdk_writer *w, const char *name, enum adapter adapter, struct buf *text)
{
	uint32_t cid = make_cid();
	unsigned char id[UUID_BYTES];

	uuid_make(id);
	buf_addf(text,
		 "# Disk DescriptorFile\nversion=1\nencoding=\"UTF-8\"\nCID=%08" PRIx32 "\nparentCID=%08x\n"
		 "createType=\"streamOptimized\"\n\n# Extent description\nRDONLY %" PRIu64 " SPARSE \"%s\"\n\n"
		 "# The Disk Data Base\n#DDB\n\nddb.adapterType = \"%s\"\n",
		 cid, VMDK_CID_NONE, w->b.size / VMDK_SECTOR, extent_name(name), adapter_name(adapter));
	add_geometry(text, w->b.size / VMDK_SECTOR, adapter);
	buf_addf(text,
		 "ddb.longContentID = \"%016" PRIx64 "%08" PRIx32 "%08" PRIx32 "\"\nddb.toolsVersion = \"" TOOLS_VERSION
		 "\"\nddb.virtualHWVersion = \"%d\"\n",
		 get_be64(id), get_be32(id + 8), cid, HARDWARE_VERSION);
	return text->failed ? -1 : 0;
}

/* The file is a whole image only with its footer: the directory's place is there. */
static int write_beginning(struct vmdk_writer *w, const char *name, enum adapter adapter, struct err *err)
{
	AUTO(buf_done) struct buf text = BUF_INIT(DESCRIPTOR_SECTORS * VMDK_SECTOR);
	AUTO_FREE unsigned char *out = calloc(OVERHEAD, VMDK_SECTOR);

	if (!out)
		return err_nomem(err);
	if (make_descriptor(w, name, adapter, &text) < 0)
		return err_set(err, ERR_INTERNAL, "a descriptor of more than %zu bytes", text.max);
	make_header(w, VMDK_GD_AT_END, out);
	memcpy(out + (size_t)DESCRIPTOR_AT * VMDK_SECTOR, text.data, text.len);
	return append(w, out, (size_t)OVERHEAD * VMDK_SECTOR, err);
}

static int write_directory(struct vmdk_writer *w, uint64_t *ret_at, struct err *err)
{
	size_t len = align_up(w->tables * 4, VMDK_SECTOR);
	AUTO_FREE unsigned char *out = calloc(1, VMDK_SECTOR + len);

	if (!out)
		return err_nomem(err);
	make_marker(out, VMDK_MARKER_DIRECTORY, len / VMDK_SECTOR);
	for (uint64_t i = 0; i < w->tables; i++)
		put_le32(out + VMDK_SECTOR + i * 4, w->directory[i]);
	*ret_at = w->at + 1;
	return append(w, out, VMDK_SECTOR + len, err);
}

static int write_footer(struct vmdk_writer *w, uint64_t directory, struct err *err)
{
	unsigned char out[3 * VMDK_SECTOR];

	make_marker(out, VMDK_MARKER_FOOTER, 1);
	make_header(w, directory, out + VMDK_SECTOR);
	make_marker(out + 2 * VMDK_SECTOR, VMDK_MARKER_END, 0);
	return append(w, out, sizeof out, err);
}

static int stream_finish(struct block *b, struct err *err)
{
	struct vmdk_writer *w = writer(b);
	uint64_t directory;

	if (stream_settled(b, UINT64_MAX, err) < 0 || end_table(w, err) < 0 ||
	    write_directory(w, &directory, err) < 0 || write_footer(w, directory, err) < 0)
		return -1;
	return writer_sync(w->fd, "the image", err);
}

static int stream_flush(struct block *b, struct err *err)
{
	return writer_sync(writer(b)->fd, "the grains", err);
}

static void stream_close(struct block *b)
{
	struct vmdk_writer *w = writer(b);

	for (struct packer *p = w->packers, *next; p; p = next) {
		next = p->next;
		encoder_free(p->encoder);
		free(p);
	}
	for (struct piece *p = w->queue, *next; p; p = next) {
		next = p->next;
		free(p);
	}
	pthread_cond_destroy(&w->written);
	pthread_mutex_destroy(&w->lock);
	free(w->directory);
	if (w->fd >= 0)
		close(w->fd);
	free(w);
}

static const struct block_ops stream_ops = {
    .name = "vmdk",
    .pread = writer_pread,
    .pwrite = stream_pwrite,
    .zero = stream_zero,
    .flush = stream_flush,
    .settled = stream_settled,
    .finish = stream_finish,
    .close = stream_close,
};

static struct vmdk_writer *writer_new(const char *name, uint64_t size, int level)
{
	struct vmdk_writer *w = calloc(1, sizeof *w);

	if (!w)
		return NULL;
	block_init(&w->b, &stream_ops, name, size);
	w->b.unit = GRAIN;
	w->fd = -1;
	w->level = level ? level : VMDK_STREAM_LEVEL;
	w->tables = div_round_up(size, (uint64_t)GRAIN * GTES);
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->written, NULL);
	w->directory = calloc(w->tables, sizeof *w->directory);
	if (w->directory)
		return w;
	stream_close(&w->b);
	return NULL;
}

int vmdk_create(int fd, const char *name, uint64_t size, const struct create_options *options, struct block **ret,
		struct err *err)
{
	AUTO(block_closep) struct block *b = NULL;
	struct vmdk_writer *w;

	if (writer_check(size, VMDK_WRITE_MAX, "62 TiB", options, err) < 0)
		return err_wrap(err, "vmdk '%s'", name);
	if (options->subformat != SUBFORMAT_DEFAULT && options->subformat != SUBFORMAT_STREAM_OPTIMIZED)
		return err_set(err, ERR_USAGE, "vmdk '%s': subformat: streamOptimized is expected", name);
	w = writer_new(name, size, options->level);
	if (!w)
		return err_nomem(err);
	b = &w->b;
	if (ftruncate(fd, 0) < 0)
		return err_sys(err, ERR_INTERNAL, "vmdk '%s': cannot empty the file", name);
	w->fd = fd;
	if (write_beginning(w, name, (enum adapter)options->adapter, err) < 0) {
		w->fd = -1; /* stays the caller's */
		return err_wrap(err, "vmdk '%s'", name);
	}
	writer_warn_sectors("vmdk", name, options);
	*ret = take_ptr(&b);
	return 0;
}
