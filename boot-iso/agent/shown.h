/* Disks of this machine that are read, and the screen that shows how far they are until somebody cancels. */
#ifndef REHOST_BOOT_ISO_AGENT_SHOWN_H
#define REHOST_BOOT_ISO_AGENT_SHOWN_H

#include <stdatomic.h>

#include "boot-iso/agent/hardware.h"
#include "boot-iso/agent/rate.h"
#include "boot-iso/agent/ui.h"
#include "formats/block.h"
#include "net/dial.h"

/* Whose the machine is. */
enum shown_machine {
	SHOWN_OURS,    /* the live system's: the kernel refuses writes to a disk from now on, whoever asks */
	SHOWN_MADE_UP, /* its disks are files below a root */
	SHOWN_RUNNING, /* a system runs on it: a disk that anybody holds or has mounted is ERR_BLOCKED */
};

struct shown_disk {
	const char *name;
	struct block *block;
	struct rate read, place;
};

struct shown {
	struct uis *uis;
	struct shown_disk disks[DIAL_DISKS_MAX];
	size_t ndisks;
	struct rate rate;    /* of the copy */
	bool copying;	     /* it has begun, and reads in order */
	const char *warning; /* what Cancel means */
	struct screen screen, question;
	bool asking; /* the user is asked whether he means it */
	atomic_bool cancel;
};

/* Opens the chosen disks below root ("/") for reading only. */
int shown_open(struct shown *s, const struct hardware *h, const char *root, enum shown_machine machine,
	       struct err *err);
void shown_done(struct shown *s);

/* done of total bytes of the copy now (total 0: none yet); else `read` bytes were read. */
void shown_measure(struct shown *s, uint64_t done, uint64_t total, uint64_t read);
/* Adds a bar for the copy, or `words` while there is none, and one for each disk. */
void shown_add_bars(struct shown *s, uint64_t done, uint64_t total, const char *words);
/* Shows the screen and hears what is pressed: its button asks, and the copy goes on until the answer. */
void shown_hear(struct shown *s);

#endif
