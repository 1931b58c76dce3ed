/* Parallels bundles: a folder x.hdd with a DiskDescriptor.xml, which names the files that make up the disk. What is
 * known of it is in QEMU's docs/interop/prl-xml.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/arena.h"
#include "core/base/checked.h"
#include "core/base/xml.h"
#include "formats/check.h"
#include "formats/concat.h"
#include "formats/parallels_hds.h"

enum {
	DESCRIPTOR_MAX = 4 << 20,    /* CONCAT_MAX storages take 2 MiB */
	IMAGES_MAX = 4 * CONCAT_MAX, /* what a descriptor of 4 MiB has room for */
	SECTOR = 512,
};

/* The state that a disk has now, where the descriptor doesn't say (prl-xml, "Snapshots"). */
static const char default_top[] = "{5fbaabe3-6958-40ff-92a7-860e329aab41}";

#define DISK_MAX_SECTORS (64 * TIB / SECTOR)

/* A file, with the state that its content belongs to. */
struct image {
	const char *guid, *file; /* "" unknown */
	bool plain;		 /* else a .hds */
};

/* A part of the disk, in sectors: one image for each state. */
struct storage {
	uint64_t start, end;
	unsigned line;
	VEC(struct image) images;
};

/* A state of the disk. */
struct shot {
	const char *guid, *parent;
};

struct bundle {
	struct arena arena;
	uint64_t sectors;
	uint64_t physical_sector; /* bytes; 0: not stated */
	size_t images;		  /* of all storages */
	const char *top;	  /* GUID of the state that the disk has now */
	VEC(struct storage) storages;
	VEC(struct shot) shots;
};

static void bundle_done(struct bundle *d)
{
	arena_done(&d->arena);
}

static int number(struct bundle *d, const struct xml_node *parent, const char *name, uint64_t *ret, struct err *err)
{
	const struct xml_node *n = xml_child(parent, name);
	const char *text = n ? xml_text(n, &d->arena) : "";
	char *end;

	errno = 0;
	*ret = strtoull(text, &end, 10);
	if (*text >= '0' && *text <= '9' && !*end && !errno)
		return 0;
	return err_set(err, ERR_CORRUPT, "line %u: %s is '%.40s', expected a number", xml_line(n ? n : parent), name,
		       text);
}

/* An optional number: what isn't there stays. */
static int optional(struct bundle *d, const struct xml_node *parent, const char *name, uint64_t *ret, struct err *err)
{
	return xml_child(parent, name) ? number(d, parent, name, ret, err) : 0;
}

/* The engine's GUID is null for a disk that isn't encrypted. */
static bool is_encrypted(struct bundle *d, const struct xml_node *parameters)
{
	const struct xml_node *engine = xml_path(parameters, "Encryption/Engine");
	const char *guid = engine ? xml_text(engine, &d->arena) : "";

	return guid[strspn(guid, "{}-0")] != '\0';
}

static int read_parameters(struct bundle *d, const struct xml_node *root, struct err *err)
{
	const struct xml_node *p = xml_child(root, "Disk_Parameters");
	uint64_t sector = SECTOR;

	if (!p)
		return err_set(err, ERR_CORRUPT, "it has no Disk_Parameters");
	if (number(d, p, "Disk_size", &d->sectors, err) < 0 || optional(d, p, "LogicSectorSize", &sector, err) < 0 ||
	    optional(d, p, "PhysicalSectorSize", &d->physical_sector, err) < 0)
		return -1;
	if (sector != SECTOR)
		return err_set(err, ERR_UNSUPPORTED, "sectors of %" PRIu64 " bytes, expected 512", sector);
	if (is_encrypted(d, p))
		return err_set(err, ERR_UNSUPPORTED,
			       "it is encrypted: decrypt the machine in Parallels, then convert it");
	if (!d->sectors || d->sectors > DISK_MAX_SECTORS)
		return err_set(err, ERR_CORRUPT, "a disk of %" PRIu64 " sectors, expected 1 sector to 64 TiB",
			       d->sectors);
	return 0;
}

