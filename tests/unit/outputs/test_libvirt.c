/* The domain XML: its words for one machine, and libvirt's own judgement (schema, test driver, QEMU driver) for many.
 */
#include <fcntl.h>
#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/child.h"
#include "core/base/cleanup.h"
#include "core/base/file.h"
#include "outputs/output.h"
#include "tests/unit/outputs/job.h"

enum { MAX = 4 << 20 };

static void must_write(const struct job_fixture *f, struct buf *xml)
{
	struct err err = ERR_INIT;

	if (libvirt_xml(&f->job, xml, &err) < 0)
		fail_msg("%s", err.text);
}

static void must_have(const struct buf *xml, const char *text)
{
	if (!strstr(buf_str(xml), text))
		fail_msg("no %s in\n%s", text, buf_str(xml));
}

static void must_not_have(const struct buf *xml, const char *text)
{
	if (strstr(buf_str(xml), text))
		fail_msg("%s in\n%s", text, buf_str(xml));
}

/* --- libvirt's judgement --- */

static int have(const char *program)
{
	AUTO(buf_done) struct buf out = BUF_INIT(4096);

	return child_run((const char *const[]){program, "--version", NULL}, &out, NULL) >= 0;
}

static void must_run(const char *const *argv, const char *text)
{
	AUTO(buf_done) struct buf out = BUF_INIT(1 << 20);
	struct err err = ERR_INIT;
	int status = child_run(argv, &out, &err);

	if (status)
		fail_msg("%s: status %d: %s%s\n%s", argv[0], status, err.text, buf_str(&out), text);
}

/* The driver keeps what it learns of QEMU in its root, so that all tests share one folder. */
static int make_folder(void **state)
{
	static char dir[] = "/tmp/rehost-libvirt-XXXXXX";
	const struct passwd *nobody = getpwnam("nobody");

	if (!mkdtemp(dir) || chmod(dir, 0755) < 0)
		return -1;
	if (geteuid() == 0 && nobody && chown(dir, nobody->pw_uid, nobody->pw_gid) < 0)
		return -1;
	*state = dir;
	return 0;
}

static int remove_folder(void **state)
{
	return file_remove_tree(AT_FDCWD, *state, NULL);
}

static void embed_define(const char *dir, const char *file, const char *text)
{
	char uri[300], commands[300], home[300];

	if (access("/usr/lib/x86_64-linux-gnu/libvirt/connection-driver/libvirt_driver_qemu.so", R_OK) < 0) {
		print_message("SKIP: qemu:///embed: the package libvirt-daemon-driver-qemu is not installed\n");
		return;
	}
	if (geteuid() == 0 && !getpwnam("nobody")) {
		print_message("SKIP: qemu:///embed: there is no user nobody to run it as\n");
		return;
	}
	snprintf(uri, sizeof uri, "qemu:///embed?root=%s/root", dir);
	snprintf(commands, sizeof commands, "define --validate %s; undefine web01 --nvram", file);
	snprintf(home, sizeof home, "HOME=%s", dir); /* the driver writes into its user's home */
	if (geteuid() == 0)
		must_run((const char *const[]){"runuser", "-u", "nobody", "--", "env", "-i", "PATH=/usr/bin:/bin", home,
					       "virsh", "-c", uri, commands, NULL},
			 text);
	else
		must_run((const char *const[]){"virsh", "-c", uri, commands, NULL}, text);
}

/* The XML with type="kvm" made "qemu": the QEMU driver refuses kvm on a host without it. */
static void without_kvm(const struct buf *xml, struct buf *ret)
{
	static const char kvm[] = "<domain type=\"kvm\">";

	assert_memory_equal(xml->data, kvm, sizeof kvm - 1);
	buf_adds(ret, "<domain type=\"qemu\">");
	buf_adds(ret, xml->data + sizeof kvm - 1);
}

