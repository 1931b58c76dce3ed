/* Step guest-agent: the installer of qemu-guest-agent from the driver source is put into the guest and run at the first
 * boot. */
#include <string.h>

#include "converters/windows/windows.h"
#include "core/base/checked.h"

/* Those of virtio-win are under 12 MiB. */
#define INSTALLER_MAX (64 * MIB)

static const char script[] = "@echo off\n"
			     "rem 1618: another installation is at work; this one is tried again later.\n"
			     "msiexec /i \"%%SystemRoot%%\\" REHOST_FOLDER "\\%s\" /qn /norestart\n"
			     "exit /b %%errorlevel%%\n";

static int run(const struct step_context *c, struct err *err)
{
	AUTO(buf_done) struct buf msi = BUF_INIT(INSTALLER_MAX);
	struct windows_work *w = c->windows;
	const char *name;

	if (driver_catalogue_agent(c->options->drivers, w->guest.version.arch, &w->arena, &name, &msi, err) < 0)
		return -1;
	if (!name || !boot_script_quotable(name)) {
		finding_add(c->inspection, "W-AGENT-NOT-INSTALLED", SEVERITY_WARNING,
			    driver_catalogue_path(c->options->drivers), "Install qemu-guest-agent inside the guest.",
			    "the driver source has no installer of qemu-guest-agent for this guest");
		return 0;
	}
	if (guest_put(c->guest, c->log, arena_printf(&w->arena, "%s/" REHOST_FOLDER "/%s", w->guest.systemroot, name),
		      buf_str(&msi), msi.len, 0644, "qemu-guest-agent is installed at the first boot",
		      arena_printf(&w->arena, "%zu bytes from the driver source", msi.len), err) < 0)
		return -1;
	boot_script_add(c, "30-guest-agent", "installs qemu-guest-agent", arena_printf(&w->arena, script, name));
	return 0;
}

static bool has_agent(const struct inspection *i)
{
	VEC_FOR (a, &i->agents)
		if (strcmp(a->id, "qemu-guest-agent") == 0)
			return true;
	return false;
}

/* Without its channel there is nobody to talk to. */
static bool applies(const struct step_context *c)
{
	return c->options->drivers && c->caps->agent_channel && !has_agent(c->inspection);
}

const struct step step_windows_guest_agent = {
    .id = "guest-agent",
    .summary = "qemu-guest-agent",
    .applies = applies,
    .run = run,
};
