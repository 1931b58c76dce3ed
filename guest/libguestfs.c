/* The libguestfs appliance: start on NBD sockets, end, errors; looking inside is in the files beside this one. */
#include "guest/libguestfs.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/base/checked.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "guest/appliance_kernel.h"

enum {
	TICK_MS = 2000,
	STALL_SECONDS = 300,
	SMP_MAX = 4, /* udev and the guest's tools seldom keep more busy */
	/* cryptsetup makes LUKS2 headers whose key needs up to 1 GiB to derive; libguestfs' default is 1280 MiB. */
	MEMORY_MIB_FOR_KEYS = 1792,
};

/* "/usr/bin/qemu-system-x86_64: cannot …", and not qemu's command line. */
static bool is_of_qemu(const char *line)
{
	const char *name = strstr(line, "qemu-");

	return name && name[strcspn(name, ": ")] == ':';
}

static bool is_panic(const char *line)
{
	return strstr(line, "Kernel panic") != NULL;
}

enum { LINE_MAX_SAID = 400 };

/* The last line of what was said, of those that is_it() takes (NULL: of all that aren't empty). */
static bool last_said(const struct appliance *a, bool (*is_it)(const char *line), char ret[LINE_MAX_SAID])
{
	bool found = false;

	for (const char *at = a->said, *end; *at; at = end + (*end != '\0')) {
		char line[LINE_MAX_SAID];
		size_t n;

		end = strchrnul(at, '\n');
		n = min_u64((uint64_t)(end - at), sizeof line - 1);
		while (n && strchr("\r ", at[n - 1]))
			n--;
		memcpy(line, at, n);
		line[n] = '\0';
		if (n && (!is_it || is_it(line))) {
			memcpy(ret, line, n + 1);
			found = true;
		}
	}
	return found;
}

/* One line of libguestfs' words, which may be several. */
static void first_line(const char *words, char ret[LINE_MAX_SAID])
{
	snprintf(ret, LINE_MAX_SAID, "%.*s", words ? (int)strcspn(words, "\n") : 0, words ? words : "");
}

/* The appliance is gone. A kernel that panics may do so because of what is on the disks: it would the next time. */
static int gave_out(const struct appliance *a, struct err *err, const char *what)
{
	char line[LINE_MAX_SAID];

	if (watchdog_has_bitten(a->watchdog)) {
		err_set(err, ERR_TEMPFAIL, "%s: the appliance did not move for %u s and was ended; try again", what,
			a->stall_seconds);
	} else if (last_said(a, is_panic, line)) {
		return err_set(err, ERR_CONVERT, "%s: the appliance's kernel crashed: '%s'", what, line);
	} else {
		if (!last_said(a, is_of_qemu, line))
			first_line(guestfs_last_error(a->g), line);
		err_set(err, ERR_TEMPFAIL, "%s: the appliance ended by itself ('%s'); try again", what, line);
	}
	if (err)
		err->sys = ETIMEDOUT;
	return -1;
}

