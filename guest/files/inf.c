/* What an .inf file means: its version, the devices that it offers to a Windows, and what it installs for one. */
#include "guest/files/inf.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "guest/files/inf_syntax.h"

/* What processors are called in decorations, and in the rest of rehost. */
static const struct {
	const char *inf, *arch;
} processors[] = {{"x86", "i386"}, {"amd64", "x86_64"}, {"arm64", "aarch64"}, {"ia64", "ia64"}, {"arm", "arm"}};

static const char *inf_processor(const char *arch)
{
	for (size_t i = 0; i < sizeof processors / sizeof *processors; i++)
		if (strcmp(processors[i].arch, arch) == 0)
			return processors[i].inf;
	return arch;
}

void inf_free(struct inf *f)
{
	if (!f)
		return;
	buf_done(&f->text);
	arena_done(&f->arena);
	free(f);
}

/* --------------------------------------------------------------------------------------------------------- version */

/* "mm/dd/yyyy" or with hyphens. */
static void read_date(const char *text, struct inf_version *v)
{
	unsigned part[3] = {0};
	char *end = NULL;

	for (unsigned i = 0; i < 3; i++) {
		part[i] = (unsigned)strtoul(text, &end, 10);
		if (end == text || (i < 2 && *end != '/' && *end != '-'))
			return;
		text = end + 1;
	}
	if (part[0] < 1 || part[0] > 12 || part[1] < 1 || part[1] > 31 || part[2] < 1980 || part[2] > 9999)
		return;
	v->month = part[0];
	v->day = part[1];
	v->year = part[2];
}

/* "w.x.y.z", of which the last ones may be missing. */
static uint64_t four_numbers(const char *text)
{
	uint64_t ret = 0;

	for (unsigned i = 0; i < 4; i++) {
		char *end = NULL;
		unsigned long n = strtoul(text, &end, 10);

		ret = ret << 16 | (n & 0xffff);
		text = *end == '.' ? end + 1 : "";
	}
	return ret;
}

static int read_entry(struct inf_question *q, const struct inf_fields *l, struct inf_version *v, bool *signed_)
{
	char *first = inf_field(q, l, 0), *second = inf_field(q, l, 1);

	if (!first || !second)
		return -1;
	if (inf_is(l, "Signature"))
		*signed_ |= !strcasecmp(first, "$Windows NT$") || !strcasecmp(first, "$Chicago$") ||
			    !strcasecmp(first, "$Windows 95$");
	else if (inf_is(l, "Class"))
		v->class = first;
	else if (inf_is(l, "ClassGuid"))
		v->class_guid = first;
	else if (inf_is(l, "Provider"))
		v->provider = first;
	else if (inf_is(l, "DriverVer"))
		read_date(first, v), v->version = four_numbers(second);
	return 0;
}

static int read_version(struct inf *f, struct err *err)
{
	struct inf_question q = INF_ASK(f, &f->arena, err);
	struct inf_walk w = inf_walk(&q, "Version");
	bool signed_ = false;
	struct inf_fields l;
	int ret;

	f->version = (struct inf_version){.class = "", .class_guid = "", .provider = ""};
	while ((ret = inf_next(&q, &w, &l)) > 0)
		if (read_entry(&q, &l, &f->version, &signed_) < 0)
			return -1;
	if (ret == 0 && !signed_)
		return err_set(err, ERR_CORRUPT, "is no .inf file: [Version] has no Signature of Windows");
	return ret;
}

int inf_parse(const void *data, size_t len, struct inf **ret, struct err *err)
{
	AUTO(inf_freep) struct inf *f = calloc(1, sizeof *f);

	if (!f)
		return err_nomem(err);
	if (inf_read(f, data, len, err) < 0 || read_version(f, err) < 0)
		return -1;
	*ret = take_ptr(&f);
	return 0;
}

const struct inf_version *inf_version(const struct inf *f)
{
	return &f->version;
}

int inf_version_compare(const struct inf_version *a, const struct inf_version *b)
{
	uint64_t x = (uint64_t)a->year << 16 | a->month << 8 | a->day,
		 y = (uint64_t)b->year << 16 | b->month << 8 | b->day;

	if (x != y)
		return x < y ? -1 : 1;
	return (a->version > b->version) - (a->version < b->version);
}

