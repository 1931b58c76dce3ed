/* The keys of a manifest: the plan's own rows, finding and printing. */
#include "run/batch/manifest_key.h"

#include <stdio.h>
#include <string.h>

#include "core/base/checked.h"

enum {
	PRIORITY_MAX = 1000,
	RETRIES_MAX = 20,		  /* what fails so often fails always */
	PROOF_SECONDS_MAX = 24 * 60 * 60, /* a file system that is checked without KVM takes hours */
	WORD_BYTES_MAX = 40,		  /* no key is longer */
};

static const char *const proofs[] = {"none", "firmware", "kernel", "login", NULL};

#define ANYWHERE (MANIFEST_MACHINE | MANIFEST_DEFAULTS)

static const struct manifest_key own[] = {
    {"name", MANIFEST_JOB_NAME, MANIFEST_TEXT, MANIFEST_TOP, 0, NULL, NULL,
     "What the job is called in reports (default: the name of its folder)."},
    {"defaults", MANIFEST_FOR_ALL, MANIFEST_UNKNOWN, MANIFEST_TOP, 0, "keys", NULL,
     "Keys for all machines that don't say otherwise."},
    {"groups", MANIFEST_GROUPS, MANIFEST_UNKNOWN, MANIFEST_TOP, 0, "NAME: keys", NULL,
     "Keys for the machines of a group; they go before defaults."},
    {"source-groups", MANIFEST_SOURCE_GROUPS, MANIFEST_UNKNOWN, MANIFEST_TOP, 0, "NAME: number", NULL,
     "How many machines of a source (a host, a datastore) are worked on at once."},
    {"machines", MANIFEST_MACHINES, MANIFEST_UNKNOWN, MANIFEST_TOP, 0, "a list of keys", NULL, "The machines."},
    {"source", MANIFEST_SOURCE, MANIFEST_PATHS, MANIFEST_MACHINE, 0, NULL, NULL,
     "What is converted: the input of rehost convert; several are the disks of one machine."},
    {"name", MANIFEST_RESULT_NAME, MANIFEST_NAME, MANIFEST_MACHINE, 0, NULL, NULL,
     "Name of the result (default: the source's file name without what stands behind its last dot)."},
    {"group", MANIFEST_GROUP, MANIFEST_NAME, MANIFEST_MACHINE, 0, NULL, NULL,
     "The group of this machine: one of groups when the manifest has those."},
    {"source-group", MANIFEST_SOURCE_GROUP, MANIFEST_NAME, ANYWHERE, 0, NULL, NULL,
     "Where the source comes from: one of source-groups when the manifest has those."},
    {"priority", MANIFEST_PRIORITY, MANIFEST_NUMBER, ANYWHERE, PRIORITY_MAX, NULL, NULL,
     "Higher ones are converted first (default: 0); among equals the biggest."},
    {"proof", MANIFEST_PROOF, MANIFEST_TEXT, ANYWHERE, 0, NULL, proofs,
     "How far the result must boot before it counts as done (default: none)."},
    {"proof-timeout", MANIFEST_PROOF_TIMEOUT, MANIFEST_NUMBER, ANYWHERE, PROOF_SECONDS_MAX, NULL, NULL,
     "How many seconds the boot proof may take (0, and default: 300)."},
    {"retries", MANIFEST_RETRIES, MANIFEST_NUMBER, ANYWHERE, RETRIES_MAX, NULL, NULL,
     "How often a machine that failed is tried again (default: 2)."},
};

void manifest_keys_init(struct manifest_keys *keys)
{
	_Static_assert(sizeof own / sizeof *own <= MANIFEST_KEYS_MAX, "the plan's own keys fit");
	memcpy(keys->v, own, sizeof own);
	keys->n = sizeof own / sizeof *own;
}

bool manifest_keys_add(struct manifest_keys *keys, const struct manifest_key *row)
{
	if (keys->n == MANIFEST_KEYS_MAX)
		return false;
	keys->v[keys->n] = *row;
	keys->v[keys->n++].where = ANYWHERE;
	return true;
}

const struct manifest_key *manifest_key_find(const struct manifest_keys *keys, const char *name, unsigned where)
{
	for (size_t i = 0; i < keys->n; i++)
		if ((keys->v[i].where & where) && !strcmp(keys->v[i].name, name))
			return &keys->v[i];
	return NULL;
}

/* ---- did you mean ---- */

struct edits {
	const char *a, *b;
	unsigned row[3][WORD_BYTES_MAX + 1]; /* before the last, last, this: of the table of all prefixes */
};

