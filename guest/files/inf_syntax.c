/* The grammar of .inf files: characters, lines, sections, fields and strings. */
#include "guest/files/inf_syntax.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/bytes.h"
#include "core/base/utf8.h"

/* Longer names of sections and strings are none that Windows accepts (MAX_SECT_NAME_LEN). */
enum { NAME_MAX_LEN = 255 };

/* ----------------------------------------------------------------------------------------------------- characters */

/* Code page 1252 from 0x80 on; 0: not used there, kept as it is. */
static const uint16_t cp1252[32] = {0x20ac, 0,	    0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021,
				    0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0,	    0x017d, 0,
				    0,	    0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014,
				    0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0,	    0x017e, 0x0178};

/* NUL and other control characters but tabs and line ends become blanks. */
static int add_char(struct buf *b, uint32_t c)
{
	char out[4];
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};

	if (c < ' ' && c != '\n' && c != '\r' && c != '\t')
		c = ' ';
	for (size_t i = n; i-- > 1; c >>= 6)
		out[i] = (char)(0x80 | (c & 0x3f));
	out[0] = (char)(lead[n] | c);
	return buf_add(b, out, n);
}

static int from_utf16(struct buf *b, const uint8_t *p, size_t len, bool big_endian)
{
	for (size_t i = 0; i + 2 <= len; i += 2) {
		uint32_t c = big_endian ? get_be16(p + i) : get_le16(p + i), low = 0;

		if (c >= 0xd800 && c < 0xdc00 && i + 4 <= len)
			low = big_endian ? get_be16(p + i + 2) : get_le16(p + i + 2);
		if (low >= 0xdc00 && low < 0xe000) {
			c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
			i += 2;
		} else if (c >= 0xd800 && c < 0xe000) {
			c = 0xfffd;
		}
		if (add_char(b, c) < 0)
			return -1;
	}
	return 0;
}

static int from_bytes(struct buf *b, const uint8_t *p, size_t len)
{
	bool utf8 = utf8_valid((const char *)p, len);

	for (size_t i = 0; i < len; i++) {
		int failed;

		if (utf8 && p[i] >= 0x80)
			failed = buf_add(b, p + i, 1);
		else
			failed = add_char(b, p[i] >= 0x80 && p[i] < 0xa0 && cp1252[p[i] - 0x80] ? cp1252[p[i] - 0x80]
												: p[i]);
		if (failed < 0)
			return -1;
	}
	return 0;
}

/* Without a mark, text that begins with an ASCII character and a zero byte is UTF-16, too. */
static int decode(struct buf *b, const uint8_t *p, size_t len)
{
	if (len >= 2 && p[0] == 0xff && p[1] == 0xfe)
		return from_utf16(b, p + 2, len - 2, false);
	if (len >= 2 && p[0] == 0xfe && p[1] == 0xff)
		return from_utf16(b, p + 2, len - 2, true);
	if (len >= 2 && p[0] && !p[1])
		return from_utf16(b, p, len, false);
	if (len >= 2 && !p[0] && p[1])
		return from_utf16(b, p, len, true);
	if (len >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0)
		return from_bytes(b, p + 3, len - 3);
	return from_bytes(b, p, len);
}

/* ---------------------------------------------------------------------------------------------- lines and sections */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool ends_line(char c)
{
	return c == '\n' || c == '\r' || !c;
}

/* Copies one line of the file from *r to *w without its comment and the blanks at its end, and tells whether it goes
 * on in the next: then its backslash is gone, too. (No header of a section is meant to be that.) *r is behind the
 * line's end. */
static bool take_line(const char **r, char **w)
{
	bool quoted = false, comment = false;
	const char *p = *r, *begin = *w;

	for (; !ends_line(*p); p++) {
		quoted ^= *p == '"' && !comment;
		comment |= *p == ';' && !quoted;
		if (!comment)
			*(*w)++ = *p;
	}
	*r = p + (*p == '\r' && p[1] == '\n') + (*p != '\0');
	while (*w > begin && is_blank((*w)[-1]))
		--*w;
	if (*w == begin || (*w)[-1] != '\\' || !*p)
		return false;
	--*w;
	return **r != '[';
}

static void open_section(struct inf *f, char *line, size_t len)
{
	char *end = memchr(line, ']', len);
	struct inf_section *s = vec_push(&f->arena, &f->sections);

	if (!end)
		end = line + len;
	for (line++; line < end && is_blank(*line); line++)
		;
	while (end > line && is_blank(end[-1]))
		end--;
	*end = '\0';
	s->name = (size_t)(end - line) <= NAME_MAX_LEN ? line : "";
	s->first = f->lines.n;
	s->order = f->sections.n;
}

