/* Which files have bytes in given ranges of the disks: from FIEMAP of the appliance's kernel, through partitions,
 * volumes and encryption. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base/checked.h"
#include "core/base/log.h"
#include "guest/blockmap.h"
#include "guest/libguestfs.h"

enum {
	SECTOR = 512,
	RANGES_MAX = 2000,    /* of one file system: one argument of a program has at most 128 KiB */
	ANSWER_MAX = 2 << 20, /* bytes of a listing; libguestfs' messages have 4 MiB */
	LOST_FILES_MAX = 20000,
};

/* Every block device of the appliance, in the words of blockmap_parse(). Its kernel numbers disks as they answer;
 * libguestfs translates names, but not in here: what stays is the SCSI target, which counts the disks from 0. */
static const char describe_devices[] =
    "cd /sys/class/block && for d in *; do case $d in loop*|ram*|sr*|zram*) continue;; esac; "
    "n=$(cat $d/dev); t=-1; if [ -e $d/device/model ]; then t=$(basename $(readlink -f $d/device)); t=${t%:*}; "
    "t=${t##*:}; fi; echo \"B $d $n $(cat $d/size) $t\"; "
    "if [ -e $d/partition ]; then echo \"P $n $(cat $d/start) $(cat $d/../dev)\"; fi; "
    "case $d in dm-*) dmsetup table -j ${n%:*} -m ${n#*:} | sed \"s/^/T $n /\";; esac; done";

/* %s: ranges of sectors, "8-15,100-163". Prints "SECTOR-IN-FILE SECTORS PATH" for each piece of a file in one of them.
 */
static const char list_files[] =
    "for t in xargs filefrag gawk; do command -v $t >/dev/null || { echo \"$t is missing\" >&2; exit 1; }; done; "
    "cd /sysroot && find . -xdev \\( -type f -o -type d \\) -print0 | xargs -0 -r filefrag -b512 -e 2>/dev/null | "
    "gawk -v ranges=%s '"
    "BEGIN { n = split(ranges, r, \",\"); for (i = 1; i <= n; i++) { split(r[i], p, \"-\"); lo[i] = p[1] + 0; "
    "hi[i] = p[2] + 0 } } "
    "/^File size of / { name = $0; sub(/^File size of /, \"\", name); "
    "sub(/ is [0-9]+ \\([0-9]+ blocks? of [0-9]+ bytes\\)$/, \"\", name); next } "
    "/^ *[0-9]+: +[0-9]+\\.\\. *[0-9]+: +[0-9]+\\.\\. *[0-9]+:/ { if (/inline|unwritten/) next; gsub(/[:.]/, \" \"); "
    "for (i = 1; i <= n; i++) if ($4 <= hi[i] && $5 >= lo[i]) { s = $4 > lo[i] ? $4 : lo[i]; "
    "e = $5 < hi[i] ? $5 : hi[i]; print ($2 + s - $4) \" \" (e - s + 1) \" \" name } }' | head -c %d";

static char *run_shell(struct appliance *a, char *command)
{
	char *arguments[] = {command, NULL};

	return guestfs_debug(a->g, "sh", arguments);
}

