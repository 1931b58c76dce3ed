/* Files of [sections] with key=value lines (systemd units, .network, .link, NetworkManager keyfiles), line by line. */
#ifndef REHOST_GUEST_FILES_INI_H
#define REHOST_GUEST_FILES_INI_H

#include <stdint.h>

#include "guest/files/lines.h"

/* A walk over the keys: set lines, then ini_next() until it returns false. Lines may be edited, inserted or removed
 * between calls as long as `line` is kept right. */
struct ini {
	struct lines *lines;
	size_t next; /* first line not looked at yet */
	/* the key that was found */
	size_t line;
	char *section;	     /* without brackets, "" before the first */
	size_t section_line; /* line of its "[…]", SIZE_MAX before the first */
	char *key, *value;
	struct span value_at;
};

#define INI_OF(l)                                                                                                      \
	{                                                                                                              \
		.lines = (l), .section = "", .section_line = SIZE_MAX                                                  \
	}

bool ini_next(struct ini *i);
bool ini_is(const struct ini *i, const char *section, const char *key);

/* The last value of a key, in the arena; NULL when it isn't there. */
char *ini_get(struct lines *l, const char *section, const char *key);

#endif
