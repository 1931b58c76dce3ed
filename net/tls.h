/* TLS 1.3 with a token as external pre-shared key and an ephemeral exchange, and nothing else (docs/p2v.md). */
#ifndef REHOST_NET_TLS_H
#define REHOST_NET_TLS_H

#include <stdbool.h>

#include "core/base/err.h"
#include "net/stream.h"
#include "net/token.h"

enum { TLS_HANDSHAKE_SECONDS = 10 };

/* As the machine. Takes fd on success. Whoever doesn't have the token, or answers with less, is ERR_POLICY; a
 * connection that breaks ERR_TEMPFAIL. */
int tls_connect(int fd, const struct token *token, struct stream **ret, struct err *err);

/* As the host: *ret_token is the one that the peer has, of those that find() knows by their identity (false: none).
 * Blocks for at most TLS_HANDSHAKE_SECONDS. Thread-safe. */
typedef bool tls_find_token(const char *identity, struct token *ret, void *opaque);
int tls_accept(int fd, tls_find_token *find, void *opaque, struct token *ret_token, struct stream **ret,
	       struct err *err);

#endif
