/* Step foreign-tools: drivers and services of other hypervisors' tools don't start any more, filters of theirs are
 * taken out of the device classes, and their programs are removed at the first boot.
 *
 * A filter that a class names and that can't be loaded keeps every device of the class from starting: with disk
 * controllers that is stop code 0x7B. So names leave the lists of filters together with the services. */
#include <string.h>
#include <strings.h>

#include "converters/windows/windows.h"

enum {
	NAMES = 24,
	TEXT_MAX = 64 << 10,
	CLASSES_MAX = 4096,  /* of devices: Windows has under 200 */
	PROGRAMS_MAX = 4096, /* of the list of installed ones that are looked at */
	PRODUCTS_MAX = 64,   /* of one kind */
};

struct foreign_kind {
	const char *id;
	const char *services[NAMES]; /* drivers, file system filters, programs */
	const char *products[NAMES]; /* what DisplayName begins with in the list of installed programs */
	bool before_vista; /* newer Windows has these drivers in the box and starts them only where they fit */
};

/* Names as the products' own .inf files and services have them; only those are touched that are there. Of products the
 * names of what is installed in guests: maker and series alone are those of management programs, too. */
static const struct foreign_kind kinds[] = {
    {.id = "vmware",
     .services = {"pvscsi",	     "vmscsi",	      "vmci",	 "vsock",	 "vmrawdsk",
		  "vmmemctl",	     "vmhgfs",	      "vm3dmp",	 "vm3dmp-debug", "vm3dmp-stats",
		  "vm3dmp_loader",   "vmx_svga",      "vmmouse", "vmusbmouse",	 "vmvss",
		  "VMTools",	     "VGAuthService", "vsepflt", "vnetflt",	 "vnetWFP",
		  "VMUpgradeHelper", "giappdef",      "glxgi"},
     .products = {"VMware Tools"}},
    {.id = "hyperv",
     .services = {"vmbus", "storvsc", "storflt", "netvsc", "s3cap", "VMBusHID", "VMBusVideoM", "vmicheartbeat",
		  "vmickvpexchange", "vmicshutdown", "vmictimesync", "vmicvss"},
     .products = {"Microsoft Hyper-V Guest Components"},
     .before_vista = true},
    {.id = "virtualbox",
     .services = {"VBoxGuest", "VBoxMouse", "VBoxSF", "VBoxVideo", "VBoxWddm", "VBoxService"},
     .products = {"Oracle VM VirtualBox Guest Additions", "Oracle VirtualBox Guest Additions",
		  "Sun VirtualBox Guest Additions"}},
    {.id = "xen",
     .services = {"rhelscsi", "rhelnet",    "rhelfltr", "xenbus",   "xenfilt", "xenvbd",  "xencrsh",
		  "xendisk",  "xenvif",	    "xennet",	"xeniface", "xenhid",  "xenvkbd", "xencons",
		  "xenagent", "xenmonitor", "xenblk",	"xenscsi",  "xenpci",  "xenstub"},
     .products = {"Red Hat Paravirtualized Xen Drivers", "Xen PV Drivers", "SUSE Virtual Machine Driver Pack"}},
    {.id = "citrix",
     .services = {"xenevtchn", "xenutil", "xensvc", "xennet6", "xeninp", "scsifilt", "xenbus_monitor", "XenSvc",
		  "XenServerGuestAgent", "CitrixXenGuestAgent", "xenbusmonitor"},
     .products = {"Citrix Tools for Virtual Machines", "Citrix Xen Windows x86 PV Drivers",
		  "Citrix Xen Windows x64 PV Drivers", "Citrix XenServer Tools Installer",
		  "Citrix XenServer Windows Guest Agent", "Citrix XenServer VSS Provider",
		  "Citrix XenServer Windows Management Agent", "Citrix XenServer PV Tools", "Citrix VM Tools",
		  "Citrix Hypervisor Windows Management Agent", "Citrix Hypervisor PV Tools",
		  "XenServer Windows Management Agent", "XenServer PV Tools", "XenServer VM Tools"}},
    {.id = "parallels",
     .services = {"prl_boot", "prl_dd", "prl_eth5", "prl_fs", "prl_memdev", "prl_mouf", "prl_pv32", "prl_pv64",
		  "prl_scsi", "prl_sound", "prl_strg", "prl_tg", "prl_time", "prl_uprof", "prl_va", "prl_tools"},
     .products = {"Parallels Tools"}},
};

