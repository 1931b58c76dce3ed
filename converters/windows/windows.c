/* What the steps for Windows guests share: the hives, open for the whole run. */
#include "converters/windows/windows.h"

#include <stdlib.h>
#include <string.h>

#include "guest/winpath.h"

static int open_hive(const struct step_context *c, const char *name, const char *root, struct hive **ret,
		     struct err *err)
{
	struct windows_work *w = c->windows;
	char *path;

	if (win_path(c->guest, arena_printf(&w->arena, "%s/System32/config/%s", w->guest.systemroot, name), &w->arena,
		     &path, err) < 0)
		return -1;
	if (!path)
		return err_set(err, ERR_BLOCKED, "%s has no System32\\config\\%s: no registry, no conversion",
			       w->guest.systemroot, name);
	return hive_open(c->guest, path, root, HIVE_EDIT, ret, err);
}

static int fill(const struct step_context *c, struct err *err)
{
	const struct windows *found = c->inspection->windows;
	struct windows_work *w = c->windows;

	if (!found || !found->systemroot || !found->control_set || !found->version.major)
		return err_set(err, ERR_BLOCKED,
			       "the registry doesn't tell what Windows this is: --no-convert copies it as "
			       "it is");
	if (!found->version.arch)
		return err_set(err, ERR_BLOCKED,
			       "for which processor this Windows is can't be told: --no-convert copies it as it is");
	w->guest.systemroot = found->systemroot;
	w->guest.version = found->version;
	w->guest.prefer = c->options->disk_bus;
	if (open_hive(c, "SYSTEM", HIVE_KEY_SYSTEM, &w->guest.system, err) < 0)
		return -1;
	return open_hive(c, "SOFTWARE", HIVE_KEY_SOFTWARE, &w->guest.software, err);
}

int windows_work_open(const struct step_context *c, struct windows_work **ret, struct err *err)
{
	AUTO(windows_work_closep) struct windows_work *w = calloc(1, sizeof *w);
	struct step_context own = *c;

	if (!w)
		return err_nomem(err);
	own.windows = w;
	if (fill(&own, err) < 0)
		return -1;
	*ret = take_ptr(&w);
	return 0;
}

void windows_work_close(struct windows_work *w)
{
	if (!w)
		return;
	hive_close(w->guest.system);
	hive_close(w->guest.software);
	arena_done(&w->arena);
	free(w);
}

const char *ccs_key(const struct step_context *c, const char *fmt, ...)
{
	struct arena *a = &c->windows->arena;
	va_list ap;
	const char *rest;

	va_start(ap, fmt);
	rest = arena_vprintf(a, fmt, ap);
	va_end(ap);
	return arena_printf(a, "CurrentControlSet\\%s", rest);
}

bool windows_from(const struct step_context *c, unsigned major, unsigned minor)
{
	const struct windows_version *v = &c->windows->guest.version;

	return v->major > major || (v->major == major && v->minor >= minor);
}

int windows_commit(const struct step_context *c, struct err *err)
{
	struct windows_guest *g = &c->windows->guest;

	return hive_commit(g->system, c->log, err) < 0 || hive_commit(g->software, c->log, err) < 0 ? -1 : 0;
}
