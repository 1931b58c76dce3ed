/* Tests of inspectors/windows*.c over folders with hives: version, settings, connections and their cards, programs,
 * and what is refused. */
#include "tests/unit/guest/folder_fixture.h"

#include "core/base/bytes.h"
#include "inspectors/inspector.h"
#include "tests/support/hive_maker.h"

#define CONFIG	  "/Windows/System32/config/"
#define NET_CLASS "{4D36E972-E325-11CE-BFC1-08002BE10318}"

static const char system_hive[] =
    "[Select]\n\"Current\"=dword:00000001\n"
    "[ControlSet001\\Control\\ProductOptions]\n\"ProductType\"=\"ServerNT\"\n"
    "[ControlSet001\\Control\\ComputerName\\ComputerName]\n\"ComputerName\"=\"FILES01\"\n"
    "[ControlSet001\\Control\\CrashControl]\n\"AutoReboot\"=dword:00000001\n"
    "[ControlSet001\\Control\\Session Manager\\Power]\n\"HiberbootEnabled\"=dword:00000001\n"
    "[ControlSet001\\Control\\SecureBoot\\State]\n\"UEFISecureBootEnabled\"=dword:00000001\n"
    "[ControlSet001\\Control\\TimeZoneInformation]\n\"TimeZoneKeyName\"=\"W. Europe Standard Time\"\n"
    "[ControlSet001\\Services\\Netlogon]\n\"Start\"=dword:00000002\n"
    "[ControlSet001\\Services\\Tcpip\\Parameters]\n\"Domain\"=\"corp.example\"\n"
    "[ControlSet001\\Services\\pvscsi]\n\"Start\"=dword:00000000\n"
    "[DriverDatabase]\n";

static const char software_hive[] =
    "[Microsoft\\Windows NT\\CurrentVersion]\n"
    "\"ProductName\"=\"Windows Server 2019 Standard\"\n\"CurrentVersion\"=\"6.3\"\n\"CurrentBuildNumber\"=\"17763\"\n"
    "\"CurrentMajorVersionNumber\"=dword:0000000a\n\"CurrentMinorVersionNumber\"=dword:00000000\n"
    "\"UBR\"=dword:00000a2f\n\"EditionID\"=\"ServerStandard\"\n\"InstallationType\"=\"Server Core\"\n"
    "[Microsoft\\Windows\\CurrentVersion\\Uninstall\\{1}]\n"
    "\"DisplayName\"=\"VMware Tools\"\n\"DisplayVersion\"=\"12.3.0\"\n"
    "[Wow6432Node\\Microsoft\\Windows\\CurrentVersion\\Uninstall\\{2}]\n\"DisplayName\"=\"Sophos Endpoint Agent\"\n"
    "[Microsoft\\Windows\\CurrentVersion\\Group Policy\\History\\{3}]\n";

/* A connection with its device, its driver's settings and its addresses. */
static void connection(struct fixture *f, const char *guid, const char *name, const char *device, const char *settings)
{
	const char *text = arena_printf(&f->arena,
					"[ControlSet001\\Control\\Network\\" NET_CLASS
					"\\%s\\Connection]\n\"Name\"=\"%s\"\n\"PnpInstanceID\"=\"%s\"\n"
					"[ControlSet001\\Services\\Tcpip\\Parameters\\Interfaces\\%s]\n%s",
					guid, name, device, guid, settings);

	if (hive_make(f->g, CONFIG "SYSTEM", text, &f->err) < 0)
		fail_msg("%s", f->err.text);
}

static void add_to(struct fixture *f, const char *hive, const char *text)
{
	if (hive_make(f->g, hive, text, &f->err) < 0)
		fail_msg("%s", f->err.text);
}

static void plant_kernel(struct fixture *f, unsigned machine)
{
	uint8_t pe[256] = "MZ";

	put_le32(pe + 0x3c, 0x80);
	memcpy(pe + 0x80, "PE\0", 4);
	put_le16(pe + 0x84, (uint16_t)machine);
	plant(f, "/Windows/System32/ntoskrnl.exe", "");
	assert_int_equal(f->g->ops->write(f->g, "/Windows/System32/ntoskrnl.exe", pe, sizeof pe, 0644, &f->err), 0);
}

static void plant_windows(struct fixture *f)
{
	plant_kernel(f, 0x8664);
	add_to(f, CONFIG "SYSTEM", system_hive);
	add_to(f, CONFIG "SOFTWARE", software_hive);
}

static struct inspection *inspected(struct fixture *f, const struct machine *m)
{
	struct inspection *i = inspection_new();

	i->os.family = OS_WINDOWS;
	if (inspect_guest(f->g, m, i, &f->err) < 0)
		fail_msg("%s", f->err.text);
	return i;
}

static const struct finding *finding(const struct inspection *i, const char *id)
{
	VEC_FOR (x, &i->findings)
		if (!strcmp(x->id, id))
			return x;
	return NULL;
}

