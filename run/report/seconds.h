/* Times in a report that somebody else may have written. */
#ifndef REHOST_RUN_REPORT_SECONDS_H
#define REHOST_RUN_REPORT_SECONDS_H

#include "core/base/json.h"

/* A number of seconds, between 0 and what can be summed up for any number of machines. */
double report_seconds(const struct json *j, const char *key);

#endif
