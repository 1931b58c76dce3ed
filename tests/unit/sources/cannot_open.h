/* Sources that are refused: with the path of the scratch folder left out of the text. */
#ifndef REHOST_TESTS_SOURCES_CANNOT_OPEN_H
#define REHOST_TESTS_SOURCES_CANNOT_OPEN_H

#include "sources/source.h"
#include "tests/unit/sources/tarball.h"

static inline void cannot_open(const struct scratch *s, const char *path, enum err_code code, const char *says)
{
	static const struct source_options none;
	struct machine *m = NULL;
	struct err err = ERR_INIT;
	char *at;

	assert_int_equal(source_open(&path, 1, &none, &m, &err), -1);
	while ((at = strstr(err.text, s->path)))
		memmove(at, at + strlen(s->path), strlen(at + strlen(s->path)) + 1);
	assert_string_equal(err.text, says);
	assert_int_equal(err.code, code);
}

#endif
