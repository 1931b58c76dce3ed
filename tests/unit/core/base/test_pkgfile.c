/* Tests of package files: what two small ones say, and what damaged ones are told. The samples are the fuzz target's.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "core/base/file.h"
#include "core/base/pkgfile.h"

#define FOLDER "tests/fuzz/corpus/fuzz_pkgfile/"

static void slurp(const char *path, struct buf *b)
{
	struct err err = ERR_INIT;

	assert_int_equal(file_slurp(AT_FDCWD, path, b, &err), 0);
}

static const struct pkg_file *file_of(const struct pkg *p, const char *path)
{
	VEC_FOR (f, &p->files)
		if (strcmp(f->path, path) == 0)
			return f;
	return NULL;
}

static void test_deb(void **state)
{
	static const char *const names[] = {FOLDER "gzip.deb", FOLDER "none.deb"};

	for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
		AUTO(buf_done) struct buf b = BUF_INIT(1 << 20);
		AUTO(pkg_freep) struct pkg *p = NULL;
		struct err err = ERR_INIT;

		slurp(names[k], &b);
		assert_int_equal(pkg_parse("a.deb", b.data, b.len, &p, &err), 0);
		assert_int_equal(p->kind, PKG_DEB);
		assert_string_equal(p->name, "a");
		assert_string_equal(p->version, "1");
		assert_string_equal(p->arch, "amd64");
		assert_string_equal(pkg_field(p, "depends", &p->arena), "libc6 (>= 2.3)");
		assert_null(pkg_field(p, "Provides", &p->arena));
		assert_int_equal(file_of(p, "/usr/sbin/a")->size, 2);
		assert_string_equal(file_of(p, "/usr/sbin/b")->link, "a");
		assert_null(file_of(p, "/usr/sbin/c"));
		assert_true(S_ISDIR(file_of(p, "/usr/sbin")->mode));
	}
}

static void test_rpm(void **state)
{
	AUTO(buf_done) struct buf b = BUF_INIT(1 << 20);
	AUTO(pkg_freep) struct pkg *p = NULL;
	struct err err = ERR_INIT;
	bool libc = false;

	slurp(FOLDER "a.rpm", &b);
	assert_int_equal(pkg_parse("a.rpm", b.data, b.len, &p, &err), 0);
	assert_int_equal(p->kind, PKG_RPM);
	assert_string_equal(p->name, "a");
	assert_string_equal(p->version, "1-1.el9");
	assert_string_equal(p->arch, "x86_64");
	VEC_FOR (r, &p->requires)
		libc |= strcmp(*r, "libc.so.6(GLIBC_2.34)(64bit)") == 0;
	assert_true(libc);
	assert_int_equal(file_of(p, "/usr/sbin/a")->size, 2);
}

/* Every cut is told; none is taken for a package. */
static void test_cut(void **state)
{
	static const char *const names[] = {FOLDER "gzip.deb", FOLDER "a.rpm"};

	for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
		AUTO(buf_done) struct buf b = BUF_INIT(1 << 20);

		slurp(names[k], &b);
		for (size_t len = 0; len < b.len; len += 37) {
			AUTO(pkg_freep) struct pkg *p = NULL;
			struct err err = ERR_INIT;

			if (pkg_parse("cut", b.data, len, &p, &err) == 0) {
				assert_non_null(p->name); /* only the padding at its end is missing */
				assert_true(b.len - len < 1024);
				continue;
			}
			assert_int_equal(err.code, ERR_CORRUPT);
			assert_non_null(strstr(err.text, "package 'cut': "));
		}
	}
}

static void test_header_bounds(void **state)
{
	AUTO(buf_done) struct buf b = BUF_INIT(1 << 20);
	AUTO(pkg_freep) struct pkg *p = NULL;
	struct err err = ERR_INIT;

	slurp(FOLDER "a.rpm", &b);
	memset(b.data + 96 + 8, 0xff, 8);
	assert_int_equal(pkg_parse("big", b.data, b.len, &p, &err), -1);
	assert_string_equal(err.text,
			    "package 'big': header at 0x60: 4294967295 entries and 4294967295 bytes don't fit");
	memcpy(b.data + 96, "xxxx", 4);
	assert_int_equal(pkg_parse("bad", b.data, b.len, &p, &err), -1);
	assert_string_equal(err.text, "package 'bad': no header at 0x60");
}

static void test_names(void **state)
{
	assert_true(pkg_is_named("a.deb"));
	assert_true(pkg_is_named("a.rpm"));
	assert_false(pkg_is_named(".deb"));
	assert_false(pkg_is_named("a.deb.sig"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_deb),		  cmocka_unit_test(test_rpm),	cmocka_unit_test(test_cut),
	    cmocka_unit_test(test_header_bounds), cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
