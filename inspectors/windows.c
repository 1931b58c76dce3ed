/* A Windows guest: version, state and settings, from the SYSTEM and SOFTWARE hives and a few files, and what speaks
 * against its conversion. */
#include "inspectors/windows.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/base/bytes.h"
#include "core/base/checked.h"
#include "core/base/units.h"
#include "guest/winpath.h"
#include "inspectors/registry.h"

#define VERSION_KEY "Microsoft\\Windows NT\\CurrentVersion"
#define SHUTDOWN    "shutdown /s /f /t 0"

enum {
	WINDOWS_11_BUILD = 22000, /* "Windows 10" in ProductName */
	PE_OFFSET_AT = 0x3c,	  /* Microsoft, "PE Format" */
	PE_HEAD = 4096,
};

/* Drivers take about 40 MiB, the agent 20, hives grow by a few; Windows itself needs room to start. */
#define SPACE_MIN (100 * MIB)

char *windows_key(struct windows_look *l, const char *fmt, ...)
{
	va_list ap;
	char *rest;

	va_start(ap, fmt);
	rest = arena_vprintf(&l->i->arena, fmt, ap);
	va_end(ap);
	return arena_printf(&l->i->arena, "%s\\%s", l->w->control_set ? l->w->control_set : "CurrentControlSet", rest);
}

/* ------------------------------------------------------------------------------------------------------- hives */

/* %SystemRoot% as libguestfs found it, or the folder that holds a registry. */
static int find_systemroot(struct windows_look *l, struct err *err)
{
	static const char *const candidates[] = {"/Windows", "/WINNT"};
	char *path;

	if (l->w->systemroot)
		return 0;
	for (size_t k = 0; k < sizeof candidates / sizeof *candidates; k++) {
		if (win_path(l->guest, arena_printf(&l->i->arena, "%s/System32/config/SYSTEM", candidates[k]),
			     &l->i->arena, &path, err) < 0)
			return -1;
		if (path)
			return win_path(l->guest, candidates[k], &l->i->arena, &l->w->systemroot, err);
	}
	return 0;
}

static void tell_dirty(struct windows_look *l, const struct hive *h)
{
	if (hive_state(h) == HIVE_REPLAYED) {
		finding_add(l->i, "I-HIVE-REPLAYED", SEVERITY_INFO, hive_path(h), NULL,
			    "Windows was not shut down cleanly; what it had not yet written to %s was taken from its "
			    "transaction logs",
			    hive_path(h));
		if (strcmp(l->w->hives, "clean") == 0)
			l->w->hives = arena_strdup(&l->i->arena, "replayed");
	}
	if (hive_state(h) == HIVE_DIRTY) {
		finding_add(
		    l->i, "B-HIVE-DIRTY", SEVERITY_BLOCKER, hive_path(h),
		    "Start Windows on the source, let it come up, and shut it down with: " SHUTDOWN,
		    "Windows was not shut down cleanly: the registry hive %s is not whole, and its transaction logs "
		    "can't be replayed here",
		    hive_path(h));
		l->w->hives = arena_strdup(&l->i->arena, "dirty");
	}
}

static int open_hive(struct windows_look *l, const char *name, const char *root, struct hive **ret)
{
	struct err why = ERR_INIT;
	char *path = arena_printf(&l->i->arena, "%s/System32/config/%s", l->w->systemroot, name);

	if (hive_open(l->guest, path, root, HIVE_READ, ret, &why) == 0) {
		tell_dirty(l, *ret);
		return 0;
	}
	l->w->hives = arena_strdup(&l->i->arena, "unreadable");
	finding_add(l->i, "B-HIVE-UNREADABLE", SEVERITY_BLOCKER, why.text,
		    "Start Windows on the source and shut it down with: " SHUTDOWN
		    "; when it doesn't start there, repair it first",
		    "the registry hive %s can't be read", path);
	return -1;
}

/* ----------------------------------------------------------------------------------------------------- version */

static char *text_of(struct windows_look *l, struct hive *h, const char *key, const char *name)
{
	char *ret = NULL;

	if (hive_string(h, key, name, &l->i->arena, &ret, NULL) < 0 || (ret && !*ret))
		return NULL;
	return ret;
}

static uint32_t number_of(struct hive *h, const char *key, const char *name, uint32_t missing)
{
	uint32_t ret;

	return hive_dword(h, key, name, missing, &ret, NULL) < 0 ? missing : ret;
}

