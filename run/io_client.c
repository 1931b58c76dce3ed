/* The control side of `rehost io`. */
#include "run/io_client.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/base/arena.h"
#include "core/base/checked.h"
#include "core/base/child.h"
#include "core/base/file.h"
#include "core/base/keys.h"
#include "core/base/log.h"
#include "core/base/utf8.h"
#include "net/address.h"
#include "run/channel.h"
#include "run/io_disk.h"
#include "run/runtime.h"

enum {
	CONTROL_FD = 3,
	FIRST_FD = 4,
	FDS_A_DISK = 4 + IO_LANES, /* folder, socket, delta, spool, connections to a live machine */
	FILES_MAX = 8192,	   /* twice as many for the most disks: a child's are moved first */
	FDS_OF_ALL = 4,		   /* control socket, partial folder, keys, result; and --allow-parent's folders */
	STOP_MS = 3000,		   /* then the process is killed */
};

struct io_client {
	struct arena arena;
	struct io_options options;
	struct channel channel;
	pid_t pid; /* 0: none */
	bool broken;
	struct runtime runtime;
	struct io_disk *disks;
	unsigned ndisks;
	VEC(struct io_read_error) read_errors;
};

/* ---- what the process says ---- */

static void on_progress(const struct io_client *io, const struct json *p)
{
	struct io_progress progress = {.phase = js_get_str(p, "phase", ""),
				       .disk = (unsigned)js_get_u64(p, "disk", 0),
				       .done = js_get_u64(p, "done", 0),
				       .total = js_get_u64(p, "total", 0)};

	if (io->options.progress)
		io->options.progress(&progress, io->options.opaque);
}

static void on_log(const struct json *l)
{
	uint64_t level = js_get_u64(l, "level", LOG_WARN_LEVEL);

	if (level < LOG_DEBUG_LEVEL || level > LOG_WARN_LEVEL)
		level = LOG_WARN_LEVEL;
	log_write((enum log_level)level, "%s", js_get_str(l, "text", ""));
}

static void on_read_error(struct io_client *io, const struct json *e)
{
	*vec_push(&io->arena, &io->read_errors) = (struct io_read_error){
	    .disk = (unsigned)js_get_u64(e, "disk", 0), .off = js_get_u64(e, "off", 0), .len = js_get_u64(e, "len", 0)};
}

/* True when the message was news, not the answer. */
static bool is_event(struct io_client *io, const struct json *message)
{
	const struct json *progress = js_get(message, "progress"), *log = js_get(message, "log"),
			  *read_error = js_get(message, "read_error");

	if (progress)
		on_progress(io, progress);
	else if (log)
		on_log(log);
	else if (read_error)
		on_read_error(io, read_error);
	return progress || log || read_error;
}

/* The process ended in the middle of something: says how. */
static int lost(struct io_client *io, struct err *err)
{
	pid_t pid = io->pid;
	int status;

	io->broken = true;
	io->pid = 0;
	if (child_wait(pid, &status, err) < 0)
		return -1;
	if (WIFSIGNALED(status))
		return err_set(err, ERR_INTERNAL, "the io process was killed by signal %d (%s)", WTERMSIG(status),
			       strsignal(WTERMSIG(status)));
	return err_set(err, ERR_INTERNAL, "the io process ended with status %d", WEXITSTATUS(status));
}

static int take_error(const struct json *e, struct err *err)
{
	uint64_t code = js_get_u64(e, "code", ERR_INTERNAL);

	if (code == ERR_NONE || code > ERR_INTERRUPTED)
		code = ERR_INTERNAL;
	err_set(err, (enum err_code)code, "%s", js_get_str(e, "text", "the io process failed without a reason"));
	if (err)
		err->sys = (int)js_get_u64(e, "errno", 0);
	return -1;
}

/* Sends a request (taken) and waits for its answer, which is the caller's when ret is given. */
static int call(struct io_client *io, struct json *request, struct json **ret, struct err *err)
{
	int got;

	if (io->broken) {
		js_free(request);
		return err_set(err, ERR_INTERNAL, "the io process is gone");
	}
	if (channel_send(&io->channel, request, err) < 0)
		return lost(io, err);
	for (;;) {
		AUTO(js_freep) struct json *message = NULL;

		got = channel_receive(&io->channel, &message, err);
		if (got < 0)
			return -1;
		if (got == 0)
			return lost(io, err);
		if (is_event(io, message))
			continue;
		if (js_get(message, "error"))
			return take_error(js_get(message, "error"), err);
		if (ret)
			*ret = take_ptr(&message);
		return 0;
	}
}

