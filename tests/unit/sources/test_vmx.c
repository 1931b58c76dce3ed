/* VMX files: every key that counts, in shapes of ESXi, Workstation, Fusion and GSX, and the files beside them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/checked.h"
#include "core/base/cleanup.h"
#include "sources/vmx.h"
#include "tests/unit/sources/cannot_open.h"

#define HEAD "config.version = \"8\"\nvirtualHW.version = \"13\"\n"

static const struct source_options none, force = {.force = true};

static struct machine *good(const char *text, const struct source_options *options)
{
	struct machine *m = machine_new();
	struct err err = ERR_INIT;

	if (vmx_parse(text, strlen(text), options, m, &err) < 0)
		fail_msg("%s", err.text);
	return m;
}

static void bad(const char *text, enum err_code code, const char *says)
{
	AUTO(machine_freep) struct machine *m = machine_new();
	struct err err = ERR_INIT;

	assert_int_equal(vmx_parse(text, strlen(text), &none, m, &err), -1);
	assert_string_equal(err.text, says);
	assert_int_equal(err.code, code);
}

static void an_esxi_machine(void **state)
{
	static const char text[] = "\xef\xbb\xbf.encoding = \"UTF-8\"\r\n" HEAD "displayName = \"web |22prod|22 01\"\n"
				   "guestOS = \"debian10-64\"\n"
				   "MemSize = \"2048\"\n"
				   "numvcpus = \"4\"\n"
				   "cpuid.coresPerSocket = \"2\"\n"
				   "firmware = \"EFI\"\n"
				   "uefi.secureBoot.enabled = \"TRUE\"\n"
				   "vtpm.present = \"TRUE\"\n"
				   "uuid.bios = \"56 4d 11 22 33 44 55 66-77 88 99 aa bb cc dd ee\"\n"
				   "annotation = \"first|0Asecond\"\n"
				   "scsi0.present = \"TRUE\"\n"
				   "scsi0.virtualDev = \"pvscsi\"\n"
				   "scsi0:1.fileName = \"web-1.vmdk\"\n"
				   "scsi0:1.present = \"TRUE\"\n"
				   "SCSI0:0.FILENAME = \"web.vmdk\"\n"
				   "scsi0:0.deviceType = \"scsi-hardDisk\"\n"
				   "sched.scsi0:0.shares = \"normal\"\n"
				   "sched.scsi0:0.throughputCap = \"800\"\n"
				   "sched.scsi0:1.throughputCap = \"off\"\n"
				   "ide0:0.fileName = \"last.vmdk\"\n"
				   "nvme0:0.fileName = \"fast.vmdk\"\n"
				   "nvme0:0.throughputCap = \"10MBps\"\n"
				   "sata0:0.fileName = \"emptyBackingString\"\n"
				   "sata0:0.deviceType = \"atapi-cdrom\"\n"
				   "sched.cpu.shares = \"8000\"\n"
				   "sched.cpu.max = \"2000\"\n"
				   "sched.cpu.min = \"100\"\n"
				   "sched.mem.max = \"1024\"\n"
				   "sched.mem.min = \"512\"\n"
				   "sched.mem.shares = \"normal\"\n";
	AUTO(machine_freep) struct machine *m = good(text, &none);

	assert_string_equal(m->name, "web \"prod\" 01");
	assert_string_equal(m->os_hint, "debian10-64");
	assert_string_equal(m->annotation, "first\nsecond");
	assert_string_equal(m->uuid, "564d1122-3344-5566-7788-99aabbccddee");
	assert_true(m->memory == 2 * GIB);
	assert_int_equal(m->vcpus, 4);
	assert_int_equal(m->sockets, 2);
	assert_int_equal(m->firmware, FIRMWARE_UEFI);
	assert_int_equal(m->secure_boot, TRI_YES);
	assert_int_equal(m->clock, CLOCK_UTC);
	assert_true(m->tpm);
	assert_int_equal(m->disks.n, 4);
	assert_string_equal(m->disks.v[0].file, "web.vmdk");
	assert_int_equal(m->disks.v[0].controller, CONTROLLER_PVSCSI);
	assert_int_equal(m->disks.v[0].policy.iops, 800);
	assert_string_equal(m->disks.v[1].file, "web-1.vmdk");
	assert_int_equal(m->disks.v[1].policy.iops, 0);
	assert_int_equal(m->disks.v[1].unit, 1);
	assert_string_equal(m->disks.v[2].file, "fast.vmdk");
	assert_int_equal(m->disks.v[2].controller, CONTROLLER_NVME);
	assert_true(m->disks.v[2].policy.bytes_per_second == 10 * MIB);
	assert_string_equal(m->disks.v[3].file, "last.vmdk");
	assert_int_equal(m->disks.v[3].controller, CONTROLLER_IDE);
	assert_int_equal(m->removables.n, 1);
	assert_int_equal(m->removables.v[0].controller, CONTROLLER_SATA);
	assert_int_equal(m->policy.cpu_shares, 8000);
	assert_int_equal(m->policy.cpu_limit_mhz, 2000);
	assert_int_equal(m->policy.cpu_reservation_mhz, 100);
	assert_true(m->policy.memory_limit == GIB);
	assert_true(m->policy.memory_reservation == 512 * MIB);
	assert_int_equal(m->policy.memory_shares, 0);
	assert_int_equal(m->notes.n, 0);
}

static void order_of_starting(void **state)
{
	static const char disks[] = HEAD "bios.hddOrder = \"SATA0:0,scsi0:10,scsi0:1\"\n"
					 "scsi0:0.fileName = \"data.vmdk\"\n"
					 "scsi0:1.fileName = \"more.vmdk\"\n"
					 "sata0:0.fileName = \"boot.vmdk\"\n";
	char text[sizeof disks + 32];
	AUTO(machine_freep) struct machine *m = good(disks, &none), *uefi = NULL;

	assert_int_equal(m->disks.n, 3);
	assert_int_equal(m->disks.v[0].boot_order, 0);
	assert_int_equal(m->disks.v[1].boot_order, 3);
	assert_int_equal(m->disks.v[2].boot_order, 1);
	snprintf(text, sizeof text, "%sfirmware = \"efi\"\n", disks);
	uefi = good(text, &none);
	assert_int_equal(uefi->disks.v[2].boot_order, 0);
}

static void network_adapters(void **state)
{
	static const char text[] = HEAD "guestOS = \"ubuntu-64\"\n"
					"ethernet0.present = \"TRUE\"\n"
					"ethernet0.virtualDev = \"vmxnet3\"\n"
					"ethernet0.networkName = \"VM Network\"\n"
					"ethernet0.addressType = \"vpx\"\n"
					"ethernet0.generatedAddress = \"00:50:56:80:B3:81\"\n"
					"ethernet0.pciSlotNumber = \"192\"\n"
					"ethernet1.addressType = \"static\"\n"
					"ethernet1.address = \"00:50:56:00:00:02\"\n"
					"ethernet1.generatedAddress = \"00:0c:29:00:00:99\"\n"
					"ethernet1.connectionType = \"nat\"\n"
					"ethernet1.startConnected = \"FALSE\"\n"
					"ethernet1.pciSlotNumber = \"-1\"\n"
					"ethernet2.present = \"FALSE\"\n"
					"ethernet2.address = \"00:50:56:00:00:03\"\n"
					"ethernet3.present = \"TRUE\"\n"
					"ethernet3.connectionType = \"bridged\"\n"
					"ethernet3.generatedAddress = \"zz\"\n"
					"ethernet4.pciSlotNumber = \"33\"\n" /* of a card that was removed */
					"ethernet10.present = \"TRUE\"\n"
					"ethernet10.connectionType = \"custom\"\n"
					"ethernet10.vnet = \"/dev/vmnet2\"\n"
					"ethernet10.virtualDev = \"warp\"\n"
					"ethernet99.present = \"TRUE\"\n";
	AUTO(machine_freep) struct machine *m = good(text, &none);
	const struct nic *n = m->nics.v;

	assert_int_equal(m->nics.n, 4);
	assert_string_equal(n[0].mac, "00:50:56:80:b3:81");
	assert_int_equal(n[0].model, NIC_VMXNET3);
	assert_string_equal(n[0].network, "VM Network");
	assert_int_equal(n[0].kind, NET_NETWORK);
	assert_int_equal(n[0].pci_slot, 192);
	assert_true(n[0].connected);
	assert_string_equal(n[1].mac, "00:50:56:00:00:02");
	assert_int_equal(n[1].model, NIC_E1000); /* VMware's default for 64-bit guests */
	assert_string_equal(n[1].network, "nat");
	assert_int_equal(n[1].pci_slot, -1);
	assert_false(n[1].connected);
	assert_string_equal(n[2].mac, "");
	assert_int_equal(n[2].kind, NET_BRIDGE);
	assert_string_equal(n[2].network, "bridged");
	assert_string_equal(n[3].network, "/dev/vmnet2");
	assert_int_equal(n[3].model, NIC_UNKNOWN);
	assert_int_equal(m->notes.n, 2);
	assert_string_equal(m->notes.v[0], "ethernet3: 'zz' is not a MAC address");
	assert_string_equal(m->notes.v[1], "ethernet10: the model 'warp' is not known");
}

