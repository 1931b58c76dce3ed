/* GRUB's variables: set, looked up, put into texts. */
#include "guest/files/grubvars.h"

#include <ctype.h>
#include <string.h>

#include "core/base/buf.h"
#include "core/base/cleanup.h"
#include "guest/files/grubenv.h"

/* Longer results than this are no kernel command lines (the kernel takes 4096 bytes at most). */
enum { EXPANDED_MAX = 64 << 10 };

const char *grub_vars_get(const struct grub_vars *vars, const char *name)
{
	VEC_FOR (var, &vars->v)
		if (strcmp(var->name, name) == 0)
			return var->value;
	return NULL;
}

static void add(struct grub_vars *vars, const char *name, const char *value)
{
	if (*name && vars->v.n < GRUB_VARS_MAX && !grub_vars_get(vars, name))
		*vec_push(vars->arena, &vars->v) = (struct grub_var){name, value};
}

void grub_vars_take_env(struct grub_vars *vars, const char *text)
{
	struct lines l;

	lines_split(&l, vars->arena, text);
	VEC_FOR (line, &l.v) {
		const char *equals = strchr(line->text, '=');
		const char *name;

		if (!equals || line->text[0] == '#')
			continue;
		name = arena_strndup(vars->arena, line->text, (size_t)(equals - line->text));
		add(vars, name, grubenv_get(vars->arena, line->text, name));
	}
}

/* The value of NAME=value, NAME="value" or NAME='value'. */
static char *unquoted(struct arena *a, const char *value)
{
	if (*value == '"' || *value == '\'')
		return arena_strndup(a, value + 1, strcspn(value + 1, *value == '"' ? "\"" : "'"));
	return arena_strndup(a, value, strcspn(value, " \t;"));
}

void grub_vars_take_menu(struct grub_vars *vars, const struct lines *l)
{
	VEC_FOR (line, &l->v) {
		size_t pos = 0;
		struct span word;
		const char *equals;

		if (!span_next(line->text, &pos, &word) || !span_is(line->text, word, "set"))
			continue;
		pos += line_indent(line->text + pos);
		equals = strchr(line->text + pos, '=');
		if (equals)
			add(vars, arena_strndup(vars->arena, line->text + pos, (size_t)(equals - line->text) - pos),
			    unquoted(vars->arena, equals + 1));
	}
}

/* The variable that begins at text ("$name", "${name}"); 0 when none does. */
static size_t variable_at(const char *text, struct span *ret_name)
{
	bool braces = text[0] == '$' && text[1] == '{';
	size_t n = 0, from = braces ? 2 : 1;

	if (text[0] != '$')
		return 0;
	while (isalnum((unsigned char)text[from + n]) || text[from + n] == '_')
		n++;
	*ret_name = (struct span){from, n};
	return n && (!braces || text[from + n] == '}') ? from + n + braces : 0;
}

char *grub_expand(const struct grub_vars *vars, const char *text)
{
	AUTO(buf_done) struct buf b = BUF_INIT(EXPANDED_MAX);

	if (!text)
		return NULL;
	while (*text) {
		size_t plain = strcspn(text, "$");
		struct span name;
		size_t n = variable_at(text + plain, &name);
		const char *value = n ? grub_vars_get(vars, span_dup(vars->arena, text + plain, name)) : NULL;

		/* a '$' that begins no variable stays */
		plain += !n && text[plain];
		if (buf_add(&b, text, plain) < 0 || (value && buf_adds(&b, value) < 0))
			break;
		text += plain + n;
	}
	return arena_strdup(vars->arena, buf_str(&b));
}
