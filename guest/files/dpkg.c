/* dpkg's status file: paragraphs of "Field: value". */
#include "guest/files/dpkg.h"

#include <errno.h>
#include <string.h>

#include "core/base/checked.h"

/* A desktop with every language has 6 MiB. */
#define STATUS_MAX (64 * MIB)

struct dpkg {
	struct buf text;
	struct arena arena;
};

int dpkg_open(struct guest *g, struct dpkg **ret, struct err *err)
{
	AUTO(dpkg_closep) struct dpkg *d = calloc(1, sizeof *d);
	struct err local = ERR_INIT;

	if (!d)
		return err_nomem(err);
	d->text.max = STATUS_MAX;
	if (g->ops->read(g, "/var/lib/dpkg/status", &d->text, &local) < 0 && local.sys != ENOENT &&
	    local.sys != ENOTDIR)
		return err_set(err, local.code, "%s", local.text);
	*ret = take_ptr(&d);
	return 0;
}

void dpkg_close(struct dpkg *d)
{
	if (!d)
		return;
	buf_done(&d->text);
	arena_done(&d->arena);
	free(d);
}

/* The value of a field in the paragraph at p, NULL; *ret_len is its length. */
static const char *field(const char *p, const char *name, size_t *ret_len)
{
	size_t len = strlen(name);

	while (*p && *p != '\n') {
		size_t line = strcspn(p, "\n");

		if (strncmp(p, name, len) == 0 && p[len] == ':' && p[len + 1] == ' ') {
			*ret_len = line - len - 2;
			return p + len + 2;
		}
		p += line + (p[line] == '\n');
	}
	return NULL;
}

static bool ends_with_installed(const char *value, size_t len)
{
	static const char word[] = " installed";

	return len >= strlen(word) && strncmp(value + len - strlen(word), word, strlen(word)) == 0;
}

const char *dpkg_version(const struct dpkg *d, const char *package)
{
	const char *needle = arena_printf((struct arena *)&d->arena, "Package: %s\n", package), *p = buf_str(&d->text);

	for (; (p = strstr(p, needle)); p++) {
		size_t len;
		const char *value;

		if (p != buf_str(&d->text) && p[-1] != '\n')
			continue;
		value = field(p, "Status", &len);
		if (!value || !ends_with_installed(value, len))
			continue;
		value = field(p, "Version", &len);
		return value ? arena_strndup((struct arena *)&d->arena, value, len) : "unknown";
	}
	return NULL;
}
