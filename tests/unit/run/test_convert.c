/* Tests of run/convert.c without an appliance (--no-convert): what is left when a run fails, and what a rerun makes of
 * it.
 *
 * The io process is /proc/self/exe, so main() here is `rehost io` when it is told so.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/checked.h"
#include "core/base/cleanup.h"
#include "core/base/file.h"
#include "run/convert.h"
#include "run/verify/files.h"
#include "tests/unit/support/test_folder.h"

struct fixture {
	struct test_folder dir;
	char out[80], input[80];
	const char *inputs[1];
	struct run_options options;
	struct json *report;
	struct err err;
	const char *spoil; /* the phase at which somebody makes the target */
};

static void on_phase(const char *what, void *opaque)
{
	const struct fixture *f = opaque;

	if (f->spoil && !strcmp(what, f->spoil))
		mkdirat(f->dir.fd, "out/web01", 0700);
}

static void put(const struct fixture *f, const char *name, const char *text)
{
	assert_int_equal(file_replace(f->dir.fd, name, text, strlen(text), 0600, NULL), 0);
}

static void put_disk(const struct fixture *f, const char *name)
{
	AUTO_FD int fd = openat(f->dir.fd, name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	AUTO_FREE char *data = malloc(MIB);

	assert_non_null(data);
	memset(data, 'x', MIB);
	assert_int_equal(ftruncate(fd, 8 * MIB), 0);
	assert_int_equal(file_pwrite(fd, data, MIB, 2 * MIB, NULL), 0);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	if (test_folder_make(&f->dir) < 0)
		return -1;
	snprintf(f->out, sizeof f->out, "%s/out", f->dir.path);
	snprintf(f->input, sizeof f->input, "%s/web01.vmx", f->dir.path);
	f->inputs[0] = f->input;
	f->options = (struct run_options){.depth = RUN_CONVERT,
					  .inputs = f->inputs,
					  .ninputs = 1,
					  .output_dir = f->out,
					  .no_convert = true,
					  .threads = 1,
					  .events = {.phase = on_phase, .opaque = f}};
	put(f, "web01.vmx",
	    "config.version = \"8\"\nvirtualHW.version = \"14\"\ndisplayName = \"web01\"\nmemsize = \"512\"\n"
	    "firmware = \"efi\"\nsata0.present = \"TRUE\"\nsata0:0.present = \"TRUE\"\nsata0:0.fileName = "
	    "\"d.vmdk\"\n");
	put(f, "d.vmdk",
	    "# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\ncreateType=\"monolithicFlat\"\n"
	    "RW 16384 FLAT \"d-flat.vmdk\" 0\n");
	put_disk(f, "d-flat.vmdk");
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	js_free(f->report);
	test_folder_remove(&f->dir);
	free(f);
	return 0;
}

static int run(struct fixture *f)
{
	js_free(take_ptr(&f->report));
	err_clear(&f->err);
	return run_machine(&f->options, &f->report, &f->err);
}

static bool there(const struct fixture *f, const char *name)
{
	return faccessat(f->dir.fd, name, F_OK, 0) == 0;
}

static void read_text(const struct fixture *f, const char *name, char *text, size_t size)
{
	AUTO_FD int fd = openat(f->dir.fd, name, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);

	assert_true(n > 0);
	text[n] = '\0';
}

static void published(void **state)
{
	struct fixture *f = *state;

	if (run(f) < 0)
		fail_msg("%s", f->err.text);
	assert_string_equal(js_get_str(f->report, "firmware", ""), "uefi");
	assert_int_equal(js_get_u64(js_get(f->report, "copy"), "bytes_read", 0), MIB);
	assert_true(there(f, "out/web01/web01.xml"));
	assert_true(there(f, "out/web01/web01-sda.qcow2"));
	assert_true(there(f, "out/web01/report.txt"));
	assert_true(there(f, "out/web01/report.html"));
	assert_true(js_count(js_get(js_get(js_get(f->report, "copy"), "throughput"), "bytes")) > 0);
	assert_true(there(f, "out/web01/rehost.log"));
	assert_false(there(f, "out/web01/journal.ndjson"));
	assert_false(there(f, "out/web01/delta-0"));
	assert_false(there(f, "out/.web01.partial"));
}

/* Its seal is of the folder as it is, and the report names the disk's hash. */
static void sealed(void **state)
{
	struct fixture *f = *state;
	AUTO(verify_files_done) struct verify_files r = {0};
	AUTO(seal_closep) struct seal *seal = NULL;
	const struct json *files;
	const struct seal_disk *disk;
	AUTO_FD int dirfd = -1;

	assert_int_equal(run(f), 0);
	dirfd = openat(f->dir.fd, "out/web01", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (seal_open(dirfd, &seal, &f->err) < 0 ||
	    verify_files(dirfd, seal, &(struct verify_files_options){.threads = 1}, &r, &f->err) < 0)
		fail_msg("%s", f->err.text);
	assert_int_equal(r.problems.n, 0);
	assert_int_equal(r.checked, 6); /* disk, XML, three reports, log */
	assert_string_equal(seal_result(seal), "web01");
	assert_int_equal(seal_disks(seal, &disk), 1);
	assert_string_equal(disk->file, "web01-sda.qcow2");
	assert_int_equal(disk->size, 8 * MIB);
	files = js_get(js_get(f->report, "verify"), "files");
	assert_int_equal(js_count(files), 2);
	assert_string_equal(js_get_str(js_at(files, 0), "name", ""), "web01-sda.qcow2");
}

/* Whoever asked moves the result afterwards. */
static void described_where_it_will_stand(void **state)
{
	struct fixture *f = *state;
	char xml[65536];

	f->options.published_in = "/srv/wave3/out";
	if (run(f) < 0)
		fail_msg("%s", f->err.text);
	read_text(f, "out/web01/web01.xml", xml, sizeof xml);
	assert_non_null(strstr(xml, "file=\"/srv/wave3/out/web01/web01-sda.qcow2\""));
	assert_string_equal(js_get_str(f->report, "folder", ""), "/srv/wave3/out/web01");
	assert_string_equal(js_get_str(f->report, "xml", ""), "/srv/wave3/out/web01/web01.xml");
}

/* Reading slowly is reading: the source's identity is taken all the same. */
static void slowly(void **state)
{
	struct fixture *f = *state;

	f->options.rules.bwlimit = 8 * MIB;
	if (run(f) < 0)
		fail_msg("%s", f->err.text);
	assert_non_null(js_get_str(f->report, "folder", NULL));
}

/* A bare image, whose file is opened in another way. */
static void slowly_a_bare_disk(void **state)
{
	struct fixture *f = *state;

	snprintf(f->input, sizeof f->input, "%s/d.vmdk", f->dir.path);
	slowly(state);
}

/* The target that appears during the copy: refused, but nothing is lost, and the rerun copies nothing again. */
static void resumed_as_if_nothing_had_happened(void **state)
{
	struct fixture *f = *state;
	char whole[65536], resumed[65536];

	assert_int_equal(run(f), 0);
	read_text(f, "out/web01/web01.xml", whole, sizeof whole);
	assert_int_equal(file_remove_tree(f->dir.fd, "out", NULL), 0);

	f->spoil = "publishing";
	assert_int_equal(run(f), -1);
	assert_int_equal(f->err.code, ERR_BLOCKED);
	assert_non_null(strstr(f->err.text, "/out/web01' exists already"));
	assert_true(there(f, "out/.web01.partial/journal.ndjson"));
	assert_int_equal(unlinkat(f->dir.fd, "out/web01", AT_REMOVEDIR), 0);

	f->spoil = NULL;
	if (run(f) < 0)
		fail_msg("%s", f->err.text);
	read_text(f, "out/web01/web01.xml", resumed, sizeof resumed);
	assert_string_equal(resumed, whole);
	assert_string_equal(js_get_str(f->report, "firmware", ""), "uefi");
	assert_int_equal(js_get_u64(js_get(f->report, "copy"), "reused", 0), MIB);
}

/* Nothing describes a bare disk: its partition table says how it boots. */
static void firmware_of_a_bare_disk(void **state)
{
	static const unsigned char entry[16] = {[4] = 0xef, [9] = 8, [13] = 16}, mark[2] = {0x55, 0xaa};
	struct fixture *f = *state;
	AUTO_FD int fd = openat(f->dir.fd, "d-flat.vmdk", O_RDWR | O_CLOEXEC);

	snprintf(f->input, sizeof f->input, "%s/d-flat.vmdk", f->dir.path);
	f->options.source = (struct source_options){.kind = "disk", .format = "raw"};
	f->options.name = "web01";
	assert_int_equal(run(f), 0);
	assert_string_equal(js_get_str(f->report, "firmware", ""), "bios");
	assert_int_equal(file_pwrite(fd, entry, sizeof entry, 446, NULL), 0);
	assert_int_equal(file_pwrite(fd, mark, sizeof mark, 510, NULL), 0);
	f->options.force = true;
	assert_int_equal(run(f), 0);
	assert_string_equal(js_get_str(f->report, "firmware", ""), "uefi");
}

/* Another option: what was left is another run's. */
static void not_resumed_with_other_options(void **state)
{
	struct fixture *f = *state;

	f->spoil = "publishing";
	assert_int_equal(run(f), -1);
	assert_int_equal(unlinkat(f->dir.fd, "out/web01", AT_REMOVEDIR), 0);
	f->spoil = NULL;
	f->options.disk_format = "raw";
	assert_int_equal(run(f), 0);
	assert_int_equal(js_get_u64(js_get(f->report, "copy"), "reused", 9), 0);
	assert_true(there(f, "out/web01/web01-sda.raw"));
	assert_false(there(f, "out/web01/web01-sda.qcow2"));
}

static void errors_of_the_input_leave_nothing(void **state)
{
	struct fixture *f = *state;

	put(f, "d.vmdk",
	    "# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\ncreateType=\"monolithicFlat\"\n"
	    "RW 16384 FLAT \"../d-flat.vmdk\" 0\n");
	assert_int_equal(run(f), -1);
	assert_int_equal(f->err.code, ERR_POLICY);
	assert_null(f->report);
	assert_false(there(f, "out/web01"));
	assert_false(there(f, "out/.web01.partial"));
}

/* What only changes the guest is refused where the guest isn't changed. */
static void options_without_effect(void **state)
{
	static const enum run_depth depths[] = {RUN_CONVERT, RUN_PLAN, RUN_INSPECT};
	struct fixture *f = *state;

	for (size_t k = 0; k < sizeof depths / sizeof *depths; k++) {
		f->options.depth = depths[k];
		f->options.no_convert = depths[k] != RUN_INSPECT;
		f->options.agent = f->dir.path;
		assert_int_equal(run(f), -1);
		assert_int_equal(f->err.code, ERR_USAGE);
		assert_non_null(strstr(f->err.text, "': the guest isn't changed, so nothing can be installed"));
		assert_int_equal(strncmp(f->err.text, "--agent '/var/tmp/rehost-test-", 30), 0);
		f->options.agent = NULL;
		f->options.rebuild_initramfs = true;
		assert_int_equal(run(f), -1);
		assert_int_equal(f->err.code, ERR_USAGE);
		assert_string_equal(f->err.text,
				    "--initramfs=rebuild: the guest isn't changed, so its images can't be made anew");
		f->options.rebuild_initramfs = false;
	}
	assert_false(there(f, "out/web01"));
	assert_false(there(f, "out/.web01.partial"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    TEST(published),
	    TEST(sealed),
	    TEST(described_where_it_will_stand),
	    TEST(slowly),
	    TEST(slowly_a_bare_disk),
	    TEST(resumed_as_if_nothing_had_happened),
	    TEST(firmware_of_a_bare_disk),
	    TEST(not_resumed_with_other_options),
	    TEST(errors_of_the_input_leave_nothing),
	    TEST(options_without_effect),
	};

	if (argc > 1 && !strcmp(argv[1], "io"))
		return io_main(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
