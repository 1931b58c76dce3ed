/* Driver injection for Windows: what is chosen is staged, the boot disk's driver made to start, and caps follow. */
#include <string.h>

#include "drivers-inject/windows/stage.h"

#define PACKAGES "Microsoft\\Windows\\CurrentVersion\\Component Based Servicing\\Packages"

enum { PROBLEMS_TOLD = 8 }; /* damaged .inf files that get a finding each */

/* ------------------------------------------------------------------------------------------------------ boot disk */

/* Windows 10 and later. */
static bool needs_more_with_secure_boot(const struct injection *j, const struct driver_choice *d)
{
	return j->i->windows && j->i->windows->secure_boot == TRI_YES && j->w->version.major >= 10 &&
	       d->program->binary.signature == SIGNATURE_CROSS;
}

const char *against_boot(const struct injection *j, const struct driver_choice *d)
{
	if (!d->package)
		return d->why ? d->why : "there is no driver source";
	if (!d->service)
		return "its package has no service";
	if (!signature_is_enough(&j->w->version, d->program->binary.signature))
		return "its program itself is not signed for this Windows, only its catalogue is";
	if (needs_more_with_secure_boot(j, d))
		return "its program is signed by its maker only, and Secure Boot is on";
	return NULL;
}

static void choose_boot(struct injection *j)
{
	bool scsi = j->w->prefer == DISK_BUS_VIRTIO_SCSI;
	const enum driver_kind order[] = {scsi ? DRIVER_VIOSCSI : DRIVER_VIOSTOR,
					  scsi ? DRIVER_VIOSTOR : DRIVER_VIOSCSI};

	for (size_t i = 0; i < 2 && !j->boot; i++)
		if (!against_boot(j, &j->chosen.v[order[i]]))
			j->boot = order[i];
	for (size_t i = 0; i < 2 && !j->boot; i++)
		if (j->chosen.v[order[i]].installed)
			j->boot = order[i];
}

static bool has_driver(const struct injection *j, enum driver_kind k)
{
	return j->chosen.v[k].package || j->chosen.v[k].installed;
}

/* -------------------------------------------------------------------------------------------------------- findings */

static void tell_problem(struct injection *j, const struct driver_problem *p)
{
	finding_add(j->i, "W-DRIVER-INF", SEVERITY_WARNING, p->path, "Get the drivers anew.",
		    "A driver package is left out: its .inf file %s.", p->text);
}

static void tell_problems(struct injection *j)
{
	size_t told = 0, all = j->c->problems.n + j->chosen.problems.n;

	VEC_FOR (p, &j->c->problems)
		if (told++ < PROBLEMS_TOLD)
			tell_problem(j, p);
	VEC_FOR (p, &j->chosen.problems)
		if (told++ < PROBLEMS_TOLD)
			tell_problem(j, p);
	if (all > PROBLEMS_TOLD)
		finding_add(j->i, "W-DRIVER-INF", SEVERITY_WARNING, j->c->path, "Get the drivers anew.",
			    "%zu more .inf files can't be understood.", all - PROBLEMS_TOLD);
}

static const char *disk_word(enum disk_bus b)
{
	return b == DISK_BUS_IDE ? "IDE" : b == DISK_BUS_SATA ? "SATA" : "virtio";
}

static void tell_no_source(struct injection *j, const struct caps *caps)
{
	if (!j->boot || !has_driver(j, DRIVER_NETKVM))
		finding_add(
		    j->i, "W-DRIVER-SOURCE", SEVERITY_WARNING, NULL, "Give one with --virtio-win.",
		    "No virtio drivers for Windows are on this host: the machine gets %s disks and network cards "
		    "of the model %s.",
		    disk_word(caps->disk), net_bus_name(caps->net));
}

static void tell_no_disk(struct injection *j, const struct caps *caps)
{
	bool scsi = j->w->prefer == DISK_BUS_VIRTIO_SCSI;
	const struct driver_choice *d = &j->chosen.v[scsi ? DRIVER_VIOSCSI : DRIVER_VIOSTOR];

	finding_add(j->i, "W-DRIVER-DISK", SEVERITY_WARNING, d->package ? d->package->path : d->why_path,
		    "Give a driver source with packages for this Windows (--virtio-win).",
		    "There is no driver for virtio disks, so the machine gets %s disks: %s.", disk_word(caps->disk),
		    against_boot(j, d));
}

