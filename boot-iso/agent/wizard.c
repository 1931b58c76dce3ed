/* What a person chooses before the machine is imaged: one screen after the other, back and forth. */
#include "boot-iso/agent/wizard.h"

#include <inttypes.h>
#include <string.h>

#include "boot-iso/agent/inventory.h"
#include "boot-iso/agent/network.h"
#include "boot-iso/agent/target.h"
#include "core/base/cleanup.h"
#include "core/base/units.h"
#include "net/dial.h"

enum { BACK = -1, STAY = 0, NEXT = 1, LEAVE = 2, NOBODY = 3 };

/* The screen that is made, and what its text begins with. */
struct step {
	struct wizard *w;
	struct screen screen;
	struct err complaint; /* of the answer before */
};

static void begin(struct step *st, const char *title, const char *text)
{
	AUTO(arena_done) struct arena a = {0};
	const char *all = text;

	if (st->complaint.code)
		all = arena_printf(&a, "! %s\n\n%s", st->complaint.text, text);
	screen_begin(&st->screen, title, all);
	err_clear(&st->complaint);
}

static void buttons(struct step *st, const char *first, ...)
{
	va_list ap;

	va_start(ap, first);
	for (const char *name = first; name; name = va_arg(ap, const char *))
		screen_add_button(&st->screen, name);
	va_end(ap);
}

/* The name of the button that was pressed; NULL: nobody can press any. */
static const char *ask(struct step *st)
{
	int button = uis_ask(st->w->uis, &st->screen);

	return button >= 0 ? st->screen.buttons.v[button] : NULL;
}

/* The fields' buttons, which most steps have. */
static int move(const char *button)
{
	return !button ? NOBODY : !strcmp(button, "Back") ? BACK : !strcmp(button, "Shell") ? LEAVE : NEXT;
}

static char *trimmed(struct settings *s, const char *value)
{
	const char *from = value + strspn(value, " \t");
	size_t len = strlen(from);

	while (len && strchr(" \t", from[len - 1]))
		len--;
	return len ? arena_strndup(&s->arena, from, len) : NULL;
}

/* ---- the network ---- */

static char *network_words(struct step *st, struct arena *a)
{
	char *text = arena_strdup(a, "Network cards:\n");

	VEC_FOR (n, &st->w->hardware->nics)
		text = arena_printf(a, "%s  %s\n", text, wizard_nic_words(a, n));
	return arena_printf(
	    a,
	    "%sWithout words, DHCP is tried on each card that has a link. A fixed address is written as\n"
	    "  ip=10.0.0.5::10.0.0.1:24::eno1:none nameserver=10.0.0.1\n"
	    "(address, gateway, mask, card); vlan= and bond= are known, too.",
	    text);
}

static int set_up_network(struct step *st, const char *words, struct err *err)
{
	AUTO(net_plan_done) struct net_plan plan = {0};
	struct settings *s = st->w->settings;

	settings_forget_network(s);
	if (settings_add(s, words, err) < 0)
		return -1;
	uis_say(st->w->uis, "Setting up the network …");
	return network_plan(s, st->w->hardware, &plan, err) < 0 ? -1 : network_run(&plan, err);
}

static int ask_network(struct step *st)
{
	const char *words = "", *button;

	for (;;) {
		AUTO(arena_done) struct arena a = {0};

		begin(st, "Network", network_words(st, &a));
		screen_add_entry(&st->screen, "Words", words);
		buttons(st, "Set up", "Back", NULL);
		button = ask(st);
		if (!button)
			return NOBODY;
		if (!strcmp(button, "Back"))
			return STAY;
		words = arena_strdup(&st->w->settings->arena, st->screen.fields.v[0].value);
		if (set_up_network(st, words, &st->complaint) == 0)
			return STAY;
	}
}

/* ---- a disk instead of a host ---- */

