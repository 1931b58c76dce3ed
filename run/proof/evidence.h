/* Evidence: from what a machine shows (serial console, screen, CPU, guest agent) to how far it booted. */
#ifndef REHOST_RUN_PROOF_EVIDENCE_H
#define REHOST_RUN_PROOF_EVIDENCE_H

#include <stdbool.h>
#include <stddef.h>

#include "run/proof/boot.h"

enum { EVIDENCE_LINE_MAX = 256, EVIDENCE_WARNINGS_MAX = 16 };

struct evidence {
	enum boot_level level;
	char proof[EVIDENCE_LINE_MAX + 32];   /* what proved the level, with its source */
	char failure[EVIDENCE_LINE_MAX + 96]; /* why it will get no further, "" while it may */
	/* services that did not start: "[FAILED] Failed to start networking.service" */
	char warnings[EVIDENCE_WARNINGS_MAX][EVIDENCE_LINE_MAX];
	unsigned nwarnings;
	/* A converted Windows has said that its first boot runs: until it has ended, nobody can work there. */
	bool first_boot;
	/* the serial line that is being written: a prompt has no end of line */
	char line[EVIDENCE_LINE_MAX];
	size_t len;
	enum { ESCAPE_NONE = 0, ESCAPE_BEGUN, ESCAPE_CSI } escape;
};

/* Bytes from the serial port as they come; terminal control sequences are dropped. */
void evidence_serial(struct evidence *e, const char *data, size_t len);
/* The screen's text, rows separated by newlines, each time anew. */
void evidence_screen(struct evidence *e, const char *rows);
/* The answer to "info registers" of qemu's monitor: a kernel shows in where and in which ring the CPU is, even when it
 * is told to be quiet. */
void evidence_cpu(struct evidence *e, const char *registers);
/* The guest agent answered; proves no login while a first boot runs. */
void evidence_agent(struct evidence *e);

#endif
