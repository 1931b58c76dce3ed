/* Manifests of OVF packages: parsing and the pass that checks them. */
#include "sources/manifest.h"

#include <ctype.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/checked.h"
#include "core/base/cleanup.h"
#include "core/base/file.h"

enum {
	LINES_MAX = 8192,
	READ_SIZE = 4 << 20,
};

/* "SHA1", "SHA-256" …; false when it is no name of a digest at all. */
static bool digest_kind_of(const char *s, size_t len, enum digest_kind *ret)
{
	static const struct {
		const char *name;
		enum digest_kind kind;
	} names[] = {
	    {"sha1", DIGEST_SHA1},	{"sha-1", DIGEST_SHA1},	    {"sha256", DIGEST_SHA256},
	    {"sha-256", DIGEST_SHA256}, {"sha512", DIGEST_SHA512},  {"sha-512", DIGEST_SHA512},
	    {"md5", DIGEST_UNKNOWN},	{"sha224", DIGEST_UNKNOWN}, {"sha384", DIGEST_UNKNOWN},
	};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (strlen(names[i].name) != len || strncasecmp(names[i].name, s, len))
			continue;
		*ret = names[i].kind;
		return true;
	}
	return false;
}

/* Lower-case hex of the right length for the kind; any length for a kind that isn't computed. */
static bool digest_text(const char *s, size_t len, enum digest_kind kind, char *ret)
{
	if (!len || len >= DIGEST_HEX_MAX || (kind && len != 2 * digest_size(kind)))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!isxdigit((unsigned char)s[i]))
			return false;
		ret[i] = (char)tolower((unsigned char)s[i]);
	}
	ret[len] = '\0';
	return true;
}

static size_t trim(const char **s, size_t len)
{
	for (; len && isspace((unsigned char)**s); len--)
		++*s;
	while (len && isspace((unsigned char)(*s)[len - 1]))
		len--;
	return len;
}

/* KIND [space] "(" NAME ")" [space] "=" [space] HEX; the name may hold parentheses. */
static bool parse_line(struct arena *a, const char *s, size_t len, struct manifest_line *ret)
{
	const char *open = memchr(s, '(', len), *equals = memrchr(s, '=', len), *close, *digest;
	size_t kind_len, digest_len;

	if (!open || !equals || equals < open)
		return false;
	close = memrchr(open, ')', (size_t)(equals - open));
	if (!close || close == open + 1)
		return false;
	for (const char *p = close + 1; p < equals; p++)
		if (!isspace((unsigned char)*p))
			return false;
	kind_len = trim(&s, (size_t)(open - s));
	digest = equals + 1;
	digest_len = trim(&digest, len - (size_t)(equals + 1 - s));
	ret->name = arena_strndup(a, open + 1, (size_t)(close - open - 1));
	return digest_kind_of(s, kind_len, &ret->kind) && digest_text(digest, digest_len, ret->kind, ret->digest);
}

int manifest_parse(const char *text, size_t len, struct manifest *ret, struct err *err)
{
	unsigned number = 0;

	if (memchr(text, '\0', len))
		return err_set(err, ERR_CORRUPT, "the manifest has NUL bytes");
	for (const char *end = text + len; text < end; number++) {
		const char *newline = memchr(text, '\n', (size_t)(end - text)), *s = text;
		size_t n = trim(&s, (size_t)((newline ? newline : end) - text));
		struct manifest_line line = {.line = number + 1};

		text = newline ? newline + 1 : end;
		if (!n)
			continue;
		if (ret->lines.n == LINES_MAX)
			return err_set(err, ERR_CORRUPT, "the manifest has more than %d lines", LINES_MAX);
		if (!parse_line(&ret->arena, s, n, &line))
			return err_set(err, ERR_CORRUPT, "line %u '%.*s' is not of the form 'SHA256(name)= digest'",
				       number + 1, (int)(n < 80 ? n : 80), s);
		*vec_push(&ret->arena, &ret->lines) = line;
	}
	return 0;
}

void manifest_done(struct manifest *m)
{
	arena_done(&m->arena);
	*m = (struct manifest){0};
}

/* One file to read: the first line that names it, and where its bytes are. */
struct job {
	const char *name;
	struct package_member member;
	unsigned id; /* from 1 */
};

struct pass {
	struct package *package;
	const struct manifest *manifest;
	unsigned *job_of; /* of each line; 0 none */
	const char *name; /* of the manifest */
	const volatile bool *stop;
	char *data; /* READ_SIZE bytes */
	struct err *err;
};

static int by_place(const void *a, const void *b)
{
	const struct job *x = a, *y = b;
	int file = strcmp(x->member.file, y->member.file);

	return file ? file : (x->member.off > y->member.off) - (x->member.off < y->member.off);
}

