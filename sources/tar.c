/* Index of a tar file: ustar, pax and GNU headers. */
#include "sources/tar.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/checked.h"
#include "core/base/cleanup.h"
#include "core/base/file.h"
#include "sources/text.h"

enum {
	BLOCK = 512,
	MEMBERS_MAX = 4096, /* an OVA has a handful; 4096 names make the search for duplicates 8 million compares */
	NAME_MAX_ = 4096,   /* PATH_MAX of Linux */
	/* Extended headers hold a name and a few numbers; pax allows 8 GiB. */
	EXTENDED_MAX = 64 * 1024,
};

/* Header fields, POSIX.1-1988 section 10.1.1. */
enum {
	AT_NAME = 0,
	LEN_NAME = 100,
	AT_SIZE = 124,
	LEN_SIZE = 12,
	AT_CHECKSUM = 148,
	LEN_CHECKSUM = 8,
	AT_TYPE = 156,
	AT_LINK = 157,
	LEN_LINK = 100,
	AT_MAGIC = 257,
	AT_PREFIX = 345,
	LEN_PREFIX = 155,
};

/* What extended headers say about the next member. */
struct extended {
	char *name, *link; /* NULL not said */
	uint64_t size;
	bool has_size, sparse;
};

struct reader {
	int fd;
	uint64_t file_size, at;
	struct tar_index *index;
	struct extended next;
	struct err *err;
};

/* A number field: octal text, or base-256 when the top bit is set (GNU, star). */
static bool number(const unsigned char *p, size_t len, uint64_t *ret)
{
	uint64_t v = 0;
	size_t i = 0;

	if (*p & 0x80) {
		if (*p != 0x80) /* 0xff begins a negative number, other bits are beyond 2^88 */
			return false;
		for (i = 1; i < len; i++) {
			if (v >> 56)
				return false;
			v = v << 8 | p[i];
		}
		*ret = v;
		return true;
	}
	while (i < len && p[i] == ' ')
		i++;
	for (; i < len && p[i] >= '0' && p[i] <= '7'; i++)
		v = v << 3 | (uint64_t)(p[i] - '0'); /* 12 digits are 36 bits */
	*ret = v;
	return i == len || p[i] == ' ' || p[i] == '\0';
}

static bool checksum_right(const unsigned char *h)
{
	uint64_t stated, sum = 0, signed_sum = 0;

	for (size_t i = 0; i < BLOCK; i++) {
		unsigned char c = i >= AT_CHECKSUM && i < AT_CHECKSUM + LEN_CHECKSUM ? ' ' : h[i];

		sum += c;
		signed_sum += (uint64_t)(int64_t)(signed char)c; /* as some old tars did */
	}
	return number(h + AT_CHECKSUM, LEN_CHECKSUM, &stated) && (stated == sum || stated == signed_sum);
}

bool tar_bid(const void *head, size_t len)
{
	const unsigned char *h = head;

	return len >= BLOCK && h[AT_NAME] && checksum_right(h);
}

static bool all_zero(const unsigned char *h)
{
	for (size_t i = 0; i < BLOCK; i++)
		if (h[i])
			return false;
	return true;
}

static char *field(struct arena *a, const unsigned char *p, size_t len)
{
	return arena_strndup(a, (const char *)p, strnlen((const char *)p, len));
}

static char *header_name(struct arena *a, const unsigned char *h)
{
	char *name = field(a, h + AT_NAME, LEN_NAME);

	/* GNU's magic "ustar  " has other fields where ustar keeps the prefix. */
	if (memcmp(h + AT_MAGIC, "ustar", 6) || !h[AT_PREFIX])
		return name;
	return arena_printf(a, "%s/%s", field(a, h + AT_PREFIX, LEN_PREFIX), name);
}

static const char *type_words(char type)
{
	switch (type) {
	case '1':
		return "a hard link";
	case '2':
		return "a symbolic link";
	case '3':
	case '4':
		return "a device";
	case '6':
		return "a FIFO";
	case 'S':
		return "a sparse file";
	default:
		return NULL;
	}
}

static int check_name(const char *name, struct err *err)
{
	if (!*name)
		return err_set(err, ERR_CORRUPT, "a member has no name");
	if (*name == '/')
		return err_set(err, ERR_POLICY, "member '%s' has an absolute name", name);
	if (text_leads_outside(name))
		return err_set(err, ERR_POLICY, "member '%s' leads outside its folder", name);
	return 0;
}

static const char *without_dots(const char *name)
{
	while (name[0] == '.' && name[1] == '/')
		for (name += 2; *name == '/'; name++)
			continue;
	return name;
}

