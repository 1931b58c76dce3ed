/* The guest agent: asked for a sign of life over its virtio-serial channel. */
#include "run/proof/agent.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "core/base/err.h"
#include "core/base/json.h"

enum { ASK_EVERY_MS = 5000 };

/* The numbers of our questions: nothing else on the channel says them by accident. */
enum { ID_BASE = 7215000 };

static bool is_answer(const struct agent *a)
{
	AUTO(js_freep) struct json *answer = js_parse(a->line, a->len, NULL);
	uint64_t id = answer ? js_get_u64(answer, "return", 0) : 0;

	return id > ID_BASE && id <= ID_BASE + a->asked;
}

bool agent_take(struct agent *a, const char *data, size_t len)
{
	bool answered = false;

	for (size_t i = 0; i < len; i++) {
		if (data[i] == '\n') {
			answered |= is_answer(a);
			a->len = 0;
		} else if (a->len < sizeof a->line) {
			a->line[a->len++] = data[i];
		}
	}
	return answered;
}

/* The channel holds the question until the agent opens its end. */
static void ask(struct agent *a)
{
	char question[96];
	int n = snprintf(question, sizeof question, "{\"execute\":\"guest-sync\",\"arguments\":{\"id\":%u}}\n",
			 ID_BASE + ++a->asked);

	/* A full socket means that enough questions wait already; a closed one shows when it is read. */
	if (send(a->fd, question, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		a->asked--;
}

bool agent_poll(struct agent *a, uint64_t now_ms)
{
	char data[1024];
	ssize_t n;

	if (a->fd < 0)
		return false;
	if (now_ms >= a->next_ms) {
		ask(a);
		a->next_ms = now_ms + ASK_EVERY_MS;
	}
	n = recv(a->fd, data, sizeof data, MSG_DONTWAIT);
	return n > 0 && agent_take(a, data, (size_t)n);
}
