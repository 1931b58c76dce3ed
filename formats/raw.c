/* Raw images: the bytes as they are. Read when declared, or when a partition table or file system speaks for it. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "core/base/bytes.h"
#include "core/base/checked.h"
#include "core/base/file.h"
#include "core/base/log.h"
#include "formats/raw_pieces.h"
#include "formats/registry.h"
#include "formats/vhd_header.h"

enum {
	MBR_TABLE = 446,
	MBR_ENTRY = 16,
	MBR_ENTRIES = 4,
	SECTOR = 512,
};

struct raw {
	struct block b;
	struct block *file;		  /* owned */
	int fd;				  /* of a target: borrowed from `file` */
	enum preallocation preallocation; /* of a target */
};

/* What stands at the start of a disk or file system. An MBR needs a look at its table: mbr_plausible(). */
static const struct {
	uint32_t off;
	uint32_t len;
	const char *magic;
} signatures[] = {
    {512, 8, "EFI PART"},     /* GPT, 512-byte sectors */
    {4096, 8, "EFI PART"},    /* GPT, 4096-byte sectors */
    {0x438, 2, "\x53\xef"},   /* ext2/3/4 */
    {0, 4, "XFSB"},	      /* XFS */
    {0x10040, 8, "_BHRfS_M"}, /* btrfs */
    {3, 8, "NTFS    "},	      /* NTFS */
    {3, 8, "EXFAT   "},	      /* exFAT */
    {54, 5, "FAT12"},	      /* FAT */
    {54, 5, "FAT16"},
    {82, 5, "FAT32"},
    {0x8001, 5, "CD001"},	   /* ISO 9660 */
    {0, 6, "LUKS\xba\xbe"},	   /* LUKS 1 and 2 */
    {512, 8, "LABELONE"},	   /* LVM physical volume, its usual sector */
    {4096, 4, "\xfc\x4e\x2b\xa9"}, /* md 1.2 */
    {4086, 10, "SWAPSPACE2"},	   /* swap, 4 KiB pages */
    {512, 4, "\x57\x45\x56\x82"},  /* BSD disklabel */
};

/* A table as partitioning tools write it: the boot flags are 0 or 0x80, and a partition begins inside the disk. */
static bool mbr_plausible(const struct probe *p)
{
	bool any = false;

	if (get_le16(p->head + 510) != 0xaa55)
		return false;
	for (int i = 0; i < MBR_ENTRIES; i++) {
		const unsigned char *e = p->head + MBR_TABLE + i * MBR_ENTRY;
		uint64_t start = get_le32(e + 8), sectors = get_le32(e + 12);

		if (e[0] & 0x7f)
			return false;
		if (e[4] && sectors && start * SECTOR < p->file_size)
			any = true;
	}
	return any;
}

/* A fixed VHD begins with the guest's own partition table: there the footer counts. The footer of another kind of disk
 * behind such a table, without its copy at the start, is the guest's. */
static bool fixed_vhd(const struct probe *p)
{
	uint64_t back = vhd_footer_in_tail(p->tail, PROBE_TAIL);

	return back && get_be32(p->tail + PROBE_TAIL - back + VHD_AT_TYPE) == VHD_FIXED;
}

static int raw_bid(const struct probe *p)
{
	if (fixed_vhd(p))
		return BID_NONE;
	if (mbr_plausible(p))
		return BID_RAW_EVIDENCE;
	for (size_t i = 0; i < sizeof signatures / sizeof *signatures; i++)
		if (!memcmp(p->head + signatures[i].off, signatures[i].magic, signatures[i].len))
			return BID_RAW_EVIDENCE;
	return BID_NONE;
}

/* The file may end inside the last sector; what is missing there reads as zeros. */
static int raw_pread(struct block *b, void *buf, size_t len, uint64_t off, struct err *err)
{
	struct raw *r = (struct raw *)b;
	size_t have = off < r->file->size ? (size_t)min_u64(len, r->file->size - off) : 0;

	memset((char *)buf + have, 0, len - have);
	return have ? block_pread(r->file, buf, have, off, err) : 0;
}

