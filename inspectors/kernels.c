/* Every installed kernel: image, initramfs, configuration, modules, and which virtio drivers it can use when. */
#include "inspectors/kernels_parts.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/model/caps.h"
#include "guest/files/hostonly.h"
#include "guest/files/initramfs.h"
#include "guest/files/kconfig.h"
#include "guest/files/kernelimage.h"
#include "guest/files/modules.h"
#include "inspectors/registry.h"

/* File names in /boot: prefix, the kernel's version, suffix. */
struct pattern {
	const char *prefix, *suffix;
};

static const struct pattern image_names[] = {
    {"vmlinuz-", ""}, {"vmlinux-", ""}, {"kernel-", ""},
    {"bzImage-", ""}, {"Image-", ""},	{"kernel-genkernel-x86_64-", ""},
};
static const struct pattern initrd_names[] = {
    {"initrd.img-", ""},  {"initramfs-", ".img"}, {"initrd-", ""},
    {"initrd-", ".img"},  {"initramfs-", ""},	  {"initramfs-genkernel-x86_64-", ""},
    {"booster-", ".img"},
};
#define COUNT(array) (sizeof(array) / sizeof *(array))

struct survey {
	struct guest *g;
	struct inspection *i;
	struct arena scratch;
	struct names boot; /* of /boot */
};

static int compare_name(const void *name, const void *have)
{
	return strcmp(name, *(const char *const *)have);
}

static bool in_boot(const struct survey *s, const char *name)
{
	const struct names *b = &s->boot;

	return b->list.n && bsearch(name, b->list.v, b->list.n, sizeof *b->list.v, compare_name);
}

static char *find_named(struct survey *s, const struct pattern *patterns, size_t n, const char *label)
{
	for (size_t k = 0; k < n; k++) {
		const char *name = arena_printf(&s->scratch, "%s%s%s", patterns[k].prefix, label, patterns[k].suffix);

		if (in_boot(s, name))
			return arena_printf(&s->i->arena, "/boot/%s", name);
	}
	return NULL;
}

/* kernel-install(8)'s layout: /boot/MACHINE-ID/VERSION/linux and initrd. */
static int find_installed(struct survey *s, const char *version, const char *name, char **ret, struct err *err)
{
	static const char *const roots[] = {"/boot", "/efi", "/boot/efi"};

	for (size_t k = 0; !*ret && k < COUNT(roots); k++) {
		struct names found = {0};

		if (s->g->ops->glob(s->g, arena_printf(&s->scratch, "%s/*/%s/%s", roots[k], version, name), &s->scratch,
				    &found, err) < 0)
			return -1;
		if (found.list.n)
			*ret = arena_strdup(&s->i->arena, found.list.v[0]);
	}
	return 0;
}

static bool initrd_is_foreign(struct survey *s, const char *initrd, const char *version)
{
	AUTO(initramfs_freep) struct initramfs *im = NULL;

	return initramfs_read(s->g, initrd, NULL, &im, NULL) == 0 && initramfs_is_foreign(im, version);
}

/* A name without a version, which more folders of modules may claim: what an upgrade leaves behind has the same package
 * or flavour. The image's own word counts, else that of its initramfs. */
static bool is_of_version(struct survey *s, const char *version, const char *image, const char *initrd)
{
	AUTO(buf_done) struct buf head = BUF_INIT(KERNELIMAGE_HEAD);
	const char *own = NULL;

	if (image && s->g->ops->head(s->g, image, KERNELIMAGE_HEAD, &head, NULL) == 0)
		own = kernelimage_version(head.data, head.len, &s->scratch);
	if (own)
		return strcmp(own, version) == 0;
	return !initrd || !initrd_is_foreign(s, initrd, version);
}

static void find_labelled(struct survey *s, struct kernel *k, const char *label)
{
	char *image = find_named(s, image_names, COUNT(image_names), label);
	char *initrd = find_named(s, initrd_names, COUNT(initrd_names), label);

	if ((!image && !initrd) || (k->vmlinuz && k->initrd))
		return;
	if (strcmp(label, k->version) != 0 && !is_of_version(s, k->version, image, initrd))
		return;
	k->vmlinuz = k->vmlinuz ? k->vmlinuz : image;
	k->initrd = k->initrd ? k->initrd : initrd;
}

/* What stands for the version in file names: itself; Arch's package name, which the modules folder tells; Alpine's
 * flavour, the version's last part. */
