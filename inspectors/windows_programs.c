/* Programs of a Windows guest that matter for its conversion: hypervisors' tools, antivirus, group policies. */
#include "inspectors/windows.h"

#include <string.h>
#include <strings.h>

#include "guest/winpath.h"

#define UNINSTALL "Microsoft\\Windows\\CurrentVersion\\Uninstall"

enum { PROGRAMS_MAX = 4096, PROGRAM_NAMES = 8, START_DISABLED = 4 };

/* What says that a kind of tools is installed: a service, or the beginning of a program's name. */
static const struct tools {
	const char *id;
	const char *services[4];
	const char *programs[PROGRAM_NAMES];
} tools[] = {
    {"vmware-tools", {"VMTools", "vmci", "pvscsi"}, {"VMware Tools"}},
    {"hyperv", {"netvsc", "storvsc"}, {"Microsoft Hyper-V Guest", "Microsoft Hyper-V Integration"}},
    {"virtualbox",
     {"VBoxGuest", "VBoxService"},
     {"Oracle VM VirtualBox Guest", "Oracle VirtualBox Guest", "Sun VirtualBox Guest"}},
    {"xen",
     {"xenbus", "rhelscsi", "xenvbd"},
     {"Red Hat Paravirtualized Xen", "Xen PV", "SUSE Virtual Machine Driver Pack"}},
    {"citrix",
     {"xenevtchn", "xensvc"},
     {"Citrix Tools for Virtual Machines", "Citrix Xen Windows", "Citrix XenServer Tools", "Citrix XenServer Windows",
      "Citrix Hypervisor PV Tools", "XenServer VM Tools", "XenServer PV Tools", "XenServer Windows"}},
    {"parallels", {"prl_strg", "prl_tools", "prl_boot"}, {"Parallels Tools"}},
    {"qemu-guest-agent", {"QEMU-GA"}, {"QEMU guest agent"}},
};

/* Products whose drivers filter disks or network, or that keep drivers from being installed; names as their entries in
 * the list of installed programs begin. */
static const char *const antivirus[] = {
    "Avast",	      "AVG ",	      "Avira",	    "Bitdefender", "Carbon Black", "Cisco Secure Endpoint",
    "ClamWin",	      "Comodo",	      "Cortex XDR", "CrowdStrike", "Cylance",	   "Deep Security Agent",
    "Dr.Web",	      "ESET ",	      "F-Secure",   "FireEye",	   "FortiClient",  "G Data",
    "Kaspersky",      "Malwarebytes", "McAfee",	    "Norton",	   "Panda ",	   "SentinelOne",
    "Sentinel Agent", "Sophos",	      "Symantec",   "Trellix",	   "Trend Micro",  "VIPRE",
    "Webroot",	      "WithSecure",   "ZoneAlarm",
};

static bool begins(const char *text, const char *with)
{
	return strncasecmp(text, with, strlen(with)) == 0;
}

static void add_agent(struct windows_look *l, const char *id, const char *evidence)
{
	struct agent *a;

	VEC_FOR (known, &l->i->agents)
		if (strcmp(known->id, id) == 0)
			return;
	a = vec_push(&l->i->arena, &l->i->agents);
	*a = (struct agent){.id = arena_strdup(&l->i->arena, id), .evidence = arena_strdup(&l->i->arena, evidence)};
}

/* A program's entry in the list that "Add or remove programs" shows. */
static void look_at_program(struct windows_look *l, const char *name, const char *version)
{
	for (size_t k = 0; k < sizeof tools / sizeof *tools; k++)
		for (size_t n = 0; n < PROGRAM_NAMES && tools[k].programs[n]; n++)
			if (begins(name, tools[k].programs[n]))
				add_agent(l, tools[k].id,
					  arena_printf(&l->i->arena, "%s%s%s", name, version ? " " : "",
						       version ? version : ""));
	for (size_t k = 0; k < sizeof antivirus / sizeof *antivirus; k++)
		if (begins(name, antivirus[k])) {
			*vec_push(&l->i->arena, &l->w->antivirus) = arena_strdup(&l->i->arena, name);
			return;
		}
}

