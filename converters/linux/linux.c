/* What the steps for Linux guests share. */
#include "converters/linux/linux.h"

#include "guest/files/lines.h"

bool step_always(const struct step_context *c)
{
	return true;
}

int step_edit_lines(const struct step_context *c, const char *path,
		    void (*edit)(struct lines *l, const char *path, void *opaque), void *opaque, const char *reason,
		    struct err *err)
{
	AUTO(arena_done) struct arena a = {0};
	struct lines l;
	char *text;

	if (guest_regular_text(c->guest, path, &a, &text, err) < 0)
		return -1;
	if (!text)
		return 0;
	lines_split(&l, &a, text);
	edit(&l, path, opaque);
	return l.changed ? guest_edit(c->guest, c->log, path, lines_join(&l), reason, err) : 0;
}
