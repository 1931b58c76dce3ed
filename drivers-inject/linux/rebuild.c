/* --initramfs=rebuild: images made anew by the guest's own generator, in the appliance; judged before they are taken.
 */
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "core/base/checked.h"
#include "drivers-inject/inject.h"
#include "drivers-inject/linux/graft.h"
#include "drivers-inject/linux/lost.h"
#include "guest/files/devnames.h"
#include "guest/files/hostonly.h"

#define FOLDER "/var/tmp/.rehost-initramfs"
#define IMAGE  "/var/tmp/.rehost-initramfs/image"

/* Room for what a generator says; its end tells why it failed. */
enum { SAID_MAX = 8 << 20, SAID_SHOWN = 400 };

/* What makes an image of kernel $2 at $1 with the modules $3. dracut looks at the machine that it runs on, the
 * appliance: it is told the drivers, and not to write that machine's devices into the image. */
static const struct {
	const char *generator, *script;
} generators[] = {
    {"initramfs-tools", "exec mkinitramfs -o \"$1\" \"$2\""},
    {"dracut", "case $(dracut --help 2>&1) in *--no-hostonly-cmdline*) no=--no-hostonly-cmdline ;; esac; "
	       "exec dracut --force $no --add-drivers \"$3\" \"$1\" \"$2\""},
    {"mkinitcpio", "exec mkinitcpio -k \"$2\" -g \"$1\""},
    {"mkinitfs", "exec mkinitfs -o \"$1\" \"$2\""},
    {"booster", "exec booster build --force --kernel-version \"$2\" \"$1\""},
    {"mkinitrd-nash", "for m in $3; do with=\"$with --with=$m\"; done; exec mkinitrd -f $with \"$1\" \"$2\""},
};

/* What the new hardware needs before the root file system is there. */
static const struct {
	enum disk_bus bus;
	const char *names, *modules[2];
} needs[] = {
    {DISK_BUS_VIRTIO_BLK, "virtio_pci virtio_blk virtio_scsi sd_mod", {"virtio_pci", "virtio_blk"}},
    {DISK_BUS_SATA, "ahci sd_mod", {"ahci", "sd_mod"}},
    {DISK_BUS_IDE, "ata_piix sd_mod", {"ata_piix", "sd_mod"}},
};
#define COUNT(array) (sizeof(array) / sizeof *(array))

struct rebuild {
	struct guest *g;
	struct inspection *i;
	struct changelog *log;
	struct kernel *kernel;
	size_t need;	 /* in needs */
	const char *why; /* it failed, in the inspection's arena; NULL: it didn't */
};

static const char *script_for(const char *generator)
{
	for (size_t k = 0; generator && k < COUNT(generators); k++)
		if (strcmp(generators[k].generator, generator) == 0)
			return generators[k].script;
	return NULL;
}

/* The last words, on one line. */
static const char *last_words(struct arena *a, const char *said)
{
	size_t n = strlen(said);
	char *ret = arena_strdup(a, said + (n > SAID_SHOWN ? n - SAID_SHOWN : 0));

	for (char *p = ret; *p; p++)
		if ((unsigned char)*p < ' ')
			*p = ' ';
	return ret;
}

static int generate(struct rebuild *r, const char *script, struct err *err)
{
	AUTO(buf_done) struct buf said = BUF_INIT(SAID_MAX);
	AUTO(arena_done) struct arena a = {0};
	const char *with_path = arena_printf(&a, "PATH=/usr/sbin:/usr/bin:/sbin:/bin; umask 077; %s", script);
	struct err local = ERR_INIT;

	if (r->g->ops->remove(r->g, FOLDER, true, err) < 0 || guest_mkdir(r->g, FOLDER, 0755, err) < 0)
		return -1;
	if (r->g->ops->run(r->g,
			   (const char *[]){"/bin/sh", "-c", with_path, "sh", IMAGE, r->kernel->version,
					    needs[r->need].names, NULL},
			   &said, &local) == 0)
		return 0;
	if (local.code == ERR_INTERRUPTED || local.code == ERR_TEMPFAIL)
		return err_pass(err, &local);
	r->why = arena_printf(&r->i->arena, "it failed: %s", last_words(&r->i->arena, local.text));
	return 0;
}

