/* `rehost verify`: files, source, evidence, XML and boot, one after the other into one account. */
#include "run/verify/verify.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/checked.h"
#include "core/base/file.h"
#include "core/base/log.h"
#include "core/base/utf8.h"
#include "core/model/version.h"
#include "run/verify/files.h"
#include "run/verify/seal.h"
#include "run/verify/xml.h"

struct verify {
	const struct verify_options *o;
	struct arena arena;
	int dirfd;
	const char *folder; /* absolute */
	const char *name;   /* of the result */
	const char *xml;    /* name in the folder */
	struct seal *seal;
	struct json *report;
	size_t problems; /* of what was published */
	struct err first;
	struct err boot; /* of the boot proof */
};

/* Something isn't as it was published; the first is what the error will say. */
static void note_problem(struct verify *v, const char *text)
{
	if (!v->problems++)
		err_record(&v->first, ERR_VERIFY, "%s", text);
}

static void begin(const struct verify *v, const char *what)
{
	if (v->o->events.phase)
		v->o->events.phase(what, v->o->events.opaque);
}

static void on_bytes(uint64_t done, uint64_t total, void *opaque)
{
	const struct verify *v = opaque;

	if (v->o->events.bytes)
		v->o->events.bytes(done, total, v->o->events.opaque);
}

/* ---- where it is ---- */

