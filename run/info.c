/* What an image is: format, sizes and allocation; tables are read, data never. */
#include "run/info.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "core/base/checked.h"
#include "formats/check.h"
#include "formats/facts.h"
#include "outputs/output.h"
#include "run/image/image.h"
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

/* The images of a chain as they are opened, top first, each with its files. */
struct chain {
	struct json *images; /* array */
	struct json *last;   /* of its objects, the one whose files come now */
	struct json *file;   /* opened, and not yet known whose it is */
	bool check;
	uint64_t errors;  /* of all checks */
	char broken[256]; /* the first image with errors */
};

static void give_file(struct chain *c)
{
	struct json *files = c->last ? js_held(c->last, "files") : NULL;

	if (files && c->file)
		js_add(files, c->file);
	else
		js_free(c->file);
	c->file = NULL;
}

static void note_file(int fd, const char *name, void *opaque)
{
	struct chain *c = opaque;
	struct stat st;

	give_file(c);
	if (fstat(fd, &st) < 0)
		return;
	c->file = js_object();
	js_set_str(c->file, "name", name);
	js_set_u64(c->file, "size", (uint64_t)st.st_size);
	js_set_u64(c->file, "on_disk", (uint64_t)st.st_blocks * 512);
}

static void set_text(struct json *j, const char *key, const char *text)
{
	js_set_str(j, key, text && *text ? text : NULL);
}

static void describe_parent(struct json *j, const struct image_facts *f)
{
	struct json *parent;

	if (!*f->parent && !*f->parent_identity) {
		js_set(j, "parent", js_null());
		return;
	}
	parent = js_set(j, "parent", js_object());
	set_text(parent, "written", f->parent);
	set_text(parent, "format", f->parent_format);
	set_text(parent, "identity", f->parent_identity);
	js_set(parent, "file", js_null());
}

static void describe_facts(struct json *j, const struct image_facts *f)
{
	set_text(j, "subtype", f->subtype);
	js_set_u64(j, "size", min_u64(f->size, INT64_MAX)); /* an image that is refused may claim more than JSON has */
	js_set_u64(j, "unit", f->unit);
	js_set_u64(j, "logical_sector", f->logical_sector);
	js_set_u64(j, "physical_sector", f->physical_sector);
	set_text(j, "creator", f->creator);
	set_text(j, "identity_kind", f->identity_kind);
	set_text(j, "identity", f->identity);
	set_text(j, "encryption", f->encryption);
	js_set_u64(j, "snapshots", f->snapshots);
	describe_parent(j, f);
}

static void describe_check(struct json *j, const struct check *c, const char *stopped)
{
	struct json *counts, *list;

	js_set_u64(j, "errors", check_errors(c));
	js_set_u64(j, "leaks", c->count[PROBLEM_LEAK]);
	js_set_u64(j, "used", c->claimed);
	js_set_u64(j, "passes", c->passes);
	js_set_str(j, "stopped", stopped);
	counts = js_set(j, "counts", js_object());
	for (int k = PROBLEM_LEAK; k < PROBLEM_KINDS; k++)
		js_set_u64(counts, problem_name((enum problem)k), c->count[k]);
	list = js_set(j, "problems", js_array());
	for (size_t i = 0; i < c->n; i++) {
		struct json *one = js_add(list, js_object());

		js_set_str(one, "kind", problem_name(c->first[i].kind));
		js_set_u64(one, "offset", c->first[i].at);
		js_set_str(one, "text", c->first[i].text);
	}
}

/* What the check opens besides is not part of the chain. */
static void check_image(struct chain *chain, const struct open_args *args, const struct format *format)
{
	AUTO_FREE struct check *c = malloc(sizeof *c);
	struct folder quiet = args->folder ? *args->folder : (struct folder){0};
	struct open_args own = *args;
	struct err err = ERR_INIT;
	bool stopped;

	if (!c)
		return;
	if (!format->check) {
		js_set(chain->last, "check", js_null());
		return;
	}
	quiet.opened = NULL;
	quiet.image = NULL;
	own.folder = args->folder ? &quiet : NULL; /* an image inside an archive has none */
	stopped = format_check(format, &own, c, &err) < 0;
	describe_check(js_set(chain->last, "check", js_object()), c, stopped ? err.text : NULL);
	if ((check_errors(c) || stopped) && !chain->errors)
		snprintf(chain->broken, sizeof chain->broken, "%s", args->name);
	chain->errors += check_errors(c) + stopped;
}

enum { SNAPSHOTS_SHOWN = 100 /* of up to 65536, which would be megabytes of text */ };

static int note_snapshot(const struct image_snapshot *s, void *opaque, struct err *err)
{
	struct json *list = opaque, *j = js_add(list, js_object());

	js_set_str(j, "id", s->id);
	js_set_str(j, "name", s->name);
	js_set_u64(j, "size", s->size);
	js_set_u64(j, "vm_state", s->vm_state);
	js_set_u64(j, "date", s->date);
	return js_count(list) >= SNAPSHOTS_SHOWN;
}

