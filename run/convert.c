/* The order of work, from the source to the published result. */
#include "run/convert.h"

#include <errno.h>
#include <math.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/pkgfile.h"
#include "core/model/version.h"
#include "drivers-inject/windows.h"
#include "outputs/output.h"
#include "run/boot_disk.h"
#include "run/stages.h"

static void run_done(struct run *r)
{
	io_stop(r->io);
	manifest_check_cancel(r->manifest);
	journal_close(r->journal);
	partial_close(r->partial);
	inspection_free(r->inspection);
	changelog_done(&r->log);
	machine_free(r->machine);
	pkg_folder_close(r->agent);
	driver_catalogue_close(r->drivers);
	js_free(r->report);
	arena_done(&r->arena);
}

double phase_seconds(const struct run *r)
{
	return clock_seconds() - r->phase_began;
}

/* To a tenth of a millisecond: JSON keeps nine digits, and whoever reads the report back computes with the same. */
static double rounded(double seconds)
{
	return round(seconds * 1e4) / 1e4;
}

void phase_end(struct run *r)
{
	struct json *t;

	if (r->phase) {
		t = js_add(r->timings, js_object());
		js_set_str(t, "phase", r->phase);
		js_set_real(t, "seconds", rounded(phase_seconds(r)));
	}
	r->phase = NULL;
	r->phase_began = clock_seconds();
}

void phase_begin(struct run *r, const char *id, const char *what)
{
	phase_end(r);
	r->phase = id;
	if (r->o->events.phase)
		r->o->events.phase(what, r->o->events.opaque);
	log_debug("phase %s: %s", id, what);
}

const char *run_disk_format(const struct run *r)
{
	return r->o->disk_format ? r->o->disk_format : "qcow2";
}

const char *run_output_name(const struct run *r)
{
	return r->o->output ? r->o->output : "local";
}

/* ---- durable state ---- */

static const char *const converted_parts[] = {"inspection", "changes", "caps", "firmware", "accelerator", NULL};

static void copy_parts(struct json *to, const struct json *from)
{
	for (const char *const *part = converted_parts; *part; part++)
		if (js_get(from, *part))
			js_set(to, *part, js_copy(js_get(from, *part)));
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

/* Known when the guest has been looked into: the disk to start from by its firmware, the processors by its board. */
static int fit_machine(struct run *r, struct err *err)
{
	AUTO_FREE bool *startable = calloc(r->machine->disks.n, sizeof *startable);

	if (!startable)
		return err_nomem(err);
	for (unsigned i = 0; i < r->machine->disks.n; i++)
		startable[i] = r->firmware == FIRMWARE_UEFI ? io_disk(r->io, i)->esp : io_disk(r->io, i)->boot_code;
	boot_disk_choose(r->machine, startable);
	output_fit(r->machine, &r->caps);
	js_set(r->report, "machine", machine_json(r->machine));
	return 0;
}

/* ---- run ---- */

static int run_phases(struct run *r, struct err *err)
{
	if (stage_source(r, err) < 0 || stage_map(r, err) < 0)
		return -1;
	if (r->resumed)
		return restore_converted(r, err) < 0 || fit_machine(r, err) < 0 ? -1 : stage_deliver(r, err);
	if (r->o->no_convert)
		stage_no_guest(r);
	else if (stage_guest(r, err) < 0)
		return -1;
	if (fit_machine(r, err) < 0)
		return -1;
	if (r->o->depth != RUN_CONVERT)
		return stage_plan(r, err);
	return reach_converted(r, err) < 0 ? -1 : stage_deliver(r, err);
}

/* Errors of the input leave nothing; what a rerun can go on from stays: a guest that is converted is not thrown away
 * for what this host lacks, for a target that somebody else made meanwhile, or for a source that is out of reach: not
 * mounted, or in a folder that this time isn't allowed. */
static bool leaves_nothing(const struct run *r, const struct err *err)
{
	bool refused = err->code == ERR_USAGE || err->code == ERR_BLOCKED || err->code == ERR_HOST ||
		       err->code == ERR_UNREADABLE || err->code == ERR_POLICY;

	return refused ? !r->converted : stage_input_failed(err);
}

static int run_once(const struct run_options *options, struct json **ret, struct err *err)
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

/* An appliance that hung or crashed is no property of the machine: what it had changed is dropped and done once more.
 */
int run_machine(const struct run_options *options, struct json **ret, struct err *err)
{
	int status = run_once(options, ret, err);

	if (status == 0 || err->code != ERR_TEMPFAIL || err->sys != ETIMEDOUT)
		return status;
	log_warn("%s: once more from the start", err->text);
	js_free(*ret);
	err_clear(err);
	return run_once(options, ret, err);
}