static void texts_of_other_systems(void **state)
{
	static const struct {
		const char *encoding, *bytes, *name;
	} cases[] = {
	    {"windows-1251", "\xd1\xe5\xf0\xe2\xe5\xf0", "Сервер"},
	    {"GBK", "\xb7\xfe\xce\xf1\xc6\xf7", "服务器"},
	    {"big5", "\xa5\x7c", "四"}, /* '|' is half of it */
	    {"Shift_JIS", "\x83\x7c|22\x83\x5c", "ポ\"ソ"},
	    {"UTF-8", "Sérvér", "Sérvér"},
	    {"EBCDIC", "caf\xe9", "café"}, /* none of the list: as without */
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		AUTO(machine_freep) struct machine *m = NULL;
		char text[300];

		snprintf(text, sizeof text, HEAD ".encoding = \"%s\"\ndisplayName = \"%s\"\n", cases[i].encoding,
			 cases[i].bytes);
		m = good(text, &none);
		assert_string_equal(m->name, cases[i].name);
		assert_int_equal(m->notes.n, !strcmp(cases[i].encoding, "EBCDIC"));
	}
}

static void an_old_gsx_machine(void **state)
{
	static const char text[] = "#!/usr/bin/vmware\n" HEAD "memsize = \"264\"\n"
				   "guestOS = \"winxppro\"\n"
				   "displayName = caf\xe9\n"
				   "scsi0:0.present = TRUE\n"
				   "scsi0:0.fileName = first.vmdk\n"
				   "scsi1.present = \"FALSE\"\n"
				   "scsi1:0.fileName = \"hidden.vmdk\"\n"
				   "ide0:0.present = \"TRUE\"\n"
				   "ide0:0.fileName = \"second.vmdk\"\n"
				   "ide0:0.mode = \"independent-nonpersistent\"\n"
				   "ide0:1.present = \"FALSE\"\n"
				   "ide0:1.fileName = \"/dev/hda\"\n"
				   "ide1:0.present = \"TRUE\"\n"
				   "ide1:0.fileName = \"auto detect\"\n"
				   "ide1:1.fileName = \"tools.iso\"\n"
				   "floppy0.fileName = \"/dev/fd0\"\n"
				   "floppy1.present = \"FALSE\"\n"
				   "floppy1.fileName = \"x.flp\"\n"
				   "memsize = \"999\"\n"
				   "sound.present = \"TRUE\"\n"
				   "cleanShutdown = \"FALSE\"\n"
				   "nonsense\n";
	AUTO(machine_freep) struct machine *m = good(text, &none);

	assert_string_equal(m->name, "caf\xc3\xa9");
	assert_true(m->memory == 264 * MIB);
	assert_int_equal(m->vcpus, 1);
	assert_int_equal(m->clock, CLOCK_LOCALTIME);
	assert_int_equal(m->firmware, FIRMWARE_BIOS);
	assert_int_equal(m->secure_boot, TRI_UNKNOWN);
	assert_int_equal(m->disks.n, 2);
	assert_string_equal(m->disks.v[0].file, "first.vmdk");
	assert_int_equal(m->disks.v[0].controller, CONTROLLER_BUSLOGIC);
	assert_string_equal(m->disks.v[1].file, "second.vmdk");
	assert_int_equal(m->removables.n, 3);
	assert_int_equal(m->removables.v[0].kind, REMOVABLE_FLOPPY);
	assert_int_equal(m->removables.v[1].bus, 1);
	assert_int_equal(m->removables.v[2].unit, 1);
	assert_int_equal(m->notes.n, 6);
	assert_string_equal(m->notes.v[0], "line 22: 'memsize' is there twice, the first counts");
	assert_string_equal(m->notes.v[1], "line 25 has no '=' and was left out");
	assert_string_equal(m->notes.v[2], "the device sound has no place in the result");
	assert_string_equal(m->notes.v[3],
			    "cleanShutdown is FALSE: the machine was running or was not shut down properly");
	assert_string_equal(m->notes.v[4], "disk ide0:0 forgot its changes at power-off (independent-nonpersistent); "
					   "the result keeps them");
	assert_string_equal(m->notes.v[5], "ide1:1: its medium 'tools.iso' is left out, the drive is empty");
}

