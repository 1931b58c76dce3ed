/* Subclusters of qcow2 images that are being written (extended L2 entries): those of zeros stay holes of the file, and
 * those that are holes in the end are unallocated. So the map needs no bits of them, and whatever the file system makes
 * of holes, the image reads the same. */
#include <errno.h>
#include <unistd.h>

#include "core/base/checked.h"
#include "core/base/file.h"
#include "core/base/zeros.h"
#include "formats/qcow2_layout.h"
#include "formats/qcow2_writer.h"

bool qcow2_subclusters_skip(const struct qcow2_writer *w)
{
	return w->extended && !w->resumed;
}

int qcow2_subclusters_write(const struct qcow2_writer *w, const unsigned char *from, uint64_t len, uint64_t host,
			    struct err *err)
{
	uint64_t sub = w->cluster / QCOW2_SUBCLUSTERS;

	for (uint64_t at = 0, end; at < len; at = end) {
		bool zero = all_zeros(from + at, min_u64(sub, len - at));

		for (end = at + sub; end < len && all_zeros(from + end, min_u64(sub, len - end)) == zero;)
			end += sub;
		end = min_u64(end, len);
		if (!zero && file_pwrite(w->fd, from + at, end - at, host + at, err) < 0)
			return -1;
	}
	return 0;
}

uint64_t qcow2_subclusters_bits(const struct qcow2_writer *w, uint64_t host)
{
	uint64_t sub = w->cluster / QCOW2_SUBCLUSTERS, bits = 0;

	if (w->preallocation || w->resumed)
		return QCOW2_ALL_ALLOCATED;
	for (unsigned i = 0; i < QCOW2_SUBCLUSTERS; i++) {
		off_t at = (off_t)(host + i * sub), data = lseek(w->fd, at, SEEK_DATA);

		if (data < 0)
			return errno == ENXIO ? bits : QCOW2_ALL_ALLOCATED;
		if (data < at + (off_t)sub)
			bits |= UINT64_C(1) << i;
	}
	return bits;
}
