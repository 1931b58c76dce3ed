/* Mounting as the guest's fstab says, and giving free space back: the trimming rules of docs/guest-access.md. */
#include "guest/libguestfs.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/base/checked.h"
#include "core/base/log.h"
#include "core/base/units.h"
#include "guest/facts.h"
#include "guest/files/devmounts.h"
#include "guest/files/esp.h"

/* So much of a swap area stays: its header is one page, and no architecture has larger pages. */
enum { SWAP_HEADER = 64 << 10 };

struct mounting {
	const struct machine *machine;
	struct inspection *i;
};

#define TRIM_REASON "free space is neither read from the source nor copied"

/* The entry of a mountable: a second subvolume gets one of its own. */
static struct filesystem *entry_for(struct inspection *i, const struct mounted *m)
{
	struct filesystem *base = NULL, *f;
	struct filesystem copy = {.type = arena_strdup(&i->arena, "unknown")};

	VEC_FOR (fs, &i->filesystems)
		if (mountable_is_on(m->device, fs->device))
			base = fs;
	if (base && !base->mountpoint)
		return base;
	if (base)
		copy = *base;
	f = vec_push(&i->arena, &i->filesystems);
	*f = copy;
	f->device = arena_strdup(&i->arena, m->device);
	return f;
}

/* Without these the guest can't be changed or won't boot; the rest is data. */
static bool is_needed(const char *path)
{
	return !strcmp(path, "/") || !strcmp(path, "/usr") || !strcmp(path, "/boot");
}

/* In words: when it isn't one that can be opened, that is why. */
static const char *type_of(struct appliance *a, const char *mountable)
{
	VEC_FOR (v, &a->volumes)
		if (mountable_is_on(mountable, v->device)) {
			const char *rare = appliance_no_driver(a, v);

			return rare
				   ? arena_printf(&a->arena, "%s, which the appliance's kernel has no driver for", rare)
			       : v->type ? v->type
					 : "unknown content";
		}
	return "unknown content";
}

/* ntfs-3g writes to nothing that a suspended Windows counts on, and empties the log of one that wasn't unmounted. */
static const char *options_for(const struct appliance *a, const struct filesystem *f)
{
	if (a->readonly)
		return "ro";
	if (f && f->hibernated)
		return a->discard_hibernation ? "remove_hiberfile" : "ro";
	return f && f->unclean && !a->mount_unclean && !a->discard_hibernation ? "ro" : "";
}

static const struct filesystem *known_entry(const struct inspection *i, const char *device)
{
	VEC_FOR (f, &i->filesystems)
		if (strcmp(f->device, device) == 0)
			return f;
	return NULL;
}

/* ST_RDONLY of statvfs(3): a mount for writing falls back to one for reading where NTFS isn't safe to be written. */
static void note_readonly(const struct appliance *a, struct filesystem *f, const struct guestfs_statvfs *st)
{
	f->is_readonly = st->flag & 1;
	if (f->is_readonly && !a->readonly && !f->hibernated && !strcmp(f->type, "ntfs"))
		f->unclean = true;
}

static int mount_one(struct appliance *a, struct inspection *i, const struct mounted *m, struct err *err)
{
	const char *options = options_for(a, known_entry(i, m->device));
	struct err why = ERR_INIT;
	struct filesystem *f;
	struct guestfs_statvfs *st;

	if (guestfs_mount_options(a->g, options, m->device, m->path) < 0) {
		if (is_needed(m->path))
			return appliance_failed(a, err, ERR_UNSUPPORTED, "cannot mount %s (%s) at %s", m->device,
						type_of(a, m->device), m->path);
		appliance_failed(a, &why, ERR_UNSUPPORTED, "cannot mount %s (%s)", m->device, type_of(a, m->device));
		finding_add(i, "W-MOUNT-FAILED", SEVERITY_WARNING, why.text, "check this file system on the source",
			    "%s, which the guest mounts at %s, could not be mounted: it is copied whole", m->device,
			    m->path);
		return 0;
	}
	f = entry_for(i, m);
	f->mountpoint = arena_strdup(&i->arena, m->path);
	st = guestfs_statvfs(a->g, m->path);
	if (st) {
		f->used = (uint64_t)(st->blocks - st->bfree) * (uint64_t)(st->frsize ? st->frsize : st->bsize);
		note_readonly(a, f, st);
	}
	guestfs_free_statvfs(st);
	return 0;
}

