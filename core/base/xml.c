/* XML over libxml2, hardened; the only file that includes it. */
#include "core/base/xml.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libxml/parser.h>
#include <libxml/parserInternals.h>
#include <libxml/tree.h>

#include "core/base/arena.h"
#include "core/base/utf8.h"

enum {
	/* libxml2 spends about 200 bytes an element and 16 MiB hold 4 million `<a/>`: 128 Ki elements are 25 MB, and
	 * 200 times the largest OVF seen. */
	ELEMENTS_MAX = 1 << 17,
	/* libxml2 2.9 looks for duplicate attributes in quadratic time: 16 MiB of them would take minutes. */
	ATTRIBUTES_MAX = 1024,
};

struct xml_doc {
	xmlDoc *tree;
};

/* What our callbacks saw; hangs on the parser's _private. */
struct watch {
	unsigned elements, depth;
	bool doctype, too_many, too_deep;
	int line, column; /* of the first error */
	char text[256];	  /* "" none */
};

static xmlNode *in(const struct xml_node *n)
{
	return (xmlNode *)(uintptr_t)n;
}

static const struct xml_node *out(const xmlNode *n)
{
	return (const struct xml_node *)(const void *)n;
}

/* A DTD is never needed by what we read and is the way to entity bombs and foreign files: stop before it is parsed. */
static void on_doctype(void *opaque, const xmlChar *name, const xmlChar *public_id, const xmlChar *system_id)
{
	xmlParserCtxt *ctxt = opaque;

	((struct watch *)ctxt->_private)->doctype = true;
	xmlStopParser(ctxt);
}

static void on_element(void *opaque, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri, int nnamespaces,
		       const xmlChar **namespaces, int nattributes, int ndefaulted, const xmlChar **attributes)
{
	xmlParserCtxt *ctxt = opaque;
	struct watch *watch = ctxt->_private;

	watch->too_many = ++watch->elements > ELEMENTS_MAX;
	watch->too_deep = ++watch->depth > XML_DEPTH_MAX;
	if (watch->too_many || watch->too_deep)
		xmlStopParser(ctxt);
	else
		xmlSAX2StartElementNs(opaque, name, prefix, uri, nnamespaces, namespaces, nattributes, ndefaulted,
				      attributes);
}

static void on_element_end(void *opaque, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
	((struct watch *)((xmlParserCtxt *)opaque)->_private)->depth--;
	xmlSAX2EndElementNs(opaque, name, prefix, uri);
}

/* The first error is the cause; what follows from it would only hide it. */
static void on_error(void *opaque, const xmlError *e)
{
	struct watch *watch = ((xmlParserCtxt *)opaque)->_private;

	if (*watch->text || e->level < XML_ERR_ERROR || !e->message)
		return;
	watch->line = e->line;
	watch->column = e->int2;
	snprintf(watch->text, sizeof watch->text, "%.*s", (int)strcspn(e->message, "\n"), e->message);
}

/* Behind the given words, or the end. */
static size_t skip_past(const char *s, size_t len, size_t at, const char *words)
{
	const char *found = memmem(s + at, len - at, words, strlen(words));

	return found ? (size_t)(found - s) + strlen(words) : len;
}

/* Behind the '>' of a tag; counts its attributes. */
static size_t skip_tag(const char *s, size_t len, size_t at, unsigned *ret_attributes)
{
	*ret_attributes = 0;
	for (; at < len && s[at] != '>'; at++) {
		if (s[at] == '=')
			++*ret_attributes;
		if (s[at] == '"' || s[at] == '\'') {
			const char *end = memchr(s + at + 1, s[at], len - at - 1);

			if (!end)
				return len;
			at = (size_t)(end - s);
		}
	}
	return at < len ? at + 1 : len;
}

/* No tag holds more than ATTRIBUTES_MAX attributes. Runs before the parser, on bytes in which ASCII is ASCII. */
static bool attributes_bounded(const char *s, size_t len)
{
	unsigned attributes;

	for (size_t at = skip_past(s, len, 0, "<"); at < len; at = skip_past(s, len, at, "<")) {
		if (len - at >= 3 && !memcmp(s + at, "!--", 3)) {
			at = skip_past(s, len, at + 3, "-->");
		} else if (len - at >= 8 && !memcmp(s + at, "![CDATA[", 8)) {
			at = skip_past(s, len, at + 8, "]]>");
		} else if (s[at] == '?') {
			at = skip_past(s, len, at, "?>");
		} else {
			at = skip_tag(s, len, at, &attributes);
			if (attributes > ATTRIBUTES_MAX)
				return false;
		}
	}
	return true;
}

static int parse_error(const struct watch *watch, const char *name, struct err *err)
{
	if (watch->doctype)
		return err_set(err, ERR_POLICY,
			       "'%s' has a DOCTYPE: document type definitions are not read; "
			       "remove it if you trust the file",
			       name);
	if (watch->too_many)
		return err_set(err, ERR_CORRUPT, "'%s' has more than %d elements", name, ELEMENTS_MAX);
	if (watch->too_deep)
		return err_set(err, ERR_CORRUPT, "'%s' has elements nested deeper than %d", name, XML_DEPTH_MAX);
	return err_set(err, ERR_CORRUPT, "'%s' is not well-formed XML: line %d column %d: %s", name, watch->line,
		       watch->column, *watch->text ? watch->text : "no document");
}

