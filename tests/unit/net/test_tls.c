/* The encrypted stream: who has the token comes through, and nobody else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include <gnutls/gnutls.h>
#include <pthread.h>

#include "net/tls.h"

static const struct token ours = {{1, 2, 3}}, theirs = {{3, 2, 1}};

/* The host in a thread of its own. */
struct host {
	pthread_t thread;
	int fd;
	int got;
	struct stream *stream;
	struct token token;
	struct err err;
};

static bool find(const char *identity, struct token *ret, void *opaque)
{
	char known[TOKEN_IDENTITY_TEXT];

	token_identity(&ours, known);
	*ret = ours;
	return !strcmp(identity, known);
}

static void *run_host(void *opaque)
{
	struct host *h = opaque;

	h->got = tls_accept(h->fd, find, NULL, &h->token, &h->stream, &h->err);
	if (h->got < 0)
		close(h->fd);
	return NULL;
}

/* The other end's descriptor. */
static int host_start(struct host *h)
{
	int fds[2];

	*h = (struct host){.fd = -1};
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	h->fd = fds[0];
	assert_int_equal(pthread_create(&h->thread, NULL, run_host, h), 0);
	return fds[1];
}

static void host_refused(struct host *h, enum err_code code)
{
	pthread_join(h->thread, NULL);
	assert_int_equal(h->got, -1);
	assert_int_equal(h->err.code, code);
	assert_null(h->stream);
}

static void test_token(void **state)
{
	struct stream *s;
	struct host h;
	char buf[70000], *big = calloc(1, sizeof buf);
	int fd = host_start(&h);

	assert_int_equal(tls_connect(fd, &ours, &s, NULL), 0);
	pthread_join(h.thread, NULL);
	assert_int_equal(h.got, 0);
	assert_memory_equal(h.token.bytes, ours.bytes, TOKEN_BYTES);
	memset(big, 7, sizeof buf);
	assert_true(stream_give(s, "head", 4, big, sizeof buf - 4));
	assert_int_equal(stream_wait(h.stream, 1000), 1);
	assert_true(stream_take(h.stream, buf, sizeof buf));
	assert_memory_equal(buf, "head\7", 5);
	assert_memory_equal(buf + 4, big, sizeof buf - 4);
	assert_true(stream_give(h.stream, "ab", 2, NULL, 0));
	assert_true(stream_take(s, buf, 1));
	assert_int_equal(stream_wait(s, 0), 1); /* the other byte, which the socket no longer has */
	assert_true(stream_take(s, buf, 1));
	stream_close(s);
	assert_false(stream_take(h.stream, buf, 1));
	stream_close(h.stream);
	free(big);
}

enum { MESSAGES = 3, MESSAGE = 1 << 20 };

static char message_byte(unsigned message, size_t i)
{
	return (char)(message + i + i / 251);
}

static void *give_messages(void *opaque)
{
	char *text = malloc(MESSAGE);
	bool all = text != NULL;

	for (unsigned m = 0; all && m < MESSAGES; m++) {
		for (size_t i = 0; i < MESSAGE; i++)
			text[i] = message_byte(m, i);
		all = stream_give(opaque, text, 100, text + 100, MESSAGE - 100);
	}
	free(text);
	return all ? opaque : NULL;
}

/* More than is gathered; what came with the message before counts as there. */
static void test_large(void **state)
{
	char *got = malloc(MESSAGE);
	struct stream *s;
	struct host h;
	pthread_t thread;
	void *all;
	int fd = host_start(&h);

	assert_non_null(got);
	assert_int_equal(tls_connect(fd, &ours, &s, NULL), 0);
	pthread_join(h.thread, NULL);
	assert_int_equal(pthread_create(&thread, NULL, give_messages, s), 0);
	for (unsigned m = 0; m < MESSAGES; m++) {
		assert_int_equal(stream_wait(h.stream, 10000), 1);
		assert_true(stream_take(h.stream, got, MESSAGE));
		for (size_t i = 0; i < MESSAGE; i++)
			assert_true(got[i] == message_byte(m, i));
	}
	assert_int_equal(stream_wait(h.stream, 0), 0);
	pthread_join(thread, &all);
	assert_ptr_equal(all, s);
	stream_close(s);
	stream_close(h.stream);
	free(got);
}

/* Nobody may hold a stream with the begin of a record. */
static void test_deadline(void **state)
{
	struct stream *s;
	struct host h;
	char c;
	int fd = host_start(&h);

	assert_int_equal(tls_connect(fd, &ours, &s, NULL), 0);
	pthread_join(h.thread, NULL);
	assert_int_equal(h.got, 0);
	assert_int_equal(send(fd, "\27\3\3", 3, MSG_NOSIGNAL), 3);
	stream_deadline(h.stream, 1);
	assert_false(stream_take(h.stream, &c, 1));
	assert_true(stream_late(h.stream));
	stream_close(s);
	stream_close(h.stream);
}

