/* Facts about the guest that a look at a few of its files gives, over the file verbs. */
#ifndef REHOST_GUEST_FACTS_H
#define REHOST_GUEST_FACTS_H

#include "core/model/inspection.h"
#include "guest/guest.h"

/* Fills os->init ("systemd", "openrc", "upstart", "sysvinit", "unknown"), os->selinux_enforcing, and os->product when
 * os-release(5) names it; strings are in the arena. */
int guest_facts(struct guest *g, struct arena *a, struct os_info *os, struct err *err);

/* libosinfo's id for libguestfs' short one: "debian12" gives "http://debian.org/debian/12"; NULL when unknown. */
char *osinfo_url(struct arena *a, const char *short_id);

#endif
