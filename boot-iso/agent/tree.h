/* A system's files as text: /sys, /proc and /run beneath a root, which in tests is a folder that looks like them. */
#ifndef REHOST_BOOT_ISO_AGENT_TREE_H
#define REHOST_BOOT_ISO_AGENT_TREE_H

#include <stdbool.h>
#include <stdint.h>

#include "boot-iso/agent/words.h"
#include "core/base/buf.h"
#include "core/base/err.h"

enum {
	TREE_PATH_MAX = 512,	 /* longer ones don't occur below /sys, and are as if they weren't there */
	TREE_FILE_MAX = 1 << 20, /* /proc/cpuinfo of 256 CPUs is under 400 kB */
	TREE_LIST_MAX = 4096,	 /* names in one folder */
};

struct tree {
	int fd; /* the root */
};

/* root: "/" or a folder. */
int tree_open(struct tree *t, const char *root, struct err *err);
void tree_close(struct tree *t);

/* The file's text without the white space at its ends, in the arena; NULL when it can't be read or is empty. The path
 * is relative to the root, without a slash at its begin. */
char *tree_text(const struct tree *t, struct arena *a, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The file's bytes; false when it can't be read or is too large. */
bool tree_bytes(const struct tree *t, struct buf *ret, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The file's number (decimal), or missing. */
uint64_t tree_number(const struct tree *t, uint64_t missing, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The last part of a symlink's target; NULL when it is none. */
char *tree_link(const struct tree *t, struct arena *a, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Whether the file or folder is there. */
bool tree_has(const struct tree *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The names in a folder, sorted so that sda2 comes before sda10; none when it isn't there. */
struct words tree_list(const struct tree *t, struct arena *a, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The value of a line KEY=value or key<tab>: value (the separator is given); NULL when there is none. */
char *tree_value(struct arena *a, const char *text, const char *key, char separator);

#endif
