/* convert, plan, check and inspect: one run that goes differently far. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/groups.h"
#include "cli/terminal.h"
#include "core/base/checked.h"
#include "run/convert.h"
#include "run/report/report.h"

/* All options of the four commands; each table shows its own subset. */
struct arguments {
	struct source_arguments source;
	struct key_arguments keys;
	struct network_arguments network;
	struct talk_arguments talk;
	const char *output, *output_dir, *published_in, *disk_format, *name, *root, *allocation;
	const char *compress, *initramfs, *on_read_error, *agent, *virtio_win, *block_driver;
	bool trim_encrypted, discard_hibernation;
	bool no_convert, no_trim, keep_tools, undo_log, force, restart, performance, dry_run, print_xml, json;
	unsigned threads;
};

static const char *const outputs_known[] = {"local", "disk", "qemu", "null", NULL};
static const char *const disk_formats[] = {"qcow2", "raw", NULL};
static const char *const codecs[] = {"zlib", "zstd", NULL};
static const char *const allocations[] = {"sparse", NULL};
static const char *const block_drivers[] = {"virtio-blk", "virtio-scsi", NULL};
static const char *const initramfs_ways[] = {"graft", "rebuild", NULL};
static const char *const read_error_policies[] = {"stop", "zero", NULL};

#define AT(field) offsetof(struct arguments, field)

/* Of all four. */
static const struct cli_option input_rows[] = {
    OPTION_GROUP(source_rows, AT(source)),
    {"root", 0, CLI_TEXT, "DEVICE", NULL, "Which operating system when there are several: a device, or first.",
     AT(root)},
    OPTION_GROUP(key_rows, AT(keys)),
    {0},
};

static const struct cli_option common_rows[] = {
    {"force", 0, CLI_FLAG, NULL, NULL,
     "Go on where rehost would refuse: a source in use, an existing result (replaced), a guest that will not boot.",
     AT(force)},
    {"json", 0, CLI_FLAG, NULL, NULL, "Print the result as one JSON object.", AT(json)},
    OPTION_GROUP(talk_rows, AT(talk)),
    {0},
};

/* How the guest is changed. */
static const struct cli_option guest_rows[] = {
    {"keep-tools", 0, CLI_FLAG, NULL, NULL, "Leave the old hypervisor's guest tools as they are.", AT(keep_tools)},
    {"agent", 0, CLI_TEXT, "DIR", NULL,
     "Install qemu-guest-agent into a Linux guest from the package files (.deb, .rpm) in this folder.", AT(agent)},
    {"virtio-win", 0, CLI_TEXT, "ISO|DIR", NULL,
     "Drivers for a Windows guest: the virtio-win image or its content (default: $VIRTIO_WIN, /usr/share/virtio-win).",
     AT(virtio_win)},
    {"block-driver", 0, CLI_TEXT, "virtio-blk|virtio-scsi", block_drivers,
     "The bus for a Windows guest's disks (default: virtio-blk).", AT(block_driver)},
    {"initramfs", 0, CLI_TEXT, "graft|rebuild", initramfs_ways,
     "How drivers get into initramfs images: appended from outside (graft, default), or made anew by the guest's own "
     "program, run in the appliance without a network (rebuild).",
     AT(initramfs)},
    {"no-trim", 0, CLI_FLAG, NULL, NULL, "Copy free space of the guest's file systems too.", AT(no_trim)},
    {"discard-hibernation", 0, CLI_FLAG, NULL, NULL,
     "Give up what a hibernated Windows (or one with Fast Startup) held in memory, instead of refusing it.",
     AT(discard_hibernation)},
    {"trim-encrypted", 0, CLI_FLAG, NULL, NULL,
     "Leave out free space inside encrypted volumes, too: the copy then shows which of their blocks are in use.",
     AT(trim_encrypted)},
    {0},
};