static int check_bytes(const char *data, size_t len, const char *name, struct err *err)
{
	if (len > XML_SIZE_MAX)
		return err_set(err, ERR_CORRUPT, "'%s' is %zu bytes, XML over %d MiB is not read", name, len,
			       XML_SIZE_MAX >> 20);
	if (len >= 2 && (!memcmp(data, "\xff\xfe", 2) || !memcmp(data, "\xfe\xff", 2)))
		return err_set(err, ERR_UNSUPPORTED, "'%s' is UTF-16: convert it to UTF-8", name);
	if (memchr(data, '\0', len))
		return err_set(err, ERR_CORRUPT, "'%s' is not XML: it has NUL bytes", name);
	if (!attributes_bounded(data, len))
		return err_set(err, ERR_CORRUPT, "'%s' has a tag with more than %d attributes", name, ATTRIBUTES_MAX);
	return 0;
}

/* The encoding is ours to choose, so that nothing but UTF-8 and Latin-1 decoding ever runs: real files say UTF-8, say
 * nothing, or mean a one-byte code. */
static xmlDoc *read_tree(xmlParserCtxt *ctxt, struct watch *watch, const char *data, size_t len, const char *name)
{
	ctxt->_private = watch;
	ctxt->sax->internalSubset = on_doctype;
	ctxt->sax->startElementNs = on_element;
	ctxt->sax->endElementNs = on_element_end;
	ctxt->sax->serror = (xmlStructuredErrorFunc)on_error; /* the const came with libxml2 2.12 */
	return xmlCtxtReadMemory(ctxt, data, (int)len, NULL, utf8_valid(data, len) ? "UTF-8" : "ISO-8859-1",
				 XML_PARSE_NONET | XML_PARSE_IGNORE_ENC | XML_PARSE_NOCDATA);
}

int xml_parse(const void *data, size_t len, const char *name, struct xml_doc **ret, struct err *err)
{
	struct watch watch = {0};
	AUTO(xml_freep) struct xml_doc *doc = calloc(1, sizeof *doc);
	xmlParserCtxt *ctxt;
	int bad = 0;

	if (check_bytes(data, len, name, err) < 0)
		return -1;
	ctxt = xmlNewParserCtxt();
	if (!doc || !ctxt) {
		xmlFreeParserCtxt(ctxt);
		return err_nomem(err);
	}
	doc->tree = read_tree(ctxt, &watch, data, len, name);
	if (!doc->tree || !xmlDocGetRootElement(doc->tree) || watch.doctype || watch.too_many || watch.too_deep)
		bad = parse_error(&watch, name, err);
	xmlFreeParserCtxt(ctxt);
	if (bad)
		return -1;
	*ret = take_ptr(&doc);
	return 0;
}

void xml_free(struct xml_doc *doc)
{
	if (!doc)
		return;
	xmlFreeDoc(doc->tree);
	free(doc);
}

const struct xml_node *xml_root(const struct xml_doc *doc)
{
	return out(xmlDocGetRootElement(doc->tree));
}

const char *xml_name(const struct xml_node *n)
{
	return (const char *)in(n)->name;
}

unsigned xml_line(const struct xml_node *n)
{
	long line = xmlGetLineNo(in(n));

	return line > 0 ? (unsigned)line : 0;
}

/* n itself or the first sibling behind it that is an element of that name. */
static const struct xml_node *first_of(const xmlNode *n, const char *name)
{
	for (; n; n = n->next)
		if (n->type == XML_ELEMENT_NODE && (!name || !strcmp((const char *)n->name, name)))
			return out(n);
	return NULL;
}

const struct xml_node *xml_child(const struct xml_node *n, const char *name)
{
	return n ? first_of(in(n)->children, name) : NULL;
}

const struct xml_node *xml_next(const struct xml_node *n, const char *name)
{
	return n ? first_of(in(n)->next, name) : NULL;
}

const struct xml_node *xml_path(const struct xml_node *n, const char *path)
{
	while (n && *path) {
		size_t len = strcspn(path, "/");
		const xmlNode *child = in(n)->children;

		while (child && !(child->type == XML_ELEMENT_NODE && strlen((const char *)child->name) == len &&
				  !memcmp(child->name, path, len)))
			child = child->next;
		n = out(child);
		path += len + (path[len] == '/');
	}
	return n;
}

static char *trimmed(struct arena *a, const char *s)
{
	size_t len;

	s += strspn(s, " \t\r\n");
	len = strlen(s);
	while (len && strchr(" \t\r\n", s[len - 1]))
		len--;
	return arena_strndup(a, s, len);
}

char *xml_text(const struct xml_node *n, struct arena *a)
{
	xmlChar *content = n ? xmlNodeGetContent(in(n)) : NULL;
	char *ret = content ? trimmed(a, (const char *)content) : NULL;

	xmlFree(content);
	return ret;
}

