/* Facts of image files, gathered from the same header parsers that the readers use. */
#include "formats/facts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/checked.h"
#include "core/base/utf16.h"
#include "core/base/utf8.h"
#include "core/base/uuid.h"
#include "formats/qcow2_header.h"
#include "formats/vdi_header.h"
#include "formats/vhd_header.h"
#include "formats/vhdx_header.h"
#include "formats/vmdk_descriptor.h"
#include "formats/vmdk_sparse.h"

enum {
	SECTOR = 512,
	QCOW2_HEAD = QCOW2_V3_HEADER_SIZE,
	VHDX_CREATOR = 8, /* 2.2.1: UTF-16 text of 512 bytes */
	VHDX_CREATOR_BYTES = 512,
};

void fact_text(char *ret, size_t size, const void *text, size_t len)
{
	snprintf(ret, size, "%.*s", (int)min_u64(len, size - 1), (const char *)text);
	utf8_defuse(ret, true);
	for (size_t n = strlen(ret); n && ret[n - 1] == ' ';)
		ret[--n] = '\0';
}

int format_facts(const struct format *format, const struct open_args *args, struct image_facts *ret, struct err *err)
{
	memset(ret, 0, sizeof *ret);
	ret->logical_sector = args->file->logical_sector;
	ret->physical_sector = args->file->physical_sector;
	return format->facts ? format->facts(args, ret, err) : 0;
}

static void qcow2_subtype(const unsigned char *head, struct image_facts *f)
{
	uint32_t version = get_be32(head + QCOW2_H_VERSION), length = 0;
	uint64_t bits = 0;

	if (version >= 3) {
		bits = get_be64(head + QCOW2_H_INCOMPATIBLE);
		length = get_be32(head + QCOW2_H_HEADER_LENGTH);
	}
	snprintf(f->subtype, sizeof f->subtype, "version %" PRIu32 ", %s%s%s%s%s", version,
		 length > QCOW2_H_COMPRESSION_TYPE && head[QCOW2_H_COMPRESSION_TYPE] ? "zstd" : "zlib",
		 bits & QCOW2_BIT(QCOW2_INCOMPAT_EXTENDED_L2_BIT) ? ", extended L2" : "",
		 bits & QCOW2_BIT(QCOW2_INCOMPAT_DATA_FILE_BIT) ? ", external data file" : "",
		 bits & QCOW2_BIT(QCOW2_INCOMPAT_DIRTY_BIT) ? ", dirty" : "",
		 bits & QCOW2_BIT(QCOW2_INCOMPAT_CORRUPT_BIT) ? ", marked corrupt" : "");
}

int qcow2_facts(const struct open_args *args, struct image_facts *ret, struct err *err)
{
	static const char *const crypt[] = {NULL, "AES", "LUKS"};
	unsigned char head[QCOW2_HEAD] = {0};
	struct qcow2_header h;
	uint32_t method, bits;

	if (block_pread(args->file, head, (size_t)min_u64(sizeof head, args->file->size), 0, err) < 0)
		return -1;
	method = get_be32(head + QCOW2_H_CRYPT_METHOD);
	bits = get_be32(head + QCOW2_H_CLUSTER_BITS);
	qcow2_subtype(head, ret);
	ret->size = get_be64(head + QCOW2_H_SIZE);
	ret->unit = bits <= QCOW2_CLUSTER_BITS_MAX ? UINT32_C(1) << bits : 0;
	ret->encryption = method < sizeof crypt / sizeof *crypt ? crypt[method] : "of unknown method";
	ret->snapshots = get_be32(head + QCOW2_H_SNAPSHOTS);
	if (qcow2_header_read(args->file, &h, err) < 0)
		return -1;
	fact_text(ret->parent, sizeof ret->parent, h.backing, strlen(h.backing));
	fact_text(ret->parent_format, sizeof ret->parent_format, h.backing_format, strlen(h.backing_format));
	return 0;
}

