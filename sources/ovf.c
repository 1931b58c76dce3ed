/* OVF descriptors as a machine. */
#include "sources/ovf.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/checked.h"
#include "core/base/xml.h"
#include "sources/text.h"

enum {
	DISKS_MAX = 256, /* ESXi 8: 4 controllers of 64 */
	NICS_MAX = 64,	 /* ESXi 8: 10 */
	VCPUS_MAX = 4096,
	ITEMS_MAX = 1024,
};

/* Above any machine that exists (ESXi 8: 24 TiB); keeps sums of sizes far from overflow. */
#define MEMORY_MAX (64 * TIB)

/* CIM_ResourceAllocationSettingData.ResourceType, the values that concern us. */
enum resource {
	RESOURCE_CPU = 3,
	RESOURCE_MEMORY = 4,
	RESOURCE_IDE = 5,
	RESOURCE_SCSI = 6,
	RESOURCE_ETHERNET = 10,
	RESOURCE_FLOPPY = 14,
	RESOURCE_CD = 15,
	RESOURCE_DVD = 16,
	RESOURCE_DISK = 17,
	RESOURCE_STORAGE = 20, /* "other storage device": SATA, NVMe */
	RESOURCE_USB = 23,
	RESOURCE_VIDEO = 24,
	RESOURCE_LOGICAL_DISK = 31,
};

struct item {
	const struct xml_node *node;
	const char *id;	   /* InstanceID */
	const char *words; /* what it is called, for messages */
	uint64_t type;
	bool of_configuration; /* stands only in the chosen deployment option */
};

struct parser {
	struct machine *m;
	struct arena *a; /* the machine's */
	struct ovf *ovf;
	const struct source_options *options;
	const char *name;
	const struct xml_node *envelope, *system, *hardware;
	VEC(struct item) items;
	struct err *err;
};

/* OVF 0.9 names a section by xsi:type: <Section xsi:type="ovf:DiskSection_Type">. */
static bool is_section(const struct xml_node *n, const char *kind)
{
	const char *type, *colon;
	size_t len = strlen(kind);

	if (!strcmp(xml_name(n), kind))
		return true;
	if (strcmp(xml_name(n), "Section") && strcmp(xml_name(n), "Content"))
		return false;
	type = xml_attr_raw(n, "type");
	if (!type)
		return false;
	colon = strchr(type, ':');
	type = colon ? colon + 1 : type;
	return !strncmp(type, kind, len) && !strcmp(type + len, "_Type");
}

static const struct xml_node *section(const struct xml_node *parent, const char *kind)
{
	const struct xml_node *n = xml_child(parent, NULL);

	while (n && !is_section(n, kind))
		n = xml_next(n, NULL);
	return n;
}

static const char *or_empty(const char *s)
{
	return s ? s : "";
}

/* --- which system --- */

static const char *system_name(struct parser *p, const struct xml_node *n)
{
	const char *name = xml_text(xml_child(n, "Name"), p->a);

	return name && *name ? name : or_empty(xml_attr(n, "id", p->a));
}

/* The first of all systems beneath n, or the one called by --vm; all their names go to names. */
static void find_system(struct parser *p, const struct xml_node *n, unsigned *count, struct buf *names)
{
	for (n = xml_child(n, NULL); n; n = xml_next(n, NULL)) {
		const char *name, *id, *wanted = p->options->vm;

		if (is_section(n, "VirtualSystemCollection"))
			find_system(p, n, count, names); /* as deep as XML_DEPTH_MAX */
		if (!is_section(n, "VirtualSystem"))
			continue;
		name = system_name(p, n);
		id = or_empty(xml_attr_raw(n, "id"));
		buf_addf(names, "%s'%s'", *count ? ", " : "", name);
		++*count;
		if (!p->system && (!wanted || !strcmp(wanted, name) || !strcmp(wanted, id)))
			p->system = n;
	}
}

