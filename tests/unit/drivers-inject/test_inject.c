/* Tests of drivers-inject/linux over folder guests with this machine's modules and images packed by the usual programs:
 * the graft itself. */
#include "tests/unit/drivers-inject/inject_fixture.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_graft),	       TEST(test_replaces),
	    TEST(test_enough_already), TEST(test_built_in),
	    TEST(test_settings),       TEST(test_compressed_modules),
	    TEST(test_shared_files),   TEST(test_network_only_where_it_was),
	    TEST(test_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
