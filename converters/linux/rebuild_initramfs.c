/* Step rebuild-initramfs: the guest's own generator makes its images anew, when that was asked for. */
#include "converters/linux/linux.h"
#include "drivers-inject/inject.h"

static bool applies(const struct step_context *c)
{
	return c->options->rebuild_initramfs;
}

static int run(const struct step_context *c, struct err *err)
{
	return rebuild_linux(c->guest, c->inspection, c->log, c->caps, err);
}

const struct step step_rebuild_initramfs = {
    .id = "rebuild-initramfs",
    .summary = "the guest's own generator makes every initramfs anew",
    .applies = applies,
    .run = run,
};
