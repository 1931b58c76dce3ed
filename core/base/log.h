/* The log: everything that happened, for the file kept with the result; libraries log, only cli/ prints.
 *
 * The sink is the one mutable global of the program: set once at start, before threads exist.
 */
#ifndef REHOST_CORE_BASE_LOG_H
#define REHOST_CORE_BASE_LOG_H

#include <stdarg.h>

enum log_level {
	LOG_DEBUG_LEVEL = 1, /* what a bug report needs */
	LOG_INFO_LEVEL,	     /* what a user wants to see go by */
	LOG_WARN_LEVEL,	     /* what a user must know, though work goes on */
};

typedef void log_sink(enum log_level level, const char *text, void *opaque);

/* NULL switches off. The sink is called from any thread and serialises itself. */
void log_set_sink(log_sink *sink, void *opaque);

void log_write(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_debug(...) log_write(LOG_DEBUG_LEVEL, __VA_ARGS__)
#define log_info(...)  log_write(LOG_INFO_LEVEL, __VA_ARGS__)
#define log_warn(...)  log_write(LOG_WARN_LEVEL, __VA_ARGS__)

#endif
