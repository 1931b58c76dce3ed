/* The rules of enrolment: who is taken, who is refused, and what a host remembers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include <fcntl.h>

#include "run/serve/enrol.h"

enum { NOW = 1000, LATER = 5000, EXPIRES = 4000 };

static const char session_a[] = "0123456789abcdef0123456789abcdef", session_b[] = "ffffffffffffffffffffffffffffffff";

static const char *mac = "52:54:00:00:00:01";

struct fixture {
	char folder[64];
	int dirfd;
	struct enrol *e;
	struct token token;
	struct err err;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	snprintf(f->folder, sizeof f->folder, "/tmp/rehost-enrol-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	f->dirfd = open(f->folder, O_RDONLY | O_DIRECTORY);
	f->token.bytes[0] = 1;
	*state = f;
	return enrol_load(f->dirfd, &f->e, NULL);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	enrol_free(f->e);
	unlinkat(f->dirfd, "state.json", 0);
	close(f->dirfd);
	rmdir(f->folder);
	free(f);
	return 0;
}

static const char *name = "web 01";

static struct json *inventory(const char *uuid, const char *serial, const char *identity)
{
	struct json *j = js_object(), *disk;
	char full[64];

	js_set_str(j, "name", name);
	if (uuid && strlen(uuid) == 2)
		snprintf(full, sizeof full, "4c4c4544-0042-3510-8051-b4c04f4b%02x%02x", uuid[0], uuid[1]);
	else
		snprintf(full, sizeof full, "%s", uuid ? uuid : "");
	js_set_str(js_set(j, "smbios", js_object()), "uuid", full);
	js_set_str(js_add(js_set(j, "nics", js_array()), js_object()), "mac", mac);
	disk = js_add(js_set(j, "disks", js_array()), js_object());
	js_set_u64(disk, "size", 1 << 20);
	js_set_str(disk, "serial", serial);
	js_set_str(disk, "identity", identity);
	return j;
}

static struct enrol_machine *take(struct fixture *f, const char *uuid, const char *serial, const char *identity,
				  const char *session, uint64_t now, enum enrol_change *change)
{
	AUTO(js_freep) struct json *j = inventory(uuid, serial, identity);
	struct enrol_machine *m = NULL;

	if (enrol_machine(f->e, &f->token, j, session, now, &m, change, &f->err) < 0)
		return NULL;
	assert_non_null(m);
	return m;
}

static void test_one_machine(void **state)
{
	struct fixture *f = *state;
	enum enrol_change change;
	struct enrol_machine *m;

	assert_null(take(f, "u1", "s1", "i1", session_a, NOW, &change));
	assert_string_equal(f->err.text, "the token is unknown");
	assert_int_equal(enrol_add_token(f->e, &f->token, 1, EXPIRES, NULL), 0);
	m = take(f, "u1", "s1", "i1", session_a, NOW, &change);
	assert_non_null(m);
	assert_int_equal(change, ENROL_NEW);
	assert_int_equal(m->state, ENROL_WAITING);
	assert_string_equal(m->name, "web_01");
	assert_ptr_equal(take(f, "u1", "s1", "i1", session_a, NOW, &change), m);
	assert_int_equal(change, ENROL_SAME);
	assert_ptr_equal(take(f, "u1", "s2", "i1", session_a, NOW, &change), m); /* another disk is none */
	assert_null(take(f, "u2", "s1", "i1", session_a, NOW, &change));
	assert_string_equal(f->err.text, "the token belongs to another machine");
	assert_int_equal(f->err.code, ERR_BLOCKED);
	assert_int_equal(enrol_count(f->e), 1);
}

static void test_reboot(void **state)
{
	struct fixture *f = *state;
	enum enrol_change change;
	struct enrol_machine *m;

	assert_int_equal(enrol_add_token(f->e, &f->token, 1, EXPIRES, NULL), 0);
	m = take(f, "u1", "s1", "i1", session_a, NOW, &change);
	m->state = ENROL_CONVERTING;
	assert_ptr_equal(take(f, "u1", "s1", "i1", session_b, NOW, &change), m);
	assert_int_equal(change, ENROL_REBOOTED);
	assert_int_equal(m->state, ENROL_CONVERTING);
	assert_string_equal(m->session, session_b);
	assert_ptr_equal(take(f, "u1", "s1", "i2", session_a, NOW, &change), m);
	assert_int_equal(change, ENROL_OTHER_DISKS);
}

