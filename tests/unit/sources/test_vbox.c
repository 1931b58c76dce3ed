/* .vbox files: shapes of VirtualBox 4 and 7, what each element becomes, what is refused, and the disks beside them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/checked.h"
#include "core/base/cleanup.h"
#include "sources/vbox.h"
#include "tests/unit/sources/cannot_open.h"

static const struct source_options none, force = {.force = true};

/* As VirtualBox 7.0 on Linux writes it: one snapshot, the state after it, two controllers. */
static const char whole[] =
    "<?xml version=\"1.0\"?>\n"
    "<VirtualBox xmlns=\"http://www.virtualbox.org/\" version=\"1.19-linux\">\n"
    "<Machine uuid=\"{564d1122-3344-5566-7788-99aabbccddee}\" name=\"web 01\" OSType=\"Debian_64\" "
    "currentSnapshot=\"{1}\" snapshotFolder=\"Snapshots\">\n"
    "<MediaRegistry><HardDisks>\n"
    "<HardDisk uuid=\"{a0000000-0000-0000-0000-000000000001}\" location=\"web.vdi\" format=\"VDI\" type=\"Normal\">\n"
    "<HardDisk uuid=\"{a0000000-0000-0000-0000-000000000002}\" location=\"Snapshots/{a2}.vdi\" format=\"VDI\"/>\n"
    "</HardDisk>\n"
    "<HardDisk uuid=\"{a0000000-0000-0000-0000-000000000003}\" location=\"data.vmdk\" format=\"VMDK\" "
    "type=\"Normal\"/>\n"
    "</HardDisks><DVDImages><Image uuid=\"{d}\" location=\"/iso/x.iso\"/></DVDImages></MediaRegistry>\n"
    "<Description>first\nsecond</Description>\n"
    "<Snapshot uuid=\"{1}\" name=\"before\"><Hardware><Memory RAMSize=\"1\"/></Hardware></Snapshot>\n"
    "<Hardware><CPU count=\"4\"><PAE enabled=\"true\"/></CPU><Memory RAMSize=\"2048\"/>\n"
    "<Firmware type=\"EFI\"/><TrustedPlatformModule type=\"v2_0\" location=\"\"/>\n"
    "<Network>\n"
    "<Adapter slot=\"0\" enabled=\"true\" MACAddress=\"080027AABB01\" type=\"82540EM\"><DisabledModes>"
    "<InternalNetwork name=\"intnet\"/></DisabledModes><NAT localhost-reachable=\"true\"/></Adapter>\n"
    "<Adapter slot=\"1\" enabled=\"true\" MACAddress=\"080027AABB02\" cable=\"false\" type=\"virtio\">"
    "<BridgedInterface name=\"eth0\"/></Adapter>\n"
    "<Adapter slot=\"2\" enabled=\"true\" MACAddress=\"080027AABB03\"/>\n"
    "<Adapter slot=\"3\" enabled=\"false\" MACAddress=\"080027AABB04\" type=\"82540EM\"/>\n"
    "</Network>\n"
    "<AudioAdapter driver=\"Pulse\" enabled=\"true\"/><RTC localOrUTC=\"UTC\"/>\n"
    "<StorageControllers>\n"
    "<StorageController name=\"IDE\" type=\"PIIX4\" PortCount=\"2\">"
    "<AttachedDevice type=\"DVD\" port=\"1\" device=\"0\"><Image uuid=\"{d}\"/></AttachedDevice>"
    "<AttachedDevice type=\"HardDisk\" port=\"0\" device=\"1\"/></StorageController>\n"
    "<StorageController name=\"SATA\" type=\"AHCI\" PortCount=\"2\">"
    "<AttachedDevice type=\"HardDisk\" port=\"0\" device=\"0\">"
    "<Image uuid=\"{A0000000-0000-0000-0000-000000000002}\"/></AttachedDevice>"
    "<AttachedDevice type=\"HardDisk\" port=\"1\" device=\"0\">"
    "<Image uuid=\"{a0000000-0000-0000-0000-000000000003}\"/></AttachedDevice></StorageController>\n"
    "</StorageControllers></Hardware></Machine></VirtualBox>\n";

/* With one text replaced by another. */
static int parse(const char *from, const char *to, const struct source_options *options, struct machine *m,
		 struct err *err)
{
	const char *at = from ? strstr(whole, from) : whole;
	char text[8192];

	assert_non_null(at);
	snprintf(text, sizeof text, "%.*s%s%s", (int)(at - whole), whole, from ? to : "",
		 at + (from ? strlen(from) : 0));
	return vbox_parse(text, strlen(text), options, m, err);
}

static struct machine *good(const char *from, const char *to, const struct source_options *options)
{
	struct machine *m = machine_new();
	struct err err = ERR_INIT;

