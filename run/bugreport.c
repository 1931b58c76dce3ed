/* A bug report: texts of the host and of a run's folder, masked and bounded, then an archive. */
#include "run/bugreport.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "core/base/checked.h"
#include "core/base/child.h"
#include "core/base/file.h"
#include "core/base/json.h"
#include "core/base/mask.h"
#include "core/base/tarball.h"
#include "core/model/version.h"
#include "guest/appliance.h"
#include "run/doctor.h"
#include "run/verify/folder.h"

enum {
	FILES_MAX = 1000,      /* a batch of hundreds: its failed units come first to the eye, by their names */
	HEAD_MAX = 512 * KIB,  /* of a long file: how it began … */
	TAIL_MAX = 1536 * KIB, /* … and how it ended, where faults are told */
	JSON_MAX = 8 * MIB,    /* a report of thousands of edits has 2 MiB */
	MASKED_MAX = 32 * MIB, /* room for masked text, which can be longer than what it was */
	TOTAL_MAX = 256 * MIB, /* held in memory */
	WORDS_MAX = 64 * KIB,  /* what a program says of its version */
};

enum kind { KIND_NONE = 0, KIND_TEXT, KIND_JSON, KIND_LINES /* of JSON */ };

/* What is taken, by its ending; whatever isn't here may be a disk. */
static const struct {
	const char *ending;
	enum kind kind;
} kinds[] = {
    {".json", KIND_JSON}, {".ndjson", KIND_LINES}, {".log", KIND_TEXT}, {".txt", KIND_TEXT}, {".xml", KIND_TEXT},
};

static enum kind kind_of(const char *name)
{
	const char *dot = strrchr(name, '.');

	/* Originals of the guest's files lie in undo/. */
	if (!strncmp(name, "undo/", 5) || strstr(name, "/undo/"))
		return KIND_NONE;
	for (size_t i = 0; dot && i < sizeof kinds / sizeof *kinds; i++)
		if (!strcmp(kinds[i].ending, dot))
			return kinds[i].kind;
	return KIND_NONE;
}

void bug_report_done(struct bug_report *r)
{
	VEC_FOR (f, &r->files)
		free(f->text);
	arena_done(&r->arena);
	*r = (struct bug_report){0};
}

/* Takes masked text in and empties it. */
static int take(struct bug_report *r, const char *name, struct buf *masked, unsigned hidden, struct err *err)
{
	struct bug_file *f;

	if (masked->failed) { /* JSON that was made to be long: the rest of the report is worth more */
		buf_clear(masked);
		buf_addf(masked, "left out: over %d MiB when it was masked\n", MASKED_MAX / (int)MIB);
	}
	f = vec_push(&r->arena, &r->files);
	f->name = arena_strdup(&r->arena, name);
	f->len = masked->len;
	f->hidden = hidden;
	f->text = buf_take(masked);
	return f->text ? 0 : err_nomem(err);
}

static int add(struct bug_report *r, const struct mask *m, const char *name, const struct buf *text, struct err *err)
{
	AUTO(buf_done) struct buf masked = BUF_INIT(MASKED_MAX);
	unsigned hidden = 0;

	mask_text(m, buf_str(text), text->len, &masked, &hidden);
	return take(r, name, &masked, hidden, err);
}

/* --- the host --- */

/* The first line that a program prints. */
static void program_version(const char *const *argv, struct buf *out)
{
	AUTO(buf_done) struct buf said = BUF_INIT(WORDS_MAX);
	struct err err = ERR_INIT;
	int status = child_run(argv, &said, &err);

	buf_addf(out, "%s: %.*s\n", argv[0], (int)strcspn(buf_str(&said), "\n"),
		 status == 0 ? buf_str(&said) : "not found");
}

static void system_name(struct buf *out)
{
	AUTO(buf_done) struct buf release = BUF_INIT(WORDS_MAX);
	struct utsname name;

	if (uname(&name) == 0)
		buf_addf(out, "kernel: %s %s %s\n", name.release, name.version, name.machine);
	if (file_slurp(AT_FDCWD, "/etc/os-release", &release, NULL) == 0)
		buf_addf(out, "\n%s\n", buf_str(&release));
}

