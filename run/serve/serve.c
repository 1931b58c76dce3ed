/* The conversion host's start, its state, and its main loop. */
#include "run/serve/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/base/log.h"
#include "formats/throttle.h"
#include "net/address.h"
#include "net/dial.h"
#include "run/serve/live.h"

enum {
	STEP_MS = 200,
	SAVE_SECONDS = 5, /* progress needs no more */
	CLEAN_SECONDS = 3600,
	HOURS_DEFAULT = 24,
	FILES_MAX = 65536, /* programs that close all that they may have open take long with more */
};

/* ---- the folder ---- */

static int open_folder(struct serve *s, struct err *err)
{
	AUTO_FD int dirfd = -1;
	char real[PATH_MAX];

	if (file_mkdirs(s->o->output_dir, err) < 0)
		return -1;
	if (!realpath(s->o->output_dir, real))
		return err_sys(err, ERR_BLOCKED, "cannot open '%s'", s->o->output_dir);
	dirfd = file_open_dir(real, err);
	if (dirfd < 0)
		return -1;
	if (mkdirat(dirfd, SERVE_FOLDER, 0700) < 0 && errno != EEXIST)
		return err_sys(err, ERR_BLOCKED, "cannot make '%s/" SERVE_FOLDER "'", real);
	s->dirfd = openat(dirfd, SERVE_FOLDER, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (s->dirfd < 0)
		return err_sys(err, ERR_BLOCKED, "cannot open '%s/" SERVE_FOLDER "'", real);
	if (flock(s->dirfd, LOCK_EX | LOCK_NB) < 0)
		return err_set(err, ERR_TEMPFAIL, "another `rehost serve` works in '%s'", real);
	if ((size_t)snprintf(s->path, sizeof s->path, "%s/" SERVE_FOLDER, real) >= sizeof s->path)
		return err_set(err, ERR_USAGE, "'%s' is too long a path", real);
	return 0;
}

/* ---- start ---- */

/* A token, and what is left of it. */
struct next {
	struct token token;
	unsigned uses;
	uint64_t expires;
};

/* What an earlier host was converting goes on when its machine dials again. */
static void forget_conversions(struct enrol *e)
{
	for (size_t i = 0; i < enrol_count(e); i++)
		if (enrol_at(e, i)->state == ENROL_CONVERTING)
			enrol_at(e, i)->state = ENROL_WAITING;
}

static void remove_folder(const struct enrol_machine *m, void *opaque)
{
	const struct serve *s = opaque;
	char name[ENROL_FOLDER_TEXT];
	struct err err = ERR_INIT;

	enrol_folder(m, name);
	if (file_remove_tree(s->dirfd, name, &err) < 0)
		log_warn("%s: its folder is not removed: %s", m->name, err.text);
}

/* What can be of no more use. Called with the lock held, once others may hold it. */
static void forget(struct serve *s)
{
	uint64_t now = (uint64_t)time(NULL);

	enrol_forget_tokens(s->enrol, now);
	enrol_forget_machines(s->enrol, now, remove_folder, s);
}

/* The token for the next machine: a new one when none has room left; *ret_new says so. Called with the lock held, once
 * others may hold it. */
static int next_token(struct serve *s, struct next *ret, bool *ret_new, struct err *err)
{
	uint64_t now = (uint64_t)time(NULL), hours = s->o->expire_hours ? s->o->expire_hours : HOURS_DEFAULT;

	*ret_new = !enrol_open_token(s->enrol, now, &ret->token, &ret->uses, &ret->expires);
	if (!*ret_new)
		return 0;
	forget(s);
	ret->uses = s->o->uses ? s->o->uses : 1;
	ret->expires = now + hours * 3600;
	if (token_new(&ret->token, err) < 0 || enrol_add_token(s->enrol, &ret->token, ret->uses, ret->expires, err) < 0)
		return -1;
	s->urgent = true;
	return 0;
}

/* As soon as the last one has found its machine. Where none can be made, that is said once: machines that have one go
 * on. True: there is one, in *ret. Called with the lock held, once others may hold it. */
static bool offer(struct serve *s, struct next *ret, bool *ret_new)
{
	struct err err = ERR_INIT;
	bool got = next_token(s, ret, ret_new, &err) == 0;

	if (!got && !s->tokenless)
		log_warn("no other machine can come: %s", err.text);
	s->tokenless = !got;
	return got;
}

static void show(const struct serve *s, const struct next *next)
{
	char words[TOKEN_TEXT], where[ADDRESS_TEXT];

	token_text(&next->token, words);
	address_own(s->listen_fd, where);
	if (s->o->ready)
		s->o->ready(words, next->uses, next->expires, where, s->o->opaque);
	explicit_bzero(words, sizeof words);
}

static int open_listener(struct serve *s, struct err *err)
{
	char host[256], port[8];

	if (address_split(s->o->listen ? s->o->listen : "", DIAL_PORT, host, port, err) < 0)
		return -1;
	s->listen_fd = address_listen(host, port, err);
	return s->listen_fd < 0 ? -1 : 0;
}

static int start(struct serve *s, struct err *err)
{
	struct next next;
	bool is_new, got;

	if (open_folder(s, err) < 0 || enrol_load(s->dirfd, &s->enrol, err) < 0)
		return -1;
	forget_conversions(s->enrol);
	forget(s);
	got = offer(s, &next, &is_new);
	if (enrol_save(s->enrol, s->dirfd, err) < 0 || open_listener(s, err) < 0)
		return -1;
	if (s->o->bwlimit && throttle_new(s->o->bwlimit, &s->throttle, err) < 0)
		return -1;
	if (listener_start(s, err) < 0)
		return -1;
	if (got)
		show(s, &next);
	return 0;
}

/* ---- work ---- */

static void save(struct serve *s)
{
	struct err err = ERR_INIT;

	pthread_mutex_lock(&s->lock);
	if ((s->dirty || s->urgent) && enrol_save(s->enrol, s->dirfd, &err) < 0)
		log_warn("cannot save the list of machines: %s", err.text);
	s->dirty = s->urgent = false;
	pthread_mutex_unlock(&s->lock);
}

static void clean_up(struct serve *s)
{
	pthread_mutex_lock(&s->lock);
	forget(s);
	s->dirty = true;
	pthread_mutex_unlock(&s->lock);
}

static void offer_next(struct serve *s)
{
	struct next next;
	bool is_new = false, got;

	pthread_mutex_lock(&s->lock);
	got = offer(s, &next, &is_new);
	pthread_mutex_unlock(&s->lock);
	if (got && is_new)
		show(s, &next);
}

int serve_run(const struct serve_options *options, struct err *err)
{
	struct serve *s = calloc(1, sizeof *s);
	time_t saved = 0, cleaned = serve_now();

	if (!s)
		return err_nomem(err);
	s->o = options;
	file_limit_raise(FILES_MAX); /* a machine takes some ten descriptors for each of its disks */
	pthread_mutex_init(&s->lock, NULL);
	if (start(s, err) < 0)
		return -1; /* the program ends, and threads may be there */
	for (;;) {
		jobs_step(s);
		offer_next(s);
		if (s->urgent || serve_now() - saved >= SAVE_SECONDS) {
			save(s);
			saved = serve_now();
		}
		if (serve_now() - cleaned >= CLEAN_SECONDS) {
			clean_up(s);
			cleaned = serve_now();
		}
		nanosleep(&(struct timespec){.tv_nsec = STEP_MS * 1000000L}, NULL);
	}
}

int serve_machines(const char *output_dir, struct json **ret, struct err *err)
{
	AUTO(enrol_freep) struct enrol *e = NULL;
	AUTO_FD int dirfd = file_open_dir(output_dir, err);
	AUTO_FD int fd = -1;

	if (dirfd < 0)
		return -1;
	fd = openat(dirfd, SERVE_FOLDER, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno != ENOENT)
		return err_sys(err, ERR_BLOCKED, "cannot open '%s/" SERVE_FOLDER "'", output_dir);
	*ret = js_array();
	if (fd < 0)
		return 0;
	if (enrol_load(fd, &e, err) < 0)
		return -1;
	for (size_t i = 0; i < enrol_count(e); i++)
		js_add(*ret, enrol_json(enrol_at(e, i)));
	return 0;
}
