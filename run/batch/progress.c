/* How far a unit is: the last events of its last attempt. */
#include "run/batch/progress.h"

#include <fcntl.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "core/base/checked.h"
#include "core/base/file.h"
#include "core/base/json.h"
#include "run/batch/attempt.h"
#include "run/batch/lease.h"

enum { TAIL = 8 << 10 /* bytes: some dozen events */ };

/* Bytes a second: more than any machine copies, less than a uint64_t holds. */
#define RATE_MAX 1e15

/* What a rate is taken from: the first event there is of the copy, by its own clock. */
struct span {
	bool known;
	unsigned events;
	double since; /* seconds */
	uint64_t done;
};

static void begin_phase(struct unit_progress *p, struct span *s, const struct json *event)
{
	*s = (struct span){.known = true, .since = js_get_real(event, "seconds", 0)};
	p->done = p->total = 0;
	p->rate = 0;
}

static void take_rate(struct unit_progress *p, struct span *s, double now)
{
	if (s->known && p->done >= s->done && now > s->since)
		p->rate = fmin((double)(p->done - s->done) / (now - s->since), RATE_MAX);
	if (!s->known || !s->events++) /* what was there before it began isn't its speed */
		*s = (struct span){.known = true, .events = 1, .since = now, .done = p->done};
}

static void take(struct unit_progress *p, struct span *s, const struct json *event)
{
	const char *kind = js_get_str(event, "event", "");

	if (!strcmp(kind, "phase"))
		begin_phase(p, s, event);
	else if (strcmp(kind, "progress") != 0)
		return;
	snprintf(p->phase, sizeof p->phase, "%s", js_get_str(event, "text", ""));
	p->total = js_get_u64(event, "total", 0);
	p->done = min_u64(js_get_u64(event, "done", 0), p->total);
	if (p->total)
		take_rate(p, s, js_get_real(event, "seconds", 0));
}

/* The first line may be the rest of one: then it is no event. */
static void take_lines(struct unit_progress *p, const char *text)
{
	struct span s = {0};

	for (const char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
		AUTO(js_freep) struct json *event = js_parse(line, (size_t)(end - line), NULL);

		if (event)
			take(p, &s, event);
	}
}

static int open_events(int state_fd, int attempt)
{
	char name[LEASE_ATTEMPT_TEXT], path[LEASE_ATTEMPT_TEXT + sizeof "/" ATTEMPT_EVENTS];

	lease_attempt_name((unsigned)attempt, name);
	snprintf(path, sizeof path, "%s/" ATTEMPT_EVENTS, name);
	return openat(state_fd, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
}

void unit_progress(int state_fd, struct unit_progress *ret)
{
	AUTO(buf_done) struct buf text = BUF_INIT(TAIL);
	AUTO_FD int fd = -1;

	*ret = (struct unit_progress){.attempt = -1};
	if (lease_last_attempt(state_fd, &ret->attempt, NULL) < 0 || ret->attempt < 0)
		return;
	fd = open_events(state_fd, ret->attempt);
	if (fd >= 0 && file_slurp_tail(fd, ATTEMPT_EVENTS, &text, NULL) == 0)
		take_lines(ret, buf_str(&text));
}

unsigned unit_percent(const struct unit_progress *p)
{
	return p->total ? (unsigned)(100.0 * (double)p->done / (double)p->total) : 0;
}
