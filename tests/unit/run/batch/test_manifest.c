/* Manifests: what each language makes of the same machines, and the text of every error, with its place. */
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

#include "cli/manifest_keys.h"
#include "core/base/cleanup.h"
#include "core/base/file.h"
#include "run/batch/manifest.h"

struct fixture {
	struct manifest_keys keys;
	struct batch_manifest m;
	struct err err;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	*state = f;
	return manifest_keys_all(&f->keys, &f->err);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	batch_manifest_done(&f->m);
	free(f);
	return 0;
}

static int parse(struct fixture *f, enum manifest_language language, const char *text)
{
	batch_manifest_done(&f->m);
	f->m = (struct batch_manifest){.text = BUF_INIT(MANIFEST_BYTES_MAX)};
	err_clear(&f->err);
	assert_int_equal(buf_adds(&f->m.text, text), 0);
	return batch_manifest_parse(language, "m", "/srv/wave3", &f->keys, &f->m, &f->err);
}

static const struct unit *parsed(struct fixture *f, enum manifest_language language, const char *text)
{
	if (parse(f, language, text) < 0)
		fail_msg("%s", f->err.text);
	return &f->m.machines.v[0].unit;
}

static void assert_words(const char *const *v, size_t n, const char *expected)
{
	char all[1000] = "";

	for (size_t i = 0; i < n; i++)
		snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", i ? " " : "", v[i]);
	assert_string_equal(all, expected);
}

static const char *const yaml = "name: wave 3\n"
				"defaults:\n"
				"  network: [lan:br0, dmz:br1]\n"
				"  proof: kernel\n"
				"  undo-log: true\n"
				"groups:\n"
				"  web:\n"
				"    compress: zstd\n"
				"    proof: login\n"
				"    priority: 10\n"
				"source-groups:\n"
				"  esx1: 2\n"
				"machines:\n"
				"  - source: ova/web01.ova\n"
				"    group: web\n"
				"    source-group: esx1\n"
				"    retries: 0\n"
				"  - source:\n"
				"      - /images/db 1.vmdk\n"
				"      - ../db-2.vmdk\n"
				"    name: db\n"
				"    network: backup\n"
				"    undo-log: false\n"
				"    key: [all:file:keys/db, /dev/sda2:file:/root/x:key:y]\n"
				"    bwlimit: 20M\n"
				"    proof-timeout: 1200\n";

static const char *const json =
    "\xef\xbb\xbf{\"machines\": [\n"
    " {\"source\": \"ova/web01.ova\", \"group\": \"web\", \"source-group\": \"esx1\",\n"
    "  \"network\": [\"lan:br0\", \"dmz:br1\"], \"compress\": \"zst\\u0064\", \"proof\": \"login\",\n"
    "  \"retries\": 0, \"priority\": 10, \"undo-log\": true},\n"
    " {\"source\": [\"db\\u0020\\\"1.vmdk\"], \"name\": \"db\"}]}\n";

static const char *const csv = "source,group,source-group,network,compress,proof,retries,priority,undo-log,name\r\n"
			       "ova/web01.ova,web,esx1,lan:br0; dmz:br1,zstd,login,0,10,true,\r\n"
			       "\r\n"
			       "\"db \"\"1.vmdk\",,,,,,,,,db";

static void assert_first(struct fixture *f, const struct unit *u)
{
	assert_int_equal(f->m.machines.n, 2);
	assert_string_equal(u->name, "web01");
	assert_words(u->sources.v, u->sources.n, "/srv/wave3/ova/web01.ova");
	assert_words(u->arguments.v, u->arguments.n, "--compress zstd --network lan:br0 --network dmz:br1 --undo-log");
	assert_string_equal(u->group, "web");
	assert_string_equal(u->source_group, "esx1");
	assert_int_equal(u->priority, 10);
	assert_int_equal(u->proof, BOOT_LOGIN);
	assert_int_equal(u->retries, 0);
}

