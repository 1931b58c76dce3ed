/* Tests of boot-iso/agent: a made-up machine's /sys, /proc and /run become the inventory. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "boot-iso/agent/inventory.h"
#include "core/base/file.h"

#define GLOBAL "8be4df61-93ca-11d2-aa0d-00e098032b8c"

struct fixture {
	struct arena arena; /* paths */
	char dir[64];
	struct hardware *h;
	struct json *j;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	strcpy(f->dir, "/var/tmp/rehost-test-hardware-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	js_free(f->j);
	hardware_free(f->h);
	file_remove_tree(AT_FDCWD, f->dir, NULL);
	arena_done(&f->arena);
	free(f);
	return 0;
}

/* The path in the fixture, its folders made. */
static const char *place(struct fixture *f, const char *path)
{
	char *ret = arena_printf(&f->arena, "%s/%s", f->dir, path), *slash = strrchr(ret, '/');
	struct err err = ERR_INIT;

	*slash = '\0';
	assert_int_equal(file_mkdirs(ret, &err), 0);
	*slash = '/';
	return ret;
}

static void plant_bytes(struct fixture *f, const char *path, const void *bytes, size_t len)
{
	FILE *out = fopen(place(f, path), "w");

	assert_non_null(out);
	assert_int_equal(fwrite(bytes, 1, len, out), len);
	assert_int_equal(fclose(out), 0);
}

static void plant(struct fixture *f, const char *path, const char *text)
{
	plant_bytes(f, path, text, strlen(text));
}

static void plant_link(struct fixture *f, const char *path, const char *target)
{
	assert_int_equal(symlink(target, place(f, path)), 0);
}

/* A file below a folder. */
static void plant_in(struct fixture *f, const char *folder, const char *name, const char *text)
{
	plant(f, arena_printf(&f->arena, "%s/%s", folder, name), text);
}

static void plant_pci(struct fixture *f, const char *device, const char *slot, const char *driver)
{
	struct arena *a = &f->arena;

	plant_link(f, arena_printf(a, "%s/subsystem", device), "../../../bus/pci");
	plant_link(f, arena_printf(a, "%s/driver", device), arena_printf(a, "../../../bus/pci/drivers/%s", driver));
	plant_in(f, device, "uevent", arena_printf(a, "DRIVER=%s\nPCI_SLOT_NAME=%s\n", driver, slot));
}

/* A block device's name in /sys/class and udev's data about it. */
static void plant_block(struct fixture *f, const char *path, const char *name, const char *number, const char *udev)
{
	struct arena *a = &f->arena;

	plant_in(f, path, "dev", number);
	plant_link(f, arena_printf(a, "sys/class/block/%s", name), arena_printf(a, "../../../%s", path));
	plant(f, arena_printf(a, "run/udev/data/b%.*s", (int)strcspn(number, "\n"), number), udev);
}

/* A disk of 512-byte sectors beneath a PCI device. */
static void plant_disk(struct fixture *f, const char *name, const char *number, const char *adapter,
		       const char *sectors, const char *udev)
{
	const char *path = arena_printf(&f->arena, "%s/host0/target0:0:0/%s-dev/block/%s", adapter, name, name);

	plant_block(f, path, name, number, udev);
	plant_in(f, path, "size", sectors);
	plant_in(f, path, "removable", "0\n");
	plant_in(f, path, "ro", "1\n");
	plant_in(f, path, "queue/logical_block_size", "512\n");
	plant_in(f, path, "queue/physical_block_size", "4096\n");
	plant_in(f, path, "queue/rotational", "1\n");
	plant_link(f, arena_printf(&f->arena, "%s/device", path), "../..");
}

static void plant_part(struct fixture *f, const char *disk, const char *name, const char *number, const char *start,
		       const char *size, const char *udev)
{
	const char *path = arena_printf(&f->arena, "%s/%s", disk, name);

	plant_block(f, path, name, number, udev);
	plant_in(f, path, "partition", "1\n");
	plant_in(f, path, "start", start);
	plant_in(f, path, "size", size);
}

