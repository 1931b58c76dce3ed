/* Tests of the step module-aliases. */
#include "tests/unit/converters/linux/linux_fixture.h"

static const char *after_edit(struct linux_fixture *f, const char *path, const char *text)
{
	plant(&f->files, path, text);
	run_twice(f, &step_module_aliases);
	return text_of(&f->files, path);
}

static void test_rhel5(void **state)
{
	struct linux_fixture *f = *state;

	assert_string_equal(after_edit(f, "/etc/modprobe.conf",
				       "alias eth0 vmxnet\nalias eth1 e1000\nalias scsi_hostadapter mptbase\n"
				       "alias scsi_hostadapter1 mptspi\nalias net-pf-10 off\n"),
			    "alias eth0 virtio_net\nalias eth1 e1000\nalias scsi_hostadapter mptbase\n"
			    "alias scsi_hostadapter1 mptspi\nalias scsi_hostadapter2 virtio_pci\n"
			    "alias scsi_hostadapter3 virtio_blk\nalias net-pf-10 off\n");
}

static void test_safe_mode(void **state)
{
	struct linux_fixture *f = *state;

	f->caps = (struct caps){.disk = DISK_BUS_IDE, .net = NET_BUS_E1000};
	assert_string_equal(after_edit(f, "/etc/modprobe.d/vm.conf",
				       "# alias eth0 vmxnet3\nalias eth0 vmxnet3\nalias ethernet vmxnet3\n"
				       "alias scsi_hostadapter mptspi\n"),
			    "# alias eth0 vmxnet3\nalias eth0 e1000\nalias ethernet vmxnet3\n"
			    "alias scsi_hostadapter mptspi\nalias scsi_hostadapter1 ata_piix\n");
}

static void test_nothing_to_do(void **state)
{
	struct linux_fixture *f = *state;
	const char *text = "options e1000 x=1\nalias char-major-10 misc\ninstall eth0 /bin/true\n";

	assert_string_equal(after_edit(f, "/etc/modprobe.d/a.conf", text), text);
	assert_int_equal(f->files.log.changes.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    LINUX_TEST(test_rhel5),
	    LINUX_TEST(test_safe_mode),
	    LINUX_TEST(test_nothing_to_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
