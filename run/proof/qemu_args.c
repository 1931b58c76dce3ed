/* The qemu command line for a domain: the XML's hardware, a throw-away overlay, no network. */
#include "run/proof/qemu_args.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "core/base/checked.h"

enum { SATA_PORTS = 6 }; /* of a controller */

struct builder {
	struct domain *d;
	const struct qemu_host *host;
	VEC(const char *) args;
	unsigned ports;		       /* PCIe root ports so far */
	unsigned sata, ide, scsi, usb; /* units taken so far */
	struct err *err;
};

static void add(struct builder *b, const char *arg)
{
	*vec_push(&b->d->arena, &b->args) = arg;
}

static void __attribute__((format(printf, 3, 4))) addf(struct builder *b, const char *option, const char *fmt, ...)
{
	va_list ap;

	add(b, option);
	va_start(ap, fmt);
	add(b, arena_vprintf(&b->d->arena, fmt, ap));
	va_end(ap);
}

static void __attribute__((format(printf, 2, 3))) notef(struct builder *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	*vec_push(&b->d->arena, &b->d->notes) = arena_vprintf(&b->d->arena, fmt, ap);
	va_end(ap);
}

/* A comma ends a value in qemu's options unless it is doubled. */
static const char *value(struct builder *b, const char *text)
{
	size_t n = strlen(text), used = 0;
	char *ret = arena_alloc(&b->d->arena, 2 * n + 1);

	for (; *text; text++) {
		ret[used++] = *text;
		if (*text == ',')
			ret[used++] = ',';
	}
	return ret;
}

/* Where a PCI Express device goes: but on pc each behind a root port of its own, as libvirt lays machines out; eight
 * ports share a slot, from slot 2 on. "" on pc, whose one bus is the default. */
static const char *port(struct builder *b)
{
	unsigned n = b->ports;

	if (b->d->board == BOARD_PC)
		return "";
	b->ports++;
	addf(b, "-device", "pcie-root-port,id=port%u,chassis=%u,port=%u,bus=pcie.0,addr=%#x.%#x%s", n, n + 1, n,
	     2 + n / 8, n % 8, n % 8 ? "" : ",multifunction=on");
	return arena_printf(&b->d->arena, ",bus=port%u", n);
}

const char *qemu_program(enum board board)
{
	return board == BOARD_VIRT ? "qemu-system-aarch64" : "qemu-system-x86_64";
}

const char *qemu_package(enum board board)
{
	return board == BOARD_VIRT ? "qemu-system-arm" : "qemu-system-x86";
}

/* Options of the machine: secure boot needs system management mode; virt's interrupt controller is the host's under
 * KVM, else the one that has no limit of eight processors. */
static const char *machine_options(const struct builder *b)
{
	if (b->d->board == BOARD_VIRT)
		return b->host->kvm ? ",gic-version=host" : ",gic-version=3";
	return b->d->secure_boot ? ",smm=on" : "";
}

/* Of what an arm64 processor can do, signing pointers takes longest to emulate; a cheap way of it is as good. */
static const char *cpu_model(const struct builder *b)
{
	if (b->host->kvm)
		return "host";
	return b->d->board == BOARD_VIRT ? "max,pauth-impdef=on" : "max";
}

static void add_machine(struct builder *b)
{
	const struct domain *d = b->d;

	add(b, qemu_program(d->board));
	addf(b, "-name", "%s", value(b, d->name));
	add(b, "-no-user-config");
	add(b, "-nodefaults");
	add(b, "-display");
	add(b, "none");
	/* The guest is unproven code: qemu may neither start programs nor gain privileges. */
	addf(b, "-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");
	addf(b, "-machine", "%s%s", value(b, d->machine), machine_options(b));
	addf(b, "-accel", "%s", b->host->kvm ? "kvm" : "tcg,thread=multi");
	addf(b, "-cpu", "%s", cpu_model(b));
	if (d->uuid)
		addf(b, "-uuid", "%s", value(b, d->uuid));
	addf(b, "-rtc", "base=%s", d->localtime ? "localtime" : "utc");
	/* Without strict the firmware would go on to the network and to disks that the XML does not boot from. */
	addf(b, "-boot", "strict=on");
}