static int raw_extent(struct block *b, uint64_t off, uint64_t max, struct extent *ret, struct err *err)
{
	struct raw *r = (struct raw *)b;

	if (off < r->file->size)
		return block_extent(r->file, off, max, ret, err);
	*ret = (struct extent){.off = off, .len = max, .kind = EXTENT_ZERO};
	return 0;
}

static int raw_place(struct block *b, uint64_t off, uint64_t max, struct file_place *ret, struct err *err)
{
	struct raw *r = (struct raw *)b;

	return off < r->file->size ? block_place(r->file, off, min_u64(max, r->file->size - off), ret, err) : 0;
}

static void raw_close(struct block *b)
{
	block_close(((struct raw *)b)->file);
	free(b);
}

static const struct block_ops raw_ops = {
    .name = "raw",
    .pread = raw_pread,
    .extent = raw_extent,
    .place = raw_place,
    .close = raw_close,
};

/* A disk partitioned for 4096-byte sectors has its GPT header at byte 4096, never at 512. */
static int gpt_sector(struct block *file, uint32_t *ret, struct err *err)
{
	unsigned char at_512[8], at_4096[8];

	*ret = file->logical_sector;
	if (*ret != SECTOR || file->size < 4096 + sizeof at_4096)
		return 0;
	if (block_pread(file, at_512, sizeof at_512, 512, err) < 0 ||
	    block_pread(file, at_4096, sizeof at_4096, 4096, err) < 0)
		return -1;
	if (!memcmp(at_4096, "EFI PART", 8) && memcmp(at_512, "EFI PART", 8))
		*ret = 4096;
	return 0;
}

static int raw_open(const struct open_args *args, struct block **ret, struct err *err)
{
	AUTO_FREE struct raw *r = calloc(1, sizeof *r);
	struct block *file;
	uint32_t sector;

	if (!r)
		return err_nomem(err);
	if (gpt_sector(args->file, &sector, err) < 0 || raw_pieces_open(args, &file, err) < 0)
		return -1;
	if (!file)
		file = args->file;
	block_init(&r->b, &raw_ops, args->name, align_up(file->size, SECTOR));
	r->b.logical_sector = sector;
	r->b.physical_sector = (uint32_t)max_u64(sector, args->file->physical_sector);
	r->b.seekable = file->seekable;
	r->file = file;
	r->fd = -1;
	if (r->b.size != file->size)
		log_warn("raw '%s': %" PRIu64
			 " bytes are no whole number of 512-byte sectors: zeros follow the last %" PRIu64,
			 args->name, file->size, file->size % SECTOR);
	*ret = &take_ptr(&r)->b;
	return 0;
}

static int target_pwrite(struct block *b, const void *buf, size_t len, uint64_t off, struct err *err)
{
	return file_pwrite(((struct raw *)b)->fd, buf, len, off, err);
}

/* Shared blocks would undo a preallocation. */
static int target_take(struct block *b, uint64_t off, const struct file_place *from, enum file_move how, bool *ret_done,
		       struct err *err)
{
	const struct raw *r = (const struct raw *)b;

	if (how == FILE_MOVE_COPY || r->preallocation == PREALLOCATION_OFF)
		*ret_done = file_move_range(from->fd, from->off, r->fd, off, from->len, how);
	return 0;
}

/* Zeros without sending them: a hole where the file system has them (constant time, and right also over data of an
 * earlier run) unless the space is to stay, a command to the device where that can do it. */
static int zero_range(const struct raw *r, uint64_t off, uint64_t len)
{
	int how = r->preallocation == PREALLOCATION_FALLOC ? FALLOC_FL_ZERO_RANGE : FALLOC_FL_PUNCH_HOLE;
	uint64_t range[2] = {off, len};

	if (fallocate(r->fd, how | FALLOC_FL_KEEP_SIZE, (off_t)off, (off_t)len) == 0)
		return 0;
	return ioctl(r->fd, BLKZEROOUT, range);
}