static void yaml_with_defaults_and_groups(void **state)
{
	struct fixture *f = *state;
	const struct unit *db;

	assert_first(f, parsed(f, MANIFEST_YAML, yaml));
	assert_string_equal(f->m.name, "wave 3");
	assert_string_equal(f->m.kept_as, "manifest.yaml");
	assert_int_equal(f->m.source_groups.n, 1);
	assert_string_equal(f->m.source_groups.v[0].name, "esx1");
	assert_int_equal(f->m.source_groups.v[0].at_once, 2);
	assert_int_equal(f->m.machines.v[1].line, 18);
	assert_int_equal(f->m.machines.v[1].column, 5);
	db = &f->m.machines.v[1].unit;
	assert_string_equal(db->name, "db");
	assert_words(db->sources.v, db->sources.n, "/images/db 1.vmdk /srv/wave3/../db-2.vmdk");
	assert_words(
	    db->arguments.v, db->arguments.n,
	    "--bwlimit 20M --key all:file:/srv/wave3/keys/db --key /dev/sda2:file:/root/x:key:y --network backup");
	assert_null(db->group);
	assert_int_equal(db->proof, BOOT_KERNEL);
	assert_int_equal(db->proof_timeout, 1200);
	assert_int_equal(db->retries, 2);
	assert_int_equal(db->priority, 0);
}

static void the_same_in_json(void **state)
{
	struct fixture *f = *state;

	assert_first(f, parsed(f, MANIFEST_JSON, json));
	assert_string_equal(f->m.machines.v[1].unit.sources.v[0], "/srv/wave3/db \"1.vmdk");
	assert_string_equal(f->m.kept_as, "manifest.json");
	assert_null(f->m.name);
}

static void the_same_in_csv(void **state)
{
	struct fixture *f = *state;

	assert_first(f, parsed(f, MANIFEST_CSV, csv));
	assert_string_equal(f->m.machines.v[1].unit.sources.v[0], "/srv/wave3/db \"1.vmdk");
	assert_int_equal(f->m.machines.v[1].unit.arguments.n, 0);
	assert_string_equal(f->m.kept_as, "manifest.csv");
}

/* JSON is YAML, too, but for what only JSON knows. */
static void json_read_as_yaml(void **state)
{
	struct fixture *f = *state;

	assert_first(f, parsed(f, MANIFEST_YAML, json));
}

static void names_by_the_source(void **state)
{
	struct fixture *f = *state;

	assert_string_equal(parsed(f, MANIFEST_YAML, "machines: [source: 'a.d/web 01.tar.gz']")->name, "web_01.tar");
	assert_string_equal(parsed(f, MANIFEST_YAML, "machines: [source: /dev/sdb]")->name, "sdb");
	assert_string_equal(parsed(f, MANIFEST_YAML, "machines: [source: .ova]")->name, "_ova");
	assert_string_equal(parsed(f, MANIFEST_YAML, "machines: [source: usb/web01/]")->name, "web01");
}

/* What follows "m:". */
static void assert_wrong(struct fixture *f, enum manifest_language language, const char *text, const char *want)
{
	if (parse(f, language, text) == 0)
		fail_msg("no error: %s", text);
	if (strncmp(f->err.text, "m:", 2) != 0 || strcmp(f->err.text + 2, want) != 0)
		fail_msg("%s\nsays: %s\nwant: m:%s", text, f->err.text, want);
	assert_int_equal(f->err.code, ERR_CORRUPT);
}

struct wrong {
	const char *text, *want;
};

static void assert_all_wrong(struct fixture *f, enum manifest_language language, const struct wrong *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_wrong(f, language, v[i].text, v[i].want);
}

#define ALL_WRONG(f, language, v) assert_all_wrong(f, language, v, sizeof(v) / sizeof *(v))
#define M			  "machines:\n- source: a\n  "

