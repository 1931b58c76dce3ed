/* Boot Loader Specification entries and extlinux: the device names on their kernel command lines. */
#include <string.h>
#include <strings.h>

#include "guest/files/devices.h"

static void keyword_devices(struct lines *l, const char *keyword, const struct device_visitor *v)
{
	for (size_t i = 0; i < l->v.n; i++) {
		const char *text = l->v.v[i].text;
		struct span word;
		size_t from = 0;

		if (span_next(text, &from, &word) && word.len == strlen(keyword) &&
		    strncasecmp(text + word.at, keyword, word.len) == 0)
			cmdline_walk(l, i, from, false, v);
	}
}

void loader_entry_devices(struct lines *l, const struct device_visitor *v)
{
	keyword_devices(l, "options", v);
}

void extlinux_devices(struct lines *l, const struct device_visitor *v)
{
	keyword_devices(l, "append", v);
}
