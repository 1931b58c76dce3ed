/* Every installed kernel: image, initramfs, configuration, modules, and which virtio drivers it can use when. */
#include "inspectors/kernels.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/base/checked.h"
#include "core/model/caps.h"
#include "guest/files/devnames.h"
#include "guest/files/hostonly.h"
#include "guest/files/initramfs.h"
#include "guest/files/kconfig.h"
#include "guest/files/kernelimage.h"
#include "guest/files/modules.h"
#include "guest/files/uki.h"
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
	for (size_t n = 0; n < COUNT(labels); n++) {
		if (labels[n] && !k->vmlinuz)
			k->vmlinuz = find_named(s, image_names, COUNT(image_names), labels[n]);
		if (labels[n] && !k->initrd)
			k->initrd = find_named(s, initrd_names, COUNT(initrd_names), labels[n]);
	}
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

static int read_initrd(struct guest *g, struct inspection *i, struct kernel *k, struct err *err)
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
	if (read_support(s, &k, err) < 0 || read_initrd(s->g, s->i, &k, err) < 0)
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
			if (read_support(s, &k, err) < 0 || read_initrd(s->g, s->i, &k, err) < 0)
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

/* --- unified kernel images: signed with their initramfs, which can't be extended --- */

/* The kernel takes a command line of 4096 bytes; a section may be as long as the file. */
enum { SECTION_TEXT_MAX = 64 << 10 };

static char *section_text(struct survey *s, const struct buf *b, const char *name)
{
	struct uki_section at;

	if (uki_section(b->data, b->len, name, &at, NULL) < 0 || !at.length)
		return NULL;
	return arena_strndup(&s->scratch, b->data + at.offset, min_u64(at.length, SECTION_TEXT_MAX));
}

/* True when the kernel in the image drives virtio disks by what is in it. */
static bool unified_has_virtio(struct survey *s, const struct buf *b, const char *version)
{
	AUTO(initramfs_freep) struct initramfs *im = NULL;
	const struct kernel *kernel = NULL;
	struct uki_section at;

	VEC_FOR (k, &s->i->kernels)
		if (strcmp(k->version, version) == 0)
			kernel = k;
	if (kernel && kernel->virtio_blk_builtin && kernel->virtio_pci_builtin)
		return true;
	if (uki_section(b->data, b->len, ".initrd", &at, NULL) < 0 || !at.length ||
	    initramfs_parse(b->data + at.offset, at.length, &im, NULL) < 0)
		return false;
	return initramfs_has(im, version, "virtio_blk") &&
	       ((kernel && kernel->virtio_pci_builtin) || initramfs_has(im, version, "virtio_pci"));
}

/* A device name on the command line inside the image stays. */
static void report_root_name(struct survey *s, const struct buf *b, const char *path)
{
	const char *cmdline = section_text(s, b, ".cmdline"), *root = cmdline ? strstr(cmdline, "root=/dev/") : NULL;
	struct devname parsed;
	char *name;

	if (!root)
		return;
	name = arena_strndup(&s->scratch, root + 5, strcspn(root + 5, " \t\n"));
	if (devname_parse(name, &parsed))
		finding_add(
		    s->i, "W-BOOT-UNIFIED-KERNEL", SEVERITY_WARNING, path,
		    "Build it with root=UUID= in the guest before it is moved; with Secure Boot off, a loader entry "
		    "with 'efi' and 'options root=UUID=…' does it, too.",
		    "the unified kernel image or add-on names its root %s, which it has on the source's hardware "
		    "only",
		    name);
}

/* A kernel without an initramfs of its own boots with the image's; of several the one that has the drivers. */
static void note_unified(struct survey *s, const char *version, const char *path, bool virtio)
{
	VEC_FOR (k, &s->i->kernels)
		if (version && strcmp(k->version, version) == 0 && !k->initrd && (!k->unified || virtio))
			k->unified = arena_strdup(&s->i->arena, path);
}