static void wrong_keys(void **state)
{
	static const struct wrong cases[] = {
	    {M "netwrok: lan:br0", "3:3: unknown key 'netwrok': did you mean 'network'?"},
	    {M "undo_log: true", "3:3: unknown key 'undo_log': did you mean 'undo-log'?"},
	    {M "colour: red", "3:3: unknown key 'colour': `man rehost-manifest` lists those there are"},
	    {M "os: /srv", "3:3: key 'os' isn't for manifests: results appear in the job folder's out/"},
	    {M "on: web02", "3:3: key 'on' isn't for manifests: it is called name here"},
	    {M "groups: {}", "3:3: key 'groups' belongs to the manifest itself"},
	    {M "defaults: {}", "3:3: key 'defaults' belongs to the manifest itself"},
	    {M "source: b", "3:3: key 'source' is there twice, first at line 2, column 3"},
	    {"defaults: {source: a}\n", "1:12: key 'source' belongs to a machine"},
	    {"groups: {web: {name: a}}\n", "1:16: key 'name' belongs to a machine"},
	    {"machine: []\n", "1:1: unknown key 'machine': did you mean 'machines'?"},
	    {"source: a\n", "1:1: key 'source' belongs to a machine"},
	    {"{}", "1:1: there is no list machines:"},
	    {"machines: []", "1:11: machines: the list is empty"},
	    {"machines: {a: b}", "1:11: machines: a list is expected"},
	    {"machines: [a]", "1:12: machine: keys with values are expected"},
	    {"defaults: no\n", "1:11: defaults: keys with values are expected"},
	    {"groups: [web]\n", "1:9: groups: keys with values are expected"},
	    {"groups: {web: 1}\n", "1:15: group: keys with values are expected"},
	    {"groups: {web: {}, web: {}}\n", "1:19: group 'web' is there twice"},
	    {"source-groups: {a: 1, a: 1}\n", "1:23: source-group 'a' is there twice"},
	    {"source-groups: a\n", "1:16: source-groups: keys with values are expected"},
	    {"source-groups: {a: few}\n", "1:20: source-groups: 'few' isn't a number from 0 to 100000"},
	    {"groups: {web servers: {}}\n", "1:10: groups: 'web servers' isn't made of letters, digits, '.', '_' and "
					    "'-', at most 64, of which the first is "
					    "no sign"},
	    {"source-groups: {'a;b': 1}\n", "1:17: source-groups: 'a;b' isn't made of letters, digits, '.', '_' and "
					    "'-', at most 64, of which the first is no "
					    "sign"},
	    {"source-groups: {a: 0}\n",
	     "1:20: source-groups: with 0 at once, no machine of 'a' would ever be converted"},
	    {"- a\n", "1:1: manifest: keys with values are expected"},
	    {"machines:\n- name: a\n", "2:3: a machine without source"},
	};

	ALL_WRONG(*state, MANIFEST_YAML, cases);
}