static int choose_system(struct parser *p)
{
	AUTO(buf_done) struct buf names = BUF_INIT(1024); /* more names than that are cut */
	unsigned count = 0;

	find_system(p, p->envelope, &count, &names);
	if (!count)
		return err_set(p->err, ERR_CORRUPT, "there is no VirtualSystem");
	if (count > 1 && !p->options->vm)
		return err_set(p->err, ERR_BLOCKED, "there are %u virtual systems: choose one with --vm NAME: %s",
			       count, buf_str(&names));
	if (!p->system)
		return err_set(p->err, ERR_BLOCKED, "there is no virtual system '%s': there are %s", p->options->vm,
			       buf_str(&names));
	return 0;
}

/* --- which items --- */

/* The deployment option that is the default, or the first; NULL none (DSP0243 9.8). */
static const char *default_configuration(struct parser *p)
{
	const struct xml_node *options = section(p->envelope, "DeploymentOptionSection");
	const struct xml_node *first = xml_child(options, "Configuration");

	for (const struct xml_node *c = first; c; c = xml_next(c, "Configuration"))
		if (text_true(xml_attr_raw(c, "default")))
			return xml_attr(c, "id", p->a);
	return xml_attr(first, "id", p->a);
}

static bool list_has(const char *list, const char *word)
{
	while (list && word && *list) {
		size_t len = strcspn(list, " \t\r\n");

		if (strlen(word) == len && !memcmp(list, word, len))
			return true;
		list += len;
		list += strspn(list, " \t\r\n");
	}
	return false;
}

static char *item_text(struct parser *p, const struct item *i, const char *name)
{
	return xml_text(xml_child(i->node, name), p->a);
}

static bool is_item(const struct xml_node *n)
{
	return !strcmp(xml_name(n), "Item") || !strcmp(xml_name(n), "StorageItem") ||
	       !strcmp(xml_name(n), "EthernetPortItem");
}

static struct item make_item(struct parser *p, const struct xml_node *n)
{
	struct item i = {.node = n};

	i.id = item_text(p, &i, "InstanceID");
	if (!i.id)
		i.id = item_text(p, &i, "InstanceId"); /* 0.9 */
	i.id = or_empty(i.id);
	i.words = item_text(p, &i, "ElementName");
	if (!i.words || !*i.words)
		i.words = item_text(p, &i, "Caption");
	if (!i.words || !*i.words)
		i.words = *i.id ? arena_printf(p->a, "item %s", i.id) : "an item";
	if (!text_u64(item_text(p, &i, "ResourceType"), &i.type))
		i.type = 0;
	return i;
}

/* The place of an item: that of the one with the same InstanceID when a deployment option replaces it (DSP0243 9.8), or
 * a new one. */
static struct item *place_for(struct parser *p, const struct item *i)
{
	VEC_FOR (other, &p->items)
		if (*i->id && !strcmp(other->id, i->id) && other->of_configuration != i->of_configuration)
			return other;
	return vec_push(p->a, &p->items);
}

static int collect_items(struct parser *p)
{
	const char *chosen = default_configuration(p);

	for (const struct xml_node *n = xml_child(p->hardware, NULL); n; n = xml_next(n, NULL)) {
		const char *configuration, *bound;
		struct item item, *place;

		if (!is_item(n))
			continue;
		configuration = xml_attr_raw(n, "configuration");
		bound = xml_attr_raw(n, "bound");
		if (configuration && *configuration && !list_has(configuration, chosen))
			continue;
		if (bound && strcmp(bound, "normal")) /* limits of a range, not a value */
			continue;
		if (p->items.n == ITEMS_MAX)
			return err_set(p->err, ERR_CORRUPT, "there are more than %d hardware items", ITEMS_MAX);
		item = make_item(p, n);
		item.of_configuration = configuration && *configuration;
		place = place_for(p, &item);
		if (!place->node || item.of_configuration)
			*place = item;
	}
	if (chosen)
		machine_note(p->m, "deployment option '%s' was taken", chosen);
	return 0;
}

