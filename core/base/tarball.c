/* A compressed tar archive, through libarchive. */
#include "core/base/tarball.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <archive.h>
#include <archive_entry.h>

static struct archive *inner(struct tarball *t)
{
	return (struct archive *)(void *)t;
}

static int failed(struct archive *a, const char *what, struct err *err)
{
	return err_set(err, archive_errno(a) == ENOSPC ? ERR_TEMPFAIL : ERR_BLOCKED, "cannot write %s: %s", what,
		       archive_error_string(a) ? archive_error_string(a) : "unknown reason");
}

static bool ends_in(const char *name, const char *ending)
{
	size_t n = strlen(name), e = strlen(ending);

	return n > e && !strcmp(name + n - e, ending);
}

bool tarball_is_name(const char *name, struct err *err)
{
	if (ends_in(name, ".tar.gz") || ends_in(name, ".tgz") || ends_in(name, ".tar.zst"))
		return true;
	err_set(err, ERR_USAGE, "'%s' ends in neither .tar.gz, .tgz nor .tar.zst", name);
	return false;
}

static void set_filter(struct archive *a, const char *name)
{
	if (ends_in(name, ".tar.zst")) {
		archive_write_add_filter_zstd(a);
		return;
	}
	archive_write_add_filter_gzip(a);
	archive_write_set_filter_option(a, "gzip", "timestamp", NULL);
}

struct tarball *tarball_new(int fd, const char *name, struct err *err)
{
	struct archive *a;

	if (!tarball_is_name(name, err))
		return NULL;
	a = archive_write_new();
	if (!a)
		return err_null(err, ERR_INTERNAL, "out of memory");
	archive_write_set_format_pax_restricted(a);
	archive_write_set_bytes_in_last_block(a, 1);
	set_filter(a, name);
	if (archive_write_open_fd(a, fd) == ARCHIVE_OK)
		return (struct tarball *)(void *)a;
	failed(a, name, err);
	archive_write_free(a);
	return NULL;
}

int tarball_add(struct tarball *t, const char *name, const void *data, size_t len, struct err *err)
{
	struct archive_entry *e = archive_entry_new();
	bool written;

	if (!e)
		return err_nomem(err);
	archive_entry_set_pathname(e, name);
	archive_entry_set_filetype(e, AE_IFREG);
	archive_entry_set_perm(e, 0600);
	archive_entry_set_size(e, (la_int64_t)len);
	archive_entry_set_mtime(e, 0, 0);
	written = archive_write_header(inner(t), e) == ARCHIVE_OK &&
		  (!len || archive_write_data(inner(t), data, len) == (la_ssize_t)len);
	archive_entry_free(e);
	return written ? 0 : failed(inner(t), name, err);
}

int tarball_end(struct tarball *t, struct err *err)
{
	return archive_write_close(inner(t)) == ARCHIVE_OK ? 0 : failed(inner(t), "the archive's end", err);
}

void tarball_free(struct tarball *t)
{
	if (t)
		archive_write_free(inner(t));
}
