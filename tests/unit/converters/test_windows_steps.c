/* The steps for Windows over odd and hostile guests; what they do to common ones is compared by
 * tests/functional/windows.sh. */
#include "tests/unit/converters/linux/linux_fixture.h"

#include "converters/windows/windows.h"
#include "inspectors/inspector.h"
#include "tests/support/hive_maker.h"

#define CONFIG	  "/Windows/System32/config/"
#define NET_CLASS "{4D36E972-E325-11CE-BFC1-08002BE10318}"
#define GUID	  "{6A2B0F4C-1111-4E57-9D3C-0A1B2C3D4E01}"
#define UNINSTALL "Microsoft\\Windows\\CurrentVersion\\Uninstall"
#define EFI	  "/Windows/Temp/EFI/"

static void add(struct linux_fixture *f, const char *hive, const char *text)
{
	if (hive_make(f->files.g, hive, text, &f->files.err) < 0)
		fail_msg("%s", f->files.err.text);
}

static void plant_kernel(struct linux_fixture *f)
{
	uint8_t pe[256] = "MZ";

	put_le32(pe + 0x3c, 0x80);
	memcpy(pe + 0x80, "PE\0", 4);
	put_le16(pe + 0x84, 0x8664);
	plant(&f->files, "/Windows/System32/ntoskrnl.exe", "");
	assert_int_equal(
	    f->files.g->ops->write(f->files.g, "/Windows/System32/ntoskrnl.exe", pe, sizeof pe, 0644, &f->files.err),
	    0);
}

static void plant_windows(struct linux_fixture *f)
{
	f->inspection->os = (struct os_info){.family = OS_WINDOWS, .type = (char *)"windows"};
	add(f, CONFIG "SYSTEM", "[Select]\n\"Default\"=dword:00000001\n[ControlSet001\\Services]\n[DriverDatabase]\n");
	add(f, CONFIG "SOFTWARE",
	    "[Microsoft\\Windows NT\\CurrentVersion]\n\"CurrentBuildNumber\"=\"19045\"\n"
	    "\"CurrentMajorVersionNumber\"=dword:0000000a\n\"CurrentMinorVersionNumber\"=dword:00000000\n"
	    "[Microsoft\\Windows\\CurrentVersion]\n");
}

static int convert(struct linux_fixture *f)
{
	if (inspect_guest(f->files.g, f->machine, f->inspection, &f->files.err) < 0)
		fail_msg("%s", f->files.err.text);
	return steps_run(&f->c, NULL, NULL, &f->files.err);
}

static char *name_of(struct linux_fixture *f, const char *file, const char *key)
{
	AUTO(hive_closep) struct hive *h = NULL;
	char *ret = NULL;

	assert_int_equal(hive_open(f->files.g, file, "X", HIVE_READ, &h, &f->files.err), 0);
	assert_int_equal(hive_string(h, key, "Name", &f->files.arena, &ret, &f->files.err), 0);
	return ret;
}

/* The name of a connection gets into a command file when Windows runs, where quotes would end its text. */
static void test_names_with_quotes(void **state)
{
	static const char connection[] = "ControlSet001\\Control\\Network\\" NET_CLASS "\\" GUID "\\Connection";
	struct linux_fixture *f = *state;
	const char *odd = "\\\" & calc & \\\"";

	plant_windows(f);
	plant_kernel(f);
	add_nic(f, "00:50:56:aa:10:01", -1);
	for (unsigned fine = 0; fine < 2; fine++) {
		const char *script;

		add(f, CONFIG "SYSTEM",
		    arena_printf(&f->files.arena,
				 "[%s]\n\"Name\"=\"LAN%s\"\n"
				 "\"PnpInstanceID\"=\"PCI\\\\VEN_15AD&DEV_07B0\\\\005056FFFFAA100100\"\n"
				 "[ControlSet001\\Services\\Tcpip\\Parameters\\Interfaces\\" GUID "]\n"
				 "\"EnableDHCP\"=dword:00000000\n\"IPAddress\"=multi_sz:\"192.0.2.10\"\n"
				 "\"SubnetMask\"=multi_sz:\"255.255.255.0\"\n",
				 connection, fine ? "" : odd));
		f->inspection->windows = NULL;
		if (convert(f) < 0)
			fail_msg("%s", f->files.err.text);
		script = text_of(&f->files, "/Windows/rehost/steps/20-network.cmd");
		assert_non_null(strstr(script, "192.0.2.10"));
		assert_int_equal(strstr(script, "call :rename") != NULL, fine);
		assert_string_equal(name_of(f, CONFIG "SYSTEM", connection),
				    fine ? "LAN (before rehost)" : "LAN\" & calc & \"");
		assert_int_equal(name_of(f, CONFIG "SOFTWARE", "rehost\\first boot\\1") != NULL, fine);
	}
}