const char *xml_attr_raw(const struct xml_node *n, const char *name)
{
	if (!n)
		return NULL;
	for (const xmlAttr *at = in(n)->properties; at; at = at->next)
		if (!strcmp((const char *)at->name, name)) {
			/* Without a DTD there are no entity nodes, so a value is one text node or none. */
			const char *value = at->children ? (const char *)at->children->content : "";

			return value ? value : "";
		}
	return NULL;
}

char *xml_attr(const struct xml_node *n, const char *name, struct arena *a)
{
	const char *value = xml_attr_raw(n, name);

	return value ? trimmed(a, value) : NULL;
}

/* --- writer --- */

static void put(struct xml_writer *w, const char *s, size_t len)
{
	if (buf_add(w->out, s, len) < 0)
		w->failed = true;
}

static void puts_(struct xml_writer *w, const char *s)
{
	put(w, s, strlen(s));
}

static void indent(struct xml_writer *w)
{
	for (unsigned i = 0; i < w->depth; i++)
		puts_(w, "  ");
}

/* What stands for one character: its escape, "?" when XML 1.0 forbids it (section 2.2), NULL for itself. */
static const char *escape(const char *s, size_t len, bool attribute)
{
	switch (len ? (unsigned char)*s : 0) {
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '&':
		return "&amp;";
	case '\r':
		return "&#13;";
	case '"':
		return attribute ? "&quot;" : NULL;
	case '\n':
		return attribute ? "&#10;" : NULL;
	case '\t':
		return attribute ? "&#9;" : NULL;
	default:
		break;
	}
	if (!len || (unsigned char)*s < 0x20 || *s == 0x7f)
		return "?";
	return len == 3 && (!memcmp(s, "\xef\xbf\xbe", 3) || !memcmp(s, "\xef\xbf\xbf", 3)) ? "?" : NULL;
}

static void put_escaped(struct xml_writer *w, const char *s, size_t n, bool attribute)
{
	for (size_t i = 0; i < n;) {
		size_t len = utf8_char(s + i, n - i);
		const char *instead = escape(s + i, len, attribute);

		if (instead)
			puts_(w, instead);
		else
			put(w, s + i, len);
		i += len ? len : 1;
	}
}

static void __attribute__((format(printf, 3, 0)))
put_formatted(struct xml_writer *w, bool attribute, const char *fmt, va_list ap)
{
	AUTO(buf_done) struct buf text = BUF_INIT(XML_SIZE_MAX);

	if (buf_vaddf(&text, fmt, ap) < 0)
		w->failed = true;
	put_escaped(w, buf_str(&text), text.len, attribute);
}

static void end_tag(struct xml_writer *w, bool newline)
{
	if (w->tag_open)
		puts_(w, newline ? ">\n" : ">");
	w->tag_open = false;
}

void xml_begin(struct xml_writer *w, struct buf *b)
{
	*w = (struct xml_writer){.out = b};
}

void xml_open(struct xml_writer *w, const char *name)
{
	end_tag(w, true);
	if (w->depth == sizeof w->open / sizeof *w->open) {
		w->failed = true;
		return;
	}
	indent(w);
	puts_(w, "<");
	puts_(w, name);
	w->open[w->depth++] = name;
	w->tag_open = true;
	w->has_text = false;
}

void xml_attrf(struct xml_writer *w, const char *name, const char *fmt, ...)
{
	va_list ap;

	puts_(w, " ");
	puts_(w, name);
	puts_(w, "=\"");
	va_start(ap, fmt);
	put_formatted(w, true, fmt, ap);
	va_end(ap);
	puts_(w, "\"");
}

static void __attribute__((format(printf, 2, 0))) text(struct xml_writer *w, const char *fmt, va_list ap)
{
	end_tag(w, false);
	put_formatted(w, false, fmt, ap);
	w->has_text = true;
}

void xml_textf(struct xml_writer *w, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	text(w, fmt, ap);
	va_end(ap);
}

void xml_close(struct xml_writer *w)
{
	if (!w->depth) {
		w->failed = true;
		return;
	}
	w->depth--;
	if (w->tag_open) {
		puts_(w, "/>\n");
	} else {
		if (!w->has_text)
			indent(w);
		puts_(w, "</");
		puts_(w, w->open[w->depth]);
		puts_(w, ">\n");
	}
	w->tag_open = w->has_text = false;
}

void xml_leaf(struct xml_writer *w, const char *name, const char *fmt, ...)
{
	va_list ap;

	xml_open(w, name);
	va_start(ap, fmt);
	text(w, fmt, ap);
	va_end(ap);
	xml_close(w);
}

int xml_end(struct xml_writer *w, struct err *err)
{
	if (w->depth)
		return err_set(err, ERR_INTERNAL, "XML: <%s> is still open", w->open[w->depth - 1]);
	if (w->failed)
		return err_set(err, ERR_INTERNAL, "XML: over the limit of %zu bytes", w->out->max);
	return 0;
}
