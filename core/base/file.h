/* Files of the host: whole reads and writes, opening beneath a folder, publishing by rename. */
#ifndef REHOST_CORE_BASE_FILE_H
#define REHOST_CORE_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/base/buf.h"
#include "core/base/err.h"

/* Reads exactly len bytes at off; end of file before that is ERR_CORRUPT, a failing read ERR_UNREADABLE. */
int file_pread(int fd, void *buf, size_t len, uint64_t off, struct err *err);
/* Writes exactly len bytes at off. */
int file_pwrite(int fd, const void *buf, size_t len, uint64_t off, struct err *err);
/* Writes all n ≤ IOV_MAX pieces one behind the other from off on; changes io on the way. */
struct iovec;
int file_pwritev(int fd, struct iovec *io, int n, uint64_t off, struct err *err);
/* Has the kernel move len bytes of a regular file into another: by sharing the blocks of both on file systems that can
 * (FICLONERANGE), or by a copy that a network or FUSE file system makes by itself (copy_file_range). False when it
 * can't, or not all: the whole range is to be read and written then. */
enum file_move { FILE_MOVE_UNKNOWN = 0, FILE_MOVE_SHARE, FILE_MOVE_COPY };
bool file_move_range(int from, uint64_t from_off, int to, uint64_t to_off, uint64_t len, enum file_move how);
/* Makes len bytes at off, inside the file, zeros: a hole where the file system has them, else written. */
int file_zero(int fd, uint64_t off, uint64_t len, struct err *err);
int file_write_zeros(int fd, uint64_t off, uint64_t len, struct err *err);
/* Writes exactly len bytes at the file position (pipes, sockets). */
int file_write(int fd, const void *buf, size_t len, struct err *err);
/* The same to a socket; a peer that has gone is ERR_HOST, not SIGPIPE. */
int file_send(int fd, const void *buf, size_t len, struct err *err);

/* Opens `name` for reading beneath dirfd: a relative path without "..", no symlink that leaves the folder, no magic
 * link, a regular file or (when allow_device) a block device; O_CLOEXEC. ERR_POLICY when the name leads outside,
 * ERR_UNREADABLE otherwise. The caller closes the descriptor. */
int file_open_beneath(int dirfd, const char *name, bool allow_device, struct err *err);

/* Opens the folder `name` ("." is dirfd itself) for listing, beneath dirfd in the same way. */
int file_open_dir_beneath(int dirfd, const char *name, struct err *err);

/* Opens a folder (path is the user's own word, so symlinks are followed): O_PATH|O_DIRECTORY|O_CLOEXEC. */
int file_open_dir(const char *path, struct err *err);

/* Whole file into buf (its max bounds it; a larger file is ERR_CORRUPT). */
int file_slurp(int dirfd, const char *name, struct buf *buf, struct err *err);
int file_slurp_fd(int fd, const char *name, struct buf *buf, struct err *err);
/* As much of the file's end as the buf's max allows. */
int file_slurp_tail(int fd, const char *name, struct buf *buf, struct err *err);

/* Creates or replaces dirfd/name with data, synced: written to a temporary name, then renamed over it. Of several who
 * do so at once one wins. Who is killed amid it leaves a temporary file in the folder. */
int file_replace(int dirfd, const char *name, const void *data, size_t len, mode_t mode, struct err *err);
/* Whether it is the name of such a file, without its folder. */
bool file_is_temporary(const char *name);

/* mkdir -p of path with mode 0755 & ~umask. */
int file_mkdirs(const char *path, struct err *err);

/* Fsync of a folder so that names in it last. */
int file_sync_dir(int dirfd, struct err *err);

/* renameat2 in one folder; an existing `to` is ERR_BLOCKED. Where a file system has no noreplace (NFS), a folder is
 * renamed without: that replaces nothing but an empty folder. A file is so, too, when `to` isn't there: the caller sees
 * to it that nobody else makes it meanwhile. */
int file_rename_noreplace(int dirfd, const char *from, const char *to, struct err *err);
/* The same from one folder into another. */
int file_move_noreplace(int from_dir, const char *from, int to_dir, const char *to, struct err *err);
/* Swaps both names; where a file system can't (NFS), by three renames over `spare`, a name that is free. */
int file_rename_exchange(int dirfd, const char *a, const char *b, const char *spare, struct err *err);

/* Raises the limit of files that this process and its children may have open to so many, or to what is allowed. */
void file_limit_raise(unsigned files);

/* Is fd what the name stands for? Between opening and locking a work in progress, the run that held it may have
 * published it: then the descriptor is of the finished result. */
bool file_is_at(int fd, int dirfd, const char *name);

/* Removes a tree beneath dirfd without following symlinks; a name that isn't there is fine. */
int file_remove_tree(int dirfd, const char *name, struct err *err);

/* Where files without a name go: $TMPDIR when it is an absolute path, else /var/tmp. */
const char *file_tmpdir(void);

/* A file without a name in $TMPDIR (/var/tmp): gone with the process, however it ends. The caller closes it. */
int file_unnamed(struct err *err);

/* Bytes free for us on the file system of fd. */
int file_space_free(int fd, uint64_t *ret_bytes, struct err *err);

#endif
