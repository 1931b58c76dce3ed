/* A thread that looks whether something still moves, and bites when nothing does for too long.
 *
 * libguestfs waits for its appliance without a limit: one that hangs (seen under emulation, about once in a hundred
 * starts) would hold an unattended conversion for ever.
 */
#ifndef REHOST_GUEST_WATCHDOG_H
#define REHOST_GUEST_WATCHDOG_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/cleanup.h"
#include "core/base/err.h"

struct watchdog;

struct watchdog_options {
	unsigned period_ms; /* between two looks */
	unsigned looks;	    /* that must see the same number in a row before it bites, once */
	/* A number that changes while something moves. Both are called in the watchdog's thread. */
	uint64_t (*activity)(void *opaque);
	void (*bite)(void *opaque);
	void *opaque;
};

int watchdog_start(const struct watchdog_options *options, struct watchdog **ret, struct err *err);
bool watchdog_has_bitten(const struct watchdog *w); /* NULL has not */
void watchdog_stop(struct watchdog *w);		    /* waits for its thread; NULL is fine */
DEFINE_CLEANUP(struct watchdog *, watchdog_stop)

#endif
