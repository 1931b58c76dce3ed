/* udev rules that name network interfaces: 70-persistent-net.rules and its kin. */
#include <string.h>

#include "guest/files/netfiles.h"

/* One KEY{attribute}OP"value" of a rule. */
struct term {
	struct span key, op, value, all;
};

static bool next_term(const char *text, size_t *pos, struct term *ret)
{
	size_t i = *pos + strspn(text + *pos, " \t,");

	ret->key = (struct span){i, strcspn(text + i, " \t=!+:-\"")};
	i += ret->key.len;
	i += line_indent(text + i);
	ret->op = (struct span){i, strspn(text + i, "=!+:-")};
	i += ret->op.len;
	i += line_indent(text + i);
	if (!ret->key.len || !ret->op.len || text[i] != '"')
		return false;
	ret->value = (struct span){i + 1, strcspn(text + i + 1, "\"")};
	i = ret->value.at + ret->value.len;
	if (text[i] != '"')
		return false;
	*pos = i + 1;
	ret->all = (struct span){ret->key.at, *pos - ret->key.at};
	return true;
}

static bool key_is(const char *text, const struct term *t, const char *const *names)
{
	for (; *names; names++)
		if (span_is(text, t->key, *names))
			return true;
	return false;
}

static enum net_key meaning_of(const char *text, const struct term *t)
{
	static const char *const macs[] = {"ATTR{address}", "ATTRS{address}", "SYSFS{address}", NULL};
	static const char *const drivers[] = {"DRIVERS", "DRIVER", "ENV{ID_NET_DRIVER}", NULL};
	static const char *const paths[] = {"KERNELS", "ENV{ID_PATH}", "ID", NULL};
	static const char *const names[] = {"NAME", NULL};

	if (key_is(text, t, names) && text[t->op.at + t->op.len - 1] == '=' && !span_is(text, t->op, "=="))
		return NET_GIVES_NAME;
	if (!span_is(text, t->op, "=="))
		return NET_KEY_UNKNOWN;
	return key_is(text, t, macs)	  ? NET_MAC
	       : key_is(text, t, drivers) ? NET_DRIVER
	       : key_is(text, t, paths)	  ? NET_PATH
					  : NET_KEY_UNKNOWN;
}

static void rule(const struct lines *l, size_t i, struct net_items *ret)
{
	const char *text = l->v.v[i].text;
	unsigned section = ret->sections++;
	struct term t;
	size_t pos = 0;

	while (next_term(text, &pos, &t)) {
		enum net_key what = meaning_of(text, &t);
		struct net_item *item;

		/* "?*" matches every driver. */
		if (!what || (what == NET_DRIVER && (span_is(text, t.value, "?*") || span_is(text, t.value, "*"))))
			continue;
		item = net_item_add(ret, what, section, i, span_dup(l->arena, text, t.value), t.value);
		item->pair_at = t.all;
		item->style = NET_STYLE_UDEV;
	}
}

void udevrules_parse(const struct lines *l, struct net_items *ret)
{
	for (size_t i = 0; i < l->v.n; i++) {
		const char *text = l->v.v[i].text;

		if (text[line_indent(text)] != '#' && strstr(text, "\"net\"") && strstr(text, "NAME"))
			rule(l, i, ret);
	}
}