char *inf_version_text(const struct inf_version *v, struct arena *a)
{
	if (!v->year && !v->version)
		return arena_strdup(a, "");
	return arena_printf(a, "%04u-%02u-%02u,%u.%u.%u.%u", v->year, v->month, v->day, (unsigned)(v->version >> 48),
			    (unsigned)(v->version >> 32) & 0xffff, (unsigned)(v->version >> 16) & 0xffff,
			    (unsigned)v->version & 0xffff);
}

/* Names with a decoration for the processor count for more than those for any NT, and these more than plain ones. */
static char *decorated(struct arena *a, const char *name, unsigned how, const char *arch)
{
	if (how == 0)
		return arena_printf(a, "%s.NT%s", name, inf_processor(arch));
	return how == 1 ? arena_printf(a, "%s.NT", name) : arena_strdup(a, name);
}
enum { DECORATIONS = 3 };

char *inf_catalog(const struct inf *f, const char *arch, struct arena *a)
{
	for (unsigned how = 0; how < DECORATIONS; how++) {
		struct inf_question q = INF_ASK(f, a, NULL);
		struct inf_walk w = inf_walk(&q, "Version");
		const char *key = decorated(a, "CatalogFile", how, arch);
		struct inf_fields l;

		while (inf_next(&q, &w, &l) > 0) {
			char *ret = inf_is(&l, key) ? inf_field(&q, &l, 0) : NULL;

			if (ret && *ret)
				return ret;
		}
	}
	return arena_strdup(a, "");
}

/* ----------------------------------------------------------------------------------------------------------- offer */

/* "NT[processor][.[major][.[minor][.[product type][.[suite][.[build]]]]]]" */
struct target {
	const char *text;
	char processor[8];
	unsigned part[5];
	bool given[5];
};
enum { MAJOR, MINOR, PRODUCT, SUITE, BUILD_NUMBER, PARTS };

static bool read_target(const char *text, struct target *t)
{
	size_t n;

	*t = (struct target){.text = text};
	if (strncasecmp(text, "NT", 2) != 0)
		return false;
	text += 2;
	n = strcspn(text, ".");
	if (n >= sizeof t->processor)
		return false;
	memcpy(t->processor, text, n);
	text += n;
	for (unsigned i = 0; i < PARTS && *text == '.'; i++) {
		char *end = NULL;

		text++;
		t->part[i] = (unsigned)strtoul(text, &end, 0);
		t->given[i] = end > text;
		text = end;
	}
	return !*text;
}

static bool target_is_for(const struct target *t, const char *arch)
{
	return strcasecmp(*t->processor ? t->processor : "x86", inf_processor(arch)) == 0;
}

/* Which suites a Windows has is not known, so a section for one is for none. */
static bool target_fits(const struct target *t, const struct windows_version *v)
{
	int order = t->given[MAJOR] ? windows_compare(t->part[MAJOR], t->part[MINOR], v) : -1;

	if (!target_is_for(t, v->arch) || order > 0 || t->part[SUITE])
		return false;
	if (t->given[PRODUCT] && t->part[PRODUCT] && t->part[PRODUCT] != (v->role ? v->role : WINDOWS_CLIENT))
		return false;
	return order < 0 || t->part[BUILD_NUMBER] <= v->build;
}

/* Is a the better of two that fit? */
static bool target_nearer(const struct target *a, const struct target *b)
{
	static const unsigned order[] = {MAJOR, MINOR, BUILD_NUMBER, PRODUCT};

	for (size_t i = 0; i < sizeof order / sizeof *order; i++)
		if (a->part[order[i]] != b->part[order[i]])
			return a->part[order[i]] > b->part[order[i]];
	return *a->processor && !*b->processor;
}

static void note_target(struct inf_offer *o, const struct target *t)
{
	const struct windows_version so_far = {o->major, o->minor};
	int order = windows_compare(t->part[MAJOR], t->part[MINOR], &so_far);

	if (!t->given[MAJOR] || (o->decorated && (order < 0 || (order == 0 && t->part[BUILD_NUMBER] < o->build))))
		return;
	o->decorated = true;
	o->major = t->part[MAJOR];
	o->minor = t->part[MINOR];
	o->build = t->part[BUILD_NUMBER];
}

