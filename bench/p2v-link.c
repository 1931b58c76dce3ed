/* The path between a machine and its host by itself: a disk is served over four TCP connections of the loopback, with
 * or without TLS, and copied at the other end. What encryption costs is the difference.
 *
 * usage: p2v-link plain|tls SOURCE TARGET       prints the seconds from the first connection to the end of the copy
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "core/base/clock.h"
#include "formats/registry.h"
#include "net/address.h"
#include "net/nbd_block.h"
#include "net/nbd_server.h"
#include "net/tls.h"
#include "run/copy.h"

enum { LANES = 4 };

static const struct token token = {{'b', 'e', 'n', 'c', 'h'}};

struct machine {
	bool encrypted;
	char port[8];
	struct nbd_server *server;
};

static void fail(const struct err *err)
{
	fprintf(stderr, "p2v-link: %s\n", err->text);
	_exit(1);
}

static bool find_token(const char *identity, struct token *ret, void *opaque)
{
	*ret = token;
	return true;
}

/* ---- the machine ---- */

static void *serve_lane(void *opaque)
{
	struct machine *m = opaque;
	struct stream *s = NULL;
	struct err err = ERR_INIT;
	int fd = address_connect("127.0.0.1", m->port, &err);

	if (fd < 0 || (m->encrypted ? tls_connect(fd, &token, &s, &err) : stream_of_fd(fd, &s, &err)) < 0 ||
	    nbd_server_serve(m->server, s, &err) < 0)
		fail(&err);
	return NULL;
}

static void be_machine(struct machine *m, const char *path)
{
	struct nbd_server_options o = {.listen_fd = -1, .readonly = true, .remote = true, .threads = 1};
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct err err = ERR_INIT;
	pthread_t lanes[LANES];

	if (fd < 0 || file_block_open(fd, path, &o.block, &err) < 0 || nbd_server_start(&o, &m->server, &err) < 0)
		fail(&err);
	for (unsigned i = 0; i < LANES; i++)
		pthread_create(&lanes[i], NULL, serve_lane, m);
	for (unsigned i = 0; i < LANES; i++)
		pthread_join(lanes[i], NULL);
	_exit(0);
}

/* ---- the host ---- */

static void add_lane(int listener, bool encrypted, const char *source, struct block **disk, struct err *err)
{
	struct nbd_block_options o = {.name = source};
	struct nbd_client *client;
	struct stream *s = NULL;
	struct token shown;
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	address_tune(fd);
	if ((encrypted ? tls_accept(fd, find_token, NULL, &shown, &s, err) : stream_of_fd(fd, &s, err)) < 0 ||
	    nbd_client_open(s, &client, err) < 0)
		fail(err);
	o.size = nbd_client_size(client);
	if ((!*disk && nbd_block_new(&o, disk, err) < 0) || nbd_block_add(*disk, client, err) < 0)
		fail(err);
}

static void be_host(int listener, bool encrypted, const char *source, const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	struct copy_result result;
	struct copy_job job = {.writeback_fd = -1,
			       .threads = LANES}; /* as run/io.c for a machine's disk, on few cores */
	struct create_options create = {0};
	struct err err = ERR_INIT;

	for (unsigned i = 0; i < LANES; i++)
		add_lane(listener, encrypted, source, &job.source, &err);
	if (format_raw.create(fd, path, job.source->size, &create, &job.target, &err) < 0 ||
	    copy_run(&job, &result, &err) < 0 || block_finish(job.target, &err) < 0)
		fail(&err);
	block_close(job.target);
	block_close(job.source);
}

int main(int argc, char **argv)
{
	bool encrypted = argc == 4 && !strcmp(argv[1], "tls");
	struct machine m = {.encrypted = encrypted};
	double begin, end;
	struct err err = ERR_INIT;
	char where[ADDRESS_TEXT];
	int listener, status = 1;
	pid_t pid;

	if (argc != 4)
		return 2;
	listener = address_listen("127.0.0.1", "0", &err);
	if (listener < 0)
		fail(&err);
	address_own(listener, where);
	snprintf(m.port, sizeof m.port, "%.7s", strrchr(where, ':') + 1);
	begin = clock_seconds();
	pid = fork();
	if (!pid)
		be_machine(&m, argv[2]);
	be_host(listener, encrypted, argv[2], argv[3]);
	end = clock_seconds();
	waitpid(pid, &status, 0);
	printf("%.3f\n", end - begin);
	return status ? 1 : 0;
}
