/* Names in the character sets of other systems, as UTF-8. */
#include "core/base/charset.h"

#include <iconv.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Where systems write a set by several names, their Windows variant is meant: it holds the others' characters. */
static const struct charset_name {
	const char *name, *iconv;
} names[] = {
    {"windows-1250", "CP1250"},	  {"windows-1251", "CP1251"},
    {"windows-1252", "CP1252"},	  {"windows-1253", "CP1253"},
    {"windows-1254", "CP1254"},	  {"windows-1255", "CP1255"},
    {"windows-1256", "CP1256"},	  {"windows-1257", "CP1257"},
    {"windows-1258", "CP1258"},	  {"windows-874", "CP874"},
    {"Shift_JIS", "CP932"},	  {"windows-31j", "CP932"},
    {"windows-932", "CP932"},	  {"GBK", "CP936"},
    {"windows-936", "CP936"},	  {"GB2312", "CP936"},
    {"GB18030", "GB18030"},	  {"Big5", "CP950"},
    {"windows-950", "CP950"},	  {"EUC-KR", "UHC"},
    {"windows-949", "UHC"},	  {"EUC-JP", "EUC-JP"},
    {"ISO-8859-1", "CP1252"},	  {"ISO-8859-2", "ISO-8859-2"},
    {"ISO-8859-5", "ISO-8859-5"}, {"ISO-8859-7", "ISO-8859-7"},
    {"ISO-8859-9", "CP1254"},	  {"ISO-8859-15", "ISO-8859-15"},
};

struct charset {
	const char *iconv;
	iconv_t cd;
};

static const char *find(const char *name)
{
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (!strcasecmp(names[i].name, name))
			return names[i].iconv;
	return NULL;
}

struct charset *charset_open(const char *name)
{
	struct charset *c;
	const char *found = find(name);
	iconv_t cd = found ? iconv_open("UTF-8", found) : (iconv_t)-1;

	if (cd == (iconv_t)-1)
		return NULL;
	c = malloc(sizeof *c);
	if (!c) {
		iconv_close(cd);
		return NULL;
	}
	*c = (struct charset){found, cd};
	return c;
}

void charset_close(struct charset *c)
{
	if (c)
		iconv_close(c->cd);
	free(c);
}

bool charset_is(const struct charset *c, const char *name)
{
	const char *found = find(name);

	return c && found && !strcmp(found, c->iconv);
}

char *charset_to_utf8(const struct charset *c, const char *text)
{
	enum { MOST = 4 /* bytes of UTF-8 for one of any set here */ };
	size_t left = strlen(text), room = MOST * left;
	char *ret = malloc(room + 1), *from = (char *)(uintptr_t)text, *to = ret;

	if (!ret)
		return NULL;
	iconv(c->cd, NULL, NULL, NULL, NULL);
	if (iconv(c->cd, &from, &left, &to, &room) == (size_t)-1 ||
	    iconv(c->cd, NULL, NULL, &to, &room) == (size_t)-1) {
		free(ret);
		return NULL;
	}
	*to = '\0';
	return ret;
}
