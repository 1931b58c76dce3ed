/* All sources, and how one is chosen. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/buf.h"
#include "core/base/cleanup.h"
#include "sources/disk.h"
#include "sources/libvirtxml.h"
#include "sources/ova.h"
#include "sources/physical.h"
#include "sources/source.h"
#include "sources/vbox.h"
#include "sources/vmx.h"

const struct source *const sources[] = {&source_ova,	    &source_vmx,  &source_vbox, &source_physical,
					&source_libvirtxml, &source_disk, NULL};

static int by_name(const char *kind, const struct source **ret, struct err *err)
{
	AUTO(buf_done) struct buf names = BUF_INIT(256);

	for (const struct source *const *s = sources; *s; s++) {
		if (!strcmp((*s)->kind, kind) || ((*s)->alias && !strcmp((*s)->alias, kind))) {
			*ret = *s;
			return 0;
		}
		buf_addf(&names, "%s%s", names.len ? ", " : "", (*s)->kind);
	}
	return err_set(err, ERR_USAGE, "there is no source '%s': there are %s", kind, buf_str(&names));
}

/* The first bytes of a regular file; 0 bytes of anything else. */
static size_t read_head(const char *path, char *head, size_t size)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return 0;
	n = pread(fd, head, size, 0);
	return n > 0 ? (size_t)n : 0;
}

static int by_bid(const char *path, const struct source **ret, struct err *err)
{
	char head[4096];
	size_t len;
	int best = 0;

	if (access(path, R_OK) < 0)
		return err_sys(err, ERR_UNREADABLE, "cannot open '%s'", path);
	len = read_head(path, head, sizeof head);
	for (const struct source *const *s = sources; *s; s++) {
		int b = (*s)->bid(path, head, len);

		if (b > best) {
			best = b;
			*ret = *s;
		}
	}
	return best ? 0
		    : err_set(
			  err, ERR_UNSUPPORTED,
			  "'%s' is neither a disk image nor an OVA, OVF, VMX or .vbox, nor a folder with one of them",
			  path);
}

/* The user knows better than an OVF. */
static void state_format(struct machine *m, const char *format)
{
	VEC_FOR (d, &m->disks)
		if (format)
			d->format = arena_strdup(&m->arena, format);
}

int source_open(const char *const *paths, size_t npaths, const struct source_options *options, struct machine **ret,
		struct err *err)
{
	AUTO(machine_freep) struct machine *m = machine_new();
	const struct source *source = NULL;

	if (!m)
		return err_nomem(err);
	if (!npaths)
		return err_set(err, ERR_USAGE, "no source is given");
	if ((options->kind ? by_name(options->kind, &source, err) : by_bid(paths[0], &source, err)) < 0)
		return -1;
	if (npaths > 1 && !source->several)
		return err_set(err, ERR_USAGE, "'%s' is a whole machine (%s): only one can be converted at a time",
			       paths[0], source->kind);
	m->source = arena_strdup(&m->arena, paths[0]);
	m->source_kind = arena_strdup(&m->arena, source->kind);
	for (size_t i = 0; i < npaths; i++)
		if (source->open(paths[i], options, m, err) < 0)
			return -1;
	if (!m->disks.n)
		return err_set(err, ERR_BLOCKED, "'%s' describes a machine without disks: there is nothing to convert",
			       paths[0]);
	state_format(m, options->format);
	machine_complete(m);
	*ret = take_ptr(&m);
	return 0;
}

int source_verify(const struct machine *m, unsigned *ret_checked, const volatile bool *stop, struct err *err)
{
	const struct source *source;

	*ret_checked = 0;
	if (by_name(m->source_kind, &source, err) < 0)
		return -1;
	return source->verify ? source->verify(m, ret_checked, stop, err) : 0;
}
