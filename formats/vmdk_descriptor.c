/* Parser of VMDK descriptors. */
#include "formats/vmdk_descriptor.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/charset.h"

static const struct {
	const char *name;
	enum vmdk_access access;
} accesses[] = {
    {"RW", VMDK_ACCESS_RW},
    {"RDONLY", VMDK_ACCESS_RDONLY},
    {"NOACCESS", VMDK_ACCESS_NOACCESS},
};

static const char *const type_names[] = {
    [VMDK_EXTENT_UNKNOWN] = "unknown", [VMDK_EXTENT_FLAT] = "FLAT",	  [VMDK_EXTENT_SPARSE] = "SPARSE",
    [VMDK_EXTENT_ZERO] = "ZERO",       [VMDK_EXTENT_VMFS] = "VMFS",	  [VMDK_EXTENT_VMFSSPARSE] = "VMFSSPARSE",
    [VMDK_EXTENT_VMFSRDM] = "VMFSRDM", [VMDK_EXTENT_VMFSRAW] = "VMFSRAW", [VMDK_EXTENT_SESPARSE] = "SESPARSE",
};

enum { TYPES = sizeof type_names / sizeof *type_names };

const char *vmdk_extent_type_name(enum vmdk_extent_type type)
{
	return type_names[type];
}

/* Cuts the next word off *p and returns it; "" at the end. */
static char *next_word(char **p)
{
	char *word = *p + strspn(*p, " \t");
	char *end = word + strcspn(word, " \t");

	*p = end;
	if (*end) {
		*end = '\0';
		*p = end + 1;
	}
	return word;
}

static char *trim(char *s)
{
	char *end;

	s += strspn(s, " \t\r");
	end = s + strlen(s);
	while (end > s && strchr(" \t\r", end[-1]))
		end--;
	*end = '\0';
	return s;
}

static bool parse_u64(const char *text, uint64_t *ret)
{
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	*ret = strtoull(text, &end, 10);
	return !errno && !*end;
}

static enum vmdk_access access_of(const char *line)
{
	size_t n = strcspn(line, " \t");

	if (!line[n])
		return VMDK_ACCESS_UNKNOWN;
	for (size_t i = 0; i < sizeof accesses / sizeof *accesses; i++)
		if (strlen(accesses[i].name) == n && !strncasecmp(line, accesses[i].name, n))
			return accesses[i].access;
	return VMDK_ACCESS_UNKNOWN;
}

/* What follows the type: "FILE" [OFFSET] and, for partitioned devices, more that we don't need. */
static int parse_file(struct vmdk_descriptor *d, struct vmdk_extent_line *e, char *rest, struct err *err)
{
	char *quote, *offset;

	rest += strspn(rest, " \t");
	if (!*rest)
		return 0;
	quote = *rest == '"' ? strchr(rest + 1, '"') : NULL;
	if (!quote)
		return err_set(err, ERR_CORRUPT, "line %u: the extent's file name '%s' isn't quoted", e->line, rest);
	e->file = arena_strndup(&d->arena, rest + 1, (size_t)(quote - rest - 1));
	rest = quote + 1;
	offset = next_word(&rest);
	if (*offset && !parse_u64(offset, &e->offset))
		return err_set(err, ERR_CORRUPT, "line %u: the extent's offset '%s' is no number of sectors", e->line,
			       offset);
	return 0;
}

static int parse_extent(struct vmdk_descriptor *d, char *line, unsigned number, struct err *err)
{
	struct vmdk_extent_line *e;
	char *sectors, *type;

	if (d->extents.n == VMDK_EXTENTS_MAX)
		return err_set(err, ERR_CORRUPT, "line %u: more than %d extents", number, VMDK_EXTENTS_MAX);
	e = vec_push(&d->arena, &d->extents);
	e->access = access_of(line);
	e->line = number;
	e->file = "";
	next_word(&line);
	sectors = next_word(&line);
	if (!parse_u64(sectors, &e->sectors) || !e->sectors)
		return err_set(err, ERR_CORRUPT, "line %u: the extent's length '%s' is no number of sectors", number,
			       sectors);
	type = next_word(&line);
	for (int t = VMDK_EXTENT_UNKNOWN + 1; t < TYPES; t++)
		if (!strcasecmp(type, type_names[t]))
			e->type = (enum vmdk_extent_type)t;
	if (e->type == VMDK_EXTENT_UNKNOWN)
		return err_set(err, ERR_UNSUPPORTED, "line %u: extent type '%s'", number, type);
	return parse_file(d, e, line, err);
}

