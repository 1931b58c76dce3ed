/* Batch engines against programs that note what they are given: commands, quoting, licences, what is left to do, and
 * the book. A real cluster is in tests/fleet. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/file.h"
#include "run/batch/engine.h"
#include "run/batch/outcome.h"

enum { UNITS = 5 };

struct fixture {
	char dir[64], path[256];
	struct job *job;
	struct submission s;
	struct err err;
};

/* Each says its arguments, one a line, to a file, and answers as Slurm does. */
static const struct {
	const char *name, *text;
} programs[] = {
    {"sbatch", "#!/bin/sh\nfor w; do printf '<%s>\\n' \"$w\" >> \"$FAKE/said\"; done\n"
	       "n=$(cat \"$FAKE/n\" 2> /dev/null || echo 100); [ ! -e \"$FAKE/fail-$n\" ] || { echo no >&2; exit 1; }\n"
	       "echo $((n + 1)) > \"$FAKE/n\"; echo \"$n;loopback\"\n"},
    {"scontrol", "#!/bin/sh\ncase \"$*\" in\n*config) echo 'MaxArraySize            = 4' ;;\n"
		 "*) echo 'LicenseName=esx1 Total=2 Used=0 Free=2 Reserved=0 Remote=no' ;;\nesac\n"},
    {"sinfo", "#!/bin/sh\ncat \"$FAKE/tmp\" 2> /dev/null || echo 0\n"},
    {"squeue", "#!/bin/sh\ncat \"$FAKE/queue\" 2> /dev/null || { echo 'slurm_load_jobs error: Invalid job id "
	       "specified' >&2; exit 1; }\n"},
    {"scancel", "#!/bin/sh\necho \"cancelled $*\" >> \"$FAKE/said\"\n"},
};

static const char *in_dir(const struct fixture *f, const char *name)
{
	static char path[512];

	snprintf(path, sizeof path, "%s/%s", f->dir, name);
	return path;
}

static void put(const struct fixture *f, const char *name, const char *text, mode_t mode)
{
	assert_int_equal(file_replace(AT_FDCWD, in_dir(f, name), text, strlen(text), mode, NULL), 0);
}

