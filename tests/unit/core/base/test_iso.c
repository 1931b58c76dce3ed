/* Tests of core/base/iso.c: images by xorriso, with hard links, and what is none. */
#include "core/base/iso.h"

#include "tests/unit/support/initramfs_fixture.h"

struct seen {
	struct fixture *f;
	const char *text; /* "path size content; …" */
	size_t stop_after;
};

static int note(struct iso *iso, const struct iso_file *file, void *opaque, struct err *err)
{
	struct seen *s = opaque;
	AUTO(buf_done) struct buf b = BUF_INIT(9);

	if (!file->same_as && file->size < 1000 && iso_read(iso, &b, err) < 0)
		return -1;
	s->text = arena_printf(&s->f->arena, "%s%s=%s%s; ", s->text, file->path, file->same_as ? "@" : "",
			       file->same_as ? file->same_as : buf_str(&b));
	return s->stop_after && --s->stop_after == 0;
}

static const char *image(struct fixture *f, const char *options)
{
	const char *path = arena_printf(&f->arena, "%s/x.iso", f->dir);

	shell(f,
	      arena_printf(&f->arena,
			   "cd %s && mkdir -p t/Sub/Deep && printf one >t/a.inf && ln -f t/a.inf t/Sub/Deep/B.inf && "
			   "printf 123456789 >t/Sub/nine && head -c 5000 /dev/zero >t/big && ln -sf a.inf t/link && "
			   "xorriso -as mkisofs -quiet %s -o x.iso t 2>&1",
			   f->dir, options));
	return path;
}

static const char *walked(struct fixture *f, const char *path, size_t stop_after)
{
	struct seen s = {f, "", stop_after};

	err_clear(&f->err);
	return iso_each(path, note, &s, &f->err) < 0 ? f->err.text : s.text;
}

static void has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("'%s' is not in '%s'", part, text);
}

static void test_files(void **state)
{
	struct fixture *f = *state;
	const char *text = walked(f, image(f, "-R -J -cache-inodes"), 0);

	/* Whichever comes first has the content. */
	assert_true(strstr(text, "a.inf=one; ") || strstr(text, "Sub/Deep/B.inf=one; "));
	assert_true(strstr(text, "a.inf=@Sub/Deep/B.inf; ") || strstr(text, "Sub/Deep/B.inf=@a.inf; "));
	has(text, "Sub/nine=123456789; ");
	has(text, "big=; ");
	assert_null(strstr(text, "link"));
	text = walked(f, image(f, "--norock -J"), 0);
	has(text, "Sub/Deep/B.inf=");
	has(walked(f, image(f, "--norock"), 0), "SUB/NINE");
}

static void test_stop(void **state)
{
	struct fixture *f = *state;
	const char *text = walked(f, image(f, "-R"), 1);

	assert_ptr_equal(strstr(text, "; ") + 2, text + strlen(text));
}

static void test_refusals(void **state)
{
	struct fixture *f = *state;
	const char *path = image(f, "-R");

	shell(f, arena_printf(&f->arena,
			      "cd %s && printf 1234567890 >t/Sub/ten && xorriso -as mkisofs -quiet -R -o y.iso t 2>&1",
			      f->dir));
	assert_string_equal(walked(f, arena_printf(&f->arena, "%s/y.iso", f->dir), 0),
			    arena_printf(&f->arena, "image '%s/y.iso': 'Sub/ten': is longer than 9 bytes", f->dir));
	assert_int_equal(f->err.code, ERR_CORRUPT);
	shell(f, arena_printf(&f->arena, "truncate -s 60000 %s", path));
	has(walked(f, path, 0), "Truncated");
	assert_string_equal(walked(f, "/etc/passwd", 0), "image '/etc/passwd': Unrecognized archive format");
	assert_string_equal(walked(f, "/none", 0), "cannot open image '/none': No such file or directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {FIXTURE_TEST(test_files), FIXTURE_TEST(test_stop),
					   FIXTURE_TEST(test_refusals)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
