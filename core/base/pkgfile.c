/* Package files of dpkg and RPM: libarchive reads the archives, RPM's headers are read here. */
#include "core/base/pkgfile.h"

#include <dirent.h>
#include <inttypes.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <archive.h>
#include <archive_entry.h>

#include "core/base/bytes.h"
#include "core/base/file.h"
#include "core/base/hash.h"

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);

	return n > m && strcmp(text + n - m, end) == 0;
}

bool pkg_is_named(const char *name)
{
	return ends_with(name, ".deb") || ends_with(name, ".rpm");
}

void pkg_free(struct pkg *p)
{
	if (!p)
		return;
	VEC_FOR (b, &p->contents)
		buf_done(b);
	buf_done(&p->raw);
	arena_done(&p->arena);
	free(p);
}

/* ------------------------------------------------------------------------------------------------------- archives */

static void archive_freep(struct archive **a)
{
	archive_read_free(*a);
}

#define AUTO_ARCHIVE struct archive *__attribute__((cleanup(archive_freep)))

static int damaged(const struct pkg *p, struct archive *a, struct err *err)
{
	const char *why = a ? archive_error_string(a) : NULL;

	return err_set(err, ERR_CORRUPT, "package '%s': %s", p->file, why ? why : "cannot be unpacked");
}

/* All formats that the two kinds use; nothing else is tried. */
static struct archive *open_archive(const void *data, size_t len, bool outer)
{
	AUTO_ARCHIVE a = archive_read_new();
	struct archive *ret;
	bool ok;

	if (!a)
		return NULL;
	if (outer)
		ok = archive_read_support_format_ar(a) == ARCHIVE_OK;
	else
		ok = archive_read_support_format_tar(a) == ARCHIVE_OK &&
		     archive_read_support_format_cpio(a) == ARCHIVE_OK &&
		     archive_read_support_filter_gzip(a) == ARCHIVE_OK &&
		     archive_read_support_filter_bzip2(a) == ARCHIVE_OK &&
		     archive_read_support_filter_xz(a) == ARCHIVE_OK &&
		     archive_read_support_filter_lzma(a) == ARCHIVE_OK &&
		     archive_read_support_filter_zstd(a) == ARCHIVE_OK;
	if (!ok || archive_read_open_memory(a, data, len) != ARCHIVE_OK)
		return NULL;
	ret = a;
	a = NULL;
	return ret;
}

/* The content of the entry that a stands at, owned by the package. */
static int read_content(struct pkg *p, struct archive *a, struct buf **ret, struct err *err)
{
	struct buf *b = vec_push(&p->arena, &p->contents);
	la_ssize_t n = 0;

	*b = (struct buf)BUF_INIT(PKG_CONTENTS_MAX - p->room);
	for (;;) {
		void *room = buf_reserve(b, 64 << 10);

		if (!room)
			return err_set(err, ERR_CORRUPT, "package '%s': more than %llu MiB in it", p->file,
				       PKG_CONTENTS_MAX >> 20);
		n = archive_read_data(a, room, 64 << 10);
		if (n <= 0)
			break;
		buf_commit(b, (size_t)n);
	}
	if (n < 0)
		return damaged(p, a, err);
	p->room += b->len;
	*ret = b;
	return 0;
}

/* "./usr/bin/x" is "/usr/bin/x"; the root itself is "". NULL: ".." or too long. */
static char *clean_path(struct arena *a, const char *name)
{
	char *ret;

	if (!name || strlen(name) >= PKG_PATH_MAX)
		return NULL;
	while (strncmp(name, "./", 2) == 0)
		name += 2;
	name += strspn(name, "/");
	if (strcmp(name, ".") == 0)
		name = "";
	ret = arena_printf(a, "/%s", name);
	while (strlen(ret) > 1 && ret[strlen(ret) - 1] == '/')
		ret[strlen(ret) - 1] = '\0';
	for (const char *part = ret; part; part = strchr(part + 1, '/'))
		if (strncmp(part, "/..", 3) == 0 && (!part[3] || part[3] == '/'))
			return NULL;
	return ret[1] ? ret : arena_strdup(a, "");
}