#define ADAPTER "sys/devices/pci0000:00/0000:00:1f.2"
#define SDA	ADAPTER "/host0/target0:0:0/sda-dev/block/sda"

static void plant_disks(struct fixture *f)
{
	plant_pci(f, ADAPTER, "0000:00:1f.2", "ahci");
	plant_disk(f, "sda", "8:0\n", ADAPTER, "2097152\n",
		   "S:disk/by-id/"
		   "x\nE:ID_PATH=pci-0000:00:1f.2-ata-1\nE:ID_BUS=ata\nE:ID_MODEL=WDC_WD10\nE:ID_MODEL_ENC="
		   "WDC\\x20WD10\\x20\\x20\n"
		   "E:ID_SERIAL_SHORT=WD-1\nE:ID_WWN=0x5001\nE:ID_PART_TABLE_TYPE=gpt\n");
	plant_part(f, SDA, "sda1", "8:1\n", "2048\n", "204800\n", "E:ID_FS_TYPE=vfat\n");
	plant_part(f, SDA, "sda2", "8:2\n", "206848\n", "1024000\n", "E:ID_FS_TYPE=LVM2_member\n");
	plant_disk(f, "sdb", "8:16\n", ADAPTER, "4096\n",
		   "E:ID_PATH=pci-0000:00:1f.2-ata-2\nE:ID_SERIAL_SHORT=R-1\nE:ID_FS_TYPE=isw_raid_member\n");
	/* The live medium; then what is no disk. */
	plant_disk(f, "sdd", "8:48\n", ADAPTER, "8192\n", "E:ID_FS_LABEL=REHOST_P2V\nE:ID_BUS=usb\n");
	plant_disk(f, "sr0", "11:0\n", ADAPTER, "8192\n", "");
	plant_disk(f, "loop0", "7:0\n", ADAPTER, "8192\n", "");
	plant_disk(f, "sde", "8:64\n", ADAPTER, "0\n", "");
}

static void plant_nic(struct fixture *f)
{
	plant_pci(f, "sys/devices/pci0000:00/0000:01:00.0", "0000:01:00.0", "igb");
	plant(f, "sys/devices/pci0000:00/0000:01:00.0/net/eno1/address", "52:54:00:AA:00:01\n");
	plant(f, "sys/devices/pci0000:00/0000:01:00.0/net/eno1/type", "1\n");
	plant(f, "sys/devices/pci0000:00/0000:01:00.0/net/eno1/carrier", "1\n");
	plant(f, "sys/devices/pci0000:00/0000:01:00.0/net/eno1/speed", "1000\n");
	plant(f, "sys/devices/pci0000:00/0000:01:00.0/net/eno1/ifindex", "2\n");
	plant_link(f, "sys/devices/pci0000:00/0000:01:00.0/net/eno1/device", "../..");
	plant_link(f, "sys/class/net/eno1", "../../devices/pci0000:00/0000:01:00.0/net/eno1");
	plant(f, "sys/class/net/lo/type", "772\n");
	plant(f, "run/udev/data/n2",
	      "E:ID_NET_NAME_ONBOARD=eno1\nE:ID_NET_NAME_PATH=enp1s0\nE:ID_NET_NAME_MAC=enx525400aa0001\n");
}

static void plant_cpu(struct fixture *f, const char *cpu, const char *socket, const char *core)
{
	const char *path = arena_printf(&f->arena, "sys/devices/system/cpu/%s/topology", cpu);

	plant_in(f, path, "physical_package_id", socket);
	plant_in(f, path, "core_id", core);
}

