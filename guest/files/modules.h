/* A kernel's modules: what modules.dep, .alias, .symbols, .softdep and .builtin say, closures, and merged indexes.
 *
 * The formats are modules.dep(5), modprobe.d(5) (alias, softdep) and the comments in depmod(8)'s files. Module names
 * are written with '_' everywhere, as the kernel does.
 */
#ifndef REHOST_GUEST_FILES_MODULES_H
#define REHOST_GUEST_FILES_MODULES_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/cleanup.h"
#include "core/base/err.h"
#include "guest/guest.h"

enum {
	MODULE_NAME_MAX = 64,	      /* the kernel's MODULE_NAME_LEN is 64 - sizeof(long) */
	MODULES_INDEX_MAX = 16 << 20, /* one index file; the largest seen is under 2 MiB */
	MODULES_MAX = 1 << 16,	      /* a distribution's kernel has about 6000 */
	MODULES_LINES_MAX = 1 << 20,  /* aliases and symbols; a distribution's kernel has about 50000 */
};

struct module {
	const char *name;   /* "virtio_blk" */
	const char *path;   /* relative to the modules folder, or absolute: "kernel/drivers/block/virtio_blk.ko.xz" */
	const char **needs; /* paths of the modules it needs, as in its line; nneeds of them */
	size_t nneeds;
};

/* A line of modules.alias or modules.symbols: pattern "virtio:d00000002v*" or "symbol:…", and the module's name. */
struct module_alias {
	const char *pattern, *name;
};

/* A line of modules.softdep: "softdep NAME pre: A B post: C". */
struct module_softdep {
	const char *name, *line;
};

struct module_index {
	const char *name;
	size_t at; /* in list */
};

struct modules {
	struct arena arena;
	VEC(struct module) list; /* in the order of modules.dep */
	VEC(struct module_alias) aliases;
	VEC(struct module_alias) symbols;
	VEC(struct module_softdep) softdeps;
	VEC(const char *) builtin;    /* names */
	struct module_index *by_name; /* sorted, list.n entries; NULL until needed */
};

/* "kernel/drivers/block/virtio-blk.ko.xz" is "virtio_blk"; false when it is no module's file name. */
bool module_name_of(const char *path, char ret[MODULE_NAME_MAX]);

struct modules *modules_new(void);
void modules_free(struct modules *m);
DEFINE_CLEANUP(struct modules *, modules_free)

/* One file each, added to what is there; text ends in NUL. Lines that can't be understood are skipped, as kmod does;
 * more than the maximums is ERR_CORRUPT. */
int modules_parse_dep(struct modules *m, const char *text, struct err *err);
int modules_parse_alias(struct modules *m, const char *text, struct err *err); /* modules.alias and modules.symbols */
int modules_parse_softdep(struct modules *m, const char *text, struct err *err);
int modules_parse_builtin(struct modules *m, const char *text, struct err *err);
/* The binary forms of modules.dep, and of modules.alias and modules.symbols. */
int modules_parse_dep_bin(struct modules *m, const void *data, size_t len, struct err *err);
int modules_parse_alias_bin(struct modules *m, const void *data, size_t len, struct err *err);

/* A guest's folder ("/lib/modules/6.1.0-18-amd64"): .dep and .builtin, with all also .alias, .symbols and .softdep.
 * Files that are missing leave their part empty. */
int modules_load(struct guest *g, const char *dir, bool all, struct modules **ret, struct err *err);

const struct module *modules_find(struct modules *m, const char *name);
bool modules_is_builtin(const struct modules *m, const char *name);

struct module_list {
	VEC(struct module) list; /* their texts belong to the modules they are from */
};

/* Adds what `name` needs, each module before those that need it, then itself, to ret (in arena a), without doubles:
 * modules.dep's needs, and of softdeps those that exist. Built-in ones need nothing. ERR_CORRUPT when the module or one
 * that it needs is not in modules.dep. */
int modules_closure(struct modules *m, const char *name, struct arena *a, struct module_list *ret, struct err *err);

/* Adds a module of `from`, under another path and needing the given paths, with its aliases, symbols and softdeps to
 * one that hasn't got it. */
void modules_adopt(struct modules *to, const struct modules *from, const struct module *module, const char *path,
		   const char *const *needs, size_t nneeds);

/* Appends an index as depmod(8) writes it, without its comments: "modules.dep", "modules.alias", "modules.symbols",
 * each also with ".bin", and "modules.softdep". */
int modules_print(struct modules *m, const char *file, struct buf *out, struct err *err);

#endif
