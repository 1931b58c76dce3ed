/* Digests against the published vectors of "abc" and of the empty message (FIPS 180), fed whole and in pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/hash.h"

static const struct {
	enum digest_kind kind;
	const char *name, *empty, *abc;
} vectors[] = {
    {DIGEST_SHA1, "sha1", "da39a3ee5e6b4b0d3255bfef95601890afd80709", "a9993e364706816aba3e25717850c26c9cd0d89d"},
    {DIGEST_SHA256, "sha256", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
     "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {DIGEST_SHA512, "sha512",
     "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce"
     "47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e",
     "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
     "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"},
};

static void published_vectors(void **state)
{
	char hex[DIGEST_HEX_MAX];

	for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
		struct digest *d = digest_new(vectors[i].kind);

		digest_end(d, hex);
		assert_string_equal(hex, vectors[i].empty);
		d = digest_new(vectors[i].kind);
		digest_add(d, "a", 1);
		digest_add(d, "bc", 2);
		digest_end(d, hex);
		assert_string_equal(hex, vectors[i].abc);
		assert_string_equal(digest_name(vectors[i].kind), vectors[i].name);
		assert_int_equal(2 * digest_size(vectors[i].kind), strlen(hex));
	}
}

static void unknown_kind_is_refused(void **state)
{
	assert_null(digest_new(DIGEST_UNKNOWN));
	assert_int_equal(digest_size(DIGEST_UNKNOWN), 0);
	assert_string_equal(digest_name(DIGEST_UNKNOWN), "unknown");
	digest_free(NULL);
}

static void xxh3_vector(void **state)
{
	/* The value of XXH3_64bits for no bytes and seed 0, stated by its specification's test vectors. */
	assert_true(hash_xxh3("", 0) == UINT64_C(0x2d06800538d394c2));
	assert_true(hash_xxh3("a", 1) != hash_xxh3("b", 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(published_vectors),
	    cmocka_unit_test(unknown_kind_is_refused),
	    cmocka_unit_test(xxh3_vector),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
