/* Internal snapshots of qcow2: each has an L1 table of its own over the clusters of the same file. */
#include "formats/qcow2_snapshot.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/checked.h"

enum {
	EXTRA_MAX = 1024,     /* bytes of extra data: QEMU's limit, which knows 24 of them */
	TABLE_MAX = 64 << 20, /* bytes: QEMU's limit */
	EXTRA_VM_STATE = 0,   /* u64 in the extra data, bytes of the saved machine */
	EXTRA_DISK = 8,	      /* u64, bytes of the disk as it was then */
	EXTRA_KNOWN = 16,
};

/* The entry at `at`, as far as it is shown; *ret_next is where the following one begins. */
struct reader {
	struct block *file;
	uint64_t begin, at;
	uint32_t index;
	unsigned char head[QCOW2_SNAPSHOT_SIZE_MIN + EXTRA_KNOWN];
};

static int bad_snapshot(const struct reader *r, const char *what, struct err *err)
{
	return err_set(err, ERR_CORRUPT, "snapshot %" PRIu32 " at 0x%" PRIx64 ": %s", r->index + 1, r->at, what);
}

/* A text of len bytes, cut to what ret holds. */
static int read_text(const struct reader *r, uint64_t off, size_t len, char *ret, size_t size, struct err *err)
{
	len = min_u64(len, size - 1);
	memset(ret, 0, size);
	return len ? block_pread(r->file, ret, len, off, err) : 0;
}

static int read_names(struct reader *r, uint64_t at, struct qcow2_snapshot *s, struct err *err)
{
	size_t id = get_be16(r->head + QCOW2_S_ID_SIZE), name = get_be16(r->head + QCOW2_S_NAME_SIZE);

	if (!range_inside(at, id + name, r->file->size))
		return bad_snapshot(r, "its names reach beyond the end of the file", err);
	s->cut = id >= sizeof s->shown.id || name >= sizeof s->shown.name;
	if (read_text(r, at, id, s->shown.id, sizeof s->shown.id, err) < 0 ||
	    read_text(r, at + id, name, s->shown.name, sizeof s->shown.name, err) < 0)
		return -1;
	r->at = r->begin + align_up(at + id + name - r->begin, 8);
	return 0;
}

static int read_entry(struct reader *r, struct qcow2_snapshot *s, struct err *err)
{
	unsigned char *h = r->head, *extra = h + QCOW2_SNAPSHOT_SIZE_MIN;
	uint32_t extra_size;

	memset(h, 0, sizeof r->head);
	if (!range_inside(r->at, QCOW2_SNAPSHOT_SIZE_MIN, r->file->size))
		return bad_snapshot(r, "it reaches beyond the end of the file", err);
	if (block_pread(r->file, h, min_u64(sizeof r->head, r->file->size - r->at), r->at, err) < 0)
		return -1;
	extra_size = get_be32(h + QCOW2_S_EXTRA_SIZE);
	if (extra_size > EXTRA_MAX)
		return bad_snapshot(r, "more than 1024 bytes of extra data", err);
	s->l1_offset = get_be64(h + QCOW2_S_L1_OFFSET);
	s->l1_entries = get_be32(h + QCOW2_S_L1_SIZE);
	s->shown.date = get_be32(h + QCOW2_S_DATE);
	s->shown.vm_state = get_be32(h + QCOW2_S_VM_STATE);
	s->shown.size = extra_size >= EXTRA_KNOWN ? get_be64(extra + EXTRA_DISK) : 0;
	if (extra_size >= sizeof(uint64_t))
		s->shown.vm_state = get_be64(extra + EXTRA_VM_STATE);
	return read_names(r, r->at + QCOW2_SNAPSHOT_SIZE_MIN + extra_size, s, err);
}

int qcow2_each_snapshot(struct block *file, const struct qcow2_header *h,
			int (*fn)(const struct qcow2_snapshot *s, void *opaque, struct err *err), void *opaque,
			struct err *err)
{
	struct reader r = {.file = file, .begin = h->snapshots_offset, .at = h->snapshots_offset};

	for (; r.index < h->snapshots; r.index++) {
		struct qcow2_snapshot s = {.cut = false};
		int ret;

		if (read_entry(&r, &s, err) < 0)
			return -1;
		if (r.at - r.begin > TABLE_MAX)
			return bad_snapshot(&r, "the table has more than 64 MiB", err);
		ret = fn(&s, opaque, err);
		if (ret)
			return ret;
	}
	return 0;
}

/* ---- choosing one ---- */

struct choice {
	const char *wanted;
	struct qcow2_snapshot found;
	unsigned by_name;
	bool by_id;
};

static int look_at(const struct qcow2_snapshot *s, void *opaque, struct err *err)
{
	struct choice *c = opaque;

	if (s->cut)
		return 0;
	c->by_id = !strcmp(s->shown.id, c->wanted);
	if (!c->by_id && strcmp(s->shown.name, c->wanted) != 0)
		return 0;
	c->by_name += !c->by_id;
	if (c->by_id || c->by_name == 1)
		c->found = *s;
	return c->by_id;
}

int qcow2_choose_snapshot(struct block *file, const char *wanted, struct qcow2_header *h, struct err *err)
{
	struct choice c = {.wanted = wanted};
	uint64_t size;

	if (qcow2_each_snapshot(file, h, look_at, &c, err) < 0)
		return -1;
	if (!c.by_id && c.by_name > 1)
		return err_set(err, ERR_USAGE, "%u snapshots have the name '%s': the ID tells them apart", c.by_name,
			       wanted);
	if (!c.by_id && !c.by_name)
		return err_set(err, ERR_USAGE, "none of its %" PRIu32 " snapshots has the ID or name '%s'",
			       h->snapshots, wanted);
	size = c.found.shown.size ? c.found.shown.size : h->size;
	if (qcow2_header_set_l1(h, file->size, c.found.l1_offset, c.found.l1_entries, size, err) < 0)
		return err_wrap(err, "snapshot '%s'", wanted);
	return 0;
}

/* ---- showing them ---- */

struct shower {
	int (*fn)(const struct image_snapshot *s, void *opaque, struct err *err);
	void *opaque;
};

static int show(const struct qcow2_snapshot *s, void *opaque, struct err *err)
{
	const struct shower *to = opaque;
	struct image_snapshot shown = s->shown;

	fact_text(shown.id, sizeof shown.id, s->shown.id, strlen(s->shown.id));
	fact_text(shown.name, sizeof shown.name, s->shown.name, strlen(s->shown.name));
	return to->fn(&shown, to->opaque, err);
}

int qcow2_snapshots(const struct open_args *args,
		    int (*fn)(const struct image_snapshot *s, void *opaque, struct err *err), void *opaque,
		    struct err *err)
{
	struct shower to = {fn, opaque};
	struct qcow2_header h;

	if (qcow2_header_read(args->file, &h, err) < 0)
		return -1;
	return qcow2_each_snapshot(args->file, &h, show, &to, err);
}
