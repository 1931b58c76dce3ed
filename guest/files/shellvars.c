/* Files of shell assignments, and the device names in those of GRUB and initramfs-tools. */
#include "guest/files/shellvars.h"

#include <ctype.h>
#include <string.h>

#include "guest/files/devices.h"

static size_t name_len(const char *text)
{
	size_t n = 0;

	while (isalnum((unsigned char)text[n]) || text[n] == '_')
		n++;
	return n;
}

/* Length of a quoted value: to the closing quote, or to the end when it isn't on this line. */
static size_t quoted_len(const char *text, char quote)
{
	size_t n = 0;

	while (text[n] && text[n] != quote)
		n += text[n] == '\\' && quote == '"' && text[n + 1] ? 2 : 1;
	return n;
}

bool shellvar_parse(const char *text, struct shellvar *ret)
{
	size_t at = line_indent(text);

	if (strncmp(text + at, "export ", 7) == 0)
		at += 7 + line_indent(text + at + 7);

	size_t n = name_len(text + at), value = at + n + 1;

	if (!n || text[at + n] != '=')
		return false;
	*ret = (struct shellvar){.name = {at, n}};
	if (text[value] == '"' || text[value] == '\'') {
		ret->quote = text[value++];
		ret->value = (struct span){value, quoted_len(text + value, ret->quote)};
	} else {
		ret->value = (struct span){value, strcspn(text + value, " \t\r;#")};
	}
	return true;
}

bool shellvar_named(const char *text, const struct shellvar *var, const char *name)
{
	size_t len = strlen(name);

	if (len && name[len - 1] == '*')
		return var->name.len >= len - 1 && strncmp(text + var->name.at, name, len - 1) == 0;
	return span_is(text, var->name, name);
}

char *shellvars_get(const struct lines *l, const char *name)
{
	char *value = NULL;

	VEC_FOR (line, &l->v) {
		struct shellvar var;

		if (shellvar_parse(line->text, &var) && shellvar_named(line->text, &var, name))
			value = span_dup(l->arena, line->text, var.value);
	}
	return value;
}

char *double_quoted(struct arena *a, const char *value, const char *special)
{
	char *ret = arena_alloc(a, 2 * strlen(value) + 3);
	size_t n = 0;

	ret[n++] = '"';
	for (const char *p = value; *p; p++) {
		if (strchr(special, *p))
			ret[n++] = '\\';
		ret[n++] = *p;
	}
	ret[n++] = '"';
	ret[n] = '\0';
	return ret;
}

/* True when a shell takes the value as it is without quotes, too. */
static bool is_plain(const char *value)
{
	for (; *value; value++)
		if (!isalnum((unsigned char)*value) && !strchr("_-+./:,@%=", *value))
			return false;
	return true;
}

/* The shell word that begins at a column, with all quotes in it ('a'"b c"d); false when a quote isn't closed on the
 * line. */
static bool shell_word(const char *text, size_t at, struct span *ret)
{
	size_t i = at;

	while (text[i] && !is_blank(text[i]) && text[i] != ';') {
		const char quote = text[i];

		if (quote == '"' || quote == '\'') {
			i += 1 + quoted_len(text + i + 1, quote);
			if (!text[i])
				return false;
		}
		i += quote == '\\' && text[i + 1] ? 2 : 1;
	}
	*ret = (struct span){at, i - at};
	return true;
}

/* What is to stand behind "NAME=": a plain value stays in the quotes that the old one has. */
static const char *written_as(struct arena *a, char quote, const char *value)
{
	if (!is_plain(value))
		return double_quoted(a, value, "\"$`\\");
	return quote ? arena_printf(a, "%c%s%c", quote, value, quote) : value;
}

