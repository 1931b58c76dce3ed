/* Enrolment: the rules, and the file. */
#include "run/serve/enrol.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <fcntl.h>

#include "core/base/checked.h"
#include "core/base/file.h"
#include "core/base/hash.h"
#include "core/model/machine.h"
#include "sources/physical.h"

#define STATE_FILE "state.json"

enum { STATE_MAX = 16 << 20, SECONDS_A_DAY = 86400 };

struct enrol_token {
	struct token token;
	char identity[TOKEN_IDENTITY_TEXT];
	unsigned uses;
	uint64_t expires;
};

struct enrol {
	struct arena arena;
	VEC(struct enrol_token) tokens;
	VEC(struct enrol_machine *) machines;
};

const char *enrol_state_name(enum enrol_state s)
{
	static const char *const names[] = {[ENROL_UNKNOWN] = "unknown",
					    [ENROL_WAITING] = "waiting",
					    [ENROL_CONVERTING] = "converting",
					    [ENROL_DONE] = "done",
					    [ENROL_FAILED] = "failed"};

	return names[s <= ENROL_FAILED ? s : ENROL_UNKNOWN];
}

static enum enrol_state state_by_name(const char *name)
{
	for (enum enrol_state s = ENROL_WAITING; s <= ENROL_FAILED; s++)
		if (!strcmp(enrol_state_name(s), name))
			return s;
	return ENROL_UNKNOWN;
}

/* ---- the file ---- */

struct json *enrol_json(const struct enrol_machine *m)
{
	struct json *j = js_object();

	js_set_str(j, "name", m->name);
	js_set_str(j, "state", enrol_state_name(m->state));
	js_set_str(j, "text", m->text);
	js_set_u64(j, "disks", m->ndisks);
	js_set_u64(j, "size", m->size);
	js_set_u64(j, "done", m->done);
	js_set_u64(j, "total", m->total);
	js_set_u64(j, "sent", m->sent);
	js_set_str(j, "address", m->address);
	js_set_u64(j, "enrolled", m->enrolled);
	js_set_u64(j, "changed", m->changed);
	js_set_str(j, "key", m->key);
	return j;
}

static struct json *machine_state_json(const struct enrol_machine *m)
{
	struct json *j = enrol_json(m);

	js_set_str(j, "token", m->token);
	js_set_str(j, "asked", m->asked);
	js_set_bool(j, "anew", m->anew);
	js_set_str(j, "session", m->session);
	js_set_str(j, "disks_hash", m->disks);
	return j;
}

int enrol_save(const struct enrol *e, int dirfd, struct err *err)
{
	AUTO(js_freep) struct json *j = js_object();
	AUTO(buf_done) struct buf text = BUF_INIT(STATE_MAX);
	struct json *tokens = js_set(j, "tokens", js_array()), *machines = js_set(j, "machines", js_array());
	char words[TOKEN_TEXT];

	VEC_FOR (t, &e->tokens) {
		struct json *one = js_add(tokens, js_object());

		token_text(&t->token, words);
		js_set_str(one, "words", words);
		js_set_u64(one, "uses", t->uses);
		js_set_u64(one, "expires", t->expires);
	}
	VEC_FOR (m, &e->machines)
		js_add(machines, machine_state_json(*m));
	if (js_print(j, true, &text) < 0)
		return err_set(err, ERR_INTERNAL, "the list of machines is over %d MiB", STATE_MAX >> 20);
	return file_replace(dirfd, STATE_FILE, buf_str(&text), text.len, 0600, err);
}

static void take_text(const struct json *j, const char *key, char *to, size_t size)
{
	snprintf(to, size, "%s", js_get_str(j, key, ""));
}

static void load_machine(struct enrol *e, const struct json *j)
{
	struct enrol_machine *m = arena_alloc(&e->arena, sizeof *m);

	take_text(j, "key", m->key, sizeof m->key);
	take_text(j, "token", m->token, sizeof m->token);
	take_text(j, "name", m->name, sizeof m->name);
	take_text(j, "asked", m->asked, sizeof m->asked);
	if (!*m->asked)
		memcpy(m->asked, m->name, sizeof m->asked);
	take_text(j, "session", m->session, sizeof m->session);
	take_text(j, "disks_hash", m->disks, sizeof m->disks);
	take_text(j, "address", m->address, sizeof m->address);
	take_text(j, "text", m->text, sizeof m->text);
	m->state = state_by_name(js_get_str(j, "state", ""));
	m->anew = js_get_bool(j, "anew", false);
	m->ndisks = (unsigned)js_get_u64(j, "disks", 0);
	m->size = js_get_u64(j, "size", 0);
	m->done = js_get_u64(j, "done", 0);
	m->total = js_get_u64(j, "total", 0);
	m->sent = js_get_u64(j, "sent", 0);
	m->enrolled = js_get_u64(j, "enrolled", 0);
	m->changed = js_get_u64(j, "changed", 0);
	*vec_push(&e->arena, &e->machines) = m;
}

