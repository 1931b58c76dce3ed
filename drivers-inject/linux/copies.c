/* Files of the guest's configuration that an initramfs holds copies of: what was edited must be edited there too, or
 * the old names are still waited for at boot. */
#include <string.h>
#include <sys/stat.h>

#include "drivers-inject/linux/graft.h"
#include "guest/files/devnames.h"
#include "guest/files/fstab.h"
#include "guest/files/hostonly.h"
#include "guest/files/lvmconf.h"
#include "guest/files/mdadmconf.h"

struct copied_folder {
	const char *in_image; /* folder of the copies, with its slash */
	const char *in_guest;
	const char *generator; /* the only one that copies it unchanged; NULL: all do */
};

static const struct copied_folder folders[] = {
    {"conf/conf.d/", "/etc/initramfs-tools/conf.d/"},  {"conf/", "/etc/initramfs-tools/"}, /* initramfs.conf */
    {"etc/lvm/", "/etc/lvm/", "initramfs-tools"},					   /* others: see below */
    {"lib/systemd/network/", "/etc/systemd/network/"}, {"usr/lib/systemd/network/", "/etc/systemd/network/"},
    {"etc/systemd/network/", "/etc/systemd/network/"}, {"lib/udev/rules.d/", "/etc/udev/rules.d/"},
    {"usr/lib/udev/rules.d/", "/etc/udev/rules.d/"},   {"etc/udev/rules.d/", "/etc/udev/rules.d/"},
};

#define LVM_CONF       "etc/lvm/lvm.conf"
#define LVM_LOCAL      "etc/lvm/lvmlocal.conf"
#define LVM_DEVICES    "etc/lvm/devices/system.devices"
#define LINKS_IN_GUEST "/etc/systemd/network/"

/* The guest's file that a member is a copy of, NULL when there is none. */
static char *original_of(struct graft_plan *p, const char *member)
{
	for (size_t k = 0; k < sizeof folders / sizeof *folders; k++) {
		size_t len = strlen(folders[k].in_image);

		if (folders[k].generator && strcmp(folders[k].generator, p->im->generator) != 0)
			continue;
		if (strncmp(member, folders[k].in_image, len) == 0 && !strchr(member + len, '/'))
			return arena_printf(&p->arena, "%s%s", folders[k].in_guest, member + len);
	}
	return NULL;
}

/* conf/modules is made of the guest's list and more; add_to_list() in part.c extends it. cryptroot is made of the
 * guest's file, if it has one, and its crypttab. */
static bool is_generated(const char *member)
{
	return strcmp(member, "conf/modules") == 0 || strcmp(member, "conf/conf.d/cryptroot") == 0;
}

static int refresh_member(struct graft_plan *p, const struct initramfs_member *m, struct err *err)
{
	const char *path = m->content && S_ISREG(m->mode) && !is_generated(m->path) ? original_of(p, m->path) : NULL;
	char *text;

	if (!path)
		return 0;
	if (guest_regular_text(p->g, path, &p->arena, &text, err) < 0)
		return -1;
	if (text && strcmp(text, m->content) != 0)
		*vec_push(&p->arena, &p->copies) = (struct graft_copy){m->path, text};
	return 0;
}

/* .link files that are new: an image with drivers of network cards gives the cards their names. */
static int add_new_links(struct graft_plan *p, struct err *err)
{
	struct names links = {0};

	if (!graft_has_net(p) || !initramfs_find(p->im, "lib/systemd/network"))
		return 0;
	if (p->g->ops->glob(p->g, LINKS_IN_GUEST "*.link", &p->arena, &links, err) < 0)
		return -1;
	VEC_FOR (link, &links.list) {
		const char *copy = arena_printf(&p->arena, "lib/systemd/network/%s", *link + strlen(LINKS_IN_GUEST));
		char *text;

		if (initramfs_find(p->im, copy))
			continue;
		if (guest_regular_text(p->g, *link, &p->arena, &text, err) < 0)
			return -1;
		if (text)
			*vec_push(&p->arena, &p->copies) = (struct graft_copy){copy, text};
	}
	return 0;
}

static int take_filters(struct graft_plan *p, const char *path, struct lines *image, struct err *err)
{
	struct lines guest;
	char *text;

	if (guest_regular_text(p->g, path, &p->arena, &text, err) < 0)
		return -1;
	lines_split(&guest, &p->arena, text ? text : "");
	lvmconf_take_filters(image, &guest);
	return 0;
}

/* dracut changes the locking in its copy and merges both of the guest's files into one, others leave out what they
 * don't need: only the filters are taken over, those of lvmlocal.conf last, since they count. */
static int refresh_lvm_filters(struct graft_plan *p, const char *member, struct err *err)
{
	const struct initramfs_member *m = initramfs_at(p->im, member);
	struct lines image;
	char *text;

	if (!m || !m->content || !S_ISREG(m->mode) || strcmp(p->im->generator, "initramfs-tools") == 0)
		return 0;
	lines_split(&image, &p->arena, m->content);
	if (take_filters(p, arena_printf(&p->arena, "/%s", member), &image, err) < 0 ||
	    take_filters(p, "/" LVM_LOCAL, &image, err) < 0)
		return -1;
	text = lines_join(&image);
	if (strcmp(text, m->content) != 0)
		*vec_push(&p->arena, &p->copies) = (struct graft_copy){m->path, text};
	return 0;
}

