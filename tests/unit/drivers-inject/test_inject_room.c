/* Tests of drivers-inject/linux: /boot has not the room for all. */
#include "tests/unit/drivers-inject/inject_fixture.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_no_room),
	    TEST(test_little_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
