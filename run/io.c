/* The `rehost io` process: opens and parses every image, serves and freezes the grafts, copies. It gets folders and
 * sockets as descriptors, works on one request at a time, and ends when its control socket does. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/arena.h"
#include "core/base/checked.h"
#include "core/base/compress.h"
#include "core/base/file.h"
#include "core/base/keys.h"
#include "core/base/log.h"
#include "core/base/work.h"
#include "formats/partition.h"
#include "formats/throttle.h"
#include "run/channel.h"
#include "run/copy.h"
#include "run/graft.h"
#include "run/io_client.h"
#include "run/io_disk.h"
#include "run/journal.h"
#include "run/lockdown.h"
#include "run/verify/compare.h"

enum {
	DISKS_MAX = 256,	   /* VMware's most is 4 controllers of 64 */
	COMPARED_STEP = 128 << 20, /* bytes of a disk between two messages */
};

struct io {
	struct channel channel;
	struct io_place place;
	int result_fd;		 /* folder to compare with; -1 none */
	struct open_rules rules; /* descriptors that were inherited */
	struct keys keys;	 /* for encrypted images */
	struct io_disk_state disks[DISKS_MAX];
	unsigned ndisks;
	unsigned threads;
	enum read_error_policy on_read_error;
	/* copy: data bytes of all disks, and of those that are done */
	uint64_t total, before;
	unsigned current;
	uint64_t compared; /* bytes of the disk, as they were said last */
	atomic_bool heard; /* a request is under way: the control process listens */
	atomic_uint unheard;
};

/* Messages that may wait in the socket while nobody listens: a disk that can't be read makes them without end, and who
 * waits for room in the socket serves the guest no more. */
enum { UNHEARD_MAX = 50 };

/* ---- what goes to the control process ---- */

/* Without a control process there is nothing to work for. */
static void say(struct io *io, struct json *message)
{
	if (channel_send(&io->channel, message, NULL) < 0)
		_exit(1);
}

static void say_error(struct io *io, const struct err *err)
{
	struct json *m = js_object(), *e = js_set(m, "error", js_object());

	js_set_u64(e, "code", err->code);
	js_set_u64(e, "errno", (unsigned)err->sys);
	js_set_str(e, "text", err->text);
	say(io, m);
}

static void say_progress(struct io *io, const char *phase, unsigned disk, uint64_t done, uint64_t total)
{
	struct json *m = js_object(), *p = js_set(m, "progress", js_object());

	js_set_str(p, "phase", phase);
	js_set_u64(p, "disk", disk);
	js_set_u64(p, "done", done);
	js_set_u64(p, "total", total);
	say(io, m);
}

static void say_log(enum log_level level, const char *text, void *opaque)
{
	struct io *io = opaque;
	struct json *m, *l;

	if (!atomic_load(&io->heard) && atomic_fetch_add(&io->unheard, 1) >= UNHEARD_MAX)
		return;
	m = js_object();
	l = js_set(m, "log", js_object());
	js_set_u64(l, "level", level);
	js_set_str(l, "text", text);
	say(io, m);
}

static void listen_again(struct io *io)
{
	unsigned n = atomic_exchange(&io->unheard, 0);

	atomic_store(&io->heard, true);
	if (n > UNHEARD_MAX)
		log_warn("%u further messages of the disks' servers were left out", n - UNHEARD_MAX);
}

/* ---- open ---- */

static void on_spooled(uint64_t done, uint64_t total, void *opaque)
{
	struct io *io = opaque;

	say_progress(io, "map", io->current, done, total);
}

static int bad_request(const char *verb, struct err *err)
{
	return err_set(err, ERR_INTERNAL, "io process: malformed request '%s'", verb);
}

/* From here on only the sources' folders (of a device: the device), those that the user allows, the partial folder and
 * the result's; and no other process or socket. */