void shellvars_set(struct lines *l, const char *name, const char *value)
{
	bool found = false;

	for (size_t i = 0; i < l->v.n; i++) {
		const char *text = l->v.v[i].text, *with;
		struct shellvar var;
		struct span word;

		if (!shellvar_parse(text, &var) || !shellvar_named(text, &var, name))
			continue;
		found = shell_word(text, var.value.at - !!var.quote, &word);
		if (!found)
			continue; /* unless another follows, one at the end must win over it */
		with = written_as(l->arena, var.quote, value);
		if (!span_is(text, word, with))
			line_splice(l, i, word.at, word.len, with);
	}
	if (!found)
		lines_insert(l, l->v.n, arena_printf(l->arena, "%s=%s", name, written_as(l->arena, 0, value)));
}

void shellvars_drop(struct lines *l, const char *name, const char *keep)
{
	for (size_t i = l->v.n; i-- > 0;) {
		const char *text = l->v.v[i].text;
		struct shellvar var;
		struct span word;

		if (shellvar_parse(text, &var) && shellvar_named(text, &var, name) &&
		    !(keep && shellvar_named(text, &var, keep)) && shell_word(text, var.value.at - !!var.quote, &word))
			lines_remove(l, i);
	}
}

struct variable_use {
	const char *name;
	bool cmdline; /* the value is a kernel command line, else a device */
	struct device_use use;
};

static void variables_walk(struct lines *l, const struct variable_use *uses, size_t n, const struct device_visitor *v)
{
	for (size_t i = 0; i < l->v.n; i++) {
		struct shellvar var;

		if (!shellvar_parse(l->v.v[i].text, &var))
			continue;
		for (size_t k = 0; k < n; k++) {
			if (!shellvar_named(l->v.v[i].text, &var, uses[k].name))
				continue;
			if (uses[k].cmdline)
				cmdline_walk(l, i, var.value.at, false, v);
			else
				device_visit_span(l, i, var.value, uses[k].use, v);
			break;
		}
	}
}

void grub_default_devices(struct lines *l, const struct device_visitor *v)
{
	static const struct variable_use uses[] = {
	    {"GRUB_CMDLINE_*", true, {0}},
	    {"GRUB_DEVICE", false, {.mountpoint = "/", .form = FORM_PATH}},
	    {"GRUB_DEVICE_BOOT", false, {.mountpoint = "/boot", .form = FORM_PATH, .optional = true}},
	};

	variables_walk(l, uses, sizeof uses / sizeof *uses, v);
}

void extlinux_default_devices(struct lines *l, const struct device_visitor *v)
{
	static const struct variable_use uses[] = {
	    {"EXTLINUX_*", true, {0}},
	    {"U_BOOT_*", true, {0}},
	};

	variables_walk(l, uses, sizeof uses / sizeof *uses, v);
}

void update_extlinux_devices(struct lines *l, const struct device_visitor *v)
{
	static const struct variable_use uses[] = {
	    {"default_kernel_opts", true, {0}},
	    {"root", false, {.mountpoint = "/", .form = FORM_SPEC}},
	};

	variables_walk(l, uses, sizeof uses / sizeof *uses, v);
}

void bootloader_devices(struct lines *l, const struct device_visitor *v)
{
	static const struct variable_use uses[] = {
	    {"DEFAULT_APPEND", true, {0}},
	    {"FAILSAFE_APPEND", true, {0}},
	    {"XEN_KERNEL_APPEND", true, {0}},
	};

	variables_walk(l, uses, sizeof uses / sizeof *uses, v);
}

void resume_devices(struct lines *l, const struct device_visitor *v)
{
	static const struct variable_use uses[] = {
	    {"RESUME", false, {.type = "swap", .form = FORM_SPEC, .optional = true}},
	    {"ROOT", false, {.mountpoint = "/", .form = FORM_SPEC}},
	};

	variables_walk(l, uses, sizeof uses / sizeof *uses, v);
}

void dracut_devices(struct lines *l, const struct device_visitor *v)
{
	for (size_t i = 0; i < l->v.n; i++) {
		const char *text = l->v.v[i].text, *equals = strchr(text, '=');

		/* kernel_cmdline="…" or kernel_cmdline+="…" */
		if (equals && strncmp(text + line_indent(text), "kernel_cmdline", 14) == 0)
			cmdline_walk(l, i, (size_t)(equals - text) + 1, false, v);
	}
}
