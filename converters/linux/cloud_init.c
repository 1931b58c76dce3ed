/* Step cloud-init: cloud-init must not replace the network configuration when it misses the source's data. */
#include <string.h>

#include "converters/linux/linux.h"
#include "guest/files/lines.h"

#define FOLDER "/etc/cloud/cloud.cfg.d"

/* The text behind "KEY:" at column at, without a comment, in the arena; NULL when another key stands there. */
static char *value_of(struct arena *a, const char *text, size_t at, const char *key)
{
	size_t n = strlen(key);
	const char *comment;

	if (strncmp(text + at, key, n) != 0 || text[at + n] != ':')
		return NULL;
	text += at + n + 1;
	comment = strstr(text, " #");
	return arena_strndup(a, text, comment ? (size_t)(comment - text) : strlen(text));
}

/* "network: {config: disabled}", or "config: disabled" below "network:". */
static bool switches_off(struct arena *a, const char *text)
{
	bool inside = false;
	struct lines l;

	lines_split(&l, a, text);
	VEC_FOR (line, &l.v) {
		size_t at = line_indent(line->text);
		const char *value;

		if (!line->text[at] || line->text[at] == '#')
			continue;
		value = value_of(a, line->text, at, at ? "config" : "network");
		inside = at ? inside : value != NULL;
		if (inside && value && strstr(value, "disabled"))
			return true;
	}
	return false;
}

/* True when some file already keeps cloud-init from writing network configuration. */
static int already_off(const struct step_context *c, bool *ret, struct err *err)
{
	AUTO(arena_done) struct arena a = {0};
	struct names files = {0};

	*ret = guest_exists(c->guest, "/etc/cloud/cloud-init.disabled");
	if (c->guest->ops->glob(c->guest, FOLDER "/*.cfg", &a, &files, err) < 0)
		return -1;
	VEC_FOR (file, &files.list) {
		char *text;

		if (guest_regular_text(c->guest, *file, &a, &text, err) < 0)
			return -1;
		*ret |= text && switches_off(&a, text);
	}
	return 0;
}

static int run(const struct step_context *c, struct err *err)
{
	bool off;

	if (already_off(c, &off, err) < 0)
		return -1;
	if (off)
		return 0;
	return guest_edit(
	    c->guest, c->log, FOLDER "/99-rehost-network.cfg",
	    "# Written by rehost: the addresses that this machine had stay.\nnetwork: {config: disabled}\n",
	    "cloud-init doesn't find the source's data any more and would write a DHCP configuration instead", err);
}

static bool applies(const struct step_context *c)
{
	return guest_is_dir(c->guest, FOLDER) && guest_exists(c->guest, "/usr/bin/cloud-init");
}

const struct step step_cloud_init = {
    .id = "cloud-init",
    .summary = "cloud-init leaves the network alone",
    .applies = applies,
    .run = run,
};
