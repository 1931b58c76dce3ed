/* What Windows left on the disks, looked at before anything is mounted for writing: states of NTFS volumes, a suspended
 * system, the boot manager's volume, BitLocker, dynamic disks. */
#include "guest/libguestfs.h"

#include <string.h>

#include "core/base/log.h"
#include "guest/ntfs.h"

/* Partition types of dynamic disks: on MBR disks, and the UEFI ones (metadata, data) that Microsoft documents. */
#define TYPE_LDM_MBR	  "0x42"
#define TYPE_LDM_METADATA "5808c8aa-7e8f-42e0-85d2-e1e90434cfb3"
#define TYPE_LDM_DATA	  "af9b60a0-1431-4f62-bc68-3311714a69ad"

enum {
	LOOKS_MAX = 64, /* NTFS volumes that are looked into: a machine has as many drive letters at most */
	HIBERNATION_HEAD = 4096,
};

struct device {
	struct appliance *a;
	const char *name;
};

static int read_device(void *opaque, uint64_t off, size_t len, void *to, struct err *err)
{
	const struct device *d = opaque;
	size_t n = 0;
	AUTO_FREE char *data = guestfs_pread_device(d->a->g, d->name, (int)len, (int64_t)off, &n);

	if (!data)
		return appliance_failed(d->a, err, ERR_UNREADABLE, "reading %s", d->name);
	if (n != len)
		return err_set(err, ERR_CORRUPT, "%s ends at 0x%zx, expected 0x%zx bytes more", d->name,
			       (size_t)off + n, len - n);
	memcpy(to, data, len);
	return 0;
}

static struct filesystem *entry_of(struct inspection *i, const char *device)
{
	VEC_FOR (f, &i->filesystems)
		if (strcmp(f->device, device) == 0)
			return f;
	return NULL;
}

/* What can't be understood here is told when it is mounted. */
static void read_state(struct appliance *a, const struct volume *v, struct filesystem *f)
{
	struct device d = {a, v->device};
	struct ntfs_state state;
	struct err why = ERR_INIT;

	if (ntfs_state_read(read_device, &d, &state, &why) < 0)
		log_debug("%s: %s", v->device, why.text);
	else
		f->unclean = state.dirty || state.unfinished;
}

static bool has_file(struct appliance *a, const char *path)
{
	return guestfs_is_file_opts(a->g, path, GUESTFS_IS_FILE_OPTS_FOLLOWSYMLINKS, 0, -1) == 1;
}

static bool holds_hibernation(struct appliance *a)
{
	size_t n = 0;
	AUTO_FREE char *head =
	    has_file(a, "/hiberfil.sys") ? guestfs_pread(a->g, "/hiberfil.sys", HIBERNATION_HEAD, 0, &n) : NULL;

	return head && hibernation_is_held((const uint8_t *)head, n);
}

/* Mounts a volume for a look, read-only: nothing is replayed and nothing changes. */
static void look_inside(struct appliance *a, const struct volume *v, struct filesystem *f, struct windows *w,
			struct inspection *i)
{
	if (guestfs_mount_ro(a->g, v->device, "/") < 0)
		return;
	f->hibernated = holds_hibernation(a);
	if (!w->boot_volume && (has_file(a, "/bootmgr") || has_file(a, "/ntldr") || has_file(a, "/NTLDR")))
		w->boot_volume = arena_strdup(&i->arena, v->device);
	if (guestfs_umount_all(a->g) < 0)
		log_debug("%s can't be unmounted", v->device);
}

static void look_at_volume(struct appliance *a, const struct volume *v, struct windows *w, struct inspection *i)
{
	struct filesystem *f = entry_of(i, v->device);

	if (!f)
		return;
	read_state(a, v, f);
	look_inside(a, v, f, w, i);
	if (f->hibernated && strcmp(v->device, a->root) == 0)
		w->hibernated = true;
}

static bool is_dynamic(const struct volume *v)
{
	return v->parttype && (!strcasecmp(v->parttype, TYPE_LDM_MBR) || !strcasecmp(v->parttype, TYPE_LDM_METADATA) ||
			       !strcasecmp(v->parttype, TYPE_LDM_DATA));
}

static void note_dynamic(struct windows *w, struct inspection *i, unsigned disk)
{
	VEC_FOR (d, &w->dynamic)
		if (*d == disk)
			return;
	*vec_push(&i->arena, &w->dynamic) = disk;
}

/* The EFI system partition comes before any bootmgr on NTFS: that is what the firmware of such a machine starts. */
static void find_esp(const struct appliance *a, struct windows *w, struct inspection *i)
{
	VEC_FOR (v, &a->volumes)
		if (volume_is_esp(v) && !w->boot_volume)
			w->boot_volume = arena_strdup(&i->arena, v->device);
}

void appliance_look_at_windows(struct appliance *a, struct inspection *i)
{
	AUTO_FREE char *systemroot = guestfs_inspect_get_windows_systemroot(a->g, a->root);
	struct windows *w = arena_alloc(&i->arena, sizeof *w);
	unsigned looks = 0;

	i->windows = w;
	w->systemroot = arena_strdup(&i->arena, systemroot);
	find_esp(a, w, i);
	VEC_FOR (v, &a->volumes) {
		if (is_dynamic(v))
			note_dynamic(w, i, v->disk);
		if (volume_is_bitlocker(v) && volume_is_locked(v))
			*vec_push(&i->arena, &w->bitlocker) = arena_strdup(&i->arena, v->device);
		if (v->type && !strcmp(v->type, "ntfs") && looks++ < LOOKS_MAX)
			look_at_volume(a, v, w, i);
	}
}
