/* The last stages of a run: copy, description, report, publishing. */
#include <string.h>

#include "core/base/checked.h"
#include "core/base/file.h"
#include "outputs/output.h"
#include "run/logfile.h"
#include "run/report/report.h"
#include "run/stages.h"
#include "run/verify/sealing.h"

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

/* Enough for anybody who reads it; the report has to stay one that can be read. */
enum { READ_ERRORS_TOLD = 100000 };

static struct json *report_copy(struct run *r, const struct io_copy_result *result)
{
	struct json *copy = js_set(r->report, "copy", js_object());
	struct json *errors = js_set(copy, "read_errors", js_array()), *throughput = throughput_json(&r->throughput);

	js_set_u64(copy, "bytes_read", result->bytes_read);
	js_set_u64(copy, "bytes_written", result->bytes_written);
	js_set_u64(copy, "source_read", result->source_read);
	js_set_u64(copy, "reused", result->reused);
	if (result->compared)
		js_set_u64(copy, "compared", result->compared);
	if (throughput)
		js_set(copy, "throughput", throughput);
	if (result->nread_errors > READ_ERRORS_TOLD)
		js_set_u64(copy, "read_errors_left_out", result->nread_errors - READ_ERRORS_TOLD);
	for (size_t i = 0; i < result->nread_errors && i < READ_ERRORS_TOLD; i++) {
		struct json *e = js_add(errors, js_object());

		js_set_u64(e, "disk", result->read_errors[i].disk);
		js_set_u64(e, "offset", result->read_errors[i].off);
		js_set_u64(e, "length", result->read_errors[i].len);
	}
	return copy;
}

/* For the seal, which needs them when the io process has ended; the report may leave some out. */
static void keep_unread(struct run *r, const struct io_copy_result *result)
{
	struct io_read_error *all = arena_alloc(&r->arena, (result->nread_errors + 1) * sizeof *all);

	for (size_t i = 0; i < result->nread_errors; i++)
		all[i] = result->read_errors[i];
	r->unread = all;
	r->nunread = result->nread_errors;
}

static void name_disks(struct run *r, struct output_disk *disks)
{
	for (unsigned i = 0; i < r->machine->disks.n; i++)
		disks[i] = (struct output_disk){
		    .file = arena_printf(&r->arena, "%s-%s.%s", r->name, r->machine->disks.v[i].id, run_disk_format(r)),
		    .format = run_disk_format(r),
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
	phase_begin(r, "copy", "copying");
	if (io_copy(r->io, targets, &result, err) < 0)
		return -1;
	keep_unread(r, &result);
	stage_lost(r, &result, report_copy(r, &result));
	return r->journal ? journal_reach(r->journal, PHASE_COPIED, NULL, err) : 0;
}

static int join_manifest(struct run *r, struct err *err)
{
	unsigned checked = 0;

	phase_begin(r, "manifest", "waiting for the manifest's digests");
	if (manifest_check_join(take_ptr(&r->manifest), &checked, err) < 0)
		return -1;
	js_set_u64(r->report, "manifest_digests", checked);
	return 0;
}

/* The folder that the descriptions name: where the result will stand. */
static const char *final_folder(const struct run *r, struct arena *a)
{
	if (!r->partial)
		return "";
	return r->o->published_in ? arena_printf(a, "%s/%s", r->o->published_in, r->name) : partial_final(r->partial);
}

static void report_outputs(struct run *r, const struct output_disk *disks)
{
	const char *folder = final_folder(r, &r->arena);
	struct json *list = js_set(r->report, "disks", js_array());

	for (unsigned i = 0; i < r->machine->disks.n; i++) {
		struct json *d = js_add(list, js_object());

		js_set_str(d, "file", disks[i].file);
		js_set_str(d, "format", disks[i].format);
		js_set_u64(d, "size", disks[i].size);
	}
	if (r->partial) {
		js_set_str(r->report, "folder", folder);
		js_set_str(r->report, "xml", arena_printf(&r->arena, "%s/%s.xml", folder, r->name));
	}
}

static struct output_job make_job(struct run *r, const struct output_disk *disks)
{
	return (struct output_job){.machine = r->machine,
				   .inspection = r->inspection,
				   .caps = &r->caps,
				   .firmware = r->firmware,
				   .disks = disks,
				   .ndisks = r->machine->disks.n,
				   .name = r->name,
				   .folder = final_folder(r, &r->arena),
				   .dirfd = r->partial ? partial_dirfd(r->partial) : -1,
				   .performance = r->o->performance};
}

static int write_outputs(struct run *r, const struct output_disk *disks, struct err *err)
{
	const struct output *output = output_by_name(run_output_name(r));
	struct output_job job = make_job(r, disks);

	if (!output)
		return err_set(err, ERR_USAGE, "unknown output '%s'", run_output_name(r));
	phase_begin(r, "output", "writing the machine's description");
	report_outputs(r, disks);
	return output->write(&job, err);
}

static int write_sealed(struct run *r, struct sealing *seal, const struct output_disk *disks, struct err *err)
{
	if (report_write(r->report, partial_dirfd(r->partial), err) < 0 || stage_seal_end(r, seal, disks, err) < 0 ||
	    partial_prepare(r->partial, err) < 0)
		return -1;
	/* The journal vouches for work in progress; a finished result needs neither it nor the deltas. */
	journal_close(take_ptr(&r->journal));
	if (partial_remove_scaffold(r->partial, err) < 0)
		return -1;
	if (partial_publish(r->partial, err) < 0)
		return err_wrap(err, "the result in '%s' is complete, rename it to '%s' (a rerun begins anew)",
				partial_path(r->partial), partial_final(r->partial));
	return 0;
}

/* What can't be read here is our own: nothing is thrown away for it, as it is for a bad source. */
static int not_the_input(struct err *err)
{
	if (err && stage_input_failed(err))
		err->code = ERR_INTERNAL;
	return -1;
}

static int publish(struct run *r, const struct output_disk *disks, struct err *err)
{
	AUTO(sealing_freep) struct sealing *seal = NULL;

	phase_begin(r, "seal", "hashing the result");
	if (stage_seal_begin(r, &seal, err) < 0)
		return not_the_input(err);
	phase_begin(r, "publish", "publishing");
	if (journal_reach(r->journal, PHASE_PUBLISHED, NULL, err) < 0)
		return -1;
	phase_end(r);
	if (write_sealed(r, seal, disks, err) == 0)
		return 0;
	logfile_attach(partial_dirfd(r->partial), "rehost.log", NULL); /* it goes on: it is needed now */
	return not_the_input(err);
}

int stage_deliver(struct run *r, struct err *err)
{
	struct output_disk disks[r->machine->disks.n];

	name_disks(r, disks);
	if (copy_disks(r, disks, err) < 0 || join_manifest(r, err) < 0 || write_outputs(r, disks, err) < 0)
		return -1;
	if (!r->partial) {
		phase_end(r);
		return 0;
	}
	io_stop(take_ptr(&r->io));
	return publish(r, disks, err);
}

/* A plan shows the description that a conversion would write. */
int stage_plan(struct run *r, struct err *err)
{
	AUTO(buf_done) struct buf xml = BUF_INIT(MIB);
	struct output_disk disks[r->machine->disks.n];
	struct output_job job;

	phase_end(r);
	if (r->o->depth == RUN_INSPECT)
		return 0;
	name_disks(r, disks);
	job = make_job(r, disks);
	if (libvirt_xml(&job, &xml, err) < 0)
		return -1;
	js_set_str(r->report, "libvirt_xml", buf_str(&xml));
	return 0;
}
