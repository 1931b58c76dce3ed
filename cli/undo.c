/* undo: a conversion's result with the guest's files as they were. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/groups.h"
#include "cli/terminal.h"
#include "core/base/checked.h"
#include "core/base/file.h"
#include "core/base/json.h"
#include "run/convert.h"

struct arguments {
	const char *output_dir, *name, *root;
	struct key_arguments keys;
	struct talk_arguments talk;
	bool force;
};

#define AT(member) offsetof(struct arguments, member)

static const struct cli_option options[] = {
    {"os", 0, CLI_TEXT, "DIR", NULL, "Folder in which the result's folder appears (default: here).", AT(output_dir)},
    {"on", 0, CLI_TEXT, "NAME", NULL, "Name of the result (default: FOLDER's name and -undone).", AT(name)},
    {"root", 0, CLI_TEXT, "DEVICE", NULL, "Which operating system when there are several.", AT(root)},
    OPTION_GROUP(volume_key_rows, AT(keys)),
    {"force", 0, CLI_FLAG, NULL, NULL, "Replace an existing result.", AT(force)},
    OPTION_GROUP(talk_rows, AT(talk)),
    {0},
};

/* The most disks that a machine has (255 on four SCSI adapters with 64 units each). */
enum { DISKS_MAX = 256 };

struct result {
	struct arena arena;
	const char *disks[DISKS_MAX];
	size_t n;
	const char *format; /* of every disk */
	const char *name;
	struct json *report;
};

static void result_done(struct result *r)
{
	js_free(r->report);
	arena_done(&r->arena);
}

/* A conversion writes all disks in one format. It isn't guessed from what the guest wrote into them. */
static int read_format(const struct json *disk, const char *folder, struct result *ret, struct err *err)
{
	const char *format = js_get_str(disk, "format", "");

	if (strcmp(format, "qcow2") != 0 && strcmp(format, "raw") != 0)
		return err_set(err, ERR_CORRUPT,
			       "'%s/report.json': disk %zu: format '%s', which conversions don't write", folder,
			       ret->n + 1, format);
	if (ret->format && strcmp(format, ret->format) != 0)
		return err_set(err, ERR_CORRUPT, "'%s/report.json': disk %zu: format '%s', those before have '%s'",
			       folder, ret->n + 1, format, ret->format);
	ret->format = arena_strdup(&ret->arena, format);
	return 0;
}

/* What report.json says of the folder's disks; names are its own, so a '/' in one is refused. */
static int read_disks(const struct json *report, const char *folder, struct result *ret, struct err *err)
{
	const struct json *disks = js_get(report, "disks");

	if (!js_count(disks) || js_count(disks) > DISKS_MAX)
		return err_set(err, ERR_CORRUPT, "'%s/report.json': %zu disks, 1 to %d expected", folder,
			       js_count(disks), DISKS_MAX);
	for (size_t i = 0; i < js_count(disks); i++) {
		const char *file = js_get_str(js_at(disks, i), "file", "");

		if (!*file || strchr(file, '/'))
			return err_set(err, ERR_CORRUPT, "'%s/report.json': disk %zu: '%s' is no file name", folder,
				       i + 1, file);
		if (read_format(js_at(disks, i), folder, ret, err) < 0)
			return -1;
		ret->disks[ret->n++] = arena_printf(&ret->arena, "%s/%s", folder, file);
	}
	return 0;
}

static int read_result(const char *folder, struct result *ret, struct err *err)
{
	AUTO(buf_done) struct buf b = BUF_INIT(64 * MIB);
	const char *path = arena_printf(&ret->arena, "%s/report.json", folder);
	AUTO_FREE char *real = realpath(folder, NULL);

	if (file_slurp(AT_FDCWD, path, &b, err) < 0)
		return err_wrap(err, "'%s' is no result of a conversion", folder);
	ret->report = js_parse(buf_str(&b), b.len, err);
	if (!ret->report)
		return err_wrap(err, "'%s'", path);
	/* names have 64 bytes */
	ret->name = arena_printf(&ret->arena, "%.57s-undone", real ? strrchr(real, '/') + 1 : "machine");
	if (read_disks(ret->report, folder, ret, err) < 0)
		return -1;
	if (access(arena_printf(&ret->arena, "%s/" UNDO_FOLDER "/originals.json", folder), R_OK) < 0)
		return err_sys(err, ERR_UNREADABLE, "'%s' has no originals, which convert --undo-log keeps", folder);
	return 0;
}

/* What is changed beside the guest's files. */
static uint16_t heads_of(const struct json *report)
{
	uint64_t heads = js_get_u64(js_get(js_get(report, "inspection"), "windows"), "heads", 0);

	return heads <= UINT16_MAX ? (uint16_t)heads : 0;
}

static int undo(const char *folder, const struct arguments *a, struct err *err)
{
	AUTO(result_done) struct result r = {0};
	AUTO(keys_done) struct keys keys = {0};
	AUTO(js_freep) struct json *report = NULL;
	struct run_options how = {.depth = RUN_CONVERT,
				  .source = {.kind = "disk", .force = a->force},
				  .output_dir = a->output_dir,
				  .name = a->name,
				  .root = a->root,
				  .no_trim = true,
				  .force = a->force,
				  .on_read_error = READ_ERROR_STOP,
				  .events = terminal_events()};
	int ret;

	if (read_keys(&a->keys, &keys, err) < 0 || read_result(folder, &r, err) < 0)
		return -1;
	how.keys = &keys;
	how.source.format = how.disk_format = r.format;
	how.inputs = r.disks;
	how.ninputs = r.n;
	how.hardware = js_get(r.report, "machine");
	how.undo_heads = heads_of(r.report);
	how.undo_from = arena_printf(&r.arena, "%s/" UNDO_FOLDER, folder);
	if (!how.name)
		how.name = r.name;
	ret = run_machine(&how, &report, err);
	terminal_end();
	if (ret == 0)
		printf("%s\n", js_get_str(report, "folder", ""));
	return ret;
}

static int run_undo(const struct command *self, int argc, char **argv, struct err *err)
{
	struct arguments a = {0};
	struct positionals p;

	if (options_parse(self->options, argc, argv, &a, &p, err) < 0)
		return -1;
	if (p.n != 1)
		return err_set(err, ERR_USAGE, "undo: one FOLDER expected, %zu given", p.n);
	talk_start(&a.talk);
	return undo(p.v[0], &a, err);
}

const struct command command_undo = {
    .name = "undo",
    .arguments = "FOLDER",
    .summary = "copy a result of convert --undo-log with the guest's files as they were",
    .options = options,
    .run = run_undo,
};
