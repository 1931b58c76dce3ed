/* serve and machines: the host that physical machines dial, and what it knows of them. */
#include <inttypes.h>
#include <langinfo.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/groups.h"
#include "cli/terminal.h"
#include "core/base/checked.h"
#include "core/base/log.h"
#include "core/base/qr.h"
#include "core/base/units.h"
#include "run/serve/serve.h"

struct arguments {
	const char *listen, *output_dir, *output, *disk_format, *compress, *on_read_error;
	struct network_arguments network;
	struct key_arguments keys;
	unsigned uses, expires, jobs, patience, threads;
	uint64_t bwlimit, memory;
	bool no_convert, no_trim, keep_tools, undo_log, performance, json, force, trim_encrypted;
};

static const char *const outputs_known[] = {"local", "disk", "qemu", NULL};
static const char *const disk_formats[] = {"qcow2", "raw", NULL};
static const char *const codecs[] = {"zlib", "zstd", NULL};
static const char *const read_error_policies[] = {"stop", "zero", NULL};

#define AT(field) offsetof(struct arguments, field)

static const struct cli_option serve_options[] = {
    {"listen", 0, CLI_TEXT, "ADDRESS[:PORT]", NULL,
     "Where to listen (default: all addresses, IPv6 and IPv4, port 10899).", AT(listen)},
    {"os", 0, CLI_TEXT, "DIR", NULL, "Folder in which the machines' folders appear (default: here).", AT(output_dir)},
    {"uses", 0, CLI_NUMBER, "N", NULL, "How many machines a new token is for (default: 1).", AT(uses)},
    {"expires", 0, CLI_NUMBER, "HOURS", NULL, "How long a new token enrols machines (default: 24).", AT(expires)},
    {"jobs", 0, CLI_NUMBER, "N", NULL, "How many machines are converted at once (default: 2).", AT(jobs)},
    {"memory", 0, CLI_SIZE, "SIZE", NULL,
     "How much memory must be available before another conversion begins beside one (default: 2G).", AT(memory)},
    {"bwlimit", 0, CLI_SIZE, "RATE", NULL,
     "Read at most so many bytes a second of all machines together; 20M is 20 MiB/s.", AT(bwlimit)},
    {"wait", 0, CLI_NUMBER, "SECONDS", NULL,
     "How long a running conversion waits for a machine that has dropped off the network (default: 1800).",
     AT(patience)},
    {"output", 'o', CLI_TEXT, "KIND", outputs_known, "What to write: local or qemu, as for rehost convert.",
     AT(output)},
    {"of", 0, CLI_TEXT, "FORMAT", disk_formats, "Disk format: qcow2 (default) or raw.", AT(disk_format)},
    {"compress", 0, CLI_TEXT, "zlib|zstd", codecs, "Compress the qcow2 disks.", AT(compress)},
    OPTION_GROUP(network_rows, AT(network)),
    {"no-convert", 0, CLI_FLAG, NULL, NULL, "Copy and describe the machines without touching what is on them.",
     AT(no_convert)},
    {"no-trim", 0, CLI_FLAG, NULL, NULL, "Copy free space of the machines' file systems too.", AT(no_trim)},
    {"keep-tools", 0, CLI_FLAG, NULL, NULL, "Leave a hypervisor's guest tools as they are.", AT(keep_tools)},
    {"undo-log", 0, CLI_FLAG, NULL, NULL, "Keep the originals of all changed files, for rehost undo.", AT(undo_log)},
    OPTION_GROUP(volume_key_rows, AT(keys)),
    {"trim-encrypted", 0, CLI_FLAG, NULL, NULL,
     "Leave out free space of encrypted volumes that were opened, too: it shows how much of them is used.",
     AT(trim_encrypted)},
    {"force", 0, CLI_FLAG, NULL, NULL, "Replace a guest of the same name; convert one that will not boot.", AT(force)},
    {"on-read-error", 0, CLI_TEXT, "stop|zero", read_error_policies,
     "At an unreadable place of a disk: stop (default), or write zeros, go on and list it.", AT(on_read_error)},
    {"performance", 0, CLI_FLAG, NULL, NULL, "Give each disk an I/O thread in the libvirt XML.", AT(performance)},
    {"threads", 'j', CLI_NUMBER, "N", NULL, "Threads that copy, for each machine (default: one a core).", AT(threads)},
    {0},
};

static const struct cli_option machines_options[] = {
    {"os", 0, CLI_TEXT, "DIR", NULL, "The folder that was given to serve (default: here).", AT(output_dir)},
    {"json", 0, CLI_FLAG, NULL, NULL, "Print the list as JSON.", AT(json)},
    {0},
};

/* ---- serve ---- */

enum { ARGS_MAX = 64 };

/* What goes on to `rehost convert`. */
struct convert_args {
	const char *v[ARGS_MAX + 1];
	size_t n;
	bool too_many;
};

static void add(struct convert_args *to, const char *option, const char *value)
{
	if (to->n + 2 > ARGS_MAX) {
		to->too_many = true;
		return;
	}
	to->v[to->n++] = option;
	if (value)
		to->v[to->n++] = value;
}

static void add_text(struct convert_args *to, const char *option, const char *value)
{
	if (value)
		add(to, option, value);
}

static void add_flag(struct convert_args *to, const char *option, bool on)
{
	if (on)
		add(to, option, NULL);
}

static void add_list(struct convert_args *to, const char *option, const struct cli_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		add(to, option, list->v[i]);
}

