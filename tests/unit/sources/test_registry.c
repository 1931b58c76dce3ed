/* Choosing a source, and bare disks: the machine that nothing is known about, several disks, disks in use. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/checked.h"
#include "core/base/cleanup.h"
#include "sources/host_path.h"
#include "sources/source.h"
#include "tests/unit/sources/tarball.h"

static const struct source_options none, force = {.force = true};

static void bad(const struct scratch *s, const char *const *paths, size_t n, const struct source_options *options,
		enum err_code code, const char *says)
{
	struct machine *m = NULL;
	struct err err = ERR_INIT;
	char *at;

	assert_int_equal(source_open(paths, n, options, &m, &err), -1);
	while ((at = strstr(err.text, s->path)))
		memmove(at, at + strlen(s->path), strlen(at + strlen(s->path)) + 1);
	assert_string_equal(err.text, says);
	assert_int_equal(err.code, code);
}

static void the_table(void **state)
{
	unsigned n = 0;

	for (const struct source *const *s = sources; *s; s++, n++) {
		assert_non_null((*s)->kind);
		assert_true(strlen((*s)->description) > 10);
		assert_non_null((*s)->bid);
		assert_non_null((*s)->open);
	}
	assert_int_equal(n, 6);
}

static void two_disks_are_one_machine(void **state)
{
	AUTO(scratch_done) struct scratch s = scratch_new();
	AUTO(machine_freep) struct machine *m = NULL;
	const struct source_options raw = {.kind = "local", .format = "raw"};
	struct err err = ERR_INIT;
	unsigned checked = 9;
	const char *paths[2] = {strdup(scratch_text(&s, "web01.prod.img", "x")),
				strdup(scratch_text(&s, "data.qcow2", "y"))};

	assert_int_equal(source_open(paths, 2, &raw, &m, &err), 0);
	assert_string_equal(m->source, paths[0]);
	assert_string_equal(m->source_kind, "disk");
	assert_string_equal(m->name, "web01.prod");
	assert_int_equal(m->disks.n, 2);
	assert_string_equal(m->disks.v[1].file, "data.qcow2");
	assert_string_equal(m->disks.v[1].folder, s.path);
	assert_string_equal(m->disks.v[1].format, "raw");
	assert_string_equal(m->disks.v[1].id, "sdb");
	assert_int_equal(m->nics.n, 1);
	assert_string_equal(m->nics.v[0].network, "default");
	assert_int_equal(strlen(m->nics.v[0].mac), 17);
	assert_int_equal(m->firmware, FIRMWARE_UNKNOWN);
	assert_true(m->memory == 2 * GIB);
	assert_int_equal(source_verify(m, &checked, NULL, &err), 0);
	assert_int_equal(checked, 0);
	free((char *)paths[0]);
	free((char *)paths[1]);
}

static void a_symlink_of_the_user_is_followed(void **state)
{
	AUTO(scratch_done) struct scratch s = scratch_new();
	AUTO(machine_freep) struct machine *m = NULL;
	struct err err = ERR_INIT;
	const char *link;

	assert_int_equal(mkdir(scratch_path(&s, "store"), 0755), 0);
	scratch_text(&s, "store/real.img", "x");
	link = scratch_path(&s, "name.img");
	assert_int_equal(symlink("store/real.img", link), 0);
	assert_int_equal(source_open(&link, 1, &none, &m, &err), 0);
	assert_string_equal(m->name, "name");
	assert_string_equal(m->disks.v[0].file, "real.img");
	assert_string_equal(strrchr(m->disks.v[0].folder, '/'), "/store");
}

/* Where a format is stated, only by its name, too: the content of a raw disk is the guest's. */
static void a_disk_packed_with_gzip(void **state)
{
	AUTO(scratch_done) struct scratch s = scratch_new();
	AUTO(machine_freep) struct machine *m = NULL;
	AUTO(machine_freep) struct machine *stated = NULL, *content = NULL;
	const struct source_options raw = {.format = "raw"};
	const char *path = scratch_text(&s, "web01.img.gz", "\x1f\x8b\x08 and so on");
	struct err err = ERR_INIT;
	char note[300];

	assert_int_equal(source_open(&path, 1, &none, &m, &err), 0);
	assert_true(m->disks.v[0].packed);
	snprintf(note, sizeof note, "'%s' is packed with gzip: it is inflated first", path);
	assert_string_equal(m->notes.v[0], note);
	assert_int_equal(source_open(&path, 1, &raw, &stated, &err), 0);
	assert_true(stated->disks.v[0].packed);
	path = scratch_text(&s, "web01.img", "\x1f\x8b\x08 and so on");
	assert_int_equal(source_open(&path, 1, &raw, &content, &err), 0);
	assert_false(content->disks.v[0].packed);
}

