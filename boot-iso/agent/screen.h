/* A screen: what is shown and asked at a time, as plain data. Text and full screens show the same ones. */
#ifndef REHOST_BOOT_ISO_AGENT_SCREEN_H
#define REHOST_BOOT_ISO_AGENT_SCREEN_H

#include <stdbool.h>

#include "boot-iso/agent/words.h"
#include "core/base/err.h"
#include "core/base/json.h"

enum {
	SCREEN_FIELDS_MAX = 256, /* 64 disks or cards are many */
	SCREEN_BUTTONS_MAX = 8,
};

enum field_kind { FIELD_UNKNOWN = 0, FIELD_ENTRY, FIELD_CHOICE, FIELD_BAR };

struct field {
	enum field_kind kind;
	char *label;	 /* a choice's first word is its name */
	char *value;	 /* of an entry, what is typed; of a bar, what it means in words */
	bool on;	 /* a choice that is taken */
	bool fixed;	 /* a choice that nobody can change */
	unsigned filled; /* of a bar, in thousandths */
};

struct screen {
	struct arena arena; /* owns everything below */
	unsigned serial;    /* tells a screen that is shown anew from one that is only brought up to date */
	char *title, *text;
	VEC(struct field) fields;
	struct words buttons; /* the first is what Enter means */
};

/* Begins a screen: whatever it held is gone, but for its serial. */
void screen_begin(struct screen *s, const char *title, const char *text);
void screen_add_button(struct screen *s, const char *name);
void screen_add_entry(struct screen *s, const char *label, const char *value);
void screen_add_choice(struct screen *s, const char *label, bool on, bool fixed);
void screen_add_bar(struct screen *s, const char *label, unsigned filled, const char *value);
void screen_done(struct screen *s);

/* For the program that shows it full-screen; and back. ERR_CORRUPT. */
struct json *screen_to_json(const struct screen *s);
int screen_from_json(struct screen *s, const struct json *j, struct err *err);

/* The answer: the button, the entries and the choices; and back into the screen that it answers, *ret_button being
 * among its buttons. ERR_CORRUPT: it answers another one. */
struct json *screen_answer(const struct screen *s, size_t button);
int screen_take_answer(struct screen *s, const struct json *answer, int *ret_button, struct err *err);

#endif
