/* The footer and the dynamic header of a VHD: which copy counts, how large the disk is, who its parent is. */
#include "formats/vhd_header.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/checked.h"
#include "core/base/log.h"
#include "core/base/utf16.h"

enum { VHD_VERSION = 0x10000 };

uint32_t vhd_checksum(const unsigned char *data, size_t len, size_t at_checksum)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i++)
		if (i < at_checksum || i >= at_checksum + 4)
			sum += data[i];
	return ~sum;
}

static bool has_cookie(const unsigned char *footer)
{
	return !memcmp(footer, VHD_COOKIE, VHD_COOKIE_LEN);
}

static bool has_dynamic_cookie(const unsigned char *header)
{
	return !memcmp(header, VHD_DYNAMIC_COOKIE, VHD_COOKIE_LEN);
}

static bool checksum_right(const unsigned char *footer)
{
	return vhd_checksum(footer, VHD_FOOTER, VHD_AT_CHECKSUM) == get_be32(footer + VHD_AT_CHECKSUM);
}

static void decode_creator(const unsigned char *p, char ret[5])
{
	for (int i = 0; i < 4; i++)
		ret[i] = (char)(p[i] >= ' ' && p[i] < 0x7f ? p[i] : '?');
	ret[4] = '\0';
}

static int decode_footer(const unsigned char *p, uint64_t at, struct vhd_footer *f, struct err *err)
{
	uint32_t type = get_be32(p + VHD_AT_TYPE);

	if (type != VHD_FIXED && type != VHD_DYNAMIC && type != VHD_DIFFERENCING)
		return err_set(err, ERR_UNSUPPORTED,
			       "footer at 0x%" PRIx64 ": disk type %" PRIu32
			       ", expected 2 (fixed), 3 (dynamic) or 4 (differencing)",
			       at, type);
	*f = (struct vhd_footer){
	    .type = (enum vhd_type)type,
	    .at = at,
	    .data_offset = get_be64(p + VHD_AT_DATA_OFFSET),
	    .current_size = get_be64(p + VHD_AT_CURRENT_SIZE),
	    .chs_size = (uint64_t)get_be16(p + VHD_AT_CYLINDERS) * p[VHD_AT_HEADS] * p[VHD_AT_SECTORS] * VHD_SECTOR,
	    .time = get_be32(p + VHD_AT_TIME),
	    .saved_state = p[VHD_AT_SAVED] == 1,
	};
	decode_creator(p + VHD_AT_CREATOR, f->creator);
	memcpy(f->uuid, p + VHD_AT_UUID, VHD_UUID);
	if (f->current_size % VHD_SECTOR || !f->current_size || f->current_size > VHD_DISK_MAX)
		return err_set(err, ERR_CORRUPT,
			       "footer at 0x%" PRIx64 ": the disk has %" PRIu64
			       " bytes, expected whole sectors of 512 bytes, at least one, at most 64 TiB",
			       at, f->current_size);
	return 0;
}

/* Reads len bytes, with a zero behind the shorter footer. */
static int load_footer(struct block *file, uint64_t at, size_t len, unsigned char footer[VHD_FOOTER], struct err *err)
{
	memset(footer, 0, VHD_FOOTER);
	return block_pread(file, footer, len, at, err);
}

/* A cookie whose checksum is wrong, when there is no better one. */
static int all_damaged(struct block *file, uint64_t at, struct err *err)
{
	unsigned char footer[VHD_FOOTER];

	if (load_footer(file, at, (size_t)min_u64(VHD_FOOTER, file->size - at), footer, err) < 0)
		return -1;
	return err_set(err, ERR_CORRUPT,
		       "footer at 0x%" PRIx64 ": its checksum is 0x%08" PRIx32 ", computed is 0x%08" PRIx32
		       ", and there is no good copy; --ignore-checksum goes on",
		       at, get_be32(footer + VHD_AT_CHECKSUM), vhd_checksum(footer, VHD_FOOTER, VHD_AT_CHECKSUM));
}

static int none_found(struct block *file, uint64_t at, bool cookie, struct err *err)
{
	if (cookie)
		return all_damaged(file, at, err);
	return err_set(err, ERR_CORRUPT,
		       "there is no footer (\"conectix\") in the last 512 bytes of %" PRIu64
		       ", nor a copy at the start",
		       file->size);
}

/* The last cookie that begins in the first n bytes of data, which has more; NULL: none. */
static const unsigned char *last_cookie(const unsigned char *data, size_t n)
{
	const unsigned char *p;

	while ((p = memrchr(data, VHD_COOKIE[0], n)) && !has_cookie(p))
		n = (size_t)(p - data);
	return p;
}

uint64_t vhd_footer_in_tail(const unsigned char *tail, size_t len)
{
	unsigned char footer[VHD_FOOTER];
	const unsigned char *p;

	if (len < VHD_FOOTER_OLD)
		return 0;
	for (size_t n = len - VHD_FOOTER_OLD + 1; (p = last_cookie(tail, n)); n = (size_t)(p - tail)) {
		size_t back = len - (size_t)(p - tail);

		memset(footer, 0, sizeof footer);
		memcpy(footer, p, min_u64(back, VHD_FOOTER));
		if (back <= VHD_FOOTER || checksum_right(footer))
			return back;
	}
	return 0;
}

