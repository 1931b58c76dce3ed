/* Files that may have been cut off (--allow-truncated): zeros follow their end, and whoever reads those is told once.
 */
#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>

#include "core/base/checked.h"
#include "core/base/log.h"
#include "formats/open.h"

struct cut_off {
	struct block b; /* size: that of the file, or what file_allow_length() made of it */
	struct block *file;
	atomic_bool told;
};

static void tell(struct cut_off *c)
{
	if (!atomic_exchange(&c->told, true))
		log_warn("'%s' is cut off: it ends at 0x%" PRIx64 ", what it should have behind that reads as zeros",
			 c->b.name, c->file->size);
}

static int cut_off_pread(struct block *b, void *buf, size_t len, uint64_t off, struct err *err)
{
	struct cut_off *c = (struct cut_off *)b;

	if (!range_inside(off, len, c->file->size))
		tell(c);
	return block_pread_below(c->file, buf, len, off, err);
}

static int cut_off_extent(struct block *b, uint64_t off, uint64_t max, struct extent *ret, struct err *err)
{
	struct cut_off *c = (struct cut_off *)b;

	if (off >= c->file->size)
		tell(c);
	return block_extent_below(c->file, off, max, ret, err);
}

static void cut_off_close(struct block *b)
{
	block_close(((struct cut_off *)b)->file);
	free(b);
}

static const struct block_ops cut_off_ops = {
    .name = "file",
    .pread = cut_off_pread,
    .extent = cut_off_extent,
    .close = cut_off_close,
};

int cut_off_open(struct block *file, struct block **ret, struct err *err)
{
	struct cut_off *c = calloc(1, sizeof *c);

	if (!c)
		return err_nomem(err);
	c->b = *file;
	c->b.ops = &cut_off_ops;
	c->file = file;
	*ret = &c->b;
	return 0;
}

void cut_off_give_back(struct block *b)
{
	free(b);
}

bool file_may_be_cut_off(const struct block *file)
{
	return file->ops == &cut_off_ops;
}

uint64_t file_end(const struct block *file)
{
	return file_may_be_cut_off(file) ? ((const struct cut_off *)file)->file->size : file->size;
}

void file_tell_cut_off(struct block *file)
{
	if (file_may_be_cut_off(file))
		tell((struct cut_off *)file);
}

void file_allow_length(struct block *file, uint64_t size)
{
	if (file_may_be_cut_off(file) && size > file->size)
		file->size = size;
}
