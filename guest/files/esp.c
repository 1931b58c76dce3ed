/* The EFI system partition: where it is mounted, which loaders it holds. */
#include "guest/files/esp.h"

#include <string.h>

static const struct esp_names known[] = {
    {"x86_64", "BOOTX64.EFI", "shimx64.efi", "grubx64.efi", "mmx64.efi", "systemd-bootx64.efi"},
    {"i386", "BOOTIA32.EFI", "shimia32.efi", "grubia32.efi", "mmia32.efi", "systemd-bootia32.efi"},
    {"aarch64", "BOOTAA64.EFI", "shimaa64.efi", "grubaa64.efi", "mmaa64.efi", "systemd-bootaa64.efi"},
    {"arm", "BOOTARM.EFI", "shimarm.efi", "grubarm.efi", "mmarm.efi", "systemd-bootarm.efi"},
    {"riscv64", "BOOTRISCV64.EFI", "shimriscv64.efi", "grubriscv64.efi", "mmriscv64.efi", "systemd-bootriscv64.efi"},
};

const struct esp_names *esp_names_of(const char *arch)
{
	for (size_t k = 0; arch && k < sizeof known / sizeof *known; k++)
		if (strcmp(arch, known[k].arch) == 0)
			return &known[k];
	return NULL;
}

int esp_entry(struct guest *g, const char *folder, const char *name, struct arena *a, char **ret, struct err *err)
{
	struct names entries = {0};

	*ret = NULL;
	if (g->ops->list(g, folder, a, &entries, err) < 0)
		return -1;
	VEC_FOR (entry, &entries.list)
		if (strcasecmp(*entry, name) == 0)
			*ret = arena_printf(a, "%s/%s", folder, *entry);
	return 0;
}

int esp_find(struct guest *g, struct arena *a, char **ret, struct err *err)
{
	static const char *const places[] = {"/boot/efi", "/efi", "/boot"};

	*ret = NULL;
	for (size_t k = 0; !*ret && k < sizeof places / sizeof *places; k++)
		if (esp_entry(g, places[k], "EFI", a, ret, err) < 0)
			return -1;
	return 0;
}
