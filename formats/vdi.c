/* VDI: VirtualBox's disks, version 1.1: dynamic, static, and differencing images over the parent that their folder
 * holds.
 */
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/base/bytes.h"
#include "core/base/checked.h"
#include "core/base/file.h"
#include "core/base/log.h"
#include "formats/facts.h"
#include "formats/mapped.h"
#include "formats/registry.h"
#include "formats/vdi_header.h"

#define ENTRY_FREE UINT32_C(0xffffffff) /* never written: the parent's */
#define ENTRY_ZERO UINT32_C(0xfffffffe) /* discarded */

enum {
	SECTOR = 512,
	SEARCH_MAX = 4096, /* .vdi files looked at for a parent: far more than VirtualBox's own chains */
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
    .close = mapped_close,
};

/* The header of folder/name when it is a VDI that could be read; anything else is no candidate. */
static bool peek(int dirfd, const char *name, struct vdi_header *ret)
{
	AUTO_FD int fd = file_open_beneath(dirfd, name, false, NULL);
	AUTO(block_closep) struct block *file = NULL;

	if (fd < 0 || file_block_open(fd, name, &file, NULL) < 0)
		return false;
	take_fd(&fd);
	return vdi_header_read(file, ret, NULL) == 0;
}

static bool ends_in_vdi(const char *name)
{
	size_t len = strlen(name);

	return len > 4 && !strcasecmp(name + len - 4, ".vdi");
}

/* Where a parent is looked for, and what was found. */
struct search {
	const struct folder *folder;
	const unsigned char *uuid;
	unsigned left;	  /* files that may still be looked at */
	char found[4096]; /* "" none */
};

static int look_at(struct search *s, const char *name, struct err *err)
{
	struct vdi_header h;

	if (!s->left--)
		return err_set(err, ERR_CORRUPT, "more than %d .vdi files in the folder", SEARCH_MAX);
	if (!peek(s->folder->dirfd, name, &h) || memcmp(h.created, s->uuid, VDI_UUID) != 0)
		return 0;
	if (*s->found)
		return err_set(err, ERR_CORRUPT, "both '%.1000s' and '%.1000s' are it: move the copy away", s->found,
			       name);
	snprintf(s->found, sizeof s->found, "%s", name);
	return 0;
}

/* sub is "" or a folder with a slash behind it. */
static int search_folder(struct search *s, const char *sub, struct err *err)
{
	int fd = file_open_dir_beneath(s->folder->dirfd, *sub ? sub : ".", err);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	int ret = 0;

	if (fd < 0)
		return -1;
	if (!dir) {
		close(fd);
		return err_sys(err, ERR_UNREADABLE, "cannot list the folder '%s'", sub);
	}
	for (struct dirent *d; !ret && (d = readdir(dir));) {
		char name[4096];

		if (ends_in_vdi(d->d_name) && (size_t)snprintf(name, sizeof name, "%s%s", sub, d->d_name) < sizeof name)
			ret = look_at(s, name, err);
	}
	closedir(dir);
	return ret;
}

/* VirtualBox knows parents by their UUID from the machine's settings; here it is the file with that UUID, in the folder
 * of the image, or the one above it: VirtualBox keeps differencing images in a folder Snapshots. */
static int find_parent(const struct open_args *args, struct search *s, struct err *err)
{
	const char *slash = strrchr(args->name, '/');
	char sub[4096] = "";

	if (slash)
		snprintf(sub, sizeof sub, "%.*s", (int)(slash + 1 - args->name), args->name);
	if (search_folder(s, sub, err) < 0)
		return -1;
	if (*s->found || !*sub)
		return 0;
	return search_folder(s, "", err);
}

/* The child holds what changed since the parent had that content. */
static int check_parent(const struct vdi *v, const char *name, struct err *err)
{
	const struct vdi_header *parent = &((const struct vdi *)v->m.parent)->h;
	char stated[VDI_UUID_TEXT], found[VDI_UUID_TEXT];

	if (vdi_uuid_is_null(v->h.parent_modified) || !memcmp(parent->modified, v->h.parent_modified, VDI_UUID))
		return 0;
	vdi_uuid_text(v->h.parent_modified, stated);
	vdi_uuid_text(parent->modified, found);
	return err_set(err, ERR_CORRUPT,
		       "'%s' has the content %s, the image was made on %s: the parent was changed since", name, found,
		       stated);
}

static int open_parent(struct vdi *v, const struct open_args *args, struct err *err)
{
	struct search s = {.folder = args->folder, .uuid = v->h.parent, .left = SEARCH_MAX};
	char text[VDI_UUID_TEXT];

	if (v->h.type != VDI_DIFFERENCING)
		return 0;
	vdi_uuid_text(v->h.parent, text);
	if (vdi_uuid_is_null(v->h.parent))
		return err_set(err, ERR_CORRUPT, "header: a differencing image that names no parent");
	if (!args->folder)
		err_record(err, ERR_POLICY, "an image inside an archive may name no file");
	else if (find_parent(args, &s, err) == 0) {
		if (!*s.found)
			return err_set(err, ERR_UNREADABLE,
				       "parent %s: no .vdi file with that UUID in its folder: put the parent there",
				       text);
		if (image_open(args->folder, s.found, &format_vdi, args->chain, &v->m.parent, err) == 0 &&
		    check_parent(v, s.found, err) == 0)
			return 0;
	}
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

static int vdi_bid(const struct probe *p)
{
	return get_le32(p->head + VDI_H_MAGIC) == VDI_MAGIC ? BID_SURE : BID_NONE;
}

const struct format format_vdi = {
    .name = "vdi",
    .description = "VirtualBox: dynamic, static, differencing",
    .bid = vdi_bid,
    .open = vdi_open,
    .facts = vdi_facts,
};