static void take_logical(struct inf *f, char *line, size_t len)
{
	for (; len && is_blank(*line); line++)
		len--;
	if (!len)
		return;
	if (*line == '[') {
		open_section(f, line, len);
	} else if (f->sections.n) {
		*vec_push(&f->arena, &f->lines) = (struct inf_line){line, len};
		f->sections.v[f->sections.n - 1].n++;
	}
}

/* Lines are made shorter in their own place. */
static int split_lines(struct inf *f, struct err *err)
{
	const char *r = f->text.data;
	char *w = f->text.data;

	while (r && *r) {
		char *begin = w;

		while (take_line(&r, &w))
			;
		*w = '\0'; /* at or before the line's end, which was read */
		take_logical(f, begin, (size_t)(w - begin));
		w += w < r;
		if (f->lines.n + f->sections.n > INF_LINES_MAX)
			return err_set(err, ERR_CORRUPT, "more than %d lines", INF_LINES_MAX);
	}
	return 0;
}

static int compare_sections(const void *a, const void *b)
{
	const struct inf_section *x = a, *y = b;
	int ret = strcasecmp(x->name, y->name);

	return ret ? ret : (x->order > y->order) - (x->order < y->order);
}

/* The first of that name, NULL; *ret_end is behind the last. */
static const struct inf_section *find_section(const struct inf *f, const char *name, const struct inf_section **ret_end)
{
	size_t low = 0, high = f->sections.n;

	*ret_end = NULL;
	if (!f->sections.n)
		return NULL;
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strcasecmp(f->sections.v[mid].name, name) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	for (high = low; high < f->sections.n && strcasecmp(f->sections.v[high].name, name) == 0; high++)
		;
	*ret_end = f->sections.v + high;
	return low < high ? f->sections.v + low : NULL;
}

bool inf_has(const struct inf *f, const char *section)
{
	const struct inf_section *end;

	return *section && find_section(f, section, &end);
}

/* ---------------------------------------------------------------------------------------------------------- fields */

static struct span_of trimmed(const char *from, const char *to)
{
	while (from < to && is_blank(*from))
		from++;
	while (to > from && is_blank(to[-1]))
		to--;
	return (struct span_of){from, (size_t)(to - from)};
}

static void split_fields(const struct inf_line *line, struct inf_fields *ret)
{
	const char *begin = line->text, *p = begin, *end = begin + line->len;
	bool quoted = false;

	ret->n = 0;
	ret->key = (struct span_of){NULL, 0};
	for (; p <= end && ret->n < INF_FIELDS_MAX; p++) {
		quoted ^= p < end && *p == '"';
		if (p < end && !quoted && *p == '=' && !ret->key.at && !ret->n) {
			ret->key = trimmed(begin, p);
			begin = p + 1;
		} else if (p == end || (!quoted && *p == ',')) {
			ret->v[ret->n++] = trimmed(begin, p);
			begin = p + 1;
		}
	}
}

struct inf_walk inf_walk(const struct inf_question *q, const char *section)
{
	struct inf_walk w = {0};

	w.at = *section ? find_section(q->f, section, &w.end) : NULL;
	return w;
}

static int too_much(struct inf_question *q)
{
	return err_set(q->err, ERR_CORRUPT, "its sections refer to each other too often: more than %d bytes to look at",
		       INF_WALK_MAX);
}

static int pay(struct inf_question *q, size_t n)
{
	if (n > q->left)
		return too_much(q);
	q->left -= n;
	return 0;
}

int inf_next(struct inf_question *q, struct inf_walk *w, struct inf_fields *ret)
{
	const struct inf_line *line;

	for (; w->at && w->at < w->end && w->line == w->at->n; w->at++)
		w->line = 0;
	if (!w->at || w->at == w->end)
		return 0;
	line = &q->f->lines.v[w->at->first + w->line++];
	if (pay(q, line->len + 1) < 0)
		return -1;
	split_fields(line, ret);
	return 1;
}

bool inf_is(const struct inf_fields *f, const char *key)
{
	struct span_of k = f->key;

	if (k.at && k.len >= 2 && k.at[0] == '"' && k.at[k.len - 1] == '"')
		k = (struct span_of){k.at + 1, k.len - 2};
	return k.at && k.len == strlen(key) && strncasecmp(k.at, key, k.len) == 0;
}

/* --------------------------------------------------------------------------------------------------------- strings */

static int compare_strings(const void *a, const void *b)
{
	const struct inf_string *x = a, *y = b;
	int ret = strcasecmp(x->key, y->key);

	return ret ? ret : (x->rank > y->rank) - (x->rank < y->rank);
}

