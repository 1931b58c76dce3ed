/* Signals as something to wait for. */
#include "run/batch/signals.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/signalfd.h>
#include <unistd.h>

static bool is_ignored(int signal_number)
{
	struct sigaction now;

	return sigaction(signal_number, NULL, &now) == 0 && now.sa_handler == SIG_IGN;
}

int signals_open(struct signals *s, struct err *err)
{
	sigset_t set;

	*s = (struct signals){.fd = -1};
	signal(SIGCHLD, SIG_DFL); /* ignored, as some engines leave it, nobody could be waited for */
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGCHLD);
	if (!is_ignored(SIGHUP))
		sigaddset(&set, SIGHUP);
	s->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s->fd < 0 || pthread_sigmask(SIG_BLOCK, &set, NULL) != 0)
		return err_sys(err, ERR_INTERNAL, "cannot wait for signals");
	return 0;
}

void signals_close(struct signals *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

void signals_look(struct signals *s)
{
	struct signalfd_siginfo info;

	while (read(s->fd, &info, sizeof info) == (ssize_t)sizeof info)
		if (info.ssi_signo != SIGCHLD && !s->stopped)
			s->stopped = (int)info.ssi_signo;
}

void signals_wait(struct signals *s, int ms)
{
	struct pollfd p = {.fd = s->fd, .events = POLLIN};

	poll(&p, 1, ms);
	signals_look(s);
}

int signals_error(const struct signals *s, const char *what, struct err *err)
{
	if (s->stopped == SIGINT)
		return err_set(err, ERR_INTERRUPTED, "%s: interrupted", what);
	return err_set(err, ERR_TERMINATED, "%s: ended by a signal (%d)", what, s->stopped);
}
