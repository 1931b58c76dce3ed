/* report: renders a report.json once more. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/command.h"
#include "cli/terminal.h"
#include "core/base/arena.h"
#include "core/base/file.h"
#include "run/report/report.h"

struct arguments {
	const char *html, *junit, *proof;
	bool text;
};

#define AT(member) offsetof(struct arguments, member)

static const struct cli_option options[] = {
    {"text", 0, CLI_FLAG, NULL, NULL, "Print it as text (default when nothing else is asked for).", AT(text)},
    {"html", 0, CLI_TEXT, "FILE", NULL, "Write it as one page that needs nothing else; - is standard output.",
     AT(html)},
    {"junit", 0, CLI_TEXT, "FILE", NULL, "Write it as JUnit's XML; - is standard output.", AT(junit)},
    {"proof", 0, CLI_TEXT, "FILE", NULL,
     "Of a machine: with the boot proof that `rehost boot --json` printed into that file, and its screenshots beneath "
     "the file's folder.",
     AT(proof)},
    {0},
};

/* What is rendered, and where its pictures are. */
struct given {
	struct arena arena;
	struct json *report;
	int dirfd;
	bool batch;
};

static void given_done(struct given *s)
{
	js_free(s->report);
	arena_done(&s->arena);
	cleanup_fd(&s->dirfd);
}

/* A path as folder and name in it; the folder stays open in ret_dirfd. */
static int split(const char *path, struct arena *a, const char **ret_folder, int *ret_dirfd, const char **ret_name,
		 struct err *err)
{
	const char *slash = strrchr(path, '/');
	int fd;

	*ret_folder = !slash ? "." : slash == path ? "/" : arena_strndup(a, path, (size_t)(slash - path));
	*ret_name = slash ? slash + 1 : path;
	fd = file_open_dir(*ret_folder, err);
	if (fd < 0)
		return -1;
	cleanup_fd(ret_dirfd);
	*ret_dirfd = fd;
	return 0;
}

static struct json *parse_file(int dirfd, const char *name, const char *path, struct err *err)
{
	AUTO(buf_done) struct buf text = BUF_INIT(REPORT_MAX);
	struct json *ret = NULL;

	if (file_slurp(dirfd, name, &text, err) == 0)
		ret = js_parse(buf_str(&text), text.len, err);
	if (!ret)
		err_wrap(err, "'%s'", path);
	return ret;
}

static int check_kind(struct given *s, const char *path, struct err *err)
{
	const char *schema = js_get_str(s->report, "schema", "");

	s->batch = !strcmp(schema, "rehost-batch-report-1");
	if (s->batch || !strcmp(schema, "rehost-report-1"))
		return 0;
	return err_set(err, ERR_CORRUPT,
		       "'%s': its schema is '%s', 'rehost-report-1' or 'rehost-batch-report-1' expected", path, schema);
}

static int read_report(const char *path, struct given *s, struct err *err)
{
	struct stat st;
	const char *folder, *name;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		path = arena_printf(&s->arena, "%s/report.json", path);
	if (split(path, &s->arena, &folder, &s->dirfd, &name, err) < 0)
		return -1;
	s->report = parse_file(s->dirfd, name, path, err);
	return s->report ? check_kind(s, path, err) : -1;
}

/* The proof, and its pictures instead of those beside the report. */
static int add_proof(const char *path, struct given *s, struct err *err)
{
	AUTO(js_freep) struct json *boot = NULL;
	const char *folder, *name;

	if (s->batch)
		return err_set(err, ERR_USAGE, "--proof '%s': a batch has a proof for each machine already", path);
	if (split(path, &s->arena, &folder, &s->dirfd, &name, err) < 0)
		return -1;
	boot = parse_file(s->dirfd, name, path, err);
	if (!boot)
		return -1;
	if (!js_get_str(boot, "level", NULL))
		return err_set(err, ERR_CORRUPT, "'%s': no 'level': it is no boot proof", path);
	js_set(s->report, "proof", report_proof(boot, folder));
	return 0;
}

/* ---- output ---- */

static int put(const char *path, const struct buf *text, struct err *err)
{
	AUTO_FD int dirfd = -1;
	struct arena a = {0};
	const char *folder, *name;
	struct stat st;
	int ret;

	if (!strcmp(path, "-"))
		return terminal_print(text, err);
	if (lstat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return err_set(err, ERR_USAGE, "'%s' is no regular file; - is standard output", path);
	ret = split(path, &a, &folder, &dirfd, &name, err);
	if (!ret)
		ret = file_replace(dirfd, name, buf_str(text), text->len, 0644, err);
	arena_done(&a);
	return ret < 0 ? err_wrap(err, "'%s'", path) : 0;
}

static int put_html(const struct given *s, const char *path, struct err *err)
{
	AUTO(buf_done) struct buf page = BUF_INIT(REPORT_MAX);
	int ret = s->batch ? report_html_batch(s->report, s->dirfd, &page, err)
			   : report_html_machine(s->report, s->dirfd, &page, err);

	return ret < 0 ? -1 : put(path, &page, err);
}

static int put_junit(const struct given *s, const char *path, struct err *err)
{
	AUTO(buf_done) struct buf xml = BUF_INIT(REPORT_MAX);
	int ret = s->batch ? report_junit_batch(s->report, &xml, err) : report_junit_machine(s->report, &xml, err);

	return ret < 0 ? -1 : put(path, &xml, err);
}

static int put_text(const struct given *s, struct err *err)
{
	AUTO(buf_done) struct buf text = BUF_INIT(REPORT_MAX);
	int ret = s->batch ? report_text_batch(s->report, &text, err) : report_text(s->report, &text, err);

	return ret < 0 ? -1 : terminal_print(&text, err);
}

static int run_report(const struct command *self, int argc, char **argv, struct err *err)
{
	AUTO(given_done) struct given s = {.dirfd = -1};
	struct arguments a = {0};
	struct positionals p;

	if (options_parse(self->options, argc, argv, &a, &p, err) < 0)
		return -1;
	if (p.n != 1)
		return err_set(err, ERR_USAGE,
			       "report: one result's folder, job folder or report.json expected, %zu given", p.n);
	if (read_report(p.v[0], &s, err) < 0 || (a.proof && add_proof(a.proof, &s, err) < 0))
		return -1;
	if (a.html && put_html(&s, a.html, err) < 0)
		return -1;
	if (a.junit && put_junit(&s, a.junit, err) < 0)
		return -1;
	return a.text || !(a.html || a.junit) ? put_text(&s, err) : 0;
}

const struct command command_report = {
    .name = "report",
    .arguments = "FOLDER|report.json",
    .summary = "render the report of a conversion or of a batch: as text, page, JUnit's XML",
    .options = options,
    .run = run_report,
};
