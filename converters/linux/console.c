/* Step console: consoles and displays of other hypervisors become those of the new machine; serial consoles stay. */
#include <stdint.h>
#include <string.h>

#include "converters/linux/linux.h"
#include "guest/files/devicefiles.h"
#include "guest/files/grubenv.h"

/* The serial port of the new machine, by the name that the kernel has for it. */
static const char *serial_port(const struct inspection *i)
{
	return board_for_arch(inspection_arch(i)) == BOARD_VIRT ? "ttyAMA0" : "ttyS0";
}

/* Xen's consoles; the new machine has a serial port. */
static size_t xen_console(const char *text)
{
	return strncmp(text, "hvc0", 4) == 0 || strncmp(text, "xvc0", 4) == 0 ? 4 : 0;
}

/* "# kopt=" is where Debian's GRUB legacy takes the next command lines from. */
static bool is_comment(const char *text)
{
	return text[line_indent(text)] == '#' && !strstr(text, "kopt");
}

/* console=hvc0 on kernel command lines. */
static void mend_cmdline(struct lines *l, const char *path, void *opaque)
{
	static const char key[] = "console=";
	const char *serial = opaque;

	for (size_t i = 0; i < l->v.n; i++) {
		const char *text = l->v.v[i].text;
		struct splices edits = {0};

		if (is_comment(text))
			continue;
		for (const char *p = strstr(text, key); p; p = strstr(p, key)) {
			p += strlen(key);
			if (xen_console(p))
				splices_add(l, &edits, (struct span){(size_t)(p - text), xen_console(p)}, serial);
		}
		line_splice_all(l, i, &edits);
	}
}

/* "co:2345:respawn:/sbin/getty 38400 hvc0" */
static void mend_terminals(struct lines *l, const char *path, void *opaque)
{
	const char *serial = opaque;

	for (size_t i = 0; i < l->v.n; i++) {
		const char *text = l->v.v[i].text;
		struct splices edits = {0};
		struct span word;
		size_t pos = 0;

		if (text[line_indent(text)] == '#')
			continue;
		while (span_next(text, &pos, &word))
			if (word.len == 4 && xen_console(text + word.at))
				splices_add(l, &edits, word, serial);
		line_splice_all(l, i, &edits);
	}
}

/* securetty(5): where root may log in. */
static void mend_securetty(struct lines *l, const char *path, void *opaque)
{
	const char *serial = opaque;
	bool xen = false, there = false;

	VEC_FOR (line, &l->v) {
		xen |= xen_console(line->text) == strlen(line->text) && *line->text;
		there |= strcmp(line->text, serial) == 0;
	}
	if (xen && !there)
		lines_insert(l, l->v.n, serial);
}

/* The value in quotes behind a keyword of xorg.conf; false when the line has another. */
static bool quoted_value(const char *text, const char *keyword, struct span *ret)
{
	struct span word;
	size_t pos = 0;

	if (!span_next(text, &pos, &word) || word.len != strlen(keyword) ||
	    strncasecmp(text + word.at, keyword, word.len) != 0)
		return false;
	pos += line_indent(text + pos);
	if (text[pos] != '"')
		return false;
	*ret = (struct span){pos + 1, strcspn(text + pos + 1, "\"")};
	return true;
}

/* xorg.conf: the driver that Xorg has for every kernel display. */
static void mend_xorg(struct lines *l, const char *path, void *opaque)
{
	for (size_t i = 0; i < l->v.n; i++) {
		struct span driver;

		if (!quoted_value(l->v.v[i].text, "Driver", &driver))
			continue;
		if (span_is(l->v.v[i].text, driver, "vmware") || span_is(l->v.v[i].text, driver, "vboxvideo"))
			line_splice(l, i, driver.at, driver.len, "modesetting");
		else if (span_is(l->v.v[i].text, driver, "vmmouse") || span_is(l->v.v[i].text, driver, "vboxmouse"))
			line_splice(l, i, driver.at, driver.len, "mouse");
	}
}

struct console_file {
	const char *pattern;
	void (*edit)(struct lines *l, const char *path, void *opaque);
	const char *reason;
};

#define XEN_REASON "Xen's console doesn't exist; the serial port does"

static const struct console_file files[] = {
    {"/etc/inittab", mend_terminals, XEN_REASON},
    {"/etc/init/hvc0.conf", mend_terminals, XEN_REASON},
    {"/etc/init/xvc0.conf", mend_terminals, XEN_REASON},
    {"/etc/securetty", mend_securetty, XEN_REASON},
    {"/etc/X11/xorg.conf", mend_xorg, "the source's display and mouse don't exist"},
    {"/etc/X11/xorg.conf.d/*.conf", mend_xorg, "the source's display and mouse don't exist"},
};

/* Every file with a kernel command line. */
static int mend_boot_file(const struct device_file *f, const char *path, struct lines *l, void *opaque, struct err *err)
{
	const struct step_context *c = opaque;
	size_t size = strlen(lines_join(l));

	mend_cmdline(l, path, (void *)(uintptr_t)serial_port(c->inspection));
	if (!l->changed)
		return 0;
	if (f->walk == grubenv_devices)
		grubenv_fill(l, size);
	return guest_edit(c->guest, c->log, path, lines_join(l), XEN_REASON, err);
}

/* "serial-getty@hvc0.service" in getty.target.wants: systemd would wait for that device. */
static int move_gettys(const struct step_context *c, struct arena *a, struct err *err)
{
	static const char folder[] = "/etc/systemd/system/getty.target.wants";
	struct names links = {0};

	if (c->guest->ops->glob(c->guest, arena_printf(a, "%s/*getty@?vc0.service", folder), a, &links, err) < 0)
		return -1;
	VEC_FOR (link, &links.list) {
		if (guest_link(c->guest, c->log, "/usr/lib/systemd/system/serial-getty@.service",
			       arena_printf(a, "%s/serial-getty@%s.service", folder, serial_port(c->inspection)),
			       XEN_REASON, err) < 0 ||
		    guest_drop(c->guest, c->log, *link, XEN_REASON, err) < 0)
			return -1;
	}
	return 0;
}

static int run(const struct step_context *c, struct err *err)
{
	AUTO(arena_done) struct arena a = {0};

	if (device_files_each(c->guest, DEVICE_FILES_BOOT, &a, mend_boot_file, (void *)c, err) < 0)
		return -1;
	for (size_t k = 0; k < sizeof files / sizeof *files; k++) {
		struct names paths = {0};

		if (c->guest->ops->glob(c->guest, files[k].pattern, &a, &paths, err) < 0)
			return -1;
		VEC_FOR (path, &paths.list)
			if (step_edit_lines(c, *path, files[k].edit, (void *)(uintptr_t)serial_port(c->inspection),
					    files[k].reason, err) < 0)
				return -1;
	}
	return move_gettys(c, &a, err);
}

const struct step step_console = {
    .id = "console",
    .summary = "console and display of the new machine",
    .applies = step_always,
    .run = run,
};
