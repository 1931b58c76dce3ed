/* The man page, made from the tables of commands and options. */
#include "cli/man.h"

#include "cli/command.h"
#include "core/model/version.h"

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
    {75, "temporary: a full file system, a lock; try again"},
    {130, "interrupted (143: terminated); the same command resumes"},
};

void man_page(FILE *out)
{
	fputs(
	    ".TH REHOST 1 \"\" \"rehost " REHOST_VERSION "\" \"User Commands\"\n"
	    ".SH NAME\nrehost \\- move machines from other hypervisors to libvirt/KVM\n"
	    ".SH SYNOPSIS\n.B rehost\n.I COMMAND\n[options] [INPUT...]\n"
	    ".SH DESCRIPTION\nReads a virtual machine of another hypervisor, looks inside it, makes it boot on virtio "
	    "hardware with its network kept, and writes disks, libvirt XML and a report. The source is only ever "
	    "opened for reading; the result appears by one rename; an interrupted run resumes.\n"
	    ".SH COMMANDS\n",
	    out);
	for (const struct command *const *c = commands; *c; c++) {
		fprintf(out, ".SS rehost %s [options] %s\n%s.\n", (*c)->name, (*c)->arguments, (*c)->summary);
		options_man((*c)->options, out);
	}
	fputs(".SH EXIT STATUS\n", out);
	for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
		fprintf(out, ".TP\n.B %d\n%s\n", statuses[i].status, statuses[i].meaning);
	fputs(".SH SEE ALSO\n.BR virt-v2v (1),\n.BR virsh (1),\n.BR qemu-img (1)\n", out);
}