static void add_products(struct linux_fixture *f, unsigned n, const char *value)
{
	AUTO(buf_done) struct buf b = BUF_INIT(8 << 20);

	for (unsigned k = 0; k < n; k++)
		buf_addf(&b, "[" UNINSTALL "\\P%u]\n\"DisplayName\"=\"VMware Tools %u\"\n%s", k, k, value);
	assert_false(b.failed);
	add(f, CONFIG "SOFTWARE", buf_str(&b));
}

static void test_too_many_products(void **state)
{
	struct linux_fixture *f = *state;

	plant_windows(f);
	plant_kernel(f);
	add_products(f, 65, "");
	assert_int_equal(convert(f), -1);
	assert_non_null(strstr(f->files.err.text, "more than 64 programs of vmware are installed; --keep-tools"));
	f->options.keep_tools = true;
	f->inspection->windows = NULL;
	assert_int_equal(convert(f), 0);
}

/* A script without what didn't fit would look like one that has done all. */
static void test_long_commands(void **state)
{
	struct linux_fixture *f = *state;
	char *blanks = arena_alloc(&f->files.arena, 8001);

	plant_windows(f);
	plant_kernel(f);
	memset(blanks, ' ', 8000);
	add_products(f, 9, arena_printf(&f->files.arena, "\"QuietUninstallString\"=\"x.exe%s/S\"\n", blanks));
	assert_int_equal(convert(f), -1);
	assert_non_null(strstr(f->files.err.text, "are over 64 KiB"));
	assert_false(guest_exists(f->files.g, "/Windows/rehost/steps"));
}

/* --force goes on from B-ARCHITECTURE up to here. */
static void test_unknown_processor(void **state)
{
	struct linux_fixture *f = *state;

	plant_windows(f);
	assert_int_equal(convert(f), -1);
	assert_non_null(finding_of(f, "B-ARCHITECTURE"));
	assert_int_equal(f->files.err.code, ERR_BLOCKED);
	assert_non_null(strstr(f->files.err.text, "for which processor"));
}

static int full_esp(struct guest *g, const char *path, uint64_t *ret, struct err *err)
{
	*ret = strncmp(path, EFI, strlen(EFI) - 1) == 0 ? 65536 : UINT64_C(1) << 32;
	return 0;
}

/* A partition that is full because it has the fallback loader already needs no more room for it. */
static void test_full_esp(void **state)
{
	struct linux_fixture *f = *state;
	const struct guest_ops *all = f->files.g->ops;
	struct guest_ops ops = *all;

	plant_windows(f);
	plant_kernel(f);
	f->machine->firmware = FIRMWARE_UEFI;
	ops.space_free = full_esp;
	f->files.g->ops = &ops;
	for (unsigned there = 0; there < 2; there++) {
		plant(&f->files, EFI "Microsoft/Boot/bootmgfw.efi", "loader");
		if (there)
			plant(&f->files, EFI "Boot/bootx64.efi", "LOADER");
		f->inspection->windows = NULL;
		f->inspection->findings.n = 0;
		assert_int_equal(convert(f), 0);
		assert_int_equal(finding_of(f, "W-BOOT-ESP-FULL") == NULL, there);
		assert_int_equal(guest_exists(f->files.g, EFI "Boot/bootx64.efi"), there);
	}
	f->files.g->ops = all;
	assert_string_equal(text_of(&f->files, EFI "Boot/bootx64.efi"), "loader");
}

/* A store that can't be changed costs the screen at worst, not the conversion. */
static void test_damaged_store(void **state)
{
	struct linux_fixture *f = *state;

	plant_windows(f);
	plant_kernel(f);
	f->machine->firmware = FIRMWARE_UEFI;
	plant(&f->files, EFI "Microsoft/Boot/BCD", "no hive");
	assert_int_equal(convert(f), 0);
	assert_non_null(strstr(finding_of(f, "W-BOOT-BCD")->text, "7 bytes are no registry hive"));
	assert_string_equal(text_of(&f->files, EFI "Microsoft/Boot/BCD"), "no hive");
}

