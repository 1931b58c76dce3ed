/* An initramfs image as the kernel unpacks it: archives behind each other, compressed or not, of which later files win.
 */
#include "guest/files/initramfs.h"

#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/archive.h"
#include "core/base/checked.h"
#include "core/base/cpio.h"
#include "guest/files/modules.h"

enum {
	MEMBERS_MAX = 1 << 18,	      /* a live system has 60000 */
	NAMES_MAX = 64 << 20,	      /* bytes of all paths and symlink targets */
	KEEP_MAX = 64 << 20,	      /* bytes of all contents kept */
	SHARED_KEEP_MAX = 1 << 20,    /* a file with several names is kept up to this size: one may turn out wanted */
	LINKS_MAX = 40,		      /* the kernel's MAXSYMLINKS */
	PATH_MAX_HERE = CPIO_NAME_MAX /* a path that is being resolved */
};
/* The kernel must hold it in memory; more is a bomb. */
#define INFLATED_MAX (2 * GIB)

/* One segment that is being read. */
struct reading {
	struct initramfs *im;
	struct initramfs_segment *segment;
	struct cpio_reader *cpio;
	uint64_t inflated_all; /* bytes of all segments so far */
	size_t names, kept, order;
	size_t first_member; /* of this segment, in members */
	bool main_seen;
};

/* A script of nash has 5 KiB; of a longer init no text is wanted. */
enum { INIT_MAX = 64 << 10 };

/* Contents that decide about booting or that a graft has to rewrite. */
static bool is_kept_name(const char *path)
{
	static const char *const patterns[] = {
	    "conf/modules",
	    "*lib/modules/*/modules.*",
	    "conf/conf.d/*",
	    "conf/initramfs.conf",
	    "etc/lvm/*.conf",
	    "etc/mdadm.conf",
	    "etc/mdadm/mdadm.conf",
	    "etc/crypttab",
	    "cryptroot/crypttab",
	    "*systemd/network/*.link",
	    "*udev/rules.d/*.rules",
	    "etc/booster.init.yaml",
	    "*lib/modules/booster.alias",
	    "etc/initrd.defaults",
	    "etc/modules/*",
	    "etc/cmdline.d/*.conf",
	    "*/hooks/initqueue/finished/*.sh",
	};

	for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++)
		if (fnmatch(patterns[i], path, 0) == 0)
			return true;
	return false;
}

/* "./usr//lib/" and "/usr/lib" are "usr/lib"; the root itself is "". */
static char *normalise(struct arena *a, const char *name)
{
	char *ret = arena_alloc(a, strlen(name) + 1), *to = ret;

	while (*name) {
		size_t n = strcspn(name, "/");

		if (n && !(n == 1 && *name == '.')) {
			if (to > ret)
				*to++ = '/';
			memcpy(to, name, n);
			to += n;
		}
		name += n + (name[n] == '/');
	}
	*to = '\0';
	return ret;
}

static bool wants(void *opaque, const struct cpio_entry *e)
{
	AUTO(arena_done) struct arena a = {0};
	const struct reading *r = opaque;
	const char *path = normalise(&a, e->name);

	return is_kept_name(path) || (strcmp(path, "init") == 0 && e->size <= INIT_MAX) ||
	       (e->nlink > 1 && e->size <= SHARED_KEEP_MAX && r->kept < KEEP_MAX / 2);
}

static int check_bounds(struct reading *r, const struct cpio_entry *e, const void *content, struct err *err)
{
	r->names += strlen(e->name) + (e->link ? strlen(e->link) : 0) + 2;
	r->kept += content ? e->size : 0;
	if (r->im->members.n >= MEMBERS_MAX)
		return err_set(err, ERR_CORRUPT, "has more than %d members", MEMBERS_MAX);
	if (r->names > NAMES_MAX || r->kept > KEEP_MAX)
		return err_set(err, ERR_CORRUPT, "member '%s': more than %d MiB of names and settings", e->name,
			       NAMES_MAX >> 20);
	return 0;
}

