/* Files of the tree that are part of the program: the pages' templates, styles and scripts, and the list of findings.
 */
#ifndef REHOST_RUN_REPORT_FILES_H
#define REHOST_RUN_REPORT_FILES_H

#include <stdbool.h>
#include <stddef.h>

#include "run/report/template.h"

/* By name ("batch.html"), which need not end at len; false when there is none. */
bool report_file(const char *name, size_t len, struct template *ret);

#endif
