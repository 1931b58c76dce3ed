/* Fuzz: the structures of a VHDX, put in their places in a file of 6 MiB, with checksums made right. */
#include "core/base/bytes.h"
#include "core/base/crc32c.h"
#include "formats/registry.h"
#include "formats/vhdx_layout.h"
#include "tests/fuzz/memory_block.h"
#include "tests/fuzz/mutate.h"
#include "tests/fuzz/parent_folder.h"

enum { SIZE = 6 << 20, LOG = 1 << 20, METADATA = 2 << 20, TABLE = 3 << 20, BITMAP = 4 << 20 };

/* The input, one piece behind the other; its first byte comes before them: 0 leaves the sums as they are. */
static const struct {
	uint32_t at, len;
} pieces[] = {
    {VHDX_HEADER_1, 128},
    {VHDX_REGIONS_1, 144},
    {METADATA, 288},
    {METADATA + VHDX_METADATA_TABLE, 256},
    {METADATA + VHDX_METADATA_TABLE + 4096, 768},
    {TABLE, 256},
    {TABLE + 4096 * 8, 16}, /* the first sector bitmap's entry, for sectors of 512 bytes and blocks of 1 MiB */
    {BITMAP, 320},
    {LOG, 32 << 10},
    {VHDX_HEADER_2, 128},
    {VHDX_REGIONS_2, 144},
};

enum {
	P_HEADER,
	P_REGIONS,
	P_METADATA,
	P_ITEMS,
	P_LOCATOR,
	P_TABLE,
	P_BITMAP_ENTRY,
	P_BITMAP,
	P_LOG,
	P_HEADER_2,
	P_REGIONS_2
};

static unsigned char image[SIZE];

static void seal(unsigned char *p, size_t len)
{
	put_le32(p + VHDX_AT_CHECKSUM, 0);
	put_le32(p + VHDX_AT_CHECKSUM, crc32c(0, p, len));
}

static void seal_all(void)
{
	seal(image + VHDX_HEADER_1, VHDX_HEADER);
	seal(image + VHDX_HEADER_2, VHDX_HEADER);
	seal(image + VHDX_REGIONS_1, VHDX_REGIONS);
	seal(image + VHDX_REGIONS_2, VHDX_REGIONS);
	for (size_t at = LOG; at < LOG + (32 << 10); at += VHDX_PAGE) {
		uint32_t len = get_le32(image + at + VHDX_ENTRY_AT_LENGTH);

		if (!memcmp(image + at, VHDX_ENTRY_SIGNATURE, VHDX_SIGNATURE_LEN) && len >= VHDX_PAGE &&
		    len <= 32 << 10)
			seal(image + at, len);
	}
}

static void expand(const uint8_t *data, size_t size)
{
	bool sums = size && data[0];

	memcpy(image, VHDX_SIGNATURE, 8);
	data += size ? 1 : 0;
	size -= size ? 1 : 0;
	for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
		size_t n = min_u64(size, pieces[i].len);

		memcpy(image + pieces[i].at, data, n);
		memset(image + pieces[i].at + n, 0, pieces[i].len - n);
		data += n;
		size -= n;
	}
	if (sums)
		seal_all();
}

/* The seed of a plain dynamic disk serves as the parent. */
static void make_parent(struct folder *folder)
{
	uint8_t seed[36 << 10];
	int fd = open("tests/fuzz/corpus/fuzz_vhdx/dynamic", O_RDONLY);
	ssize_t n = fd >= 0 ? read(fd, seed, sizeof seed) : 0;

	if (fd >= 0)
		close(fd);
	expand(seed, n > 0 ? (size_t)n : 0);
	parent_folder_add(folder, "base.vhdx", image, SIZE);
}

/* Where a piece begins in the input. */
static size_t piece_at(unsigned piece)
{
	size_t at = 1;

	for (unsigned i = 0; i < piece; i++)
		at += pieces[i].len;
	return at;
}

static void add_header(size_t size, unsigned piece, struct fuzz_map *m)
{
	size_t at = piece_at(piece);

	fuzz_map_add(m, size, at + VHDX_HEADER_AT_SEQUENCE, 1, 8);
	fuzz_map_add(m, size, at + VHDX_HEADER_AT_LOG_GUID, 1, 8);
	fuzz_map_add(m, size, at + VHDX_HEADER_AT_LOG_VERSION, 2, 2);
	fuzz_map_add(m, size, at + VHDX_HEADER_AT_LOG_LENGTH, 1, 4);
	fuzz_map_add(m, size, at + VHDX_HEADER_AT_LOG_OFFSET, 1, 8);
}

