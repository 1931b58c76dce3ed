/* Network maps: --mac before named before default maps; mistakes are named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "run/maps.h"

static struct machine *three_cards(void)
{
	static const char *const networks[] = {"VM Network", "Storage", "VM Network"};
	struct machine *m = machine_new();

	for (int i = 0; i < 3; i++) {
		struct nic *n = vec_push(&m->arena, &m->nics);

		snprintf(n->mac, sizeof n->mac, "52:54:00:aa:00:%02d", i + 1);
		n->network = arena_strdup(&m->arena, networks[i]);
	}
	return m;
}

static void mac_beats_named_beats_default(void **state)
{
	AUTO(machine_freep) struct machine *m = three_cards();
	struct net_maps maps = {.networks = (const char *const[]){"default", "VM Network:lan", NULL},
				.bridges = (const char *const[]){"Storage:br1", NULL},
				.macs = (const char *const[]){"52:54:00:AA:00:03:bridge:br9", NULL}};
	struct err err = ERR_INIT;

	assert_int_equal(maps_apply(&maps, m, &err), 0);
	assert_string_equal(m->nics.v[0].target, "lan");
	assert_int_equal(m->nics.v[0].target_kind, NET_NETWORK);
	assert_string_equal(m->nics.v[1].target, "br1");
	assert_int_equal(m->nics.v[1].target_kind, NET_BRIDGE);
	assert_string_equal(m->nics.v[2].target, "br9");
	assert_int_equal(m->nics.v[2].target_kind, NET_BRIDGE);
}

static void without_maps_the_default_network_serves(void **state)
{
	AUTO(machine_freep) struct machine *m = three_cards();
	struct net_maps maps = {0};

	assert_int_equal(maps_apply(&maps, m, NULL), 0);
	assert_string_equal(m->nics.v[0].target, "default");
	assert_int_equal(m->nics.v[0].target_kind, NET_NETWORK);
}

static void fails(struct net_maps maps, const char *text)
{
	AUTO(machine_freep) struct machine *m = three_cards();
	struct err err = ERR_INIT;

	assert_int_equal(maps_apply(&maps, m, &err), -1);
	assert_int_equal(err.code, ERR_USAGE);
	assert_string_equal(err.text, text);
}

static void mistakes_are_named(void **state)
{
	fails((struct net_maps){.networks = (const char *const[]){"a", "b", NULL}},
	      "-n 'b': a default map was given already");
	fails((struct net_maps){.networks = (const char *const[]){"LAN:a", "x:LAN", "LAN:b", NULL}},
	      "-n 'LAN:b': a map of 'LAN' was given already");
	fails((struct net_maps){.macs = (const char *const[]){"52:54:00:aa:00:01:network:lan",
							      "52:54:00:AA:00:01:bridge:br0", NULL}},
	      "--mac '52:54:00:AA:00:01:bridge:br0': this network card is connected already");
	fails((struct net_maps){.bridges = (const char *const[]){"a:", NULL}}, "-b 'a:': expected IN:OUT or OUT");
	fails((struct net_maps){.macs = (const char *const[]){"52:54:00:aa:00:01:lan", NULL}},
	      "--mac '52:54:00:aa:00:01:lan': expected MAC:network:OUT, MAC:bridge:OUT or "
	      "MAC:ip:ADDRESS[,GATEWAY[,PREFIX[,DNS…]]]");
	fails((struct net_maps){.macs = (const char *const[]){"52:54:00:aa:00:09:network:lan", NULL}},
	      "--mac '52:54:00:aa:00:09:network:lan': the machine has no network card with this address");
}

static void addresses(void **state)
{
	AUTO(machine_freep) struct machine *m = three_cards();
	struct net_maps maps = {
	    .macs = (const char *const[]){"52:54:00:aa:00:01:ip:10.0.0.5,10.0.0.1,20,10.0.0.2,10.0.0.3",
					  "52:54:00:aa:00:01:bridge:br9", "52:54:00:aa:00:02:ip:10.0.1.5,,,10.0.1.2",
					  "52:54:00:aa:00:03:ip:2001:db8::5,2001:db8::1", NULL}};
	const struct static_ip *ip;

	assert_int_equal(maps_apply(&maps, m, NULL), 0);
	ip = m->nics.v[0].ip;
	assert_string_equal(ip->address, "10.0.0.5");
	assert_string_equal(ip->gateway, "10.0.0.1");
	assert_int_equal(ip->prefix, 20);
	assert_int_equal(ip->dns.n, 2);
	assert_string_equal(ip->dns.v[1], "10.0.0.3");
	assert_false(ip->v6);
	assert_string_equal(m->nics.v[0].target, "br9");
	ip = m->nics.v[1].ip;
	assert_null(ip->gateway);
	assert_int_equal(ip->prefix, 24);
	assert_string_equal(ip->dns.v[0], "10.0.1.2");
	ip = m->nics.v[2].ip;
	assert_true(ip->v6);
	assert_int_equal(ip->prefix, 64);
	assert_string_equal(ip->gateway, "2001:db8::1");
}

#define CARD "52:54:00:aa:00:01:ip:"

static void wrong_addresses_are_named(void **state)
{
	static const struct {
		const char *map, *text;
	} wrong[] = {
	    {CARD "10.0.0", "'10.0.0' is no IPv4 address"},
	    {CARD "10.0.0.5,::1", "'::1' is no IPv4 address"},
	    {CARD "::5,,64,10.0.0.1", "'10.0.0.1' is no IPv6 address"},
	    {CARD "10.0.0.5,,33", "'33' is no length of a prefix, 1 to 32"},
	    {CARD "10.0.0.5,,2x", "'2x' is no length of a prefix, 1 to 32"},
	    {CARD "::5,,-1", "'-1' is no length of a prefix, 1 to 128"},
	    {CARD ",10.0.0.1", "'' is no IPv4 address"},
	};
	char text[128];

	for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
		snprintf(text, sizeof text, "--mac '%s': %s", wrong[k].map, wrong[k].text);
		fails((struct net_maps){.macs = (const char *const[]){wrong[k].map, NULL}}, text);
	}
	fails((struct net_maps){.macs = (const char *const[]){CARD "10.0.0.5", CARD "10.0.0.6", NULL}},
	      "--mac '" CARD "10.0.0.6': this network card has an address already");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(mac_beats_named_beats_default),
	    cmocka_unit_test(without_maps_the_default_network_serves),
	    cmocka_unit_test(mistakes_are_named),
	    cmocka_unit_test(addresses),
	    cmocka_unit_test(wrong_addresses_are_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
