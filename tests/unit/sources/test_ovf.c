/* OVF descriptors: every real one of the shared samples against golden-ovf.txt, and what only hand-made ones show. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/cleanup.h"
#include "tests/unit/sources/ovf_summary.h"
#include "tests/unit/sources/tarball.h"

#define HEAD  "<Envelope xmlns='http://schemas.dmtf.org/ovf/envelope/1' xmlns:ovf='o' xmlns:rasd='r' xmlns:vmw='v'>"
#define FILES "<References><File ovf:id='f1' ovf:href='d1.vmdk' ovf:size='100'/></References>"
#define DISK                                                                                                           \
	"<DiskSection><Disk ovf:diskId='d1' ovf:fileRef='f1' ovf:capacity='1' "                                        \
	"ovf:capacityAllocationUnits='GB'/></DiskSection>"
#define TAIL		 "</VirtualHardwareSection></VirtualSystem></Envelope>"
#define SYSTEM		 "<VirtualSystem ovf:id='vm'><VirtualHardwareSection>"
#define ITEM(type, more) "<Item><rasd:ResourceType>" type "</rasd:ResourceType>" more "</Item>"
#define DISK_ITEM	 ITEM("17", "<rasd:InstanceID>8</rasd:InstanceID><rasd:HostResource>ovf:/disk/d1</rasd:HostResource>")

static int parse(const char *text, const struct source_options *options, struct machine *m, struct ovf *ovf,
		 struct err *err)
{
	static const struct source_options none;

	return ovf_parse(text, strlen(text), "x.ovf", options ? options : &none, m, ovf, err);
}

/* The machine of a text that must be good; freed by the caller. */
static struct machine *good(const char *text)
{
	struct machine *m = machine_new();
	struct ovf ovf = {0};
	struct err err = ERR_INIT;

