/* An image into another file or device: made beside its name, published when it is whole. */
#include "run/image/image.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "core/base/compress.h"
#include "core/base/file.h"
#include "core/base/log.h"
#include "formats/create_options.h"
#include "run/copy.h"
#include "run/image/place.h"

struct copying {
	const struct image_copy_options *o;
	struct block *source, *target;
	struct place place;
	char partial[300]; /* "" once it is published, and for a device */
	bool device;
	int fd; /* of the target, beside the block's own */
	uint64_t total;
};

static void copying_done(struct copying *c)
{
	/* As long as it is locked: then nobody else has begun with it. */
	if (c->place.dirfd >= 0 && c->partial[0])
		unlinkat(c->place.dirfd, c->partial, 0);
	block_close(c->target);
	block_close(c->source);
	if (c->fd >= 0)
		close(c->fd);
	place_done(&c->place);
}

static void copied(uint64_t done, void *opaque)
{
	const struct copying *c = opaque;

	if (c->o->bytes)
		c->o->bytes(done, c->total, c->o->opaque);
}

static void tell_unfinished(const struct copying *c)
{
	AUTO_FREE char *path = NULL;

	if (c->o->unfinished && asprintf(&path, "%s/%s", c->place.dir, c->partial) >= 0)
		c->o->unfinished(path, c->o->opaque);
}

/* Emptied only under its lock, so that two copies to one name don't write into each other. */
static int open_partial(struct copying *c, struct err *err)
{
	char name[sizeof c->partial] = "";
	AUTO_FD int fd = -1;

	snprintf(name, sizeof name, ".%.250s.partial", c->place.base);
	fd = openat(c->place.dirfd, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return err_sys(err, ERR_BLOCKED, "cannot create '%s/%s'", c->place.dir, name);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0 || !file_is_at(fd, c->place.dirfd, name))
		return err_set(err, ERR_TEMPFAIL, "'%s/%s' is locked: another copy is writing it", c->place.dir, name);
	if (ftruncate(fd, 0) < 0)
		return err_sys(err, ERR_BLOCKED, "cannot empty '%s/%s'", c->place.dir, name);
	memcpy(c->partial, name, sizeof name);
	tell_unfinished(c);
	return take_fd(&fd);
}

/* O_EXCL fails when a file system, swap, device mapper or md holds the device or a part of it. */
static int open_device(struct copying *c, const struct format *f, const struct stat *to, struct err *err)
{
	const char *path = c->o->target;
	AUTO_FD int fd = -1;
	struct stat from;
	int sector;

	if (stat(c->o->source, &from) == 0 && S_ISBLK(from.st_mode) && from.st_rdev == to->st_rdev)
		return err_set(err, ERR_USAGE, "'%s' is the source itself: an image can't be unpacked in its own place",
			       path);
	if (f != format_by_name("raw") || !c->o->target_format)
		return err_set(err, ERR_USAGE, "'%s' is a device: -O raw writes it", path);
	fd = open(path, O_RDWR | O_CLOEXEC | (c->o->force ? 0 : O_EXCL));
	if (fd < 0 && errno == EBUSY)
		return err_set(
		    err, ERR_BLOCKED,
		    "device '%s' is in use: it or a part of it is mounted, swap, or held by LVM, md or another "
		    "program; --force writes it all the same",
		    path);
	if (fd < 0)
		return err_sys(err, ERR_BLOCKED, "cannot open '%s' for writing", path);
	if (ioctl(fd, BLKSSZGET, &sector) == 0 && (uint32_t)sector != c->source->logical_sector)
		log_warn("device '%s' has sectors of %d bytes, the disk was made for %" PRIu32
			 ": its partition table won't be found",
			 path, sector, c->source->logical_sector);
	return take_fd(&fd);
}

static const char *kind_of_file(mode_t mode)
{
	return S_ISDIR(mode)	? "a folder"
	       : S_ISCHR(mode)	? "a character device"
	       : S_ISFIFO(mode) ? "a FIFO"
	       : S_ISSOCK(mode) ? "a socket"
				: "a special file";
}

