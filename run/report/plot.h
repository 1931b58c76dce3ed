/* Bytes over time as a line for inline SVG. */
#ifndef REHOST_RUN_REPORT_PLOT_H
#define REHOST_RUN_REPORT_PLOT_H

#include <stddef.h>

#include "core/base/json.h"

enum { PLOT_POINTS_MAX = 600 };

/* What plot.html shows of n numbers of bytes, each taken in `interval` seconds: the line, its highest point and its
 * mean in words. NULL when there is nothing to draw. More than PLOT_POINTS_MAX are left out. */
struct json *plot_view(const double *bytes, size_t n, double interval);

#endif
