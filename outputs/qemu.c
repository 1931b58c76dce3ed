/* -o qemu: beside NAME.xml, NAME.sh starts the machine under QEMU without libvirt; a UEFI machine keeps its variables
 * beside the disks. */
#include "outputs/qemu.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/checked.h"
#include "core/base/cleanup.h"
#include "core/base/file.h"
#include "core/base/shell.h"
#include "outputs/local.h"
#include "outputs/shared.h"

/* As the domain XML has them, but for those that QEMU refuses without KVM (hv-vpindex and what needs it). */
#define HYPERV ",hv-relaxed,hv-vapic,hv-spinlocks=8191,hv-runtime,hv-time,hv-reset,hv-frequencies"

enum { SCRIPT_MAX = 1 << 20 };

struct script {
	struct buf *out;
	const struct output_job *job;
	const struct machine *m;
	enum disk_bus bus;
	enum board board;
	bool uefi, secure;
};

/* A line of the command: an option and its value as one word. */
static void option(struct script *s, const char *name, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static void option(struct script *s, const char *name, const char *fmt, ...)
{
	AUTO(buf_done) struct buf value = BUF_INIT(SCRIPT_MAX);
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&value, fmt, ap);
	va_end(ap);
	buf_addf(s->out, "\t%s ", name);
	shell_quoted(s->out, buf_str(&value));
	buf_adds(s->out, " \\\n");
}

/* In QEMU's option lists a comma ends a value unless it is doubled. */
static char *no_commas(struct arena *a, const char *text)
{
	char *ret = arena_alloc(a, 2 * strlen(text) + 1), *to = ret;

	for (; *text; text++) {
		*to++ = *text;
		if (*text == ',')
			*to++ = ',';
	}
	return ret;
}

/* Looks for a firmware of this host when the script runs, and copies its empty variables once. */
static void write_firmware(struct script *s)
{
	static const char search[] = "vars=%s_VARS.fd\n"
				     "for pair in %s; do\n"
				     "\tcode=${pair%%%%:*} template=${pair#*:}\n"
				     "\tif [ -r \"$code\" ] && [ -r \"$template\" ]; then break; fi\n"
				     "\tcode=\n"
				     "done\n"
				     "if [ -z \"$code\" ]; then\n"
				     "\techo 'no UEFI firmware found: apt-get install %s' >&2\n"
				     "\texit 1\n"
				     "fi\n"
				     "[ -e \"$vars\" ] || cp \"$template\" \"$vars\"\n";
	static const char plain[] = "/usr/share/OVMF/OVMF_CODE_4M.fd:/usr/share/OVMF/OVMF_VARS_4M.fd "
				    "/usr/share/edk2/ovmf/OVMF_CODE.fd:/usr/share/edk2/ovmf/OVMF_VARS.fd "
				    "/usr/share/OVMF/OVMF_CODE.fd:/usr/share/OVMF/OVMF_VARS.fd";
	static const char secure[] =
	    "/usr/share/OVMF/OVMF_CODE_4M.secboot.fd:/usr/share/OVMF/OVMF_VARS_4M.ms.fd "
	    "/usr/share/edk2/ovmf/OVMF_CODE.secboot.fd:/usr/share/edk2/ovmf/OVMF_VARS.secboot.fd";
	static const char arm[] = "/usr/share/AAVMF/AAVMF_CODE.fd:/usr/share/AAVMF/AAVMF_VARS.fd "
				  "/usr/share/edk2/aarch64/QEMU_EFI-pflash.raw:"
				  "/usr/share/edk2/aarch64/vars-template-pflash.raw";
	static const char arm_secure[] = "/usr/share/AAVMF/AAVMF_CODE.ms.fd:/usr/share/AAVMF/AAVMF_VARS.ms.fd";
	bool is_arm = s->board == BOARD_VIRT;
	const char *files = is_arm ? (s->secure ? arm_secure : arm) : s->secure ? secure : plain;

	if (s->uefi)
		buf_addf(s->out, search, s->job->name, files, is_arm ? "qemu-efi-aarch64" : "ovmf");
}

