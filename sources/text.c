/* Words and numbers as metadata files write them. */
#include "sources/text.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/buf.h"
#include "core/base/checked.h"
#include "core/base/cleanup.h"
#include "core/base/utf8.h"

bool text_u64(const char *s, uint64_t *ret)
{
	uint64_t v = 0;

	if (!s || !*s)
		return false;
	for (; *s >= '0' && *s <= '9'; s++)
		if (!mul_fits(v, 10, &v) || !add_fits(v, (uint64_t)(*s - '0'), &v))
			return false;
	*ret = v;
	return !*s;
}

int text_number(const char *what, const char *text, uint64_t max, uint64_t *ret, struct err *err)
{
	*ret = 0;
	if (!*text)
		return 0;
	if (!text_u64(text, ret) || *ret > max)
		return err_set(err, ERR_CORRUPT, "%s '%s': a number up to %" PRIu64 " is expected", what, text, max);
	return 0;
}

static bool unit_word(const char *s, size_t len, uint64_t *ret_factor)
{
	static const struct {
		const char *word;
		uint64_t factor;
	} words[] = {
	    {"byte", 1},
	    {"bytes", 1},
	    {"b", 1},
	    {"kilobyte", KIB},
	    {"kilobytes", KIB},
	    {"kb", KIB},
	    {"kib", KIB},
	    {"megabyte", MIB},
	    {"megabytes", MIB},
	    {"mb", MIB},
	    {"mib", MIB},
	    {"gigabyte", GIB},
	    {"gigabytes", GIB},
	    {"gb", GIB},
	    {"gib", GIB},
	    {"terabyte", TIB},
	    {"terabytes", TIB},
	    {"tb", TIB},
	    {"tib", TIB},
	    {"hertz", 1},
	    {"hz", 1},
	    {"megahertz", 1000000},
	    {"mhz", 1000000},
	    {"gigahertz", 1000000000},
	    {"ghz", 1000000000},
	};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (strlen(words[i].word) == len && !strncasecmp(words[i].word, s, len)) {
			*ret_factor = words[i].factor;
			return true;
		}
	}
	return false;
}

/* base^exponent, without overflow. */
static bool power(uint64_t base, uint64_t exponent, uint64_t *ret)
{
	*ret = 1;
	while (exponent--)
		if (!mul_fits(*ret, base, ret))
			return false;
	return true;
}

bool text_unit(const char *s, uint64_t *ret_factor)
{
	char tight[64], *star, *hat;
	uint64_t factor, base, exponent = 1;
	size_t n = 0;

	for (; s && *s && n < sizeof tight - 1; s++)
		if (!isspace((unsigned char)*s))
			tight[n++] = *s;
	tight[n] = '\0';
	star = strchr(tight, '*');
	if (!unit_word(tight, star ? (size_t)(star - tight) : n, ret_factor))
		return false;
	if (!star)
		return true;
	hat = strchr(star, '^');
	if (hat)
		*hat = '\0';
	if (!text_u64(star + 1, &base) || base < 2 || (hat && !text_u64(hat + 1, &exponent)) || exponent > 63)
		return false;
	return power(base, exponent, &factor) && mul_fits(*ret_factor, factor, ret_factor);
}

/* Exactly want hex digits with only the given separators between; in lower case. */
static bool hex_digits(const char *s, const char *separators, size_t want, char *ret)
{
	size_t n = 0;

	for (; s && *s; s++) {
		if (strchr(separators, *s))
			continue;
		if (!isxdigit((unsigned char)*s) || n == want)
			return false;
		ret[n++] = (char)tolower((unsigned char)*s);
	}
	return n == want;
}

bool text_mac(const char *s, char ret[18])
{
	char digits[12];

	if (!hex_digits(s, ":-", sizeof digits, digits))
		return false;
	if (strchr("13579bdf", digits[1]) || !memcmp(digits, "000000000000", 12))
		return false;
	for (size_t i = 0; i < 6; i++) {
		ret[3 * i] = digits[2 * i];
		ret[3 * i + 1] = digits[2 * i + 1];
		ret[3 * i + 2] = i == 5 ? '\0' : ':';
	}
	return true;
}

