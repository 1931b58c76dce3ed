/* The NBD client against our own server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/net/nbd_host.h"

static void test_reads(void **state)
{
	struct host *h = *state;
	struct nbd_client *c = connect_to(h);
	char *buf = malloc(2 * MIB);
	size_t sent;

	assert_int_equal(nbd_client_size(c), SIZE);
	assert_true(nbd_client_several(c));
	memset(buf, 1, 2 * MIB);
	assert_int_equal(nbd_client_read(c, buf, 2 * MIB, 0, &sent, NULL), 0);
	assert_memory_equal(buf + MIB, h->disk->data + MIB, MIB);
	assert_true(all_zeros(buf, MIB));
	assert_int_equal(sent, MIB - 128 * KIB); /* the zeros stayed where they were */
	assert_int_equal(nbd_client_read(c, buf, MIB, 3 * MIB, &sent, NULL), 0);
	assert_int_equal(sent, 0);
	assert_int_equal(nbd_client_read(c, buf, 1, MIB + 5, &sent, NULL), 0);
	assert_int_equal(buf[0], (char)h->disk->data[MIB + 5]);
	assert_int_equal(nbd_client_read(c, buf, 2, SIZE - 1, &sent, NULL), -1);
	nbd_client_close(c);
	free(buf);
}

static void test_extents(void **state)
{
	struct host *h = *state;
	struct nbd_client *c = connect_to(h);
	struct extent *e = calloc(NBD_CLIENT_EXTENTS_MAX, sizeof *e);
	size_t n;

	assert_int_equal(nbd_client_extents(c, 0, SIZE, e, &n, NULL), 0);
	assert_int_equal(n, 3);
	assert_int_equal(e[1].off, MIB);
	assert_int_equal(e[1].len, MIB);
	assert_int_equal(e[1].kind, EXTENT_DATA);
	assert_int_equal(e[2].kind, EXTENT_HOLE);
	assert_int_equal(e[2].off + e[2].len, SIZE);
	assert_int_equal(nbd_client_extents(c, MIB + 4096, 8192, e, &n, NULL), 0);
	assert_int_equal(n, 1);
	assert_int_equal(e[0].len, 8192);
	nbd_client_close(c);
	free(e);
}

static void test_bad_sector(void **state)
{
	struct host *h = *state;
	struct nbd_client *c = connect_to(h);
	struct err err = ERR_INIT;
	char buf[4096];
	size_t sent;

	h->disk->bad_off = MIB;
	h->disk->bad_len = 4096;
	h->disk->bad_times = -1;
	assert_int_equal(nbd_client_read(c, buf, sizeof buf, MIB, &sent, &err), -1);
	assert_int_equal(err.code, ERR_UNREADABLE);
	assert_non_null(strstr(err.text, "the other side can't read (error 5)"));
	assert_int_equal(nbd_client_read(c, buf, sizeof buf, MIB + 4096, &sent, &err), 0);
	nbd_client_close(c);
}

/* What gets smaller travels packed when that is wanted; what doesn't goes as it is. */
static void test_packed(void **state)
{
	struct host *h = *state;
	struct nbd_client *c = connect_to(h);
	char *buf = malloc(MIB);
	size_t sent;

	for (unsigned i = 0; i < MIB / 2; i++)
		h->disk->data[MIB + i] = "a text "[i % 7];
	assert_int_equal(nbd_client_read(c, buf, MIB, MIB, &sent, NULL), 0);
	assert_int_equal(nbd_client_saved(c), 0);
	nbd_client_pack(c, true);
	memset(buf, 0, MIB);
	assert_int_equal(nbd_client_read(c, buf, MIB, MIB, &sent, NULL), 0);
	assert_memory_equal(buf, h->disk->data + MIB, MIB);
	assert_int_equal(sent, MIB);
	assert_true(nbd_client_saved(c) > MIB / 2 - 16384);
	assert_int_equal(nbd_client_read(c, buf, MIB / 2, MIB + MIB / 2, &sent, NULL), 0);
	assert_int_equal(nbd_client_saved(c), 0); /* random */
	assert_int_equal(nbd_client_read(c, buf, MIB / 2, MIB, &sent, NULL), 0);
	assert_int_equal(sent, MIB / 2);
	assert_int_equal(nbd_client_saved(c), 0); /* not tried: the data before didn't get smaller */
	assert_int_equal(nbd_client_read(c, buf, MIB / 2, MIB, &sent, NULL), 0);
	assert_memory_equal(buf, h->disk->data + MIB, MIB / 2);
	assert_true(nbd_client_saved(c) > MIB / 2 - 16384);
	nbd_client_pack(c, false);
	assert_int_equal(nbd_client_read(c, buf, MIB / 2, MIB, &sent, NULL), 0);
	assert_int_equal(nbd_client_saved(c), 0);
	nbd_client_close(c);
	free(buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    WITH_HOST(test_reads),
	    WITH_HOST(test_extents),
	    WITH_HOST(test_bad_sector),

	    WITH_HOST(test_packed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