static bool is_apple_double(const char *name)
{
	const char *slash = strrchr(name, '/');

	return !strncmp(slash ? slash + 1 : name, "._", 2);
}

static int add_member(struct reader *r, const char *name, uint64_t size)
{
	struct tar_member *m;

	name = without_dots(name);
	VEC_FOR (other, &r->index->members)
		if (!strcmp(other->name, name))
			return err_set(r->err, ERR_CORRUPT,
				       "member '%s' is there twice, at 0x%" PRIx64 " and 0x%" PRIx64, name, other->off,
				       r->at);
	if (r->index->members.n == MEMBERS_MAX)
		return err_set(r->err, ERR_CORRUPT, "there are more than %d members", MEMBERS_MAX);
	m = vec_push(&r->index->arena, &r->index->members);
	m->name = arena_strdup(&r->index->arena, name);
	m->off = r->at;
	m->size = size;
	return 0;
}

static int member(struct reader *r, const char *name, const char *link, char type, uint64_t size)
{
	const char *words = r->next.sparse ? type_words('S') : type_words(type);

	if (check_name(name, r->err) < 0)
		return -1;
	if (words && *link)
		return err_set(r->err, ERR_POLICY, "member '%s' is %s to '%s': an OVA holds plain files only", name,
			       words, link);
	if (words)
		return err_set(r->err, ERR_POLICY, "member '%s' is %s: an OVA holds plain files only", name, words);
	if (type == '5' || name[strlen(name) - 1] == '/' || is_apple_double(name))
		return 0;
	if (type && type != '0' && type != '7')
		return err_set(r->err, ERR_CORRUPT, "member '%s' has the unknown type 0x%02x", name,
			       (unsigned char)type);
	return add_member(r, name, size);
}

/* The value of a record that we use, as text in the index's arena. */
static char *pax_text(struct reader *r, const char *value, size_t len)
{
	if (memchr(value, '\0', len))
		return err_null(r->err, ERR_POLICY, "pax header at 0x%" PRIx64 ": a value has a NUL byte", r->at);
	if (len > NAME_MAX_)
		return err_null(r->err, ERR_CORRUPT, "pax header at 0x%" PRIx64 ": a value is %zu bytes, over %d",
				r->at, len, NAME_MAX_);
	return arena_strndup(&r->index->arena, value, len);
}

static bool is_key(const char *key, size_t len, const char *word)
{
	return strlen(word) == len && !memcmp(key, word, len);
}

/* One pax record "LENGTH KEY=VALUE\n" (POSIX.1-2001 pax, "Extended Header"). */
static int pax_record(struct reader *r, const char *key, size_t key_len, const char *value, size_t len)
{
	const char *text;

	if (is_key(key, key_len, "path"))
		return (r->next.name = pax_text(r, value, len)) ? 0 : -1;
	if (is_key(key, key_len, "linkpath"))
		return (r->next.link = pax_text(r, value, len)) ? 0 : -1;
	if (key_len > 11 && !memcmp(key, "GNU.sparse.", 11))
		r->next.sparse = true;
	if (!is_key(key, key_len, "size"))
		return 0;
	text = pax_text(r, value, len);
	if (!text)
		return -1;
	r->next.has_size = true;
	if (!text_u64(text, &r->next.size))
		return err_set(r->err, ERR_CORRUPT, "pax header at 0x%" PRIx64 ": size '%s' is not a number", r->at,
			       text);
	return 0;
}

static int pax_header(struct reader *r, const char *text, size_t len)
{
	for (size_t at = 0; at < len;) {
		char *end;
		unsigned long n = strtoul(text + at, &end, 10);
		const char *key = end + 1, *equals;

		if (end == text + at || *end != ' ' || n > len - at || text + at + n <= key || text[at + n - 1] != '\n')
			return err_set(r->err, ERR_CORRUPT,
				       "pax header at 0x%" PRIx64 ": record at byte %zu is damaged", r->at, at);
		equals = memchr(key, '=', (size_t)(text + at + n - key));
		if (!equals)
			return err_set(r->err, ERR_CORRUPT,
				       "pax header at 0x%" PRIx64 ": record at byte %zu has no '='", r->at, at);
		if (pax_record(r, key, (size_t)(equals - key), equals + 1, (size_t)(text + at + n - 1 - (equals + 1))) <
		    0)
			return -1;
		at += n;
	}
	return 0;
}

/* x: pax for the next member; g: pax for all (only name and size matter here, and they make no sense there); L, K:
 * GNU's long name and link. */
