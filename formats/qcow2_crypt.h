/* Encrypted qcow2 images: the key, and reading of clusters with it. */
#ifndef REHOST_FORMATS_QCOW2_CRYPT_H
#define REHOST_FORMATS_QCOW2_CRYPT_H

#include "formats/open.h"
#include "formats/qcow2_header.h"
#include "formats/qcow2_reader.h"

/* Finds the key of an encrypted image among those of args->options; *ret stays NULL when options say that tables are
 * all that will be read. ERR_BLOCKED when no key is given or none opens it. */
int qcow2_crypt_open(const struct open_args *args, const struct qcow2_header *h, struct disk_cipher **ret,
		     struct err *err);

/* Reads len bytes of plain clusters that stand at `host` for the disk offset `off`, decrypted. */
int qcow2_crypt_read(struct qcow2 *q, unsigned char *buf, uint64_t len, uint64_t host, uint64_t off, struct err *err);

#endif
