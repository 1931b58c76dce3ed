/* booster: "modules:" in /etc/booster.yaml, names separated by commas; the last word on a module counts (booster(1)).
 */
#include <string.h>

#include "drivers-inject/linux/settings.h"
#include "guest/files/lines.h"

#define CONF "/etc/booster.yaml"
#define KEY  "modules:"

/* Where the list ends on its line: before a comment, a closing quote and blanks. *ret_empty: it names nothing yet. */
static size_t list_end(const char *text, bool *ret_empty)
{
	const char *comment = strstr(text, " #");
	size_t n = comment ? (size_t)(comment - text) : strlen(text), first = strlen(KEY);

	while (first < n && strchr(" \t", text[first]))
		first++;
	if (first < n && strchr("\"'", text[first]))
		first++;
	while (n > first && strchr(" \t\r\"'", text[n - 1]))
		n--;
	*ret_empty = n == first;
	return n;
}

/* The list names the module, between commas, blanks or quotes. */
static bool lists(const char *text, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = text; (p = strstr(p, name)); p++)
		if (strchr(" ,:\"'", p[-1]) && (!p[n] || strchr(" ,\r\"'", p[n])))
			return true;
	return false;
}

static void extend(const struct generator_settings *s, struct lines *l, size_t i)
{
	for (size_t k = 0; k < s->n; k++) {
		const char *text = l->v.v[i].text;
		bool empty;
		size_t end = list_end(text, &empty);

		if (!lists(text + strlen(KEY), s->names[k]))
			line_splice(l, i, end, 0,
				    arena_printf(l->arena, "%s%s",
						 !empty			? ","
						 : text[end - 1] == ':' ? " "
									: "",
						 s->names[k]));
	}
}

int settings_booster(const struct generator_settings *s, bool *ret_known, struct err *err)
{
	AUTO(arena_done) struct arena a = {0};
	struct lines l;
	char *text;
	size_t i = 0;

	*ret_known = true;
	if (guest_text(s->g, CONF, &a, &text, err) < 0)
		return -1;
	lines_split(&l, &a, text ? text : "");
	while (i < l.v.n && strncmp(l.v.v[i].text, KEY, strlen(KEY)) != 0)
		i++;
	if (i == l.v.n)
		lines_insert(&l, i, KEY);
	extend(s, &l, i);
	return guest_edit(s->g, s->log, CONF, lines_join(&l), s->reason, err);
}
