/* graft_tool SOCKET IMAGE DELTA MAP [readonly]: a graft over an image, served over NBD until stdin ends, then frozen.
 *
 * For the functional tests: what `rehost io` does with one disk, without its process. Prints "ready", and at the end
 * what graft_stats() tells.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/file.h"
#include "formats/open.h"
#include "net/nbd_server.h"
#include "run/graft.h"

static int listen_on(const char *path, struct err *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	AUTO_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 8) < 0)
		return err_sys(err, ERR_INTERNAL, "cannot listen on '%s'", path);
	return take_fd(&fd);
}

static int create(const char *path, struct err *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	return fd < 0 ? err_sys(err, ERR_INTERNAL, "cannot create '%s'", path) : fd;
}

static int serve(struct block *graft, const char *socket_path, bool readonly, struct err *err)
{
	struct nbd_server_options o = {.block = graft, .trim = graft_trim, .readonly = readonly};
	struct nbd_server *server;
	char c;

	o.listen_fd = listen_on(socket_path, err);
	if (o.listen_fd < 0 || nbd_server_start(&o, &server, err) < 0)
		return -1;
	puts("ready");
	fflush(stdout);
	while (read(STDIN_FILENO, &c, 1) > 0)
		;
	nbd_server_stop(server);
	return 0;
}

static int run(char **argv, bool readonly, struct err *err)
{
	AUTO_FD int dir = file_open_dir(".", err);
	struct folder folder = {.dirfd = AT_FDCWD, .path = "."};
	AUTO(block_closep) struct block *source = NULL, *graft = NULL;
	AUTO_FD int map = create(argv[4], err);
	int delta = create(argv[3], err);
	struct graft_stats s;

	folder.dirfd = dir;
	if (dir < 0 || delta < 0 || map < 0 || image_open(&folder, argv[2], NULL, NULL, &source, err) < 0 ||
	    graft_open(source, delta, &graft, err) < 0 || serve(graft, argv[1], readonly, err) < 0 ||
	    graft_freeze(graft, map, err) < 0 || graft_stats(graft, &s, err) < 0)
		return -1;
	printf("source %" PRIu64 " delta %" PRIu64 " zero %" PRIu64 " read %" PRIu64 "\n", s.source_bytes,
	       s.delta_bytes, s.zero_bytes, s.source_read);
	return 0;
}

int main(int argc, char **argv)
{
	struct err err = ERR_INIT;

	if (argc < 5) {
		fprintf(stderr, "usage: graft_tool SOCKET IMAGE DELTA MAP [readonly]\n");
		return 2;
	}
	if (run(argv, argc > 5 && !strcmp(argv[5], "readonly"), &err) == 0)
		return 0;
	fprintf(stderr, "graft_tool: %s\n", err.text);
	return 1;
}