static unsigned decimal(const char *text)
{
	return text ? (unsigned)strtoul(text, NULL, 10) : 0;
}

/* From Windows 10 on CurrentVersion stays at "6.3". */
static void read_numbers(struct windows_look *l)
{
	struct windows_version *v = &l->w->version;
	char *version = text_of(l, l->software, VERSION_KEY, "CurrentVersion");
	char *build = text_of(l, l->software, VERSION_KEY, "CurrentBuildNumber");

	v->major = number_of(l->software, VERSION_KEY, "CurrentMajorVersionNumber", 0);
	v->minor = number_of(l->software, VERSION_KEY, "CurrentMinorVersionNumber", 0);
	if (!v->major && version && sscanf(version, "%u.%u", &v->major, &v->minor) != 2)
		v->major = v->minor = 0;
	v->build = decimal(build ? build : text_of(l, l->software, VERSION_KEY, "CurrentBuild"));
	l->w->update = number_of(l->software, VERSION_KEY, "UBR", 0);
}

/* Windows 11 says that it is 10. */
static char *product_name(struct windows_look *l)
{
	static const char ten[] = "Windows 10";
	const struct windows_version *v = &l->w->version;
	char *name = text_of(l, l->software, VERSION_KEY, "ProductName");

	if (!name || v->role != WINDOWS_CLIENT || v->build < WINDOWS_11_BUILD || strncmp(name, ten, strlen(ten)) != 0)
		return name;
	return arena_printf(&l->i->arena, "Windows 11%s", name + strlen(ten));
}

static enum windows_role role_of(const char *product_type)
{
	if (!product_type)
		return WINDOWS_ROLE_UNKNOWN;
	if (strcasecmp(product_type, "LanmanNT") == 0)
		return WINDOWS_DOMAIN_CONTROLLER;
	return strcasecmp(product_type, "WinNT") == 0 ? WINDOWS_CLIENT : WINDOWS_SERVER;
}

static void read_version(struct windows_look *l)
{
	const struct windows_release *release;
	struct windows *w = l->w;
	struct os_info *os = &l->i->os;
	char *role = text_of(l, l->system, windows_key(l, "Control\\ProductOptions"), "ProductType");
	char *name;

	read_numbers(l);
	w->edition = text_of(l, l->software, VERSION_KEY, "EditionID");
	w->installation = text_of(l, l->software, VERSION_KEY, "InstallationType");
	w->service_pack = text_of(l, l->software, VERSION_KEY, "CSDVersion");
	w->version.role = role_of(role);
	w->version.arch = os->arch;
	w->driver_database = hive_has_key(l->system, "DriverDatabase");
	name = product_name(l);
	if (name)
		os->product = name;
	os->major = (int)w->version.major;
	os->minor = (int)w->version.minor;
	release = windows_release_of(&w->version);
	if (release && !os->osinfo) /* newer than libguestfs here */
		os->osinfo = arena_strdup(&l->i->arena, release->osinfo);
}

/* ------------------------------------------------------------------------------------------------ architecture */

static const char *arch_of_machine(unsigned machine)
{
	switch (machine) { /* "Machine Types" */
	case 0x14c:
		return "i386";
	case 0x8664:
		return "x86_64";
	case 0xaa64:
		return "aarch64";
	case 0x1c4:
		return "arm";
	case 0x200:
		return "ia64";
	default:
		return NULL;
	}
}

static const char *arch_of_program(const struct buf *head)
{
	uint32_t pe;

	if (head->len <= PE_OFFSET_AT + 4 || memcmp(head->data, "MZ", 2) != 0)
		return NULL;
	pe = get_le32(head->data + PE_OFFSET_AT);
	if (!range_inside(pe, 6, head->len) || memcmp(head->data + pe, "PE\0", 4) != 0)
		return NULL;
	return arch_of_machine(get_le16(head->data + pe + 4));
}

