/* Reading seal.ndjson line by line. */
#include "run/verify/seal_lines.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/checked.h"
#include "run/verify/tree.h"

struct seal_lines *seal_lines_new(int fd, uint64_t at)
{
	struct seal_lines *l = malloc(sizeof *l);

	if (l) {
		l->fd = fd;
		l->at = at;
		l->have = l->next = 0;
		l->number = 0;
	}
	return l;
}

/* Moves what is left to the front and reads on. Bytes read, 0 at the end of the file. */
static ssize_t refill(struct seal_lines *l, struct err *err)
{
	ssize_t n;

	memmove(l->buf, l->buf + l->next, l->have - l->next);
	l->at += l->next;
	l->have -= l->next;
	l->next = 0;
	n = pread(l->fd, l->buf + l->have, sizeof l->buf - l->have, (off_t)(l->at + l->have));
	if (n < 0)
		return err_sys(err, ERR_UNREADABLE, "cannot read '" SEAL_NAME "'");
	l->have += (size_t)n;
	return n;
}

int seal_next_line(struct seal_lines *l, struct seal_line *ret, struct err *err)
{
	const char *newline;
	ssize_t n = 1;

	while (!(newline = memchr(l->buf + l->next, '\n', l->have - l->next))) {
		if (l->have - l->next >= SEAL_LINE_MAX)
			return err_set(err, ERR_CORRUPT, "line %" PRIu64 ": over %d bytes", l->number + 1,
				       SEAL_LINE_MAX);
		if (!n && l->have > l->next)
			return err_set(err, ERR_CORRUPT, "line %" PRIu64 ": cut off", l->number + 1);
		if (!n)
			return 0;
		n = refill(l, err);
		if (n < 0)
			return -1;
	}
	*ret = (struct seal_line){
	    .text = l->buf + l->next, .len = (size_t)(newline + 1 - (l->buf + l->next)), .at = l->at + l->next};
	l->next += ret->len;
	l->number++;
	return 1;
}

/* ---- what a line says ---- */

/* Hexadecimal hashes one behind the other: how many, or -1. */
static int64_t count_hashes(const char *hex, size_t digits)
{
	size_t len = strspn(hex, "0123456789abcdef");

	return hex[len] || !len || len % digits ? -1 : (int64_t)(len / digits);
}

int seal_take_leaves(const struct json *j, uint64_t nleaves, struct seal_leaves_line *ret, struct err *err)
{
	const char *hashes = js_get_str(j, "xxh3", NULL);
	int64_t n = hashes ? count_hashes(hashes, HASH128_HEX - 1) : 0;

	*ret = (struct seal_leaves_line){.at = js_get_u64(j, "at", UINT64_MAX),
					 .n = hashes ? (uint64_t)n : js_get_u64(j, "zeros", 0),
					 .hashes = hashes};
	if (n < 0)
		return err_set(err, ERR_CORRUPT, "leaves: \"xxh3\" isn't made of hashes");
	if (!ret->n || !range_inside(ret->at, ret->n, nleaves))
		return err_set(err, ERR_CORRUPT, "leaves: %" PRIu64 " from %" PRIu64 " on, the file has %" PRIu64,
			       ret->n, ret->at, nleaves);
	return 0;
}

static enum seal_kind kind_of(char letter)
{
	switch (letter) {
	case 'w':
		return SEAL_WRITTEN;
	case 'd':
		return SEAL_DISCARDED;
	case 'u':
		return SEAL_UNREAD;
	case 'x':
		return SEAL_UNKNOWN;
	}
	return SEAL_SOURCE;
}

/* A decimal number; advances *text. */
static bool take_number(const char **text, uint64_t *ret)
{
	char *end;

	if (**text < '0' || **text > '9')
		return false;
	*ret = strtoull(*text, &end, 10);
	*text = end;
	return *ret <= UINT64_MAX / SEAL_SECTOR;
}

int seal_take_run(const char **text, uint64_t after, uint64_t size, struct seal_run *ret, struct err *err)
{
	const char *began = *text;
	uint64_t first, n, end;

	ret->kind = kind_of(**text);
	++*text;
	if (ret->kind == SEAL_SOURCE || !take_number(text, &first) || *(*text)++ != '+' || !take_number(text, &n) ||
	    (**text && *(*text)++ != ' '))
		return err_set(err, ERR_CORRUPT, "map: '%.40s' is no run", began);
	first *= SEAL_SECTOR;
	if (!n || first < after || first >= size || !add_fits(first, n * SEAL_SECTOR, &end) ||
	    end > align_up(size, SEAL_SECTOR))
		return err_set(err, ERR_CORRUPT, "map: '%.40s': in no order, or outside of the disk", began);
	ret->off = first;
	ret->len = min_u64(end, size) - first;
	return 0;
}

int seal_take_guest(const struct json *j, uint64_t nchunks, uint64_t *ret_at, uint64_t *ret_n, struct err *err)
{
	int64_t n = count_hashes(js_get_str(j, "xxh3", ""), 16);

	*ret_at = js_get_u64(j, "at", UINT64_MAX);
	*ret_n = (uint64_t)n;
	if (n < 0)
		return err_set(err, ERR_CORRUPT, "guest: \"xxh3\" isn't made of hashes");
	if (!range_inside(*ret_at, *ret_n, nchunks))
		return err_set(err, ERR_CORRUPT, "guest: %" PRIu64 " chunks from %" PRIu64 " on, the disk has %" PRIu64,
			       *ret_n, *ret_at, nchunks);
	return 0;
}

uint64_t seal_nleaves(const struct seal_file *f)
{
	return div_round_up(f->size, tree_chunk(f->size));
}

uint64_t seal_nchunks(const struct seal_disk *d)
{
	return div_round_up(d->size, SEAL_CHUNK);
}
