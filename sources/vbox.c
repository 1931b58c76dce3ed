/* VirtualBox's settings of a machine (.vbox), from version 1.11 of the format on: VirtualBox 4.0. The state
 * that counts is the machine's own; its snapshots, which hold the same elements again, are beside it. */
#include "sources/vbox.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/checked.h"
#include "core/base/file.h"
#include "core/base/xml.h"
#include "sources/host_disk.h"
#include "sources/host_path.h"
#include "sources/text.h"

enum {
	VBOX_DISKS_MAX = 256,
	VBOX_NICS_MAX = 64,
	VBOX_CPUS_MAX = 4096,
	VBOX_MEMORY_MAX = 64 << 20, /* MiB: 64 TiB */
	CABLE_IS_THE_RULE = 16,	    /* from version 1.16 on a card without the attribute has its cable in */
};

struct vbox {
	struct machine *m;
	struct arena *a; /* the machine's */
	const struct source_options *options;
	const struct xml_node *machine, *hardware;
	uint64_t version; /* the second part of it: 19 of "1.19-linux" */
};

static const char *attr(struct vbox *v, const struct xml_node *n, const char *name)
{
	const char *value = n ? xml_attr(n, name, v->a) : NULL;

	return value ? value : "";
}

static bool enabled(struct vbox *v, const struct xml_node *n)
{
	return text_true(attr(v, n, "enabled"));
}

/* --- may it be taken at all --- */

static int check_state(struct vbox *v, struct err *err)
{
	const char *state = attr(v, v->machine, "stateFile");

	if (!*state)
		return 0;
	if (!v->options->force)
		return err_set(err, ERR_BLOCKED,
			       "the machine's state is saved ('%s'): start it and shut it down, or discard the state, "
			       "or take its disks as after a power cut with --force",
			       state);
	machine_note(v->m, "the machine's state is saved ('%s'); its disks are taken as after a power cut (--force)",
		     state);
	return 0;
}

static int find_machine(struct vbox *v, const struct xml_node *root, struct err *err)
{
	const char *version = attr(v, root, "version"), *second = strchr(version, '.');

	if (strcmp(xml_name(root), "VirtualBox") != 0)
		return err_set(err, ERR_CORRUPT, "<VirtualBox> is expected, <%s> was found", xml_name(root));
	if (xml_child(root, "MachineEncrypted"))
		return err_set(err, ERR_UNSUPPORTED,
			       "the machine is encrypted: remove the encryption in VirtualBox first (VBoxManage "
			       "encryptvm NAME setencryption --old-password FILE)");
	v->machine = xml_child(root, "Machine");
	v->hardware = v->machine ? xml_child(v->machine, "Hardware") : NULL;
	if (!v->hardware)
		return err_set(err, ERR_CORRUPT, "a <Machine> with its <Hardware> is expected in it");
	for (const char *c = second ? second + 1 : ""; *c >= '0' && *c <= '9' && v->version < 1000; c++)
		v->version = 10 * v->version + (uint64_t)(*c - '0');
	return 0;
}

/* --- hardware --- */

/* What depends on the processor's kind: in <Platform> since version 1.20, before that in the hardware. */
static const struct xml_node *platform_part(const struct vbox *v, const char *name)
{
	const struct xml_node *platform = xml_child(v->machine, "Platform"), *n = xml_child(v->hardware, name);

	platform = platform ? platform : xml_child(v->hardware, "Platform");
	return n || !platform ? n : xml_child(platform, name);
}

static int read_basics(struct vbox *v, struct err *err)
{
	const struct xml_node *description = xml_child(v->machine, "Description");
	const char *name = attr(v, v->machine, "name"), *own = attr(v, v->hardware, "uuid");
	struct machine *m = v->m;
	uint64_t cpus, mib;

	if (*name)
		m->name = arena_strdup(v->a, name);
	m->os_hint = arena_strdup(v->a, attr(v, v->machine, "OSType"));
	m->annotation = description ? xml_text(description, v->a) : NULL;
	if (!text_uuid(*own ? own : attr(v, v->machine, "uuid"), m->uuid))
		m->uuid[0] = '\0';
	if (text_number("CPU count", attr(v, platform_part(v, "CPU"), "count"), VBOX_CPUS_MAX, &cpus, err) < 0 ||
	    text_number("RAMSize", attr(v, xml_child(v->hardware, "Memory"), "RAMSize"), VBOX_MEMORY_MAX, &mib, err) <
		0)
		return -1;
	m->vcpus = cpus ? (unsigned)cpus : 1; /* left out for one */
	m->memory = mib * MIB;
	return 0;
}

