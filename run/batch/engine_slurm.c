/* Slurm: units as task arrays, source groups as licences, and a report when all have ended. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/checked.h"
#include "core/base/shell.h"
#include "run/batch/arrays.h"
#include "run/batch/engine.h"

#define UNIT_SCRIPT   "slurm-unit.sh"
#define REPORT_SCRIPT "slurm-report.sh"

enum {
	OPTIONS_MAX = 32,	     /* of one sbatch */
	MAX_ARRAY_SIZE_USUAL = 1001, /* Slurm's own default */
};

/* What is done with an exit status: docs/batch.md. Nothing of the job is written into the scripts, so nothing in them
 * needs quotes: sbatch hands the arguments over byte by byte. */
static const char unit_script[] =
    "#!/bin/bash\n"
    "# One task of a batch job under Slurm: PROGRAM JOB OFFSET.\n"
    "program=$1 job=$2 unit=$(($3 + SLURM_ARRAY_TASK_ID))\n"
    "task=${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID\n"
    "restarts=20 # what is as often tried again isn't a passing fault\n"
    "pid='' asked=''\n"
    "pass_on() {\n"
    "\tasked=1\n"
    "\t[ -z \"$pid\" ] || kill -TERM \"$pid\" 2> /dev/null\n"
    "}\n"
    "trap pass_on TERM\n"
    "\"$program\" batch unit --job \"$job\" --index \"$unit\" --threads \"${SLURM_CPUS_PER_TASK:-1}\" --quiet &\n"
    "pid=$!\n"
    "[ -z \"$asked\" ] || pass_on\n"
    "while\n"
    "\twait \"$pid\" # ends when a signal comes, too\n"
    "\tstatus=$?\n"
    "\tkill -0 \"$pid\" 2> /dev/null\n"
    "do :; done\n"
    "case $status in\n"
    "8 | 75 | 137 | 143) ;; # this host's fault, or this moment's\n"
    "*) exit \"$status\" ;;\n"
    "esac\n"
    "# A task that Slurm itself is ending (scancel, scontrol requeue) isn't running any more, and is Slurm's to start "
    "again.\n"
    "if [ \"${SLURM_RESTART_COUNT:-0}\" -lt \"$restarts\" ] && [ \"$(squeue -h -o %T -j \"$task\")\" = RUNNING ]; "
    "then\n"
    "\techo \"unit $unit: exit status $status, requeued\"\n"
    "\tscontrol requeue \"$task\"\n"
    "fi\n"
    "exit \"$status\"\n";

static const char report_script[] = "#!/bin/bash\n"
				    "# When all tasks of a batch job have ended under Slurm: PROGRAM JOB.\n"
				    "exec \"$1\" batch report \"$2\"\n";

/* What the cluster has. */
struct cluster {
	unsigned max_array_size;
	bool has_tmp; /* nodes say how much disk space they have: else nothing that asks for some is ever started */
	const char *licences; /* "LicenseName=esx1 Total=2 …" lines */
};

struct slurm_plan {
	struct cluster cluster;
	task_arrays arrays;
	const char **ids; /* of each array: a word in a dry run, Slurm's once it is submitted */
};

struct words {
	const char *v[OPTIONS_MAX];
	size_t n;
};

/* ---- the cluster ---- */

/* "MaxArraySize            = 1001" */
static unsigned config_number(const char *config, const char *key, unsigned missing)
{
	const char *at = strstr(config, key);

	at = at ? strchr(at, '=') : NULL;
	return at ? (unsigned)min_u64(strtoul(at + 1, NULL, 10), UINT32_MAX) : missing;
}

static int ask_config(struct cluster *c, struct err *err)
{
	AUTO(buf_done) struct buf out = BUF_INIT(ENGINE_SAID_MAX);

	if (engine_run((const char *const[]){"scontrol", "show", "config", NULL}, &out, err) < 0)
		return -1;
	c->max_array_size = config_number(buf_str(&out), "MaxArraySize", MAX_ARRAY_SIZE_USUAL);
	if (c->max_array_size < 2)
		return err_set(err, ERR_HOST, "the cluster's MaxArraySize is %u: it takes no task arrays",
			       c->max_array_size);
	return 0;
}