static const struct item *find_item(struct parser *p, const char *id)
{
	VEC_FOR (i, &p->items)
		if (id && *id && !strcmp(i->id, id))
			return i;
	return NULL;
}

/* vmw:Config and vmw:ExtraConfig beneath n. */
static char *config(struct parser *p, const struct xml_node *n, const char *key)
{
	for (const struct xml_node *c = xml_child(n, NULL); c; c = xml_next(c, NULL)) {
		const char *name;

		if (strcmp(xml_name(c), "Config") && strcmp(xml_name(c), "ExtraConfig"))
			continue;
		name = xml_attr_raw(c, "key");
		if (name && !strcasecmp(name, key))
			return xml_attr(c, "value", p->a);
	}
	return NULL;
}

/* --- CPU and memory --- */

/* text × unit, both optional: 0 when not stated or not a number. */
static uint64_t scaled(struct parser *p, const struct item *i, const char *field, uint64_t unit)
{
	uint64_t v;

	return text_u64(item_text(p, i, field), &v) && mul_fits(v, unit, &v) ? v : 0;
}

static uint64_t unit_of(struct parser *p, const struct item *i, uint64_t missing)
{
	const char *text = item_text(p, i, "AllocationUnits");
	uint64_t unit;

	if (!text || !*text)
		return missing;
	if (text_unit(text, &unit))
		return unit;
	machine_note(p->m, "%s: the unit '%s' is not known", i->words, text);
	return missing;
}

/* An item without a quantity says nothing but its reservation; what it leaves open is filled in later. */
static bool has_quantity(struct parser *p, const struct item *i)
{
	if (*or_empty(item_text(p, i, "VirtualQuantity")))
		return true;
	machine_note(p->m, "%s: there is no VirtualQuantity", i->words);
	return false;
}

static int read_cpu(struct parser *p, const struct item *i)
{
	const uint64_t mhz = 1000000;
	uint64_t n, unit = unit_of(p, i, mhz), cores = 0;

	if (!has_quantity(p, i))
		return 0;
	if (!text_u64(item_text(p, i, "VirtualQuantity"), &n) || !n || n > VCPUS_MAX)
		return err_set(p->err, ERR_CORRUPT, "%s: VirtualQuantity '%s' is not a number of CPUs", i->words,
			       item_text(p, i, "VirtualQuantity"));
	p->m->vcpus = (unsigned)n;
	if (text_u64(item_text(p, i, "CoresPerSocket"), &cores) && cores && cores <= n && n % cores == 0) {
		p->m->cores = (unsigned)cores;
		p->m->sockets = (unsigned)(n / cores);
		p->m->threads = 1;
	}
	p->m->policy.cpu_limit_mhz = scaled(p, i, "Limit", unit) / mhz;
	p->m->policy.cpu_reservation_mhz = scaled(p, i, "Reservation", unit) / mhz;
	p->m->policy.cpu_shares = scaled(p, i, "Weight", 1);
	return 0;
}

static int read_memory(struct parser *p, const struct item *i)
{
	uint64_t n, unit = unit_of(p, i, MIB);
	const char *text = item_text(p, i, "VirtualQuantity");

	if (!has_quantity(p, i))
		return 0;
	if (!text_u64(text, &n) || !n || !mul_fits(n, unit, &n) || n > MEMORY_MAX)
		return err_set(p->err, ERR_CORRUPT, "%s: VirtualQuantity '%s' is not an amount of memory", i->words,
			       text);
	p->m->memory = n;
	p->m->policy.memory_limit = scaled(p, i, "Limit", unit);
	p->m->policy.memory_reservation = scaled(p, i, "Reservation", unit);
	p->m->policy.memory_shares = scaled(p, i, "Weight", 1);
	return 0;
}

/* --- disks --- */

static const struct xml_node *by_attr(const struct xml_node *parent, const char *element, const char *attr,
				      const char *value)
{
	for (const struct xml_node *n = xml_child(parent, element); n; n = xml_next(n, element)) {
		const char *v = xml_attr_raw(n, attr);

		if (v && value && !strcmp(v, value))
			return n;
	}
	return NULL;
}