static void test_facts(void **state)
{
	struct fixture *f = *state;
	AUTO(machine_freep) struct machine *m = machine_new();
	AUTO(inspection_freep) struct inspection *i = NULL;

	plant_windows(f);
	i = inspected(f, m);
	assert_string_equal(i->os.product, "Windows Server 2019 Standard");
	assert_string_equal(i->os.arch, "x86_64");
	assert_string_equal(i->os.hostname, "FILES01");
	assert_int_equal(i->os.major, 10);
	assert_string_equal(i->windows->systemroot, "/Windows");
	assert_string_equal(i->windows->control_set, "ControlSet001");
	assert_string_equal(i->windows->edition, "ServerStandard");
	assert_string_equal(i->windows->installation, "Server Core");
	assert_string_equal(i->windows->hives, "clean");
	assert_int_equal(i->windows->version.build, 17763);
	assert_int_equal(i->windows->update, 2607);
	assert_int_equal(i->windows->version.role, WINDOWS_SERVER);
	assert_string_equal(i->os.osinfo, "http://microsoft.com/win/2k19");
	assert_true(i->windows->driver_database && i->windows->auto_reboot);
	assert_string_equal(i->windows->timezone, "W. Europe Standard Time");
	assert_int_equal(i->windows->rtc_utc, TRI_NO);
	assert_int_equal(i->windows->secure_boot, TRI_YES);
	assert_string_equal(i->windows->domain, "corp.example");
	assert_non_null(finding(i, "I-DOMAIN"));
	assert_non_null(finding(i, "I-FAST-STARTUP"));
	assert_int_equal(i->verdict, VERDICT_BOOTS);
}

static void test_windows_11(void **state)
{
	struct fixture *f = *state;
	AUTO(machine_freep) struct machine *m = machine_new();
	AUTO(inspection_freep) struct inspection *i = NULL;

	plant_windows(f);
	add_to(f, CONFIG "SOFTWARE",
	       "[Microsoft\\Windows NT\\CurrentVersion]\n\"ProductName\"=\"Windows 10 Pro\"\n"
	       "\"CurrentBuildNumber\"=\"22631\"\n");
	add_to(f, CONFIG "SYSTEM", "[ControlSet001\\Control\\ProductOptions]\n\"ProductType\"=\"WinNT\"\n");
	i = inspected(f, m);
	assert_string_equal(i->os.product, "Windows 11 Pro");
	assert_int_equal(i->windows->version.role, WINDOWS_CLIENT);
}

static void test_activation(void **state)
{
	static const struct {
		const char *values, *id, *evidence;
	} cases[] = {
	    {"\"ProductId\"=\"00429-00000-00001-AA123\"\n", "I-ACTIVATION", "00429-00000-00001-AA123"},
	    {"\"ProductId\"=\"00371-OEM-8992671-00524\"\n", "W-ACTIVATION-OEM", "00371-OEM-8992671-00524"},
	    {"\"ProductId\"=\"00330-80000-00000-AAOEM\"\n", "W-ACTIVATION-OEM", "00330-80000-00000-AAOEM"},
	    {"[Microsoft\\Windows NT\\CurrentVersion\\SoftwareProtectionPlatform]\n"
	     "\"KeyManagementServiceName\"=\"kms.corp.example\"\n",
	     "I-ACTIVATION", "kms.corp.example"},
	};
	struct fixture *f = *state;
	AUTO(machine_freep) struct machine *m = machine_new();

	plant_windows(f);
	for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
		AUTO(inspection_freep) struct inspection *i = NULL;

		add_to(f, CONFIG "SOFTWARE",
		       arena_printf(&f->arena, "[Microsoft\\Windows NT\\CurrentVersion]\n%s", cases[k].values));
		i = inspected(f, m);
		assert_non_null(finding(i, cases[k].id));
		assert_string_equal(finding(i, cases[k].id)->evidence, cases[k].evidence);
	}
}

static void test_programs(void **state)
{
	struct fixture *f = *state;
	AUTO(machine_freep) struct machine *m = machine_new();
	AUTO(inspection_freep) struct inspection *i = NULL;

	plant_windows(f);
	i = inspected(f, m);
	assert_int_equal(i->agents.n, 1);
	assert_string_equal(i->agents.v[0].id, "vmware-tools");
	assert_string_equal(i->agents.v[0].evidence, "VMware Tools 12.3.0");
	assert_int_equal(i->windows->antivirus.n, 1);
	assert_string_equal(finding(i, "W-ANTIVIRUS")->evidence, "Sophos Endpoint Agent");
	assert_true(i->windows->group_policy);
	assert_non_null(finding(i, "I-GROUP-POLICY"));
	assert_null(finding(i, "W-DRIVER-POLICY"));
	assert_null(finding(i, "I-POWERSHELL-SIGNED"));
	inspection_free(take_ptr(&i));
	add_to(f, CONFIG "SOFTWARE",
	       "[Policies\\Microsoft\\Windows\\DeviceInstall\\Restrictions]\n\"DenyUnspecified\"=dword:00000001\n"
	       "[Policies\\Microsoft\\Windows\\PowerShell]\n\"ExecutionPolicy\"=\"AllSigned\"\n");
	i = inspected(f, m);
	assert_non_null(finding(i, "W-DRIVER-POLICY"));
	assert_non_null(finding(i, "I-POWERSHELL-SIGNED"));
}

