/* A .deb put in without dpkg: the files unpacked, dpkg's database as after `dpkg --unpack`, and dpkg itself configures
 * it at the first boot, which runs the package's own script. Its preinst isn't run: it deals with older versions. */
#include <string.h>
#include <sys/stat.h>

#include "converters/linux/first_boot.h"
#include "converters/linux/guest_agent.h"
#include "guest/files/dpkg.h"

#define INFO "/var/lib/dpkg/info/"

/* Of the set, as the database's own packages. */
static size_t further_of(const struct agent_set *set, struct dpkg_further *ret, size_t max)
{
	size_t n = 0;

	for (; n < set->packages.n && n < max; n++)
		ret[n] = (struct dpkg_further){set->packages.v[n]->name, set->packages.v[n]->version};
	return n;
}

enum { SET_MAX = 64 /* the agent needs five libraries */ };

static bool is_satisfied(const struct agent_set *set, const struct dpkg *d, const struct pkg *p,
			 const char **ret_missing)
{
	struct dpkg_further further[SET_MAX];
	size_t n = further_of(set, further, SET_MAX);
	const char *depends = pkg_field(p, "Depends", set->arena), *before = pkg_field(p, "Pre-Depends", set->arena);

	return dpkg_satisfied(d, depends, further, n, set->arena, ret_missing) &&
	       dpkg_satisfied(d, before, further, n, set->arena, ret_missing);
}

static const char *first_missing(const struct agent_set *set, const struct dpkg *d)
{
	VEC_FOR (p, &set->packages) {
		const char *missing = NULL;

		if (!is_satisfied(set, d, *p, &missing))
			return missing;
	}
	return NULL;
}

struct wanted {
	const struct dpkg *dpkg;
	struct arena *arena;
	const char *relation;
	const struct pkg *refused; /* would fulfil it, but the guest has another version */
};

static bool fulfils(const struct pkg *p, void *opaque)
{
	struct wanted *w = opaque;
	const struct dpkg_further one = {p->name, p->version};

	if (!dpkg_satisfied(w->dpkg, w->relation, &one, 1, w->arena, NULL))
		return false;
	/* To replace what the guest's own programs run with is dpkg's work. */
	if (dpkg_has_files(w->dpkg, p->name)) {
		w->refused = p;
		return false;
	}
	return true;
}

static const char *unmet(const struct agent_set *set, const struct wanted *w, const struct pkg *agent)
{
	if (w->refused)
		return arena_printf(set->arena, "%s needs '%s', and the guest has another version of %s", agent->file,
				    w->relation, w->refused->name);
	return arena_printf(set->arena, "neither the guest nor the folder has '%s' for %s", w->relation, agent->file);
}

static const struct pkg_file *script(const struct pkg *p, const char *name)
{
	VEC_FOR (f, &p->scripts)
		if (strcmp(f->path, name) == 0 && f->data)
			return f;
	return NULL;
}

/* The next "interest PATH" of the package's triggers, as the line of dpkg's list that says the same ("PATH
 * NAME/noawait"); *pos is where to go on. NULL: there is none. A trigger that isn't a path is "". */
static const char *next_interest(struct arena *a, const struct pkg *p, const char *name, const char **pos)
{
	const struct pkg_file *f = script(p, "/triggers");

	if (!*pos)
		*pos = f ? arena_strndup(a, f->data, strnlen(f->data, f->size)) : "";
	while (**pos) {
		char *line = arena_strndup(a, *pos, strcspn(*pos, "\n")), *save = NULL,
		     *word = strtok_r(line, " \t", &save), *path = strtok_r(NULL, " \t", &save);

		*pos += strcspn(*pos, "\n");
		*pos += **pos == '\n';
		if (!word || !path || strncmp(word, "interest", 8) != 0)
			continue;
		return *path == '/' ? arena_printf(a, "%s %s%s", path, name, strstr(word, "noawait") ? "/noawait" : "")
				    : "";
	}
	return NULL;
}

/* Those that aren't paths have files of their own in dpkg's database. */
static bool waits_for_named_triggers(struct arena *a, const struct pkg *p)
{
	const char *pos = NULL, *line;

	while ((line = next_interest(a, p, p->name, &pos)))
		if (!*line)
			return true;
	return false;
}

