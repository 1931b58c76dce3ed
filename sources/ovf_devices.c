/* Disks, network adapters and drives of an OVF descriptor. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/checked.h"
#include "sources/ovf_parser.h"
#include "sources/text.h"

enum {
	DISKS_MAX = 256, /* ESXi 8: 4 controllers of 64 */
	NICS_MAX = 64,	 /* ESXi 8: 10 */
	DRIVES_MAX = 256,
	ATTR_MAX = 4096, /* a path, an URI, a number */
};

/* --- disks --- */

/* An attribute of a disk, a file or a property, which several items may name. */
static char *short_attr(struct ovf_parser *p, const struct xml_node *n, const char *name)
{
	const char *value = xml_attr_raw(n, name);

	if (!value || strlen(value) <= ATTR_MAX)
		return xml_attr(n, name, p->a);
	machine_note(p->m, "line %u: %s has more than %d bytes, of which the first count", xml_line(n), name, ATTR_MAX);
	return arena_strndup(p->a, value, ATTR_MAX);
}

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
static const char *property(struct ovf_parser *p, const char *text)
{
	size_t len = strlen(text);
	const char *key;

	if (len < 4 || strncmp(text, "${", 2) || text[len - 1] != '}')
		return NULL;
	key = arena_strndup(p->a, text + 2, len - 3);
	for (const struct xml_node *s = xml_child(p->system, NULL); s; s = xml_next(s, NULL))
		if (ovf_is_section(s, "ProductSection")) {
			const struct xml_node *n = by_attr(s, "Property", "key", key);

			if (n)
				return short_attr(p, n, "value");
		}
	return NULL;
}