static void what_is_refused(void **state)
{
	bad("x = \"y\"\n", ERR_CORRUPT,
	    "neither config.version nor virtualHW.version nor displayName is there: not a VMX file");
	bad(HEAD "encryption.keySafe = \"vmware:key/list/...\"\n", ERR_UNSUPPORTED,
	    "the machine is encrypted (encryption.keySafe): remove the encryption in VMware first");
	bad(HEAD "checkpoint.vmState = \"web.vmss\"\n", ERR_BLOCKED,
	    "the machine is suspended (checkpoint.vmState is 'web.vmss'): resume it and shut it down, or take its "
	    "disks as "
	    "after a power cut with --force");
	bad(HEAD "memsize = \"99999999999\"\n", ERR_CORRUPT, "memsize '99999999999' is more than 64 TiB");
	bad(HEAD "numvcpus = \"5000\"\n", ERR_CORRUPT, "numvcpus '5000' is more than 4096");
	bad(HEAD "scsi0:0.present = \"TRUE\"\n", ERR_CORRUPT, "disk scsi0:0 has no fileName");
	bad(HEAD "scsi0:0.fileName = \"x\"\nscsi0:0.deviceType = \"scsi-physical-hardDisk\"\n", ERR_UNSUPPORTED,
	    "disk scsi0:0 is a physical disk of the host (scsi-physical-hardDisk): name the device itself as a source");
}

