/* Fuzz: the structures of a VHDX, put in their places in a file of 6 MiB, with checksums made right. */
#include "core/base/bytes.h"
#include "core/base/crc32c.h"
#include "formats/registry.h"
#include "formats/vhdx_layout.h"
#include "tests/fuzz/memory_block.h"
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
};

static unsigned char image[SIZE];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void seal(unsigned char *p, size_t len)
{
	put_le32(p + VHDX_AT_CHECKSUM, 0);
	put_le32(p + VHDX_AT_CHECKSUM, crc32c(0, p, len));
}

static void seal_all(void)
{
	seal(image + VHDX_HEADER_1, VHDX_HEADER);
	seal(image + VHDX_REGIONS_1, VHDX_REGIONS);
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
	parent_folder_make(folder, "base.vhdx", image, SIZE);
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
