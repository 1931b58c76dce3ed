/* Step first-boot: what only a running Windows can do is done by command files when it starts for the first time.
 *
 * A service of automatic start runs them as LocalSystem before anybody logs on. It is cmd.exe itself, which is no
 * service program: `cmd /c start` hands the runner over to a process of its own and ends, so that the service manager
 * notes a service that didn't connect (events 7000 and 7009, once) and the runner goes on. That needs no program of
 * ours in the guest, and is the same from XP to 11. See docs/windows.md.
 */
#include <inttypes.h>
#include <string.h>

#include "converters/windows/windows.h"

#define TEXT_MAX (1 << 20)
#define RESTORE	 "90-" /* begins the names of steps that put settings back */

/* cmd.exe runs files with other line ends, too, but finds no labels in them now and then. */
static int with_crlf(const char *text, struct buf *out, struct err *err)
{
	for (; *text; text++) {
		if (*text == '\n')
			buf_add(out, "\r", 1);
		buf_add(out, text, 1);
	}
	return out->failed ? err_set(err, ERR_CONVERT, "a script of the first boot is over %d KiB", TEXT_MAX / 1024)
			   : 0;
}

static int put_script(const struct step_context *c, const char *name, const char *text, const char *reason,
		      struct err *err)
{
	AUTO(buf_done) struct buf b = BUF_INIT(TEXT_MAX);
	struct windows_work *w = c->windows;

	if (with_crlf(text, &b, err) < 0)
		return -1;
	return guest_edit(c->guest, c->log,
			  arena_printf(&w->arena, "%s/" REHOST_FOLDER "/%s", w->guest.systemroot, name), buf_str(&b),
			  reason, err);
}

void boot_script_add(const struct step_context *c, const char *name, const char *reason, const char *text)
{
	struct windows_work *w = c->windows;

	*vec_push(&w->arena, &w->scripts) = (struct first_boot_script){name, reason, arena_strdup(&w->arena, text)};
}

