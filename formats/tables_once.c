/* Tables of a directory: each is named once. */
#include "formats/tables_once.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>

#include "core/base/cleanup.h"

/* As nearly all programs write them: in rising order. */
static bool are_rising(const uint64_t *tables, uint64_t n)
{
	uint64_t last = 0;

	for (uint64_t i = 0; i < n; i++) {
		if (tables[i] && tables[i] <= last)
			return false;
		last = tables[i] ? tables[i] : last;
	}
	return true;
}

static int by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

int tables_once(const uint64_t *tables, uint64_t n, const char *what, struct err *err)
{
	AUTO_FREE uint64_t *sorted = NULL;
	size_t used = 0;

	if (are_rising(tables, n))
		return 0;
	sorted = calloc(n, sizeof *sorted);
	if (!sorted)
		return err_nomem(err);
	for (uint64_t i = 0; i < n; i++)
		if (tables[i])
			sorted[used++] = tables[i];
	qsort(sorted, used, sizeof *sorted, by_value);
	for (size_t i = 1; i < used; i++)
		if (sorted[i] == sorted[i - 1])
			return err_set(err, ERR_CORRUPT, "%s at 0x%" PRIx64 ": two entries name it", what, sorted[i]);
	return 0;
}
