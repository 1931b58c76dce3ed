/* Tests of drivers-inject/linux/rebuild.c over folder guests: the guest's generator is a function that puts an image
 * where the generator was told to. */
#include "drivers-inject/inject.h"

#include "inspectors/registry.h"
#include "tests/unit/support/initramfs_fixture.h"

/* What the generator does; the fixture of the running test. */
static struct generator {
	struct fixture *f;
	const char *makes; /* the image it makes, below the fixture's folder; NULL: it fails */
	char *said;	   /* how it was run */
	unsigned runs;
} generator;

static int run_generator(struct guest *g, const char *const *argv, struct buf *out, struct err *err)
{
	struct fixture *f = generator.f;

	generator.runs++;
	assert_string_equal(argv[0], "/bin/sh");
	assert_string_equal(argv[4], "/var/tmp/.rehost-initramfs/image");
	generator.said = arena_printf(&f->arena, "%s|%s|%s", strrchr(argv[2], ';') + 2, argv[5], argv[6]);
	if (!generator.makes)
		return err_set(err, ERR_CONVERT, "mkinitramfs:\nno room left");
	shell(f, arena_printf(&f->arena, "cp %s/%s %s%s", f->dir, generator.makes, f->dir, argv[4]));
	return 0;
}

/* A guest whose image lacks virtio, and which the grafts have been made for. */
static struct inspection *begin(struct fixture *f, const char *arch, struct caps *caps)
{
	static struct guest_ops ops;
	const char *v = host_kernel(f);
	struct inspection *i = inspection_new();
	struct changelog log = {0};

	ops = *f->g->ops;
	ops.run = run_generator;
	f->g->ops = &ops;
	generator = (struct generator){.f = f};
	shell(f, arena_printf(
		     &f->arena,
		     "d=%s/lib/modules/%s; mkdir -p $d %s/boot %s/images; cp -r /lib/modules/%s/modules.* $d/; "
		     "echo kernel >%s/boot/vmlinuz-%s; for m in virtio_pci virtio_blk virtio_scsi sd_mod ext4; do "
		     "/sbin/modprobe -S %s --show-depends $m; done | sed -n 's/^insmod \\([^ ]*\\).*/\\1/p' | "
		     "sort -u | while read -r k; do mkdir -p %s${k%%/*}; cp $k %s$k; done",
		     f->dir, v, f->dir, f->dir, v, f->dir, v, v, f->dir, f->dir));
	make_root(f, "old", "initramfs-tools", "ahci ext4");
	plant(f, "/old/cryptroot/crypttab", "root UUID=1 none\n");
	pack(f, "old", "gzip", arena_printf(&f->arena, "/boot/initrd.img-%s", v));
	i->os.family = OS_LINUX;
	i->os.arch = arena_strdup(&i->arena, arch);
	assert_int_equal(inspector_kernels.run(f->g, NULL, i, &f->err), 0);
	assert_int_equal(inject_linux(f->g, i, &log, caps, &f->err), 0);
	changelog_done(&log);
	return i;
}

/* The guest's image after the generator has made that one. */
static const char *rebuilt(struct fixture *f, struct inspection *i, const struct caps *caps, const char *makes)
{
	struct changelog log = {0};

	generator.makes = makes;
	i->findings.n = 0;
	if (rebuild_linux(f->g, i, &log, caps, &f->err) < 0)
		fail_msg("%s", f->err.text);
	assert_int_equal(log.changes.n, i->findings.n ? 0 : 1);
	changelog_done(&log);
	assert_false(guest_exists(f->g, "/var/tmp/.rehost-initramfs"));
	return shell(f, arena_printf(&f->arena, "sha256sum <%s/boot/initrd.img-%s", f->dir, host_kernel(f)));
}

/* Makes images/NAME of a tree with these modules. */
static void plant_image(struct fixture *f, const char *name, const char *modules, bool crypttab)
{
	const char *tree = arena_printf(&f->arena, "tree-%s", name);

	make_root(f, tree, "initramfs-tools", modules);
	if (crypttab)
		plant(f, arena_printf(&f->arena, "/%s/cryptroot/crypttab", tree), "root UUID=1 none\n");
	pack(f, tree, "xz", arena_printf(&f->arena, "/images/%s", name));
}

