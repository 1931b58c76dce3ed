/* Who holds a claim: host, boot and process. */
#include "run/batch/holder.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/file.h"

enum {
	STAT_MAX = 4096,      /* /proc/PID/stat is one line of some 350 bytes */
	STAT_START_AFTER = 19 /* fields between the state, behind the name, and the start time (proc(5)) */
};

/* ---- this host ---- */

static void read_boot_id(char ret[UUID_TEXT])
{
	AUTO(buf_done) struct buf text = BUF_INIT(64);

	ret[0] = '\0';
	if (file_slurp(AT_FDCWD, "/proc/sys/kernel/random/boot_id", &text, NULL) == 0)
		snprintf(ret, UUID_TEXT, "%.36s", buf_str(&text));
}

/* 0: not known, and then nobody is told to be of the same one. */
static uint64_t own_pid_namespace(void)
{
	struct stat st;

	return stat("/proc/self/ns/pid", &st) < 0 ? 0 : (uint64_t)st.st_ino;
}

/* 0: there is no such process. */
static uint64_t start_of(pid_t pid)
{
	AUTO(buf_done) struct buf text = BUF_INIT(STAT_MAX);
	char path[64];
	const char *at;

	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	if (file_slurp(AT_FDCWD, path, &text, NULL) < 0)
		return 0;
	at = strrchr(buf_str(&text), ')'); /* the name before it may hold anything */
	for (unsigned i = 0; at && i <= STAT_START_AFTER; i++)
		at = strchr(at + 1, ' ');
	return at && at[1] && strncmp(strrchr(buf_str(&text), ')'), ") Z", 3) != 0 ? strtoull(at + 1, NULL, 10) : 0;
}

void holder_self(struct holder *ret)
{
	*ret = (struct holder){.pid_namespace = own_pid_namespace(), .pid = getpid(), .start = start_of(getpid())};
	if (gethostname(ret->host, sizeof ret->host - 1) < 0)
		ret->host[0] = '\0';
	read_boot_id(ret->boot_id);
}

bool holder_is_here(const struct holder *h)
{
	char boot_id[UUID_TEXT];

	read_boot_id(boot_id);
	return boot_id[0] && !strcmp(boot_id, h->boot_id) && h->pid_namespace &&
	       h->pid_namespace == own_pid_namespace();
}

bool holder_runs(const struct holder *h)
{
	return holder_is_here(h) && h->start && start_of(h->pid) == h->start;
}

bool holder_signal(const struct holder *h, int signal_number)
{
	AUTO_FD int fd = h->pid > 0 ? pidfd_open(h->pid, 0) : -1;

	/* Looked at while the descriptor pins the process: the number can't pass to another one in between. */
	return fd >= 0 && holder_runs(h) && pidfd_send_signal(fd, signal_number, NULL, 0) == 0;
}

/* ---- text ---- */

struct json *holder_json(const struct holder *h)
{
	struct json *j = js_object();

	js_set_str(j, "host", h->host);
	js_set_u64(j, "pid", (uint64_t)h->pid);
	js_set_u64(j, "start", h->start);
	js_set_str(j, "boot_id", h->boot_id);
	js_set_u64(j, "pid_namespace", h->pid_namespace);
	js_set_str(j, "engine_id", h->engine);
	js_set_u64(j, "attempt", h->attempt);
	return j;
}

int holder_from_json(const struct json *j, struct holder *ret, struct err *err)
{
	uint64_t pid = js_get_u64(j, "pid", 0);
	const char *boot_id = js_get_str(j, "boot_id", "");

	if (!pid || pid > INT32_MAX || strlen(boot_id) != UUID_TEXT - 1)
		return err_set(err, ERR_CORRUPT, "no process: pid %" PRIu64 ", boot_id '%.40s'", pid, boot_id);
	*ret = (struct holder){.pid_namespace = js_get_u64(j, "pid_namespace", 0),
			       .pid = (pid_t)pid,
			       .start = js_get_u64(j, "start", 0),
			       .attempt = (unsigned)js_get_u64(j, "attempt", 0)};
	snprintf(ret->host, sizeof ret->host, "%s", js_get_str(j, "host", ""));
	snprintf(ret->boot_id, sizeof ret->boot_id, "%s", boot_id);
	snprintf(ret->engine, sizeof ret->engine, "%s", js_get_str(j, "engine_id", ""));
	return 0;
}

int holder_write(int fd, const struct holder *h, struct err *err)
{
	AUTO(js_freep) struct json *j = holder_json(h);
	AUTO(buf_done) struct buf text = BUF_INIT(HOLDER_FILE_MAX);

	if (js_print(j, true, &text) < 0)
		return err_set(err, ERR_INTERNAL, "a holder's text is over %d bytes", HOLDER_FILE_MAX);
	if (ftruncate(fd, 0) < 0)
		return err_sys(err, ERR_INTERNAL, "cannot empty it");
	return file_pwrite(fd, buf_str(&text), text.len, 0, err);
}

int holder_read(int dirfd, const char *name, struct holder *ret, struct err *err)
{
	AUTO(buf_done) struct buf text = BUF_INIT(HOLDER_FILE_MAX);
	AUTO(js_freep) struct json *j = NULL;
	AUTO_FD int fd = file_open_beneath(dirfd, name, false, err);

	if (fd < 0 || file_slurp_fd(fd, name, &text, err) < 0)
		return -1;
	j = js_parse(buf_str(&text), text.len, err);
	return j && holder_from_json(j, ret, err) == 0 ? 0 : err_wrap(err, "'%s'", name);
}

/* ---- engines ---- */

/* What tells one unit's start from another, by engine; the first whose variables are all set. */
static const struct {
	const char *engine, *job, *task;
} engines[] = {
    {"slurm", "SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID"},
    {"slurm", "SLURM_JOB_ID", NULL},
    {"kubernetes", "HOSTNAME", "JOB_COMPLETION_INDEX"},
    {"parallel", "PARALLEL_PID", "PARALLEL_SEQ"},
};

void holder_engine(char ret[HOLDER_ENGINE_TEXT])
{
	ret[0] = '\0';
	for (size_t i = 0; i < sizeof engines / sizeof *engines; i++) {
		const char *job = getenv(engines[i].job), *task = engines[i].task ? getenv(engines[i].task) : "";

		if (!job || !task)
			continue;
		snprintf(ret, HOLDER_ENGINE_TEXT, "%s:%s%s%s", engines[i].engine, job, *task ? "_" : "", task);
		return;
	}
}