static int add_file(struct pkg *p, struct archive *a, struct archive_entry *e, struct pkg_file *f, struct err *err)
{
	const char *link = archive_entry_symlink(e);
	struct buf *b = NULL;

	f->path = clean_path(&p->arena, archive_entry_pathname(e));
	if (!f->path)
		return err_set(err, ERR_CORRUPT, "package '%s': '%.256s' is no path in it", p->file,
			       archive_entry_pathname(e) ? archive_entry_pathname(e) : "");
	f->mode = archive_entry_mode(e);
	f->link = arena_strdup(&p->arena, S_ISLNK(f->mode) ? (link ? link : "") : NULL);
	f->odd = (!S_ISREG(f->mode) && !S_ISDIR(f->mode) && !S_ISLNK(f->mode)) || (f->mode & 07000) ||
		 archive_entry_hardlink(e) || (f->link && strlen(f->link) >= PKG_PATH_MAX);
	if (!S_ISREG(f->mode))
		return 0;
	if (read_content(p, a, &b, err) < 0)
		return -1;
	f->data = buf_str(b);
	f->size = b->len;
	return 0;
}

/* What is in the tar or cpio archive, into p->files (or p->scripts). */
static int read_members(struct pkg *p, const void *data, size_t len, bool scripts, struct err *err)
{
	AUTO_ARCHIVE a = open_archive(data, len, false);
	struct archive_entry *e;
	int status = ARCHIVE_OK;

	if (!a)
		return damaged(p, a, err);
	while ((status = archive_read_next_header(a, &e)) == ARCHIVE_OK || status == ARCHIVE_WARN) {
		struct pkg_file *f;

		if (p->files.n + p->scripts.n >= PKG_FILES_MAX)
			return err_set(err, ERR_CORRUPT, "package '%s': more than %d files", p->file, PKG_FILES_MAX);
		f = scripts ? vec_push(&p->arena, &p->scripts) : vec_push(&p->arena, &p->files);
		if (add_file(p, a, e, f, err) < 0)
			return -1;
	}
	return status == ARCHIVE_EOF ? 0 : damaged(p, a, err);
}

/* ------------------------------------------------------------------------------------------------------------ deb */

char *pkg_field(const struct pkg *p, const char *name, struct arena *a)
{
	size_t n = strlen(name);
	char *ret = NULL;

	for (const char *line = p->control; line && *line; line += strcspn(line, "\n"), line += *line == '\n') {
		int len = (int)strcspn(line, "\n");

		if (ret && (*line == ' ' || *line == '\t'))
			ret = arena_printf(a, "%s\n%.*s", ret, len, line);
		else if (ret)
			return ret;
		else if (strncasecmp(line, name, n) == 0 && line[n] == ':')
			ret = arena_printf(a, "%.*s", len - (int)(n + 1 + strspn(line + n + 1, " \t")),
					   line + n + 1 + strspn(line + n + 1, " \t"));
	}
	return ret;
}

/* The paragraph apart from the scripts. */
static int take_control(struct pkg *p, struct err *err)
{
	for (size_t k = 0; k < p->scripts.n; k++) {
		const struct pkg_file *f = &p->scripts.v[k];

		if (strcmp(f->path, "/control") == 0 && f->data && !p->control) {
			p->control = arena_strndup(&p->arena, f->data, strnlen(f->data, f->size));
			p->scripts.v[k--] = p->scripts.v[--p->scripts.n];
		}
	}
	if (!p->control)
		return err_set(err, ERR_CORRUPT, "package '%s': has no control file", p->file);
	p->name = pkg_field(p, "Package", &p->arena);
	p->version = pkg_field(p, "Version", &p->arena);
	p->arch = pkg_field(p, "Architecture", &p->arena);
	return 0;
}

static int read_deb(struct pkg *p, struct err *err)
{
	AUTO_ARCHIVE a = open_archive(p->raw.data, p->raw.len, true);
	struct archive_entry *e;
	int status = ARCHIVE_OK;

	if (!a)
		return damaged(p, a, err);
	while ((status = archive_read_next_header(a, &e)) == ARCHIVE_OK || status == ARCHIVE_WARN) {
		const char *name = archive_entry_pathname(e);
		bool control = name && strncmp(name, "control.tar", 11) == 0,
		     data = name && strncmp(name, "data.tar", 8) == 0;
		struct buf *b;

		if (!control && !data)
			continue;
		if (p->contents.n >= PKG_FILES_MAX)
			return err_set(err, ERR_CORRUPT, "package '%s': too many archives in it", p->file);
		if (read_content(p, a, &b, err) < 0 || read_members(p, b->data, b->len, control, err) < 0)
			return -1;
	}
	return status == ARCHIVE_EOF ? take_control(p, err) : damaged(p, a, err);
}

