/* TCP addresses and sockets. */
#include "net/address.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "core/base/cleanup.h"

enum {
	CONNECT_SECONDS = 10,
	SILENT_SECONDS = 30, /* docs/p2v.md */
	BACKLOG = 128,
};

static int bad(const char *text, struct err *err)
{
	return err_set(err, ERR_USAGE, "'%s' is no address: HOST, HOST:PORT or [IPv6]:PORT is expected", text);
}

static bool is_port(const char *text)
{
	char *end;
	long v = strtol(text, &end, 10);

	return *text >= '0' && *text <= '9' && !*end && v >= 0 && v < 65536 && strlen(text) < 8;
}

int address_split(const char *text, unsigned default_port, char host[256], char port[8], struct err *err)
{
	const char *start = text, *end = strrchr(text, ':'), *colon = end;

	snprintf(port, 8, "%u", default_port);
	if (*text == '[') {
		start = text + 1;
		end = strchr(text, ']');
		if (!end || (end[1] && end[1] != ':'))
			return bad(text, err);
		colon = end[1] ? end + 1 : NULL;
	} else if (!colon || strchr(text, ':') != colon) { /* an IPv6 address as it is */
		end = text + strlen(text);
		colon = NULL;
	}
	if ((size_t)(end - start) > 255 || (colon && !is_port(colon + 1)))
		return bad(text, err);
	snprintf(host, 256, "%.*s", (int)(end - start), start);
	if (colon)
		snprintf(port, 8, "%s", colon + 1);
	return 0;
}

static void set(int fd, int level, int option, int value)
{
	setsockopt(fd, level, option, &value, sizeof value);
}

void address_tune(int fd)
{
	set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set(fd, IPPROTO_TCP, TCP_KEEPIDLE, SILENT_SECONDS / 3);
	set(fd, IPPROTO_TCP, TCP_KEEPINTVL, SILENT_SECONDS / 6);
	set(fd, IPPROTO_TCP, TCP_KEEPCNT, 4);
	set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, SILENT_SECONDS * 1000);
}

/* No host in particular. */
static bool is_any(const char *host)
{
	return !*host || !strcmp(host, "*");
}

/* AI_ADDRCONFIG spares names the addresses of a family that this machine has none of but its loopback's; the C library
 * applies it to "::1" itself, too. */
static int resolve(const char *host, const char *port, int flags, struct addrinfo **ret, struct err *err)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = flags | AI_NUMERICHOST};
	int e = is_any(host) ? EAI_NONAME : getaddrinfo(host, port, &hints, ret);

	hints.ai_flags = flags | AI_ADDRCONFIG;
	if (e)
		e = getaddrinfo(is_any(host) ? NULL : host, port, &hints, ret);
	if (e)
		return err_set(err, ERR_TEMPFAIL, "cannot find the address of '%s': %s", host, gai_strerror(e));
	return 0;
}

static int connect_one(const struct addrinfo *a)
{
	AUTO_FD int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct timeval limit = {.tv_sec = CONNECT_SECONDS};

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	if (connect(fd, a->ai_addr, a->ai_addrlen) < 0) {
		if (errno == EINPROGRESS)
			errno = ETIMEDOUT;
		return -1;
	}
	address_tune(fd);
	return take_fd(&fd);
}

int address_connect(const char *host, const char *port, struct err *err)
{
	struct addrinfo *list;
	int fd = -1;

	if (resolve(host, port, 0, &list, err) < 0)
		return -1;
	for (const struct addrinfo *a = list; a && fd < 0; a = a->ai_next)
		fd = connect_one(a);
	freeaddrinfo(list);
	return fd < 0 ? err_sys(err, ERR_TEMPFAIL, "cannot connect to '%s' port %s", host, port) : fd;
}

static int listen_one(const struct addrinfo *a)
{
	AUTO_FD int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (a->ai_family == AF_INET6)
		set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
	if (bind(fd, a->ai_addr, a->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0)
		return -1;
	return take_fd(&fd);
}

/* On all addresses of both families by one socket; -1 where there is no IPv6. */
static int listen_everywhere(const char *port)
{
	const struct sockaddr_in6 at = {.sin6_family = AF_INET6,
					.sin6_port = htons((uint16_t)strtoul(port, NULL, 10)),
					.sin6_addr = IN6ADDR_ANY_INIT};
	const struct addrinfo a = {.ai_family = AF_INET6, .ai_addr = (struct sockaddr *)&at, .ai_addrlen = sizeof at};

	return listen_one(&a);
}

int address_listen(const char *host, const char *port, struct err *err)
{
	struct addrinfo *list;
	int fd = is_any(host) ? listen_everywhere(port) : -1;

	if (fd >= 0)
		return fd;
	if (resolve(host, port, AI_PASSIVE, &list, err) < 0)
		return -1;
	for (const struct addrinfo *a = list; a && fd < 0; a = a->ai_next)
		fd = listen_one(a);
	freeaddrinfo(list);
	return fd < 0 ? err_sys(err, ERR_HOST, "cannot listen on '%s' port %s", host, port) : fd;
}

/* An IPv4 address as itself, also on a socket of both families. */
static void write_address(const struct sockaddr_storage *at, socklen_t len, char text[ADDRESS_TEXT])
{
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)at;
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = v6->sin6_port};
	const struct sockaddr *shown = (const struct sockaddr *)at;
	char host[NI_MAXHOST], port[NI_MAXSERV];

	if (at->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
		memcpy(&v4.sin_addr, v6->sin6_addr.s6_addr + 12, sizeof v4.sin_addr);
		shown = (const struct sockaddr *)&v4;
		len = sizeof v4;
	}
	if (getnameinfo(shown, len, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		snprintf(text, ADDRESS_TEXT, "unknown");
	else
		snprintf(text, ADDRESS_TEXT, strchr(host, ':') ? "[%.250s]:%.7s" : "%.250s:%.7s", host, port);
}

void address_peer(int fd, char text[ADDRESS_TEXT])
{
	struct sockaddr_storage at = {.ss_family = AF_UNSPEC};
	socklen_t len = sizeof at;

	getpeername(fd, (struct sockaddr *)&at, &len);
	write_address(&at, len, text);
}

void address_own(int fd, char text[ADDRESS_TEXT])
{
	struct sockaddr_storage at = {.ss_family = AF_UNSPEC};
	socklen_t len = sizeof at;

	getsockname(fd, (struct sockaddr *)&at, &len);
	write_address(&at, len, text);
}