/* A module, and all that it needs, is in the image or built in. */
static int holds(struct graft_plan *p, const char *module, bool *ret, struct err *err)
{
	struct module_list list = {0};
	enum module_place place;

	if (graft_place(p, module, &place, err) < 0)
		return -1;
	*ret = place == MODULE_BUILT_IN;
	if (place != MODULE_IN_INITRAMFS)
		return 0;
	*ret = modules_closure(p->modules, module, &p->arena, &list, NULL) == 0;
	VEC_FOR (m, &list.list)
		*ret &= initramfs_module(p->im, p->kernel->version, m->name) != NULL;
	return 0;
}

static const char *note_hardware(const struct device_use *use, void *opaque)
{
	const char **found = opaque;
	struct devname parsed;

	if (devname_parse(use->name, &parsed))
		*found = use->name;
	return NULL;
}

/* A device that the image waits for or mounts by a name that the appliance's hardware gives it; NULL. */
static const char *hardware_in(struct graft_plan *new)
{
	const char *found = NULL;
	const struct device_visitor v = {note_hardware, &found};

	VEC_FOR (m, &new->im->members) {
		device_walker *walk = m->content ? hostonly_walker(m->path, NULL) : NULL;
		char *awaited = hostonly_awaited(m->path, &new->arena);
		struct lines l;

		if (awaited)
			note_hardware(&(struct device_use){.name = awaited}, &found);
		if (!walk)
			continue;
		lines_split(&l, &new->arena, m->content);
		walk(&l, &v);
	}
	return found ? arena_strdup(&new->arena, found) : NULL;
}

static int judge(struct rebuild *r, struct graft_plan *new, struct graft_plan *old, struct err *err)
{
	const char *missing, *foreign;

	if (!new->im || new->no_graft || !old->im) {
		r->why = "what it made can't be read as the kernel reads it";
		return 0;
	}
	for (size_t k = 0; !r->why && k < COUNT(needs[r->need].modules); k++) {
		bool good;

		if (holds(new, needs[r->need].modules[k], &good, err) < 0)
			return -1;
		if (!good)
			r->why = arena_printf(&r->i->arena, "%s isn't in what it made, or not all that it needs",
					      needs[r->need].modules[k]);
	}
	missing = r->why ? NULL : image_lost(new, old, r->i);
	if (missing)
		r->why = arena_strdup(&r->i->arena, missing);
	foreign = r->why ? NULL : hardware_in(new);
	if (foreign)
		r->why = arena_printf(&r->i->arena, "what it made waits for '%s', a name of the appliance's hardware",
				      foreign);
	return 0;
}

/* Reads both images and compares. */
static int verify(struct rebuild *r, struct err *err)
{
	struct kernel made = *r->kernel;
	struct graft_plan new = {0}, old = {0};
	char image[] = IMAGE;
	int ret = -1;

	made.initrd = image;
	if (graft_plan_open(r->g, &made, &new, err) == 0 && graft_plan_open(r->g, r->kernel, &old, err) == 0)
		ret = judge(r, &new, &old, err);
	graft_plan_done(&new);
	graft_plan_done(&old);
	return ret;
}

/* The image takes the old one's place, if there is room. */
static int take(struct rebuild *r, struct err *err)
{
	AUTO(buf_done) struct buf b = BUF_INIT(INITRAMFS_FILE_MAX);
	AUTO(arena_done) struct arena a = {0};
	struct guest_stat old;
	uint64_t space;

	if (r->g->ops->read(r->g, IMAGE, &b, err) < 0 ||
	    r->g->ops->stat(r->g, r->kernel->initrd, true, &old, err) < 0 ||
	    r->g->ops->space_free(r->g, r->kernel->initrd, &space, err) < 0)
		return -1;
	if (b.len > old.size && align_up(b.len - old.size, 4096) + 4096 > space) {
		r->why = arena_printf(&r->i->arena, "what it made is %zu KiB larger, %" PRIu64 " KiB are free",
				      (b.len - (size_t)old.size) / 1024, space / KIB);
		return 0;
	}
	return guest_put(r->g, r->log, r->kernel->initrd, b.data, b.len, 0600, "--initramfs=rebuild was asked for",
			 arena_printf(&a,
				      "made anew by the guest's own %s in the appliance; the file was %" PRIu64
				      " bytes long, is now %zu",
				      r->kernel->initrd_generator, old.size, b.len),
			 err);
}

