/* The header of a qcow2 file: fields, extensions, and what of it we refuse. */
#include "formats/qcow2_header.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/buf.h"
#include "core/base/bytes.h"

enum {
	/* Header, extensions and backing name: qemu's take less than 2 KiB; a bitmap extension or a longer feature
	 * table still leaves plenty. */
	HEAD_MAX = 64 << 10,
};

/* The first bytes of the file, as far as they are read. */
struct head {
	unsigned char data[HEAD_MAX];
	size_t len;
	uint64_t file_size, cluster;
	uint32_t header_length;
};

static const char *const known_incompatible[] = {
    [QCOW2_INCOMPAT_DIRTY_BIT] = "dirty bit",
    [QCOW2_INCOMPAT_CORRUPT_BIT] = "corrupt bit",
    [QCOW2_INCOMPAT_DATA_FILE_BIT] = "external data file",
    [QCOW2_INCOMPAT_COMPRESSION_BIT] = "compression type",
    [QCOW2_INCOMPAT_EXTENDED_L2_BIT] = "extended L2 entries",
};

enum {
	READABLE_INCOMPATIBLE = 1 << QCOW2_INCOMPAT_DIRTY_BIT | 1 << QCOW2_INCOMPAT_CORRUPT_BIT |
				1 << QCOW2_INCOMPAT_DATA_FILE_BIT | 1 << QCOW2_INCOMPAT_COMPRESSION_BIT |
				1 << QCOW2_INCOMPAT_EXTENDED_L2_BIT,
};

/* One of the three sets of feature bits; version 2 has none. */
static uint64_t features(const struct head *head, enum qcow2_header_offset set)
{
	return get_be32(head->data + QCOW2_H_VERSION) < 3 ? 0 : get_be64(head->data + set);
}

static uint64_t incompatible(const struct head *head)
{
	return features(head, QCOW2_H_INCOMPATIBLE);
}

static int read_head(struct block *file, struct head *head, struct err *err)
{
	head->file_size = file->size;
	head->len = min_u64(HEAD_MAX, file->size);
	if (head->len < QCOW2_V2_HEADER_SIZE)
		return err_set(err, ERR_CORRUPT, "header: the file has %" PRIu64 " bytes, a header has at least %d",
			       file->size, QCOW2_V2_HEADER_SIZE);
	return block_pread(file, head->data, head->len, 0, err);
}

static int check_version(struct head *head, struct qcow2_header *h, struct err *err)
{
	uint32_t magic = get_be32(head->data + QCOW2_H_MAGIC), bits = get_be32(head->data + QCOW2_H_CLUSTER_BITS);

	h->version = get_be32(head->data + QCOW2_H_VERSION);
	if (magic != QCOW2_MAGIC)
		return err_set(err, ERR_CORRUPT, "header: it begins with 0x%08x, not 0x%08x", magic, QCOW2_MAGIC);
	if (h->version != 2 && h->version != 3)
		return err_set(err, ERR_UNSUPPORTED, "header: version %u, 2 and 3 are read%s", h->version,
			       h->version == 1 ? " (1 is the older format qcow)" : "");
	if (bits < QCOW2_CLUSTER_BITS_MIN || bits > QCOW2_CLUSTER_BITS_MAX)
		return err_set(err, ERR_CORRUPT, "header: cluster bits %u, %d to %d are possible", bits,
			       QCOW2_CLUSTER_BITS_MIN, QCOW2_CLUSTER_BITS_MAX);
	h->cluster_bits = bits;
	head->cluster = UINT64_C(1) << bits;
	head->header_length = QCOW2_V2_HEADER_SIZE;
	if (h->version == 2)
		return 0;
	if (head->len < QCOW2_V3_HEADER_SIZE_MIN)
		return err_set(err, ERR_CORRUPT, "header: the file has %" PRIu64 " bytes, a header has at least %d",
			       head->file_size, QCOW2_V3_HEADER_SIZE_MIN);
	head->header_length = get_be32(head->data + QCOW2_H_HEADER_LENGTH);
	if (head->header_length < QCOW2_V3_HEADER_SIZE_MIN || head->header_length > min_u64(head->cluster, head->len))
		return err_set(err, ERR_CORRUPT, "header: its length is %u bytes, %d to %" PRIu64 " are possible",
			       head->header_length, QCOW2_V3_HEADER_SIZE_MIN, min_u64(head->cluster, head->len));
	return 0;
}

