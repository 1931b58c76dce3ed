/* The program under the name virt-v2v: its command line becomes a run of ours. virt-p2v shows standard output to its
 * user, and of standard error the end when the run failed. */
#include "cli/v2v.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/terminal.h"
#include "core/base/checked.h"
#include "core/base/clock.h"
#include "core/model/version.h"
#include "run/convert.h"

enum { STEP_PERCENT = 10 /* between two lines of a copy */ };

struct v2v {
	struct v2v_arguments a;
	struct positionals paths;
	struct run_events terminal; /* hears what is needed for an interrupted run */
	double started;
	unsigned percent;   /* said last */
	char partial[4096]; /* "" none */
};

bool v2v_is_name(const char *program)
{
	const char *slash = program ? strrchr(program, '/') : NULL;

	return program && !strcmp(slash ? slash + 1 : program, "virt-v2v");
}

/* --- what the user sees --- */

static void say(const struct v2v *v, const char *text)
{
	if (v->a.quiet)
		return;
	printf("[%6.1f] %s\n", clock_seconds() - v->started, text);
	fflush(stdout);
}

static void on_phase(const char *what, void *opaque)
{
	struct v2v *v = opaque;

	v->percent = 0;
	say(v, what);
}

static void on_bytes(uint64_t done, uint64_t total, void *opaque)
{
	struct v2v *v = opaque;
	unsigned percent = total ? (unsigned)(100.0 * (double)min_u64(done, total) / (double)total) : 0;
	char text[64];

	if (percent < v->percent + STEP_PERCENT)
		return;
	v->percent = percent - percent % STEP_PERCENT;
	if (v->a.machine_readable) {
		printf("%u/100\n", v->percent);
		fflush(stdout);
		return;
	}
	snprintf(text, sizeof text, "  %u %% of %" PRIu64 " MiB", v->percent, (uint64_t)(total / MIB));
	say(v, text);
}

static void on_partial(const char *path, void *opaque)
{
	struct v2v *v = opaque;

	snprintf(v->partial, sizeof v->partial, "%s", path);
	v->terminal.partial(path, v->terminal.opaque);
}

static void on_ignored(const char *option, const char *why)
{
	fprintf(stderr, "virt-v2v: option '%s' is ignored: %s\n", option, why);
}

static int failed(const struct v2v *v, const struct err *err)
{
	terminal_end();
	fflush(stdout);
	fprintf(stderr, "virt-v2v: error: %s\n", err->text);
	if (v->partial[0] && access(v->partial, F_OK) == 0)
		fprintf(stderr, "virt-v2v: '%s' was kept: the same conversion goes on from there\n", v->partial);
	return 1;
}

/* --- the run --- */

static bool is(const char *text, const char *word)
{
	return text && !strcmp(text, word);
}

/* "single" and "ask" are our own way without a device: several systems are an error. */
static const char *root_of(const struct v2v_arguments *a)
{
	return is(a->root, "single") || is(a->root, "ask") ? NULL : a->root;
}

static struct run_options to_run(struct v2v *v, const struct keys *keys)
{
	const struct v2v_arguments *a = &v->a;

	return (struct run_options){
	    .depth = RUN_CONVERT,
	    .inputs = v->paths.v,
	    .ninputs = v->paths.n,
	    .source = {.kind = a->input, .format = a->input_format},
	    .rules = {.keys = keys},
	    .maps = network_maps(&a->network),
	    .output = is(a->output, "disk") ? "local" : a->output,
	    .output_dir = a->output_dir,
	    .name = a->name,
	    .disk_format = a->disk_format ? a->disk_format : "raw",
	    .codec = a->compressed || a->output_options.n ? "zlib" : NULL,
	    .root = root_of(a),
	    .keys = keys,
	    .no_trim = a->no_trim,
	    .on_read_error = READ_ERROR_STOP,
	    .events = {.phase = on_phase, .bytes = on_bytes, .partial = on_partial, .opaque = v},
	};
}

static void say_result(const struct v2v *v, const struct json *report)
{
	char text[4200];

	if (js_get_str(report, "folder", NULL)) {
		snprintf(text, sizeof text, "machine: %s", js_get_str(report, "xml", ""));
		say(v, text);
		snprintf(text, sizeof text, "report: %s/report.txt", js_get_str(report, "folder", ""));
		say(v, text);
	}
	say(v, "finished");
}

static int convert(struct v2v *v, struct err *err)
{
	AUTO(keys_done) struct keys keys = {0};
	AUTO(js_freep) struct json *report = NULL;
	struct run_options options;

	if (v2v_check(&v->a, &v->paths, err) < 0 || read_keys(&v->a.keys, &keys, err) < 0)
		return -1;
	/* Our own phases go to standard output; the terminal's would be in the way there. */
	terminal_start(&(struct terminal_options){.quiet = !v->a.verbose, .verbose = v->a.verbose});
	terminal_catch_signals();
	v->terminal = terminal_events();
	options = to_run(v, &keys);
	if (run_machine(&options, &report, err) < 0)
		return -1;
	terminal_end();
	say_result(v, report);
	return terminal_flush(err);
}

int v2v_main(int argc, char **argv)
{
	struct v2v v = {0};
	struct err err = ERR_INIT;

	v.started = clock_seconds();
	if (v2v_parse(argc, argv, &v.a, &v.paths, on_ignored, &err) < 0)
		return failed(&v, &err);
	if (v.a.help) {
		v2v_help(stdout);
		return 0;
	}
	if (v.a.version) {
		puts("virt-v2v " V2V_VERSION " (rehost " REHOST_VERSION ")");
		return 0;
	}
	if (v.a.machine_readable && !v.paths.n) {
		v2v_capabilities(stdout);
		return 0;
	}
	return convert(&v, &err) < 0 ? failed(&v, &err) : 0;
}
