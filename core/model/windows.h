/* Versions of Windows: our own table of releases and builds, from XP and Server 2003 on. */
#ifndef REHOST_CORE_MODEL_WINDOWS_H
#define REHOST_CORE_MODEL_WINDOWS_H

#include <stdbool.h>
#include <stddef.h>

/* The numbers are those of VER_NT_WORKSTATION and its kin, which .inf files use, too. */
enum windows_role { WINDOWS_ROLE_UNKNOWN = 0, WINDOWS_CLIENT = 1, WINDOWS_DOMAIN_CONTROLLER = 2, WINDOWS_SERVER = 3 };

struct windows_version {
	unsigned major, minor, build; /* of NT: 10, 0, 22631; build 0: not known */
	enum windows_role role;	      /* unknown counts as a client */
	const char *arch;	      /* "x86_64", "i386", "aarch64" */
};

struct windows_release {
	const char *id;		      /* libosinfo's short id: "win2k19" */
	const char *osinfo;	      /* libosinfo's id: "http://microsoft.com/win/2k19" */
	const char *name;	      /* "Windows Server 2019" */
	unsigned major, minor, build; /* its first build */
	bool server;
	const char *const *folders; /* what virtio-win calls it, NULL-terminated, the best first: "2k19" */
};

/* The release that a version belongs to: a build between two belongs to the earlier. NULL: none of the table. */
const struct windows_release *windows_release_of(const struct windows_version *v);
/* The whole table in order of age; *ret_n rows. */
const struct windows_release *windows_releases(size_t *ret_n);

/* The name of a folder on a driver disc ("w10", "Win2k22", "2k8R2") as one that windows_release.folders has, NULL: it
 * names no version of Windows. */
const char *windows_folder(const char *name);

/* What a build is called: "22H2", "SP1"; "" when it has no name, or isn't known. */
const char *windows_build_name(const struct windows_version *v);
/* "Windows Server 2019 (10.0.17763, x86_64)". */
enum { WINDOWS_TEXT_MAX = 96 };
void windows_text(const struct windows_version *v, char ret[WINDOWS_TEXT_MAX]);

/* The kernel-mode driver framework that comes with it, as 100 * major + minor: 119 is 1.19; 0: none. */
unsigned windows_kmdf(const struct windows_version *v);

/* -1, 0 or 1: whether NT major.minor is older than v's, the same or newer. */
int windows_compare(unsigned major, unsigned minor, const struct windows_version *v);

#endif
