/* A libvirt domain as far as booting it is concerned. Elements: https://libvirt.org/formatdomain.html */
#include "run/proof/domain.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/checked.h"
#include "core/base/xml.h"

/* qemu has room for so many on its buses; the bound keeps a hostile XML from making a command line without end. */
enum { DISKS_MAX = 64, NICS_MAX = 32, VCPUS_MAX = 4096 };

struct parser {
	const struct xml_node *domain;
	struct domain *d;
	struct err *err;
};

static bool is(const char *text, const char *word)
{
	return text && !strcmp(text, word);
}

/* A decimal number that is all there is. */
static bool number(const char *text, uint64_t max, uint64_t *ret)
{
	char *end;
	unsigned long long v;

	if (!text || *text < '0' || *text > '9')
		return false;
	errno = 0;
	v = strtoull(text, &end, 10);
	*ret = v;
	return !errno && !*end && v <= max;
}

static char *attr(struct parser *p, const struct xml_node *n, const char *name)
{
	return n ? xml_attr(n, name, &p->d->arena) : NULL;
}

static char *attr_at(struct parser *p, const struct xml_node *n, const char *path, const char *name)
{
	return attr(p, xml_path(n, path), name);
}

static char *text_at(struct parser *p, const struct xml_node *n, const char *path)
{
	const struct xml_node *at = xml_path(n, path);

	return at ? xml_text(at, &p->d->arena) : NULL;
}

/* An attribute that is absent or a number; absent leaves *ret as it is. */
static int number_attr(struct parser *p, const struct xml_node *n, const char *name, unsigned max, unsigned *ret)
{
	const char *text = attr(p, n, name);
	uint64_t v;

	if (!text)
		return 0;
	if (!number(text, max, &v))
		return err_set(p->err, ERR_CORRUPT, "line %u: <%s %s='%s'>: expected a number up to %u", xml_line(n),
			       xml_name(n), name, text, max);
	*ret = (unsigned)v;
	return 0;
}

static int parse_memory(struct parser *p)
{
	static const struct {
		const char *unit;
		uint64_t bytes;
	} units[] = {{"b", 1},	      {"bytes", 1}, {"KB", 1000}, {"k", KIB},	      {"KiB", KIB},
		     {"MB", 1000000}, {"M", MIB},   {"MiB", MIB}, {"GB", 1000000000}, {"G", GIB},
		     {"GiB", GIB},    {"T", TIB},   {"TiB", TIB}};
	const struct xml_node *n = xml_child(p->domain, "memory");
	const char *unit = n ? attr(p, n, "unit") : NULL;
	const char *text = n ? xml_text(n, &p->d->arena) : NULL;
	uint64_t v;

	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (!strcmp(unit ? unit : "KiB", units[i].unit) && number(text, UINT64_MAX, &v) && v &&
		    mul_fits(v, units[i].bytes, &p->d->memory))
			return 0;
	return err_set(p->err, ERR_CORRUPT, "<memory unit='%s'>%s</memory>: expected a size", unit ? unit : "KiB",
		       text ? text : "");
}

static int parse_vcpus(struct parser *p)
{
	const struct xml_node *n = xml_child(p->domain, "vcpu");
	const char *text = n ? xml_text(n, &p->d->arena) : "1";
	uint64_t v;

	if (!number(text, VCPUS_MAX, &v) || !v)
		return err_set(p->err, ERR_CORRUPT, "<vcpu>%s</vcpu>: expected a number from 1 to %d", text ? text : "",
			       VCPUS_MAX);
	p->d->vcpus = (unsigned)v;
	return n ? number_attr(p, n, "current", p->d->vcpus, &p->d->vcpus) : 0;
}