static int find_files(struct survey *s, struct kernel *k, struct err *err)
{
	const char *dash = strrchr(k->version, '-');
	char *package = NULL;
	const char *labels[3] = {k->version, NULL, dash && dash[1] > '9' ? dash + 1 : NULL};

	if (guest_text(s->g, arena_printf(&s->scratch, "%s/pkgbase", k->modules), &s->scratch, &package, err) < 0)
		return -1;
	if (package)
		labels[1] = arena_strndup(&s->scratch, package, strcspn(package, "\n"));
	for (size_t n = 0; n < COUNT(labels); n++)
		if (labels[n])
			find_labelled(s, k, labels[n]);
	k->config = find_named(s, &(struct pattern){"config-", ""}, 1, k->version);
	if (!k->vmlinuz && find_installed(s, k->version, "linux", &k->vmlinuz, err) < 0)
		return -1;
	if (!k->initrd && find_installed(s, k->version, "initrd*", &k->initrd, err) < 0)
		return -1;
	return 0;
}

/* Where kernel packages leave another copy. */
static void find_copies(struct survey *s, struct kernel *k)
{
	const char *image = arena_printf(&s->scratch, "%s/vmlinuz", k->modules);
	const char *config = arena_printf(&s->scratch, "%s/config", k->modules);

	if (!k->vmlinuz && guest_exists(s->g, image))
		k->vmlinuz = arena_strdup(&s->i->arena, image);
	if (!k->config && guest_exists(s->g, config))
		k->config = arena_strdup(&s->i->arena, config);
}

struct support {
	struct modules *modules;
	const char *config; /* text, NULL */
};

/* Kernels of Xen's own patches, before Linux had pv_ops: Red Hat's of RHEL 5, SUSE's to SLES 12. */
static bool is_xen_only(const struct kernel *k, const char *config)
{
	size_t n = strlen(k->version);

	if (config)
		return kconfig_get(config, "CONFIG_X86_64_XEN") == 'y' || kconfig_get(config, "CONFIG_X86_XEN") == 'y';
	return n > 3 && strcmp(k->version + n - 3, "xen") == 0;
}

static bool built_in(const struct support *s, const char *module)
{
	return modules_is_builtin(s->modules, module) || kconfig_builds_in(s->config, module);
}

static int read_support(struct survey *s, struct kernel *k, struct err *err)
{
	AUTO(modules_freep) struct modules *modules = NULL;
	char *config = NULL;
	struct support support;

	if (modules_load(s->g, k->modules, false, &modules, err) < 0)
		return -1;
	if (k->config && guest_text(s->g, k->config, &s->scratch, &config, err) < 0)
		return -1;
	support = (struct support){modules, config};
	k->xen_only = is_xen_only(k, config);
	k->virtio_pci_builtin = built_in(&support, "virtio_pci");
	k->virtio_blk_builtin = built_in(&support, "virtio_blk");
	k->virtio_scsi_builtin = built_in(&support, "virtio_scsi");
	k->virtio_net_builtin = built_in(&support, "virtio_net");
	k->virtio_pci_module = modules_find(modules, "virtio_pci");
	k->virtio_blk_module = modules_find(modules, "virtio_blk");
	k->virtio_scsi_module = modules_find(modules, "virtio_scsi");
	k->virtio_net_module = modules_find(modules, "virtio_net");
	if (!modules->list.n)
		finding_add(s->i, "W-KERNEL-NO-MODULES-DEP", SEVERITY_WARNING, k->modules,
			    arena_printf(&s->scratch, "Run 'depmod -a %s' in the guest and convert again.", k->version),
			    "kernel %s: its modules.dep is missing or empty, so its modules can't be used", k->version);
	return 0;
}

static void describe_initrd(struct kernel *k, const struct initramfs *im, struct arena *a)
{
	k->initrd_compression = arena_strdup(a, im->compression);
	k->initrd_generator = arena_strdup(a, im->generator);
	k->initrd_has_virtio_pci = initramfs_has(im, k->version, "virtio_pci");
	k->initrd_has_virtio_blk = initramfs_has(im, k->version, "virtio_blk");
	k->initrd_has_virtio_scsi = initramfs_has(im, k->version, "virtio_scsi");
	k->initrd_has_virtio_net = initramfs_has(im, k->version, "virtio_net");
}

/* What it names the source's devices in, for the survey of names; a graft has put right what it could. */
static void note_hostonly(struct kernel *k, const struct initramfs *im, struct arena *a)
{
	VEC_FOR (m, &im->members) {
		const char *text = initramfs_text(im, m);

		if (text && hostonly_walker(m->path, NULL))
			*vec_push(a, &k->hostonly) =
			    (struct initrd_text){arena_printf(a, "%s:%s", k->initrd, m->path), arena_strdup(a, text)};
	}
}