static int pass_on(const struct arguments *a, char threads[16], struct convert_args *to, struct err *err)
{
	add_text(to, "-o", a->output);
	add_text(to, "-of", a->disk_format);
	add_text(to, "--compress", a->compress);
	add_text(to, "--on-read-error", a->on_read_error);
	add_list(to, "--network", &a->network.networks);
	add_list(to, "--bridge", &a->network.bridges);
	add_list(to, "--mac", &a->network.macs);
	add_flag(to, "--no-convert", a->no_convert);
	add_flag(to, "--no-trim", a->no_trim);
	add_flag(to, "--keep-tools", a->keep_tools);
	add_flag(to, "--undo-log", a->undo_log);
	add_flag(to, "--performance", a->performance);
	add_flag(to, "--trim-encrypted", a->trim_encrypted);
	add_flag(to, "--force", a->force);
	snprintf(threads, 16, "%u", a->threads);
	add_text(to, "--threads", a->threads ? threads : NULL);
	if (to->too_many)
		return err_set(err, ERR_USAGE, "serve: too many network maps: %d options are passed on", ARGS_MAX / 2);
	return 0;
}

/* For a camera, as the words are long to type: on a terminal that can show it. */
static void show_code(const char *words)
{
	AUTO(buf_done) struct buf code = BUF_INIT(64 * KIB);

	if (isatty(STDOUT_FILENO) && !strcmp(nl_langinfo(CODESET), "UTF-8") && qr_print(words, &code))
		fputs(buf_str(&code), stdout);
	explicit_bzero(code.data, code.len);
}

static void show(const char *words, unsigned uses, uint64_t expires, const char *address, void *opaque)
{
	time_t at = (time_t)expires;
	char until[64] = "";
	struct tm tm;

	if (localtime_r(&at, &tm))
		strftime(until, sizeof until, "%F %H:%M", &tm);
	printf("listening on %s\ntoken: %s\nfor %u machine%s, until %s\n", address, words, uses, uses == 1 ? "" : "s",
	       until);
	show_code(words);
	fflush(stdout);
}

/* A host runs for months: each line goes out, and is forgotten. */
static void say(enum log_level level, const char *text, void *opaque)
{
	if (level == LOG_DEBUG_LEVEL)
		return;
	flockfile(stderr);
	fprintf(stderr, "%s%s\n", level == LOG_WARN_LEVEL ? "warning: " : "", text);
	funlockfile(stderr);
}

static int run_serve(const struct command *self, int argc, char **argv, struct err *err)
{
	struct arguments a = {.output_dir = "."};
	struct convert_args args = {.n = 0};
	AUTO(keys_done) struct keys keys = {0};
	struct positionals p;
	char threads[16];
	struct serve_options options;

	if (options_parse(self->options, argc, argv, &a, &p, err) < 0)
		return -1;
	if (p.n)
		return err_set(err, ERR_USAGE, "serve: it takes no INPUT: machines dial in");
	if (a.compress && a.disk_format && !strcmp(a.disk_format, "raw"))
		return err_set(err, ERR_USAGE, "--compress needs -of qcow2");
	if (pass_on(&a, threads, &args, err) < 0 || read_keys(&a.keys, &keys, err) < 0)
		return -1;
	options = (struct serve_options){.listen = a.listen,
					 .output_dir = a.output_dir,
					 .uses = a.uses,
					 .expire_hours = a.expires,
					 .jobs = a.jobs,
					 .memory = a.memory,
					 .bwlimit = a.bwlimit,
					 .patience = a.patience,
					 .convert_args = args.v,
					 .keys = &keys,
					 .ready = show};
	log_set_sink(say, NULL);
	return serve_run(&options, err);
}

const struct command command_serve = {
    .name = "serve",
    .arguments = "",
    .summary = "be the host that physical machines dial from their live system, and convert them",
    .options = serve_options,
    .run = run_serve,
};

/* ---- machines ---- */

static void print_machine(const struct json *m)
{
	uint64_t done = js_get_u64(m, "done", 0), total = js_get_u64(m, "total", 0);
	char size[SIZE_WORDS_MAX], copied[16] = "-";

	if (total)
		snprintf(copied, sizeof copied, "%u%%", (unsigned)(100 * min_u64(done, total) / total));
	printf("%-20s %-10s %5" PRIu64 " %10s %6s  %-21s %s\n", js_get_str(m, "name", ""), js_get_str(m, "state", ""),
	       js_get_u64(m, "disks", 0), size_in_words(js_get_u64(m, "size", 0), size), copied,
	       js_get_str(m, "address", ""), js_get_str(m, "text", ""));
}

static int run_machines(const struct command *self, int argc, char **argv, struct err *err)
{
	struct arguments a = {.output_dir = "."};
	AUTO(js_freep) struct json *list = NULL;
	AUTO(buf_done) struct buf text = BUF_INIT(64 * MIB);
	struct positionals p;

	if (options_parse(self->options, argc, argv, &a, &p, err) < 0)
		return -1;
	if (p.n)
		return err_set(err, ERR_USAGE, "machines: nothing but options is expected");
	if (serve_machines(a.output_dir, &list, err) < 0)
		return -1;
	if (a.json) {
		if (js_print(list, true, &text) < 0)
			return err_set(err, ERR_INTERNAL, "the list is over 64 MiB");
		return terminal_print(&text, err);
	}
	printf("%-20s %-10s %5s %10s %6s  %-21s %s\n", "NAME", "STATE", "DISKS", "SIZE", "COPIED", "ADDRESS", "");
	for (size_t i = 0; i < js_count(list); i++)
		print_machine(js_at(list, i));
	return terminal_flush(err);
}

const struct command command_machines = {
    .name = "machines",
    .arguments = "",
    .summary = "the physical machines that dialled a host, and what became of them",
    .options = machines_options,
    .run = run_machines,
};
