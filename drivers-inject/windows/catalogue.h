/* The catalogue of a driver source, for drivers-inject/windows alone: its packages and its files. */
#ifndef REHOST_DRIVERS_INJECT_WINDOWS_CATALOGUE_H
#define REHOST_DRIVERS_INJECT_WINDOWS_CATALOGUE_H

#include "drivers-inject/windows.h"
#include "drivers-inject/windows/binary.h"
#include "guest/files/inf.h"

enum {
	CATALOGUE_PACKAGES_MAX = 8192,	/* virtio-win has 400 */
	CATALOGUE_INF_MAX = 128 << 20,	/* bytes of all .inf files */
	CATALOGUE_READ_MAX = 256 << 20, /* bytes that one guest may get: of virtio-win it is 5 MiB */
};

struct driver_file {
	const char *path, *key; /* as spelled, and in lower case */
	const char *real;	/* where its content is: another file of an image, or path */
	uint64_t size;		/* bytes */
	struct binary binary;	/* of .sys and .cat files */
	const struct inf *inf;	/* of .inf files, NULL: can't be understood */
};

struct driver_package {
	const char *path;   /* of its .inf file */
	const char *folder; /* "" or with a '/' at its end */
	const struct inf *inf;
};

struct driver_problem {
	const char *path, *text;
};

struct driver_catalogue {
	struct arena arena;
	const char *path;
	bool is_iso;
	const char *identity;
	VEC(struct driver_file) files; /* sorted by key */
	VEC(struct driver_package) packages;
	VEC(struct driver_problem) problems;
	VEC(struct inf *) infs; /* owned */
	uint64_t inf_bytes;
};

/* A file in the folder of a package, by a path in any case; NULL. */
const struct driver_file *catalogue_find(const struct driver_catalogue *c, const char *folder, const char *path);

/* A file to be read, and its content. */
struct wanted_file {
	const struct driver_file *file;
	struct buf content; /* empty until it is read; the caller's to free */
};
struct wanted_files {
	VEC(struct wanted_file) list;
};
void wanted_files_done(struct wanted_files *w);
/* Reads them all in one pass over the source. ERR_CORRUPT: one of them is gone, or more than CATALOGUE_READ_MAX. */
int catalogue_read(const struct driver_catalogue *c, struct wanted_files *w, struct err *err);

#endif
