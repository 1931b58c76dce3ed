/* Outputs: what is written beside the disks so that something can start the machine. One file a kind, one table. */
#ifndef REHOST_OUTPUTS_OUTPUT_H
#define REHOST_OUTPUTS_OUTPUT_H

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/model/caps.h"
#include "core/model/inspection.h"
#include "core/model/machine.h"

struct output_disk {
	const char *file;   /* name in the result folder */
	const char *format; /* "qcow2", "raw" */
	uint64_t size;	    /* virtual bytes */
	uint32_t logical_sector;
};

struct output_job {
	const struct machine *machine;	     /* maps applied (nic->target) */
	const struct inspection *inspection; /* may be NULL (--no-convert without a look) */
	const struct caps *caps;
	enum firmware firmware;		 /* decided: metadata and disk */
	const struct output_disk *disks; /* machine order */
	size_t ndisks;
	const char *name;   /* safe name of the result */
	const char *folder; /* final absolute path of the result folder: what XML paths begin with */
	int dirfd;	    /* where to write now: the partial folder */
	bool performance;   /* --performance: iothread */
};

struct output {
	const char *name; /* -o: "local", "qemu", "null" */
	const char *description;
	/* Writes its files into dirfd; "local" writes NAME.xml. */
	int (*write)(const struct output_job *job, struct err *err);
};

extern const struct output *const outputs[];
const struct output *output_by_name(const char *name);

/* Before a job: a machine with more processors than QEMU gives its board gets as many as it gives, without the source's
 * sockets and cores, and a note. */
void output_fit(struct machine *m, const struct caps *caps);

/* The libvirt domain XML as text, for --print-xml too. */
int libvirt_xml(const struct output_job *job, struct buf *out, struct err *err);

#endif
