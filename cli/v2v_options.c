/* virt-v2v's options: which mean something here, which are taken and ignored, which are refused; one table. */
#include "cli/v2v.h"

#include <string.h>

enum treatment {
	TREATMENT_UNKNOWN = 0,
	TAKEN,
	IGNORED, /* the result is as good without it */
	REFUSED, /* the result would not be what is asked for */
};

/* Of a row that isn't taken the option's help says why, and its place is that of the row in struct given. */
struct row {
	struct cli_option option;
	enum treatment treatment;
};

enum { ROWS_MAX = 128 };

/* The command line: what is taken, and for each other row whether it was there. */
struct given {
	struct v2v_arguments taken;
	bool flags[ROWS_MAX];
	const char *texts[ROWS_MAX];
};

#define AT(field) offsetof(struct v2v_arguments, field)
#define FLAG(name, letter, field, help)                                                                                \
	{                                                                                                              \
		{name, letter, CLI_FLAG, NULL, NULL, help, AT(field)}, TAKEN                                           \
	}
#define TEXT(name, letter, argument, field, help)                                                                      \
	{                                                                                                              \
		{name, letter, CLI_TEXT, argument, NULL, help, AT(field)}, TAKEN                                       \
	}
#define LIST(name, letter, argument, field, help)                                                                      \
	{                                                                                                              \
		{name, letter, CLI_LIST, argument, NULL, help, AT(field)}, TAKEN                                       \
	}
#define NO_FLAG(name, letter, how, why)                                                                                \
	{                                                                                                              \
		{name, letter, CLI_FLAG, NULL, NULL, why, 0}, how                                                      \
	}
#define NO_TEXT(name, letter, argument, how, why)                                                                      \
	{                                                                                                              \
		{name, letter, CLI_TEXT, argument, NULL, why, 0}, how                                                  \
	}

#define CUSTOMIZE		 "the guest is not customized here: run virt-customize on the result before its first start"
#define CUSTOMIZE_FLAG(name)	 NO_FLAG(name, 0, REFUSED, CUSTOMIZE)
#define CUSTOMIZE_TEXT(name)	 NO_TEXT(name, 0, "…", REFUSED, CUSTOMIZE)
#define OTHER_HYPERVISOR	 "guests are not fetched from another host: bring the files here first"
#define FETCH_TEXT(name, letter) NO_TEXT(name, letter, "…", REFUSED, OTHER_HYPERVISOR)