static void test_takes_what_is_good(void **state)
{
	struct fixture *f = *state;
	struct caps caps = {0};
	AUTO(inspection_freep) struct inspection *i = begin(f, "x86_64", &caps);

	plant_image(f, "good", "virtio_pci virtio_blk virtio_scsi sd_mod ext4", true);
	assert_string_equal(rebuilt(f, i, &caps, "images/good"),
			    shell(f, arena_printf(&f->arena, "sha256sum <%s/images/good", f->dir)));
	assert_int_equal(generator.runs, 1);
	assert_string_equal(
	    generator.said,
	    arena_printf(&f->arena, "exec mkinitramfs -o \"$1\" \"$2\"|%s|virtio_pci virtio_blk virtio_scsi sd_mod",
			 host_kernel(f)));
}

/* Whatever is wrong with the new image, the old one with its graft stays. */
static void test_keeps_the_graft(void **state)
{
	static const struct {
		const char *name, *modules, *why;
		bool crypttab;
	} rows[] = {
	    {NULL, NULL, "it failed: mkinitramfs:?no room left", false},
	    {"ahci", "ahci ext4", "virtio_pci isn't in what it made, or not all that it needs", true},
	    {"no-fs", "virtio_pci virtio_blk", "/ext4/ext4.ko' isn't in what it made", true},
	    {"no-key", "virtio_pci virtio_blk ext4", "'cryptroot/crypttab' isn't in what it made", false},
	};
	struct fixture *f = *state;
	struct caps caps = {0};
	AUTO(inspection_freep) struct inspection *i = begin(f, NULL, &caps);
	const char *grafted =
	    shell(f, arena_printf(&f->arena, "sha256sum <%s/boot/initrd.img-%s", f->dir, host_kernel(f)));

	for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
		if (rows[k].name)
			plant_image(f, rows[k].name, rows[k].modules, rows[k].crypttab);
		assert_string_equal(
		    rebuilt(f, i, &caps, rows[k].name ? arena_printf(&f->arena, "images/%s", rows[k].name) : NULL),
		    grafted);
		assert_int_equal(i->findings.n, 1);
		assert_string_equal(i->findings.v[0].id, "W-INITRAMFS-REBUILD");
		if (!strstr(i->findings.v[0].text, rows[k].why))
			fail_msg("no '%s' in '%s'", rows[k].why, i->findings.v[0].text);
	}
	plant(f, "/images/text", "no image");
	assert_string_equal(rebuilt(f, i, &caps, "images/text"), grafted);
	assert_non_null(strstr(i->findings.v[0].text, "can't be read as the kernel reads it"));
}

/* Makes images/NAME: a good one, but for what the shell line does to its tree. */
static void plant_altered(struct fixture *f, const char *name, const char *line)
{
	const char *tree = arena_printf(&f->arena, "tree-%s", name);

	make_root(f, tree, "initramfs-tools", "virtio_pci virtio_blk virtio_scsi sd_mod ext4");
	plant(f, arena_printf(&f->arena, "/%s/cryptroot/crypttab", tree), "root UUID=1 none\n");
	shell(f, arena_printf(&f->arena, "cd %s/%s && %s", f->dir, tree, line));
	pack(f, tree, "xz", arena_printf(&f->arena, "/images/%s", name));
}

/* The old image anew, with what the shell line adds to its tree, and with its graft. */
static void regraft(struct fixture *f, struct inspection *i, struct caps *caps, const char *line)
{
	struct changelog log = {0};

	shell(f, arena_printf(&f->arena, "cd %s/old && %s", f->dir, line));
	pack(f, "old", "gzip", arena_printf(&f->arena, "/boot/initrd.img-%s", host_kernel(f)));
	assert_int_equal(inject_linux(f->g, i, &log, caps, &f->err), 0);
	changelog_done(&log);
}

