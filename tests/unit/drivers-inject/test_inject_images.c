/* Tests of drivers-inject/linux: what stands in the images besides modules. */
#include "tests/unit/drivers-inject/inject_fixture.h"

/* What the image holds a copy of and the guest has edited since is in the graft, with and without modules. */
static void test_copies(void **state)
{
	struct fixture *f = *state;
	const char *root;
	struct outcome o;

	plant_kernel(f, VIRTIO);
	make_root(f, "tree", "initramfs-tools", "ahci virtio_pci virtio_blk virtio_scsi sd_mod");
	shell(f, arena_printf(&f->arena,
			      "cd %s/tree && mkdir -p conf/conf.d etc/lvm usr/lib/udev/rules.d && "
			      "echo RESUME=/dev/sda2 >conf/conf.d/resume && echo BUSYBOX=y >conf/initramfs.conf && "
			      "echo old >etc/lvm/lvm.conf && echo package >usr/lib/udev/rules.d/50-udev-default.rules",
			      f->dir));
	pack(f, "tree", "zstd", initrd(f));
	plant(f, "/etc/initramfs-tools/conf.d/resume", "RESUME=UUID=1\n");
	plant(f, "/etc/initramfs-tools/initramfs.conf", "BUSYBOX=y\n");
	plant(f, "/etc/initramfs-tools/modules", "none\n");
	plant(f, "/etc/lvm/lvm.conf", "new\n");
	o = inject_well(f);
	assert_int_equal(o.log.changes.n, 1);
	if (!strstr(o.log.changes.v[0].words, "appends conf/conf.d/resume as the guest has it now, etc/lvm/lvm.conf as "
					      "the guest has it now, "))
		fail_msg("%s", o.log.changes.v[0].words);
	outcome_done(&o);
	root = unpack(f, initrd(f));
	assert_string_equal(
	    shell(f, arena_printf(&f->arena,
				  "cd %s && cat conf/conf.d/resume conf/initramfs.conf etc/lvm/lvm.conf "
				  "usr/lib/udev/rules.d/*.rules",
				  root)),
	    "RESUME=UUID=1\nBUSYBOX=y\nnew\npackage\n");
	o = inject_well(f);
	assert_int_equal(o.log.changes.n, 0);
	outcome_done(&o);
}

/* dracut leaves lines out of its crypttab: only the devices are taken over. What the guest doesn't tell is a finding.
 */
static void test_crypttab(void **state)
{
	struct fixture *f = *state;
	const struct finding *told;
	struct outcome o;

	plant_kernel(f, VIRTIO);
	make_root(f, "tree", "dracut", "ahci");
	shell(f, arena_printf(&f->arena,
			      "mkdir -p %s/tree/etc && printf 'root /dev/sda2 none\\nlost /dev/sdb1 none\\n' "
			      ">%s/tree/etc/crypttab",
			      f->dir, f->dir));
	pack(f, "tree", "gzip", initrd(f));
	plant(f, "/etc/crypttab", "swap UUID=9 /dev/urandom swap\nroot UUID=2 none\n");
	o = inject_well(f);
	told = finding(&o, "W-BOOT-INITRAMFS-CRYPTTAB");
	assert_non_null(told);
	assert_non_null(strstr(told->text, "etc/crypttab:2 in the initramfs of kernel "));
	assert_non_null(strstr(told->text, " opens '/dev/sdb1', which depends on the source's hardware"));
	outcome_done(&o);
	assert_string_equal(shell(f, arena_printf(&f->arena, "cat %s/etc/crypttab", unpack(f, initrd(f)))),
			    "root UUID=2 none\nlost /dev/sdb1 none\n");
	o = inject_well(f);
	assert_int_equal(o.log.changes.n, 0);
	outcome_done(&o);
}