static void test_management_programs(void **state)
{
	static const char *const names[] = {"XenServer PowerShell SDK", "Citrix XenServer Conversion Manager Console",
					    "XenServer VM Tools for Windows"};
	struct fixture *f = *state;
	AUTO(machine_freep) struct machine *m = machine_new();

	plant_windows(f);
	for (size_t k = 0; k < 3; k++) {
		AUTO(inspection_freep) struct inspection *i = NULL;

		add_to(f, CONFIG "SOFTWARE",
		       arena_printf(&f->arena,
				    "[Microsoft\\Windows\\CurrentVersion\\Uninstall\\{4}]\n\"DisplayName\"=\"%s\"\n",
				    names[k]));
		i = inspected(f, m);
		assert_int_equal(i->agents.n, k < 2 ? 1 : 2); /* and VMware Tools */
	}
}

/* Windows has the drivers in the box; a guest of Hyper-V has devices for them. */
static void test_hyperv(void **state)
{
	static const struct {
		const char *more;
		unsigned agents;
	} steps[] = {
	    {"[ControlSet001\\Services\\storvsc]\n\"Start\"=dword:00000000\n[ControlSet001\\Enum\\VMBUS]\n", 1},
	    {"[ControlSet001\\Enum\\VMBUS\\{f8b3781a-1e82-4818-a1c3-63d806ec15bb}]\n", 2},
	    {"[ControlSet001\\Services\\storvsc]\n\"Start\"=dword:00000004\n", 1},
	};
	struct fixture *f = *state;
	AUTO(machine_freep) struct machine *m = machine_new();

	plant_windows(f);
	for (size_t k = 0; k < sizeof steps / sizeof *steps; k++) {
		AUTO(inspection_freep) struct inspection *i = NULL;

		add_to(f, CONFIG "SYSTEM", steps[k].more);
		i = inspected(f, m);
		assert_int_equal(i->agents.n, steps[k].agents);
		if (i->agents.n > 1)
			assert_string_equal(i->agents.v[1].evidence, "service storvsc");
	}
}

static struct nic *add_nic(struct machine *m, const char *mac, int slot)
{
	struct nic *n = vec_push(&m->arena, &m->nics);

	strcpy(n->mac, mac);
	n->pci_slot = slot;
	return n;
}

#define VMXNET3 "PCI\\\\VEN_15AD&DEV_07B0&SUBSYS_07B015AD&REV_01\\\\"
#define E1000E	"PCI\\\\VEN_8086&DEV_10D3&SUBSYS_07D015AD&REV_00\\\\"

static const char fixed[] = "\"EnableDHCP\"=dword:00000000\n"
			    "\"IPAddress\"=multi_sz:\"10.1.2.3\",\"10.1.2.4\",\"nonsense\"\n"
			    "\"SubnetMask\"=multi_sz:\"255.255.255.0\",\"255.255.255.255\",\"255.0.255.0\"\n"
			    "\"DefaultGateway\"=multi_sz:\"10.1.2.1\"\n"
			    "\"DefaultGatewayMetric\"=multi_sz:\"5\"\n"
			    "\"NameServer\"=\"10.1.0.53,10.1.0.54 evil&cmd\"\n"
			    "\"Domain\"=\"lab.example\"\n"
			    "\"InterfaceMetric\"=dword:00000019\n";

