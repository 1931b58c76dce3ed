/* Tests of run/proof/domain.c: libvirt XML as our outputs, virsh and people write it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/checked.h"
#include "core/base/cleanup.h"
#include "run/proof/domain.h"

#define DISK "<disk type='file'><source file='/v/a.qcow2'/><target dev='vda' bus='virtio'/></disk>"
#define DOMAIN(os, devices)                                                                                            \
	"<domain type='kvm'><name>web01</name><memory unit='MiB'>1024</memory><vcpu>2</vcpu>" os "<devices>" devices   \
	"</devices></domain>"
#define Q35 "<os><type arch='x86_64' machine='q35'>hvm</type></os>"

static int parse(const char *text, struct domain *d, struct err *err)
{
	return domain_parse(text, strlen(text), "t.xml", d, err);
}

static void must_fail(const char *text, enum err_code code, const char *message)
{
	AUTO(domain_done) struct domain d;
	struct err err = ERR_INIT;

	assert_int_equal(parse(text, &d, &err), -1);
	assert_string_equal(err.text, message);
	assert_int_equal(err.code, code);
}

static void test_a_whole_machine(void **state)
{
	static const char text[] =
	    "<domain type='kvm'><name>app 02</name><uuid>11111111-2222-3333-4444-555555555555</uuid>"
	    "<memory>2097152</memory><vcpu current='2'>4</vcpu>"
	    "<os firmware='efi'><type arch='x86_64' machine='pc-q35-7.2'>hvm</type>"
	    "<firmware><feature enabled='yes' name='secure-boot'/></firmware></os>"
	    "<clock offset='localtime'/><devices>"
	    "<controller type='usb' model='qemu-xhci'/><controller type='scsi' model='virtio-scsi'/>"
	    "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/v/a,b.qcow2'/>"
	    "<target dev='sda' bus='scsi'/><serial>S1</serial><boot order='1'/>"
	    "<blockio logical_block_size='4096' physical_block_size='4096'/></disk>"
	    "<disk type='block' device='disk'><source dev='/dev/vg/b'/><target dev='vdb' bus='virtio'/></disk>"
	    "<disk type='file' device='cdrom'><target dev='sdb' bus='sata'/></disk>"
	    "<disk type='file' device='floppy'><target dev='fda' bus='fdc'/></disk>"
	    "<interface type='network'><mac address='52:54:00:aa:00:01'/><model type='virtio'/></interface>"
	    "<interface type='bridge'><boot order='2'/></interface>"
	    "<console type='pty'><target type='serial'/></console>"
	    "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>"
	    "<video><model type='virtio'/></video><input type='tablet' bus='usb'/>"
	    "<rng model='virtio'/><memballoon model='none'/><tpm model='tpm-crb'/></devices></domain>";
	AUTO(domain_done) struct domain d;
	struct err err = ERR_INIT;

	assert_int_equal(parse(text, &d, &err), 0);
	assert_string_equal(d.name, "app 02");
	assert_string_equal(d.uuid, "11111111-2222-3333-4444-555555555555");
	assert_int_equal(d.memory, 2 * GIB);
	assert_int_equal(d.vcpus, 2);
	assert_true(d.board == BOARD_Q35 && d.uefi && d.secure_boot && d.localtime);
	assert_null(d.loader);
	assert_string_equal(d.scsi_model, "virtio-scsi");
	assert_string_equal(d.video, "virtio");
	assert_true(d.serial && d.agent && d.rng && d.tablet);
	assert_false(d.balloon);
	assert_int_equal(d.disks.n, 3);
	assert_string_equal(d.disks.v[0].source, "/v/a,b.qcow2");
	assert_string_equal(d.disks.v[0].format, "qcow2");
	assert_string_equal(d.disks.v[0].serial, "S1");
	assert_int_equal(d.disks.v[0].bus, DOMAIN_BUS_SCSI);
	assert_int_equal(d.disks.v[0].boot_order, 1);
	assert_int_equal(d.disks.v[0].logical_block, 4096);
	assert_string_equal(d.disks.v[1].source, "/dev/vg/b");
	assert_string_equal(d.disks.v[1].format, "raw");
	assert_int_equal(d.disks.v[1].boot_order, 0);
	assert_true(d.disks.v[2].cdrom && d.disks.v[2].readonly);
	assert_null(d.disks.v[2].source);
	assert_int_equal(d.nics.n, 2);
	assert_string_equal(d.nics.v[0].mac, "52:54:00:aa:00:01");
	assert_string_equal(d.nics.v[1].model, "rtl8139");
	assert_null(d.nics.v[1].mac);
	assert_int_equal(d.nics.v[1].boot_order, 2);
	assert_int_equal(d.notes.n, 2);
	assert_string_equal(d.notes.v[0], "floppy drive: left out");
	assert_string_equal(d.notes.v[1], "tpm: left out");
}

static void test_explicit_firmware(void **state)
{
	AUTO(domain_done) struct domain d;
	struct err err = ERR_INIT;

	assert_int_equal(parse(DOMAIN("<os><type machine='q35'>hvm</type>"
				      "<loader readonly='yes' type='pflash' secure='yes'>/f/CODE.fd</loader>"
				      "<nvram template='/f/VARS.fd'>/f/mine.fd</nvram></os>",
				      DISK),
			       &d, &err),
			 0);
	assert_true(d.uefi && d.secure_boot);
	assert_string_equal(d.loader, "/f/CODE.fd");
	assert_string_equal(d.nvram_template, "/f/VARS.fd");
	assert_false(d.serial || d.agent || d.video);
}

static void test_the_first_disk_boots_when_no_order_is_stated(void **state)
{
	AUTO(domain_done) struct domain d;
	struct err err = ERR_INIT;

	assert_int_equal(parse(DOMAIN("<os><type>hvm</type><boot dev='hd'/></os>",
				      "<disk device='cdrom'><target dev='hda'/></disk>" DISK),
			       &d, &err),
			 0);
	assert_int_equal(d.board, BOARD_PC);
	assert_string_equal(d.machine, "pc");
	assert_int_equal(d.disks.v[0].bus, DOMAIN_BUS_IDE);
	assert_int_equal(d.disks.v[0].boot_order, 0);
	assert_int_equal(d.disks.v[1].boot_order, 1);
}

static void test_an_arm64_machine(void **state)
{
	AUTO(domain_done) struct domain d;
	struct err err = ERR_INIT;

	assert_int_equal(parse(DOMAIN("<os firmware='efi'><type arch='aarch64' machine='virt-7.2'>hvm</type></os>",
				      DISK "<interface/><input type='keyboard' bus='usb'/>"),
			       &d, &err),
			 0);
	assert_int_equal(d.board, BOARD_VIRT);
	assert_string_equal(d.machine, "virt-7.2");
	assert_string_equal(d.nics.v[0].model, "virtio"); /* libvirt's default there */
	assert_true(d.uefi && d.keyboard && !d.tablet);
}

