/* The change log: unified diffs of text edits (Myers' O(ND) algorithm, bounded), its JSON and its text for people. */
#include "core/model/changelog.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/checked.h"
#include "core/base/cleanup.h"

enum {
	CONTEXT = 3,
	/* Edits searched before giving up and showing the differing middle as one block: the trace then takes
	 * EDITS_MAX² ints = 4 MiB. */
	EDITS_MAX = 1000,
};

/* A diff this long tells nobody anything; the file's own limits are far below. */
#define DIFF_MAX (16 * MIB)
/* All diffs of a log, as JSON writes them: a report has at most 64 MiB. */
#define DIFFS_MAX (32 * MIB)

struct line {
	const char *s;
	size_t len; /* newline included */
};

struct lines {
	struct line *v;
	size_t n;
};

/* Which lines of a are gone and which of b are new. */
struct marks {
	bool *gone, *added;
};

static void marks_done(struct marks *m)
{
	free(m->gone);
	free(m->added);
}

static void lines_done(struct lines *l)
{
	free(l->v);
}

/* False when memory is out. */
static bool lines_split(const char *s, struct lines *ret)
{
	size_t n = 0;

	for (const char *p = s; *p; n++)
		p += strcspn(p, "\n") + (strchr(p, '\n') != NULL);
	ret->v = calloc(n + 1, sizeof *ret->v);
	if (!ret->v)
		return false;
	for (; *s; s += ret->v[ret->n++].len) {
		const char *end = strchr(s, '\n');

		ret->v[ret->n] = (struct line){s, end ? (size_t)(end - s) + 1 : strlen(s)};
	}
	return true;
}

static bool same(const struct line *a, const struct line *b)
{
	return a->len == b->len && !memcmp(a->s, b->s, a->len);
}

/* Myers 1986, forward only: v[k] is the furthest x on diagonal k = x - y; trace keeps v as it was before each step d,
 * so that the way can be walked back. */
struct search {
	const struct line *a, *b;
	int n, m;
	int *v;	     /* diagonals -(EDITS_MAX+1) … EDITS_MAX+1, centred */
	int **trace; /* trace[d]: diagonals -d … d */
	int edits;   /* D when found */
};

static int *diagonal(struct search *s, int k)
{
	return &s->v[k + EDITS_MAX + 1];
}

static bool goes_down(struct search *s, int d, int k)
{
	return k == -d || (k != d && *diagonal(s, k - 1) < *diagonal(s, k + 1));
}

/* One step of d edits; true when the end was reached. */
static bool search_step(struct search *s, int d)
{
	for (int k = -d; k <= d; k += 2) {
		int x = goes_down(s, d, k) ? *diagonal(s, k + 1) : *diagonal(s, k - 1) + 1, y = x - k;

		while (x < s->n && y >= 0 && y < s->m && same(&s->a[x], &s->b[y]))
			x++, y++;
		*diagonal(s, k) = x;
		if (x >= s->n && y >= s->m)
			return true;
	}
	return false;
}

static void walk_back(struct search *s, struct marks *marks)
{
	int x = s->n, y = s->m;

	for (int d = s->edits; d > 0; d--) {
		int k = x - y, from_k, from_x;

		memcpy(diagonal(s, -d), s->trace[d], (2 * (size_t)d + 1) * sizeof(int));
		from_k = goes_down(s, d, k) ? k + 1 : k - 1;
		from_x = *diagonal(s, from_k);
		if (from_k == k + 1)
			marks->added[from_x - from_k] = true;
		else
			marks->gone[from_x] = true;
		x = from_x;
		y = from_x - from_k;
	}
}

static bool search_run(struct search *s, struct marks *marks)
{
	bool found = false;

	for (int d = 0; d <= EDITS_MAX && !found; d++) {
		s->trace[d] = malloc((2 * (size_t)d + 1) * sizeof(int));
		if (!s->trace[d])
			return false;
		memcpy(s->trace[d], diagonal(s, -d), (2 * (size_t)d + 1) * sizeof(int));
		found = search_step(s, d);
		s->edits = d;
	}
	if (found)
		walk_back(s, marks);
	return found;
}

/* Marks what differs between a[0, n) and b[0, m); false when there are too many edits. */
static bool search_edits(const struct line *a, size_t n, const struct line *b, size_t m, struct marks *marks)
{
	struct search s = {.a = a, .b = b, .n = (int)n, .m = (int)m};
	bool found = false;

	if (n > INT32_MAX / 2 || m > INT32_MAX / 2)
		return false;
	s.v = calloc(2 * (EDITS_MAX + 1) + 1, sizeof *s.v);
	s.trace = calloc(EDITS_MAX + 1, sizeof *s.trace);
	if (s.v && s.trace)
		found = search_run(&s, marks);
	for (int d = 0; s.trace && d <= EDITS_MAX; d++)
		free(s.trace[d]);
	free(s.trace);
	free(s.v);
	return found;
}

