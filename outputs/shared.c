/* Decisions that every output makes alike. */
#include "outputs/shared.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/checked.h"
#include "core/base/hash.h"

enum {
	/* libvirt's schema has two digits for a target; virtio-scsi has 256 of them. */
	VIRTIO_SCSI_TARGETS = 64,
	/* A wide bus without its controller's own place, 7: LSI's SAS model has 8, of PVSCSI SeaBIOS looks at 7. */
	SCSI_TARGETS = 7,
	APIC_MAX = 255,	   /* processors that the 8 bits of an interrupt's destination reach */
	SERIAL_SEEN = 256, /* bytes of a source's serial that are looked at */
};

enum board shared_board(const struct output_job *job)
{
	return job->caps->board == BOARD_UNKNOWN ? BOARD_Q35 : job->caps->board;
}

enum disk_bus shared_disk_bus(const struct output_job *job)
{
	switch (job->caps->disk) {
	case DISK_BUS_IDE:
		return job->caps->board == BOARD_PC ? DISK_BUS_IDE : DISK_BUS_SATA;
	case DISK_BUS_VIRTIO_BLK:
	case DISK_BUS_VIRTIO_SCSI:
	case DISK_BUS_SATA:
		return job->caps->disk;
	case DISK_BUS_PVSCSI:
	case DISK_BUS_LSISAS: /* of x86 only */
		return job->caps->board == BOARD_VIRT ? DISK_BUS_SATA : job->caps->disk;
	case DISK_BUS_UNKNOWN:
		break;
	}
	return DISK_BUS_VIRTIO_BLK;
}

/* QEMU 7.2's max_cpus of a board; later ones of q35 take more. */
static unsigned vcpus_max(enum board board)
{
	switch (board) {
	case BOARD_PC:
		return APIC_MAX;
	case BOARD_VIRT:
		return 512;
	case BOARD_Q35:
	case BOARD_UNKNOWN:
		break;
	}
	return 288;
}

void output_fit(struct machine *m, const struct caps *caps)
{
	unsigned max = vcpus_max(caps->board);

	if (m->vcpus <= max)
		return;
	machine_note(m, "the machine gets %u of its %u processors: QEMU's %s takes no more", max, m->vcpus,
		     board_name(caps->board == BOARD_UNKNOWN ? BOARD_Q35 : caps->board));
	m->vcpus = max;
	m->sockets = m->cores = m->threads = 0;
}

bool shared_needs_remapping(const struct output_job *job)
{
	return shared_board(job) == BOARD_Q35 && job->machine->vcpus > APIC_MAX;
}

bool shared_is_scsi(enum disk_bus bus)
{
	return bus == DISK_BUS_VIRTIO_SCSI || bus == DISK_BUS_PVSCSI || bus == DISK_BUS_LSISAS;
}

static unsigned scsi_targets(const struct output_job *job)
{
	return shared_disk_bus(job) == DISK_BUS_VIRTIO_SCSI ? VIRTIO_SCSI_TARGETS : SCSI_TARGETS;
}

struct scsi_place shared_scsi_place(const struct output_job *job, size_t disk)
{
	unsigned targets = scsi_targets(job);

	return (struct scsi_place){(unsigned)disk / targets, (unsigned)disk % targets};
}

unsigned shared_scsi_controllers(const struct output_job *job)
{
	return shared_is_scsi(shared_disk_bus(job)) ? (unsigned)div_round_up(job->ndisks, scsi_targets(job)) : 0;
}

