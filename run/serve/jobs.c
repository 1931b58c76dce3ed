/* Conversions: one `rehost convert` a machine, as many at once as the host has room for. */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/arena.h"
#include "core/base/checked.h"
#include "core/base/log.h"
#include "core/base/memory.h"
#include "run/conversion.h"
#include "run/serve/live.h"

enum {
	JOBS_DEFAULT = 2,
	ATTEMPTS_MAX = 5, /* in a row that end with "try again" while the machine is there */
	PAUSE_SECONDS = 10,
	KEYS_FD = 3, /* of a conversion */
};

/* What a conversion says goes to this thread until the conversion ends. */
struct listener {
	struct live *live;
	pid_t pid;
	int fd;
};

/* ---- what it says ---- */

static void set_text(struct live *l, const char *text)
{
	if (text != l->entry->text) /* it stays what it is */
		snprintf(l->entry->text, sizeof l->entry->text, "%.250s", text);
	l->serve->dirty = true;
}

static void on_event(struct live *l, const struct json *event)
{
	const char *kind = js_get_str(event, "event", ""), *text = js_get_str(event, "text", "");

	if (!strcmp(kind, "phase") || !strcmp(kind, "error"))
		set_text(l, text);
	if (!strcmp(kind, "warning"))
		log_warn("%s: %s", l->entry->name, text);
	if (js_get(event, "total")) {
		l->entry->anew = l->entry->anew && l->stop; /* it has: a later attempt goes on from there */
		l->entry->done = js_get_u64(event, "done", 0);
		l->entry->total = js_get_u64(event, "total", 0);
		l->serve->dirty = true;
	}
}

static void on_line(const struct json *event, const char *line, void *opaque)
{
	const struct listener *job = opaque;

	pthread_mutex_lock(&job->live->serve->lock);
	if (job->live->pid == job->pid)
		on_event(job->live, event);
	pthread_mutex_unlock(&job->live->serve->lock);
}

static void *listen_to(void *opaque)
{
	struct listener *job = opaque;
	const struct conversion_ear ear = {.event = on_line, .opaque = job};

	conversion_hear(job->fd, &ear);
	pthread_mutex_lock(&job->live->serve->lock);
	job->live->heard = true;
	pthread_mutex_unlock(&job->live->serve->lock);
	free(job);
	return NULL;
}

/* Takes fd. */
static void hear(struct live *l, int fd)
{
	struct listener *job = calloc(1, sizeof *job);
	pthread_t thread;

	l->heard = !job;
	if (!job) {
		close(fd);
		return;
	}
	*job = (struct listener){.live = l, .pid = l->pid, .fd = fd};
	if (pthread_create(&thread, NULL, listen_to, job) == 0) {
		pthread_detach(thread);
		return;
	}
	l->heard = true;
	close(fd);
	free(job);
}

/* ---- start ---- */

/* The arguments of `rehost convert`, and the texts that they point to. */
struct command_line {
	struct arena arena;
	VEC(const char *) v;
};

static void add(struct command_line *to, const char *word)
{
	*vec_push(&to->arena, &to->v) = word;
}

/* Passphrases don't stand on the command line: each is the next line of KEYS_FD. */
static void add_keys(struct command_line *to, const struct keys *keys)
{
	for (size_t i = 0; keys && i < keys->n; i++) {
		add(to, "--key");
		add(to,
		    arena_printf(&to->arena, "%s:fd:%d", keys->v[i].selector ? keys->v[i].selector : "all", KEYS_FD));
	}
}

static void compose(const struct live *l, struct command_line *to)
{
	const struct serve *s = l->serve;
	const char *const head[] = {"rehost", "convert",	"--progress", "json",
				    "-os",    s->o->output_dir, "-on",	      l->entry->name};
	char name[ENROL_FOLDER_TEXT];

	for (size_t i = 0; i < sizeof head / sizeof *head; i++)
		add(to, head[i]);
	for (size_t i = 0; s->o->convert_args && s->o->convert_args[i]; i++)
		add(to, s->o->convert_args[i]);
	add_keys(to, s->o->keys);
	if (l->entry->anew)
		add(to, "--restart");
	enrol_folder(l->entry, name);
	add(to, arena_printf(&to->arena, "%s/%s", s->path, name));
	add(to, NULL);
}

/* *ret_said: where it is to be listened to. */
static pid_t spawn(const struct live *l, int *ret_said, struct err *err)
{
	const struct keys *keys = l->serve->o->keys;
	struct command_line line = {0};
	struct child_fd fd;
	AUTO_FD int keys_fd = -1;
	pid_t ret;

	if (keys && keys->n) {
		keys_fd = keys_file(keys, NULL, err);
		if (keys_fd < 0)
			return -1;
	}
	fd = (struct child_fd){keys_fd, KEYS_FD};
	compose(l, &line);
	ret = conversion_start(line.v.v, &fd, keys_fd >= 0, ret_said, err);
	arena_done(&line.arena);
	return ret;
}