static void a_disk_that_qemu_writes_to(void **state)
{
	struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 101, .l_len = 1};
	AUTO(scratch_done) struct scratch s = scratch_new();
	AUTO(machine_freep) struct machine *m = NULL;
	const char *path = scratch_text(&s, "d.img", "x");
	AUTO_FD int fd = open(path, O_RDWR | O_CLOEXEC);
	struct err err = ERR_INIT;

	assert_int_equal(fcntl(fd, F_OFD_SETLK, &lock), 0); /* what qemu does for an image it may write to */
	bad(&s, &path, 1, &none, ERR_BLOCKED,
	    "'d.img' is in use: qemu has it open for writing; shut the machine down first, or take it as after a power "
	    "cut with --force");
	assert_int_equal(source_open(&path, 1, &force, &m, &err), 0);
	assert_string_equal(m->notes.v[0], "'d.img' was in use (qemu has it open for writing) and was taken as after a "
					   "power cut (--force)");
}

static void what_is_no_source(void **state)
{
	AUTO(scratch_done) struct scratch s = scratch_new();
	const struct source_options glance = {.kind = "glance"}, vmx = {.kind = "vmx"};
	const char *dir = s.path, *gone = scratch_path(&s, "gone"), *fifo = scratch_path(&s, "fifo"), *two[2];
	const char *empty;

	bad(&s, &gone, 1, &none, ERR_UNREADABLE, "cannot open '/gone': No such file or directory");
	bad(&s, &dir, 1, &none, ERR_UNSUPPORTED,
	    "'' is neither a disk image nor an OVA, OVF, VMX or .vbox, nor a folder with one of them");
	assert_int_equal(mkfifo(fifo, 0600), 0);
	bad(&s, &fifo, 1, &none, ERR_UNSUPPORTED,
	    "'/fifo' is neither a disk image nor an OVA, OVF, VMX or .vbox, nor a folder with one of them");
	bad(&s, &dir, 0, &none, ERR_USAGE, "no source is given");
	bad(&s, &dir, 1, &glance, ERR_USAGE,
	    "there is no source 'glance': there are ova, vmx, vbox, physical, libvirtxml, disk");
	two[0] = two[1] = dir;
	bad(&s, two, 2, &vmx, ERR_USAGE, "'' is a whole machine (vmx): only one can be converted at a time");
	empty = scratch_text(&s, "x.vmx", "config.version = \"8\"\n");
	bad(&s, &empty, 1, &none, ERR_BLOCKED,
	    "'/x.vmx' describes a machine without disks: there is nothing to convert");
}

static void stems(void **state)
{
	AUTO(arena_done) struct arena a = {0};

	assert_string_equal(host_path_stem(&a, "/x/web01.ova"), "web01");
	assert_string_equal(host_path_stem(&a, "web.01.ova"), "web.01");
	assert_string_equal(host_path_stem(&a, "/x/folder/"), "folder");
	assert_string_equal(host_path_stem(&a, ".hidden"), ".hidden");
	assert_string_equal(host_path_stem(&a, "/"), "");
}

static void endings(void **state)
{
	AUTO(scratch_done) struct scratch s = scratch_new();
	AUTO(arena_done) struct arena a = {0};

	scratch_text(&s, "b.OVF", "");
	scratch_text(&s, "a.ovf", "");
	scratch_text(&s, "._c.ovf", "");
	scratch_text(&s, ".ovf", "");
	assert_int_equal(host_path_endings(s.path, ".ovf"), 2);
	assert_string_equal(host_path_first(&a, s.path, ".ovf"), "a.ovf");
	assert_int_equal(host_path_endings(scratch_path(&s, "a.ovf"), ".ovf"), 0);
	assert_null(host_path_first(&a, scratch_path(&s, "a.ovf"), ".ovf"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_table),
	    cmocka_unit_test(two_disks_are_one_machine),
	    cmocka_unit_test(a_symlink_of_the_user_is_followed),
	    cmocka_unit_test(a_disk_packed_with_gzip),
	    cmocka_unit_test(a_disk_that_qemu_writes_to),
	    cmocka_unit_test(what_is_no_source),
	    cmocka_unit_test(stems),
	    cmocka_unit_test(endings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
