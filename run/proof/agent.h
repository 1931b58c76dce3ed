/* The guest agent: asked for a sign of life over its virtio-serial channel (qemu's docs/interop/qemu-ga). */
#ifndef REHOST_RUN_PROOF_AGENT_H
#define REHOST_RUN_PROOF_AGENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct agent {
	int fd; /* connected socket, borrowed; -1: the machine has no such channel */
	unsigned asked;
	uint64_t next_ms; /* when to ask again */
	char line[256];	  /* the answer so far; longer ones aren't ours */
	size_t len;
};

/* Asks every 5 s and reads what came, without waiting. True once the agent has answered a question of ours. */
bool agent_poll(struct agent *a, uint64_t now_ms);

/* Takes in bytes from the guest; true when they end an answer. Any guest may write here, so nothing is trusted. */
bool agent_take(struct agent *a, const char *data, size_t len);

#endif