static int target_zero(struct block *b, uint64_t off, uint64_t len, struct err *err)
{
	struct raw *r = (struct raw *)b;

	if (r->preallocation != PREALLOCATION_FULL && zero_range(r, off, len) == 0)
		return 0;
	return file_write_zeros(r->fd, off, len, err);
}

static int target_flush(struct block *b, struct err *err)
{
	if (fdatasync(((struct raw *)b)->fd) < 0)
		return err_sys(err, ERR_INTERNAL, "cannot sync");
	return 0;
}

static const struct block_ops target_ops = {
    .name = "raw",
    .pread = raw_pread,
    .extent = raw_extent,
    .pwrite = target_pwrite,
    .take = target_take,
    .zero = target_zero,
    .flush = target_flush,
    .finish = target_flush,
    .close = raw_close,
};

/* What is allocated and never written reads as zeros all the same. */
static int allocate(const struct raw *r, uint64_t size, struct err *err)
{
	if (!size || (r->preallocation != PREALLOCATION_FALLOC && r->preallocation != PREALLOCATION_FULL))
		return 0;
	errno = posix_fallocate(r->fd, 0, (off_t)size);
	return errno ? err_sys(err, ERR_BLOCKED, "cannot allocate %" PRIu64 " bytes for '%s'", size, r->b.name) : 0;
}

/* A file gets its length, keeping what is in it; a device must have it. */
static int give_size(struct raw *r, const char *name, uint64_t size, struct err *err)
{
	struct stat st;
	off_t have;

	if (fstat(r->fd, &st) < 0)
		return err_sys(err, ERR_INTERNAL, "cannot stat '%s'", name);
	r->b.stale = S_ISBLK(st.st_mode);
	if (!r->b.stale && ftruncate(r->fd, (off_t)size) < 0)
		return err_sys(err, ERR_BLOCKED, "cannot set '%s' to %" PRIu64 " bytes", name, size);
	have = lseek(r->fd, 0, SEEK_END);
	if (have < 0)
		return err_sys(err, ERR_BLOCKED, "cannot seek in '%s'", name);
	if ((uint64_t)have < size)
		return err_set(err, ERR_BLOCKED, "'%s' has %" PRIu64 " bytes, the disk needs %" PRIu64, name,
			       (uint64_t)have, size);
	return r->b.stale ? 0 : allocate(r, size, err);
}

static int raw_create(int fd, const char *name, uint64_t size, const struct create_options *options, struct block **ret,
		      struct err *err)
{
	AUTO_FREE struct raw *r = calloc(1, sizeof *r);

	if (!r)
		return err_nomem(err);
	if (options->codec)
		return err_set(err, ERR_USAGE, "raw '%s': raw images can't be compressed", name);
	if (options->preallocation == PREALLOCATION_METADATA)
		return err_set(err, ERR_USAGE,
			       "raw '%s': preallocation metadata: there is none, off, falloc or full expected", name);
	block_init(&r->b, &target_ops, name, size);
	r->fd = fd;
	r->preallocation = (enum preallocation)options->preallocation;
	if (give_size(r, name, size, err) < 0 || file_block_open(fd, name, &r->file, err) < 0)
		return -1;
	r->b.stale |= r->preallocation == PREALLOCATION_FULL;
	if (options->logical_sector)
		r->b.logical_sector = r->b.physical_sector = options->logical_sector;
	*ret = &take_ptr(&r)->b;
	return 0;
}

static const char *const create_keys[] = {"preallocation", NULL};

const struct format format_raw = {
    .name = "raw",
    .description = "bytes as they are, in pieces too (.001, .002 …); sparse when written",
    .bid = raw_bid,
    .open = raw_open,
    .create = raw_create,
    .create_keys = create_keys,
};
