/* Errors: one fixed-size text that gains context on the way up. */
#include "core/base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/base/utf8.h"

static const struct {
	const char *name;
	int status;
} codes[] = {
    [ERR_NONE] = {"none", 0},
    [ERR_INTERNAL] = {"internal", 1},
    [ERR_USAGE] = {"usage", 2},
    [ERR_BLOCKED] = {"blocked", 3},
    [ERR_CORRUPT] = {"corrupt", 4},
    [ERR_UNREADABLE] = {"unreadable", 4},
    [ERR_UNSUPPORTED] = {"unsupported", 4},
    [ERR_POLICY] = {"policy", 4},
    [ERR_CONVERT] = {"convert", 5},
    [ERR_VERIFY] = {"verify", 6},
    [ERR_BOOT] = {"boot", 7},
    [ERR_HOST] = {"host", 8},
    [ERR_INCOMPLETE] = {"incomplete", 9},
    [ERR_TEMPFAIL] = {"tempfail", 75},
    [ERR_TERMINATED] = {"terminated", 143},
    [ERR_INTERRUPTED] = {"interrupted", 130},
};

void err_record(struct err *err, enum err_code code, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return;
	err->code = code;
	err->sys = 0;
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof err->text, fmt, ap);
	va_end(ap);
	utf8_defuse(err->text, true);
}

void err_record_errno(struct err *err, enum err_code code, const char *fmt, ...)
{
	int sys = errno;
	const char *why;
	size_t n;
	va_list ap;

	if (!err)
		return;
	err->code = sys == ENOSPC || sys == EDQUOT ? ERR_TEMPFAIL : code;
	err->sys = sys;
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof err->text, fmt, ap);
	va_end(ap);
	utf8_defuse(err->text, true);
	/* A long name is cut rather than the reason. */
	why = strerror(sys);
	n = strlen(err->text);
	if (n + 2 + strlen(why) >= sizeof err->text)
		n = sizeof err->text - 3 - strlen(why);
	snprintf(err->text + n, sizeof err->text - n, ": %s", why);
}

void err_add_context(struct err *err, const char *fmt, ...)
{
	char context[ERR_TEXT_MAX];
	size_t cause, room, n;
	va_list ap;

	if (!err)
		return;
	va_start(ap, fmt);
	vsnprintf(context, sizeof context, fmt, ap);
	va_end(ap);
	utf8_defuse(context, true);
	cause = strlen(err->text);
	room = sizeof err->text - 1 - cause;
	n = strlen(context);
	if (room < 2)
		return;
	if (n > room - 2)
		n = room - 2;
	memmove(err->text + n + 2, err->text, cause + 1);
	memcpy(err->text, context, n);
	memcpy(err->text + n, ": ", 2);
}

void err_copy(struct err *err, const struct err *from)
{
	if (err)
		*err = *from;
}

void err_clear(struct err *err)
{
	if (!err)
		return;
	err->code = ERR_NONE;
	err->sys = 0;
	err->text[0] = '\0';
}

int err_exit_status(enum err_code code)
{
	return codes[code].status;
}

const char *err_code_name(enum err_code code)
{
	return codes[code].name;
}
