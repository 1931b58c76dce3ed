/* Where images go without a network: a folder as it is, or a disk, of which one that is blank gets an ext4. */
#include "boot-iso/agent/target.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>

#include "core/base/checked.h"
#include "core/base/child.h"
#include "core/base/cleanup.h"
#include "core/base/file.h"
#include "core/base/zeros.h"

#define MOUNT_POINT "/run/rehost/to"

enum { TOLD_MAX = 4096 /* bytes of what mke2fs says */ };

/* ---- what was named ---- */

static bool is(const char *a, const char *word)
{
	return a && !strcmp(a, word);
}

/* The N of "SERIAL-partN" where id is SERIAL; "" for SERIAL alone; NULL: another one. */
static const char *part_of(const char *id, const char *word)
{
	size_t len = id ? strlen(id) : 0;

	if (!len || strncmp(word, id, len) != 0)
		return NULL;
	if (!word[len])
		return "";
	return !strncmp(word + len, "-part", 5) && word[len + 5] ? word + len + 5 : NULL;
}

/* sdb1, nvme0n1p1: the number that the name ends in. */
static bool has_number(const struct hw_disk *d, const struct hw_part *p, const char *number)
{
	const char *rest = p->name + strlen(d->name);

	return !strcmp(*rest == 'p' ? rest + 1 : rest, number);
}

/* Its disk by what doesn't change from boot to boot. */
static bool find_by_id(struct hw_disk *d, const char *word, struct target_place *ret)
{
	const char *number = part_of(d->serial, word);

	if (!number)
		number = part_of(d->wwn, word);
	if (!number)
		return false;
	ret->disk = d;
	VEC_FOR (p, &d->parts)
		if (has_number(d, p, number))
			ret->part = p;
	return !*number || ret->part;
}

static bool find_by_name(struct hw_disk *d, const char *word, struct target_place *ret)
{
	bool found = is(d->name, word);

	VEC_FOR (p, &d->parts)
		if (is(p->name, word)) {
			ret->part = p;
			found = true;
		}
	if (found) {
		ret->disk = d;
		ret->by_name = true;
	}
	return found;
}

int target_find(const struct hardware *h, const char *to, struct target_place *ret, struct err *err)
{
	const char *name = !strncmp(to, "/dev/", 5) ? to + 5 : to;

	*ret = (struct target_place){0};
	if (strchr(name, '/'))
		return 0;
	VEC_FOR (d, &h->disks) {
		struct target_place one = {0};

		if (!find_by_name(d, name, &one)) {
			one = (struct target_place){0};
			if (!find_by_id(d, name, &one))
				continue;
		}
		if (ret->disk) {
			const char *first = ret->disk->name;

			*ret = (struct target_place){0};
			return err_set(err, ERR_USAGE, "rehost.to: '%s' is '%s' and '%s': name it otherwise", to, first,
				       d->name);
		}
		*ret = one;
	}
	if (ret->disk)
		return 0;
	return err_set(err, ERR_USAGE, "rehost.to: there is no disk or partition '%s' (a folder has a slash)", to);
}

static const char *place_name(const struct target_place *p)
{
	return p->part ? p->part->name : p->disk->name;
}

static const char *place_content(const struct target_place *p)
{
	return p->part ? p->part->content : p->disk->content;
}

/* What the kernel on the ISO mounts it as; NULL: it doesn't. */
static const char *mountable(const char *content)
{
	static const char *const known[][2] = {
	    {"ext4", "ext4"}, {"ext3", "ext4"}, {"ext2", "ext4"}, {"vfat", "vfat"}, {"exfat", "exfat"}};

	for (size_t i = 0; content && i < sizeof known / sizeof *known; i++)
		if (!strcmp(content, known[i][0]))
			return known[i][1];
	return NULL;
}

int target_check(const struct target_place *p, bool force, bool *ret_make, struct err *err)
{
	const char *name = place_name(p), *content = place_content(p), *holds = content;

	*ret_make = false;
	if (is(p->disk->left_out, HW_LIVE_MEDIUM))
		return err_set(err, ERR_BLOCKED, "'%s' is %s: images go to another disk", name, HW_LIVE_MEDIUM);
	if (!p->disk->left_out)
		return err_set(err, ERR_BLOCKED, "'%s' is on a disk that is to be imaged: nothing is written to it",
			       name);
	if (p->by_name && !is(p->disk->bus, "usb"))
		return err_set(
		    err, ERR_BLOCKED,
		    "'%s' is on no USB disk, and names change from boot to boot: name it by its disk's serial "
		    "number (%s%s)",
		    name, p->disk->serial ? p->disk->serial : "it has none", p->part ? "-partN" : "");
	if (mountable(content))
		return 0;
	if (!p->part && p->disk->table)
		holds = "a partition table";
	else if (!p->part && !content)
		holds = p->disk->member_of;
	*ret_make = true;
	if (!holds || force)
		return 0;
	return err_set(err, ERR_BLOCKED,
		       "'%s' holds %s, which is no ext4, FAT or exFAT: name %s, or have a new file system made there "
		       "(rehost.force), which destroys what it holds",
		       name, holds, p->disk->parts.n && !p->part ? "one of its partitions" : "another one");
}

