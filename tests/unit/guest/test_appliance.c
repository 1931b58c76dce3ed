/* Tests of guest/libguestfs*.c on a tiny Debian-like disk: one appliance for most of them, started once, then ended. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/checked.h"
#include "core/base/child.h"
#include "core/base/file.h"
#include "formats/open.h"
#include "guest/appliance.h"
#include "net/nbd_server.h"
#include "run/graft.h"
#include "tests/unit/support/mem_block.h"

enum { ROOT_AT = 1 << 20, ROOT_SIZE = 110 << 20, SWAP_AT = 111 << 20, SWAP_SIZE = 32 << 20 };

static struct {
	char dir[64], socket[96];
	struct block *source, *graft;
	struct nbd_server *server;
	struct accel accel;
	struct appliance *appliance;
	struct guest *g;
	struct inspection *inspection;
	struct changelog log;
	struct arena arena;
	unsigned ticks;
	struct err err;
} s;

static void tick(const char *what, void *opaque)
{
	assert_non_null(what);
	++*(unsigned *)opaque;
}

static void must(int ret, const struct err *err)
{
	if (ret < 0)
		fail_msg("%s", err->text);
}

static int listen_on(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(listen(fd, 8), 0);
	return fd;
}

static struct nbd_server *serve(struct block *b, const char *path,
				int (*trim)(struct block *, uint64_t, uint64_t, struct err *))
{
	struct nbd_server_options o = {.listen_fd = listen_on(path), .block = b, .trim = trim};
	struct nbd_server *server;

	must(nbd_server_start(&o, &server, &s.err), &s.err);
	return server;
}

static void build_disk(void)
{
	const char *const argv[] = {"tests/support/guest-disk", s.dir, NULL};
	AUTO(buf_done) struct buf out = BUF_INIT(4096);
	AUTO_FD int dir = -1;
	struct folder folder;

	if (child_run(argv, &out, &s.err) != 0)
		fail_msg("guest-disk: %s", buf_str(&out));
	dir = file_open_dir(s.dir, &s.err);
	folder = (struct folder){.dirfd = dir, .path = s.dir};
	must(image_open(&folder, "disk.raw", NULL, NULL, &s.source, &s.err), &s.err);
	must(graft_open(s.source, openat(dir, "delta", O_RDWR | O_CREAT | O_CLOEXEC, 0600), &s.graft, &s.err), &s.err);
}

/* The appliance can't be had on this machine: all tests are skipped with the reason. */
static void need_appliance(void)
{
	if (s.appliance)
		return;
	print_message("SKIP: %s\n", s.err.text);
	skip();
}

static int start_all(void **state)
{
	struct appliance_disk disk = {.socket = s.socket, .logical_sector = 512};
	struct appliance_options o = {.disks = &disk, .ndisks = 1, .accel = &s.accel, .tick = tick, .opaque = &s.ticks};

	strcpy(s.dir, "/var/tmp/rehost-test-appliance-XXXXXX");
	assert_non_null(mkdtemp(s.dir));
	snprintf(s.socket, sizeof s.socket, "%s/sock", s.dir);
	build_disk();
	s.server = serve(s.graft, s.socket, graft_trim);
	s.inspection = inspection_new();
	if (accel_probe(&s.accel, &s.err) == 0 && appliance_start(&o, &s.appliance, &s.err) == 0)
		s.g = appliance_guest(s.appliance);
	return 0;
}

static int end_all(void **state)
{
	appliance_close(s.appliance);
	nbd_server_stop(s.server);
	block_close(s.graft);
	block_close(s.source);
	inspection_free(s.inspection);
	changelog_done(&s.log);
	arena_done(&s.arena);
	file_remove_tree(AT_FDCWD, s.dir, NULL);
	return 0;
}

static const struct finding *finding(const char *id)
{
	VEC_FOR (f, &s.inspection->findings)
		if (!strcmp(f->id, id))
			return f;
	fail_msg("no finding %s", id);
	return NULL;
}

/* ---------------------------------------------------------------------------------------------- in this order */

