/* newc cpio archives: a push reader that accepts what the kernel accepts, and a writer. */
#include "core/base/cpio.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/checked.h"
#include "core/base/cleanup.h"

enum { HEADER = 110, FIELDS = 13, FIELD_AT = 6, FIELD_LEN = 8 };
#define TRAILER "TRAILER!!!"

enum cpio_state {
	CPIO_GAP = 1, /* zeros between archives */
	CPIO_HEAD,    /* header and name, with their padding */
	CPIO_BODY,    /* content and its padding */
};

struct cpio_reader {
	struct cpio_handler handler;
	enum cpio_state state;
	uint64_t at;	  /* offset of the next byte */
	uint64_t need;	  /* bytes of head or body still to come */
	struct buf head;  /* header and name */
	struct buf body;  /* content when wanted */
	bool sized, keep; /* head's length is known; content is collected */
	uint32_t name_len;
	struct cpio_entry entry;
};

struct cpio_reader *cpio_reader_new(const struct cpio_handler *handler, uint64_t start)
{
	struct cpio_reader *r = calloc(1, sizeof *r);

	if (!r)
		return NULL;
	r->handler = *handler;
	r->state = CPIO_GAP;
	r->at = start;
	r->head.max = HEADER + CPIO_NAME_MAX + 4;
	r->body.max = CPIO_CONTENT_MAX + 4;
	return r;
}

void cpio_reader_free(struct cpio_reader *r)
{
	if (!r)
		return;
	buf_done(&r->head);
	buf_done(&r->body);
	free(r);
}

bool cpio_reader_idle(const struct cpio_reader *r)
{
	return r->state == CPIO_GAP;
}

static uint64_t pad4(uint64_t n)
{
	return align_up(n, 4) - n;
}

static int hex_field(const char *at, uint32_t *ret)
{
	*ret = 0;
	for (int i = 0; i < FIELD_LEN; i++) {
		if (!isxdigit((unsigned char)at[i]))
			return -1;
		*ret = *ret << 4 | (uint32_t)(at[i] <= '9' ? at[i] - '0' : (at[i] | 0x20) - 'a' + 10);
	}
	return 0;
}

static int parse_header(struct cpio_reader *r, struct err *err)
{
	const char *h = r->head.data;
	uint64_t start = r->at - HEADER;
	uint32_t f[FIELDS];

	if (memcmp(h, "070701", FIELD_AT) != 0 && memcmp(h, "070702", FIELD_AT) != 0)
		return err_set(err, ERR_CORRUPT, "cpio entry at 0x%" PRIx64 ": is not a newc header", start);
	for (int i = 0; i < FIELDS; i++)
		if (hex_field(h + FIELD_AT + i * FIELD_LEN, &f[i]) < 0)
			return err_set(err, ERR_CORRUPT,
				       "cpio entry at 0x%" PRIx64 ": header field %d is not hexadecimal", start, i);
	r->entry = (struct cpio_entry){.ino = f[0],
				       .mode = f[1],
				       .uid = f[2],
				       .gid = f[3],
				       .nlink = f[4],
				       .mtime = f[5],
				       .size = f[6],
				       .dev_major = f[7],
				       .dev_minor = f[8],
				       .rdev_major = f[9],
				       .rdev_minor = f[10]};
	r->name_len = f[11];
	if (f[11] == 0 || f[11] > CPIO_NAME_MAX)
		return err_set(err, ERR_CORRUPT, "cpio entry at 0x%" PRIx64 ": name of %u bytes, 1 to %d are possible",
			       start, f[11], CPIO_NAME_MAX);
	return 0;
}

static int deliver(struct cpio_reader *r, struct err *err)
{
	bool link = S_ISLNK(r->entry.mode);

	if (link)
		r->entry.link = buf_str(&r->body);
	r->state = CPIO_HEAD;
	r->need = HEADER;
	r->sized = false;
	if (r->handler.entry(r->handler.opaque, &r->entry, r->keep && !link ? buf_str(&r->body) : NULL, err) < 0)
		return -1;
	buf_clear(&r->head);
	return 0;
}

