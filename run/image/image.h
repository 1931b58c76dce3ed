/* Work on images by themselves: open as the user named them, copy any to any, compare, map, export. */
#ifndef REHOST_RUN_IMAGE_IMAGE_H
#define REHOST_RUN_IMAGE_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/err.h"
#include "core/base/json.h"
#include "formats/block.h"
#include "run/rules.h"

/* Opens path read-only; format NULL: by bid. Names inside the image lead beneath its folder, or where the rules (NULL:
 * none) allow it. */
int image_open_user(const char *path, const char *format, const struct image_rules *rules, struct block **ret,
		    struct err *err);

/* The same, and `watch` is told what is opened on the way: its dirfd and path are set by the call. */
struct folder;
int image_open_watched(const char *path, const char *format, const struct image_rules *rules, struct folder *watch,
		       struct block **ret, struct err *err);

struct image_confine_options {
	const char *const *allow_parent; /* folders in which parents may lie, NULL-terminated; NULL none */
	const char *writes;		 /* a target: files may be made and removed in its folder; or a block device,
					  * which alone may be written; NULL none */
	const char *removes_beside;	 /* a file in whose folder files may be removed; NULL none */
};

/* For programs that end with their image: from now on this process sees no files but those in the images' folders, and
 * has no system calls but those that reading and writing take (run/lockdown.h). Before the first image is opened, and
 * before there are threads. ret_ready has one for each source, for its rules; the caller gives them to
 * image_ready_done(). */
void image_confine(const char *const *sources, size_t nsources, const struct image_confine_options *options,
		   struct image_ready *ret_ready);

struct image_copy_options {
	const char *source, *source_format; /* format NULL: by bid */
	struct image_rules rules;	    /* for the source */
	const char *target, *target_format; /* format NULL: what the name ends with, else "qcow2" */
	const char *codec;		    /* NULL, "zlib", "zstd" */
	uint32_t cluster_size;		    /* bytes, 0: the format's default */
	const char *const *create;	    /* KEY=VALUE,… for the target; NULL-terminated */
	bool force;			    /* an existing target is replaced, a held device written */
	unsigned threads;		    /* 0: one a core */
	void (*bytes)(uint64_t done, uint64_t total, void *opaque); /* allocated data; may be NULL */
	/* The file that is written until it gets the target's name; may be NULL. */
	void (*unfinished)(const char *path, void *opaque);
	void *opaque;
};

/* Data once, in order; the target appears under its name when it is complete and synced. ret: source, target, formats,
 * size, allocated, bytes_read, bytes_moved (by the kernel, unseen), bytes_written. An existing target is ERR_BLOCKED. A
 * block device is written in place, as raw only; it is ERR_BLOCKED when it is too small, mounted or otherwise held. */
int image_copy(const struct image_copy_options *options, struct json **ret, struct err *err);

struct image_difference {
	bool differ;
	uint64_t at;		 /* first byte that differs */
	uint64_t size_a, size_b; /* a longer image whose rest is zeros is equal, as for qemu-img compare */
};

struct image_compare_options {
	unsigned threads; /* 0: one a core */
	/* How far it is, of the longer one's bytes; from one thread at a time; may be NULL. */
	void (*bytes)(uint64_t done, uint64_t total, void *opaque);
	void *opaque;
};

/* Content of both, whatever the formats; holes against holes are not read. Nothing behind the first difference counts:
 * an error there is none. */
int image_compare(struct block *a, struct block *b, const struct image_compare_options *options,
		  struct image_difference *ret, struct err *err);

/* Every extent of the image as an array of {offset, length, kind}: "data", "zero" or "hole", neighbours merged. */
int image_map(struct block *b, struct json **ret, struct err *err);

/* Serves the image at path read-only over NBD on a Unix socket that must not exist, until SIGINT, SIGTERM or SIGHUP;
 * calls ready() when clients can connect. Removes the socket. Confines the process (image_confine()) before it opens
 * the image. */
int image_serve(const char *path, const char *format, const struct image_rules *rules, const char *socket_path,
		void (*ready)(const char *socket_path), struct err *err);

#endif
