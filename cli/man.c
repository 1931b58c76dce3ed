/* Man pages: the prose of docs/man with what the tables of commands and options know. */
#include "cli/man.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/command.h"
#include "core/base/arena.h"
#include "core/base/checked.h"
#include "core/base/cleanup.h"
#include "core/base/file.h"
#include "core/base/utf8.h"
#include "core/model/version.h"

enum {
	NAME_MAX_BYTES = 64, /* of a page: "rehost-" and two words */
	CELLS_MAX = 8,	     /* columns of a table; the findings' has 4 */
};

static const struct {
	int status;
	const char *meaning;
} statuses[] = {
    {0, "done"},
    {1, "a fault of rehost itself"},
    {2, "the command line"},
    {3, "refused before any work: no operating system, the target exists or can't be written, the source is in use"},
    {4, "the input can't be read, is damaged, hostile or not supported"},
    {5, "the guest couldn't be converted"},
    {6, "the result isn't what it must be"},
    {7, "the boot proof wasn't reached"},
    {8, "this host lacks something (rehost doctor tells)"},
    {9, "of a batch: some machines were not converted"},
    {75, "temporary: a full file system, a lock; try again"},
    {130, "interrupted (143: terminated); the same command resumes"},
};

/* One page while it is written. */
struct page {
	struct arena arena;
	const char *path;
	const char *name;    /* "rehost-batch-plan" */
	const char *section; /* "1" */
	unsigned line;
	FILE *out;
};

static void page_done(struct page *p)
{
	arena_done(&p->arena);
}

/* --- text --- */

static unsigned code_point(const char *s, size_t len)
{
	static const unsigned char mask[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
	unsigned ret = (unsigned char)s[0] & mask[len];

	for (size_t i = 1; i < len; i++)
		ret = ret << 6 | ((unsigned char)s[i] & 0x3f);
	return ret;
}

static void text_of(const char *text, size_t len, FILE *out)
{
	for (size_t i = 0, n; i < len; i += n) {
		n = utf8_char(text + i, len - i);
		if (n > 1)
			fprintf(out, "\\[u%04X]", code_point(text + i, n));
		else if (text[i] == '\\')
			fputs("\\e", out);
		else if (text[i] == '-')
			fputs("\\-", out);
		else if (text[i] == '\'')
			fputs("\\(aq", out);
		else
			fputc(text[i], out);
		n = n ? n : 1;
	}
}

void man_text(const char *text, FILE *out)
{
	if (*text == '.')
		fputs("\\&", out);
	text_of(text, strlen(text), out);
}

/* Markdown inside a line: `code` and **strong** are bold, of [text](target) the text stays. */
static void markdown(const char *s, FILE *out)
{
	bool bold = false;

	fputs(*s == '.' ? "\\&" : "", out);
	while (*s) {
		size_t plain = strcspn(s, "`*[]\\");

		text_of(s, plain, out);
		s += plain;
		if (*s == '`' || !strncmp(s, "**", 2)) {
			bold = !bold;
			fputs(bold ? "\\fB" : "\\fR", out);
			s += *s == '`' ? 1 : 2;
		} else if (*s == '[' && strstr(s, "](")) {
			s++;
		} else if (!strncmp(s, "](", 2)) {
			s += strcspn(s, ")");
			s += *s == ')';
		} else if (*s == '\\' && s[1]) {
			text_of(s + 1, 1, out);
			s += 2;
		} else if (*s) {
			text_of(s++, 1, out);
		}
	}
	fputs(bold ? "\\fR" : "", out);
}

/* --- what the tables know --- */

static void options(const struct cli_option *table, FILE *out)
{
	struct option_rows rows;

	options_unfold(table, &rows);
	for (const struct cli_option *o = rows.v; o->name; o++) {
		char text[OPTION_TEXT_MAX];

		option_spelling(o, text);
		fputs(".TP\n.B ", out);
		man_text(text, out);
		fputc('\n', out);
		man_text(o->help, out);
		fputc('\n', out);
	}
	fputs(".TP\n.B \\-h, \\-\\-help\nPrint the options.\n", out);
}

static void synopsis_line(const struct command *c, FILE *out)
{
	fprintf(out, ".B rehost %s\n", c->name);
	if (c->parts)
		fputs(".I COMMAND\n", out);
	fputs("[options]", out);
	if (c->arguments && *c->arguments) {
		fputs(" \\fI", out);
		man_text(c->arguments, out);
		fputs("\\fR", out);
	}
	fputc('\n', out);
}

static void synopsis(const struct page *p, const struct command *c)
{
	fputs(".SH NAME\n", p->out);
	man_text(p->name, p->out);
	fputs(" \\- ", p->out);
	man_text(c->summary, p->out);
	fputs("\n.SH SYNOPSIS\n", p->out);
	for (const struct command *const *part = c->parts; part && *part; part++) {
		synopsis_line(*part, p->out);
		fputs(part[1] ? ".br\n" : "", p->out);
	}
	if (!c->parts)
		synopsis_line(c, p->out);
}

static void all_options(const struct page *p, const struct command *c)
{
	if (!c->parts) {
		fputs(".SH OPTIONS\n", p->out);
		options(c->options, p->out);
		return;
	}
	fputs(".SH COMMANDS\n", p->out);
	for (const struct command *const *part = c->parts; *part; part++) {
		fprintf(p->out, ".SS rehost %s\n", (*part)->name);
		man_text((*part)->summary, p->out);
		fputs(".\n", p->out);
		options((*part)->options, p->out);
	}
}

static void command_table(FILE *out)
{
	for (const struct command *const *c = commands; *c; c++) {
		fputs(".TP\n.BR rehost\\-", out);
		man_text((*c)->name, out);
		fputs(" (1)\n", out);
		man_text((*c)->summary, out);
		fputs(".\n", out);
	}
}

static void status_table(FILE *out)
{
	for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
		fprintf(out, ".TP\n.B %d\n", statuses[i].status);
		man_text(statuses[i].meaning, out);
		fputs(".\n", out);
	}
}

