/* What the device names of the guest's configuration mean: gathered from every file, decided by content, then by order.
 */
#include "guest/files/devnames.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "guest/files/devicefiles.h"
#include "guest/files/devicemap.h"
#include "guest/files/fstab.h"
#include "guest/files/hostonly.h"

/* A guest that names more devices than this is not configured by people: the rest is reported as unknown. */
enum { NAMES_MAX = 1024 };

/* One name with everything that its uses say about it. */
struct name {
	char *text, *used;
	struct devname parsed;
	char *type, *mountpoint; /* NULL: no use states it */
	bool sure_root;		 /* fstab mounts it at "/", or the default entry boots it */
	bool optional;		 /* every use is */
	char *uuid_noted;	 /* by the installer's comment, NULL */
	/* decided */
	const struct filesystem *fs;
	int disk;
	const char *reason;
	bool guessed;
};

struct resolver {
	const struct machine *machine;
	struct inspection *inspection;
	struct arena arena;
	VEC(struct name) names;
	const char *path; /* file being walked */
	bool in_fstab;	  /* it is fstab */
};

static void resolver_done(struct resolver *r)
{
	arena_done(&r->arena);
}

/* --- gathering --- */

static struct name *name_of(struct resolver *r, const char *text, unsigned line)
{
	struct devname parsed;

	VEC_FOR (n, &r->names)
		if (strcmp(n->text, text) == 0)
			return n;
	if (r->names.n >= NAMES_MAX || !devname_parse(text, &parsed))
		return NULL;

	struct name *n = vec_push(&r->arena, &r->names);

	*n = (struct name){.text = arena_strdup(&r->arena, text),
			   .used = arena_printf(&r->arena, "%s:%u", r->path, line),
			   .parsed = parsed,
			   .optional = true,
			   .disk = -1};
	return n;
}

static bool states_type(const char *type)
{
	return type && strcmp(type, "auto") != 0 && strcmp(type, "none") != 0 && !strchr(type, ',');
}

static const char *gather_use(const struct device_use *use, void *opaque)
{
	struct resolver *r = opaque;
	struct name *n = name_of(r, use->name, use->line);

	if (!n)
		return NULL;
	if (!n->type && states_type(use->type))
		n->type = arena_strdup(&r->arena, use->type);
	if (use->mountpoint && (!n->mountpoint || strcmp(use->mountpoint, "/") == 0))
		n->mountpoint = arena_strdup(&r->arena, use->mountpoint);
	n->sure_root |= r->in_fstab && use->mountpoint && strcmp(use->mountpoint, "/") == 0;
	n->optional &= use->optional;
	return NULL;
}

/* The installer's comment above a UUID= entry says which name it had then. */
static void gather_installer_notes(struct resolver *r, const struct lines *l)
{
	for (size_t i = 0; i + 1 < l->v.n; i++) {
		struct fstab_entry e;
		char *device, *spec;

		if (!fstab_installed_on(&r->arena, l->v.v[i].text, &device) ||
		    !fstab_entry(&r->arena, l->v.v[i + 1].text, &e))
			continue;
		spec = span_dup(&r->arena, l->v.v[i + 1].text, e.spec);
		if (strncmp(spec, "UUID=", 5) != 0)
			continue;

		struct name *n = name_of(r, device, (unsigned)i + 1);

		if (n)
			n->uuid_noted = spec + 5;
	}
}

static int gather_file(const struct device_file *f, const char *path, struct lines *l, void *opaque, struct err *err)
{
	struct resolver *r = opaque;
	const struct device_visitor v = {gather_use, r};

	r->path = path;
	r->in_fstab = f->walk == fstab_devices;
	if (r->in_fstab)
		gather_installer_notes(r, l);
	f->walk(l, &v);
	r->in_fstab = false;
	return 0;
}

static bool boots_root(const char *cmdline, const char *name)
{
	static const char *const keys[] = {"root=", "real_root="};
	struct span word;
	size_t pos = 0;

	while (cmdline && span_next(cmdline, &pos, &word))
		for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
			size_t n = strlen(keys[k]);

			if (word.len > n && strncmp(cmdline + word.at, keys[k], n) == 0 &&
			    span_is(cmdline, (struct span){word.at + n, word.len - n}, name))
				return true;
		}
	return false;
}

static void note_default_root(struct resolver *r)
{
	VEC_FOR (e, &r->inspection->boot_entries)
		VEC_FOR (n, &r->names)
			n->sure_root |= e->is_default && boots_root(e->cmdline, n->text);
}