static void test_done_is_done(void **state)
{
	struct fixture *f = *state;
	enum enrol_change change;
	struct enrol_machine *m;
	struct token found;
	char identity[TOKEN_IDENTITY_TEXT];

	token_identity(&f->token, identity);
	assert_int_equal(enrol_add_token(f->e, &f->token, 1, EXPIRES, NULL), 0);
	m = take(f, "u1", "s1", "i1", session_a, NOW, &change);
	m->state = ENROL_FAILED; /* may be tried again */
	assert_ptr_equal(take(f, "u1", "s1", "i1", session_b, NOW, &change), m);
	assert_int_equal(m->state, ENROL_WAITING);
	m->state = ENROL_DONE;
	assert_ptr_equal(take(f, "u1", "s1", "i1", session_b, NOW, &change), m); /* who hasn't heard of it yet */
	assert_int_equal(m->state, ENROL_DONE);
	assert_null(take(f, "u1", "s1", "i1", session_a, NOW, &change));
	assert_string_equal(f->err.text, "this machine is converted already ('web_01')");
	assert_true(enrol_find_token(f->e, identity, NOW, &found));
	assert_false(enrol_find_token(f->e, identity, LATER, &found));
}

static void test_expiry(void **state)
{
	struct fixture *f = *state;
	enum enrol_change change;
	struct enrol_machine *m;
	struct token found;
	unsigned uses;
	uint64_t expires;
	char identity[TOKEN_IDENTITY_TEXT];

	token_identity(&f->token, identity);
	assert_int_equal(enrol_add_token(f->e, &f->token, 2, EXPIRES, NULL), 0);
	assert_true(enrol_open_token(f->e, NOW, &found, &uses, &expires));
	assert_int_equal(uses, 2);
	assert_false(enrol_open_token(f->e, LATER, &found, &uses, &expires));
	assert_false(enrol_find_token(f->e, identity, LATER, &found));
	m = take(f, "u1", "s1", "i1", session_a, NOW, &change);
	assert_true(enrol_find_token(f->e, identity, LATER, &found)); /* for the one that has begun */
	assert_ptr_equal(take(f, "u1", "s1", "i1", session_b, LATER, &change), m);
	assert_null(take(f, "u2", "s2", "i1", session_a, LATER, &change));
	assert_string_equal(f->err.text, "the token has expired");
}

static void test_forgotten_tokens(void **state)
{
	struct fixture *f = *state;
	enum enrol_change change;
	struct token found, other = {{2}};
	char identity[TOKEN_IDENTITY_TEXT];

	token_identity(&f->token, identity);
	assert_int_equal(enrol_add_token(f->e, &f->token, 1, EXPIRES, NULL), 0);
	for (unsigned i = 1; i < ENROL_TOKENS_MAX; i++)
		assert_int_equal(enrol_add_token(f->e, &other, 1, NOW, NULL), 0);
	assert_int_equal(enrol_add_token(f->e, &other, 1, NOW, &f->err), -1);
	assert_non_null(take(f, "u1", "s1", "i1", session_a, NOW, &change));
	enrol_forget_tokens(f->e, LATER);
	assert_true(enrol_find_token(f->e, identity, LATER, &found)); /* its machine isn't done */
	assert_int_equal(enrol_add_token(f->e, &other, 1, NOW, NULL), 0);
	enrol_at(f->e, 0)->state = ENROL_DONE;
	enrol_forget_tokens(f->e, LATER);
	assert_false(enrol_find_token(f->e, identity, NOW, &found));
}

