/* Tests of run/proof/qemu_args.c: from XML to qemu's command line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/buf.h"
#include "core/base/checked.h"
#include "core/base/cleanup.h"
#include "run/proof/qemu_args.h"

#define DOMAIN(machine, devices)                                                                                       \
	"<domain><name>a,b</name><memory unit='MiB'>512</memory><vcpu>2</vcpu>"                                        \
	"<os><type machine='" machine "'>hvm</type></os><devices>" devices "</devices></domain>"
#define DISK(dev, bus) "<disk><source file='/v/" dev ".raw'/><target dev='" dev "' bus='" bus "'/></disk>"

static const struct qemu_host host = {.cpus_max = 8, .memory_max = 8 * GIB, .qmp_fd = 3, .serial_fd = 4, .agent_fd = 5};

/* The command line as one text; the words are separated by spaces. */
static int args(const char *xml, const struct qemu_host *h, struct domain *d, struct buf *line, struct err *err)
{
	const char *const *argv;

	assert_int_equal(domain_parse(xml, strlen(xml), "t.xml", d, err), 0);
	if (qemu_args(d, h, &argv, err) < 0)
		return -1;
	for (; *argv; argv++)
		assert_int_equal(buf_addf(line, "%s ", *argv), 0);
	return 0;
}

static void must_hold(const char *xml, const char *const *words)
{
	AUTO(domain_done) struct domain d;
	AUTO(buf_done) struct buf line = BUF_INIT(64 * KIB);
	struct err err = ERR_INIT;

	assert_int_equal(args(xml, &host, &d, &line, &err), 0);
	for (; *words; words++)
		if (!strstr(buf_str(&line), *words))
			fail_msg("'%s' is not in: %s", *words, buf_str(&line));
}

static void must_fail(const char *xml, const char *message)
{
	AUTO(domain_done) struct domain d;
	AUTO(buf_done) struct buf line = BUF_INIT(64 * KIB);
	struct err err = ERR_INIT;

	assert_int_equal(args(xml, &host, &d, &line, &err), -1);
	assert_string_equal(err.text, message);
	assert_int_equal(err.code, ERR_UNSUPPORTED);
}

static void test_q35_with_virtio(void **state)
{
	static const char expected[] =
	    "qemu-system-x86_64 -name a,,b -no-user-config -nodefaults -display none "
	    "-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny "
	    "-machine q35 -accel tcg,thread=multi -cpu max -rtc base=utc -boot strict=on -m 512M -smp 2 "
	    "-chardev socket,id=qmp,fd=3 -mon chardev=qmp,mode=control "
	    "-chardev socket,id=serial,fd=4 -device isa-serial,chardev=serial "
	    "-device VGA,bus=pcie.0,addr=0x1 "
	    "-device pcie-root-port,id=port0,chassis=1,port=0,bus=pcie.0,addr=0x2.0,multifunction=on "
	    "-drive if=none,id=drive-vda,snapshot=on,cache=unsafe,format=raw,readonly=off,file=/v/vda.raw "
	    "-device virtio-blk-pci,bus=port0,drive=drive-vda,bootindex=1 "
	    "-device pcie-root-port,id=port1,chassis=2,port=1,bus=pcie.0,addr=0x2.0x1 "
	    "-netdev user,id=net0,restrict=on "
	    "-device virtio-net-pci,bus=port1,netdev=net0,romfile=,mac=52:54:00:00:00:01 ";
	AUTO(domain_done) struct domain d;
	AUTO(buf_done) struct buf line = BUF_INIT(64 * KIB);
	struct err err = ERR_INIT;

	assert_int_equal(args(DOMAIN("q35", DISK("vda", "virtio") "<serial/><video/>"
								  "<interface><mac address='52:54:00:00:00:01'/>"
								  "<model type='virtio'/></interface>"),
			      &host, &d, &line, &err),
			 0);
	assert_string_equal(buf_str(&line), expected);
	assert_int_equal(d.notes.n, 0);
}

