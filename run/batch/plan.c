/* The plan of a batch: what each machine is, how long it will take, and in which order they go. */
#include "run/batch/plan.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/checked.h"
#include "core/base/file.h"
#include "sources/source.h"

enum {
	CPUS = 2, /* one for the appliance or the guest that boots, one for the copy */
	/* The appliance's 1280 MiB, qemu, both our processes, room. */
	CONVERT_MIB = 2048,
	QEMU_MIB = 512,	   /* beside the memory of a guest that boots */
	TMP_MIB = 320,	   /* the guest's changes and the appliance's own overlay (run/space.c, run/stage_map.c) */
	WORK_SECONDS = 60, /* of a conversion without its copy, where none was measured: an appliance without KVM */
	BOOT_SECONDS = 60, /* until a login prompt, likewise */
	STAT_BLOCK = 512,  /* bytes that st_blocks counts */
};

#define COPY_RATE (100 * MIB) /* a second: what a network of 1 Gbit/s brings */

/* ---- bytes ---- */

static uint64_t file_bytes(int dirfd, const char *name)
{
	struct stat st;

	if (fstatat(dirfd, name, &st, 0) < 0)
		return 0;
	return S_ISREG(st.st_mode) ? min_u64((uint64_t)st.st_blocks * STAT_BLOCK, (uint64_t)st.st_size) : 0;
}

/* The value that follows an option among the unit's arguments; NULL: it isn't there. */
static const char *option(const struct unit *u, const char *name)
{
	for (size_t i = 0; i + 1 < u->arguments.n; i++)
		if (!strcmp(u->arguments.v[i], name))
			return u->arguments.v[i + 1];
	return NULL;
}

static bool has_flag(const struct unit *u, const char *name)
{
	for (size_t i = 0; i < u->arguments.n; i++)
		if (!strcmp(u->arguments.v[i], name))
			return true;
	return false;
}

struct texts {
	struct arena arena;
	VEC(const char *) v;
};

/* All values of an option, and a NULL. */
static void all_of(const struct unit *u, const char *name, struct texts *ret)
{
	for (size_t i = 0; i + 1 < u->arguments.n; i++)
		if (!strcmp(u->arguments.v[i], name))
			*vec_push(&ret->arena, &ret->v) = u->arguments.v[i + 1];
	*vec_push(&ret->arena, &ret->v) = NULL;
}

static int describe(const struct unit *u, struct machine **ret, struct err *err)
{
	struct texts folders = {0};
	struct source_options options = {.kind = option(u, "--input"),
					 .format = option(u, "--if"),
					 .vm = option(u, "--vm"),
					 .force = true,
					 .allow_truncated = has_flag(u, "--allow-truncated")};
	int opened;

	all_of(u, "--allow-parent", &folders);
	options.allow_parent = folders.v.v;
	opened = source_open(u->sources.v, u->sources.n, &options, ret, err);
	arena_done(&folders.arena);
	return opened;
}

int plan_source(const struct unit *u, struct plan_source *ret, struct err *err)
{
	AUTO(machine_freep) struct machine *m = NULL;

	*ret = (struct plan_source){0};
	if (describe(u, &m, err) < 0)
		return -1;
	ret->memory = m->memory;
	VEC_FOR (disk, &m->disks) {
		AUTO_FD int dirfd = disk->folder ? file_open_dir(disk->folder, NULL) : -1;
		uint64_t bytes = disk->window_len ? disk->window_len : dirfd < 0 ? 0 : file_bytes(dirfd, disk->file);

		ret->bytes = add_fits(ret->bytes, bytes, &ret->bytes) ? ret->bytes : UINT64_MAX;
	}
	return 0;
}

/* ---- what is known of a machine ---- */

static void estimate(struct unit *u, double work_seconds, uint64_t memory)
{
	double seconds = work_seconds + (double)u->bytes / (double)COPY_RATE;
	uint64_t boot_mib = memory / MIB + QEMU_MIB;

	if (u->proof != BOOT_LEVEL_UNKNOWN)
		seconds += BOOT_SECONDS;
	u->seconds = seconds < 1 ? 1 : seconds < (double)UINT32_MAX ? (unsigned)seconds : UINT32_MAX;
	u->cpus = CPUS;
	u->memory_mib = CONVERT_MIB;
	if (u->proof != BOOT_LEVEL_UNKNOWN && boot_mib > CONVERT_MIB)
		u->memory_mib = (unsigned)min_u64(boot_mib, UINT32_MAX);
	u->tmp_mib = TMP_MIB;
}

static void block(struct plan *p, struct plan_machine *m, const char *finding, const char *text)
{
	m->unit.blocked_finding = arena_strdup(&p->arena, finding);
	m->unit.blocked_text = arena_strdup(&p->arena, text && *text ? text : "refused without a word");
}

static bool is_exit(int status, enum err_code code)
{
	return status == err_exit_status(code);
}

/* What a refusal before the guest was looked at says (the source is in use, suspended) may be over when the machine's
 * turn comes; so may a full disk or a host without memory. Findings and broken input stay. */
