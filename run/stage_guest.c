/* The stage of a run that works on the guest in the appliance. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "converters/step.h"
#include "core/base/log.h"
#include "drivers-inject/windows.h"
#include "guest/appliance.h"
#include "guest/originals.h"
#include "inspectors/inspector.h"
#include "run/stages.h"

static void tick(const char *what, void *opaque)
{
	log_debug("%s", what);
}

static uint64_t disk_activity(void *opaque)
{
	const struct run *r = opaque;

	return io_activity(r->io);
}

/* Metadata and disk may disagree (a finding of the inspectors): what the disk is prepared for is what boots. */
static enum firmware decide_firmware(const struct run *r)
{
	enum firmware disk = r->inspection ? r->inspection->firmware_disk : FIRMWARE_UNKNOWN;

	/* arm64 machines have no other. */
	if (r->caps.board == BOARD_VIRT)
		return FIRMWARE_UEFI;
	if (disk != FIRMWARE_UNKNOWN)
		return disk;
	if (r->machine->firmware != FIRMWARE_UNKNOWN)
		return r->machine->firmware;
	for (unsigned i = 0; i < r->machine->disks.n; i++)
		if (io_disk(r->io, i)->uefi)
			return FIRMWARE_UEFI;
	return FIRMWARE_BIOS;
}

int start_appliance(struct run *r, bool frozen, struct appliance **ret, struct err *err)
{
	bool readonly = frozen || r->o->depth == RUN_INSPECT;
	AUTO_FREE struct appliance_disk *disks = calloc(r->machine->disks.n, sizeof *disks);
	struct accel accel;
	struct appliance_options options = {.disks = disks,
					    .ndisks = r->machine->disks.n,
					    .accel = &accel,
					    .root = r->o->root,
					    .keys = r->o->keys,
					    .trim_encrypted = r->o->trim_encrypted,
					    .discard_hibernation = r->o->discard_hibernation,
					    .mount_unclean = r->o->force,
					    .readonly_mounts = readonly,
					    .tick = tick,
					    .disk_activity = disk_activity,
					    .opaque = r};

	if (!disks)
		return err_nomem(err);
	if (accel_probe(&accel, err) < 0)
		return -1;
	log_info("accelerator: %s", accel.reason);
	js_set(r->report, "accelerator", accel_json(&accel));
	/* Even a read-only look replays journals: into the delta, which is thrown away. */
	if (io_serve(r->io, frozen, err) < 0)
		return -1;
	for (unsigned i = 0; i < options.ndisks; i++)
		disks[i] = (struct appliance_disk){.socket = io_disk(r->io, i)->socket,
						   .logical_sector = io_disk(r->io, i)->logical_sector,
						   .readonly = frozen};
	return appliance_start(&options, ret, err);
}

/* Hardware that nearly every system since 2005 drives, on a board for the guest's processor as far as that is known. */
static struct caps unproven_caps(const struct run *r)
{
	const char *arch = r->inspection ? inspection_arch(r->inspection) : machine_arch_hint(r->machine);

	return (struct caps){
	    .disk = DISK_BUS_SATA, .net = NET_BUS_E1000E, .board = board_for_arch(arch), .safe_mode = true};
}

static enum disk_bus bus_of(enum controller c)
{
	switch (c) {
	case CONTROLLER_IDE:
		return DISK_BUS_IDE;
	case CONTROLLER_PVSCSI:
		return DISK_BUS_PVSCSI;
	case CONTROLLER_LSISAS:
		return DISK_BUS_LSISAS;
	case CONTROLLER_VIRTIO_BLK:
		return DISK_BUS_VIRTIO_BLK;
	case CONTROLLER_VIRTIO_SCSI:
		return DISK_BUS_VIRTIO_SCSI;
	case CONTROLLER_SATA:
	case CONTROLLER_LSILOGIC: /* QEMU's is another chip with another driver */
	case CONTROLLER_BUSLOGIC:
	case CONTROLLER_NVME:
	case CONTROLLER_XEN:
	case CONTROLLER_UNKNOWN:
		break;
	}
	return DISK_BUS_SATA;
}

static enum net_bus net_bus_of(enum nic_model model)
{
	switch (model) {
	case NIC_E1000:
		return NET_BUS_E1000;
	case NIC_RTL8139:
		return NET_BUS_RTL8139;
	case NIC_VMXNET3:
		return NET_BUS_VMXNET3;
	case NIC_VIRTIO:
		return NET_BUS_VIRTIO;
	case NIC_E1000E:
	case NIC_PCNET:
	case NIC_VMXNET:
	case NIC_VMXNET2:
	case NIC_UNKNOWN:
		break;
	}
	return NET_BUS_E1000E;
}

/* What the source had, as far as QEMU has it; all disks and all cards are of one kind here, that of the first. */
static struct caps source_caps(const struct run *r)
{
	const struct machine *m = r->machine;
	struct caps caps = unproven_caps(r);

	if (!r->o->hardware || caps.board == BOARD_VIRT)
		return caps;
	caps.disk = bus_of(m->disks.v[0].controller);
	if (m->nics.n)
		caps.net = net_bus_of(m->nics.v[0].model);
	if (caps.disk == DISK_BUS_IDE)
		caps.board = BOARD_PC;
	return caps;
}

/* The guest as it was before, on hardware as it had. */
static int undo_guest(struct run *r, struct appliance *a, struct err *err)
{
	phase_begin(r, "undo", "putting the originals back");
	r->caps = source_caps(r);
	r->log.step = "undo";
	if (r->o->undo_heads && appliance_restore_heads(a, r->inspection, r->o->undo_heads, &r->log, err) < 0)
		return -1;
	return originals_restore(AT_FDCWD, r->o->undo_from, appliance_guest(a), &r->log, err);
}

