/* Tests of guest/folder.c: every verb, and that no symlink leads out of the folder. */
#include <errno.h>
#include <fcntl.h>
#include <sys/xattr.h>

#include "tests/unit/guest/folder_fixture.h"

static void test_read(void **state)
{
	struct fixture *f = *state;
	AUTO(buf_done) struct buf b = BUF_INIT(5);

	plant(f, "/etc/five", "12345");
	plant(f, "/etc/six", "123456");
	assert_int_equal(f->g->ops->read(f->g, "/etc/five", &b, &f->err), 0);
	assert_string_equal(buf_str(&b), "12345");
	buf_clear(&b);
	assert_int_equal(f->g->ops->read(f->g, "/etc/six", &b, &f->err), -1);
	assert_int_equal(f->err.code, ERR_CORRUPT);
	assert_string_equal(f->err.text, "'/etc/six' is over the limit of 5 bytes");
	assert_int_equal(f->g->ops->read(f->g, "/etc/none", &b, &f->err), -1);
	assert_int_equal(f->err.code, ERR_UNREADABLE);
	assert_int_equal(f->err.sys, ENOENT);
	assert_string_equal(f->err.text, "cannot open '/etc/none': No such file or directory");
	assert_int_equal(f->g->ops->read(f->g, "/etc", &b, &f->err), -1);
	assert_string_equal(f->err.text, "'/etc' is not a regular file");
}

static void test_symlinks_stay_inside(void **state)
{
	struct fixture *f = *state;
	AUTO(buf_done) struct buf b = BUF_INIT(4096);
	struct guest_stat st;

	plant(f, "/etc/hostname", "guest\n");
	assert_int_equal(symlink("/etc/hostname", on_host(f, "/absolute")), 0);
	assert_int_equal(symlink("../../../../../../etc/hostname", on_host(f, "/etc/dots")), 0);
	assert_int_equal(symlink("/etc/passwd", on_host(f, "/outside")), 0);
	assert_int_equal(symlink("loop", on_host(f, "/loop")), 0);
	assert_int_equal(f->g->ops->read(f->g, "/absolute", &b, &f->err), 0);
	assert_string_equal(buf_str(&b), "guest\n");
	buf_clear(&b);
	assert_int_equal(f->g->ops->read(f->g, "/etc/dots", &b, &f->err), 0);
	assert_string_equal(buf_str(&b), "guest\n");
	/* /etc/passwd exists on the host, not in the guest */
	assert_int_equal(f->g->ops->read(f->g, "/outside", &b, &f->err), -1);
	assert_int_equal(f->err.sys, ENOENT);
	assert_int_equal(f->g->ops->stat(f->g, "/outside", true, &st, &f->err), 0);
	assert_int_equal(st.mode, 0);
	assert_int_equal(f->g->ops->stat(f->g, "/outside", false, &st, &f->err), 0);
	assert_true(S_ISLNK(st.mode));
	assert_int_equal(f->g->ops->stat(f->g, "/loop", true, &st, &f->err), 0);
	assert_int_equal(st.mode, 0);
	/* written through, it is made inside */
	assert_int_equal(f->g->ops->write(f->g, "/outside", "x", 1, 0600, &f->err), 0);
	assert_string_equal(text_of(f, "/etc/passwd"), "x");
}