static int start(struct live *l, struct err *err)
{
	int said;
	pid_t pid = spawn(l, &said, err);

	if (pid < 0)
		return -1;
	l->pid = pid;
	l->ended = l->stop = false;
	l->attempts++;
	l->entry->state = ENROL_CONVERTING;
	l->entry->done = l->entry->total = 0;
	set_text(l, "starting");
	l->serve->urgent = true;
	hear(l, said);
	log_info("%s: conversion begins", l->entry->name);
	return 0;
}

/* ---- end ---- */

static void wait_again(struct live *l, const char *why)
{
	l->entry->state = ENROL_WAITING;
	l->not_before = serve_now() + PAUSE_SECONDS;
	set_text(l, why);
	log_info("%s: waits: %s", l->entry->name, why);
}

static void succeed(struct live *l)
{
	l->entry->state = ENROL_DONE;
	l->entry->done = l->entry->total;
	set_text(l, "converted");
	log_info("%s: converted; %" PRIu64 " MiB of its disks came over the network as %" PRIu64 " MiB", l->entry->name,
		 l->entry->sent >> 20, (l->entry->sent - live_traffic(l).saved) >> 20);
	live_close(l);
}

static void fail(struct live *l, int status)
{
	l->entry->state = ENROL_FAILED;
	if (WIFSIGNALED(status))
		set_text(l, "the conversion was killed");
	log_warn("%s: conversion failed: %s", l->entry->name, l->entry->text);
	live_close(l);
}

/* It came back with other disks when the last of the old ones was already copied. */
static void fail_outdated(struct live *l)
{
	set_text(l, "converted as it was before its disks changed: remove that guest and let the machine dial again");
	fail(l, 0);
}

static void on_end(struct live *l, int status)
{
	bool tempfail = WIFEXITED(status) && WEXITSTATUS(status) == err_exit_status(ERR_TEMPFAIL);

	l->pid = 0;
	l->entry->sent = live_traffic(l).read;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		l->entry->anew && l->stop ? fail_outdated(l) : succeed(l);
	} else if (l->stop) {
		wait_again(l, l->entry->anew ? "its disks have changed: begins anew" : "stopped by the machine");
	} else if (!l->connected) {
		wait_again(l, "the machine is no longer connected");
	} else if (tempfail && l->attempts < ATTEMPTS_MAX) {
		wait_again(l, l->entry->text);
	} else {
		fail(l, status);
	}
	if (l->entry->state != ENROL_WAITING) /* what isn't as the machine has it is of no use to a later attempt */
		l->entry->anew = WIFEXITED(status) && WEXITSTATUS(status) == err_exit_status(ERR_VERIFY);
	l->entry->changed = (uint64_t)time(NULL);
	l->serve->urgent = true;
}

static void reap(struct live *l)
{
	if (l->pid && l->stop && !l->ended)
		kill(l->pid, SIGTERM);
	if (l->pid && !l->ended)
		l->ended = waitpid(l->pid, &l->status, WNOHANG) == l->pid;
	if (l->pid && l->ended && l->heard)
		on_end(l, l->status);
}

/* ---- what there is room for ---- */

static bool has_room(const struct serve *s)
{
	unsigned running = 0;

	for (const struct live *l = s->lives; l; l = l->next)
		running += l->pid != 0;
	if (!running)
		return true;
	return running < (s->o->jobs ? s->o->jobs : JOBS_DEFAULT) &&
	       memory_available() >= (s->o->memory ? s->o->memory : 2 * GIB);
}

/* Who enrolled first is first. */
static struct live *next_waiting(const struct serve *s)
{
	struct live *ret = NULL;

	for (struct live *l = s->lives; l; l = l->next) {
		if (l->pid || l->entry->state != ENROL_WAITING || l->not_before > serve_now() || !live_reachable(l))
			continue;
		if (!ret || l->entry->enrolled <= ret->entry->enrolled)
			ret = l;
	}
	return ret;
}

void jobs_step(struct serve *s)
{
	struct err err = ERR_INIT;
	struct live *next;

	pthread_mutex_lock(&s->lock);
	for (struct live *l = s->lives; l; l = l->next)
		reap(l);
	next = next_waiting(s);
	if (next && has_room(s) && start(next, &err) < 0)
		wait_again(next, err.text);
	pthread_mutex_unlock(&s->lock);
}
