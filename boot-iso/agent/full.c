/* A full screen, shown by a process of its own (newt.c): what draws and reads a terminal has a global state, may wait
 * for a terminal that is stuck, and never touches a disk. The two talk in packets of one JSON object. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "boot-iso/agent/newt.h"
#include "boot-iso/agent/ui.h"
#include "core/base/child.h"
#include "core/base/cleanup.h"
#include "core/base/log.h"

enum {
	READY_MS = 5000, /* a terminal is asked for its size, which takes at most NEWT_PROBE_MS of these */
	END_MS = 2000,	 /* until the terminal is as it was */
};

struct full_ui {
	struct ui ui;
	int fd; /* of the process */
	pid_t pid;
	unsigned serial; /* of the last screen that it got */
};

static struct full_ui *full_of(struct ui *u)
{
	return (struct full_ui *)u;
}

/* Takes j. A process that doesn't read misses what it can't hold: nobody waits for a terminal. False: this. */
static bool post(const struct full_ui *f, struct json *j)
{
	AUTO(js_freep) struct json *own = j;
	AUTO(buf_done) struct buf b = BUF_INIT(NEWT_PACKET_MAX);

	return js_print(own, false, &b) == 0 &&
	       send(f->fd, b.data, b.len, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)b.len;
}

static void full_say(struct ui *u, const char *line)
{
	struct json *j = js_object();

	js_set_str(j, "say", line);
	post(full_of(u), j);
}

static bool has_bars(const struct screen *s)
{
	VEC_FOR (f, &s->fields)
		if (f->kind == FIELD_BAR)
			return true;
	return false;
}

/* What is shown already and doesn't change by itself isn't sent again. */
static void full_show(struct ui *u, const struct screen *s)
{
	struct full_ui *f = full_of(u);
	struct json *j;

	if (s && s->serial == f->serial && !has_bars(s))
		return;
	j = js_object();
	js_set(j, "screen", s ? screen_to_json(s) : js_null());
	if (post(f, j))
		f->serial = s ? s->serial : 0;
}

static size_t full_fds(const struct ui *u, int fds[CONSOLES_MAX])
{
	fds[0] = ((const struct full_ui *)u)->fd;
	return 1;
}

/* NULL: the process has ended. */
static struct json *receive(const struct full_ui *f)
{
	AUTO_FREE char *packet = malloc(NEWT_PACKET_MAX);
	ssize_t n = packet ? recv(f->fd, packet, NEWT_PACKET_MAX, 0) : -1;

	return n > 0 ? js_parse(packet, (size_t)n, NULL) : NULL;
}

static int full_input(struct ui *u, struct screen *s)
{
	AUTO(js_freep) struct json *answer = receive(full_of(u));
	int button;

	if (!answer)
		return UI_GONE;
	return s && screen_take_answer(s, answer, &button, NULL) == 0 ? button : UI_NOTHING;
}

static const char *full_speaker(const struct ui *u)
{
	return u->terminal;
}

static bool ends_within(pid_t pid, int ms)
{
	for (; ms > 0; ms -= 50) {
		if (waitpid(pid, NULL, WNOHANG) != 0)
			return true;
		poll(NULL, 0, 50);
	}
	return false;
}

/* The process puts the terminal in order when nobody is at the other end any more. */
static void full_close(struct ui *u)
{
	struct full_ui *f = full_of(u);

	close(f->fd);
	if (f->pid > 0 && !ends_within(f->pid, END_MS)) {
		kill(f->pid, SIGKILL);
		waitpid(f->pid, NULL, 0);
	}
	free(u->terminal);
	free(f);
}

static const struct ui_ops full_ops = {
    .name = "full",
    .say = full_say,
    .show = full_show,
    .fds = full_fds,
    .input = full_input,
    .speaker = full_speaker,
    .close = full_close,
};

/* A terminal of our own has told TERM what it is; of a serial port nobody knows, and vt220 is what they all can. */
static const char *term_of(const char *terminal)
{
	const char *vt = "/dev/tty";

	if (!*terminal)
		return NULL;
	return !strncmp(terminal, vt, strlen(vt)) && strchr("0123456789", terminal[strlen(vt)]) ? "TERM=linux"
												: "TERM=vt220";
}

static pid_t start(const char *terminal, int fd)
{
	const char *const argv[] = {"rehost-p2v", "--screen", terminal, NULL}, *env[] = {term_of(terminal), NULL};
	const struct child_fd fds[] = {{fd, NEWT_FD}, {STDIN_FILENO, STDIN_FILENO}};
	const struct child_spec spec = {.program = "/proc/self/exe", .argv = argv, .env = env, .fds = fds, .nfds = 2};
	struct err err = ERR_INIT;
	pid_t pid = child_start(&spec, &err);

	if (pid < 0)
		log_debug("%s: %s", terminal, err.text);
	return pid;
}

/* Its first packet says that there is a terminal. */
static bool is_ready(const struct full_ui *f)
{
	struct pollfd p = {.fd = f->fd, .events = POLLIN};
	AUTO(js_freep) struct json *j = poll(&p, 1, READY_MS) == 1 ? receive(f) : NULL;

	return js_get_bool(j, "ready", false);
}

struct ui *full_ui_new(const char *terminal)
{
	struct full_ui *f = calloc(1, sizeof *f);
	int pair[2];

	if (!f || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		free(f);
		return NULL;
	}
	f->ui.ops = &full_ops;
	f->ui.terminal = strdup(terminal);
	f->fd = pair[0];
	f->pid = start(terminal, pair[1]);
	close(pair[1]);
	if (f->ui.terminal && f->pid > 0 && is_ready(f))
		return &f->ui;
	full_close(&f->ui);
	return NULL;
}