/* ------------------------------------------------------------------------------------------------------------ rpm */

/* RPM's own format document, "File Format": a lead of 96 bytes, then two headers (signature, padded to 8; main) of 16
 * bytes, an index of 16 bytes an entry, and a store; the payload follows. */
enum {
	RPM_LEAD = 96,
	RPM_INTRO = 16,
	RPM_ENTRY = 16,
	RPM_ENTRIES_MAX = 65536, /* RPM's own limits: 64 Ki entries, 256 MiB store */
	RPM_STRING = 6,
	RPM_STRINGS = 8,
	RPM_I18N = 9,
	TAG_NAME = 1000,
	TAG_VERSION = 1001,
	TAG_RELEASE = 1002,
	TAG_DISTRIBUTION = 1010,
	TAG_ARCH = 1022,
	TAG_REQUIRES = 1049,
};

struct rpm_header {
	const uint8_t *index, *store;
	uint32_t entries, size; /* of the index; of the store in bytes */
	size_t end;		/* offset behind it in the file */
};

static int rpm_header_at(const struct pkg *p, size_t at, struct rpm_header *ret, struct err *err)
{
	static const uint8_t magic[] = {0x8e, 0xad, 0xe8, 0x01};
	const uint8_t *h = (const uint8_t *)p->raw.data + at;
	uint64_t need;

	if (at + RPM_INTRO > p->raw.len || memcmp(h, magic, sizeof magic) != 0)
		return err_set(err, ERR_CORRUPT, "package '%s': no header at 0x%zx", p->file, at);
	ret->entries = get_be32(h + 8);
	ret->size = get_be32(h + 12);
	need = (uint64_t)ret->entries * RPM_ENTRY + ret->size;
	if (ret->entries > RPM_ENTRIES_MAX || need > p->raw.len - at - RPM_INTRO)
		return err_set(err, ERR_CORRUPT, "package '%s': header at 0x%zx: %u entries and %u bytes don't fit",
			       p->file, at, ret->entries, ret->size);
	ret->index = h + RPM_INTRO;
	ret->store = ret->index + (size_t)ret->entries * RPM_ENTRY;
	ret->end = at + RPM_INTRO + (size_t)need;
	return 0;
}

/* Each string of a tag; false from each ends the walk. */
static void rpm_strings(const struct rpm_header *h, uint32_t tag,
			bool (*each)(struct pkg *p, const char *s, size_t len), struct pkg *p)
{
	for (uint32_t k = 0; k < h->entries; k++) {
		const uint8_t *e = h->index + (size_t)k * RPM_ENTRY;
		uint32_t type = get_be32(e + 4), at = get_be32(e + 8), count = get_be32(e + 12);

		if (get_be32(e) != tag || (type != RPM_STRING && type != RPM_STRINGS && type != RPM_I18N))
			continue;
		for (; count && at < h->size; count--) {
			size_t len = strnlen((const char *)h->store + at, h->size - at);

			if (!each(p, (const char *)h->store + at, len))
				return;
			at += (uint32_t)len + 1;
		}
		return;
	}
}

static bool take_name(struct pkg *p, const char *s, size_t len)
{
	p->name = arena_strndup(&p->arena, s, len);
	return false;
}

static bool take_version(struct pkg *p, const char *s, size_t len)
{
	p->version = arena_printf(&p->arena, "%s%s%.*s", p->version ? p->version : "", p->version ? "-" : "",
				  (int)(len < PKG_PATH_MAX ? len : PKG_PATH_MAX), s);
	return false;
}

static bool take_arch(struct pkg *p, const char *s, size_t len)
{
	p->arch = arena_strndup(&p->arena, s, len);
	return false;
}

static bool take_distribution(struct pkg *p, const char *s, size_t len)
{
	p->distribution = arena_strndup(&p->arena, s, len);
	return false;
}

static bool take_requirement(struct pkg *p, const char *s, size_t len)
{
	*vec_push(&p->arena, &p->requires) = arena_strndup(&p->arena, s, len);
	return p->requires.n < PKG_FILES_MAX;
}