static int add_member(void *opaque, const struct cpio_entry *e, const void *content, struct err *err)
{
	struct reading *r = opaque;
	struct arena *a = &r->im->arena;
	struct initramfs_member *m;

	if (check_bounds(r, e, content, err) < 0)
		return -1;
	m = vec_push(a, &r->im->members);
	m->path = normalise(a, e->name);
	m->mode = e->mode;
	m->size = e->size;
	m->link = arena_strdup(a, e->link);
	m->content = content ? arena_strndup(a, content, e->size) : NULL;
	m->segment = (unsigned)(r->segment - r->im->segments.v);
	m->shared = S_ISREG(e->mode) && e->nlink > 1;
	m->file = (uint64_t)e->dev_major << 48 ^ (uint64_t)e->dev_minor << 32 ^ e->ino;
	m->order = r->order++;
	if (r->segment->members++ == 0 && strcmp(m->path, INITRAMFS_GRAFT_MARKER) == 0)
		r->segment->graft = true;
	return 0;
}

static int sink(void *opaque, const void *data, size_t len, struct err *err)
{
	struct reading *r = opaque;

	r->segment->inflated += len;
	return cpio_reader_feed(r->cpio, data, len, false, NULL, err);
}

/* Microcode and ACPI tables lie in kernel/, with a marker beside it in dracut's and Debian's images. */
static bool is_early(const struct initramfs *im, size_t first)
{
	if (first == im->members.n)
		return false;
	for (size_t i = first; i < im->members.n; i++) {
		const char *path = im->members.v[i].path;

		if (*path && strcmp(path, "kernel") != 0 && strncmp(path, "kernel/", 7) != 0 &&
		    strcmp(path, "early_cpio") != 0)
			return false;
	}
	return true;
}

/* An uncompressed archive is aligned in the file, a compressed one in its stream; an lz4 stream right behind another is
 * one stream for the kernel. */
static uint64_t archive_start(const struct initramfs *im, const struct initramfs_segment *s)
{
	const struct initramfs_segment *before = s > im->segments.v ? s - 1 : NULL;

	if (strcmp(s->compression, "none") == 0)
		return s->offset;
	if (before && strcmp(before->compression, "lz4") == 0 && strcmp(s->compression, "lz4") == 0 &&
	    before->offset + before->length == s->offset)
		return before->end;
	return 0;
}

static int read_content(struct reading *r, const uint8_t *data, size_t len, struct err *err)
{
	struct initramfs_segment *s = r->segment;
	size_t used = 0;
	int ret;

	if (strcmp(s->compression, "none") == 0) {
		ret = cpio_reader_feed(r->cpio, data, len, true, &used, err);
		s->inflated = used;
	} else {
		ret = archive_inflate_to(data, len, INFLATED_MAX - r->inflated_all, sink, r, &used, err);
	}
	s->length = used;
	if (ret < 0)
		return -1;
	if (!cpio_reader_idle(r->cpio))
		return err_set(err, ERR_CORRUPT, "ends inside its archive");
	return 0;
}

static int read_segment(struct reading *r, const uint8_t *data, size_t len, uint64_t offset, struct err *err)
{
	struct cpio_handler handler = {.wants = wants, .entry = add_member, .opaque = r};
	int ret;

	r->segment = vec_push(&r->im->arena, &r->im->segments);
	r->segment->offset = offset;
	r->segment->compression = archive_probe(data, len);
	r->first_member = r->im->members.n;
	r->cpio = cpio_reader_new(&handler, archive_start(r->im, r->segment));
	if (!r->cpio)
		return err_nomem(err);
	ret = read_content(r, data, len, err);
	cpio_reader_free(r->cpio);
	if (ret < 0)
		return err_wrap(err, "archive %zu (%s) at 0x%" PRIx64, r->im->segments.n, r->segment->compression,
				offset);
	r->inflated_all += r->segment->inflated;
	r->segment->end = archive_start(r->im, r->segment) + r->segment->inflated;
	r->segment->early = !r->main_seen && is_early(r->im, r->first_member);
	r->main_seen |= !r->segment->early;
	return 0;
}

