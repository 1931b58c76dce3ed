/* The table of formats. */
#include "formats/registry.h"

#include <string.h>

const struct format *const formats[] = {
    &format_vmdk, &format_qcow2, &format_vdi,	    &format_vhd, &format_vhdx,
    &format_qcow, &format_qed,	 &format_parallels, &format_raw, NULL,
};

const struct format *format_by_name(const char *name)
{
	for (const struct format *const *f = formats; *f; f++)
		if (!strcmp((*f)->name, name) || ((*f)->alias && !strcmp((*f)->alias, name)))
			return *f;
	return NULL;
}
