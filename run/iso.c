/* A configuration for the live ISO. The ISO has a file whose bytes lie at one place, aligned to a sector: a cpio
 * archive that tells its own size, loaded behind the initramfs. It is found by its first entry and written over. */
#include "run/iso.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/checked.h"
#include "core/base/cleanup.h"
#include "core/base/cpio.h"
#include "core/base/file.h"

#define SLOT_NAME  "rehost-slot"
#define SLOT_WORDS "slot for a configuration, "

enum {
	SECTOR = 2048,
	SLOT_MIN = 4096,
	SLOT_MAX = 1 << 20,
	SLOT_TEXT_AT = 124, /* 110 bytes of header, the name and its NUL, to a multiple of 4 */
	HEAD_BYTES = 256,   /* as much as recognises a slot */
	ISO_DATE = 1000000000,
};

/* One word's value: what /proc/cmdline's reader takes back as it is. */
static int check_value(const struct iso_word *w, struct err *err)
{
	for (const char *p = w->value; *p; p++)
		if (*p == '"' || iscntrl((unsigned char)*p))
			return err_set(err, ERR_USAGE, "%s: the value has a quote or a control character", w->name);
	return *w->value ? 0 : err_set(err, ERR_USAGE, "%s: the value is empty", w->name);
}

int iso_words_text(const struct iso_word *words, size_t n, struct buf *ret, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		if (words[i].value && check_value(&words[i], err) < 0)
			return -1;
		if (!words[i].value && buf_addf(ret, "%s\n", words[i].name) == 0)
			continue;
		if (!words[i].value || buf_addf(ret, strchr(words[i].value, ' ') ? "%s=\"%s\"\n" : "%s=%s\n",
						words[i].name, words[i].value) < 0)
			return err_set(err, ERR_USAGE, "the configuration is larger than %zu bytes", ret->max);
	}
	return 0;
}

/* Bytes of the slot that begins so; 0: none does. */
static uint64_t slot_size(const char *head)
{
	const char *text = head + SLOT_TEXT_AT;
	uint64_t size = 0;

	if (memcmp(head, "070701", 6) != 0 || memcmp(head + 110, SLOT_NAME, sizeof SLOT_NAME) != 0 ||
	    memcmp(text, SLOT_WORDS, strlen(SLOT_WORDS)) != 0)
		return 0;
	for (text += strlen(SLOT_WORDS); isdigit((unsigned char)*text) && size <= SLOT_MAX; text++)
		size = size * 10 + (uint64_t)(*text - '0');
	return !strncmp(text, " bytes\n", 7) && size >= SLOT_MIN && size <= SLOT_MAX ? size : 0;
}

/* The one slot; several are as bad as none. */
static int find_slot(int fd, uint64_t iso_size, uint64_t *ret_at, uint64_t *ret_size, struct err *err)
{
	char head[HEAD_BYTES];
	unsigned found = 0;

	for (uint64_t at = 0; range_inside(at, HEAD_BYTES, iso_size); at += SECTOR) {
		uint64_t size;

		if (file_pread(fd, head, sizeof head, at, err) < 0)
			return -1;
		size = slot_size(head);
		if (!size || !range_inside(at, size, iso_size))
			continue;
		*ret_at = at;
		*ret_size = size;
		found++;
	}
	if (found != 1)
		return err_set(err, ERR_CORRUPT, "%u slots for a configuration, expected 1: not a live ISO of rehost",
			       found);
	return 0;
}

static int add_text(struct buf *b, const char *text)
{
	const struct cpio_entry folder = {
	    .name = "rehost", .mode = S_IFDIR | 0755, .nlink = 2, .ino = 2, .mtime = ISO_DATE};
	const struct cpio_entry file = {.name = "rehost/cmdline",
					.mode = S_IFREG | 0600,
					.nlink = 1,
					.ino = 3,
					.mtime = ISO_DATE,
					.size = (uint32_t)strlen(text)};

	return cpio_add(b, &folder, NULL) < 0 || cpio_add(b, &file, text) < 0 ? -1 : cpio_end(b);
}

/* All bytes of a slot with the text in it. */
static int make_slot(uint64_t size, const char *text, struct buf *b, struct err *err)
{
	char words[64];
	int len = snprintf(words, sizeof words, SLOT_WORDS "%" PRIu64 " bytes\n", size);
	const struct cpio_entry slot = {
	    .name = SLOT_NAME, .mode = S_IFREG | 0644, .nlink = 1, .ino = 1, .mtime = ISO_DATE, .size = (uint32_t)len};
	char *rest;

	b->max = size;
	if (cpio_add(b, &slot, words) < 0 || add_text(b, text) < 0)
		return err_set(err, ERR_USAGE, "the configuration doesn't fit into the ISO's %" PRIu64 " bytes", size);
	rest = buf_reserve(b, size - b->len);
	if (!rest)
		return err_nomem(err);
	memset(rest, 0, size - b->len);
	buf_commit(b, size - b->len);
	return 0;
}

