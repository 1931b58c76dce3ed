/* Fuzz: what a stranger may send to the host before it has shown a token: a TLS handshake (docs/p2v.md).
 *
 * The host knows one token, and mutations keep a hello whose binder proves it: what comes behind the check is reached.
 */
#include "net/tls.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/bytes.h"
#include "core/base/checked.h"
#include "tests/fuzz/mutate.h"
#include "tests/fuzz/tls_hello.h"

enum { INPUT_MAX = 64 << 10 /* the kernel holds this much, so that sending before anyone reads can't block */ };

static const struct token known = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};

static bool find(const char *identity, struct token *ret, void *opaque)
{
	char ours[TOKEN_IDENTITY_TEXT];
	bool *asked = opaque;

	token_identity(&known, ours);
	*asked |= !strcmp(identity, ours);
	*ret = known;
	return !strcmp(identity, ours);
}

/* Who hasn't named the token hears one thing only, or that another group is wanted: its own hello decides that. */
static void check_answer(const unsigned char *answer, size_t len, bool asked)
{
	static const unsigned char alert[] = {0x15, 3, 3, 0, 2, 2, 40};

	if (asked || !len || (len == sizeof alert && !memcmp(answer, alert, len)))
		return;
	if (!hello_is_retry_request(answer, len))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct stream *stream = NULL;
	unsigned char answer[4096];
	struct err err = ERR_INIT;
	struct token token;
	bool asked = false;
	ssize_t n;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		abort();
	if (size && send(pair[1], data, min_u64(size, INPUT_MAX), MSG_NOSIGNAL) < 0)
		abort();
	shutdown(pair[1], SHUT_WR);
	if (tls_accept(pair[0], find, &asked, &token, &stream, &err) == 0)
		abort(); /* nobody can know the host's half of the exchange beforehand */
	if ((err.code != ERR_POLICY && err.code != ERR_TEMPFAIL) || !*err.text)
		abort();
	close(pair[0]);
	n = recv(pair[1], answer, sizeof answer, 0);
	check_answer(answer, n > 0 ? (size_t)n : 0, asked);
	close(pair[1]);
	return 0;
}

/* ---- mutations ---- */

/* The lengths of a hello, and its numbers. */
static void find_numbers(const uint8_t *data, size_t size, struct fuzz_map *m)
{
	struct hello_extension e[HELLO_EXTENSIONS_MAX];
	size_t n = hello_extensions(data, size, e);

	fuzz_map_add(m, size, 3, 1, 2);	 /* of the record */
	fuzz_map_add(m, size, 9, 1, 2);	 /* version */
	fuzz_map_add(m, size, 43, 1, 1); /* of the session */
	for (size_t i = 0; i < n; i++) {
		fuzz_map_add(m, size, e[i].at, 1, 2);
		fuzz_map_add(m, size, e[i].at + 2, 1, 2);
		fuzz_map_add(m, size, e[i].at + 4, e[i].len / 2, 2);
	}
}

static void seal(uint8_t *data, size_t size)
{
	unsigned char key[TOKEN_KEY_BYTES];

	token_key(&known, key);
	hello_seal(data, size, key);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
	static const uint64_t values[] = {0x0304, 0x0303, 0x1301, 0x1303, 0x001d, 0x0017, 41,
					  42,	  43,	  44,	  45,	  51,	  16,	  0};
	static const struct fuzz_shape shape = {
	    .big_endian = true, .values = values, .tables = find_numbers, .seal = seal};

	return fuzz_mutate(&shape, data, size, max, seed);
}
