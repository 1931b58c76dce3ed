/* Reading a job folder: job.json, and each unit's file against its hash there. */
#include "run/batch/job.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "core/base/buf.h"
#include "core/base/checked.h"
#include "core/base/file.h"
#include "core/base/hash.h"
#include "core/base/utf8.h"
#include "run/batch/job_private.h"

enum {
	JOB_BYTES_MAX = 16 << 20, /* JOB_UNITS_MAX hashes are 7 MB */
	UNIT_BYTES_MAX = 4 << 20, /* a command line's limit is 2 MB */
};

const char *job_unit_path(unsigned index, char ret[JOB_PATH_MAX])
{
	snprintf(ret, JOB_PATH_MAX, "units/%06u.json", index);
	return ret;
}

const char *job_state_path(unsigned index, char ret[JOB_PATH_MAX])
{
	snprintf(ret, JOB_PATH_MAX, "state/%06u", index);
	return ret;
}

void job_hash(const void *data, size_t len, char ret[JOB_HASH_HEX])
{
	unsigned char raw[DIGEST_MAX];

	digest_once(DIGEST_SHA256, data, len, raw);
	for (size_t i = 0; i < (JOB_HASH_HEX - 1) / 2; i++)
		snprintf(ret + 2 * i, 3, "%02x", raw[i]);
}

static int wrong(struct err *err, const char *key, const char *expected)
{
	return err_set(err, ERR_CORRUPT, "\"%s\" isn't %s", key, expected);
}

static int get_hashes(struct job *job, const struct json *list, struct err *err)
{
	job->nunits = (unsigned)min_u64(js_count(list), JOB_UNITS_MAX + 1);
	if (!job->nunits || job->nunits > JOB_UNITS_MAX)
		return wrong(err, "sha256", "a list of 1 to 100000 hashes");
	job->sha256 = arena_alloc(&job->arena, job->nunits * sizeof *job->sha256);
	for (unsigned i = 0; i < job->nunits; i++) {
		const char *hash = js_str(js_at(list, i), "");

		if (strlen(hash) != JOB_HASH_HEX - 1 || strspn(hash, "0123456789abcdef") != JOB_HASH_HEX - 1)
			return err_set(err, ERR_CORRUPT, "\"sha256\": '%.80s' of unit %u isn't a SHA-256", hash, i);
		job->sha256[i] = arena_strdup(&job->arena, hash);
	}
	return 0;
}

static int get_source_groups(struct job *job, const struct json *list, struct err *err)
{
	for (size_t i = 0; i < js_count(list); i++) {
		const char *name = js_get_str(js_at(list, i), "name", NULL);
		uint64_t at_once = js_get_u64(js_at(list, i), "at_once", 0);

		if (!name || !at_once || at_once > JOB_UNITS_MAX)
			return wrong(err, "source_groups", "a list of names with \"at_once\"");
		*vec_push(&job->arena, &job->source_groups) =
		    (struct source_group){.name = arena_strdup(&job->arena, name), .at_once = (unsigned)at_once};
	}
	return 0;
}

/* Plans have none with control characters; it is printed at many places. */
static const char *get_name(struct job *job, const char *text)
{
	char *ret = arena_strdup(&job->arena, text);

	utf8_defuse(ret, true);
	return ret;
}

static int get_proof(struct job *job, const char *word, struct err *err)
{
	job->proof = boot_level_by_name(word);
	if (job->proof == BOOT_LEVEL_UNKNOWN && strcmp(word, "none") != 0)
		return wrong(err, "proof", "none, firmware, kernel or login");
	return 0;
}

static int get_job(struct job *job, const struct json *j, struct err *err)
{
	if (strcmp(js_get_str(j, "schema", ""), JOB_SCHEMA) != 0)
		return wrong(err, "schema", JOB_SCHEMA);
	job->name = get_name(job, js_get_str(j, "name", ""));
	job->created = arena_strdup(&job->arena, js_get_str(j, "created", ""));
	job->version = arena_strdup(&job->arena, js_get_str(j, "rehost", ""));
	if (get_proof(job, js_get_str(j, "proof", ""), err) < 0 ||
	    get_source_groups(job, js_get(j, "source_groups"), err) < 0 ||
	    get_hashes(job, js_get(j, "sha256"), err) < 0)
		return -1;
	if (js_get_u64(j, "units", 0) != job->nunits)
		return wrong(err, "units", "the number of hashes");
	return 0;
}

