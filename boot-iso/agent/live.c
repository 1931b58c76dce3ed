/* The live system's run. */
#include "boot-iso/agent/live.h"

#include <string.h>

#include "boot-iso/agent/console.h"
#include "boot-iso/agent/imaging.h"
#include "boot-iso/agent/inventory.h"
#include "boot-iso/agent/network.h"
#include "core/base/checked.h"
#include "core/base/cleanup.h"
#include "core/base/units.h"
#include "core/model/version.h"
#include "net/dial.h"

struct live {
	struct tree tree;
	struct console console;
	struct settings settings;
	struct hardware *hardware;
};

/* The ISO's configuration first: the kernel's command line has the last word. */
static int read_settings(struct live *l, struct err *err)
{
	AUTO(arena_done) struct arena a = {0};
	const char *baked = tree_text(&l->tree, &a, "rehost/cmdline"), *typed = tree_text(&l->tree, &a, "proc/cmdline");

	if (baked && settings_add(&l->settings, baked, err) < 0)
		return err_wrap(err, "the ISO's configuration");
	return typed ? settings_add(&l->settings, typed, err) : 0;
}

static int read_hardware(struct live *l, struct err *err)
{
	l->hardware = hardware_read("/", err);
	if (!l->hardware)
		return -1;
	network_cards_up(l->hardware);
	hardware_free(l->hardware);
	l->hardware = hardware_read("/", err);
	return l->hardware ? inventory_choose(l->hardware, &l->settings, err) : -1;
}

static void show_machine(struct live *l)
{
	const struct hardware *h = l->hardware;
	char size[SIZE_WORDS_MAX];

	console_say(&l->console, "%s %s, %s, %u processors, %s of memory", h->vendor ? h->vendor : "",
		    h->product ? h->product : "", firmware_name(h->firmware), h->threads,
		    size_in_words(h->memory, size));
	VEC_FOR (d, &h->disks)
		console_say(&l->console, "  %-8s %10s  %s %s%s%s%s%s", d->name, size_in_words(d->size, size),
			    d->model ? d->model : "", d->serial ? d->serial : "", d->member_of ? ", part of " : "",
			    d->member_of ? d->member_of : "", d->left_out ? ": left out, " : "",
			    d->left_out ? d->left_out : "");
	VEC_FOR (n, &h->nics)
		console_say(&l->console, "  %-8s %s %s, %s", n->name, n->mac ? n->mac : "", n->driver ? n->driver : "",
			    n->link ? "has a link" : "no link");
}

static int bring_up_network(struct live *l, struct err *err)
{
	AUTO(net_plan_done) struct net_plan plan = {0};

	console_say(&l->console, "Setting up the network …");
	return network_plan(&l->settings, l->hardware, &plan, err) < 0 ? -1 : network_run(&plan, err);
}

static int show_inventory(struct live *l, struct err *err)
{
	AUTO(js_freep) struct json *j = inventory_json(l->hardware, l->settings.name);
	AUTO(buf_done) struct buf text = BUF_INIT(MIB);

	if (js_print(j, false, &text) < 0)
		return err_nomem(err);
	console_print(&l->console, buf_str(&text));
	console_print(&l->console, "\n");
	return 0;
}

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

static enum live_end ask_end(struct live *l)
{
	char answer[ANSWER_MAX];

	while (console_ask(&l->console, "poweroff, reboot, shell or again?", "again", answer) == 0) {
		if (!strcmp(answer, "poweroff"))
			return LIVE_POWEROFF;
		if (!strcmp(answer, "reboot"))
			return LIVE_REBOOT;
		if (!strcmp(answer, "shell"))
			return LIVE_SHELL;
		if (!strcmp(answer, "again"))
			return LIVE_AGAIN;
	}
	return LIVE_AGAIN;
}

/* Asks until check takes the answer; *to keeps what there is when it isn't NULL. -1: nobody can answer. */
static int ask_for(struct live *l, char **to, const char *question, bool (*check)(const char *answer),
		   const char *complaint)
{
	char answer[ANSWER_MAX];

	while (!*to) {
		if (console_ask(&l->console, question, "", answer) < 0)
			return -1;
		if (check(answer))
			*to = arena_strdup(&l->settings.arena, answer);
		else
			console_say(&l->console, "%s", complaint);
	}
	return 0;
}

static bool not_empty(const char *answer)
{
	return *answer;
}

/* "sda,sdb" as rehost.disks would have it; the names of the disks that are taken when it is left empty. */
static int ask_disks(struct live *l, struct err *err)
{
	AUTO(buf_done) struct buf names = BUF_INIT(4096);
	char answer[ANSWER_MAX];

	VEC_FOR (d, &l->hardware->disks)
		if (!d->left_out)
			buf_addf(&names, "%s%s", names.len ? "," : "", d->name);
	for (;;) {
		if (console_ask(&l->console, "Disks to image", buf_str(&names), answer) < 0)
			return -1;
		if (!strcmp(answer, buf_str(&names)))
			return 0;
		if (settings_add(&l->settings, arena_printf(&l->settings.arena, "\"rehost.disks=%s\"", answer), err) ==
			0 &&
		    inventory_choose(l->hardware, &l->settings, err) == 0)
			return 0;
		console_say(&l->console, "%s", err->text);
		err_clear(err);
	}
}

static int ask_name(struct live *l)
{
	char answer[ANSWER_MAX];

	if (l->settings.name)
		return 0;
	if (console_ask(&l->console, "Name of the guest (empty: product and serial number)", "", answer) < 0)
		return -1;
	if (*answer)
		l->settings.name = arena_strdup(&l->settings.arena, answer);
	return 0;
}

/* With a host and a token nobody is asked anything. */
static int ask_missing(struct live *l, struct err *err)
{
	struct settings *s = &l->settings;

	if (s->server && s->token)
		return 0;
	if (ask_for(l, &s->server, "Conversion host", not_empty, "It needs a name or an address.") < 0 ||
	    ask_for(l, &s->token, "Token (nine words)", dial_token_valid,
		    "That is no token: a word is missing or wrong.") < 0 ||
	    ask_disks(l, err) < 0 || ask_name(l) < 0)
		return err_set(err, ERR_HOST, "nobody is there to answer");
	return 0;
}

static int work(struct live *l, struct err *err)
{
	if (read_settings(l, err) < 0 || read_hardware(l, err) < 0)
		return -1;
	show_machine(l);
	if (bring_up_network(l, err) < 0)
		return -1;
	if (l->settings.show_inventory)
		return show_inventory(l, err);
	if (ask_missing(l, err) < 0 || imaging_run(&l->settings, l->hardware, &l->console, err) < 0)
		return -1;
	console_say(&l->console, "This machine is converted.");
	return 0;
}

static void live_done(struct live *l)
{
	hardware_free(l->hardware);
	settings_done(&l->settings);
	console_close(&l->console);
	tree_close(&l->tree);
}

enum live_end live_run(void)
{
	AUTO(live_done) struct live l = {.tree.fd = -1};
	struct err err = ERR_INIT;

	if (tree_open(&l.tree, "/", &err) < 0)
		return LIVE_SHELL;
	console_open(&l.console, &l.tree);
	console_say(&l.console, "\nrehost P2V " REHOST_VERSION ": this machine's disks are only read.");
	if (work(&l, &err) < 0) {
		console_say(&l.console, "ERROR: %s", err.text);
		return ask_end(&l);
	}
	return l.settings.post == POST_ASK ? ask_end(&l) : after(&l);
}