static struct json *request(const char *verb)
{
	struct json *j = js_object();

	js_set_str(j, "do", verb);
	return j;
}

/* ---- start ---- */

/* Descriptors for the process: ours, and the number each gets there. */
struct handover {
	struct child_fd *fds;
	size_t n;
};

static int give_fd(struct handover *h, int fd)
{
	int number = (int)(FIRST_FD + h->n - 1); /* the first is the control socket */

	h->fds[h->n++] = (struct child_fd){fd, number};
	return number;
}

static void close_handover(const struct handover *h)
{
	for (size_t i = 0; i < h->n; i++)
		close(h->fds[i].from);
	free(h->fds);
}

static int listen_socket(struct io_client *io, unsigned disk, struct err *err)
{
	AUTO_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	snprintf(address.sun_path, sizeof address.sun_path, "%s/%u", io->runtime.path, disk);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 16) < 0)
		return err_sys(err, ERR_HOST, "cannot listen on '%s'", address.sun_path);
	io->disks[disk].socket = arena_strdup(&io->arena, address.sun_path);
	return take_fd(&fd);
}

/* Opens one descriptor of a disk, notes its number in the message. */
static int hand(struct handover *h, struct json *to, const char *key, int fd)
{
	if (fd < 0)
		return -1;
	js_set_u64(to, key, (uint64_t)give_fd(h, fd));
	return 0;
}

/* The server on a port of this host. */
static int connect_port(const struct disk *d, struct err *err)
{
	char port[8];

	snprintf(port, sizeof port, "%u", d->port);
	return address_connect("localhost", port, err);
}

static int connect_live(const struct disk *d, struct err *err)
{
	AUTO_FD int dirfd = file_open_dir(d->folder, err);
	AUTO_FD int fd = dirfd < 0 ? -1 : socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	if (dirfd < 0)
		return -1;
	/* whatever the folder's path has for a length */
	snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%.60s", dirfd, d->file);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
		return err_sys(err, ERR_TEMPFAIL, "cannot connect to '%s/%s'", d->folder, d->file);
	return take_fd(&fd);
}

/* The process may make no connection itself. */
static int hand_lanes(const struct disk *d, struct handover *h, struct json *to, struct err *err)
{
	struct json *list = js_set(to, "lanes", js_array());

	for (unsigned i = 0; d->live && i < IO_LANES; i++) {
		int fd = d->port ? connect_port(d, err) : connect_live(d, err);

		if (fd < 0)
			return -1;
		js_add_u64(list, (uint64_t)give_fd(h, fd));
	}
	return 0;
}

static int describe_disk(struct io_client *io, unsigned i, struct handover *h, struct json *to, struct err *err)
{
	const struct disk *d = &io->options.machine->disks.v[i];

	if (hand(h, to, "folder_fd", file_open_dir(d->folder ? d->folder : "/", err)) < 0 ||
	    hand(h, to, "listen_fd", listen_socket(io, i, err)) < 0)
		return -1;
	if (!io->options.partial && (hand(h, to, "delta_fd", file_unnamed(err)) < 0 ||
				     (d->packed && hand(h, to, "spool_fd", file_unnamed(err)) < 0)))
		return -1;
	if (hand_lanes(d, h, to, err) < 0)
		return -1;
	if (!utf8_valid(d->file, strlen(d->file)))
		return err_set(err, ERR_UNSUPPORTED, "disk %u: the name '%s' is not UTF-8: rename the file", i + 1,
			       d->file);
	js_set_str(to, "folder", d->folder);
	js_set_str(to, "file", d->file);
	js_set_u64(to, "window_off", d->window_off);
	js_set_u64(to, "window_len", d->window_len);
	js_set_bool(to, "packed", d->packed);
	js_set_str(to, "format", d->format);
	js_set_u64(to, "capacity", d->capacity);
	js_set_u64(to, "logical_sector", d->logical_sector);
	return 0;
}

