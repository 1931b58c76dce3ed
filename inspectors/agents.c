/* Guest tools of hypervisors, by package or by what their own installers leave. */
#include "inspectors/registry.h"

#include "guest/files/agents.h"
#include "guest/files/dpkg.h"

static void add_agent(struct inspection *i, const char *id, const char *evidence)
{
	struct agent *a = vec_push(&i->arena, &i->agents);

	*a = (struct agent){.id = arena_strdup(&i->arena, id), .evidence = arena_strdup(&i->arena, evidence)};
}

static void look_for(struct guest *g, const struct dpkg *d, const struct agent_kind *kind, struct inspection *i)
{
	for (unsigned k = 0; k < AGENT_NAMES && kind->packages[k]; k++) {
		const char *version = dpkg_version(d, kind->packages[k]);

		if (version) {
			add_agent(i, kind->id, arena_printf(&i->arena, "%s %s", kind->packages[k], version));
			return;
		}
	}
	for (unsigned k = 0; k < AGENT_NAMES && kind->paths[k]; k++) {
		if (guest_exists(g, kind->paths[k])) {
			add_agent(i, kind->id, kind->paths[k]);
			return;
		}
	}
}

static int run(struct guest *g, const struct machine *m, struct inspection *i, struct err *err)
{
	AUTO(dpkg_closep) struct dpkg *d = NULL;

	if (dpkg_open(g, &d, err) < 0)
		return -1;
	for (const struct agent_kind *kind = agent_kinds; kind->id; kind++)
		look_for(g, d, kind, i);
	return 0;
}

const struct inspector inspector_agents = {.id = "agents", .applies = is_linux, .run = run};
