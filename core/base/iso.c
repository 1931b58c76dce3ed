/* Files in an ISO 9660 image: libarchive knows the format, and skips by seeking. */
#include "core/base/iso.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include <archive.h>
#include <archive_entry.h>

#include "core/base/checked.h"
#include "core/base/cleanup.h"

enum { PIECE = 64 << 10 };

struct iso {
	struct archive *a;
	const char *path;      /* of the image */
	const char *file_path; /* of the visited file, NULL */
};

static int damaged(const struct iso *iso, struct err *err)
{
	const char *why = archive_error_string(iso->a), *file = iso->file_path;

	return err_set(err, ERR_CORRUPT, "image '%s': %s%s%s%s", iso->path, file ? "'" : "", file ? file : "",
		       file ? "': " : "", why ? why : "is no ISO 9660 image");
}

/* Behind the last byte that there is room for nothing may follow. */
static int expect_end(struct iso *iso, const struct buf *b, struct err *err)
{
	char more;
	la_ssize_t n = archive_read_data(iso->a, &more, sizeof more);

	if (n < 0)
		return damaged(iso, err);
	return n == 0 ? 0
		      : err_set(err, ERR_CORRUPT, "image '%s': '%s': is longer than %zu bytes", iso->path,
				iso->file_path, b->max);
}

int iso_read(struct iso *iso, struct buf *b, struct err *err)
{
	for (;;) {
		size_t want = (size_t)min_u64(PIECE, b->max - b->len);
		void *room = want ? buf_reserve(b, want) : NULL;
		la_ssize_t n;

		if (!want)
			return expect_end(iso, b, err);
		if (!room)
			return err_nomem(err);
		n = archive_read_data(iso->a, room, want);
		if (n <= 0)
			return n ? damaged(iso, err) : 0;
		buf_commit(b, (size_t)n);
	}
}

static const char *clean(const char *path)
{
	while (path && strncmp(path, "./", 2) == 0)
		path += 2;
	return path ? path + strspn(path, "/") : "";
}

static int visit_entry(struct iso *iso, struct archive_entry *e, iso_visit *visit, void *opaque, struct err *err)
{
	const char *path = archive_entry_pathname_utf8(e), *link = archive_entry_hardlink_utf8(e);
	struct iso_file f = {.size = (uint64_t)archive_entry_size(e)};
	int ret;

	if (archive_entry_filetype(e) != AE_IFREG && !link)
		return 0;
	f.path = clean(path ? path : archive_entry_pathname(e));
	f.same_as = link ? clean(link) : NULL;
	if (!*f.path || strlen(f.path) >= ISO_PATH_MAX)
		return 0;
	iso->file_path = f.path;
	ret = visit(iso, &f, opaque, err);
	iso->file_path = NULL;
	return ret;
}

static int visit_all(struct iso *iso, iso_visit *visit, void *opaque, struct err *err)
{
	for (unsigned n = 0; n < ISO_FILES_MAX; n++) {
		struct archive_entry *e;
		int status = archive_read_next_header(iso->a, &e), ret;

		if (status == ARCHIVE_EOF)
			return 0;
		if (status != ARCHIVE_OK && status != ARCHIVE_WARN)
			return damaged(iso, err);
		ret = visit_entry(iso, e, visit, opaque, err);
		if (ret)
			return ret > 0 ? 0 : -1;
	}
	return err_set(err, ERR_CORRUPT, "image '%s': more than %d files", iso->path, ISO_FILES_MAX);
}

int iso_each(const char *path, iso_visit *visit, void *opaque, struct err *err)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct iso iso = {.path = path};
	int ret;

	if (fd < 0)
		return err_sys(err, ERR_UNREADABLE, "cannot open image '%s'", path);
	iso.a = archive_read_new();
	if (!iso.a)
		return err_nomem(err);
	if (archive_read_support_format_iso9660(iso.a) != ARCHIVE_OK ||
	    archive_read_open_fd(iso.a, fd, PIECE) != ARCHIVE_OK)
		ret = damaged(&iso, err);
	else
		ret = visit_all(&iso, visit, opaque, err);
	archive_read_free(iso.a);
	return ret;
}
