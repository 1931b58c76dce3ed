/* Setup information files (.inf) of Windows drivers, as far as they say which device a driver is for, on which Windows,
 * and what is installed: "INF File Sections and Directives" and "General Syntax Rules for INF Files" in Microsoft's
 * documentation of driver installation.
 *
 * Tolerant where Windows is: any case, UTF-16 or UTF-8 with or without a mark, else code page 1252; what isn't
 * understood is passed over. Each question takes time linear in the file, and stops with ERR_CORRUPT at a limit.
 * Include and Needs (other files of Windows itself) are not followed.
 */
#ifndef REHOST_GUEST_FILES_INF_H
#define REHOST_GUEST_FILES_INF_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/arena.h"
#include "core/base/cleanup.h"
#include "core/base/err.h"
#include "core/model/windows.h"

enum {
	INF_FILE_MAX = 4 << 20,	   /* bytes: the largest of graphics drivers have 2 MiB */
	INF_LINES_MAX = 1 << 18,   /* of them 40,000 */
	INF_TEXT_MAX = 4096,	   /* characters of one field with its strings put in: Windows' own limit */
	INF_FIELDS_MAX = 256,	   /* of one line */
	INF_WALK_MAX = 16 << 20,   /* bytes that one question may look at, counted again when they are reached again */
	INF_DEVICES_MAX = 1 << 16, /* ids of one file for one Windows */
	INF_FILES_MAX = 512,	   /* that one device installs: the largest packages have 300 */
};

struct inf;

/* Reads data, which is copied. ERR_CORRUPT: not an .inf file (no [Version] with a known Signature), or over a limit. */
int inf_parse(const void *data, size_t len, struct inf **ret, struct err *err);
void inf_free(struct inf *f);
DEFINE_CLEANUP(struct inf *, inf_free)

/* [Version]; strings are "" when they aren't there. */
struct inf_version {
	const char *class, *class_guid, *provider;
	unsigned year, month, day; /* of DriverVer; 0: none, or none that is a date */
	uint64_t version;	   /* of DriverVer: four numbers of 16 bits, the first is the highest */
};
const struct inf_version *inf_version(const struct inf *f);
/* -1, 0 or 1 as DriverVer of a is older: the date first, as Windows ranks drivers. */
int inf_version_compare(const struct inf_version *a, const struct inf_version *b);
/* "2024-07-22,100.95.104.26200", "" without a DriverVer. */
char *inf_version_text(const struct inf_version *v, struct arena *a);
/* CatalogFile for that processor, "" when the package has none. */
char *inf_catalog(const struct inf *f, const char *arch, struct arena *a);

/* A hardware or compatible id, and the section that installs its driver. */
struct inf_device {
	const char *id; /* as written: "PCI\VEN_1AF4&DEV_1001&SUBSYS_00021AF4&REV_00" */
	const char *install;
};

/* What the file offers to one Windows. */
struct inf_offer {
	VEC(struct inf_device) devices;
	bool decorated;	       /* the sections that it comes from name a version of Windows: */
	unsigned major, minor; /* the highest of them */
	unsigned build;
	bool other_arch;    /* without devices: there are sections for other processors only */
	bool other_version; /* without devices: for that processor, but for other versions only */
};

/* The devices of the Models sections that this Windows takes: of each line of [Manufacturer] the one whose
 * TargetOSVersion is nearest below it, and only that one. A section without a processor is for i386. */
int inf_offer(const struct inf *f, const struct windows_version *v, struct arena *a, struct inf_offer *ret,
	      struct err *err);

/* Does a line of the file name that device, for whatever Windows? */
bool inf_mentions(const struct inf *f, const char *id);

struct inf_file {
	const char *source; /* path in the package, with '/': "viostor.sys", "x64/WdfCoInstaller01009.dll" */
	const char *name;   /* at its destination */
	unsigned dirid;	    /* 12: System32\drivers, 13: driver store, 11: System32 … */
	const char *subdir;
};

struct inf_service {
	const char *name;   /* "viostor" */
	const char *binary; /* last part of ServiceBinary: "viostor.sys" */
	const char *group;  /* LoadOrderGroup, "" */
	unsigned type, start, error_control;
	bool function_driver; /* the service that drives the device (SPSVCINST_ASSOCSERVICE) */
};

struct inf_install {
	VEC(struct inf_file) files;
	VEC(struct inf_service) services;
	unsigned kmdf;	  /* KmdfLibraryVersion as 100 * major + minor, 0: none */
	bool coinstaller; /* brings Microsoft's co-installer for it */
};

/* What an install section does on that processor: the one decorated for it, for NT, or the plain one. A file whose path
 * leads out of the package is ERR_CORRUPT. */
int inf_install(const struct inf *f, const char *section, const char *arch, struct arena *a, struct inf_install *ret,
		struct err *err);

#endif
