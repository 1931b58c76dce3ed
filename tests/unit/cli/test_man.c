/* Pages: what is put in for each line of a page's prose, and how text is kept from being roff. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/man.h"

struct folder {
	char path[64];
	char *text; /* the page that was made */
	size_t len;
};

static int setup(void **state)
{
	struct folder *f = calloc(1, sizeof *f);

	strcpy(f->path, "/tmp/test-man.XXXXXX");
	*state = f;
	setenv("SOURCE_DATE_EPOCH", "86400", 1);
	return mkdtemp(f->path) ? 0 : -1;
}

static int teardown(void **state)
{
	struct folder *f = *state;
	char command[128];

	snprintf(command, sizeof command, "rm -r %s", f->path);
	free(f->text);
	free(f);
	return system(command);
}

static void write_file(const struct folder *f, const char *name, const char *text)
{
	char path[128];
	FILE *out;

	snprintf(path, sizeof path, "%s/%s", f->path, name);
	out = fopen(path, "w");
	assert_non_null(out);
	fputs(text, out);
	fclose(out);
}

static int make(struct folder *f, const char *name, struct err *err)
{
	char path[128];
	FILE *out;
	int ret;

	free(f->text);
	f->text = NULL;
	out = open_memstream(&f->text, &f->len);
	snprintf(path, sizeof path, "%s/%s", f->path, name);
	ret = man_page(path, out, err);
	fclose(out);
	return ret;
}

static void tables_are_put_in(void **state)
{
	struct folder *f = *state;
	struct err err = ERR_INIT;

	write_file(f, "rehost-formats.1", "@synopsis\n.SH TEXT\nWords.\n@options\n");
	assert_int_equal(make(f, "rehost-formats.1", &err), 0);
	assert_non_null(strstr(f->text, ".TH REHOST-FORMATS 1 1970-01-02 "));
	assert_non_null(strstr(f->text, "rehost\\-formats \\- machines and images we read, and what we write\n"));
	assert_non_null(strstr(f->text, ".SH TEXT\nWords.\n"));
	assert_non_null(strstr(f->text, ".TP\n.B \\-\\-json\nPrint JSON.\n"));
	assert_null(strstr(f->text, "@"));
}

static void markdown_tables(void **state)
{
	struct folder *f = *state;
	struct err err = ERR_INIT;

	write_file(f, "t.md",
		   "| other | x |\n|---|---|\n| no | no |\n\n| id | kind | text | fix |\n|---|---|---|---|\n"
		   "| `A-1` | info | See [this](that.md), `a\\|b`. | – |\n| `B` | info | **Now** | \\x |\n\nend\n");
	write_file(f, "rehost.7", "@table t.md id\n");
	assert_int_equal(make(f, "rehost.7", &err), 0);
	assert_non_null(strstr(f->text, "\n.TP\n\\fBA\\-1\\fR (info)\nSee this, \\fBa|b\\fR.\n"
					".TP\n\\fBB\\fR (info)\n\\fBNow\\fR\n.br\n\\fIfix:\\fR x\n"));
	assert_null(strstr(f->text, "no"));
}

static void what_is_wrong_is_named(void **state)
{
	struct folder *f = *state;
	struct err err = ERR_INIT;

	write_file(f, "t.md", "| id | text |\n|---|---|\n| a |\n");
	write_file(f, "rehost.7", "x\n@table t.md id\n");
	assert_int_equal(make(f, "rehost.7", &err), -1);
	assert_non_null(strstr(err.text, "rehost.7:2: a row of the table has 1 cells, its header 2: 'a'"));
	write_file(f, "rehost.7", "@table t.md none\n");
	assert_int_equal(make(f, "rehost.7", &err), -1);
	assert_non_null(strstr(err.text, "rehost.7:1: no table whose first column is 'none'"));
	write_file(f, "rehost.7", "@nothing\n");
	assert_int_equal(make(f, "rehost.7", &err), -1);
	assert_non_null(strstr(err.text, "rehost.7:1: '@nothing' is not understood"));
	write_file(f, "rehost-nothing.1", "@options\n");
	assert_int_equal(make(f, "rehost-nothing.1", &err), -1);
	assert_non_null(strstr(err.text, "no command has a page 'rehost-nothing'"));
}

static void text_is_no_roff(void **state)
{
	struct folder *f = *state;
	FILE *out = open_memstream(&f->text, &f->len);

	man_text(".x 'y' \\z a-b – …", out);
	fclose(out);
	assert_string_equal(f->text, "\\&.x \\(aqy\\(aq \\ez a\\-b \\[u2013] \\[u2026]");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(tables_are_put_in, setup, teardown),
	    cmocka_unit_test_setup_teardown(markdown_tables, setup, teardown),
	    cmocka_unit_test_setup_teardown(what_is_wrong_is_named, setup, teardown),
	    cmocka_unit_test_setup_teardown(text_is_no_roff, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
