/* The live system's run. */
#include "boot-iso/agent/live.h"

#include <fcntl.h>
#include <string.h>
#include <sys/klog.h>

#include "boot-iso/agent/imaging.h"
#include "boot-iso/agent/inventory.h"
#include "boot-iso/agent/network.h"
#include "boot-iso/agent/saving.h"
#include "boot-iso/agent/wizard.h"
#include "core/base/checked.h"
#include "core/base/cleanup.h"
#include "core/base/file.h"
#include "core/base/units.h"
#include "core/model/version.h"

struct live {
	const struct live_options *o;
	bool on_iso; /* the machine is ours: its network, its consoles */
	struct tree tree;
	struct uis uis;
	struct screen screen;
	struct settings settings;
	struct hardware *hardware;
	char *saved;	      /* where images are, in words; NULL: a host has converted the machine */
	bool choose;	      /* the user wants to change what was chosen */
	struct err complaint; /* what is wrong with that, which he is told then */
	bool leave;	      /* or to leave */
};

/* The ISO's configuration first: the kernel's command line has the last word. */
static int read_settings(struct live *l, struct err *err)
{
	AUTO(arena_done) struct arena a = {0};
	const char *baked = tree_text(&l->tree, &a, "rehost/cmdline"), *typed = tree_text(&l->tree, &a, "proc/cmdline");

	if (baked && settings_add(&l->settings, baked, err) < 0)
		return err_wrap(err, "the ISO's configuration");
	if (typed && settings_add(&l->settings, typed, err) < 0)
		return -1;
	return settings_add(&l->settings, l->o->words, err);
}

static bool asks(const struct live *l)
{
	return l->choose || (!l->settings.to && (!l->settings.server || !l->settings.token));
}

/* Full screens are for people: what runs by itself leaves lines, which a serial port's log can hold. */
static void open_uis(struct live *l)
{
	bool full = l->settings.ui == UI_WISH_SCREEN || (l->settings.ui == UI_WISH_AUTO && asks(l));

	if (full && l->on_iso)
		klogctl(8, NULL, 1); /* the kernel's messages, but for a panic, stay off the consoles */
	uis_open(&l->uis, &l->tree, !l->on_iso, full && !l->settings.show_inventory);
	uis_say(&l->uis, "rehost P2V " REHOST_VERSION ": this machine's disks are only read.");
}

/* Whether an error is to be told on the wizard's screens, where it can be mended, instead of ending this attempt. */
static bool take_complaint(struct live *l, struct err *err)
{
	if (!l->choose)
		return false;
	l->complaint = *err;
	err_clear(err);
	return true;
}

/* A disk or card that was chosen may be gone: then all is to be chosen anew. */
static int choose(struct live *l, struct err *err)
{
	struct settings *s = &l->settings;

	if (inventory_choose(l->hardware, s, err) == 0)
		return 0;
	if (!take_complaint(l, err))
		return -1;
	s->disks.n = s->nics.n = 0;
	s->to = NULL;
	inventory_choose(l->hardware, s, NULL); /* no disk at all: one may be plugged in */
	return 0;
}

static int read_hardware(struct live *l, struct err *err)
{
	hardware_free(l->hardware);
	l->hardware = hardware_read(l->o->root, err);
	if (l->hardware && l->on_iso) {
		network_cards_up(l->hardware);
		hardware_free(l->hardware);
		l->hardware = hardware_read(l->o->root, err);
	}
	return l->hardware ? choose(l, err) : -1;
}

static void show_machine(struct live *l)
{
	const struct hardware *h = l->hardware;
	AUTO(arena_done) struct arena a = {0};
	char size[SIZE_WORDS_MAX];

	uis_say(&l->uis, "%s %s, %s, %u processors, %s of memory", h->vendor ? h->vendor : "",
		h->product ? h->product : "", firmware_name(h->firmware), h->threads, size_in_words(h->memory, size));
	VEC_FOR (d, &h->disks)
		uis_say(&l->uis, "  %s%s", wizard_disk_words(&a, d), d->left_out ? ": left out" : "");
	VEC_FOR (n, &h->nics)
		uis_say(&l->uis, "  %s", wizard_nic_words(&a, n));
}

