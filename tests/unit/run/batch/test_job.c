/* The job folder: written once by one rename, read back as it was, and not at all when a byte of it has changed. */
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
#include "run/batch/job.h"

struct fixture {
	char dir[64], path[128];
	struct arena arena;
	struct err err;
	struct unit units[2];
	struct source_group group;
	struct job_draft draft;
};

static const char *const one_source[] = {"/images/web01.ova"};
static const char *const two_disks[] = {"/images/db-1.vmdk", "/images/db-2.vmdk"};
static const char *const options[] = {"--network", "lan:br0", "--force"};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	strcpy(f->dir, "/tmp/rehost-job-XXXXXX");
	*state = f;
	if (!mkdtemp(f->dir))
		return -1;
	snprintf(f->path, sizeof f->path, "%s/wave3", f->dir);
	f->units[0] = (struct unit){.name = "web01",
				    .sources = {one_source, 1},
				    .arguments = {options, 3},
				    .group = "web",
				    .source_group = "esx1",
				    .priority = 10,
				    .proof = BOOT_LOGIN,
				    .proof_timeout = 900,
				    .retries = 2,
				    .bytes = 5368709120,
				    .seconds = 90,
				    .cpus = 2,
				    .memory_mib = 3072,
				    .tmp_mib = 800};
	f->units[1] = (struct unit){.name = "db",
				    .sources = {two_disks, 2},
				    .blocked_finding = "B-WINDOWS-HIBERNATED",
				    .blocked_text = "Windows hibernates on '/dev/sda2'"};
	f->group = (struct source_group){.name = "esx1", .at_once = 2};
	f->draft = (struct job_draft){.name = "wave3",
				      .manifest_name = "manifest.yaml",
				      .manifest = "machines: []\n",
				      .manifest_len = 13,
				      .source_groups = &f->group,
				      .ngroups = 1,
				      .units = f->units,
				      .nunits = 2};
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	file_remove_tree(AT_FDCWD, f->dir, NULL);
	arena_done(&f->arena);
	free(f);
	return 0;
}

static struct job *written(struct fixture *f)
{
	struct job *job = NULL;

	if (job_write(f->path, &f->draft, &f->err) < 0 || job_open(f->path, &job, &f->err) < 0)
		fail_msg("%s", f->err.text);
	return job;
}

static void put(struct fixture *f, const char *name, const char *text)
{
	AUTO_FD int fd = file_open_dir(f->path, NULL);

	assert_int_equal(file_replace(fd, name, text, strlen(text), 0644, &f->err), 0);
}

static void read_as_written(void **state)
{
	struct fixture *f = *state;
	AUTO(job_closep) struct job *job = written(f);
	struct unit u;

	assert_string_equal(job->name, "wave3");
	assert_int_equal(job->nunits, 2);
	assert_int_equal(job->proof, BOOT_LOGIN);
	assert_int_equal(job->source_groups.n, 1);
	assert_string_equal(job->source_groups.v[0].name, "esx1");
	assert_int_equal(job->source_groups.v[0].at_once, 2);
	assert_int_equal(job_unit(job, 0, &f->arena, &u, &f->err), 0);
	assert_string_equal(u.name, "web01");
	assert_int_equal(u.sources.n, 1);
	assert_string_equal(u.sources.v[0], "/images/web01.ova");
	assert_int_equal(u.arguments.n, 3);
	assert_string_equal(u.arguments.v[1], "lan:br0");
	assert_string_equal(u.group, "web");
	assert_string_equal(u.source_group, "esx1");
	assert_int_equal(u.priority, 10);
	assert_int_equal(u.proof, BOOT_LOGIN);
	assert_int_equal(u.proof_timeout, 900);
	assert_int_equal(u.retries, 2);
	assert_int_equal(u.bytes, 5368709120);
	assert_int_equal(u.seconds, 90);
	assert_int_equal(u.cpus, 2);
	assert_int_equal(u.memory_mib, 3072);
	assert_int_equal(u.tmp_mib, 800);
	assert_null(u.blocked_text);
	assert_int_equal(job_unit(job, 1, &f->arena, &u, &f->err), 0);
	assert_int_equal(u.index, 1);
	assert_string_equal(u.sources.v[1], "/images/db-2.vmdk");
	assert_null(u.group);
	assert_int_equal(u.proof, BOOT_LEVEL_UNKNOWN);
	assert_string_equal(u.blocked_finding, "B-WINDOWS-HIBERNATED");
	assert_string_equal(u.blocked_text, "Windows hibernates on '/dev/sda2'");
}

