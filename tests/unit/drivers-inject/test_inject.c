/* Tests of drivers-inject/linux over folder guests with this machine's modules and images packed by the usual programs.
 */
#include "drivers-inject/inject.h"

#include "guest/files/initramfs.h"
#include "inspectors/registry.h"
#include "tests/unit/support/initramfs_fixture.h"

struct outcome {
	struct inspection *i;
	struct caps caps;
	struct changelog log;
	int ret;
};

/* Inspects and injects; `bootable` names the kernels that boot entries have, NULL: there are no entries. */
static struct outcome inject(struct fixture *f, const char *bootable)
{
	struct outcome o = {.i = inspection_new()};

	o.i->os.family = OS_LINUX;
	err_clear(&f->err);
	assert_int_equal(inspector_kernels.run(f->g, NULL, o.i, &f->err), 0);
	VEC_FOR (k, &o.i->kernels)
		k->bootable = bootable && strstr(bootable, k->version);
	o.ret = inject_linux(f->g, o.i, &o.log, &o.caps, &f->err);
	return o;
}

static void outcome_done(struct outcome *o)
{
	inspection_free(o->i);
	changelog_done(&o->log);
}

static struct outcome inject_well(struct fixture *f)
{
	struct outcome o = inject(f, NULL);

	if (o.ret < 0)
		fail_msg("%s", f->err.text);
	return o;
}

static const struct finding *finding(const struct outcome *o, const char *id)
{
	VEC_FOR (it, &o->i->findings)
		if (strcmp(it->id, id) == 0)
			return it;
	return NULL;
}

/* A kernel of the guest with this machine's indexes, and the files of the named modules with all they need. */
static void plant_kernel(struct fixture *f, const char *modules)
{
	const char *v = host_kernel(f);

	shell(f,
	      arena_printf(
		  &f->arena,
		  "PATH=$PATH:/sbin:/usr/sbin; set -e; d=%s/lib/modules/%s; mkdir -p $d %s/boot\n"
		  "cp /lib/modules/%s/modules.* $d/; echo kernel >%s/boot/vmlinuz-%s\n"
		  "for m in %s; do modprobe -S %s --show-depends $m; done | sed -n 's/^insmod \\([^ ]*\\).*/\\1/p' | "
		  "sort -u | while read -r k; do mkdir -p %s${k%%/*}; cp $k %s$k; done",
		  f->dir, v, f->dir, v, f->dir, v, modules, v, f->dir, f->dir));
}

#define VIRTIO "virtio_pci virtio_blk virtio_scsi virtio_net virtio_rng virtio_balloon virtio_console sd_mod"

static const char *initrd(struct fixture *f)
{
	return arena_printf(&f->arena, "/boot/initrd.img-%s", host_kernel(f));
}

/* Unpacks an image as the kernel does: archive by archive, later files over earlier ones. */
static const char *unpack(struct fixture *f, const char *image)
{
	static const char *const programs[][2] = {{"none", "cat"},	 {"gzip", "gzip -dc"}, {"xz", "xz -dc"},
						  {"zstd", "zstd -dcq"}, {"lz4", "lz4 -dcq"},  {"bzip2", "bzip2 -dc"},
						  {"lzma", "xz -dc"}};
	AUTO(buf_done) struct buf raw = BUF_INIT(INITRAMFS_FILE_MAX);
	AUTO(initramfs_freep) struct initramfs *im = NULL;
	const char *root = arena_printf(&f->arena, "%s/unpacked", f->dir);

	assert_int_equal(initramfs_read(f->g, image, &raw, &im, &f->err), 0);
	shell(f, arena_printf(&f->arena, "rm -rf %s; mkdir %s", root, root));
	VEC_FOR (s, &im->segments) {
		const char *program = NULL;

		for (size_t i = 0; i < sizeof programs / sizeof *programs; i++)
			if (strcmp(programs[i][0], s->compression) == 0)
				program = programs[i][1];
		shell(f, arena_printf(&f->arena,
				      "cd %s && tail -c +%llu %s%s | head -c %llu | %s | cpio -idu --quiet "
				      "--no-absolute-filenames",
				      root, (unsigned long long)s->offset + 1, f->dir, image,
				      (unsigned long long)s->length, program));
	}
	return root;
}

