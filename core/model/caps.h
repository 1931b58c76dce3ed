/* Which devices the converted guest can drive; set by drivers-inject/, read by outputs/. */
#ifndef REHOST_CORE_MODEL_CAPS_H
#define REHOST_CORE_MODEL_CAPS_H

#include <stdbool.h>

#include "core/base/json.h"

enum disk_bus {
	DISK_BUS_UNKNOWN = 0,
	DISK_BUS_VIRTIO_BLK,
	DISK_BUS_VIRTIO_SCSI,
	DISK_BUS_SATA,
	DISK_BUS_IDE,
	DISK_BUS_PVSCSI, /* VMware's, as QEMU has them: for undone machines */
	DISK_BUS_LSISAS,
};
enum net_bus {
	NET_BUS_UNKNOWN = 0,
	NET_BUS_VIRTIO,
	NET_BUS_E1000E,
	NET_BUS_E1000,
	NET_BUS_RTL8139,
	NET_BUS_VMXNET3, /* VMware's, as above */
};
/* QEMU's kinds of machine: pc and q35 for x86, virt for arm64. */
enum board { BOARD_UNKNOWN = 0, BOARD_PC, BOARD_Q35, BOARD_VIRT };

struct caps {
	enum disk_bus disk;
	enum net_bus net;
	enum board board;
	bool rng, balloon, agent_channel, virtio_gpu;
	bool safe_mode; /* virtio was not proven: SATA and e1000e */
};

const char *disk_bus_name(enum disk_bus b);	  /* "virtio-blk", "virtio-scsi", "sata", "ide", "pvscsi", "lsisas" */
const char *net_bus_name(enum net_bus b);	  /* "virtio", "e1000e", "e1000", "rtl8139", "vmxnet3" */
const char *net_bus_driver(enum net_bus b);	  /* Linux' module: "virtio_net" (for unknown too), "e1000e" … */
const char *board_name(enum board b);		  /* "pc", "q35", "virt" */
enum disk_bus disk_bus_by_name(const char *name); /* unknown for any other word, and NULL */
enum net_bus net_bus_by_name(const char *name);
enum board board_by_name(const char *name);

/* The processor that a board has ("x86_64", "aarch64"), and the board for a processor: q35 for x86 and when it isn't
 * known (NULL), BOARD_UNKNOWN for one that we have no machine for. */
const char *board_arch(enum board b);
enum board board_for_arch(const char *arch);

struct json *caps_json(const struct caps *c);
/* The inverse; what is missing is unknown or false. */
struct caps caps_from_json(const struct json *j);

#endif