static int load_packages(struct appliance *a, struct err *err)
{
	struct guestfs_application2_list *apps = guestfs_inspect_list_applications2(a->g, a->root);

	if (!apps)
		return appliance_failed(a, err, ERR_UNREADABLE, "listing the installed packages");
	for (uint32_t i = 0; i < apps->len; i++) {
		const struct guestfs_application2 *app = &apps->val[i];
		bool epoch = app->app2_epoch > 0, release = app->app2_release && *app->app2_release;
		struct package *p = vec_push(&a->arena, &a->packages);
		char prefix[16] = "";

		if (epoch)
			snprintf(prefix, sizeof prefix, "%" PRId32 ":", app->app2_epoch);
		p->name = arena_strdup(&a->arena, app->app2_name);
		p->version = arena_printf(&a->arena, "%s%s%s%s", prefix, app->app2_version, release ? "-" : "",
					  release ? app->app2_release : "");
	}
	guestfs_free_application2_list(apps);
	return 0;
}

/* A name that libguestfs translated to no device of the appliance: it knows sdX, vdX and xvdX, not NVMe's and cards'.
 */
static bool is_untranslated(const struct inspection *i, const struct mounted *m)
{
	VEC_FOR (f, &i->filesystems)
		if (mountable_is_on(m->device, f->device))
			return false;
	return true;
}

static bool names_are_clear(const struct appliance *a, const struct mounting *w)
{
	if (w->machine->disks.n > 1)
		return false;
	VEC_FOR (m, &a->mounted)
		if (is_untranslated(w->i, m))
			return false;
	return true;
}

/* libguestfs takes "/dev/sdb1" in an fstab for the second disk of the appliance, and leaves "/dev/nvme0n1p1" as it is;
 * what they mean is decided by content. */
static int correct_devices(struct appliance *a, const struct mounting *w, struct err *err)
{
	struct device_mounts found = {0};

	if (w->i->os.family != OS_LINUX || names_are_clear(a, w))
		return 0;
	if (device_mounts_find(&a->guest, w->machine, w->i, &a->arena, &found, err) < 0)
		return -1;
	VEC_FOR (m, &a->mounted)
		VEC_FOR (f, &found.v)
			if (strcmp(m->path, "/") != 0 && !strcmp(m->path, f->path))
				m->device = device_mount_instead(f, m->device, &a->arena);
	return 0;
}

/* Windows has no mount point for its EFI system partition: the first one, which the firmware would try first. */
static int mount_windows_esp(struct appliance *a, struct inspection *i, struct err *err)
{
	struct mounted m = {0};

	if (i->os.family != OS_WINDOWS || a->readonly)
		return 0;
	VEC_FOR (v, &a->volumes)
		if (!m.device && volume_is_esp(v) && v->type && !strcmp(v->type, "vfat"))
			m.device = v->device;
	m.path = m.device ? appliance_keep(&a->arena, guestfs_case_sensitive_path(a->g, ESP_IN_WINDOWS)) : NULL;
	if (!m.path)
		return 0;
	*vec_push(&a->arena, &a->mounted) = m;
	return mount_one(a, i, &m, err);
}

static int mount_all(struct appliance *a, void *arg, struct err *err)
{
	const struct mounting *w = arg;
	struct inspection *i = w->i;
	struct err why = ERR_INIT;

	VEC_FOR (m, &a->mounted) {
		m->device = appliance_mapping(a, m->device);
		if (mount_one(a, i, m, err) < 0 || (!strcmp(m->path, "/") && correct_devices(a, w, err) < 0))
			return -1;
	}
	if (mount_windows_esp(a, i, err) < 0)
		return -1;
	if (load_packages(a, &why) < 0)
		finding_add(i, "W-NO-PACKAGE-LIST", SEVERITY_WARNING, why.text, NULL,
			    "the list of installed packages can't be read");
	return i->os.family == OS_LINUX ? guest_facts(&a->guest, &i->arena, &i->os, err) : 0;
}

