/* The steps for Windows guests: one file each, and what they share. */
#ifndef REHOST_CONVERTERS_WINDOWS_WINDOWS_H
#define REHOST_CONVERTERS_WINDOWS_WINDOWS_H

#include "converters/step.h"
#include "drivers-inject/windows.h"
#include "guest/hive.h"

/* Where our files are, below %SystemRoot%. */
#define REHOST_FOLDER "rehost"

/* The service that runs the first boot's command files. */
#define FIRST_BOOT_SERVICE "rehost-first-boot"
/* The command file that it starts: runs the others. */
extern const char first_boot_runner[];

/* A command file of the first boot. */
struct first_boot_script {
	const char *name;   /* "20-network": they run in the order of their names */
	const char *reason; /* one sentence for the change log */
	const char *text;   /* lines end with '\n' */
};

/* A value of the registry that one start of Windows needs otherwise; the first boot puts it back. */
struct first_boot_restore {
	const char *key, *name; /* below HKLM\SYSTEM\CurrentControlSet */
	bool there;		/* else the value is removed */
	uint32_t value;
};

/* Open for the whole run of the steps. Each step commits what it changed in the hives. */
struct windows_work {
	struct arena arena;
	struct windows_guest guest; /* version, place, control set, SYSTEM and SOFTWARE for editing */
	VEC(struct first_boot_script) scripts;
	VEC(struct first_boot_restore) restores;
};

/* Finds %SystemRoot% and opens the hives. ERR_BLOCKED for hives that can't be edited. */
int windows_work_open(const struct step_context *c, struct windows_work **ret, struct err *err);
void windows_work_close(struct windows_work *w);
DEFINE_CLEANUP(struct windows_work *, windows_work_close)

/* "CurrentControlSet\\…" of the guest, in the work's arena. */
const char *ccs_key(const struct step_context *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Is it that version of NT or a later one? */
bool windows_from(const struct step_context *c, unsigned major, unsigned minor);
/* Writes SYSTEM and SOFTWARE when the step changed them. */
int windows_commit(const struct step_context *c, struct err *err);

/* Adds a script to the first boot; text is copied. name, reason: literals or of the work's arena. */
void boot_script_add(const struct step_context *c, const char *name, const char *reason, const char *text);
/* Sets a number below CurrentControlSet for the time up to the end of the first boot. */
int boot_script_set_for_now(const struct step_context *c, const char *key, const char *name, uint32_t value,
			    const char *reason, struct err *err);
/* May this text stand between double quotes in a command file? Letters, digits and what names of devices, products
 * and folders have; nothing that cmd expands or ends at. */
bool boot_script_quotable(const char *text);

extern const struct step step_windows_inject_drivers;
extern const struct step step_windows_guest_agent;
extern const struct step step_windows_crash_control;
extern const struct step step_windows_foreign_tools;
extern const struct step step_windows_network;
extern const struct step step_windows_volumes;
extern const struct step step_windows_boot;
extern const struct step step_windows_first_boot;

#endif
