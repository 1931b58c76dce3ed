/* Screenshots inside a page: files that a report names, read only when they are what they should be. */
#include "run/report/picture.h"

#include <inttypes.h>
#include <string.h>

#include "core/base/base64.h"
#include "core/base/bytes.h"
#include "core/base/cleanup.h"
#include "core/base/file.h"

/* PNG, third edition, 5.2 and 11.2.1: the signature, then IHDR with width and height first. */
static const unsigned char signature[16] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n',
					    0,	  0,   0,   13,	 'I',  'H',  'D',  'R'};
enum { PNG_WIDTH = 16, PNG_HEIGHT = 20, PNG_LEAST = 24 };

static int measure(const struct buf *png, const char *name, struct json *view, struct err *err)
{
	uint32_t width, height;

	if (png->len < PNG_LEAST || memcmp(png->data, signature, sizeof signature) != 0)
		return err_set(err, ERR_CORRUPT, "'%s' is no PNG", name);
	width = get_be32(png->data + PNG_WIDTH);
	height = get_be32(png->data + PNG_HEIGHT);
	if (!width || !height || width > PICTURE_SIDE_MAX || height > PICTURE_SIDE_MAX)
		return err_set(err, ERR_CORRUPT, "'%s': %" PRIu32 "x%" PRIu32 " pixels, 1 to %d expected", name, width,
			       height, PICTURE_SIDE_MAX);
	js_set_u64(view, "width", width);
	js_set_u64(view, "height", height);
	return 0;
}

static int put_in(struct pictures *p, const char *name, struct json *view, struct err *err)
{
	AUTO(buf_done) struct buf png = BUF_INIT(PICTURE_MAX);
	AUTO(buf_done) struct buf text = BUF_INIT(PICTURE_MAX / 3 * 4 + 8);
	AUTO_FD int fd = p->dirfd < 0 ? -1 : file_open_beneath(p->dirfd, name, false, err);

	if (p->dirfd < 0)
		return err_set(err, ERR_UNREADABLE, "'%s' is not at hand", name);
	if (fd < 0 || file_slurp_fd(fd, name, &png, err) < 0 || measure(&png, name, view, err) < 0)
		return -1;
	if (png.len > p->left)
		return err_set(err, ERR_CORRUPT, "'%s': the page has %d MiB of pictures already", name,
			       PICTURES_MAX >> 20);
	if (base64_add(&text, png.data, png.len) < 0)
		return err_nomem(err);
	p->left -= png.len;
	js_set_str(view, "png", buf_str(&text));
	return 0;
}

struct json *picture_view(struct pictures *p, const char *name)
{
	struct json *view = js_object();
	struct err err = ERR_INIT;

	if (put_in(p, name, view, &err) < 0)
		js_set_str(view, "missing", err.text);
	return view;
}