/* Reads the machine once more: a disk may have been plugged in. */
static int rescan(struct step *st)
{
	struct hardware *h = hardware_read(st->w->root, &st->complaint);

	if (!h)
		return STAY;
	hardware_free(st->w->hardware);
	st->w->hardware = h;
	st->w->settings->disks.n = 0;
	inventory_choose(h, st->w->settings, &st->complaint);
	return STAY;
}

/* All disks and their partitions. */
static char *target_words(const struct hardware *h, struct arena *a)
{
	char *text = arena_strdup(a, ""), size[SIZE_WORDS_MAX];

	VEC_FOR (d, &h->disks) {
		text = arena_printf(a, "%s  %s%s%s\n", text, wizard_disk_words(a, d), d->content ? ", " : "",
				    d->content ? d->content
				    : d->table ? ""
					       : ", blank");
		VEC_FOR (p, &d->parts)
			text = arena_printf(a, "%s    %-8s %10s  %s\n", text, p->name, size_in_words(p->size, size),
					    p->content ? p->content : "unknown");
	}
	return text;
}

/* A host after all: the disk that was named is one as others. */
static int forget_target(struct step *st)
{
	if (st->w->settings->to) {
		st->w->settings->to = NULL;
		rescan(st);
	}
	return STAY;
}

static int take_target(struct step *st)
{
	struct settings *s = st->w->settings;
	struct target_place place;
	bool make;

	s->to = trimmed(s, st->screen.fields.v[0].value);
	s->force = st->screen.fields.v[1].on;
	s->tight = st->screen.fields.v[2].on;
	if (!s->to)
		return err_set(&st->complaint, ERR_USAGE, "A disk, a partition or a folder is needed.");
	rescan(st); /* it may have been plugged in just now */
	if (st->complaint.code || target_find(st->w->hardware, s->to, &place, &st->complaint) < 0)
		return -1;
	return place.disk ? target_check(&place, s->force, &make, &st->complaint) : 0;
}

static int ask_target(struct step *st)
{
	struct settings *s = st->w->settings;

	for (;;) {
		AUTO(arena_done) struct arena a = {0};
		const char *button;

		begin(st, "Images on a disk",
		      arena_printf(
			  &a,
			  "Images of this machine's disks are written to a disk with ext4, FAT or exFAT, to be taken "
			  "to the conversion host. A blank disk gets an ext4.\n%s",
			  target_words(st->w->hardware, &a)));
		screen_add_entry(&st->screen, "Disk", s->to);
		screen_add_choice(&st->screen, "Make a new file system there: what it holds is lost", s->force, false);
		screen_add_choice(&st->screen, "Try it where there may be too little room", s->tight, false);
		buttons(st, "Next", "Back", NULL);
		button = ask(st);
		if (!button)
			return NOBODY;
		if (!strcmp(button, "Back"))
			return forget_target(st);
		if (take_target(st) == 0)
			return NEXT;
	}
}

/* ---- the steps ---- */

static char *machine_words(const struct hardware *h, struct arena *a)
{
	char size[SIZE_WORDS_MAX];

	return arena_printf(a, "This machine: %s %s, %s, %u processors, %s of memory.", h->vendor ? h->vendor : "",
			    h->product ? h->product : "", firmware_name(h->firmware), h->threads,
			    size_in_words(h->memory, size));
}

static int check_host(struct step *st)
{
	struct settings *s = st->w->settings;
	struct err *err = &st->complaint;

	s->server = trimmed(s, st->screen.fields.v[0].value);
	s->token = trimmed(s, st->screen.fields.v[1].value);
	if (!s->server)
		return err_set(err, ERR_USAGE, "The host needs a name or an address.");
	if (!s->token || !dial_token_valid(s->token))
		return err_set(err, ERR_USAGE, "That is no token: a word is missing or wrong.");
	uis_say(st->w->uis, "Asking %s …", s->server);
	return dial_check(s->server, s->token, err);
}

