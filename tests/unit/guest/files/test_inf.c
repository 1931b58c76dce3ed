/* Tests of guest/files/inf.c: the grammar in all its encodings, decorations, what is offered and what is installed. */
#include "guest/files/inf.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/buf.h"
#include "core/base/file.h"

#define HEAD "[Version]\r\nSignature=\"$Windows NT$\"\r\n"

struct fixture {
	struct arena a;
	struct err err;
};

static int setup(void **state)
{
	*state = calloc(1, sizeof(struct fixture));
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	arena_done(&f->a);
	free(f);
	return 0;
}

static struct inf *parse_bytes(struct fixture *f, const void *data, size_t len)
{
	struct inf *ret = NULL;

	if (inf_parse(data, len, &ret, &f->err) < 0)
		fail_msg("%s", f->err.text);
	return ret;
}

static struct inf *parse(struct fixture *f, const char *text)
{
	return parse_bytes(f, text, strlen(text));
}

static struct windows_version version(const char *what, const char *arch)
{
	struct windows_version v = {.role = WINDOWS_CLIENT, .arch = arch};

	assert_int_equal(sscanf(what, "%u.%u.%u", &v.major, &v.minor, &v.build), 3);
	if (strchr(what, 's'))
		v.role = WINDOWS_SERVER;
	return v;
}

/* "id>section id>section", or why there is none. */
static const char *offered(struct fixture *f, const struct inf *inf, const char *what, const char *arch)
{
	AUTO(buf_done) struct buf b = BUF_INIT(4096);
	struct windows_version v = version(what, arch);
	struct inf_offer o;

	if (inf_offer(inf, &v, &f->a, &o, &f->err) < 0)
		return f->err.text;
	VEC_FOR (d, &o.devices)
		assert_int_equal(buf_addf(&b, "%s%s>%s", b.len ? " " : "", d->id, d->install), 0);
	if (!o.devices.n)
		assert_int_equal(
		    buf_addf(&b, "none%s%s", o.other_version ? " version" : "", o.other_arch ? " arch" : ""), 0);
	return arena_strdup(&f->a, buf_str(&b));
}

/* --------------------------------------------------------------------------------------------------------- grammar */

static const char grammar[] = "; a comment\r\n"
			      "lost = before any section\r\n"
			      "[vErSiOn] ; another\r\n"
			      "  signature = \"$WINDOWS NT$\" ; with a comment\r\n"
			      "CLASS = Sample\r\n"
			      "ClassGuid={4D36E97B-E325-11CE-BFC1-08002BE10318}\r"
			      "Provider = %Maker%\n"
			      "DriverVer = 07/22/2024, 100.95.104.26200\n"
			      "CatalogFile = any.cat\n"
			      "CatalogFile.NTamd64 = x64.cat\n"
			      "CatalogFile.NT = nt.cat\n"
			      "[Manufacturer]\n"
			      "%Maker% = \\\n"
			      "   Models\\ ; goes on\n"
			      ", NTamd64\n"
			      "[ Models.ntAMD64 ]\n"
			      "\"%Dev;1%\" = \"Inst,1\", \"PCI\\a\"\"b;c\" , %id%&REV_%%, , %gone%\n"
			      "[Strings.0407]\n"
			      "Maker = \"Hersteller\"\n"
			      "only.german = \"nur hier\"\n"
			      "[Strings]\n"
			      "maker=\"No\"\n"
			      "id = PCI\\VEN_1 ; trailing\n"
			      "[sTrings.0409]\n"
			      "MAKER = \"Maker \"\"&\"\" Sons\"\n"
			      "[version]\n"
			      "Catalogfile.NTx86 = x86.cat";

static void check_grammar(struct fixture *f, struct inf *inf)
{
	const struct inf_version *v = inf_version(inf);

	assert_string_equal(v->class, "Sample");
	assert_string_equal(v->provider, "Maker \"&\" Sons");
	assert_string_equal(v->class_guid, "{4D36E97B-E325-11CE-BFC1-08002BE10318}");
	assert_string_equal(inf_version_text(v, &f->a), "2024-07-22,100.95.104.26200");
	assert_string_equal(inf_catalog(inf, "x86_64", &f->a), "x64.cat");
	assert_string_equal(inf_catalog(inf, "i386", &f->a), "x86.cat");
	assert_string_equal(inf_catalog(inf, "aarch64", &f->a), "nt.cat");
	assert_string_equal(offered(f, inf, "10.0.19045", "x86_64"),
			    "PCI\\a\"b;c>Inst,1 PCI\\VEN_1&REV_%>Inst,1 %gone%>Inst,1");
	assert_string_equal(offered(f, inf, "10.0.19045", "i386"), "none arch");
	inf_free(inf);
}

