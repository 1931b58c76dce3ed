/* Boot proof: starts a libvirt domain on a throw-away overlay and says how far it got, with evidence. */
#include "run/proof/boot.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "core/base/checked.h"
#include "core/base/child.h"
#include "core/base/clock.h"
#include "core/base/file.h"
#include "core/base/log.h"
#include "run/proof/agent.h"
#include "run/proof/evidence.h"
#include "run/proof/images.h"
#include "run/proof/qemu_args.h"
#include "run/proof/qmp.h"
#include "run/proof/vgatext.h"

enum {
	DEFAULT_TIMEOUT_S = 300, /* an emulated Debian takes 30 to 90 */
	LOOK_EVERY_MS = 2000,	 /* screen and CPU; the consoles are read as they write */
	SETTLE_MS = 5000,	 /* how long the screen may lag behind the serial console before its picture is taken */
	RESETS_MAX = 8,		 /* first boots reset once or twice (boot entries, relabelling) */
	XML_MAX = 4 << 20,
	SCREEN_MAX = 64 << 10,
	ANSWER_MAX = 512 << 10,
};

/* qemu's side of our sockets. */
enum { QEMU_QMP_FD = 3, QEMU_SERIAL_FD, QEMU_AGENT_FD };

struct proof {
	const struct boot_options *o;
	struct boot_result *r;
	struct domain d;
	struct evidence e;
	struct qmp qmp;
	struct agent agent;
	pid_t pid;			/* 0: not started, or already waited for */
	int qmp_fd, serial_fd, said_fd; /* said: what qemu prints, a memory file */
	int folder_fd, log_fd;		/* -1: nothing is kept */
	uint64_t start, next_look;
	bool gone; /* qemu ended by itself */
};

static const char *const level_names[] = {"nothing", "firmware", "kernel", "login"};

const char *boot_level_name(enum boot_level l)
{
	return level_names[l];
}

enum boot_level boot_level_by_name(const char *name)
{
	for (unsigned i = BOOT_FIRMWARE; i <= BOOT_LOGIN; i++)
		if (!strcmp(name, level_names[i]))
			return (enum boot_level)i;
	return strcmp(name, "agent") == 0 ? BOOT_LOGIN : BOOT_LEVEL_UNKNOWN;
}

static double seconds(const struct proof *p)
{
	return (double)(clock_ms() - p->start) / 1000;
}

/* A result that stands elsewhere than where it will be: same names, another folder. */
static void move_disks(struct domain *d, const char *folder)
{
	VEC_FOR (disk, &d->disks)
		if (disk->source && !disk->cdrom)
			disk->source = arena_printf(&d->arena, "%s%s", folder, strrchr(disk->source, '/'));
}

