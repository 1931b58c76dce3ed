/* What is inside a Windows guest, as its registry and its disks tell: a part of the inspection. */
#ifndef REHOST_CORE_MODEL_WINDOWS_FACTS_H
#define REHOST_CORE_MODEL_WINDOWS_FACTS_H

#include "core/model/machine.h"
#include "core/model/windows.h"

struct windows_address {
	char *address;
	char *mask; /* "255.255.255.0"; NULL for IPv6 */
	unsigned prefix;
};

struct windows_gateway {
	char *address;
	unsigned metric; /* 0: automatic */
};

/* A network connection that was configured; one whose card the machine doesn't have any more is a ghost. */
struct windows_nic {
	char *guid;	   /* "{6A2B0F4C-…}": its name in the registry */
	char *name;	   /* of the connection, as users see it: "Ethernet0"; NULL unknown */
	char *description; /* "vmxnet3 Ethernet Adapter", NULL unknown */
	char *device;	   /* instance of its device: "PCI\VEN_15AD&DEV_07B0&…\FF565000BB0895FE00", NULL unknown */
	char mac[18];	   /* lower case "00:50:56:95:08:bb"; "" unknown */
	int slot;	   /* number of its slot as the firmware tells it (VMware's pciSlotNumber), -1 unknown */
	int nic;	   /* index into machine->nics, -1 none: a ghost */
	char *reason;	   /* why it is that card, or none */
	bool guessed;	   /* as reason says: by the order of the cards, or there is another as good */
	bool dhcp;	   /* addresses come from a server; else those below are fixed */
	VEC(struct windows_address) addresses;
	VEC(struct windows_gateway) gateways;
	VEC(struct windows_address) ipv6; /* fixed ones */
	VEC(char *) dns;		  /* IPv4 and IPv6 */
	VEC(char *) wins;
	unsigned netbios; /* 0: as DHCP says, 1: on, 2: off */
	char *odd;	  /* the first text that stands for an address and is none: it is left out; NULL none */
	char *suffix;	  /* of DNS, NULL none */
	unsigned metric;  /* of the interface, 0: automatic */
};

struct windows {
	char *systemroot;   /* guest path: "/Windows" */
	char *control_set;  /* "ControlSet001": that it starts with */
	char *edition;	    /* "ServerStandard", "Professional"; NULL unknown */
	char *installation; /* "Client", "Server", "Server Core", "Nano Server"; NULL: older than that */
	char *service_pack; /* "Service Pack 1", NULL none */
	char *hives;	    /* "clean", "replayed", "dirty" */
	struct windows_version version;
	unsigned update;	   /* the revision behind the build (UBR) */
	bool driver_database;	   /* SYSTEM has the key DriverDatabase: from NT 6.2 on */
	char *timezone;		   /* "W. Europe Standard Time", NULL unknown */
	enum tristate rtc_utc;	   /* RealTimeIsUniversal */
	char *domain;		   /* it is a member of, NULL none */
	bool auto_reboot;	   /* after a stop error */
	bool fast_startup;	   /* it hibernates when it is shut down */
	bool hibernated;	   /* hiberfil.sys holds a suspended system */
	enum tristate secure_boot; /* it was started with */
	bool group_policy;
	uint64_t space_free;   /* bytes on its volume */
	uint16_t heads;	       /* of an NT 5 system's boot sector on the source, 0: as they stay */
	char *boot_volume;     /* device that holds the boot manager and BCD, NULL not found */
	VEC(char *) antivirus; /* products */
	VEC(char *) bitlocker; /* devices that are locked with it */
	VEC(unsigned) dynamic; /* indexes of dynamic disks */
	VEC(struct windows_nic) nics;
};

struct json *windows_json(const struct windows *w);
/* What outputs need of it: version and secure boot; in the arena. */
struct windows *windows_from_json(struct arena *a, const struct json *j);

#endif
