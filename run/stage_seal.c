/* The last stage before publishing: the result's seal, by which `rehost verify` finds any changed byte. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "outputs/output.h"
#include "run/logfile.h"
#include "run/report/report.h"
#include "run/stages.h"
#include "run/verify/seal.h"
#include "run/verify/sealing.h"

/* Goes on being written, or isn't there yet. */
static bool is_unfinished(const char *name, void *opaque)
{
	for (const char *const *report = report_names; *report; report++)
		if (!strcmp(name, *report))
			return true;
	return !strcmp(name, "rehost.log") || partial_is_scaffold(name);
}

static bool is_scaffold(const char *name, void *opaque)
{
	return partial_is_scaffold(name);
}

int stage_seal_begin(struct run *r, struct sealing **ret, struct err *err)
{
	AUTO(sealing_freep) struct sealing *s = sealing_new(partial_dirfd(r->partial), r->name, r->o->threads);
	struct json *verify;

	if (!s)
		return err_nomem(err);
	if (sealing_hash(s, is_unfinished, NULL, err) < 0)
		return err_wrap(err, "cannot hash the result");
	verify = js_set(r->report, "verify", js_object());
	js_set_str(verify, "seal", SEAL_NAME);
	js_set(verify, "files", sealing_json(s));
	*ret = take_ptr(&s);
	return 0;
}

/* ---- the disks ---- */

struct seal_parts {
	struct journal *journal;
	struct sealing_disk *disks;
	size_t ndisks;
	struct sealing_range *unread; /* of all disks, those of one after the other */
	size_t nunread;
};

static void parts_done(struct seal_parts *p)
{
	for (size_t i = 0; i < p->ndisks; i++)
		if (p->disks[i].map_fd >= 0)
			close(p->disks[i].map_fd);
	free(p->disks);
	free(p->unread);
	journal_close(p->journal);
}

static int open_map(struct run *r, unsigned i, struct sealing_disk *d, struct err *err)
{
	const char *delta = arena_printf(&r->arena, "delta-%u", i), *map = arena_printf(&r->arena, "map-%u", i);
	struct stat st;

	if (fstatat(partial_dirfd(r->partial), delta, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, ERR_UNREADABLE, "cannot stat '%s' in the partial folder", delta);
	d->delta_size = (uint64_t)st.st_size;
	d->map_fd = openat(partial_dirfd(r->partial), map, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	return d->map_fd < 0 ? err_sys(err, ERR_UNREADABLE, "cannot open '%s' in the partial folder", map) : 0;
}

static void take_unread(const struct run *r, unsigned disk, struct seal_parts *p, struct sealing_disk *d)
{
	d->unread = p->unread + p->nunread;
	for (size_t i = 0; i < r->nunread; i++) {
		if (r->unread[i].disk != disk)
			continue;
		p->unread[p->nunread++] = (struct sealing_range){r->unread[i].off, r->unread[i].len};
		d->nunread++;
	}
}

static int take_disk(struct run *r, unsigned i, const struct output_disk *out, struct seal_parts *p, struct err *err)
{
	const struct json *source = js_at(js_get(r->report, "source_disks"), i);
	struct sealing_disk *d = &p->disks[i];

	d->file = out->file;
	d->format = out->format;
	d->size = out->size;
	d->identity = js_get_str(source, "identity", "");
	d->journal_disk = i;
	d->nextents = journal_extents(p->journal, &d->extents);
	take_unread(r, i, p, d);
	return open_map(r, i, d, err);
}

static int take_disks(struct run *r, const struct output_disk *disks, struct seal_parts *p, struct err *err)
{
	p->disks = calloc(r->machine->disks.n, sizeof *p->disks);
	p->unread = calloc(r->nunread + 1, sizeof *p->unread);
	if (!p->disks || !p->unread)
		return err_nomem(err);
	if (journal_open(partial_dirfd(r->partial), &p->journal, err) < 0)
		return -1;
	for (unsigned i = 0; i < r->machine->disks.n; i++) {
		p->disks[p->ndisks++].map_fd = -1;
		if (take_disk(r, i, &disks[i], p, err) < 0)
			return -1;
	}
	return 0;
}

/* From here on nothing of the result changes any more, the log included. */
int stage_seal_end(struct run *r, struct sealing *s, const struct output_disk *disks, struct err *err)
{
	AUTO(parts_done) struct seal_parts parts = {0};

	if (take_disks(r, disks, &parts, err) < 0)
		return -1;
	logfile_detach();
	if (sealing_hash(s, is_scaffold, NULL, err) < 0)
		return err_wrap(err, "cannot hash the result");
	return sealing_write(s, parts.disks, parts.ndisks, err);
}
