/* batch: many machines unattended, from a manifest to a report. */
#include "cli/command.h"

static const struct command *const parts[] = {
    &command_batch_plan,   &command_batch_run,	  &command_batch_resume,
    &command_batch_submit, &command_batch_status, &command_batch_cancel,
    &command_batch_report, &command_batch_unit,	  NULL,
};

const struct command command_batch = {
    .name = "batch",
    .arguments = "",
    .summary = "many machines unattended: plan, run, resume, report",
    .parts = parts,
};