/* Calls fn for each extension until it returns non-zero, which is returned. */
static int each_extension(const struct head *head,
			  int (*fn)(uint32_t type, const unsigned char *data, uint32_t len, void *opaque,
				    struct err *err),
			  void *opaque, struct err *err)
{
	uint64_t backing = get_be64(head->data + QCOW2_H_BACKING_OFFSET), at = head->header_length;
	uint64_t end = min_u64(head->len, head->cluster);

	/* Old images have the name right behind the header: then there are no extensions. */
	if (backing && backing < end)
		end = backing;
	while (at + QCOW2_EXT_HEADER_SIZE <= end) {
		uint32_t type = get_be32(head->data + at), len = get_be32(head->data + at + 4);
		int ret;

		at += QCOW2_EXT_HEADER_SIZE;
		if (type == QCOW2_EXT_END)
			return 0;
		if (len > end - at)
			return err_set(err, ERR_CORRUPT,
				       "header extension 0x%08x at 0x%" PRIx64 ": %u bytes, there is room for %" PRIu64,
				       type, at - QCOW2_EXT_HEADER_SIZE, len, end - at);
		ret = fn(type, head->data + at, len, opaque, err);
		if (ret)
			return ret;
		at += align_up(len, 8);
	}
	return 0;
}

/* The image's own word for one of its feature bits. */
struct feature_name {
	unsigned bit;
	char text[QCOW2_FEATURE_NAME_SIZE + 1];
};

static int find_feature_name(uint32_t type, const unsigned char *data, uint32_t len, void *opaque, struct err *err)
{
	struct feature_name *name = opaque;

	if (type != QCOW2_EXT_FEATURE_NAMES)
		return 0;
	for (; len >= QCOW2_FEATURE_ENTRY_SIZE; data += QCOW2_FEATURE_ENTRY_SIZE, len -= QCOW2_FEATURE_ENTRY_SIZE) {
		if (data[0] != QCOW2_FEATURE_INCOMPATIBLE || data[1] != name->bit)
			continue;
		memcpy(name->text, data + 2, QCOW2_FEATURE_NAME_SIZE);
		for (char *c = name->text; *c; c++)
			*c = isprint((unsigned char)*c) ? *c : '?';
		return 1;
	}
	return 0;
}

static void add_feature(const struct head *head, unsigned bit, struct buf *list)
{
	struct feature_name name = {.bit = bit};
	size_t known = sizeof known_incompatible / sizeof *known_incompatible;

	if (bit < known)
		snprintf(name.text, sizeof name.text, "%s", known_incompatible[bit]);
	else
		each_extension(head, find_feature_name, &name, NULL);
	buf_addf(list, "%s%s%s%sbit %u", list->len ? ", " : "", *name.text ? "'" : "", name.text,
		 *name.text ? "' " : "", bit);
}

static int check_features(const struct head *head, struct qcow2_header *h, struct err *err)
{
	uint64_t bits = incompatible(head), unreadable = bits & ~(uint64_t)READABLE_INCOMPATIBLE;
	AUTO(buf_done) struct buf list = BUF_INIT(1024); /* more names don't make it clearer */

	h->corrupt = bits & QCOW2_BIT(QCOW2_INCOMPAT_CORRUPT_BIT);
	h->extended = bits & QCOW2_BIT(QCOW2_INCOMPAT_EXTENDED_L2_BIT);
	if (!unreadable && h->extended && h->cluster_bits < QCOW2_EXTENDED_CLUSTER_BITS_MIN)
		return err_set(err, ERR_CORRUPT,
			       "header: cluster bits %u, with extended L2 entries %d to %d are possible",
			       h->cluster_bits, QCOW2_EXTENDED_CLUSTER_BITS_MIN, QCOW2_CLUSTER_BITS_MAX);
	if (!unreadable)
		return 0;
	for (unsigned bit = 0; bit < 64; bit++)
		if (unreadable & QCOW2_BIT(bit))
			add_feature(head, bit, &list);
	return err_set(err, ERR_UNSUPPORTED, "header: it needs features that are not read: %s", buf_str(&list));
}

static int check_crypt(const struct head *head, struct qcow2_header *h, struct err *err)
{
	uint32_t method = get_be32(head->data + QCOW2_H_CRYPT_METHOD);

	if (method > QCOW2_CRYPT_LUKS)
		return err_set(err, ERR_CORRUPT, "header: encryption method %u, 0 to 2 are possible", method);
	h->crypt = (enum qcow2_crypt)method;
	return 0;
}