static int read_job(struct job *job, struct err *err)
{
	AUTO(buf_done) struct buf text = BUF_INIT(JOB_BYTES_MAX);
	AUTO(js_freep) struct json *j = NULL;
	AUTO_FD int fd = file_open_beneath(job->fd, "job.json", false, err);

	if (fd < 0 || file_slurp_fd(fd, "job.json", &text, err) < 0)
		return -1;
	j = js_parse(buf_str(&text), text.len, err);
	if (!j || get_job(job, j, err) < 0)
		return err_wrap(err, "job.json");
	return 0;
}

int job_open(const char *path, struct job **ret, struct err *err)
{
	AUTO(job_closep) struct job *job = calloc(1, sizeof *job);
	AUTO_FREE char *absolute = realpath(path, NULL);

	if (!job)
		return err_nomem(err);
	job->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (!absolute || job->fd < 0)
		return err_sys(err, ERR_UNREADABLE, "cannot open the job folder '%s'", path);
	job->path = arena_strdup(&job->arena, absolute);
	if (read_job(job, err) < 0)
		return err_wrap(err, "job folder '%s'", path);
	*ret = take_ptr(&job);
	return 0;
}

void job_close(struct job *job)
{
	if (!job)
		return;
	if (job->fd >= 0)
		close(job->fd);
	arena_done(&job->arena);
	free(job);
}

static int check_hash(const struct job *job, unsigned index, const struct buf *text, struct err *err)
{
	char found[JOB_HASH_HEX];

	job_hash(buf_str(text), text->len, found);
	if (strcmp(found, job->sha256[index]) != 0)
		return err_set(err, ERR_CORRUPT, "its SHA-256 is %s, job.json says %s", found, job->sha256[index]);
	return 0;
}

static int read_unit(const struct job *job, const char *name, unsigned index, struct arena *a, struct unit *ret,
		     struct err *err)
{
	AUTO(buf_done) struct buf text = BUF_INIT(UNIT_BYTES_MAX);
	AUTO(js_freep) struct json *j = NULL;
	AUTO_FD int fd = file_open_beneath(job->fd, name, false, err);

	if (fd < 0 || file_slurp_fd(fd, name, &text, err) < 0)
		return -1;
	if (check_hash(job, index, &text, err) < 0)
		return err_wrap(err, "'%s'", name);
	j = js_parse(buf_str(&text), text.len, err);
	if (!j || unit_from_json(j, a, ret, err) < 0)
		return err_wrap(err, "'%s'", name);
	if (ret->index != index)
		return err_set(err, ERR_CORRUPT, "'%s': \"index\" is %u, %u expected", name, ret->index, index);
	return 0;
}

int job_unit(const struct job *job, unsigned index, struct arena *a, struct unit *ret, struct err *err)
{
	char name[JOB_PATH_MAX];

	if (index >= job->nunits)
		return err_set(err, ERR_USAGE, "job '%s' has no unit %u: it has %u, the first is 0", job->path, index,
			       job->nunits);
	if (read_unit(job, job_unit_path(index, name), index, a, ret, err) < 0)
		return err_wrap(err, "job folder '%s'", job->path);
	return 0;
}

struct json *job_json(const struct job *job)
{
	struct json *j = js_object(), *groups;

	js_set_str(j, "schema", JOB_SCHEMA);
	js_set_str(j, "rehost", job->version);
	js_set_str(j, "name", job->name);
	js_set_str(j, "created", job->created);
	js_set_u64(j, "units", job->nunits);
	js_set_str(j, "proof", unit_proof_name(job->proof));
	groups = js_set(j, "source_groups", js_array());
	VEC_FOR (g, &job->source_groups) {
		struct json *group = js_add(groups, js_object());

		js_set_str(group, "name", g->name);
		js_set_u64(group, "at_once", g->at_once);
	}
	return j;
}
