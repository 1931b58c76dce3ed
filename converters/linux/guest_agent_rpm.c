/* An .rpm put in without rpm: the files in their places and the unit enabled; rpm itself installs the package over them
 * at the first boot, since its database is no file that others could write. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "converters/linux/first_boot.h"
#include "converters/linux/guest_agent.h"
#include "guest/files/ini.h"

/* A libc is 2 MiB, what else is looked into less. */
#define LIBRARY_MAX (64ULL << 20)

/* --- is it for this distribution? --- */

static bool is_red_hat(const struct inspection *i, struct guest *g)
{
	return guest_exists(g, "/etc/redhat-release") && !(i->os.distro && strcmp(i->os.distro, "fedora") == 0);
}

/* "…el9_4", "…fc40": NULL when it fits, or says nothing. */
static const char *wrong_distribution(const struct agent_set *set, const struct pkg *p)
{
	const struct inspection *i = set->c->inspection;
	const char *tag = strstr(p->version, ".el"), *fedora = strstr(p->version, ".fc");
	int major;

	if (tag && sscanf(tag, ".el%d", &major) == 1 &&
	    (!is_red_hat(i, set->c->guest) || (i->os.major && i->os.major != major)))
		return arena_printf(set->arena, "%s is for Enterprise Linux %d", p->file, major);
	if (fedora && sscanf(fedora, ".fc%d", &major) == 1 &&
	    (!i->os.distro || strcmp(i->os.distro, "fedora") != 0 || i->os.major != major))
		return arena_printf(set->arena, "%s is for Fedora %d", p->file, major);
	return NULL;
}

/* --- what it needs --- */

/* "libc.so.6(GLIBC_2.34)(64bit)" */
struct library {
	char *name, *version; /* "libc.so.6", "GLIBC_2.34" or "" */
	bool is_64;
};

static bool library_of(struct arena *a, const char *requirement, struct library *ret)
{
	const char *open = strchr(requirement, '(');

	if (requirement[0] == '/' || !strstr(requirement, ".so") || (open && strstr(requirement, ".so") > open) ||
	    strchr(requirement, ' '))
		return false;
	ret->name = open ? arena_strndup(a, requirement, (size_t)(open - requirement)) : arena_strdup(a, requirement);
	ret->version = open ? arena_strndup(a, open + 1, strcspn(open + 1, ")")) : arena_strdup(a, "");
	ret->is_64 = strstr(requirement, "(64bit)") != NULL;
	return !strchr(ret->name, '/');
}

static const char *library_path(const struct agent_set *set, const struct library *l)
{
	static const char *const folders[] = {"/usr/lib64", "/lib64", "/usr/lib", "/lib"};

	for (size_t k = l->is_64 ? 0 : 2; k < sizeof folders / sizeof *folders; k++) {
		const char *path = arena_printf(set->arena, "%s/%s", folders[k], l->name);

		if (guest_exists(set->c->guest, path))
			return path;
	}
	return NULL;
}

/* A version of its symbols is a name in the library. */
static bool has_version(const void *data, size_t len, const char *version)
{
	return !*version || memmem(data, len, version, strlen(version) + 1) != NULL;
}

static const char *base_name(const char *path)
{
	return strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
}

static bool is_in_set(const struct agent_set *set, const struct library *l)
{
	VEC_FOR (p, &set->packages)
		VEC_FOR (f, &(*p)->files)
			if (strcmp(base_name(f->path), l->name) == 0)
				return true;
	return false;
}

static int is_met(const struct agent_set *set, const char *requirement, bool *ret, struct err *err)
{
	AUTO(buf_done) struct buf b = BUF_INIT(LIBRARY_MAX);
	struct err local = ERR_INIT;
	struct library l;
	const char *path;

	*ret = true;
	if (requirement[0] == '/') {
		*ret = guest_exists(set->c->guest, requirement);
		return 0;
	}
	if (!library_of(set->arena, requirement, &l) || is_in_set(set, &l))
		return 0; /* rpm itself looks at names of packages */
	path = library_path(set, &l);
	*ret = path != NULL;
	if (!path || !*l.version)
		return 0;
	if (set->c->guest->ops->read(set->c->guest, path, &b, &local) == 0)
		*ret = has_version(b.data, b.len, l.version);
	else if (local.code == ERR_CORRUPT || local.code == ERR_UNREADABLE)
		*ret = false; /* no file that could be a library */
	else
		return err_set(err, local.code, "%s", local.text);
	return 0;
}

