/* The boot disk's driver in the SYSTEM hive: layouts as virt-v2v writes them since the label was mended that had
 * blocked upgrades of Windows and `pnputil /enum-drivers`. */
#include <string.h>

#include "drivers-inject/windows/stage.h"
#include "guest/winpath.h"

#define SERVICES      "CurrentControlSet\\Services\\"
#define CRITICAL      "CurrentControlSet\\Control\\CriticalDeviceDatabase\\"
#define DATABASE      "DriverDatabase"
#define CLASS_SCSI    "{4D36E97B-E325-11CE-BFC1-08002BE10318}"
#define CLASS_IDE     "{4D36E96A-E325-11CE-BFC1-08002BE10318}"
#define PACKAGE	      "guestor.inf"
#define CONFIGURATION "guestor_conf"
#define WHY_VIRTIO    "Windows starts from a virtio disk."
#define WHY_PLAIN     "Windows starts from a disk on another controller than before."

enum { KERNEL_DRIVER = 1, BOOT_START = 0, ERROR_NORMAL = 1 };

/* A REG_DWORD or text below one key. */
struct setting {
	const char *name, *text;
	uint32_t number;
};

static int set(struct hive *h, const char *key, const struct setting *s, const char *reason, struct err *err)
{
	return s->text ? hive_set_string(h, key, s->name, s->text, reason, err)
		       : hive_set_dword(h, key, s->name, s->number, reason, err);
}

static int set_all(struct hive *h, const char *key, const struct setting *s, const char *reason, struct err *err)
{
	for (; s->name; s++)
		if (set(h, key, s, reason, err) < 0)
			return -1;
	return 0;
}

/* What Windows noted for a driver that it had no use for would keep it from starting. */
static int clear_override(struct injection *j, const char *service, const char *reason, struct err *err)
{
	const char *key = arena_printf(j->a, "%s\\StartOverride", service);

	return hive_has_key(j->w->system, key) ? hive_drop_key(j->w->system, key, reason, err) : 0;
}

static int boot_service(struct injection *j, const struct inf_service *s, struct err *err)
{
	const struct setting settings[] = {{"Type", NULL, KERNEL_DRIVER},
					   {"Start", NULL, BOOT_START},
					   {"Group", "SCSI miniport", 0},
					   {"ErrorControl", NULL, ERROR_NORMAL},
					   {NULL}};
	const char *key = arena_printf(j->a, SERVICES "%s", s->name);
	struct hive *h = j->w->system;

	if (set_all(h, key, settings, WHY_VIRTIO, err) < 0 ||
	    hive_set_expand(h, key, "ImagePath", arena_printf(j->a, "system32\\drivers\\%s", s->binary), WHY_VIRTIO,
			    err) < 0)
		return -1;
	return clear_override(j, key, WHY_VIRTIO, err);
}

/* Up to NT 6.1: one key a device. */
static int boot_critical(struct injection *j, const char *device, const char *service, const char *class_guid,
			 const char *reason, struct err *err)
{
	const struct setting settings[] = {{"Service", service, 0}, {"ClassGUID", class_guid, 0}, {NULL}};

	return set_all(j->w->system, arena_printf(j->a, CRITICAL "%s", device), settings, reason, err);
}

static const char *label_arch(const char *arch)
{
	if (strcmp(arch, "i386") == 0)
		return "x86";
	return strcmp(arch, "aarch64") == 0 ? "arm64" : "amd64";
}

/* From NT 6.2 on: an .inf file, its package with one configuration, and the devices that it is for. */
static int boot_database_device(struct injection *j, const char *package, const char *device, struct err *err)
{
	static const uint8_t exact[] = {0x01, 0xff, 0x00, 0x00};
	struct hive *h = j->w->system;

	if (hive_set(h, arena_printf(j->a, DATABASE "\\DeviceIds\\PCI\\%s", device), PACKAGE, REG_BINARY, exact,
		     sizeof exact, WHY_VIRTIO, err) < 0)
		return -1;
	return hive_set_string(h, arena_printf(j->a, "%s\\Descriptors\\PCI\\%s", package, device), "Configuration",
			       CONFIGURATION, WHY_VIRTIO, err);
}

static int boot_database_package(struct injection *j, const char *package, const char *service, struct err *err)
{
	/* 48 bytes: what is known of them are the class GUID and where it stands. */
	static const uint8_t version[48] = {0x00, 0xff, 0x09, 0x00, 0,	  0,	0,    0,    0x7b, 0xe9, 0x36, 0x4d,
					    0x25, 0xe3, 0xce, 0x11, 0xbf, 0xc1, 0x08, 0x00, 0x2b, 0xe1, 0x03, 0x18};
	const struct setting settings[] = {{"ConfigFlags", NULL, 0}, {"Service", service, 0}, {NULL}};
	struct hive *h = j->w->system;

	if (hive_set(h, package, "Version", REG_BINARY, version, sizeof version, WHY_VIRTIO, err) < 0)
		return -1;
	return set_all(h, arena_printf(j->a, "%s\\Configurations\\" CONFIGURATION, package), settings, WHY_VIRTIO, err);
}

/* What virt-v2v left some years ago. */
static int drop_old_package(struct injection *j, struct err *err)
{
	static const char old[] = DATABASE "\\DriverPackages\\" PACKAGE "_tmp";

	return hive_has_key(j->w->system, old)
		   ? hive_drop_key(j->w->system, old, "Upgrades of Windows stop at a package with such a label.", err)
		   : 0;
}

