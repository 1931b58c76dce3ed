/* File systems, stacked disks, programs, keys and arguments: the machine needs them as before, whatever the generator
 * saw of the appliance. */
#include "drivers-inject/linux/lost.h"

#include <fnmatch.h>
#include <string.h>
#include <sys/stat.h>

#include "guest/files/devnames.h"
#include "guest/files/hostonly.h"

struct comparison {
	struct graft_plan *new, *old;
	const struct inspection *i;
	struct arena *arena;
};

static bool must_stay(const char *path)
{
	return strstr(path, "/fs/") || strstr(path, "/drivers/md/");
}

static const char *lost_module(const struct comparison *c)
{
	char name[MODULE_NAME_MAX];

	VEC_FOR (m, &c->old->im->members)
		if (S_ISREG(m->mode) && must_stay(m->path) && module_name_of(m->path, name) &&
		    !initramfs_module(c->new->im, c->new->kernel->version, name) &&
		    !modules_is_builtin(c->new->modules, name))
			return m->path;
	return NULL;
}

static const char *lost_crypttab(const struct comparison *c)
{
	static const char *const lists[] = {"etc/crypttab", "cryptroot/crypttab"};

	for (size_t k = 0; k < sizeof lists / sizeof *lists; k++) {
		const struct initramfs_member *was = initramfs_find(c->old->im, lists[k]),
					      *is = initramfs_find(c->new->im, lists[k]);

		if (was && was->size && (!is || !is->size))
			return lists[k];
	}
	return NULL;
}

static const struct initramfs_member *program_in(const struct initramfs *im, const char *pattern)
{
	VEC_FOR (m, &im->members)
		if (!S_ISDIR(m->mode) && fnmatch(pattern, m->path, 0) == 0)
			return m;
	return NULL;
}

/* What puts disks together, wherever it lies. */
static const char *lost_program(const struct comparison *c)
{
	static const char *const patterns[] = {"*bin/mdadm", "*bin/lvm", "*bin/cryptsetup"};

	for (size_t k = 0; k < sizeof patterns / sizeof *patterns; k++) {
		const struct initramfs_member *was = program_in(c->old->im, patterns[k]);

		if (was && !program_in(c->new->im, patterns[k]))
			return was->path;
	}
	return NULL;
}

/* --- arguments: dracut writes what it needs of the command line into the image --- */

static const char *new_name(const struct device_use *use, void *opaque)
{
	const struct comparison *c = opaque;

	return devnames_replacement(c->i, use, c->arena);
}

/* "root=/dev/disk/by-uuid/X" is "root=UUID=X". */
static const char *short_form(const char *word, struct arena *a)
{
	static const char *const links[][2] = {{"=/dev/disk/by-uuid/", "=UUID="},
					       {"=/dev/disk/by-partuuid/", "=PARTUUID="},
					       {"=/dev/disk/by-label/", "=LABEL="},
					       {"=/dev/disk/by-partlabel/", "=PARTLABEL="}};

	for (size_t k = 0; k < sizeof links / sizeof *links; k++) {
		const char *at = strstr(word, links[k][0]);

		if (at)
			return arena_printf(a, "%.*s%s%s", (int)(at - word), word, links[k][1],
					    at + strlen(links[k][0]));
	}
	return word;
}

/* Without its UUID dracut assembles no array, no volume group, opens no volume. */
static bool decides(const char *word)
{
	return strncmp(word, "rd.", 3) == 0 || strncmp(word, "rd_", 3) == 0 || strncmp(word, "root=", 5) == 0 ||
	       strncmp(word, "resume=", 7) == 0;
}

/* No image has a tenth of them; the first beyond counts as lost. */
enum { WORDS_MAX = 1024 };

struct words {
	VEC(const char *) list;
};

/* The words that decide of command lines, one in each line of text, as they are after the conversion. */
static void add_words(struct comparison *c, struct words *w, const char *text)
{
	const struct device_visitor v = {new_name, c};
	struct lines l;

	lines_split(&l, c->arena, text);
	cmdline_devices(&l, &v);
	VEC_FOR (line, &l.v) {
		struct span s;
		size_t pos = 0;

		while (line->text[line_indent(line->text)] != '#' && span_next(line->text, &pos, &s))
			if (decides(line->text + s.at))
				*vec_push(c->arena, &w->list) = short_form(span_dup(c->arena, line->text, s), c->arena);
	}
}

static void add_image_words(struct comparison *c, struct words *w, const struct initramfs *im)
{
	VEC_FOR (m, &im->members)
		if (initramfs_text(im, m) && hostonly_walker(m->path, NULL) == cmdline_devices)
			add_words(c, w, initramfs_text(im, m));
}

static bool is_in(const struct words *w, const char *word)
{
	VEC_FOR (it, &w->list)
		if (strcmp(*it, word) == 0)
			return true;
	return false;
}

/* The first of them that isn't among the others; NULL. */
static const char *first_missing(const struct words *w, const struct words *others)
{
	VEC_FOR (it, &w->list)
		if (!is_in(others, *it))
			return *it;
	return NULL;
}

/* What the image no longer says itself, each entry that boots the kernel must say. */
static const char *lost_argument(struct comparison *c)
{
	struct words was = {0}, is = {0};
	const char *lost;
	bool booted = false;

	add_image_words(c, &was, c->old->im);
	add_image_words(c, &is, c->new->im);
	if (was.list.n > WORDS_MAX)
		return was.list.v[WORDS_MAX];
	lost = first_missing(&was, &is);
	VEC_FOR (e, &c->i->boot_entries) {
		struct words both = {0};
		const char *word;

		if (!lost || !e->version || strcmp(e->version, c->new->kernel->version) != 0)
			continue;
		booted = true;
		add_image_words(c, &both, c->new->im);
		add_words(c, &both, e->cmdline ? e->cmdline : "");
		word = first_missing(&was, &both);
		if (word)
			return word;
	}
	return booted ? NULL : lost;
}

const char *image_lost(struct graft_plan *new, struct graft_plan *old, const struct inspection *i)
{
	struct comparison c = {new, old, i, &new->arena};
	const char *path = lost_module(&c), *word;

	if (!path)
		path = lost_program(&c);
	if (!path)
		path = lost_crypttab(&c);
	if (path)
		return arena_printf(c.arena, "'%s' isn't in what it made", path);
	word = lost_argument(&c);
	return word ? arena_printf(c.arena, "the old image's argument '%s' isn't in what it made, nor in the boot menu",
				   word)
		    : NULL;
}