static size_t to_utf16(const char *text, bool big_endian, bool mark, char *out)
{
	size_t n = 0;

	if (mark) {
		out[n++] = big_endian ? '\xfe' : '\xff';
		out[n++] = big_endian ? '\xff' : '\xfe';
	}
	for (; *text; text++) {
		out[n++] = big_endian ? '\0' : *text;
		out[n++] = big_endian ? *text : '\0';
	}
	return n;
}

static void test_grammar(void **state)
{
	struct fixture *f = *state;
	char wide[2 * sizeof grammar + 2], marked[sizeof grammar + 3];

	check_grammar(f, parse(f, grammar));
	for (unsigned i = 0; i < 4; i++)
		check_grammar(f, parse_bytes(f, wide, to_utf16(grammar, i & 1, i & 2, wide)));
	snprintf(marked, sizeof marked, "\xef\xbb\xbf%s", grammar);
	check_grammar(f, parse(f, marked));
}

static const char *provider(struct fixture *f, const void *value, size_t len)
{
	AUTO(buf_done) struct buf b = BUF_INIT(4096);
	AUTO(inf_freep) struct inf *inf = NULL;

	assert_int_equal(buf_adds(&b, HEAD "Provider="), 0);
	assert_int_equal(buf_add(&b, value, len), 0);
	inf = parse_bytes(f, b.data, b.len);
	return arena_strdup(&f->a, inf_version(inf)->provider);
}

static void test_characters(void **state)
{
	static const char wide[] =
	    "\xff\xfe[\0V\0e\0r\0s\0i\0o\0n\0]\0\n\0s\0i\0g\0n\0a\0t\0u\0r\0e\0=\0$\0C\0h\0i\0c\0"
	    "a\0g\0o\0$\0\n\0P\0r\0o\0v\0i\0d\0e\0r\0=\0\x3d\xd8\x00\xde\x00\xd8x\0\x00\xdcy";
	struct fixture *f = *state;
	AUTO(inf_freep) struct inf *inf = parse_bytes(f, wide, sizeof wide - 1);

	assert_string_equal(provider(f, "M\xc3\xbcller", 7), "M\xc3\xbcller"); /* UTF-8 */
	assert_string_equal(provider(f, "M\xfcller \x80\x81", 9), "M\xc3\xbcller \xe2\x82\xac\xc2\x81");
	assert_string_equal(provider(f, "a\0b\x1b", 4), "a b");
	/* A surrogate pair, two halves alone, and an odd byte at the end. */
	assert_string_equal(inf_version(inf)->provider, "\xf0\x9f\x98\x80\xef\xbf\xbdx\xef\xbf\xbd");
}

/* What other programs leave behind is passed over. */
static void test_tolerance(void **state)
{
	struct fixture *f = *state;
	AUTO(inf_freep)
	struct inf *inf = parse(f, "[Version\nSignature=$CHICAGO$\nDriverVer=13/40/2020,1.2\n=\n,,\n\\\n[]\nx=y\n"
				   "[Manufacturer]\nPlain\n\"open = M,NTx86\nM,=\n%M%=M,NTx86,nonsense,NTx86.x\n"
				   "[Plain]\na=i,ID1\nb=,ID2\nc=i\n[M.NTx86]\n\"q\"=j,ID3");
	AUTO(inf_freep) struct inf *empty = parse(f, HEAD);

	assert_string_equal(inf_version_text(inf_version(inf), &f->a), "0000-00-00,1.2.0.0");
	assert_string_equal(offered(f, inf, "5.1.2600", "i386"), "ID1>i ID3>j");
	assert_string_equal(offered(f, empty, "5.1.2600", "i386"), "none");
	assert_string_equal(inf_version_text(inf_version(empty), &f->a), "");
	assert_string_equal(inf_catalog(empty, "i386", &f->a), "");
}

