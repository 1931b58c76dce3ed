/* Which package is for which device: what the .inf file says decides, then what the programs are, then the rank. */
#include "drivers-inject/windows/choose.h"

#include <string.h>
#include <strings.h>

#define PCI "PCI\\VEN_1AF4&DEV_"

/* Devices of QEMU's documentation "docs/specs/pci-ids.rst", and the ids of its ACPI tables. */
const struct driver_device driver_devices[DRIVER_KINDS] = {
    [DRIVER_VIOSTOR] = {"viostor",
			"disks (virtio-blk)",
			{PCI "1001", PCI "1042"},
			{"VEN_1AF4&DEV_1001&REV_00", "VEN_1AF4&DEV_1042&REV_01"}},
    [DRIVER_VIOSCSI] = {"vioscsi",
			"disks (virtio-scsi)",
			{PCI "1004", PCI "1048"},
			{"VEN_1AF4&DEV_1004&REV_00", "VEN_1AF4&DEV_1048&REV_01"}},
    [DRIVER_NETKVM] = {"netkvm", "network cards", {PCI "1000", PCI "1041"}},
    [DRIVER_BALLOON] = {"balloon", "the memory balloon", {PCI "1002", PCI "1045"}},
    [DRIVER_VIOSERIAL] = {"vioserial", "the agent's channel", {PCI "1003", PCI "1043"}},
    [DRIVER_VIORNG] = {"viorng", "the random number generator", {PCI "1005", PCI "1044"}},
    [DRIVER_VIOINPUT] = {"vioinput", "virtio keyboards and tablets", {NULL, PCI "1052"}},
    [DRIVER_VIOFS] = {"viofs", "shared folders (virtio-fs)", {NULL, PCI "105A"}},
    [DRIVER_VIOGPUDO] = {"viogpudo", "the virtio display", {NULL, PCI "1050"}},
    [DRIVER_PVPANIC] = {"pvpanic", "crash reports (pvpanic)", {"ACPI\\QEMU0001", "ACPI\\VEN_QEMU&DEV_0001"}},
    [DRIVER_FWCFG] = {"fwcfg", "memory dumps (fw_cfg)", {"ACPI\\QEMU0002", "ACPI\\VEN_QEMU&DEV_0002"}},
    [DRIVER_QXLDOD] = {"qxldod", "the QXL display", {"PCI\\VEN_1B36&DEV_0100"}},
};

const char *driver_kind_name(enum driver_kind k)
{
	return (size_t)k < DRIVER_KINDS && driver_devices[k].name ? driver_devices[k].name : "unknown";
}

struct choosing {
	const struct driver_catalogue *c;
	const struct windows_version *v;
	bool knows_sha2;
	struct arena *a;
	struct driver_choices *ret;
};

/* ------------------------------------------------------------------------------------------------ reasons against it
 */

/* An id of the device, whatever subsystem and revision it goes on with. */
static bool id_is(const char *id, const char *device)
{
	size_t n = strlen(device);

	return strncasecmp(id, device, n) == 0 && (!id[n] || id[n] == '&');
}

/* Builds that aren't for use, by the name of a folder: with virtual functions of a host's card, and with checks. */
static const char *unwanted_folder(struct arena *a, const char *folder)
{
	static const struct {
		const char *name, *why;
	} unwanted[] = {{"sriov", "is for cards with SR-IOV"},
			{"chk", "is a checked build"},
			{"checked", "is a checked build"},
			{"debug", "is a checked build"}};
	char *rest = arena_strdup(a, folder), *part;

	while ((part = strsep(&rest, "/")))
		for (size_t i = 0; i < sizeof unwanted / sizeof *unwanted; i++)
			if (strcasecmp(part, unwanted[i].name) == 0)
				return unwanted[i].why;
	return NULL;
}

