/* dpkg's status file: paragraphs of "Field: value". */
#include "guest/files/dpkg.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "core/base/checked.h"

/* A desktop with every language has 6 MiB. */
#define STATUS_MAX (64 * MIB)

struct dpkg {
	struct buf text;
	struct arena arena;
};

int dpkg_open(struct guest *g, struct dpkg **ret, struct err *err)
{
	AUTO(dpkg_closep) struct dpkg *d = calloc(1, sizeof *d);
	struct err local = ERR_INIT;

	if (!d)
		return err_nomem(err);
	d->text.max = STATUS_MAX;
	if (g->ops->read(g, "/var/lib/dpkg/status", &d->text, &local) < 0 && local.sys != ENOENT &&
	    local.sys != ENOTDIR)
		return err_pass(err, &local);
	*ret = take_ptr(&d);
	return 0;
}

int dpkg_parse(const char *status, struct dpkg **ret, struct err *err)
{
	AUTO(dpkg_closep) struct dpkg *d = calloc(1, sizeof *d);

	if (!d)
		return err_nomem(err);
	d->text.max = STATUS_MAX;
	if (buf_adds(&d->text, status) < 0)
		return err_set(err, ERR_CORRUPT, "dpkg's database has more than 64 MiB");
	*ret = take_ptr(&d);
	return 0;
}

void dpkg_close(struct dpkg *d)
{
	if (!d)
		return;
	buf_done(&d->text);
	arena_done(&d->arena);
	free(d);
}

/* The value of a field in the paragraph at p, NULL; *ret_len is its length. */
static const char *field(const char *p, const char *name, size_t *ret_len)
{
	size_t len = strlen(name);

	while (*p && *p != '\n') {
		size_t line = strcspn(p, "\n");

		if (strncmp(p, name, len) == 0 && p[len] == ':' && p[len + 1] == ' ') {
			*ret_len = line - len - 2;
			return p + len + 2;
		}
		p += line + (p[line] == '\n');
	}
	return NULL;
}

/* Paragraphs stand between empty lines. */
static const char *first_paragraph(const struct dpkg *d)
{
	const char *p = buf_str(&d->text);

	return p + strspn(p, "\n");
}

static const char *next_paragraph(const char *p)
{
	const char *end = strstr(p, "\n\n");

	return end ? end + strspn(end, "\n") : p + strlen(p);
}

static bool ends_with(const char *value, size_t len, const char *word)
{
	return len >= strlen(word) && strncmp(value + len - strlen(word), word, strlen(word)) == 0;
}

static bool is_installed(const char *status, size_t len)
{
	return ends_with(status, len, " installed");
}

static bool has_files(const char *status, size_t len)
{
	return !ends_with(status, len, " config-files") && !ends_with(status, len, " not-installed");
}

/* The package's first paragraph whose status is one that fits; NULL none. An architecture has one of its own. */
static const char *find(const struct dpkg *d, const char *package, bool (*fits)(const char *status, size_t len))
{
	size_t wanted = strlen(package), len;

	for (const char *p = first_paragraph(d); *p; p = next_paragraph(p)) {
		const char *name = field(p, "Package", &len), *status;

		if (!name || len != wanted || strncmp(name, package, len) != 0)
			continue;
		status = field(p, "Status", &len);
		if (status && fits(status, len))
			return p;
	}
	return NULL;
}

const char *dpkg_version(const struct dpkg *d, const char *package)
{
	const char *p = find(d, package, is_installed), *value;
	size_t len;

	if (!p)
		return NULL;
	value = field(p, "Version", &len);
	return value ? arena_strndup((struct arena *)&d->arena, value, len) : "unknown";
}

bool dpkg_has_files(const struct dpkg *d, const char *package)
{
	return find(d, package, has_files);
}

/* --- versions --- */

/* '~' before the end, letters before everything else. */
static int order(char c)
{
	if (isdigit((unsigned char)c) || !c)
		return 0;
	if (isalpha((unsigned char)c))
		return c;
	return c == '~' ? -1 : c + 256;
}

static int compare_text(const char **a, const char *end_a, const char **b, const char *end_b)
{
	for (;;) {
		char ca = *a < end_a ? **a : '\0', cb = *b < end_b ? **b : '\0';
		bool more_a = ca && !isdigit((unsigned char)ca), more_b = cb && !isdigit((unsigned char)cb);

		if (!more_a && !more_b)
			return 0;
		if (order(ca) != order(cb))
			return order(ca) - order(cb);
		*a += more_a;
		*b += more_b;
	}
}

