/* Reports of a batch: the page and JUnit's XML, of friendly and of hostile words. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/file.h"
#include "core/base/xml.h"
#include "run/report/report.h"
#include "tests/unit/support/test_folder.h"

/* A PNG of 2x1 pixels, up to the end of its IHDR. */
static const char png[] = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x02\0\0\0\x01\x08\2\0\0\0";

static const char report[] =
    "{\"schema\": \"rehost-batch-report-1\", \"job\": {\"schema\": \"rehost-job-1\", \"rehost\": \"0.1.0\", \"name\": "
    "\"friday\","
    " \"created\": \"2026-11-20T20:00:00Z\", \"units\": 5, \"proof\": \"login\"}, \"written\": "
    "\"2026-11-20T22:00:00Z\","
    " \"counts\": {\"done\": 1, \"failed\": 1, \"blocked\": 1, \"running\": 1, \"waiting\": 1},"
    " \"bytes_read\": 3221225472, \"bytes_written\": 1073741824, \"seconds\": 3600, \"machines\": ["
    "{\"index\": 0, \"name\": \"web01\", \"state\": \"done\", \"exit\": 0, \"error\": null, \"finding\": null, "
    "\"attempt\": 1,"
    " \"host\": \"conv1\", \"began\": \"2026-11-20T20:00:00Z\", \"ended\": \"2026-11-20T20:02:00Z\", \"seconds\": 120,"
    " \"folder\": \"out/web01\", \"verdict\": \"BOOTS\", \"copy\": {\"read\": 2147483648, \"written\": 1073741824},"
    " \"report\": \"out/web01/report.json\", \"findings\": [], \"proof\": {\"level\": \"login\", \"wanted\": \"login\","
    " \"failure\": null, \"seconds\": 41.5, \"screenshots\": [\"shots/kernel.png\", \"shots/login.png\"]},"
    " \"files\": [{\"name\": \"web01-sda.qcow2\", \"size\": 1073741824, \"tree\": \"77fe\"}]},"
    "{\"index\": 1, \"name\": \"db<b>1\", \"state\": \"failed\", \"exit\": 7, \"error\": \"'login' was not reached\", "
    "\"finding\": null,"
    " \"attempt\": 3, \"host\": \"conv2\", \"seconds\": 300, \"report\": \"../../etc/report.json\", \"group\": "
    "\"esx1\","
    " \"proof\": {\"level\": \"kernel\", \"wanted\": \"login\", \"failure\": \"kernel panic\", \"seconds\": 20,"
    " \"screenshots\": [\"../login.png\"]}},"
    "{\"index\": 2, \"name\": \"win\\u202E01\", \"state\": \"blocked\", \"exit\": 3, \"error\": \"hibernated\", "
    "\"finding\": \"B-WINDOWS-HIBERNATED\", \"attempt\": 0, \"host\": \"conv1\", \"seconds\": 2},"
    "{\"index\": 3, \"name\": \"app\", \"state\": \"running\", \"phase\": \"copying\", \"percent\": 40},"
    "{\"index\": 4, \"name\": \"old\", \"state\": \"\\\"><script>\"}]}";

struct fixture {
	struct test_folder dir;
	char out_path[80];
	struct json *report;
	struct buf out;
	struct err err;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	if (test_folder_make(&f->dir) < 0)
		return -1;
	mkdirat(f->dir.fd, "shots", 0700);
	file_mkdirs(strcat(strcpy(f->out_path, f->dir.path), "/out/web01"), NULL);
	file_replace(f->dir.fd, "out/web01/report.html", "", 0, 0600, NULL);
	file_replace(f->dir.fd, "shots/kernel.png", "no picture", 10, 0600, NULL);
	file_replace(f->dir.fd, "shots/login.png", png, sizeof png - 1, 0600, NULL);
	f->report = js_parse(report, sizeof report - 1, &f->err);
	f->out = (struct buf)BUF_INIT(REPORT_MAX);
	*state = f;
	return f->report ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	js_free(f->report);
	buf_done(&f->out);
	test_folder_remove(&f->dir);
	free(f);
	return 0;
}

static void render(struct fixture *f)
{
	buf_clear(&f->out);
	if (report_html_batch(f->report, f->dir.fd, &f->out, &f->err) < 0)
		fail_msg("%s", f->err.text);
}

