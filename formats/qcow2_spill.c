/* L2 tables of a large image that is being written: those that are full and behind the writing wait in the file, so
 * that memory doesn't grow with the data. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/checked.h"
#include "core/base/cleanup.h"
#include "core/base/file.h"
#include "formats/qcow2_layout.h"
#include "formats/qcow2_writer.h"

void qcow2_table_put(const struct qcow2_writer *w, const uint64_t *entries, unsigned char *table)
{
	uint64_t n = qcow2_per_l2(w), size = w->cluster / n;

	memset(table, 0, w->cluster);
	for (uint64_t i = 0; i < n; i++)
		qcow2_put_entry(w, table + i * size, entries[i]);
}

void qcow2_table_get(const struct qcow2_writer *w, const unsigned char *table, uint64_t *entries)
{
	uint64_t n = qcow2_per_l2(w), size = w->cluster / n;

	for (uint64_t i = 0; i < n; i++)
		entries[i] = get_be64(table + i * size);
}

static int save(void *opaque, const uint64_t *entries, uint64_t *ret_place, struct err *err)
{
	struct qcow2_writer *w = opaque;
	AUTO_FREE unsigned char *table = malloc(w->cluster);

	if (!table)
		return err_nomem(err);
	qcow2_table_put(w, entries, table);
	/* What an earlier run wrote stays till it is known which of it counts. */
	pthread_mutex_lock(&w->lock);
	w->tail = max_u64(w->tail, w->old_size);
	pthread_mutex_unlock(&w->lock);
	*ret_place = qcow2_place_plain(w, 1);
	return file_pwrite(w->fd, table, w->cluster, *ret_place, err);
}

static int load(void *opaque, uint64_t place, uint64_t *entries, struct err *err)
{
	struct qcow2_writer *w = opaque;
	AUTO_FREE unsigned char *table = malloc(w->cluster);

	if (!table)
		return err_nomem(err);
	if (file_pread(w->fd, table, w->cluster, place, err) < 0) {
		if (err)
			err->code = ERR_INTERNAL; /* what we wrote: no fault of the source */
		return -1;
	}
	qcow2_table_get(w, table, entries);
	return 0;
}

struct qcow2_map_store qcow2_spill_store(struct qcow2_writer *w)
{
	return (struct qcow2_map_store){.save = save, .load = load, .opaque = w};
}

/* To a half, so that it isn't due again at once. A preallocated image has no tables there yet, only what is written. */
int qcow2_spill_if_due(struct qcow2_writer *w, struct err *err)
{
	if (w->map.in_memory <= w->map_leaves || w->preallocation)
		return 0;
	return qcow2_map_spill(&w->map, w->map_leaves / 2, err) < 0 ? err_wrap(err, "tables") : 0;
}