static void test_inspect(void **state)
{
	const struct inspection *i = s.inspection;

	need_appliance();
	assert_true(s.ticks >= 1);
	must(appliance_inspect(s.appliance, s.inspection, &s.err), &s.err);
	assert_int_equal(i->os.family, OS_LINUX);
	assert_string_equal(i->os.type, "linux");
	assert_string_equal(i->os.distro, "debian");
	assert_int_equal(i->os.major, 12);
	assert_string_equal(i->os.hostname, "tiny");
	assert_string_equal(i->os.osinfo, "http://debian.org/debian/12");
	assert_string_equal(i->os.root, "/dev/sda1");
	assert_int_equal(i->firmware_disk, FIRMWARE_BIOS);
	assert_int_equal(i->filesystems.n, 3);
	assert_string_equal(i->filesystems.v[0].device, "/dev/sda1");
	assert_string_equal(i->filesystems.v[0].type, "ext4");
	assert_string_equal(i->filesystems.v[0].uuid, "5b0bd7a1-7d1c-4c77-9d0f-3c6a9a1f0e01");
	assert_string_equal(i->filesystems.v[0].label, "tinyroot");
	assert_string_equal(i->filesystems.v[0].partuuid, "2a5e1001-01");
	assert_int_equal(i->filesystems.v[0].size, ROOT_SIZE);
	assert_int_equal(i->filesystems.v[0].partition, 1);
	assert_string_equal(i->filesystems.v[1].type, "swap");
	assert_int_equal(i->filesystems.v[1].partition, 2);
}

static void test_mount(void **state)
{
	AUTO(machine_freep) struct machine *m = machine_new();

	need_appliance();
	vec_push(&m->arena, &m->disks);
	must(appliance_mount(s.appliance, m, s.inspection, &s.err), &s.err);
	assert_string_equal(s.inspection->filesystems.v[0].mountpoint, "/");
	assert_true(s.inspection->filesystems.v[0].used > 2 * MIB);
	assert_true(s.inspection->filesystems.v[0].used < 40 * MIB);
	assert_null(s.inspection->filesystems.v[1].mountpoint);
	assert_null(s.inspection->filesystems.v[2].mountpoint);
	assert_string_equal(s.inspection->os.product, "Test GNU/Linux 12");
	assert_string_equal(s.inspection->os.init, "systemd");
	assert_true(s.inspection->os.selinux_enforcing);
	assert_string_equal(appliance_package(s.appliance, "openssl"), "3.0.11-1~deb12u2");
	assert_string_equal(appliance_package(s.appliance, "vim"), "2:9.0.1378-2");
	assert_null(appliance_package(s.appliance, "gone"));
	assert_string_equal(finding("W-MOUNT-FAILED")->text,
			    "/dev/sda3, which the guest mounts at /broken, could not be mounted: it is copied whole");
}

static int must_be_zero(const struct extent *e, void *opaque, struct err *err)
{
	assert_int_equal(e->kind, EXTENT_ZERO);
	return 0;
}

static void test_trim(void **state)
{
	struct graft_stats stats;

	need_appliance();
	must(appliance_trim(s.appliance, s.inspection, &s.log, &s.err), &s.err);
	assert_true(s.inspection->filesystems.v[0].trimmed);
	assert_true(s.inspection->filesystems.v[1].trimmed);
	assert_false(s.inspection->filesystems.v[2].trimmed);
	assert_int_equal(s.log.changes.n, 2);
	assert_int_equal(s.log.changes.v[0].kind, CHANGE_TRIM);
	assert_string_equal(s.log.changes.v[1].words, "body of the swap area: 32.0 MiB, all but the first 64 KiB");
	must(graft_stats(s.graft, &stats, &s.err), &s.err);
	assert_true(stats.zero_bytes > 100 * MIB);
	must(block_each_extent(s.graft, SWAP_AT + (64 << 10), SWAP_SIZE - (64 << 10), must_be_zero, NULL, &s.err),
	     &s.err);
}

