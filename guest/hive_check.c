/* The structure of a registry hive: everything that a reader would follow is followed here first. */
#include "guest/hive_check.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/checked.h"
#include "core/base/grow.h"
#include "core/base/cleanup.h"

/* "Base block" */
enum {
	BASE_SEQUENCE1 = 4,
	BASE_SEQUENCE2 = 8,
	BASE_MAJOR = 20,
	BASE_MINOR = 24,
	BASE_TYPE = 28,
	BASE_FORMAT = 32,
	BASE_ROOT = 36,
	BASE_BINS = 40,
	BASE_SUM = 508,
	MINOR_MIN = 2, /* NT 3.51's; older ones have other cells */
	MINOR_MAX = 6,
};

/* "Hive bin", "Cell" */
enum { BIN_HEADER = 32, BIN_OFFSET = 4, BIN_SIZE = 8, BIN_UNIT = 4096, CELL_UNIT = 8, CELL_HEADER = 4 };

/* "Key node", offsets in the cell's data */
enum {
	NK_FLAGS = 2,
	NK_PARENT = 16,
	NK_SUBKEYS = 20,
	NK_SUBKEY_LIST = 28,
	NK_VALUES = 36,
	NK_VALUE_LIST = 40,
	NK_SECURITY = 44,
	NK_CLASS = 48,
	NK_NAME_LEN = 72,
	NK_NAME = 76,
	NK_ASCII = 0x20,  /* flag: the name has one byte a character */
	NK_PREDEF = 0x40, /* flag: a handle stands in NK_VALUES */
};

/* "Key value", "Key security", "Big data" */
enum {
	VK_NAME_LEN = 2,
	VK_SIZE = 4,
	VK_DATA = 8,
	VK_NAME = 20,
	SK_FLINK = 4,
	SK_BLINK = 8,
	SK_SIZE = 16,
	SK_HEADER = 20,
	DB_SEGMENTS = 2,
	DB_LIST = 4,
	DB_HEADER = 8,
	LIST_HEADER = 4,
};

#define VK_INLINE UINT32_C(0x80000000)

struct key_ref {
	uint32_t cell, parent;
	unsigned depth;
};

struct check {
	const uint8_t *data;
	uint32_t bins;	       /* bytes from HIVE_BASE on that are bins */
	uint8_t *used;	       /* a bit per 8 bytes: an allocated cell begins */
	uint8_t *claimed;      /* … and something points to it */
	uint8_t *security;     /* … as a security cell */
	struct key_ref *stack; /* keys that are still to be looked at */
	size_t stacked, stack_cap;
	struct hive_facts *facts;
};

static void check_done(struct check *c)
{
	free(c->used);
	free(c->claimed);
	free(c->security);
	free(c->stack);
}

/* -------------------------------------------------------------------------------------------------- base block */

uint32_t hive_header_sum(const uint8_t *data)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < BASE_SUM; i += 4)
		sum ^= get_le32(data + i);
	return sum == UINT32_MAX ? UINT32_MAX - 1 : sum ? sum : 1;
}