static int judge(struct plan *p, struct plan_machine *m, const struct unit_check *c, struct err *err)
{
	m->verdict = c->verdict;
	if (is_exit(c->status, ERR_USAGE))
		return err_set(err, ERR_USAGE, "%s:%u:%u: machine '%s': %s", p->manifest.path, m->line, m->column,
			       m->unit.name, c->error);
	if (is_exit(c->status, ERR_BLOCKED) && c->verdict)
		block(p, m, c->finding, c->finding_text ? c->finding_text : c->error);
	else if (is_exit(c->status, ERR_CORRUPT))
		block(p, m, NULL, c->error);
	else if (c->status)
		m->note = arena_printf(&p->arena, "exit status %d%s%s", c->status, *c->error ? ": " : "", c->error);
	return 0;
}

/* A check that was refused early (the source is in use) tells neither size nor memory. */
static int use_check(struct plan *p, struct plan_machine *m, const struct unit_check *c, struct err *err)
{
	struct plan_source source = {0};

	if (judge(p, m, c, err) < 0)
		return -1;
	if (!c->allocated || !c->memory)
		plan_source(&m->unit, &source, NULL);
	m->unit.bytes = c->allocated ? c->allocated : source.bytes;
	estimate(&m->unit, c->seconds > 0 ? c->seconds : WORK_SECONDS, c->memory ? c->memory : source.memory);
	return 0;
}

static int check_all(const struct plan_options *o, struct plan *p, struct err *err)
{
	size_t n = p->machines.n;
	AUTO_FREE struct unit_check *checks = calloc(n, sizeof *checks);
	AUTO_FREE struct unit *units = calloc(n, sizeof *units);

	if (!checks || !units)
		return err_nomem(err);
	for (size_t i = 0; i < n; i++)
		units[i] = p->machines.v[i].unit;
	if (check_units(&o->check, units, n, &p->arena, checks, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (use_check(p, &p->machines.v[i], &checks[i], err) < 0)
			return -1;
	return 0;
}

static void describe_all(struct plan *p)
{
	VEC_FOR (m, &p->machines) {
		struct plan_source source;
		struct err why = ERR_INIT;

		if (plan_source(&m->unit, &source, &why) < 0)
			m->note = arena_strdup(&p->arena, why.text);
		m->unit.bytes = source.bytes;
		estimate(&m->unit, WORK_SECONDS, source.memory);
	}
}

/* ---- order ---- */

/* Of one priority the biggest first, so that none of them is left for the end; then as in the manifest. */
static int by_turn(const void *a, const void *b)
{
	const struct plan_machine *x = a, *y = b;

	if (x->unit.priority != y->unit.priority)
		return x->unit.priority > y->unit.priority ? -1 : 1;
	if (x->unit.bytes != y->unit.bytes)
		return x->unit.bytes > y->unit.bytes ? -1 : 1;
	return x->line != y->line ? (x->line < y->line ? -1 : 1) : x->column < y->column ? -1 : 1;
}

static void sort(struct plan *p)
{
	qsort(p->machines.v, p->machines.n, sizeof *p->machines.v, by_turn);
	for (size_t i = 0; i < p->machines.n; i++) {
		struct unit *u = &p->machines.v[i].unit;

		u->index = (unsigned)i;
		if (u->blocked_text) {
			p->blocked++;
			continue;
		}
		p->bytes = add_fits(p->bytes, u->bytes, &p->bytes) ? p->bytes : UINT64_MAX;
		p->seconds += u->seconds;
	}
}

/* ---- the whole ---- */

static const char *base_name(struct arena *a, const char *path)
{
	size_t end = strlen(path), from;

	while (end > 1 && path[end - 1] == '/')
		end--;
	for (from = end; from && path[from - 1] != '/';)
		from--;
	return arena_strndup(a, path + from, end - from);
}

static int write_job(const struct plan_options *o, struct plan *p, struct err *err)
{
	AUTO_FREE struct unit *units = calloc(p->machines.n, sizeof *units);
	struct job_draft draft = {.name = p->manifest.name ? p->manifest.name : base_name(&p->arena, o->job),
				  .manifest_name = p->manifest.kept_as,
				  .manifest = p->manifest.text.data,
				  .manifest_len = p->manifest.text.len,
				  .source_groups = p->manifest.source_groups.v,
				  .ngroups = p->manifest.source_groups.n,
				  .units = units,
				  .nunits = p->machines.n};

	if (!units)
		return err_nomem(err);
	for (size_t i = 0; i < p->machines.n; i++)
		units[i] = p->machines.v[i].unit;
	return job_write(o->job, &draft, err);
}

int plan_make(const struct plan_options *o, struct plan *p, struct err *err)
{
	*p = (struct plan){0};
	if (job_check_absent(o->job, err) < 0 || batch_manifest_load(o->manifest, o->keys, &p->manifest, err) < 0)
		return -1;
	VEC_FOR (m, &p->manifest.machines)
		*vec_push(&p->arena, &p->machines) =
		    (struct plan_machine){.line = m->line, .column = m->column, .unit = m->unit};
	if (o->no_check)
		describe_all(p);
	else if (check_all(o, p, err) < 0)
		return -1;
	sort(p);
	return write_job(o, p, err);
}

void plan_done(struct plan *p)
{
	batch_manifest_done(&p->manifest);
	arena_done(&p->arena);
}
