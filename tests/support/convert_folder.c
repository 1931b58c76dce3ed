/* convert_folder FOLDER FACTS: inspects a folder as a Linux or Windows guest and runs all steps; prints what was found
 * and changed.
 *
 * For the tests of distributions. FACTS says what the folder can't: the system, the disks, the file systems on them,
 * the network cards; one fact a line, its fields separated by blanks, "-" for one that there isn't:
 *
 *     os DISTRO MAJOR ARCH
 *     windows ARCH
 *     root DEVICE
 *     firmware bios|uefi
 *     disk CONTROLLER BUS UNIT SERIAL
 *     fs DEVICE TYPE UUID PARTUUID DISK PARTITION
 *     nic MAC PCISLOT
 *     agent DIR
 *     drivers DIR|ISO
 *     ip MAC:ip:ADDRESS[,GATEWAY[,PREFIX[,DNS…]]]
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "converters/step.h"
#include "core/base/file.h"
#include "core/base/pkgfile.h"
#include "drivers-inject/windows.h"
#include "guest/facts.h"
#include "guest/originals.h"
#include "inspectors/inspector.h"
#include "run/maps.h"

struct world {
	struct machine *m;
	struct inspection *i;
	struct guest *g;
	struct changelog log;
	struct caps caps;
	struct pkg_folder *agent;
	struct driver_catalogue *drivers;
	const char *field[8];
};

static char *field_dup(struct arena *a, const char *field)
{
	return field && strcmp(field, "-") != 0 ? arena_strdup(a, field) : NULL;
}

static unsigned number(const char *field)
{
	return field ? (unsigned)strtoul(field, NULL, 10) : 0;
}

static enum controller controller_of(const char *word)
{
	for (int c = CONTROLLER_IDE; c <= CONTROLLER_XEN; c++)
		if (word && strcmp(controller_name((enum controller)c), word) == 0)
			return (enum controller)c;
	return CONTROLLER_UNKNOWN;
}

static void fact_os(struct world *w)
{
	struct os_info *os = &w->i->os;

	os->family = OS_LINUX;
	os->type = arena_strdup(&w->i->arena, "linux");
	os->distro = field_dup(&w->i->arena, w->field[0]);
	os->major = (int)number(w->field[1]);
	os->arch = field_dup(&w->i->arena, w->field[2]);
}

static void fact_windows(struct world *w)
{
	struct os_info *os = &w->i->os;

	os->family = OS_WINDOWS;
	os->type = os->distro = arena_strdup(&w->i->arena, "windows");
	os->arch = field_dup(&w->i->arena, w->field[0]);
}

static void fact_root(struct world *w)
{
	w->i->os.root = field_dup(&w->i->arena, w->field[0]);
}

static void fact_firmware(struct world *w)
{
	w->m->firmware = firmware_by_name(w->field[0]);
}

static void fact_disk(struct world *w)
{
	struct disk *d = vec_push(&w->m->arena, &w->m->disks);

	*d = (struct disk){.controller = controller_of(w->field[0]),
			   .bus = number(w->field[1]),
			   .unit = number(w->field[2]),
			   .serial = field_dup(&w->m->arena, w->field[3])};
}

static void fact_fs(struct world *w)
{
	struct arena *a = &w->i->arena;
	struct filesystem *fs = vec_push(a, &w->i->filesystems);

	*fs = (struct filesystem){.device = field_dup(a, w->field[0]),
				  .type = field_dup(a, w->field[1]),
				  .uuid = field_dup(a, w->field[2]),
				  .partuuid = field_dup(a, w->field[3]),
				  .disk = number(w->field[4]),
				  .partition = number(w->field[5])};
}

static void fact_nic(struct world *w)
{
	struct nic *n = vec_push(&w->m->arena, &w->m->nics);

	*n = (struct nic){.model = NIC_VMXNET3, .pci_slot = -1};
	n->mac_generated = w->field[0] && strncmp(w->field[0], "52:54:00", 8) == 0;
	snprintf(n->mac, sizeof n->mac, "%s", w->field[0] ? w->field[0] : "");
	if (w->field[1] && strcmp(w->field[1], "-") != 0)
		n->pci_slot = (int)number(w->field[1]);
}

/* --agent */
static void fact_agent(struct world *w)
{
	struct err err = ERR_INIT;

	if (pkg_folder_open(w->field[0] ? w->field[0] : "", &w->agent, &err) < 0)
		fprintf(stderr, "%s\n", err.text);
}

