/* The machine that a VMX file describes. */
#include "sources/vmx.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/checked.h"
#include "sources/text.h"
#include "sources/vmx_keys.h"

enum {
	NICS_MAX = 64,
	BOOT_PLACES_MAX = 256, /* as many as there may be disks */
	VCPUS_MAX = 4096,
};

struct vmx {
	struct vmx_keys keys;
	struct machine *m;
	const struct source_options *options;
	struct err *err;
};

static const char *get(const struct vmx *x, const char *key)
{
	return vmx_get(&x->keys, key);
}

/* --- values --- */

static uint64_t number(const struct vmx *x, const char *key)
{
	uint64_t v;

	return text_u64(get(x, key), &v) ? v : 0;
}

static bool is_false(const char *value)
{
	return value && !strcasecmp(value, "FALSE");
}

static bool filled(const char *value)
{
	return value && *value;
}

static const char *value_or_empty(const struct vmx *x, const char *key)
{
	const char *value = get(x, key);

	return value ? value : "";
}

/* --- may it be taken at all --- */

static int check_state(struct vmx *x)
{
	const char *state = get(x, "checkpoint.vmState");

	if (filled(get(x, "encryption.keySafe")) || filled(get(x, "encryption.data")))
		return err_set(x->err, ERR_UNSUPPORTED,
			       "the machine is encrypted (encryption.keySafe): remove the encryption in VMware first");
	if (!filled(state))
		return 0;
	if (!x->options->force)
		return err_set(x->err, ERR_BLOCKED,
			       "the machine is suspended (checkpoint.vmState is '%s'): resume it and shut it down, or "
			       "take its disks as after a power cut with --force",
			       state);
	machine_note(x->m, "the machine is suspended ('%s'); its disks are taken as after a power cut (--force)",
		     state);
	return 0;
}

/* --- hardware --- */

static int read_basics(struct vmx *x)
{
	struct machine *m = x->m;
	const char *name = get(x, "displayName"), *note = get(x, "annotation"), *os = get(x, "guestOS");
	uint64_t mib = number(x, "memsize"), cpus = number(x, "numvcpus"), cores = number(x, "cpuid.coresPerSocket");

	if (filled(name))
		m->name = arena_strdup(&m->arena, name);
	if (filled(note))
		m->annotation = arena_strdup(&m->arena, note);
	m->os_hint = arena_strdup(&m->arena, os);
	m->clock = text_clock(os);
	if (!text_uuid(get(x, "uuid.bios"), m->uuid))
		m->uuid[0] = '\0';
	if (mib > 64 * TIB / MIB)
		return err_set(x->err, ERR_CORRUPT, "memsize '%s' is more than 64 TiB", get(x, "memsize"));
	m->memory = mib * MIB;
	if (cpus > VCPUS_MAX)
		return err_set(x->err, ERR_CORRUPT, "numvcpus '%s' is more than %d", get(x, "numvcpus"), VCPUS_MAX);
	m->vcpus = cpus ? (unsigned)cpus : 1; /* VMware leaves the key out for one */
	if (cores && cores <= m->vcpus && m->vcpus % cores == 0) {
		m->cores = (unsigned)cores;
		m->sockets = (unsigned)(m->vcpus / cores);
		m->threads = 1;
	}
	return 0;
}

static void read_firmware(struct vmx *x)
{
	const char *firmware = value_or_empty(x, "firmware"), *secure = get(x, "uefi.secureBoot.enabled");

	/* VMware's default is BIOS; the key is only written for EFI or by hand. */
	x->m->firmware = FIRMWARE_BIOS;
	if (!strncasecmp(firmware, "efi", 3))
		x->m->firmware = FIRMWARE_UEFI;
	else if (*firmware && strcasecmp(firmware, "bios"))
		machine_note(x->m, "the firmware '%s' is not known: taken as bios", firmware);
	if (x->m->firmware == FIRMWARE_UEFI)
		x->m->secure_boot = text_true(secure) ? TRI_YES : TRI_NO;
	x->m->tpm = text_true(get(x, "vtpm.present"));
}