/* The value of a ProductSection property for "${key}"; NULL when text is no reference or names none. */
static const char *property(struct parser *p, const char *text)
{
	size_t len = strlen(text);
	const char *key;

	if (len < 4 || strncmp(text, "${", 2) || text[len - 1] != '}')
		return NULL;
	key = arena_strndup(p->a, text + 2, len - 3);
	for (const struct xml_node *s = xml_child(p->system, NULL); s; s = xml_next(s, NULL))
		if (is_section(s, "ProductSection")) {
			const struct xml_node *n = by_attr(s, "Property", "key", key);

			if (n)
				return xml_attr(n, "value", p->a);
		}
	return NULL;
}

static int disk_capacity(struct parser *p, const struct xml_node *n, const char *id, struct disk *d)
{
	const char *text = xml_attr(n, "capacity", p->a), *units = xml_attr(n, "capacityAllocationUnits", p->a);
	uint64_t unit = 1;

	if (text && *text == '$') {
		const char *value = property(p, text);

		if (!value)
			machine_note(p->m, "disk '%s': the capacity '%s' names a property that has no value", id, text);
		text = value;
	}
	if (!text)
		return 0;
	if (units && *units && !text_unit(units, &unit))
		return err_set(p->err, ERR_CORRUPT, "disk '%s': the unit '%s' of its capacity is not known", id, units);
	if (!text_u64(text, &d->capacity) || !mul_fits(d->capacity, unit, &d->capacity))
		return err_set(p->err, ERR_CORRUPT, "disk '%s': capacity '%s' is not a size", id, text);
	return 0;
}

/* ovf:format is a URI that names the format's specification. Unknown ones are left to the bid. */
static const char *format_of(const char *uri)
{
	if (uri && strcasestr(uri, "vmdk"))
		return "vmdk";
	if (uri && strcasestr(uri, "qcow"))
		return "qcow2";
	return NULL;
}

static int disk_file(struct parser *p, const struct xml_node *n, struct disk *d)
{
	struct ovf_file *f = vec_push(p->a, &p->ovf->files);
	const char *chunk = xml_attr(n, "chunkSize", p->a), *compression = xml_attr(n, "compression", p->a);
	const char *size = xml_attr(n, "size", p->a);

	f->href = xml_attr(n, "href", p->a);
	if (!f->href || !*f->href)
		return err_set(p->err, ERR_CORRUPT, "line %u: a File has no href", xml_line(n));
	if (chunk && *chunk && strcmp(chunk, "0"))
		return err_set(p->err, ERR_UNSUPPORTED,
			       "file '%s' is split into chunks of %s bytes: join them into one file and remove "
			       "ovf:chunkSize",
			       f->href, chunk);
	if (compression && !strcmp(compression, "gzip"))
		d->gzip = true;
	else if (compression && *compression && strcmp(compression, "identity"))
		return err_set(p->err, ERR_UNSUPPORTED, "file '%s' is compressed with '%s', only gzip is read", f->href,
			       compression);
	f->has_size = size && *size;
	if (f->has_size && !text_u64(size, &f->size))
		return err_set(p->err, ERR_CORRUPT, "file '%s': ovf:size '%s' is not a size", f->href, size);
	return 0;
}

static int file_by_id(struct parser *p, const char *id, struct disk *d)
{
	const struct xml_node *n = by_attr(xml_child(p->envelope, "References"), "File", "id", id);

	return n ? disk_file(p, n, d)
		 : err_set(p->err, ERR_CORRUPT, "there is no File with the id '%s' in References", id);
}

