/* Driver injection for Linux: which bus every bootable kernel can drive, the grafts that make it so, and the caps. */
#include <inttypes.h>
#include <string.h>

#include "core/base/checked.h"
#include "drivers-inject/inject.h"
#include "drivers-inject/linux/graft.h"
#include "drivers-inject/linux/virtio.h"

/* Every kernel gets these where it has them; they cost little, and then any virtio disk works. */
static const char *const wanted[] = {"virtio_pci", "virtio_blk", "virtio_scsi", "sd_mod"};

/* From the best to what old kernels still drive. */
static const struct {
	enum disk_bus bus;
	bool x86_only;
	const char *needs[2];
} buses[] = {
    {DISK_BUS_VIRTIO_BLK, false, {"virtio_pci", "virtio_blk"}},
    {DISK_BUS_SATA, false, {"ahci", "sd_mod"}},
    {DISK_BUS_IDE, true, {"ata_piix", "sd_mod"}},
};

/* The old ones are for old kernels, which there are for x86 only. */
static const struct {
	enum net_bus bus;
	bool x86_only;
	const char *module;
} cards[] = {
    {NET_BUS_VIRTIO, false, "virtio_net"},
    {NET_BUS_E1000E, false, "e1000e"},
    {NET_BUS_E1000, true, "e1000"},
    {NET_BUS_RTL8139, true, "8139cp"},
};
#define COUNT(array) (sizeof(array) / sizeof *(array))

/* What is held of all kernels at once: module lists, names and settings of images, parts. A distribution's kernel takes
 * about 10 MiB and as much for the part; of one that was made to be large, one more than this may be in memory. */
#define KERNELS_MEMORY_MAX (512 * MIB)

struct injection {
	struct guest *g;
	struct inspection *i;
	struct changelog *log;
	struct caps *caps;
	struct graft_plan *plans; /* one for each kernel */
	size_t n;
	enum board board; /* by the guest's processor */
	bool none_marked; /* no boot entry names a kernel: all count as bootable */
};

static bool counts(const struct injection *j, const struct graft_plan *p)
{
	return (p->kernel->bootable || j->none_marked) && !p->kernel->xen_only && !p->kernel->left_behind &&
	       !p->kernel->crash;
}

/* Whether every kernel that can be booted has the module at the stage asked for. */
static int all_have(struct injection *j, const char *module, bool before_root, bool *ret, struct err *err)
{
	*ret = true;
	for (size_t k = 0; *ret && k < j->n; k++) {
		struct graft_plan *p = &j->plans[k];
		enum module_place place;

		if (!counts(j, p))
			continue;
		if (before_root) {
			if (graft_can(p, module, ret, err) < 0)
				return -1;
		} else {
			if (graft_place(p, module, &place, err) < 0)
				return -1;
			*ret = place != MODULE_MISSING;
		}
	}
	return 0;
}

static int choose_disk_bus(struct injection *j, struct err *err)
{
	for (size_t b = 0; b < COUNT(buses); b++) {
		bool first, second;

		if (buses[b].x86_only && j->board == BOARD_VIRT)
			continue;
		if (all_have(j, buses[b].needs[0], true, &first, err) < 0 ||
		    all_have(j, buses[b].needs[1], true, &second, err) < 0)
			return -1;
		if (first && second) {
			j->caps->disk = buses[b].bus;
			return 0;
		}
	}
	j->caps->disk = DISK_BUS_UNKNOWN;
	return 0;
}

static int choose_card(struct injection *j, struct err *err)
{
	/* When nothing was proven for the disks, nothing is tried with the network either. */
	for (size_t c = j->caps->safe_mode ? 1 : 0; c < COUNT(cards); c++) {
		bool all;

		if (cards[c].x86_only && j->board == BOARD_VIRT)
			continue;
		if (all_have(j, cards[c].module, false, &all, err) < 0)
			return -1;
		if (all) {
			j->caps->net = cards[c].bus;
			return 0;
		}
	}
	j->caps->net = NET_BUS_E1000E;
	return 0;
}