static void lock_down(const struct io *io, const struct io_disk_spec *specs)
{
	struct lockdown_folder folders[DISKS_MAX + RULES_FOLDERS_MAX + 2];
	int of_images[DISKS_MAX];
	size_t n = 0;

	for (size_t i = 0; i < io->rules.options.nallowed; i++)
		folders[n++] = (struct lockdown_folder){.fd = io->rules.folders[i].dirfd};

	for (unsigned i = 0; i < io->ndisks; i++) {
		of_images[i] = specs[i].lanes[0] >= 0 ? -1 : lockdown_of_image(specs[i].folder_fd, specs[i].file);
		if (of_images[i] >= 0)
			folders[n++] = (struct lockdown_folder){.fd = of_images[i]};
	}
	if (io->place.partial_fd >= 0)
		folders[n++] = (struct lockdown_folder){.fd = io->place.partial_fd, .writable = true};
	if (io->result_fd >= 0)
		folders[n++] = (struct lockdown_folder){.fd = io->result_fd};
	lockdown_files(folders, n);
	lockdown_calls();
	for (unsigned i = 0; i < io->ndisks; i++)
		if (of_images[i] >= 0)
			close(of_images[i]);
}

/* What boots from it; an unreadable or damaged table says nothing. */
static void describe_loaders(struct io_disk_state *d, struct json *to)
{
	AUTO(partition_table_done) struct partition_table t = {0};
	struct err err = ERR_INIT;

	if (partition_table_read(d->source, &t, &err) < 0)
		log_debug("partition table: %s", err.text);
	else
		js_set_bool(to, "uefi", partition_table_is_uefi(&t));
	js_set_bool(to, "esp", partition_table_has_esp(&t));
	js_set_bool(to, "boot_code", partition_boot_code(d->source));
}

static int describe_disk(struct io_disk_state *d, struct json *to, struct err *err)
{
	char identity[IDENTITY_TEXT];
	uint64_t allocated;

	if (block_allocated(d->source, &allocated, err) < 0)
		return -1;
	identity_text(&d->identity, identity);
	js_set_u64(to, "size", d->source->size);
	js_set_u64(to, "allocated", allocated);
	js_set_u64(to, "logical_sector", d->source->logical_sector);
	js_set_str(to, "format", d->source->ops->name);
	js_set_str(to, "identity", identity);
	describe_loaders(d, to);
	return 0;
}

static int open_disks(struct io *io, const struct io_disk_spec *specs, struct json *reply, struct err *err)
{
	struct json *list = js_set(reply, "disks", js_array());

	for (unsigned i = 0; i < io->ndisks; i++) {
		io->current = i;
		if (io_disk_open(&io->disks[i], &specs[i], &io->place, err) < 0)
			return -1;
		if (describe_disk(&io->disks[i], js_add(list, js_object()), err) < 0)
			return err_wrap(err, "disk %u '%s'", i + 1, specs[i].file);
	}
	return 0;
}

/* Paths belong to the request, which is answered before it is freed. */
static bool take_rules(struct open_rules *r, const struct json *request)
{
	const struct json *list = js_get(request, "allowed");
	uint64_t bwlimit = js_get_u64(request, "bwlimit", 0);

	r->options = (struct open_options){.allowed = r->folders,
					   .nallowed = js_count(list),
					   .allow_truncated = js_get_bool(request, "allow_truncated", false),
					   .ignore_checksum = js_get_bool(request, "ignore_checksum", false),
					   .snapshot = js_get_str(request, "snapshot", NULL)};
	if (r->options.nallowed > RULES_FOLDERS_MAX)
		return false;
	if (bwlimit && throttle_new(bwlimit, &r->options.throttle, NULL) < 0)
		return false;
	for (size_t i = 0; i < r->options.nallowed; i++)
		r->folders[i] = (struct allowed_folder){.dirfd = (int)js_get_u64(js_at(list, i), "fd", UINT32_MAX),
							.path = js_get_str(js_at(list, i), "path", "")};
	return true;
}

/* The secrets stand in a file of their own, a line each. */
static int take_keys(struct io *io, const struct json *request, struct err *err)
{
	const struct json *selectors = js_get(request, "keys");
	int fd = (int)js_get_u64(request, "keys_fd", UINT32_MAX), ret = 0;
	char option[256];

	for (size_t i = 0; i < js_count(selectors) && ret == 0; i++) {
		snprintf(option, sizeof option, "%.200s:fd:%d", js_str(js_at(selectors, i), ""), fd);
		ret = keys_add(&io->keys, option, err);
	}
	if (js_count(selectors))
		close(fd);
	io->rules.options.keys = &io->keys;
	return ret;
}

/* A machine's descriptors were written on one host: the first encoding found counts for all. */
static int open_confined(struct io *io, const struct io_disk_spec *specs, struct json *reply, struct err *err)
{
	AUTO(image_ready_done) struct image_ready ready = {.unpack_fd = -1};
	int ret;

	for (unsigned i = 0; i < io->ndisks && !ready.charset; i++)
		if (specs[i].lanes[0] < 0)
			image_ready_charset(&ready, specs[i].folder_fd, specs[i].file);
	io->rules.options.charset = ready.charset;
	lock_down(io, specs);
	ret = open_disks(io, specs, reply, err);
	io->rules.options.charset = NULL;
	return ret;
}

