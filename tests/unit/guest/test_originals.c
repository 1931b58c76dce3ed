/* Tests of guest/originals.c. */
#include "guest/originals.h"

#include "tests/unit/guest/folder_fixture.h"

/* Everything that can be done to a path, then all of it undone. */
static void test_all_kinds(void **state)
{
	struct fixture *f = *state;
	AUTO(originals_closep) struct originals *o = NULL;
	const char *kept = arena_printf(&f->arena, "%s.originals", f->dir);
	struct guest_stat st;
	char *target;

	plant(f, "/etc/edited", "one\n");
	plant(f, "/etc/removed", "two\n");
	assert_int_equal(chmod(on_host(f, "/etc/removed"), 0640), 0);
	assert_int_equal(symlink("edited", on_host(f, "/etc/alias")), 0);
	plant(f, "/etc/tree/inner", "three\n");
	assert_int_equal(originals_open(AT_FDCWD, kept, &o, &f->err), 0);
	f->g->originals = o;

	/* one file by two names, one of them a link; twice */
	assert_int_equal(guest_edit(f->g, &f->log, "/etc/alias", "ONE\n", "x", &f->err), 0);
	assert_int_equal(guest_edit(f->g, &f->log, "/etc/edited", "ONE TWICE\n", "x", &f->err), 0);
	assert_int_equal(guest_drop(f->g, &f->log, "/etc/removed", "x", &f->err), 0);
	assert_int_equal(guest_link(f->g, &f->log, "/dev/null", "/etc/removed", "x", &f->err), 0);
	assert_int_equal(guest_edit(f->g, &f->log, "/etc/new/file", "new\n", "x", &f->err), 0);
	assert_int_equal(guest_drop(f->g, &f->log, "/etc/tree", "x", &f->err), 0);
	assert_int_equal(guest_put(f->g, &f->log, "/etc/binary", "\0\1", 2, 0600, "x", "bytes", &f->err), 0);
	assert_int_equal(originals_save(o, &f->err), 0);

	f->g->originals = NULL;
	if (originals_restore(AT_FDCWD, kept, f->g, &f->log, &f->err) < 0)
		fail_msg("%s", f->err.text);
	assert_string_equal(text_of(f, "/etc/edited"), "one\n");
	assert_int_equal(f->g->ops->readlink(f->g, "/etc/alias", &f->arena, &target, &f->err), 0);
	assert_string_equal(target, "edited");
	assert_string_equal(text_of(f, "/etc/removed"), "two\n");
	assert_int_equal(f->g->ops->stat(f->g, "/etc/removed", false, &st, &f->err), 0);
	assert_int_equal(st.mode, S_IFREG | 0640);
	assert_string_equal(text_of(f, "/etc/tree/inner"), "three\n");
	assert_false(guest_exists(f->g, "/etc/new/file"));
	assert_false(guest_exists(f->g, "/etc/binary"));
	file_remove_tree(AT_FDCWD, kept, NULL);
}

/* The list is JSON: a Latin-1 name would come back as another one. */
static void test_names_that_are_no_utf8(void **state)
{
	struct fixture *f = *state;
	AUTO(originals_closep) struct originals *o = NULL;
	const char *kept = arena_printf(&f->arena, "%s.originals", f->dir);

	plant(f, "/etc/B\xfcro", "one\n");
	plant(f, "/etc/hosts", "two\n");
	assert_int_equal(symlink("B\xfcro", on_host(f, "/etc/link")), 0);
	assert_int_equal(originals_open(AT_FDCWD, kept, &o, &f->err), 0);
	f->g->originals = o;
	assert_int_equal(guest_edit(f->g, &f->log, "/etc/B\xfcro", "ONE\n", "x", &f->err), -1);
	assert_non_null(strstr(f->err.text, "has a name or target that isn't UTF-8: its original can't be kept"));
	assert_string_equal(text_of(f, "/etc/B\xfcro"), "one\n");
	err_clear(&f->err);
	assert_int_equal(guest_drop(f->g, &f->log, "/etc/link", "x", &f->err), -1);
	assert_int_equal(guest_edit(f->g, &f->log, "/etc/hosts", "TWO\n", "x", &f->err), 0);
	f->g->originals = NULL;
	file_remove_tree(AT_FDCWD, kept, NULL);
}

static void restore_fails(struct fixture *f, const char *index, const char *message)
{
	plant(f, "/undo/originals.json", index);
	assert_int_equal(
	    originals_restore(AT_FDCWD, arena_printf(&f->arena, "%s/undo", f->dir), f->g, &f->log, &f->err), -1);
	if (!strstr(f->err.text, message))
		fail_msg("%s", f->err.text);
}

static void test_damaged_index(void **state)
{
	struct fixture *f = *state;

	restore_fails(f, "[{\"path\":\"/x\",\"was\":\"odd\"}]", "'/x' was 'odd', which is nothing known");
	restore_fails(f, "[{\"path\":\"/x\",\"was\":\"file\",\"content\":\"../../etc/passwd\"}]",
		      "'../../etc/passwd' is no name of a content");
	plant(f, "/undo/00001", "abc");
	restore_fails(f, "[{\"path\":\"/x\",\"was\":\"file\",\"content\":\"00001\",\"size\":4}]",
		      "original of '/x' has 3 bytes, 4 expected");
	restore_fails(f, "[", "originals.json");
	assert_false(guest_exists(f->g, "/x"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    FIXTURE_TEST(test_all_kinds),
	    FIXTURE_TEST(test_names_that_are_no_utf8),
	    FIXTURE_TEST(test_damaged_index),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