static char *said(const struct fixture *f)
{
	static char text[1 << 16];
	int fd = open(in_dir(f, "said"), O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);

	close(fd);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

/* A folder's name with all that shells, Slurm, GNU parallel and YAML could take for something else. */
#define NASTY "a %A 'b' \"c\" {}{.} $(x) $d"

static void write_units(struct fixture *f, const char *const groups[UNITS])
{
	static const char *const sources[] = {"/images/a.ova"};
	static const struct source_group all[] = {{"esx1", 2}, {"esx2", 3}};
	struct unit units[UNITS] = {0};
	char names[UNITS][16];

	for (unsigned i = 0; i < UNITS; i++) {
		snprintf(names[i], sizeof names[i], "m%u", i);
		units[i] = (struct unit){.index = i,
					 .name = names[i],
					 .sources = {sources, 1},
					 .source_group = groups[i],
					 .cpus = 2,
					 .memory_mib = 3072,
					 .tmp_mib = 700,
					 .bytes = 3ULL << 30};
	}
	const struct job_draft draft = {.name = "Wave 3!",
					.manifest_name = "manifest.yaml",
					.manifest = "",
					.source_groups = all,
					.ngroups = groups[0] ? 2 : 0,
					.units = units,
					.nunits = UNITS};
	assert_int_equal(job_write(f->path, &draft, &f->err), 0);
	assert_int_equal(job_open(f->path, &f->job, &f->err), 0);
}

static void begin(struct fixture *f, const char *const groups[UNITS])
{
	char path[4096];

	strcpy(f->dir, "/tmp/rehost-engine-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	for (size_t i = 0; i < sizeof programs / sizeof *programs; i++)
		put(f, programs[i].name, programs[i].text, 0755);
	snprintf(path, sizeof path, "%s:/usr/bin:/bin", f->dir);
	setenv("PATH", path, 1);
	setenv("FAKE", f->dir, 1);
	snprintf(f->path, sizeof f->path, "%s/%s", f->dir, NASTY);
	write_units(f, groups);
}

static const char *const no_groups[UNITS];

static int setup(void **state)
{
	*state = calloc(1, sizeof(struct fixture));
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	submission_done(&f->s);
	job_close(f->job);
	file_remove_tree(AT_FDCWD, f->dir, NULL);
	free(f);
	return 0;
}

static const struct engine_options plain = {.program = "/opt/re host", .partition = "convert", .time = "8:00:00"};

static void prepare(struct fixture *f, const struct engine *e, const struct engine_options *o)
{
	submission_done(&f->s);
	if (engine_prepare(e, f->job, o, &f->s, &f->err) < 0)
		fail_msg("%s", f->err.text);
}

static void outcome(struct fixture *f, unsigned index, const char *state, unsigned status)
{
	AUTO(js_freep) struct json *j = js_object();
	char folder[512], name[16];
	int fd;

	snprintf(folder, sizeof folder, "%s/state/%06u", f->path, index);
	snprintf(name, sizeof name, "m%u", index);
	assert_int_equal(file_mkdirs(folder, NULL), 0);
	js_set_str(j, "schema", OUTCOME_SCHEMA);
	js_set_str(j, "state", state);
	js_set_str(j, "name", name);
	js_set_u64(j, "index", index);
	js_set_u64(j, "exit", status);
	js_set_u64(j, "attempt", 0);
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(outcome_write(fd, j, &f->err), 0);
	close(fd);
}

static bool has(const char *text, const char *part)
{
	if (strstr(text, part))
		return true;
	print_message("no '%s' in:\n%s\n", part, text);
	return false;
}

/* ---- Slurm ---- */

static void test_slurm_arguments_are_whole(void **state)
{
	struct fixture *f = *state;
	char expected[512];

	begin(f, no_groups);
	prepare(f, &engine_slurm, &plain);
	assert_int_equal(engine_submit(&engine_slurm, &f->s, &f->err), 0);
	snprintf(expected, sizeof expected, "/state/engine/slurm-unit.sh>\n</opt/re host>\n<%s>\n<0>\n", f->path);
	assert_true(has(said(f), expected));
	assert_true(has(said(f), "a %%A 'b' \"c\" {}{.} $(x) $d/state/engine/slurm-%A_%a.log>\n"));
	assert_true(has(said(f),
			"<--partition=convert>\n<--array=0-3>\n<--requeue>\n<--signal=B:TERM@60>\n<--ntasks=1>\n"
			"<--cpus-per-task=2>\n<--mem=3072M>\n<--time=8:00:00>\n"));
	assert_null(strstr(said(f), "--tmp"));
	assert_true(has(said(f), "<--dependency=afterany:100:101>\n"));
}

/* Task numbers end below MaxArraySize, here 4; the last argument is what is added to them. */
static void test_slurm_splits_and_limits(void **state)
{
	struct fixture *f = *state;
	const struct engine_options o = {.program = "/rehost", .throttle = 7};

	begin(f, no_groups);
	put(f, "tmp", "0\n9000\n", 0644);
	prepare(f, &engine_slurm, &o);
	assert_true(has(buf_str(&f->s.text), "# units: 5, arrays: 2\n"));
	assert_true(has(buf_str(&f->s.text), "--array=0-3%7 "));
	assert_true(has(buf_str(&f->s.text), "--array=0%7 "));
	assert_true(has(buf_str(&f->s.text), "--tmp=1024M "));
	assert_true(has(buf_str(&f->s.text), " 4\t# is ARRAY-2\n"));
	assert_int_equal(said(f)[0], '\0');
}

/* A source with a licence of its name has it; one without has %, and its arrays wait for one another. */
static void test_slurm_source_groups(void **state)
{
	static const char *const groups[UNITS] = {"esx1", "esx2", "esx1", "esx2", "esx2"};
	struct fixture *f = *state;

	begin(f, groups);
	prepare(f, &engine_slurm, &plain);
	assert_true(has(buf_str(&f->s.text), "--licenses=esx1:1 --array=0,2 "));
	assert_true(has(buf_str(&f->s.text), "--array=1,3%3 "));
	assert_true(has(buf_str(&f->s.text), "--dependency=afterany:ARRAY-2 --array=0%3 "));
	assert_null(strstr(buf_str(&f->s.text), "esx2:"));
}

static void test_only_what_is_left(void **state)
{
	struct fixture *f = *state;

	begin(f, no_groups);
	outcome(f, 0, "done", 0);
	outcome(f, 1, "blocked", 3);
	outcome(f, 2, "failed", 5);
	prepare(f, &engine_slurm, &plain);
	assert_true(has(buf_str(&f->s.text), "--array=2-3 "));
	assert_int_equal(engine_submit(&engine_slurm, &f->s, &f->err), 0);
	submission_done(&f->s);
	for (unsigned i = 2; i < UNITS; i++)
		outcome(f, i, "done", 0);
	prepare(f, &engine_slurm, &plain);
	assert_int_equal(f->s.units.n, 0);
}

static void test_failures_are_tried_again(void **state)
{
	struct fixture *f = *state;
	char path[512];

	begin(f, no_groups);
	outcome(f, 2, "failed", 5);
	snprintf(path, sizeof path, "%s/state/000002/failed.json", f->path);
	prepare(f, &engine_slurm, &plain);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(engine_submit(&engine_slurm, &f->s, &f->err), 0);
	assert_int_equal(access(path, F_OK), -1);
}

static void test_blocked_ones_when_asked(void **state)
{
	struct fixture *f = *state;
	struct engine_options o = plain;
	char path[512];

	begin(f, no_groups);
	outcome(f, 0, "done", 0);
	outcome(f, 1, "blocked", 3);
	snprintf(path, sizeof path, "%s/state/000001/blocked.json", f->path);
	prepare(f, &engine_slurm, &plain);
	assert_int_equal(f->s.units.n, UNITS - 2);
	o.retry_blocked = true;
	prepare(f, &engine_slurm, &o);
	assert_int_equal(f->s.units.n, UNITS - 1);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(engine_submit(&engine_slurm, &f->s, &f->err), 0);
	assert_int_equal(access(path, F_OK), -1);
}

static void test_book(void **state)
{
	struct fixture *f = *state;
	unsigned n = 9;

	begin(f, no_groups);
	assert_int_equal(engine_cancel(f->job, &n, &f->err), 0);
	assert_int_equal(n, 0);
	prepare(f, &engine_slurm, &plain);
	assert_int_equal(engine_submit(&engine_slurm, &f->s, &f->err), 0);
	assert_string_equal(js_get_str(f->s.record, "report", ""), "102");
	put(f, "queue", "100_0\n", 0644);
	submission_done(&f->s);
	assert_int_equal(engine_prepare(&engine_parallel, f->job, &plain, &f->s, &f->err), -1);
	assert_int_equal(f->err.code, ERR_BLOCKED);
	assert_true(has(f->err.text, "is still at work; `rehost batch cancel` ends it"));
	assert_int_equal(engine_cancel(f->job, &n, &f->err), 0);
	assert_int_equal(n, 1);
	assert_true(has(said(f), "cancelled 100\ncancelled 101\n"));
	unlink(in_dir(f, "queue")); /* Slurm has forgotten it */
	prepare(f, &engine_slurm, &plain);
	assert_int_equal(f->s.number, 1);
}

static void test_half_submitted(void **state)
{
	struct fixture *f = *state;
	unsigned n;

	begin(f, no_groups);
	put(f, "fail-101", "", 0644);
	prepare(f, &engine_slurm, &plain);
	assert_int_equal(engine_submit(&engine_slurm, &f->s, &f->err), -1);
	assert_string_equal(f->err.text,
			    "slurm: array 2 of 2; `rehost batch cancel` ends those before it: sbatch: exit "
			    "status 1: no");
	put(f, "queue", "100_0\n", 0644);
	assert_int_equal(engine_cancel(f->job, &n, &f->err), 0);
	assert_true(has(said(f), "cancelled 100\n"));
}

/* ---- GNU parallel ---- */

static void test_parallel(void **state)
{
	const struct engine_options o = {.program = "/opt/re host", .hosts = "/etc/hosts.parallel"};
	struct fixture *f = *state;

	begin(f, no_groups);
	prepare(f, &engine_parallel, &o);
	assert_true(has(buf_str(&f->s.text), "parallel --sshloginfile /etc/hosts.parallel --jobs 50% --joblog "));
	assert_true(has(buf_str(&f->s.text), "/state/engine/parallel-0.log' --resume-failed --retries 3 "));
	/* Quoted twice: for the shell that starts parallel, and for those that parallel starts. */
	assert_true(has(buf_str(&f->s.text), " ''\\''/opt/re host'\\''' batch unit --quiet --job "));
	assert_true(has(buf_str(&f->s.text), "{'\\'''\\''}{'\\'''\\''.}"));
	assert_true(has(buf_str(&f->s.text), " --index '{}'\n"));
}

/* ---- Kubernetes ---- */

static void test_kubernetes(void **state)
{
	static const char *const mounts[] = {"images:/images", NULL};
	static const char *const groups[UNITS] = {"esx1", "esx2", "esx1", "esx2", "esx2"};
	const struct engine_options o = {.image = "registry/rehost:1", .mounts = mounts, .throttle = 4};
	struct fixture *f = *state;
	const char *text;

	begin(f, groups);
	prepare(f, &engine_kubernetes, &o);
	text = buf_str(&f->s.text);
	assert_true(has(text, "kind: PersistentVolumeClaim\nmetadata:\n  name: \"rehost-wave-3\"\n"));
	assert_true(has(text, "      storage: 17Gi\n"));
	assert_true(has(text, "  completions: 5\n  parallelism: 2\n  backoffLimitPerIndex: 20\n"));
	assert_true(has(text, "a %A 'b' \\\"c\\\" {}{.} $$(x) $$d\"\n"));
	assert_true(
	    has(text, "        - name: source-0\n          mountPath: \"/images\"\n          readOnly: true\n"));
	assert_int_equal(engine_submit(&engine_kubernetes, &f->s, &f->err), 0);
	assert_true(has(js_get_str(f->s.record, "manifest", ""), "/state/engine/kubernetes-0.yaml"));
}

/* What is left is another Job, with the claim that is there: a cluster would change neither. */
static void test_kubernetes_again(void **state)
{
	const struct engine_options o = {.image = "registry/rehost:1"}, other = {.image = "x", .claim = "jobs"};
	struct fixture *f = *state;
	const char *text;

	begin(f, no_groups);
	prepare(f, &engine_kubernetes, &other);
	assert_int_equal(engine_submit(&engine_kubernetes, &f->s, &f->err), 0);
	prepare(f, &engine_kubernetes, &o);
	text = buf_str(&f->s.text);
	assert_true(has(text, "kind: PersistentVolumeClaim\nmetadata:\n  name: \"rehost-wave-3\"\n"));
	assert_true(has(text, "kind: Job\nmetadata:\n  name: \"rehost-wave-3-1\"\n"));
	assert_int_equal(engine_submit(&engine_kubernetes, &f->s, &f->err), 0);
	prepare(f, &engine_kubernetes, &o);
	text = buf_str(&f->s.text);
	assert_null(strstr(text, "PersistentVolumeClaim\n"));
	assert_true(has(text, "kind: Job\nmetadata:\n  name: \"rehost-wave-3-2\"\n"));
	assert_true(has(text, "          claimName: \"rehost-wave-3\"\n"));
}

static void test_kubernetes_options(void **state)
{
	static const char *const mounts[] = {"images", NULL};
	struct fixture *f = *state;

	begin(f, no_groups);
	assert_int_equal(engine_prepare(&engine_kubernetes, f->job, &(struct engine_options){0}, &f->s, &f->err), -1);
	assert_string_equal(f->err.text, "kubernetes: --image is missing: the container image that has rehost");
	submission_done(&f->s);
	assert_int_equal(engine_prepare(&engine_kubernetes, f->job,
					&(struct engine_options){.image = "x", .mounts = mounts}, &f->s, &f->err),
			 -1);
	assert_string_equal(f->err.text, "kubernetes: --mount 'images': CLAIM:PATH expected, with an absolute path");
}

int main(void)
{
#define TEST(x) cmocka_unit_test_setup_teardown(x, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(test_slurm_arguments_are_whole),
	    TEST(test_slurm_splits_and_limits),
	    TEST(test_slurm_source_groups),
	    TEST(test_only_what_is_left),
	    TEST(test_failures_are_tried_again),
	    TEST(test_blocked_ones_when_asked),
	    TEST(test_book),
	    TEST(test_half_submitted),
	    TEST(test_parallel),
	    TEST(test_kubernetes),
	    TEST(test_kubernetes_again),
	    TEST(test_kubernetes_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