int appliance_mount(struct appliance *a, const struct machine *m, struct inspection *i, struct err *err)
{
	struct mounting w = {m, i};

	return appliance_ticking(a, "mounting the guest's file systems", mount_all, &w, err);
}

/* --------------------------------------------------------------------------------------------------------- trim */

struct trim {
	struct inspection *i;
	struct changelog *log;
};

static void could_not_trim(struct inspection *i, const char *what, const struct err *why)
{
	finding_add(i, "W-TRIM-FAILED", SEVERITY_INFO, why->text, NULL, "%s could not be trimmed: it is copied whole",
		    what);
}

/* Subvolumes share their free space. */
static bool is_trimmed_already(const struct inspection *i, const struct filesystem *f)
{
	VEC_FOR (other, &i->filesystems)
		if (other->trimmed && other->uuid && f->uuid && !strcmp(other->uuid, f->uuid))
			return true;
	return false;
}

/* Which blocks of an encrypted volume are in use is the owner's secret, unless he gives it up; of what isn't safe to be
 * written nobody knows. */
static bool may_trim(const struct appliance *a, const struct filesystem *f)
{
	return !f->is_readonly && (!f->encrypted || a->trim_encrypted);
}

static void trim_mounted(struct appliance *a, const struct trim *t, struct filesystem *f)
{
	char free_words[SIZE_WORDS_MAX], size_words[SIZE_WORDS_MAX];
	struct err why = ERR_INIT;

	if (is_trimmed_already(t->i, f)) {
		f->trimmed = true;
		return;
	}
	if (guestfs_fstrim(a->g, f->mountpoint, -1) < 0) {
		appliance_failed(a, &why, ERR_UNSUPPORTED, "trimming %s", f->mountpoint);
		could_not_trim(t->i, f->device, &why);
		return;
	}
	f->trimmed = true;
	changelog_words(t->log, CHANGE_TRIM, f->device, TRIM_REASON, "free space of %s at %s: %s of %s", f->type,
			f->mountpoint, size_in_words(f->size > f->used ? f->size - f->used : 0, free_words),
			size_in_words(f->size, size_words));
}

/* The header, with UUID, label and the list of bad pages, is put back behind the discard. */
static int discard_body(struct appliance *a, const char *device, struct err *err)
{
	size_t n = 0;
	AUTO_FREE char *header = guestfs_pread_device(a->g, device, SWAP_HEADER, 0, &n);
	struct err why = ERR_INIT;

	if (!header || n != SWAP_HEADER)
		return appliance_failed(a, err, ERR_UNREADABLE, "reading the header of %s", device);
	if (guestfs_blkdiscard(a->g, device) < 0)
		appliance_failed(a, &why, ERR_UNSUPPORTED, "discarding %s", device);
	if (guestfs_pwrite_device(a->g, device, header, n, 0) != (int)n)
		return appliance_failed(a, err, ERR_CONVERT, "writing back the header of %s", device);
	return why.code ? err_set(err, why.code, "%s", why.text) : 0;
}

static int trim_swap(struct appliance *a, const struct trim *t, struct filesystem *f, struct err *err)
{
	struct err why = ERR_INIT;
	char size[SIZE_WORDS_MAX];

	if (f->size <= 2 * SWAP_HEADER)
		return 0;
	if (discard_body(a, f->device, &why) < 0) {
		if (why.code == ERR_CONVERT)
			return err_set(err, why.code, "%s", why.text);
		could_not_trim(t->i, f->device, &why);
		return 0;
	}
	f->trimmed = true;
	changelog_words(t->log, CHANGE_TRIM, f->device, TRIM_REASON,
			"body of the swap area: %s, all but the first 64 KiB", size_in_words(f->size, size));
	return 0;
}

