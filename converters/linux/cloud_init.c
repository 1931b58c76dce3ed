/* Step cloud-init: cloud-init must not replace the network configuration when it misses the source's data. */
#include <string.h>

#include "converters/linux/linux.h"

#define FOLDER "/etc/cloud/cloud.cfg.d"

/* True when some file already keeps cloud-init from writing network configuration. */
static int already_off(const struct step_context *c, bool *ret, struct err *err)
{
	AUTO(arena_done) struct arena a = {0};
	struct names files = {0};

	*ret = guest_exists(c->guest, "/etc/cloud/cloud-init.disabled");
	if (c->guest->ops->glob(c->guest, FOLDER "/*.cfg", &a, &files, err) < 0)
		return -1;
	VEC_FOR (file, &files.list) {
		char *text, *network;

		if (guest_regular_text(c->guest, *file, &a, &text, err) < 0)
			return -1;
		network = text ? strstr(text, "network:") : NULL;
		*ret |= network && strstr(network, "disabled");
	}
	return 0;
}

static int run(const struct step_context *c, struct err *err)
{
	bool off;

	if (already_off(c, &off, err) < 0)
		return -1;
	if (off)
		return 0;
	return guest_edit(
	    c->guest, c->log, FOLDER "/99-rehost-network.cfg",
	    "# Written by rehost: the addresses that this machine had stay.\nnetwork: {config: disabled}\n",
	    "cloud-init doesn't find the source's data any more and would write a DHCP configuration instead", err);
}

static bool applies(const struct step_context *c)
{
	return guest_is_dir(c->guest, FOLDER) && guest_exists(c->guest, "/usr/bin/cloud-init");
}

const struct step step_cloud_init = {
    .id = "cloud-init",
    .summary = "cloud-init leaves the network alone",
    .applies = applies,
    .run = run,
};