/* QEMU's own, as its package in Debian has it. */
static void test_real_file(void **state)
{
	static const char path[] = "/usr/share/doc/qemu-system-data/qemupciserial.inf";
	struct fixture *f = *state;
	AUTO(buf_done) struct buf b = BUF_INIT(INF_FILE_MAX);
	AUTO(inf_freep) struct inf *inf = NULL;

	if (access(path, R_OK) < 0) {
		print_message("SKIP: %s is missing (package qemu-system-data)\n", path);
		skip();
	}
	assert_int_equal(file_slurp(AT_FDCWD, path, &b, &f->err), 0);
	inf = parse_bytes(f, buf_str(&b), b.len);
	assert_string_equal(inf_version(inf)->class, "MultiFunction");
	assert_string_equal(inf_version(inf)->provider, "QEMU");
	assert_string_equal(inf_version_text(inf_version(inf), &f->a), "2013-12-29,1.3.0.0");
	assert_string_equal(offered(f, inf, "10.0.19045", "x86_64"),
			    "PCI\\VEN_1B36&DEV_0002>ComPort_inst1 PCI\\VEN_1B36&DEV_0003>ComPort_inst2 "
			    "PCI\\VEN_1B36&DEV_0004>ComPort_inst4");
	assert_string_equal(offered(f, inf, "10.0.19045", "aarch64"), "none arch");
}

/* ----------------------------------------------------------------------------------------------------- decorations */

static const char decorations[] = HEAD "[Manufacturer]\n"
				       "%v%=V,NTx86.5.1,NTamd64.5.2.3,NTamd64.6.0,NTamd64.6.1.1,NTamd64.6.1,"
				       "NTamd64.6.2,NTamd64.10.0...17763,NTamd64.10.0,NTarm64.10.0...22000,NTia64\n"
				       "[V]\nd=i,plain\n"
				       "[V.NTx86.5.1]\nd=i,x86-51\n"
				       "[V.NTamd64.5.2.3]\nd=i,server2003\n"
				       "[V.NTamd64.6.0]\nd=i,60\n"
				       "[V.NTamd64.6.1]\nd=i,61\n"
				       "[V.NTamd64.6.1.1]\nd=i,client7\n"
				       "[V.NTamd64.6.2]\n" /* empty: not for these */
				       "[V.NTamd64.10.0]\nd=i,10\n"
				       "[V.NTamd64.10.0...17763]\nd=i,17763\n"
				       "[V.NTarm64.10.0...22000]\nd=i,arm\n";

static void test_decorations(void **state)
{
	static const char *const rows[][3] = {
	    {"5.1.2600", "i386", "x86-51>i"},
	    {"6.1.7601", "i386", "x86-51>i"},
	    {"5.0.2195", "i386", "plain>i"},
	    {"5.2.3790 s", "x86_64", "server2003>i"},
	    {"5.2.3790", "x86_64", "none version arch"},
	    {"6.0.6002", "x86_64", "60>i"},
	    {"6.1.7601", "x86_64", "client7>i"},
	    {"6.1.7601 s", "x86_64", "61>i"},
	    {"6.2.9200", "x86_64", "none version arch"},
	    {"6.3.9600 s", "x86_64", "none version arch"},
	    {"10.0.14393", "x86_64", "10>i"},
	    {"10.0.17763 s", "x86_64", "17763>i"},
	    {"10.0.26100", "x86_64", "17763>i"},
	    {"10.0.22631", "aarch64", "arm>i"},
	    {"10.0.19045", "aarch64", "none version arch"},
	};
	struct fixture *f = *state;
	AUTO(inf_freep) struct inf *inf = parse(f, decorations);

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_string_equal(offered(f, inf, rows[i][0], rows[i][1]), rows[i][2]);
}

/* Which version the taken section names, for the ranking of packages. */
static void test_offer_version(void **state)
{
	struct fixture *f = *state;
	AUTO(inf_freep) struct inf *inf = parse(f, decorations);
	AUTO(inf_freep) struct inf *open = parse(f, HEAD "[Manufacturer]\nv=V,NTamd64\n[V.NTamd64]\nd=i,x");
	struct windows_version v = version("10.0.26100", "x86_64");
	struct inf_offer o;

	assert_int_equal(inf_offer(inf, &v, &f->a, &o, &f->err), 0);
	assert_true(o.decorated && o.major == 10 && o.minor == 0 && o.build == 17763);
	assert_int_equal(inf_offer(open, &v, &f->a, &o, &f->err), 0);
	assert_true(!o.decorated && o.devices.n == 1);
}