static int bring_up_network(struct live *l, struct err *err)
{
	AUTO(net_plan_done) struct net_plan plan = {0};

	if (!l->on_iso)
		return 0;
	uis_say(&l->uis, "Setting up the network …");
	return network_plan(&l->settings, l->hardware, &plan, err) < 0 ? -1 : network_run(&plan, err);
}

static int show_inventory(struct live *l, struct err *err)
{
	AUTO(js_freep) struct json *j = inventory_json(l->hardware, l->settings.name);
	AUTO(buf_done) struct buf text = BUF_INIT(MIB);
	struct console *c = text_ui_console(l->uis.v[0]);

	if (js_print(j, false, &text) < 0)
		return err_nomem(err);
	console_print(c, buf_str(&text));
	console_print(c, "\n");
	return 0;
}

/* With a host and a token nobody is asked anything. */
static int ask_missing(struct live *l, struct err *err)
{
	struct wizard w = {.uis = &l->uis,
			   .settings = &l->settings,
			   .hardware = l->hardware,
			   .root = l->o->root,
			   .own_network = l->on_iso,
			   .complaint = &l->complaint};
	enum wizard_end end;
	int ret;

	if (!asks(l))
		return 0;
	if (!l->settings.server && !l->settings.to && l->on_iso && network_find_host(NETWORK_HOST))
		l->settings.server = arena_strdup(&l->settings.arena, NETWORK_HOST);
	ret = wizard_run(&w, &end, err);
	l->hardware = w.hardware;
	l->leave = ret == 0 && end == WIZARD_LEAVE;
	l->choose = false;
	err_clear(&l->complaint);
	return ret;
}

static int image(struct live *l, struct err *err)
{
	struct settings *s = &l->settings;

	l->saved = NULL;
	if (s->to)
		return saving_run(s, l->hardware, l->o->root, l->on_iso ? SHOWN_OURS : SHOWN_MADE_UP, &l->uis,
				  &s->arena, &l->saved, err);
	return imaging_run(s, l->hardware, l->o->root, l->on_iso, &l->uis, err);
}

static int work(struct live *l, struct err *err)
{
	if (read_hardware(l, err) < 0)
		return -1;
	show_machine(l);
	if (!l->settings.to && bring_up_network(l, err) < 0 && !take_complaint(l, err))
		return -1;
	if (l->settings.show_inventory)
		return show_inventory(l, err);
	if (ask_missing(l, err) < 0)
		return -1;
	return l->leave ? 0 : image(l, err);
}

/* ---- afterwards ---- */

static enum live_end after(const struct live *l)
{
	switch (l->settings.post) {
	case POST_POWEROFF:
		return LIVE_POWEROFF;
	case POST_REBOOT:
		return LIVE_REBOOT;
	case POST_SHELL:
		return LIVE_SHELL;
	case POST_ASK:
		break;
	}
	return LIVE_AGAIN;
}

/* The button that was pressed; "" when nobody can press any. */
static const char *ask_button(struct live *l, const char *title, const char *text, const char *const *buttons)
{
	int button;

	screen_begin(&l->screen, title, text);
	for (; *buttons; buttons++)
		screen_add_button(&l->screen, *buttons);
	button = uis_ask(&l->uis, &l->screen);
	return button >= 0 ? l->screen.buttons.v[button] : "";
}

/* The shell opens where it was asked for. */
static void note_speaker(const struct live *l)
{
	AUTO_FD int fd = -1;

	if (!l->on_iso || !*l->uis.speaker)
		return;
	fd = open("/run/rehost/console", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd >= 0)
		file_write(fd, l->uis.speaker, strlen(l->uis.speaker), NULL);
}

static enum live_end end_by_name(const char *button)
{
	return !strcmp(button, "Power off") ? LIVE_POWEROFF
	       : !strcmp(button, "Reboot")  ? LIVE_REBOOT
	       : !strcmp(button, "Shell")   ? LIVE_SHELL
					    : LIVE_AGAIN;
}

