/* One registry hive of a guest, read into memory, checked and replayed there, opened with hivex, written back in place.
 *
 * hivex trusts some of what it follows, so nothing reaches it that hive_check() has not seen.
 */
#include "guest/hive.h"

#include <errno.h>
#include <hivex.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>

#include "core/base/bytes.h"
#include "core/base/file.h"
#include "guest/hive_check.h"
#include "guest/hive_log.h"
#include "guest/hive_record.h"
#include "guest/hive_text.h"
#include "guest/winpath.h"

enum {
	NAME_MAX_BYTES = 255,	 /* of a key's name, in characters: Windows' limit */
	TREE_LINES_MAX = 2000,	 /* of a dropped key in a record */
	LOG_FILE_MAX = 64 << 20, /* Windows' own limit is 32 MiB */
	INDEX_FROM = 32,	 /* subkeys from which on they are sorted for the search */
	INDEXES = 16, /* keys whose subkeys are, at the same time: more than a path of Windows' has large ones */
};

struct named_key {
	char *name;
	hive_node_h node;
	size_t place; /* in the hive's order */
};

/* The subkeys of a key that has many, sorted: hivex lists them all anew for every search. */
struct key_index {
	struct arena arena;
	hive_node_h parent; /* 0: none */
	VEC(struct named_key) list;
};

/* A key that was made, whose place among its brothers hivex chooses by another order than Windows. */
struct made_key {
	hive_node_h parent, node;
};

/* The key whose values are being changed: hivex stores all values of a key anew for every change of one, in new cells,
 * so they are handed to it when another key's turn comes. */
struct open_key {
	struct arena arena;
	hive_node_h node; /* 0: none */
	char *key;
	struct reg_values values;
	bool changed;
};

struct hive {
	struct guest *guest;
	struct arena arena;
	const char *root;
	char *path;
	enum hive_mode mode;
	enum hive_state state;
	bool shared; /* cells with two owners */
	bool failed; /* a change was begun and not finished */
	hive_h *h;
	struct hive_edits edits;
	VEC(struct made_key) made;
	struct open_key open;
	struct key_index indexes[INDEXES];
	unsigned next_index; /* that is used next */
};

enum hive_state hive_state(const struct hive *h)
{
	return h->state;
}

const char *hive_path(const struct hive *h)
{
	return h->path;
}

/* After a change of the keys. */
static void forget_indexes(struct hive *h)
{
	for (unsigned i = 0; i < INDEXES; i++) {
		arena_done(&h->indexes[i].arena);
		h->indexes[i] = (struct key_index){0};
	}
}

void hive_close(struct hive *h)
{
	if (!h)
		return;
	forget_indexes(h);
	if (h->h)
		hivex_close(h->h);
	arena_done(&h->open.arena);
	arena_done(&h->arena);
	free(h);
}

/* --------------------------------------------------------------------------------------------------------- open */

static int missing(const char *path, struct err *err)
{
	errno = ENOENT;
	return err_sys(err, ERR_UNREADABLE, "cannot open '%s'", path);
}

/* Windows wrote the hive in two steps and didn't come to the second. */
static int dirty(const struct hive *h, const char *why, struct err *err)
{
	return err_set(
	    err, ERR_BLOCKED,
	    "'%s': Windows was not shut down cleanly, and %s: start Windows on the source, let it come up, and "
	    "shut it down with: shutdown /s /f /t 0",
	    h->path, why);
}

struct log_files {
	struct buf bytes[3];
	struct hive_log logs[3];
	size_t n;
};

static void log_files_done(struct log_files *l)
{
	for (size_t i = 0; i < l->n; i++)
		buf_done(&l->bytes[i]);
}

static int read_logs(struct hive *h, struct log_files *ret, struct err *err)
{
	static const char *const suffixes[] = {".LOG1", ".LOG2", ".LOG"};

	for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
		struct buf *b = &ret->bytes[ret->n];
		char *path;

		if (win_path(h->guest, arena_printf(&h->arena, "%s%s", h->path, suffixes[i]), &h->arena, &path, err) <
		    0)
			return -1;
		if (!path)
			continue;
		*b = (struct buf)BUF_INIT(LOG_FILE_MAX);
		ret->n++;
		if (h->guest->ops->read(h->guest, path, b, err) < 0)
			return -1;
		ret->logs[ret->n - 1] =
		    (struct hive_log){.name = path, .data = (const uint8_t *)b->data, .len = b->len};
	}
	return 0;
}

