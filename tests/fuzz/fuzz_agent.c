/* Fuzz: the live ISO's agent. After a byte that chooses: words of the kernel's command line and the network that they
 * ask for, or a boot entry of UEFI, which any system of the machine can have written. */
#include "boot-iso/agent/network.h"
#include "core/base/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_words(struct arena *a, const uint8_t *data, size_t size)
{
	static struct hw_nic cards[] = {{.name = "eno1", .mac = "52:54:00:aa:00:01", .link = true}, {.name = "eno2"}};
	const struct hardware h = {.nics = {cards, 2, 2}};
	AUTO(settings_done) struct settings s = {0};
	AUTO(net_plan_done) struct net_plan p = {0};
	struct err err = ERR_INIT;

	if (settings_add(&s, arena_strndup(a, (const char *)data, size), &err) == 0)
		network_plan(&s, &h, &p, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(arena_done) struct arena a = {0};
	struct hw_boot_entry e = {0};

	if (size < 1)
		return 0;
	if (data[0] == 'w')
		fuzz_words(&a, data + 1, size - 1);
	else
		boot_option_parse(&a, data + 1, size - 1, &e);
	return 0;
}
