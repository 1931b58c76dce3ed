/* BIOS or UEFI, Secure Boot, the boot entries, the TPM. UEFI specification 2.10, sections 3.1 and 10.3. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "boot-iso/agent/hardware.h"
#include "core/base/bytes.h"
#include "core/base/utf16.h"
#include "core/base/uuid.h"

#define GLOBAL "8be4df61-93ca-11d2-aa0d-00e098032b8c"

enum {
	VARIABLE_MAX =
	    64 << 10,	   /* of one variable: the kernel's own limit is 1 KiB for names, firmware's 32 KiB for data */
	ATTRIBUTES = 4,	   /* efivarfs puts them before the data */
	OPTION_HEADER = 6, /* EFI_LOAD_OPTION: attributes, length of the path list */
	OPTION_ACTIVE = 1,
	MEDIA = 4,
	MEDIA_DRIVE = 1,
	MEDIA_FILE = 4,
	NODE_HEADER = 4,
	DRIVE_NODE = 42,
	DRIVE_GUID = 24, /* offset of the partition's signature */
	TEXT_MAX = 1024,
};

/* The bytes of a variable without its attributes; NULL and 0 when there is none. */
static const uint8_t *variable(const struct tree *t, const char *name, struct buf *b, size_t *ret_len)
{
	buf_clear(b);
	*ret_len = 0;
	if (!tree_bytes(t, b, "sys/firmware/efi/efivars/%s-" GLOBAL, name) || b->len <= ATTRIBUTES)
		return NULL;
	*ret_len = b->len - ATTRIBUTES;
	return (const uint8_t *)b->data + ATTRIBUTES;
}

/* One node of a device path: the partition or the file on it. */
static void read_node(struct arena *a, const uint8_t *node, size_t len, struct hw_boot_entry *e)
{
	char text[TEXT_MAX];

	if (node[0] != MEDIA)
		return;
	if (node[1] == MEDIA_DRIVE && len == DRIVE_NODE && !e->part) {
		uuid_guid_text(node + DRIVE_GUID, text);
		e->part = arena_strdup(a, text);
	}
	if (node[1] == MEDIA_FILE && !e->path &&
	    utf16_to_utf8(node + NODE_HEADER, len - NODE_HEADER, false, text, sizeof text) > 0)
		e->path = arena_strdup(a, text);
}

static void read_path(struct arena *a, const uint8_t *p, size_t len, struct hw_boot_entry *e)
{
	while (len >= NODE_HEADER) {
		size_t node = get_le16(p + 2);

		if (node < NODE_HEADER || node > len)
			return;
		read_node(a, p, node, e);
		p += node;
		len -= node;
	}
}

/* The bytes up to and with the 16-bit NUL, or len when there is none. */
static size_t text_bytes(const uint8_t *p, size_t len)
{
	for (size_t at = 0; at + 2 <= len; at += 2)
		if (!p[at] && !p[at + 1])
			return at + 2;
	return len;
}

bool boot_option_parse(struct arena *a, const void *bytes, size_t len, struct hw_boot_entry *e)
{
	const uint8_t *p = bytes;
	char text[TEXT_MAX];
	size_t name, path;

	if (len < OPTION_HEADER)
		return false;
	e->active = get_le32(p) & OPTION_ACTIVE;
	path = get_le16(p + 4);
	p += OPTION_HEADER;
	len -= OPTION_HEADER;
	name = text_bytes(p, len);
	if (utf16_to_utf8(p, name & ~(size_t)1, false, text, sizeof text) >= 0)
		e->name = arena_strdup(a, text);
	len -= name;
	read_path(a, p + name, path < len ? path : len, e);
	return true;
}

static bool is_entry(const char *name)
{
	if (strncmp(name, "Boot", 4) != 0 || strcmp(name + 8, "-" GLOBAL) != 0)
		return false;
	for (int i = 4; i < 8; i++)
		if (!isxdigit((unsigned char)name[i]))
			return false;
	return true;
}

static void read_entries(struct hardware *h, const struct tree *t, struct buf *b)
{
	struct words all = tree_list(t, &h->arena, "sys/firmware/efi/efivars");
	char name[9];
	size_t len;

	for (size_t i = 0; i < all.n; i++) {
		struct hw_boot_entry e = {0};
		const uint8_t *p;

		if (strlen(all.v[i]) != 9 + strlen(GLOBAL) || !is_entry(all.v[i]))
			continue;
		snprintf(name, sizeof name, "%.8s", all.v[i]);
		snprintf(e.id, sizeof e.id, "%.4s", name + 4);
		p = variable(t, name, b, &len);
		if (p && boot_option_parse(&h->arena, p, len, &e))
			*vec_push(&h->arena, &h->boot_entries) = e;
	}
}

static void read_order(struct hardware *h, const struct tree *t, struct buf *b)
{
	size_t len;
	const uint8_t *p = variable(t, "BootOrder", b, &len);

	for (size_t at = 0; p && at + 2 <= len; at += 2)
		*vec_push(&h->arena, &h->boot_order) = arena_printf(&h->arena, "%04X", get_le16(p + at));
}

static enum tristate secure_boot(const struct tree *t, struct buf *b)
{
	size_t len;
	const uint8_t *p = variable(t, "SecureBoot", b, &len);

	return !p ? TRI_UNKNOWN : *p ? TRI_YES : TRI_NO;
}

void firmware_read(struct hardware *h, const struct tree *t)
{
	AUTO(buf_done) struct buf b = BUF_INIT(VARIABLE_MAX);
	const char *tpm = tree_text(t, &h->arena, "sys/class/tpm/tpm0/tpm_version_major");

	h->firmware = tree_has(t, "sys/firmware/efi") ? FIRMWARE_UEFI : FIRMWARE_BIOS;
	h->secure_boot = h->firmware == FIRMWARE_BIOS ? TRI_NO : secure_boot(t, &b);
	read_order(h, t, &b);
	read_entries(h, t, &b);
	/* Kernels before 5.6 don't tell; the file is there for either version. */
	if (tpm)
		h->tpm = arena_strdup(&h->arena, !strcmp(tpm, "2") ? "2.0" : "1.2");
}
