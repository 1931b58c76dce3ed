/* Templates of HTML without logic: one pass over the text that knows where in the page it is. */
#include "run/report/template.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/base/units.h"
#include "core/base/utf8.h"
#include "run/report/files.h"

/* Sections and files inside each other: the pages need 6. */
enum { DEPTH_MAX = 16 };

enum place {
	PLACE_TEXT = 0,
	PLACE_TAG,   /* between < and >, outside values */
	PLACE_VALUE, /* of an attribute */
	PLACE_LINK,  /* the same of href and src */
	PLACE_CODE,  /* a style or a script, as element or as attribute's value */
};

struct render {
	const struct template *t;
	const char *at, *end;
	enum place place;
	const char *tag; /* the < of PLACE_TAG and of values */
	bool element;	 /* PLACE_CODE is an element's text */
	bool begun;	 /* the PLACE_LINK has words of the template's own */
	struct buf *out; /* NULL: this part of the template is left out */
	unsigned depth;
};

struct word {
	const char *s;
	size_t len;
};

static int bad(const struct render *r, const char *what, struct word w, struct err *err)
{
	unsigned line = 1;

	for (const char *s = r->t->text; s < r->at; s++)
		line += *s == '\n';
	return err_set(err, ERR_INTERNAL, "template %s, line %u: '%.*s': %s", r->t->name, line, (int)w.len, w.s, what);
}

/* ---- where we are ---- */

static bool begins(const struct render *r, const char *s, const char *with)
{
	return (size_t)(r->end - s) >= strlen(with) && !strncmp(s, with, strlen(with));
}

/* The place behind the quote that r->at is at, by the attribute's name before it. */
static enum place place_of_value(const struct render *r)
{
	const char *end = r->at - 1, *name = end;
	size_t n;

	while (name > r->tag + 1 && (isalnum((unsigned char)name[-1]) || name[-1] == '-'))
		name--;
	n = (size_t)(end - name);
	if (*end != '=' || !n)
		return PLACE_CODE;
	if ((n == 4 && !strncmp(name, "href", 4)) || (n == 3 && !strncmp(name, "src", 3)))
		return PLACE_LINK;
	if (!strncmp(name, "on", 2) || (n == 5 && !strncmp(name, "style", 5)) ||
	    (n == 6 && !strncmp(name, "srcdoc", 6)))
		return PLACE_CODE;
	return PLACE_VALUE;
}

static void leave_tag(struct render *r)
{
	r->element = begins(r, r->tag, "<style") || begins(r, r->tag, "<script");
	r->place = r->element ? PLACE_CODE : PLACE_TEXT;
}

/* Takes one character of the template's own. */
static void step(struct render *r)
{
	char c = *r->at;
	bool opens = c == '<' && (r->place == PLACE_TEXT || (r->element && begins(r, r->at, "</")));

	if (opens) {
		r->place = PLACE_TAG;
		r->tag = r->at;
		r->element = false;
	} else if (r->place == PLACE_TAG && c == '"') {
		r->place = place_of_value(r);
		r->begun = false;
	} else if (r->place == PLACE_TAG && c == '>') {
		leave_tag(r);
	} else if (c == '"' && r->place != PLACE_TEXT && !r->element) {
		r->place = PLACE_TAG;
	} else {
		r->begun = true;
	}
	r->at++;
}

/* ---- values ---- */

static uint32_t code_point(const char *s, size_t n)
{
	const unsigned char *c = (const unsigned char *)s;
	uint32_t ret = n == 1 ? c[0] : c[0] & (0xff >> (n + 1));

	for (size_t i = 1; i < n; i++)
		ret = ret << 6 | (c[i] & 0x3f);
	return ret;
}

/* Characters that show nothing, or make others show elsewhere than they are. */
static bool deceives(uint32_t c)
{
	return (c < 0x20 && c != '\n' && c != '\t') || (c >= 0x7f && c < 0xa0) || c == 0xad || c == 0x61c ||
	       (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) ||
	       c == 0xfeff || (c >= 0xe0000 && c <= 0xe007f);
}