static void plant_system(struct fixture *f)
{
	plant(f, "proc/cpuinfo", "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: Xeon E5\n");
	plant_cpu(f, "cpu0", "0\n", "0\n");
	plant_cpu(f, "cpu1", "0\n", "0\n");
	plant_cpu(f, "cpu2", "0\n", "1\n");
	plant_cpu(f, "cpu3", "1\n", "0\n");
	plant(f, "sys/devices/system/cpu/cpuidle/x", "");
	plant(f, "sys/devices/system/memory/block_size_bytes", "8000000\n");
	plant(f, "sys/devices/system/memory/memory0/state", "online\n");
	plant(f, "sys/devices/system/memory/memory1/state", "online\n");
	plant(f, "sys/class/dmi/id/sys_vendor", "Acme\n");
	plant(f, "sys/class/dmi/id/product_uuid", "11111111-2222-3333-4444-555555555555\n");
	plant(f, "sys/class/tpm/tpm0/tpm_version_major", "2\n");
	plant(f, "sys/class/rtc/rtc0/since_epoch", "1700000000\n");
}

/* The inventory of the fixture with the settings; the error's text when there is none. */
static const char *read_all(struct fixture *f, const char *words)
{
	static struct err err;
	AUTO(settings_done) struct settings s = {0};

	err = (struct err)ERR_INIT;
	assert_int_equal(settings_add(&s, words, &err), 0);
	f->h = hardware_read(f->dir, &err);
	assert_non_null(f->h);
	if (inventory_choose(f->h, &s, &err) < 0)
		return err.text;
	f->j = inventory_json(f->h, s.name);
	return "";
}

static void assert_json(const struct json *j, const char *expected)
{
	AUTO(buf_done) struct buf got = BUF_INIT(65536);

	assert_non_null(j);
	assert_int_equal(js_print(j, false, &got), 0);
	assert_string_equal(buf_str(&got), expected);
}

/* Two controllers to one disk: the paths are there, too, one as newer kernels show it and one without a number. */
static void paths_of_nvme(void **state)
{
	struct fixture *f = *state;
	const struct json *disks;

	plant_pci(f, ADAPTER, "0000:00:1f.2", "nvme");
	plant_disk(f, "nvme0n1", "259:0\n", ADAPTER, "8192\n", "E:ID_WWN=eui.1\n");
	plant_disk(f, "nvme0c0n1", "259:1\n", ADAPTER, "8192\n", "E:ID_WWN=eui.1\n");
	plant(f, "sys/class/block/nvme0c0n1/hidden", "1\n");
	plant_disk(f, "nvme0c1n1", "259:2\n", ADAPTER, "8192\n", "E:ID_WWN=eui.1\n");
	assert_int_equal(unlink(place(f, "sys/class/block/nvme0c1n1/dev")), 0);
	assert_string_equal(read_all(f, ""), "");
	disks = js_get(f->j, "disks");
	assert_int_equal(js_count(disks), 1);
	assert_string_equal(js_get_str(js_at(disks, 0), "name", ""), "nvme0n1");
	assert_int_equal(js_count(js_get(f->j, "left_out")), 0);
}

static void disks_as_they_are(void **state)
{
	struct fixture *f = *state;
	const struct json *disks;

	plant_disks(f);
	assert_string_equal(read_all(f, ""), "");
	disks = js_get(f->j, "disks");
	assert_int_equal(js_count(disks), 2);
	assert_json(js_at(disks, 0),
		    "{\"name\":\"sda\",\"model\":\"WDC WD10\",\"serial\":\"WD-1\",\"wwn\":\"0x5001\",\"bus\":\"ata\","
		    "\"driver\":\"ahci\",\"size\":1073741824,\"logical_sector\":512,\"physical_sector\":4096,"
		    "\"removable\":false,\"rotational\":true,\"read_only\":true,\"table\":\"gpt\",\"member_of\":\"an "
		    "LVM volume group\","
		    "\"partitions\":[{\"name\":\"sda1\",\"start\":1048576,\"size\":104857600,\"content\":\"vfat\"},"
		    "{\"name\":\"sda2\",\"start\":105906176,\"size\":524288000,\"content\":\"LVM2_member\"}]}");
	assert_string_equal(js_get_str(js_at(disks, 1), "member_of", ""), "a firmware RAID (isw)");
	assert_json(js_get(f->j, "left_out"), "[{\"name\":\"sdd\",\"bus\":\"usb\",\"driver\":\"ahci\","
					      "\"size\":4194304,\"reason\":\"the live medium\"}]");
}

