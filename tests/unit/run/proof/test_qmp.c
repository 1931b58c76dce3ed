/* Tests of run/proof/qmp.c against a script of answers, written beforehand into the socket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/checked.h"
#include "run/proof/qmp.h"

#define GREETING                                                                                                       \
	"{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 22, \"minor\": 2, \"major\": 7}}, \"capabilities\": "          \
	"[\"oob\"]}}\r\n"
#define EVENT(name) "{\"timestamp\": {\"seconds\": 1, \"microseconds\": 2}, \"event\": \"" name "\", \"data\": {}}\r\n"

#define IO_ERROR(operation, action, nospace, reason)                                                                   \
	"{\"timestamp\": {\"seconds\": 1, \"microseconds\": 2}, \"event\": \"BLOCK_IO_ERROR\", \"data\": "             \
	"{\"device\": \"\", "                                                                                          \
	"\"operation\": \"" operation "\", \"action\": \"" action "\", \"nospace\": " nospace                          \
	", \"reason\": \"" reason "\"}}\r\n"

struct talk {
	int ours, theirs;
	struct qmp q;
};

static void say(struct talk *t, const char *text)
{
	assert_int_equal(write(t->theirs, text, strlen(text)), strlen(text));
}

static int begin(struct talk *t, const char *script, struct err *err)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	t->ours = fds[0];
	t->theirs = fds[1];
	say(t, script);
	return qmp_open(&t->q, t->ours, err);
}

static void hang_up(struct talk *t)
{
	shutdown(t->theirs, SHUT_WR);
}

static void end(struct talk *t)
{
	qmp_done(&t->q);
	close(t->ours);
	close(t->theirs);
}

/* What was sent since the last call. */
static void must_have_sent(struct talk *t, const char *expected)
{
	char text[4096];
	ssize_t n = recv(t->theirs, text, sizeof text - 1, MSG_DONTWAIT);

	assert_true(n >= 0);
	text[n] = '\0';
	assert_string_equal(text, expected);
}

static void test_commands_and_events(void **state)
{
	AUTO(buf_done) struct buf answer = BUF_INIT(64 * KIB);
	AUTO(js_freep) struct json *ret = NULL;
	struct json *arguments = js_object();
	struct err err = ERR_INIT;
	struct talk t;

	assert_int_equal(begin(&t, GREETING EVENT("RESUME") "{\"return\": {}}\r\n", &err), 0);
	must_have_sent(&t, "{\"execute\":\"qmp_capabilities\"}\n");
	say(&t, EVENT("RESET") "{\"return\": \"RIP=1\\r\\nCPL=0\\r\\n\"}\r\n" EVENT("RESET") EVENT("SHUTDOWN"));
	assert_int_equal(qmp_human(&t.q, "info registers", &answer, &err), 0);
	must_have_sent(&t,
		       "{\"execute\":\"human-monitor-command\",\"arguments\":{\"command-line\":\"info registers\"}}\n");
	assert_string_equal(buf_str(&answer), "RIP=1\r\nCPL=0\r\n");
	assert_int_equal(t.q.resets, 1);
	assert_false(t.q.shutdown);
	assert_int_equal(qmp_poll(&t.q, &err), 0);
	assert_int_equal(t.q.resets, 2);
	assert_true(t.q.shutdown);
	assert_false(t.q.panicked);
	say(&t, EVENT("GUEST_PANICKED") "{\"return\": {\"status\": \"running\"}}\r\n");
	js_set_str(arguments, "filename", "a\"b");
	assert_int_equal(qmp_run(&t.q, "screendump", arguments, &ret, &err), 0);
	assert_string_equal(js_get_str(js_get(ret, "return"), "status", ""), "running");
	assert_true(t.q.panicked);
	end(&t);
}

static void test_errors_of_the_overlay(void **state)
{
	struct err err = ERR_INIT;
	struct talk t;

	assert_int_equal(begin(&t, GREETING "{\"return\": {}}\r\n", &err), 0);
	say(&t, IO_ERROR("read", "report", "false", "Input/output error"));
	assert_int_equal(qmp_poll(&t.q, &err), 0);
	assert_string_equal(t.q.write_error, "");
	say(&t, IO_ERROR("write", "stop", "true", "No space left on device") EVENT("STOP")
		    IO_ERROR("write", "report", "false", "Input/output error"));
	assert_int_equal(qmp_poll(&t.q, &err), 0);
	assert_string_equal(t.q.write_error, "No space left on device");
	assert_true(t.q.no_space);
	end(&t);
}

static void test_refusals(void **state)
{
	struct err err = ERR_INIT;
	struct talk t;

	assert_int_equal(begin(&t,
			       GREETING "{\"return\": {}}\n{\"error\": {\"class\": \"GenericError\", "
					"\"desc\": \"no surface\"}}\n",
			       &err),
			 0);
	assert_int_equal(qmp_run(&t.q, "screendump", NULL, NULL, &err), -1);
	assert_string_equal(err.text, "qemu command 'screendump': no surface");
	assert_int_equal(err.code, ERR_HOST);
	hang_up(&t);
	assert_int_equal(qmp_run(&t.q, "quit", NULL, NULL, &err), -1);
	assert_string_equal(err.text, "qemu command 'quit': qemu ended");
	assert_int_equal(qmp_poll(&t.q, &err), -1);
	assert_string_equal(err.text, "qemu ended");
	end(&t);
}

static void test_who_does_not_speak_qmp(void **state)
{
	struct err err = ERR_INIT;
	struct talk t;

	assert_int_equal(begin(&t, "{\"hello\": 1}\n", &err), -1);
	assert_string_equal(err.text, "qemu's first word is not QMP's greeting");
	end(&t);
	assert_int_equal(begin(&t, "QEMU 7.2 monitor\n", &err), -1);
	assert_non_null(strstr(err.text, "qemu's answer: "));
	end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_commands_and_events),
	    cmocka_unit_test(test_errors_of_the_overlay),
	    cmocka_unit_test(test_refusals),
	    cmocka_unit_test(test_who_does_not_speak_qmp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