static void read_policy(struct vmx *x)
{
	struct resource_policy *p = &x->m->policy;

	/* sched.*: shares are "low", "normal", "high" (VMware's defaults) or a number; min and max are MHz and MB. */
	p->cpu_shares = number(x, "sched.cpu.shares");
	p->cpu_limit_mhz = number(x, "sched.cpu.max");
	p->cpu_reservation_mhz = number(x, "sched.cpu.min");
	p->memory_shares = number(x, "sched.mem.shares");
	if (!mul_fits(number(x, "sched.mem.max"), MIB, &p->memory_limit))
		p->memory_limit = 0;
	if (!mul_fits(number(x, "sched.mem.min"), MIB, &p->memory_reservation))
		p->memory_reservation = 0;
}

/* --- network --- */

static void nic_mac(struct vmx *x, unsigned i, struct nic *n)
{
	const char *type = vmx_getf(&x->keys, "ethernet%u.addressType", i);
	const char *own = vmx_getf(&x->keys, "ethernet%u.address", i),
		   *made = vmx_getf(&x->keys, "ethernet%u.generatedAddress", i);
	bool is_static = type && !strcasecmp(type, "static");
	const char *first = is_static ? own : made, *second = is_static ? made : own;

	if (text_mac(first, n->mac) || text_mac(second, n->mac))
		return;
	n->mac[0] = '\0';
	if (filled(first) || filled(second))
		machine_note(x->m, "ethernet%u: '%s' is not a MAC address", i, filled(first) ? first : second);
}

static void nic_network(struct vmx *x, unsigned i, struct nic *n)
{
	const char *name = vmx_getf(&x->keys, "ethernet%u.networkName", i),
		   *type = vmx_getf(&x->keys, "ethernet%u.connectionType", i);

	/* Without a type it is an ESXi port group, or on Workstation the default: bridged. */
	n->kind = type && !strcasecmp(type, "bridged") ? NET_BRIDGE : NET_NETWORK;
	if (!filled(name))
		name = filled(type) && strcasecmp(type, "custom") ? type : vmx_getf(&x->keys, "ethernet%u.vnet", i);
	if (!filled(name))
		name = filled(type) ? type : "bridged";
	n->network = arena_strdup(&x->m->arena, name);
}

static void nic_model(struct vmx *x, unsigned i, struct nic *n)
{
	const char *model = vmx_getf(&x->keys, "ethernet%u.virtualDev", i);
	const char *os = x->m->os_hint ? x->m->os_hint : "";

	n->model = text_nic_model(model);
	if (filled(model) && n->model == NIC_UNKNOWN)
		machine_note(x->m, "ethernet%u: the model '%s' is not known", i, model);
	if (!filled(model)) /* VMware's defaults: e1000 for 64-bit guests, the flexible adapter before */
		n->model = text_ends_with(os, "64") ? NIC_E1000 : NIC_PCNET;
}

static void read_nic(struct vmx *x, unsigned i)
{
	const char *slot = vmx_getf(&x->keys, "ethernet%u.pciSlotNumber", i);
	struct nic *n = vec_push(&x->m->arena, &x->m->nics);
	uint64_t v;

	nic_mac(x, i, n);
	nic_network(x, i, n);
	nic_model(x, i, n);
	n->connected = !is_false(vmx_getf(&x->keys, "ethernet%u.startConnected", i));
	n->pci_slot = text_u64(slot, &v) && v <= INT32_MAX ? (int)v : -1;
}

/* Without .present VMware shows no card. Where it is missing, what has an address was a card once and may have lost its
 * line by hand; other keys alone are what a removed card left behind. */
static bool has_nic(const struct vmx *x, unsigned i)
{
	const char *present = vmx_getf(&x->keys, "ethernet%u.present", i);

	if (filled(present))
		return !is_false(present);
	return filled(vmx_getf(&x->keys, "ethernet%u.address", i)) ||
	       filled(vmx_getf(&x->keys, "ethernet%u.generatedAddress", i));
}