/* Whole disks that the boot loader's settings name. */
static int gather_disks(struct resolver *r, struct guest *g, const char *path, device_walker *walk, struct err *err)
{
	const struct device_visitor v = {gather_use, r};
	struct lines l;
	char *text;

	if (guest_text(g, path, &r->arena, &text, err) < 0)
		return -1;
	lines_split(&l, &r->arena, text ? text : "");
	r->path = path;
	walk(&l, &v);
	return 0;
}

/* --- deciding --- */

static bool same_family(const char *a, const char *b)
{
	return strncmp(a, "ext", 3) == 0 && strncmp(b, "ext", 3) == 0;
}

/* True when a file system of type `is` may be what a line calls `said`. */
static bool type_fits(const char *said, const char *is)
{
	if (!said || !is || strcmp(is, "unknown") == 0 || strcmp(said, is) == 0 || same_family(said, is))
		return true;
	return strncmp(said, "ntfs", 4) == 0 && strncmp(is, "ntfs", 4) == 0;
}

static bool is_member(const struct filesystem *fs)
{
	return fs->type && (strstr(fs->type, "_member") || strcmp(fs->type, "bcache") == 0);
}

/* True for a partition or a whole disk, false for logical volumes and the like, which keep their names anyway. */
static bool lies_on_disk(const struct machine *m, const struct filesystem *fs)
{
	struct devname own;

	return fs->device && fs->disk < m->disks.n && devname_parse(fs->device, &own) && own.partition == fs->partition;
}

static bool on_disk(const struct resolver *r, const struct filesystem *fs)
{
	return lies_on_disk(r->machine, fs);
}

static bool disk_taken(const struct resolver *r, const struct name *for_name, unsigned disk)
{
	VEC_FOR (n, &r->names)
		if (n->disk == (int)disk && n->parsed.kind == for_name->parsed.kind &&
		    (n->parsed.disk_len != for_name->parsed.disk_len ||
		     strncmp(n->text, for_name->text, n->parsed.disk_len) != 0))
			return true;
	return false;
}

/* The disk that another name has tied this name's disk to, -1. */
static int disk_tied(const struct resolver *r, const struct name *for_name, const char **ret_by)
{
	VEC_FOR (n, &r->names) {
		if (n->disk >= 0 && !n->guessed && n->parsed.disk_len == for_name->parsed.disk_len &&
		    strncmp(n->text, for_name->text, n->parsed.disk_len) == 0) {
			*ret_by = n->text;
			return n->disk;
		}
	}
	return -1;
}

/* Ties name and disk; fs may be NULL (whole disk). */
static void decide(struct name *n, int disk, const struct filesystem *fs, const char *reason)
{
	n->disk = disk;
	n->fs = fs;
	n->reason = reason;
}

static const struct filesystem *fs_at(const struct machine *m, const struct inspection *i, unsigned disk,
				      unsigned partition)
{
	VEC_FOR (fs, &i->filesystems)
		if (lies_on_disk(m, fs) && fs->disk == disk && fs->partition == partition)
			return fs;
	return NULL;
}

const struct filesystem *devnames_root(const struct machine *m, const struct inspection *i)
{
	const char *root = i->os.root;
	if (!root)
		return NULL;
	VEC_FOR (fs, &i->filesystems)
		if (fs->device && lies_on_disk(m, fs) && mountable_is_on(root, fs->device))
			return fs;
	return NULL;
}

/* Another entry may boot another system, from another disk: os-prober finds such. */
static bool decide_root(struct resolver *r, struct name *n)
{
	const struct filesystem *fs = devnames_root(r->machine, r->inspection);

	if (!fs || !n->mountpoint || strcmp(n->mountpoint, "/") != 0 || n->parsed.partition != fs->partition ||
	    (!n->sure_root && disk_taken(r, n, fs->disk)))
		return false;
	decide(n, (int)fs->disk, fs, "it is the root file system that inspection found");
	return true;
}

static bool decide_sure_root(struct resolver *r, struct name *n)
{
	return n->sure_root && decide_root(r, n);
}

