/* The table of outputs, and what local and null leave behind. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/cleanup.h"
#include "core/base/file.h"
#include "outputs/output.h"
#include "tests/unit/outputs/job.h"

static void by_name(void **state)
{
	assert_string_equal(output_by_name("local")->name, "local");
	assert_string_equal(output_by_name("qemu")->name, "qemu");
	assert_string_equal(output_by_name("null")->name, "null");
	assert_null(output_by_name("glance"));
	for (const struct output *const *o = outputs; *o; o++)
		assert_true(strlen((*o)->description) > 10);
}

static void local_writes_the_xml_and_null_nothing(void **state)
{
	char dir[] = "/tmp/rehost-outputs-XXXXXX";
	AUTO(job_done) struct job_fixture f;
	AUTO(buf_done) struct buf file = BUF_INIT(1 << 20);
	AUTO(buf_done) struct buf xml = BUF_INIT(1 << 20);
	struct err err = ERR_INIT;
	int fd;

	assert_non_null(mkdtemp(dir));
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	job_init(&f);
	f.job.dirfd = fd;
	assert_int_equal(output_by_name("null")->write(&f.job, &err), 0);
	assert_int_equal(faccessat(fd, "web01.xml", F_OK, 0), -1);
	assert_int_equal(output_by_name("local")->write(&f.job, &err), 0);
	assert_int_equal(file_slurp(fd, "web01.xml", &file, &err), 0);
	assert_int_equal(libvirt_xml(&f.job, &xml, &err), 0);
	assert_string_equal(buf_str(&file), buf_str(&xml));
	f.disks[0].logical_sector = 4096;
	f.caps.disk = DISK_BUS_SATA;
	assert_int_equal(output_by_name("null")->write(&f.job, &err), -1);
	assert_int_equal(output_by_name("local")->write(&f.job, &err), -1);
	assert_string_equal(err.text, "'web01.xml': disk sda has sectors of 4096 bytes, sata shows only 512: the guest "
				      "needs virtio drivers");
	close(fd);
	file_remove_tree(AT_FDCWD, dir, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(by_name),
	    cmocka_unit_test(local_writes_the_xml_and_null_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
