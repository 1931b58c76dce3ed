/* VMDK: a disk made of extents, as one hosted sparse file or as a text descriptor that names files, and perhaps a
 * parent below it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/base/bytes.h"
#include "core/base/checked.h"
#include "core/base/log.h"
#include "formats/check.h"
#include "formats/facts.h"
#include "formats/registry.h"
#include "formats/vmdk.h"
#include "formats/vmdk_descriptor.h"
#include "formats/vmdk_esx.h"
#include "formats/vmdk_names.h"
#include "formats/vmdk_sparse.h"

struct part {
	uint64_t start, len; /* bytes of the disk */
	struct block *b;     /* owned; NULL: zeros */
};

struct vmdk {
	struct block b;
	struct part *parts; /* in order, without gaps */
	size_t n;
	bool alone; /* one part in the file of the disk itself: its name in messages would be said twice */
	uint32_t cid;
	struct block *parent; /* owned; NULL: no snapshot. What isn't allocated here is read there */
};

/* createType of the disks that are read, and why others are not. */
static const char advice_device[] =
    "its data is on a physical disk or LUN: convert that device itself, or clone it to a file (vmkfstools -i)";
static const char advice_extent[] =
    "it has no descriptor inside: it is one extent of a disk, open the .vmdk file that names it";

static const struct {
	const char *name;
	const char *advice; /* NULL: read */
} create_types[] = {
    {"monolithicSparse", NULL},
    {"monolithicFlat", NULL},
    {"streamOptimized", NULL},
    {"twoGbMaxExtentSparse", NULL},
    {"twoGbMaxExtentFlat", NULL},
    {"vmfs", NULL},
    {"vmfsThin", NULL},
    {"vmfsPreallocated", NULL},
    {"vmfsEagerZeroedThick", NULL},
    {"custom", NULL},
    {"vmfsSparse", NULL},
    {"seSparse", NULL},
    {"fullDevice", advice_device},
    {"partitionedDevice", advice_device},
    {"vmfsRaw", advice_device},
    {"vmfsRDM", advice_device},
    {"vmfsRDMP", advice_device},
    {"vmfsRawDeviceMap", advice_device},
    {"vmfsPassthroughRawDeviceMap", advice_device},
};

/* The part that holds off. */
static struct part *part_at(const struct vmdk *v, uint64_t off)
{
	size_t low = 0, high = v->n;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (v->parts[middle].start <= off)
			low = middle;
		else
			high = middle;
	}
	return &v->parts[low];
}

static int part_pread(struct vmdk *v, struct part *p, void *buf, size_t len, uint64_t off, struct err *err)
{
	if (!p->b) {
		memset(buf, 0, len);
		return 0;
	}
	return v->alone ? p->b->ops->pread(p->b, buf, len, off, err) : block_pread(p->b, buf, len, off, err);
}

/* Reads from the extents alone. */
static int own_pread(struct vmdk *v, char *buf, size_t len, uint64_t off, struct err *err)
{
	while (len) {
		struct part *p = part_at(v, off);
		size_t n = (size_t)min_u64(len, p->start + p->len - off);

		if (part_pread(v, p, buf, n, off - p->start, err) < 0)
			return -1;
		buf += n;
		off += n;
		len -= n;
	}
	return 0;
}

/* The extents alone; EXTENT_HOLE is what a parent may have. */
static int own_extent(struct vmdk *v, uint64_t off, uint64_t max, struct extent *ret, struct err *err)
{
	struct part *p = part_at(v, off);
	uint64_t len = min_u64(max, p->start + p->len - off);

	*ret = (struct extent){.off = off, .len = len, .kind = EXTENT_ZERO};
	if (!p->b)
		return 0;
	if (v->alone ? p->b->ops->extent(p->b, off - p->start, len, ret, err) < 0
		     : block_extent(p->b, off - p->start, len, ret, err) < 0)
		return -1;
	ret->off = off;
	return 0;
}

static bool falls_through(const struct vmdk *v, const struct extent *e)
{
	return v->parent && e->kind == EXTENT_HOLE && e->off < v->parent->size;
}