static int load_tokens(struct enrol *e, const struct json *list, struct err *err)
{
	for (size_t i = 0; i < js_count(list); i++) {
		const struct json *j = js_at(list, i);
		struct token t;

		if (token_parse(js_get_str(j, "words", ""), &t, err) < 0 ||
		    enrol_add_token(e, &t, (unsigned)js_get_u64(j, "uses", 1), js_get_u64(j, "expires", 0), err) < 0)
			return -1;
	}
	return 0;
}

static int load(struct enrol *e, int dirfd, struct err *err)
{
	AUTO(buf_done) struct buf text = BUF_INIT(STATE_MAX);
	AUTO(js_freep) struct json *j = NULL;
	const struct json *machines;

	if (faccessat(dirfd, STATE_FILE, F_OK, 0) < 0 && errno == ENOENT)
		return 0;
	if (file_slurp(dirfd, STATE_FILE, &text, err) < 0)
		return -1;
	j = js_parse(buf_str(&text), text.len, err);
	if (!j || load_tokens(e, js_get(j, "tokens"), err) < 0)
		return err_wrap(err, "'" SERVE_FOLDER "/" STATE_FILE "'");
	machines = js_get(j, "machines");
	for (size_t i = 0; i < js_count(machines) && i < ENROL_MACHINES_MAX; i++)
		load_machine(e, js_at(machines, i));
	return 0;
}

int enrol_load(int dirfd, struct enrol **ret, struct err *err)
{
	AUTO(enrol_freep) struct enrol *e = calloc(1, sizeof *e);

	if (!e)
		return err_nomem(err);
	if (load(e, dirfd, err) < 0)
		return -1;
	*ret = take_ptr(&e);
	return 0;
}

void enrol_free(struct enrol *e)
{
	if (!e)
		return;
	arena_done(&e->arena);
	free(e);
}

/* ---- tokens ---- */

int enrol_add_token(struct enrol *e, const struct token *t, unsigned uses, uint64_t expires, struct err *err)
{
	struct enrol_token *one;

	if (e->tokens.n == ENROL_TOKENS_MAX)
		return err_set(err, ERR_BLOCKED, "there are %d tokens: no more are kept", ENROL_TOKENS_MAX);
	one = vec_push(&e->arena, &e->tokens);
	*one = (struct enrol_token){.token = *t, .uses = uses, .expires = expires};
	token_identity(t, one->identity);
	return 0;
}

static unsigned machines_of(const struct enrol *e, const char *identity)
{
	unsigned ret = 0;

	VEC_FOR (m, &e->machines)
		ret += !strcmp((*m)->token, identity);
	return ret;
}

/* Nothing was heard of it for so long that it won't come back. */
static bool is_given_up(const struct enrol_machine *m, uint64_t now)
{
	return m->state != ENROL_CONVERTING && m->changed + ENROL_KEEP_DAYS * SECONDS_A_DAY <= now;
}

static bool has_unfinished(const struct enrol *e, const char *identity, uint64_t now)
{
	VEC_FOR (m, &e->machines)
		if (!strcmp((*m)->token, identity) && (*m)->state != ENROL_DONE && !is_given_up(*m, now))
			return true;
	return false;
}

/* It enrols no more, and none that it enrolled comes back. */
static bool is_used_up(const struct enrol *e, const struct enrol_token *t, uint64_t now)
{
	return machines_of(e, t->identity) >= t->uses && !has_unfinished(e, t->identity, now);
}

/* They stand in the order in which they were made. */
static void forget_oldest_used(struct enrol *e, uint64_t now)
{
	VEC_FOR (t, &e->tokens)
		if (is_used_up(e, t, now)) {
			e->tokens.n--;
			memmove(t, t + 1, (size_t)(e->tokens.v + e->tokens.n - t) * sizeof *t);
			return;
		}
}