static void test_every_bus(void **state)
{
	must_hold(DOMAIN("q35", DISK("sda", "sata")
				    DISK("sdb", "sata") "<disk device='cdrom'><target dev='sdc' bus='sata'/></disk>"),
		  (const char *const[]){"-device ide-hd,bus=ide.0,drive=drive-sda,bootindex=1 ",
					"-device ide-hd,bus=ide.1,drive=drive-sdb ", "-device ide-cd,bus=ide.2 ",
					NULL});
	must_hold(DOMAIN("pc", DISK("hda", "ide") DISK("hdb", "ide") DISK("hdc", "ide") DISK("sda", "sata")),
		  (const char *const[]){"ide-hd,bus=ide.0,unit=0,", "ide-hd,bus=ide.0,unit=1,",
					"ide-hd,bus=ide.1,unit=0,", "-device ahci,id=sata0 ", "ide-hd,bus=sata0.0,",
					NULL});
	must_hold(DOMAIN("q35", DISK("sda", "sata") DISK("sdb", "sata") DISK("sdc", "sata") DISK("sdd", "sata")
				    DISK("sde", "sata") DISK("sdf", "sata") DISK("sdg", "sata") DISK("sdh", "sata")),
		  (const char *const[]){"ide-hd,bus=ide.5,drive=drive-sdf ", "-device ahci,id=sata0 ",
					"ide-hd,bus=sata0.0,drive=drive-sdg ", "ide-hd,bus=sata0.1,drive=drive-sdh ",
					NULL});
	must_hold(DOMAIN("q35", DISK("sda", "scsi") DISK("sdb", "scsi")),
		  (const char *const[]){"-device virtio-scsi-pci,id=scsi,bus=port0 ", "scsi-hd,bus=scsi.0,scsi-id=0,",
					"scsi-hd,bus=scsi.0,scsi-id=1,", NULL});
	must_hold(DOMAIN("pc", "<controller type='scsi' model='lsilogic'/>" DISK("sda", "scsi")),
		  (const char *const[]){"-device lsi53c895a,id=scsi ", NULL});
	must_hold(DOMAIN("pc", "<input type='tablet' bus='usb'/>" DISK("sda", "usb") DISK("vda", "virtio")),
		  (const char *const[]){"-device qemu-xhci,id=usb ", "usb-tablet,bus=usb.0 ", "usb-storage,bus=usb.0,",
					"-device virtio-blk-pci,drive=drive-vda ", NULL});
}

static void test_read_only_disks_and_sectors(void **state)
{
	must_hold(DOMAIN("q35", "<disk><source file='/v/x,y'/><target dev='vda'/><readonly/><serial>a,b</serial>"
				"<blockio logical_block_size='4096' physical_block_size='8192'/></disk>"),
		  (const char *const[]){"snapshot=off,cache=unsafe,format=raw,readonly=on,file=/v/x,,y ",
					"bootindex=1,logical_block_size=4096,physical_block_size=8192,serial=a,,b ",
					NULL});
}

static void test_cards_and_the_rest(void **state)
{
	must_hold(DOMAIN("q35", DISK("vda", "virtio") "<interface><model type='e1000'/></interface>"
						      "<interface><model type='vmxnet3'/></interface>"
						      "<channel><target name='org.qemu.guest_agent.0'/></channel>"
						      "<rng/><memballoon model='virtio'/>"),
		  (const char *const[]){
		      "-device virtio-serial-pci,id=channels,bus=port0 ",
		      "virtserialport,bus=channels.0,chardev=agent,name=org.qemu.guest_agent.0 ",
		      "-device e1000,netdev=net0,romfile= ", "-device vmxnet3,bus=port2,netdev=net1,romfile= ",
		      "rng-random,id=rng,filename=/dev/urandom ", "virtio-rng-pci,rng=rng,bus=port3 ",
		      "virtio-balloon-pci,bus=port4 ", NULL});
}

