/* Step boot: UEFI firmware finds Windows' boot manager without NVRAM, and the loader may use the screen that there is.
 */
#include <inttypes.h>
#include <string.h>

#include "converters/windows/windows.h"
#include "core/base/checked.h"
#include "guest/files/esp.h"
#include "guest/winpath.h"

/* Windows 11's boot manager has 2.8 MiB. */
#define LOADER_MAX (32 * MIB)

/* Objects and elements of a BCD store; the names are those of bcdedit's and the boot environment's documentation. */
#define BOOT_MANAGER	       "Objects\\{9dea862c-5cdd-4e70-acc1-f32b344d4795}\\Elements"
#define DEFAULT_OBJECT	       BOOT_MANAGER "\\23000003"
#define GRAPHICS_MODE_DISABLED "16000046"

static int open_store(const struct step_context *c, const char *path, struct hive **ret, char **ret_loader,
		      struct err *err)
{
	return hive_open(c->guest, path, HIVE_KEY_BCD, HIVE_EDIT, ret, err) < 0 ||
		       hive_string(*ret, DEFAULT_OBJECT, "Element", &c->windows->arena, ret_loader, err) < 0
		   ? -1
		   : 0;
}

/* The boot manager has its own ways with a store whose last write was not finished; only the screen is at stake. */
static int odd_store(const struct step_context *c, const char *path, const struct err *why, struct err *err)
{
	if (why->code != ERR_BLOCKED && why->code != ERR_CORRUPT && why->code != ERR_UNSUPPORTED)
		return err_set(err, why->code, "the boot configuration: %s", why->text);
	finding_add(c->inspection, "W-BOOT-BCD", SEVERITY_WARNING, path,
		    "When the screen stays black: bcdedit /deletevalue {default} graphicsmodedisabled",
		    "the boot configuration can't be changed: %s", why->text);
	return 0;
}

/* The store of the boot manager that was made for other firmware may forbid graphics: on QEMU's the screen stays
 * black then. */
static int allow_graphics(const struct step_context *c, const char *efi, struct err *err)
{
	static const char reason[] = "with graphics forbidden the screen stays black under OVMF";
	AUTO(hive_closep) struct hive *bcd = NULL;
	struct arena *a = &c->windows->arena;
	struct err why = ERR_INIT;
	char *path, *loader;

	if (win_path(c->guest, arena_printf(a, "%s/Microsoft/Boot/BCD", efi), a, &path, err) < 0)
		return -1;
	if (!path)
		return 0;
	if (open_store(c, path, &bcd, &loader, &why) < 0)
		return odd_store(c, path, &why, err);
	if (!loader || strchr(loader, '\\'))
		return 0;
	path = arena_printf(a, "Objects\\%s\\Elements\\" GRAPHICS_MODE_DISABLED, loader);
	if (hive_has_key(bcd, path) && hive_drop_key(bcd, path, reason, err) < 0)
		return -1;
	return hive_commit(bcd, c->log, err);
}

/* What stands there already makes room for its successor. */
static int has_room(const struct step_context *c, const char *efi, const char *to, size_t needed, bool *ret,
		    struct err *err)
{
	struct guest_stat before;
	uint64_t room;

	if (c->guest->ops->stat(c->guest, to, true, &before, err) < 0 ||
	    c->guest->ops->space_free(c->guest, efi, &room, err) < 0)
		return -1;
	room += before.mode ? before.size : 0;
	*ret = room >= needed + 64 * KIB;
	if (!*ret)
		finding_add(c->inspection, "W-BOOT-ESP-FULL", SEVERITY_WARNING, efi,
			    "Remove what isn't needed from the EFI system partition.",
			    "the fallback loader needs %zu KiB on the EFI system partition, %" PRIu64 " KiB are free",
			    needed / KIB, room / KIB);
	return 0;
}

static void no_loader(const struct step_context *c, const char *efi)
{
	finding_add(c->inspection, "W-BOOT-NO-LOADER", SEVERITY_WARNING, efi,
		    "Repair the source with bcdboot, or add a boot entry by hand.",
		    "the EFI system partition has no \\EFI\\Microsoft\\Boot\\bootmgfw.efi");
}

/* A copy of the boot manager at the place where firmware looks without any boot entry; it finds its BCD store in
 * \EFI\Microsoft\Boot from there, too. */
static int make_fallback(const struct step_context *c, const char *efi, const char *name, struct err *err)
{
	AUTO(buf_done) struct buf loader = BUF_INIT(LOADER_MAX);
	struct arena *a = &c->windows->arena;
	char *from, *to;
	bool fits;

	if (win_path(c->guest, arena_printf(a, "%s/Microsoft/Boot/bootmgfw.efi", efi), a, &from, err) < 0 ||
	    win_path_new(c->guest, arena_printf(a, "%s/Boot/%s", efi, name), a, &to, err) < 0)
		return -1;
	if (!from) {
		no_loader(c, efi);
		return 0;
	}
	if (c->guest->ops->read(c->guest, from, &loader, err) < 0 || has_room(c, efi, to, loader.len, &fits, err) < 0)
		return -1;
	if (!fits)
		return 0;
	return guest_put(c->guest, c->log, to, buf_str(&loader), loader.len, 0755,
			 "the firmware's boot entries stay behind; this is where it looks without any",
			 arena_printf(a, "copy of %s, %zu bytes", from, loader.len), err);
}

static int run(const struct step_context *c, struct err *err)
{
	const struct esp_names *names = esp_names_of(c->windows->guest.version.arch);
	char *efi;

	if (win_path(c->guest, ESP_IN_WINDOWS "/EFI", &c->windows->arena, &efi, err) < 0)
		return -1;
	if (!efi) {
		finding_add(c->inspection, "W-BOOT-NO-ESP", SEVERITY_WARNING, NULL,
			    "Add a boot entry for \\EFI\\Microsoft\\Boot\\bootmgfw.efi by hand.",
			    "the machine boots by UEFI, but no EFI system partition could be opened");
		return 0;
	}
	if (names && make_fallback(c, efi, names->boot, err) < 0)
		return -1;
	return allow_graphics(c, efi, err);
}

static bool applies(const struct step_context *c)
{
	return c->machine->firmware == FIRMWARE_UEFI || c->inspection->firmware_disk == FIRMWARE_UEFI;
}

const struct step step_windows_boot = {
    .id = "uefi-boot",
    .summary = "UEFI firmware finds the boot manager without NVRAM",
    .applies = applies,
    .run = run,
};
