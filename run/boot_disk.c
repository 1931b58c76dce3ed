/* Which of its disks the new machine starts from. */
#include "run/boot_disk.h"

static bool is_stated(const struct machine *m)
{
	VEC_FOR (d, &m->disks)
		if (d->boot_order)
			return true;
	return false;
}

void boot_disk_choose(struct machine *m, const bool *startable)
{
	size_t first = 0;
	int order = 2;

	while (first < m->disks.n && !startable[first])
		first++;
	if (!first || first == m->disks.n || is_stated(m))
		return;
	for (size_t i = 0; i < m->disks.n; i++)
		m->disks.v[i].boot_order = i == first ? 1 : order++;
	machine_note(m, "the machine starts from disk %s: disk %s has no boot loader", m->disks.v[first].id,
		     m->disks.v[0].id);
}
