/* Boot proof: starts a libvirt domain on a throw-away overlay and says how far it got, with evidence.
 *
 * The hardware is the XML's; nothing is written to its disks and its network leads nowhere. A level counts only when
 * something proved it: a guest that merely keeps running stays at "kernel".
 */
#ifndef REHOST_RUN_PROOF_BOOT_H
#define REHOST_RUN_PROOF_BOOT_H

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/base/json.h"
#include "guest/accel.h"

enum boot_level {
	BOOT_LEVEL_UNKNOWN = 0, /* nothing was seen */
	BOOT_FIRMWARE,		/* the firmware came up and turned to the disk, or its boot loader runs */
	BOOT_KERNEL,		/* the operating system's kernel runs */
	BOOT_LOGIN,		/* a login prompt, or the guest agent answers */
};

const char *boot_level_name(enum boot_level l); /* "nothing", "firmware", "kernel", "login" */
/* "agent" is another word for login; BOOT_LEVEL_UNKNOWN for any other word. */
enum boot_level boot_level_by_name(const char *name);

struct boot_options {
	const char *xml;   /* path of the domain XML */
	const char *disks; /* the disks' files are in this folder, whatever the XML says; NULL: as it says */
	const char *const *allow_parent; /* NULL-terminated: where the images' parents may be, too; NULL: none */
	const char *folder;	   /* screenshots and serial.log go there, made when missing; NULL: nothing is kept */
	enum boot_level wanted;	   /* the proof ends as soon as this is reached */
	unsigned timeout;	   /* seconds; 0: 300 */
	const struct accel *accel; /* NULL: probed */
	/* What goes on, at the start and when a level is reached: "kernel reached after 12 s, waiting for login". May
	 * be NULL. */
	void (*tick)(const char *what, void *opaque);
	void *opaque;
};

struct boot_result {
	struct arena arena;	       /* owns the strings below */
	char *name;		       /* the domain's */
	enum boot_level level, wanted; /* reached, asked for */
	char *evidence;		       /* what proved the level: "serial console: 'web01 login:'" */
	char *failure;		       /* what ended it or what is missing; NULL when the wanted level was reached */
	double seconds;		       /* until the level asked for, or the end */
	VEC(char *) screenshots;       /* paths, in order of time, one a level reached and one of a failure */
	char *serial_log;	       /* path; NULL when nothing is kept or the machine has no serial port */
	VEC(char *) warnings;	       /* services that failed to start, as the serial console told */
	VEC(char *) notes;	       /* where the hardware differs from the XML, and why */
};

/* 0 when the wanted level was reached; ERR_BOOT when not, with what was seen; ERR_HOST when qemu or firmware is
 * missing or the overlay can't be written, ERR_TEMPFAIL when there is no space for it; other codes for an unreadable or
 * unsupported XML. ret is filled as far as the proof came and always needs boot_result_done(). Call it from the main
 * thread: qemu dies with the thread that started it. */
int boot_prove(const struct boot_options *options, struct boot_result *ret, struct err *err);
void boot_result_done(struct boot_result *r);

/* The whole result as an object; docs/boot.md names the keys. */
struct json *boot_result_json(const struct boot_result *r);

#endif