/* The user's word may be the XML: then the folder is the one that it is in. */
static int find_folder(struct verify *v, struct err *err)
{
	AUTO_FREE char *path = realpath(v->o->result, NULL);
	struct stat st;
	char *slash;

	if (!path || stat(path, &st) < 0)
		return err_sys(err, ERR_UNREADABLE, "cannot find '%s'", v->o->result);
	if (!S_ISDIR(st.st_mode)) {
		slash = strrchr(path, '/');
		*slash = '\0';
		v->xml = arena_strdup(&v->arena, slash + 1);
	}
	v->folder = arena_strdup(&v->arena, *path ? path : "/");
	v->dirfd = open(v->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return v->dirfd < 0 ? err_sys(err, ERR_UNREADABLE, "cannot open folder '%s'", v->folder) : 0;
}

static int open_seal(struct verify *v, struct err *err)
{
	if (find_folder(v, err) < 0)
		return -1;
	if (seal_open(v->dirfd, &v->seal, err) < 0) {
		if (err->sys == ENOENT)
			return err_set(err, ERR_UNREADABLE,
				       "'%s' has no '" SEAL_NAME "': it is no result of a conversion", v->folder);
		return err_wrap(err, "'%s'", v->folder);
	}
	v->name = machine_safe_name(&v->arena, seal_result(v->seal)); /* as the conversion made it */
	if (!v->xml)
		v->xml = arena_printf(&v->arena, "%s.xml", v->name);
	js_set_str(v->report, "name", v->name);
	js_set_str(v->report, "folder", v->folder);
	return 0;
}

/* ---- what was published ---- */

static int check_files(struct verify *v, struct err *err)
{
	struct verify_files_options o = {.threads = v->o->threads, .tick = on_bytes, .opaque = v};
	AUTO(verify_files_done) struct verify_files r = {0};

	begin(v, "hashing the result");
	if (verify_files(v->dirfd, v->seal, &o, &r, err) < 0)
		return err_wrap(err, "'%s'", v->folder);
	VEC_FOR (p, &r.problems) {
		AUTO(buf_done) struct buf text = BUF_INIT(ERR_TEXT_MAX);

		note_problem(v, file_problem_text(p, &text));
	}
	v->problems += r.more;
	js_set(v->report, "files", verify_files_json(&r));
	return 0;
}

static int collect_evidence(struct verify *v, struct err *err)
{
	struct json *list = NULL;

	if (!v->o->evidence)
		return 0;
	begin(v, "digests as evidence");
	if (verify_evidence(v->dirfd, v->o->threads, &list, err) < 0)
		return err_wrap(err, "'%s'", v->folder);
	js_set(v->report, "evidence", list);
	return 0;
}

/* ---- the source ---- */

static void on_compared(const struct io_progress *p, void *opaque)
{
	if (!strcmp(p->phase, "compare"))
		on_bytes(p->done, p->total, opaque);
}

/* Said first: it explains what may follow. */
static void tell_identities(struct verify *v, struct io_client *io, size_t n, struct json *to)
{
	struct json *changed = js_set(to, "identity_changed", js_array());
	const struct seal_disk *disks;

	n = min_u64(n, seal_disks(v->seal, &disks));
	for (unsigned i = 0; i < n; i++) {
		struct json *j;

		if (!strcmp(io_disk(io, i)->identity, disks[i].identity))
			continue;
		j = js_add(changed, js_object());
		js_set_str(j, "file", disks[i].file);
		js_set_str(j, "was", disks[i].identity);
		js_set_str(j, "is", io_disk(io, i)->identity);
		log_warn("the source of '%s' isn't what it was: %s, now %s", disks[i].file, disks[i].identity,
			 io_disk(io, i)->identity);
	}
}

static void note_differences(struct verify *v, const struct json *disks)
{
	static const char format[] =
	    "'%s': the guest's bytes from 0x%" PRIx64 " to 0x%" PRIx64 " aren't the source's: the %s has changed";

	for (size_t i = 0; i < js_count(disks); i++) {
		const struct json *list = js_get(js_at(disks, i), "differences");

		for (size_t k = 0; k < js_count(list); k++) {
			const struct json *d = js_at(list, k);
			const char *side = js_get_str(d, "changed", "");
			uint64_t off = js_get_u64(d, "offset", 0);

			note_problem(v, arena_printf(&v->arena, format, js_get_str(js_at(disks, i), "file", ""), off,
						     off + js_get_u64(d, "length", 0),
						     !strcmp(side, "unknown") ? "source or the result" : side));
		}
		v->problems += js_get_u64(js_at(disks, i), "more", 0);
	}
}

/* What the io process refuses is a difference when it concerns the result, else an error. */
static int compare(struct verify *v, struct io_client *io, struct json *to, struct err *err)
{
	AUTO(js_freep) struct json *answer = NULL;
	struct err why = ERR_INIT;

	if (io_compare(io, &answer, &why) < 0) {
		if (why.code == ERR_VERIFY)
			note_problem(v, why.text);
		else
			*err = why;
		js_set_str(to, "error", why.text);
		return why.code == ERR_VERIFY ? 0 : -1;
	}
	note_differences(v, js_get(answer, "disks"));
	js_set(to, "disks", js_copy(js_get(answer, "disks")));
	return 0;
}

static int check_source(struct verify *v, struct err *err)
{
	AUTO(machine_freep) struct machine *m = NULL;
	AUTO(io_stopp) struct io_client *io = NULL;
	struct io_options options = {
	    .rules = v->o->rules, .result = v->folder, .threads = v->o->threads, .progress = on_compared, .opaque = v};
	struct json *to;

	if (!v->o->nsources)
		return 0;
	begin(v, "comparing with the source");
	if (source_open(v->o->sources, v->o->nsources, &v->o->source, &m, err) < 0)
		return err_wrap(err, "source");
	options.machine = m;
	if (io_start(&options, &io, err) < 0)
		return err_wrap(err, "source");
	to = js_set(v->report, "source", js_object());
	tell_identities(v, io, m->disks.n, to);
	return compare(v, io, to, err);
}

/* ---- the machine ---- */

static int check_xml(struct verify *v, struct err *err)
{
	static const char *const tiers[] = {"schema", "libvirt", "disks"};
	struct verify_xml_job job = {.dirfd = v->dirfd, .folder = v->folder, .name = v->xml, .seal = v->seal};
	struct json *to;
	int status;

	if (!v->o->xml)
		return 0;
	begin(v, "judging the XML");
	to = js_set(v->report, "xml", js_object());
	status = verify_xml(&job, to, err);
	for (size_t i = 0; i < sizeof tiers / sizeof *tiers; i++) {
		const struct json *tier = js_get(to, tiers[i]);

		if (tier && !strcmp(js_get_str(tier, "result", ""), "failed"))
			note_problem(v, arena_printf(&v->arena, "'%s': %s", v->xml, js_get_str(tier, "text", "")));
	}
	return status < 0 ? err_wrap(err, "'%s'", v->xml) : 0;
}

/* Of a folder that somebody else may have made, only its own disks are opened. *ret false: something is wrong. */
static int may_boot(struct verify *v, bool *ret, struct err *err)
{
	struct verify_xml_job job = {.dirfd = v->dirfd, .folder = v->folder, .name = v->xml, .seal = v->seal};
	struct err why = ERR_INIT;

	*ret = verify_xml_opens(&job, &why) == 0;
	if (*ret)
		return 0;
	if (!verify_is_verdict(why.code))
		return err_set(err, why.code, "'%s' isn't booted: %s", v->xml, why.text);
	if (v->problems) /* another one is what the error says */
		log_warn("'%s' isn't booted: %s", v->xml, why.text);
	note_problem(v, arena_printf(&v->arena, "'%s' isn't booted: %s", v->xml, why.text));
	return 0;
}

/* Only ERR_BOOT is a verdict: everything else says that nothing could be proven. */
static int check_boot(struct verify *v, struct err *err)
{
	AUTO(boot_result_done) struct boot_result result = {0};
	struct boot_options o = {.xml = arena_printf(&v->arena, "%s/%s", v->folder, v->xml),
				 .folder = v->o->shots,
				 .wanted = v->o->boot,
				 .timeout = v->o->boot_timeout,
				 .tick = v->o->events.phase,
				 .opaque = v->o->events.opaque};
	bool may = false;

	if (v->o->boot == BOOT_LEVEL_UNKNOWN)
		return 0;
	if (may_boot(v, &may, err) < 0)
		return -1;
	if (!may)
		return 0;
	if (!o.folder)
		o.folder = arena_printf(&v->arena, "%s-boot", v->name);
	begin(v, "booting");
	if (boot_prove(&o, &result, &v->boot) < 0 && v->boot.code != ERR_BOOT) {
		*err = v->boot;
		return -1;
	}
	js_set(v->report, "boot", boot_result_json(&result));
	return 0;
}

/* ---- */

static int judge(const struct verify *v, struct err *err)
{
	if (!v->problems) {
		if (v->boot.code != ERR_NONE)
			*err = v->boot;
		return v->boot.code == ERR_NONE ? 0 : -1;
	}
	*err = v->first;
	if (v->problems > 1)
		return err_set(err, ERR_VERIFY, "'%s': %zu differences, the first: %s", v->folder, v->problems,
			       v->first.text);
	return err_wrap(err, "'%s'", v->folder);
}

static int check_more(struct verify *v, struct err *err)
{
	return check_source(v, err) < 0 || collect_evidence(v, err) < 0 || check_xml(v, err) < 0 ? -1
												 : check_boot(v, err);
}

/* What differs weighs more than what couldn't be looked at. */
static int check_all(struct verify *v, struct err *err)
{
	if (open_seal(v, err) < 0 || check_files(v, err) < 0)
		return -1;
	if (check_more(v, err) == 0)
		return judge(v, err);
	if (!v->problems)
		return -1;
	log_warn("%s", err->text);
	return judge(v, err);
}

int verify_result(const struct verify_options *options, struct json **ret, struct err *err)
{
	struct verify v = {.o = options, .dirfd = -1, .report = js_object()};
	int status;

	*ret = NULL;
	js_set_str(v.report, "schema", "rehost-verify-1");
	js_set_str(v.report, "rehost", REHOST_VERSION);
	status = check_all(&v, err);
	js_set_bool(v.report, "ok", status == 0);
	if (js_get(v.report, "files"))
		*ret = take_ptr(&v.report);
	js_free(v.report);
	seal_close(v.seal);
	if (v.dirfd >= 0)
		close(v.dirfd);
	arena_done(&v.arena);
	return status;
}
