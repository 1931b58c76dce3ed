/* Tests of guest/files/fstab.c. */
#include "tests/unit/guest/files/walk.h"

#include "core/base/buf.h"
#include "core/base/cleanup.h"
#include "guest/files/debconf.h"
#include "guest/files/fstab.h"

static void test_what_is_asked(void **state)
{
	AUTO(arena_done) struct arena a = {0};
	const char *asked;
	const char *text = "# /dev/sdz1 / ext4\n"
			   "/dev/sda1 / ext4 errors=remount-ro 0 1\n"
			   "\n"
			   "/dev/sda2 none swap sw,nofail 0 0\n"
			   "/dev/sdb1 /x auto noauto\n"
			   "two fields\n"
			   "UUID=1 /y xfs logdev=/dev/sdc1,rtdev=/dev/sdd1 0 0\n";

	assert_string_equal(walk(&a, fstab_devices, text, NULL, &asked), text);
	assert_string_equal(asked, "2:/dev/sda1 t=ext4 m=/|4:/dev/sda2 t=swap m=none optional|"
				   "5:/dev/sdb1 t=auto m=/x optional|7:UUID=1 t=xfs m=/y|"
				   "7:/dev/sdc1 path partition|7:/dev/sdd1 path partition|");
}

static const char *shorter(const struct device_use *use, void *opaque)
{
	return "x";
}

/* One line of 4 MiB with a name at every turn: memory grows with the line, not with its square. */
static void test_endless_lines(void **state)
{
	static const struct {
		device_walker *walk;
		const char *begin, *turn;
	} rows[] = {
	    {fstab_devices, "UUID=1 / btrfs ", "device=/dev/sda1,"},
	    {unit_devices, "[Unit]\nAfter=", "dev-sda1.device "},
	    {debconf_grub_devices, "Name: grub-pc/install_devices\nValue: ", "/dev/sda, "},
	    {autofs_devices, "key ", ":/dev/sda1 "},
	    {cmdline_devices, "", "cryptopts="},
	    {cmdline_devices, "", "root="},
	    {cmdline_devices, "", "root=/dev/sda1 "},
	};

	for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
		const struct device_visitor v = {shorter, NULL};
		AUTO(buf_done) struct buf b = BUF_INIT(5 << 20);
		AUTO(arena_done) struct arena a = {0};
		struct lines l;

		buf_adds(&b, rows[k].begin);
		while (b.len < 4 << 20)
			buf_adds(&b, rows[k].turn);
		lines_split(&l, &a, buf_str(&b));
		rows[k].walk(&l, &v);
		assert_true(arena_size(&a) < 256 << 20);
	}
}

static void test_replacements_on_one_line(void **state)
{
	static const char *const pairs[] = {"/dev/sda1", "UUID=a", "/dev/sdb1", "/dev/disk/by-partuuid/long-one",
					    "/dev/sdc1", "c",	   NULL};
	AUTO(arena_done) struct arena a = {0};

	assert_string_equal(
	    walk(&a, fstab_devices, "/dev/sda1\t/ btrfs device=/dev/sdb1,ro,device=/dev/sdc1\t0 0\n", pairs, NULL),
	    "UUID=a\t/ btrfs device=/dev/disk/by-partuuid/long-one,ro,device=c\t0 0\n");
}

static void test_crypttab(void **state)
{
	AUTO(arena_done) struct arena a = {0};
	const char *asked;

	walk(&a, crypttab_devices,
	     "#x /dev/sdz none\nroot /dev/sda5 none luks,discard\nswap /dev/sda6 /dev/urandom swap,nofail\n"
	     "old /dev/sda7 /key plain,cipher=aes\nshort /dev/sda8\n",
	     NULL, &asked);
	assert_string_equal(asked, "2:/dev/sda5 t=crypto_LUKS|3:/dev/sda6 partition optional|4:/dev/sda7 partition|"
				   "5:/dev/sda8 t=crypto_LUKS|");
}

/* The copy in an image has fewer lines; only names of the hardware are replaced. */
static void test_crypttab_copy(void **state)
{
	AUTO(arena_done) struct arena a = {0};
	struct lines copy, guest;
	size_t line = 99;
	char *device;

	lines_split(&copy, &a,
		    "#root /dev/sda5\nroot  /dev/sda5 none luks\nby /dev/disk/by-uuid/1 none\ngone /dev/sdb1 none\n");
	lines_split(&guest, &a, "swap UUID=9 /dev/urandom swap\nroot UUID=5 none luks\nby UUID=1 none\n");
	crypttab_take_devices(&copy, &guest);
	assert_string_equal(lines_join(&copy), "#root /dev/sda5\nroot  UUID=5 none luks\n"
					       "by /dev/disk/by-uuid/1 none\ngone /dev/sdb1 none\n");
	assert_true(crypttab_hardware_device(&copy, &line, &device));
	assert_int_equal(line, 3);
	assert_string_equal(device, "/dev/sdb1");
	assert_false(crypttab_hardware_device(&guest, &line, &device));
}

static void test_options(void **state)
{
	assert_true(option_present("ro,noauto", "noauto"));
	assert_true(option_present("noauto=1,x", "noauto"));
	assert_false(option_present("noautofs", "noauto"));
	assert_false(option_present("xnoauto", "noauto"));
	assert_false(option_present(NULL, "noauto"));
	assert_false(option_present("", "noauto"));
}

static void test_installer_comment(void **state)
{
	AUTO(arena_done) struct arena a = {0};
	char *device;

	assert_true(fstab_installed_on(&a, "# / was on /dev/sda1 during installation", &device));
	assert_string_equal(device, "/dev/sda1");
	assert_true(fstab_installed_on(&a, "# swap was on /dev/mapper/x during curtin installation", &device));
	assert_false(fstab_installed_on(&a, "/ was on /dev/sda1 during installation", &device));
	assert_false(fstab_installed_on(&a, "# / was on UUID=1 during installation", &device));
}

static void test_autofs(void **state)
{
	static const char *const pairs[] = {"/dev/sdb2", "/dev/disk/by-uuid/1", NULL};
	AUTO(arena_done) struct arena a = {0};
	const char *asked;

	assert_string_equal(walk(&a, autofs_devices,
				 "# x :/dev/sdb2\ncd\t-fstype=iso9660,ro\t:/dev/cdrom\na -fstype=ext4 :/dev/sdb2 \n"
				 "nfs host:/dev/sdb2\n",
				 pairs, &asked),
			    "# x :/dev/sdb2\ncd\t-fstype=iso9660,ro\t:/dev/cdrom\na -fstype=ext4 "
			    ":/dev/disk/by-uuid/1 \nnfs host:/dev/sdb2\n");
	assert_string_equal(asked, "2:/dev/cdrom t=iso9660 path optional|3:/dev/sdb2 t=ext4 path optional|");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_is_asked),     cmocka_unit_test(test_replacements_on_one_line),
	    cmocka_unit_test(test_endless_lines),     cmocka_unit_test(test_crypttab),
	    cmocka_unit_test(test_crypttab_copy),     cmocka_unit_test(test_options),
	    cmocka_unit_test(test_installer_comment), cmocka_unit_test(test_autofs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
