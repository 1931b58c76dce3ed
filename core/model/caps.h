/* Which devices the converted guest can drive; set by drivers-inject/, read by outputs/. */
#ifndef REHOST_CORE_MODEL_CAPS_H
#define REHOST_CORE_MODEL_CAPS_H

#include <stdbool.h>

#include "core/base/json.h"

enum disk_bus { DISK_BUS_UNKNOWN = 0, DISK_BUS_VIRTIO_BLK, DISK_BUS_VIRTIO_SCSI, DISK_BUS_SATA, DISK_BUS_IDE };
enum net_bus { NET_BUS_UNKNOWN = 0, NET_BUS_VIRTIO, NET_BUS_E1000E, NET_BUS_E1000, NET_BUS_RTL8139 };

struct caps {
	enum disk_bus disk;
	enum net_bus net;
	bool q35; /* else pc */
	bool rng, balloon, agent_channel, virtio_gpu;
	bool safe_mode; /* virtio was not proven: SATA and e1000e */
};

const char *disk_bus_name(enum disk_bus b);	  /* "virtio-blk", "virtio-scsi", "sata", "ide" */
const char *net_bus_name(enum net_bus b);	  /* "virtio", "e1000e", "e1000", "rtl8139" */
const char *net_bus_driver(enum net_bus b);	  /* Linux' module: "virtio_net" (for unknown too), "e1000e" … */
enum disk_bus disk_bus_by_name(const char *name); /* unknown for any other word, and NULL */
enum net_bus net_bus_by_name(const char *name);

struct json *caps_json(const struct caps *c);
/* The inverse; what is missing is unknown or false. */
struct caps caps_from_json(const struct json *j);

#endif
