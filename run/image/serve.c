/* An image over NBD. */
#include "run/image/image.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/file.h"
#include "net/nbd_server.h"

static int listen_at(const char *path, struct err *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	AUTO_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof address.sun_path)
		return err_set(err, ERR_USAGE, "socket '%s': the path has %zu bytes, at most %zu expected", path,
			       strlen(path), sizeof address.sun_path - 1);
	memcpy(address.sun_path, path, strlen(path) + 1);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 16) < 0)
		return err_sys(err, ERR_BLOCKED, "cannot listen on '%s'", path);
	return take_fd(&fd);
}

/* Signals are blocked before there are threads, so that all inherit it and the signal comes to us here. */
static int serve_until_signal(struct block *b, int listen_fd, const char *socket_path,
			      void (*ready)(const char *socket_path), struct err *err)
{
	struct nbd_server_options options = {.block = b, .readonly = true, .listen_fd = listen_fd};
	struct nbd_server *server = NULL;
	sigset_t ends;
	struct sigaction hangup;
	int got;

	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler != SIG_IGN) /* as nohup leaves it */
		sigaddset(&ends, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &ends, NULL);
	if (nbd_server_start(&options, &server, err) < 0)
		return -1;
	ready(socket_path);
	sigwait(&ends, &got);
	nbd_server_stop(server);
	return 0;
}

/* The socket comes first: where images are parsed none can be made. */
int image_serve(const char *path, const char *format, const struct image_rules *rules, const char *socket_path,
		void (*ready)(const char *socket_path), struct err *err)
{
	AUTO(block_closep) struct block *b = NULL;
	AUTO_FD int fd = listen_at(socket_path, err);
	AUTO(image_ready_done) struct image_ready prepared = {.unpack_fd = -1};
	struct image_rules own = *rules;
	int ret;

	if (fd < 0)
		return -1;
	image_confine(
	    &path, 1,
	    &(struct image_confine_options){.allow_parent = rules->allow_parent, .removes_beside = socket_path},
	    &prepared);
	own.ready = &prepared;
	ret = image_open_user(path, format, &own, &b, err);
	if (ret == 0)
		ret = serve_until_signal(b, take_fd(&fd), socket_path, ready, err);
	unlink(socket_path);
	return ret;
}