static int add_versions(struct bug_report *r, const struct mask *m, struct err *err)
{
	static const char *const programs[][3] = {{"qemu-system-x86_64", "--version"},
						  {"qemu-img", "--version"},
						  {"supermin", "--version"},
						  {"virsh", "--version"}};
	static const char *const variables[] = {
	    "LIBGUESTFS_BACKEND", "LIBGUESTFS_CACHEDIR", "LIBGUESTFS_PATH", "SUPERMIN_KERNEL", "TMPDIR", "VIRTIO_WIN"};
	AUTO(buf_done) struct buf text = BUF_INIT(MIB);
	char library[24];

	appliance_library(library);
	buf_addf(&text, "rehost: " REHOST_VERSION "\nlibguestfs: %s\n", library);
	for (size_t i = 0; i < sizeof programs / sizeof *programs; i++)
		program_version(programs[i], &text);
	for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
		if (getenv(variables[i]))
			buf_addf(&text, "%s=%s\n", variables[i], getenv(variables[i]));
	system_name(&text);
	return add(r, m, "versions.txt", &text, err);
}

static int add_doctor(struct bug_report *r, const struct mask *m, const char *folder, struct err *err)
{
	AUTO(doctor_done) struct doctor d = {0};
	AUTO(buf_done) struct buf text = BUF_INIT(MIB);

	doctor_run(&(struct doctor_options){.scratch = folder, .root = ""}, &d);
	if (doctor_print(&d, &text) < 0)
		return err_nomem(err);
	return add(r, m, "doctor.txt", &text, err);
}

/* --- a run's folder --- */

/* Bytes from off on that are whole lines but for the first when off isn't 0. */
static int read_part(int fd, uint64_t off, size_t len, struct buf *out, struct err *err)
{
	void *room = buf_reserve(out, len);

	if (!room)
		return err_nomem(err);
	if (file_pread(fd, room, len, off, err) < 0)
		return -1;
	buf_commit(out, len);
	return 0;
}

/* The file's text; of a long one its head and tail, and between them how much is missing. */
static int read_bounded(int fd, uint64_t size, size_t max, struct buf *out, struct err *err)
{
	uint64_t missing;

	if (size <= max)
		return read_part(fd, 0, (size_t)size, out, err);
	missing = size - HEAD_MAX - TAIL_MAX;
	if (read_part(fd, 0, HEAD_MAX, out, err) < 0)
		return -1;
	/* A line cut in two would show the rest of a secret whose first half told what it is. */
	while (out->len && out->data[out->len - 1] != '\n')
		out->data[--out->len] = '\0';
	buf_addf(out, "… over %llu bytes left out …\n", (unsigned long long)missing);
	missing = out->len;
	if (read_part(fd, size - TAIL_MAX, TAIL_MAX, out, err) < 0)
		return -1;
	for (size_t i = missing; i < out->len && out->data[i] != '\n'; i++)
		out->data[i] = '.';
	return 0;
}

/* A JSON text with its strings masked; as text when it is none. */
static void mask_value(const struct mask *m, const char *text, size_t len, bool pretty, struct buf *out,
		       unsigned *hidden)
{
	AUTO(js_freep) struct json *j = js_parse(text, len, NULL);

	if (!j) {
		mask_text(m, text, len, out, hidden);
		return;
	}
	mask_json(m, j, hidden);
	js_print(j, pretty, out);
}

static void mask_lines(const struct mask *m, const struct buf *text, struct buf *out, unsigned *hidden)
{
	const char *line = buf_str(text);

	while (*line) {
		size_t len = strcspn(line, "\n");

		mask_value(m, line, len, false, out, hidden);
		line += len;
		if (*line) {
			buf_adds(out, "\n");
			line++;
		}
	}
}

static int add_text(struct bug_report *r, const struct mask *m, const char *name, enum kind kind,
		    const struct buf *text, struct err *err)
{
	AUTO(buf_done) struct buf masked = BUF_INIT(MASKED_MAX);
	unsigned hidden = 0;

	if (kind == KIND_TEXT)
		return add(r, m, name, text, err);
	if (kind == KIND_JSON)
		mask_value(m, buf_str(text), text->len, true, &masked, &hidden);
	else
		mask_lines(m, text, &masked, &hidden);
	return take(r, name, &masked, hidden, err);
}

