/* Tests of drivers-inject/linux: what the kernels of a guest can drive, and which of them decide. */
#include "tests/unit/drivers-inject/inject_fixture.h"

/* An old kernel beside the new one: only what boot entries name decides. */
static void test_safe_mode(void **state)
{
	struct fixture *f = *state;
	struct outcome o;

	plant_kernel(f, VIRTIO " e1000e ahci");
	make_root(f, "tree", "initramfs-tools", "ahci");
	pack(f, "tree", "gzip", initrd(f));
	plant(f, "/boot/vmlinuz-2.6.18", "kernel");
	plant(f, "/lib/modules/2.6.18/modules.dep", "/lib/modules/2.6.18/kernel/e1000e.ko:\n");
	plant(f, "/lib/modules/2.6.18/kernel/e1000e.ko", "");
	plant(f, "/lib/modules/2.6.18/modules.builtin", "kernel/ahci.ko\nkernel/sd_mod.ko\n");
	o = inject(f, "2.6.18");
	assert_int_equal(o.ret, 0);
	assert_int_equal(o.caps.disk, DISK_BUS_SATA);
	assert_int_equal(o.caps.net, NET_BUS_E1000E);
	assert_true(o.caps.safe_mode && o.caps.board == BOARD_Q35);
	assert_false(o.caps.rng || o.caps.balloon || o.caps.agent_channel);
	assert_string_equal(
	    finding(&o, "W-DISK-SAFE-MODE")->text,
	    "kernel 2.6.18 can't use virtio disks: it has no module virtio_pci; so the machine gets sata disks");
	outcome_done(&o);
	o = inject(f, host_kernel(f));
	assert_int_equal(o.ret, 0);
	assert_int_equal(o.caps.disk, DISK_BUS_VIRTIO_BLK);
	assert_null(finding(&o, "W-DISK-SAFE-MODE"));
	outcome_done(&o);
}

/* An entry boots a kernel with the image of another: only one graft goes into that. */
static void test_borrowed_image(void **state)
{
	struct outcome o = {.i = inspection_new()};
	struct fixture *f = *state;

	plant_kernel(f, VIRTIO " ahci");
	make_root(f, "tree", "initramfs-tools", "ahci");
	pack(f, "tree", "gzip", initrd(f));
	shell(
	    f,
	    arena_printf(
		&f->arena,
		"cd %s && cp -r lib/modules/%s lib/modules/99.0 && sed -i s/%s/99.0/g lib/modules/99.0/modules.dep && "
		"echo kernel >boot/vmlinuz-99.0",
		f->dir, host_kernel(f), host_kernel(f)));
	o.i->os.family = OS_LINUX;
	assert_int_equal(inspector_kernels.run(f->g, NULL, o.i, &f->err), 0);
	assert_int_equal(o.i->kernels.n, 2);
	assert_string_equal(o.i->kernels.v[1].version, "99.0");
	o.i->kernels.v[1].initrd = arena_strdup(&o.i->arena, initrd(f));
	o.i->kernels.v[0].bootable = true;
	assert_int_equal(inject_linux(f->g, o.i, &o.log, &o.caps, &f->err), 0);
	assert_int_equal(o.caps.disk, DISK_BUS_VIRTIO_BLK);
	assert_string_equal(finding(&o, "I-KERNEL-NO-VIRTIO")->text,
			    arena_printf(&f->arena,
					 "kernel 99.0, which no boot entry names, can't use virtio disks: it is booted "
					 "with the initramfs of kernel %s",
					 host_kernel(f)));
	outcome_done(&o);
	assert_non_null(strstr(show_depends(f, unpack(f, initrd(f)), "virtio_blk"), "virtio_blk.ko"));
	assert_int_equal(access(arena_printf(&f->arena, "%s/unpacked/usr/lib/modules/99.0", f->dir), F_OK), -1);
}

static void test_no_bus(void **state)
{
	struct fixture *f = *state;
	struct outcome o;

	plant(f, "/boot/vmlinuz-3.10.0", "kernel");
	plant(f, "/lib/modules/3.10.0/modules.dep", "kernel/virtio_blk.ko: kernel/gone.ko\n");
	o = inject_well(f);
	assert_int_equal(o.caps.disk, DISK_BUS_SATA);
	assert_true(o.caps.safe_mode);
	assert_int_equal(finding(&o, "B-NO-DISK-DRIVER")->severity, SEVERITY_BLOCKER);
	outcome_done(&o);
	plant(f, "/boot/initrd.img-3.10.0", "what is this");
	o = inject_well(f);
	assert_null(finding(&o, "B-NO-DISK-DRIVER"));
	assert_int_equal(finding(&o, "W-BOOT-NO-DISK-DRIVER")->severity, SEVERITY_WARNING);
	outcome_done(&o);
}

