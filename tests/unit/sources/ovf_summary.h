/* One line that says what was read from an OVF, for the list of real descriptors. */
#ifndef REHOST_TESTS_UNIT_SOURCES_OVF_SUMMARY_H
#define REHOST_TESTS_UNIT_SOURCES_OVF_SUMMARY_H

#include <inttypes.h>
#include <string.h>

#include "core/base/buf.h"
#include "core/base/checked.h"
#include "sources/ovf.h"

static inline void ovf_summary(const struct machine *m, const struct ovf *o, struct buf *out)
{
	buf_addf(out, "%s|%u cpu|%" PRIu64 " MiB|%s|sb %s%s", m->name ? m->name : "-", m->vcpus, m->memory / MIB,
		 firmware_name(m->firmware), tristate_name(m->secure_boot), m->tpm ? "|tpm" : "");
	for (size_t i = 0; i < m->disks.n; i++) {
		const struct disk *d = &m->disks.v[i];

		buf_addf(out, "|disk %s%u:%u %s %" PRIu64 "%s", controller_name(d->controller), d->bus, d->unit,
			 o->files.v[i].href, d->capacity, d->packed ? " gzip" : "");
	}
	VEC_FOR (n, &m->nics)
		buf_addf(out, "|nic %s '%s' slot %d", nic_model_name(n->model), n->network, n->pci_slot);
	VEC_FOR (r, &m->removables)
		buf_addf(out, "|%s", removable_name(r->kind));
	buf_addf(out, "|%zu notes", m->notes.n);
}

#endif