/* What modprobe would load in the unpacked image, without options and folders. */
static const char *show_depends(struct fixture *f, const char *root, const char *module)
{
	return shell(f,
		     arena_printf(&f->arena,
				  "PATH=$PATH:/sbin:/usr/sbin; modprobe -n --show-depends -d %s -S %s %s | "
				  "while read -r x k; do test -s $k || echo MISSING; basename $k; done | tr '\\n' ' '",
				  root, host_kernel(f), module));
}

static void check_graft(struct fixture *f, const char *compression, const char *layout)
{
	const char *root, *tree = arena_printf(&f->arena, "tree-%s-%s", layout, compression);
	AUTO(initramfs_freep) struct initramfs *im = NULL;
	struct guest_stat before, after, again;
	struct outcome o;

	make_root(f, tree, layout, "ahci");
	pack(f, tree, compression, initrd(f));
	assert_int_equal(f->g->ops->stat(f->g, initrd(f), true, &before, &f->err), 0);
	o = inject_well(f);
	assert_int_equal(o.caps.disk, DISK_BUS_VIRTIO_BLK);
	assert_int_equal(o.caps.net, NET_BUS_VIRTIO);
	assert_true(o.caps.board == BOARD_Q35 && o.caps.rng && o.caps.balloon && o.caps.agent_channel);
	assert_false(o.caps.safe_mode || o.caps.virtio_gpu);
	assert_string_equal(o.log.changes.v[0].path, initrd(f));
	outcome_done(&o);
	assert_int_equal(f->g->ops->stat(f->g, initrd(f), true, &after, &f->err), 0);
	assert_int_equal(after.ino, before.ino);
	assert_int_equal(initramfs_read(f->g, initrd(f), NULL, &im, &f->err), 0);
	assert_true(im->has_graft);

	root = unpack(f, initrd(f));
	assert_string_equal(show_depends(f, root, "virtio_blk"), "virtio_ring.ko virtio.ko virtio_blk.ko ");
	assert_string_equal(show_depends(f, root, "virtio:d00000002v00001AF4"),
			    "virtio_ring.ko virtio.ko virtio_blk.ko ");
	assert_non_null(
	    strstr(show_depends(f, root, "pci:v00001AF4d00001042sv00001AF4sd00000002bc01sc00i00"), "virtio_pci.ko "));
	assert_string_equal(show_depends(f, root, "ahci"), "scsi_common.ko scsi_mod.ko libata.ko libahci.ko ahci.ko ");
	assert_null(strstr(show_depends(f, root, "sd_mod"), "MISSING"));
	if (strcmp(layout, "old") != 0)
		assert_string_equal(shell(f, arena_printf(&f->arena, "readlink %s/lib", root)), "usr/lib\n");
	if (strcmp(layout, "old") == 0 || strcmp(layout, "initramfs-tools") == 0)
		assert_string_equal(shell(f, arena_printf(&f->arena, "cat %s/conf/modules", root)),
				    "# modules of the generator\nahci\nvirtio_pci\nvirtio_blk\nvirtio_scsi\nsd_mod\n");

	/* again: the same file, nothing recorded, and the drivers are seen */
	o = inject_well(f);
	assert_true(o.i->kernels.v[0].initrd_has_virtio_blk && o.i->kernels.v[0].initrd_has_virtio_pci);
	assert_int_equal(o.log.changes.n, 0);
	outcome_done(&o);
	assert_int_equal(f->g->ops->stat(f->g, initrd(f), true, &again, &f->err), 0);
	assert_int_equal(again.size, after.size);
	assert_int_equal(again.mtime, after.mtime);
	print_message("%s %s: %llu bytes and %llu of ours\n", compression, layout, (unsigned long long)im->base,
		      (unsigned long long)(after.size - im->base));
}