static bool holds_library(const struct pkg *p, void *opaque)
{
	const struct library *l = opaque;

	VEC_FOR (f, &p->files)
		if (l->name && strcmp(base_name(f->path), l->name) == 0)
			return true;
	return false;
}

/* The first requirement that isn't met; NULL: none. */
static int first_missing(const struct agent_set *set, const char **ret, struct err *err)
{
	*ret = NULL;
	VEC_FOR (p, &set->packages)
		VEC_FOR (requirement, &(*p)->requires) {
			bool met;

			if (is_met(set, *requirement, &met, err) < 0)
				return -1;
			if (!met) {
				*ret = *requirement;
				return 0;
			}
		}
	return 0;
}

int agent_set_rpm(struct agent_set *set, const struct pkg *agent, struct err *err)
{
	const char *missing;

	set->missing = wrong_distribution(set, agent);
	if (set->missing)
		return 0;
	for (;;) {
		struct library l = {0};

		if (first_missing(set, &missing, err) < 0)
			return -1;
		if (!missing)
			return 0;
		library_of(set->arena, missing, &l);
		if (!l.name || !agent_set_add(set, holds_library, &l))
			break;
	}
	set->missing =
	    arena_printf(set->arena, "neither the guest nor the folder has '%s' for %s", missing, agent->file);
	return 0;
}

/* --- installing --- */

/* As `systemctl enable` does. */
static int enable_unit(const struct agent_set *set, const struct pkg_file *f, const char *reason, struct err *err)
{
	struct lines l;
	char *targets;
	struct span word;
	size_t pos = 0;

	lines_split(&l, set->arena, arena_strndup(set->arena, f->data, strnlen(f->data, f->size)));
	targets = ini_get(&l, "Install", "WantedBy");
	while (targets && span_next(targets, &pos, &word)) {
		char *target = span_dup(set->arena, targets, word);

		if (!strchr(target, '/') &&
		    guest_link(set->c->guest, set->c->log, f->path,
			       arena_printf(set->arena, "/etc/systemd/system/%s.wants/%s", target, base_name(f->path)),
			       reason, err) < 0)
			return -1;
	}
	return 0;
}

static bool is_unit(const struct pkg_file *f)
{
	size_t n = strlen(f->path);

	return strstr(f->path, "/lib/systemd/system/") && n > 8 && strcmp(f->path + n - 8, ".service") == 0 && f->data;
}

/* What is there already stays as it is until rpm looks at it. */
static int put_files(const struct agent_set *set, const struct pkg *p, const char *reason, struct err *err)
{
	VEC_FOR (f, &p->files) {
		struct guest_stat st;

		if (set->c->guest->ops->stat(set->c->guest, *f->path ? f->path : "/", false, &st, err) < 0)
			return -1;
		if (!st.mode && agent_put(set, p, f, f->path, reason, err) < 0)
			return -1;
		if (is_unit(f) && p == set->packages.v[0] && enable_unit(set, f, reason, err) < 0)
			return -1;
	}
	return 0;
}

int agent_install_rpm(const struct agent_set *set, const char *reason, struct err *err)
{
	VEC_FOR (p, &set->packages)
		if (put_files(set, *p, reason, err) < 0)
			return -1;
	if (agent_copy_packages(set, reason, err) < 0)
		return -1;
	return first_boot_add(set->c, "{ rpm -q " AGENT_PACKAGE " || rpm -U " AGENT_COPIES "/*.rpm; }",
			      "rpm installs " AGENT_PACKAGE " over the files that the conversion has put there", err);
}
