/* Step default-kernel: the kernel that is booted by default must run on KVM and drive virtio disks when one of the
 * guest's can; kernels that can't stay in the menu and hold nothing back. */
#include <string.h>

#include "converters/linux/linux.h"
#include "guest/files/grubenv.h"
#include "guest/files/lines.h"
#include "guest/files/loaderentries.h"
#include "guest/files/shellvars.h"

/* Of several that differ in their initramfs, the first. */
static struct kernel *kernel_named(const struct inspection *i, const char *version)
{
	VEC_FOR (k, &i->kernels)
		if (version && strcmp(k->version, version) == 0)
			return k;
	return NULL;
}

static struct kernel *kernel_of(const struct inspection *i, const struct boot_entry *e)
{
	return kernel_named(i, e->version);
}

/* As far as the kernel's files tell; an initramfs is looked into later. */
static bool can_virtio(const struct kernel *k)
{
	return !k->xen_only && (k->virtio_blk_builtin || (k->virtio_blk_module && k->initrd)) &&
	       (k->virtio_pci_builtin || (k->virtio_pci_module && k->initrd));
}

static bool is_good(const struct inspection *i, const struct boot_entry *e)
{
	const struct kernel *k = kernel_of(i, e);

	return k && !e->hypervisor && can_virtio(k);
}

/* The entry with the highest version in the menu of another one. */
static const struct boot_entry *best_in_menu(const struct inspection *i, const struct boot_entry *of)
{
	const struct boot_entry *best = NULL;

	VEC_FOR (e, &i->boot_entries) {
		if (e->menu != of->menu || strcmp(e->menu_file, of->menu_file) != 0 || !is_good(i, e))
			continue;
		if (!best || strverscmp(kernel_of(i, e)->version, kernel_of(i, best)->version) > 0)
			best = e;
	}
	return best;
}

/* --- setting the default --- */

/* Replaces what stands behind a keyword ("default") and blanks or "=", or puts it first. */
struct keyword {
	const char *word, *value;
	const char *separator; /* of a new line */
};

static void set_keyword(struct lines *l, const char *path, void *opaque)
{
	const struct keyword *k = opaque;
	size_t n = strlen(k->word);

	for (size_t i = 0; i < l->v.n; i++) {
		const char *text = l->v.v[i].text;
		size_t at = line_indent(text) + n;

		if (strncasecmp(text + line_indent(text), k->word, n) != 0 || (!is_blank(text[at]) && text[at] != '='))
			continue;
		at += strspn(text + at, " \t=");
		if (strcmp(text + at, k->value) != 0)
			line_splice(l, i, at, strlen(text) - at, k->value);
		return;
	}
	lines_insert(l, 0, arena_printf(l->arena, "%s%s%s", k->word, k->separator, k->value));
}

/* `set default="0"`; a default that is taken from grubenv stays, and where none is set the first entry is it. */
static void set_grub_default(struct lines *l, const char *path, void *opaque)
{
	const char *id = double_quoted(l->arena, opaque, "\"$\\");
	bool found = false;

	for (size_t i = 0; i < l->v.n; i++) {
		const char *text = l->v.v[i].text + line_indent(l->v.v[i].text);

		if (strncmp(text, "set default=", 12) != 0)
			continue;
		found = true;
		if (!strchr(text, '$'))
			line_splice(l, i, (size_t)(text - l->v.v[i].text) + 12, strlen(text + 12), id);
	}
	if (!found)
		lines_insert(l, 0, arena_printf(l->arena, "set default=%s", id));
}

static void set_extlinux_default(struct lines *l, const char *path, void *opaque)
{
	extlinux_set_default(l, opaque);
}

static void set_default_grub(struct lines *l, const char *path, void *opaque)
{
	const char *now = shellvars_get(l, "GRUB_DEFAULT"), *id = opaque;

	if (now && strcmp(now, "saved") != 0)
		shellvars_set(l, "GRUB_DEFAULT", id);
}

static int set_saved_entry(const struct step_context *c, const struct boot_entry *e, const char *reason,
			   struct err *err)
{
	AUTO(arena_done) struct arena a = {0};
	const char *path =
	    arena_printf(&a, "%.*sgrubenv", (int)(strrchr(e->menu_file, '/') + 1 - e->menu_file), e->menu_file);
	char *text;

	if (guest_text(c->guest, path, &a, &text, err) < 0)
		return -1;
	return text ? guest_edit(c->guest, c->log, path, grubenv_set(&a, text, "saved_entry", e->id), reason, err) : 0;
}

/* In the menu itself. */
static int set_default(const struct step_context *c, const struct boot_entry *e, const char *reason, struct err *err)
{
	struct keyword legacy = {"default", e->id, "="}, loader = {"default", e->id, " "};

	switch (e->menu) {
	case BOOT_MENU_GRUB_LEGACY:
		return step_edit_lines(c, e->menu_file, set_keyword, &legacy, reason, err);
	case BOOT_MENU_SYSTEMD_BOOT:
		return step_edit_lines(c, e->menu_file, set_keyword, &loader, reason, err);
	case BOOT_MENU_EXTLINUX:
		return step_edit_lines(c, e->menu_file, set_extlinux_default, e->id, reason, err);
	case BOOT_MENU_GRUB:
	case BOOT_MENU_GRUB_BLS:
		if (step_edit_lines(c, e->menu_file, set_grub_default, e->id, reason, err) < 0)
			return -1;
		return set_saved_entry(c, e, reason, err);
	case BOOT_MENU_UNKNOWN:
		break;
	}
	return 0;
}