/* Generators write an mdadm.conf of their own, whose list of devices would keep mdadm from the disks' new names. */
static void refresh_mdadm(struct graft_plan *p, const char *member)
{
	const struct initramfs_member *m = initramfs_at(p->im, member);
	struct lines l;

	if (!m || !m->content || !S_ISREG(m->mode))
		return;
	lines_split(&l, &p->arena, m->content);
	mdadmconf_open(&l);
	if (l.changed)
		*vec_push(&p->arena, &p->copies) = (struct graft_copy){m->path, lines_join(&l), true};
}

/* The list of the source's devices; device-caches has removed the guest's. */
static void remove_lvm_devices(struct graft_plan *p)
{
	if (initramfs_at(p->im, LVM_DEVICES) && !guest_exists(p->g, "/" LVM_DEVICES))
		*vec_push(&p->arena, &p->copies) = (struct graft_copy){LVM_DEVICES, NULL};
}

/* A target that only the image knows keeps its device. */
static void report_crypttab(struct graft_plan *p, struct inspection *i, const char *member, const struct lines *l)
{
	char *device;
	size_t line;

	if (p->kernel->left_behind || p->kernel->xen_only || !crypttab_hardware_device(l, &line, &device))
		return;
	finding_add(i, "W-BOOT-INITRAMFS-CRYPTTAB", SEVERITY_WARNING, p->kernel->initrd,
		    "Name the volume by UUID in the guest's crypttab and make the initramfs anew.",
		    "%s:%zu in the initramfs of kernel %s opens '%s', which depends on the source's hardware", member,
		    line + 1, p->kernel->version, device);
}

/* Generators leave out lines that they don't need (dracut) or take them from a file of their own (mkinitcpio), so only
 * the devices are taken over, by target. */
static int refresh_crypttab(struct graft_plan *p, const char *member, struct inspection *i, struct err *err)
{
	static const char *const sources[] = {"/etc/crypttab.initramfs", "/etc/crypttab"};
	const struct initramfs_member *m = initramfs_at(p->im, member);
	struct lines image, guest;
	char *text;

	if (!m || !m->content || !S_ISREG(m->mode))
		return 0;
	lines_split(&image, &p->arena, m->content);
	for (size_t k = 0; k < sizeof sources / sizeof *sources; k++) {
		if (guest_regular_text(p->g, sources[k], &p->arena, &text, err) < 0)
			return -1;
		lines_split(&guest, &p->arena, text ? text : "");
		crypttab_take_devices(&image, &guest);
	}
	report_crypttab(p, i, member, &image);
	text = lines_join(&image);
	if (strcmp(text, m->content) != 0)
		*vec_push(&p->arena, &p->copies) = (struct graft_copy){m->path, text};
	return 0;
}

struct renaming {
	const struct inspection *i;
	struct arena *arena;
	bool unknown; /* a name that only the source's hardware has stays */
};

static const char *renamed(const struct device_use *use, void *opaque)
{
	struct renaming *r = opaque;
	const char *with = devnames_replacement(r->i, use, r->arena);
	struct devname parsed;

	r->unknown |= !with && devname_parse(use->name, &parsed);
	return with;
}

/* The text with the names that hold on the new hardware. A wait for what isn't known here would never end. */
static char *with_new_names(struct graft_plan *p, const char *path, const char *content, struct renaming *r)
{
	const struct device_visitor v = {renamed, r};
	bool waits;
	device_walker *walk = hostonly_walker(path, &waits);
	struct lines l;

	r->unknown = false;
	lines_split(&l, &p->arena, content);
	walk(&l, &v);
	return waits && r->unknown ? arena_strdup(&p->arena, "true\n") : lines_join(&l);
}

/* Arguments, waits and volumes that a generator wrote for the source. A name that means nothing any more, on hardware
 * that has been changed already, was put right by the graft that is there, if it could be. */
static void refresh_hostonly(struct graft_plan *p, const struct inspection *i, const struct initramfs_member *m)
{
	struct renaming r = {i, &p->arena, false};
	char *text;

	if (!m->content || !S_ISREG(m->mode) || !hostonly_walker(m->path, NULL))
		return;
	text = with_new_names(p, m->path, m->content, &r);
	if (r.unknown && initramfs_text(p->im, m))
		text = with_new_names(p, m->path, initramfs_text(p->im, m), &r);
	if (strcmp(text, m->content) != 0)
		*vec_push(&p->arena, &p->copies) = (struct graft_copy){m->path, text, true};
}

/* systemd's wait for the device, which can't be taken out of its folder, ends after a second. */
static void end_wait(struct graft_plan *p, const char *member)
{
	char *device = hostonly_awaited(member, &p->arena);
	struct devname parsed;

	if (device && devname_parse(device, &parsed))
		*vec_push(&p->arena, &p->copies) = (struct graft_copy){
		    hostonly_timeout(member, &p->arena), "[Unit]\nJobTimeoutSec=1\nJobRunningTimeoutSec=1\n", true};
}

int graft_refresh_copies(struct graft_plan *p, struct inspection *i, struct err *err)
{
	if (!p->im || !p->kernel->initrd)
		return 0;
	VEC_FOR (m, &p->im->members) {
		refresh_hostonly(p, i, m);
		end_wait(p, m->path);
		if (refresh_member(p, m, err) < 0)
			return -1;
	}
	if (refresh_lvm_filters(p, LVM_CONF, err) < 0 || refresh_lvm_filters(p, LVM_LOCAL, err) < 0 ||
	    refresh_crypttab(p, "etc/crypttab", i, err) < 0 ||
	    refresh_crypttab(p, "cryptroot/crypttab", i, err) < 0) /* initramfs-tools */
		return -1;
	refresh_mdadm(p, "etc/mdadm.conf");
	refresh_mdadm(p, "etc/mdadm/mdadm.conf");
	remove_lvm_devices(p);
	return add_new_links(p, err);
}
