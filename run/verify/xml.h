/* A result's libvirt XML, judged three times: by libvirt's schema, by libvirt itself, and by the disks that it names.
 */
#ifndef REHOST_RUN_VERIFY_XML_H
#define REHOST_RUN_VERIFY_XML_H

#include <stdbool.h>

#include "core/base/err.h"
#include "core/base/json.h"
#include "run/verify/seal.h"

struct verify_xml_job {
	int dirfd;	    /* of the result's folder */
	const char *folder; /* its path */
	const char *name;   /* of the XML in it */
	const struct seal *seal;
};

/* ret gets "file", and under "schema", "libvirt" and "disks" {result: "ok", "failed" or "skipped", text}. -1 when
 * something couldn't be looked at; ret has what was. Starts the io process, which opens the disks. */
int verify_xml(const struct verify_xml_job *job, struct json *ret, struct err *err);

/* Whether an error says something of what was looked at, and not that it couldn't be looked at (memory, this host, a
 * file that can't be read). */
bool verify_is_verdict(enum err_code code);

/* Only whether the disks that it names are the result's, in this folder, with nothing outside of it behind them (a
 * backing file, a link): before anything is started that would open them without looking. Starts the io process. */
int verify_xml_opens(const struct verify_xml_job *job, struct err *err);

#endif