static int parse_cid(const char *key, const char *value, unsigned number, uint32_t *ret, struct err *err)
{
	char *end;
	unsigned long v;

	errno = 0;
	v = strtoul(value, &end, 16);
	if (errno || end == value || *end || *value == '-' || v > UINT32_MAX)
		return err_set(err, ERR_CORRUPT, "line %u: %s = '%s' is no 32-bit hexadecimal number", number, key,
			       value);
	*ret = (uint32_t)v;
	return 0;
}

/* Which keys were seen: those that decide what is read may stand only once. */
struct seen {
	bool cid, parent_cid, create_type, parent_hint, encoding;
};

static int once(bool *seen, const char *key, unsigned number, struct err *err)
{
	if (*seen)
		return err_set(err, ERR_CORRUPT, "line %u: %s is there twice", number, key);
	*seen = true;
	return 0;
}

static int parse_pair(struct vmdk_descriptor *d, struct seen *seen, const char *key, const char *value, unsigned number,
		      struct err *err)
{
	if (!strcasecmp(key, "CID"))
		return once(&seen->cid, key, number, err) < 0 ? -1 : parse_cid(key, value, number, &d->cid, err);
	if (!strcasecmp(key, "parentCID"))
		return once(&seen->parent_cid, key, number, err) < 0
			   ? -1
			   : parse_cid(key, value, number, &d->parent_cid, err);
	if (!strcasecmp(key, "createType")) {
		d->create_type = arena_strdup(&d->arena, value);
		return once(&seen->create_type, key, number, err);
	}
	if (!strcasecmp(key, "parentFileNameHint")) {
		d->parent_hint = arena_strdup(&d->arena, value);
		return once(&seen->parent_hint, key, number, err);
	}
	if (!strcasecmp(key, "ddb.uuid.parent") && value[strspn(value, "0- ")])
		d->parent_uuid = arena_strdup(&d->arena, value);
	if (!strcasecmp(key, "encoding")) {
		d->encoding = arena_strdup(&d->arena, value);
		return once(&seen->encoding, key, number, err);
	}
	if (strcasestr(key, "encryption") || strcasestr(key, "keysafe") ||
	    (!strcasecmp(key, "ddb.iofilters") && strcasestr(value, "vmcrypt")))
		d->encryption = arena_strdup(&d->arena, key);
	return 0;
}

/* The key's length, 0 when the line is no key = value. */
static size_t key_length(const char *line)
{
	size_t n = 0;

	while (isalnum((unsigned char)line[n]) || (line[n] && strchr("._-:", line[n])))
		n++;
	return line[n + strspn(line + n, " \t")] == '=' ? n : 0;
}

static char *unquote(char *value)
{
	size_t n = strlen(value);

	if (n < 2 || value[0] != '"' || value[n - 1] != '"')
		return value;
	value[n - 1] = '\0';
	return value + 1;
}

static int parse_line(struct vmdk_descriptor *d, struct seen *seen, char *line, unsigned number, struct err *err)
{
	size_t key;
	char *value;

	line = trim(line);
	if (!*line || *line == '#')
		return 0;
	if (access_of(line) != VMDK_ACCESS_UNKNOWN)
		return parse_extent(d, line, number, err);
	key = key_length(line);
	if (!key)
		return err_set(err, ERR_CORRUPT, "line %u: '%.80s' is neither a comment, key = value nor an extent",
			       number, line);
	value = strchr(line, '=') + 1;
	line[key] = '\0';
	return parse_pair(d, seen, line, unquote(trim(value)), number, err);
}

static const char *skip_bom(const char *text, size_t *len)
{
	if (*len < 3 || memcmp(text, "\xef\xbb\xbf", 3))
		return text;
	*len -= 3;
	return text + 3;
}

