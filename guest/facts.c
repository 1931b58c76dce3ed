/* Facts about the guest that a look at a few of its files gives. */
#include "guest/facts.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

/* Which program /sbin/init is; by its link where it is one, else by what is beside it. */
static int find_init(struct guest *g, struct arena *a, const char **ret, struct err *err)
{
	struct guest_stat st;
	char *target = NULL;

	*ret = "unknown";
	if (g->ops->stat(g, "/sbin/init", false, &st, err) < 0)
		return -1;
	if (S_ISLNK(st.mode) && g->ops->readlink(g, "/sbin/init", a, &target, err) < 0)
		return -1;
	if (target && strstr(target, "systemd"))
		*ret = "systemd";
	else if ((target && strstr(target, "openrc")) || (st.mode && guest_exists(g, "/sbin/openrc")))
		*ret = "openrc";
	else if (st.mode && guest_exists(g, "/etc/init/rc-sysinit.conf"))
		*ret = "upstart";
	else if (st.mode && guest_exists(g, "/etc/inittab"))
		*ret = "sysvinit";
	return 0;
}

static int find_selinux(struct guest *g, struct arena *a, bool *ret, struct err *err)
{
	char *text, *line;

	*ret = false;
	if (guest_text(g, "/etc/selinux/config", a, &text, err) < 0)
		return -1;
	while ((line = strsep(&text, "\n"))) {
		char *save = NULL, *key = strtok_r(line, "= \t\r", &save), *value = strtok_r(NULL, "= \t\r", &save);

		if (key && value && !strcmp(key, "SELINUX"))
			*ret = !strcasecmp(value, "enforcing");
	}
	return 0;
}

/* The value of NAME="…" in os-release(5), NULL when it isn't there. */
static char *release_value(char *text, const char *name)
{
	char *line, *save = NULL;
	size_t n = strlen(name);

	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *value = line + n + 1;
		size_t len;

		if (strncmp(line, name, n) != 0 || line[n] != '=')
			continue;
		len = strlen(value);
		if (len >= 2 && (*value == '"' || *value == '\'') && value[len - 1] == *value) {
			value[len - 1] = '\0';
			value++;
		}
		return *value ? value : NULL;
	}
	return NULL;
}

/* libguestfs takes Debian's product from /etc/debian_version: "12.15", without the name. */
static int find_product(struct guest *g, struct arena *a, struct os_info *os, struct err *err)
{
	char *text = NULL, *name;

	if (guest_text(g, "/etc/os-release", a, &text, err) < 0)
		return -1;
	name = text ? release_value(text, "PRETTY_NAME") : NULL;
	if (name)
		os->product = name;
	return 0;
}

int guest_facts(struct guest *g, struct arena *a, struct os_info *os, struct err *err)
{
	const char *init;

	if (find_product(g, a, os, err) < 0 || find_init(g, a, &init, err) < 0 ||
	    find_selinux(g, a, &os->selinux_enforcing, err) < 0)
		return -1;
	os->init = arena_strdup(a, init);
	return 0;
}

char *osinfo_url(struct arena *a, const char *short_id)
{
	static const struct {
		const char *prefix, *base;
	} known[] = {
	    {"alpinelinux", "http://alpinelinux.org/alpinelinux/"},
	    {"centos-stream", "http://centos.org/centos-stream/"},
	    {"centos", "http://centos.org/centos/"},
	    {"debian", "http://debian.org/debian/"},
	    {"fedora", "http://fedoraproject.org/fedora/"},
	    {"freebsd", "http://freebsd.org/freebsd/"},
	    {"netbsd", "http://netbsd.org/netbsd/"},
	    {"openbsd", "http://openbsd.org/openbsd/"},
	    {"opensuse", "http://opensuse.org/opensuse/"},
	    {"rhel", "http://redhat.com/rhel/"},
	    {"ubuntu", "http://ubuntu.com/ubuntu/"},
	    {"win", "http://microsoft.com/win/"},
	};

	for (size_t i = 0; short_id && i < sizeof known / sizeof *known; i++) {
		size_t n = strlen(known[i].prefix);

		if (!strncmp(short_id, known[i].prefix, n) && isdigit((unsigned char)short_id[n]))
			return arena_printf(a, "%s%s", known[i].base, short_id + n);
	}
	return NULL;
}
