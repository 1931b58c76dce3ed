/* The keys of a hive, by their paths. */
#include "guest/hive_private.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
	INDEX_FROM = 32, /* subkeys from which on they are sorted for the search */
};

void hive_forget_indexes(struct hive *h)
{
	for (unsigned i = 0; i < INDEXES; i++) {
		arena_done(&h->indexes[i].arena);
		h->indexes[i] = (struct key_index){0};
	}
}

static int compare_keys(const void *a, const void *b)
{
	const struct named_key *x = a, *y = b;
	int ret = strcasecmp(x->name, y->name);

	return ret ? ret : x->place < y->place ? -1 : x->place > y->place;
}

static const struct key_index *index_of(const struct hive *h, hive_node_h parent)
{
	for (unsigned i = 0; i < INDEXES; i++)
		if (parent && h->indexes[i].parent == parent)
			return &h->indexes[i];
	return NULL;
}

/* Keys whose name can't be told are passed over. */
static const struct key_index *make_index(struct hive *h, hive_node_h parent, const hive_node_h *children)
{
	struct key_index *ret = &h->indexes[h->next_index];

	h->next_index = (h->next_index + 1) % INDEXES;
	arena_done(&ret->arena);
	*ret = (struct key_index){.parent = parent};
	for (size_t i = 0; children[i]; i++) {
		AUTO_FREE char *name = hivex_node_name(h->h, children[i]);

		if (name)
			*vec_push(&ret->arena, &ret->list) =
			    (struct named_key){arena_strdup(&ret->arena, name), children[i], i};
	}
	if (ret->list.n)
		qsort(ret->list.v, ret->list.n, sizeof *ret->list.v, compare_keys);
	return ret;
}

static hive_node_h search_index(const struct key_index *index, const char *name)
{
	size_t low = 0, high = index->list.n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strcasecmp(index->list.v[mid].name, name) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low < index->list.n && strcasecmp(index->list.v[low].name, name) == 0 ? index->list.v[low].node : 0;
}

static hive_node_h search_list(struct hive *h, const hive_node_h *children, const char *name)
{
	for (; *children; children++) {
		AUTO_FREE char *is = hivex_node_name(h->h, *children);

		if (is && strcasecmp(is, name) == 0)
			return *children;
	}
	return 0;
}

/* The first child of that name in any case. 0: none. */
static hive_node_h child(struct hive *h, hive_node_h node, const char *text, size_t len)
{
	const struct key_index *index = index_of(h, node);
	AUTO_FREE char *name = strndup(text, len);
	AUTO_FREE hive_node_h *children = index ? NULL : hivex_node_children(h->h, node);
	size_t n = 0;

	while (children && children[n])
		n++;
	if (name && n >= INDEX_FROM)
		index = make_index(h, node, children);
	if (!name || (!index && !children))
		return 0;
	return index ? search_index(index, name) : search_list(h, children, name);
}

static bool is_first(const char *key, const char *name)
{
	size_t n = strlen(name);

	return strncasecmp(key, name, n) == 0 && (key[n] == '\\' || !key[n]);
}

hive_node_h hive_walk(struct hive *h, const char *key, const char **ret_rest)
{
	hive_node_h node = hivex_root(h->h);

	for (unsigned depth = 0; *key && depth < HIVE_KEY_MAX; depth++) {
		size_t n = strcspn(key, "\\");
		hive_node_h next = child(h, node, key, n);

		if (!next)
			break;
		node = next;
		key += n + (key[n] != '\0');
	}
	*ret_rest = key;
	return node;
}

const char *hive_real_key(struct hive *h, struct arena *a, const char *key)
{
	static const char alias[] = "CurrentControlSet";
	char *set = NULL;

	if (!is_first(key, alias) || child(h, hivex_root(h->h), alias, strlen(alias)) ||
	    hive_control_set(h, a, &set, NULL) < 0)
		return key;
	return arena_printf(a, "%s%s", set, key + strlen(alias));
}

hive_node_h hive_find(struct hive *h, const char *key)
{
	AUTO(arena_done) struct arena a = {0};
	const char *rest;
	hive_node_h node = hive_walk(h, hive_real_key(h, &a, key), &rest);

	return *rest ? 0 : node;
}

bool hive_has_key(struct hive *h, const char *key)
{
	return hive_find(h, key) != 0;
}

int hive_unreadable(struct hive *h, const char *what, const char *key, struct err *err)
{
	return err_sys(err, ERR_CORRUPT, "'%s': %s of key '%s'", h->path, what, key);
}

int hive_subkeys(struct hive *h, const char *key, struct arena *a, struct names *ret, struct err *err)
{
	hive_node_h node = hive_find(h, key);
	AUTO_FREE hive_node_h *children = node ? hivex_node_children(h->h, node) : NULL;

	*ret = (struct names){0};
	if (node && !children)
		return hive_unreadable(h, "cannot list the subkeys", key, err);
	for (hive_node_h *c = children; c && *c; c++) {
		AUTO_FREE char *name = hivex_node_name(h->h, *c);

		if (name && names_add(ret, a, name, err) < 0)
			return -1;
	}
	return 0;
}

int hive_control_set(struct hive *system, struct arena *a, char **ret, struct err *err)
{
	static const char *const names[] = {"Default", "Current"};

	for (size_t i = 0; i < 2; i++) {
		uint32_t n;

		if (hive_dword(system, "Select", names[i], 0, &n, err) < 0)
			return -1;
		*ret = arena_printf(a, "ControlSet%03u", n);
		if (n && n < 1000 && hive_has_key(system, *ret))
			return 0;
	}
	*ret = NULL;
	return err_set(err, ERR_UNSUPPORTED, "'%s': Select names no control set that is there", system->path);
}