static const struct cli_option convert_options[] = {
    OPTION_GROUP(input_rows, 0),
    {"output", 'o', CLI_TEXT, "KIND", outputs_known,
     "What to write: local (folder with disks and libvirt XML), "
     "qemu (start script too), null (nothing).",
     AT(output)},
    {"os", 0, CLI_TEXT, "DIR", NULL, "Folder in which the result's folder appears (default: here).", AT(output_dir)},
    {"destination", 0, CLI_TEXT, "DIR", NULL, "The same, as virt-convert spelled it.", AT(output_dir)},
    {"published-in", 0, CLI_TEXT, "DIR", NULL,
     "Folder to which the result's folder will be moved afterwards, by whoever asked: what is written names that one.",
     AT(published_in)},
    {"of", 0, CLI_TEXT, "FORMAT", disk_formats, "Disk format: qcow2 (default) or raw.", AT(disk_format)},
    {"disk-format", 'D', CLI_TEXT, "FORMAT", disk_formats, "The same, as virt-convert spelled it.", AT(disk_format)},
    {"oa", 0, CLI_TEXT, "sparse", allocations, "Allocation of the disks: sparse.", AT(allocation)},
    {"on", 0, CLI_TEXT, "NAME", NULL, "Name of the result (default: the machine's).", AT(name)},
    {"compress", 0, CLI_TEXT, "zlib|zstd", codecs, "Compress the qcow2 disks.", AT(compress)},
    OPTION_GROUP(network_rows, AT(network)),
    OPTION_GROUP(guest_rows, 0),
    {"undo-log", 0, CLI_FLAG, NULL, NULL,
     "Keep the originals of all changed files in the result's folder, for "
     "rehost undo.",
     AT(undo_log)},
    {"no-convert", 0, CLI_FLAG, NULL, NULL, "Copy and describe the machine without touching the guest.",
     AT(no_convert)},
    {"dry-run", 0, CLI_FLAG, NULL, NULL, "Do everything but the copy and print the change log, as rehost plan does.",
     AT(dry_run)},
    {"print-xml", 0, CLI_FLAG, NULL, NULL, "Print the libvirt XML that would be written; implies --dry-run.",
     AT(print_xml)},
    {"on-read-error", 0, CLI_TEXT, "stop|zero", read_error_policies,
     "At an unreadable place of the source: stop "
     "(default), or write zeros, go on and list it.",
     AT(on_read_error)},
    {"restart", 0, CLI_FLAG, NULL, NULL, "Begin anew instead of resuming what an earlier run left.", AT(restart)},
    {"performance", 0, CLI_FLAG, NULL, NULL, "Give each disk an I/O thread in the libvirt XML.", AT(performance)},
    {"threads", 'j', CLI_NUMBER, "N", NULL, "Threads that copy (default: one a core).", AT(threads)},
    OPTION_GROUP(common_rows, 0),
    {0},
};

static const struct cli_option plan_options[] = {
    OPTION_GROUP(input_rows, 0),
    OPTION_GROUP(network_rows, AT(network)),
    OPTION_GROUP(guest_rows, 0),
    OPTION_GROUP(common_rows, 0),
    {0},
};

static const struct cli_option inspect_options[] = {OPTION_GROUP(input_rows, 0), OPTION_GROUP(common_rows, 0), {0}};

static bool is(const char *text, const char *word)
{
	return text && !strcmp(text, word);
}

static struct run_options to_run(const struct arguments *a, const struct positionals *p, const struct keys *keys,
				 enum run_depth depth)
{
	return (struct run_options){
	    .depth = depth,
	    .inputs = p->v,
	    .ninputs = p->n,
	    .source = source_from(&a->source, a->force),
	    .rules = reading_rules(&a->source.reading, keys),
	    .maps = network_maps(&a->network),
	    .output = is(a->output, "disk") ? "local" : a->output,
	    .output_dir = a->output_dir,
	    .published_in = a->published_in,
	    .name = a->name,
	    .disk_format = a->disk_format,
	    .codec = a->compress,
	    .root = a->root,
	    .keys = keys,
	    .trim_encrypted = a->trim_encrypted,
	    .discard_hibernation = a->discard_hibernation,
	    .no_convert = a->no_convert,
	    .no_trim = a->no_trim,
	    .keep_tools = a->keep_tools,
	    .agent = a->agent,
	    .virtio_win = a->virtio_win,
	    .block_driver = a->block_driver,
	    .rebuild_initramfs = is(a->initramfs, "rebuild"),
	    .undo_log = a->undo_log,
	    .force = a->force,
	    .restart = a->restart,
	    .performance = a->performance,
	    .on_read_error = is(a->on_read_error, "zero") ? READ_ERROR_ZERO : READ_ERROR_STOP,
	    .threads = a->threads,
	    .events = terminal_events(),
	};
}

static int print_text(const struct json *report, const struct arguments *a, struct err *err)
{
	AUTO(buf_done) struct buf text = BUF_INIT(64 * MIB);

	if (a->json) {
		if (js_print(report, true, &text) < 0)
			return err_set(err, ERR_INTERNAL, "the report is over 64 MiB");
	} else if (report_text(report, &text, err) < 0) {
		return -1;
	}
	return terminal_print(&text, err);
}

static void print_result(const struct json *report, const struct arguments *a)
{
	const char *folder = js_get_str(report, "folder", NULL);

	if (!folder || a->talk.quiet)
		return;
	printf("machine:  %s\n", js_get_str(report, "xml", ""));
	printf("report:   %s/report.txt\n", folder);
}

