/* Tests of guest/files/initramfs.c over images of this machine's modules, packed by the usual programs. */
#include "guest/files/initramfs.h"

#include "core/base/cpio.h"
#include "tests/unit/support/initramfs_fixture.h"

static struct initramfs *parse(struct fixture *f, const char *image)
{
	struct initramfs *im;

	if (initramfs_read(f->g, image, NULL, &im, &f->err) < 0)
		fail_msg("%s", f->err.text);
	return im;
}

static void test_compressions(void **state)
{
	static const char *const names[] = {"none", "gzip", "xz", "zstd", "lz4", "bzip2", "lzma"};
	struct fixture *f = *state;
	const char *version = host_kernel(f);

	make_root(f, "root", "initramfs-tools", "ahci");
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		AUTO(initramfs_freep) struct initramfs *im = NULL;
		const struct initramfs_member *ahci;
		struct guest_stat st;

		pack(f, "root", names[i], "/image");
		im = parse(f, "/image");
		assert_int_equal(f->g->ops->stat(f->g, "/image", true, &st, &f->err), 0);
		assert_int_equal(im->segments.n, 1);
		assert_string_equal(im->compression, names[i]);
		assert_string_equal(im->generator, "initramfs-tools");
		assert_true(im->base <= st.size && im->base + 512 > st.size);
		assert_false(im->has_graft);
		ahci = initramfs_module(im, version, "ahci");
		assert_non_null(ahci);
		assert_string_equal(ahci->path,
				    arena_printf(&f->arena, "usr/lib/modules/%s/kernel/drivers/ata/ahci.ko", version));
		assert_null(initramfs_module(im, version, "virtio_blk"));
		assert_null(initramfs_module(im, "1.2.3", "ahci"));
		assert_true(initramfs_loads_by_alias(im));
		assert_string_equal(initramfs_find(im, "conf/modules")->content, "# modules of the generator\nahci\n");
	}
}

static void test_lookup_through_links(void **state)
{
	struct fixture *f = *state;
	AUTO(initramfs_freep) struct initramfs *im = NULL;

	make_root(f, "root", "initramfs-tools", "");
	assert_int_equal(symlink("/usr/lib/../lib/", on_host(f, "/root/absolute")), 0);
	assert_int_equal(symlink("round", on_host(f, "/root/round")), 0);
	pack(f, "root", "none", "/image");
	im = parse(f, "/image");
	assert_string_equal(initramfs_place(im, "lib/modules/9/x.ko", &f->arena), "usr/lib/modules/9/x.ko");
	assert_string_equal(initramfs_place(im, "/./absolute//modules/9", &f->arena), "usr/lib/modules/9");
	assert_string_equal(initramfs_place(im, "../../new/file", &f->arena), "new/file");
	assert_null(initramfs_place(im, "round/x", &f->arena));
	assert_non_null(initramfs_find(im, "bin/udevadm"));
	assert_null(initramfs_find(im, "round"));
	assert_null(initramfs_find(im, "bin/none"));
}

static void test_generators(void **state)
{
	static const struct {
		const char *layout, *generator, *module;
	} rows[] = {
	    {"initramfs-tools", "initramfs-tools", "usr/lib/modules"},
	    {"old", "initramfs-tools", "lib/modules"},
	    {"dracut", "dracut", "usr/lib/modules"},
	    {"mkinitcpio", "mkinitcpio", "usr/lib/modules"},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		AUTO(initramfs_freep) struct initramfs *im = NULL;

		make_root(f, rows[i].layout, rows[i].layout, "ahci");
		pack(f, rows[i].layout, "zstd", "/image");
		im = parse(f, "/image");
		assert_string_equal(im->generator, rows[i].generator);
		assert_non_null(strstr(initramfs_module(im, host_kernel(f), "libata")->path, rows[i].module));
	}
}

static void test_early_archive(void **state)
{
	struct fixture *f = *state;
	AUTO(initramfs_freep) struct initramfs *im = NULL;

	make_root(f, "root", "dracut", "");
	plant(f, "/early/kernel/x86/microcode/GenuineIntel.bin", "microcode");
	plant(f, "/early/early_cpio", "1");
	shell(f, arena_printf(&f->arena, SCRIPTS "/pack-initramfs %s/root lz4 %s/early >%s/image", f->dir, f->dir,
			      f->dir));
	im = parse(f, "/image");
	assert_int_equal(im->segments.n, 2);
	assert_true(im->segments.v[0].early);
	assert_int_equal(im->segments.v[0].offset, 0);
	assert_string_equal(im->segments.v[0].compression, "none");
	assert_false(im->segments.v[1].early);
	assert_int_equal(im->segments.v[1].offset % 512, 0);
	assert_string_equal(im->segments.v[1].compression, "lz4");
	assert_string_equal(im->compression, "lz4");
	assert_non_null(initramfs_find(im, "kernel/x86/microcode/GenuineIntel.bin"));
}

static void add_file(struct buf *b, const char *name, const char *content)
{
	struct cpio_entry e = {.name = name, .mode = S_IFREG | 0644, .nlink = 1, .size = (uint32_t)strlen(content)};

	assert_int_equal(cpio_add(b, &e, content), 0);
}

