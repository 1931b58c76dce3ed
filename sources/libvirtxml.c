/* libvirt's domain XML as a source (formatdomain of libvirt's manual; virt-p2v writes a small part of it). */
#include "sources/libvirtxml.h"

#include <string.h>

#include "core/base/checked.h"
#include "core/base/file.h"
#include "core/base/xml.h"
#include "sources/host_disk.h"
#include "sources/host_path.h"
#include "sources/text.h"

enum {
	XML_FILE_MAX = 4 << 20, /* virt-p2v writes 3 KiB */
	LIBVIRTXML_DISKS_MAX = 256,
	LIBVIRTXML_NICS_MAX = 64,
	LIBVIRTXML_CPUS_MAX = 8192, /* what Linux may be built for */
	LIBVIRTXML_NAME_MAX = 4096,
	PORT_MAX = 65535,
};

#define MEMORY_MAX (64 * TIB) /* above any machine that exists */

struct domain {
	struct machine *m;
	struct arena *a; /* the machine's */
	const struct xml_node *devices;
};

/* An attribute in the arena; "" when it isn't there. */
static const char *attr(struct domain *d, const struct xml_node *n, const char *name)
{
	const char *value = n ? xml_attr(n, name, d->a) : NULL;

	return value ? value : "";
}

static const char *text_at(struct domain *d, const struct xml_node *n, const char *path)
{
	const struct xml_node *at = xml_path(n, path);
	const char *text = at ? xml_text(at, d->a) : NULL;

	return text ? text : "";
}

/* --- numbers --- */

/* libvirt's units of memory; none is KiB. 0: not known. */
static uint64_t memory_unit(const char *unit)
{
	static const struct {
		const char *word;
		uint64_t factor;
	} known[] = {{"", KIB},		  {"b", 1},
		     {"bytes", 1},	  {"KB", 1000},
		     {"k", KIB},	  {"KiB", KIB},
		     {"MB", 1000 * 1000}, {"M", MIB},
		     {"MiB", MIB},	  {"GB", UINT64_C(1000000000)},
		     {"G", GIB},	  {"GiB", GIB},
		     {"T", TIB},	  {"TiB", TIB}};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (!strcmp(unit, known[i].word))
			return known[i].factor;
	return 0;
}

static int take_memory(struct domain *d, const struct xml_node *root, struct err *err)
{
	const struct xml_node *n = xml_child(root, "memory");
	const char *unit = attr(d, n, "unit"), *text = n ? xml_text(n, d->a) : "";
	uint64_t factor = memory_unit(unit), number;

	if (!factor)
		return err_set(err, ERR_CORRUPT, "line %u: memory in '%s', which is no unit of libvirt's", xml_line(n),
			       unit);
	if (text_number("memory", text, MEMORY_MAX / factor, &number, err) < 0)
		return -1;
	d->m->memory = number * factor;
	return 0;
}

static int take_cpus(struct domain *d, const struct xml_node *root, struct err *err)
{
	const struct xml_node *topology = xml_path(root, "cpu/topology");
	struct machine *m = d->m;
	uint64_t vcpus, sockets, cores, threads;

	if (text_number("vcpu", text_at(d, root, "vcpu"), LIBVIRTXML_CPUS_MAX, &vcpus, err) < 0 ||
	    text_number("sockets", attr(d, topology, "sockets"), LIBVIRTXML_CPUS_MAX, &sockets, err) < 0 ||
	    text_number("cores", attr(d, topology, "cores"), LIBVIRTXML_CPUS_MAX, &cores, err) < 0 ||
	    text_number("threads", attr(d, topology, "threads"), LIBVIRTXML_CPUS_MAX, &threads, err) < 0)
		return -1;
	m->vcpus = (unsigned)vcpus;
	/* one that doesn't fit its number is none */
	if (sockets && cores && threads && sockets * cores * threads == vcpus) {
		m->sockets = (unsigned)sockets;
		m->cores = (unsigned)cores;
		m->threads = (unsigned)threads;
	}
	return 0;
}

/* --- firmware and clock --- */

static enum tristate yes_or_no(const char *word)
{
	return !strcmp(word, "yes") ? TRI_YES : !strcmp(word, "no") ? TRI_NO : TRI_UNKNOWN;
}