static void note(struct lost_files *ret, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void note(struct lost_files *ret, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	*vec_push(&ret->arena, &ret->notes) = arena_vprintf(&ret->arena, fmt, ap);
	va_end(ap);
}

/* FIEMAP tells places on the device itself: not so on btrfs, and others aren't worth a mount. */
static bool is_listed(const struct volume *v)
{
	return v->type && (!strncmp(v->type, "ext", 3) || !strcmp(v->type, "xfs"));
}

static bool is_container(const struct volume *v)
{
	return !v->type || !strcmp(v->type, "LVM2_member") || !strcmp(v->type, "crypto_LUKS") ||
	       !strcmp(v->type, "swap");
}

/* ---- one file system ---- */

struct search {
	struct appliance *a;
	struct blockmap *map;
	const struct lost_range *ranges;
	size_t n;
	struct lost_files *ret;
};

/* The ranges that fall into a volume, as sectors of it; *ret_n counts them. */
static char *ranges_inside(const struct search *s, const char *name, size_t *ret_n)
{
	AUTO(buf_done) struct buf b = BUF_INIT(96 * KIB);

	*ret_n = 0;
	for (size_t i = 0; i < s->n; i++) {
		struct blockmap_piece pieces[BLOCKMAP_PIECES_MAX];
		size_t n = blockmap_find(
		    s->map, name, s->ranges[i].disk, s->ranges[i].off / SECTOR,
		    div_round_up(s->ranges[i].off + s->ranges[i].len, SECTOR) - s->ranges[i].off / SECTOR, pieces);

		for (size_t k = 0; k < n && *ret_n < RANGES_MAX; k++, ++*ret_n)
			buf_addf(&b, "%s%" PRIu64 "-%" PRIu64, *ret_n ? "," : "", pieces[k].at,
				 pieces[k].at + pieces[k].len - 1);
	}
	return arena_strdup(&s->a->arena, buf_str(&b));
}

static void add_line(struct lost_files *ret, const char *device, const char *line)
{
	uint64_t at, n;
	int used = 0;

	if (sscanf(line, "%" SCNu64 " %" SCNu64 " .%n", &at, &n, &used) != 2 || !used || ret->files.n >= LOST_FILES_MAX)
		return;
	*vec_push(&ret->arena, &ret->files) =
	    (struct lost_file){.device = arena_strdup(&ret->arena, device),
			       .path = arena_strdup(&ret->arena, line[used] ? line + used : "/"),
			       .off = at * SECTOR,
			       .len = n * SECTOR};
}

static void list_in(const struct search *s, const char *device, const char *ranges)
{
	char *save = NULL, *command = arena_printf(&s->a->arena, list_files, ranges, ANSWER_MAX);
	AUTO_FREE char *said = run_shell(s->a, command);
	struct err why = ERR_INIT;

	if (!said) {
		appliance_failed(s->a, &why, ERR_UNREADABLE, "listing files on %s", device);
		note(s->ret, "%s", why.text);
		return;
	}
	if (strlen(said) >= ANSWER_MAX)
		note(s->ret, "%s has more such files than are listed", device);
	for (char *line = strtok_r(said, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		add_line(s->ret, device, line);
}

/* Device names come from the appliance, those of volume groups from the guest's disks. */
static bool is_plain(const char *device)
{
	return !device[strspn(device, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+_.-/")];
}

/* "dm-3" for /dev/vg/lv, "sdb1" for what libguestfs calls /dev/sda1. */
static const char *kernel_name(const struct search *s, const struct volume *v)
{
	AUTO_FREE char *said = NULL;
	char *slash;

	if (v->is_disk || v->partition)
		return blockmap_name(s->map, v->disk, v->partition);
	if (!is_plain(v->device))
		return NULL;
	said = run_shell(s->a, arena_printf(&s->a->arena, "readlink -f %s", v->device));
	slash = said ? strrchr(said, '/') : NULL;
	return slash ? arena_strndup(&s->a->arena, slash + 1, strcspn(slash + 1, "\n")) : NULL;
}

static void look_into(const struct search *s, const struct volume *v)
{
	const char *name = kernel_name(s, v), *ranges;
	struct err why = ERR_INIT;
	size_t n = 0;

	if (!name)
		note(s->ret, "%s: where it lies on the disks isn't known", v->device);
	ranges = name ? ranges_inside(s, name, &n) : "";
	if (!n)
		return;
	if (n == RANGES_MAX)
		note(s->ret, "%s: files in the first %d unreadable ranges are listed", v->device, RANGES_MAX);
	if (!is_listed(v)) {
		note(s->ret, "%s on %s: its files can't be listed", v->type, v->device);
		return;
	}
	if (guestfs_mount_ro(s->a->g, v->device, "/") < 0) {
		appliance_failed(s->a, &why, ERR_UNREADABLE, "mounting %s", v->device);
		note(s->ret, "%s", why.text);
		return;
	}
	list_in(s, v->device, ranges);
	guestfs_umount_all(s->a->g);
}

/* ---- all ---- */

static int find_all(struct appliance *a, void *arg, struct err *err)
{
	struct search *s = arg;
	AUTO_FREE char *devices = NULL;
	AUTO(blockmap_done) struct blockmap map = {0};

	if (appliance_scan(a, err) < 0)
		return -1;
	devices = run_shell(a, arena_strdup(&a->arena, describe_devices));
	if (!devices)
		return appliance_failed(a, err, ERR_HOST, "listing the appliance's devices");
	if (blockmap_parse(devices, &map, err) < 0)
		return -1;
	s->map = &map;
	VEC_FOR (v, &a->volumes) {
		if (volume_is_locked(v))
			note(s->ret, "%s is encrypted and was not opened", v->device);
		else if (!is_container(v))
			look_into(s, v);
	}
	return 0;
}

int appliance_lost_files(struct appliance *a, const struct lost_range *ranges, size_t n, struct lost_files *ret,
			 struct err *err)
{
	struct search s = {.a = a, .ranges = ranges, .n = n, .ret = ret};

	return appliance_ticking(a, "looking for files in unreadable ranges", find_all, &s, err);
}

void lost_files_done(struct lost_files *l)
{
	arena_done(&l->arena);
	*l = (struct lost_files){0};
}
