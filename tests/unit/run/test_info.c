/* rehost info's data: format, sizes and allocation of an image, and errors for what is none. */
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

#include "core/base/checked.h"
#include "core/base/child.h"
#include "core/base/file.h"
#include "run/info.h"

struct fixture {
	char dir[64], path[128];
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	char data[4096];
	int fd;

	strcpy(f->dir, "/var/tmp/rehost-info-XXXXXX");
	*state = f;
	if (!mkdtemp(f->dir))
		return -1;
	snprintf(f->path, sizeof f->path, "%s/disk.raw", f->dir);
	fd = open(f->path, O_RDWR | O_CREAT, 0644);
	memset(data, 7, sizeof data);
	if (ftruncate(fd, (off_t)GIB) < 0 || file_pwrite(fd, data, sizeof data, 512 * MIB, NULL) < 0)
		return -1;
	return close(fd);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	file_remove_tree(AT_FDCWD, f->dir, NULL);
	free(f);
	return 0;
}

static void a_sparse_raw_disk_is_described(void **state)
{
	struct fixture *f = *state;
	AUTO(js_freep) struct json *info = NULL;
	AUTO(buf_done) struct buf text = BUF_INIT(MIB);
	struct err err = ERR_INIT;

	assert_int_equal(image_info(f->path, "raw", NULL, &info, &err), 0);
	assert_string_equal(js_get_str(info, "format", ""), "raw");
	assert_int_equal(js_get_u64(info, "size", 0), GIB);
	assert_int_equal(js_get_u64(info, "allocated", 0), 4096);
	assert_int_equal(js_get_u64(info, "data_runs", 0), 1);
	assert_int_equal(image_info_text(info, &text, &err), 0);
	assert_non_null(strstr(buf_str(&text), "size:       1.0 GiB (1073741824 bytes)\n"));
	assert_non_null(strstr(buf_str(&text), "allocated:  4.0 KiB in 1 run\n"));
}

static int run_program(const char *const *argv)
{
	AUTO(buf_done) struct buf out = BUF_INIT(64 * KIB);

	return child_run(argv, &out, NULL);
}

static void every_image_of_a_chain_is_described(void **state)
{
	struct fixture *f = *state;
	AUTO(js_freep) struct json *info = NULL;
	AUTO(buf_done) struct buf text = BUF_INIT(MIB);
	char base[128], top[128];
	const char *const make_base[] = {"qemu-img", "create", "-q", "-f", "qcow2", base, "1G", NULL};
	const char *const make_top[] = {
	    "qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", "qcow2", "-o", "cluster_size=4096", top, NULL};
	const char *const rebase[] = {"qemu-img", "rebase", "-u", "-b", "base.qcow2", "-F", "qcow2", top, NULL};
	const char *const snapshot[] = {"qemu-img", "snapshot", "-c", "one", top, NULL};
	const struct json *chain, *parent;

	snprintf(base, sizeof base, "%s/base.qcow2", f->dir);
	snprintf(top, sizeof top, "%s/top.qcow2", f->dir);
	if (!child_find("qemu-img", (char[4096]){0}, 4096)) {
		puts("SKIP: no qemu-img");
		skip();
	}
	assert_int_equal(run_program(make_base) | run_program(make_top), 0);
	assert_int_equal(run_program(rebase) | run_program(snapshot), 0);
	assert_int_equal(image_info(top, NULL, NULL, &info, NULL), 0);
	chain = js_get(info, "chain");
	assert_int_equal(js_count(chain), 2);
	assert_string_equal(js_get_str(js_at(chain, 0), "file", ""), "top.qcow2");
	assert_string_equal(js_get_str(js_at(chain, 0), "subtype", ""), "version 3, zlib");
	assert_int_equal(js_get_u64(js_at(chain, 0), "unit", 0), 4096);
	assert_int_equal(js_get_u64(js_at(chain, 0), "snapshots", 0), 1);
	parent = js_get(js_at(chain, 0), "parent");
	assert_string_equal(js_get_str(parent, "written", ""), "base.qcow2");
	assert_string_equal(js_get_str(parent, "format", ""), "qcow2");
	assert_string_equal(js_get_str(parent, "file", ""), "base.qcow2");
	assert_null(js_get_str(js_at(chain, 1), "parent", NULL));
	assert_int_equal(js_get_u64(js_at(chain, 1), "size", 0), GIB);
	assert_int_equal(js_count(js_get(js_at(chain, 1), "files")), 1);
	assert_int_equal(image_info_text(info, &text, NULL), 0);
	assert_non_null(
	    strstr(buf_str(&text), "  parent:     'base.qcow2', which is base.qcow2\n  snapshots:  1\n    1 "));
}

