/* What the user sees: phases, progress, warnings and the error. */
#include "cli/terminal.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/checked.h"
#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/base/shell.h"
#include "run/logfile.h"

/* Bytes of a command line that is given back as advice; Linux takes at most 2 MiB. */
enum { ADVICE_MAX = 4 << 20 };

enum {
	LINE_EVERY_S = 5, /* where no terminal can show a bar */
	BAR_WIDTH = 28,
};

/* The terminal is one, so its state is too; the lock serialises the log's threads with the ticker. */
static struct {
	pthread_mutex_t lock;
	struct terminal_options options;
	bool tty, bar_shown, running;
	double started, phase_started, last_line;
	char phase[200];
	uint64_t done, total, first_done;
	char partial[4096];
	char unfinished[4096];
} term = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void event(const char *kind, const char *text)
{
	AUTO(js_freep) struct json *j = js_object();
	AUTO(buf_done) struct buf line = BUF_INIT(64 * KIB);

	js_set_str(j, "event", kind);
	js_set_real(j, "seconds", clock_seconds() - term.started);
	if (text)
		js_set_str(j, "text", text);
	if (term.total) {
		js_set_u64(j, "done", term.done);
		js_set_u64(j, "total", term.total);
	}
	if (js_print(j, false, &line) == 0)
		fprintf(stderr, "%s\n", buf_str(&line));
}

static void clear_bar(void)
{
	if (term.bar_shown)
		fputs("\r\033[K", stderr);
	term.bar_shown = false;
}

static void format_eta(char *text, size_t size, double rate)
{
	double left = rate > 0 ? (double)(term.total - term.done) / rate : -1;

	if (left < 0 || left > 359999)
		snprintf(text, size, "--:--");
	else
		snprintf(text, size, "%02d:%02d", (int)left / 60, (int)left % 60);
}

static void print_bytes(bool bar, double since)
{
	double rate = since > 0.2 ? (double)(term.done - term.first_done) / since : 0;
	int percent = (int)(100 * (double)term.done / (double)term.total);
	char eta[16], marks[BAR_WIDTH + 1];

	format_eta(eta, sizeof eta, rate);
	memset(marks, ' ', BAR_WIDTH);
	memset(marks, '#', (size_t)(BAR_WIDTH * percent / 100));
	marks[BAR_WIDTH] = '\0';
	if (bar)
		fprintf(stderr, "%s [%s] %3d%%  %.1f MiB/s  ETA %s", term.phase, marks, percent, rate / (double)MIB,
			eta);
	else
		fprintf(stderr, "  %s: %" PRIu64 " of %" PRIu64 " MiB (%d%%), %.1f MiB/s, ETA %s\n", term.phase,
			(uint64_t)(term.done / MIB), (uint64_t)(term.total / MIB), percent, rate / (double)MIB, eta);
}

static void print_progress(bool bar)
{
	double since = clock_seconds() - term.phase_started;

	if (term.total)
		print_bytes(bar, since);
	else
		fprintf(stderr, bar ? "%s … %.0f s" : "  %s … %.0f s\n", term.phase, since);
}

static void show_progress(void)
{
	double t = clock_seconds();

	if (term.options.quiet || !term.phase[0])
		return;
	if (term.tty) {
		clear_bar();
		print_progress(true);
		term.bar_shown = true;
		return;
	}
	if (t - term.last_line < LINE_EVERY_S)
		return;
	term.last_line = t;
	if (term.options.json_progress)
		event("progress", term.phase);
	else
		print_progress(false);
}

/* Phases that report nothing for long (an appliance that starts) still show life. */
static void *ticker(void *opaque)
{
	const struct timespec pause = {.tv_nsec = 500 * 1000 * 1000};

	for (;;) {
		nanosleep(&pause, NULL);
		pthread_mutex_lock(&term.lock);
		if (term.running)
			show_progress();
		pthread_mutex_unlock(&term.lock);
	}
	return opaque;
}

static void say(enum log_level level, const char *text, void *opaque)
{
	bool wanted =
	    level == LOG_WARN_LEVEL || term.options.verbose || (level == LOG_INFO_LEVEL && !term.options.quiet);

	if (!wanted)
		return;
	pthread_mutex_lock(&term.lock);
	clear_bar();
	if (term.options.json_progress)
		event(level == LOG_WARN_LEVEL ? "warning" : "log", text);
	else
		fprintf(stderr, "%s%s\n", level == LOG_WARN_LEVEL ? "warning: " : "  ", text);
	pthread_mutex_unlock(&term.lock);
}

