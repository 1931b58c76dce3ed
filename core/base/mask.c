/* Secrets in text, found by how they are written. */
#include "core/base/mask.h"

#include <regex.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/checked.h"
#include "core/base/utf8.h"

enum {
	LINE_MAX_BYTES = 16 * 1024, /* the log's lines have 4 KiB; regexec() takes too long for hostile ones */
	GROUPS = 2,
};

/* Words that name a secret. */
#define MOST_NAMES                                                                                                     \
	"password([-_]raw)?|passwd|passphrase|secret|psk|credential|authorization|cookie|private[-_ ]?key|"            \
	"api[-_ ]?key|recovery[-_ ]?key|pre-?shared[-_ ]?key|(wep|wireless)[-_]?key[-_]?[0-9]?"
#define NAMES "(" MOST_NAMES "|token)s?"
/* In front of '=': "tokens=2" is cmd's, and in the scripts of a first boot. */
#define VARIABLES "((" MOST_NAMES ")s?|token)"
/* A word of rehost serve's tokens and what stands between two. */
#define TOKEN_WORD "[bdfghjklmnprstvz][aiou][bdfghjklmnprstvz][aiou][bdfghjklmnprstvz]"

/* What is found is replaced; the first group, what tells that a secret follows, stays. */
static const char *const patterns[] = {
    "(:key:).+",							/* --key NAME:key:PASSPHRASE */
    "(-----BEGIN [A-Z ]*PRIVATE KEY).*",				/* PEM; the lines that follow, too */
    "(" NAMES "[\"']?[ \t]*:[ \t]*[\"']?)[^\"' \t].*",			/* password: … */
    "^([-+ \t]*[a-z0-9_.-]*" VARIABLES "[ \t]*=[ \t]*).+",		/* psk=…, a line of a configuration file */
    "(" VARIABLES "[ \t]*=[ \t]*)(\"[^\"]*\"|'[^']*'|[^ \t]+)",		/* rehost.token=… */
    "(--?" NAMES "[ \t]+)(\"[^\"]*\"|'[^']*'|[^ \t]+)",			/* --token … */
    "((^|[^a-z0-9])pass[ \t]*=[ \t]*)(\"[^\"]*\"|'[^']*'|[^ \t]+)",	/* pass=…, mount.cifs's */
    "^([-+ \t]*(menu (master )?)?passw(or)?d[a-z0-9_]*[ \t]+)[^ \t].*", /* password --md5 …, a boot loader's */
    "^([-+ \t]*(wpa|wireless)-[a-z0-9-]*(psk|passwd|password|passphrase|key[0-9]?)[ \t]+)[^ \t].*", /* wpa-psk … */
    "(://)[^/@ \t\"']*:[^/ \t\"']*@",		   /* user:password@host; a password may have an @ */
    "()(" TOKEN_WORD "[- ]){2,}" TOKEN_WORD,	   /* a token, or most of one */
    "()\\$[a-z0-9]{1,3}\\$[./A-Za-z0-9$=,+-]{8,}", /* a password's hash, as in shadow */
    "()[0-9]{6}(-[0-9]{6}){5,}",		   /* BitLocker's recovery key */
};
enum { PATTERNS = sizeof patterns / sizeof *patterns };

struct mask {
	regex_t name; /* a JSON key that is one of NAMES */
	regex_t find[PATTERNS];
};

struct mask *mask_new(struct err *err)
{
	struct mask *m = calloc(1, sizeof *m);

	if (!m)
		return err_null(err, ERR_INTERNAL, "out of memory");
	/* The patterns are ours: only memory can be missing. */
	if (regcomp(&m->name, NAMES "$", REG_EXTENDED | REG_ICASE | REG_NOSUB) != 0)
		abort();
	for (size_t i = 0; i < PATTERNS; i++)
		if (regcomp(&m->find[i], patterns[i], REG_EXTENDED | REG_ICASE) != 0)
			abort();
	return m;
}

void mask_free(struct mask *m)
{
	if (!m)
		return;
	regfree(&m->name);
	for (size_t i = 0; i < PATTERNS; i++)
		regfree(&m->find[i]);
	free(m);
}

