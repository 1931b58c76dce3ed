/* Tests of virt-v2v's command line: what is taken, ignored and refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/v2v.h"

enum { WORDS_MAX = 32 };

static char told[256]; /* options that were ignored */

static void note(const char *option, const char *why)
{
	assert_true(strlen(why) > 10);
	snprintf(told + strlen(told), sizeof told - strlen(told), "%s ", option);
}

/* Parses and checks a command line of words with single blanks. */
static int take(const char *line, struct v2v_arguments *a, struct positionals *paths, struct err *err)
{
	static char text[512]; /* the results point into it */
	char *argv[WORDS_MAX + 1], *save = NULL;
	int argc = 0;

	told[0] = '\0';
	snprintf(text, sizeof text, "virt-v2v %s", line);
	for (char *w = strtok_r(text, " ", &save); w && argc < WORDS_MAX; w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	argv[argc] = NULL;
	if (v2v_parse(argc, argv, a, paths, note, err) < 0)
		return -1;
	assert_true(paths->n <= 1 || *paths->v[0]);
	return v2v_check(a, paths, err);
}

static void refused(const char *line, const char *says)
{
	struct v2v_arguments a;
	struct positionals paths;
	struct err err = ERR_INIT;

	assert_int_equal(take(line, &a, &paths, &err), -1);
	assert_string_equal(err.text, says);
	assert_int_equal(err.code, ERR_USAGE);
}

/* What virt-p2v 1.42 sends. */
static void test_virt_p2v(void **state)
{
	struct v2v_arguments a;
	struct positionals paths;

	assert_int_equal(take("-v -x --colours -i libvirtxml -o local -oa sparse -of qcow2 -os /var/tmp -oo compressed "
			      "--root first physical.xml",
			      &a, &paths, NULL),
			 0);
	assert_string_equal(a.input, "libvirtxml");
	assert_string_equal(a.output, "local");
	assert_string_equal(a.output_dir, "/var/tmp");
	assert_string_equal(a.disk_format, "qcow2");
	assert_string_equal(a.root, "first");
	assert_true(a.verbose);
	assert_int_equal(a.output_options.n, 1);
	assert_int_equal(paths.n, 1);
	assert_string_equal(told, "x colours ");
}

static void test_scripts(void **state)
{
	struct v2v_arguments a;
	struct positionals paths;

	assert_int_equal(take("-i disk disk.img --debug-gc -o qemu -os d -on web -n a:b --network c --bridge br0 "
			      "--mac 52:54:00:aa:00:01:network:x --parallel 4 -m 4000 --no-fstrim",
			      &a, &paths, NULL),
			 0);
	assert_string_equal(a.name, "web");
	assert_int_equal(a.network.networks.n, 2);
	assert_string_equal(a.network.networks.v[0], "a:b");
	assert_int_equal(a.network.bridges.n, 1);
	assert_int_equal(a.network.macs.n, 1);
	assert_true(a.no_trim);
	assert_string_equal(told, "debug-gc parallel memsize ");
	assert_int_equal(take("-i ova x.ova -o null", &a, &paths, NULL), 0);
}

static void test_refused(void **state)
{
	refused("-o local -os d x",
		"-i libvirt, which is also meant without -i: guests are not fetched from libvirt; give "
		"their disks with -i disk");
	refused("-i disk -os d x",
		"-o libvirt, which is also meant without -o: nothing is defined in libvirt here; take "
		"-o local -os DIR, and `virsh define DIR/NAME/NAME.xml`");
	refused("-i disk -o local x", "-o local needs -os DIR, the folder for the result");
	refused("-i xen -o null x", "-i xen: libvirtxml, disk, local, ova and vmx are understood");
	refused("-i disk -o rhv-upload x", "-o rhv-upload: local, disk, qemu and null are understood");
	refused("-i disk -o null -of vdi x", "-of vdi: raw and qcow2 are understood");
	refused("-i disk -o null -oa preallocated x",
		"-oa preallocated: disks are written sparse; preallocate them afterwards (fallocate)");
	refused("-i disk -o null -oo compressed x", "-oo compressed needs -of qcow2");
	refused("-i disk -o null -oo server-id=1 x", "-oo server-id=1: only compressed is understood");
	refused("-i disk -o null", "no input is given");
	refused("-ic vpx://host/ -o null x",
		"option -ic: guests are not fetched from another host: bring the files here "
		"first");
	refused("-i disk -o null --hostname web x", "option --hostname: the guest is not customized here: run "
						    "virt-customize on the result before its first start");
	refused("-i disk -o null --in-place x", "option --in-place: a source is never changed: convert into a copy");
	refused("-i disk --no-such-thing x", "unknown option '--no-such-thing'");
}

static void test_name(void **state)
{
	assert_true(v2v_is_name("virt-v2v"));
	assert_true(v2v_is_name("/usr/local/bin/virt-v2v"));
	assert_false(v2v_is_name("rehost"));
	assert_false(v2v_is_name("virt-v2v/rehost"));
	assert_false(v2v_is_name(NULL));
}

/* virt-p2v looks for these lines. */
static void test_capabilities(void **state)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(f);
	v2v_capabilities(f);
	fclose(f);
	assert_non_null(strstr(text, "\nlibguestfs-rewrite\n"));
	assert_non_null(strstr(text, "\ncolours-option\n"));
	assert_non_null(strstr(text, "\ninput:libvirtxml\n"));
	assert_non_null(strstr(text, "\noutput:local\n"));
	assert_null(strstr(text, "output:libvirt\n"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_virt_p2v), cmocka_unit_test(test_scripts),	  cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_name),     cmocka_unit_test(test_capabilities),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
