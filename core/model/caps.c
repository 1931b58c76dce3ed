/* Which devices the converted guest can drive: its JSON. */
#include "core/model/caps.h"

struct json *caps_json(const struct caps *c)
{
	struct json *j = js_object();

	js_set_str(j, "disk", disk_bus_name(c->disk));
	js_set_str(j, "net", net_bus_name(c->net));
	js_set_str(j, "machine", c->q35 ? "q35" : "pc");
	js_set_bool(j, "rng", c->rng);
	js_set_bool(j, "balloon", c->balloon);
	js_set_bool(j, "agent_channel", c->agent_channel);
	js_set_bool(j, "virtio_gpu", c->virtio_gpu);
	js_set_bool(j, "safe_mode", c->safe_mode);
	return j;
}