static void describe_snapshots(struct json *j, const struct format *format, const struct open_args *args)
{
	struct json *list = js_set(j, "snapshot_list", js_array());
	struct err err = ERR_INIT;

	if (format->snapshots && format->snapshots(args, note_snapshot, list, &err) < 0)
		js_set_str(j, "snapshot_error", err.text);
}

/* The file noted last is this image's own, and what the image above meant by its parent. */
static void note_image(const struct open_args *args, const struct format *format, void *opaque)
{
	AUTO_FREE struct image_facts *f = malloc(sizeof *f);
	struct chain *c = opaque;
	struct json *above = c->last ? js_held(c->last, "parent") : NULL;

	if (!f)
		return;
	if (above)
		js_set_str(above, "file", args->name);
	c->last = js_add(c->images, js_object());
	js_set_str(c->last, "file", args->name);
	js_set_str(c->last, "format", format->name);
	/* What stops them stops the reader too, whose error counts. */
	format_facts(format, args, f, NULL);
	if (!f->size)
		f->size = args->file->size;
	describe_facts(c->last, f);
	describe_snapshots(c->last, format, args);
	js_set(c->last, "files", js_array());
	give_file(c);
	if (c->check)
		check_image(c, args, format);
}

/* The chain as far as it can be followed; *ret gets it, and sizes when it could be opened. */
static int follow(const char *path, const char *format, const struct image_rules *rules, struct chain *c,
		  struct json **ret, struct err *err)
{
	AUTO(block_closep) struct block *b = NULL;
	AUTO(js_freep) struct json *images = js_array();
	struct folder watch = {.opened = note_file, .image = note_image, .opaque = c};
	struct tally t = {0};
	int opened;

	c->images = images;
	opened = image_open_watched(path, format, rules, &watch, &b, err);
	give_file(c);
	if (opened == 0)
		opened = block_each_extent(b, 0, b->size, add_extent, &t, err);
	if (opened == 0)
		*ret = describe(b, path, &t);
	else if (c->last)
		*ret = js_object();
	if (*ret)
		js_set(*ret, "chain", take_ptr(&images));
	return opened;
}

int image_info(const char *path, const char *format, const struct image_rules *rules, struct json **ret,
	       struct err *err)
{
	struct chain c = {0};

	*ret = NULL;
	return follow(path, format, rules, &c, ret, err);
}

int image_info_checked(const char *path, const char *format, const struct image_rules *rules, struct json **ret,
		       struct err *err)
{
	struct chain c = {.check = true};

