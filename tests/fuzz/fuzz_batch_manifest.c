/* Fuzz: any bytes as a batch's manifest; the first byte chooses the language. What is taken has machines with different
 * names; what isn't has an error with a place. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "run/batch/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One key of each type; the real table belongs to cli/. */
static void add_options(struct manifest_keys *keys)
{
	static const char *const choices[] = {"zlib", "zstd", NULL};
	static const struct manifest_key rows[] = {
	    {"compress", MANIFEST_OPTION, MANIFEST_TEXT, 0, 0, "CODEC", choices, "help"},
	    {"network", MANIFEST_OPTION, MANIFEST_LIST, 0, 0, "IN:OUT", NULL, "help"},
	    {"bwlimit", MANIFEST_OPTION, MANIFEST_SIZE, 0, 0, "RATE", NULL, "help"},
	    {"undo-log", MANIFEST_OPTION, MANIFEST_FLAG, 0, 0, NULL, NULL, "help"},
	    {"agent", MANIFEST_OPTION, MANIFEST_PATH, 0, 0, "DIR", NULL, "help"},
	    {"key", MANIFEST_OPTION, MANIFEST_SECRETS, 0, 0, NULL, NULL, "help"},
	    {"os", MANIFEST_LEFT_OUT, MANIFEST_TEXT, 0, 0, "DIR", NULL, "help"},
	};

	manifest_keys_init(keys);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (!manifest_keys_add(keys, &rows[i]))
			abort();
}

static void judge(const struct batch_manifest *m)
{
	if (!m->machines.n)
		abort();
	for (size_t i = 0; i < m->machines.n; i++) {
		const struct unit *u = &m->machines.v[i].unit;

		if (!u->sources.n || *u->sources.v[0] != '/' || !*u->name || strchr(u->name, '/'))
			abort();
		for (size_t k = 0; k < i; k++)
			if (!strcmp(u->name, m->machines.v[k].unit.name))
				abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum manifest_language languages[] = {MANIFEST_YAML, MANIFEST_JSON, MANIFEST_CSV};
	AUTO(batch_manifest_done) struct batch_manifest m = {.text = BUF_INIT(MANIFEST_BYTES_MAX)};
	struct err err = ERR_INIT;
	struct manifest_keys keys;

	if (!size || buf_add(&m.text, data + 1, size - 1) < 0)
		return 0;
	add_options(&keys);
	if (batch_manifest_parse(languages[*data % 3], "m", "/srv", &keys, &m, &err) == 0)
		judge(&m);
	else if (err.code != ERR_CORRUPT || strncmp(err.text, "m:", 2) != 0)
		abort();
	return 0;
}