static void test_graft(void **state)
{
	static const char *const rows[][2] = {
	    {"none", "initramfs-tools"}, {"gzip", "initramfs-tools"},
	    {"xz", "initramfs-tools"},	 {"zstd", "initramfs-tools"},
	    {"lz4", "initramfs-tools"},	 {"bzip2", "initramfs-tools"},
	    {"lzma", "initramfs-tools"}, {"gzip", "old"},
	    {"zstd", "dracut"},		 {"lz4", "mkinitcpio"},
	};
	struct fixture *f = *state;

	plant_kernel(f, VIRTIO);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		shell(f, arena_printf(&f->arena, "rm -f %s%s", f->dir, initrd(f)));
		check_graft(f, rows[i][0], rows[i][1]);
	}
}

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

/* A graft over another one replaces it, whatever it held. */
static void test_replaces(void **state)
{
	struct fixture *f = *state;
	struct guest_stat first, second;
	struct outcome o;

	plant_kernel(f, VIRTIO);
	make_root(f, "tree", "initramfs-tools", "ahci");
	pack(f, "tree", "zstd", initrd(f));
	shell(f, arena_printf(&f->arena, "cp %s%s %s/plain", f->dir, initrd(f), f->dir));
	o = inject_well(f);
	outcome_done(&o);
	assert_int_equal(f->g->ops->stat(f->g, initrd(f), true, &first, &f->err), 0);
	plant(f, "/etc/initramfs-tools/modules", "");
	/* with one module less to add, the graft shrinks; then it grows back to the same bytes */
	shell(f,
	      arena_printf(&f->arena, "cd %s && cp .%s full && rm ./lib/modules/*/kernel/drivers/scsi/virtio_scsi.ko",
			   f->dir, initrd(f)));
	o = inject_well(f);
	assert_int_equal(o.log.changes.v[0].kind, CHANGE_BINARY);
	outcome_done(&o);
	assert_int_equal(f->g->ops->stat(f->g, initrd(f), true, &second, &f->err), 0);
	assert_true(second.size < first.size);
	plant_kernel(f, "virtio_scsi");
	o = inject_well(f);
	outcome_done(&o);
	shell(f, arena_printf(&f->arena, "cd %s && cmp full .%s", f->dir, initrd(f)));
}

static void test_enough_already(void **state)
{
	struct fixture *f = *state;
	struct outcome o;

	plant_kernel(f, VIRTIO);
	make_root(f, "tree", "initramfs-tools", "virtio_pci virtio_blk virtio_scsi sd_mod");
	pack(f, "tree", "gzip", initrd(f));
	o = inject_well(f);
	assert_int_equal(o.log.changes.n, 0);
	assert_int_equal(o.caps.disk, DISK_BUS_VIRTIO_BLK);
	assert_int_equal(o.i->findings.n, 0);
	outcome_done(&o);
}

static void test_built_in(void **state)
{
	struct fixture *f = *state;
	struct outcome o;

	plant(f, "/boot/vmlinuz-6.6.0", "kernel");
	plant(f, "/lib/modules/6.6.0/modules.dep", "kernel/virtio_rng.ko:\n");
	plant(f, "/lib/modules/6.6.0/kernel/virtio_rng.ko", "");
	plant(f, "/lib/modules/6.6.0/modules.builtin",
	      "kernel/virtio_pci.ko\nkernel/virtio_blk.ko\nkernel/virtio_net.ko\n");
	o = inject_well(f);
	assert_int_equal(o.log.changes.n, 0);
	assert_int_equal(o.caps.disk, DISK_BUS_VIRTIO_BLK);
	assert_int_equal(o.caps.net, NET_BUS_VIRTIO);
	assert_true(o.caps.board == BOARD_Q35 && o.caps.rng);
	assert_false(o.caps.balloon);
	outcome_done(&o);
}