static int ask_host(struct step *st)
{
	AUTO(arena_done) struct arena a = {0};
	const struct settings *s = st->w->settings;
	const char *button;

	begin(
	    st, "The conversion host",
	    arena_printf(&a,
			 "%s\n\nStart 'rehost serve' on the host that is to have the guest. It shows its address and a "
			 "token of nine words.",
			 machine_words(st->w->hardware, &a)));
	screen_add_entry(&st->screen, "Host", s->server);
	screen_add_entry(&st->screen, "Token", s->token);
	if (st->w->own_network)
		buttons(st, "Next", "Network", "To a disk", "Shell", NULL);
	else
		buttons(st, "Next", "To a disk", "Quit", NULL);
	button = ask(st);
	if (!button)
		return NOBODY;
	if (!strcmp(button, "To a disk"))
		return ask_target(st);
	forget_target(st);
	if (!strcmp(button, "Network"))
		return ask_network(st);
	if (strcmp(button, "Next") != 0)
		return LEAVE;
	return check_host(st) == 0 ? NEXT : STAY;
}

/* The live medium, and where images go. */
static bool is_ours(const struct hw_disk *d)
{
	return d->left_out && (!strcmp(d->left_out, HW_LIVE_MEDIUM) || !strcmp(d->left_out, HW_TARGET));
}

/* The choices become the settings' words. */
static int take_disks(struct step *st)
{
	struct settings *s = st->w->settings;

	s->disks.n = 0;
	for (size_t i = 0; i < st->screen.fields.n; i++)
		if (st->screen.fields.v[i].on)
			*vec_push(&s->arena, &s->disks) = arena_strdup(&s->arena, st->w->hardware->disks.v[i].name);
	if (!s->disks.n)
		return err_set(&st->complaint, ERR_USAGE, "Choose a disk at least.");
	return inventory_choose(st->w->hardware, s, &st->complaint);
}

static int ask_disks(struct step *st)
{
	AUTO(arena_done) struct arena a = {0};
	const char *button;

	begin(st, "Disks to image", "Disks that belong together (LVM, RAID) must all be taken.");
	VEC_FOR (d, &st->w->hardware->disks)
		screen_add_choice(&st->screen, wizard_disk_words(&a, d), !d->left_out, is_ours(d));
	buttons(st, "Next", "Back", "Look again", NULL);
	button = ask(st);
	if (button && !strcmp(button, "Look again"))
		return rescan(st);
	if (move(button) != NEXT)
		return move(button);
	return take_disks(st) == 0 ? NEXT : STAY;
}

static int take_nics(struct step *st)
{
	struct settings *s = st->w->settings;

	s->nics.n = 0;
	for (size_t i = 0; i < st->screen.fields.n; i++)
		if (st->screen.fields.v[i].on)
			*vec_push(&s->arena, &s->nics) = arena_strdup(&s->arena, st->w->hardware->nics.v[i].name);
	if (!s->nics.n)
		return err_set(&st->complaint, ERR_USAGE, "Choose a card at least.");
	return inventory_choose(st->w->hardware, s, &st->complaint);
}

static int ask_nics(struct step *st)
{
	AUTO(arena_done) struct arena a = {0};
	int where;

	begin(st, "Network cards of the guest", "Cards that the guest is to have, with their addresses.");
	VEC_FOR (n, &st->w->hardware->nics)
		screen_add_choice(&st->screen, wizard_nic_words(&a, n), !n->left_out, false);
	buttons(st, "Next", "Back", NULL);
	where = move(ask(st));
	return where != NEXT ? where : take_nics(st) == 0 ? NEXT : STAY;
}

static int ask_name(struct step *st)
{
	AUTO(arena_done) struct arena a = {0};
	struct settings *s = st->w->settings;
	int where;

	begin(st, "Name of the guest", "The host makes a folder and a guest of this name.");
	screen_add_entry(&st->screen, "Name", s->name ? s->name : inventory_name(st->w->hardware, &a));
	buttons(st, "Next", "Back", NULL);
	where = move(ask(st));
	if (where != NEXT)
		return where;
	s->name = trimmed(s, st->screen.fields.v[0].value);
	return NEXT;
}

