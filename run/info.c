/* What an image is: format, sizes and allocation; tables are read, data never. */
#include "run/info.h"

#include <inttypes.h>
#include <stdio.h>

#include "core/base/checked.h"
#include "formats/open.h"
#include "outputs/output.h"
#include "run/image.h"
#include "sources/source.h"

struct tally {
	uint64_t runs, data, zero;
};

static int add_extent(const struct extent *e, void *opaque, struct err *err)
{
	struct tally *t = opaque;

	if (e->kind == EXTENT_DATA) {
		t->data += e->len;
		t->runs++;
	}
	if (e->kind == EXTENT_ZERO)
		t->zero += e->len;
	return 0;
}

static struct json *describe(struct block *b, const char *path, const struct tally *t)
{
	struct json *j = js_object();

	js_set_str(j, "file", path);
	js_set_str(j, "format", b->ops->name);
	js_set_u64(j, "size", b->size);
	js_set_u64(j, "allocated", t->data);
	js_set_u64(j, "zero", t->zero);
	js_set_u64(j, "data_runs", t->runs);
	js_set_u64(j, "unit", b->unit);
	js_set_u64(j, "logical_sector", b->logical_sector);
	js_set_u64(j, "physical_sector", b->physical_sector);
	return j;
}

int image_info(const char *path, const char *format, struct json **ret, struct err *err)
{
	AUTO(block_closep) struct block *b = NULL;
	struct tally t = {0};

	if (image_open_user(path, format, &b, err) < 0)
		return -1;
	if (block_each_extent(b, 0, b->size, add_extent, &t, err) < 0)
		return -1;
	*ret = describe(b, path, &t);
	return 0;
}

static void size_text(uint64_t bytes, char *text, size_t size)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
	double value = (double)bytes;
	unsigned u = 0;

	while (value >= 1024 && u < 5) {
		value /= 1024;
		u++;
	}
	snprintf(text, size, u ? "%.1f %s" : "%.0f %s", value, units[u]);
}

int image_info_text(const struct json *info, struct buf *out, struct err *err)
{
	char size[32], allocated[32];
	uint64_t bytes = js_get_u64(info, "size", 0), data = js_get_u64(info, "allocated", 0);

	size_text(bytes, size, sizeof size);
	size_text(data, allocated, sizeof allocated);
	if (buf_addf(out,
		     "image:      %s\nformat:     %s\nsize:       %s (%" PRIu64 " bytes)\nallocated:  %s in %" PRIu64
		     " runs\nunit:       %" PRIu64 " bytes\nsector:     %" PRIu64 " bytes\n",
		     js_get_str(info, "file", ""), js_get_str(info, "format", ""), size, bytes, allocated,
		     js_get_u64(info, "data_runs", 0), js_get_u64(info, "unit", 0),
		     js_get_u64(info, "logical_sector", 0)) < 0)
		return err_nomem(err);
	return 0;
}

struct json *known_formats(void)
{
	struct json *all = js_object(), *images = js_set(all, "images", js_array()),
		    *kinds = js_set(all, "sources", js_array()), *targets = js_set(all, "outputs", js_array());

	for (const struct format *const *f = formats; *f; f++) {
		struct json *j = js_add(images, js_object());

		js_set_str(j, "name", (*f)->name);
		js_set_str(j, "description", (*f)->description);
		js_set_bool(j, "writes", (*f)->create);
	}
	for (const struct source *const *s = sources; *s; s++) {
		struct json *j = js_add(kinds, js_object());

		js_set_str(j, "name", (*s)->kind);
		js_set_str(j, "description", (*s)->description);
	}
	for (const struct output *const *o = outputs; *o; o++) {
		struct json *j = js_add(targets, js_object());

		js_set_str(j, "name", (*o)->name);
		js_set_str(j, "description", (*o)->description);
	}
	return all;
}