/* A disk may be longer than its parent; what is missing below reads as zeros. */
static int vmdk_pread(struct block *b, void *buf, size_t len, uint64_t off, struct err *err)
{
	struct vmdk *v = (struct vmdk *)b;
	char *to = buf;

	if (!v->parent)
		return own_pread(v, buf, len, off, err);
	while (len) {
		struct extent e;

		if (own_extent(v, off, len, &e, err) < 0)
			return -1;
		if (falls_through(v, &e)) {
			e.len = min_u64(e.len, v->parent->size - off);
			if (block_pread(v->parent, to, e.len, off, err) < 0)
				return -1;
		} else if (own_pread(v, to, e.len, off, err) < 0) {
			return -1;
		}
		to += e.len;
		off += e.len;
		len -= e.len;
	}
	return 0;
}

static int vmdk_extent(struct block *b, uint64_t off, uint64_t max, struct extent *ret, struct err *err)
{
	struct vmdk *v = (struct vmdk *)b;

	if (own_extent(v, off, max, ret, err) < 0)
		return -1;
	return falls_through(v, ret) ? block_extent(v->parent, off, ret->len, ret, err) : 0;
}

static int vmdk_place(struct block *b, uint64_t off, uint64_t max, struct file_place *ret, struct err *err)
{
	struct vmdk *v = (struct vmdk *)b;
	const struct part *p = part_at(v, off);

	return p->b ? block_place(p->b, off - p->start, min_u64(max, p->start + p->len - off), ret, err) : 0;
}

static void vmdk_close(struct block *b)
{
	struct vmdk *v = (struct vmdk *)b;

	if (!v)
		return;
	for (size_t i = 0; i < v->n; i++)
		block_close(v->parts[i].b);
	block_close(v->parent);
	free(v->parts);
	free(v);
}
DEFINE_CLEANUP(struct block *, vmdk_close)

static const struct block_ops vmdk_ops = {
    .name = "vmdk",
    .pread = vmdk_pread,
    .extent = vmdk_extent,
    .place = vmdk_place,
    .close = vmdk_close,
};

static struct vmdk *vmdk_new(const char *name, size_t parts, uint32_t cid)
{
	struct vmdk *v = calloc(1, sizeof *v);

	if (!v)
		return NULL;
	block_init(&v->b, &vmdk_ops, name, 0);
	v->cid = cid;
	v->parts = calloc(parts, sizeof *v->parts);
	if (v->parts)
		return v;
	free(v);
	return NULL;
}

static void add_part(struct vmdk *v, struct block *b, uint64_t len)
{
	v->parts[v->n++] = (struct part){.start = v->b.size, .len = len, .b = b};
	v->b.size += len;
	if (b && b->unit > v->b.unit)
		v->b.unit = b->unit;
}

static int check_create_type(const char *type, struct err *err)
{
	for (size_t i = 0; i < sizeof create_types / sizeof *create_types; i++) {
		if (strcasecmp(type, create_types[i].name) != 0)
			continue;
		if (!create_types[i].advice)
			return 0;
		return err_set(err, ERR_UNSUPPORTED, "createType \"%s\": %s", type, create_types[i].advice);
	}
	return err_set(err, ERR_UNSUPPORTED, "createType \"%.80s\" is not known", type);
}

static int check_descriptor(const struct vmdk_descriptor *d, struct err *err)
{
	if (d->encryption)
		return err_set(err, ERR_UNSUPPORTED,
			       "it is encrypted (%s): decrypt the machine in VMware, then convert it", d->encryption);
	/* Without its parent it would read as a disk that is mostly empty. */
	if (d->parent_cid == VMDK_CID_NONE && *d->parent_uuid)
		return err_set(
		    err, ERR_UNSUPPORTED,
		    "it is a snapshot of VirtualBox's on disk {%.60s}: merge it (VBoxManage snapshot … delete), "
		    "or copy it with VBoxManage clonemedium",
		    d->parent_uuid);
	if (d->parent_cid == VMDK_CID_NONE && *d->parent_hint)
		return err_set(
		    err, ERR_CORRUPT,
		    "it names the parent '%.200s', but its parentCID says that it has none: remove the name if "
		    "that is right",
		    d->parent_hint);
	return check_create_type(d->create_type, err);
}