	if (parse(from, to, options, m, &err) < 0)
		fail_msg("%s", err.text);
	return m;
}

static void bad(const char *from, const char *to, enum err_code code, const char *says)
{
	AUTO(machine_freep) struct machine *m = machine_new();
	struct err err = ERR_INIT;

	assert_int_equal(parse(from, to, &none, m, &err), -1);
	assert_string_equal(err.text, says);
	assert_int_equal(err.code, code);
}

static void the_machine(void **state)
{
	AUTO(machine_freep) struct machine *m = good(NULL, NULL, &none);

	assert_string_equal(m->name, "web 01");
	assert_string_equal(m->uuid, "564d1122-3344-5566-7788-99aabbccddee");
	assert_string_equal(m->os_hint, "Debian_64");
	assert_string_equal(m->annotation, "first\nsecond");
	assert_int_equal(m->vcpus, 4);
	assert_true(m->memory == 2 * GIB); /* not the snapshot's */
	assert_int_equal(m->firmware, FIRMWARE_UEFI);
	assert_true(m->tpm);
	assert_int_equal(m->clock, CLOCK_UTC);
	assert_int_equal(m->notes.n, 3);
	assert_string_equal(m->notes.v[0], "the sound card has no place in the result");
	assert_string_equal(m->notes.v[1], "the machine has snapshots: its present state is taken, they are left out");
	assert_string_equal(m->notes.v[2], "IDE, port 1: its medium is left out, the drive is empty");
}

static void the_disks(void **state)
{
	AUTO(machine_freep) struct machine *m = good(NULL, NULL, &none);

	assert_int_equal(m->disks.n, 2);
	assert_string_equal(m->disks.v[0].file, "Snapshots/{a2}.vdi");
	assert_string_equal(m->disks.v[0].format, "vdi");
	assert_int_equal(m->disks.v[0].controller, CONTROLLER_SATA);
	assert_int_equal(m->disks.v[0].bus, 1);
	assert_int_equal(m->disks.v[0].unit, 0);
	assert_string_equal(m->disks.v[1].file, "data.vmdk");
	assert_string_equal(m->disks.v[1].format, "vmdk");
	assert_int_equal(m->disks.v[1].unit, 1);
	assert_int_equal(m->removables.n, 1);
	assert_int_equal(m->removables.v[0].kind, REMOVABLE_CDROM);
	assert_int_equal(m->removables.v[0].controller, CONTROLLER_IDE);
	assert_int_equal(m->removables.v[0].unit, 2);
}

/* VirtualBox writes devices in the order in which they were attached. */
static void ports_are_the_order(void **state)
{
	AUTO(machine_freep)
	struct machine *m = good("<AttachedDevice type=\"HardDisk\" port=\"0\" device=\"0\">",
				 "<AttachedDevice type=\"HardDisk\" port=\"7\" device=\"0\">", &none);

	assert_int_equal(m->disks.n, 2);
	assert_string_equal(m->disks.v[0].file, "data.vmdk");
	assert_int_equal(m->disks.v[1].unit, 7);
}

static void an_aborted_machine(void **state)
{
	AUTO(machine_freep) struct machine *m = good("currentSnapshot", "aborted=\"true\" currentSnapshot", &none);

	assert_string_equal(m->notes.v[1], "the machine was aborted: its disks are as after a power cut");
}

static void the_cards(void **state)
{
	static const struct nic want[] = {
	    {.mac = "08:00:27:aa:bb:01", .model = NIC_E1000, .network = "NAT", .kind = NET_NETWORK, .connected = true},
	    {.mac = "08:00:27:aa:bb:02", .model = NIC_VIRTIO, .network = "eth0", .kind = NET_BRIDGE},
	    {.mac = "08:00:27:aa:bb:03", .model = NIC_PCNET, .network = "none", .kind = NET_NETWORK},
	};
	AUTO(machine_freep) struct machine *m = good(NULL, NULL, &none);

	assert_int_equal(m->nics.n, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_string_equal(m->nics.v[i].mac, want[i].mac);
		assert_int_equal(m->nics.v[i].model, want[i].model);
		assert_string_equal(m->nics.v[i].network, want[i].network);
		assert_int_equal(m->nics.v[i].kind, want[i].kind);
		assert_int_equal(m->nics.v[i].connected, want[i].connected);
	}
}

