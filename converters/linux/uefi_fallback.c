/* Step uefi-fallback: a loader at the place where firmware without any boot entry looks, since the NVRAM stays behind.
 *
 * shim in \EFI\BOOT starts fbx64.efi beside it when that is there, which makes boot entries and, with a TPM, restarts
 * the machine: with an NVRAM that isn't kept it would do so for ever. So fbx64.efi is not copied, and shim starts the
 * grubx64.efi beside it, which finds its grub.cfg by the prefix built into it (\EFI\debian, \EFI\ubuntu, or a search
 * by UUID) wherever it is started from.
 */
#include <inttypes.h>
#include <string.h>

#include "converters/linux/linux.h"
#include "core/base/checked.h"
#include "guest/files/esp.h"

/* The largest loader, a unified kernel image aside, is under 5 MiB. */
#define LOADER_MAX (64 * MIB)

/* One file to put into \EFI\BOOT. */
struct copy {
	char *from;
	const char *to; /* name */
};

struct fallback {
	const struct step_context *c;
	const struct esp_names *names;
	struct arena arena;
	char *efi;  /* folder "EFI" */
	char *boot; /* its folder "BOOT", the name it has or will have */
	VEC(struct copy) copies;
};

static void fallback_done(struct fallback *f)
{
	arena_done(&f->arena);
}

/* Adds folder/name to what is copied; *ret_there says whether it exists. */
static int plan_copy(struct fallback *f, const char *folder, const char *name, const char *to, bool *ret_there,
		     struct err *err)
{
	char *from;

	if (esp_entry(f->c->guest, folder, name, &f->arena, &from, err) < 0)
		return -1;
	*ret_there = from != NULL;
	if (from)
		*vec_push(&f->arena, &f->copies) = (struct copy){from, to};
	return 0;
}

/* shim with its GRUB, GRUB alone, or systemd-boot from one vendor's folder. */
static int plan_from(struct fallback *f, const char *folder, bool *ret_found, struct err *err)
{
	const struct esp_names *n = f->names;
	bool shim, grub, ignored;

	*ret_found = false;
	if (plan_copy(f, folder, n->shim, n->boot, &shim, err) < 0 ||
	    plan_copy(f, folder, n->grub, shim ? n->grub : n->boot, &grub, err) < 0)
		return -1;
	if (shim && grub && plan_copy(f, folder, n->mok, n->mok, &ignored, err) < 0)
		return -1;
	*ret_found = grub;
	if (!grub) {
		f->copies.n = 0;
		return plan_copy(f, folder, n->systemd, n->boot, ret_found, err);
	}
	return 0;
}

static bool is_vendor(const char *folder, const char *distro)
{
	return distro && strcasecmp(strrchr(folder, '/') + 1, distro) == 0;
}

/* The distribution's own folder first, then any other but Microsoft's and the fallback itself. */
static int plan(struct fallback *f, bool *ret_found, struct err *err)
{
	struct names folders = {0};
	struct guest *g = f->c->guest;
	const char *distro = f->c->inspection->os.distro;

	*ret_found = false;
	if (g->ops->list(g, f->efi, &f->arena, &folders, err) < 0)
		return -1;
	for (unsigned round = 0; round < 2; round++) {
		VEC_FOR (name, &folders.list) {
			const char *folder = arena_printf(&f->arena, "%s/%s", f->efi, *name);

			if (*ret_found || is_vendor(folder, distro) != (round == 0) || !strcasecmp(*name, "BOOT") ||
			    !strcasecmp(*name, "Microsoft"))
				continue;
			if (plan_from(f, folder, ret_found, err) < 0)
				return -1;
		}
	}
	return 0;
}

