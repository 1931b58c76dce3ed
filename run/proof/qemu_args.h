/* The qemu command line for a domain: the XML's hardware, a throw-away overlay, no network. */
#ifndef REHOST_RUN_PROOF_QEMU_ARGS_H
#define REHOST_RUN_PROOF_QEMU_ARGS_H

#include "run/proof/domain.h"

/* What this host adds to the domain. Descriptors are the numbers they have in qemu. */
struct qemu_host {
	bool kvm;		 /* else tcg; only for a board of the host's own processor */
	unsigned cpus_max;	 /* vCPUs beyond the host's only slow an emulated guest down */
	uint64_t memory_max;	 /* bytes */
	const char *code, *vars; /* UEFI firmware files, NULL for BIOS */
	int qmp_fd, serial_fd, agent_fd;
};

/* A NULL-terminated argv in d's arena; what differs from the XML becomes a note of d. ERR_UNSUPPORTED names the device
 * that qemu has not, or has no room for. */
int qemu_args(struct domain *d, const struct qemu_host *host, const char *const **ret, struct err *err);

/* The program that emulates the board, and Debian's package that has it. */
const char *qemu_program(enum board board);
const char *qemu_package(enum board board);

/* Firmware files for UEFI on the board, with or without secure boot, as distributions install them. ERR_HOST when there
 * are none. */
int qemu_firmware(enum board board, bool secure_boot, const char **ret_code, const char **ret_vars, struct err *err);

#endif
