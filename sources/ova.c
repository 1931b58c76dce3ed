/* OVA and OVF packages as a source: a tar file, a folder or a bare .ovf; disks are read in place. */
#include "sources/ova.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/base/checked.h"
#include "core/base/file.h"
#include "core/base/unpack.h"
#include "core/base/xml.h"
#include "sources/host_path.h"
#include "sources/manifest.h"
#include "sources/ovf.h"
#include "sources/package.h"
#include "sources/tar.h"
#include "sources/text.h"

struct opening {
	const char *path;
	const struct source_options *options;
	struct machine *m;
	struct package package;
	struct err *err;
};

static const char *wrapper(const char *head, size_t len)
{
	static const struct {
		const char *magic;
		size_t len;
		const char *name;
	} wrappers[] = {
	    {"\x1f\x8b", 2, "gzip"},
	    {"PK\3\4", 4, "zip"},
	    {"\xfd"
	     "7zXZ",
	     5, "xz"},
	    {"\x28\xb5\x2f\xfd", 4, "zstd"},
	};

	for (size_t i = 0; i < sizeof wrappers / sizeof *wrappers; i++)
		if (len >= wrappers[i].len && !memcmp(head, wrappers[i].magic, wrappers[i].len))
			return wrappers[i].name;
	return NULL;
}

static int bid(const char *path, const char *head, size_t len)
{
	if (host_path_endings(path, ".ovf"))
		return 100;
	if (text_ends_with(path, ".ovf"))
		return 90;
	if (tar_bid(head, len))
		return 80;
	return text_ends_with(path, ".ova") ? 70 : 0;
}

/* A wrapped OVA would have to be unpacked as a whole before anything is known about it. */
static int refuse_wrapped(const char *path, struct err *err)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char head[8];
	ssize_t n = fd < 0 ? -1 : read(fd, head, sizeof head);
	const char *name = n > 0 ? wrapper(head, (size_t)n) : NULL;

	return name ? err_set(err, ERR_UNSUPPORTED, "'%s' is packed with %s: unpack it first", path, name) : 0;
}

/* 1 when the member's first bytes are those of a packed file. */
static int sniff_packed(struct opening *o, const struct package_member *member)
{
	unsigned char head[UNPACK_HEAD];
	size_t n = (size_t)min_u64(sizeof head, member->size);
	AUTO_FD int fd = package_open_member(&o->package, member, o->err);

	if (fd < 0)
		return -1;
	if (file_pread(fd, head, n, member->off, o->err) < 0)
		return -1;
	return unpack_sniff(head, n) != NULL;
}

/* XenCenter states what a VHD took on its storage, which is more than the export has: that ends with the footer that
 * every VHD ends with, so nothing is missing. */
static bool is_whole_vhd(struct opening *o, const struct ovf_file *f, const struct package_member *member)
{
	static const char cookie[] = "conectix";
	enum { FOOTER_SIZE = 512 };
	AUTO_FD int fd = -1;
	char found[sizeof cookie - 1];

	if (!text_ends_with(f->href, ".vhd") || member->size < FOOTER_SIZE)
		return false;
	fd = package_open_member(&o->package, member, NULL);
	return fd >= 0 && file_pread(fd, found, sizeof found, member->off + member->size - FOOTER_SIZE, NULL) == 0 &&
	       !memcmp(found, cookie, sizeof found);
}

static int check_size(struct opening *o, const struct ovf_file *f, const struct package_member *member)
{
	if (!member->size)
		return err_set(o->err, ERR_CORRUPT, "it is empty (0 bytes)");
	if (!f->has_size || f->size == member->size)
		return 0;
	if (f->size > member->size && !o->options->force && !o->options->allow_truncated && !is_whole_vhd(o, f, member))
		return err_set(o->err, ERR_CORRUPT,
			       "it is %" PRIu64 " bytes, the OVF says %" PRIu64
			       ": truncated (--allow-truncated reads what is there)",
			       member->size, f->size);
	machine_note(o->m, "'%s' is %" PRIu64 " bytes, the OVF says %" PRIu64, f->href, member->size, f->size);
	return 0;
}

