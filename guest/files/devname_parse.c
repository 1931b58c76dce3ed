/* Device names taken apart: kind, disk, partition. */
#include <ctype.h>
#include <string.h>

#include "guest/files/devnames.h"

/* Numbers beyond this name no disk or partition of a real machine, and keep the arithmetic small. */
enum { NUMBER_MAX = 99999 };

/* A decimal number at *p; false when there is none or it is too large. */
static bool take_number(const char **p, unsigned *ret)
{
	unsigned n = 0;

	if (!isdigit((unsigned char)**p))
		return false;
	for (; isdigit((unsigned char)**p); ++*p) {
		n = n * 10 + (unsigned)(**p - '0');
		if (n > NUMBER_MAX)
			return false;
	}
	*ret = n;
	return true;
}

/* "a" 0, "z" 25, "aa" 26. */
static bool take_letters(const char **p, unsigned *ret)
{
	unsigned n = 0;

	if (!islower((unsigned char)**p))
		return false;
	for (; islower((unsigned char)**p); ++*p) {
		n = n * 26 + (unsigned)(**p - 'a') + 1;
		if (n > NUMBER_MAX)
			return false;
	}
	*ret = n - 1;
	return true;
}

/* The rest is empty, or a partition number behind `infix`. */
static bool take_partition(const char *p, const char *infix, unsigned *ret)
{
	*ret = 0;
	if (!*p)
		return true;
	if (strncmp(p, infix, strlen(infix)) != 0)
		return false;
	p += strlen(infix);
	return take_number(&p, ret) && *ret && !*p;
}

struct letter_prefix {
	const char *prefix;
	enum devname_kind kind;
};

static bool parse_lettered(const char *name, const char *base, struct devname *ret)
{
	static const struct letter_prefix prefixes[] = {
	    {"sd", DEVNAME_SD}, {"hd", DEVNAME_HD}, {"vd", DEVNAME_VD}, {"xvd", DEVNAME_XVD}};

	for (size_t k = 0; k < sizeof prefixes / sizeof *prefixes; k++) {
		const char *p = base + strlen(prefixes[k].prefix);

		if (strncmp(base, prefixes[k].prefix, strlen(prefixes[k].prefix)) != 0 ||
		    !take_letters(&p, &ret->number))
			continue;
		ret->kind = prefixes[k].kind;
		ret->disk_len = (size_t)(p - name);
		return take_partition(p, "", &ret->partition);
	}
	return false;
}

/* nvme0n1p2, mmcblk0p1, cciss/c0d0p1 */
static bool parse_numbered(const char *name, const char *base, struct devname *ret)
{
	static const struct {
		const char *prefix;
		char middle;	/* stands before the unit; 0: there is none */
		unsigned first; /* number of the first unit */
		enum devname_kind kind;
	} kinds[] = {{"nvme", 'n', 1, DEVNAME_NVME}, {"cciss/c", 'd', 0, DEVNAME_CCISS}, {"mmcblk", 0, 0, DEVNAME_MMC}};

	for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
		const char *p = base + strlen(kinds[k].prefix);

		if (strncmp(base, kinds[k].prefix, strlen(kinds[k].prefix)) != 0 || !take_number(&p, &ret->number))
			continue;
		if (kinds[k].middle) {
			if (*p++ != kinds[k].middle || !take_number(&p, &ret->unit) || ret->unit < kinds[k].first)
				return false;
			ret->unit -= kinds[k].first;
		}
		ret->kind = kinds[k].kind;
		ret->disk_len = (size_t)(p - name);
		return take_partition(p, "p", &ret->partition);
	}
	return false;
}

bool devname_map_partition(const char *p, unsigned *ret)
{
	static const char *const infixes[] = {"-part", "_part", "p", ""};

	for (size_t k = 0; k < sizeof infixes / sizeof *infixes; k++)
		if (take_partition(p, infixes[k], ret))
			return true;
	return false;
}

