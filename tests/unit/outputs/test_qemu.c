/* The start script: what the shell makes of it (with a stand-in for QEMU that prints its words), and QEMU itself. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/base/child.h"
#include "core/base/cleanup.h"
#include "core/base/file.h"
#include "outputs/output.h"
#include "tests/unit/outputs/job.h"

struct place {
	char dir[40];
	int fd;
};

static void place_new(struct place *p)
{
	snprintf(p->dir, sizeof p->dir, "/tmp/rehost-qemu-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	p->fd = open(p->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(p->fd >= 0);
}

static void place_done(struct place *p)
{
	close(p->fd);
	file_remove_tree(AT_FDCWD, p->dir, NULL);
}

static void write_script(struct job_fixture *f, const struct place *p)
{
	struct err err = ERR_INIT;

	f->job.dirfd = p->fd;
	if (output_by_name("qemu")->write(&f->job, &err) < 0)
		fail_msg("%s", err.text);
}

/* What the script hands to QEMU, a word a line. */
static void words_for(const struct place *p, const char *program, struct buf *out)
{
	static const char fake[] = "#!/bin/sh\nfor w; do echo \"$w\"; done\n";
	char path[300], script[80];
	struct err err = ERR_INIT;

	assert_int_equal(file_replace(p->fd, program, fake, sizeof fake - 1, 0755, &err), 0);
	snprintf(path, sizeof path, "PATH=%s:/usr/bin:/bin", p->dir);
	snprintf(script, sizeof script, "%s/web01.sh", p->dir);
	if (child_run((const char *const[]){"env", path, script, "-extra", NULL}, out, &err) != 0)
		fail_msg("%s%s", err.text, buf_str(out));
}

static void words(const struct place *p, struct buf *out)
{
	words_for(p, "qemu-system-x86_64", out);
}

static void must_have(const struct buf *out, const char *text)
{
	if (!strstr(buf_str(out), text))
		fail_msg("no %s in\n%s", text, buf_str(out));
}

static void a_bios_guest(void **state)
{
	AUTO(job_done) struct job_fixture f;
	AUTO(place_done) struct place p;
	AUTO(buf_done) struct buf out = BUF_INIT(1 << 20);

	place_new(&p);
	job_init(&f);
	f.m->disks.v[0].policy.iops = 80;
	vec_push(&f.m->arena, &f.m->removables)->kind = REMOVABLE_CDROM;
	write_script(&f, &p);
	words(&p, &out);
	must_have(&out, "-name\nweb01\n-machine\nq35\n-accel\nkvm\n-accel\ntcg\n-cpu\nmax\n-m\n1024\n-smp\n2\n"
			"-uuid\n564d1122-3344-5566-7788-99aabbccddee\n-rtc\nbase=utc\n");
	must_have(&out, "-drive\nif=none,id=disk0,format=qcow2,discard=unmap,throttling.iops-total=80,"
			"throttling.bps-total=0,file=web01-sda.qcow2\n"
			"-device\nvirtio-blk-pci,drive=disk0,serial=707534d3-sda,bootindex=1\n");
	must_have(&out, "-device\nide-cd,bus=ide.0,drive=cd0\n");
	must_have(&out, "-netdev\nuser,id=net0\n-device\nvirtio-net-pci,netdev=net0,mac=00:50:56:aa:00:01\n");
	must_have(&out, "\n-extra\n");
	assert_int_equal(faccessat(p.fd, "web01.xml", R_OK, 0), 0);
	f.m->vcpus = 256;
	buf_clear(&out);
	write_script(&f, &p);
	words(&p, &out);
	must_have(&out, "-accel\nkvm,kernel-irqchip=split\n-device\nintel-iommu,intremap=on,eim=on\n-cpu\n");
}

static void words_stay_words(void **state)
{
	AUTO(job_done) struct job_fixture f;
	AUTO(place_done) struct place p;
	AUTO(buf_done) struct buf out = BUF_INIT(1 << 20);

	place_new(&p);
	job_init(&f);
	f.m->nics.v[0].target = arena_strdup(&f.m->arena, "br0,id=x $(touch pwned) `x` '\"\\");
	f.m->nics.v[0].target_kind = NET_BRIDGE;
	f.disks[0].file = "it's $HOME, too.qcow2";
	write_script(&f, &p);
	words(&p, &out);
	must_have(&out, "\nbridge,id=net0,br=br0,,id=x $(touch pwned) `x` '\"\\\n");
	must_have(&out, ",file=it's $HOME,, too.qcow2\n");
	assert_int_equal(faccessat(p.fd, "pwned", F_OK, 0), -1);
}