static void parse_firmware(struct parser *p, const struct xml_node *os)
{
	struct domain *d = p->d;
	const struct xml_node *loader = xml_child(os, "loader"), *nvram = xml_child(os, "nvram");
	const struct xml_node *firmware = xml_child(os, "firmware");

	d->uefi = is(attr(p, os, "firmware"), "efi");
	if (is(attr(p, loader, "type"), "pflash")) {
		d->uefi = true;
		d->loader = xml_text(loader, &d->arena);
		d->nvram_template = attr(p, nvram, "template");
		d->secure_boot = is(attr(p, loader, "secure"), "yes");
	}
	for (const struct xml_node *f = firmware ? xml_child(firmware, "feature") : NULL; f; f = xml_next(f, "feature"))
		if (is(attr(p, f, "name"), "secure-boot"))
			d->secure_boot = is(attr(p, f, "enabled"), "yes");
}

/* Machine types by name, with or without a version. */
static enum board board_of(const char *machine, bool is_arm)
{
	if (is_arm)
		return is(machine, "virt") || !strncmp(machine, "virt-", 5) ? BOARD_VIRT : BOARD_UNKNOWN;
	if (strstr(machine, "q35"))
		return BOARD_Q35;
	return is(machine, "pc") || !strncmp(machine, "pc-i440fx-", 10) ? BOARD_PC : BOARD_UNKNOWN;
}

static int parse_os(struct parser *p)
{
	const struct xml_node *os = xml_child(p->domain, "os"), *type = os ? xml_child(os, "type") : NULL;
	const char *kind = type ? xml_text(type, &p->d->arena) : NULL, *arch = attr(p, type, "arch");
	bool is_arm = is(arch, "aarch64");

	if (!is(kind, "hvm"))
		return err_set(p->err, ERR_UNSUPPORTED, "<os><type>%s</type>: only hvm machines can be booted",
			       kind ? kind : "");
	if (arch && strcmp(arch, "x86_64") != 0 && strcmp(arch, "i686") != 0 && !is_arm)
		return err_set(p->err, ERR_UNSUPPORTED, "<type arch='%s'>: only x86_64, i686 and aarch64 can be booted",
			       arch);
	p->d->machine = attr(p, type, "machine");
	if (!p->d->machine)
		p->d->machine = arena_strdup(&p->d->arena, is_arm ? "virt" : "pc");
	p->d->board = board_of(p->d->machine, is_arm);
	if (p->d->board == BOARD_UNKNOWN)
		return err_set(p->err, ERR_UNSUPPORTED, "<type machine='%s'>: only %s can be booted", p->d->machine,
			       is_arm ? "virt" : "pc and q35");
	parse_firmware(p, os);
	return 0;
}

static int parse_bus(struct parser *p, const struct xml_node *n, const char *target, enum domain_bus *ret)
{
	static const struct {
		const char *name, *prefix; /* libvirt guesses the bus from the target's name when there is none */
		enum domain_bus bus;
	} buses[] = {{"virtio", "vd", DOMAIN_BUS_VIRTIO},
		     {"scsi", "sd", DOMAIN_BUS_SCSI},
		     {"sata", NULL, DOMAIN_BUS_SATA},
		     {"ide", "hd", DOMAIN_BUS_IDE},
		     {"usb", NULL, DOMAIN_BUS_USB}};
	const char *bus = attr_at(p, n, "target", "bus");

	for (size_t i = 0; i < sizeof buses / sizeof *buses; i++) {
		if (bus ? !strcmp(bus, buses[i].name) : buses[i].prefix && !strncmp(target, buses[i].prefix, 2)) {
			*ret = buses[i].bus;
			return 0;
		}
	}
	return err_set(p->err, ERR_UNSUPPORTED, "line %u: disk '%s': bus '%s' can't be booted from", xml_line(n),
		       target, bus ? bus : "");
}