/* The kernel's names change from boot to boot; the inventory's order doesn't, as the host compares it. */
static void in_the_same_order_each_time(void **state)
{
	static const char *const expected[] = {"sdc", "sda", "sde", "sdb", "sdd"};
	struct fixture *f = *state;
	const struct json *disks;

	plant_pci(f, ADAPTER, "0000:00:1f.2", "ahci");
	plant_disk(f, "sda", "8:0\n", ADAPTER, "4096\n", "E:ID_PATH=pci-0000:00:1f.2-ata-10\n");
	plant_disk(f, "sdb", "8:16\n", ADAPTER, "4096\n", "E:ID_WWN=0x5002\n");
	plant_disk(f, "sdc", "8:32\n", ADAPTER, "4096\n", "E:ID_PATH=pci-0000:00:1f.2-ata-2\n");
	plant_disk(f, "sdd", "8:48\n", ADAPTER, "4096\n", "");
	plant_disk(f, "sde", "8:64\n", ADAPTER, "4096\n", "E:ID_SERIAL_SHORT=0x5001\n");
	assert_string_equal(read_all(f, ""), "");
	disks = js_get(f->j, "disks");
	assert_int_equal(js_count(disks), 5);
	for (size_t i = 0; i < 5; i++)
		assert_string_equal(js_get_str(js_at(disks, i), "name", ""), expected[i]);
}

static void only_chosen_disks(void **state)
{
	struct fixture *f = *state;

	plant_disks(f);
	assert_string_equal(read_all(f, "rehost.disks=R-1"), "");
	assert_int_equal(js_count(js_get(f->j, "disks")), 1);
	assert_string_equal(js_get_str(js_at(js_get(f->j, "disks"), 0), "name", ""), "sdb");
	assert_string_equal(js_get_str(js_at(js_get(f->j, "left_out"), 0), "reason", ""), "not chosen");
}

/* The names of the disks that are to be imaged, with spaces. */
static void assert_chosen(struct fixture *f, const char *words, const char *expected)
{
	char names[256] = "";

	assert_string_equal(read_all(f, words), "");
	for (size_t i = 0; i < js_count(js_get(f->j, "disks")); i++)
		snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", i ? " " : "",
			 js_get_str(js_at(js_get(f->j, "disks"), i), "name", ""));
	assert_string_equal(names, expected);
	js_free(f->j);
	hardware_free(f->h);
	f->j = NULL;
	f->h = NULL;
}

/* Two paths to one SAS disk, and SSDs whose maker gave all of them one WWN. */
static void paths_and_shared_names(void **state)
{
	struct fixture *f = *state;

	plant_pci(f, ADAPTER, "0000:00:1f.2", "mpt3sas");
	plant_disk(f, "sda", "8:0\n", ADAPTER, "4096\n",
		   "E:ID_BUS=scsi\nE:ID_MODEL_ENC=A\nE:ID_SERIAL_SHORT=L1\nE:ID_WWN=0x5001\n");
	plant_disk(f, "sdb", "8:16\n", ADAPTER, "4096\n",
		   "E:ID_BUS=scsi\nE:ID_MODEL_ENC=A\nE:ID_SERIAL_SHORT=L1\nE:ID_WWN=0x5001\n");
	plant_disk(f, "sdc", "8:32\n", ADAPTER, "4096\n",
		   "E:ID_BUS=scsi\nE:ID_MODEL_ENC=A\nE:ID_SERIAL_SHORT=L2\nE:ID_WWN=0x5001\n");
	plant_disk(f, "sdd", "8:48\n", ADAPTER, "4096\n", "E:ID_BUS=ata\nE:ID_SERIAL_SHORT=S0\nE:ID_WWN=0x5002\n");
	plant_disk(f, "sde", "8:64\n", ADAPTER, "4096\n", "E:ID_BUS=ata\nE:ID_SERIAL_SHORT=S0\nE:ID_WWN=0x5002\n");
	assert_chosen(f, "", "sda sdc sdd sde");
	assert_chosen(f, "rehost.disks=L1", "sda");
	assert_chosen(f, "rehost.disks=0x5001", "sda sdc");
	assert_chosen(f, "rehost.disks=sdb", "sdb");
	assert_chosen(f, "rehost.disks=sda,sdb", "sda sdb");
	assert_chosen(f, "rehost.disks=S0", "sdd sde");
	assert_string_equal(read_all(f, ""), "");
	assert_string_equal(js_get_str(js_at(js_get(f->j, "left_out"), 0), "reason", ""), "another path to sda");
}

