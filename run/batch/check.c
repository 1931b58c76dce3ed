/* Checks of a plan: `rehost convert --dry-run` for each machine, as many at once as there is memory for. */
#include "run/batch/check.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/checked.h"
#include "core/base/child.h"
#include "core/base/file.h"
#include "core/base/memory.h"
#include "core/base/work.h"

enum {
	REPORT_BYTES_MAX = 64 << 20, /* as much as `rehost check --json` prints */
	EVENTS_BYTES_MAX = 4 << 20,  /* the last ones: the error is among them */
	MEMORY_PAUSE_SECONDS = 1,
};

#define CHECK_MEMORY (2 * GIB) /* the appliance's 1280 MiB, qemu, both our processes, room */

/* ---- what it printed ---- */

static const char *last_error(const char *events, struct arena *a)
{
	const char *ret = "";

	while (*events) {
		size_t n = strcspn(events, "\n");
		AUTO(js_freep) struct json *event = js_parse(events, n, NULL);

		if (event && !strcmp(js_get_str(event, "event", ""), "error"))
			ret = arena_strdup(a, js_get_str(event, "text", ""));
		events += n + (events[n] == '\n');
	}
	return ret;
}

static void read_findings(const struct json *findings, struct arena *a, struct unit_check *ret)
{
	for (size_t i = 0; i < js_count(findings) && !ret->finding; i++) {
		const struct json *f = js_at(findings, i);

		if (strcmp(js_get_str(f, "severity", ""), "blocker") != 0)
			continue;
		ret->finding = arena_strdup(a, js_get_str(f, "id", ""));
		ret->finding_text = arena_strdup(a, js_get_str(f, "text", ""));
	}
}

void check_read(const struct json *report, const char *events, struct arena *a, struct unit_check *ret)
{
	const struct json *inspection = js_get(report, "inspection"), *disks = js_get(report, "source_disks"),
			  *timings = js_get(report, "timings");

	ret->error = last_error(events, a);
	ret->verdict = arena_strdup(a, js_get_str(inspection, "verdict", NULL));
	ret->memory = js_get_u64(js_get(report, "machine"), "memory", 0);
	read_findings(js_get(inspection, "findings"), a, ret);
	for (size_t i = 0; i < js_count(disks); i++)
		if (!add_fits(ret->allocated, js_get_u64(js_at(disks, i), "allocated", 0), &ret->allocated))
			ret->allocated = UINT64_MAX;
	for (size_t i = 0; i < js_count(timings); i++)
		ret->seconds += js_get_real(js_at(timings, i), "seconds", 0);
}

/* ---- one child ---- */

struct words {
	struct arena *arena;
	VEC(const char *) v;
};

static void add(struct words *to, const char *const *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		*vec_push(to->arena, &to->v) = v[i];
}

static const char *const *command_line(const struct unit *u, struct arena *a)
{
	static const char *const head[] = {"rehost", "convert", "--dry-run", "--json", "--progress", "json"};
	static const char *const end[] = {"--"};
	struct words words = {.arena = a};

	add(&words, head, sizeof head / sizeof *head);
	add(&words, u->arguments.v, u->arguments.n);
	add(&words, end, 1);
	add(&words, u->sources.v, u->sources.n);
	*vec_push(a, &words.v) = NULL;
	return words.v.v;
}

static int run_child(const struct unit *u, int out, int events, int *ret_status, struct err *err)
{
	struct child_fd fds[] = {{out, STDOUT_FILENO}, {events, STDERR_FILENO}};
	struct child_spec spec = {.program = "/proc/self/exe", .fds = fds, .nfds = 2};
	struct arena a = {0};
	int status;
	pid_t pid;

	spec.argv = command_line(u, &a);
	pid = child_start(&spec, err);
	arena_done(&a);
	if (pid < 0 || child_wait(pid, &status, err) < 0)
		return -1;
	*ret_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	return 0;
}

struct printed {
	struct buf out, events;
};

static int check_one(const struct unit *u, struct printed *ret, int *ret_status, struct err *err)
{
	AUTO_FD int out = file_unnamed(err), events = -1;

	if (out < 0)
		return -1;
	events = file_unnamed(err);
	if (events < 0 || run_child(u, out, events, ret_status, err) < 0)
		return -1;
	if (lseek(out, 0, SEEK_SET) < 0)
		return err_sys(err, ERR_INTERNAL, "cannot read the report");
	if (file_slurp_fd(out, "the report", &ret->out, err) < 0)
		return -1;
	return file_slurp_tail(events, "events", &ret->events, err);
}

/* ---- all of them ---- */

struct checks {
	const struct check_options *o;
	const struct unit *units;
	size_t n, next, running, done;
	struct arena *arena;
	struct unit_check *ret;
	bool failed;
	pthread_mutex_t lock;
};

/* The next unit, once there is memory for it; n: none is left. */
static size_t take_next(struct checks *c)
{
	size_t ret;

	pthread_mutex_lock(&c->lock);
	while (c->running && c->next < c->n && !c->failed && memory_available() < CHECK_MEMORY) {
		pthread_mutex_unlock(&c->lock);
		sleep(MEMORY_PAUSE_SECONDS);
		pthread_mutex_lock(&c->lock);
	}
	ret = c->failed ? c->n : c->next;
	if (ret < c->n) {
		c->next++;
		c->running++;
	}
	pthread_mutex_unlock(&c->lock);
	return ret;
}

static void give_up(struct checks *c)
{
	pthread_mutex_lock(&c->lock);
	c->failed = true;
	c->running--;
	pthread_mutex_unlock(&c->lock);
}

static void keep(struct checks *c, size_t i, int status, const struct printed *p)
{
	AUTO(js_freep) struct json *report = js_parse(buf_str(&p->out), p->out.len, NULL);

	pthread_mutex_lock(&c->lock);
	c->ret[i] = (struct unit_check){.status = status};
	check_read(report, buf_str(&p->events), c->arena, &c->ret[i]);
	c->running--;
	c->done++;
	if (c->o->checked)
		c->o->checked(&c->units[i], &c->ret[i], c->done, c->n, c->o->opaque);
	pthread_mutex_unlock(&c->lock);
}

static int work(void *opaque, struct err *err)
{
	struct checks *c = opaque;

	for (size_t i; (i = take_next(c)) < c->n;) {
		struct printed printed = {BUF_INIT(REPORT_BYTES_MAX), BUF_INIT(EVENTS_BYTES_MAX)};
		int status, ret = check_one(&c->units[i], &printed, &status, err);

		if (ret == 0)
			keep(c, i, status, &printed);
		buf_done(&printed.out);
		buf_done(&printed.events);
		if (ret < 0) {
			give_up(c);
			return err_wrap(err, "check of '%s'", c->units[i].name);
		}
	}
	return 0;
}

/* Memory is taken long after a check was started: how many begin at once is decided by what there is before. */
static unsigned at_once(unsigned jobs, size_t units)
{
	uint64_t room = memory_available() / CHECK_MEMORY;
	uint64_t ret = min_u64(work_threads(jobs), units);

	return (unsigned)max_u64(1, min_u64(ret, room));
}

int check_units(const struct check_options *o, const struct unit *units, size_t n, struct arena *a,
		struct unit_check *ret, struct err *err)
{
	struct checks c = {.o = o, .units = units, .n = n, .arena = a, .ret = ret, .lock = PTHREAD_MUTEX_INITIALIZER};

	return work_run(at_once(o->jobs, n), work, &c, err);
}