/* The text of a child; "" when there is none. */
static const char *child_text(struct bundle *d, const struct xml_node *parent, const char *name)
{
	const struct xml_node *n = xml_child(parent, name);

	return n ? xml_text(n, &d->arena) : "";
}

static int read_image(struct bundle *d, const struct xml_node *image, struct storage *s, struct err *err)
{
	const char *text = child_text(d, image, "Type");
	struct image *i;

	if (d->images == IMAGES_MAX)
		return err_set(err, ERR_CORRUPT, "line %u: more than %d images", xml_line(image), IMAGES_MAX);
	d->images++;
	i = vec_push(&d->arena, &s->images);
	*i = (struct image){.guid = child_text(d, image, "GUID"),
			    .file = child_text(d, image, "File"),
			    .plain = !strcasecmp(text, "Plain")};
	if (i->plain || !strcasecmp(text, "Compressed"))
		return 0;
	return err_set(err, ERR_UNSUPPORTED, "line %u: an image of type '%.40s', expected Plain or Compressed",
		       xml_line(image), text);
}

/* Parts must follow each other without a gap. */
static int read_storage(struct bundle *d, const struct xml_node *n, struct err *err)
{
	uint64_t before = d->storages.n ? d->storages.v[d->storages.n - 1].end : 0;
	struct storage *s;

	if (d->storages.n == CONCAT_MAX)
		return err_set(err, ERR_CORRUPT, "line %u: more than %d storages", xml_line(n), CONCAT_MAX);
	s = vec_push(&d->arena, &d->storages);
	s->line = xml_line(n);
	if (number(d, n, "Start", &s->start, err) < 0 || number(d, n, "End", &s->end, err) < 0)
		return -1;
	if (s->start != before || s->end <= s->start || s->end > d->sectors)
		return err_set(err, ERR_CORRUPT,
			       "line %u: a storage of the sectors %" PRIu64 " to %" PRIu64
			       ", expected one from %" PRIu64 " on, up to %" PRIu64,
			       xml_line(n), s->start, s->end, before, d->sectors);
	for (const struct xml_node *i = xml_child(n, "Image"); i; i = xml_next(i, "Image"))
		if (read_image(d, i, s, err) < 0)
			return -1;
	if (!s->images.n)
		return err_set(err, ERR_CORRUPT, "line %u: a storage without an image", xml_line(n));
	return 0;
}

static int read_shots(struct bundle *d, const struct xml_node *root, struct err *err)
{
	const struct xml_node *all = xml_child(root, "Snapshots");

	d->top = all && xml_child(all, "TopGUID") ? child_text(d, all, "TopGUID") : default_top;
	for (const struct xml_node *s = all ? xml_child(all, "Shot") : NULL; s; s = xml_next(s, "Shot")) {
		if (d->shots.n == IMAGES_MAX)
			return err_set(err, ERR_CORRUPT, "line %u: more than %d snapshots", xml_line(s), IMAGES_MAX);
		*vec_push(&d->arena, &d->shots) =
		    (struct shot){.guid = child_text(d, s, "GUID"), .parent = child_text(d, s, "ParentGUID")};
	}
	return 0;
}

static int read_storages(struct bundle *d, const struct xml_node *root, struct err *err)
{
	const struct xml_node *data = xml_child(root, "StorageData");

	for (const struct xml_node *s = data ? xml_child(data, "Storage") : NULL; s; s = xml_next(s, "Storage"))
		if (read_storage(d, s, err) < 0)
			return -1;
	if (!d->storages.n || d->storages.v[d->storages.n - 1].end != d->sectors)
		return err_set(err, ERR_CORRUPT, "its storages end at sector %" PRIu64 ", the disk has %" PRIu64,
			       d->storages.n ? d->storages.v[d->storages.n - 1].end : 0, d->sectors);
	return 0;
}

