/* libvirt XML as virt-p2v sends it: what becomes of each part, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/checked.h"
#include "core/base/cleanup.h"
#include "sources/libvirtxml.h"
#include "tests/unit/sources/tarball.h"

/* The shape that virt-p2v 1.42 writes. */
static const char whole[] =
    "<?xml version='1.0'?>\n"
    "<!-- virt-p2v 1.42 -->\n"
    "<domain type='physical'>\n"
    "  <name>web01</name>\n"
    "  <memory unit='KiB'>4194304</memory>\n"
    "  <currentMemory unit='KiB'>4194304</currentMemory>\n"
    "  <vcpu>8</vcpu>\n"
    "  <cpu match='minimum'><vendor>Intel</vendor><model fallback='allow'>Skylake</model>"
    "<topology sockets='2' cores='2' threads='2'/></cpu>\n"
    "  <clock offset='variable' basis='utc' adjustment='3'/>\n"
    "  <os><type arch='x86_64'>hvm</type></os>\n"
    "  <features><acpi/><apic/><pae/></features>\n"
    "  <devices>\n"
    "    <disk type='network' device='disk'><driver name='qemu' type='raw'/>"
    "<source protocol='nbd'><host name='localhost' port='40123'/></source><target dev='sda'/></disk>\n"
    "    <disk type='network' device='disk'><driver name='qemu' type='raw'/>"
    "<source protocol='nbd'><host name='localhost' port='40124'/></source><target dev='nvme0n1'/></disk>\n"
    "    <disk type='network' device='cdrom'><driver name='qemu' type='raw'/><target dev='sr0'/></disk>\n"
    "    <interface type='network'><source network='lan'/><target dev='enp1s0'/>"
    "<mac address='52:54:00:AA:00:01'/></interface>\n"
    "    <interface type='network'><source network='default'/><target dev='eth1'/></interface>\n"
    "  </devices>\n"
    "</domain>\n";

/* With one text replaced by another. */
static int parse(const char *from, const char *to, struct machine *m, struct err *err)
{
	const char *at = from ? strstr(whole, from) : NULL;
	char text[8192];

	assert_true(!from || at);
	if (from)
		snprintf(text, sizeof text, "%.*s%s%s", (int)(at - whole), whole, to, at + strlen(from));
	else
		snprintf(text, sizeof text, "%s", whole);
	return libvirtxml_parse(text, strlen(text), m, err);
}

static void bad(const char *from, const char *to, enum err_code code, const char *says)
{
	struct machine *m = machine_new();
	struct err err = ERR_INIT;

	assert_int_equal(parse(from, to, m, &err), -1);
	assert_string_equal(err.text, says);
	assert_int_equal(err.code, code);
	machine_free(m);
}

static void test_machine(void **state)
{
	struct machine *m = machine_new();

	assert_int_equal(parse(NULL, NULL, m, NULL), 0);
	assert_string_equal(m->name, "web01");
	assert_string_equal(m->uuid, "");
	assert_int_equal(m->memory, 4 * GIB);
	assert_int_equal(m->vcpus, 8);
	assert_int_equal(m->sockets, 2);
	assert_int_equal(m->cores, 2);
	assert_int_equal(m->threads, 2);
	assert_int_equal(m->clock, CLOCK_UTC);
	assert_int_equal(m->firmware, FIRMWARE_UNKNOWN);
	assert_int_equal(m->secure_boot, TRI_UNKNOWN);
	assert_false(m->tpm);
	assert_int_equal(m->removables.n, 1);
	assert_int_equal(m->removables.v[0].kind, REMOVABLE_CDROM);
	machine_free(m);
}

