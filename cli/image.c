/* info and formats: what an image is, and what we can read and write. */
#include <stdio.h>

#include "cli/command.h"
#include "core/base/checked.h"
#include "run/info.h"

struct arguments {
	const char *format;
	bool json;
};

static const struct cli_option info_options[] = {
    {"format", 'f', CLI_TEXT, "FORMAT", NULL, "The image's format; found out when not given.",
     offsetof(struct arguments, format)},
    {"json", 0, CLI_FLAG, NULL, NULL, "Print one JSON object.", offsetof(struct arguments, json)},
    {0},
};

static const struct cli_option formats_options[] = {
    {"json", 0, CLI_FLAG, NULL, NULL, "Print one JSON object.", offsetof(struct arguments, json)},
    {0},
};

static int print(const struct buf *text, struct err *err)
{
	if (fwrite(buf_str(text), 1, text->len, stdout) != text->len || fflush(stdout) != 0)
		return err_sys(err, ERR_INTERNAL, "cannot write to standard output");
	return 0;
}

static int run_info(const struct command *self, int argc, char **argv, struct err *err)
{
	AUTO(buf_done) struct buf text = BUF_INIT(MIB);
	AUTO(js_freep) struct json *info = NULL;
	struct arguments a = {0};
	struct positionals p;

	if (options_parse(self->options, argc, argv, &a, &p, err) < 0)
		return -1;
	if (p.n != 1)
		return err_set(err, ERR_USAGE, "info: one image expected, %zu given", p.n);
	if (image_info(p.v[0], a.format, &info, err) < 0)
		return -1;
	if (a.json ? js_print(info, true, &text) < 0 : image_info_text(info, &text, err) < 0)
		return -1;
	return print(&text, err);
}

static void print_kind(const struct json *all, const char *key, const char *title)
{
	const struct json *list = js_get(all, key);

	printf("%s:\n", title);
	for (size_t i = 0; i < js_count(list); i++) {
		const struct json *one = js_at(list, i);

		printf("  %-8s %s%s\n", js_get_str(one, "name", ""), js_get_str(one, "description", ""),
		       js_get_bool(one, "writes", false) ? " (also written)" : "");
	}
}

static int run_formats(const struct command *self, int argc, char **argv, struct err *err)
{
	AUTO(buf_done) struct buf text = BUF_INIT(MIB);
	AUTO(js_freep) struct json *all = known_formats();
	struct arguments a = {0};
	struct positionals p;

	if (options_parse(self->options, argc, argv, &a, &p, err) < 0)
		return -1;
	if (p.n)
		return err_set(err, ERR_USAGE, "formats: takes no argument, '%s' given", p.v[0]);
	if (a.json)
		return js_print(all, true, &text) < 0 ? err_nomem(err) : print(&text, err);
	print_kind(all, "sources", "machines (-i)");
	print_kind(all, "images", "disk images (-if, -of)");
	print_kind(all, "outputs", "outputs (-o)");
	return 0;
}

const struct command command_info = {
    .name = "info",
    .arguments = "IMAGE",
    .summary = "what an image is: format, size, allocation",
    .options = info_options,
    .run = run_info,
};

const struct command command_formats = {
    .name = "formats",
    .arguments = "",
    .summary = "machines and images we read, and what we write",
    .options = formats_options,
    .run = run_formats,
};
