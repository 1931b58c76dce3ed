/* Commands that the guest itself runs once, at its first boot. */
#include "converters/linux/first_boot.h"

#include <string.h>

#define SCRIPT FIRST_BOOT_FOLDER "/first-boot.sh"
#define UNIT   "rehost-first-boot.service"
#define INIT   "rehost-first-boot"

static const char unit[] = "# Written by rehost: finishes at the first boot what the conversion couldn't do.\n"
			   "[Unit]\n"
			   "Description=Finish the conversion of this machine\n"
			   "ConditionPathExists=" SCRIPT "\n"
			   "After=local-fs.target network.target\n"
			   "\n"
			   "[Service]\n"
			   "Type=simple\n"
			   "ExecStart=/bin/sh " SCRIPT "\n"
			   "\n"
			   "[Install]\n"
			   "WantedBy=multi-user.target\n";

static const char init_script[] = "#!/bin/sh\n"
				  "# Written by rehost: finishes at the first boot what the conversion couldn't do.\n"
				  "### BEGIN INIT INFO\n"
				  "# Provides:          " INIT "\n"
				  "# Required-Start:    $local_fs\n"
				  "# Required-Stop:\n"
				  "# Default-Start:     2 3 4 5\n"
				  "# Default-Stop:\n"
				  "# Short-Description: Finish the conversion of this machine\n"
				  "### END INIT INFO\n"
				  "[ \"$1\" = start ] && [ -f " SCRIPT " ] || exit 0\n"
				  "/bin/sh " SCRIPT " </dev/null >/dev/null 2>&1 &\n";

/* NULL: the guest's init doesn't use such folders. */
static const char *runlevels(const struct step_context *c)
{
	/* SUSE, whose /etc/rc.d is a link to init.d; Red Hat, where /etc/rc3.d is a link; Debian */
	static const char *const folders[] = {"/etc/init.d/rc", "/etc/rc.d/rc", "/etc/rc"};

	for (size_t k = 0; k < sizeof folders / sizeof *folders; k++)
		if (guest_is_dir(c->guest, arena_printf(&c->inspection->arena, "%s3.d", folders[k])))
			return folders[k];
	return NULL;
}

static bool runs_systemd(const struct step_context *c)
{
	return c->inspection->os.init && strcmp(c->inspection->os.init, "systemd") == 0;
}

bool first_boot_possible(const struct step_context *c)
{
	/* insserv's list decides what startpar starts, whatever links there are. */
	return runs_systemd(c) || (runlevels(c) && guest_is_dir(c->guest, "/etc/init.d") &&
				   !guest_exists(c->guest, "/etc/init.d/.depend.start"));
}

static int add_script(const struct step_context *c, const char *command, const char *reason, struct err *err)
{
	AUTO(arena_done) struct arena a = {0};
	const char *text = arena_printf(&a,
					"# Written by rehost: %s.\n"
					"exec >>/var/log/rehost-first-boot.log 2>&1\n"
					"export DEBIAN_FRONTEND=noninteractive PATH=/usr/sbin:/usr/bin:/sbin:/bin\n"
					"n=0\n"
					"until %s; do\n"
					"	n=$((n + 1))\n"
					"	[ $n -lt 30 ] || exit 1\n"
					"	sleep 10\n"
					"done\n"
					"rm -rf " FIRST_BOOT_FOLDER "\n",
					reason, command);

	return guest_edit(c->guest, c->log, SCRIPT, text, reason, err);
}

static int add_unit(const struct step_context *c, const char *reason, struct err *err)
{
	static const char path[] = "/etc/systemd/system/" UNIT;

	if (guest_edit(c->guest, c->log, path, unit, reason, err) < 0)
		return -1;
	return guest_link(c->guest, c->log, path, "/etc/systemd/system/multi-user.target.wants/" UNIT, reason, err);
}

static int add_init_script(const struct step_context *c, const char *reason, struct err *err)
{
	struct arena *a = &c->inspection->arena;
	const char *levels = runlevels(c);

	if (guest_put(c->guest, c->log, "/etc/init.d/" INIT, init_script, strlen(init_script), 0755, reason,
		      init_script, err) < 0)
		return -1;
	for (unsigned level = 2; level <= 5; level++)
		if (guest_link(c->guest, c->log, "/etc/init.d/" INIT, arena_printf(a, "%s%u.d/S99" INIT, levels, level),
			       reason, err) < 0)
			return -1;
	return 0;
}

int first_boot_add(const struct step_context *c, const char *command, const char *reason, struct err *err)
{
	if (add_script(c, command, reason, err) < 0)
		return -1;
	return runs_systemd(c) ? add_unit(c, reason, err) : add_init_script(c, reason, err);
}