static void test_connections(void **state)
{
	struct fixture *f = *state;
	AUTO(machine_freep) struct machine *m = machine_new();
	AUTO(inspection_freep) struct inspection *i = NULL;
	const struct windows_nic *n;

	plant_windows(f);
	add_nic(m, "00:0c:29:66:a8:07", 192);
	add_nic(m, "00:50:56:95:08:bb", 160);
	connection(f, "{A}", "Ethernet0", VMXNET3 "FF565000BB0895FE00", fixed);
	connection(f, "{B}", "Ethernet1", E1000E "000C29FFFF66A80700", "\"EnableDHCP\"=dword:00000001\n");
	connection(f, "{C}", "old", VMXNET3 "FF565000AAAAAAFE00", fixed);
	connection(f, "{D}", "Tunnel", "ROOT\\\\*ISATAP\\\\0000", "");
	add_to(f, CONFIG "SYSTEM",
	       "[ControlSet001\\Services\\Tcpip6\\Parameters\\Interfaces\\{A}]\n\"NameServer\"=\"2001:db8::53\"\n");
	i = inspected(f, m);
	assert_int_equal(i->windows->nics.n, 3);
	n = &i->windows->nics.v[0];
	assert_string_equal(n->name, "Ethernet0");
	assert_string_equal(n->mac, "00:50:56:95:08:bb");
	assert_int_equal(n->nic, 1);
	assert_false(n->dhcp);
	assert_int_equal(n->addresses.n, 2);
	assert_string_equal(n->addresses.v[1].address, "10.1.2.4");
	assert_int_equal(n->addresses.v[0].prefix, 24);
	assert_string_equal(n->gateways.v[0].address, "10.1.2.1");
	assert_int_equal(n->gateways.v[0].metric, 5);
	assert_int_equal(n->dns.n, 3);
	assert_string_equal(n->dns.v[1], "10.1.0.54");
	assert_string_equal(n->dns.v[2], "2001:db8::53");
	assert_string_equal(n->suffix, "lab.example");
	assert_int_equal(n->metric, 25);
	assert_int_equal(i->windows->nics.v[1].nic, 0);
	assert_true(i->windows->nics.v[1].dhcp);
	assert_int_equal(i->windows->nics.v[2].nic, -1);
	assert_non_null(finding(i, "I-NET-NO-CARD"));
}

/* Cards whose MAC the registry doesn't have: by slot, and the last one that is left. */
static void test_connections_by_slot(void **state)
{
	struct fixture *f = *state;
	AUTO(machine_freep) struct machine *m = machine_new();
	AUTO(inspection_freep) struct inspection *i = NULL;

	plant_windows(f);
	add_nic(m, "00:0c:29:00:00:01", 32);
	add_nic(m, "00:0c:29:00:00:02", 33);
	connection(f, "{A}", "LAN", "PCI\\\\VEN_1022&DEV_2000&SUBSYS_20001022&REV_10\\\\4&47B7341&0&0888", fixed);
	connection(f, "{B}", "DMZ", "PCI\\\\VEN_1022&DEV_2000&SUBSYS_20001022&REV_10\\\\4&47B7341&0&0889", fixed);
	add_to(f, CONFIG "SYSTEM",
	       "[ControlSet001\\Enum\\PCI\\VEN_1022&DEV_2000&SUBSYS_20001022&REV_10\\4&47B7341&0&0888]\n"
	       "\"UINumber\"=dword:00000021\n");
	i = inspected(f, m);
	assert_int_equal(i->windows->nics.v[0].nic, 1);
	assert_string_equal(i->windows->nics.v[0].reason, "the same slot 33");
	assert_int_equal(i->windows->nics.v[1].nic, 0);
	assert_false(i->windows->nics.v[1].guessed);
}

static void test_connections_guessed(void **state)
{
	struct fixture *f = *state;
	AUTO(machine_freep) struct machine *m = machine_new();
	AUTO(inspection_freep) struct inspection *i = NULL;

	plant_windows(f);
	add_nic(m, "00:0c:29:00:00:01", -1);
	add_nic(m, "00:0c:29:00:00:02", -1);
	connection(f, "{A}", "LAN", "PCI\\\\VEN_1022&DEV_2000\\\\4&47B7341&0&0888", fixed);
	connection(f, "{B}", "DMZ", "PCI\\\\VEN_1022&DEV_2000\\\\4&47B7341&0&0889", fixed);
	i = inspected(f, m);
	assert_true(i->windows->nics.v[1].guessed && i->windows->nics.v[1].nic == 1);
	assert_non_null(finding(i, "W-NET-NAME-GUESSED"));
	inspection_free(take_ptr(&i));
	/* One more connection than cards: nobody knows. */
	connection(f, "{E}", "third", "PCI\\\\VEN_1022&DEV_2000\\\\4&47B7341&0&0890", fixed);
	i = inspected(f, m);
	assert_int_equal(i->windows->nics.v[0].nic, -1);
	assert_non_null(finding(i, "W-NET-NO-CARD"));
	assert_null(finding(i, "I-NET-NO-CARD"));
}