static int compare_number(const char **a, const char *end_a, const char **b, const char *end_b)
{
	int first = 0;

	while (*a < end_a && **a == '0')
		++*a;
	while (*b < end_b && **b == '0')
		++*b;
	for (; *a < end_a && *b < end_b && isdigit((unsigned char)**a) && isdigit((unsigned char)**b); ++*a, ++*b)
		if (!first)
			first = **a - **b;
	if (*a < end_a && isdigit((unsigned char)**a))
		return 1;
	if (*b < end_b && isdigit((unsigned char)**b))
		return -1;
	return first;
}

static int compare_part(const char *a, size_t len_a, const char *b, size_t len_b)
{
	const char *end_a = a + len_a, *end_b = b + len_b;

	while (a < end_a || b < end_b) {
		int c = compare_text(&a, end_a, &b, end_b);

		if (!c)
			c = compare_number(&a, end_a, &b, end_b);
		if (c)
			return c;
	}
	return 0;
}

struct version {
	unsigned long epoch;
	const char *upstream, *revision;
	size_t upstream_len, revision_len;
};

static struct version version_of(const char *text)
{
	const char *colon = strchr(text, ':'), *dash;
	struct version v = {.epoch = colon ? strtoul(text, NULL, 10) : 0};

	v.upstream = colon ? colon + 1 : text;
	dash = strrchr(v.upstream, '-');
	v.upstream_len = dash ? (size_t)(dash - v.upstream) : strlen(v.upstream);
	v.revision = dash ? dash + 1 : "";
	v.revision_len = strlen(v.revision);
	return v;
}

int dpkg_compare(const char *a, const char *b)
{
	struct version x = version_of(a), y = version_of(b);
	int c;

	if (x.epoch != y.epoch)
		return x.epoch < y.epoch ? -1 : 1;
	c = compare_part(x.upstream, x.upstream_len, y.upstream, y.upstream_len);
	return c ? c : compare_part(x.revision, x.revision_len, y.revision, y.revision_len);
}

/* --- dependencies --- */

/* "libc6:any (>= 2.34)" */
struct relation {
	char *name, *op, *version; /* op NULL: any version */
};

static struct relation relation_of(struct arena *a, const char *text, size_t len)
{
	char *copy = arena_strndup(a, text, len), *open = strchr(copy, '('), *p;
	struct relation r = {0};

	if (open) {
		p = open + 1 + strspn(open + 1, " \t\n");
		r.op = arena_strndup(a, p, strspn(p, "<>="));
		p += strspn(p, "<>= \t\n");
		r.version = arena_strndup(a, p, strcspn(p, ") \t\n"));
		*open = '\0';
	}
	copy += strspn(copy, " \t\n");
	r.name = arena_strndup(a, copy, strcspn(copy, " \t\n:["));
	return r;
}

static bool version_fits(const struct relation *r, const char *version)
{
	int c;

	if (!r->op || !*r->op)
		return true;
	c = dpkg_compare(version, r->version);
	if (!strcmp(r->op, ">>"))
		return c > 0;
	if (!strcmp(r->op, "<<"))
		return c < 0;
	if (!strcmp(r->op, "="))
		return c == 0;
	return *r->op == '>' ? c >= 0 : c <= 0; /* ">" and "<" are old words for ">=" and "<=" */
}

/* Does an entry of "Provides: a (= 1), b" fit? One without a version fits no relation with one. */
static bool provides_fit(struct arena *a, const char *list, size_t len, const struct relation *r)
{
	for (size_t at = 0; at < len;) {
		size_t n = strcspn(list + at, ",\n");
		struct relation p = relation_of(a, list + at, n < len - at ? n : len - at);

		if (strcmp(p.name, r->name) == 0 && (!r->op || !*r->op || (p.version && version_fits(r, p.version))))
			return true;
		at += n + 1;
	}
	return false;
}

