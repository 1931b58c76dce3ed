/* Kernels, their menu entries and unified images, over a folder guest with this machine's modules. */
#include "inspectors/kernels.h"

#include "core/base/bytes.h"
#include "guest/files/uki.h"
#include "inspectors/registry.h"
#include "tests/unit/support/initramfs_fixture.h"

static struct inspection *survey(struct fixture *f)
{
	struct inspection *i = inspection_new();

	i->os.family = OS_LINUX;
	assert_true(inspector_kernels.applies(i));
	if (inspector_kernels.run(f->g, NULL, i, &f->err) < 0)
		fail_msg("%s", f->err.text);
	return i;
}

static const struct finding *finding(const struct inspection *i, const char *id)
{
	VEC_FOR (it, &i->findings)
		if (strcmp(it->id, id) == 0)
			return it;
	return NULL;
}

static void test_debian(void **state)
{
	struct fixture *f = *state;
	const char *v = host_kernel(f);
	AUTO(inspection_freep) struct inspection *i = NULL;
	const struct kernel *k;

	make_root(f, "root", "initramfs-tools", "ahci virtio_blk");
	pack(f, "root", "lz4", arena_printf(&f->arena, "/boot/initrd.img-%s", v));
	plant(f, arena_printf(&f->arena, "/boot/vmlinuz-%s", v), "kernel");
	plant(f, arena_printf(&f->arena, "/boot/config-%s", v), "# x\nCONFIG_VIRTIO_NET=y\nCONFIG_VIRTIO_PCI=m\n");
	shell(f, arena_printf(&f->arena,
			      "mkdir -p %s/usr/lib/modules && ln -s usr/lib %s/lib && mkdir %s/lib/modules/%s && "
			      "cp /lib/modules/%s/modules.* %s/lib/modules/%s",
			      f->dir, f->dir, f->dir, v, v, f->dir, v));
	i = survey(f);
	assert_int_equal(i->kernels.n, 1);
	assert_int_equal(i->findings.n, 0);
	k = i->kernels.v;
	assert_string_equal(k->version, v);
	assert_string_equal(k->vmlinuz, arena_printf(&f->arena, "/boot/vmlinuz-%s", v));
	assert_string_equal(k->initrd, arena_printf(&f->arena, "/boot/initrd.img-%s", v));
	assert_string_equal(k->modules, arena_printf(&f->arena, "/lib/modules/%s", v));
	assert_string_equal(k->initrd_compression, "lz4");
	assert_string_equal(k->initrd_generator, "initramfs-tools");
	assert_true(k->initrd_size > 100000);
	assert_true(k->initrd_has_virtio_blk);
	assert_false(k->initrd_has_virtio_pci);
	assert_false(k->initrd_has_virtio_scsi);
	assert_false(k->initrd_has_virtio_net);
	assert_true(k->virtio_blk_module && k->virtio_pci_module && k->virtio_scsi_module && k->virtio_net_module);
	assert_true(k->virtio_net_builtin);
	assert_false(k->virtio_blk_builtin || k->virtio_pci_builtin || k->virtio_scsi_builtin);
	assert_false(k->bootable);
}

/* An EFI stub's header, of which the machine's code is all that counts here. */
static void plant_stub(struct fixture *f, const char *path, unsigned machine)
{
	plant(f, path, "");
	shell(f, arena_printf(&f->arena, "printf 'MZ%%058d\\100\\0\\0\\0PE\\0\\0\\%03o\\%03o' 0 >%s%s", machine & 0xff,
			      machine >> 8, f->dir, path));
}

static void kernel_folder(struct fixture *f, const char *version)
{
	plant(f, arena_printf(&f->arena, "/lib/modules/%s/modules.dep", version), "kernel/virtio_blk.ko.xz:\n");
	plant(f, arena_printf(&f->arena, "/lib/modules/%s/modules.builtin", version), "kernel/virtio-pci.ko\n");
}

static void test_processors(void **state)
{
	struct fixture *f = *state;
	AUTO(inspection_freep) struct inspection *i = NULL;
	struct inspection *other;

	kernel_folder(f, "6.1.0-arm64");
	plant_stub(f, "/boot/vmlinuz-6.1.0-arm64", 0xaa64);
	i = survey(f);
	assert_string_equal(i->kernels.v[0].arch, "aarch64");
	assert_string_equal(inspection_arch(i), "aarch64");
	assert_null(finding(i, "B-ARCHITECTURE"));
	plant_stub(f, "/boot/vmlinuz-6.1.0-arm64", 0x5064);
	other = survey(f);
	assert_string_equal(finding(other, "B-ARCHITECTURE")->text,
			    "the guest is for riscv64 processors; machines are made for x86_64, i386 and aarch64");
	inspection_free(other);
}