static void the_manifest_is_kept(void **state)
{
	struct fixture *f = *state;
	AUTO(job_closep) struct job *job = written(f);
	AUTO(buf_done) struct buf text = BUF_INIT(100);

	assert_int_equal(file_slurp(job->fd, "manifest.yaml", &text, &f->err), 0);
	assert_string_equal(buf_str(&text), "machines: []\n");
	assert_int_equal(faccessat(job->fd, "state", F_OK, 0), 0);
	assert_int_equal(faccessat(job->fd, "out", F_OK, 0), 0);
}

static void described_without_hashes(void **state)
{
	struct fixture *f = *state;
	AUTO(job_closep) struct job *job = written(f);
	AUTO(js_freep) struct json *j = job_json(job);

	assert_string_equal(js_get_str(j, "schema", ""), "rehost-job-1");
	assert_string_equal(js_get_str(j, "proof", ""), "login");
	assert_int_equal(js_get_u64(j, "units", 0), 2);
	assert_int_equal(strlen(js_get_str(j, "created", "")), strlen("2026-01-01T00:00:00Z"));
	assert_null(js_get(j, "sha256"));
}

static void planned_once(void **state)
{
	struct fixture *f = *state;
	AUTO(job_closep) struct job *job = written(f);
	char want[300];

	snprintf(want, sizeof want, "job folder '%s' exists already: a job is planned once, choose another", f->path);
	assert_int_equal(job_write(f->path, &f->draft, &f->err), -1);
	assert_int_equal(f->err.code, ERR_BLOCKED);
	assert_string_equal(f->err.text, want);
}

static void what_a_killed_plan_left_is_no_hindrance(void **state)
{
	struct fixture *f = *state;
	char left[200];

	snprintf(left, sizeof left, "%s/.wave3.partial/units", f->dir);
	assert_int_equal(file_mkdirs(left, &f->err), 0);
	job_close(written(f));
	snprintf(left, sizeof left, "%s/.wave3.partial", f->dir);
	assert_int_not_equal(access(left, F_OK), 0);
}

static void a_changed_unit_is_refused(void **state)
{
	struct fixture *f = *state;
	AUTO(job_closep) struct job *job = written(f);
	AUTO(buf_done) struct buf text = BUF_INIT(10000);
	char want[500];
	struct unit u;

	assert_int_equal(file_slurp(job->fd, "units/000000.json", &text, &f->err), 0);
	text.data[text.len - 1] = ' ';
	put(f, "units/000000.json", buf_str(&text));
	assert_int_equal(job_unit(job, 0, &f->arena, &u, &f->err), -1);
	assert_int_equal(f->err.code, ERR_CORRUPT);
	snprintf(want, sizeof want, "job folder '%s': 'units/000000.json': its SHA-256 is ", f->path);
	assert_memory_equal(f->err.text, want, strlen(want));
	snprintf(want, sizeof want, ", job.json says %s", job->sha256[0]);
	assert_string_equal(f->err.text + strlen(f->err.text) - strlen(want), want);
}

static void an_index_that_is_not_there(void **state)
{
	struct fixture *f = *state;
	AUTO(job_closep) struct job *job = written(f);
	char want[300];
	struct unit u;

	assert_int_equal(job_unit(job, 2, &f->arena, &u, &f->err), -1);
	assert_int_equal(f->err.code, ERR_USAGE);
	snprintf(want, sizeof want, "job '%s' has no unit 2: it has 2, the first is 0", f->path);
	assert_string_equal(f->err.text, want);
}

/* job.json's text, and what is said of it. */
static void odd_jobs(void **state)
{
	static const struct {
		const char *json, *want;
	} cases[] = {
	    {"{}", "\"schema\" isn't rehost-job-1"},
	    {"{\"schema\":\"rehost-job-2\"}", "\"schema\" isn't rehost-job-1"},
	    {"{\"schema\":\"rehost-job-1\",\"proof\":\"maybe\"}", "\"proof\" isn't none, firmware, kernel or login"},
	    {"{\"schema\":\"rehost-job-1\",\"proof\":\"none\"}", "\"sha256\" isn't a list of 1 to 100000 hashes"},
	    {"{\"schema\":\"rehost-job-1\",\"proof\":\"none\",\"sha256\":[\"../x\"]}",
	     "\"sha256\": '../x' of unit 0 isn't a SHA-256"},
	    {"{\"schema\":\"rehost-job-1\",\"proof\":\"none\",\"source_groups\":[{\"name\":\"a\",\"at_once\":0}]}",
	     "\"source_groups\" isn't a list of names with \"at_once\""},
	    {"{\"schema\":\"rehost-job-1\",\"proof\":\"none\",\"units\":2,\"sha256\":"
	     "[\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"]}",
	     "\"units\" isn't the number of hashes"},
	};
	struct fixture *f = *state;

	job_close(written(f));
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct job *job = NULL;
		char want[300];

		put(f, "job.json", cases[i].json);
		assert_int_equal(job_open(f->path, &job, &f->err), -1);
		snprintf(want, sizeof want, "job folder '%s': job.json: %s", f->path, cases[i].want);
		assert_string_equal(f->err.text, want);
		assert_int_equal(f->err.code, ERR_CORRUPT);
	}
}

