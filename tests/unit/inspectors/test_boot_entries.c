/* Tests of the inspector boot-entries. */
#include "tests/unit/converters/linux/linux_fixture.h"

#include <stdlib.h>

#include "inspectors/registry.h"

static void inspect(struct linux_fixture *f)
{
	if (inspector_boot_entries.run(f->files.g, f->machine, f->inspection, &f->files.err) < 0)
		fail_msg("%s", f->files.err.text);
}

static const struct boot_entry *entry(struct linux_fixture *f, size_t n)
{
	assert_true(n < f->inspection->boot_entries.n);
	return &f->inspection->boot_entries.v[n];
}

static void test_debian12(void **state)
{
	struct linux_fixture *f = *state;
	AUTO(buf_done) struct buf b = BUF_INIT(1 << 20);

	assert_int_equal(file_slurp(AT_FDCWD, "tests/data/guest/debian12-grub.cfg", &b, &f->files.err), 0);
	plant(&f->files, "/boot/grub/grub.cfg", buf_str(&b));
	plant(&f->files, "/boot/vmlinuz-6.1.0-18-amd64", "");
	plant(&f->files, "/boot/initrd.img-6.1.0-18-amd64", "");
	inspect(f);
	assert_int_equal(f->inspection->boot_entries.n, 5);
	assert_string_equal(entry(f, 0)->title, "Debian GNU/Linux");
	assert_string_equal(entry(f, 0)->file, "/boot/grub/grub.cfg");
	assert_int_equal(entry(f, 0)->line, 97);
	assert_string_equal(entry(f, 0)->kernel, "/boot/vmlinuz-6.1.0-18-amd64");
	assert_string_equal(entry(f, 0)->initrd, "/boot/initrd.img-6.1.0-18-amd64");
	assert_true(entry(f, 0)->is_default);
	assert_false(entry(f, 1)->is_default);
	assert_int_equal(f->inspection->findings.n, 0);
}

static void test_boot_partition_and_saved_default(void **state)
{
	struct linux_fixture *f = *state;

	plant(&f->files, "/boot/grub/grub.cfg",
	      "set default=\"${saved_entry}\"\nmenuentry A --id a {\n linux /vmlinuz-1 ro\n initrd /ucode.img "
	      "/initrd-1\n}\n"
	      "menuentry B --id b {\n linux /vmlinuz-2 ro\n}\n");
	plant(&f->files, "/boot/grub/grubenv", "# GRUB Environment Block\nsaved_entry=b\n######");
	plant(&f->files, "/boot/vmlinuz-1", "");
	plant(&f->files, "/boot/initrd-1", "");
	inspect(f);
	assert_string_equal(entry(f, 0)->kernel, "/boot/vmlinuz-1");
	assert_string_equal(entry(f, 0)->initrd, "/boot/initrd-1");
	assert_false(entry(f, 0)->is_default);
	assert_string_equal(entry(f, 1)->kernel, "/vmlinuz-2");
	assert_null(entry(f, 1)->initrd);
	assert_true(entry(f, 1)->is_default);
}

static void test_btrfs_subvolume(void **state)
{
	struct linux_fixture *f = *state;

	plant(&f->files, "/boot/grub/grub.cfg",
	      "menuentry A {\n linux /@/boot/vmlinuz ro\n initrd /@/boot/initrd\n}\n");
	plant(&f->files, "/boot/vmlinuz", "");
	inspect(f);
	assert_string_equal(entry(f, 0)->kernel, "/boot/vmlinuz");
	assert_string_equal(entry(f, 0)->initrd, "/@/boot/initrd");
}

static void test_bls_default(void **state)
{
	struct linux_fixture *f = *state;

	plant(&f->files, "/boot/loader/entries/id-1.conf", "title one\nlinux /vmlinuz-1\n");
	plant(&f->files, "/boot/loader/entries/id-2.conf", "title two\nlinux /vmlinuz-2\n");
	plant(&f->files, "/boot/grub2/grubenv", "# GRUB Environment Block\nsaved_entry=id-1\n####");
	plant(&f->files, "/boot/grub2/grub.cfg", "set default=\"0\"\nblscfg\n");
	inspect(f);
	assert_string_equal(entry(f, 0)->title, "two");
	assert_true(entry(f, 0)->is_default);
	assert_false(entry(f, 1)->is_default);
	f->inspection->boot_entries.n = 0;
	plant(&f->files, "/boot/grub2/grub.cfg", "set default=\"${saved_entry}\"\nblscfg\n");
	inspect(f);
	assert_true(entry(f, 1)->is_default);
}

static void test_systemd_boot(void **state)
{
	struct linux_fixture *f = *state;

	plant(&f->files, "/efi/loader/entries/deb.conf",
	      "# c\ntitle      Debian GNU/Linux 12\noptions    root=UUID=x ro\noptions    quiet\n"
	      "linux      /id/6.1/linux\ninitrd     /id/6.1/initrd\n");
	plant(&f->files, "/efi/loader/entries/memtest.conf", "title memtest\nefi /memtest.efi\n");
	plant(&f->files, "/efi/id/6.1/linux", "");
	inspect(f);
	assert_int_equal(f->inspection->boot_entries.n, 1);
	assert_string_equal(entry(f, 0)->title, "Debian GNU/Linux 12");
	assert_string_equal(entry(f, 0)->kernel, "/efi/id/6.1/linux");
	assert_string_equal(entry(f, 0)->cmdline, "root=UUID=x ro quiet");
	assert_int_equal(entry(f, 0)->line, 5);
}

