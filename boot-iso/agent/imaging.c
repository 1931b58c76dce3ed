/* The machine's disks shown to the conversion host. */
#include "boot-iso/agent/imaging.h"

#include <stdio.h>
#include <string.h>

#include "boot-iso/agent/inventory.h"
#include "boot-iso/agent/shown.h"
#include "core/base/cleanup.h"
#include "core/base/units.h"
#include "net/dial.h"

struct imaging {
	struct shown shown;
	enum dial_state said;
	char text[256]; /* the host's last sentence */
};

static void make_screen(struct imaging *im, const struct dial_progress *p)
{
	char text[512], words[160], sent[SIZE_WORDS_MAX];
	struct screen *s = &im->shown.screen;

	snprintf(text, sizeof text, "The host is %s%s%s.\nA lost connection is dialled again until the host is back.",
		 dial_state_name(p->state), *p->text ? ": " : "", p->text);
	snprintf(words, sizeof words, "%s, %s sent", dial_state_name(p->state), size_in_words(p->read, sent));
	screen_begin(s, "Imaging this machine", text);
	shown_add_bars(&im->shown, p->done, p->total, words);
	screen_add_button(s, "Cancel");
}

/* What the log of a console should have; the screen shows it anyway. */
static void say_state(struct imaging *im, const struct dial_progress *p)
{
	if (p->state == im->said && !strncmp(p->text, im->text, sizeof im->text - 1))
		return;
	uis_say(im->shown.uis, "%s%s%s", dial_state_name(p->state), *p->text ? ": " : "", p->text);
	im->said = p->state;
	snprintf(im->text, sizeof im->text, "%s", p->text);
}

static void progress(const struct dial_progress *p, void *opaque)
{
	struct imaging *im = opaque;

	shown_measure(&im->shown, p->done, p->total, p->read);
	say_state(im, p);
	if (!im->shown.asking)
		make_screen(im, p);
	shown_hear(&im->shown);
}

static void imaging_done(struct imaging *im)
{
	shown_done(&im->shown);
}

int imaging_run(const struct settings *s, const struct hardware *h, const char *root, bool live, struct uis *u,
		struct err *err)
{
	AUTO(imaging_done)
	struct imaging im = {
	    .shown = {.uis = u,
		      .warning =
			  "The conversion on the host ends. What is copied is kept: it goes on when this machine "
			  "dials again."}};
	AUTO(js_freep) struct json *inventory = inventory_json(h, s->name);
	struct block *blocks[DIAL_DISKS_MAX];
	struct dial_options o = {.server = s->server,
				 .token = s->token,
				 .inventory = inventory,
				 .disks = blocks,
				 .progress = progress,
				 .opaque = &im,
				 .cancel = &im.shown.cancel};
	int ret;

	if (shown_open(&im.shown, h, root, live ? SHOWN_OURS : SHOWN_MADE_UP, err) < 0)
		return -1;
	for (size_t i = 0; i < im.shown.ndisks; i++)
		blocks[i] = im.shown.disks[i].block;
	o.ndisks = im.shown.ndisks;
	uis_say(u, "Dialling %s.", s->server);
	ret = dial_run(&o, err);
	uis_show(u, NULL);
	return ret;
}
