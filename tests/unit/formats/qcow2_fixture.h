/* Small qcow2 images by hand, for tests to bend. */
#ifndef REHOST_TESTS_FORMATS_QCOW2_FIXTURE_H
#define REHOST_TESTS_FORMATS_QCOW2_FIXTURE_H

#include <stdlib.h>
#include <string.h>

#include "core/base/bytes.h"
#include "formats/qcow2_layout.h"

enum { L1_AT = 0x10000, L2_AT = 0x20000, DATA_AT = 0x30000, FILE_END = 0x40000, EXT_AT = QCOW2_V3_HEADER_SIZE };

/* FILE_END bytes: an empty disk of 1 MiB with these incompatible features. */
static inline unsigned char *make_image(uint64_t features)
{
	unsigned char *f = calloc(1, FILE_END);

	put_be32(f + QCOW2_H_MAGIC, QCOW2_MAGIC);
	put_be32(f + QCOW2_H_VERSION, 3);
	put_be32(f + QCOW2_H_CLUSTER_BITS, 16);
	put_be64(f + QCOW2_H_SIZE, MIB);
	put_be32(f + QCOW2_H_L1_SIZE, 1);
	put_be64(f + QCOW2_H_L1_OFFSET, L1_AT);
	put_be64(f + QCOW2_H_INCOMPATIBLE, features);
	put_be32(f + QCOW2_H_HEADER_LENGTH, QCOW2_V3_HEADER_SIZE);
	put_be64(f + L1_AT, L2_AT | QCOW2_COPIED);
	return f;
}

#endif