static void test_settings(void **state)
{
	struct fixture *f = *state;
	struct outcome o;

	plant_kernel(f, VIRTIO);
	plant(f, "/etc/initramfs-tools/modules", "# List of modules\n  virtio_blk  # mine\n#virtio_pci\nmptspi");
	make_root(f, "tree", "initramfs-tools", "ahci");
	pack(f, "tree", "xz", initrd(f));
	o = inject_well(f);
	assert_int_equal(o.log.changes.n, 2);
	assert_string_equal(text_of(f, "/etc/initramfs-tools/modules"),
			    "# List of modules\n  virtio_blk  # mine\n#virtio_pci\nmptspi\n"
			    "# Drivers of the virtual disks, added by rehost.\nvirtio_pci\nvirtio_scsi\nsd_mod\n");
	outcome_done(&o);

	make_root(f, "dracut", "dracut", "ahci");
	pack(f, "dracut", "xz", initrd(f));
	o = inject_well(f);
	assert_int_equal(o.log.changes.n, 2);
	assert_string_equal(text_of(f, "/etc/dracut.conf.d/rehost-virtio.conf"),
			    "# Drivers of the virtual disks, added by rehost.\n"
			    "add_drivers+=\" virtio_pci virtio_blk virtio_scsi sd_mod \"\n");
	outcome_done(&o);

	make_root(f, "arch", "mkinitcpio", "ahci");
	pack(f, "arch", "xz", initrd(f));
	o = inject_well(f);
	assert_int_equal(o.log.changes.n, 1);
	assert_string_equal(finding(&o, "W-INITRAMFS-SETTINGS")->evidence, "mkinitcpio");
	assert_string_equal(finding(&o, "W-INITRAMFS-SETTINGS")->fix,
			    "Add to the generator's settings in the guest: virtio_pci virtio_blk virtio_scsi sd_mod");
	outcome_done(&o);
}

/* Modules compressed on disk are stored inflated, and the index says so. */
static void test_compressed_modules(void **state)
{
	struct fixture *f = *state;
	const char *root;
	struct outcome o;

	plant_kernel(f, VIRTIO);
	shell(f, arena_printf(&f->arena,
			      "cd %s/lib/modules/* && find . -name '*.ko' -exec xz --check=crc32 {} + && "
			      "sed -i 's/\\.ko/.ko.xz/g' modules.dep",
			      f->dir));
	make_root(f, "tree", "initramfs-tools", "ahci");
	pack(f, "tree", "zstd", initrd(f));
	o = inject_well(f);
	assert_int_equal(o.caps.board, BOARD_Q35);
	outcome_done(&o);
	root = unpack(f, initrd(f));
	assert_string_equal(show_depends(f, root, "virtio_blk"), "virtio_ring.ko virtio.ko virtio_blk.ko ");
	shell(f, arena_printf(&f->arena,
			      "cmp %s/lib/modules/%s/kernel/drivers/block/virtio_blk.ko "
			      "/lib/modules/%s/kernel/drivers/block/virtio_blk.ko",
			      root, host_kernel(f), host_kernel(f)));
	plant(f, arena_printf(&f->arena, "/lib/modules/%s/kernel/drivers/block/virtio_blk.ko.xz", host_kernel(f)),
	      "text");
	o = inject(f, NULL);
	assert_int_equal(o.ret, -1);
	assert_int_equal(f->err.code, ERR_CONVERT);
	assert_non_null(strstr(f->err.text, "/kernel/drivers/block/virtio_blk.ko.xz': is no ELF file"));
	outcome_done(&o);
}

/* A file that shares its content with others is unlinked before it is replaced. */
static void test_shared_files(void **state)
{
	struct fixture *f = *state;
	struct outcome o;
	const char *root;

	plant_kernel(f, VIRTIO);
	make_root(f, "tree", "initramfs-tools", "ahci");
	shell(f, arena_printf(&f->arena, "cd %s/tree && ln conf/modules etc/same", f->dir));
	pack(f, "tree", "gzip", initrd(f));
	o = inject_well(f);
	outcome_done(&o);
	root = unpack(f, initrd(f));
	assert_string_equal(shell(f, arena_printf(&f->arena, "cat %s/etc/same", root)),
			    "# modules of the generator\nahci\n");
	assert_string_equal(shell(f, arena_printf(&f->arena, "tail -1 %s/conf/modules", root)), "sd_mod\n");
}

static void test_network_only_where_it_was(void **state)
{
	struct fixture *f = *state;
	struct outcome o;

	plant_kernel(f, VIRTIO);
	make_root(f, "tree", "dracut", "ahci e1000e");
	pack(f, "tree", "gzip", initrd(f));
	o = inject_well(f);
	assert_non_null(strstr(o.log.changes.v[0].words, " virtio_net "));
	outcome_done(&o);
	make_root(f, "without", "dracut", "ahci");
	pack(f, "without", "gzip", initrd(f));
	o = inject_well(f);
	assert_null(strstr(o.log.changes.v[0].words, " virtio_net "));
	outcome_done(&o);
}