static bool is_provided(const struct dpkg *d, const struct relation *r, struct arena *a)
{
	for (const char *p = first_paragraph(d); *p; p = next_paragraph(p)) {
		size_t len, status_len;
		const char *list = field(p, "Provides", &len), *status;

		if (!list || !memmem(list, len, r->name, strlen(r->name)))
			continue;
		status = field(p, "Status", &status_len);
		if (status && is_installed(status, status_len) && provides_fit(a, list, len, r))
			return true;
	}
	return false;
}

static bool relation_holds(const struct dpkg *d, const struct relation *r, const struct dpkg_further *further, size_t n,
			   struct arena *a)
{
	const char *version = dpkg_version(d, r->name);

	if (version && version_fits(r, version))
		return true;
	for (size_t k = 0; k < n; k++)
		if (strcmp(further[k].name, r->name) == 0 && version_fits(r, further[k].version))
			return true;
	return is_provided(d, r, a);
}

bool dpkg_satisfied(const struct dpkg *d, const char *depends, const struct dpkg_further *further, size_t n,
		    struct arena *a, const char **ret_missing)
{
	for (const char *p = depends; p && *p;) {
		size_t len = strcspn(p, ",");
		bool holds = strspn(p, " \t\n") >= len;

		for (size_t at = 0; at < len && !holds;) {
			size_t one = strcspn(p + at, "|,");
			struct relation r = relation_of(a, p + at, one);

			holds = relation_holds(d, &r, further, n, a);
			at += one + 1;
		}
		if (!holds) {
			size_t blanks = strspn(p, " \t\n");

			if (ret_missing)
				*ret_missing = arena_strndup(a, p + blanks, len - blanks);
			return false;
		}
		p += len + (p[len] == ',');
	}
	return true;
}

const char *dpkg_conflict(const struct dpkg *d, const char *field, struct arena *a)
{
	for (const char *p = field; p && *p;) {
		size_t len = strcspn(p, ","), blanks = strspn(p, " \t\n");
		struct relation r = relation_of(a, p, len);

		if (*r.name && relation_holds(d, &r, NULL, 0, a))
			return arena_strndup(a, p + blanks, len - blanks);
		p += len + (p[len] == ',');
	}
	return NULL;
}

/* Does a field of the paragraph at p name that package in that version? */
static bool is_named(const char *p, const char *key, const struct dpkg_further *to, struct arena *a)
{
	size_t len = 0;
	const char *list = field(p, key, &len);

	for (size_t at = 0; list && at < len;) {
		size_t n = strcspn(list + at, ",\n");
		struct relation r = relation_of(a, list + at, n < len - at ? n : len - at);

		if (strcmp(r.name, to->name) == 0 && version_fits(&r, to->version))
			return true;
		at += n + 1;
	}
	return false;
}

const char *dpkg_objector(const struct dpkg *d, const struct dpkg_further *to, struct arena *a)
{
	for (const char *p = first_paragraph(d); *p; p = next_paragraph(p)) {
		size_t status_len, len;
		const char *status = field(p, "Status", &status_len), *name = field(p, "Package", &len);

		if (status && name && is_installed(status, status_len) &&
		    (is_named(p, "Conflicts", to, a) || is_named(p, "Breaks", to, a)))
			return arena_strndup(a, name, len);
	}
	return NULL;
}

/* --- writing --- */

static bool is_paragraph_of(const char *p, const char *package, const char *arch)
{
	size_t name_len, arch_len;
	const char *name = field(p, "Package", &name_len), *has = field(p, "Architecture", &arch_len);

	return name && name_len == strlen(package) && strncmp(name, package, name_len) == 0 &&
	       (!has || (arch_len == strlen(arch) && strncmp(has, arch, arch_len) == 0));
}

char *dpkg_with(const struct dpkg *d, const char *package, const char *arch, const char *paragraph, struct arena *a)
{
	const char *text = buf_str(&d->text);
	char *ret = arena_alloc(a, d->text.len + strlen(paragraph) + 3), *out = ret;

	while (*text) {
		const char *end = strstr(text, "\n\n");
		size_t len = end ? (size_t)(end - text) + 2 : strlen(text);

		if (!is_paragraph_of(text, package, arch)) {
			memcpy(out, text, len);
			out += len;
		}
		text += len;
	}
	if (out > ret && out[-1] != '\n')
		*out++ = '\n';
	if (out > ret + 1 && out[-2] != '\n')
		*out++ = '\n';
	memcpy(out, paragraph, strlen(paragraph) + 1);
	return ret;
}
