/* Encrypted volumes: opened with the user's keys before anybody looks for a system, and what opening brings to light.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "core/base/log.h"
#include "guest/libguestfs.h"

#define MAPPER "/dev/mapper/"

bool volume_is_bitlocker(const struct volume *v)
{
	return v->type && !strcmp(v->type, "BitLocker");
}

bool volume_is_encrypted(const struct volume *v)
{
	return volume_is_bitlocker(v) || (v->type && !strcmp(v->type, "crypto_LUKS"));
}

bool volume_is_locked(const struct volume *v)
{
	return volume_is_encrypted(v) && !v->opened;
}

void volume_describe(const struct volume *v, struct buf *b)
{
	const char *separator = " (";

	buf_adds(b, v->device);
	if (v->partition) {
		buf_addf(b, "%sdisk %u, partition %u", separator, v->disk + 1, v->partition);
		separator = ", ";
	}
	if (volume_is_bitlocker(v))
		buf_addf(b, "%sBitLocker)", separator);
	else
		buf_addf(b, "%sLUKS UUID %s)", separator, v->uuid ? v->uuid : "unknown");
}

/* What stands behind --key in advice. */
const char *volume_selector(const struct volume *v)
{
	return v->uuid ? v->uuid : v->device;
}

/* ---- names ---- */

static bool is_uuid(const char *s)
{
	return s && strlen(s) == 36 && strspn(s, "0123456789abcdefABCDEF-") == 36;
}

static bool is_mapped(const struct appliance *a, const char *device)
{
	VEC_FOR (v, &a->volumes)
		if (v->opened && !strcmp(v->opened, device))
			return true;
	return false;
}

/* "luks-UUID", as Fedora's installer names it, so that fstab entries of that name are understood; the guest's disks may
 * hold the same header twice, or no sane UUID. */
static char *mapping_name(struct appliance *a, const struct volume *v)
{
	char *name = is_uuid(v->uuid) ? arena_printf(&a->arena, "luks-%s", v->uuid) : NULL;

	if (name && !is_mapped(a, arena_printf(&a->arena, MAPPER "%s", name)))
		return name;
	return arena_printf(&a->arena, "luks-%zu", (size_t)(v - a->volumes.v));
}

/* ---- open ---- */

/* dm-crypt drops discards unless it is told; libguestfs can't tell it, so the mapping's table is loaded again with one
 * more option. It is read, changed and loaded by the appliance's own shell: the key never comes out. */
static const char allow_discards[] =
    "set -e; name=%s; set -- $(dmsetup table --showkeys $name); [ \"$3\" = crypt ]; "
    "table=\"$1 $2 $3 $4 $5 $6 $7 $8\"; options=${9:-0}; if [ $# -gt 9 ]; then shift 9; else shift $#; fi; "
    "echo \"$table $((options + 1)) $* allow_discards\" | dmsetup reload $name; "
    "dmsetup suspend $name; dmsetup resume $name";

static void pass_discards(struct appliance *a, struct volume *v, const char *name)
{
	char *command = arena_printf(&a->arena, allow_discards, name);
	char *arguments[] = {command, NULL};
	AUTO_FREE char *said = guestfs_debug(a->g, "sh", arguments);
	struct err why = ERR_INIT;

	v->discards = said;
	if (said)
		return;
	appliance_failed(a, &why, ERR_UNSUPPORTED, "letting discards through %s", v->opened);
	v->no_discards = arena_strdup(&a->arena, why.text);
}

static bool try_key(struct appliance *a, struct volume *v, const char *name, const struct key *key)
{
	struct err why = ERR_INIT;

	if (guestfs_cryptsetup_open(a->g, v->device, key->secret, name, -1) == 0) {
		v->opened = arena_printf(&a->arena, MAPPER "%s", name);
		return true;
	}
	appliance_failed(a, &why, ERR_BLOCKED, "opening %s", v->device);
	v->refused = arena_strdup(&a->arena, why.text);
	return false;
}

/* A key that names the volume must fit; one for all may be meant for another. */
static int refuse_key(const struct volume *v, struct err *err)
{
	AUTO(buf_done) struct buf b = BUF_INIT(512);

	volume_describe(v, &b);
	return err_set(err, ERR_BLOCKED, "%s: the key that --key gives for it does not open it (%s)", buf_str(&b),
		       v->refused);
}

