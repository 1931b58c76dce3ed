/* Runs a fuzz target over files and folders of files, without libFuzzer: what was found once is tried by every check.
 * usage: fuzz_x FILE|FOLDER…
 * An input that crashes, takes 5 seconds of CPU time or lets memory grow over the limit fails and is named.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "tests/fuzz/mutate.h"

enum {
	INPUT_MAX = 64 << 20,
	SECONDS = 5, /* of CPU time, an input */
#ifdef __SANITIZE_ADDRESS__
	MEMORY_MIB = 1024, /* shadow memory and freed blocks that are kept */
#else
	MEMORY_MIB = 256,
#endif
};

static char input[4096]; /* for the handler */

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max)
{
	abort(); /* nothing is mutated here */
}

static void name_input(int sig)
{
	static const char what[] = "FAIL: signal in input ";

	if (write(STDERR_FILENO, what, sizeof what - 1) < 0 || write(STDERR_FILENO, input, strlen(input)) < 0 ||
	    write(STDERR_FILENO, "\n", 1) < 0)
		_exit(1);
	signal(sig, SIG_DFL);
	raise(sig);
}

static void catch_signals(void)
{
	static const int caught[] = {SIGABRT, SIGPROF,
#ifndef __SANITIZE_ADDRESS__
				     SIGSEGV, SIGBUS,  SIGFPE,
				     SIGILL
#endif
	};

	for (size_t i = 0; i < sizeof caught / sizeof *caught; i++)
		signal(caught[i], name_input);
}

static void limit_time(int seconds)
{
	const struct itimerval t = {.it_value.tv_sec = seconds};

	setitimer(ITIMER_PROF, &t, NULL);
}

static void check_memory(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	if (u.ru_maxrss / 1024 <= MEMORY_MIB)
		return;
	fprintf(stderr, "FAIL: %ld MiB of memory, the limit is %d, after input %s\n", u.ru_maxrss / 1024, MEMORY_MIB,
		input);
	exit(1);
}

static void run_file(int fd, const char *path)
{
	AUTO_FREE uint8_t *data = malloc(INPUT_MAX);
	AUTO_FREE uint8_t *exact = NULL;
	ssize_t n = data ? read(fd, data, INPUT_MAX) : -1;

	if (n < 0) {
		perror(path);
		exit(1);
	}
	exact = malloc((size_t)n + !n); /* so that memory checkers see where it ends */
	if (!exact)
		abort();
	memcpy(exact, data, (size_t)n);
	snprintf(input, sizeof input, "%s", path);
	limit_time(SECONDS);
	LLVMFuzzerTestOneInput(exact, (size_t)n);
	limit_time(0);
	check_memory();
}

static unsigned run_path(const char *path)
{
	AUTO_FD int fd = open(path, O_RDONLY);
	struct dirent *d;
	unsigned n = 0;
	DIR *dir;

	if (fd < 0) {
		perror(path);
		exit(1);
	}
	dir = opendir(path);
	if (!dir) {
		run_file(fd, path);
		return 1;
	}
	while ((d = readdir(dir))) {
		char inside[4096];

		snprintf(inside, sizeof inside, "%s/%s", path, d->d_name);
		n += *d->d_name == '.' ? 0 : run_path(inside);
	}
	closedir(dir);
	return n;
}

int main(int argc, char **argv)
{
	unsigned n = 0;

	catch_signals();
	for (int i = 1; i < argc; i++)
		n += run_path(argv[i]);
	printf("%u inputs\n", n);
	return n ? 0 : 1;
}
