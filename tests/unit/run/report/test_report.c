/* The report for people: verdict first, findings with evidence and fix, hardware before and after, changes with diffs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/checked.h"
#include "run/report/report.h"

static const char full[] =
    "{\"machine\":{\"name\":\"web01\",\"source_kind\":\"ova\",\"memory\":1073741824,\"vcpus\":2,\"firmware\":\"bios\","
    "\"disks\":[{\"id\":\"sda\",\"controller\":\"pvscsi\"}],"
    "\"nics\":[{\"model\":\"vmxnet3\",\"mac\":\"52:54:00:aa:00:01\",\"network\":\"VM Network\",\"target\":\"lan\"}]},"
    "\"inspection\":{\"verdict\":\"MAY NOT BOOT\",\"os\":{\"product\":\"Debian 12\",\"arch\":\"x86_64\","
    "\"hostname\":\"web01\",\"init\":\"systemd\"},"
    "\"findings\":[{\"id\":\"W-BOOT-X\",\"severity\":\"warning\",\"text\":\"one kernel can't drive virtio\","
    "\"evidence\":\"/boot/vmlinuz-2\",\"fix\":\"boot the other\"}],"
    "\"filesystems\":[{\"device\":\"/dev/sda1\",\"type\":\"ext4\",\"size\":1048576,\"mountpoint\":\"/\"}],"
    "\"kernels\":[],\"networks\":[],\"agents\":[]},"
    "\"changes\":[{\"step\":\"device-names\",\"kind\":\"edit\",\"path\":\"/etc/fstab\",\"reason\":\"names change\","
    "\"diff\":\"-/dev/sda1 /\\n+UUID=1 /\\n\",\"words\":null}],"
    "\"caps\":{\"disk\":\"virtio-blk\",\"net\":\"virtio\"},\"firmware\":\"bios\","
    "\"copy\":{\"bytes_read\":1048576,\"read_errors\":[{\"disk\":0,\"offset\":512,\"length\":4096}]},"
    "\"timings\":[{\"phase\":\"copy\",\"seconds\":1.5},{\"phase\":\"map\",\"seconds\":0.5}]}";

static char *render(const char *text)
{
	AUTO(js_freep) struct json *j = js_parse(text, strlen(text), NULL);
	AUTO(buf_done) struct buf out = BUF_INIT(MIB);
	struct err err = ERR_INIT;

	assert_non_null(j);
	assert_int_equal(report_text(j, &out, &err), 0);
	return buf_take(&out);
}

static void has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("'%s' is missing in:\n%s", part, text);
}

static void the_verdict_comes_first(void **state)
{
	AUTO_FREE char *text = render(full);

	assert_int_equal(strncmp(text, "MAY NOT BOOT\n", 13), 0);
}

static void every_part_is_told(void **state)
{
	AUTO_FREE char *text = render(full);

	has(text, "1. W-BOOT-X [warning] one kernel can't drive virtio\n");
	has(text, "seen: /boot/vmlinuz-2\n");
	has(text, "fix:  boot the other\n");
	has(text, "memory       1024 MiB");
	has(text, "sda pvscsi");
	has(text, "virtio 52:54:00:aa:00:01 on lan");
	has(text, "1. edit /etc/fstab (device-names)\n     why: names change\n       -/dev/sda1 /\n       +UUID=1 /\n");
	has(text, "UNREADABLE: disk 0 at 0x200, 4096 bytes, written as zeros\n");
	has(text, "all              2.0 s");
}

static void what_was_not_inspected_says_so(void **state)
{
	AUTO_FREE char *text = render("{\"machine\":{\"name\":\"data\",\"source_kind\":\"disk\"},\"timings\":[]}");

	assert_int_equal(strncmp(text, "NOT INSPECTED\n", 14), 0);
	assert_null(strstr(text, "Changes"));
}

static void the_limit_of_the_buffer_is_an_error(void **state)
{
	AUTO(js_freep) struct json *j = js_parse(full, strlen(full), NULL);
	AUTO(buf_done) struct buf out = BUF_INIT(100);
	struct err err = ERR_INIT;

	assert_int_equal(report_text(j, &out, &err), -1);
	assert_string_equal(err.text, "the report is over 100 bytes");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_verdict_comes_first),
	    cmocka_unit_test(every_part_is_told),
	    cmocka_unit_test(what_was_not_inspected_says_so),
	    cmocka_unit_test(the_limit_of_the_buffer_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
