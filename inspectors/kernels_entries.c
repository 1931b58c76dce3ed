/* Which kernel a path in a menu means, and which kernel with which initramfs an entry boots. */
#include "inspectors/kernels.h"

#include <stddef.h>
#include <string.h>
#include <sys/stat.h>

#include "guest/files/kernelimage.h"
#include "inspectors/kernels_parts.h"

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
	return kernel_read_initrd(g, i, *ret, err);
}
