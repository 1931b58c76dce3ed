/* What finding ids mean: the table of docs/findings.md. */
#include "run/report/catalogue.h"

#include <string.h>

#include "run/report/files.h"

static const char table[] = "findings.md";

/* The next cell of a row "| a | b |", trimmed, and behind it; NULL at the end of the row. */
static const char *next_cell(const char *at, struct arena *a, const char **ret)
{
	size_t n;

	at += strspn(at, "| ");
	n = strcspn(at, "|\n");
	if (at[n] != '|')
		return NULL;
	*ret = at;
	at += n + 1;
	while (n && (*ret)[n - 1] == ' ')
		n--;
	*ret = arena_strndup(a, *ret, n);
	return at;
}

static bool read_row(const char *at, struct arena *a, struct finding_meaning *ret)
{
	const char *id;
	char *end;

	at = next_cell(at, a, &id);
	if (!at || *id != '`')
		return false;
	ret->id = id + 1;
	end = strchr(ret->id, '`');
	if (end)
		*end = '\0';
	at = next_cell(at, a, &ret->severity);
	at = at ? next_cell(at, a, &ret->meaning) : NULL;
	at = at ? next_cell(at, a, &ret->fix) : NULL;
	if (at && !strcmp(ret->fix, "–"))
		ret->fix = "";
	return at != NULL;
}

/* The first line from `at` on that is a row of the table. */
static const char *find_row(const char *at)
{
	while (at && strncmp(at, "| `", 3) != 0) {
		at = strchr(at, '\n');
		at = at ? at + 1 : NULL;
	}
	return at;
}

bool finding_meaning_at(unsigned i, struct arena *a, struct finding_meaning *ret)
{
	struct template t;
	const char *at;

	if (!report_file(table, sizeof table - 1, &t))
		return false;
	for (at = find_row(t.text); at && i; i--)
		at = find_row(at + 1);
	return at && read_row(at, a, ret);
}

bool finding_meaning(const char *id, struct arena *a, struct finding_meaning *ret)
{
	size_t n = strlen(id);
	struct template t;
	const char *at;

	if (!report_file(table, sizeof table - 1, &t))
		return false;
	for (at = find_row(t.text); at; at = find_row(at + 1))
		if (!strncmp(at + 3, id, n) && at[3 + n] == '`')
			return read_row(at, a, ret);
	return false;
}