/* The text of a VMDK: the whole file, or what the header of a hosted one names; *ret NULL when it has none. */
static int vmdk_text(struct block *file, struct image_facts *f, char **ret, uint64_t *ret_len, struct err *err)
{
	unsigned char magic[4] = {0};
	struct vmdk_header h;
	uint64_t off = 0;

	*ret = NULL;
	*ret_len = file->size;
	if (block_pread(file, magic, (size_t)min_u64(sizeof magic, file->size), 0, err) < 0)
		return -1;
	if (!memcmp(magic, VMDK_MAGIC, sizeof magic)) {
		if (vmdk_header_read(file, &h, err) < 0)
			return -1;
		f->size = vmdk_capacity_bytes(&h);
		f->unit = (uint32_t)vmdk_grain_bytes(&h);
		if (!mul_fits(h.desc_offset, VMDK_SECTOR, &off) || !mul_fits(h.desc_size, VMDK_SECTOR, ret_len))
			*ret_len = 0;
	}
	if (!*ret_len || *ret_len > VMDK_DESCRIPTOR_MAX || !range_inside(off, *ret_len, file->size))
		return 0;
	*ret = malloc(*ret_len);
	if (!*ret)
		return err_nomem(err);
	return block_pread(file, *ret, *ret_len, off, err);
}

static void vmdk_fill(const struct vmdk_descriptor *d, struct image_facts *f)
{
	uint64_t sectors = 0;

	fact_text(f->subtype, sizeof f->subtype, d->create_type, strlen(d->create_type));
	f->identity_kind = "CID";
	snprintf(f->identity, sizeof f->identity, "%08" PRIx32, d->cid);
	if (d->encryption)
		f->encryption = "VMware";
	fact_text(f->parent, sizeof f->parent, d->parent_hint, strlen(d->parent_hint));
	if (d->parent_cid != VMDK_CID_NONE)
		snprintf(f->parent_identity, sizeof f->parent_identity, "%08" PRIx32, d->parent_cid);
	else if (*d->parent_uuid)
		fact_text(f->parent_identity, sizeof f->parent_identity, d->parent_uuid, strlen(d->parent_uuid));
	VEC_FOR (e, &d->extents)
		if (!add_fits(sectors, e->sectors, &sectors))
			return;
	if (!f->size && sectors <= VMDK_DISK_MAX / VMDK_SECTOR)
		f->size = sectors * VMDK_SECTOR;
}

int vmdk_facts(const struct open_args *args, struct image_facts *ret, struct err *err)
{
	AUTO(vmdk_descriptor_done) struct vmdk_descriptor d = {0};
	AUTO_FREE char *text = NULL;
	uint64_t len;

	if (vmdk_text(args->file, ret, &text, &len, err) < 0)
		return -1;
	if (!text)
		return 0;
	if (vmdk_descriptor_parse(text, len, &d, err) < 0)
		return -1;
	vmdk_descriptor_translate(&d, open_charset(args));
	vmdk_fill(&d, ret);
	return 0;
}

int vdi_facts(const struct open_args *args, struct image_facts *ret, struct err *err)
{
	static const char *const types[] = {"", "dynamic", "static", "undo", "differencing"};
	char line[64] = "", *end;
	struct vdi_header h;

	if (block_pread(args->file, line, (size_t)min_u64(sizeof line, args->file->size), 0, err) < 0)
		return -1;
	end = memchr(line, '\n', sizeof line);
	fact_text(ret->creator, sizeof ret->creator, line, end ? (size_t)(end - line) : sizeof line);
	if (vdi_header_read(args->file, &h, err) < 0)
		return -1;
	ret->size = h.disk;
	ret->unit = h.block;
	snprintf(ret->subtype, sizeof ret->subtype, "%s", types[h.type]);
	ret->identity_kind = "UUID";
	uuid_guid_text(h.created, ret->identity);
	if (!vdi_uuid_is_null(h.parent))
		uuid_guid_text(h.parent, ret->parent_identity);
	return 0;
}