enum { START_DISABLED = 4 };

/* What the step has found of one kind. */
struct found {
	const struct step_context *c;
	const struct foreign_kind *kind;
	struct arena *arena;
	const char *reason;
	struct buf *script;
	bool drivers;
	unsigned products;
};

static bool is_service_of(const struct foreign_kind *k, const char *name)
{
	for (unsigned n = 0; n < NAMES && k->services[n]; n++)
		if (strcasecmp(name, k->services[n]) == 0)
			return true;
	return false;
}

static int disable_services(struct found *f, struct err *err)
{
	struct hive *h = f->c->windows->guest.system;

	for (unsigned n = 0; n < NAMES && f->kind->services[n]; n++) {
		const char *key = ccs_key(f->c, "Services\\%s", f->kind->services[n]);

		if (!hive_has_key(h, key))
			continue;
		f->drivers = true;
		if (hive_set_dword(h, key, "Start", START_DISABLED, f->reason, err) < 0)
			return -1;
	}
	return 0;
}

/* One list of filters of a class, without the kind's names. */
static int clean_filters(struct found *f, const char *key, const char *list, struct err *err)
{
	struct hive *h = f->c->windows->guest.system;
	struct names names = {0};
	VEC(const char *) kept = {0};

	if (hive_strings(h, key, list, f->arena, &names, err) < 0)
		return -1;
	VEC_FOR (name, &names.list)
		if (!is_service_of(f->kind, *name))
			*vec_push(f->arena, &kept) = *name;
	if (kept.n == names.list.n)
		return 0;
	if (!kept.n)
		return hive_unset(h, key, list, f->reason, err);
	*vec_push(f->arena, &kept) = NULL;
	return hive_set_strings(h, key, list, kept.v, f->reason, err);
}

static int clean_classes(struct found *f, struct err *err)
{
	struct hive *h = f->c->windows->guest.system;
	const char *classes = ccs_key(f->c, "Control\\Class");
	struct names names = {0};

	if (hive_subkeys(h, classes, f->arena, &names, err) < 0)
		return -1;
	for (size_t n = 0; n < names.list.n && n < CLASSES_MAX; n++) {
		const char *key = arena_printf(f->arena, "%s\\%s", classes, names.list.v[n]);

		if (clean_filters(f, key, "UpperFilters", err) < 0 || clean_filters(f, key, "LowerFilters", err) < 0)
			return -1;
	}
	return 0;
}

/* ---- removal at the first boot ---- */

static bool is_product_of(const struct foreign_kind *k, const char *display_name)
{
	for (unsigned n = 0; n < NAMES && k->products[n]; n++)
		if (strncasecmp(display_name, k->products[n], strlen(k->products[n])) == 0)
			return true;
	return false;
}

static bool is_product_code(const char *key)
{
	return strlen(key) == 38 && key[0] == '{' && key[37] == '}' &&
	       key[1 + strspn(key + 1, "0123456789abcdefABCDEF-")] == '}';
}

/* Behind the first ".exe" (or the like) that ends a word; NULL: there is none. */
static const char *program_end(const char *command)
{
	static const char *const endings[] = {".exe", ".cmd", ".bat", ".com"};

	for (const char *dot = command; (dot = strchr(dot, '.')); dot++)
		for (size_t n = 0; n < sizeof endings / sizeof *endings; n++)
			if (strncasecmp(dot, endings[n], 4) == 0 && (dot[4] == ' ' || !dot[4]))
				return dot + 4;
	return NULL;
}

