/* Tests of the step uefi-fallback and the inspector firmware. */
#include "tests/unit/converters/linux/linux_fixture.h"

#include "inspectors/registry.h"

static void uefi(struct linux_fixture *f)
{
	f->machine->firmware = FIRMWARE_UEFI;
	assert_true(step_uefi_fallback.applies(&f->c));
}

static void test_debian_with_shim(void **state)
{
	struct linux_fixture *f = *state;

	uefi(f);
	plant(&f->files, "/boot/efi/EFI/debian/shimx64.efi", "SHIM");
	plant(&f->files, "/boot/efi/EFI/debian/grubx64.efi", "GRUB");
	plant(&f->files, "/boot/efi/EFI/debian/mmx64.efi", "MOK");
	plant(&f->files, "/boot/efi/EFI/debian/fbx64.efi", "FALLBACK");
	plant(&f->files, "/boot/efi/EFI/debian/BOOTX64.CSV", "");
	plant(&f->files, "/boot/efi/EFI/aaa/grubx64.efi", "OTHER");
	run_twice(f, &step_uefi_fallback);
	assert_string_equal(text_of(&f->files, "/boot/efi/EFI/BOOT/BOOTX64.EFI"), "SHIM");
	assert_string_equal(text_of(&f->files, "/boot/efi/EFI/BOOT/grubx64.efi"), "GRUB");
	assert_string_equal(text_of(&f->files, "/boot/efi/EFI/BOOT/mmx64.efi"), "MOK");
	assert_false(guest_exists(f->files.g, "/boot/efi/EFI/BOOT/fbx64.efi"));
	assert_int_equal(f->files.log.changes.n, 3);
	assert_string_equal(f->files.log.changes.v[0].words, "copy of /boot/efi/EFI/debian/shimx64.efi, 4 bytes");
}

static void test_grub_alone_on_arm(void **state)
{
	struct linux_fixture *f = *state;

	assert_false(step_uefi_fallback.applies(&f->c));
	f->inspection->os.arch = (char *)"aarch64"; /* which has no other firmware, whatever the source says */
	assert_true(step_uefi_fallback.applies(&f->c));
	plant(&f->files, "/boot/efi/efi/Debian/GRUBAA64.EFI", "GRUB");
	plant(&f->files, "/boot/efi/efi/boot/readme", "");
	run_twice(f, &step_uefi_fallback);
	assert_string_equal(text_of(&f->files, "/boot/efi/efi/boot/BOOTAA64.EFI"), "GRUB");
	assert_int_equal(f->files.log.changes.n, 1);
}

/* 32-bit programs on a 64-bit kernel: the machine is the kernel's. */
static void test_the_kernel_decides(void **state)
{
	struct linux_fixture *f = *state;

	uefi(f);
	f->inspection->os.arch = (char *)"i386";
	*vec_push(&f->inspection->arena, &f->inspection->kernels) =
	    (struct kernel){.version = (char *)"6.1.0", .vmlinuz = (char *)"/boot/vmlinuz", .arch = (char *)"x86_64"};
	plant(&f->files, "/boot/efi/EFI/debian/grubx64.efi", "GRUB");
	run_twice(f, &step_uefi_fallback);
	assert_string_equal(text_of(&f->files, "/boot/efi/EFI/BOOT/BOOTX64.EFI"), "GRUB");
}

static void test_systemd_boot(void **state)
{
	struct linux_fixture *f = *state;

	uefi(f);
	plant(&f->files, "/efi/EFI/Microsoft/grubx64.efi", "NO");
	plant(&f->files, "/efi/EFI/systemd/systemd-bootx64.efi", "SD");
	run_twice(f, &step_uefi_fallback);
	assert_string_equal(text_of(&f->files, "/efi/EFI/BOOT/BOOTX64.EFI"), "SD");
}

static void test_there_already(void **state)
{
	struct linux_fixture *f = *state;

	uefi(f);
	plant(&f->files, "/boot/efi/EFI/boot/bootx64.efi", "OWN");
	plant(&f->files, "/boot/efi/EFI/debian/grubx64.efi", "GRUB");
	run_twice(f, &step_uefi_fallback);
	assert_int_equal(f->files.log.changes.n, 0);
}

static void test_no_loader(void **state)
{
	struct linux_fixture *f = *state;

	uefi(f);
	plant(&f->files, "/boot/efi/EFI/tools/shell.efi", "");
	assert_int_equal(step_uefi_fallback.run(&f->c, &f->files.err), 0);
	assert_string_equal(finding_of(f, "W-BOOT-NO-LOADER")->text,
			    "the EFI system partition holds no loader for x86_64 that is known");
}

