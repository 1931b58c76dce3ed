/* What a person chooses before the machine is imaged: the host and its token, the disks and cards, the guest's name. */
#ifndef REHOST_BOOT_ISO_AGENT_WIZARD_H
#define REHOST_BOOT_ISO_AGENT_WIZARD_H

#include "boot-iso/agent/hardware.h"
#include "boot-iso/agent/settings.h"
#include "boot-iso/agent/ui.h"

struct wizard {
	struct uis *uis;
	struct settings *settings; /* what is in it is offered; what is chosen goes there */
	struct hardware *hardware; /* disks and cards are marked as they are chosen; read anew when that is asked for */
	const char *root;	   /* where it is read */
	bool own_network;	   /* the machine's network is ours to set up */
	const struct err *complaint; /* what the first screen begins with; NULL, or no error: nothing */
};

enum wizard_end { WIZARD_BEGIN, WIZARD_LEAVE };

/* ERR_HOST: nobody can answer. What else is wrong is told on the screen. */
int wizard_run(struct wizard *w, enum wizard_end *ret, struct err *err);

/* "sda       931.5 GiB  WDC WD10  WD-1  a removable USB disk" */
char *wizard_disk_words(struct arena *a, const struct hw_disk *d);
char *wizard_nic_words(struct arena *a, const struct hw_nic *n);

#endif