/* A snapshot holds what changed since its parent had that content: another content identifier is another disk. */
static int open_parent(struct vmdk *v, const struct open_args *args, const struct vmdk_descriptor *d, struct err *err)
{
	const struct vmdk *parent;
	struct image_place place;

	if (d->parent_cid == VMDK_CID_NONE)
		return 0;
	if (!args->folder)
		return err_set(err, ERR_POLICY,
			       "it is a snapshot of '%s', but an image inside an archive may name no file",
			       d->parent_hint);
	if (vmdk_find_parent(args, d->parent_hint, d->parent_bytes, &place, err) < 0 ||
	    image_open_place(args, &place, &format_vmdk, &v->parent, err) < 0)
		return err_wrap(err, "parent '%s'", d->parent_hint);
	parent = (const struct vmdk *)v->parent;
	if (parent->cid != d->parent_cid)
		return err_set(err, ERR_CORRUPT,
			       "parent '%s': its content is %08" PRIx32 ", the snapshot was made on %08" PRIx32
			       ": the parent was changed since, or is another disk",
			       place.name, parent->cid, d->parent_cid);
	return 0;
}

static int read_text(struct block *file, uint64_t off, uint64_t len, char **ret, struct err *err)
{
	if (len > VMDK_DESCRIPTOR_MAX)
		return err_set(err, ERR_CORRUPT, "descriptor: %" PRIu64 " bytes, the limit is %d", len,
			       VMDK_DESCRIPTOR_MAX);
	if (!range_inside(off, len, file->size))
		return err_set(err, ERR_CORRUPT,
			       "descriptor: %" PRIu64 " bytes at 0x%" PRIx64 ": the file ends at 0x%" PRIx64, len, off,
			       file->size);
	*ret = malloc(len);
	if (!*ret)
		return err_nomem(err);
	return block_pread(file, *ret, len, off, err);
}

/* The file says how much it holds; its descriptor only repeats it. */
static void compare_capacity(const char *name, const struct vmdk_header *h, const struct vmdk_descriptor *d)
{
	uint64_t sectors = d->extents.n == 1 ? d->extents.v->sectors : 0;

	if (sectors != h->capacity)
		log_warn("vmdk '%s': the descriptor inside has %zu extents with %" PRIu64
			 " sectors, the header says %" PRIu64 ": the header counts",
			 name, d->extents.n, sectors, h->capacity);
}

static int open_hosted_extent(const struct open_args *args, const struct vmdk_header *h,
			      const struct vmdk_descriptor *d, struct block **ret, struct err *err)
{
	struct vmdk *v = vmdk_new(args->name, 1, d->cid);
	AUTO(vmdk_closep) struct block *guard = (struct block *)v;
	struct block *part;

	if (!v)
		return err_nomem(err);
	compare_capacity(args->name, h, d);
	if (open_parent(v, args, d, err) < 0 || vmdk_sparse_open(args->file, h, &part, err) < 0)
		return -1;
	v->alone = true;
	add_part(v, part, part->size);
	*ret = take_ptr(&guard);
	return 0;
}

/* One file with everything: header, descriptor, tables, grains. */
static int open_hosted(const struct open_args *args, struct block **ret, struct err *err)
{
	AUTO(vmdk_descriptor_done) struct vmdk_descriptor d = {0};
	AUTO_FREE char *text = NULL;
	struct vmdk_header h;
	uint64_t off, len;

	if (vmdk_header_read(args->file, &h, err) < 0)
		return -1;
	if (!h.desc_offset || !h.desc_size)
		return err_set(
		    err, ERR_UNSUPPORTED,
		    "it has no descriptor inside: it is one extent of a split disk, open the .vmdk file that "
		    "names it");
	if (!mul_fits(h.desc_offset, VMDK_SECTOR, &off) || !mul_fits(h.desc_size, VMDK_SECTOR, &len))
		return err_set(err, ERR_CORRUPT, "descriptor at sector 0x%" PRIx64 ", 0x%" PRIx64 " sectors",
			       h.desc_offset, h.desc_size);
	if (read_text(args->file, off, len, &text, err) < 0)
		return -1;
	if (vmdk_descriptor_parse(text, len, &d, err) < 0)
		return err_wrap(err, "descriptor inside");
	vmdk_descriptor_translate(&d, open_charset(args));
	if (check_descriptor(&d, err) < 0)
		return -1;
	return open_hosted_extent(args, &h, &d, ret, err);
}

/* A piece of a file as it is. */
static int open_flat(const struct open_args *args, const struct vmdk_extent_line *e, struct block **ret,
		     struct err *err)
{
	AUTO(block_closep) struct block *file = NULL;
	uint64_t off, len = e->sectors * VMDK_SECTOR, end = 0;

