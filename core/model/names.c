/* Names of the model's enums: one table each, used by JSON, reports and messages. */
#include <stddef.h>
#include <string.h>

#include "core/model/caps.h"
#include "core/model/changelog.h"
#include "core/model/inspection.h"
#include "core/model/machine.h"

/* A value outside its table is a bug of ours; "unknown" keeps reports printable. */
#define NAME_OF(table, value)                                                                                          \
	((size_t)(value) < sizeof(table) / sizeof *(table) && (table)[value] ? (table)[value] : "unknown")

/* The index of a name in its table, or 0 (unknown). */
#define BY_NAME(table, name) by_name((table), sizeof(table) / sizeof *(table), (name))

static unsigned by_name(const char *const *table, size_t n, const char *name)
{
	for (unsigned i = 0; name && i < n; i++)
		if (table[i] && !strcmp(table[i], name))
			return i;
	return 0;
}

static const char *const firmwares[] = {[FIRMWARE_BIOS] = "bios", [FIRMWARE_UEFI] = "uefi"};
static const char *const tristates[] = {[TRI_NO] = "no", [TRI_YES] = "yes"};
static const char *const clocks[] = {
    [CLOCK_UTC] = "utc", [CLOCK_LOCALTIME] = "localtime", [CLOCK_VARIABLE] = "variable"};
static const char *const removables[] = {[REMOVABLE_CDROM] = "cdrom", [REMOVABLE_FLOPPY] = "floppy"};
static const char *const net_kinds[] = {[NET_NETWORK] = "network", [NET_BRIDGE] = "bridge"};
static const char *const severities[] = {
    [SEVERITY_INFO] = "info", [SEVERITY_WARNING] = "warning", [SEVERITY_BLOCKER] = "blocker"};
static const char *const verdicts[] = {[VERDICT_UNKNOWN] = "UNKNOWN",
				       [VERDICT_BOOTS] = "BOOTS",
				       [VERDICT_MAY_NOT_BOOT] = "MAY NOT BOOT",
				       [VERDICT_WILL_NOT_BOOT] = "WILL NOT BOOT"};
static const char *const disk_buses[] = {[DISK_BUS_VIRTIO_BLK] = "virtio-blk",
					 [DISK_BUS_VIRTIO_SCSI] = "virtio-scsi",
					 [DISK_BUS_SATA] = "sata",
					 [DISK_BUS_IDE] = "ide",
					 [DISK_BUS_PVSCSI] = "pvscsi",
					 [DISK_BUS_LSISAS] = "lsisas"};
static const char *const net_buses[] = {[NET_BUS_VIRTIO] = "virtio",
					[NET_BUS_E1000E] = "e1000e",
					[NET_BUS_E1000] = "e1000",
					[NET_BUS_RTL8139] = "rtl8139",
					[NET_BUS_VMXNET3] = "vmxnet3"};
static const char *const boards[] = {[BOARD_PC] = "pc", [BOARD_Q35] = "q35", [BOARD_VIRT] = "virt"};
static const char *const changes[] = {
    [CHANGE_EDIT] = "edit",	[CHANGE_CREATE] = "create", [CHANGE_BINARY] = "binary",
    [CHANGE_REMOVE] = "remove", [CHANGE_LINK] = "link",	    [CHANGE_TRIM] = "trim"};
static const char *const controllers[] = {
    [CONTROLLER_IDE] = "ide",		[CONTROLLER_SATA] = "sata",
    [CONTROLLER_LSILOGIC] = "lsilogic", [CONTROLLER_LSISAS] = "lsisas",
    [CONTROLLER_BUSLOGIC] = "buslogic", [CONTROLLER_PVSCSI] = "pvscsi",
    [CONTROLLER_NVME] = "nvme",		[CONTROLLER_VIRTIO_BLK] = "virtio-blk",
    [CONTROLLER_XEN] = "xen",		[CONTROLLER_VIRTIO_SCSI] = "virtio-scsi",
};
static const char *const nic_models[] = {
    [NIC_PCNET] = "pcnet",     [NIC_E1000] = "e1000",	  [NIC_E1000E] = "e1000e",   [NIC_VMXNET] = "vmxnet",
    [NIC_VMXNET2] = "vmxnet2", [NIC_VMXNET3] = "vmxnet3", [NIC_RTL8139] = "rtl8139", [NIC_VIRTIO] = "virtio",
};

const char *firmware_name(enum firmware f)
{
	return NAME_OF(firmwares, f);
}

const char *tristate_name(enum tristate t)
{
	return NAME_OF(tristates, t);
}

const char *clock_name(enum clock_offset c)
{
	return NAME_OF(clocks, c);
}

const char *removable_name(enum removable_kind k)
{
	return NAME_OF(removables, k);
}

const char *net_kind_name(enum net_kind k)
{
	return NAME_OF(net_kinds, k);
}

const char *controller_name(enum controller c)
{
	return NAME_OF(controllers, c);
}

const char *nic_model_name(enum nic_model m)
{
	return NAME_OF(nic_models, m);
}

const char *severity_name(enum severity s)
{
	return NAME_OF(severities, s);
}

const char *verdict_name(enum verdict v)
{
	return NAME_OF(verdicts, v);
}

const char *disk_bus_name(enum disk_bus b)
{
	return NAME_OF(disk_buses, b);
}

const char *net_bus_name(enum net_bus b)
{
	return NAME_OF(net_buses, b);
}

const char *board_name(enum board b)
{
	return NAME_OF(boards, b);
}

const char *net_bus_driver(enum net_bus b)
{
	return b == NET_BUS_E1000E    ? "e1000e"
	       : b == NET_BUS_E1000   ? "e1000"
	       : b == NET_BUS_VMXNET3 ? "vmxnet3"
	       : b == NET_BUS_RTL8139 ? "8139cp"
				      : "virtio_net";
}

const char *change_kind_name(enum change_kind k)
{
	return NAME_OF(changes, k);
}

enum firmware firmware_by_name(const char *name)
{
	return (enum firmware)BY_NAME(firmwares, name);
}

enum controller controller_by_name(const char *name)
{
	return (enum controller)BY_NAME(controllers, name);
}

enum nic_model nic_model_by_name(const char *name)
{
	return (enum nic_model)BY_NAME(nic_models, name);
}

enum net_kind net_kind_by_name(const char *name)
{
	return (enum net_kind)BY_NAME(net_kinds, name);
}

enum clock_offset clock_by_name(const char *name)
{
	return (enum clock_offset)BY_NAME(clocks, name);
}

enum verdict verdict_by_name(const char *name)
{
	return (enum verdict)BY_NAME(verdicts, name);
}

enum disk_bus disk_bus_by_name(const char *name)
{
	return (enum disk_bus)BY_NAME(disk_buses, name);
}

enum net_bus net_bus_by_name(const char *name)
{
	return (enum net_bus)BY_NAME(net_buses, name);
}

enum board board_by_name(const char *name)
{
	return (enum board)BY_NAME(boards, name);
}