int kernel_read_initrd(struct guest *g, struct inspection *i, struct kernel *k, struct err *err)
{
	AUTO(initramfs_freep) struct initramfs *im = NULL;
	struct err local = ERR_INIT;
	struct guest_stat st;

	if (!k->initrd)
		return 0;
	if (g->ops->stat(g, k->initrd, true, &st, err) < 0)
		return -1;
	k->initrd_size = st.size;
	if (initramfs_read(g, k->initrd, NULL, &im, &local) < 0) {
		finding_add(
		    i, "W-BOOT-INITRAMFS-UNREADABLE", SEVERITY_WARNING, local.text,
		    "Make it anew in the guest and convert again.",
		    "kernel %s: the initramfs can't be read as the kernel reads it, so no driver can be put into it",
		    k->version);
		return 0;
	}
	describe_initrd(k, im, &i->arena);
	note_hostonly(k, im, &i->arena);
	return 0;
}

/* --- images beside the usual ones: kdump's, and dracut's for rescue --- */

/* The same kernel with an image that a crashing kernel boots. */
static int add_crash_image(struct survey *s, const struct kernel *of, const char *path, struct err *err)
{
	AUTO(initramfs_freep) struct initramfs *im = NULL;
	struct kernel k = *of;
	struct guest_stat st;

	if (s->g->ops->stat(s->g, path, true, &st, err) < 0)
		return -1;
	if (!S_ISREG(st.mode) || initramfs_read(s->g, path, NULL, &im, NULL) < 0)
		return 0;
	k.initrd = arena_strdup(&s->i->arena, path);
	k.initrd_size = st.size;
	k.crash = true;
	k.hostonly.v = NULL;
	k.hostonly.n = k.hostonly.cap = 0;
	describe_initrd(&k, im, &s->i->arena);
	note_hostonly(&k, im, &s->i->arena);
	*vec_push(&s->i->arena, &s->i->kernels) = k;
	return 0;
}

static int add_crash_images(struct survey *s, const struct kernel *of, struct err *err)
{
	static const struct pattern names[] = {{"/boot/initramfs-", "kdump.img"},
					       {"/boot/initrd-", "kdump.img"}, /* RHEL 5 */
					       {"/boot/initrd-", "-kdump"},    /* SUSE */
					       {"/var/lib/kdump/initramfs-", "kdump.img"},
					       {"/var/lib/kdump/initrd-", "-kdump"},
					       {"/var/lib/kdump/initrd.img-", ""}}; /* Debian */

	for (size_t n = 0; n < COUNT(names); n++)
		if (add_crash_image(s, of,
				    arena_printf(&s->scratch, "%s%s%s", names[n].prefix, of->version, names[n].suffix),
				    err) < 0)
			return -1;
	return 0;
}

/* An image that can't be read tells nothing; others report it when it matters. */
static void read_image(struct survey *s, struct kernel *k)
{
	AUTO(buf_done) struct buf head = BUF_INIT(KERNELIMAGE_HEAD);
	const char *arch = NULL;

	if (s->g->ops->head(s->g, k->vmlinuz, KERNELIMAGE_HEAD, &head, NULL) == 0)
		arch = kernelimage_arch(head.data, head.len);
	if (arch)
		k->arch = arena_strdup(&s->i->arena, arch);
}

/* A folder of modules without an image is what a removed kernel leaves behind. */
static int add_kernel(struct survey *s, const char *version, struct err *err)
{
	struct kernel k = {.version = arena_strdup(&s->i->arena, version)};

	k.modules = arena_printf(&s->i->arena, "/lib/modules/%s", version);
	if (!guest_is_dir(s->g, k.modules))
		return 0;
	if (find_files(s, &k, err) < 0)
		return -1;
	find_copies(s, &k);
	if (!k.vmlinuz) {
		finding_add(s->i, "I-KERNEL-LEFTOVER", SEVERITY_INFO, k.modules, NULL,
			    "modules of kernel %s are there without a kernel image; they were left alone", version);
		return 0;
	}
	read_image(s, &k);
	if (read_support(s, &k, err) < 0 || kernel_read_initrd(s->g, s->i, &k, err) < 0)
		return -1;
	*vec_push(&s->i->arena, &s->i->kernels) = k;
	return add_crash_images(s, &k, err);
}

static bool is_known_image(const struct inspection *i, const char *path)
{
	VEC_FOR (k, &i->kernels)
		if (strcmp(k->vmlinuz, path) == 0)
			return true;
	return false;
}

/* Of the kernel whose modules the image holds, in the arena; NULL. */
static char *version_inside(const struct initramfs *im, struct arena *a)
{
	VEC_FOR (m, &im->members) {
		const char *dir = strstr(m->path, "lib/modules/"), *version = dir ? dir + strlen("lib/modules/") : "";
		size_t n = strcspn(version, "/");

		if (n && strcmp(version + n, "/modules.dep") == 0)
			return arena_strndup(a, version, n);
	}
	return NULL;
}

