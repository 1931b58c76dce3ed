/* Step console: consoles and displays of other hypervisors become those of the new machine; serial consoles stay. */
#include <string.h>

#include "converters/linux/linux.h"
#include "guest/files/lines.h"

/* Xen's consoles; the new machine has a serial port. */
static size_t xen_console(const char *text)
{
	return strncmp(text, "hvc0", 4) == 0 || strncmp(text, "xvc0", 4) == 0 ? 4 : 0;
}

/* console=hvc0 on kernel command lines. */
static void mend_cmdline(struct lines *l, const char *path, void *opaque)
{
	static const char key[] = "console=";

	for (size_t i = 0; i < l->v.n; i++) {
		const char *p = l->v.v[i].text;

		if (p[line_indent(p)] == '#')
			continue;
		for (p = strstr(p, key); p; p = strstr(p, key)) {
			size_t at = (size_t)(p - l->v.v[i].text) + strlen(key);

			p += strlen(key);
			if (xen_console(p)) {
				line_splice(l, i, at, 4, "ttyS0");
				p = l->v.v[i].text + at;
			}
		}
	}
}

/* "co:2345:respawn:/sbin/getty 38400 hvc0" */
static void mend_terminals(struct lines *l, const char *path, void *opaque)
{
	for (size_t i = 0; i < l->v.n; i++) {
		const char *text = l->v.v[i].text;
		struct span word;
		size_t pos = 0;

		if (text[line_indent(text)] == '#')
			continue;
		while (span_next(l->v.v[i].text, &pos, &word))
			if (word.len == 4 && xen_console(l->v.v[i].text + word.at)) {
				line_splice(l, i, word.at, word.len, "ttyS0");
				pos = word.at + strlen("ttyS0");
			}
	}
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

static const struct console_file files[] = {
    {"/boot/grub/grub.cfg", mend_cmdline, "Xen's console doesn't exist; the serial port does"},
    {"/boot/grub/menu.lst", mend_cmdline, "Xen's console doesn't exist; the serial port does"},
    {"/etc/default/grub", mend_cmdline, "Xen's console doesn't exist; the serial port does"},
    {"/etc/default/grub.d/*.cfg", mend_cmdline, "Xen's console doesn't exist; the serial port does"},
    {"/etc/inittab", mend_terminals, "Xen's console doesn't exist; the serial port does"},
    {"/etc/X11/xorg.conf", mend_xorg, "the source's display and mouse don't exist"},
    {"/etc/X11/xorg.conf.d/*.conf", mend_xorg, "the source's display and mouse don't exist"},
};

static int run(const struct step_context *c, struct err *err)
{
	AUTO(arena_done) struct arena a = {0};

	for (size_t k = 0; k < sizeof files / sizeof *files; k++) {
		struct names paths = {0};

		if (c->guest->ops->glob(c->guest, files[k].pattern, &a, &paths, err) < 0)
			return -1;
		VEC_FOR (path, &paths.list)
			if (step_edit_lines(c, *path, files[k].edit, NULL, files[k].reason, err) < 0)
				return -1;
	}
	return 0;
}

const struct step step_console = {
    .id = "console",
    .summary = "console and display of the new machine",
    .applies = step_always,
    .run = run,
};