static void vhd_parent(const struct vhd_header *h, struct image_facts *f)
{
	vhd_uuid_text(h->parent_uuid, f->parent_identity);
	for (size_t i = 0; i < PARENT_HINTS && !*f->parent; i++)
		fact_text(f->parent, sizeof f->parent, h->parent.path[i], strlen(h->parent.path[i]));
}

int vhd_facts(const struct open_args *args, struct image_facts *ret, struct err *err)
{
	struct vhd_footer f;
	struct vhd_header h;
	const char *rule;

	if (vhd_footer_read(args->file, open_ignores_checksum(args), &f, err) < 0)
		return -1;
	fact_text(ret->creator, sizeof ret->creator, f.creator, strlen(f.creator));
	ret->identity_kind = "UUID";
	vhd_uuid_text(f.uuid, ret->identity);
	snprintf(ret->subtype, sizeof ret->subtype, "%s%s",
		 f.type == VHD_FIXED	 ? "fixed"
		 : f.type == VHD_DYNAMIC ? "dynamic"
					 : "differencing",
		 f.saved_state ? ", of a saved machine" : "");
	ret->size = vhd_size(&f, f.at ? f.at : args->file->size, &rule);
	if (f.type == VHD_FIXED)
		return 0;
	if (vhd_header_read(args->file, &f, open_ignores_checksum(args), &h, err) < 0)
		return -1;
	ret->unit = h.block_size;
	ret->size = vhd_size(&f, (uint64_t)h.entries * h.block_size, &rule);
	if (f.type == VHD_DIFFERENCING)
		vhd_parent(&h, ret);
	return 0;
}

static void vhdx_fill(const struct vhdx_metadata *m, struct image_facts *f)
{
	f->size = m->size;
	f->unit = m->block_size;
	f->logical_sector = m->logical_sector;
	f->physical_sector = m->physical_sector;
	if (!m->has_parent)
		return;
	fact_text(f->parent_identity, sizeof f->parent_identity, m->linkage[0], strlen(m->linkage[0]));
	for (size_t i = 0; i < PARENT_HINTS && !*f->parent; i++)
		fact_text(f->parent, sizeof f->parent, m->parent.path[i], strlen(m->parent.path[i]));
}

static void vhdx_creator(struct block *file, struct image_facts *f)
{
	char text[VHDX_CREATOR_BYTES], utf8[2 * VHDX_CREATOR_BYTES];

	if (file->size < VHDX_HEADER_1 || block_pread(file, text, sizeof text, VHDX_CREATOR, NULL) < 0 ||
	    utf16_to_utf8(text, sizeof text, false, utf8, sizeof utf8) < 0)
		return;
	fact_text(f->creator, sizeof f->creator, utf8, strlen(utf8));
}

/* Of a disk that was not closed the metadata may be in the log: then they are as they were before. */
int vhdx_facts(const struct open_args *args, struct image_facts *ret, struct err *err)
{
	AUTO_FREE struct vhdx_regions *regions = malloc(sizeof *regions);
	AUTO_FREE struct vhdx_metadata *m = malloc(sizeof *m);
	struct vhdx_header h;

	if (!regions || !m)
		return err_nomem(err);
	vhdx_creator(args->file, ret);
	if (vhdx_header_read(args->file, &h, err) < 0)
		return -1;
	ret->identity_kind = "DataWriteGuid";
	uuid_guid_text(h.data_write, ret->identity);
	memset(regions, 0, sizeof *regions);
	if (vhdx_regions_read(args->file, &h, regions, err) < 0 ||
	    vhdx_metadata_read(args->file, &regions->metadata, m, err) < 0)
		return -1;
	vhdx_fill(m, ret);
	snprintf(ret->subtype, sizeof ret->subtype, "%s%s", m->has_parent ? "differencing" : "dynamic or fixed",
		 h.has_log ? ", not closed: its log is replayed in memory" : "");
	return 0;
}
