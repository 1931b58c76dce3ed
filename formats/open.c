/* Opening images by name: beneath a folder, along a chain that can neither loop nor go on for ever. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/file.h"
#include "formats/open.h"
#include "formats/registry.h"
#include "formats/resolve.h"
#include "formats/throttle.h"

static void tell_opened(const struct folder *folder, int fd, const char *name)
{
	if (folder->opened)
		folder->opened(fd, name, folder->opaque);
}

/* The bytes of a file of the source; takes the fd on success. */
static int open_file(int fd, const char *name, const struct open_options *options, struct block **ret, struct err *err)
{
	AUTO(block_closep) struct block *file = NULL;
	AUTO_FD int own = -1;

	if (!options || !options->throttle)
		return file_block_open(fd, name, ret, err);
	own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (own < 0)
		return err_sys(err, ERR_INTERNAL, "cannot duplicate the descriptor of '%s'", name);
	if (file_block_open(own, name, &file, err) < 0)
		return -1;
	take_fd(&own);
	if (throttle_open(file, options->throttle, ret, err) < 0)
		return -1;
	take_ptr(&file);
	close(fd);
	return 0;
}

int image_open_bytes(const struct open_args *args, const struct image_place *place, struct block **ret, struct err *err)
{
	AUTO(block_closep) struct block *file = NULL;
	AUTO_FD int fd = image_place_fd(place, err);

	if (fd < 0)
		return -1;
	tell_opened(&place->folder, fd, place->name);
	if (open_file(fd, place->name, args->options, &file, err) < 0)
		return -1;
	take_fd(&fd);
	if (!open_allows_truncated(args))
		*ret = file;
	else if (cut_off_open(file, ret, err) < 0)
		return -1;
	take_ptr(&file);
	return 0;
}

int image_open_beside(const struct open_args *args, const char *ref, struct block **ret, struct err *err)
{
	struct image_place place;

	return image_resolve(args, ref, &place, err) < 0 ? -1 : image_open_bytes(args, &place, ret, err);
}

/* The link for a file just opened, after looking for the same file above it. */
static int chain_next(int fd, const char *name, const struct chain_link *above, struct chain_link *ret, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(err, ERR_UNREADABLE, "cannot stat '%s'", name);
	*ret = (struct chain_link){.above = above, .dev = st.st_dev, .ino = st.st_ino};
	if (!above)
		return 0;
	ret->depth = above->depth + 1;
	if (ret->depth >= CHAIN_DEPTH_MAX)
		return err_set(err, ERR_CORRUPT, "'%s': the chain is longer than %d images", name, CHAIN_DEPTH_MAX);
	for (const struct chain_link *l = above; l; l = l->above)
		if (l->dev == st.st_dev && l->ino == st.st_ino)
			return err_set(err, ERR_CORRUPT, "'%s': loop: this file is in the chain already", name);
	return 0;
}

/* Takes the file on success, as the format does. */
static int open_format(const struct open_args *args, const struct format *format, struct block **ret, struct err *err)
{
	struct open_args lenient = *args;

	if (!open_allows_truncated(args))
		return format->open(args, ret, err);
	if (cut_off_open(args->file, &lenient.file, err) < 0)
		return -1;
	if (format->open(&lenient, ret, err) == 0)
		return 0;
	cut_off_give_back(lenient.file);
	return -1;
}

/* Probes unless the format is given, and opens; takes the file on success. */
static int open_bytes(struct open_args *args, const struct folder *told, const struct format *format,
		      struct block **ret, struct err *err)
{
	if (!args->file->size)
		return err_set(err, ERR_CORRUPT, "'%s': the file is empty (0 bytes)", args->name);
	if (!format && format_probe(args->file, args->name, &format, err) < 0)
		return -1;
	if (told->image)
		told->image(args, format, told->opaque);
	if (open_snapshot(args) && !format->snapshots)
		return err_set(err, ERR_USAGE, "'%s': format '%s' has no snapshots inside, so not '%s'", args->name,
			       format->name, open_snapshot(args));
	if (open_format(args, format, ret, err) < 0)
		return err_wrap(err, "%s '%s'", format->name, args->name);
	return 0;
}

int image_open(const struct folder *folder, const char *name, const struct format *format,
	       const struct chain_link *above, struct block **ret, struct err *err)
{
	AUTO_FD int fd = file_open_beneath(folder->dirfd, name, !above, err);
	AUTO(block_closep) struct block *file = NULL;
	struct chain_link link;
	struct open_args args = {.folder = folder, .options = folder->options, .chain = &link, .name = name};

	if (fd < 0 || chain_next(fd, name, above, &link, err) < 0)
		return -1;
	tell_opened(folder, fd, name); /* before it may be another one's */
	if (open_file(fd, name, folder->options, &file, err) < 0)
		return -1;
	take_fd(&fd);
	args.file = file;
	if (open_bytes(&args, folder, format, ret, err) < 0)
		return -1;
	take_ptr(&file);
	return 0;
}

/* The file's bytes, or a window on them. */
static int open_part(int fd, const char *name, uint64_t off, uint64_t len, const struct open_options *options,
		     struct block **ret, struct err *err)
{
	AUTO(block_closep) struct block *file = NULL;

	if (open_file(fd, name, options, &file, err) < 0) {
		close(fd);
		return -1;
	}
	if (!len && off <= file->size)
		len = file->size - off;
	if (window_open(file, off, len, ret, err) < 0)
		return -1;
	take_ptr(&file);
	return 0;
}

int image_open_window(const struct folder *folder, const char *name, uint64_t off, uint64_t len,
		      const struct format *format, struct block **ret, struct err *err)
{
	AUTO_FD int fd = file_open_beneath(folder->dirfd, name, true, err);
	AUTO(block_closep) struct block *part = NULL;
	struct chain_link link;
	struct open_args args = {.options = folder->options, .chain = &link, .name = name};

	if (fd < 0 || chain_next(fd, name, NULL, &link, err) < 0)
		return -1;
	tell_opened(folder, fd, name);
	if (open_part(take_fd(&fd), name, off, len, folder->options, &part, err) < 0)
		return -1;
	args.file = part;
	if (open_bytes(&args, folder, format, ret, err) < 0)
		return err_wrap(err, "'%s' at 0x%" PRIx64, name, off);
	take_ptr(&part);
	return 0;
}

int image_open_fd(int fd, const char *name, const struct format *format, const struct folder *folder,
		  struct block **ret, struct err *err)
{
	AUTO_FD int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	AUTO(block_closep) struct block *file = NULL;
	struct chain_link link;
	struct open_args args = {.options = folder->options, .chain = &link, .name = name};

	if (own < 0)
		return err_sys(err, ERR_INTERNAL, "cannot duplicate the descriptor of '%s'", name);
	if (chain_next(own, name, NULL, &link, err) < 0 || open_file(own, name, folder->options, &file, err) < 0)
		return -1;
	take_fd(&own);
	args.file = file;
	if (open_bytes(&args, folder, format, ret, err) < 0)
		return -1;
	take_ptr(&file);
	close(fd);
	return 0;
}
