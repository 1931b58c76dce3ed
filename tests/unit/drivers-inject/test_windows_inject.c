/* Tests of inject_windows(): every key and file, against the layouts of docs/windows-drivers.md. */
#include "tests/unit/drivers-inject/virtio_win.h"

#include "tests/support/hive_maker.h"

#define CONFIG	 "/Windows/System32/config/"
#define SYSTEM	 CONFIG "SYSTEM"
#define SOFTWARE CONFIG "SOFTWARE"

static const char old_system[] = "[Select]\n\"Current\"=dword:00000001\n\"Default\"=dword:00000001\n"
				 "[ControlSet001\\Control\\CriticalDeviceDatabase\\pci#ven_1000&dev_0030]\n"
				 "\"Service\"=\"symmpi\"\n"
				 "[ControlSet001\\Services\\msahci]\n\"Start\"=dword:00000003\n"
				 "[ControlSet002\\Services\\disk]\n\"Start\"=dword:00000000\n";
static const char new_system[] = "[Select]\n\"Current\"=dword:00000002\n\"Default\"=dword:00000002\n"
				 "[ControlSet001\\Services\\disk]\n\"Start\"=dword:00000000\n"
				 "[ControlSet002\\Services\\storahci]\n\"Start\"=dword:00000003\n"
				 "[ControlSet002\\Services\\storahci\\StartOverride]\n\"0\"=dword:00000003\n"
				 "[ControlSet002\\Services\\viostor]\n\"Start\"=dword:00000004\n"
				 "[ControlSet002\\Services\\viostor\\StartOverride]\n\"0\"=dword:00000003\n"
				 "[DriverDatabase\\DeviceIds\\PCI]\n[DriverDatabase\\DriverInfFiles]\n"
				 "[DriverDatabase\\DriverPackages]\n";
static const char software[] = "[Microsoft\\Windows\\CurrentVersion]\n"
			       "\"DevicePath\"=expand_sz:\"%SystemRoot%\\\\inf;D:\\\\drivers\"\n";

struct guest_case {
	const char *windows, *system, *disc; /* options of make-virtio-win, NULL: no source */
	enum disk_bus prefer;
	const char *software; /* more of it, NULL none */
	bool secure_boot;
};

struct outcome {
	struct inspection *i;
	struct caps caps;
	struct driver_injection staged;
	struct driver_catalogue *c;
	int ret;
};

static void make_hives(struct fixture *f, const struct guest_case *g)
{
	const char *soft = arena_printf(&f->arena, "%s%s", software, g->software ? g->software : "");

	if (hive_make(f->g, SYSTEM, g->system, &f->err) < 0 || hive_make(f->g, SOFTWARE, soft, &f->err) < 0)
		fail_msg("%s", f->err.text);
}

/* Plants a guest around its hives. */
static void make_guest(struct fixture *f, const struct guest_case *g)
{
	static const char *const drivers[] = {"msahci", "storahci", "atapi", "intelide"};

	make_hives(f, g);
	for (size_t i = 0; i < sizeof drivers / sizeof *drivers; i++)
		plant(f, arena_printf(&f->arena, "/Windows/System32/drivers/%s.sys", drivers[i]), "MZ");
}

static int inject_with(struct fixture *f, const struct guest_case *g, struct outcome *o)
{
	AUTO(hive_closep) struct hive *system = NULL, *soft = NULL;
	struct windows_guest w = {.version = windows(f, g->windows), .systemroot = "/Windows", .prefer = g->prefer};

	if (hive_open(f->g, SYSTEM, HIVE_KEY_SYSTEM, HIVE_EDIT, &system, &f->err) < 0 ||
	    hive_open(f->g, SOFTWARE, HIVE_KEY_SOFTWARE, HIVE_EDIT, &soft, &f->err) < 0)
		fail_msg("%s", f->err.text);
	w.system = system;
	w.software = soft;
	if (inject_windows(f->g, &w, o->c, o->i, &f->log, &f->arena, &o->staged, &o->caps, &f->err) < 0)
		return -1;
	if (hive_commit(system, &f->log, &f->err) < 0 || hive_commit(soft, &f->log, &f->err) < 0)
		fail_msg("%s", f->err.text);
	return 0;
}

/* The disc lies beside the guest's own folders, where nothing looks. */
static struct outcome inject(struct fixture *f, const struct guest_case *g)
{
	struct outcome o = {.i = inspection_new()};

