/* Tests of run/proof/boot.c with qemu and boot sectors that play a guest's part. */
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/checked.h"
#include "core/base/child.h"
#include "core/base/file.h"
#include "run/proof/boot.h"

static const struct accel tcg = {.kvm_ms = -1, .reason = "test"};

/* Writes the text behind the code to the serial port, then halts. */
static const unsigned char says_on_serial[] = {
    0xfc,	      /* cld */
    0x31, 0xc0,	      /* xor ax, ax */
    0x8e, 0xd8,	      /* mov ds, ax */
    0xbe, 0x16, 0x7c, /* mov si, text */
    0xba, 0xf8, 0x03, /* mov dx, COM1 */
    0xac,	      /* next: lodsb */
    0x84, 0xc0,	      /* test al, al */
    0x74, 0x03,	      /* jz end */
    0xee,	      /* out dx, al */
    0xeb, 0xf8,	      /* jmp next */
    0xf4,	      /* end: hlt */
    0xeb, 0xfd,	      /* jmp end */
};

/* The same on the screen, through the BIOS. */
static const unsigned char says_on_screen[] = {
    0xfc, 0x31, 0xc0, 0x8e, 0xd8, 0xbe, 0x18, 0x7c, /* as above */
    0xac,					    /* next: lodsb */
    0x84, 0xc0,					    /* test al, al */
    0x74, 0x08,					    /* jz end */
    0xb4, 0x0e,					    /* mov ah, teletype */
    0x30, 0xff,					    /* xor bh, bh */
    0xcd, 0x10,					    /* int 0x10 */
    0xeb, 0xf3,					    /* jmp next */
    0xf4, 0xeb, 0xfd,				    /* end: hlt; jmp end */
};

/* Resets the machine through the keyboard controller. */
static const unsigned char resets[] = {0xb0, 0xfe, 0xe6, 0x64, 0xf4, 0xeb, 0xfd};

struct fixture {
	char folder[64], xml[96], shots[96], disk[96];
	struct boot_result result;
	struct err err;
	unsigned ticks;
};

static bool have_qemu(void)
{
	const char *const argv[] = {"qemu-system-x86_64", "--version", NULL};
	AUTO(buf_done) struct buf out = BUF_INIT(4096);

	return child_run(argv, &out, NULL) == 0;
}

static void write_file(const char *path, const void *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(file_pwrite(fd, data, len, 0, NULL), 0);
	close(fd);
}

/* The BIOS boots from no disk that is smaller than a cylinder. */
static void write_disk(struct fixture *f, const unsigned char sector[512])
{
	write_file(f->disk, sector, 512);
	assert_int_equal(truncate(f->disk, MIB), 0);
}

static void make_disk(struct fixture *f, const unsigned char *code, size_t len, const char *text)
{
	unsigned char sector[512] = {[510] = 0x55, [511] = 0xaa};

	memcpy(sector, code, len);
	memcpy(sector + len, text, strlen(text));
	write_disk(f, sector);
}

static void make_xml(struct fixture *f, const char *extra)
{
	char text[1024];
	int n = snprintf(text, sizeof text,
			 "<domain><name>t</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>"
			 "<os><type machine='q35'>hvm</type></os><devices><disk><source file='%s'/>"
			 "<target dev='vda' bus='virtio'/></disk>%s</devices></domain>",
			 f->disk, extra);

	write_file(f->xml, text, (size_t)n);
}

static void tick(const char *what, void *opaque)
{
	struct fixture *f = opaque;

	assert_non_null(strstr(what, ", waiting for login"));
	f->ticks++;
}

static int boot(struct fixture *f, unsigned timeout)
{
	const struct boot_options options = {.xml = f->xml,
					     .folder = f->shots,
					     .wanted = BOOT_LOGIN,
					     .timeout = timeout,
					     .accel = &tcg,
					     .tick = tick,
					     .opaque = f};

	int ret = boot_prove(&options, &f->result, &f->err);

	if (ret < 0)
		print_message("%s\n", f->err.text);
	return ret;
}

