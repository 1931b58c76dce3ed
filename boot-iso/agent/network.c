/* How the live system's network is brought up. */
#include "boot-iso/agent/network.h"

#include <fcntl.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/child.h"
#include "core/base/cleanup.h"
#include "core/base/file.h"

enum { OUTPUT_MAX = 4096 };

/* run(p, "ip", "link", …, NULL) */
static void run(struct net_plan *p, ...)
{
	struct net_step *s = vec_push(&p->arena, &p->steps);
	const char *arg;
	va_list ap;
	size_t n = 0;

	va_start(ap, p);
	while (n + 1 < NET_ARGS_MAX && (arg = va_arg(ap, const char *)))
		s->argv[n++] = arg;
	va_end(ap);
}

/* The last step may fail. */
static void may_fail(struct net_plan *p)
{
	p->steps.v[p->steps.n - 1].may_fail = true;
}

static void write_file(struct net_plan *p, const char *file, const char *text)
{
	*vec_push(&p->arena, &p->steps) = (struct net_step){.file = file, .text = text};
}

/* "52-54-00-…" as a MAC. */
static bool mac_is(const char *mac, const char *dashed)
{
	for (; *mac && *dashed; mac++, dashed++)
		if (*dashed == '-' ? *mac != ':' : strncasecmp(mac, dashed, 1) != 0)
			return false;
	return *mac == *dashed;
}

/* The name of the card, VLAN or bond that a setting means; NULL when there is none. */
static const char *card_name(const struct settings *s, const struct hardware *h, const char *word, struct err *err)
{
	VEC_FOR (n, &h->nics)
		if (!strcmp(n->name, word) || (n->mac && mac_is(n->mac, word)))
			return n->name;
	VEC_FOR (v, &s->vlans)
		if (!strcmp(v->name, word))
			return v->name;
	VEC_FOR (b, &s->bonds)
		if (!strcmp(b->name, word))
			return b->name;
	return err_null(err, ERR_USAGE, "there is no network card '%s'", word);
}

static int plan_bond(const struct settings *s, const struct hardware *h, const struct net_bond *b, struct net_plan *p,
		     struct err *err)
{
	run(p, "modprobe", "bonding", "max_bonds=0", NULL);
	run(p, "ip", "link", "delete", b->name, NULL);
	may_fail(p);
	run(p, "ip", "link", "add", b->name, "type", "bond", NULL);
	VEC_FOR (o, &b->options) {
		const char *equals = strchr(*o, '=');

		write_file(p,
			   arena_printf(&p->arena, "/sys/class/net/%s/bonding/%.*s", b->name, (int)(equals - *o), *o),
			   equals + 1);
	}
	VEC_FOR (c, &b->cards) {
		const char *card = card_name(s, h, *c, err);

		if (!card)
			return -1;
		run(p, "ip", "link", "set", card, "down", NULL);
		run(p, "ip", "link", "set", card, "master", b->name, NULL);
	}
	run(p, "ip", "link", "set", b->name, "up", NULL);
	return 0;
}

static int plan_vlan(const struct settings *s, const struct hardware *h, const struct net_vlan *v, struct net_plan *p,
		     struct err *err)
{
	const char *card = card_name(s, h, v->card, err);

	if (!card)
		return -1;
	run(p, "modprobe", "8021q", NULL);
	run(p, "ip", "link", "set", card, "up", NULL);
	run(p, "ip", "link", "delete", v->name, NULL);
	may_fail(p);
	run(p, "ip", "link", "add", "link", card, "name", v->name, "type", "vlan", "id",
	    arena_printf(&p->arena, "%u", v->id), NULL);
	run(p, "ip", "link", "set", v->name, "up", NULL);
	return 0;
}

/* What an earlier attempt has left would go on to set addresses and routes, or keep an address without its lease. */
static void plan_no_dhcp(struct net_plan *p)
{
	run(p, "sh", "-c",
	    "for f in /run/udhcpc.*; do "
	    "kill $(cat \"$f\") && ip address flush dev \"${f#*.}\" scope global; done 2> /dev/null",
	    NULL);
	may_fail(p);
}

/* It stays in the background, with or without a lease: a cable may be plugged in later. Our pipe must not stay with it.
 */
static void plan_dhcp(struct net_plan *p, const char *card)
{
	run(p, "ip", "link", "set", card, "up", NULL);
	run(p, "sh", "-c",
	    "exec udhcpc -i \"$0\" -p \"/run/udhcpc.$0\" -s /etc/udhcpc -b -t 5 -T 2 -A 10 > /dev/null 2>&1", card,
	    NULL);
}

