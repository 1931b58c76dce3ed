/* Files: whole reads and writes, the folder that nothing leads out of, publishing, removing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <seccomp.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/checked.h"
#include "core/base/cleanup.h"
#include "core/base/file.h"

struct place {
	char dir[64];
	int fd; /* of dir, readable */
	struct err err;
};

static int setup(void **state)
{
	struct place *p = calloc(1, sizeof *p);

	strcpy(p->dir, "/var/tmp/test_file.XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	p->fd = open(p->dir, O_RDONLY | O_DIRECTORY);
	assert_true(p->fd >= 0);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;

	close(p->fd);
	file_remove_tree(AT_FDCWD, p->dir, NULL);
	free(p);
	return 0;
}

static void put(const struct place *p, const char *name, const char *text)
{
	AUTO_FD int fd = openat(p->fd, name, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void assert_holds(const struct place *p, const char *name, const char *text)
{
	AUTO(buf_done) struct buf b = BUF_INIT(1000);

	assert_int_equal(file_slurp(p->fd, name, &b, NULL), 0);
	assert_string_equal(buf_str(&b), text);
}

static bool exists(const struct place *p, const char *name)
{
	return faccessat(p->fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void reads_exactly_or_says_why_not(void **state)
{
	struct place *p = *state;
	AUTO_FD int fd = -1;
	char data[16] = "";

	put(p, "f", "0123456789");
	fd = openat(p->fd, "f", O_RDONLY);
	assert_int_equal(file_pread(fd, data, 5, 3, &p->err), 0);
	assert_string_equal(data, "34567");
	assert_int_equal(file_pread(fd, data, 5, 8, &p->err), -1);
	assert_int_equal(p->err.code, ERR_CORRUPT);
	assert_string_equal(p->err.text, "read of 3 bytes at 0xa: the file ends before");
	assert_int_equal(file_pread(-1, data, 5, 8, &p->err), -1);
	assert_int_equal(p->err.code, ERR_UNREADABLE);
	assert_string_equal(p->err.text, "read of 5 bytes at 0x8: Bad file descriptor");
}

static void writes_at_a_place_and_in_pieces(void **state)
{
	struct place *p = *state;
	AUTO_FD int fd = openat(p->fd, "f", O_RDWR | O_CREAT, 0644), full = open("/dev/full", O_WRONLY);
	char one[] = "one", two[] = "two";
	struct iovec io[] = {{one, 3}, {NULL, 0}, {two, 3}}, again[] = {{one, 3}};

	assert_int_equal(file_pwrite(fd, "..........", 10, 0, &p->err), 0);
	assert_int_equal(file_pwritev(fd, io, 3, 2, &p->err), 0);
	assert_holds(p, "f", "..onetwo..");
	assert_int_equal(file_pwrite(full, "x", 1, 0x20, &p->err), -1);
	assert_int_equal(p->err.code, ERR_TEMPFAIL);
	assert_string_equal(p->err.text, "write of 1 bytes at 0x20: No space left on device");
	assert_int_equal(file_pwritev(full, again, 1, 0, &p->err), -1);
	assert_int_equal(p->err.code, ERR_TEMPFAIL);
	assert_int_equal(file_write(full, "xy", 2, &p->err), -1);
	assert_string_equal(p->err.text, "write of 2 bytes: No space left on device");
}

/* A pipe takes less than it is given, so the rest must follow. */
static void short_writes_go_on(void **state)
{
	struct place *p = *state;
	size_t len = MIB;
	char *data = calloc(1, len), *got = malloc(len);
	int pipe_fds[2];
	pid_t pid;

	memset(data, 'x', len);
	assert_int_equal(pipe(pipe_fds), 0);
	pid = fork();
	if (!pid)
		_exit(file_write(pipe_fds[1], data, len, NULL) < 0);
	close(pipe_fds[1]);
	for (size_t at = 0; at < len;) {
		ssize_t n = read(pipe_fds[0], got + at, len - at);

		assert_true(n > 0);
		at += (size_t)n;
	}
	assert_memory_equal(data, got, len);
	close(pipe_fds[0]);
	assert_true(pid > 0 && waitpid(pid, NULL, 0) == pid);
	free(data);
	free(got);
	assert_int_equal(p->err.code, ERR_NONE);
}

static void nothing_leads_out_of_the_folder(void **state)
{
	static const struct {
		const char *name;
		enum err_code code;
		const char *text;
	} cases[] = {
	    {"../in/f", ERR_POLICY, "'../in/f' leads outside the image's folder"},
	    {"sub/../../in/f", ERR_POLICY, "'sub/../../in/f' leads outside the image's folder"},
	    {"/etc/passwd", ERR_POLICY, "'/etc/passwd' leads outside the image's folder"},
	    {"link-absolute", ERR_POLICY, "'link-absolute' leads outside the image's folder"},
	    {"link-up", ERR_POLICY, "'link-up' leads outside the image's folder"},
	    {"folder-up/out", ERR_POLICY, "'folder-up/out' leads outside the image's folder"},
	    {"link-loop", ERR_POLICY, "'link-loop' leads outside the image's folder"},
	    {"fifo", ERR_POLICY, "'fifo' is not a regular file"},
	    {"sub", ERR_POLICY, "'sub' is not a regular file"},
	    {"link-proc", ERR_POLICY, "'link-proc' leads outside the image's folder"},
	    {"absent", ERR_UNREADABLE, "cannot open 'absent': No such file or directory"},
	    {"", ERR_UNREADABLE, "cannot open '': No such file or directory"},
	    {"f/x", ERR_UNREADABLE, "cannot open 'f/x': Not a directory"},
	};
	struct place *p = *state;
	AUTO_FD int dir = -1;

	put(p, "out", "secret");
	assert_int_equal(mkdirat(p->fd, "in", 0755), 0);
	assert_int_equal(mkdirat(p->fd, "in/sub", 0755), 0);
	put(p, "in/f", "x");
	assert_int_equal(symlinkat("/etc/passwd", p->fd, "in/link-absolute"), 0);
	assert_int_equal(symlinkat("../out", p->fd, "in/link-up"), 0);
	assert_int_equal(symlinkat("..", p->fd, "in/folder-up"), 0);
	assert_int_equal(symlinkat("link-loop", p->fd, "in/link-loop"), 0);
	assert_int_equal(symlinkat("/proc/self/fd/0", p->fd, "in/link-proc"), 0);
	assert_int_equal(mkfifoat(p->fd, "in/fifo", 0644), 0);
	dir = openat(p->fd, "in", O_PATH | O_DIRECTORY);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_int_equal(file_open_beneath(dir, cases[i].name, false, &p->err), -1);
		assert_string_equal(p->err.text, cases[i].text);
		assert_int_equal(p->err.code, cases[i].code);
	}
}

static void inside_the_folder_all_is_well(void **state)
{
	static const char *const names[] = {"f", "sub/g", "./f", "sub/../f", "link", "sub/link"};
	struct place *p = *state;

	put(p, "f", "x");
	assert_int_equal(mkdirat(p->fd, "sub", 0755), 0);
	put(p, "sub/g", "x");
	assert_int_equal(symlinkat("sub/g", p->fd, "link"), 0);
	assert_int_equal(symlinkat("../f", p->fd, "sub/link"), 0);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		AUTO_FD int fd = file_open_beneath(p->fd, names[i], false, &p->err);
		char c;

		assert_true(fd >= 0);
		assert_int_equal(read(fd, &c, 1), 1);
		assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	}
}

static void folders_are_opened_by_the_users_word(void **state)
{
	struct place *p = *state;
	AUTO_FD int fd = file_open_dir(p->dir, &p->err);
	char path[100];

	assert_true(fd >= 0);
	snprintf(path, sizeof path, "%s/absent", p->dir);
	assert_int_equal(file_open_dir(path, &p->err), -1);
	assert_non_null(strstr(p->err.text, "/absent': No such file or directory"));
	put(p, "f", "");
	snprintf(path, sizeof path, "%s/f", p->dir);
	assert_int_equal(file_open_dir(path, &p->err), -1);
	assert_non_null(strstr(p->err.text, "/f': Not a directory"));
	assert_int_equal(p->err.code, ERR_UNREADABLE);
}

static void slurp_is_bounded(void **state)
{
	struct place *p = *state;
	AUTO(buf_done) struct buf fits = BUF_INIT(10), small = BUF_INIT(9);

	put(p, "f", "0123456789");
	assert_int_equal(file_slurp(p->fd, "f", &fits, &p->err), 0);
	assert_string_equal(buf_str(&fits), "0123456789");
	assert_int_equal(file_slurp(p->fd, "f", &small, &p->err), -1);
	assert_string_equal(p->err.text, "'f' is over the limit of 9 bytes");
	assert_int_equal(p->err.code, ERR_CORRUPT);
	assert_int_equal(file_slurp(p->fd, "absent", &small, &p->err), -1);
	assert_string_equal(p->err.text, "cannot open 'absent': No such file or directory");
	assert_int_equal(p->err.code, ERR_UNREADABLE);
}

static void the_end_of_a_file(void **state)
{
	struct place *p = *state;
	AUTO(buf_done) struct buf some = BUF_INIT(3), all = BUF_INIT(100), none = BUF_INIT(3);
	AUTO_FD int fd = -1;

	assert_int_equal(file_replace(p->fd, "f", "abcdef", 6, 0600, NULL), 0);
	fd = openat(p->fd, "f", O_RDWR | O_CLOEXEC);
	assert_int_equal(file_slurp_tail(fd, "f", &some, &p->err), 0);
	assert_string_equal(buf_str(&some), "def");
	assert_int_equal(file_slurp_tail(fd, "f", &all, &p->err), 0);
	assert_string_equal(buf_str(&all), "abcdef");
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(file_slurp_tail(fd, "f", &none, &p->err), 0);
	assert_string_equal(buf_str(&none), "");
}

static void nothing_temporary(const struct place *p)
{
	DIR *dir = opendir(p->dir);
	const struct dirent *e;

	assert_non_null(dir);
	while ((e = readdir(dir)))
		assert_false(file_is_temporary(e->d_name));
	closedir(dir);
}

enum { WRITES = 200 };

static void *write_often(void *opaque)
{
	const struct place *p = opaque;
	char text[8192];

	memset(text, 'x', sizeof text);
	for (unsigned i = 0; i < WRITES; i++)
		if (file_replace(p->fd, "f", text, sizeof text, 0600, NULL) < 0)
			return opaque;
	return NULL;
}

/* Reports of one job, written by several hosts. */
static void two_that_replace_the_same(void **state)
{
	struct place *p = *state;
	char text[10];
	pthread_t other;
	void *failed;

	assert_int_equal(pthread_create(&other, NULL, write_often, p), 0);
	for (unsigned i = 0; i < WRITES; i++) {
		AUTO(buf_done) struct buf found = BUF_INIT(10000);

		assert_int_equal(file_replace(p->fd, "f", "short", 5, 0600, &p->err), 0);
		assert_int_equal(file_slurp(p->fd, "f", &found, &p->err), 0);
		snprintf(text, sizeof text, "%.5s", buf_str(&found));
		assert_true(found.len == 5 ? !strcmp(text, "short") : found.len == 8192 && !strcmp(text, "xxxxx"));
	}
	assert_int_equal(pthread_join(other, &failed), 0);
	assert_null(failed);
	nothing_temporary(p);
}

static void temporary_names(void **state)
{
	(void)state;
	assert_true(file_is_temporary(".0123456789abcdef.new"));
	assert_false(file_is_temporary("0123456789abcdef.new"));
	assert_false(file_is_temporary(".0123456789abcde.new"));
	assert_false(file_is_temporary(".0123456789abcdef.news"));
	assert_false(file_is_temporary(".0123456789abcdef"));
	assert_false(file_is_temporary(""));
}

static void replace_is_all_or_nothing(void **state)
{
	struct place *p = *state;
	struct rlimit limit, none = {0, RLIM_INFINITY};
	struct stat st;

	put(p, "f", "old");
	assert_int_equal(file_replace(p->fd, "f", "new", 3, 0600, &p->err), 0);
	assert_holds(p, "f", "new");
	assert_int_equal(fstatat(p->fd, "f", &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	nothing_temporary(p);

	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &limit);
	none.rlim_max = limit.rlim_max;
	setrlimit(RLIMIT_FSIZE, &none);
	assert_int_equal(file_replace(p->fd, "f", "newer", 5, 0600, &p->err), -1);
	setrlimit(RLIMIT_FSIZE, &limit);
	signal(SIGXFSZ, SIG_DFL);
	assert_string_equal(p->err.text, "'f': write of 5 bytes at 0x0: File too large");
	assert_holds(p, "f", "new");
	nothing_temporary(p);

	assert_int_equal(mkdirat(p->fd, "d", 0755), 0);
	assert_int_equal(file_replace(p->fd, "d", "x", 1, 0600, &p->err), -1);
	assert_string_equal(p->err.text, "cannot replace 'd': Is a directory");
	nothing_temporary(p);
	assert_int_equal(file_replace(p->fd, "d/deep", "x", 1, 0600, &p->err), 0);
	assert_holds(p, "d/deep", "x");
	assert_int_equal(file_replace(p->fd, "absent/f", "x", 1, 0600, &p->err), -1);
	assert_string_equal(p->err.text, "cannot create 'absent/f': No such file or directory");
}

static void mkdirs_makes_what_is_missing(void **state)
{
	struct place *p = *state;
	char path[100], text[200];

	snprintf(path, sizeof path, "%s/a//b/c/", p->dir);
	assert_int_equal(file_mkdirs(path, &p->err), 0);
	assert_true(exists(p, "a/b/c"));
	assert_int_equal(file_mkdirs(path, &p->err), 0);
	assert_int_equal(file_mkdirs("/", &p->err), 0);
	assert_int_equal(file_mkdirs("", &p->err), 0);
	put(p, "f", "");
	snprintf(path, sizeof path, "%s/f", p->dir);
	assert_int_equal(file_mkdirs(path, &p->err), -1);
	snprintf(text, sizeof text, "cannot create folder '%s': it exists and is no folder", path);
	assert_string_equal(p->err.text, text);
	assert_int_equal(p->err.code, ERR_BLOCKED);
	snprintf(path, sizeof path, "%s/f/g", p->dir);
	assert_int_equal(file_mkdirs(path, &p->err), -1);
}

static void renames(void **state)
{
	struct place *p = *state;

	put(p, "a", "A");
	put(p, "b", "B");
	assert_int_equal(file_rename_noreplace(p->fd, "a", "b", &p->err), -1);
	assert_string_equal(p->err.text, "'b' exists already");
	assert_int_equal(p->err.code, ERR_BLOCKED);
	assert_holds(p, "b", "B");
	assert_int_equal(file_rename_exchange(p->fd, "a", "b", "spare", &p->err), 0);
	assert_holds(p, "b", "A");
	assert_int_equal(file_rename_noreplace(p->fd, "a", "c", &p->err), 0);
	assert_holds(p, "c", "B");
	assert_false(exists(p, "a"));
	assert_int_equal(file_rename_exchange(p->fd, "absent", "c", "spare", &p->err), -1);
	assert_string_equal(p->err.text, "cannot rename 'absent' to 'c': No such file or directory");
	assert_int_equal(file_sync_dir(p->fd, &p->err), 0);
}

/* As on NFS: no flags for renames. In a process of its own, for it can't be taken back. */
static void deny_noreplace(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

	if (seccomp_rule_add(filter, SCMP_ACT_ERRNO(EINVAL), SCMP_SYS(renameat2), 1, SCMP_A4(SCMP_CMP_NE, 0)) < 0 ||
	    seccomp_load(filter) < 0)
		_exit(1);
}

static int move_without_noreplace(struct place *p)
{
	deny_noreplace();
	if (file_rename_noreplace(p->fd, "new", "full", &p->err) == 0 || p->err.code != ERR_BLOCKED)
		return 2;
	if (file_rename_noreplace(p->fd, "new", "file", &p->err) == 0 || p->err.code != ERR_BLOCKED)
		return 3;
	if (file_rename_noreplace(p->fd, "file", "other", &p->err) == 0) /* would replace */
		return 4;
	if (p->err.code != ERR_BLOCKED || file_rename_noreplace(p->fd, "file", "moved", &p->err) < 0)
		return 5;
	if (file_rename_noreplace(p->fd, "new", "free", &p->err) < 0)
		return 6;
	if (file_rename_exchange(p->fd, "full", "free", "spare", &p->err) < 0 || exists(p, "spare"))
		return 7;
	if (file_rename_exchange(p->fd, "absent", "other", "spare", &p->err) == 0 || exists(p, "spare"))
		return 8;
	return 0;
}

static void folders_move_without_noreplace(void **state)
{
	struct place *p = *state;
	int status;
	pid_t pid;

	assert_int_equal(mkdirat(p->fd, "new", 0755), 0);
	assert_int_equal(mkdirat(p->fd, "full", 0755), 0);
	put(p, "full/f", "x");
	put(p, "file", "F");
	put(p, "other", "O");
	pid = fork();
	if (pid == 0)
		_exit(move_without_noreplace(p));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_true(exists(p, "full"));
	assert_holds(p, "free/f", "x");
	assert_holds(p, "other", "O");
	assert_holds(p, "moved", "F");
}

static void a_name_that_stands_for_another_file_now(void **state)
{
	struct place *p = *state;
	AUTO_FD int fd = -1;

	put(p, "work", "W");
	fd = openat(p->fd, "work", O_RDONLY);
	assert_true(file_is_at(fd, p->fd, "work"));
	assert_int_equal(file_rename_noreplace(p->fd, "work", "done", &p->err), 0);
	assert_false(file_is_at(fd, p->fd, "work"));
	put(p, "work", "W");
	assert_false(file_is_at(fd, p->fd, "work"));
	assert_true(file_is_at(fd, p->fd, "done"));
}

static void removing_a_tree_follows_no_link(void **state)
{
	struct place *p = *state;

	assert_int_equal(mkdirat(p->fd, "keep", 0755), 0);
	put(p, "keep/f", "x");
	assert_int_equal(mkdirat(p->fd, "t", 0755), 0);
	assert_int_equal(mkdirat(p->fd, "t/sub", 0755), 0);
	put(p, "t/sub/g", "x");
	put(p, "t/.hidden", "x");
	assert_int_equal(symlinkat("../keep", p->fd, "t/link"), 0);
	assert_int_equal(symlinkat("keep", p->fd, "link"), 0);
	assert_int_equal(file_remove_tree(p->fd, "t", &p->err), 0);
	assert_false(exists(p, "t"));
	assert_int_equal(file_remove_tree(p->fd, "link", &p->err), 0);
	assert_false(exists(p, "link"));
	assert_holds(p, "keep/f", "x");
	assert_int_equal(file_remove_tree(p->fd, "absent", &p->err), 0);
}

static void free_space_is_a_number_of_bytes(void **state)
{
	struct place *p = *state;
	uint64_t bytes = 0;

	assert_int_equal(file_space_free(p->fd, &bytes, &p->err), 0);
	assert_true(bytes > MIB);
	assert_int_equal(file_space_free(-1, &bytes, &p->err), -1);
	assert_string_equal(p->err.text, "cannot ask for free space: Bad file descriptor");
}

/* Both ways to zeros, larger than a piece of them and not aligned; what is around stays. */
/* A file system of this host's own copies page by page: a read and a write are faster. */
static void test_local_copies_are_not_moved(void **state)
{
	const struct place *p = *state;

	put(p, "from", "bytes");
	put(p, "to", "other");
	AUTO_FD int from = openat(p->fd, "from", O_RDONLY), to = openat(p->fd, "to", O_RDWR);
	assert_false(file_move_range(from, 0, to, 0, 5, FILE_MOVE_COPY));
	assert_holds(p, "to", "other");
}

static void test_zeros(void **state)
{
	enum { SIZE = 1 << 20, FROM = 1000, LEN = 700001 };
	struct place *p = *state;
	AUTO_FD int fd = openat(p->fd, "zeros", O_RDWR | O_CREAT, 0600);
	AUTO_FREE char *ones = malloc(SIZE), *back = malloc(SIZE);

	memset(ones, 1, SIZE);
	for (unsigned written = 0; written < 2; written++) {
		assert_int_equal(file_pwrite(fd, ones, SIZE, 0, &p->err), 0);
		assert_int_equal(written ? file_write_zeros(fd, FROM, LEN, &p->err) : file_zero(fd, FROM, LEN, &p->err),
				 0);
		assert_int_equal(file_pread(fd, back, SIZE, 0, &p->err), 0);
		for (unsigned i = 0; i < SIZE; i++)
			assert_int_equal(back[i], i < FROM || i >= FROM + LEN);
	}
	assert_int_equal(file_zero(fd, 0, 0, &p->err), 0);
	assert_int_equal(file_zero(-1, 0, 1, &p->err), -1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(test_local_copies_are_not_moved),
	    TEST(test_zeros),
	    TEST(reads_exactly_or_says_why_not),
	    TEST(writes_at_a_place_and_in_pieces),
	    TEST(short_writes_go_on),
	    TEST(nothing_leads_out_of_the_folder),
	    TEST(inside_the_folder_all_is_well),
	    TEST(folders_are_opened_by_the_users_word),
	    TEST(slurp_is_bounded),
	    TEST(the_end_of_a_file),
	    TEST(replace_is_all_or_nothing),
	    TEST(two_that_replace_the_same),
	    TEST(temporary_names),
	    TEST(mkdirs_makes_what_is_missing),
	    TEST(renames),
	    TEST(folders_move_without_noreplace),
	    TEST(a_name_that_stands_for_another_file_now),
	    TEST(removing_a_tree_follows_no_link),
	    TEST(free_space_is_a_number_of_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