/* What <firmware><feature name= enabled=> says. */
static enum tristate feature(struct domain *d, const struct xml_node *os, const char *name)
{
	enum tristate said = TRI_UNKNOWN;

	for (const struct xml_node *n = xml_path(os, "firmware/feature"); n; n = xml_next(n, "feature"))
		if (!strcmp(attr(d, n, "name"), name))
			said = yes_or_no(attr(d, n, "enabled"));
	return said;
}

/* Debian's, Fedora's and SUSE's names of variables with Microsoft's keys: OVMF_VARS_4M.ms.fd, OVMF_VARS.secboot.fd,
 * ovmf-x86_64-smm-ms-vars.bin. */
static bool has_keys(const char *template)
{
	return strstr(template, ".ms.") || strstr(template, "secboot") || strstr(template, "-ms-");
}

/* A firmware that can (loader's secure, the feature) enforces it only with keys, which are in the variables: those that
 * were made from a template with Microsoft's keys have them, unless the features say otherwise. */
static enum tristate secure_boot(struct domain *d, const struct xml_node *os)
{
	const char *template = attr(d, xml_child(os, "nvram"), "template");
	enum tristate can = yes_or_no(attr(d, xml_child(os, "loader"), "secure")), said = feature(d, os, "secure-boot");
	enum tristate keys = feature(d, os, "enrolled-keys");

	if (said == TRI_NO || keys == TRI_NO || (can == TRI_NO && said == TRI_UNKNOWN))
		return TRI_NO;
	if (said == TRI_YES || keys == TRI_YES)
		return TRI_YES;
	return can == TRI_YES && has_keys(template) ? TRI_YES : TRI_UNKNOWN;
}

static void take_firmware(struct domain *d, const struct xml_node *root)
{
	const struct xml_node *os = xml_child(root, "os");
	const char *word = attr(d, os, "firmware");

	if (!strcmp(word, "efi") || !strcmp(attr(d, xml_child(os, "loader"), "type"), "pflash"))
		d->m->firmware = FIRMWARE_UEFI;
	else if (!strcmp(word, "bios"))
		d->m->firmware = FIRMWARE_BIOS;
	d->m->secure_boot = secure_boot(d, os);
}

/* virt-p2v says "variable" with its basis where the machine's clock is off by some seconds. */
static void take_clock(struct domain *d, const struct xml_node *root)
{
	const struct xml_node *clock = xml_child(root, "clock");
	const char *offset = attr(d, clock, "offset");

	if (!strcmp(offset, "variable"))
		offset = attr(d, clock, "basis");
	if (!strcmp(offset, "utc"))
		d->m->clock = CLOCK_UTC;
	else if (!strcmp(offset, "localtime"))
		d->m->clock = CLOCK_LOCALTIME;
	else if (*offset)
		machine_note(d->m, "the clock's offset '%s' is not known", offset);
}

/* --- disks --- */

static enum controller scsi_controller(struct domain *d)
{
	static const struct {
		const char *model;
		enum controller controller;
	} known[] = {{"lsilogic", CONTROLLER_LSILOGIC}, {"lsisas1068", CONTROLLER_LSISAS},
		     {"lsisas1078", CONTROLLER_LSISAS}, {"buslogic", CONTROLLER_BUSLOGIC},
		     {"vmpvscsi", CONTROLLER_PVSCSI},	{"virtio-scsi", CONTROLLER_VIRTIO_SCSI}};
	const struct xml_node *n = xml_child(d->devices, "controller");

	for (; n; n = xml_next(n, "controller")) {
		const char *type = xml_attr_raw(n, "type"); /* borrowed: every disk looks through all of them */

		if (type && !strcmp(type, "scsi"))
			break;
	}
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (!strcmp(attr(d, n, "model"), known[i].model))
			return known[i].controller;
	return CONTROLLER_UNKNOWN;
}

