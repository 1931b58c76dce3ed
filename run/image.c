/* Work on images by themselves: open, copy, compare, map, export. */
#include "run/image.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "core/base/checked.h"
#include "core/base/compress.h"
#include "core/base/file.h"
#include "core/base/unpack.h"
#include "core/base/log.h"
#include "formats/create_options.h"
#include "formats/open.h"
#include "formats/throttle.h"
#include "net/nbd_server.h"
#include "run/copy.h"
#include "run/lockdown.h"

/* A path of the user, split into the folder that bounds the image and the name in it. */
struct place {
	char *dir_copy, *base_copy;
	const char *dir, *base;
	int dirfd;
};

static void place_done(struct place *p)
{
	if (p->dirfd >= 0)
		close(p->dirfd);
	free(p->dir_copy);
	free(p->base_copy);
}

static int place_open(struct place *p, const char *path, struct err *err)
{
	p->dirfd = -1;
	p->dir_copy = strdup(path);
	p->base_copy = strdup(path);
	if (!p->dir_copy || !p->base_copy)
		return err_nomem(err);
	p->dir = dirname(p->dir_copy);
	p->base = basename(p->base_copy);
	p->dirfd = file_open_dir(p->dir, err);
	return p->dirfd < 0 ? -1 : 0;
}

static int find_format(const char *name, const struct format **ret, struct err *err)
{
	*ret = name ? format_by_name(name) : NULL;
	if (name && !*ret)
		return err_set(err, ERR_USAGE, "unknown format '%s': `rehost formats` lists them", name);
	return 0;
}

/* Whether the file is packed. With a stated format it must also be named so. */
static int is_packed(int fd, const char *name, const struct format *format, bool *ret, struct err *err)
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

	if (fd < 0 || is_packed(fd, name, format, &packed, err) < 0)
		return -1;
	return packed ? open_packed(fd, folder, name, format, unpack_fd, ret, err)
		      : image_open(folder, name, format, NULL, ret, err);
}

/* The user's own word: links are followed, and the folder of a Parallels bundle means its descriptor. malloc'ed; NULL
 * when there is no such file. */
static char *real_image(const char *path)
{
	AUTO_FREE char *real = realpath(path, NULL);
	char *inside = NULL;
	struct stat st;

	if (!real || asprintf(&inside, "%s/DiskDescriptor.xml", real) < 0)
		return NULL;
	if (stat(inside, &st) == 0)
		return inside;
	free(inside);
	return take_ptr(&real);
}

static int place_of_image(struct place *p, const char *path, struct err *err)
{
	AUTO_FREE char *real = real_image(path);

	return place_open(p, real ? real : path, err);
}

int image_open_watched(const char *path, const char *format, const struct image_rules *rules, struct folder *watch,
		       struct block **ret, struct err *err)
{
	AUTO(place_done) struct place p = {.dirfd = -1};
	AUTO(rules_done) struct open_rules open = {0};
	const struct format *f;
	int opened;

	if (find_format(format, &f, err) < 0 || rules_open(rules, &open, err) < 0 || place_of_image(&p, path, err) < 0)
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

/* ----------------------------------------------------------------------------------------------------------- confine
 */

enum { CONFINED_MAX = RULES_FOLDERS_MAX + 4 /* the rest: two images, a target, a socket */ };

static void add_folder(struct lockdown_folder *folders, size_t *n, int fd, struct lockdown_folder rights)
{
	/* One that can't be opened is an error where its file is. */
	if (fd < 0 || *n == CONFINED_MAX)
		return;
	rights.fd = fd;
	folders[(*n)++] = rights;
}

static int folder_of(const char *path)
{
	AUTO(place_done) struct place p = {.dirfd = -1};

	return path && place_open(&p, path, NULL) == 0 ? take_fd(&p.dirfd) : -1;
}

static int rights_of_image(const char *path)
{
	AUTO(place_done) struct place p = {.dirfd = -1};

	return place_of_image(&p, path, NULL) == 0 ? lockdown_of_image(p.dirfd, p.base) : -1;
}

/* Where a packed image is unpacked is made while $TMPDIR can be reached, converters of names are loaded. */
static void get_ready(struct image_ready *ready, const char *path)
{
	AUTO(place_done) struct place p = {.dirfd = -1};
	AUTO_FD int fd = -1;
	bool packed = false;

	*ready = (struct image_ready){.unpack_fd = -1};
	if (place_of_image(&p, path, NULL) < 0)
		return;
	fd = file_open_beneath(p.dirfd, p.base, true, NULL);
	if (fd >= 0)
		is_packed(fd, p.base, NULL, &packed, NULL);
	if (packed)
		ready->unpack_fd = file_unnamed(NULL);
	image_ready_charset(ready, p.dirfd, p.base);
}

/* A device is allowed by itself, through whatever links it is named: not its folder with all the others. What can't be
 * a target gets no right; open_target() says why. */
static void add_target(struct lockdown_folder *folders, size_t *n, const char *path)
{
	AUTO_FD int fd = path ? open(path, O_PATH | O_CLOEXEC) : -1;
	const struct lockdown_folder rights = {.writable = 1};
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || S_ISREG(st.st_mode))
		add_folder(folders, n, folder_of(path), rights);
	else if (S_ISBLK(st.st_mode))
		add_folder(folders, n, take_fd(&fd), rights);
}

