/* appliance_tool [--root=DEVICE] [--hang|--panic] [--stall=SECONDS] SOCKET…: the appliance on NBD sockets, with the
 * time of each step.
 *
 * For functional tests and measurements: starts, inspects, mounts, trims, edits, ends; then prints the inspection and
 * the change log. --hang waits after the start, to be killed; --panic crashes the appliance's kernel. --stall sets the
 * watchdog's patience; it hears messages only.
 */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "guest/appliance.h"
#include "guest/libguestfs.h"

static double last;

/* Processor seconds of the qemu that is our child, 0 when there is none. */
static double qemu_cpu(void)
{
	double ret = 0;
	glob_t g;

	if (glob("/proc/[0-9]*/stat", 0, NULL, &g) != 0)
		return 0;
	for (size_t i = 0; i < g.gl_pathc; i++) {
		FILE *in = fopen(g.gl_pathv[i], "re");
		unsigned long user, kernel;
		int parent;

		if (in &&
		    fscanf(in, "%*d (qemu-system-x86) %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &parent,
			   &user, &kernel) == 3 &&
		    parent == getpid())
			ret += (double)(user + kernel) / (double)sysconf(_SC_CLK_TCK);
		if (in)
			fclose(in);
	}
	globfree(&g);
	return ret;
}

static void step(const char *what)
{
	static double cpu_last;
	double t = clock_seconds(), cpu = qemu_cpu();

	printf("%-10s %6.2f s, qemu %6.2f s of processor\n", what, t - last, cpu > cpu_last ? cpu - cpu_last : 0);
	fflush(stdout);
	cpu_last = cpu;
	last = clock_seconds();
}

static void print_inspection(const struct inspection *i)
{
	AUTO(buf_done) struct buf b = BUF_INIT(1 << 20);
	struct json *j = inspection_json(i);

	if (js_print(j, true, &b) == 0)
		fputs(buf_str(&b), stdout);
	js_free(j);
}

static int edit(struct appliance *a, struct changelog *log, struct err *err)
{
	struct guest *g = appliance_guest(a);
	AUTO(arena_done) struct arena arena = {0};
	char *text;

	if (guest_text(g, "/etc/fstab", &arena, &text, err) < 0)
		return -1;
	step("read");
	if (guest_edit(g, log, "/etc/fstab", arena_printf(&arena, "%s# tool\n", text ? text : ""), "test", err) < 0)
		return -1;
	step("edit");
	if (guest_edit(g, log, "/etc/rehost-tool/new.conf", "new\n", "test", err) < 0)
		return -1;
	step("create");
	return 0;
}

static int mount(struct appliance *a, size_t ndisks, struct inspection *i, struct err *err)
{
	AUTO(machine_freep) struct machine *m = machine_new();

	while (m->disks.n < ndisks)
		vec_push(&m->arena, &m->disks);
	return appliance_mount(a, m, i, err);
}

static int look_inside(struct appliance *a, size_t ndisks, struct inspection *i, struct changelog *log, struct err *err)
{
	if (appliance_inspect(a, i, err) < 0)
		return -1;
	step("inspect");
	if (mount(a, ndisks, i, err) < 0)
		return -1;
	step("mount");
	if (appliance_trim(a, i, log, err) < 0)
		return -1;
	step("trim");
	if (edit(a, log, err) < 0 || appliance_finish(a, err) < 0)
		return -1;
	step("finish");
	return 0;
}

static void tick(const char *what, void *opaque)
{
	fprintf(stderr, "... %s\n", what);
}

static uint64_t no_activity(void *opaque)
{
	return 0;
}

/* What a damaged file system may do to the appliance's kernel. */
static void crash(struct appliance *a)
{
	char *command[] = {"echo c >/proc/sysrq-trigger", NULL};

	free(guestfs_debug(a->g, "sh", command));
}

enum then { THEN_ON, THEN_HANG, THEN_PANIC };

static int run(struct appliance_options *o, enum then then, struct err *err)
{
	AUTO(appliance_closep) struct appliance *a = NULL;
	AUTO(inspection_freep) struct inspection *i = inspection_new();
	AUTO(changelog_done) struct changelog log = {0};
	AUTO(buf_done) struct buf b = BUF_INIT(1 << 20);
	struct accel accel;

	if (accel_probe(&accel, err) < 0)
		return -1;
	step("accel");
	o->accel = &accel;
	if (appliance_start(o, &a, err) < 0)
		return -1;
	step("start");
	if (then == THEN_PANIC)
		crash(a);
	if (then == THEN_HANG)
		pause(); /* until the signal that is to kill us */
	if (look_inside(a, o->ndisks, i, &log, err) < 0)
		return -1;
	print_inspection(i);
	printf("openssl %s\n", appliance_package(a, "openssl") ? appliance_package(a, "openssl") : "not installed");
	changelog_print(&log, &b);
	fputs(buf_str(&b), stdout);
	return 0;
}

int main(int argc, char **argv)
{
	struct appliance_disk disks[16] = {0};
	struct appliance_options o = {.disks = disks, .tick = tick};
	struct err err = ERR_INIT;
	enum then then = THEN_ON;

	for (int i = 1; i < argc && o.ndisks < 16; i++)
		if (!strncmp(argv[i], "--root=", 7))
			o.root = argv[i] + 7;
		else if (!strcmp(argv[i], "--hang"))
			then = THEN_HANG;
		else if (!strcmp(argv[i], "--panic"))
			then = THEN_PANIC;
		else if (!strncmp(argv[i], "--stall=", 8)) {
			o.stall_seconds = (unsigned)strtoul(argv[i] + 8, NULL, 10);
			o.disk_activity = no_activity;
		} else
			disks[o.ndisks++] = (struct appliance_disk){.socket = argv[i], .logical_sector = 512};
	last = clock_seconds();
	if (run(&o, then, &err) == 0)
		return 0;
	fprintf(stderr, "appliance_tool: %s: %s\n", err_code_name(err.code), err.text);
	return err_exit_status(err.code);
}