static void add_regions(size_t size, unsigned piece, struct fuzz_map *m)
{
	size_t at = piece_at(piece);

	fuzz_map_add(m, size, at + VHDX_REGIONS_AT_COUNT, 1, 4);
	for (unsigned i = 0; i < 4; i++, at += VHDX_REGION_ENTRY) {
		fuzz_map_add(m, size, at + VHDX_REGION_FIRST + VHDX_REGION_AT_OFFSET, 1, 8);
		fuzz_map_add(m, size, at + VHDX_REGION_FIRST + VHDX_REGION_AT_LENGTH, 2, 4);
	}
}

static void add_metadata(size_t size, struct fuzz_map *m)
{
	size_t at = piece_at(P_METADATA);

	fuzz_map_add(m, size, at + VHDX_METADATA_AT_COUNT, 1, 2);
	for (unsigned i = 0; i < 8; i++, at += VHDX_METADATA_ENTRY)
		fuzz_map_add(m, size, at + VHDX_METADATA_FIRST + VHDX_METADATA_AT_OFFSET, 3, 4);
	fuzz_map_add(m, size, piece_at(P_ITEMS), pieces[P_ITEMS].len / 4, 4);
	fuzz_map_add(m, size, piece_at(P_ITEMS), pieces[P_ITEMS].len / 8, 8);
	fuzz_map_add(m, size, piece_at(P_LOCATOR) + VHDX_LOCATOR_AT_COUNT, 13, 2);
}

static void add_log(const uint8_t *data, size_t size, struct fuzz_map *m)
{
	size_t at = piece_at(P_LOG);

	for (unsigned i = 0; i < 2 && range_inside(at, VHDX_PAGE, size);
	     i++, at += get_le32(data + at + VHDX_ENTRY_AT_LENGTH)) {
		fuzz_map_add(m, size, at + VHDX_ENTRY_AT_LENGTH, 2, 4);
		fuzz_map_add(m, size, at + VHDX_ENTRY_AT_SEQUENCE, 1, 8);
		fuzz_map_add(m, size, at + VHDX_ENTRY_AT_COUNT, 1, 4);
		fuzz_map_add(m, size, at + VHDX_ENTRY_AT_FLUSHED, 2, 8);
		fuzz_map_add(m, size, at + VHDX_ENTRY, 4 * 4, 8); /* four descriptors */
		if (get_le32(data + at + VHDX_ENTRY_AT_LENGTH) > size)
			return;
	}
}

static void tables(const uint8_t *data, size_t size, struct fuzz_map *m)
{
	add_header(size, P_HEADER, m);
	add_header(size, P_HEADER_2, m);
	add_regions(size, P_REGIONS, m);
	add_regions(size, P_REGIONS_2, m);
	add_metadata(size, m);
	fuzz_map_add(m, size, piece_at(P_TABLE), pieces[P_TABLE].len / VHDX_BAT_ENTRY, VHDX_BAT_ENTRY);
	fuzz_map_add(m, size, piece_at(P_BITMAP_ENTRY), 2, VHDX_BAT_ENTRY);
	fuzz_map_add(m, size, piece_at(P_BITMAP), pieces[P_BITMAP].len, 1);
	add_log(data, size, m);
}

/* Table entries: states and places; the sums are made right when the input is unfolded. */
static const uint64_t values[] = {1,	  2,	      3,	  6,	       7,	VHDX_MIB,     TABLE,
				  BITMAP, BITMAP | 6, BITMAP | 7, 5 << 20 | 6, LOG | 6, METADATA | 6, 0};
static const struct fuzz_shape shape = {.values = values, .tables = tables};

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
	size = fuzz_mutate(&shape, data, size, max, seed);
	if (size)
		data[0] = seed % 32 != 0;
	return size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct folder folder;

	if (!folder.path)
		make_parent(&folder);
	expand(data, size);
	fuzz_image_in(&folder, &format_vhdx, image, SIZE);
	return 0;
}