static void wrong_values(void **state)
{
	static const struct wrong cases[] = {
	    {M "priority: high", "3:13: priority: 'high' isn't a number from 0 to 1000"},
	    {M "priority: 1001", "3:13: priority: '1001' isn't a number from 0 to 1000"},
	    {M "priority: -1", "3:13: priority: '-1' isn't a number from 0 to 1000"},
	    {M "priority: '1'", "3:13: priority: '1' in quotes isn't a number from 0 to 1000"},
	    {M "priority: 99999999999999999999",
	     "3:13: priority: '99999999999999999999' isn't a number from 0 to 1000"},
	    {M "priority:", "3:12: priority: an empty value isn't a number from 0 to 1000"},
	    {M "priority: [1]", "3:13: priority: a list isn't a number from 0 to 1000"},
	    {M "priority: {a: 1}", "3:13: priority: what has keys of its own isn't a number from 0 to 1000"},
	    {M "proof-timeout: 86401", "3:18: proof-timeout: '86401' isn't a number from 0 to 86400"},
	    {M "retries: 21", "3:12: retries: '21' isn't a number from 0 to 20"},
	    {M "undo-log: yes", "3:13: undo-log: 'yes' isn't true or false"},
	    {M "undo-log: 'true'", "3:13: undo-log: 'true' in quotes isn't true or false"},
	    {M "compress: gzip", "3:13: compress: 'gzip' isn't zlib or zstd"},
	    {M "proof: desktop", "3:10: proof: 'desktop' isn't none, firmware, kernel or login"},
	    {M "bwlimit: fast", "3:12: bwlimit: 'fast' isn't a number of bytes, or with k, M, G or T behind it"},
	    {M "bwlimit: 0", "3:12: bwlimit: '0' isn't a number of bytes, or with k, M, G or T behind it"},
	    {M "name: web/01", "3:9: name: 'web/01' isn't made of letters, digits, '.', '_' and '-', at most 64, of "
			       "which the first is no "
			       "sign"},
	    {M "name: ..", "3:9: name: '..' isn't made of letters, digits, '.', '_' and '-', at most 64, of which the "
			   "first is no sign"},
	    {M "name: ''", "3:9: name: an empty value isn't letters, digits, '.', '_' and '-'"},
	    {M "network: []", "3:12: network: the list is empty"},
	    {M "network: [lan, [a]]", "3:18: network: a list isn't IN:OUT"},
	    {M "network: [lan, '']", "3:18: network: an empty value isn't IN:OUT"},
	    {M "agent: \"a\\nb\"", "3:10: agent: 'a?b' has the control character 0x0a"},
	    {M "agent: [a]", "3:10: agent: a list isn't a path"},
	    {M "key: all:key:Swordfish",
	     "3:8: key: no passphrase stands in a manifest: put it into a file, and NAME:file:PATH here"},
	    {M "key: all:fd:3",
	     "3:8: key: no descriptor stays open for another host or a second try: NAME:file:PATH is expected"},
	    {M "key: Swordfish", "3:8: key: the value isn't NAME:file:PATH"},
	    {M "key: 'all:file:'", "3:8: key: the value isn't NAME:file:PATH"},
	    {M "key: ':file:x'", "3:8: key: the value isn't NAME:file:PATH"},
	    {"defaults: {proof: maybe}\n", "1:19: proof: 'maybe' isn't none, firmware, kernel or login"},
	    {"name: [a]\n", "1:7: name: a list isn't a text"},
	};

	ALL_WRONG(*state, MANIFEST_YAML, cases);
}

static void wrong_groups_and_names(void **state)
{
	static const struct wrong cases[] = {
	    {"groups: {web: {}}\n" M "group: wbe",
	     "4:10: group: 'wbe' is none of the manifest's groups: did you mean 'web'?"},
	    {"groups: {web: {}}\n" M "group: data", "4:10: group: 'data' is none of the manifest's groups"},
	    {"source-groups: {esx1: 1}\n" M "source-group: esx2",
	     "4:17: source-group: 'esx2' is none of the manifest's source-groups: did you mean 'esx1'?"},
	    {"source-groups: {esx1: 1}\ndefaults: {source-group: nas}\n" M "priority: 1",
	     "2:26: source-group: 'nas' is none of the manifest's source-groups"},
	    {"machines:\n- source: a/web.ova\n- source: b\n- source: b/web.ova\n",
	     "4:3: name 'web' is that of the machine at line 2, column 3, too"},
	};

	ALL_WRONG(*state, MANIFEST_YAML, cases);
}

