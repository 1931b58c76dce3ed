/* The program under the name virt-v2v: as much of that program's command line as virt-p2v's client needs, and what else
 * of it has the same meaning here (docs/virt-v2v.md). */
#ifndef REHOST_CLI_V2V_H
#define REHOST_CLI_V2V_H

#include "cli/groups.h"
#include "cli/options.h"

/* What --version says. Old clients of virt-p2v take series 1 only, newer ones (1.42.3) 1 and 2: hence the last release
 * of series 1. */
#define V2V_VERSION "1.44.2"

struct v2v_arguments {
	const char *input, *input_format, *output, *output_dir, *disk_format, *allocation, *name, *root;
	struct network_arguments network;
	struct key_arguments keys;
	struct cli_list output_options;
	bool no_trim, compressed, quiet, verbose, version, machine_readable, help;
};

/* True for "virt-v2v" and any path to it. */
bool v2v_is_name(const char *program);

/* The whole program; the exit status is virt-v2v's: 0, or 1 for any error. */
int v2v_main(int argc, char **argv);

/* Reads the command line. An option that has no meaning here is ERR_USAGE with advice; those that are taken and ignored
 * are told to `ignored` (not NULL), one at a time. */
int v2v_parse(int argc, char **argv, struct v2v_arguments *ret, struct positionals *paths,
	      void (*ignored)(const char *option, const char *why), struct err *err);
/* "-i", "-o" and the like, once all is read: ERR_USAGE with advice. */
int v2v_check(const struct v2v_arguments *a, const struct positionals *paths, struct err *err);

void v2v_help(FILE *out);
/* What --machine-readable prints when nothing is to be converted: the lines by which virt-p2v knows us. */
void v2v_capabilities(FILE *out);

#endif