static void libvirt_accepts(void **state, const struct buf *xml)
{
	AUTO(buf_done) struct buf tcg = BUF_INIT(MAX);
	char file[64], define[128];
	int fd;

	if (!have("virsh") || !have("virt-xml-validate")) {
		print_message("SKIP: libvirt's judgement: the package libvirt-clients is not installed\n");
		return;
	}
	snprintf(file, sizeof file, "%s/x.xml", (const char *)*state);
	without_kvm(xml, &tcg);
	fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_int_equal(file_pwrite(fd, tcg.data, tcg.len, 0, NULL), 0);
	close(fd);
	must_run((const char *const[]){"virt-xml-validate", file, "domain", NULL}, buf_str(xml));
	snprintf(define, sizeof define, "define --validate %s", file);
	must_run((const char *const[]){"virsh", "-c", "test:///default", define, NULL}, buf_str(xml));
	embed_define(*state, file, buf_str(xml));
}

/* --- the words --- */

static void a_bios_guest(void **state)
{
	AUTO(job_done) struct job_fixture f;
	AUTO(buf_done) struct buf xml = BUF_INIT(MAX);

	job_init(&f);
	f.m->clock = CLOCK_UTC;
	must_write(&f, &xml);
	must_have(&xml, "<name>web01</name>\n  <uuid>564d1122-3344-5566-7788-99aabbccddee</uuid>\n");
	must_not_have(&xml, "<title>");
	must_have(&xml, "<libosinfo:os id=\"http://debian.org/debian/12\"/>");
	must_have(&xml, "source=\"ova\" verdict=\"BOOTS\"/>");
	must_have(&xml, "<memory unit=\"KiB\">1048576</memory>");
	must_have(&xml, "<vcpu>2</vcpu>");
	must_have(&xml, "  <os>\n    <type arch=\"x86_64\" machine=\"q35\">hvm</type>\n  </os>");
	must_have(&xml, "<cpu mode=\"host-model\"/>");
	must_have(&xml, "<clock offset=\"utc\">\n    <timer name=\"rtc\" tickpolicy=\"catchup\"/>");
	must_have(&xml, "<driver name=\"qemu\" type=\"qcow2\" discard=\"unmap\"/>\n"
			"      <source file=\"/srv/vm/web01/web01-sda.qcow2\"/>\n"
			"      <target dev=\"vda\" bus=\"virtio\"/>\n"
			"      <serial>707534d3-sda</serial>\n"
			"      <boot order=\"1\"/>");
	must_have(&xml, "<interface type=\"network\">\n"
			"      <mac address=\"00:50:56:aa:00:01\"/>\n"
			"      <source network=\"VM Network\"/>\n"
			"      <model type=\"virtio\"/>\n"
			"    </interface>");
	must_have(&xml, "<target type=\"virtio\" name=\"org.qemu.guest_agent.0\"/>");
	must_have(&xml, "<backend model=\"random\">/dev/urandom</backend>");
	must_have(&xml, "<memballoon model=\"virtio\"/>");
	must_have(&xml, "<input type=\"tablet\" bus=\"usb\"/>");
	must_have(&xml, "<model type=\"virtio\"/>\n    </video>");
	must_not_have(&xml, "cache=");
	libvirt_accepts(state, &xml);
}

static void a_uefi_guest_with_and_without_secure_boot(void **state)
{
	AUTO(job_done) struct job_fixture f;
	AUTO(buf_done) struct buf xml = BUF_INIT(MAX);

	job_init(&f);
	f.job.firmware = FIRMWARE_UEFI;
	f.m->sockets = 1;
	f.m->cores = 2;
	f.m->threads = 1;
	must_write(&f, &xml);
	must_have(&xml, "<os firmware=\"efi\">");
	must_have(&xml, "<feature enabled=\"no\" name=\"secure-boot\"/>");
	must_have(&xml, "<topology sockets=\"1\" cores=\"2\" threads=\"1\"/>");
	must_not_have(&xml, "smm");
	libvirt_accepts(state, &xml);
	buf_clear(&xml);
	f.m->secure_boot = TRI_YES;
	must_write(&f, &xml);
	must_have(&xml, "<feature enabled=\"yes\" name=\"enrolled-keys\"/>\n"
			"      <feature enabled=\"yes\" name=\"secure-boot\"/>");
	must_have(&xml, "<smm state=\"on\"/>");
	libvirt_accepts(state, &xml);
}