/* Settings of one connection, on a card that the new machine doesn't have. */
static const char *network_script(struct linux_fixture *f, const char *device, const char *settings)
{
	add(f, CONFIG "SYSTEM",
	    arena_printf(&f->files.arena,
			 "[ControlSet001\\Control\\Network\\" NET_CLASS "\\" GUID "\\Connection]\n"
			 "\"Name\"=\"LAN\"\n\"PnpInstanceID\"=\"%s\"\n"
			 "[ControlSet001\\Services\\Tcpip6\\Parameters\\Interfaces\\" GUID "]\n"
			 "\"NameServer\"=\"2001:db8::53,2001:db8::54\"\n"
			 "[ControlSet001\\Services\\Tcpip\\Parameters\\Interfaces\\" GUID "]\n%s",
			 device, settings));
	f->inspection->windows = NULL;
	if (convert(f) < 0)
		fail_msg("%s", f->files.err.text);
	return text_of(&f->files, "/Windows/rehost/steps/20-network.cmd");
}

static void test_name_servers(void **state)
{
	struct linux_fixture *f = *state;
	const char *script;

	plant_windows(f);
	plant_kernel(f);
	add_nic(f, "00:50:56:aa:10:01", -1);
	script = network_script(f, "PCI\\\\VEN_15AD&DEV_07B0\\\\005056FFFFAA100100",
				"\"NameServer\"=\"192.0.2.53 192.0.2.54\"\n");
	assert_non_null(strstr(script, "netsh interface ip set dns \"%name%\" static 192.0.2.53 validate=no\r\n"
				       "netsh interface ip add dns \"%name%\" 192.0.2.54 validate=no\r\n"
				       "netsh interface ipv6 set dns \"%name%\" static 2001:db8::53 validate=no\r\n"
				       "netsh interface ipv6 add dns \"%name%\" 2001:db8::54 validate=no\r\n"));
	assert_non_null(strstr(script, "call :forget \"PCI\\VEN_15AD&DEV_07B0\\005056FFFFAA100100\" " GUID));
}

/* Settings that may be meant for a card which got none stay where they are. */
static void test_card_unknown(void **state)
{
	static const char other[] = "{6A2B0F4C-2222-4E57-9D3C-0A1B2C3D4E02}";
	struct linux_fixture *f = *state;
	struct nic *card = add_nic(f, "52:54:00:00:00:01", -1);
	struct static_ip ip = {.address = (char *)"192.0.2.77", .prefix = 24};
	const char *script;

	plant_windows(f);
	plant_kernel(f);
	card->mac_generated = true;
	card->model = NIC_UNKNOWN;
	add(f, CONFIG "SYSTEM",
	    arena_printf(&f->files.arena,
			 "[ControlSet001\\Control\\Network\\" NET_CLASS "\\%s\\Connection]\n\"Name\"=\"old\"\n"
			 "\"PnpInstanceID\"=\"PCI\\\\VEN_8086&DEV_100E\\\\1\"\n"
			 "[ControlSet001\\Control\\Network\\" NET_CLASS
			 "\\{6A2B0F4C-3333-4E57-9D3C-0A1B2C3D4E02}\\Connection]\n"
			 "\"PnpInstanceID\"=\"PCI\\\\VEN_8086&DEV_100E\\\\2\"\n"
			 "[ControlSet001\\Services\\Tcpip6\\Parameters\\Interfaces\\%s]\n"
			 "\"NameServer\"=\"2001:db8::53\"\n",
			 other, other));
	script = network_script(f, "PCI\\\\VEN_15AD&DEV_07B0\\\\005056FFFFAA100100", "");
	assert_null(strstr(script, GUID));
	assert_null(strstr(script, other));
	assert_non_null(strstr(script, "call :forget \"PCI\\VEN_8086&DEV_100E\\2\""));
	card->ip = &ip;
	script = network_script(f, "PCI\\\\VEN_15AD&DEV_07B0\\\\005056FFFFAA100100", "");
	assert_non_null(strstr(script, GUID));
	assert_non_null(strstr(script, other));
}

/* VMware's e1000e isn't QEMU's, although it is the same model. */
static void test_same_model(void **state)
{
	struct linux_fixture *f = *state;

	plant_windows(f);
	plant_kernel(f);
	add_nic(f, "00:0c:29:66:a8:07", -1);
	assert_non_null(
	    strstr(network_script(f, "PCI\\\\VEN_8086&DEV_10D3&SUBSYS_07D015AD&REV_00\\\\000C29FFFF66A80700", ""),
		   "call :forget \"PCI\\VEN_8086&DEV_10D3&SUBSYS_07D015AD&REV_00\\000C29FFFF66A80700\" "));
	assert_int_equal(f->caps.net, NET_BUS_E1000E);
	assert_null(
	    strstr(network_script(f, "PCI\\\\VEN_8086&DEV_10D3&SUBSYS_00008086&REV_00\\\\000C29FFFF66A80700", ""),
		   "call :forget"));
}