/* Images other than Debian's have their own lvm.conf: the filters alone are taken over, lvmlocal.conf's too. */
static void test_lvm_filters(void **state)
{
	struct fixture *f = *state;
	struct outcome o;

	plant_kernel(f, VIRTIO);
	make_root(f, "tree", "mkinitcpio", "ahci virtio_pci virtio_blk virtio_scsi sd_mod");
	shell(f, arena_printf(&f->arena,
			      "mkdir %s/tree/etc/lvm && cd %s/tree/etc/lvm && "
			      "printf 'filter = [ \"a|sda|\" ]\\nglobal_filter = [ \"a|sda|\" ]\\nlocking = 4\\n' "
			      ">lvm.conf && printf 'global_filter = [ \"a|sda|\" ]\\n' >lvmlocal.conf",
			      f->dir, f->dir));
	pack(f, "tree", "gzip", initrd(f));
	plant(f, "/etc/lvm/lvm.conf", "filter = [ \"a|vda|\", \"a|sda|\" ]\nlocking = 1\n");
	plant(f, "/etc/lvm/lvmlocal.conf", "global_filter = [ \"a|vdb|\" ]\n");
	o = inject_well(f);
	outcome_done(&o);
	assert_string_equal(
	    shell(f, arena_printf(&f->arena, "cd %s/etc/lvm && cat lvm.conf lvmlocal.conf", unpack(f, initrd(f)))),
	    "filter = [ \"a|vda|\", \"a|sda|\" ]\nglobal_filter = [ \"a|vdb|\" ]\nlocking = 4\n"
	    "global_filter = [ \"a|vdb|\" ]\n");
	o = inject_well(f);
	assert_int_equal(o.log.changes.n, 0);
	outcome_done(&o);
}

/* Debian's images before 10 list the volumes that are opened by their devices. */
static void test_cryptroot(void **state)
{
	struct fixture *f = *state;
	struct outcome o = {.i = inspection_new()};

	plant_kernel(f, VIRTIO);
	make_root(f, "tree", "initramfs-tools", "ahci virtio_pci virtio_blk virtio_scsi sd_mod");
	shell(f, arena_printf(&f->arena,
			      "mkdir -p %s/tree/conf/conf.d && "
			      "printf 'target=sda5_crypt,source=/dev/sda5,key=none,lvm=vg-root\\n"
			      "target=old,source=/dev/sdb1,key=none\\n' >%s/tree/conf/conf.d/cryptroot",
			      f->dir, f->dir));
	pack(f, "tree", "gzip", initrd(f));
	o.i->os.family = OS_LINUX;
	assert_int_equal(inspector_kernels.run(f->g, NULL, o.i, &f->err), 0);
	assert_int_equal(o.i->kernels.v[0].hostonly.n, 1); /* the survey of names reports what isn't known */
	*vec_push(&o.i->arena, &o.i->device_names) = (struct device_name){.name = "/dev/sda5", .spec = "UUID=5-5"};
	assert_int_equal(inject_linux(f->g, o.i, &o.log, &o.caps, &f->err), 0);
	outcome_done(&o);
	assert_string_equal(shell(f, arena_printf(&f->arena, "cat %s/conf/conf.d/cryptroot", unpack(f, initrd(f)))),
			    "target=sda5_crypt,source=/dev/disk/by-uuid/5-5,key=none,lvm=vg-root\ntarget=old,source=/"
			    "dev/sdb1,key=none\n");
	/* again, on hardware where the old names mean nothing */
	o = inject_well(f);
	assert_int_equal(o.log.changes.n, 0);
	outcome_done(&o);
}

/* Whatever the generator made of it: the list of devices goes. */
static void test_mdadm(void **state)
{
	struct fixture *f = *state;
	struct outcome o;

	plant_kernel(f, VIRTIO);
	make_root(f, "tree", "dracut", "ahci virtio_pci virtio_blk virtio_scsi sd_mod");
	shell(f, arena_printf(&f->arena,
			      "cd %s/tree && mkdir etc/mdadm && "
			      "printf 'DEVICE /dev/sda1 /dev/sdb1\\nARRAY /dev/md0 UUID=1\\n' >etc/mdadm.conf && "
			      "printf 'HOMEHOST <system>\\nARRAY /dev/md0 UUID=1\\n' >etc/mdadm/mdadm.conf",
			      f->dir));
	pack(f, "tree", "gzip", initrd(f));
	o = inject_well(f);
	assert_non_null(strstr(o.log.changes.v[0].words, "etc/mdadm.conf for the new hardware"));
	assert_null(strstr(o.log.changes.v[0].words, "etc/mdadm/mdadm.conf"));
	outcome_done(&o);
	assert_string_equal(
	    shell(f, arena_printf(&f->arena, "cd %s/etc && cat mdadm.conf mdadm/mdadm.conf", unpack(f, initrd(f)))),
	    "DEVICE partitions\nARRAY /dev/md0 UUID=1\nHOMEHOST <system>\nARRAY /dev/md0 UUID=1\n");
	o = inject_well(f);
	assert_int_equal(o.log.changes.n, 0);
	outcome_done(&o);
}

