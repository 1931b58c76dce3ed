/* Man pages: a page of docs/man is prose, and what the program's own tables know is put in where the prose says so. */
#ifndef REHOST_CLI_MAN_H
#define REHOST_CLI_MAN_H

#include <stdio.h>

#include "core/base/err.h"

/* Writes the page of the file path ("docs/man/rehost-convert.1") as roff. Its name tells the command and the section.
 * Lines that begin with @ are replaced:
 *
 *     @synopsis            NAME and SYNOPSIS of the page's command
 *     @options             its OPTIONS; of a command with parts, those of each part
 *     @commands            the table of commands, with their pages
 *     @statuses            the exit statuses
 *     @table FILE HEADER   the rows of the table in a Markdown file beside the page whose first column is so called
 *
 * The date is that of $SOURCE_DATE_EPOCH. An unknown line is ERR_USAGE that names file and line. */
int man_page(const char *path, FILE *out, struct err *err);

/* Text as roff takes it: nothing in it is a request or an escape, and all of it is ASCII. */
void man_text(const char *text, FILE *out);

#endif
