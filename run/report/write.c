/* The report's files in a result's folder. */
#include "core/base/checked.h"
#include "core/base/file.h"
#include "run/report/report.h"

const char *const report_names[] = {"report.json", "report.txt", "report.html", NULL};

static int write_json(const struct json *report, int dirfd, struct err *err)
{
	AUTO(buf_done) struct buf json = BUF_INIT(REPORT_JSON_MAX);

	if (js_print(report, true, &json) < 0)
		return err_set(err, ERR_INTERNAL, "the report is over %d MiB", REPORT_JSON_MAX >> 20);
	return file_replace(dirfd, "report.json", buf_str(&json), json.len, 0644, err);
}

static int write_text(const struct json *report, int dirfd, struct err *err)
{
	AUTO(buf_done) struct buf text = BUF_INIT(REPORT_JSON_MAX);

	if (report_text(report, &text, err) < 0)
		return -1;
	return file_replace(dirfd, "report.txt", buf_str(&text), text.len, 0644, err);
}

static int write_html(const struct json *report, int dirfd, struct err *err)
{
	AUTO(buf_done) struct buf page = BUF_INIT(REPORT_MAX);

	if (report_html_machine(report, dirfd, &page, err) < 0)
		return -1;
	return file_replace(dirfd, "report.html", buf_str(&page), page.len, 0644, err);
}

int report_write(const struct json *report, int dirfd, struct err *err)
{
	if (write_json(report, dirfd, err) < 0 || write_text(report, dirfd, err) < 0)
		return -1;
	return write_html(report, dirfd, err);
}