/* --- a table of a Markdown file --- */

/* Cuts "| a | b |" into its cells, in place; "\|" is no border. Returns how many; the others are empty. */
static size_t cells(char *line, char *ret[CELLS_MAX])
{
	size_t n = 0;
	char *s = line;

	for (size_t i = 0; i < CELLS_MAX; i++)
		ret[i] = line + strlen(line);
	if (*s++ != '|')
		return 0;
	while (n < CELLS_MAX && *s) {
		char *end;

		s += strspn(s, " ");
		ret[n++] = s;
		while (*s && *s != '|')
			s += *s == '\\' && s[1] ? 2 : 1;
		end = s;
		s += *s == '|';
		while (end > ret[n - 1] && (end[-1] == ' ' || end[-1] == '|'))
			end--;
		*end = '\0';
	}
	return n;
}

/* The first cell is the term, of three or more the second stands behind it; what follows the text has its column's
 * header before it. */
static void row(char *const cell[], size_t n, char *const header[], FILE *out)
{
	size_t text = n > 2 ? 2 : 1;

	fputs(".TP\n", out);
	markdown(cell[0], out);
	if (n > 2) {
		fputs(" (", out);
		markdown(cell[1], out);
		fputc(')', out);
	}
	fputc('\n', out);
	markdown(cell[text], out);
	fputc('\n', out);
	for (size_t i = text + 1; i < n; i++) {
		if (!strcmp(cell[i], "–"))
			continue;
		fprintf(out, ".br\n\\fI%s:\\fR ", header[i]);
		markdown(cell[i], out);
		fputc('\n', out);
	}
}

/* The rows below the header line, whose cells are given; "|---|" is none of them. */
static int rows(const struct page *p, char *text, char *const header[], size_t n, struct err *err)
{
	for (char *line; (line = strsep(&text, "\n")) && *line == '|';) {
		char *cell[CELLS_MAX];
		size_t got;

		if (!strncmp(line, "|---", 4))
			continue;
		got = cells(line, cell);
		if (got != n)
			return err_set(err, ERR_USAGE, "%s:%u: a row of the table has %zu cells, its header %zu: '%s'",
				       p->path, p->line, got, n, cell[0]);
		row(cell, n, header, p->out);
	}
	return 0;
}