static int by_path_last_first(const void *a, const void *b)
{
	const struct initramfs_member *x = a, *y = b;
	int order = strcmp(x->path, y->path);

	return order ? order : (x->order < y->order) - (x->order > y->order);
}

struct shared_name {
	struct initramfs_member *member;
};

static int by_file(const void *a, const void *b)
{
	const struct initramfs_member *x = ((const struct shared_name *)a)->member;
	const struct initramfs_member *y = ((const struct shared_name *)b)->member;

	if (x->segment != y->segment)
		return x->segment < y->segment ? -1 : 1;
	return (x->file > y->file) - (x->file < y->file);
}

/* Of a file with several names only one entry, usually the last, carries the content. */
static void spread_shared(struct initramfs *im)
{
	struct shared_name *shared = arena_alloc(&im->arena, (im->members.n + 1) * sizeof *shared);
	struct initramfs_member *full = NULL;
	size_t n = 0;

	VEC_FOR (m, &im->members)
		if (m->shared)
			shared[n++].member = m;
	qsort(shared, n, sizeof *shared, by_file);
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || by_file(&shared[i - 1], &shared[i]) != 0) {
			full = shared[i].member;
			for (size_t j = i; j < n && by_file(&shared[i], &shared[j]) == 0; j++)
				if (shared[j].member->size)
					full = shared[j].member;
		}
		shared[i].member->size = full->size;
		shared[i].member->content = full->content;
	}
}

/* Later members win. */
static void settle_members(struct initramfs *im)
{
	size_t kept = 0;

	spread_shared(im);
	if (im->members.n)
		qsort(im->members.v, im->members.n, sizeof *im->members.v, by_path_last_first);
	for (size_t i = 0; i < im->members.n; i++)
		if (i == 0 || strcmp(im->members.v[kept - 1].path, im->members.v[i].path) != 0)
			im->members.v[kept++] = im->members.v[i];
	im->members.n = kept;
}

static int read_segments(struct reading *r, const uint8_t *data, size_t len, struct err *err)
{
	for (uint64_t at = 0; at < len;) {
		if (!data[at]) {
			at++;
			continue;
		}
		if (read_segment(r, data + at, len - at, at, err) < 0)
			return -1;
		at += r->segment->length;
	}
	return 0;
}

static void note_grafted(struct initramfs *im, size_t first_member)
{
	for (size_t i = first_member; i < im->members.n; i++)
		*vec_push(&im->arena, &im->grafted) = im->members.v[i];
	if (im->grafted.n)
		qsort(im->grafted.v, im->grafted.n, sizeof *im->grafted.v, by_path_last_first);
}

/* Takes a graft at the end off again; one in the middle can't be replaced and counts as the generator's. */
static void settle_graft(struct initramfs *im, size_t first_member)
{
	const struct initramfs_segment *last = im->segments.n ? &im->segments.v[im->segments.n - 1] : NULL;

	im->has_graft = last && last->graft && im->segments.n > 1;
	if (im->has_graft) {
		im->graft_offset = last->offset;
		note_grafted(im, first_member);
		im->members.n = first_member;
		last--;
	}
	im->base = last ? last->offset + last->length : 0;
}

static const struct {
	const char *name;
	const char *paths[3]; /* all must be there */
} generators[] = {
    {"initramfs-tools", {"scripts/functions", "conf/initramfs.conf"}},
    {"dracut", {"usr/lib/dracut"}},
    {"dracut", {"lib/dracut"}},
    {"dracut", {"lib/dracut-lib.sh"}},
    {"mkinitcpio", {"init_functions", "config"}},
    {"booster", {"etc/booster.init.yaml"}},
    {"genkernel", {"etc/initrd.defaults", "etc/initrd.scripts"}},
    {"mkinitfs", {"sbin/nlplug-findfs"}},
    {"mkinitrd-suse", {"run_all.sh"}},
    {"mkinitrd-nash", {"bin/nash"}},
};

