/* Options that several commands have. */
#include "cli/groups.h"

#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cli/terminal.h"

/* --- how images are read --- */

#define AT(member) offsetof(struct reading_arguments, member)

const struct cli_option reading_rows[] = {
    {"snapshot", 0, CLI_TEXT, "ID|NAME", NULL, "Read the disks as they were at a snapshot inside their images (qcow2).",
     AT(snapshot)},
    {"allow-parent", 0, CLI_LIST, "DIR", NULL,
     "A folder beside an image's own in which the parents and extents it names may lie.", AT(allow_parent)},
    {"allow-truncated", 0, CLI_FLAG, NULL, NULL,
     "Read what a cut-off image still has, the rest as zeros; all formats but raw.", AT(allow_truncated)},
    {"ignore-checksum", 0, CLI_FLAG, NULL, NULL, "Go on where the checksum of a VHD's header is wrong.",
     AT(ignore_checksum)},
    {"bwlimit", 0, CLI_SIZE, "RATE", NULL, "Read at most so many bytes a second of the source; 20M is 20 MiB/s.",
     AT(bwlimit)},
    {0},
};

#undef AT

struct image_rules reading_rules(const struct reading_arguments *a, const struct keys *keys)
{
	return (struct image_rules){.allow_parent = a->allow_parent.v,
				    .allow_truncated = a->allow_truncated,
				    .ignore_checksum = a->ignore_checksum,
				    .bwlimit = a->bwlimit,
				    .keys = keys,
				    .snapshot = a->snapshot};
}

/* --- what a machine is read from --- */

#define AT(member) offsetof(struct source_arguments, member)

static const char *const inputs[] = {"ova", "ovf", "vmx", "vbox", "libvirtxml", "disk", "local", NULL};

const struct cli_option source_rows[] = {
    {"input", 'i', CLI_TEXT, "KIND", inputs,
     "What the source is: ova, ovf, vmx, vbox, libvirtxml or disk; found out when not given.", AT(input)},
    {"if", 0, CLI_TEXT, "FORMAT", NULL,
     "Format of all disks (vmdk, qcow2, raw …), whatever is said of them elsewhere; needed for raw ones that hold "
     "nothing recognisable.",
     AT(format)},
    {"vm", 0, CLI_TEXT, "ID", NULL, "Which virtual system of an OVF that holds several.", AT(vm)},
    OPTION_GROUP(reading_rows, AT(reading)),
    {0},
};

#undef AT

struct source_options source_from(const struct source_arguments *a, bool force)
{
	return (struct source_options){.kind = a->input && !strcmp(a->input, "local") ? "disk" : a->input,
				       .format = a->format,
				       .force = force,
				       .allow_truncated = a->reading.allow_truncated,
				       .allow_parent = a->reading.allow_parent.v,
				       .vm = a->vm};
}

bool source_given(const struct source_arguments *a)
{
	const struct reading_arguments *r = &a->reading;

	return a->input || a->format || a->vm || r->snapshot || r->allow_parent.n || r->bwlimit || r->allow_truncated ||
	       r->ignore_checksum;
}

/* --- passphrases --- */

#define AT(member) offsetof(struct key_arguments, member)

static const struct cli_option stdin_key_rows[] = {
    {"keys-from-stdin", 0, CLI_FLAG, NULL, NULL,
     "Read passphrases from standard input, one a line, up to its end; each is tried on everything encrypted.",
     AT(from_stdin)},
    {0},
};

const struct cli_option volume_key_rows[] = {
    {"key", 0, CLI_LIST, "NAME:key|file|fd:VALUE", NULL,
     "Passphrase of an encrypted volume (LUKS, BitLocker): NAME is a device, a UUID or all; key:PASSPHRASE (others may "
     "see it), file:FILE (its first line) or fd:N (the next line of an open descriptor). May be repeated: all that fit "
     "are tried.",
     AT(list)},
    OPTION_GROUP(stdin_key_rows, 0),
    {0},
};

const struct cli_option key_rows[] = {
    {"key", 0, CLI_LIST, "NAME:key|file|fd:VALUE", NULL,
     "Passphrase of an encrypted volume or image (LUKS, BitLocker, qcow2): NAME is a device, an image's file, a UUID "
     "or all; key:PASSPHRASE (others may see it), file:FILE (its first line) or fd:N (the next line of an open "
     "descriptor). May be repeated: all that fit are tried, but AES in a qcow2 can't tell a wrong one and needs "
     "exactly one.",
     AT(list)},
    OPTION_GROUP(stdin_key_rows, 0),
    {0},
};

#undef AT

int read_keys(const struct key_arguments *a, struct keys *ret, struct err *err)
{
	if (a->list.n || a->from_stdin) /* a passphrase in memory is for no core dump */
		setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
	for (size_t i = 0; i < a->list.n; i++) {
		if (keys_add(ret, a->list.v[i], err) < 0)
			return -1;
		key_hide((char *)(uintptr_t)a->list.v[i]);
	}
	return a->from_stdin ? keys_add_lines(ret, STDIN_FILENO, err) : 0;
}

/* --- to which networks --- */

#define AT(member) offsetof(struct network_arguments, member)

const struct cli_option network_rows[] = {
    {"network", 'n', CLI_LIST, "IN:OUT", NULL, "Connect cards on network IN (all, without IN) to libvirt network OUT.",
     AT(networks)},
    {"bridge", 'b', CLI_LIST, "IN:OUT", NULL, "The same for bridges.", AT(bridges)},
    {"mac", 0, CLI_LIST, "MAC:network|bridge|ip:OUT", NULL,
     "Connect the card with this address; ip: give it a fixed address in the guest, "
     "ADDRESS[,GATEWAY[,PREFIX[,DNS...]]].",
     AT(macs)},
    {0},
};

#undef AT

struct net_maps network_maps(const struct network_arguments *a)
{
	return (struct net_maps){.networks = a->networks.v, .bridges = a->bridges.v, .macs = a->macs.v};
}

/* --- what is said meanwhile --- */

#define AT(member) offsetof(struct talk_arguments, member)

static const char *const progress_kinds[] = {"text", "json", NULL};

const struct cli_option quiet_rows[] = {
    {"quiet", 'q', CLI_FLAG, NULL, NULL, "Print warnings and errors only.", AT(quiet)},
    {"verbose", 'v', CLI_FLAG, NULL, NULL, "Print the full log.", AT(verbose)},
    {0},
};

const struct cli_option talk_rows[] = {
    {"progress", 0, CLI_TEXT, "text|json", progress_kinds, "How progress is written to stderr; json: one event a line.",
     AT(progress)},
    OPTION_GROUP(quiet_rows, 0),
    {0},
};

#undef AT

bool talks_json(const struct talk_arguments *a)
{
	return a->progress && !strcmp(a->progress, "json");
}

void talk_start(const struct talk_arguments *a)
{
	const struct terminal_options terminal = {
	    .quiet = a->quiet, .verbose = a->verbose, .json_progress = talks_json(a)};

	terminal_start(&terminal);
}