static int find_table(const struct page *p, char *text, const char *first, struct err *err)
{
	for (char *line; (line = strsep(&text, "\n"));) {
		char *header[CELLS_MAX];
		size_t n = cells(line, header);

		if (n > 1 && !strcmp(header[0], first))
			return rows(p, text, header, n, err);
	}
	return err_set(err, ERR_USAGE, "%s:%u: no table whose first column is '%s'", p->path, p->line, first);
}

static int table(struct page *p, const char *words, struct err *err)
{
	AUTO(buf_done) struct buf text = BUF_INIT(MIB);
	int folder = (int)(strrchr(p->path, '/') - p->path), name = (int)strcspn(words, " ");
	const char *path = arena_printf(&p->arena, "%.*s/%.*s", folder, p->path, name, words);

	if (!words[name])
		return err_set(err, ERR_USAGE, "%s:%u: @table needs a file and a header", p->path, p->line);
	if (file_slurp(AT_FDCWD, path, &text, err) < 0)
		return err_wrap(err, "%s:%u", p->path, p->line);
	return find_table(p, arena_strdup(&p->arena, buf_str(&text)), words + name + 1, err);
}

/* --- a page --- */

/* "rehost-batch" is the page of batch. */
static const struct command *command_of(const struct page *p, struct err *err)
{
	static const char prefix[] = "rehost-";
	const struct command *c = NULL;

	if (!strncmp(p->name, prefix, sizeof prefix - 1))
		c = command_find(commands, p->name + sizeof prefix - 1);
	return c ? c : err_null(err, ERR_USAGE, "%s:%u: no command has a page '%s'", p->path, p->line, p->name);
}

static int of_command(const struct page *p, void (*what)(const struct page *, const struct command *), struct err *err)
{
	const struct command *c = command_of(p, err);

	if (!c)
		return -1;
	what(p, c);
	return 0;
}

static int directive(struct page *p, const char *line, struct err *err)
{
	if (!strcmp(line, "@synopsis"))
		return of_command(p, synopsis, err);
	if (!strcmp(line, "@options"))
		return of_command(p, all_options, err);
	if (!strncmp(line, "@table ", 7))
		return table(p, line + 7, err);
	if (!strcmp(line, "@commands"))
		command_table(p->out);
	else if (!strcmp(line, "@statuses"))
		status_table(p->out);
	else
		return err_set(err, ERR_USAGE, "%s:%u: '%s' is not understood", p->path, p->line, line);
	return 0;
}

static void title(const struct page *p)
{
	const char *epoch = getenv("SOURCE_DATE_EPOCH");
	time_t now = epoch ? (time_t)strtoll(epoch, NULL, 10) : time(NULL);
	char date[32] = "";
	struct tm utc;

	if (gmtime_r(&now, &utc))
		strftime(date, sizeof date, "%Y-%m-%d", &utc);
	fputs(".TH ", p->out);
	for (const char *s = p->name; *s; s++)
		fputc(*s >= 'a' && *s <= 'z' ? *s - 'a' + 'A' : *s, p->out);
	fprintf(p->out, " %s %s \"rehost " REHOST_VERSION "\" \"rehost\"\n", p->section, date);
}

static int lines(struct page *p, char *text, struct err *err)
{
	size_t len = strlen(text);

	if (len && text[len - 1] == '\n')
		text[len - 1] = '\0';
	for (char *line; (line = strsep(&text, "\n"));) {
		p->line++;
		if (*line != '@')
			fprintf(p->out, "%s\n", line);
		else if (directive(p, line, err) < 0)
			return -1;
	}
	return 0;
}

int man_page(const char *path, FILE *out, struct err *err)
{
	AUTO(buf_done) struct buf text = BUF_INIT(MIB);
	AUTO(page_done) struct page p = {.path = path, .out = out};
	const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');

	if (!slash || !dot || dot < slash || strlen(slash) > NAME_MAX_BYTES)
		return err_set(err, ERR_USAGE, "'%s' is not FOLDER/NAME.SECTION", path);
	if (file_slurp(AT_FDCWD, path, &text, err) < 0)
		return -1;
	p.name = arena_strndup(&p.arena, slash + 1, (size_t)(dot - slash - 1));
	p.section = dot + 1;
	title(&p);
	return lines(&p, arena_strdup(&p.arena, buf_str(&text)), err);
}