static void read_nics(struct vmx *x)
{
	for (unsigned i = 0; i < NICS_MAX; i++)
		if (has_nic(x, i))
			read_nic(x, i);
}

/* --- disks and drives --- */

/* Kinds of bus in the order in which their disks are counted. */
static const struct bus {
	const char *name;
	enum controller controller; /* unknown: by virtualDev */
	unsigned buses, units;
} buses[] = {
    {"scsi", CONTROLLER_UNKNOWN, 4, 65}, /* pvscsi: 64 and the controller itself at 7 */
    {"nvme", CONTROLLER_NVME, 4, 64},
    {"sata", CONTROLLER_SATA, 4, 30},
    {"ide", CONTROLLER_IDE, 2, 2},
};

struct slot {
	const struct bus *kind;
	unsigned bus, unit;
	char name[32]; /* "scsi0:1" */
};

static enum controller slot_controller(const struct vmx *x, const struct slot *s)
{
	enum controller c;

	if (s->kind->controller)
		return s->kind->controller;
	c = text_scsi_model(vmx_getf(&x->keys, "scsi%u.virtualDev", s->bus));
	return c ? c : CONTROLLER_BUSLOGIC; /* VMware's oldest, and what a missing key means */
}

static bool is_cdrom(const struct vmx *x, const struct slot *s, const char *file)
{
	const char *type = vmx_getf(&x->keys, "%s.deviceType", s->name);

	if (filled(type))
		return strcasestr(type, "cdrom") != NULL;
	return text_ends_with(file, ".iso") || !strcasecmp(file, "auto detect") ||
	       !strcasecmp(file, "emptyBackingString");
}

static void add_removable(struct vmx *x, enum removable_kind kind, const struct slot *s, const char *file)
{
	struct removable *r = vec_push(&x->m->arena, &x->m->removables);

	r->kind = kind;
	if (s) {
		r->controller = slot_controller(x, s);
		r->bus = s->bus;
		r->unit = s->unit;
	}
	if (text_ends_with(file, ".iso") || text_ends_with(file, ".flp"))
		machine_note(x->m, "%s: its medium '%s' is left out, the drive is empty", s ? s->name : "floppy0",
			     file);
}

/* "80" or "80IOps" operations, "10MBps" bytes a second, "off"; VMware's sched.*.throughputCap. */
static void disk_policy(struct vmx *x, const struct slot *s, struct disk *d)
{
	const char *cap = vmx_getf(&x->keys, "sched.%s.throughputCap", s->name);
	char *unit;
	uint64_t v;

	if (!filled(cap))
		cap = vmx_getf(&x->keys, "%s.throughputCap", s->name);
	if (!filled(cap) || *cap < '0' || *cap > '9')
		return;
	v = strtoull(cap, &unit, 10);
	if (!*unit || !strcasecmp(unit, "iops"))
		d->policy.iops = v;
	else if (!strcasecmp(unit, "kbps") && mul_fits(v, KIB, &v))
		d->policy.bytes_per_second = v;
	else if (!strcasecmp(unit, "mbps") && mul_fits(v, MIB, &v))
		d->policy.bytes_per_second = v;
	else
		machine_note(x->m, "%s: throughputCap '%s' is not understood", s->name, cap);
}

/* Its place in bios.hddOrder ("sata0:0,scsi0:0"), from 1; 0 when it has none. UEFI keeps its order in the variables. */
static int boot_place(const struct vmx *x, const struct slot *s)
{
	const char *list = value_or_empty(x, "bios.hddOrder");

	if (!strcasecmp(value_or_empty(x, "firmware"), "efi"))
		return 0;
	for (int place = 1; *list && place <= BOOT_PLACES_MAX; place++) {
		size_t n = strcspn(list, ",");

		if (n == strlen(s->name) && !strncasecmp(list, s->name, n))
			return place;
		list += n + (list[n] == ',');
	}
	return 0;
}