static int set_up(void **state)
{
	static struct fixture f;

	f = (struct fixture){.folder = "/tmp/rehost-boot.XXXXXX"};
	if (!mkdtemp(f.folder))
		return -1;
	snprintf(f.xml, sizeof f.xml, "%s/t.xml", f.folder);
	snprintf(f.disk, sizeof f.disk, "%s/disk", f.folder);
	snprintf(f.shots, sizeof f.shots, "%s/shots", f.folder);
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	boot_result_done(&f->result);
	return file_remove_tree(AT_FDCWD, f->folder, NULL);
}

#define NEEDS_QEMU()                                                                                                   \
	do {                                                                                                           \
		if (!have_qemu()) {                                                                                    \
			print_message("SKIP: qemu-system-x86_64 is not installed\n");                                  \
			skip();                                                                                        \
		}                                                                                                      \
	} while (0)

static void test_login_on_the_serial_console(void **state)
{
	struct fixture *f = *state;
	AUTO(buf_done) struct buf log = BUF_INIT(4096);
	AUTO(buf_done) struct buf png = BUF_INIT(MIB);
	AUTO(js_freep) struct json *j = NULL;

	NEEDS_QEMU();
	make_disk(f, says_on_serial, sizeof says_on_serial, "[FAILED] one\r\nt login: ");
	make_xml(f, "<serial/><video/>");
	assert_int_equal(boot(f, 60), 0);
	assert_int_equal(f->result.level, BOOT_LOGIN);
	assert_string_equal(f->result.evidence, "serial console: 't login:'");
	assert_null(f->result.failure);
	assert_string_equal(f->result.name, "t");
	assert_int_equal(f->result.warnings.n, 1);
	assert_string_equal(f->result.warnings.v[0], "[FAILED] one");
	assert_int_equal(file_slurp(AT_FDCWD, f->result.serial_log, &log, NULL), 0);
	assert_non_null(strstr(buf_str(&log), "[FAILED] one\r\nt login: "));
	assert_true(f->result.screenshots.n >= 1);
	assert_int_equal(file_slurp(AT_FDCWD, f->result.screenshots.v[f->result.screenshots.n - 1], &png, NULL), 0);
	assert_memory_equal(png.data, "\x89PNG", 4);
	j = boot_result_json(&f->result);
	assert_string_equal(js_get_str(j, "level", ""), "login");
	assert_string_equal(js_str(js_at(js_get(j, "warnings"), 0), ""), "[FAILED] one");
	assert_int_equal(js_count(js_get(j, "screenshots")), f->result.screenshots.n);
}

/* A converted Windows has neither a login prompt nor, perhaps, an agent. */
static void test_the_first_boot_of_windows(void **state)
{
	struct fixture *f = *state;

	NEEDS_QEMU();
	make_disk(f, says_on_serial, sizeof says_on_serial,
		  "rehost first boot: started\r\nrehost first boot: failed 50-foreign-tools=late\r\n");
	make_xml(f, "<serial/>");
	assert_int_equal(boot(f, 60), 0);
	assert_int_equal(f->result.level, BOOT_LOGIN);
	assert_string_equal(f->result.evidence, "serial console: 'rehost first boot: failed 50-foreign-tools=late'");
	assert_int_equal(f->result.warnings.n, 1);
	assert_string_equal(f->result.warnings.v[0], "rehost first boot: failed 50-foreign-tools=late");
}

static void test_login_on_the_screen(void **state)
{
	struct fixture *f = *state;

	NEEDS_QEMU();
	make_disk(f, says_on_screen, sizeof says_on_screen, "\r\nt login: ");
	make_xml(f, "<video/>");
	assert_int_equal(boot(f, 60), 0);
	assert_string_equal(f->result.evidence, "screen: 't login:'");
	assert_null(f->result.serial_log);
}