/* Why a kernel can't have virtio disks, in words behind "kernel X: ". */
static int why_not_virtio(struct graft_plan *p, struct arena *a, const char **ret, struct err *err)
{
	*ret = NULL;
	for (size_t k = 0; k < COUNT(buses[0].needs); k++) {
		const char *module = buses[0].needs[k];
		enum module_place place;
		bool can;

		if (graft_place(p, module, &place, err) < 0 || graft_can(p, module, &can, err) < 0)
			return -1;
		if (can)
			continue;
		*ret = place == MODULE_MISSING ? arena_printf(a, "it has no module %s", module)
					       : arena_printf(a, "%s", p->no_graft);
		return 0;
	}
	return 0;
}

/* A kernel's image is left as it is; what leaves a kernel behind has been told already. */
static void report_without(struct injection *j, const struct graft_plan *p, const char *why)
{
	if (p->kernel->left_behind)
		return;
	if (p->kernel->crash)
		finding_add(j->i, "I-KDUMP-IMAGE", SEVERITY_INFO, p->kernel->initrd,
			    "After the first start, have the guest's kdump service make it anew (kdumpctl rebuild, "
			    "mkdumprd -f, kdump-config).",
			    "the image that saves crash dumps of kernel %s wasn't given virtio disks: %s",
			    p->kernel->version, why);
	else if (counts(j, p))
		finding_add(j->i, "W-DISK-SAFE-MODE", SEVERITY_WARNING, p->kernel->vmlinuz,
			    "Install a kernel with virtio drivers, then set the disks' bus to virtio.",
			    "kernel %s can't use virtio disks: %s; so the machine gets %s disks", p->kernel->version,
			    why, disk_bus_name(j->caps->disk));
	else
		finding_add(j->i, "I-KERNEL-NO-VIRTIO", SEVERITY_INFO, p->kernel->vmlinuz, NULL,
			    "kernel %s, which no boot entry names, can't use virtio disks: %s", p->kernel->version,
			    why);
}

static int report_safe_mode(struct injection *j, struct err *err)
{
	for (size_t k = 0; k < j->n; k++) {
		const char *why;

		if (why_not_virtio(&j->plans[k], &j->i->arena, &why, err) < 0)
			return -1;
		if (why)
			report_without(j, &j->plans[k], why);
	}
	return 0;
}

/* No bus is sure. A kernel whose initramfs can't be looked into may well boot from SATA. */
static void report_no_bus(struct injection *j)
{
	bool unknown = !j->n;

	for (size_t k = 0; k < j->n; k++)
		unknown |= counts(j, &j->plans[k]) && j->plans[k].kernel->initrd && !j->plans[k].im;
	j->caps->disk = DISK_BUS_SATA;
	finding_add(j->i, unknown ? "W-BOOT-NO-DISK-DRIVER" : "B-NO-DISK-DRIVER",
		    unknown ? SEVERITY_WARNING : SEVERITY_BLOCKER, NULL,
		    "Make an initramfs with virtio_blk or ahci in the guest, and convert again.",
		    "no disk bus of the new hardware is one that every bootable kernel was seen to drive");
}

static int choose(struct injection *j, struct err *err)
{
	if (choose_disk_bus(j, err) < 0)
		return -1;
	j->caps->safe_mode = j->caps->disk != DISK_BUS_VIRTIO_BLK;
	if (!j->n || j->caps->disk == DISK_BUS_UNKNOWN)
		report_no_bus(j);
	if (choose_card(j, err) < 0)
		return -1;
	if (!j->caps->safe_mode && j->caps->net != NET_BUS_VIRTIO)
		finding_add(j->i, "W-NET-NO-VIRTIO", SEVERITY_WARNING, NULL,
			    "Install a kernel with virtio_net, then set the cards' model to virtio.",
			    "not every bootable kernel has virtio_net, so the network cards are %s",
			    net_bus_name(j->caps->net));
	return report_safe_mode(j, err);
}

static int plan_modules(struct injection *j, struct graft_plan *p, struct err *err)
{
	for (size_t w = 0; w < COUNT(wanted); w++)
		if (graft_want(p, wanted[w], err) < 0)
			return -1;
	/* udev names cards as soon as it can: only an image that had cards before may have them now. */
	if (graft_has_net(p) && graft_want(p, "virtio_net", err) < 0)
		return -1;
	for (size_t b = 1; b < COUNT(buses); b++)
		if (buses[b].bus == j->caps->disk &&
		    (graft_want(p, buses[b].needs[0], err) < 0 || graft_want(p, buses[b].needs[1], err) < 0))
			return -1;
	if (graft_refresh_copies(p, j->i, err) < 0)
		return -1;
	return graft_make_part(p, err);
}

