/* Fuzz: any bytes as a qcow2 image; what opens is mapped and read, and so are its first snapshots. */
#include "core/base/bytes.h"
#include "core/base/keys.h"
#include "formats/qcow2_layout.h"
#include "formats/registry.h"
#include "tests/fuzz/memory_block.h"
#include "tests/fuzz/mutate.h"
#include "tests/fuzz/parent_folder.h"

enum { L2_LOOKED_AT = 4, EXTENSIONS_LOOKED_AT = 6, SNAPSHOT_NUMBERS = 16, SNAPSHOTS_OPENED = 4 };

static const struct fuzz_numbers fields[] = {
    {QCOW2_H_VERSION, 1, 4},	       {QCOW2_H_BACKING_OFFSET, 1, 8},
    {QCOW2_H_BACKING_SIZE, 2, 4},      {QCOW2_H_SIZE, 1, 8},
    {QCOW2_H_CRYPT_METHOD, 2, 4},      {QCOW2_H_L1_OFFSET, 2, 8},
    {QCOW2_H_REFTABLE_CLUSTERS, 2, 4}, {QCOW2_H_SNAPSHOTS_OFFSET, 1, 8},
    {QCOW2_H_INCOMPATIBLE, 3, 8},      {QCOW2_H_REFCOUNT_ORDER, 2, 4},
    {QCOW2_H_COMPRESSION_TYPE, 1, 1},  {0},
};
static const uint64_t values[] = {QCOW2_COPIED,
				  QCOW2_COMPRESSED,
				  QCOW2_COPIED | QCOW2_COMPRESSED,
				  QCOW2_ZERO,
				  QCOW2_BIT(4),
				  UINT64_C(0xffffffff00000000),
				  0};

static void add_extensions(const uint8_t *data, size_t size, struct fuzz_map *m)
{
	uint64_t at = get_be32(data + QCOW2_H_HEADER_LENGTH);

	for (unsigned i = 0; i < EXTENSIONS_LOOKED_AT && range_inside(at, QCOW2_EXT_HEADER_SIZE, size); i++) {
		fuzz_map_add(m, size, at, 4, 4);
		at += QCOW2_EXT_HEADER_SIZE + align_up(get_be32(data + at + 4), 8);
	}
}

static void tables(const uint8_t *data, size_t size, struct fuzz_map *m)
{
	uint64_t l1, snapshots;

	if (size < QCOW2_V3_HEADER_SIZE)
		return;
	l1 = get_be64(data + QCOW2_H_L1_OFFSET);
	snapshots = get_be64(data + QCOW2_H_SNAPSHOTS_OFFSET);
	add_extensions(data, size, m);
	fuzz_map_add(m, size, l1, get_be32(data + QCOW2_H_L1_SIZE), QCOW2_ENTRY_SIZE);
	for (unsigned i = 0; i < L2_LOOKED_AT && range_inside(l1, QCOW2_ENTRY_SIZE * (i + 1), size); i++)
		fuzz_map_add(m, size, get_be64(data + l1 + QCOW2_ENTRY_SIZE * i) & QCOW2_OFFSET_MASK,
			     UINT64_C(1) << (data[QCOW2_H_CLUSTER_BITS + 3] & 31), QCOW2_ENTRY_SIZE);
	if (snapshots)
		fuzz_map_add(m, size, snapshots, SNAPSHOT_NUMBERS, 4);
}

static void seal(uint8_t *data, size_t size)
{
	if (size >= 4)
		put_be32(data, QCOW2_MAGIC);
}

static const struct fuzz_shape shape = {
    .big_endian = true, .fields = fields, .values = values, .tables = tables, .seal = seal};

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
	return fuzz_mutate(&shape, data, size, max, seed);
}

struct ids {
	struct image_snapshot snapshot[SNAPSHOTS_OPENED];
	unsigned n;
};

static int keep(const struct image_snapshot *s, void *opaque, struct err *err)
{
	struct ids *ids = opaque;

	ids->snapshot[ids->n++] = *s;
	return ids->n == SNAPSHOTS_OPENED;
}

/* The disk as it was at each of the first snapshots. */
static void open_snapshots(const struct folder *folder, const uint8_t *data, size_t size)
{
	static struct ids ids;
	struct block *file = memory_block_new(data, size);
	struct open_args args = {.file = file, .folder = folder, .name = "fuzz"};
	struct err err = ERR_INIT;

	ids.n = 0;
	if (format_qcow2.snapshots(&args, keep, &ids, &err) < 0)
		fuzz_expect_error(&err);
	for (unsigned i = 0; i < ids.n; i++) {
		struct open_options options = {.snapshot = ids.snapshot[i].id};

		args.options = &options;
		if (fuzz_open(&format_qcow2, &args))
			args.file = file = memory_block_new(data, size);
	}
	block_close(file);
}

/* The disk as it was; seeds have a snapshot of that ID. */
static void open_snapshot_of(const struct folder *folder, const uint8_t *data, size_t size)
{
	struct open_options options = {.snapshot = "1"};
	struct block *file = memory_block_new(data, size);
	struct open_args args = {.file = file, .folder = folder, .options = &options, .name = "fuzz"};

	if (!fuzz_open(&format_qcow2, &args))
		block_close(file);
}

/* AES takes any passphrase. LUKS would cost what the header says: fuzz_luks. */
static void open_encrypted(const struct folder *folder, const uint8_t *data, size_t size)
{
	struct keys keys = {.v = {{.secret = (char[]){"x"}, .len = 1}}, .n = 1};
	struct open_options options = {.keys = &keys};
	struct block *file = memory_block_new(data, size);
	struct open_args args = {.file = file, .folder = folder, .options = &options, .name = "fuzz"};

	if (!fuzz_open(&format_qcow2, &args))
		block_close(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct folder folder;

	if (!folder.path) {
		parent_folder_add_raw(&folder, "base.raw");
		parent_folder_add_raw(&folder, "data.raw");
		parent_folder_add_seed(&folder, "base.qcow2", "tests/fuzz/corpus/fuzz_qcow2/plain");
	}
	fuzz_image_in(&folder, &format_qcow2, data, size);
	fuzz_image_cut_off(&folder, "fuzz", &format_qcow2, data, size);
	open_snapshots(&folder, data, size);
	if (size > QCOW2_H_SNAPSHOTS + 4 && get_be32(data + QCOW2_H_SNAPSHOTS))
		open_snapshot_of(&folder, data, size);
	if (size > QCOW2_H_CRYPT_METHOD + 4 && get_be32(data + QCOW2_H_CRYPT_METHOD) == QCOW2_CRYPT_AES)
		open_encrypted(&folder, data, size);
	return 0;
}
