/* The binary module indexes: written from a sorted list, read with every position checked. */
#include "guest/files/kmod_index.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bytes.h"
#include "core/base/checked.h"
#include "core/base/cleanup.h"

enum {
	HEADER = 12,
	KEY_MAX = 4096,	     /* the longest alias seen has under 200 characters */
	NODES_MAX = 4 << 20, /* the alias index of a distribution's kernel has about 100000 */
	FIRST_CHAR = 1,
	LAST_CHAR = 127,
};
#define MAGIC	     0xb007f457U
#define VERSION	     0x00020001U
#define HAS_PREFIX   0x80000000U
#define HAS_VALUES   0x40000000U
#define HAS_CHILDREN 0x20000000U
#define POSITION     0x0fffffffU

static int compare_entries(const void *a, const void *b)
{
	const struct kmod_entry *x = a, *y = b;
	int order = strcmp(x->key, y->key);

	if (order)
		return order;
	return x->priority != y->priority ? (x->priority < y->priority ? -1 : 1) : strcmp(x->value, y->value);
}

static int add_be32(struct buf *out, uint32_t v)
{
	uint8_t b[4];

	put_be32(b, v);
	return buf_add(out, b, sizeof b);
}

/* Characters that all keys have in common behind the first depth ones: those of the first and the last, as they are
 * sorted. */
static size_t common_prefix(const struct kmod_entry *e, size_t n, size_t depth)
{
	const char *first = e[0].key + depth, *last = e[n - 1].key + depth;
	size_t len = 0;

	while (first[len] && first[len] == last[len])
		len++;
	return len;
}

/* Entries from e on whose key has the same character at depth. */
static size_t run_of(const struct kmod_entry *e, size_t n, size_t depth)
{
	size_t run = 1;

	while (run < n && e[run].key[depth] == e[0].key[depth])
		run++;
	return run;
}

static int write_values(const struct kmod_entry *e, size_t n, struct buf *out)
{
	if (add_be32(out, (uint32_t)n) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (add_be32(out, e[i].priority) < 0 || buf_add(out, e[i].value, strlen(e[i].value) + 1) < 0)
			return -1;
	return 0;
}

static int write_children(const uint32_t *children, unsigned char first, unsigned char last, struct buf *out)
{
	if (buf_add(out, &first, 1) < 0 || buf_add(out, &last, 1) < 0)
		return -1;
	for (unsigned c = first; c <= last; c++)
		if (add_be32(out, children[c]) < 0)
			return -1;
	return 0;
}

/* Writes the tree of n > 0 entries, children first; the depth first characters of their keys are above it. */
static int write_node(const struct kmod_entry *e, size_t n, size_t depth, bool root, struct buf *out,
		      uint32_t *ret_position)
{
	uint32_t children[LAST_CHAR + 1] = {0};
	/* depmod(8) gives the root no prefix. */
	size_t prefix = root ? 0 : common_prefix(e, n, depth), below = depth + prefix, values = 0, run;
	unsigned char first = 0, last = 0;

	while (values < n && !e[values].key[below])
		values++;
	for (size_t i = values; i < n; i += run) {
		run = run_of(e + i, n - i, below);
		last = (unsigned char)e[i].key[below];
		first = first ? first : last;
		if (write_node(e + i, run, below + 1, false, out, &children[last]) < 0)
			return -1;
	}
	*ret_position =
	    (uint32_t)out->len | (prefix ? HAS_PREFIX : 0) | (first ? HAS_CHILDREN : 0) | (values ? HAS_VALUES : 0);
	if (prefix && (buf_add(out, e[0].key + depth, prefix) < 0 || buf_add(out, "", 1) < 0))
		return -1;
	if (first && write_children(children, first, last, out) < 0)
		return -1;
	return values ? write_values(e, values, out) : 0;
}

static int check_keys(const struct kmod_entry *e, size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		if (strlen(e[i].key) >= KEY_MAX)
			return err_set(err, ERR_CORRUPT, "module index: key '%.60s…' has more than %d characters",
				       e[i].key, KEY_MAX - 1);
		for (const char *c = e[i].key; *c; c++)
			if ((unsigned char)*c > LAST_CHAR)
				return err_set(err, ERR_CORRUPT, "module index: key '%.60s' isn't ASCII", e[i].key);
	}
	return 0;
}

int kmod_index_write(struct kmod_entry *entries, size_t n, struct buf *out, struct err *err)
{
	AUTO(buf_done) struct buf b = BUF_INIT(POSITION);
	uint32_t root = HEADER;

	if (check_keys(entries, n, err) < 0)
		return -1;
	if (n)
		qsort(entries, n, sizeof *entries, compare_entries);
	if (add_be32(&b, MAGIC) < 0 || add_be32(&b, VERSION) < 0 || add_be32(&b, 0) < 0 ||
	    (n && write_node(entries, n, 0, true, &b, &root) < 0))
		return err_set(err, ERR_CORRUPT, "module index of %zu entries is over %u bytes long", n, POSITION);
	put_be32(b.data + 8, root);
	return buf_add(out, b.data, b.len) < 0 ? err_nomem(err) : 0;
}