static int report_unified_image(struct survey *s, const char *path, struct err *err)
{
	AUTO(buf_done) struct buf b = BUF_INIT(UKI_MAX);
	struct err local = ERR_INIT;
	struct guest_stat st;
	char *version;
	bool virtio;

	if (s->g->ops->stat(s->g, path, true, &st, NULL) < 0 || !S_ISREG(st.mode))
		return 0;
	if (s->g->ops->read(s->g, path, &b, &local) < 0) {
		if (local.code == ERR_INTERNAL)
			return err_set(err, local.code, "%s", local.text);
		finding_add(s->i, "W-BOOT-UNIFIED-KERNEL", SEVERITY_WARNING, path,
			    "Look at the file in the guest, and remove it if nothing boots it.",
			    "the unified kernel image can't be read: %s", local.text);
		return 0;
	}
	version = section_text(s, &b, ".uname");
	if (version)
		version[strcspn(version, "\n")] = '\0';
	virtio = version && unified_has_virtio(s, &b, version);
	note_unified(s, version, path, virtio);
	report_root_name(s, &b, path);
	if (virtio)
		finding_add(s->i, "I-KERNEL-UNIFIED", SEVERITY_INFO, path, NULL,
			    "the unified image of kernel %s has the virtio drivers in it and was left as it is",
			    version);
	else
		finding_add(
		    s->i, "W-BOOT-UNIFIED-KERNEL", SEVERITY_WARNING, path,
		    "Build the image with the virtio drivers in the guest before it is moved.",
		    "the unified kernel image is one file with its initramfs, often signed, so no drivers can be "
		    "appended to that");
	return 0;
}

/* systemd-stub's add-ons: PE files whose command line is appended to the image's. */
static int report_addon(struct survey *s, const char *path, struct err *err)
{
	AUTO(buf_done) struct buf b = BUF_INIT(UKI_MAX);
	struct err local = ERR_INIT;
	struct guest_stat st;

	if (s->g->ops->stat(s->g, path, true, &st, NULL) < 0 || !S_ISREG(st.mode))
		return 0;
	if (s->g->ops->read(s->g, path, &b, &local) == 0)
		report_root_name(s, &b, path);
	return local.code == ERR_INTERNAL ? err_set(err, local.code, "%s", local.text) : 0;
}

static int report_addons(struct survey *s, struct err *err)
{
	static const char *const roots[] = {"/boot/efi", "/efi", "/boot"};
	static const char *const folders[] = {"EFI/Linux/*.efi.extra.d", "loader/addons"};

	for (size_t k = 0; k < COUNT(roots) * COUNT(folders); k++) {
		const char *pattern = arena_printf(&s->scratch, "%s/%s/*.addon.efi", roots[k / COUNT(folders)],
						   folders[k % COUNT(folders)]);
		struct names found = {0};

		if (s->g->ops->glob(s->g, pattern, &s->scratch, &found, err) < 0)
			return -1;
		VEC_FOR (path, &found.list)
			if (report_addon(s, *path, err) < 0)
				return -1;
	}
	return 0;
}

static int report_unified(struct survey *s, struct err *err)
{
	static const char *const patterns[] = {"/boot/efi/EFI/Linux/*.efi", "/efi/EFI/Linux/*.efi",
					       "/boot/EFI/Linux/*.efi"};

	for (size_t k = 0; k < COUNT(patterns); k++) {
		struct names found = {0};

		if (s->g->ops->glob(s->g, patterns[k], &s->scratch, &found, err) < 0)
			return -1;
		VEC_FOR (path, &found.list)
			if (report_unified_image(s, *path, err) < 0)
				return -1;
	}
	return report_addons(s, err);
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
	return report_unified(s, err);
}

static int run(struct guest *g, const struct machine *m, struct inspection *i, struct err *err)
{
	struct survey s = {.g = g, .i = i};
	int ret = run_survey(&s, err);

	arena_done(&s.scratch);
	return ret;
}

static struct kernel *kernel_of_path(struct guest *g, struct inspection *i, const char *path)
{
	struct guest_stat wanted, st;

	VEC_FOR (k, &i->kernels)
		if (strcmp(k->vmlinuz, path) == 0)
			return k;
	if (g->ops->stat(g, path, true, &wanted, NULL) < 0 || !wanted.mode)
		return NULL;
	VEC_FOR (k, &i->kernels)
		if (g->ops->stat(g, k->vmlinuz, true, &st, NULL) == 0 && st.dev == wanted.dev && st.ino == wanted.ino)
			return k;
	return NULL;
}

/* True when a path is of kernel-install's layout, …/VERSION/linux. */
static bool names_version(const char *path, const char *version)
{
	size_t n = strlen(version), len = strlen(path);
	const char *file = len > n + 7 ? path + len - 6 : "";

	return strcmp(file, "/linux") == 0 && strncmp(file - n, version, n) == 0 && file[-(ptrdiff_t)n - 1] == '/';
}

/* What systemd-boot starts is a copy on the EFI system partition. The image's own word counts before its name. */
static struct kernel *kernel_of_copy(struct guest *g, struct inspection *i, const char *path, unsigned *looks)
{
	AUTO(buf_done) struct buf head = BUF_INIT(KERNELIMAGE_HEAD);
	struct guest_stat st;
	const char *version;

