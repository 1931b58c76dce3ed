/* Step guest-agent: qemu-guest-agent from a package file that the user gives (--agent), without running a program of
 * the guest.
 *
 * The files are put in their places, so that the agent runs at the first boot already; what the package manager has to
 * do itself (scripts, its database) it does then. When the guest lacks what the package needs, its own package manager
 * gets the file at the first boot, with its repositories. What can't be done is a finding.
 */
#include "converters/linux/guest_agent.h"

#include <string.h>
#include <sys/stat.h>

#include "converters/linux/first_boot.h"
#include "converters/linux/linux.h"
#include "guest/files/ini.h"

/* --- shared with the kinds of packages --- */

bool agent_arch_fits(const struct step_context *c, const struct pkg *p)
{
	/* as libguestfs, dpkg and RPM call it */
	static const struct {
		const char *guest, *names[4];
	} archs[] = {
	    {"x86_64", {"amd64", "x86_64"}},
	    {"i386", {"i386", "i586", "i686"}},
	    {"aarch64", {"arm64", "aarch64"}},
	    {"arm", {"armhf", "armel", "armv7hl"}},
	    {"ppc64le", {"ppc64el", "ppc64le"}},
	    {"s390x", {"s390x"}},
	    {"riscv64", {"riscv64"}},
	};
	const char *arch = c->inspection->os.arch ? c->inspection->os.arch : "";

	if (strcmp(p->arch, "all") == 0 || strcmp(p->arch, "noarch") == 0)
		return true;
	for (size_t k = 0; k < sizeof archs / sizeof *archs; k++)
		for (unsigned n = 0; n < 4 && archs[k].names[n]; n++)
			if (strcmp(archs[k].guest, arch) == 0 && strcmp(archs[k].names[n], p->arch) == 0)
				return true;
	return false;
}

static bool is_in(const struct agent_set *set, const struct pkg *p)
{
	VEC_FOR (has, &set->packages)
		if (*has == p || strcmp((*has)->name, p->name) == 0)
			return true;
	return false;
}

bool agent_set_add(struct agent_set *set, bool (*helps)(const struct pkg *p, void *opaque), void *opaque)
{
	VEC_FOR (p, &set->c->options->agent->packages)
		if ((*p)->kind == set->packages.v[0]->kind && agent_arch_fits(set->c, *p) && !is_in(set, *p) &&
		    helps(*p, opaque)) {
			*vec_push(set->arena, &set->packages) = *p;
			return true;
		}
	return false;
}

const char *agent_set_odd(const struct agent_set *set)
{
	VEC_FOR (p, &set->packages)
		VEC_FOR (f, &(*p)->files)
			if (f->odd)
				return arena_printf(set->arena, "%s is more than a plain file in package %s", f->path,
						    (*p)->file);
	return NULL;
}

int agent_put(const struct agent_set *set, const struct pkg *p, const struct pkg_file *f, const char *path,
	      const char *reason, struct err *err)
{
	struct guest *g = set->c->guest;

	if (S_ISDIR(f->mode))
		return *path ? guest_mkdir(g, path, f->mode & 0777, err) : 0;
	if (f->link)
		return guest_link(g, set->c->log, f->link, path, reason, err);
	return guest_put(g, set->c->log, path, f->data ? f->data : "", f->size, f->mode & 0777, reason,
			 arena_printf(set->arena, "from %s, %zu bytes", p->file, f->size), err);
}

int agent_copy_packages(const struct agent_set *set, const char *reason, struct err *err)
{
	VEC_FOR (p, &set->packages)
		if (guest_put(set->c->guest, set->c->log,
			      arena_printf(set->arena, AGENT_COPIES "/%s.%s", (*p)->name,
					   (*p)->kind == PKG_DEB ? "deb" : "rpm"),
			      buf_str(&(*p)->raw), (*p)->raw.len, 0644, reason,
			      arena_printf(set->arena, "copy of %s, %zu bytes", (*p)->file, (*p)->raw.len), err) < 0)
			return -1;
	return 0;
}

/* --- the step --- */

static enum pkg_kind kind_of_guest(struct guest *g)
{
	if (guest_exists(g, "/var/lib/dpkg/status"))
		return PKG_DEB;
	if (guest_is_dir(g, "/var/lib/rpm") || guest_is_dir(g, "/usr/lib/sysimage/rpm"))
		return PKG_RPM;
	return PKG_UNKNOWN;
}

static void not_installed(const struct step_context *c, const char *why)
{
	finding_add(c->inspection, "W-AGENT-NOT-INSTALLED", SEVERITY_WARNING, NULL,
		    "Install " AGENT_PACKAGE " inside the guest after its first boot.",
		    "the guest does not get " AGENT_PACKAGE ": %s", why);
}

