/* Fuzz: any bytes as an .inf file, asked by several versions of Windows what it offers and installs. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "guest/files/inf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct windows_version versions[] = {
    {5, 1, 2600, WINDOWS_CLIENT, "i386"},      {6, 1, 7601, WINDOWS_SERVER, "x86_64"},
    {10, 0, 19045, WINDOWS_CLIENT, "x86_64"},  {10, 0, 26100, WINDOWS_DOMAIN_CONTROLLER, "x86_64"},
    {10, 0, 22631, WINDOWS_CLIENT, "aarch64"},
};
enum { INSTALLS = 4 }; /* tried of each offer */

/* A path in the package stays in it. */
static void check_path(const char *path)
{
	if (!*path || *path == '/' || strchr(path, ':') || strchr(path, '\\'))
		abort();
	for (const char *p = path; p; p = strchr(p, '/')) {
		p += *p == '/';
		if (strncmp(p, "..", 2) == 0 && (p[2] == '/' || !p[2]))
			abort();
	}
}

static void install(const struct inf *f, const char *section, const char *arch)
{
	AUTO(arena_done) struct arena a = {0};
	struct inf_install in;

	if (inf_install(f, section, arch, &a, &in, NULL) < 0)
		return;
	if (in.files.n > INF_FILES_MAX || in.services.n > INF_FILES_MAX)
		abort();
	VEC_FOR (file, &in.files)
		check_path(file->source);
	VEC_FOR (s, &in.services)
		if (!*s->name || strchr(s->binary, '\\'))
			abort();
}

static void ask(const struct inf *f, const struct windows_version *v)
{
	AUTO(arena_done) struct arena a = {0};
	struct inf_offer o;

	if (inf_offer(f, v, &a, &o, NULL) < 0)
		return;
	if (o.decorated && windows_compare(o.major, o.minor, v) > 0)
		abort();
	VEC_FOR (d, &o.devices)
		if (!*d->id || !*d->install)
			abort();
	for (size_t i = 0; i < o.devices.n && i < INSTALLS; i++)
		install(f, o.devices.v[i].install, v->arch);
	inf_version_text(inf_version(f), &a);
	inf_catalog(f, v->arch, &a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(inf_freep) struct inf *f = NULL;

	if (inf_parse(data, size, &f, NULL) < 0)
		return 0;
	for (size_t i = 0; i < sizeof versions / sizeof *versions; i++)
		ask(f, &versions[i]);
	return 0;
}
