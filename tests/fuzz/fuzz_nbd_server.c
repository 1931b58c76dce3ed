/* Fuzz target: what a client may send to the NBD server, from the first byte on. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/nbd_server.h"
#include "tests/unit/support/mem_block.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int trim(struct block *b, uint64_t off, uint64_t len, struct err *err)
{
	return range_inside(off, len, b->size) ? 0 : err_set(err, ERR_INTERNAL, "trim outside");
}

static int listen_once(struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	address->sun_family = AF_UNIX;
	snprintf(address->sun_path + 1, sizeof address->sun_path - 1, "rehost-fuzz-%d", (int)getpid());
	if (bind(fd, (struct sockaddr *)address, sizeof *address) < 0 || listen(fd, 8) < 0)
		abort();
	return fd;
}

/* A server for each run, because the leak check must not meet its threads. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct sockaddr_un address;
	static struct mem_block *disk;
	static int listener;
	struct nbd_server_options o = {.trim = trim};
	struct nbd_server *server;
	char sink[4096];
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (!disk) {
		disk = mem_new(1 << 20);
		mem_fill(disk, 65536, 65536, 1);
		listener = listen_once(&address);
	}
	o.block = &disk->b;
	o.listen_fd = dup(listener);
	if (nbd_server_start(&o, &server, NULL) < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
		abort();
	/* The kernel holds this much for the server, so that sending before reading can't block. */
	send(fd, data, size < 65536 ? size : 65536, MSG_NOSIGNAL);
	shutdown(fd, SHUT_WR);
	while (recv(fd, sink, sizeof sink, 0) > 0)
		;
	close(fd);
	nbd_server_stop(server);
	return 0;
}