/* To forget "PCI" would be to forget every device of the machine. */
static void test_half_a_device(void **state)
{
	static const char *const devices[] = {"PCI", "PCI\\\\VEN_15AD&DEV_07B0", "PCI\\\\\\\\0", "PCI\\\\a\\\\"};
	struct linux_fixture *f = *state;

	plant_windows(f);
	plant_kernel(f);
	add_nic(f, "00:50:56:aa:10:01", -1);
	for (size_t n = 0; n < sizeof devices / sizeof *devices; n++)
		assert_null(strstr(network_script(f, devices[n], ""), "call :forget"));
}

/* What products state as their removal, and the line that the first boot runs; NULL: none, which is a finding. */
static void test_removal_commands(void **state)
{
	static const struct {
		const char *values, *line;
	} cases[] = {
	    {"\"UninstallString\"=\"C:\\\\Program Files\\\\VMware\\\\un.exe\"\n",
	     "\"C:\\Program Files\\VMware\\un.exe\" /S\r\n"},
	    {"\"UninstallString\"=\"C:\\\\Program Files (x86)\\\\V.exe.old\\\\Un.EXE /remove all\"\n",
	     "\"C:\\Program Files (x86)\\V.exe.old\\Un.EXE\" /remove all /S\r\n"},
	    {"\"UninstallString\"=\"\\\"C:\\\\a b\\\\un.exe\\\" -x\"\n", "\"C:\\a b\\un.exe\" -x /S\r\n"},
	    {"\"UninstallString\"=\"rundll32 x,y\"\n", "\r\n\"rundll32\" x,y /S\r\n"},
	    {"\"UninstallString\"=\"C:\\\\a b\\\\un.CMD x.exe\"\n", "\r\ncall \"C:\\a b\\un.CMD\" x.exe /S\r\n"},
	    {"\"QuietUninstallString\"=\"\\\"C:\\\\a b\\\\un.bat\\\" -q\"\n", "\r\ncall \"C:\\a b\\un.bat\" -q\r\n"},
	    {"\"UninstallString\"=\"x.exe\"\n\"QuietUninstallString\"=\"C:\\\\a b\\\\q.exe /q\"\n",
	     "\"C:\\a b\\q.exe\" /q\r\n"},
	    {"\"UninstallString\"=\"MsiExec.exe /I{5B4C0F2A-7A37-4D44-8A5B-0C2F6A1E9D10}\"\n",
	     "call :msi {5B4C0F2A-7A37-4D44-8A5B-0C2F6A1E9D10}\r\n"},
	    {"\"UninstallString\"=\"C:\\\\un.exe (x) & calc\"\n", NULL},
	    {"\"UninstallString\"=\"\\\"C:\\\\un.exe\\\" \\\"open\"\n", NULL},
	    {"\"UninstallString\"=\"C:\\\\%TEMP%\\\\un.exe\"\n", NULL},
	    {"", NULL},
	};
	struct linux_fixture *f = *state;

	plant_windows(f);
	plant_kernel(f);
	for (size_t n = 0; n < sizeof cases / sizeof *cases; n++) {
		const char *script;

		add(f, CONFIG "SOFTWARE",
		    "[" UNINSTALL "\\P]\n\"UninstallString\"=\"\"\n\"QuietUninstallString\"=\"\"\n");
		add(f, CONFIG "SOFTWARE",
		    arena_printf(&f->files.arena, "[" UNINSTALL "\\P]\n\"DisplayName\"=\"VMware Tools %zu\"\n%s", n,
				 cases[n].values));
		f->inspection->windows = NULL;
		f->inspection->findings.n = 0;
		if (convert(f) < 0)
			fail_msg("%s", f->files.err.text);
		assert_int_equal(finding_of(f, "W-TOOLS-NOT-REMOVED") == NULL, cases[n].line != NULL);
		if (!cases[n].line)
			continue;
		script = text_of(&f->files, "/Windows/rehost/steps/50-foreign-tools.cmd");
		if (!strstr(script, cases[n].line))
			fail_msg("case %zu: %s", n, script);
	}
}

