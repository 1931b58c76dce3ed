/* Bare disk images and block devices as a source. */
#ifndef REHOST_SOURCES_DISK_H
#define REHOST_SOURCES_DISK_H

#include "sources/source.h"

extern const struct source source_disk;

#endif