/* The adapter's type was changed and its MAC kept: the old device comes first by its GUID. */
static void test_same_mac(void **state)
{
	static const char here[] = "[ControlSet001\\Enum\\PCI\\VEN_15AD&DEV_07B0&SUBSYS_07B015AD&REV_01\\"
				   "FF290C0007A866FE00]\n\"UINumber\"=dword:000000c0\n";
	struct fixture *f = *state;
	AUTO(machine_freep) struct machine *m = machine_new();
	AUTO(inspection_freep) struct inspection *i = NULL;
	struct nic *card = add_nic(m, "00:0c:29:66:a8:07", 192);

	plant_windows(f);
	connection(f, "{A}", "old", E1000E "000C29FFFF66A80700", fixed);
	connection(f, "{B}", "new", VMXNET3 "FF290C0007A866FE00", "");
	card->model = NIC_VMXNET3;
	i = inspected(f, m);
	assert_int_equal(i->windows->nics.v[1].nic, 0);
	assert_false(i->windows->nics.v[1].guessed);
	assert_string_equal(finding(i, "W-NET-NO-CARD")->text,
			    "the fixed settings of the connection 'old' (10.1.2.3) go to no network card: the same "
			    "MAC, but another connection was taken");
	inspection_free(i);
	card->model = NIC_UNKNOWN; /* then who has addresses */
	i = inspected(f, m);
	assert_int_equal(i->windows->nics.v[0].nic, 0);
	assert_null(finding(i, "W-NET-NO-CARD"));
	inspection_free(i);
	add_to(f, CONFIG "SYSTEM", here); /* the slot tells more */
	i = inspected(f, m);
	assert_int_equal(i->windows->nics.v[1].nic, 0);
	inspection_free(i);
	card->pci_slot = -1;
	connection(f, "{B}", "new", VMXNET3 "FF290C0007A866FE00", fixed);
	i = inspected(f, m);
	assert_true(i->windows->nics.v[0].nic == 0 && i->windows->nics.v[0].guessed);
	assert_string_equal(finding(i, "W-NET-NAME-GUESSED")->text,
			    "the settings of the connection 'old' were taken for network card 1 by a guess: the same "
			    "MAC as another connection");
}

/* The source states no MAC, Windows knows the one that its card had there. */
static void test_generated_mac(void **state)
{
	struct fixture *f = *state;
	AUTO(machine_freep) struct machine *m = machine_new();
	AUTO(inspection_freep) struct inspection *i = NULL;
	struct static_ip ip = {.address = (char *)"10.1.2.9", .prefix = 24};
	struct nic *card = add_nic(m, "52:54:00:00:00:01", -1);

	plant_windows(f);
	card->mac_generated = true;
	connection(f, "{C}", "third", VMXNET3 "FF565000AAAAAAFE00", fixed);
	i = inspected(f, m);
	assert_true(i->windows->nics.v[0].nic == 0 && i->windows->nics.v[0].guessed);
	assert_string_equal(finding(i, "W-NET-NAME-GUESSED")->text,
			    "the settings of the connection 'third' were taken for network card 1 by a guess: the "
			    "only one that is left");
	inspection_free(i);
	connection(f, "{A}", "first", E1000E "000C29FFFF66A80700", "");
	i = inspected(f, m);
	assert_int_equal(i->windows->nics.v[1].nic, 0);
	assert_null(finding(i, "W-NET-NO-CARD"));
	inspection_free(i);
	connection(f, "{A}", "first", E1000E "000C29FFFF66A80700", fixed);
	i = inspected(f, m);
	assert_true(i->windows->nics.v[0].nic == -1 && i->windows->nics.v[1].nic == -1);
	assert_non_null(strstr(finding(i, "W-NET-NO-CARD")->fix, "--mac MAC:ip:"));
	inspection_free(i);
	card->ip = &ip;
	i = inspected(f, m);
	assert_null(finding(i, "W-NET-NO-CARD"));
	assert_non_null(finding(i, "I-NET-NO-CARD"));
}

/* As many made-up MACs as connections. */
static void test_generated_macs(void **state)
{
	struct fixture *f = *state;
	AUTO(machine_freep) struct machine *m = machine_new();
	AUTO(inspection_freep) struct inspection *i = NULL;

	plant_windows(f);
	add_nic(m, "52:54:00:00:00:01", -1)->mac_generated = true;
	add_nic(m, "52:54:00:00:00:02", -1)->mac_generated = true;
	connection(f, "{A}", "first", E1000E "000C29FFFF66A80700", fixed);
	connection(f, "{C}", "third", VMXNET3 "FF565000AAAAAAFE00", fixed);
	i = inspected(f, m);
	for (int n = 0; n < 2; n++)
		assert_true(i->windows->nics.v[n].nic == n && i->windows->nics.v[n].guessed);
}

#define IPV6_STORE "ControlSet001\\Control\\Nsi\\{eb004a01-9b1a-11d4-9123-0050047759bc}\\10"

