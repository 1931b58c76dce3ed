/* A command of ours as a child, and its lines as events. */
#include "run/conversion.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/cleanup.h"

enum { FDS_MAX = 8 };

pid_t conversion_start(const char *const *argv, const struct child_fd *fds, size_t nfds, int *ret_said, struct err *err)
{
	struct child_fd all[FDS_MAX + 2];
	struct child_spec spec = {.program = "/proc/self/exe", .argv = argv, .fds = all};
	AUTO_FD int listened = -1, said = -1;
	int pair[2];
	pid_t pid;

	if (nfds > FDS_MAX)
		return err_set(err, ERR_INTERNAL, "%zu descriptors for a child, at most %d", nfds, FDS_MAX);
	if (pipe2(pair, O_CLOEXEC) < 0)
		return err_sys(err, ERR_HOST, "cannot make a pipe");
	listened = pair[0];
	said = pair[1];
	all[spec.nfds++] = (struct child_fd){said, STDOUT_FILENO};
	all[spec.nfds++] = (struct child_fd){said, STDERR_FILENO};
	for (size_t i = 0; i < nfds; i++) /* a later one of the same number counts */
		all[spec.nfds++] = fds[i];
	pid = child_start(&spec, err);
	if (pid >= 0)
		*ret_said = take_fd(&listened);
	return pid;
}

static void hear_line(char *line, size_t len, const struct conversion_ear *ear)
{
	AUTO(js_freep) struct json *event = NULL;

	if (len && line[len - 1] == '\n')
		line[--len] = '\0';
	if (line[0] == '{')
		event = js_parse(line, len, NULL);
	if (event && ear->event)
		ear->event(event, line, ear->opaque);
	if (!event && ear->text)
		ear->text(line, ear->opaque);
}

void conversion_hear(int fd, const struct conversion_ear *ear)
{
	FILE *in = fdopen(fd, "r");
	AUTO_FREE char *line = NULL;
	size_t cap = 0;
	ssize_t n;

	if (!in) {
		close(fd);
		return;
	}
	while ((n = getline(&line, &cap, in)) > 0)
		if (n < CONVERSION_LINE_MAX)
			hear_line(line, (size_t)n, ear);
	fclose(in);
}
