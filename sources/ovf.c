/* OVF descriptors as a machine. */
#include "sources/ovf.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/checked.h"
#include "sources/ovf_parser.h"
#include "sources/text.h"

/* Above any machine that exists (ESXi 8: 24 TiB); keeps sums of sizes far from overflow. */
#define MEMORY_MAX (64 * TIB)

enum { VCPUS_MAX = 4096, ITEMS_MAX = 1024 };

/* OVF 0.9 names a section by xsi:type: <Section xsi:type="ovf:DiskSection_Type">. */
bool ovf_is_section(const struct xml_node *n, const char *kind)
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

const struct xml_node *ovf_section(const struct xml_node *parent, const char *kind)
{
	const struct xml_node *n = xml_child(parent, NULL);

	while (n && !ovf_is_section(n, kind))
		n = xml_next(n, NULL);
	return n;
}

/* --- which system --- */

static const char *system_name(struct ovf_parser *p, const struct xml_node *n)
{
	const char *name = xml_text(xml_child(n, "Name"), p->a);

	return name && *name ? name : or_empty(xml_attr(n, "id", p->a));
}

/* The first of all systems beneath n, or the one called by --vm; all their names go to names. */
static void find_system(struct ovf_parser *p, const struct xml_node *n, unsigned *count, struct buf *names)
{
	for (n = xml_child(n, NULL); n; n = xml_next(n, NULL)) {
		const char *name, *id, *wanted = p->options->vm;

		if (ovf_is_section(n, "VirtualSystemCollection"))
			find_system(p, n, count, names); /* as deep as XML_DEPTH_MAX */
		if (!ovf_is_section(n, "VirtualSystem"))
			continue;
		name = system_name(p, n);
		id = or_empty(xml_attr_raw(n, "id"));
		buf_addf(names, "%s'%s'", *count ? ", " : "", name);
		++*count;
		if (!p->system && (!wanted || !strcmp(wanted, name) || !strcmp(wanted, id)))
			p->system = n;
	}
}

