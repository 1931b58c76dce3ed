/* A tolerant reader of the YAML that people write by hand: block and flow mappings and sequences, plain and quoted
 * scalars, comments. Every scalar is found with its place, so that it can be edited there; what isn't understood
 * (anchors, block scalars, tabs) is passed over, never an error.
 */
#ifndef REHOST_GUEST_FILES_YAML_H
#define REHOST_GUEST_FILES_YAML_H

#include "guest/files/lines.h"

enum {
	YAML_DEPTH = 16,	/* netplan nests eight deep */
	YAML_NODES_MAX = 65536, /* of 200 bytes each; what comes behind them is passed over */
};

/* One scalar, or a key whose value is a mapping or sequence (value NULL). */
struct yaml_node {
	char *path[YAML_DEPTH]; /* keys from the top; a sequence adds none */
	unsigned depth;
	char *value;
	size_t line;
	struct span value_at; /* on that line, inside its quotes */
	/* Key and value as one text ("driver: vmxnet3", "driver: [a, b]"); len 0 when they don't stand on one line. */
	struct span pair_at;
	bool flow; /* inside braces: pairs are separated by commas */
};

struct yaml {
	VEC(struct yaml_node) nodes;
};

void yaml_scan(const struct lines *l, struct yaml *ret);

#endif