static void test_disks(void **state)
{
	struct machine *m = machine_new();
	const struct disk *d;

	assert_int_equal(parse(NULL, NULL, m, NULL), 0);
	assert_int_equal(m->disks.n, 2);
	d = m->disks.v;
	assert_true(d[0].live);
	assert_int_equal(d[0].port, 40123);
	assert_string_equal(d[0].file, "sda");
	assert_null(d[0].folder);
	assert_string_equal(d[0].format, "raw");
	assert_int_equal(d[0].controller, CONTROLLER_UNKNOWN);
	assert_int_equal(d[1].port, 40124);
	assert_int_equal(d[1].controller, CONTROLLER_NVME);
	assert_int_equal(d[1].unit, 1);
	machine_free(m);
}

static void test_secure_boot(void **state)
{
#define FEATURE(name, enabled) "<feature enabled='" enabled "' name='" name "'/>"
#define LOADER		       "<loader readonly='yes' secure='yes' type='pflash'>/usr/share/OVMF/OVMF_CODE_4M.secboot.fd</loader>"
	static const struct {
		const char *os;
		enum tristate secure;
	} cases[] = {
	    {LOADER, TRI_UNKNOWN},
	    {LOADER "<nvram template='/usr/share/OVMF/OVMF_VARS_4M.fd'>/v.fd</nvram>", TRI_UNKNOWN},
	    {LOADER "<nvram template='/usr/share/OVMF/OVMF_VARS_4M.ms.fd'>/v.fd</nvram>", TRI_YES},
	    {LOADER "<nvram template='/usr/share/edk2/ovmf/OVMF_VARS.secboot.fd'/>", TRI_YES},
	    {LOADER "<nvram template='/usr/share/qemu/ovmf-x86_64-smm-ms-vars.bin'/>", TRI_YES},
	    {"<loader secure='no' type='pflash'/><nvram template='x.ms.fd'/>", TRI_NO},
	    {"<firmware>" FEATURE("secure-boot", "yes") "</firmware>", TRI_YES},
	    {"<firmware>" FEATURE("enrolled-keys", "yes") FEATURE("secure-boot", "yes") "</firmware>" LOADER, TRI_YES},
	    {"<firmware>" FEATURE("enrolled-keys", "no") FEATURE("secure-boot", "yes") "</firmware>" LOADER, TRI_NO},
	};
	char text[1024];

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct machine *m = machine_new();

		snprintf(text, sizeof text, "<os firmware='efi'>%s<type arch='x86_64'>hvm</type></os>", cases[i].os);
		assert_int_equal(parse("<os><type arch='x86_64'>hvm</type></os>", text, m, NULL), 0);
		assert_int_equal(m->firmware, FIRMWARE_UEFI);
		assert_int_equal(m->secure_boot, cases[i].secure);
		machine_free(m);
	}
#undef LOADER
#undef FEATURE
}

static void test_cards(void **state)
{
	struct machine *m = machine_new();
	const struct nic *n;

	assert_int_equal(parse(NULL, NULL, m, NULL), 0);
	assert_int_equal(m->nics.n, 2);
	n = m->nics.v;
	assert_string_equal(n[0].mac, "52:54:00:aa:00:01");
	assert_string_equal(n[0].network, "lan");
	assert_int_equal(n[0].kind, NET_NETWORK);
	assert_null(n[0].names[0]);
	assert_string_equal(n[0].names[2], "enp1s0");
	assert_true(n[0].connected);
	assert_string_equal(n[1].mac, "");
	assert_null(n[1].names[2]);
	machine_free(m);
}

