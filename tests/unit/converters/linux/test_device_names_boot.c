/* Tests of the step device-names-boot. */
#include "tests/unit/converters/linux/linux_fixture.h"

static const char *debian12(struct linux_fixture *f)
{
	AUTO(buf_done) struct buf b = BUF_INIT(1 << 20);

	assert_int_equal(file_slurp(AT_FDCWD, "tests/data/guest/debian12-grub.cfg", &b, &f->files.err), 0);
	return arena_strdup(&f->files.arena, buf_str(&b));
}

static void test_debian12(void **state)
{
	struct linux_fixture *f = *state;
	const char *after;

	plant(&f->files, "/boot/grub/grub.cfg", debian12(f));
	plant(&f->files, "/etc/default/grub",
	      "GRUB_DEFAULT=0\nGRUB_CMDLINE_LINUX=\"console=tty0 resume=/dev/sda2\"\n"
	      "# Uncomment if you don't want GRUB to pass \"root=UUID=xxx\" parameter to Linux\n"
	      "GRUB_DISABLE_LINUX_UUID=true\n");
	plant(&f->files, "/etc/initramfs-tools/conf.d/resume", "RESUME=/dev/sda2\n");
	plant(&f->files, "/etc/initramfs-tools/initramfs.conf", "MODULES=list\nBUSYBOX=auto\n");
	survey(f);
	run_twice(f, &step_device_names_boot);
	after = text_of(&f->files, "/boot/grub/grub.cfg");
	assert_null(strstr(after, "/dev/sd"));
	assert_non_null(strstr(after, "linux\t/boot/vmlinuz-6.1.0-18-amd64 root=UUID=" ROOT_UUID
				      " ro console=tty0 resume=UUID=" SWAP_UUID " quiet\n"));
	assert_string_equal(text_of(&f->files, "/etc/default/grub"),
			    "GRUB_DEFAULT=0\nGRUB_CMDLINE_LINUX=\"console=tty0 resume=UUID=" SWAP_UUID "\"\n"
			    "# Uncomment if you don't want GRUB to pass \"root=UUID=xxx\" parameter to Linux\n"
			    "GRUB_DISABLE_LINUX_UUID=false\n");
	assert_string_equal(text_of(&f->files, "/etc/initramfs-tools/conf.d/resume"), "RESUME=UUID=" SWAP_UUID "\n");
	assert_null(change_of(f, "/etc/initramfs-tools/initramfs.conf"));
	assert_int_equal(f->files.log.changes.n, 4);
	assert_string_equal(change_of(f, "/boot/grub/grub.cfg")->reason,
			    "device names depend on the hardware, UUIDs don't: /dev/sda1 is UUID=" ROOT_UUID
			    ": it is the root file system that inspection found; /dev/sda2 is UUID=" SWAP_UUID
			    ": it is on the same disk as /dev/sda1, whose meaning is sure");
}

static void test_shared_uuid_keeps_grub_from_it(void **state)
{
	struct linux_fixture *f = *state;

	add_disk(f, CONTROLLER_PVSCSI, 1);
	add_fs(f, "/dev/sdb1", "ext4", ROOT_UUID, 1, 1);
	plant(&f->files, "/etc/default/grub", "GRUB_DISABLE_LINUX_UUID=\"true\"\n");
	survey(f);
	run_twice(f, &step_device_names_boot);
	assert_string_equal(text_of(&f->files, "/etc/default/grub"),
			    "GRUB_DISABLE_LINUX_UUID=\"true\"\nGRUB_DISABLE_LINUX_PARTUUID=false\n");
}

static void test_volume_root_is_left(void **state)
{
	struct linux_fixture *f = *state;
	const char *grub = "menuentry x {\n linux /v root=/dev/mapper/vg0-root ro\n initrd /i\n}\n";

	f->inspection->os.root = (char *)"/dev/vg0/root";
	add_fs(f, "/dev/vg0/root", "xfs", DATA_UUID, 0, 0);
	plant(&f->files, "/boot/grub/grub.cfg", grub);
	plant(&f->files, "/etc/default/grub", "GRUB_DISABLE_LINUX_UUID=true\n");
	survey(f);
	run_twice(f, &step_device_names_boot);
	VEC_FOR (c, &f->files.log.changes)
		fail_msg("%s: %s", c->path, c->diff);
}

static void test_other_loaders(void **state)
{
	struct linux_fixture *f = *state;

	plant(&f->files, "/etc/kernel/cmdline", "root=/dev/sda1 ro quiet");
	plant(&f->files, "/efi/loader/entries/a.conf",
	      "title Debian\noptions    root=/dev/sda1 ro\nlinux /a/linux\ninitrd /a/initrd\n");
	plant(&f->files, "/boot/extlinux/extlinux.conf",
	      "LABEL l\n\tKERNEL /v\n\tAPPEND root=/dev/sda1 ro\n\tINITRD /i\n");
	plant(&f->files, "/boot/grub/menu.lst",
	      "# kopt=root=/dev/sda1 ro\n\ntitle x\nkernel /v root=/dev/sda1 ro\ninitrd /i\n");
	plant(&f->files, "/etc/grub.d/40_custom",
	      "#!/bin/sh\nexec tail -n +3 $0\nmenuentry y {\n linux /v root=/dev/sda1\n initrd /i\n}\n");
	survey(f);
	run_twice(f, &step_device_names_boot);
	assert_string_equal(text_of(&f->files, "/etc/kernel/cmdline"), "root=UUID=" ROOT_UUID " ro quiet");
	assert_string_equal(text_of(&f->files, "/efi/loader/entries/a.conf"),
			    "title Debian\noptions    root=UUID=" ROOT_UUID " ro\nlinux /a/linux\ninitrd /a/initrd\n");
	assert_string_equal(text_of(&f->files, "/boot/extlinux/extlinux.conf"),
			    "LABEL l\n\tKERNEL /v\n\tAPPEND root=UUID=" ROOT_UUID " ro\n\tINITRD /i\n");
	assert_string_equal(text_of(&f->files, "/boot/grub/menu.lst"),
			    "# kopt=root=UUID=" ROOT_UUID " ro\n\ntitle x\nkernel /v root=UUID=" ROOT_UUID
			    " ro\ninitrd /i\n");
	assert_string_equal(text_of(&f->files, "/etc/grub.d/40_custom"),
			    "#!/bin/sh\nexec tail -n +3 $0\nmenuentry y {\n linux /v root=UUID=" ROOT_UUID
			    "\n initrd /i\n}\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    LINUX_TEST(test_debian12),
	    LINUX_TEST(test_shared_uuid_keeps_grub_from_it),
	    LINUX_TEST(test_volume_root_is_left),
	    LINUX_TEST(test_other_loaders),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
