/* Fuzz: any JSON as either report, in all the ways that reports are rendered. A page is whole, has its own script only,
 * and no character that turns or hides others; JUnit's XML is XML. */
#include <stdint.h>
#include <string.h>

#include "core/base/xml.h"
#include "run/report/report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LIMIT = 4 << 20 /* what 64 KiB of input can grow to, and the page's own */ };

static size_t count(const char *page, const char *word)
{
	size_t n = 0;

	for (; (page = strstr(page, word)); page++)
		n++;
	return n;
}

static void check_page(const struct buf *page)
{
	static const char *const hidden[] = {"\xe2\x80\xae", "\xe2\x81\xa6", "\xe2\x80\x8b", "\xc2\x85", "\x1b", "\r"};

	if (count(page->data, "<script") != 1 || count(page->data, "<style") != 1 || !strstr(page->data, "</html>\n"))
		__builtin_trap();
	for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++)
		if (strstr(page->data, hidden[i]))
			__builtin_trap();
}

static void render_page(const struct json *report, int (*render)(const struct json *, int, struct buf *, struct err *))
{
	AUTO(buf_done) struct buf page = BUF_INIT(LIMIT);

	if (render(report, -1, &page, NULL) == 0)
		check_page(&page);
}

static void render_xml(const struct json *report, int (*render)(const struct json *, struct buf *, struct err *))
{
	AUTO(buf_done) struct buf xml = BUF_INIT(LIMIT);
	AUTO(xml_freep) struct xml_doc *doc = NULL;

	if (render(report, &xml, NULL) == 0 && xml_parse(xml.data, xml.len, "junit", &doc, NULL) < 0)
		__builtin_trap();
}

static void render_text(const struct json *report, int (*render)(const struct json *, struct buf *, struct err *))
{
	AUTO(buf_done) struct buf text = BUF_INIT(LIMIT);

	if (render(report, &text, NULL) == 0 && strpbrk(text.data, "\x1b\r"))
		__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(js_freep) struct json *report = js_parse((const char *)data, size, NULL);

	if (!report)
		return 0;
	render_page(report, report_html_machine);
	render_page(report, report_html_batch);
	render_xml(report, report_junit_machine);
	render_xml(report, report_junit_batch);
	render_text(report, report_text);
	render_text(report, report_text_batch);
	return 0;
}
