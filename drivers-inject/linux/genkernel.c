/* Images of genkernel: which of its lists of modules are loaded. */
#include "drivers-inject/linux/genkernel.h"

#include <string.h>

#include "guest/files/shellvars.h"

/* Groups for disks, the fittest first; which of them are loaded without a word on the command line has changed. */
static const char *const groups[] = {"virtio", "scsi", "sata", "pata", "fs"};
static const char *const lists[] = {"etc/modules/virtio", "etc/modules/scsi", "etc/modules/sata", "etc/modules/pata",
				    "etc/modules/fs"};

static bool has_word(const char *text, const char *word)
{
	struct span s;
	size_t pos = 0;

	while (span_next(text, &pos, &s))
		if (span_is(text, s, word))
			return true;
	return false;
}

const char *genkernel_list(const struct initramfs *im)
{
	const struct initramfs_member *m = initramfs_find(im, "etc/initrd.defaults");
	AUTO(arena_done) struct arena a = {0};
	const char *loaded;
	struct lines l;

	if (strcmp(im->generator, "genkernel") != 0 || !m || !m->content)
		return NULL;
	lines_split(&l, &a, m->content);
	loaded = shellvars_get(&l, "MY_HWOPTS");
	if (!loaded || !has_word(loaded, "modules"))
		return NULL;
	for (size_t k = 0; k < sizeof groups / sizeof *groups; k++)
		if (has_word(loaded, groups[k]))
			return lists[k];
	return NULL;
}
