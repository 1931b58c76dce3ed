/* What the disks hold: volumes with their signatures, the operating system, and what the tables say of firmware. */
#include "guest/libguestfs.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/checked.h"
#include "core/base/log.h"
#include "core/base/units.h"
#include "guest/facts.h"
#include "guest/roots.h"

/* Partition types: UEFI specification 2.10, table 5.7 and 5.2.2; GRUB manual, "BIOS installation". */
#define TYPE_ESP_GPT   "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
#define TYPE_ESP_MBR   "0xef"
#define TYPE_BIOS_BOOT "21686148-6449-6e6f-744e-656564454649"

/* ext2/3/4 superblock: 1024 bytes in, magic at 0x38, incompatible features at 0x60 (kernel's ext4 documentation). */
enum {
	EXT_SUPER = 1024,
	EXT_SUPER_SIZE = 1024,
	EXT_MAGIC_AT = 0x38,
	EXT_MAGIC = 0xef53,
	EXT_INCOMPAT_AT = 0x60,
	EXT_INCOMPAT_RECOVER = 0x4,
};

enum { VOLUMES_MAX = 4096 /* 255 disks with 15 each; more is an attack */ };

/* ------------------------------------------------------------------------------------------------------ volumes */

/* "/dev/sdab3": disk 27, partition 3. Logical volumes and arrays give nothing. */
static void place_of(const char *device, struct volume *v)
{
	const char *c = device + strlen("/dev/sd");
	unsigned disk = 0;

	if (strncmp(device, "/dev/sd", strlen("/dev/sd")) != 0)
		return;
	for (; islower((unsigned char)*c) && disk < 1000; c++)
		disk = disk * 26 + (unsigned)(*c - 'a') + 1;
	v->disk = disk ? disk - 1 : 0;
	v->partition = (unsigned)strtoul(c, NULL, 10);
	v->is_disk = !*c;
}

static void take_tag(struct appliance *a, struct volume *v, const char *key, const char *value)
{
	const struct {
		const char *key;
		char **to;
	} tags[] = {{"TYPE", &v->type},
		    {"PTTYPE", &v->table},
		    {"UUID", &v->uuid},
		    {"LABEL", &v->label},
		    {"PART_ENTRY_UUID", &v->partuuid},
		    {"PART_ENTRY_TYPE", &v->parttype}};

	for (size_t i = 0; i < sizeof tags / sizeof *tags; i++)
		if (!strcmp(key, tags[i].key))
			*tags[i].to = arena_strdup(&a->arena, value);
}

int appliance_add_volume(struct appliance *a, const char *device, bool encrypted, struct err *err)
{
	AUTO(free_strings) char **tags = guestfs_blkid(a->g, device);
	struct volume *v;
	int64_t size;

	if (a->volumes.n >= VOLUMES_MAX)
		return err_set(err, ERR_CORRUPT, "more than %d partitions and volumes", VOLUMES_MAX);
	v = vec_push(&a->arena, &a->volumes);
	v->device = arena_strdup(&a->arena, device);
	v->encrypted = encrypted;
	place_of(device, v);
	size = guestfs_blockdev_getsize64(a->g, device);
	if (size < 0)
		return appliance_failed(a, err, ERR_UNREADABLE, "size of %s", device);
	v->size = (uint64_t)size;
	/* NULL: blkid refuses to choose between several signatures */
	for (char **t = tags; t && t[0] && t[1]; t += 2)
		take_tag(a, v, t[0], t[1]);
	return 0;
}

static int add_volumes(struct appliance *a, char **devices, const char *what, struct err *err)
{
	if (!devices)
		return appliance_failed(a, err, ERR_HOST, "listing %s", what);
	for (char **d = devices; *d; d++)
		if (appliance_add_volume(a, *d, false, err) < 0)
			return -1;
	return 0;
}

int appliance_scan(struct appliance *a, struct err *err)
{
	AUTO(free_strings) char **disks = guestfs_list_devices(a->g);
	AUTO(free_strings) char **partitions = guestfs_list_partitions(a->g);
	AUTO(free_strings) char **arrays = guestfs_list_md_devices(a->g);
	AUTO(free_strings) char **lvs = guestfs_lvs(a->g);

	if (add_volumes(a, disks, "disks", err) < 0 || add_volumes(a, partitions, "partitions", err) < 0 ||
	    add_volumes(a, arrays, "arrays", err) < 0 || add_volumes(a, lvs, "logical volumes", err) < 0)
		return -1;
	return appliance_unlock(a, err);
}