/* A descriptor of what is written: the device itself, else a partial file beside the name. */
static int open_target(struct copying *c, const struct format *f, struct err *err)
{
	const char *target = c->o->target;
	struct stat st;

	if (stat(target, &st) == 0 && !S_ISREG(st.st_mode)) {
		if (!S_ISBLK(st.st_mode))
			return err_set(err, ERR_USAGE, "target '%s' is %s, a file or a block device expected", target,
				       kind_of_file(st.st_mode));
		c->device = true;
		return open_device(c, f, &st, err);
	}
	if (!c->o->force && fstatat(c->place.dirfd, c->place.base, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return err_set(err, ERR_BLOCKED, "target '%s' exists already: --force replaces it", target);
	return open_partial(c, err);
}

/* The format that a target's name ends with, as "copy.VHDX" and "copy.vpc" do; NULL none. */
static const struct format *format_of_name(const char *target)
{
	const char *slash = strrchr(target, '/'), *dot = strrchr(slash ? slash : target, '.');
	char ending[16] = "";

	for (size_t i = 0; dot && dot[i + 1] && i < sizeof ending - 1; i++)
		ending[i] = (char)tolower((unsigned char)dot[i + 1]);
	return format_by_name(ending);
}

static int choose_format(const struct image_copy_options *o, const struct format **ret, struct err *err)
{
	if (o->target_format)
		return image_find_format(o->target_format, ret, err);
	*ret = format_of_name(o->target);
	if (!*ret)
		*ret = format_by_name("qcow2");
	return 0;
}

static int create_target(struct copying *c, struct err *err)
{
	const struct format *f;
	struct create_options o = {.cluster_size = c->o->cluster_size,
				   .codec = codec_of_qcow2(c->o->codec),
				   .logical_sector = c->source->logical_sector};
	AUTO_FD int fd = -1;

	if (choose_format(c->o, &f, err) < 0 || place_open(&c->place, c->o->target, err) < 0)
		return -1;
	if (!f->create)
		return err_set(err, ERR_UNSUPPORTED,
			       "'%s': format '%s' can't be written: `rehost formats` lists those that can, for -O",
			       c->o->target, f->name);
	if (c->o->codec && f != format_by_name("qcow2"))
		return err_set(err, ERR_USAGE, "format '%s' is not compressed: --compress goes with qcow2", f->name);
	if (c->o->cluster_size && f != format_by_name("qcow2"))
		return err_set(err, ERR_USAGE, "format '%s' has no cluster size: --cluster-size goes with qcow2",
			       f->name);
	for (const char *const *text = c->o->create; text && *text; text++)
		if (create_options_parse(f, *text, &o, err) < 0)
			return -1;
	fd = open_target(c, f, err);
	if (fd < 0)
		return -1;
	c->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (c->fd < 0)
		return err_sys(err, ERR_INTERNAL, "cannot duplicate a descriptor");
	if (f->create(fd, c->place.base, c->source->size, &o, &c->target, err) < 0)
		return -1;
	take_fd(&fd);
	return 0;
}

static int publish_target(struct copying *c, struct err *err)
{
	int ret;

	block_close(take_ptr(&c->target));
	if (fsync(c->fd) < 0)
		return err_sys(err, ERR_INTERNAL, "cannot sync '%s'", c->o->target);
	if (c->device)
		return 0;
	if (c->o->force)
		ret = renameat(c->place.dirfd, c->partial, c->place.dirfd, c->place.base) < 0
			  ? err_sys(err, ERR_INTERNAL, "cannot rename to '%s'", c->o->target)
			  : 0;
	else
		ret = file_rename_noreplace(c->place.dirfd, c->partial, c->place.base, err);
	if (ret < 0)
		return -1;
	c->partial[0] = '\0';
	return file_sync_dir(c->place.dirfd, err);
}

static struct json *copy_json(const struct copying *c, const char *format, const struct copy_result *result)
{
	struct json *j = js_object();
	struct stat st;

	js_set_str(j, "source", c->o->source);
	js_set_str(j, "source_format", c->source->ops->name);
	js_set_str(j, "target", c->o->target);
	js_set_str(j, "target_format", format);
	js_set_u64(j, "size", c->source->size);
	js_set_u64(j, "allocated", c->total);
	js_set_u64(j, "bytes_read", result->read);
	js_set_u64(j, "bytes_moved", result->moved);
	js_set_u64(j, "bytes_written",
		   c->device		    ? result->read
		   : fstat(c->fd, &st) == 0 ? (uint64_t)st.st_blocks * 512
					    : 0);
	return j;
}

int image_copy(const struct image_copy_options *options, struct json **ret, struct err *err)
{
	AUTO(copying_done) struct copying c = {.o = options, .fd = -1, .place = {.dirfd = -1}};
	AUTO(copy_result_done) struct copy_result result = {0};
	struct copy_job job = {.threads = options->threads, .progress = copied, .opaque = &c};
	const char *format;

	if (image_open_user(options->source, options->source_format, &options->rules, &c.source, err) < 0 ||
	    block_allocated(c.source, &c.total, err) < 0 || create_target(&c, err) < 0)
		return -1;
	format = c.target->ops->name;
	job.source = c.source;
	job.target = c.target;
	job.writeback_fd = c.fd;
	if (copy_run(&job, &result, err) < 0 || block_finish(c.target, err) < 0 || publish_target(&c, err) < 0)
		return -1;
	*ret = copy_json(&c, format, &result);
	return 0;
}
