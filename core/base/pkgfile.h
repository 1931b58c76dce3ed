/* Package files of dpkg (.deb) and RPM (.rpm), read whole: what they say of themselves and what they would put where.
 *
 * No script of a package is run and nothing is written; paths are those that the package gives, made absolute, and one
 * with ".." in it is refused.
 */
#ifndef REHOST_CORE_BASE_PKGFILE_H
#define REHOST_CORE_BASE_PKGFILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/cleanup.h"
#include "core/base/err.h"

enum pkg_kind { PKG_UNKNOWN = 0, PKG_DEB, PKG_RPM };

struct pkg_file {
	char *path;  /* "/usr/sbin/qemu-ga"; in a .deb's control part "postinst" */
	mode_t mode; /* type and permissions */
	char *link;  /* target of a symlink */
	bool odd;    /* neither a plain file, a folder nor a symlink, or with setuid: not to be put anywhere by us */
	const void *data;
	size_t size;
};

struct pkg {
	enum pkg_kind kind;
	struct arena arena;
	char *file; /* its name, without the folder */
	char *name, *version, *arch;
	char *control;	      /* deb: its paragraph */
	char *distribution;   /* rpm: "Fedora Project", NULL */
	VEC(char *) requires; /* rpm: "libc.so.6(GLIBC_2.34)(64bit)" … */
	VEC(struct pkg_file) files;
	VEC(struct pkg_file) scripts; /* deb: the control part, but for the paragraph */
	struct buf raw;		      /* the file itself */
	VEC(struct buf) contents;     /* own the files' data */
	uint64_t room;		      /* bytes of all contents */
};

enum {
	PKG_FILES_MAX = 20000, /* of one package: the largest agent has 60 */
	PKG_PATH_MAX = 4096,
};
#define PKG_FILE_MAX	 (64ULL << 20)	/* the file */
#define PKG_CONTENTS_MAX (256ULL << 20) /* all that is in it */

/* True for a name that ends in .deb or .rpm. */
bool pkg_is_named(const char *name);
/* Reads the package from data, which is copied. Damage is ERR_CORRUPT that names the file. */
int pkg_parse(const char *name, const void *data, size_t len, struct pkg **ret, struct err *err);
void pkg_free(struct pkg *p);
DEFINE_CLEANUP(struct pkg *, pkg_free)

/* One field of a .deb's paragraph in the arena, NULL: "Depends". Folded lines are joined. */
char *pkg_field(const struct pkg *p, const char *name, struct arena *a);

struct pkg_folder {
	struct arena arena;
	VEC(struct pkg *) packages;
	struct buf identity; /* a line a package: name, length, hash */
};

/* All packages in a folder of the host; one without any is ERR_USAGE. */
int pkg_folder_open(const char *path, struct pkg_folder **ret, struct err *err);
void pkg_folder_close(struct pkg_folder *f);
DEFINE_CLEANUP(struct pkg_folder *, pkg_folder_close)

#endif