static void force_takes_a_suspended_machine(void **state)
{
	AUTO(machine_freep) struct machine *m = good(HEAD "checkpoint.vmState = \"web.vmss\"\n", &force);

	assert_string_equal(
	    m->notes.v[0], "the machine is suspended ('web.vmss'); its disks are taken as after a power cut (--force)");
}

static void binary_and_endless(void **state)
{
	AUTO(machine_freep) struct machine *m = machine_new();
	AUTO(buf_done) struct buf b = BUF_INIT(1 << 20);
	struct err err = ERR_INIT;

	assert_int_equal(vmx_parse(HEAD "\0", sizeof HEAD, &none, m, &err), -1);
	assert_string_equal(err.text, "it has NUL bytes: not a VMX file");
	for (unsigned i = 0; i < 8193; i++)
		buf_addf(&b, "k%u = \"\"\n", i);
	assert_int_equal(vmx_parse(buf_str(&b), b.len, &none, m, &err), -1);
	assert_string_equal(err.text, "there are more than 8192 lines with keys");
	buf_clear(&b); /* nor one key again and again */
	for (unsigned i = 0; i < 8193; i++)
		buf_adds(&b, "k=\n");
	assert_int_equal(vmx_parse(buf_str(&b), b.len, &none, m, &err), -1);
	assert_string_equal(err.text, "there are more than 8192 lines with keys");
}

