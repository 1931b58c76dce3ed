/* The first stages of a run: source, partial folder, disks, and what an earlier run left. */
#include <string.h>

#include "core/base/checked.h"
#include "core/base/file.h"
#include "core/base/log.h"
#include "core/base/pkgfile.h"
#include "core/model/version.h"
#include "drivers-inject/windows.h"
#include "run/identity.h"
#include "run/logfile.h"
#include "run/space.h"
#include "run/stages.h"

/* Room for a delta: an initramfs of up to 100 MB is rewritten for each of a few kernels, beside journals that are
 * replayed and small files. Looking only replays. More than this is told when it happens, by the graft. */
enum { DELTA_MIB = 256, REPLAY_MIB = 32 };

static bool keeps_files(const struct run *r)
{
	return r->o->depth == RUN_CONVERT && strcmp(run_output_name(r), "null") != 0;
}

static void copy_progress(const struct io_progress *p, void *opaque)
{
	struct run *r = opaque;

	if (strcmp(p->phase, "copy") != 0)
		return;
	throughput_add(&r->throughput, phase_seconds(r), p->done);
	if (r->o->events.bytes)
		r->o->events.bytes(p->done, p->total, r->o->events.opaque);
}

/* Options that change the guest, in a run that leaves it as it is. */
static int refuse_changes(const struct run *r, struct err *err)
{
	if (!r->o->no_convert && r->o->depth != RUN_INSPECT)
		return 0;
	if (r->o->agent)
		return err_set(err, ERR_USAGE, "--agent '%s': the guest isn't changed, so nothing can be installed",
			       r->o->agent);
	if (r->o->virtio_win)
		return err_set(err, ERR_USAGE, "--virtio-win '%s': the guest isn't changed, so it gets no drivers",
			       r->o->virtio_win);
	if (r->o->rebuild_initramfs)
		return err_set(err, ERR_USAGE,
			       "--initramfs=rebuild: the guest isn't changed, so its images can't be made anew");
	VEC_FOR (nic, &r->machine->nics)
		if (nic->ip)
			return err_set(err, ERR_USAGE,
				       "--mac '%s:ip:%s': the guest isn't changed, so it can't be given an address",
				       nic->mac, nic->ip->address);
	return 0;
}

int stage_source(struct run *r, struct err *err)
{
	phase_begin(r, "source", "reading the machine's description");
	if (source_open(r->o->inputs, r->o->ninputs, &r->o->source, &r->machine, err) < 0 ||
	    maps_apply(&r->o->maps, r->machine, err) < 0 || refuse_changes(r, err) < 0)
		return -1;
	if (r->o->hardware)
		machine_take_hardware(r->machine, r->o->hardware);
	if (r->o->agent && pkg_folder_open(r->o->agent, &r->agent, err) < 0)
		return -1;
	if (r->o->virtio_win && driver_catalogue_open(r->o->virtio_win, &r->drivers, err) < 0)
		return -1;
	r->name = machine_safe_name(&r->arena, r->o->name ? r->o->name : r->machine->name);
	if (!r->machine->disks.n)
		return err_set(err, ERR_BLOCKED, "machine '%s' has no disk", r->machine->name);
	js_set(r->report, "machine", machine_json(r->machine));
	return 0;
}

/* Of disks that are block devices, whether they were written since: samples alone could miss it. */
static void add_devices(const struct run *r, struct json *id)
{
	struct json *devices = js_set(id, "devices", js_array());
	char text[IDENTITY_DEVICE_TEXT];

	VEC_FOR (d, &r->machine->disks) {
		identity_device(d->live ? NULL : d->folder, d->file, text);
		js_add_str(devices, text);
	}
}

/* What must be the same for a rerun to resume. */
static struct json *run_identity(const struct run *r)
{
	struct json *id = js_object(), *options = js_set(id, "options", js_object());
	struct json *machine = js_set(id, "machine", machine_json(r->machine));

