/* A kernel's configuration (/boot/config-VERSION): which options are built in, which are modules. */
#include "guest/files/kconfig.h"

#include <stddef.h>
#include <string.h>

char kconfig_get(const char *text, const char *option)
{
	size_t n = strlen(option);

	while (text && *text) {
		if (strncmp(text, option, n) == 0 && text[n] == '=')
			return text[n + 1] == 'y' || text[n + 1] == 'm' ? text[n + 1] : 'n';
		text = strchr(text, '\n');
		text += text != NULL;
	}
	return 'n';
}

bool kconfig_builds_in(const char *text, const char *module)
{
	static const char *const options[][2] = {
	    {"virtio_pci", "CONFIG_VIRTIO_PCI"},
	    {"virtio_blk", "CONFIG_VIRTIO_BLK"},
	    {"virtio_scsi", "CONFIG_SCSI_VIRTIO"},
	    {"virtio_net", "CONFIG_VIRTIO_NET"},
	    {"virtio_balloon", "CONFIG_VIRTIO_BALLOON"},
	    {"virtio_console", "CONFIG_VIRTIO_CONSOLE"},
	    {"virtio_rng", "CONFIG_HW_RANDOM_VIRTIO"},
	    {"virtio_gpu", "CONFIG_DRM_VIRTIO_GPU"},
	    {"sd_mod", "CONFIG_BLK_DEV_SD"},
	    {"ahci", "CONFIG_SATA_AHCI"},
	    {"ata_piix", "CONFIG_ATA_PIIX"},
	    {"e1000e", "CONFIG_E1000E"},
	    {"e1000", "CONFIG_E1000"},
	    {"8139cp", "CONFIG_8139CP"},
	};

	for (size_t i = 0; i < sizeof options / sizeof *options; i++)
		if (strcmp(options[i][0], module) == 0)
			return kconfig_get(text, options[i][1]) == 'y';
	return false;
}
