/* debconf's database: records of "Key: value" lines between blank lines. */
#include "guest/files/debconf.h"

#include <string.h>

static bool is_grub_question(const char *line)
{
	return strcmp(line, "Name: grub-pc/install_devices") == 0 ||
	       strcmp(line, "Name: grub-pc/install_devices_disks_changed") == 0 ||
	       strcmp(line, "Name: grub-efi/install_devices") == 0;
}

/* A multiselect value: devices between ", ". */
static void visit_value(struct lines *l, size_t i, size_t at, const struct device_visitor *v)
{
	const struct device_use use = {.form = FORM_PATH, .optional = true};
	const char *text = l->v.v[i].text;
	struct splices edits = {0};

	for (at += strspn(text + at, ", \t"); text[at]; at += strspn(text + at, ", \t")) {
		size_t n = strcspn(text + at, ", \t");

		device_visit_one(l, i, (struct span){at, n}, use, v, &edits);
		at += n;
	}
	line_splice_all(l, i, &edits);
}

void debconf_grub_devices(struct lines *l, const struct device_visitor *v)
{
	bool wanted = false;

	for (size_t i = 0; i < l->v.n; i++) {
		const char *text = l->v.v[i].text;

		if (strncmp(text, "Name: ", 6) == 0)
			wanted = is_grub_question(text);
		else if (!*text)
			wanted = false;
		else if (wanted && strncmp(text, "Value: ", 7) == 0)
			visit_value(l, i, 7, v);
	}
}