	js_set_str(machine, "clock", NULL);  /* measured each time, and no part of the disks */
	js_set_str(machine, "source", NULL); /* however the argument was spelled: the disks' identities tell */
	js_set_str(id, "version", REHOST_VERSION);
	js_set_str(options, "format", run_disk_format(r));
	js_set_str(options, "codec", r->o->codec);
	js_set_str(options, "root", r->o->root);
	js_set_str(options, "snapshot", r->o->rules.snapshot);
	js_set_str(options, "output", run_output_name(r));
	js_set_bool(options, "no-convert", r->o->no_convert);
	js_set_bool(options, "no-trim", r->o->no_trim);
	js_set_bool(options, "trim-encrypted", r->o->trim_encrypted);
	js_set_bool(options, "discard-hibernation", r->o->discard_hibernation);
	js_set_bool(options, "keep-tools", r->o->keep_tools);
	js_set_str(options, "agent", r->agent ? buf_str(&r->agent->identity) : NULL);
	js_set_bool(options, "rebuild-initramfs", r->o->rebuild_initramfs);
	js_set_str(options, "virtio-win", r->drivers ? driver_catalogue_identity(r->drivers) : NULL);
	js_set_str(options, "block-driver", r->o->block_driver);
	js_set_bool(options, "undo-log", r->o->undo_log);
	js_set_str(options, "undo-from", r->o->undo_from);
	js_set_u64(options, "on-read-error", r->o->on_read_error);
	add_devices(r, id);
	return id;
}

static bool same_disks(const struct run *r)
{
	const struct json *disks = js_get(journal_phase_data(r->journal, PHASE_MAPPED), "disks");

	if (js_count(disks) != r->machine->disks.n)
		return false;
	for (unsigned i = 0; i < r->machine->disks.n; i++)
		if (strcmp(js_str(js_at(disks, i), ""), io_disk(r->io, i)->identity) != 0)
			return false;
	return true;
}

static int start_io(struct run *r, bool resume, struct err *err)
{
	struct io_options options = {.machine = r->machine,
				     .rules = r->o->rules,
				     .partial = r->partial ? partial_path(r->partial) : NULL,
				     .resume_converted = resume,
				     .on_read_error = r->o->on_read_error,
				     .threads = r->o->threads,
				     .progress = copy_progress,
				     .opaque = r};

	return io_start(&options, &r->io, err);
}

bool stage_input_failed(const struct err *err)
{
	return err->code == ERR_CORRUPT || err->code == ERR_UNREADABLE || err->code == ERR_UNSUPPORTED ||
	       err->code == ERR_POLICY;
}

/* Opens what an earlier run left. 1: resumed, 0: nothing usable there, -1: error. */
static int try_resume(struct run *r, struct err *err)
{
	AUTO(js_freep) struct json *id = run_identity(r);

	if (!partial_was_there(r->partial) || r->o->restart)
		return 0;
	if (journal_open(partial_dirfd(r->partial), &r->journal, err) < 0)
		return -1;
	if (journal_phase(r->journal) < PHASE_CONVERTED)
		return 0;
	if (!js_equal(journal_run(r->journal), id)) {
		log_warn("'%s' was left by a run of another machine, with other options, or before a device was "
			 "written: starting anew",
			 partial_path(r->partial));
		return 0;
	}
	if (start_io(r, true, err) < 0) {
		r->converted = err->code != ERR_VERIFY; /* that is damage of what was left */
		if (r->converted)
			return err_wrap(err, "cannot resume from '%s'", partial_path(r->partial));
		log_warn("'%s' can't be resumed (%s): starting anew", partial_path(r->partial), err->text);
		err_clear(err);
		return 0;
	}
	if (same_disks(r))
		return 1;
	log_warn("the source has changed since '%s' was left: starting anew", partial_path(r->partial));
	io_stop(take_ptr(&r->io));
	return 0;
}

static int begin_journal(struct run *r, struct err *err)
{
	struct json *mapped = js_object(), *disks = js_set(mapped, "disks", js_array());

	for (unsigned i = 0; i < r->machine->disks.n; i++)
		js_add_str(disks, io_disk(r->io, i)->identity);
	if (journal_begin(r->journal, run_identity(r), err) < 0) {
		js_free(mapped);
		return -1;
	}
	return journal_reach(r->journal, PHASE_MAPPED, mapped, err);
}

