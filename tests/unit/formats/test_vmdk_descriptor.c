/* Descriptors as programs write them, and as they must not be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "core/base/charset.h"
#include "formats/vmdk_descriptor.h"

static void parse_ok(const char *text, struct vmdk_descriptor *d)
{
	struct err err = ERR_INIT;

	if (vmdk_descriptor_parse(text, strlen(text), d, &err) < 0)
		fail_msg("%s", err.text);
}

static void parse_fails(const char *text, enum err_code code, const char *message)
{
	struct vmdk_descriptor d;
	struct err err = ERR_INIT;

	assert_int_equal(vmdk_descriptor_parse(text, strlen(text), &d, &err), -1);
	assert_string_equal(err.text, message);
	assert_int_equal(err.code, code);
	vmdk_descriptor_done(&d);
}

static void test_usual(void **state)
{
	struct vmdk_descriptor d;

	parse_ok("# Disk DescriptorFile\n"
		 "version=1\n"
		 "CID=fffffffe\n"
		 "parentCID=ffffffff\n"
		 "createType=\"twoGbMaxExtentFlat\"\n"
		 "\n"
		 "# Extent description\n"
		 "RW 4192256 FLAT \"web01 disk-f001.vmdk\" 0\n"
		 "RDONLY 2048 FLAT \"web01 disk-f002.vmdk\" 128\n"
		 "ddb.adapterType = \"lsilogic\"\n"
		 "ddb.comment=\"\"\n",
		 &d);
	assert_int_equal(d.cid, 0xfffffffe);
	assert_int_equal(d.parent_cid, VMDK_CID_NONE);
	assert_string_equal(d.create_type, "twoGbMaxExtentFlat");
	assert_string_equal(d.parent_hint, "");
	assert_null(d.encryption);
	assert_int_equal(d.extents.n, 2);
	assert_int_equal(d.extents.v[0].access, VMDK_ACCESS_RW);
	assert_int_equal(d.extents.v[0].type, VMDK_EXTENT_FLAT);
	assert_int_equal(d.extents.v[0].sectors, 4192256);
	assert_int_equal(d.extents.v[0].line, 8);
	assert_string_equal(d.extents.v[0].file, "web01 disk-f001.vmdk");
	assert_int_equal(d.extents.v[1].access, VMDK_ACCESS_RDONLY);
	assert_int_equal(d.extents.v[1].offset, 128);
	vmdk_descriptor_done(&d);
}

/* Byte order mark, CRLF, blanks around '=', lower-case words, an offset behind VMFS, text behind a NUL. */
static void test_lenient(void **state)
{
	static const char text[] = "\xef\xbb\xbf# Disk DescriptorFile\r\n"
				   "version = 3\r\n"
				   "  CID = 1A2b3c4d \r\n"
				   "createType = \"vmfs\"\r\n"
				   "parentFileNameHint=\"C:\\vm\\base.vmdk\"\r\n"
				   "rw 20480 vmfs \"4-flat.vmdk\" 0\r\n"
				   "\tNoAccess 63 ZERO\r\n"
				   "#RW 1 FLAT \"commented-out\" 0\r\n"
				   "changeTrackPath=\"4-ctk.vmdk\"\r\n"
				   "\0RW nonsense";
	struct vmdk_descriptor d;
	struct err err = ERR_INIT;

	assert_int_equal(vmdk_descriptor_parse(text, sizeof text - 1, &d, &err), 0);
	assert_int_equal(d.cid, 0x1a2b3c4d);
	assert_string_equal(d.create_type, "vmfs");
	assert_string_equal(d.parent_hint, "C:\\vm\\base.vmdk");
	assert_int_equal(d.extents.n, 2);
	assert_int_equal(d.extents.v[0].type, VMDK_EXTENT_VMFS);
	assert_int_equal(d.extents.v[1].access, VMDK_ACCESS_NOACCESS);
	assert_int_equal(d.extents.v[1].type, VMDK_EXTENT_ZERO);
	assert_string_equal(d.extents.v[1].file, "");
	vmdk_descriptor_done(&d);
}