static void odd_units(void **state)
{
	static const struct {
		const char *key, *value, *want; /* value: JSON */
	} cases[] = {
	    {"schema", "\"rehost-unit-2\"", "\"schema\" isn't rehost-unit-1"},
	    {"index", "-1", "\"index\" isn't a number below 2^32"},
	    {"name", "\"../../etc\"",
	     "\"name\" isn't letters, digits, '.', '_' and '-', at most 64, of which the first is no sign"},
	    {"name", "\"..\"",
	     "\"name\" isn't letters, digits, '.', '_' and '-', at most 64, of which the first is no sign"},
	    {"source", "null", "\"source\" isn't a text"},
	    {"arguments", "[1]", "\"arguments\" isn't a list of texts"},
	    {"priority", "\"high\"", "\"priority\" isn't a number below 2^32"},
	    {"proof", "\"desktop\"", "\"proof\" isn't none, firmware, kernel or login"},
	    {"proof_timeout", "\"long\"", "\"proof_timeout\" isn't a number below 2^32"},
	    {"retries", "4294967296", "\"retries\" isn't a number below 2^32"},
	    {"estimate", "{}", "\"seconds\" isn't a number below 2^32"},
	    {"resources", "[]", "\"cpus\" isn't a number below 2^32"},
	    {"blocked", "{}", "\"text\" isn't a text"},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		AUTO(js_freep) struct json *j = unit_json(&f->units[0]);
		char text[100];
		AUTO(js_freep) struct json *odd = NULL;
		struct unit u;

		snprintf(text, sizeof text, "{\"v\":%s}", cases[i].value);
		odd = js_parse(text, strlen(text), &f->err);
		js_set(j, cases[i].key, js_copy(js_get(odd, "v")));
		assert_int_equal(unit_from_json(j, &f->arena, &u, &f->err), -1);
		assert_string_equal(f->err.text, cases[i].want);
		assert_int_equal(f->err.code, ERR_CORRUPT);
	}
}

static void names_of_folders(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(job_write("/tmp/../..", &f->draft, &f->err), -1);
	assert_int_equal(f->err.code, ERR_BLOCKED);
	f->draft.nunits = 0;
	assert_int_equal(job_write(f->path, &f->draft, &f->err), -1);
	assert_string_equal(f->err.text, "a job has 1 to 100000 machines, not 0");
}

static void no_folder(void **state)
{
	struct fixture *f = *state;
	struct job *job = NULL;
	char want[200];

	assert_int_equal(job_open(f->path, &job, &f->err), -1);
	snprintf(want, sizeof want, "cannot open the job folder '%s': No such file or directory", f->path);
	assert_string_equal(f->err.text, want);
	assert_int_equal(f->err.code, ERR_UNREADABLE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(read_as_written, setup, teardown),
	    cmocka_unit_test_setup_teardown(the_manifest_is_kept, setup, teardown),
	    cmocka_unit_test_setup_teardown(described_without_hashes, setup, teardown),
	    cmocka_unit_test_setup_teardown(planned_once, setup, teardown),
	    cmocka_unit_test_setup_teardown(what_a_killed_plan_left_is_no_hindrance, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_changed_unit_is_refused, setup, teardown),
	    cmocka_unit_test_setup_teardown(an_index_that_is_not_there, setup, teardown),
	    cmocka_unit_test_setup_teardown(odd_jobs, setup, teardown),
	    cmocka_unit_test_setup_teardown(odd_units, setup, teardown),
	    cmocka_unit_test_setup_teardown(names_of_folders, setup, teardown),
	    cmocka_unit_test_setup_teardown(no_folder, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