static void safe_mode_is_sata_and_e1000e(void **state)
{
	AUTO(job_done) struct job_fixture f;
	AUTO(buf_done) struct buf xml = BUF_INIT(MAX);

	job_init(&f);
	f.caps = (struct caps){.disk = DISK_BUS_SATA, .net = NET_BUS_E1000E, .board = BOARD_Q35, .safe_mode = true};
	vec_push(&f.m->arena, &f.m->removables)->kind = REMOVABLE_CDROM;
	job_add_disk(&f);
	machine_complete(f.m);
	must_write(&f, &xml);
	must_have(&xml, "<target dev=\"sda\" bus=\"sata\"/>");
	must_have(&xml, "<target dev=\"sdb\" bus=\"sata\"/>");
	must_have(&xml, "<disk type=\"file\" device=\"cdrom\">\n      <driver name=\"qemu\" type=\"raw\"/>\n"
			"      <target dev=\"sdc\" bus=\"sata\"/>\n      <readonly/>");
	must_have(&xml, "<boot order=\"2\"/>");
	must_have(&xml, "<model type=\"e1000e\"/>");
	must_have(&xml, "<memballoon model=\"none\"/>");
	must_have(&xml, "<model type=\"vga\"/>");
	must_not_have(&xml, "guest_agent");
	must_not_have(&xml, "<rng");
	libvirt_accepts(state, &xml);
}

static void an_old_guest_on_pc(void **state)
{
	AUTO(job_done) struct job_fixture f;
	AUTO(buf_done) struct buf xml = BUF_INIT(MAX);
	struct err err = ERR_INIT;

	job_init(&f);
	f.caps = (struct caps){.disk = DISK_BUS_IDE, .net = NET_BUS_RTL8139, .board = BOARD_PC};
	vec_push(&f.m->arena, &f.m->removables)->kind = REMOVABLE_CDROM;
	vec_push(&f.m->arena, &f.m->removables)->kind = REMOVABLE_FLOPPY;
	must_write(&f, &xml);
	must_have(&xml, "machine=\"pc\"");
	must_have(&xml, "<target dev=\"hda\" bus=\"ide\"/>");
	must_have(&xml, "<target dev=\"hdb\" bus=\"ide\"/>\n      <readonly/>");
	must_have(&xml, "<target dev=\"fda\" bus=\"fdc\"/>");
	must_have(&xml, "model=\"piix3-uhci\"");
	libvirt_accepts(state, &xml);
	for (int i = 0; i < 4; i++)
		job_add_disk(&f);
	assert_int_equal(libvirt_xml(&f.job, &xml, &err), -1);
	assert_string_equal(err.text, "there are 5 disks, IDE holds 4");
	assert_int_equal(err.code, ERR_CONVERT);
}

/* What an arm64 machine doesn't have is not asked for: VGA, PS/2, IDE, floppy drives, x86's timers. */
static void an_arm64_guest(void **state)
{
	static const enum disk_bus buses[] = {DISK_BUS_VIRTIO_BLK, DISK_BUS_SATA};
	AUTO(job_done) struct job_fixture f;

	job_init(&f);
	f.caps.board = BOARD_VIRT;
	f.job.firmware = FIRMWARE_UEFI;
	vec_push(&f.m->arena, &f.m->removables)->kind = REMOVABLE_CDROM;
	vec_push(&f.m->arena, &f.m->removables)->kind = REMOVABLE_FLOPPY;
	for (size_t i = 0; i < sizeof buses / sizeof *buses; i++) {
		AUTO(buf_done) struct buf xml = BUF_INIT(MAX);

		f.caps.disk = buses[i];
		f.caps.net = i ? NET_BUS_E1000E : NET_BUS_VIRTIO;
		f.caps.virtio_gpu = !i;
		f.m->secure_boot = i ? TRI_YES : TRI_NO;
		must_write(&f, &xml);
		must_have(&xml, "<os firmware=\"efi\">\n    <type arch=\"aarch64\" machine=\"virt\">hvm</type>");
		must_have(&xml, i ? "<feature enabled=\"yes\" name=\"secure-boot\"/>"
				  : "<feature enabled=\"no\" name=\"secure-boot\"/>");
		must_have(&xml, "<cpu mode=\"maximum\"/>\n  <clock offset=\"utc\"/>");
		must_have(&xml, i ? "<target dev=\"sda\" bus=\"sata\"/>" : "<target dev=\"vda\" bus=\"virtio\"/>");
		must_have(&xml, i ? "<target dev=\"sdb\" bus=\"sata\"/>\n      <readonly/>"
				  : "<target dev=\"sda\" bus=\"sata\"/>\n      <readonly/>");
		must_have(&xml, "<controller type=\"usb\" index=\"0\" model=\"qemu-xhci\"/>");
		must_have(&xml, "<input type=\"keyboard\" bus=\"usb\"/>");
		must_have(&xml, i ? "<model type=\"ramfb\"/>" : "<model type=\"virtio\"/>\n    </video>");
		for (const char *const *x86 = (const char *const[]){"vga", "apic/", "timer", "fdc", "ps2", "smm", NULL};
		     *x86; x86++)
			must_not_have(&xml, *x86);
		if (have("qemu-system-aarch64"))
			libvirt_accepts(state, &xml);
		else
			print_message("SKIP: libvirt's judgement: qemu-system-aarch64 is not installed\n");
		/* which libvirt takes only where swtpm is installed */
		f.m->tpm = true;
		must_write(&f, &xml);
		must_have(&xml, "<tpm model=\"tpm-tis\">");
		f.m->tpm = false;
	}
}

