/* Arrays that grow: of malloc(3), where an arena would keep every smaller one until the end. */
#ifndef REHOST_CORE_BASE_GROW_H
#define REHOST_CORE_BASE_GROW_H

#include <stdlib.h>
#include <string.h>

#include "core/base/err.h"

/* Makes room for one more element of `size` bytes in the array of n at *array (a pointer of any type, NULL at first)
 * with room for *cap; twice as much each time. The array stays as it is when memory is out. The caller bounds n. */
static inline int array_grow(void *array, size_t n, size_t *cap, size_t size, struct err *err)
{
	size_t more = *cap ? 2 * *cap : 64;
	void *grown;

	if (n < *cap)
		return 0;
	memcpy(&grown, array, sizeof grown);
	grown = reallocarray(grown, more, size);
	if (!grown)
		return err_nomem(err);
	memcpy(array, &grown, sizeof grown);
	*cap = more;
	return 0;
}

#endif
