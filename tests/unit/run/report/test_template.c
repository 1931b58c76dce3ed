/* Templates: what they put in, how each place escapes it, and which templates are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "run/report/files.h"
#include "run/report/template.h"

static int render(const char *text, const char *json, struct buf *out, struct err *err)
{
	const struct template t = {.name = "test.html", .text = text, .len = strlen(text)};
	AUTO(js_freep) struct json *view = js_parse(json, strlen(json), err);

	assert_non_null(view);
	return template_render(&t, view, out, err);
}

static void gives(const char *text, const char *json, const char *expected)
{
	AUTO(buf_done) struct buf out = BUF_INIT(4096);
	struct err err = ERR_INIT;

	if (render(text, json, &out, &err) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(buf_str(&out), expected);
}

static void refuses(const char *text, const char *says)
{
	AUTO(buf_done) struct buf out = BUF_INIT(4096);
	struct err err = ERR_INIT;

	assert_int_equal(render(text, "{\"x\": [1], \"y\": \"z\"}", &out, &err), -1);
	assert_string_equal(err.text, says);
	assert_int_equal(err.code, ERR_INTERNAL);
}

static void values_and_formats(void **state)
{
	static const char json[] = "{\"t\": \"web01\", \"n\": 1536, \"r\": 2.25, \"b\": true, \"z\": null, \"o\": {}}";

	gives("{{t}} {{n}} {{r}} {{b}} ({{z}}{{o}}{{missing}})", json, "web01 1536 2.25 true ()");
	gives("{{n|size}}, {{r|seconds}}, {{n|hex}}, {{t|size}}", json, "1.5 KiB, 2.2 s, 0x600, web01");
}

static void sections(void **state)
{
	static const char json[] =
	    "{\"l\": [{\"a\": 1}, {\"a\": 2}], \"w\": [\"x\", \"y\"], \"o\": {\"a\": 3}, \"a\": 4, "
	    "\"e\": [], \"f\": false, \"n\": 0, \"s\": \"\", \"z\": null}";

	gives("{{#l}}|{{a}}{{/l}}", json, "|1|2");
	gives("{{#w}}{{.}},{{/w}}", json, "x,y,");
	gives("{{#o}}{{a}}{{/o}}{{#a}}{{a}}{{/a}}", json, "34");
	gives("{{?l}}[{{#l}}{{a}}{{/l}}]{{/l}}{{?e}}none{{/e}}", json, "[12]");
	gives("{{#e}}1{{/e}}{{#f}}2{{/f}}{{#n}}3{{/n}}{{#s}}4{{/s}}{{#z}}5{{/z}}{{#q}}6{{/q}}", json, "");
	gives("{{^e}}1{{/e}}{{^f}}2{{/f}}{{^n}}3{{/n}}{{^s}}4{{/s}}{{^z}}5{{/z}}{{^q}}6{{/q}}{{^l}}7{{/l}}", json,
	      "123456");
	/* what is left out is still read for its end, and a key outside isn't found inside */
	gives("{{#e}}{{#l}}{{a}}{{/l}}{{/e}}{{#l}}{{w}}{{/l}}.", json, ".");
}

static void words_can_not_become_markup(void **state)
{
	static const char json[] = "{\"s\": \"</td><script>alert(1)</script>\", \"q\": \"\\\" onload='x' a=&lt;\"}";

	gives("<td>{{s}}</td>", json, "<td>&#60;/td&#62;&#60;script&#62;alert(1)&#60;/script&#62;</td>");
	gives("<i title=\"{{q}}\">", json, "<i title=\"&#34; onload=&#39;x&#39; a=&#38;lt;\">");
	gives("{{q}}", json, "&#34; onload=&#39;x&#39; a=&#38;lt;");
}

static void words_can_not_become_another_link(void **state)
{
	static const char json[] = "{\"l\": \"javascript:x\", \"p\": \"out/web 01?a#b\\\"&ü\"}";

	gives("<a href=\"#{{l}}\">", json, "<a href=\"#javascript%3Ax\">");
	gives("<a href=\"./{{p}}\">", json, "<a href=\"./out/web%2001%3Fa%23b%22%26%C3%BC\">");
}