/* With as many tokens as are kept, one that is of no more use to anybody makes room for the next. */
static void test_used_tokens_make_room(void **state)
{
	struct fixture *f = *state;
	enum enrol_change change;
	struct token found, open = {{2}};
	const struct token used = {{3}}, first = f->token;
	char identity[TOKEN_IDENTITY_TEXT];
	struct enrol_machine *m;

	assert_int_equal(enrol_add_token(f->e, &f->token, 2, EXPIRES, NULL), 0); /* room for another machine */
	assert_non_null(take(f, "u1", "s1", "i1", session_a, NOW, &change));
	enrol_at(f->e, 0)->state = ENROL_DONE;
	for (unsigned i = 1; i < ENROL_TOKENS_MAX - 1; i++) {
		open.bytes[1] = (uint8_t)i;
		assert_int_equal(enrol_add_token(f->e, &open, 1, EXPIRES, NULL), 0);
	}
	f->token = used;
	assert_int_equal(enrol_add_token(f->e, &used, 1, EXPIRES, NULL), 0);
	m = take(f, "u2", "s2", "i1", session_a, NOW, &change);
	open.bytes[2] = 1;
	enrol_forget_tokens(f->e, NOW);
	assert_int_equal(enrol_add_token(f->e, &open, 1, EXPIRES, &f->err), -1); /* its machine isn't done */
	m->state = ENROL_DONE;
	enrol_forget_tokens(f->e, NOW);
	assert_int_equal(enrol_add_token(f->e, &open, 1, EXPIRES, NULL), 0);
	assert_int_equal(enrol_add_token(f->e, &open, 1, EXPIRES, &f->err), -1);
	token_identity(&used, identity);
	assert_false(enrol_find_token(f->e, identity, NOW, &found));
	token_identity(&first, identity);
	assert_true(enrol_find_token(f->e, identity, NOW, &found));
	token_identity(&open, identity);
	assert_true(enrol_find_token(f->e, identity, NOW, &found));
}

static void test_several_uses(void **state)
{
	struct fixture *f = *state;
	enum enrol_change change;
	struct enrol_machine *m;

	assert_int_equal(enrol_add_token(f->e, &f->token, 2, EXPIRES, NULL), 0);
	assert_non_null(take(f, "u1", "s1", "i1", session_a, NOW, &change));
	m = take(f, "u2", "s2", "i1", session_b, NOW, &change);
	assert_string_equal(m->name, "web_01-2");
	assert_null(take(f, "u3", "s3", "i1", session_b, NOW, &change));
	assert_string_equal(f->err.text, "the token belongs to other machines, as many as it is for");
}

/* Two entries of one machine would share its folder. Once it is done, it may come again with a new token. */
static void test_two_tokens(void **state)
{
	struct fixture *f = *state;
	const struct token other = {.bytes = {2}};
	enum enrol_change change;
	struct enrol_machine *m;

	assert_int_equal(enrol_add_token(f->e, &f->token, 1, EXPIRES, &f->err), 0);
	assert_int_equal(enrol_add_token(f->e, &other, 1, EXPIRES, &f->err), 0);
	m = take(f, "ua", "s1", "i1", session_a, NOW, &change);
	assert_non_null(m);
	f->token = other;
	assert_null(take(f, "ua", "s1", "i1", session_b, NOW, &change));
	assert_string_equal(f->err.text, "this machine has come with another token ('web_01'): go on with that");
	m->state = ENROL_DONE;
	assert_non_null(take(f, "ua", "s1", "i1", session_b, NOW, &change));
	assert_int_equal(change, ENROL_NEW);
}

/* One that failed comes back with its old token while the same machine waits with another. */
static void test_old_token_returns(void **state)
{
	struct fixture *f = *state;
	const struct token first = f->token, other = {.bytes = {2}};
	char folder[ENROL_FOLDER_TEXT], other_folder[ENROL_FOLDER_TEXT];
	enum enrol_change change;
	struct enrol_machine *m, *n;

	assert_int_equal(enrol_add_token(f->e, &f->token, 1, EXPIRES, &f->err), 0);
	assert_int_equal(enrol_add_token(f->e, &other, 1, EXPIRES, &f->err), 0);
	m = take(f, "ua", "s1", "i1", session_a, NOW, &change);
	m->state = ENROL_FAILED;
	f->token = other;
	n = take(f, "ua", "s1", "i1", session_b, NOW, &change);
	assert_non_null(n);
	f->token = first;
	assert_null(take(f, "ua", "s1", "i1", session_a, NOW, &change));
	assert_string_equal(f->err.text, "this machine has come with another token ('web_01-2'): go on with that");
	assert_int_equal(m->state, ENROL_FAILED);
	enrol_folder(m, folder);
	enrol_folder(n, other_folder);
	assert_string_not_equal(folder, other_folder);
	n->state = ENROL_FAILED;
	assert_ptr_equal(take(f, "ua", "s1", "i1", session_a, NOW, &change), m);
}