static void test_write(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	assert_int_equal(f->g->ops->write(f->g, "/tool", "one\n", 4, 0755, &f->err), 0);
	assert_int_equal(stat(on_host(f, "/tool"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_int_equal(f->g->ops->write(f->g, "/tool", "2\n", 2, 0600, &f->err), 0);
	assert_string_equal(text_of(f, "/tool"), "2\n");
	assert_int_equal(stat(on_host(f, "/tool"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_int_equal(f->g->ops->write(f->g, "/none/tool", "", 0, 0600, &f->err), -1);
	assert_int_equal(f->err.code, ERR_CONVERT);
	assert_string_equal(f->err.text, "cannot write '/none/tool': No such file or directory");
}

static void test_list_glob_find(void **state)
{
	struct fixture *f = *state;
	struct names n;

	plant(f, "/boot/grub/grub.cfg", "");
	plant(f, "/boot/vmlinuz-6.1", "");
	plant(f, "/boot/vmlinuz-5.10", "");
	plant(f, "/boot/.hidden", "");
	assert_int_equal(symlink("/boot", on_host(f, "/b")), 0);
	assert_int_equal(f->g->ops->list(f->g, "/boot", &f->arena, &n, &f->err), 0);
	assert_string_equal(joined(f, &n), ".hidden grub vmlinuz-5.10 vmlinuz-6.1");
	assert_int_equal(f->g->ops->list(f->g, "/none", &f->arena, &n, &f->err), 0);
	assert_int_equal(n.list.n, 0);
	assert_int_equal(f->g->ops->glob(f->g, "/boot/vmlinuz-*", &f->arena, &n, &f->err), 0);
	assert_string_equal(joined(f, &n), "/boot/vmlinuz-5.10 /boot/vmlinuz-6.1");
	assert_int_equal(f->g->ops->glob(f->g, "/b/*/*.cfg", &f->arena, &n, &f->err), 0);
	assert_string_equal(joined(f, &n), "/b/grub/grub.cfg");
	assert_int_equal(f->g->ops->glob(f->g, "/boot/*hidden", &f->arena, &n, &f->err), 0);
	assert_int_equal(n.list.n, 0);
	assert_int_equal(f->g->ops->find(f->g, "/", &f->arena, &n, &f->err), 0);
	assert_string_equal(joined(f, &n), "b boot boot/.hidden boot/grub boot/grub/grub.cfg boot/vmlinuz-5.10 "
					   "boot/vmlinuz-6.1");
	assert_int_equal(f->g->ops->find(f->g, "/none", &f->arena, &n, &f->err), 0);
	assert_int_equal(n.list.n, 0);
}

static mode_t mode_of(struct fixture *f, const char *path)
{
	struct guest_stat st;

	assert_int_equal(f->g->ops->stat(f->g, path, false, &st, &f->err), 0);
	return st.mode;
}

static void test_links_folders_removal(void **state)
{
	struct fixture *f = *state;
	char *target;

	plant(f, "/usr/lib/udev/hwdb.bin", "x");
	assert_int_equal(f->g->ops->symlink(f->g, "/usr/lib", "/lib", &f->err), 0);
	assert_int_equal(f->g->ops->mkdir(f->g, "/lib/udev/rules.d", 0750, &f->err), 0);
	assert_int_equal(f->g->ops->mkdir(f->g, "/lib/udev/rules.d", 0700, &f->err), -1);
	assert_int_equal(mode_of(f, "/usr/lib/udev/rules.d"), S_IFDIR | 0750);
	assert_int_equal(f->g->ops->mkdir(f->g, "/none/below", 0755, &f->err), -1);
	assert_true(guest_is_dir(f->g, "/usr/lib/udev/rules.d"));
	assert_int_equal(f->g->ops->symlink(f->g, "usr/lib", "/lib", &f->err), 0);
	assert_int_equal(f->g->ops->readlink(f->g, "/lib", &f->arena, &target, &f->err), 0);
	assert_string_equal(target, "usr/lib");
	assert_int_equal(f->g->ops->readlink(f->g, "/usr", &f->arena, &target, &f->err), -1);
	assert_int_equal(f->err.code, ERR_UNREADABLE);
	/* the name goes, not what it points to */
	assert_int_equal(f->g->ops->remove(f->g, "/lib", true, &f->err), 0);
	assert_true(guest_is_dir(f->g, "/usr/lib/udev/rules.d"));
	assert_int_equal(f->g->ops->remove(f->g, "/usr/lib", false, &f->err), -1);
	assert_string_equal(f->err.text, "cannot remove '/usr/lib': Is a directory");
	assert_int_equal(f->g->ops->remove(f->g, "/usr/lib", true, &f->err), 0);
	assert_false(guest_exists(f->g, "/usr/lib"));
	assert_int_equal(f->g->ops->remove(f->g, "/usr/lib", true, &f->err), 0);
	assert_int_equal(f->g->ops->remove(f->g, "/none/lib", false, &f->err), 0);
	assert_int_equal(f->g->ops->remove(f->g, "/usr/..", true, &f->err), -1);
	assert_string_equal(f->err.text, "'/usr/..' doesn't end in a name");
}

static void test_xattr(void **state)
{
	struct fixture *f = *state;
	AUTO(buf_done) struct buf b = BUF_INIT(64);

	plant(f, "/file", "");
	if (f->g->ops->set_xattr(f->g, "/file", true, "user.rehost", "v\0w", 3, &f->err) < 0) {
		print_message("SKIP: %s\n", f->err.text);
		skip();
	}
	assert_int_equal(symlink("/file", on_host(f, "/link")), 0);
	assert_int_equal(f->g->ops->get_xattr(f->g, "/link", true, "user.rehost", &b, &f->err), 0);
	assert_int_equal(b.len, 3);
	assert_memory_equal(b.data, "v\0w", 3);
	assert_int_equal(f->g->ops->get_xattr(f->g, "/link", false, "user.rehost", &b, &f->err), 0);
	assert_int_equal(b.len, 0);
	assert_int_equal(f->g->ops->get_xattr(f->g, "/file", true, "user.none", &b, &f->err), 0);
	assert_int_equal(b.len, 0);
}

static void test_space(void **state)
{
	struct fixture *f = *state;
	uint64_t space = 0;

	assert_int_equal(f->g->ops->space_free(f->g, "/", &space, &f->err), 0);
	assert_true(space > 0);
	assert_int_equal(f->g->ops->space_free(f->g, "/boot", &space, &f->err), -1);
	assert_int_equal(f->err.sys, ENOENT);
}

static void test_missing_root(void **state)
{
	struct err err = ERR_INIT;
	struct guest *g;

	assert_int_equal(guest_open_folder("/nonexistent/guest", &g, &err), -1);
	assert_string_equal(err.text,
			    "guest folder: cannot open folder '/nonexistent/guest': No such file or directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    FIXTURE_TEST(test_read),	       FIXTURE_TEST(test_symlinks_stay_inside),	 FIXTURE_TEST(test_write),
	    FIXTURE_TEST(test_list_glob_find), FIXTURE_TEST(test_links_folders_removal), FIXTURE_TEST(test_xattr),
	    FIXTURE_TEST(test_space),	       cmocka_unit_test(test_missing_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