/* The line with every place that the pattern finds replaced; true when there was one. */
static bool replace(const regex_t *find, const char *line, struct buf *out, unsigned *hidden)
{
	static const char stars[] = "***";
	regmatch_t at[GROUPS];
	bool any = false;

	while (*line && regexec(find, line, GROUPS, at, any ? REG_NOTBOL : 0) == 0) {
		buf_add(out, line, (size_t)at[1].rm_eo);
		/* What is masked already isn't a place of its own. */
		*hidden += (size_t)(at[0].rm_eo - at[1].rm_eo) != sizeof stars - 1 ||
			   strncmp(line + at[1].rm_eo, stars, sizeof stars - 1) != 0;
		buf_adds(out, stars);
		line += at[0].rm_eo;
		any = true;
	}
	buf_adds(out, line);
	return any;
}

static void mask_line(const struct mask *m, const char *line, struct buf *out, unsigned *hidden)
{
	AUTO(buf_done) struct buf a = BUF_INIT(2 * LINE_MAX_BYTES);
	AUTO(buf_done) struct buf b = BUF_INIT(2 * LINE_MAX_BYTES);
	struct buf *from = &a, *to = &b;

	buf_adds(from, line);
	for (size_t i = 0; i < PATTERNS; i++) {
		buf_clear(to);
		if (replace(&m->find[i], buf_str(from), to, hidden)) {
			struct buf *swap = from;

			from = to;
			to = swap;
		}
	}
	/* A line that grew past its limit while it was masked isn't shown. */
	buf_adds(out, a.failed || b.failed ? "***" : buf_str(from));
}

/* A line's text may hold NULs, which end it for regexec(): then nothing of it is shown. Bytes that aren't UTF-8, at
 * which a pattern would end, become '?'. */
static void add_line(const struct mask *m, const char *line, size_t len, struct buf *out, unsigned *hidden)
{
	char text[LINE_MAX_BYTES + 1];

	if (len > LINE_MAX_BYTES || memchr(line, '\0', len)) {
		buf_addf(out, "*** (a line of %zu bytes)", len);
		++*hidden;
		return;
	}
	for (size_t i = 0, n; i < len; i += n) {
		n = utf8_char(line + i, len - i);
		memcpy(text + i, n ? line + i : "?", n ? n : 1);
		n = n ? n : 1;
	}
	text[len] = '\0';
	mask_line(m, text, out, hidden);
}

int mask_text(const struct mask *m, const char *text, size_t len, struct buf *out, unsigned *hidden)
{
	const char *end = text + len;
	bool pem = false; /* between BEGIN and END of a private key */

	while (text < end) {
		const char *nl = memchr(text, '\n', (size_t)(end - text));
		size_t line = (size_t)((nl ? nl : end) - text);

		if (pem && memmem(text, line, "-----END", 8))
			pem = false;
		else if (!pem)
			add_line(m, text, line, out, hidden);
		if (!pem && memmem(text, line, "PRIVATE KEY", 11) && memmem(text, line, "-----BEGIN", 10))
			pem = true;
		if (nl && !pem)
			buf_adds(out, "\n");
		text += line + (nl != NULL);
	}
	return out->failed ? -1 : 0;
}

struct walk {
	const struct mask *mask;
	unsigned *hidden;
};

static char *mask_string(const char *key, const char *value, void *opaque)
{
	const struct walk *w = opaque;
	/* Each byte may become a line of its own that says "***". */
	AUTO(buf_done) struct buf out = BUF_INIT(4 * strlen(value) + 2 * LINE_MAX_BYTES);

	if (key && *value && regexec(&w->mask->name, key, 0, NULL, 0) == 0) {
		++*w->hidden;
		buf_adds(&out, "***");
	} else if (mask_text(w->mask, value, strlen(value), &out, w->hidden) < 0) {
		buf_clear(&out);
		buf_adds(&out, "***");
	}
	return buf_take(&out);
}

void mask_json(const struct mask *m, struct json *j, unsigned *hidden)
{
	struct walk w = {.mask = m, .hidden = hidden};

	js_edit_strings(j, mask_string, &w);
}