/* Nine ports need a second slot. */
static void test_many_ports(void **state)
{
	must_hold(DOMAIN("q35", DISK("vda", "virtio") DISK("vdb", "virtio") DISK("vdc", "virtio") DISK("vdd", "virtio")
				    DISK("vde", "virtio") DISK("vdf", "virtio") DISK("vdg", "virtio")
					DISK("vdh", "virtio") DISK("vdi", "virtio")),
		  (const char *const[]){"id=port7,chassis=8,port=7,bus=pcie.0,addr=0x2.0x7 ",
					"id=port8,chassis=9,port=8,bus=pcie.0,addr=0x3.0,multifunction=on ", NULL});
}

static void test_uefi_and_secure_boot(void **state)
{
	static const char xml[] = "<domain><name>u</name><memory unit='GiB'>1</memory><vcpu>1</vcpu>"
				  "<os firmware='efi'><type machine='q35'>hvm</type>"
				  "<firmware><feature enabled='yes' name='secure-boot'/></firmware></os>"
				  "<devices>" DISK("vda", "virtio") "</devices></domain>";
	struct qemu_host efi = host;
	AUTO(domain_done) struct domain d;
	AUTO(buf_done) struct buf line = BUF_INIT(64 * KIB);
	struct err err = ERR_INIT;

	efi.kvm = true;
	efi.code = "/f/CODE.fd";
	efi.vars = "/f/VARS.fd";
	assert_int_equal(args(xml, &efi, &d, &line, &err), 0);
	assert_non_null(strstr(buf_str(&line), "-machine q35,smm=on -accel kvm -cpu host "));
	assert_non_null(strstr(buf_str(&line), "if=pflash,unit=0,format=raw,readonly=on,file=/f/CODE.fd "));
	assert_non_null(strstr(buf_str(&line), "if=pflash,unit=1,format=raw,snapshot=on,file=/f/VARS.fd "));
	assert_non_null(strstr(buf_str(&line), "driver=cfi.pflash01,property=secure,value=on "));
}

static void test_arm64(void **state)
{
	static const char xml[] =
	    "<domain><name>a</name><memory unit='GiB'>1</memory><vcpu>2</vcpu>"
	    "<os firmware='efi'><type arch='aarch64' machine='virt'>hvm</type></os><devices>" DISK("vda", "virtio")
		DISK("sda", "sata") "<serial/><video><model type='virtio'/></video>"
				    "<input type='tablet' bus='usb'/><input type='keyboard' bus='usb'/>"
				    "<interface><mac address='52:54:00:00:00:01'/></interface></devices></domain>";
	static const char expected[] =
	    "qemu-system-aarch64 -name a -no-user-config -nodefaults -display none "
	    "-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny "
	    "-machine virt,gic-version=3 -accel tcg,thread=multi -cpu max,pauth-impdef=on -rtc base=utc -boot "
	    "strict=on -m 1024M -smp "
	    "2 "
	    "-drive if=pflash,unit=0,format=raw,readonly=on,file=/f/CODE.fd "
	    "-drive if=pflash,unit=1,format=raw,snapshot=on,file=/f/VARS.fd "
	    "-chardev socket,id=qmp,fd=3 -mon chardev=qmp,mode=control "
	    "-chardev socket,id=serial,fd=4 -serial chardev:serial "
	    "-device virtio-gpu-pci,bus=pcie.0,addr=0x1 "
	    "-device pcie-root-port,id=port0,chassis=1,port=0,bus=pcie.0,addr=0x2.0,multifunction=on "
	    "-device qemu-xhci,id=usb,bus=port0 -device usb-tablet,bus=usb.0 -device usb-kbd,bus=usb.0 "
	    "-device pcie-root-port,id=port1,chassis=2,port=1,bus=pcie.0,addr=0x2.0x1 "
	    "-drive if=none,id=drive-vda,snapshot=on,cache=unsafe,format=raw,readonly=off,file=/v/vda.raw "
	    "-device virtio-blk-pci,bus=port1,drive=drive-vda,bootindex=1 "
	    "-device ahci,id=sata0 "
	    "-drive if=none,id=drive-sda,snapshot=on,cache=unsafe,format=raw,readonly=off,file=/v/sda.raw "
	    "-device ide-hd,bus=sata0.0,drive=drive-sda "
	    "-device pcie-root-port,id=port2,chassis=3,port=2,bus=pcie.0,addr=0x2.0x2 "
	    "-netdev user,id=net0,restrict=on "
	    "-device virtio-net-pci,bus=port2,netdev=net0,romfile=,mac=52:54:00:00:00:01 ";
	struct qemu_host efi = host;
	AUTO(domain_done) struct domain d;
	AUTO(buf_done) struct buf line = BUF_INIT(64 * KIB);
	struct err err = ERR_INIT;

	efi.code = "/f/CODE.fd";
	efi.vars = "/f/VARS.fd";
	assert_int_equal(args(xml, &efi, &d, &line, &err), 0);
	assert_string_equal(buf_str(&line), expected);
}

