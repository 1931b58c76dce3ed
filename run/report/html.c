/* What the pages of a machine and of a batch share. */
#include "run/report/html.h"

#include <string.h>

#include "core/base/base64.h"
#include "core/base/hash.h"
#include "run/report/catalogue.h"
#include "run/report/files.h"

static const char style[] = "style.css";

void page_begin(struct page *p, const struct json *report, int dirfd)
{
	*p = (struct page){.report = report, .view = js_object(), .pictures = {.dirfd = dirfd, .left = PICTURES_MAX}};
	js_set_str(p->view, "version", js_get_str(report, "rehost", js_get_str(js_get(report, "job"), "rehost", NULL)));
	js_set_str(p->view, "schema", js_get_str(report, "schema", NULL));
}

void page_done(struct page *p)
{
	js_free(p->view);
	arena_done(&p->arena);
}

/* Content-Security-Policy, level 3, 6.7.3.3: a script or style whose text has this hash may stand in the page. */
static int add_hash(struct buf *policy, const char *directive, const char *file, struct err *err)
{
	struct template t;
	unsigned char raw[DIGEST_MAX];

	if (!report_file(file, strlen(file), &t) || !digest_once(DIGEST_SHA256, t.text, t.len, raw))
		return err_set(err, ERR_INTERNAL, "'%s' is no file of the pages", file);
	if (buf_addf(policy, "; %s 'sha256-", directive) < 0 ||
	    base64_add(policy, raw, digest_size(DIGEST_SHA256)) < 0 || buf_adds(policy, "'") < 0)
		return err_nomem(err);
	return 0;
}

int page_end(struct page *p, const char *html, const char *script, struct buf *out, struct err *err)
{
	AUTO(buf_done) struct buf policy = BUF_INIT(1024);
	struct template t;

	if (!report_file(html, strlen(html), &t))
		return err_set(err, ERR_INTERNAL, "'%s' is no file of the pages", html);
	buf_adds(&policy, "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'");
	if (add_hash(&policy, "style-src", style, err) < 0 || add_hash(&policy, "script-src", script, err) < 0)
		return -1;
	js_set_str(p->view, "policy", buf_str(&policy));
	return template_render(&t, p->view, out, err);
}

void page_copy(struct json *to, const struct json *from, const char *const *keys)
{
	for (; *keys; keys++)
		if (js_get(from, *keys))
			js_set(to, *keys, js_copy(js_get(from, *keys)));
}

const char *page_class(const char *word, const char *const *known)
{
	for (; *known; known++)
		if (!strcmp(*known, word))
			return *known;
	return "unknown";
}

/* `code` and text between it, as a list of pieces. */
static struct json *pieces(struct arena *a, const char *markdown)
{
	struct json *list = js_array();

	for (bool code = false; *markdown; code = !code) {
		size_t n = strcspn(markdown, "`");

		if (n)
			js_set_str(js_add(list, js_object()), code ? "code" : "text", arena_strndup(a, markdown, n));
		markdown += n + (markdown[n] == '`');
	}
	return list;
}

void page_explain(struct page *p, struct json *to, const char *id)
{
	struct finding_meaning m;

	if (!finding_meaning(id, &p->arena, &m))
		return;
	js_set(to, "meaning", pieces(&p->arena, m.meaning));
	js_set(to, "advice", pieces(&p->arena, m.fix));
}

/* ---- boot proof ---- */

/* "login" of "state/000000/attempt-0/shots/login.png" */
static const char *caption(struct arena *a, const char *name)
{
	const char *slash = strrchr(name, '/'), *base = slash ? slash + 1 : name, *dot = strrchr(base, '.');

	return arena_strndup(a, base, dot ? (size_t)(dot - base) : strlen(base));
}

static struct json *shots(struct page *p, const struct json *names, const char *machine, bool last_only)
{
	struct json *list = js_array();
	size_t n = js_count(names);

	for (size_t i = last_only && n ? n - 1 : 0; i < n; i++) {
		const char *name = js_str(js_at(names, i), "");
		struct json *shot = js_add(list, picture_view(&p->pictures, name));

		js_set_str(shot, "name", name);
		js_set_str(shot, "caption", caption(&p->arena, name));
		js_set_str(shot, "machine", machine);
	}
	return list;
}

struct json *page_proof(struct page *p, const struct json *proof, const char *machine, bool last_only)
{
	static const char *const keys[] = {"level", "wanted", "failure", "evidence", "seconds", "warnings", NULL};
	struct json *view;

	if (js_kind(proof) != JS_OBJECT)
		return NULL;
	view = js_object();
	page_copy(view, proof, keys);
	js_set_bool(view, "proven", !js_get_str(proof, "failure", NULL));
	js_set(view, "shots", shots(p, js_get(proof, "screenshots"), machine, last_only));
	return view;
}