static int no_space(struct guest *g, const char *path, uint64_t *ret, struct err *err)
{
	*ret = 100 << 10;
	return 0;
}

static void test_no_room(void **state)
{
	struct fixture *f = *state;
	const struct guest_ops *real = f->g->ops;
	struct guest_ops ops = *real;
	struct guest_stat before, after;
	struct outcome o;

	plant_kernel(f, VIRTIO);
	make_root(f, "tree", "initramfs-tools", "ahci");
	pack(f, "tree", "none", initrd(f));
	assert_int_equal(f->g->ops->stat(f->g, initrd(f), true, &before, &f->err), 0);
	ops.space_free = no_space;
	f->g->ops = &ops;
	o = inject(f, NULL);
	f->g->ops = real;
	assert_int_equal(o.ret, -1);
	assert_int_equal(f->err.code, ERR_BLOCKED);
	assert_non_null(strstr(f->err.text, "no room for virtio drivers where '/boot/initrd.img-"));
	assert_non_null(strstr(f->err.text, ": 1 initramfs need "));
	assert_non_null(strstr(f->err.text, " KiB more, 100 KiB are free; remove an old kernel in the guest"));
	assert_int_equal(o.log.changes.n, 0);
	assert_int_equal(f->g->ops->stat(f->g, initrd(f), true, &after, &f->err), 0);
	assert_int_equal(before.size, after.size);
	outcome_done(&o);
}

static uint64_t room;

static int given_room(struct guest *g, const char *path, uint64_t *ret, struct err *err)
{
	*ret = room;
	return 0;
}

/* Injects into a guest with kdump's image and a rescue image that no entry boots. */
static struct outcome inject_with_room(struct fixture *f, uint64_t bytes)
{
	const struct guest_ops *real = f->g->ops;
	struct guest_ops ops = *real;
	struct outcome o = {.i = inspection_new()};

	shell(f, arena_printf(&f->arena,
			      "cp %s/image %s%s; cp %s/image %s/boot/initramfs-0-rescue-1.img; "
			      "cp %s/image %s/var/lib/kdump/initrd.img-%s",
			      f->dir, f->dir, initrd(f), f->dir, f->dir, f->dir, f->dir, host_kernel(f)));
	room = bytes;
	ops.space_free = given_room;
	o.i->os.family = OS_LINUX;
	assert_int_equal(inspector_kernels.run(f->g, NULL, o.i, &f->err), 0);
	VEC_FOR (k, &o.i->kernels)
		k->bootable = !strstr(k->vmlinuz, "rescue");
	f->g->ops = &ops;
	o.ret = inject_linux(f->g, o.i, &o.log, &o.caps, &f->err);
	f->g->ops = real;
	return o;
}

