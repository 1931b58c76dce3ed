/* Step guest-tools: the tools of other hypervisors don't start any more; their packages stay as they are. */
#include <string.h>
#include <sys/stat.h>

#include "converters/linux/linux.h"
#include "converters/linux/services.h"
#include "guest/files/agents.h"

struct disabling {
	const struct step_context *c;
	struct arena *arena;
	const char *reason;
};

static bool has_suffix(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot && (strcmp(dot, ".mount") == 0 || strcmp(dot, ".service") == 0);
}

/* A unit that the administrator wrote into /etc can't be masked by a link in its place: what enables it goes. */
static int drop_enablement(const struct disabling *d, const char *unit, struct err *err)
{
	static const char *const patterns[] = {"/etc/systemd/system/*.wants", "/etc/systemd/system/*.requires"};

	for (size_t k = 0; k < sizeof patterns / sizeof *patterns; k++) {
		struct names folders = {0};

		if (d->c->guest->ops->glob(d->c->guest, patterns[k], d->arena, &folders, err) < 0)
			return -1;
		VEC_FOR (folder, &folders.list)
			if (guest_drop(d->c->guest, d->c->log, arena_printf(d->arena, "%s/%s", *folder, unit),
				       d->reason, err) < 0)
				return -1;
	}
	return 0;
}

/* As `systemctl mask` does: a link that package upgrades respect and `systemctl unmask` takes back. */
static int mask_unit(const struct disabling *d, const char *service, struct err *err)
{
	struct guest *g = d->c->guest;
	const char *unit = has_suffix(service) ? service : arena_printf(d->arena, "%s.service", service);
	const char *own = arena_printf(d->arena, "/etc/systemd/system/%s", unit);

	if (guest_exists(g, own) && !service_is_link(g, own))
		return drop_enablement(d, unit, err);
	if (!guest_exists(g, arena_printf(d->arena, "/lib/systemd/system/%s", unit)) &&
	    !guest_exists(g, arena_printf(d->arena, "/usr/lib/systemd/system/%s", unit)) &&
	    !guest_exists(g, arena_printf(d->arena, "/etc/init.d/%s", service)))
		return 0;
	return guest_link(g, d->c->log, "/dev/null", own, d->reason, err);
}

/* OpenRC's runlevels and runit's folders of services hold a link for what is started. */
static int drop_service_links(const struct disabling *d, const char *service, struct err *err)
{
	static const char *const folders[] = {"/etc/runlevels/*", "/etc/runit/runsvdir/*"};

	for (size_t k = 0; k < sizeof folders / sizeof *folders; k++) {
		struct names links = {0};

		if (d->c->guest->ops->glob(d->c->guest, arena_printf(d->arena, "%s/%s", folders[k], service), d->arena,
					   &links, err) < 0)
			return -1;
		VEC_FOR (link, &links.list)
			if (service_is_link(d->c->guest, *link) &&
			    guest_drop(d->c->guest, d->c->log, *link, d->reason, err) < 0)
				return -1;
	}
	return 0;
}

static int stop_upstart_job(const struct disabling *d, const char *service, struct err *err)
{
	if (!guest_exists(d->c->guest, arena_printf(d->arena, "/etc/init/%s.conf", service)))
		return 0;
	return guest_edit(d->c->guest, d->c->log, arena_printf(d->arena, "/etc/init/%s.override", service), "manual\n",
			  d->reason, err);
}

static bool runs_systemd(struct guest *g)
{
	return guest_exists(g, "/lib/systemd/systemd") || guest_exists(g, "/usr/lib/systemd/systemd");
}

/* Under systemd a mask covers the init script of the same name too. */
static int disable(const struct disabling *d, const struct agent_kind *kind, struct err *err)
{
	const char *init = d->c->inspection->os.init;
	bool systemd = runs_systemd(d->c->guest), others = !init || strcmp(init, "systemd") != 0;

	for (unsigned k = 0; k < AGENT_NAMES && kind->services[k]; k++) {
		const char *service = kind->services[k];

		if (systemd && mask_unit(d, service, err) < 0)
			return -1;
		if (others && !has_suffix(service) &&
		    (stop_upstart_job(d, service, err) < 0 ||
		     service_stop(d->c, d->arena, service, d->reason, err) < 0 ||
		     drop_service_links(d, service, err) < 0))
			return -1;
	}
	return 0;
}

static const struct agent *installed(const struct inspection *i, const char *id)
{
	VEC_FOR (a, &i->agents)
		if (strcmp(a->id, id) == 0)
			return a;
	return NULL;
}

static int run(const struct step_context *c, struct err *err)
{
	AUTO(arena_done) struct arena a = {0};

	for (const struct agent_kind *kind = agent_kinds; kind->id; kind++) {
		const struct agent *agent = installed(c->inspection, kind->id);
		struct disabling d = {.c = c, .arena = &a};

		if (!agent || !kind->foreign)
			continue;
		d.reason = arena_printf(&a, "%s (%s) has nothing to do on KVM; it stays installed but doesn't start",
					kind->id, agent->evidence);
		if (disable(&d, kind, err) < 0)
			return -1;
	}
	return 0;
}

static bool applies(const struct step_context *c)
{
	return !c->options->keep_tools;
}

const struct step step_guest_tools = {
    .id = "guest-tools",
    .summary = "other hypervisors' guest tools don't start",
    .applies = applies,
    .run = run,
};