/* "C:\Program Files\X\uninst.exe /a": products leave out the quotes, and Windows finds the program by trying. */
static const char *quoted(struct arena *a, const char *command)
{
	const char *end;

	if (*command == '"')
		return command;
	end = program_end(command);
	if (!end)
		end = command + strcspn(command, " ");
	return arena_printf(a, "\"%.*s\"%s", (int)(end - command), command, end);
}

/* A command file without `call` would end the script that it stands in. */
static bool is_command_file(const char *quoted_command)
{
	const char *end = strchr(quoted_command + 1, '"');

	return end && end - quoted_command > 4 &&
	       (strncasecmp(end - 4, ".cmd", 4) == 0 || strncasecmp(end - 4, ".bat", 4) == 0);
}

/* A program of its own that removes the product: the quiet command when the product states one, or VirtualBox's and
 * others' of the same make (NSIS), which take /S. */
static const char *quiet_command(struct found *f, const char *key, struct err *err)
{
	struct hive *h = f->c->windows->guest.software;
	char *quiet, *plain;

	if (hive_string(h, key, "QuietUninstallString", f->arena, &quiet, err) < 0 ||
	    hive_string(h, key, "UninstallString", f->arena, &plain, err) < 0)
		return NULL;
	if (quiet && *quiet)
		return quoted(f->arena, quiet);
	if (!plain || !*plain)
		return "";
	return arena_printf(f->arena, "%s /S", quoted(f->arena, plain));
}

/* Quotable text, and outside quotes nothing that ends a command: "C:\Program Files (x86)\X\u.exe" /S. */
static bool is_safe_command(struct arena *a, const char *command)
{
	char *plain = arena_strdup(a, command);
	bool quoted = false;

	for (char *s = plain; *s; s++) {
		if (*s == '"') {
			quoted = !quoted;
			*s = ' ';
		} else if (!quoted && strchr("&;()", *s)) {
			return false;
		}
	}
	return !quoted && boot_script_quotable(plain);
}

static void no_removal(const struct found *f, const char *name)
{
	finding_add(f->c->inspection, "W-TOOLS-NOT-REMOVED", SEVERITY_WARNING, name,
		    "Remove it inside the guest after the first boot.",
		    "'%s' stays installed, but doesn't start any more: it states no command that removes it quietly",
		    name);
}

/* The product in "MsiExec.exe /I{…}", which many entries have without saying that they are Windows Installer's. */
static const char *product_of_command(struct arena *a, const char *command)
{
	static const char program[] = "msiexec";
	const char *brace = command ? strchr(command, '{') : NULL;
	const char *code = brace ? arena_printf(a, "%.38s", brace) : NULL;

	return code && strncasecmp(command, program, strlen(program)) == 0 && is_product_code(code) ? code : NULL;
}

static int find_product_code(struct found *f, const char *key, const char *subkey, const char **ret, struct err *err)
{
	struct hive *h = f->c->windows->guest.software;
	char *command;
	uint32_t msi;

	if (hive_dword(h, key, "WindowsInstaller", 0, &msi, err) < 0 ||
	    hive_string(h, key, "UninstallString", f->arena, &command, err) < 0)
		return -1;
	*ret = msi && is_product_code(subkey) ? subkey : product_of_command(f->arena, command);
	return 0;
}

static int add_removal(struct found *f, const char *key, const char *subkey, const char *name, struct err *err)
{
	const char *command, *code;

	if (find_product_code(f, key, subkey, &code, err) < 0)
		return -1;
	if (code) {
		buf_addf(f->script, "call :msi %s\n", code);
		return 0;
	}
	command = quiet_command(f, key, err);
	if (!command)
		return -1;
	if (*command && is_safe_command(f->arena, command))
		buf_addf(f->script, "echo %s\n%s%s\nif errorlevel 1 set \"failed=1\"\n", f->kind->id,
			 is_command_file(command) ? "call " : "", command);
	else
		no_removal(f, name);
	return 0;
}