static int do_open(struct io *io, const struct json *request, struct json *reply, struct err *err)
{
	const struct json *list = js_get(request, "disks");
	AUTO_FREE struct io_disk_spec *specs = calloc(DISKS_MAX, sizeof *specs);

	if (!specs)
		return err_nomem(err);
	if (js_count(list) > DISKS_MAX)
		return err_set(err, ERR_UNSUPPORTED, "a machine of %zu disks: %d are the most", js_count(list),
			       DISKS_MAX);
	io->ndisks = (unsigned)js_count(list);
	io->threads = (unsigned)js_get_u64(request, "threads", 0);
	io->on_read_error = js_get_bool(request, "zero_read_errors", false) ? READ_ERROR_ZERO : READ_ERROR_STOP;
	io->place = (struct io_place){.partial_fd = (int)js_get_u64(request, "partial_fd", UINT32_MAX),
				      .thaw = js_get_bool(request, "thaw", false),
				      .tick = on_spooled,
				      .opaque = io};
	io->result_fd = (int)js_get_u64(request, "result_fd", UINT32_MAX);
	if (!take_rules(&io->rules, request))
		return bad_request("open", err);
	if (take_keys(io, request, err) < 0)
		return -1;
	for (unsigned i = 0; i < io->ndisks; i++) {
		io->disks[i].index = i;
		if (!io_disk_parse(js_at(list, i), i, &specs[i]))
			return bad_request("open", err);
		specs[i].options = &io->rules.options;
	}
	return open_confined(io, specs, reply, err);
}

/* ---- serve, freeze ---- */

/* The guest only sees an I/O error. A lost write also keeps its graft from freezing. */
static void on_failed(const struct err *err, void *opaque)
{
	log_warn("a request of the guest failed: %s", err->text);
}

static void stop_servers(struct io *io)
{
	for (unsigned i = 0; i < io->ndisks; i++)
		nbd_server_stop(take_ptr(&io->disks[i].server));
}

static int do_serve(struct io *io, const struct json *request, struct json *reply, struct err *err)
{
	bool readonly = js_get_bool(request, "readonly", false);

	stop_servers(io);
	for (unsigned i = 0; i < io->ndisks; i++) {
		struct nbd_server_options o = {.block = io->disks[i].graft,
					       .trim = readonly ? NULL : graft_trim,
					       .failed = on_failed,
					       .readonly = readonly};

		o.listen_fd = fcntl(io->disks[i].listen_fd, F_DUPFD_CLOEXEC, 0);
		if (o.listen_fd < 0)
			return err_sys(err, ERR_INTERNAL, "cannot duplicate the socket of disk %u", i + 1);
		if (nbd_server_start(&o, &io->disks[i].server, err) < 0) {
			close(o.listen_fd);
			return -1;
		}
	}
	return 0;
}

static int do_freeze(struct io *io, const struct json *request, struct json *reply, struct err *err)
{
	struct json *list = js_set(reply, "allocated", js_array());
	uint64_t allocated;

	stop_servers(io);
	for (unsigned i = 0; i < io->ndisks; i++) {
		if (io_disk_freeze(&io->disks[i], &io->place, err) < 0 ||
		    block_allocated(io->disks[i].graft, &allocated, err) < 0)
			return -1;
		js_add_u64(list, allocated);
	}
	return io->place.partial_fd < 0 ? 0 : file_sync_dir(io->place.partial_fd, err);
}

/* ---- copy ---- */

static void on_copied(uint64_t done, void *opaque)
{
	struct io *io = opaque;

	say_progress(io, "copy", io->current, io->before + done, io->total);
}

/* The target of the current disk; *ret_fd is a duplicate, for what the copy engine asks of a file. "null" leaves both
 * as they are. */
static int open_target(struct io *io, const struct json *spec, bool resume, struct block **ret, int *ret_fd,
		       struct err *err)
{
	const char *name = js_get_str(spec, "format", ""), *file = js_get_str(spec, "file", "");
	const struct block *graft = io->disks[io->current].graft;
	const struct format *format = format_by_name(name);
	struct create_options o = {.cluster_size = (uint32_t)js_get_u64(spec, "cluster_size", 0),
				   .codec = codec_of_qcow2(js_get_str(spec, "codec", NULL)),
				   .resume = resume,
				   .logical_sector = graft->logical_sector};
	AUTO_FD int fd = -1;

