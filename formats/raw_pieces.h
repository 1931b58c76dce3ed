/* Raw disks in pieces: x.001, x.002 and so on, as split and imaging tools write them. */
#ifndef REHOST_FORMATS_RAW_PIECES_H
#define REHOST_FORMATS_RAW_PIECES_H

#include "formats/open.h"

/* When args is the first piece (its name ends in .001 and a second one is beside it), *ret is all pieces as one block,
 * which owns args->file; else NULL. All but the last must have one size, and none may be missing. */
int raw_pieces_open(const struct open_args *args, struct block **ret, struct err *err);

#endif