/* The store names a connection by its LUID: index 0x8001 and type 6 (Ethernet), the bytes in order. */
static void test_fixed_ipv6(void **state)
{
	static const char data[] = "=hex:ff,ff,ff,ff,ff,ff,ff,ff,01,00,00,00,01,00,00,00,";
	struct fixture *f = *state;
	AUTO(machine_freep) struct machine *m = machine_new();
	AUTO(inspection_freep) struct inspection *i = NULL;
	const struct windows_nic *n;

	plant_windows(f);
	add_nic(m, "00:50:56:95:08:bb", 160);
	connection(f, "{A}", "Ethernet0", VMXNET3 "FF565000BB0895FE00", "");
	add_to(f, CONFIG "SYSTEM",
	       arena_printf(&f->arena,
			    "[ControlSet001\\Control\\Class\\" NET_CLASS "\\0007]\n\"NetCfgInstanceId\"=\"{A}\"\n"
			    "\"NetLuidIndex\"=dword:00008001\n\"*IfType\"=dword:00000006\n[" IPV6_STORE "]\n"
			    "\"000000018000060020010db8000000000000000000000005\"%s38,00\n"
			    "\"0000000180000600fe800000000000000000000000000005\"%s40,00\n"
			    "\"000000018000060020010db8000000000000000000000006\"%s99,00\n"
			    "\"000000020000060020010db8000000000000000000000007\"%s40,00\n",
			    data, data, data, data));
	i = inspected(f, m);
	n = &i->windows->nics.v[0];
	assert_int_equal(n->ipv6.n, 1);
	assert_string_equal(n->ipv6.v[0].address, "2001:db8::5");
	assert_int_equal(n->ipv6.v[0].prefix, 56);
	assert_non_null(finding(i, "I-NET-IPV6"));
	/* a prefix of 153 bits */
	assert_string_equal(finding(i, "W-NET-ADDRESS-ODD")->evidence,
			    "000000018000060020010db8000000000000000000000006");
}

static void test_wins(void **state)
{
	struct fixture *f = *state;
	AUTO(machine_freep) struct machine *m = machine_new();
	AUTO(inspection_freep) struct inspection *i = NULL;

	plant_windows(f);
	connection(f, "{A}", "Ethernet0", VMXNET3 "FF565000BB0895FE00", fixed);
	add_to(f, CONFIG "SYSTEM",
	       "[ControlSet001\\Services\\NetBT\\Parameters\\Interfaces\\Tcpip_{A}]\n"
	       "\"NameServerList\"=multi_sz:\"10.1.0.9\",\"wins & co\"\n\"NetbiosOptions\"=dword:00000002\n");
	i = inspected(f, m);
	assert_int_equal(i->windows->nics.v[0].wins.n, 1);
	assert_string_equal(i->windows->nics.v[0].wins.v[0], "10.1.0.9");
	assert_int_equal(i->windows->nics.v[0].netbios, 2);
}

/* What stands in place of an address is left out, and told. */
static void test_odd_addresses(void **state)
{
	static const struct {
		const char *settings, *odd;
	} cases[] = {
	    {"\"IPAddress\"=multi_sz:\"0.0.0.0\"\n\"SubnetMask\"=multi_sz:\"0.0.0.0\"\n", NULL},
	    {"\"IPAddress\"=multi_sz:\"10.1\"\n\"SubnetMask\"=multi_sz:\"255.0.0.0\"\n", "10.1"},
	    {"\"IPAddress\"=multi_sz:\"10.1.2.3\"\n\"SubnetMask\"=multi_sz:\"255.0.255.0\"\n", "255.0.255.0"},
	    {"\"DefaultGateway\"=multi_sz:\"%COMSPEC%\"\n", "%COMSPEC%"},
	    {"\"NameServer\"=\"10.1.0.53,x\"\n", "x"},
	};
	struct fixture *f = *state;
	AUTO(machine_freep) struct machine *m = machine_new();

	plant_windows(f);
	for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
		AUTO(inspection_freep) struct inspection *i = NULL;
		const struct finding *odd;

		connection(
		    f, "{A}", "Ethernet0", VMXNET3 "FF565000BB0895FE00",
		    arena_printf(&f->arena,
				 "\"EnableDHCP\"=dword:00000000\n\"IPAddress\"=multi_sz:\n\"SubnetMask\"=multi_sz:\n"
				 "\"DefaultGateway\"=multi_sz:\n\"NameServer\"=\"\"\n"));
		add_to(f, CONFIG "SYSTEM",
		       arena_printf(&f->arena, "[ControlSet001\\Services\\Tcpip\\Parameters\\Interfaces\\{A}]\n%s",
				    cases[k].settings));
		i = inspected(f, m);
		odd = finding(i, "W-NET-ADDRESS-ODD");
		assert_int_equal(odd != NULL, cases[k].odd != NULL);
		if (odd)
			assert_string_equal(odd->evidence, cases[k].odd);
	}
}

static void test_team(void **state)
{
	struct fixture *f = *state;
	AUTO(machine_freep) struct machine *m = machine_new();
	AUTO(inspection_freep) struct inspection *i = NULL;

	plant_windows(f);
	connection(f, "{A}", "Team1", "COMPOSITEBUS\\\\MS_IMPLAT_MP\\\\{D2D2B7C3}", "");
	connection(f, "{B}", "vEthernet", "ROOT\\\\VMS_MP\\\\0000", fixed);
	i = inspected(f, m);
	assert_int_equal(i->windows->nics.n, 0);
	assert_string_equal(
	    finding(i, "W-NET-TEAM")->text,
	    "the connection 'Team1' is a team of network cards: its members go with the old hardware, and "
	    "its settings stay with it");
	assert_non_null(strstr(finding(i, "W-NET-SOFTWARE")->text, "'vEthernet'"));
}

/* ---- refused ---- */

