/* The disks of a connected machine: NBD over the network on one side, NBD on Unix sockets on the other. */
#include "run/serve/live.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/checked.h"
#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/log.h"

enum { PATIENCE_DEFAULT = 1800 /* a switch that is replaced, a machine that is booted again */ };

time_t serve_now(void)
{
	return (time_t)clock_seconds();
}

struct live *live_of(struct serve *s, struct enrol_machine *entry)
{
	struct live *l = s->lives;

	while (l && l->entry != entry)
		l = l->next;
	if (l)
		return l;
	l = calloc(1, sizeof *l);
	if (!l)
		return NULL;
	l->serve = s;
	l->entry = entry;
	l->next = s->lives;
	s->lives = l;
	return l;
}

/* ---- the folder ---- */

static int open_folder(const struct live *l, struct err *err)
{
	char name[ENROL_FOLDER_TEXT];
	int fd;

	enrol_folder(l->entry, name);
	if (mkdirat(l->serve->dirfd, name, 0700) < 0 && errno != EEXIST)
		return err_sys(err, ERR_HOST, "cannot make '%s/%s'", l->serve->path, name);
	fd = openat(l->serve->dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? err_sys(err, ERR_HOST, "cannot open '%s/%s'", l->serve->path, name) : fd;
}

static void socket_name(size_t i, char name[32])
{
	snprintf(name, 32, "disk-%zu", i);
}

/* The inventory with the sockets' names, for sources/physical.c. */
static int write_inventory(int dirfd, const struct json *inventory, const char *name, struct err *err)
{
	AUTO(js_freep) struct json *j = js_copy(inventory);
	AUTO(buf_done) struct buf text = BUF_INIT(PHYSICAL_FILE_MAX);
	struct json *disks = js_array();
	const struct json *list = js_get(inventory, "disks");
	char file[32];

	for (size_t i = 0; i < js_count(list); i++) {
		socket_name(i, file);
		js_set_str(js_add(disks, js_copy(js_at(list, i))), "file", file);
	}
	js_set(j, "disks", disks);
	js_set_str(j, "name", name);
	js_set_u64(j, "host_clock", (uint64_t)time(NULL));
	if (js_print(j, true, &text) < 0)
		return err_set(err, ERR_CORRUPT, "the inventory is over %d bytes", PHYSICAL_FILE_MAX);
	return file_replace(dirfd, PHYSICAL_INVENTORY, buf_str(&text), text.len, 0600, err);
}

static int listen_at(int dirfd, const char *name, struct err *err)
{
	AUTO_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", dirfd, name);
	if (unlinkat(dirfd, name, 0) < 0 && errno != ENOENT)
		return err_sys(err, ERR_HOST, "cannot remove an old socket");
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 16) < 0)
		return err_sys(err, ERR_HOST, "cannot listen on a socket in '" SERVE_FOLDER "'");
	return take_fd(&fd);
}

/* ---- disks ---- */

static int open_disk(struct live *l, size_t i, const struct json *disk, int dirfd, struct err *err)
{
	const struct serve *s = l->serve;
	char name[32];
	struct nbd_block_options block = {.name = name,
					  .size = js_get_u64(disk, "size", 0),
					  .logical_sector = (uint32_t)js_get_u64(disk, "logical_sector", 512),
					  .patience_seconds = s->o->patience ? s->o->patience : PATIENCE_DEFAULT,
					  .throttle = s->throttle,
					  .may_pack = true};
	struct nbd_server_options server = {.readonly = true, .threads = 1, .remote = true};

	socket_name(i, name);
	if (nbd_block_new(&block, &l->disks[i], err) < 0)
		return -1;
	server.block = l->disks[i];
	server.listen_fd = listen_at(dirfd, name, err);
	if (server.listen_fd < 0)
		return -1;
	if (nbd_server_start(&server, &l->servers[i], err) < 0) {
		close(server.listen_fd);
		return -1;
	}
	return 0;
}

int live_open(struct live *l, const struct json *inventory, struct err *err)
{
	const struct json *list = js_get(inventory, "disks");
	AUTO_FD int dirfd = -1;

	live_close(l);
	if (l->ndisks)
		return err_nomem(err);
	dirfd = open_folder(l, err);
	if (dirfd < 0 || write_inventory(dirfd, inventory, l->entry->name, err) < 0)
		return -1;
	for (size_t i = 0; i < js_count(list) && i < PHYSICAL_DISKS_MAX; i++) {
		l->ndisks = i + 1;
		if (open_disk(l, i, js_at(list, i), dirfd, err) < 0) {
			live_close(l);
			return -1;
		}
	}
	return 0;
}

int live_describe(struct live *l, const struct json *inventory, struct err *err)
{
	AUTO_FD int dirfd = open_folder(l, err);

	return dirfd < 0 ? -1 : write_inventory(dirfd, inventory, l->entry->name, err);
}

/* Disks that are to be closed. */
struct closing {
	struct block *disks[PHYSICAL_DISKS_MAX];
	struct nbd_server *servers[PHYSICAL_DISKS_MAX];
	size_t ndisks;
};

/* Requests that wait for the network, or for their share of the rate, end first, so that the servers come to an end. */
static void *close_all(void *opaque)
{
	struct closing *c = opaque;

	for (size_t i = 0; i < c->ndisks; i++)
		if (c->disks[i])
			nbd_block_give_up(c->disks[i]);
	for (size_t i = 0; i < c->ndisks; i++) {
		nbd_server_stop(c->servers[i]);
		block_close(c->disks[i]);
	}
	free(c);
	return NULL;
}

void live_close(struct live *l)
{
	struct closing *c;
	pthread_t thread;

	if (!l->ndisks)
		return;
	c = calloc(1, sizeof *c);
	if (!c) {
		log_warn("%s: out of memory: its disks stay open until it dials again", l->entry->name);
		return;
	}
	memcpy(c->disks, l->disks, sizeof c->disks);
	memcpy(c->servers, l->servers, sizeof c->servers);
	c->ndisks = l->ndisks;
	memset(l->disks, 0, sizeof l->disks);
	memset(l->servers, 0, sizeof l->servers);
	l->ndisks = 0;
	if (pthread_create(&thread, NULL, close_all, c) == 0)
		pthread_detach(thread);
	else
		close_all(c);
}

bool live_reachable(const struct live *l)
{
	struct nbd_block_stats stats;

	for (size_t i = 0; i < l->ndisks; i++) {
		nbd_block_stats(l->disks[i], &stats);
		if (!stats.lanes)
			return false;
	}
	return l->ndisks && l->connected;
}

struct nbd_block_stats live_traffic(const struct live *l)
{
	struct nbd_block_stats ret = {0};

	for (size_t i = 0; i < l->ndisks; i++) {
		struct nbd_block_stats one;

		nbd_block_stats(l->disks[i], &one);
		ret.read += one.read;
		ret.saved += one.saved;
	}
	return ret;
}

void live_drop_lanes(struct live *l)
{
	for (size_t i = 0; i < l->ndisks; i++)
		nbd_block_drop_lanes(l->disks[i]);
}