/* One ip= word on one card. */
static void plan_card(const struct net_address *a, const char *card, struct net_plan *p)
{
	switch (a->method) {
	case NET_STATIC:
		run(p, "ip", "link", "set", card, "up", NULL);
		run(p, "ip", "address", "replace", a->address, "dev", card, NULL);
		if (a->gateway)
			run(p, "ip", "route", "replace", "default", "via", a->gateway, "dev", card, NULL);
		return;
	case NET_DHCP:
		plan_dhcp(p, card);
		return;
	case NET_AUTO6:
		run(p, "ip", "link", "set", card, "up", NULL);
		return;
	case NET_OFF:
		return;
	}
}

static int plan_address(const struct settings *s, const struct hardware *h, const struct net_address *a,
			struct net_plan *p, struct err *err)
{
	const char *card;

	if (a->card) {
		card = card_name(s, h, a->card, err);
		if (card)
			plan_card(a, card, p);
		return card ? 0 : -1;
	}
	VEC_FOR (n, &h->nics)
		if (n->link)
			plan_card(a, n->name, p);
	return 0;
}

static void plan_nameservers(const struct settings *s, struct net_plan *p)
{
	const char *text = "";

	VEC_FOR (n, &s->nameservers)
		text = arena_printf(&p->arena, "%snameserver %s\n", text, *n);
	if (s->nameservers.n)
		write_file(p, "/etc/resolv.conf", text);
}

int network_plan(const struct settings *s, const struct hardware *h, struct net_plan *ret, struct err *err)
{
	static const struct net_address everywhere = {.method = NET_DHCP};

	run(ret, "ip", "link", "set", "lo", "up", NULL);
	plan_no_dhcp(ret);
	plan_nameservers(s, ret);
	VEC_FOR (b, &s->bonds)
		if (plan_bond(s, h, b, ret, err) < 0)
			return -1;
	VEC_FOR (v, &s->vlans)
		if (plan_vlan(s, h, v, ret, err) < 0)
			return -1;
	VEC_FOR (a, &s->addresses)
		if (plan_address(s, h, a, ret, err) < 0)
			return -1;
	return s->addresses.n ? 0 : plan_address(s, h, &everywhere, ret, err);
}

void net_plan_done(struct net_plan *p)
{
	arena_done(&p->arena);
	*p = (struct net_plan){0};
}

/* Files of /sys can't be replaced by a rename. */
static int write_step(const struct net_step *s, struct err *err)
{
	AUTO_FD int fd = open(s->file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0)
		return err_sys(err, ERR_HOST, "cannot open '%s'", s->file);
	return file_write(fd, s->text, strlen(s->text), err) < 0 ? err_wrap(err, "'%s'", s->file) : 0;
}

static int run_step(const struct net_step *s, struct err *err)
{
	AUTO(buf_done) struct buf out = BUF_INIT(OUTPUT_MAX);
	int status;

	if (s->file)
		return write_step(s, err);
	status = child_run(s->argv, &out, err);
	if (status > 0)
		return err_set(err, ERR_HOST, "'%s %s %s …' ended with status %d: %s", s->argv[0],
			       s->argv[1] ? s->argv[1] : "", s->argv[1] && s->argv[2] ? s->argv[2] : "", status,
			       buf_str(&out));
	return status;
}

int network_run(const struct net_plan *p, struct err *err)
{
	VEC_FOR (s, &p->steps) {
		if (run_step(s, err) == 0)
			continue;
		if (!s->may_fail)
			return err_wrap(err, "network");
		err_clear(err);
	}
	return 0;
}

void network_cards_up(const struct hardware *h)
{
	AUTO(buf_done) struct buf out = BUF_INIT(OUTPUT_MAX);

	VEC_FOR (n, &h->nics)
		child_run((const char *const[]){"ip", "link", "set", n->name, "up", NULL}, &out, NULL);
	/* Auto-negotiation at 1 Gbit/s takes up to 4 seconds. */
	if (h->nics.n)
		sleep(4);
}

bool network_find_host(const char *name)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *found = NULL;
	bool ret;

	/* Nobody waits long for what may not be there. */
	setenv("RES_OPTIONS", "timeout:1 attempts:1", 1);
	ret = getaddrinfo(name, NULL, &hints, &found) == 0;
	unsetenv("RES_OPTIONS");
	if (ret)
		freeaddrinfo(found);
	return ret;
}
