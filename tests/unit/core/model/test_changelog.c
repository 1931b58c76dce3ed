/* The change log: diffs against what diff -u prints, and a patcher of our own over random edits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/cleanup.h"
#include "core/model/changelog.h"

static const struct change *text_change(struct changelog *log, const char *before, const char *after)
{
	changelog_text(log, "/etc/fstab", before, after, "because");
	return log->changes.n ? &log->changes.v[log->changes.n - 1] : NULL;
}

static void an_edit_has_three_lines_of_context(void **state)
{
	AUTO(changelog_done) struct changelog log = {.step = "fstab"};
	const struct change *c = text_change(&log, "1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nfive\n6\n7\n8\n9\n");

	assert_int_equal(c->kind, CHANGE_EDIT);
	assert_string_equal(c->step, "fstab");
	assert_string_equal(c->diff, "--- a/etc/fstab\n+++ b/etc/fstab\n"
				     "@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n");
}

static void near_changes_share_a_hunk_and_far_ones_do_not(void **state)
{
	AUTO(changelog_done) struct changelog log = {0};
	const struct change *c = text_change(&log, "a\n1\n2\n3\n4\n5\n6\nb\n1\n2\n3\n4\n5\n6\n7\nc\n",
					     "A\n1\n2\n3\n4\n5\n6\nB\n1\n2\n3\n4\n5\n6\n7\nC\n");

	assert_string_equal(c->diff, "--- a/etc/fstab\n+++ b/etc/fstab\n"
				     "@@ -1,11 +1,11 @@\n-a\n+A\n 1\n 2\n 3\n 4\n 5\n 6\n-b\n+B\n 1\n 2\n 3\n"
				     "@@ -13,4 +13,4 @@\n 5\n 6\n 7\n-c\n+C\n");
}

static void created_removed_and_missing_newlines(void **state)
{
	AUTO(changelog_done) struct changelog log = {0};
	const struct change *c = text_change(&log, NULL, "x\ny\n");

	assert_int_equal(c->kind, CHANGE_CREATE);
	assert_string_equal(c->diff, "--- /dev/null\n+++ b/etc/fstab\n@@ -0,0 +1,2 @@\n+x\n+y\n");
	c = text_change(&log, "x\n", NULL);
	assert_int_equal(c->kind, CHANGE_REMOVE);
	assert_string_equal(c->diff, "--- a/etc/fstab\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n");
	c = text_change(&log, "a\nb", "a\nb\n");
	assert_string_equal(c->diff, "--- a/etc/fstab\n+++ b/etc/fstab\n@@ -1,2 +1,2 @@\n a\n-b\n"
				     "\\ No newline at end of file\n+b\n");
	text_change(&log, "same\n", "same\n");
	assert_int_equal(log.changes.n, 3);
}

/* A report is for more eyes than a guest's file of mode 0600. */
static void secrets_are_masked(void **state)
{
	AUTO(changelog_done) struct changelog log = {0};
	const struct change *c = text_change(&log, "UUID=a / ext4\n//nas/x /mnt cifs password=hello 0 0\n",
					     "UUID=b / ext4\n//nas/x /mnt cifs password=hello 0 0\n");

	assert_string_equal(c->diff, "--- a/etc/fstab\n+++ b/etc/fstab\n@@ -1,2 +1,2 @@\n-UUID=a / ext4\n"
				     "+UUID=b / ext4\n //nas/x /mnt cifs password=*** 0 0\n");
	c = text_change(&log, NULL, "[wifi-security]\npsk=hello\n");
	assert_string_equal(c->diff, "--- /dev/null\n+++ b/etc/fstab\n@@ -0,0 +1,2 @@\n+[wifi-security]\n+psk=***\n");
	c = text_change(&log, "password --md5 $1$abcdefgh$0123456789\n", NULL);
	assert_string_equal(c->diff, "--- a/etc/fstab\n+++ /dev/null\n@@ -1 +0,0 @@\n-password ***\n");
}

/* Applies a unified diff to `before`; fails the test when it doesn't fit. */
static char *apply(const char *before, const char *diff)
{
	struct buf out = BUF_INIT(1 << 20);
	const char *from = before;
	unsigned at = 1;

	for (const char *p = diff; *p; p = strchr(p, '\n') + 1) {
		size_t len = strcspn(p, "\n") + 1;
		unsigned start;

		if (!strncmp(p, "---", 3) || !strncmp(p, "+++", 3))
			continue;
		if (*p == '\\') {
			out.data[--out.len] = '\0';
			continue;
		}
		if (sscanf(p, "@@ -%u", &start) == 1) {
			for (start += !strncmp(strchr(p, '-'), "-0", 2); at < start;
			     at++, from = strchr(from, '\n') + 1)
				buf_add(&out, from, strcspn(from, "\n") + 1);
			continue;
		}
		if (*p != '+') {
			assert_memory_equal(p + 1, from, len - 2);
			from += strcspn(from, "\n") + 1;
			at++;
		}
		if (*p != '-')
			buf_add(&out, p + 1, len - 1);
	}
	buf_adds(&out, from);
	return buf_take(&out);
}

