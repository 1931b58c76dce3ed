/* The machine: names for disks and files, generated MACs that stay the same, and the JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/checked.h"
#include "core/model/caps.h"
#include "core/model/machine.h"

static void disk_ids_count_like_the_kernel(void **state)
{
	char id[8];

	disk_id(0, id);
	assert_string_equal(id, "sda");
	disk_id(25, id);
	assert_string_equal(id, "sdz");
	disk_id(26, id);
	assert_string_equal(id, "sdaa");
	disk_id(27 * 26, id);
	assert_string_equal(id, "sdaaa");
}

static void safe_names(void **state)
{
	AUTO(arena_done) struct arena a = {0};
	char lots[10001];

	assert_string_equal(machine_safe_name(&a, "web01.prod-2_x"), "web01.prod-2_x");
	assert_string_equal(machine_safe_name(&a, "../../etc/pass wd"), "_._.._etc_pass_wd");
	assert_string_equal(machine_safe_name(&a, "-rf"), "_rf");
	assert_string_equal(machine_safe_name(&a, "a<b>&\n\xc3\xa9"), "a_b_____");
	assert_string_equal(machine_safe_name(&a, ""), "machine");
	assert_string_equal(machine_safe_name(&a, NULL), "machine");
	memset(lots, 'x', sizeof lots - 1);
	lots[sizeof lots - 1] = '\0';
	assert_int_equal(strlen(machine_safe_name(&a, lots)), 64);
}

static struct machine *two_nics(const char *name)
{
	struct machine *m = machine_new();
	struct nic *nic;

	m->name = arena_strdup(&m->arena, name);
	vec_push(&m->arena, &m->disks)->capacity = GIB;
	vec_push(&m->arena, &m->disks)->capacity = 2 * GIB;
	nic = vec_push(&m->arena, &m->nics);
	nic->pci_slot = -1;
	nic = vec_push(&m->arena, &m->nics);
	nic->pci_slot = 192;
	machine_complete(m);
	return m;
}

static void complete_fills_once_and_alike(void **state)
{
	AUTO(machine_freep) struct machine *m = two_nics("web");
	AUTO(machine_freep) struct machine *again = two_nics("web");
	AUTO(machine_freep) struct machine *other = two_nics("db");
	char first[18];

	assert_string_equal(m->disks.v[1].id, "sdb");
	assert_true(m->memory == 2 * GIB);
	assert_int_equal(m->vcpus, 1);
	assert_memory_equal(m->nics.v[0].mac, "52:54:00:", 9);
	assert_int_equal(strlen(m->nics.v[0].mac), 17);
	assert_true(m->nics.v[0].mac_generated);
	assert_string_not_equal(m->nics.v[0].mac, m->nics.v[1].mac);
	assert_string_equal(m->nics.v[0].mac, again->nics.v[0].mac);
	assert_string_not_equal(m->nics.v[0].mac, other->nics.v[0].mac);
	memcpy(first, m->nics.v[0].mac, sizeof first);
	machine_complete(m);
	assert_string_equal(m->nics.v[0].mac, first);
}

static void json_has_the_hardware(void **state)
{
	AUTO(machine_freep) struct machine *m = two_nics("web");
	AUTO(js_freep) struct json *j = NULL;
	const struct json *nics;

	m->firmware = FIRMWARE_UEFI;
	m->disks.v[0].controller = CONTROLLER_PVSCSI;
	machine_note(m, "sound card '%s' has no place", "es1371");
	j = machine_json(m);
	assert_string_equal(js_get_str(j, "name", ""), "web");
	assert_string_equal(js_get_str(j, "firmware", ""), "uefi");
	assert_string_equal(js_get_str(js_at(js_get(j, "disks"), 0), "controller", ""), "pvscsi");
	assert_true(js_get_u64(js_at(js_get(j, "disks"), 1), "capacity", 0) == 2 * GIB);
	assert_string_equal(js_str(js_at(js_get(j, "notes"), 0), ""), "sound card 'es1371' has no place");
	nics = js_get(j, "nics");
	assert_int_equal(js_get_u64(js_at(nics, 0), "pci_slot", 7777), 7777);
	assert_int_equal(js_get_u64(js_at(nics, 1), "pci_slot", 7777), 192);
	assert_null(js_get_str(j, "uuid", NULL));
}

static void a_note_is_bounded(void **state)
{
	AUTO(machine_freep) struct machine *m = machine_new();
	char text[6002] = "x";

	for (size_t i = 1; i < sizeof text - 1; i++)
		text[i] = i % 2 ? '\xc3' : '\xbc';
	machine_note(m, "%s", text);
	assert_int_equal(strlen(m->notes.v[0]), 4095); /* not half of a character */
	assert_memory_equal(m->notes.v[0], text, 4095);
	for (unsigned i = 0; i < 200; i++)
		machine_note(m, "%u", i);
	assert_int_equal(m->notes.n, 101);
}