static void assert_refused(struct fixture *f, struct inspection *i, const struct caps *caps, const char *makes,
			   const char *why)
{
	rebuilt(f, i, caps, makes);
	assert_int_equal(i->findings.n, 1);
	if (!strstr(i->findings.v[0].text, why))
		fail_msg("no '%s' in '%s'", why, i->findings.v[0].text);
}

/* Programs that put disks together may lie elsewhere, but must be there. */
static void test_programs(void **state)
{
	static const char *const names[] = {"mdadm", "lvm", "cryptsetup"};
	struct fixture *f = *state;
	struct caps caps = {0};
	AUTO(inspection_freep) struct inspection *i = begin(f, "x86_64", &caps);

	plant_altered(f, "none", "true");
	for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
		regraft(f, i, &caps, arena_printf(&f->arena, "echo x >usr/sbin/%s", names[k]));
		assert_refused(f, i, &caps, "images/none",
			       arena_printf(&f->arena, ": 'usr/sbin/%s' isn't in what it made", names[k]));
		shell(f, arena_printf(&f->arena, "rm %s/old/usr/sbin/%s", f->dir, names[k]));
	}
	regraft(f, i, &caps, "echo x >usr/sbin/mdadm");
	plant_altered(f, "elsewhere", "echo x >usr/bin/mdadm");
	rebuilt(f, i, &caps, "images/elsewhere");
	assert_int_equal(i->findings.n, 0);
}

static void add_entry(struct inspection *i, const char *version, const char *cmdline)
{
	struct boot_entry *e = vec_push(&i->arena, &i->boot_entries);

	*e = (struct boot_entry){.version = arena_strdup(&i->arena, version),
				 .cmdline = arena_strdup(&i->arena, cmdline)};
}

/* What dracut wrote into the old image of the command line is in the new one or in every entry of the kernel. */
static void test_arguments(void **state)
{
	static const char lost[] =
	    ": the old image's argument 'rd.md.uuid=1:2' isn't in what it made, nor in the boot menu";
	struct fixture *f = *state;
	struct caps caps = {0};
	AUTO(inspection_freep) struct inspection *i = begin(f, "x86_64", &caps);

	*vec_push(&i->arena, &i->device_names) = (struct device_name){.name = "/dev/sda2", .spec = "UUID=2-2"};
	regraft(f, i, &caps,
		"mkdir -p etc/cmdline.d && echo ' rd.md.uuid=1:2' >etc/cmdline.d/90mdraid.conf && "
		"echo ' root=/dev/sda2 rootflags=rw' >etc/cmdline.d/95root-dev.conf && "
		"echo '# rd.x' >etc/cmdline.d/x.conf");
	plant_altered(f, "silent", "true");
	plant_altered(f, "telling",
		      "mkdir -p etc/cmdline.d && echo 'rd.md.uuid=1:2 root=UUID=2-2' >etc/cmdline.d/a.conf");
	plant_altered(f, "half", "mkdir -p etc/cmdline.d && echo ' rd.md.uuid=1:2 ' >etc/cmdline.d/a.conf");
	assert_refused(f, i, &caps, "images/silent", lost);
	assert_refused(f, i, &caps, "images/half", "argument 'root=UUID=2-2' isn't");
	add_entry(i, "another", "rd.md.uuid=1:2 root=UUID=2-2");
	assert_refused(f, i, &caps, "images/silent", lost);
	add_entry(i, host_kernel(f), "root=/dev/disk/by-uuid/2-2 rd.md.uuid=1:2 quiet");
	add_entry(i, host_kernel(f), "root=/dev/sda2 rd.md.uuid=1:3");
	assert_refused(f, i, &caps, "images/silent", lost);
	rebuilt(f, i, &caps, "images/half"); /* one word of the image, one of the entries */
	assert_int_equal(i->findings.n, 0);
	regraft(f, i, &caps, "true");
	i->boot_entries.n--;
	rebuilt(f, i, &caps, "images/silent");
	assert_int_equal(i->findings.n, 0);
	regraft(f, i, &caps, "true");
	i->boot_entries.n = 0;
	rebuilt(f, i, &caps, "images/telling");
	assert_int_equal(i->findings.n, 0);
}

