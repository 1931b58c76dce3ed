/* Tests of guest/files/modules.c: the text formats old and new, closures as modprobe's, indexes as depmod's. */
#include "guest/files/modules.h"

#include "tests/unit/support/initramfs_fixture.h"

static struct modules *parse(struct fixture *f, const char *dep, const char *alias, const char *softdep)
{
	struct modules *m = modules_new();

	assert_int_equal(modules_parse_dep(m, dep, &f->err), 0);
	assert_int_equal(modules_parse_alias(m, alias, &f->err), 0);
	assert_int_equal(modules_parse_softdep(m, softdep, &f->err), 0);
	return m;
}

static const char *closure(struct fixture *f, struct modules *m, const char *name)
{
	AUTO(buf_done) struct buf b = BUF_INIT(4096);
	struct module_list list = {0};

	if (modules_closure(m, name, &f->arena, &list, &f->err) < 0)
		return f->err.text;
	VEC_FOR (module, &list.list)
		assert_int_equal(buf_addf(&b, "%s ", module->name), 0);
	return arena_strdup(&f->arena, buf_str(&b));
}

static void test_names(void **state)
{
	char name[MODULE_NAME_MAX];

	assert_true(module_name_of("kernel/drivers/char/hw_random/virtio-rng.ko.zst", name));
	assert_string_equal(name, "virtio_rng");
	assert_true(module_name_of("/lib/modules/2.6.18/kernel/ext3.ko", name));
	assert_string_equal(name, "ext3");
	assert_true(module_name_of("a.ko.gz", name));
	assert_false(module_name_of("a.ko.bz2", name));
	assert_false(module_name_of(".ko", name));
	assert_false(module_name_of("a.ko/modules.dep", name));
	assert_false(module_name_of("0123456789012345678901234567890123456789012345678901234567890123.ko", name));
}

/* modules.dep with relative paths, and with absolute ones as before kmod. */
static void test_dep_forms(void **state)
{
	struct fixture *f = *state;
	AUTO(modules_freep)
	struct modules *m = parse(f,
				  "kernel/b/virtio_blk.ko.xz: kernel/v/virtio_ring.ko.xz "
				  "kernel/v/virtio.ko.xz\n"
				  "# a comment\n\nkernel/v/virtio.ko.xz:\r\n"
				  "kernel/v/virtio_ring.ko.xz: kernel/v/virtio.ko.xz\n"
				  "nonsense without colon\nno module: x\n"
				  "/lib/modules/2.6.18/kernel/fs/ext3.ko: "
				  "/lib/modules/2.6.18/kernel/fs/jbd.ko\n"
				  "/lib/modules/2.6.18/kernel/fs/jbd.ko:",
				  "", "");

	assert_int_equal(m->list.n, 5);
	assert_string_equal(modules_find(m, "virtio_blk")->path, "kernel/b/virtio_blk.ko.xz");
	assert_int_equal(modules_find(m, "virtio_blk")->nneeds, 2);
	assert_string_equal(modules_find(m, "virtio_blk")->needs[1], "kernel/v/virtio.ko.xz");
	assert_null(modules_find(m, "nonsense"));
	assert_string_equal(closure(f, m, "virtio_blk"), "virtio virtio_ring virtio_blk ");
	assert_string_equal(closure(f, m, "ext3"), "jbd ext3 ");
	assert_string_equal(closure(f, m, "xfs"), "module 'xfs' is not in modules.dep");
}

static void test_soft_and_builtin(void **state)
{
	struct fixture *f = *state;
	AUTO(modules_freep)
	struct modules *m =
	    parse(f, "a.ko: b.ko\nb.ko:\nsoft.ko:\nx-1.ko:\nx_2.ko:\nafter.ko:\nround.ko:\n",
		  "alias crypto-x x_1\nalias crypto-x x_2\nalias broken\nother line x\n",
		  "softdep a pre: soft crypto-x gone post: after\nsoftdep b ignored\nsoftdep soft pre: round\n"
		  "softdep round post: soft a\n");

	assert_string_equal(closure(f, m, "a"), "b round soft x_1 x_2 after a ");
	assert_int_equal(modules_parse_builtin(m, "kernel/fs/ext4.ko\nkernel/virtio-pci.ko\n", &f->err), 0);
	assert_true(modules_is_builtin(m, "virtio_pci"));
	assert_false(modules_is_builtin(m, "a"));
	assert_string_equal(closure(f, m, "ext4"), "");
}

static void test_missing_need(void **state)
{
	struct fixture *f = *state;
	AUTO(modules_freep) struct modules *m = parse(f, "a.ko: gone.ko\n", "", "");

	assert_string_equal(closure(f, m, "a"), "module 'a' needs 'gone.ko', which modules.dep doesn't list");
}

static void test_deep_chain(void **state)
{
	struct fixture *f = *state;
	AUTO(buf_done) struct buf dep = BUF_INIT(1 << 16);
	struct modules *m;

	for (int i = 0; i < 100; i++)
		assert_int_equal(buf_addf(&dep, "m%d.ko: m%d.ko\n", i, i + 1), 0);
	assert_int_equal(buf_adds(&dep, "m100.ko:\n"), 0);
	m = parse(f, buf_str(&dep), "", "");
	assert_string_equal(closure(f, m, "m0"), "module 'm0' needs more than 512 modules or 64 behind each other");
	modules_free(m);
}