void enrol_forget_tokens(struct enrol *e, uint64_t now)
{
	size_t kept = 0;

	VEC_FOR (t, &e->tokens)
		if (t->expires > now || has_unfinished(e, t->identity, now))
			e->tokens.v[kept++] = *t;
	e->tokens.n = kept;
	if (e->tokens.n == ENROL_TOKENS_MAX)
		forget_oldest_used(e, now);
}

bool enrol_open_token(const struct enrol *e, uint64_t now, struct token *ret, unsigned *ret_uses, uint64_t *ret_expires)
{
	VEC_FOR (t, &e->tokens) {
		unsigned used = machines_of(e, t->identity);

		if (t->expires <= now || used >= t->uses)
			continue;
		*ret = t->token;
		*ret_uses = t->uses - used;
		*ret_expires = t->expires;
		return true;
	}
	return false;
}

static const struct enrol_token *by_identity(const struct enrol *e, const char *identity)
{
	VEC_FOR (t, &e->tokens)
		if (!strcmp(t->identity, identity))
			return t;
	return NULL;
}

bool enrol_find_token(const struct enrol *e, const char *identity, uint64_t now, struct token *ret)
{
	const struct enrol_token *t = by_identity(e, identity);

	if (!t || (t->expires <= now && !has_unfinished(e, identity, now)))
		return false;
	*ret = t->token;
	return true;
}

unsigned enrol_uses(const struct enrol *e, const struct token *t)
{
	char identity[TOKEN_IDENTITY_TEXT];
	const struct enrol_token *known;

	token_identity(t, identity);
	known = by_identity(e, identity);
	return known ? known->uses : 0;
}

/* ---- machines ---- */

