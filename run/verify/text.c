/* The account of `rehost verify` for people, made of its JSON alone. */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "core/base/arena.h"
#include "core/base/units.h"
#include "core/base/utf8.h"
#include "run/verify/verify.h"

enum { SHOWN_MAX = 20 /* of a list; --json has all */ };

struct page {
	struct buf *out;
	struct arena arena; /* cleaned words */
};

static const char *clean(struct page *p, const struct json *text)
{
	char *ret = arena_strdup(&p->arena, js_str(text, ""));

	utf8_defuse(ret, true);
	return ret;
}

static const char *word(struct page *p, const struct json *j, const char *key)
{
	return clean(p, js_get(j, key));
}

static const char *size(struct page *p, const struct json *j, const char *key)
{
	char words[SIZE_WORDS_MAX];

	return arena_strdup(&p->arena, size_in_words(js_get_u64(j, key, 0), words));
}

static void more(struct page *p, uint64_t n)
{
	if (n)
		buf_addf(p->out, "  … and %" PRIu64 " more\n", n);
}

static void files(struct page *p, const struct json *report)
{
	const struct json *f = js_get(report, "files"), *problems = js_get(f, "problems");
	size_t n = js_count(problems), shown = n < SHOWN_MAX ? n : SHOWN_MAX;

	buf_addf(p->out, "%s: %" PRIu64 " files, %s: %s\n", word(p, report, "name"), js_get_u64(f, "checked", 0),
		 size(p, f, "bytes"), n ? "not as published" : "as published");
	for (size_t i = 0; i < shown; i++)
		buf_addf(p->out, "  %s\n", word(p, js_at(problems, i), "text"));
	more(p, n - shown + js_get_u64(f, "more", 0));
}

static void differences(struct page *p, const struct json *disk)
{
	const struct json *list = js_get(disk, "differences");
	size_t n = js_count(list), shown = n < SHOWN_MAX ? n : SHOWN_MAX;

	for (size_t i = 0; i < shown; i++) {
		const struct json *d = js_at(list, i);
		uint64_t off = js_get_u64(d, "offset", 0);

		buf_addf(p->out, "  0x%" PRIx64 " to 0x%" PRIx64 " differ, changed: %s\n", off,
			 off + js_get_u64(d, "length", 0), word(p, d, "changed"));
	}
	more(p, n - shown + js_get_u64(disk, "more", 0));
}

static void source_disk(struct page *p, const struct json *d)
{
	bool same = !js_count(js_get(d, "differences"));

	buf_addf(p->out, "source: '%s' %s: %s compared, %s written by the conversion, %s discarded\n",
		 word(p, d, "file"), same ? "is equal" : "differs", size(p, d, "compared"), size(p, d, "written"),
		 size(p, d, "discarded"));
	if (js_get_u64(d, "unread", 0))
		buf_addf(p->out, "  %s could not be read when it was converted\n", size(p, d, "unread"));
	if (js_get_u64(d, "unknown", 0))
		buf_addf(p->out, "  %s were not compared: the seal doesn't say who wrote them\n",
			 size(p, d, "unknown"));
	differences(p, d);
}

static void source(struct page *p, const struct json *report)
{
	const struct json *s = js_get(report, "source"), *disks = js_get(s, "disks");

	if (js_get(s, "error"))
		buf_addf(p->out, "source: %s\n", word(p, s, "error"));
	for (size_t i = 0; i < js_count(disks); i++)
		source_disk(p, js_at(disks, i));
}

static void evidence(struct page *p, const struct json *report)
{
	const struct json *list = js_get(report, "evidence");

	for (size_t i = 0; i < js_count(list); i++)
		buf_addf(p->out, "SHA256 (%s) = %s\n", word(p, js_at(list, i), "name"),
			 word(p, js_at(list, i), "sha256"));
}

static void xml(struct page *p, const struct json *report)
{
	static const char *const tiers[] = {"schema", "libvirt", "disks"};
	const struct json *x = js_get(report, "xml");

	for (size_t i = 0; i < sizeof tiers / sizeof *tiers; i++)
		if (js_get(x, tiers[i]))
			buf_addf(p->out, "XML, %s: %s: %s\n", tiers[i], word(p, js_get(x, tiers[i]), "result"),
				 word(p, js_get(x, tiers[i]), "text"));
}

static void boot(struct page *p, const struct json *report)
{
	const struct json *b = js_get(report, "boot"), *shots = js_get(b, "screenshots");

	if (!b)
		return;
	buf_addf(p->out, "boot: %s reached after %.0f s (%s)\n", word(p, b, "level"), js_get_real(b, "seconds", 0),
		 word(p, b, "evidence"));
	if (js_get_str(b, "failure", NULL))
		buf_addf(p->out, "  %s\n", word(p, b, "failure"));
	for (size_t i = 0; i < js_count(shots); i++)
		buf_addf(p->out, "  screenshot: %s\n", clean(p, js_at(shots, i)));
}

int verify_text(const struct json *report, struct buf *out, struct err *err)
{
	struct page p = {.out = out};

	files(&p, report);
	source(&p, report);
	evidence(&p, report);
	xml(&p, report);
	boot(&p, report);
	arena_done(&p.arena);
	return out->failed ? err_set(err, ERR_INTERNAL, "the account is over %zu bytes", out->max) : 0;
}
