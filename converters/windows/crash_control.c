/* Step crash-control: a machine that fails to boot on its new hardware stands still with its message on the screen,
 * until its first boot is at its end. */
#include "converters/windows/windows.h"

static int run(const struct step_context *c, struct err *err)
{
	static const char key[] = "Control\\CrashControl";

	if (!hive_has_key(c->windows->guest.system, ccs_key(c, key)))
		return 0;
	if (boot_script_set_for_now(c, key, "AutoReboot", 0,
				    "a crash stays on the screen instead of a restart in a circle", err) < 0)
		return -1;
	return windows_commit(c, err);
}

static bool applies(const struct step_context *c)
{
	return true;
}

const struct step step_windows_crash_control = {
    .id = "crash-control",
    .summary = "no restart after a crash at the first boot",
    .applies = applies,
    .run = run,
};
