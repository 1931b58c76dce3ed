/* The keys of a batch's manifest: the plan's own, and every option of `rehost convert`, from that command's own table.
 */
#include "cli/manifest_keys.h"

#include <stdint.h>
#include <string.h>

#include "cli/command.h"

/* A unit's result is a folder. */
static const char *const outputs[] = {"local", "qemu", NULL};

/* Options whose key is more than their kind tells, and those that are none. */
static const struct {
	const char *option;
	enum manifest_use use;
	enum manifest_type type;
	const char *help; /* NULL: the option's own */
	const char *const *choices;
} special[] = {
    {"output", MANIFEST_OPTION, MANIFEST_TEXT,
     "What to write: local (folder with disks and libvirt XML, the default) or qemu (start script too).", outputs},
    {"agent", MANIFEST_OPTION, MANIFEST_PATH, NULL, NULL},
    {"virtio-win", MANIFEST_OPTION, MANIFEST_PATH, NULL, NULL},
    {"allow-parent", MANIFEST_OPTION, MANIFEST_PATHS, NULL, NULL},
    {"key", MANIFEST_OPTION, MANIFEST_SECRETS,
     "Where the passphrase of an encrypted volume or image (LUKS, BitLocker, qcow2) is: NAME is a device, an image's "
     "file, a UUID or all; the first line of the file PATH counts.",
     NULL},
    {"os", MANIFEST_LEFT_OUT, MANIFEST_TEXT, "results appear in the job folder's out/", NULL},
    {"destination", MANIFEST_LEFT_OUT, MANIFEST_TEXT, "results appear in the job folder's out/", NULL},
    {"published-in", MANIFEST_LEFT_OUT, MANIFEST_TEXT, "results appear in the job folder's out/", NULL},
    {"on", MANIFEST_LEFT_OUT, MANIFEST_TEXT, "it is called name here", NULL},
    {"disk-format", MANIFEST_LEFT_OUT, MANIFEST_TEXT, "it is called of here", NULL},
    {"keys-from-stdin", MANIFEST_LEFT_OUT, MANIFEST_FLAG, "units have no standard input; key names a file", NULL},
    {"dry-run", MANIFEST_LEFT_OUT, MANIFEST_FLAG, "`rehost batch plan` does that with every machine", NULL},
    {"print-xml", MANIFEST_LEFT_OUT, MANIFEST_FLAG, "a unit prints nothing", NULL},
    {"json", MANIFEST_LEFT_OUT, MANIFEST_FLAG, "whoever runs the units decides what they print", NULL},
    {"progress", MANIFEST_LEFT_OUT, MANIFEST_TEXT, "whoever runs the units decides what they print", NULL},
    {"quiet", MANIFEST_LEFT_OUT, MANIFEST_FLAG, "whoever runs the units decides what they print", NULL},
    {"verbose", MANIFEST_LEFT_OUT, MANIFEST_FLAG, "whoever runs the units decides what they print", NULL},
    {"restart", MANIFEST_LEFT_OUT, MANIFEST_FLAG, "each attempt finds out what is left of the one before", NULL},
    {"threads", MANIFEST_LEFT_OUT, MANIFEST_NUMBER, "whoever runs the units divides the host's processors among them",
     NULL},
};

static enum manifest_type type_of(enum cli_kind kind)
{
	switch (kind) {
	case CLI_FLAG:
		return MANIFEST_FLAG;
	case CLI_TEXT:
		return MANIFEST_TEXT;
	case CLI_NUMBER:
		return MANIFEST_NUMBER;
	case CLI_SIZE:
		return MANIFEST_SIZE;
	case CLI_LIST:
		return MANIFEST_LIST;
	case CLI_GROUP:
	case CLI_UNKNOWN:
		break;
	}
	return MANIFEST_UNKNOWN;
}

static struct manifest_key row_of(const struct cli_option *o)
{
	struct manifest_key row = {.name = o->name,
				   .use = MANIFEST_OPTION,
				   .type = type_of(o->kind),
				   .max = UINT32_MAX,
				   .argument = o->argument,
				   .choices = o->choices,
				   .help = o->help};

	for (size_t i = 0; i < sizeof special / sizeof *special; i++) {
		if (strcmp(special[i].option, o->name) != 0)
			continue;
		row.use = special[i].use;
		row.type = special[i].type;
		row.help = special[i].help ? special[i].help : o->help;
		row.choices = special[i].choices ? special[i].choices : o->choices;
	}
	return row;
}

int manifest_keys_all(struct manifest_keys *ret, struct err *err)
{
	struct option_rows rows;

	manifest_keys_init(ret);
	options_unfold(command_convert.options, &rows);
	for (const struct cli_option *o = rows.v; o->name; o++) {
		struct manifest_key row = row_of(o);

		if (!manifest_keys_add(ret, &row))
			return err_set(err, ERR_INTERNAL, "a manifest has more than %d keys", MANIFEST_KEYS_MAX);
	}
	return 0;
}