	make_guest(f, g);
	if (g->disc)
		o.c = open_disc(f, DISC(f, "disc", g->disc));
	o.i->windows = arena_alloc(&o.i->arena, sizeof *o.i->windows);
	o.i->windows->secure_boot = g->secure_boot ? TRI_YES : TRI_UNKNOWN;
	o.ret = inject_with(f, g, &o);
	if (o.ret < 0)
		fail_msg("%s", f->err.text);
	return o;
}

static void outcome_done(struct outcome *o)
{
	inspection_free(o->i);
	driver_catalogue_close(o->c);
}

static const struct finding *finding(const struct outcome *o, const char *id)
{
	VEC_FOR (it, &o->i->findings)
		if (strcmp(it->id, id) == 0)
			return it;
	return NULL;
}

/* The changes of a file of that kind, one behind the other: what was added to a hive, and what was taken away. */
static const char *changes(struct fixture *f, const char *path)
{
	AUTO(buf_done) struct buf b = BUF_INIT(1 << 20);

	VEC_FOR (c, &f->log.changes)
		for (char *line = c->diff && strcmp(c->path, path) == 0 ? arena_strdup(&f->arena, c->diff) : NULL;
		     line;) {
			const char *one = strsep(&line, "\n");

			if ((*one == '+' || *one == '-') && strncmp(one, "+++", 3) != 0 && strncmp(one, "---", 3) != 0)
				assert_int_equal(buf_addf(&b, "%s\n", one), 0);
		}
	return arena_strdup(&f->arena, buf_str(&b));
}

#define ROOT "HKEY_LOCAL_MACHINE\\SYSTEM\\"

static void test_old_registry(void **state)
{
	struct fixture *f = *state;
	struct outcome o = inject(f, &(struct guest_case){"6.1.7601 x86_64", old_system, "os=w7,w10"});

	assert_string_equal(changes(f, SYSTEM),
			    "+[" ROOT "ControlSet001\\Services\\viostor]\n"
			    "+\"Type\"=dword:00000001\n"
			    "+\"Start\"=dword:00000000\n"
			    "+\"Group\"=\"SCSI miniport\"\n"
			    "+\"ErrorControl\"=dword:00000001\n"
			    "+\"ImagePath\"=expand_sz:\"system32\\\\drivers\\\\viostor.sys\"\n"
			    "+[" ROOT "ControlSet001\\Control\\CriticalDeviceDatabase\\PCI#VEN_1AF4&DEV_1001&REV_00]\n"
			    "+\"Service\"=\"viostor\"\n"
			    "+\"ClassGUID\"=\"{4D36E97B-E325-11CE-BFC1-08002BE10318}\"\n"
			    "+[" ROOT "ControlSet001\\Control\\CriticalDeviceDatabase\\PCI#VEN_1AF4&DEV_1042&REV_01]\n"
			    "+\"Service\"=\"viostor\"\n"
			    "+\"ClassGUID\"=\"{4D36E97B-E325-11CE-BFC1-08002BE10318}\"\n");
	assert_string_equal(
	    changes(f, SOFTWARE),
	    "-\"DevicePath\"=expand_sz:\"%SystemRoot%\\\\inf;D:\\\\drivers\"\n"
	    "+\"DevicePath\"=expand_sz:\"%SystemRoot%\\\\inf;D:\\\\drivers"
	    ";%SystemRoot%\\\\rehost\\\\drivers\\\\viostor;%SystemRoot%\\\\rehost\\\\drivers\\\\vioscsi"
	    ";%SystemRoot%\\\\rehost\\\\drivers\\\\netkvm;%SystemRoot%\\\\rehost\\\\drivers\\\\balloon"
	    ";%SystemRoot%\\\\rehost\\\\drivers\\\\vioserial;%SystemRoot%\\\\rehost\\\\drivers\\\\viorng"
	    ";%SystemRoot%\\\\rehost\\\\drivers\\\\vioinput;%SystemRoot%\\\\rehost\\\\drivers\\\\pvpanic"
	    ";%SystemRoot%\\\\rehost\\\\drivers\\\\fwcfg\"\n");
	assert_non_null(strstr(text_of(f, "/Windows/System32/drivers/viostor.sys"), "MZ"));
	outcome_done(&o);
}

#define DATABASE ROOT "DriverDatabase\\"
#define PACKAGE	 DATABASE "DriverPackages\\guestor.inf_amd64_0000000000000000"