/* --- the files --- */

static void opens_file_or_folder(void **state)
{
	AUTO(scratch_done) struct scratch s = scratch_new();
	const char *paths[] = {strdup(scratch_text(&s, "web.vmx", HEAD "scsi0:0.fileName = \"web.vmdk\"\n")), s.path};

	scratch_text(&s, "web.vmdk", "# Disk DescriptorFile\n");
	assert_int_equal(mkdir(scratch_path(&s, "web.vmdk.lck"), 0755), 0); /* an empty folder is no lock */
	for (int i = 0; i < 2; i++) {
		AUTO(machine_freep) struct machine *m = NULL;
		struct err err = ERR_INIT;

		if (source_open(&paths[i], 1, &none, &m, &err) < 0)
			fail_msg("%s", err.text);
		assert_string_equal(m->source_kind, "vmx");
		assert_string_equal(m->name, "web");
		assert_string_equal(m->disks.v[0].folder, s.path);
		assert_string_equal(m->disks.v[0].file, "web.vmdk");
		assert_null(m->disks.v[0].format);
	}
	free((char *)paths[0]);
}

static void disks_elsewhere_and_missing_disks(void **state)
{
	static const char *const outside[] = {"/etc/shadow", "../secret", "[datastore1] web/web.vmdk",
					      "C:|5Cvm|5Cx.vmdk"};
	AUTO(scratch_done) struct scratch s = scratch_new();
	char vmx[300], says[400];

	scratch_text(&s, "secret", "x");
	assert_int_equal(mkdir(scratch_path(&s, "vm"), 0755), 0);
	for (size_t i = 0; i < sizeof outside / sizeof *outside; i++) {
		snprintf(vmx, sizeof vmx, HEAD "scsi0:0.fileName = \"%s\"\n", outside[i]);
		snprintf(says, sizeof says,
			 "'/vm/w.vmx': disk 1: '%s' leads outside the machine's folder, and no --allow-parent "
			 "allows it: put the disk beside the VMX and its bare name into it",
			 i == 3 ? "C:\\vm\\x.vmdk" : outside[i]);
		cannot_open(&s, scratch_text(&s, "vm/w.vmx", vmx), ERR_POLICY, says);
	}
	cannot_open(&s, scratch_text(&s, "vm/w.vmx", HEAD "scsi0:0.fileName = \"gone.vmdk\"\n"), ERR_UNREADABLE,
		    "'/vm/w.vmx': disk 1: cannot open 'gone.vmdk': No such file or directory");
	assert_int_equal(symlink("../secret", scratch_path(&s, "vm/link.vmdk")), 0);
	cannot_open(&s, scratch_text(&s, "vm/w.vmx", HEAD "scsi0:0.fileName = \"link.vmdk\"\n"), ERR_POLICY,
		    "'/vm/w.vmx': disk 1: 'link.vmdk' leads outside the image's folder");
}