static void put_char(struct buf *out, const char *s, size_t n)
{
	static const char special[] = "<>&\"'";
	uint32_t c = n ? code_point(s, n) : 0xfffd;

	if (deceives(c))
		buf_addf(out, "[U+%04" PRIX32 "]", c);
	else if (n == 1 && strchr(special, (int)c))
		buf_addf(out, "&#%" PRIu32 ";", c);
	else if (n)
		buf_add(out, s, n);
	else
		buf_adds(out, "\xef\xbf\xbd");
}

static void put_text(struct buf *out, const char *s)
{
	for (size_t left = strlen(s), n; left; s += n ? n : 1, left -= n ? n : 1) {
		n = utf8_char(s, left);
		put_char(out, s, n);
	}
}

/* No ':' and no '?': it stays a part of the path, fragment or data that the template began. */
static void put_link(struct buf *out, const char *s)
{
	for (; *s; s++)
		if (isalnum((unsigned char)*s) || strchr("-._~/+=", *s))
			buf_add(out, s, 1);
		else
			buf_addf(out, "%%%02X", (unsigned char)*s);
}

/* ---- formats ---- */

static void as_size(const struct json *v, struct buf *text)
{
	char words[SIZE_WORDS_MAX];

	buf_adds(text, size_in_words(js_u64(v, 0), words));
}

static void as_seconds(const struct json *v, struct buf *text)
{
	char words[SECONDS_WORDS_MAX];

	buf_adds(text, seconds_in_words(js_real(v, 0), words));
}

static void as_hex(const struct json *v, struct buf *text)
{
	buf_addf(text, "0x%" PRIx64, js_u64(v, 0));
}

static void as_it_is(const struct json *v, struct buf *text)
{
	js_print(v, false, text);
}

static const struct format {
	const char *name;
	void (*put)(const struct json *v, struct buf *text);
} formats[] = {{"", as_it_is}, {"size", as_size}, {"seconds", as_seconds}, {"hex", as_hex}};

static const struct format *format_of(struct word w)
{
	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
		if (strlen(formats[i].name) == w.len && !memcmp(formats[i].name, w.s, w.len))
			return &formats[i];
	return NULL;
}

/* ---- insertions and sections ---- */

static const struct json *look_up(const struct json *scope, struct word w)
{
	char key[64];

	if (w.len == 1 && *w.s == '.')
		return scope;
	snprintf(key, sizeof key, "%.*s", (int)w.len, w.s);
	return js_get(scope, key);
}

static void put_value(const struct render *r, const struct json *v, const struct format *format)
{
	AUTO(buf_done) struct buf number = BUF_INIT(64 /* the longest number has 24 characters */);
	const char *text = js_str(v, NULL);

	if (!text && (js_kind(v) == JS_NUMBER || js_kind(v) == JS_BOOL)) {
		format->put(v, &number);
		text = buf_str(&number);
	}
	if (text && r->place == PLACE_LINK)
		put_link(r->out, text);
	else if (text)
		put_text(r->out, text);
}

static int insert(struct render *r, const struct json *scope, struct word w, struct err *err)
{
	const char *bar = memchr(w.s, '|', w.len);
	struct word key = {w.s, bar ? (size_t)(bar - w.s) : w.len};
	struct word name = {bar ? bar + 1 : w.s, bar ? w.len - key.len - 1 : 0};
	const struct format *format = format_of(name);

	if (!format)
		return bad(r, "no such format", w, err);
	if (r->place == PLACE_TAG || r->place == PLACE_CODE)
		return bad(r, "a value can't stand here", w, err);
	if (r->place == PLACE_LINK && !r->begun)
		return bad(r, "a value can't begin a link", w, err);
	if (r->out)
		put_value(r, look_up(scope, key), format);
	return 0;
}

/* How often a section for v is shown. */
static size_t times(const struct json *v)
{
	switch (js_kind(v)) {
	case JS_ARRAY:
		return js_count(v);
	case JS_OBJECT:
		return 1;
	case JS_TEXT:
		return *js_str(v, "") != '\0';
	case JS_NUMBER:
		return js_real(v, 0) != 0;
	case JS_BOOL:
		return js_bool(v, false);
	case JS_NULL:
	case JS_NONE:
		break;
	}
	return 0;
}