static const char *find_string(const struct inf *f, const char *key, size_t len)
{
	size_t low = 0, high = f->strings.n;
	char name[NAME_MAX_LEN + 1];

	if (!len || len > NAME_MAX_LEN)
		return NULL;
	memcpy(name, key, len);
	name[len] = '\0';
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strcasecmp(f->strings.v[mid].key, name) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low < f->strings.n && strcasecmp(f->strings.v[low].key, name) == 0 ? f->strings.v[low].value : NULL;
}

struct text {
	char v[INF_TEXT_MAX];
	size_t n;
};

static void text_add(struct text *t, const char *s, size_t len)
{
	size_t room = sizeof t->v - 1 - t->n;

	len = len < room ? len : room;
	memcpy(t->v + t->n, s, len);
	t->n += len;
}

/* What stands between two percent signs, from the first of them on; returns the bytes that were used. */
static size_t put_string(const struct inf *f, struct span_of s, struct text *t)
{
	const char *close = s.len > 1 ? memchr(s.at + 1, '%', s.len - 1) : NULL;
	const char *value = close ? find_string(f, s.at + 1, (size_t)(close - s.at) - 1) : NULL;

	if (close == s.at + 1)
		value = "%";
	if (!value) {
		text_add(t, "%", 1);
		return 1;
	}
	text_add(t, value, strlen(value));
	return (size_t)(close - s.at) + 1;
}

/* f NULL: strings aren't put in. */
static void expand(const struct inf *f, struct span_of s, struct text *t)
{
	bool quoted = false;

	for (size_t i = 0; i < s.len && t->n < sizeof t->v - 1;) {
		size_t used = 1;

		if (s.at[i] == '"' && quoted && i + 1 < s.len && s.at[i + 1] == '"') {
			text_add(t, "\"", 1);
			used = 2;
		} else if (s.at[i] == '"') {
			quoted = !quoted;
		} else if (s.at[i] == '%' && f) {
			used = put_string(f, (struct span_of){s.at + i, s.len - i}, t);
		} else {
			text_add(t, s.at + i, 1);
		}
		i += used;
	}
	t->v[t->n] = '\0';
}

char *inf_text(struct inf_question *q, struct span_of s)
{
	struct text t;

	t.n = 0;
	expand(q->f, s, &t);
	return pay(q, t.n + 1) < 0 ? NULL : arena_strndup(q->a, t.v, t.n);
}

char *inf_field(struct inf_question *q, const struct inf_fields *f, size_t i)
{
	return inf_text(q, i < f->n ? f->v[i] : (struct span_of){"", 0});
}

/* American English first, then what holds for all, then any other language. */
static unsigned rank_of(const char *section)
{
	if (strcasecmp(section, "Strings") == 0)
		return 1;
	return strcasecmp(section, "Strings.0409") == 0 ? 0 : 2;
}

/* The value of a string is all that stands behind the equals sign. */
static void add_string(struct inf *f, const struct inf_line *line, unsigned rank)
{
	const char *eq = memchr(line->text, '=', line->len), *end = line->text + line->len;
	struct span_of key;
	struct text t;

	if (!eq)
		return;
	key = trimmed(line->text, eq);
	t.n = 0;
	expand(NULL, trimmed(eq + 1, end), &t);
	if (key.len && key.len <= NAME_MAX_LEN)
		*vec_push(&f->arena, &f->strings) = (struct inf_string){arena_strndup(&f->arena, key.at, key.len),
									arena_strndup(&f->arena, t.v, t.n), rank};
}

static void read_strings(struct inf *f)
{
	VEC_FOR (s, &f->sections) {
		if (strncasecmp(s->name, "Strings", 7) != 0 || (s->name[7] && s->name[7] != '.'))
			continue;
		for (size_t i = 0; i < s->n; i++)
			add_string(f, &f->lines.v[s->first + i], rank_of(s->name));
	}
	if (f->strings.n)
		qsort(f->strings.v, f->strings.n, sizeof *f->strings.v, compare_strings);
}

int inf_read(struct inf *f, const void *data, size_t len, struct err *err)
{
	/* One byte of code page 1252 or UTF-16 is up to three of UTF-8. */
	f->text.max = 3 * (size_t)INF_FILE_MAX + 4;
	if (len > INF_FILE_MAX)
		return err_set(err, ERR_CORRUPT, "is %zu bytes long, at most %d are read", len, INF_FILE_MAX);
	if (decode(&f->text, data, len) < 0)
		return err_nomem(err);
	if (split_lines(f, err) < 0)
		return -1;
	if (f->sections.n)
		qsort(f->sections.v, f->sections.n, sizeof *f->sections.v, compare_sections);
	read_strings(f);
	return 0;
}
