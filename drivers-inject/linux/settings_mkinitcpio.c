/* mkinitcpio (Arch): the bash array MODULES=(…), or the string MODULES="…" of before 2018, in /etc/mkinitcpio.conf;
 * files in mkinitcpio.conf.d come later and win (mkinitcpio.conf(5)). */
#include <string.h>

#include "drivers-inject/linux/settings.h"

#define CONF "/etc/mkinitcpio.conf"

/* Length of an array's content up to its bracket; one in a comment ("# needed (really)") closes nothing. */
static size_t array_len(const char *text)
{
	size_t n = 0;

	while (text[n] && text[n] != ')')
		n += text[n] == '#' && (!n || strchr(" \t\n", text[n - 1])) ? strcspn(text + n, "\n") : 1;
	return n;
}

/* The last assignment's list: [*ret_from, *ret_behind); false when there is none. */
static bool find_list(const char *text, size_t *ret_from, size_t *ret_behind)
{
	bool found = false;

	for (const char *line = text; line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';

		const char *p = line + strspn(line, " \t");
		char open;

		if (strncmp(p, "MODULES=", 8) != 0)
			continue;
		open = p[8];
		*ret_from = (size_t)(p - text) + 8 + (open == '(' || open == '"' || open == '\'');
		*ret_behind = *ret_from + (open == '(' ? array_len(text + *ret_from)
						       : strcspn(text + *ret_from, open == '"'	  ? "\""
										   : open == '\'' ? "'"
												  : " \t\r\n;#"));
		found = true;
	}
	return found;
}

static int edit(const struct generator_settings *s, const char *path, bool must, struct err *err)
{
	AUTO(arena_done) struct arena a = {0};
	size_t from = 0, behind = 0;
	char *text;

	if (guest_text(s->g, path, &a, &text, err) < 0)
		return -1;
	if (!text)
		return 0;
	if (!find_list(text, &from, &behind)) {
		if (!must)
			return 0;
		text = arena_printf(&a, "%s%sMODULES=()\n", text, *text && text[strlen(text) - 1] != '\n' ? "\n" : "");
		find_list(text, &from, &behind);
	}
	return guest_edit(s->g, s->log, path, settings_extend_list(s, &a, text, from, behind), s->reason, err);
}

int settings_mkinitcpio(const struct generator_settings *s, bool *ret_known, struct err *err)
{
	AUTO(arena_done) struct arena a = {0};
	struct names files = {0};

	*ret_known = guest_exists(s->g, CONF);
	if (edit(s, CONF, true, err) < 0 || s->g->ops->glob(s->g, CONF ".d/*.conf", &a, &files, err) < 0)
		return -1;
	VEC_FOR (file, &files.list)
		if (edit(s, *file, false, err) < 0)
			return -1;
	return 0;
}
