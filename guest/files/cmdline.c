/* Kernel command lines: the device names in their arguments. */
#include <string.h>

#include "guest/files/devices.h"

/* An argument whose value names a device. */
struct device_argument {
	const char *key;
	const char *inner; /* the device stands behind this word inside the value; NULL: the value begins with it */
	char stop;	   /* ends the device, besides blanks and quotes; 0: nothing else does */
	const char *mountpoint, *type;
};

static const struct device_argument arguments[] = {
    {"root=", NULL, 0, "/", NULL},
    {"real_root=", NULL, 0, "/", NULL},
    {"boot=", NULL, 0, "/boot", NULL}, /* dracut with fips=1 */
    {"resume=", NULL, 0, NULL, "swap"},
    {"real_resume=", NULL, 0, NULL, "swap"},
    {"crypt_root=", NULL, 0, NULL, "crypto_LUKS"},
    {"crypt_swap=", NULL, 0, NULL, "crypto_LUKS"},
    {"cryptdevice=", NULL, ':', NULL, "crypto_LUKS"},
    {"cryptopts=", "source=", ',', NULL, "crypto_LUKS"},
};

static const char word_ends[] = " \t\r\"'\\;}";

static bool argument_starts(const char *text, size_t at, size_t from)
{
	return at == from || is_blank(text[at - 1]) || strchr("\"'=", text[at - 1]);
}

/* The device of the argument at text, relative to it; one that has none gets an empty place, at the word's end when all
 * of the word was searched for it. False when there is no such argument. */
static bool argument_device(const char *text, const struct device_argument **ret_arg, struct span *ret)
{
	for (size_t k = 0; k < sizeof arguments / sizeof *arguments; k++) {
		const struct device_argument *arg = &arguments[k];
		size_t at = strlen(arg->key), word;

		if (strncmp(text, arg->key, at) != 0)
			continue;
		if (!arg->inner && (text[at] == '"' || text[at] == '\''))
			at++;
		word = at + strcspn(text + at, word_ends);
		if (arg->inner) {
			const char *inner = memmem(text, word, arg->inner, strlen(arg->inner));

			at = inner ? (size_t)(inner - text) + strlen(arg->inner) : word;
		}

		const char *stop = arg->stop ? memchr(text + at, arg->stop, word - at) : NULL;

		*ret_arg = arg;
		*ret = (struct span){at, stop ? (size_t)(stop - text) - at : word - at};
		return true;
	}
	return false;
}

void cmdline_walk(struct lines *l, size_t i, size_t from, bool partition_id, const struct device_visitor *v)
{
	const char *text = l->v.v[i].text;
	struct splices edits = {0};

	for (size_t at = from; text[at]; at++) {
		const struct device_argument *arg;
		struct span s;

		if (!argument_starts(text, at, from) || !argument_device(text + at, &arg, &s))
			continue;
		s.at += at;
		at = s.at + s.len - 1;
		if (!s.len)
			continue;

		/* Where /dev/disk/by-id was understood, /dev/disk/by-uuid is; not every old initramfs takes UUID=. */
		bool by_link = strncmp(text + s.at, "/dev/disk/", 10) == 0;
		struct device_use use = {.type = arg->type,
					 .mountpoint = arg->mountpoint,
					 .form = by_link ? FORM_PATH : FORM_SPEC,
					 .partition_id = partition_id,
					 .optional = !arg->mountpoint};

		device_visit_one(l, i, s, use, v, &edits);
	}
	line_splice_all(l, i, &edits);
}

void cmdline_devices(struct lines *l, const struct device_visitor *v)
{
	for (size_t i = 0; i < l->v.n; i++)
		if (l->v.v[i].text[line_indent(l->v.v[i].text)] != '#')
			cmdline_walk(l, i, 0, false, v);
}