/* A UUID that many machines have tells nothing: serial numbers and addresses do. */
static void test_filler_uuids(void **state)
{
	static const char *const fillers[] = {
	    "03000200-0400-0500-0006-000700080009", "00000000-0000-0000-0000-000000000000",
	    "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF", "4C4C4544-0000-2010-8020-80C04F202020",
	    "58585858-5858-5858-5858-585858585858", "Not Settable"};
	struct fixture *f = *state;
	enum enrol_change change;

	assert_int_equal(enrol_add_token(f->e, &f->token, 1, EXPIRES, NULL), 0);
	mac = "52:54:00:00:00:01";
	assert_non_null(take(f, fillers[0], NULL, "i1", session_a, NOW, &change));
	for (size_t i = 0; i < sizeof fillers / sizeof *fillers; i++) {
		mac = "52:54:00:00:00:02";
		assert_null(take(f, fillers[i], NULL, "i1", session_b, NOW, &change));
		assert_string_equal(f->err.text, "the token belongs to another machine");
		mac = "52:54:00:00:00:01";
		assert_non_null(take(f, fillers[i], NULL, "i1", session_b, NOW, &change));
	}
}

/* A card may be replaced where the UUID is known; else its address counts. */
static void test_replaced_card(void **state)
{
	struct fixture *f = *state;
	enum enrol_change change;
	struct enrol_machine *m;

	assert_int_equal(enrol_add_token(f->e, &f->token, 2, EXPIRES, NULL), 0);
	m = take(f, "u1", "s1", "i1", session_a, NOW, &change);
	assert_non_null(take(f, NULL, "s1", "i1", session_a, NOW, &change));
	mac = "52:54:00:00:00:02";
	assert_ptr_equal(take(f, "u1", "s1", "i1", session_b, NOW, &change), m);
	assert_null(take(f, NULL, "s1", "i1", session_b, NOW, &change));
	mac = "52:54:00:00:00:01";
}

static struct json *add_disk(struct json *inventory, const char *list, const char *bus, const char *serial)
{
	struct json *disk = js_add(js_get(inventory, list) ? (struct json *)js_get(inventory, list)
							   : js_set(inventory, list, js_array()),
				   js_object());

	js_set_u64(disk, "size", 1 << 20);
	js_set_str(disk, "bus", bus);
	js_set_str(disk, "serial", serial);
	return inventory;
}

/* Which of its disks are chosen makes no other machine of it, nor does a stick. */
static void test_other_choice(void **state)
{
	struct fixture *f = *state;
	AUTO(js_freep) struct json *both = add_disk(inventory(NULL, "s1", "i1"), "disks", "ata", "s2");
	AUTO(js_freep) struct json *one = add_disk(inventory(NULL, "s2", "i1"), "left_out", "ata", "s1");
	AUTO(js_freep) struct json *other = add_disk(inventory(NULL, "s2", "i1"), "left_out", "ata", "s3");
	struct enrol_machine *m, *n;
	enum enrol_change change;

	assert_int_equal(enrol_add_token(f->e, &f->token, 1, EXPIRES, NULL), 0);
	assert_int_equal(enrol_machine(f->e, &f->token, both, session_a, NOW, &m, &change, NULL), 0);
	add_disk(one, "left_out", "usb", "stick");
	assert_int_equal(enrol_machine(f->e, &f->token, one, session_b, NOW, &n, &change, NULL), 0);
	assert_ptr_equal(n, m);
	assert_int_equal(change, ENROL_OTHER_DISKS);
	assert_int_equal(enrol_machine(f->e, &f->token, other, session_b, NOW, &n, &change, NULL), -1);
}

