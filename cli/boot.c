/* boot: proves that a converted machine boots. */
#include <stdio.h>

#include "cli/command.h"
#include "cli/groups.h"
#include "cli/terminal.h"
#include "core/base/checked.h"
#include "run/proof/boot.h"

struct arguments {
	struct talk_arguments talk;
	const char *level, *disks, *shots;
	struct cli_list allow_parent;
	unsigned timeout;
	bool json;
};

static const char *const levels[] = {"firmware", "kernel", "login", "agent", NULL};

#define AT(member) offsetof(struct arguments, member)

static const struct cli_option options[] = {
    {"level", 'l', CLI_TEXT, "LEVEL", levels,
     "What must be proven: firmware, kernel, login (default); agent is another word for login.", AT(level)},
    {"disks", 0, CLI_TEXT, "DIR", NULL,
     "Folder where the disks' files are, when they don't stand where the XML says (yet, or any more).", AT(disks)},
    {"allow-parent", 0, CLI_LIST, "DIR", NULL,
     "A folder beside a disk's own in which the parents and extents it names may lie.", AT(allow_parent)},
    {"shots", 0, CLI_TEXT, "DIR", NULL, "Keep screenshots and the serial console's log there.", AT(shots)},
    {"timeout", 't', CLI_NUMBER, "SECONDS", NULL, "Give up after that time (default: 300).", AT(timeout)},
    {"json", 0, CLI_FLAG, NULL, NULL, "Print the result as one JSON object.", AT(json)},
    OPTION_GROUP(talk_rows, AT(talk)),
    {0},
};

static int print_json(const struct boot_result *r, struct err *err)
{
	AUTO(buf_done) struct buf text = BUF_INIT(MIB);
	AUTO(js_freep) struct json *j = boot_result_json(r);

	if (js_print(j, true, &text) < 0)
		return err_set(err, ERR_INTERNAL, "the result is over 1 MiB");
	return terminal_print(&text, err);
}

static void print_text(const struct boot_result *r)
{
	printf("%s: %s reached after %.0f s (%s)\n", r->name ? r->name : "machine", boot_level_name(r->level),
	       r->seconds, r->evidence ? r->evidence : "no evidence");
	VEC_FOR (warning, &r->warnings)
		printf("warning: %s\n", *warning);
	VEC_FOR (note, &r->notes)
		printf("note: %s\n", *note);
	VEC_FOR (shot, &r->screenshots)
		printf("screenshot: %s\n", *shot);
	if (r->serial_log)
		printf("serial log: %s\n", r->serial_log);
}

static int run_boot(const struct command *self, int argc, char **argv, struct err *err)
{
	AUTO(boot_result_done) struct boot_result result = {0};
	struct arguments a = {.level = "login"};
	struct boot_options boot = {.tick = terminal_phase};
	struct positionals p;
	int ret;

	if (options_parse(self->options, argc, argv, &a, &p, err) < 0)
		return -1;
	if (p.n != 1)
		return err_set(err, ERR_USAGE, "boot: one libvirt XML expected, %zu given", p.n);
	talk_start(&a.talk);
	boot.xml = p.v[0];
	boot.disks = a.disks;
	boot.allow_parent = a.allow_parent.v;
	boot.folder = a.shots;
	boot.wanted = boot_level_by_name(a.level);
	boot.timeout = a.timeout;
	ret = boot_prove(&boot, &result, err);
	terminal_end();
	if (a.json)
		return print_json(&result, ret < 0 ? NULL : err) < 0 ? -1 : ret;
	if (result.name)
		print_text(&result);
	return ret;
}

const struct command command_boot = {
    .name = "boot",
    .arguments = "NAME.xml",
    .summary = "prove that a converted machine boots, on a throw-away overlay",
    .options = options,
    .run = run_boot,
};
