/* What the host is told of this machine. */
#include "boot-iso/agent/inventory.h"

#include <string.h>
#include <strings.h>

#include "boot-iso/agent/target.h"
#include "core/base/cleanup.h"
#include "core/base/clock.h"

static bool same(const char *a, const char *b)
{
	return a && b && !strcmp(a, b);
}

static bool disk_is(const struct hw_disk *d, const char *word)
{
	return same(d->name, word) || same(d->serial, word) || same(d->wwn, word);
}

static bool nic_is(const struct hw_nic *n, const char *word)
{
	return same(n->name, word) || (n->mac && word && !strcasecmp(n->mac, word));
}

static bool named_disk(const struct settings *s, const struct hw_disk *d)
{
	VEC_FOR (word, &s->disks)
		if (disk_is(d, *word))
			return true;
	return false;
}

static bool both(const char *a, const char *b)
{
	return same(a, b) || (!a && !b);
}

/* Cheap disks share a WWN, and those of ATA and USB have one path each. */
static bool same_disk(const struct hw_disk *a, const struct hw_disk *b)
{
	return same(a->wwn, b->wwn) && a->size == b->size && both(a->model, b->model) && both(a->serial, b->serial) &&
	       !same(a->bus, "ata") && !same(a->bus, "usb");
}

static bool is_named(const struct settings *s, const char *name)
{
	VEC_FOR (word, &s->disks)
		if (same(name, *word))
			return true;
	return false;
}

/* Two paths to one disk show it twice, and a serial number means both; a name is as it was said. */
static void leave_second_paths(struct hardware *h, const struct settings *s)
{
	VEC_FOR (d, &h->disks)
		for (struct hw_disk *before = h->disks.v; before < d && !d->left_out && !is_named(s, d->name); before++)
			if (same_disk(d, before) && !before->left_out)
				d->left_out = arena_printf(&h->arena, "another path to %s", before->name);
}

static int find_disk(const struct hardware *h, const char *word, struct err *err)
{
	VEC_FOR (d, &h->disks)
		if (disk_is(d, word)) {
			if (same(d->left_out, HW_LIVE_MEDIUM))
				return err_set(err, ERR_USAGE, "rehost.disks: '%s' is %s", word, d->left_out);
			return 0;
		}
	return err_set(err, ERR_USAGE, "rehost.disks: there is no disk '%s'", word);
}

/* The disk that the images go to is none of them. */
static int leave_target(const struct hardware *h, const struct settings *s, struct err *err)
{
	struct target_place place;

	if (!s->to)
		return 0;
	if (target_find(h, s->to, &place, err) < 0)
		return -1;
	if (!place.disk || same(place.disk->left_out, HW_LIVE_MEDIUM))
		return 0;
	if (named_disk(s, place.disk))
		return err_set(err, ERR_USAGE, "rehost.disks: images can't go to '%s', which is to be imaged",
			       place.disk->name);
	place.disk->left_out = HW_TARGET;
	return 0;
}

static int choose_disks(struct hardware *h, const struct settings *s, struct err *err)
{
	size_t left = 0;

	if (leave_target(h, s, err) < 0)
		return -1;
	VEC_FOR (word, &s->disks)
		if (find_disk(h, *word, err) < 0)
			return -1;
	VEC_FOR (d, &h->disks)
		if (s->disks.n && named_disk(s, d))
			d->left_out = NULL;
		else if (s->disks.n && !d->left_out)
			d->left_out = "not chosen";
	leave_second_paths(h, s);
	VEC_FOR (d, &h->disks)
		left += !d->left_out;
	return left ? 0 : err_set(err, ERR_BLOCKED, "there is no disk to image");
}

static int choose_nics(struct hardware *h, const struct settings *s, struct err *err)
{
	VEC_FOR (n, &h->nics)
		n->left_out = s->nics.n > 0;
	VEC_FOR (word, &s->nics) {
		struct hw_nic *found = NULL;

		VEC_FOR (n, &h->nics)
			if (nic_is(n, *word))
				found = n;
		if (!found)
			return err_set(err, ERR_USAGE, "rehost.nics: there is no network card '%s'", *word);
		found->left_out = false;
	}
	return 0;
}

int inventory_choose(struct hardware *h, const struct settings *s, struct err *err)
{
	return choose_disks(h, s, err) < 0 ? -1 : choose_nics(h, s, err);
}

/* Only what is known. */
static void set_known(struct json *to, const char *key, const char *value)
{
	if (value)
		js_set_str(to, key, value);
}

static void set_count(struct json *to, const char *key, uint64_t value)
{
	if (value)
		js_set_u64(to, key, value);
}

static void add_system(struct json *j, const struct hardware *h)
{
	struct json *smbios = js_set(j, "smbios", js_object()), *cpu = js_set(j, "cpu", js_object());

	set_known(smbios, "uuid", h->uuid);
	set_known(smbios, "vendor", h->vendor);
	set_known(smbios, "product", h->product);
	set_known(smbios, "serial", h->serial);
	set_known(smbios, "board", h->board);
	set_known(smbios, "firmware_version", h->bios);
	set_known(cpu, "model", h->cpu_model);
	set_count(cpu, "sockets", h->sockets);
	set_count(cpu, "cores", h->cores);
	set_count(cpu, "threads", h->threads);
	set_count(cpu, "numa_nodes", h->numa_nodes);
	set_count(j, "memory", h->memory);
	set_count(j, "battery_clock", h->clock ? h->clock + clock_uptime() - h->clock_read : 0);
}

