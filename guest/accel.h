/* Which accelerator works here: a timed probe of kvm and tcg with a boot sector, cached. */
#ifndef REHOST_GUEST_ACCEL_H
#define REHOST_GUEST_ACCEL_H

#include <stdbool.h>

#include "core/base/err.h"
#include "core/base/json.h"

struct accel {
	bool kvm;   /* chosen: kvm, else tcg */
	int kvm_ms; /* how long the probe took; -1 failed or not there */
	int tcg_ms;
	char reason[256]; /* one line: "kvm: qemu exited with 134 (…); tcg: took 63 ms" */
	bool cached;
};

/* Boots a 512-byte sector that writes to isa-debug-exit under each accelerator (3 s limit each) and chooses kvm when it
 * works and takes less than twice tcg's time.
 * The answer is cached under $XDG_CACHE_HOME/rehost (else /var/cache/rehost for root, ~/.cache/rehost) by qemu's build,
 * kernel release, boot id and CPU model. ERR_HOST when qemu itself is missing. */
int accel_probe(struct accel *ret, struct err *err);

struct json *accel_json(const struct accel *a);

#endif
