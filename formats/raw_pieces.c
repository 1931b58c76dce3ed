/* Raw disks in pieces. */
#include "formats/raw_pieces.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/file.h"
#include "core/base/log.h"
#include "formats/concat.h"

enum {
	SUFFIX = 4,	   /* ".001" */
	PIECES_MAX = 999,  /* three digits */
	GAP_LOOKED_AT = 3, /* pieces behind the last, of which none may be there */
};

struct pieces {
	char name[4096];	     /* of the piece looked at; its number is at the end */
	char first[4096];	     /* beside the image: what image_open_beside() takes */
	struct block *v[PIECES_MAX]; /* v[0] is borrowed until all is well */
	size_t n;
};

static void name_piece(struct pieces *p, size_t number)
{
	size_t len = strlen(p->first);

	snprintf(p->name, sizeof p->name, "%.*s.%03zu", (int)(len - SUFFIX), p->first, number);
}

/* 1: opened, 0: there is no such file. */
static int try_piece(const struct open_args *args, struct pieces *p, size_t number, struct block **ret, struct err *err)
{
	struct err why = ERR_INIT;

	name_piece(p, number);
	if (image_open_beside(args, p->name, ret, &why) == 0)
		return 1;
	if (why.sys == ENOENT)
		return 0;
	if (err)
		*err = why;
	return -1;
}

static int check_size(const struct pieces *p, struct err *err)
{
	const struct block *last = p->v[p->n - 1];

	for (size_t i = 1; i + 1 < p->n; i++)
		if (p->v[i]->size != p->v[0]->size)
			return err_set(err, ERR_CORRUPT,
				       "piece '%s' has %" PRIu64 " bytes, the first one %" PRIu64
				       ": it is truncated, or no piece",
				       p->v[i]->name, p->v[i]->size, p->v[0]->size);
	if (last->size <= p->v[0]->size)
		return 0;
	return err_set(err, ERR_CORRUPT,
		       "the last piece '%s' has %" PRIu64 " bytes, more than the first one's %" PRIu64, last->name,
		       last->size, p->v[0]->size);
}

/* What stands behind a missing piece would be left out without a word. */
static int check_gap(const struct open_args *args, struct pieces *p, struct err *err)
{
	for (size_t i = p->n + 2; i <= p->n + GAP_LOOKED_AT && i <= PIECES_MAX; i++) {
		struct block *b;

		if (try_piece(args, p, i, &b, err) == 1) {
			block_close(b);
			return err_set(err, ERR_CORRUPT, "piece .%03zu is missing, .%03zu is there", p->n + 1, i);
		}
	}
	return 0;
}

static int collect(const struct open_args *args, struct pieces *p, struct err *err)
{
	int there = 1;

	p->v[p->n++] = args->file;
	while (p->n < PIECES_MAX && there == 1) {
		there = try_piece(args, p, p->n + 1, &p->v[p->n], err);
		p->n += there == 1;
	}
	if (there < 0)
		return -1;
	return check_gap(args, p, err) < 0 ? -1 : check_size(p, err);
}

static bool is_first(const struct open_args *args, struct pieces *p)
{
	const char *slash = strrchr(args->name, '/'), *base = slash ? slash + 1 : args->name;
	size_t len = strlen(base);

	if (!args->folder || len <= SUFFIX || len >= sizeof p->first || strcmp(base + len - SUFFIX, ".001") != 0)
		return false;
	memcpy(p->first, base, len + 1);
	return true;
}

int raw_pieces_open(const struct open_args *args, struct block **ret, struct err *err)
{
	AUTO_FREE struct pieces *p = calloc(1, sizeof *p);

	*ret = NULL;
	if (!p)
		return err_nomem(err);
	if (!is_first(args, p))
		return 0;
	if (collect(args, p, err) == 0) {
		if (p->n == 1)
			return 0;
		log_info("raw '%s': %zu pieces make up the disk", args->name, p->n);
		if (concat_open(NULL, args->name, p->v, p->n, ret, err) == 0)
			return 0;
	}
	for (size_t i = 1; i < p->n; i++)
		block_close(p->v[i]);
	return -1;
}
