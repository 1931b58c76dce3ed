/* libvirt's domain XML as a source, as far as disks behind NBD servers of this host go: what virt-p2v sends. */
#ifndef REHOST_SOURCES_LIBVIRTXML_H
#define REHOST_SOURCES_LIBVIRTXML_H

#include "sources/source.h"

extern const struct source source_libvirtxml;

/* Fills m from the text of a domain. Disks have no folder, and as file the name that the domain gives them. ERR_CORRUPT
 * and ERR_UNSUPPORTED name the line. */
int libvirtxml_parse(const void *text, size_t len, struct machine *m, struct err *err);

#endif