static void write_machine(struct script *s)
{
	const struct machine *m = s->m;

	option(s, "-name", "%s", s->job->name);
	option(s, "-machine", "%s%s%s", board_name(s->board),
	       s->board == BOARD_VIRT ? ",gic-version=max"
	       : s->secure	      ? ",smm=on"
				      : "",
	       shared_windows_from(s->job, 5, 0) && s->board != BOARD_VIRT ? ",vmport=off" : "");
	if (shared_needs_remapping(s->job)) /* which QEMU has with KVM only */
		buf_adds(s->out, "\t-accel kvm,kernel-irqchip=split \\\n"
				 "\t-device intel-iommu,intremap=on,eim=on \\\n");
	else
		buf_adds(s->out, "\t-accel kvm -accel tcg \\\n");
	option(s, "-cpu", "max%s", shared_windows_from(s->job, 6, 0) ? HYPERV : "");
	option(s, "-m", "%" PRIu64, div_round_up(m->memory, MIB));
	if (m->sockets && m->cores && m->threads && (uint64_t)m->sockets * m->cores * m->threads == m->vcpus)
		option(s, "-smp", "%u,sockets=%u,cores=%u,threads=%u", m->vcpus, m->sockets, m->cores, m->threads);
	else
		option(s, "-smp", "%u", m->vcpus);
	if (*m->uuid)
		option(s, "-uuid", "%s", m->uuid);
	if (shared_clock(s->job) == CLOCK_VARIABLE)
		buf_addf(s->out, "\t-rtc \"base=$(date -u -d \"@$(($(date +%%s) + %" PRId32 "))\" +%%FT%%T)\" \\\n",
			 m->clock_adjustment);
	else
		option(s, "-rtc", "base=%s", shared_clock(s->job) == CLOCK_LOCALTIME ? "localtime" : "utc");
	if (s->secure && s->board == BOARD_Q35)
		option(s, "-global", "driver=cfi.pflash01,property=secure,value=on");
	if (s->uefi)
		buf_adds(s->out, "\t-drive \"if=pflash,unit=0,format=raw,readonly=on,file=$code\" \\\n"
				 "\t-drive \"if=pflash,unit=1,format=raw,file=$vars\" \\\n");
}

static const char *disk_device(enum disk_bus bus)
{
	switch (bus) {
	case DISK_BUS_VIRTIO_SCSI:
	case DISK_BUS_PVSCSI:
	case DISK_BUS_LSISAS:
		return "scsi-hd";
	case DISK_BUS_SATA:
	case DISK_BUS_IDE:
		return "ide-hd";
	case DISK_BUS_VIRTIO_BLK:
	case DISK_BUS_UNKNOWN:
		break;
	}
	return "virtio-blk-pci";
}

/* pc has four IDE places; q35 six SATA ones, and further disks, as all SATA disks of the other boards, come onto
 * controllers of their own. */
static void ata_place(struct script *s, enum disk_bus bus, size_t place, char *ret, size_t size)
{
	size_t built_in = s->board == BOARD_Q35 ? 6 : 0, more = place < built_in ? 0 : place - built_in;

	if (bus == DISK_BUS_IDE) {
		snprintf(ret, size, ",bus=ide.%zu,unit=%zu", place / 2, place % 2);
	} else if (place < built_in) {
		snprintf(ret, size, ",bus=ide.%zu", place);
	} else {
		snprintf(ret, size, ",bus=ahci%zu.%zu", more / 6, more % 6);
		if (more % 6 == 0)
			option(s, "-device", "ahci,id=ahci%zu", more / 6);
	}
}

static void disk_place(struct script *s, size_t i, char *ret, size_t size)
{
	struct scsi_place scsi = shared_scsi_place(s->job, i);

	*ret = '\0';
	if (shared_is_scsi(s->bus))
		snprintf(ret, size, ",bus=scsi%u.0,scsi-id=%u", scsi.controller, scsi.target);
	else if (s->bus == DISK_BUS_SATA || s->bus == DISK_BUS_IDE)
		ata_place(s, s->bus, i, ret, size);
}

static void write_disk(struct script *s, struct arena *a, size_t i)
{
	const struct output_disk *d = &s->job->disks[i];
	const struct io_policy *p = &s->m->disks.v[i].policy;
	unsigned order = shared_boot_order(s->job, i);
	char serial[SERIAL_MAX + 1], place[48], sectors[80] = "", boot[32] = "", limits[96] = "";

	shared_serial(s->job, i, serial);
	if (p->iops || p->bytes_per_second)
		snprintf(limits, sizeof limits, ",throttling.iops-total=%" PRIu64 ",throttling.bps-total=%" PRIu64,
			 p->iops, p->bytes_per_second);
	disk_place(s, i, place, sizeof place);
	if (d->logical_sector > 512)
		snprintf(sectors, sizeof sectors, ",logical_block_size=%" PRIu32 ",physical_block_size=%" PRIu32,
			 d->logical_sector, d->logical_sector);
	if (order)
		snprintf(boot, sizeof boot, ",bootindex=%u", order);
	option(s, "-drive", "if=none,id=disk%zu,format=%s,discard=unmap%s,file=%s", i, d->format, limits,
	       no_commas(a, d->file));
	option(s, "-device", "%s%s,drive=disk%zu,serial=%s%s%s", disk_device(s->bus), place, i, serial, sectors, boot);
}

