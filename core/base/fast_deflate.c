/* Deflate by ISA-L, where it was built in. */
#include "core/base/fast_deflate.h"

#ifdef REHOST_ISAL

#include <limits.h>
#include <stdint.h>
#include <stdlib.h>

#include <isa-l/igzip_lib.h>

enum { LEVEL = 3, ROOM = ISAL_DEF_LVL3_DEFAULT };

struct fast_deflate {
	struct isal_zstream stream;
	uint8_t room[ROOM];
};

struct fast_deflate *fast_deflate_new(void)
{
	return malloc(sizeof(struct fast_deflate));
}

void fast_deflate_free(struct fast_deflate *f)
{
	free(f);
}

size_t fast_deflate_run(struct fast_deflate *f, const void *in, size_t in_len, void *out, size_t out_cap)
{
	struct isal_zstream *s = &f->stream;

	if (in_len > INT_MAX || out_cap > INT_MAX)
		return 0;
	isal_deflate_stateless_init(s);
	s->level = LEVEL;
	s->level_buf = f->room;
	s->level_buf_size = ROOM;
	s->next_in = (uint8_t *)(uintptr_t)in;
	s->avail_in = (uint32_t)in_len;
	s->next_out = out;
	s->avail_out = (uint32_t)out_cap;
	s->end_of_stream = 1;
	s->flush = NO_FLUSH;
	return isal_deflate_stateless(s) == COMP_OK ? s->total_out : 0;
}

#else

struct fast_deflate *fast_deflate_new(void)
{
	return NULL;
}

void fast_deflate_free(struct fast_deflate *f)
{
}

size_t fast_deflate_run(struct fast_deflate *f, const void *in, size_t in_len, void *out, size_t out_cap)
{
	return 0;
}

#endif