/* A line of the package's list of configuration files. */
static bool is_conffile(const struct pkg *p, const char *path)
{
	const struct pkg_file *list = script(p, "/conffiles");
	size_t n = strlen(path);

	for (const char *line = list ? list->data : ""; *line; line += strcspn(line, "\n"), line += *line == '\n')
		if (strncmp(line, path, n) == 0 && (line[n] == '\n' || !line[n]))
			return true;
	return false;
}

/* What speaks against one package of the set; NULL: nothing. */
static const char *conflict_of(const struct agent_set *set, const struct dpkg *d, const struct pkg *p)
{
	static const char *const fields[] = {"Conflicts", "Breaks"};
	const struct dpkg_further one = {p->name, p->version};
	const char *with = NULL;

	if (dpkg_has_files(d, p->name))
		return arena_printf(set->arena, "the guest has files of package %s already", p->name);
	for (size_t k = 0; k < sizeof fields / sizeof *fields && !with; k++)
		with = dpkg_conflict(d, pkg_field(p, fields[k], set->arena), set->arena);
	if (!with)
		with = dpkg_objector(d, &one, set->arena);
	return with ? arena_printf(set->arena, "package %s is in conflict with the guest's %s", p->file, with) : NULL;
}

/* A file in the place of one of the package's belongs to another package, or to nobody: *ret, NULL when there is none.
 * Names in the database don't tell, since folders may be links to others. */
static int find_in_the_way(const struct agent_set *set, const struct pkg *p, const char **ret, struct err *err)
{
	struct guest *g = set->c->guest;

	*ret = NULL;
	VEC_FOR (f, &p->files) {
		bool folder = S_ISDIR(f->mode);
		struct guest_stat st;

		if (!*f->path || is_conffile(p, f->path))
			continue;
		if (g->ops->stat(g, f->path, folder, &st, err) < 0)
			return -1;
		if (st.mode && !(folder && S_ISDIR(st.mode))) {
			*ret = arena_printf(set->arena, "the guest has %s of package %s already", f->path, p->file);
			return 0;
		}
	}
	return 0;
}

/* The first reason to leave the set to dpkg itself. */
static int look_for_obstacles(struct agent_set *set, const struct dpkg *d, struct err *err)
{
	VEC_FOR (p, &set->packages) {
		if (waits_for_named_triggers(set->arena, *p))
			set->missing = arena_printf(set->arena, "package %s waits for triggers", (*p)->file);
		else
			set->missing = conflict_of(set, d, *p);
		if (!set->missing && find_in_the_way(set, *p, &set->missing, err) < 0)
			return -1;
		if (set->missing)
			return 0;
	}
	return 0;
}

int agent_set_deb(struct agent_set *set, const struct pkg *agent, struct err *err)
{
	AUTO(dpkg_closep) struct dpkg *d = NULL;
	struct wanted w = {.arena = set->arena};

	if (dpkg_open(set->c->guest, &d, err) < 0)
		return -1;
	w.dpkg = d;
	while ((w.relation = first_missing(set, d))) {
		w.refused = NULL;
		if (set->packages.n >= SET_MAX || !agent_set_add(set, fulfils, &w)) {
			set->missing = unmet(set, &w, agent);
			return 0;
		}
	}
	return look_for_obstacles(set, d, err);
}

/* --- files --- */

/* Configuration waits beside its place until dpkg has looked at what is there. */
static int put_files(const struct agent_set *set, const struct pkg *p, const char *reason, struct err *err)
{
	VEC_FOR (f, &p->files) {
		const char *path = is_conffile(p, f->path) ? arena_printf(set->arena, "%s.dpkg-new", f->path) : f->path;

		if (agent_put(set, p, f, path, reason, err) < 0)
			return -1;
	}
	return 0;
}

/* --- the database --- */

/* "libuuid1:amd64" for a package that may be there for several processors. */
static const char *info_name(const struct agent_set *set, const struct pkg *p)
{
	const char *multi = pkg_field(p, "Multi-Arch", set->arena);

	if (multi && strcmp(multi, "same") == 0 && guest_exists(set->c->guest, INFO "format"))
		return arena_printf(set->arena, "%s:%s", p->name, p->arch);
	return p->name;
}