/* `RW 63 FLAT "disk-pt.vmdk" 0 "{guid}" \\.\PhysicalDrive0` */
static void test_more_behind_the_offset(void **state)
{
	struct vmdk_descriptor d;

	parse_ok("RW 63 FLAT \"disk-pt.vmdk\" 7 partitionUUID 600\n", &d);
	assert_int_equal(d.extents.v[0].offset, 7);
	vmdk_descriptor_done(&d);
}

static void test_encryption(void **state)
{
	struct vmdk_descriptor d;

	parse_ok("ddb.encoding = \"UTF-8\"\n", &d);
	assert_null(d.encryption);
	vmdk_descriptor_done(&d);
	parse_ok("encryptionKeys=\"vmware:key/list/(pair)\"\n", &d);
	assert_string_equal(d.encryption, "encryptionKeys");
	vmdk_descriptor_done(&d);
	parse_ok("ddb.iofilters = \"vmwarevmcrypt\"\n", &d);
	assert_string_equal(d.encryption, "ddb.iofilters");
	vmdk_descriptor_done(&d);
}

static void test_errors(void **state)
{
	parse_fails("version=1\nhello world\n", ERR_CORRUPT,
		    "line 2: 'hello world' is neither a comment, key = value nor an extent");
	parse_fails("a b = c\n", ERR_CORRUPT, "line 1: 'a b = c' is neither a comment, key = value nor an extent");
	parse_fails("= c\n", ERR_CORRUPT, "line 1: '= c' is neither a comment, key = value nor an extent");
	parse_fails("CID=xyz\n", ERR_CORRUPT, "line 1: CID = 'xyz' is no 32-bit hexadecimal number");
	parse_fails("CID=-1\n", ERR_CORRUPT, "line 1: CID = '-1' is no 32-bit hexadecimal number");
	parse_fails("parentCID=1ffffffff\n", ERR_CORRUPT,
		    "line 1: parentCID = '1ffffffff' is no 32-bit hexadecimal number");
	parse_fails("createType=\"vmfs\"\ncreatetype=\"custom\"\n", ERR_CORRUPT, "line 2: createtype is there twice");
	parse_fails("RW 12x FLAT \"a\" 0\n", ERR_CORRUPT, "line 1: the extent's length '12x' is no number of sectors");
	parse_fails("RW -1 FLAT \"a\" 0\n", ERR_CORRUPT, "line 1: the extent's length '-1' is no number of sectors");
	parse_fails("RW 0 FLAT \"a\" 0\n", ERR_CORRUPT, "line 1: the extent's length '0' is no number of sectors");
	parse_fails("RW 99999999999999999999 FLAT \"a\" 0\n", ERR_CORRUPT,
		    "line 1: the extent's length '99999999999999999999' is no number of sectors");
	parse_fails("RW 1 FLAT \"a\" z\n", ERR_CORRUPT, "line 1: the extent's offset 'z' is no number of sectors");
	parse_fails("RW 1 FLAT a 0\n", ERR_CORRUPT, "line 1: the extent's file name 'a 0' isn't quoted");
	parse_fails("RW 1 FLAT \"a 0\n", ERR_CORRUPT, "line 1: the extent's file name '\"a 0' isn't quoted");
	parse_fails("RW 1 STRANGE \"a\" 0\n", ERR_UNSUPPORTED, "line 1: extent type 'STRANGE'");
}

static void test_limits(void **state)
{
	static const char line[] = "RW 1 ZERO\n";
	size_t len = (VMDK_EXTENTS_MAX + 1) * (sizeof line - 1);
	char *text = malloc(len);
	struct vmdk_descriptor d;
	struct err err = ERR_INIT;

	for (size_t i = 0; i <= VMDK_EXTENTS_MAX; i++)
		memcpy(text + i * (sizeof line - 1), line, sizeof line - 1);
	assert_int_equal(vmdk_descriptor_parse(text, len, &d, &err), -1);
	assert_string_equal(err.text, "line 32769: more than 32768 extents");
	vmdk_descriptor_done(&d);
	assert_int_equal(vmdk_descriptor_parse(text, VMDK_DESCRIPTOR_MAX + 1, &d, &err), -1);
	assert_string_equal(err.text, "4194305 bytes of descriptor, the limit is 4194304");
	free(text);
}