static void many_disks_on_each_bus(void **state)
{
	static const enum disk_bus buses[] = {DISK_BUS_VIRTIO_BLK, DISK_BUS_VIRTIO_SCSI, DISK_BUS_SATA, DISK_BUS_PVSCSI,
					      DISK_BUS_LSISAS};
	AUTO(job_done) struct job_fixture f;

	job_init(&f);
	for (int i = 0; i < 13; i++)
		job_add_disk(&f);
	machine_complete(f.m);
	f.m->disks.v[3].policy = (struct io_policy){1000, 50 * MIB};
	for (size_t i = 0; i < sizeof buses / sizeof *buses; i++) {
		AUTO(buf_done) struct buf xml = BUF_INIT(MAX);

		f.caps.disk = buses[i];
		must_write(&f, &xml);
		must_have(&xml, i ? "<target dev=\"sdn\"" : "<target dev=\"vdn\"");
		must_have(&xml, "<boot order=\"14\"/>");
		must_have(&xml, "<iotune>\n        <total_bytes_sec>52428800</total_bytes_sec>\n"
				"        <total_iops_sec>1000</total_iops_sec>\n      </iotune>");
		libvirt_accepts(state, &xml);
		if (buses[i] == DISK_BUS_VIRTIO_SCSI) {
			must_have(&xml, "controller=\"0\" bus=\"0\" target=\"13\" unit=\"0\"/>");
			must_not_have(&xml, "<controller type=\"scsi\" index=\"1\"");
		} else if (buses[i] == DISK_BUS_PVSCSI) {
			must_have(&xml, "controller=\"1\" bus=\"0\" target=\"6\" unit=\"0\"/>");
			must_have(&xml, "<controller type=\"scsi\" index=\"0\" model=\"vmpvscsi\"/>");
			must_have(&xml, "<controller type=\"scsi\" index=\"1\" model=\"vmpvscsi\"/>");
		}
	}
}

static void big_sectors_only_where_they_can_be_shown(void **state)
{
	AUTO(job_done) struct job_fixture f;
	AUTO(buf_done) struct buf xml = BUF_INIT(MAX);
	struct err err = ERR_INIT;

	job_init(&f);
	f.disks[0].logical_sector = 4096;
	f.disks[0].format = "raw";
	must_write(&f, &xml);
	must_have(&xml, "<blockio logical_block_size=\"4096\" physical_block_size=\"4096\"/>");
	must_have(&xml, "type=\"raw\" discard");
	libvirt_accepts(state, &xml);
	f.caps.disk = DISK_BUS_SATA;
	assert_int_equal(libvirt_xml(&f.job, &xml, &err), -1);
	assert_string_equal(err.text, "disk sda has sectors of 4096 bytes, sata shows only 512: the guest needs virtio "
				      "drivers");
}