bool text_uuid(const char *s, char ret[37])
{
	char digits[32], *to = ret;

	if (!hex_digits(s, " -{}", sizeof digits, digits))
		return false;
	for (size_t i = 0; i < sizeof digits; i++) {
		if (i == 8 || i == 12 || i == 16 || i == 20)
			*to++ = '-';
		*to++ = digits[i];
	}
	*to = '\0';
	return true;
}

bool text_true(const char *s)
{
	return s && (!strcasecmp(s, "true") || !strcasecmp(s, "yes") || !strcmp(s, "1"));
}

bool text_ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && !strcasecmp(s + n - m, end);
}

bool text_leads_outside(const char *path)
{
	if (*path == '/')
		return true;
	for (; *path; path += strcspn(path, "/"), path += *path == '/')
		if (!strncmp(path, "..", 2) && (path[2] == '/' || !path[2]))
			return true;
	return false;
}

struct word {
	const char *word;
	int value;
};

/* The value of the first word of the list that is in the table; 0 none. */
static int first_known(const char *list, const struct word *words, size_t n)
{
	while (list && *list) {
		size_t len = strcspn(list, ", \t\r\n");

		for (size_t i = 0; i < n; i++)
			if (strlen(words[i].word) == len && !strncasecmp(words[i].word, list, len))
				return words[i].value;
		list += len;
		list += strspn(list, ", \t\r\n");
	}
	return 0;
}

enum controller text_scsi_model(const char *list)
{
	static const struct word words[] = {
	    {"lsilogic", CONTROLLER_LSILOGIC},
	    {"lsilogicsas", CONTROLLER_LSISAS},
	    {"lsisas1068", CONTROLLER_LSISAS},
	    {"buslogic", CONTROLLER_BUSLOGIC},
	    {"pvscsi", CONTROLLER_PVSCSI},
	    {"virtualscsi", CONTROLLER_PVSCSI},
	    {"virtio", CONTROLLER_VIRTIO_SCSI},
	    {"virtio-scsi", CONTROLLER_VIRTIO_SCSI},
	    {"virtioscsi", CONTROLLER_VIRTIO_SCSI},
	    {"ahci", CONTROLLER_SATA},
	    {"vmware.sata.ahci", CONTROLLER_SATA},
	    {"nvme", CONTROLLER_NVME},
	    {"vmware.nvme.controller", CONTROLLER_NVME},
	};

	return (enum controller)first_known(list, words, sizeof words / sizeof *words);
}

enum nic_model text_nic_model(const char *list)
{
	static const struct word words[] = {
	    {"pcnet32", NIC_PCNET},   {"vlance", NIC_PCNET},	{"flexible", NIC_PCNET}, {"am79c970a", NIC_PCNET},
	    {"am79c973", NIC_PCNET},  {"e1000", NIC_E1000},	{"82540em", NIC_E1000},	 {"82543gc", NIC_E1000},
	    {"82545em", NIC_E1000},   {"e1000e", NIC_E1000E},	{"vmxnet", NIC_VMXNET},	 {"vmxnet2", NIC_VMXNET2},
	    {"vmxnet3", NIC_VMXNET3}, {"rtl8139", NIC_RTL8139}, {"virtio", NIC_VIRTIO},
	};

	return (enum nic_model)first_known(list, words, sizeof words / sizeof *words);
}

enum clock_offset text_clock(const char *guest_os)
{
	if (!guest_os || !*guest_os)
		return CLOCK_UNKNOWN;
	return strncasecmp(guest_os, "win", 3) ? CLOCK_UTC : CLOCK_LOCALTIME;
}

char *text_utf8(struct arena *a, const char *s)
{
	char *ret, *to;

	if (!s || utf8_valid(s, strlen(s)))
		return arena_strdup(a, s);
	to = ret = arena_alloc(a, 2 * strlen(s) + 1);
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c < 0x80) {
			*to++ = *s;
		} else {
			*to++ = (char)(0xc0 | c >> 6);
			*to++ = (char)(0x80 | (c & 0x3f));
		}
	}
	return ret;
}
