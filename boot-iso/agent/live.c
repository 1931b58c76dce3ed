/* The live system's run. */
#include "boot-iso/agent/live.h"

#include <string.h>

#include "boot-iso/agent/console.h"
#include "boot-iso/agent/inventory.h"
#include "boot-iso/agent/network.h"
#include "core/base/checked.h"
#include "core/base/cleanup.h"
#include "core/base/units.h"
#include "core/model/version.h"

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
	/* Longer than a line of console_say() may be. */
	for (size_t at = 0; at < text.len; at += 1024)
		console_status(&l->console, "%.1024s", text.data + at), l->console.in_status = false;
	console_say(&l->console, "%s", "");
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

static int work(struct live *l, struct err *err)
{
	if (read_settings(l, err) < 0 || read_hardware(l, err) < 0)
		return -1;
	show_machine(l);
	if (bring_up_network(l, err) < 0)
		return -1;
	if (l->settings.show_inventory)
		return show_inventory(l, err);
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