	if (!strcmp(name, "null"))
		return 0;
	if (!format || !format->create)
		return err_set(err, ERR_UNSUPPORTED, "format '%s' can't be written", name);
	if (strchr(file, '/') || io->place.partial_fd < 0)
		return bad_request("copy", err);
	fd = openat(io->place.partial_fd, file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | (resume ? 0 : O_TRUNC),
		    0644);
	if (fd < 0)
		return err_sys(err, ERR_BLOCKED, "cannot create '%s'", file);
	*ret_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (*ret_fd < 0)
		return err_sys(err, ERR_INTERNAL, "cannot duplicate the descriptor of '%s'", file);
	if (format->create(fd, file, graft->size, &o, ret, err) < 0)
		return -1;
	take_fd(&fd);
	return 0;
}

static void say_read_errors(struct io *io, const struct copy_result *r)
{
	for (size_t i = 0; i < r->nbad; i++) {
		struct json *m = js_object(), *e = js_set(m, "read_error", js_object());

		js_set_u64(e, "disk", io->current);
		js_set_u64(e, "off", r->bad[i].off);
		js_set_u64(e, "len", r->bad[i].len);
		say(io, m);
	}
}

struct copy_sums {
	uint64_t read, written, reused, compared;
};

static int add_file_size(int fd, struct copy_sums *sums, struct err *err)
{
	struct stat st;

	if (fd < 0)
		return 0;
	if (fstat(fd, &st) < 0)
		return err_sys(err, ERR_INTERNAL, "cannot stat a finished image");
	sums->written += (uint64_t)st.st_blocks * 512;
	return 0;
}

/* What waits for a network keeps no core busy: as many reads are on their way as there are connections. */
static unsigned copy_threads(const struct io *io, const struct io_disk_state *d)
{
	unsigned cores = work_threads(0);

	if (io->threads || !d->live)
		return io->threads;
	return cores < IO_LANES ? IO_LANES : cores;
}

/* Copies the current disk. */
static int copy_disk(struct io *io, const struct json *target_spec, struct journal *journal, struct copy_sums *sums,
		     struct err *err)
{
	AUTO(block_closep) struct block *target = NULL;
	AUTO(copy_result_done) struct copy_result result = {0};
	AUTO(copy_ledger_freep) struct copy_ledger *ledger = NULL;
	AUTO_FD int fd = -1;
	struct io_disk_state *d = &io->disks[io->current];
	struct copy_job job = {.source = d->graft,
			       .journal = journal,
			       .disk = io->current,
			       .threads = copy_threads(io, d),
			       .on_read_error = io->on_read_error,
			       .progress = on_copied,
			       .opaque = io};

	if (d->live && !(ledger = copy_ledger_new(d->graft, d->source)))
		return err_nomem(err);
	job.ledger = ledger;
	if (open_target(io, target_spec, journal && journal_has(journal, io->current), &target, &fd, err) < 0)
		return -1;
	job.target = target;
	job.writeback_fd = fd;
	if (copy_run(&job, &result, err) < 0 || (target && block_finish(target, err) < 0))
		return -1;
	say_read_errors(io, &result);
	sums->read += result.read;
	sums->reused += result.reused;
	sums->compared += result.compared;
	return add_file_size(fd, sums, err);
}

static int copy_disks(struct io *io, const struct json *targets, struct journal *journal, struct copy_sums *sums,
		      struct err *err)
{
	AUTO_FREE uint64_t *allocated = calloc(io->ndisks + 1, sizeof *allocated);

	if (!allocated)
		return err_nomem(err);
	io->total = io->before = 0;
	for (unsigned i = 0; i < io->ndisks; i++) {
		if (block_allocated(io->disks[i].graft, &allocated[i], err) < 0)
			return -1;
		io->total += allocated[i];
	}
	for (unsigned i = 0; i < io->ndisks; i++) {
		io->current = i;
		if (copy_disk(io, js_at(targets, i), journal, sums, err) < 0)
			return -1;
		io->before += allocated[i];
	}
	return 0;
}