static void test_another_token(void **state)
{
	struct err err = ERR_INIT;
	struct stream *s = NULL;
	struct host h;
	int fd = host_start(&h);

	assert_int_equal(tls_connect(fd, &theirs, &s, &err), -1);
	assert_int_equal(err.code, ERR_POLICY);
	assert_null(s);
	close(fd);
	host_refused(&h, ERR_POLICY);
}

static void test_silence(void **state)
{
	struct host h;
	int fd = host_start(&h);

	close(fd);
	host_refused(&h, ERR_TEMPFAIL);
}

static void test_garbage(void **state)
{
	static const char texts[][32] = {"GET / HTTP/1.0\r\n\r\n", "\26\3\1\2\0\1", "NBDMAGICIHAVEOPT\0\3",
					 "\26\3\3\377\377xxxxxxxxxxxxxxxxxxxxxx", "SSH-2.0-x\r\n"};
	struct host h;

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		int fd = host_start(&h);

		assert_int_equal(send(fd, texts[i], sizeof texts[i], MSG_NOSIGNAL), (ssize_t)sizeof texts[i]);
		shutdown(fd, SHUT_WR);
		pthread_join(h.thread, NULL);
		assert_int_equal(h.got, -1);
		assert_true(h.err.code == ERR_POLICY || h.err.code == ERR_TEMPFAIL);
		close(fd);
	}
}

/* A client of GnuTLS' own, with these priorities and, where there is one, this key under an identity that is known. */
static int shake_hands(const char *priorities, const unsigned char *key, const char *alpn)
{
	gnutls_psk_client_credentials_t psk;
	gnutls_certificate_credentials_t none;
	gnutls_session_t session;
	char identity[TOKEN_IDENTITY_TEXT];
	const gnutls_datum_t datum = {(unsigned char *)(uintptr_t)key, TOKEN_KEY_BYTES};
	const gnutls_datum_t protocol = {(unsigned char *)(uintptr_t)alpn, (unsigned)strlen(alpn)};
	struct host h;
	int fd = host_start(&h), e;

	token_identity(&ours, identity);
	gnutls_init(&session, GNUTLS_CLIENT | GNUTLS_NO_SIGNAL);
	assert_int_equal(gnutls_priority_set_direct(session, priorities, NULL), 0);
	gnutls_psk_allocate_client_credentials(&psk);
	gnutls_certificate_allocate_credentials(&none);
	if (key) {
		gnutls_psk_set_client_credentials(psk, identity, &datum, GNUTLS_PSK_KEY_RAW);
		gnutls_credentials_set(session, GNUTLS_CRD_PSK, psk);
	}
	gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, none);
	gnutls_alpn_set_protocols(session, &protocol, 1, 0);
	gnutls_transport_set_int(session, fd);
	do
		e = gnutls_handshake(session);
	while (e < 0 && !gnutls_error_is_fatal(e));
	gnutls_deinit(session);
	gnutls_psk_free_client_credentials(psk);
	gnutls_certificate_free_credentials(none);
	shutdown(fd, SHUT_RDWR);
	close(fd);
	pthread_join(h.thread, NULL);
	stream_close(h.stream);
	return h.got;
}

static void test_other_clients(void **state)
{
	static const char tls13[] = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+ECDHE-PSK:+PSK";
	unsigned char key[TOKEN_KEY_BYTES], wrong[TOKEN_KEY_BYTES] = {0};

	token_key(&ours, key);
	assert_int_equal(shake_hands(tls13, key, "rehost-p2v/1"), 0); /* the way of asking is right */
	assert_int_equal(shake_hands(tls13, wrong, "rehost-p2v/1"), -1);
	assert_int_equal(shake_hands(tls13, NULL, "rehost-p2v/1"), -1);
	assert_int_equal(shake_hands(tls13, key, "h2"), -1);
	assert_int_equal(shake_hands("NORMAL:-VERS-ALL:+VERS-TLS1.3:-KX-ALL:+PSK", key, "rehost-p2v/1"), -1);
	assert_int_equal(shake_hands("NORMAL:-VERS-ALL:+VERS-TLS1.2:+ECDHE-PSK:+PSK", key, "rehost-p2v/1"), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_token),	  cmocka_unit_test(test_large),	   cmocka_unit_test(test_another_token),
	    cmocka_unit_test(test_silence),	  cmocka_unit_test(test_deadline), cmocka_unit_test(test_garbage),
	    cmocka_unit_test(test_other_clients),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
