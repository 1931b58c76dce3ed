/* Decisions that every output makes alike: which bus, which serial, which order. */
#ifndef REHOST_OUTPUTS_SHARED_H
#define REHOST_OUTPUTS_SHARED_H

#include <stddef.h>

#include "outputs/output.h"

enum {
	SERIAL_MAX = 20, /* virtio-blk shows 20 bytes and no more (virtio 1.1, 5.2.6) */
	IDE_MAX = 4,	 /* two channels of two */
};

/* caps->board; q35 when it isn't known. */
enum board shared_board(const struct output_job *job);

/* caps->disk, with IDE on a machine that has none (all but pc) made SATA and unknown made virtio-blk. */
enum disk_bus shared_disk_bus(const struct output_job *job);

/* The source's serial, else one derived from name and position that is the same in every run: letters, digits and '-'.
 */
void shared_serial(const struct output_job *job, size_t disk, char ret[SERIAL_MAX + 1]);

/* Boot order of a disk: as the machine says, or the order of the disks when it says nothing. */
unsigned shared_boot_order(const struct output_job *job, size_t disk);

/* What a NIC connects to: the map's word, else the source's, never empty. */
const char *shared_nic_target(const struct nic *n);
enum net_kind shared_nic_kind(const struct nic *n);

/* A disk whose sectors the chosen bus can't show, more IDE disks than fit: ERR_CONVERT. */
int shared_check(const struct output_job *job, struct err *err);

#endif