int vmdk_descriptor_parse(const char *text, size_t len, struct vmdk_descriptor *d, struct err *err)
{
	struct seen seen = {0};
	unsigned number = 1;
	char *copy, *next;

	*d = (struct vmdk_descriptor){
	    .create_type = "", .parent_hint = "", .encoding = "", .parent_uuid = "", .parent_cid = VMDK_CID_NONE};
	if (len > VMDK_DESCRIPTOR_MAX)
		return err_set(err, ERR_CORRUPT, "%zu bytes of descriptor, the limit is %d", len, VMDK_DESCRIPTOR_MAX);
	text = skip_bom(text, &len);
	copy = arena_strndup(&d->arena, text, strnlen(text, len));
	for (char *line = copy; line; line = next, number++) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		if (parse_line(d, &seen, line, number, err) < 0)
			return -1;
	}
	return 0;
}

void vmdk_descriptor_done(struct vmdk_descriptor *d)
{
	arena_done(&d->arena);
}

static bool line_has(const char *line, size_t len, const char *word)
{
	size_t n = strlen(word);

	for (size_t i = 0; i + n <= len; i++)
		if (!strncasecmp(line + i, word, n))
			return true;
	return false;
}

/* What is behind "encoding =" on this line, without its quotes. */
static bool encoding_of(const char *line, size_t len, char ret[VMDK_ENCODING_MAX])
{
	char text[80], *value;

	if (len >= sizeof text)
		return false;
	memcpy(text, line, len);
	text[len] = '\0';
	value = trim(text);
	if (strncasecmp(value, "encoding", 8) != 0 || key_length(value) != 8)
		return false;
	value = unquote(trim(strchr(value, '=') + 1));
	if (!*value || strlen(value) >= VMDK_ENCODING_MAX || !strcasecmp(value, "UTF-8"))
		return false;
	snprintf(ret, VMDK_ENCODING_MAX, "%s", value);
	return true;
}

bool vmdk_descriptor_encoding(const char *head, size_t len, char ret[VMDK_ENCODING_MAX])
{
	if (!vmdk_descriptor_likely(head, len) && (len < 4 || memcmp(head, "KDMV", 4) != 0))
		return false;
	while (len) {
		const char *newline = memchr(head, '\n', len);
		size_t n = newline ? (size_t)(newline - head) : len;

		if (encoding_of(head, n, ret))
			return true;
		head += newline ? n + 1 : n;
		len -= newline ? n + 1 : n;
	}
	return false;
}

static bool is_ascii(const char *text)
{
	while (*text && !(*text & 0x80))
		text++;
	return !*text;
}

static void translate(struct arena *a, const struct charset *charset, const char **text, const char **ret_bytes)
{
	AUTO_FREE char *utf8 = is_ascii(*text) ? NULL : charset_to_utf8(charset, *text);

	if (!utf8)
		return;
	*ret_bytes = *text;
	*text = arena_strdup(a, utf8);
}

void vmdk_descriptor_translate(struct vmdk_descriptor *d, const struct charset *charset)
{
	if (!charset_is(charset, d->encoding))
		return;
	translate(&d->arena, charset, &d->parent_hint, &d->parent_bytes);
	VEC_FOR (e, &d->extents)
		translate(&d->arena, charset, &e->file, &e->file_bytes);
}

/* The usual first comment, after other comments perhaps; or a version line where there is none. */
bool vmdk_descriptor_likely(const char *text, size_t len)
{
	text = skip_bom(text, &len);
	while (len) {
		const char *newline = memchr(text, '\n', len);
		size_t n = newline ? (size_t)(newline - text) : len;
		size_t blank = 0;

		while (blank < n && strchr(" \t\r", text[blank]) && text[blank])
			blank++;
		if (blank < n && text[blank] != '#')
			return line_has(text + blank, n - blank > 8 ? 8 : n - blank, "version") &&
			       line_has(text, len, "createType");
		if (line_has(text, n, "disk descriptorfile"))
			return true;
		if (!newline)
			return false;
		len -= n + 1;
		text += n + 1;
	}
	return false;
}