/* A domain controller is no plain server, a suite is never known, hexadecimal is read. */
static void test_product_types(void **state)
{
	struct fixture *f = *state;
	AUTO(inf_freep)
	struct inf *inf = parse(f, HEAD "[Manufacturer]\nv=V,NTamd64.6.1.0x2,NTamd64.6.1..0x80\n"
					"[V.NTamd64.6.1.0x2]\nd=i,dc\n[V.NTamd64.6.1..0x80]\nd=i,suite\n");
	struct windows_version v = version("6.1.7601", "x86_64");
	struct inf_offer o;

	assert_string_equal(offered(f, inf, "6.1.7601 s", "x86_64"), "none version");
	v.role = WINDOWS_DOMAIN_CONTROLLER;
	assert_int_equal(inf_offer(inf, &v, &f->a, &o, &f->err), 0);
	assert_int_equal(o.devices.n, 1);
	assert_string_equal(o.devices.v[0].id, "dc");
}

/* --------------------------------------------------------------------------------------------------------- install */

static const char installing[] =
    HEAD "[SourceDisksNames]\n1 = %d%,,,\"\"\n2=d,,,\\drivers\n[SourceDisksNames.amd64]\n2=d,,,\\x64\\\n"
	 "[SourceDisksFiles]\nsample.sys = 1,,\nhelp.dll = 2,sub\nWdfCoInstaller01009.dll=1\n"
	 "[DestinationDirs]\nDefaultDestDir = 13\nDrivers = 12\nHelp = 11, sample\n"
	 "[I.NT]\nCopyFiles = Drivers, Help\nCopyFiles=@readme.txt\nAddReg=none\n"
	 "[I.NTx86]\nCopyFiles=@x86.sys\n"
	 "[Drivers]\nsample.sys,,,2\n"
	 "[Help]\nhelp64.dll, help.dll\n"
	 "[I.NT.Services]\nAddService = sample, %ASSOC% , Svc, Log\nAddService=second,,Svc2\nAddService=,2\n"
	 "[Svc]\nServiceType = 1\nStartType=%BOOT% ; soon\nErrorControl = 0x1\nServiceBinary=%12%\\sample.sys\n"
	 "LoadOrderGroup = SCSI miniport\n"
	 "[Svc2]\nServiceType=0x10\nStartType=3\nServiceBinary=\"%11%\\second.exe\"\n"
	 "[I.NT.CoInstallers]\nCopyFiles=Co\n[Co]\nWdfCoInstaller01009.dll\n"
	 "[I.NT.Wdf]\nKmdfService = sample, W\n[W]\nKmdfLibraryVersion = 1.9\n"
	 "[Strings]\nASSOC=0x00000002\nBOOT=0\nd=\"disk\"\n";

static const char *described(struct fixture *f, const struct inf_install *in)
{
	AUTO(buf_done) struct buf b = BUF_INIT(4096);

	VEC_FOR (file, &in->files)
		buf_addf(&b, "%s->%u/%s%s%s ", file->source, file->dirid, file->subdir, *file->subdir ? "/" : "",
			 file->name);
	VEC_FOR (s, &in->services)
		buf_addf(&b, "[%s%s %s %u %u %u %s] ", s->name, s->function_driver ? "*" : "", s->binary, s->type,
			 s->start, s->error_control, s->group);
	buf_addf(&b, "%u%s", in->kmdf, in->coinstaller ? "+" : "");
	assert_false(b.failed);
	return arena_strdup(&f->a, buf_str(&b));
}

static void test_install(void **state)
{
	struct fixture *f = *state;
	AUTO(inf_freep) struct inf *inf = parse(f, installing);
	struct inf_install in;

	assert_int_equal(inf_install(inf, "i", "x86_64", &f->a, &in, &f->err), 0);
	assert_string_equal(
	    described(f, &in),
	    "sample.sys->12/sample.sys x64/sub/help.dll->11/sample/help64.dll readme.txt->13/readme.txt "
	    "WdfCoInstaller01009.dll->13/WdfCoInstaller01009.dll "
	    "[sample* sample.sys 1 0 1 SCSI miniport] [second second.exe 16 3 0 ] 109+");
	assert_int_equal(inf_install(inf, "I", "i386", &f->a, &in, &f->err), 0);
	assert_string_equal(described(f, &in),
			    "x86.sys->13/x86.sys WdfCoInstaller01009.dll->13/WdfCoInstaller01009.dll "
			    "[sample* sample.sys 1 0 1 SCSI miniport] [second second.exe 16 3 0 ] 109+");
	assert_int_equal(inf_install(inf, "missing", "i386", &f->a, &in, &f->err), 0);
	assert_string_equal(described(f, &in), "0");
}

