/* The man page, made from the tables of commands and options. */
#ifndef REHOST_CLI_MAN_H
#define REHOST_CLI_MAN_H

#include <stdio.h>

/* rehost(1) as roff. */
void man_page(FILE *out);

#endif