/* What the files on one file system grow by, in whole blocks. */
static uint64_t growth_on(const struct injection *j, uint64_t dev, size_t *ret_files)
{
	uint64_t sum = 0;

	*ret_files = 0;
	for (size_t k = 0; k < j->n; k++) {
		const struct graft_plan *p = &j->plans[k];
		uint64_t size = graft_new_size(p);
		struct guest_stat st;

		if (size <= p->old_size || p->g->ops->stat(p->g, p->kernel->initrd, true, &st, NULL) < 0 ||
		    st.dev != dev)
			continue;
		sum += align_up(size - p->old_size, 4096) + 4096;
		++*ret_files;
	}
	return sum;
}

/* Of the images that decide nothing and grow on this file system, kdump's first, one stays as it is; false: there is
 * none. */
static bool drop_one(struct injection *j, uint64_t dev)
{
	struct graft_plan *least = NULL;

	for (size_t k = 0; k < j->n; k++) {
		struct graft_plan *p = &j->plans[k];
		struct guest_stat st;

		if (counts(j, p) || graft_new_size(p) <= p->old_size ||
		    j->g->ops->stat(j->g, p->kernel->initrd, true, &st, NULL) < 0 || st.dev != dev)
			continue;
		if (!least || (p->kernel->crash && !least->kernel->crash))
			least = p;
	}
	if (!least)
		return false;
	report_without(j, least, "there is no room for a larger initramfs where it lies");
	buf_clear(&least->part);
	return true;
}

static int check_space(struct injection *j, struct err *err)
{
	for (size_t k = 0; k < j->n; k++) {
		const struct graft_plan *p = &j->plans[k];
		uint64_t needed, space;
		struct guest_stat st;
		size_t files;

		if (graft_new_size(p) <= p->old_size)
			continue;
		if (j->g->ops->stat(j->g, p->kernel->initrd, true, &st, err) < 0 ||
		    j->g->ops->space_free(j->g, p->kernel->initrd, &space, err) < 0)
			return -1;
		do
			needed = growth_on(j, st.dev, &files);
		while (needed > space && drop_one(j, st.dev));
		if (needed > space)
			return err_set(err, ERR_BLOCKED,
				       "no room for virtio drivers where '%s' lies: %zu initramfs need %" PRIu64
				       " KiB more, %" PRIu64 " KiB are free; remove an old kernel in the guest",
				       p->kernel->initrd, files, needed / KIB, space / KIB);
	}
	return 0;
}

