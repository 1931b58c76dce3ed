/* systemd units: escaped names, and the devices that mount units name. */
#include "guest/files/unit.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "guest/files/devices.h"
#include "guest/files/fstab.h"
#include "guest/files/ini.h"

static bool plain_in_unit(char c, bool first)
{
	return isalnum((unsigned char)c) || c == ':' || c == '_' || (c == '.' && !first);
}

char *unit_escape_path(struct arena *a, const char *path)
{
	while (*path == '/')
		path++;

	char *name = arena_alloc(a, 4 * strlen(path) + 1), *p = name;

	for (const char *s = path; *s; s++) {
		if (*s == '/')
			*p++ = '-';
		else if (plain_in_unit(*s, s == path))
			*p++ = *s;
		else
			p += sprintf(p, "\\x%02x", (unsigned char)*s);
	}
	return name;
}

static int hex_digit(char c)
{
	return isdigit((unsigned char)c)    ? c - '0'
	       : isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10
					    : -1;
}

char *unit_unescape_path(struct arena *a, const char *name)
{
	char *path = arena_alloc(a, strlen(name) + 2), *p = path;

	*p++ = '/';
	for (const char *s = name; *s; s++) {
		if (*s == '-') {
			*p++ = '/';
		} else if (s[0] == '\\' && s[1] == 'x' && hex_digit(s[2]) >= 0 && hex_digit(s[3]) >= 0) {
			*p++ = (char)(hex_digit(s[2]) * 16 + hex_digit(s[3]));
			s += 3;
		} else {
			*p++ = *s;
		}
	}
	return path;
}

/* A dependency "dev-sdb1.device": asks with the path that it stands for and puts the answer's escaped form in. */
struct dependency {
	struct lines *lines;
	const struct device_visitor *inner;
};

static const char *visit_dependency(const struct device_use *use, void *opaque)
{
	const struct dependency *d = opaque;
	size_t len = strlen(use->name), suffix = strlen(".device");
	struct device_use plain = *use;

	if (len <= suffix || strcmp(use->name + len - suffix, ".device") != 0)
		return NULL;
	plain.name = unit_unescape_path(d->lines->arena, arena_strndup(d->lines->arena, use->name, len - suffix));

	const char *with = d->inner->visit(&plain, d->inner->opaque);

	return with ? arena_printf(d->lines->arena, "%s.device", unit_escape_path(d->lines->arena, with)) : NULL;
}

static void visit_dependencies(struct lines *l, size_t line, struct span value, const struct device_visitor *v)
{
	struct dependency d = {l, v};
	const struct device_visitor by_unit = {visit_dependency, &d};
	const struct device_use use = {.form = FORM_PATH, .optional = true};
	struct splices edits = {0};
	size_t pos = value.at;
	struct span word;

	while (span_next(l->v.v[line].text, &pos, &word))
		device_visit_one(l, line, word, use, &by_unit, &edits);
	line_splice_all(l, line, &edits);
}

static bool is_dependency_key(const char *key)
{
	static const char *const keys[] = {"Requires", "After",	 "BindsTo",   "Wants",
					   "Before",   "PartOf", "Requisite", "Upholds"};

	for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
		if (strcmp(key, keys[k]) == 0)
			return true;
	return false;
}

void unit_devices(struct lines *l, const struct device_visitor *v)
{
	struct device_use what = {.type = ini_get(l, "Mount", "Type"),
				  .mountpoint = ini_get(l, "Mount", "Where"),
				  .form = FORM_PATH,
				  .optional = option_present(ini_get(l, "Mount", "Options"), "nofail")};
	struct ini i = INI_OF(l);

	while (ini_next(&i)) {
		if (ini_is(&i, "Mount", "What"))
			device_visit_span(l, i.line, i.value_at, what, v);
		else if (strcmp(i.section, "Unit") == 0 && is_dependency_key(i.key))
			visit_dependencies(l, i.line, i.value_at, v);
	}
}

/* A swap unit is named after its device, so the caller renames the file too. */
void swap_unit_devices(struct lines *l, const struct device_visitor *v)
{
	struct device_use what = {.type = "swap", .form = FORM_PATH, .optional = true};
	struct ini i = INI_OF(l);

	while (ini_next(&i))
		if (ini_is(&i, "Swap", "What"))
			device_visit_span(l, i.line, i.value_at, what, v);
}
