/* The machine as described: hardware only, plain data, no I/O. Filled by sources/, read by everything after. */
#ifndef REHOST_CORE_MODEL_MACHINE_H
#define REHOST_CORE_MODEL_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/json.h"

enum firmware { FIRMWARE_UNKNOWN = 0, FIRMWARE_BIOS, FIRMWARE_UEFI };
enum tristate { TRI_UNKNOWN = 0, TRI_NO, TRI_YES };
enum clock_offset { CLOCK_UNKNOWN = 0, CLOCK_UTC, CLOCK_LOCALTIME, CLOCK_VARIABLE };

enum controller {
	CONTROLLER_UNKNOWN = 0,
	CONTROLLER_IDE,
	CONTROLLER_SATA,
	CONTROLLER_LSILOGIC,
	CONTROLLER_LSISAS,
	CONTROLLER_BUSLOGIC,
	CONTROLLER_PVSCSI,
	CONTROLLER_NVME,
	CONTROLLER_VIRTIO_BLK,
	CONTROLLER_VIRTIO_SCSI,
	CONTROLLER_XEN,
};

enum nic_model {
	NIC_UNKNOWN = 0,
	NIC_PCNET,
	NIC_E1000,
	NIC_E1000E,
	NIC_VMXNET,
	NIC_VMXNET2,
	NIC_VMXNET3,
	NIC_RTL8139,
	NIC_VIRTIO,
};

enum removable_kind { REMOVABLE_UNKNOWN = 0, REMOVABLE_CDROM, REMOVABLE_FLOPPY };
enum net_kind { NET_UNKNOWN = 0, NET_NETWORK, NET_BRIDGE };

/* Limits that a source states; 0 means not stated. */
struct io_policy {
	uint64_t iops, bytes_per_second;
};

struct disk {
	char *id; /* "sda", "sdb" …: order in the target, part of the output file's name */
	enum controller controller;
	unsigned bus, unit; /* controller number and position on it, as the source says */
	/* Where the bytes are: folder + file, or a window of that file (a member of an OVA). */
	char *folder; /* host path of the folder that bounds every name the image follows; NULL: none */
	char *file;   /* name beneath folder */
	uint64_t window_off, window_len; /* bytes; window_len 0: the whole file */
	bool live;			 /* an NBD server of this host has the disk: file is its Unix socket … */
	uint16_t port;			 /* … or this is its TCP port, and file only a name; 0: none */
	bool packed;			 /* with gzip, xz or zstd: it must be spooled */
	char *format;			 /* declared format, NULL: by bid */
	uint64_t capacity;		 /* bytes as the metadata say; 0 unknown */
	uint32_t logical_sector;	 /* 0: by the image */
	char *serial;
	struct io_policy policy;
	int boot_order; /* 1 first; 0 none */
};

/* A fixed address that the command line asks for. */
struct static_ip {
	char *address;
	unsigned prefix; /* bits */
	char *gateway;	 /* NULL: none */
	bool v6;	 /* all of them are of IPv6, else of IPv4 */
	VEC(char *) dns;
};

enum { NIC_NAMES = 3, NIC_NAME_MAX = 15 /* bytes: IFNAMSIZ without its NUL */ };

struct nic {
	char mac[18];	    /* lower case "52:54:00:aa:00:01"; "" only until machine_complete() */
	bool mac_generated; /* we made it: the source stated none */
	enum nic_model model;
	char *network; /* the source's network name */
	enum net_kind kind;
	int pci_slot; /* VMware's pciSlotNumber, -1 unknown */
	/* What udev made of its place on a physical machine, best first: onboard ("eno1"), slot ("ens1"), path
	 * ("enp1s0"); NULL: none. */
	char *names[NIC_NAMES];
	bool connected;
	/* filled by the maps of the command line: what the target connects to; NULL: the source's name */
	char *target;
	enum net_kind target_kind;
	struct static_ip *ip; /* that the guest gets for this card; NULL: its own configuration stays */
};

struct removable {
	enum removable_kind kind;
	enum controller controller;
	unsigned bus, unit;
};

/* CPU and memory reservations as ESXi states them; 0 means not stated. */
struct resource_policy {
	uint64_t cpu_shares, cpu_limit_mhz, cpu_reservation_mhz;
	uint64_t memory_shares, memory_limit, memory_reservation; /* bytes */
};

struct machine {
	struct arena arena;			 /* owns every string and vector below */
	char *source;				 /* the argument as the user gave it */
	char *source_kind;			 /* "ova", "ovf", "vmx", "disk" … */
	char *name;				 /* any text; machine_safe_name() makes a file name of it */
	char uuid[37];				 /* "" unknown */
	char *annotation, *os_hint;		 /* the source's own words ("debian10_64Guest") */
	uint64_t memory;			 /* bytes */
	unsigned vcpus, sockets, cores, threads; /* topology 0: not stated */
	enum firmware firmware;
	enum tristate secure_boot;
	bool tpm;
	enum clock_offset clock;
	int32_t clock_adjustment; /* CLOCK_VARIABLE: seconds that the battery clock is ahead of UTC */
	int64_t clock_error;	  /* seconds that it is fast, where that is no time zone; 0: in order, or unknown */
	struct resource_policy policy;
	VEC(struct disk) disks;
	VEC(struct nic) nics;
	VEC(struct removable) removables;
	VEC(char *) notes; /* what the source held that has no place here, for the report */
};

struct machine *machine_new(void);
void machine_free(struct machine *m);
DEFINE_CLEANUP(struct machine *, machine_free)

/* Adds a note: what the source held that has no place here, in one sentence. Of one the first
 * 4096 bytes are kept, of all the first hundred. */
void machine_note(struct machine *m, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Fills what is missing once for all users: disk ids in order (sda … sdz, sdaa …), MACs (locally administered 52:54:00,
 * derived from the machine's name and the NIC's position, so that a rerun gives the same), memory 2 GiB and 1 vCPU when
 * unknown, uuid stays "". */
void machine_complete(struct machine *m);

/* name with everything outside [A-Za-z0-9._-] replaced by '_', no leading '.' or '-', at most 64 bytes, never empty. */
char *machine_safe_name(struct arena *a, const char *name);

/* "sda", "sdb", … "sdz", "sdaa" for 0, 1, …; buf of 8 bytes. */
void disk_id(unsigned index, char buf[8]);

/* The processor that the source's own words for the system tell ("arm-debian12-64": "aarch64"), NULL when they don't.
 */
const char *machine_arch_hint(const struct machine *m);

const char *firmware_name(enum firmware f);
enum firmware firmware_by_name(const char *name); /* unknown for any other word, and NULL */
const char *controller_name(enum controller c);
enum controller controller_by_name(const char *name); /* these four as above */
enum nic_model nic_model_by_name(const char *name);
enum net_kind net_kind_by_name(const char *name);
enum clock_offset clock_by_name(const char *name);
const char *nic_model_name(enum nic_model m);
const char *clock_name(enum clock_offset c);
const char *tristate_name(enum tristate t); /* "unknown", "no", "yes" */
const char *removable_name(enum removable_kind k);
const char *net_kind_name(enum net_kind k); /* "network", "bridge" */

/* Gives a machine the hardware of one that was kept as JSON: UUID, memory, processors, clock, network cards with what
 * they are connected to, and of each disk the controller. Disks themselves, firmware and name stay. */
void machine_take_hardware(struct machine *m, const struct json *j);

/* The whole machine as JSON (docs/report.schema.json, "machine"). */
struct json *machine_json(const struct machine *m);

#endif
