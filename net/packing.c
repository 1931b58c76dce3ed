/* Packed or not: trials, and what was faster for a while. */
#include "net/packing.h"

#include "core/base/checked.h"

bool packing_wanted(const struct packing *p)
{
	return p->kept ? p->packed : p->trials[0].bytes >= PACKING_TRIAL;
}

/* Bytes a second of packed reads are more than a tenth over the others'. */
static bool packed_is_faster(const struct packing *p)
{
	double plain = (double)p->trials[0].bytes / (double)max_u64(p->trials[0].ns, 1);
	double packed = (double)p->trials[1].bytes / (double)max_u64(p->trials[1].ns, 1);

	return packed > plain * (PACKING_GAIN + 1) / PACKING_GAIN;
}

void packing_note(struct packing *p, bool packed, uint64_t bytes, uint64_t ns)
{
	if (bytes < PACKING_READ_MIN)
		return;
	if (p->kept) {
		p->kept -= min_u64(p->kept, bytes);
		return;
	}
	p->trials[packed].bytes += bytes;
	p->trials[packed].ns += ns;
	if (p->trials[0].bytes < PACKING_TRIAL || p->trials[1].bytes < PACKING_TRIAL)
		return;
	*p = (struct packing){.packed = packed_is_faster(p), .kept = PACKING_KEEP};
}