static void test_new_registry(void **state)
{
	struct fixture *f = *state;
	struct outcome o = inject(f, &(struct guest_case){"10.0.20348 s x86_64", new_system, "os=2k22"});

	assert_string_equal(changes(f, SYSTEM),
			    "-\"Start\"=dword:00000004\n"
			    "-[" ROOT "ControlSet002\\Services\\viostor\\StartOverride]\n"
			    "-\"0\"=dword:00000003\n"
			    "+\"Type\"=dword:00000001\n"
			    "+\"Start\"=dword:00000000\n"
			    "+\"Group\"=\"SCSI miniport\"\n"
			    "+\"ErrorControl\"=dword:00000001\n"
			    "+\"ImagePath\"=expand_sz:\"system32\\\\drivers\\\\viostor.sys\"\n"
			    "+[" DATABASE "DriverInfFiles\\guestor.inf]\n"
			    "+@=multi_sz:\"guestor.inf_amd64_0000000000000000\"\n"
			    "+\"Active\"=\"guestor.inf_amd64_0000000000000000\"\n"
			    "+\"Configurations\"=multi_sz:\"guestor_conf\"\n"
			    "+[" DATABASE "DeviceIds\\PCI\\VEN_1AF4&DEV_1001&REV_00]\n"
			    "+\"guestor.inf\"=hex:01,ff,00,00\n"
			    "+[" PACKAGE "\\Descriptors]\n"
			    "+[" PACKAGE "\\Descriptors\\PCI]\n"
			    "+[" PACKAGE "\\Descriptors\\PCI\\VEN_1AF4&DEV_1001&REV_00]\n"
			    "+\"Configuration\"=\"guestor_conf\"\n"
			    "+[" DATABASE "DeviceIds\\PCI\\VEN_1AF4&DEV_1042&REV_01]\n"
			    "+\"guestor.inf\"=hex:01,ff,00,00\n"
			    "+[" PACKAGE "\\Descriptors\\PCI\\VEN_1AF4&DEV_1042&REV_01]\n"
			    "+\"Configuration\"=\"guestor_conf\"\n"
			    "+[" PACKAGE "]\n"
			    "+\"Version\"=hex:00,ff,09,00,00,00,00,00,7b,e9,36,4d,25,e3,ce,11,bf,c1,08,00,2b,e1,03,18,"
			    "00,00,00,00,00,00,00,00,00,00,00,00,00,00,00,00,00,00,00,00,00,00,00,00\n"
			    "+[" PACKAGE "\\Configurations]\n"
			    "+[" PACKAGE "\\Configurations\\guestor_conf]\n"
			    "+\"ConfigFlags\"=dword:00000000\n"
			    "+\"Service\"=\"viostor\"\n");
	outcome_done(&o);
}

/* What the caller hands on to the first boot, and the files that are there for it. */
static void test_staged(void **state)
{
	static const char *const kinds[] = {"vioscsi",	"viostor", "netkvm",   "balloon", "vioserial", "viorng",
					    "vioinput", "viofs",   "viogpudo", "pvpanic", "fwcfg",     "qxldod"};
	struct fixture *f = *state;
	struct outcome o =
	    inject(f, &(struct guest_case){"10.0.19045 x86_64", new_system, "os=w10", DISK_BUS_VIRTIO_SCSI});

	assert_int_equal(o.staged.list.n, sizeof kinds / sizeof *kinds);
	for (size_t i = 0; i < o.staged.list.n; i++) {
		const struct staged_driver *d = &o.staged.list.v[i];
		const char *folder = arena_printf(&f->arena, "/Windows/rehost/drivers/%s", kinds[i]);

		assert_string_equal(driver_kind_name(d->kind), kinds[i]);
		assert_int_equal(d->boot, i == 0);
		assert_string_equal(d->version, "2024-07-22,100.95.104.26200");
		assert_int_equal(strncmp(d->inf, "%SystemRoot%\\rehost\\drivers\\", 28), 0);
		assert_true(guest_exists(f->g, arena_printf(&f->arena, "%s/%s", folder, strrchr(d->inf, '\\') + 1)));
	}
	assert_string_equal(o.staged.list.v[4].source, "vioserial/w10/amd64/vioser.inf");
	assert_true(guest_exists(f->g, "/Windows/rehost/drivers/netkvm/netkvm.cat"));
	assert_false(guest_exists(f->g, "/Windows/rehost/drivers/netkvm/netkvm.pdb"));
	assert_true(guest_exists(f->g, "/Windows/System32/drivers/vioscsi.sys"));
	assert_false(guest_exists(f->g, "/Windows/System32/drivers/viostor.sys"));
	assert_true(o.caps.disk == DISK_BUS_VIRTIO_SCSI && o.caps.net == NET_BUS_VIRTIO && o.caps.board == BOARD_Q35);
	assert_true(o.caps.rng && o.caps.balloon && o.caps.agent_channel && o.caps.virtio_gpu && !o.caps.safe_mode);
	assert_int_equal(o.i->findings.n, 0);
	outcome_done(&o);
}