static void uefi_variables_are_kept_beside(void **state)
{
	AUTO(job_done) struct job_fixture f;
	AUTO(place_done) struct place p;
	AUTO(buf_done) struct buf out = BUF_INIT(1 << 20);
	struct stat st;

	if (access("/usr/share/OVMF/OVMF_VARS_4M.ms.fd", R_OK) < 0) {
		print_message("SKIP: the package ovmf is not installed\n");
		skip();
	}
	place_new(&p);
	job_init(&f);
	f.job.firmware = FIRMWARE_UEFI;
	f.m->secure_boot = TRI_YES;
	write_script(&f, &p);
	words(&p, &out);
	must_have(&out, "-machine\nq35,smm=on\n");
	must_have(&out, "-global\ndriver=cfi.pflash01,property=secure,value=on\n");
	must_have(&out, "file=/usr/share/OVMF/OVMF_CODE_4M.secboot.fd\n-drive\n"
			"if=pflash,unit=1,format=raw,file=web01_VARS.fd\n");
	assert_int_equal(fstatat(p.fd, "web01_VARS.fd", &st, 0), 0);
	assert_int_equal(file_replace(p.fd, "web01_VARS.fd", "mine", 4, 0644, NULL), 0);
	words(&p, &out);
	assert_int_equal(fstatat(p.fd, "web01_VARS.fd", &st, 0), 0);
	assert_int_equal(st.st_size, 4); /* not overwritten by the second start */
}

static void a_windows_guest(void **state)
{
	AUTO(job_done) struct job_fixture f;
	AUTO(place_done) struct place p;
	AUTO(buf_done) struct buf out = BUF_INIT(1 << 20);

	place_new(&p);
	job_init(&f);
	f.i->os.family = OS_WINDOWS;
	f.i->os.major = 6;
	f.i->os.minor = 1;
	write_script(&f, &p);
	words(&p, &out);
	must_have(&out, "-machine\nq35,vmport=off\n");
	must_have(&out, "-cpu\nmax,hv-relaxed,hv-vapic,hv-spinlocks=8191,hv-runtime,hv-time,hv-reset,hv-frequencies\n");
	must_have(&out, "-rtc\nbase=localtime\n");
	must_have(&out, "-device\npiix3-usb-uhci\n-device\nusb-tablet\n");
	f.i->os.major = 5;
	f.i->os.clock = CLOCK_UTC;
	f.caps.board = BOARD_PC;
	buf_clear(&out);
	write_script(&f, &p);
	words(&p, &out);
	must_have(&out, "-machine\npc,vmport=off\n");
	must_have(&out, "-cpu\nmax\n");
	must_have(&out, "-rtc\nbase=utc\n");
	f.i->os.clock = CLOCK_LOCALTIME;
	f.m->clock = CLOCK_VARIABLE;
	f.m->clock_adjustment = -1000000000; /* more than thirty years ago */
	buf_clear(&out);
	write_script(&f, &p);
	words(&p, &out);
	must_have(&out, "-rtc\nbase=19");
}

static void an_arm64_guest(void **state)
{
	AUTO(job_done) struct job_fixture f;
	AUTO(place_done) struct place p;
	AUTO(buf_done) struct buf out = BUF_INIT(1 << 20);

	if (access("/usr/share/AAVMF/AAVMF_CODE.fd", R_OK) < 0) {
		print_message("SKIP: the package qemu-efi-aarch64 is not installed\n");
		skip();
	}
	place_new(&p);
	job_init(&f);
	f.caps.board = BOARD_VIRT;
	f.job.firmware = FIRMWARE_UEFI;
	write_script(&f, &p);
	words_for(&p, "qemu-system-aarch64", &out);
	must_have(&out, "-machine\nvirt,gic-version=max\n");
	must_have(&out, "file=/usr/share/AAVMF/AAVMF_CODE.fd\n");
	must_have(&out, "-device\nvirtio-gpu-pci\n-device\nqemu-xhci\n-device\nusb-tablet\n-device\nusb-kbd\n");
	assert_null(strstr(buf_str(&out), "-vga"));
	f.m->secure_boot = TRI_YES;
	buf_clear(&out);
	write_script(&f, &p);
	words_for(&p, "qemu-system-aarch64", &out);
	must_have(&out, "file=/usr/share/AAVMF/AAVMF_CODE.ms.fd\n");
	assert_null(strstr(buf_str(&out), "smm"));
	assert_null(strstr(buf_str(&out), "property=secure"));
}