static int put_copy(struct fallback *f, const struct copy *copy, struct err *err)
{
	AUTO(buf_done) struct buf b = BUF_INIT(LOADER_MAX);
	struct guest *g = f->c->guest;
	const char *to = arena_printf(&f->arena, "%s/%s", f->boot, copy->to);

	if (g->ops->read(g, copy->from, &b, err) < 0)
		return -1;
	return guest_put(g, f->c->log, to, buf_str(&b), b.len, 0755,
			 "the firmware's boot entries stay behind; this is where it looks without any",
			 arena_printf(&f->arena, "copy of %s, %zu bytes", copy->from, b.len), err);
}

/* Room for all copies, or a finding. */
static int check_room(struct fallback *f, bool *ret_fits, struct err *err)
{
	struct guest *g = f->c->guest;
	uint64_t room, needed = 64 * KIB;

	VEC_FOR (copy, &f->copies) {
		struct guest_stat st;

		if (g->ops->stat(g, copy->from, true, &st, err) < 0)
			return -1;
		needed += st.size;
	}
	if (g->ops->space_free(g, f->efi, &room, err) < 0)
		return -1;
	*ret_fits = room >= needed;
	if (!*ret_fits)
		finding_add(f->c->inspection, "W-BOOT-ESP-FULL", SEVERITY_WARNING, f->efi,
			    "Remove what isn't needed from the EFI system partition.",
			    "the fallback loader needs %" PRIu64 " KiB on the EFI system partition, %" PRIu64
			    " KiB are free",
			    needed / KIB, room / KIB);
	return 0;
}

/* The fallback loader's path when it is there already. */
static int find_existing(struct fallback *f, char **ret, struct err *err)
{
	struct guest *g = f->c->guest;

	*ret = NULL;
	if (esp_entry(g, f->efi, "BOOT", &f->arena, &f->boot, err) < 0)
		return -1;
	if (f->boot)
		return esp_entry(g, f->boot, f->names->boot, &f->arena, ret, err);
	f->boot = arena_printf(&f->arena, "%s/BOOT", f->efi);
	return 0;
}

static int make(struct fallback *f, struct err *err)
{
	bool found, fits;

	if (plan(f, &found, err) < 0)
		return -1;
	if (!found) {
		finding_add(f->c->inspection, "W-BOOT-NO-LOADER", SEVERITY_WARNING, f->efi,
			    "Install a boot loader with --removable inside the guest, or add a boot entry by hand.",
			    "the EFI system partition holds no loader for %s that is known", f->names->arch);
		return 0;
	}
	if (check_room(f, &fits, err) < 0)
		return -1;
	VEC_FOR (copy, &f->copies)
		if (fits && put_copy(f, copy, err) < 0)
			return -1;
	return 0;
}

static int run(const struct step_context *c, struct err *err)
{
	AUTO(fallback_done) struct fallback f = {.c = c, .names = esp_names_of(inspection_arch(c->inspection))};
	char *existing;

	if (!f.names)
		return 0;
	if (esp_find(c->guest, &f.arena, &f.efi, err) < 0)
		return -1;
	if (!f.efi) {
		finding_add(
		    c->inspection, "W-BOOT-NO-ESP", SEVERITY_WARNING, NULL,
		    "Mount the EFI system partition at /boot/efi in the guest's fstab, or add a boot entry by hand.",
		    "the machine boots by UEFI, but no EFI system partition is mounted at /boot/efi, /efi or /boot");
		return 0;
	}
	if (find_existing(&f, &existing, err) < 0)
		return -1;
	return existing ? 0 : make(&f, err);
}

static bool applies(const struct step_context *c)
{
	/* an arm64 machine has no other firmware, whatever source and disk say */
	return c->machine->firmware == FIRMWARE_UEFI || c->inspection->firmware_disk == FIRMWARE_UEFI ||
	       board_for_arch(inspection_arch(c->inspection)) == BOARD_VIRT;
}

const struct step step_uefi_fallback = {
    .id = "uefi-fallback",
    .summary = "UEFI firmware finds a loader without NVRAM",
    .applies = applies,
    .run = run,
};
