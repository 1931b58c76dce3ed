/* Files of [sections] with key=value lines, line by line. */
#include "guest/files/ini.h"

#include <stdint.h>
#include <string.h>

/* Length without trailing blanks. */
static size_t trimmed_len(const char *text, size_t len)
{
	while (len && is_blank(text[len - 1]))
		len--;
	return len;
}

static bool section_header(struct ini *i, const char *text, size_t line)
{
	size_t at = line_indent(text);
	const char *close = text[at] == '[' ? strchr(text + at, ']') : NULL;

	if (!close)
		return false;
	i->section = arena_strndup(i->lines->arena, text + at + 1, (size_t)(close - text) - at - 1);
	i->section_line = line;
	return true;
}

bool ini_next(struct ini *i)
{
	while (i->next < i->lines->v.n) {
		size_t line = i->next++;
		const char *text = i->lines->v.v[line].text;
		size_t at = line_indent(text);
		const char *equals = strchr(text, '=');

		if (text[at] == '#' || text[at] == ';' || section_header(i, text, line) || !equals)
			continue;

		size_t value = (size_t)(equals - text) + 1;

		value += line_indent(text + value);
		i->line = line;
		i->key =
		    arena_strndup(i->lines->arena, text + at, trimmed_len(text + at, (size_t)(equals - text) - at));
		i->value_at = (struct span){value, trimmed_len(text + value, strlen(text + value))};
		i->value = span_dup(i->lines->arena, text, i->value_at);
		return true;
	}
	return false;
}

bool ini_is(const struct ini *i, const char *section, const char *key)
{
	return strcmp(i->section, section) == 0 && strcmp(i->key, key) == 0;
}

char *ini_get(struct lines *l, const char *section, const char *key)
{
	struct ini i = INI_OF(l);
	char *value = NULL;

	while (ini_next(&i))
		if (ini_is(&i, section, key))
			value = i.value;
	return value;
}
