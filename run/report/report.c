/* The report for people, rendered from the report object alone. */
#include "run/report/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/checked.h"

static const char *str(const struct json *j, const char *key)
{
	return js_get_str(j, key, "-");
}

static double mib(const struct json *j, const char *key)
{
	return (double)js_get_u64(j, key, 0) / (double)MIB;
}

static void verdict(const struct json *r, struct buf *out)
{
	const struct json *inspection = js_get(r, "inspection"), *os = js_get(inspection, "os");

	if (!inspection) {
		buf_adds(out, "NOT INSPECTED\n\n");
		return;
	}
	buf_addf(out, "%s\n\n", str(inspection, "verdict"));
	buf_addf(out, "%s, %s, %s\n", str(os, "product"), str(os, "arch"), str(js_get(r, "machine"), "name"));
	if (js_get_str(os, "hostname", NULL))
		buf_addf(out, "host name %s, init %s\n", str(os, "hostname"), str(os, "init"));
	buf_adds(out, "\n");
}

static void findings(const struct json *r, struct buf *out)
{
	const struct json *list = js_get(js_get(r, "inspection"), "findings");

	for (size_t i = 0; i < js_count(list); i++) {
		const struct json *f = js_at(list, i);

		if (!i)
			buf_adds(out, "Findings\n");
		buf_addf(out, "  %zu. %s [%s] %s\n", i + 1, str(f, "id"), str(f, "severity"), str(f, "text"));
		if (js_get_str(f, "evidence", NULL))
			buf_addf(out, "     seen: %s\n", str(f, "evidence"));
		if (js_get_str(f, "fix", NULL))
			buf_addf(out, "     fix:  %s\n", str(f, "fix"));
	}
	if (js_count(list))
		buf_adds(out, "\n");
}

static void row(struct buf *out, const char *what, const char *before, const char *after)
{
	buf_addf(out, "  %-12s %-32s %s\n", what, before, after);
}

static void hardware(const struct json *r, struct buf *out)
{
	const struct json *m = js_get(r, "machine"), *caps = js_get(r, "caps");
	const struct json *disks = js_get(m, "disks"), *nics = js_get(m, "nics");
	char before[128], after[192];

	buf_adds(out, "Hardware\n");
	row(out, "", str(m, "source_kind"), caps ? "libvirt/KVM" : "");
	snprintf(before, sizeof before, "%.0f MiB", mib(m, "memory"));
	row(out, "memory", before, caps ? before : "");
	snprintf(before, sizeof before, "%" PRIu64, js_get_u64(m, "vcpus", 0));
	row(out, "vCPUs", before, caps ? before : "");
	row(out, "firmware", str(m, "firmware"), caps ? str(r, "firmware") : "");
	for (size_t i = 0; i < js_count(disks); i++) {
		snprintf(before, sizeof before, "%s %s", str(js_at(disks, i), "id"),
			 str(js_at(disks, i), "controller"));
		row(out, "disk", before, caps ? str(caps, "disk") : "");
	}
	for (size_t i = 0; i < js_count(nics); i++) {
		const struct json *n = js_at(nics, i);

		snprintf(before, sizeof before, "%s %s", str(n, "model"), str(n, "mac"));
		snprintf(after, sizeof after, "%s %s on %s", str(caps, "net"), str(n, "mac"),
			 js_get_str(n, "target", str(n, "network")));
		row(out, "network", before, caps ? after : "");
	}
	buf_adds(out, "\n");
}

static void kernels(const struct json *inspection, struct buf *out)
{
	const struct json *list = js_get(inspection, "kernels");

	for (size_t i = 0; i < js_count(list); i++) {
		const struct json *k = js_at(list, i);

		buf_addf(out, "  kernel %s, initramfs %s (%s, %s)\n", str(k, "version"), str(k, "initrd"),
			 str(k, "initrd_generator"), str(k, "initrd_compression"));
	}
}