	if (vmdk_open_extent(args, e->file, e->file_bytes, &file, err) < 0)
		return -1;
	if (mul_fits(e->offset, VMDK_SECTOR, &off) && add_fits(off, len, &end))
		file_allow_length(file, end);
	if (!end || end > file->size)
		return err_set(err, ERR_CORRUPT,
			       "extent truncated: %" PRIu64 " sectors from sector %" PRIu64
			       " are stated, the file has %" PRIu64 " bytes; --allow-truncated reads what is there",
			       e->sectors, e->offset, file->size);
	if (window_open(file, off, len, ret, err) < 0)
		return -1;
	take_ptr(&file);
	return 0;
}

static int open_sparse(const struct open_args *args, const struct vmdk_extent_line *e, struct block **ret,
		       struct err *err)
{
	AUTO(block_closep) struct block *file = NULL;
	struct vmdk_header h;

	if (vmdk_open_extent(args, e->file, e->file_bytes, &file, err) < 0 || vmdk_header_read(file, &h, err) < 0)
		return -1;
	if (h.capacity < e->sectors)
		return err_set(err, ERR_CORRUPT,
			       "extent truncated: %" PRIu64 " sectors are stated, its header says %" PRIu64, e->sectors,
			       h.capacity);
	if (vmdk_sparse_open(file, &h, ret, err) < 0)
		return -1;
	take_ptr(&file);
	return 0;
}

static int open_esx(const struct open_args *args, const struct vmdk_extent_line *e,
		    int (*open)(struct block *file, struct block **ret, struct err *err), struct block **ret,
		    struct err *err)
{
	AUTO(block_closep) struct block *file = NULL;
	AUTO(block_closep) struct block *extent = NULL;

	if (vmdk_open_extent(args, e->file, e->file_bytes, &file, err) < 0 || open(file, &extent, err) < 0)
		return -1;
	take_ptr(&file);
	if (extent->size / VMDK_SECTOR < e->sectors)
		return err_set(err, ERR_CORRUPT,
			       "extent truncated: %" PRIu64 " sectors are stated, its header says %" PRIu64, e->sectors,
			       extent->size / VMDK_SECTOR);
	*ret = take_ptr(&extent);
	return 0;
}

/* Some of the disk that VMware itself could not read. */
static int skip_part(const struct open_args *args, const struct vmdk_extent_line *e, struct err *err)
{
	if (!open_allows_truncated(args))
		return err_set(err, ERR_UNSUPPORTED,
			       "NOACCESS: the disk has a part that can't be read; --allow-truncated makes it zeros");
	log_warn("vmdk '%s': line %u: %" PRIu64 " sectors are NOACCESS: they read as zeros", args->name, e->line,
		 e->sectors);
	return 0;
}

static int open_extent(const struct open_args *args, const struct vmdk_extent_line *e, struct block **ret,
		       struct err *err)
{
	*ret = NULL;
	if (e->access == VMDK_ACCESS_NOACCESS)
		return skip_part(args, e, err);
	switch (e->type) {
	case VMDK_EXTENT_ZERO:
		return 0;
	case VMDK_EXTENT_FLAT:
	case VMDK_EXTENT_VMFS:
		return open_flat(args, e, ret, err);
	case VMDK_EXTENT_SPARSE:
		return open_sparse(args, e, ret, err);
	case VMDK_EXTENT_VMFSSPARSE:
		return open_esx(args, e, vmdk_cowd_open, ret, err);
	case VMDK_EXTENT_SESPARSE:
		return open_esx(args, e, vmdk_sesparse_open, ret, err);
	case VMDK_EXTENT_VMFSRDM:
	case VMDK_EXTENT_VMFSRAW:
		return err_set(err, ERR_UNSUPPORTED, "%s: %s", vmdk_extent_type_name(e->type), advice_device);
	case VMDK_EXTENT_UNKNOWN:
		break;
	}
	return err_set(err, ERR_INTERNAL, "an extent without a type");
}