int hive_header_read(const uint8_t *data, size_t len, struct hive_header *ret, struct err *err)
{
	uint32_t major, minor, type;

	if (len < HIVE_BASE + BIN_UNIT)
		return err_set(err, ERR_CORRUPT, "%zu bytes are no registry hive, the smallest has %d", len,
			       HIVE_BASE + BIN_UNIT);
	if (memcmp(data, "regf", 4) != 0)
		return err_set(err, ERR_CORRUPT, "no registry hive: found %02x %02x %02x %02x, expected 'regf'",
			       data[0], data[1], data[2], data[3]);
	major = get_le32(data + BASE_MAJOR);
	minor = get_le32(data + BASE_MINOR);
	type = get_le32(data + BASE_TYPE);
	if (major != 1 || minor < MINOR_MIN || minor > MINOR_MAX)
		return err_set(err, ERR_UNSUPPORTED,
			       "registry hive of version %" PRIu32 ".%" PRIu32 ", known are 1.%d to 1.%d", major, minor,
			       MINOR_MIN, MINOR_MAX);
	if (type != 0 || get_le32(data + BASE_FORMAT) != 1)
		return err_set(err, ERR_CORRUPT, "registry file of type %" PRIu32 ", a hive has 0", type);
	*ret = (struct hive_header){.sequence1 = get_le32(data + BASE_SEQUENCE1),
				    .sequence2 = get_le32(data + BASE_SEQUENCE2),
				    .minor = minor,
				    .root = get_le32(data + BASE_ROOT),
				    .bins = get_le32(data + BASE_BINS),
				    .checksum_ok = get_le32(data + BASE_SUM) == hive_header_sum(data)};
	return 0;
}

bool hive_header_is_dirty(const struct hive_header *h)
{
	return !h->checksum_ok || h->sequence1 != h->sequence2;
}

/* -------------------------------------------------------------------------------------------------------- cells */

static bool bit(const uint8_t *map, uint32_t cell)
{
	return map[cell / CELL_UNIT / 8] >> (cell / CELL_UNIT % 8) & 1;
}

static void set_bit(uint8_t *map, uint32_t cell)
{
	map[cell / CELL_UNIT / 8] |= (uint8_t)(1 << (cell / CELL_UNIT % 8));
}

static bool is_cell(const struct check *c, uint32_t cell)
{
	return cell < c->bins && cell % CELL_UNIT == 0 && bit(c->used, cell);
}

/* Of an allocated cell: what it holds, and how much room that has. */
static const uint8_t *cell_data(const struct check *c, uint32_t cell)
{
	return c->data + HIVE_BASE + cell + CELL_HEADER;
}

static uint32_t cell_room(const struct check *c, uint32_t cell)
{
	return -get_le32(c->data + HIVE_BASE + cell) - CELL_HEADER;
}

static bool has_tag(const struct check *c, uint32_t cell, const char *tag)
{
	return memcmp(cell_data(c, cell), tag, 2) == 0;
}

/* Where a cell stands in the file, for messages. */
static uint64_t at(uint32_t cell)
{
	return (uint64_t)HIVE_BASE + cell;
}

/* True the first time. */
static bool claim(struct check *c, uint32_t cell)
{
	bool first = !bit(c->claimed, cell);

	set_bit(c->claimed, cell);
	return first;
}

static int check_bin_cells(struct check *c, uint32_t bin, uint32_t size, struct err *err)
{
	for (uint32_t cell = bin + BIN_HEADER; cell < bin + size;) {
		int32_t stated = (int32_t)get_le32(c->data + HIVE_BASE + cell);
		uint32_t n = stated < 0 ? -(uint32_t)stated : (uint32_t)stated;

		if (n < CELL_UNIT || n % CELL_UNIT || n > bin + size - cell)
			return err_set(err, ERR_CORRUPT,
				       "cell at 0x%" PRIx64 ": size %" PRId32 ", its bin ends after %" PRIu32 " bytes",
				       at(cell), stated, bin + size - cell);
		if (stated < 0)
			set_bit(c->used, cell);
		cell += n;
	}
	return 0;
}

static int check_bins(struct check *c, struct err *err)
{
	for (uint32_t bin = 0; bin < c->bins;) {
		const uint8_t *p = c->data + HIVE_BASE + bin;
		uint32_t size = get_le32(p + BIN_SIZE);

		if (memcmp(p, "hbin", 4) != 0)
			return err_set(err, ERR_CORRUPT, "no hive bin at 0x%" PRIx64 ", where one must begin", at(bin));
		if (get_le32(p + BIN_OFFSET) != bin || !size || size % BIN_UNIT || size > c->bins - bin)
			return err_set(err, ERR_CORRUPT,
				       "hive bin at 0x%" PRIx64 ": says offset 0x%" PRIx32 " and 0x%" PRIx32
				       " bytes; 0x%" PRIx32 " are left",
				       at(bin), get_le32(p + BIN_OFFSET), size, c->bins - bin);
		if (check_bin_cells(c, bin, size, err) < 0)
			return -1;
		bin += size;
	}
	return 0;
}