static const char *detect_generator(const struct initramfs *im)
{
	for (size_t i = 0; i < sizeof generators / sizeof *generators; i++) {
		bool all = true;

		for (const char *const *p = generators[i].paths; *p; p++)
			all &= initramfs_find(im, *p) != NULL;
		if (all)
			return generators[i].name;
	}
	return "unknown";
}

static void describe(struct initramfs *im)
{
	im->compression = "none";
	VEC_FOR (s, &im->segments) {
		if (!s->early) {
			im->compression = s->compression;
			break;
		}
	}
	im->generator = detect_generator(im);
}

int initramfs_parse(const void *data, size_t len, struct initramfs **ret, struct err *err)
{
	AUTO(initramfs_freep) struct initramfs *im = calloc(1, sizeof *im);
	struct reading r = {.im = im};

	if (!im)
		return err_nomem(err);
	if (read_segments(&r, data, len, err) < 0)
		return -1;
	if (!im->members.n)
		return err_set(err, ERR_CORRUPT, "holds no files: %zu bytes long", len);
	settle_graft(im, r.first_member);
	settle_members(im);
	describe(im);
	*ret = take_ptr(&im);
	return 0;
}

int initramfs_read(struct guest *g, const char *path, struct buf *raw, struct initramfs **ret, struct err *err)
{
	AUTO(buf_done) struct buf own = BUF_INIT(INITRAMFS_FILE_MAX);

	if (!raw)
		raw = &own;
	buf_clear(raw);
	if (g->ops->read(g, path, raw, err) < 0)
		return -1;
	if (initramfs_parse(raw->data, raw->len, ret, err) < 0)
		return err_wrap(err, "initramfs '%s'", path);
	return 0;
}

void initramfs_free(struct initramfs *im)
{
	if (!im)
		return;
	arena_done(&im->arena);
	free(im);
}

static int compare_path(const void *key, const void *member)
{
	return strcmp(key, ((const struct initramfs_member *)member)->path);
}

const struct initramfs_member *initramfs_at(const struct initramfs *im, const char *place)
{
	return im->members.n ? bsearch(place, im->members.v, im->members.n, sizeof *im->members.v, compare_path) : NULL;
}

const char *initramfs_text(const struct initramfs *im, const struct initramfs_member *m)
{
	const struct initramfs_member *grafted =
	    im->grafted.n ? bsearch(m->path, im->grafted.v, im->grafted.n, sizeof *im->grafted.v, compare_path) : NULL;

	return grafted ? grafted->content : m->content;
}

struct walk {
	char done[PATH_MAX_HERE], rest[PATH_MAX_HERE];
	int links;
};

static void drop_last(char *path)
{
	char *slash = strrchr(path, '/');

	*(slash ? slash : path) = '\0';
}

/* Puts a symlink's target before what is left of the path. */
static int follow_link(struct walk *w, const char *target)
{
	char rest[PATH_MAX_HERE];
	int n = snprintf(rest, sizeof rest, "%s/%s", target, w->rest);

	if (n < 0 || (size_t)n >= sizeof rest || ++w->links > LINKS_MAX)
		return -1;
	memcpy(w->rest, rest, (size_t)n + 1);
	if (*target == '/')
		*w->done = '\0';
	else
		drop_last(w->done);
	return 0;
}

/* Moves the next component from rest to done; a symlink there is replaced by its target. */
static int step(const struct initramfs *im, struct walk *w)
{
	const struct initramfs_member *m;
	size_t n = strcspn(w->rest, "/"), skip = n + (w->rest[n] == '/'), done = strlen(w->done);
	bool dots = n == 2 && memcmp(w->rest, "..", 2) == 0;

	if (n && !dots && !(n == 1 && *w->rest == '.')) {
		if (done + 1 + n >= sizeof w->done)
			return -1;
		if (done)
			w->done[done++] = '/';
		memcpy(w->done + done, w->rest, n);
		w->done[done + n] = '\0';
	}
	if (dots)
		drop_last(w->done);
	memmove(w->rest, w->rest + skip, strlen(w->rest + skip) + 1);
	m = initramfs_at(im, w->done);
	return m && S_ISLNK(m->mode) ? follow_link(w, m->link) : 0;
}