/* vg_attr of vgs(8): writable, not exported, not partial, not clustered or shared. */
static bool may_change_group(const char *attr)
{
	return attr && strlen(attr) >= 6 && attr[0] == 'w' && attr[2] == '-' && attr[3] == '-' && attr[5] == '-';
}

/* Does a part of it lie in an encrypted volume? blkid's UUID of a member is LVM's own. */
static bool is_group_encrypted(const struct appliance *a, const struct guestfs_lvm_vg *vg)
{
	AUTO(free_strings) char **members = guestfs_vgpvuuids(a->g, vg->vg_name);

	VEC_FOR (v, &a->volumes)
		for (char **m = members; m && *m; m++)
			if (v->encrypted && v->uuid && !strcmp(v->uuid, *m))
				return true;
	return !members;
}

/* fstrim doesn't reach what no volume owns: a volume over all of it is made, discarded and taken away again. */
static int trim_group(struct appliance *a, const struct trim *t, const struct guestfs_lvm_vg *vg, struct err *err)
{
	char name[48], size[SIZE_WORDS_MAX];
	AUTO_FREE char *device = NULL;
	struct err why = ERR_INIT;

	if (!vg->vg_free || !may_change_group(vg->vg_attr) || (!a->trim_encrypted && is_group_encrypted(a, vg)))
		return 0;
	snprintf(name, sizeof name, "rehost-free-%lx", (unsigned long)time(NULL));
	if (asprintf(&device, "/dev/%s/%s", vg->vg_name, name) < 0)
		return err_nomem(err);
	if (guestfs_lvcreate_free(a->g, name, vg->vg_name, 100) < 0) {
		appliance_failed(a, &why, ERR_UNSUPPORTED, "covering the free space of volume group %s", vg->vg_name);
		could_not_trim(t->i, vg->vg_name, &why);
		return 0;
	}
	if (guestfs_blkdiscard(a->g, device) < 0)
		appliance_failed(a, &why, ERR_UNSUPPORTED, "discarding the free space of volume group %s", vg->vg_name);
	if (guestfs_lvremove(a->g, device) < 0)
		return appliance_failed(a, err, ERR_CONVERT, "removing the temporary volume %s", device);
	if (why.code)
		could_not_trim(t->i, vg->vg_name, &why);
	else
		changelog_words(
		    t->log, CHANGE_TRIM, vg->vg_name, TRIM_REASON,
		    "free extents of volume group %s: %s (a temporary volume over them was made and removed)",
		    vg->vg_name, size_in_words(vg->vg_free, size));
	return 0;
}

static bool has_lvm(const struct appliance *a)
{
	VEC_FOR (v, &a->volumes)
		if (v->type && !strcmp(v->type, "LVM2_member"))
			return true;
	return false;
}

static int trim_groups(struct appliance *a, const struct trim *t, struct err *err)
{
	struct guestfs_lvm_vg_list *vgs;
	struct err why = ERR_INIT;
	int ret = 0;

	if (!has_lvm(a))
		return 0;
	vgs = guestfs_vgs_full(a->g);
	if (!vgs) {
		appliance_failed(a, &why, ERR_UNSUPPORTED, "listing the volume groups");
		could_not_trim(t->i, "free space of the volume groups", &why);
		return 0;
	}
	for (uint32_t n = 0; n < vgs->len && ret == 0; n++)
		ret = trim_group(a, t, &vgs->val[n], err);
	guestfs_free_lvm_vg_list(vgs);
	return ret;
}

static int trim_all(struct appliance *a, void *arg, struct err *err)
{
	const struct trim *t = arg;

	VEC_FOR (f, &t->i->filesystems)
		if (!may_trim(a, f))
			continue;
		else if (f->mountpoint)
			trim_mounted(a, t, f);
		else if (!strcmp(f->type, "swap") && trim_swap(a, t, f, err) < 0)
			return -1;
	return trim_groups(a, t, err);
}

int appliance_trim(struct appliance *a, struct inspection *i, struct changelog *log, struct err *err)
{
	struct trim t = {.i = i, .log = log};

	return appliance_ticking(a, "discarding free space", trim_all, &t, err);
}