/* --------------------------------------------------------------------------------------------------------- keys */

static int push_key(struct check *c, uint32_t cell, uint32_t parent, unsigned depth, struct err *err)
{
	if (!is_cell(c, cell) || !has_tag(c, cell, "nk") || cell_room(c, cell) < NK_NAME ||
	    cell_room(c, cell) - NK_NAME < get_le16(cell_data(c, cell) + NK_NAME_LEN))
		return err_set(err, ERR_CORRUPT, "subkey of the key at 0x%" PRIx64 ": no key at 0x%" PRIx64, at(parent),
			       at(cell));
	if (!claim(c, cell))
		return err_set(err, ERR_CORRUPT, "key at 0x%" PRIx64 ": belongs to two others", at(cell));
	if (depth && get_le32(cell_data(c, cell) + NK_PARENT) != parent)
		return err_set(err, ERR_CORRUPT, "key at 0x%" PRIx64 ": says parent 0x%" PRIx32 ", is below 0x%" PRIx32,
			       at(cell), get_le32(cell_data(c, cell) + NK_PARENT), parent);
	if (depth > HIVE_DEPTH_MAX)
		return err_set(err, ERR_CORRUPT, "keys nest deeper than %d", HIVE_DEPTH_MAX);
	if (array_grow(&c->stack, c->stacked, &c->stack_cap, sizeof *c->stack, err) < 0)
		return -1;
	c->stack[c->stacked++] = (struct key_ref){cell, parent, depth};
	return 0;
}

/* Size of an element of a list of keys; 0: it is none. */
static uint32_t element_size(const struct check *c, uint32_t list)
{
	if (has_tag(c, list, "lf") || has_tag(c, list, "lh"))
		return 8;
	return has_tag(c, list, "li") ? 4 : 0;
}

static int check_leaf(struct check *c, const struct key_ref *k, uint32_t list, uint32_t *left, struct err *err)
{
	uint32_t size, n;

	if (!is_cell(c, list) || !(size = element_size(c, list)) || !claim(c, list))
		return err_set(err, ERR_CORRUPT, "key at 0x%" PRIx64 ": no list of subkeys of its own at 0x%" PRIx64,
			       at(k->cell), at(list));
	n = get_le16(cell_data(c, list) + 2);
	if (n > *left || n * size > cell_room(c, list) - LIST_HEADER)
		return err_set(err, ERR_CORRUPT,
			       "list of subkeys at 0x%" PRIx64 ": %" PRIu32 " elements, its key has %" PRIu32
			       " more and the cell room for %" PRIu32,
			       at(list), n, *left, (cell_room(c, list) - LIST_HEADER) / size);
	*left -= n;
	for (uint32_t i = 0; i < n; i++)
		if (push_key(c, get_le32(cell_data(c, list) + LIST_HEADER + i * size), k->cell, k->depth + 1, err) < 0)
			return -1;
	return 0;
}

