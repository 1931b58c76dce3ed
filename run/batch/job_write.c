/* Writing a job folder: everything in a hidden folder, and one rename. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/base/checked.h"
#include "core/base/file.h"
#include "core/model/version.h"
#include "run/batch/job_private.h"
#include "run/partial.h"

enum { FILE_MODE = 0644 };

/* Synced with all others, by one call at the end: a sync for each of 100000 files takes minutes. */
static int write_file(int dirfd, const char *name, const void *data, size_t len, struct err *err)
{
	AUTO_FD int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);

	if (fd < 0)
		return err_sys(err, ERR_BLOCKED, "cannot create '%s'", name);
	return file_pwrite(fd, data, len, 0, err) < 0 ? err_wrap(err, "'%s'", name) : 0;
}

static int write_json(int dirfd, const char *name, const struct json *j, char hash[JOB_HASH_HEX], struct err *err)
{
	AUTO(buf_done) struct buf text = BUF_INIT(16 * MIB);

	if (js_print(j, true, &text) < 0)
		return err_set(err, ERR_USAGE, "'%s' would be over %zu bytes", name, text.max);
	job_hash(buf_str(&text), text.len, hash);
	return write_file(dirfd, name, buf_str(&text), text.len, err);
}

static int write_unit(int dirfd, const struct unit *unit, unsigned index, char hash[JOB_HASH_HEX], struct err *err)
{
	AUTO(js_freep) struct json *j = NULL;
	struct unit u = *unit;
	char name[JOB_PATH_MAX];

	u.index = index;
	j = unit_json(&u);
	return write_json(dirfd, job_unit_path(index, name), j, hash, err);
}

static const char *now_utc(struct arena *a)
{
	time_t now = time(NULL);
	char text[32];
	struct tm tm;

	strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &tm));
	return arena_strdup(a, text);
}

static enum boot_level furthest_proof(const struct job_draft *d)
{
	enum boot_level ret = BOOT_LEVEL_UNKNOWN;

	for (size_t i = 0; i < d->nunits; i++)
		if (d->units[i].proof > ret)
			ret = d->units[i].proof;
	return ret;
}

static void describe(const struct job_draft *d, struct job *job)
{
	job->name = d->name;
	job->version = REHOST_VERSION;
	job->created = now_utc(&job->arena);
	job->proof = furthest_proof(d);
	job->nunits = (unsigned)d->nunits;
	for (size_t i = 0; i < d->ngroups; i++)
		*vec_push(&job->arena, &job->source_groups) = d->source_groups[i];
}

static int make_folders(int dirfd, struct err *err)
{
	static const char *const names[] = {"units", "state", "out"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (mkdirat(dirfd, names[i], 0755) < 0)
			return err_sys(err, ERR_BLOCKED, "cannot create folder '%s'", names[i]);
	return 0;
}

static int write_units(int dirfd, const struct job_draft *d, struct json *job, struct err *err)
{
	struct json *hashes = js_set(job, "sha256", js_array());
	char hash[JOB_HASH_HEX];

	for (size_t i = 0; i < d->nunits; i++) {
		if (write_unit(dirfd, &d->units[i], (unsigned)i, hash, err) < 0)
			return -1;
		js_add_str(hashes, hash);
	}
	return 0;
}

static int fill(int dirfd, const struct job_draft *d, struct err *err)
{
	AUTO(js_freep) struct json *j = NULL;
	struct job job = {0};
	char hash[JOB_HASH_HEX];

	describe(d, &job);
	j = job_json(&job);
	arena_done(&job.arena);
	if (make_folders(dirfd, err) < 0 || write_units(dirfd, d, j, err) < 0 ||
	    write_file(dirfd, d->manifest_name, d->manifest, d->manifest_len, err) < 0)
		return -1;
	return write_json(dirfd, "job.json", j, hash, err);
}

/* "a/b/wave3/" is "wave3" in "a/b". */
static int split(char *path, const char **ret_dir, const char **ret_name, struct err *err)
{
	size_t len = strlen(path);
	char *slash;

	while (len > 1 && path[len - 1] == '/')
		path[--len] = '\0';
	slash = strrchr(path, '/');
	*ret_name = slash ? slash + 1 : path;
	*ret_dir = !slash ? "." : slash == path ? "/" : path;
	if (slash)
		*slash = '\0';
	if (!**ret_name || !strcmp(*ret_name, ".") || !strcmp(*ret_name, "..") || strlen(*ret_name) > JOB_NAME_MAX)
		return err_set(err, ERR_USAGE, "job folder '%s': a name of 1 to %d bytes is expected", *ret_name,
			       JOB_NAME_MAX);
	return 0;
}

int job_check_absent(const char *path, struct err *err)
{
	struct stat st;

	if (lstat(path, &st) == 0)
		return err_set(err, ERR_BLOCKED,
			       "job folder '%s' exists already: a job is planned once, choose another", path);
	return errno == ENOENT ? 0 : err_sys(err, ERR_BLOCKED, "job folder '%s'", path);
}

static int fill_and_publish(struct partial *p, const struct job_draft *draft, struct err *err)
{
	if (partial_empty(p, err) < 0 || fill(partial_dirfd(p), draft, err) < 0)
		return -1;
	if (syncfs(partial_dirfd(p)) < 0)
		return err_sys(err, ERR_INTERNAL, "cannot sync '%s'", partial_path(p));
	return partial_publish(p, err);
}

int job_write(const char *path, const struct job_draft *draft, struct err *err)
{
	AUTO(partial_closep) struct partial *p = NULL;
	AUTO_FREE char *copy = strdup(path);
	const char *dir, *name;

	if (!copy)
		return err_nomem(err);
	if (!draft->nunits || draft->nunits > JOB_UNITS_MAX)
		return err_set(err, ERR_USAGE, "a job has 1 to %d machines, not %zu", JOB_UNITS_MAX, draft->nunits);
	if (job_check_absent(path, err) < 0 || split(copy, &dir, &name, err) < 0 ||
	    partial_open(dir, name, false, &p, err) < 0)
		return -1;
	if (fill_and_publish(p, draft, err) == 0)
		return 0;
	partial_discard(p);
	return -1;
}