/* CompactOS compresses the system's files in a way that ntfs-3g can't read by itself; *ret_unreadable tells that. */
static int read_kernel(struct windows_look *l, char **ret_path, struct buf *head, bool *ret_unreadable, struct err *err)
{
	struct arena *a = &l->i->arena;
	struct err why = ERR_INIT;

	if (win_path(l->guest, arena_printf(a, "%s/System32/ntoskrnl.exe", l->w->systemroot), a, ret_path, &why) == 0 &&
	    (!*ret_path || l->guest->ops->head(l->guest, *ret_path, PE_HEAD, head, &why) == 0))
		return 0;
	*ret_unreadable = why.code == ERR_UNREADABLE;
	return *ret_unreadable ? 0 : err_pass(err, &why);
}

static void report_arch(struct windows_look *l, const char *path, bool unreadable)
{
	const char *arch = l->i->os.arch;

	if (arch && (strcmp(arch, "x86_64") == 0 || strcmp(arch, "i386") == 0))
		return;
	if (!arch && unreadable)
		finding_add(l->i, "B-ARCHITECTURE", SEVERITY_BLOCKER, path,
			    "On the source, in case its system files are compressed: compact /compactos:never, "
			    "then " SHUTDOWN "; or copy it with --no-convert.",
			    "for which processor this Windows is can't be told: its kernel can't be read");
	else
		finding_add(l->i, "B-ARCHITECTURE", SEVERITY_BLOCKER, path,
			    "Copy it with --no-convert, and describe the machine by hand; there is nothing to be done "
			    "on the source.",
			    "Windows for %s processors isn't converted: only that for x86 is (i386, x86_64)",
			    arch ? arch : "unknown");
}

/* The kernel's own header decides; libguestfs looks at a program. */
static int read_arch(struct windows_look *l, struct err *err)
{
	AUTO(buf_done) struct buf head = BUF_INIT(PE_HEAD);
	bool unreadable = false;
	char *path = NULL;
	const char *arch;

	if (read_kernel(l, &path, &head, &unreadable, err) < 0)
		return -1;
	arch = arch_of_program(&head);
	if (arch)
		l->i->os.arch = arena_strdup(&l->i->arena, arch);
	report_arch(l, path, unreadable);
	return 0;
}

/* ---------------------------------------------------------------------------------------------------- settings */

static void read_domain(struct windows_look *l)
{
	char *domain = text_of(l, l->system, windows_key(l, "Services\\Tcpip\\Parameters"), "Domain");

	/* Netlogon starts by itself on members and controllers of a domain only. */
	if (number_of(l->system, windows_key(l, "Services\\Netlogon"), "Start", 3) != 2)
		return;
	l->w->domain =
	    domain ? domain
		   : text_of(l, l->software, "Microsoft\\Windows NT\\CurrentVersion\\Winlogon", "DefaultDomainName");
}

static void read_settings(struct windows_look *l)
{
	const char *zone = windows_key(l, "Control\\TimeZoneInformation");
	uint32_t boot = number_of(l->system, windows_key(l, "Control\\SecureBoot\\State"), "UEFISecureBootEnabled", 2);
	char *name;

	l->w->timezone = text_of(l, l->system, zone, "TimeZoneKeyName");
	if (!l->w->timezone || *l->w->timezone == '@')
		l->w->timezone = text_of(l, l->system, zone, "StandardName");
	l->w->rtc_utc = number_of(l->system, zone, "RealTimeIsUniversal", 0) ? TRI_YES : TRI_NO;
	l->i->os.clock = l->w->rtc_utc == TRI_YES ? CLOCK_UTC : CLOCK_LOCALTIME;
	l->w->auto_reboot = number_of(l->system, windows_key(l, "Control\\CrashControl"), "AutoReboot", 0);
	l->w->fast_startup =
	    number_of(l->system, windows_key(l, "Control\\Session Manager\\Power"), "HiberbootEnabled", 0);
	l->w->secure_boot = boot == 2 ? TRI_UNKNOWN : boot ? TRI_YES : TRI_NO;
	name = text_of(l, l->system, windows_key(l, "Control\\ComputerName\\ComputerName"), "ComputerName");
	if (name && !l->i->os.hostname)
		l->i->os.hostname = name;
	read_domain(l);
}

/* -------------------------------------------------------------------------------------------------- what it means */

