/* Drivers that the guest has already: its machine was one of KVM before, or it was prepared. */
#include <string.h>
#include <strings.h>

#include "drivers-inject/windows/stage.h"
#include "guest/winpath.h"

#define SERVICES "CurrentControlSet\\Services\\"
#define CRITICAL "CurrentControlSet\\Control\\CriticalDeviceDatabase"
#define DATABASE "DriverDatabase"

/* What virtio-win's packages call their services, and SUSE's and others that are built from the same source. */
static const char *const services[DRIVER_KINDS] = {
    [DRIVER_VIOSTOR] = "viostor",    [DRIVER_VIOSCSI] = "vioscsi", [DRIVER_NETKVM] = "netkvm",
    [DRIVER_BALLOON] = "BALLOON",    [DRIVER_VIORNG] = "VirtRng",  [DRIVER_VIOSERIAL] = "VirtioSerial",
    [DRIVER_VIOGPUDO] = "VioGpuDod",
};

/* The guest path of a service's program: below %SystemRoot% unless it says otherwise. */
static int program_path(struct injection *j, const char *image, char **ret, struct err *err)
{
	static const char *const roots[] = {"\\SystemRoot\\", "%SystemRoot%\\"};

	if (strncmp(image, "\\??\\", 4) == 0)
		return win_path(j->g, image + 4, j->a, ret, err);
	for (size_t i = 0; i < sizeof roots / sizeof *roots; i++)
		if (strncasecmp(image, roots[i], strlen(roots[i])) == 0)
			image += strlen(roots[i]);
	return win_path(j->g, arena_printf(j->a, "%s\\%s", j->w->systemroot, image), j->a, ret, err);
}

static int has_program(struct injection *j, const char *service, bool *ret, struct err *err)
{
	char *image, *path = NULL;

	if (hive_string(j->w->system, service, "ImagePath", j->a, &image, err) < 0)
		return -1;
	if (image && *image && program_path(j, image, &path, err) < 0)
		return -1;
	*ret = path != NULL;
	return 0;
}

/* Which of the device's two ids Windows knows a driver for, before plug and play runs. */
static int find_ids(struct injection *j, enum driver_kind k, bool ret[static 2], struct err *err)
{
	bool database = hive_has_key(j->w->system, DATABASE);
	const char *key = database ? DATABASE "\\DeviceIds\\PCI" : CRITICAL;
	struct names known;

	if (hive_subkeys(j->w->system, key, j->a, &known, err) < 0)
		return -1;
	for (size_t i = 0; i < 2; i++) {
		/* "VEN_1AF4&DEV_1001" of "PCI\VEN_1AF4&DEV_1001", there "PCI#VEN_…" up to NT 6.1. */
		const char *id = driver_devices[k].ids[i] ? strchr(driver_devices[k].ids[i], '\\') + 1 : NULL;

		for (size_t n = 0; id && n < known.list.n; n++) {
			const char *name = known.list.v[n];

			if (!database && strncasecmp(name, "PCI#", 4) == 0)
				name += 4;
			ret[i] |= strncasecmp(name, id, strlen(id)) == 0;
		}
	}
	return 0;
}

static bool is_disk(enum driver_kind k)
{
	return driver_devices[k].pci[0] != NULL;
}

static int find_one(struct injection *j, enum driver_kind k, struct driver_choice *ret, struct err *err)
{
	enum { BOOT_START = 0, OTHER = 99 };
	const char *key = arena_printf(j->a, SERVICES "%s", services[k]);
	uint32_t start;

	if (!hive_has_key(j->w->system, key))
		return 0;
	if (has_program(j, key, &ret->installed, err) < 0 ||
	    hive_dword(j->w->system, key, "Start", OTHER, &start, err) < 0)
		return -1;
	if (!is_disk(k)) {
		/* Whatever it drives: plug and play decides. */
		ret->ids[0] = ret->ids[1] = ret->installed;
		return 0;
	}
	if (find_ids(j, k, ret->ids, err) < 0)
		return -1;
	ret->installed &= start == BOOT_START && (ret->ids[0] || ret->ids[1]) &&
			  !hive_has_key(j->w->system, arena_printf(j->a, "%s\\StartOverride", key));
	return 0;
}

int find_installed(struct injection *j, struct err *err)
{
	for (enum driver_kind k = DRIVER_UNKNOWN + 1; k < DRIVER_KINDS; k++) {
		struct driver_choice *d = &j->chosen.v[k], own = {0};

		if (!services[k] || (d->package && !(is_disk(k) && against_boot(j, d))))
			continue;
		if (find_one(j, k, &own, err) < 0)
			return -1;
		if (own.installed)
			*d = own;
	}
	return 0;
}