static void write_cdroms(struct script *s)
{
	enum disk_bus bus = s->board == BOARD_PC ? DISK_BUS_IDE : DISK_BUS_SATA;
	size_t place = s->bus == bus ? s->job->ndisks : 0, n = 0;
	char where[48];

	VEC_FOR (r, &s->m->removables) {
		if (r->kind != REMOVABLE_CDROM || (bus == DISK_BUS_IDE && place >= IDE_MAX))
			continue;
		ata_place(s, bus, place++, where, sizeof where);
		option(s, "-drive", "if=none,id=cd%zu,media=cdrom", n);
		option(s, "-device", "ide-cd%s,drive=cd%zu", where, n++);
	}
}

static const char *nic_device(enum net_bus bus)
{
	return bus == NET_BUS_UNKNOWN || bus == NET_BUS_VIRTIO ? "virtio-net-pci" : net_bus_name(bus);
}

/* A bridge that the user named is used; anything else becomes user-mode networking, which needs no privileges. */
static void write_nics(struct script *s, struct arena *a)
{
	size_t i = 0;

	if (!s->m->nics.n)
		option(s, "-nic", "none");
	VEC_FOR (n, &s->m->nics) {
		if (n->target && shared_nic_kind(n) == NET_BRIDGE)
			option(s, "-netdev", "bridge,id=net%zu,br=%s", i, no_commas(a, shared_nic_target(n)));
		else
			option(s, "-netdev", "user,id=net%zu", i);
		option(s, "-device", "%s,netdev=net%zu,mac=%s", nic_device(s->job->caps->net), i, n->mac);
		i++;
	}
}

/* virt has neither VGA nor PS/2: the firmware's frame buffer and a USB keyboard stand in. */
static void write_screen(struct script *s)
{
	bool gpu = s->job->caps->virtio_gpu;

	if (s->board == BOARD_VIRT)
		option(s, "-device", "%s", gpu ? "virtio-gpu-pci" : "ramfb");
	else
		option(s, "-vga", "%s", gpu ? "virtio" : "std");
	option(s, "-device", "%s", shared_has_xhci(s->job) ? "qemu-xhci" : "piix3-usb-uhci");
	option(s, "-device", "usb-tablet");
	if (s->board == BOARD_VIRT)
		option(s, "-device", "usb-kbd");
}

static void write_rest(struct script *s)
{
	const struct caps *c = s->job->caps;

	if (c->agent_channel) {
		option(s, "-device", "virtio-serial-pci");
		option(s, "-chardev", "socket,id=agent,server=on,wait=off,path=%s-agent.sock", s->job->name);
		option(s, "-device", "virtserialport,chardev=agent,name=org.qemu.guest_agent.0");
	}
	if (c->rng)
		option(s, "-device", "virtio-rng-pci");
	if (c->balloon)
		option(s, "-device", "virtio-balloon-pci");
	write_screen(s);
}

static void write_scsi(struct script *s)
{
	const char *device = s->bus == DISK_BUS_PVSCSI	 ? "pvscsi"
			     : s->bus == DISK_BUS_LSISAS ? "mptsas1068"
							 : "virtio-scsi-pci";

	for (unsigned i = 0; i < shared_scsi_controllers(s->job); i++)
		option(s, "-device", "%s,id=scsi%u", device, i);
}

static void write_script(struct script *s, struct arena *a)
{
	buf_addf(s->out,
		 "#!/bin/sh\n"
		 "# Starts %s under QEMU; further options are handed on, for instance -nographic or -snapshot.\n"
		 "set -eu\n"
		 "cd \"$(dirname \"$0\")\"\n",
		 s->job->name);
	write_firmware(s);
	buf_addf(s->out, "exec qemu-system-%s \\\n", board_arch(s->board));
	write_machine(s);
	write_scsi(s);
	for (size_t i = 0; i < s->job->ndisks; i++)
		write_disk(s, a, i);
	write_cdroms(s);
	write_nics(s, a);
	write_rest(s);
	buf_adds(s->out, "\t\"$@\"\n");
}

static int write_qemu(const struct output_job *job, struct err *err)
{
	AUTO(buf_done) struct buf out = BUF_INIT(SCRIPT_MAX);
	AUTO(arena_done) struct arena a = {0};
	struct script s = {
	    .out = &out, .job = job, .m = job->machine, .bus = shared_disk_bus(job), .board = shared_board(job)};
	char name[128];

	snprintf(name, sizeof name, "%.100s.sh", job->name);
	if (shared_check(job, err) < 0)
		return err_wrap(err, "'%s'", name);
	s.uefi = job->firmware == FIRMWARE_UEFI;
	s.secure = shared_secure_boot(job);
	write_script(&s, &a);
	if (out.failed)
		return err_set(err, ERR_INTERNAL, "'%s' is over %d bytes", name, SCRIPT_MAX);
	if (file_replace(job->dirfd, name, buf_str(&out), out.len, 0755, err) < 0)
		return -1;
	return output_local.write(job, err); /* `rehost boot` and later a libvirt host want it too */
}

const struct output output_qemu = {
    .name = "qemu",
    .description = "the same, and NAME.sh, which starts QEMU without libvirt",
    .write = write_qemu,
};