static void has(const struct fixture *f, const char *text)
{
	if (!strstr(buf_str(&f->out), text))
		fail_msg("'%s' is not in: %s", text, buf_str(&f->out));
}

static void lacks(const struct fixture *f, const char *text)
{
	if (strstr(buf_str(&f->out), text))
		fail_msg("'%s' is in: %s", text, buf_str(&f->out));
}

static void the_page_tells_it_all(void **state)
{
	struct fixture *f = *state;

	render(f);
	has(f, "<h1><bdi>friday</bdi></h1>");
	has(f, "<li class=\"state failed\"><b>1</b> failed</li>");
	has(f, "<dt>Throughput</dt><dd>873.8 KiB/s</dd>");
	has(f, "<dt>Machines an hour</dt><dd>1.0</dd>");
	has(f, "<td data-key=\"seconds\" class=\"n\" data-value=\"120\">2 min 00 s</td>");
	has(f, "<a href=\"./out/web01/report.html\">");
	has(f, "<th scope=\"row\">web01-sda.qcow2</th><td class=\"n\">1.0 GiB</td><td><code>77fe</code></td>");
	has(f, "<span class=\"state running\">running</span> copying 40 %</td>");
	has(f, "<th scope=\"row\"><code>exit status 7</code>");
	has(f, "<th scope=\"row\"><code>B-WINDOWS-HIBERNATED</code>\n<p>Windows is hibernated, or was shut down with "
	       "Fast Startup.</p>");
	has(f, "<p>What to do: On the source: <code>powercfg /h off</code>, then ");
	has(f, "<tr><th scope=\"row\">conv1</th><td class=\"n\">2</td><td class=\"n\">1</td><td class=\"n\"></td>");
	has(f, "<li><a href=\"#m2\"><bdi>db&#60;b&#62;1</bdi></a> 5 min 00 s</li>");
	has(f, "over 2 min 00 s\"");
}

static void hostile_words_stay_words(void **state)
{
	struct fixture *f = *state;

	render(f);
	lacks(f, "db<b>");
	lacks(f, "../..");
	assert_int_equal(unlinkat(f->dir.fd, "out/web01/report.html", 0), 0);
	render(f);
	lacks(f, "Its own report");
	lacks(f, "\xe2\x80\xae");
	has(f, "win[U+202E]01");
	has(f, "<tbody id=\"m5\" class=\"machine\" data-state=\"unknown\">");
	has(f, "<p>Picture not shown: &#39;../login.png&#39; leads outside the image&#39;s folder");
	has(f, "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src &#39;none&#39;; img-src data:;");
}

static void pictures_are_in_the_page(void **state)
{
	struct fixture *f = *state;

	render(f);
	has(f, "<img src=\"data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAIAAAABCAIAAAA=\" width=\"2\" height=\"1\" "
	       "alt=\"Screen of web01: login\">");
	has(f, "<p>Picture not shown: &#39;shots/kernel.png&#39; is no PNG</p>");
	assert_int_equal(file_replace(f->dir.fd, "shots/login.png", png, 20, 0600, NULL), 0);
	render(f);
	has(f, "Picture not shown: &#39;shots/login.png&#39; is no PNG");
}

static void of_many_machines_the_last_picture_is(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < 100; i++)
		js_add(js_held(f->report, "machines"), js_copy(js_at(js_get(f->report, "machines"), 0)));
	render(f);
	lacks(f, "kernel.png");
	has(f, "alt=\"Screen of web01: login\"");
}

static void it_loads_itself_again_while_it_runs(void **state)
{
	struct fixture *f = *state;
	struct json *counts;

	render(f);
	has(f, "<body data-running=\"true\" data-written=\"2026-11-20T22:00:00Z\">");
	has(f, "<noscript><meta http-equiv=\"refresh\"");
	counts = js_held(f->report, "counts");
	js_set_u64(counts, "running", 0);
	js_set_bool(f->report, "cancelled", true);
	render(f);
	has(f, "<body data-running=\"false\"");
	has(f, "<b class=\"warning\">Cancelled.</b>");
	js_set_bool(f->report, "cancelled", false);
	render(f);
	has(f, "<body data-running=\"true\"");
	js_set_u64(counts, "waiting", 0);
	render(f);
	has(f, "<body data-running=\"false\"");
	lacks(f, "http-equiv=\"refresh\"");
}