/* Bytes of the lists made here: a package's files with their paths, configuration files, triggers. */
#define LIST_MAX ((size_t)PKG_FILES_MAX * (PKG_PATH_MAX + 16))

static int list_too_long(const struct pkg *p, struct err *err)
{
	return err_set(err, ERR_UNSUPPORTED, "package %s: a list of its control part has over %zu bytes", p->file,
		       LIST_MAX);
}

static int put_info(const struct agent_set *set, const struct pkg *p, const char *reason, struct err *err)
{
	AUTO(buf_done) struct buf list = BUF_INIT(LIST_MAX);
	const char *base = arena_printf(set->arena, INFO "%s.", info_name(set, p));

	buf_adds(&list, "/.\n");
	VEC_FOR (f, &p->files)
		if (*f->path)
			buf_addf(&list, "%s\n", f->path);
	if (list.failed)
		return list_too_long(p, err);
	if (guest_edit(set->c->guest, set->c->log, arena_printf(set->arena, "%slist", base), buf_str(&list), reason,
		       err) < 0)
		return -1;
	VEC_FOR (f, &p->scripts)
		if (f->data && !strchr(f->path + 1, '/') &&
		    agent_put(set, p, f, arena_printf(set->arena, "%s%s", base, f->path + 1), reason, err) < 0)
			return -1;
	return 0;
}

/* Which packages want to hear of files below which folders. */
static int put_triggers(const struct agent_set *set, const struct pkg *p, const char *reason, struct err *err)
{
	static const char path[] = "/var/lib/dpkg/triggers/File";
	AUTO(buf_done) struct buf b = BUF_INIT(LIST_MAX);
	const char *pos = NULL, *line;
	char *text;

	if (guest_text(set->c->guest, path, set->arena, &text, err) < 0)
		return -1;
	buf_adds(&b, text ? text : "");
	while ((line = next_interest(set->arena, p, info_name(set, p), &pos)))
		buf_addf(&b, "%s\n", line);
	if (b.failed)
		return list_too_long(p, err);
	return b.len ? guest_edit(set->c->guest, set->c->log, path, buf_str(&b), reason, err) : 0;
}

/* As dpkg leaves it between --unpack and --configure; NULL: too long. */
static const char *paragraph(const struct agent_set *set, const struct pkg *p)
{
	AUTO(buf_done) struct buf conffiles = BUF_INIT(LIST_MAX);
	const struct pkg_file *list = script(p, "/conffiles");
	const char *rest = p->control;
	size_t first = strcspn(rest, "\n");

	for (const char *line = list ? list->data : ""; *line; line += strcspn(line, "\n"), line += *line == '\n')
		if (*line == '/')
			buf_addf(&conffiles, "\n %.*s newconffile", (int)strcspn(line, "\n"), line);
	if (conffiles.failed)
		return NULL;
	return arena_printf(set->arena, "%.*s\nStatus: install ok unpacked%s%s%s%s", (int)first, rest,
			    conffiles.len ? "\nConffiles:" : "", buf_str(&conffiles), rest + first,
			    rest[strlen(rest) - 1] == '\n' ? "" : "\n");
}

static int put_status(const struct agent_set *set, const struct pkg *p, const char *reason, struct err *err)
{
	AUTO(dpkg_closep) struct dpkg *d = NULL;
	const char *text = paragraph(set, p);

	if (!text)
		return list_too_long(p, err);
	if (dpkg_open(set->c->guest, &d, err) < 0)
		return -1;
	text = dpkg_with(d, p->name, p->arch, text, set->arena);
	return guest_put(set->c->guest, set->c->log, "/var/lib/dpkg/status", text, strlen(text), 0644, reason,
			 arena_printf(set->arena, "%s %s (%s): install ok unpacked", p->name, p->version, p->arch),
			 err);
}

int agent_install_deb(const struct agent_set *set, const char *reason, struct err *err)
{
	VEC_FOR (p, &set->packages)
		if (put_files(set, *p, reason, err) < 0 || put_info(set, *p, reason, err) < 0 ||
		    put_triggers(set, *p, reason, err) < 0 || put_status(set, *p, reason, err) < 0)
			return -1;
	return first_boot_add(set->c, "{ ldconfig; dpkg --configure --pending; }",
			      "dpkg configures " AGENT_PACKAGE ", which the conversion has unpacked", err);
}