struct index_reader {
	const uint8_t *data;
	size_t len, nodes;
	char key[KEY_MAX];
	kmod_index_fn *fn;
	void *opaque;
};

static int damaged(uint64_t at, const char *what, struct err *err)
{
	return err_set(err, ERR_CORRUPT, "module index at 0x%llx: %s", (unsigned long long)at, what);
}

/* The text at *at, whose end is looked for inside the file. */
static const char *take_text(const struct index_reader *r, uint64_t *at)
{
	const char *text = (const char *)r->data + *at;
	const char *end = *at < r->len ? memchr(text, 0, r->len - *at) : NULL;

	if (!end)
		return NULL;
	*at += (uint64_t)(end - text) + 1;
	return text;
}

static int read_values(struct index_reader *r, uint64_t at, struct err *err)
{
	uint32_t count;

	if (!range_inside(at, 4, r->len))
		return damaged(at, "count of values lies outside", err);
	count = get_be32(r->data + at);
	at += 4;
	for (uint32_t i = 0; i < count; i++) {
		struct kmod_entry e = {.key = r->key};

		if (++r->nodes > NODES_MAX || !range_inside(at, 4, r->len))
			return damaged(at, "value lies outside", err);
		e.priority = get_be32(r->data + at);
		at += 4;
		e.value = take_text(r, &at);
		if (!e.value)
			return damaged(at, "value has no end", err);
		if (r->fn(&e, r->opaque, err) < 0)
			return -1;
	}
	return 0;
}

static int read_node(struct index_reader *r, uint32_t position, size_t depth, struct err *err);

static int read_children(struct index_reader *r, const uint8_t *at, size_t depth, struct err *err)
{
	unsigned first = at[0], last = at[1];

	for (unsigned c = first; c <= last; c++) {
		uint32_t child = get_be32(at + 2 + (size_t)4 * (c - first));

		if (!child)
			continue;
		r->key[depth] = (char)c;
		r->key[depth + 1] = '\0';
		if (read_node(r, child, depth + 1, err) < 0)
			return -1;
	}
	r->key[depth] = '\0';
	return 0;
}

/* Children of the node at `at`, whose table ends where values begin. */
static int check_children(const struct index_reader *r, uint64_t at, uint64_t *ret_end, struct err *err)
{
	if (!range_inside(at, 2, r->len))
		return damaged(at, "children lie outside", err);
	if (r->data[at] < FIRST_CHAR || r->data[at + 1] > LAST_CHAR || r->data[at] > r->data[at + 1])
		return damaged(at, "children aren't a range of ASCII", err);
	*ret_end = at + 2 + (uint64_t)4 * (r->data[at + 1] - r->data[at] + 1U);
	if (*ret_end > r->len)
		return damaged(at, "children lie outside", err);
	return 0;
}

static int read_node(struct index_reader *r, uint32_t position, size_t depth, struct err *err)
{
	uint64_t at = position & POSITION, children = 0;
	const char *prefix = "";
	size_t len;

	if (++r->nodes > NODES_MAX)
		return damaged(at, "too many nodes", err);
	if (position & HAS_PREFIX && !(prefix = take_text(r, &at)))
		return damaged(at, "prefix has no end", err);
	/* Each level takes a character at least, so the bound on keys bounds the recursion too. */
	len = strlen(prefix);
	if (len + depth + 2 > KEY_MAX)
		return damaged(at, "key is too long", err);
	memcpy(r->key + depth, prefix, len + 1);
	depth += len;
	if (position & HAS_CHILDREN) {
		children = at;
		if (check_children(r, children, &at, err) < 0)
			return -1;
	}
	if (position & HAS_VALUES && read_values(r, at, err) < 0)
		return -1;
	return children ? read_children(r, r->data + children, depth, err) : 0;
}

int kmod_index_each(const void *data, size_t len, kmod_index_fn *fn, void *opaque, struct err *err)
{
	struct index_reader r = {.data = data, .len = len, .fn = fn, .opaque = opaque};
	uint32_t root;

	if (len < HEADER || get_be32(data) != MAGIC)
		return damaged(0, "is no module index", err);
	if (get_be32(r.data + 4) != VERSION)
		return err_set(err, ERR_UNSUPPORTED, "module index of version 0x%x, 0x%x is known",
			       get_be32(r.data + 4), VERSION);
	root = get_be32(r.data + 8);
	return read_node(&r, root, 0, err);
}
