/* dpkg's database: which packages are installed, in which version. */
#ifndef REHOST_GUEST_FILES_DPKG_H
#define REHOST_GUEST_FILES_DPKG_H

#include "core/base/arena.h"
#include "core/base/err.h"
#include "guest/guest.h"

struct dpkg;

/* Reads /var/lib/dpkg/status; a guest without it has no packages. */
int dpkg_open(struct guest *g, struct dpkg **ret, struct err *err);
/* The same from a text. */
int dpkg_parse(const char *status, struct dpkg **ret, struct err *err);
void dpkg_close(struct dpkg *d);
DEFINE_CLEANUP(struct dpkg *, dpkg_close)

/* The version of an installed package, NULL when it isn't installed. */
const char *dpkg_version(const struct dpkg *d, const char *package);

/* Are there files of the package: is it installed, or half-way there or away? */
bool dpkg_has_files(const struct dpkg *d, const char *package);

/* <0, 0, >0 as Debian policy 5.6.12 orders versions: "1:1.0~rc1-2" is before "1:1.0-1". */
int dpkg_compare(const char *a, const char *b);

/* A "Depends" field against what is installed, and what other packages there provide. Further: names and versions of
 * packages that count as installed, too. Not satisfied: *ret_missing (may be NULL) is the first alternative list that
 * isn't, in the arena. */
struct dpkg_further {
	const char *name, *version;
};
bool dpkg_satisfied(const struct dpkg *d, const char *depends, const struct dpkg_further *further, size_t n,
		    struct arena *a, const char **ret_missing);

/* Of a "Conflicts" or "Breaks" field (may be NULL) the first relation that an installed package matches, by its name or
 * by what it provides; in the arena, NULL: none. */
const char *dpkg_conflict(const struct dpkg *d, const char *field, struct arena *a);
/* The first installed package that conflicts with or breaks that one; in the arena, NULL: none. */
const char *dpkg_objector(const struct dpkg *d, const struct dpkg_further *to, struct arena *a);

/* The database with a paragraph at its end, in the place of one of the same package and architecture; in the arena. */
char *dpkg_with(const struct dpkg *d, const char *package, const char *arch, const char *paragraph, struct arena *a);

#endif