int appliance_failed(struct appliance *a, struct err *err, enum err_code code, const char *fmt, ...)
{
	const char *why = guestfs_last_error(a->g);
	char what[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	if (watchdog_has_bitten(a->watchdog) || (a->started && guestfs_is_config(a->g) == 1))
		return gave_out(a, err, what);
	err_set(err, code, "%s: %.1024s", what, why ? why : "libguestfs gave no reason");
	if (err) {
		err->sys = guestfs_last_errno(a->g);
		for (char *c = err->text; *c; c++)
			if (*c == '\n')
				*c = c[1] ? ';' : '\0';
	}
	return -1;
}

char *appliance_keep(struct arena *a, char *s)
{
	char *ret = arena_strdup(a, s);

	free(s);
	return ret;
}

void free_strings(char ***list)
{
	for (char **s = *list; s && *s; s++)
		free(*s);
	free(*list);
}

/* -------------------------------------------------------------------------------------------------- long calls */

struct ticking {
	struct appliance *a;
	appliance_job *fn;
	void *arg;
	struct err *err;
	int ret;
	bool done;
	pthread_mutex_t lock;
	pthread_cond_t changed;
};

static void *work(void *opaque)
{
	struct ticking *t = opaque;
	int ret;

	guestfs_set_error_handler(t->a->g, NULL, NULL); /* errors and their handler are a thread's own */
	ret = t->fn(t->a, t->arg, t->err);
	pthread_mutex_lock(&t->lock);
	t->ret = ret;
	t->done = true;
	pthread_cond_signal(&t->changed);
	pthread_mutex_unlock(&t->lock);
	return NULL;
}

static void tick_until_done(struct ticking *t, const char *what)
{
	struct timespec next = clock_at(clock_ms());

	pthread_mutex_lock(&t->lock);
	while (!t->done) {
		t->a->tick(what, t->a->opaque);
		next.tv_sec += TICK_MS / 1000;
		while (!t->done && pthread_cond_clockwait(&t->changed, &t->lock, CLOCK_MONOTONIC, &next) != ETIMEDOUT)
			;
	}
	pthread_mutex_unlock(&t->lock);
}

int appliance_ticking(struct appliance *a, const char *what, appliance_job *fn, void *arg, struct err *err)
{
	struct ticking t = {.a = a, .fn = fn, .arg = arg, .err = err};
	pthread_t thread;

	pthread_mutex_init(&t.lock, NULL);
	pthread_cond_init(&t.changed, NULL);
	if (!a->tick || pthread_create(&thread, NULL, work, &t) != 0) {
		t.ret = fn(a, arg, err);
	} else {
		tick_until_done(&t, what);
		pthread_join(thread, NULL);
	}
	pthread_cond_destroy(&t.changed);
	pthread_mutex_destroy(&t.lock);
	return t.ret;
}

/* ----------------------------------------------------------------------------------------------------- messages */

/* Keeps the end of what was said. */
static void remember(struct appliance *a, const char *text, size_t len)
{
	size_t room = sizeof a->said - 1;

	if (len > room) {
		text += len - room;
		len = room;
	}
	if (a->said_len + len > room) {
		size_t drop = a->said_len + len - room;

		memmove(a->said, a->said + drop, a->said_len - drop);
		a->said_len -= drop;
	}
	memcpy(a->said + a->said_len, text, len);
	a->said_len += len;
	a->said[a->said_len] = '\0';
}

/* libguestfs prints these on stderr unless somebody takes them. */
static void on_message(guestfs_h *g, void *opaque, uint64_t event, int handle, int flags, const char *text, size_t len,
		       const uint64_t *array, size_t narray)
{
	while (len && strchr("\r\n", text[len - 1]))
		len--;
	appliance_heard(opaque, event == GUESTFS_EVENT_TRACE, text, len);
	if (event != GUESTFS_EVENT_TRACE) {
		remember(opaque, text, len);
		remember(opaque, "\n", 1);
	}
	log_debug("libguestfs: %.*s", (int)min_u64(len, 2048), text);
}

/* -------------------------------------------------------------------------------------------------------- start */

/* Under emulation the appliance's guards against side channels cost a quarter of its time and guard nothing; without
 * address randomisation translated code is found again. What the user put in LIBGUESTFS_APPEND stays. */
static int quicken(struct appliance *a)
{
	const char *before = guestfs_get_append(a->g);
	AUTO_FREE char *all = NULL;

	if (asprintf(&all, "mitigations=off norandmaps%s%s", before ? " " : "", before ? before : "") < 0)
		return -1;
	return guestfs_set_append(a->g, all);
}

static int set_memory(struct appliance *a, const struct appliance_options *o)
{
	int mib = o->memory_mib ? (int)o->memory_mib : guestfs_get_memsize(a->g);

	if (!o->memory_mib && o->keys && o->keys->n && mib < MEMORY_MIB_FOR_KEYS)
		mib = MEMORY_MIB_FOR_KEYS;
	return guestfs_set_memsize(a->g, mib);
}

static int set_up_handle(struct appliance *a, const struct appliance_options *o, struct err *err)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	guestfs_set_error_handler(a->g, NULL, NULL);
	if (guestfs_set_event_callback(a->g, on_message,
				       GUESTFS_EVENT_LIBRARY | GUESTFS_EVENT_APPLIANCE | GUESTFS_EVENT_WARNING |
					   GUESTFS_EVENT_TRACE,
				       0, a) < 0 ||
	    guestfs_parse_environment(a->g) < 0 || guestfs_set_trace(a->g, 1) < 0 ||
	    guestfs_set_backend(a->g, "direct") < 0)
		return appliance_failed(a, err, ERR_HOST, "setting up libguestfs");
	if ((o->accel->kvm ? guestfs_clear_backend_setting(a->g, "force_tcg")
			   : guestfs_set_backend_setting(a->g, "force_tcg", "1")) < 0 ||
	    guestfs_set_smp(a->g, cpus > SMP_MAX ? SMP_MAX
				  : cpus > 1	 ? (int)cpus
						 : 1) < 0 ||
	    set_memory(a, o) < 0)
		return appliance_failed(a, err, ERR_HOST, "setting up libguestfs");
	if (!o->accel->kvm && quicken(a) < 0)
		return appliance_failed(a, err, ERR_HOST, "setting up libguestfs");
	/* By default qemu stops the machine when a write finds no space, and we would wait for ever. */
	if (guestfs_config(a->g, "-global", "scsi-hd.werror=report") < 0)
		return appliance_failed(a, err, ERR_HOST, "setting up libguestfs");
	return 0;
}

