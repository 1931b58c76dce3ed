/* Which accelerator works here: a boot sector timed under kvm and tcg, the answer cached.
 *
 * /dev/kvm that opens proves nothing: nested or filtered KVM may abort qemu, hang it or be slower than emulation.
 */
#include "guest/accel.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "core/base/checked.h"
#include "core/base/child.h"
#include "core/base/clock.h"
#include "core/base/file.h"

#define QEMU	   "qemu-system-x86_64"
#define CACHE_NAME "accel.json"

enum {
	TCG_LIMIT_MS = 30000, /* it needs 80 ms on a quiet host, and doesn't hang */
	KVM_LIMIT_MS = 3000,  /* one worth using needs less than tcg */
	PROBE_EXIT = 33,      /* isa-debug-exit: value * 2 + 1 */
	OUTPUT_MAX = 64 << 10,
	DOUBT_SECONDS = 600, /* for which an answer counts that another load of this host may change */
};

/* mov $16, %al; out %al, $0xf4; hlt; jmp back to hlt */
static const unsigned char boot_code[] = {0xb0, 0x10, 0xe6, 0xf4, 0xf4, 0xeb, 0xfd};

/* A descriptor of 512 bytes that boot. */
static int make_boot_sector(struct err *err)
{
	unsigned char sector[512] = {[510] = 0x55, [511] = 0xaa};
	AUTO_FD int fd = memfd_create("rehost-boot-sector", MFD_CLOEXEC);

	memcpy(sector, boot_code, sizeof boot_code);
	if (fd < 0)
		return err_sys(err, ERR_HOST, "cannot make a memory file");
	if (file_pwrite(fd, sector, sizeof sector, 0, err) < 0)
		return -1;
	return take_fd(&fd);
}

/* Waits until the limit, then kills; -1 for that, else waitpid's status. */
static int wait_limited(pid_t pid, int limit_ms, int *ret_status, struct err *err)
{
	AUTO_FD int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd p = {.fd = pidfd, .events = POLLIN};
	int n;

	do
		n = pidfd < 0 ? -1 : poll(&p, 1, limit_ms);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		kill(pid, SIGKILL);
	if (child_wait(pid, ret_status, err) < 0)
		return -1;
	if (n <= 0)
		return err_set(err, ERR_TEMPFAIL, "qemu did not finish in %d s", limit_ms / 1000);
	return 0;
}

/* The last line of what qemu said, without its "qemu-system-x86_64: ". */
static void last_line(int fd, char *ret, size_t size)
{
	AUTO(buf_done) struct buf b = BUF_INIT(OUTPUT_MAX);
	char *line;

	snprintf(ret, size, "no message");
	if (lseek(fd, 0, SEEK_SET) < 0 || file_slurp_fd(fd, "qemu's output", &b, NULL) < 0)
		return;
	while (b.len && b.data[b.len - 1] == '\n')
		b.data[--b.len] = '\0';
	if (!b.len)
		return;
	line = memrchr(b.data, '\n', b.len);
	line = line ? line + 1 : b.data;
	if (!strncmp(line, QEMU ": ", strlen(QEMU ": ")))
		line += strlen(QEMU ": ");
	snprintf(ret, size, "%s", line);
}

/* Boots the sector; milliseconds, or -1 with the reason in err, which is ERR_TEMPFAIL when it took too long. */
static int boot_once(const char *accelerator, int limit_ms, struct err *err)
{
	char machine[32], said[128];
	const char *const argv[] = {QEMU,
				    "-nodefaults",
				    "-no-user-config",
				    "-no-reboot",
				    "-display",
				    "none",
				    "-machine",
				    machine,
				    "-cpu",
				    "max",
				    "-m",
				    "32",
				    "-drive",
				    "file=/dev/fd/3,format=raw,if=ide",
				    "-device",
				    "isa-debug-exit,iobase=0xf4,iosize=4",
				    NULL};
	AUTO_FD int sector = make_boot_sector(err);
	AUTO_FD int output = memfd_create("rehost-qemu-output", MFD_CLOEXEC);
	const struct child_fd fds[] = {{output, STDOUT_FILENO}, {output, STDERR_FILENO}, {sector, 3}};
	const struct child_spec spec = {.argv = argv, .fds = fds, .nfds = 3};
	uint64_t start = clock_ms();
	int status;
	pid_t pid;

	if (sector < 0 || output < 0)
		return -1;
	snprintf(machine, sizeof machine, "pc,accel=%s", accelerator);
	pid = child_start(&spec, err);
	if (pid < 0 || wait_limited(pid, limit_ms, &status, err) < 0)
		return -1;
	if (WIFEXITED(status) && WEXITSTATUS(status) == PROBE_EXIT)
		return (int)(clock_ms() - start);
	last_line(output, said, sizeof said);
	return err_set(err, ERR_HOST, "qemu exited with %d (%s)",
		       WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), said);
}

