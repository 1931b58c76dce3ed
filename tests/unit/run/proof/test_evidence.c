/* Tests of run/proof/evidence.c with what real machines wrote (recorded from QEMU 7.2 and Debian 12). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "run/proof/evidence.h"

#define GRUB                                                                                                           \
	"\033[H\033[J\033[1;1H\033[?25l\033[m\033[H\033[J\033[1;1H\033[2;24HGNU GRUB  version 2.06-13+deb12u2\n\r\n\r" \
	"\033[m\033[4;2H+-----+\033[5;2H|\033[5;79H|\033[19;2H\033[m     Use the ^ and v keys to select which "        \
	"entry\n\r"                                                                                                    \
	"      before booting or `c' for a command-line.   \033[5;80H \033[7m\033[5;3H*Debian GNU/Linux      \033[m"   \
	"\033[5;78H\033[?25h\033[H\033[J\033[1;1H  Booting `Debian GNU/Linux'\n\r\n\rLoading Linux 6.1.0-50-amd64 "    \
	"...\n\r"                                                                                                      \
	"Loading initial ramdisk ...\n\r"
#define LOGIN "\r\n\r\nDebian GNU/Linux 12 web01 ttyS0\r\n\r\nweb01 login: "
#define NO_ROOT                                                                                                        \
	"Gave up waiting for suspend/resume device\r\nGave up waiting for root file system device.  Common "           \
	"problems:\r\n"                                                                                                \
	" - Missing modules (cat /proc/modules; ls /dev)\r\n"                                                          \
	"ALERT!  /dev/sda1 does not exist.  Dropping to a shell!\r\n\r\n\r\nBusyBox v1.35.0 (Debian) built-in "        \
	"shell\r\n"                                                                                                    \
	"(initramfs) "
#define EFI_SHELL                                                                                                      \
	"\033[2J\033[01;01H\033[=3h\033[2J\033[01;01HBdsDxe: failed to load Boot0001 \"UEFI Misc Device\" from "       \
	"PciRoot(0x0)/Pci(0x2,0x0)/Pci(0x0,0x0): Not Found\r\nBdsDxe: loading Boot0002 \"EFI Internal Shell\" from "   \
	"Fv(7CB8BDC9-F8EB-4F34-AAEA-3EE4AF6516A1)\r\n"
#define EFI_DISK "BdsDxe: starting Boot0001 \"UEFI Misc Device\" from PciRoot(0x0)/Pci(0x2,0x0)/Pci(0x0,0x0)\r\n"

static void feed(struct evidence *e, const char *text, size_t chunk)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < len; i += chunk)
		evidence_serial(e, text + i, len - i < chunk ? len - i : chunk);
}

/* The same in one piece, in blocks as sockets give them, and byte by byte. */
static void check(const char *text, enum boot_level level, const char *proof, const char *failure)
{
	static const size_t chunks[] = {1, 7, 64, 1 << 20};

	for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++) {
		struct evidence e = {0};

		feed(&e, text, chunks[i]);
		assert_int_equal(e.level, level);
		assert_string_equal(e.proof, proof);
		assert_string_equal(e.failure, failure);
	}
}

/* The first boot of a converted Windows tells how far it is on the serial port; the agent answers long before its end.
 */
static void test_first_boot_of_windows(void **state)
{
	static const char started[] = "rehost first boot: started\r\n";
	struct evidence e = {0};

	check(started, BOOT_KERNEL, "serial console: 'rehost first boot: started'", "");
	feed(&e, started, 7);
	evidence_agent(&e);
	assert_int_equal(e.level, BOOT_KERNEL);
	feed(&e, "rehost first boot: restarting 20-network=1\r\n", 7);
	evidence_agent(&e);
	feed(&e, started, 7);
	evidence_screen(&e, "rehost first boot: done\n");
	assert_int_equal(e.level, BOOT_KERNEL);
	assert_int_equal(e.nwarnings, 0);
	feed(&e, "rehost first boot: failed 50-foreign-tools=late\r\n", 7);
	assert_int_equal(e.level, BOOT_LOGIN);
	assert_string_equal(e.proof, "serial console: 'rehost first boot: failed 50-foreign-tools=late'");
	assert_int_equal(e.nwarnings, 1);
	assert_string_equal(e.warnings[0], "rehost first boot: failed 50-foreign-tools=late");
	check("rehost first boot: done\r\n", BOOT_LOGIN, "serial console: 'rehost first boot: done'", "");
}

