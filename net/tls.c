/* The encrypted stream: GnuTLS over a connected socket. */
#include "net/tls.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/base/checked.h"

/* One key exchange, by ECDH under a pre-shared key; the ciphers of TLS 1.3 that go with its hash. GnuTLS wants
 * signature algorithms named, though nothing is signed. */
static const char priorities[] = "NONE:+VERS-TLS1.3:+ECDHE-PSK:+AEAD:+AES-128-GCM:+CHACHA20-POLY1305:+SHA256:"
				 "+GROUP-X25519:+GROUP-SECP256R1:+SIGN-ALL:%DISABLE_TLS13_COMPAT_MODE";
static const char alpn[] = "rehost-p2v/1";

/* Records have at most 16 KiB. GnuTLS would send each by itself, and receive each by two calls: what is gathered here
 * makes it a call for several of them, and the copy stays in the processor's cache. */
enum { GATHER_BYTES = 128 << 10 };

struct gathered {
	char *data; /* NULL during the handshake: a stranger costs no more than he must */
	size_t at, len;
};

struct tls {
	struct stream s;
	struct gathered in, out;
	gnutls_session_t session;
	gnutls_psk_client_credentials_t client;
	gnutls_psk_server_credentials_t server;
	bool said; /* something was sent */
	/* of a server, during the handshake */
	tls_find_token *find;
	void *opaque;
	struct token token;
	bool known, unknown; /* the token that the peer named; neither: it named none */
};

/* ---- the socket ---- */

static ssize_t send_now(struct tls *t, const void *data, size_t len)
{
	ssize_t n = send(t->s.fd, data, len, MSG_NOSIGNAL);

	t->said = true;
	if (n < 0)
		gnutls_transport_set_errno(t->session, errno);
	return n;
}

/* Sends what is gathered. */
static bool flush(struct tls *t)
{
	struct gathered *g = &t->out;

	while (g->at < g->len) {
		ssize_t n = send_now(t, g->data + g->at, g->len - g->at);

		if (n < 0 && errno != EINTR)
			return false;
		g->at += n > 0 ? (size_t)n : 0;
	}
	g->at = g->len = 0;
	return true;
}

static ssize_t push(gnutls_transport_ptr_t opaque, const void *data, size_t len)
{
	struct tls *t = opaque;
	struct gathered *g = &t->out;

	if (!g->data)
		return send_now(t, data, len);
	if (GATHER_BYTES - g->len < len && !flush(t))
		return -1;
	len = min_u64(len, GATHER_BYTES - g->len);
	memcpy(g->data + g->len, data, len);
	g->len += len;
	return (ssize_t)len;
}

static ssize_t receive(struct tls *t, void *data, size_t len)
{
	ssize_t n = stream_recv(&t->s, data, len);

	if (n < 0)
		gnutls_transport_set_errno(t->session, errno);
	return n;
}

static ssize_t pull(gnutls_transport_ptr_t opaque, void *data, size_t len)
{
	struct tls *t = opaque;
	struct gathered *g = &t->in;

	if (!g->data)
		return receive(t, data, len);
	if (g->at == g->len) {
		ssize_t n = receive(t, g->data, GATHER_BYTES);

		if (n <= 0)
			return n;
		g->at = 0;
		g->len = (size_t)n;
	}
	len = min_u64(len, g->len - g->at);
	memcpy(data, g->data + g->at, len);
	g->at += len;
	return (ssize_t)len;
}

/* ---- the stream ---- */

/* What a call may be repeated for. Time-outs of the socket are no such thing: they end the connection. */
static bool again(ssize_t n)
{
	return n == GNUTLS_E_INTERRUPTED;
}

static ssize_t tls_take(struct stream *s, void *buf, size_t len)
{
	struct tls *t = (struct tls *)s;
	ssize_t n;

	do
		n = gnutls_record_recv(t->session, buf, len);
	while (again(n));
	s->late = n == GNUTLS_E_AGAIN;
	return n < 0 ? -1 : n;
}

