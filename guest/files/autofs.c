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
		struct span word;
		size_t pos = 0;

		if (l->v.v[i].text[line_indent(l->v.v[i].text)] == '#')
			continue;
		use.type = type_on(l->arena, l->v.v[i].text);
		while (span_next(l->v.v[i].text, &pos, &word))
			if (strncmp(l->v.v[i].text + word.at, ":/dev/", 6) == 0)
				pos +=
				    (size_t)device_visit_span(l, i, (struct span){word.at + 1, word.len - 1}, use, v);
	}
}
