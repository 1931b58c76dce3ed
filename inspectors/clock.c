/* The machine's battery clock, where the host could compare it with its own. */
#include "inspectors/registry.h"

#include <inttypes.h>
#include <stdlib.h>

enum { MINUTE = 60, HOUR = 3600, DAY = 86400 };

/* "3 days", "90 minutes": enough to know what it is about. */
static int64_t in_words(int64_t seconds, const char **ret_unit)
{
	int64_t n = llabs(seconds);

	*ret_unit = n >= 2 * DAY ? "days" : n >= 2 * HOUR ? "hours" : "minutes";
	return n >= 2 * DAY ? n / DAY : n >= 2 * HOUR ? n / HOUR : n / MINUTE;
}

static bool applies(const struct inspection *i)
{
	return true;
}

static int run(struct guest *g, const struct machine *m, struct inspection *i, struct err *err)
{
	const char *unit;
	int64_t n = in_words(m->clock_error, &unit);

	if (m->clock_error)
		finding_add(
		    i, "W-CLOCK", SEVERITY_WARNING, NULL,
		    "See that the guest sets its clock by NTP, and that nothing in it counts on the wrong time.",
		    "the machine's battery clock is %" PRId64 " %s %s: the guest begins with the host's time", n, unit,
		    m->clock_error > 0 ? "fast" : "slow");
	return 0;
}

const struct inspector inspector_clock = {.id = "clock", .applies = applies, .run = run};