static int probe_kvm(int tcg_ms, struct err *err)
{
	AUTO_FD int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return err_sys(err, ERR_HOST, "cannot open /dev/kvm");
	return boot_once("kvm", (int)max_u64(KVM_LIMIT_MS, tcg_ms > 0 ? 2 * (uint64_t)tcg_ms : 0), err);
}

/* qemu's own start is most of so short a run: a kvm that works comes out near tcg or below, a bad one far off. */
static bool kvm_is_good(const struct accel *a)
{
	return a->kvm_ms >= 0 && (a->tcg_ms < 0 || a->kvm_ms < 2 * a->tcg_ms);
}

/* "took 63 ms", or why not. */
static void describe(int ms, const struct err *why, char *ret, size_t size)
{
	if (ms >= 0)
		snprintf(ret, size, "took %d ms", ms);
	else
		snprintf(ret, size, "%.*s", (int)size - 1, why->text);
}

/* *ret_lasting: the answer doesn't depend on what else this host was doing. */
static int probe(struct accel *a, bool *ret_lasting, struct err *err)
{
	struct err kvm_why = ERR_INIT, tcg_why = ERR_INIT;
	char kvm[120], tcg[120];

	a->tcg_ms = boot_once("tcg", TCG_LIMIT_MS, &tcg_why);
	a->kvm_ms = probe_kvm(a->tcg_ms, &kvm_why);
	if (a->kvm_ms >= 0 && !kvm_is_good(a)) /* the host may have been busy for a moment */
		a->kvm_ms = probe_kvm(a->tcg_ms, &kvm_why);
	if (a->tcg_ms < 0 && a->kvm_ms < 0 && tcg_why.sys == ENOENT)
		return err_set(err, ERR_HOST, QEMU " is not installed: apt-get install qemu-system-x86");
	a->kvm = kvm_is_good(a);
	*ret_lasting = tcg_why.code != ERR_TEMPFAIL && kvm_why.code != ERR_TEMPFAIL;
	describe(a->kvm_ms, &kvm_why, kvm, sizeof kvm);
	describe(a->tcg_ms, &tcg_why, tcg, sizeof tcg);
	snprintf(a->reason, sizeof a->reason, "kvm: %s; tcg: %s", kvm, tcg);
	return 0;
}

/* Adds the first value of "KEY : value" in a file of /proc, or its whole first line when key is NULL. */
static void add_proc_line(struct buf *b, const char *file, const char *key)
{
	char line[512];
	FILE *in = fopen(file, "re");

	while (in && fgets(line, sizeof line, in)) {
		const char *colon = strchr(line, ':');

		line[strcspn(line, "\n")] = '\0';
		if (key && (!colon || strncmp(line, key, strlen(key)) != 0))
			continue;
		buf_addf(b, "%s ", key ? colon + 1 : line);
		break;
	}
	if (in)
		fclose(in);
}

/* Everything the answer depends on, in one line; empty when qemu isn't there. */
static void cache_key(struct buf *key)
{
	char qemu[PATH_MAX];
	struct utsname u;
	struct stat st;

	if (!child_find(QEMU, qemu, sizeof qemu) || stat(qemu, &st) < 0 || uname(&u) < 0)
		return;
	buf_addf(key, "%s %" PRIu64 " %" PRIu64 ".%09ld %s ", qemu, (uint64_t)st.st_size, (uint64_t)st.st_mtim.tv_sec,
		 st.st_mtim.tv_nsec, u.release);
	add_proc_line(key, "/proc/sys/kernel/random/boot_id", NULL);
	add_proc_line(key, "/proc/cpuinfo", "model name");
	buf_addf(key, "kvm=%d", access("/dev/kvm", R_OK | W_OK) == 0);
}