static void a_disk_that_is_not_there(void **state)
{
	struct fixture *f = *state;

	plant_disks(f);
	assert_string_equal(read_all(f, "rehost.disks=sda,sdz"), "rehost.disks: there is no disk 'sdz'");
}

static void never_the_live_medium(void **state)
{
	struct fixture *f = *state;

	plant_disks(f);
	assert_string_equal(read_all(f, "rehost.disks=sdd"), "rehost.disks: 'sdd' is the live medium");
}

static void no_disk_at_all(void **state)
{
	assert_string_equal(read_all(*state, ""), "there is no disk to image");
}

static void cards_with_their_names(void **state)
{
	struct fixture *f = *state;

	plant_disks(f);
	plant_nic(f);
	assert_string_equal(read_all(f, "rehost.nics=52:54:00:aa:00:01"), "");
	assert_json(
	    js_get(f->j, "nics"),
	    "[{\"names\":{\"onboard\":\"eno1\",\"path\":\"enp1s0\",\"mac\":\"enx525400aa0001\"},\"name\":\"eno1\","
	    "\"mac\":\"52:54:00:AA:00:01\",\"driver\":\"igb\",\"link\":true,\"speed\":1000,\"slot\":\"0000:01:00.0\"}"
	    "]");
}

static void assert_name(struct fixture *f, const char *expected)
{
	assert_string_equal(read_all(f, ""), "");
	assert_string_equal(js_get_str(f->j, "name", ""), expected);
	js_free(f->j);
	hardware_free(f->h);
	f->j = NULL;
	f->h = NULL;
}

static void a_name_of_its_own(void **state)
{
	struct fixture *f = *state;

	plant_disks(f);
	assert_name(f, "machine");
	plant_nic(f);
	assert_name(f, "machine-52:54:00:AA:00:01");
	plant(f, "sys/class/dmi/id/product_name", "PowerEdge\n");
	plant(f, "sys/class/dmi/id/product_serial", "To be filled by O.E.M.\n");
	assert_name(f, "PowerEdge-52:54:00:AA:00:01");
	plant(f, "sys/class/dmi/id/product_serial", "0000000\n");
	assert_name(f, "PowerEdge-52:54:00:AA:00:01");
	plant(f, "sys/class/dmi/id/product_serial", "7XK3\n");
	assert_name(f, "PowerEdge-7XK3");
}

static void a_card_that_is_not_there(void **state)
{
	struct fixture *f = *state;

	plant_disks(f);
	plant_nic(f);
	assert_string_equal(read_all(f, "rehost.nics=eno2"), "rehost.nics: there is no network card 'eno2'");
}

static void the_system(void **state)
{
	struct fixture *f = *state;

	plant_disks(f);
	plant_system(f);
	assert_string_equal(read_all(f, "rehost.name=web01"), "");
	assert_json(js_get(f->j, "cpu"), "{\"model\":\"Xeon E5\",\"sockets\":2,\"cores\":3,\"threads\":4}");
	assert_json(js_get(f->j, "smbios"), "{\"uuid\":\"11111111-2222-3333-4444-555555555555\",\"vendor\":\"Acme\"}");
	assert_int_equal(js_get_u64(f->j, "memory", 0), 256 << 20);
	assert_int_equal(js_get_u64(f->j, "battery_clock", 0), 1700000000);
	assert_string_equal(js_get_str(f->j, "firmware", ""), "bios");
	assert_string_equal(js_get_str(f->j, "tpm_version", ""), "2.0");
	assert_true(js_get_bool(f->j, "tpm", false));
	assert_string_equal(js_get_str(f->j, "name", ""), "web01");
	assert_null(js_get(f->j, "boot_order"));
}