/* "Additional fields": the type must be there and not zlib when the bit is set, else absent or zlib. */
static int read_compression(const struct head *head, struct qcow2_header *h, struct err *err)
{
	bool bit = incompatible(head) & QCOW2_BIT(QCOW2_INCOMPAT_COMPRESSION_BIT);
	unsigned type = h->version == 3 && head->header_length > QCOW2_H_COMPRESSION_TYPE
			    ? head->data[QCOW2_H_COMPRESSION_TYPE]
			    : QCOW2_COMPRESSION_ZLIB;

	if (bit != (type != QCOW2_COMPRESSION_ZLIB))
		return err_set(err, ERR_CORRUPT, "header: compression type %u with its feature bit %s", type,
			       bit ? "set" : "not set");
	if (type > QCOW2_COMPRESSION_ZSTD)
		return err_set(err, ERR_UNSUPPORTED, "header: compression type %u, 0 (zlib) and 1 (zstd) are read",
			       type);
	h->codec = type == QCOW2_COMPRESSION_ZSTD ? CODEC_ZSTD : CODEC_DEFLATE;
	return 0;
}

int qcow2_header_set_l1(struct qcow2_header *h, uint64_t file_size, uint64_t offset, uint64_t entries, uint64_t size,
			struct err *err)
{
	uint64_t cluster = UINT64_C(1) << h->cluster_bits, needed, bytes;
	uint64_t per_entry = cluster / (h->extended ? QCOW2_EXTENDED_ENTRY_SIZE : QCOW2_ENTRY_SIZE) * cluster;

	if (size > QCOW2_DISK_MAX)
		return err_set(err, ERR_CORRUPT, "a disk of %" PRIu64 " bytes, 64 TiB is the limit", size);
	needed = div_round_up(size, per_entry);
	bytes = needed * QCOW2_ENTRY_SIZE;
	if (entries * QCOW2_ENTRY_SIZE > QCOW2_L1_BYTES_MAX)
		return err_set(err, ERR_CORRUPT, "L1 table of %" PRIu64 " bytes, 32 MiB is the limit",
			       entries * QCOW2_ENTRY_SIZE);
	if (needed > entries)
		return err_set(err, ERR_CORRUPT,
			       "L1 table of %" PRIu64 " entries, a disk of %" PRIu64 " bytes needs %" PRIu64, entries,
			       size, needed);
	if (needed && (offset % cluster || !offset))
		return err_set(err, ERR_CORRUPT, "L1 table at 0x%" PRIx64 ", which is no cluster of its own", offset);
	if (!range_inside(offset, bytes, file_size))
		return err_set(err, ERR_CORRUPT,
			       "L1 table of %" PRIu64 " bytes at 0x%" PRIx64 ": the file ends at 0x%" PRIx64, bytes,
			       offset, file_size);
	h->size = size;
	h->l1_offset = offset;
	h->l1_needed = (uint32_t)needed;
	return 0;
}

static int check_size(const struct head *head, struct qcow2_header *h, struct err *err)
{
	if (qcow2_header_set_l1(h, head->file_size, get_be64(head->data + QCOW2_H_L1_OFFSET),
				get_be32(head->data + QCOW2_H_L1_SIZE), get_be64(head->data + QCOW2_H_SIZE), err) < 0)
		return err_wrap(err, "header");
	return 0;
}

/* The table isn't read: only whether it can be there at all. */
static int check_snapshots(const struct head *head, struct qcow2_header *h, struct err *err)
{
	uint64_t n = get_be32(head->data + QCOW2_H_SNAPSHOTS), at = get_be64(head->data + QCOW2_H_SNAPSHOTS_OFFSET);

	if (n > QCOW2_SNAPSHOTS_MAX)
		return err_set(err, ERR_CORRUPT, "header: %" PRIu64 " snapshots, %d is the limit", n,
			       QCOW2_SNAPSHOTS_MAX);
	h->snapshots = (uint32_t)n;
	h->snapshots_offset = at;
	if (!n || (at >= head->cluster && range_inside(at, n * QCOW2_SNAPSHOT_SIZE_MIN, head->file_size)))
		return 0;
	return err_set(err, ERR_CORRUPT,
		       "header: %" PRIu64 " snapshots at 0x%" PRIx64 " need at least %" PRIu64
		       " bytes between the first cluster and the end of the file at 0x%" PRIx64,
		       n, at, n * QCOW2_SNAPSHOT_SIZE_MIN, head->file_size);
}