/* What dracut wrote for the source alone: arguments by other names, waits that never end. */
static void test_hostonly(void **state)
{
	static const char tree[] =
	    "cd %s/tree && mkdir -p etc/cmdline.d usr/lib/dracut/hooks/initqueue/finished "
	    "etc/systemd/system/initrd.target.wants && echo ' resume=/dev/sda2 x=y' >etc/cmdline.d/95resume.conf && "
	    "for d in sda2 sdb1 mapper/vg-root; do "
	    "printf '[ -e \"/dev/%%s\" ]\\n' $d >usr/lib/dracut/hooks/initqueue/finished/devexists-$(basename $d).sh; "
	    "done; "
	    "ln -s ../x etc/systemd/system/initrd.target.wants/dev-sda2.device; "
	    "ln -s ../x 'etc/systemd/system/initrd.target.wants/dev-mapper-vg\\x2droot.device'";
	struct fixture *f = *state;
	struct outcome o = {.i = inspection_new()};

	plant_kernel(f, VIRTIO);
	make_root(f, "tree", "dracut", "ahci");
	shell(f, arena_printf(&f->arena, tree, f->dir));
	pack(f, "tree", "xz", initrd(f));
	o.i->os.family = OS_LINUX;
	assert_int_equal(inspector_kernels.run(f->g, NULL, o.i, &f->err), 0);
	assert_int_equal(o.i->kernels.v[0].hostonly.n, 4);
	*vec_push(&o.i->arena, &o.i->device_names) = (struct device_name){.name = "/dev/sda2", .spec = "UUID=2-2"};
	assert_int_equal(inject_linux(f->g, o.i, &o.log, &o.caps, &f->err), 0);
	assert_non_null(strstr(o.log.changes.v[0].words, "etc/cmdline.d/95resume.conf for the new hardware"));
	outcome_done(&o);
	assert_string_equal(
	    shell(f, arena_printf(&f->arena,
				  "cd %s && cat etc/cmdline.d/* && cd usr/lib/dracut/hooks/initqueue/finished && "
				  "cat devexists-sda2.sh devexists-sdb1.sh devexists-vg-root.sh && "
				  "cd - >/dev/null && ls etc/systemd/system && cat etc/systemd/system/*.d/timeout.conf",
				  unpack(f, initrd(f)))),
	    " resume=UUID=2-2 x=y\n[ -e \"/dev/disk/by-uuid/2-2\" ]\ntrue\n[ -e \"/dev/mapper/vg-root\" ]\n"
	    "dev-sda2.device.d\ninitrd.target.wants\n[Unit]\nJobTimeoutSec=1\nJobRunningTimeoutSec=1\n");
	/* again, on hardware where the old names mean nothing: the graft that is there knows */
	o = inject_well(f);
	assert_string_equal(o.i->kernels.v[0].hostonly.v[0].text, " resume=UUID=2-2 x=y\n");
	assert_int_equal(o.log.changes.n, 0);
	outcome_done(&o);
}

/* Modules that are in the image, but which nothing in it would load: their names are put into its lists. */
static void test_only_named(void **state)
{
	struct fixture *f = *state;
	const char *root;
	struct outcome o;

	plant_kernel(f, VIRTIO);
	make_root(f, "genkernel", "genkernel", "ahci virtio_pci virtio_blk virtio_scsi sd_mod");
	pack(f, "genkernel", "xz", initrd(f));
	o = inject_well(f);
	assert_int_equal(o.caps.disk, DISK_BUS_VIRTIO_BLK);
	assert_int_equal(
	    strncmp(o.log.changes.v[0].words, "appends to its lists virtio_pci, virtio_blk, virtio_scsi, sd_mod, ", 66),
	    0);
	outcome_done(&o);
	root = unpack(f, initrd(f));
	assert_string_equal(shell(f, arena_printf(&f->arena, "cat %s/etc/modules/scsi", root)),
			    "sr_mod\nvirtio_pci\nvirtio_blk\nvirtio_scsi\nsd_mod\n");
	o = inject_well(f);
	assert_int_equal(o.log.changes.n, 0);
	outcome_done(&o);

	make_root(f, "booster", "booster", "ahci virtio_pci virtio_blk virtio_scsi sd_mod");
	shell(f, arena_printf(&f->arena,
			      "cp %s/booster/usr/lib/modules/booster.alias %s/all; "
			      "sed -i '/ virtio_blk$/d' %s/booster/usr/lib/modules/booster.alias",
			      f->dir, f->dir, f->dir));
	pack(f, "booster", "xz", initrd(f));
	o = inject_well(f);
	assert_non_null(strstr(o.log.changes.v[0].words, "to its lists virtio_blk, "));
	outcome_done(&o);
	assert_string_equal(
	    shell(f,
		  arena_printf(&f->arena,
			       "cd %s/usr/lib/modules && sort booster.alias >was && sort %s/all | cmp - was || echo no",
			       unpack(f, initrd(f)), f->dir)),
	    "");
}

