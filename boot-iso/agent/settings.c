/* The kernel's command line: rehost.* words, and dracut's ip=, vlan=, bond= and nameserver=. */
#include "boot-iso/agent/settings.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
	FIELDS_MAX =
	    10, /* of ip=: client, peer, gateway, mask, host name, card, method, two name servers, one to spare */
	CARD_NAME_MAX = 17, /* a MAC with dashes; a name has at most 15 */
	VLAN_MAX = 4094,
};

struct fields {
	char *v[FIELDS_MAX];
	size_t n;
};

/* Splits at ':' outside of [brackets], which are removed. */
static int split_fields(struct arena *a, const char *value, struct fields *ret, struct err *err)
{
	const char *p = value;

	ret->n = 0;
	for (;;) {
		bool bracket = *p == '[';
		size_t len = bracket ? strcspn(p + 1, "]") : strcspn(p, ":");

		if (ret->n == FIELDS_MAX)
			return err_set(err, ERR_USAGE, "'%s': more than %d fields", value, FIELDS_MAX);
		ret->v[ret->n++] = arena_strndup(a, bracket ? p + 1 : p, len);
		p += len + bracket;
		if (bracket && *p++ != ']')
			return err_set(err, ERR_USAGE, "'%s': '[' without ']'", value);
		if (!*p)
			return 0;
		if (*p++ != ':')
			return err_set(err, ERR_USAGE, "'%s': ':' expected behind ']'", value);
	}
}

static const char *field(const struct fields *f, size_t i)
{
	return i < f->n && *f->v[i] ? f->v[i] : NULL;
}

static bool method_by_name(const char *name, enum net_method *ret)
{
	static const struct {
		const char *name;
		enum net_method method;
	} known[] = {{"dhcp", NET_DHCP},   {"on", NET_DHCP},	 {"any", NET_DHCP}, {"dhcp6", NET_AUTO6},
		     {"auto6", NET_AUTO6}, {"none", NET_STATIC}, {"off", NET_OFF}};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (name && !strcmp(name, known[i].name)) {
			*ret = known[i].method;
			return true;
		}
	return false;
}

/* What the kernel takes as a card's name, and a MAC. No slash: names become parts of paths. */
static int check_card(const char *word, const char *name, struct err *err)
{
	size_t len = strlen(name);

	if (!len || len > CARD_NAME_MAX || name[0] == '.' || strpbrk(name, "/ \t\n"))
		return err_set(err, ERR_USAGE, "%s: '%s' is no name of a network card", word, name);
	return 0;
}

static int check_address(const char *word, const char *text, struct err *err)
{
	unsigned char bytes[16];

	if (inet_pton(AF_INET, text, bytes) != 1 && inet_pton(AF_INET6, text, bytes) != 1)
		return err_set(err, ERR_USAGE, "%s: '%s' is no IP address", word, text);
	return 0;
}

/* A mask in dots or a prefix length; -1: neither. */
static int prefix_length(const char *mask, int max)
{
	unsigned char bytes[4];
	uint32_t bits;
	char *end;
	long n;

	if (inet_pton(AF_INET, mask, bytes) == 1 && max == 32) {
		memcpy(&bits, bytes, sizeof bits);
		bits = ntohl(bits);
		n = bits ? __builtin_popcount(bits) : 0;
		return n == 0 || bits == UINT32_MAX << (32 - n) ? (int)n : -1;
	}
	n = strtol(mask, &end, 10);
	return isdigit((unsigned char)*mask) && !*end && n <= max ? (int)n : -1;
}

static int add_nameserver(struct settings *s, const char *text, struct err *err)
{
	if (check_address("nameserver", text, err) < 0)
		return -1;
	*vec_push(&s->arena, &s->nameservers) = arena_strdup(&s->arena, text);
	return 0;
}

