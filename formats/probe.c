/* Which format a file is: every format bids, and what nobody claims is named as well as we can. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/checked.h"
#include "formats/registry.h"

/* Files that are something else than a disk we read; only for the message. */
static const struct {
	uint32_t off;
	uint32_t len;
	const char *magic;
	const char *what;
} recognised[] = {
    {0, 4, "shdw", "an ASIF image"},
    {257, 5, "ustar", "a tar archive (an OVA?)"},
    {0, 4, "PK\3\4", "a zip archive"},
    {0, 3, "\x1f\x8b\x08", "gzip data"},
    {0, 6,
     "\xfd"
     "7zXZ",
     "xz data"},
    {0, 4, "\x28\xb5\x2f\xfd", "zstd data"},
    {0, 4,
     "\x7f"
     "ELF",
     "a program"},
};

static int read_probe(struct block *file, const char *name, struct probe *p, struct err *err)
{
	size_t head = (size_t)min_u64(sizeof p->head, file->size);
	size_t tail = (size_t)min_u64(sizeof p->tail, file->size);

	memset(p, 0, sizeof *p);
	p->file_size = file->size;
	p->name = name;
	if (block_pread(file, p->head, head, 0, err) < 0)
		return -1;
	return block_pread(file, p->tail + sizeof p->tail - tail, tail, file->size - tail, err);
}

static const char *recognise(const struct probe *p)
{
	for (size_t i = 0; i < sizeof recognised / sizeof *recognised; i++)
		if (!memcmp(p->head + recognised[i].off, recognised[i].magic, recognised[i].len))
			return recognised[i].what;
	return NULL;
}

static int unknown(const struct probe *p, struct err *err)
{
	const char *what = recognise(p);
	char hex[3 * 16 + 1] = "";

	for (size_t i = 0; i < 16 && i < p->file_size; i++)
		snprintf(hex + 3 * i, sizeof hex - 3 * i, " %02x", p->head[i]);
	if (what)
		return err_set(err, ERR_UNSUPPORTED,
			       "'%s' is %s, which is not read as a disk: %" PRIu64 " bytes that begin with%s", p->name,
			       what, p->file_size, hex);
	return err_set(err, ERR_UNSUPPORTED,
		       "'%s' is no disk image that we know: %" PRIu64
		       " bytes that begin with%s; without a partition table or file system, raw must be asked for",
		       p->name, p->file_size, hex);
}

/* The best bid and, when another format claims the file too, that one. */
static void collect_bids(const struct probe *p, const struct format **best, const struct format **rival)
{
	int highest = BID_NONE;

	*best = *rival = NULL;
	for (const struct format *const *f = formats; *f; f++) {
		int bid = (*f)->bid(p);

		if (bid == BID_NONE)
			continue;
		if (bid > highest) {
			*rival = *best;
			*best = *f;
			highest = bid;
		} else {
			*rival = *f;
		}
	}
}

uint64_t format_file_bound(const void *head, size_t len, const struct format *format)
{
	AUTO_FREE struct probe *p = calloc(1, sizeof *p);
	uint64_t size = 0, most;

	if (!p)
		return UINT64_MAX;
	memcpy(p->head, head, min_u64(len, sizeof p->head));
	p->file_size = UINT64_MAX;
	p->name = "";
	for (const struct format *const *f = formats; *f; f++)
		if ((*f)->announces && (!format || *f == format) && (*f)->bid(p) == BID_SURE)
			size = max_u64(size, (*f)->announces(p));
	return size && mul_fits(size, 4, &most) && add_fits(most, GIB, &most) ? most : UINT64_MAX;
}

int format_probe(struct block *file, const char *name, const struct format **ret, struct err *err)
{
	AUTO_FREE struct probe *p = malloc(sizeof *p);
	const struct format *best, *rival;
	const char *what;

	if (!p)
		return err_nomem(err);
	if (!file->size)
		return err_set(err, ERR_CORRUPT, "'%s': the file is empty (0 bytes)", name);
	if (read_probe(file, name, p, err) < 0)
		return -1;
	collect_bids(p, &best, &rival);
	if (!best)
		return unknown(p, err);
	what = recognise(p);
	if (what && !rival && best == &format_raw)
		return err_set(
		    err, ERR_CORRUPT,
		    "'%s' looks like a raw disk and like %s: such a file is not guessed at, the format must be stated",
		    name, what);
	if (rival)
		return err_set(
		    err, ERR_CORRUPT,
		    "'%s' looks like %s and like %s: such a file is not guessed at, the format must be stated", name,
		    best->name, rival->name);
	*ret = best;
	return 0;
}
