/* Which devices the converted guest can drive: its JSON. */
#include "core/model/caps.h"

#include <string.h>

const char *board_arch(enum board b)
{
	return b == BOARD_VIRT ? "aarch64" : "x86_64";
}

enum board board_for_arch(const char *arch)
{
	if (!arch || !strcmp(arch, "x86_64") || !strcmp(arch, "i386"))
		return BOARD_Q35;
	return !strcmp(arch, "aarch64") ? BOARD_VIRT : BOARD_UNKNOWN;
}

struct json *caps_json(const struct caps *c)
{
	struct json *j = js_object();

	js_set_str(j, "disk", disk_bus_name(c->disk));
	js_set_str(j, "net", net_bus_name(c->net));
	js_set_str(j, "machine", board_name(c->board));
	js_set_bool(j, "rng", c->rng);
	js_set_bool(j, "balloon", c->balloon);
	js_set_bool(j, "agent_channel", c->agent_channel);
	js_set_bool(j, "virtio_gpu", c->virtio_gpu);
	js_set_bool(j, "safe_mode", c->safe_mode);
	return j;
}

struct caps caps_from_json(const struct json *j)
{
	return (struct caps){
	    .disk = disk_bus_by_name(js_get_str(j, "disk", NULL)),
	    .net = net_bus_by_name(js_get_str(j, "net", NULL)),
	    .board = board_by_name(js_get_str(j, "machine", NULL)),
	    .rng = js_get_bool(j, "rng", false),
	    .balloon = js_get_bool(j, "balloon", false),
	    .agent_channel = js_get_bool(j, "agent_channel", false),
	    .virtio_gpu = js_get_bool(j, "virtio_gpu", false),
	    .safe_mode = js_get_bool(j, "safe_mode", false),
	};
}
