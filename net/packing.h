/* Whether packing data on the wire pays: both ways are tried in turn and measured, whatever makes one slower – the
 * network, a limit on it, a processor at either end, data that don't get smaller.
 *
 * No threads and no clock in here: the caller locks and measures.
 */
#ifndef REHOST_NET_PACKING_H
#define REHOST_NET_PACKING_H

#include <stdbool.h>
#include <stdint.h>

enum {
	PACKING_TRIAL = 32 << 20,    /* bytes of data that a way is measured with */
	PACKING_GAIN = 10,	     /* a tenth faster: else data go as they are */
	PACKING_READ_MIN = 64 << 10, /* bytes of a read that counts: for smaller ones it's the way there and back */
};

/* For how many bytes the better way is kept before both are tried again. */
#define PACKING_KEEP (UINT64_C(256) << 20)

/* All zero to begin with. */
struct packing {
	struct {
		uint64_t bytes, ns; /* of data, unpacked; sums over all connections */
	} trials[2];		    /* as they are, packed */
	bool packed;		    /* the better one */
	uint64_t kept;		    /* bytes left for it; 0: both are being tried */
};

/* How the next read is to be made. */
bool packing_wanted(const struct packing *p);
/* A read of so many bytes of data took so long, the limit's wait included. */
void packing_note(struct packing *p, bool packed, uint64_t bytes, uint64_t ns);

#endif
