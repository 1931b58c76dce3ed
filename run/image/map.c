/* Where an image has data. */
#include "run/image/image.h"

#include "core/base/cleanup.h"

static const char *kind_name(enum extent_kind kind)
{
	switch (kind) {
	case EXTENT_DATA:
		return "data";
	case EXTENT_ZERO:
		return "zero";
	case EXTENT_HOLE:
		return "hole";
	case EXTENT_UNKNOWN:
		break;
	}
	return "unknown";
}

static int add_extent(const struct extent *e, void *opaque, struct err *err)
{
	struct json *j = js_add(opaque, js_object());

	js_set_u64(j, "offset", e->off);
	js_set_u64(j, "length", e->len);
	js_set_str(j, "kind", kind_name(e->kind));
	return 0;
}

int image_map(struct block *b, struct json **ret, struct err *err)
{
	AUTO(js_freep) struct json *list = js_array();

	if (block_each_extent(b, 0, b->size, add_extent, list, err) < 0)
		return -1;
	*ret = take_ptr(&list);
	return 0;
}