static bool is_listed(const char *const *names, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

/* The settings of each generator that made a changed image, once, with what was added to any of its images. */
static int write_settings(struct injection *j, struct err *err)
{
	const char *names[16];

	for (size_t k = 0; k < j->n; k++) {
		const char *generator = j->plans[k].part.len ? j->plans[k].im->generator : NULL;
		size_t n = 0;
		bool done = false;

		for (size_t e = 0; generator && e < j->n; e++) {
			if (!j->plans[e].part.len || strcmp(j->plans[e].im->generator, generator) != 0)
				continue;
			done |= e < k;
			VEC_FOR (root, &j->plans[e].roots)
				if (n < COUNT(names) && !is_listed(names, n, *root))
					names[n++] = *root;
		}
		if (n && !done && graft_settings(j->g, j->i, j->log, generator, names, n, err) < 0)
			return -1;
	}
	return 0;
}

static int apply(struct injection *j, struct err *err)
{
	bool changed;

	if (check_space(j, err) < 0)
		return -1;
	for (size_t k = 0; k < j->n; k++)
		if (graft_apply(&j->plans[k], j->log, &changed, err) < 0)
			return -1;
	return write_settings(j, err);
}

/* Devices that only matter once the root file system is there. */
static int choose_others(struct injection *j, struct err *err)
{
	const struct {
		const char *module;
		bool *flag;
	} others[] = {
	    {"virtio_rng", &j->caps->rng},
	    {"virtio_balloon", &j->caps->balloon},
	    {"virtio_console", &j->caps->agent_channel},
	    {"virtio_gpu", &j->caps->virtio_gpu},
	};
	bool modern = j->n > 0;

	for (size_t o = 0; o < COUNT(others); o++) {
		*others[o].flag = false;
		if (j->n && !j->caps->safe_mode && all_have(j, others[o].module, false, others[o].flag, err) < 0)
			return -1;
	}
	for (size_t k = 0; k < j->n && modern; k++)
		if (counts(j, &j->plans[k]) && virtio_is_modern(&j->plans[k], &modern, err) < 0)
			return -1;
	j->caps->board = j->board;
	if (j->board == BOARD_Q35 &&
	    (j->caps->disk == DISK_BUS_IDE || (j->caps->disk == DISK_BUS_VIRTIO_BLK && !modern)))
		j->caps->board = BOARD_PC;
	return 0;
}

static int check_memory(const struct injection *j, size_t opened, struct err *err)
{
	uint64_t sum = 0;

	for (size_t k = 0; k < opened; k++)
		sum += graft_plan_memory(&j->plans[k]);
	return sum <= KERNELS_MEMORY_MAX
		   ? 0
		   : err_set(err, ERR_BLOCKED,
			     "the module lists and initramfs images of %zu kernels (of %zu) take %" PRIu64
			     " MiB of memory, at most %" PRIu64
			     " are given to them: remove old kernels in the guest, or use --no-convert",
			     opened, j->i->kernels.n, sum / MIB, KERNELS_MEMORY_MAX / MIB);
}

/* Of the plans that have the same file as initramfs, one whose kernel's modules it holds; NULL. */
static const struct graft_plan *owner_of_image(const struct injection *j, const struct graft_plan *p)
{
	struct guest_stat own, st;

	if (j->g->ops->stat(j->g, p->kernel->initrd, true, &own, NULL) < 0)
		return NULL;
	for (size_t k = 0; k < j->n; k++) {
		const struct kernel *other = j->plans[k].kernel;

		if (other->initrd && j->plans[k].im && !initramfs_is_foreign(j->plans[k].im, other->version) &&
		    j->g->ops->stat(j->g, other->initrd, true, &st, NULL) == 0 && st.dev == own.dev &&
		    st.ino == own.ino)
			return &j->plans[k];
	}
	return NULL;
}

/* A boot entry may name the image of another kernel. Two grafts in one file would replace each other. */
static void find_borrowed(struct injection *j)
{
	for (size_t k = 0; k < j->n; k++) {
		struct graft_plan *p = &j->plans[k];
		const struct graft_plan *owner = NULL;

		if (p->im && p->kernel->initrd && initramfs_is_foreign(p->im, p->kernel->version))
			owner = owner_of_image(j, p);
		if (!owner)
			continue;
		p->borrowed = true;
		p->no_graft =
		    arena_printf(&p->arena, "it is booted with the initramfs of kernel %s", owner->kernel->version);
	}
}

static int run(struct injection *j, struct err *err)
{
	j->none_marked = true;
	for (; j->n < j->i->kernels.n; j->n++) {
		struct kernel *k = &j->i->kernels.v[j->n];

		if (graft_plan_open(j->g, k, &j->plans[j->n], err) < 0) {
			graft_plan_done(&j->plans[j->n]);
			return err_wrap(err, "kernel %s", k->version);
		}
		j->none_marked &= !k->bootable;
		if (check_memory(j, j->n + 1, err) < 0) {
			graft_plan_done(&j->plans[j->n]);
			return -1;
		}
	}
	find_borrowed(j);
	if (choose(j, err) < 0)
		return -1;
	for (size_t k = 0; k < j->n; k++)
		if (!j->plans[k].borrowed && (plan_modules(j, &j->plans[k], err) < 0 || check_memory(j, j->n, err) < 0))
			return err_wrap(err, "kernel %s", j->plans[k].kernel->version);
	return apply(j, err) < 0 ? -1 : choose_others(j, err);
}

int inject_linux(struct guest *g, struct inspection *i, struct changelog *log, struct caps *caps, struct err *err)
{
	struct injection j = {.g = g, .i = i, .log = log, .caps = caps};
	int ret;

	j.board = board_for_arch(inspection_arch(i));

	j.plans = calloc(i->kernels.n + 1, sizeof *j.plans);
	if (!j.plans)
		return err_nomem(err);
	ret = run(&j, err);
	for (size_t k = 0; k < j.n; k++)
		graft_plan_done(&j.plans[k]);
	free(j.plans);
	return ret;
}