static bool decide_noted(struct resolver *r, struct name *n)
{
	if (!n->uuid_noted)
		return false;
	VEC_FOR (fs, &r->inspection->filesystems) {
		if (!on_disk(r, fs) || !fs->uuid || strcasecmp(fs->uuid, n->uuid_noted) != 0 ||
		    fs->partition != n->parsed.partition)
			continue;
		decide(n, (int)fs->disk, fs, "the installer noted in /etc/fstab which UUID it has");
		return true;
	}
	return false;
}

/* Letters and digits only, lower case. */
static char *squeezed(struct arena *a, const char *text)
{
	char *ret = arena_alloc(a, strlen(text) + 1), *p = ret;

	for (; *text; text++)
		if (isalnum((unsigned char)*text))
			*p++ = (char)tolower((unsigned char)*text);
	return ret;
}

/* by-id names hold the disk's serial. */
static int disk_by_serial(struct resolver *r, const struct name *n)
{
	char *id = squeezed(&r->arena, n->text);

	for (size_t d = 0; d < r->machine->disks.n; d++) {
		const char *serial = r->machine->disks.v[d].serial;
		char *plain = squeezed(&r->arena, serial ? serial : "");

		if (strlen(plain) >= 8 && strstr(id, plain))
			return (int)d;
	}
	return -1;
}

static bool is_scsi(enum controller c)
{
	return c == CONTROLLER_LSILOGIC || c == CONTROLLER_LSISAS || c == CONTROLLER_BUSLOGIC ||
	       c == CONTROLLER_PVSCSI || c == CONTROLLER_VIRTIO_SCSI;
}

/* The number behind `marker` and `fields` more numbers with colons; false when there is none. */
static bool number_behind(const char *text, const char *marker, unsigned fields, unsigned *ret)
{
	const char *p = strstr(text, marker);
	char *end = NULL;

	if (!p)
		return false;
	for (p += strlen(marker); fields; fields--) {
		p = strchr(p, ':');
		if (!p++)
			return false;
	}

	unsigned long n = strtoul(p, &end, 10);

	*ret = (unsigned)n;
	return end != p && n < 1000;
}

/* by-path names end in the position on the adapter: "…-scsi-0:0:1:0", "…-ata-2". The adapter itself is known by its PCI
 * address only, so the position must be the only one of its kind. */
static int disk_by_path(const struct resolver *r, const struct name *n)
{
	unsigned unit;
	bool scsi = number_behind(n->text, "-scsi-", 2, &unit);
	int found = -1;

	/* ATA ports count from 1. */
	if (!scsi && (!number_behind(n->text, "-ata-", 0, &unit) || unit-- == 0))
		return -1;
	for (size_t d = 0; d < r->machine->disks.n; d++) {
		const struct disk *disk = &r->machine->disks.v[d];

		if (disk->unit != unit || (scsi ? !is_scsi(disk->controller) : disk->controller != CONTROLLER_SATA))
			continue;
		if (found >= 0)
			return -1;
		found = (int)d;
	}
	return found;
}

/* A name whose disk is known: by its file system there, or as the disk itself. */
static bool decide_on_disk(struct resolver *r, struct name *n, int disk, const char *why)
{
	const struct filesystem *fs = fs_at(r->machine, r->inspection, (unsigned)disk, n->parsed.partition);

	if (n->parsed.partition && (!fs || !type_fits(n->type, fs->type)))
		return false;
	decide(n, disk, fs, why);
	return true;
}

static bool decide_identity(struct resolver *r, struct name *n)
{
	int disk = n->parsed.kind == DEVNAME_BY_ID     ? disk_by_serial(r, n)
		   : n->parsed.kind == DEVNAME_BY_PATH ? disk_by_path(r, n)
						       : -1;

	return disk >= 0 && decide_on_disk(r, n, disk,
					   n->parsed.kind == DEVNAME_BY_ID ? "it holds the disk's serial number"
									   : "it is the disk's place on its adapter");
}

static bool decide_tied(struct resolver *r, struct name *n)
{
	const char *by;
	int disk = disk_tied(r, n, &by);

	return disk >= 0 &&
	       decide_on_disk(r, n, disk,
			      arena_printf(&r->arena, "it is on the same disk as %s, whose meaning is sure", by));
}

