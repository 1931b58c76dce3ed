/* Addresses as users write them, and TCP connections to and from them. */
#ifndef REHOST_NET_ADDRESS_H
#define REHOST_NET_ADDRESS_H

#include "core/base/err.h"

enum { ADDRESS_TEXT = 300 /* a name of 253 bytes, brackets and a port */ };

/* Splits "host", "host:port", "[v6]:port", "v6"; an empty host is "". ERR_USAGE. */
int address_split(const char *text, unsigned default_port, char host[256], char port[8], struct err *err);

/* A connected socket with keepalive, that gives up on a silent peer after half a minute. ERR_TEMPFAIL. */
int address_connect(const char *host, const char *port, struct err *err);
/* The same settings for one that was accepted. */
void address_tune(int fd);

/* A listening socket; an empty host or "*": all addresses, IPv6 and IPv4. ERR_HOST. */
int address_listen(const char *host, const char *port, struct err *err);

/* "192.0.2.7:40122" or "[2001:db8::7]:40122" of the other side of a connection. */
void address_peer(int fd, char text[ADDRESS_TEXT]);
/* The same of our side. */
void address_own(int fd, char text[ADDRESS_TEXT]);

#endif