/* The right bytes: programs say in clear text which package they are of. */
static void test_contents(void **state)
{
	struct fixture *f = *state;
	struct outcome o = inject(f, &(struct guest_case){"6.1.7601 i386", old_system, "os=w7,2k8R2,w10"});

	shell(f, arena_printf(&f->arena, "grep -q 'viostor w7 x86' %s/Windows/System32/drivers/viostor.sys", f->dir));
	shell(f,
	      arena_printf(&f->arena, "grep -q 'netkvm w7 x86' %s/Windows/rehost/drivers/netkvm/netkvm.sys", f->dir));
	assert_true(guest_exists(f->g, "/Windows/rehost/drivers/balloon/WdfCoInstaller01009.dll"));
	assert_string_equal(changes(f, "/none"), "");
	outcome_done(&o);
}

/* A second run changes nothing. */
static void test_twice(void **state)
{
	struct fixture *f = *state;
	const struct guest_case g = {"10.0.17763 s x86_64", new_system, "os=2k19"};
	struct outcome o = inject(f, &g);
	size_t before = f->log.changes.n;

	assert_int_equal(inject_with(f, &g, &o), 0);
	assert_int_equal(f->log.changes.n, before);
	outcome_done(&o);
}

/* Drivers from before virtio 1.0 need a board where devices have their old interface, too. */
static void test_legacy_drivers(void **state)
{
	struct fixture *f = *state;
	struct outcome o = inject(f, &(struct guest_case){"5.2.3790 s x86_64", old_system, "os=2k3"});

	assert_true(o.caps.disk == DISK_BUS_VIRTIO_BLK && o.caps.net == NET_BUS_VIRTIO && o.caps.board == BOARD_PC);
	assert_null(strstr(changes(f, SYSTEM), "DEV_1042"));
	assert_non_null(strstr(changes(f, SYSTEM), "PCI#VEN_1AF4&DEV_1001&REV_00"));
	outcome_done(&o);
}

static void test_arm64(void **state)
{
	struct fixture *f = *state;
	struct outcome o = inject(f, &(struct guest_case){"10.0.22631 aarch64", new_system, "os=w11"});

	assert_true(o.caps.disk == DISK_BUS_VIRTIO_BLK && o.caps.board == BOARD_VIRT);
	assert_non_null(strstr(changes(f, SYSTEM), "guestor.inf_arm64_0000000000000000"));
	outcome_done(&o);
}

/* Without virtio disks: what Windows itself has for the machine's disks is made to start. */
static void test_no_source(void **state)
{
	struct fixture *f = *state;
	struct outcome o = inject(f, &(struct guest_case){"10.0.19045 x86_64", new_system, NULL});

	assert_true(o.caps.disk == DISK_BUS_SATA && o.caps.net == NET_BUS_E1000E && o.caps.board == BOARD_Q35);
	assert_true(o.caps.safe_mode && !o.caps.rng && !o.caps.balloon && !o.caps.agent_channel && !o.caps.virtio_gpu);
	assert_int_equal(o.staged.list.n, 0);
	assert_string_equal(changes(f, SYSTEM), "-\"Start\"=dword:00000003\n"
						"-[" ROOT "ControlSet002\\Services\\storahci\\StartOverride]\n"
						"-\"0\"=dword:00000003\n"
						"+\"Start\"=dword:00000000\n");
	assert_string_equal(
	    finding(&o, "W-DRIVER-SOURCE")->text,
	    "No virtio drivers for Windows are on this host: the machine gets SATA disks and network cards of "
	    "the model e1000e.");
	assert_int_equal(o.i->findings.n, 1);
	outcome_done(&o);
}

static void test_no_disk_driver(void **state)
{
	struct fixture *f = *state;
	struct outcome o = inject(f, &(struct guest_case){"6.3.9600 s x86_64", new_system, "os=2k12R2 sign-old=test"});

	assert_true(o.caps.disk == DISK_BUS_SATA && o.caps.net == NET_BUS_E1000E && o.caps.safe_mode);
	assert_string_equal(
	    finding(&o, "W-DRIVER-DISK")->text,
	    "There is no driver for virtio disks, so the machine gets SATA disks: is signed by nobody whom this "
	    "Windows trusts (test).");
	assert_string_equal(finding(&o, "W-DRIVER-DISK")->evidence, "viostor/2k12R2/amd64/viostor.inf");
	assert_non_null(finding(&o, "W-DRIVER-NET"));
	assert_non_null(strstr(finding(&o, "I-DRIVER-MISSING")->text, "viogpudo (is signed by nobody"));
	assert_false(guest_exists(f->g, "/Windows/rehost"));
	outcome_done(&o);
}