/* Where a footer may stand, the best first: at the end, at the start (unless that is a fixed disk's data), near the
 * end. */
struct places {
	struct {
		uint64_t at;
		size_t len;
	} v[2];
	size_t n;
};

static void add_place(struct places *p, uint64_t at, size_t len)
{
	p->v[p->n].at = at;
	p->v[p->n++].len = len;
}

static int find_places(struct block *file, struct places *ret, struct err *err)
{
	size_t len = (size_t)min_u64(VHD_TAIL, file->size);
	AUTO_FREE unsigned char *tail = malloc(len);
	uint64_t back;

	*ret = (struct places){.n = 0};
	if (!tail)
		return err_nomem(err);
	if (block_pread(file, tail, len, file->size - len, err) < 0)
		return -1;
	back = vhd_footer_in_tail(tail, len);
	if (back && back <= VHD_FOOTER)
		add_place(ret, file->size - back, (size_t)back);
	add_place(ret, 0, VHD_FOOTER);
	if (back > VHD_FOOTER && back < file->size)
		add_place(ret, file->size - back, VHD_FOOTER);
	return 0;
}

/* What is odd about the place of the footer that counts. */
static void remark(const struct block *file, uint64_t at)
{
	if (!at)
		log_warn("vhd '%s': the footer at the end is damaged or cut off: its copy at the start counts",
			 file->name);
	else if (file->size - at > VHD_FOOTER)
		log_warn("vhd '%s': %" PRIu64 " bytes follow its footer: they are left out", file->name,
			 file->size - at - VHD_FOOTER);
}

/* A footer that nothing vouches for. */
static int take_damaged(struct block *file, uint64_t at, size_t len, struct vhd_footer *ret, struct err *err)
{
	unsigned char footer[VHD_FOOTER];

	if (load_footer(file, at, len, footer, err) < 0)
		return -1;
	log_warn("vhd '%s': the footer at 0x%" PRIx64 " has a wrong checksum: it is believed all the same", file->name,
		 at);
	return decode_footer(footer, at, ret, err);
}

int vhd_footer_read(struct block *file, bool ignore_checksum, struct vhd_footer *ret, struct err *err)
{
	unsigned char footer[VHD_FOOTER];
	struct places p;
	size_t damaged = SIZE_MAX;

	if (file->size < VHD_FOOTER)
		return none_found(file, 0, false, err);
	if (find_places(file, &p, err) < 0)
		return -1;
	for (size_t i = 0; i < p.n; i++) {
		if (load_footer(file, p.v[i].at, p.v[i].len, footer, err) < 0)
			return -1;
		if (!has_cookie(footer))
			continue;
		if (checksum_right(footer)) {
			remark(file, p.v[i].at);
			return decode_footer(footer, p.v[i].at, ret, err);
		}
		damaged = damaged == SIZE_MAX ? i : damaged;
	}
	if (damaged == SIZE_MAX)
		return none_found(file, 0, false, err);
	if (ignore_checksum)
		return take_damaged(file, p.v[damaged].at, p.v[damaged].len, ret, err);
	return none_found(file, p.v[damaged].at, true, err);
}

static int wrong_checksum(const struct block *file, uint64_t at, uint32_t stated, uint32_t sum, bool ignore,
			  struct err *err)
{
	if (!ignore)
		return err_set(err, ERR_CORRUPT,
			       "dynamic header at 0x%" PRIx64 ": its checksum is 0x%08" PRIx32
			       ", computed is 0x%08" PRIx32 "; --ignore-checksum goes on",
			       at, stated, sum);
	log_warn("vhd '%s': the dynamic header at 0x%" PRIx64 " has a wrong checksum: it is believed all the same",
		 file->name, at);
	return 0;
}

static int check_header(const unsigned char *p, uint64_t at, uint64_t file_size, const struct vhd_header *h,
			struct err *err)
{

	if (!has_dynamic_cookie(p))
		return err_set(err, ERR_CORRUPT, "dynamic header at 0x%" PRIx64 ": it doesn't begin with \"cxsparse\"",
			       at);
	if (!is_pow2(h->block_size) || h->block_size < VHD_BLOCK_MIN || h->block_size > VHD_BLOCK_MAX)
		return err_set(err, ERR_CORRUPT,
			       "dynamic header at 0x%" PRIx64 ": blocks of %" PRIu32
			       " bytes, expected a power of two from 4096 bytes to 256 MiB",
			       at, h->block_size);
	if (h->entries > VHD_ENTRIES_MAX)
		return err_set(err, ERR_CORRUPT,
			       "dynamic header at 0x%" PRIx64 ": a table of %" PRIu32 " blocks, the limit is %d", at,
			       h->entries, VHD_ENTRIES_MAX);
	if (!range_inside(h->table, (uint64_t)h->entries * 4, file_size))
		return err_set(err, ERR_CORRUPT,
			       "block table at 0x%" PRIx64 " with %" PRIu32 " entries: the file ends at 0x%" PRIx64,
			       h->table, h->entries, file_size);
	return 0;
}