static int parse_disk_source(struct parser *p, const struct xml_node *n, struct domain_disk *disk)
{
	const char *type = attr(p, n, "type");
	const char *where = is(type, "block") ? "dev" : "file";

	if (type && strcmp(type, "file") != 0 && strcmp(type, "block") != 0)
		return err_set(p->err, ERR_UNSUPPORTED,
			       "line %u: disk '%s': type '%s': only file and block can be booted", xml_line(n),
			       disk->target, type);
	disk->source = attr_at(p, n, "source", where);
	if (!disk->source && !disk->cdrom)
		return err_set(p->err, ERR_CORRUPT, "line %u: disk '%s' has no <source %s='…'>", xml_line(n),
			       disk->target, where);
	if (disk->source && disk->source[0] != '/')
		return err_set(p->err, ERR_CORRUPT, "line %u: disk '%s': '%s': expected an absolute path", xml_line(n),
			       disk->target, disk->source);
	disk->format = attr_at(p, n, "driver", "type");
	if (!disk->format)
		disk->format = arena_strdup(&p->d->arena, "raw");
	return 0;
}

static int parse_disk(struct parser *p, const struct xml_node *n)
{
	const char *device = attr(p, n, "device");
	struct domain_disk *disk;

	if (is(device, "floppy")) {
		*vec_push(&p->d->arena, &p->d->notes) = arena_strdup(&p->d->arena, "floppy drive: left out");
		return 0;
	}
	if (p->d->disks.n == DISKS_MAX)
		return err_set(p->err, ERR_UNSUPPORTED, "more than %d disks", DISKS_MAX);
	disk = vec_push(&p->d->arena, &p->d->disks);
	disk->cdrom = is(device, "cdrom");
	disk->readonly = disk->cdrom || xml_child(n, "readonly");
	disk->serial = text_at(p, n, "serial");
	disk->target = attr_at(p, n, "target", "dev");
	if (!disk->target)
		return err_set(p->err, ERR_CORRUPT, "line %u: <disk> has no <target dev='…'>", xml_line(n));
	if (parse_bus(p, n, disk->target, &disk->bus) < 0 || parse_disk_source(p, n, disk) < 0)
		return -1;
	if (number_attr(p, xml_child(n, "boot"), "order", 1000, &disk->boot_order) < 0 ||
	    number_attr(p, xml_child(n, "blockio"), "logical_block_size", 1 << 21, &disk->logical_block) < 0)
		return -1;
	return number_attr(p, xml_child(n, "blockio"), "physical_block_size", 1 << 21, &disk->physical_block);
}

static int parse_nic(struct parser *p, const struct xml_node *n)
{
	struct domain_nic *nic;

	if (p->d->nics.n == NICS_MAX)
		return err_set(p->err, ERR_UNSUPPORTED, "more than %d network cards", NICS_MAX);
	nic = vec_push(&p->d->arena, &p->d->nics);
	nic->mac = attr_at(p, n, "mac", "address");
	nic->model = attr_at(p, n, "model", "type");
	if (!nic->model) /* libvirt's defaults */
		nic->model = arena_strdup(&p->d->arena, p->d->board == BOARD_VIRT ? "virtio" : "rtl8139");
	return number_attr(p, xml_child(n, "boot"), "order", 1000, &nic->boot_order);
}

static int parse_controller(struct parser *p, const struct xml_node *n)
{
	if (is(attr(p, n, "type"), "scsi") && !p->d->scsi_model)
		p->d->scsi_model = attr(p, n, "model");
	return 0;
}

static int parse_serial(struct parser *p, const struct xml_node *n)
{
	p->d->serial = true;
	return 0;
}

/* <console> is the first serial port by another name unless it says that it is a virtio one. */
static int parse_console(struct parser *p, const struct xml_node *n)
{
	const char *type = attr_at(p, n, "target", "type");

	p->d->serial |= !type || is(type, "serial");
	return 0;
}

static int parse_channel(struct parser *p, const struct xml_node *n)
{
	p->d->agent |= is(attr_at(p, n, "target", "name"), "org.qemu.guest_agent.0");
	return 0;
}