static void mark(const struct lines *a, const struct lines *b, struct marks *marks)
{
	size_t head = 0, tail = 0, n, m;
	struct marks middle;

	while (head < a->n && head < b->n && same(&a->v[head], &b->v[head]))
		head++;
	while (tail < a->n - head && tail < b->n - head && same(&a->v[a->n - 1 - tail], &b->v[b->n - 1 - tail]))
		tail++;
	n = a->n - head - tail;
	m = b->n - head - tail;
	middle = (struct marks){marks->gone + head, marks->added + head};
	if (search_edits(a->v + head, n, b->v + head, m, &middle))
		return;
	memset(middle.gone, true, n);
	memset(middle.added, true, m);
}

static void put_line(struct buf *out, char sign, const struct line *l)
{
	buf_add(out, &sign, 1);
	buf_add(out, l->s, l->len);
	if (!l->len || l->s[l->len - 1] != '\n')
		buf_adds(out, "\n\\ No newline at end of file\n");
}

/* Lines of a hunk: a[i, i_end) against b[j, …). */
static void put_hunk(struct buf *out, const struct lines *a, const struct lines *b, const struct marks *marks, size_t i,
		     size_t i_end, size_t j, size_t j_end)
{
	/* An empty side is numbered by the line before it, as diff -u does. */
	buf_addf(out, "@@ -%zu", i_end > i ? i + 1 : i);
	if (i_end - i != 1)
		buf_addf(out, ",%zu", i_end - i);
	buf_addf(out, " +%zu", j_end > j ? j + 1 : j);
	if (j_end - j != 1)
		buf_addf(out, ",%zu", j_end - j);
	buf_adds(out, " @@\n");
	while (i < i_end || j < j_end) {
		if (i < i_end && marks->gone[i])
			put_line(out, '-', &a->v[i++]);
		else if (j < j_end && marks->added[j])
			put_line(out, '+', &b->v[j++]);
		else
			put_line(out, ' ', &a->v[i++]), j++;
	}
}

/* Steps over equal lines, at most max; returns how many. */
static size_t equal_run(const struct lines *a, const struct lines *b, const struct marks *marks, size_t i, size_t j,
			size_t max)
{
	size_t n = 0;

	while (n < max && i + n < a->n && j + n < b->n && !marks->gone[i + n] && !marks->added[j + n])
		n++;
	return n;
}

static void put_hunks(struct buf *out, const struct lines *a, const struct lines *b, const struct marks *marks)
{
	size_t i = 0, j = 0;

	for (;;) {
		size_t skip = equal_run(a, b, marks, i, j, SIZE_MAX), before, equal, i_end, j_end;

		i += skip;
		j += skip;
		if (i == a->n && j == b->n)
			return;
		before = skip < CONTEXT ? skip : CONTEXT;
		i_end = i;
		j_end = j;
		do { /* changes that stand closer than twice the context share a hunk */
			while ((i_end < a->n && marks->gone[i_end]) || (j_end < b->n && marks->added[j_end]))
				i_end < a->n && marks->gone[i_end] ? i_end++ : j_end++;
			equal = equal_run(a, b, marks, i_end, j_end, 2 * CONTEXT + 1);
			if (equal > 2 * CONTEXT || (i_end + equal == a->n && j_end + equal == b->n))
				break;
			i_end += equal;
			j_end += equal;
		} while (true);
		equal = equal < CONTEXT ? equal : CONTEXT;
		put_hunk(out, a, b, marks, i - before, i_end + equal, j - before, j_end + equal);
		i = i_end + equal;
		j = j_end + equal;
	}
}

static int diff_lines(const char *path, const char *before, const char *after, const struct lines *a,
		      const struct lines *b, struct buf *out)
{
	AUTO(marks_done) struct marks marks = {calloc(a->n + 1, sizeof(bool)), calloc(b->n + 1, sizeof(bool))};

	if (!marks.gone || !marks.added)
		return -1;
	mark(a, b, &marks);
	buf_addf(out, before ? "--- a%s\n" : "--- /dev/null\n", path);
	buf_addf(out, after ? "+++ b%s\n" : "+++ /dev/null\n", path);
	put_hunks(out, a, b, &marks);
	return 0;
}

