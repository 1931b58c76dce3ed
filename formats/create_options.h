/* What a user asks of a new image: KEY=VALUE[,KEY=VALUE…], with the keys and values of qemu-img. */
#ifndef REHOST_FORMATS_CREATE_OPTIONS_H
#define REHOST_FORMATS_CREATE_OPTIONS_H

#include "formats/open.h"

/* Sets in o what text says; a later key replaces an earlier one. ERR_USAGE names the format and the key, and what is
 * possible. Which keys a format takes is in its create_keys; what values mean to it, its create() judges. */
int create_options_parse(const struct format *format, const char *text, struct create_options *o, struct err *err);

/* "lsilogic" … */
const char *adapter_name(enum adapter adapter);

#endif
