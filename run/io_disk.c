/* One disk in the io process. */
#include "run/io_disk.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/base/checked.h"
#include "core/base/cleanup.h"
#include "core/base/file.h"
#include "core/base/log.h"
#include "core/base/unpack.h"
#include "formats/throttle.h"
#include "net/nbd_block.h"
#include "run/graft.h"

static int js_fd(const struct json *j, const char *key)
{
	return (int)js_get_u64(j, key, UINT64_C(0xffffffff));
}

bool io_disk_parse(const struct json *j, unsigned index, struct io_disk_spec *ret)
{
	*ret = (struct io_disk_spec){.index = index,
				     .folder_fd = js_fd(j, "folder_fd"),
				     .folder = js_get_str(j, "folder", ""),
				     .file = js_get_str(j, "file", NULL),
				     .window_off = js_get_u64(j, "window_off", 0),
				     .window_len = js_get_u64(j, "window_len", 0),
				     .packed = js_get_bool(j, "packed", false),
				     .format = js_get_str(j, "format", NULL),
				     .capacity = js_get_u64(j, "capacity", 0),
				     .logical_sector = (uint32_t)js_get_u64(j, "logical_sector", 0),
				     .listen_fd = js_fd(j, "listen_fd"),
				     .delta_fd = js_fd(j, "delta_fd"),
				     .spool_fd = js_fd(j, "spool_fd")};
	for (size_t i = 0; i < IO_LANES; i++)
		ret->lanes[i] = (int)js_u64(js_at(js_get(j, "lanes"), i), UINT32_MAX);
	return ret->file && ret->folder_fd >= 0;
}

static void part_name(const char *what, unsigned index, char name[32])
{
	snprintf(name, 32, "%s-%u", what, index);
}

/* A working file: the descriptor that was given, or a name in the partial folder. */
static int open_part(const struct io_place *place, int given, const char *what, unsigned index, int flags,
		     struct err *err)
{
	char name[32];
	int fd;

	if (place->partial_fd < 0 && given >= 0)
		return given;
	if (place->partial_fd < 0)
		return err_set(err, ERR_INTERNAL, "no file was given for %s-%u", what, index);
	part_name(what, index, name);
	fd = openat(place->partial_fd, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
	return fd < 0 ? err_sys(err, ERR_UNREADABLE, "cannot open '%s' in the partial folder", name) : fd;
}

/* ---- the source ---- */

static void add_identity(int fd, const char *name, void *opaque)
{
	struct io_disk_state *d = opaque;

	if (d->identity_err.code == ERR_NONE)
		identity_add(&d->identity, fd, name, &d->identity_err);
}

struct spool_tick {
	const struct format *format; /* of the image inside; NULL: not stated */
	const struct io_place *place;
	struct throttle *throttle; /* NULL: none */
	uint64_t total, before;	   /* bytes of the compressed member */
};

static void on_inflated(uint64_t done, void *opaque)
{
	struct spool_tick *t = opaque;

	if (t->throttle)
		throttle_wait(t->throttle, done - t->before);
	t->before = done;
	if (t->place->tick)
		t->place->tick(done, t->total, t->place->opaque);
}

static uint64_t look_at_head(const void *head, size_t len, void *opaque)
{
	const struct spool_tick *t = opaque;

	return format_file_bound(head, len, t->format);
}

/* What an image file of a disk of this capacity may have at most: an eighth more for tables and stream markers. */
static uint64_t image_bound(const struct io_disk_spec *spec, uint64_t packed)
{
	uint64_t bound;

	if (spec->capacity && add_fits(spec->capacity, spec->capacity / 8 + 64 * MIB, &bound))
		return bound;
	return unpack_bound(packed);
}

static int inflate_to(int fd, const struct io_disk_spec *spec, const struct folder *folder, const struct format *format,
		      const struct io_place *place, struct err *err)
{
	AUTO_FD int in = file_open_beneath(folder->dirfd, spec->file, true, err);
	off_t size = in < 0 ? -1 : lseek(in, 0, SEEK_END);
	struct unpack_job job = {.in_fd = in, .off = spec->window_off, .len = spec->window_len, .out_fd = fd};
	struct spool_tick tick = {.format = format, .place = place, .throttle = spec->options->throttle};
	uint64_t len;

	if (in < 0)
		return -1;
	if (size < 0)
		return err_sys(err, ERR_UNREADABLE, "cannot seek in '%s'", spec->file);
	folder->opened(in, spec->file, folder->opaque);
	if (!job.len && job.off <= (uint64_t)size)
		job.len = (uint64_t)size - job.off;
	if (!range_inside(job.off, job.len, (uint64_t)size))
		return err_set(err, ERR_CORRUPT,
			       "'%s': a member of %" PRIu64 " bytes at 0x%" PRIx64 ": the file has %" PRIu64 " bytes",
			       spec->file, job.len, job.off, (uint64_t)size);
	job.max = image_bound(spec, job.len);
	tick.total = job.len;
	job.look = look_at_head;
	job.tick = on_inflated;
	job.opaque = &tick;
	return unpack_run(&job, &len, err);
}

/* A packed file can't be read at random: it is inflated once, sparse, and opened from there. */
static int open_spooled(struct io_disk_state *d, const struct io_disk_spec *spec, const struct folder *folder,
			const struct format *format, const struct io_place *place, struct err *err)
{
	AUTO_FD int fd = open_part(place, spec->spool_fd, "spool", spec->index, O_CREAT | O_TRUNC, err);
	struct open_options options = *spec->options;
	struct folder own = *folder;

	options.throttle = NULL; /* the spool is ours */
	own.options = &options;
	if (fd < 0 || inflate_to(fd, spec, folder, format, place, err) < 0 ||
	    image_open_fd(fd, spec->file, format, &own, &d->source, err) < 0)
		return -1;
	take_fd(&fd);
	return 0;
}

/* One connection of a live disk. The first one tells its size, and whether there may be more (*ret_several). */
static int add_lane(struct io_disk_state *d, const struct io_disk_spec *spec, int fd, bool *ret_several,
		    struct err *err)
{
	AUTO(nbd_client_closep) struct nbd_client *client = NULL;
	struct nbd_block_options o = {.name = spec->file, .logical_sector = spec->logical_sector};
	struct stream *stream;