/* --virtio-win */
static void fact_drivers(struct world *w)
{
	struct err err = ERR_INIT;

	if (driver_catalogue_open(w->field[0] ? w->field[0] : "", &w->drivers, &err) < 0)
		fprintf(stderr, "%s\n", err.text);
}

/* As --mac says it. */
static void fact_ip(struct world *w)
{
	const struct net_maps maps = {.macs = (const char *const[]){w->field[0], NULL}};
	struct err err = ERR_INIT;

	if (maps_apply(&maps, w->m, &err) < 0)
		fprintf(stderr, "%s\n", err.text);
}

static const struct {
	const char *word;
	void (*take)(struct world *w);
} facts[] = {
    {"os", fact_os},	       {"root", fact_root},	  {"firmware", fact_firmware}, {"disk", fact_disk},
    {"fs", fact_fs},	       {"nic", fact_nic},	  {"agent", fact_agent},       {"ip", fact_ip},
    {"windows", fact_windows}, {"drivers", fact_drivers},
};

static int take_fact(struct world *w, char *line, struct err *err)
{
	char *save = NULL, *word = strtok_r(line, " \t", &save);

	if (!word)
		return 0;
	for (size_t k = 0; k < sizeof w->field / sizeof *w->field; k++)
		w->field[k] = strtok_r(NULL, " \t", &save);
	for (size_t k = 0; k < sizeof facts / sizeof *facts; k++) {
		if (strcmp(facts[k].word, word) == 0) {
			facts[k].take(w);
			return 0;
		}
	}
	return err_set(err, ERR_USAGE, "unknown fact '%s'", word);
}