/* The diff's text without its secrets; NULL when memory is out. */
static char *masked(struct changelog *log, struct arena *arena, const struct buf *text)
{
	AUTO(buf_done) struct buf out = BUF_INIT(2 * DIFF_MAX);
	unsigned hidden = 0;

	if (!log->mask)
		log->mask = mask_new(NULL);
	if (!log->mask || mask_text(log->mask, buf_str(text), text->len, &out, &hidden) < 0)
		return NULL;
	return arena_strdup(arena, buf_str(&out));
}

/* The unified diff in the arena; NULL when memory is out. */
static char *diff(struct changelog *log, struct arena *arena, const char *path, const char *before, const char *after)
{
	AUTO(lines_done) struct lines a = {0};
	AUTO(lines_done) struct lines b = {0};
	AUTO(buf_done) struct buf out = BUF_INIT(DIFF_MAX);

	if (!lines_split(before ? before : "", &a) || !lines_split(after ? after : "", &b))
		return NULL;
	if (diff_lines(path, before, after, &a, &b, &out) < 0)
		return NULL;
	return out.failed ? arena_strdup(arena, "the diff is over 16 MiB\n") : masked(log, arena, &out);
}

static struct change *add(struct changelog *log, enum change_kind kind, const char *path, const char *reason)
{
	struct change *c = vec_push(&log->arena, &log->changes);

	c->kind = kind;
	c->step = arena_strdup(&log->arena, log->step ? log->step : "");
	c->path = arena_strdup(&log->arena, path);
	c->reason = arena_strdup(&log->arena, reason);
	return c;
}

void changelog_done(struct changelog *log)
{
	arena_done(&log->arena);
	mask_free(log->mask);
	*log = (struct changelog){0};
}

/* At most so many bytes in JSON: control characters are six, what is no UTF-8 three. */
static uint64_t json_length(const char *s)
{
	uint64_t n = 0;

	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '\n' || c == '\t' || c == '\r' || c == '"' || c == '\\')
			n += 2;
		else
			n += c < ' ' || c == 0x7f ? 6 : c >= 0x80 ? 3 : 1;
	}
	return n;
}

/* The change is told in any case; how it looks, as long as there is room. */
static void put_diff(struct changelog *log, struct change *c, const char *before, const char *after)
{
	struct arena own = {0};
	char *text = diff(log, &own, c->path, before, after);
	uint64_t length = text ? json_length(text) : 0;

	if (text && log->diffs + length > DIFFS_MAX) {
		c->words = arena_printf(&log->arena,
					"the diff of %zu KiB is left out: those of this log have %" PRIu64
					" of at most %" PRIu64 " MiB",
					strlen(text) / KIB, log->diffs / MIB, DIFFS_MAX / MIB);
	} else {
		c->diff = arena_strdup(&log->arena, text);
		log->diffs += length;
	}
	arena_done(&own);
}

void changelog_text(struct changelog *log, const char *path, const char *before, const char *after, const char *reason)
{
	enum change_kind kind = !before ? CHANGE_CREATE : !after ? CHANGE_REMOVE : CHANGE_EDIT;

	if (before && after && !strcmp(before, after))
		return;
	put_diff(log, add(log, kind, path, reason), before, after);
}

void changelog_words(struct changelog *log, enum change_kind kind, const char *path, const char *reason,
		     const char *fmt, ...)
{
	struct change *c = add(log, kind, path, reason);
	va_list ap;

	va_start(ap, fmt);
	c->words = arena_vprintf(&log->arena, fmt, ap);
	va_end(ap);
}

struct json *changelog_json(const struct changelog *log)
{
	struct json *array = js_array();

	VEC_FOR (c, &log->changes) {
		struct json *j = js_add(array, js_object());

		js_set_str(j, "kind", change_kind_name(c->kind));
		js_set_str(j, "step", c->step);
		js_set_str(j, "path", c->path);
		js_set_str(j, "reason", c->reason);
		js_set_str(j, "diff", c->diff);
		js_set_str(j, "words", c->words);
	}
	return array;
}

int changelog_print(const struct changelog *log, struct buf *out)
{
	int ret = 0;

	VEC_FOR (c, &log->changes) {
		ret |= buf_addf(out, "%s %s: %s\n", change_kind_name(c->kind), c->path, c->reason);
		if (c->words)
			ret |= buf_addf(out, "    %s\n", c->words);
		if (c->diff)
			ret |= buf_adds(out, c->diff);
	}
	return ret;
}