	if (parse(text, NULL, m, &ovf, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(ovf.files.n, m->disks.n);
	return m;
}

static void bad(const char *text, enum err_code code, const char *says)
{
	AUTO(machine_freep) struct machine *m = machine_new();
	struct ovf ovf = {0};
	struct err err = ERR_INIT;

	assert_int_equal(parse(text, NULL, m, &ovf, &err), -1);
	assert_string_equal(err.text, says);
	assert_int_equal(err.code, code);
}

static void one_real_descriptor(const char *name, const char *expected)
{
	AUTO(machine_freep) struct machine *m = machine_new();
	AUTO(buf_done) struct buf text = BUF_INIT(1 << 20);
	AUTO(buf_done) struct buf got = BUF_INIT(1 << 16);
	const struct source_options none = {0};
	struct ovf ovf = {0};
	struct err err = ERR_INIT;
	char path[300];

	snprintf(path, sizeof path, "ova/%s", name);
	assert_int_equal(file_slurp(AT_FDCWD, shared_sample(path), &text, &err), 0);
	if (ovf_parse(text.data, text.len, strrchr(path, '/') + 1, &none, m, &ovf, &err) < 0)
		buf_addf(&got, "%s: %s", err_code_name(err.code), err.text);
	else
		ovf_summary(m, &ovf, &got);
	if (strcmp(buf_str(&got), expected))
		fail_msg("%s:\n%s\nexpected\n%s", name, buf_str(&got), expected);
}

static void every_real_descriptor(void **state)
{
	AUTO(buf_done) struct buf golden = BUF_INIT(1 << 20);
	char *save = NULL;
	unsigned n = 0;

	if (!shared_sample("README.md")) {
		print_message("SKIP: the shared samples are not here\n");
		skip();
	}
	assert_int_equal(file_slurp(AT_FDCWD, "tests/unit/sources/golden-ovf.txt", &golden, NULL), 0);
	for (char *line = strtok_r(golden.data, "\n", &save); line; line = strtok_r(NULL, "\n", &save), n++) {
		char *tab = strchr(line, '\t');

		*tab = '\0';
		one_real_descriptor(line, tab + 1);
	}
	assert_int_equal(n, 89);
}

static void policy_slots_and_firmware(void **state)
{
	AUTO(machine_freep)
	struct machine *m = good(
	    HEAD FILES DISK SYSTEM ITEM(
		"3",
		"<rasd:VirtualQuantity>4</rasd:VirtualQuantity><rasd:AllocationUnits>hertz * "
		"10^6</rasd:AllocationUnits>"
		"<rasd:Limit>4000</rasd:Limit><rasd:Reservation>100</rasd:Reservation><rasd:Weight>8000</rasd:Weight>"
		"<vmw:CoresPerSocket>2</vmw:CoresPerSocket>")
		ITEM("4", "<rasd:VirtualQuantity>2</rasd:VirtualQuantity><rasd:AllocationUnits>byte * "
			  "2^30</rasd:AllocationUnits>"
			  "<rasd:Limit>1</rasd:Limit><rasd:Weight>77</rasd:Weight>")
		    ITEM("10", "<rasd:Connection>a</rasd:Connection><rasd:Address>00:50:56:01:02:03</rasd:Address>"
			       "<rasd:ResourceSubType>VmxNet3</rasd:ResourceSubType>"
			       "<rasd:AutomaticAllocation>false</rasd:AutomaticAllocation>")
			ITEM("10",
			     "<vmw:Config vmw:key='slotInfo.pciSlotNumber' "
			     "vmw:value='224'/><rasd:Address>nonsense</rasd:Address>") "<Item><rasd:ResourceType>17</"
										       "rasd:ResourceType><rasd:"
										       "HostResource>/disk/d1</"
										       "rasd:HostResource>"
										       "<vmw:Config "
										       "vmw:key='storageIOAllocation."
										       "limit' vmw:value='500'/>"
										       "<vmw:Config "
										       "vmw:key='virtualDiskFormat' "
										       "vmw:value='native_4k'/></Item>"
										       "<vmw:Config vmw:key='firmware' "
										       "vmw:value='efi'/>"
										       "<vmw:Config "
										       "vmw:key='bootOptions."
										       "efiSecureBootEnabled' "
										       "vmw:value='true'/>"
										       "<vmw:Config vmw:key='uuid' "
										       "vmw:value='42343691-387c-c457-"
										       "d170-0c64ffb48501'/>"
										       "<vmw:ExtraConfig "
										       "vmw:key='ethernet0."
										       "pciSlotNumber' "
										       "vmw:value='192'/>" TAIL);

	assert_int_equal(m->vcpus, 4);
	assert_int_equal(m->sockets, 2);
	assert_int_equal(m->cores, 2);
	assert_int_equal(m->policy.cpu_limit_mhz, 4000);
	assert_int_equal(m->policy.cpu_reservation_mhz, 100);
	assert_int_equal(m->policy.cpu_shares, 8000);
	assert_true(m->memory == 2 * GIB);
	assert_true(m->policy.memory_limit == GIB);
	assert_int_equal(m->policy.memory_shares, 77);
	assert_int_equal(m->firmware, FIRMWARE_UEFI);
	assert_int_equal(m->secure_boot, TRI_YES);
	assert_string_equal(m->uuid, "42343691-387c-c457-d170-0c64ffb48501");
	assert_string_equal(m->nics.v[0].mac, "00:50:56:01:02:03");
	assert_int_equal(m->nics.v[0].pci_slot, 192);
	assert_false(m->nics.v[0].connected);
	assert_int_equal(m->nics.v[1].pci_slot, 224);
	assert_true(m->nics.v[1].connected);
	assert_string_equal(m->nics.v[1].mac, "");
	assert_int_equal(m->disks.v[0].policy.iops, 500);
	assert_int_equal(m->disks.v[0].logical_sector, 4096);
	assert_true(m->disks.v[0].capacity == GIB);
	assert_int_equal(m->notes.n, 1);
	assert_string_equal(m->notes.v[0], "an item: 'nonsense' is not a MAC address");
}

static void capacity_by_property(void **state)
{
	AUTO(machine_freep)
	struct machine *m =
	    good(HEAD FILES "<DiskSection><Disk ovf:diskId='d1' ovf:fileRef='f1' ovf:capacity='${size}' "
			    "ovf:capacityAllocationUnits='byte * 2^20'/></DiskSection>"
			    "<VirtualSystem ovf:id='vm'><ProductSection><Property ovf:key='size' ovf:value='64'/>"
			    "</ProductSection><VirtualHardwareSection>" DISK_ITEM TAIL);
	AUTO(machine_freep)
	struct machine *unset =
	    good(HEAD FILES "<DiskSection><Disk ovf:diskId='d1' ovf:fileRef='f1' ovf:capacity='${size}'/>"
			    "</DiskSection>" SYSTEM DISK_ITEM TAIL);

	assert_true(m->disks.v[0].capacity == 64 * MIB);
	assert_true(unset->disks.v[0].capacity == 0);
	assert_string_equal(unset->notes.v[0], "disk 'd1': the capacity '${size}' names a property that has no value");
}

static void virtualbox_says_more_beside(void **state)
{
	AUTO(machine_freep)
	struct machine *m =
	    good(HEAD FILES DISK SYSTEM DISK_ITEM
		 "</VirtualHardwareSection>"
		 "<Machine uuid='{39a69c87-0433-4945-8e25-b89431544a28}'><Hardware><Firmware type='EFI'/></Hardware>"
		 "</Machine></VirtualSystem></Envelope>");

	assert_int_equal(m->firmware, FIRMWARE_UEFI);
	assert_string_equal(m->uuid, "39a69c87-0433-4945-8e25-b89431544a28");
}

static void addresses_of_virtualbox(void **state)
{
#define VBOX(items, adapters)                                                                                          \
	HEAD FILES DISK SYSTEM DISK_ITEM items "</VirtualHardwareSection><Machine><Hardware><Network>" adapters        \
					       "</Network></Hardware></Machine></VirtualSystem></Envelope>"
#define ADAPTER(slot, enabled, mac) "<Adapter slot='" slot "' enabled='" enabled "' MACAddress='" mac "'/>"
	AUTO(machine_freep) struct machine *m = NULL;
	AUTO(machine_freep) struct machine *own = NULL;
	AUTO(machine_freep) struct machine *fewer = NULL;

	m = good(VBOX(ITEM("10", "") ITEM("10", ""),
		      ADAPTER("2", "true", "080027000002") ADAPTER("1", "false", "080027000001")
			  ADAPTER("0", "true", "080027000000")));
	assert_string_equal(m->nics.v[0].mac, "08:00:27:00:00:00");
	assert_string_equal(m->nics.v[1].mac, "08:00:27:00:00:02");
	own = good(
	    VBOX(ITEM("10", "<rasd:Address>00:50:56:01:02:03</rasd:Address>"), ADAPTER("0", "true", "080027000000")));
	assert_string_equal(own->nics.v[0].mac, "00:50:56:01:02:03");
	fewer = good(VBOX(ITEM("10", ""), ADAPTER("0", "true", "080027000000") ADAPTER("1", "true", "080027000001")));
	assert_string_equal(fewer->nics.v[0].mac, "");
#undef ADAPTER
#undef VBOX
}

static void cards_of_ovirt(void **state)
{
	AUTO(machine_freep)
	struct machine *m = good(HEAD FILES DISK SYSTEM DISK_ITEM ITEM(
	    "10", "<rasd:ResourceSubType>3</rasd:ResourceSubType><rasd:Connection>ovirtmgmt</rasd:Connection>"
		  "<rasd:MACAddress>56:6f:0b:1c:00:01</rasd:MACAddress>"
		  "<rasd:Address>{type=pci, slot=0x00, bus=0x02, domain=0x0000, function=0x0}</rasd:Address>") TAIL);

	assert_string_equal(m->nics.v[0].mac, "56:6f:0b:1c:00:01");
	assert_int_equal(m->nics.v[0].model, NIC_VIRTIO);
	assert_int_equal(m->notes.n, 0);
}

static void disks_of_xencenter(void **state)
{
	AUTO(machine_freep)
	struct machine *m = good(HEAD FILES DISK SYSTEM ITEM(
	    "19", "<rasd:InstanceID>8</rasd:InstanceID><rasd:HostResource>ovf:/disk/d1</rasd:HostResource>")
				     ITEM("19", "<rasd:HostResource>sr/of/a/host</rasd:HostResource>") TAIL);

	assert_int_equal(m->disks.n, 1);
	assert_true(m->disks.v[0].capacity == GIB);
}

static void a_system_by_name(void **state)
{
	static const char two[] =
	    HEAD FILES DISK "<VirtualSystemCollection ovf:id='c'>"
			    "<VirtualSystem ovf:id='a'><Name>One</Name><VirtualHardwareSection>" DISK_ITEM
			    "</VirtualHardwareSection></VirtualSystem>"
			    "<VirtualSystem ovf:id='b'><VirtualHardwareSection>" DISK_ITEM
			    "</VirtualHardwareSection></VirtualSystem></VirtualSystemCollection>"
			    "</Envelope>";
	AUTO(machine_freep) struct machine *m = machine_new();
	AUTO(machine_freep) struct machine *none = machine_new();
	struct source_options options = {.vm = "b"};
	struct ovf ovf = {0}, other = {0};
	struct err err = ERR_INIT;

	bad(two, ERR_BLOCKED, "'x.ovf': there are 2 virtual systems: choose one with --vm NAME: 'One', 'b'");
	assert_int_equal(parse(two, &options, m, &ovf, &err), 0);
	assert_string_equal(m->name, "b");
	options.vm = "c";
	assert_int_equal(parse(two, &options, none, &other, &err), -1);
	assert_string_equal(err.text, "'x.ovf': there is no virtual system 'c': there are 'One', 'b'");
}

static void what_is_refused(void **state)
{
	bad("<Envelop/>", ERR_CORRUPT, "'x.ovf': the root element is 'Envelop', not Envelope");
	bad("<!DOCTYPE x><Envelope/>", ERR_POLICY,
	    "'x.ovf' has a DOCTYPE: document type definitions are not read; remove it if you trust the file");
	bad(HEAD "<VirtualSystem ovf:id='v'/></Envelope>", ERR_CORRUPT,
	    "'x.ovf': virtual system 'v' has no VirtualHardwareSection");
	bad(HEAD DISK SYSTEM DISK_ITEM TAIL, ERR_CORRUPT, "'x.ovf': there is no File with the id 'f1' in References");
	bad(HEAD FILES SYSTEM DISK_ITEM TAIL, ERR_CORRUPT,
	    "'x.ovf': there is no Disk with the id 'd1' in the DiskSection");
	bad(HEAD "<References><File ovf:id='f1' ovf:href='d.vmdk' ovf:chunkSize='2147483648'/></References>" DISK SYSTEM
		DISK_ITEM TAIL,
	    ERR_UNSUPPORTED,
	    "'x.ovf': file 'd.vmdk' is split into chunks of 2147483648 bytes: join them into one "
	    "file and remove ovf:chunkSize");
	bad(HEAD "<References><File ovf:id='f1' ovf:href='d.vmdk' ovf:compression='bzip2'/></References>" DISK SYSTEM
		DISK_ITEM TAIL,
	    ERR_UNSUPPORTED, "'x.ovf': file 'd.vmdk' is compressed with 'bzip2', only gzip is read");
	bad(HEAD FILES "<DiskSection><Disk ovf:diskId='d1' ovf:capacity='5'/></DiskSection>" SYSTEM DISK_ITEM TAIL,
	    ERR_UNSUPPORTED,
	    "'x.ovf': disk 'd1' has no file: an empty disk of 5 bytes is not made here; remove it from the OVF and add "
	    "a "
	    "new disk to the result");
	bad(HEAD FILES
	    "<DiskSection><Disk ovf:diskId='d1' ovf:fileRef='f1' ovf:parentRef='d0'/></DiskSection>" SYSTEM DISK_ITEM
		TAIL,
	    ERR_UNSUPPORTED, "'x.ovf': disk 'd1' holds only the differences to disk 'd0': export it in full");
	bad(HEAD FILES
	    "<DiskSection><Disk ovf:diskId='d1' ovf:fileRef='f1' ovf:capacity='-5'/></DiskSection>" SYSTEM DISK_ITEM
		TAIL,
	    ERR_CORRUPT, "'x.ovf': disk 'd1': capacity '-5' is not a size");
	bad(HEAD SYSTEM ITEM("4", "<rasd:VirtualQuantity>99999999999999</rasd:VirtualQuantity>") TAIL, ERR_CORRUPT,
	    "'x.ovf': an item: VirtualQuantity '99999999999999' is not an amount of memory");
	bad(HEAD SYSTEM ITEM("3", "<rasd:VirtualQuantity>0</rasd:VirtualQuantity>") TAIL, ERR_CORRUPT,
	    "'x.ovf': an item: VirtualQuantity '0' is not a number of CPUs");
}

/* A text that many items lead to must not be copied for each. */
static void long_texts_are_read_once(void **state)
{
	AUTO(buf_done) struct buf b = BUF_INIT(8 << 20);
	AUTO(machine_freep) struct machine *m = NULL;

	buf_adds(&b, HEAD FILES "<DiskSection><Disk ovf:diskId='d1' ovf:fileRef='f1' ovf:format='");
	for (unsigned i = 0; i < 20000; i++)
		buf_addf(&b, "%050u", i);
	buf_adds(&b, "'/></DiskSection>" SYSTEM
		     "<Item><rasd:ResourceType>6</rasd:ResourceType><rasd:InstanceID>1</rasd:InstanceID>"
		     "<rasd:ResourceSubType>");
	for (unsigned i = 0; i < 20000; i++)
		buf_addf(&b, "%050u", i);
	buf_adds(&b, "</rasd:ResourceSubType></Item>");
	for (unsigned i = 0; i < 100; i++)
		buf_adds(&b, ITEM("17", "<rasd:Parent>1</rasd:Parent><rasd:HostResource>/disk/d1</rasd:HostResource>"));
	buf_adds(&b, TAIL);
	m = good(buf_str(&b));
	assert_int_equal(m->disks.n, 100);
	assert_int_equal(m->disks.v[99].controller, CONTROLLER_LSILOGIC);
	assert_true(arena_size(&m->arena) < 10 * MIB);
	assert_string_equal(m->notes.v[1], "line 1: format has more than 4096 bytes, of which the first count");
}

static void more_than_any_machine_has(void **state)
{
	AUTO(buf_done) struct buf b = BUF_INIT(1 << 20);

	buf_adds(&b, HEAD FILES DISK SYSTEM);
	for (unsigned i = 0; i < 257; i++)
		buf_adds(&b, ITEM("17", "<rasd:HostResource>/disk/d1</rasd:HostResource>"));
	buf_adds(&b, TAIL);
	bad(buf_str(&b), ERR_CORRUPT, "'x.ovf': there are more than 256 disks");
	buf_clear(&b);
	buf_adds(&b, HEAD SYSTEM);
	for (unsigned i = 0; i < 65; i++)
		buf_adds(&b, ITEM("10", ""));
	buf_adds(&b, TAIL);
	bad(buf_str(&b), ERR_CORRUPT, "'x.ovf': there are more than 64 network adapters");
	buf_clear(&b);
	buf_adds(&b, HEAD SYSTEM);
	for (unsigned i = 0; i < 1025; i++)
		buf_adds(&b, ITEM("1", ""));
	buf_adds(&b, TAIL);
	bad(buf_str(&b), ERR_CORRUPT, "'x.ovf': there are more than 1024 hardware items");
	buf_clear(&b);
	buf_adds(&b, HEAD SYSTEM);
	for (unsigned i = 0; i < 257; i++)
		buf_adds(&b, ITEM("15", ""));
	buf_adds(&b, TAIL);
	bad(buf_str(&b), ERR_CORRUPT, "'x.ovf': there are more than 256 drives");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_real_descriptor),	 cmocka_unit_test(policy_slots_and_firmware),
	    cmocka_unit_test(capacity_by_property),	 cmocka_unit_test(virtualbox_says_more_beside),
	    cmocka_unit_test(addresses_of_virtualbox),	 cmocka_unit_test(cards_of_ovirt),
	    cmocka_unit_test(disks_of_xencenter),	 cmocka_unit_test(a_system_by_name),
	    cmocka_unit_test(what_is_refused),		 cmocka_unit_test(long_texts_are_read_once),
	    cmocka_unit_test(more_than_any_machine_has),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