static int locate(struct opening *o, const struct ovf_file *f, struct disk *d)
{
	struct package *p = &o->package;
	struct package_member member;
	int packed;

	if (package_find(p, f->href, &member, o->err) < 0 || check_size(o, f, &member) < 0)
		return -1;
	if (!p->tar && host_path_in_use(p->dirfd, member.file, o->options->force, o->m, o->err) < 0)
		return -1;
	packed = o->options->format && !d->packed && !unpack_named(f->href) ? 0 : sniff_packed(o, &member);
	if (packed < 0)
		return -1;
	if (d->packed && !packed)
		machine_note(o->m, "'%s' should be gzip, but isn't: it is read as it is", f->href);
	d->packed = packed;
	d->folder = arena_strdup(&o->m->arena, p->folder);
	d->file = arena_strdup(&o->m->arena, member.file);
	d->window_off = p->tar ? member.off : 0;
	d->window_len = p->tar ? member.size : 0;
	return 0;
}

static int locate_all(struct opening *o, const struct ovf *ovf)
{
	for (size_t i = 0; i < ovf->files.n; i++)
		if (locate(o, &ovf->files.v[i], &o->m->disks.v[i]) < 0)
			return err_wrap(o->err, "'%s': disk %zu '%s'", o->path, i + 1, ovf->files.v[i].href);
	return 0;
}

/* Reads the manifest; *ret_name NULL when there is none. */
static int load_manifest(struct package *p, const char **ret_name, struct manifest *ret, struct err *err)
{
	AUTO(buf_done) struct buf text = BUF_INIT(MANIFEST_SIZE_MAX);
	struct package_member member;

	if (package_manifest(p, ret_name, err) < 0)
		return -1;
	if (!*ret_name)
		return 0;
	if (package_find(p, *ret_name, &member, err) < 0 || package_read(p, &member, &text, err) < 0 ||
	    manifest_parse(buf_str(&text), text.len, ret, err) < 0)
		return err_wrap(err, "manifest '%s'", *ret_name);
	return 0;
}

static int note_manifest(struct opening *o)
{
	AUTO(manifest_done) struct manifest manifest = {0};
	const char *name, *certificate = package_any(&o->package, ".cert");
	struct package_member member;
	struct err missing = ERR_INIT;

	if (load_manifest(&o->package, &name, &manifest, o->err) < 0)
		return err_wrap(o->err, "'%s'", o->path);
	VEC_FOR (l, &manifest.lines) {
		if (package_find(&o->package, l->name, &member, &missing) < 0)
			machine_note(o->m, "manifest '%s' lists '%s', which is not in the package", name, l->name);
		else if (!l->kind)
			machine_note(o->m, "manifest '%s' line %u: a digest of this kind is not checked", name,
				     l->line);
	}
	if (certificate && name)
		machine_note(o->m, "the signature in '%s' is not checked", certificate);
	return 0;
}

static int open_package(struct opening *o)
{
	AUTO(buf_done) struct buf text = BUF_INIT(XML_SIZE_MAX);
	struct package *p = &o->package;
	struct package_member member;
	struct ovf ovf = {0};

	if (package_find(p, p->descriptor + strlen(p->base), &member, o->err) < 0 ||
	    package_read(p, &member, &text, o->err) < 0 ||
	    ovf_parse(buf_str(&text), text.len, p->descriptor, o->options, o->m, &ovf, o->err) < 0)
		return err_wrap(o->err, "'%s'", o->path);
	if (!o->m->name)
		o->m->name = host_path_stem(&o->m->arena, o->path);
	return locate_all(o, &ovf) < 0 ? -1 : note_manifest(o);
}

static int open_ova(const char *path, const struct source_options *options, struct machine *m, struct err *err)
{
	struct opening o = {.path = path, .options = options, .m = m, .err = err};
	int ret;

	if (refuse_wrapped(path, err) < 0 || package_open(path, &o.package, err) < 0)
		return -1;
	ret = open_package(&o);
	package_close(&o.package);
	return ret;
}

static int verify(const struct machine *m, unsigned *ret_checked, const volatile bool *stop, struct err *err)
{
	AUTO(package_close) struct package p = {.dirfd = -1, .tar_fd = -1};
	AUTO(manifest_done) struct manifest manifest = {0};
	const char *name;

	if (package_open(m->source, &p, err) < 0)
		return -1;
	if (load_manifest(&p, &name, &manifest, err) < 0)
		return err_wrap(err, "'%s'", m->source);
	if (!name)
		return 0;
	return manifest_verify(&p, &manifest, name, ret_checked, stop, err) < 0 ? err_wrap(err, "'%s'", m->source) : 0;
}

const struct source source_ova = {
    .kind = "ova",
    .alias = "ovf",
    .description = "OVA file, folder with an OVF, or a bare .ovf (OVF 0.9, 1.x and 2.x)",
    .bid = bid,
    .open = open_ova,
    .verify = verify,
};