/* One disk driver instead of the other, and drivers for the rest. */
static void test_other_disk_driver(void **state)
{
	struct fixture *f = *state;
	struct outcome o =
	    inject(f, &(struct guest_case){"10.0.19045 x86_64", new_system, "os=w10 drivers=vioscsi,netkvm"});

	assert_true(o.caps.disk == DISK_BUS_VIRTIO_SCSI && !o.caps.safe_mode);
	assert_null(finding(&o, "W-DRIVER-DISK"));
	assert_non_null(finding(&o, "I-DRIVER-MISSING"));
	outcome_done(&o);
}

static void test_xp_without_virtio(void **state)
{
	struct fixture *f = *state;
	struct outcome o = inject(f, &(struct guest_case){"5.1.2600 i386", old_system, "os=w10"});

	assert_true(o.caps.disk == DISK_BUS_IDE && o.caps.net == NET_BUS_RTL8139 && o.caps.board == BOARD_PC);
	assert_non_null(
	    strstr(changes(f, SYSTEM),
		   "+[" ROOT "ControlSet001\\Services\\atapi]\n+\"Type\"=dword:00000001\n"
		   "+\"Group\"=\"SCSI Miniport\"\n+\"ErrorControl\"=dword:00000001\n"
		   "+\"ImagePath\"=expand_sz:\"system32\\\\drivers\\\\atapi.sys\"\n+\"Start\"=dword:00000000\n"));
	assert_non_null(strstr(changes(f, SYSTEM),
			       "CriticalDeviceDatabase\\pci#ven_8086&dev_7010]\n+\"Service\"=\"intelide\"\n"
			       "+\"ClassGUID\"=\"{4D36E96A-E325-11CE-BFC1-08002BE10318}\"\n"));
	/* pciide.sys isn't there. */
	assert_string_equal(finding(&o, "W-BOOT-DISK-DRIVER")->evidence, "/Windows/System32/drivers/pciide.sys");
	assert_null(strstr(changes(f, SYSTEM), "pci#cc_0101"));
	outcome_done(&o);
}

/* Windows was installed on SCSI disks: the driver for any IDE controller drives Intel's, too. */
static void test_xp_without_intelide(void **state)
{
	static const char other[] = "[ControlSet001\\Control\\CriticalDeviceDatabase\\pci#ven_8086&dev_7010]\n"
				    "\"Service\"=\"intelide\"\n";
	struct fixture *f = *state;
	const struct guest_case g = {"5.2.3790 s i386", arena_printf(&f->arena, "%s%s", old_system, other), NULL};
	struct outcome o = {.i = inspection_new()};

	make_guest(f, &g);
	shell(f, arena_printf(&f->arena, "cd %s/Windows/System32/drivers && mv intelide.sys pciide.sys", f->dir));
	assert_int_equal(inject_with(f, &g, &o), 0);
	assert_non_null(strstr(changes(f, SYSTEM), "-\"Service\"=\"intelide\"\n+\"Service\"=\"pciide\"\n"));
	assert_non_null(strstr(changes(f, SYSTEM), "pci#cc_0101]\n+\"Service\"=\"pciide\"\n"));
	assert_null(strstr(changes(f, SYSTEM), "Services\\intelide"));
	outcome_done(&o);
}

static void test_doubts(void **state)
{
	struct fixture *f = *state;
	struct outcome o = inject(
	    f, &(struct guest_case){"10.0.17763 s x86_64", new_system, "os=2k16 drivers=viostor,netkvm sign=attested"});

	assert_non_null(strstr(finding(&o, "I-DRIVER-ATTESTED")->text, ": viostor, netkvm."));
	assert_non_null(strstr(finding(&o, "I-DRIVER-OTHER-RELEASE")->text, ": viostor, netkvm."));
	outcome_done(&o);
	o = inject(f,
		   &(struct guest_case){"10.0.19045 x86_64", new_system, "os=w10 drivers=viostor,netkvm sign=cross"});
	assert_non_null(strstr(finding(&o, "W-DRIVER-CROSS-SIGNED")->text, ": viostor, netkvm."));
	outcome_done(&o);
}