/* A management console may run on a guest of any hypervisor. */
static void test_management_programs(void **state)
{
	static const struct {
		const char *name;
		bool is_tools;
	} cases[] = {
	    {"XenServer PowerShell SDK", false},
	    {"Citrix XenServer Conversion Manager Console", false},
	    {"Citrix Hypervisor Conversion Manager Console", false},
	    {"Citrix Hypervisor PV Tools", true},
	    {"Citrix XenServer Windows Management Agent", true},
	    {"XenServer VM Tools for Windows", true},
	};
	struct linux_fixture *f = *state;

	plant_windows(f);
	plant_kernel(f);
	for (size_t n = 0; n < sizeof cases / sizeof *cases; n++) {
		add(f, CONFIG "SOFTWARE",
		    arena_printf(&f->files.arena,
				 "[" UNINSTALL "\\P]\n\"DisplayName\"=\"%s\"\n\"UninstallString\"=\"C:\\\\un.exe\"\n",
				 cases[n].name));
		f->inspection->windows = NULL;
		assert_int_equal(convert(f), 0);
		assert_int_equal(guest_exists(f->files.g, "/Windows/rehost/steps/50-foreign-tools.cmd"),
				 cases[n].is_tools);
	}
}

/* A step of an earlier conversion that was never booted would run beside those of this one. */
static void test_earlier_steps(void **state)
{
	struct linux_fixture *f = *state;

	plant_windows(f);
	plant_kernel(f);
	add_nic(f, "00:50:56:aa:10:01", -1);
	network_script(f, "PCI\\\\VEN_15AD&DEV_07B0\\\\005056FFFFAA100100", "");
	plant(&f->files, "/Windows/rehost/steps/60-other.cmd", "@echo off\r\nexit /b 1\r\n");
	f->inspection->windows = NULL;
	assert_int_equal(convert(f), 0);
	assert_false(guest_exists(f->files.g, "/Windows/rehost/steps/60-other.cmd"));
	assert_true(guest_exists(f->files.g, "/Windows/rehost/steps/20-network.cmd"));
}

/* What is set for the first boot only is put back, even where nothing else is to be done then. */
static void test_crash_control(void **state)
{
	static const struct {
		const char *before, *line; /* NULL: nothing to be put back */
	} cases[] = {
	    {"\"AutoReboot\"=dword:00000001\n", "reg add \"HKLM\\SYSTEM\\CurrentControlSet\\Control\\CrashControl\" "
						"/v AutoReboot /t REG_DWORD /d 1 /f\r\n"},
	    {"", "reg delete \"HKLM\\SYSTEM\\CurrentControlSet\\Control\\CrashControl\" /v AutoReboot /f\r\n"},
	    {"\"AutoReboot\"=dword:00000000\n", NULL},
	};
	static const char script[] = "/Windows/rehost/steps/90-AutoReboot.cmd";
	struct linux_fixture *f = *state;

	for (size_t n = 0; n < sizeof cases / sizeof *cases; n++) {
		file_remove_tree(AT_FDCWD, arena_printf(&f->files.arena, "%s/Windows", f->files.dir), NULL);
		plant_windows(f);
		plant_kernel(f);
		add(f, CONFIG "SYSTEM",
		    arena_printf(&f->files.arena, "[ControlSet001\\Control\\CrashControl]\n%s", cases[n].before));
		for (unsigned again = 0; again < 2; again++) {
			f->inspection->windows = NULL;
			assert_int_equal(convert(f), 0);
			assert_int_equal(guest_exists(f->files.g, script), cases[n].line != NULL);
		}
		if (cases[n].line)
			assert_non_null(strstr(text_of(&f->files, script), cases[n].line));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    LINUX_TEST(test_names_with_quotes), LINUX_TEST(test_too_many_products),
	    LINUX_TEST(test_long_commands),	LINUX_TEST(test_unknown_processor),
	    LINUX_TEST(test_full_esp),		LINUX_TEST(test_damaged_store),
	    LINUX_TEST(test_name_servers),	LINUX_TEST(test_half_a_device),
	    LINUX_TEST(test_removal_commands),	LINUX_TEST(test_earlier_steps),
	    LINUX_TEST(test_card_unknown),	LINUX_TEST(test_crash_control),
	    LINUX_TEST(test_same_model),	LINUX_TEST(test_management_programs),
	};

	return cmocka_run_group_tests_name("windows steps", tests, NULL, NULL);
}
