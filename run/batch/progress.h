/* How far a unit is, as the events of its last attempt tell. */
#ifndef REHOST_RUN_BATCH_PROGRESS_H
#define REHOST_RUN_BATCH_PROGRESS_H

#include <stdint.h>

enum { PROGRESS_PHASE_TEXT = 80 };

struct unit_progress {
	int attempt; /* -1: none was begun */
	char phase[PROGRESS_PHASE_TEXT];
	uint64_t done, total; /* bytes of a copy; total 0: this phase copies nothing */
	double rate;	      /* bytes a second, over the last minutes; 0 not known */
};

/* From the end of state/N/attempt-K/events.ndjson; whatever can't be read is left empty. */
void unit_progress(int state_fd, struct unit_progress *ret);
/* 0 … 100. */
unsigned unit_percent(const struct unit_progress *p);

#endif
