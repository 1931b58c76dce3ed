/* Kernel command lines: the device names in their arguments. */
#include <string.h>

#include "guest/files/devices.h"

/* An argument whose value names a device. */
struct device_argument {
	const char *key;
	const char *inner; /* the device stands behind this word inside the value; NULL: the value begins with it */
	const char *stop;  /* characters that end the device, besides blanks and quotes */
	const char *mountpoint, *type;
};

static const struct device_argument arguments[] = {
    {"root=", NULL, "", "/", NULL},
    {"real_root=", NULL, "", "/", NULL},
    {"boot=", NULL, "", "/boot", NULL}, /* dracut with fips=1 */
    {"resume=", NULL, "", NULL, "swap"},
    {"real_resume=", NULL, "", NULL, "swap"},
    {"crypt_root=", NULL, "", NULL, "crypto_LUKS"},
    {"crypt_swap=", NULL, "", NULL, "crypto_LUKS"},
    {"cryptdevice=", NULL, ":", NULL, "crypto_LUKS"},
    {"cryptopts=", "source=", ",", NULL, "crypto_LUKS"},
};

static const char word_ends[] = " \t\r\"'\\;}";

static bool argument_starts(const char *text, size_t at, size_t from)
{
	return at == from || is_blank(text[at - 1]) || strchr("\"'=", text[at - 1]);
}

/* The device of the argument at text, relative to it; false when there is none. */
static bool argument_device(const char *text, const struct device_argument **ret_arg, struct span *ret)
{
	for (size_t k = 0; k < sizeof arguments / sizeof *arguments; k++) {
		const struct device_argument *arg = &arguments[k];
		size_t at = strlen(arg->key), word = strcspn(text, word_ends);

		if (strncmp(text, arg->key, at) != 0)
			continue;
		if (arg->inner) {
			const char *inner = strstr(text, arg->inner);

			if (!inner || (size_t)(inner - text) > word)
				return false;
			at = (size_t)(inner - text) + strlen(arg->inner);
		} else if (text[at] == '"' || text[at] == '\'') {
			at++;
		}

		size_t len = strcspn(text + at, word_ends), own = strcspn(text + at, arg->stop);

		*ret_arg = arg;
		*ret = (struct span){at, own < len ? own : len};
		return ret->len > 0;
	}
	return false;
}

void cmdline_walk(struct lines *l, size_t i, size_t from, bool partition_id, const struct device_visitor *v)
{
	const char *text = l->v.v[i].text;
	VEC(struct splice) splices = {0};

	for (size_t at = from; text[at]; at++) {
		const struct device_argument *arg;
		const char *with;
		struct span s;

		if (!argument_starts(text, at, from) || !argument_device(text + at, &arg, &s))
			continue;
		s.at += at;

		/* Where /dev/disk/by-id was understood, /dev/disk/by-uuid is; not every old initramfs takes UUID=. */
		bool by_link = strncmp(text + s.at, "/dev/disk/", 10) == 0;
		struct device_use use = {.type = arg->type,
					 .mountpoint = arg->mountpoint,
					 .form = by_link ? FORM_PATH : FORM_SPEC,
					 .partition_id = partition_id,
					 .optional = !arg->mountpoint};

		with = device_ask(l, i, s, use, v);
		if (with)
			*vec_push(l->arena, &splices) = (struct splice){s, with};
		at = s.at + s.len - 1;
	}
	if (splices.n)
		line_splice_all(l, i, splices.v, splices.n);
}

void cmdline_devices(struct lines *l, const struct device_visitor *v)
{
	for (size_t i = 0; i < l->v.n; i++)
		if (l->v.v[i].text[line_indent(l->v.v[i].text)] != '#')
			cmdline_walk(l, i, 0, false, v);
}