static char *summary(const struct wizard *w, struct arena *a)
{
	const char *name = w->settings->name ? w->settings->name : inventory_name(w->hardware, a), *comma = "";
	char *text = w->settings->to
			 ? arena_printf(a, "Folder '%s' on %s, with images of the disks\n", name, w->settings->to)
			 : arena_printf(a, "Guest '%s' on %s, from the disks\n", name, w->settings->server);

	VEC_FOR (d, &w->hardware->disks)
		if (!d->left_out)
			text = arena_printf(a, "%s  %s\n", text, wizard_disk_words(a, d));
	text = arena_printf(a, "%sNetwork cards: ", text);
	VEC_FOR (n, &w->hardware->nics)
		if (!n->left_out) {
			text = arena_printf(a, "%s%s%s", text, comma, n->name);
			comma = ", ";
		}
	return arena_printf(a, "%s%s\n\nNothing is written to these disks.", text, *comma ? "" : "none");
}

static int confirm(struct step *st)
{
	AUTO(arena_done) struct arena a = {0};
	struct settings *s = st->w->settings;
	int where;

	begin(st, "Begin?", summary(st->w, &a));
	if (st->w->own_network)
		screen_add_choice(&st->screen, "Switch this machine off when it is done", s->post == POST_POWEROFF,
				  false);
	buttons(st, "Begin", "Back", NULL);
	where = move(ask(st));
	if (where == NEXT && st->w->own_network && st->screen.fields.v[0].on)
		s->post = POST_POWEROFF;
	else if (where == NEXT && s->post == POST_POWEROFF)
		s->post = POST_ASK;
	return where;
}

static bool has_nics(const struct wizard *w)
{
	return w->hardware->nics.n > 0;
}

static const struct {
	int (*ask)(struct step *st);
	bool (*wanted)(const struct wizard *w); /* NULL: always */
} steps[] = {{ask_host, NULL}, {ask_disks, NULL}, {ask_nics, has_nics}, {ask_name, NULL}, {confirm, NULL}};

int wizard_run(struct wizard *w, enum wizard_end *ret, struct err *err)
{
	struct step st = {.w = w, .complaint = ERR_INIT};
	int at = 0, n = sizeof steps / sizeof *steps, where = STAY;

	if (w->complaint)
		st.complaint = *w->complaint;
	while (at < n) {
		where = steps[at].ask(&st);
		if (where == NOBODY || where == LEAVE)
			break;
		at += where;
		if (at < n && steps[at].wanted && !steps[at].wanted(w))
			at += where;
	}
	screen_done(&st.screen);
	*ret = where == LEAVE ? WIZARD_LEAVE : WIZARD_BEGIN;
	return where == NOBODY ? err_set(err, ERR_HOST, "nobody is there to answer") : 0;
}

/* ---- words for disks and cards ---- */

char *wizard_disk_words(struct arena *a, const struct hw_disk *d)
{
	char size[SIZE_WORDS_MAX];
	const char *why = d->left_out && strcmp(d->left_out, "not chosen") != 0 ? d->left_out : NULL;

	return arena_printf(a, "%-8s %10s  %.24s%s%.24s%s%s%s%s%s", d->name, size_in_words(d->size, size),
			    d->model ? d->model : "", d->model ? "  " : "", d->serial ? d->serial : "no serial number",
			    d->removable && !why ? ", removable" : "", d->member_of ? ", part of " : "",
			    d->member_of ? d->member_of : "", why ? ", " : "", why ? why : "");
}

char *wizard_nic_words(struct arena *a, const struct hw_nic *n)
{
	const char *speed = n->link && n->speed ? arena_printf(a, ", %" PRIu64 " Mbit/s", n->speed) : "";

	return arena_printf(a, "%-8s %s  %s, %s%s", n->name, n->mac ? n->mac : "no address",
			    n->driver ? n->driver : "unknown driver", n->link ? "has a link" : "no link", speed);
}