/* A guest that ran on KVM before: what it has stays, with no source, and with one that has nothing for it. */
static void test_installed(void **state)
{
	static const char system[] = "[Select]\n\"Current\"=dword:00000001\n"
				     "[ControlSet001\\Services\\viostor]\n\"Start\"=dword:00000000\n"
				     "\"ImagePath\"=expand_sz:\"System32\\\\drivers\\\\VIOSTOR.sys\"\n"
				     "[ControlSet001\\Services\\NetKVM]\n\"Start\"=dword:00000003\n"
				     "\"ImagePath\"=expand_sz:\"\\\\SystemRoot\\\\System32\\\\drivers\\\\netkvm.sys\"\n"
				     "[ControlSet001\\Services\\BALLOON]\n\"Start\"=dword:00000003\n"
				     "\"ImagePath\"=expand_sz:\"System32\\\\drivers\\\\gone.sys\"\n"
				     "[ControlSet001\\Services\\vioscsi]\n\"Start\"=dword:00000003\n"
				     "\"ImagePath\"=expand_sz:\"System32\\\\drivers\\\\viostor.sys\"\n"
				     "[DriverDatabase\\DeviceIds\\PCI\\VEN_1AF4&DEV_1042&SUBSYS_11001AF4&REV_01]\n"
				     "\"oem3.inf\"=hex:01,ff,00,00\n";
	static const char *const discs[] = {NULL, "os=w7 drivers=balloon sign-old=test"};
	struct fixture *f = *state;

	plant(f, "/Windows/System32/drivers/viostor.sys", "MZ");
	plant(f, "/Windows/System32/drivers/NetKVM.sys", "MZ");
	for (size_t i = 0; i < 2; i++) {
		struct outcome o = inject(f, &(struct guest_case){"10.0.19045 x86_64", system, discs[i]});

		assert_true(o.caps.disk == DISK_BUS_VIRTIO_BLK && o.caps.net == NET_BUS_VIRTIO);
		assert_true(!o.caps.balloon && !o.caps.safe_mode && o.caps.board == BOARD_Q35);
		assert_string_equal(finding(&o, "I-DRIVER-INSTALLED")->text,
				    "The guest has these drivers already, and they stay: viostor, netkvm.");
		assert_null(finding(&o, "W-DRIVER-SOURCE"));
		assert_null(finding(&o, "W-DRIVER-DISK"));
		assert_int_equal(f->log.changes.n, 0);
		assert_int_equal(o.staged.list.n, 0);
		outcome_done(&o);
	}
}

/* The source has a package, but Windows would not start with it: what it starts with now stays. */
static void test_installed_instead_of_package(void **state)
{
	static const char system[] = "[Select]\n\"Current\"=dword:00000001\n"
				     "[ControlSet001\\Services\\viostor]\n\"Start\"=dword:00000000\n"
				     "\"ImagePath\"=expand_sz:\"System32\\\\drivers\\\\viostor.sys\"\n"
				     "[DriverDatabase\\DeviceIds\\PCI\\VEN_1AF4&DEV_1042&SUBSYS_11001AF4&REV_01]\n"
				     "\"oem3.inf\"=hex:01,ff,00,00\n";
	struct guest_case g = {"10.0.19045 x86_64", system, "os=w10 sign=cross drivers=viostor,netkvm", 0, NULL, true};
	struct fixture *f = *state;
	struct outcome o;

	plant(f, "/Windows/System32/drivers/viostor.sys", "MZ its own");
	o = inject(f, &g);
	assert_true(o.caps.disk == DISK_BUS_VIRTIO_BLK && o.caps.board == BOARD_Q35 && !o.caps.safe_mode);
	assert_string_equal(text_of(f, "/Windows/System32/drivers/viostor.sys"), "MZ its own");
	assert_string_equal(finding(&o, "I-DRIVER-INSTALLED")->text,
			    "The guest has these drivers already, and they stay: viostor.");
	assert_non_null(strstr(finding(&o, "W-DRIVER-CROSS-SIGNED")->text, ": netkvm."));
	assert_int_equal(o.staged.list.n, 1);
	outcome_done(&o);
	g.secure_boot = false;
	o = inject(f, &g);
	assert_null(finding(&o, "I-DRIVER-INSTALLED"));
	assert_int_equal(o.staged.list.n, 2);
	outcome_done(&o);
}