/* Header and name are complete. */
static int begin_entry(struct cpio_reader *r, struct err *err)
{
	struct cpio_entry *e = &r->entry;

	e->name = r->head.data + HEADER;
	if (e->name[r->name_len - 1] != '\0')
		return err_set(err, ERR_CORRUPT, "cpio entry before 0x%" PRIx64 ": name doesn't end in NUL", r->at);
	if (strcmp(e->name, TRAILER) == 0) {
		r->state = CPIO_GAP;
		buf_clear(&r->head);
		return 0;
	}
	buf_clear(&r->body);
	r->keep = S_ISLNK(e->mode);
	if (r->keep && e->size >= CPIO_NAME_MAX)
		return err_set(err, ERR_CORRUPT, "cpio entry '%s': symlink target of %u bytes, at most %d are possible",
			       e->name, e->size, CPIO_NAME_MAX - 1);
	if (S_ISREG(e->mode) && r->handler.wants && r->handler.wants(r->handler.opaque, e)) {
		if (e->size > CPIO_CONTENT_MAX)
			return err_set(err, ERR_CORRUPT, "cpio entry '%s': is %u bytes long, at most %d are read",
				       e->name, e->size, CPIO_CONTENT_MAX);
		r->keep = true;
	}
	r->state = CPIO_BODY;
	r->need = e->size + pad4(e->size);
	return r->need ? 0 : deliver(r, err);
}

static int head_done(struct cpio_reader *r, struct err *err)
{
	if (r->sized)
		return begin_entry(r, err);
	if (parse_header(r, err) < 0)
		return -1;
	r->sized = true;
	r->need = r->name_len + pad4(HEADER + r->name_len);
	return 0;
}

/* Bytes of content, without the padding, that the next n bytes hold. */
static size_t body_part(const struct cpio_reader *r, size_t n)
{
	uint64_t done = r->entry.size + pad4(r->entry.size) - r->need;

	return done >= r->entry.size ? 0 : (size_t)min_u64(n, r->entry.size - done);
}

static int feed_some(struct cpio_reader *r, const uint8_t *data, size_t len, size_t *ret_used, struct err *err)
{
	size_t n = (size_t)min_u64(len, r->need);

	*ret_used = n;
	if (r->state == CPIO_HEAD && buf_add(&r->head, data, n) < 0)
		return err_nomem(err);
	if (r->state == CPIO_BODY && r->keep && buf_add(&r->body, data, body_part(r, n)) < 0)
		return err_nomem(err);
	r->need -= n;
	r->at += n;
	if (r->need)
		return 0;
	return r->state == CPIO_HEAD ? head_done(r, err) : deliver(r, err);
}

static int feed_gap(struct cpio_reader *r, const uint8_t *data, size_t len, size_t *ret_used, struct err *err)
{
	size_t n = 0;

	while (n < len && !data[n])
		n++;
	*ret_used = n;
	r->at += n;
	if (n == len)
		return 0;
	if (data[n] != '0')
		return err_set(err, ERR_CORRUPT, "at 0x%" PRIx64 ": byte 0x%02x stands where an archive must begin",
			       r->at, data[n]);
	if (r->at % 4)
		return err_set(err, ERR_CORRUPT, "archive at 0x%" PRIx64 ": doesn't begin at a multiple of 4", r->at);
	r->state = CPIO_HEAD;
	r->need = HEADER;
	r->sized = false;
	return 0;
}

int cpio_reader_feed(struct cpio_reader *r, const void *data, size_t len, bool stop_at_trailer, size_t *ret_used,
		     struct err *err)
{
	const uint8_t *p = data;
	size_t done = 0, used;
	int ret = 0;

	while (done < len && ret == 0) {
		bool inside = r->state != CPIO_GAP;

		ret = inside ? feed_some(r, p + done, len - done, &used, err)
			     : feed_gap(r, p + done, len - done, &used, err);
		done += used;
		if (inside && r->state == CPIO_GAP && stop_at_trailer)
			break;
	}
	if (ret_used)
		*ret_used = done;
	return ret;
}

static int add_padding(struct buf *out)
{
	return buf_add(out, "\0\0\0", (size_t)pad4(out->len));
}

int cpio_add(struct buf *out, const struct cpio_entry *e, const void *content)
{
	size_t name_len = strlen(e->name) + 1;
	bool link = S_ISLNK(e->mode);
	uint32_t size = link ? (uint32_t)strlen(e->link) : e->size;

	if (buf_addf(out, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", e->ino, e->mode, e->uid, e->gid,
		     e->nlink, e->mtime, size, e->dev_major, e->dev_minor, e->rdev_major, e->rdev_minor,
		     (unsigned)name_len, 0U) < 0 ||
	    buf_add(out, e->name, name_len) < 0 || add_padding(out) < 0 ||
	    buf_add(out, link ? e->link : content, size) < 0)
		return -1;
	return add_padding(out);
}

int cpio_end(struct buf *out)
{
	return cpio_add(out, &(struct cpio_entry){.name = TRAILER, .nlink = 1}, NULL);
}