/* A file whose ending lies: what holds a NUL is no text. */
static bool is_text(const struct buf *b)
{
	return !b->len || !memchr(b->data, '\0', b->len);
}

static int read_file(int dirfd, const struct folder_file *f, size_t max, struct buf *out, struct err *err)
{
	AUTO_FD int fd = file_open_beneath(dirfd, f->name, false, err);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -1;
	return read_bounded(fd, (uint64_t)st.st_size, max, out, err);
}

static int add_file(struct bug_report *r, const struct mask *m, int dirfd, const struct folder_file *f, struct err *err)
{
	enum kind kind = kind_of(f->name);
	size_t max = kind == KIND_JSON ? JSON_MAX : HEAD_MAX + TAIL_MAX;
	AUTO(buf_done) struct buf text = BUF_INIT(max + KIB);
	struct err why = ERR_INIT;

	if (read_file(dirfd, f, max, &text, &why) < 0) {
		buf_clear(&text);
		buf_addf(&text, "%s\n", why.text);
		kind = KIND_TEXT;
	} else if (!is_text(&text)) {
		r->left_out++;
		return 0;
	}
	return add_text(r, m, arena_printf(&r->arena, "folder/%s", f->name), kind, &text, err);
}

static int add_folder(struct bug_report *r, const struct mask *m, const char *folder, struct err *err)
{
	AUTO_FD int dirfd = file_open_dir(folder, err);
	folder_files files = {0};
	uint64_t total = 0;

	if (dirfd < 0 || folder_list_readable(dirfd, &r->arena, &files, err) < 0)
		return -1;
	VEC_FOR (f, &files) {
		if (!f->regular || kind_of(f->name) == KIND_NONE || r->files.n >= FILES_MAX || total > TOTAL_MAX) {
			r->left_out++;
			continue;
		}
		if (add_file(r, m, dirfd, f, err) < 0)
			return -1;
		total += r->files.v[r->files.n - 1].len;
	}
	return 0;
}

int bug_report_collect(const char *folder, struct bug_report *ret, struct err *err)
{
	AUTO(mask_freep) struct mask *m = mask_new(err);

	if (!m || add_versions(ret, m, err) < 0 || add_doctor(ret, m, folder, err) < 0)
		return -1;
	return folder ? add_folder(ret, m, folder, err) : 0;
}

/* --- the archive --- */

int bug_report_check(const char *path, bool force, struct err *err)
{
	if (!tarball_is_name(path, err))
		return -1;
	if (!force && access(path, F_OK) == 0)
		return err_set(err, ERR_BLOCKED, "'%s' exists; --force replaces it", path);
	return 0;
}

static int write_all(const struct bug_report *r, int fd, const char *path, struct err *err)
{
	AUTO(tarball_freep) struct tarball *t = tarball_new(fd, path, err);

	if (!t)
		return -1;
	VEC_FOR (f, &r->files) {
		AUTO_FREE char *name = NULL;

		if (asprintf(&name, "rehost-bug-report/%s", f->name) < 0)
			return err_nomem(err);
		if (tarball_add(t, name, f->text, f->len, err) < 0)
			return -1;
	}
	return tarball_end(t, err);
}

static int give_path(int fd, const char *partial, const char *path, bool force, struct err *err)
{
	if (fsync(fd) < 0)
		return err_sys(err, ERR_BLOCKED, "cannot write '%s'", path);
	if (!force)
		return file_rename_noreplace(AT_FDCWD, partial, path, err);
	return rename(partial, path) < 0 ? err_sys(err, ERR_BLOCKED, "cannot replace '%s'", path) : 0;
}

int bug_report_write(const struct bug_report *r, const char *path, bool force, struct err *err)
{
	AUTO_FREE char *partial = NULL;
	AUTO_FD int fd = -1;

	if (asprintf(&partial, "%s.XXXXXX", path) < 0)
		return err_nomem(err);
	fd = mkostemp(partial, O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, ERR_BLOCKED, "cannot create '%s'", path);
	if (write_all(r, fd, path, err) == 0 && give_path(fd, partial, path, force, err) == 0)
		return 0;
	unlink(partial);
	return -1;
}