/* The only file system that can be meant: right partition number, right type, on a disk that no other name has. */
static bool decide_only_candidate(struct resolver *r, struct name *n)
{
	const struct filesystem *only = NULL;

	if (!n->parsed.partition && !n->type)
		return false;
	if (n->parsed.kind < DEVNAME_BY_PATH && devnames_disk_by_order(r->machine, &n->parsed) < 0)
		return false;
	VEC_FOR (fs, &r->inspection->filesystems) {
		if (!on_disk(r, fs) || is_member(fs) || fs->partition != n->parsed.partition ||
		    !type_fits(n->type, fs->type) || disk_taken(r, n, fs->disk))
			continue;
		if (only)
			return false;
		only = fs;
	}
	if (!only)
		return false;
	decide(n, (int)only->disk, only,
	       arena_printf(&r->arena, "only one %s%s%s fits it", n->parsed.partition ? "partition" : "disk",
			    n->type ? " with " : "", n->type ? n->type : ""));
	return true;
}

static bool counts_for(enum devname_kind kind, enum controller c)
{
	switch (kind) {
	case DEVNAME_SD:
		return c != CONTROLLER_NVME && c != CONTROLLER_VIRTIO_BLK && c != CONTROLLER_XEN;
	case DEVNAME_HD:
		return c == CONTROLLER_IDE;
	case DEVNAME_VD:
		return c == CONTROLLER_VIRTIO_BLK;
	case DEVNAME_XVD:
		return c == CONTROLLER_XEN;
	case DEVNAME_NVME:
		return c == CONTROLLER_NVME;
	case DEVNAME_CCISS:
	case DEVNAME_MMC:
	case DEVNAME_MPATH:
		return true;
	case DEVNAME_BY_PATH:
	case DEVNAME_BY_ID:
	case DEVNAME_UNKNOWN:
		break;
	}
	return false;
}

/* The disk at the exact place that hdX (bus, unit) and nvmeXnY (controller, namespace) state, -1. */
static int disk_by_place(const struct machine *m, const struct devname *p)
{
	for (size_t d = 0; d < m->disks.n; d++) {
		const struct disk *disk = &m->disks.v[d];

		if (p->kind == DEVNAME_HD && disk->controller == CONTROLLER_IDE &&
		    disk->bus * 2 + disk->unit == p->number)
			return (int)d;
		if (p->kind == DEVNAME_NVME && disk->controller == CONTROLLER_NVME && disk->bus == p->number &&
		    disk->unit == p->unit)
			return (int)d;
	}
	return -1;
}

int devnames_disk_by_order(const struct machine *m, const struct devname *p)
{
	unsigned wanted = p->number + p->unit, seen = 0;
	bool any = false;
	int exact = disk_by_place(m, p);

	if (exact >= 0)
		return exact;
	if (p->kind >= DEVNAME_BY_PATH)
		return m->disks.n == 1 ? 0 : -1;
	for (size_t d = 0; d < m->disks.n; d++)
		any |= counts_for(p->kind, m->disks.v[d].controller);
	/* A source that says nothing of such controllers (a bare disk, a guest that kept old names): all disks count.
	 */
	for (size_t d = 0; d < m->disks.n; d++)
		if ((!any || counts_for(p->kind, m->disks.v[d].controller)) && seen++ == wanted)
			return (int)d;
	return -1;
}

static bool decide_by_order(struct resolver *r, struct name *n)
{
	int disk = devnames_disk_by_order(r->machine, &n->parsed);
	bool several = r->machine->disks.n > 1;

	if (disk < 0 || disk_taken(r, n, (unsigned)disk) ||
	    !decide_on_disk(r, n, disk,
			    several
				? arena_printf(&r->arena, "by the order of the source's disks it is disk %d", disk + 1)
				: "the machine has one disk"))
		return false;
	n->guessed = several;
	return true;
}

typedef bool decider(struct resolver *r, struct name *n);

/* One rule over all undecided names; true when it decided some. */
static bool decide_all(struct resolver *r, decider *rule)
{
	bool some = false;

	VEC_FOR (n, &r->names)
		if (n->disk < 0)
			some |= rule(r, n);
	return some;
}

static void resolve(struct resolver *r)
{
	decide_all(r, decide_sure_root);
	decide_all(r, decide_root);
	decide_all(r, decide_noted);
	decide_all(r, decide_identity);
	/* Each decision may leave only one candidate for another name. */
	while (decide_all(r, decide_tied) || decide_all(r, decide_only_candidate))
		;
	decide_all(r, decide_by_order);
	decide_all(r, decide_tied);
}

/* --- the result --- */

static bool clean_id(const char *id)
{
	return id && *id && strspn(id, "0123456789abcdefABCDEF-") == strlen(id);
}