static int extended(struct reader *r, char type, uint64_t size)
{
	AUTO_FREE char *text = size <= EXTENDED_MAX ? calloc(1, size + 1) : NULL;
	struct extended before = r->next;

	if (size > EXTENDED_MAX)
		return err_set(r->err, ERR_CORRUPT,
			       "extended header at 0x%" PRIx64 " is %" PRIu64 " bytes, over %d KiB", r->at, size,
			       EXTENDED_MAX / 1024);
	if (!text)
		return err_nomem(r->err);
	if (file_pread(r->fd, text, size, r->at, r->err) < 0)
		return -1;
	if (type == 'L')
		r->next.name = arena_strndup(&r->index->arena, text, strnlen(text, size));
	else if (type == 'K')
		r->next.link = arena_strndup(&r->index->arena, text, strnlen(text, size));
	else if (pax_header(r, text, size) < 0)
		return -1;
	if (type != 'g')
		return 0;
	if (r->next.name != before.name || r->next.has_size != before.has_size)
		return err_set(r->err, ERR_POLICY, "global pax header at 0x%" PRIx64 " renames or resizes all members",
			       r->at);
	r->next = before;
	return 0;
}

static int content(struct reader *r, const unsigned char *h, uint64_t size)
{
	char type = (char)h[AT_TYPE];
	struct arena *a = &r->index->arena;
	const char *name, *link;
	int ret;

	if (strchr("xgLK", type) && type)
		return extended(r, type, size);
	name = r->next.name ? r->next.name : header_name(a, h);
	link = r->next.link ? r->next.link : field(a, h + AT_LINK, LEN_LINK);
	if (strlen(name) > NAME_MAX_)
		return err_set(r->err, ERR_CORRUPT, "a member's name is %zu bytes, over %d", strlen(name), NAME_MAX_);
	ret = member(r, name, link, type, size);
	r->next = (struct extended){0};
	return ret;
}

/* One header and what follows it; 1 at the end of the archive. */
static int step(struct reader *r)
{
	unsigned char h[BLOCK];
	bool is_extended;
	uint64_t size;

	if (r->at == r->file_size)
		return r->index->members.n ? 1 : err_set(r->err, ERR_CORRUPT, "the file is empty");
	if (r->file_size - r->at < BLOCK)
		return err_set(r->err, ERR_CORRUPT, "the file ends inside the header at 0x%" PRIx64 ": truncated",
			       r->at);
	if (file_pread(r->fd, h, sizeof h, r->at, r->err) < 0)
		return -1;
	if (all_zero(h))
		return 1;
	if (!checksum_right(h))
		return err_set(r->err, ERR_CORRUPT, "the header at 0x%" PRIx64 " is damaged: wrong checksum", r->at);
	if (!number(h + AT_SIZE, LEN_SIZE, &size))
		return err_set(r->err, ERR_CORRUPT, "the header at 0x%" PRIx64 " is damaged: size is not a number",
			       r->at);
	is_extended = h[AT_TYPE] && strchr("xgLK", h[AT_TYPE]);
	if (r->next.has_size && !is_extended)
		size = r->next.size;
	if (h[AT_TYPE] >= '1' && h[AT_TYPE] <= '6') /* only headers: links, devices, folders */
		size = 0;
	r->at += BLOCK;
	if (!range_inside(r->at, size, r->file_size))
		return err_set(r->err, ERR_CORRUPT,
			       "member at 0x%" PRIx64 " is %" PRIu64 " bytes, the file ends at 0x%" PRIx64
			       ": truncated",
			       r->at, size, r->file_size);
	if (content(r, h, size) < 0)
		return -1;
	/* The padding of the last member may be missing. */
	r->at = min_u64(align_up(r->at + size, BLOCK), r->file_size);
	return 0;
}

int tar_read(int fd, uint64_t file_size, struct tar_index *ret, struct err *err)
{
	struct reader r = {.fd = fd, .file_size = file_size, .index = ret, .err = err};
	unsigned headers = 0;
	int more;

	if (file_size > INT64_MAX - BLOCK)
		return err_set(err, ERR_CORRUPT, "the file is too long");
	while (!(more = step(&r)))
		/* Every member may have a few extended headers; more is a file made to keep us busy. */
		if (++headers > 4 * MEMBERS_MAX)
			return err_set(err, ERR_CORRUPT, "there are more than %d headers", 4 * MEMBERS_MAX);
	return more < 0 ? -1 : 0;
}

void tar_done(struct tar_index *t)
{
	arena_done(&t->arena);
	*t = (struct tar_index){0};
}