/* The caller frees d with bundle_done(), after errors too. */
static int read_descriptor(struct block *file, struct bundle *d, struct err *err)
{
	AUTO(xml_freep) struct xml_doc *doc = NULL;
	AUTO_FREE char *text = NULL;
	const struct xml_node *root;

	if (file->size > DESCRIPTOR_MAX)
		return err_set(err, ERR_CORRUPT, "%" PRIu64 " bytes, the limit is %d", file->size, DESCRIPTOR_MAX);
	text = malloc(file->size + 1);
	if (!text)
		return err_nomem(err);
	if (block_pread(file, text, file->size, 0, err) < 0 || xml_parse(text, file->size, file->name, &doc, err) < 0)
		return -1;
	root = xml_root(doc);
	if (strcmp(xml_name(root), "Parallels_disk_image") != 0)
		return err_set(err, ERR_CORRUPT, "its root is '%.40s', expected Parallels_disk_image", xml_name(root));
	if (read_parameters(d, root, err) < 0 || read_shots(d, root, err) < 0)
		return -1;
	return read_storages(d, root, err);
}

/* The states that make up the current one, newest first; n is 0 for a disk without snapshots, whose GUIDs don't matter.
 */
struct lineage {
	const char *guid[CHAIN_DEPTH_MAX];
	size_t n;
};

static const struct shot *find_shot(const struct bundle *d, const char *guid)
{
	VEC_FOR (s, &d->shots)
		if (!strcasecmp(s->guid, guid))
			return s;
	return NULL;
}

static bool is_null_guid(const char *guid)
{
	return !guid[strspn(guid, "{}-0")];
}

static int read_lineage(const struct bundle *d, struct lineage *ret, struct err *err)
{
	ret->n = 0;
	if (d->images == d->storages.n && d->shots.n <= 1)
		return 0;
	for (const char *guid = d->top; !is_null_guid(guid);) {
		const struct shot *s = find_shot(d, guid);

		if (!s)
			return err_set(err, ERR_CORRUPT,
				       "the disk is made up of state '%.40s', which isn't among its %zu snapshots",
				       guid, d->shots.n);
		if (ret->n == CHAIN_DEPTH_MAX)
			return err_set(err, ERR_CORRUPT, "the chain of snapshots is a loop, or longer than %d",
				       CHAIN_DEPTH_MAX);
		ret->guid[ret->n++] = guid;
		guid = s->parent;
	}
	return ret->n ? 0 : err_set(err, ERR_CORRUPT, "it has snapshots, but no current state");
}

static const struct image *find_image(const struct storage *s, const char *guid)
{
	VEC_FOR (i, &s->images)
		if (!strcasecmp(i->guid, guid))
			return i;
	return NULL;
}

/* One file of a storage. below: the older state, owned by the new block on success; NULL: none. */
static int open_file(const struct open_args *args, const struct image *i, struct block *below, struct block **ret,
		     struct err *err)
{
	AUTO(block_closep) struct block *file = NULL;

	if (i->plain && below)
		return err_set(err, ERR_CORRUPT,
			       "a plain image has all of the disk, but is said to be a change of another");
	if (image_open_beside(args, i->file, &file, err) < 0)
		return -1;
	if (i->plain) {
		*ret = take_ptr(&file);
		return 0;
	}
	if (parallels_hds_open(file, i->file, ret, err) < 0)
		return -1;
	take_ptr(&file);
	parallels_hds_adopt(*ret, below);
	return 0;
}

/* The images of a storage on each other, the oldest first. */
static int open_images(const struct open_args *args, const struct storage *s, const struct lineage *l,
		       struct block **ret, struct err *err)
{
	AUTO(block_closep) struct block *b = NULL;

	for (size_t k = l->n ? l->n : 1; k-- > 0;) {
		const char *guid = l->n ? l->guid[k] : s->images.v->guid;
		const struct image *i = l->n ? find_image(s, guid) : s->images.v;
		struct block *over = NULL;

		if (!i)
			return err_set(err, ERR_CORRUPT, "line %u: a storage without an image of state '%.40s'",
				       s->line, guid);
		if (open_file(args, i, b, &over, err) < 0)
			return err_wrap(err, "image '%.200s'", i->file);
		b = over;
	}
	*ret = take_ptr(&b);
	return 0;
}