static void words_can_not_deceive_the_eye(void **state)
{
	gives("{{x}}", "{\"x\": \"a\\u202Eb\\u2066c\\u200Bd\\u001B[2J\\u0085\\u007f\\r\\n\\t.\"}",
	      "a[U+202E]b[U+2066]c[U+200B]d[U+001B][2J[U+0085][U+007F][U+000D]\n\t.");
	gives("{{x}}", "{\"x\": \"ü € 😀 עברית \\uDB40\\uDC41\"}", "ü € 😀 עברית [U+E0041]");
}

static void places_where_no_value_may_stand(void **state)
{
	static const char no[] = "a value can't stand here";
	static const char *const texts[] = {"<a {{y}}>",
					    "<{{y}}>",
					    "<a title={{y}}>",
					    "<a title='{{y}}'>",
					    "<a style=\"{{y}}\">",
					    "<a onclick=\"{{y}}\">",
					    "<iframe srcdoc=\"{{y}}\">",
					    "<script>{{y}}</script>",
					    "<style>a{}{{y}}"};
	char says[128];

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		snprintf(says, sizeof says, "template test.html, line 1: 'y': %s", no);
		refuses(texts[i], says);
	}
	refuses("\n<a href=\"{{y}}\">", "template test.html, line 2: 'y': a value can't begin a link");
	refuses("<a href=\"{{#y}}#{{/y}}{{y}}\">", "template test.html, line 1: 'y': a value can't begin a link");
	gives("<script>if (a < b) \"</p>\";</script><b title=\"{{x}}\">{{x}}", "{\"x\": 1}",
	      "<script>if (a < b) \"</p>\";</script><b title=\"1\">1");
}

static void templates_that_are_wrong(void **state)
{
	char deep[20 * 6 + 1] = "";

	refuses("{{#x}}", "template test.html, line 1: 'x': the section has no end");
	refuses("{{#x}}{{/y}}", "template test.html, line 1: '/y': ends another section than was begun");
	refuses("a\nb{{/x}}", "template test.html, line 2: '/x': ends another section than was begun");
	refuses("{{y", "template test.html, line 1: '{{': no word and }} behind it");
	refuses("{{}}", "template test.html, line 1: '{{': no word and }} behind it");
	refuses("{{y|red}}", "template test.html, line 1: 'y|red': no such format");
	refuses("{{#x}}<a{{/x}}", "template test.html, line 1: 'x': the section ends in another place than it began");
	refuses("{{>nothing.html}}", "template test.html, line 1: 'nothing.html': no such file");
	refuses("{{>style.css}}", "template test.html, line 1: 'style.css': the file can't stand here");
	refuses("<style>{{>plot.html}}", "template test.html, line 1: 'plot.html': the file can't stand here");
	for (unsigned i = 0; i < 20; i++)
		strcat(deep, "{{#x}}");
	refuses(deep, "template test.html, line 1: 'x': sections are too deep");
}

static void styles_and_scripts_end_where_they_should(void **state)
{
	static const char *const names[] = {"style.css", "batch.js", "machine.js"};
	struct template t;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		assert_true(report_file(names[i], strlen(names[i]), &t));
		assert_null(memmem(t.text, t.len, "</", 2));
	}
}

static void the_limit_holds(void **state)
{
	AUTO(buf_done) struct buf out = BUF_INIT(10);
	struct err err = ERR_INIT;

	assert_int_equal(render("{{y}}{{y}}{{y}}", "{\"y\": \"12345\"}", &out, &err), -1);
	assert_string_equal(err.text, "the page is over 10 bytes");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(values_and_formats),
	    cmocka_unit_test(sections),
	    cmocka_unit_test(words_can_not_become_markup),
	    cmocka_unit_test(words_can_not_become_another_link),
	    cmocka_unit_test(words_can_not_deceive_the_eye),
	    cmocka_unit_test(places_where_no_value_may_stand),
	    cmocka_unit_test(templates_that_are_wrong),
	    cmocka_unit_test(styles_and_scripts_end_where_they_should),
	    cmocka_unit_test(the_limit_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