/* The name goes into a command file, and Windows couldn't have most of these in names at all. */
static const char *against_name(const char *path)
{
	const char *cut = strrchr(path, '/');

	for (const char *c = cut ? cut + 1 : path; *c; c++)
		if ((unsigned char)*c < ' ' || strchr("\"%<>|*?:\\", *c))
			return "has a name that can't be one in Windows";
	return NULL;
}

static const char *against_program(struct choosing *g, const struct driver_file *f)
{
	const struct binary *b = &f->binary;

	if (!b->arch)
		return arena_printf(g->a, "'%s' is no program", f->path);
	if (strcmp(b->arch, g->v->arch) != 0)
		return arena_printf(g->a, "'%s' is for %s", f->path, *b->arch ? b->arch : "another processor");
	if (b->major && windows_compare(b->major, b->minor, g->v) > 0)
		return arena_printf(g->a, "'%s' was built for Windows NT %u.%u and later", f->path, b->major, b->minor);
	return b->checked ? arena_printf(g->a, "'%s' is a checked build", f->path) : NULL;
}

static bool is_program(const char *path)
{
	size_t n = strlen(path);

	return n > 4 && strcasecmp(path + n - 4, ".sys") == 0;
}

static const char *against_files(struct choosing *g, struct driver_choice *d)
{
	VEC_FOR (file, &d->install.files) {
		const struct driver_file *f = catalogue_find(g->c, d->package->folder, file->source);
		const char *why = NULL;

		if (!f)
			return arena_printf(g->a, "'%s' of it is missing", file->source);
		if (is_program(file->source))
			why = against_program(g, f);
		if (why)
			return why;
		if (d->service && strcasecmp(file->name, d->service->binary) == 0)
			d->program = f;
	}
	return d->service && !d->program
		   ? arena_printf(g->a, "does not copy its service's program '%s'", d->service->binary)
		   : NULL;
}

/* Up to 1.11 a co-installer brings a newer framework to an older Windows. */
static const char *against_framework(struct choosing *g, const struct driver_choice *d)
{
	enum { LAST_WITH_COINSTALLER = 111 };
	unsigned has = windows_kmdf(g->v), needs = d->install.kmdf;

	if (needs <= has || (d->install.coinstaller && needs <= LAST_WITH_COINSTALLER))
		return NULL;
	return arena_printf(g->a, "needs KMDF %u.%u, and this Windows has %u.%u", needs / 100, needs % 100, has / 100,
			    has % 100);
}

bool signature_is_enough(const struct windows_version *v, enum signature s)
{
	if (strcmp(v->arch, "i386") == 0 || v->major < 6)
		return true;
	return s == SIGNATURE_WHQL || s == SIGNATURE_CROSS || (s == SIGNATURE_ATTESTED && v->major >= 10);
}

static const char *against_signature(struct choosing *g, struct driver_choice *d)
{
	const struct driver_file *cat = *d->catalog ? catalogue_find(g->c, d->package->folder, d->catalog) : NULL;
	enum signature of_cat = cat ? cat->binary.signature : SIGNATURE_NONE,
		       of_program = d->program ? d->program->binary.signature : SIGNATURE_NONE;

	if (!cat)
		d->catalog = "";
	d->signature = of_cat > of_program ? of_cat : of_program;
	if (signature_is_enough(g->v, of_cat) || signature_is_enough(g->v, of_program))
		return NULL;
	return arena_printf(g->a, "is signed by nobody whom this Windows trusts (%s)", signature_name(d->signature));
}

static const char *against_digest(struct choosing *g, const struct driver_choice *d)
{
	const struct binary *b = d->program ? &d->program->binary : NULL;

	if (!b || g->knows_sha2 || !b->sha2 || b->sha1 || signature_is_enough(g->v, SIGNATURE_NONE))
		return NULL;
	return "is signed with SHA-2, which this Windows knows with update KB4474419 only (or KB3033929)";
}