static bool has_log(const struct log_files *l, enum hive_log_kind kind)
{
	for (size_t i = 0; i < l->n; i++)
		if (hive_log_kind(&l->logs[i]) == kind)
			return true;
	return false;
}

/* Replays the logs, or says why they can't be. */
static int settle(struct hive *h, struct buf *b, struct err *err)
{
	AUTO(log_files_done) struct log_files logs = {0};
	struct err why = ERR_INIT;
	unsigned applied;

	if (read_logs(h, &logs, err) < 0)
		return -1;
	if (hive_log_replay(b, logs.logs, logs.n, &applied, &why) == 0) {
		h->state = HIVE_REPLAYED;
		return 0;
	}
	if (why.code != ERR_BLOCKED)
		return err_set(err, why.code, "%s", why.text);
	h->state = HIVE_DIRTY;
	if (h->mode == HIVE_READ)
		return 0;
	return dirty(h,
		     has_log(&logs, HIVE_LOG_NEW)   ? why.text
		     : has_log(&logs, HIVE_LOG_OLD) ? "its transaction log is in the format of Windows 8 and older"
						    : "there is no transaction log to finish its last write with",
		     err);
}

static int read_hive(struct hive *h, struct buf *b, struct err *err)
{
	struct hive_header header;
	struct hive_facts facts;

	if (h->guest->ops->read(h->guest, h->path, b, err) < 0)
		return -1;
	if (hive_header_read((const uint8_t *)b->data, b->len, &header, err) < 0)
		return -1;
	h->state = HIVE_CLEAN;
	if (hive_header_is_dirty(&header) && settle(h, b, err) < 0)
		return -1;
	if (hive_check((const uint8_t *)b->data, b->len, &facts, err) < 0)
		return -1;
	h->shared = facts.shared;
	return 0;
}

/* A private file without a name on any disk, under a name for hivex. */
static int private_file(const void *data, size_t len, char ret_name[static 32], struct err *err)
{
	AUTO_FD int fd = memfd_create("rehost-hive", MFD_CLOEXEC);

	if (fd < 0)
		return err_sys(err, ERR_HOST, "cannot make a memory file");
	if (len && file_pwrite(fd, data, len, 0, err) < 0)
		return -1;
	snprintf(ret_name, 32, "/proc/self/fd/%d", fd);
	return take_fd(&fd);
}

static int open_hivex(struct hive *h, const struct buf *b, struct err *err)
{
	char name[32];
	AUTO_FD int fd = private_file(b->data, b->len, name, err);

	if (fd < 0)
		return -1;
	h->h = hivex_open(name, HIVEX_OPEN_WRITE);
	return h->h ? 0 : err_sys(err, ERR_CORRUPT, "hivex can't open it");
}

int hive_open(struct guest *g, const char *path, const char *root, enum hive_mode mode, struct hive **ret,
	      struct err *err)
{
	AUTO(hive_closep) struct hive *h = calloc(1, sizeof *h);
	AUTO(buf_done) struct buf b = BUF_INIT(HIVE_FILE_MAX);

	if (!h)
		return err_nomem(err);
	h->guest = g;
	h->root = root;
	h->mode = mode;
	if (win_path(g, path, &h->arena, &h->path, err) < 0)
		return -1;
	if (!h->path)
		return missing(path, err);
	if (read_hive(h, &b, err) < 0)
		return strstr(err ? err->text : "", h->path) ? -1 : err_wrap(err, "'%s'", h->path);
	if (open_hivex(h, &b, err) < 0)
		return err_wrap(err, "'%s'", h->path);
	*ret = take_ptr(&h);
	return 0;
}

/* --------------------------------------------------------------------------------------------------------- keys */

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

/* Goes down as far as there are keys; *ret_rest: what is left of the path, "" all is there. */
static hive_node_h walk(struct hive *h, const char *key, const char **ret_rest)
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

