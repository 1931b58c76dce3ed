/* The full log of a run: in memory until there is a folder to write it to. */
#include "run/logfile.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/buf.h"
#include "core/base/checked.h"
#include "core/base/file.h"

/* One a process, as the log itself is (core/base/log.h). What is kept before a folder exists is a few lines; the limit
 * only guards against a loop. */
static struct {
	pthread_mutex_t lock;
	struct buf kept;
	int fd;
	log_sink *also;
	void *opaque;
} logfile = {.lock = PTHREAD_MUTEX_INITIALIZER, .kept = BUF_INIT(4 * MIB), .fd = -1};

static const char *level_name(enum log_level level)
{
	switch (level) {
	case LOG_DEBUG_LEVEL:
		return "debug";
	case LOG_INFO_LEVEL:
		return "info";
	case LOG_WARN_LEVEL:
		return "warning";
	}
	return "";
}

static void sink(enum log_level level, const char *text, void *opaque)
{
	struct timespec now;
	struct tm utc;
	char stamp[32], line[4096];
	int n;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &utc);
	n = snprintf(line, sizeof line, "%s.%03ldZ %s: %s\n", stamp, now.tv_nsec / 1000000, level_name(level), text);
	if (n >= (int)sizeof line) {
		n = sizeof line - 1;
		line[n - 1] = '\n';
	}
	pthread_mutex_lock(&logfile.lock);
	if (logfile.fd < 0)
		buf_add(&logfile.kept, line, (size_t)n);
	else
		file_write(logfile.fd, line, (size_t)n, NULL);
	if (logfile.also)
		logfile.also(level, text, logfile.opaque);
	pthread_mutex_unlock(&logfile.lock);
}

void logfile_start(log_sink *also, void *opaque)
{
	logfile.also = also;
	logfile.opaque = opaque;
	log_set_sink(sink, NULL);
}

int logfile_attach(int dirfd, const char *name, struct err *err)
{
	int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0644), ret;

	if (fd < 0)
		return err_sys(err, ERR_BLOCKED, "cannot create '%s'", name);
	pthread_mutex_lock(&logfile.lock);
	if (logfile.fd >= 0)
		close(logfile.fd);
	logfile.fd = fd;
	ret = file_write(fd, buf_str(&logfile.kept), logfile.kept.len, err);
	buf_done(&logfile.kept);
	pthread_mutex_unlock(&logfile.lock);
	return ret;
}

void logfile_detach(void)
{
	pthread_mutex_lock(&logfile.lock);
	if (logfile.fd >= 0)
		close(logfile.fd);
	logfile.fd = -1;
	pthread_mutex_unlock(&logfile.lock);
}
