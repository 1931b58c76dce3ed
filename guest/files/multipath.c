/* Device mapper multipath: what tells that it is used. */
#include "guest/files/multipath.h"

#include <string.h>

#include "guest/files/lines.h"

/* A line that isn't empty or a comment. */
static int has_line(struct guest *g, const char *path, bool *ret, struct err *err)
{
	AUTO(arena_done) struct arena a = {0};
	struct lines l;
	char *text;

	if (guest_text(g, path, &a, &text, err) < 0)
		return -1;
	lines_split(&l, &a, text ? text : "");
	VEC_FOR (line, &l.v) {
		const char *first = line->text + line_indent(line->text);

		*ret |= *first && *first != '#';
	}
	return 0;
}

int multipath_used(struct guest *g, bool *ret, struct err *err)
{
	static const char *const files[] = {"/etc/multipath/wwids", "/etc/multipath/bindings",
					    "/var/lib/multipath/bindings"}; /* the last: RHEL 5 */

	*ret = false;
	for (size_t k = 0; k < sizeof files / sizeof *files; k++)
		if (has_line(g, files[k], ret, err) < 0)
			return -1;
	return 0;
}

int multipath_aliases(struct guest *g, struct arena *a, struct names *ret, struct err *err)
{
	struct lines l;
	char *text;

	if (guest_text(g, MULTIPATH_CONF, a, &text, err) < 0)
		return -1;
	lines_split(&l, a, text ? text : "");
	VEC_FOR (line, &l.v) {
		struct span word, value;
		size_t pos = 0;

		if (!span_next(line->text, &pos, &word) || !span_is(line->text, word, "alias") ||
		    !span_next(line->text, &pos, &value))
			continue;
		if (line->text[value.at] == '"' && value.len > 2)
			value = (struct span){value.at + 1, value.len - 2};
		*vec_push(a, &ret->list) = span_dup(a, line->text, value);
	}
	return 0;
}