static void an_empty_report_is_a_page(void **state)
{
	struct fixture *f = *state;
	AUTO(js_freep) struct json *empty = js_object();

	assert_int_equal(report_html_batch(empty, -1, &f->out, &f->err), 0);
	has(f, "Batch of 0 machines");
	lacks(f, "Slowest");
}

static void the_text(void **state)
{
	static const char expected[] =
	    "friday, as of 2026-11-20T22:00:00Z\n"
	    "\n"
	    "  web01                    done     BOOTS            2 min 00 s\n"
	    "  db<b>1                   failed   -                5 min 00 s  'login' was not reached\n"
	    "  win???01                 blocked  -                     2.0 s  B-WINDOWS-HIBERNATED  hibernated\n"
	    "  app                      running  -                         -  copying\n"
	    "  old                      \"><script> -                         -\n"
	    "\n"
	    "1 done, 1 failed, 1 blocked, 1 running, 1 waiting; read 3.0 GiB, wrote 1.0 GiB in 1 h 00 min\n";
	struct fixture *f = *state;

	assert_int_equal(report_text_batch(f->report, &f->out, &f->err), 0);
	assert_string_equal(buf_str(&f->out), expected);
}

static void hosts_without_number_are_others(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < 1200; i++) {
		struct json *m = js_add(js_held(f->report, "machines"), js_object());
		char host[32];

		snprintf(host, sizeof host, "host%u", i);
		js_set_str(m, "host", host);
	}
	render(f);
	has(f, "<tr><th scope=\"row\">host997</th><td class=\"n\">1</td>"); /* conv1 and conv2 are the first two */
	lacks(f, "<tr><th scope=\"row\">host998</th>");
	has(f, "<tr><th scope=\"row\">others</th><td class=\"n\">202</td>");
}

static void times_without_sense(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < 2; i++)
		js_set_real(js_add(js_held(f->report, "machines"), js_object()), "seconds", i ? 1e308 : -5);
	assert_int_equal(report_junit_batch(f->report, &f->out, &f->err), 0);
	has(f, "time=\"1000000000422.000\"");
	has(f, "<testcase classname=\"friday\" name=\"?\" time=\"0.000\">");
}

static void junit(void **state)
{
	static const char expected[] =
	    "<testsuite name=\"friday\" tests=\"5\" failures=\"1\" errors=\"1\" skipped=\"2\" time=\"422.000\" "
	    "timestamp=\"2026-11-20T22:00:00Z\">\n"
	    "  <testcase classname=\"friday\" name=\"web01\" time=\"120.000\"/>\n"
	    "  <testcase classname=\"friday.esx1\" name=\"db&lt;b&gt;1\" time=\"300.000\">\n"
	    "    <failure type=\"exit status 7\" message=\"'login' was not reached\">kernel panic</failure>\n"
	    "  </testcase>\n"
	    "  <testcase classname=\"friday\" name=\"win\xe2\x80\xae"
	    "01\" time=\"2.000\">\n"
	    "    <error type=\"B-WINDOWS-HIBERNATED\" message=\"hibernated\"/>\n"
	    "  </testcase>\n"
	    "  <testcase classname=\"friday\" name=\"app\" time=\"0.000\">\n"
	    "    <skipped message=\"running\"/>\n"
	    "  </testcase>\n";
	struct fixture *f = *state;
	AUTO(xml_freep) struct xml_doc *doc = NULL;

	assert_int_equal(report_junit_batch(f->report, &f->out, &f->err), 0);
	has(f, expected);
	if (xml_parse(f->out.data, f->out.len, "junit.xml", &doc, &f->err) < 0)
		fail_msg("%s", f->err.text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(the_page_tells_it_all),
	    TEST(hostile_words_stay_words),
	    TEST(pictures_are_in_the_page),
	    TEST(it_loads_itself_again_while_it_runs),
	    TEST(an_empty_report_is_a_page),
	    TEST(the_text),
	    TEST(of_many_machines_the_last_picture_is),
	    TEST(hosts_without_number_are_others),
	    TEST(times_without_sense),
	    TEST(junit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
