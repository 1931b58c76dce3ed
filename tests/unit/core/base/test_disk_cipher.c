/* Sectors of AES against published vectors, and PBKDF2 against those of RFC 6070 and its SHA-2 kin. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "core/base/disk_cipher.h"

static void unhex(const char *text, unsigned char *ret)
{
	for (; *text; text += 2) {
		unsigned v;

		assert_int_equal(sscanf(text, "%2x", &v), 1);
		*ret++ = (unsigned char)v;
	}
}

/* IEEE 1619-2007, annex B, vector 4 (AES-128, sector 0) and 10 (AES-256, sector 0xff): the plain text is 00 … ff twice;
 * the first and the last 32 bytes of the cipher text. A sector is wrong as a whole if its tweaks are, so these and the
 * way there are enough: the cipher text between is made of what decrypts to the plain text. */
static const char key_128[] = "2718281828459045235360287471352631415926535897932384626433832795";
static const char start_128[] = "27a7479befa1d476489f308cd4cfa6e2a96e4bbe3208ff25287dd3819616e89c";
static const char key_256[] = "2718281828459045235360287471352662497757247093699959574966967627"
			      "3141592653589793238462643383279502884197169399375105820974944592";
static const char start_256[] = "1c3b3a102f770386e4836c99e370cf9bea00803f5e482357a4ae12d414a3e63b";

static void decrypts_to_counting(const char *key_text, uint64_t sector, const char *start)
{
	static const struct cipher_spec spec = {CIPHER_XTS, CIPHER_IV_PLAIN64};
	unsigned char key[64], data[CIPHER_SECTOR] = {0};
	AUTO(disk_cipher_freep) struct disk_cipher *c = NULL;

	unhex(key_text, key);
	unhex(start, data);
	c = disk_cipher_new(&spec, key, strlen(key_text) / 2);
	assert_non_null(c);
	disk_cipher_decrypt(c, sector, data, sizeof data);
	for (unsigned i = 0; i < 32; i++)
		assert_int_equal(data[i], i);
}

static void test_xts_vectors(void **state)
{
	decrypts_to_counting(key_128, 0, start_128);
	decrypts_to_counting(key_256, 0xff, start_256);
}

/* NIST SP 800-38A F.2.1 has an IV that no sector number makes; but what CBC does to the second block depends on the
 * first block's cipher text only. */
static void test_cbc_vectors(void **state)
{
	static const struct cipher_spec spec = {CIPHER_CBC, CIPHER_IV_PLAIN64};
	unsigned char key[16], data[CIPHER_SECTOR] = {0}, want[16];
	AUTO(disk_cipher_freep) struct disk_cipher *c = NULL;

	unhex("2b7e151628aed2a6abf7158809cf4f3c", key);
	unhex("7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2", data);
	unhex("ae2d8a571e03ac9c9eb76fac45af8e51", want);
	c = disk_cipher_new(&spec, key, sizeof key);
	disk_cipher_decrypt(c, 7, data, sizeof data);
	assert_memory_equal(data + 16, want, 16);
}

/* The number of a sector counts, in all its bits where the IV has 64. */
static void test_sectors_differ(void **state)
{
	static const enum cipher_iv kinds[] = {CIPHER_IV_PLAIN, CIPHER_IV_PLAIN64, CIPHER_IV_ESSIV_SHA256};
	unsigned char key[32] = {1}, one[2 * CIPHER_SECTOR], far[CIPHER_SECTOR];

	for (unsigned i = 0; i < 3; i++) {
		struct cipher_spec spec = {CIPHER_CBC, kinds[i]};
		AUTO(disk_cipher_freep) struct disk_cipher *c = disk_cipher_new(&spec, key, sizeof key);

		memset(one, 9, sizeof one);
		memset(far, 9, sizeof far);
		disk_cipher_decrypt(c, 5, one, sizeof one);
		disk_cipher_decrypt(c, UINT64_C(0x100000005), far, sizeof far);
		assert_memory_not_equal(one, one + CIPHER_SECTOR, CIPHER_SECTOR);
		assert_int_equal(memcmp(one, far, CIPHER_SECTOR) == 0, kinds[i] == CIPHER_IV_PLAIN);
	}
}

static void test_lengths_of_keys(void **state)
{
	static const struct cipher_spec xts = {CIPHER_XTS, CIPHER_IV_PLAIN64}, cbc = {CIPHER_CBC, CIPHER_IV_PLAIN};
	unsigned char key[CIPHER_KEY_MAX] = {0};

	for (size_t len = 0; len <= sizeof key; len++) {
		assert_int_equal(disk_cipher_takes(&xts, len), len == 32 || len == 64);
		assert_int_equal(disk_cipher_takes(&cbc, len), len == 16 || len == 24 || len == 32);
	}
	assert_null(disk_cipher_new(&xts, key, 16));
}

static void test_pbkdf2_vectors(void **state)
{
	static const struct {
		enum digest_kind kind;
		uint32_t iterations;
		const char *key;
	} cases[] = {
	    {DIGEST_SHA1, 4096, "4b007901b765489abead49d926f721d065a429c1"},
	    {DIGEST_SHA256, 4096, "c5e478d59288c841aa530db6845c4c8d962893a001ce4e11a4963873aa98134a"},
	    {DIGEST_SHA512, 1, "867f70cf1ade02cff3752599a3a53dc4af34c7a669815ae5d513554e1c8cf252"},
	};
	unsigned char want[32], got[32];

	for (unsigned i = 0; i < 3; i++) {
		size_t len = strlen(cases[i].key) / 2;

		unhex(cases[i].key, want);
		assert_true(kdf_pbkdf2(cases[i].kind, "password", 8, "salt", 4, cases[i].iterations, got, len));
		assert_memory_equal(want, got, len);
	}
	assert_false(kdf_pbkdf2(DIGEST_UNKNOWN, "", 0, "", 0, 1, got, 1));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_xts_vectors),	   cmocka_unit_test(test_cbc_vectors),
	    cmocka_unit_test(test_sectors_differ), cmocka_unit_test(test_lengths_of_keys),
	    cmocka_unit_test(test_pbkdf2_vectors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
