/* What shells complete, made from the tables of commands and options. */
#ifndef REHOST_CLI_COMPLETION_H
#define REHOST_CLI_COMPLETION_H

#include <stdio.h>

#include "core/base/err.h"

/* Writes the completion of rehost for that shell: "bash", "zsh" or "fish"; another one is ERR_USAGE. */
int completion(const char *shell, FILE *out, struct err *err);

#endif