static int describe_rules(const struct image_rules *rules, struct handover *h, struct json *message, struct err *err)
{
	struct json *list = js_set(message, "allowed", js_array());

	js_set_bool(message, "allow_truncated", rules->allow_truncated);
	js_set_bool(message, "ignore_checksum", rules->ignore_checksum);
	js_set_str(message, "snapshot", rules->snapshot);
	js_set_u64(message, "bwlimit", rules->bwlimit);
	for (size_t i = 0; rules->allow_parent && rules->allow_parent[i]; i++) {
		struct json *one = js_add(list, js_object());

		if (i == RULES_FOLDERS_MAX)
			return err_set(err, ERR_USAGE, "--allow-parent: %d folders are the most", RULES_FOLDERS_MAX);
		if (hand(h, one, "fd", file_open_dir(rules->allow_parent[i], err)) < 0)
			return err_wrap(err, "--allow-parent");
		js_set_str(one, "path", rules->allow_parent[i]);
	}
	return 0;
}

/* Those for devices of the guest stay here: the io process gets what may open an image. */
static bool may_open_an_image(const struct key *key)
{
	return (!key->selector || strncmp(key->selector, "/dev/", 5) != 0) && !strchr(key->secret, '\n');
}

/* The message has their selectors only, in the order of the file's lines. */
static int describe_keys(const struct keys *keys, struct handover *h, struct json *message, struct err *err)
{
	struct json *selectors;

	if (!keys || !keys->n)
		return 0;
	selectors = js_set(message, "keys", js_array());
	for (size_t i = 0; i < keys->n; i++)
		if (may_open_an_image(&keys->v[i]))
			js_add_str(selectors, keys->v[i].selector ? keys->v[i].selector : "all");
	return hand(h, message, "keys_fd", keys_file(keys, may_open_an_image, err));
}

static int describe(struct io_client *io, struct handover *h, struct json *message, struct err *err)
{
	struct json *disks = js_set(message, "disks", js_array());

	js_set_bool(message, "thaw", io->options.resume_converted);
	js_set_bool(message, "zero_read_errors", io->options.on_read_error == READ_ERROR_ZERO);
	js_set_u64(message, "threads", io->options.threads);
	if (describe_rules(&io->options.rules, h, message, err) < 0 ||
	    describe_keys(io->options.rules.keys, h, message, err) < 0)
		return -1;
	if (io->options.partial && hand(h, message, "partial_fd", file_open_dir(io->options.partial, err)) < 0)
		return -1;
	if (io->options.result && hand(h, message, "result_fd", file_open_dir(io->options.result, err)) < 0)
		return -1;
	for (unsigned i = 0; i < io->ndisks; i++)
		if (describe_disk(io, i, h, js_add(disks, js_object()), err) < 0)
			return -1;
	return 0;
}

static int spawn(struct io_client *io, const struct handover *h, struct err *err)
{
	static const char *const argv[] = {"rehost", "io", "--control-fd=3", NULL};
	struct child_spec spec = {.program = "/proc/self/exe", .argv = argv, .fds = h->fds, .nfds = h->n};

	io->pid = child_start(&spec, err);
	if (io->pid < 0) {
		io->pid = 0;
		return -1;
	}
	return 0;
}

/* Sockets, descriptors and the process; *message is what it is to open. */
static int start_process(struct io_client *io, struct json *message, struct err *err)
{
	struct handover h = {
	    .fds = calloc(FDS_OF_ALL + RULES_FOLDERS_MAX + (size_t)FDS_A_DISK * io->ndisks, sizeof *h.fds)};
	int pair[2], ret;

	if (!h.fds)
		return err_nomem(err);
	file_limit_raise(FILES_MAX);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
		free(h.fds);
		return err_sys(err, ERR_HOST, "cannot make a socket pair");
	}
	channel_init(&io->channel, pair[0]);
	h.fds[h.n++] = (struct child_fd){pair[1], CONTROL_FD};
	ret = describe(io, &h, message, err);
	if (ret == 0)
		ret = spawn(io, &h, err);
	close_handover(&h);
	return ret;
}

static void take_disks(struct io_client *io, const struct json *reply)
{
	const struct json *list = js_get(js_get(reply, "ok"), "disks");

	for (unsigned i = 0; i < io->ndisks; i++) {
		const struct json *j = js_at(list, i);
		struct io_disk *d = &io->disks[i];

		d->size = js_get_u64(j, "size", 0);
		d->allocated = js_get_u64(j, "allocated", 0);
		d->logical_sector = (uint32_t)js_get_u64(j, "logical_sector", 512);
		d->uefi = js_get_bool(j, "uefi", false);
		d->esp = js_get_bool(j, "esp", false);
		d->boot_code = js_get_bool(j, "boot_code", false);
		d->format = arena_strdup(&io->arena, js_get_str(j, "format", ""));
		d->identity = arena_strdup(&io->arena, js_get_str(j, "identity", ""));
	}
}