static int boot_database(struct injection *j, const struct inf_service *s, struct err *err)
{
	const char *label = arena_printf(j->a, PACKAGE "_%s_0000000000000000", label_arch(j->w->version.arch)),
		   *package = arena_printf(j->a, DATABASE "\\DriverPackages\\%s", label),
		   *inf = DATABASE "\\DriverInfFiles\\" PACKAGE;
	const char *const labels[] = {label, NULL}, *const configurations[] = {CONFIGURATION, NULL};
	struct hive *h = j->w->system;

	if (hive_set_strings(h, inf, "", labels, WHY_VIRTIO, err) < 0 ||
	    hive_set_string(h, inf, "Active", label, WHY_VIRTIO, err) < 0 ||
	    hive_set_strings(h, inf, "Configurations", configurations, WHY_VIRTIO, err) < 0)
		return -1;
	for (size_t i = 0; i < 2; i++)
		if (j->chosen.v[j->boot].ids[i] &&
		    boot_database_device(j, package, driver_devices[j->boot].pci[i], err) < 0)
			return -1;
	return boot_database_package(j, package, s->name, err) < 0 ? -1 : drop_old_package(j, err);
}

int boot_virtio(struct injection *j, struct err *err)
{
	const struct driver_choice *d = &j->chosen.v[j->boot];

	if (boot_service(j, d->service, err) < 0)
		return -1;
	if (hive_has_key(j->w->system, DATABASE))
		return boot_database(j, d->service, err);
	for (size_t i = 0; i < 2; i++)
		if (d->ids[i] && boot_critical(j, arena_printf(j->a, "PCI#%s", driver_devices[j->boot].pci[i]),
					       d->service->name, CLASS_SCSI, WHY_VIRTIO, err) < 0)
			return -1;
	return 0;
}

/* ------------------------------------------------------------------------------------------- disks without virtio */

/* Windows' own drivers; those of IDE aren't installed where Windows never saw such a disk. */
static const struct plain_driver {
	const char *service, *group;
	bool is_new; /* its service is written when there is none */
} ahci_old[] = {{"msahci"}, {NULL}}, ahci[] = {{"storahci"}, {NULL}},
  ide[] = {{"atapi", "SCSI Miniport", true},
	   {"intelide", "System Bus Extender", true},
	   {"pciide", "System Bus Extender", true},
	   {NULL}};

/* Windows XP and Server 2003 look here; QEMU's IDE controller is Intel's PIIX3, which the driver for any such
 * controller drives, too. */
static const struct ide_device {
	const char *id, *services[2]; /* the first one that is installed */
} ide_devices[] = {
    {"primary_ide_channel", {"atapi"}},
    {"secondary_ide_channel", {"atapi"}},
    {"*pnp0600", {"atapi"}},
    {"pci#ven_8086&dev_7010", {"intelide", "pciide"}},
    {"pci#cc_0101", {"pciide"}},
};

static int has_program(struct injection *j, const char *name, bool *ret, struct err *err)
{
	char *path;

	if (win_path(j->g, arena_printf(j->a, "%s/System32/drivers/%s.sys", j->w->systemroot, name), j->a, &path, err) <
	    0)
		return -1;
	*ret = path != NULL;
	return 0;
}

static int start_plain(struct injection *j, const struct plain_driver *d, struct err *err)
{
	const char *key = arena_printf(j->a, SERVICES "%s", d->service);
	const struct setting made[] = {
	    {"Type", NULL, KERNEL_DRIVER}, {"Group", d->group, 0}, {"ErrorControl", NULL, ERROR_NORMAL}, {NULL}};
	struct hive *h = j->w->system;

	if (!hive_has_key(h, key) &&
	    (set_all(h, key, made, WHY_PLAIN, err) < 0 ||
	     hive_set_expand(h, key, "ImagePath", arena_printf(j->a, "system32\\drivers\\%s.sys", d->service),
			     WHY_PLAIN, err) < 0))
		return -1;
	if (hive_set_dword(h, key, "Start", BOOT_START, WHY_PLAIN, err) < 0)
		return -1;
	return clear_override(j, key, WHY_PLAIN, err);
}

static int start_all(struct injection *j, const struct plain_driver *list, struct err *err)
{
	for (const struct plain_driver *d = list; d->service; d++) {
		bool there;

		if (has_program(j, d->service, &there, err) < 0)
			return -1;
		if (there && (d->is_new || hive_has_key(j->w->system, arena_printf(j->a, SERVICES "%s", d->service)))) {
			if (start_plain(j, d, err) < 0)
				return -1;
			continue;
		}
		finding_add(j->i, "W-BOOT-DISK-DRIVER", SEVERITY_WARNING,
			    arena_printf(j->a, "%s/System32/drivers/%s.sys", j->w->systemroot, d->service),
			    "Convert with virtio drivers for this Windows (--virtio-win).",
			    "Windows' own driver '%s', which the disks of the new machine need, is not installed.",
			    d->service);
	}
	return 0;
}

/* A device that is tied to a driver which isn't there would be left without any. */
static int tie_ide_device(struct injection *j, const struct ide_device *d, struct err *err)
{
	bool there = false;

	for (size_t i = 0; i < 2 && d->services[i] && !there; i++) {
		if (has_program(j, d->services[i], &there, err) < 0)
			return -1;
		if (there && boot_critical(j, d->id, d->services[i], CLASS_IDE, WHY_PLAIN, err) < 0)
			return -1;
	}
	return 0;
}

int boot_plain(struct injection *j, struct err *err)
{
	const struct windows_version *v = &j->w->version;

	if (v->major >= 6)
		return start_all(j, windows_compare(6, 1, v) >= 0 ? ahci_old : ahci, err);
	if (start_all(j, ide, err) < 0)
		return -1;
	for (size_t i = 0; i < sizeof ide_devices / sizeof *ide_devices; i++)
		if (tie_ide_device(j, &ide_devices[i], err) < 0)
			return -1;
	return 0;
}