/* Steps, with the originals of what they change kept in the output folder. */
static int run_steps(struct run *r, const struct step_context *c, struct err *err)
{
	AUTO(originals_closep) struct originals *originals = NULL;
	int ret;

	if (!r->o->undo_log || !r->partial)
		return steps_run(c, tick, NULL, err);
	if (originals_open(partial_dirfd(r->partial), UNDO_FOLDER, &originals, err) < 0)
		return -1;
	c->guest->originals = originals;
	ret = steps_run(c, tick, NULL, err);
	c->guest->originals = NULL;
	return ret < 0 ? -1 : originals_save(originals, err);
}

static int convert_guest(struct run *r, struct appliance *a, struct err *err)
{
	struct convert_options options = {.keep_tools = r->o->keep_tools,
					  .rebuild_initramfs = r->o->rebuild_initramfs,
					  .agent = r->agent,
					  .disk_bus = disk_bus_by_name(r->o->block_driver)};
	struct step_context c = {.guest = appliance_guest(a),
				 .machine = r->machine,
				 .inspection = r->inspection,
				 .log = &r->log,
				 .caps = &r->caps,
				 .options = &options};

	phase_begin(r, "convert", "converting the guest");
	if (r->inspection->os.family == OS_WINDOWS && !r->drivers && driver_catalogue_open(NULL, &r->drivers, err) < 0)
		return -1;
	options.drivers = r->drivers;
	return run_steps(r, &c, err);
}

/* The mount removed it, which no step sees. */
static void record_discard(struct run *r)
{
	if (!r->o->discard_hibernation || r->o->depth == RUN_INSPECT || !r->inspection->windows ||
	    !r->inspection->windows->hibernated)
		return;
	r->log.step = "mount";
	changelog_words(&r->log, CHANGE_REMOVE, "/hiberfil.sys",
			"--discard-hibernation: Windows starts anew instead of waking up on other hardware",
			"the memory of a suspended Windows");
}

static int inspect_in_appliance(struct run *r, struct appliance *a, struct err *err)
{
	phase_begin(r, "inspect", "inspecting the guest");
	if (appliance_inspect(a, r->inspection, err) < 0 || appliance_mount(a, r->machine, r->inspection, err) < 0)
		return -1;
	record_discard(r);
	if (r->o->depth != RUN_INSPECT && !r->o->undo_from && appliance_fix_heads(a, r->inspection, &r->log, err) < 0)
		return -1;
	if (r->o->depth != RUN_INSPECT && !r->o->no_trim) {
		phase_begin(r, "trim", "discarding free space");
		if (appliance_trim(a, r->inspection, &r->log, err) < 0)
			return -1;
	}
	phase_begin(r, "facts", "reading kernels, boot entries and network");
	return inspect_guest(appliance_guest(a), r->machine, r->inspection, err);
}

static void report_guest(struct run *r)
{
	r->firmware = decide_firmware(r);
	inspection_judge(r->inspection);
	js_set(r->report, "inspection", inspection_json(r->inspection));
	js_set(r->report, "changes", changelog_json(&r->log));
	js_set(r->report, "caps", caps_json(&r->caps));
	js_set_str(r->report, "firmware", firmware_name(r->firmware));
}

/* --force makes no volume writable. */
static bool is_root_readonly(const struct run *r)
{
	VEC_FOR (f, &r->inspection->filesystems)
		if (f->mountpoint && strcmp(f->mountpoint, "/") == 0)
			return f->is_readonly;
	return false;
}

static int refuse_blockers(const struct run *r, struct err *err)
{
	if (r->o->force && !is_root_readonly(r))
		return 0;
	VEC_FOR (f, &r->inspection->findings)
		if (f->severity == SEVERITY_BLOCKER)
			return err_set(err, ERR_BLOCKED, "%s: %s%s%s", f->id, f->text, f->fix ? "; " : "",
				       f->fix ? f->fix : "");
	return 0;
}

/* Nothing can be written to a Windows in such a state, so that there is nothing to plan. */
static bool is_out_of_reach(const struct run *r)
{
	return r->inspection->os.family == OS_WINDOWS && refuse_blockers(r, NULL) < 0;
}

/* What the inspection found may refuse the guest before anything is changed; what a step finds, before the copy. */
static int change_guest(struct run *r, struct appliance *a, struct err *err)
{
	if (r->o->undo_from)
		return undo_guest(r, a, err);
	if (r->o->depth == RUN_CONVERT && refuse_blockers(r, err) < 0)
		return -1;
	if (!is_out_of_reach(r))
		return convert_guest(r, a, err);
	r->caps = unproven_caps(r);
	return 0;
}

int stage_guest(struct run *r, struct err *err)
{
	AUTO(appliance_closep) struct appliance *a = NULL;
	int ret;

	phase_begin(r, "appliance", "starting the appliance");
	if (start_appliance(r, false, &a, err) < 0)
		return -1;
	r->inspection = inspection_new();
	if (!r->inspection)
		return err_nomem(err);
	ret = inspect_in_appliance(r, a, err);
	if (ret == 0 && r->o->depth != RUN_INSPECT)
		ret = change_guest(r, a, err);
	report_guest(r);
	if (ret < 0 || (r->o->depth == RUN_CONVERT && refuse_blockers(r, err) < 0))
		return -1;
	phase_begin(r, "close", "closing the appliance");
	return appliance_finish(a, err);
}

/* Nothing is known of a guest that isn't looked into. */
void stage_no_guest(struct run *r)
{
	r->caps = unproven_caps(r);
	r->firmware = decide_firmware(r);
	js_set(r->report, "caps", caps_json(&r->caps));
	js_set_str(r->report, "firmware", firmware_name(r->firmware));
}
