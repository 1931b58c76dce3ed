/* Templates of HTML without logic, filled from JSON. Where a value stands in the page decides how it is escaped, so no
 * word of a guest can become markup, a script, or another link.
 *
 *     {{key}}              a value of the object at hand (text, number, true or false); nothing when there is none
 *     {{.}}                the element at hand of a list without keys
 *     {{key|size}}         the same as "1.4 GiB"; also |seconds and |hex
 *     {{#key}} … {{/key}}  for an object: once, with its keys at hand; for a list: once an element; for another value:
 *                          once, unless it is missing, null, false, 0 or ""
 *     {{?key}} … {{/key}}  once, when that would be shown; the object at hand stays
 *     {{^key}} … {{/key}}  once, when it would not
 *     {{>file}}            another file of the pages: .html is a template too, .css and .js are put in as they are
 */
#ifndef REHOST_RUN_REPORT_TEMPLATE_H
#define REHOST_RUN_REPORT_TEMPLATE_H

#include <stddef.h>

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/json.h"

struct template
{
	const char *name; /* for messages */
	const char *text;
	size_t len;
};

/* Appends the page. Values stand in text, in attributes with double quotes, and in links (href, src) behind words of
 * the template's own; a template with one anywhere else (a script, a style, a tag) is refused, ERR_INTERNAL with its
 * line. Control characters, and those that turn the direction of text, are shown by number: "[U+202E]". */
int template_render(const struct template *t, const struct json *view, struct buf *out, struct err *err);

#endif
