/* The order of work, from the source to the published result. */
#include "run/convert.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/base/checked.h"
#include "core/base/file.h"
#include "core/base/log.h"
#include "core/model/version.h"
#include "converters/step.h"
#include "guest/appliance.h"
#include "inspectors/inspector.h"
#include "outputs/output.h"
#include "run/journal.h"
#include "run/logfile.h"
#include "run/manifest_check.h"
#include "run/partial.h"
#include "run/report/report.h"

enum { TIMINGS_MAX = 16 };

/* Everything one run holds; run_done() lets go of it in the right order. */
struct run {
	const struct run_options *o;
	struct arena arena;
	struct machine *machine;
	struct partial *partial;
	struct journal *journal;
	struct io_client *io;
	struct manifest_check *manifest;
	struct inspection *inspection; /* NULL with --no-convert */
	struct changelog log;
	struct caps caps;
	enum firmware firmware;
	const char *name; /* safe name of the result */
	bool resumed;	  /* the guest was converted by an earlier run */
	bool converted;	  /* by that or this one, durably */
	struct json *report;
	struct json *timings; /* belongs to report */
	struct timespec phase_began;
	const char *phase;
};

static void run_done(struct run *r)
{
	io_stop(r->io);
	manifest_check_cancel(r->manifest);
	journal_close(r->journal);
	partial_close(r->partial);
	inspection_free(r->inspection);
	changelog_done(&r->log);
	machine_free(r->machine);
	js_free(r->report);
	arena_done(&r->arena);
}

static void end_phase(struct run *r)
{
	struct timespec now;
	struct json *t;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (r->phase) {
		t = js_add(r->timings, js_object());
		js_set_str(t, "phase", r->phase);
		js_set_real(t, "seconds",
			    (double)(now.tv_sec - r->phase_began.tv_sec) +
				(double)(now.tv_nsec - r->phase_began.tv_nsec) / 1e9);
	}
	r->phase = NULL;
	r->phase_began = now;
}

static void begin_phase(struct run *r, const char *id, const char *what)
{
	end_phase(r);
	r->phase = id;
	if (r->o->events.phase)
		r->o->events.phase(what, r->o->events.opaque);
	log_debug("phase %s: %s", id, what);
}

static void tick(const char *what, void *opaque)
{
	log_debug("%s", what);
}

static void copy_progress(const struct io_progress *p, void *opaque)
{
	const struct run *r = opaque;

	if (r->o->events.bytes && !strcmp(p->phase, "copy"))
		r->o->events.bytes(p->done, p->total, r->o->events.opaque);
}

static const char *disk_format(const struct run *r)
{
	return r->o->disk_format ? r->o->disk_format : "qcow2";
}

static const char *output_name(const struct run *r)
{
	return r->o->output ? r->o->output : "local";
}

static bool keeps_files(const struct run *r)
{
	return r->o->depth == RUN_CONVERT && strcmp(output_name(r), "null") != 0;
}

/* ------------------------------------------------------------------------------------------------ source and folder */

static int open_source(struct run *r, struct err *err)
{
	begin_phase(r, "source", "reading the machine's description");
	if (source_open(r->o->inputs, r->o->ninputs, &r->o->source, &r->machine, err) < 0 ||
	    maps_apply(&r->o->maps, r->machine, err) < 0)
		return -1;
	r->name = machine_safe_name(&r->arena, r->o->name ? r->o->name : r->machine->name);
	if (!r->machine->disks.n)
		return err_set(err, ERR_BLOCKED, "machine '%s' has no disk", r->machine->name);
	js_set(r->report, "machine", machine_json(r->machine));
	return 0;
}

/* What must be the same for a rerun to resume. */
static struct json *run_identity(const struct run *r)
{
	struct json *id = js_object(), *options = js_set(id, "options", js_object());
	struct json *machine = js_set(id, "machine", machine_json(r->machine));

	js_set_str(machine, "source", NULL); /* however the argument was spelled: the disks' identities tell */
	js_set_str(id, "version", REHOST_VERSION);
	js_set_str(options, "format", disk_format(r));
	js_set_str(options, "codec", r->o->codec);
	js_set_str(options, "root", r->o->root);
	js_set_str(options, "output", output_name(r));
	js_set_bool(options, "no-convert", r->o->no_convert);
	js_set_bool(options, "no-trim", r->o->no_trim);
	js_set_bool(options, "keep-tools", r->o->keep_tools);
	js_set_u64(options, "on-read-error", r->o->on_read_error);
	return id;
}