static void add_firmware(struct json *j, const struct hardware *h)
{
	struct json *order, *entries;

	js_set_str(j, "firmware", firmware_name(h->firmware));
	if (h->secure_boot != TRI_UNKNOWN)
		js_set_bool(j, "secure_boot", h->secure_boot == TRI_YES);
	js_set_bool(j, "tpm", h->tpm != NULL);
	set_known(j, "tpm_version", h->tpm);
	if (h->firmware != FIRMWARE_UEFI)
		return;
	order = js_set(j, "boot_order", js_array());
	VEC_FOR (id, &h->boot_order)
		js_add_str(order, *id);
	entries = js_set(j, "boot_entries", js_array());
	VEC_FOR (e, &h->boot_entries) {
		struct json *o = js_add(entries, js_object());

		js_set_str(o, "id", e->id);
		set_known(o, "name", e->name);
		set_known(o, "path", e->path);
		set_known(o, "partition", e->part);
		js_set_bool(o, "active", e->active);
	}
}

static void add_parts(struct json *o, const struct hw_disk *d)
{
	struct json *parts = js_set(o, "partitions", js_array());

	VEC_FOR (p, &d->parts) {
		struct json *part = js_add(parts, js_object());

		js_set_str(part, "name", p->name);
		js_set_u64(part, "start", p->start);
		js_set_u64(part, "size", p->size);
		set_known(part, "content", p->content);
	}
}

static void add_disk(struct json *to, const struct hw_disk *d)
{
	struct json *o = js_add(to, js_object());

	js_set_str(o, "name", d->name);
	set_known(o, "model", d->model);
	set_known(o, "serial", d->serial);
	set_known(o, "wwn", d->wwn);
	set_known(o, "bus", d->bus);
	set_known(o, "driver", d->driver);
	js_set_u64(o, "size", d->size);
	if (d->left_out) {
		js_set_str(o, "reason", d->left_out);
		return;
	}
	js_set_u64(o, "logical_sector", d->logical_sector);
	js_set_u64(o, "physical_sector", d->physical_sector);
	js_set_bool(o, "removable", d->removable);
	js_set_bool(o, "rotational", d->rotational);
	js_set_bool(o, "read_only", d->read_only);
	set_known(o, "table", d->table);
	set_known(o, "content", d->content);
	set_known(o, "member_of", d->member_of);
	add_parts(o, d);
}

static void add_nic(struct json *to, const struct hw_nic *n)
{
	struct json *o = js_add(to, js_object()), *names = js_set(o, "names", js_object());

	js_set_str(o, "name", n->name);
	set_known(o, "mac", n->mac);
	set_known(o, "driver", n->driver);
	js_set_bool(o, "link", n->link);
	set_count(o, "speed", n->speed);
	set_known(o, "slot", n->slot);
	set_known(o, "port", n->port);
	set_known(names, "onboard", n->onboard_name);
	set_known(names, "slot", n->slot_name);
	set_known(names, "path", n->path_name);
	set_known(names, "mac", n->mac_name);
}

/* What makers write where a serial number should be. */
static bool is_serial(const char *text)
{
	static const char *const fillers[] = {
	    "default string",	      "none",	"not specified", "system serial number",
	    "to be filled by o.e.m.", "o.e.m.", "unknown"};

	for (size_t i = 0; text && i < sizeof fillers / sizeof *fillers; i++)
		if (!strcasecmp(text, fillers[i]))
			return false;
	return text && strspn(text, "0 .") != strlen(text);
}

char *inventory_name(const struct hardware *h, struct arena *a)
{
	const char *product = h->product ? h->product : "machine";

	if (is_serial(h->serial))
		return arena_printf(a, "%s-%s", product, h->serial);
	return h->nics.n && h->nics.v->mac ? arena_printf(a, "%s-%s", product, h->nics.v->mac)
					   : arena_strdup(a, product);
}

struct json *inventory_json(const struct hardware *h, const char *name)
{
	struct json *j = js_object(), *disks, *left_out, *nics;
	AUTO(arena_done) struct arena a = {0};

	js_set_str(j, "type", "inventory");
	js_set_str(j, "schema", "rehost-machine-1");
	js_set_str(j, "name", name ? name : inventory_name(h, &a));
	add_system(j, h);
	add_firmware(j, h);
	disks = js_set(j, "disks", js_array());
	left_out = js_set(j, "left_out", js_array());
	VEC_FOR (d, &h->disks)
		add_disk(d->left_out ? left_out : disks, d);
	nics = js_set(j, "nics", js_array());
	VEC_FOR (n, &h->nics)
		if (!n->left_out)
			add_nic(nics, n);
	return j;
}
