/* rehost-p2v: the program of the live ISO that reads a physical machine and serves its disks to the conversion host. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "boot-iso/agent/inventory.h"
#include "boot-iso/agent/live.h"
#include "boot-iso/agent/newt.h"
#include "boot-iso/agent/saving.h"
#include "core/base/checked.h"
#include "core/base/cleanup.h"
#include "core/model/version.h"

struct arguments {
	bool live, inventory;
	const char *root, *words, *screen, *to;
};

static int usage(FILE *out)
{
	fputs("usage: rehost-p2v --inventory [--root DIR] [--words 'rehost.name=… rehost.disks=…']\n"
	      "       rehost-p2v --to FOLDER [--root DIR] [--words TEXT]\n"
	      "       rehost-p2v --live [--root DIR] [--words TEXT]\n\n"
	      "  --inventory   print what this machine is as JSON (docs/p2v.md)\n"
	      "  --to FOLDER   write images of this machine's disks, and the inventory, to FOLDER/NAME: rehost convert "
	      "takes\n"
	      "                that. Disks that are in use are refused; what was interrupted is gone on with\n"
	      "  --root DIR    read DIR/sys, DIR/proc and DIR/run instead of this machine's\n"
	      "  --words TEXT  settings as on the kernel's command line (docs/p2v-iso.md)\n"
	      "  --live        be the live system, which its /init calls. With --root, of a made-up machine: its disks "
	      "are\n"
	      "                the files in DIR/dev, the network stays as it is, and this terminal is its console. The "
	      "exit\n"
	      "                status is 10 for switching off, 11 for a reboot, 12 for a shell\n",
	      out);
	return out == stdout ? 0 : err_exit_status(ERR_USAGE);
}

static bool parse(int argc, char **argv, struct arguments *a)
{
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--live"))
			a->live = true;
		else if (!strcmp(argv[i], "--inventory"))
			a->inventory = true;
		else if (!strcmp(argv[i], "--root") && i + 1 < argc)
			a->root = argv[++i];
		else if (!strcmp(argv[i], "--words") && i + 1 < argc)
			a->words = argv[++i];
		else if (!strcmp(argv[i], "--to") && i + 1 < argc)
			a->to = argv[++i];
		else if (!strcmp(argv[i], "--screen") && i + 1 < argc) /* full.c calls this */
			a->screen = argv[++i];
		else
			return false;
	}
	return a->live + a->inventory + (a->screen != NULL) + (a->to != NULL) == 1;
}

/* What is there, and which of it is chosen. NULL: err. */
static struct hardware *look(const struct arguments *a, struct settings *s, struct err *err)
{
	AUTO(hardware_freep) struct hardware *h = hardware_read(a->root, err);

	if (!h || settings_add(s, a->words, err) < 0)
		return NULL;
	if (a->to)
		s->to = arena_strdup(&s->arena, a->to);
	return inventory_choose(h, s, err) < 0 ? NULL : take_ptr(&h);
}

static int save(const struct arguments *a, struct err *err)
{
	AUTO(settings_done) struct settings s = {0};
	AUTO(hardware_freep) struct hardware *h = look(a, &s, err);
	AUTO(uis_close) struct uis u = {0};
	struct tree here = {.fd = -1};
	char *where;

	if (!h)
		return -1;
	uis_open(&u, &here, true, false);
	if (saving_run(&s, h, a->root, strcmp(a->root, "/") == 0 ? SHOWN_RUNNING : SHOWN_MADE_UP, &u, &s.arena, &where,
		       err) < 0)
		return -1;
	uis_say(&u, "Written: %s. Take it to the conversion host, and: rehost convert FOLDER", where);
	return 0;
}

static int print_inventory(const struct arguments *a, struct err *err)
{
	AUTO(settings_done) struct settings s = {0};
	AUTO(hardware_freep) struct hardware *h = look(a, &s, err);
	AUTO(buf_done) struct buf text = BUF_INIT(16 * MIB);
	AUTO(js_freep) struct json *j = NULL;

	if (!h)
		return -1;
	j = inventory_json(h, s.name);
	if (js_print(j, true, &text) < 0)
		return err_nomem(err);
	fputs(buf_str(&text), stdout);
	return 0;
}

int main(int argc, char **argv)
{
	struct arguments a = {.root = "/", .words = ""};
	struct err err = ERR_INIT;

	signal(SIGPIPE, SIG_IGN);
	if (argc == 2 && !strcmp(argv[1], "--help"))
		return usage(stdout);
	if (argc == 2 && !strcmp(argv[1], "--version")) {
		puts("rehost-p2v " REHOST_VERSION);
		return 0;
	}
	if (!parse(argc, argv, &a))
		return usage(stderr);
	if (a.screen)
		return newt_main(a.screen);
	if (a.live)
		return (int)live_run(&(struct live_options){.root = a.root, .words = a.words});
	if ((a.to ? save(&a, &err) : print_inventory(&a, &err)) == 0)
		return 0;
	fprintf(stderr, "rehost-p2v: %s\n", err.text);
	return err_exit_status(err.code);
}
