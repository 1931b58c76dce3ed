/* A Windows guest's facts as JSON. */
#include "core/model/windows_facts.h"

#include <string.h>

static void set_texts(struct json *j, const char *key, char *const *v, size_t n)
{
	struct json *array = js_set(j, key, js_array());

	for (size_t i = 0; i < n; i++)
		js_add_str(array, v[i]);
}

static struct json *address_json(const struct windows_address *a)
{
	struct json *j = js_object();

	js_set_str(j, "address", a->address);
	js_set_str(j, "mask", a->mask);
	js_set_u64(j, "prefix", a->prefix);
	return j;
}

static struct json *gateway_json(const struct windows_gateway *g)
{
	struct json *j = js_object();

	js_set_str(j, "address", g->address);
	js_set_u64(j, "metric", g->metric);
	return j;
}

static struct json *nic_json(const struct windows_nic *n)
{
	struct json *j = js_object(), *array;

	js_set_str(j, "guid", n->guid);
	js_set_str(j, "name", n->name);
	js_set_str(j, "description", n->description);
	js_set_str(j, "device", n->device);
	js_set_str(j, "mac", *n->mac ? n->mac : NULL);
	if (n->slot >= 0)
		js_set_u64(j, "slot", (uint64_t)n->slot);
	if (n->nic >= 0)
		js_set_u64(j, "nic", (uint64_t)n->nic);
	js_set_str(j, "reason", n->reason);
	js_set_bool(j, "guessed", n->guessed);
	js_set_bool(j, "dhcp", n->dhcp);
	array = js_set(j, "addresses", js_array());
	VEC_FOR (a, &n->addresses)
		js_add(array, address_json(a));
	array = js_set(j, "gateways", js_array());
	VEC_FOR (g, &n->gateways)
		js_add(array, gateway_json(g));
	array = js_set(j, "ipv6", js_array());
	VEC_FOR (a, &n->ipv6)
		js_add(array, address_json(a));
	set_texts(j, "dns", n->dns.v, n->dns.n);
	set_texts(j, "wins", n->wins.v, n->wins.n);
	js_set_u64(j, "netbios", n->netbios);
	js_set_str(j, "suffix", n->suffix);
	js_set_u64(j, "metric", n->metric);
	return j;
}

struct json *windows_json(const struct windows *w)
{
	struct json *j = js_object(), *array;

	js_set_str(j, "systemroot", w->systemroot);
	js_set_str(j, "control_set", w->control_set);
	js_set_str(j, "edition", w->edition);
	js_set_str(j, "installation", w->installation);
	js_set_str(j, "service_pack", w->service_pack);
	js_set_str(j, "hives", w->hives);
	js_set_u64(j, "major", w->version.major);
	js_set_u64(j, "minor", w->version.minor);
	js_set_u64(j, "build", w->version.build);
	js_set_u64(j, "update", w->update);
	js_set_bool(j, "server", w->version.role == WINDOWS_SERVER || w->version.role == WINDOWS_DOMAIN_CONTROLLER);
	js_set_bool(j, "driver_database", w->driver_database);
	js_set_str(j, "timezone", w->timezone);
	js_set_str(j, "rtc_utc", tristate_name(w->rtc_utc));
	js_set_str(j, "domain", w->domain);
	js_set_bool(j, "domain_controller", w->version.role == WINDOWS_DOMAIN_CONTROLLER);
	js_set_bool(j, "auto_reboot", w->auto_reboot);
	js_set_bool(j, "fast_startup", w->fast_startup);
	js_set_bool(j, "hibernated", w->hibernated);
	js_set_str(j, "secure_boot", tristate_name(w->secure_boot));
	js_set_bool(j, "group_policy", w->group_policy);
	js_set_u64(j, "space_free", w->space_free);
	if (w->heads)
		js_set_u64(j, "heads", w->heads);
	js_set_str(j, "boot_volume", w->boot_volume);
	set_texts(j, "antivirus", w->antivirus.v, w->antivirus.n);
	set_texts(j, "bitlocker", w->bitlocker.v, w->bitlocker.n);
	array = js_set(j, "dynamic_disks", js_array());
	VEC_FOR (d, &w->dynamic)
		js_add_u64(array, *d);
	array = js_set(j, "nics", js_array());
	VEC_FOR (n, &w->nics)
		js_add(array, nic_json(n));
	return j;
}

static enum tristate tristate_by_name(const char *name)
{
	for (enum tristate t = TRI_NO; t <= TRI_YES; t++)
		if (strcmp(tristate_name(t), name) == 0)
			return t;
	return TRI_UNKNOWN;
}

struct windows *windows_from_json(struct arena *a, const struct json *j)
{
	struct windows *w = arena_alloc(a, sizeof *w);

	w->version = (struct windows_version){
	    .major = (unsigned)js_get_u64(j, "major", 0),
	    .minor = (unsigned)js_get_u64(j, "minor", 0),
	    .build = (unsigned)js_get_u64(j, "build", 0),
	    .role = js_get_bool(j, "domain_controller", false) ? WINDOWS_DOMAIN_CONTROLLER
		    : js_get_bool(j, "server", false)	       ? WINDOWS_SERVER
							       : WINDOWS_CLIENT,
	};
	w->secure_boot = tristate_by_name(js_get_str(j, "secure_boot", ""));
	return w;
}