/* What virt-p2v never writes, and libvirt does. */
static void test_of_libvirt(void **state)
{
	struct machine *m = machine_new();

	assert_int_equal(parse("<os><type arch='x86_64'>hvm</type></os>",
			       "<uuid>4c4c4544-0042-3510-8051-b4c04f4b3132</uuid><os firmware='efi'><firmware>"
			       "<feature enabled='yes' name='enrolled-keys'/><feature enabled='no' name='secure-boot'/>"
			       "</firmware></os>",
			       m, NULL),
			 0);
	assert_string_equal(m->uuid, "4c4c4544-0042-3510-8051-b4c04f4b3132");
	assert_int_equal(m->firmware, FIRMWARE_UEFI);
	assert_int_equal(m->secure_boot, TRI_NO);
	machine_free(m);

	m = machine_new();
	assert_int_equal(parse("<target dev='nvme0n1'/>",
			       "<target dev='sdb' bus='scsi'/><serial> S1 </serial><boot order='1'/>"
			       "<blockio logical_block_size='4096'/></disk><controller type='scsi' model='vmpvscsi'/>"
			       "<tpm model='tpm-crb'/><disk type='network' device='floppy'><target dev='fda'/>",
			       m, NULL),
			 0);
	assert_int_equal(m->disks.v[1].controller, CONTROLLER_PVSCSI);
	assert_string_equal(m->disks.v[1].serial, "S1");
	assert_int_equal(m->disks.v[1].boot_order, 1);
	assert_int_equal(m->disks.v[1].logical_sector, 4096);
	assert_true(m->tpm);
	assert_int_equal(m->removables.n, 2);
	machine_free(m);
}

static void test_numbers(void **state)
{
	struct machine *m = machine_new();

	assert_int_equal(parse("<memory unit='KiB'>4194304<", "<memory unit='GiB'>3<", m, NULL), 0);
	assert_int_equal(m->memory, 3 * GIB);
	machine_free(m);
	m = machine_new(); /* one that isn't 8 in all */
	assert_int_equal(parse("threads='2'", "threads='3'", m, NULL), 0);
	assert_int_equal(m->vcpus, 8);
	assert_int_equal(m->sockets, 0);
	machine_free(m);
	bad("unit='KiB'>4194304", "unit='stone'>4", ERR_CORRUPT,
	    "line 5: memory in 'stone', which is no unit of libvirt's");
	bad(">4194304<", ">99999999999999<", ERR_CORRUPT,
	    "memory '99999999999999': a number up to 68719476736 is expected");
	bad("<vcpu>8<", "<vcpu>many<", ERR_CORRUPT, "vcpu 'many': a number up to 8192 is expected");
	bad("port='40123'", "port='70000'", ERR_CORRUPT,
	    "line 13: disk 'sda': port '70000': a number up to 65535 is expected");
	bad("port='40123'", "port='0'", ERR_CORRUPT, "line 13: disk 'sda': port 0 is none");
}

static void test_refused(void **state)
{
	bad("'localhost' port='40123'", "'192.0.2.7' port='40123'", ERR_POLICY,
	    "line 13: disk 'sda': its NBD server is on '192.0.2.7': only localhost is taken; bring it here by a tunnel "
	    "(ssh -L)");
	bad("protocol='nbd'", "protocol='iscsi'", ERR_UNSUPPORTED,
	    "line 13: disk 'sda': it is reached by 'iscsi': only nbd is understood");
	bad("protocol='nbd'", "protocol='nbd' name='x'", ERR_UNSUPPORTED,
	    "line 13: disk 'sda': an NBD server with names for its exports or TLS is not understood");
	bad("type='network' device='disk'", "type='file'", ERR_CORRUPT, "line 13: disk 'sda': it has no file");
	bad("<disk type='network' device='disk'><driver name='qemu' type='raw'/><source protocol='nbd'>",
	    "<disk type='block'><source dev='/dev/vg/web'>", ERR_UNSUPPORTED,
	    "line 13: disk 'sda': it is the device '/dev/vg/web' of this host: `-i disk` takes devices");
	bad("<disk type='network' device='disk'><driver name='qemu' type='raw'/><source protocol='nbd'>",
	    "<disk type='volume'><source pool='ssd' volume='web'>", ERR_UNSUPPORTED,
	    "line 13: disk 'sda': it is volume 'web' of pool 'ssd': write its path, which `virsh vol-path` tells, as "
	    "<disk type='file'> with <source file='PATH'/>");
	bad("<disk type='network' device='disk'><driver name='qemu' type='raw'/><source protocol='nbd'>",
	    "<disk type='file'><source file='x.img'><slices/>", ERR_UNSUPPORTED,
	    "line 13: disk 'sda': it is a slice of 'x.img', which is not understood");
	bad("type='network' device='disk'", "type='vhostuser'", ERR_UNSUPPORTED,
	    "line 13: disk 'sda': a disk of type 'vhostuser' is not understood");
	bad("52:54:00:AA:00:01", "52:54", ERR_CORRUPT, "line 16: '52:54' is no address of a network card");
	bad("<name>web01</name>", "", ERR_CORRUPT, "the machine's name has 0 bytes: 1 to 4096 are expected");
	bad("<?xml version='1.0'?>\n", "<!DOCTYPE domain [<!ENTITY a 'b'>]>", ERR_POLICY,
	    "'the domain' has a DOCTYPE: document type definitions are not read; remove it if you trust the file");
}