bool boot_script_quotable(const char *text)
{
	static const char fine[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 _.,:;{}()[]&#+-=@\\/";

	return text[strspn(text, fine)] == '\0';
}

int boot_script_set_for_now(const struct step_context *c, const char *key, const char *name, uint32_t value,
			    const char *reason, struct err *err)
{
	struct windows_work *w = c->windows;
	const char *path = ccs_key(c, "%s", key);
	struct reg_value before;
	uint32_t old;

	if (hive_value(w->guest.system, path, name, &w->arena, &before, err) < 0 ||
	    hive_dword(w->guest.system, path, name, 0, &old, err) < 0)
		return -1;
	if (before.there && old == value)
		return 0;
	*vec_push(&w->arena, &w->restores) = (struct first_boot_restore){key, name, before.there, old};
	return hive_set_dword(w->guest.system, path, name, value, reason, err);
}

static void restore_line(const struct first_boot_restore *r, struct buf *b)
{
	static const char key[] = "HKLM\\SYSTEM\\CurrentControlSet";

	if (r->there)
		buf_addf(b, "reg add \"%s\\%s\" /v %s /t REG_DWORD /d %" PRIu32 " /f\n", key, r->key, r->name,
			 r->value);
	else
		buf_addf(b, "reg delete \"%s\\%s\" /v %s /f\n", key, r->key, r->name);
}

/* What was set for the first boot only gets its old value back: a step each, so that the one of an earlier conversion
 * that was never booted stays beside those of this one. */
static void add_restores(const struct step_context *c)
{
	struct windows_work *w = c->windows;

	VEC_FOR (r, &w->restores) {
		AUTO(buf_done) struct buf b = BUF_INIT(TEXT_MAX);

		buf_adds(&b, "@echo off\n");
		restore_line(r, &b);
		buf_adds(&b, "exit /b 0\n");
		boot_script_add(c, arena_printf(&w->arena, RESTORE "%s", r->name),
				"a setting that was changed for the first boot only gets its old value back",
				buf_str(&b));
	}
}

/* A guest that is converted again after its first boot would take its scripts for done. */
static int forget_earlier(const struct step_context *c, struct err *err)
{
	static const char *const names[] = {"state", "steps", "result.txt"};
	struct windows_work *w = c->windows;
	const char *folder = arena_printf(&w->arena, "%s/" REHOST_FOLDER, w->guest.systemroot);

	if (!guest_exists(c->guest, arena_printf(&w->arena, "%s/state", folder)))
		return 0;
	for (size_t n = 0; n < sizeof names / sizeof *names; n++)
		if (guest_drop(c->guest, c->log, arena_printf(&w->arena, "%s/%s", folder, names[n]),
			       "the first boot after an earlier conversion left it", err) < 0)
			return -1;
	return 0;
}

static bool is_step(struct windows_work *w, const char *file)
{
	VEC_FOR (s, &w->scripts)
		if (strcmp(file, arena_printf(&w->arena, "%s.cmd", s->name)) == 0)
			return true;
	return false;
}

/* A conversion that was never booted may have left steps that this one doesn't have. What it set for the first boot
 * only is still to be put back. */
static int drop_other_steps(const struct step_context *c, struct err *err)
{
	struct windows_work *w = c->windows;
	const char *folder = arena_printf(&w->arena, "%s/" REHOST_FOLDER "/steps", w->guest.systemroot);
	struct names names = {0};

	if (c->guest->ops->list(c->guest, folder, &w->arena, &names, err) < 0)
		return -1;
	VEC_FOR (name, &names.list)
		if (!is_step(w, *name) && strncmp(*name, RESTORE, strlen(RESTORE)) != 0 &&
		    guest_drop(c->guest, c->log, arena_printf(&w->arena, "%s/%s", folder, *name),
			       "an earlier conversion left it for a first boot that never was", err) < 0)
			return -1;
	return 0;
}

static int put_files(const struct step_context *c, struct err *err)
{
	struct windows_work *w = c->windows;

	if (forget_earlier(c, err) < 0 || drop_other_steps(c, err) < 0)
		return -1;
	if (put_script(c, "first-boot.cmd", first_boot_runner, "runs what only a running Windows can do, once", err) <
	    0)
		return -1;
	VEC_FOR (s, &w->scripts)
		if (put_script(c, arena_printf(&w->arena, "steps/%s.cmd", s->name), s->text, s->reason, err) < 0)
			return -1;
	return 0;
}

/* Without quotes: %SystemRoot% has no blanks, and `start` would take the first quoted word for a title. */
#define COMMAND                                                                                                        \
	"%SystemRoot%\\System32\\cmd.exe /d /c start /b %SystemRoot%\\System32\\cmd.exe /d /c "                        \
	"%SystemRoot%\\" REHOST_FOLDER "\\first-boot.cmd"

/* ErrorControl 0: a service that doesn't connect is no reason for a message at the logon. */
static int register_service(const struct step_context *c, struct err *err)
{
	static const char reason[] = "runs the first boot's scripts before anybody logs on, then is removed";
	struct hive *h = c->windows->guest.system;
	const char *key = ccs_key(c, "Services\\" FIRST_BOOT_SERVICE);

	if (hive_set_dword(h, key, "Type", 0x10, reason, err) < 0 ||
	    hive_set_dword(h, key, "Start", 2, reason, err) < 0 ||
	    hive_set_dword(h, key, "ErrorControl", 0, reason, err) < 0 ||
	    hive_set_expand(h, key, "ImagePath", COMMAND, reason, err) < 0 ||
	    hive_set_string(h, key, "DisplayName", "rehost first boot", reason, err) < 0 ||
	    hive_set_string(h, key, "ObjectName", "LocalSystem", reason, err) < 0)
		return -1;
	return windows_commit(c, err);
}

/* ntfs-3g gives new files to nobody and lets everybody write them; here they take what their folder hands down. */
static const char permissions[] = "@echo off\n"
				  "icacls \"%SystemRoot%\\rehost\" /reset /t /c /q\n"
				  "if exist \"%SystemRoot%\\System32\\drivers\\vio*.sys\" icacls "
				  "\"%SystemRoot%\\System32\\drivers\\vio*.sys\" /reset /c /q\n"
				  "exit /b 0\n";

static int run(const struct step_context *c, struct err *err)
{
	if (windows_from(c, 6, 0))
		boot_script_add(c, "00-permissions", "only administrators may change what was put into the guest",
				permissions);
	add_restores(c);
	return put_files(c, err) < 0 ? -1 : register_service(c, err);
}

static bool applies(const struct step_context *c)
{
	return c->windows->scripts.n || c->windows->restores.n;
}

const struct step step_windows_first_boot = {
    .id = "first-boot",
    .summary = "scripts for the first boot",
    .applies = applies,
    .run = run,
};