static void test_names(void **state)
{
	static const struct {
		const char *version, *image, *initrd;
	} rows[] = {
	    {"5.14.0-427.el9.x86_64", "/boot/vmlinuz-5.14.0-427.el9.x86_64",
	     "/boot/initramfs-5.14.0-427.el9.x86_64.img"},
	    {"6.4.0-default", "/boot/vmlinuz-6.4.0-default", "/boot/initrd-6.4.0-default"},
	    {"6.6.30-0-lts", "/boot/vmlinuz-lts", "/boot/initramfs-lts"},
	    {"6.9.1-arch1-1", "/boot/vmlinuz-linux", "/boot/initramfs-linux.img"},
	    {"6.1.0-20-amd64", "/efi/0123456789abcdef/6.1.0-20-amd64/linux",
	     "/efi/0123456789abcdef/6.1.0-20-amd64/initrd.img-6.1.0-20-amd64"},
	    {"2.6.32-754.el6", "/lib/modules/2.6.32-754.el6/vmlinuz", NULL},
	};
	struct fixture *f = *state;
	AUTO(inspection_freep) struct inspection *i = NULL;

	for (size_t n = 0; n < sizeof rows / sizeof *rows; n++) {
		kernel_folder(f, rows[n].version);
		plant(f, rows[n].image, "kernel");
		if (rows[n].initrd)
			shell(f, arena_printf(&f->arena,
					      "echo %s%s; mkdir -p %s/e; touch %s/e/init; " SCRIPTS
					      "/pack-initramfs %s/e gzip >%s%s",
					      f->dir, rows[n].initrd, f->dir, f->dir, f->dir, f->dir, rows[n].initrd));
	}
	plant(f, "/lib/modules/6.9.1-arch1-1/pkgbase", "linux\n");
	i = survey(f);
	assert_int_equal(i->kernels.n, sizeof rows / sizeof *rows);
	VEC_FOR (k, &i->kernels) {
		const char *image = NULL, *initrd = NULL;

		for (size_t n = 0; n < sizeof rows / sizeof *rows; n++) {
			if (strcmp(rows[n].version, k->version) == 0) {
				image = rows[n].image;
				initrd = rows[n].initrd;
			}
		}
		assert_string_equal(k->vmlinuz, image);
		assert_true(!k->initrd == !initrd);
		if (initrd) {
			assert_string_equal(k->initrd, initrd);
			assert_string_equal(k->initrd_compression, "gzip");
		}
		assert_true(k->virtio_blk_module);
		assert_true(k->virtio_pci_builtin);
	}
	assert_int_equal(i->findings.n, 0);
}

static void test_findings(void **state)
{
	struct fixture *f = *state;
	AUTO(inspection_freep) struct inspection *i = NULL;

	kernel_folder(f, "1.0");
	kernel_folder(f, "2.0");
	plant(f, "/lib/modules/3.0/modules.order", "");
	plant(f, "/boot/vmlinuz-2.0", "kernel");
	plant(f, "/boot/vmlinuz-3.0", "kernel");
	plant(f, "/boot/vmlinuz-4.0", "kernel");
	plant(f, "/boot/vmlinuz-0-rescue-0123", "kernel");
	plant(f, "/boot/initrd.img-2.0", "not an archive");
	plant(f, "/boot/efi/EFI/Linux/debian.efi", "MZ");
	i = survey(f);
	assert_int_equal(i->kernels.n, 2);
	assert_string_equal(finding(i, "I-KERNEL-LEFTOVER")->text,
			    "modules of kernel 1.0 are there without a kernel image; they were left alone");
	assert_string_equal(
	    finding(i, "W-BOOT-INITRAMFS-UNREADABLE")->evidence,
	    "initramfs '/boot/initrd.img-2.0': archive 1 (none) at 0x0: at 0x0: byte 0x6e stands where an "
	    "archive must begin");
	assert_string_equal(finding(i, "W-KERNEL-NO-MODULES-DEP")->fix,
			    "Run 'depmod -a 3.0' in the guest and convert again.");
	assert_string_equal(finding(i, "W-KERNEL-NO-MODULES")->evidence, "/boot/vmlinuz-4.0");
	assert_string_equal(finding(i, "I-KERNEL-RESCUE")->evidence, "/boot/vmlinuz-0-rescue-0123");
	assert_string_equal(finding(i, "W-BOOT-UNIFIED-KERNEL")->evidence, "/boot/efi/EFI/Linux/debian.efi");
	assert_int_equal(i->findings.n, 6);
}