static int do_copy(struct io *io, const struct json *request, struct json *reply, struct err *err)
{
	const struct json *targets = js_get(request, "targets");
	AUTO(journal_closep) struct journal *journal = NULL;
	struct copy_sums sums = {0};
	uint64_t source_read = 0;
	struct graft_stats s;

	if (js_count(targets) != io->ndisks)
		return bad_request("copy", err);
	if (io->place.partial_fd >= 0 && journal_open(io->place.partial_fd, &journal, err) < 0)
		return -1;
	if (copy_disks(io, targets, journal, &sums, err) < 0)
		return -1;
	for (unsigned i = 0; i < io->ndisks; i++) {
		if (io_disk_unchanged(&io->disks[i], err) < 0 || graft_stats(io->disks[i].graft, &s, err) < 0)
			return -1;
		source_read += s.source_read;
	}
	js_set_u64(reply, "read", sums.read);
	js_set_u64(reply, "written", sums.written);
	js_set_u64(reply, "reused", sums.reused);
	js_set_u64(reply, "compared", sums.compared);
	js_set_u64(reply, "source_read", source_read);
	return 0;
}

/* ---- compare ---- */

static void on_compared(size_t disk, uint64_t done, uint64_t total, void *opaque)
{
	struct io *io = opaque;

	if (done >= io->compared && done - io->compared < COMPARED_STEP && done < total)
		return;
	io->compared = done;
	say_progress(io, "compare", (unsigned)disk, done, total);
}

static int do_compare(struct io *io, const struct json *request, struct json *reply, struct err *err)
{
	struct block *sources[DISKS_MAX];
	struct compare_disks_job job = {.dirfd = io->result_fd,
					.sources = sources,
					.n = io->ndisks,
					.threads = io->threads,
					.tick = on_compared,
					.opaque = io};

	if (io->result_fd < 0)
		return bad_request("compare", err);
	for (unsigned i = 0; i < io->ndisks; i++)
		sources[i] = io->disks[i].source;
	return compare_disks(&job, reply, err);
}

/* ---- requests ---- */

static const struct {
	const char *name;
	int (*run)(struct io *io, const struct json *request, struct json *reply, struct err *err);
} verbs[] = {
    {"open", do_open}, {"serve", do_serve}, {"freeze", do_freeze}, {"copy", do_copy}, {"compare", do_compare},
};

static int handle(struct io *io, const struct json *request, struct json *reply, struct err *err)
{
	const char *name = js_get_str(request, "do", "");

	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		if (!strcmp(verbs[i].name, name))
			return verbs[i].run(io, request, reply, err);
	return bad_request(name, err);
}

static void answer(struct io *io, const struct json *request)
{
	struct json *message = js_object(), *reply = js_set(message, "ok", js_object());
	struct err err = ERR_INIT;

	listen_again(io);
	if (handle(io, request, reply, &err) < 0) {
		js_free(message);
		atomic_store(&io->heard, false);
		say_error(io, &err);
		return;
	}
	atomic_store(&io->heard, false);
	say(io, message);
}

static void serve_requests(struct io *io)
{
	struct json *request;
	struct err err = ERR_INIT;
	int got;

	while ((got = channel_receive(&io->channel, &request, &err)) > 0) {
		answer(io, request);
		js_free(request);
	}
	if (got < 0)
		say_error(io, &err);
}

static int control_fd(int argc, char **argv)
{
	static const char option[] = "--control-fd=";
	char *end;
	long fd;

	if (argc != 3 || strncmp(argv[2], option, sizeof option - 1) != 0)
		return -1;
	fd = strtol(argv[2] + sizeof option - 1, &end, 10);
	return *end || fd < 3 || fd > INT_MAX || fcntl((int)fd, F_GETFD) < 0 ? -1 : (int)fd;
}

int io_main(int argc, char **argv)
{
	int fd = control_fd(argc, argv);
	struct io *io = calloc(1, sizeof *io);

	if (fd < 0 || !io) {
		free(io);
		return err_exit_status(ERR_USAGE);
	}
	/* Ctrl-C reaches the whole group: the control process decides, and we end with it. */
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	lockdown_limits();
	channel_init(&io->channel, fd);
	log_set_sink(say_log, io);
	serve_requests(io);
	log_set_sink(NULL, NULL);
	for (unsigned i = 0; i < io->ndisks; i++)
		io_disk_close(&io->disks[i]);
	throttle_drop(io->rules.options.throttle);
	keys_done(&io->keys);
	channel_done(&io->channel);
	free(io);
	return 0;
}
