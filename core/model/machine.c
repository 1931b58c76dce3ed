/* The machine as described: what is filled in for all users, and its JSON. */
#include "core/model/machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/checked.h"
#include "core/base/hash.h"

enum {
	SAFE_NAME_MAX = 64,
	NOTES_MAX = 100, /* a source made of unknown things must not fill the report */
	NOTE_MAX = 4096, /* bytes of one, for the same reason: a path fits */
};

struct machine *machine_new(void)
{
	return calloc(1, sizeof(struct machine));
}

void machine_free(struct machine *m)
{
	if (!m)
		return;
	arena_done(&m->arena);
	free(m);
}

/* Where text, which was cut behind NOTE_MAX bytes, ends with a whole character. */
static size_t whole_end(const char *text)
{
	size_t end = NOTE_MAX;

	while (end && ((unsigned char)text[end - 1] & 0xc0) == 0x80)
		end--;
	return end && (unsigned char)text[end - 1] >= 0xc0 ? end - 1 : end;
}

void machine_note(struct machine *m, const char *fmt, ...)
{
	char text[NOTE_MAX + 1];
	va_list ap;

	if (m->notes.n > NOTES_MAX)
		return;
	if (m->notes.n == NOTES_MAX)
		fmt = "there is more to note than is listed here";
	va_start(ap, fmt);
	if (vsnprintf(text, sizeof text, fmt, ap) > NOTE_MAX)
		text[whole_end(text)] = '\0';
	va_end(ap);
	*vec_push(&m->arena, &m->notes) = arena_strdup(&m->arena, text);
}

void disk_id(unsigned index, char buf[8])
{
	char letters[6];
	unsigned n = 0;

	/* Bijective base 26, as the kernel's sd driver counts; 5 letters hold 12 million disks. */
	for (unsigned i = index + 1; i && n < sizeof letters - 1; i = (i - 1) / 26)
		letters[n++] = (char)('a' + (i - 1) % 26);
	*buf++ = 's';
	*buf++ = 'd';
	while (n)
		*buf++ = letters[--n];
	*buf = '\0';
}

static bool mac_taken(const struct machine *m, const char *mac)
{
	VEC_FOR (n, &m->nics)
		if (!strcmp(n->mac, mac))
			return true;
	return false;
}

static void make_mac(struct machine *m, struct nic *nic)
{
	char seed[512], mac[18];
	unsigned position = (unsigned)(nic - m->nics.v), again = 0;
	uint64_t h;

	do {
		snprintf(seed, sizeof seed, "%.480s/%u/%u", m->name ? m->name : "", position, again++);
		h = hash_xxh3(seed, strlen(seed));
		snprintf(mac, sizeof mac, "52:54:00:%02x:%02x:%02x", (unsigned)(h & 0xff), (unsigned)(h >> 8 & 0xff),
			 (unsigned)(h >> 16 & 0xff));
	} while (mac_taken(m, mac));
	memcpy(nic->mac, mac, sizeof mac);
	nic->mac_generated = true;
}

void machine_complete(struct machine *m)
{
	char id[8];

	VEC_FOR (d, &m->disks) {
		disk_id((unsigned)(d - m->disks.v), id);
		d->id = arena_strdup(&m->arena, id);
	}
	VEC_FOR (n, &m->nics)
		if (!*n->mac)
			make_mac(m, n);
	if (!m->name || !*m->name)
		m->name = arena_strdup(&m->arena, "machine");
	if (!m->memory)
		m->memory = 2 * GIB;
	if (!m->vcpus)
		m->vcpus = 1;
}