static int start(const struct command *self, int argc, char **argv, struct arguments *a, struct positionals *p,
		 struct keys *keys, struct err *err)
{
	if (options_parse(self->options, argc, argv, a, p, err) < 0)
		return -1;
	if (!p->n)
		return err_set(err, ERR_USAGE, "%s: no input given", self->name);
	if (read_keys(&a->keys, keys, err) < 0)
		return -1;
	talk_start(&a->talk);
	return 0;
}

/* A failed run still prints what it found out, when that was asked for as JSON. */
static int run(const struct run_options *options, const struct arguments *a, bool print, struct json **report,
	       struct err *err)
{
	int ret = run_machine(options, report, err);

	terminal_end();
	if (*report && (a->json || (print && ret == 0)) && print_text(*report, a, ret < 0 ? NULL : err) < 0)
		return -1;
	return ret;
}

/* As the conversion itself does. */
static int refuse_unbootable(const struct json *report, bool force, struct err *err)
{
	const char *verdict = js_get_str(js_get(report, "inspection"), "verdict", "");

	if (!force && !strcmp(verdict, "WILL NOT BOOT"))
		return err_set(err, ERR_BLOCKED, "the converted guest will not boot: see the findings");
	return 0;
}

static int run_plan(const struct command *self, int argc, char **argv, struct err *err)
{
	AUTO(keys_done) struct keys keys = {0};
	struct arguments a = {0};
	struct positionals p;
	AUTO(js_freep) struct json *report = NULL;
	struct run_options options;

	if (start(self, argc, argv, &a, &p, &keys, err) < 0)
		return -1;
	options = to_run(&a, &p, &keys, RUN_PLAN);
	if (run(&options, &a, true, &report, err) < 0)
		return -1;
	return refuse_unbootable(report, a.force, err);
}

static int run_inspect(const struct command *self, int argc, char **argv, struct err *err)
{
	AUTO(keys_done) struct keys keys = {0};
	struct arguments a = {0};
	struct positionals p;
	AUTO(js_freep) struct json *report = NULL;
	struct run_options options;

	if (start(self, argc, argv, &a, &p, &keys, err) < 0)
		return -1;
	options = to_run(&a, &p, &keys, RUN_INSPECT);
	return run(&options, &a, true, &report, err);
}

static int print_xml(const struct json *report, struct err *err)
{
	const char *xml = js_get_str(report, "libvirt_xml", NULL);

	if (!xml)
		return err_set(err, ERR_INTERNAL, "no libvirt XML was made");
	fputs(xml, stdout);
	return 0;
}

static int run_convert(const struct command *self, int argc, char **argv, struct err *err)
{
	AUTO(keys_done) struct keys keys = {0};
	struct arguments a = {0};
	struct positionals p;
	AUTO(js_freep) struct json *report = NULL;
	struct run_options options;
	bool dry;

	if (start(self, argc, argv, &a, &p, &keys, err) < 0)
		return -1;
	dry = a.dry_run || a.print_xml;
	options = to_run(&a, &p, &keys, dry ? RUN_PLAN : RUN_CONVERT);
	if (a.compress && is(a.disk_format, "raw"))
		return err_set(err, ERR_USAGE, "--compress needs -of qcow2");
	if (a.published_in && a.published_in[0] != '/')
		return err_set(err, ERR_USAGE, "--published-in '%s': an absolute path is expected", a.published_in);
	if (run(&options, &a, dry && !a.print_xml, &report, err) < 0)
		return -1;
	if (a.print_xml && !a.json && print_xml(report, err) < 0)
		return -1;
	if (dry)
		return refuse_unbootable(report, a.force, err);
	if (!a.json)
		print_result(report, &a);
	return 0;
}

const struct command command_convert = {
    .name = "convert",
    .arguments = "INPUT…",
    .summary = "make a libvirt/KVM guest of a machine: an OVA, OVF, VMX, .vbox, libvirt XML or bare disks",
    .options = convert_options,
    .run = run_convert,
};

const struct command command_plan = {
    .name = "plan",
    .arguments = "INPUT…",
    .summary = "do the conversion without the copy and print every change with its reason",
    .options = plan_options,
    .run = run_plan,
};

const struct command command_check = {
    .name = "check",
    .arguments = "INPUT…",
    .summary = "will the converted guest boot? facts, findings and the verdict, nothing kept",
    .options = plan_options,
    .run = run_plan,
};

const struct command command_inspect = {
    .name = "inspect",
    .arguments = "INPUT…",
    .summary = "what is inside: system, kernels, boot entries, network, tools",
    .options = inspect_options,
    .run = run_inspect,
};