static void test_no_esp(void **state)
{
	struct linux_fixture *f = *state;

	uefi(f);
	assert_int_equal(step_uefi_fallback.run(&f->c, &f->files.err), 0);
	assert_non_null(finding_of(f, "W-BOOT-NO-ESP"));
	f->machine->firmware = FIRMWARE_BIOS;
	assert_false(step_uefi_fallback.applies(&f->c));
}

static void inspect_firmware(struct linux_fixture *f)
{
	assert_int_equal(inspector_firmware.run(f->files.g, f->machine, f->inspection, &f->files.err), 0);
}

static void test_metadata_says_uefi_disk_bios(void **state)
{
	struct linux_fixture *f = *state;

	f->machine->firmware = FIRMWARE_UEFI;
	plant(&f->files, "/boot/grub/i386-pc/core.img", "");
	inspect_firmware(f);
	assert_string_equal(finding_of(f, "W-BOOT-FIRMWARE-DISAGREES")->text,
			    "the source says UEFI, but the disk has only a BIOS loader");
}

static void test_metadata_says_bios_disk_uefi(void **state)
{
	struct linux_fixture *f = *state;

	f->machine->firmware = FIRMWARE_BIOS;
	plant(&f->files, "/boot/efi/EFI/debian/grubx64.efi", "");
	inspect_firmware(f);
	assert_string_equal(finding_of(f, "W-BOOT-FIRMWARE-DISAGREES")->fix, "Convert it as a UEFI machine.");
}

/* The conversion takes the firmware of the partition table: nothing is left to warn of. */
static void test_the_disks_firmware_is_taken(void **state)
{
	struct linux_fixture *f = *state;

	f->machine->firmware = FIRMWARE_BIOS;
	f->inspection->firmware_disk = FIRMWARE_UEFI;
	plant(&f->files, "/boot/efi/EFI/debian/grubx64.efi", "");
	inspect_firmware(f);
	assert_int_equal(f->inspection->findings.n, 1);
	assert_string_equal(finding_of(f, "I-FIRMWARE-OF-DISK")->text,
			    "the source says BIOS, but the disk is partitioned for UEFI and has only UEFI loaders: it "
			    "becomes a UEFI machine");
}

static void test_agreement_and_both(void **state)
{
	struct linux_fixture *f = *state;

	f->machine->firmware = FIRMWARE_BIOS;
	plant(&f->files, "/boot/grub/i386-pc/core.img", "");
	inspect_firmware(f);
	assert_int_equal(f->inspection->findings.n, 0);
	f->inspection->firmware_disk = FIRMWARE_UEFI;
	plant(&f->files, "/boot/efi/EFI/debian/grubx64.efi", "");
	inspect_firmware(f);
	assert_string_equal(finding_of(f, "I-FIRMWARE-BOTH")->text,
			    "the source says bios and the disk is partitioned for uefi, but has loaders for both");
}

static void test_lilo(void **state)
{
	struct linux_fixture *f = *state;

	plant(&f->files, "/etc/lilo.conf", "boot=/dev/sda\n");
	inspect_firmware(f);
	assert_non_null(finding_of(f, "W-BOOT-LILO"));
}

static void test_zipl(void **state)
{
	struct linux_fixture *f = *state;

	plant(&f->files, "/etc/zipl.conf", "[defaultboot]\n");
	inspect_firmware(f);
	assert_string_equal(finding_of(f, "W-BOOT-ZIPL")->evidence, "/etc/zipl.conf");
	assert_int_equal(f->inspection->findings.n, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    LINUX_TEST(test_debian_with_shim),
	    LINUX_TEST(test_grub_alone_on_arm),
	    LINUX_TEST(test_the_kernel_decides),
	    LINUX_TEST(test_systemd_boot),
	    LINUX_TEST(test_there_already),
	    LINUX_TEST(test_no_loader),
	    LINUX_TEST(test_no_esp),
	    LINUX_TEST(test_metadata_says_uefi_disk_bios),
	    LINUX_TEST(test_metadata_says_bios_disk_uefi),
	    LINUX_TEST(test_the_disks_firmware_is_taken),
	    LINUX_TEST(test_agreement_and_both),
	    LINUX_TEST(test_lilo),
	    LINUX_TEST(test_zipl),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