static void test_a_guest_that_boots(void **state)
{
	check(GRUB, BOOT_FIRMWARE, "serial console: 'GNU GRUB  version 2.06-13+deb12u2'", "");
	check(GRUB LOGIN, BOOT_LOGIN, "serial console: 'web01 login:'", "");
	check(EFI_DISK, BOOT_FIRMWARE,
	      "serial console: 'BdsDxe: starting Boot0001 \"UEFI Misc Device\" from "
	      "PciRoot(0x0)/Pci(0x2,0x0)/Pci(0x0,0x0)'",
	      "");
	check("[    0.000000] Linux version 6.1.0-50-amd64 (debian-kernel@lists.debian.org)\r\n", BOOT_KERNEL,
	      "serial console: '[    0.000000] Linux version 6.1.0-50-amd64 (debian-kernel@lists.debian.org)'", "");
	check("Debian GNU/Linux 12 web01 ttyS0\r\n\r\nweb01 login: [   31.27] random: crng init done", BOOT_LOGIN,
	      "serial console: 'web01 login:'", "");
}

static void test_known_failures(void **state)
{
	check(GRUB NO_ROOT, BOOT_KERNEL, "serial console: 'Gave up waiting for suspend/resume device'",
	      "serial console: 'ALERT!  /dev/sda1 does not exist.  Dropping to a shell!'");
	check(EFI_SHELL, BOOT_LEVEL_UNKNOWN, "",
	      "serial console: 'BdsDxe: loading Boot0002 \"EFI Internal Shell\" from "
	      "Fv(7CB8BDC9-F8EB-4F34-AAEA-3EE4AF6516A1)'");
	check("error: no such device: 5b0b.\r\nEntering rescue mode...\r\ngrub rescue> ", BOOT_FIRMWARE,
	      "serial console: 'grub rescue>'", "serial console: 'grub rescue>'");
	check("[    2.1] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)\r\n",
	      BOOT_KERNEL,
	      "serial console: '[    2.1] Kernel panic - not syncing: VFS: Unable to mount root fs on "
	      "unknown-block(0,0)'",
	      "serial console: '[    2.1] Kernel panic - not syncing: VFS: Unable to mount root fs on "
	      "unknown-block(0,0)'");
	check("You are in emergency mode. After logging in, type \"journalctl -xb\" to view\r\n", BOOT_KERNEL,
	      "serial console: 'You are in emergency mode. After logging in, type \"journalctl -xb\" to view'",
	      "serial console: 'You are in emergency mode. After logging in, type \"journalctl -xb\" to view'");
}

static void test_what_proves_nothing(void **state)
{
	check("", BOOT_LEVEL_UNKNOWN, "", "");
	check("please login: now\r\n", BOOT_LOGIN, "serial console: 'please login:'", "");
	check("login:\r\nthe last login: root\r\nPress `c' for grub> now\r\n", BOOT_LEVEL_UNKNOWN, "", "");
	/* a line without end can't grow beyond its room */
	check(
	    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	    "xxxx"
	    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	    "xxxx"
	    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx web01 login: \r\n",
	    BOOT_LEVEL_UNKNOWN, "", "");
}

static void test_failed_services_are_warnings(void **state)
{
	struct evidence e = {0};

	feed(&e,
	     "[\033[0;1;31mFAILED\033[0m] Failed to start \033[0;1;39mnetworking\xe2\x80\xa6"
	     "ce\033[0m - Raise network interfaces.\r\r\n" LOGIN,
	     1);
	assert_int_equal(e.level, BOOT_LOGIN);
	assert_int_equal(e.nwarnings, 1);
	assert_string_equal(e.warnings[0], "[FAILED] Failed to start networking???ce - Raise network interfaces.");
	for (int i = 0; i < 40; i++)
		feed(&e, "[FAILED] again\r\n", 100);
	assert_int_equal(e.nwarnings, EVIDENCE_WARNINGS_MAX);
}

static void test_the_screen(void **state)
{
	struct evidence e = {0};

	evidence_screen(&e, "SeaBIOS (version 1.16.2-debian-1.16.2-1)\nBooting from Hard Disk...\n");
	assert_int_equal(e.level, BOOT_FIRMWARE);
	assert_string_equal(e.proof, "screen: 'Booting from Hard Disk...'");
	evidence_screen(&e, "Boot failed: not a bootable disk\n\nNo bootable device.\n");
	assert_string_equal(e.failure, "screen: 'No bootable device.'");
	evidence_screen(&e, "Debian GNU/Linux 12 web01 tty1\nweb01 login:");
	assert_int_equal(e.level, BOOT_LOGIN);
	assert_string_equal(e.proof, "screen: 'web01 login:'");
}

