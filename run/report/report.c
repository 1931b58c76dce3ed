/* The report for people, rendered from the report object alone. */
#include "run/report/report.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/base/arena.h"
#include "core/base/checked.h"
#include "core/base/utf8.h"
#include "run/report/hardware.h"

/* One rendering. Words from guests and sources are cleaned on their way into a line: no control character of theirs
 * reaches a terminal, and none can begin a line of its own. */
struct page {
	const struct json *report;
	struct buf *out;
	struct arena arena; /* cleaned words */
};

static void put(struct page *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void put(struct page *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(p->out, fmt, ap);
	va_end(ap);
}

/* A copy of len bytes without control characters. */
static const char *clean(struct page *p, const char *s, size_t len)
{
	char *ret = arena_strndup(&p->arena, s, len);

	utf8_defuse(ret, true);
	return ret;
}

static const char *word_or(struct page *p, const struct json *j, const char *key, const char *missing)
{
	const char *s = js_get_str(j, key, NULL);

	return s ? clean(p, s, strlen(s)) : missing;
}

static const char *word(struct page *p, const struct json *j, const char *key)
{
	return word_or(p, j, key, "-");
}

static double mib(const struct json *j, const char *key)
{
	return (double)js_get_u64(j, key, 0) / (double)MIB;
}

/* One line, with the tabs that configuration files are written with. */
static const char *clean_line(struct page *p, const char *s, size_t len)
{
	char *ret = arena_strndup(&p->arena, s, len);

	utf8_defuse(ret, false);
	return ret;
}

/* Several lines of text, each behind an indent. */
static void indented(struct page *p, const char *text)
{
	while (*text) {
		size_t n = strcspn(text, "\n");

		put(p, "       %s\n", clean_line(p, text, n));
		text += n + (text[n] == '\n');
	}
}

static void verdict(struct page *p)
{
	const struct json *inspection = js_get(p->report, "inspection"), *os = js_get(inspection, "os");
	const char *name = word(p, js_get(p->report, "machine"), "name");

	if (!inspection) {
		put(p, "NOT INSPECTED\n\n%s: taken as it is, nothing inside was looked at\n\n", name);
		return;
	}
	put(p, "%s\n\n%s: %s, %s\n", word(p, inspection, "verdict"), name, word(p, os, "product"), word(p, os, "arch"));
	if (js_get_str(os, "hostname", NULL))
		put(p, "host name %s%s%s\n", word(p, os, "hostname"), js_get_str(os, "init", NULL) ? ", init " : "",
		    word_or(p, os, "init", ""));
	put(p, "\n");
}

static void findings(struct page *p)
{
	const struct json *list = js_get(js_get(p->report, "inspection"), "findings");

	if (!js_count(list))
		return;
	put(p, "Findings\n");
	for (size_t i = 0; i < js_count(list); i++) {
		const struct json *f = js_at(list, i);

		put(p, "  %zu. %s [%s] %s\n", i + 1, word(p, f, "id"), word(p, f, "severity"), word(p, f, "text"));
		if (js_get_str(f, "evidence", NULL))
			put(p, "     seen: %s\n", word(p, f, "evidence"));
		if (js_get_str(f, "fix", NULL))
			put(p, "     fix:  %s\n", word(p, f, "fix"));
	}
	put(p, "\n");
}

static void hardware(struct page *p)
{
	struct hardware h = {0};

	hardware_compare(p->report, &p->arena, &h);
	put(p, "Hardware\n");
	VEC_FOR (r, &h.rows) {
		const char *what = clean(p, r->what, strlen(r->what)), *before = clean(p, r->before, strlen(r->before));

		if (*r->after)
			put(p, "  %-12s %-44s %s\n", what, before, clean(p, r->after, strlen(r->after)));
		else
			put(p, "  %-12s %s\n", what, before);
	}
	if (js_get_bool(js_get(p->report, "caps"), "safe_mode", false))
		put(p, "  virtio was not proven for this guest: SATA and e1000e are used\n");
	put(p, "\n");
}

static void notes(struct page *p)
{
	const struct json *list = js_get(js_get(p->report, "machine"), "notes");

	if (!js_count(list))
		return;
	put(p, "About the source\n");
	for (size_t i = 0; i < js_count(list); i++) {
		const char *note = js_str(js_at(list, i), "");

		put(p, "  %s\n", clean(p, note, strlen(note)));
	}
	put(p, "\n");
}

/* --- inside the guest --- */

static void connection(struct page *p, const struct json *n)
{
	const struct json *addresses = js_get(n, "addresses");
	const char *what = js_get_bool(n, "dhcp", false) ? "DHCP" : "no address";

	if (js_count(addresses))
		what = arena_printf(&p->arena, "%s/%" PRIu64 "%s", word(p, js_at(addresses, 0), "address"),
				    js_get_u64(js_at(addresses, 0), "prefix", 0), js_count(addresses) > 1 ? " …" : "");
	if (js_get(n, "nic"))
		put(p, "  connection '%s' %s, network %" PRIu64 " (%s)\n", word(p, n, "name"), what,
		    js_get_u64(n, "nic", 0) + 1, word(p, n, "reason"));
	else
		put(p, "  connection '%s' %s, of a card that is gone\n", word(p, n, "name"), what);
}

static void inside_windows(struct page *p, const struct json *w)
{
	const struct json *nics = js_get(w, "nics");

	if (!w)
		return;
	put(p, "  Windows %" PRIu64 ".%" PRIu64 ".%" PRIu64 ".%" PRIu64 ", %s %s, registry %s, %.0f MiB free\n",
	    js_get_u64(w, "major", 0), js_get_u64(w, "minor", 0), js_get_u64(w, "build", 0), js_get_u64(w, "update", 0),
	    word_or(p, w, "edition", ""), word_or(p, w, "installation", ""), word(p, w, "hives"), mib(w, "space_free"));
	if (js_get_str(w, "domain", NULL))
		put(p, "  domain %s\n", word(p, w, "domain"));
	for (size_t n = 0; n < js_count(nics); n++)
		connection(p, js_at(nics, n));
}

static void inside(struct page *p)
{
	const struct json *i = js_get(p->report, "inspection"), *fs = js_get(i, "filesystems"),
			  *kernels = js_get(i, "kernels"), *nets = js_get(i, "networks"), *agents = js_get(i, "agents");

	if (!i)
		return;
	put(p, "Inside\n");
	for (size_t n = 0; n < js_count(fs); n++)
		put(p, "  %-12s %-8s %8.0f MiB  %s\n", word(p, js_at(fs, n), "device"), word(p, js_at(fs, n), "type"),
		    mib(js_at(fs, n), "size"), word_or(p, js_at(fs, n), "mountpoint", ""));
	inside_windows(p, js_get(i, "windows"));
	for (size_t n = 0; n < js_count(kernels); n++)
		put(p, "  kernel %s, initramfs %s (%s, %s)\n", word(p, js_at(kernels, n), "version"),
		    word(p, js_at(kernels, n), "initrd"), word(p, js_at(kernels, n), "initrd_generator"),
		    word(p, js_at(kernels, n), "initrd_compression"));
	for (size_t n = 0; n < js_count(nets); n++)
		put(p, "  network %s %s (%s, %s)\n", word(p, js_at(nets, n), "interface"),
		    word_or(p, js_at(nets, n), "address", ""), word(p, js_at(nets, n), "system"),
		    word(p, js_at(nets, n), "file"));
	for (size_t n = 0; n < js_count(agents); n++)
		put(p, "  tool %s (%s)\n", word(p, js_at(agents, n), "id"), word(p, js_at(agents, n), "evidence"));
	put(p, "\n");
}

static void changes(struct page *p)
{
	const struct json *list = js_get(p->report, "changes");

	if (!js_count(list))
		return;
	put(p, "Changes\n");
	for (size_t i = 0; i < js_count(list); i++) {
		const struct json *c = js_at(list, i);
		const char *step = js_get_str(c, "step", "");

		put(p, "  %zu. %s %s", i + 1, word(p, c, "kind"), word(p, c, "path"));
		if (*step)
			put(p, " (%s)", word(p, c, "step"));
		put(p, "\n     why: %s\n", word(p, c, "reason"));
		indented(p, js_get_str(c, "words", ""));
		indented(p, js_get_str(c, "diff", ""));
	}
	put(p, "\n");
}

/* --- the result --- */

static void lost_files(struct page *p, const struct json *copy)
{
	const struct json *files = js_get(copy, "lost_files"), *notes = js_get(copy, "lost_files_notes");

	for (size_t i = 0; i < js_count(files); i++) {
		const struct json *f = js_at(files, i);
		const char *mounted = js_get_str(f, "mountpoint", NULL);

		put(p, "  ZEROS IN: %s%s (%s), %" PRIu64 " bytes, first at 0x%" PRIx64 "\n",
		    mounted && strcmp(mounted, "/") != 0 ? word(p, f, "mountpoint") : "", word(p, f, "path"),
		    word(p, f, "device"), js_get_u64(f, "bytes", 0), js_get_u64(f, "offset", 0));
	}
	for (size_t i = 0; i < js_count(notes); i++) {
		const char *text = js_str(js_at(notes, i), "");

		put(p, "  not all files may be listed: %s\n", clean(p, text, strlen(text)));
	}
}

static void copied(struct page *p, const struct json *copy)
{
	const struct json *errors = js_get(copy, "read_errors");

	put(p, "  copied %.1f MiB, read %.1f MiB from the source, wrote %.1f MiB, reused %.1f MiB\n",
	    mib(copy, "bytes_read"), mib(copy, "source_read"), mib(copy, "bytes_written"), mib(copy, "reused"));
	if (js_get(copy, "compared"))
		put(p, "  the machine's ledger confirms %.1f MiB of it\n", mib(copy, "compared"));
	for (size_t i = 0; i < js_count(errors); i++)
		put(p, "  UNREADABLE: disk %" PRIu64 " at 0x%" PRIx64 ", %" PRIu64 " bytes, written as zeros\n",
		    js_get_u64(js_at(errors, i), "disk", 0), js_get_u64(js_at(errors, i), "offset", 0),
		    js_get_u64(js_at(errors, i), "length", 0));
	if (js_get_u64(copy, "read_errors_left_out", 0))
		put(p, "  and %" PRIu64 " ranges more\n", js_get_u64(copy, "read_errors_left_out", 0));
	lost_files(p, copy);
}

static void result(struct page *p)
{
	const struct json *disks = js_get(p->report, "disks"), *copy = js_get(p->report, "copy");

	if (!js_count(disks) && !copy)
		return;
	put(p, "Result\n");
	if (js_get_str(p->report, "folder", NULL))
		put(p, "  folder %s\n", word(p, p->report, "folder"));
	if (js_get_str(p->report, "xml", NULL))
		put(p, "  libvirt: virsh define '%s'\n", word(p, p->report, "xml"));
	for (size_t i = 0; i < js_count(disks); i++)
		put(p, "  %s  %s, %.0f MiB\n", word(p, js_at(disks, i), "file"), word(p, js_at(disks, i), "format"),
		    mib(js_at(disks, i), "size"));
	if (copy)
		copied(p, copy);
	put(p, "\n");
}

/* What vouches for the source: the manifest's digests, and the identity by which a rerun knows each disk again. */
static void evidence(struct page *p)
{
	const struct json *disks = js_get(p->report, "source_disks");
	uint64_t digests = js_get_u64(p->report, "manifest_digests", 0);

	if (!js_count(disks))
		return;
	put(p, "Source\n  %s\n", word(p, js_get(p->report, "machine"), "source"));
	if (digests)
		put(p, "  manifest: %" PRIu64 " files have the digests it states\n", digests);
	else
		put(p, "  manifest: none was checked\n");
	for (size_t i = 0; i < js_count(disks); i++)
		put(p, "  %s: %s\n", word(p, js_at(disks, i), "id"), word(p, js_at(disks, i), "identity"));
	put(p, "\n");
}

static void proof(struct page *p)
{
	const struct json *j = js_get(p->report, "proof"), *shots = js_get(j, "screenshots");

	if (!j)
		return;
	put(p, "Boot proof\n  %s reached after %.0f s (%s)\n", word(p, j, "level"), js_get_real(j, "seconds", 0),
	    word_or(p, j, "evidence", "no evidence"));
	if (js_get_str(j, "failure", NULL))
		put(p, "  NOT PROVEN: %s was asked for: %s\n", word(p, j, "wanted"), word(p, j, "failure"));
	for (size_t i = 0; i < js_count(shots); i++) {
		const char *name = js_str(js_at(shots, i), "");

		put(p, "  screenshot %s\n", clean(p, name, strlen(name)));
	}
	put(p, "\n");
}

static void timings(struct page *p)
{
	const struct json *list = js_get(p->report, "timings"), *accel = js_get(p->report, "accelerator");
	double sum = 0;

	put(p, "Time\n");
	for (size_t i = 0; i < js_count(list); i++) {
		double seconds = js_get_real(js_at(list, i), "seconds", 0);

		put(p, "  %-12s %7.1f s\n", word(p, js_at(list, i), "phase"), seconds);
		sum += seconds;
	}
	put(p, "  %-12s %7.1f s\n", "all", sum);
	if (accel)
		put(p, "  accelerator: %s\n", word(p, accel, "reason"));
}

int report_text(const struct json *report, struct buf *out, struct err *err)
{
	struct page p = {.report = report, .out = out};

	verdict(&p);
	findings(&p);
	hardware(&p);
	notes(&p);
	inside(&p);
	changes(&p);
	result(&p);
	evidence(&p);
	proof(&p);
	timings(&p);
	arena_done(&p.arena);
	return out->failed ? err_set(err, ERR_INTERNAL, "the report is over %zu bytes", out->max) : 0;
}
