/* Hand-made images in which one number says what can't be. */
#ifndef REHOST_TESTS_FORMATS_LIES_H
#define REHOST_TESTS_FORMATS_LIES_H

#include "core/base/bytes.h"
#include "tests/unit/formats/referee.h"

struct lie {
	unsigned at, bits;
	uint64_t value;
	enum err_code code;
	const char *text; /* of the error, behind what names the image */
};

static inline void lie_le(unsigned char *d, const struct lie *l)
{
	if (l->bits == 8)
		d[l->at] = (unsigned char)l->value;
	else if (l->bits == 32)
		put_le32(d + l->at, (uint32_t)l->value);
	else
		put_le64(d + l->at, l->value);
}

static inline void lie_be(unsigned char *d, const struct lie *l)
{
	if (l->bits == 8)
		d[l->at] = (unsigned char)l->value;
	else if (l->bits == 32)
		put_be32(d + l->at, (uint32_t)l->value);
	else
		put_be64(d + l->at, l->value);
}

/* An image that is true but for the lie. */
struct liar {
	const char *format;	      /* "qed" */
	unsigned char *(*make)(void); /* of len bytes, to be freed */
	size_t len;
	void (*tell)(unsigned char *d, const struct lie *l);
};

/* Opening fails so, or when it may be opened, reading its first sector does. */
static inline void lies_are_found(struct image_folder *f, const struct liar *liar, bool opens, const struct lie *lies,
				  size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char *d = liar->make();
		char text[400];

		liar->tell(d, &lies[i]);
		put_file(f, "x", d, liar->len);
		free(d);
		snprintf(text, sizeof text, "%s 'x': %s", liar->format, lies[i].text);
		if (opens)
			read_fails_at(f, "x", 0, 512, text);
		else
			open_fails(f, "x", lies[i].code, text);
	}
}

#endif
