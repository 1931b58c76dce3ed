/* Plans: what a check says, estimates, the order, and how it is printed. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/checked.h"
#include "core/base/file.h"
#include "run/batch/plan.h"

struct fixture {
	char dir[64], manifest[128], job[128];
	struct manifest_keys keys;
	struct plan plan;
	struct arena arena;
	struct err err;
};

static const struct manifest_key options[] = {
    {"if", MANIFEST_OPTION, MANIFEST_TEXT, 0, 0, "FORMAT", NULL, "Format."},
    {"allow-parent", MANIFEST_OPTION, MANIFEST_PATHS, 0, 0, "DIR", NULL, "Folder."},
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	*state = f;
	strcpy(f->dir, "/var/tmp/rehost-plan-XXXXXX");
	if (!mkdtemp(f->dir))
		return -1;
	snprintf(f->manifest, sizeof f->manifest, "%s/wave.yaml", f->dir);
	snprintf(f->job, sizeof f->job, "%s/job/", f->dir);
	manifest_keys_init(&f->keys);
	for (size_t i = 0; i < sizeof options / sizeof *options; i++)
		manifest_keys_add(&f->keys, &options[i]);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	plan_done(&f->plan);
	arena_done(&f->arena);
	file_remove_tree(AT_FDCWD, f->dir, NULL);
	free(f);
	return 0;
}

/* A raw disk of 10 MiB with so many bytes at its beginning. */
static void disk(struct fixture *f, const char *name, size_t used)
{
	AUTO_FREE char *data = malloc(used + 1);
	char path[200];
	AUTO_FD int fd = -1;

	snprintf(path, sizeof path, "%s/%s", f->dir, name);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	memset(data, 'x', used);
	assert_int_equal(file_pwrite(fd, data, used, 0, &f->err), 0);
	assert_int_equal(ftruncate(fd, 10 * MIB), 0);
}

static int make(struct fixture *f, const char *manifest)
{
	struct plan_options o = {.manifest = f->manifest, .job = f->job, .keys = &f->keys, .no_check = true};

	assert_int_equal(file_replace(AT_FDCWD, f->manifest, manifest, strlen(manifest), 0600, &f->err), 0);
	return plan_make(&o, &f->plan, &f->err);
}

static void made(struct fixture *f, const char *manifest)
{
	if (make(f, manifest) < 0)
		fail_msg("%s", f->err.text);
}

static void first_by_priority_then_by_size(void **state)
{
	struct fixture *f = *state;
	AUTO(job_closep) struct job *job = NULL;
	struct unit u;

	disk(f, "small", 8192);
	disk(f, "large", MIB);
	disk(f, "urgent", 4096);
	made(f, "defaults: {if: raw}\nmachines: [source: small, {source: large, proof: login}, {source: urgent, "
		"priority: 1}, "
		"{source: small, name: twin}]\n");
	assert_int_equal(job_open(f->job, &job, &f->err), 0);
	assert_string_equal(job->name, "job");
	assert_int_equal(job->nunits, 4);
	for (unsigned i = 0; i < 4; i++) {
		static const char *const order[] = {"urgent", "large", "small", "twin"};

		assert_int_equal(job_unit(job, i, &f->arena, &u, &f->err), 0);
		assert_string_equal(u.name, order[i]);
	}
	assert_int_equal(f->plan.bytes, MIB + 2 * 8192 + 4096);
	assert_int_equal(f->plan.seconds, 5 * 60);
	assert_int_equal(f->plan.machines.v[1].unit.seconds, 120); /* with its boot proof */
	assert_int_equal(f->plan.machines.v[2].unit.seconds, 60);
}

/* A guest that boots for its proof has the memory that its description says, though no check has looked. */
static void room_for_the_proof(void **state)
{
	static const char xml[] = "<domain><name>vm</name><memory unit='GiB'>16</memory><vcpu>2</vcpu>"
				  "<os><type machine='q35'>hvm</type></os><devices><disk type='file'>"
				  "<driver type='raw'/><source file='%s/big'/><target dev='vda' bus='virtio'/>"
				  "</disk></devices></domain>";
	struct fixture *f = *state;
	char path[200], text[1000];

	disk(f, "big", 4096);
	snprintf(path, sizeof path, "%s/vm.xml", f->dir);
	snprintf(text, sizeof text, xml, f->dir);
	assert_int_equal(file_replace(AT_FDCWD, path, text, strlen(text), 0600, &f->err), 0);
	made(f, "machines: [{source: vm.xml, proof: login, priority: 1}, {source: vm.xml, name: unproven}]\n");
	assert_int_equal(f->plan.machines.v[0].unit.memory_mib, 16 * 1024 + 512);
	assert_int_equal(f->plan.machines.v[1].unit.memory_mib, 2048);
}