static void read_firmware(struct vbox *v)
{
	const struct xml_node *n = xml_child(v->hardware, "Firmware"), *inside = xml_path(v->hardware, "BIOS/Firmware");
	const char *type = attr(v, n ? n : inside, "type");

	v->m->firmware = FIRMWARE_BIOS;
	if (!strncasecmp(type, "efi", 3))
		v->m->firmware = FIRMWARE_UEFI;
	else if (*type && strcasecmp(type, "bios") != 0)
		machine_note(v->m, "the firmware '%s' is not known: taken as bios", type);
	if (!strcasecmp(type, "EFI32"))
		machine_note(v->m, "its UEFI has 32 bits, the result's has 64");
}

static void read_rest(struct vbox *v)
{
	const char *tpm = attr(v, xml_child(v->hardware, "TrustedPlatformModule"), "type");
	const char *clock = attr(v, platform_part(v, "RTC"), "localOrUTC");

	v->m->tpm = *tpm && strcasecmp(tpm, "None") != 0;
	v->m->clock = !strcasecmp(clock, "UTC") ? CLOCK_UTC : CLOCK_LOCALTIME;
	if (enabled(v, xml_child(v->hardware, "AudioAdapter")))
		machine_note(v->m, "the sound card has no place in the result");
	if (text_true(xml_attr_raw(v->machine, "aborted")))
		machine_note(v->m, "the machine was aborted: its disks are as after a power cut");
	if (xml_child(v->machine, "Snapshot"))
		machine_note(v->m, "the machine has snapshots: its present state is taken, they are left out");
}

/* --- network --- */

static const struct mode {
	const char *element;
	enum net_kind kind;
	const char *fallback; /* where it has no name */
} modes[] = {
    {"NAT", NET_NETWORK, "NAT"},
    {"NATNetwork", NET_NETWORK, "NatNetwork"},
    {"BridgedInterface", NET_BRIDGE, "bridged"},
    {"InternalNetwork", NET_NETWORK, "intnet"},
    {"HostOnlyInterface", NET_NETWORK, "hostonly"},
    {"HostOnlyNetwork", NET_NETWORK, "hostonly"},
    {"CloudNetwork", NET_NETWORK, "cloud"},
    {"GenericInterface", NET_NETWORK, "generic"},
};

/* What a card is connected to; those of other modes that it had are in <DisabledModes>. Without any it hangs loose. */
static void nic_network(struct vbox *v, const struct xml_node *n, struct nic *nic)
{
	const char *name;

	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
		const struct xml_node *mode = xml_child(n, modes[i].element);

		if (!mode)
			continue;
		name = attr(v, mode, "name");
		nic->kind = modes[i].kind;
		nic->network = arena_strdup(v->a, *name ? name : modes[i].fallback);
		return;
	}
	nic->kind = NET_NETWORK;
	nic->network = arena_strdup(v->a, "none");
	nic->connected = false;
}

static int add_nic(struct vbox *v, const struct xml_node *n, struct err *err)
{
	const char *mac = attr(v, n, "MACAddress"), *type = attr(v, n, "type"), *cable = attr(v, n, "cable");
	struct nic nic = {.pci_slot = -1};

	if (v->m->nics.n == VBOX_NICS_MAX)
		return err_set(err, ERR_CORRUPT, "there are more than %d network cards", VBOX_NICS_MAX);
	nic.connected = *cable ? text_true(cable) : v->version >= CABLE_IS_THE_RULE;
	if (!text_mac(mac, nic.mac)) {
		nic.mac[0] = '\0';
		machine_note(v->m, "line %u: '%s' is not a MAC address", xml_line(n), mac);
	}
	nic.model = *type ? text_nic_model(type) : NIC_PCNET; /* left out for the oldest */
	if (nic.model == NIC_UNKNOWN)
		machine_note(v->m, "line %u: the card '%s' is not known", xml_line(n), type);
	nic_network(v, n, &nic);
	*vec_push(v->a, &v->m->nics) = nic;
	return 0;
}

static int read_nics(struct vbox *v, struct err *err)
{
	const struct xml_node *network = xml_child(v->hardware, "Network");

	for (const struct xml_node *n = network ? xml_child(network, "Adapter") : NULL; n; n = xml_next(n, "Adapter"))
		if (enabled(v, n) && add_nic(v, n, err) < 0)
			return -1;
	return 0;
}

/* --- disks and drives --- */

static bool is_encrypted(const struct xml_node *medium)
{
	for (const struct xml_node *p = xml_child(medium, "Property"); p; p = xml_next(p, "Property")) {
		const char *name = xml_attr_raw(p, "name");

		if (name && !strcmp(name, "CRYPT/KeyStore"))
			return true;
	}
	return false;
}