static int add_disk(struct appliance *a, const struct appliance_disk *d, struct err *err)
{
	AUTO_FREE char *server = NULL;
	char *servers[2] = {NULL, NULL};
	struct guestfs_add_drive_opts_argv opts = {
	    .bitmask = GUESTFS_ADD_DRIVE_OPTS_FORMAT_BITMASK | GUESTFS_ADD_DRIVE_OPTS_PROTOCOL_BITMASK |
		       GUESTFS_ADD_DRIVE_OPTS_SERVER_BITMASK | GUESTFS_ADD_DRIVE_OPTS_CACHEMODE_BITMASK |
		       GUESTFS_ADD_DRIVE_OPTS_READONLY_BITMASK,
	    .format = "raw",
	    .protocol = "nbd",
	    .server = servers,
	    .cachemode = "unsafe", /* what is written is durable when the graft is frozen, not before */
	    .readonly = d->readonly,
	};

	if (asprintf(&server, "unix:%s", d->socket) < 0)
		return err_nomem(err);
	servers[0] = server;
	if (!d->readonly) {
		opts.bitmask |= GUESTFS_ADD_DRIVE_OPTS_DISCARD_BITMASK;
		opts.discard = "enable";
	}
	if (d->logical_sector > 512) {
		opts.bitmask |= GUESTFS_ADD_DRIVE_OPTS_BLOCKSIZE_BITMASK;
		opts.blocksize = (int)d->logical_sector;
	}
	if (guestfs_add_drive_opts_argv(a->g, "", &opts) < 0)
		return appliance_failed(a, err, ERR_HOST, "adding the disk at '%s'", d->socket);
	return 0;
}

/* A missing kernel is by far the commonest reason; libguestfs only tells that supermin failed. */
static int launch(struct appliance *a, void *arg, struct err *err)
{
	AUTO(buf_done) struct buf found = BUF_INIT(8192);
	char line[LINE_MAX_SAID] = "";

	a->started = guestfs_launch(a->g) == 0;
	if (a->started)
		return 0;
	if (strstr(a->said, "supermin") && appliance_kernel_check("", &found, err) < 0)
		return -1;
	if (watchdog_has_bitten(a->watchdog))
		return appliance_failed(a, err, ERR_HOST, "starting the libguestfs appliance");
	/* The error of libguestfs itself is half a page of general advice, its last words are often of tidying up. */
	if (!last_said(a, is_of_qemu, line))
		last_said(a, NULL, line);
	return err_set(err, ERR_HOST,
		       "the libguestfs appliance did not start: '%s'; libguestfs-test-tool shows all of it", line);
}