static void a_relative_path_of_windows(void **state)
{
	AUTO(scratch_done) struct scratch s = scratch_new();
	AUTO(machine_freep) struct machine *m = NULL;
	const char *path = scratch_text(&s, "w.vmx", HEAD "scsi0:0.fileName = \"disks\\web.vmdk\"\n");
	struct err err = ERR_INIT;

	assert_int_equal(mkdir(scratch_path(&s, "disks"), 0755), 0);
	scratch_text(&s, "disks/web.vmdk", "x");
	if (source_open(&path, 1, &none, &m, &err) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(m->disks.v[0].file, "disks/web.vmdk");
}

static void disks_in_allowed_folders(void **state)
{
	AUTO(scratch_done) struct scratch s = scratch_new();
	char base[300], vmx[400];
	const char *allowed[] = {"/var", base, NULL};
	struct source_options options = {.allow_parent = allowed};

	assert_int_equal(mkdir(scratch_path(&s, "vm"), 0755), 0);
	assert_int_equal(mkdir(scratch_path(&s, "base"), 0755), 0);
	scratch_text(&s, "base/gold.vmdk", "x");
	scratch_text(&s, "secret", "x");
	snprintf(base, sizeof base, "%s/base", s.path);
	allowed[0] = s.path[0] == '/' && !strncmp(s.path, "/var", 4) ? "/usr" : "/var";
	for (int i = 0; i < 2; i++) {
		AUTO(machine_freep) struct machine *m = NULL;
		struct err err = ERR_INIT;
		const char *path;

		snprintf(vmx, sizeof vmx, HEAD "scsi0:0.fileName = \"%s/gold.vmdk\"\n", i ? "../base" : base);
		path = scratch_text(&s, "vm/w.vmx", vmx);
		if (source_open(&path, 1, &options, &m, &err) < 0)
			fail_msg("%s", err.text);
		assert_string_equal(m->disks.v[0].folder, base);
		assert_string_equal(m->disks.v[0].file, "gold.vmdk");
	}
	{
		AUTO(machine_freep) struct machine *m = NULL;
		struct err err = ERR_INIT;
		const char *path = scratch_text(&s, "vm/w.vmx", HEAD "scsi0:0.fileName = \"../secret\"\n");

		assert_int_equal(source_open(&path, 1, &options, &m, &err), -1);
		assert_int_equal(err.code, ERR_POLICY);
	}
}

static void running_and_suspended(void **state)
{
	AUTO(scratch_done) struct scratch s = scratch_new();
	const char *vmx;

	scratch_text(&s, "web.vmdk", "x");
	vmx = strdup(scratch_text(&s, "web.vmx", HEAD "scsi0:0.fileName = \"web.vmdk\"\n"));
	assert_int_equal(mkdir(scratch_path(&s, "web.vmdk.lck"), 0755), 0);
	scratch_text(&s, "web.vmdk.lck/M12345.lck", "");
	cannot_open(
	    &s, vmx, ERR_BLOCKED,
	    "'/web.vmx': disk 1: 'web.vmdk' is in use: a VMware lock (.lck) lies beside it; shut the machine down "
	    "first, or take it as after a power cut with --force");
	scratch_text(&s, "web.vmx.lck", "");
	cannot_open(
	    &s, vmx, ERR_BLOCKED,
	    "'/web.vmx': 'web.vmx' is in use: a VMware lock (.lck) lies beside it; shut the machine down first, or "
	    "take it as after a power cut with --force");
	unlink(scratch_path(&s, "web.vmx.lck"));
	scratch_text(&s, "web.vmss", "");
	cannot_open(
	    &s, vmx, ERR_BLOCKED,
	    "'/web.vmx': the machine is suspended ('web.vmss' lies beside it): resume it and shut it down, or take "
	    "its disks as after a power cut with --force");
	scratch_text(&s, "other.vmx", HEAD);
	cannot_open(&s, s.path, ERR_BLOCKED, "'' has 2 .vmx files: name one of them");
	free((char *)vmx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_esxi_machine),
	    cmocka_unit_test(order_of_starting),
	    cmocka_unit_test(network_adapters),
	    cmocka_unit_test(texts_of_other_systems),
	    cmocka_unit_test(an_old_gsx_machine),
	    cmocka_unit_test(what_is_refused),
	    cmocka_unit_test(force_takes_a_suspended_machine),
	    cmocka_unit_test(binary_and_endless),
	    cmocka_unit_test(opens_file_or_folder),
	    cmocka_unit_test(disks_elsewhere_and_missing_disks),
	    cmocka_unit_test(a_relative_path_of_windows),
	    cmocka_unit_test(disks_in_allowed_folders),
	    cmocka_unit_test(running_and_suspended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
