/* Manifest lines of every shape seen, and those that are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "sources/manifest.h"

#define SHA1   "da39a3ee5e6b4b0d3255bfef95601890afd80709"
#define SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static void every_shape(void **state)
{
	static const char text[] = "SHA1(a.ovf)= " SHA1 "\n"
				   "SHA256 (disk (1).vmdk) = " SHA256 "\r\n"
				   "\r\n"
				   "  sha-1(dir/x)=DA39A3EE5E6B4B0D3255BFEF95601890AFD80709\n"
				   "SHA384(y)= abcd\n"
				   "SHA512(z)= " SHA256 SHA256;
	AUTO(manifest_done) struct manifest m = {0};
	struct err err = ERR_INIT;

	assert_int_equal(manifest_parse(text, sizeof text - 1, &m, &err), 0);
	assert_int_equal(m.lines.n, 5);
	assert_string_equal(m.lines.v[0].name, "a.ovf");
	assert_int_equal(m.lines.v[0].kind, DIGEST_SHA1);
	assert_string_equal(m.lines.v[0].digest, SHA1);
	assert_string_equal(m.lines.v[1].name, "disk (1).vmdk");
	assert_int_equal(m.lines.v[1].kind, DIGEST_SHA256);
	assert_string_equal(m.lines.v[2].name, "dir/x");
	assert_int_equal(m.lines.v[2].line, 4);
	assert_string_equal(m.lines.v[2].digest, SHA1);
	assert_int_equal(m.lines.v[3].kind, DIGEST_UNKNOWN);
	assert_int_equal(m.lines.v[4].kind, DIGEST_SHA512);
}

static void what_is_refused(void **state)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
	    {"SHA1(a)= " SHA256, "line 1 'SHA1(a)= " SHA256 "' is not of the form 'SHA256(name)= digest'"},
	    {"\nSHA1(a)= xyz", "line 2 'SHA1(a)= xyz' is not of the form 'SHA256(name)= digest'"},
	    {"SHA3(a)= " SHA1, "line 1 'SHA3(a)= " SHA1 "' is not of the form 'SHA256(name)= digest'"},
	    {"SHA1()= " SHA1, "line 1 'SHA1()= " SHA1 "' is not of the form 'SHA256(name)= digest'"},
	    {"SHA1(a) x= " SHA1, "line 1 'SHA1(a) x= " SHA1 "' is not of the form 'SHA256(name)= digest'"},
	    {"a = b", "line 1 'a = b' is not of the form 'SHA256(name)= digest'"},
	    {"SHA1(a", "line 1 'SHA1(a' is not of the form 'SHA256(name)= digest'"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		AUTO(manifest_done) struct manifest m = {0};
		struct err err = ERR_INIT;

		assert_int_equal(manifest_parse(cases[i].text, strlen(cases[i].text), &m, &err), -1);
		assert_string_equal(err.text, cases[i].says);
		assert_int_equal(err.code, ERR_CORRUPT);
	}
}

static void binary_and_endless(void **state)
{
	AUTO(manifest_done) struct manifest m = {0};
	AUTO(buf_done) struct buf b = BUF_INIT(1 << 20);
	struct err err = ERR_INIT;

	assert_int_equal(manifest_parse("SHA1\0", 5, &m, &err), -1);
	assert_string_equal(err.text, "the manifest has NUL bytes");
	for (unsigned i = 0; i < 8193; i++)
		buf_addf(&b, "SHA1(%u)= " SHA1 "\n", i);
	assert_int_equal(manifest_parse(buf_str(&b), b.len, &m, &err), -1);
	assert_string_equal(err.text, "the manifest has more than 8192 lines");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_shape),
	    cmocka_unit_test(what_is_refused),
	    cmocka_unit_test(binary_and_endless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