static void test_what_cannot_be_booted(void **state)
{
	must_fail("<network/>", ERR_CORRUPT, "t.xml: the root element is <network>, expected <domain>");
	must_fail("<domain><name/></domain>", ERR_CORRUPT, "t.xml: the domain has no <name>");
	must_fail("<domain><name>a</name><memory unit='MiB'>no</memory></domain>", ERR_CORRUPT,
		  "t.xml: <memory unit='MiB'>no</memory>: expected a size");
	must_fail("<domain><name>a</name><memory unit='T'>99999999999</memory></domain>", ERR_CORRUPT,
		  "t.xml: <memory unit='T'>99999999999</memory>: expected a size");
	must_fail("<domain><name>a</name><memory>1024</memory><vcpu>0</vcpu></domain>", ERR_CORRUPT,
		  "t.xml: <vcpu>0</vcpu>: expected a number from 1 to 4096");
	must_fail(DOMAIN("<os><type>linux</type></os>", DISK), ERR_UNSUPPORTED,
		  "t.xml: <os><type>linux</type>: only hvm machines can be booted");
	must_fail(DOMAIN("<os><type arch='ppc64le' machine='pseries'>hvm</type></os>", DISK), ERR_UNSUPPORTED,
		  "t.xml: <type arch='ppc64le'>: only x86_64, i686 and aarch64 can be booted");
	must_fail(DOMAIN("<os><type arch='aarch64' machine='raspi3b'>hvm</type></os>", DISK), ERR_UNSUPPORTED,
		  "t.xml: <type machine='raspi3b'>: only virt can be booted");
	must_fail(DOMAIN("<os><type machine='virt'>hvm</type></os>", DISK), ERR_UNSUPPORTED,
		  "t.xml: <type machine='virt'>: only pc and q35 can be booted");
	must_fail(DOMAIN("<os><type machine='microvm'>hvm</type></os>", DISK), ERR_UNSUPPORTED,
		  "t.xml: <type machine='microvm'>: only pc and q35 can be booted");
	must_fail(DOMAIN(Q35, ""), ERR_UNSUPPORTED, "t.xml: the domain has no disk to boot from");
	must_fail(DOMAIN(Q35, "<disk type='network'><target dev='vda'/></disk>"), ERR_UNSUPPORTED,
		  "t.xml: line 1: disk 'vda': type 'network': only file and block can be booted");
	must_fail(DOMAIN(Q35, "<disk type='file'><target dev='vda'/></disk>"), ERR_CORRUPT,
		  "t.xml: line 1: disk 'vda' has no <source file='…'>");
	must_fail(DOMAIN(Q35, "<disk><source file='a.raw'/><target dev='vda'/></disk>"), ERR_CORRUPT,
		  "t.xml: line 1: disk 'vda': 'a.raw': expected an absolute path");
	must_fail(DOMAIN(Q35, "<disk><source file='/a'/><target dev='xvda' bus='xen'/></disk>"), ERR_UNSUPPORTED,
		  "t.xml: line 1: disk 'xvda': bus 'xen' can't be booted from");
	must_fail(DOMAIN(Q35, "<disk><source file='/a'/></disk>"), ERR_CORRUPT,
		  "t.xml: line 1: <disk> has no <target dev='…'>");
	must_fail(DOMAIN(Q35, "<disk><source file='/a'/><target dev='vda'/><boot order='x'/></disk>"), ERR_CORRUPT,
		  "t.xml: line 1: <boot order='x'>: expected a number up to 1000");
}

static void test_a_doctype_is_refused(void **state)
{
	AUTO(domain_done) struct domain d;
	struct err err = ERR_INIT;

	assert_int_equal(parse("<!DOCTYPE domain><domain/>", &d, &err), -1);
	assert_int_equal(err.code, ERR_POLICY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_whole_machine),
	    cmocka_unit_test(test_explicit_firmware),
	    cmocka_unit_test(test_the_first_disk_boots_when_no_order_is_stated),
	    cmocka_unit_test(test_an_arm64_machine),
	    cmocka_unit_test(test_what_cannot_be_booted),
	    cmocka_unit_test(test_a_doctype_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
