/* GRUB's device.map: "(hd0) /dev/sda" lines. */
#include "guest/files/devicemap.h"

void devicemap_devices(struct lines *l, const struct device_visitor *v)
{
	for (size_t i = 0; i < l->v.n; i++) {
		const char *text = l->v.v[i].text;
		struct span drive, device;
		size_t pos = 0;

		if (span_next(text, &pos, &drive) && text[drive.at] == '(' && span_next(text, &pos, &device))
			device_visit_span(l, i, device, (struct device_use){.form = FORM_PATH, .optional = true}, v);
	}
}