static void wrong_yaml(void **state)
{
	static const struct wrong cases[] = {
	    {"", "1:1: the manifest is empty"},
	    {"# nothing\n", "2:1: the manifest is empty"},
	    {"machines: [", "2:1: not YAML: while parsing a flow node, did not find expected node content"},
	    {"a: b: c\n", "1:5: not YAML: mapping values are not allowed in this context"},
	    {"a:\n\tb: c\n",
	     "2:1: not YAML: while scanning for the next token, found character that cannot start any token"},
	    {"a: b\n\xff: c\n", "2:1: not YAML: invalid leading UTF-8 octet"},
	    {"defaults: &d {proof: login}\n", "1:11: anchor '&d': a manifest has defaults: and groups: instead"},
	    {"machines: *d\n", "1:11: alias '*d': a manifest has defaults: and groups: instead"},
	    {M "name: !!str 1\n",
	     "3:9: tag 'tag:yaml.org,2002:str': a manifest has none, its keys know what their values are"},
	    {M "<<: {priority: 1}\n", "3:3: unknown key '<<': `man rehost-manifest` lists those there are"},
	    {"? [a]\n: b\n", "1:3: a key is a word, not a list, other keys or an alias"},
	    {"%YAML 1.1\n---\nmachines: []\n", "1:1: a line with '%': a manifest has no directives"},
	    {"machines: [source: a]\n---\nmachines: []\n", "2:1: a second document: a manifest is one"},
	    {"a: [[[[[[[]]]]]]]\n", "1:9: nested deeper than anything in a manifest"},
	    {M "name: \"a\\0b\"\n", "3:9: 'a' has a NUL behind it"},
	};

	ALL_WRONG(*state, MANIFEST_YAML, cases);
}

static void wrong_json(void **state)
{
	static const struct wrong cases[] = {
	    {"{\"machines\": [\n {\"source\": \"a\",\n  \"priority\": \"1\"}]}",
	     "3:15: priority: '1' in quotes isn't a number from 0 to 1000"},
	    {"{\"machines\": [{\"source\": 1}]}", "1:26: source: '1' isn't a path"},
	    {"{\"machines\": [{\"source\": null}]}", "1:26: source: 'null' isn't a path"},
	    {"{\"name\": \"\xc3\xa4\", \"machine\": []}", "1:15: unknown key 'machine': did you mean 'machines'?"},
	    {"{\"machines\": [{\"source\": \"a\", \"name\": 7}]}",
	     "1:39: name: '7' isn't letters, digits, '.', '_' and '-'"},
	    {"{\"a\": [[[[[[[]]]]]]]}", "1:12: nested deeper than anything in a manifest"},
	    {"[]", "1:1: manifest: keys with values are expected"},
	    {"{\"machines\": [{\"source\": \"a\"},]}", " JSON line 1 column 31: unexpected token near ']'"},
	    {"{\"name\": \"a\", \"name\": \"b\"}", " JSON line 1 column 20: duplicate object key near '\"name\"'"},
	    {"", " JSON line 1 column 0: '[' or '{' expected near end of file"},
	};

	ALL_WRONG(*state, MANIFEST_JSON, cases);
}

static void a_nul_in_json(void **state)
{
	static const char text[] = "{\n\"name\": 2\0}";
	struct fixture *f = *state;

	f->m.text = (struct buf)BUF_INIT(100);
	assert_int_equal(buf_add(&f->m.text, text, sizeof text - 1), 0);
	assert_int_equal(batch_manifest_parse(MANIFEST_JSON, "m", "/", &f->keys, &f->m, &f->err), -1);
	assert_string_equal(f->err.text, "m:2:10: byte 0x00 isn't JSON");
}

static void wrong_csv(void **state)
{
	static const struct wrong cases[] = {
	    {"", "1:1: a column without a name"},
	    {"source,,name\n", "1:8: a column without a name"},
	    {"source;name\na;b\n", "1:1: columns separated by ';': commas are expected"},
	    {"source,nmae\na,b\n", "1:8: unknown key 'nmae': did you mean 'name'?"},
	    {"source,source\na,b\n", "1:8: key 'source' is there twice, first at line 1, column 1"},
	    {"source,name\na\n", "2:1: the row has 1 cells, the header 2"},
	    {"source,name\na,b,c\n", "2:1: the row has 3 cells, the header 2"},
	    {"source,name\n,b\n", "2:1: a machine without source"},
	    {"source\n", "1:1: machines: the list is empty"},
	    {"source\n\"a\n", "2:1: the quote is never closed"},
	    {"source\n\"a\"b\n", "2:4: 'b' behind a closing quote: a comma or the line's end is expected"},
	    {"source\na\"b\n", "2:2: a quote inside a cell: the whole cell is quoted, and the quote in it twice"},
	    {"source\n\"a\nb\"\n", "2:1: source: 'a?b' has the control character 0x0a"},
	    {"source\na\xff\n", "2:2: byte 0xff isn't UTF-8 text"},
	    {"source,priority\n\"\xc3\xa4\",x\n", "2:5: priority: 'x' isn't a number from 0 to 1000"},
	    {"source,network\na,lan;;dmz\n", "2:3: network: an empty value isn't IN:OUT"},
	    {"source,proof\na,x\n", "2:3: proof: 'x' isn't none, firmware, kernel or login"},
	};

	ALL_WRONG(*state, MANIFEST_CSV, cases);
}

