/* Tests of run/io.c and run/io_client.c: the two processes together, killed, resumed, on full file systems.
 *
 * io_start() runs /proc/self/exe, so main() here is `rehost io` when it is told so.
 */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/checked.h"
#include "core/base/cleanup.h"
#include "core/base/file.h"
#include "core/base/keys.h"
#include "core/base/log.h"
#include "run/graft.h"
#include "run/io_client.h"
#include "run/journal.h"
#include "run/lockdown.h"
#include "tests/unit/formats/qcow2_fixture.h"
#include "tests/unit/support/test_folder.h"

struct fixture {
	struct test_folder dir;
	char partial[80]; /* "partial" in it */
	int partial_fd;
	struct machine *machine;
	struct io_options options;
	struct io_client *io;
	struct err err;
	/* the progress callback kills the process at this many bytes; 0: never */
	uint64_t kill_at, done, total;
	bool mounted;
};

static void on_progress(const struct io_progress *p, void *opaque)
{
	struct fixture *f = opaque;

	if (strcmp(p->phase, "copy") != 0)
		return;
	f->done = p->done;
	f->total = p->total;
	if (f->kill_at && p->done >= f->kill_at)
		kill(io_pid(f->io), SIGKILL);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	if (test_folder_make(&f->dir) < 0)
		return -1;
	snprintf(f->partial, sizeof f->partial, "%s/partial", f->dir.path);
	if (mkdir(f->partial, 0700) < 0)
		return -1;
	f->partial_fd = open(f->partial, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	f->machine = machine_new();
	f->options = (struct io_options){
	    .machine = f->machine, .partial = f->partial, .threads = 2, .progress = on_progress, .opaque = f};
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	io_stop(f->io);
	machine_free(f->machine);
	close(f->partial_fd);
	if (f->mounted)
		umount2(f->partial, MNT_DETACH);
	test_folder_remove(&f->dir);
	free(f);
	return 0;
}

static struct disk *add_disk(struct fixture *f, const char *file, const char *format)
{
	struct disk *d = vec_push(&f->machine->arena, &f->machine->disks);

	d->folder = arena_strdup(&f->machine->arena, f->dir.path);
	d->file = arena_strdup(&f->machine->arena, file);
	d->format = arena_strdup(&f->machine->arena, format);
	return d;
}

static uint64_t next_random(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

/* A raw file of `size` bytes; bytes from..to are random. */
static void make_raw(const struct fixture *f, const char *name, uint64_t size, uint64_t from, uint64_t to)
{
	AUTO_FD int fd = openat(f->dir.fd, name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	AUTO_FREE uint64_t *buf = malloc(MIB);
	uint64_t x = 88172645463325252;
	struct err err;

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	for (; from < to; from += MIB) {
		for (size_t i = 0; i < MIB / 8; i++)
			buf[i] = next_random(&x);
		assert_int_equal(file_pwrite(fd, buf, min_u64(MIB, to - from), from, &err), 0);
	}
}

static int sh(const struct fixture *f, const char *script)
{
	char command[1024];

	assert_in_range(snprintf(command, sizeof command, "cd %s && { %s; } >/dev/null 2>&1", f->dir.path, script), 1,
			sizeof command - 1);
	return system(command);
}

static void need(const char *tool)
{
	char command[64];

	snprintf(command, sizeof command, "command -v %s >/dev/null", tool);
	if (system(command) == 0)
		return;
	printf("SKIP: %s is missing\n", tool);
	skip();
}

static int start(struct fixture *f)
{
	io_stop(take_ptr(&f->io));
	return io_start(&f->options, &f->io, &f->err);
}

#define ok(f, call)                                                                                                    \
	do {                                                                                                           \
		if ((call) < 0)                                                                                        \
			fail_msg("%s: %s", #call, (f)->err.text);                                                      \
	} while (0)

static bool exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static bool gone_soon(pid_t pid)
{
	for (int i = 0; i < 6000; i++) {
		if (kill(pid, 0) < 0)
			return true;
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	}
	return false;
}

/* ---- opening ---- */

static void test_opens(void **state)
{
	struct fixture *f = *state;
	char socket_folder[128];

	make_raw(f, "a.raw", 32 * MIB, MIB, 3 * MIB);
	make_raw(f, "b.raw", 4 * MIB, 0, 4 * MIB);
	add_disk(f, "a.raw", "raw");
	*add_disk(f, "b.raw", "raw") = (struct disk){.folder = f->machine->disks.v[0].folder,
						     .file = arena_strdup(&f->machine->arena, "b.raw"),
						     .format = arena_strdup(&f->machine->arena, "raw"),
						     .window_off = MIB,
						     .window_len = 2 * MIB};
	ok(f, start(f));
	assert_int_equal(io_disk(f->io, 0)->size, 32 * MIB);
	assert_int_equal(io_disk(f->io, 0)->allocated, 2 * MIB);
	assert_int_equal(io_disk(f->io, 0)->logical_sector, 512);
	assert_string_equal(io_disk(f->io, 0)->format, "raw");
	assert_int_equal(io_disk(f->io, 1)->size, 2 * MIB);
	assert_true(exists(io_disk(f->io, 1)->socket));
	snprintf(socket_folder, sizeof socket_folder, "%.*s",
		 (int)(strrchr(io_disk(f->io, 0)->socket, '/') - io_disk(f->io, 0)->socket), io_disk(f->io, 0)->socket);
	assert_true(exists(socket_folder));
	io_stop(take_ptr(&f->io));
	assert_false(exists(socket_folder));
}

static unsigned count_runtime_folders(void)
{
	const char *dir = getenv("XDG_RUNTIME_DIR");
	DIR *d = opendir(dir ? dir : "/tmp");
	struct dirent *e;
	unsigned n = 0;

	while (d && (e = readdir(d)))
		n += strncmp(e->d_name, "rehost-", 7) == 0 && strncmp(e->d_name, "rehost-test", 11) != 0;
	if (d)
		closedir(d);
	return n;
}

/* What the process's own tests of run/lockdown.c prove, it also has (proc(5): 2 is a filter). */
static void test_is_locked_down(void **state)
{
	struct fixture *f = *state;
	char path[64], line[256];
	FILE *status;
	int seen = 0;

	if (lockdown_sanitized()) {
		print_message("SKIP: nothing is locked down with a sanitizer\n");
		skip();
	}
	make_raw(f, "a.raw", MIB, 0, MIB);
	add_disk(f, "a.raw", "raw");
	ok(f, start(f));
	snprintf(path, sizeof path, "/proc/%d/status", (int)io_pid(f->io));
	status = fopen(path, "re");
	assert_non_null(status);
	while (fgets(line, sizeof line, status))
		seen += !strcmp(line, "Seccomp:\t2\n") || !strcmp(line, "NoNewPrivs:\t1\n");
	fclose(status);
	assert_int_equal(seen, 2);
}

static void test_the_readers_error_comes_out(void **state)
{
	struct fixture *f = *state;
	struct disk *d = add_disk(f, "missing.vmdk", NULL);

	setenv("XDG_RUNTIME_DIR", f->dir.path, 1);
	assert_int_equal(start(f), -1);
	assert_int_equal(f->err.code, ERR_UNREADABLE);
	assert_string_equal(f->err.text,
			    "disk 1 'missing.vmdk': cannot open 'missing.vmdk': No such file or directory");
	assert_null(f->io);
	d->file = arena_strdup(&f->machine->arena, "../etc/passwd");
	assert_int_equal(start(f), -1);
	assert_int_equal(f->err.code, ERR_POLICY);
	make_raw(f, "zeros", MIB, 0, 0);
	d->file = arena_strdup(&f->machine->arena, "zeros");
	assert_int_equal(start(f), -1);
	assert_int_equal(f->err.code, ERR_UNSUPPORTED);
	d->format = arena_strdup(&f->machine->arena, "tape");
	assert_int_equal(start(f), -1);
	assert_string_equal(f->err.text, "disk 1 'zeros': format 'tape' is unknown");
	d->format = arena_strdup(&f->machine->arena, "raw");
	d->folder = arena_strdup(&f->machine->arena, "/nonexistent");
	assert_int_equal(start(f), -1);
	assert_string_equal(f->err.text, "cannot open folder '/nonexistent': No such file or directory");
	assert_int_equal(count_runtime_folders(), 0);
	unsetenv("XDG_RUNTIME_DIR");
}

/* Keys that may open an image go to the io process; those for devices of the guest don't. */
static void test_keys_of_an_encrypted_image(void **state)
{
	AUTO(keys_done) struct keys keys = {0};
	AUTO_FREE unsigned char *image = make_image(0);
	struct fixture *f = *state;
	int fd = openat(f->dir.fd, "locked.qcow2", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	put_be32(image + QCOW2_H_CRYPT_METHOD, QCOW2_CRYPT_AES);
	ok(f, file_pwrite(fd, image, FILE_END, 0, &f->err));
	close(fd);
	add_disk(f, "locked.qcow2", NULL);
	f->options.rules.keys = &keys;
	ok(f, keys_add(&keys, "/dev/sda2:key:of the guest", &f->err));
	assert_int_equal(start(f), -1);
	assert_int_equal(f->err.code, ERR_BLOCKED);
	assert_string_equal(f->err.text, "disk 1 'locked.qcow2': qcow2 'locked.qcow2': the image is encrypted (AES): "
					 "--key all:file:FILE names its passphrase");
	ok(f, keys_add(&keys, "other.qcow2:key:one", &f->err));
	assert_int_equal(start(f), -1);
	ok(f, keys_add(&keys, "locked.qcow2:key:two", &f->err));
	ok(f, start(f));
	assert_int_equal(io_disk(f->io, 0)->size, MIB);
}

/* Valid as long as the machine. */
static const char *identity_now(struct fixture *f)
{
	ok(f, start(f));
	return arena_strdup(&f->machine->arena, io_disk(f->io, 0)->identity);
}

static void touch(const struct fixture *f, const char *name)
{
	struct timespec same[2] = {{.tv_sec = 1700000000}, {.tv_sec = 1700000000}};

	assert_int_equal(utimensat(f->dir.fd, name, same, 0), 0);
}

static void test_identity(void **state)
{
	struct fixture *f = *state;
	const char *first;
	AUTO_FD int fd = -1;

	make_raw(f, "a.raw", 32 * MIB, 0, 32 * MIB);
	touch(f, "a.raw");
	add_disk(f, "a.raw", "raw");
	first = identity_now(f);
	assert_memory_equal(first, "1 file 33554432 bytes 1700000000.000000000 ", 43);
	assert_string_equal(identity_now(f), first);
	/* the last sampled block changes */
	fd = openat(f->dir.fd, "a.raw", O_RDWR);
	assert_int_equal(pwrite(fd, "x", 1, 32 * MIB - 10), 1);
	touch(f, "a.raw");
	assert_string_not_equal(identity_now(f), first);
}

/* A chain's files all count. */
static void test_identity_of_a_chain(void **state)
{
	struct fixture *f = *state;

	need("qemu-img");
	assert_int_equal(sh(f, "qemu-img create -f qcow2 base.qcow2 8M && "
			       "qemu-img create -f qcow2 -b base.qcow2 -F qcow2 top.qcow2"),
			 0);
	add_disk(f, "top.qcow2", NULL);
	assert_memory_equal(identity_now(f), "2 files ", 8);
}

/* ---- gzip members ---- */

static void test_gzip_member(void **state)
{
	struct fixture *f = *state;
	struct io_target target = {.format = "raw", .file = "out.raw"};
	struct io_copy_result result;
	struct disk *d;

	need("gzip");
	make_raw(f, "a.raw", 8 * MIB, MIB, 2 * MIB);
	assert_int_equal(sh(f, "gzip -k a.raw && cat a.raw.gz a.raw > two"), 0);
	d = add_disk(f, "two", "raw");
	d->packed = true;
	d->capacity = 8 * MIB;
	d->window_len = MIB; /* cuts the stream */
	assert_int_equal(start(f), -1);
	assert_string_equal(f->err.text, "disk 1 'two': gzip data end inside a member, at 0x100000");
	d->file = arena_strdup(&f->machine->arena, "a.raw.gz");
	d->window_len = 0;
	ok(f, start(f));
	assert_int_equal(io_disk(f->io, 0)->allocated, MIB);
	ok(f, io_freeze(f->io, &f->err));
	ok(f, io_copy(f->io, &target, &result, &f->err));
	assert_int_equal(sh(f, "cmp a.raw partial/out.raw"), 0);
	/* nothing kept: the spool has no name */
	assert_int_equal(unlinkat(f->partial_fd, "spool-0", 0), 0);
	f->options.partial = NULL;
	ok(f, start(f));
	assert_int_equal(io_disk(f->io, 0)->size, 8 * MIB);
	assert_int_equal(sh(f, "test -e partial/spool-0"), 256);
}

/* ---- serve, freeze, copy ---- */

static int qemu_io(const struct fixture *f, const char *commands)
{
	char script[512];

	snprintf(script, sizeof script, "qemu-io -f raw %s 'nbd+unix:///?socket=%s'", commands,
		 io_disk(f->io, 0)->socket);
	return sh(f, script);
}

static void test_serve_freeze_copy(void **state)
{
	struct fixture *f = *state;
	struct io_target target = {.format = "qcow2", .file = "out.qcow2", .codec = "zstd"};
	struct io_copy_result result;

	need("qemu-io");
	make_raw(f, "a.raw", 64 * MIB, 8 * MIB, 24 * MIB);
	add_disk(f, "a.raw", "raw");
	ok(f, start(f));
	ok(f, io_serve(f->io, false, &f->err));
	assert_int_equal(qemu_io(f, "-d unmap -c 'write -P 7 100 5000' -c 'discard 8M 8M' -c 'write -P 9 12M 1M'"), 0);
	assert_int_equal(io_disk(f->io, 0)->to_copy, 0);
	ok(f, io_freeze(f->io, &f->err));
	assert_int_equal(io_disk(f->io, 0)->allocated, 16 * MIB);
	assert_int_equal(io_disk(f->io, 0)->to_copy, 8192 + MIB + 8 * MIB);
	ok(f, io_copy(f->io, &target, &result, &f->err));
	assert_int_equal(result.bytes_read, 8192 + MIB + 8 * MIB);
	/* a partial write's surroundings, and what is copied; never the discarded half */
	assert_int_equal(result.source_read, 2 * 4096 + 8 * MIB);
	assert_int_equal(result.reused, 0);
	assert_in_range(result.bytes_written, 8 * MIB, 9 * MIB + 512 * KIB);
	assert_int_equal(f->done, f->total);
	assert_int_equal(f->total, result.bytes_read);
	assert_int_equal(sh(f, "cp --sparse=always a.raw e.raw && qemu-io -f raw -c 'write -P 7 100 5000' "
			       "-c 'write -z 8M 8M' -c 'write -P 9 12M 1M' e.raw && "
			       "qemu-img compare -f raw -F qcow2 e.raw partial/out.qcow2 && "
			       "qemu-img check partial/out.qcow2"),
			 0);
	/* frozen is frozen */
	assert_int_equal(io_freeze(f->io, &f->err), -1);
	assert_string_equal(f->err.text, "the graft of 'a.raw' is frozen already");
}

/* Nobody reads what the io process says while the guest works: failures without end must not fill the socket. */
static void test_failures_without_end(void **state)
{
	struct fixture *f = *state;
	char script[512];

	need("qemu-io");
	make_raw(f, "a.raw", 4 * MIB, 0, 4 * MIB);
	add_disk(f, "a.raw", "raw");
	ok(f, start(f));
	ok(f, io_serve(f->io, false, &f->err));
	assert_int_equal(sh(f, "truncate -s 0 a.raw"), 0);
	snprintf(script, sizeof script,
		 "yes 'read 0 4k' | head -n 1500 | timeout 60 qemu-io -f raw 'nbd+unix:///?socket=%s' >/dev/null",
		 io_disk(f->io, 0)->socket);
	assert_int_not_equal(WEXITSTATUS(sh(f, script)), 124);
	ok(f, io_serve(f->io, false, &f->err));
}

static void test_null_target_and_nothing_kept(void **state)
{
	struct fixture *f = *state;
	struct io_target target = {.format = "null", .file = "x"};
	struct io_copy_result result;

	make_raw(f, "a.raw", 64 * MIB, 8 * MIB, 24 * MIB);
	add_disk(f, "a.raw", "raw");
	f->options.partial = NULL;
	ok(f, start(f));
	ok(f, io_freeze(f->io, &f->err));
	ok(f, io_copy(f->io, &target, &result, &f->err));
	assert_int_equal(result.bytes_read, 16 * MIB);
	assert_int_equal(result.source_read, 16 * MIB);
	assert_int_equal(result.bytes_written, 0);
	target.format = "qcow2";
	assert_int_equal(io_copy(f->io, &target, &result, &f->err), -1);
	assert_string_equal(f->err.text, "io process: malformed request 'copy'");
	target.format = "vdi";
	assert_int_equal(io_copy(f->io, &target, &result, &f->err), -1);
	assert_string_equal(f->err.text, "format 'vdi' can't be written");
}

/* ---- killed ---- */

enum { BIG = 640 << 20 };

static void run_until_killed(struct fixture *f, const struct io_target *target)
{
	struct io_copy_result result;

	f->kill_at = 600 * MIB;		      /* at most two commits of 256 MiB are lost */
	f->options.rules.bwlimit = 128 * MIB; /* what is left takes longer than the kill */
	ok(f, start(f));
	ok(f, io_freeze(f->io, &f->err));
	assert_int_equal(io_copy(f->io, target, &result, &f->err), -1);
	assert_string_equal(f->err.text, "the io process was killed by signal 9 (Killed)");
	assert_int_equal(io_pid(f->io), 0);
	assert_int_equal(io_freeze(f->io, &f->err), -1);
	assert_string_equal(f->err.text, "the io process is gone");
	f->kill_at = 0;
	f->options.rules.bwlimit = 0;
}

static void test_killed_and_resumed(void **state)
{
	static const struct io_target targets[] = {{.format = "raw", .file = "out.raw"},
						   {.format = "qcow2", .file = "out.qcow2"}};
	struct fixture *f = *state;
	struct io_copy_result result;

	need("qemu-img");
	make_raw(f, "a.raw", 2 * (uint64_t)BIG, 0, BIG);
	add_disk(f, "a.raw", "raw");
	for (size_t i = 0; i < 2; i++) {
		f->options.resume_converted = false;
		run_until_killed(f, &targets[i]);
		f->options.resume_converted = true;
		ok(f, start(f));
		ok(f, io_copy(f->io, &targets[i], &result, &f->err));
		assert_in_range(result.reused, 64 * MIB, BIG);
		/* the rest, and four chunks as a sample */
		assert_int_equal(result.bytes_read, BIG - result.reused + 4 * COPY_CHUNK);
		assert_int_equal(f->done, BIG);
		assert_int_equal(sh(f, i ? "qemu-img compare -f raw -F qcow2 a.raw partial/out.qcow2 && "
					   "qemu-img check partial/out.qcow2"
					 : "cmp a.raw partial/out.raw"),
				 0);
		io_stop(take_ptr(&f->io));
		assert_int_equal(sh(f, "rm partial/*"), 0);
	}
}

/* The control process is killed: the io process doesn't stay, whatever it does. */
static void test_dies_with_its_parent(void **state)
{
	struct fixture *f = *state;
	int pipe_fds[2], status;
	pid_t child, io = 0;

	make_raw(f, "a.raw", MIB, 0, MIB);
	add_disk(f, "a.raw", "raw");
	assert_int_equal(pipe(pipe_fds), 0);
	child = fork();
	if (child == 0) {
		if (start(f) == 0)
			io = io_pid(f->io);
		if (write(pipe_fds[1], &io, sizeof io) == sizeof io)
			pause();
		_exit(1);
	}
	assert_int_equal(read(pipe_fds[0], &io, sizeof io), sizeof io);
	assert_true(io > 0);
	assert_int_equal(kill(io, 0), 0);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(gone_soon(io));
	close(pipe_fds[0]);
	close(pipe_fds[1]);
}

/* ---- full file systems ---- */

static void mount_small(struct fixture *f)
{
	if (geteuid() != 0 || mount("tmpfs", f->partial, "tmpfs", 0, "size=8m") < 0) {
		printf("SKIP: mounting a small tmpfs needs root\n");
		skip();
	}
	f->mounted = true;
	close(f->partial_fd);
	f->partial_fd = open(f->partial, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void test_full_target(void **state)
{
	struct fixture *f = *state;
	struct io_target target = {.format = "qcow2", .file = "out.qcow2"};
	struct io_copy_result result;

	mount_small(f);
	make_raw(f, "a.raw", 64 * MIB, 0, 32 * MIB);
	add_disk(f, "a.raw", "raw");
	ok(f, start(f));
	ok(f, io_freeze(f->io, &f->err));
	assert_int_equal(io_copy(f->io, &target, &result, &f->err), -1);
	assert_int_equal(f->err.code, ERR_TEMPFAIL);
	assert_int_equal(err_exit_status(f->err.code), 75);
	assert_non_null(strstr(f->err.text, "copy of 'a.raw': qcow2 'out.qcow2': "));
	assert_non_null(strstr(f->err.text, ": No space left on device"));
	/* room is made, and the same process does it */
	assert_int_equal(mount(NULL, f->partial, NULL, MS_REMOUNT, "size=100m"), 0);
	ok(f, io_copy(f->io, &target, &result, &f->err));
	if (system("command -v qemu-img >/dev/null") == 0)
		assert_int_equal(sh(f, "qemu-img compare -f raw -F qcow2 a.raw partial/out.qcow2"), 0);
}

static void test_full_delta(void **state)
{
	struct fixture *f = *state;

	need("qemu-io");
	mount_small(f);
	make_raw(f, "a.raw", 64 * MIB, 0, 32 * MIB);
	add_disk(f, "a.raw", "raw");
	ok(f, start(f));
	ok(f, io_serve(f->io, false, &f->err));
	assert_int_not_equal(qemu_io(f, "-c 'write -P 1 0 16M'"), 0);
	assert_int_equal(io_freeze(f->io, &f->err), -1);
	assert_int_equal(f->err.code, ERR_TEMPFAIL);
	assert_non_null(strstr(f->err.text, "what the guest wrote to 'a.raw' was lost: delta file: write of "));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_opens),
	    TEST(test_is_locked_down),
	    TEST(test_the_readers_error_comes_out),
	    TEST(test_keys_of_an_encrypted_image),
	    TEST(test_identity),
	    TEST(test_identity_of_a_chain),
	    TEST(test_gzip_member),
	    TEST(test_serve_freeze_copy),
	    TEST(test_failures_without_end),
	    TEST(test_null_target_and_nothing_kept),
	    TEST(test_killed_and_resumed),
	    TEST(test_dies_with_its_parent),
	    TEST(test_full_target),
	    TEST(test_full_delta),
	};

	if (argc > 1 && !strcmp(argv[1], "io"))
		return io_main(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
