/* Evidence: from what a machine shows (serial console, screen, CPU, guest agent) to how far it booted. */
#include "run/proof/evidence.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum match {
	MATCH_UNKNOWN = 0,
	MATCH_INSIDE, /* anywhere in the line */
	MATCH_WHOLE,  /* the line but for spaces at its ends: a prompt that waits */
	MATCH_LOGIN,  /* "HOST login:" at the start, whatever the kernel wrote behind it */
};

/* First hit wins, so what looks like something else stands before it. */
static const struct {
	enum match match;
	const char *text;
	enum boot_level level;
	bool failure;
} patterns[] = {
    {MATCH_LOGIN, " login:", BOOT_LOGIN, false},

    /* OVMF's shell is what it starts when no disk has a loader. */
    {MATCH_INSIDE, "\"EFI Internal Shell\"", BOOT_LEVEL_UNKNOWN, true},
    {MATCH_WHOLE, "Shell>", BOOT_LEVEL_UNKNOWN, true},
    {MATCH_INSIDE, "BdsDxe: No bootable option", BOOT_LEVEL_UNKNOWN, true},
    {MATCH_INSIDE, "No bootable device", BOOT_LEVEL_UNKNOWN, true},
    {MATCH_INSIDE, "Missing operating system", BOOT_LEVEL_UNKNOWN, true},
    {MATCH_INSIDE, "Operating System not found", BOOT_LEVEL_UNKNOWN, true},
    {MATCH_WHOLE, "grub rescue>", BOOT_FIRMWARE, true},
    {MATCH_WHOLE, "grub>", BOOT_FIRMWARE, true},
    {MATCH_INSIDE, "BOOTMGR is missing", BOOT_FIRMWARE, true},

    {MATCH_INSIDE, "does not exist.  Dropping to a shell!", BOOT_KERNEL, true},
    {MATCH_WHOLE, "(initramfs)", BOOT_KERNEL, true},
    {MATCH_INSIDE, "Kernel panic - not syncing", BOOT_KERNEL, true},
    {MATCH_INSIDE, "No init found", BOOT_KERNEL, true},
    {MATCH_INSIDE, "You are in emergency mode", BOOT_KERNEL, true},
    {MATCH_INSIDE, "You are in rescue mode", BOOT_KERNEL, true},
    {MATCH_INSIDE, "Cannot open access to console", BOOT_KERNEL, true},
    {MATCH_INSIDE, "for maintenance", BOOT_KERNEL, true},
    {MATCH_INSIDE, "Warning: Could not boot", BOOT_KERNEL, true},
    {MATCH_INSIDE, "Entering emergency mode", BOOT_KERNEL, true},

    {MATCH_INSIDE, "Linux version ", BOOT_KERNEL, false},
    {MATCH_INSIDE, "Run /init as init process", BOOT_KERNEL, false},
    {MATCH_INSIDE, "Begin: Running /scripts", BOOT_KERNEL, false},
    {MATCH_INSIDE, "Gave up waiting for ", BOOT_KERNEL, false},
    {MATCH_INSIDE, "systemd[1]: ", BOOT_KERNEL, false},

    {MATCH_INSIDE, "BdsDxe: starting Boot", BOOT_FIRMWARE, false},
    {MATCH_INSIDE, "Booting from Hard Disk", BOOT_FIRMWARE, false},
    {MATCH_INSIDE, "GRUB", BOOT_FIRMWARE, false},
    {MATCH_INSIDE, "Loading Linux ", BOOT_FIRMWARE, false},
    {MATCH_INSIDE, "Loading initial ramdisk", BOOT_FIRMWARE, false},
    {MATCH_INSIDE, "SYSLINUX", BOOT_FIRMWARE, false},
};

/* A login prompt begins with a host name, which has no spaces. */
static bool is_login(const char *line, const char *text)
{
	size_t host = strcspn(line, " ");

	return host && !strncmp(line + host, text, strlen(text));
}

static bool matches(enum match match, const char *line, const char *text)
{
	switch (match) {
	case MATCH_INSIDE:
		return strstr(line, text);
	case MATCH_WHOLE:
		return !strcmp(line, text);
	case MATCH_LOGIN:
		return is_login(line, text);
	case MATCH_UNKNOWN:
		break;
	}
	return false;
}

static void reach(struct evidence *e, enum boot_level level, const char *source, const char *line)
{
	if (level <= e->level)
		return;
	e->level = level;
	snprintf(e->proof, sizeof e->proof, "%s: '%s'", source, line);
}

/* A line that is still being written can only be a prompt: judged earlier, its text would be cut. */
static void judge(struct evidence *e, const char *source, char *line, bool complete)
{
	for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
		if ((patterns[i].match == MATCH_INSIDE && !complete) ||
		    !matches(patterns[i].match, line, patterns[i].text))
			continue;
		/* a prompt proves without what the kernel wrote behind it */
		if (patterns[i].match == MATCH_LOGIN)
			line[strcspn(line, " ") + strlen(patterns[i].text)] = '\0';
		reach(e, patterns[i].level, source, line);
		if (patterns[i].failure && !e->failure[0])
			snprintf(e->failure, sizeof e->failure, "%s: '%s'", source, line);
		return;
	}
}

