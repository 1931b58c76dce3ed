/* Images of genkernel: which of its lists of modules are loaded. */
#include "drivers-inject/linux/genkernel.h"

#include <string.h>

#include "guest/files/shellvars.h"

#define FOLDER "etc/modules/"

/* Lists of the groups for disks, the fittest first; which of them are loaded without a word on the command line has
 * changed. */
static const char *const lists[] = {FOLDER "virtio", FOLDER "scsi", FOLDER "sata", FOLDER "pata", FOLDER "fs"};

static bool has_word(const char *text, const char *word)
{
	struct span s;
	size_t pos = 0;

	while (span_next(text, &pos, &s))
		if (span_is(text, s, word))
			return true;
	return false;
}

/* The groups that are loaded without a word on the command line, in the arena; NULL: none. */
static const char *loaded_groups(const struct initramfs *im, struct arena *a)
{
	const struct initramfs_member *m = initramfs_find(im, "etc/initrd.defaults");
	const char *loaded;
	struct lines l;

	if (strcmp(im->generator, "genkernel") != 0 || !m || !m->content)
		return NULL;
	lines_split(&l, a, m->content);
	loaded = shellvars_get(&l, "MY_HWOPTS");
	return loaded && has_word(loaded, "modules") ? loaded : NULL;
}

const char *genkernel_list(const struct initramfs *im)
{
	AUTO(arena_done) struct arena a = {0};
	const char *loaded = loaded_groups(im, &a);

	if (!loaded)
		return NULL;
	for (size_t k = 0; k < sizeof lists / sizeof *lists; k++)
		if (has_word(loaded, lists[k] + strlen(FOLDER)))
			return lists[k];
	return NULL;
}

/* A line of the list is the module, whose name may be written with '-'. */
static bool is_listed(const struct initramfs_member *list, const char *module, struct arena *a)
{
	struct lines l;

	lines_split(&l, a, list->content);
	VEC_FOR (line, &l.v) {
		for (char *p = line->text; *p; p++)
			*p = *p == '-' ? '_' : *p;
		if (has_word(line->text, module))
			return true;
	}
	return false;
}

bool genkernel_loads(const struct initramfs *im, const char *module)
{
	AUTO(arena_done) struct arena a = {0};
	const char *loaded = loaded_groups(im, &a);
	struct span group;
	size_t pos = 0;

	while (loaded && span_next(loaded, &pos, &group)) {
		const char *path = arena_printf(&a, FOLDER "%s", span_dup(&a, loaded, group));
		const struct initramfs_member *list = initramfs_find(im, path);

		if (list && list->content && is_listed(list, module, &a))
			return true;
	}
	return false;
}