/* "description = install section, hardware id, compatible id …" */
static int offer_model(struct inf_question *q, const struct inf_fields *l, struct inf_offer *ret)
{
	char *install = inf_field(q, l, 0);

	for (size_t i = 1; install && *install && i < l->n; i++) {
		char *id = inf_field(q, l, i);

		if (!id)
			return -1;
		if (!*id)
			continue;
		if (ret->devices.n >= INF_DEVICES_MAX)
			return err_set(q->err, ERR_CORRUPT, "names more than %d devices", INF_DEVICES_MAX);
		*vec_push(q->a, &ret->devices) = (struct inf_device){id, install};
	}
	return install ? 0 : -1;
}

static int offer_models(struct inf_question *q, const char *section, const struct target *t, struct inf_offer *ret)
{
	struct inf_walk w = inf_walk(q, section);
	size_t before = ret->devices.n;
	struct inf_fields l;
	int more;

	while ((more = inf_next(q, &w, &l)) > 0)
		if (offer_model(q, &l, ret) < 0)
			return -1;
	if (more == 0 && t && ret->devices.n > before)
		note_target(ret, t);
	return more;
}

/* Why a section isn't taken. */
static void note_refusal(struct inf_offer *o, const struct target *t, const struct windows_version *v)
{
	if (target_is_for(t, v->arch))
		o->other_version = true;
	else
		o->other_arch = true;
}

/* "%manufacturer% = models, TargetOSVersion …", or the name of a models section alone. */
static int offer_manufacturer(struct inf_question *q, const struct inf_fields *l, const struct windows_version *v,
			      struct inf_offer *ret)
{
	char *models = inf_field(q, l, 0);
	struct target best = {0}, t;
	bool plain = strcmp(v->arch, "i386") == 0;

	for (size_t i = 1; models && i < l->n; i++) {
		char *text = inf_field(q, l, i);

		if (!text)
			return -1;
		if (!read_target(text, &t))
			continue;
		if (!target_fits(&t, v))
			note_refusal(ret, &t, v);
		else if (!best.text || target_nearer(&t, &best))
			best = t;
	}
	if (!models)
		return -1;
	if (best.text)
		return offer_models(q, arena_printf(q->a, "%s.%s", models, best.text), &best, ret);
	ret->other_arch |= !plain && inf_has(q->f, models);
	return plain ? offer_models(q, models, NULL, ret) : 0;
}

int inf_offer(const struct inf *f, const struct windows_version *v, struct arena *a, struct inf_offer *ret,
	      struct err *err)
{
	struct inf_question q = INF_ASK(f, a, err);
	struct inf_walk w = inf_walk(&q, "Manufacturer");
	struct inf_fields l;
	int more;

	*ret = (struct inf_offer){0};
	while ((more = inf_next(&q, &w, &l)) > 0)
		if (offer_manufacturer(&q, &l, v, ret) < 0)
			return -1;
	return more;
}

bool inf_mentions(const struct inf *f, const char *id)
{
	VEC_FOR (l, &f->lines)
		if (strcasestr(l->text, id))
			return true;
	return false;
}

/* --------------------------------------------------------------------------------------------------------- install */

/* The fields of the line with that key in a section for the processor, else in the plain one: 1, 0 or -1. */
static int look_up(struct inf_question *q, const char *section, const char *arch, const char *key,
		   struct inf_fields *ret)
{
	for (unsigned plain = 0; plain < 2; plain++) {
		struct inf_walk w =
		    inf_walk(q, plain ? section : arena_printf(q->a, "%s.%s", section, inf_processor(arch)));
		int more;

		while ((more = inf_next(q, &w, ret)) > 0)
			if (inf_is(ret, key))
				return 1;
		if (more < 0)
			return -1;
	}
	return 0;
}