/* The files that depmod made of this machine's modules come out of our printers byte for byte. */
static void test_depmods_indexes(void **state)
{
	static const char *const files[] = {"modules.dep", "modules.dep.bin", "modules.alias.bin",
					    "modules.symbols.bin"};
	struct fixture *f = *state;
	const char *dir = arena_printf(&f->arena, "/lib/modules/%s", host_kernel(f));
	AUTO(modules_freep) struct modules *m = NULL;
	AUTO(guest_closep) struct guest *host = NULL;

	assert_int_equal(guest_open_folder("/", &host, &f->err), 0);
	assert_int_equal(modules_load(host, dir, true, &m, &f->err), 0);
	assert_true(m->list.n > 100);
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		AUTO(buf_done) struct buf ours = BUF_INIT(16 << 20), theirs = BUF_INIT(16 << 20);

		assert_int_equal(modules_print(m, files[i], &ours, &f->err), 0);
		assert_int_equal(
		    file_slurp(AT_FDCWD, arena_printf(&f->arena, "%s/%s", dir, files[i]), &theirs, &f->err), 0);
		assert_int_equal(ours.len, theirs.len);
		assert_memory_equal(ours.data, theirs.data, ours.len);
	}
}

/* What modprobe would load for a module is the closure, here without its softdeps' order. */
static void test_closure_is_modprobes(void **state)
{
	static const char *const names[] = {"virtio_blk", "virtio_scsi", "virtio_pci", "virtio_net", "sd_mod", "ahci"};
	struct fixture *f = *state;
	const char *version = host_kernel(f);
	AUTO(modules_freep) struct modules *m = NULL;
	AUTO(guest_closep) struct guest *host = NULL;

	assert_int_equal(guest_open_folder("/", &host, &f->err), 0);
	assert_int_equal(modules_load(host, arena_printf(&f->arena, "/lib/modules/%s", version), true, &m, &f->err), 0);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct module_list list = {0};
		char *theirs = shell(f, arena_printf(&f->arena,
						     "PATH=$PATH:/sbin:/usr/sbin modprobe -S %s --show-depends %s | "
						     "sed -n 's/^insmod //p' | sort -u",
						     version, names[i]));
		size_t lines = 0;

		for (char *c = theirs; *c; c++)
			lines += *c == '\n';
		assert_int_equal(modules_closure(m, names[i], &f->arena, &list, &f->err), 0);
		assert_int_equal(list.list.n, lines);
		VEC_FOR (module, &list.list)
			assert_non_null(strstr(theirs, module->path));
		assert_string_equal(list.list.v[list.list.n - 1].name, names[i]);
	}
}

static void test_adopt(void **state)
{
	static const char *const needs[] = {"kernel/v/virtio.ko"};
	struct fixture *f = *state;
	AUTO(modules_freep)
	struct modules *from = parse(
	    f, "kernel/b/virtio_blk.ko.xz: kernel/v/virtio.ko.xz\nkernel/v/virtio.ko.xz:\n",
	    "alias virtio:d00000002v* virtio_blk\nalias virtio:d00000001v* virtio_net\nalias symbol:x virtio_blk\n",
	    "softdep virtio_blk pre: a\n");
	AUTO(modules_freep) struct modules *to = parse(f, "kernel/v/virtio.ko:\n", "alias a-[0-9] virtio\n", "");
	AUTO(buf_done) struct buf b = BUF_INIT(4096), bin = BUF_INIT(4096);
	AUTO(modules_freep) struct modules *back = modules_new();

	modules_adopt(to, from, modules_find(from, "virtio_blk"), "kernel/b/virtio_blk.ko", needs, 1);
	assert_int_equal(modules_print(to, "modules.dep", &b, &f->err), 0);
	assert_int_equal(modules_print(to, "modules.alias", &b, &f->err), 0);
	assert_int_equal(modules_print(to, "modules.symbols", &b, &f->err), 0);
	assert_int_equal(modules_print(to, "modules.softdep", &b, &f->err), 0);
	assert_string_equal(buf_str(&b), "kernel/v/virtio.ko:\nkernel/b/virtio_blk.ko: kernel/v/virtio.ko\n"
					 "alias a-[0-9] virtio\nalias virtio:d00000002v* virtio_blk\n"
					 "alias symbol:x virtio_blk\nsoftdep virtio_blk pre: a\n");
	assert_int_equal(modules_print(to, "modules.dep.bin", &bin, &f->err), 0);
	assert_int_equal(modules_parse_dep_bin(back, bin.data, bin.len, &f->err), 0);
	assert_string_equal(modules_find(back, "virtio_blk")->needs[0], "kernel/v/virtio.ko");
	buf_clear(&bin);
	assert_int_equal(modules_print(to, "modules.alias.bin", &bin, &f->err), 0);
	assert_int_equal(modules_parse_alias_bin(back, bin.data, bin.len, &f->err), 0);
	assert_int_equal(back->aliases.n, 2);
	assert_string_equal(back->aliases.v[0].pattern, "a_[0-9]");
	assert_int_equal(modules_print(to, "modules.order", &b, &f->err), -1);
	assert_string_equal(f->err.text, "no index is called 'modules.order'");
	assert_int_equal(modules_parse_dep_bin(back, "x", 1, &f->err), -1);
	assert_string_equal(f->err.text, "modules.dep.bin: module index at 0x0: is no module index");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_names),	   TEST(test_dep_forms),       TEST(test_soft_and_builtin),	TEST(test_missing_need),
	    TEST(test_deep_chain), TEST(test_depmods_indexes), TEST(test_closure_is_modprobes), TEST(test_adopt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