/* What a compressed member takes at least, once it is inflated. */
static uint64_t spooled_bytes(const struct run *r)
{
	uint64_t ret = 0;

	VEC_FOR (d, &r->machine->disks)
		if (d->packed && !add_fits(ret, d->window_len, &ret))
			return UINT64_MAX;
	return ret;
}

/* Room beside the disks' own, which is known when the guest is converted (stage_deliver). */
static int check_room(const struct run *r, struct err *err)
{
	const char *folder = r->partial ? partial_path(r->partial) : file_tmpdir();
	const char *option = r->partial ? "-os" : "TMPDIR";
	struct space_plan plan = {0};

	space_need(&plan, folder, spooled_bytes(r), "disks that are inflated first", option);
	if (!r->o->no_convert) {
		space_need(&plan, folder, (r->o->depth == RUN_INSPECT ? REPLAY_MIB : DELTA_MIB) * MIB,
			   "what changes in the guest", option);
		space_need_appliance(&plan);
	}
	return space_check(&plan, err);
}

static int start_anew(struct run *r, struct err *err)
{
	journal_close(take_ptr(&r->journal));
	if (r->partial && partial_empty(r->partial, err) < 0)
		return -1;
	if (r->partial && logfile_attach(partial_dirfd(r->partial), "rehost.log", err) < 0)
		return -1;
	if (check_room(r, err) < 0)
		return -1;
	if (start_io(r, false, err) < 0)
		return -1;
	if (!r->partial)
		return 0;
	return journal_open(partial_dirfd(r->partial), &r->journal, err) < 0 ? -1 : begin_journal(r, err);
}

static void report_disks(struct run *r)
{
	struct json *disks = js_set(r->report, "source_disks", js_array());

	for (unsigned i = 0; i < r->machine->disks.n; i++) {
		const struct io_disk *d = io_disk(r->io, i);
		struct json *j = js_add(disks, js_object());

		js_set_str(j, "id", r->machine->disks.v[i].id);
		js_set_str(j, "format", d->format);
		js_set_u64(j, "size", d->size);
		js_set_u64(j, "allocated", d->allocated);
		js_set_str(j, "identity", d->identity);
	}
}

/* What is read must not be what --force replaces. */
static int spare_sources(const struct run *r, struct err *err)
{
	const char *const *allow = r->o->rules.allow_parent;

	for (size_t i = 0; i < r->o->ninputs; i++)
		if (partial_spares(r->partial, r->o->inputs[i], err) < 0)
			return -1;
	VEC_FOR (d, &r->machine->disks)
		if (d->folder && partial_spares(r->partial, d->folder, err) < 0)
			return -1;
	for (; allow && *allow; allow++)
		if (partial_spares_parents(r->partial, *allow, err) < 0)
			return -1;
	return 0;
}

int stage_map(struct run *r, struct err *err)
{
	int resumed = 0;

	phase_begin(r, "map", "opening the disks");
	if (keeps_files(r)) {
		if (partial_open(r->o->output_dir ? r->o->output_dir : ".", r->name, r->o->force, &r->partial, err) < 0)
			return -1;
		if (spare_sources(r, err) < 0) {
			if (partial_was_there(r->partial)) /* what an earlier run left is not thrown away for it */
				partial_close(take_ptr(&r->partial));
			return -1;
		}
		if (r->o->events.partial)
			r->o->events.partial(partial_path(r->partial), r->o->events.opaque);
		resumed = try_resume(r, err);
	}
	if (resumed < 0 || (!resumed && start_anew(r, err) < 0))
		return -1;
	r->resumed = r->converted = resumed;
	if (resumed && logfile_attach(partial_dirfd(r->partial), "rehost.log", err) < 0)
		return -1;
	report_disks(r);
	r->manifest = r->o->depth == RUN_CONVERT ? manifest_check_start(r->machine, err) : NULL;
	return r->o->depth == RUN_CONVERT && !r->manifest ? -1 : 0;
}