static void tell_no_net(struct injection *j, const struct caps *caps)
{
	const struct driver_choice *d = &j->chosen.v[DRIVER_NETKVM];

	finding_add(j->i, "W-DRIVER-NET", SEVERITY_WARNING, d->why_path,
		    "Give a driver source with packages for this Windows (--virtio-win).",
		    "There is no driver for virtio network cards, so they are of the model %s: %s.",
		    net_bus_name(caps->net), d->why);
}

/* The other devices in one finding: many have none in an old Windows. */
static void tell_rest(struct injection *j)
{
	const char *list = NULL;

	for (enum driver_kind k = DRIVER_NETKVM + 1; k < DRIVER_KINDS; k++) {
		const struct driver_choice *d = &j->chosen.v[k];

		if (!has_driver(j, k))
			list = arena_printf(j->a, "%s%s%s (%s)", list ? list : "", list ? ", " : "",
					    driver_kind_name(k), d->why);
	}
	if (list)
		finding_add(j->i, "I-DRIVER-MISSING", SEVERITY_INFO, j->c->path, NULL,
			    "Devices without a driver in the source: %s.", list);
}

/* Names of the devices for whose driver a test holds, NULL: none. */
static const char *names_where(struct injection *j, bool (*test)(const struct driver_choice *d))
{
	const char *ret = NULL;

	for (enum driver_kind k = DRIVER_UNKNOWN + 1; k < DRIVER_KINDS; k++)
		if (test(&j->chosen.v[k]))
			ret = arena_printf(j->a, "%s%s%s", ret ? ret : "", ret ? ", " : "", driver_kind_name(k));
	return ret;
}

static bool is_attested(const struct driver_choice *d)
{
	return d->signature == SIGNATURE_ATTESTED;
}

static bool is_cross_signed(const struct driver_choice *d)
{
	return d->program && d->program->binary.signature == SIGNATURE_CROSS;
}

static bool is_installed(const struct driver_choice *d)
{
	return d->installed;
}

static void tell_installed(struct injection *j)
{
	const char *own = names_where(j, is_installed);

	if (own)
		finding_add(j->i, "I-DRIVER-INSTALLED", SEVERITY_INFO, NULL, NULL,
			    "The guest has these drivers already, and they stay: %s.", own);
}

static void tell_doubts(struct injection *j)
{
	const char *attested = names_where(j, is_attested), *other = names_where(j, choice_is_for_other_release),
		   *cross = j->w->version.major >= 10 ? names_where(j, is_cross_signed) : NULL;
	enum windows_role role = j->w->version.role;

	if (attested && (role == WINDOWS_SERVER || role == WINDOWS_DOMAIN_CONTROLLER))
		finding_add(j->i, "I-DRIVER-ATTESTED", SEVERITY_INFO, j->c->path,
			    "Where a policy of the server asks for it: give a source with WHQL-signed drivers.",
			    "Microsoft signed these drivers without its tests, which it means for clients: %s.",
			    attested);
	if (cross)
		finding_add(j->i, "W-DRIVER-CROSS-SIGNED", SEVERITY_WARNING, j->c->path,
			    "Switch Secure Boot off, or give a source with drivers that Microsoft signed.",
			    "With Secure Boot this Windows does not load drivers that only their maker signed: %s.",
			    cross);
	if (other)
		finding_add(j->i, "I-DRIVER-OTHER-RELEASE", SEVERITY_INFO, j->c->path, NULL,
			    "The source has no folder for this release of Windows; packages that accept it were taken "
			    "from others: %s.",
			    other);
}

/* ------------------------------------------------------------------------------------------------------------ caps */

static enum net_bus plain_net(const struct windows_version *v)
{
	if (v->major < 6)
		return NET_BUS_RTL8139;
	return windows_compare(6, 1, v) >= 0 ? NET_BUS_E1000 : NET_BUS_E1000E;
}

/* A driver from before virtio 1.0 drives no device on a PCI Express port, where it has no legacy interface. */
static bool is_legacy_only(const struct injection *j, enum driver_kind k)
{
	return has_driver(j, k) && !j->chosen.v[k].ids[1];
}

static enum board board_of(const struct injection *j)
{
	const struct windows_version *v = &j->w->version;

	if (strcmp(v->arch, "aarch64") == 0)
		return BOARD_VIRT;
	return v->major < 6 || is_legacy_only(j, j->boot) || is_legacy_only(j, DRIVER_NETKVM) ? BOARD_PC : BOARD_Q35;
}

