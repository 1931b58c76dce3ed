/* The files of a result against its seal. */
#include "run/verify/files.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/checked.h"
#include "core/base/file.h"
#include "core/base/utf8.h"
#include "core/base/work.h"
#include "run/verify/folder.h"
#include "run/verify/tree.h"

enum { EVIDENCE_PIECE = 1 << 20 };

struct checker {
	int dirfd;
	const struct seal *seal;
	const struct verify_files_options *o;
	struct verify_files *r;
	uint64_t done;
};

static struct file_problem *problem(struct checker *c, enum file_problem_kind kind, const char *file)
{
	struct file_problem *p;

	if (c->r->problems.n == FILE_PROBLEMS_MAX) {
		c->r->more++;
		return NULL;
	}
	p = vec_push(&c->r->arena, &c->r->problems);
	p->kind = kind;
	p->file = arena_strdup(&c->r->arena, file);
	return p;
}

static void problem_at(struct checker *c, enum file_problem_kind kind, const char *file, uint64_t off, uint64_t len)
{
	struct file_problem *p = problem(c, kind, file);

	if (p) {
		p->off = off;
		p->len = len;
	}
}

static void problem_text(struct checker *c, const char *file, const struct err *why)
{
	struct file_problem *p = problem(c, FILE_UNREADABLE, file);

	if (p)
		p->text = arena_strdup(&c->r->arena, why->text);
}

/* ---- one file ---- */

/* Chunks whose leaves differ; neighbours are one problem. The last one of a file with another size differs anyway. */
static void compare_leaves(struct checker *c, const struct seal_file *f, const struct tree *t,
			   const unsigned char (*sealed)[HASH128])
{
	uint64_t chunk = tree_chunk(f->size), whole = t->size == f->size ? t->nleaves : t->size / chunk;

	for (uint64_t i = 0, first; i < whole; i++) {
		first = i;
		while (i < whole && memcmp(t->leaves[i], sealed[i], HASH128) != 0)
			i++;
		if (i > first)
			problem_at(c, FILE_CHANGED, f->name, first * chunk,
				   min_u64(i * chunk, t->size) - first * chunk);
	}
}

static int compare_tree(struct checker *c, const struct seal_file *f, const struct tree *t, struct err *err)
{
	size_t n = div_round_up(f->size, tree_chunk(f->size)), before = c->r->problems.n + c->r->more;
	AUTO_FREE unsigned char(*sealed)[HASH128] = NULL;

	if (t->size == f->size && !memcmp(t->root, f->root, HASH128))
		return 0;
	if (t->size != f->size && t->size < tree_chunk(f->size)) /* no chunk to compare: its size was told */
		return 0;
	sealed = calloc(max_u64(n, 1), HASH128);
	if (!sealed)
		return err_nomem(err);
	if (seal_leaves(c->seal, f, sealed, n, err) < 0)
		return -1;
	compare_leaves(c, f, t, sealed);
	if (t->size == f->size &&
	    c->r->problems.n + c->r->more == before) /* a seal whose tree isn't that of its leaves */
		problem_at(c, FILE_CHANGED, f->name, 0, f->size);
	return 0;
}

/* Up to the size that it should have: what is more is told, not read. */
static int check_content(struct checker *c, const struct seal_file *f, int fd, struct err *err)
{
	AUTO(tree_done) struct tree t = {0};
	struct tree_job job = {.fd = fd, .name = f->name, .chunk = tree_chunk(f->size), .threads = c->o->threads};
	struct err why = ERR_INIT;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(err, ERR_UNREADABLE, "cannot stat '%s'", f->name);
	job.size = min_u64(f->size, (uint64_t)st.st_size);
	if ((uint64_t)st.st_size != f->size)
		problem_at(c, FILE_SIZE, f->name, f->size, (uint64_t)st.st_size);
	if (tree_hash(&job, &t, &why) < 0) {
		problem_text(c, f->name, &why);
		return 0;
	}
	c->r->read += t.read;
	return compare_tree(c, f, &t, err);
}

static int check_file(struct checker *c, const struct seal_file *f, struct err *err)
{
	struct err why = ERR_INIT;
	AUTO_FD int fd = file_open_beneath(c->dirfd, f->name, false, &why);

	if (fd >= 0)
		return check_content(c, f, fd, err);
	problem_text(c, f->name, &why);
	return 0;
}

/* ---- the folder ---- */

/* Both lists are sorted by name. */
static int check_files(struct checker *c, const folder_files *there, struct err *err)
{
	const struct seal_file *f;
	size_t n = seal_files(c->seal, &f), i = 0, at = 0;
	uint64_t total = 0;

	for (size_t k = 0; k < n; k++)
		total += f[k].size;
	while (i < n || at < there->n) {
		int order = i == n ? 1 : at == there->n ? -1 : strcmp(f[i].name, there->v[at].name);

		if (order > 0 && strcmp(there->v[at].name, SEAL_NAME) != 0)
			problem_at(c, FILE_EXTRA, there->v[at].name, 0, there->v[at].size);
		else if (order < 0)
			problem_at(c, FILE_MISSING, f[i].name, 0, f[i].size);
		else if (order == 0 && !there->v[at].regular)
			problem_at(c, FILE_IRREGULAR, f[i].name, 0, 0);
		else if (order == 0 && check_file(c, &f[i], err) < 0)
			return -1;
		if (order <= 0 && c->o->tick)
			c->o->tick(c->done += f[i].size, total, c->o->opaque);
		at += order >= 0;
		i += order <= 0;
	}
	c->r->checked = n;
	c->r->bytes = total;
	return 0;
}

