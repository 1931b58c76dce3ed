/* OVA and OVF packages as a source. */
#ifndef REHOST_SOURCES_OVA_H
#define REHOST_SOURCES_OVA_H

#include "sources/source.h"

extern const struct source source_ova;

#endif