static int check_subkeys(struct check *c, const struct key_ref *k, struct err *err)
{
	const uint8_t *nk = cell_data(c, k->cell);
	uint32_t left = get_le32(nk + NK_SUBKEYS), list = get_le32(nk + NK_SUBKEY_LIST), n;

	if (!left)
		return 0;
	if (!is_cell(c, list) || !has_tag(c, list, "ri")) {
		if (check_leaf(c, k, list, &left, err) < 0)
			return -1;
	} else {
		n = get_le16(cell_data(c, list) + 2);
		if (!claim(c, list) || n * 4 > cell_room(c, list) - LIST_HEADER)
			return err_set(err, ERR_CORRUPT,
				       "index of subkeys at 0x%" PRIx64 ": %" PRIu32 " lists don't fit", at(list), n);
		for (uint32_t i = 0; i < n; i++)
			if (check_leaf(c, k, get_le32(cell_data(c, list) + LIST_HEADER + 4 * i), &left, err) < 0)
				return -1;
	}
	if (left)
		return err_set(err, ERR_CORRUPT,
			       "key at 0x%" PRIx64 ": %" PRIu32 " of its %" PRIu32 " subkeys are in no list",
			       at(k->cell), left, get_le32(nk + NK_SUBKEYS));
	return 0;
}

/* ------------------------------------------------------------------------------------------------------- values */

static int check_big_data(struct check *c, uint32_t cell, struct err *err)
{
	const uint8_t *db = cell_data(c, cell);
	uint32_t n, list;

	if (cell_room(c, cell) < DB_HEADER)
		return err_set(err, ERR_CORRUPT, "big data at 0x%" PRIx64 ": the cell is too small", at(cell));
	n = get_le16(db + DB_SEGMENTS);
	list = get_le32(db + DB_LIST);
	if (!is_cell(c, list) || !claim(c, list) || n * 4 > cell_room(c, list))
		return err_set(err, ERR_CORRUPT,
			       "big data at 0x%" PRIx64 ": no list of %" PRIu32 " segments of its own at 0x%" PRIx64,
			       at(cell), n, at(list));
	for (uint32_t i = 0; i < n; i++) {
		uint32_t segment = get_le32(cell_data(c, list) + 4 * i);

		if (!is_cell(c, segment) || !claim(c, segment))
			return err_set(err, ERR_CORRUPT,
				       "big data at 0x%" PRIx64 ": segment %" PRIu32
				       " is no cell of its own at 0x%" PRIx64,
				       at(cell), i, at(segment));
	}
	return 0;
}

static int check_data(struct check *c, const uint8_t *vk, struct err *err)
{
	uint32_t size = get_le32(vk + VK_SIZE), cell = get_le32(vk + VK_DATA);

	/* A pointer to nowhere: this value can't be read, which harms no other. */
	if ((size & VK_INLINE) || !is_cell(c, cell))
		return 0;
	if (!claim(c, cell)) {
		if (size > cell_room(c, cell))
			return err_set(err, ERR_CORRUPT, "data at 0x%" PRIx64 ": belong to two values", at(cell));
		c->facts->shared = true;
		return 0;
	}
	return size > cell_room(c, cell) && has_tag(c, cell, "db") ? check_big_data(c, cell, err) : 0;
}

static int check_value(struct check *c, const struct key_ref *k, uint32_t cell, struct err *err)
{
	const uint8_t *vk;

	if (!is_cell(c, cell) || !has_tag(c, cell, "vk") || cell_room(c, cell) < VK_NAME ||
	    cell_room(c, cell) - VK_NAME < get_le16(cell_data(c, cell) + VK_NAME_LEN))
		return err_set(err, ERR_CORRUPT, "key at 0x%" PRIx64 ": no value at 0x%" PRIx64, at(k->cell), at(cell));
	vk = cell_data(c, cell);
	c->facts->values++;
	if (claim(c, cell))
		return check_data(c, vk, err);
	c->facts->shared = true;
	return 0;
}

static int check_values(struct check *c, const struct key_ref *k, struct err *err)
{
	const uint8_t *nk = cell_data(c, k->cell);
	uint32_t n = get_le32(nk + NK_VALUES), list = get_le32(nk + NK_VALUE_LIST);

	if (!n || ((get_le16(nk + NK_FLAGS) & NK_PREDEF) && n > INT32_MAX))
		return 0;
	if (!is_cell(c, list) || !claim(c, list) || n > cell_room(c, list) / 4)
		return err_set(err, ERR_CORRUPT,
			       "key at 0x%" PRIx64 ": no list of %" PRIu32 " values of its own at 0x%" PRIx64,
			       at(k->cell), n, at(list));
	for (uint32_t i = 0; i < n; i++)
		if (check_value(c, k, get_le32(cell_data(c, list) + 4 * i), err) < 0)
			return -1;
	return 0;
}