static unsigned min_of(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* From the first i letters of a to the first j of b. */
static unsigned edits_at(const struct edits *e, size_t i, size_t j)
{
	unsigned best = e->row[1][j - 1] + (e->a[i - 1] != e->b[j - 1]);

	best = min_of(best, min_of(e->row[1][j], e->row[2][j - 1]) + 1);
	if (i > 1 && j > 1 && e->a[i - 1] == e->b[j - 2] && e->a[i - 2] == e->b[j - 1])
		best = min_of(best, e->row[0][j - 2] + 1);
	return best;
}

unsigned manifest_misspelled(const char *word, const char *name)
{
	struct edits e = {.a = word, .b = name};
	size_t na = strlen(word), nb = strlen(name);

	if (na > WORD_BYTES_MAX || nb > WORD_BYTES_MAX)
		return MANIFEST_ANOTHER_WORD;
	for (unsigned j = 0; j <= nb; j++)
		e.row[2][j] = j;
	for (unsigned i = 1; i <= na; i++) {
		memmove(e.row[0], e.row[1], sizeof e.row[0] * 2);
		e.row[2][0] = i;
		for (size_t j = 1; j <= nb; j++)
			e.row[2][j] = edits_at(&e, i, j);
	}
	return e.row[2][nb] <= min_u64(2, (nb + 2) / 3) ? e.row[2][nb] : MANIFEST_ANOTHER_WORD;
}

const char *manifest_key_nearest(const struct manifest_keys *keys, const char *name, unsigned where)
{
	unsigned best = MANIFEST_ANOTHER_WORD;
	const char *ret = NULL;

	for (size_t i = 0; i < keys->n; i++) {
		const struct manifest_key *key = &keys->v[i];
		unsigned wrong = manifest_misspelled(name, key->name);

		if (!(key->where & where) || key->use == MANIFEST_LEFT_OUT || wrong >= best)
			continue;
		best = wrong;
		ret = key->name;
	}
	return ret;
}

/* ---- printing ---- */

static void list_choices(const char *const *choices, char *ret, size_t size)
{
	size_t n = 0;

	for (*ret = '\0'; *choices && n < size; choices++)
		n += (size_t)snprintf(ret + n, size - n, "%s%s", n == 0 ? "" : choices[1] ? ", " : " or ", *choices);
}

const char *manifest_key_value(const struct manifest_key *key, char *ret, size_t size)
{
	static const char *const words[] = {
	    [MANIFEST_UNKNOWN] = "keys",
	    [MANIFEST_TEXT] = "a text",
	    [MANIFEST_NAME] = "letters, digits, '.', '_' and '-'",
	    [MANIFEST_FLAG] = "true or false",
	    [MANIFEST_SIZE] = "a number of bytes, or with k, M, G or T behind it",
	    [MANIFEST_LIST] = "a list of texts",
	    [MANIFEST_PATH] = "a path",
	    [MANIFEST_PATHS] = "a list of paths",
	    [MANIFEST_SECRETS] = "a list of NAME:file:PATH",
	};

	if (key->choices)
		list_choices(key->choices, ret, size);
	else if (key->type == MANIFEST_NUMBER)
		snprintf(ret, size, "a number from 0 to %u", key->max);
	else if (key->type == MANIFEST_LIST && key->argument)
		snprintf(ret, size, "a list of %s", key->argument);
	else
		snprintf(ret, size, "%s", key->argument && !key->type ? key->argument : words[key->type]);
	return ret;
}

static const char *place(const struct manifest_key *key)
{
	if (key->where == MANIFEST_TOP)
		return "the manifest";
	return key->where == MANIFEST_MACHINE ? "a machine" : "a machine, a group, defaults";
}

static void markdown_cell(const char *text, struct buf *out)
{
	for (; *text; text++)
		buf_addf(out, *text == '|' ? "\\%c" : "%c", *text);
}

int manifest_keys_markdown(const struct manifest_keys *keys, struct buf *out)
{
	char value[160];

	buf_adds(out, "| key | value | | stands in |\n|---|---|---|---|\n");
	for (size_t i = 0; i < keys->n; i++) {
		const struct manifest_key *key = &keys->v[i];

		if (key->use == MANIFEST_LEFT_OUT)
			continue;
		buf_addf(out, "| `%s` | ", key->name);
		markdown_cell(manifest_key_value(key, value, sizeof value), out);
		buf_adds(out, " | ");
		markdown_cell(key->help, out);
		buf_addf(out, " | %s |\n", place(key));
	}
	return out->failed ? -1 : 0;
}