static int disk_capacity(struct ovf_parser *p, const struct xml_node *n, const char *id, struct disk *d)
{
	const char *text = short_attr(p, n, "capacity"), *units = short_attr(p, n, "capacityAllocationUnits");
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

static int disk_file(struct ovf_parser *p, const struct xml_node *n, struct disk *d)
{
	struct ovf_file *f = vec_push(p->a, &p->ovf->files);
	const char *chunk = short_attr(p, n, "chunkSize"), *compression = short_attr(p, n, "compression");
	const char *size = short_attr(p, n, "size");

	f->href = short_attr(p, n, "href");
	if (!f->href || !*f->href)
		return err_set(p->err, ERR_CORRUPT, "line %u: a File has no href", xml_line(n));
	if (chunk && *chunk && strcmp(chunk, "0"))
		return err_set(p->err, ERR_UNSUPPORTED,
			       "file '%s' is split into chunks of %s bytes: join them into one file and remove "
			       "ovf:chunkSize",
			       f->href, chunk);
	if (compression && !strcmp(compression, "gzip"))
		d->packed = true;
	else if (compression && *compression && strcmp(compression, "identity"))
		return err_set(p->err, ERR_UNSUPPORTED, "file '%s' is compressed with '%s', only gzip is read", f->href,
			       compression);
	f->has_size = size && *size;
	if (f->has_size && !text_u64(size, &f->size))
		return err_set(p->err, ERR_CORRUPT, "file '%s': ovf:size '%s' is not a size", f->href, size);
	return 0;
}

static int file_by_id(struct ovf_parser *p, const char *id, struct disk *d)
{
	const struct xml_node *n = by_attr(xml_child(p->envelope, "References"), "File", "id", id);

	return n ? disk_file(p, n, d)
		 : err_set(p->err, ERR_CORRUPT, "there is no File with the id '%s' in References", id);
}

static int disk_by_id(struct ovf_parser *p, const char *id, struct disk *d)
{
	const struct xml_node *n = by_attr(ovf_section(p->envelope, "DiskSection"), "Disk", "diskId", id);
	const char *file, *parent;

	if (!n)
		return err_set(p->err, ERR_CORRUPT, "there is no Disk with the id '%s' in the DiskSection", id);
	if (disk_capacity(p, n, id, d) < 0)
		return -1;
	file = short_attr(p, n, "fileRef");
	parent = short_attr(p, n, "parentRef");
	if (!file || !*file)
		return err_set(p->err, ERR_UNSUPPORTED,
			       "disk '%s' has no file: an empty disk of %" PRIu64 " bytes is not made here; "
			       "remove it from the OVF and add a new disk to the result",
			       id, d->capacity);
	if (parent && *parent)
		return err_set(p->err, ERR_UNSUPPORTED,
			       "disk '%s' holds only the differences to disk '%s': export it in full", id, parent);
	d->format = arena_strdup(p->a, format_of(short_attr(p, n, "format")));
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

void ovf_read_controller(struct ovf_parser *p, struct ovf_item *i)
{
	const char *model = ovf_item_text(p, i, "ResourceSubType");
	uint64_t n;

	i->controller = i->type == RESOURCE_IDE ? CONTROLLER_IDE : text_scsi_model(model);
	if (i->controller == CONTROLLER_UNKNOWN && i->type == RESOURCE_SCSI) {
		i->controller = CONTROLLER_LSILOGIC;
		if (model && *model)
			machine_note(p->m, "%s: the SCSI model '%s' is not known: taken as lsilogic", i->words, model);
	}
	if (text_u64(ovf_item_text(p, i, "Address"), &n) && n < 1024)
		i->bus = (unsigned)n;
}

/* The controller an item hangs on. */
static void place_on_parent(struct ovf_parser *p, const struct ovf_item *i, enum controller *controller, unsigned *bus,
			    unsigned *unit)
{
	const struct ovf_item *parent = ovf_find_item(p, ovf_item_text(p, i, "Parent"));
	uint64_t n;

	if (text_u64(ovf_item_text(p, i, "AddressOnParent"), &n) && n < 1024)
		*unit = (unsigned)n;
	if (!parent)
		return;
	*controller = parent->controller;
	*bus = parent->bus;
}

bool ovf_is_backed(struct ovf_parser *p, const struct ovf_item *i)
{
	const char *resource = or_empty(ovf_item_text(p, i, "HostResource"));

	return resource_id(resource, "disk") || resource_id(resource, "file");
}

int ovf_read_disk(struct ovf_parser *p, const struct ovf_item *i)
{
	const char *resource = or_empty(ovf_item_text(p, i, "HostResource")), *id, *iops;
	const char *sectors = ovf_config(p, i->node, "virtualDiskFormat");
	struct disk *d;

	if (p->m->disks.n == DISKS_MAX)
		return err_set(p->err, ERR_CORRUPT, "there are more than %d disks", DISKS_MAX);
	d = vec_push(p->a, &p->m->disks);
	place_on_parent(p, i, &d->controller, &d->bus, &d->unit);
	iops = ovf_config(p, i->node, "storageIOAllocation.limit"); /* -1: none */
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

/* --- network and drives --- */

/* oVirt numbers the models: its VmInterfaceType; the others are of no use elsewhere. */
static enum nic_model nic_model_of(const char *text)
{
	static const struct {
		const char *number;
		enum nic_model model;
	} ovirt[] = {{"1", NIC_RTL8139}, {"2", NIC_E1000}, {"3", NIC_VIRTIO}};

	for (size_t i = 0; i < sizeof ovirt / sizeof *ovirt; i++)
		if (text && !strcmp(text, ovirt[i].number))
			return ovirt[i].model;
	return text_nic_model(text);
}

/* oVirt has it in MACAddress, and in Address the card's place on the PCI bus. */
static void nic_mac(struct ovf_parser *p, const struct ovf_item *i, struct nic *n)
{
	const char *address = ovf_item_text(p, i, "Address");

	if (text_mac(ovf_item_text(p, i, "MACAddress"), n->mac) || text_mac(address, n->mac))
		return;
	if (address && *address)
		machine_note(p->m, "%s: '%s' is not a MAC address", i->words, address);
}

int ovf_read_nic(struct ovf_parser *p, const struct ovf_item *i)
{
	const char *model = ovf_item_text(p, i, "ResourceSubType"), *slot, *automatic;
	size_t position = p->m->nics.n;
	uint64_t number;
	struct nic *n;

	if (position == NICS_MAX)
		return err_set(p->err, ERR_CORRUPT, "there are more than %d network adapters", NICS_MAX);
	n = vec_push(p->a, &p->m->nics);
	n->kind = NET_NETWORK;
	n->network = arena_strdup(p->a, or_empty(ovf_item_text(p, i, "Connection")));
	n->model = nic_model_of(model);
	if (n->model == NIC_UNKNOWN && model && *model)
		machine_note(p->m, "%s: the model '%s' is not known", i->words, model);
	nic_mac(p, i, n);
	automatic = ovf_item_text(p, i, "AutomaticAllocation");
	n->connected = !automatic || !*automatic || text_true(automatic);
	slot = ovf_config(p, i->node, "slotInfo.pciSlotNumber");
	if (!slot)
		slot = ovf_config(p, p->hardware, arena_printf(p->a, "ethernet%zu.pciSlotNumber", position));
	n->pci_slot = text_u64(slot, &number) && number <= INT32_MAX ? (int)number : -1;
	return 0;
}

void ovf_vbox_macs(struct ovf_parser *p)
{
	const struct xml_node *adapter = xml_child(xml_path(p->system, "Machine/Hardware/Network"), "Adapter");
	const char *macs[NICS_MAX] = {NULL};
	size_t count = 0;
	uint64_t slot;

	for (; adapter; adapter = xml_next(adapter, "Adapter"))
		if (text_true(xml_attr_raw(adapter, "enabled")) && text_u64(xml_attr_raw(adapter, "slot"), &slot) &&
		    slot < NICS_MAX)
			macs[slot] = or_empty(xml_attr_raw(adapter, "MACAddress"));
	for (slot = 0; slot < NICS_MAX; slot++)
		if (macs[slot])
			macs[count++] = macs[slot];
	if (count != p->m->nics.n)
		return;
	for (size_t i = 0; i < count; i++)
		if (!*p->m->nics.v[i].mac)
			text_mac(macs[i], p->m->nics.v[i].mac);
}

int ovf_read_removable(struct ovf_parser *p, const struct ovf_item *i)
{
	struct removable *r;

	if (p->m->removables.n == DRIVES_MAX)
		return err_set(p->err, ERR_CORRUPT, "there are more than %d drives", DRIVES_MAX);
	r = vec_push(p->a, &p->m->removables);
	r->kind = i->type == RESOURCE_FLOPPY ? REMOVABLE_FLOPPY : REMOVABLE_CDROM;
	place_on_parent(p, i, &r->controller, &r->bus, &r->unit);
	if (ovf_is_backed(p, i))
		machine_note(p->m, "%s: its medium '%s' is left out, the drive is empty", i->words,
			     ovf_item_text(p, i, "HostResource"));
	return 0;
}