/* Where not all of them can grow, kdump's image is the first that stays as it is, then what no entry boots. */
static void test_little_room(void **state)
{
	struct fixture *f = *state;
	struct guest_stat before, after;
	struct outcome o;
	uint64_t one;

	plant_kernel(f, VIRTIO);
	make_root(f, "tree", "dracut", "ahci");
	pack(f, "tree", "none", "/image");
	plant(f, "/boot/vmlinuz-0-rescue-1", "kernel");
	shell(f, arena_printf(&f->arena, "mkdir -p %s/var/lib/kdump", f->dir));
	o = inject_with_room(f, 1 << 30);
	assert_int_equal(o.i->kernels.n, 3);
	assert_int_equal(o.log.changes.n, 4); /* three images and the settings */
	assert_int_equal(o.i->findings.n, 0);
	outcome_done(&o);
	assert_int_equal(f->g->ops->stat(f->g, "/image", true, &before, &f->err), 0);
	assert_int_equal(f->g->ops->stat(f->g, initrd(f), true, &after, &f->err), 0);
	one = align_up(after.size - before.size, 4096) + 4096;

	o = inject_with_room(f, 2 * one);
	assert_int_equal(o.ret, 0);
	assert_int_equal(o.log.changes.n, 2); /* the settings are there from before */
	assert_int_equal(o.i->findings.n, 1);
	assert_string_equal(finding(&o, "I-KDUMP-IMAGE")->evidence,
			    arena_printf(&f->arena, "/var/lib/kdump/initrd.img-%s", host_kernel(f)));
	assert_non_null(strstr(finding(&o, "I-KDUMP-IMAGE")->text,
			       " wasn't given virtio disks: there is no room for a larger initramfs where it lies"));
	outcome_done(&o);
	o = inject_with_room(f, one);
	assert_int_equal(o.ret, 0);
	assert_int_equal(o.caps.disk, DISK_BUS_VIRTIO_BLK);
	assert_int_equal(o.log.changes.n, 1);
	assert_string_equal(o.log.changes.v[0].path, initrd(f));
	assert_int_equal(o.i->findings.n, 2);
	assert_string_equal(finding(&o, "I-KERNEL-NO-VIRTIO")->evidence, "/boot/vmlinuz-0-rescue-1");
	outcome_done(&o);
	o = inject_with_room(f, one - 1);
	assert_int_equal(o.ret, -1);
	assert_int_equal(f->err.code, ERR_BLOCKED);
	assert_non_null(strstr(f->err.text, ": 1 initramfs need "));
	assert_int_equal(o.log.changes.n, 0);
	outcome_done(&o);
}

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

static void test_errors(void **state)
{
	struct fixture *f = *state;
	struct outcome o;

	plant(f, "/boot/vmlinuz-5.0", "kernel");
	plant(f, "/lib/modules/5.0/modules.dep", "kernel/virtio_pci.ko:\nkernel/virtio_blk.ko:\n");
	plant(f, "/lib/modules/5.0/kernel/virtio_pci.ko", "\177ELF");
	plant(f, "/lib/modules/5.0/kernel/virtio_blk.ko", "\177ELF");
	plant(f, "/tree/usr/bin/udevadm", "");
	assert_int_equal(symlink("lib", on_host(f, "/tree/lib")), 0);
	pack(f, "tree", "none", "/boot/initrd.img-5.0");
	o = inject(f, NULL);
	assert_int_equal(o.ret, -1);
	assert_int_equal(f->err.code, ERR_CONVERT);
	assert_string_equal(f->err.text,
			    "kernel 5.0: modules for '/boot/initrd.img-5.0': 'lib/modules' in the initramfs: "
			    "symlinks go round");
	outcome_done(&o);
	shell(f, arena_printf(&f->arena, "rm %s/tree/lib; touch %s/tree/lib", f->dir, f->dir));
	pack(f, "tree", "none", "/boot/initrd.img-5.0");
	o = inject(f, NULL);
	assert_string_equal(f->err.text,
			    "kernel 5.0: modules for '/boot/initrd.img-5.0': 'lib' in the initramfs is no folder");
	outcome_done(&o);
	shell(f,
	      arena_printf(&f->arena, "cd %s; rm tree/lib; printf '\\3757zXZ\\0' >lib/modules/5.0/kernel/virtio_pci.ko",
			   f->dir));
	pack(f, "tree", "none", "/boot/initrd.img-5.0");
	o = inject(f, NULL);
	assert_string_equal(f->err.text,
			    "kernel 5.0: modules for '/boot/initrd.img-5.0': module "
			    "'/lib/modules/5.0/kernel/virtio_pci.ko': xz: data ends at 0x6 inside the stream");
	outcome_done(&o);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_graft),	       TEST(test_replaces),
	    TEST(test_copies),	       TEST(test_crypttab),
	    TEST(test_hostonly),       TEST(test_only_named),
	    TEST(test_spare_images),   TEST(test_new_links),
	    TEST(test_enough_already), TEST(test_built_in),
	    TEST(test_settings),       TEST(test_compressed_modules),
	    TEST(test_shared_files),   TEST(test_network_only_where_it_was),
	    TEST(test_no_room),	       TEST(test_little_room),
	    TEST(test_safe_mode),      TEST(test_no_bus),
	    TEST(test_no_loader),      TEST(test_old_virtio),
	    TEST(test_arm64),	       TEST(test_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