static void inside(const struct json *r, struct buf *out)
{
	const struct json *i = js_get(r, "inspection"), *fs = js_get(i, "filesystems"), *nets = js_get(i, "networks"),
			  *agents = js_get(i, "agents");

	if (!i)
		return;
	buf_adds(out, "Inside\n");
	for (size_t n = 0; n < js_count(fs); n++)
		buf_addf(out, "  %-12s %-8s %8.0f MiB  %s\n", str(js_at(fs, n), "device"), str(js_at(fs, n), "type"),
			 mib(js_at(fs, n), "size"), js_get_str(js_at(fs, n), "mountpoint", ""));
	kernels(i, out);
	for (size_t n = 0; n < js_count(nets); n++)
		buf_addf(out, "  network %s %s (%s, %s)\n", str(js_at(nets, n), "interface"),
			 js_get_str(js_at(nets, n), "address", ""), str(js_at(nets, n), "system"),
			 str(js_at(nets, n), "file"));
	for (size_t n = 0; n < js_count(agents); n++)
		buf_addf(out, "  tool %s (%s)\n", str(js_at(agents, n), "id"), str(js_at(agents, n), "evidence"));
	buf_adds(out, "\n");
}

static void indented(const char *text, struct buf *out)
{
	while (*text) {
		size_t n = strcspn(text, "\n");

		buf_addf(out, "       %.*s\n", (int)n, text);
		text += n + (text[n] == '\n');
	}
}

static void changes(const struct json *r, struct buf *out)
{
	const struct json *list = js_get(r, "changes");

	if (!js_count(list))
		return;
	buf_adds(out, "Changes\n");
	for (size_t i = 0; i < js_count(list); i++) {
		const struct json *c = js_at(list, i);

		buf_addf(out, "  %zu. %s %s (%s)\n     why: %s\n", i + 1, str(c, "kind"), str(c, "path"),
			 str(c, "step"), str(c, "reason"));
		if (js_get_str(c, "words", NULL))
			indented(str(c, "words"), out);
		if (js_get_str(c, "diff", NULL))
			indented(str(c, "diff"), out);
	}
	buf_adds(out, "\n");
}

static void results(const struct json *r, struct buf *out)
{
	const struct json *disks = js_get(r, "disks"), *copy = js_get(r, "copy"), *errors = js_get(copy, "read_errors");

	for (size_t i = 0; i < js_count(disks); i++)
		buf_addf(out, "%s  %s, %.0f MiB\n", str(js_at(disks, i), "file"), str(js_at(disks, i), "format"),
			 mib(js_at(disks, i), "size"));
	if (copy)
		buf_addf(out, "copied %.1f MiB, read %.1f MiB from the source, wrote %.1f MiB, reused %.1f MiB\n",
			 mib(copy, "bytes_read"), mib(copy, "source_read"), mib(copy, "bytes_written"),
			 mib(copy, "reused"));
	for (size_t i = 0; i < js_count(errors); i++)
		buf_addf(out, "UNREADABLE: disk %" PRIu64 " at 0x%" PRIx64 ", %" PRIu64 " bytes, written as zeros\n",
			 js_get_u64(js_at(errors, i), "disk", 0), js_get_u64(js_at(errors, i), "offset", 0),
			 js_get_u64(js_at(errors, i), "length", 0));
	if (js_count(disks))
		buf_adds(out, "\n");
}

static void timings(const struct json *r, struct buf *out)
{
	const struct json *list = js_get(r, "timings"), *accel = js_get(r, "accelerator");
	double sum = 0;

	buf_adds(out, "Time\n");
	for (size_t i = 0; i < js_count(list); i++) {
		double seconds = js_get_real(js_at(list, i), "seconds", 0);

		buf_addf(out, "  %-12s %7.1f s\n", str(js_at(list, i), "phase"), seconds);
		sum += seconds;
	}
	buf_addf(out, "  %-12s %7.1f s\n", "all", sum);
	if (accel)
		buf_addf(out, "  accelerator: %s\n", str(accel, "reason"));
}

int report_text(const struct json *report, struct buf *out, struct err *err)
{
	verdict(report, out);
	findings(report, out);
	hardware(report, out);
	inside(report, out);
	changes(report, out);
	results(report, out);
	timings(report, out);
	if (out->failed)
		return err_set(err, ERR_INTERNAL, "the report is over %zu bytes", out->max);
	return 0;
}
