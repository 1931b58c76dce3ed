/* The table of inspectors, and their run. */
#include "inspectors/registry.h"

const struct inspector *const inspectors[] = {
    &inspector_kernels, &inspector_boot_entries, &inspector_storage,
    &inspector_network, &inspector_agents,	 &inspector_firmware,
    &inspector_windows, &inspector_clock,	 NULL,
};

int inspect_guest(struct guest *g, const struct machine *m, struct inspection *i, struct err *err)
{
	for (const struct inspector *const *it = inspectors; *it; it++)
		if ((*it)->applies(i) && (*it)->run(g, m, i, err) < 0)
			return err_wrap(err, "inspector %s", (*it)->id);
	inspection_judge(i);
	return 0;
}
