/* Paths of Windows guests: names are found whatever their case. */
#include "guest/winpath.h"

#include <ctype.h>
#include <string.h>

/* "c:\Windows\x" as "/Windows/x". */
static char *normal(struct arena *a, const char *path)
{
	char *ret, *to;

	if (isalpha((unsigned char)path[0]) && path[1] == ':')
		path += 2;
	ret = to = arena_printf(a, "/%s", path);
	for (const char *from = ret; *from; from++) {
		char c = *from == '\\' ? '/' : *from;

		if (c != '/' || to == ret || to[-1] != '/')
			*to++ = c;
	}
	if (to > ret + 1 && to[-1] == '/')
		to--;
	*to = '\0';
	return ret;
}

/* The name in a folder that is the wanted one but for its case; the same case is preferred. */
static const char *name_like(const struct names *names, const char *wanted)
{
	const char *ret = NULL;

	VEC_FOR (name, &names->list) {
		if (strcmp(*name, wanted) == 0)
			return *name;
		if (!ret && strcasecmp(*name, wanted) == 0)
			ret = *name;
	}
	return ret;
}

/* Replaces the names in path, from the left, by those that are there; *ret_missing: where that ended, NULL: nowhere. */
static int follow(struct guest *g, char *path, struct arena *a, const char **ret_missing, struct err *err)
{
	*ret_missing = NULL;
	for (char *name = path + 1; *name;) {
		char *end = name + strcspn(name, "/"), was = *end;
		struct names names;
		const char *found;
		char *parent =
		    name == path + 1 ? arena_strdup(a, "/") : arena_strndup(a, path, (size_t)(name - path - 1));

		if (g->ops->list(g, parent, a, &names, err) < 0)
			return -1;
		*end = '\0';
		found = name_like(&names, name);
		if (found)
			memcpy(name, found, (size_t)(end - name));
		else
			*ret_missing = name;
		*end = was;
		if (!found)
			return 0;
		name = was ? end + 1 : end;
	}
	return 0;
}

static int resolve(struct guest *g, const char *path, struct arena *a, char **ret, const char **ret_missing,
		   struct err *err)
{
	struct guest_stat st;

	*ret = normal(a, path);
	*ret_missing = NULL;
	if (g->ops->stat(g, *ret, true, &st, err) < 0)
		return -1;
	return st.mode ? 0 : follow(g, *ret, a, ret_missing, err);
}

int win_path(struct guest *g, const char *path, struct arena *a, char **ret, struct err *err)
{
	const char *missing;

	if (resolve(g, path, a, ret, &missing, err) < 0)
		return -1;
	if (missing)
		*ret = NULL;
	return 0;
}

int win_path_new(struct guest *g, const char *path, struct arena *a, char **ret, struct err *err)
{
	const char *missing;

	return resolve(g, path, a, ret, &missing, err);
}