static const char *against(struct choosing *g, struct driver_choice *d)
{
	const char *why = unwanted_folder(g->a, d->package->folder);

	if (!why)
		why = against_name(d->package->path);
	if (!why)
		why = against_files(g, d);
	if (!why)
		why = against_framework(g, d);
	if (!why)
		why = against_signature(g, d);
	return why ? why : against_digest(g, d);
}

/* ------------------------------------------------------------------------------------------------------------- rank */

enum { FOLDER_NEWER = 0, FOLDER_OLDER_NT, FOLDER_UNNAMED, FOLDER_OLDER_BUILD, FOLDER_SECOND, FOLDER_OWN };

/* The release that a folder is named after, of the guest's kind if there are two. */
static const struct windows_release *release_of_folder(const char *name, bool server)
{
	const struct windows_release *ret = NULL;
	size_t n;
	const struct windows_release *r = windows_releases(&n);

	for (size_t i = 0; i < n; i++)
		if (strcmp(r[i].folders[0], name) == 0 && (!ret || r[i].server == server))
			ret = &r[i];
	return ret;
}

static void rank_name(struct choosing *g, const char *name, struct driver_choice *d)
{
	const struct windows_release *own = windows_release_of(g->v), *of;
	int order;

	for (size_t i = 0; own && own->folders[i]; i++)
		if (strcmp(own->folders[i], name) == 0) {
			d->folder = i ? FOLDER_SECOND : FOLDER_OWN;
			return;
		}
	of = release_of_folder(name, own && own->server);
	if (!of)
		return;
	order = windows_compare(of->major, of->minor, g->v);
	if (order == 0 && of->build > g->v->build)
		order = 1;
	else if (order == 0)
		d->folder_build = of->build;
	d->folder = order > 0 ? FOLDER_NEWER : order == 0 ? FOLDER_OLDER_BUILD : FOLDER_OLDER_NT;
}

/* The name nearest to the files counts. */
static void rank_folder(struct choosing *g, struct driver_choice *d)
{
	char *rest = arena_strdup(g->a, d->package->folder), *part;

	d->folder = FOLDER_UNNAMED;
	while ((part = strsep(&rest, "/"))) {
		const char *name = windows_folder(part);

		if (name) {
			d->folder_build = 0;
			rank_name(g, name, d);
		}
	}
}

bool choice_is_for_other_release(const struct driver_choice *d)
{
	return d->package && d->folder != FOLDER_UNNAMED && d->folder < FOLDER_SECOND;
}

static void rank(struct choosing *g, const struct inf_offer *o, struct driver_choice *d)
{
	unsigned linked = d->program ? 1000 * d->program->binary.major + d->program->binary.minor : 0;

	rank_folder(g, d);
	d->nt = 1000 * o->major + o->minor;
	d->build = o->build;
	if (linked > d->nt) {
		d->nt = linked;
		d->build = 0;
	}
}

static int compare(const struct driver_choice *a, const struct driver_choice *b)
{
	const unsigned x[] = {a->service != NULL, a->folder, a->folder_build, a->nt, a->build, a->signature},
		       y[] = {b->service != NULL, b->folder, b->folder_build, b->nt, b->build, b->signature};
	int ret;

	for (size_t i = 0; i < sizeof x / sizeof *x; i++)
		if (x[i] != y[i])
			return x[i] < y[i] ? -1 : 1;
	ret = inf_version_compare(inf_version(a->package->inf), inf_version(b->package->inf));
	return ret ? ret : strcmp(b->package->path, a->package->path);
}

/* --------------------------------------------------------------------------------------------------------- choosing */

static void note_problem(struct choosing *g, const struct driver_package *p, const char *text)
{
	*vec_push(g->a, &g->ret->problems) = (struct driver_problem){p->path, text};
}

/* Of several reasons the one is told that is said of the package which fits best otherwise. */
static void note_why(struct choosing *g, struct driver_choice *kept, struct driver_choice *d, const char *why)
{
	if (kept->package)
		return;
	rank_folder(g, d);
	if (kept->why_path && kept->folder >= d->folder)
		return;
	kept->why = why;
	kept->why_path = d->package->path;
	kept->folder = d->folder;
}