/* ----------------------------------------------------------------------------------------------------- security */

static bool is_security(const struct check *c, uint32_t cell)
{
	return is_cell(c, cell) && has_tag(c, cell, "sk") && cell_room(c, cell) >= SK_HEADER;
}

/* Security cells belong to many keys; they form a ring. */
static int check_security(struct check *c, const struct key_ref *k, struct err *err)
{
	uint32_t cell = get_le32(cell_data(c, k->cell) + NK_SECURITY);
	const uint8_t *sk;

	if (cell == (uint32_t)HIVE_NONE)
		return 0;
	if (!is_security(c, cell))
		return err_set(err, ERR_CORRUPT, "key at 0x%" PRIx64 ": no security cell at 0x%" PRIx64, at(k->cell),
			       at(cell));
	if (bit(c->security, cell))
		return 0;
	set_bit(c->security, cell);
	if (!claim(c, cell))
		c->facts->shared = true;
	sk = cell_data(c, cell);
	if (get_le32(sk + SK_SIZE) > cell_room(c, cell) - SK_HEADER || !is_security(c, get_le32(sk + SK_FLINK)) ||
	    !is_security(c, get_le32(sk + SK_BLINK)))
		return err_set(err, ERR_CORRUPT, "security cell at 0x%" PRIx64 ": size or neighbours are wrong",
			       at(cell));
	return 0;
}

static int check_key(struct check *c, const struct key_ref *k, struct err *err)
{
	uint32_t class = get_le32(cell_data(c, k->cell) + NK_CLASS);

	c->facts->keys++;
	if (is_cell(c, class) && !claim(c, class))
		c->facts->shared = true;
	if (!is_cell(c, class) && class != UINT32_MAX)
		c->facts->astray = true;
	if (check_security(c, k, err) < 0 || check_values(c, k, err) < 0)
		return -1;
	return check_subkeys(c, k, err);
}

static int check_tree(struct check *c, struct err *err)
{
	if (push_key(c, c->facts->header.root, c->facts->header.root, 0, err) < 0)
		return err_wrap(err, "root key");
	while (c->stacked) {
		struct key_ref k = c->stack[--c->stacked];

		if (check_key(c, &k, err) < 0)
			return -1;
	}
	return 0;
}

int hive_check(const uint8_t *data, size_t len, struct hive_facts *ret, struct err *err)
{
	AUTO(check_done) struct check c = {.data = data, .facts = ret};
	size_t map;

	*ret = (struct hive_facts){0};
	if (hive_header_read(data, len, &ret->header, err) < 0)
		return -1;
	if (!ret->header.checksum_ok)
		return err_set(err, ERR_CORRUPT, "the base block's checksum is 0x%08" PRIx32 ", expected 0x%08" PRIx32,
			       get_le32(data + BASE_SUM), hive_header_sum(data));
	c.bins = ret->header.bins;
	if (!c.bins || c.bins % BIN_UNIT || c.bins > INT32_MAX || c.bins > len - HIVE_BASE)
		return err_set(err, ERR_CORRUPT, "the base block says 0x%" PRIx32 " bytes of bins, the file has 0x%zx",
			       c.bins, len - HIVE_BASE);
	map = c.bins / CELL_UNIT / 8;
	c.used = calloc(1, map);
	if (!c.used)
		return err_nomem(err);
	c.claimed = calloc(1, map);
	c.security = calloc(1, map);
	if (!c.claimed || !c.security)
		return err_nomem(err);
	return check_bins(&c, err) < 0 || check_tree(&c, err) < 0 ? -1 : 0;
}