/* Signals are for the thread that called: it may wait for them. */
static void start_ticker(void)
{
	sigset_t all, before;
	pthread_t thread;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	if (pthread_create(&thread, NULL, ticker, NULL) == 0)
		pthread_detach(thread);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void terminal_start(const struct terminal_options *options)
{

	term.options = *options;
	term.tty = isatty(STDERR_FILENO) && !options->json_progress;
	term.started = clock_seconds();
	logfile_start(say, NULL);
	start_ticker();
}

void terminal_warnings(void)
{
	term.options.quiet = true;
	term.started = clock_seconds();
	logfile_start(say, NULL);
}

void terminal_end(void)
{
	pthread_mutex_lock(&term.lock);
	term.running = false;
	clear_bar();
	pthread_mutex_unlock(&term.lock);
}

void terminal_phase(const char *what, void *opaque)
{
	pthread_mutex_lock(&term.lock);
	clear_bar();
	snprintf(term.phase, sizeof term.phase, "%s", what);
	term.phase_started = term.last_line = clock_seconds();
	term.done = term.total = term.first_done = 0;
	term.running = true;
	if (term.options.json_progress)
		event("phase", what);
	else if (!term.options.quiet)
		fprintf(stderr, "[%6.1f] %s\n", clock_seconds() - term.started, what);
	pthread_mutex_unlock(&term.lock);
}

static void bytes(uint64_t done, uint64_t total, void *opaque)
{
	pthread_mutex_lock(&term.lock);
	done = min_u64(done, total); /* said by the process that reads hostile images: the bar trusts it to fit */
	if (!term.total || done < term.first_done)
		term.first_done = done;
	term.done = done;
	term.total = total;
	pthread_mutex_unlock(&term.lock);
}

static void partial(const char *path, void *opaque)
{
	snprintf(term.partial, sizeof term.partial, "%s", path);
}

void terminal_unfinished(const char *path, void *opaque)
{
	snprintf(term.unfinished, sizeof term.unfinished, "%s", path);
}

struct run_events terminal_events(void)
{
	return (struct run_events){.phase = terminal_phase, .bytes = bytes, .partial = partial};
}

/* DIR/.NAME.partial: what to type to go on, and to forget. */
static void advise(char **argv, FILE *out)
{
	AUTO(buf_done) struct buf words = BUF_INIT(ADVICE_MAX);
	static const char suffix[] = ".partial";
	const char *slash = strrchr(term.partial, '/');
	char folder[sizeof term.partial], name[sizeof term.partial];
	const char *const clean[] = {"clean", "-os", folder, name, NULL};

	snprintf(folder, sizeof folder, "%.*s", (int)(slash - term.partial), term.partial);
	snprintf(name, sizeof name, "%.*s", (int)(strlen(slash + 2) - (sizeof suffix - 1)), slash + 2);
	shell_words(&words, (const char *const *)(uintptr_t)argv);
	fprintf(out, "resume: rehost %s\n", buf_str(&words));
	buf_clear(&words);
	shell_words(&words, clean);
	fprintf(out, "remove: rehost %s\n", buf_str(&words));
}

void terminal_error(const struct err *err, char **argv)
{
	terminal_end();
	if (term.options.json_progress)
		event("error", err->text);
	else
		fprintf(stderr, "rehost: %s\n", err->text);
	if (term.partial[0] && access(term.partial, F_OK) == 0 && !term.options.json_progress) {
		fprintf(stderr, "kept:   %s\n", term.partial);
		advise(argv, stderr);
	}
}

int terminal_flush(struct err *err)
{
	if (fflush(stdout) != 0 || ferror(stdout))
		return err_sys(err, ERR_INTERNAL, "cannot write to standard output");
	return 0;
}

int terminal_print(const struct buf *text, struct err *err)
{
	fwrite(buf_str(text), 1, text->len, stdout);
	return terminal_flush(err);
}

/* Only async-signal-safe calls. The io process and qemu end with us: parent-death signal and recovery process. */
static void interrupted(int signal_number)
{
	static const char resume[] = "\nrehost: interrupted; the same command resumes, `rehost clean` removes ";

	if (term.partial[0] &&
	    (write(STDERR_FILENO, resume, sizeof resume - 1) < 0 ||
	     write(STDERR_FILENO, term.partial, strlen(term.partial)) < 0 || write(STDERR_FILENO, "\n", 1) < 0))
		_exit(1);
	if (term.unfinished[0])
		unlink(term.unfinished);
	_exit(128 + signal_number);
}

void terminal_catch_signals(void)
{
	struct sigaction action = {.sa_handler = interrupted}, hangup;

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler != SIG_IGN) /* as nohup leaves it */
		sigaction(SIGHUP, &action, NULL);
}
