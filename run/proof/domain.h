/* A libvirt domain as far as booting it is concerned: plain data, read from the XML. */
#ifndef REHOST_RUN_PROOF_DOMAIN_H
#define REHOST_RUN_PROOF_DOMAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/model/caps.h"

enum domain_bus {
	DOMAIN_BUS_UNKNOWN = 0,
	DOMAIN_BUS_VIRTIO,
	DOMAIN_BUS_SCSI,
	DOMAIN_BUS_SATA,
	DOMAIN_BUS_IDE,
	DOMAIN_BUS_USB,
};

struct domain_disk {
	char *target; /* "vda" */
	char *source; /* absolute path; NULL: a drive without a medium */
	char *format; /* "qcow2", "raw" */
	enum domain_bus bus;
	bool cdrom, readonly;
	unsigned boot_order;			/* 0: none */
	unsigned logical_block, physical_block; /* bytes; 0: qemu's default */
	char *serial;
};

struct domain_nic {
	char *mac;   /* NULL: qemu's choice */
	char *model; /* "virtio" */
	unsigned boot_order;
};

struct domain {
	struct arena arena; /* owns every string and vector below */
	char *name, *uuid;  /* uuid may be NULL */
	char *machine;	    /* "q35", "pc-i440fx-7.2", "virt" */
	enum board board;
	uint64_t memory; /* bytes */
	unsigned vcpus;
	bool uefi, secure_boot;
	char *loader, *nvram_template; /* explicit firmware files; NULL: by uefi and secure_boot */
	bool localtime;
	char *scsi_model; /* of the first SCSI controller: "virtio-scsi"; NULL none stated */
	char *video;	  /* "virtio", "vga" …; NULL: no video */
	bool serial, agent, rng, balloon, tablet, keyboard; /* the latter two on USB */
	VEC(struct domain_disk) disks;
	VEC(struct domain_nic) nics;
	VEC(char *) notes; /* what the XML holds that a boot proof leaves out */
};

/* name is for messages. ERR_CORRUPT: not a domain; ERR_UNSUPPORTED: valid, but not bootable by us. d is zeroed first
 * and needs domain_done() in any case. */
int domain_parse(const void *text, size_t len, const char *name, struct domain *d, struct err *err);
void domain_done(struct domain *d);

#endif