/* The XML names where the result will stand; it still stands elsewhere. */
static void test_disks_of_another_folder(void **state)
{
	struct fixture *f = *state;
	char there[64];
	const struct boot_options options = {
	    .xml = f->xml, .disks = there, .wanted = BOOT_LOGIN, .timeout = 60, .accel = &tcg};

	make_disk(f, says_on_serial, sizeof says_on_serial, "t login: ");
	strcpy(there, f->folder);
	snprintf(f->disk, sizeof f->disk, "/no/such/folder/disk");
	make_xml(f, "<serial/>");
	assert_int_equal(boot_prove(&options, &f->result, &f->err), 0);
}

static void test_a_disk_without_a_loader(void **state)
{
	struct fixture *f = *state;

	NEEDS_QEMU();
	write_file(f->disk, "nothing", 7);
	make_xml(f, "<serial/><video/>");
	assert_int_equal(boot(f, 60), -1);
	assert_int_equal(f->err.code, ERR_BOOT);
	assert_string_equal(f->result.failure, "screen: 'No bootable device.'");
	assert_non_null(strstr(f->err.text, "boot proof of 't': reached firmware in "));
	assert_non_null(strstr(f->err.text, " s, expected login: screen: 'No bootable device.'"));
	assert_non_null(strstr(f->result.screenshots.v[f->result.screenshots.n - 1], "/failure.png"));
}

/* Running on is no proof. */
static void test_silence_is_no_success(void **state)
{
	struct fixture *f = *state;

	NEEDS_QEMU();
	make_disk(f, says_on_serial, sizeof says_on_serial, "nothing of interest\r\n");
	make_xml(f, "<serial/><channel><target name='org.qemu.guest_agent.0'/></channel>");
	assert_int_equal(boot(f, 3), -1);
	assert_int_equal(f->err.code, ERR_BOOT);
	assert_int_equal(f->result.level, BOOT_LEVEL_UNKNOWN);
	assert_string_equal(f->result.evidence, "nothing was seen");
	assert_string_equal(f->result.failure, "login unproven: no guest agent answered, no login prompt on the serial "
					       "console, there is no screen");
	assert_true(f->ticks >= 1);
	assert_int_equal(f->result.screenshots.n, 0);
}

static void test_a_machine_that_keeps_resetting(void **state)
{
	struct fixture *f = *state;

	NEEDS_QEMU();
	make_disk(f, resets, sizeof resets, "");
	make_xml(f, "<serial/>");
	assert_int_equal(boot(f, 120), -1);
	assert_non_null(strstr(f->result.failure, "the machine was reset "));
}

/* Writes its own first sector back with the text changed (int 13h, AH=03), and says "t login: " when that went well. */
static void make_disk_that_writes(struct fixture *f, unsigned char sector[512])
{
	static const unsigned char writes[] = {
	    0xfc, 0x31, 0xc0, 0x8e, 0xd8, 0x8e, 0xc0, /* ds = es = 0 */
	    0xbc, 0x00, 0x7c,			      /* mov sp, 0x7c00 */
	    0xc6, 0x06, 0xf0, 0x7d, 0x58,	      /* mov byte [0x7df0], 'X' */
	    0xb8, 0x01, 0x03, 0xbb, 0x00, 0x7c,	      /* write one sector from 0x7c00 */
	    0xb9, 0x01, 0x00, 0xb6, 0x00, 0xcd, 0x13, /* cylinder 0, sector 1, head 0 */
	    0xba, 0xf8, 0x03, 0x72, 0x1d,	      /* mov dx, COM1; jc end */
	    0xbe, 0x28, 0x7c,			      /* mov si, text at 0x28 */
	    0xeb, 0x10,				      /* jmp say, at 0x36 */
	};

	memset(sector, 0, 512);
	sector[510] = 0x55;
	sector[511] = 0xaa;
	memcpy(sector, writes, sizeof writes);
	memcpy(sector + 0x28, "t login: ", 10);
	memcpy(sector + 0x36, (const unsigned char[]){0xac, 0x84, 0xc0, 0x74, 0x03, 0xee, 0xeb, 0xf8, 0xf4, 0xeb, 0xfd},
	       11);
	write_disk(f, sector);
	make_xml(f, "<serial/>");
}

