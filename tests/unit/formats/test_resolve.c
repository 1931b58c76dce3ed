/* Where names inside images lead: beneath the image's folder and those that the user allows, by their text and by what
 * the file system makes of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/stat.h>

#include "formats/resolve.h"
#include "tests/unit/formats/image_folder.h"

/* The folder with vm/, where images are, base/, which is allowed, and other/, which is not. */
struct tree {
	struct image_folder *f;
	char base[128], vm[128];
	struct allowed_folder allowed;
	struct open_options options;
	struct folder folder;
	struct chain_link link;
};

static struct tree grow(struct image_folder *f)
{
	struct tree t = {.f = f};

	for (const char *const *d = (const char *const[]){"vm", "vm/sub", "base", "other", NULL}; *d; d++)
		assert_int_equal(mkdirat(f->folder.dirfd, *d, 0755), 0);
	snprintf(t.vm, sizeof t.vm, "%s/vm", f->path);
	snprintf(t.base, sizeof t.base, "%s/base", f->path);
	return t;
}

/* Opens the folders; t must not move any more. */
static void settle(struct tree *t)
{
	t->allowed = (struct allowed_folder){.dirfd = file_open_dir(t->base, &t->f->err), .path = t->base};
	t->options = (struct open_options){.allowed = &t->allowed, .nallowed = 1};
	t->folder = (struct folder){.dirfd = file_open_dir(t->vm, &t->f->err), .path = t->vm, .options = &t->options};
	assert_true(t->folder.dirfd >= 0 && t->allowed.dirfd >= 0);
}

static void fell(struct tree *t)
{
	close(t->folder.dirfd);
	close(t->allowed.dirfd);
}

/* ref in the image `name`: where it leads, "own:NAME" or "allowed:NAME"; else the error's text. */
static void leads(struct tree *t, const char *name, const char *ref, const char *want)
{
	struct open_args args = {.folder = &t->folder, .options = &t->options, .chain = &t->link, .name = name};
	struct image_place place;
	struct err err = ERR_INIT;
	char got[5000];

	if (image_resolve(&args, ref, &place, &err) < 0)
		snprintf(got, sizeof got, "%s", err.text);
	else
		snprintf(got, sizeof got, "%s:%s", place.folder.dirfd == t->folder.dirfd ? "own" : "allowed",
			 place.name);
	assert_string_equal(got, want);
}

static void test_by_text(void **state)
{
	struct tree t = grow(*state);
	char path[256], refused[512];

	settle(&t);
	leads(&t, "b.vmdk", "c.vmdk", "own:c.vmdk");
	leads(&t, "a/b.vmdk", "c.vmdk", "own:a/c.vmdk");
	leads(&t, "a/b.vmdk", "../c.vmdk", "own:c.vmdk");
	leads(&t, "b.vmdk", "./x//..c", "own:x/..c");
	leads(&t, "b.vmdk", "nbd://host/x", "own:nbd:/host/x");
	leads(&t, "b.vmdk", "", "it names a file with an empty name");
	leads(&t, "b.vmdk", "/etc/shadow",
	      "it names '/etc/shadow': outside the image's folder, and no --allow-parent allows it");
	leads(&t, "b.vmdk", "../x", "it names '../x': outside the image's folder, and no --allow-parent allows it");
	leads(&t, "a/b.vmdk", "../../base/../other/x",
	      "it names '../../base/../other/x': outside the image's folder, and no --allow-parent allows it");
	leads(&t, "b.vmdk", "a/..", "it names 'a/..': outside the image's folder, and no --allow-parent allows it");
	leads(&t, "b.vmdk", "../base/d/x", "allowed:d/x");
	leads(&t, "sub/b.vmdk", "../../base/x", "allowed:x");
	leads(&t, "b.vmdk", "../vm/x", "own:x");
	snprintf(path, sizeof path, "%s/./d/../x", t.base);
	leads(&t, "b.vmdk", path, "allowed:x");
	snprintf(path, sizeof path, "%s/x", t.vm);
	leads(&t, "b.vmdk", path, "own:x");
	/* Beside an allowed folder, and the folder itself. */
	snprintf(path, sizeof path, "%s-2/x", t.base);
	snprintf(refused, sizeof refused, "it names '%s': outside the image's folder, and no --allow-parent allows it",
		 path);
	leads(&t, "b.vmdk", path, refused);
	snprintf(path, sizeof path, "%s/", t.base);
	snprintf(refused, sizeof refused, "it names '%s': outside the image's folder, and no --allow-parent allows it",
		 path);
	leads(&t, "b.vmdk", path, refused);
	fell(&t);
}

