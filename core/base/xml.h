/* XML over libxml2, hardened: no DTD at all, no network, no entity expansion, bounded size and depth; and a small
 * writer. */
#ifndef REHOST_CORE_BASE_XML_H
#define REHOST_CORE_BASE_XML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/buf.h"
#include "core/base/cleanup.h"
#include "core/base/err.h"

enum { XML_SIZE_MAX = 16 << 20 /* the largest OVF seen is 23 KB */, XML_DEPTH_MAX = 256 };

struct xml_doc;
struct xml_node; /* an element; borrowed from its document */

/* ERR_CORRUPT with line and column; a DOCTYPE is ERR_POLICY. name is for messages. */
int xml_parse(const void *data, size_t len, const char *name, struct xml_doc **ret, struct err *err);
void xml_free(struct xml_doc *doc);
DEFINE_CLEANUP(struct xml_doc *, xml_free)

const struct xml_node *xml_root(const struct xml_doc *doc);
/* Names are local names: namespaces differ between OVF versions and vendors. */
const char *xml_name(const struct xml_node *n);
unsigned xml_line(const struct xml_node *n);
/* First child element of that local name (NULL name: any), next sibling likewise; NULL none. */
const struct xml_node *xml_child(const struct xml_node *n, const char *name);
const struct xml_node *xml_next(const struct xml_node *n, const char *name);
/* First descendant along a path "os/firmware/feature". */
const struct xml_node *xml_path(const struct xml_node *n, const char *path);
/* Text of an element / attribute by local name, white space trimmed, into the caller's arena; missing when absent. */
struct arena;
char *xml_text(const struct xml_node *n, struct arena *a);
char *xml_attr(const struct xml_node *n, const char *name, struct arena *a);
/* The same borrowed from the document and untrimmed: for searches, which would copy too much. */
const char *xml_attr_raw(const struct xml_node *n, const char *name);

/* Writer: elements into a buf, indented by two, everything escaped; control characters that XML forbids become '?'. */
struct xml_writer {
	struct buf *out;
	const char *open[32]; /* literals only */
	unsigned depth;
	bool tag_open, has_text, failed;
};
void xml_begin(struct xml_writer *w, struct buf *out);
void xml_open(struct xml_writer *w, const char *name);
void xml_attrf(struct xml_writer *w, const char *name, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void xml_textf(struct xml_writer *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void xml_close(struct xml_writer *w);
/* <name>text</name> */
void xml_leaf(struct xml_writer *w, const char *name, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* 0, or ERR_INTERNAL when the buffer's limit was passed. */
int xml_end(struct xml_writer *w, struct err *err);

#endif
