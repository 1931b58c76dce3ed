/* Labels for new files, from the guest's own SELinux policy (file_contexts(5), selabel_file(5)). */
#include "guest/selinux.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "guest/pattern.h"

enum {
	CONTEXTS_MAX = 2 << 20, /* bytes of one file_contexts: Fedora's is under 1 MiB; a label costs time for each */
	SUBS_MAX = 64 << 10,
};

/* One line of file_contexts. */
struct spec {
	char *pattern;
	size_t stem; /* so many first bytes of pattern are plain and stand in every path that matches */
	bool exact;  /* no special characters: the whole pattern is the path */
	mode_t type; /* 0: any */
	char *label; /* NULL: <<none>> */
};

/* Paths that begin with `from` are looked up as if they began with `to` ("/run" as "/var/run"). */
struct sub {
	char *from, *to;
};

struct selinux {
	struct arena arena;
	bool enabled;
	VEC(struct spec) specs;
	VEC(struct sub) subs, subs_dist;
};

static mode_t type_of(const char *word)
{
	static const struct {
		const char *word;
		mode_t type;
	} types[] = {{"--", S_IFREG}, {"-d", S_IFDIR},	{"-l", S_IFLNK}, {"-c", S_IFCHR},
		     {"-b", S_IFBLK}, {"-s", S_IFSOCK}, {"-p", S_IFIFO}};

	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (!strcmp(word, types[i].word))
			return types[i].type;
	return 0;
}

/* Takes backslashes out of a pattern without special characters. */
static void unescape(char *s)
{
	char *to = s;

	for (; *s; s++)
		if (*s != '\\' || !s[1])
			*to++ = *s;
		else
			*to++ = *++s;
	*to = '\0';
}

static void find_stem(struct spec *spec)
{
	const char *special = spec->pattern;
	unsigned depth = 0;

	for (; *special && !strchr(".^$?*+|[({", *special); special++)
		if (*special == '\\' && special[1])
			special++;
	spec->exact = !*special;
	if (spec->exact)
		unescape(spec->pattern);
	/* Only what has no backslash is compared byte by byte; `x?` and `x*` make the byte before optional. */
	spec->stem = strcspn(spec->pattern, "\\.^$?*+|[({");
	if (spec->stem && strchr("?*{", spec->pattern[spec->stem]))
		spec->stem--;
	for (const char *p = special; *p; p++) {
		depth += (*p == '(') - (*p == ')' && depth);
		if (*p == '|' && !depth)
			spec->stem = 0;
	}
}

static void add_spec(struct selinux *s, char *line)
{
	char *save = NULL, *pattern = strtok_r(line, " \t\r", &save), *second = strtok_r(NULL, " \t\r", &save),
	     *third = strtok_r(NULL, " \t\r", &save);
	struct spec *spec;

	if (!pattern || *pattern == '#' || !second)
		return;
	spec = vec_push(&s->arena, &s->specs);
	spec->pattern = pattern;
	spec->type = third ? type_of(second) : 0;
	spec->label = third ? third : second;
	if (!strcmp(spec->label, "<<none>>"))
		spec->label = NULL;
	find_stem(spec);
}

/* The text of policy/NAME for keeping and cutting up, NULL when it is missing. */
static int load(struct selinux *s, struct guest *g, const char *policy, const char *name, size_t max, char **ret,
		struct err *err)
{
	AUTO(buf_done) struct buf b = BUF_INIT(max);
	struct err local = ERR_INIT;
	char path[PATH_MAX];

	*ret = NULL;
	snprintf(path, sizeof path, "/etc/selinux/%s/contexts/files/%s", policy, name);
	if (g->ops->read(g, path, &b, &local) == 0)
		*ret = arena_strndup(&s->arena, buf_str(&b), b.len);
	else if (local.sys != ENOENT)
		return err_pass(err, &local);
	return 0;
}

static int load_specs(struct selinux *s, struct guest *g, const char *policy, const char *name, struct err *err)
{
	char *text, *line;

	if (load(s, g, policy, name, CONTEXTS_MAX, &text, err) < 0)
		return -1;
	while ((line = strsep(&text, "\n")))
		add_spec(s, line);
	return 0;
}