static void test_long_names(void **state)
{
	struct tree t = grow(*state);
	char name[5001];

	settle(&t);
	memset(name, 'x', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	leads(&t, "b", name, "it names a file with a name of 5000 bytes");
	name[0] = '/';
	leads(&t, "b", name, "it names a file with a name of 5000 bytes");
	fell(&t);
}

/* A VMDK in vm/ whose one sector is in the file `ref`. */
static int open_flat(struct tree *t, const char *ref, struct block **ret)
{
	char text[600];

	snprintf(text, sizeof text,
		 "# Disk DescriptorFile\nversion=1\ncreateType=\"monolithicFlat\"\nRW 1 FLAT \"%s\" 0\n", ref);
	put_text(t->f, "vm/x.vmdk", text);
	err_clear(&t->f->err);
	return image_open(&t->folder, "x.vmdk", NULL, NULL, ret, &t->f->err);
}

/* What is allowed is opened, and no link leads out of it. */
static void test_allowed_folder(void **state)
{
	struct tree t = grow(*state);
	char sector[512] = "of the base", ref[256];
	struct block *b = NULL;

	settle(&t);
	put_file(t.f, "base/flat", sector, sizeof sector);
	put_file(t.f, "other/flat", sector, sizeof sector);
	assert_int_equal(symlinkat("../other/flat", t.allowed.dirfd, "link"), 0);
	for (int i = 0; i < 2; i++) {
		snprintf(ref, sizeof ref, "%s/base/flat", i ? ".." : t.f->path);
		assert_int_equal(open_flat(&t, ref, &b), 0);
		assert_int_equal(block_pread(b, sector, sizeof sector, 0, &t.f->err), 0);
		assert_string_equal(sector, "of the base");
		block_close(b);
	}
	assert_int_equal(open_flat(&t, "../base/link", &b), -1);
	assert_int_equal(t.f->err.code, ERR_POLICY);
	assert_string_equal(t.f->err.text,
			    "vmdk 'x.vmdk': extent 1 '../base/link': 'link' leads outside the image's folder");
	assert_int_equal(open_flat(&t, "../other/flat", &b), -1);
	assert_int_equal(t.f->err.code, ERR_POLICY);
	assert_int_equal(open_flat(&t, "../base/gone", &b), -1);
	assert_int_equal(t.f->err.code, ERR_UNREADABLE);
	assert_int_equal(mkfifoat(t.allowed.dirfd, "fifo", 0644), 0);
	assert_int_equal(open_flat(&t, "../base/fifo", &b), -1);
	assert_string_equal(t.f->err.text, "vmdk 'x.vmdk': extent 1 '../base/fifo': 'fifo' is not a regular file");
	fell(&t);
}

/* In an archive nothing may be named, whatever is allowed. */
static void test_in_an_archive(void **state)
{
	struct tree t = grow(*state);
	struct open_args args = {.options = &t.options, .name = "x"};
	struct image_place place;

	settle(&t);
	assert_int_equal(image_resolve(&args, "../base/x", &place, &t.f->err), -1);
	assert_int_equal(t.f->err.code, ERR_POLICY);
	assert_false(image_place_in(&args, 0, "x", &place));
	assert_false(image_place_in(&args, 1, "x", &place));
	fell(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_by_text, image_folder_setup, image_folder_teardown),
	    cmocka_unit_test_setup_teardown(test_long_names, image_folder_setup, image_folder_teardown),
	    cmocka_unit_test_setup_teardown(test_allowed_folder, image_folder_setup, image_folder_teardown),
	    cmocka_unit_test_setup_teardown(test_in_an_archive, image_folder_setup, image_folder_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