char *machine_safe_name(struct arena *a, const char *name)
{
	static const char fine[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
	char safe[SAFE_NAME_MAX + 1];
	size_t n = 0;

	for (; name && *name && n < SAFE_NAME_MAX; name++)
		safe[n++] = strchr(fine, *name) ? *name : '_';
	safe[n] = '\0';
	if (!n)
		return arena_strdup(a, "machine");
	if (*safe == '.' || *safe == '-') /* hidden files and options */
		*safe = '_';
	return arena_strdup(a, safe);
}

static struct json *policy_json(const struct resource_policy *p)
{
	struct json *j = js_object();

	js_set_u64(j, "cpu_shares", p->cpu_shares);
	js_set_u64(j, "cpu_limit_mhz", p->cpu_limit_mhz);
	js_set_u64(j, "cpu_reservation_mhz", p->cpu_reservation_mhz);
	js_set_u64(j, "memory_shares", p->memory_shares);
	js_set_u64(j, "memory_limit", p->memory_limit);
	js_set_u64(j, "memory_reservation", p->memory_reservation);
	return j;
}

static struct json *disk_json(const struct disk *d)
{
	struct json *j = js_object(), *io;

	js_set_str(j, "id", d->id);
	js_set_str(j, "controller", controller_name(d->controller));
	js_set_u64(j, "bus", d->bus);
	js_set_u64(j, "unit", d->unit);
	js_set_str(j, "folder", d->folder);
	js_set_str(j, "file", d->file);
	js_set_u64(j, "window_offset", d->window_off);
	js_set_u64(j, "window_length", d->window_len);
	js_set_bool(j, "live", d->live);
	js_set_bool(j, "packed", d->packed);
	js_set_str(j, "format", d->format);
	js_set_u64(j, "capacity", d->capacity);
	js_set_u64(j, "logical_sector", d->logical_sector);
	js_set_str(j, "serial", d->serial);
	js_set_u64(j, "boot_order", (uint64_t)d->boot_order);
	io = js_set(j, "policy", js_object());
	js_set_u64(io, "iops", d->policy.iops);
	js_set_u64(io, "bytes_per_second", d->policy.bytes_per_second);
	return j;
}

static struct json *static_ip_json(const struct static_ip *ip)
{
	struct json *j = js_object(), *dns = js_array();

	js_set_str(j, "address", ip->address);
	js_set_u64(j, "prefix", ip->prefix);
	js_set_str(j, "gateway", ip->gateway);
	VEC_FOR (server, &ip->dns)
		js_add_str(dns, *server);
	js_set(j, "dns", dns);
	return j;
}

static struct json *nic_json(const struct nic *n)
{
	struct json *j = js_object(), *names = js_set(j, "names", js_array());

	for (unsigned i = 0; i < NIC_NAMES; i++)
		if (n->names[i])
			js_add_str(names, n->names[i]);
	js_set_str(j, "mac", n->mac);
	js_set_bool(j, "mac_generated", n->mac_generated);
	js_set_str(j, "model", nic_model_name(n->model));
	js_set_str(j, "network", n->network);
	js_set_str(j, "kind", net_kind_name(n->kind));
	if (n->pci_slot >= 0)
		js_set_u64(j, "pci_slot", (uint64_t)n->pci_slot);
	else
		js_set(j, "pci_slot", js_null());
	js_set_bool(j, "connected", n->connected);
	js_set_str(j, "target", n->target);
	js_set_str(j, "target_kind", n->target ? net_kind_name(n->target_kind) : NULL);
	if (n->ip)
		js_set(j, "ip", static_ip_json(n->ip));
	return j;
}

static struct json *removable_json(const struct removable *r)
{
	struct json *j = js_object();

	js_set_str(j, "kind", removable_name(r->kind));
	js_set_str(j, "controller", controller_name(r->controller));
	js_set_u64(j, "bus", r->bus);
	js_set_u64(j, "unit", r->unit);
	return j;
}

static void devices_json(const struct machine *m, struct json *j)
{
	struct json *disks = js_set(j, "disks", js_array()), *nics = js_set(j, "nics", js_array());
	struct json *removables = js_set(j, "removables", js_array()), *notes = js_set(j, "notes", js_array());

	VEC_FOR (d, &m->disks)
		js_add(disks, disk_json(d));
	VEC_FOR (n, &m->nics)
		js_add(nics, nic_json(n));
	VEC_FOR (r, &m->removables)
		js_add(removables, removable_json(r));
	VEC_FOR (note, &m->notes)
		js_add_str(notes, *note);
}

const char *machine_arch_hint(const struct machine *m)
{
	const char *hint = m->os_hint ? m->os_hint : "";

	/* VMware's words for its Arm products ("arm-debian12-64"), VirtualBox's ("Debian12_arm64"); those of x86
	 * systems name no processor. */
	return (strncasecmp(hint, "arm", 3) == 0 && strstr(hint, "64")) || strstr(hint, "_arm64") ? "aarch64" : NULL;
}

struct json *machine_json(const struct machine *m)
{
	struct json *j = js_object();

	js_set_str(j, "source", m->source);
	js_set_str(j, "source_kind", m->source_kind);
	js_set_str(j, "name", m->name);
	js_set_str(j, "uuid", *m->uuid ? m->uuid : NULL);
	js_set_str(j, "annotation", m->annotation);
	js_set_str(j, "os_hint", m->os_hint);
	js_set_u64(j, "memory", m->memory);
	js_set_u64(j, "vcpus", m->vcpus);
	js_set_u64(j, "sockets", m->sockets);
	js_set_u64(j, "cores", m->cores);
	js_set_u64(j, "threads", m->threads);
	js_set_str(j, "firmware", firmware_name(m->firmware));
	js_set_str(j, "secure_boot", tristate_name(m->secure_boot));
	js_set_bool(j, "tpm", m->tpm);
	js_set_str(j, "clock", clock_name(m->clock));
	if (m->clock == CLOCK_VARIABLE)
		js_set_real(j, "clock_adjustment", m->clock_adjustment);
	js_set(j, "policy", policy_json(&m->policy));
	devices_json(m, j);
	return j;
}

/* --- the inverse, as far as it is hardware --- */

enum { NICS_MAX = 256, VCPUS_MAX = 4096 };

/* Six numbers of two hexadecimal digits, as we write them. */
static bool is_mac(const char *text)
{
	for (unsigned i = 0; i < 17; i++)
		if (i % 3 == 2 ? text[i] != ':' : !text[i] || !strchr("0123456789abcdef", text[i]))
			return false;
	return !text[17];
}

static void take_adjustment(struct machine *m, double seconds)
{
	if (seconds >= INT32_MIN && seconds <= INT32_MAX)
		m->clock_adjustment = (int32_t)seconds;
}

static void take_nic(struct machine *m, const struct json *j)
{
	const char *mac = js_get_str(j, "mac", "");
	struct nic *n;

	if (!is_mac(mac) || m->nics.n >= NICS_MAX)
		return;
	n = vec_push(&m->arena, &m->nics);
	memcpy(n->mac, mac, sizeof n->mac);
	n->mac_generated = js_get_bool(j, "mac_generated", false);
	n->model = nic_model_by_name(js_get_str(j, "model", NULL));
	n->network = arena_strdup(&m->arena, js_get_str(j, "network", NULL));
	n->kind = net_kind_by_name(js_get_str(j, "kind", NULL));
	n->pci_slot = -1;
	n->connected = js_get_bool(j, "connected", true);
	n->target = arena_strdup(&m->arena, js_get_str(j, "target", NULL));
	n->target_kind = net_kind_by_name(js_get_str(j, "target_kind", NULL));
}

static unsigned count_of(const struct json *j, const char *key)
{
	uint64_t n = js_get_u64(j, key, 0);

	return n > VCPUS_MAX ? 0 : (unsigned)n;
}

void machine_take_hardware(struct machine *m, const struct json *j)
{
	const struct json *nics = js_get(j, "nics"), *disks = js_get(j, "disks");
	const char *uuid = js_get_str(j, "uuid", "");
	uint64_t memory = js_get_u64(j, "memory", 0);

	if (strlen(uuid) == sizeof m->uuid - 1)
		memcpy(m->uuid, uuid, sizeof m->uuid);
	if (memory >= MIB && memory <= 64 * TIB)
		m->memory = memory;
	if (count_of(j, "vcpus")) {
		m->vcpus = count_of(j, "vcpus");
		m->sockets = count_of(j, "sockets");
		m->cores = count_of(j, "cores");
		m->threads = count_of(j, "threads");
	}
	m->clock = clock_by_name(js_get_str(j, "clock", NULL));
	take_adjustment(m, js_get_real(j, "clock_adjustment", 0));
	m->nics.n = 0;
	for (size_t i = 0; i < js_count(nics); i++)
		take_nic(m, js_at(nics, i));
	for (size_t i = 0; i < m->disks.n && i < js_count(disks); i++)
		m->disks.v[i].controller = controller_by_name(js_get_str(js_at(disks, i), "controller", NULL));
}