/* Version 1.11: the controllers beside the hardware, the firmware inside <BIOS>, loose cables unless it says so. */
static void of_virtualbox_4(void **state)
{
	static const char text[] =
	    "<VirtualBox xmlns=\"http://www.innotek.de/VirtualBox-settings\" version=\"1.11-windows\">"
	    "<Machine uuid=\"{564d1122-3344-5566-7788-99aabbccddee}\" name=\"old\" OSType=\"WindowsXP\">"
	    "<MediaRegistry><HardDisks><HardDisk uuid=\"{a}\" location=\"C:\\VMs\\old\\old.vhd\" format=\"VHD\"/>"
	    "</HardDisks></MediaRegistry>"
	    "<Hardware version=\"2\" uuid=\"{00112233-4455-6677-8899-aabbccddeeff}\"><Memory RAMSize=\"512\"/>"
	    "<BIOS><Firmware type=\"BIOS\"/></BIOS><Network><Adapter slot=\"0\" enabled=\"true\" "
	    "MACAddress=\"080027AABB01\" type=\"Am79C973\"><NAT/></Adapter></Network></Hardware>"
	    "<StorageControllers><StorageController name=\"S\" type=\"LsiLogic\">"
	    "<AttachedDevice type=\"HardDisk\" port=\"3\" device=\"0\"><Image uuid=\"{a}\"/></AttachedDevice>"
	    "</StorageController></StorageControllers></Machine></VirtualBox>";
	AUTO(machine_freep) struct machine *m = machine_new();

	assert_int_equal(vbox_parse(text, strlen(text), &none, m, NULL), 0);
	assert_string_equal(m->uuid, "00112233-4455-6677-8899-aabbccddeeff");
	assert_int_equal(m->vcpus, 1);
	assert_int_equal(m->firmware, FIRMWARE_BIOS);
	assert_int_equal(m->clock, CLOCK_LOCALTIME);
	assert_false(m->tpm);
	assert_int_equal(m->nics.n, 1);
	assert_false(m->nics.v[0].connected);
	assert_int_equal(m->disks.n, 1);
	assert_int_equal(m->disks.v[0].controller, CONTROLLER_LSILOGIC);
	assert_int_equal(m->disks.v[0].unit, 3);
	assert_string_equal(m->disks.v[0].file, "C:\\VMs\\old\\old.vhd");
	assert_string_equal(m->disks.v[0].format, "vhd");
}

/* Version 1.20: processors and clock have a place of their own. */
static void of_virtualbox_7_1_on_arm(void **state)
{
	AUTO(machine_freep)
	struct machine *m = good(
	    "<Hardware><CPU count=\"4\"><PAE enabled=\"true\"/></CPU>",
	    "<Platform architecture=\"ARM\"><RTC localOrUTC=\"UTC\"/><CPU count=\"8\"/></Platform><Hardware>", &none);

	assert_int_equal(m->vcpus, 8);
	assert_int_equal(m->clock, CLOCK_UTC);
}

static void what_is_refused(void **state)
{
	AUTO(machine_freep)
	struct machine *m = good("currentSnapshot", "stateFile=\"Snapshots/x.sav\" currentSnapshot", &force);

	assert_string_equal(m->notes.v[0], "the machine's state is saved ('Snapshots/x.sav'); its disks are taken as "
					   "after a power cut (--force)");
	bad("currentSnapshot", "stateFile=\"Snapshots/x.sav\" currentSnapshot", ERR_BLOCKED,
	    "the machine's state is saved ('Snapshots/x.sav'): start it and shut it down, or discard the state, or "
	    "take "
	    "its disks as after a power cut with --force");
	bad("<Machine ", "<MachineEncrypted keyId=\"x\"/><Machine ", ERR_UNSUPPORTED,
	    "the machine is encrypted: remove the encryption in VirtualBox first (VBoxManage encryptvm NAME "
	    "setencryption --old-password FILE)");
	bad("type=\"Normal\"/>", "><Property name=\"CRYPT/KeyStore\" value=\"x\"/></HardDisk>", ERR_UNSUPPORTED,
	    "controller 'SATA', line 24: 'data.vmdk' is encrypted: remove the encryption in VirtualBox first "
	    "(VBoxManage encryptmedium {a0000000-0000-0000-0000-000000000003} --old-password FILE)");
	bad("format=\"VMDK\"", "format=\"iSCSI\"", ERR_UNSUPPORTED,
	    "controller 'SATA', line 24: the image {a0000000-0000-0000-0000-000000000003} is reached by iSCSI, which "
	    "is "
	    "not read");
	bad("location=\"data.vmdk\"", "", ERR_CORRUPT,
	    "controller 'SATA', line 24: line 8: the image {a0000000-0000-0000-0000-000000000003} has no location of "
	    "1 to 4095 bytes");
	/* the keys are the base's, what is attached is a delta of it */
	bad("type=\"Normal\">\n<HardDisk", "type=\"Normal\"><Property name=\"CRYPT/KeyStore\" value=\"x\"/>\n<HardDisk",
	    ERR_UNSUPPORTED,
	    "controller 'SATA', line 24: 'Snapshots/{a2}.vdi' is encrypted: remove the encryption in VirtualBox first "
	    "(VBoxManage encryptmedium {A0000000-0000-0000-0000-000000000002} --old-password FILE)");
	bad("uuid=\"{a0000000-0000-0000-0000-000000000003}\" l", "uuid=\"{b}\" l", ERR_UNSUPPORTED,
	    "controller 'SATA', line 24: the image {a0000000-0000-0000-0000-000000000003} is not in the file's media "
	    "registry (before VirtualBox 4.0 it was in VirtualBox.xml): name the disk itself, `-i disk` takes it");
	bad("RAMSize=\"2048\"", "RAMSize=\"99999999999\"", ERR_CORRUPT,
	    "RAMSize '99999999999': a number up to 67108864 is expected");
	bad("<Hardware><CPU", "<Software><CPU", ERR_CORRUPT,
	    "'the settings' is not well-formed XML: line 25 column 33: Opening and ending tag mismatch: Software line "
	    "13 "
	    "and Hardware");
}