int verify_files(int dirfd, const struct seal *seal, const struct verify_files_options *options,
		 struct verify_files *ret, struct err *err)
{
	AUTO(arena_done) struct arena arena = {0};
	struct checker c = {.dirfd = dirfd, .seal = seal, .o = options, .r = ret};
	folder_files there = {0};

	*ret = (struct verify_files){0};
	return folder_list(dirfd, &arena, &there, err) < 0 ? -1 : check_files(&c, &there, err);
}

void verify_files_done(struct verify_files *r)
{
	arena_done(&r->arena);
}

/* ---- in words ---- */

static const char *const problem_names[] = {
    [FILE_PROBLEM_UNKNOWN] = "unknown", [FILE_CHANGED] = "changed", [FILE_SIZE] = "size",
    [FILE_MISSING] = "missing",		[FILE_EXTRA] = "extra",	    [FILE_IRREGULAR] = "irregular",
    [FILE_UNREADABLE] = "unreadable",
};

const char *file_problem_text(const struct file_problem *p, struct buf *b)
{
	buf_addf(b, "'%s' ", p->file);
	switch (p->kind) {
	case FILE_CHANGED:
		buf_addf(b, "differs between 0x%" PRIx64 " and 0x%" PRIx64, p->off, p->off + p->len);
		break;
	case FILE_SIZE:
		buf_addf(b, "has %" PRIu64 " bytes, %" PRIu64 " were published", p->len, p->off);
		break;
	case FILE_MISSING:
		buf_adds(b, "is missing");
		break;
	case FILE_EXTRA:
		buf_adds(b, "was not published");
		break;
	case FILE_IRREGULAR:
		buf_adds(b, "is no regular file any more");
		break;
	case FILE_UNREADABLE:
		buf_addf(b, "can't be checked: %s", p->text);
		break;
	case FILE_PROBLEM_UNKNOWN:
		break;
	}
	if (b->data)
		utf8_defuse(b->data, true);
	return buf_str(b);
}

static struct json *problem_json(const struct file_problem *p)
{
	AUTO(buf_done) struct buf text = BUF_INIT(8 * KIB);
	struct json *j = js_object();

	js_set_str(j, "file", p->file);
	js_set_str(j, "problem", problem_names[p->kind]);
	if (p->kind == FILE_CHANGED) {
		js_set_u64(j, "offset", p->off);
		js_set_u64(j, "length", p->len);
	}
	js_set_str(j, "text", file_problem_text(p, &text));
	return j;
}

struct json *verify_files_json(const struct verify_files *r)
{
	struct json *j = js_object(), *list;

	js_set_u64(j, "checked", r->checked);
	js_set_u64(j, "bytes", r->bytes);
	js_set_u64(j, "read", r->read);
	list = js_set(j, "problems", js_array());
	VEC_FOR (p, &r->problems)
		js_add(list, problem_json(p));
	js_set_u64(j, "more", r->more);
	return j;
}

/* ---- evidence ---- */

struct evidence_job {
	int dirfd;
	const folder_files *files;
	char (*hex)[DIGEST_HEX_MAX]; /* of each file */
	pthread_mutex_t lock;
	size_t next;
};

static int digest_file(const struct evidence_job *job, size_t i, char *buf, struct err *err)
{
	const char *name = job->files->v[i].name;
	AUTO_FD int fd = file_open_beneath(job->dirfd, name, false, err);
	AUTO(digest_freep) struct digest *d = digest_new(DIGEST_SHA256);
	ssize_t n;

	if (fd < 0)
		return -1;
	if (!d)
		return err_nomem(err);
	while ((n = read(fd, buf, EVIDENCE_PIECE)) > 0)
		digest_add(d, buf, (size_t)n);
	if (n < 0)
		return err_sys(err, ERR_UNREADABLE, "cannot read '%s'", name);
	digest_end(take_ptr(&d), job->hex[i]);
	return 0;
}

/* Files are taken in the order of the list; -1 stops only this thread, and the rest is left to the others. */
static int digest_files(void *opaque, struct err *err)
{
	struct evidence_job *job = opaque;
	AUTO_FREE char *buf = malloc(EVIDENCE_PIECE);

	if (!buf)
		return err_nomem(err);
	for (;;) {
		size_t i;

		pthread_mutex_lock(&job->lock);
		i = job->next++;
		pthread_mutex_unlock(&job->lock);
		if (i >= job->files->n)
			return 0;
		if (job->files->v[i].regular && digest_file(job, i, buf, err) < 0)
			return -1;
	}
}

static struct json *evidence_json(const struct evidence_job *job)
{
	struct json *list = js_array();

	for (size_t i = 0; i < job->files->n; i++) {
		struct json *j;

		if (!job->files->v[i].regular)
			continue;
		j = js_add(list, js_object());
		js_set_str(j, "name", job->files->v[i].name);
		js_set_u64(j, "size", job->files->v[i].size);
		js_set_str(j, "sha256", job->hex[i]);
	}
	return list;
}

int verify_evidence(int dirfd, unsigned threads, struct json **ret, struct err *err)
{
	AUTO(arena_done) struct arena arena = {0};
	folder_files files = {0};
	struct evidence_job job = {.dirfd = dirfd, .files = &files, .lock = PTHREAD_MUTEX_INITIALIZER};
	AUTO_FREE char(*hex)[DIGEST_HEX_MAX] = NULL;

	if (folder_list(dirfd, &arena, &files, err) < 0)
		return -1;
	hex = calloc(files.n + 1, sizeof *hex);
	if (!hex)
		return err_nomem(err);
	job.hex = hex;
	if (work_run(work_threads(threads), digest_files, &job, err) < 0)
		return -1;
	*ret = evidence_json(&job);
	return 0;
}
