/* Words and numbers as OVF and VMX files write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/checked.h"
#include "sources/text.h"

static void numbers(void **state)
{
	uint64_t v = 7;

	assert_true(text_u64("18446744073709551615", &v));
	assert_true(v == UINT64_MAX);
	assert_false(text_u64("18446744073709551616", &v));
	assert_false(text_u64("-1", &v));
	assert_false(text_u64("", &v));
	assert_false(text_u64(NULL, &v));
	assert_false(text_u64("1 ", &v));
}

static void units(void **state)
{
	static const struct {
		const char *text;
		uint64_t factor;
	} good[] = {
	    {"byte", 1},
	    {"bytes", 1},
	    {"byte * 2^20", MIB},
	    {"byte * 2 ^ 20", MIB},
	    {"byte*2^30", GIB},
	    {"MegaBytes", MIB},
	    {"GB", GIB},
	    {"byte * 1024", 1024},
	    {"byte * 10^3", 1000},
	    {"hertz * 10^6", 1000000},
	    {"MegaHertz", 1000000},
	};
	static const char *const bad[] = {"", "furlong", "byte * 2^64", "byte * 10^20", "byte * x", "GB * 2^62", NULL};
	uint64_t v;

	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		assert_true(text_unit(good[i].text, &v));
		assert_true(v == good[i].factor);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(text_unit(bad[i], &v));
}

static void macs(void **state)
{
	char mac[18];

	assert_true(text_mac("00:50:56:AB:cd:EF", mac));
	assert_string_equal(mac, "00:50:56:ab:cd:ef");
	assert_true(text_mac("080027aabbcc", mac));
	assert_string_equal(mac, "08:00:27:aa:bb:cc");
	assert_true(text_mac("00-0c-29-00-00-01", mac));
	assert_false(text_mac("01:00:5e:00:00:01", mac)); /* multicast */
	assert_false(text_mac("00:00:00:00:00:00", mac));
	assert_false(text_mac("00:50:56:ab:cd", mac));
	assert_false(text_mac("00:50:56:ab:cd:ef:01", mac));
	assert_false(text_mac("00:50:56:ab:cd:eg", mac));
	assert_false(text_mac(NULL, mac));
}

static void uuids(void **state)
{
	char uuid[37];

	assert_true(text_uuid("56 4d 11 22 33 44 55 66-77 88 99 aa bb cc dd EE", uuid));
	assert_string_equal(uuid, "564d1122-3344-5566-7788-99aabbccddee");
	assert_true(text_uuid("{39a69c87-0433-4945-8e25-b89431544a28}", uuid));
	assert_string_equal(uuid, "39a69c87-0433-4945-8e25-b89431544a28");
	assert_false(text_uuid("56 4d", uuid));
	assert_false(text_uuid(NULL, uuid));
}

static void models_from_lists(void **state)
{
	assert_int_equal(text_scsi_model("someother, lsilogic"), CONTROLLER_LSILOGIC);
	assert_int_equal(text_scsi_model("virtio lsilogic"), CONTROLLER_VIRTIO_SCSI);
	assert_int_equal(text_scsi_model("VirtualSCSI"), CONTROLLER_PVSCSI);
	assert_int_equal(text_scsi_model("lsisas1068"), CONTROLLER_LSISAS);
	assert_int_equal(text_scsi_model("vmware.nvme.controller"), CONTROLLER_NVME);
	assert_int_equal(text_scsi_model("lsilogicx"), CONTROLLER_UNKNOWN);
	assert_int_equal(text_scsi_model(NULL), CONTROLLER_UNKNOWN);
	assert_int_equal(text_nic_model("VMXNET3 virtio"), NIC_VMXNET3);
	assert_int_equal(text_nic_model("PCNet32"), NIC_PCNET);
	assert_int_equal(text_nic_model("E1000e"), NIC_E1000E);
	assert_int_equal(text_nic_model("E10000"), NIC_UNKNOWN);
}

static void words(void **state)
{
	AUTO(arena_done) struct arena a = {0};

	assert_true(text_true("TRUE") && text_true("1") && text_true("yes"));
	assert_false(text_true("FALSE") || text_true(NULL) || text_true(""));
	assert_true(text_ends_with("x.OVF", ".ovf"));
	assert_false(text_ends_with("vf", ".ovf"));
	assert_int_equal(text_clock("windows9_64Guest"), CLOCK_LOCALTIME);
	assert_int_equal(text_clock("debian10_64Guest"), CLOCK_UTC);
	assert_int_equal(text_clock(NULL), CLOCK_UNKNOWN);
	assert_string_equal(text_utf8(&a, "caf\xe9"), "caf\xc3\xa9");
	assert_string_equal(text_utf8(&a, "caf\xc3\xa9"), "caf\xc3\xa9");
	assert_null(text_utf8(&a, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(numbers),
	    cmocka_unit_test(units),
	    cmocka_unit_test(macs),
	    cmocka_unit_test(uuids),
	    cmocka_unit_test(models_from_lists),
	    cmocka_unit_test(words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