/* A path with '\' as one with '/', or NULL when it leads elsewhere. */
static char *clean_path(struct arena *a, const char *folder, const char *subfolder, const char *name)
{
	char *ret = arena_alloc(a, strlen(folder) + strlen(subfolder) + strlen(name) + 3), *to = ret;
	const char *const parts[] = {folder, subfolder, name};

	for (size_t i = 0; i < 3; i++) {
		const char *p = parts[i];

		while (*p) {
			size_t n = strcspn(p, "\\/");

			if ((n == 2 && p[0] == '.' && p[1] == '.') || memchr(p, ':', n))
				return NULL;
			if (n && !(n == 1 && *p == '.')) {
				if (to > ret)
					*to++ = '/';
				memcpy(to, p, n);
				to += n;
			}
			p += n + (p[n] != '\0');
		}
	}
	return to > ret ? ret : NULL;
}

/* Where in the package a file is: [SourceDisksFiles] names a disk and a folder, [SourceDisksNames] the disk's own. */
static int source_path(struct inf_question *q, const char *arch, const char *name, const char **ret)
{
	struct inf_fields l;
	const char *disk = "", *folder = "", *sub = "";
	int found = look_up(q, "SourceDisksFiles", arch, name, &l);

	if (found < 0)
		return -1;
	if (found) {
		disk = inf_field(q, &l, 0);
		sub = inf_field(q, &l, 1);
		if (!disk || !sub || look_up(q, "SourceDisksNames", arch, disk, &l) < 0)
			return -1;
		folder = inf_is(&l, disk) ? inf_field(q, &l, 3) : "";
		if (!folder)
			return -1;
	}
	*ret = clean_path(q->a, folder, sub, name);
	if (!*ret)
		return err_set(q->err, ERR_CORRUPT, "file '%.200s' in folder '%.200s%s%.200s' leads out of the package",
			       name, folder, *folder && *sub ? "\\" : "", sub);
	return 0;
}

/* Where files of a list go: [DestinationDirs]. */
struct destination {
	unsigned dirid;
	const char *subdir;
};

static int destination_of(struct inf_question *q, const char *list, struct destination *ret)
{
	struct inf_fields l;
	int found = *list ? look_up(q, "DestinationDirs", "", list, &l) : 0;
	char *dirid;

	*ret = (struct destination){0, ""};
	if (found == 0)
		found = look_up(q, "DestinationDirs", "", "DefaultDestDir", &l);
	if (found <= 0)
		return found;
	dirid = inf_field(q, &l, 0);
	ret->subdir = inf_field(q, &l, 1);
	if (!dirid || !ret->subdir)
		return -1;
	ret->dirid = (unsigned)strtoul(dirid, NULL, 0);
	return 0;
}

/* A list of one install section, and what the search is for. */
struct installing {
	struct inf_question *q;
	const char *arch;
	struct inf_install *to;
};

static int install_file(struct installing *in, const char *name, const char *source, struct destination d)
{
	struct inf_file *file;

	if (in->to->files.n >= INF_FILES_MAX)
		return err_set(in->q->err, ERR_CORRUPT, "installs more than %d files", INF_FILES_MAX);
	file = vec_push(in->q->a, &in->to->files);
	*file = (struct inf_file){.name = name, .dirid = d.dirid, .subdir = d.subdir};
	in->to->coinstaller |= strncasecmp(name, "WdfCoInstaller", 14) == 0;
	return source_path(in->q, in->arch, *source ? source : name, &file->source);
}

/* One word behind CopyFiles: "@file", or a section with lines "name[, source[, , flags]]". */
static int install_list(struct installing *in, const char *list)
{
	struct inf_walk w = inf_walk(in->q, list);
	struct destination d;
	struct inf_fields l;
	int more;

	if (destination_of(in->q, *list == '@' ? "" : list, &d) < 0)
		return -1;
	if (*list == '@')
		return install_file(in, list + 1, "", d);
	while ((more = inf_next(in->q, &w, &l)) > 0) {
		char *name = inf_field(in->q, &l, 0), *source = inf_field(in->q, &l, 1);

		if (!name || !source || (*name && install_file(in, name, source, d) < 0))
			return -1;
	}
	return more;
}

static int install_copies(struct installing *in, const char *section)
{
	struct inf_walk w = inf_walk(in->q, section);
	struct inf_fields l;
	int more;

	while ((more = inf_next(in->q, &w, &l)) > 0)
		for (size_t i = 0; inf_is(&l, "CopyFiles") && i < l.n; i++) {
			char *list = inf_field(in->q, &l, i);

			if (!list || (*list && install_list(in, list) < 0))
				return -1;
		}
	return more;
}