static void test_extlinux_and_legacy(void **state)
{
	struct linux_fixture *f = *state;

	plant(&f->files, "/boot/extlinux/extlinux.conf",
	      "DEFAULT l1\nLABEL l0\n  KERNEL /boot/a\n  APPEND root=/dev/sda1\nLABEL l1\n  LINUX /boot/b\n  INITRD "
	      "/boot/i\n");
	plant(&f->files, "/boot/grub/menu.lst",
	      "default 0\ntitle T\nroot (hd0,0)\nkernel (hd0,0)/boot/c ro\ninitrd /boot/i\n");
	inspect(f);
	assert_int_equal(f->inspection->boot_entries.n, 3);
	assert_string_equal(entry(f, 0)->kernel, "/boot/c");
	assert_true(entry(f, 0)->is_default);
	assert_string_equal(entry(f, 1)->title, "l0");
	assert_string_equal(entry(f, 1)->cmdline, "root=/dev/sda1");
	assert_false(entry(f, 1)->is_default);
	assert_string_equal(entry(f, 2)->initrd, "/boot/i");
	assert_true(entry(f, 2)->is_default);
}

static void test_legacy_saved(void **state)
{
	struct linux_fixture *f = *state;

	plant(&f->files, "/boot/grub/menu.lst", "default saved\ntitle A\nkernel /boot/a\ntitle B\nkernel /boot/b\n");
	plant(&f->files, "/boot/grub/default", "1\n#\n#\n");
	inspect(f);
	assert_false(entry(f, 0)->is_default);
	assert_true(entry(f, 1)->is_default);
	assert_true(entry(f, 1)->is_saved);
}

/* A kernel is known by its file, whatever leads to it. */
static void test_versions(void **state)
{
	struct linux_fixture *f = *state;

	*vec_push(&f->inspection->arena, &f->inspection->kernels) =
	    (struct kernel){.version = (char *)"1.0", .vmlinuz = (char *)"/boot/vmlinuz-1.0"};
	plant(&f->files, "/boot/vmlinuz-1.0", "kernel");
	assert_int_equal(symlink("vmlinuz-1.0", on_host(&f->files, "/boot/vmlinuz")), 0);
	plant(&f->files, "/boot/syslinux/syslinux.cfg",
	      "LABEL a\nLINUX ../vmlinuz-1.0\nLABEL b\nLINUX /boot/vmlinuz\nLABEL c\nLINUX /boot/other\n");
	inspect(f);
	assert_string_equal(entry(f, 0)->version, "1.0");
	assert_string_equal(entry(f, 1)->version, "1.0");
	assert_null(entry(f, 2)->version);
	assert_true(f->inspection->kernels.v[0].bootable);
}

static void pack_nothing(struct linux_fixture *f, const char *path)
{
	const char *dir = on_host(&f->files, "/tree");

	plant(&f->files, "/tree/init", "");
	plant(&f->files, path, "");
	assert_int_equal(system(arena_printf(&f->files.arena, "tests/support/pack-initramfs %s gzip >%s", dir,
					     on_host(&f->files, path))),
			 0);
}

/* An initramfs that isn't found by its name is the one to graft, when an entry boots it. */
static void test_other_initrd(void **state)
{
	struct linux_fixture *f = *state;
	const struct kernel *k;

	*vec_push(&f->inspection->arena, &f->inspection->kernels) =
	    (struct kernel){.version = (char *)"1.0",
			    .vmlinuz = (char *)"/boot/vmlinuz-1.0",
			    .initrd = (char *)"/boot/initrd-1.0",
			    .virtio_blk_module = true};
	*vec_push(&f->inspection->arena, &f->inspection->kernels) =
	    (struct kernel){.version = (char *)"2.0", .vmlinuz = (char *)"/boot/vmlinuz-2.0"};
	plant(&f->files, "/boot/vmlinuz-1.0", "one");
	plant(&f->files, "/boot/vmlinuz-2.0", "two");
	pack_nothing(f, "/boot/initrd-1.0");
	pack_nothing(f, "/boot/custom-1.img");
	pack_nothing(f, "/boot/custom-2.img");
	plant(&f->files, "/boot/grub/menu.lst",
	      "title A\nkernel /vmlinuz-1.0\ninitrd /custom-1.img\ntitle B\nkernel /vmlinuz-1.0\ninitrd /custom-1.img\n"
	      "title C\nkernel /vmlinuz-2.0\ninitrd /custom-2.img\n");
	inspect(f);
	assert_int_equal(f->inspection->kernels.n, 3);
	k = f->inspection->kernels.v;
	assert_string_equal(k[0].initrd, "/boot/initrd-1.0");
	assert_false(k[0].bootable);
	assert_string_equal(k[1].initrd, "/boot/custom-2.img");
	assert_string_equal(k[1].initrd_compression, "gzip");
	assert_true(k[1].bootable);
	assert_string_equal(k[2].version, "1.0");
	assert_string_equal(k[2].initrd, "/boot/custom-1.img");
	assert_true(k[2].initrd_size > 0 && k[2].virtio_blk_module && k[2].bootable);
	assert_int_equal(f->inspection->findings.n, 0);
}