/* A unified image holds its initramfs: told, not passed over. */
static void test_unified(void **state)
{
	struct fixture *f = *state;
	struct caps caps = {0};
	struct changelog log = {0};
	AUTO(inspection_freep) struct inspection *i = begin(f, "x86_64", &caps);

	i->kernels.v[0].initrd = NULL;
	i->kernels.v[0].unified = "/boot/efi/EFI/Linux/x.efi";
	i->findings.n = 0;
	assert_int_equal(rebuild_linux(f->g, i, &log, &caps, &f->err), 0);
	assert_int_equal(i->findings.n, 1);
	assert_string_equal(i->findings.v[0].id, "W-INITRAMFS-REBUILD");
	assert_string_equal(i->findings.v[0].evidence, "/boot/efi/EFI/Linux/x.efi");
	assert_non_null(strstr(i->findings.v[0].text, "the initramfs wasn't made anew: it is part of a unified image"));
	i->kernels.v[0].left_behind = true;
	i->findings.n = 0;
	assert_int_equal(rebuild_linux(f->g, i, &log, &caps, &f->err), 0);
	assert_int_equal(i->findings.n, 0);
	assert_int_equal(generator.runs + log.changes.n, 0);
}

/* dracut in the appliance may write that machine's devices into the image. */
static void test_foreign_devices(void **state)
{
	struct fixture *f = *state;
	struct caps caps = {0};
	AUTO(inspection_freep) struct inspection *i = begin(f, "x86_64", &caps);

	make_root(f, "foreign", "initramfs-tools", "virtio_pci virtio_blk ext4");
	plant(f, "/foreign/cryptroot/crypttab", "root UUID=1 none\n");
	plant(f, "/foreign/etc/cmdline.d/95root-dev.conf", " root=UUID=1 resume=/dev/sdb2\n");
	pack(f, "foreign", "xz", "/images/foreign");
	rebuilt(f, i, &caps, "images/foreign");
	assert_non_null(strstr(i->findings.v[0].text, "waits for '/dev/sdb2', a name of the appliance's hardware"));
}

/* Half a module is none: virtio_blk without virtio_ring. */
static void test_closure(void **state)
{
	struct fixture *f = *state;
	struct caps caps = {0};
	AUTO(inspection_freep) struct inspection *i = begin(f, "x86_64", &caps);

	make_root(f, "half", "initramfs-tools", "virtio_pci virtio_blk ext4");
	shell(f,
	      arena_printf(&f->arena, "cd %s/half && rm lib/modules/*/kernel/drivers/virtio/virtio_ring.ko", f->dir));
	plant(f, "/half/cryptroot/crypttab", "root UUID=1 none\n");
	pack(f, "half", "xz", "/images/half");
	rebuilt(f, i, &caps, "images/half");
	assert_non_null(strstr(i->findings.v[0].text, "virtio_pci isn't in what it made, or not all that it needs"));
}

static void test_refused(void **state)
{
	struct fixture *f = *state;
	struct caps caps = {0};
	struct changelog log = {0};
	AUTO(inspection_freep) struct inspection *i = begin(f, "s390x", &caps);

	assert_int_equal(rebuild_linux(f->g, i, &log, &caps, &f->err), -1);
	assert_int_equal(f->err.code, ERR_BLOCKED);
	assert_string_equal(
	    f->err.text,
	    "--initramfs=rebuild: the guest's programs are for s390x and can't run on this machine; without "
	    "the option the drivers are appended to its images");
	assert_int_equal(generator.runs, 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_takes_what_is_good), TEST(test_keeps_the_graft), TEST(test_foreign_devices), TEST(test_closure),
	    TEST(test_programs),	   TEST(test_arguments),       TEST(test_unified),	   TEST(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