	if (stream_of_fd(fd, &stream, err) < 0 || nbd_client_open(stream, &client, err) < 0)
		return -1;
	o.size = nbd_client_size(client);
	*ret_several = nbd_client_several(client);
	if (!d->source && nbd_block_new(&o, &d->source, err) < 0)
		return -1;
	return nbd_block_add(d->source, take_ptr(&client), err);
}

static int open_live(struct io_disk_state *d, const struct io_disk_spec *spec, struct err *err)
{
	bool several = true;

	for (size_t i = 0; i < IO_LANES; i++) {
		if (spec->lanes[i] < 0)
			continue;
		if (!several)
			close(spec->lanes[i]);
		else if (add_lane(d, spec, spec->lanes[i], &several, err) < 0)
			return -1;
	}
	d->live = true;
	return identity_add_block(&d->identity, d->source, err);
}

int io_disk_unchanged(const struct io_disk_state *d, struct err *err)
{
	struct identity now = {0};

	if (!d->live)
		return 0;
	if (identity_add_block(&now, d->source, err) < 0)
		return -1;
	if (now.hash != d->identity.hash)
		return err_set(err, ERR_VERIFY, "disk %u has changed while it was read", d->index + 1);
	return 0;
}

static int open_source(struct io_disk_state *d, const struct io_disk_spec *spec, const struct io_place *place,
		       struct err *err)
{
	struct folder folder = {.dirfd = spec->folder_fd,
				.path = spec->folder,
				.options = spec->options,
				.opened = add_identity,
				.opaque = d};
	const struct format *format = spec->format ? format_by_name(spec->format) : NULL;

	if (spec->format && !format)
		return err_set(err, ERR_UNSUPPORTED, "format '%s' is unknown", spec->format);
	if (spec->lanes[0] >= 0)
		return open_live(d, spec, err);
	if (spec->packed)
		return open_spooled(d, spec, &folder, format, place, err);
	if (spec->window_off || spec->window_len)
		return image_open_window(&folder, spec->file, spec->window_off, spec->window_len, format, &d->source,
					 err);
	return image_open(&folder, spec->file, format, NULL, &d->source, err);
}

/* ---- the graft ---- */

static int new_graft(struct io_disk_state *d, const struct io_disk_spec *spec, const struct io_place *place,
		     struct err *err)
{
	AUTO_FD int delta = open_part(place, spec->delta_fd, "delta", spec->index, O_CREAT | O_TRUNC, err);

	if (delta < 0 || graft_open(d->source, delta, &d->graft, err) < 0)
		return -1;
	take_fd(&delta);
	return 0;
}

static int old_graft(struct io_disk_state *d, const struct io_place *place, struct err *err)
{
	AUTO_FD int delta = open_part(place, -1, "delta", d->index, 0, err);
	AUTO_FD int map = delta < 0 ? -1 : open_part(place, -1, "map", d->index, 0, err);

	if (map < 0 || graft_thaw(d->source, delta, map, &d->graft, err) < 0) {
		if (err && (err->code == ERR_CORRUPT || err->code == ERR_UNREADABLE))
			err->code = ERR_VERIFY; /* our own file's damage, not the input's */
		return -1;
	}
	take_fd(&delta);
	return 0;
}

int io_disk_open(struct io_disk_state *d, const struct io_disk_spec *spec, const struct io_place *place,
		 struct err *err)
{
	int ret;

	d->listen_fd = spec->listen_fd;
	if (open_source(d, spec, place, err) < 0)
		return err_wrap(err, "disk %u '%s'", spec->index + 1, spec->file);
	if (d->identity_err.code != ERR_NONE) {
		*err = d->identity_err;
		return err_wrap(err, "disk %u '%s'", spec->index + 1, spec->file);
	}
	if (spec->logical_sector)
		d->source->logical_sector = spec->logical_sector;
	if (spec->capacity && spec->capacity != d->source->size)
		log_warn("disk %u '%s': the description says %" PRIu64 " bytes, the image has %" PRIu64,
			 spec->index + 1, spec->file, spec->capacity, d->source->size);
	ret = place->thaw ? old_graft(d, place, err) : new_graft(d, spec, place, err);
	return ret < 0 ? err_wrap(err, "disk %u '%s'", spec->index + 1, spec->file) : 0;
}

int io_disk_freeze(struct io_disk_state *d, const struct io_place *place, struct err *err)
{
	AUTO_FD int map = -1;

	if (place->partial_fd < 0)
		map = memfd_create("map", MFD_CLOEXEC);
	else
		map = open_part(place, -1, "map", d->index, O_CREAT | O_TRUNC, err);
	if (map < 0)
		return place->partial_fd < 0 ? err_sys(err, ERR_INTERNAL, "cannot make a file in memory") : -1;
	return graft_freeze(d->graft, map, err);
}

void io_disk_close(struct io_disk_state *d)
{
	nbd_server_stop(d->server);
	block_close(d->graft);
	block_close(d->source);
	*d = (struct io_disk_state){.index = d->index, .listen_fd = -1};
}