/* Tied to no device: it doesn't start for the boot disk. Then tied to the old one alone. */
static void test_installed_not_for_boot(void **state)
{
	static const char system[] = "[Select]\n\"Current\"=dword:00000001\n"
				     "[ControlSet001\\Services\\viostor]\n\"Start\"=dword:00000000\n"
				     "\"ImagePath\"=expand_sz:\"System32\\\\drivers\\\\viostor.sys\"\n"
				     "[ControlSet001\\Services\\msahci]\n\"Start\"=dword:00000000\n"
				     "[ControlSet001\\Control\\CriticalDeviceDatabase\\pci#ven_1000&dev_0030]\n"
				     "\"Service\"=\"symmpi\"\n";
	static const char tied[] = "[ControlSet001\\Control\\CriticalDeviceDatabase\\PCI#VEN_1AF4&DEV_1001&REV_00]\n"
				   "\"Service\"=\"viostor\"\n";
	struct fixture *f = *state;
	struct outcome o;

	plant(f, "/Windows/System32/drivers/viostor.sys", "MZ");
	o = inject(f, &(struct guest_case){"6.1.7601 x86_64", system, NULL});
	assert_int_equal(o.caps.disk, DISK_BUS_SATA);
	assert_string_equal(
	    finding(&o, "W-DRIVER-SOURCE")->text,
	    "No virtio drivers for Windows are on this host: the machine gets SATA disks and network cards of "
	    "the model e1000.");
	outcome_done(&o);
	o = inject(f, &(struct guest_case){"6.1.7601 x86_64", tied, NULL});
	assert_true(o.caps.disk == DISK_BUS_VIRTIO_BLK && o.caps.board == BOARD_PC);
	outcome_done(&o);
}

static void test_old_label(void **state)
{
	struct fixture *f = *state;
	const char *system = arena_printf(
	    &f->arena, "%s[DriverDatabase\\DriverPackages\\guestor.inf_tmp]\n\"Version\"=hex:00\n", new_system);
	struct outcome o =
	    inject(f, &(struct guest_case){"10.0.19045 x86_64", system, "os=w10 drivers=viostor,netkvm"});

	assert_non_null(strstr(changes(f, SYSTEM), "-[" DATABASE "DriverPackages\\guestor.inf_tmp]\n"));
	outcome_done(&o);
}

#define CBS		     "[Microsoft\\Windows\\CurrentVersion\\Component Based Servicing\\Packages\\"
#define WITH(package, state) CBS package "]\n\"CurrentState\"=dword:" state "\n"

/* SHA-2 is known to Windows 7 from an update on; a driver with both signatures needs none. */
static void test_sha2(void **state)
{
	static const struct {
		const char *packages, *disc;
		enum disk_bus bus;
	} cases[] = {
	    {NULL, "os=w7 digest=sha256", DISK_BUS_VIRTIO_BLK},
	    {WITH("Package_for_KB2533552~31bf~amd64~~6.1.1.1", "00000070"), "os=w7 digest=sha256", DISK_BUS_SATA},
	    {WITH("Package_for_KB2533552~31bf~amd64~~6.1.1.1", "00000070"), "os=w7 digest=both", DISK_BUS_VIRTIO_BLK},
	    {WITH("Package_for_KB4474419~31bf~amd64~~6.1.3.2", "00000000"), "os=w7 digest=sha256", DISK_BUS_SATA},
	    {WITH("Package_for_KB4474419~31bf~amd64~~6.1.3.2", "00000070"), "os=w7 digest=sha256", DISK_BUS_VIRTIO_BLK},
	    {WITH("Package_for_RollupFix~31bf~amd64~~7601.24499.1.11", "00000070"), "os=w7 digest=sha256",
	     DISK_BUS_VIRTIO_BLK},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct outcome o;

		shell(f, arena_printf(&f->arena, "rm -rf %s/Windows %s/disc", f->dir, f->dir));
		o = inject(f, &(struct guest_case){"6.1.7601 x86_64", old_system, cases[i].disc, 0, cases[i].packages});
		assert_int_equal(o.caps.disk, cases[i].bus);
		assert_int_equal(o.caps.net, cases[i].bus == DISK_BUS_SATA ? NET_BUS_E1000 : NET_BUS_VIRTIO);
		if (cases[i].bus == DISK_BUS_SATA)
			assert_string_equal(
			    finding(&o, "W-DRIVER-DISK")->text,
			    "There is no driver for virtio disks, so the machine gets SATA disks: is signed with "
			    "SHA-2, which this Windows knows with update KB4474419 only (or KB3033929).");
		outcome_done(&o);
	}
}

