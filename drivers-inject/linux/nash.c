/* Images of Red Hat's old mkinitrd: the script that loads their modules. */
#include "drivers-inject/linux/nash.h"

#include <string.h>

#include "guest/files/lines.h"

static bool is_command(const char *text, const char *command)
{
	struct span word;
	size_t pos = 0;

	return span_next(text, &pos, &word) && span_is(text, word, command);
}

/* Line behind the last insmod; else that of what needs the disks; 0 when there is neither. */
static size_t place_for(const struct lines *l)
{
	size_t ret = 0;

	for (size_t i = 0; i < l->v.n; i++)
		if (is_command(l->v.v[i].text, "insmod"))
			ret = i + 1;
	for (size_t i = 0; !ret && i < l->v.n; i++)
		if (is_command(l->v.v[i].text, "mkblkdevs") || is_command(l->v.v[i].text, "mkrootdev"))
			ret = i;
	return ret;
}

static const char *init_of(const struct initramfs *im)
{
	const struct initramfs_member *init = initramfs_find(im, "init");

	return init && init->content && strncmp(init->content, "#!/bin/nash", 11) == 0 ? init->content : NULL;
}

bool nash_is(const struct initramfs *im)
{
	AUTO(arena_done) struct arena a = {0};
	struct lines l;

	if (strcmp(im->generator, "mkinitrd-nash") != 0 || !init_of(im))
		return false;
	lines_split(&l, &a, init_of(im));
	return place_for(&l) > 0;
}

char *nash_file(const struct module *module, struct arena *a)
{
	const char *slash = strrchr(module->path, '/'), *base = slash ? slash + 1 : module->path;

	return arena_strndup(a, base, (size_t)(strstr(base, ".ko") - base) + 3);
}

char *nash_init_with(const struct initramfs *im, const struct module_list *add, struct arena *a)
{
	struct lines l;
	size_t at;

	lines_split(&l, a, init_of(im));
	at = place_for(&l);
	VEC_FOR (module, &add->list) {
		const char *file = nash_file(module, a);

		lines_insert(&l, at++, arena_printf(a, "echo \"Loading %s module\"", file));
		lines_insert(&l, at++, arena_printf(a, "insmod /lib/%s", file));
	}
	lines_insert(&l, at, "mkblkdevs");
	return lines_join(&l);
}