#define ARM(devices)                                                                                                   \
	"<domain><name>a</name><memory>524288</memory><os><type arch='aarch64' machine='virt'>hvm</type></os>"         \
	"<devices>" devices "</devices></domain>"

static void test_what_arm64_has_not(void **state)
{
	must_hold(ARM(DISK("vda", "virtio") "<video><model type='ramfb'/></video>"),
		  (const char *const[]){"-device ramfb ", NULL});
	must_fail(ARM(DISK("vda", "virtio") "<video><model type='vga'/></video>"),
		  "video model 'vga' is not known here");
	must_fail(ARM(DISK("hda", "ide")), "disk 'hda': machine type virt has no IDE");
}

static void test_a_small_host_is_noted(void **state)
{
	struct qemu_host small = host;
	AUTO(domain_done) struct domain d;
	AUTO(buf_done) struct buf line = BUF_INIT(64 * KIB);
	struct err err = ERR_INIT;

	small.cpus_max = 1;
	small.memory_max = 256 * MIB;
	assert_int_equal(
	    args(DOMAIN("q35", DISK("vda", "virtio") "<video><model type='qxl'/></video>"), &small, &d, &line, &err),
	    0);
	assert_non_null(strstr(buf_str(&line), "-m 256M -smp 1 "));
	assert_int_equal(d.notes.n, 3);
	assert_string_equal(d.notes.v[0], "memory: 256 MiB instead of 512 MiB, as much as this host can spare");
	assert_string_equal(d.notes.v[1], "vCPUs: 1 instead of 2, as many as this host has");
	assert_string_equal(d.notes.v[2], "video: plain VGA instead of qxl, which needs SPICE");
}

static void test_what_qemu_has_not(void **state)
{
	must_fail(DOMAIN("q35", DISK("hda", "ide")), "disk 'hda': machine type q35 has no IDE");
	must_fail(DOMAIN("pc", DISK("hda", "ide") DISK("hdb", "ide") DISK("hdc", "ide") DISK("hdd", "ide")
				   DISK("hde", "ide")),
		  "disk 'hde': IDE has room for four");
	must_fail(DOMAIN("q35", DISK("vda", "virtio") "<interface><model type='xen'/></interface>"),
		  "network card 1: model 'xen' is not known here");
	must_fail(DOMAIN("q35", DISK("vda", "virtio") "<video><model type='vbox'/></video>"),
		  "video model 'vbox' is not known here");
	must_fail(DOMAIN("q35", "<controller type='scsi' model='buslogic'/>" DISK("sda", "scsi")),
		  "SCSI controller model 'buslogic' is not known here");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_q35_with_virtio),
	    cmocka_unit_test(test_every_bus),
	    cmocka_unit_test(test_read_only_disks_and_sectors),
	    cmocka_unit_test(test_cards_and_the_rest),
	    cmocka_unit_test(test_many_ports),
	    cmocka_unit_test(test_uefi_and_secure_boot),
	    cmocka_unit_test(test_arm64),
	    cmocka_unit_test(test_what_arm64_has_not),
	    cmocka_unit_test(test_a_small_host_is_noted),
	    cmocka_unit_test(test_what_qemu_has_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
