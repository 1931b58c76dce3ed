/* `rehost verify`: a result against its seal, against its source, by its XML, and by booting it. docs/verify.md */
#ifndef REHOST_RUN_VERIFY_VERIFY_H
#define REHOST_RUN_VERIFY_VERIFY_H

#include <stdbool.h>

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/json.h"
#include "run/convert.h"
#include "run/proof/boot.h"

struct verify_options {
	const char *result;	    /* its folder, or the XML in it */
	const char *const *sources; /* paths; none: not compared with one */
	size_t nsources;
	struct source_options source;
	struct image_rules rules; /* for the source's disks */
	bool evidence, xml;
	enum boot_level boot;  /* BOOT_LEVEL_UNKNOWN: not booted */
	const char *shots;     /* folder for screenshots; NULL: NAME-boot in the current one */
	unsigned boot_timeout; /* seconds; 0: its default */
	unsigned threads;      /* 0: one a core */
	struct run_events events;
};

/* Does all that is asked for, whatever was found before. ERR_VERIFY when anything differs, else ERR_BOOT when only the
 * boot proof failed; ERR_CORRUPT or ERR_UNREADABLE for the seal. ret: the whole account (docs/verify.md), NULL when
 * there is none. From the main thread, as boot_prove(). */
int verify_result(const struct verify_options *options, struct json **ret, struct err *err);

/* The account for people. */
int verify_text(const struct json *report, struct buf *out, struct err *err);

#endif