static const char *refused(struct fixture *f, const char *text)
{
	AUTO(inf_freep) struct inf *inf = NULL;
	struct inf_install in;

	err_clear(&f->err);
	if (inf_parse(text, strlen(text), &inf, &f->err) < 0 ||
	    inf_install(inf, "I", "x86_64", &f->a, &in, &f->err) < 0) {
		assert_int_equal(f->err.code, ERR_CORRUPT);
		return f->err.text;
	}
	return "";
}

static void test_refusals(void **state)
{
	struct fixture *f = *state;

	assert_string_equal(refused(f, ""), "is no .inf file: [Version] has no Signature of Windows");
	assert_string_equal(refused(f, "[Version]\nSignature=\"x\"\n"),
			    "is no .inf file: [Version] has no Signature of Windows");
	assert_string_equal(refused(f, HEAD "[I]\nCopyFiles=@..\\..\\x.sys\n"),
			    "file '..\\..\\x.sys' in folder '' leads out of the package");
	assert_string_equal(refused(f, HEAD "[I]\nCopyFiles=L\n[L]\nx,y\n[SourceDisksFiles]\ny=1,\\a\\..\n"
					    "[SourceDisksNames]\n1=,,,c:\\\n"),
			    "file 'y' in folder 'c:\\\\a\\..' leads out of the package");
	assert_string_equal(refused(f, HEAD "[I]\nCopyFiles=@\\.\\\n"),
			    "file '\\.' in folder '' leads out of the package");
	assert_string_equal(refused(f, HEAD "[I]\nCopyFiles=@a\n"), "");
}

/* ---------------------------------------------------------------------------------------------------------- limits */

static char *repeated(struct fixture *f, const char *head, const char *line, unsigned n)
{
	size_t len = strlen(line), at = strlen(head);
	char *ret = arena_alloc(&f->a, at + n * len + 1);

	memcpy(ret, head, at);
	for (unsigned i = 0; i < n; i++, at += len)
		memcpy(ret + at, line, len);
	return ret;
}

static void test_limits(void **state)
{
	struct fixture *f = *state;
	AUTO(inf_freep) struct inf *inf = NULL, *loud = NULL;
	const char *text = repeated(f, HEAD "[Manufacturer]\n", "a=M,NTx86\n", 20000);

	assert_string_equal(refused(f, repeated(f, HEAD, "a\n", INF_LINES_MAX)), "more than 262144 lines");
	assert_string_equal(refused(f, repeated(f, HEAD, "1234567\n", INF_FILE_MAX / 8)),
			    "is 4194341 bytes long, at most 4194304 are read");
	assert_string_equal(refused(f, repeated(f, HEAD "[I]\nCopyFiles=", "@a,", 200)), "");
	assert_string_equal(refused(f, repeated(f, HEAD "[L]\nx\ny\nz\n[I]\n", "CopyFiles=L\n", 200)),
			    "installs more than 512 files");
	/* 20,000 lines that each lead to a section of 1,000. */
	text = arena_printf(&f->a, "%s%s", text, repeated(f, "[M.NTx86]\n", "d=i\n", 1000));
	inf = parse(f, text);
	assert_string_equal(offered(f, inf, "6.1.7600", "i386"),
			    "its sections refer to each other too often: more than 16777216 bytes to look at");
	/* Strings that blow up: each field is cut at 4096 characters, and paid for. */
	text = repeated(f, HEAD "[Strings]\nb=", "12345678", 1000);
	text =
	    repeated(f, arena_printf(&f->a, "%s\n[Manufacturer]\nm=M,NTx86\n[M.NTx86]\n", text), "d=i,%b%%b%\n", 5000);
	loud = parse(f, text);
	assert_string_equal(offered(f, loud, "6.1.7600", "i386"),
			    "its sections refer to each other too often: more than 16777216 bytes to look at");
}

static void test_compare(void **state)
{
	const struct inf_version old = {.year = 2020, .month = 12, .day = 31, .version = 9ULL << 48},
				 new = {.year = 2021, .month = 1, .day = 1, .version = 1ULL << 48},
				 newer = {.year = 2021, .month = 1, .day = 1, .version = 2ULL << 48};

	assert_int_equal(inf_version_compare(&old, &new), -1);
	assert_int_equal(inf_version_compare(&newer, &new), 1);
	assert_int_equal(inf_version_compare(&new, &new), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_grammar),	      TEST(test_characters),	TEST(test_tolerance), TEST(test_decorations),
	    TEST(test_offer_version), TEST(test_product_types), TEST(test_install),   TEST(test_refusals),
	    TEST(test_limits),	      TEST(test_real_file),	TEST(test_compare),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