/* A disk of the registry, which is a tree of images and those made on them; NULL: none has that UUID. The keys of an
 * encrypted one are the first image's, whose deltas are encrypted, too. */
static const struct xml_node *find_medium(const struct xml_node *n, const char *uuid, bool *ret_encrypted)
{
	for (; n; n = xml_next(n, "HardDisk")) {
		const char *own = xml_attr_raw(n, "uuid");
		const struct xml_node *found = own && !strcasecmp(own, uuid) ? n : NULL;

		if (!found)
			found = find_medium(xml_child(n, "HardDisk"), uuid, ret_encrypted);
		if (found) {
			*ret_encrypted |= is_encrypted(n);
			return found;
		}
	}
	return NULL;
}

static const char *format_of(const char *name)
{
	static const char *const pairs[][2] = {{"VDI", "vdi"},	 {"VMDK", "vmdk"}, {"VHD", "vhd"},
					       {"VHDX", "vhdx"}, {"QED", "qed"},   {"Parallels", "parallels"},
					       {"RAW", "raw"}};

	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
		if (!strcasecmp(name, pairs[i][0]))
			return pairs[i][1];
	return NULL; /* "QCOW" is version 1 to 3: by the image itself */
}

/* What a medium is; where its file is, is looked up later (host_disk.h). Its texts are copied once they are known to be
 * short: several disks may name it. */
static int take_medium(struct vbox *v, const char *uuid, struct disk *disk, struct err *err)
{
	const struct xml_node *disks = xml_path(v->machine, "MediaRegistry/HardDisks"), *medium;
	const char *format, *file;
	bool encrypted = false;

	medium = find_medium(xml_child(disks, "HardDisk"), uuid, &encrypted);
	if (!medium)
		return err_set(err, ERR_UNSUPPORTED,
			       "the image %s is not in the file's media registry (before VirtualBox 4.0 it was in "
			       "VirtualBox.xml): name the disk itself, `-i disk` takes it",
			       uuid);
	format = xml_attr_raw(medium, "format");
	file = xml_attr_raw(medium, "location");
	if (format && !strcasecmp(format, "iSCSI"))
		return err_set(err, ERR_UNSUPPORTED, "the image %s is reached by iSCSI, which is not read", uuid);
	if (!file || !*file || strlen(file) >= PATH_MAX)
		return err_set(err, ERR_CORRUPT, "line %u: the image %s has no location of 1 to %d bytes",
			       xml_line(medium), uuid, PATH_MAX - 1);
	if (encrypted)
		return err_set(err, ERR_UNSUPPORTED,
			       "'%s' is encrypted: remove the encryption in VirtualBox first (VBoxManage encryptmedium "
			       "%s --old-password FILE)",
			       file, uuid);
	disk->file = arena_strdup(v->a, file);
	disk->format = arena_strdup(v->a, format ? format_of(format) : NULL);
	return 0;
}

static enum controller controller_of(const char *type)
{
	if (!strcasecmp(type, "PIIX3") || !strcasecmp(type, "PIIX4") || !strcasecmp(type, "ICH6"))
		return CONTROLLER_IDE;
	return text_scsi_model(
	    type); /* AHCI, LsiLogic, LsiLogicSas, BusLogic, NVMe, VirtioSCSI; USB and floppies: none */
}

struct slot {
	enum controller controller;
	unsigned bus;
	uint64_t port, device;
	const char *name; /* the controller's */
};

static int add_disk(struct vbox *v, const struct xml_node *image, const struct slot *s, struct err *err)
{
	struct disk disk = {.controller = s->controller, .bus = s->bus, .unit = (unsigned)s->port};

	if (v->m->disks.n == VBOX_DISKS_MAX)
		return err_set(err, ERR_CORRUPT, "there are more than %d disks", VBOX_DISKS_MAX);
	if (s->controller == CONTROLLER_IDE)
		disk.unit = (unsigned)(2 * s->port + s->device);
	if (take_medium(v, attr(v, image, "uuid"), &disk, err) < 0)
		return -1;
	*vec_push(v->a, &v->m->disks) = disk;
	return 0;
}

static int add_drive(struct vbox *v, const struct slot *s, enum removable_kind kind, bool medium, struct err *err)
{
	if (v->m->removables.n == VBOX_DISKS_MAX)
		return err_set(err, ERR_CORRUPT, "there are more than %d drives", VBOX_DISKS_MAX);
	*vec_push(v->a, &v->m->removables) = (struct removable){
	    .kind = kind, .controller = s->controller, .bus = s->bus, .unit = (unsigned)(2 * s->port + s->device)};
	if (medium)
		machine_note(v->m, "%s, port %u: its medium is left out, the drive is empty", s->name,
			     (unsigned)s->port);
	return 0;
}

