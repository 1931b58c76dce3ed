/* Step kudzu: Red Hat's old hardware detection would take the new cards for added hardware and the old ones for
 * removed, and put a configuration by DHCP in the place of theirs. */
#include "converters/linux/linux.h"
#include "converters/linux/services.h"

static int run(const struct step_context *c, struct err *err)
{
	AUTO(arena_done) struct arena a = {0};

	return service_stop(c, &a, "kudzu",
			    "it would move the configuration of the network cards away, since they aren't the old ones",
			    err);
}

const struct step step_kudzu = {
    .id = "kudzu",
    .summary = "old hardware detection leaves the network alone",
    .applies = step_always,
    .run = run,
};