static void limits(void **state)
{
	struct fixture *f = *state;
	AUTO(buf_done) struct buf text = BUF_INIT(MANIFEST_BYTES_MAX);

	buf_adds(&text, "source,name\n");
	for (unsigned i = 0; i <= JOB_UNITS_MAX; i++)
		buf_addf(&text, "a,n%u\n", i);
	assert_wrong(f, MANIFEST_CSV, buf_str(&text), "100002:1: more than 100000 machines");
	buf_clear(&text);
	buf_adds(&text, "groups:\n");
	for (unsigned i = 0; i <= MANIFEST_GROUPS_MAX; i++)
		buf_addf(&text, " g%u: {}\n", i);
	assert_wrong(f, MANIFEST_YAML, buf_str(&text), "1002:2: more than 1000 groups");
	buf_clear(&text);
	buf_adds(&text, M "network:\n");
	for (unsigned i = 0; i <= 256; i++)
		buf_adds(&text, "  - a:b\n");
	assert_wrong(f, MANIFEST_YAML, buf_str(&text), "260:5: network: more than 256 values");
	buf_clear(&text);
	buf_adds(&text, "[");
	for (unsigned i = 0; i <= 4000000; i++)
		buf_adds(&text, "1,");
	assert_wrong(f, MANIFEST_JSON, buf_str(&text), "1:1: more than 4000000 values");
}

static void files(void **state)
{
	struct fixture *f = *state;
	char dir[] = "/tmp/rehost-manifest-XXXXXX", path[100];

	assert_non_null(mkdtemp(dir));
	assert_int_equal(batch_manifest_load("wave3.txt", &f->keys, &f->m, &f->err), -1);
	assert_string_equal(f->err.text,
			    "manifest 'wave3.txt': a name that ends in .yaml, .yml, .csv or .json is expected");
	assert_int_equal(f->err.code, ERR_USAGE);
	assert_int_equal(batch_manifest_load("/nowhere/wave3.yaml", &f->keys, &f->m, &f->err), -1);
	assert_string_equal(f->err.text, "manifest: cannot open '/nowhere/wave3.yaml': No such file or directory");
	assert_int_equal(f->err.code, ERR_UNREADABLE);

	snprintf(path, sizeof path, "%s/w.CSV", dir);
	assert_int_equal(file_replace(AT_FDCWD, path, "source\na.ova\n", 13, 0600, &f->err), 0);
	assert_int_equal(batch_manifest_load(path, &f->keys, &f->m, &f->err), 0);
	snprintf(path, sizeof path, "%s/a.ova", dir);
	assert_string_equal(f->m.machines.v[0].unit.sources.v[0], path);
	assert_int_equal(f->m.text.len, 13);
	file_remove_tree(AT_FDCWD, dir, NULL);
}

static void too_large(void **state)
{
	struct fixture *f = *state;
	char path[] = "/tmp/rehost-manifest-XXXXXX.yaml", want[200];
	AUTO_FD int fd = mkstemps(path, 5);

	assert_int_equal(ftruncate(fd, MANIFEST_BYTES_MAX + 1), 0);
	assert_int_equal(batch_manifest_load(path, &f->keys, &f->m, &f->err), -1);
	snprintf(want, sizeof want, "manifest: '%s' is over the limit of 67108864 bytes", path);
	assert_string_equal(f->err.text, want);
	unlink(path);
}

