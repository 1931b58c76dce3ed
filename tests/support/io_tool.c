/* io_tool PARTIAL FORMAT IMAGE [OFFSET LENGTH]: a disk through `rehost io`, as a conversion does it, but for the guest.
 *
 * Serves the graft, prints "ready SOCKET", goes on when stdin ends: freezes, copies to PARTIAL/disk.FORMAT, prints what
 * it cost. For the functional tests.
 */
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "run/io_client.h"

static void print_log(enum log_level level, const char *text, void *opaque)
{
	fprintf(stderr, "io_tool: %s\n", text);
}

static void wait_for_stdin(struct io_client *io)
{
	char c;

	printf("ready %s\n", io_disk(io, 0)->socket);
	fflush(stdout);
	while (read(STDIN_FILENO, &c, 1) > 0)
		;
}

/* Memory of the process so far, KiB. */
static unsigned long peak_rss(pid_t pid)
{
	char path[64], line[256];
	unsigned long kib = 0;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof line, f))
		if (sscanf(line, "VmHWM: %lu", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return kib;
}

static int run(const struct machine *m, char **argv, struct err *err)
{
	struct io_options options = {.machine = m, .partial = argv[1]};
	AUTO(io_stopp) struct io_client *io = NULL;
	struct io_target target = {.format = argv[2]};
	struct io_copy_result r;
	char name[64];
	double began = clock_seconds();

	snprintf(name, sizeof name, "disk.%s", argv[2]);
	target.file = name;
	target.codec = getenv("CODEC");
	if (io_start(&options, &io, err) < 0)
		return -1;
	printf("opened %" PRIu64 " bytes, %" PRIu64 " allocated, format %s, %s, %.2f s\n", io_disk(io, 0)->size,
	       io_disk(io, 0)->allocated, io_disk(io, 0)->format, io_disk(io, 0)->identity, clock_seconds() - began);
	if (io_serve(io, false, err) < 0)
		return -1;
	wait_for_stdin(io);
	began = clock_seconds();
	if (io_freeze(io, err) < 0 || io_copy(io, &target, &r, err) < 0)
		return -1;
	printf("copied read %" PRIu64 " written %" PRIu64 " source %" PRIu64 " reused %" PRIu64
	       " in %.2f s; peak RSS of io %lu KiB, of control %lu KiB\n",
	       r.bytes_read, r.bytes_written, r.source_read, r.reused, clock_seconds() - began, peak_rss(io_pid(io)),
	       peak_rss(getpid()));
	return 0;
}

int main(int argc, char **argv)
{
	AUTO(machine_freep) struct machine *m = machine_new();
	struct err err = ERR_INIT;
	struct disk *d;

	if (argc > 1 && !strcmp(argv[1], "io"))
		return io_main(argc, argv);
	if (argc != 4 && argc != 6) {
		fprintf(stderr, "usage: io_tool PARTIAL FORMAT IMAGE [OFFSET LENGTH]\n");
		return 2;
	}
	log_set_sink(print_log, NULL);
	d = vec_push(&m->arena, &m->disks);
	d->folder = dirname(arena_strdup(&m->arena, argv[3]));
	d->file = basename(arena_strdup(&m->arena, argv[3]));
	if (argc == 6) {
		d->window_off = strtoull(argv[4], NULL, 0);
		d->window_len = strtoull(argv[5], NULL, 0);
	}
	if (run(m, argv, &err) == 0)
		return 0;
	fprintf(stderr, "io_tool: %s\n", err.text);
	return err_exit_status(err.code);
}
