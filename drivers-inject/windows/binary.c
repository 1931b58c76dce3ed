/* PE headers ("PE Format" in Microsoft's documentation), VS_FIXEDFILEINFO and the marks of signatures. */
#include "drivers-inject/windows/binary.h"

#include <string.h>

#include "core/base/bytes.h"

enum {
	DOS_NEW_HEADER = 0x3c,
	PE_MACHINE = 4, /* behind "PE\0\0" */
	PE_OPTIONAL_SIZE = 20,
	PE_OPTIONAL = 24,
	OPTIONAL_SUBSYSTEM_VERSION = 48, /* the same place in PE32 and PE32+ */
	OPTIONAL_NEEDED = 52,
	MACHINE_I386 = 0x14c,
	MACHINE_AMD64 = 0x8664,
	MACHINE_ARM64 = 0xaa64,
	FIXED_FLAGS_MASK = 24, /* in VS_FIXEDFILEINFO */
	FIXED_FLAGS = 28,
	FIXED_NEEDED = 52,
	FF_DEBUG = 1,
	DIGEST_WITHIN = 128, /* bytes behind OID_IMAGE: Windows' signtool writes 40 */
};
#define FIXED_MAGIC "\xbd\x04\xef\xfe"
#define OID_WHQL    "\x06\x0a\x2b\x06\x01\x04\x01\x82\x37\x0a\x03\x05"
#define OID_ATTEST  "\x06\x0b\x2b\x06\x01\x04\x01\x82\x37\x0a\x03\x05\x01"
#define OID_SIGNED  "\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"     /* PKCS #7 signedData */
#define OID_IMAGE   "\x06\x0a\x2b\x06\x01\x04\x01\x82\x37\x02\x01\x0f" /* SPC_PE_IMAGE_DATA: its digest follows */
#define OID_SHA1    "\x06\x05\x2b\x0e\x03\x02\x1a"
#define OID_SHA256  "\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01"
#define ROOT_CROSS  "Microsoft Code Verification Root"

const char *signature_name(enum signature s)
{
	static const char *const names[] = {"unknown", "none", "test", "cross-signed", "attested", "WHQL"};

	return (size_t)s < sizeof names / sizeof *names ? names[s] : names[0];
}

static const char *machine_arch(unsigned machine)
{
	switch (machine) {
	case MACHINE_I386:
		return "i386";
	case MACHINE_AMD64:
		return "x86_64";
	case MACHINE_ARM64:
		return "aarch64";
	default:
		return "";
	}
}

static void read_headers(const uint8_t *p, size_t len, struct binary *b)
{
	uint32_t at;

	if (len < DOS_NEW_HEADER + 4 || memcmp(p, "MZ", 2) != 0)
		return;
	at = get_le32(p + DOS_NEW_HEADER);
	if (at > len || len - at < PE_OPTIONAL || memcmp(p + at, "PE\0\0", 4) != 0)
		return;
	b->arch = machine_arch(get_le16(p + at + PE_MACHINE));
	if (get_le16(p + at + PE_OPTIONAL_SIZE) < OPTIONAL_NEEDED || len - at - PE_OPTIONAL < OPTIONAL_NEEDED)
		return;
	p += at + PE_OPTIONAL + OPTIONAL_SUBSYSTEM_VERSION;
	b->major = get_le16(p);
	b->minor = get_le16(p + 2);
}

static const uint8_t *find(const uint8_t *p, size_t len, const char *mark, size_t n)
{
	return memmem(p, len, mark, n);
}
#define HAS(p, len, mark) (find((p), (len), (mark), sizeof(mark) - 1) != NULL)

static bool is_checked(const uint8_t *p, size_t len)
{
	const uint8_t *info = find(p, len, FIXED_MAGIC, sizeof FIXED_MAGIC - 1);

	return info && len - (size_t)(info - p) >= FIXED_NEEDED &&
	       (get_le32(info + FIXED_FLAGS) & get_le32(info + FIXED_FLAGS_MASK) & FF_DEBUG);
}

static enum signature read_signature(const uint8_t *p, size_t len)
{
	if (HAS(p, len, OID_WHQL))
		return SIGNATURE_WHQL;
	if (HAS(p, len, OID_ATTEST))
		return SIGNATURE_ATTESTED;
	if (HAS(p, len, ROOT_CROSS))
		return SIGNATURE_CROSS;
	return HAS(p, len, OID_SIGNED) ? SIGNATURE_OTHER : SIGNATURE_NONE;
}

/* A program may be signed with several digests. */
static void read_digests(const uint8_t *p, size_t len, struct binary *b)
{
	const uint8_t *end = p + len, *at = p;

	while ((at = find(at, (size_t)(end - at), OID_IMAGE, sizeof OID_IMAGE - 1))) {
		size_t n;

		at += sizeof OID_IMAGE - 1;
		n = (size_t)(end - at) < DIGEST_WITHIN ? (size_t)(end - at) : DIGEST_WITHIN;
		b->sha1 |= HAS(at, n, OID_SHA1);
		b->sha2 |= HAS(at, n, OID_SHA256);
	}
}

struct binary binary_of(const void *data, size_t len)
{
	struct binary ret = {.signature = read_signature(data, len)};

	read_headers(data, len, &ret);
	read_digests(data, len, &ret);
	ret.checked = ret.arch && is_checked(data, len);
	return ret;
}