void image_confine(const char *const *sources, size_t nsources, const struct image_confine_options *o,
		   struct image_ready *ret_ready)
{
	struct lockdown_folder folders[CONFINED_MAX];
	size_t n = 0;

	for (size_t i = 0; i < nsources; i++)
		add_folder(folders, &n, rights_of_image(sources[i]), (struct lockdown_folder){0});
	for (const char *const *dir = o->allow_parent; dir && *dir; dir++)
		add_folder(folders, &n, file_open_dir(*dir, NULL), (struct lockdown_folder){0});
	for (size_t i = 0; i < nsources; i++)
		get_ready(&ret_ready[i], sources[i]);
	add_target(folders, &n, o->writes);
	add_folder(folders, &n, folder_of(o->removes_beside), (struct lockdown_folder){.removes = 1});
	js_free(js_object()); /* the first one takes its hashes' seed from /dev/urandom */
	lockdown_limits();
	lockdown_files(folders, n);
	lockdown_calls();
	for (size_t i = 0; i < n; i++)
		close(folders[i].fd);
}

/* -------------------------------------------------------------------------------------------------------------- copy
 */

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
	block_close(c->target);
	block_close(c->source);
	if (c->fd >= 0)
		close(c->fd);
	if (c->place.dirfd >= 0 && c->partial[0])
		unlinkat(c->place.dirfd, c->partial, 0);
	place_done(&c->place);
}

static void copied(uint64_t done, void *opaque)
{
	const struct copying *c = opaque;

	if (c->o->bytes)
		c->o->bytes(done, c->total, c->o->opaque);
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
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return err_set(err, ERR_TEMPFAIL, "'%s/%s' is locked: another copy is writing it", c->place.dir, name);
	if (ftruncate(fd, 0) < 0)
		return err_sys(err, ERR_BLOCKED, "cannot empty '%s/%s'", c->place.dir, name);
	memcpy(c->partial, name, sizeof name);
	return take_fd(&fd);
}