static void maps_links_and_boot_order(void **state)
{
	AUTO(job_done) struct job_fixture f;
	AUTO(buf_done) struct buf xml = BUF_INIT(MAX);
	struct nic *n;

	job_init(&f);
	f.m->nics.v[0].target = arena_strdup(&f.m->arena, "br0");
	f.m->nics.v[0].target_kind = NET_BRIDGE;
	n = job_add_nic(&f, "00:50:56:aa:00:02", "");
	n->connected = false;
	n = job_add_nic(&f, "00:50:56:aa:00:03", "bridged; net");
	n->kind = NET_BRIDGE;
	job_add_disk(&f);
	machine_complete(f.m);
	f.m->disks.v[1].boot_order = 1;
	must_write(&f, &xml);
	must_have(&xml, "<interface type=\"bridge\">\n      <mac address=\"00:50:56:aa:00:01\"/>\n"
			"      <source bridge=\"br0\"/>");
	must_have(&xml, "<source network=\"default\"/>\n      <model type=\"virtio\"/>\n      <link state=\"down\"/>");
	must_have(&xml, "<source bridge=\"bridged__net\"/>");
	must_have(&xml, "-sda</serial>\n    </disk>");
	must_have(&xml, "-sdb</serial>\n      <boot order=\"1\"/>\n    </disk>");
	libvirt_accepts(state, &xml);
}

static void policies_performance_and_windows(void **state)
{
	AUTO(job_done) struct job_fixture f;
	AUTO(buf_done) struct buf xml = BUF_INIT(MAX);

	job_init(&f);
	f.job.performance = true;
	f.i->os.family = OS_WINDOWS;
	f.i->os.major = 10;
	f.m->clock = CLOCK_UTC; /* the source's word: Windows keeps local time unless it says otherwise */
	f.m->policy.cpu_shares = 40960;
	f.m->policy.memory_limit = 512 * MIB;
	must_write(&f, &xml);
	must_have(&xml, "<iothreads>1</iothreads>");
	must_have(&xml, "cache=\"none\" io=\"native\" discard=\"unmap\" iothread=\"1\"");
	must_have(&xml, "<cputune>\n    <shares>2048</shares>\n  </cputune>");
	must_have(&xml, "<soft_limit unit=\"KiB\">524288</soft_limit>");
	must_have(&xml, "<spinlocks state=\"on\" retries=\"8191\"/>");
	must_have(&xml, "<clock offset=\"localtime\">");
	must_have(&xml, "<timer name=\"hypervclock\" present=\"yes\"/>");
	libvirt_accepts(state, &xml);
	buf_clear(&xml);
	f.m->clock = CLOCK_VARIABLE; /* local time as it was measured */
	f.m->clock_adjustment = -18000;
	must_write(&f, &xml);
	must_have(&xml, "<clock offset=\"variable\" adjustment=\"-18000\" basis=\"utc\">");
	libvirt_accepts(state, &xml);
	buf_clear(&xml);
	f.caps.disk = DISK_BUS_VIRTIO_SCSI;
	f.m->policy.cpu_shares = 2000; /* VMware's "normal" for two CPUs */
	f.m->policy.memory_limit = f.m->memory;
	must_write(&f, &xml);
	must_have(&xml, "<controller type=\"scsi\" index=\"0\" model=\"virtio-scsi\">\n      <driver iothread=\"1\"/>");
	must_not_have(&xml, "cputune");
	must_not_have(&xml, "memtune");
	libvirt_accepts(state, &xml);
}

/* What a version of Windows gets: NT's number, libosinfo's id, board. */
static void make_windows(struct job_fixture *f, int major, int minor, const char *osinfo, enum board board)
{
	job_init(f);
	f->i->os.family = OS_WINDOWS;
	f->i->os.major = major;
	f->i->os.minor = minor;
	f->i->os.osinfo = arena_strdup(&f->i->arena, osinfo);
	f->caps.board = board;
}