static void test_read(void **state)
{
	AUTO(buf_done) struct buf b = BUF_INIT(4 * MIB), small = BUF_INIT(4);
	char *text;

	need_appliance();
	must(guest_text(s.g, "/etc/hostname", &s.arena, &text, &s.err), &s.err);
	assert_string_equal(text, "tiny\n");
	must(guest_text(s.g, "/etc/none", &s.arena, &text, &s.err), &s.err);
	assert_null(text);
	must(s.g->ops->read(s.g, "/boot/large", &b, &s.err), &s.err);
	assert_int_equal(b.len, 3000000);
	assert_int_equal(b.data[2999999], 'z');
	assert_int_equal(s.g->ops->read(s.g, "/etc/hostname", &small, &s.err), -1);
	assert_string_equal(s.err.text, "'/etc/hostname' is over the limit of 4 bytes");
	assert_int_equal(s.g->ops->read(s.g, "/etc", &small, &s.err), -1);
	assert_string_equal(s.err.text, "'/etc' is not a regular file");
	/* a FIFO that nobody writes into would be waited for */
	assert_int_equal(s.g->ops->read(s.g, "/boot/pipe", &small, &s.err), -1);
	assert_string_equal(s.err.text, "'/boot/pipe' is not a regular file");
	assert_int_equal(s.g->ops->head(s.g, "/boot/pipe", 4, &small, &s.err), -1);
	assert_string_equal(s.err.text, "'/boot/pipe' is not a regular file");
	assert_int_equal(s.g->ops->head(s.g, "/boot/none", 4, &small, &s.err), -1);
	assert_string_equal(s.err.text, "cannot open '/boot/none': No such file or directory");
	must(s.g->ops->head(s.g, "/etc/hostname", 4, &small, &s.err), &s.err);
	assert_string_equal(buf_str(&small), "tiny");
	assert_int_equal(s.g->ops->read(s.g, "/etc/outside", &small, &s.err), -1);
	assert_int_equal(s.err.code, ERR_UNREADABLE);
	assert_string_equal(s.err.text, "cannot open '/etc/outside': No such file or directory");
}

static const char *joined(const struct names *n)
{
	const char *ret = "";

	for (size_t i = 0; i < n->list.n; i++)
		ret = arena_printf(&s.arena, "%s%s%s", ret, i ? " " : "", n->list.v[i]);
	return ret;
}

static void test_names(void **state)
{
	struct names n;
	char *target;

	need_appliance();
	must(s.g->ops->list(s.g, "/etc/selinux", &s.arena, &n, &s.err), &s.err);
	assert_string_equal(joined(&n), "config targeted");
	must(s.g->ops->list(s.g, "/none", &s.arena, &n, &s.err), &s.err);
	assert_int_equal(n.list.n, 0);
	must(s.g->ops->glob(s.g, "/etc/{host,k}*", &s.arena, &n, &s.err), &s.err);
	must(s.g->ops->glob(s.g, "/*/os-rel*", &s.arena, &n, &s.err), &s.err);
	assert_string_equal(joined(&n), "/etc/os-release");
	must(s.g->ops->glob(s.g, "/usr/shar*", &s.arena, &n, &s.err), &s.err);
	assert_string_equal(joined(&n), "/usr/share");
	/* an absolute symlink, which find(1) would follow out of the guest */
	must(s.g->ops->find(s.g, "/absolute", &s.arena, &n, &s.err), &s.err);
	assert_string_equal(joined(&n), "deep deep/er");
	must(s.g->ops->find(s.g, "/none", &s.arena, &n, &s.err), &s.err);
	assert_int_equal(n.list.n, 0);
	must(s.g->ops->readlink(s.g, "/absolute", &s.arena, &target, &s.err), &s.err);
	assert_string_equal(target, "/usr/share");
}

static const char *xattr(const char *path, bool follow, const char *name)
{
	AUTO(buf_done) struct buf b = BUF_INIT(256);

	must(s.g->ops->get_xattr(s.g, path, follow, name, &b, &s.err), &s.err);
	return arena_strdup(&s.arena, buf_str(&b));
}

