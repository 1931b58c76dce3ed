/* initramfs-tools: /etc/initramfs-tools/modules, a module's name and options a line (initramfs-tools(7)). */
#include <string.h>

#include "drivers-inject/linux/settings.h"

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

int settings_initramfs_tools(const struct generator_settings *s, bool *ret_known, struct err *err)
{
	static const char path[] = "/etc/initramfs-tools/modules";
	AUTO(buf_done) struct buf b = BUF_INIT(GUEST_TEXT_MAX);
	AUTO(arena_done) struct arena a = {0};
	size_t added = 0;
	char *text;

	*ret_known = true;
	if (guest_text(s->g, path, &a, &text, err) < 0)
		return -1;
	if (!text)
		text = arena_strdup(&a, "");
	if (buf_adds(&b, text) < 0 || (b.len && b.data[b.len - 1] != '\n' && buf_adds(&b, "\n") < 0))
		return err_nomem(err);
	for (size_t i = 0; i < s->n; i++) {
		if (lists(text, s->names[i]))
			continue;
		if ((!added++ && buf_adds(&b, "# Drivers of the virtual disks, added by rehost.\n") < 0) ||
		    buf_addf(&b, "%s\n", s->names[i]) < 0)
			return err_nomem(err);
	}
	return added ? guest_edit(s->g, s->log, path, buf_str(&b), s->reason, err) : 0;
}