static void windows_11(void **state)
{
	AUTO(job_done) struct job_fixture f;
	AUTO(buf_done) struct buf xml = BUF_INIT(MAX);

	make_windows(&f, 10, 0, "http://microsoft.com/win/11", BOARD_Q35);
	f.job.firmware = FIRMWARE_UEFI;
	f.m->secure_boot = TRI_YES;
	f.i->os.clock = CLOCK_UTC; /* RealTimeIsUniversal */
	must_write(&f, &xml);
	must_have(&xml, "<libosinfo:os id=\"http://microsoft.com/win/11\"/>");
	must_have(&xml, "<feature enabled=\"yes\" name=\"secure-boot\"/>");
	must_have(&xml, "    <hyperv>\n      <relaxed state=\"on\"/>\n      <vapic state=\"on\"/>\n"
			"      <spinlocks state=\"on\" retries=\"8191\"/>\n      <vpindex state=\"on\"/>\n"
			"      <runtime state=\"on\"/>\n      <synic state=\"on\"/>\n      <stimer state=\"on\"/>\n"
			"      <reset state=\"on\"/>\n      <frequencies state=\"on\"/>\n    </hyperv>");
	must_have(&xml, "<vmport state=\"off\"/>");
	must_have(&xml, "<clock offset=\"utc\">");
	must_have(&xml, "<suspend-to-mem enabled=\"no\"/>");
	must_have(&xml, "<tpm model=\"tpm-crb\">\n      <backend type=\"emulator\" version=\"2.0\"/>");
	must_have(&xml, "model=\"qemu-xhci\"");
	libvirt_accepts(state, &xml);
}

static void windows_7_has_usb_2(void **state)
{
	AUTO(job_done) struct job_fixture f;
	AUTO(buf_done) struct buf xml = BUF_INIT(MAX);

	make_windows(&f, 6, 1, "http://microsoft.com/win/7", BOARD_Q35);
	must_write(&f, &xml);
	must_have(&xml, "<controller type=\"usb\" index=\"0\" model=\"ich9-ehci1\"/>");
	must_have(&xml, "model=\"ich9-uhci3\">\n      <master startport=\"4\"/>");
	must_have(&xml, "<stimer state=\"on\"/>");
	must_not_have(&xml, "xhci");
	must_not_have(&xml, "<tpm");
	libvirt_accepts(state, &xml);
}

static void windows_xp_on_pc(void **state)
{
	AUTO(job_done) struct job_fixture f;
	AUTO(buf_done) struct buf xml = BUF_INIT(MAX);

	make_windows(&f, 5, 1, "http://microsoft.com/win/xp", BOARD_PC);
	f.m->tpm = true; /* which the board can't have */
	must_write(&f, &xml);
	must_have(&xml, "<clock offset=\"localtime\">");
	must_have(&xml, "model=\"piix3-uhci\"");
	must_have(&xml, "<vmport state=\"off\"/>");
	must_not_have(&xml, "hyperv");
	must_not_have(&xml, "<tpm");
	libvirt_accepts(state, &xml);
}

/* No driver was found: what Windows brings along. */
static void windows_without_drivers(void **state)
{
	AUTO(job_done) struct job_fixture f;
	AUTO(buf_done) struct buf xml = BUF_INIT(MAX);

	make_windows(&f, 10, 0, "http://microsoft.com/win/2k19", BOARD_Q35);
	f.caps = (struct caps){.disk = DISK_BUS_SATA, .net = NET_BUS_E1000E, .board = BOARD_Q35, .safe_mode = true};
	must_write(&f, &xml);
	must_have(&xml, "<target dev=\"sda\" bus=\"sata\"/>");
	must_have(&xml, "<model type=\"e1000e\"/>");
	must_have(&xml, "<model type=\"vga\"/>");
	must_have(&xml, "<memballoon model=\"none\"/>");
	must_have(&xml, "<input type=\"tablet\" bus=\"usb\"/>");
	must_not_have(&xml, "<tpm");
	libvirt_accepts(state, &xml);
}

static void hostile_words_are_escaped(void **state)
{
	AUTO(job_done) struct job_fixture f;
	AUTO(buf_done) struct buf xml = BUF_INIT(MAX);
	static char lots[10001];

	job_init(&f);
	memset(lots, 'x', sizeof lots - 1);
	f.m->name = arena_strdup(&f.m->arena, "</name><x>&\n\"../../etc\x01\xff");
	f.m->annotation = lots;
	f.m->os_hint = arena_strdup(&f.m->arena, "<&>\x1b]]>");
	f.m->nics.v[0].network = arena_strdup(&f.m->arena, "n\"/><!--\n&");
	f.m->disks.v[0].serial = arena_strdup(&f.m->arena, "</serial> WD-4711 ../ and a lot of more letters");
	must_write(&f, &xml);
	must_have(&xml, "<title>&lt;/name&gt;&lt;x&gt;&amp; \"../../etc ?</title>");
	must_have(&xml, "<rehost:os-hint>&lt;&amp;&gt;?]]&gt;</rehost:os-hint>");
	must_have(&xml, "<source network=\"n&quot;/&gt;&lt;!--&#10;&amp;\"/>");
	must_have(&xml, "<serial>serialWD-4711andalot</serial>");
	libvirt_accepts(state, &xml);
	buf_clear(&xml);
	f.m->name = lots;
	f.m->nics.v[0].network = lots;
	must_write(&f, &xml);
	assert_true(xml.len < 20000);
	libvirt_accepts(state, &xml);
}

