/* Disks of a machine that are closed while one of their reads can't end yet; a conversion's end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>
#include <semaphore.h>

#include "core/base/checked.h"
#include "net/nbd_client.h"
#include "run/serve/live.h"

enum { SIZE = 1 << 20, DEADLOCK_SECONDS = 60 };

/* A disk whose reads wait until they are let go. */
struct slow {
	struct block b;
	sem_t begun, go;
};

static int slow_pread(struct block *b, void *buf, size_t len, uint64_t off, struct err *err)
{
	struct slow *s = (struct slow *)b;

	(void)off;
	(void)err;
	sem_post(&s->begun);
	sem_wait(&s->go);
	memset(buf, 1, len);
	return 0;
}

static const struct block_ops slow_ops = {.name = "slow", .pread = slow_pread};

static int listen_somewhere(struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address->sun_family = AF_UNIX; /* an abstract name: nothing to remove */
	snprintf(address->sun_path + 1, sizeof address->sun_path - 1, "rehost-live-%d", (int)getpid());
	assert_int_equal(bind(fd, (const struct sockaddr *)address, sizeof *address), 0);
	assert_int_equal(listen(fd, 4), 0);
	return fd;
}

static void *read_one(void *opaque)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct nbd_client *client;
	struct stream *stream;
	char buf[4096];
	size_t sent;

	assert_int_equal(connect(fd, opaque, sizeof(struct sockaddr_un)), 0);
	assert_int_equal(stream_of_fd(fd, &stream, NULL), 0);
	assert_int_equal(nbd_client_open(stream, &client, NULL), 0);
	nbd_client_read(client, buf, sizeof buf, 0, &sent, NULL); /* the server may be gone by now */
	nbd_client_close(client);
	return NULL;
}

/* live_close() is called under the host's lock: it must not wait for the read. The alarm ends the test if it does. */
static void test_close_does_not_wait(void **state)
{
	static struct slow slow;
	const struct nbd_block_options o = {.name = "disk", .size = SIZE};
	struct nbd_server_options server = {.block = &slow.b, .readonly = true, .threads = 1};
	struct sockaddr_un address = {0};
	struct live live = {.ndisks = 1};
	pthread_t reader;

	(void)state;
	block_init(&slow.b, &slow_ops, "slow", SIZE);
	sem_init(&slow.begun, 0, 0);
	sem_init(&slow.go, 0, 0);
	server.listen_fd = listen_somewhere(&address);
	assert_int_equal(nbd_block_new(&o, &live.disks[0], NULL), 0);
	assert_int_equal(nbd_server_start(&server, &live.servers[0], NULL), 0);
	assert_int_equal(pthread_create(&reader, NULL, read_one, &address), 0);
	sem_wait(&slow.begun);
	alarm(DEADLOCK_SECONDS);
	live_close(&live);
	assert_int_equal(live.ndisks, 0);
	assert_null(live.disks[0]);
	assert_null(live.servers[0]);
	sem_post(&slow.go);
	pthread_join(reader, NULL);
	alarm(0);
}

static pid_t ended_with(int status)
{
	pid_t pid = fork();

	if (!pid)
		_exit(status);
	assert_true(pid > 0);
	return pid;
}

/* One that is to be tried again keeps the reason that it told. */
static void test_tempfail_keeps_its_reason(void **state)
{
	static const struct serve_options o = {0};
	static struct serve s = {.o = &o};
	struct enrol_machine entry = {.state = ENROL_CONVERTING};
	struct live live = {.serve = &s,
			    .entry = &entry,
			    .pid = ended_with(err_exit_status(ERR_TEMPFAIL)),
			    .heard = true,
			    .connected = true};

	(void)state;
	pthread_mutex_init(&s.lock, NULL);
	s.lives = &live;
	snprintf(entry.text, sizeof entry.text, "the disk 'sda' is gone");
	alarm(DEADLOCK_SECONDS);
	while (live.pid)
		jobs_step(&s);
	alarm(0);
	assert_int_equal(entry.state, ENROL_WAITING);
	assert_string_equal(entry.text, "the disk 'sda' is gone");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_close_does_not_wait),
					   cmocka_unit_test(test_tempfail_keeps_its_reason)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