/* The folder of our caches; false when there is no place for one. */
static bool cache_folder(char *ret, size_t size)
{
	const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");

	if (xdg && *xdg == '/')
		snprintf(ret, size, "%s/rehost", xdg);
	else if (geteuid() == 0)
		snprintf(ret, size, "/var/cache/rehost");
	else if (home && *home == '/')
		snprintf(ret, size, "%s/.cache/rehost", home);
	else
		return false;
	return true;
}

static bool cache_load(const char *folder, const char *key, struct accel *a)
{
	AUTO(buf_done) struct buf b = BUF_INIT(OUTPUT_MAX);
	AUTO_FD int dir = file_open_dir(folder, NULL);
	AUTO(js_freep) struct json *j = NULL;

	if (dir < 0 || file_slurp(dir, CACHE_NAME, &b, NULL) < 0)
		return false;
	j = js_parse(buf_str(&b), b.len, NULL);
	if (!j || !*key || strcmp(js_get_str(j, "key", ""), key) != 0)
		return false;
	if (clock_uptime() > js_get_u64(j, "until", UINT64_MAX)) /* the key has the boot's id */
		return false;
	a->kvm = js_get_bool(j, "kvm", false);
	a->kvm_ms = (int)js_get_real(j, "kvm_ms", -1);
	a->tcg_ms = (int)js_get_real(j, "tcg_ms", -1);
	snprintf(a->reason, sizeof a->reason, "%s", js_get_str(j, "reason", ""));
	a->cached = true;
	return true;
}

/* A cache that can't be written costs a probe the next time, no more. */
static void cache_save(const char *folder, const char *key, const struct accel *a, bool lasting)
{
	AUTO(buf_done) struct buf b = BUF_INIT(OUTPUT_MAX);
	AUTO(js_freep) struct json *j = js_object();
	AUTO_FD int dir = -1;

	js_set_str(j, "key", key);
	js_set_bool(j, "kvm", a->kvm);
	js_set_real(j, "kvm_ms", a->kvm_ms);
	js_set_real(j, "tcg_ms", a->tcg_ms);
	js_set_str(j, "reason", a->reason);
	if (!lasting)
		js_set_u64(j, "until", clock_uptime() + DOUBT_SECONDS);
	if (file_mkdirs(folder, NULL) < 0 || js_print(j, true, &b) < 0)
		return;
	dir = file_open_dir(folder, NULL);
	if (dir >= 0)
		file_replace(dir, CACHE_NAME, b.data, b.len, 0644, NULL);
}

int accel_probe(struct accel *ret, struct err *err)
{
	AUTO(buf_done) struct buf key = BUF_INIT(OUTPUT_MAX);
	char folder[PATH_MAX];
	bool have_folder = cache_folder(folder, sizeof folder), lasting;

	*ret = (struct accel){0};
	cache_key(&key);
	if (have_folder && cache_load(folder, buf_str(&key), ret))
		return 0;
	if (probe(ret, &lasting, err) < 0)
		return -1;
	if (have_folder && key.len)
		cache_save(folder, key.data, ret, lasting);
	return 0;
}

static void set_ms(struct json *j, const char *key, int ms)
{
	if (ms >= 0)
		js_set_u64(j, key, (uint64_t)ms);
	else
		js_set_str(j, key, NULL);
}

struct json *accel_json(const struct accel *a)
{
	struct json *j = js_object();

	js_set_str(j, "chosen", a->kvm ? "kvm" : "tcg");
	js_set_str(j, "reason", a->reason);
	set_ms(j, "kvm_ms", a->kvm_ms);
	set_ms(j, "tcg_ms", a->tcg_ms);
	js_set_bool(j, "cached", a->cached);
	return j;
}