/* Images of this host: by the path where it is allowed, else beside the XML. */
static void test_files(void **state)
{
	static const char text[] =
	    "<domain type='kvm'><name>web</name><memory>1048576</memory><devices>"
	    "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/>"
	    "<source file='%s/images/web.qcow2' index='1'/><target dev='vda' bus='virtio'/></disk>"
	    "<disk type='file'><driver name='qemu' type='vpc'/><source file='/far/away/data.vhd'/>"
	    "<target dev='vdb' bus='virtio'/></disk></devices></domain>";
	AUTO(scratch_done) struct scratch s = scratch_new();
	const char *images = strdup(scratch_path(&s, "images")), *path;
	const struct source_options allowed = {.allow_parent = (const char *const[]){images, NULL}}, none = {0};
	char xml[1000];

	assert_int_equal(mkdir(images, 0755), 0);
	assert_int_equal(mkdir(scratch_path(&s, "xml"), 0755), 0);
	scratch_text(&s, "images/web.qcow2", "x");
	scratch_text(&s, "xml/data.vhd", "x");
	snprintf(xml, sizeof xml, text, s.path);
	path = scratch_text(&s, "xml/web.xml", xml);
	for (int i = 0; i < 2; i++) {
		AUTO(machine_freep) struct machine *m = NULL;
		struct err err = ERR_INIT;

		assert_int_equal(source_open(&path, 1, i ? &allowed : &none, &m, &err), i ? 0 : -1);
		if (!i) {
			assert_int_equal(err.code, ERR_POLICY);
			assert_non_null(strstr(err.text, "/images/web.qcow2' leads outside the machine's folder, no "
							 "--allow-parent allows it, and there is no 'web.qcow2' beside "
							 "the XML"));
			continue;
		}
		assert_string_equal(m->disks.v[0].folder, images);
		assert_string_equal(m->disks.v[0].file, "web.qcow2");
		assert_string_equal(m->disks.v[0].format, "qcow2");
		assert_false(m->disks.v[0].live);
		assert_string_equal(strrchr(m->disks.v[1].folder, '/'), "/xml");
		assert_string_equal(m->disks.v[1].file, "data.vhd");
		assert_string_equal(m->disks.v[1].format, "vhd");
		assert_string_equal(m->notes.v[0], "'/far/away/data.vhd' is not beneath a folder that may be read: "
						   "'data.vhd' beside the XML is taken for it");
	}
	free((char *)images);
}

static void test_not_a_domain(void **state)
{
	struct machine *m = machine_new();
	struct err err = ERR_INIT;

	assert_int_equal(libvirtxml_parse("<pool/>", 7, m, &err), -1);
	assert_string_equal(err.text, "a <domain> with <devices> is expected, <pool> was found");
	machine_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_machine), cmocka_unit_test(test_disks),      cmocka_unit_test(test_secure_boot),
	    cmocka_unit_test(test_cards),   cmocka_unit_test(test_of_libvirt), cmocka_unit_test(test_numbers),
	    cmocka_unit_test(test_refused), cmocka_unit_test(test_files),      cmocka_unit_test(test_not_a_domain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