/* Adds what the volume holds behind the last one: pointers into the list are void after it. */
static int unlock(struct appliance *a, size_t index, struct err *err)
{
	struct volume *v = &a->volumes.v[index];
	const char *name = mapping_name(a, v);
	bool named = false;

	for (size_t i = 0; i < a->keys->n && !v->opened; i++) {
		const struct key *key = &a->keys->v[i];

		if (!key_is_for(key, v->device, v->uuid))
			continue;
		named |= key->selector != NULL;
		v->keys_tried++;
		try_key(a, v, name, key);
	}
	if (!v->opened)
		return named ? refuse_key(v, err) : 0;
	log_info("%s: opened with a key of --key", v->device);
	if (a->trim_encrypted)
		pass_discards(a, v, name);
	return appliance_add_volume(a, v->opened, true, err);
}

/* ---- what lies inside ---- */

static bool is_known(const struct appliance *a, const char *device)
{
	VEC_FOR (v, &a->volumes)
		if (!strcmp(v->device, device))
			return true;
	return false;
}

/* LVM activates what it sees at once, with a table that passes no discards because the encrypted volume did not yet:
 * "/dev/VG/LV" is made anew. When this fails, so does its trimming, which is a finding. */
static void activate_again(struct appliance *a, const char *lv)
{
	const char *vg = lv + strlen("/dev/");
	char *names[] = {arena_strndup(&a->arena, vg, strcspn(vg, "/")), NULL};

	if (guestfs_vg_activate(a->g, 0, names) < 0 || guestfs_vg_activate(a->g, 1, names) < 0)
		log_debug("volume group %s can't be activated again", names[0]);
}

static int add_groups_inside(struct appliance *a, struct err *err)
{
	AUTO(free_strings) char **lvs = guestfs_lvm_scan(a->g, 1) < 0 ? NULL : guestfs_lvs(a->g);

	if (!lvs)
		return appliance_failed(a, err, ERR_UNREADABLE, "looking for volume groups inside encrypted volumes");
	for (char **lv = lvs; *lv; lv++) {
		if (is_known(a, *lv))
			continue;
		if (a->trim_encrypted && !strncmp(*lv, "/dev/", 5))
			activate_again(a, *lv);
		if (appliance_add_volume(a, *lv, true, err) < 0)
			return -1;
	}
	return 0;
}

static void warn_unused(const struct appliance *a)
{
	for (size_t i = 0; i < a->keys->n; i++) {
		const struct key *key = &a->keys->v[i];
		bool used = !key->selector;

		VEC_FOR (v, &a->volumes)
			used |= v->keys_tried && key_is_for(key, v->device, v->uuid);
		if (!used)
			log_warn("--key %s: no encrypted volume has that name or UUID", key->selector);
	}
}

/* The list grows while it is walked: encrypted volumes may lie in volume groups that lie in encrypted volumes. */
int appliance_unlock(struct appliance *a, struct err *err)
{
	size_t i = 0, opened;

	if (!a->keys || !a->keys->n)
		return 0;
	do {
		opened = 0;
		for (; i < a->volumes.n; i++) {
			if (!volume_is_locked(&a->volumes.v[i]))
				continue;
			if (unlock(a, i, err) < 0)
				return -1;
			opened += a->volumes.v[i].opened != NULL;
		}
		if (opened && add_groups_inside(a, err) < 0)
			return -1;
	} while (opened);
	warn_unused(a);
	return 0;
}

/* ---- names of the guest ---- */

/* The opened volume that a line of crypttab(5) is about: "UUID=…", or a device. */
static const struct volume *crypttab_source(const struct appliance *a, const char *source)
{
	bool by_uuid = !strncmp(source, "UUID=", 5);
	struct key as_key = {.selector = (char *)(uintptr_t)(by_uuid ? source + 5 : source)};

	VEC_FOR (v, &a->volumes)
		if (v->opened && key_is_for(&as_key, by_uuid ? "" : v->device, by_uuid ? v->uuid : NULL))
			return v;
	return NULL;
}

static const struct volume *find_in_crypttab(struct appliance *a, const char *name)
{
	struct err ignored = ERR_INIT;
	char *text = NULL, *lines, *words, *line, *first, *source;

	if (guest_text(&a->guest, "/etc/crypttab", &a->arena, &text, &ignored) < 0 || !text)
		return NULL;
	for (line = strtok_r(text, "\n", &lines); line; line = strtok_r(NULL, "\n", &lines)) {
		first = strtok_r(line, " \t", &words);
		source = first && *first != '#' ? strtok_r(NULL, " \t", &words) : NULL;
		if (source && !strcmp(first, name))
			return crypttab_source(a, source);
	}
	return NULL;
}

char *appliance_mapping(struct appliance *a, char *device)
{
	const struct volume *v;

	if (strncmp(device, MAPPER, strlen(MAPPER)) != 0 || is_known(a, device))
		return device;
	v = find_in_crypttab(a, device + strlen(MAPPER));
	return v ? v->opened : device;
}