	if (!*looks || g->ops->stat(g, path, true, &st, NULL) < 0 || !S_ISREG(st.mode))
		return NULL;
	--*looks;
	if (g->ops->head(g, path, KERNELIMAGE_HEAD, &head, NULL) < 0)
		return NULL;
	version = kernelimage_version(head.data, head.len, &i->arena);
	VEC_FOR (k, &i->kernels)
		if (version ? strcmp(k->version, version) == 0 : names_version(path, k->version))
			return k;
	return NULL;
}

struct kernel *kernel_of_image(struct guest *g, struct inspection *i, const char *path, unsigned *looks)
{
	struct kernel *k = kernel_of_path(g, i, path);

	return k ? k : kernel_of_copy(g, i, path, looks);
}

static bool same_file(const struct guest_stat *a, const struct guest_stat *b)
{
	return a->dev == b->dev && a->ino == b->ino;
}

/* The kernel of that image which has that file as its initramfs, or has none so far. */
static struct kernel *kernel_with(struct guest *g, struct inspection *i, const struct kernel *image,
				  const struct guest_stat *initrd)
{
	struct guest_stat st;

	VEC_FOR (k, &i->kernels)
		if (strcmp(k->version, image->version) == 0 &&
		    (!k->initrd || (g->ops->stat(g, k->initrd, true, &st, NULL) == 0 && same_file(&st, initrd))))
			return k;
	return NULL;
}

static void report_missing_initrd(struct inspection *i, const struct boot_entry *e, const struct kernel *k)
{
	const char *id = e->is_default ? "W-BOOT-INITRAMFS-MISSING" : "W-ENTRY-INITRAMFS-MISSING";

	/* what GRUB's variables or devices stand in isn't a path */
	if (e->initrd[0] == '/' && !strchr(e->initrd, '$'))
		finding_add(i, id, SEVERITY_WARNING, e->initrd,
			    "Make the initramfs anew in the guest, or correct the menu, and convert again.",
			    "the boot entry '%s' (%s:%u) boots kernel %s with an initramfs that isn't there", e->title,
			    e->file, e->line, k->version);
}

/* Initramfs images of one kernel: Arch has two, whoever tries things a few. */
enum { TWINS_MAX = 32 };

static size_t count_twins(const struct inspection *i, const struct kernel *of)
{
	size_t n = 0;

	VEC_FOR (k, &i->kernels)
		n += strcmp(k->version, of->version) == 0;
	return n;
}

/* The same kernel as an entry boots it, without what is known of its initramfs. */
static struct kernel *add_twin(struct inspection *i, const struct kernel *of, const struct boot_entry *e)
{
	struct kernel twin = *of;

	twin.vmlinuz = arena_strdup(&i->arena, e->kernel);
	twin.initrd = twin.initrd_compression = twin.initrd_generator = NULL;
	twin.initrd_size = 0;
	twin.initrd_has_virtio_blk = twin.initrd_has_virtio_scsi = false;
	twin.initrd_has_virtio_net = twin.initrd_has_virtio_pci = false;
	twin.bootable = twin.crash = false;
	twin.hostonly.v = NULL;
	twin.hostonly.n = twin.hostonly.cap = 0;
	*vec_push(&i->arena, &i->kernels) = twin;
	return &i->kernels.v[i->kernels.n - 1];
}

int kernel_of_entry(struct guest *g, struct inspection *i, const struct boot_entry *e, unsigned *looks,
		    struct kernel **ret, struct err *err)
{
	struct kernel *image = e->kernel ? kernel_of_image(g, i, e->kernel, looks) : NULL;
	struct guest_stat st;

	*ret = image;
	if (!image || !e->initrd)
		return 0;
	if (g->ops->stat(g, e->initrd, true, &st, NULL) < 0 || !S_ISREG(st.mode)) {
		report_missing_initrd(i, e, image);
		return 0;
	}
	*ret = kernel_with(g, i, image, &st);
	if (!*ret && count_twins(i, image) == TWINS_MAX) {
		finding_add(i, "W-BOOT-INITRAMFS-UNREADABLE", SEVERITY_WARNING, e->initrd,
			    "Remove entries that aren't needed from the menu, and convert again.",
			    "kernel %s is booted with more than %d initramfs images; this one was left as it is",
			    image->version, TWINS_MAX);
		*ret = image;
		return 0;
	}
	if (!*ret)
		*ret = add_twin(i, image, e);
	if ((*ret)->initrd)
		return 0;
	(*ret)->initrd = arena_strdup(&i->arena, e->initrd);
	return read_initrd(g, i, *ret, err);
}

const struct inspector inspector_kernels = {.id = "kernels", .applies = is_linux, .run = run};
