/* GNU parallel: one command line that works through a list of units, here or over ssh; for a few hosts without a
 * cluster. It stays in the foreground. */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "core/base/checked.h"
#include "core/base/child.h"
#include "core/base/shell.h"
#include "run/batch/engine.h"

enum {
	OPTIONS_MAX = 32,
	PARALLEL_FAILED_MAX = 101, /* exit statuses up to it count jobs that failed; 101 is "more" */
};

struct parallel_plan {
	const char *list, *script; /* names in the engine's folder */
	const char *argv[OPTIONS_MAX];
	size_t n;
};

/* A word of the command that parallel runs: parallel replaces what stands in braces, so none stays beside its name. */
static const char *command_word(struct submission *s, const char *text)
{
	AUTO(buf_done) struct buf quoted = BUF_INIT(ENGINE_TEXT_MAX);
	AUTO(buf_done) struct buf b = BUF_INIT(ENGINE_TEXT_MAX);

	shell_word(&quoted, text);
	for (const char *at = buf_str(&quoted); *at; at++) {
		buf_add(&b, at, 1);
		if (*at == '{')
			buf_adds(&b, "''");
	}
	return arena_strdup(&s->arena, buf_str(&b));
}

/* Cores per unit, as a share of each host's. */
static const char *default_jobs(struct submission *s)
{
	unsigned cpus = 1;

	VEC_FOR (u, &s->units)
		cpus = (unsigned)max_u64(cpus, u->cpus);
	return arena_printf(&s->arena, "%u%%", (unsigned)max_u64(100 / cpus, 1));
}

/* Sources know no limit here but the whole command's. */
static unsigned limit_of(const struct submission *s)
{
	unsigned ret = s->options->throttle;

	VEC_FOR (g, &s->job->source_groups)
		if (!ret || g->at_once < ret)
			ret = g->at_once;
	return ret;
}

static void add(struct parallel_plan *p, const char *word)
{
	p->argv[p->n++] = word;
}

static void make_command(struct submission *s, struct parallel_plan *p)
{
	unsigned limit = limit_of(s);

	add(p, "parallel");
	if (s->options->hosts) {
		add(p, "--sshloginfile");
		add(p, s->options->hosts);
	}
	add(p, "--jobs");
	add(p, limit ? arena_printf(&s->arena, "%u", limit) : default_jobs(s));
	add(p, "--joblog");
	add(p, engine_path(s, arena_printf(&s->arena, "parallel-%u.log", s->number)));
	add(p, "--resume-failed");
	add(p, "--retries");
	add(p, "3"); /* a unit with an outcome answers at once; what is to be tried again is tried on another host */
	add(p, "--termseq");
	add(p, "TERM,60000,KILL,1000");
	add(p, "--arg-file");
	add(p, engine_path(s, p->list));
	add(p, command_word(s, s->program));
	add(p, "batch");
	add(p, "unit");
	add(p, "--quiet");
	add(p, "--job");
	add(p, command_word(s, s->job->path));
	add(p, "--index");
	add(p, "{}");
}

static int prepare(struct submission *s, struct err *err)
{
	struct parallel_plan *p = arena_alloc(&s->arena, sizeof *p);

	s->plan = p;
	p->list = arena_printf(&s->arena, "parallel-%u.units", s->number);
	p->script = arena_printf(&s->arena, "parallel-%u.sh", s->number);
	make_command(s, p);
	buf_addf(&s->text, "# units: %zu\n", s->units.n);
	shell_words(&s->text, p->argv);
	buf_adds(&s->text, "\n");
	return 0;
}

static int write_list(struct submission *s, const struct parallel_plan *p, struct err *err)
{
	AUTO(buf_done) struct buf b = BUF_INIT(ENGINE_TEXT_MAX);

	VEC_FOR (u, &s->units)
		buf_addf(&b, "%u\n", u->index);
	return engine_write(s, p->list, buf_str(&b), 0644, err);
}

static int write_script(struct submission *s, const struct parallel_plan *p, struct err *err)
{
	AUTO(buf_done) struct buf b = BUF_INIT(ENGINE_TEXT_MAX);

	buf_addf(&b, "#!/bin/sh\n# What is left of it is done when it is run again.\n%s", buf_str(&s->text));
	return engine_write(s, p->script, buf_str(&b), 0755, err);
}

static int run(const struct parallel_plan *p, struct err *err)
{
	static const struct child_fd fds[] = {{STDOUT_FILENO, STDOUT_FILENO}, {STDERR_FILENO, STDERR_FILENO}};
	const struct child_spec spec = {.argv = p->argv, .fds = fds, .nfds = 2};
	int status;
	pid_t pid = child_start(&spec, err);

	if (pid < 0 || child_wait(pid, &status, err) < 0)
		return -1;
	if (!WIFEXITED(status))
		return err_set(err, ERR_TERMINATED, "ended by signal %d", WTERMSIG(status));
	if (WEXITSTATUS(status) > PARALLEL_FAILED_MAX)
		return err_set(err, ERR_HOST, "exit status %d: it could not do its work", WEXITSTATUS(status));
	if (WEXITSTATUS(status))
		return err_set(err, ERR_INCOMPLETE, "%s%d units aren't done",
			       WEXITSTATUS(status) == PARALLEL_FAILED_MAX ? "at least " : "", WEXITSTATUS(status));
	return 0;
}

static int submit(struct submission *s, struct err *err)
{
	struct parallel_plan *p = s->plan;
	char path[4096];

	js_set_str(s->record, "script", engine_path(s, p->script));
	if (write_list(s, p, err) < 0 || write_script(s, p, err) < 0 || engine_note(s, err) < 0)
		return -1;
	if (!child_find("parallel", path, sizeof path))
		return err_set(err, ERR_HOST, "this host has no GNU parallel; '%s' is to be run on one that has it",
			       engine_path(s, p->script));
	return run(p, err);
}

const struct engine engine_parallel = {
    .name = "parallel",
    .prepare = prepare,
    .submit = submit,
};
