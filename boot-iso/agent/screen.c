/* A screen as plain data. */
#include "boot-iso/agent/screen.h"

#include "core/base/cleanup.h"

void screen_begin(struct screen *s, const char *title, const char *text)
{
	unsigned serial = s->serial;

	screen_done(s);
	s->serial = serial;
	s->title = arena_strdup(&s->arena, title);
	s->text = arena_strdup(&s->arena, text);
}

void screen_done(struct screen *s)
{
	arena_done(&s->arena);
	*s = (struct screen){0};
}

void screen_add_button(struct screen *s, const char *name)
{
	*vec_push(&s->arena, &s->buttons) = arena_strdup(&s->arena, name);
}

static struct field *add_field(struct screen *s, enum field_kind kind, const char *label, const char *value)
{
	struct field *f = vec_push(&s->arena, &s->fields);

	f->kind = kind;
	f->label = arena_strdup(&s->arena, label);
	f->value = arena_strdup(&s->arena, value ? value : "");
	return f;
}

void screen_add_entry(struct screen *s, const char *label, const char *value)
{
	add_field(s, FIELD_ENTRY, label, value);
}

void screen_add_choice(struct screen *s, const char *label, bool on, bool fixed)
{
	struct field *f = add_field(s, FIELD_CHOICE, label, NULL);

	f->on = on;
	f->fixed = fixed;
}

void screen_add_bar(struct screen *s, const char *label, unsigned filled, const char *value)
{
	add_field(s, FIELD_BAR, label, value)->filled = filled;
}

struct json *screen_to_json(const struct screen *s)
{
	struct json *j = js_object(), *fields, *buttons;

	js_set_u64(j, "serial", s->serial);
	js_set_str(j, "title", s->title);
	js_set_str(j, "text", s->text);
	fields = js_set(j, "fields", js_array());
	VEC_FOR (f, &s->fields) {
		struct json *o = js_add(fields, js_object());

		js_set_u64(o, "kind", f->kind);
		js_set_str(o, "label", f->label);
		js_set_str(o, "value", f->value);
		js_set_bool(o, "on", f->on);
		js_set_bool(o, "fixed", f->fixed);
		js_set_u64(o, "filled", f->filled);
	}
	buttons = js_set(j, "buttons", js_array());
	VEC_FOR (b, &s->buttons)
		js_add_str(buttons, *b);
	return j;
}

static int field_from_json(struct screen *s, const struct json *o, struct err *err)
{
	uint64_t kind = js_get_u64(o, "kind", FIELD_UNKNOWN);
	struct field *f;

	if (kind < FIELD_ENTRY || kind > FIELD_BAR)
		return err_set(err, ERR_CORRUPT, "a screen's field is of an unknown kind");
	f = add_field(s, (enum field_kind)kind, js_get_str(o, "label", ""), js_get_str(o, "value", ""));
	f->on = js_get_bool(o, "on", false);
	f->fixed = js_get_bool(o, "fixed", false);
	f->filled = (unsigned)js_get_u64(o, "filled", 0);
	return 0;
}

int screen_from_json(struct screen *s, const struct json *j, struct err *err)
{
	const struct json *fields = js_get(j, "fields"), *buttons = js_get(j, "buttons");

	if (js_count(fields) > SCREEN_FIELDS_MAX || js_count(buttons) > SCREEN_BUTTONS_MAX || !js_count(buttons))
		return err_set(err, ERR_CORRUPT, "a screen with %zu fields and %zu buttons", js_count(fields),
			       js_count(buttons));
	screen_begin(s, js_get_str(j, "title", ""), js_get_str(j, "text", ""));
	s->serial = (unsigned)js_get_u64(j, "serial", 0);
	for (size_t i = 0; i < js_count(fields); i++)
		if (field_from_json(s, js_at(fields, i), err) < 0)
			return -1;
	for (size_t i = 0; i < js_count(buttons); i++)
		screen_add_button(s, js_str(js_at(buttons, i), ""));
	return 0;
}

struct json *screen_answer(const struct screen *s, size_t button)
{
	struct json *j = js_object(), *fields = js_array();

	js_set_u64(j, "serial", s->serial);
	js_set_u64(j, "button", button);
	VEC_FOR (f, &s->fields) {
		struct json *o = js_add(fields, js_object());

		js_set_str(o, "value", f->value);
		js_set_bool(o, "on", f->on);
	}
	js_set(j, "fields", fields);
	return j;
}

int screen_take_answer(struct screen *s, const struct json *answer, int *ret_button, struct err *err)
{
	const struct json *fields = js_get(answer, "fields");
	uint64_t button = js_get_u64(answer, "button", UINT64_MAX);

	if (js_get_u64(answer, "serial", 0) != s->serial || button >= s->buttons.n || js_count(fields) != s->fields.n)
		return err_set(err, ERR_CORRUPT, "an answer to another screen");
	for (size_t i = 0; i < s->fields.n; i++) {
		struct field *f = &s->fields.v[i];

		if (f->kind == FIELD_ENTRY)
			f->value = arena_strdup(&s->arena, js_get_str(js_at(fields, i), "value", ""));
		if (f->kind == FIELD_CHOICE && !f->fixed)
			f->on = js_get_bool(js_at(fields, i), "on", false);
	}
	*ret_button = (int)button;
	return 0;
}
