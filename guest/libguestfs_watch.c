/* The watchdog over the appliance: what counts as moving, and how qemu is ended. */
#include <dirent.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/log.h"
#include "guest/libguestfs.h"

enum {
	LOOK_MS = 1000,
};

/* A kernel that has lost itself goes on complaining about it on the console. */
static bool is_complaint(const char *text, size_t len)
{
	static const char *const words[] = {"rcu:", "rcu_", "stall", "lockup", "blocked for more than", "hung_task"};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (memmem(text, len, words[i], strlen(words[i])))
			return true;
	return false;
}

void appliance_heard(struct appliance *a, bool trace, const char *text, size_t len)
{
	const char *space = memchr(text, ' ', len);
	bool returned = space && len - (size_t)(space - text) > 2 && space[1] == '=' && space[2] == ' ';

	if (trace || !is_complaint(text, len))
		atomic_fetch_add(&a->messages, 1);
	if (trace && !returned) {
		pthread_mutex_lock(&a->lock);
		snprintf(a->call, sizeof a->call, "%.*s", (int)(space ? space - text : (ptrdiff_t)len), text);
		pthread_mutex_unlock(&a->lock);
	}
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

/* Is it a qemu that we started? libguestfs tells its process only between calls. Gives its processor time in seconds.
 */
static bool is_our_qemu(const char *pid, double *ret_cpu)
{
	char path[64], name[64];
	unsigned long user = 0, kernel = 0;
	int parent = 0;
	FILE *in;

	snprintf(path, sizeof path, "/proc/%.20s/stat", pid);
	in = fopen(path, "re");
	if (!in || fscanf(in, "%*d (%63[^)]) %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", name, &parent, &user,
			  &kernel) != 4)
		parent = 0;
	if (in)
		fclose(in);
	*ret_cpu = (double)(user + kernel) / (double)sysconf(_SC_CLK_TCK);
	return parent == getpid() && strncmp(name, "qemu", 4) == 0;
}

static void end_qemu(void *opaque)
{
	struct appliance *a = opaque;
	DIR *proc = opendir("/proc");
	char call[sizeof a->call];
	double cpu;

	pthread_mutex_lock(&a->lock);
	memcpy(call, a->call, sizeof call);
	pthread_mutex_unlock(&a->lock);
	log_warn("the appliance did not move for %u s in '%s': ending it", a->stall_seconds, call);
	for (struct dirent *e = proc ? readdir(proc) : NULL; e; e = readdir(proc)) {
		if (e->d_name[0] < '1' || e->d_name[0] > '9' || !is_our_qemu(e->d_name, &cpu))
			continue;
		log_warn("qemu (process %s) had used %.0f s of processor", e->d_name, cpu);
		kill((pid_t)strtol(e->d_name, NULL, 10), SIGKILL);
	}
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