int appliance_start(const struct appliance_options *o, struct appliance **ret, struct err *err)
{
	AUTO(appliance_closep) struct appliance *a = calloc(1, sizeof *a);

	if (!a)
		return err_nomem(err);
	pthread_mutex_init(&a->lock, NULL);
	a->g = guestfs_create_flags(GUESTFS_CREATE_NO_ENVIRONMENT);
	if (!a->g)
		return err_nomem(err);
	a->guest.ops = &appliance_guest_ops;
	a->ndisks = (unsigned)o->ndisks;
	a->root_wanted = arena_strdup(&a->arena, o->root);
	a->readonly = o->readonly_mounts;
	a->keys = o->keys;
	a->trim_encrypted = o->trim_encrypted;
	a->discard_hibernation = o->discard_hibernation;
	a->mount_unclean = o->mount_unclean;
	a->tick = o->tick;
	a->disk_activity = o->disk_activity;
	a->stall_seconds = o->stall_seconds ? o->stall_seconds : STALL_SECONDS;
	a->opaque = o->opaque;
	if (appliance_watch(a, err) < 0 || set_up_handle(a, o, err) < 0)
		return -1;
	for (size_t i = 0; i < o->ndisks; i++)
		if (add_disk(a, &o->disks[i], err) < 0)
			return -1;
	if (appliance_ticking(a, "starting the appliance", launch, NULL, err) < 0)
		return -1;
	*ret = take_ptr(&a);
	return 0;
}

void appliance_library(char ret[24])
{
	guestfs_h *g = guestfs_create_flags(GUESTFS_CREATE_NO_ENVIRONMENT);
	struct guestfs_version *v = g ? guestfs_version(g) : NULL;

	snprintf(ret, 24, "unknown");
	if (v)
		snprintf(ret, 24, "%d.%d.%d", (int)v->major, (int)v->minor, (int)v->release);
	guestfs_free_version(v);
	if (g)
		guestfs_close(g);
}

struct guest *appliance_guest(struct appliance *a)
{
	return &a->guest;
}

/* ---------------------------------------------------------------------------------------------------------- end */

/* "critical space allocation error, dev sda, sector 2048 op 0x1:(WRITE) …" */
static bool is_lost_write(const char *line)
{
	return strstr(line, " error, dev sd") && strstr(line, ":(WRITE)");
}

/* A file system that can't write its log may unmount without a word; the appliance's kernel tells. */
static int check_writes(struct appliance *a, struct err *err)
{
	AUTO_FREE char *text = guestfs_dmesg(a->g);
	char *save = NULL;

	if (!text)
		return appliance_failed(a, err, ERR_CONVERT, "reading the appliance's kernel messages");
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (is_lost_write(line))
			return err_set(err, strstr(line, "space allocation") ? ERR_TEMPFAIL : ERR_CONVERT,
				       "the guest's disk could not be written: %.300s", line);
	return 0;
}

static int shut_down(struct appliance *a, void *arg, struct err *err)
{
	if (guestfs_umount_all(a->g) < 0)
		return appliance_failed(a, err, ERR_CONVERT, "unmounting the guest's file systems");
	if (guestfs_sync(a->g) < 0)
		return appliance_failed(a, err, ERR_CONVERT, "writing out the guest's file systems");
	if (check_writes(a, err) < 0)
		return -1;
	if (guestfs_shutdown(a->g) < 0)
		return appliance_failed(a, err, ERR_CONVERT, "shutting the appliance down");
	return 0;
}

int appliance_finish(struct appliance *a, struct err *err)
{
	a->finished = true;
	return appliance_ticking(a, "closing the appliance", shut_down, NULL, err);
}

void appliance_close(struct appliance *a)
{
	if (!a)
		return;
	if (a->guest.ops)
		guest_close(&a->guest);
	if (a->g && !a->finished)
		guestfs_set_autosync(a->g, 0); /* given up: nothing is to be written out */
	if (a->g)
		guestfs_close(a->g);
	watchdog_stop(a->watchdog); /* last: closing may hang too */
	pthread_mutex_destroy(&a->lock);
	arena_done(&a->arena);
	free(a);
}
