/* info, map, compare, copy, nbd and formats: images by themselves. */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/groups.h"
#include "cli/terminal.h"
#include "core/base/checked.h"
#include "run/image/image.h"
#include "run/info.h"

struct arguments {
	struct reading_arguments reading;
	struct key_arguments keys;
	struct talk_arguments talk;
	const char *format, *second_format, *second_snapshot, *compress, *socket;
	unsigned cluster_size, threads;
	bool json, force, check;
	bool tables_only; /* of info and map: no option */
	struct cli_list create;
	struct keys secrets;	     /* what the options of keys say */
	struct throttle *limit;	     /* both images of a comparison share it */
	struct image_ready ready[2]; /* one for each image, from image_confine() */
	struct image_ready *next;    /* the one of the image that is opened next; NULL: not confined yet */
};

static const char *const codecs[] = {"zlib", "zstd", NULL};

#define AT(field) offsetof(struct arguments, field)

/* Of all that open an image. */
static const struct cli_option image_rows[] = {
    {"format", 'f', CLI_TEXT, "FORMAT", NULL, "The (first) image's format; found out when not given.", AT(format)},
    OPTION_GROUP(reading_rows, AT(reading)),
    OPTION_GROUP(key_rows, AT(keys)),
    {0},
};

static const struct cli_option json_rows[] = {{"json", 0, CLI_FLAG, NULL, NULL, "Print JSON.", AT(json)}, {0}};

static const struct cli_option info_options[] = {
    OPTION_GROUP(image_rows, 0),
    {"check", 0, CLI_FLAG, NULL, NULL,
     "Check the structure of every image of the chain: leaks, overlaps, entries that lead out of the file. Errors end "
     "with exit status 4, leaks alone with 0.",
     AT(check)},
    OPTION_GROUP(json_rows, 0),
    {0},
};
static const struct cli_option map_options[] = {OPTION_GROUP(image_rows, 0), OPTION_GROUP(json_rows, 0), {0}};
static const struct cli_option compare_options[] = {
    OPTION_GROUP(image_rows, 0),
    {"second-format", 'F', CLI_TEXT, "FORMAT", NULL, "The second image's format.", AT(second_format)},
    {"second-snapshot", 0, CLI_TEXT, "ID|NAME", NULL, "The same for the second image; --snapshot is for the first.",
     AT(second_snapshot)},
    {"threads", 'j', CLI_NUMBER, "N", NULL, "Threads (default: one a core).", AT(threads)},
    OPTION_GROUP(json_rows, 0),
    OPTION_GROUP(talk_rows, AT(talk)),
    {0},
};
static const struct cli_option copy_options[] = {
    OPTION_GROUP(image_rows, 0),
    {"output-format", 'O', CLI_TEXT, "FORMAT", NULL,
     "Format of the copy (default: what TARGET's name ends with, else qcow2); rehost formats lists them.",
     AT(second_format)},
    {"compress", 'c', CLI_TEXT, "zlib|zstd", codecs, "Compress a qcow2 copy.", AT(compress)},
    {"cluster-size", 0, CLI_NUMBER, "BYTES", NULL, "Cluster size of a qcow2 copy (default: 65536).", AT(cluster_size)},
    {"options", 'o', CLI_LIST, "KEY=VALUE,…", NULL,
     "Options of the copy, as for qemu-img; rehost formats lists those of each format.", AT(create)},
    {"force", 0, CLI_FLAG, NULL, NULL, "Replace an existing target; write a device that is in use.", AT(force)},
    {"threads", 'j', CLI_NUMBER, "N", NULL, "Threads (default: one a core).", AT(threads)},
    OPTION_GROUP(json_rows, 0),
    OPTION_GROUP(talk_rows, AT(talk)),
    {0},
};
static const struct cli_option nbd_options[] = {
    OPTION_GROUP(image_rows, 0),
    {"socket", 's', CLI_TEXT, "PATH", NULL, "Unix socket to serve on; made and removed by rehost.", AT(socket)},
    {0},
};

static struct image_rules rules_of(const struct arguments *a)
{
	struct image_rules ret = reading_rules(&a->reading, &a->secrets);

	ret.limit = a->limit;
	ret.tables_only = a->tables_only;
	ret.ready = a->next;
	return ret;
}

static int open_image(const char *path, const char *format, const struct arguments *a, struct block **ret,
		      struct err *err)
{
	struct image_rules rules = rules_of(a);

	return image_open_user(path, format, &rules, ret, err);
}

/* Images are hostile: what they could make of a parser is kept to their own folders, and to the target. Landlock is a
 * thread's own: before terminal_start(), whose thread inherits it. */
