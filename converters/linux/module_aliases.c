/* Step module-aliases: which driver "eth0" and "scsi_hostadapter" mean, in the settings of modprobe(8).
 *
 * Before udev loaded drivers by the devices that it found, and for mkinitrd of RHEL 5 still, these lines were how they
 * were loaded.
 */
#include <ctype.h>
#include <string.h>

#include "converters/linux/linux.h"
#include "guest/files/lines.h"

struct alias {
	struct span name, module;
};

static bool parse_alias(const char *text, struct alias *ret)
{
	struct span word;
	size_t pos = 0;

	return span_next(text, &pos, &word) && span_is(text, word, "alias") && span_next(text, &pos, &ret->name) &&
	       span_next(text, &pos, &ret->module);
}

/* True for names made of the prefix and a number (or nothing, when that may be). */
static bool is_numbered(const char *text, struct span name, const char *prefix, bool bare)
{
	size_t n = strlen(prefix);

	if (name.len < n || strncmp(text + name.at, prefix, n) != 0 || (name.len == n && !bare))
		return false;
	for (size_t k = n; k < name.len; k++)
		if (!isdigit((unsigned char)text[name.at + k]))
			return false;
	return true;
}

/* Drivers of cards that the new machine can't have. */
static bool is_foreign_card(const char *text, struct span module)
{
	static const char *const drivers[] = {"vmxnet",	      "vmxnet2", "vmxnet3",   "pcnet32",      "xennet",
					      "xen-netfront", "netvsc",	 "hv_netvsc", "xen_netfront", "vlance"};

	for (size_t k = 0; k < sizeof drivers / sizeof *drivers; k++)
		if (span_is(text, module, drivers[k]))
			return true;
	return false;
}

static void mend_cards(struct lines *l, const struct caps *caps)
{
	for (size_t i = 0; i < l->v.n; i++) {
		const char *text = l->v.v[i].text;
		struct alias a;

		if (parse_alias(text, &a) && is_numbered(text, a.name, "eth", false) && is_foreign_card(text, a.module))
			line_splice(l, i, a.module.at, a.module.len, net_bus_driver(caps->net));
	}
}

/* The line behind the last scsi_hostadapter alias, 0 when there is none; *ret_listed: one of them is the module. */
static size_t behind_adapters(const struct lines *l, const char *module, unsigned *ret_n, bool *ret_listed)
{
	size_t behind = 0;

	*ret_n = 0;
	*ret_listed = false;
	for (size_t i = 0; i < l->v.n; i++) {
		const char *text = l->v.v[i].text;
		struct alias a;

		if (!parse_alias(text, &a) || !is_numbered(text, a.name, "scsi_hostadapter", true))
			continue;
		*ret_listed |= span_is(text, a.module, module);
		behind = i + 1;
		++*ret_n;
	}
	return behind;
}

/* mkinitrd takes the modules of all of them, in order; those of the source find no device and do no harm. */
static void add_adapter(struct lines *l, const char *module)
{
	bool listed;
	unsigned n;
	size_t at = behind_adapters(l, module, &n, &listed);

	if (at && !listed)
		lines_insert(l, at, arena_printf(l->arena, "alias scsi_hostadapter%u %s", n, module));
}

static void mend(struct lines *l, const char *path, void *opaque)
{
	const struct caps *caps = opaque;

	mend_cards(l, caps);
	switch (caps->disk) {
	case DISK_BUS_VIRTIO_BLK:
		add_adapter(l, "virtio_pci");
		add_adapter(l, "virtio_blk");
		break;
	case DISK_BUS_VIRTIO_SCSI:
		add_adapter(l, "virtio_pci");
		add_adapter(l, "virtio_scsi");
		break;
	case DISK_BUS_SATA:
		add_adapter(l, "ahci");
		break;
	case DISK_BUS_IDE:
		add_adapter(l, "ata_piix");
		break;
	case DISK_BUS_PVSCSI:
	case DISK_BUS_LSISAS:
	case DISK_BUS_UNKNOWN:
		break;
	}
}

static int run(const struct step_context *c, struct err *err)
{
	static const char *const patterns[] = {"/etc/modprobe.conf", "/etc/modprobe.conf.local", "/etc/modules.conf",
					       "/etc/modprobe.d/*"};
	AUTO(arena_done) struct arena a = {0};

	for (size_t k = 0; k < sizeof patterns / sizeof *patterns; k++) {
		struct names files = {0};

		if (c->guest->ops->glob(c->guest, patterns[k], &a, &files, err) < 0)
			return -1;
		VEC_FOR (file, &files.list)
			if (step_edit_lines(c, *file, mend, c->caps,
					    "the drivers named here are those of the source's adapters", err) < 0)
				return -1;
	}
	return 0;
}

const struct step step_module_aliases = {
    .id = "module-aliases",
    .summary = "aliases name the drivers of the new adapters",
    .applies = step_always,
    .run = run,
};
