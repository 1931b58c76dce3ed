/* Tests of net/address.c: who listens everywhere is reached by both families; and of net/dial.c while nobody answers.
 */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/checked.h"
#include "net/address.h"
#include "net/dial.h"
#include "net/token.h"
#include "tests/unit/support/mem_block.h"

/* Connects to the listener at host, and asserts what its peer is called; false: this machine has no such address. */
static bool reached(int listener, const char *host, const char *expected)
{
	char where[ADDRESS_TEXT], peer[ADDRESS_TEXT];
	int near, far;

	address_own(listener, where);
	near = address_connect(host, strrchr(where, ':') + 1, NULL);
	if (near < 0)
		return false;
	far = accept(listener, NULL, NULL);
	assert_true(far >= 0);
	address_peer(far, peer);
	assert_memory_equal(peer, expected, strlen(expected));
	close(near);
	close(far);
	return true;
}

static bool has_ipv6(void)
{
	int fd = socket(AF_INET6, SOCK_STREAM, 0);
	struct sockaddr_in6 at = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	bool ret = fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0;

	if (fd >= 0)
		close(fd);
	return ret;
}

static void test_everywhere(void **state)
{
	static const char *const hosts[] = {"", "*"};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		int listener = address_listen(hosts[i], "0", NULL);

		assert_true(listener >= 0);
		assert_true(reached(listener, "127.0.0.1", "127.0.0.1:"));
		assert_int_equal(reached(listener, "::1", "[::1]:"), has_ipv6());
		close(listener);
	}
}

static void test_one_address(void **state)
{
	int listener = address_listen("127.0.0.1", "0", NULL);

	(void)state;
	assert_true(listener >= 0);
	assert_true(reached(listener, "127.0.0.1", "127.0.0.1:"));
	assert_false(reached(listener, "::1", ""));
	close(listener);
}

struct heard {
	unsigned times, refused;
	atomic_bool cancel;
};

static void progress(const struct dial_progress *p, void *opaque)
{
	struct heard *h = opaque;

	h->times++;
	h->refused += strstr(p->text, "Connection refused") != NULL;
	if (h->refused == 4)
		h->cancel = true;
}

/* The screen answers all the time: what dial_run() tells comes more often than it dials. */
static void test_told_while_nobody_answers(void **state)
{
	struct mem_block *disk = mem_new(MIB);
	struct block *const disks[] = {&disk->b};
	struct json *inventory = js_object();
	struct heard heard = {0};
	struct dial_options o = {.server = "127.0.0.1:1",
				 .inventory = inventory,
				 .disks = disks,
				 .ndisks = 1,
				 .progress = progress,
				 .opaque = &heard,
				 .cancel = &heard.cancel};
	char words[TOKEN_TEXT];
	struct err err = ERR_INIT;
	struct token token;

	(void)state;
	assert_int_equal(token_new(&token, NULL), 0);
	token_text(&token, words);
	o.token = words;
	js_add(js_set(inventory, "disks", js_array()), js_object());
	alarm(60);
	assert_int_equal(dial_run(&o, &err), -1);
	alarm(0);
	assert_int_equal(err.code, ERR_INTERRUPTED);
	assert_int_equal(heard.refused, 4);
	assert_int_equal(heard.times, 6); /* at the start, and before the disk */
	js_free(inventory);
	block_close(&disk->b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_everywhere),
	    cmocka_unit_test(test_one_address),
	    cmocka_unit_test(test_told_while_nobody_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