static bool is_extended(const struct volume *v)
{
	return v->parttype &&
	       (!strcmp(v->parttype, "0x5") || !strcmp(v->parttype, "0xf") || !strcmp(v->parttype, "0x85"));
}

/* Everything that carries or could carry data, except disks that are only cut into partitions. */
static bool holds_data(const struct volume *v)
{
	return !is_extended(v) && !(v->is_disk && !v->type);
}

static void report_volumes(struct appliance *a, struct inspection *i)
{
	VEC_FOR (v, &a->volumes) {
		struct filesystem *f;

		if (!holds_data(v))
			continue;
		f = vec_push(&i->arena, &i->filesystems);
		f->device = arena_strdup(&i->arena, v->device);
		f->type = arena_strdup(&i->arena, v->type ? v->type : "unknown");
		f->uuid = arena_strdup(&i->arena, v->uuid);
		f->label = arena_strdup(&i->arena, v->label);
		f->partuuid = arena_strdup(&i->arena, v->partuuid);
		f->size = v->size;
		f->disk = v->disk;
		f->partition = v->partition;
		f->encrypted = v->encrypted;
	}
}

/* ------------------------------------------------------------------------------------- states that need attention */

static int refuse_hibernated(const struct appliance *a, struct err *err)
{
	VEC_FOR (v, &a->volumes)
		if (v->type && !strcmp(v->type, "swsuspend"))
			return err_set(err, ERR_BLOCKED,
				       "the guest is hibernated: %s (disk %u, partition %u) holds a suspended system: "
				       "start it where it was and shut it down, then convert",
				       v->device, v->disk + 1, v->partition);
	return 0;
}

/* Only ext tells in its superblock; the others replay what they need when they are mounted. */
static void note_unclean(struct appliance *a, struct inspection *i, const struct volume *v)
{
	AUTO_FREE char *super = NULL;
	size_t n = 0;

	if (!v->type || strncmp(v->type, "ext", 3) != 0)
		return;
	super = guestfs_pread_device(a->g, v->device, EXT_SUPER_SIZE, EXT_SUPER, &n);
	if (!super || n < EXT_SUPER_SIZE || get_le16(super + EXT_MAGIC_AT) != EXT_MAGIC ||
	    !(get_le32(super + EXT_INCOMPAT_AT) & EXT_INCOMPAT_RECOVER))
		return;
	finding_add(i, "W-FS-UNCLEAN", SEVERITY_INFO, v->device,
		    "shut the source down before converting it, when what was written last matters",
		    "%s on %s was not unmounted cleanly; its journal is replayed in the copy", v->type, v->device);
}

static void note_encrypted(struct inspection *i, const struct volume *v)
{
	AUTO(buf_done) struct buf b = BUF_INIT(512);

	const char *id = volume_is_bitlocker(v) ? "W-BITLOCKER" : "W-LUKS";

	if (!volume_is_encrypted(v))
		return;
	volume_describe(v, &b);
	if (volume_is_locked(v))
		finding_add(i, id, SEVERITY_INFO, v->refused ? v->refused : v->device,
			    "when something on it has to be converted, too: --key NAME:file:FILE",
			    "%s is encrypted and %s: it is copied whole and not looked into", buf_str(&b),
			    v->keys_tried ? "no key opens it" : "no key was given for it");
	else
		finding_add(i, id, SEVERITY_INFO, v->no_discards ? v->no_discards : v->device, NULL,
			    "%s is encrypted and was opened: it stays encrypted, and %s", buf_str(&b),
			    v->discards ? "shows from now on which of its blocks are free"
					: "is copied whole, free space too");
}

