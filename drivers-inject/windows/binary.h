/* What a driver's program (.sys) and catalogue (.cat) tell of themselves, without a check of their signatures. */
#ifndef REHOST_DRIVERS_INJECT_WINDOWS_BINARY_H
#define REHOST_DRIVERS_INJECT_WINDOWS_BINARY_H

#include <stdbool.h>
#include <stddef.h>

/* Whose signature it carries, from the worst to the best. The marks are the object identifiers of the certificates'
 * enhanced key usage and the name of Microsoft's root for cross-signing. */
enum signature {
	SIGNATURE_UNKNOWN = 0,
	SIGNATURE_NONE,
	SIGNATURE_OTHER,    /* by somebody, as test-signed drivers are */
	SIGNATURE_CROSS,    /* by a maker whose certificate Microsoft's root signed: 64-bit Windows loads it */
	SIGNATURE_ATTESTED, /* 1.3.6.1.4.1.311.10.3.5.1: by Microsoft without a test; Windows 10 and later */
	SIGNATURE_WHQL,	    /* 1.3.6.1.4.1.311.10.3.5: by Microsoft after its tests */
};
const char *signature_name(enum signature s);

struct binary {
	const char *arch;      /* of a PE image: "x86_64", "i386", "aarch64"; "" for another; NULL: no PE image */
	unsigned major, minor; /* the oldest NT that it was linked for (MajorSubsystemVersion); 0: not stated */
	bool checked;	       /* a debug build (VS_FF_DEBUG) */
	enum signature signature;
	bool sha1, sha2; /* which digests of the program the signatures state: old Windows know the first only */
};

/* data is a .sys or .cat file. */
struct binary binary_of(const void *data, size_t len);

#endif