static int disk_by_id(struct parser *p, const char *id, struct disk *d)
{
	const struct xml_node *n = by_attr(section(p->envelope, "DiskSection"), "Disk", "diskId", id);
	const char *file, *parent;

	if (!n)
		return err_set(p->err, ERR_CORRUPT, "there is no Disk with the id '%s' in the DiskSection", id);
	if (disk_capacity(p, n, id, d) < 0)
		return -1;
	file = xml_attr(n, "fileRef", p->a);
	parent = xml_attr(n, "parentRef", p->a);
	if (!file || !*file)
		return err_set(p->err, ERR_UNSUPPORTED,
			       "disk '%s' has no file: an empty disk of %" PRIu64 " bytes is not made here; "
			       "remove it from the OVF and add a new disk to the result",
			       id, d->capacity);
	if (parent && *parent)
		return err_set(p->err, ERR_UNSUPPORTED,
			       "disk '%s' holds only the differences to disk '%s': export it in full", id, parent);
	d->format = arena_strdup(p->a, format_of(xml_attr(n, "format", p->a)));
	return file_by_id(p, file, d);
}

/* "ovf:/disk/ID", "/disk/ID": which word it begins with, and the ID. */
static const char *resource_id(const char *resource, const char *kind)
{
	size_t len = strlen(kind);

	if (!strncmp(resource, "ovf:", 4))
		resource += 4;
	return *resource == '/' && !strncmp(resource + 1, kind, len) && resource[len + 1] == '/' ? resource + len + 2
												 : NULL;
}

/* The controller an item hangs on. */
static void place_on_parent(struct parser *p, const struct item *i, enum controller *controller, unsigned *bus,
			    unsigned *unit)
{
	const struct item *parent = find_item(p, item_text(p, i, "Parent"));
	const char *model;
	uint64_t n;

	if (text_u64(item_text(p, i, "AddressOnParent"), &n) && n < 1024)
		*unit = (unsigned)n;
	if (!parent)
		return;
	model = item_text(p, parent, "ResourceSubType");
	if (parent->type == RESOURCE_IDE)
		*controller = CONTROLLER_IDE;
	else
		*controller = text_scsi_model(model);
	if (*controller == CONTROLLER_UNKNOWN && parent->type == RESOURCE_SCSI) {
		*controller = CONTROLLER_LSILOGIC;
		if (model && *model)
			machine_note(p->m, "%s: the SCSI model '%s' is not known: taken as lsilogic", parent->words,
				     model);
	}
	if (text_u64(item_text(p, parent, "Address"), &n) && n < 1024)
		*bus = (unsigned)n;
}

static int read_disk(struct parser *p, const struct item *i)
{
	const char *resource = or_empty(item_text(p, i, "HostResource")), *id, *iops;
	const char *sectors = config(p, i->node, "virtualDiskFormat");
	struct disk *d;

	if (p->m->disks.n == DISKS_MAX)
		return err_set(p->err, ERR_CORRUPT, "there are more than %d disks", DISKS_MAX);
	d = vec_push(p->a, &p->m->disks);
	place_on_parent(p, i, &d->controller, &d->bus, &d->unit);
	iops = config(p, i->node, "storageIOAllocation.limit"); /* -1: none */
	if (!text_u64(iops, &d->policy.iops))
		d->policy.iops = 0;
	if (sectors && !strcasecmp(sectors, "native_4k"))
		d->logical_sector = 4096;
	id = resource_id(resource, "disk");
	if (id)
		return disk_by_id(p, id, d);
	id = resource_id(resource, "file");
	if (id)
		return file_by_id(p, id, d);
	return err_set(p->err, ERR_CORRUPT, "%s: HostResource '%s' is neither ovf:/disk/ID nor ovf:/file/ID", i->words,
		       resource);
}

/* --- the other devices --- */

