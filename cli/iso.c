/* iso: puts a configuration on the live ISO, so that machines which boot it need nobody at the keyboard. */
#include <stdio.h>

#include "cli/command.h"
#include "core/base/buf.h"
#include "core/base/checked.h"
#include "core/base/cleanup.h"
#include "run/iso.h"

struct arguments {
	const char *server, *token, *to, *name, *disks, *nics, *post, *ui, *vlan, *bond;
	struct cli_list addresses, nameservers;
	bool inventory, pxe, force;
};

static const char *const posts[] = {"ask", "poweroff", "reboot", "shell", NULL};

static const char *const uis[] = {"auto", "text", "screen", NULL};

#define AT(field) offsetof(struct arguments, field)

static const struct cli_option options[] = {
    {"server", 0, CLI_TEXT, "HOST[:PORT]", NULL, "The conversion host, where rehost serve runs.", AT(server)},
    {"token", 0, CLI_TEXT, "WORDS", NULL, "The token that rehost serve showed.", AT(token)},
    {"to", 0, CLI_TEXT, "DISK", NULL, "Instead of a host: a disk or partition for images (SERIAL, SERIAL-part1).",
     AT(to)},
    {"name", 0, CLI_TEXT, "NAME", NULL, "What the guest is called (default: product and serial number).", AT(name)},
    {"disks", 0, CLI_TEXT, "DISK,…", NULL, "Only these disks, by name, serial number or WWN.", AT(disks)},
    {"nics", 0, CLI_TEXT, "NIC,…", NULL, "Only these network cards, by name or MAC.", AT(nics)},
    {"post", 0, CLI_TEXT, "ACTION", posts, "What the machine does when it is converted.", AT(post)},
    {"ui", 0, CLI_TEXT, "KIND", uis, "Screens or text (default: screens where something is asked).", AT(ui)},
    {"ip", 0, CLI_LIST, "ADDRESS", NULL, "As dracut's ip= (default: DHCP on each card with a link).", AT(addresses)},
    {"vlan", 0, CLI_TEXT, "NAME:NIC", NULL, "As dracut's vlan=.", AT(vlan)},
    {"bond", 0, CLI_TEXT, "NAME:NIC,…[:OPTION,…]", NULL, "As dracut's bond=.", AT(bond)},
    {"nameserver", 0, CLI_LIST, "ADDRESS", NULL, "A DNS server.", AT(nameservers)},
    {"inventory", 0, CLI_FLAG, NULL, NULL, "The machine only shows what it is, as JSON.", AT(inventory)},
    {"pxe", 0, CLI_FLAG, NULL, NULL, "Write the configuration alone, to be loaded behind the initrd.", AT(pxe)},
    {"force", 0, CLI_FLAG, NULL, NULL, "Replace an existing file.", AT(force)},
    {0},
};

enum { WORDS_MAX = 11 + 2 * CLI_LIST_MAX };

static void add(struct iso_word *words, size_t *n, const char *name, const char *value)
{
	if (value)
		words[(*n)++] = (struct iso_word){name, value};
}

static int words_of(const struct arguments *a, struct buf *ret, struct err *err)
{
	struct iso_word words[WORDS_MAX];
	size_t n = 0;

	add(words, &n, "rehost.server", a->server);
	add(words, &n, "rehost.token", a->token);
	add(words, &n, "rehost.to", a->to);
	add(words, &n, "rehost.name", a->name);
	add(words, &n, "rehost.disks", a->disks);
	add(words, &n, "rehost.nics", a->nics);
	add(words, &n, "rehost.post", a->post);
	add(words, &n, "rehost.ui", a->ui);
	add(words, &n, "vlan", a->vlan);
	add(words, &n, "bond", a->bond);
	for (size_t i = 0; i < a->addresses.n; i++)
		add(words, &n, "ip", a->addresses.v[i]);
	for (size_t i = 0; i < a->nameservers.n; i++)
		add(words, &n, "nameserver", a->nameservers.v[i]);
	if (a->inventory)
		words[n++] = (struct iso_word){.name = "rehost.inventory"};
	return iso_words_text(words, n, ret, err);
}

static int run_iso(const struct command *self, int argc, char **argv, struct err *err)
{
	struct arguments a = {0};
	struct positionals p;
	AUTO(buf_done) struct buf text = BUF_INIT(MIB);

	if (options_parse(self->options, argc, argv, &a, &p, err) < 0)
		return -1;
	if (p.n != (a.pxe ? 1 : 2))
		return err_set(
		    err, ERR_USAGE,
		    a.pxe ? "iso --pxe: one NEW expected, %zu given" : "iso: ISO and NEW expected, %zu given", p.n);
	if (words_of(&a, &text, err) < 0)
		return -1;
	if (a.pxe)
		return iso_configuration_file(p.v[0], buf_str(&text), a.force, err);
	return iso_configure(p.v[0], p.v[1], buf_str(&text), a.force, err);
}

const struct command command_iso = {
    .name = "iso",
    .arguments = "ISO NEW",
    .summary = "put a conversion host and its token on the live ISO for physical machines",
    .options = options,
    .run = run_iso,
};