static int judge_space(struct windows_look *l, struct err *err)
{
	char is[SIZE_WORDS_MAX], wanted[SIZE_WORDS_MAX];

	if (l->guest->ops->space_free(l->guest, l->w->systemroot, &l->w->space_free, err) < 0)
		return -1;
	if (l->w->space_free < SPACE_MIN)
		finding_add(
		    l->i, "B-WINDOWS-SPACE", SEVERITY_BLOCKER, NULL,
		    "Make room on drive C: of the source (cleanmgr, or a larger disk), shut it down, and convert "
		    "again",
		    "the Windows volume has %s free, the drivers and Windows' first start need %s",
		    size_in_words(l->w->space_free, is), size_in_words(SPACE_MIN, wanted));
	return 0;
}

/* Licences know the hardware; MAC addresses and UUID stay, the board doesn't. */
static void judge_activation(struct windows_look *l)
{
	char *id = text_of(l, l->software, VERSION_KEY, "ProductId");
	char *host = text_of(l, l->software, VERSION_KEY "\\SoftwareProtectionPlatform", "KeyManagementServiceName");

	if (host)
		finding_add(l->i, "I-ACTIVATION", SEVERITY_INFO, host, NULL,
			    "a key management service activates this Windows: it asks it again after the move");
	else if (id && strstr(id, "OEM"))
		finding_add(
		    l->i, "W-ACTIVATION-OEM", SEVERITY_WARNING, id,
		    "Have a product key ready that is not bound to the old machine (slmgr /ipk, then slmgr /ato).",
		    "the licence of this Windows is its old hardware's maker's: it will not be activated on "
		    "another machine");
	else
		finding_add(l->i, "I-ACTIVATION", SEVERITY_INFO, id,
			    "Have the product key ready; XP and Server 2003 may let nobody log on before.",
			    "Windows may ask to be activated again on its new hardware");
}

static void judge(struct windows_look *l)
{
	struct windows *w = l->w;

	if (w->fast_startup && !w->hibernated)
		finding_add(
		    l->i, "I-FAST-STARTUP", SEVERITY_INFO, "HiberbootEnabled", NULL,
		    "Fast Startup is on: this time Windows was shut down completely, but often it only hibernates");
	if (w->domain)
		finding_add(l->i, "I-DOMAIN", SEVERITY_INFO, w->domain,
			    "Start only one of source and copy, or the domain sees the same computer twice",
			    "the guest is %s of the domain %s",
			    w->version.role == WINDOWS_DOMAIN_CONTROLLER ? "a controller" : "a member", w->domain);
}

static int look(struct windows_look *l, struct err *err)
{
	struct err none = ERR_INIT;

	if (hive_control_set(l->system, &l->i->arena, &l->w->control_set, &none) < 0)
		finding_add(l->i, "B-HIVE-UNREADABLE", SEVERITY_BLOCKER, none.text,
			    "Start Windows on the source and shut it down with: " SHUTDOWN,
			    "the registry doesn't tell with which control set Windows starts");
	read_version(l);
	read_settings(l);
	if (windows_network(l, err) < 0 || windows_programs(l, err) < 0)
		return -1;
	judge(l);
	judge_activation(l);
	return 0;
}

static int run(struct guest *g, const struct machine *m, struct inspection *i, struct err *err)
{
	struct windows_look l = {.guest = g, .machine = m, .i = i};
	AUTO(hive_closep) struct hive *system = NULL;
	AUTO(hive_closep) struct hive *software = NULL;

	if (!i->windows)
		i->windows = arena_alloc(&i->arena, sizeof *i->windows);
	l.w = i->windows;
	l.w->hives = arena_strdup(&i->arena, "clean");
	if (find_systemroot(&l, err) < 0)
		return -1;
	if (!l.w->systemroot) {
		l.w->hives = arena_strdup(&i->arena, "unreadable");
		finding_add(i, "B-HIVE-UNREADABLE", SEVERITY_BLOCKER, NULL, "Choose another system with --root.",
			    "no folder with a registry was found: neither Windows nor WINNT");
		return 0;
	}
	windows_volumes(&l);
	if (read_arch(&l, err) < 0 || judge_space(&l, err) < 0)
		return -1;
	if (open_hive(&l, "SYSTEM", HIVE_KEY_SYSTEM, &system) < 0 ||
	    open_hive(&l, "SOFTWARE", HIVE_KEY_SOFTWARE, &software) < 0)
		return 0;
	l.system = system;
	l.software = software;
	return look(&l, err);
}

static bool is_windows(const struct inspection *i)
{
	return i->os.family == OS_WINDOWS;
}

const struct inspector inspector_windows = {.id = "windows", .applies = is_windows, .run = run};