/* ip=CLIENT:[PEER]:GATEWAY:MASK:[NAME]:CARD:METHOD[:DNS[:DNS]] */
static int add_static(struct settings *s, const char *value, const struct fields *f, struct err *err)
{
	const char *address = field(f, 0), *mask = field(f, 3), *card = field(f, 5);
	struct net_address n = {.method = NET_STATIC};
	int bits;

	if (!address || !mask || !card || f->n < 6)
		return err_set(err, ERR_USAGE, "ip=%s: expected ip=ADDRESS::GATEWAY:MASK:NAME:CARD:none", value);
	if (field(f, 6) && (!method_by_name(field(f, 6), &n.method) || n.method != NET_STATIC))
		return err_set(err, ERR_USAGE, "ip=%s: the method is '%s', expected 'none' with an address", value,
			       field(f, 6));
	if (check_address("ip", address, err) < 0 || check_card("ip", card, err) < 0 ||
	    (field(f, 2) && check_address("ip", field(f, 2), err) < 0))
		return -1;
	bits = prefix_length(mask, strchr(address, ':') ? 128 : 32);
	if (bits < 0)
		return err_set(err, ERR_USAGE, "ip=%s: '%s' is no network mask", value, mask);
	for (size_t i = 7; i < 9; i++)
		if (field(f, i) && add_nameserver(s, field(f, i), err) < 0)
			return -1;
	n.card = arena_strdup(&s->arena, card);
	n.address = arena_printf(&s->arena, "%s/%d", address, bits);
	n.gateway = arena_strdup(&s->arena, field(f, 2));
	*vec_push(&s->arena, &s->addresses) = n;
	return 0;
}

static int set_ip(struct settings *s, const char *value, struct err *err)
{
	struct net_address n = {0};
	struct fields f;

	if (split_fields(&s->arena, value, &f, err) < 0)
		return -1;
	if (f.n == 1 && method_by_name(field(&f, 0), &n.method) && n.method != NET_STATIC) {
		*vec_push(&s->arena, &s->addresses) = n;
		return 0;
	}
	if (f.n >= 2 && f.n <= 4 && method_by_name(field(&f, 1), &n.method) && n.method != NET_STATIC) {
		if (!field(&f, 0) || check_card("ip", field(&f, 0), err) < 0)
			return err_set(err, ERR_USAGE, "ip=%s: expected ip=CARD:METHOD", value);
		n.card = f.v[0];
		*vec_push(&s->arena, &s->addresses) = n;
		return 0;
	}
	return add_static(s, value, &f, err);
}

/* The digits at the end of the name: vlan5, vlan0005, eth0.5. */
static int set_vlan(struct settings *s, const char *value, struct err *err)
{
	struct net_vlan v = {0};
	struct fields f;
	size_t digits;

	if (split_fields(&s->arena, value, &f, err) < 0)
		return -1;
	if (f.n != 2 || check_card("vlan", f.v[0], err) < 0 || check_card("vlan", f.v[1], err) < 0)
		return err_set(err, ERR_USAGE, "vlan=%s: expected vlan=NAME:CARD", value);
	digits = strlen(f.v[0]);
	while (digits && isdigit((unsigned char)f.v[0][digits - 1]))
		digits--;
	v.name = f.v[0];
	v.card = f.v[1];
	v.id = (unsigned)strtoul(f.v[0] + digits, NULL, 10);
	if (!v.id || v.id > VLAN_MAX)
		return err_set(err, ERR_USAGE, "vlan=%s: the name ends in no number from 1 to %d", value, VLAN_MAX);
	*vec_push(&s->arena, &s->vlans) = v;
	return 0;
}

static int set_bond(struct settings *s, const char *value, struct err *err)
{
	struct net_bond b = {0};
	struct fields f;

	if (split_fields(&s->arena, value, &f, err) < 0)
		return -1;
	if (f.n < 2 || f.n > 3 || check_card("bond", f.v[0], err) < 0)
		return err_set(err, ERR_USAGE, "bond=%s: expected bond=NAME:CARD,CARD[:OPTION=VALUE,…]", value);
	b.name = f.v[0];
	b.cards = split_words(&s->arena, f.v[1], ",");
	b.options = split_words(&s->arena, f.n > 2 ? f.v[2] : "mode=active-backup", ",");
	VEC_FOR (it, &b.cards)
		if (check_card("bond", *it, err) < 0)
			return -1;
	VEC_FOR (it, &b.options)
		if (!strchr(*it, '=') || strchr(*it, '/'))
			return err_set(err, ERR_USAGE, "bond=%s: '%s' is no option=value", value, *it);
	*vec_push(&s->arena, &s->bonds) = b;
	return 0;
}

