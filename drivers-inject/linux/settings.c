/* Settings of the guest's initramfs generator, so that the next kernel update keeps the modules in. */
#include "drivers-inject/linux/settings.h"

#include <string.h>

#include "drivers-inject/linux/graft.h"

#define REASON "the next kernel update must put the drivers of the virtual disks into the initramfs again"

static const struct {
	const char *generator;
	settings_writer *write;
} writers[] = {
    {"initramfs-tools", settings_initramfs_tools},
    {"dracut", settings_dracut},
    {"mkinitcpio", settings_mkinitcpio},
    {"mkinitfs", settings_mkinitfs},
    {"booster", settings_booster},
    {"mkinitrd-suse", settings_suse},
    {"mkinitrd-nash", settings_modprobe_conf},
    {"unknown", settings_make_initrd},
};

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
	const struct generator_settings s = {.g = g, .log = log, .names = names, .n = n, .reason = REASON};
	bool known = false;

	for (size_t k = 0; k < sizeof writers / sizeof *writers; k++)
		if (strcmp(generator, writers[k].generator) == 0 && writers[k].write(&s, &known, err) < 0)
			return -1;
	return known ? 0 : by_hand(i, generator, names, n, err);
}

/* True when p stands in a comment, which begins at a '#' in front of a word; line is where its line begins. */
static bool in_comment(const char *line, const char *p)
{
	for (const char *c = line; c < p; c++)
		if (*c == '#' && (c == line || strchr(" \t", c[-1])))
			return true;
	return false;
}

/* A word of the list [from, behind), which in brackets may go over lines with comments. */
static bool has_word(const char *text, size_t from, size_t behind, const char *word)
{
	const char *line = text + from, *end = text + behind;
	size_t n = strlen(word);

	for (const char *p = strstr(line, word), *next; p && p < end; p = strstr(next, word)) {
		bool begins = p == text + from || strchr(" \t\n\"'(", p[-1]), ends = strchr(" \t\n\"')", p[n]);

		next = p + 1;
		if (!begins || !ends)
			continue;
		for (const char *eol; (eol = memchr(line, '\n', (size_t)(p - line)));)
			line = eol + 1;
		if (text[from - 1] != '(' || !in_comment(line, p))
			return true;
		next = p + strcspn(p, "\n");
	}
	return false;
}

char *settings_extend_list(const struct generator_settings *s, struct arena *a, const char *text, size_t from,
			   size_t behind)
{
	const char *added = "", *quote = text[from - 1] == '=' ? "\"" : "";

	for (size_t k = 0; k < s->n; k++)
		if (!has_word(text, from, behind, s->names[k]))
			added = arena_printf(a, "%s%s%s", added, *added || behind > from ? " " : "", s->names[k]);
	if (!*added)
		return arena_strdup(a, text);
	return arena_printf(a, "%.*s%s%.*s%s%s%s", (int)from, text, quote, (int)(behind - from), text + from, added,
			    quote, text + behind);
}