static int read_nic(struct parser *p, const struct item *i)
{
	const char *model = item_text(p, i, "ResourceSubType"), *mac = item_text(p, i, "Address"), *slot, *automatic;
	size_t position = p->m->nics.n;
	uint64_t number;
	struct nic *n;

	if (position == NICS_MAX)
		return err_set(p->err, ERR_CORRUPT, "there are more than %d network adapters", NICS_MAX);
	n = vec_push(p->a, &p->m->nics);
	n->kind = NET_NETWORK;
	n->network = arena_strdup(p->a, or_empty(item_text(p, i, "Connection")));
	n->model = text_nic_model(model);
	if (n->model == NIC_UNKNOWN && model && *model)
		machine_note(p->m, "%s: the model '%s' is not known", i->words, model);
	if (mac && *mac && !text_mac(mac, n->mac))
		machine_note(p->m, "%s: '%s' is not a MAC address", i->words, mac);
	automatic = item_text(p, i, "AutomaticAllocation");
	n->connected = !automatic || !*automatic || text_true(automatic);
	slot = config(p, i->node, "slotInfo.pciSlotNumber");
	if (!slot)
		slot = config(p, p->hardware, arena_printf(p->a, "ethernet%zu.pciSlotNumber", position));
	n->pci_slot = text_u64(slot, &number) && number <= INT32_MAX ? (int)number : -1;
	return 0;
}

static int read_removable(struct parser *p, const struct item *i)
{
	struct removable *r = vec_push(p->a, &p->m->removables);
	const char *resource = or_empty(item_text(p, i, "HostResource"));

	r->kind = i->type == RESOURCE_FLOPPY ? REMOVABLE_FLOPPY : REMOVABLE_CDROM;
	place_on_parent(p, i, &r->controller, &r->bus, &r->unit);
	if (resource_id(resource, "file") || resource_id(resource, "disk"))
		machine_note(p->m, "%s: its medium '%s' is left out, the drive is empty", i->words, resource);
	return 0;
}

static int read_other(struct parser *p, const struct item *i)
{
	const char *model = or_empty(item_text(p, i, "ResourceSubType"));

	if (!strcasecmp(model, "vmware.vtpm"))
		p->m->tpm = true;
	else if (!strncasecmp(model, "vmware.pci.passthrough", 22) || !strncasecmp(model, "vmware.nvdimm", 13))
		machine_note(p->m, "%s (%s) has no place in the result", i->words, model);
	else if (!i->type)
		machine_note(p->m, "%s has no resource type", i->words);
	return 0;
}

static int read_item(struct parser *p, const struct item *i)
{
	switch (i->type) {
	case RESOURCE_CPU:
		return read_cpu(p, i);
	case RESOURCE_MEMORY:
		return read_memory(p, i);
	case RESOURCE_DISK:
	case RESOURCE_LOGICAL_DISK:
		return read_disk(p, i);
	case RESOURCE_ETHERNET:
		return read_nic(p, i);
	case RESOURCE_FLOPPY:
	case RESOURCE_CD:
	case RESOURCE_DVD:
		return read_removable(p, i);
	default:
		return read_other(p, i);
	}
}

/* --- the system --- */

static void read_firmware(struct parser *p)
{
	const char *firmware = config(p, p->hardware, "firmware");
	const char *secure = config(p, p->hardware, "bootOptions.efiSecureBootEnabled");
	const struct xml_node *vbox = xml_path(p->system, "Machine/Hardware");

	if (!firmware) /* VirtualBox keeps its own description beside */
		firmware = xml_attr(xml_path(vbox, "Firmware"), "type", p->a);
	if (!firmware)
		firmware = xml_attr(xml_path(vbox, "BIOS/Firmware"), "type", p->a);
	if (!firmware)
		return;
	if (!strncasecmp(firmware, "efi", 3))
		p->m->firmware = FIRMWARE_UEFI;
	else if (!strcasecmp(firmware, "bios"))
		p->m->firmware = FIRMWARE_BIOS;
	else
		machine_note(p->m, "the firmware '%s' is not known", firmware);
	if (!secure)
		secure = config(p, p->hardware, "uefi.secureBoot.enabled");
	if (!secure)
		secure = config(p, p->hardware, "secureBoot.enabled");
	if (secure)
		p->m->secure_boot = text_true(secure) ? TRI_YES : TRI_NO;
}

