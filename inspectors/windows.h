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

/* A key of the SYSTEM hive below the current control set; in the inspection's arena. */
char *windows_key(struct windows_look *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