/* O_EXCL fails when a file system, swap, device mapper or md holds the device or a part of it. */
static int open_device(struct copying *c, const struct format *f, struct err *err)
{
	const char *path = c->o->target;
	AUTO_FD int fd = -1;
	int sector;

	if (f != format_by_name("raw"))
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
		return open_device(c, f, err);
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
		return find_format(o->target_format, ret, err);
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

/* ----------------------------------------------------------------------------------------------------------- compare
 */

enum { COMPARE_CHUNK = 1 << 20 };

/* The image's bytes at off, zeros behind its end. */
static int read_padded(struct block *b, unsigned char *to, size_t len, uint64_t off, struct err *err)
{
	size_t inside = off >= b->size ? 0 : (size_t)min_u64(len, b->size - off);

	memset(to + inside, 0, len - inside);
	return inside ? block_pread(b, to, inside, off, err) : 0;
}

/* How far from off the image is known to be zeros without reading it. */
static int zero_run(struct block *b, uint64_t off, uint64_t max, uint64_t *ret, struct err *err)
{
	struct extent e;

	*ret = max;
	if (off >= b->size)
		return 0;
	if (block_extent(b, off, min_u64(max, b->size - off), &e, err) < 0)
		return -1;
	if (e.kind == EXTENT_DATA)
		*ret = 0;
	else if (off + e.len < b->size)
		*ret = e.len;
	return 0;
}

static size_t first_difference(const unsigned char *a, const unsigned char *b, size_t len)
{
	size_t i = 0;

	while (i < len && a[i] == b[i])
		i++;
	return i;
}

int image_compare(struct block *a, struct block *b, struct image_difference *ret, struct err *err)
{
	AUTO_FREE unsigned char *one = malloc(COMPARE_CHUNK);
	AUTO_FREE unsigned char *two = malloc(COMPARE_CHUNK);
	uint64_t end = max_u64(a->size, b->size), skip_a, skip_b, off = 0;

	*ret = (struct image_difference){.size_a = a->size, .size_b = b->size};
	if (!one || !two)
		return err_nomem(err);
	while (off < end) {
		size_t len = (size_t)min_u64(COMPARE_CHUNK - off % COMPARE_CHUNK, end - off);

		if (zero_run(a, off, end - off, &skip_a, err) < 0 || zero_run(b, off, end - off, &skip_b, err) < 0)
			return -1;
		if (skip_a && skip_b) {
			off += min_u64(skip_a, skip_b);
			continue;
		}
		if (read_padded(a, one, len, off, err) < 0 || read_padded(b, two, len, off, err) < 0)
			return -1;
		if (memcmp(one, two, len) != 0) {
			ret->differ = true;
			ret->at = off + first_difference(one, two, len);
			return 0;
		}
		off += len;
	}
	return 0;
}

/* --------------------------------------------------------------------------------------------------------------- map
 */

static const char *kind_name(enum extent_kind kind)
{
	switch (kind) {
	case EXTENT_DATA:
		return "data";
	case EXTENT_ZERO:
		return "zero";
	case EXTENT_HOLE:
		return "hole";
	case EXTENT_UNKNOWN:
		break;
	}
	return "unknown";
}

static int add_extent(const struct extent *e, void *opaque, struct err *err)
{
	struct json *j = js_add(opaque, js_object());

	js_set_u64(j, "offset", e->off);
	js_set_u64(j, "length", e->len);
	js_set_str(j, "kind", kind_name(e->kind));
	return 0;
}

int image_map(struct block *b, struct json **ret, struct err *err)
{
	AUTO(js_freep) struct json *list = js_array();

	if (block_each_extent(b, 0, b->size, add_extent, list, err) < 0)
		return -1;
	*ret = take_ptr(&list);
	return 0;
}

/* --------------------------------------------------------------------------------------------------------------- nbd
 */

static int listen_at(const char *path, struct err *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	AUTO_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof address.sun_path)
		return err_set(err, ERR_USAGE, "socket '%s': the path has %zu bytes, at most %zu expected", path,
			       strlen(path), sizeof address.sun_path - 1);
	memcpy(address.sun_path, path, strlen(path) + 1);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 16) < 0)
		return err_sys(err, ERR_BLOCKED, "cannot listen on '%s'", path);
	return take_fd(&fd);
}

/* Signals are blocked before there are threads, so that all inherit it and the signal comes to us here. */
static int serve_until_signal(struct block *b, int listen_fd, const char *socket_path,
			      void (*ready)(const char *socket_path), struct err *err)
{
	struct nbd_server_options options = {.block = b, .readonly = true, .listen_fd = listen_fd};
	struct nbd_server *server = NULL;
	sigset_t ends;
	int got;

	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &ends, NULL);
	if (nbd_server_start(&options, &server, err) < 0)
		return -1;
	ready(socket_path);
	sigwait(&ends, &got);
	nbd_server_stop(server);
	return 0;
}

/* The socket comes first: where images are parsed none can be made. */
int image_serve(const char *path, const char *format, const struct image_rules *rules, const char *socket_path,
		void (*ready)(const char *socket_path), struct err *err)
{
	AUTO(block_closep) struct block *b = NULL;
	AUTO_FD int fd = listen_at(socket_path, err);
	AUTO(image_ready_done) struct image_ready prepared = {.unpack_fd = -1};
	struct image_rules own = *rules;
	int ret;

	if (fd < 0)
		return -1;
	image_confine(
	    &path, 1,
	    &(struct image_confine_options){.allow_parent = rules->allow_parent, .removes_beside = socket_path},
	    &prepared);
	own.ready = &prepared;
	ret = image_open_user(path, format, &own, &b, err);
	if (ret == 0)
		ret = serve_until_signal(b, take_fd(&fd), socket_path, ready, err);
	unlink(socket_path);
	return ret;
}