/* ------------------------------------------------------------------------------------------------ order of keys */

/* The elements of all lists under one key, in order. */
struct elements {
	uint8_t **v; /* NULL-free; each points into the hive */
	size_t n;
	uint32_t size;
};

static void elements_done(struct elements *e)
{
	free(e->v);
}

static uint8_t *body(uint8_t *data, uint32_t cell)
{
	return data + HIVE_BASE + cell + CELL_HEADER;
}

static int add_leaf(uint8_t *data, uint32_t list, struct elements *e, struct err *err)
{
	uint8_t *p = body(data, list);
	uint32_t n = get_le16(p + 2), size = p[1] == 'i' ? 4 : 8;

	if (e->size && e->size != size)
		return err_set(err, ERR_UNSUPPORTED,
			       "list of subkeys at 0x%" PRIx64 ": of another kind than the others of "
			       "its key",
			       at(list));
	e->size = size;
	for (uint32_t i = 0; i < n; i++)
		e->v[e->n++] = p + LIST_HEADER + i * size;
	return 0;
}

static int list_elements(uint8_t *data, size_t parent, struct elements *ret, struct err *err)
{
	uint8_t *nk = data + parent + CELL_HEADER, *list;
	uint32_t n = get_le32(nk + NK_SUBKEYS), first = get_le32(nk + NK_SUBKEY_LIST);

	ret->v = calloc(n + 1, sizeof *ret->v);
	if (!ret->v)
		return err_nomem(err);
	if (!n)
		return 0;
	list = body(data, first);
	if (memcmp(list, "ri", 2) != 0)
		return add_leaf(data, first, ret, err);
	for (uint32_t i = 0; i < get_le16(list + 2); i++)
		if (add_leaf(data, get_le32(list + LIST_HEADER + 4 * i), ret, err) < 0)
			return -1;
	return 0;
}

static uint16_t upper(uint16_t c)
{
	return c >= 'a' && c <= 'z' ? (uint16_t)(c - 'a' + 'A') : c;
}

/* Character i of a key's name in upper case, -1 behind its end. */
static int name_char(const uint8_t *nk, size_t i)
{
	size_t len = get_le16(nk + NK_NAME_LEN);

	if (get_le16(nk + NK_FLAGS) & NK_ASCII)
		return i < len ? upper(nk[NK_NAME + i]) : -1;
	return 2 * i + 1 < len ? upper(get_le16(nk + NK_NAME + 2 * i)) : -1;
}

static int compare_names(const uint8_t *a, const uint8_t *b)
{
	for (size_t i = 0;; i++) {
		int x = name_char(a, i), y = name_char(b, i);

		if (x != y)
			return x < y ? -1 : 1;
		if (x < 0)
			return 0;
	}
}

int hive_place_subkey(uint8_t *data, size_t parent, size_t key, struct err *err)
{
	AUTO(elements_done) struct elements e = {0};
	const uint8_t *name = data + key + CELL_HEADER;
	size_t is = SIZE_MAX, to = 0;
	uint8_t moved[8];

	if (list_elements(data, parent, &e, err) < 0)
		return -1;
	for (size_t i = 0; i < e.n; i++)
		if (get_le32(e.v[i]) + (size_t)HIVE_BASE == key)
			is = i;
		else if (compare_names(body(data, get_le32(e.v[i])), name) < 0)
			to = is == SIZE_MAX ? i + 1 : i;
	if (is == SIZE_MAX || is == to)
		return 0;
	memcpy(moved, e.v[is], e.size);
	for (; is < to; is++)
		memcpy(e.v[is], e.v[is + 1], e.size);
	for (; is > to; is--)
		memcpy(e.v[is], e.v[is - 1], e.size);
	memcpy(e.v[to], moved, e.size);
	return 0;
}
