/* Step crash-control: a machine that fails to boot on its new hardware stands still with its message on the screen. */
#include "converters/windows/windows.h"

static int run(const struct step_context *c, struct err *err)
{
	struct hive *h = c->windows->guest.system;
	const char *key = ccs_key(c, "Control\\CrashControl");

	if (!hive_has_key(h, key))
		return 0;
	if (hive_set_dword(h, key, "AutoReboot", 0, "a crash stays on the screen instead of a restart in a circle",
			   err) < 0)
		return -1;
	return windows_commit(c, err);
}

static bool applies(const struct step_context *c)
{
	return true;
}

const struct step step_windows_crash_control = {
    .id = "crash-control",
    .summary = "no restart after a crash",
    .applies = applies,
    .run = run,
};