static void files_of_an_image_are_its_extents(void **state)
{
	static const char descriptor[] = "# Disk DescriptorFile\nversion=1\nCID=12345678\nparentCID=ffffffff\n"
					 "createType=\"monolithicFlat\"\nRW 2048 FLAT \"disk.raw\" 0\n";
	struct fixture *f = *state;
	AUTO(js_freep) struct json *info = NULL;
	const struct json *image, *files;
	char path[128];
	int fd;

	snprintf(path, sizeof path, "%s/disk.vmdk", f->dir);
	fd = open(path, O_RDWR | O_CREAT, 0644);
	assert_int_equal(file_pwrite(fd, descriptor, sizeof descriptor - 1, 0, NULL), 0);
	close(fd);
	assert_int_equal(image_info(path, NULL, NULL, &info, NULL), 0);
	image = js_at(js_get(info, "chain"), 0);
	assert_string_equal(js_get_str(image, "subtype", ""), "monolithicFlat");
	assert_string_equal(js_get_str(image, "identity", ""), "12345678");
	assert_int_equal(js_get_u64(image, "size", 0), MIB);
	files = js_get(image, "files");
	assert_int_equal(js_count(files), 2);
	assert_string_equal(js_get_str(js_at(files, 1), "name", ""), "disk.raw");
	assert_int_equal(js_get_u64(js_at(files, 1), "size", 0), GIB);
}

static void what_lacks_its_parent_is_described(void **state)
{
	struct fixture *f = *state;
	AUTO(js_freep) struct json *info = NULL;
	AUTO(buf_done) struct buf text = BUF_INIT(MIB);
	struct err err = ERR_INIT;
	char top[128];
	const char *const make_top[] = {"qemu-img", "create", "-q",  "-u", "-f", "qcow2", "-b",
					"base.raw", "-F",     "raw", top,  "1G", NULL};

	snprintf(top, sizeof top, "%s/top.qcow2", f->dir);
	if (!child_find("qemu-img", (char[4096]){0}, 4096)) {
		puts("SKIP: no qemu-img");
		skip();
	}
	assert_int_equal(run_program(make_top), 0);
	assert_int_equal(image_info(top, NULL, NULL, &info, &err), -1);
	assert_int_equal(err.code, ERR_UNREADABLE);
	assert_null(js_get_str(info, "file", NULL));
	assert_int_equal(js_count(js_get(info, "chain")), 1);
	assert_int_equal(image_info_text(info, &text, NULL), 0);
	assert_non_null(strstr(buf_str(&text), "  parent:     'base.raw'\n"));
}

static void what_is_no_image_is_an_error(void **state)
{
	struct fixture *f = *state;
	struct json *info = NULL;
	struct err err = ERR_INIT;

	assert_int_equal(image_info(f->path, NULL, NULL, &info, &err), -1);
	assert_int_equal(err.code, ERR_UNSUPPORTED);
	assert_int_equal(image_info(f->path, "nonsense", NULL, &info, &err), -1);
	assert_int_equal(err.code, ERR_USAGE);
	assert_string_equal(err.text, "unknown format 'nonsense': `rehost formats` lists them");
	assert_null(info);
}

static void known_formats_name_what_is_written(void **state)
{
	AUTO(js_freep) struct json *all = known_formats();
	const struct json *images = js_get(all, "images");
	unsigned writers = 0;

	for (size_t i = 0; i < js_count(images); i++)
		writers += js_get_bool(js_at(images, i), "writes", false);
	assert_true(js_count(images) >= 3);
	assert_true(writers >= 2);
	assert_true(js_count(js_get(all, "sources")) >= 3);
	assert_true(js_count(js_get(all, "outputs")) >= 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(a_sparse_raw_disk_is_described, setup, teardown),
	    cmocka_unit_test_setup_teardown(every_image_of_a_chain_is_described, setup, teardown),
	    cmocka_unit_test_setup_teardown(files_of_an_image_are_its_extents, setup, teardown),
	    cmocka_unit_test_setup_teardown(what_lacks_its_parent_is_described, setup, teardown),
	    cmocka_unit_test_setup_teardown(what_is_no_image_is_an_error, setup, teardown),
	    cmocka_unit_test(known_formats_name_what_is_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
