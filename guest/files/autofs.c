/* autofs maps (autofs(5)): "key -options :/dev/sdb1" lines; a local device stands behind a colon. */
#include <string.h>

#include "guest/files/devices.h"

/* The type of -fstype=, NULL when there is none. */
static char *type_on(struct arena *a, const char *text)
{
	const char *type = strstr(text, "fstype=");

	return type ? arena_strndup(a, type + 7, strcspn(type + 7, ", \t")) : NULL;
}

void autofs_devices(struct lines *l, const struct device_visitor *v)
{
	for (size_t i = 0; i < l->v.n; i++) {
		struct device_use use = {.form = FORM_PATH, .optional = true};
		const char *text = l->v.v[i].text;
		struct splices edits = {0};
		struct span word;
		size_t pos = 0;

		if (text[line_indent(text)] == '#')
			continue;
		use.type = type_on(l->arena, text);
		while (span_next(text, &pos, &word))
			if (strncmp(text + word.at, ":/dev/", 6) == 0)
				device_visit_one(l, i, (struct span){word.at + 1, word.len - 1}, use, v, &edits);
		line_splice_all(l, i, &edits);
	}
}