static void test_where_the_cpu_is(void **state)
{
	static const char kernel[] =
	    "RAX=0 RBX=1\r\nRIP=ffffffff9b07757e RFL=00000246 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=1\r\n"
	    "CR0=80050033 CR2=00007f0000000000 CR3=0 CR4=00750ef0\r\n";
	static const char user[] = "RIP=00007f2b11223344 RFL=00000246 CPL=3 II=0 A20=1\r\nCR0=80050033 CR2=0\r\n";
	static const char firmware[] = "RIP=000000007ebc1234 RFL=00000246 CPL=0 II=0\r\nCR0=80010033 CR2=0\r\n";
	static const char real_mode[] = "EIP=0000fff0 EFL=00000002 CPL=3 II=0\r\nCR0=00000010 CR2=0\r\n";
	struct evidence e = {0};

	evidence_cpu(&e, "");
	evidence_cpu(&e, firmware);
	evidence_cpu(&e, real_mode);
	assert_int_equal(e.level, BOOT_LEVEL_UNKNOWN);
	evidence_cpu(&e, kernel);
	assert_int_equal(e.level, BOOT_KERNEL);
	assert_string_equal(e.proof, "CPU: runs at 0xffffffff9b07757e, in a kernel");
	evidence_cpu(&e, user);
	assert_string_equal(e.proof, "CPU: runs at 0xffffffff9b07757e, in a kernel");
	e = (struct evidence){0};
	evidence_cpu(&e, user);
	assert_string_equal(e.proof, "CPU: runs a program in ring 3");
}

/* As qemu-system-aarch64 prints them. */
static void test_where_an_arm64_cpu_is(void **state)
{
	static const char kernel[] = " PC=ffff800008c1f2e0 X00=0000000000000000 X01=ffff800009b2ad28\r\n"
				     "X30=ffff800008c1f1f8  SP=ffff800009b23e10\r\n"
				     "PSTATE=600000c5 -ZC- EL1h    FPU disabled\r\n";
	static const char user[] = " PC=0000aaaae2f41234 X00=0000000000000000\r\nPSTATE=60001000 -ZC- EL0t\r\n";
	static const char firmware[] = " PC=000000007f5a1234 X00=0000000000000000\r\nPSTATE=60000005 -ZC- EL1h\r\n";
	struct evidence e = {0};

	evidence_cpu(&e, firmware);
	assert_int_equal(e.level, BOOT_LEVEL_UNKNOWN);
	evidence_cpu(&e, kernel);
	assert_int_equal(e.level, BOOT_KERNEL);
	assert_string_equal(e.proof, "CPU: runs at 0xffff800008c1f2e0, in a kernel");
	e = (struct evidence){0};
	evidence_cpu(&e, user);
	assert_string_equal(e.proof, "CPU: runs a program at exception level 0");
}

static void test_the_agent_is_enough(void **state)
{
	struct evidence e = {0};

	evidence_agent(&e);
	assert_int_equal(e.level, BOOT_LOGIN);
	feed(&e, LOGIN, 100);
	assert_string_equal(e.proof, "guest agent: answered");
}

static void test_names(void **state)
{
	assert_string_equal(boot_level_name(BOOT_KERNEL), "kernel");
	assert_int_equal(boot_level_by_name("firmware"), BOOT_FIRMWARE);
	assert_int_equal(boot_level_by_name("login"), BOOT_LOGIN);
	assert_int_equal(boot_level_by_name("agent"), BOOT_LOGIN);
	assert_int_equal(boot_level_by_name("nothing"), BOOT_LEVEL_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_guest_that_boots),
	    cmocka_unit_test(test_first_boot_of_windows),
	    cmocka_unit_test(test_known_failures),
	    cmocka_unit_test(test_what_proves_nothing),
	    cmocka_unit_test(test_failed_services_are_warnings),
	    cmocka_unit_test(test_the_screen),
	    cmocka_unit_test(test_where_the_cpu_is),
	    cmocka_unit_test(test_where_an_arm64_cpu_is),
	    cmocka_unit_test(test_the_agent_is_enough),
	    cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
