/* The number of heads in the boot sector of an NT 5 system: its boot code counts in them, and a BIOS counts by the size
 * of the disk. */
#include "guest/libguestfs.h"

#include <string.h>

#include "core/base/bytes.h"
#include "core/base/checked.h"

/* The boot sector's parameter block (NTFS): the name at 3, bytes a sector at 0x0b, heads at 0x1a, sectors at 0x28. */
enum { SECTOR = 512, NAME_AT = 3, SECTOR_SIZE_AT = 0xb, HEADS_AT = 0x1a, SECTORS_AT = 0x28 };

/* SeaBIOS' and other BIOSes' translation for LBA ("assisted"): up to 1024 cylinders of 63 sectors. */
static uint16_t heads_for(uint64_t disk_size)
{
	if (disk_size < 2114445312)
		return 0x40;
	return disk_size < 4228374780 ? 0x80 : 0xff;
}

static const struct volume *find(const struct appliance *a, const char *device)
{
	VEC_FOR (v, &a->volumes)
		if (strcmp(v->device, device) == 0)
			return v;
	return NULL;
}

static uint64_t size_of_disk(const struct appliance *a, unsigned disk)
{
	VEC_FOR (v, &a->volumes)
		if (v->is_disk && v->disk == disk)
			return v->size;
	return 0;
}

static int put_heads(struct appliance *a, const char *device, int64_t sector, uint16_t heads, struct err *err)
{
	char two[2];

	put_le16(two, heads);
	if (guestfs_pwrite_device(a->g, device, two, sizeof two, sector + HEADS_AT) != sizeof two)
		return appliance_failed(a, err, ERR_CONVERT, "writing the boot sector of %s", device);
	return 0;
}

/* The copy of the boot sector, behind the volume's last sector; a volume without one gets none. */
static int put_heads_in_copy(struct appliance *a, const struct volume *root, const char *boot, uint16_t heads,
			     struct err *err)
{
	uint64_t at = 0;
	size_t n = 0;
	AUTO_FREE char *copy = NULL;

	if (!mul_fits(get_le64(boot + SECTORS_AT), get_le16(boot + SECTOR_SIZE_AT), &at) || at > root->size ||
	    root->size - at < SECTOR)
		return 0;
	copy = guestfs_pread_device(a->g, root->device, SECTOR, (int64_t)at, &n);
	if (!copy || n != SECTOR || memcmp(copy + NAME_AT, "NTFS    ", 8) != 0)
		return 0;
	return put_heads(a, root->device, (int64_t)at, heads, err);
}

/* The boot sector of an NT 5 system on a partition of its own; NULL, and no error, when there is none. */
static int read_boot_sector(struct appliance *a, const struct inspection *i, const struct volume **ret_root, char **ret,
			    struct err *err)
{
	const struct volume *root = find(a, a->root);
	AUTO_FREE char *sector = NULL;
	size_t n = 0;

	*ret = NULL;
	if (i->os.family != OS_WINDOWS || i->os.major != 5 || !root || !root->partition)
		return 0;
	sector = guestfs_pread_device(a->g, a->root, SECTOR, 0, &n);
	if (!sector || n != SECTOR)
		return appliance_failed(a, err, ERR_UNREADABLE, "reading the boot sector of %s", a->root);
	if (memcmp(sector + NAME_AT, "NTFS    ", 8) != 0)
		return 0;
	*ret_root = root;
	*ret = take_ptr(&sector);
	return 0;
}

static int change_heads(struct appliance *a, const struct volume *root, const char *sector, uint16_t heads,
			struct changelog *log, const char *reason, struct err *err)
{
	if (put_heads(a, a->root, 0, heads, err) < 0 || put_heads_in_copy(a, root, sector, heads, err) < 0)
		return -1;
	changelog_words(log, CHANGE_BINARY, a->root, reason, "boot sector: %u heads, were %u", heads,
			get_le16(sector + HEADS_AT));
	return 0;
}

int appliance_fix_heads(struct appliance *a, struct inspection *i, struct changelog *log, struct err *err)
{
	const struct volume *root = NULL;
	AUTO_FREE char *sector = NULL;
	uint16_t was, heads;

	if (read_boot_sector(a, i, &root, &sector, err) < 0)
		return -1;
	if (!sector)
		return 0;
	was = get_le16(sector + HEADS_AT);
	heads = heads_for(size_of_disk(a, root->disk));
	if (was == heads)
		return 0;
	if (!i->windows)
		i->windows = arena_alloc(&i->arena, sizeof *i->windows);
	i->windows->heads = was;
	return change_heads(a, root, sector, heads, log,
			    "the boot code of this Windows counts in heads, as the BIOS does", err);
}

int appliance_restore_heads(struct appliance *a, const struct inspection *i, uint16_t heads, struct changelog *log,
			    struct err *err)
{
	const struct volume *root = NULL;
	AUTO_FREE char *sector = NULL;

	if (read_boot_sector(a, i, &root, &sector, err) < 0)
		return -1;
	if (!sector || get_le16(sector + HEADS_AT) == heads)
		return 0;
	return change_heads(a, root, sector, heads, log, "as it was before the conversion", err);
}