/* QEMU reads the whole command line, opens the disks, and is told to quit before the first instruction. */
static void qemu_takes(struct job_fixture *f, const struct place *p)
{
	AUTO(buf_done) struct buf out = BUF_INIT(1 << 20);
	struct err err = ERR_INIT;
	char command[300];

	write_script(f, p);
	for (size_t i = 0; i < f->job.ndisks; i++) {
		snprintf(command, sizeof command, "%s/%s", p->dir, f->disks[i].file);
		assert_int_equal(
		    child_run((const char *const[]){"qemu-img", "create", "-q", "-f", "qcow2", command, "16M", NULL},
			      &out, &err),
		    0);
	}
	snprintf(command, sizeof command,
		 "cd %s && sed -i 's/-accel kvm //' web01.sh && echo quit | "
		 "timeout 60 ./web01.sh -S -display none -monitor stdio",
		 p->dir);
	if (child_run((const char *const[]){"sh", "-c", command, NULL}, &out, &err) != 0)
		fail_msg("%s%s", err.text, buf_str(&out));
}

static void qemu_takes_every_bus(void **state)
{
	static const struct caps kinds[] = {
	    {.disk = DISK_BUS_VIRTIO_BLK,
	     .net = NET_BUS_VIRTIO,
	     .board = BOARD_Q35,
	     .rng = true,
	     .balloon = true,
	     .agent_channel = true,
	     .virtio_gpu = true},
	    {.disk = DISK_BUS_VIRTIO_SCSI, .net = NET_BUS_VIRTIO, .board = BOARD_Q35},
	    {.disk = DISK_BUS_SATA, .net = NET_BUS_E1000E, .board = BOARD_Q35},
	    {.disk = DISK_BUS_PVSCSI, .net = NET_BUS_VMXNET3, .board = BOARD_Q35},
	    {.disk = DISK_BUS_LSISAS, .net = NET_BUS_E1000, .board = BOARD_Q35},
	    {.disk = DISK_BUS_IDE, .net = NET_BUS_RTL8139, .board = BOARD_PC},
	    {.disk = DISK_BUS_SATA, .net = NET_BUS_E1000, .board = BOARD_PC},
	    {.disk = DISK_BUS_VIRTIO_BLK, .net = NET_BUS_VIRTIO, .board = BOARD_VIRT, .virtio_gpu = true, .rng = true},
	    {.disk = DISK_BUS_SATA, .net = NET_BUS_E1000E, .board = BOARD_VIRT},
	};

	if (access("/usr/bin/qemu-system-x86_64", X_OK) < 0) {
		print_message("SKIP: qemu-system-x86_64 is not installed\n");
		skip();
	}
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		AUTO(job_done) struct job_fixture f;
		AUTO(place_done) struct place p;

		if (kinds[i].board == BOARD_VIRT && (access("/usr/bin/qemu-system-aarch64", X_OK) < 0 ||
						     access("/usr/share/AAVMF/AAVMF_CODE.fd", R_OK) < 0)) {
			print_message("SKIP: qemu-system-aarch64 or its firmware is not installed\n");
			continue;
		}
		place_new(&p);
		job_init(&f);
		f.caps = kinds[i];
		f.job.firmware = kinds[i].board == BOARD_VIRT ? FIRMWARE_UEFI : FIRMWARE_BIOS;
		f.m->memory = 64 * MIB;
		vec_push(&f.m->arena, &f.m->removables)->kind = REMOVABLE_CDROM;
		for (unsigned more = 0; more < (kinds[i].disk == DISK_BUS_IDE ? 2 : 7); more++)
			job_add_disk(&f);
		machine_complete(f.m);
		qemu_takes(&f, &p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_bios_guest),
	    cmocka_unit_test(words_stay_words),
	    cmocka_unit_test(uefi_variables_are_kept_beside),
	    cmocka_unit_test(a_windows_guest),
	    cmocka_unit_test(an_arm64_guest),
	    cmocka_unit_test(qemu_takes_every_bus),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
