/* Injection into a folder guest with this machine's modules, and what came of it. */
#ifndef REHOST_TESTS_UNIT_DRIVERS_INJECT_INJECT_FIXTURE_H
#define REHOST_TESTS_UNIT_DRIVERS_INJECT_INJECT_FIXTURE_H

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
static inline struct outcome inject(struct fixture *f, const char *bootable)
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

static inline void outcome_done(struct outcome *o)
{
	inspection_free(o->i);
	changelog_done(&o->log);
}

static inline struct outcome inject_well(struct fixture *f)
{
	struct outcome o = inject(f, NULL);

	if (o.ret < 0)
		fail_msg("%s", f->err.text);
	return o;
}

static inline const struct finding *finding(const struct outcome *o, const char *id)
{
	VEC_FOR (it, &o->i->findings)
		if (strcmp(it->id, id) == 0)
			return it;
	return NULL;
}

/* A kernel of the guest with this machine's indexes, and the files of the named modules with all they need. */
static inline void plant_kernel(struct fixture *f, const char *modules)
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

static inline const char *initrd(struct fixture *f)
{
	return arena_printf(&f->arena, "/boot/initrd.img-%s", host_kernel(f));
}

/* Unpacks an image as the kernel does: archive by archive, later files over earlier ones. */
static inline const char *unpack(struct fixture *f, const char *image)
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
static inline const char *show_depends(struct fixture *f, const char *root, const char *module)
{
	return shell(f,
		     arena_printf(&f->arena,
				  "PATH=$PATH:/sbin:/usr/sbin; modprobe -n --show-depends -d %s -S %s %s | "
				  "while read -r x k; do test -s $k || echo MISSING; basename $k; done | tr '\\n' ' '",
				  root, host_kernel(f), module));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

#endif
