/* The log: one sink, set at start. */
#include "core/base/log.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/base/utf8.h"

static struct {
	log_sink *sink;
	void *opaque;
} out;

void log_set_sink(log_sink *sink, void *opaque)
{
	out.sink = sink;
	out.opaque = opaque;
}

void log_write(enum log_level level, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;
	int n;

	if (!out.sink)
		return;
	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	utf8_defuse(text, false);
	out.sink(level, text, out.opaque);
	free(text);
}
