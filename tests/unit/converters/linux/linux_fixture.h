/* A folder guest with machine, inspection and step context, for the tests of inspectors and steps. */
#ifndef REHOST_TESTS_UNIT_CONVERTERS_LINUX_FIXTURE_H
#define REHOST_TESTS_UNIT_CONVERTERS_LINUX_FIXTURE_H

#include "converters/linux/linux.h"
#include "guest/files/devnames.h"
#include "tests/unit/guest/folder_fixture.h"

#define ROOT_UUID "0b2f5f4e-6d0a-4f0e-9a3c-2f6f5f0e8a11"
#define SWAP_UUID "51c3a7de-91c2-4d35-8b3b-6f1f9f8b2c22"
#define DATA_UUID "7e9d2c41-0c1e-4a6b-b1f5-3a0c4d5e6f33"

struct linux_fixture {
	struct fixture files;
	struct machine *machine;
	struct inspection *inspection;
	struct caps caps;
	struct convert_options options;
	struct step_context c;
};

static inline struct disk *add_disk(struct linux_fixture *f, enum controller controller, unsigned unit)
{
	struct disk *d = vec_push(&f->machine->arena, &f->machine->disks);

	*d = (struct disk){.controller = controller, .unit = unit};
	return d;
}

static inline struct filesystem *add_fs(struct linux_fixture *f, const char *device, const char *type, const char *uuid,
					unsigned disk, unsigned partition)
{
	struct arena *a = &f->inspection->arena;
	struct filesystem *fs = vec_push(a, &f->inspection->filesystems);

	*fs = (struct filesystem){.device = arena_strdup(a, device),
				  .type = arena_strdup(a, type),
				  .uuid = arena_strdup(a, uuid),
				  .partuuid = partition ? arena_printf(a, "1234abcd-%u%u", disk, partition) : NULL,
				  .disk = disk,
				  .partition = partition};
	return fs;
}

static inline struct nic *add_nic(struct linux_fixture *f, const char *mac, int slot)
{
	struct nic *n = vec_push(&f->machine->arena, &f->machine->nics);

	*n = (struct nic){.model = NIC_VMXNET3, .pci_slot = slot};
	snprintf(n->mac, sizeof n->mac, "%s", mac);
	return n;
}

/* One pvscsi disk: ext4 root on partition 1, swap on partition 2. */
static inline int linux_setup(void **state)
{
	struct linux_fixture *f = calloc(1, sizeof *f);

	strcpy(f->files.dir, "/var/tmp/rehost-test-linux-XXXXXX");
	assert_non_null(mkdtemp(f->files.dir));
	assert_int_equal(guest_open_folder(f->files.dir, &f->files.g, &f->files.err), 0);
	f->machine = machine_new();
	f->inspection = inspection_new();
	f->inspection->os = (struct os_info){.family = OS_LINUX,
					     .type = (char *)"linux",
					     .distro = (char *)"debian",
					     .arch = (char *)"x86_64",
					     .root = (char *)"/dev/sda1"};
	add_disk(f, CONTROLLER_PVSCSI, 0);
	add_fs(f, "/dev/sda1", "ext4", ROOT_UUID, 0, 1);
	add_fs(f, "/dev/sda2", "swap", SWAP_UUID, 0, 2);
	f->caps = (struct caps){.disk = DISK_BUS_VIRTIO_BLK, .net = NET_BUS_VIRTIO};
	f->c = (struct step_context){f->files.g, f->machine, f->inspection, &f->files.log, &f->caps, &f->options};
	*state = f;
	return 0;
}

static inline int linux_teardown(void **state)
{
	struct linux_fixture *f = *state;

	machine_free(f->machine);
	inspection_free(f->inspection);
	guest_close(f->files.g);
	arena_done(&f->files.arena);
	changelog_done(&f->files.log);
	file_remove_tree(AT_FDCWD, f->files.dir, NULL);
	free(f);
	return 0;
}

static inline void survey(struct linux_fixture *f)
{
	assert_int_equal(devnames_survey(f->files.g, f->machine, f->inspection, &f->files.err), 0);
}

/* Runs a step, and once more to see that the second run changes nothing. */
static inline void run_twice(struct linux_fixture *f, const struct step *s)
{
	if (s->run(&f->c, &f->files.err) < 0)
		fail_msg("%s: %s", s->id, f->files.err.text);

	size_t changes = f->files.log.changes.n;

	assert_int_equal(s->run(&f->c, &f->files.err), 0);
	assert_int_equal(f->files.log.changes.n, changes);
}

static inline const struct change *change_of(struct linux_fixture *f, const char *path)
{
	VEC_FOR (c, &f->files.log.changes)
		if (strcmp(c->path, path) == 0)
			return c;
	return NULL;
}

static inline const struct finding *finding_of(struct linux_fixture *f, const char *id)
{
	VEC_FOR (it, &f->inspection->findings)
		if (strcmp(it->id, id) == 0)
			return it;
	return NULL;
}

#define LINUX_TEST(t) cmocka_unit_test_setup_teardown(t, linux_setup, linux_teardown)

#endif
