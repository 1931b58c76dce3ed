/* A machine that is (or was just now) connected: its disks, served to `rehost convert`, and its conversion.
 *
 * Only run/serve/ includes it. Everything in struct serve and struct live is under serve->lock, if not said otherwise.
 */
#ifndef REHOST_RUN_SERVE_LIVE_H
#define REHOST_RUN_SERVE_LIVE_H

#include <pthread.h>
#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

#include "net/nbd_block.h"
#include "net/nbd_server.h"
#include "run/serve/door.h"
#include "run/serve/enrol.h"
#include "run/serve/serve.h"
#include "sources/physical.h"

struct live {
	struct live *next;
	struct serve *serve;
	struct enrol_machine *entry;
	/* its disks; none: they are closed */
	struct block *disks[PHYSICAL_DISKS_MAX];
	struct nbd_server *servers[PHYSICAL_DISKS_MAX];
	size_t ndisks;
	/* its control connection: the last one counts */
	unsigned control;
	bool connected;
	/* its conversion */
	pid_t pid;	   /* 0: none runs */
	bool ended, heard; /* it has, with this status; all that it said has come */
	int status;
	bool stop; /* it was told to end */
	unsigned attempts;
	time_t not_before; /* monotonic seconds */
};

struct serve {
	const struct serve_options *o;
	int dirfd;	 /* of SERVE_FOLDER */
	char path[4096]; /* the same, absolute */
	int listen_fd;
	pthread_mutex_t lock;
	struct enrol *enrol;
	struct live *lives;
	struct throttle *throttle; /* NULL: none */
	bool dirty, urgent;	   /* the state is to be saved; soon */
	bool tokenless;		   /* there is none for another machine, which was said */
	struct door door;
	int stranger_fds[DOOR_PLACES]; /* while they are strangers */
	unsigned connections;
};

time_t serve_now(void); /* monotonic seconds */

/* The entry's live machine; made when there is none. NULL: out of memory. */
struct live *live_of(struct serve *s, struct enrol_machine *entry);
/* Opens its disks for a checked inventory: sockets, and the inventory beside them. What is open is closed before. */
int live_open(struct live *l, const struct json *inventory, struct err *err);
/* The inventory beside its open disks becomes this one, which has the same disks. */
int live_describe(struct live *l, const struct json *inventory, struct err *err);
/* Its disks are gone for callers at once; what they have open ends in its own time, in a thread. None open: nothing. */
void live_close(struct live *l);
/* Each disk has a connection. */
bool live_reachable(const struct live *l);
/* What came from all its disks; `lanes` and `lost` are not counted. */
struct nbd_block_stats live_traffic(const struct live *l);
void live_drop_lanes(struct live *l);

/* Starts and ends conversions as there is room; from the main thread only. */
void jobs_step(struct serve *s);

/* Accepts connections for ever, a thread each. */
int listener_start(struct serve *s, struct err *err);

#endif
