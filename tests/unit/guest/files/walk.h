/* For tests of the device walkers: a visitor that writes down what it is asked and answers from a list. */
#ifndef REHOST_TESTS_UNIT_GUEST_FILES_WALK_H
#define REHOST_TESTS_UNIT_GUEST_FILES_WALK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "guest/files/devices.h"

struct answers {
	struct arena *arena;
	const char *const *pairs; /* name, replacement, …, NULL */
	char *asked;		  /* "1:/dev/sda1 …" with what the use says */
};

static inline const char *answer(const struct device_use *use, void *opaque)
{
	struct answers *s = opaque;

	s->asked = arena_printf(s->arena, "%s%u:%s%s%s%s%s%s%s%s|", s->asked, use->line, use->name,
				use->type ? " t=" : "", use->type ? use->type : "", use->mountpoint ? " m=" : "",
				use->mountpoint ? use->mountpoint : "", use->form == FORM_PATH ? " path" : "",
				use->partition_id ? " partition" : "", use->optional ? " optional" : "");
	for (const char *const *p = s->pairs; p && *p; p += 2)
		if (strcmp(p[0], use->name) == 0)
			return p[1];
	return NULL;
}

/* Walks text; returns the text after it, and what was asked. */
static inline const char *walk(struct arena *a, device_walker *walker, const char *text, const char *const *pairs,
			       const char **ret_asked)
{
	struct answers s = {.arena = a, .pairs = pairs, .asked = arena_strdup(a, "")};
	const struct device_visitor v = {answer, &s};
	struct lines l;

	lines_split(&l, a, text);
	walker(&l, &v);
	if (ret_asked)
		*ret_asked = s.asked;
	return lines_join(&l);
}

#endif
