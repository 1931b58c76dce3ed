/* Step inject-virtio: every kernel gets the virtio drivers into its initramfs; says what the machine may have. */
#include "converters/linux/linux.h"
#include "drivers-inject/inject.h"

static int run(const struct step_context *c, struct err *err)
{
	return inject_linux(c->guest, c->inspection, c->log, c->caps, err);
}

const struct step step_inject_virtio = {
    .id = "inject-virtio",
    .summary = "virtio drivers in every initramfs",
    .applies = step_always,
    .run = run,
};