static void test_edit_in_place(void **state)
{
	struct guest_stat before, after;
	char *text;

	need_appliance();
	must(s.g->ops->stat(s.g, "/etc/kept", true, &before, &s.err), &s.err);
	assert_int_equal(before.mode, S_IFREG | 0640);
	must(guest_edit(s.g, &s.log, "/etc/soft", "A=2\n", "test", &s.err), &s.err);
	must(s.g->ops->stat(s.g, "/etc/hard", false, &after, &s.err), &s.err);
	assert_int_equal(after.ino, before.ino);
	assert_int_equal(after.mode, before.mode);
	assert_int_equal(after.uid, before.uid);
	assert_int_equal(after.gid, before.gid);
	must(guest_text(s.g, "/etc/hard", &s.arena, &text, &s.err), &s.err);
	assert_string_equal(text, "A=2\n");
	if (geteuid() == 0) {
		assert_int_equal(before.uid, 1000);
		assert_string_equal(xattr("/etc/kept", true, "security.selinux"), "system_u:object_r:kept_t:s0");
	}
	must(s.g->ops->stat(s.g, "/etc/soft", false, &after, &s.err), &s.err);
	assert_true(S_ISLNK(after.mode));
}

static void test_large_in_place(void **state)
{
	struct guest_stat before, after;
	AUTO_FREE char *data = malloc(5000000);
	AUTO(buf_done) struct buf b = BUF_INIT(8 * MIB);

	need_appliance();
	memset(data, 'x', 5000000);
	must(s.g->ops->stat(s.g, "/boot/large", true, &before, &s.err), &s.err);
	must(guest_put(s.g, &s.log, "/boot/large", data, 5000000, 0600, "test", "5 MB", &s.err), &s.err);
	must(s.g->ops->stat(s.g, "/boot/large", true, &after, &s.err), &s.err);
	assert_int_equal(after.ino, before.ino);
	assert_int_equal(after.mode, before.mode);
	assert_int_equal(after.size, 5000000);
	must(s.g->ops->read(s.g, "/boot/large", &b, &s.err), &s.err);
	assert_int_equal(b.len, 5000000);
	assert_memory_equal(b.data, data, 5000000);
}

static void test_capabilities(void **state)
{
	struct guest_stat st;
	AUTO(buf_done) struct buf before = BUF_INIT(64), after = BUF_INIT(64);

	need_appliance();
	must(s.g->ops->get_xattr(s.g, "/usr/bin/ping", true, "security.capability", &before, &s.err), &s.err);
	if (!before.len) {
		print_message("SKIP: capabilities of files can't be set by this user\n");
		skip();
	}
	must(guest_put(s.g, &s.log, "/bin/ping", "newer", 5, 0755, "test", "ping", &s.err), &s.err);
	must(s.g->ops->get_xattr(s.g, "/usr/bin/ping", true, "security.capability", &after, &s.err), &s.err);
	assert_int_equal(after.len, before.len);
	assert_memory_equal(after.data, before.data, before.len);
	must(s.g->ops->stat(s.g, "/usr/bin/ping", true, &st, &s.err), &s.err);
	assert_int_equal(st.mode & 07777, 04755);
}

static void test_new_files(void **state)
{
	struct guest_stat st;
	char *text;

	need_appliance();
	must(guest_edit(s.g, &s.log, "/etc/systemd/network/10-x.link", "[Match]\n", "test", &s.err), &s.err);
	must(s.g->ops->stat(s.g, "/etc/systemd/network/10-x.link", false, &st, &s.err), &s.err);
	assert_int_equal(st.mode, S_IFREG | 0644);
	assert_int_equal(st.uid, 0);
	assert_string_equal(xattr("/etc/systemd/network/10-x.link", false, "security.selinux"),
			    "system_u:object_r:etc_t:s0");
	assert_string_equal(xattr("/etc/systemd", false, "security.selinux"), "system_u:object_r:etc_t:s0");
	must(s.g->ops->stat(s.g, "/etc/systemd", false, &st, &s.err), &s.err);
	assert_int_equal(st.mode, S_IFDIR | 0755);
	must(guest_put(s.g, &s.log, "/usr/bin/tool", "#!/bin/sh\n", 10, 0755, "test", "tool", &s.err), &s.err);
	must(s.g->ops->stat(s.g, "/bin/tool", true, &st, &s.err), &s.err);
	assert_int_equal(st.mode, S_IFREG | 0755);
	must(guest_link(s.g, &s.log, "/dev/null", "/etc/systemd/x.service", "test", &s.err), &s.err);
	assert_string_equal(xattr("/etc/systemd/x.service", false, "security.selinux"), "system_u:object_r:etc_t:s0");
	/* written through a dangling absolute link, the file is made in the guest; an edit doesn't do that */
	assert_int_equal(guest_edit(s.g, &s.log, "/etc/outside", "inside\n", "test", &s.err), -1);
	must(s.g->ops->write(s.g, "/etc/outside", "inside\n", 7, 0644, &s.err), &s.err);
	must(guest_text(s.g, "/etc/hosts-only-in-the-appliance", &s.arena, &text, &s.err), &s.err);
	assert_string_equal(text, "inside\n");
	assert_int_equal(s.g->ops->write(s.g, "/none/x", "", 0, 0644, &s.err), -1);
	assert_int_equal(s.err.code, ERR_CONVERT);
	assert_non_null(strstr(s.err.text, "cannot write '/none/x': "));
}