/* Lists of modules that are as long as they may be: what all kernels take is bounded. */
static void test_memory_of_many_kernels(void **state)
{
	struct fixture *f = *state;
	struct outcome o;

	shell(f, arena_printf(
		     &f->arena,
		     "set -e; cd %s; mkdir -p boot lib/modules; echo x >x.dep\n"
		     "yes 'alias pci:v00001AF4d00001000 b' | head -c 15000000 >aliases\n"
		     "for k in $(seq 10 60); do mkdir lib/modules/5.$k; echo kernel >boot/vmlinuz-5.$k\n"
		     "echo kernel/a.ko: >lib/modules/5.$k/modules.dep; ln aliases lib/modules/5.$k/modules.alias\n"
		     "ln aliases lib/modules/5.$k/modules.symbols; done",
		     f->dir));
	o = inject(f, NULL);
	assert_int_equal(o.ret, -1);
	assert_int_equal(f->err.code, ERR_BLOCKED);
	assert_non_null(strstr(f->err.text, "initramfs images of 9 kernels (of 51) take "));
	assert_non_null(strstr(f->err.text, " MiB of memory, at most 512 are given to them: remove old kernels"));
	outcome_done(&o);
}

/* Nothing in such an image would load what is added. */
static void test_no_loader(void **state)
{
	struct fixture *f = *state;
	struct outcome o;

	plant_kernel(f, VIRTIO);
	make_root(f, "tree", "mkinitcpio", "ahci sd_mod");
	shell(f, arena_printf(&f->arena, "rm %s/tree/usr/bin/udevadm; touch %s/tree/usr/bin/nash", f->dir, f->dir));
	pack(f, "tree", "gzip", initrd(f));
	o = inject_well(f);
	assert_int_equal(o.caps.disk, DISK_BUS_SATA);
	assert_int_equal(o.log.changes.n, 0);
	assert_non_null(strstr(finding(&o, "W-DISK-SAFE-MODE")->text,
			       ": nothing in its initramfs would load them; so the machine gets sata disks"));
	outcome_done(&o);
}

/* Virtio 1.0 in an older kernel is known by its driver's parameter; without it the machine is a pc. */
static void test_old_virtio(void **state)
{
	struct fixture *f = *state;
	struct outcome o;

	plant(f, "/boot/vmlinuz-3.16.0", "kernel");
	plant(f, "/lib/modules/3.16.0/modules.dep", "kernel/virtio_pci.ko:\nkernel/virtio_blk.ko:\n");
	plant(f, "/lib/modules/3.16.0/kernel/virtio_pci.ko", "\177ELF");
	plant(f, "/lib/modules/3.16.0/kernel/virtio_blk.ko", "\177ELF");
	plant(f, "/tree/usr/bin/udevadm", "");
	pack(f, "tree", "gzip", "/boot/initrd.img-3.16.0");
	o = inject_well(f);
	assert_int_equal(o.caps.disk, DISK_BUS_VIRTIO_BLK);
	assert_int_equal(o.caps.board, BOARD_PC);
	assert_int_equal(o.caps.net, NET_BUS_E1000E);
	assert_string_equal(finding(&o, "W-NET-NO-VIRTIO")->text,
			    "not every bootable kernel has virtio_net, so the network cards are e1000e");
	outcome_done(&o);
	plant(f, "/lib/modules/3.16.0/kernel/virtio_pci.ko", "\177ELF parm=force_legacy:Force legacy mode");
	o = inject_well(f);
	assert_int_equal(o.caps.board, BOARD_Q35);
	outcome_done(&o);
}

/* An arm64 kernel gets QEMU's board for it, and nothing that only x86 has. */
static void test_arm64(void **state)
{
	struct fixture *f = *state;
	struct outcome o;

	shell(f, arena_printf(
		     &f->arena,
		     "mkdir -p %s/boot && printf 'MZ%%058d\\100\\0\\0\\0PE\\0\\0\\144\\252' 0 >%s/boot/vmlinuz-6.1.0",
		     f->dir, f->dir));
	plant(f, "/lib/modules/6.1.0/modules.dep", "kernel/ata_piix.ko:\nkernel/sd_mod.ko:\nkernel/e1000.ko:\n");
	plant(f, "/lib/modules/6.1.0/kernel/ata_piix.ko", "\177ELF");
	plant(f, "/lib/modules/6.1.0/kernel/sd_mod.ko", "\177ELF");
	plant(f, "/tree/usr/bin/udevadm", "");
	pack(f, "tree", "gzip", "/boot/initrd.img-6.1.0");
	o = inject_well(f);
	assert_int_equal(o.caps.board, BOARD_VIRT);
	assert_int_equal(o.caps.disk, DISK_BUS_SATA);
	assert_non_null(finding(&o, "B-NO-DISK-DRIVER"));
	assert_int_equal(o.caps.net, NET_BUS_E1000E);
	outcome_done(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_safe_mode), TEST(test_borrowed_image),	     TEST(test_no_bus),
	    TEST(test_no_loader), TEST(test_memory_of_many_kernels), TEST(test_old_virtio),
	    TEST(test_arm64),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