static void expect_blocker(struct fixture *f, const char *id, const char *advice)
{
	AUTO(machine_freep) struct machine *m = machine_new();
	AUTO(inspection_freep) struct inspection *i = inspected(f, m);
	const struct finding *found = finding(i, id);

	assert_non_null(found);
	assert_int_equal(found->severity, SEVERITY_BLOCKER);
	assert_int_equal(i->verdict, VERDICT_WILL_NOT_BOOT);
	if (!strstr(found->fix, advice))
		fail_msg("no '%s' in '%s'", advice, found->fix);
}

static void test_arm64(void **state)
{
	struct fixture *f = *state;

	plant_windows(f);
	plant_kernel(f, 0xaa64);
	expect_blocker(f, "B-ARCHITECTURE", "--no-convert");
}

static void test_unknown_architecture(void **state)
{
	struct fixture *f = *state;

	plant_windows(f);
	plant(f, "/Windows/System32/ntoskrnl.exe", "no program");
	expect_blocker(f, "B-ARCHITECTURE", "--no-convert");
}

/* What ntfs-3g makes of a file that CompactOS has compressed is a link to nowhere; programs were readable or not. */
static void test_unreadable_kernel(void **state)
{
	struct fixture *f = *state;
	AUTO(machine_freep) struct machine *m = machine_new();
	AUTO(inspection_freep) struct inspection *i = inspection_new();
	const char *kernel = on_host(f, "/Windows/System32/ntoskrnl.exe");

	plant_windows(f);
	assert_int_equal(unlink(kernel), 0);
	assert_int_equal(symlink("unsupported reparse tag 0x80000017", kernel), 0);
	i->os.family = OS_WINDOWS;
	i->os.arch = arena_strdup(&i->arena, "x86_64");
	if (inspect_guest(f->g, m, i, &f->err) < 0)
		fail_msg("%s", f->err.text);
	assert_null(finding(i, "B-ARCHITECTURE"));
	assert_string_equal(i->windows->version.arch, "x86_64");
	expect_blocker(f, "B-ARCHITECTURE", "compact /compactos:never");
}

static void soil(struct fixture *f, const char *path)
{
	AUTO(buf_done) struct buf b = BUF_INIT(HIVE_FILE_MAX);
	uint8_t *base;

	assert_int_equal(f->g->ops->read(f->g, path, &b, &f->err), 0);
	base = (uint8_t *)b.data;
	put_le32(base + 4, get_le32(base + 4) + 1);
	put_le32(base + 508, hive_header_sum(base));
	assert_int_equal(f->g->ops->write(f->g, path, b.data, b.len, 0644, &f->err), 0);
}

static void test_dirty_hive(void **state)
{
	struct fixture *f = *state;
	AUTO(machine_freep) struct machine *m = machine_new();
	AUTO(inspection_freep) struct inspection *i = NULL;

	plant_windows(f);
	soil(f, CONFIG "SYSTEM");
	expect_blocker(f, "B-HIVE-DIRTY", "shutdown /s /f /t 0");
	i = inspected(f, m);
	assert_string_equal(i->windows->hives, "dirty");
	assert_string_equal(i->os.product, "Windows Server 2019 Standard");
}

static void test_broken_hive(void **state)
{
	struct fixture *f = *state;

	plant_windows(f);
	plant(f, CONFIG "SOFTWARE", "no hive at all");
	expect_blocker(f, "B-HIVE-UNREADABLE", "shutdown /s /f /t 0");
}

static struct guest_ops small_ops;

static int little_space(struct guest *g, const char *path, uint64_t *ret, struct err *err)
{
	*ret = 20 << 20;
	return 0;
}

static void test_no_space(void **state)
{
	struct fixture *f = *state;
	const struct guest_ops *real = f->g->ops;

	plant_windows(f);
	small_ops = *real;
	small_ops.space_free = little_space;
	f->g->ops = &small_ops;
	expect_blocker(f, "B-WINDOWS-SPACE", "Make room on drive C:");
	f->g->ops = real;
}

/* ---- states of volumes, as the appliance sees them ---- */

static struct filesystem *add_volume(struct inspection *i, const char *device, const char *mountpoint)
{
	struct filesystem *fs = vec_push(&i->arena, &i->filesystems);

	fs->device = arena_strdup(&i->arena, device);
	fs->type = arena_strdup(&i->arena, "ntfs");
	fs->mountpoint = arena_strdup(&i->arena, mountpoint);
	return fs;
}

/* The system on /dev/sda2, data on /dev/sdb1. */
static struct inspection *with_volumes(struct fixture *f, bool hibernated, bool unclean, bool readonly,
				       bool data_unclean)
{
	AUTO(machine_freep) struct machine *m = machine_new();
	struct inspection *i = inspection_new();
	struct filesystem *fs;

	i->os.family = OS_WINDOWS;
	i->os.root = arena_strdup(&i->arena, "/dev/sda2");
	fs = add_volume(i, "/dev/sda2", "/");
	fs->hibernated = hibernated;
	fs->unclean = unclean;
	fs->is_readonly = readonly;
	add_volume(i, "/dev/sdb1", NULL)->unclean = data_unclean;
	if (inspect_guest(f->g, m, i, &f->err) < 0)
		fail_msg("%s", f->err.text);
	return i;
}

