/* All outputs. */
#include <string.h>

#include "outputs/local.h"
#include "outputs/null.h"
#include "outputs/output.h"
#include "outputs/qemu.h"

const struct output *const outputs[] = {&output_local, &output_qemu, &output_null, NULL};

const struct output *output_by_name(const char *name)
{
	for (const struct output *const *o = outputs; *o; o++)
		if (!strcmp((*o)->name, name))
			return *o;
	return NULL;
}
