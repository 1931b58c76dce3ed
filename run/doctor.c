/* What this host has and lacks for our work: one function a check, one table. */
#include "run/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>

#include "core/base/checked.h"
#include "core/base/child.h"
#include "core/base/file.h"
#include "core/base/memory.h"
#include "core/base/units.h"
#include "guest/appliance.h"
#include "guest/appliance_kernel.h"

#define SCRATCH_WARN (4 * GIB)	 /* a small server's disk */
#define SCRATCH_FAIL (256 * MIB) /* the delta of one conversion */
#define CACHE_WARN   GIB	 /* the appliance takes 0.4 GiB when it is first built */
#define MEMORY_WARN  (2 * GIB)	 /* the appliance's 1280 MiB, both our processes, room */
#define MEMORY_FAIL  (700 * MIB)

static void add(struct doctor *d, const char *id, enum check_state state, const char *fix, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

static void add(struct doctor *d, const char *id, enum check_state state, const char *fix, const char *fmt, ...)
{
	struct check *c = vec_push(&d->arena, &d->checks);
	va_list ap;

	c->id = id;
	c->state = state;
	c->fix = state == CHECK_OK ? NULL : arena_strdup(&d->arena, fix);
	va_start(ap, fmt);
	c->text = arena_vprintf(&d->arena, fmt, ap);
	va_end(ap);
}

/* Why kvm wasn't chosen, as something to do; NULL when only the machine's owner could. */
static const char *kvm_fix(void)
{
	if (access("/dev/kvm", R_OK | W_OK) == 0)
		return NULL;
	if (errno == EACCES)
		return "sudo adduser $USER kvm, then log in again";
	return "switch on virtualisation in the firmware, or nested virtualisation in the host of this machine";
}

static void check_accelerator(const struct doctor_options *o, struct doctor *d)
{
	const struct accel *a = &d->accel;
	struct err err = ERR_INIT;

	d->have_accel = accel_probe(&d->accel, &err) == 0;
	if (!d->have_accel)
		add(d, "accelerator", CHECK_FAIL, "apt-get install qemu-system-x86", "no accelerator without qemu");
	else if (a->kvm)
		add(d, "accelerator", CHECK_OK, NULL, "kvm (%s)", a->reason);
	else
		add(d, "accelerator", a->tcg_ms >= 0 ? CHECK_WARN : CHECK_FAIL, kvm_fix(), "emulation (%s)", a->reason);
}

static void check_kernel(const struct doctor_options *o, struct doctor *d)
{
	AUTO(buf_done) struct buf found = BUF_INIT(PATH_MAX + 64);
	struct err err = ERR_INIT;
	const char *fix;

	if (appliance_kernel_check(o->root, &found, &err) == 0) {
		add(d, "kernel", CHECK_OK, NULL, "%s for the appliance", buf_str(&found));
		return;
	}
	fix = strrchr(err.text, ':');
	add(d, "kernel", CHECK_FAIL, fix ? fix + 2 : NULL, "%.*s", fix ? (int)(fix - err.text) : INT_MAX, err.text);
}

/* A package manager at work replaces kernel and modules one after the other. */
static void check_upgrade(const struct doctor_options *o, struct doctor *d)
{
	char pattern[PATH_MAX];
	glob_t g;

	snprintf(pattern, sizeof pattern, "%s/boot/*.dpkg-new", o->root);
	if (glob(pattern, 0, NULL, &g) == 0)
		add(d, "upgrade", CHECK_WARN, "let the upgrade finish: dpkg --configure -a",
		    "a kernel is being replaced: %s", g.gl_pathv[0] + strlen(o->root));
	globfree(&g);
}

static void check_library(const struct doctor_options *o, struct doctor *d)
{
	char version[24], path[PATH_MAX];

	appliance_library(version);
	if (child_find("supermin", path, sizeof path) || getenv("LIBGUESTFS_PATH"))
		add(d, "libguestfs", CHECK_OK, NULL, "libguestfs %s", version);
	else
		add(d, "libguestfs", CHECK_FAIL, "apt-get install supermin",
		    "libguestfs %s has no supermin to build its appliance with", version);
}

static void check_tools(const struct doctor_options *o, struct doctor *d)
{
	static const struct {
		const char *program, *package, *without;
		enum check_state missing;
	} tools[] = {
	    {"qemu-system-x86_64", "qemu-system-x86", "no guest can be looked into or booted", CHECK_FAIL},
	    {"qemu-system-aarch64", "qemu-system-arm", "results for arm64 can't be booted here", CHECK_WARN},
	    {"qemu-img", "qemu-utils", "the appliance can't be started, nor a throw-away overlay made", CHECK_FAIL},
	    {"virsh", "libvirt-clients", "results can't be defined in libvirt from here", CHECK_WARN},
	};
	char path[PATH_MAX];

	for (size_t i = 0; i < sizeof tools / sizeof *tools; i++)
		if (child_find(tools[i].program, path, sizeof path))
			add(d, "tool", CHECK_OK, NULL, "%s", path);
		else
			add(d, "tool", tools[i].missing,
			    arena_printf(&d->arena, "apt-get install %s", tools[i].package), "%s is missing: %s",
			    tools[i].program, tools[i].without);
}

/* The first of the files that is there, for one kind of guests. */
static void check_firmware_for(const struct doctor_options *o, struct doctor *d, const char *const *files,
			       const char *fix, const char *guests)
{
	char path[PATH_MAX];

	for (; *files; files++) {
		snprintf(path, sizeof path, "%s%s", o->root, *files);
		if (access(path, R_OK) == 0) {
			add(d, "firmware", CHECK_OK, NULL, "UEFI firmware %s", *files);
			return;
		}
	}
	add(d, "firmware", CHECK_WARN, fix, "no UEFI firmware: %s can't be booted here", guests);
}

static void check_firmware(const struct doctor_options *o, struct doctor *d)
{
	static const char *const x86[] = {"/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_CODE.fd",
					  "/usr/share/edk2/ovmf/OVMF_CODE.fd", NULL};
	static const char *const arm[] = {"/usr/share/AAVMF/AAVMF_CODE.fd", NULL};

	check_firmware_for(o, d, x86, "apt-get install ovmf", "UEFI guests");
	check_firmware_for(o, d, arm, "apt-get install qemu-efi-aarch64", "results for arm64");
}

/* A folder's free space against what is a warning and what fails. */
static void check_space(struct doctor *d, const char *id, const char *what, const char *folder, uint64_t warn,
			uint64_t fail, const char *fix)
{
	char words[SIZE_WORDS_MAX];
	AUTO_FD int fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct statfs st = {0};
	uint64_t space;
	bool memory;

	if (fd < 0 || file_space_free(fd, &space, NULL) < 0 || fstatfs(fd, &st) < 0) {
		add(d, id, CHECK_FAIL, fix, "%s %s, can't be used: %s", what, folder, strerror(errno));
		return;
	}
	memory = st.f_type == TMPFS_MAGIC;
	add(d, id,
	    space < fail	     ? CHECK_FAIL
	    : space < warn || memory ? CHECK_WARN
				     : CHECK_OK,
	    fix, "%s %s: %s free%s", what, folder, size_in_words(space, words), memory ? ", in memory (tmpfs)" : "");
}

static void check_scratch(const struct doctor_options *o, struct doctor *d)
{
	const char *cache = getenv("LIBGUESTFS_CACHEDIR");

	check_space(d, "scratch", "the folder for results,", o->scratch ? o->scratch : ".", SCRATCH_WARN, SCRATCH_FAIL,
		    "name a folder with more room: -os DIR");
	check_space(d, "cache", "the folder that the appliance is built in,", cache ? cache : file_tmpdir(), CACHE_WARN,
		    CACHE_WARN / 2, "name a folder with more room: LIBGUESTFS_CACHEDIR=DIR or TMPDIR=DIR");
}

static void check_memory(const struct doctor_options *o, struct doctor *d)
{
	uint64_t available = memory_available();
	char words[SIZE_WORDS_MAX];

	add(d, "memory",
	    available < MEMORY_FAIL   ? CHECK_FAIL
	    : available < MEMORY_WARN ? CHECK_WARN
				      : CHECK_OK,
	    "end other programs, or convert one machine at a time",
	    "%s of memory available; the appliance takes 1.3 GiB", size_in_words(available, words));
}

void doctor_run(const struct doctor_options *options, struct doctor *ret)
{
	static void (*const checks[])(const struct doctor_options *, struct doctor *) = {
	    check_accelerator, check_kernel,   check_upgrade, check_library,
	    check_tools,       check_firmware, check_scratch, check_memory,
	};

	*ret = (struct doctor){0};
	for (size_t i = 0; i < sizeof checks / sizeof *checks; i++)
		checks[i](options, ret);
}

void doctor_done(struct doctor *d)
{
	arena_done(&d->arena);
	*d = (struct doctor){0};
}

unsigned doctor_failed(const struct doctor *d)
{
	unsigned n = 0;

	VEC_FOR (c, &d->checks)
		n += c->state == CHECK_FAIL;
	return n;
}

const char *check_state_name(enum check_state s)
{
	switch (s) {
	case CHECK_OK:
		return "ok";
	case CHECK_WARN:
		return "warn";
	case CHECK_FAIL:
		return "fail";
	case CHECK_UNKNOWN:
		break;
	}
	return "unknown";
}

struct json *doctor_json(const struct doctor *d)
{
	struct json *j = js_object(), *list = js_array();

	js_set_bool(j, "fit", doctor_failed(d) == 0);
	VEC_FOR (c, &d->checks) {
		struct json *one = js_object();

		js_set_str(one, "id", c->id);
		js_set_str(one, "state", check_state_name(c->state));
		js_set_str(one, "text", c->text);
		js_set_str(one, "fix", c->fix);
		js_add(list, one);
	}
	js_set(j, "checks", list);
	if (d->have_accel)
		js_set(j, "accelerator", accel_json(&d->accel));
	return j;
}

int doctor_print(const struct doctor *d, struct buf *out)
{
	VEC_FOR (c, &d->checks) {
		if (buf_addf(out, "%-4s  %-11s  %s\n", check_state_name(c->state), c->id, c->text) < 0)
			return -1;
		if (c->fix && buf_addf(out, "%21s%s\n", "fix: ", c->fix) < 0)
			return -1;
	}
	return 0;
}
