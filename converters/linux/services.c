/* Switching SysV init scripts off. */
#include "converters/linux/services.h"

#include <string.h>
#include <sys/stat.h>

bool service_is_link(struct guest *g, const char *path)
{
	struct guest_stat st;

	return g->ops->stat(g, path, false, &st, NULL) == 0 && S_ISLNK(st.mode);
}

static int stop_link(const struct step_context *c, struct arena *a, const char *link, const char *service,
		     const char *reason, struct err *err)
{
	struct guest *g = c->guest;
	char *target;

	if (!service_is_link(g, link))
		return 0;
	if (g->ops->readlink(g, link, a, &target, err) < 0 ||
	    guest_link(g, c->log, target,
		       arena_printf(a, "%.*sK01%s", (int)(strrchr(link, '/') + 1 - link), link, service), reason,
		       err) < 0)
		return -1;
	return guest_drop(g, c->log, link, reason, err);
}

int service_stop(const struct step_context *c, struct arena *a, const char *service, const char *reason,
		 struct err *err)
{
	/* Debian; Red Hat, where /etc/rc3.d is a link to it; SUSE */
	static const char *const folders[] = {"/etc/rc?.d", "/etc/rc.d/rc?.d", "/etc/init.d/rc?.d"};

	for (size_t k = 0; k < sizeof folders / sizeof *folders; k++) {
		struct names links = {0};

		if (c->guest->ops->glob(c->guest, arena_printf(a, "%s/S[0-9][0-9]%s", folders[k], service), a, &links,
					err) < 0)
			return -1;
		VEC_FOR (link, &links.list)
			if (stop_link(c, a, *link, service, reason, err) < 0)
				return -1;
	}
	return 0;
}