static bool likely(const char *text)
{
	return vmdk_descriptor_likely(text, strlen(text));
}

static void test_likely(void **state)
{
	assert_true(likely("# Disk DescriptorFile\nversion=1\n"));
	assert_true(likely("#disk descriptorfile"));
	assert_true(likely("\n# made by a tool\n# Disk DescriptorFile\n"));
	assert_true(likely("version=1\nCID=1\ncreateType=\"vmfs\"\n"));
	assert_false(likely("version=1\nCID=1\n"));
	assert_false(likely("hello\n# Disk DescriptorFile\n"));
	assert_false(likely("# comment\n"));
	assert_false(likely(""));
	assert_false(vmdk_descriptor_likely("\0\0\0# Disk DescriptorFile", 20));
}

static void test_names_in_another_encoding(void **state)
{
	static const char text[] =
	    "# Disk DescriptorFile\nEncoding = \"Shift_JIS\"\n"
	    "parentFileNameHint=\"C:\\\x83\x5c.vmdk\"\n"
	    "RW 8 FLAT \"\x83\x5c\x83\x74.vmdk\" 0\nRW 8 FLAT \"b.vmdk\"\nRW 8 FLAT \"\xff\xff\"\n";
	AUTO(charset_closep) struct charset *sjis = charset_open("Shift_JIS"), *gbk = charset_open("GBK");
	char encoding[VMDK_ENCODING_MAX] = "";
	struct vmdk_descriptor d;

	assert_true(vmdk_descriptor_encoding(text, sizeof text - 1, encoding));
	assert_string_equal(encoding, "Shift_JIS");
	parse_ok(text, &d);
	vmdk_descriptor_translate(&d, NULL);
	vmdk_descriptor_translate(&d, gbk);
	assert_string_equal(d.extents.v[0].file, "\x83\x5c\x83\x74.vmdk");
	vmdk_descriptor_translate(&d, sjis);
	assert_string_equal(d.extents.v[0].file, "ソフ.vmdk");
	assert_string_equal(d.extents.v[0].file_bytes, "\x83\x5c\x83\x74.vmdk");
	assert_string_equal(d.extents.v[1].file, "b.vmdk");
	assert_null(d.extents.v[1].file_bytes);
	assert_string_equal(d.extents.v[2].file, "\xff\xff");
	assert_string_equal(d.parent_hint, "C:\\ソ.vmdk");
	vmdk_descriptor_done(&d);
}

static void test_encodings_that_are_none(void **state)
{
	static const char *const texts[] = {
	    "# Disk DescriptorFile\nversion=1\nencoding=\"utf-8\"\n",
	    "# Disk DescriptorFile\nencoding=\"\"\n",
	    "# Disk DescriptorFile\nddb.encoding=\"GBK\"\n",
	    "# Disk DescriptorFile\n#encoding=\"GBK\"\n",
	    "hello\nencoding=\"GBK\"\n",
	    "# Disk DescriptorFile\nencoding",
	    "# Disk DescriptorFile\nencoding=\"0123456789012345678901234567890123456789\"\n"};
	char encoding[VMDK_ENCODING_MAX];

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		assert_false(vmdk_descriptor_encoding(texts[i], strlen(texts[i]), encoding));
	assert_true(vmdk_descriptor_encoding("KDMV\n\0\0\nencoding=GBK", 20, encoding));
	assert_string_equal(encoding, "GBK");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_usual),
	    cmocka_unit_test(test_names_in_another_encoding),
	    cmocka_unit_test(test_encodings_that_are_none),
	    cmocka_unit_test(test_lenient),
	    cmocka_unit_test(test_more_behind_the_offset),
	    cmocka_unit_test(test_encryption),
	    cmocka_unit_test(test_errors),
	    cmocka_unit_test(test_limits),
	    cmocka_unit_test(test_likely),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