const char *appliance_no_driver(const struct appliance *a, const struct volume *v)
{
	/* what blkid says, what people call it, the kernel's module */
	static const struct {
		const char *type, *name, *module;
	} rare[] = {
	    {"zfs_member", "ZFS", "zfs"},
	    {"f2fs", "F2FS", "f2fs"},
	    {"bcachefs", "bcachefs", "bcachefs"},
	    {"reiser4", "Reiser4", "reiser4"},
	    {"reiserfs", "ReiserFS", "reiserfs"},
	    {"jfs", "JFS", "jfs"},
	    {"VMFS_volume_member", "VMFS", "vmfs"},
	    {"apfs", "APFS", "apfs"},
	    {"ufs", "UFS", "ufs"},
	};

	for (size_t k = 0; v->type && k < sizeof rare / sizeof *rare; k++)
		if (strcmp(v->type, rare[k].type) == 0 && guestfs_filesystem_available(a->g, rare[k].module) != 1)
			return rare[k].name;
	return NULL;
}

static void note_no_driver(struct appliance *a, struct inspection *i, const struct volume *v)
{
	const char *name = appliance_no_driver(a, v);

	if (name)
		finding_add(i, "W-FS-NO-DRIVER", SEVERITY_INFO, v->device, NULL,
			    "%s on %s can't be opened: the appliance's kernel has no driver for it; it is copied whole "
			    "and not looked into",
			    name, v->device);
}

/* ----------------------------------------------------------------------------------------------------- firmware */

static bool has_boot_code(struct appliance *a, const struct volume *disk)
{
	static const char zeros[440];
	size_t n = 0;
	AUTO_FREE char *sector = guestfs_pread_device(a->g, disk->device, 512, 0, &n);

	return sector && n == 512 && get_le16(sector + 510) == 0xaa55 && memcmp(sector, zeros, sizeof zeros) != 0;
}

bool volume_is_esp(const struct volume *v)
{
	return v->parttype && (!strcasecmp(v->parttype, TYPE_ESP_GPT) || !strcasecmp(v->parttype, TYPE_ESP_MBR));
}

/* What the tables say the disks are prepared for; UNKNOWN when it is both or neither. A boot sector on a GPT disk
 * proves nothing (Windows always writes one), on an MBR disk it does. */
static enum firmware judge_firmware(struct appliance *a)
{
	bool esp = false, bios = false;

	VEC_FOR (v, &a->volumes) {
		if (volume_is_esp(v))
			esp = true;
		if (v->parttype && !strcasecmp(v->parttype, TYPE_BIOS_BOOT))
			bios = true;
		if (v->is_disk && v->table && !strcmp(v->table, "dos") && has_boot_code(a, v))
			bios = true;
	}
	if (esp == bios)
		return FIRMWARE_UNKNOWN;
	return esp ? FIRMWARE_UEFI : FIRMWARE_BIOS;
}

/* --------------------------------------------------------------------------------------------- the operating system */

/* "disk 1 1.4 GiB: partition 1 ext4 'data' 1.3 GiB, partition 2 swap 64.0 MiB" for every disk. */
static void describe_disks(const struct appliance *a, struct buf *b)
{
	char size[SIZE_WORDS_MAX];

	VEC_FOR (d, &a->volumes) {
		const char *separator = ": ";

		if (!d->is_disk)
			continue;
		buf_addf(b, "%sdisk %u (%s)", b->len ? "; " : "", d->disk + 1, size_in_words(d->size, size));
		if (d->type)
			buf_addf(b, ": %s without partitions", d->type);
		else if (!d->table)
			buf_addf(b, ": no partition table and no file system");
		VEC_FOR (v, &a->volumes) {
			if (!v->partition || v->disk != d->disk || is_extended(v))
				continue;
			buf_addf(b, "%spartition %u %s%s%s%s %s", separator, v->partition,
				 v->type ? v->type : "unknown content", v->label ? " '" : "", v->label ? v->label : "",
				 v->label ? "'" : "", size_in_words(v->size, size));
			separator = ", ";
		}
		if (d->table && *separator == ':')
			buf_addf(b, ": an empty %s partition table", d->table);
	}
}

/* The recovery key is what people have; the password of a protector that has one fits as well. */
static int needs_recovery_key(const struct volume *v, const char *what, struct err *err)
{
	if (v->keys_tried)
		return err_set(
		    err, ERR_BLOCKED,
		    "no operating system found, but %s is encrypted, and none of %u keys opens it (%s): --key "
		    "%s:file:FILE with its recovery key (48 digits with hyphens), as 'manage-bde -protectors -get "
		    "C:' shows it on the source; or decrypt it there: manage-bde -off C:",
		    what, v->keys_tried, v->refused, volume_selector(v));
	return err_set(
	    err, ERR_BLOCKED,
	    "no operating system found, but %s is encrypted: give its recovery key (48 digits with hyphens, "
	    "shown on the source by: manage-bde -protectors -get C:) with --key %s:file:FILE, or decrypt it there "
	    "(manage-bde -off C:) and wait until 'manage-bde -status' says so; --no-convert copies it as it is",
	    what, volume_selector(v));
}