static int read_rpm(struct pkg *p, struct err *err)
{
	struct rpm_header signature, main;

	if (rpm_header_at(p, RPM_LEAD, &signature, err) < 0 ||
	    rpm_header_at(p, (signature.end + 7) & ~(size_t)7, &main, err) < 0)
		return -1;
	rpm_strings(&main, TAG_NAME, take_name, p);
	rpm_strings(&main, TAG_VERSION, take_version, p);
	rpm_strings(&main, TAG_RELEASE, take_version, p);
	rpm_strings(&main, TAG_ARCH, take_arch, p);
	rpm_strings(&main, TAG_DISTRIBUTION, take_distribution, p);
	rpm_strings(&main, TAG_REQUIRES, take_requirement, p);
	return read_members(p, p->raw.data + main.end, p->raw.len - main.end, false, err);
}

/* ------------------------------------------------------------------------------------------------------------ all */

static int read_any(struct pkg *p, struct err *err)
{
	static const uint8_t rpm[] = {0xed, 0xab, 0xee, 0xdb};
	const char *data = buf_str(&p->raw);

	if (p->raw.len > 8 && memcmp(data, "!<arch>\n", 8) == 0)
		p->kind = PKG_DEB;
	else if (p->raw.len > RPM_LEAD && memcmp(data, rpm, sizeof rpm) == 0)
		p->kind = PKG_RPM;
	else
		return err_set(err, ERR_CORRUPT, "package '%s': begins like neither a .deb nor an .rpm", p->file);
	if ((p->kind == PKG_DEB ? read_deb(p, err) : read_rpm(p, err)) < 0)
		return -1;
	if (!p->name || !*p->name || strpbrk(p->name, "/ \t\n") || !p->version || !p->arch)
		return err_set(err, ERR_CORRUPT, "package '%s': name, version or architecture is missing", p->file);
	return 0;
}

int pkg_parse(const char *name, const void *data, size_t len, struct pkg **ret, struct err *err)
{
	AUTO(pkg_freep) struct pkg *p = calloc(1, sizeof *p);

	if (!p)
		return err_nomem(err);
	p->file = arena_strdup(&p->arena, name);
	p->raw.max = PKG_FILE_MAX;
	if (buf_add(&p->raw, data, len) < 0)
		return err_set(err, ERR_CORRUPT, "package '%s': more than %llu MiB", name, PKG_FILE_MAX >> 20);
	if (read_any(p, err) < 0)
		return -1;
	*ret = take_ptr(&p);
	return 0;
}

void pkg_folder_close(struct pkg_folder *f)
{
	if (!f)
		return;
	VEC_FOR (p, &f->packages)
		pkg_free(*p);
	buf_done(&f->identity);
	arena_done(&f->arena);
	free(f);
}

static int add_package(struct pkg_folder *f, int dirfd, const char *name, struct err *err)
{
	AUTO(buf_done) struct buf b = BUF_INIT(PKG_FILE_MAX);
	struct pkg *p;

	if (file_slurp(dirfd, name, &b, err) < 0 || pkg_parse(name, buf_str(&b), b.len, &p, err) < 0)
		return -1;
	*vec_push(&f->arena, &f->packages) = p;
	if (buf_addf(&f->identity, "%s %zu %016" PRIx64 "\n", name, b.len, hash_xxh3(b.data, b.len)) < 0)
		return err_set(err, ERR_USAGE, "--agent: too many packages");
	return 0;
}

static int only_packages(const struct dirent *e)
{
	return pkg_is_named(e->d_name);
}

static int add_all(struct pkg_folder *f, int fd, struct err *err)
{
	struct dirent **names = NULL;
	int n = scandirat(fd, ".", &names, only_packages, alphasort), ret = 0;

	if (n < 0)
		return err_sys(err, ERR_UNREADABLE, "--agent: cannot list the folder");
	for (int k = 0; k < n; k++) {
		if (ret == 0)
			ret = add_package(f, fd, names[k]->d_name, err);
		free(names[k]);
	}
	free(names);
	return ret;
}

int pkg_folder_open(const char *path, struct pkg_folder **ret, struct err *err)
{
	AUTO(pkg_folder_closep) struct pkg_folder *f = calloc(1, sizeof *f);
	AUTO_FD int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (!f)
		return err_nomem(err);
	if (fd < 0)
		return err_sys(err, ERR_UNREADABLE, "--agent: cannot open folder '%s'", path);
	f->identity.max = 1 << 20;
	if (add_all(f, fd, err) < 0)
		return err_wrap(err, "--agent '%s'", path);
	if (!f->packages.n)
		return err_set(err, ERR_USAGE, "--agent '%s': no .deb or .rpm file in this folder", path);
	*ret = take_ptr(&f);
	return 0;
}