/* One that an older host has enrolled, by its UUID and the serial numbers of its chosen disks. */
static void test_old_key(void **state)
{
	struct fixture *f = *state;
	const struct token other = {.bytes = {2}};
	enum enrol_change change;
	struct enrol_machine *m;

	assert_int_equal(enrol_add_token(f->e, &f->token, 1, EXPIRES, NULL), 0);
	assert_int_equal(enrol_add_token(f->e, &other, 1, EXPIRES, NULL), 0);
	m = take(f, "u1", "s1", "i1", session_a, NOW, &change);
	snprintf(m->key, sizeof m->key, "6d3109c75ee7f902");
	assert_ptr_equal(take(f, "u1", "s1", "i1", session_b, NOW, &change), m);
	assert_int_equal(change, ENROL_REBOOTED);
	f->token = other;
	assert_null(take(f, "u1", "s1", "i1", session_b, NOW, &change));
	assert_non_null(strstr(f->err.text, "this machine has come with another token"));
}

/* Without a UUID and serial numbers. */
static void test_nameless(void **state)
{
	struct fixture *f = *state;
	enum enrol_change change;

	assert_int_equal(enrol_add_token(f->e, &f->token, 1, EXPIRES, NULL), 0);
	assert_non_null(take(f, NULL, NULL, "i1", session_a, NOW, &change));
	assert_non_null(take(f, NULL, NULL, "i1", session_b, NOW, &change));
	assert_int_equal(change, ENROL_REBOOTED);
	assert_null(take(f, "u1", NULL, "i1", session_b, NOW, &change));
}

static void test_remembered(void **state)
{
	struct fixture *f = *state;
	enum enrol_change change;
	struct enrol_machine *m;

	assert_int_equal(enrol_add_token(f->e, &f->token, 1, EXPIRES, NULL), 0);
	m = take(f, "u1", "s1", "i1", session_a, NOW, &change);
	m->state = ENROL_CONVERTING;
	m->done = 5;
	m->anew = true;
	snprintf(m->text, sizeof m->text, "copying");
	assert_int_equal(enrol_save(f->e, f->dirfd, NULL), 0);
	enrol_free(f->e);
	f->e = NULL;
	assert_int_equal(enrol_load(f->dirfd, &f->e, NULL), 0);
	assert_int_equal(enrol_count(f->e), 1);
	assert_string_equal(enrol_at(f->e, 0)->text, "copying");
	assert_int_equal(enrol_at(f->e, 0)->state, ENROL_CONVERTING);
	assert_int_equal(enrol_at(f->e, 0)->done, 5);
	assert_true(enrol_at(f->e, 0)->anew);
	assert_ptr_equal(take(f, "u1", "s1", "i1", session_a, NOW, &change), enrol_at(f->e, 0));
	assert_int_equal(change, ENROL_SAME);
	assert_null(take(f, "u2", "s1", "i1", session_a, NOW, &change));
}

/* Another name counts from the next time on, but not while it is being converted. */
static void test_another_name(void **state)
{
	struct fixture *f = *state;
	enum enrol_change change;
	struct enrol_machine *m;

	assert_int_equal(enrol_add_token(f->e, &f->token, 2, EXPIRES, NULL), 0);
	m = take(f, "u1", "s1", "i1", session_a, NOW, &change);
	assert_non_null(take(f, "u2", "s2", "i1", session_a, NOW, &change));
	m->state = ENROL_CONVERTING;
	name = "db";
	take(f, "u1", "s1", "i1", session_b, NOW, &change);
	assert_string_equal(m->name, "web_01");
	m->state = ENROL_FAILED;
	take(f, "u1", "s1", "i1", session_b, NOW, &change);
	assert_string_equal(m->name, "db");
	name = "web 01";
	take(f, "u2", "s2", "i1", session_b, NOW, &change);
	assert_string_equal(enrol_at(f->e, 1)->name, "web_01-2"); /* as it asked for before */
	name = "db";
	take(f, "u2", "s2", "i1", session_b, NOW, &change);
	assert_string_equal(enrol_at(f->e, 1)->name, "db-2");
	/* what tells two of the longest names apart is within what is left of them elsewhere */
	name = "0123456789012345678901234567890123456789012345678901234567890123";
	take(f, "u1", "s1", "i1", session_b, NOW, &change);
	assert_string_equal(m->name, name);
	take(f, "u2", "s2", "i1", session_b, NOW, &change);
	assert_string_equal(enrol_at(f->e, 1)->name, "01234567890123456789012345678901234567890123456789012-2");
	name = "web 01";
}