static int rebuild_one(struct rebuild *r, struct err *err)
{
	const char *script = script_for(r->kernel->initrd_generator);
	struct guest_stat st;

	r->why = script ? NULL : "how it is run isn't known";
	if (script && generate(r, script, err) < 0)
		return -1;
	if (!r->why && r->g->ops->stat(r->g, IMAGE, false, &st, err) < 0)
		return -1;
	if (!r->why && (!S_ISREG(st.mode) || st.size > INITRAMFS_FILE_MAX))
		r->why = "it made no image";
	if (!r->why && verify(r, err) < 0)
		return -1;
	if (!r->why && take(r, err) < 0)
		return -1;
	if (r->why)
		finding_add(
		    r->i, "W-INITRAMFS-REBUILD", SEVERITY_WARNING, r->kernel->initrd,
		    "Make it anew in the guest after its first start.",
		    "kernel %s: the initramfs wasn't made anew by the guest's %s: %s; it has the drivers that were "
		    "appended",
		    r->kernel->version, r->kernel->initrd_generator ? r->kernel->initrd_generator : "generator",
		    r->why);
	return r->g->ops->remove(r->g, FOLDER, true, err);
}

/* Those that no longer count, and what a crash or a rescue boots, keep what they have. */
static bool is_wanted(const struct kernel *k)
{
	return !k->crash && !k->xen_only && !k->left_behind && !(k->initrd && strstr(k->initrd, "rescue"));
}

static void report_unified(struct inspection *i, const struct kernel *k)
{
	finding_add(i, "W-INITRAMFS-REBUILD", SEVERITY_WARNING, k->unified,
		    "Build it anew in the guest after its first start.",
		    "kernel %s: the initramfs wasn't made anew: it is part of a unified image, which was left as it is",
		    k->version);
}

/* The appliance has this machine's processor. */
static bool runs_here(const char *arch)
{
	struct utsname host;

	if (!arch || uname(&host) < 0 || strcmp(arch, host.machine) == 0)
		return true;
	return strcmp(host.machine, "x86_64") == 0 && strlen(arch) == 4 && arch[0] == 'i' &&
	       strcmp(arch + 2, "86") == 0;
}

int rebuild_linux(struct guest *g, struct inspection *i, struct changelog *log, const struct caps *caps,
		  struct err *err)
{
	struct rebuild r = {.g = g, .i = i, .log = log};

	if (!runs_here(i->os.arch))
		return err_set(
		    err, ERR_BLOCKED,
		    "--initramfs=rebuild: the guest's programs are for %s and can't run on this machine; without "
		    "the option the drivers are appended to its images",
		    i->os.arch);
	if (!g->ops->run)
		return err_set(err, ERR_BLOCKED,
			       "--initramfs=rebuild: there is nothing to run the guest's programs in");
	while (r.need < COUNT(needs) && needs[r.need].bus != caps->disk)
		r.need++;
	for (size_t k = 0; r.need < COUNT(needs) && k < i->kernels.n; k++) {
		r.kernel = &i->kernels.v[k];
		if (!is_wanted(r.kernel))
			continue;
		if (!r.kernel->initrd && r.kernel->unified)
			report_unified(i, r.kernel);
		if (r.kernel->initrd && rebuild_one(&r, err) < 0)
			return err_wrap(err, "initramfs of kernel %s", r.kernel->version);
	}
	return 0;
}
