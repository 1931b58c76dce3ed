/* Options that several commands have: what their groups make of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cli/groups.h"

#define AT(member) offsetof(struct arguments, member)

struct arguments {
	struct source_arguments source;
	struct key_arguments keys;
	struct network_arguments network;
	struct talk_arguments talk;
};

static const struct cli_option options[] = {
    OPTION_GROUP(source_rows, AT(source)),
    OPTION_GROUP(key_rows, AT(keys)),
    OPTION_GROUP(network_rows, AT(network)),
    OPTION_GROUP(talk_rows, AT(talk)),
    {0},
};

static struct arguments parse(char **argv)
{
	struct arguments ret = {0};
	struct positionals p;
	struct err err = ERR_INIT;
	int argc = 0;

	while (argv[argc])
		argc++;
	assert_int_equal(options_parse(options, argc, argv, &ret, &p, &err), 0);
	return ret;
}

static void reading(void **state)
{
	struct arguments a = parse((char *[]){"x", "--snapshot", "s1", "--allow-parent", "/a", "--allow-parent", "/b",
					      "--allow-truncated", "--ignore-checksum", "--bwlimit", "2M", NULL});
	struct keys keys = {0};
	struct image_rules rules = reading_rules(&a.source.reading, &keys);

	assert_string_equal(rules.snapshot, "s1");
	assert_string_equal(rules.allow_parent[1], "/b");
	assert_null(rules.allow_parent[2]);
	assert_true(rules.allow_truncated && rules.ignore_checksum && !rules.tables_only);
	assert_int_equal(rules.bwlimit, 2 << 20);
	assert_ptr_equal(rules.keys, &keys);
	assert_null(rules.ready);
}

static void source(void **state)
{
	struct arguments a = parse((char *[]){"x", "-i", "local", "-if", "vmdk", "--vm", "two", "--allow-parent", "/a",
					      "--allow-truncated", NULL});
	struct source_options s = source_from(&a.source, true);

	assert_string_equal(s.kind, "disk"); /* virt-v2v's word for it */
	assert_string_equal(s.format, "vmdk");
	assert_string_equal(s.vm, "two");
	assert_string_equal(s.allow_parent[0], "/a");
	assert_true(s.force && s.allow_truncated);
	a = parse((char *[]){"x", "--input=ova", NULL});
	s = source_from(&a.source, false);
	assert_string_equal(s.kind, "ova");
	assert_false(s.force || s.allow_truncated);
	assert_null(s.format);
}

static void source_is_known_to_be_given(void **state)
{
	static char *const given[][4] = {
	    {"x", "-i", "ova"},		{"x", "-if", "raw"},	    {"x", "--vm", "a"},
	    {"x", "--snapshot", "1"},	{"x", "--bwlimit", "1M"},   {"x", "--allow-parent", "/a"},
	    {"x", "--allow-truncated"}, {"x", "--ignore-checksum"},
	};
	struct arguments a = parse((char *[]){"x", "-q", "--keys-from-stdin", "-n", "default", NULL});

	assert_false(source_given(&a.source));
	for (size_t i = 0; i < sizeof given / sizeof *given; i++) {
		a = parse((char **)given[i]);
		assert_true(source_given(&a.source));
	}
}

static void passphrases_leave_the_command_line(void **state)
{
	char one[] = "/dev/sda2:key:secret", two[] = "all:key:other";
	struct arguments a = parse((char *[]){"x", "--key", one, "--key", two, NULL});
	struct keys keys = {0};
	struct err err = ERR_INIT;

	assert_int_equal(read_keys(&a.keys, &keys, &err), 0);
	assert_int_equal(keys.n, 2);
	assert_string_equal(keys.v[0].secret, "secret");
	assert_null(keys.v[1].selector);
	assert_null(strstr(one, "secret"));
	assert_null(strstr(two, "other"));
	keys_done(&keys);
	a = parse((char *[]){"x", "--key", "nonsense", NULL});
	assert_int_equal(read_keys(&a.keys, &keys, &err), -1);
	assert_int_equal(err.code, ERR_USAGE);
	keys_done(&keys);
}

static void networks(void **state)
{
	struct arguments a =
	    parse((char *[]){"x", "-n", "a:b", "-b", "c:d", "--mac", "52:54:00:00:00:01:network:e", NULL});
	struct net_maps maps = network_maps(&a.network);

	assert_string_equal(maps.networks[0], "a:b");
	assert_string_equal(maps.bridges[0], "c:d");
	assert_string_equal(maps.macs[0], "52:54:00:00:00:01:network:e");
	assert_null(maps.macs[1]);
}

static void talk(void **state)
{
	struct arguments a = parse((char *[]){"x", "--progress", "json", "-qv", NULL});

	assert_true(talks_json(&a.talk) && a.talk.quiet && a.talk.verbose);
	a = parse((char *[]){"x", "--progress", "text", NULL});
	assert_false(talks_json(&a.talk));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reading),
	    cmocka_unit_test(source),
	    cmocka_unit_test(source_is_known_to_be_given),
	    cmocka_unit_test(passphrases_leave_the_command_line),
	    cmocka_unit_test(networks),
	    cmocka_unit_test(talk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
