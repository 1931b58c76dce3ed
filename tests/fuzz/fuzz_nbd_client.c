/* Fuzz: what an NBD server (a machine that dialled in) may send to our client, from the first byte on. */
#include "formats/ledger.h"
#include "net/nbd_client.h"
#include "tests/fuzz/memory_stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_extents(const struct extent *e, size_t n, uint64_t off, uint64_t size)
{
	if (!n || n > NBD_CLIENT_EXTENTS_MAX)
		abort();
	for (size_t i = 0; i < n; off += e[i].len, i++)
		if (e[i].off != off || !e[i].len || !range_inside(off, e[i].len, size) || !e[i].kind)
			abort();
}

/* A server without a ledger is none to complain about. */
static bool ask_sums(struct nbd_client *c, struct err *err)
{
	struct ledger_entry e = {.blocks = {1}};

	if (nbd_client_sums(c, &e, 1, false, err) < 0 && err->code != ERR_UNSUPPORTED)
		return false;
	err_clear(err);
	return true;
}

static void ask(struct nbd_client *c)
{
	static struct extent extents[NBD_CLIENT_EXTENTS_MAX];
	static char buf[65536];
	uint64_t size = nbd_client_size(c);
	size_t len = min_u64(size, sizeof buf), sent, n;
	struct err err = ERR_INIT;

	nbd_client_pack(c, true);
	while (nbd_client_read(c, buf, len, 0, &sent, &err) == 0 &&
	       nbd_client_extents(c, 0, size, extents, &n, &err) == 0 && ask_sums(c, &err)) {
		if (sent > len || nbd_client_saved(c) > sent)
			abort();
		check_extents(extents, n, 0, size);
	}
	if (!*err.text || (err.code != ERR_TEMPFAIL && err.code != ERR_CORRUPT && err.code != ERR_UNREADABLE))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = ERR_INIT;
	struct nbd_client *c;

	if (nbd_client_open(memory_stream(data, size), &c, &err) < 0) {
		if (!err.code || !*err.text)
			abort();
		return 0;
	}
	ask(c);
	nbd_client_drop(c);
	return 0;
}