static void test_the_disk_is_not_written(void **state)
{
	unsigned char sector[512], after[512];
	struct fixture *f = *state;
	int fd;

	NEEDS_QEMU();
	make_disk_that_writes(f, sector);
	assert_int_equal(boot(f, 60), 0);
	fd = open(f->disk, O_RDONLY);
	assert_int_equal(file_pread(fd, after, sizeof after, 0, NULL), 0);
	close(fd);
	assert_memory_equal(after, sector, sizeof sector);
}

/* The place for what the guest writes is a file system of its own here, with room for an overlay without data. */
static void test_no_space_for_the_overlay(void **state)
{
	unsigned char sector[512];
	struct fixture *f = *state;
	char tmp[100];

	NEEDS_QEMU();
	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
		print_message("SKIP: may not mount\n");
		skip();
	}
	snprintf(tmp, sizeof tmp, "%s/tmp", f->folder);
	assert_int_equal(mkdir(tmp, 0700), 0);
	make_disk_that_writes(f, sector);
	assert_int_equal(mount("none", tmp, "tmpfs", 0, "size=288k"), 0);
	setenv("TMPDIR", tmp, 1);
	assert_int_equal(boot(f, 120), -1);
	unsetenv("TMPDIR");
	umount2(tmp, MNT_DETACH);
	assert_int_equal(f->err.code, ERR_TEMPFAIL);
	assert_non_null(strstr(f->err.text, "boot proof of 't': no space in '"));
}

/* Whether a process has the text in its command line. */
static bool runs(const char *text)
{
	AUTO(buf_done) struct buf out = BUF_INIT(64 * KIB);
	const char *const argv[] = {"pgrep", "-f", text, NULL};

	return child_run(argv, &out, NULL) == 0;
}

static void wait_until(const char *text, bool running)
{
	for (int i = 0; i < 100 && runs(text) != running; i++)
		usleep(50000);
	assert_int_equal(runs(text), running);
}

static void test_qemu_dies_with_us(void **state)
{
	struct fixture *f = *state;
	char drive[128];
	pid_t pid;

	NEEDS_QEMU();
	make_disk(f, says_on_serial, sizeof says_on_serial, "");
	make_xml(f, "<serial/>");
	snprintf(drive, sizeof drive, "file=%s", f->disk);
	pid = fork();
	if (pid == 0) {
		boot(f, 60);
		_exit(0);
	}
	wait_until(drive, true);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	wait_until(drive, false);
}

static void test_what_stops_before_qemu(void **state)
{
	struct fixture *f = *state;
	char expected[512];

	assert_int_equal(boot(f, 5), -1);
	snprintf(expected, sizeof expected, "cannot open '%s': No such file or directory", f->xml);
	assert_string_equal(f->err.text, expected);
	assert_int_equal(f->err.code, ERR_UNREADABLE);
	make_xml(f, "");
	assert_int_equal(boot(f, 5), -1);
	snprintf(expected, sizeof expected, "%s: disk 'vda': cannot open '%s': No such file or directory", f->xml,
		 f->disk);
	assert_string_equal(f->err.text, expected);
}

static void test_qemu_that_does_not_start(void **state)
{
	struct fixture *f = *state;

	NEEDS_QEMU();
	write_file(f->disk, "x", 1);
	make_xml(f, "<interface><mac address='no mac'/><model type='virtio'/></interface>");
	assert_int_equal(boot(f, 5), -1);
	assert_int_equal(f->err.code, ERR_HOST);
	assert_non_null(strstr(f->err.text, "boot proof of 't': qemu did not start: "));
	assert_non_null(strstr(f->err.text, "no mac"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_login_on_the_serial_console, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_the_first_boot_of_windows, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_login_on_the_screen, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_disks_of_another_folder, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_a_disk_without_a_loader, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_silence_is_no_success, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_a_machine_that_keeps_resetting, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_the_disk_is_not_written, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_no_space_for_the_overlay, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_qemu_dies_with_us, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_what_stops_before_qemu, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(test_qemu_that_does_not_start, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