static void test_later_wins(void **state)
{
	AUTO(buf_done) struct buf b = BUF_INIT(1 << 16);
	AUTO(initramfs_freep) struct initramfs *im = NULL;
	struct err err = ERR_INIT;

	add_file(&b, "conf/modules", "first");
	add_file(&b, "./conf/modules", "second");
	add_file(&b, "a", "");
	assert_int_equal(cpio_end(&b), 0);
	assert_int_equal(buf_add(&b, "\0\0\0\0", 4), 0);
	add_file(&b, "conf//modules", "third");
	assert_int_equal(cpio_end(&b), 0);
	assert_int_equal(initramfs_parse(b.data, b.len, &im, &err), 0);
	assert_int_equal(im->segments.n, 2);
	assert_int_equal(im->segments.v[1].offset, im->segments.v[0].length + 4);
	assert_int_equal(im->members.n, 2);
	assert_string_equal(initramfs_find(im, "conf/modules")->content, "third");
	assert_string_equal(im->generator, "unknown");
	assert_false(initramfs_loads_by_alias(im));
}

static void test_shared_content(void **state)
{
	AUTO(buf_done) struct buf b = BUF_INIT(1 << 16);
	AUTO(initramfs_freep) struct initramfs *im = NULL;
	struct cpio_entry e = {.name = "lib/modules/1/modules.softdep", .mode = S_IFREG | 0644, .nlink = 2, .ino = 7};
	struct err err = ERR_INIT;

	assert_int_equal(cpio_add(&b, &e, ""), 0);
	e.name = "etc/other";
	e.size = 4;
	assert_int_equal(cpio_add(&b, &e, "text"), 0);
	add_file(&b, "x", "alone");
	assert_int_equal(cpio_end(&b), 0);
	assert_int_equal(initramfs_parse(b.data, b.len, &im, &err), 0);
	assert_true(initramfs_find(im, "lib/modules/1/modules.softdep")->shared);
	assert_int_equal(initramfs_find(im, "lib/modules/1/modules.softdep")->size, 4);
	assert_string_equal(initramfs_find(im, "lib/modules/1/modules.softdep")->content, "text");
	assert_false(initramfs_find(im, "x")->shared);
	assert_null(initramfs_find(im, "x")->content);
}

static void test_graft_is_taken_off(void **state)
{
	AUTO(buf_done) struct buf b = BUF_INIT(1 << 16);
	AUTO(initramfs_freep) struct initramfs *im = NULL;
	struct err err = ERR_INIT;
	size_t base;

	add_file(&b, "conf/modules", "generator's");
	assert_int_equal(cpio_end(&b), 0);
	base = b.len;
	assert_int_equal(buf_add(&b, "\0\0\0\0\0\0\0\0", 8), 0);
	add_file(&b, INITRAMFS_GRAFT_MARKER, "x");
	add_file(&b, "conf/modules", "ours");
	add_file(&b, "usr/lib/modules/6.1/kernel/virtio_blk.ko", "module");
	assert_int_equal(cpio_end(&b), 0);
	assert_int_equal(initramfs_parse(b.data, b.len, &im, &err), 0);
	assert_true(im->has_graft);
	assert_int_equal(im->graft_offset, base + 8);
	assert_int_equal(im->base, base);
	assert_string_equal(initramfs_find(im, "conf/modules")->content, "generator's");
	assert_null(initramfs_find(im, INITRAMFS_GRAFT_MARKER));
	assert_null(initramfs_module(im, "6.1", "virtio_blk"));
	assert_true(initramfs_has(im, "6.1", "virtio_blk"));
	assert_false(initramfs_has(im, "6.1", "virtio_pci"));
	assert_false(initramfs_has(im, "6.2", "virtio_blk"));
}

static void expect_error(const void *data, size_t len, const char *text)
{
	struct initramfs *im = NULL;
	struct err err = ERR_INIT;

	assert_int_equal(initramfs_parse(data, len, &im, &err), -1);
	assert_int_equal(err.code, ERR_CORRUPT);
	assert_string_equal(err.text, text);
}

static void test_damage(void **state)
{
	AUTO(buf_done) struct buf b = BUF_INIT(1 << 16);

	expect_error("", 0, "holds no files: 0 bytes long");
	expect_error("\0\0\0\0", 4, "holds no files: 4 bytes long");
	expect_error("hello", 5, "archive 1 (none) at 0x0: at 0x0: byte 0x68 stands where an archive must begin");
	add_file(&b, "a", "b");
	assert_int_equal(cpio_end(&b), 0);
	expect_error(b.data, b.len - 1, "archive 1 (none) at 0x0: ends inside its archive");
	assert_int_equal(buf_add(&b, "\0junk", 5), 0);
	expect_error(b.data, b.len, "archive 2 (none) at 0xf1: at 0xf1: byte 0x6a stands where an archive must begin");
	b.len -= 4;
	add_file(&b, "c", "d");
	expect_error(b.data, b.len, "archive 2 (none) at 0xf1: archive at 0xf1: doesn't begin at a multiple of 4");
}

static void test_missing(void **state)
{
	struct fixture *f = *state;
	struct initramfs *im = NULL;

	assert_int_equal(initramfs_read(f->g, "/boot/none", NULL, &im, &f->err), -1);
	assert_string_equal(f->err.text, "cannot open '/boot/none': No such file or directory");
	plant(f, "/boot/bad", "bad");
	assert_int_equal(initramfs_read(f->g, "/boot/bad", NULL, &im, &f->err), -1);
	assert_string_equal(f->err.text,
			    "initramfs '/boot/bad': archive 1 (none) at 0x0: at 0x0: byte 0x62 stands where an "
			    "archive must begin");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_compressions),
	    TEST(test_lookup_through_links),
	    TEST(test_generators),
	    TEST(test_early_archive),
	    TEST(test_later_wins),
	    TEST(test_shared_content),
	    TEST(test_graft_is_taken_off),
	    TEST(test_damage),
	    TEST(test_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