static const char *last_part(const char *path)
{
	const char *cut = strrchr(path, '\\');

	return cut ? cut + 1 : path;
}

static int read_service(struct installing *in, const char *section, struct inf_service *s)
{
	struct inf_walk w = inf_walk(in->q, section);
	struct inf_fields l;
	int more;

	while ((more = inf_next(in->q, &w, &l)) > 0) {
		char *value = inf_field(in->q, &l, 0);

		if (!value)
			return -1;
		if (inf_is(&l, "ServiceBinary"))
			s->binary = last_part(value);
		else if (inf_is(&l, "LoadOrderGroup"))
			s->group = value;
		else if (inf_is(&l, "ServiceType"))
			s->type = (unsigned)strtoul(value, NULL, 0);
		else if (inf_is(&l, "StartType"))
			s->start = (unsigned)strtoul(value, NULL, 0);
		else if (inf_is(&l, "ErrorControl"))
			s->error_control = (unsigned)strtoul(value, NULL, 0);
	}
	return more;
}

/* "AddService = name, flags, section"; without a name the device has no driver of its own. */
static int install_service(struct installing *in, const struct inf_fields *l)
{
	char *name = inf_field(in->q, l, 0), *flags = inf_field(in->q, l, 1), *section = inf_field(in->q, l, 2);
	struct inf_service *s;

	if (!name || !flags || !section)
		return -1;
	if (!*name)
		return 0;
	if (in->to->services.n >= INF_FILES_MAX)
		return err_set(in->q->err, ERR_CORRUPT, "installs more than %d services", INF_FILES_MAX);
	s = vec_push(in->q->a, &in->to->services);
	*s = (struct inf_service){
	    .name = name, .binary = "", .group = "", .function_driver = strtoul(flags, NULL, 0) & 2};
	return read_service(in, section, s);
}

static int install_services(struct installing *in, const char *section)
{
	struct inf_walk w = inf_walk(in->q, section);
	struct inf_fields l;
	int more;

	while ((more = inf_next(in->q, &w, &l)) > 0)
		if (inf_is(&l, "AddService") && install_service(in, &l) < 0)
			return -1;
	return more;
}

/* "KmdfService = name, section", there "KmdfLibraryVersion = 1.15". */
static int install_wdf(struct installing *in, const char *section)
{
	struct inf_walk w = inf_walk(in->q, section);
	struct inf_fields l;
	int more;

	while ((more = inf_next(in->q, &w, &l)) > 0) {
		char *name = inf_is(&l, "KmdfService") ? inf_field(in->q, &l, 1) : "";
		char *text, *dot = NULL;

		if (!name || (*name && look_up(in->q, name, "", "KmdfLibraryVersion", &l) < 0))
			return -1;
		if (!*name || !inf_is(&l, "KmdfLibraryVersion"))
			continue;
		text = inf_field(in->q, &l, 0);
		if (!text)
			return -1;
		in->to->kmdf = 100 * (unsigned)(strtoul(text, &dot, 10) % 100);
		in->to->kmdf += *dot == '.' ? (unsigned)(strtoul(dot + 1, NULL, 10) % 100) : 0;
	}
	return more;
}

/* Of an install section and those named after it the ones for the processor. */
static char *for_processor(struct installing *in, const char *section, const char *suffix)
{
	for (unsigned how = 0; how < DECORATIONS; how++) {
		char *ret = arena_printf(in->q->a, "%s%s", decorated(in->q->a, section, how, in->arch), suffix);

		if (inf_has(in->q->f, ret))
			return ret;
	}
	return arena_strdup(in->q->a, "");
}

int inf_install(const struct inf *f, const char *section, const char *arch, struct arena *a, struct inf_install *ret,
		struct err *err)
{
	struct inf_question q = INF_ASK(f, a, err);
	struct installing in = {&q, arch, ret};

	*ret = (struct inf_install){0};
	if (install_copies(&in, for_processor(&in, section, "")) < 0 ||
	    install_copies(&in, for_processor(&in, section, ".CoInstallers")) < 0 ||
	    install_services(&in, for_processor(&in, section, ".Services")) < 0)
		return -1;
	return install_wdf(&in, for_processor(&in, section, ".Wdf"));
}