/* By the bus; without one by the name, as virt-p2v gives the real one and no bus. */
static enum controller controller_of(struct domain *d, const struct xml_node *target)
{
	static const struct {
		const char *bus, *prefix;
		enum controller controller;
	} known[] = {{"ide", "hd", CONTROLLER_IDE},
		     {"sata", NULL, CONTROLLER_SATA},
		     {"virtio", "vd", CONTROLLER_VIRTIO_BLK},
		     {"xen", "xvd", CONTROLLER_XEN},
		     {"nvme", "nvme", CONTROLLER_NVME}};
	const char *bus = attr(d, target, "bus"), *dev = attr(d, target, "dev");

	if (!strcmp(bus, "scsi"))
		return scsi_controller(d);
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (*bus ? !strcmp(bus, known[i].bus)
			 : known[i].prefix && !strncmp(dev, known[i].prefix, strlen(known[i].prefix)))
			return known[i].controller;
	return CONTROLLER_UNKNOWN;
}

static bool is_this_host(const char *name)
{
	return !strcmp(name, "localhost") || !strcmp(name, "127.0.0.1") || !strcmp(name, "::1");
}

/* An NBD server on this host's loopback: where `ssh -R` puts that of a physical machine. */
static int take_nbd(struct domain *d, const struct xml_node *source, struct disk *disk, struct err *err)
{
	const struct xml_node *host = xml_child(source, "host");
	const char *name = attr(d, host, "name"), *port = attr(d, host, "port");
	uint64_t number;

	if (strcmp(attr(d, source, "protocol"), "nbd") != 0)
		return err_set(err, ERR_UNSUPPORTED, "it is reached by '%s': only nbd is understood",
			       attr(d, source, "protocol"));
	if (*attr(d, source, "name") || !strcmp(attr(d, source, "tls"), "yes"))
		return err_set(err, ERR_UNSUPPORTED,
			       "an NBD server with names for its exports or TLS is not understood");
	if (!is_this_host(name))
		return err_set(err, ERR_POLICY,
			       "its NBD server is on '%s': only localhost is taken; bring it here by a tunnel (ssh -L)",
			       name);
	if (text_number("port", *port ? port : "10809", PORT_MAX, &number, err) < 0)
		return -1;
	if (!number)
		return err_set(err, ERR_CORRUPT, "port 0 is none");
	disk->live = true;
	disk->port = (uint16_t)number;
	return 0;
}

/* Our name of a format of libvirt's; NULL: by the image itself. */
static const char *format_of(const char *type)
{
	static const char *const same[] = {"raw", "qcow2", "qcow", "qed", "vdi", "vmdk", "vhdx"};

	for (size_t i = 0; i < sizeof same / sizeof *same; i++)
		if (!strcmp(type, same[i]))
			return same[i];
	return !strcmp(type, "vpc") ? "vhd" : NULL;
}

/* An image of this host; where it is, is looked up later (host_disk.h). */
static int take_file(struct domain *d, const struct xml_node *n, const struct xml_node *source, struct disk *disk,
		     struct err *err)
{
	const char *file = attr(d, source, "file");

	if (!*file)
		return err_set(err, ERR_CORRUPT, "it has no file");
	if (source && xml_child(source, "slices"))
		return err_set(err, ERR_UNSUPPORTED, "it is a slice of '%s', which is not understood", file);
	if (xml_child(n, "transient"))
		machine_note(d->m, "line %u: the disk forgot its changes at power-off; the result keeps them",
			     xml_line(n));
	disk->file = arena_strdup(d->a, file);
	disk->format = arena_strdup(d->a, format_of(attr(d, xml_child(n, "driver"), "type")));
	return 0;
}

static int take_source(struct domain *d, const struct xml_node *n, struct disk *disk, struct err *err)
{
	const struct xml_node *source = xml_child(n, "source");
	const char *type = attr(d, n, "type");

	if (!strcmp(type, "file"))
		return take_file(d, n, source, disk, err);
	if (!strcmp(type, "block"))
		return err_set(err, ERR_UNSUPPORTED, "it is the device '%s' of this host: `-i disk` takes devices",
			       attr(d, source, "dev"));
	if (!strcmp(type, "volume"))
		return err_set(err, ERR_UNSUPPORTED,
			       "it is volume '%s' of pool '%s': write its path, which `virsh vol-path` tells, as "
			       "<disk type='file'> with <source file='PATH'/>",
			       attr(d, source, "volume"), attr(d, source, "pool"));
	if (strcmp(type, "network") != 0 || !source)
		return err_set(err, ERR_UNSUPPORTED, "a disk of type '%s' is not understood", type);
	return take_nbd(d, source, disk, err);
}