static int feed(struct pass *pass, const struct job *job, struct digest **digests)
{
	AUTO_FD int fd = package_open_member(pass->package, &job->member, pass->err);

	if (fd < 0)
		return -1;
	posix_fadvise(fd, (off_t)job->member.off, (off_t)job->member.size, POSIX_FADV_SEQUENTIAL);
	for (uint64_t at = 0; at < job->member.size;) {
		size_t n = (size_t)min_u64(READ_SIZE, job->member.size - at);

		if (pass->stop && *pass->stop)
			return err_set(pass->err, ERR_INTERRUPTED, "stopped");
		if (file_pread(fd, pass->data, n, job->member.off + at, pass->err) < 0)
			return -1;
		for (enum digest_kind k = DIGEST_SHA1; k <= DIGEST_SHA512; k++)
			if (digests[k])
				digest_add(digests[k], pass->data, n);
		at += n;
	}
	return 0;
}

static bool concerns(const struct pass *pass, const struct manifest_line *l, const struct job *job)
{
	return pass->job_of[l - pass->manifest->lines.v] == job->id;
}

static int compare(struct pass *pass, const struct job *job, char found[][DIGEST_HEX_MAX])
{
	VEC_FOR (l, &pass->manifest->lines)
		if (concerns(pass, l, job) && strcmp(l->digest, found[l->kind]))
			return err_set(pass->err, ERR_CORRUPT,
				       "manifest '%s' line %u: '%s' has the %s %s, expected %s: it was changed or "
				       "damaged",
				       pass->name, l->line, l->name, digest_name(l->kind), found[l->kind], l->digest);
	return 0;
}

static int check_file(struct pass *pass, const struct job *job)
{
	struct digest *digests[DIGEST_SHA512 + 1] = {NULL};
	char found[DIGEST_SHA512 + 1][DIGEST_HEX_MAX] = {{0}};
	int ret;

	VEC_FOR (l, &pass->manifest->lines)
		if (concerns(pass, l, job) && !digests[l->kind])
			digests[l->kind] = digest_new(l->kind);
	ret = feed(pass, job, digests);
	for (enum digest_kind k = DIGEST_SHA1; k <= DIGEST_SHA512; k++)
		if (digests[k])
			digest_end(digests[k], found[k]);
	return ret < 0 ? err_wrap(pass->err, "'%s'", job->name) : compare(pass, job, found);
}

static bool same_place(const struct package_member *a, const struct package_member *b)
{
	return a->off == b->off && a->dev == b->dev && a->ino == b->ino;
}

/* The job of a line: the one of its name or, as percent-encoding gives a file several, of its file, or a new one. *ret
 * is 0 when the file isn't there. */
static int find_job(struct pass *pass, const struct manifest_line *l, struct job *jobs, size_t *n, unsigned *ret)
{
	struct package_member member;
	struct err missing = ERR_INIT;

	*ret = 0;
	for (size_t i = 0; i < *n && !*ret; i++)
		if (!strcmp(jobs[i].name, l->name))
			*ret = jobs[i].id;
	if (*ret)
		return 0;
	if (package_find(pass->package, l->name, &member, &missing) < 0)
		return missing.code == ERR_UNREADABLE
			   ? 0
			   : err_set(pass->err, missing.code, "manifest '%s' line %u: '%s': %s", pass->name, l->line,
				     l->name, missing.text);
	for (size_t i = 0; i < *n && !*ret; i++)
		if (same_place(&jobs[i].member, &member))
			*ret = jobs[i].id;
	if (!*ret) {
		*ret = (unsigned)*n + 1;
		jobs[(*n)++] = (struct job){l->name, member, *ret};
	}
	return 0;
}

/* The files that are listed and there, each once. Files listed but not there were noted when the source was opened. */
static int list_jobs(struct pass *pass, struct job *jobs, size_t *ret_n)
{
	*ret_n = 0;
	VEC_FOR (l, &pass->manifest->lines)
		if (l->kind && find_job(pass, l, jobs, ret_n, &pass->job_of[l - pass->manifest->lines.v]) < 0)
			return -1;
	return 0;
}

int manifest_verify(struct package *p, const struct manifest *m, const char *name, unsigned *ret_checked,
		    const volatile bool *stop, struct err *err)
{
	AUTO_FREE struct job *jobs = calloc(m->lines.n + 1, sizeof *jobs);
	AUTO_FREE unsigned *job_of = calloc(m->lines.n + 1, sizeof *job_of);
	AUTO_FREE char *data = malloc(READ_SIZE);
	struct pass pass = {
	    .package = p, .manifest = m, .job_of = job_of, .name = name, .stop = stop, .data = data, .err = err};
	size_t n;

	*ret_checked = 0;
	if (!jobs || !job_of || !data)
		return err_nomem(err);
	if (list_jobs(&pass, jobs, &n) < 0)
		return -1;
	qsort(jobs, n, sizeof *jobs, by_place);
	for (size_t i = 0; i < n; i++, ++*ret_checked)
		if (check_file(&pass, &jobs[i]) < 0)
			return -1;
	return 0;
}