static void report_rescue(struct survey *s, const char *path, const struct kernel *k, const struct initramfs *im)
{
	const char *version = k->version ? k->version : "unknown";

	if (!im)
		finding_add(s->i, "I-KERNEL-RESCUE", SEVERITY_INFO, path, NULL,
			    "the rescue image was left as it is: no initramfs of it that can be read was found");
	else if (k->initrd_has_virtio_blk)
		finding_add(s->i, "I-KERNEL-RESCUE", SEVERITY_INFO, path, NULL,
			    "the rescue image (kernel %s) has the virtio drivers in it and was left as it is", version);
	else
		finding_add(
		    s->i, "W-KERNEL-RESCUE", SEVERITY_WARNING, path,
		    "Remove it and install a kernel package again: that makes a new rescue image.",
		    "the rescue image (kernel %s) has no virtio drivers, and its modules aren't installed any more: "
		    "it won't find its disks",
		    version);
}

/* dracut's rescue image is a copy of some kernel; when that one's modules are still there it is treated like others. */
static int add_rescue(struct survey *s, const char *name, struct err *err)
{
	const char *id = name + strlen("vmlinuz-"), *path = arena_printf(&s->i->arena, "/boot/%s", name);
	AUTO(initramfs_freep) struct initramfs *im = NULL;
	struct kernel k = {.vmlinuz = arena_strdup(&s->i->arena, path)};

	k.initrd = find_named(s, initrd_names, COUNT(initrd_names), id);
	if (k.initrd && initramfs_read(s->g, k.initrd, NULL, &im, NULL) == 0)
		k.version = version_inside(im, &s->i->arena);
	if (k.version)
		describe_initrd(&k, im, &s->i->arena);
	if (k.version && !k.initrd_has_virtio_blk) {
		k.modules = arena_printf(&s->i->arena, "/lib/modules/%s", k.version);
		if (guest_is_dir(s->g, k.modules)) {
			if (read_support(s, &k, err) < 0 || kernel_read_initrd(s->g, s->i, &k, err) < 0)
				return -1;
			*vec_push(&s->i->arena, &s->i->kernels) = k;
			return 0;
		}
	}
	report_rescue(s, path, &k, im);
	return 0;
}

/* Kernel images that belong to no folder of modules. */
static int report_image(struct survey *s, const char *name, struct err *err)
{
	const char *path = arena_printf(&s->scratch, "/boot/%s", name);
	struct guest_stat st;

	if ((strncmp(name, "vmlinuz-", 8) != 0 && strncmp(name, "kernel-", 7) != 0) || is_known_image(s->i, path) ||
	    s->g->ops->stat(s->g, path, false, &st, NULL) < 0 || !S_ISREG(st.mode) || strstr(name, ".hmac"))
		return 0;
	if (strncmp(name, "vmlinuz-0-rescue", strlen("vmlinuz-0-rescue")) == 0)
		return add_rescue(s, name, err);
	finding_add(s->i, "W-KERNEL-NO-MODULES", SEVERITY_WARNING, path,
		    "Remove the image, or install the kernel's modules again.",
		    "kernel image %s has no folder in /lib/modules, so no driver can be added for it", name);
	return 0;
}

/* A processor that no machine of ours has. */
static void report_arch(struct inspection *i)
{
	const char *arch = inspection_arch(i);

	if (board_for_arch(arch) == BOARD_UNKNOWN)
		finding_add(i, "B-ARCHITECTURE", SEVERITY_BLOCKER, i->kernels.n ? i->kernels.v[0].vmlinuz : NULL,
			    "Convert it with --no-convert, and describe the machine by hand.",
			    "the guest is for %s processors; machines are made for x86_64, i386 and aarch64", arch);
}

static int run_survey(struct survey *s, struct err *err)
{
	struct names versions = {0};

	if (s->g->ops->list(s->g, "/boot", &s->scratch, &s->boot, err) < 0 ||
	    s->g->ops->list(s->g, "/lib/modules", &s->scratch, &versions, err) < 0)
		return -1;
	VEC_FOR (version, &versions.list)
		if (add_kernel(s, *version, err) < 0)
			return -1;
	VEC_FOR (name, &s->boot.list)
		if (report_image(s, *name, err) < 0)
			return -1;
	if (!s->i->kernels.n)
		finding_add(s->i, "W-BOOT-NO-KERNEL", SEVERITY_WARNING, "/boot, /lib/modules", NULL,
			    "no installed kernel was found");
	report_arch(s->i);
	return kernels_survey_unified(s->g, s->i, &s->scratch, err);
}

static int run(struct guest *g, const struct machine *m, struct inspection *i, struct err *err)
{
	struct survey s = {.g = g, .i = i};
	int ret = run_survey(&s, err);

	arena_done(&s.scratch);
	return ret;
}

const struct inspector inspector_kernels = {.id = "kernels", .applies = is_linux, .run = run};