static int compare_texts(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Texts of an inventory, whose order mustn't matter. */
struct texts {
	struct arena arena;
	VEC(const char *) v;
};

static void collect(struct texts *to, const char *text)
{
	if (*text)
		*vec_push(&to->arena, &to->v) = text;
}

static void collect_all(struct texts *to, const struct json *list, const char *key)
{
	for (size_t i = 0; i < js_count(list); i++)
		collect(to, js_get_str(js_at(list, i), key, ""));
}

/* Sorted. Frees them. */
static void add_texts(struct buf *to, struct texts *t)
{
	if (t->v.n)
		qsort(t->v.v, t->v.n, sizeof *t->v.v, compare_texts);
	VEC_FOR (text, &t->v)
		buf_addf(to, "%s\n", *text);
	arena_done(&t->arena);
}

static void add_sizes(struct buf *to, const struct json *disks)
{
	for (size_t i = 0; i < js_count(disks); i++)
		buf_addf(to, "%" PRIu64 "\n", js_get_u64(js_at(disks, i), "size", 0));
}

static void hash_text(const struct buf *text, char hex[ENROL_KEY_TEXT])
{
	unsigned char raw[DIGEST_MAX] = {0};

	digest_once(DIGEST_SHA256, buf_str(text), text->len, raw);
	for (unsigned i = 0; i < 8; i++)
		snprintf(hex + 2 * (size_t)i, 3, "%02x", raw[i]);
}

/* The fixed disks, whether they are to be imaged or not: another choice doesn't make another machine. */
static void collect_disks(struct texts *serials, struct texts *sizes, const struct json *list)
{
	for (size_t i = 0; i < js_count(list); i++) {
		const struct json *disk = js_at(list, i);

		if (!strcmp(js_get_str(disk, "bus", ""), "usb"))
			continue;
		collect(serials, js_get_str(disk, "serial", ""));
		collect(sizes, arena_printf(&sizes->arena, "%" PRIu64, js_get_u64(disk, "size", 0)));
	}
}

/* Without a UUID: by the serial numbers of its disks, or else by their sizes, and by its cards, as the others alone are
 * often those of other machines, too. */
static void add_parts(struct buf *to, const struct json *inventory)
{
	struct texts serials = {0}, sizes = {0}, cards = {0};

	collect_disks(&serials, &sizes, js_get(inventory, "disks"));
	collect_disks(&serials, &sizes, js_get(inventory, "left_out"));
	collect_all(&cards, js_get(inventory, "nics"), "mac");
	add_texts(to, &serials);
	if (!to->len)
		add_texts(to, &sizes);
	add_texts(to, &cards);
	arena_done(&sizes.arena);
}

static void key_of(const struct json *inventory, char key[ENROL_KEY_TEXT])
{
	AUTO(buf_done) struct buf text = BUF_INIT(MIB);
	char uuid[37];

	physical_uuid(inventory, uuid);
	buf_adds(&text, uuid);
	if (!*uuid)
		add_parts(&text, inventory);
	hash_text(&text, key);
}

/* As rehost 0.1 made it, of the disks that were chosen: entries of its state file have it. */
static void old_key_of(const struct json *inventory, char key[ENROL_KEY_TEXT])
{
	AUTO(buf_done) struct buf text = BUF_INIT(MIB);
	const struct json *disks = js_get(inventory, "disks");
	struct texts serials = {0}, cards = {0};
	char uuid[37];
	size_t before;

	physical_uuid(inventory, uuid);
	buf_adds(&text, uuid);
	before = text.len;
	collect_all(&serials, disks, "serial");
	add_texts(&text, &serials);
	before = text.len - before;
	if (!text.len)
		add_sizes(&text, disks);
	collect_all(&cards, js_get(inventory, "nics"), "mac");
	if (!*uuid || !before)
		add_texts(&text, &cards);
	arena_done(&cards.arena);
	hash_text(&text, key);
}

/* What a machine is known by. */
struct known_by {
	char key[ENROL_KEY_TEXT], old[ENROL_KEY_TEXT];
};

static struct known_by known_by(const struct json *inventory)
{
	struct known_by ret;

	key_of(inventory, ret.key);
	old_key_of(inventory, ret.old);
	return ret;
}

static bool is_known_by(const struct enrol_machine *m, const struct known_by *k)
{
	return !strcmp(m->key, k->key) || !strcmp(m->key, k->old);
}

/* What its disks are known by. */
static void disks_hash(const struct json *inventory, char hash[ENROL_KEY_TEXT])
{
	AUTO(buf_done) struct buf text = BUF_INIT(MIB);
	const struct json *disks = js_get(inventory, "disks");

	add_sizes(&text, disks);
	for (size_t i = 0; i < js_count(disks); i++)
		buf_addf(&text, "%s\n", js_get_str(js_at(disks, i), "identity", ""));
	hash_text(&text, hash);
}

static struct enrol_machine *by_keys(const struct enrol *e, const struct known_by *k, const char *identity)
{
	VEC_FOR (m, &e->machines)
		if (is_known_by(*m, k) && !strcmp((*m)->token, identity))
			return *m;
	return NULL;
}

/* A machine that is still to be converted, whatever its token. */
static const struct enrol_machine *unfinished(const struct enrol *e, const struct known_by *k)
{
	VEC_FOR (m, &e->machines)
		if (is_known_by(*m, k) && ((*m)->state == ENROL_WAITING || (*m)->state == ENROL_CONVERTING))
			return *m;
	return NULL;
}

static bool name_taken(const struct enrol *e, const char *name, const struct enrol_machine *but)
{
	VEC_FOR (m, &e->machines)
		if (*m != but && !strcmp((*m)->name, name))
			return true;
	return false;
}

/* The one that it asks for, unless it has asked for that before: then it keeps what it got. */
static void give_name(const struct enrol *e, const struct json *inventory, struct enrol_machine *m)
{
	AUTO(arena_done) struct arena a = {0};
	const char *safe = machine_safe_name(&a, js_get_str(inventory, "name", "machine"));

	if (!strcmp(m->asked, safe))
		return;
	snprintf(m->asked, sizeof m->asked, "%.64s", safe);
	snprintf(m->name, sizeof m->name, "%.64s", safe);
	for (unsigned i = 2; name_taken(e, m->name, m); i++)
		snprintf(m->name, sizeof m->name, "%.53s-%u", safe, i); /* 64 bytes at most */
}

bool enrol_renames(const struct enrol_machine *m, const struct json *inventory)
{
	AUTO(arena_done) struct arena a = {0};

	return strcmp(m->asked, machine_safe_name(&a, js_get_str(inventory, "name", "machine"))) != 0;
}

static int add_machine(struct enrol *e, const struct enrol_token *t, const struct json *inventory, const char *key,
		       uint64_t now, struct enrol_machine **ret, struct err *err)
{
	struct enrol_machine *m;

	if (t->expires <= now)
		return err_set(err, ERR_BLOCKED, "the token has expired");
	if (machines_of(e, t->identity) >= t->uses)
		return err_set(err, ERR_BLOCKED, "the token belongs to %s",
			       t->uses == 1 ? "another machine" : "other machines, as many as it is for");
	if (e->machines.n == ENROL_MACHINES_MAX)
		return err_set(err, ERR_BLOCKED, "the host keeps %d machines: no more are taken", ENROL_MACHINES_MAX);
	m = arena_alloc(&e->arena, sizeof *m);
	snprintf(m->key, sizeof m->key, "%s", key);
	snprintf(m->token, sizeof m->token, "%s", t->identity);
	m->enrolled = now;
	*vec_push(&e->arena, &e->machines) = m;
	*ret = m;
	return 0;
}

/* What the live system says of itself this time. */
static void update(struct enrol_machine *m, const struct json *inventory, const char *session, const char *hash,
		   uint64_t now)
{
	const struct json *disks = js_get(inventory, "disks");

	snprintf(m->session, sizeof m->session, "%s", session);
	snprintf(m->disks, sizeof m->disks, "%s", hash);
	m->ndisks = (unsigned)js_count(disks);
	m->size = 0;
	for (size_t i = 0; i < js_count(disks); i++)
		m->size += js_get_u64(js_at(disks, i), "size", 0);
	m->changed = now;
	if (m->state != ENROL_CONVERTING && m->state != ENROL_DONE)
		m->state = ENROL_WAITING;
}

/* It can't come back, and all that is kept of it is what became of it. */
static bool is_history(const struct enrol *e, const struct enrol_machine *m)
{
	return m->state != ENROL_CONVERTING && !by_identity(e, m->token);
}

/* The oldest of those. */
static struct enrol_machine *oldest(const struct enrol *e)
{
	struct enrol_machine *ret = NULL;

	VEC_FOR (m, &e->machines)
		if (is_history(e, *m) && (!ret || (*m)->changed < ret->changed))
			ret = *m;
	return ret;
}

static void forget(struct enrol *e, const struct enrol_machine *gone)
{
	size_t kept = 0;

	VEC_FOR (m, &e->machines)
		if (*m != gone)
			e->machines.v[kept++] = *m;
	e->machines.n = kept;
}

void enrol_forget_machines(struct enrol *e, uint64_t now, void (*fn)(const struct enrol_machine *m, void *opaque),
			   void *opaque)
{
	for (;;) {
		const struct enrol_machine *m = oldest(e);

		if (!m || (!is_given_up(m, now) && e->machines.n < ENROL_MACHINES_MAX))
			return;
		forget(e, m);
		fn(m, opaque);
	}
}

void enrol_folder(const struct enrol_machine *m, char name[ENROL_FOLDER_TEXT])
{
	snprintf(name, ENROL_FOLDER_TEXT, "%s-%s", m->key, m->token);
}

struct enrol_machine *enrol_find(const struct enrol *e, const struct token *t, const struct json *inventory)
{
	const struct known_by keys = known_by(inventory);
	char identity[TOKEN_IDENTITY_TEXT];

	token_identity(t, identity);
	return by_keys(e, &keys, identity);
}

int enrol_machine(struct enrol *e, const struct token *t, const struct json *inventory, const char *session,
		  uint64_t now, struct enrol_machine **ret, enum enrol_change *ret_change, struct err *err)
{
	char identity[TOKEN_IDENTITY_TEXT], hash[ENROL_KEY_TEXT];
	const struct known_by keys = known_by(inventory);
	const struct enrol_machine *other;
	const struct enrol_token *known;
	struct enrol_machine *m;

	token_identity(t, identity);
	disks_hash(inventory, hash);
	known = by_identity(e, identity);
	m = by_keys(e, &keys, identity);
	other = unfinished(e, &keys);
	if (!known)
		return err_set(err, ERR_BLOCKED, "the token is unknown");
	if (m && m->state == ENROL_DONE && strcmp(m->session, session) != 0)
		return err_set(err, ERR_BLOCKED, "this machine is converted already ('%s')", m->name);
	if (other && other != m)
		return err_set(err, ERR_BLOCKED, "this machine has come with another token ('%s'): go on with that",
			       other->name);
	if (m)
		*ret_change = !strcmp(m->session, session) ? ENROL_SAME
			      : !strcmp(m->disks, hash)	   ? ENROL_REBOOTED
							   : ENROL_OTHER_DISKS;
	else if (add_machine(e, known, inventory, keys.key, now, &m, err) < 0)
		return -1;
	else
		*ret_change = ENROL_NEW;
	if (m->state != ENROL_CONVERTING && m->state != ENROL_DONE)
		give_name(e, inventory, m);
	update(m, inventory, session, hash, now);
	*ret = m;
	return 0;
}

size_t enrol_count(const struct enrol *e)
{
	return e->machines.n;
}

struct enrol_machine *enrol_at(struct enrol *e, size_t i)
{
	return e->machines.v[i];
}