static int needs_key(const struct volume *v, struct err *err)
{
	AUTO(buf_done) struct buf b = BUF_INIT(512);

	volume_describe(v, &b);
	if (volume_is_bitlocker(v))
		return needs_recovery_key(v, buf_str(&b), err);
	if (v->keys_tried)
		return err_set(err, ERR_BLOCKED,
			       "no operating system found, but %s is encrypted, and none of %u keys opens it (%s): "
			       "--key %s:file:FILE with the right passphrase",
			       buf_str(&b), v->keys_tried, v->refused, volume_selector(v));
	return err_set(err, ERR_BLOCKED,
		       "no operating system found, but %s is encrypted: give its passphrase with --key %s:file:FILE; "
		       "--no-convert copies it as it is",
		       buf_str(&b), volume_selector(v));
}

static int no_system(struct appliance *a, struct err *err)
{
	AUTO(buf_done) struct buf b = BUF_INIT(1536);

	VEC_FOR (v, &a->volumes)
		if (volume_is_locked(v))
			return needs_key(v, err);
	describe_disks(a, &b);
	VEC_FOR (v, &a->volumes)
		if (appliance_no_driver(a, v))
			buf_addf(&b, "; %s on %s can't be opened here: the appliance's kernel has no driver for it",
				 appliance_no_driver(a, v), v->device);
	return err_set(err, ERR_BLOCKED, "no operating system found: %s; --no-convert copies the disks as they are",
		       buf_str(&b));
}

static int several_systems(struct appliance *a, char **roots, struct err *err)
{
	AUTO(buf_done) struct buf b = BUF_INIT(1536);

	for (char **r = roots; *r; r++) {
		AUTO_FREE char *distro = guestfs_inspect_get_distro(a->g, *r);
		AUTO_FREE char *host = guestfs_inspect_get_hostname(a->g, *r);

		buf_addf(&b, "%s%s (%s %d, %s)", b.len ? ", " : "", *r, distro ? distro : "unknown",
			 guestfs_inspect_get_major_version(a->g, *r), host ? host : "unknown");
	}
	if (a->root_wanted && strcmp(a->root_wanted, "single") != 0)
		return err_set(err, ERR_BLOCKED, "no operating system on '%s': found %s", a->root_wanted, buf_str(&b));
	return err_set(err, ERR_BLOCKED, "several operating systems: %s: choose one with --root=DEVICE or --root=first",
		       buf_str(&b));
}

/* Snapshots of a system are one system: without a root that the user names only the others count. */
static char **own_roots(struct appliance *a, char **roots)
{
	size_t n = 0;
	char **ret;

	while (roots[n])
		n++;
	ret = arena_alloc(&a->arena, (n + 1) * sizeof *ret);
	memcpy(ret, roots, n * sizeof *ret);
	ret[roots_without_snapshots(ret, n)] = NULL;
	return ret;
}

static int choose_root(struct appliance *a, char **all, struct err *err)
{
	const char *wanted = a->root_wanted ? a->root_wanted : "single";
	bool named = strcmp(wanted, "single") != 0 && strcmp(wanted, "first") != 0;
	char **roots = named ? all : own_roots(a, all);

	if (!*roots)
		return no_system(a, err);
	if (!strcmp(wanted, "first") || (!strcmp(wanted, "single") && !roots[1]))
		a->root = arena_strdup(&a->arena, roots[0]);
	for (char **r = roots; *r && !a->root; r++)
		if (!strcmp(*r, wanted))
			a->root = arena_strdup(&a->arena, *r);
	return a->root ? 0 : several_systems(a, roots, err);
}

/* libguestfs says "unknown" for what it can't tell. */
static char *known(struct arena *a, char *s)
{
	char *ret = appliance_keep(a, s);

	return ret && strcmp(ret, "unknown") ? ret : NULL;
}