static int add_disk(struct domain *d, const struct xml_node *n, struct err *err)
{
	const struct xml_node *target = xml_child(n, "target"), *serial = xml_child(n, "serial");
	struct disk disk = {.unit = (unsigned)d->m->disks.n, .controller = controller_of(d, target)};
	const char *dev = attr(d, target, "dev");
	uint64_t sector, order;

	if (d->m->disks.n == LIBVIRTXML_DISKS_MAX)
		return err_set(err, ERR_CORRUPT, "there are more than %d disks", LIBVIRTXML_DISKS_MAX);
	if (take_source(d, n, &disk, err) < 0 ||
	    text_number("sector size", attr(d, xml_child(n, "blockio"), "logical_block_size"), 4096, &sector, err) <
		0 ||
	    text_number("boot order", attr(d, xml_child(n, "boot"), "order"), LIBVIRTXML_DISKS_MAX, &order, err) < 0)
		return -1;
	if (sector && sector != 512 && sector != 4096)
		return err_set(err, ERR_CORRUPT, "sectors of %u bytes: 512 or 4096 are expected", (unsigned)sector);
	disk.logical_sector = (uint32_t)sector;
	disk.boot_order = (int)order;
	disk.serial = serial ? xml_text(serial, d->a) : NULL;
	if (disk.live) {
		disk.file = arena_strdup(d->a, *dev ? dev : "disk");
		disk.format = arena_strdup(d->a, "raw");
	}
	*vec_push(d->a, &d->m->disks) = disk;
	return 0;
}

/* What a drive holds is left out, as for every source. */
static void add_drive(struct domain *d, const struct xml_node *n, enum removable_kind kind)
{
	*vec_push(d->a, &d->m->removables) =
	    (struct removable){.kind = kind, .controller = controller_of(d, xml_child(n, "target"))};
}

static int add_disks(struct domain *d, struct err *err)
{
	for (const struct xml_node *n = xml_child(d->devices, "disk"); n; n = xml_next(n, "disk")) {
		const char *device = attr(d, n, "device");

		if (d->m->removables.n > LIBVIRTXML_DISKS_MAX)
			return err_set(err, ERR_CORRUPT, "there are more than %d drives", LIBVIRTXML_DISKS_MAX);
		if (!strcmp(device, "cdrom"))
			add_drive(d, n, REMOVABLE_CDROM);
		else if (!strcmp(device, "floppy"))
			add_drive(d, n, REMOVABLE_FLOPPY);
		else if (add_disk(d, n, err) < 0)
			return err_wrap(err, "line %u: disk '%s'", xml_line(n), attr(d, xml_child(n, "target"), "dev"));
	}
	return 0;
}

/* --- network cards --- */