static enum live_end ask_end(struct live *l)
{
	static const char *const buttons[] = {"Power off", "Reboot", "Shell", NULL};
	AUTO(arena_done) struct arena a = {0};

	if (l->settings.show_inventory)
		return end_by_name(ask_button(l, "That is this machine.", "", buttons));
	if (l->saved)
		return end_by_name(ask_button(
		    l, "Written",
		    arena_printf(&a,
				 "The images are in %s.\n\nTake them to the conversion host: 'rehost convert' "
				 "of that folder makes the guest. Switch this machine off before the guest "
				 "starts: both have the same name and addresses.",
				 l->saved),
		    buttons));
	return end_by_name(
	    ask_button(l, "Converted",
		       "This machine is converted: its guest is on the host.\n\n"
		       "Switch this machine off before the guest starts: both have the same name and addresses. "
		       "Nothing on its disks has changed; when it boots from them again, what it writes is not in "
		       "the guest.",
		       buttons));
}

/* True: it is tried again. */
static bool ask_retry(struct live *l, const struct err *err, enum live_end *ret)
{
	static const char *const buttons[] = {"Retry", "Change", "Power off", "Reboot", "Shell", NULL};
	AUTO(arena_done) struct arena a = {0};
	const char *button;

	uis_say(&l->uis, "ERROR: %s", err->text);
	button = ask_button(
	    l, err->code == ERR_INTERRUPTED ? "Cancelled" : "It didn't work",
	    arena_printf(&a,
			 "%s\n\nWhat was copied is kept: Retry goes on there. Change asks for host, disks and "
			 "name again.",
			 err->text),
	    buttons);
	l->choose = !strcmp(button, "Change");
	*ret = end_by_name(button);
	return l->choose || !strcmp(button, "Retry");
}

/* With words that aren't understood nothing begins by itself: those behind them, which may say what is not to be
 * imaged, are not known. */
static bool ask_change(struct live *l, const struct err *err, enum live_end *ret)
{
	static const char *const buttons[] = {"Change", "Power off", "Reboot", "Shell", NULL};
	AUTO(arena_done) struct arena a = {0};
	const char *button;

	uis_say(&l->uis, "ERROR: %s", err->text);
	button = ask_button(
	    l, "The settings are wrong",
	    arena_printf(&a, "%s\n\nChange asks for host, disks and name: what was understood is offered.", err->text),
	    buttons);
	l->choose = !strcmp(button, "Change");
	*ret = end_by_name(button);
	return l->choose;
}

static enum live_end converted(struct live *l)
{
	if (l->leave)
		return LIVE_SHELL;
	if (l->saved)
		uis_say(&l->uis, "Written: %s.", l->saved);
	else if (!l->settings.show_inventory)
		uis_say(&l->uis, "This machine is converted.");
	return l->settings.post == POST_ASK ? ask_end(l) : after(l);
}

static void live_done(struct live *l)
{
	hardware_free(l->hardware);
	settings_done(&l->settings);
	uis_close(&l->uis);
	screen_done(&l->screen);
	tree_close(&l->tree);
}

enum live_end live_run(const struct live_options *o)
{
	AUTO(live_done) struct live l = {.o = o, .on_iso = !strcmp(o->root, "/"), .tree.fd = -1};
	struct err err = ERR_INIT;
	enum live_end ret = LIVE_AGAIN;
	bool go_on;

	if (tree_open(&l.tree, o->root, &err) < 0)
		return LIVE_SHELL;
	go_on = read_settings(&l, &err) == 0;
	open_uis(&l);
	if (!go_on)
		go_on = ask_change(&l, &err, &ret);
	while (go_on) {
		err_clear(&err);
		if (work(&l, &err) == 0) {
			ret = converted(&l);
			break;
		}
		go_on = ask_retry(&l, &err, &ret);
	}
	note_speaker(&l);
	return ret;
}
