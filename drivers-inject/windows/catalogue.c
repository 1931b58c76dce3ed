/* The catalogue: one pass over the source reads every .inf file and notes what the .sys and .cat files are. */
#include "drivers-inject/windows/catalogue.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "core/base/hash.h"
#include "drivers-inject/windows/source.h"

#define DEFAULT_SOURCE "/usr/share/virtio-win"
#define DEFAULT_ISO    "virtio-win.iso"

static bool ends_with(const char *path, const char *end)
{
	size_t n = strlen(path), m = strlen(end);

	return n > m && strcasecmp(path + n - m, end) == 0;
}

static char *lower(struct arena *a, const char *text)
{
	char *ret = arena_strdup(a, text);

	for (char *p = ret; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return ret;
}

/* ----------------------------------------------------------------------------------------------------- the first pass
 */

static void add_problem(struct driver_catalogue *c, const char *path, const char *text)
{
	*vec_push(&c->arena, &c->problems) =
	    (struct driver_problem){arena_strdup(&c->arena, path), arena_strdup(&c->arena, text)};
}

/* Every file is noted; the content of those that tell something is wanted. */
static bool wants(const char *path, uint64_t size, const char *same_as, void *opaque)
{
	struct driver_catalogue *c = opaque;
	struct driver_file *f = vec_push(&c->arena, &c->files);

	*f = (struct driver_file){.path = arena_strdup(&c->arena, path), .key = lower(&c->arena, path), .size = size};
	f->real = same_as ? arena_strdup(&c->arena, same_as) : f->path;
	if (same_as)
		return false;
	if (ends_with(path, ".inf") && size > INF_FILE_MAX)
		add_problem(
		    c, path,
		    arena_printf(&c->arena, "is %" PRIu64 " bytes long, at most %d are read", size, INF_FILE_MAX));
	else if (ends_with(path, ".inf"))
		return true;
	return size <= SOURCE_FILE_MAX && (ends_with(path, ".sys") || ends_with(path, ".cat"));
}

static int take_inf(struct driver_catalogue *c, struct driver_file *f, const struct buf *content, struct err *err)
{
	struct err why = ERR_INIT;
	struct inf *inf;

	c->inf_bytes += content->len;
	if (c->inf_bytes > CATALOGUE_INF_MAX)
		return err_set(err, ERR_CORRUPT, "more than %d MiB of .inf files", CATALOGUE_INF_MAX >> 20);
	if (inf_parse(buf_str(content), content->len, &inf, &why) < 0) {
		add_problem(c, f->path, why.text);
		return 0;
	}
	*vec_push(&c->arena, &c->infs) = inf;
	f->inf = inf;
	return 0;
}

/* The file that was wanted last. */
static int take(const char *path, const struct buf *content, void *opaque, struct err *err)
{
	struct driver_catalogue *c = opaque;
	struct driver_file *f = &c->files.v[c->files.n - 1];

	if (ends_with(path, ".inf"))
		return take_inf(c, f, content, err);
	f->binary = binary_of(buf_str(content), content->len);
	return 0;
}

static int compare_files(const void *a, const void *b)
{
	const struct driver_file *x = a, *y = b;
	int ret = strcmp(x->key, y->key);

	return ret ? ret : strcmp(x->path, y->path);
}

static const struct driver_file *find_key(const struct driver_catalogue *c, const char *key)
{
	struct driver_file wanted = {.key = key, .path = ""};
	size_t low = 0, high = c->files.n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (compare_files(&c->files.v[mid], &wanted) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low < c->files.n && strcmp(c->files.v[low].key, key) == 0 ? &c->files.v[low] : NULL;
}

const struct driver_file *catalogue_find(const struct driver_catalogue *c, const char *folder, const char *path)
{
	AUTO(arena_done) struct arena a = {0};

	return find_key(c, lower(&a, arena_printf(&a, "%s%s", folder, path)));
}

/* What a file with the same content as another was seen to be. */
static void follow_links(struct driver_catalogue *c)
{
	VEC_FOR (f, &c->files) {
		const struct driver_file *real = f->real == f->path ? NULL : catalogue_find(c, "", f->real);

		if (real) {
			f->real = real->path;
			f->size = real->size;
			f->binary = real->binary;
			f->inf = real->inf;
		}
	}
}

static int list_packages(struct driver_catalogue *c, struct err *err)
{
	VEC_FOR (f, &c->files) {
		const char *cut = strrchr(f->path, '/');
		size_t n = cut ? (size_t)(cut - f->path) + 1 : 0;

		if (!f->inf)
			continue;
		if (c->packages.n >= CATALOGUE_PACKAGES_MAX)
			return err_set(err, ERR_CORRUPT, "more than %d .inf files", CATALOGUE_PACKAGES_MAX);
		*vec_push(&c->arena, &c->packages) =
		    (struct driver_package){f->path, arena_strndup(&c->arena, f->path, n), f->inf};
	}
	return 0;
}

/* Names and sizes of all files, and the packages' versions. */
static void identify(struct driver_catalogue *c)
{
	uint64_t sum = 0;

	VEC_FOR (f, &c->files) {
		const char *version = f->inf ? inf_version_text(inf_version(f->inf), &c->arena) : "";
		const char *line =
		    arena_printf(&c->arena, "%016" PRIx64 "%s %" PRIu64 " %s", sum, f->path, f->size, version);

		sum = hash_xxh3(line, strlen(line));
	}
	c->identity = arena_printf(&c->arena, "%s %zu %016" PRIx64, c->path, c->files.n, sum);
}

static int read_source(struct driver_catalogue *c, struct err *err)
{
	const struct source_visitor v = {wants, take, c};

	if (source_each(c->path, c->is_iso, &v, err) < 0)
		return -1;
	if (c->files.n)
		qsort(c->files.v, c->files.n, sizeof *c->files.v, compare_files);
	follow_links(c);
	if (list_packages(c, err) < 0)
		return -1;
	identify(c);
	return 0;
}

/* ------------------------------------------------------------------------------------------------- where it comes from
 */

void driver_catalogue_close(struct driver_catalogue *c)
{
	if (!c)
		return;
	VEC_FOR (inf, &c->infs)
		inf_free(*inf);
	arena_done(&c->arena);
	free(c);
}

static int open_one(const char *path, struct driver_catalogue **ret, struct err *err)
{
	AUTO(driver_catalogue_closep) struct driver_catalogue *c = calloc(1, sizeof *c);
	struct stat st;

	if (!c)
		return err_nomem(err);
	if (stat(path, &st) < 0)
		return err_sys(err, ERR_UNREADABLE, "cannot open '%s'", path);
	c->path = arena_strdup(&c->arena, path);
	c->is_iso = !S_ISDIR(st.st_mode);
	if (read_source(c, err) < 0)
		return -1;
	*ret = take_ptr(&c);
	return 0;
}

/* A folder without drivers may hold the image (the packages of Fedora and RHEL have both). */
static int open_source(const char *path, struct driver_catalogue **ret, struct err *err)
{
	AUTO(driver_catalogue_closep) struct driver_catalogue *c = NULL, *image = NULL;
	AUTO(arena_done) struct arena a = {0};

	if (open_one(path, &c, err) < 0)
		return -1;
	if (!c->packages.n && !c->is_iso && catalogue_find(c, "", DEFAULT_ISO)) {
		if (open_one(arena_printf(&a, "%s/%s", path, DEFAULT_ISO), &image, err) < 0)
			return -1;
		driver_catalogue_close(c);
		c = take_ptr(&image);
	}
	if (!c->packages.n && c->problems.n)
		return err_set(err, ERR_USAGE, "no driver in it can be read: '%s': %s", c->problems.v[0].path,
			       c->problems.v[0].text);
	if (!c->packages.n)
		return err_set(err, ERR_USAGE, "there is no .inf file in it");
	*ret = take_ptr(&c);
	return 0;
}

int driver_catalogue_open(const char *path, struct driver_catalogue **ret, struct err *err)
{
	const char *named = getenv("VIRTIO_WIN");
	struct stat st;

	*ret = NULL;
	if (path)
		return open_source(path, ret, err) < 0 ? err_wrap(err, "--virtio-win '%s'", path) : 0;
	if (named && *named)
		return open_source(named, ret, err) < 0 ? err_wrap(err, "VIRTIO_WIN '%s'", named) : 0;
	if (stat(DEFAULT_SOURCE, &st) < 0)
		return 0;
	return open_source(DEFAULT_SOURCE, ret, err) < 0 ? err_wrap(err, "virtio-win '%s'", DEFAULT_SOURCE) : 0;
}

const char *driver_catalogue_path(const struct driver_catalogue *c)
{
	return c->path;
}

const char *driver_catalogue_identity(const struct driver_catalogue *c)
{
	return c->identity;
}

/* --------------------------------------------------------------------------------------------------------- reading */

void wanted_files_done(struct wanted_files *w)
{
	VEC_FOR (f, &w->list)
		buf_done(&f->content);
}

struct reading {
	struct wanted_files *w;
	uint64_t room;
	size_t next; /* of the list, where the one that was wanted last may stand */
};

static bool reading_wants(const char *path, uint64_t size, const char *same_as, void *opaque)
{
	struct reading *r = opaque;

	for (r->next = 0; r->next < r->w->list.n; r->next++)
		if (strcmp(r->w->list.v[r->next].file->real, path) == 0)
			return true;
	return false;
}

/* Several may have this content. */
static int reading_take(const char *path, const struct buf *content, void *opaque, struct err *err)
{
	struct reading *r = opaque;

	for (size_t i = r->next; i < r->w->list.n; i++) {
		struct wanted_file *f = &r->w->list.v[i];

		if (strcmp(f->file->real, path) != 0)
			continue;
		if (content->len > r->room)
			return err_set(err, ERR_CORRUPT, "drivers for one guest have more than %d MiB",
				       CATALOGUE_READ_MAX >> 20);
		r->room -= content->len;
		f->content.max = content->len;
		if (buf_add(&f->content, content->data, content->len) < 0)
			return err_nomem(err);
	}
	return 0;
}

int catalogue_read(const struct driver_catalogue *c, struct wanted_files *w, struct err *err)
{
	struct reading r = {.w = w, .room = CATALOGUE_READ_MAX};
	const struct source_visitor v = {reading_wants, reading_take, &r};

	if (source_each(c->path, c->is_iso, &v, err) < 0)
		return -1;
	VEC_FOR (f, &w->list)
		if (f->content.len != f->file->size)
			return err_set(err, ERR_UNREADABLE,
				       "'%s': '%s' had %" PRIu64 " bytes a moment ago, now it has %zu", c->path,
				       f->file->path, f->file->size, f->content.len);
	return 0;
}

/* ----------------------------------------------------------------------------------------------------- guest agent */

static const struct {
	const char *arch, *name;
} agents[] = {
    {"x86_64", "qemu-ga-x86_64.msi"}, {"x86_64", "qemu-ga-x64.msi"}, {"x86_64", "rhev-qga64.msi"},
    {"i386", "qemu-ga-i386.msi"},     {"i386", "qemu-ga-x86.msi"},   {"i386", "rhev-qga.msi"},
};

static const struct driver_file *find_agent(const struct driver_catalogue *c, const char *name)
{
	VEC_FOR (f, &c->files) {
		const char *cut = strrchr(f->key, '/');

		if (strcmp(cut ? cut + 1 : f->key, name) == 0)
			return f;
	}
	return NULL;
}

int driver_catalogue_agent(const struct driver_catalogue *c, const char *arch, struct arena *a, const char **ret_name,
			   struct buf *ret, struct err *err)
{
	AUTO(wanted_files_done) struct wanted_files w = {0};

	*ret_name = NULL;
	for (size_t i = 0; i < sizeof agents / sizeof *agents && !w.list.n; i++) {
		const struct driver_file *f = strcmp(agents[i].arch, arch) == 0 ? find_agent(c, agents[i].name) : NULL;

		if (!f)
			continue;
		vec_push(a, &w.list)->file = f;
		*ret_name = agents[i].name;
	}
	if (!w.list.n)
		return 0;
	if (catalogue_read(c, &w, err) < 0)
		return -1;
	if (buf_add(ret, w.list.v[0].content.data, w.list.v[0].content.len) < 0)
		return err_set(err, ERR_CORRUPT, "'%s': is %zu bytes long, at most %zu are read", *ret_name,
			       w.list.v[0].content.len, ret->max);
	return 0;
}