static int read_locator(struct block *file, const unsigned char *p, char ret[PARENT_NAME_MAX], struct err *err)
{
	unsigned char path[VHD_LOCATOR_MAX];
	uint32_t len = get_be32(p + VHD_LOCATOR_AT_LENGTH);
	uint64_t at = get_be64(p + VHD_LOCATOR_AT_OFFSET);

	if (len > sizeof path || !range_inside(at, len, file->size))
		return err_set(err, ERR_CORRUPT,
			       "parent locator %.4s: %" PRIu32 " bytes at 0x%" PRIx64
			       ", expected at most %d inside the file of 0x%" PRIx64,
			       (const char *)p, len, at, VHD_LOCATOR_MAX, file->size);
	if (block_pread(file, path, len, at, err) < 0)
		return -1;
	if (utf16_to_utf8(path, len, false, ret, PARENT_NAME_MAX) < 0)
		return err_set(err, ERR_CORRUPT, "parent locator %.4s: its path is no UTF-16 text", (const char *)p);
	return 0;
}

/* Relative path, absolute path, and the name in the header, whose last part is as good as a locator's. */
static int read_parent(struct block *file, const unsigned char *p, struct parent_hints *ret, struct err *err)
{
	for (size_t i = 0; i < VHD_LOCATORS; i++) {
		const unsigned char *locator = p + VHD_AT_LOCATORS + i * VHD_LOCATOR;
		uint32_t code = get_be32(locator);

		if (code != VHD_W2RU && code != VHD_W2KU)
			continue;
		if (read_locator(file, locator, ret->path[code == VHD_W2RU ? 0 : 1], err) < 0)
			return -1;
	}
	if (utf16_to_utf8(p + VHD_AT_PARENT_NAME, VHD_PARENT_NAME, true, ret->path[2], PARENT_NAME_MAX) < 0)
		return err_set(err, ERR_CORRUPT, "the parent's name is no UTF-16 text");
	return 0;
}

int vhd_header_read(struct block *file, const struct vhd_footer *footer, bool ignore_checksum, struct vhd_header *ret,
		    struct err *err)
{
	unsigned char p[VHD_HEADER];
	uint32_t stated, sum;

	if (!range_inside(footer->data_offset, VHD_HEADER, file->size))
		return err_set(err, ERR_CORRUPT, "dynamic header at 0x%" PRIx64 ": the file ends at 0x%" PRIx64,
			       footer->data_offset, file->size);
	if (block_pread(file, p, sizeof p, footer->data_offset, err) < 0)
		return -1;
	stated = get_be32(p + VHD_AT_HEADER_CHECKSUM);
	sum = vhd_checksum(p, VHD_HEADER, VHD_AT_HEADER_CHECKSUM);
	*ret = (struct vhd_header){
	    .table = get_be64(p + VHD_AT_TABLE),
	    .entries = get_be32(p + VHD_AT_ENTRIES),
	    .block_size = get_be32(p + VHD_AT_BLOCK_SIZE),
	    .parent_time = get_be32(p + VHD_AT_PARENT_TIME),
	};
	memcpy(ret->parent_uuid, p + VHD_AT_PARENT_UUID, VHD_UUID);
	if (has_dynamic_cookie(p) && stated != sum &&
	    wrong_checksum(file, footer->data_offset, stated, sum, ignore_checksum, err) < 0)
		return -1;
	if (check_header(p, footer->data_offset, file->size, ret, err) < 0)
		return -1;
	ret->bitmap = (uint32_t)align_up(ret->block_size / VHD_SECTOR / 8, VHD_SECTOR);
	return footer->type == VHD_DIFFERENCING ? read_parent(file, p, &ret->parent, err) : 0;
}

uint64_t vhd_size(const struct vhd_footer *f, uint64_t room, const char **ret_rule)
{
	bool by_geometry = !strcmp(f->creator, "vpc ") || !strcmp(f->creator, "qemu");

	*ret_rule = "its size field";
	if (!by_geometry || f->chs_size == f->current_size)
		return f->current_size;
	*ret_rule = "its size field, since the geometry is at its limit";
	if (f->chs_size == VHD_CHS_MAX)
		return f->current_size;
	*ret_rule = "its size field, since the geometry doesn't fit";
	if (!f->chs_size || f->chs_size > room)
		return f->current_size;
	*ret_rule = "its geometry, as this creator did";
	return f->chs_size;
}

void vhd_uuid_text(const unsigned char uuid[VHD_UUID], char ret[37])
{
	for (int i = 0, n = 0; i < VHD_UUID; i++)
		n += snprintf(ret + n, (size_t)(37 - n), "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
			      uuid[i]);
}
