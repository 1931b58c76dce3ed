/* Writing a compressed tar archive, file by file from memory; the same input gives the same bytes.
 *
 *     AUTO(tarball_freep) struct tarball *t = tarball_new(fd, "report.tar.gz", err);
 *     tarball_add(t, "folder/file.txt", data, len, err);
 *     tarball_end(t, err);
 */
#ifndef REHOST_CORE_BASE_TARBALL_H
#define REHOST_CORE_BASE_TARBALL_H

#include <stdbool.h>
#include <stddef.h>

#include "core/base/cleanup.h"
#include "core/base/err.h"

struct tarball;

/* The ending of the name tells the compression: .tar.gz, .tgz or .tar.zst; another one is false and ERR_USAGE. */
bool tarball_is_name(const char *name, struct err *err);

/* Writes to fd, which the caller closes; compressed as the name tells. */
struct tarball *tarball_new(int fd, const char *name, struct err *err);
/* A plain file, readable by its owner, dated 1970. */
int tarball_add(struct tarball *t, const char *name, const void *data, size_t len, struct err *err);
/* What is missing at the archive's end; after it only tarball_free(). */
int tarball_end(struct tarball *t, struct err *err);
void tarball_free(struct tarball *t);
DEFINE_CLEANUP(struct tarball *, tarball_free)

#endif
