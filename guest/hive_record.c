/* The changes of a hive as texts before and after, whose difference goes into the change log. */
#include "guest/hive_record.h"

#include <string.h>

#include "core/base/checked.h"

#define RECORD_MAX (4 * MIB)

struct sides {
	struct buf before, after;
	const char *key_before, *key_after; /* whose heading stands last on each side */
	const char *made;		    /* a key that wasn't there before: NULL none */
};

static void sides_done(struct sides *s)
{
	buf_done(&s->before);
	buf_done(&s->after);
}

static void add_side(struct buf *out, const char **last, const char *key, const char *lines)
{
	if (!*last || strcmp(*last, key) != 0)
		buf_addf(out, "[%s]\n", key);
	*last = key;
	buf_adds(out, lines);
}

static void add_edit(struct sides *s, const struct hive_edit *e)
{
	bool before = e->before && (!s->made || strcmp(s->made, e->key) != 0);

	if (!e->before)
		s->made = e->key;
	if (before)
		add_side(&s->before, &s->key_before, e->key, e->lines_before);
	if (e->after)
		add_side(&s->after, &s->key_after, e->key, e->lines_after);
}

void hive_edits_record(const struct hive_edits *edits, struct changelog *log, const char *path)
{
	for (size_t i = 0; i < edits->list.n;) {
		AUTO(sides_done)
		struct sides s = {.before = BUF_INIT(RECORD_MAX), .after = BUF_INIT(RECORD_MAX)};
		const char *reason = edits->list.v[i].reason;

		for (; i < edits->list.n && strcmp(edits->list.v[i].reason, reason) == 0; i++)
			add_edit(&s, &edits->list.v[i]);
		if (s.before.failed || s.after.failed)
			changelog_words(log, CHANGE_BINARY, path, reason, "registry keys and values, too many to show");
		else
			changelog_text(log, path, buf_str(&s.before), buf_str(&s.after), reason);
	}
}