static int read_device(struct vbox *v, const struct xml_node *n, struct slot *s, struct err *err)
{
	const struct xml_node *image = xml_child(n, "Image");
	const char *type = attr(v, n, "type");

	if (text_number("port", attr(v, n, "port"), UINT16_MAX, &s->port, err) < 0 ||
	    text_number("device", attr(v, n, "device"), 1, &s->device, err) < 0)
		return -1;
	if (!strcmp(type, "DVD") || !strcmp(type, "Floppy"))
		return add_drive(v, s, *type == 'D' ? REMOVABLE_CDROM : REMOVABLE_FLOPPY, image != NULL, err);
	return image ? add_disk(v, image, s, err) : 0; /* a disk's slot may be empty */
}

static int by_unit(const void *a, const void *b)
{
	const struct disk *x = a, *y = b;

	return (x->unit > y->unit) - (x->unit < y->unit);
}

/* Its devices stand in the order in which they were attached: that of the ports is the machine's. */
static int read_controller(struct vbox *v, const struct xml_node *c, unsigned bus, struct err *err)
{
	struct slot s = {.controller = controller_of(attr(v, c, "type")), .bus = bus, .name = attr(v, c, "name")};
	size_t before = v->m->disks.n;

	for (const struct xml_node *n = xml_child(c, "AttachedDevice"); n; n = xml_next(n, "AttachedDevice"))
		if (read_device(v, n, &s, err) < 0)
			return err_wrap(err, "controller '%s', line %u", s.name, xml_line(n));
	if (v->m->disks.n > before)
		qsort(v->m->disks.v + before, v->m->disks.n - before, sizeof *v->m->disks.v, by_unit);
	return 0;
}

/* Within the hardware since version 1.19, before that beside it. */
static int read_controllers(struct vbox *v, struct err *err)
{
	const struct xml_node *all = xml_child(v->hardware, "StorageControllers"), *c;
	unsigned bus = 0;

	all = all ? all : xml_child(v->machine, "StorageControllers");
	for (c = xml_child(all, "StorageController"); c; c = xml_next(c, "StorageController"))
		if (read_controller(v, c, bus++, err) < 0)
			return -1;
	return 0;
}

int vbox_parse(const void *text, size_t len, const struct source_options *options, struct machine *m, struct err *err)
{
	AUTO(xml_freep) struct xml_doc *doc = NULL;
	struct vbox v = {.m = m, .a = &m->arena, .options = options};

	if (xml_parse(text, len, "the settings", &doc, err) < 0)
		return -1;
	if (find_machine(&v, xml_root(doc), err) < 0 || check_state(&v, err) < 0 || read_basics(&v, err) < 0)
		return -1;
	read_firmware(&v);
	read_rest(&v);
	return read_nics(&v, err) < 0 ? -1 : read_controllers(&v, err);
}

/* --- the file --- */

static int open_in(const char *folder, const char *file, const struct source_options *options, struct machine *m,
		   struct err *err)
{
	const struct host_disk_rules rules = {.folder = folder, .what = ".vbox file", .beside = true};
	AUTO(buf_done) struct buf text = BUF_INIT(XML_SIZE_MAX);
	AUTO_FD int dirfd = file_open_dir(folder, err);

	if (dirfd < 0)
		return -1;
	if (file_slurp(dirfd, file, &text, err) < 0 || vbox_parse(text.data, text.len, options, m, err) < 0)
		return -1;
	return host_disks_find(&rules, options, m, err);
}

static int open_vbox(const char *path, const struct source_options *options, struct machine *m, struct err *err)
{
	char *folder, *file;

	if (host_path_description(path, ".vbox", &m->arena, &folder, &file, err) < 0)
		return -1;
	if (open_in(folder, file, options, m, err) < 0)
		return err_wrap(err, "'%s/%s'", folder, file);
	if (!m->name)
		m->name = host_path_stem(&m->arena, file);
	return 0;
}

static int bid(const char *path, const char *head, size_t len)
{
	if (text_ends_with(path, ".vbox"))
		return 90;
	return host_path_endings(path, ".vbox") ? 50 : 0;
}

const struct source source_vbox = {
    .kind = "vbox",
    .description = "VirtualBox machine (.vbox) with its disks beside it, or the folder of one",
    .bid = bid,
    .open = open_vbox,
};