static int add_disk(struct vmx *x, const struct slot *s, const char *file)
{
	const char *type = vmx_getf(&x->keys, "%s.deviceType", s->name), *mode = vmx_getf(&x->keys, "%s.mode", s->name);
	struct disk *d;

	if (type && (strcasestr(type, "rawDisk") || strcasestr(type, "plainDisk") || strcasestr(type, "physical")))
		return err_set(x->err, ERR_UNSUPPORTED,
			       "disk %s is a physical disk of the host (%s): name the device itself as a source",
			       s->name, type);
	d = vec_push(&x->m->arena, &x->m->disks);
	d->controller = slot_controller(x, s);
	d->bus = s->bus;
	d->unit = s->unit;
	d->boot_order = boot_place(x, s);
	d->file = arena_strdup(&x->m->arena, file);
	disk_policy(x, s, d);
	if (mode && strcasestr(mode, "nonpersistent"))
		machine_note(x->m, "disk %s forgot its changes at power-off (%s); the result keeps them", s->name,
			     mode);
	return 0;
}

static int read_slot(struct vmx *x, const struct slot *s)
{
	const char *file = vmx_getf(&x->keys, "%s.fileName", s->name),
		   *present = vmx_getf(&x->keys, "%s.present", s->name);

	if (!present && !file)
		return 0;
	if (is_false(present) || is_false(vmx_getf(&x->keys, "%s%u.present", s->kind->name, s->bus)))
		return 0;
	file = file ? file : "";
	if (is_cdrom(x, s, file)) {
		add_removable(x, REMOVABLE_CDROM, s, file);
		return 0;
	}
	if (!*file)
		return err_set(x->err, ERR_CORRUPT, "disk %s has no fileName", s->name);
	return add_disk(x, s, file);
}

static int read_slots(struct vmx *x)
{
	struct slot s;

	for (size_t k = 0; k < sizeof buses / sizeof *buses; k++)
		for (unsigned bus = 0; bus < buses[k].buses; bus++)
			for (unsigned unit = 0; unit < buses[k].units; unit++) {
				s = (struct slot){.kind = &buses[k], .bus = bus, .unit = unit};
				snprintf(s.name, sizeof s.name, "%s%u:%u", buses[k].name, bus, unit);
				if (read_slot(x, &s) < 0)
					return -1;
			}
	return 0;
}

static void read_floppies(struct vmx *x)
{
	for (unsigned i = 0; i < 2; i++) {
		const char *file = vmx_getf(&x->keys, "floppy%u.fileName", i),
			   *present = vmx_getf(&x->keys, "floppy%u.present", i);

		if ((file || present) && !is_false(present))
			add_removable(x, REMOVABLE_FLOPPY, NULL, file ? file : "");
	}
}

static void note_others(struct vmx *x)
{
	static const char *const others[] = {"sound",	     "serial0",	     "serial1", "parallel0", "pciPassthru0",
					     "pciPassthru1", "pciPassthru2", "sgx.epc", "vnvdimm0:0"};

	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		if (text_true(vmx_getf(&x->keys, "%s.present", others[i])))
			machine_note(x->m, "the device %s has no place in the result", others[i]);
	if (is_false(get(x, "cleanShutdown")))
		machine_note(x->m, "cleanShutdown is FALSE: the machine was running or was not shut down properly");
}

int vmx_parse(const char *text, size_t len, const struct source_options *options, struct machine *m, struct err *err)
{
	struct vmx x = {.keys.notes = m, .m = m, .options = options, .err = err};
	int ret = -1;

	if (vmx_keys_parse(&x.keys, text, len, err) == 0 && check_state(&x) == 0 && read_basics(&x) == 0) {
		read_firmware(&x);
		read_policy(&x);
		read_nics(&x);
		read_floppies(&x);
		note_others(&x);
		ret = read_slots(&x);
	}
	arena_done(&x.keys.arena);
	return ret;
}