static int open_storage(const struct open_args *args, const struct storage *s, const struct lineage *l,
			struct block **ret, struct err *err)
{
	AUTO(block_closep) struct block *b = NULL;
	uint64_t len = (s->end - s->start) * SECTOR;

	if (open_images(args, s, l, &b, err) < 0)
		return -1;
	if (b->size < len)
		return err_set(err, ERR_CORRUPT,
			       "storage truncated: %" PRIu64 " bytes are stated, the image has %" PRIu64, len, b->size);
	if (b->size == len) {
		*ret = take_ptr(&b);
		return 0;
	}
	if (window_open(b, 0, len, ret, err) < 0)
		return -1;
	take_ptr(&b);
	return 0;
}

static const struct block_ops bundle_ops = {
    .name = "parallels",
    .pread = concat_pread,
    .extent = concat_extent,
    .place = concat_place,
    .close = concat_close,
};

static int open_storages(const struct open_args *args, const struct bundle *d, struct block **parts, struct block **ret,
			 struct err *err)
{
	struct lineage l = {.n = 0};

	if (read_lineage(d, &l, err) < 0)
		return -1;
	for (size_t i = 0; i < d->storages.n; i++)
		if (open_storage(args, &d->storages.v[i], &l, &parts[i], err) < 0)
			return err_wrap(err, "storage %zu", i + 1);
	if (concat_open(&bundle_ops, args->name, parts, d->storages.n, ret, err) < 0)
		return -1;
	if (is_pow2(d->physical_sector) && d->physical_sector > SECTOR && d->physical_sector <= 64 * KIB)
		(*ret)->physical_sector = (uint32_t)d->physical_sector;
	return 0;
}

int parallels_bundle_open(const struct open_args *args, struct block **ret, struct err *err)
{
	AUTO(bundle_done) struct bundle d = {0};
	AUTO_FREE struct block **parts = NULL;

	if (read_descriptor(args->file, &d, err) < 0)
		return -1;
	parts = calloc(d.storages.n, sizeof *parts);
	if (!parts)
		return err_nomem(err);
	if (open_storages(args, &d, parts, ret, err) < 0) {
		for (size_t i = 0; i < d.storages.n; i++)
			block_close(parts[i]);
		return -1;
	}
	block_close(args->file);
	return 0;
}

int parallels_bundle_check(const struct open_args *args, struct err *err)
{
	AUTO(bundle_done) struct bundle d = {0};
	AUTO(block_closep) struct block *file = NULL;

	if (!args->folder || image_open_beside(args, PARALLELS_DESCRIPTOR, &file, NULL) < 0)
		return 0;
	if (read_descriptor(file, &d, err) < 0)
		return err_wrap(err, PARALLELS_DESCRIPTOR " beside it");
	if (d.images <= 1)
		return 0;
	return err_set(err, ERR_UNSUPPORTED,
		       "it is one of the %zu images of a disk: open " PARALLELS_DESCRIPTOR " beside it", d.images);
}

static int check_storage(const struct open_args *args, const struct storage *s, struct check *c, struct err *err)
{
	VEC_FOR (i, &s->images) {
		AUTO(block_closep) struct block *file = NULL;
		int ret = 0;

		if (image_open_beside(args, i->file, &file, err) < 0)
			return err_wrap(err, "image '%.200s'", i->file);
		c->where = i->file;
		if (!i->plain)
			ret = parallels_hds_check(file, c, err);
		else if (file->size < (s->end - s->start) * SECTOR)
			check_report(c, PROBLEM_OUTSIDE, 0,
				     "%" PRIu64 " sectors are stated, the file ends at 0x%" PRIx64, s->end - s->start,
				     file->size);
		c->where = NULL;
		if (ret < 0)
			return err_wrap(err, "image '%.200s'", i->file);
	}
	return 0;
}

int parallels_bundle_structure(const struct open_args *args, struct check *c, struct err *err)
{
	AUTO(bundle_done) struct bundle d = {0};

	if (read_descriptor(args->file, &d, err) < 0)
		return -1;
	VEC_FOR (s, &d.storages)
		if (check_storage(args, s, c, err) < 0)
			return -1;
	return 0;
}