/* kdump's image gets the drivers, but decides nothing; the rescue image is treated as the kernel that it is a copy of.
 */
static void test_spare_images(void **state)
{
	struct fixture *f = *state;
	const char *v = host_kernel(f);
	struct outcome o;

	plant_kernel(f, VIRTIO);
	make_root(f, "tree", "dracut", "ahci");
	pack(f, "tree", "xz", initrd(f));
	pack(f, "tree", "xz", arena_printf(&f->arena, "/var/lib/kdump/initrd.img-%s", v));
	pack(f, "tree", "xz", "/boot/initramfs-0-rescue-1.img");
	plant(f, "/boot/vmlinuz-0-rescue-1", "kernel");
	plant(f, "/tree/squash-root.img", "hsqs");
	pack(f, "tree", "xz", arena_printf(&f->arena, "/boot/initramfs-%skdump.img", v));
	o = inject_well(f);
	assert_int_equal(o.i->kernels.n, 4);
	assert_int_equal(o.caps.disk, DISK_BUS_VIRTIO_BLK);
	assert_int_equal(o.log.changes.n, 4); /* three images and the settings */
	assert_null(finding(&o, "W-DISK-SAFE-MODE"));
	assert_string_equal(finding(&o, "I-KDUMP-IMAGE")->evidence,
			    arena_printf(&f->arena, "/boot/initramfs-%skdump.img", v));
	outcome_done(&o);
	shell(f, arena_printf(&f->arena, "rm %s/boot/initrd* %s/boot/vmlinuz-%s; mv %s/lib/modules/%s %s/lib/modules/x",
			      f->dir, f->dir, v, f->dir, v, f->dir));
	o = inject_well(f); /* the rescue image has the drivers now */
	assert_int_equal(o.log.changes.n, 0);
	assert_non_null(finding(&o, "I-KERNEL-RESCUE"));
	outcome_done(&o);
	shell(f, arena_printf(&f->arena, "rm %s/tree/squash-root.img", f->dir));
	pack(f, "tree", "xz", "/boot/initramfs-0-rescue-1.img");
	o = inject_well(f);
	assert_non_null(strstr(finding(&o, "W-KERNEL-RESCUE")->text, arena_printf(&f->arena, "(kernel %s) has no", v)));
	outcome_done(&o);
}

/* An image with drivers of network cards names them, so it gets the new .link files. */
static void test_new_links(void **state)
{
	struct fixture *f = *state;
	struct outcome o;

	plant_kernel(f, VIRTIO);
	make_root(f, "tree", "initramfs-tools", "ahci e1000");
	shell(f, arena_printf(&f->arena, "mkdir -p %s/tree/usr/lib/systemd/network", f->dir));
	pack(f, "tree", "zstd", initrd(f));
	plant(f, "/etc/systemd/network/10-rehost-ens192.link", "[Link]\nName=ens192\n");
	o = inject_well(f);
	outcome_done(&o);
	assert_string_equal(shell(f, arena_printf(&f->arena, "cat %s/usr/lib/systemd/network/10-rehost-ens192.link",
						  unpack(f, initrd(f)))),
			    "[Link]\nName=ens192\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_copies),	    TEST(test_crypttab),     TEST(test_mdadm),
	    TEST(test_lvm_filters), TEST(test_cryptroot),    TEST(test_hostonly),
	    TEST(test_only_named),  TEST(test_spare_images), TEST(test_new_links),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
