/* /etc/fstab and /etc/crypttab: the device names in them. */
#include "guest/files/fstab.h"

#include <string.h>

#include "guest/files/devices.h"
#include "guest/files/devnames.h"

const char *device_ask(const struct lines *l, size_t i, struct span s, struct device_use use,
		       const struct device_visitor *v)
{
	use.name = span_dup(l->arena, l->v.v[i].text, s);
	use.line = (unsigned)i + 1;

	const char *with = v->visit(&use, v->opaque);

	return with && strcmp(with, use.name) != 0 ? with : NULL;
}

void device_visit_one(struct lines *l, size_t i, struct span s, struct device_use use, const struct device_visitor *v,
		      struct splices *ret)
{
	const char *with = device_ask(l, i, s, use, v);

	if (with)
		splices_add(l, ret, s, with);
}

void device_visit_span(struct lines *l, size_t i, struct span s, struct device_use use, const struct device_visitor *v)
{
	struct splices edits = {0};

	device_visit_one(l, i, s, use, v, &edits);
	line_splice_all(l, i, &edits);
}

bool option_present(const char *options, const char *name)
{
	size_t len = strlen(name);

	for (const char *p = options; p && *p; p += *p == ',') {
		size_t n = strcspn(p, ",");

		if (strncmp(p, name, len) == 0 && (n == len || (n > len && p[len] == '=')))
			return true;
		p += n;
	}
	return false;
}

unsigned fields_split(const char *text, struct span *fields, unsigned max)
{
	size_t pos = 0;
	unsigned n = 0;

	while (n < max && span_next(text, &pos, &fields[n])) {
		if (text[fields[n].at] == '#' && n == 0)
			return 0;
		n++;
	}
	return n;
}

/* Options whose value is another device. */
static const char *const device_options[] = {"device=", "logdev=", "rtdev=", "journal_path=", "x-systemd.requires="};

static size_t device_option_len(const char *text)
{
	for (size_t k = 0; k < sizeof device_options / sizeof *device_options; k++)
		if (strncmp(text, device_options[k], strlen(device_options[k])) == 0)
			return strlen(device_options[k]);
	return 0;
}

static void visit_options(struct lines *l, size_t i, const struct fstab_entry *e, const struct device_visitor *v,
			  struct splices *ret)
{
	const struct device_use use = {.form = FORM_PATH, .partition_id = true, .optional = e->optional};
	const char *text = l->v.v[i].text;
	size_t at = e->options_at.at, end = at + e->options_at.len;

	while (at < end) {
		size_t n = strcspn(text + at, ", \t"), key = device_option_len(text + at);

		if (key)
			device_visit_one(l, i, (struct span){at + key, n - key}, use, v, ret);
		at += n + 1;
	}
}

bool fstab_entry(struct arena *a, const char *text, struct fstab_entry *ret)
{
	struct span f[FSTAB_FIELDS];
	unsigned n = fields_split(text, f, FSTAB_FIELDS);

	if (n < 3)
		return false;
	*ret =
	    (struct fstab_entry){.spec = f[0], .mountpoint = span_dup(a, text, f[1]), .type = span_dup(a, text, f[2])};
	if (n > 3) {
		ret->options_at = f[3];
		ret->options = span_dup(a, text, f[3]);
	}
	ret->optional = option_present(ret->options, "noauto") || option_present(ret->options, "nofail");
	return true;
}

void fstab_devices(struct lines *l, const struct device_visitor *v)
{
	for (size_t i = 0; i < l->v.n; i++) {
		struct splices edits = {0};
		struct fstab_entry e;

		if (!fstab_entry(l->arena, l->v.v[i].text, &e))
			continue;
		device_visit_one(
		    l, i, e.spec,
		    (struct device_use){
			.type = e.type, .mountpoint = e.mountpoint, .form = FORM_SPEC, .optional = e.optional},
		    v, &edits);
		if (e.options)
			visit_options(l, i, &e, v, &edits);
		line_splice_all(l, i, &edits);
	}
}

/* crypttab: target, device, key file, options. */
void crypttab_devices(struct lines *l, const struct device_visitor *v)
{
	for (size_t i = 0; i < l->v.n; i++) {
		const char *text = l->v.v[i].text;
		struct span f[4];
		unsigned n = fields_split(text, f, 4);

		if (n < 2)
			continue;

		const char *key = n > 2 ? span_dup(l->arena, text, f[2]) : "none";
		const char *options = n > 3 ? span_dup(l->arena, text, f[3]) : "";
		bool random = strcmp(key, "/dev/urandom") == 0 || strcmp(key, "/dev/random") == 0 ||
			      strcmp(key, "/dev/hwrng") == 0;
		bool plain = option_present(options, "plain");

		device_visit_span(l, i, f[1],
				  (struct device_use){.type = random || plain ? NULL : "crypto_LUKS",
						      .form = FORM_SPEC,
						      .partition_id = random || plain,
						      .optional = option_present(options, "noauto") ||
								  option_present(options, "nofail")},
				  v);
	}
}

/* The fields "target device" of a line whose device depends on the hardware. */
static bool hardware_line(struct arena *a, const char *text, struct span f[2])
{
	struct devname parsed;

	return fields_split(text, f, 2) == 2 && devname_parse(span_dup(a, text, f[1]), &parsed);
}

static char *device_of_target(const struct lines *l, const char *target)
{
	VEC_FOR (line, &l->v) {
		struct span f[2];

		if (fields_split(line->text, f, 2) == 2 && span_is(line->text, f[0], target))
			return span_dup(l->arena, line->text, f[1]);
	}
	return NULL;
}

void crypttab_take_devices(struct lines *l, const struct lines *from)
{
	for (size_t i = 0; i < l->v.n; i++) {
		struct span f[2];
		const char *with;

		if (!hardware_line(l->arena, l->v.v[i].text, f))
			continue;
		with = device_of_target(from, span_dup(l->arena, l->v.v[i].text, f[0]));
		if (with)
			line_splice(l, i, f[1].at, f[1].len, with);
	}
}

bool crypttab_hardware_device(const struct lines *l, size_t *ret_line, char **ret_device)
{
	for (size_t i = 0; i < l->v.n; i++) {
		struct span f[2];

		if (!hardware_line(l->arena, l->v.v[i].text, f))
			continue;
		*ret_line = i;
		*ret_device = span_dup(l->arena, l->v.v[i].text, f[1]);
		return true;
	}
	return false;
}

/* "# / was on /dev/sda1 during installation" */
bool fstab_installed_on(struct arena *a, const char *comment, char **ret_device)
{
	const char *was = strstr(comment, " was on /dev/");

	if (comment[line_indent(comment)] != '#' || !was || !strstr(was, " during "))
		return false;
	was += strlen(" was on ");
	*ret_device = arena_strndup(a, was, strcspn(was, " \t"));
	return true;
}
