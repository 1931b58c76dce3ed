/* Unified kernel images: one file with their initramfs, often signed, so that it can't be extended; and their add-ons.
 */
#include "inspectors/kernels_parts.h"

#include <string.h>
#include <sys/stat.h>

#include "core/base/checked.h"
#include "guest/files/devnames.h"
#include "guest/files/initramfs.h"
#include "guest/files/uki.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

struct unified {
	struct guest *g;
	struct inspection *i;
	struct arena *scratch;
};

/* The kernel takes a command line of 4096 bytes; a section may be as long as the file. */
enum { SECTION_TEXT_MAX = 64 << 10 };

static char *section_text(struct unified *s, const struct buf *b, const char *name)
{
	struct uki_section at;

	if (uki_section(b->data, b->len, name, &at, NULL) < 0 || !at.length)
		return NULL;
	return arena_strndup(s->scratch, b->data + at.offset, min_u64(at.length, SECTION_TEXT_MAX));
}

/* True when the kernel in the image drives virtio disks by what is in it. */
static bool unified_has_virtio(struct unified *s, const struct buf *b, const char *version)
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
static void report_root_name(struct unified *s, const struct buf *b, const char *path)
{
	const char *cmdline = section_text(s, b, ".cmdline"), *root = cmdline ? strstr(cmdline, "root=/dev/") : NULL;
	struct devname parsed;
	char *name;

	if (!root)
		return;
	name = arena_strndup(s->scratch, root + 5, strcspn(root + 5, " \t\n"));
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
static void note_unified(struct unified *s, const char *version, const char *path, bool virtio)
{
	VEC_FOR (k, &s->i->kernels)
		if (version && strcmp(k->version, version) == 0 && !k->initrd && (!k->unified || virtio))
			k->unified = arena_strdup(&s->i->arena, path);
}

static int report_unified_image(struct unified *s, const char *path, struct err *err)
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
static int report_addon(struct unified *s, const char *path, struct err *err)
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

static int report_addons(struct unified *s, struct err *err)
{
	static const char *const roots[] = {"/boot/efi", "/efi", "/boot"};
	static const char *const folders[] = {"EFI/Linux/*.efi.extra.d", "loader/addons"};

	for (size_t k = 0; k < COUNT(roots) * COUNT(folders); k++) {
		const char *pattern = arena_printf(s->scratch, "%s/%s/*.addon.efi", roots[k / COUNT(folders)],
						   folders[k % COUNT(folders)]);
		struct names found = {0};

		if (s->g->ops->glob(s->g, pattern, s->scratch, &found, err) < 0)
			return -1;
		VEC_FOR (path, &found.list)
			if (report_addon(s, *path, err) < 0)
				return -1;
	}
	return 0;
}

int kernels_survey_unified(struct guest *g, struct inspection *i, struct arena *scratch, struct err *err)
{
	struct unified s = {g, i, scratch};
	static const char *const patterns[] = {"/boot/efi/EFI/Linux/*.efi", "/efi/EFI/Linux/*.efi",
					       "/boot/EFI/Linux/*.efi"};

	for (size_t k = 0; k < COUNT(patterns); k++) {
		struct names found = {0};

		if (g->ops->glob(g, patterns[k], scratch, &found, err) < 0)
			return -1;
		VEC_FOR (path, &found.list)
			if (report_unified_image(&s, *path, err) < 0)
				return -1;
	}
	return report_addons(&s, err);
}