	*ret = NULL;
	if (follow(path, format, rules, &c, ret, err) < 0)
		return -1;
	if (c.errors)
		return err_set(err, ERR_CORRUPT, "'%s': the structure has %" PRIu64 " error%s", c.broken, c.errors,
			       c.errors == 1 ? "" : "s");
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

/* "  key:      value", nothing when there is no value. */
static void line(struct buf *out, const char *key, const char *value)
{
	char title[32];

	snprintf(title, sizeof title, "%s:", key);
	if (value)
		buf_addf(out, "  %-11s %s\n", title, value);
}

static void parent_text(const struct json *parent, struct buf *out)
{
	const char *written = js_get_str(parent, "written", NULL), *file = js_get_str(parent, "file", NULL);

	if (!parent)
		return;
	if (written)
		buf_addf(out, "  %-11s '%s'%s%s\n", "parent:", written, file ? ", which is " : "", file ? file : "");
	else
		line(out, "parent", file);
	line(out, "made on", js_get_str(parent, "identity", NULL));
}

static void files_text(const struct json *files, struct buf *out)
{
	char size[32], on_disk[32];
	uint64_t bytes = 0, blocks = 0;

	for (size_t i = 0; i < js_count(files); i++) {
		bytes += js_get_u64(js_at(files, i), "size", 0);
		blocks += js_get_u64(js_at(files, i), "on_disk", 0);
	}
	size_text(bytes, size, sizeof size);
	size_text(blocks, on_disk, sizeof on_disk);
	buf_addf(out, "  %-11s %s, %s of the file system, in %zu file%s\n", "file:", size, on_disk, js_count(files),
		 js_count(files) == 1 ? "" : "s");
}

static void check_text(const struct json *check, struct buf *out)
{
	const struct json *list = js_get(check, "problems");

	if (!list)
		return;
	buf_addf(out, "  %-11s %" PRIu64 " errors, %" PRIu64 " leaks\n", "check:", js_get_u64(check, "errors", 0),
		 js_get_u64(check, "leaks", 0));
	line(out, "stopped", js_get_str(check, "stopped", NULL));
	for (size_t i = 0; i < js_count(list); i++)
		buf_addf(out, "    0x%" PRIx64 ": %s: %s\n", js_get_u64(js_at(list, i), "offset", 0),
			 js_get_str(js_at(list, i), "kind", ""), js_get_str(js_at(list, i), "text", ""));
}

/* A line each: ID, name, date, and what of the machine was saved. */
static void snapshots_text(const struct json *image, uint64_t n, struct buf *out)
{
	const struct json *list = js_get(image, "snapshot_list");
	char date[32], state[32];

	buf_addf(out, "  %-11s %" PRIu64 "\n", "snapshots:", n);
	for (size_t i = 0; i < js_count(list); i++) {
		const struct json *s = js_at(list, i);
		time_t when = (time_t)js_get_u64(s, "date", 0);
		struct tm tm;

		strftime(date, sizeof date, "%Y-%m-%d %H:%M:%S UTC", gmtime_r(&when, &tm));
		size_text(js_get_u64(s, "vm_state", 0), state, sizeof state);
		buf_addf(out, "    %-8s %-24s %s%s%s\n", js_get_str(s, "id", ""), js_get_str(s, "name", ""), date,
			 js_get_u64(s, "vm_state", 0) ? ", with the machine's state of " : "",
			 js_get_u64(s, "vm_state", 0) ? state : "");
	}
	if (js_count(list) < n)
		buf_addf(out, "    and %" PRIu64 " more\n", n - js_count(list));
	line(out, "error", js_get_str(image, "snapshot_error", NULL));
}

static void image_text(const struct json *image, size_t depth, struct buf *out)
{
	const char *subtype = js_get_str(image, "subtype", NULL), *identity = js_get_str(image, "identity", NULL);
	uint64_t snapshots = js_get_u64(image, "snapshots", 0);
	char size[32];

	size_text(js_get_u64(image, "size", 0), size, sizeof size);
	buf_addf(out, "%zu: %s\n  %-11s %s%s%s\n  %-11s %s (%" PRIu64 " bytes)\n", depth, js_get_str(image, "file", ""),
		 "format:", js_get_str(image, "format", ""), subtype ? ", " : "", subtype ? subtype : "", "size:", size,
		 js_get_u64(image, "size", 0));
	files_text(js_get(image, "files"), out);
	line(out, "creator", js_get_str(image, "creator", NULL));
	if (identity)
		buf_addf(out, "  %-11s %s %s\n", "identity:", js_get_str(image, "identity_kind", ""), identity);
	parent_text(js_get(image, "parent"), out);
	line(out, "encryption", js_get_str(image, "encryption", NULL));
	if (snapshots)
		snapshots_text(image, snapshots, out);
	check_text(js_get(image, "check"), out);
}

int image_info_text(const struct json *info, struct buf *out, struct err *err)
{
	const struct json *chain = js_get(info, "chain");
	char size[32], allocated[32];
	uint64_t bytes = js_get_u64(info, "size", 0), data = js_get_u64(info, "allocated", 0),
		 runs = js_get_u64(info, "data_runs", 0);

	size_text(bytes, size, sizeof size);
	size_text(data, allocated, sizeof allocated);
	for (size_t i = 0; !js_get(info, "file") && i < js_count(chain); i++)
		image_text(js_at(chain, i), i, out);
	if (!js_get(info, "file"))
		return out->failed ? err_nomem(err) : 0;
	buf_addf(out,
		 "image:      %s\nformat:     %s\nsize:       %s (%" PRIu64 " bytes)\nallocated:  %s in %" PRIu64
		 " run%s\nunit:       %" PRIu64 " bytes\nsector:     %" PRIu64 " bytes\nchain:      %zu image%s\n",
		 js_get_str(info, "file", ""), js_get_str(info, "format", ""), size, bytes, allocated, runs,
		 runs == 1 ? "" : "s", js_get_u64(info, "unit", 0), js_get_u64(info, "logical_sector", 0),
		 js_count(chain), js_count(chain) == 1 ? "" : "s");
	for (size_t i = 0; i < js_count(chain); i++)
		image_text(js_at(chain, i), i, out);
	return out->failed ? err_nomem(err) : 0;
}

struct json *known_formats(void)
{
	struct json *all = js_object(), *images = js_set(all, "images", js_array()),
		    *kinds = js_set(all, "sources", js_array()), *targets = js_set(all, "outputs", js_array());

	for (const struct format *const *f = formats; *f; f++) {
		struct json *j = js_add(images, js_object()), *list;

		js_set_str(j, "name", (*f)->name);
		js_set_str(j, "description", (*f)->description);
		js_set_bool(j, "writes", (*f)->create);
		if ((*f)->alias)
			js_set_str(j, "alias", (*f)->alias);
		list = js_set(j, "options", js_array());
		for (const char *const *key = (*f)->create_keys; key && *key; key++)
			js_add_str(list, *key);
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