/* Samples that users begin with. */
static void samples(void **state)
{
	static const char *const paths[] = {"samples/batch/wave.yaml", "samples/batch/wave.json",
					    "samples/batch/wave.csv"};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		batch_manifest_done(&f->m);
		f->m = (struct batch_manifest){0};
		if (batch_manifest_load(paths[i], &f->keys, &f->m, &f->err) < 0)
			fail_msg("%s", f->err.text);
		assert_int_equal(f->m.machines.n, 3);
		assert_string_equal(f->m.machines.v[0].unit.name, "web01");
		assert_int_equal(f->m.machines.v[0].unit.proof, BOOT_LOGIN);
		assert_string_equal(f->m.machines.v[2].unit.source_group, "esx2");
	}
}

/* ---- the table ---- */

static void every_option_of_convert_is_a_key_or_left_out(void **state)
{
	struct fixture *f = *state;
	const struct manifest_key *key = manifest_key_find(&f->keys, "virtio-win", MANIFEST_DEFAULTS);

	assert_int_equal(key->type, MANIFEST_PATH);
	assert_int_equal(manifest_key_find(&f->keys, "trim-encrypted", MANIFEST_MACHINE)->type, MANIFEST_FLAG);
	assert_int_equal(manifest_key_find(&f->keys, "mac", MANIFEST_MACHINE)->type, MANIFEST_LIST);
	assert_null(manifest_key_find(&f->keys, "mac", MANIFEST_TOP));
	for (size_t i = 0; i < f->keys.n; i++)
		assert_true(f->keys.v[i].use && *f->keys.v[i].help);
}

static void the_page_has_the_table(void **state)
{
	struct fixture *f = *state;
	AUTO(buf_done) struct buf table = BUF_INIT(1 << 20), page = BUF_INIT(1 << 20);

	assert_int_equal(manifest_keys_markdown(&f->keys, &table), 0);
	assert_int_equal(file_slurp(AT_FDCWD, "docs/manifest.md", &page, &f->err), 0);
	if (strstr(buf_str(&page), buf_str(&table)))
		return;
	assert_int_equal(file_replace(AT_FDCWD, "build/manifest-keys.md", table.data, table.len, 0644, &f->err), 0);
	fail_msg("docs/manifest.md hasn't the table of keys as it is now in build/manifest-keys.md");
}

static void near_words(void **state)
{
	assert_int_equal(manifest_misspelled("netwrok", "network"), 1);
	assert_int_equal(manifest_misspelled("source_groups", "source-group"), 2);
	assert_int_equal(manifest_misspelled("wbe", "web"), 1);
	assert_int_equal(manifest_misspelled("windows", "web"), MANIFEST_ANOTHER_WORD);
	assert_int_equal(manifest_misspelled("x", "vm"), MANIFEST_ANOTHER_WORD);
	assert_int_equal(manifest_misspelled("", "vm"), MANIFEST_ANOTHER_WORD);
	assert_int_equal(manifest_misspelled("a-word-that-is-longer-than-any-key-that-there-is", "source"),
			 MANIFEST_ANOTHER_WORD);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(yaml_with_defaults_and_groups),
	    TEST(the_same_in_json),
	    TEST(the_same_in_csv),
	    TEST(json_read_as_yaml),
	    TEST(names_by_the_source),
	    TEST(wrong_keys),
	    TEST(wrong_values),
	    TEST(wrong_groups_and_names),
	    TEST(wrong_yaml),
	    TEST(wrong_json),
	    TEST(a_nul_in_json),
	    TEST(wrong_csv),
	    TEST(limits),
	    TEST(files),
	    TEST(too_large),
	    TEST(samples),
	    TEST(every_option_of_convert_is_a_key_or_left_out),
	    TEST(the_page_has_the_table),
	    TEST(near_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
