/* The guest tools of hypervisors: what belongs to each, how it is recognised and what starts it. */
#ifndef REHOST_GUEST_FILES_AGENTS_H
#define REHOST_GUEST_FILES_AGENTS_H

#include <stdbool.h>

enum { AGENT_NAMES = 16 };

struct agent_kind {
	const char *id;
	bool foreign;			   /* of no use on KVM */
	const char *packages[AGENT_NAMES]; /* NULL ends each list */
	const char *paths[AGENT_NAMES];	   /* any of them: it is installed, whoever put it there */
	const char *services[AGENT_NAMES]; /* systemd units (without ".service"), init scripts, upstart jobs */
};

extern const struct agent_kind agent_kinds[]; /* ends with a NULL id */

#endif