static void add_size(struct builder *b)
{
	uint64_t memory = min_u64(b->d->memory, b->host->memory_max) / MIB;
	unsigned vcpus = b->d->vcpus;

	if (memory < b->d->memory / MIB)
		notef(b, "memory: %" PRIu64 " MiB instead of %" PRIu64 " MiB, as much as this host can spare", memory,
		      b->d->memory / MIB);
	if (vcpus > b->host->cpus_max) {
		vcpus = b->host->cpus_max;
		notef(b, "vCPUs: %u instead of %u, as many as this host has", vcpus, b->d->vcpus);
	}
	addf(b, "-m", "%" PRIu64 "M", memory);
	addf(b, "-smp", "%u", vcpus);
}

static void add_firmware(struct builder *b)
{
	if (!b->d->uefi)
		return;
	addf(b, "-drive", "if=pflash,unit=0,format=raw,readonly=on,file=%s", value(b, b->host->code));
	/* A fresh copy of the variables, so no boot entry helps: the disk must be bootable by itself. */
	addf(b, "-drive", "if=pflash,unit=1,format=raw,snapshot=on,file=%s", value(b, b->host->vars));
	if (b->d->secure_boot && b->d->board != BOARD_VIRT)
		addf(b, "-global", "driver=cfi.pflash01,property=secure,value=on");
}

static void add_consoles(struct builder *b)
{
	addf(b, "-chardev", "socket,id=qmp,fd=%d", b->host->qmp_fd);
	addf(b, "-mon", "chardev=qmp,mode=control");
	if (b->d->serial) {
		addf(b, "-chardev", "socket,id=serial,fd=%d", b->host->serial_fd);
		if (b->d->board == BOARD_VIRT) /* its port is on the board */
			addf(b, "-serial", "chardev:serial");
		else
			addf(b, "-device", "isa-serial,chardev=serial");
	}
	if (b->d->agent) {
		const char *bus = port(b);

		addf(b, "-chardev", "socket,id=agent,fd=%d", b->host->agent_fd);
		addf(b, "-device", "virtio-serial-pci,id=channels%s", bus);
		addf(b, "-device", "virtserialport,bus=channels.0,chardev=agent,name=org.qemu.guest_agent.0");
	}
}

static int add_video(struct builder *b)
{
	static const struct {
		const char *model, *device;
		bool vga; /* what arm64 machines don't have */
	} models[] = {{"virtio", "virtio-vga", true},
		      {"vga", "VGA", true},
		      {"cirrus", "cirrus-vga", true},
		      {"vmvga", "vmware-svga", true},
		      {"bochs", "bochs-display", true},
		      {"qxl", "VGA", true},
		      {"virtio", "virtio-gpu-pci", false},
		      {"bochs", "bochs-display", false},
		      {"ramfb", "ramfb", false}};
	bool vga = b->d->board != BOARD_VIRT;

	if (!b->d->video)
		return 0;
	for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
		if (models[i].vga == vga && !strcmp(models[i].model, b->d->video)) {
			bool pci = strcmp(models[i].device, "ramfb") != 0;

			addf(b, "-device", "%s%s", models[i].device,
			     pci && b->d->board != BOARD_PC ? ",bus=pcie.0,addr=0x1" : "");
			if (!strcmp(b->d->video, "qxl"))
				notef(b, "video: plain VGA instead of qxl, which needs SPICE");
			return 0;
		}
	}
	return err_set(b->err, ERR_UNSUPPORTED, "video model '%s' is not known here", b->d->video);
}

static int add_scsi_controller(struct builder *b)
{
	static const struct {
		const char *model, *device;
		bool express;
	} models[] = {{"virtio-scsi", "virtio-scsi-pci", true},
		      {"virtio-transitional", "virtio-scsi-pci-transitional", false},
		      {"virtio-non-transitional", "virtio-scsi-pci-non-transitional", true},
		      {"lsilogic", "lsi53c895a", false},
		      {"lsisas1068", "mptsas1068", false},
		      {"vmpvscsi", "pvscsi", true}};
	const char *model = b->d->scsi_model ? b->d->scsi_model : "virtio-scsi";
	bool needed = false;

	VEC_FOR (disk, &b->d->disks)
		needed |= disk->bus == DOMAIN_BUS_SCSI;
	if (!needed)
		return 0;
	for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
		if (!strcmp(models[i].model, model)) {
			const char *bus = models[i].express ? port(b) : "";

			addf(b, "-device", "%s,id=scsi%s", models[i].device, bus);
			return 0;
		}
	}
	return err_set(b->err, ERR_UNSUPPORTED, "SCSI controller model '%s' is not known here", model);
}