/* The first or the last bytes of the source's serial, without what isn't fine in one. */
static void stated_serial(const struct disk *d, bool last, char ret[SERIAL_MAX + 1])
{
	static const char fine[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-";
	char all[SERIAL_SEEN + 1];
	size_t n = 0;

	for (const char *s = d->serial; s && *s && n < SERIAL_SEEN; s++)
		if (strchr(fine, *s))
			all[n++] = *s;
	all[n] = '\0';
	snprintf(ret, SERIAL_MAX + 1, "%.*s", SERIAL_MAX, last && n > SERIAL_MAX ? all + n - SERIAL_MAX : all);
}

static bool serial_of_another(const struct output_job *job, size_t disk, const char *serial)
{
	char first[SERIAL_MAX + 1], last[SERIAL_MAX + 1];

	VEC_FOR (d, &job->machine->disks) {
		stated_serial(d, false, first);
		stated_serial(d, true, last);
		if (d != &job->machine->disks.v[disk] && (!strcmp(first, serial) || !strcmp(last, serial)))
			return true;
	}
	return false;
}

void shared_serial(const struct output_job *job, size_t disk, char ret[SERIAL_MAX + 1])
{
	const struct disk *d = &job->machine->disks.v[disk];

	stated_serial(d, false, ret);
	if (*ret && serial_of_another(job, disk, ret)) /* the names of a SAN's disks differ at their ends */
		stated_serial(d, true, ret);
	if (!*ret || serial_of_another(job, disk, ret))
		snprintf(ret, SERIAL_MAX + 1, "%08" PRIx32 "-%.8s", (uint32_t)hash_xxh3(job->name, strlen(job->name)),
			 d->id);
}

unsigned shared_boot_order(const struct output_job *job, size_t disk)
{
	bool stated = false;

	VEC_FOR (d, &job->machine->disks)
		stated |= d->boot_order > 0;
	if (!stated)
		return (unsigned)disk + 1;
	return job->machine->disks.v[disk].boot_order > 0 ? (unsigned)job->machine->disks.v[disk].boot_order : 0;
}

const char *shared_nic_target(const struct nic *n)
{
	if (n->target && *n->target)
		return n->target;
	return n->network && *n->network ? n->network : "default";
}

enum net_kind shared_nic_kind(const struct nic *n)
{
	enum net_kind kind = n->target && *n->target ? n->target_kind : n->kind;

	return kind == NET_BRIDGE ? NET_BRIDGE : NET_NETWORK;
}

static bool is_windows(const struct output_job *job)
{
	return job->inspection && job->inspection->os.family == OS_WINDOWS;
}

bool shared_windows_from(const struct output_job *job, int major, int minor)
{
	const struct os_info *os = job->inspection ? &job->inspection->os : NULL;

	return is_windows(job) && (os->major > major || (os->major == major && os->minor >= minor));
}

/* Local time as it was measured needs no host in the same time zone. */
enum clock_offset shared_clock(const struct output_job *job)
{
	enum clock_offset said = job->machine->clock;

	if (job->inspection && job->inspection->os.clock != CLOCK_UNKNOWN)
		said = job->inspection->os.clock;
	else if (is_windows(job))
		said = CLOCK_LOCALTIME;
	return said == CLOCK_LOCALTIME && job->machine->clock == CLOCK_VARIABLE ? CLOCK_VARIABLE : said;
}

bool shared_secure_boot(const struct output_job *job)
{
	enum tristate said = job->machine->secure_boot;

	if (said == TRI_UNKNOWN && job->inspection && job->inspection->windows)
		said = job->inspection->windows->secure_boot;
	return job->firmware == FIRMWARE_UEFI && said == TRI_YES && shared_board(job) != BOARD_PC;
}

bool shared_has_xhci(const struct output_job *job)
{
	return shared_board(job) != BOARD_PC && (!is_windows(job) || shared_windows_from(job, 6, 2));
}

bool shared_has_tpm(const struct output_job *job)
{
	static const char win11[] = "http://microsoft.com/win/11";
	const char *id = is_windows(job) ? job->inspection->os.osinfo : NULL;

	return shared_board(job) != BOARD_PC && (job->machine->tpm || (id && strcmp(id, win11) == 0));
}

int shared_check(const struct output_job *job, struct err *err)
{
	enum disk_bus bus = shared_disk_bus(job);

	if (bus == DISK_BUS_IDE && job->ndisks > IDE_MAX)
		return err_set(err, ERR_CONVERT, "there are %zu disks, IDE holds %d", job->ndisks, IDE_MAX);
	for (size_t i = 0; i < job->ndisks; i++)
		if (job->disks[i].logical_sector > 512 && (bus == DISK_BUS_IDE || bus == DISK_BUS_SATA))
			return err_set(err, ERR_CONVERT,
				       "disk %s has sectors of %" PRIu32 " bytes, %s shows only 512: the guest needs "
				       "virtio drivers",
				       job->machine->disks.v[i].id, job->disks[i].logical_sector, disk_bus_name(bus));
	return 0;
}