static int set_post(struct settings *s, const char *value, struct err *err)
{
	static const char *const names[] = {"ask", "poweroff", "reboot", "shell"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (!strcmp(value, names[i])) {
			s->post = (enum post)i;
			return 0;
		}
	return err_set(err, ERR_USAGE, "rehost.post=%s: expected poweroff, reboot, shell or ask", value);
}

static int set_ui(struct settings *s, const char *value, struct err *err)
{
	static const char *const names[] = {"auto", "text", "screen"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (!strcmp(value, names[i])) {
			s->ui = (enum ui_wish)i;
			return 0;
		}
	return err_set(err, ERR_USAGE, "rehost.ui=%s: expected auto, text or screen", value);
}

static int set_on_read_error(struct settings *s, const char *value, struct err *err)
{
	s->zero_read_errors = !strcmp(value, "zero");
	return s->zero_read_errors || !strcmp(value, "stop")
		   ? 0
		   : err_set(err, ERR_USAGE, "rehost.on-read-error=%s: expected stop or zero", value);
}

static int set_nameserver(struct settings *s, const char *value, struct err *err)
{
	size_t len = strlen(value);

	if (len > 2 && value[0] == '[' && value[len - 1] == ']')
		value = arena_strndup(&s->arena, value + 1, len - 2);
	return add_nameserver(s, value, err);
}

static int set_disks(struct settings *s, const char *value, struct err *err)
{
	s->disks = split_words(&s->arena, value, ",");
	return 0;
}

static int set_nics(struct settings *s, const char *value, struct err *err)
{
	s->nics = split_words(&s->arena, value, ",");
	return 0;
}

/* One row a word: a text goes to its place, else a function takes the value. */
static const struct {
	const char *name;
	size_t text_at; /* offset of a char * in struct settings, used when there is no function */
	int (*set)(struct settings *s, const char *value, struct err *err);
} words[] = {
    {"rehost.server", offsetof(struct settings, server), NULL},
    {"rehost.token", offsetof(struct settings, token), NULL},
    {"rehost.to", offsetof(struct settings, to), NULL},
    {"rehost.name", offsetof(struct settings, name), NULL},
    {"rehost.disks", 0, set_disks},
    {"rehost.nics", 0, set_nics},
    {"rehost.post", 0, set_post},
    {"rehost.ui", 0, set_ui},
    {"rehost.on-read-error", 0, set_on_read_error},
    {"ip", 0, set_ip},
    {"vlan", 0, set_vlan},
    {"bond", 0, set_bond},
    {"nameserver", 0, set_nameserver},
};

static int set_word(struct settings *s, const char *name, const char *value, struct err *err)
{
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (strcmp(name, words[i].name) != 0)
			continue;
		if (!*value)
			return err_set(err, ERR_USAGE, "%s= has no value", name);
		if (words[i].set)
			return words[i].set(s, value, err);
		*(char **)((char *)s + words[i].text_at) = arena_strdup(&s->arena, value);
		return 0;
	}
	if (!strncmp(name, "rehost.", 7))
		return err_set(err, ERR_USAGE, "unknown word '%s' on the kernel's command line", name);
	return 0;
}

static int set_flag(struct settings *s, const char *name, struct err *err)
{
	if (!strcmp(name, "rehost.inventory"))
		s->show_inventory = true;
	else if (!strcmp(name, "rehost.force"))
		s->force = true;
	else if (!strcmp(name, "rehost.tight"))
		s->tight = true;
	else if (!strncmp(name, "rehost.", 7) && strcmp(name, "rehost.shell") != 0) /* which is for /init */
		return err_set(err, ERR_USAGE,
			       "the word '%s' on the kernel's command line is unknown or lacks its value", name);
	return 0;
}

/* The next word without its quotes, or NULL at the end. */
static char *next_word(struct arena *a, const char **at)
{
	const char *p = *at;
	char *word, *to;
	bool quoted = false;

	while (isspace((unsigned char)*p))
		p++;
	if (!*p)
		return NULL;
	word = to = arena_alloc(a, strlen(p) + 1);
	for (; *p && (quoted || !isspace((unsigned char)*p)); p++) {
		if (*p == '"')
			quoted = !quoted;
		else
			*to++ = *p;
	}
	*at = p;
	return word;
}

int settings_add(struct settings *s, const char *text, struct err *err)
{
	char *word, *equals;

	while ((word = next_word(&s->arena, &text))) {
		equals = strchr(word, '=');
		if (equals)
			*equals = '\0';
		if ((equals ? set_word(s, word, equals + 1, err) : set_flag(s, word, err)) < 0)
			return -1;
	}
	return 0;
}

void settings_forget_network(struct settings *s)
{
	s->addresses.n = s->vlans.n = s->bonds.n = s->nameservers.n = 0;
}

void settings_done(struct settings *s)
{
	arena_done(&s->arena);
	*s = (struct settings){0};
}