static int choose_system(struct ovf_parser *p)
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
static const char *default_configuration(struct ovf_parser *p)
{
	const struct xml_node *options = ovf_section(p->envelope, "DeploymentOptionSection");
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

char *ovf_item_text(struct ovf_parser *p, const struct ovf_item *i, const char *name)
{
	return xml_text(xml_child(i->node, name), p->a);
}

static bool is_item(const struct xml_node *n)
{
	return !strcmp(xml_name(n), "Item") || !strcmp(xml_name(n), "StorageItem") ||
	       !strcmp(xml_name(n), "EthernetPortItem");
}

static struct ovf_item make_item(struct ovf_parser *p, const struct xml_node *n)
{
	struct ovf_item i = {.node = n};

	i.id = ovf_item_text(p, &i, "InstanceID");
	if (!i.id)
		i.id = ovf_item_text(p, &i, "InstanceId"); /* 0.9 */
	i.id = or_empty(i.id);
	i.words = ovf_item_text(p, &i, "ElementName");
	if (!i.words || !*i.words)
		i.words = ovf_item_text(p, &i, "Caption");
	if (!i.words || !*i.words)
		i.words = *i.id ? arena_printf(p->a, "item %s", i.id) : "an item";
	if (!text_u64(ovf_item_text(p, &i, "ResourceType"), &i.type))
		i.type = 0;
	return i;
}

/* The place of an item: that of the one with the same InstanceID when a deployment option replaces it (DSP0243 9.8), or
 * a new one. */
static struct ovf_item *place_for(struct ovf_parser *p, const struct ovf_item *i)
{
	VEC_FOR (other, &p->items)
		if (*i->id && !strcmp(other->id, i->id) && other->of_configuration != i->of_configuration)
			return other;
	return vec_push(p->a, &p->items);
}

static int collect_items(struct ovf_parser *p)
{
	const char *chosen = default_configuration(p);

	for (const struct xml_node *n = xml_child(p->hardware, NULL); n; n = xml_next(n, NULL)) {
		const char *configuration, *bound;
		struct ovf_item item, *place;

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

const struct ovf_item *ovf_find_item(struct ovf_parser *p, const char *id)
{
	VEC_FOR (i, &p->items)
		if (id && *id && !strcmp(i->id, id))
			return i;
	return NULL;
}

/* vmw:Config and vmw:ExtraConfig beneath n. */
char *ovf_config(struct ovf_parser *p, const struct xml_node *n, const char *key)
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
static uint64_t scaled(struct ovf_parser *p, const struct ovf_item *i, const char *field, uint64_t unit)
{
	uint64_t v;

	return text_u64(ovf_item_text(p, i, field), &v) && mul_fits(v, unit, &v) ? v : 0;
}

static uint64_t unit_of(struct ovf_parser *p, const struct ovf_item *i, uint64_t missing)
{
	const char *text = ovf_item_text(p, i, "AllocationUnits");
	uint64_t unit;

	if (!text || !*text)
		return missing;
	if (text_unit(text, &unit))
		return unit;
	machine_note(p->m, "%s: the unit '%s' is not known", i->words, text);
	return missing;
}

/* An item without a quantity says nothing but its reservation; what it leaves open is filled in later. */
static bool has_quantity(struct ovf_parser *p, const struct ovf_item *i)
{
	if (*or_empty(ovf_item_text(p, i, "VirtualQuantity")))
		return true;
	machine_note(p->m, "%s: there is no VirtualQuantity", i->words);
	return false;
}

static int read_cpu(struct ovf_parser *p, const struct ovf_item *i)
{
	const uint64_t mhz = 1000000;
	uint64_t n, unit = unit_of(p, i, mhz), cores = 0;

	if (!has_quantity(p, i))
		return 0;
	if (!text_u64(ovf_item_text(p, i, "VirtualQuantity"), &n) || !n || n > VCPUS_MAX)
		return err_set(p->err, ERR_CORRUPT, "%s: VirtualQuantity '%s' is not a number of CPUs", i->words,
			       ovf_item_text(p, i, "VirtualQuantity"));
	p->m->vcpus = (unsigned)n;
	if (text_u64(ovf_item_text(p, i, "CoresPerSocket"), &cores) && cores && cores <= n && n % cores == 0) {
		p->m->cores = (unsigned)cores;
		p->m->sockets = (unsigned)(n / cores);
		p->m->threads = 1;
	}
	p->m->policy.cpu_limit_mhz = scaled(p, i, "Limit", unit) / mhz;
	p->m->policy.cpu_reservation_mhz = scaled(p, i, "Reservation", unit) / mhz;
	p->m->policy.cpu_shares = scaled(p, i, "Weight", 1);
	return 0;
}

static int read_memory(struct ovf_parser *p, const struct ovf_item *i)
{
	uint64_t n, unit = unit_of(p, i, MIB);
	const char *text = ovf_item_text(p, i, "VirtualQuantity");

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

/* --- the rest --- */

static int read_other(struct ovf_parser *p, const struct ovf_item *i)
{
	const char *model = or_empty(ovf_item_text(p, i, "ResourceSubType"));

	if (!strcasecmp(model, "vmware.vtpm"))
		p->m->tpm = true;
	else if (!strncasecmp(model, "vmware.pci.passthrough", 22) || !strncasecmp(model, "vmware.nvdimm", 13))
		machine_note(p->m, "%s (%s) has no place in the result", i->words, model);
	else if (!i->type)
		machine_note(p->m, "%s has no resource type", i->words);
	return 0;
}

static int read_item(struct ovf_parser *p, const struct ovf_item *i)
{
	switch (i->type) {
	case RESOURCE_CPU:
		return read_cpu(p, i);
	case RESOURCE_MEMORY:
		return read_memory(p, i);
	case RESOURCE_DISK:
	case RESOURCE_LOGICAL_DISK:
		return ovf_read_disk(p, i);
	case RESOURCE_STORAGE_EXTENT:
		return ovf_is_backed(p, i) ? ovf_read_disk(p, i) : read_other(p, i);
	case RESOURCE_ETHERNET:
		return ovf_read_nic(p, i);
	case RESOURCE_FLOPPY:
	case RESOURCE_CD:
	case RESOURCE_DVD:
		return ovf_read_removable(p, i);
	default:
		return read_other(p, i);
	}
}

/* --- the system --- */

static void read_firmware(struct ovf_parser *p)
{
	const char *firmware = ovf_config(p, p->hardware, "firmware");
	const char *secure = ovf_config(p, p->hardware, "bootOptions.efiSecureBootEnabled");
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
		secure = ovf_config(p, p->hardware, "uefi.secureBoot.enabled");
	if (!secure)
		secure = ovf_config(p, p->hardware, "secureBoot.enabled");
	if (secure)
		p->m->secure_boot = text_true(secure) ? TRI_YES : TRI_NO;
}

static void read_os(struct ovf_parser *p)
{
	const struct xml_node *os = ovf_section(p->system, "OperatingSystemSection");
	const char *hint = xml_attr(os, "osType", p->a);

	if (!hint || !*hint)
		hint = xml_text(xml_child(os, "Description"), p->a);
	if (hint && *hint)
		p->m->os_hint = arena_strdup(p->a, hint);
	p->m->clock = text_clock(p->m->os_hint);
}

static void read_words(struct ovf_parser *p)
{
	const char *note = xml_text(xml_child(ovf_section(p->system, "AnnotationSection"), "Annotation"), p->a);
	const char *name = system_name(p, p->system), *uuid = ovf_config(p, p->hardware, "uuid");

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
static void note_unknown_sections(struct ovf_parser *p, const struct xml_node *parent)
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

static int choose_hardware(struct ovf_parser *p)
{
	unsigned count = 0;

	for (const struct xml_node *n = xml_child(p->system, NULL); n; n = xml_next(n, NULL))
		if (ovf_is_section(n, "VirtualHardwareSection") && !count++)
			p->hardware = n;
	if (!p->hardware)
		return err_set(p->err, ERR_CORRUPT, "virtual system '%s' has no VirtualHardwareSection",
			       system_name(p, p->system));
	if (count > 1)
		machine_note(p->m, "there are %u alternative hardware descriptions: the first was taken", count);
	return 0;
}

static int parse(struct ovf_parser *p)
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
		ovf_read_controller(p, i);
	VEC_FOR (i, &p->items)
		if (read_item(p, i) < 0)
			return -1;
	ovf_vbox_macs(p);
	return 0;
}

int ovf_parse(const char *text, size_t len, const char *name, const struct source_options *options, struct machine *m,
	      struct ovf *ret, struct err *err)
{
	AUTO(xml_freep) struct xml_doc *doc = NULL;
	struct ovf_parser p = {.m = m, .a = &m->arena, .ovf = ret, .options = options, .name = name, .err = err};

	if (xml_parse(text, len, name, &doc, err) < 0)
		return -1;
	p.envelope = xml_root(doc);
	return parse(&p) < 0 ? err_wrap(err, "'%s'", name) : 0;
}
