/* Step volumes: all disks come online. Windows Server takes disks on a new bus for shared ones and leaves them offline
 * (SAN policy); that policy is lifted for the first boot, and disks that were seen offline before are brought online.
 */
#include "converters/windows/windows.h"

enum { SAN_POLICY_ONLINE_ALL = 1, TEXT_MAX = 64 << 10 };

/* From Vista on; noerr: a disk that is online already is no failure. */
static void add_script(const struct step_context *c)
{
	AUTO(buf_done) struct buf b = BUF_INIT(TEXT_MAX);

	buf_adds(&b, "@echo off\n"
		     "setlocal EnableExtensions DisableDelayedExpansion\n"
		     "set \"script=%SystemRoot%\\rehost\\diskpart.txt\"\n"
		     ">\"%script%\" echo rescan\n");
	for (size_t n = 0; n < c->machine->disks.n; n++)
		buf_addf(&b,
			 ">>\"%%script%%\" echo select disk %zu\n"
			 ">>\"%%script%%\" echo attributes disk clear readonly noerr\n"
			 ">>\"%%script%%\" echo online disk noerr\n",
			 n);
	buf_adds(&b, "diskpart /s \"%script%\"\n"
		     "exit /b %errorlevel%\n");
	boot_script_add(c, "40-volumes", "disks that Windows left offline on the new bus are brought online",
			buf_str(&b));
}

static int run(const struct step_context *c, struct err *err)
{
	if (boot_script_set_for_now(c, "Services\\partmgr\\Parameters", "SanPolicy", SAN_POLICY_ONLINE_ALL,
				    "disks on the new bus come online at the first boot", err) < 0)
		return -1;
	add_script(c);
	return windows_commit(c, err);
}

/* Windows Server 2003 and XP bring every disk online. */
static bool applies(const struct step_context *c)
{
	return c->machine->disks.n > 1 && windows_from(c, 6, 0);
}

const struct step step_windows_volumes = {
    .id = "volumes",
    .summary = "all disks come online",
    .applies = applies,
    .run = run,
};
