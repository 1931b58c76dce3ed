/* Images as the user names them, packed ones too. */
#include "run/image/image.h"

#include <string.h>
#include <unistd.h>

#include "core/base/cleanup.h"
#include "core/base/file.h"
#include "core/base/unpack.h"
#include "formats/throttle.h"
#include "run/image/place.h"

int image_find_format(const char *name, const struct format **ret, struct err *err)
{
	*ret = name ? format_by_name(name) : NULL;
	if (name && !*ret)
		return err_set(err, ERR_USAGE, "unknown format '%s': `rehost formats` lists them", name);
	return 0;
}

int image_is_packed(int fd, const char *name, const struct format *format, bool *ret, struct err *err)
{
	unsigned char head[UNPACK_HEAD];
	ssize_t n = pread(fd, head, sizeof head, 0);

	if (n < 0)
		return err_sys(err, ERR_UNREADABLE, "cannot read '%s'", name);
	*ret = unpack_sniff(head, (size_t)n) && (!format || unpack_named(name));
	return 0;
}

struct unpack_pace {
	struct throttle *throttle;
	const struct format *format; /* of the image inside, if it is stated */
	uint64_t before;	     /* bytes of packed data */
};

static void keep_pace(uint64_t done, void *opaque)
{
	struct unpack_pace *p = opaque;

	if (p->throttle)
		throttle_wait(p->throttle, done - p->before);
	p->before = done;
}

static uint64_t look_at_head(const void *head, size_t len, void *opaque)
{
	const struct unpack_pace *p = opaque;

	return format_file_bound(head, len, p->format);
}

static int unpack_to(int out, int fd, const struct folder *folder, const char *name, const struct format *format,
		     struct err *err)
{
	struct unpack_pace pace = {.throttle = folder->options->throttle, .format = format};
	off_t size = lseek(fd, 0, SEEK_END);
	struct unpack_job job = {.in_fd = fd,
				 .len = (uint64_t)size,
				 .out_fd = out,
				 .look = look_at_head,
				 .tick = keep_pace,
				 .opaque = &pace};
	uint64_t len;

	if (size < 0)
		return err_sys(err, ERR_UNREADABLE, "cannot seek in '%s'", name);
	job.max = unpack_bound(job.len);
	return unpack_run(&job, &len, err) < 0 ? err_wrap(err, "'%s'", name) : 0;
}

/* It can't be read at random: it is unpacked into a file without a name, sparse, which is ours and needs no pace. */
static int open_packed(int fd, const struct folder *folder, const char *name, const struct format *format,
		       int *unpack_fd, struct block **ret, struct err *err)
{
	AUTO_FD int out = unpack_fd && *unpack_fd >= 0 ? take_fd(unpack_fd) : file_unnamed(err);
	struct open_options options = *folder->options;
	struct folder own = *folder;

	options.throttle = NULL;
	own.options = &options;
	if (folder->opened)
		folder->opened(fd, name, folder->opaque);
	if (out < 0 || unpack_to(out, fd, folder, name, format, err) < 0 ||
	    image_open_fd(out, name, format, &own, ret, err) < 0)
		return -1;
	take_fd(&out);
	return 0;
}

static int open_top(const struct folder *folder, const char *name, const struct format *format, int *unpack_fd,
		    struct block **ret, struct err *err)
{
	AUTO_FD int fd = file_open_beneath(folder->dirfd, name, true, err);
	bool packed;

	if (fd < 0 || image_is_packed(fd, name, format, &packed, err) < 0)
		return -1;
	return packed ? open_packed(fd, folder, name, format, unpack_fd, ret, err)
		      : image_open(folder, name, format, NULL, ret, err);
}

int image_open_watched(const char *path, const char *format, const struct image_rules *rules, struct folder *watch,
		       struct block **ret, struct err *err)
{
	AUTO(place_done) struct place p = {.dirfd = -1};
	AUTO(rules_done) struct open_rules open = {0};
	const struct format *f;
	int opened;

	if (image_find_format(format, &f, err) < 0 || rules_open(rules, &open, err) < 0 ||
	    place_of_image(&p, path, err) < 0)
		return -1;
	watch->dirfd = p.dirfd;
	watch->path = p.dir;
	watch->options = &open.options;
	opened = open_top(watch, p.base, f, rules && rules->ready ? &rules->ready->unpack_fd : NULL, ret, err);
	watch->options = NULL;
	return opened;
}

int image_open_user(const char *path, const char *format, const struct image_rules *rules, struct block **ret,
		    struct err *err)
{
	struct folder folder = {0};

	return image_open_watched(path, format, rules, &folder, ret, err);
}
