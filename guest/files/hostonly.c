/* Images made for one machine: the arguments and waits that dracut writes into them (dracut.cmdline(7), its functions
 * wait_for_dev and dev_unit_name), and the volumes that Debian's old images open before the root is there. */
#include "guest/files/hostonly.h"

#include <fnmatch.h>
#include <string.h>

#include "guest/files/unit.h"

#define WANTS  "etc/systemd/system/initrd.target.wants/"
#define SUFFIX ".device"

/* [ -e "/dev/disk/by-path/…" ] */
static void wait_devices(struct lines *l, const struct device_visitor *v)
{
	for (size_t i = 0; i < l->v.n; i++) {
		const char *text = l->v.v[i].text, *name = strstr(text, "\"/dev/");

		if (name && text[line_indent(text)] != '#')
			device_visit_span(l, i, (struct span){(size_t)(name + 1 - text), strcspn(name + 1, "\"")},
					  (struct device_use){.form = FORM_PATH, .optional = true}, v);
	}
}

/* "target=sda5_crypt,source=/dev/sda5,key=none", as cryptsetup wrote it before it had a crypttab in the image. */
static void cryptroot_devices(struct lines *l, const struct device_visitor *v)
{
	static const char key[] = "source=";

	for (size_t i = 0; i < l->v.n; i++) {
		const char *text = l->v.v[i].text, *p = strstr(text, key);

		while (p && p > text && p[-1] != ',' && !is_blank(p[-1]))
			p = strstr(p + 1, key);
		if (!p || text[line_indent(text)] == '#')
			continue;
		p += strlen(key);
		device_visit_span(l, i, (struct span){(size_t)(p - text), strcspn(p, ", \t")},
				  (struct device_use){.form = FORM_PATH}, v);
	}
}

device_walker *hostonly_walker(const char *member, bool *ret_waits)
{
	bool waits = fnmatch("*/hooks/initqueue/finished/*.sh", member, 0) == 0;

	if (ret_waits)
		*ret_waits = waits;
	if (waits)
		return wait_devices;
	if (strcmp(member, "conf/conf.d/cryptroot") == 0)
		return cryptroot_devices;
	return fnmatch("etc/cmdline.d/*.conf", member, 0) == 0 ? cmdline_devices : NULL;
}

/* The unit's name without ".device", NULL. */
static char *unit_of(const char *member, struct arena *a)
{
	size_t n = strlen(member), before = strlen(WANTS), behind = strlen(SUFFIX);

	if (n <= before + behind || strncmp(member, WANTS, before) != 0 || strcmp(member + n - behind, SUFFIX) != 0)
		return NULL;
	return arena_strndup(a, member + before, n - before - behind);
}

char *hostonly_awaited(const char *member, struct arena *a)
{
	char *unit = unit_of(member, a);

	return unit ? unit_unescape_path(a, unit) : NULL;
}

char *hostonly_timeout(const char *member, struct arena *a)
{
	return arena_printf(a, "etc/systemd/system/%s" SUFFIX ".d/timeout.conf", unit_of(member, a));
}