static void test_removal(void **state)
{
	need_appliance();
	assert_int_equal(s.g->ops->remove(s.g, "/usr/share", false, &s.err), -1);
	must(guest_drop(s.g, &s.log, "/opt/tools", "test", &s.err), &s.err);
	assert_false(guest_exists(s.g, "/opt/tools"));
	must(guest_drop(s.g, &s.log, "/absolute/deep", "test", &s.err), &s.err);
	assert_false(guest_exists(s.g, "/usr/share/deep"));
	must(guest_drop(s.g, &s.log, "/absolute", "test", &s.err), &s.err);
	assert_true(guest_is_dir(s.g, "/usr/share"));
	must(s.g->ops->remove(s.g, "/none/x", false, &s.err), &s.err);
	must(s.g->ops->remove(s.g, "/none/x", true, &s.err), &s.err);
}

static void test_space(void **state)
{
	uint64_t space;

	need_appliance();
	must(s.g->ops->space_free(s.g, "/boot", &space, &s.err), &s.err);
	assert_true(space > 60 * MIB && space < ROOT_SIZE);
}

/* Copies a range of the graft to a file of the test's folder. */
static void dump(const char *name, uint64_t off, size_t len)
{
	AUTO_FREE char *data = malloc(len);
	AUTO_FD int fd = open(arena_printf(&s.arena, "%s/%s", s.dir, name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	must(block_pread(s.graft, data, len, off, &s.err), &s.err);
	must(file_pwrite(fd, data, len, 0, &s.err), &s.err);
}

static const char *run_on(const char *tool, const char *name)
{
	const char *command = arena_printf(&s.arena, "%s %s/%s", tool, s.dir, name);
	const char *const argv[] = {"sh", "-c", command, NULL};
	AUTO(buf_done) struct buf out = BUF_INIT(4096);

	if (child_run(argv, &out, &s.err) != 0)
		fail_msg("%s: %s", command, buf_str(&out));
	return arena_strdup(&s.arena, buf_str(&out));
}

static void test_finish(void **state)
{
	need_appliance();
	must(appliance_finish(s.appliance, &s.err), &s.err);
	dump("root.img", ROOT_AT, ROOT_SIZE);
	dump("swap.img", SWAP_AT, SWAP_SIZE);
	run_on("e2fsck -fn", "root.img");
	assert_string_equal(run_on("debugfs -R 'cat /etc/kept' 2>/dev/null", "root.img"), "A=2\n");
	assert_non_null(strstr(run_on("blkid -p", "swap.img"), "UUID=\"5b0bd7a1-7d1c-4c77-9d0f-3c6a9a1f0e02\""));
}

/* ------------------------------------------------------------------------------------- appliances of their own */

struct lone {
	struct mem_block *mem;
	struct nbd_server *server;
	struct appliance *appliance;
	char socket[96];
};

static void lone_serve(struct lone *l, const char *name, uint64_t size)
{
	snprintf(l->socket, sizeof l->socket, "%s/%s", s.dir, name);
	l->mem = mem_new(size);
	l->server = serve(&l->mem->b, l->socket, NULL);
}

static void lone_end(struct lone *l)
{
	appliance_close(l->appliance);
	nbd_server_stop(l->server);
	block_close(&l->mem->b);
}

static void test_no_system(void **state)
{
	/* one Linux partition from sector 2048, 4096 sectors long */
	static const unsigned char entry[] = {0, 0, 0, 0, 0x83, 0, 0, 0, 0, 8, 0, 0, 0, 16, 0, 0},
				   /* and one behind it, with ZFS' uberblocks */
	    second[] = {0, 0, 0, 0, 0xbf, 0, 0, 0, 0, 24, 0, 0, 0, 8, 2, 0},
				   uberblock[] = {0x0c, 0xb1, 0xba, 0, 0, 0, 0, 0};
	struct lone empty = {0}, cut = {0};
	struct appliance_disk disks[2] = {{.logical_sector = 512}, {.logical_sector = 512}};
	struct appliance_options o = {.disks = disks, .ndisks = 2, .accel = &s.accel};
	struct inspection *i = inspection_new();

	need_appliance();
	lone_serve(&empty, "empty", 8 * MIB);
	lone_serve(&cut, "cut", 80 * MIB);
	must(block_pwrite(&cut.mem->b, entry, sizeof entry, 446, &s.err), &s.err);
	must(block_pwrite(&cut.mem->b, second, sizeof second, 462, &s.err), &s.err);
	must(block_pwrite(&cut.mem->b, "\x55\xaa", 2, 510, &s.err), &s.err);
	for (unsigned k = 0; k < 8; k++)
		must(block_pwrite(&cut.mem->b, uberblock, sizeof uberblock, 3 * MIB + 128 * KIB + k * KIB, &s.err),
		     &s.err);
	disks[0].socket = empty.socket;
	disks[1].socket = cut.socket;
	must(appliance_start(&o, &empty.appliance, &s.err), &s.err);
	assert_int_equal(appliance_inspect(empty.appliance, i, &s.err), -1);
	assert_int_equal(s.err.code, ERR_BLOCKED);
	assert_string_equal(s.err.text,
			    "no operating system found: disk 1 (8.0 MiB): no partition table and no file system; "
			    "disk 2 (80.0 MiB): partition 1 unknown content 2.0 MiB, partition 2 zfs_member 65.0 MiB; "
			    "ZFS on /dev/sdb2 can't be opened here: the appliance's kernel has no driver for it; "
			    "--no-convert copies the disks as they are");
	assert_non_null(strstr(i->findings.v[0].text, "ZFS on /dev/sdb2"));
	inspection_free(i);
	lone_end(&empty);
	lone_end(&cut);
}

static void test_hibernated(void **state)
{
	struct lone l = {0};
	struct appliance_disk disk = {.logical_sector = 4096, .socket = l.socket};
	struct appliance_options o = {.disks = &disk, .ndisks = 1, .accel = &s.accel, .memory_mib = 768};
	struct inspection *i = inspection_new();

	need_appliance();
	lone_serve(&l, "hibernated", 8 * MIB);
	/* swap header of version 1 with the signature that the kernel leaves: include/linux/swap.h, kernel/power/swap.c
	 */
	must(block_pwrite(&l.mem->b, "\1\0\0\0\377\7\0\0", 8, 1024, &s.err), &s.err);
	must(block_pwrite(&l.mem->b, "S1SUSPEND\0", 10, 4086, &s.err), &s.err);
	l.mem->write_bytes = 0;
	must(appliance_start(&o, &l.appliance, &s.err), &s.err);
	assert_int_equal(appliance_inspect(l.appliance, i, &s.err), -1);
	assert_int_equal(s.err.code, ERR_BLOCKED);
	assert_string_equal(s.err.text,
			    "the guest is hibernated: /dev/sda (disk 1, partition 0) holds a suspended system: "
			    "start it where it was and shut it down, then convert");
	assert_int_equal(l.mem->write_bytes, 0);
	inspection_free(i);
	lone_end(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_inspect),	   cmocka_unit_test(test_mount),
	    cmocka_unit_test(test_trim),	   cmocka_unit_test(test_read),
	    cmocka_unit_test(test_names),	   cmocka_unit_test(test_edit_in_place),
	    cmocka_unit_test(test_large_in_place), cmocka_unit_test(test_capabilities),
	    cmocka_unit_test(test_new_files),	   cmocka_unit_test(test_removal),
	    cmocka_unit_test(test_space),	   cmocka_unit_test(test_finish),
	    cmocka_unit_test(test_no_system),	   cmocka_unit_test(test_hibernated),
	};

	return cmocka_run_group_tests(tests, start_all, end_all);
}
