/* Sources: an argument of the command line becomes a machine. One file a kind, one table, probe by bid. */
#ifndef REHOST_SOURCES_SOURCE_H
#define REHOST_SOURCES_SOURCE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/err.h"
#include "core/model/machine.h"

struct source_options {
	const char *kind;     /* -i: "ova", "vmx", "disk"; NULL: autodetect */
	const char *format;   /* -if: of all disks, whatever is said of them elsewhere; NULL: what is, or by bid */
	bool force;	      /* a source in use is taken as it is (crash-consistent) */
	bool allow_truncated; /* a disk shorter than the description says is taken as it is */
	const char *const *allow_parent; /* folders beside the machine's that disks may lie in; NULL: none */
	const char *vm;			 /* --vm: which VirtualSystem of several; NULL: the only one */
};

struct source {
	const char *kind;	 /* "ova" */
	const char *alias;	 /* another word for -i: virt-v2v's; NULL none */
	const char *description; /* for `rehost formats` */
	bool several;		 /* more paths are more disks of one machine */
	/* How sure: path exists and is this kind. 0 no. head: the first bytes of a regular file. */
	int (*bid)(const char *path, const char *head, size_t head_len);
	/* Adds what path holds to m. */
	int (*open)(const char *path, const struct source_options *options, struct machine *m, struct err *err);
	/* As source_verify(); NULL: nothing to check. */
	int (*verify)(const struct machine *m, unsigned *ret_checked, const volatile bool *stop, struct err *err);
};

extern const struct source *const sources[]; /* NULL-terminated */

/* Fills a machine (machine_complete() included) from the user's arguments; npaths > 1 only for bare disks. A source in
 * use, suspended or encrypted is ERR_BLOCKED with advice. */
int source_open(const char *const *paths, size_t npaths, const struct source_options *options, struct machine **ret,
		struct err *err);

/* The manifest of an OVA: checked in one sequential pass over the file(s), in the caller's thread, so that it overlaps
 * with other work. No manifest: *ret_checked = 0. A mismatch is ERR_CORRUPT that names member, digest found and
 * expected. *stop (may be NULL) ends the pass early. */
int source_verify(const struct machine *m, unsigned *ret_checked, const volatile bool *stop, struct err *err);

#endif
