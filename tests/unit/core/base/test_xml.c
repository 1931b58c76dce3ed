/* XML: the reader refuses what it must, by its text; the writer escapes everything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/arena.h"
#include "core/base/xml.h"

static void expect_error(const void *data, size_t len, enum err_code code, const char *text)
{
	struct err err = ERR_INIT;
	struct xml_doc *doc = NULL;

	assert_int_equal(xml_parse(data, len, "x.ovf", &doc, &err), -1);
	assert_null(doc);
	assert_string_equal(err.text, text);
	assert_int_equal(err.code, code);
}

static void reads_by_local_name(void **state)
{
	static const char text[] = "<?xml version=\"1.0\"?><o:Envelope xmlns:o='urn:1'>\n"
				   "<o:File o:id=' a '/><o:File id='b'> two <![CDATA[<cd>]]>\n</o:File>"
				   "<os><firmware><feature name='x'/></firmware></os></o:Envelope>";
	AUTO(xml_freep) struct xml_doc *doc = NULL;
	AUTO(arena_done) struct arena a = {0};
	const struct xml_node *file;

	assert_int_equal(xml_parse(text, sizeof text - 1, "x.ovf", &doc, NULL), 0);
	assert_string_equal(xml_name(xml_root(doc)), "Envelope");
	file = xml_child(xml_root(doc), "File");
	assert_string_equal(xml_attr(file, "id", &a), "a");
	assert_null(xml_attr(file, "href", &a));
	assert_string_equal(xml_attr_raw(file, "id"), " a ");
	assert_null(xml_attr_raw(file, "href"));
	assert_string_equal(xml_text(file, &a), "");
	assert_int_equal(xml_line(file), 2);
	file = xml_next(file, "File");
	assert_string_equal(xml_text(file, &a), "two <cd>");
	assert_null(xml_next(file, "File"));
	assert_string_equal(xml_name(xml_next(file, NULL)), "os");
	assert_string_equal(xml_attr(xml_path(xml_root(doc), "os/firmware/feature"), "name", &a), "x");
	assert_null(xml_path(xml_root(doc), "os/firm/feature"));
	assert_null(xml_child(NULL, "x"));
	assert_null(xml_text(NULL, &a));
}

static void latin1_is_read_and_utf8_wins_over_a_false_declaration(void **state)
{
	static const char latin[] = "<?xml version='1.0' encoding='x-unheard-of'?><a>caf\xe9</a>";
	static const char utf[] = "\xef\xbb\xbf<?xml version='1.0' encoding='UTF-16'?><a>caf\xc3\xa9</a>";
	AUTO(xml_freep) struct xml_doc *one = NULL;
	AUTO(xml_freep) struct xml_doc *two = NULL;
	AUTO(arena_done) struct arena a = {0};

	assert_int_equal(xml_parse(latin, sizeof latin - 1, "x", &one, NULL), 0);
	assert_string_equal(xml_text(xml_root(one), &a), "caf\xc3\xa9");
	assert_int_equal(xml_parse(utf, sizeof utf - 1, "x", &two, NULL), 0);
	assert_string_equal(xml_text(xml_root(two), &a), "caf\xc3\xa9");
}

static void refuses_doctype(void **state)
{
	static const char bomb[] =
	    "<?xml version='1.0'?>\n<!DOCTYPE a [<!ENTITY x 'y'><!ENTITY z '&x;&x;'>]><a>&z;</a>";
	static const char outside[] = "<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>";
	static const char says[] = "'x.ovf' has a DOCTYPE: document type definitions are not read; "
				   "remove it if you trust the file";

	expect_error(bomb, sizeof bomb - 1, ERR_POLICY, says);
	expect_error(outside, sizeof outside - 1, ERR_POLICY, says);
}

static void refuses_damage_with_its_place(void **state)
{
	static const char open[] = "<a>\n <b>\n</a>";
	static const char entity[] = "<a>&unknown;</a>";

	expect_error(open, sizeof open - 1, ERR_CORRUPT,
		     "'x.ovf' is not well-formed XML: line 3 column 5: "
		     "Opening and ending tag mismatch: b line 2 and a");
	expect_error(entity, sizeof entity - 1, ERR_CORRUPT,
		     "'x.ovf' is not well-formed XML: line 1 column 13: Entity 'unknown' not defined");
	expect_error("", 0, ERR_CORRUPT, "'x.ovf' is not well-formed XML: line 1 column 1: Document is empty");
	expect_error("<a>\0</a>", 8, ERR_CORRUPT, "'x.ovf' is not XML: it has NUL bytes");
	expect_error("\xff\xfe<\0a\0", 6, ERR_UNSUPPORTED, "'x.ovf' is UTF-16: convert it to UTF-8");
}

static char *repeated(const char *head, const char *body, size_t times, const char *tail, size_t *ret_len)
{
	struct buf b = BUF_INIT(64 << 20);

	buf_adds(&b, head);
	while (times--)
		buf_adds(&b, body);
	buf_adds(&b, tail);
	*ret_len = b.len;
	return buf_take(&b);
}

static void refuses_more_than_its_limits(void **state)
{
	size_t len;
	AUTO_FREE char *deep = repeated("", "<a>", 257, "", &len);

	expect_error(deep, len, ERR_CORRUPT, "'x.ovf' has elements nested deeper than 256");
	free(deep);
	deep = repeated("<a>", "<b/>", 1 << 17, "</a>", &len);
	expect_error(deep, len, ERR_CORRUPT, "'x.ovf' has more than 131072 elements");
	free(deep);
	deep = repeated("<a ", "b='>' ", 1025, "/>", &len);
	expect_error(deep, len, ERR_CORRUPT, "'x.ovf' has a tag with more than 1024 attributes");
	free(deep);
	deep = repeated("<a>", "0123456789abcdef", (16 << 20) / 16, "</a>", &len);
	expect_error(deep, len, ERR_CORRUPT, "'x.ovf' is 16777223 bytes, XML over 16 MiB is not read");
}

static void attributes_are_not_counted_in_comments_and_text(void **state)
{
	size_t len;
	AUTO_FREE char *text = repeated("<?p ====?><a><!-- > ", "b='>' ", 3000, "--><![CDATA[<b ===]]></a>", &len);
	AUTO(xml_freep) struct xml_doc *doc = NULL;
	struct err err = ERR_INIT;

	assert_int_equal(xml_parse(text, len, "x", &doc, &err), 0);
}

static void writes_and_escapes(void **state)
{
	AUTO(buf_done) struct buf b = BUF_INIT(4096);
	struct err err = ERR_INIT;
	struct xml_writer w;

	xml_begin(&w, &b);
	xml_open(&w, "domain");
	xml_attrf(&w, "type", "%s", "k\"v<m>\n&\x01");
	xml_leaf(&w, "name", "%s", "a<b>&\"c\xff\xc3\xa9\x1b\xef\xbf\xbf\r\n.");
	xml_open(&w, "on");
	xml_close(&w);
	xml_open(&w, "devices");
	xml_open(&w, "disk");
	xml_attrf(&w, "n", "%d", 7);
	xml_close(&w);
	xml_close(&w);
	xml_close(&w);
	assert_int_equal(xml_end(&w, &err), 0);
	assert_string_equal(buf_str(&b), "<domain type=\"k&quot;v&lt;m&gt;&#10;&amp;?\">\n"
					 "  <name>a&lt;b&gt;&amp;\"c?\xc3\xa9??&#13;\n.</name>\n"
					 "  <on/>\n"
					 "  <devices>\n"
					 "    <disk n=\"7\"/>\n"
					 "  </devices>\n"
					 "</domain>\n");
}

static void writer_reports_a_full_buffer_and_an_open_element(void **state)
{
	AUTO(buf_done) struct buf b = BUF_INIT(12);
	struct err err = ERR_INIT;
	struct xml_writer w;

	xml_begin(&w, &b);
	xml_open(&w, "a");
	assert_int_equal(xml_end(&w, &err), -1);
	assert_string_equal(err.text, "XML: <a> is still open");
	xml_leaf(&w, "name", "%s", "long");
	xml_close(&w);
	assert_int_equal(xml_end(&w, &err), -1);
	assert_string_equal(err.text, "XML: over the limit of 12 bytes");
	assert_int_equal(err.code, ERR_INTERNAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_by_local_name),
	    cmocka_unit_test(latin1_is_read_and_utf8_wins_over_a_false_declaration),
	    cmocka_unit_test(refuses_doctype),
	    cmocka_unit_test(refuses_damage_with_its_place),
	    cmocka_unit_test(refuses_more_than_its_limits),
	    cmocka_unit_test(attributes_are_not_counted_in_comments_and_text),
	    cmocka_unit_test(writes_and_escapes),
	    cmocka_unit_test(writer_reports_a_full_buffer_and_an_open_element),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