static void test_many_initrds(void **state)
{
	struct linux_fixture *f = *state;
	struct arena *a = &f->files.arena;
	char *menu = arena_strdup(a, "");

	*vec_push(&f->inspection->arena, &f->inspection->kernels) =
	    (struct kernel){.version = (char *)"1.0", .vmlinuz = (char *)"/boot/vmlinuz-1.0"};
	plant(&f->files, "/boot/vmlinuz-1.0", "one");
	for (unsigned n = 1; n <= 33; n++) {
		plant(&f->files, arena_printf(a, "/boot/i%u", n), "not an archive");
		menu = arena_printf(a, "%stitle %u\nkernel /vmlinuz-1.0\ninitrd /i%u\n", menu, n, n);
	}
	plant(&f->files, "/boot/grub/menu.lst", menu);
	inspect(f);
	assert_int_equal(f->inspection->kernels.n, 32);
	assert_int_equal(f->inspection->findings.n, 33);
	assert_string_equal(f->inspection->findings.v[32].text,
			    "kernel 1.0 is booted with more than 32 initramfs images; this one was left as it is");
	assert_string_equal(f->inspection->findings.v[32].evidence, "/boot/i33");
}

static void test_missing_initrd(void **state)
{
	struct linux_fixture *f = *state;

	*vec_push(&f->inspection->arena, &f->inspection->kernels) =
	    (struct kernel){.version = (char *)"1.0", .vmlinuz = (char *)"/boot/vmlinuz-1.0"};
	plant(&f->files, "/boot/vmlinuz-1.0", "one");
	plant(&f->files, "/boot/grub/menu.lst",
	      "title A\nkernel /vmlinuz-1.0\ninitrd /gone\ntitle B\nkernel /vmlinuz-1.0\ninitrd /gone-too\n"
	      "title C\nkernel /of-another-disk\ninitrd /there\n");
	inspect(f);
	assert_int_equal(f->inspection->findings.n, 2);
	assert_string_equal(
	    finding_of(f, "W-BOOT-INITRAMFS-MISSING")->text,
	    "the boot entry 'A' (/boot/grub/menu.lst:2) boots kernel 1.0 with an initramfs that isn't there");
	assert_string_equal(finding_of(f, "W-ENTRY-INITRAMFS-MISSING")->evidence, "/gone-too");
	assert_true(f->inspection->kernels.v[0].bootable);
}

static void test_unknown_kernel(void **state)
{
	struct linux_fixture *f = *state;

	*vec_push(&f->inspection->arena, &f->inspection->kernels) =
	    (struct kernel){.version = (char *)"1.0", .vmlinuz = (char *)"/boot/vmlinuz-1.0"};
	plant(&f->files, "/boot/vmlinuz-1.0", "one");
	plant(&f->files, "/boot/odd", "another");
	plant(&f->files, "/boot/grub/menu.lst", "default 1\ntitle A\nkernel /vmlinuz-1.0\ntitle B\nkernel /odd\n");
	inspect(f);
	assert_int_equal(f->inspection->findings.n, 1);
	assert_string_equal(finding_of(f, "W-BOOT-KERNEL-UNKNOWN")->text,
			    "the default boot entry 'B' (/boot/grub/menu.lst:5) boots an image that is none of the "
			    "kernels in /lib/modules, so no driver was added for it");
	assert_string_equal(finding_of(f, "W-BOOT-KERNEL-UNKNOWN")->evidence, "/boot/odd");
}

static void test_none(void **state)
{
	struct linux_fixture *f = *state;

	inspect(f);
	assert_string_equal(finding_of(f, "W-BOOT-NO-ENTRIES")->text,
			    "no boot entry of GRUB, systemd-boot or extlinux was found");
	inspection_judge(f->inspection);
	assert_int_equal(f->inspection->verdict, VERDICT_MAY_NOT_BOOT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    LINUX_TEST(test_debian12),
	    LINUX_TEST(test_boot_partition_and_saved_default),
	    LINUX_TEST(test_btrfs_subvolume),
	    LINUX_TEST(test_bls_default),
	    LINUX_TEST(test_systemd_boot),
	    LINUX_TEST(test_extlinux_and_legacy),
	    LINUX_TEST(test_legacy_saved),
	    LINUX_TEST(test_versions),
	    LINUX_TEST(test_other_initrd),
	    LINUX_TEST(test_many_initrds),
	    LINUX_TEST(test_missing_initrd),
	    LINUX_TEST(test_unknown_kernel),
	    LINUX_TEST(test_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
