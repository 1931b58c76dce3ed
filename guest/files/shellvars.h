/* Files of shell assignments (/etc/default/grub, initramfs.conf, conf.d/resume): NAME=value lines, read and edited. */
#ifndef REHOST_GUEST_FILES_SHELLVARS_H
#define REHOST_GUEST_FILES_SHELLVARS_H

#include "guest/files/lines.h"

struct shellvar {
	struct span name, value; /* value without its quotes */
	char quote;		 /* '"', '\'' or 0 */
};

/* The assignment on a line ("export " allowed); false for comments and anything else. */
bool shellvar_parse(const char *text, struct shellvar *ret);

/* True when the assignment's name is `name`, or begins with it when that ends in '*'. */
bool shellvar_named(const char *text, const struct shellvar *var, const char *name);

/* The value that a shell would see last, in the arena; NULL when it isn't assigned. Escapes are kept as written. */
char *shellvars_get(const struct lines *l, const char *name);

/* Sets every assignment of name to value, or appends one. What a shell wouldn't take as it is stands in double quotes
 * with escapes, whatever quotes were there; a plain value keeps them. An assignment that goes on behind its line stays,
 * and a new one behind it wins. value holds no line ends. */
void shellvars_set(struct lines *l, const char *name, const char *value);

/* Removes the lines that assign it (name as in shellvar_named()) and nothing else, but for those of `keep` (NULL:
 * none); an assignment that goes on behind its line stays. */
void shellvars_drop(struct lines *l, const char *name, const char *keep);

/* The value in double quotes, each character of `special` behind a backslash: "\"$`\\" for a shell, "\"$\\" for GRUB.
 */
char *double_quoted(struct arena *a, const char *value, const char *special);

#endif
