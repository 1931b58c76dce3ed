/* The files that belong to a descriptor: members of a tar file or files of a folder. */
#include "sources/package.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "core/base/file.h"
#include "sources/host_path.h"
#include "sources/text.h"

static bool is_hidden(const char *name)
{
	const char *slash = strrchr(name, '/');

	return !strncmp(slash ? slash + 1 : name, "._", 2);
}

/* Calls fn for every name in the package (of a folder: its own files only). */
static int each_name(struct package *p, int (*fn)(const char *name, void *opaque), void *opaque, struct err *err)
{
	struct dirent *e;
	int fd, ret = 0;
	DIR *dir;

	if (p->tar) {
		VEC_FOR (m, &p->index.members)
			if (fn(m->name, opaque))
				break;
		return 0;
	}
	fd = openat(p->dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		ret = err_sys(err, ERR_UNREADABLE, "cannot list folder '%s'", p->folder);
		if (fd >= 0)
			close(fd);
		return ret;
	}
	while ((e = readdir(dir)) && !fn(e->d_name, opaque))
		continue;
	closedir(dir);
	return 0;
}

/* The first two names with an ending, in alphabetic order so that it doesn't depend on the file system. */
struct ending {
	struct arena *a;
	const char *end;
	const char *first, *second;
	unsigned count;
};

static int note_ending(const char *name, void *opaque)
{
	struct ending *e = opaque;

	if (is_hidden(name) || !text_ends_with(name, e->end) || strlen(name) == strlen(e->end))
		return 0;
	e->count++;
	name = arena_strdup(e->a, name);
	if (!e->first || strcmp(name, e->first) < 0) {
		e->second = e->first;
		e->first = name;
	} else if (!e->second || strcmp(name, e->second) < 0) {
		e->second = name;
	}
	return 0;
}

static int find_descriptor(struct package *p, struct err *err)
{
	struct ending e = {.a = &p->arena, .end = ".ovf"};
	const char *slash;

	if (each_name(p, note_ending, &e, err) < 0)
		return -1;
	if (!e.count)
		return err_set(err, ERR_CORRUPT, "there is no .ovf in it");
	if (e.count > 1)
		return err_set(err, ERR_CORRUPT,
			       "there are %u .ovf files in it, '%s' and '%s': exactly one must be there", e.count,
			       e.first, e.second);
	slash = strrchr(e.first, '/');
	p->descriptor = arena_strdup(&p->arena, e.first);
	p->base = arena_strndup(&p->arena, e.first, slash ? (size_t)(slash + 1 - e.first) : 0);
	return 0;
}

static int open_tar(struct package *p, char *file, struct err *err)
{
	struct stat st;

	p->tar = file;
	p->tar_fd = file_open_beneath(p->dirfd, file, false, err);
	if (p->tar_fd < 0)
		return -1;
	if (fstat(p->tar_fd, &st) < 0)
		return err_sys(err, ERR_UNREADABLE, "cannot stat '%s'", file);
	if (tar_read(p->tar_fd, (uint64_t)st.st_size, &p->index, err) < 0)
		return -1;
	return find_descriptor(p, err);
}

static int open_package(const char *path, struct package *p, struct err *err)
{
	struct stat st;
	char *file;

	if (stat(path, &st) < 0)
		return err_sys(err, ERR_UNREADABLE, "cannot open");
	if (host_path_split(path, &p->arena, &p->folder, &file, err) < 0)
		return -1;
	if (S_ISDIR(st.st_mode))
		p->folder = arena_printf(&p->arena, "%s/%s", strcmp(p->folder, "/") ? p->folder : "", file);
	p->dirfd = file_open_dir(p->folder, err);
	if (p->dirfd < 0)
		return -1;
	if (S_ISDIR(st.st_mode))
		return find_descriptor(p, err);
	if (!text_ends_with(file, ".ovf"))
		return open_tar(p, file, err);
	p->descriptor = file;
	p->base = arena_strdup(&p->arena, "");
	return 0;
}

int package_open(const char *path, struct package *ret, struct err *err)
{
	*ret = (struct package){.dirfd = -1, .tar_fd = -1};
	if (open_package(path, ret, err) == 0)
		return 0;
	package_close(ret);
	return err_wrap(err, "'%s'", path);
}

void package_close(struct package *p)
{
	if (p->dirfd >= 0)
		close(p->dirfd);
	if (p->tar_fd >= 0)
		close(p->tar_fd);
	tar_done(&p->index);
	arena_done(&p->arena);
	*p = (struct package){.dirfd = -1, .tar_fd = -1};
}

static int find_in_tar(struct package *p, const char *name, struct package_member *ret)
{
	const char *full = arena_printf(&p->arena, "%s%s", p->base, name);

	VEC_FOR (m, &p->index.members) {
		if (strcmp(m->name, full))
			continue;
		*ret = (struct package_member){.file = arena_strdup(&p->arena, p->tar), .off = m->off, .size = m->size};
		return 1;
	}
	return 0;
}