static int load_subs(struct selinux *s, struct guest *g, const char *policy, bool dist, struct err *err)
{
	char *text, *line;

	if (load(s, g, policy, dist ? "file_contexts.subs_dist" : "file_contexts.subs", SUBS_MAX, &text, err) < 0)
		return -1;
	while ((line = strsep(&text, "\n"))) {
		char *save = NULL, *from = strtok_r(line, " \t\r", &save), *to = strtok_r(NULL, " \t\r", &save);
		struct sub *sub;

		if (!from || *from == '#' || !to)
			continue;
		sub = dist ? vec_push(&s->arena, &s->subs_dist) : vec_push(&s->arena, &s->subs);
		*sub = (struct sub){from, to};
	}
	return 0;
}

/* Cuts a line into "KEY = value"; both are NULL when it isn't one. */
static void split_setting(char *line, char **ret_key, char **ret_value)
{
	char *save = NULL, *equals = strchr(line, '=');

	*ret_key = *ret_value = NULL;
	if (!equals)
		return;
	*equals = '\0';
	*ret_key = strtok_r(line, " \t", &save);
	*ret_value = strtok_r(equals + 1, " \t\r", &save);
}

/* The policy's name when SELinux is on, else NULL. */
static int policy_name(struct selinux *s, struct guest *g, char **ret, struct err *err)
{
	char *text, *line, *key, *value;
	bool disabled = true;

	*ret = NULL;
	if (guest_text(g, "/etc/selinux/config", &s->arena, &text, err) < 0)
		return -1;
	while ((line = strsep(&text, "\n"))) {
		split_setting(line, &key, &value);
		if (!key || !value)
			continue;
		if (!strcmp(key, "SELINUX"))
			disabled = !strcasecmp(value, "disabled");
		else if (!strcmp(key, "SELINUXTYPE"))
			*ret = value;
	}
	if (disabled || (*ret && (strchr(*ret, '/') || !strcmp(*ret, ".."))))
		*ret = NULL;
	return 0;
}

int selinux_open(struct guest *g, struct selinux **ret, struct err *err)
{
	static const char *const names[] = {"file_contexts", "file_contexts.homedirs", "file_contexts.local"};
	AUTO(selinux_closep) struct selinux *s = calloc(1, sizeof *s);
	char *policy;

	if (!s)
		return err_nomem(err);
	if (policy_name(s, g, &policy, err) < 0)
		return -1;
	s->enabled = policy != NULL;
	for (size_t i = 0; policy && i < sizeof names / sizeof *names; i++)
		if (load_specs(s, g, policy, names[i], err) < 0)
			return -1;
	if (policy && (load_subs(s, g, policy, false, err) < 0 || load_subs(s, g, policy, true, err) < 0))
		return -1;
	*ret = take_ptr(&s);
	return 0;
}

void selinux_close(struct selinux *s)
{
	if (!s)
		return;
	arena_done(&s->arena);
	free(s);
}

bool selinux_enabled(const struct selinux *s)
{
	return s->enabled;
}

static bool is_beneath(const char *path, const char *folder)
{
	size_t n = strlen(folder);

	return !strncmp(path, folder, n) && (path[n] == '/' || !path[n]);
}

static bool spec_matches(const struct spec *spec, const char *path, mode_t type)
{
	struct pattern pattern;

	if (spec->type && spec->type != type)
		return false;
	if (spec->exact)
		return !strcmp(spec->pattern, path);
	if (strncmp(spec->pattern, path, spec->stem) != 0)
		return false;
	/* what isn't understood labels nothing; a broader line before it does */
	return pattern_compile(&pattern, spec->pattern) && pattern_matches(&pattern, path);
}

const char *selinux_label(const struct selinux *s, const char *path, mode_t type)
{
	char own[PATH_MAX], dist[PATH_MAX];

	snprintf(own, sizeof own, "%s", path);
	VEC_FOR (sub, &s->subs)
		if (is_beneath(path, sub->from)) {
			snprintf(own, sizeof own, "%s%s", sub->to, path + strlen(sub->from));
			break;
		}
	snprintf(dist, sizeof dist, "%s", own);
	VEC_FOR (sub, &s->subs_dist)
		if (is_beneath(own, sub->from)) {
			snprintf(dist, sizeof dist, "%s%s", sub->to, own + strlen(sub->from));
			break;
		}
	/* The last line wins, and one without special characters wins over all that have some. */
	for (int exact = 1; exact >= 0; exact--)
		for (size_t i = s->specs.n; i-- > 0;)
			if (s->specs.v[i].exact == exact && spec_matches(&s->specs.v[i], dist, type))
				return s->specs.v[i].label;
	return NULL;
}