static void read_os(struct parser *p)
{
	const struct xml_node *os = section(p->system, "OperatingSystemSection");
	const char *hint = xml_attr(os, "osType", p->a);

	if (!hint || !*hint)
		hint = xml_text(xml_child(os, "Description"), p->a);
	if (hint && *hint)
		p->m->os_hint = arena_strdup(p->a, hint);
	p->m->clock = text_clock(p->m->os_hint);
}

static void read_words(struct parser *p)
{
	const char *note = xml_text(xml_child(section(p->system, "AnnotationSection"), "Annotation"), p->a);
	const char *name = system_name(p, p->system), *uuid = config(p, p->hardware, "uuid");

	if (!*name)
		name = or_empty(xml_text(xml_path(p->hardware, "System/VirtualSystemIdentifier"), p->a));
	if (*name)
		p->m->name = arena_strdup(p->a, name);
	if (note && *note)
		p->m->annotation = arena_strdup(p->a, note);
	if (!uuid)
		uuid = xml_attr(xml_child(p->system, "Machine"), "uuid", p->a);
	if (!text_uuid(uuid, p->m->uuid))
		p->m->uuid[0] = '\0';
}

/* A section that the author says must be understood, and that isn't, is worth a word. */
static void note_unknown_sections(struct parser *p, const struct xml_node *parent)
{
	static const char *const known[] = {
	    "References",
	    "DiskSection",
	    "NetworkSection",
	    "DeploymentOptionSection",
	    "VirtualSystem",
	    "VirtualSystemCollection",
	    "Info",
	    "Name",
	    "OperatingSystemSection",
	    "VirtualHardwareSection",
	    "AnnotationSection",
	    "ProductSection",
	    "EulaSection",
	    "StartupSection",
	    "InstallSection",
	    "Strings",
	    "ResourceAllocationSection",
	    "Section",
	    "Content",
	    "Machine",
	};

	for (const struct xml_node *n = xml_child(parent, NULL); n; n = xml_next(n, NULL)) {
		const char *required = xml_attr_raw(n, "required");
		bool is_known = required && !text_true(required);

		for (size_t i = 0; i < sizeof known / sizeof *known && !is_known; i++)
			is_known = !strcmp(known[i], xml_name(n));
		if (!is_known)
			machine_note(p->m, "section '%s' (line %u) is not understood", xml_name(n), xml_line(n));
	}
}

static int choose_hardware(struct parser *p)
{
	unsigned count = 0;

	for (const struct xml_node *n = xml_child(p->system, NULL); n; n = xml_next(n, NULL))
		if (is_section(n, "VirtualHardwareSection") && !count++)
			p->hardware = n;
	if (!p->hardware)
		return err_set(p->err, ERR_CORRUPT, "virtual system '%s' has no VirtualHardwareSection",
			       system_name(p, p->system));
	if (count > 1)
		machine_note(p->m, "there are %u alternative hardware descriptions: the first was taken", count);
	return 0;
}

static int parse(struct parser *p)
{
	if (strcmp(xml_name(p->envelope), "Envelope"))
		return err_set(p->err, ERR_CORRUPT, "the root element is '%s', not Envelope", xml_name(p->envelope));
	if (choose_system(p) < 0 || choose_hardware(p) < 0 || collect_items(p) < 0)
		return -1;
	read_words(p);
	read_os(p);
	read_firmware(p);
	note_unknown_sections(p, p->envelope);
	note_unknown_sections(p, p->system);
	VEC_FOR (i, &p->items)
		if (read_item(p, i) < 0)
			return -1;
	return 0;
}

int ovf_parse(const char *text, size_t len, const char *name, const struct source_options *options, struct machine *m,
	      struct ovf *ret, struct err *err)
{
	AUTO(xml_freep) struct xml_doc *doc = NULL;
	struct parser p = {.m = m, .a = &m->arena, .ovf = ret, .options = options, .name = name, .err = err};

	if (xml_parse(text, len, name, &doc, err) < 0)
		return -1;
	p.envelope = xml_root(doc);
	return parse(&p) < 0 ? err_wrap(err, "'%s'", name) : 0;
}
