/* VHD: the writer behind struct format.create. */
#ifndef REHOST_FORMATS_VHD_H
#define REHOST_FORMATS_VHD_H

#include "formats/open.h"

/* A dynamic disk with blocks of 2 MiB, or with options->subformat a fixed one. fd is open read-write and owned by the
 * block on success. pwrite takes any range. Tables and footers are written by finish(): until then the file is no
 * image. ERR_UNSUPPORTED above 2040 GiB. Memory: 4 bytes a block. */
int vhd_create(int fd, const char *name, uint64_t size, const struct create_options *options, struct block **ret,
	       struct err *err);

/* "Appendix: CHS Calculation": the geometry of a disk of so many sectors. */
struct vhd_geometry {
	uint16_t cylinders;
	uint8_t heads, sectors;
};
struct vhd_geometry vhd_geometry_of(uint64_t sectors);

#endif