static const char *look_into(struct choosing *g, struct driver_choice *d, const char *section)
{
	struct err err = ERR_INIT;

	if (inf_install(d->package->inf, section, g->v->arch, g->a, &d->install, &err) < 0) {
		note_problem(g, d->package, arena_strdup(g->a, err.text));
		return "can't be understood";
	}
	VEC_FOR (s, &d->install.services)
		if (s->function_driver && !d->service)
			d->service = s;
	d->catalog = inf_catalog(d->package->inf, g->v->arch, g->a);
	return against(g, d);
}

static void consider(struct choosing *g, enum driver_kind kind, struct driver_choice *d, const char *section,
		     const struct inf_offer *o)
{
	struct driver_choice *kept = &g->ret->v[kind];
	const char *why = look_into(g, d, section);

	if (why) {
		note_why(g, kept, d, why);
		return;
	}
	rank(g, o, d);
	/* Without a program only the folder's name tells. */
	if (!d->program && d->folder == FOLDER_NEWER) {
		note_why(g, kept, d, "is for newer versions of Windows");
		return;
	}
	if (!kept->package || compare(d, kept) > 0)
		*kept = *d;
}

/* The device's ids among those offered, and the section for the newest of them. */
static const char *match(const struct inf_offer *o, const struct driver_device *device, bool ids[2])
{
	const char *sections[2] = {NULL, NULL};

	for (size_t k = 0; k < 2; k++)
		for (size_t i = 0; device->ids[k] && i < o->devices.n && !ids[k]; i++)
			if (id_is(o->devices.v[i].id, device->ids[k])) {
				ids[k] = true;
				sections[k] = o->devices.v[i].install;
			}
	return sections[1] ? sections[1] : sections[0];
}

static void consider_package(struct choosing *g, const struct driver_package *p)
{
	AUTO(arena_done) struct arena a = {0};
	struct err err = ERR_INIT;
	struct inf_offer o;

	if (inf_offer(p->inf, g->v, &a, &o, &err) < 0) {
		note_problem(g, p, arena_strdup(g->a, err.text));
		return;
	}
	for (enum driver_kind k = DRIVER_UNKNOWN + 1; k < DRIVER_KINDS; k++) {
		struct driver_choice d = {.package = p, .catalog = ""};
		const char *section = match(&o, &driver_devices[k], d.ids);

		if (section)
			consider(g, k, &d, section, &o);
	}
}

/* What the packages for a device are for, when none of them is for this Windows. */
static const char *why_none(struct choosing *g, enum driver_kind k)
{
	bool other_version = false, any = false;

	VEC_FOR (p, &g->c->packages) {
		AUTO(arena_done) struct arena a = {0};
		bool mentions = false;
		struct inf_offer o;

		for (size_t i = 0; i < 2; i++)
			mentions |= driver_devices[k].ids[i] && inf_mentions(p->inf, driver_devices[k].ids[i]);
		if (!mentions || inf_offer(p->inf, g->v, &a, &o, NULL) < 0)
			continue;
		any = true;
		other_version |= o.other_version;
	}
	if (!any)
		return "no package is for this device";
	return other_version ? "all packages are for other versions of Windows"
			     : "all packages are for other processors";
}

void choose_drivers(const struct driver_catalogue *c, const struct windows_version *v, bool knows_sha2, struct arena *a,
		    struct driver_choices *ret)
{
	struct choosing g = {c, v, knows_sha2, a, ret};

	*ret = (struct driver_choices){0};
	VEC_FOR (p, &c->packages)
		consider_package(&g, p);
	for (enum driver_kind k = DRIVER_UNKNOWN + 1; k < DRIVER_KINDS; k++)
		if (!ret->v[k].package && !ret->v[k].why)
			ret->v[k].why = why_none(&g, k);
}
