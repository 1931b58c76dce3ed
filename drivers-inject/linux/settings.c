/* Settings of the guest's initramfs generator, so that the next kernel update keeps the modules in. */
#include <string.h>

#include "drivers-inject/linux/graft.h"

#define REASON "the next kernel update must put the drivers of the virtual disks into the initramfs again"

/* The first word of some line. */
static bool lists(const char *text, const char *name)
{
	size_t n = strlen(name);

	for (const char *line = text; line && *line;) {
		const char *word = line + strspn(line, " \t");

		if (strncmp(word, name, n) == 0 && strchr(" \t\r\n", word[n]))
			return true;
		line = strchr(line, '\n');
		line += line != NULL;
	}
	return false;
}

/* /etc/initramfs-tools/modules: a module's name and options a line (initramfs-tools(7)). */
static int initramfs_tools(struct guest *g, struct changelog *log, const char *const *names, size_t n, struct err *err)
{
	static const char path[] = "/etc/initramfs-tools/modules";
	AUTO(buf_done) struct buf b = BUF_INIT(GUEST_TEXT_MAX);
	AUTO(arena_done) struct arena a = {0};
	size_t added = 0;
	char *text;

	if (guest_text(g, path, &a, &text, err) < 0)
		return -1;
	if (!text)
		text = arena_strdup(&a, "");
	if (buf_adds(&b, text) < 0 || (b.len && b.data[b.len - 1] != '\n' && buf_adds(&b, "\n") < 0))
		return err_nomem(err);
	for (size_t i = 0; i < n; i++) {
		if (lists(text, names[i]))
			continue;
		if ((!added++ && buf_adds(&b, "# Drivers of the virtual disks, added by rehost.\n") < 0) ||
		    buf_addf(&b, "%s\n", names[i]) < 0)
			return err_nomem(err);
	}
	return added ? guest_edit(g, log, path, buf_str(&b), REASON, err) : 0;
}

/* dracut.conf(5): add_drivers also adds to an exclusive list in drivers=. */
static int dracut(struct guest *g, struct changelog *log, const char *const *names, size_t n, struct err *err)
{
	AUTO(buf_done) struct buf b = BUF_INIT(GUEST_TEXT_MAX);

	if (buf_adds(&b, "# Drivers of the virtual disks, added by rehost.\nadd_drivers+=\"") < 0)
		return err_nomem(err);
	for (size_t i = 0; i < n; i++)
		if (buf_addf(&b, " %s", names[i]) < 0)
			return err_nomem(err);
	if (buf_adds(&b, " \"\n") < 0)
		return err_nomem(err);
	return guest_edit(g, log, "/etc/dracut.conf.d/rehost-virtio.conf", buf_str(&b), REASON, err);
}

static int by_hand(struct inspection *i, const char *generator, const char *const *names, size_t n, struct err *err)
{
	AUTO(buf_done) struct buf b = BUF_INIT(GUEST_TEXT_MAX);

	if (buf_adds(&b, "Add to the generator's settings in the guest:") < 0)
		return err_nomem(err);
	for (size_t k = 0; k < n; k++)
		if (buf_addf(&b, " %s", names[k]) < 0)
			return err_nomem(err);
	finding_add(
	    i, "W-INITRAMFS-SETTINGS", SEVERITY_WARNING, generator, buf_str(&b),
	    "the initramfs of this machine now holds the drivers it needs, but what makes the next one (%s) isn't "
	    "known well enough to be set up for them",
	    generator);
	return 0;
}

int graft_settings(struct guest *g, struct inspection *i, struct changelog *log, const char *generator,
		   const char *const *names, size_t n, struct err *err)
{
	if (strcmp(generator, "initramfs-tools") == 0)
		return initramfs_tools(g, log, names, n, err);
	if (strcmp(generator, "dracut") == 0)
		return dracut(g, log, names, n, err);
	return by_hand(i, generator, names, n, err);
}