static int walk(const struct initramfs *im, const char *path, struct walk *w)
{
	size_t len = strlen(path);

	*w = (struct walk){0};
	if (len >= sizeof w->rest)
		return -1;
	memcpy(w->rest, path, len + 1);
	while (*w->rest)
		if (step(im, w) < 0)
			return -1;
	return 0;
}

const struct initramfs_member *initramfs_find(const struct initramfs *im, const char *path)
{
	struct walk w;

	return walk(im, path, &w) < 0 ? NULL : initramfs_at(im, w.done);
}

char *initramfs_place(const struct initramfs *im, const char *path, struct arena *a)
{
	struct walk w;

	return walk(im, path, &w) < 0 ? NULL : arena_strdup(a, w.done);
}

const char *initramfs_modules_folder(const struct initramfs *im, const char *version, struct arena *a)
{
	if (strcmp(im->generator, "mkinitrd-nash") == 0)
		return "lib";
	return strcmp(im->generator, "booster") == 0 ? "usr/lib/modules" : arena_printf(a, "lib/modules/%s", version);
}

const struct initramfs_member *initramfs_module(const struct initramfs *im, const char *version, const char *name)
{
	AUTO(arena_done) struct arena a = {0};
	const char *dir = initramfs_place(im, initramfs_modules_folder(im, version, &a), &a);
	size_t n = dir ? strlen(dir) : 0;

	if (!dir)
		return NULL;
	VEC_FOR (m, &im->members) {
		char found[MODULE_NAME_MAX];

		if (strncmp(m->path, dir, n) == 0 && m->path[n] == '/' && S_ISREG(m->mode) &&
		    module_name_of(m->path, found) && strcmp(found, name) == 0)
			return m;
	}
	return NULL;
}

bool initramfs_has(const struct initramfs *im, const char *version, const char *name)
{
	AUTO(arena_done) struct arena a = {0};
	const char *dir = arena_printf(&a, "%s/", initramfs_modules_folder(im, version, &a));
	char found[MODULE_NAME_MAX];

	VEC_FOR (m, &im->grafted)
		if (S_ISREG(m->mode) && strstr(m->path, dir) && module_name_of(m->path, found) &&
		    strcmp(found, name) == 0)
			return true;
	return initramfs_module(im, version, name);
}

/* The path lies in the modules of some kernel; *ret_own: of this one. */
static bool in_modules(const char *path, const char *version, bool *ret_own)
{
	const char *dir = strstr(path, "lib/modules/"), *name = dir ? dir + strlen("lib/modules/") : "";
	size_t n = strcspn(name, "/");

	*ret_own = n == strlen(version) && strncmp(name, version, n) == 0;
	return n && name[n];
}

bool initramfs_is_foreign(const struct initramfs *im, const char *version)
{
	bool foreign = false;

	VEC_FOR (m, &im->members) {
		bool own;

		foreign |= in_modules(m->path, version, &own);
		if (own)
			return false;
	}
	return foreign;
}

bool initramfs_loads_by_alias(const struct initramfs *im)
{
	static const char *const programs[] = {"usr/lib/systemd/systemd-udevd",
					       "lib/systemd/systemd-udevd",
					       "sbin/udevd",
					       "usr/sbin/udevd",
					       "lib/udev/udevd",
					       "usr/bin/udevadm",
					       "bin/udevadm",
					       "sbin/udevadm",
					       "sbin/nlplug-findfs"};

	for (size_t i = 0; i < sizeof programs / sizeof *programs; i++)
		if (initramfs_find(im, programs[i]))
			return true;
	return false;
}
