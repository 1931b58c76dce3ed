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
	fails((struct net_maps){.bridges = (const char *const[]){"a:", NULL}}, "-b 'a:': expected IN:OUT or OUT");
	fails((struct net_maps){.macs = (const char *const[]){"52:54:00:aa:00:01:lan", NULL}},
	      "--mac '52:54:00:aa:00:01:lan': expected MAC:network:OUT or MAC:bridge:OUT");
	fails((struct net_maps){.macs = (const char *const[]){"52:54:00:aa:00:09:network:lan", NULL}},
	      "--mac '52:54:00:aa:00:09:network:lan': the machine has no network card with this address");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(mac_beats_named_beats_default),
	    cmocka_unit_test(without_maps_the_default_network_serves),
	    cmocka_unit_test(mistakes_are_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