static const char serial_source[] = "serial console", screen_source[] = "screen";

static void warn(struct evidence *e, const char *line)
{
	if (e->nwarnings < EVIDENCE_WARNINGS_MAX)
		snprintf(e->warnings[e->nwarnings++], sizeof *e->warnings, "%s", line);
}

/* What converters/windows/first_boot_runner.c writes to the serial port. Steps that failed are told, but Windows runs.
 */
static void take_first_boot(struct evidence *e, const char *source, const char *line)
{
	static const char begin[] = "rehost first boot: ";
	const char *word = line + strlen(begin);

	if (strncmp(line, begin, strlen(begin)) != 0)
		return;
	reach(e, BOOT_KERNEL, source, line);
	e->first_boot = !strcmp(word, "started") || !strncmp(word, "restarting", strlen("restarting"));
	if (!strncmp(word, "failed", strlen("failed")))
		warn(e, line);
	if (!e->first_boot)
		reach(e, BOOT_LOGIN, source, line);
}

static void judge_trimmed(struct evidence *e, const char *source, const char *from, size_t len, bool complete)
{
	char line[EVIDENCE_LINE_MAX];

	while (len && *from == ' ') {
		from++;
		len--;
	}
	while (len && from[len - 1] == ' ')
		len--;
	if (!len)
		return;
	if (len >= sizeof line)
		len = sizeof line - 1;
	memcpy(line, from, len);
	line[len] = '\0';
	judge(e, source, line, complete);
	if (complete && source == serial_source)
		take_first_boot(e, source, line);
}

static void end_line(struct evidence *e)
{
	static const char failed[] = "[FAILED]";

	judge_trimmed(e, serial_source, e->line, e->len, true);
	/* Only the serial console: its lines come once, the screen is read again and again. */
	if (e->len < sizeof e->line && e->len > sizeof failed && !memcmp(e->line, failed, sizeof failed - 1)) {
		e->line[e->len] = '\0';
		warn(e, e->line);
	}
	e->len = 0;
}

/* A sequence that moves the cursor or clears ends the line too: GRUB draws its menu that way. */
static void in_escape(struct evidence *e, char c)
{
	if (e->escape == ESCAPE_BEGUN) {
		e->escape = c == '[' ? ESCAPE_CSI : ESCAPE_NONE;
		return;
	}
	if (c < '@' || c > '~')
		return;
	e->escape = ESCAPE_NONE;
	if (strchr("ABHJf", c))
		end_line(e);
}

void evidence_serial(struct evidence *e, const char *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		char c = data[i];

		if (e->escape != ESCAPE_NONE)
			in_escape(e, c);
		else if (c == '\033')
			e->escape = ESCAPE_BEGUN;
		else if (c == '\n' || c == '\r')
			end_line(e);
		else if (e->len < sizeof e->line && c != '\0')
			/* What the guest writes ends up on our user's terminal: plain characters only. */
			e->line[e->len++] = c >= ' ' && c < 0x7f ? c : c == '\t' ? ' ' : '?';
	}
	judge_trimmed(e, serial_source, e->line, e->len, false);
}

void evidence_screen(struct evidence *e, const char *rows)
{
	while (*rows) {
		size_t n = strcspn(rows, "\n");

		judge_trimmed(e, screen_source, rows, n, true);
		rows += n + (rows[n] == '\n');
	}
}

/* The hexadecimal number behind "NAME=", 0 when it isn't there. */
static uint64_t reg(const char *registers, const char *name)
{
	const char *at = strstr(registers, name);

	return at ? strtoull(at + strlen(name), NULL, 16) : 0;
}

/* Firmware and boot loaders run privileged at the addresses of memory; only kernels move to the upper half of the
 * address space or start programs without privileges (x86's ring 3, arm64's exception level 0). */
void evidence_cpu(struct evidence *e, const char *registers)
{
	const uint64_t paging = UINT64_C(1) << 31, upper_half = UINT64_C(1) << 63;
	bool arm = strstr(registers, "PSTATE=") != NULL;
	uint64_t at = reg(registers, arm ? "PC=" : "RIP=");
	char words[64];

	if (!arm && !(reg(registers, "CR0=") & paging))
		return;
	if (at & upper_half)
		snprintf(words, sizeof words, "runs at 0x%llx, in a kernel", (unsigned long long)at);
	else if (!arm && strstr(registers, "CPL=3"))
		snprintf(words, sizeof words, "runs a program in ring 3");
	else if (arm && strstr(registers, " EL0t"))
		snprintf(words, sizeof words, "runs a program at exception level 0");
	else
		return;
	if (e->level < BOOT_KERNEL) {
		e->level = BOOT_KERNEL;
		snprintf(e->proof, sizeof e->proof, "CPU: %s", words);
	}
}

void evidence_agent(struct evidence *e)
{
	if (e->level == BOOT_LOGIN || e->first_boot)
		return;
	e->level = BOOT_LOGIN;
	snprintf(e->proof, sizeof e->proof, "guest agent: answered");
}