static void test_secure_boot(void **state)
{
	struct fixture *f = *state;
	struct guest_case g = {"10.0.19045 x86_64", new_system, "os=w10 sign=cross", 0, NULL, true};
	struct outcome o = inject(f, &g);

	assert_int_equal(o.caps.disk, DISK_BUS_SATA);
	assert_string_equal(
	    finding(&o, "W-DRIVER-DISK")->text,
	    "There is no driver for virtio disks, so the machine gets SATA disks: its program is signed by its "
	    "maker only, and Secure Boot is on.");
	outcome_done(&o);
	g.disc = "os=w10 sign=attested";
	o = inject(f, &g);
	assert_int_equal(o.caps.disk, DISK_BUS_VIRTIO_BLK);
	outcome_done(&o);
}

/* Damaged packages: a finding each, up to eight, and the others are used. */
static void test_damaged_packages(void **state)
{
	struct fixture *f = *state;
	const struct guest_case g = {"10.0.19045 x86_64", new_system, NULL};
	struct outcome o = {.i = inspection_new()};
	size_t told = 0;

	make_guest(f, &g);
	o.c = open_disc(f, DISC(f, "disc", "inner=bad damage=garbage os=w7,w8", "inner=good os=w10"));
	assert_int_equal(inject_with(f, &g, &o), 0);
	VEC_FOR (it, &o.i->findings)
		told += strcmp(it->id, "W-DRIVER-INF") == 0;
	assert_int_equal(told, 9);
	assert_int_equal(o.caps.disk, DISK_BUS_VIRTIO_BLK);
	assert_string_equal(
	    finding(&o, "W-DRIVER-INF")->text,
	    "A driver package is left out: its .inf file is no .inf file: [Version] has no Signature of "
	    "Windows.");
	outcome_done(&o);
}

static int little_room(struct guest *g, const char *path, uint64_t *ret, struct err *err)
{
	*ret = 3 << 20;
	return 0;
}

static void test_no_room(void **state)
{
	struct fixture *f = *state;
	const struct guest_case g = {"10.0.19045 x86_64", new_system, NULL};
	struct outcome o = {.i = inspection_new()};
	const struct guest_ops *all = f->g->ops;
	struct guest_ops ops = *all;

	make_guest(f, &g);
	o.c = open_disc(f, DISC(f, "disc", "os=w10"));
	ops.space_free = little_room;
	f->g->ops = &ops;
	assert_int_equal(inject_with(f, &g, &o), -1);
	f->g->ops = all;
	assert_int_equal(f->err.code, ERR_BLOCKED);
	assert_string_equal(f->err.text,
			    "driver injection: the system drive has 3 MiB free, drivers need 17 MiB: make room in "
			    "the guest first");
	assert_false(guest_exists(f->g, "/Windows/rehost"));
	outcome_done(&o);
}

/* The source is another one when its files are read. */
static void test_changed_source(void **state)
{
	struct fixture *f = *state;
	const struct guest_case g = {"10.0.19045 x86_64", new_system, NULL};
	struct outcome o = {.i = inspection_new()};

	make_guest(f, &g);
	o.c = open_disc(f, DISC(f, "disc", "os=w10 drivers=viostor"));
	shell(f, arena_printf(&f->arena, "echo more >>%s/disc/viostor/w10/amd64/viostor.cat", f->dir));
	assert_int_equal(inject_with(f, &g, &o), -1);
	assert_int_equal(f->err.code, ERR_UNREADABLE);
	assert_non_null(strstr(f->err.text, "'viostor/w10/amd64/viostor.cat' had "));
	outcome_done(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    FIXTURE_TEST(test_old_registry),
	    FIXTURE_TEST(test_new_registry),
	    FIXTURE_TEST(test_staged),
	    FIXTURE_TEST(test_contents),
	    FIXTURE_TEST(test_twice),
	    FIXTURE_TEST(test_legacy_drivers),
	    FIXTURE_TEST(test_arm64),
	    FIXTURE_TEST(test_no_source),
	    FIXTURE_TEST(test_no_disk_driver),
	    FIXTURE_TEST(test_other_disk_driver),
	    FIXTURE_TEST(test_xp_without_virtio),
	    FIXTURE_TEST(test_xp_without_intelide),
	    FIXTURE_TEST(test_doubts),
	    FIXTURE_TEST(test_damaged_packages),
	    FIXTURE_TEST(test_no_room),
	    FIXTURE_TEST(test_changed_source),
	    FIXTURE_TEST(test_sha2),
	    FIXTURE_TEST(test_secure_boot),
	    FIXTURE_TEST(test_installed),
	    FIXTURE_TEST(test_installed_instead_of_package),
	    FIXTURE_TEST(test_installed_not_for_boot),
	    FIXTURE_TEST(test_old_label),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
