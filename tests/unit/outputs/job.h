/* Machines to write, for the tests of outputs. */
#ifndef REHOST_TESTS_UNIT_OUTPUTS_JOB_H
#define REHOST_TESTS_UNIT_OUTPUTS_JOB_H

#include <stdio.h>
#include <string.h>

#include "core/base/checked.h"
#include "outputs/output.h"

struct job_fixture {
	struct machine *m;
	struct inspection *i;
	struct caps caps;
	struct output_disk disks[64];
	char files[64][64];
	struct output_job job;
};

static inline struct disk *job_add_disk(struct job_fixture *f)
{
	size_t n = f->m->disks.n;
	struct disk *d = vec_push(&f->m->arena, &f->m->disks);
	char id[8];

	disk_id((unsigned)n, id);
	snprintf(f->files[n], sizeof f->files[n], "web01-%s.qcow2", id);
	f->disks[n] = (struct output_disk){f->files[n], "qcow2", 10 * GIB, 512};
	f->job.ndisks = n + 1;
	return d;
}

static inline struct nic *job_add_nic(struct job_fixture *f, const char *mac, const char *network)
{
	struct nic *n = vec_push(&f->m->arena, &f->m->nics);

	snprintf(n->mac, sizeof n->mac, "%s", mac);
	n->network = arena_strdup(&f->m->arena, network);
	n->kind = NET_NETWORK;
	n->connected = true;
	n->pci_slot = -1;
	return n;
}

/* A Debian BIOS guest with everything virtio, one disk and one NIC. The fixture must not move. */
static inline void job_init(struct job_fixture *f)
{
	*f = (struct job_fixture){.m = machine_new(), .i = inspection_new()};
	f->caps = (struct caps){.disk = DISK_BUS_VIRTIO_BLK,
				.net = NET_BUS_VIRTIO,
				.board = BOARD_Q35,
				.rng = true,
				.balloon = true,
				.agent_channel = true,
				.virtio_gpu = true};
	f->m->name = arena_strdup(&f->m->arena, "web01");
	f->m->source_kind = arena_strdup(&f->m->arena, "ova");
	memcpy(f->m->uuid, "564d1122-3344-5566-7788-99aabbccddee", 37);
	f->m->memory = GIB;
	f->m->vcpus = 2;
	f->i->os.family = OS_LINUX;
	f->i->os.osinfo = arena_strdup(&f->i->arena, "http://debian.org/debian/12");
	f->i->verdict = VERDICT_BOOTS;
	f->job = (struct output_job){.machine = f->m,
				     .inspection = f->i,
				     .caps = &f->caps,
				     .firmware = FIRMWARE_BIOS,
				     .disks = f->disks,
				     .name = "web01",
				     .folder = "/srv/vm/web01",
				     .dirfd = -1};
	job_add_disk(f);
	job_add_nic(f, "00:50:56:aa:00:01", "VM Network");
	machine_complete(f->m);
}

static inline void job_done(struct job_fixture *f)
{
	machine_free(f->m);
	inspection_free(f->i);
}

#endif