/* Whatever is called *.efi beside the unified images doesn't end the run. */
static void test_odd_unified_images(void **state)
{
	struct fixture *f = *state;
	AUTO(inspection_freep) struct inspection *i = NULL;

	plant(f, "/boot/efi/EFI/Linux/folder.efi/x", "");
	plant(f, "/boot/efi/EFI/Linux/large.efi", "MZ");
	assert_int_equal(truncate(on_host(f, "/boot/efi/EFI/Linux/large.efi"), (off_t)UKI_MAX + 1), 0);
	assert_int_equal(symlink("gone", on_host(f, "/boot/efi/EFI/Linux/link.efi")), 0);
	i = survey(f);
	assert_int_equal(i->findings.n, 2);
	assert_string_equal(i->findings.v[0].id, "W-BOOT-NO-KERNEL");
	assert_string_equal(i->findings.v[1].id, "W-BOOT-UNIFIED-KERNEL");
	assert_string_equal(i->findings.v[1].evidence, "/boot/efi/EFI/Linux/large.efi");
	assert_non_null(strstr(i->findings.v[1].text, "can't be read: "));
}

/* A PE file of one section ".cmdline", which has len bytes: blanks, and the words at `at`. */
static void plant_cmdline(struct fixture *f, const char *path, size_t len, size_t at, const char *words)
{
	enum { PE = 0x80, ROW = PE + 24, HEADER = 0x200 };
	AUTO_FREE char *data = calloc(1, HEADER + len);
	FILE *out;

	plant(f, path, "");
	out = fopen(on_host(f, path), "w");
	assert_true(data && out);
	memcpy(data, "MZ", 2);
	data[0x3c] = (char)PE;
	memcpy(data + PE, "PE", 2);
	data[PE + 6] = 1;
	memcpy(data + ROW, ".cmdline", 8);
	put_le32(data + ROW + 8, (uint32_t)len);
	put_le32(data + ROW + 16, (uint32_t)len);
	put_le32(data + ROW + 20, HEADER);
	memset(data + HEADER, ' ', len);
	memcpy(data + HEADER + at, words, strlen(words));
	assert_int_equal(fwrite(data, 1, HEADER + len, out), HEADER + len);
	assert_int_equal(fclose(out), 0);
}

/* Of a section as long as the file only what a kernel could take is kept. */
static void test_long_section(void **state)
{
	struct fixture *f = *state;
	AUTO(inspection_freep) struct inspection *i = NULL;

	plant_cmdline(f, "/boot/efi/EFI/Linux/a.efi.extra.d/near.addon.efi", MIB, 4000, "root=/dev/sda1");
	plant_cmdline(f, "/boot/efi/EFI/Linux/a.efi.extra.d/far.addon.efi", MIB, 64 * KIB, "root=/dev/sda1");
	i = survey(f);
	assert_int_equal(i->findings.n, 2);
	assert_string_equal(i->findings.v[1].id, "W-BOOT-UNIFIED-KERNEL");
	assert_string_equal(i->findings.v[1].evidence, "/boot/efi/EFI/Linux/a.efi.extra.d/near.addon.efi");
}

static void test_none(void **state)
{
	AUTO(inspection_freep) struct inspection *i = survey(*state);

	assert_int_equal(i->kernels.n, 0);
	assert_string_equal(i->findings.v[0].id, "W-BOOT-NO-KERNEL");
}

static void test_kernel_of_image(void **state)
{
	struct fixture *f = *state;
	AUTO(inspection_freep) struct inspection *i = NULL;
	unsigned looks = 0;

	kernel_folder(f, "1.0");
	kernel_folder(f, "2.0");
	plant(f, "/boot/vmlinuz-1.0", "one");
	plant(f, "/boot/vmlinuz-2.0", "two");
	assert_int_equal(symlink("boot/vmlinuz-2.0", on_host(f, "/vmlinuz")), 0);
	i = survey(f);
	assert_string_equal(kernel_of_image(f->g, i, "/boot/vmlinuz-1.0", &looks)->version, "1.0");
	assert_string_equal(kernel_of_image(f->g, i, "/vmlinuz", &looks)->version, "2.0");
	assert_null(kernel_of_image(f->g, i, "/boot/vmlinuz-3.0", &looks));
}

/* An x86 image, as far as it tells its version. */
static void plant_image(struct fixture *f, const char *path, const char *version)
{
	char image[0x400] = "MZ";
	const char *text = arena_printf(&f->arena, "%s (x@y) #1 SMP", version);
	FILE *file;

	plant(f, path, "");
	memcpy(image + 0x202, "HdrS", 4);
	image[0x20f] = 0x01; /* little-endian 0x100, from 0x200 on */
	memcpy(image + 0x300, text, strlen(text));
	file = fopen(on_host(f, path), "w");
	assert_int_equal(fwrite(image, sizeof image, 1, file), 1);
	assert_int_equal(fclose(file), 0);
}