static int read_facts(struct world *w, const char *path, struct err *err)
{
	AUTO(buf_done) struct buf b = BUF_INIT(1 << 20);
	char *save = NULL;

	if (file_slurp(AT_FDCWD, path, &b, err) < 0)
		return -1;
	for (char *line = strtok_r((char *)buf_str(&b), "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (take_fact(w, line, err) < 0)
			return -1;
	machine_complete(w->m);
	return 0;
}

static const char *or_none(const char *text)
{
	return text ? text : "-";
}

static void print_kernels(const struct inspection *i)
{
	puts("== kernels");
	VEC_FOR (k, &i->kernels)
		printf("%s: %s %s (%s, %s)%s\n", k->version, k->vmlinuz, or_none(k->initrd),
		       or_none(k->initrd_generator), or_none(k->initrd_compression), k->bootable ? "" : ", in no menu");
}

static void print_entries(const struct inspection *i)
{
	puts("== boot entries");
	VEC_FOR (e, &i->boot_entries)
		printf("%s:%u%s: %s\n  %s%s%s\n  %s\n  %s\n", e->file, e->line, e->is_default ? " (default)" : "",
		       or_none(e->title), or_none(e->kernel), e->version ? " = " : "", e->version ? e->version : "",
		       or_none(e->initrd), or_none(e->cmdline));
}

static void print_network(const struct inspection *i)
{
	puts("== network");
	VEC_FOR (c, &i->networks)
		printf("%s:%u %s: %s%s%s, mac %s, match %s, %s %s\n", c->file, c->line, c->system,
		       c->gives_name ? "gives " : "", or_none(c->interface), c->is_virtual ? " (virtual)" : "",
		       or_none(c->mac), or_none(c->match), or_none(c->method), or_none(c->address));
	VEC_FOR (n, &i->nic_names)
		printf("card %u is %s%s%s: %s\n", n->nic + 1, or_none(n->name), n->stated ? ", stated" : "",
		       n->guessed ? ", guessed" : "", n->reason);
}

static void print_windows(const struct inspection *i)
{
	char text[WINDOWS_TEXT_MAX];

	windows_text(&i->windows->version, text);
	printf("== windows\n%s, %s, %s\n", text, or_none(i->windows->control_set), i->windows->hives);
	VEC_FOR (n, &i->windows->nics)
		printf("connection '%s' %s %s: card %d: %s\n", or_none(n->name), n->mac, n->dhcp ? "dhcp" : "static",
		       n->nic + 1, or_none(n->reason));
}

static void print_findings(const struct inspection *i)
{
	puts("== findings");
	VEC_FOR (f, &i->findings)
		printf("%s [%s]: %s\n", f->id, or_none(f->evidence), f->text);
	printf("verdict: %s\n", verdict_name(i->verdict));
}

static void print_linux(const struct inspection *i)
{
	print_kernels(i);
	print_entries(i);
	print_network(i);
}

static int print_changes(const struct changelog *log, struct err *err)
{
	AUTO(buf_done) struct buf out = BUF_INIT(1 << 24);

	puts("== changes");
	if (changelog_print(log, &out) < 0)
		return err_nomem(err);
	fputs(buf_str(&out), stdout);
	return 0;
}

static int run(struct world *w, const char *folder, const char *facts_file, const char *keep, struct err *err)
{
	AUTO(originals_closep) struct originals *originals = NULL;
	struct convert_options options = {0};
	struct step_context c = {
	    .machine = w->m, .inspection = w->i, .log = &w->log, .caps = &w->caps, .options = &options};

	if (guest_open_folder(folder, &w->g, err) < 0 || read_facts(w, facts_file, err) < 0 ||
	    (w->i->os.family == OS_LINUX && guest_facts(w->g, &w->i->arena, &w->i->os, err) < 0) ||
	    inspect_guest(w->g, w->m, w->i, err) < 0)
		return -1;
	c.guest = w->g;
	options.agent = w->agent;
	options.drivers = w->drivers;
	if (keep && originals_open(AT_FDCWD, keep, &originals, err) < 0)
		return -1;
	w->g->originals = originals;
	if (w->i->windows)
		print_windows(w->i);
	else
		print_linux(w->i);
	if (steps_run(&c, NULL, NULL, err) < 0 || (originals && originals_save(originals, err) < 0))
		return -1;
	w->g->originals = NULL;
	inspection_judge(w->i);
	printf("== hardware\ndisks %s, cards %s, %s%s\n", disk_bus_name(w->caps.disk), net_bus_name(w->caps.net),
	       board_name(w->caps.board), w->caps.safe_mode ? ", safe mode" : "");
	print_findings(w->i);
	return print_changes(&w->log, err);
}

static int undo(const char *folder, const char *from, struct err *err)
{
	AUTO(guest_closep) struct guest *g = NULL;
	struct changelog log = {0};
	int ret;

	if (guest_open_folder(folder, &g, err) < 0)
		return -1;
	ret = originals_restore(AT_FDCWD, from, g, &log, err);
	changelog_done(&log);
	return ret;
}

int main(int argc, char **argv)
{
	struct world w = {.m = machine_new(), .i = inspection_new()};
	struct err err = ERR_INIT;
	int ret;

	if (argc < 3 || argc > 4) {
		fputs("usage: convert_folder FOLDER FACTS [ORIGINALS]\n", stderr);
		return 2;
	}
	ret = strcmp(argv[1], "--undo") == 0 ? undo(argv[2], argv[3] ? argv[3] : "", &err)
					     : run(&w, argv[1], argv[2], argv[3], &err);
	if (ret < 0)
		fprintf(stderr, "%s\n", err.text);
	guest_close(w.g);
	pkg_folder_close(w.agent);
	driver_catalogue_close(w.drivers);
	changelog_done(&w.log);
	inspection_free(w.i);
	machine_free(w.m);
	return ret < 0;
}