/* mapper/mpatha, mapper/mpathap1; RHEL 5's mapper/mpath0p1, whose number is no letter */
static bool parse_map(const char *name, const char *base, struct devname *ret)
{
	const char *p = base + strlen("mapper/mpath"), *copied;
	char letters[8] = "";
	size_t n;

	if (strncmp(base, "mapper/mpath", strlen("mapper/mpath")) != 0)
		return false;
	ret->kind = DEVNAME_MPATH;
	if (take_number(&p, &ret->number)) {
		ret->disk_len = (size_t)(p - name);
		return !isdigit((unsigned char)*p) && devname_map_partition(p, &ret->partition);
	}
	/* "mpathap1" is the first partition of mpatha, and so is "mpatha-part1"; no map is called mpathap */
	n = strspn(p, "abcdefghijklmnopqrstuvwxyz");
	n -= n > 1 && p[n - 1] == 'p' && isdigit((unsigned char)p[n]);
	if (n >= sizeof letters)
		return false;
	copied = memcpy(letters, p, n);
	ret->disk_len = (size_t)(p + n - name);
	return devname_map_partition(p + n, &ret->partition) && take_letters(&copied, &ret->number);
}

/* mapper/3600508b4000c4a37-part1: a map without another name has its WWID */
static bool parse_wwid(const char *name, const char *base, struct devname *ret)
{
	const char *p = base + strlen("mapper/");
	size_t n;

	if (strncmp(base, "mapper/", strlen("mapper/")) != 0)
		return false;
	n = strspn(p, "0123456789abcdef");
	if ((n != 17 && n != 33) || !strchr("23", *p) || !devname_map_partition(p + n, &ret->partition))
		return false;
	ret->kind = DEVNAME_BY_ID;
	ret->disk_len = (size_t)(p + n - name);
	return true;
}

/* by-id names that describe content, not hardware. */
static bool lasting_id(const char *id)
{
	static const char *const prefixes[] = {"dm-", "lvm-", "md-", "raid-"};

	if (strncmp(id, "dm-", 3) == 0 && strstr(id, "mpath"))
		return false;
	for (size_t k = 0; k < sizeof prefixes / sizeof *prefixes; k++)
		if (strncmp(id, prefixes[k], strlen(prefixes[k])) == 0)
			return true;
	return false;
}

/* by-path/…-part2, by-id/…-part2 */
static bool parse_link(const char *name, const char *base, struct devname *ret)
{
	bool by_path = strncmp(base, "disk/by-path/", 13) == 0, by_id = strncmp(base, "disk/by-id/", 11) == 0;

	if (!by_path && (!by_id || lasting_id(base + 11)))
		return false;

	const char *part = NULL;

	for (const char *p = strstr(base, "-part"); p; p = strstr(p + 1, "-part"))
		part = p;
	ret->kind = by_path ? DEVNAME_BY_PATH : DEVNAME_BY_ID;
	ret->disk_len = strlen(name);
	if (part && take_partition(part, "-part", &ret->partition)) {
		ret->disk_len = (size_t)(part - name);
		return true;
	}
	ret->partition = 0;
	if (by_id && strncmp(base + 11, "dm-uuid-part", 12) == 0) { /* dm-uuid-part1-mpath-WWID */
		part = base + 11 + 12;
		return take_number(&part, &ret->partition);
	}
	return true;
}

bool devname_parse(const char *name, struct devname *ret)
{
	const char *base = strncmp(name, "/dev/", 5) == 0 ? name + 5 : name;

	*ret = (struct devname){0};
	if (parse_lettered(name, base, ret) || parse_numbered(name, base, ret) || parse_link(name, base, ret) ||
	    parse_map(name, base, ret))
		return true;
	*ret = (struct devname){0};
	if (parse_wwid(name, base, ret))
		return true;
	*ret = (struct devname){0};
	return false;
}