static const struct row rows[] = {
    TEXT("i", 0, "KIND", input, "What the input is: libvirtxml (what virt-p2v sends), ova, vmx, disk or local."),
    TEXT("if", 0, "FORMAT", input_format, "Format of all disks."),
    TEXT("o", 0, "KIND", output, "What to write: local or disk, qemu, null; it must be said."),
    TEXT("os", 0, "DIR", output_dir, "Folder for the result, which is a folder in it with the machine's name."),
    TEXT("of", 0, "FORMAT", disk_format, "raw (default) or qcow2."),
    TEXT("oa", 0, "sparse", allocation, "Disks are written sparse; preallocated is refused."),
    TEXT("on", 0, "NAME", name, "Name of the result."),
    LIST("oo", 0, "OPTION", output_options, "compressed: compress qcow2 disks; no other is known."),
    FLAG("compressed", 0, compressed, "The same as -oo compressed."),
    LIST("network", 'n', "IN:OUT", network.networks, "Connect cards on network IN (all, without IN) to network OUT."),
    LIST("bridge", 'b', "IN:OUT", network.bridges, "The same for bridges."),
    LIST("mac", 0, "MAC:network|bridge|ip:OUT", network.macs,
	 "Connect the card with this address, or give it an address."),
    TEXT(
	"root", 0, "first|single|ask|DEVICE", root,
	"Which system when there are several; without first or a device several are an error, as nobody can be asked."),
    LIST("key", 0, "SELECTOR", keys.list, "Key of an encrypted volume."),
    FLAG("keys-from-stdin", 0, keys.from_stdin, "Keys of encrypted volumes, one a line."),
    FLAG("no-fstrim", 0, no_trim, "Copy free space, too."),
    FLAG("quiet", 'q', quiet, "Print errors only."),
    FLAG("verbose", 'v', verbose, "Print the full log to standard error."),
    FLAG("version", 'V', version, "Print the version of virt-v2v that this stands for, and our own."),
    FLAG("machine-readable", 0, machine_readable,
	 "Alone: print what is understood here. Else: print progress as DONE/TOTAL lines. No format may follow it."),
    FLAG("help", 'h', help, "Print this."),

    NO_FLAG("x", 0, IGNORED, "the appliance's calls are in the log with -v"),
    NO_FLAG("colours", 0, IGNORED, "messages have no colours"),
    NO_FLAG("colors", 0, IGNORED, "messages have no colours"),
    NO_FLAG("wrap", 0, IGNORED, "messages are not wrapped"),
    NO_FLAG("debug-gc", 0, IGNORED, "there is no garbage collector"),
    NO_FLAG("debug-overlays", 0, IGNORED, "a failed run keeps what it has anyway, for a rerun to resume"),
    NO_FLAG("echo-keys", 0, IGNORED, "keys are never asked for"),
    NO_TEXT("parallel", 0, "N", IGNORED, "the copy uses all processors anyway"),
    NO_TEXT("memsize", 'm', "MB", IGNORED, "the appliance has the memory that it needs"),
    NO_TEXT("smp", 0, "N", IGNORED, "the appliance has the processors that it needs"),
    NO_TEXT("vmtype", 0, "desktop|server", IGNORED, "it means something to oVirt only"),

    FETCH_TEXT("ic", 0),
    FETCH_TEXT("it", 0),
    FETCH_TEXT("io", 0),
    FETCH_TEXT("ip", 0),
    FETCH_TEXT("password-file", 0),
    FETCH_TEXT("dcpath", 0),
    NO_TEXT("oc", 0, "URI", REFUSED,
	    "nothing is defined in libvirt here: `virsh -c URI define DIR/NAME/NAME.xml` does it"),
    NO_TEXT("op", 0, "FILE", REFUSED, "no output needs a password"),
    NO_FLAG("qemu-boot", 0, REFUSED, "the guest is not started: -o qemu writes a script that does it"),
    NO_FLAG("no-copy", 0, REFUSED, "`rehost plan` does everything but the copy"),
    NO_FLAG("no-trim", 0, REFUSED, "it was removed from virt-v2v; --no-fstrim copies free space, too"),
    NO_FLAG("print-source", 0, REFUSED, "`rehost inspect` prints what the machine and the guest are"),
    NO_FLAG("print-estimate", 0, REFUSED, "`rehost plan --json` has the bytes that the copy would take"),
    NO_FLAG("in-place", 0, REFUSED, "a source is never changed: convert into a copy"),
    NO_TEXT("block-driver", 0, "DRIVER", REFUSED, "disks become virtio-blk; edit the libvirt XML for another bus"),
    NO_TEXT("collect", 0, "PATH", REFUSED, "files are not collected: take them from the result by virt-copy-out"),
    NO_TEXT("collect-output", 0, "FILE", REFUSED,
	    "files are not collected: take them from the result by virt-copy-out"),
    CUSTOMIZE_TEXT("append-line"),
    CUSTOMIZE_TEXT("chmod"),
    CUSTOMIZE_TEXT("chown"),
    CUSTOMIZE_TEXT("commands-from-file"),
    CUSTOMIZE_TEXT("copy"),
    CUSTOMIZE_TEXT("copy-in"),
    CUSTOMIZE_TEXT("delete"),
    CUSTOMIZE_TEXT("edit"),
    CUSTOMIZE_TEXT("firstboot"),
    CUSTOMIZE_TEXT("firstboot-command"),
    CUSTOMIZE_TEXT("firstboot-install"),
    CUSTOMIZE_TEXT("hostname"),
    CUSTOMIZE_TEXT("install"),
    CUSTOMIZE_TEXT("link"),
    CUSTOMIZE_TEXT("mkdir"),
    CUSTOMIZE_TEXT("move"),
    CUSTOMIZE_TEXT("password"),
    CUSTOMIZE_TEXT("password-crypto"),
    CUSTOMIZE_TEXT("root-password"),
    CUSTOMIZE_TEXT("run"),
    CUSTOMIZE_TEXT("run-command"),
    CUSTOMIZE_TEXT("scrub"),
    CUSTOMIZE_TEXT("ssh-inject"),
    CUSTOMIZE_TEXT("tar-in"),
    CUSTOMIZE_TEXT("timezone"),
    CUSTOMIZE_TEXT("touch"),
    CUSTOMIZE_TEXT("truncate"),
    CUSTOMIZE_TEXT("truncate-recursive"),
    CUSTOMIZE_TEXT("uninstall"),
    CUSTOMIZE_TEXT("upload"),
    CUSTOMIZE_TEXT("write"),
    CUSTOMIZE_FLAG("update"),
    NO_FLAG("no-logfile", 0, IGNORED, "rehost leaves no log in the guest"),
    NO_FLAG("selinux-relabel", 0, IGNORED, "files that are written get their labels anyway"),
    NO_FLAG("no-selinux-relabel", 0, IGNORED, "nothing is relabelled but what is written"),
};

#define ROWS (sizeof rows / sizeof *rows)
_Static_assert(ROWS <= ROWS_MAX, "struct given has a place for each row");

/* The parser's table: rows that aren't taken get a place each. */
static void parser_table(struct cli_option table[ROWS + 1])
{
	for (size_t i = 0; i < ROWS; i++) {
		table[i] = rows[i].option;
		if (rows[i].treatment == TAKEN)
			table[i].at += offsetof(struct given, taken);
		else if (table[i].kind == CLI_FLAG)
			table[i].at = offsetof(struct given, flags) + i * sizeof(bool);
		else
			table[i].at = offsetof(struct given, texts) + i * sizeof(const char *);
	}
	table[ROWS] = (struct cli_option){0};
}