static int parse_video(struct parser *p, const struct xml_node *n)
{
	const char *type = attr_at(p, n, "model", "type");

	if (!p->d->video && !is(type, "none"))
		p->d->video = arena_strdup(&p->d->arena, type ? type : "vga");
	return 0;
}

static int parse_rng(struct parser *p, const struct xml_node *n)
{
	p->d->rng = true;
	return 0;
}

static int parse_balloon(struct parser *p, const struct xml_node *n)
{
	p->d->balloon = !is(attr(p, n, "model"), "none");
	return 0;
}

static int parse_input(struct parser *p, const struct xml_node *n)
{
	p->d->tablet |= is(attr(p, n, "type"), "tablet") && is(attr(p, n, "bus"), "usb");
	p->d->keyboard |= is(attr(p, n, "type"), "keyboard") && is(attr(p, n, "bus"), "usb");
	return 0;
}

static int note_left_out(struct parser *p, const struct xml_node *n)
{
	*vec_push(&p->d->arena, &p->d->notes) = arena_printf(&p->d->arena, "%s: left out", xml_name(n));
	return 0;
}

static const struct {
	const char *element;
	int (*parse)(struct parser *p, const struct xml_node *n);
} device_parsers[] = {
    {"disk", parse_disk},	   {"interface", parse_nic},   {"controller", parse_controller},
    {"serial", parse_serial},	   {"console", parse_console}, {"channel", parse_channel},
    {"video", parse_video},	   {"rng", parse_rng},	       {"input", parse_input},
    {"memballoon", parse_balloon}, {"tpm", note_left_out},     {"hostdev", note_left_out},
    {"filesystem", note_left_out},
};

static int parse_devices(struct parser *p)
{
	const struct xml_node *devices = xml_child(p->domain, "devices");

	for (const struct xml_node *n = devices ? xml_child(devices, NULL) : NULL; n; n = xml_next(n, NULL))
		for (size_t i = 0; i < sizeof device_parsers / sizeof *device_parsers; i++)
			if (!strcmp(xml_name(n), device_parsers[i].element) && device_parsers[i].parse(p, n) < 0)
				return -1;
	if (!p->d->disks.n)
		return err_set(p->err, ERR_UNSUPPORTED, "the domain has no disk to boot from");
	return 0;
}

/* <os><boot dev='hd'/> is the older way to say what <boot order='1'/> says on a disk. */
static void complete_boot_order(struct domain *d)
{
	VEC_FOR (disk, &d->disks)
		if (disk->boot_order)
			return;
	VEC_FOR (disk, &d->disks) {
		if (!disk->cdrom) {
			disk->boot_order = 1;
			return;
		}
	}
}

static int parse_domain(struct parser *p)
{
	struct domain *d = p->d;

	if (!is(xml_name(p->domain), "domain"))
		return err_set(p->err, ERR_CORRUPT, "the root element is <%s>, expected <domain>", xml_name(p->domain));
	d->name = text_at(p, p->domain, "name");
	if (!d->name || !*d->name)
		return err_set(p->err, ERR_CORRUPT, "the domain has no <name>");
	d->uuid = text_at(p, p->domain, "uuid");
	d->localtime = is(attr_at(p, p->domain, "clock", "offset"), "localtime");
	if (parse_memory(p) < 0 || parse_vcpus(p) < 0 || parse_os(p) < 0 || parse_devices(p) < 0)
		return -1;
	complete_boot_order(d);
	return 0;
}

int domain_parse(const void *text, size_t len, const char *name, struct domain *d, struct err *err)
{
	AUTO(xml_freep) struct xml_doc *doc = NULL;
	struct parser p = {.d = d, .err = err};

	*d = (struct domain){0};
	if (xml_parse(text, len, name, &doc, err) < 0)
		return -1;
	p.domain = xml_root(doc);
	if (parse_domain(&p) < 0)
		return err_wrap(err, "%s", name);
	return 0;
}

void domain_done(struct domain *d)
{
	arena_done(&d->arena);
}