/* On a physical machine the card's name there tells what udev of another system may call it. */
static void take_live_name(struct domain *d, const char *dev, struct nic *nic)
{
	static const char *const prefixes[NIC_NAMES] = {"eno", "ens", "enp"};

	for (unsigned i = 0; i < NIC_NAMES; i++)
		if (!strncmp(dev, prefixes[i], 3) && strlen(dev) <= NIC_NAME_MAX &&
		    dev[strspn(dev, "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0')
			nic->names[i] = arena_strdup(d->a, dev);
}

static void take_network(struct domain *d, const struct xml_node *n, struct nic *nic)
{
	const struct xml_node *source = xml_child(n, "source");
	const char *type = attr(d, n, "type"), *name = "";

	nic->kind = !strcmp(type, "bridge") ? NET_BRIDGE : NET_NETWORK;
	if (!strcmp(type, "network") || !strcmp(type, "bridge"))
		name = attr(d, source, type);
	else
		machine_note(d->m, "line %u: a network card of type '%s' is taken for one on the network 'default'",
			     xml_line(n), type);
	nic->network = arena_strdup(d->a, *name ? name : "default");
}

static int add_nic(struct domain *d, const struct xml_node *n, bool physical, struct err *err)
{
	const struct xml_node *mac = xml_child(n, "mac");
	const char *model = attr(d, xml_child(n, "model"), "type"), *address = attr(d, mac, "address");
	struct nic nic = {.pci_slot = -1, .connected = strcmp(attr(d, xml_child(n, "link"), "state"), "down") != 0};

	if (d->m->nics.n == LIBVIRTXML_NICS_MAX)
		return err_set(err, ERR_CORRUPT, "there are more than %d network cards", LIBVIRTXML_NICS_MAX);
	if (*address && !text_mac(address, nic.mac))
		return err_set(err, ERR_CORRUPT, "line %u: '%s' is no address of a network card", xml_line(n), address);
	nic.model = *model ? text_nic_model(model) : NIC_UNKNOWN;
	take_network(d, n, &nic);
	if (physical)
		take_live_name(d, attr(d, xml_child(n, "target"), "dev"), &nic);
	*vec_push(d->a, &d->m->nics) = nic;
	return 0;
}

/* --- the domain --- */

static int take_name(struct domain *d, const struct xml_node *root, struct err *err)
{
	const char *name = text_at(d, root, "name");

	if (!*name || strlen(name) > LIBVIRTXML_NAME_MAX)
		return err_set(err, ERR_CORRUPT, "the machine's name has %zu bytes: 1 to %d are expected", strlen(name),
			       LIBVIRTXML_NAME_MAX);
	d->m->name = arena_strdup(d->a, name);
	return 0;
}

static int take_domain(struct domain *d, const struct xml_node *root, struct err *err)
{
	bool physical = !strcmp(attr(d, root, "type"), "physical");

	if (strcmp(xml_name(root), "domain") != 0 || !xml_child(root, "devices"))
		return err_set(err, ERR_CORRUPT, "a <domain> with <devices> is expected, <%s> was found",
			       xml_name(root));
	d->devices = xml_child(root, "devices");
	text_uuid(text_at(d, root, "uuid"), d->m->uuid);
	take_firmware(d, root);
	take_clock(d, root);
	d->m->tpm = xml_child(d->devices, "tpm") != NULL;
	if (take_name(d, root, err) < 0 || take_memory(d, root, err) < 0 || take_cpus(d, root, err) < 0 ||
	    add_disks(d, err) < 0)
		return -1;
	for (const struct xml_node *n = xml_child(d->devices, "interface"); n; n = xml_next(n, "interface"))
		if (add_nic(d, n, physical, err) < 0)
			return -1;
	return 0;
}

int libvirtxml_parse(const void *text, size_t len, struct machine *m, struct err *err)
{
	AUTO(xml_freep) struct xml_doc *doc = NULL;
	struct domain d = {.m = m, .a = &m->arena};

	if (xml_parse(text, len, "the domain", &doc, err) < 0)
		return -1;
	return take_domain(&d, xml_root(doc), err);
}

static int open_libvirtxml(const char *path, const struct source_options *options, struct machine *m, struct err *err)
{
	AUTO(buf_done) struct buf text = BUF_INIT(XML_FILE_MAX);
	struct host_disk_rules rules = {.what = "XML", .beside = true};
	AUTO_FD int dirfd = -1;
	char *folder, *file;

	if (host_path_split(path, &m->arena, &folder, &file, err) < 0)
		return -1;
	rules.folder = folder;
	dirfd = file_open_dir(folder, err);
	if (dirfd < 0 || file_slurp(dirfd, file, &text, err) < 0)
		return -1;
	if (libvirtxml_parse(text.data, text.len, m, err) < 0 || host_disks_find(&rules, options, m, err) < 0)
		return err_wrap(err, "'%s/%s'", folder, file);
	return 0;
}

static int bid(const char *path, const char *head, size_t len)
{
	return text_ends_with(path, ".xml") && memmem(head, len, "<domain", strlen("<domain")) ? 50 : 0;
}

const struct source source_libvirtxml = {
    .kind = "libvirtxml",
    .description = "libvirt XML with images of this host, or disks behind its NBD servers, as virt-p2v sends it",
    .bid = bid,
    .open = open_libvirtxml,
};