/* With CurrentControlSet replaced by what it stands for. */
static const char *real_key(struct hive *h, struct arena *a, const char *key)
{
	static const char alias[] = "CurrentControlSet";
	char *set = NULL;

	if (!is_first(key, alias) || child(h, hivex_root(h->h), alias, strlen(alias)) ||
	    hive_control_set(h, a, &set, NULL) < 0)
		return key;
	return arena_printf(a, "%s%s", set, key + strlen(alias));
}

/* 0: there is none. */
static hive_node_h find_key(struct hive *h, const char *key)
{
	AUTO(arena_done) struct arena a = {0};
	const char *rest;
	hive_node_h node = walk(h, real_key(h, &a, key), &rest);

	return *rest ? 0 : node;
}

bool hive_has_key(struct hive *h, const char *key)
{
	return find_key(h, key) != 0;
}

static int unreadable(struct hive *h, const char *what, const char *key, struct err *err)
{
	return err_sys(err, ERR_CORRUPT, "'%s': %s of key '%s'", h->path, what, key);
}

int hive_subkeys(struct hive *h, const char *key, struct arena *a, struct names *ret, struct err *err)
{
	hive_node_h node = find_key(h, key);
	AUTO_FREE hive_node_h *children = node ? hivex_node_children(h->h, node) : NULL;

	*ret = (struct names){0};
	if (node && !children)
		return unreadable(h, "cannot list the subkeys", key, err);
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

/* ------------------------------------------------------------------------------------------------ values, read */

static int flush(struct hive *h, struct err *err);

static void take_value(struct hive *h, hive_value_h from, struct arena *a, struct reg_value *ret)
{
	AUTO_FREE char *name = hivex_value_key(h->h, from);
	hive_type type = 0;
	size_t len = 0;
	AUTO_FREE char *data = hivex_value_value(h->h, from, &type, &len);

	if (!data) /* of data that can't be read, len is what the value says */
		len = 0;
	*ret = (struct reg_value){
	    .name = arena_strdup(a, name ? name : ""), .type = (uint32_t)type, .len = len, .there = name};
	ret->data = arena_alloc(a, len + 1);
	if (data)
		memcpy(ret->data, data, len);
}

/* The values of a key as hivex has them, with all that is changed. */
static hive_value_h *values_of(struct hive *h, hive_node_h node, struct err *err)
{
	return node && (node != h->open.node || flush(h, err) == 0) ? hivex_node_values(h->h, node) : NULL;
}

int hive_values(struct hive *h, const char *key, struct arena *a, struct reg_values *ret, struct err *err)
{
	hive_node_h node = find_key(h, key);
	AUTO_FREE hive_value_h *values = values_of(h, node, err);
	size_t total = 0;

	*ret = (struct reg_values){0};
	if (node && !values)
		return unreadable(h, "cannot list the values", key, err);
	for (hive_value_h *v = values; v && *v; v++) {
		struct reg_value *value = vec_push(a, &ret->list);

		take_value(h, *v, a, value);
		total += value->len;
		if (total > HIVE_FILE_MAX) /* many values may share their data */
			return err_set(err, ERR_CORRUPT, "'%s': the values of key '%s' are larger than a hive may be",
				       h->path, key);
	}
	return 0;
}

int hive_value(struct hive *h, const char *key, const char *name, struct arena *a, struct reg_value *ret,
	       struct err *err)
{
	hive_node_h node = find_key(h, key);
	AUTO_FREE hive_value_h *values = values_of(h, node, err);

	*ret = (struct reg_value){0};
	if (node && !values)
		return unreadable(h, "cannot list the values", key, err);
	for (hive_value_h *v = values; v && *v && !ret->there; v++) {
		AUTO_FREE char *is = hivex_value_key(h->h, *v);

		if (is && strcasecmp(is, name) == 0)
			take_value(h, *v, a, ret);
	}
	return 0;
}

static bool is_text(const struct reg_value *v)
{
	return v->there && (v->type == REG_SZ || v->type == REG_EXPAND_SZ || v->type == REG_LINK);
}

int hive_string(struct hive *h, const char *key, const char *name, struct arena *a, char **ret, struct err *err)
{
	struct reg_value v;

	*ret = NULL;
	if (hive_value(h, key, name, a, &v, err) < 0)
		return -1;
	if (is_text(&v))
		*ret = reg_text(a, v.data, v.len);
	return 0;
}

int hive_strings(struct hive *h, const char *key, const char *name, struct arena *a, struct names *ret, struct err *err)
{
	struct reg_value v;
	size_t used;

	*ret = (struct names){0};
	if (hive_value(h, key, name, a, &v, err) < 0)
		return -1;
	if (is_text(&v))
		return names_add(ret, a, reg_text(a, v.data, v.len), err);
	if (!v.there || v.type != REG_MULTI_SZ)
		return 0;
	for (size_t at = 0; at + 1 < v.len && get_le16(v.data + at); at += used)
		if (names_add(ret, a, reg_text_next(a, v.data + at, v.len - at, &used), err) < 0)
			return -1;
	return 0;
}

/* The number of a value of that type and size, or missing. */
static int number(struct hive *h, const char *key, const char *name, enum reg_type type, size_t size,
		  uint64_t missing_is, uint64_t *ret, struct err *err)
{
	AUTO(arena_done) struct arena a = {0};
	struct reg_value v;

	*ret = missing_is;
	if (hive_value(h, key, name, &a, &v, err) < 0)
		return -1;
	if (v.there && v.type == type && v.len >= size)
		*ret = size == 4 ? get_le32(v.data) : get_le64(v.data);
	return 0;
}

int hive_dword(struct hive *h, const char *key, const char *name, uint32_t missing_is, uint32_t *ret, struct err *err)
{
	uint64_t v;

	if (number(h, key, name, REG_DWORD, 4, missing_is, &v, err) < 0)
		return -1;
	*ret = (uint32_t)v;
	return 0;
}

int hive_qword(struct hive *h, const char *key, const char *name, uint64_t missing_is, uint64_t *ret, struct err *err)
{
	return number(h, key, name, REG_QWORD, 8, missing_is, ret, err);
}

/* ------------------------------------------------------------------------------------------------------ changes */

static int may_change(struct hive *h, struct err *err)
{
	if (h->mode != HIVE_EDIT)
		return err_set(err, ERR_INTERNAL, "'%s' is open for reading", h->path);
	if (h->failed)
		return err_set(err, ERR_CONVERT, "'%s': a change before this one failed", h->path);
	if (h->shared)
		return err_set(
		    err, ERR_UNSUPPORTED,
		    "'%s': cells of the hive belong to two owners at once; it can be read, but not changed; on the "
		    "source, load and save it with 'reg load' and 'reg unload', or repair Windows",
		    h->path);
	return 0;
}

/* A change that broke off leaves the hive in memory half changed. */
static int broke(struct hive *h, const char *what, const char *key, struct err *err)
{
	h->failed = true;
	return err_sys(err, ERR_CONVERT, "'%s': cannot %s key '%s'", h->path, what, key);
}

static char *whole_key(struct hive *h, const char *key)
{
	return *key ? arena_printf(&h->arena, "%s\\%s", h->root, key) : arena_strdup(&h->arena, h->root);
}

static struct hive_edit *add_edit(struct hive *h, const char *key, const char *reason)
{
	struct hive_edit *e = vec_push(&h->arena, &h->edits.list);

	*e = (struct hive_edit){.key = whole_key(h, key),
				.before = true,
				.after = true,
				.lines_before = arena_strdup(&h->arena, ""),
				.lines_after = arena_strdup(&h->arena, ""),
				.reason = arena_strdup(&h->arena, reason)};
	return e;
}

static bool is_ascii_name(const char *name, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (name[i] < ' ' || name[i] > '~')
			return false;
	return n > 0 && n <= NAME_MAX_BYTES;
}

/* The key, made with all that is missing above it. 0: err is set. */
static hive_node_h make_key(struct hive *h, const char *key, const char *reason, struct err *err)
{
	const char *rest;
	hive_node_h node = walk(h, key, &rest);

	while (*rest) {
		size_t n = strcspn(rest, "\\");
		AUTO_FREE char *name = strndup(rest, n);
		hive_node_h next;

		if (!name || !is_ascii_name(name, n)) {
			err_set(err, ERR_UNSUPPORTED,
				"'%s': a key can't be called '%s': only ASCII, 1 to %d characters", h->path,
				name ? name : "", NAME_MAX_BYTES);
			return 0;
		}
		forget_indexes(h);
		next = hivex_node_add_child(h->h, node, name);
		if (!next) {
			broke(h, "make", key, err);
			return 0;
		}
		*vec_push(&h->arena, &h->made) = (struct made_key){node, next};
		rest += n;
		add_edit(h, arena_strndup(&h->arena, key, (size_t)(rest - key)), reason)->before = false;
		rest += *rest == '\\';
		node = next;
	}
	return node;
}

int hive_make_key(struct hive *h, const char *key, const char *reason, struct err *err)
{
	if (may_change(h, err) < 0)
		return -1;
	return make_key(h, real_key(h, &h->arena, key), reason, err) ? 0 : -1;
}

static int check_size(struct hive *h, const char *key, const char *name, size_t len, struct err *err)
{
	if (len <= HIVE_DATA_MAX)
		return 0;
	return err_set(err, ERR_UNSUPPORTED,
		       "'%s': value '%s' of key '%s' has %zu bytes: keys with more than %d in a value can't be changed",
		       h->path, name, key, len, HIVE_DATA_MAX);
}

/* Hands the values of the open key to hivex when some changed. */
static int flush(struct hive *h, struct err *err)
{
	const struct reg_values *values = &h->open.values;
	AUTO_FREE hive_set_value *set = NULL;
	size_t n = 0;

	if (!h->open.changed)
		return 0;
	set = calloc(values->list.n + 1, sizeof *set);
	if (!set)
		return err_nomem(err);
	VEC_FOR (v, &values->list)
		set[n++] =
		    (hive_set_value){.key = v->name, .t = (hive_type)v->type, .len = v->len, .value = (char *)v->data};
	h->open.changed = false;
	return hivex_node_set_values(h->h, h->open.node, n, set, 0) < 0
		   ? broke(h, "change a value of", h->open.key, err)
		   : 0;
}

static void close_key(struct hive *h)
{
	arena_done(&h->open.arena);
	h->open = (struct open_key){0};
}

/* All values, each of which must be readable to be stored again. */
static int load_values(struct hive *h, hive_node_h node, const char *key, struct err *err)
{
	AUTO_FREE hive_value_h *values = hivex_node_values(h->h, node);

	if (!values)
		return unreadable(h, "cannot list the values", key, err);
	for (hive_value_h *v = values; *v; v++) {
		struct reg_value *value = vec_push(&h->open.arena, &h->open.values.list);
		size_t len = 0;

		take_value(h, *v, &h->open.arena, value);
		if (!value->there || hivex_value_type(h->h, *v, NULL, &len) < 0 || value->len != len)
			return unreadable(h, "cannot read a value", key, err);
		if (check_size(h, key, value->name, len, err) < 0)
			return -1;
	}
	return 0;
}

/* Makes it the open key. */
static int open_key(struct hive *h, hive_node_h node, const char *key, struct err *err)
{
	if (h->open.node == node)
		return 0;
	if (flush(h, err) < 0)
		return -1;
	close_key(h);
	if (load_values(h, node, key, err) < 0) {
		close_key(h);
		return -1;
	}
	h->open.node = node;
	h->open.key = arena_strdup(&h->open.arena, key);
	return 0;
}

static struct reg_value *value_named(const struct reg_values *values, const char *name)
{
	VEC_FOR (v, &values->list)
		if (strcasecmp(v->name, name) == 0)
			return v;
	return NULL;
}

static char *line_of(struct hive *h, const struct reg_value *v)
{
	AUTO(buf_done) struct buf b = BUF_INIT(1 << 20);

	reg_line(&b, v);
	return arena_strdup(&h->arena, b.failed ? "…\n" : buf_str(&b));
}

static bool same_value(const struct reg_value *v, uint32_t type, const void *data, size_t len)
{
	return v->type == type && v->len == len && (!len || memcmp(v->data, data, len) == 0);
}

int hive_set(struct hive *h, const char *key, const char *name, uint32_t type, const void *data, size_t len,
	     const char *reason, struct err *err)
{
	AUTO(arena_done) struct arena a = {0};
	const char *real = real_key(h, &a, key);
	struct arena *values = &h->open.arena;
	struct reg_value *v;
	char *before = NULL;
	struct hive_edit *e;
	hive_node_h node;

	if (may_change(h, err) < 0 || check_size(h, key, name, len, err) < 0)
		return -1;
	node = make_key(h, real, reason, err);
	if (!node || open_key(h, node, real, err) < 0)
		return -1;
	v = value_named(&h->open.values, name);
	if (v && same_value(v, type, data, len))
		return 0;
	if (v)
		before = line_of(h, v);
	else
		*(v = vec_push(values, &h->open.values.list)) =
		    (struct reg_value){.name = arena_strdup(values, name), .there = true};
	v->type = type;
	v->len = len;
	v->data = arena_alloc(values, len + 1);
	memcpy(v->data, data, len);
	h->open.changed = true;
	e = add_edit(h, real, reason);
	e->lines_before = before ? before : e->lines_before;
	e->lines_after = line_of(h, v);
	return 0;
}

static int set_text(struct hive *h, const char *key, const char *name, enum reg_type type, const char *text,
		    const char *reason, struct err *err)
{
	AUTO(buf_done) struct buf b = BUF_INIT(HIVE_DATA_MAX);

	if (reg_text_encode(text, &b, err) < 0)
		return err_wrap(err, "value '%s' of key '%s'", name, key);
	return hive_set(h, key, name, type, b.data, b.len, reason, err);
}

int hive_set_string(struct hive *h, const char *key, const char *name, const char *text, const char *reason,
		    struct err *err)
{
	return set_text(h, key, name, REG_SZ, text, reason, err);
}

int hive_set_expand(struct hive *h, const char *key, const char *name, const char *text, const char *reason,
		    struct err *err)
{
	return set_text(h, key, name, REG_EXPAND_SZ, text, reason, err);
}

int hive_set_strings(struct hive *h, const char *key, const char *name, const char *const *texts, const char *reason,
		     struct err *err)
{
	AUTO(buf_done) struct buf b = BUF_INIT(HIVE_DATA_MAX);

	for (; *texts; texts++)
		if (!**texts)
			return err_set(err, ERR_INTERNAL, "value '%s' of key '%s': an empty text can't be in a list",
				       name, key);
		else if (reg_text_encode(*texts, &b, err) < 0)
			return err_wrap(err, "value '%s' of key '%s'", name, key);
	if (reg_text_encode("", &b, err) < 0)
		return err_wrap(err, "value '%s' of key '%s'", name, key);
	return hive_set(h, key, name, REG_MULTI_SZ, b.data, b.len, reason, err);
}

int hive_set_dword(struct hive *h, const char *key, const char *name, uint32_t v, const char *reason, struct err *err)
{
	uint8_t data[4];

	put_le32(data, v);
	return hive_set(h, key, name, REG_DWORD, data, sizeof data, reason, err);
}

int hive_set_qword(struct hive *h, const char *key, const char *name, uint64_t v, const char *reason, struct err *err)
{
	uint8_t data[8];

	put_le64(data, v);
	return hive_set(h, key, name, REG_QWORD, data, sizeof data, reason, err);
}

int hive_unset(struct hive *h, const char *key, const char *name, const char *reason, struct err *err)
{
	AUTO(arena_done) struct arena a = {0};
	const char *real = real_key(h, &a, key);
	hive_node_h node = find_key(h, real);
	struct reg_values *values = &h->open.values;
	struct reg_value *v;

	if (may_change(h, err) < 0)
		return -1;
	if (!node)
		return 0;
	if (open_key(h, node, real, err) < 0)
		return -1;
	v = value_named(values, name);
	if (!v)
		return 0;
	add_edit(h, real, reason)->lines_before = line_of(h, v);
	memmove(v, v + 1, (size_t)(values->list.v + values->list.n - (v + 1)) * sizeof *v);
	values->list.n--;
	h->open.changed = true;
	return 0;
}

/* Records a key and what is below it as gone; *room: lines that may still be added. */
static int record_gone(struct hive *h, hive_node_h node, const char *key, const char *reason, unsigned *room,
		       struct err *err)
{
	AUTO(buf_done) struct buf lines = BUF_INIT(1 << 20);
	AUTO(arena_done) struct arena a = {0};
	AUTO_FREE hive_node_h *children = hivex_node_children(h->h, node);
	AUTO_FREE hive_value_h *values = hivex_node_values(h->h, node);
	struct hive_edit *e;

	if (!*room)
		return 0;
	--*room;
	for (hive_value_h *v = values; v && *v && *room; v++, --*room) {
		struct reg_value value;

		take_value(h, *v, &a, &value);
		reg_line(&lines, &value);
	}
	e = add_edit(h, key, reason);
	e->after = false;
	e->lines_before = arena_strdup(&h->arena, buf_str(&lines));
	for (hive_node_h *c = children; c && *c; c++) {
		AUTO_FREE char *name = hivex_node_name(h->h, *c);

		if (record_gone(h, *c, arena_printf(&a, "%s\\%s", key, name ? name : "?"), reason, room, err) < 0)
			return -1;
	}
	return 0;
}

int hive_drop_key(struct hive *h, const char *key, const char *reason, struct err *err)
{
	AUTO(arena_done) struct arena a = {0};
	const char *real = real_key(h, &a, key);
	hive_node_h node = find_key(h, real);
	unsigned room = TREE_LINES_MAX;

	if (may_change(h, err) < 0)
		return -1;
	if (!node)
		return 0;
	if (!*real)
		return err_set(err, ERR_INTERNAL, "'%s': the root key can't be removed", h->path);
	if (flush(h, err) < 0)
		return -1;
	close_key(h);
	if (record_gone(h, node, real, reason, &room, err) < 0)
		return -1;
	forget_indexes(h);
	return hivex_node_delete_child(h->h, node) < 0 ? broke(h, "remove", key, err) : 0;
}

/* ------------------------------------------------------------------------------------------------------- commit */

/* The hive as hivex has it now. */
static int collect(struct hive *h, struct buf *b, struct err *err)
{
	char name[32];
	AUTO_FD int fd = private_file(NULL, 0, name, err);

	if (fd < 0)
		return -1;
	if (hivex_commit(h->h, name, 0) < 0)
		return err_sys(err, ERR_CONVERT, "hivex can't write it");
	return file_slurp_fd(fd, "hive", b, err);
}

/* Whether a key that was made is still one, and below that parent: it may have been removed again. */
static bool is_still_there(struct hive *h, const struct made_key *m)
{
	return hivex_node_parent(h->h, m->node) == m->parent;
}

/* What hivex leaves to be done, and the proof that the result is whole. */
static int finish(struct hive *h, struct buf *b, struct err *err)
{
	uint8_t *data = (uint8_t *)b->data;
	struct hive_facts facts;

	put_le32(data + 508, hive_header_sum(data));
	if (hive_check(data, b->len, &facts, err) < 0)
		return -1;
	VEC_FOR (m, &h->made)
		if (is_still_there(h, m) && hive_place_subkey(data, m->parent, m->node, err) < 0)
			return -1;
	return hive_check(data, b->len, &facts, err);
}

static int write_back(struct hive *h, const struct buf *b, struct err *err)
{
	AUTO(buf_done) struct buf is = BUF_INIT(HIVE_FILE_MAX);

	if (guest_overwrite(h->guest, h->path, b->data, b->len, err) < 0 ||
	    h->guest->ops->read(h->guest, h->path, &is, err) < 0)
		return -1;
	if (is.len != b->len || memcmp(is.data, b->data, b->len) != 0)
		return err_set(err, ERR_CONVERT, "what was written is not what is read again");
	return 0;
}

int hive_commit(struct hive *h, struct changelog *log, struct err *err)
{
	AUTO(buf_done) struct buf b = BUF_INIT(HIVE_FILE_MAX);

	if (may_change(h, err) < 0)
		return -1;
	if (!h->edits.list.n)
		return 0;
	if (flush(h, err) < 0)
		return -1;
	if (collect(h, &b, err) < 0 || finish(h, &b, err) < 0 || write_back(h, &b, err) < 0)
		return err_wrap(err, "'%s'", h->path);
	hive_edits_record(&h->edits, log, h->path);
	h->edits.list.n = 0;
	return 0;
}