static int block(struct render *r, const struct json *scope, struct word until, struct err *err);

static const struct json *inner_scope(const struct json *scope, const struct json *v, size_t i)
{
	return js_kind(v) == JS_ARRAY ? js_at(v, i) : js_kind(v) == JS_OBJECT ? v : scope;
}

/* How often it is shown; one that is left out is still read once, for its end. */
static size_t repeats(const struct render *r, char kind, const struct json *v)
{
	size_t n = times(v);

	return !r->out ? 0 : kind == '#' ? n : kind == '?' ? n > 0 : n == 0;
}

static int section(struct render *r, const struct json *scope, char kind, struct word key, struct err *err)
{
	const struct json *v = look_up(scope, key);
	size_t n = repeats(r, kind, v);
	struct render begin = *r;

	begin.depth++;
	if (!n)
		begin.out = NULL;
	for (size_t i = 0; i < (n ? n : 1); i++) {
		struct render one = begin;

		if (block(&one, kind == '#' ? inner_scope(scope, v, i) : scope, key, err) < 0)
			return -1;
		r->at = one.at;
		if (one.place != r->place)
			return bad(r, "the section ends in another place than it began", key, err);
	}
	return 0;
}

static int include(struct render *r, const struct json *scope, struct word name, struct err *err)
{
	struct template t;
	bool html = name.len > 5 && !memcmp(name.s + name.len - 5, ".html", 5);
	struct render inner;

	if (!report_file(name.s, name.len, &t))
		return bad(r, "no such file", name, err);
	if (r->place != (html ? PLACE_TEXT : PLACE_CODE))
		return bad(r, "the file can't stand here", name, err);
	if (!html) {
		if (r->out)
			buf_add(r->out, t.text, t.len);
		return 0;
	}
	inner = (struct render){.t = &t, .at = t.text, .end = t.text + t.len, .out = r->out, .depth = r->depth + 1};
	return block(&inner, scope, (struct word){"", 0}, err);
}

/* What stands between {{ and }}. */
static int act(struct render *r, const struct json *scope, struct word w, struct err *err)
{
	struct word rest = {w.s + 1, w.len - 1};

	switch (*w.s) {
	case '#':
	case '?':
	case '^':
		return section(r, scope, *w.s, rest, err);
	case '>':
		return include(r, scope, rest, err);
	default:
		return insert(r, scope, w, err);
	}
}

static int next_word(struct render *r, struct word *ret, struct err *err)
{
	const char *end = memmem(r->at, (size_t)(r->end - r->at), "}}", 2);

	*ret = (struct word){r->at + 2, end ? (size_t)(end - r->at) - 2 : 0};
	if (!ret->len)
		return bad(r, "no word and }} behind it", (struct word){r->at, 2}, err);
	r->at = end + 2;
	return 0;
}

/* Renders up to {{/until}}, or to the end of the template when until is empty. */
static int block(struct render *r, const struct json *scope, struct word until, struct err *err)
{
	if (r->depth > DEPTH_MAX)
		return bad(r, "sections are too deep", until, err);
	while (r->at < r->end) {
		struct word w;
		const char *literal = r->at;

		while (r->at < r->end && !begins(r, r->at, "{{"))
			step(r);
		if (r->out)
			buf_add(r->out, literal, (size_t)(r->at - literal));
		if (r->at == r->end)
			break;
		if (next_word(r, &w, err) < 0)
			return -1;
		if (*w.s == '/')
			return w.len == until.len + 1 && !memcmp(w.s + 1, until.s, until.len)
				   ? 0
				   : bad(r, "ends another section than was begun", w, err);
		if (act(r, scope, w, err) < 0)
			return -1;
	}
	return until.len ? bad(r, "the section has no end", until, err) : 0;
}

int template_render(const struct template *t, const struct json *view, struct buf *out, struct err *err)
{
	struct render r = {.t = t, .at = t->text, .end = t->text + t->len, .out = out};

	if (block(&r, view, (struct word){"", 0}, err) < 0)
		return -1;
	return out->failed ? err_set(err, ERR_INTERNAL, "the page is over %zu bytes", out->max) : 0;
}
