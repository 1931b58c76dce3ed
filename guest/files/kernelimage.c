/* Kernel images: which processor one is for, and which version it is, by its header. */
#include "guest/files/kernelimage.h"

#include <stdint.h>
#include <string.h>

#include "core/base/buf.h"
#include "core/base/bytes.h"
#include "core/base/checked.h"
#include "core/base/cleanup.h"
#include "core/base/gunzip.h"

/* ELF: gABI, "ELF Header". */
enum { ELF_CLASS_AT = 4, ELF_DATA_AT = 5, ELF_MACHINE_AT = 18, ELF_HEADER = 52, ELF_64 = 2, ELF_BIG = 2 };
/* PE/COFF. */
enum { PE_OFFSET_AT = 0x3c, PE_MACHINE_AT = 4 };
/* x86: the setup header, and a bit in it that says the kernel is for 64 bits (boot protocol 2.12). */
enum { SETUP_MAGIC_AT = 0x202, SETUP_VERSION_AT = 0x206, SETUP_XLOADFLAGS_AT = 0x236, SETUP_2_12 = 0x20c };
/* Where the kernel's version stands as text, less 0x200; uname's fields have 64 bytes. */
enum { SETUP_KERNEL_AT = 0x20e, SETUP_KERNEL_BASE = 0x200, RELEASE_MAX = 64 };
enum { ARM64_MAGIC_AT = 0x38 };

struct machine_code {
	uint16_t code;
	const char *arch;
};

static const char *arch_of_code(const struct machine_code *codes, size_t n, uint16_t code)
{
	for (size_t i = 0; i < n; i++)
		if (codes[i].code == code)
			return codes[i].arch;
	return NULL;
}

static const char *elf_arch(const uint8_t *d, size_t len)
{
	static const struct machine_code codes[] = {{3, "i386"},      {20, "ppc"},	   {22, "s390x"},
						    {40, "arm"},      {62, "x86_64"},	   {183, "aarch64"},
						    {243, "riscv64"}, {258, "loongarch64"}};
	bool big;
	uint16_t code;

	if (len < ELF_HEADER || memcmp(d, "\177ELF", 4) != 0)
		return NULL;
	big = d[ELF_DATA_AT] == ELF_BIG;
	code = big ? get_be16(d + ELF_MACHINE_AT) : get_le16(d + ELF_MACHINE_AT);
	if (code == 21 && d[ELF_CLASS_AT] == ELF_64)
		return big ? "ppc64" : "ppc64le";
	return arch_of_code(codes, sizeof codes / sizeof *codes, code);
}

/* What an EFI stub makes of a kernel. */
static const char *pe_arch(const uint8_t *d, size_t len)
{
	static const struct machine_code codes[] = {{0x014c, "i386"},	    {0x01c0, "arm"},	 {0x01c2, "arm"},
						    {0x8664, "x86_64"},	    {0xaa64, "aarch64"}, {0x5064, "riscv64"},
						    {0x6264, "loongarch64"}};
	size_t pe;

	if (len < PE_OFFSET_AT + 4 || memcmp(d, "MZ", 2) != 0)
		return NULL;
	pe = get_le32(d + PE_OFFSET_AT);
	if (pe > len - 6 || memcmp(d + pe, "PE\0", 4) != 0)
		return NULL;
	return arch_of_code(codes, sizeof codes / sizeof *codes, get_le16(d + pe + PE_MACHINE_AT));
}

/* A bzImage. Before the protocol had the bit, nothing in the header told 64 bits from 32. */
static const char *x86_arch(const uint8_t *d, size_t len)
{
	if (len < SETUP_XLOADFLAGS_AT + 2 || memcmp(d + SETUP_MAGIC_AT, "HdrS", 4) != 0 ||
	    get_le16(d + SETUP_VERSION_AT) < SETUP_2_12)
		return NULL;
	return d[SETUP_XLOADFLAGS_AT] & 1 ? "x86_64" : "i386";
}

static const char *plain_arch(const uint8_t *d, size_t len)
{
	const char *ret = elf_arch(d, len);

	if (!ret)
		ret = pe_arch(d, len);
	if (!ret)
		ret = x86_arch(d, len);
	if (!ret && len >= ARM64_MAGIC_AT + 4 && memcmp(d + ARM64_MAGIC_AT, "ARM\x64", 4) == 0)
		ret = "aarch64";
	return ret;
}

/* Takes what is wanted, then ends the inflating by an error that nobody sees. */
static int take_head(void *opaque, const void *data, size_t len, struct err *err)
{
	struct buf *head = opaque;
	size_t n = min_u64(len, head->max - head->len);

	if (buf_add(head, data, n) < 0)
		return err_nomem(err);
	return head->len < head->max ? 0 : err_set(err, ERR_INTERNAL, "enough");
}

const char *kernelimage_arch(const void *data, size_t len)
{
	AUTO(buf_done) struct buf head = BUF_INIT(KERNELIMAGE_HEAD);
	size_t used;

	if (len < 2 || memcmp(data, "\x1f\x8b", 2) != 0)
		return plain_arch(data, len);
	/* Only the file's beginning is here, so the stream always breaks off: what came before counts. */
	gunzip_member(data, len, take_head, &head, &used, NULL);
	return plain_arch((const uint8_t *)head.data, head.len);
}

char *kernelimage_version(const void *data, size_t len, struct arena *a)
{
	const uint8_t *d = data;
	size_t at, n = 0;

	if (len < SETUP_KERNEL_AT + 2 || memcmp(d + SETUP_MAGIC_AT, "HdrS", 4) != 0 || !get_le16(d + SETUP_KERNEL_AT))
		return NULL;
	at = SETUP_KERNEL_BASE + get_le16(d + SETUP_KERNEL_AT);
	while (at + n < len && n <= RELEASE_MAX && d[at + n] > ' ' && d[at + n] < 0x7f)
		n++;
	return n && n <= RELEASE_MAX ? arena_strndup(a, (const char *)d + at, n) : NULL;
}