static int ask_licences(struct cluster *c, struct arena *a, struct err *err)
{
	AUTO(buf_done) struct buf out = BUF_INIT(ENGINE_SAID_MAX);

	if (engine_run((const char *const[]){"scontrol", "--oneliner", "show", "licenses", NULL}, &out, err) < 0)
		return -1;
	c->licences = arena_strdup(a, buf_str(&out));
	return 0;
}

static int ask_tmp(struct cluster *c, const char *partition, struct err *err)
{
	AUTO(buf_done) struct buf out = BUF_INIT(ENGINE_SAID_MAX);
	const char *const argv[] = {"sinfo",   "--noheader", "--format=%d", partition ? "--partition" : NULL,
				    partition, NULL};

	if (engine_run(argv, &out, err) < 0)
		return -1;
	c->has_tmp = strpbrk(buf_str(&out), "123456789") != NULL;
	return 0;
}

static bool has_licence(const struct cluster *c, const char *name)
{
	static const char key[] = "LicenseName=";

	for (const char *at = c->licences; (at = strstr(at, key)); at += strlen(key)) {
		const char *found = at + strlen(key);

		if (!strncmp(found, name, strlen(name)) && found[strlen(name)] == ' ')
			return true;
	}
	return false;
}

/* ---- commands ---- */

static void add(struct words *w, const char *word)
{
	w->v[w->n++] = word;
	w->v[w->n] = NULL;
}

#define addf(s, w, ...) add((w), arena_printf(&(s)->arena, __VA_ARGS__))

/* Where a task's own output goes. In names that Slurm is given % begins a pattern; with a backslash in it there is
 * none, and no pattern either. */
static const char *output_name(struct submission *s, const char *pattern)
{
	const char *folder = engine_path(s, "");
	char *ret = arena_alloc(&s->arena, 2 * strlen(folder) + strlen(pattern) + 1), *to = ret;

	if (strpbrk(folder, "\\\n"))
		return "/dev/null";
	for (; *folder; folder++) {
		*to++ = *folder;
		if (*folder == '%')
			*to++ = '%';
	}
	memcpy(to, pattern, strlen(pattern) + 1);
	return ret;
}

static void add_common(struct submission *s, struct words *w, const char *output)
{
	add(w, "sbatch");
	add(w, "--parsable");
	addf(s, w, "--job-name=rehost-%s", s->job->name);
	add(w, "--chdir=/");
	add(w, "--open-mode=append");
	addf(s, w, "--output=%s", output_name(s, output));
	if (s->options->partition)
		addf(s, w, "--partition=%s", s->options->partition);
}

static unsigned at_once(const struct job *job, const char *source_group)
{
	VEC_FOR (g, &job->source_groups)
		if (!strcmp(g->name, source_group))
			return g->at_once;
	return 0;
}

static unsigned lower(unsigned a, unsigned b)
{
	return a && b ? (unsigned)min_u64(a, b) : a + b;
}

/* The last array before this one with the same source; NULL none. */
static const char *before(const struct slurm_plan *p, size_t i)
{
	const char *group = p->arrays.v[i].source_group;

	while (i--)
		if (p->arrays.v[i].source_group && !strcmp(p->arrays.v[i].source_group, group))
			return p->ids[i];
	return NULL;
}

/* A source bears so many at once: a licence of its name counts all its arrays together. Where the cluster has none,
 * each array has the limit, and waits for the one before. */
static unsigned add_source_limit(struct submission *s, size_t i, struct words *w)
{
	const struct slurm_plan *p = s->plan;
	const char *group = p->arrays.v[i].source_group;

	if (!group)
		return 0;
	if (has_licence(&p->cluster, group)) {
		addf(s, w, "--licenses=%s:1", group);
		return 0;
	}
	if (at_once(s->job, group) && before(p, i))
		addf(s, w, "--dependency=afterany:%s", before(p, i));
	return at_once(s->job, group);
}

