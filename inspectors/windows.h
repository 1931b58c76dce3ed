/* The parts of the inspector for Windows guests; only inspectors/windows*.c include it. */
#ifndef REHOST_INSPECTORS_WINDOWS_H
#define REHOST_INSPECTORS_WINDOWS_H

#include "guest/hive.h"
#include "inspectors/inspector.h"

struct windows_look {
	struct guest *guest;
	const struct machine *machine;
	struct inspection *i;
	struct windows *w;   /* i->windows */
	struct hive *system; /* open for reading */
	struct hive *software;
};

/* Network connections with their settings, matched to the machine's cards. */
int windows_network(struct windows_look *l, struct err *err);
/* Guest tools of hypervisors, antivirus programs, group policies. */
int windows_programs(struct windows_look *l, struct err *err);

/* States of the volumes, as the appliance saw them. */
void windows_volumes(struct windows_look *l);

/* Fixed IPv6 addresses as the network stack stores them, of all connections. */
struct ipv6_store {
	struct reg_values values;
};

/* In the arena a, which has to live as long. */
int windows_ipv6_open(struct windows_look *l, struct arena *a, struct ipv6_store *ret, struct err *err);
/* Those of one connection; driver: the key of its driver's settings. */
void windows_ipv6(struct windows_look *l, const struct ipv6_store *store, const char *driver, struct windows_nic *n);

/* Reads n bytes of hexadecimal digits; false: text has others, or fewer. */
bool windows_hex(const char *text, uint8_t *to, size_t n);

/* A key of the SYSTEM hive below the current control set; in the inspection's arena. */
char *windows_key(struct windows_look *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