int io_start(const struct io_options *options, struct io_client **ret, struct err *err)
{
	AUTO(io_stopp) struct io_client *io = calloc(1, sizeof *io);
	AUTO(js_freep) struct json *message = request("open"), *reply = NULL;

	if (!io)
		return err_nomem(err);
	io->options = *options;
	io->channel.fd = io->runtime.fd = -1;
	io->ndisks = (unsigned)options->machine->disks.n;
	io->disks = arena_alloc(&io->arena, io->ndisks * sizeof *io->disks);
	if (runtime_open(&io->runtime, err) < 0 || start_process(io, message, err) < 0 ||
	    call(io, take_ptr(&message), &reply, err) < 0)
		return -1;
	take_disks(io, reply);
	*ret = take_ptr(&io);
	return 0;
}

const struct io_disk *io_disk(const struct io_client *io, unsigned i)
{
	return &io->disks[i];
}

pid_t io_pid(const struct io_client *io)
{
	return io->pid;
}

/* The third field of schedstat: time slices run. */
uint64_t io_activity(const struct io_client *io)
{
	char pattern[64];
	uint64_t ret = 0;
	glob_t g;

	snprintf(pattern, sizeof pattern, "/proc/%d/task/*/schedstat", (int)io->pid);
	if (glob(pattern, 0, NULL, &g) != 0)
		return 0;
	for (size_t i = 0; i < g.gl_pathc; i++) {
		FILE *in = fopen(g.gl_pathv[i], "re");
		unsigned long slices;

		if (in && fscanf(in, "%*u %*u %lu", &slices) == 1)
			ret += slices;
		if (in)
			fclose(in);
	}
	globfree(&g);
	return ret;
}

/* ---- phases ---- */

int io_serve(struct io_client *io, bool readonly, struct err *err)
{
	struct json *r = request("serve");

	js_set_bool(r, "readonly", readonly);
	return call(io, r, NULL, err);
}

int io_freeze(struct io_client *io, struct err *err)
{
	AUTO(js_freep) struct json *reply = NULL;
	const struct json *list;

	if (call(io, request("freeze"), &reply, err) < 0)
		return -1;
	list = js_get(js_get(reply, "ok"), "allocated");
	for (unsigned i = 0; i < io->ndisks; i++)
		io->disks[i].to_copy = js_u64(js_at(list, i), 0);
	return 0;
}

int io_copy(struct io_client *io, const struct io_target *targets, struct io_copy_result *ret, struct err *err)
{
	AUTO(js_freep) struct json *reply = NULL;
	struct json *r = request("copy"), *list = js_set(r, "targets", js_array());
	const struct json *ok;

	for (unsigned i = 0; i < io->ndisks; i++) {
		struct json *t = js_add(list, js_object());

		js_set_str(t, "format", targets[i].format);
		js_set_str(t, "file", targets[i].file);
		js_set_str(t, "codec", targets[i].codec);
		js_set_u64(t, "cluster_size", targets[i].cluster_size);
	}
	if (call(io, r, &reply, err) < 0)
		return -1;
	ok = js_get(reply, "ok");
	*ret = (struct io_copy_result){.bytes_read = js_get_u64(ok, "read", 0),
				       .bytes_written = js_get_u64(ok, "written", 0),
				       .source_read = js_get_u64(ok, "source_read", 0),
				       .reused = js_get_u64(ok, "reused", 0),
				       .compared = js_get_u64(ok, "compared", 0),
				       .read_errors = io->read_errors.v,
				       .nread_errors = io->read_errors.n};
	return 0;
}

int io_compare(struct io_client *io, struct json **ret, struct err *err)
{
	AUTO(js_freep) struct json *reply = NULL;

	if (call(io, request("compare"), &reply, err) < 0)
		return -1;
	*ret = js_copy(js_get(reply, "ok"));
	return 0;
}

/* ---- end ---- */

/* The closed socket ends the process; one that doesn't hear is killed. */
static void end_process(pid_t pid)
{
	for (unsigned ms = 0; ms < STOP_MS; ms += 10) {
		if (waitpid(pid, NULL, WNOHANG) != 0)
			return;
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

void io_stop(struct io_client *io)
{
	if (!io)
		return;
	if (io->channel.fd >= 0)
		channel_done(&io->channel);
	if (io->pid)
		end_process(io->pid);
	runtime_close(&io->runtime);
	arena_done(&io->arena);
	free(io);
}