static void printed(void **state)
{
	struct fixture *f = *state;
	AUTO(buf_done) struct buf text = BUF_INIT(10000);
	AUTO(js_freep) struct json *j = NULL;

	disk(f, "web", MIB);
	disk(f, "db", 4096);
	made(f, "defaults: {if: raw, source-group: esx1}\nmachines: [source: web, source: db]\n");
	f->plan.machines.v[0].verdict = "BOOTS";
	f->plan.machines.v[1].unit.blocked_finding = "B-WINDOWS-HIBERNATED";
	f->plan.machines.v[1].unit.blocked_text = "Windows\x1b[2J hibernates";
	f->plan.blocked = 1;
	assert_int_equal(plan_text(&f->plan, "job", &text, &f->err), 0);
	assert_string_equal(buf_str(&text),
			    "  UNIT  NAME                 FROM         PRIORITY       DATA      TIME\n"
			    "     0  web                  esx1                0    1.0 MiB   0:01:00  BOOTS\n"
			    "     1  db                   esx1                0    4.0 KiB   0:01:00  BLOCKED "
			    "B-WINDOWS-HIBERNATED: Windows?[2J hibernates\n"
			    "2 machines, 1 blocked; the others: 1.0 MiB, about 0:02:00 one after the other\n"
			    "job folder: job\n");
	j = plan_json(&f->plan, "job");
	assert_string_equal(js_get_str(j, "schema", ""), "rehost-batch-plan-1");
	assert_int_equal(js_get_u64(j, "units", 0), 2);
	assert_int_equal(js_get_u64(j, "blocked", 0), 1);
	assert_string_equal(js_get_str(js_at(js_get(j, "machines"), 0), "verdict", ""), "BOOTS");
	assert_string_equal(js_get_str(js_get(js_at(js_get(j, "machines"), 1), "blocked"), "finding", ""),
			    "B-WINDOWS-HIBERNATED");
}

static void a_source_that_is_not_there_stops_nothing(void **state)
{
	struct fixture *f = *state;
	char want[200];

	disk(f, "a", 4096);
	made(f, "defaults: {if: raw}\nmachines: [source: a, source: nowhere.ova]\n");
	assert_null(f->plan.machines.v[0].note);
	snprintf(want, sizeof want, "cannot open '%s/nowhere.ova': No such file or directory", f->dir);
	assert_string_equal(f->plan.machines.v[1].note, want);
	assert_null(f->plan.machines.v[1].unit.blocked_text);
	assert_int_equal(f->plan.machines.v[1].unit.bytes, 0);
}

static void nothing_is_written_for_a_bad_manifest(void **state)
{
	struct fixture *f = *state;
	char want[200];

	assert_int_equal(make(f, "machines:\n- source: a\n  proof: maybe\n"), -1);
	snprintf(want, sizeof want, "%s:3:10: proof: 'maybe' isn't none, firmware, kernel or login", f->manifest);
	assert_string_equal(f->err.text, want);
	assert_int_not_equal(access(f->job, F_OK), 0);
}

static void an_existing_folder_is_refused_first(void **state)
{
	struct fixture *f = *state;
	char want[200];

	assert_int_equal(file_mkdirs(f->job, &f->err), 0);
	assert_int_equal(make(f, "not even a manifest"), -1);
	snprintf(want, sizeof want, "job folder '%s' exists already: a job is planned once, choose another", f->job);
	assert_string_equal(f->err.text, want);
}

/* ---- checks ---- */

static struct unit_check check_of(struct fixture *f, const char *report, const char *events)
{
	AUTO(js_freep) struct json *j = js_parse(report, strlen(report), NULL);
	struct unit_check ret = {0};

	check_read(j, events, &f->arena, &ret);
	return ret;
}

/* Of a machine with very much to say there is only the end. */
static void the_end_of_what_a_check_says(void **state)
{
	struct fixture *f = *state;
	struct unit_check c = check_of(f, "", "rning\",\"text\":\"w\"}\n{\"event\":\"error\",\"text\":\"no\"}\n");

	assert_string_equal(c.error, "no");
	assert_null(c.verdict);
}

static void what_a_check_says(void **state)
{
	static const char report[] =
	    "{\"machine\":{\"memory\":1073741824},\"source_disks\":[{\"allocated\":5},{\"allocated\":7}],"
	    "\"timings\":[{\"phase\":\"map\",\"seconds\":1.5},{\"phase\":\"guest\",\"seconds\":20}],"
	    "\"inspection\":{\"verdict\":\"WILL NOT BOOT\",\"findings\":["
	    "{\"id\":\"W-X\",\"severity\":\"warning\",\"text\":\"w\"},"
	    "{\"id\":\"B-WINDOWS-HIBERNATED\",\"severity\":\"blocker\",\"text\":\"it sleeps\"},"
	    "{\"id\":\"B-OTHER\",\"severity\":\"blocker\",\"text\":\"other\"}]}}";
	static const char events[] =
	    "{\"event\":\"phase\",\"text\":\"reading\"}\nnot JSON\n"
	    "{\"event\":\"error\",\"text\":\"first\"}\n{\"event\":\"error\",\"text\":\"last\"}";
	struct fixture *f = *state;
	struct unit_check c = check_of(f, report, events);

	assert_string_equal(c.verdict, "WILL NOT BOOT");
	assert_string_equal(c.finding, "B-WINDOWS-HIBERNATED");
	assert_string_equal(c.finding_text, "it sleeps");
	assert_string_equal(c.error, "last");
	assert_int_equal(c.allocated, 12);
	assert_int_equal(c.memory, GIB);
	assert_true(c.seconds > 21.4 && c.seconds < 21.6);
}

static void a_check_that_says_nothing(void **state)
{
	struct unit_check c = check_of(*state, "", "");

	assert_null(c.verdict);
	assert_null(c.finding);
	assert_string_equal(c.error, "");
	assert_int_equal(c.allocated, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(first_by_priority_then_by_size),
	    TEST(room_for_the_proof),
	    TEST(printed),
	    TEST(a_source_that_is_not_there_stops_nothing),
	    TEST(nothing_is_written_for_a_bad_manifest),
	    TEST(an_existing_folder_is_refused_first),
	    TEST(what_a_check_says),
	    TEST(the_end_of_what_a_check_says),
	    TEST(a_check_that_says_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