/* Folders that an upgrade left behind claim the image of the new kernel by its package or flavour. */
static void test_leftovers_of_upgrades(void **state)
{
	struct fixture *f = *state;
	AUTO(inspection_freep) struct inspection *i = NULL;

	kernel_folder(f, "6.6.9-arch1-1");
	kernel_folder(f, "6.6.10-arch1-1");
	plant(f, "/lib/modules/6.6.9-arch1-1/pkgbase", "linux\n");
	plant(f, "/lib/modules/6.6.10-arch1-1/pkgbase", "linux\n");
	plant_image(f, "/boot/vmlinuz-linux", "6.6.10-arch1-1");
	/* no x86 image, which would state its version: the modules in its initramfs do */
	kernel_folder(f, "6.6.30-0-lts");
	kernel_folder(f, "6.6.31-0-lts");
	plant(f, "/boot/vmlinuz-lts", "kernel");
	shell(
	    f,
	    arena_printf(
		&f->arena,
		"mkdir -p %s/e/lib/modules/6.6.31-0-lts; touch %s/e/lib/modules/6.6.31-0-lts/modules.dep.bin; " SCRIPTS
		"/pack-initramfs %s/e gzip >%s/boot/initramfs-lts",
		f->dir, f->dir, f->dir, f->dir));
	i = survey(f);
	assert_int_equal(i->kernels.n, 2);
	assert_string_equal(i->kernels.v[0].version, "6.6.10-arch1-1");
	assert_string_equal(i->kernels.v[0].vmlinuz, "/boot/vmlinuz-linux");
	assert_string_equal(i->kernels.v[1].version, "6.6.31-0-lts");
	assert_string_equal(i->kernels.v[1].initrd, "/boot/initramfs-lts");
	assert_int_equal(i->findings.n, 2);
	assert_string_equal(i->findings.v[0].evidence, "/lib/modules/6.6.30-0-lts");
	assert_string_equal(i->findings.v[1].evidence, "/lib/modules/6.6.9-arch1-1");
}

/* systemd-boot's copies: the image's word about its version counts before its name. */
static void test_copies(void **state)
{
	struct fixture *f = *state;
	AUTO(inspection_freep) struct inspection *i = NULL;
	struct boot_entry e = {
	    .title = "x", .file = "x", .kernel = "/efi/id/2.0/linux", .initrd = "/efi/id/2.0/initrd"};
	unsigned looks = 5;
	struct kernel *k;

	kernel_folder(f, "1.0");
	kernel_folder(f, "2.0");
	plant(f, "/boot/vmlinuz-1.0", "one");
	plant(f, "/boot/vmlinuz-2.0", "two");
	plant(f, "/boot/initrd.img-2.0", "not an archive");
	plant_image(f, "/efi/id/2.0/linux", "2.0");
	plant(f, "/efi/id/2.0/initrd", "not an archive, either");
	plant(f, "/efi/id/1.0/linux", "an image of an architecture that doesn't tell");
	plant_image(f, "/efi/id/9.0/linux", "1.0");
	plant_image(f, "/efi/other", "3.0");
	i = survey(f);
	assert_string_equal(kernel_of_image(f->g, i, "/efi/id/1.0/linux", &looks)->version, "1.0");
	assert_string_equal(kernel_of_image(f->g, i, "/efi/id/9.0/linux", &looks)->version, "1.0");
	assert_null(kernel_of_image(f->g, i, "/efi/other", &looks));
	assert_null(kernel_of_image(f->g, i, "/efi/id", &looks));
	assert_int_equal(looks, 2);
	assert_int_equal(kernel_of_entry(f->g, i, &e, &looks, &k, &f->err), 0);
	assert_string_equal(k->vmlinuz, "/efi/id/2.0/linux");
	assert_string_equal(k->initrd, "/efi/id/2.0/initrd");
	assert_int_equal(i->kernels.n, 3);
	/* known by now: costs no look */
	assert_int_equal(kernel_of_entry(f->g, i, &e, &looks, &k, &f->err), 0);
	assert_int_equal(i->kernels.n, 3);
	assert_int_equal(looks, 1);
	looks = 0;
	assert_null(kernel_of_image(f->g, i, "/efi/id/1.0/linux", &looks));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_debian),
	    TEST(test_processors),
	    TEST(test_names),
	    TEST(test_findings),
	    TEST(test_leftovers_of_upgrades),
	    TEST(test_odd_unified_images),
	    TEST(test_long_section),
	    TEST(test_none),
	    TEST(test_kernel_of_image),
	    TEST(test_copies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