static enum os_family family_of(const char *type)
{
	if (!type)
		return OS_UNKNOWN;
	if (!strcmp(type, "linux"))
		return OS_LINUX;
	return !strcmp(type, "windows") ? OS_WINDOWS : OS_OTHER;
}

static void describe_system(struct appliance *a, struct inspection *i)
{
	AUTO_FREE char *osinfo = guestfs_inspect_get_osinfo(a->g, a->root);
	struct os_info *os = &i->os;

	os->root = arena_strdup(&i->arena, a->root);
	os->type = known(&i->arena, guestfs_inspect_get_type(a->g, a->root));
	os->family = family_of(os->type);
	os->distro = known(&i->arena, guestfs_inspect_get_distro(a->g, a->root));
	os->product = known(&i->arena, guestfs_inspect_get_product_name(a->g, a->root));
	os->arch = known(&i->arena, guestfs_inspect_get_arch(a->g, a->root));
	os->hostname = known(&i->arena, guestfs_inspect_get_hostname(a->g, a->root));
	os->major = guestfs_inspect_get_major_version(a->g, a->root);
	os->minor = guestfs_inspect_get_minor_version(a->g, a->root);
	os->package_format = known(&i->arena, guestfs_inspect_get_package_format(a->g, a->root));
	os->osinfo = osinfo_url(&i->arena, osinfo);
}

static int compare_mounted(const void *x, const void *y)
{
	const struct mounted *a = x, *b = y;

	return strlen(a->path) != strlen(b->path) ? (strlen(a->path) > strlen(b->path) ? 1 : -1)
						  : strcmp(a->path, b->path);
}

/* Parents before children, as lengths of paths go. */
static int plan_mounts(struct appliance *a, struct err *err)
{
	AUTO(free_strings) char **map = guestfs_inspect_get_mountpoints(a->g, a->root);

	if (!map)
		return appliance_failed(a, err, ERR_UNREADABLE, "mount points of %s", a->root);
	for (char **m = map; m[0] && m[1]; m += 2) {
		/* An fstab with "/dev/sda1 /" would lead to another system's disk. */
		const char *device = strcmp(m[0], "/") ? m[1] : a->root;

		*vec_push(&a->arena, &a->mounted) =
		    (struct mounted){.path = arena_strdup(&a->arena, m[0]), .device = arena_strdup(&a->arena, device)};
	}
	if (a->mounted.n)
		qsort(a->mounted.v, a->mounted.n, sizeof *a->mounted.v, compare_mounted);
	return 0;
}

/* It reads the registry of whatever looks like Windows, and gives up where the first sector isn't whole. */
static int no_roots(struct appliance *a, struct err *err)
{
	const char *why = guestfs_last_error(a->g);

	if (why && strstr(why, "Hivex"))
		return err_set(
		    err, ERR_BLOCKED,
		    "B-HIVE-UNREADABLE: the registry of a Windows on these disks can't be read (libguestfs: %s); "
		    "Start Windows on the source, let it come up, and shut it down with: shutdown /s /f /t 0",
		    why);
	return appliance_failed(a, err, ERR_UNREADABLE, "looking for an operating system");
}

static int inspect(struct appliance *a, void *arg, struct err *err)
{
	struct inspection *i = arg;
	AUTO(free_strings) char **roots = NULL;

	if (appliance_scan(a, err) < 0 || refuse_hibernated(a, err) < 0)
		return -1;
	report_volumes(a, i);
	i->firmware_disk = judge_firmware(a);
	VEC_FOR (v, &a->volumes) {
		note_unclean(a, i, v);
		note_encrypted(i, v);
		note_no_driver(a, i, v);
	}
	roots = guestfs_inspect_os(a->g);
	if (!roots)
		return no_roots(a, err);
	if (choose_root(a, roots, err) < 0)
		return -1;
	describe_system(a, i);
	if (i->os.family == OS_WINDOWS)
		appliance_look_at_windows(a, i);
	return plan_mounts(a, err);
}

int appliance_inspect(struct appliance *a, struct inspection *i, struct err *err)
{
	return appliance_ticking(a, "looking for an operating system", inspect, i, err);
}

const char *appliance_package(const struct appliance *a, const char *name)
{
	VEC_FOR (p, &a->packages)
		if (!strcmp(p->name, name))
			return p->version;
	return NULL;
}