static void more_processors_than_an_apic_reaches(void **state)
{
	AUTO(job_done) struct job_fixture f;
	AUTO(buf_done) struct buf xml = BUF_INIT(MAX);

	job_init(&f);
	f.m->vcpus = 512;
	f.m->sockets = 2;
	f.m->cores = 256;
	f.m->threads = 1;
	output_fit(f.m, &f.caps);
	assert_string_equal(f.m->notes.v[0], "the machine gets 288 of its 512 processors: QEMU's q35 takes no more");
	must_write(&f, &xml);
	must_have(&xml, "<vcpu>288</vcpu>");
	must_have(&xml, "<ioapic driver=\"qemu\"/>");
	must_have(&xml, "<iommu model=\"intel\">\n      <driver intremap=\"on\" eim=\"on\"/>");
	must_not_have(&xml, "topology");
	libvirt_accepts(state, &xml);
	buf_clear(&xml);
	f.caps.board = BOARD_PC;
	output_fit(f.m, &f.caps);
	must_write(&f, &xml);
	must_have(&xml, "<vcpu>255</vcpu>");
	must_not_have(&xml, "iommu");
	libvirt_accepts(state, &xml);
}

static void serials_of_a_san(void **state)
{
	static const char *const serials[] = {"naa.600a098038304437415d4b6a59684a31",
					      "naa.600a098038304437415d4b6a59684a32", "WD-1", "same", "same"};
	AUTO(job_done) struct job_fixture f;
	AUTO(buf_done) struct buf xml = BUF_INIT(MAX);

	job_init(&f);
	while (f.m->disks.n < sizeof serials / sizeof *serials)
		job_add_disk(&f);
	for (size_t i = 0; i < f.m->disks.n; i++)
		f.m->disks.v[i].serial = arena_strdup(&f.m->arena, serials[i]);
	machine_complete(f.m);
	must_write(&f, &xml);
	must_have(&xml, "<serial>4437415d4b6a59684a31</serial>");
	must_have(&xml, "<serial>4437415d4b6a59684a32</serial>");
	must_have(&xml, "<serial>WD-1</serial>");
	must_have(&xml, "<serial>707534d3-sdd</serial>");
	must_have(&xml, "<serial>707534d3-sde</serial>");
}

static void without_an_inspection(void **state)
{
	AUTO(job_done) struct job_fixture f;
	AUTO(buf_done) struct buf xml = BUF_INIT(MAX);

	job_init(&f);
	f.job.inspection = NULL;
	f.m->uuid[0] = '\0';
	must_write(&f, &xml);
	must_not_have(&xml, "libosinfo");
	must_not_have(&xml, "<uuid>");
	must_have(&xml, "verdict=\"UNKNOWN\"");
	libvirt_accepts(state, &xml);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_bios_guest),
	    cmocka_unit_test(a_uefi_guest_with_and_without_secure_boot),
	    cmocka_unit_test(safe_mode_is_sata_and_e1000e),
	    cmocka_unit_test(an_old_guest_on_pc),
	    cmocka_unit_test(an_arm64_guest),
	    cmocka_unit_test(many_disks_on_each_bus),
	    cmocka_unit_test(big_sectors_only_where_they_can_be_shown),
	    cmocka_unit_test(maps_links_and_boot_order),
	    cmocka_unit_test(policies_performance_and_windows),
	    cmocka_unit_test(windows_11),
	    cmocka_unit_test(windows_7_has_usb_2),
	    cmocka_unit_test(windows_xp_on_pc),
	    cmocka_unit_test(windows_without_drivers),
	    cmocka_unit_test(hostile_words_are_escaped),
	    cmocka_unit_test(more_processors_than_an_apic_reaches),
	    cmocka_unit_test(serials_of_a_san),
	    cmocka_unit_test(without_an_inspection),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
