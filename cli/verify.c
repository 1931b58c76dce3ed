/* verify: a result against its seal, its source, libvirt, and by booting it. */

#include "cli/command.h"
#include "cli/groups.h"
#include "cli/terminal.h"
#include "core/base/checked.h"
#include "run/verify/verify.h"

struct arguments {
	struct cli_list sources;
	struct source_arguments source;
	struct key_arguments keys;
	struct talk_arguments talk;
	const char *boot, *shots;
	unsigned timeout, threads;
	bool evidence, xml, force, json;
};

static const char *const levels[] = {"firmware", "kernel", "login", "agent", NULL};

#define AT(member) offsetof(struct arguments, member)

static const struct cli_option options[] = {
    {"source", 's', CLI_LIST, "INPUT", NULL,
     "Compare with what it was converted from, wherever the conversion did not write; again for each further bare "
     "disk.",
     AT(sources)},
    {"evidence", 0, CLI_FLAG, NULL, NULL, "Print the SHA-256 of every file.", AT(evidence)},
    {"xml", 0, CLI_FLAG, NULL, NULL,
     "Judge the libvirt XML by libvirt's schema, by libvirt itself, and by the disks that it names.", AT(xml)},
    {"boot", 0, CLI_TEXT, "LEVEL", levels,
     "Boot it on a throw-away overlay; this must be proven: firmware, kernel or login (agent is another word for it).",
     AT(boot)},
    {"shots", 0, CLI_TEXT, "DIR", NULL,
     "With --boot: keep screenshots and the serial console's log there (default: NAME-boot in the current folder).",
     AT(shots)},
    {"timeout", 't', CLI_NUMBER, "SECONDS", NULL, "With --boot: give up after that time (default: 300).", AT(timeout)},
    OPTION_GROUP(source_rows, AT(source)),
    OPTION_GROUP(key_rows, AT(keys)),
    {"force", 0, CLI_FLAG, NULL, NULL, "Read a source that is in use.", AT(force)},
    {"threads", 'j', CLI_NUMBER, "N", NULL, "Threads that hash and compare (default: one a core).", AT(threads)},
    {"json", 0, CLI_FLAG, NULL, NULL, "Print the whole account as one JSON object.", AT(json)},
    OPTION_GROUP(talk_rows, AT(talk)),
    {0},
};

static struct verify_options to_verify(const struct arguments *a, const char *result, const struct keys *keys)
{
	return (struct verify_options){
	    .result = result,
	    .sources = a->sources.v,
	    .nsources = a->sources.n,
	    .source = source_from(&a->source, a->force),
	    .rules = reading_rules(&a->source.reading, keys),
	    .evidence = a->evidence,
	    .xml = a->xml,
	    .boot = a->boot ? boot_level_by_name(a->boot) : BOOT_LEVEL_UNKNOWN,
	    .shots = a->shots,
	    .boot_timeout = a->timeout,
	    .threads = a->threads,
	    .events = terminal_events(),
	};
}

static int print(const struct json *report, bool json, struct err *err)
{
	AUTO(buf_done) struct buf text = BUF_INIT(64 * MIB);

	if (!json && verify_text(report, &text, err) < 0)
		return -1;
	if (json && js_print(report, true, &text) < 0)
		return err_set(err, ERR_INTERNAL, "the account is over 64 MiB");
	return terminal_print(&text, err);
}

static int refuse_alone(const struct arguments *a, struct err *err)
{
	if (!a->boot && (a->shots || a->timeout))
		return err_set(err, ERR_USAGE, "verify: --shots and --timeout need --boot");
	if (!a->sources.n && (source_given(&a->source) || a->keys.list.n || a->keys.from_stdin || a->force))
		return err_set(err, ERR_USAGE, "verify: options of the source need --source");
	return 0;
}

static int run_verify(const struct command *self, int argc, char **argv, struct err *err)
{
	AUTO(keys_done) struct keys keys = {0};
	AUTO(js_freep) struct json *report = NULL;
	struct verify_options verify;
	struct arguments a = {0};
	struct positionals p;
	int ret;

	if (options_parse(self->options, argc, argv, &a, &p, err) < 0)
		return -1;
	if (p.n != 1)
		return err_set(err, ERR_USAGE, "verify: one RESULT expected, %zu given", p.n);
	if (refuse_alone(&a, err) < 0)
		return -1;
	if (read_keys(&a.keys, &keys, err) < 0)
		return -1;
	talk_start(&a.talk);
	verify = to_verify(&a, p.v[0], &keys);
	ret = verify_result(&verify, &report, err);
	terminal_end();
	if (report && (a.json || !a.talk.quiet || ret < 0) && print(report, a.json, ret < 0 ? NULL : err) < 0)
		return -1;
	return ret;
}

const struct command command_verify = {
    .name = "verify",
    .arguments = "RESULT|NAME.xml",
    .summary = "is a result what was published, and what its source was? also by libvirt, and by booting it",
    .options = options,
    .run = run_verify,
};