static int look_at_program(struct found *f, const char *list, const char *subkey, struct err *err)
{
	const char *key = arena_printf(f->arena, "%s\\%s", list, subkey);
	char *shown;

	if (hive_string(f->c->windows->guest.software, key, "DisplayName", f->arena, &shown, err) < 0)
		return -1;
	if (!shown || !is_product_of(f->kind, shown))
		return 0;
	if (++f->products > PRODUCTS_MAX)
		return err_set(err, ERR_CONVERT,
			       "more than %d programs of %s are installed; --keep-tools leaves them as they are",
			       PRODUCTS_MAX, f->kind->id);
	return add_removal(f, key, subkey, shown, err);
}

static int find_products(struct found *f, const char *list, struct err *err)
{
	struct names names = {0};

	if (hive_subkeys(f->c->windows->guest.software, list, f->arena, &names, err) < 0)
		return -1;
	for (size_t n = 0; n < names.list.n && n < PROGRAMS_MAX; n++)
		if (look_at_program(f, list, names.list.v[n], err) < 0)
			return -1;
	return 0;
}

static int run_kind(struct found *f, struct err *err)
{
	static const char *const lists[] = {"Microsoft\\Windows\\CurrentVersion\\Uninstall",
					    "Wow6432Node\\Microsoft\\Windows\\CurrentVersion\\Uninstall"};

	f->reason = arena_printf(f->arena, "%s has nothing to do on KVM, and could hang or crash there", f->kind->id);
	if (disable_services(f, err) < 0 || (f->drivers && clean_classes(f, err) < 0))
		return -1;
	for (size_t n = 0; n < sizeof lists / sizeof *lists; n++)
		if (find_products(f, lists[n], err) < 0)
			return -1;
	return 0;
}

static const char removal_head[] = "@echo off\n"
				   "setlocal EnableExtensions DisableDelayedExpansion\n"
				   "set \"reboot=\"\n"
				   "set \"failed=\"\n";
static const char removal_tail[] = "if defined reboot exit /b 3010\n"
				   "if defined failed exit /b 1\n"
				   "exit /b 0\n";
/* 1605, 1614: it isn't installed any more. */
static const char removal_msi[] = "\n"
				  "rem PRODUCT\n"
				  ":msi\n"
				  "msiexec /x %1 /qn /norestart REBOOT=ReallySuppress\n"
				  "set \"code=%errorlevel%\"\n"
				  "echo msiexec /x %1: %code%\n"
				  "if \"%code%\"==\"3010\" set \"reboot=1\"\n"
				  "if \"%code%\"==\"1641\" set \"reboot=1\"\n"
				  "for %%n in (0 1605 1614 1641 3010) do if \"%code%\"==\"%%n\" exit /b 0\n"
				  "set \"failed=1\"\n"
				  "exit /b 0\n";

static int run(const struct step_context *c, struct err *err)
{
	AUTO(buf_done) struct buf calls = BUF_INIT(TEXT_MAX);
	AUTO(buf_done) struct buf script = BUF_INIT(2 * TEXT_MAX);
	AUTO(arena_done) struct arena a = {0};

	for (size_t n = 0; n < sizeof kinds / sizeof *kinds; n++) {
		struct found f = {.c = c, .kind = &kinds[n], .arena = &a, .script = &calls};

		if (kinds[n].before_vista && windows_from(c, 6, 0))
			continue;
		if (run_kind(&f, err) < 0)
			return -1;
	}
	if (calls.failed)
		return err_set(err, ERR_CONVERT,
			       "the commands that remove other hypervisors' tools are over %d KiB; --keep-tools leaves "
			       "them as they are",
			       TEXT_MAX >> 10);
	if (calls.len) {
		buf_addf(&script, "%s%s%s%s", removal_head, buf_str(&calls), removal_tail,
			 strstr(buf_str(&calls), "call :msi") ? removal_msi : "");
		boot_script_add(c, "50-foreign-tools", "other hypervisors' tools are removed by their own programs",
				buf_str(&script));
	}
	return windows_commit(c, err);
}

static bool applies(const struct step_context *c)
{
	return !c->options->keep_tools;
}

const struct step step_windows_foreign_tools = {
    .id = "foreign-tools",
    .summary = "other hypervisors' tools don't start",
    .applies = applies,
    .run = run,
};
