/* The watchdog over the appliance: what counts as moving, and how qemu is ended. */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/log.h"
#include "guest/libguestfs.h"

enum {
	LOOK_MS = 1000,
};

void appliance_heard(struct appliance *a, bool trace, const char *text, size_t len)
{
	const char *space = memchr(text, ' ', len);
	bool returned = space && len - (size_t)(space - text) > 2 && space[1] == '=' && space[2] == ' ';

	atomic_fetch_add(&a->messages, 1);
	if (trace)
		atomic_store(&a->in_call, !returned);
}

/* Between calls it is us who are at work, and the appliance has nothing to do. */
static uint64_t activity(void *opaque)
{
	struct appliance *a = opaque;

	if (!atomic_load(&a->in_call))
		atomic_fetch_add(&a->messages, 1);
	return atomic_load(&a->messages) + a->disk_activity(a->opaque);
}

/* Is it a qemu that we started? libguestfs tells its process only between calls. */
static bool is_our_qemu(const char *pid)
{
	char path[64], name[64];
	int parent = 0;
	FILE *in;

	snprintf(path, sizeof path, "/proc/%.20s/stat", pid);
	in = fopen(path, "re");
	if (!in || fscanf(in, "%*d (%63[^)]) %*c %d", name, &parent) != 2)
		parent = 0;
	if (in)
		fclose(in);
	return parent == getpid() && strncmp(name, "qemu", 4) == 0;
}

static void end_qemu(void *opaque)
{
	const struct appliance *a = opaque;
	DIR *proc = opendir("/proc");

	log_warn("the appliance did not move for %u s: ending it", a->stall_seconds);
	for (struct dirent *e = proc ? readdir(proc) : NULL; e; e = readdir(proc))
		if (e->d_name[0] >= '1' && e->d_name[0] <= '9' && is_our_qemu(e->d_name))
			kill((pid_t)strtol(e->d_name, NULL, 10), SIGKILL);
	if (proc)
		closedir(proc);
}

int appliance_watch(struct appliance *a, struct err *err)
{
	const struct watchdog_options o = {.period_ms = LOOK_MS,
					   .looks = a->stall_seconds * 1000 / LOOK_MS,
					   .activity = activity,
					   .bite = end_qemu,
					   .opaque = a};

	return a->disk_activity ? watchdog_start(&o, &a->watchdog, err) : 0;
}