static void add_usb(struct builder *b)
{
	bool needed = b->d->tablet || b->d->keyboard;
	const char *bus;

	VEC_FOR (disk, &b->d->disks)
		needed |= disk->bus == DOMAIN_BUS_USB;
	if (!needed)
		return;
	bus = port(b);
	addf(b, "-device", "qemu-xhci,id=usb%s", bus);
	if (b->d->tablet)
		addf(b, "-device", "usb-tablet,bus=usb.0");
	if (b->d->keyboard)
		addf(b, "-device", "usb-kbd,bus=usb.0");
}

/* A SATA disk's port: q35 has six on board; others, and further disks, get controllers of six. */
static const char *sata_device(struct builder *b, const char *kind)
{
	unsigned on_board = b->d->board == BOARD_Q35 ? SATA_PORTS : 0, place = b->sata++;

	if (place < on_board)
		return arena_printf(&b->d->arena, "ide-%s,bus=ide.%u", kind, place);
	place -= on_board;
	if (place % SATA_PORTS == 0)
		addf(b, "-device", "ahci,id=sata%u", place / SATA_PORTS);
	return arena_printf(&b->d->arena, "ide-%s,bus=sata%u.%u", kind, place / SATA_PORTS, place % SATA_PORTS);
}

static int ide_device(struct builder *b, const struct domain_disk *disk, const char *kind, const char **ret)
{
	if (b->d->board != BOARD_PC)
		return err_set(b->err, ERR_UNSUPPORTED, "disk '%s': machine type %s has no IDE", disk->target,
			       board_name(b->d->board));
	if (b->ide == 4)
		return err_set(b->err, ERR_UNSUPPORTED, "disk '%s': IDE has room for four", disk->target);
	*ret = arena_printf(&b->d->arena, "ide-%s,bus=ide.%u,unit=%u", kind, b->ide / 2, b->ide % 2);
	b->ide++;
	return 0;
}

/* The -device text of a disk up to its bus. */
static int disk_device(struct builder *b, const struct domain_disk *disk, const char **ret)
{
	const char *kind = disk->cdrom ? "cd" : "hd";

	switch (disk->bus) {
	case DOMAIN_BUS_VIRTIO:
		*ret = arena_printf(&b->d->arena, "virtio-blk-pci%s", port(b));
		return 0;
	case DOMAIN_BUS_SCSI:
		*ret = arena_printf(&b->d->arena, "scsi-%s,bus=scsi.0,scsi-id=%u", kind, b->scsi++);
		return 0;
	case DOMAIN_BUS_SATA:
		*ret = sata_device(b, kind);
		return 0;
	case DOMAIN_BUS_IDE:
		return ide_device(b, disk, kind, ret);
	case DOMAIN_BUS_USB:
		*ret = "usb-storage,bus=usb.0";
		return 0;
	case DOMAIN_BUS_UNKNOWN:
		break;
	}
	return err_set(b->err, ERR_INTERNAL, "disk '%s' has no bus", disk->target);
}

static int add_disk(struct builder *b, const struct domain_disk *disk)
{
	struct arena *a = &b->d->arena;
	const char *device, *target = value(b, disk->target), *options = "";

	if (disk->bus == DOMAIN_BUS_USB && !disk->source)
		return 0; /* an empty USB drive is one that isn't plugged in */
	if (disk_device(b, disk, &device) < 0)
		return -1;
	/* snapshot=on: qemu writes to an unnamed file beside, which vanishes with it; unsafe: nobody needs it durable.
	 */
	if (disk->source)
		addf(b, "-drive", "if=none,id=drive-%s,snapshot=%s,cache=unsafe,format=%s,readonly=%s,file=%s", target,
		     disk->readonly ? "off" : "on", value(b, disk->format), disk->readonly ? "on" : "off",
		     value(b, disk->source));
	if (disk->source)
		options = arena_printf(a, ",drive=drive-%s", target);
	if (disk->boot_order)
		options = arena_printf(a, "%s,bootindex=%u", options, disk->boot_order);
	if (disk->logical_block)
		options = arena_printf(a, "%s,logical_block_size=%u", options, disk->logical_block);
	if (disk->physical_block)
		options = arena_printf(a, "%s,physical_block_size=%u", options, disk->physical_block);
	if (disk->serial)
		options = arena_printf(a, "%s,serial=%s", options, value(b, disk->serial));
	addf(b, "-device", "%s%s", device, options);
	return 0;
}