bool devnames_uuid_unique(const struct inspection *i, const struct filesystem *of)
{
	if (!clean_id(of->uuid))
		return false;
	VEC_FOR (fs, &i->filesystems) {
		/* Subvolumes are listed beside the file system that they are in. */
		bool same_btrfs =
		    fs->type && of->type && strcmp(fs->type, "btrfs") == 0 && strcmp(of->type, "btrfs") == 0;

		/* one that is mounted twice is listed twice */
		bool same_device = fs->device && of->device && strcmp(fs->device, of->device) == 0;

		if (fs != of && !same_device && !is_member(fs) && !same_btrfs && fs->uuid &&
		    strcasecmp(fs->uuid, of->uuid) == 0)
			return false;
	}
	return true;
}

static bool partuuid_unique(const struct inspection *i, const struct filesystem *of)
{
	VEC_FOR (fs, &i->filesystems)
		if (fs != of && fs->partuuid && strcasecmp(fs->partuuid, of->partuuid) == 0 &&
		    (fs->disk != of->disk || fs->partition != of->partition))
			return false;
	return true;
}

static void publish(struct inspection *i, const struct name *n)
{
	struct arena *a = &i->arena;
	struct device_name *d = vec_push(a, &i->device_names);
	const struct filesystem *fs = n->fs;

	*d = (struct device_name){.name = arena_strdup(a, n->text),
				  .used = arena_strdup(a, n->used),
				  .disk = n->disk,
				  .partition = n->parsed.partition,
				  .guessed = n->guessed,
				  .optional = n->optional,
				  .reason =
				      arena_strdup(a, n->reason ? n->reason : "no file system on the disks fits it")};
	if (!fs)
		return;
	if (clean_id(fs->partuuid) && partuuid_unique(i, fs))
		d->partspec = arena_printf(a, "PARTUUID=%s", fs->partuuid);
	d->spec = devnames_uuid_unique(i, fs) ? arena_printf(a, "UUID=%s", fs->uuid) : d->partspec;
}

/* Names that only an initramfs has: dracut's arguments and waits. */
static int gather_hostonly(struct resolver *r, struct err *err)
{
	VEC_FOR (k, &r->inspection->kernels) {
		VEC_FOR (text, &k->hostonly) {
			const char *member = strchr(text->path, ':');
			struct device_file f = {member + 1, hostonly_walker(member + 1, NULL), DEVICE_FILES_BOOT};
			struct lines l;

			lines_split(&l, &r->arena, text->text);
			if (f.walk && gather_file(&f, text->path, &l, r, err) < 0)
				return -1;
		}
	}
	return 0;
}

int devnames_survey(struct guest *g, const struct machine *m, struct inspection *i, struct err *err)
{
	AUTO(resolver_done) struct resolver r = {.machine = m, .inspection = i};

	i->device_names.n = 0;
	if (device_files_each(g, DEVICE_FILES_UNKNOWN, &r.arena, gather_file, &r, err) < 0)
		return err_wrap(err, "device names");
	if (gather_hostonly(&r, err) < 0)
		return err_wrap(err, "device names");
	for (const struct grub_disk_file *f = grub_disk_files; f->path; f++)
		if (gather_disks(&r, g, f->path, f->walk, err) < 0)
			return err_wrap(err, "device names");
	note_default_root(&r);
	resolve(&r);
	VEC_FOR (n, &r.names)
		publish(i, n);
	return 0;
}

const struct device_name *devnames_find(const struct inspection *i, const char *name)
{
	VEC_FOR (d, &i->device_names)
		if (strcmp(d->name, name) == 0)
			return d;
	return NULL;
}

const struct filesystem *devnames_filesystem(const struct machine *m, const struct inspection *i, const char *name)
{
	const struct device_name *d = devnames_find(i, name);

	return d && d->disk >= 0 ? fs_at(m, i, (unsigned)d->disk, d->partition) : NULL;
}

const char *devnames_replacement(const struct inspection *i, const struct device_use *use, struct arena *a)
{
	const struct device_name *d = devnames_find(i, use->name);
	const char *spec = d ? (use->partition_id ? d->partspec : d->spec) : NULL;

	if (!spec || use->form == FORM_SPEC)
		return spec;
	if (strncmp(spec, "PARTUUID=", 9) == 0)
		return arena_printf(a, "/dev/disk/by-partuuid/%s", spec + 9);
	return arena_printf(a, "/dev/disk/by-uuid/%s", spec + 5);
}
