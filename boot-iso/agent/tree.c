/* A system's files as text: /sys, /proc and /run beneath a root. */
#include "boot-iso/agent/tree.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/cleanup.h"

int tree_open(struct tree *t, const char *root, struct err *err)
{
	t->fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (t->fd < 0)
		return err_sys(err, ERR_UNREADABLE, "cannot open the folder '%s'", root);
	return 0;
}

void tree_close(struct tree *t)
{
	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
}

/* The path of a va_list, or false when it is too long. */
#define PATH_OF(path, fmt)                                                                                             \
	({                                                                                                             \
		va_list ap_;                                                                                           \
		int n_;                                                                                                \
                                                                                                                       \
		va_start(ap_, fmt);                                                                                    \
		n_ = vsnprintf(path, sizeof(path), fmt, ap_);                                                          \
		va_end(ap_);                                                                                           \
		n_ > 0 && (size_t)n_ < sizeof(path);                                                                   \
	})

/* Files of /sys have no size that stat would tell, and some fail when they are read. */
static bool slurp(const struct tree *t, const char *path, struct buf *ret)
{
	AUTO_FD int fd = openat(t->fd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return false;
	for (;;) {
		void *to = buf_reserve(ret, 4096);
		ssize_t n = to ? read(fd, to, 4096) : -1;

		if (n <= 0)
			return n == 0;
		buf_commit(ret, (size_t)n);
	}
}

static char *trimmed(struct arena *a, const char *from, size_t len)
{
	while (len && isspace((unsigned char)*from)) {
		from++;
		len--;
	}
	while (len && (isspace((unsigned char)from[len - 1]) || !from[len - 1]))
		len--;
	return len ? arena_strndup(a, from, len) : NULL;
}

char *tree_text(const struct tree *t, struct arena *a, const char *fmt, ...)
{
	AUTO(buf_done) struct buf b = BUF_INIT(TREE_FILE_MAX);
	char path[TREE_PATH_MAX];

	if (!PATH_OF(path, fmt) || !slurp(t, path, &b))
		return NULL;
	return trimmed(a, buf_str(&b), strlen(buf_str(&b)));
}

bool tree_bytes(const struct tree *t, struct buf *ret, const char *fmt, ...)
{
	char path[TREE_PATH_MAX];

	return PATH_OF(path, fmt) && slurp(t, path, ret);
}

uint64_t tree_number(const struct tree *t, uint64_t missing, const char *fmt, ...)
{
	AUTO(buf_done) struct buf b = BUF_INIT(TREE_FILE_MAX);
	char path[TREE_PATH_MAX], *end;
	uint64_t ret;

	if (!PATH_OF(path, fmt) || !slurp(t, path, &b) || !isdigit((unsigned char)*buf_str(&b)))
		return missing;
	ret = strtoull(buf_str(&b), &end, 10);
	return *end == '\0' || *end == '\n' ? ret : missing;
}

char *tree_link(const struct tree *t, struct arena *a, const char *fmt, ...)
{
	char path[TREE_PATH_MAX], target[TREE_PATH_MAX];
	ssize_t n = PATH_OF(path, fmt) ? readlinkat(t->fd, path, target, sizeof target - 1) : -1;
	const char *slash;

	if (n <= 0)
		return NULL;
	target[n] = '\0';
	slash = strrchr(target, '/');
	return arena_strdup(a, slash ? slash + 1 : target);
}

bool tree_has(const struct tree *t, const char *fmt, ...)
{
	char path[TREE_PATH_MAX];

	return PATH_OF(path, fmt) && faccessat(t->fd, path, F_OK, 0) == 0;
}

static int by_number(const void *a, const void *b)
{
	return strverscmp(*(char *const *)a, *(char *const *)b);
}

struct words tree_list(const struct tree *t, struct arena *a, const char *fmt, ...)
{
	struct words ret = {0};
	char path[TREE_PATH_MAX];
	int fd = PATH_OF(path, fmt) ? openat(t->fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *e;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return ret;
	}
	while (ret.n < TREE_LIST_MAX && (e = readdir(dir)))
		if (e->d_name[0] != '.')
			*vec_push(a, &ret) = arena_strdup(a, e->d_name);
	closedir(dir);
	if (ret.n)
		qsort(ret.v, ret.n, sizeof *ret.v, by_number);
	return ret;
}

char *tree_value(struct arena *a, const char *text, const char *key, char separator)
{
	size_t len = strlen(key);

	for (const char *line = text; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		const char *rest = line + len;

		if (strncmp(line, key, len) != 0)
			continue;
		rest += strspn(rest, " \t");
		if (*rest == separator)
			return trimmed(a, rest + 1, strcspn(rest + 1, "\n"));
	}
	return NULL;
}