/* A text of an extension; ret has size bytes and is zeroed. */
static int copy_text(const char *what, const unsigned char *data, uint32_t len, char *ret, size_t size, struct err *err)
{
	if (!len || len >= size || memchr(data, 0, len))
		return err_set(err, ERR_CORRUPT, "header: %s has a name of %u bytes", what, len);
	memcpy(ret, data, len);
	return 0;
}

static int read_extension(uint32_t type, const unsigned char *data, uint32_t len, void *opaque, struct err *err)
{
	struct qcow2_header *h = opaque;

	if (type == QCOW2_EXT_BACKING_FORMAT)
		return copy_text("the backing file's format", data, len, h->backing_format, sizeof h->backing_format,
				 err);
	if (type == QCOW2_EXT_LUKS_HEADER && len >= 2 * sizeof(uint64_t)) {
		h->luks_offset = get_be64(data);
		h->luks_len = get_be64(data + sizeof(uint64_t));
	}
	if (type == QCOW2_EXT_DATA_FILE)
		return copy_text("the data file", data, len, h->data_file, sizeof h->data_file, err);
	return 0;
}

static int read_backing(const struct head *head, struct qcow2_header *h, struct err *err)
{
	uint64_t at = get_be64(head->data + QCOW2_H_BACKING_OFFSET), len = get_be32(head->data + QCOW2_H_BACKING_SIZE);

	if (!at)
		return 0;
	if (!len || len > QCOW2_BACKING_NAME_MAX || !range_inside(at, len, min_u64(head->len, head->cluster)))
		return err_set(err, ERR_CORRUPT,
			       "header: backing file name of %" PRIu64 " bytes at 0x%" PRIx64
			       ": up to %d bytes in the first %" PRIu64 " are possible",
			       len, at, QCOW2_BACKING_NAME_MAX, min_u64(head->len, head->cluster));
	if (memchr(head->data + at, 0, len))
		return err_set(err, ERR_CORRUPT, "header: the backing file's name has a NUL in it");
	memcpy(h->backing, head->data + at, len);
	return 0;
}

/* The name counts only with its feature bit: qemu leaves it behind. */
static int check_data_file(const struct head *head, struct qcow2_header *h, struct err *err)
{
	bool bit = incompatible(head) & QCOW2_BIT(QCOW2_INCOMPAT_DATA_FILE_BIT);

	if (!bit) {
		h->data_file[0] = '\0';
		return 0;
	}
	h->data_file_raw = features(head, QCOW2_H_AUTOCLEAR) & QCOW2_BIT(QCOW2_AUTOCLEAR_DATA_FILE_RAW_BIT);
	if (!*h->data_file)
		return err_set(err, ERR_CORRUPT, "header: the data is in another file, which is not named");
	if (h->data_file_raw && *h->backing)
		return err_set(err, ERR_CORRUPT, "header: a backing file, and a data file that is the whole disk");
	if (h->snapshots)
		return err_set(err, ERR_CORRUPT, "header: snapshots, with an external data file");
	return 0;
}

/* Sectors are decrypted whole; that there is a LUKS header is for its reader to find. */
static int check_encrypted(const struct qcow2_header *h, struct err *err)
{
	if (h->crypt == QCOW2_CRYPT_LUKS && !h->luks_len)
		return err_set(err, ERR_CORRUPT, "header: encrypted by LUKS, without a LUKS header");
	if (h->crypt && h->size % QCOW2_SECTOR)
		return err_set(err, ERR_CORRUPT, "header: an encrypted disk of %" PRIu64 " bytes, not of whole sectors",
			       h->size);
	return 0;
}

int qcow2_header_read(struct block *file, struct qcow2_header *h, struct err *err)
{
	AUTO_FREE struct head *head = calloc(1, sizeof *head);

	if (!head)
		return err_nomem(err);
	*h = (struct qcow2_header){0};
	if (read_head(file, head, err) < 0 || check_version(head, h, err) < 0)
		return -1;
	if (check_features(head, h, err) < 0 || check_crypt(head, h, err) < 0 || read_compression(head, h, err) < 0)
		return -1;
	if (check_size(head, h, err) < 0 || check_snapshots(head, h, err) < 0 || read_backing(head, h, err) < 0)
		return -1;
	if (each_extension(head, read_extension, h, err) < 0)
		return -1;
	return check_encrypted(h, err) < 0 ? -1 : check_data_file(head, h, err);
}