static void test_hibernated(void **state)
{
	struct fixture *f = *state;
	AUTO(inspection_freep) struct inspection *i = NULL;

	plant_windows(f);
	i = with_volumes(f, true, true, true, false);
	assert_int_equal(finding(i, "B-WINDOWS-HIBERNATED")->severity, SEVERITY_BLOCKER);
	assert_non_null(strstr(finding(i, "B-WINDOWS-HIBERNATED")->fix, "powercfg /h off"));
	assert_non_null(strstr(finding(i, "B-WINDOWS-HIBERNATED")->fix, "--discard-hibernation"));
	assert_null(finding(i, "B-NTFS-UNCLEAN"));
	inspection_free(i);
	i = with_volumes(f, true, true, false, false); /* it was given up */
	assert_null(finding(i, "B-WINDOWS-HIBERNATED"));
	assert_int_equal(finding(i, "W-HIBERNATION-DISCARDED")->severity, SEVERITY_WARNING);
}

static void test_unclean(void **state)
{
	struct fixture *f = *state;
	AUTO(inspection_freep) struct inspection *i = NULL;

	plant_windows(f);
	i = with_volumes(f, false, true, true, false);
	assert_int_equal(finding(i, "B-NTFS-UNCLEAN")->severity, SEVERITY_BLOCKER);
	assert_non_null(strstr(finding(i, "B-NTFS-UNCLEAN")->fix, "chkdsk /f"));
	inspection_free(i);
	i = with_volumes(f, false, true, false, false); /* --force */
	assert_null(finding(i, "B-NTFS-UNCLEAN"));
	assert_non_null(strstr(finding(i, "W-NTFS-UNCLEAN")->text, "its journal was dropped"));
	inspection_free(i);
	i = with_volumes(f, false, false, false, true);
	assert_string_equal(finding(i, "W-NTFS-UNCLEAN")->evidence, "/dev/sdb1");
	assert_int_equal(i->verdict, VERDICT_BOOTS);
}

static void test_dynamic_disks(void **state)
{
	struct fixture *f = *state;
	AUTO(machine_freep) struct machine *m = machine_new();
	AUTO(inspection_freep) struct inspection *i = inspection_new();

	plant_windows(f);
	i->os.family = OS_WINDOWS;
	i->windows = arena_alloc(&i->arena, sizeof *i->windows);
	*vec_push(&i->arena, &i->windows->dynamic) = 0;
	*vec_push(&i->arena, &i->windows->dynamic) = 2;
	i->os.root = arena_strdup(&i->arena, "/dev/mapper/ldm_vol_FILES01-Dg0_Volume1");
	assert_int_equal(inspect_guest(f->g, m, i, &f->err), 0);
	assert_non_null(strstr(finding(i, "B-DYNAMIC-DISK")->text, "disk 1, 3"));
	i->findings.n = 0;
	i->os.root = arena_strdup(&i->arena, "/dev/sdb1");
	assert_int_equal(inspect_guest(f->g, m, i, &f->err), 0);
	assert_null(finding(i, "B-DYNAMIC-DISK"));
	assert_int_equal(finding(i, "I-DYNAMIC-DISK")->severity, SEVERITY_INFO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    FIXTURE_TEST(test_facts),
	    FIXTURE_TEST(test_windows_11),
	    FIXTURE_TEST(test_activation),
	    FIXTURE_TEST(test_programs),
	    FIXTURE_TEST(test_management_programs),
	    FIXTURE_TEST(test_hyperv),
	    FIXTURE_TEST(test_connections),
	    FIXTURE_TEST(test_connections_by_slot),
	    FIXTURE_TEST(test_connections_guessed),
	    FIXTURE_TEST(test_same_mac),
	    FIXTURE_TEST(test_generated_mac),
	    FIXTURE_TEST(test_generated_macs),
	    FIXTURE_TEST(test_fixed_ipv6),
	    FIXTURE_TEST(test_wins),
	    FIXTURE_TEST(test_odd_addresses),
	    FIXTURE_TEST(test_team),
	    FIXTURE_TEST(test_arm64),
	    FIXTURE_TEST(test_unknown_architecture),
	    FIXTURE_TEST(test_unreadable_kernel),
	    FIXTURE_TEST(test_dirty_hive),
	    FIXTURE_TEST(test_broken_hive),
	    FIXTURE_TEST(test_no_space),
	    FIXTURE_TEST(test_hibernated),
	    FIXTURE_TEST(test_unclean),
	    FIXTURE_TEST(test_dynamic_disks),
	};

	return cmocka_run_group_tests_name("windows", tests, NULL, NULL);
}
