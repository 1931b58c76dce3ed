/* What the pages of a machine and of a batch share. Only run/report/html*.c include it. */
#ifndef REHOST_RUN_REPORT_HTML_H
#define REHOST_RUN_REPORT_HTML_H

#include "core/base/arena.h"
#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/base/json.h"
#include "run/report/picture.h"

struct page {
	const struct json *report;
	struct json *view; /* what the template is filled from: only what is put in here can appear */
	struct pictures pictures;
	struct arena arena;
};

void page_begin(struct page *p, const struct json *report, int dirfd);
/* Renders the template, with a policy that allows its own style and script and nothing from elsewhere. */
int page_end(struct page *p, const char *html, const char *script, struct buf *out, struct err *err);
void page_done(struct page *p);

/* Copies what `from` has under these keys (NULL ends them). */
void page_copy(struct json *to, const struct json *from, const char *const *keys);
/* One of `known` (NULL ends them), which style.css has rules for; else "unknown". */
const char *page_class(const char *word, const char *const *known);
/* What an id means, under "meaning" and "advice": lists of pieces, each "text" or "code". Nothing for an unknown id. */
void page_explain(struct page *p, struct json *to, const char *id);

/* The boot proof for proof.html; the machine's name is for the pictures' texts. NULL: none was asked for. last_only:
 * the last picture alone. */
struct json *page_proof(struct page *p, const struct json *proof, const char *machine, bool last_only);

#endif