/* Attributes; active, a path list of 54 bytes, "deb"; a drive node, a file node, the end. */
static const uint8_t boot_option[] = {7, 0, 0, 0, 1, 0, 0, 0, 66, 0, 'd', 0, 'e', 0, 'b', 0, 0, 0,
				      /* HD(1,GPT,…) */
				      4, 1, 42, 0, 1, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 32, 3, 0, 0, 0, 0, 0, 0x78,
				      0x56, 0x34, 0x12, 0xcd, 0xab, 0x34, 0x12, 1, 2, 3, 4, 5, 6, 7, 8, 2, 2,
				      /* \EFI\x */
				      4, 4, 20, 0, '\\', 0, 'E', 0, 'F', 0, 'I', 0, '\\', 0, 'x', 0, 0, 0, 0, 0, 0x7f,
				      0xff, 4, 0};

static void boot_entries_of_uefi(void **state)
{
	struct fixture *f = *state;

	plant_disks(f);
	plant_bytes(f, "sys/firmware/efi/efivars/BootOrder-" GLOBAL, "\7\0\0\0\x0a\0\1\0", 8);
	plant_bytes(f, "sys/firmware/efi/efivars/SecureBoot-" GLOBAL, "\6\0\0\0\1", 5);
	plant_bytes(f, "sys/firmware/efi/efivars/Boot000A-" GLOBAL, boot_option, sizeof boot_option);
	plant_bytes(f, "sys/firmware/efi/efivars/BootCurrent-" GLOBAL, "\7\0\0\0\x0a\0", 6);
	assert_string_equal(read_all(f, ""), "");
	assert_string_equal(js_get_str(f->j, "firmware", ""), "uefi");
	assert_true(js_get_bool(f->j, "secure_boot", false));
	assert_json(js_get(f->j, "boot_order"), "[\"000A\",\"0001\"]");
	assert_json(js_get(f->j, "boot_entries"),
		    "[{\"id\":\"000A\",\"name\":\"deb\",\"path\":\"\\\\EFI\\\\x\","
		    "\"partition\":\"12345678-abcd-1234-0102-030405060708\",\"active\":true}]");
}

/* Cut at each byte, and with each byte of the path list's lengths wrong: nothing is read behind the end. */
static void broken_boot_entries(void **state)
{
	struct fixture *f = *state;
	uint8_t wrong[sizeof boot_option];

	plant_disks(f);
	for (size_t len = 0; len < sizeof boot_option; len++) {
		plant_bytes(f, "sys/firmware/efi/efivars/Boot000A-" GLOBAL, boot_option, len);
		assert_string_equal(read_all(f, ""), "");
		assert_true(js_count(js_get(f->j, "boot_entries")) <= 1);
		js_free(f->j);
		hardware_free(f->h);
	}
	for (size_t at = 8; at < sizeof boot_option; at++) {
		memcpy(wrong, boot_option, sizeof wrong);
		wrong[at] = 0xff;
		plant_bytes(f, "sys/firmware/efi/efivars/Boot000A-" GLOBAL, wrong, sizeof wrong);
		assert_string_equal(read_all(f, ""), "");
		assert_int_equal(js_count(js_get(f->j, "boot_entries")), 1);
		js_free(f->j);
		hardware_free(f->h);
	}
	f->j = NULL;
	f->h = NULL;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(disks_as_they_are),	       TEST(paths_of_nvme),
	    TEST(only_chosen_disks),	       TEST(a_disk_that_is_not_there),
	    TEST(never_the_live_medium),       TEST(no_disk_at_all),
	    TEST(cards_with_their_names),      TEST(a_card_that_is_not_there),
	    TEST(a_name_of_its_own),	       TEST(the_system),
	    TEST(boot_entries_of_uefi),	       TEST(broken_boot_entries),
	    TEST(in_the_same_order_each_time), TEST(paths_and_shared_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