static void confine(struct arguments *a, const char *const *images_read, size_t n, const char *target)
{
	a->ready[0] = a->ready[1] = (struct image_ready){.unpack_fd = -1};
	image_confine(images_read, n,
		      &(struct image_confine_options){.allow_parent = a->reading.allow_parent.v, .writes = target},
		      a->ready);
	a->next = a->ready;
}

static void read_only(struct arguments *a, const struct positionals *p)
{
	confine(a, p->v, p->n, NULL);
}

static void arguments_done(struct arguments *a)
{
	for (size_t i = 0; a->next && i < 2; i++)
		image_ready_done(&a->ready[i]);
	rules_limit_drop(a->limit);
	keys_done(&a->secrets);
}

/* Parses and demands so many images. */
static int images(const struct command *self, int argc, char **argv, size_t n, struct arguments *a,
		  struct positionals *p, struct err *err)
{
	if (options_parse(self->options, argc, argv, a, p, err) < 0 || read_keys(&a->keys, &a->secrets, err) < 0)
		return -1;
	if (p->n != n)
		return err_set(err, ERR_USAGE, "%s: %s expected, %zu given", self->name,
			       n == 1 ? "one image" : "two names", p->n);
	return 0;
}

static int print_info(const struct json *info, bool json, struct err *err)
{
	AUTO(buf_done) struct buf text = BUF_INIT(64 * MIB); /* a descriptor may name 32768 files */

	if (json ? js_print(info, true, &text) < 0 : image_info_text(info, &text, err) < 0)
		return err_nomem(err);
	return terminal_print(&text, err);
}

static int run_info(const struct command *self, int argc, char **argv, struct err *err)
{
	AUTO(js_freep) struct json *info = NULL;
	AUTO(arguments_done) struct arguments a = {0};
	struct image_rules rules;
	struct positionals p;
	int ret;

	if (images(self, argc, argv, 1, &a, &p, err) < 0)
		return -1;
	read_only(&a, &p);
	a.tables_only = true;
	rules = rules_of(&a);
	terminal_warnings();
	if (a.check)
		ret = image_info_checked(p.v[0], a.format, &rules, &info, err);
	else
		ret = image_info(p.v[0], a.format, &rules, &info, err);
	/* What was found is printed also when it is bad. */
	if (info && print_info(info, a.json, ret < 0 ? NULL : err) < 0)
		return -1;
	return ret;
}

static void print_kind(const struct json *all, const char *key, const char *title)
{
	const struct json *list = js_get(all, key);

	printf("%s:\n", title);
	for (size_t i = 0; i < js_count(list); i++) {
		const struct json *one = js_at(list, i);

		printf("  %-8s %s%s\n", js_get_str(one, "name", ""), js_get_str(one, "description", ""),
		       js_get_bool(one, "writes", false) ? " (also written)" : "");
		for (size_t k = 0; k < js_count(js_get(one, "options")); k++)
			printf("%s%s", k ? ", " : "           copy -o ", js_str(js_at(js_get(one, "options"), k), ""));
		if (js_count(js_get(one, "options")))
			putchar('\n');
	}
}

static int run_formats(const struct command *self, int argc, char **argv, struct err *err)
{
	AUTO(buf_done) struct buf text = BUF_INIT(MIB);
	AUTO(js_freep) struct json *all = known_formats();
	AUTO(arguments_done) struct arguments a = {0};
	struct positionals p;

	if (options_parse(self->options, argc, argv, &a, &p, err) < 0)
		return -1;
	if (p.n)
		return err_set(err, ERR_USAGE, "formats: takes no argument, '%s' given", p.v[0]);
	if (a.json)
		return js_print(all, true, &text) < 0 ? err_nomem(err) : terminal_print(&text, err);
	print_kind(all, "sources", "machines (-i)");
	print_kind(all, "images", "disk images (-if, -of)");
	print_kind(all, "outputs", "outputs (-o)");
	return 0;
}

static int run_map(const struct command *self, int argc, char **argv, struct err *err)
{
	AUTO(buf_done) struct buf text = BUF_INIT(GIB);
	AUTO(block_closep) struct block *b = NULL;
	AUTO(js_freep) struct json *map = NULL;
	AUTO(arguments_done) struct arguments a = {0};
	struct positionals p;

	if (images(self, argc, argv, 1, &a, &p, err) < 0)
		return -1;
	read_only(&a, &p);
	a.tables_only = true;
	terminal_warnings();
	if (open_image(p.v[0], a.format, &a, &b, err) < 0 || image_map(b, &map, err) < 0)
		return -1;
	for (size_t i = 0; !a.json && i < js_count(map); i++)
		buf_addf(&text, "%16" PRIu64 " %16" PRIu64 "  %s\n", js_get_u64(js_at(map, i), "offset", 0),
			 js_get_u64(js_at(map, i), "length", 0), js_get_str(js_at(map, i), "kind", ""));
	if (a.json)
		js_print(map, true, &text);
	return text.failed ? err_nomem(err) : terminal_print(&text, err);
}

