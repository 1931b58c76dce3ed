/* Versions of Windows: releases, builds and what came with them. */
#include "core/model/windows.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define COUNT(array)	(sizeof(array) / sizeof *(array))
#define FOLDERS(...)	((const char *const[]){__VA_ARGS__, NULL})
#define OSINFO(version) "http://microsoft.com/win/" version

static const struct windows_release releases[] = {
    {"winxp", OSINFO("xp"), "Windows XP", 5, 1, 2600, false, FOLDERS("xp")},
    /* XP for x64 is Server 2003 underneath. */
    {"winxp", OSINFO("xp"), "Windows XP x64", 5, 2, 3790, false, FOLDERS("xp", "2k3")},
    {"win2k3", OSINFO("2k3"), "Windows Server 2003", 5, 2, 3790, true, FOLDERS("2k3")},
    {"winvista", OSINFO("vista"), "Windows Vista", 6, 0, 6000, false, FOLDERS("vista", "2k8")},
    {"win2k8", OSINFO("2k8"), "Windows Server 2008", 6, 0, 6001, true, FOLDERS("2k8")},
    {"win7", OSINFO("7"), "Windows 7", 6, 1, 7600, false, FOLDERS("w7")},
    {"win2k8r2", OSINFO("2k8r2"), "Windows Server 2008 R2", 6, 1, 7600, true, FOLDERS("2k8r2", "w7")},
    {"win8", OSINFO("8"), "Windows 8", 6, 2, 9200, false, FOLDERS("w8")},
    {"win2k12", OSINFO("2k12"), "Windows Server 2012", 6, 2, 9200, true, FOLDERS("2k12", "w8")},
    {"win8.1", OSINFO("8.1"), "Windows 8.1", 6, 3, 9600, false, FOLDERS("w8.1")},
    {"win2k12r2", OSINFO("2k12r2"), "Windows Server 2012 R2", 6, 3, 9600, true, FOLDERS("2k12r2", "w8.1")},
    {"win10", OSINFO("10"), "Windows 10", 10, 0, 10240, false, FOLDERS("w10")},
    {"win2k16", OSINFO("2k16"), "Windows Server 2016", 10, 0, 14393, true, FOLDERS("2k16")},
    {"win2k19", OSINFO("2k19"), "Windows Server 2019", 10, 0, 17763, true, FOLDERS("2k19")},
    {"win2k22", OSINFO("2k22"), "Windows Server 2022", 10, 0, 20348, true, FOLDERS("2k22")},
    {"win11", OSINFO("11"), "Windows 11", 10, 0, 22000, false, FOLDERS("w11")},
    {"win2k25", OSINFO("2k25"), "Windows Server 2025", 10, 0, 26100, true, FOLDERS("2k25")},
};

/* In order. KMDF: Microsoft's "KMDF version history". */
static const struct build {
	unsigned major, minor, build, kmdf;
	const char *client, *server;
} builds[] = {
    {5, 1, 2600, 0, "", ""},
    {5, 2, 3790, 0, "", ""},
    {6, 0, 6000, 105, "", ""},
    {6, 0, 6001, 107, "SP1", ""},
    {6, 0, 6002, 107, "SP2", "SP2"},
    {6, 1, 7600, 109, "", ""},
    {6, 1, 7601, 109, "SP1", "SP1"},
    {6, 2, 9200, 111, "", ""},
    {6, 3, 9600, 113, "", ""},
    {10, 0, 10240, 115, "1507", ""},
    {10, 0, 10586, 117, "1511", ""},
    {10, 0, 14393, 119, "1607", ""},
    {10, 0, 15063, 121, "1703", ""},
    {10, 0, 16299, 123, "1709", "1709"},
    {10, 0, 17134, 125, "1803", "1803"},
    {10, 0, 17763, 127, "1809", ""},
    {10, 0, 18362, 129, "1903", "1903"},
    {10, 0, 18363, 129, "1909", "1909"},
    {10, 0, 19041, 131, "2004", "2004"},
    {10, 0, 19042, 131, "20H2", "20H2"},
    {10, 0, 19043, 131, "21H1", ""},
    {10, 0, 19044, 131, "21H2", ""},
    {10, 0, 19045, 131, "22H2", ""},
    {10, 0, 20348, 133, "", ""},
    {10, 0, 22000, 133, "21H2", ""},
    {10, 0, 22621, 133, "22H2", ""},
    {10, 0, 22631, 133, "23H2", ""},
    {10, 0, 25398, 133, "", "23H2"},
    {10, 0, 26100, 133, "24H2", ""},
    {10, 0, 26200, 133, "25H2", ""},
};

int windows_compare(unsigned major, unsigned minor, const struct windows_version *v)
{
	if (major != v->major)
		return major < v->major ? -1 : 1;
	return minor < v->minor ? -1 : minor > v->minor;
}

static bool is_server(const struct windows_version *v)
{
	return v->role == WINDOWS_SERVER || v->role == WINDOWS_DOMAIN_CONTROLLER;
}

const struct windows_release *windows_releases(size_t *ret_n)
{
	*ret_n = COUNT(releases);
	return releases;
}

/* A build that isn't known is the first of its NT version. */
const struct windows_release *windows_release_of(const struct windows_version *v)
{
	const struct windows_release *ret = NULL;

	for (const struct windows_release *r = releases; r < releases + COUNT(releases); r++)
		if (r->server == is_server(v) && windows_compare(r->major, r->minor, v) == 0 &&
		    (!ret || r->build <= v->build))
			ret = r;
	return ret;
}

static const char *known_folder(const char *name)
{
	for (const struct windows_release *r = releases; r < releases + COUNT(releases); r++)
		for (const char *const *f = r->folders; *f; f++)
			if (strcasecmp(*f, name) == 0)
				return *f;
	return NULL;
}

const char *windows_folder(const char *name)
{
	const char *ret = known_folder(name);
	char without[16];

	if (ret || strncasecmp(name, "win", 3) != 0 || strlen(name) >= sizeof without)
		return ret;
	/* "Win2k22" and "WinXP", then "Win10", which is "w10". */
	ret = known_folder(name + 3);
	snprintf(without, sizeof without, "w%s", name + 3);
	return ret ? ret : known_folder(without);
}

static const struct build *build_of(const struct windows_version *v)
{
	const struct build *ret = NULL;

	for (const struct build *b = builds; b < builds + COUNT(builds); b++)
		if (windows_compare(b->major, b->minor, v) == 0 && (!ret || b->build <= v->build))
			ret = b;
	return ret;
}

const char *windows_build_name(const struct windows_version *v)
{
	const struct build *b = build_of(v);

	if (!b || b->build != v->build)
		return "";
	return is_server(v) ? b->server : b->client;
}

unsigned windows_kmdf(const struct windows_version *v)
{
	const struct build *b = build_of(v);

	return b ? b->kmdf : 0;
}

void windows_text(const struct windows_version *v, char ret[WINDOWS_TEXT_MAX])
{
	const struct windows_release *r = windows_release_of(v);

	snprintf(ret, WINDOWS_TEXT_MAX, "%s (%u.%u.%u, %s)", r ? r->name : "Windows", v->major, v->minor, v->build,
		 v->arch ? v->arch : "unknown");
}
