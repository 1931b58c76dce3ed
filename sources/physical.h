/* A physical machine as its live system describes it: the inventory of docs/p2v.md, and the folder it is kept in. */
#ifndef REHOST_SOURCES_PHYSICAL_H
#define REHOST_SOURCES_PHYSICAL_H

#include "core/base/json.h"
#include "core/model/machine.h"
#include "sources/source.h"

/* In a machine's folder: the inventory, with a "file" for each disk that names a Unix socket (an NBD server has the
 * disk) or an image in that folder, raw or what "format" says: qcow2. */
#define PHYSICAL_INVENTORY "machine.json"

enum {
	PHYSICAL_DISKS_MAX = 64,     /* docs/p2v.md */
	PHYSICAL_NICS_MAX = 64,	     /* cards with their virtual functions */
	PHYSICAL_TEXT_MAX = 256,     /* bytes of any text: names, models, serial numbers */
	PHYSICAL_FILE_MAX = 1 << 20, /* bytes of an inventory */
};

/* Adds what the inventory says to m: all of it is checked, and what is missing stays unknown. Disks have no folder and
 * no file yet. Breaches are ERR_CORRUPT. */
int physical_parse(const struct json *inventory, struct machine *m, struct err *err);

/* The machine's SMBIOS UUID in lower case, as some firmware has rubbish there: "" when it is none, or one that many
 * machines have. */
void physical_uuid(const struct json *inventory, char uuid[37]);

extern const struct source source_physical;

#endif
