/* Makes registry hives for phony Windows guests, out of text in the form of the change log's records:
 *
 *     [ControlSet001\Services\viostor]
 *     @="a default value"
 *     "Start"=dword:00000000
 *     "ImagePath"=expand_sz:"system32\\drivers\\viostor.sys"
 *     "Group"="SCSI miniport"
 *     "Lower"=multi_sz:"a","b"
 *     "Version"=hex:00,ff
 *     "Other"=hex(ffff0012):01,00
 *     [-ControlSet001\Services\gone]
 *     "Gone"=-
 *
 * Lines that begin with ';' and empty ones say nothing. Names in quotes escape '"' and '\' by '\'.
 */
#ifndef REHOST_TESTS_SUPPORT_HIVE_MAKER_H
#define REHOST_TESTS_SUPPORT_HIVE_MAKER_H

#include <string.h>

#include "core/base/bytes.h"
#include "guest/hive.h"
#include "guest/hive_check.h"
#include "guest/hive_text.h"

enum { MINIMAL_HIVE = 0x2000, MAKER_DATE_HIGH = 0x01d9f000 /* of October 2023 */ };

/* A hive with nothing but a root key and its security cell. */
static inline void hive_minimal(uint8_t ret[static MINIMAL_HIVE])
{
	uint8_t *bin = ret + HIVE_BASE, *root = bin + 0x20, *security = root + 0x58, *rest = security + 0x30;

	memset(ret, 0, MINIMAL_HIVE);
	memcpy(ret, "regf", 4);
	put_le32(ret + 4, 1);
	put_le32(ret + 8, 1);
	put_le32(ret + 16, MAKER_DATE_HIGH);
	put_le32(ret + 20, 1);
	put_le32(ret + 24, 5);
	put_le32(ret + 32, 1);
	put_le32(ret + 36, 0x20);
	put_le32(ret + 40, 0x1000);
	put_le32(ret + 44, 1);
	put_le32(ret + 508, hive_header_sum(ret));

	memcpy(bin, "hbin", 4);
	put_le32(bin + 8, 0x1000);
	put_le32(bin + 24, MAKER_DATE_HIGH);

	put_le32(root, (uint32_t)-0x58);
	memcpy(root + 4, "nk", 2);
	put_le16(root + 6, 0x2c); /* a hive's root, not to be deleted, ASCII name */
	put_le32(root + 12, MAKER_DATE_HIGH);
	put_le32(root + 20, 0x20);
	put_le32(root + 32, UINT32_MAX);
	put_le32(root + 36, UINT32_MAX);
	put_le32(root + 44, UINT32_MAX);
	put_le32(root + 48, 0x78);
	put_le32(root + 52, UINT32_MAX);
	put_le16(root + 76, 4);
	memcpy(root + 80, "ROOT", 4);

	put_le32(security, (uint32_t)-0x30);
	memcpy(security + 4, "sk", 2);
	put_le32(security + 8, 0x78);
	put_le32(security + 12, 0x78);
	put_le32(security + 16, 1);
	put_le32(security + 20, 20); /* a descriptor that allows all to everyone */
	put_le32(security + 24, 0x80000001);

	put_le32(rest, (uint32_t)(0x1000 - (rest - bin)));
}

/* A quoted text at *at without its quotes, unescaped in place; NULL when there is none. */
static inline char *maker_quoted(char **at)
{
	char *to = *at + 1, *ret = to, *from = to;

	if (**at != '"')
		return NULL;
	for (; *from && *from != '"'; from++) {
		if (*from == '\\' && from[1])
			from++;
		*to++ = *from;
	}
	*at = from + (*from == '"');
	*to = '\0';
	return ret;
}

static inline size_t maker_bytes(const char *text, uint8_t *to)
{
	size_t n = 0;

	for (char *end; *text; text = end + (*end == ','), n++)
		to[n] = (uint8_t)strtoul(text, &end, 16);
	return n;
}

static inline int maker_texts(struct hive *h, const char *key, const char *name, char *at, struct err *err)
{
	const char *list[64] = {NULL};
	size_t n = 0;

	while (*at && n < 63) {
		list[n++] = maker_quoted(&at);
		at += *at == ',';
	}
	return hive_set_strings(h, key, name, list, "made", err);
}

static inline int maker_value(struct hive *h, const char *key, const char *name, char *at, struct err *err)
{
	static const char dword[] = "dword:", qword[] = "qword:", expand[] = "expand_sz:", multi[] = "multi_sz:";
	uint8_t *bytes;
	uint32_t type = REG_BINARY;

	if (*at == '"')
		return hive_set_string(h, key, name, maker_quoted(&at), "made", err);
	if (*at == '-')
		return hive_unset(h, key, name, "made", err);
	if (strncmp(at, dword, sizeof dword - 1) == 0)
		return hive_set_dword(h, key, name, (uint32_t)strtoul(at + sizeof dword - 1, NULL, 16), "made", err);
	if (strncmp(at, qword, sizeof qword - 1) == 0)
		return hive_set_qword(h, key, name, strtoull(at + sizeof qword - 1, NULL, 16), "made", err);
	if (strncmp(at, expand, sizeof expand - 1) == 0) {
		at += sizeof expand - 1;
		return hive_set_expand(h, key, name, maker_quoted(&at), "made", err);
	}
	if (strncmp(at, multi, sizeof multi - 1) == 0)
		return maker_texts(h, key, name, at + sizeof multi - 1, err);
	if (strncmp(at, "hex", 3) != 0)
		return err_set(err, ERR_USAGE, "no value: '%s'", at);
	if (at[3] == '(')
		type = (uint32_t)strtoul(at + 4, NULL, 16);
	bytes = (uint8_t *)at;
	return hive_set(h, key, name, type, bytes, maker_bytes(strchr(at, ':') + 1, bytes), "made", err);
}

static inline int maker_line(struct hive *h, char **key, char *line, struct err *err)
{
	char *end = strrchr(line, ']'), *name = (char[]){""};

	if (!*line || *line == ';')
		return 0;
	if (*line == '[' && end) {
		*end = '\0';
		if (line[1] == '-')
			return hive_drop_key(h, line + 2, "made", err);
		*key = line + 1;
		return hive_make_key(h, *key, "made", err);
	}
	if (*line == '@')
		line++;
	else
		name = maker_quoted(&line);
	if (!name || *line != '=')
		return err_set(err, ERR_USAGE, "no line of a registry: '%s'", line);
	return maker_value(h, *key, name, line + 1, err);
}

/* Changes the hive at a guest path as text says; a minimal one is made there first when there is none. */
static inline int hive_make(struct guest *g, const char *path, const char *text, struct err *err)
{
	AUTO(hive_closep) struct hive *h = NULL;
	AUTO(arena_done) struct arena a = {0};
	struct changelog log = {0};
	char *all = arena_strdup(&a, text), *key = NULL, *save = NULL;
	uint8_t minimal[MINIMAL_HIVE];
	int ret = 0;

	hive_minimal(minimal);
	if (!guest_exists(g, path) && guest_put(g, &log, path, minimal, sizeof minimal, 0644, "made", "", err) < 0)
		return -1;
	if (hive_open(g, path, "HIVE", HIVE_EDIT, &h, err) < 0)
		return -1;
	for (char *line = strtok_r(all, "\n", &save); line && ret == 0; line = strtok_r(NULL, "\n", &save))
		ret = maker_line(h, &key, line, err);
	if (ret == 0)
		ret = hive_commit(h, &log, err);
	changelog_done(&log);
	return ret;
}

#endif