static bool same_json(const struct json *a, const struct json *b)
{
	AUTO(buf_done) struct buf one = BUF_INIT(16 * MIB);
	AUTO(buf_done) struct buf two = BUF_INIT(16 * MIB);

	return a && b && js_print(a, false, &one) == 0 && js_print(b, false, &two) == 0 &&
	       !strcmp(buf_str(&one), buf_str(&two));
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
				     .partial = r->partial ? partial_path(r->partial) : NULL,
				     .resume_converted = resume,
				     .on_read_error = r->o->on_read_error,
				     .threads = r->o->threads,
				     .progress = copy_progress,
				     .opaque = r};

	return io_start(&options, &r->io, err);
}

/* Is it the fault of what is read, so that the next try will fail the same way? */
static bool is_of_input(const struct err *err)
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
	if (!same_json(journal_run(r->journal), id)) {
		log_warn("'%s' was left by a run of another machine or with other options: starting anew",
			 partial_path(r->partial));
		return 0;
	}
	if (start_io(r, true, err) < 0) {
		r->converted = !is_of_input(err);
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

static int start_anew(struct run *r, struct err *err)
{
	journal_close(take_ptr(&r->journal));
	if (r->partial && partial_empty(r->partial, err) < 0)
		return -1;
	if (r->partial && logfile_attach(partial_dirfd(r->partial), "rehost.log", err) < 0)
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

static int map_disks(struct run *r, struct err *err)
{
	int resumed = 0;

	begin_phase(r, "map", "opening the disks");
	if (keeps_files(r)) {
		if (partial_open(r->o->output_dir ? r->o->output_dir : ".", r->name, r->o->force, &r->partial, err) < 0)
			return -1;
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

/* ------------------------------------------------------------------------------------------------------ the guest */

/* Metadata and disk may disagree (a finding of the inspectors): what the disk is prepared for is what boots. */
static enum firmware decide_firmware(const struct run *r)
{
	enum firmware disk = r->inspection ? r->inspection->firmware_disk : FIRMWARE_UNKNOWN;

	if (disk != FIRMWARE_UNKNOWN)
		return disk;
	return r->machine->firmware != FIRMWARE_UNKNOWN ? r->machine->firmware : FIRMWARE_BIOS;
}

static int start_appliance(struct run *r, struct appliance **ret, struct err *err)
{
	bool readonly = r->o->depth == RUN_INSPECT;
	AUTO_FREE struct appliance_disk *disks = calloc(r->machine->disks.n, sizeof *disks);
	struct accel accel;
	struct appliance_options options = {.disks = disks,
					    .ndisks = r->machine->disks.n,
					    .accel = &accel,
					    .root = r->o->root,
					    .readonly_mounts = readonly,
					    .tick = tick};

	if (!disks)
		return err_nomem(err);
	if (accel_probe(&accel, err) < 0)
		return -1;
	log_info("accelerator: %s", accel.reason);
	js_set(r->report, "accelerator", accel_json(&accel));
	/* Even a read-only look replays journals: into the delta, which is thrown away. */
	if (io_serve(r->io, false, err) < 0)
		return -1;
	for (unsigned i = 0; i < options.ndisks; i++)
		disks[i] = (struct appliance_disk){.socket = io_disk(r->io, i)->socket,
						   .logical_sector = io_disk(r->io, i)->logical_sector};
	return appliance_start(&options, ret, err);
}

static int convert_guest(struct run *r, struct appliance *a, struct err *err)
{
	struct convert_options options = {.keep_tools = r->o->keep_tools};
	struct step_context c = {.guest = appliance_guest(a),
				 .machine = r->machine,
				 .inspection = r->inspection,
				 .log = &r->log,
				 .caps = &r->caps,
				 .options = &options};

	begin_phase(r, "convert", "converting the guest");
	if (!steps_for(r->inspection))
		return err_set(err, ERR_BLOCKED,
			       "a guest of type '%s' can't be converted: --no-convert copies it as it is",
			       r->inspection->os.type ? r->inspection->os.type : "unknown");
	return steps_run(&c, tick, NULL, err);
}

static int inspect_in_appliance(struct run *r, struct appliance *a, struct err *err)
{
	begin_phase(r, "inspect", "inspecting the guest");
	r->inspection = inspection_new();
	if (!r->inspection)
		return err_nomem(err);
	if (appliance_inspect(a, r->inspection, err) < 0 || appliance_mount(a, r->inspection, err) < 0)
		return -1;
	if (r->o->depth != RUN_INSPECT && !r->o->no_trim) {
		begin_phase(r, "trim", "discarding free space");
		if (appliance_trim(a, r->inspection, &r->log, err) < 0)
			return -1;
	}
	begin_phase(r, "facts", "reading kernels, boot entries and network");
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

static int refuse_blockers(const struct run *r, struct err *err)
{
	VEC_FOR (f, &r->inspection->findings)
		if (f->severity == SEVERITY_BLOCKER && !r->o->force)
			return err_set(err, ERR_BLOCKED, "%s: %s%s%s", f->id, f->text, f->fix ? "; " : "",
				       f->fix ? f->fix : "");
	return 0;
}

static int work_on_guest(struct run *r, struct err *err)
{
	AUTO(appliance_closep) struct appliance *a = NULL;
	int ret;

	begin_phase(r, "appliance", "starting the appliance");
	if (start_appliance(r, &a, err) < 0)
		return -1;
	ret = inspect_in_appliance(r, a, err);
	if (ret == 0 && r->o->depth != RUN_INSPECT)
		ret = convert_guest(r, a, err);
	if (r->inspection)
		report_guest(r);
	if (ret < 0 || (r->o->depth == RUN_CONVERT && refuse_blockers(r, err) < 0))
		return -1;
	begin_phase(r, "close", "closing the appliance");
	return appliance_finish(a, err);
}

/* Nothing is known of a guest that isn't looked into: hardware that nearly every system since 2005 drives. */
static void describe_untouched(struct run *r)
{
	r->caps = (struct caps){.disk = DISK_BUS_SATA, .net = NET_BUS_E1000E, .q35 = true, .safe_mode = true};
	r->firmware = decide_firmware(r);
	js_set(r->report, "caps", caps_json(&r->caps));
	js_set_str(r->report, "firmware", firmware_name(r->firmware));
}

/* ---------------------------------------------------------------------------------------------------- durable state */

static const char *const converted_parts[] = {"inspection", "changes", "caps", "firmware", "accelerator", NULL};

static struct json *copy_of(const struct json *j)
{
	AUTO(buf_done) struct buf text = BUF_INIT(64 * MIB);

	return j && js_print(j, false, &text) == 0 ? js_parse(buf_str(&text), text.len, NULL) : NULL;
}

static void copy_parts(struct json *to, const struct json *from)
{
	for (const char *const *part = converted_parts; *part; part++) {
		struct json *copy = copy_of(js_get(from, *part));

		if (copy)
			js_set(to, *part, copy);
	}
}

/* What the outputs need, from the journal instead of the guest. */
static int restore_converted(struct run *r, struct err *err)
{
	const struct json *data = journal_phase_data(r->journal, PHASE_CONVERTED);

	copy_parts(r->report, data);
	r->caps = caps_from_json(js_get(data, "caps"));
	r->firmware = firmware_by_name(js_get_str(data, "firmware", NULL));
	if (!js_get(data, "inspection"))
		return 0;
	r->inspection = inspection_from_json(js_get(data, "inspection"));
	return r->inspection ? 0 : err_nomem(err);
}

static int reach_converted(struct run *r, struct err *err)
{
	struct json *data;

	if (io_freeze(r->io, err) < 0)
		return -1;
	if (!r->journal)
		return 0;
	data = js_object();
	copy_parts(data, r->report);
	if (journal_reach(r->journal, PHASE_CONVERTED, data, err) < 0)
		return -1;
	r->converted = true;
	return 0;
}

/* ---------------------------------------------------------------------------------------------------- copy, publish */

/* A resumed run has most of its data there already; how much isn't known. */
static int check_space(const struct run *r, struct err *err)
{
	uint64_t need = 0, have;

	for (unsigned i = 0; i < r->machine->disks.n; i++)
		need += io_disk(r->io, i)->to_copy;
	if (r->o->codec)
		need /= 4; /* a floor: how far data compress is known only after */
	if (file_space_free(partial_dirfd(r->partial), &have, err) < 0)
		return -1;
	if (need > have)
		return err_set(err, ERR_TEMPFAIL, "'%s': %lu MiB are needed, %lu MiB are free",
			       partial_path(r->partial), (unsigned long)(need / MIB), (unsigned long)(have / MIB));
	return 0;
}

static void report_copy(struct run *r, const struct io_copy_result *result)
{
	struct json *copy = js_set(r->report, "copy", js_object());
	struct json *errors = js_set(copy, "read_errors", js_array());

	js_set_u64(copy, "bytes_read", result->bytes_read);
	js_set_u64(copy, "bytes_written", result->bytes_written);
	js_set_u64(copy, "source_read", result->source_read);
	js_set_u64(copy, "reused", result->reused);
	for (size_t i = 0; i < result->nread_errors; i++) {
		struct json *e = js_add(errors, js_object());

		js_set_u64(e, "disk", result->read_errors[i].disk);
		js_set_u64(e, "offset", result->read_errors[i].off);
		js_set_u64(e, "length", result->read_errors[i].len);
	}
}

static void name_disks(struct run *r, struct output_disk *disks)
{
	for (unsigned i = 0; i < r->machine->disks.n; i++)
		disks[i] = (struct output_disk){
		    .file = arena_printf(&r->arena, "%s-%s.%s", r->name, r->machine->disks.v[i].id, disk_format(r)),
		    .format = disk_format(r),
		    .size = io_disk(r->io, i)->size,
		    .logical_sector = io_disk(r->io, i)->logical_sector};
}

static int copy_disks(struct run *r, const struct output_disk *disks, struct err *err)
{
	size_t n = r->machine->disks.n;
	AUTO_FREE struct io_target *targets = calloc(n, sizeof *targets);
	struct io_copy_result result = {0};
	bool null = !r->partial;

	if (!targets)
		return err_nomem(err);
	if (r->partial && !r->resumed && check_space(r, err) < 0)
		return -1;
	for (unsigned i = 0; i < n; i++)
		targets[i] = (struct io_target){
		    .format = null ? "null" : disks[i].format, .file = disks[i].file, .codec = r->o->codec};
	begin_phase(r, "copy", "copying");
	if (io_copy(r->io, targets, &result, err) < 0)
		return -1;
	report_copy(r, &result);
	return r->journal ? journal_reach(r->journal, PHASE_COPIED, NULL, err) : 0;
}

static int join_manifest(struct run *r, struct err *err)
{
	unsigned checked = 0;

	begin_phase(r, "manifest", "waiting for the manifest's digests");
	if (manifest_check_join(take_ptr(&r->manifest), &checked, err) < 0)
		return -1;
	js_set_u64(r->report, "manifest_digests", checked);
	return 0;
}

static void report_outputs(struct run *r, const struct output_disk *disks)
{
	struct json *list = js_set(r->report, "disks", js_array());

	for (unsigned i = 0; i < r->machine->disks.n; i++) {
		struct json *d = js_add(list, js_object());

		js_set_str(d, "file", disks[i].file);
		js_set_str(d, "format", disks[i].format);
		js_set_u64(d, "size", disks[i].size);
	}
	if (r->partial) {
		js_set_str(r->report, "folder", partial_final(r->partial));
		js_set_str(r->report, "xml", arena_printf(&r->arena, "%s/%s.xml", partial_final(r->partial), r->name));
	}
}

static int write_report(struct run *r, struct err *err)
{
	AUTO(buf_done) struct buf json = BUF_INIT(64 * MIB);
	AUTO(buf_done) struct buf text = BUF_INIT(64 * MIB);
	int fd = partial_dirfd(r->partial);

	if (js_print(r->report, true, &json) < 0)
		return err_set(err, ERR_INTERNAL, "the report is over 64 MiB");
	if (report_text(r->report, &text, err) < 0)
		return -1;
	if (file_replace(fd, "report.json", buf_str(&json), json.len, 0644, err) < 0)
		return -1;
	return file_replace(fd, "report.txt", buf_str(&text), text.len, 0644, err);
}

static struct output_job make_job(const struct run *r, const struct output_disk *disks)
{
	return (struct output_job){.machine = r->machine,
				   .inspection = r->inspection,
				   .caps = &r->caps,
				   .firmware = r->firmware,
				   .disks = disks,
				   .ndisks = r->machine->disks.n,
				   .name = r->name,
				   .folder = r->partial ? partial_final(r->partial) : "",
				   .dirfd = r->partial ? partial_dirfd(r->partial) : -1,
				   .performance = r->o->performance};
}

static int write_outputs(struct run *r, const struct output_disk *disks, struct err *err)
{
	const struct output *output = output_by_name(output_name(r));
	struct output_job job = make_job(r, disks);

	if (!output)
		return err_set(err, ERR_USAGE, "unknown output '%s'", output_name(r));
	begin_phase(r, "output", "writing the machine's description");
	report_outputs(r, disks);
	return output->write(&job, err);
}

/* The journal vouches for work in progress; a finished result needs neither it nor the deltas. */
static int remove_scaffold(struct run *r, struct err *err)
{
	int fd = partial_dirfd(r->partial);

	journal_close(take_ptr(&r->journal));
	for (unsigned i = 0; i < r->machine->disks.n; i++)
		if (file_remove_tree(fd, arena_printf(&r->arena, "delta-%u", i), err) < 0 ||
		    file_remove_tree(fd, arena_printf(&r->arena, "map-%u", i), err) < 0 ||
		    file_remove_tree(fd, arena_printf(&r->arena, "spool-%u", i), err) < 0)
			return -1;
	return file_remove_tree(fd, "journal.ndjson", err);
}

static int publish(struct run *r, struct err *err)
{
	begin_phase(r, "publish", "publishing");
	if (journal_reach(r->journal, PHASE_PUBLISHED, NULL, err) < 0)
		return -1;
	end_phase(r);
	if (write_report(r, err) < 0 || partial_prepare(r->partial, err) < 0 || remove_scaffold(r, err) < 0)
		return -1;
	return partial_publish(r->partial, err);
}

static int finish_conversion(struct run *r, struct err *err)
{
	struct output_disk disks[r->machine->disks.n];

	name_disks(r, disks);
	if (copy_disks(r, disks, err) < 0 || join_manifest(r, err) < 0 || write_outputs(r, disks, err) < 0)
		return -1;
	if (!r->partial) {
		end_phase(r);
		return 0;
	}
	io_stop(take_ptr(&r->io));
	return publish(r, err);
}

/* A plan shows the description that a conversion would write. */
static int describe_plan(struct run *r, struct err *err)
{
	AUTO(buf_done) struct buf xml = BUF_INIT(MIB);
	struct output_disk disks[r->machine->disks.n];
	struct output_job job;

	end_phase(r);
	if (r->o->depth == RUN_INSPECT)
		return 0;
	name_disks(r, disks);
	job = make_job(r, disks);
	if (libvirt_xml(&job, &xml, err) < 0)
		return -1;
	js_set_str(r->report, "libvirt_xml", buf_str(&xml));
	return 0;
}

/* ------------------------------------------------------------------------------------------------------------- run */

static int run_phases(struct run *r, struct err *err)
{
	if (open_source(r, err) < 0 || map_disks(r, err) < 0)
		return -1;
	if (r->resumed)
		return restore_converted(r, err) < 0 ? -1 : finish_conversion(r, err);
	if (r->o->no_convert)
		describe_untouched(r);
	else if (work_on_guest(r, err) < 0)
		return -1;
	if (r->o->depth != RUN_CONVERT)
		return describe_plan(r, err);
	return reach_converted(r, err) < 0 ? -1 : finish_conversion(r, err);
}

/* Errors of the input leave nothing; what a rerun can go on from stays: a guest that is converted is not thrown away
 * for what this host lacks, or for a target that somebody else made meanwhile. */
static bool leaves_nothing(const struct run *r, const struct err *err)
{
	bool refused = err->code == ERR_USAGE || err->code == ERR_BLOCKED || err->code == ERR_HOST;

	return is_of_input(err) || (refused && !r->converted);
}

int run_machine(const struct run_options *options, struct json **ret, struct err *err)
{
	AUTO(run_done) struct run r = {.o = options, .report = js_object()};
	int status;

	*ret = NULL;
	js_set_str(r.report, "schema", "rehost-report-1");
	js_set_str(r.report, "rehost", REHOST_VERSION);
	r.timings = js_set(r.report, "timings", js_array());
	status = run_phases(&r, err);
	if (status < 0) {
		log_debug("failed: %s", err->text);
		if (r.partial && leaves_nothing(&r, err)) {
			io_stop(take_ptr(&r.io));
			partial_discard(r.partial);
		}
	}
	if (status == 0 || js_get(r.report, "inspection"))
		*ret = take_ptr(&r.report);
	return status;
}
