/* KEY=VALUE options of new images: qemu-img's spellings, and errors that say what is possible. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "core/base/checked.h"
#include "formats/create_options.h"
#include "formats/registry.h"

static void test_sizes_switches_and_choices(void **state)
{
	struct create_options o = {0};

	assert_int_equal(create_options_parse(&format_qcow2, "cluster_size=128k,preallocation=falloc", &o, NULL), 0);
	assert_int_equal(o.cluster_size, 128 * KIB);
	assert_int_equal(o.preallocation, PREALLOCATION_FALLOC);
	assert_false(o.extended_l2);
	assert_int_equal(create_options_parse(&format_qcow2, "extended_l2=on,cluster_size=2M", &o, NULL), 0);
	assert_int_equal(o.cluster_size, 2 * MIB);
	assert_int_equal(o.preallocation, PREALLOCATION_FALLOC);
	assert_true(o.extended_l2);
	assert_int_equal(
	    create_options_parse(&format_qcow2, "extended_l2=off,cluster_size=512,preallocation=off", &o, NULL), 0);
	assert_int_equal(o.cluster_size, 512);
	assert_int_equal(o.preallocation, PREALLOCATION_OFF);
	assert_false(o.extended_l2);
}

static void test_what_is_refused(void **state)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
	    {"", "options: KEY=VALUE is expected, '' found"},
	    {"cluster_size", "options: KEY=VALUE is expected, 'cluster_size' found"},
	    {"=1", "options: KEY=VALUE is expected, '=1' found"},
	    {"extended_l2=on,", "options: KEY=VALUE is expected, '' found"},
	    {"size=1G",
	     "option 'size': format 'qcow2' takes only cluster_size, preallocation, extended_l2, lazy_refcounts"},
	    {"cluster_size=", "option 'cluster_size': '' is not a size in bytes, or with k or M behind it"},
	    {"cluster_size=-1", "option 'cluster_size': '-1' is not a size in bytes, or with k or M behind it"},
	    {"cluster_size=64kB", "option 'cluster_size': '64kB' is not a size in bytes, or with k or M behind it"},
	    {"cluster_size=4096M", "option 'cluster_size': '4096M' is not a size in bytes, or with k or M behind it"},
	    {"extended_l2=yes", "option 'extended_l2': 'yes' is not on or off"},
	    {"preallocation=some", "option 'preallocation': 'some' is not one of off, metadata, falloc, full"},
	};
	struct create_options o = {0};
	struct err err = ERR_INIT;

	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		err_clear(&err);
		assert_int_equal(create_options_parse(&format_qcow2, cases[i].text, &o, &err), -1);
		assert_string_equal(err.text, cases[i].error);
		assert_int_equal(err.code, ERR_USAGE);
	}
}

static void test_a_format_without_options(void **state)
{
	struct format none = {.name = "none"};
	struct create_options o = {0};
	struct err err = ERR_INIT;

	assert_int_equal(create_options_parse(&none, "cluster_size=1", &o, &err), -1);
	assert_string_equal(err.text, "option 'cluster_size': format 'none' takes no options");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_sizes_switches_and_choices),
	    cmocka_unit_test(test_what_is_refused),
	    cmocka_unit_test(test_a_format_without_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