/* ---- a disk ---- */

static int set_writable(const char *device, bool writable, struct err *err)
{
	AUTO_FD int fd = open(device, O_RDONLY | O_CLOEXEC);
	int read_only = !writable;

	if (fd < 0 || ioctl(fd, BLKROSET, &read_only) < 0)
		return err_sys(err, ERR_HOST, "cannot make '%s' %s", device, writable ? "writable" : "read-only");
	return 0;
}

/* What blkid doesn't know may be data all the same. */
static int check_blank(const char *device, struct err *err)
{
	AUTO_FD int fd = open(device, O_RDONLY | O_CLOEXEC);
	AUTO_FREE char *head = malloc(MIB);

	if (!head)
		return err_nomem(err);
	if (fd < 0)
		return err_sys(err, ERR_UNREADABLE, "cannot open '%s'", device);
	if (file_pread(fd, head, MIB, 0, err) < 0)
		return -1;
	if (all_zeros(head, MIB))
		return 0;
	return err_set(err, ERR_BLOCKED,
		       "'%s' holds something unknown: have a new file system made there (rehost.force), which destroys "
		       "it, or name another one",
		       device);
}

static int make_file_system(const char *device, struct err *err)
{
	const char *const argv[] = {"mke2fs", "-q", "-F", "-t", "ext4", "-m", "0", "-L", TARGET_LABEL, device, NULL};
	AUTO(buf_done) struct buf told = BUF_INIT(TOLD_MAX);
	int status = child_run(argv, &told, err);

	if (status < 0)
		return -1;
	return status == 0
		   ? 0
		   : err_set(err, ERR_HOST, "cannot make a file system on '%s': mke2fs: %s", device, buf_str(&told));
}

static int mount_place(struct target *t, const char *type, struct err *err)
{
	if (file_mkdirs(MOUNT_POINT, err) < 0)
		return -1;
	if (mount(t->device, MOUNT_POINT, type, MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME, NULL) < 0)
		return err_sys(err, ERR_BLOCKED, "cannot mount '%s' as %s", t->device, type);
	t->folder = MOUNT_POINT;
	return 0;
}

static int open_place(struct target *t, const struct target_place *p, bool force, struct err *err)
{
	const char *type = mountable(place_content(p));
	char *disk = arena_printf(&t->arena, "/dev/%s", p->disk->name);
	bool make;

	if (target_check(p, force, &make, err) < 0)
		return -1;
	t->device = arena_printf(&t->arena, "/dev/%s", place_name(p));
	if (make && !force && check_blank(t->device, err) < 0)
		return -1;
	t->disk = disk;
	if (set_writable(disk, true, err) < 0 || set_writable(t->device, true, err) < 0)
		return -1;
	if (make && make_file_system(t->device, err) < 0)
		return -1;
	return mount_place(t, make ? "ext4" : type, err);
}

/* ---- all of it ---- */

int target_open(struct target *t, const struct hardware *h, const struct settings *s, bool ours, struct err *err)
{
	struct target_place place;

	if (target_find(h, s->to, &place, err) < 0)
		return -1;
	if (!place.disk) {
		t->folder = arena_strdup(&t->arena, s->to);
		return 0;
	}
	if (!ours)
		return err_set(err, ERR_USAGE,
			       "'%s' is a disk: only the live ISO mounts one; mount it and name the folder", s->to);
	return open_place(t, &place, s->force, err);
}

int target_close(struct target *t, struct err *err)
{
	if (!t->disk)
		return 0;
	if (t->folder && umount2(t->folder, 0) < 0)
		return err_sys(err, ERR_HOST, "cannot unmount '%s'", t->device);
	t->folder = NULL;
	set_writable(t->device, false, NULL);
	set_writable(take_ptr(&t->disk), false, NULL);
	return 0;
}

void target_done(struct target *t)
{
	target_close(t, NULL);
	arena_done(&t->arena);
}
