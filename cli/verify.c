/* verify: a result against its seal, its source, libvirt, and by booting it. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/terminal.h"
#include "core/base/checked.h"
#include "run/verify/verify.h"

struct arguments {
	struct cli_list sources, allow_parent, keys;
	const char *input, *input_format, *vm, *snapshot, *boot, *shots;
	unsigned timeout, threads;
	bool evidence, xml, allow_truncated, ignore_checksum, force, json, quiet, verbose;
};

static const char *const inputs[] = {"ova", "ovf", "vmx", "disk", "local", NULL};
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
    {"input", 'i', CLI_TEXT, "KIND", inputs, "What the source is: ova, ovf, vmx or disk; found out when not given.",
     AT(input)},
    {"if", 0, CLI_TEXT, "FORMAT", NULL, "Format of the source's disks, as for convert.", AT(input_format)},
    {"vm", 0, CLI_TEXT, "ID", NULL, "Which virtual system of an OVF that holds several.", AT(vm)},
    {"snapshot", 0, CLI_TEXT, "ID|NAME", NULL, "The source's disks as they were at a snapshot inside their images.",
     AT(snapshot)},
    {"allow-parent", 0, CLI_LIST, "DIR", NULL,
     "A folder in which the parents and extents that the source's disks name may lie.", AT(allow_parent)},
    {"allow-truncated", 0, CLI_FLAG, NULL, NULL, "What a file of the source lacks at its end reads as zeros.",
     AT(allow_truncated)},
    {"ignore-checksum", 0, CLI_FLAG, NULL, NULL, "Take headers of the source whose checksum is wrong.",
     AT(ignore_checksum)},
    {"key", 0, CLI_LIST, "NAME:key|file|fd:VALUE", NULL, "Passphrase of an encrypted image of the source.", AT(keys)},
    {"force", 0, CLI_FLAG, NULL, NULL, "Read a source that is in use.", AT(force)},
    {"threads", 'j', CLI_NUMBER, "N", NULL, "Threads that hash and compare (default: one a core).", AT(threads)},
    {"json", 0, CLI_FLAG, NULL, NULL, "Print the whole account as one JSON object.", AT(json)},
    {"quiet", 'q', CLI_FLAG, NULL, NULL, "Print nothing but what differs.", AT(quiet)},
    {"verbose", 'v', CLI_FLAG, NULL, NULL, "Print the full log.", AT(verbose)},
    {0},
};

static struct verify_options to_verify(const struct arguments *a, const char *result, const struct keys *keys)
{
	return (struct verify_options){
	    .result = result,
	    .sources = a->sources.v,
	    .nsources = a->sources.n,
	    .source = {.kind = a->input && !strcmp(a->input, "local") ? "disk" : a->input,
		       .format = a->input_format,
		       .force = a->force,
		       .allow_truncated = a->allow_truncated,
		       .allow_parent = a->allow_parent.v,
		       .vm = a->vm},
	    .rules = {.allow_parent = a->allow_parent.v,
		      .allow_truncated = a->allow_truncated,
		      .ignore_checksum = a->ignore_checksum,
		      .keys = keys,
		      .snapshot = a->snapshot},
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
	if (!a->sources.n && (a->input || a->input_format || a->vm || a->snapshot || a->allow_parent.n || a->keys.n ||
			      a->allow_truncated || a->ignore_checksum || a->force))
		return err_set(err, ERR_USAGE, "verify: options of the source need --source");
	return 0;
}

static int run_verify(const struct command *self, int argc, char **argv, struct err *err)
{
	AUTO(keys_done) struct keys keys = {0};
	AUTO(js_freep) struct json *report = NULL;
	struct terminal_options terminal;
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
	for (size_t i = 0; i < a.keys.n; i++) {
		if (keys_add(&keys, a.keys.v[i], err) < 0)
			return -1;
		key_hide((char *)(uintptr_t)a.keys.v[i]);
	}
	terminal = (struct terminal_options){.quiet = a.quiet, .verbose = a.verbose};
	terminal_start(&terminal);
	verify = to_verify(&a, p.v[0], &keys);
	ret = verify_result(&verify, &report, err);
	terminal_end();
	if (report && (a.json || !a.quiet || ret < 0) && print(report, a.json, ret < 0 ? NULL : err) < 0)
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