static int look_at_programs(struct windows_look *l, const char *list, struct err *err)
{
	AUTO(arena_done) struct arena a = {0};
	struct names keys;

	if (hive_subkeys(l->software, list, &a, &keys, err) < 0)
		return -1;
	for (size_t k = 0; k < keys.list.n && k < PROGRAMS_MAX; k++) {
		const char *key = arena_printf(&a, "%s\\%s", list, keys.list.v[k]);
		char *name, *version;

		if (hive_string(l->software, key, "DisplayName", &a, &name, err) < 0 ||
		    hive_string(l->software, key, "DisplayVersion", &a, &version, err) < 0)
			return -1;
		if (name)
			look_at_program(l, name, version);
	}
	return 0;
}

/* Windows itself has Hyper-V's drivers from 2008 R2 on: only a guest of it has devices on its bus. (Which devices a
 * service drives, Windows notes in a key that no file has.) */
static bool is_in_use(struct windows_look *l, const char *id, const char *service)
{
	const char *key = windows_key(l, "Services\\%s", service);
	struct names devices;
	uint32_t start;

	if (!hive_has_key(l->system, key))
		return false;
	if (strcmp(id, "hyperv") != 0)
		return true;
	return hive_dword(l->system, key, "Start", START_DISABLED, &start, NULL) == 0 && start != START_DISABLED &&
	       hive_subkeys(l->system, windows_key(l, "Enum\\VMBUS"), &l->i->arena, &devices, NULL) == 0 &&
	       devices.list.n > 0;
}

static void look_at_services(struct windows_look *l)
{
	for (size_t k = 0; k < sizeof tools / sizeof *tools; k++)
		for (size_t n = 0; n < 4 && tools[k].services[n]; n++)
			if (is_in_use(l, tools[k].id, tools[k].services[n])) {
				add_agent(l, tools[k].id,
					  arena_printf(&l->i->arena, "service %s", tools[k].services[n]));
				break;
			}
}

/* A policy that was applied leaves its list behind. */
static int look_at_policies(struct windows_look *l, struct err *err)
{
	static const char history[] = "Microsoft\\Windows\\CurrentVersion\\Group Policy\\History";
	static const char restrictions[] = "Policies\\Microsoft\\Windows\\DeviceInstall\\Restrictions";
	static const char powershell[] = "Policies\\Microsoft\\Windows\\PowerShell";
	struct names keys;
	struct reg_values values;
	char *policy;

	if (hive_subkeys(l->software, history, &l->i->arena, &keys, err) < 0 ||
	    hive_values(l->software, restrictions, &l->i->arena, &values, err) < 0 ||
	    hive_string(l->software, powershell, "ExecutionPolicy", &l->i->arena, &policy, err) < 0)
		return -1;
	l->w->group_policy = keys.list.n > 0;
	if (l->w->group_policy)
		finding_add(l->i, "I-GROUP-POLICY", SEVERITY_INFO,
			    "HKLM\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Group Policy", NULL,
			    "group policies are applied to the guest; some keep new drivers from being installed");
	if (values.list.n)
		finding_add(
		    l->i, "W-DRIVER-POLICY", SEVERITY_WARNING,
		    "HKLM\\SOFTWARE\\Policies\\Microsoft\\Windows\\DeviceInstall\\Restrictions",
		    "Allow the virtio devices in this policy, or lift it, before the conversion.",
		    "a policy restricts which devices may be installed: the network card may stay without a driver");
	if (policy && strcasecmp(policy, "AllSigned") == 0)
		finding_add(l->i, "I-POWERSHELL-SIGNED", SEVERITY_INFO, "ExecutionPolicy", NULL,
			    "a policy lets only signed PowerShell scripts run");
	return 0;
}

static void report_antivirus(struct windows_look *l)
{
	AUTO(buf_done) struct buf list = BUF_INIT(4096);

	VEC_FOR (name, &l->w->antivirus)
		buf_addf(&list, "%s%s", list.len ? ", " : "", *name);
	if (list.len)
		finding_add(
		    l->i, "W-ANTIVIRUS", SEVERITY_WARNING, buf_str(&list),
		    "Switch its self-protection off, or uninstall it, on the source before the conversion; install it "
		    "again after.",
		    "security software that filters disks and drivers is installed: some of it stops Windows from "
		    "starting on new hardware (stop code 0x7B)");
}

int windows_programs(struct windows_look *l, struct err *err)
{
	if (look_at_programs(l, UNINSTALL, err) < 0 || look_at_programs(l, "Wow6432Node\\" UNINSTALL, err) < 0 ||
	    look_at_policies(l, err) < 0)
		return -1;
	look_at_services(l);
	report_antivirus(l);
	return 0;
}
