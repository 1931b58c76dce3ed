/* Step inject-drivers: virtio drivers into the guest, the boot disk's made boot-critical, and a script that hands the
 * rest to plug and play at the first boot. */
#include "converters/windows/windows.h"

enum { SCRIPT_MAX = 64 << 10 };

static const char head[] = "@echo off\n"
			   "setlocal EnableExtensions DisableDelayedExpansion\n"
			   "set \"reboot=\"\n"
			   "set \"failed=\"\n";

/* 259: nothing to do, the driver is there or no device needs it. */
static const char tail[] = "if defined failed exit /b 1\n"
			   "if defined reboot exit /b 3010\n"
			   "exit /b 0\n"
			   "\n"
			   "rem INF\n"
			   ":add\n"
			   "pnputil -i -a %1\n"
			   "set \"code=%errorlevel%\"\n"
			   "echo pnputil -i -a %1: %code%\n"
			   "if \"%code%\"==\"3010\" set \"reboot=1\"\n"
			   "for %%n in (0 259 3010) do if \"%code%\"==\"%%n\" exit /b 0\n"
			   "set \"failed=1\"\n"
			   "exit /b 0\n";

/* pnputil came with Vista; before, plug and play looks where DevicePath leads by itself. The disk's driver runs
 * already, and is handed over last: whatever comes of it, the others are in. */
static void add_script(const struct step_context *c, const struct driver_injection *staged)
{
	AUTO(buf_done) struct buf b = BUF_INIT(SCRIPT_MAX);

	if (!staged->list.n || !windows_from(c, 6, 0))
		return;
	buf_adds(&b, head);
	VEC_FOR (d, &staged->list)
		if (!d->boot)
			buf_addf(&b, "call :add \"%s\"\n", d->inf);
	VEC_FOR (d, &staged->list)
		if (d->boot)
			buf_addf(&b, "call :add \"%s\"\n", d->inf);
	buf_adds(&b, tail);
	boot_script_add(c, "10-drivers", "plug and play gets the drivers that were put into the guest", buf_str(&b));
}

static int run(const struct step_context *c, struct err *err)
{
	struct windows_work *w = c->windows;
	struct driver_injection staged = {0};

	if (inject_windows(c->guest, &w->guest, c->options->drivers, c->inspection, c->log, &w->arena, &staged, c->caps,
			   err) < 0)
		return -1;
	add_script(c, &staged);
	return windows_commit(c, err);
}

static bool applies(const struct step_context *c)
{
	return true;
}

const struct step step_windows_inject_drivers = {
    .id = "inject-drivers",
    .summary = "virtio drivers",
    .applies = applies,
    .run = run,
};