static int add_nic(struct builder *b, unsigned i)
{
	static const struct {
		const char *model, *device;
		bool express;
	} models[] = {{"virtio", "virtio-net-pci", true}, {"e1000", "e1000", false},	 {"e1000e", "e1000e", true},
		      {"vmxnet3", "vmxnet3", true},	  {"rtl8139", "rtl8139", false}, {"pcnet", "pcnet", false},
		      {"ne2k_pci", "ne2k_pci", false}};
	const struct domain_nic *nic = &b->d->nics.v[i];

	for (size_t m = 0; m < sizeof models / sizeof *models; m++) {
		if (!strcmp(models[m].model, nic->model)) {
			const char *bus = models[m].express ? port(b) : "";

			addf(b, "-netdev", "user,id=net%u,restrict=on", i);
			/* No boot ROM: the network is never booted from, and trying takes minutes. */
			addf(b, "-device", "%s%s,netdev=net%u,romfile=%s%s", models[m].device, bus, i,
			     nic->mac ? ",mac=" : "", nic->mac ? value(b, nic->mac) : "");
			return 0;
		}
	}
	return err_set(b->err, ERR_UNSUPPORTED, "network card %u: model '%s' is not known here", i + 1, nic->model);
}

static void add_rng_and_balloon(struct builder *b)
{
	const char *bus;

	if (b->d->rng) {
		bus = port(b);
		addf(b, "-object", "rng-random,id=rng,filename=/dev/urandom");
		addf(b, "-device", "virtio-rng-pci,rng=rng%s", bus);
	}
	if (b->d->balloon) {
		bus = port(b);
		addf(b, "-device", "virtio-balloon-pci%s", bus);
	}
}

int qemu_args(struct domain *d, const struct qemu_host *host, const char *const **ret, struct err *err)
{
	struct builder b = {.d = d, .host = host, .err = err};

	add_machine(&b);
	add_size(&b);
	add_firmware(&b);
	add_consoles(&b);
	if (add_video(&b) < 0 || add_scsi_controller(&b) < 0)
		return -1;
	add_usb(&b);
	VEC_FOR (disk, &d->disks)
		if (add_disk(&b, disk) < 0)
			return -1;
	for (unsigned i = 0; i < d->nics.n; i++)
		if (add_nic(&b, i) < 0)
			return -1;
	add_rng_and_balloon(&b);
	add(&b, NULL);
	*ret = b.args.v;
	return 0;
}

int qemu_firmware(enum board board, bool secure_boot, const char **ret_code, const char **ret_vars, struct err *err)
{
	static const struct {
		bool arm, secure_boot;
		const char *code, *vars;
	} files[] = {
	    {false, false, "/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"},
	    {false, true, "/usr/share/OVMF/OVMF_CODE_4M.secboot.fd", "/usr/share/OVMF/OVMF_VARS_4M.ms.fd"},
	    {false, false, "/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"},
	    {false, true, "/usr/share/OVMF/OVMF_CODE.secboot.fd", "/usr/share/OVMF/OVMF_VARS.ms.fd"},
	    {true, false, "/usr/share/AAVMF/AAVMF_CODE.fd", "/usr/share/AAVMF/AAVMF_VARS.fd"},
	    {true, true, "/usr/share/AAVMF/AAVMF_CODE.ms.fd", "/usr/share/AAVMF/AAVMF_VARS.ms.fd"},
	};
	bool arm = board == BOARD_VIRT;

	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		if (files[i].arm == arm && files[i].secure_boot == secure_boot && !access(files[i].code, R_OK) &&
		    !access(files[i].vars, R_OK)) {
			*ret_code = files[i].code;
			*ret_vars = files[i].vars;
			return 0;
		}
	}
	return err_set(err, ERR_HOST, "no UEFI firmware%s under /usr/share/%s: apt-get install %s",
		       secure_boot ? " with secure boot" : "", arm ? "AAVMF" : "OVMF",
		       arm ? "qemu-efi-aarch64" : "ovmf");
}