/* Needs the guest's repositories, and so its network. */
static int install_at_first_boot(const struct agent_set *set, struct err *err)
{
	/* apt's way to mend what is unmet may be to remove the package: what counts is that it is there. */
	static const char deb[] =
	    "{ { dpkg -i " AGENT_COPIES "/*.deb || { apt-get update && apt-get -y -f install; }; } && "
	    "dpkg-query -W -f '${Status}' " AGENT_PACKAGE " | grep -q ' ok installed$'; }",
			  rpm[] = "{ { rpm -q " AGENT_PACKAGE " || dnf -y install " AGENT_COPIES
				  "/*.rpm || yum -y install " AGENT_COPIES
				  "/*.rpm || zypper -n --no-gpg-checks install " AGENT_COPIES "/*.rpm; } && "
				  "rpm -q " AGENT_PACKAGE "; }";
	bool is_deb = set->packages.v[0]->kind == PKG_DEB;
	const char *reason = "installs " AGENT_PACKAGE " with what it needs from the guest's repositories";

	if (agent_copy_packages(set, reason, err) < 0 || first_boot_add(set->c, is_deb ? deb : rpm, reason, err) < 0)
		return -1;
	finding_add(set->c->inspection, "I-AGENT-FIRST-BOOT", SEVERITY_INFO, set->packages.v[0]->file, NULL,
		    AGENT_PACKAGE " is installed by the guest itself at its first boot, which needs its network: %s",
		    set->missing);
	return 0;
}

static int install(const struct agent_set *set, struct err *err)
{
	const struct pkg *agent = set->packages.v[0];
	const char *reason = arena_printf(set->arena, "--agent: " AGENT_PACKAGE " %s", agent->version);

	if (set->missing)
		return install_at_first_boot(set, err);
	return agent->kind == PKG_DEB ? agent_install_deb(set, reason, err) : agent_install_rpm(set, reason, err);
}

static int make_set(struct agent_set *set, const struct pkg *agent, struct err *err)
{
	set->packages.n = 0;
	set->missing = NULL;
	*vec_push(set->arena, &set->packages) = agent;
	if ((agent->kind == PKG_DEB ? agent_set_deb(set, agent, err) : agent_set_rpm(set, agent, err)) < 0)
		return -1;
	if (!set->missing)
		set->missing = agent_set_odd(set);
	return 0;
}

/* Of several packages for this processor the first whose needs are met; else the first. *ret_found: there is one. */
static int choose(struct agent_set *set, enum pkg_kind kind, bool *ret_found, struct err *err)
{
	const struct pkg *first = NULL;

	*ret_found = true;
	VEC_FOR (p, &set->c->options->agent->packages) {
		if ((*p)->kind != kind || strcmp((*p)->name, AGENT_PACKAGE) != 0 || !agent_arch_fits(set->c, *p))
			continue;
		if (!first)
			first = *p;
		if (make_set(set, *p, err) < 0)
			return -1;
		if (!set->missing)
			return 0;
	}
	*ret_found = first != NULL;
	return first ? make_set(set, first, err) : 0;
}

static bool has_agent(const struct inspection *i)
{
	VEC_FOR (a, &i->agents)
		if (strcmp(a->id, AGENT_PACKAGE) == 0)
			return true;
	return false;
}

static int run(const struct step_context *c, struct err *err)
{
	AUTO(arena_done) struct arena a = {0};
	struct agent_set set = {.c = c, .arena = &a};
	enum pkg_kind kind = kind_of_guest(c->guest);
	bool found;

	if (has_agent(c->inspection))
		return 0;
	if (kind == PKG_UNKNOWN) {
		not_installed(c, "it has neither dpkg nor RPM");
		return 0;
	}
	if (choose(&set, kind, &found, err) < 0)
		return -1;
	if (!found) {
		not_installed(c, arena_printf(&a, "the folder has no %s package " AGENT_PACKAGE " for %s",
					      kind == PKG_DEB ? "deb" : "rpm",
					      c->inspection->os.arch ? c->inspection->os.arch : "its processor"));
		return 0;
	}
	if (!first_boot_possible(c)) {
		not_installed(c, "its init can't be told to finish the installation");
		return 0;
	}
	return install(&set, err);
}

static bool applies(const struct step_context *c)
{
	return c->options->agent != NULL;
}

const struct step step_guest_agent = {
    .id = "guest-agent",
    .summary = "qemu-guest-agent is installed",
    .applies = applies,
    .run = run,
};