int v2v_parse(int argc, char **argv, struct v2v_arguments *ret, struct positionals *paths,
	      void (*ignored)(const char *option, const char *why), struct err *err)
{
	struct cli_option table[ROWS + 1];
	struct given given = {0};

	parser_table(table);
	if (options_parse(table, argc, argv, &given, paths, err) < 0)
		return -1;
	for (size_t i = 0; i < ROWS; i++) {
		const struct cli_option *o = &rows[i].option;

		if (!given.flags[i] && !given.texts[i])
			continue;
		if (rows[i].treatment == REFUSED)
			return err_set(err, ERR_USAGE, "option %s%s: %s", option_dashes(o), o->name, o->help);
		ignored(o->name, o->help);
	}
	*ret = given.taken;
	return 0;
}

/* --- values --- */

static bool is_one_of(const char *word, const char *const *list)
{
	for (; *list; list++)
		if (!strcmp(word, *list))
			return true;
	return false;
}

static const char *const inputs[] = {"libvirtxml", "disk", "local", "ova", "vmx", NULL};
static const char *const outputs[] = {"local", "disk", "qemu", "null", NULL};

static int check_input(const struct v2v_arguments *a, struct err *err)
{
	if (!a->input || !strcmp(a->input, "libvirt"))
		return err_set(err, ERR_USAGE,
			       "-i libvirt, which is also meant without -i: guests are not fetched from libvirt; "
			       "give their disks with -i disk");
	if (!is_one_of(a->input, inputs))
		return err_set(err, ERR_USAGE, "-i %s: libvirtxml, disk, local, ova and vmx are understood", a->input);
	return 0;
}

static int check_output(const struct v2v_arguments *a, struct err *err)
{
	if (!a->output || !strcmp(a->output, "libvirt"))
		return err_set(err, ERR_USAGE,
			       "-o libvirt, which is also meant without -o: nothing is defined in libvirt here; "
			       "take -o local -os DIR, and `virsh define DIR/NAME/NAME.xml`");
	if (!is_one_of(a->output, outputs))
		return err_set(err, ERR_USAGE, "-o %s: local, disk, qemu and null are understood", a->output);
	if (!a->output_dir && strcmp(a->output, "null") != 0)
		return err_set(err, ERR_USAGE, "-o %s needs -os DIR, the folder for the result", a->output);
	return 0;
}

static int check_format(const struct v2v_arguments *a, struct err *err)
{
	static const char *const known[] = {"raw", "qcow2", NULL};
	bool compressed = a->compressed;

	if (a->disk_format && !is_one_of(a->disk_format, known))
		return err_set(err, ERR_USAGE, "-of %s: raw and qcow2 are understood", a->disk_format);
	if (a->allocation && strcmp(a->allocation, "sparse") != 0)
		return err_set(err, ERR_USAGE,
			       "-oa %s: disks are written sparse; preallocate them afterwards (fallocate)",
			       a->allocation);
	for (size_t i = 0; i < a->output_options.n; i++) {
		if (strcmp(a->output_options.v[i], "compressed") != 0)
			return err_set(err, ERR_USAGE, "-oo %s: only compressed is understood", a->output_options.v[i]);
		compressed = true;
	}
	if (compressed && (!a->disk_format || strcmp(a->disk_format, "qcow2") != 0))
		return err_set(err, ERR_USAGE, "-oo compressed needs -of qcow2");
	return 0;
}

int v2v_check(const struct v2v_arguments *a, const struct positionals *paths, struct err *err)
{
	if (!paths->n)
		return err_set(err, ERR_USAGE, "no input is given");
	if (check_input(a, err) < 0 || check_output(a, err) < 0)
		return -1;
	return check_format(a, err);
}

/* --- what it says of itself --- */

static void help_part(const char *title, enum treatment treatment, FILE *out)
{
	fprintf(out, "\n%s\n", title);
	for (size_t i = 0; i < ROWS; i++)
		if (rows[i].treatment == treatment)
			options_help((struct cli_option[]){rows[i].option, {0}}, out);
}

void v2v_help(FILE *out)
{
	fputs("rehost, called as virt-v2v: what virt-p2v's client and simple scripts need of that program.\n"
	      "`rehost convert --help` has more.\n\n"
	      "usage: virt-v2v -i KIND -o KIND -os DIR [options] INPUT…\n",
	      out);
	help_part("Taken:", TAKEN, out);
	help_part("Taken and ignored:", IGNORED, out);
	help_part("Refused:", REFUSED, out);
}

void v2v_capabilities(FILE *out)
{
	static const char *const features[] = {"virt-v2v",   "libguestfs-rewrite", "colours-option",
					       "mac-option", "mac-ip-option",	   NULL};

	for (const char *const *f = features; *f; f++)
		fprintf(out, "%s\n", *f);
	for (const char *const *i = inputs; *i; i++)
		fprintf(out, "input:%s\n", *i);
	for (const char *const *o = outputs; *o; o++)
		fprintf(out, "output:%s\n", *o);
	fputs("convert:linux\n", out);
}