static void set_caps(struct injection *j, struct caps *caps)
{
	enum disk_bus plain = j->w->version.major < 6 ? DISK_BUS_IDE : DISK_BUS_SATA;

	caps->disk = j->boot == DRIVER_VIOSTOR	 ? DISK_BUS_VIRTIO_BLK
		     : j->boot == DRIVER_VIOSCSI ? DISK_BUS_VIRTIO_SCSI
						 : plain;
	caps->net = has_driver(j, DRIVER_NETKVM) ? NET_BUS_VIRTIO : plain_net(&j->w->version);
	caps->board = board_of(j);
	caps->rng = has_driver(j, DRIVER_VIORNG);
	caps->balloon = has_driver(j, DRIVER_BALLOON);
	caps->agent_channel = has_driver(j, DRIVER_VIOSERIAL);
	caps->virtio_gpu = has_driver(j, DRIVER_VIOGPUDO);
	caps->safe_mode = !j->boot;
}

/* ------------------------------------------------------------------------------------------------------------ order */

static void add_staged(struct injection *j, enum driver_kind k, struct driver_injection *ret)
{
	const struct driver_choice *d = &j->chosen.v[k];

	*vec_push(j->a, &ret->list) = (struct staged_driver){
	    .kind = k,
	    .inf = staged_inf(j->a, k, d),
	    .version = inf_version_text(inf_version(d->package->inf), j->a),
	    .source = arena_strdup(j->a, d->package->path),
	    .boot = k == j->boot,
	};
}

static void list_staged(struct injection *j, struct driver_injection *ret)
{
	if (j->chosen.v[j->boot].package)
		add_staged(j, j->boot, ret);
	for (enum driver_kind k = DRIVER_UNKNOWN + 1; k < DRIVER_KINDS; k++)
		if (k != j->boot && j->chosen.v[k].package)
			add_staged(j, k, ret);
}

/* Updates that bring SHA-2 to Vista, 7 and their servers; a rollup is of 2016 or later and holds them. */
static bool is_sha2_update(const char *package)
{
	return strcasestr(package, "KB4474419") || strcasestr(package, "KB3033929") || strcasestr(package, "RollupFix");
}

/* Without a list of updates it isn't known, and taken for a Windows that is kept up to date. */
static int find_sha2(struct injection *j, bool *ret, struct err *err)
{
	enum { INSTALLED = 0x70 };
	struct names packages;

	*ret = true;
	if (windows_compare(6, 2, &j->w->version) <= 0 || !hive_has_key(j->w->software, PACKAGES))
		return 0;
	*ret = false;
	if (hive_subkeys(j->w->software, PACKAGES, j->a, &packages, err) < 0)
		return -1;
	for (size_t i = 0; !*ret && i < packages.list.n; i++) {
		const char *name = packages.list.v[i];
		uint32_t state = INSTALLED;

		if (!is_sha2_update(name))
			continue;
		if (hive_dword(j->w->software, arena_printf(j->a, PACKAGES "\\%s", name), "CurrentState", INSTALLED,
			       &state, err) < 0)
			return -1;
		*ret = state == INSTALLED;
	}
	return 0;
}

static int choose_packages(struct injection *j, struct err *err)
{
	bool knows_sha2;

	if (find_sha2(j, &knows_sha2, err) < 0)
		return -1;
	choose_drivers(j->c, &j->w->version, knows_sha2, j->a, &j->chosen);
	return 0;
}

static void tell_all(struct injection *j, const struct caps *caps)
{
	tell_installed(j);
	if (!j->c) {
		tell_no_source(j, caps);
		return;
	}
	tell_problems(j);
	tell_doubts(j);
	if (!j->boot)
		tell_no_disk(j, caps);
	if (!has_driver(j, DRIVER_NETKVM))
		tell_no_net(j, caps);
	tell_rest(j);
}

static int inject_chosen(struct injection *j, struct err *err)
{
	if (j->c && (stage_files(j, err) < 0 || stage_device_path(j, err) < 0))
		return -1;
	if (!j->boot)
		return boot_plain(j, err);
	return j->chosen.v[j->boot].package ? boot_virtio(j, err) : 0;
}

int inject_windows(struct guest *g, const struct windows_guest *w, const struct driver_catalogue *c,
		   struct inspection *i, struct changelog *log, struct arena *a, struct driver_injection *ret,
		   struct caps *caps, struct err *err)
{
	struct injection j = {.g = g, .w = w, .c = c, .i = i, .log = log, .a = a};

	*ret = (struct driver_injection){0};
	if ((c && choose_packages(&j, err) < 0) || find_installed(&j, err) < 0)
		return err_wrap(err, "driver injection");
	choose_boot(&j);
	set_caps(&j, caps);
	tell_all(&j, caps);
	if (inject_chosen(&j, err) < 0)
		return err_wrap(err, "driver injection");
	list_staged(&j, ret);
	return 0;
}