/* The answer is all that is said, but to a terminal or when more is asked for. */
static void start_comparing(struct arguments *a)
{
	a->talk.quiet |= !isatty(STDERR_FILENO) && !a->talk.progress && !a->talk.verbose;
	talk_start(&a->talk);
	terminal_phase("comparing", NULL);
}

static int run_compare(const struct command *self, int argc, char **argv, struct err *err)
{
	struct image_compare_options how = {.bytes = terminal_events().bytes};
	AUTO(block_closep) struct block *one = NULL;
	AUTO(block_closep) struct block *two = NULL;
	struct image_difference d;
	AUTO(arguments_done) struct arguments a = {0};
	struct positionals p;

	if (images(self, argc, argv, 2, &a, &p, err) < 0)
		return -1;
	read_only(&a, &p);
	start_comparing(&a);
	if (rules_limit(a.reading.bwlimit, &a.limit, err) < 0 || open_image(p.v[0], a.format, &a, &one, err) < 0)
		return -1;
	a.reading.snapshot = a.second_snapshot;
	a.next++;
	how.threads = a.threads;
	if (open_image(p.v[1], a.second_format, &a, &two, err) < 0 || image_compare(one, two, &how, &d, err) < 0)
		return -1;
	terminal_end();
	if (a.json)
		printf("{\"equal\": %s, \"at\": %" PRIu64 "}\n", d.differ ? "false" : "true", d.at);
	if (d.differ)
		return err_set(err, ERR_VERIFY, "the images differ, first at 0x%" PRIx64, d.at);
	if (!a.json)
		puts("the images are equal");
	return 0;
}

static int run_copy(const struct command *self, int argc, char **argv, struct err *err)
{
	AUTO(buf_done) struct buf text = BUF_INIT(MIB);
	AUTO(js_freep) struct json *done = NULL;
	AUTO(arguments_done) struct arguments a = {0};
	struct positionals p;
	struct image_copy_options copy;

	if (images(self, argc, argv, 2, &a, &p, err) < 0)
		return -1;
	confine(&a, &p.v[0], 1, p.v[1]);
	talk_start(&a.talk);
	terminal_phase("copying", NULL);
	copy = (struct image_copy_options){.source = p.v[0],
					   .source_format = a.format,
					   .rules = rules_of(&a),
					   .target = p.v[1],
					   .target_format = a.second_format,
					   .codec = a.compress,
					   .cluster_size = a.cluster_size,
					   .create = a.create.v,
					   .force = a.force,
					   .threads = a.threads,
					   .bytes = terminal_events().bytes,
					   .unfinished = terminal_unfinished};
	if (image_copy(&copy, &done, err) < 0)
		return -1;
	terminal_end();
	if (!a.json)
		return 0;
	return js_print(done, true, &text) < 0 ? err_nomem(err) : terminal_print(&text, err);
}

static void say_ready(const char *socket_path)
{
	printf("nbd+unix:///?socket=%s\n", socket_path);
	fflush(stdout);
}

static int run_nbd(const struct command *self, int argc, char **argv, struct err *err)
{
	AUTO(arguments_done) struct arguments a = {0};
	struct image_rules rules;
	struct positionals p;

	if (images(self, argc, argv, 1, &a, &p, err) < 0)
		return -1;
	if (!a.socket)
		return err_set(err, ERR_USAGE, "nbd: --socket PATH is needed");
	rules = rules_of(&a);
	terminal_warnings();
	return image_serve(p.v[0], a.format, &rules, a.socket, say_ready, err);
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
    .options = json_rows,
    .run = run_formats,
};

const struct command command_map = {
    .name = "map",
    .arguments = "IMAGE",
    .summary = "where an image has data: offset, length, data, zero or hole",
    .options = map_options,
    .run = run_map,
};

const struct command command_compare = {
    .name = "compare",
    .arguments = "IMAGE IMAGE",
    .summary = "is the content of two images equal, whatever their formats?",
    .options = compare_options,
    .run = run_compare,
};

const struct command command_copy = {
    .name = "copy",
    .arguments = "IMAGE TARGET",
    .summary = "copy an image into another format, on all cores",
    .options = copy_options,
    .run = run_copy,
};

const struct command command_nbd = {
    .name = "nbd",
    .arguments = "IMAGE",
    .summary = "serve an image read-only over NBD on a Unix socket",
    .options = nbd_options,
    .run = run_nbd,
};
