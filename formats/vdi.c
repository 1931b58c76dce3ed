/* VDI: VirtualBox's disks, version 1.1: dynamic, static, and differencing images over their parent.
 */
#include <inttypes.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/checked.h"
#include "core/base/log.h"
#include "core/base/uuid.h"
#include "formats/check.h"
#include "formats/facts.h"
#include "formats/mapped.h"
#include "formats/registry.h"
#include "formats/vdi_header.h"
#include "formats/vdi_parent.h"

#define ENTRY_FREE UINT32_C(0xffffffff) /* never written: the parent's */
#define ENTRY_ZERO UINT32_C(0xfffffffe) /* discarded */

enum {
	SECTOR = 512,
};

struct vdi {
	struct mapped m;
	struct vdi_header h;
};

static int place_block(const struct mapped *m, uint64_t index, const unsigned char *entry, struct unit_place *ret,
		       struct err *err)
{
	const struct vdi_header *h = &((const struct vdi *)m)->h;
	uint32_t n = get_le32(entry);

	if (n == ENTRY_FREE) {
		ret->kind = UNIT_ABSENT;
		return 0;
	}
	if (n == ENTRY_ZERO) {
		ret->kind = UNIT_ZERO;
		return 0;
	}
	if (n >= h->blocks)
		return err_set(err, ERR_CORRUPT, "block %u of %u", n, h->blocks);
	ret->kind = UNIT_PLAIN;
	ret->host = h->data + (uint64_t)n * ((uint64_t)h->block + h->block_extra) + h->block_extra;
	return 0;
}

static const struct block_ops vdi_ops = {
    .name = "vdi",
    .pread = mapped_pread,
    .extent = mapped_extent,
    .place = mapped_place,
    .close = mapped_close,
};

/* The child holds what changed since the parent had that content. */
static int check_parent(const struct vdi *v, const char *name, struct err *err)
{
	const struct vdi_header *parent = &((const struct vdi *)v->m.parent)->h;
	char stated[UUID_TEXT], found[UUID_TEXT];

	if (vdi_uuid_is_null(v->h.parent_modified) || !memcmp(parent->modified, v->h.parent_modified, VDI_UUID))
		return 0;
	uuid_guid_text(v->h.parent_modified, stated);
	uuid_guid_text(parent->modified, found);
	return err_set(err, ERR_CORRUPT,
		       "'%s' has the content %s, the image was made on %s: the parent was changed since", name, found,
		       stated);
}

static int open_parent(struct vdi *v, const struct open_args *args, struct err *err)
{
	struct image_place place;
	char text[UUID_TEXT];

	if (v->h.type != VDI_DIFFERENCING)
		return 0;
	if (vdi_uuid_is_null(v->h.parent))
		return err_set(err, ERR_CORRUPT, "header: a differencing image that names no parent");
	if (vdi_find_parent(args, v->h.parent, &place, err) == 0 &&
	    image_open_place(args, &place, &format_vdi, &v->m.parent, err) == 0 &&
	    check_parent(v, place.name, err) == 0)
		return 0;
	uuid_guid_text(v->h.parent, text);
	return err_wrap(err, "parent %s", text);
}

static struct vdi *vdi_new(const struct open_args *args, const struct vdi_header *h)
{
	struct vdi *v = calloc(1, sizeof *v);

	if (!v)
		return NULL;
	v->h = *h;
	v->m = (struct mapped){
	    .file = args->file,
	    .unit = h->block,
	    .entry_size = 4,
	    .place = place_block,
	    .table = "block map",
	    .unit_name = "block",
	    .table_at = h->map,
	};
	block_init(&v->m.b, &vdi_ops, args->name, align_up(h->disk, SECTOR));
	return v;
}

static int vdi_open(const struct open_args *args, struct block **ret, struct err *err)
{
	struct vdi_header h;
	struct vdi *v;

	if (vdi_header_read(args->file, &h, err) < 0)
		return -1;
	v = vdi_new(args, &h);
	if (!v)
		return err_nomem(err);
	if (v->m.b.size != h.disk)
		log_warn("vdi '%s': %" PRIu64 " bytes are no whole number of 512-byte sectors: rounded up", args->name,
			 h.disk);
	if (mapped_start(&v->m, err) < 0 || open_parent(v, args, err) < 0)
		return mapped_give_up(&v->m);
	*ret = &v->m.b;
	return 0;
}

static int vdi_check(const struct open_args *args, struct check *c, struct err *err)
{
	struct vdi_header h;
	struct mapped_check how;
	struct vdi *v;
	int ret;

	if (vdi_header_read(args->file, &h, err) < 0)
		return -1;
	v = vdi_new(args, &h);
	if (!v)
		return err_nomem(err);
	/* Header and map stand in front of the data (vdi_header_read). */
	how = (struct mapped_check){
	    .base = h.data,
	    .unit = (uint64_t)h.block + h.block_extra,
	    .leaks = true,
	    .in_front = h.block_extra,
	};
	ret = mapped_check(&v->m, &how, c, err);
	mapped_give_up(&v->m);
	return ret;
}

static int vdi_bid(const struct probe *p)
{
	return get_le32(p->head + VDI_H_MAGIC) == VDI_MAGIC ? BID_SURE : BID_NONE;
}

static uint64_t vdi_announces(const struct probe *p)
{
	return get_le64(p->head + VDI_H_DISK);
}

const struct format format_vdi = {
    .name = "vdi",
    .description = "VirtualBox: dynamic, static, differencing",
    .bid = vdi_bid,
    .announces = vdi_announces,
    .open = vdi_open,
    .facts = vdi_facts,
    .check = vdi_check,
};