static bool give(struct tls *t, const char *data, size_t len)
{
	while (len) {
		ssize_t n = gnutls_record_send(t->session, data, len);

		if (n < 0 && !again(n))
			return false;
		data += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return true;
}

static ssize_t tls_give(struct stream *s, const void *head, size_t head_len, const void *body, size_t body_len)
{
	struct tls *t = (struct tls *)s;

	return give(t, head, head_len) && give(t, body, body_len) && flush(t) ? (ssize_t)(head_len + body_len) : -1;
}

/* Part of a record is as good as all of it: the rest is on its way. */
static size_t tls_pending(struct stream *s)
{
	const struct tls *t = (const struct tls *)s;

	return gnutls_record_check_pending(t->session) + (t->in.len - t->in.at);
}

/* Without a goodbye: it could block, and every end of a conversation is told inside of it. */
static void tls_close(struct stream *s)
{
	struct tls *t = (struct tls *)s;

	if (t->session)
		gnutls_deinit(t->session);
	if (t->client)
		gnutls_psk_free_client_credentials(t->client);
	if (t->server)
		gnutls_psk_free_server_credentials(t->server);
	explicit_bzero(&t->token, sizeof t->token);
	free(t->in.data);
	free(t->out.data);
	free(t);
}

static const struct stream_ops tls_ops = {
    .take = tls_take, .give = tls_give, .pending = tls_pending, .close = tls_close};

/* ---- handshake ---- */

static int session_new(struct tls *t, unsigned flags, struct err *err)
{
	const gnutls_datum_t protocol = {(unsigned char *)(uintptr_t)alpn, sizeof alpn - 1};
	int e = gnutls_init(&t->session, flags | GNUTLS_NO_TICKETS | GNUTLS_NO_SIGNAL);

	if (e == 0)
		e = gnutls_priority_set_direct(t->session, priorities, NULL);
	if (e == 0)
		e = gnutls_alpn_set_protocols(t->session, &protocol, 1, GNUTLS_ALPN_MANDATORY);
	if (e < 0)
		return err_set(err, ERR_INTERNAL, "cannot start TLS: %s", gnutls_strerror(e));
	gnutls_transport_set_ptr(t->session, t);
	gnutls_transport_set_push_function(t->session, push);
	gnutls_transport_set_pull_function(t->session, pull);
	return 0;
}

static bool is_lost(int e)
{
	return e == GNUTLS_E_PREMATURE_TERMINATION || e == GNUTLS_E_PULL_ERROR || e == GNUTLS_E_PUSH_ERROR;
}

/* That the key was used and nothing less, whatever was negotiated. */
static bool is_proven(const struct tls *t)
{
	gnutls_datum_t chosen;

	return gnutls_protocol_get_version(t->session) == GNUTLS_TLS1_3 &&
	       gnutls_auth_get_type(t->session) == GNUTLS_CRD_PSK && gnutls_kx_get(t->session) == GNUTLS_KX_ECDHE_PSK &&
	       gnutls_alpn_get_selected_protocol(t->session, &chosen) == 0;
}

/* One answer for all reasons, byte for byte, so that nothing is learned from it: where nothing was sent yet, GnuTLS may
 * have keys already and would encrypt it for some. */
static void refuse(struct tls *t)
{
	static const unsigned char handshake_failure[] = {
	    0x15, 3, 3, 0, 2, GNUTLS_AL_FATAL, GNUTLS_A_HANDSHAKE_FAILURE};

	if (t->said)
		gnutls_alert_send(t->session, GNUTLS_AL_FATAL, GNUTLS_A_HANDSHAKE_FAILURE);
	else
		push(t, handshake_failure, sizeof handshake_failure);
}

static int shake_hands(struct tls *t, struct err *err)
{
	int e;

	/* As a whole: a peer that sends a byte now and then gets no more. */
	stream_patience(&t->s, TLS_HANDSHAKE_SECONDS);
	stream_deadline(&t->s, TLS_HANDSHAKE_SECONDS);
	do
		e = gnutls_handshake(t->session);
	while (e < 0 && !gnutls_error_is_fatal(e) && e != GNUTLS_E_AGAIN);
	stream_patience(&t->s, 0);
	stream_deadline(&t->s, 0);
	if (e == GNUTLS_E_AGAIN || is_lost(e))
		return err_set(err, ERR_TEMPFAIL, "the connection was lost during the handshake");
	if (e < 0) {
		refuse(t);
		return err_set(err, ERR_POLICY, "the TLS handshake failed: %s",
			       t->unknown ? "its token is unknown, or has expired" : gnutls_strerror(e));
	}
	if (!is_proven(t))
		return err_set(err, ERR_POLICY, "the peer did not prove that it has the token");
	return 0;
}

static struct tls *tls_new(int fd)
{
	struct tls *t = calloc(1, sizeof *t);

	if (t) {
		t->s.ops = &tls_ops;
		t->s.fd = fd;
	}
	return t;
}

/* The descriptor stays the caller's when it failed. */
static int hand_over(struct tls *t, int status, struct stream **ret, struct err *err)
{
	if (status == 0) {
		t->in.data = malloc(GATHER_BYTES);
		t->out.data = malloc(GATHER_BYTES);
		if (!t->in.data || !t->out.data)
			status = err_nomem(err);
	}
	if (status < 0)
		tls_close(&t->s);
	else
		*ret = &t->s;
	return status;
}

/* ---- the machine's side ---- */

static int use_token(struct tls *t, const struct token *token, struct err *err)
{
	unsigned char key[TOKEN_KEY_BYTES];
	char identity[TOKEN_IDENTITY_TEXT];
	const gnutls_datum_t datum = {key, sizeof key};
	int e = gnutls_psk_allocate_client_credentials(&t->client);

	token_key(token, key);
	token_identity(token, identity);
	if (e == 0)
		e = gnutls_psk_set_client_credentials(t->client, identity, &datum, GNUTLS_PSK_KEY_RAW);
	if (e == 0)
		e = gnutls_credentials_set(t->session, GNUTLS_CRD_PSK, t->client);
	explicit_bzero(key, sizeof key);
	return e < 0 ? err_set(err, ERR_INTERNAL, "cannot start TLS: %s", gnutls_strerror(e)) : 0;
}

int tls_connect(int fd, const struct token *token, struct stream **ret, struct err *err)
{
	struct tls *t = tls_new(fd);
	int status;

	if (!t)
		return err_nomem(err);
	status = session_new(t, GNUTLS_CLIENT, err);
	if (status == 0)
		status = use_token(t, token, err);
	if (status == 0)
		status = shake_hands(t, err);
	return hand_over(t, status, ret, err);
}

/* ---- the host's side ---- */

static int find_key(gnutls_session_t session, const gnutls_datum_t *identity, gnutls_datum_t *key)
{
	struct tls *t = gnutls_session_get_ptr(session);
	char name[TOKEN_IDENTITY_TEXT];

	if (identity->size != sizeof name - 1)
		return -1;
	memcpy(name, identity->data, sizeof name - 1);
	name[sizeof name - 1] = '\0';
	t->known = t->find(name, &t->token, t->opaque);
	t->unknown = !t->known;
	if (!t->known)
		return -1;
	key->data = gnutls_malloc(TOKEN_KEY_BYTES);
	if (!key->data)
		return -1;
	key->size = TOKEN_KEY_BYTES;
	token_key(&t->token, key->data);
	return 0;
}

static int know_tokens(struct tls *t, struct err *err)
{
	int e = gnutls_psk_allocate_server_credentials(&t->server);

	if (e < 0)
		return err_set(err, ERR_INTERNAL, "cannot start TLS: %s", gnutls_strerror(e));
	gnutls_session_set_ptr(t->session, t);
	gnutls_psk_set_server_credentials_function2(t->server, find_key);
	e = gnutls_credentials_set(t->session, GNUTLS_CRD_PSK, t->server);
	return e < 0 ? err_set(err, ERR_INTERNAL, "cannot start TLS: %s", gnutls_strerror(e)) : 0;
}

int tls_accept(int fd, tls_find_token *find, void *opaque, struct token *ret_token, struct stream **ret,
	       struct err *err)
{
	struct tls *t = tls_new(fd);
	int status;

	if (!t)
		return err_nomem(err);
	t->find = find;
	t->opaque = opaque;
	status = session_new(t, GNUTLS_SERVER, err);
	if (status == 0)
		status = know_tokens(t, err);
	if (status == 0)
		status = shake_hands(t, err);
	if (status == 0 && !t->known)
		status = err_set(err, ERR_POLICY, "the peer did not prove that it has a token");
	if (status == 0)
		*ret_token = t->token;
	return hand_over(t, status, ret, err);
}
