/* The hardware of a machine before and after. */
#include "run/report/hardware.h"

#include <inttypes.h>

#include "core/base/checked.h"

struct comparison {
	const struct json *report, *machine, *caps; /* caps: NULL when nothing was decided */
	struct arena *arena;
	struct hardware *to;
};

static void row(struct comparison *c, const char *what, const char *before, const char *after)
{
	*vec_push(c->arena, &c->to->rows) = (struct hardware_row){.what = what, .before = before, .after = after};
}

/* The same before and after, where there is an after. */
static void same(struct comparison *c, const char *what, const char *words)
{
	row(c, what, words, c->caps ? words : "");
}

static const char *word(const struct json *j, const char *key)
{
	return js_get_str(j, key, "-");
}

static double mib(const struct json *j, const char *key)
{
	return (double)js_get_u64(j, key, 0) / (double)MIB;
}

static const char *cpus(struct comparison *c)
{
	uint64_t n = js_get_u64(c->machine, "vcpus", 0), sockets = js_get_u64(c->machine, "sockets", 0),
		 cores = js_get_u64(c->machine, "cores", 0);

	if (!sockets || !cores)
		return arena_printf(c->arena, "%" PRIu64, n);
	return arena_printf(c->arena, "%" PRIu64 " (%" PRIu64 " sockets of %" PRIu64 " cores)", n, sockets, cores);
}

static void disk_row(struct comparison *c, size_t i)
{
	const struct json *d = js_at(js_get(c->machine, "disks"), i), *in = js_at(js_get(c->report, "source_disks"), i);
	const struct json *result = js_at(js_get(c->report, "disks"), i);
	const char *before, *after = "";

	before = arena_printf(c->arena, "%s %" PRIu64 ":%" PRIu64, word(d, "controller"), js_get_u64(d, "bus", 0),
			      js_get_u64(d, "unit", 0));
	if (in)
		before = arena_printf(c->arena, "%s, %s, %.0f MiB", before, word(in, "format"), mib(in, "size"));
	if (c->caps)
		after = word(c->caps, "disk");
	if (c->caps && result)
		after = arena_printf(c->arena, "%s, %s", after, word(result, "format"));
	row(c, word(d, "id"), before, after);
}

static void nic_row(struct comparison *c, size_t i)
{
	const struct json *n = js_at(js_get(c->machine, "nics"), i);
	const char *target = js_get_str(n, "target", word(n, "network")), *after = "";

	if (c->caps)
		after = arena_printf(c->arena, "%s %s on '%s'", word(c->caps, "net"), word(n, "mac"), target);
	row(c, arena_printf(c->arena, "network %zu", i + 1),
	    arena_printf(c->arena, "%s %s on '%s'", word(n, "model"), word(n, "mac"), word(n, "network")), after);
}

void hardware_compare(const struct json *report, struct arena *a, struct hardware *ret)
{
	struct comparison c = {.report = report,
			       .machine = js_get(report, "machine"),
			       .caps = js_get(report, "caps"),
			       .arena = a,
			       .to = ret};
	const struct json *m = c.machine, *removables = js_get(m, "removables");

	row(&c, "", word(m, "source_kind"), c.caps ? arena_printf(a, "KVM, %s", word(c.caps, "machine")) : "");
	same(&c, "memory", arena_printf(a, "%.0f MiB", mib(m, "memory")));
	same(&c, "CPUs", cpus(&c));
	row(&c, "firmware", word(m, "firmware"), c.caps ? word(report, "firmware") : "");
	row(&c, "secure boot", word(m, "secure_boot"), "");
	row(&c, "clock", word(m, "clock"), "");
	for (size_t i = 0; i < js_count(js_get(m, "disks")); i++)
		disk_row(&c, i);
	for (size_t i = 0; i < js_count(js_get(m, "nics")); i++)
		nic_row(&c, i);
	for (size_t i = 0; i < js_count(removables); i++)
		row(&c, word(js_at(removables, i), "kind"), "empty", c.caps ? "empty" : "");
}