/* "kernel-xen" would be the default again with the next kernel package. */
static void set_default_package(struct lines *l, const char *path, void *opaque)
{
	const char *now = shellvars_get(l, "DEFAULTKERNEL");

	if (now && strcmp(now, "kernel-xen") == 0)
		shellvars_set(l, "DEFAULTKERNEL", "kernel");
}

/* A variable of the files that extlinux' menu is made from (Alpine's update-extlinux, Debian's extlinux-update). */
static void set_if_there(struct lines *l, const char *path, void *opaque)
{
	const struct keyword *k = opaque;

	if (shellvars_get(l, k->word))
		shellvars_set(l, k->word, k->value);
}

static int set_extlinux_settings(const struct step_context *c, const char *label, const char *reason, struct err *err)
{
	struct keyword alpine = {.word = "default", .value = label},
		       debian = {.word = "EXTLINUX_DEFAULT", .value = label};

	if (step_edit_lines(c, "/etc/update-extlinux.conf", set_if_there, &alpine, reason, err) < 0)
		return -1;
	return step_edit_lines(c, "/etc/default/extlinux", set_if_there, &debian, reason, err);
}

/* For the next time that the menu is made. */
static int set_settings(const struct step_context *c, const struct boot_entry *e, const char *reason, struct err *err)
{
	if ((e->menu == BOOT_MENU_GRUB || e->menu == BOOT_MENU_GRUB_BLS) &&
	    step_edit_lines(c, "/etc/default/grub", set_default_grub, e->id, reason, err) < 0)
		return -1;
	if (e->menu == BOOT_MENU_EXTLINUX && set_extlinux_settings(c, e->id, reason, err) < 0)
		return -1;
	return step_edit_lines(c, "/etc/sysconfig/kernel", set_default_package, NULL, reason, err);
}

/* --- the step --- */

static const char *why_not(const struct inspection *i, const struct boot_entry *e, struct arena *a)
{
	const struct kernel *k = kernel_of(i, e);

	if (e->hypervisor)
		return "it boots Xen";
	return k->xen_only ? arena_printf(a, "kernel %s runs on Xen only", k->version)
			   : arena_printf(a, "kernel %s has no virtio", k->version);
}

static int mend_default(const struct step_context *c, struct boot_entry *old, struct boot_entry *best, struct err *err)
{
	const char *reason = arena_printf(&c->inspection->arena, "the default was '%s': %s", old->title,
					  why_not(c->inspection, old, &c->inspection->arena));

	const size_t before = c->log->changes.n;

	if (set_default(c, best, reason, err) < 0)
		return -1;
	if (c->log->changes.n == before)
		return 0; /* the menu takes its default from elsewhere */
	old->is_default = false;
	best->is_default = true;
	return set_settings(c, best, reason, err);
}

/* Several menus may lie on the disk, and which one is read isn't known: each must have a default that speaks virtio,
 * and one that isn't a choice of the last boot. */
static bool defaults_are_good(const struct inspection *i)
{
	bool any = false;

	VEC_FOR (e, &i->boot_entries) {
		if (!e->is_default)
			continue;
		if (e->is_saved || !is_good(i, e))
			return false;
		any = true;
	}
	return any;
}

/* What isn't the default needn't be driven: with defaults that speak virtio, older kernels don't cost it. */
static void let_go(struct inspection *i)
{
	VEC_FOR (k, &i->kernels) {
		if (!k->bootable || can_virtio(k))
			continue;
		k->left_behind = true;
		if (k != kernel_named(i, k->version))
			continue;
		finding_add(i, "W-KERNEL-LEFT-BEHIND", SEVERITY_WARNING, k->vmlinuz,
			    "Remove the kernel, or change the disks' bus to SATA before it is booted.",
			    "kernel %s stays in the boot menu, but %s, so it finds no disk on the new hardware",
			    k->version, k->xen_only ? "runs on Xen only" : "has no virtio");
	}
}

static void report_xen_only(struct inspection *i)
{
	bool any = false;

	VEC_FOR (k, &i->kernels) {
		if (!k->xen_only)
			return;
		any = true;
	}
	if (any)
		finding_add(
		    i, "B-KERNEL-XEN-ONLY", SEVERITY_BLOCKER, i->kernels.v[0].vmlinuz,
		    "Install the distribution's plain kernel (kernel, kernel-default) in the guest, and convert "
		    "again.",
		    "every kernel of the guest runs on Xen's hypervisor only");
}

static int run(const struct step_context *c, struct err *err)
{
	struct inspection *i = c->inspection;

	report_xen_only(i);
	VEC_FOR (e, &i->boot_entries) {
		bool known = e->hypervisor || kernel_of(i, e);
		const struct boot_entry *best = e->is_default && known && !is_good(i, e) ? best_in_menu(i, e) : NULL;

		if (best && mend_default(c, e, (struct boot_entry *)best, err) < 0)
			return -1;
	}
	if (defaults_are_good(i))
		let_go(i);
	return 0;
}

const struct step step_default_kernel = {
    .id = "default-kernel",
    .summary = "the default kernel is one for the new machine",
    .applies = step_always,
    .run = run,
};