static int load_domain(struct proof *p, struct err *err)
{
	AUTO(buf_done) struct buf text = BUF_INIT(XML_MAX);
	AUTO_FD int fd = open(p->o->xml, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_sys(err, ERR_UNREADABLE, "cannot open '%s'", p->o->xml);
	if (file_slurp_fd(fd, p->o->xml, &text, err) < 0 ||
	    domain_parse(buf_str(&text), text.len, p->o->xml, &p->d, err) < 0)
		return -1;
	p->r->name = arena_strdup(&p->r->arena, p->d.name);
	if (p->o->disks)
		move_disks(&p->d, p->o->disks);
	VEC_FOR (disk, &p->d.disks)
		if (disk->source && access(disk->source, R_OK) < 0)
			return err_sys(err, ERR_UNREADABLE, "%s: disk '%s': cannot open '%s'", p->o->xml, disk->target,
				       disk->source);
	return 0;
}

static int open_folder(struct proof *p, struct err *err)
{
	if (!p->o->folder)
		return 0;
	if (file_mkdirs(p->o->folder, err) < 0)
		return -1;
	p->folder_fd = file_open_dir(p->o->folder, err);
	if (p->folder_fd < 0)
		return -1;
	if (!p->d.serial)
		return 0;
	p->log_fd = openat(p->folder_fd, "serial.log", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (p->log_fd < 0)
		return err_sys(err, ERR_BLOCKED, "cannot write '%s/serial.log'", p->o->folder);
	p->r->serial_log = arena_printf(&p->r->arena, "%s/serial.log", p->o->folder);
	return 0;
}

/* The host's processor can run the board's programs itself. */
static bool is_native(enum board board)
{
	struct utsname host;

	return uname(&host) == 0 && !strcmp(host.machine, board_arch(board));
}

static int build_args(struct proof *p, const char *const **ret, struct err *err)
{
	struct accel probed;
	const struct accel *accel = p->o->accel;
	struct qemu_host host = {
	    .qmp_fd = QEMU_QMP_FD, .serial_fd = QEMU_SERIAL_FD, .agent_fd = QEMU_AGENT_FD, .code = p->d.loader};
	const char *vars = NULL;

	if (!accel && accel_probe(&probed, err) < 0)
		return -1;
	host.kvm = (accel ? accel->kvm : probed.kvm) && is_native(p->d.board);
	host.cpus_max = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
	/* Half of the memory: the rest of the host goes on working. */
	host.memory_max = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE) / 2;
	if (p->d.uefi && !(p->d.loader && p->d.nvram_template)) {
		if (qemu_firmware(p->d.board, p->d.secure_boot, &host.code, &vars, err) < 0)
			return -1;
	}
	host.vars = p->d.nvram_template && p->d.loader ? p->d.nvram_template : vars;
	return qemu_args(&p->d, &host, ret, err);
}

static void copy_notes(struct proof *p)
{
	VEC_FOR (note, &p->d.notes) {
		*vec_push(&p->r->arena, &p->r->notes) = arena_strdup(&p->r->arena, *note);
		log_info("%s: boot proof: %s", p->d.name, *note);
	}
}

/* The last line that qemu printed, without its program's name. */
static const char *qemu_said(struct proof *p)
{
	const char *program = qemu_program(p->d.board);
	AUTO(buf_done) struct buf text = BUF_INIT(64 * KIB);
	char *line;

	if (lseek(p->said_fd, 0, SEEK_SET) < 0 || file_slurp_fd(p->said_fd, "qemu's output", &text, NULL) < 0 ||
	    !text.len)
		return "it said nothing";
	while (text.len && strchr("\r\n", text.data[text.len - 1]))
		text.data[--text.len] = '\0';
	line = strrchr(text.data, '\n');
	line = line ? line + 1 : text.data;
	if (!strncmp(line, program, strlen(program)) && !strncmp(line + strlen(program), ": ", 2))
		line += strlen(program) + 2;
	return arena_strdup(&p->r->arena, line);
}

static int start_with(struct proof *p, const char *const *argv, int qmp[2], int serial[2], int agent[2],
		      struct err *err)
{
	const struct child_fd fds[] = {{qmp[1], QEMU_QMP_FD},
				       {serial[1], QEMU_SERIAL_FD},
				       {agent[1], QEMU_AGENT_FD},
				       {p->said_fd, STDOUT_FILENO},
				       {p->said_fd, STDERR_FILENO}};
	const struct child_spec spec = {.argv = argv, .fds = fds, .nfds = sizeof fds / sizeof *fds};
	pid_t pid = child_start(&spec, err);

	close(qmp[1]);
	close(serial[1]);
	close(agent[1]);
	p->qmp_fd = qmp[0];
	p->serial_fd = serial[0];
	p->agent.fd = agent[0];
	if (pid < 0)
		return err_wrap(err, "boot proof (apt-get install %s)", qemu_package(p->d.board));
	p->pid = pid;
	return 0;
}

static int start_qemu(struct proof *p, struct err *err)
{
	const int kind = SOCK_STREAM | SOCK_CLOEXEC;
	int qmp[2], serial[2], agent[2];
	const char *const *argv;

	if (build_args(p, &argv, err) < 0)
		return err_wrap(err, "%s", p->o->xml);
	copy_notes(p);
	for (const char *const *a = argv; *a; a++)
		log_debug("boot proof: argument %s", *a);
	p->said_fd = memfd_create("qemu-output", MFD_CLOEXEC);
	if (p->said_fd < 0 || socketpair(AF_UNIX, kind, 0, qmp) < 0)
		return err_sys(err, ERR_HOST, "cannot make a channel to qemu");
	if (socketpair(AF_UNIX, kind, 0, serial) < 0) {
		close(qmp[0]);
		close(qmp[1]);
		return err_sys(err, ERR_HOST, "cannot make a channel to qemu");
	}
	if (socketpair(AF_UNIX, kind, 0, agent) < 0) {
		close(qmp[0]);
		close(qmp[1]);
		close(serial[0]);
		close(serial[1]);
		return err_sys(err, ERR_HOST, "cannot make a channel to qemu");
	}
	return start_with(p, argv, qmp, serial, agent, err);
}

/* Reads the serial port until nothing more is there. */
static void read_serial(struct proof *p)
{
	char data[8192];
	ssize_t n;

	while (p->serial_fd >= 0 && (n = recv(p->serial_fd, data, sizeof data, MSG_DONTWAIT)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return;
		evidence_serial(&p->e, data, (size_t)n);
		if (p->log_fd >= 0 && file_write(p->log_fd, data, (size_t)n, NULL) < 0) {
			log_warn("boot proof: cannot write serial.log: %s", strerror(errno));
			p->log_fd = (close(p->log_fd), -1);
		}
	}
}

/* Keeps a picture of the screen; a machine without one has none. */
static void screenshot(struct proof *p, const char *name)
{
	struct err err = ERR_INIT;
	struct json *arguments;
	char *path;

	if (!p->o->folder || !p->d.video || p->gone)
		return;
	path = arena_printf(&p->r->arena, "%s/%s.png", p->o->folder, name);
	arguments = js_object();
	js_set_str(arguments, "filename", path);
	js_set_str(arguments, "format", "png");
	if (qmp_run(&p->qmp, "screendump", arguments, NULL, &err) < 0)
		log_warn("boot proof: no screenshot: %s", err.text);
	else
		*vec_push(&p->r->arena, &p->r->screenshots) = path;
}

/* The text on the screen, "" when it shows graphics, as it always does without VGA. */
static int read_screen(struct proof *p, struct buf *rows, struct err *err)
{
	AUTO(buf_done) struct buf answer = BUF_INIT(ANSWER_MAX);

	if (!p->d.video || p->d.board == BOARD_VIRT)
		return 0;
	if (qmp_human(&p->qmp, VGATEXT_COMMAND, &answer, err) < 0)
		return -1;
	return vgatext_decode(buf_str(&answer), rows) < 0 ? err_nomem(err) : 0;
}

static int look(struct proof *p, struct err *err)
{
	AUTO(buf_done) struct buf registers = BUF_INIT(ANSWER_MAX);
	AUTO(buf_done) struct buf rows = BUF_INIT(SCREEN_MAX);

	if (qmp_human(&p->qmp, "info registers", &registers, err) < 0 || read_screen(p, &rows, err) < 0)
		return -1;
	evidence_cpu(&p->e, buf_str(&registers));
	evidence_screen(&p->e, buf_str(&rows));
	return 0;
}

/* Waits for the consoles at most ms, then takes in everything that came. -1: qemu is gone. */
static int pump(struct proof *p, int ms, struct err *err)
{
	struct pollfd fds[] = {{.fd = p->serial_fd, .events = POLLIN},
			       {.fd = p->agent.fd, .events = POLLIN},
			       {.fd = p->qmp_fd, .events = POLLIN}};

	if (poll(fds, sizeof fds / sizeof *fds, ms) < 0 && errno != EINTR)
		return err_sys(err, ERR_INTERNAL, "cannot wait for qemu");
	read_serial(p);
	if (agent_poll(&p->agent, clock_ms()))
		evidence_agent(&p->e);
	if (qmp_poll(&p->qmp, err) < 0)
		return -1;
	if (clock_ms() >= p->next_look) {
		if (look(p, err) < 0)
			return -1;
		p->next_look = clock_ms() + LOOK_EVERY_MS;
	}
	return 0;
}

/* A phase of its own for each level; how long it takes is the terminal's to say. */
static void tell(struct proof *p)
{
	char words[160];

	if (!p->o->tick)
		return;
	if (p->e.level == BOOT_LEVEL_UNKNOWN)
		snprintf(words, sizeof words, "started, waiting for %s", boot_level_name(p->o->wanted));
	else
		snprintf(words, sizeof words, "%s reached after %.0f s, waiting for %s", boot_level_name(p->e.level),
			 seconds(p), boot_level_name(p->o->wanted));
	p->o->tick(words, p->o->opaque);
}

/* The serial console is quicker than the screen: the picture of a login should show one. */
static void settle(struct proof *p)
{
	uint64_t end = clock_ms() + SETTLE_MS;

	while (p->d.video && p->o->folder && clock_ms() < end) {
		AUTO(buf_done) struct buf rows = BUF_INIT(SCREEN_MAX);

		if (read_screen(p, &rows, NULL) < 0 || strstr(buf_str(&rows), " login:"))
			return;
		if (!rows.len)
			end = min_u64(end, clock_ms() + 2000);
		read_serial(p);
		poll(NULL, 0, 250);
	}
}

static void new_level(struct proof *p)
{
	p->r->level = p->e.level;
	p->r->seconds = seconds(p);
	log_info("%s: boot proof: %s after %.0f s: %s", p->d.name, boot_level_name(p->e.level), p->r->seconds,
		 p->e.proof);
	if (p->e.level == BOOT_LOGIN)
		settle(p);
	screenshot(p, boot_level_name(p->e.level));
}

/* Why a machine that is still there gets no further. */
static bool is_stuck(struct proof *p)
{
	if (!p->e.failure[0] && p->qmp.panicked)
		snprintf(p->e.failure, sizeof p->e.failure, "the guest reported a panic");
	if (!p->e.failure[0] && p->qmp.resets > RESETS_MAX)
		snprintf(p->e.failure, sizeof p->e.failure, "the machine was reset %u times", p->qmp.resets);
	return p->e.failure[0];
}

/* The channel to qemu broke: because the guest switched the machine off, or because something went wrong. */
static void ended_early(struct proof *p, const struct err *why)
{
	p->gone = true;
	read_serial(p);
	if (p->e.failure[0])
		return;
	if (p->qmp.shutdown)
		snprintf(p->e.failure, sizeof p->e.failure, "the machine switched itself off");
	else
		snprintf(p->e.failure, sizeof p->e.failure, "%.100s: %.200s", why->text, qemu_said(p));
}

static void watch(struct proof *p)
{
	uint64_t end = p->start + (uint64_t)(p->o->timeout ? p->o->timeout : DEFAULT_TIMEOUT_S) * 1000;

	tell(p);
	while (clock_ms() < end) {
		struct err why = ERR_INIT;
		bool new = false;

		if (pump(p, 200, &why) < 0)
			ended_early(p, &why);
		if (p->e.level > p->r->level) {
			new_level(p);
			new = true;
		}
		if (p->e.level >= p->o->wanted || p->gone || p->qmp.write_error[0] || is_stuck(p))
			return;
		if (new)
			tell(p);
	}
}

static void stop_qemu(struct proof *p)
{
	int status;

	if (p->pid) {
		kill(p->pid, SIGKILL);
		child_wait(p->pid, &status, NULL);
	}
	qmp_done(&p->qmp);
	for (size_t i = 0; i < 6; i++) {
		int fd = (const int[]){p->qmp_fd, p->serial_fd, p->agent.fd, p->said_fd, p->folder_fd, p->log_fd}[i];

		if (fd >= 0)
			close(fd);
	}
	domain_done(&p->d);
}

/* What is missing when nothing failed and nothing came either. */
static char *unproven(struct proof *p)
{
	return arena_printf(&p->r->arena, "%s unproven: %s, %s, %s", boot_level_name(p->o->wanted),
			    p->d.agent ? "no guest agent answered" : "there is no channel for a guest agent",
			    p->d.serial ? "no login prompt on the serial console" : "there is no serial console",
			    p->d.video ? "none in text on the screen" : "there is no screen");
}

/* The guest's disks are overlays in a file of ours: what these can't take says nothing of the guest. */
static int overlay_failed(struct proof *p, struct err *err)
{
	struct err why = ERR_INIT;

	err_record(&why, p->qmp.no_space ? ERR_TEMPFAIL : ERR_HOST, "%s '%s' for what the guest writes: %s",
		   p->qmp.no_space ? "no space in" : "cannot write to", file_tmpdir(), p->qmp.write_error);
	p->r->failure = arena_strdup(&p->r->arena, why.text);
	return err_set(err, why.code, "boot proof of '%s': %s", p->d.name, why.text);
}

static int verdict(struct proof *p, struct err *err)
{
	struct boot_result *r = p->r;

	for (unsigned i = 0; i < p->e.nwarnings; i++)
		*vec_push(&r->arena, &r->warnings) = arena_strdup(&r->arena, p->e.warnings[i]);
	r->level = p->e.level;
	r->evidence = arena_strdup(&r->arena, p->e.level ? p->e.proof : "nothing was seen");
	if (r->level >= p->o->wanted)
		return 0;
	r->seconds = seconds(p);
	if (p->qmp.write_error[0])
		return overlay_failed(p, err);
	r->failure = p->e.failure[0] ? arena_strdup(&r->arena, p->e.failure) : unproven(p);
	screenshot(p, "failure");
	return err_set(err, ERR_BOOT, "boot proof of '%s': reached %s in %.0f s, expected %s: %s", p->d.name,
		       boot_level_name(r->level), r->seconds, boot_level_name(p->o->wanted), r->failure);
}

static int prove(struct proof *p, struct err *err)
{
	if (load_domain(p, err) < 0 || proof_open_images(&p->d, p->o->allow_parent, err) < 0 || open_folder(p, err) < 0)
		return -1;
	p->start = clock_ms();
	if (start_qemu(p, err) < 0)
		return -1;
	if (qmp_open(&p->qmp, p->qmp_fd, err) < 0)
		return err_set(err, ERR_HOST, "boot proof of '%s': qemu did not start: %s", p->d.name, qemu_said(p));
	watch(p);
	return verdict(p, err);
}

int boot_prove(const struct boot_options *options, struct boot_result *ret, struct err *err)
{
	struct proof p = {
	    .o = options, .r = ret, .qmp_fd = -1, .serial_fd = -1, .said_fd = -1, .folder_fd = -1, .log_fd = -1};
	int status;

	*ret = (struct boot_result){.wanted = options->wanted};
	p.agent.fd = -1;
	status = prove(&p, err);
	stop_qemu(&p);
	return status;
}

void boot_result_done(struct boot_result *r)
{
	arena_done(&r->arena);
}

struct json *boot_result_json(const struct boot_result *r)
{
	struct json *j = js_object(), *list;

	js_set_str(j, "name", r->name);
	js_set_str(j, "level", boot_level_name(r->level));
	js_set_str(j, "wanted", boot_level_name(r->wanted));
	js_set_str(j, "evidence", r->evidence);
	js_set_str(j, "failure", r->failure);
	js_set_real(j, "seconds", r->seconds);
	list = js_set(j, "screenshots", js_array());
	VEC_FOR (path, &r->screenshots)
		js_add_str(list, *path);
	js_set_str(j, "serial_log", r->serial_log);
	list = js_set(j, "warnings", js_array());
	VEC_FOR (warning, &r->warnings)
		js_add_str(list, *warning);
	list = js_set(j, "notes", js_array());
	VEC_FOR (note, &r->notes)
		js_add_str(list, *note);
	return j;
}
