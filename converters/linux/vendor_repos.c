/* Step vendor-repos: package repositories of other hypervisors' tools are switched off; they would bring the tools
 * back.
 */
#include <string.h>

#include "converters/linux/linux.h"
#include "guest/files/ini.h"

/* packages.vmware.com also has the packages of a distribution, Photon OS (/photon). */
static bool names_vendor(const char *url)
{
	static const char *const hosts[] = {"packages.vmware.com/tools", "packages-prod.broadcom.com/tools",
					    "download.virtualbox.org", "downloads.citrix.com", "repo.parallels.com"};

	for (size_t k = 0; k < sizeof hosts / sizeof *hosts; k++)
		if (strstr(url, hosts[k]))
			return true;
	return false;
}

/* enabled=0 in the section whose "[…]" stands on a line. */
static void disable_section(struct lines *l, size_t section_line)
{
	struct ini i = INI_OF(l);

	while (ini_next(&i)) {
		if (i.section_line != section_line || strcmp(i.key, "enabled") != 0)
			continue;
		if (strcmp(i.value, "0") != 0)
			line_splice(l, i.line, i.value_at.at, i.value_at.len, "0");
		return;
	}
	lines_insert(l, section_line + 1, "enabled=0");
}

/* yum, dnf and zypper: .repo files. The last section first, so that lines above keep their numbers. */
static void disable_repo(struct lines *l, const char *path, void *opaque)
{
	VEC(size_t) sections = {0};
	struct ini i = INI_OF(l);

	while (ini_next(&i)) {
		bool url = !strcmp(i.key, "baseurl") || !strcmp(i.key, "mirrorlist") || !strcmp(i.key, "metalink");

		if (url && i.section_line != SIZE_MAX && names_vendor(i.value) &&
		    (!sections.n || sections.v[sections.n - 1] != i.section_line))
			*vec_push(l->arena, &sections) = i.section_line;
	}
	while (sections.n)
		disable_section(l, sections.v[--sections.n]);
}

/* apt: "deb URL …" lines. */
static void comment_out(struct lines *l, const char *path, void *opaque)
{
	for (size_t i = 0; i < l->v.n; i++) {
		const char *text = l->v.v[i].text;

		if (strncmp(text + line_indent(text), "deb", 3) == 0 && names_vendor(text))
			line_splice(l, i, 0, 0, "# ");
	}
}

static const struct {
	const char *pattern;
	void (*edit)(struct lines *l, const char *path, void *opaque);
} files[] = {
    {"/etc/yum.repos.d/*.repo", disable_repo},
    {"/etc/zypp/repos.d/*.repo", disable_repo},
    {"/etc/apt/sources.list", comment_out},
    {"/etc/apt/sources.list.d/*.list", comment_out},
};

static int run(const struct step_context *c, struct err *err)
{
	AUTO(arena_done) struct arena a = {0};

	for (size_t k = 0; k < sizeof files / sizeof *files; k++) {
		struct names paths = {0};

		if (c->guest->ops->glob(c->guest, files[k].pattern, &a, &paths, err) < 0)
			return -1;
		VEC_FOR (path, &paths.list)
			if (step_edit_lines(c, *path, files[k].edit, NULL,
					    "the next update would bring the old hypervisor's tools back", err) < 0)
				return -1;
	}
	return 0;
}

static bool applies(const struct step_context *c)
{
	return !c->options->keep_tools;
}

const struct step step_vendor_repos = {
    .id = "vendor-repos",
    .summary = "other hypervisors' package repositories are off",
    .applies = applies,
    .run = run,
};