/* What a guest makes long (control characters take six bytes in JSON) leaves the report one that can be read. */
static void long_diffs_are_left_out(void **state)
{
	AUTO(changelog_done) struct changelog log = {0};
	AUTO(js_freep) struct json *json = NULL;
	AUTO(buf_done) struct buf text = BUF_INIT(64 << 20), printed = BUF_INIT(64 << 20);

	for (unsigned i = 0; i < 1000000; i++)
		buf_adds(&text, i % 1000 == 999 ? "\001\n" : "\001\002");
	for (unsigned i = 0; i < 5; i++)
		changelog_text(&log, "/f", NULL, buf_str(&text), "r");
	assert_non_null(log.changes.v[1].diff);
	assert_null(log.changes.v[1].words);
	assert_null(log.changes.v[4].diff);
	assert_string_equal(log.changes.v[4].words,
			    "the diff of 1954 KiB is left out: those of this log have 22 of at most 32 MiB");
	changelog_text(&log, "/small", "a\n", "b\n", "r");
	assert_non_null(log.changes.v[5].diff);
	json = changelog_json(&log);
	assert_int_equal(js_print(json, true, &printed), 0);
	assert_in_range(printed.len, 20 << 20, 40 << 20);
}

static void random_edits_apply_and_are_small(void **state)
{
	unsigned seed = 12345;

	for (unsigned round = 0; round < 300; round++) {
		AUTO(changelog_done) struct changelog log = {0};
		AUTO(buf_done) struct buf a = BUF_INIT(1 << 20);
		AUTO(buf_done) struct buf b = BUF_INIT(1 << 20);
		AUTO_FREE char *applied = NULL;
		unsigned edits = 0;
		const char *signs;

		for (unsigned i = 0; i < 60; i++) {
			unsigned word = (unsigned)rand_r(&seed) % 8, what = (unsigned)rand_r(&seed) % 12;

			if (what != 0)
				buf_addf(&a, "line %u\n", word);
			if (what != 1)
				buf_addf(&b, "line %u\n", word);
			edits += what < 2;
		}
		changelog_text(&log, "/f", buf_str(&a), buf_str(&b), "r");
		if (!log.changes.n) {
			assert_string_equal(buf_str(&a), buf_str(&b));
			continue;
		}
		applied = apply(buf_str(&a), log.changes.v[0].diff);
		assert_string_equal(applied, buf_str(&b));
		for (signs = log.changes.v[0].diff; (signs = strchr(signs, '\n')) && signs[1]; signs++)
			edits -= (signs[1] == '+' || signs[1] == '-') && signs[2] != signs[1];
		assert_true((int)edits >= 0); /* never more lines than were really edited */
	}
}

static void a_rewritten_file_is_one_block(void **state)
{
	AUTO(changelog_done) struct changelog log = {0};
	AUTO(buf_done) struct buf a = BUF_INIT(1 << 20);
	AUTO(buf_done) struct buf b = BUF_INIT(1 << 20);
	AUTO_FREE char *applied = NULL;

	for (unsigned i = 0; i < 3000; i++) {
		buf_addf(&a, "old %u\n", i);
		buf_addf(&b, "new %u\n", i);
	}
	changelog_text(&log, "/f", buf_str(&a), buf_str(&b), "r");
	assert_non_null(strstr(log.changes.v[0].diff, "@@ -1,3000 +1,3000 @@\n-old 0\n-old 1\n"));
	applied = apply(buf_str(&a), log.changes.v[0].diff);
	assert_string_equal(applied, buf_str(&b));
}

static void prints_and_makes_json(void **state)
{
	AUTO(changelog_done) struct changelog log = {.step = "graft"};
	AUTO(buf_done) struct buf out = BUF_INIT(4096);
	AUTO(js_freep) struct json *j = NULL;

	changelog_words(&log, CHANGE_BINARY, "/boot/initrd.img", "virtio is missing", "%d modules appended", 6);
	text_change(&log, "a\n", "b\n");
	assert_int_equal(changelog_print(&log, &out), 0);
	assert_string_equal(buf_str(&out), "binary /boot/initrd.img: virtio is missing\n    6 modules appended\n"
					   "edit /etc/fstab: because\n"
					   "--- a/etc/fstab\n+++ b/etc/fstab\n@@ -1 +1 @@\n-a\n+b\n");
	j = changelog_json(&log);
	assert_int_equal(js_count(j), 2);
	assert_string_equal(js_get_str(js_at(j, 0), "words", ""), "6 modules appended");
	assert_string_equal(js_get_str(js_at(j, 0), "step", ""), "graft");
	assert_string_equal(js_get_str(js_at(j, 1), "kind", ""), "edit");
	assert_null(js_get_str(js_at(j, 0), "diff", NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_edit_has_three_lines_of_context),
	    cmocka_unit_test(near_changes_share_a_hunk_and_far_ones_do_not),
	    cmocka_unit_test(created_removed_and_missing_newlines),
	    cmocka_unit_test(secrets_are_masked),
	    cmocka_unit_test(long_diffs_are_left_out),
	    cmocka_unit_test(random_edits_apply_and_are_small),
	    cmocka_unit_test(a_rewritten_file_is_one_block),
	    cmocka_unit_test(prints_and_makes_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