static void array_command(struct submission *s, size_t i, struct words *w)
{
	const struct slurm_plan *p = s->plan;
	const struct task_array *array = &p->arrays.v[i];
	unsigned limit;

	add_common(s, w, "slurm-%A_%a.log");
	limit = lower(s->options->throttle, add_source_limit(s, i, w));
	if (limit)
		addf(s, w, "--array=%s%%%u", task_array_list(&s->arena, array), limit);
	else
		addf(s, w, "--array=%s", task_array_list(&s->arena, array));
	add(w, "--requeue");
	add(w, "--signal=B:TERM@60");
	add(w, "--ntasks=1");
	if (array->cpus)
		addf(s, w, "--cpus-per-task=%u", array->cpus);
	if (array->memory_mib)
		addf(s, w, "--mem=%uM", array->memory_mib);
	if (array->tmp_mib && p->cluster.has_tmp)
		addf(s, w, "--tmp=%uM", array->tmp_mib);
	if (s->options->time)
		addf(s, w, "--time=%s", s->options->time);
	add(w, engine_path(s, UNIT_SCRIPT));
	add(w, s->program);
	add(w, s->job->path);
	addf(s, w, "%u", array->offset);
}

static void report_command(struct submission *s, struct words *w)
{
	const struct slurm_plan *p = s->plan;
	AUTO(buf_done) struct buf after = BUF_INIT(ENGINE_TEXT_MAX);

	for (size_t i = 0; i < p->arrays.n; i++)
		buf_addf(&after, ":%s", p->ids[i]);
	add_common(s, w, "slurm-%j-report.log");
	addf(s, w, "--dependency=afterany%s", buf_str(&after));
	add(w, engine_path(s, REPORT_SCRIPT));
	add(w, s->program);
	add(w, s->job->path);
}

/* ---- preparing ---- */

static void show_script(struct submission *s, const char *name, const char *text)
{
	buf_adds(&s->text, "# ");
	shell_word(&s->text, engine_path(s, name));
	buf_addf(&s->text, ":\n%s\n", text);
}

static void show(struct submission *s)
{
	struct slurm_plan *p = s->plan;
	struct words report = {0};

	show_script(s, UNIT_SCRIPT, unit_script);
	show_script(s, REPORT_SCRIPT, report_script);
	buf_addf(&s->text, "# units: %zu, arrays: %zu\n", s->units.n, p->arrays.n);
	for (size_t i = 0; i < p->arrays.n; i++) {
		struct words w = {0};

		array_command(s, i, &w);
		shell_words(&s->text, w.v);
		buf_addf(&s->text, "\t# is %s\n", p->ids[i]);
	}
	report_command(s, &report);
	shell_words(&s->text, report.v);
	buf_adds(&s->text, "\n");
}

static int prepare(struct submission *s, struct err *err)
{
	struct slurm_plan *p = arena_alloc(&s->arena, sizeof *p);

	s->plan = p;
	if (ask_config(&p->cluster, err) < 0 || ask_licences(&p->cluster, &s->arena, err) < 0 ||
	    ask_tmp(&p->cluster, s->options->partition, err) < 0)
		return -1;
	task_arrays_make(&s->arena, s->units.v, s->units.n, p->cluster.max_array_size, &p->arrays);
	p->ids = arena_alloc(&s->arena, p->arrays.n * sizeof *p->ids);
	for (size_t i = 0; i < p->arrays.n; i++)
		p->ids[i] = arena_printf(&s->arena, "ARRAY-%zu", i + 1);
	show(s);
	return 0;
}

/* ---- submitting ---- */

/* "4711" or "4711;cluster". */
static int submit_one(struct submission *s, const struct words *w, const char **ret, struct err *err)
{
	AUTO(buf_done) struct buf out = BUF_INIT(ENGINE_SAID_MAX);
	size_t digits;

	if (engine_run(w->v, &out, err) < 0)
		return -1;
	digits = strspn(buf_str(&out), "0123456789");
	if (!digits || !strchr(";\n", buf_str(&out)[digits]))
		return err_set(err, ERR_HOST, "sbatch: no job id in what it said: '%.80s'", buf_str(&out));
	*ret = arena_strndup(&s->arena, buf_str(&out), digits);
	return 0;
}

