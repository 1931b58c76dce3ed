/* Who made the machine, its processors, memory and clock. */
#include <stdlib.h>
#include <string.h>

#include "boot-iso/agent/hardware.h"
#include "core/base/checked.h"
#include "core/base/clock.h"

static void read_smbios(struct hardware *h, const struct tree *t)
{
	struct arena *a = &h->arena;

	h->vendor = tree_text(t, a, "sys/class/dmi/id/sys_vendor");
	h->product = tree_text(t, a, "sys/class/dmi/id/product_name");
	h->serial = tree_text(t, a, "sys/class/dmi/id/product_serial");
	h->uuid = tree_text(t, a, "sys/class/dmi/id/product_uuid");
	h->board = tree_text(t, a, "sys/class/dmi/id/board_name");
	h->bios = tree_text(t, a, "sys/class/dmi/id/bios_version");
}

/* The processors that are there, by the kernel's numbers of sockets and cores. */
struct core_id {
	uint64_t socket, core;
};

struct core_ids {
	VEC(struct core_id) v;
};

static void note_core(struct arena *a, struct core_ids *seen, struct core_id c)
{
	for (size_t i = 0; i < seen->v.n; i++)
		if (seen->v.v[i].socket == c.socket && seen->v.v[i].core == c.core)
			return;
	*vec_push(a, &seen->v) = c;
}

static unsigned count_sockets(const struct core_ids *seen)
{
	unsigned n = 0;

	for (size_t i = 0; i < seen->v.n; i++) {
		size_t before = 0;

		while (before < i && seen->v.v[before].socket != seen->v.v[i].socket)
			before++;
		n += before == i;
	}
	return n;
}

static void read_processors(struct hardware *h, const struct tree *t)
{
	struct arena *a = &h->arena;
	struct words all = tree_list(t, a, "sys/devices/system/cpu");
	const char *info = tree_text(t, a, "proc/cpuinfo");
	struct core_ids seen = {0};

	h->cpu_model = tree_value(a, info, "model name", ':');
	for (size_t i = 0; i < all.n; i++) {
		const char *cpu = all.v[i];
		uint64_t core = tree_number(t, UINT64_MAX, "sys/devices/system/cpu/%s/topology/core_id", cpu);

		if (core == UINT64_MAX)
			continue;
		h->threads++;
		note_core(a, &seen,
			  (struct core_id){
			      tree_number(t, 0, "sys/devices/system/cpu/%s/topology/physical_package_id", cpu), core});
	}
	h->cores = (unsigned)seen.v.n;
	h->sockets = count_sockets(&seen);
}

static void read_nodes(struct hardware *h, const struct tree *t)
{
	struct words all = tree_list(t, &h->arena, "sys/devices/system/node");

	for (size_t i = 0; i < all.n; i++)
		h->numa_nodes += !strncmp(all.v[i], "node", 4);
}

/* What is installed: the kernel's blocks of memory. MemTotal is less, by what the kernel holds back. */
static uint64_t installed_memory(const struct tree *t, struct arena *a)
{
	struct words all = tree_list(t, a, "sys/devices/system/memory");
	const char *unit = tree_text(t, a, "sys/devices/system/memory/block_size_bytes");
	uint64_t blocks = 0, ret;

	for (size_t i = 0; i < all.n; i++)
		blocks += !strncmp(all.v[i], "memory", 6);
	return unit && mul_fits(strtoull(unit, NULL, 16), blocks, &ret) ? ret : 0;
}

static void read_memory(struct hardware *h, const struct tree *t)
{
	const char *info = tree_text(t, &h->arena, "proc/meminfo");
	const char *total = tree_value(&h->arena, info, "MemTotal", ':');

	h->memory = installed_memory(t, &h->arena);
	if (!h->memory && total)
		h->memory = strtoull(total, NULL, 10) * KIB;
}

void system_read(struct hardware *h, const struct tree *t)
{
	read_smbios(h, t);
	read_processors(h, t);
	read_nodes(h, t);
	read_memory(h, t);
	h->clock = tree_number(t, 0, "sys/class/rtc/rtc0/since_epoch");
	h->clock_read = clock_uptime();
}
