/* For the fuzz targets of text editors: what isn't replaced goes back byte for byte, what is replaced is found again.
 */
#ifndef REHOST_TESTS_FUZZ_TEXT_FILES_H
#define REHOST_TESTS_FUZZ_TEXT_FILES_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "guest/files/devices.h"
#include "guest/files/netfiles.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Over this the input says nothing new. */
enum { FUZZ_TEXT_MAX = 1 << 16 };

static inline const char *fuzz_text(struct arena *a, const uint8_t *data, size_t size)
{
	return arena_strndup(a, (const char *)data,
			     strnlen((const char *)data, size < FUZZ_TEXT_MAX ? size : FUZZ_TEXT_MAX));
}

static inline const char *fuzz_keep(const struct device_use *use, void *opaque)
{
	return NULL;
}

static inline const char *fuzz_replace(const struct device_use *use, void *opaque)
{
	unsigned *seen = opaque;

	++*seen;
	return *seen % 2 ? "UUID=0b2f5f4e-6d0a-4f0e-9a3c-2f6f5f0e8a11" : "x";
}

static inline void fuzz_walker(device_walker *walk, const char *text)
{
	AUTO(arena_done) struct arena a = {0};
	unsigned seen = 0;
	const struct device_visitor keep = {fuzz_keep, NULL}, replace = {fuzz_replace, &seen};
	struct lines l;

	lines_split(&l, &a, text);
	walk(&l, &keep);
	if (l.changed || strcmp(lines_join(&l), text) != 0)
		abort();
	walk(&l, &replace);
	if (!seen && strcmp(lines_join(&l), text) != 0)
		abort();
}

/* Every item stands where it says, and every edit of one stays inside the text. */
static inline void fuzz_parser(net_parser *parse, const char *text)
{
	AUTO(arena_done) struct arena a = {0};

	for (unsigned edit = 0; edit < 3; edit++) {
		struct net_items items = {.arena = &a};
		struct lines l;

		lines_split(&l, &a, text);
		parse(&l, &items);
		if (strcmp(lines_join(&l), text) != 0)
			abort();
		VEC_FOR (i, &items.v)
			if (i->section >= items.sections || i->line >= l.v.n)
				abort();
		for (size_t k = items.v.n; k-- > 0;) {
			const struct net_item *i = &items.v.v[k];

			if (edit == 0 && i->value_at.len)
				net_item_set(&l, i, "value");
			/* One edit a line: places behind it in the line are void. */
			if (edit && (k + 1 == items.v.n || items.v.v[k + 1].line != i->line))
				edit == 1 ? net_item_to_mac(&l, i, "00:11:22:33:44:55") : net_item_drop(&l, i);
		}
	}
}

#endif