/* One device that may stand `n` times. */
static void repeated(const char *device, unsigned n, const char *says)
{
	static const char behind[] = "<StorageController name=\"SATA\" type=\"AHCI\" PortCount=\"2\">";
	const char *at = strstr(whole, behind) + strlen(behind);
	AUTO(machine_freep) struct machine *m = machine_new();
	struct err err = ERR_INIT;
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(f);
	fprintf(f, "%.*s", (int)(at - whole), whole);
	for (unsigned i = 0; i < n; i++)
		fputs(device, f);
	fputs(at, f);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(vbox_parse(text, len, &none, m, &err), says ? -1 : 0);
	assert_string_equal(err.text, says ? says : "");
	free(text);
}

static void too_many(void **state)
{
	static const char drive[] = "<AttachedDevice type=\"DVD\" port=\"9\" device=\"0\"/>",
			  disk[] = "<AttachedDevice type=\"HardDisk\" port=\"9\" device=\"0\">"
				   "<Image uuid=\"{a0000000-0000-0000-0000-000000000003}\"/></AttachedDevice>";

	repeated(drive, 255, NULL); /* IDE has one */
	repeated(drive, 256, "controller 'SATA', line 24: there are more than 256 drives");
	repeated(disk, 254, NULL);
	repeated(disk, 255, "controller 'SATA', line 24: there are more than 256 disks");
}

/* Absolute paths of another computer stand for the file beside; two of one name must not become one disk. */
static void the_files(void **state)
{
	AUTO(scratch_done) struct scratch s = scratch_new();
	const char *paths[] = {strdup(scratch_text(&s, "web.vbox", whole)), s.path};
	char *text = strdup(whole), *at;

	cannot_open(&s, paths[0], ERR_UNREADABLE,
		    "'/web.vbox': disk 1: cannot open 'Snapshots/{a2}.vdi': No such file or directory");
	assert_int_equal(mkdir(scratch_path(&s, "Snapshots"), 0755), 0);
	scratch_text(&s, "Snapshots/{a2}.vdi", "x");
	scratch_text(&s, "data.vmdk", "x");
	for (int i = 0; i < 2; i++) {
		AUTO(machine_freep) struct machine *m = NULL;
		struct err err = ERR_INIT;

		if (source_open(&paths[i], 1, &none, &m, &err) < 0)
			fail_msg("%s", err.text);
		assert_string_equal(m->source_kind, "vbox");
		assert_string_equal(m->disks.v[0].folder, s.path);
		assert_string_equal(m->disks.v[0].file, "Snapshots/{a2}.vdi");
	}
	at = strstr(text, "Snapshots/{a2}.vdi");
	memcpy(at, "D:\\vm\\12\\data.vmdk", strlen("Snapshots/{a2}.vdi"));
	cannot_open(&s, scratch_text(&s, "web.vbox", text), ERR_BLOCKED,
		    "'/web.vbox': disk 2: '/data.vmdk' is disk 1, too");
	memcpy(at, "/home/x/y/none.vdi", strlen("Snapshots/{a2}.vdi"));
	cannot_open(&s, scratch_text(&s, "web.vbox", text), ERR_POLICY,
		    "'/web.vbox': disk 1: '/home/x/y/none.vdi' leads outside the machine's folder, no --allow-parent "
		    "allows it, and there is no 'none.vdi' beside the .vbox file");
	scratch_text(&s, "two.vbox", whole);
	cannot_open(&s, s.path, ERR_BLOCKED, "'' has 2 .vbox files: name one of them");
	free(text);
	free((char *)paths[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_machine),
	    cmocka_unit_test(the_disks),
	    cmocka_unit_test(the_cards),
	    cmocka_unit_test(ports_are_the_order),
	    cmocka_unit_test(an_aborted_machine),
	    cmocka_unit_test(of_virtualbox_4),
	    cmocka_unit_test(of_virtualbox_7_1_on_arm),
	    cmocka_unit_test(what_is_refused),
	    cmocka_unit_test(too_many),
	    cmocka_unit_test(the_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
