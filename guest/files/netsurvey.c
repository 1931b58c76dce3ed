/* The guest's network configuration as a list of facts. */
#include <ctype.h>
#include <string.h>
#include <sys/stat.h>

#include "guest/files/netfiles.h"
#include "guest/files/netnames.h"

static bool is_glob(const char *name)
{
	return strpbrk(name, "*?[!/") != NULL;
}

static char *lower(struct arena *a, const char *text)
{
	char *ret = arena_strdup(a, text);

	for (char *p = ret; *p; p++)
		*p = *p == '-' ? ':' : (char)tolower((unsigned char)*p);
	return ret;
}

static void keep_first(struct arena *a, char **slot, const char *value)
{
	if (!*slot)
		*slot = arena_strdup(a, value);
}

static void take_name(struct arena *a, struct net_config *c, const char *name)
{
	if (is_glob(name))
		keep_first(a, &c->match, name);
	else if (!c->gives_name)
		keep_first(a, &c->interface, name);
}

static void take(struct arena *a, struct net_config *c, const struct net_item *item)
{
	switch (item->key) {
	case NET_NAME:
		take_name(a, c, item->value);
		break;
	case NET_GIVES_NAME:
		if (c->interface && !c->gives_name)
			keep_first(a, &c->match, c->interface);
		c->gives_name = true;
		c->interface = arena_strdup(a, item->value);
		break;
	case NET_VIRTUAL:
		c->is_virtual = true;
		keep_first(a, &c->interface, item->value);
		break;
	case NET_MAC:
		c->mac = lower(a, item->value);
		break;
	case NET_DRIVER:
		keep_first(a, &c->driver, item->value);
		break;
	case NET_PATH:
		keep_first(a, &c->path, item->value);
		break;
	case NET_METHOD:
		keep_first(a, &c->method, item->value);
		break;
	case NET_ADDRESS:
		keep_first(a, &c->address, item->value);
		break;
	case NET_LINK_KEY:
	case NET_KEY_UNKNOWN:
		break;
	}
}

/* A further name in a list ("Name=ens192 ens224") is an entry of its own, with what was said before it. */
static bool another_name(const struct net_config *c, const struct net_item *item)
{
	return item->key == NET_NAME && c->interface && !c->gives_name && !c->is_virtual && !is_glob(item->value);
}

static struct net_config *new_config(struct inspection *i, const struct net_file *f, const struct net_item *item)
{
	struct net_config *c = vec_push(&i->arena, &i->networks);

	*c = (struct net_config){.file = arena_strdup(&i->arena, f->path),
				 .line = (unsigned)item->line + 1,
				 .system = arena_strdup(&i->arena, f->system)};
	return c;
}

static int survey_file(struct net_file *f, void *opaque, struct err *err)
{
	struct inspection *i = opaque;

	for (unsigned section = 0; section < f->items.sections; section++) {
		struct net_config *c = NULL;

		VEC_FOR (item, &f->items.v) {
			if (item->section != section || item->key == NET_LINK_KEY)
				continue;
			if (!c || another_name(c, item))
				c = new_config(i, f, item);
			take(&i->arena, c, item);
		}
		if (c && c->address && !c->method)
			c->method = arena_strdup(&i->arena, "static");
	}
	return 0;
}

int net_survey(struct guest *g, struct inspection *i, struct err *err)
{
	AUTO(arena_done) struct arena a = {0};

	i->networks.n = 0;
	return net_files_each(g, &a, survey_file, i, err);
}

bool net_has_udev(struct guest *g)
{
	return guest_is_dir(g, "/lib/udev") || guest_is_dir(g, "/usr/lib/udev") ||
	       guest_is_dir(g, "/etc/udev/rules.d") || guest_exists(g, "/sbin/udevd");
}

bool net_reads_link_files(struct guest *g)
{
	return guest_exists(g, "/lib/udev/rules.d/80-net-setup-link.rules") ||
	       guest_exists(g, "/usr/lib/udev/rules.d/80-net-setup-link.rules");
}

bool net_udev_knows_attr(struct guest *g)
{
	return guest_is_dir(g, "/lib/udev/rules.d") || guest_is_dir(g, "/usr/lib/udev/rules.d");
}

/* A link to /dev/null in /etc switches a file of /usr/lib off. */
static bool is_masked(struct guest *g, const char *path)
{
	AUTO(arena_done) struct arena a = {0};
	struct guest_stat st;
	char *target = NULL;

	return g->ops->stat(g, path, false, &st, NULL) == 0 && S_ISLNK(st.mode) &&
	       g->ops->readlink(g, path, &a, &target, NULL) == 0 && strcmp(target, "/dev/null") == 0;
}

bool net_predictable_names(struct guest *g, const struct inspection *i)
{
	VEC_FOR (e, &i->boot_entries)
		if (e->is_default && e->cmdline && strstr(e->cmdline, "net.ifnames=0"))
			return false;
	return net_reads_link_files(g) && !is_masked(g, "/etc/systemd/network/99-default.link") &&
	       !is_masked(g, "/etc/udev/rules.d/80-net-setup-link.rules");
}