static void note_array(struct json *to, const struct slurm_plan *p, size_t i, struct arena *a)
{
	const struct task_array *array = &p->arrays.v[i];
	struct json *j = js_add(to, js_object());

	js_set_str(j, "id", p->ids[i]);
	js_set_str(j, "source_group", array->source_group);
	js_set_u64(j, "offset", array->offset);
	js_set_str(j, "tasks", task_array_list(a, array));
}

static int submit_arrays(struct submission *s, struct json *noted, struct err *err)
{
	struct slurm_plan *p = s->plan;

	for (size_t i = 0; i < p->arrays.n; i++) {
		struct words w = {0};

		array_command(s, i, &w);
		if (submit_one(s, &w, &p->ids[i], err) < 0)
			return i ? err_wrap(err, "array %zu of %zu; `rehost batch cancel` ends those before it", i + 1,
					    p->arrays.n)
				 : -1;
		note_array(noted, p, i, &s->arena);
		if (engine_note(s, err) < 0)
			return -1;
	}
	return 0;
}

static int submit(struct submission *s, struct err *err)
{
	struct words w = {0};
	const char *report;

	if (engine_write(s, UNIT_SCRIPT, unit_script, 0755, err) < 0 ||
	    engine_write(s, REPORT_SCRIPT, report_script, 0755, err) < 0 ||
	    submit_arrays(s, js_set(s->record, "arrays", js_array()), err) < 0)
		return -1;
	report_command(s, &w);
	if (submit_one(s, &w, &report, err) < 0)
		return err_wrap(err, "all arrays are submitted, the report is not");
	js_set_str(s->record, "report", report);
	return 0;
}

/* ---- later ---- */

/* What was noted may have been changed since; "" for what is no id. */
static const char *id_of(const struct json *array)
{
	const char *id = js_get_str(array, "id", "");

	return id[strspn(id, "0123456789")] ? "" : id;
}

/* The report only waits for the arrays: it isn't asked for. */
static int ask_queue(const struct json *arrays, struct buf *out, struct err *err)
{
	AUTO(buf_done) struct buf ids = BUF_INIT(ENGINE_TEXT_MAX);

	for (size_t i = 0; i < js_count(arrays); i++)
		if (*id_of(js_at(arrays, i)))
			buf_addf(&ids, "%s%s", ids.len ? "," : "", id_of(js_at(arrays, i)));
	if (!ids.len)
		return 0;
	return engine_run((const char *const[]){"squeue", "--noheader", "--format=%i", "--jobs", buf_str(&ids), NULL},
			  out, err);
}

/* Slurm forgets what has ended (MinJobAge). */
static int unless_forgotten(struct err *err)
{
	if (!strstr(err->text, "Invalid job id"))
		return -1;
	err_clear(err);
	return 0;
}

static int busy(const struct json *record, bool *ret, struct err *err)
{
	AUTO(buf_done) struct buf out = BUF_INIT(ENGINE_SAID_MAX);

	*ret = false;
	if (ask_queue(js_get(record, "arrays"), &out, err) < 0)
		return unless_forgotten(err);
	*ret = out.len > 0;
	return 0;
}

static int cancel_id(const char *id, struct err *err)
{
	AUTO(buf_done) struct buf out = BUF_INIT(ENGINE_SAID_MAX);

	if (engine_run((const char *const[]){"scancel", id, NULL}, &out, err) < 0)
		return unless_forgotten(err);
	return 0;
}

static int cancel(const struct json *record, struct err *err)
{
	const struct json *arrays = js_get(record, "arrays");

	for (size_t i = 0; i < js_count(arrays); i++)
		if (*id_of(js_at(arrays, i)) && cancel_id(id_of(js_at(arrays, i)), err) < 0)
			return -1;
	return 0;
}

const struct engine engine_slurm = {
    .name = "slurm",
    .prepare = prepare,
    .submit = submit,
    .busy = busy,
    .cancel = cancel,
};
