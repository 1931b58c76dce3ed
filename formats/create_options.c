/* KEY=VALUE options of new images: one table of keys, from which each format takes its own. */
#include "formats/create_options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/buf.h"
#include "core/base/checked.h"

enum { VALUE_MAX = 64 /* bytes; the longest value that means something has 8 */ };

enum key_kind { KEY_UNKNOWN = 0, KEY_SIZE, KEY_SWITCH, KEY_CHOICE };

struct key {
	const char *name;
	enum key_kind kind;
	size_t at;		    /* in struct create_options; of a choice: an int that gets its number */
	const char *const *choices; /* NULL-terminated */
};

static const char *const preallocations[] = {
    [PREALLOCATION_OFF] = "off",
    [PREALLOCATION_METADATA] = "metadata",
    [PREALLOCATION_FALLOC] = "falloc",
    [PREALLOCATION_FULL] = "full",
    NULL,
};

static const char *const subformats[] = {
    [SUBFORMAT_DEFAULT] = "default",
    [SUBFORMAT_DYNAMIC] = "dynamic",
    [SUBFORMAT_FIXED] = "fixed",
    [SUBFORMAT_STREAM_OPTIMIZED] = "streamOptimized",
    NULL,
};

static const char *const adapters[] = {
    [ADAPTER_LSILOGIC] = "lsilogic",
    [ADAPTER_BUSLOGIC] = "buslogic",
    [ADAPTER_IDE] = "ide",
    [ADAPTER_LEGACY_ESX] = "legacyESX",
    NULL,
};

static const struct key keys[] = {
    {"cluster_size", KEY_SIZE, offsetof(struct create_options, cluster_size), NULL},
    {"preallocation", KEY_CHOICE, offsetof(struct create_options, preallocation), preallocations},
    {"extended_l2", KEY_SWITCH, offsetof(struct create_options, extended_l2), NULL},
    {"subformat", KEY_CHOICE, offsetof(struct create_options, subformat), subformats},
    {"adapter_type", KEY_CHOICE, offsetof(struct create_options, adapter), adapters},
    {"block_size", KEY_SIZE, offsetof(struct create_options, block_size), NULL},
    {"lazy_refcounts", KEY_SWITCH, offsetof(struct create_options, lazy_refcounts), NULL},
};

const char *adapter_name(enum adapter adapter)
{
	return adapters[adapter];
}

/* One KEY=VALUE being read. */
struct pair {
	const struct format *format;
	char key[VALUE_MAX], value[VALUE_MAX];
};

static bool takes(const struct format *format, const char *key)
{
	for (const char *const *k = format->create_keys; k && *k; k++)
		if (!strcmp(*k, key))
			return true;
	return false;
}

static int unknown_key(const struct pair *p, struct err *err)
{
	AUTO(buf_done) struct buf all = BUF_INIT(1024);

	for (const char *const *k = p->format->create_keys; k && *k; k++)
		buf_addf(&all, "%s%s", all.len ? ", " : "", *k);
	return err_set(err, ERR_USAGE, "option '%s': format '%s' takes %s%s", p->key, p->format->name,
		       all.len ? "only " : "no options", buf_str(&all));
}

static int bad_value(const struct pair *p, const char *expected, struct err *err)
{
	return err_set(err, ERR_USAGE, "option '%s': '%s' is not %s", p->key, p->value, expected);
}

/* A number of bytes, or of KiB or MiB with k or M behind it. */
static int set_size(const struct pair *p, uint32_t *to, struct err *err)
{
	char *end;
	uint64_t bytes, unit = 1;
	unsigned long n;

	errno = 0;
	n = strtoul(p->value, &end, 10);
	if (*end && strchr("kK", *end))
		unit = KIB;
	else if (*end && strchr("mM", *end))
		unit = MIB;
	if (unit > 1)
		end++;
	if (errno || *end || *p->value < '0' || *p->value > '9' || !mul_fits(n, unit, &bytes) || bytes > UINT32_MAX)
		return bad_value(p, "a size in bytes, or with k or M behind it", err);
	*to = (uint32_t)bytes;
	return 0;
}

static int set_switch(const struct pair *p, bool *to, struct err *err)
{
	*to = !strcmp(p->value, "on");
	return *to || !strcmp(p->value, "off") ? 0 : bad_value(p, "on or off", err);
}

static int set_choice(const struct pair *p, const struct key *k, int *to, struct err *err)
{
	AUTO(buf_done) struct buf all = BUF_INIT(1024);

	for (int i = 0; k->choices[i]; i++) {
		if (!strcmp(k->choices[i], p->value)) {
			*to = i;
			return 0;
		}
		buf_addf(&all, "%s%s", i ? ", " : "one of ", k->choices[i]);
	}
	return bad_value(p, buf_str(&all), err);
}

static int set_pair(const struct pair *p, struct create_options *o, struct err *err)
{
	if (!takes(p->format, p->key))
		return unknown_key(p, err);
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		void *at = (char *)o + keys[i].at;

		if (strcmp(keys[i].name, p->key) != 0)
			continue;
		switch (keys[i].kind) {
		case KEY_SIZE:
			return set_size(p, at, err);
		case KEY_SWITCH:
			return set_switch(p, at, err);
		case KEY_CHOICE:
			return set_choice(p, &keys[i], at, err);
		case KEY_UNKNOWN:
			break;
		}
	}
	return err_set(err, ERR_INTERNAL, "option '%s' of format '%s' is in no table", p->key, p->format->name);
}

static int read_pair(struct pair *p, const char *text, size_t len, struct err *err)
{
	size_t key = strcspn(text, "=,");

	if (key >= len || !key)
		return err_set(err, ERR_USAGE, "options: KEY=VALUE is expected, '%.*s' found", (int)len, text);
	if (key >= VALUE_MAX || len - key - 1 >= VALUE_MAX)
		return err_set(err, ERR_USAGE, "options: '%.*s…' is too long", VALUE_MAX, text);
	memcpy(p->key, text, key);
	p->key[key] = '\0';
	memcpy(p->value, text + key + 1, len - key - 1);
	p->value[len - key - 1] = '\0';
	return 0;
}

int create_options_parse(const struct format *format, const char *text, struct create_options *o, struct err *err)
{
	struct pair p = {.format = format};

	for (;; text++) {
		size_t len = strcspn(text, ",");

		if (read_pair(&p, text, len, err) < 0 || set_pair(&p, o, err) < 0)
			return -1;
		text += len;
		if (!*text)
			return 0;
	}
}
