/* Decisions that every output makes alike: which bus, which serial, which order. */
#ifndef REHOST_OUTPUTS_SHARED_H
#define REHOST_OUTPUTS_SHARED_H

#include <stddef.h>

#include "outputs/output.h"

enum {
	SERIAL_MAX = 20, /* virtio-blk shows 20 bytes and no more (virtio 1.1, 5.2.6) */
	IDE_MAX = 4,	 /* two channels of two */
};

/* Where a disk is on a SCSI bus; its LUN is 0. */
struct scsi_place {
	unsigned controller, target;
};

/* caps->board; q35 when it isn't known. */
enum board shared_board(const struct output_job *job);

/* More processors than interrupts reach by an APIC's 8 bits of id: they need an IOMMU that remaps interrupts. */
bool shared_needs_remapping(const struct output_job *job);

/* caps->disk, with IDE on a machine that has none (all but pc) made SATA and unknown made virtio-blk. */
enum disk_bus shared_disk_bus(const struct output_job *job);

/* Whether the disks are on a SCSI bus, where each is then, and how many controllers they take. */
bool shared_is_scsi(enum disk_bus bus);
struct scsi_place shared_scsi_place(const struct output_job *job, size_t disk);
unsigned shared_scsi_controllers(const struct output_job *job);

/* The source's serial, of which the first bytes count, or the last where the first are those of another disk, too; else
 * one derived from name and position that is the same in every run: letters, digits and '-'. */
void shared_serial(const struct output_job *job, size_t disk, char ret[SERIAL_MAX + 1]);

/* Boot order of a disk: as the machine says, or the order of the disks when it says nothing. */
unsigned shared_boot_order(const struct output_job *job, size_t disk);

/* What a NIC connects to: the map's word, else the source's, never empty. */
const char *shared_nic_target(const struct nic *n);
enum net_kind shared_nic_kind(const struct nic *n);

/* The system is Windows of at least that version of NT (6, 2: Windows 8 and Server 2012). */
bool shared_windows_from(const struct output_job *job, int major, int minor);

/* What the clock shows: as the guest takes it, else Windows' local time, else what the source had. */
enum clock_offset shared_clock(const struct output_job *job);

/* UEFI with Secure Boot: as the source's description says, or when it says nothing as Windows found it at its last
 * start.
 */
bool shared_secure_boot(const struct output_job *job);

/* USB 3: what Windows has drivers for from 8 on, and has on no pc machine. */
bool shared_has_xhci(const struct output_job *job);

/* The source had a TPM, or it is Windows 11, which updates itself only on machines that have one. */
bool shared_has_tpm(const struct output_job *job);

/* A disk whose sectors the chosen bus can't show, more IDE disks than fit: ERR_CONVERT. */
int shared_check(const struct output_job *job, struct err *err);

#endif