/* Sizes are checked before any file is opened. */
static int check_extents(const struct vmdk_descriptor *d, struct err *err)
{
	uint64_t sectors = 0;

	if (!d->extents.n)
		return err_set(err, ERR_CORRUPT, "the descriptor names no extent");
	VEC_FOR (e, &d->extents) {
		if (!add_fits(sectors, e->sectors, &sectors) || sectors > VMDK_DISK_MAX / VMDK_SECTOR)
			return err_set(err, ERR_CORRUPT, "line %u: the disk gets larger than 64 TiB", e->line);
		/* Unallocated space of a snapshot must be told from zeros, which flat files don't do. */
		if (d->parent_cid != VMDK_CID_NONE && e->type != VMDK_EXTENT_SPARSE && e->type != VMDK_EXTENT_ZERO &&
		    e->type != VMDK_EXTENT_VMFSSPARSE && e->type != VMDK_EXTENT_SESPARSE)
			return err_set(err, ERR_CORRUPT, "line %u: a %s extent in a snapshot", e->line,
				       vmdk_extent_type_name(e->type));
	}
	return 0;
}

static int open_extents(struct vmdk *v, const struct open_args *args, const struct vmdk_descriptor *d, struct err *err)
{
	VEC_FOR (e, &d->extents) {
		struct block *b;

		if (open_extent(args, e, &b, err) < 0)
			return err_wrap(err, "extent %zu '%.200s'", v->n + 1, e->file);
		add_part(v, b, e->sectors * VMDK_SECTOR);
	}
	return 0;
}

/* A text file that names the files of the disk. */
static int open_text(const struct open_args *args, struct block **ret, struct err *err)
{
	AUTO(vmdk_descriptor_done) struct vmdk_descriptor d = {0};
	AUTO(vmdk_closep) struct block *guard = NULL;
	AUTO_FREE char *text = NULL;
	struct vmdk *v;

	if (read_text(args->file, 0, args->file->size, &text, err) < 0 ||
	    vmdk_descriptor_parse(text, args->file->size, &d, err) < 0 || check_descriptor(&d, err) < 0 ||
	    check_extents(&d, err) < 0)
		return -1;
	vmdk_descriptor_translate(&d, open_charset(args));
	v = vmdk_new(args->name, d.extents.n, d.cid);
	if (!v)
		return err_nomem(err);
	guard = &v->b;
	if (open_extents(v, args, &d, err) < 0 || open_parent(v, args, &d, err) < 0)
		return -1;
	block_close(args->file);
	*ret = take_ptr(&guard);
	return 0;
}

static bool is_sesparse(const unsigned char *head)
{
	return get_le64(head) == VMDK_SESPARSE;
}

static int vmdk_bid(const struct probe *p)
{
	if (!memcmp(p->head, VMDK_MAGIC, 4) || !memcmp(p->head, VMDK_COWD_MAGIC, 4) || is_sesparse(p->head))
		return BID_SURE;
	return vmdk_descriptor_likely((const char *)p->head, sizeof p->head) ? BID_SURE : BID_NONE;
}

static int vmdk_open(const struct open_args *args, struct block **ret, struct err *err)
{
	unsigned char magic[8] = {0};

	if (block_pread(args->file, magic, (size_t)min_u64(sizeof magic, args->file->size), 0, err) < 0)
		return -1;
	if (!memcmp(magic, VMDK_MAGIC, 4))
		return open_hosted(args, ret, err);
	if (!memcmp(magic, VMDK_COWD_MAGIC, 4))
		return err_set(err, ERR_UNSUPPORTED, "a COWD (vmfsSparse) extent: %s", advice_extent);
	if (is_sesparse(magic))
		return err_set(err, ERR_UNSUPPORTED, "a seSparse extent: %s", advice_extent);
	return open_text(args, ret, err);
}

static uint64_t vmdk_announces(const struct probe *p)
{
	uint64_t size;

	return !memcmp(p->head, VMDK_MAGIC, 4) && mul_fits(get_le64(p->head + VMDK_H_CAPACITY), VMDK_SECTOR, &size)
		   ? size
		   : 0;
}

static const char *const create_keys[] = {"subformat", "adapter_type", NULL};

const struct format format_vmdk = {
    .name = "vmdk",
    .description = "VMware: sparse, flat, split, streamOptimized (OVA), snapshots (COWD, seSparse too)",
    .bid = vmdk_bid,
    .announces = vmdk_announces,
    .open = vmdk_open,
    .create = vmdk_create,
    .create_keys = create_keys,
    .facts = vmdk_facts,
    .check = vmdk_check,
};