/* 1 found, 0 not there, -1 a name that may not be used. */
static int find_in_folder(struct package *p, const char *name, struct package_member *ret, struct err *err)
{
	AUTO_FD int fd = -1;
	struct stat st;

	fd = file_open_beneath(p->dirfd, name, false, err);
	if (fd < 0)
		return err->code == ERR_POLICY ? -1 : 0;
	if (fstat(fd, &st) < 0)
		return err_sys(err, ERR_UNREADABLE, "cannot stat '%s'", name);
	*ret = (struct package_member){
	    .file = arena_strdup(&p->arena, name), .size = (uint64_t)st.st_size, .dev = st.st_dev, .ino = st.st_ino};
	return 1;
}

static int hex_value(char c)
{
	const char *digits = "0123456789abcdef0123456789ABCDEF", *at = c ? strchr(digits, c) : NULL;

	return at ? (int)((at - digits) % 16) : -1;
}

/* RFC 3986 percent decoding; "%00" stays as it is. */
static char *decoded(struct arena *a, const char *s)
{
	char *ret = arena_strdup(a, s), *to = ret;

	while (*s) {
		int high = *s == '%' ? hex_value(s[1]) : -1, low = high < 0 ? -1 : hex_value(s[2]);

		if (low < 0 || (!high && !low)) {
			*to++ = *s++;
		} else {
			*to++ = (char)(high << 4 | low);
			s += 3;
		}
	}
	*to = '\0';
	return ret;
}

static int find(struct package *p, const char *name, struct package_member *ret, struct err *err)
{
	if (!strncmp(name, "./", 2))
		name += 2;
	if (text_leads_outside(name))
		return err_set(err, ERR_POLICY, "the name leads outside the package");
	return p->tar ? find_in_tar(p, name, ret) : find_in_folder(p, name, ret, err);
}

int package_find(struct package *p, const char *href, struct package_member *ret, struct err *err)
{
	struct err ignored = ERR_INIT;
	int found;

	if (strstr(href, "://"))
		return err_set(err, ERR_UNSUPPORTED, "it is not in the package: fetch it and put it beside the .ovf");
	found = find(p, href, ret, err ? err : &ignored);
	if (!found && strchr(href, '%'))
		found = find(p, decoded(&p->arena, href), ret, err ? err : &ignored);
	if (found < 0)
		return -1;
	return found ? 0 : err_set(err, ERR_UNREADABLE, "it is missing from the package");
}

int package_open_member(struct package *p, const struct package_member *m, struct err *err)
{
	return file_open_beneath(p->dirfd, m->file, false, err);
}

int package_read(struct package *p, const struct package_member *m, struct buf *out, struct err *err)
{
	AUTO_FD int fd = package_open_member(p, m, err);
	void *room;

	if (fd < 0)
		return -1;
	if (m->size > out->max)
		return err_set(err, ERR_CORRUPT, "it is %llu bytes, over the limit of %zu", (unsigned long long)m->size,
			       out->max);
	room = buf_reserve(out, (size_t)m->size);
	if (!room)
		return err_nomem(err);
	if (file_pread(fd, room, (size_t)m->size, m->off, err) < 0)
		return -1;
	buf_commit(out, (size_t)m->size);
	return 0;
}

int package_manifest(struct package *p, const char **ret, struct err *err)
{
	struct ending mf = {.a = &p->arena, .end = ".mf"}, ovf = {.a = &p->arena, .end = ".ovf"};
	const char *own = p->descriptor + strlen(p->base);
	struct package_member m;
	struct err missing = ERR_INIT;

	*ret = arena_printf(&p->arena, "%.*s.mf", (int)strlen(own) - 4, own);
	if (package_find(p, *ret, &m, &missing) == 0)
		return 0;
	*ret = NULL;
	if (each_name(p, note_ending, &mf, err) < 0 || each_name(p, note_ending, &ovf, err) < 0)
		return -1;
	if (!mf.count || ovf.count > 1) /* a folder of several packages: the others' manifests aren't ours */
		return 0;
	if (mf.count > 1)
		return err_set(err, ERR_CORRUPT, "there are %u manifests, '%s' and '%s', and none is named after '%s'",
			       mf.count, mf.first, mf.second, p->descriptor);
	*ret = mf.first + (strncmp(mf.first, p->base, strlen(p->base)) ? 0 : strlen(p->base));
	return 0;
}

const char *package_any(struct package *p, const char *end)
{
	struct ending e = {.a = &p->arena, .end = end};

	return each_name(p, note_ending, &e, NULL) < 0 ? NULL : e.first;
}