static int copy_all(int from, int to, uint64_t size, struct err *err)
{
	AUTO_FREE char *chunk = NULL;

	if (file_move_range(from, 0, to, 0, size, FILE_MOVE_SHARE))
		return 0;
	chunk = malloc(MIB);
	if (!chunk)
		return err_nomem(err);
	for (uint64_t at = 0; at < size; at += MIB) {
		size_t n = (size_t)min_u64(MIB, size - at);

		if (file_pread(from, chunk, n, at, err) < 0 || file_pwrite(to, chunk, n, at, err) < 0)
			return -1;
	}
	return 0;
}

/* A file that gets its name when it is whole. */
struct new_file {
	int fd;
	char *path, *partial;
};

static void new_file_done(struct new_file *f)
{
	if (f->fd >= 0) {
		close(f->fd);
		unlink(f->partial);
	}
	free(f->path);
	free(f->partial);
}

static int new_file_open(const char *path, bool force, struct new_file *f, struct err *err)
{
	struct stat st;
	int unlocked;

	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return err_set(err, ERR_USAGE, "'%s' is no regular file: write a new file, then `dd` it to a stick",
			       path);
	if (!force && access(path, F_OK) == 0)
		return err_set(err, ERR_BLOCKED, "'%s' exists; --force replaces it", path);
	if (asprintf(&f->partial, "%s.partial", path) < 0) {
		f->partial = NULL;
		return err_nomem(err);
	}
	f->path = strdup(path);
	if (!f->path)
		return err_nomem(err);
	f->fd = open(f->partial, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (f->fd < 0)
		return err_sys(err, ERR_BLOCKED, "cannot create '%s'", f->partial);
	unlocked = flock(f->fd, LOCK_EX | LOCK_NB); /* there are file systems without locks */
	if ((unlocked && errno == EWOULDBLOCK) || !file_is_at(f->fd, AT_FDCWD, f->partial)) {
		close(take_fd(&f->fd)); /* it isn't ours to remove */
		return err_set(err, ERR_TEMPFAIL, "'%s' is locked: another run is writing it", f->partial);
	}
	return ftruncate(f->fd, 0) < 0 ? err_sys(err, ERR_BLOCKED, "cannot empty '%s'", f->partial) : 0;
}

static int new_file_publish(struct new_file *f, bool force, struct err *err)
{
	if (fsync(f->fd) < 0)
		return err_sys(err, ERR_HOST, "cannot write '%s'", f->partial);
	if (force && rename(f->partial, f->path) < 0)
		return err_sys(err, ERR_BLOCKED, "cannot give '%s' its name", f->path);
	if (!force && file_rename_noreplace(AT_FDCWD, f->partial, f->path, err) < 0)
		return -1;
	close(take_fd(&f->fd));
	return 0;
}

int iso_configure(const char *from, const char *to, const char *text, bool force, struct err *err)
{
	AUTO_FD int in = open(from, O_RDONLY | O_CLOEXEC);
	AUTO(new_file_done) struct new_file out = {.fd = -1};
	AUTO(buf_done) struct buf slot = BUF_INIT(0);
	uint64_t at = 0, size = 0;
	struct stat st;

	if (in < 0 || fstat(in, &st) < 0)
		return err_sys(err, ERR_UNREADABLE, "cannot open '%s'", from);
	if (find_slot(in, (uint64_t)st.st_size, &at, &size, err) < 0)
		return err_wrap(err, "'%s'", from);
	if (make_slot(size, text, &slot, err) < 0 || new_file_open(to, force, &out, err) < 0)
		return -1;
	if (copy_all(in, out.fd, (uint64_t)st.st_size, err) < 0 ||
	    file_pwrite(out.fd, slot.data, slot.len, at, err) < 0)
		return err_wrap(err, "'%s'", to);
	return new_file_publish(&out, force, err);
}

int iso_configuration_file(const char *to, const char *text, bool force, struct err *err)
{
	AUTO(new_file_done) struct new_file out = {.fd = -1};
	AUTO(buf_done) struct buf b = BUF_INIT(SLOT_MAX);

	if (add_text(&b, text) < 0)
		return err_set(err, ERR_USAGE, "the configuration is larger than %d bytes", SLOT_MAX);
	if (new_file_open(to, force, &out, err) < 0)
		return -1;
	if (file_pwrite(out.fd, b.data, b.len, 0, err) < 0)
		return err_wrap(err, "'%s'", to);
	return new_file_publish(&out, force, err);
}