static void count(const struct enrol_machine *m, void *opaque)
{
	(*(unsigned *)opaque)++;
}

/* What can't come back makes room: by its age, and when the list is full. */
static void test_forgotten_machines(void **state)
{
	const uint64_t ages = NOW + UINT64_C(86400) * ENROL_KEEP_DAYS;
	struct fixture *f = *state;
	enum enrol_change change;
	struct enrol_machine *m;
	unsigned gone = 0;
	char serial[16];

	assert_int_equal(enrol_add_token(f->e, &f->token, ENROL_MACHINES_MAX + 1, EXPIRES, NULL), 0);
	for (unsigned i = 0; i < ENROL_MACHINES_MAX; i++) {
		snprintf(serial, sizeof serial, "s%u", i);
		m = take(f, NULL, serial, "i1", session_a, NOW + i / 64, &change);
		assert_non_null(m);
		m->state = i % 2 ? ENROL_DONE : ENROL_FAILED;
	}
	assert_null(take(f, NULL, "other", "i1", session_a, NOW, &change));
	enrol_forget_tokens(f->e, LATER);
	enrol_forget_machines(f->e, LATER, count, &gone);
	assert_int_equal(gone, 0); /* some are unfinished: the token stays */
	for (size_t i = 0; i < enrol_count(f->e); i++)
		enrol_at(f->e, i)->state = ENROL_DONE;
	enrol_forget_tokens(f->e, LATER);
	enrol_forget_machines(f->e, LATER, count, &gone);
	assert_int_equal(gone, 1);
	assert_int_equal(enrol_add_token(f->e, &f->token, 1, 2 * ages, NULL), 0);
	enrol_forget_machines(f->e, 2 * ages, count, &gone);
	assert_int_equal(gone, 1); /* the same token again: they may still be asked about */
	enrol_forget_tokens(f->e, 2 * ages);
	enrol_forget_machines(f->e, ages, count, &gone);
	assert_int_equal(gone, 64); /* those of the first second */
	enrol_forget_machines(f->e, 2 * ages, count, &gone);
	assert_int_equal(gone, ENROL_MACHINES_MAX);
	assert_int_equal(enrol_count(f->e), 0);
}

/* A token that nobody comes back with isn't kept for ever. */
static void test_given_up(void **state)
{
	struct fixture *f = *state;
	enum enrol_change change;
	struct token found;
	char identity[TOKEN_IDENTITY_TEXT];

	token_identity(&f->token, identity);
	assert_int_equal(enrol_add_token(f->e, &f->token, 1, EXPIRES, NULL), 0);
	take(f, "u1", "s1", "i1", session_a, NOW, &change);
	assert_true(enrol_find_token(f->e, identity, NOW + UINT64_C(86400) * ENROL_KEEP_DAYS - 1, &found));
	assert_false(enrol_find_token(f->e, identity, NOW + UINT64_C(86400) * ENROL_KEEP_DAYS, &found));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_used_tokens_make_room),
	    TEST(test_other_choice),
	    TEST(test_old_key),
	    TEST(test_one_machine),
	    TEST(test_reboot),
	    TEST(test_done_is_done),
	    TEST(test_expiry),
	    TEST(test_forgotten_tokens),
	    TEST(test_several_uses),
	    TEST(test_nameless),
	    TEST(test_another_name),
	    TEST(test_forgotten_machines),
	    TEST(test_given_up),
	    TEST(test_remembered),
	    TEST(test_two_tokens),
	    TEST(test_old_token_returns),
	    TEST(test_filler_uuids),
	    TEST(test_replaced_card),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
