/* Preallocated qcow2 images: every cluster of the disk has its place from the beginning, in the order of the disk. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/base/checked.h"
#include "core/base/cleanup.h"
#include "core/base/file.h"
#include "formats/qcow2_layout.h"
#include "formats/qcow2_writer.h"

enum { ZEROS_BYTES = 1 << 20 };

int qcow2_prealloc_start(struct qcow2_writer *w, struct err *err)
{
	int failed;

	w->tail = qcow2_fixed_place(w, w->map.clusters);
	if (ftruncate(w->fd, (off_t)w->tail) < 0)
		return err_sys(err, ERR_INTERNAL, "cannot set the file's size to %" PRIu64, w->tail);
	if (w->preallocation == PREALLOCATION_METADATA)
		return 0;
	failed = posix_fallocate(w->fd, 0, (off_t)w->tail);
	if (!failed)
		return 0;
	errno = failed;
	return err_sys(err, ERR_INTERNAL, "cannot reserve %" PRIu64 " bytes", w->tail);
}

int qcow2_prealloc_write(struct qcow2_writer *w, const void *data, uint64_t first, size_t len, struct err *err)
{
	uint64_t n = div_round_up(len, w->cluster);

	if (file_pwrite(w->fd, data, len, qcow2_fixed_place(w, first), err) < 0)
		return -1;
	for (uint64_t i = first; i < first + n; i++)
		if (qcow2_map_set(&w->map, i, qcow2_fixed_place(w, i) | QCOW2_COPIED, err) < 0)
			return -1;
	return 0;
}

static int write_zeros(const struct qcow2_writer *w, uint64_t first, uint64_t n, struct err *err)
{
	uint64_t at = qcow2_fixed_place(w, first), left = n * w->cluster;
	AUTO_FREE unsigned char *zeros = calloc(1, ZEROS_BYTES);

	if (!zeros)
		return err_nomem(err);
	for (uint64_t part; left; at += part, left -= part) {
		part = min_u64(left, ZEROS_BYTES);
		if (file_pwrite(w->fd, zeros, part, at, err) < 0)
			return -1;
	}
	return 0;
}

/* Writes zeros to the clusters of [first, end) that are written already, or to those that are not. */
static int zero_those(const struct qcow2_writer *w, uint64_t first, uint64_t end, bool written, struct err *err)
{
	for (uint64_t i = first, n; i < end; i += n) {
		bool is = qcow2_map_get(&w->map, i);

		for (n = 1; i + n < end && (qcow2_map_get(&w->map, i + n) != 0) == is;)
			n++;
		if (is == written && write_zeros(w, i, n, err) < 0)
			return -1;
	}
	return 0;
}

int qcow2_prealloc_zero(const struct qcow2_writer *w, uint64_t first, uint64_t n, struct err *err)
{
	return zero_those(w, first, first + n, true, err);
}

int qcow2_prealloc_finish(const struct qcow2_writer *w, struct err *err)
{
	if (w->preallocation != PREALLOCATION_FULL && !w->resumed)
		return 0;
	return zero_those(w, 0, w->map.clusters, false, err);
}