static void hardware_from_json(void **state)
{
	AUTO(machine_freep) struct machine *m = machine_new(), *other = machine_new(), *third = machine_new();
	struct disk *d = vec_push(&m->arena, &m->disks);
	struct nic *n = vec_push(&m->arena, &m->nics);
	AUTO(js_freep) struct json *j = NULL, *bad = NULL;
	struct err err = ERR_INIT;
	static const char hostile[] =
	    "{\"memory\": 1, \"vcpus\": 99999, \"uuid\": \"x\", \"clock\": \"y\","
	    "\"nics\": [{\"mac\": \"00:50:56:3A:00:01\"}, {\"mac\": \"0\"}, 7], \"disks\": 5}";

	m->memory = 768 * MIB;
	m->vcpus = 2;
	strcpy(m->uuid, "564d0c2f-1111-2222-3333-444455556666");
	d->controller = CONTROLLER_PVSCSI;
	strcpy(n->mac, "00:50:56:3a:00:01");
	n->model = NIC_VMXNET3;
	n->target = (char *)"br7";
	n->target_kind = NET_BRIDGE;
	vec_push(&other->arena, &other->disks);
	vec_push(&other->arena, &other->nics);
	j = machine_json(m);
	machine_take_hardware(other, j);
	machine_complete(other);
	assert_int_equal(other->memory, 768 * MIB);
	assert_int_equal(other->vcpus, 2);
	assert_string_equal(other->uuid, m->uuid);
	assert_int_equal(other->disks.n, 1);
	assert_int_equal(other->disks.v[0].controller, CONTROLLER_PVSCSI);
	assert_int_equal(other->nics.n, 1);
	assert_string_equal(other->nics.v[0].mac, "00:50:56:3a:00:01");
	assert_int_equal(other->nics.v[0].model, NIC_VMXNET3);
	assert_string_equal(other->nics.v[0].target, "br7");
	assert_int_equal(other->nics.v[0].target_kind, NET_BRIDGE);
	bad = js_parse(hostile, strlen(hostile), &err);
	assert_non_null(bad);
	machine_take_hardware(third, bad);
	machine_complete(third);
	assert_int_equal(third->memory, 2 * GIB);
	assert_int_equal(third->vcpus, 1);
	assert_string_equal(third->uuid, "");
	assert_int_equal(third->nics.n, 0);
}

static void caps_as_json(void **state)
{
	const struct caps caps = {.disk = DISK_BUS_VIRTIO_SCSI, .net = NET_BUS_E1000E, .board = BOARD_Q35, .rng = true};
	AUTO(js_freep) struct json *j = caps_json(&caps);
	struct caps back;

	assert_string_equal(js_get_str(j, "disk", ""), "virtio-scsi");
	assert_string_equal(js_get_str(j, "net", ""), "e1000e");
	assert_string_equal(js_get_str(j, "machine", ""), "q35");
	assert_true(js_get_bool(j, "rng", false));
	assert_false(js_get_bool(j, "safe_mode", true));
	back = caps_from_json(j);
	assert_memory_equal(&back, &caps, sizeof caps);
	back = caps_from_json(NULL);
	assert_memory_equal(&back, &(struct caps){0}, sizeof caps);
	assert_int_equal(firmware_by_name("uefi"), FIRMWARE_UEFI);
	assert_int_equal(firmware_by_name("openfirmware"), FIRMWARE_UNKNOWN);
}

static void boards_and_processors(void **state)
{
	struct machine m = {.os_hint = (char *)"arm-debian12-64"};

	assert_int_equal(board_for_arch("aarch64"), BOARD_VIRT);
	assert_int_equal(board_for_arch("i386"), BOARD_Q35);
	assert_int_equal(board_for_arch(NULL), BOARD_Q35);
	assert_int_equal(board_for_arch("riscv64"), BOARD_UNKNOWN);
	assert_string_equal(board_arch(BOARD_VIRT), "aarch64");
	assert_string_equal(board_arch(BOARD_PC), "x86_64");
	assert_string_equal(machine_arch_hint(&m), "aarch64");
	m.os_hint = (char *)"debian12_64Guest";
	assert_null(machine_arch_hint(&m));
	m.os_hint = NULL;
	assert_null(machine_arch_hint(&m));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(disk_ids_count_like_the_kernel),
	    cmocka_unit_test(safe_names),
	    cmocka_unit_test(complete_fills_once_and_alike),
	    cmocka_unit_test(json_has_the_hardware),
	    cmocka_unit_test(a_note_is_bounded),
	    cmocka_unit_test(hardware_from_json),
	    cmocka_unit_test(caps_as_json),
	    cmocka_unit_test(boards_and_processors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
