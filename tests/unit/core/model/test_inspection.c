/* The inspection: the verdict follows from the findings, and the JSON holds every fact. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/model/inspection.h"

static enum verdict judged(struct inspection *i)
{
	inspection_judge(i);
	return i->verdict;
}

static void the_verdict_follows_the_findings(void **state)
{
	AUTO(inspection_freep) struct inspection *i = inspection_new();

	assert_int_equal(judged(i), VERDICT_UNKNOWN);
	i->os.family = OS_LINUX;
	assert_int_equal(judged(i), VERDICT_BOOTS);
	finding_add(i, "W-FIRMWARE-DISAGREE", SEVERITY_WARNING, NULL, NULL, "text");
	finding_add(i, "W-BOOT-NOTE", SEVERITY_INFO, NULL, NULL, "text");
	assert_int_equal(judged(i), VERDICT_BOOTS);
	finding_add(i, "W-BOOT-NO-FALLBACK", SEVERITY_WARNING, NULL, NULL, "text");
	assert_int_equal(judged(i), VERDICT_MAY_NOT_BOOT);
	finding_add(i, "B-NO-KERNEL", SEVERITY_BLOCKER, NULL, NULL, "text");
	finding_add(i, "W-BOOT-NO-FALLBACK", SEVERITY_WARNING, NULL, NULL, "text");
	assert_int_equal(judged(i), VERDICT_WILL_NOT_BOOT);
	i->os.family = OS_UNKNOWN;
	assert_int_equal(judged(i), VERDICT_WILL_NOT_BOOT);
}

static void json_holds_the_facts(void **state)
{
	AUTO(inspection_freep) struct inspection *i = inspection_new();
	AUTO(js_freep) struct json *j = NULL;
	const struct json *f;

	i->os = (struct os_info){.family = OS_LINUX, .major = 12, .minor = -1};
	i->os.distro = arena_strdup(&i->arena, "debian");
	vec_push(&i->arena, &i->kernels)->version = arena_strdup(&i->arena, "6.1.0-18-amd64");
	vec_push(&i->arena, &i->boot_entries)->line = 42;
	vec_push(&i->arena, &i->filesystems)->size = 1 << 20;
	vec_push(&i->arena, &i->networks)->interface = arena_strdup(&i->arena, "ens192");
	vec_push(&i->arena, &i->agents)->id = arena_strdup(&i->arena, "open-vm-tools");
	finding_add(i, "W-X", SEVERITY_WARNING, "/etc/fstab:3", "by hand", "%s names %d", "fstab", 5);
	inspection_judge(i);
	j = inspection_json(i);
	assert_string_equal(js_get_str(j, "verdict", ""), "BOOTS");
	assert_string_equal(js_get_str(js_get(j, "os"), "distro", ""), "debian");
	assert_string_equal(js_get_str(js_get(j, "os"), "family", ""), "linux");
	assert_int_equal(js_get_u64(js_get(j, "os"), "major", 0), 12);
	assert_int_equal(js_get_u64(js_get(j, "os"), "minor", 9), 0);
	assert_string_equal(js_get_str(js_at(js_get(j, "kernels"), 0), "version", ""), "6.1.0-18-amd64");
	assert_int_equal(js_get_u64(js_at(js_get(j, "boot_entries"), 0), "line", 0), 42);
	assert_int_equal(js_get_u64(js_at(js_get(j, "filesystems"), 0), "size", 0), 1 << 20);
	assert_string_equal(js_get_str(js_at(js_get(j, "networks"), 0), "interface", ""), "ens192");
	assert_string_equal(js_get_str(js_at(js_get(j, "agents"), 0), "id", ""), "open-vm-tools");
	f = js_at(js_get(j, "findings"), 0);
	assert_string_equal(js_get_str(f, "id", ""), "W-X");
	assert_string_equal(js_get_str(f, "severity", ""), "warning");
	assert_string_equal(js_get_str(f, "text", ""), "fstab names 5");
	assert_string_equal(js_get_str(f, "evidence", ""), "/etc/fstab:3");
	assert_string_equal(js_get_str(f, "fix", ""), "by hand");
}

static void json_and_back(void **state)
{
	AUTO(inspection_freep) struct inspection *i = inspection_new();
	AUTO(inspection_freep) struct inspection *back = NULL;
	AUTO(inspection_freep) struct inspection *empty = inspection_from_json(NULL);
	AUTO(js_freep) struct json *j = NULL;

	i->os = (struct os_info){.family = OS_WINDOWS, .arch = arena_strdup(&i->arena, "x86_64"), .major = 10};
	i->os.osinfo = arena_strdup(&i->arena, "http://microsoft.com/win/10");
	i->firmware_disk = FIRMWARE_UEFI;
	i->verdict = VERDICT_MAY_NOT_BOOT;
	j = inspection_json(i);
	back = inspection_from_json(j);
	assert_int_equal(back->os.family, OS_WINDOWS);
	assert_string_equal(back->os.arch, "x86_64");
	assert_string_equal(back->os.osinfo, "http://microsoft.com/win/10");
	assert_null(back->os.hostname);
	assert_int_equal(back->os.major, 10);
	assert_int_equal(back->firmware_disk, FIRMWARE_UEFI);
	assert_int_equal(back->verdict, VERDICT_MAY_NOT_BOOT);
	assert_int_equal(empty->os.family, OS_UNKNOWN);
	assert_int_equal(empty->verdict, VERDICT_UNKNOWN);
}

static void volumes_lie_on_their_device(void **state)
{
	assert_true(mountable_is_on("/dev/sda1", "/dev/sda1"));
	assert_true(mountable_is_on("btrfsvol:/dev/sda2/@home", "/dev/sda2"));
	assert_true(mountable_is_on("btrfsvol:/dev/vg/lv/@", "/dev/vg/lv"));
	assert_false(mountable_is_on("btrfsvol:/dev/vg/lv2/@", "/dev/vg/lv"));
	assert_false(mountable_is_on("/dev/sda12", "/dev/sda1"));
	assert_false(mountable_is_on("/dev/sda1", ""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(volumes_lie_on_their_device),
	    cmocka_unit_test(the_verdict_follows_the_findings),
	    cmocka_unit_test(json_holds_the_facts),
	    cmocka_unit_test(json_and_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
