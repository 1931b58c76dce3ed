/* Tests of guest/guest.c: edits in place with their record, new files with parents and labels. */
#include "tests/unit/guest/folder_fixture.h"

#include <errno.h>
#include <sys/xattr.h>

#define FILES "/etc/selinux/targeted/contexts/files/"

static void test_nothing_changes(void **state)
{
	struct fixture *f = *state;
	struct stat before, after;

	plant(f, "/etc/fstab", "UUID=1 / ext4\n");
	before = aged(f, "/etc/fstab");
	assert_int_equal(guest_edit(f->g, &f->log, "/etc/fstab", "UUID=1 / ext4\n", "reason", &f->err), 0);
	assert_int_equal(guest_put(f->g, &f->log, "/etc/fstab", "UUID=1 / ext4\n", 14, 0600, "r", "w", &f->err), 0);
	assert_int_equal(stat(on_host(f, "/etc/fstab"), &after), 0);
	assert_memory_equal(&before.st_mtim, &after.st_mtim, sizeof before.st_mtim);
	assert_int_equal(f->log.changes.n, 0);
}

static void test_edit_in_place(void **state)
{
	struct fixture *f = *state;
	struct stat before, after;
	char value[16];

	plant(f, "/etc/default/grub", "A=1\n");
	assert_int_equal(chmod(on_host(f, "/etc/default/grub"), 0640), 0);
	assert_int_equal(link(on_host(f, "/etc/default/grub"), on_host(f, "/hard")), 0);
	assert_int_equal(symlink("/etc/default/grub", on_host(f, "/soft")), 0);
	assert_int_equal(setxattr(on_host(f, "/hard"), "user.rehost", "kept", 4, 0), 0);
	assert_int_equal(stat(on_host(f, "/hard"), &before), 0);
	assert_int_equal(guest_edit(f->g, &f->log, "/soft", "A=2\n", "because", &f->err), 0);
	assert_int_equal(lstat(on_host(f, "/etc/default/grub"), &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	assert_int_equal(before.st_mode, after.st_mode);
	assert_int_equal(before.st_uid, after.st_uid);
	assert_int_equal(after.st_nlink, 2);
	assert_int_equal(getxattr(on_host(f, "/hard"), "user.rehost", value, sizeof value), 4);
	assert_string_equal(text_of(f, "/hard"), "A=2\n");
	assert_int_equal(f->log.changes.n, 1);
	assert_int_equal(f->log.changes.v[0].kind, CHANGE_EDIT);
	assert_string_equal(f->log.changes.v[0].path, "/soft");
	assert_string_equal(f->log.changes.v[0].reason, "because");
	assert_non_null(strstr(f->log.changes.v[0].diff, "-A=1\n+A=2\n"));
}

static void test_new_file(void **state)
{
	struct fixture *f = *state;
	struct stat st;
	mode_t was = umask(077);

	assert_int_equal(guest_edit(f->g, &f->log, "/etc/a/b/new.conf", "x\n", "why", &f->err), 0);
	assert_int_equal(guest_put(f->g, &f->log, "/etc/a/tool", "\0x", 2, 0755, "why", "a tool", &f->err), 0);
	umask(was);
	assert_int_equal(stat(on_host(f, "/etc/a/b/new.conf"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	assert_int_equal(stat(on_host(f, "/etc/a/b"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_int_equal(stat(on_host(f, "/etc/a/tool"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_int_equal(f->log.changes.n, 2);
	assert_int_equal(f->log.changes.v[0].kind, CHANGE_CREATE);
	assert_int_equal(f->log.changes.v[1].kind, CHANGE_CREATE);
	assert_string_equal(f->log.changes.v[1].words, "a tool");
}

static void test_put_changes(void **state)
{
	struct fixture *f = *state;

	plant(f, "/boot/initrd", "abc");
	assert_int_equal(guest_put(f->g, &f->log, "/boot/initrd", "a\0c", 3, 0600, "why", "3 bytes", &f->err), 0);
	assert_int_equal(f->log.changes.n, 1);
	assert_int_equal(f->log.changes.v[0].kind, CHANGE_BINARY);
	assert_string_equal(f->log.changes.v[0].words, "3 bytes");
	assert_int_equal(guest_put(f->g, &f->log, "/boot/initrd", "a\0c", 3, 0600, "why", "again", &f->err), 0);
	assert_int_equal(f->log.changes.n, 1);
}

static void test_refusals(void **state)
{
	struct fixture *f = *state;
	FILE *out;

	plant(f, "/etc/zeros", "ab");
	out = fopen(on_host(f, "/etc/zeros"), "a");
	assert_non_null(out);
	fputc(0, out);
	fclose(out);
	assert_int_equal(guest_edit(f->g, &f->log, "/etc/zeros", "ab\n", "r", &f->err), -1);
	assert_int_equal(f->err.code, ERR_CONVERT);
	assert_string_equal(f->err.text, "cannot edit '/etc/zeros': it is no text: NUL byte at 0x2");
	assert_int_equal(guest_edit(f->g, &f->log, "etc/fstab", "x", "r", &f->err), -1);
	assert_string_equal(f->err.text, "'etc/fstab' is not an absolute path of a file");
	assert_int_equal(guest_edit(f->g, &f->log, "/etc", "x", "r", &f->err), -1);
	assert_string_equal(f->err.text, "'/etc' is not a regular file");
	assert_int_equal(symlink("/etc/elsewhere", on_host(f, "/etc/dangling")), 0);
	assert_int_equal(guest_edit(f->g, &f->log, "/etc/dangling", "x", "r", &f->err), -1);
	assert_string_equal(
	    f->err.text,
	    "cannot create '/etc/dangling': it is a symlink to what isn't there, expected a file or nothing");
	assert_int_equal(guest_put(f->g, &f->log, "/etc/dangling", "x", 1, 0644, "r", "w", &f->err), -1);
	assert_false(guest_exists(f->g, "/etc/elsewhere"));
	assert_int_equal(f->log.changes.n, 0);
}

static void test_text(void **state)
{
	struct fixture *f = *state;
	char *text;

	plant(f, "/etc/hostname", "guest\n");
	assert_int_equal(guest_text(f->g, "/etc/hostname", &f->arena, &text, &f->err), 0);
	assert_string_equal(text, "guest\n");
	assert_int_equal(guest_text(f->g, "/etc/none", &f->arena, &text, &f->err), 0);
	assert_null(text);
	assert_int_equal(guest_text(f->g, "/etc/hostname/x", &f->arena, &text, &f->err), 0);
	assert_null(text);
	assert_int_equal(guest_text(f->g, "/etc", &f->arena, &text, &f->err), -1);
	assert_int_equal(guest_regular_text(f->g, "/etc", &f->arena, &text, &f->err), 0);
	assert_null(text);
	assert_int_equal(guest_regular_text(f->g, "/etc/hostname", &f->arena, &text, &f->err), 0);
	assert_string_equal(text, "guest\n");
	assert_true(guest_exists(f->g, "/etc/hostname"));
	assert_false(guest_is_dir(f->g, "/etc/hostname"));
	assert_true(guest_is_dir(f->g, "/etc"));
}

static void test_drop_and_link(void **state)
{
	struct fixture *f = *state;

	plant(f, "/opt/tools/a", "12345");
	plant(f, "/opt/tools/sub/b", "");
	plant(f, "/etc/rc", "123");
	assert_int_equal(guest_link(f->g, &f->log, "/dev/null", "/etc/systemd/x.service", "mask", &f->err), 0);
	assert_int_equal(guest_link(f->g, &f->log, "/dev/null", "/etc/systemd/x.service", "mask", &f->err), 0);
	assert_int_equal(guest_link(f->g, &f->log, "y.service", "/etc/systemd/x.service", "move", &f->err), 0);
	assert_int_equal(guest_drop(f->g, &f->log, "/etc/systemd/x.service", "gone", &f->err), 0);
	assert_int_equal(guest_drop(f->g, &f->log, "/etc/rc", "gone", &f->err), 0);
	assert_int_equal(guest_drop(f->g, &f->log, "/etc/rc", "gone", &f->err), 0);
	assert_int_equal(guest_drop(f->g, &f->log, "/opt/tools", "gone", &f->err), 0);
	assert_false(guest_exists(f->g, "/opt/tools"));
	assert_int_equal(f->log.changes.n, 5);
	assert_string_equal(f->log.changes.v[0].words, "symlink to '/dev/null'");
	assert_int_equal(f->log.changes.v[0].kind, CHANGE_LINK);
	assert_string_equal(f->log.changes.v[1].words, "symlink to 'y.service', was to '/dev/null'");
	assert_string_equal(f->log.changes.v[2].words, "symlink to 'y.service'");
	assert_int_equal(f->log.changes.v[2].kind, CHANGE_REMOVE);
	assert_string_equal(f->log.changes.v[3].words, "file of 3 bytes");
	assert_string_equal(f->log.changes.v[4].words, "folder with 3 names in it");
}

static const char *label_of(struct fixture *f, const char *path)
{
	char value[256];
	ssize_t n = lgetxattr(on_host(f, path), "security.selinux", value, sizeof value);

	return n < 0 ? "none" : arena_strndup(&f->arena, value, (size_t)n);
}

static bool may_label(struct fixture *f)
{
	plant(f, "/probe", "");
	return setxattr(on_host(f, "/probe"), "security.selinux", "a:b:c", 6, 0) == 0;
}

static void test_labels(void **state)
{
	struct fixture *f = *state;

	if (!may_label(f)) {
		print_message("SKIP: security.selinux can't be set here\n");
		skip();
	}
	plant(f, "/etc/selinux/config", "SELINUX=permissive\nSELINUXTYPE=targeted\n");
	plant(f, FILES "file_contexts", "/etc/.*\tu:o:etc_t:s0\n/etc/net(/.*)?\tu:o:net_t:s0\n/var/.*\t<<none>>\n");
	plant(f, "/var/old", "x");
	plant(f, "/opt/old", "x");
	assert_int_equal(setxattr(on_host(f, "/var"), "security.selinux", "u:o:var_t:s0", 13, 0), 0);
	assert_int_equal(guest_edit(f->g, &f->log, "/etc/net/if.d/new", "x", "r", &f->err), 0);
	assert_string_equal(label_of(f, "/etc/net/if.d/new"), "u:o:net_t:s0");
	assert_string_equal(label_of(f, "/etc/net/if.d"), "u:o:net_t:s0");
	assert_string_equal(label_of(f, "/etc/net"), "u:o:net_t:s0");
	assert_int_equal(guest_link(f->g, &f->log, "/dev/null", "/etc/x", "r", &f->err), 0);
	assert_string_equal(label_of(f, "/etc/x"), "u:o:etc_t:s0");
	assert_int_equal(guest_mkdir(f->g, "/etc/net/a/b", 0700, &f->err), 0);
	assert_string_equal(label_of(f, "/etc/net/a"), "u:o:net_t:s0");
	assert_string_equal(label_of(f, "/etc/net/a/b"), "u:o:net_t:s0");
	/* <<none>>: as its folder; no line and a folder without: nothing */
	assert_int_equal(guest_edit(f->g, &f->log, "/var/new", "x", "r", &f->err), 0);
	assert_string_equal(label_of(f, "/var/new"), "u:o:var_t:s0");
	assert_int_equal(guest_edit(f->g, &f->log, "/opt/new", "x", "r", &f->err), 0);
	assert_string_equal(label_of(f, "/opt/new"), "none");
	/* what is there keeps what it has */
	assert_int_equal(guest_edit(f->g, &f->log, "/var/old", "y", "r", &f->err), 0);
	assert_string_equal(label_of(f, "/var/old"), "none");
}

/* As vfat answers. */
static int no_labels(struct guest *g, const char *path, bool follow, const char *name, const void *v, size_t len,
		     struct err *err)
{
	errno = EOPNOTSUPP;
	return err_sys(err, ERR_CONVERT, "cannot set %s of '%s'", name, path);
}

static int broken_labels(struct guest *g, const char *path, bool follow, const char *name, const void *v, size_t len,
			 struct err *err)
{
	errno = EIO;
	return err_sys(err, ERR_CONVERT, "cannot set %s of '%s'", name, path);
}

static void test_file_system_without_labels(void **state)
{
	struct fixture *f = *state;
	const struct guest_ops *own = f->g->ops;
	struct guest_ops ops = *own;

	plant(f, "/etc/selinux/config", "SELINUX=enforcing\nSELINUXTYPE=targeted\n");
	plant(f, FILES "file_contexts", "/boot(/.*)?\tu:o:boot_t:s0\n");
	f->g->ops = &ops;
	ops.set_xattr = no_labels;
	assert_int_equal(guest_put(f->g, &f->log, "/boot/efi/EFI/BOOT/a", "x", 1, 0644, "r", "w", &f->err), 0);
	ops.set_xattr = broken_labels;
	assert_int_equal(guest_put(f->g, &f->log, "/boot/efi/EFI/BOOT/b", "x", 1, 0644, "r", "w", &f->err), -1);
	assert_non_null(strstr(f->err.text, "cannot set security.selinux of '/boot/efi/EFI/BOOT/b'"));
	f->g->ops = own;
}

static void test_folders(void **state)
{
	struct fixture *f = *state;
	struct guest_stat st;

	assert_int_equal(guest_mkdir(f->g, "/var/lib/mine", 0700, &f->err), 0);
	assert_int_equal(guest_mkdir(f->g, "/var/lib/mine", 0755, &f->err), 0);
	assert_int_equal(f->g->ops->stat(f->g, "/var/lib/mine", false, &st, &f->err), 0);
	assert_int_equal(st.mode, S_IFDIR | 0700);
	assert_int_equal(f->g->ops->stat(f->g, "/var/lib", false, &st, &f->err), 0);
	assert_int_equal(st.mode, S_IFDIR | 0755);
	plant(f, "/var/file", "x");
	assert_int_equal(guest_mkdir(f->g, "/var/file/below", 0755, &f->err), -1);
	assert_int_equal(guest_mkdir(f->g, "var", 0755, &f->err), -1);
	assert_int_equal(f->log.changes.n, 0);
}

static void test_capabilities_survive(void **state)
{
	/* VFS_CAP_REVISION_2, effective, CAP_NET_RAW permitted */
	static const char cap[20] = {1, 0, 0, 2, 0, 0x20};
	struct fixture *f = *state;
	char value[32];

	plant(f, "/bin/ping", "old");
	assert_int_equal(chmod(on_host(f, "/bin/ping"), 04755), 0);
	if (setxattr(on_host(f, "/bin/ping"), "security.capability", cap, sizeof cap, 0) < 0) {
		print_message("SKIP: file capabilities can't be set here\n");
		skip();
	}
	assert_int_equal(guest_put(f->g, &f->log, "/bin/ping", "newer", 5, 0755, "r", "w", &f->err), 0);
	assert_string_equal(text_of(f, "/bin/ping"), "newer");
	assert_int_equal(getxattr(on_host(f, "/bin/ping"), "security.capability", value, sizeof value), sizeof cap);
	assert_memory_equal(value, cap, sizeof cap);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    FIXTURE_TEST(test_nothing_changes),
	    FIXTURE_TEST(test_edit_in_place),
	    FIXTURE_TEST(test_new_file),
	    FIXTURE_TEST(test_put_changes),
	    FIXTURE_TEST(test_refusals),
	    FIXTURE_TEST(test_text),
	    FIXTURE_TEST(test_drop_and_link),
	    FIXTURE_TEST(test_labels),
	    FIXTURE_TEST(test_file_system_without_labels),
	    FIXTURE_TEST(test_folders),
	    FIXTURE_TEST(test_capabilities_survive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
