/* Options that several commands have. A group is a struct that the command's own holds, rows for OPTION_GROUP(rows,
 * offset of that struct), and a function that makes of it what the layers below take. What that holds is borrowed.
 */
#ifndef REHOST_CLI_GROUPS_H
#define REHOST_CLI_GROUPS_H

#include <stdint.h>

#include "cli/options.h"
#include "core/base/keys.h"
#include "run/convert.h"
#include "run/rules.h"

/* How images are read: what they may lead to, what may be wrong with them, how fast. */
struct reading_arguments {
	struct cli_list allow_parent;
	const char *snapshot;
	uint64_t bwlimit;
	bool allow_truncated, ignore_checksum;
};

extern const struct cli_option reading_rows[];

struct image_rules reading_rules(const struct reading_arguments *a, const struct keys *keys);

/* What a machine is read from, its images included. */
struct source_arguments {
	const char *input, *format, *vm;
	struct reading_arguments reading;
};

extern const struct cli_option source_rows[];

/* force: a source in use is taken as it is. */
struct source_options source_from(const struct source_arguments *a, bool force);
bool source_given(const struct source_arguments *a);

/* Passphrases. */
struct key_arguments {
	struct cli_list list;
	bool from_stdin;
};

/* Of volumes; and of volumes or images, for commands whose source is read from files. */
extern const struct cli_option volume_key_rows[], key_rows[];

/* Once they are read the command line no longer shows them, neither to `ps` nor in advice that repeats it. ret: for
 * keys_done(), after errors too. */
int read_keys(const struct key_arguments *a, struct keys *ret, struct err *err);

/* To which networks a machine's cards are connected. */
struct network_arguments {
	struct cli_list networks, bridges, macs;
};

extern const struct cli_option network_rows[];

struct net_maps network_maps(const struct network_arguments *a);

/* What is said while a command works. */
struct talk_arguments {
	const char *progress;
	bool quiet, verbose;
};

/* The second without progress, for what takes no time. */
extern const struct cli_option talk_rows[], quiet_rows[];

/* terminal_start() so. */
void talk_start(const struct talk_arguments *a);
bool talks_json(const struct talk_arguments *a);

#endif
