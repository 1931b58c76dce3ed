/* Which card has which name on a physical machine: by what udev made of each card's place there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/model/machine.h"
#include "guest/files/netnames.h"

struct fixture {
	struct machine *m;
	struct inspection *i;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	f->m = machine_new();
	f->i = inspection_new();
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	machine_free(f->m);
	inspection_free(f->i);
	free(f);
	return 0;
}

static void add_card(struct fixture *f, const char *mac, const char *onboard, const char *slot, const char *path)
{
	struct nic *n = vec_push(&f->m->arena, &f->m->nics);

	*n = (struct nic){.pci_slot = -1, .connected = true};
	memcpy(n->mac, mac, sizeof n->mac);
	n->names[0] = arena_strdup(&f->m->arena, onboard);
	n->names[1] = arena_strdup(&f->m->arena, slot);
	n->names[2] = arena_strdup(&f->m->arena, path);
}

static void configure(struct fixture *f, const char *interface, const char *mac)
{
	struct arena *a = &f->i->arena;

	*vec_push(a, &f->i->networks) = (struct net_config){.file = arena_strdup(a, "/etc/network/interfaces"),
							    .line = 1,
							    .system = arena_strdup(a, "ifupdown"),
							    .interface = arena_strdup(a, interface),
							    .mac = arena_strdup(a, mac),
							    .method = arena_strdup(a, "static")};
}

static const struct nic_name *name_of(const struct fixture *f, unsigned nic)
{
	VEC_FOR (n, &f->i->nic_names)
		if (n->nic == nic)
			return n;
	return NULL;
}

static void test_place(void **state)
{
	struct fixture *f = *state;

	add_card(f, "52:54:00:00:00:01", NULL, "ens3", "enp5s0");
	add_card(f, "52:54:00:00:00:02", "eno1", NULL, "enp1s0");
	configure(f, "eno1", NULL);
	configure(f, "enp5s0", NULL);
	net_assign_names(f->m, true, f->i);
	assert_string_equal(name_of(f, 0)->name, "enp5s0");
	assert_string_equal(name_of(f, 1)->name, "eno1");
	assert_false(name_of(f, 0)->guessed);
	assert_false(name_of(f, 1)->guessed);
	assert_string_equal(name_of(f, 0)->reason, "udev makes that name of its place in the machine");
}

/* What the guest's files say of a MAC is stronger. */
static void test_mac_first(void **state)
{
	struct fixture *f = *state;

	add_card(f, "52:54:00:00:00:01", "eno1", NULL, NULL);
	add_card(f, "52:54:00:00:00:02", "eno2", NULL, NULL);
	configure(f, "eno1", "52:54:00:00:00:02");
	configure(f, "eno2", "52:54:00:00:00:01");
	net_assign_names(f->m, true, f->i);
	assert_string_equal(name_of(f, 0)->name, "eno2");
	assert_string_equal(name_of(f, 1)->name, "eno1");
}

/* A card without any configuration keeps its name where udev gives such; not where the kernel counts. */
static void test_source_name(void **state)
{
	struct fixture *f = *state;

	add_card(f, "52:54:00:00:00:01", NULL, "ens1f0", "enp2s0f0");
	net_assign_names(f->m, true, f->i);
	assert_string_equal(name_of(f, 0)->name, "ens1f0");
	assert_string_equal(name_of(f, 0)->reason, "its name on the source, by its place in the machine");
	net_assign_names(f->m, false, f->i);
	assert_null(name_of(f, 0));
}

/* "vmbr0", made by something that isn't known, doesn't come before the card. */
static void test_card_names_first(void **state)
{
	static const char *const names[] = {"eth1", "enp3s0", "em1", "p2p1"};
	struct fixture *f = *state;

	add_card(f, "52:54:00:00:00:01", NULL, NULL, NULL);
	configure(f, "vmbr0", NULL);
	for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
		configure(f, names[k], NULL);
		net_assign_names(f->m, false, f->i);
		assert_string_equal(name_of(f, 0)->name, names[k]);
		assert_true(name_of(f, 0)->guessed);
		f->i->networks.n--;
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {TEST(test_place), TEST(test_mac_first), TEST(test_source_name),
					   TEST(test_card_names_first)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
